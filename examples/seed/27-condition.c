/* A condition: wait for something another task does under the same lock, and test it again when woken. */
#include <bide.h>
#include <stdio.h>

struct items {
    int first, count; /* item<first> is the next one, count are there */
};

static int consumer(bide_condition *cond, struct items *items, const char *name)
{
    int err;

    bide_with(cond, err) {
        printf("%s waiting\n", name);
        while (items->count == 0) {
            bide(bide_condition_wait(cond));
            printf("%s woken, items=%d\n", name, items->count);
        }
        items->count--;
        printf("%s took item%d\n", name, items->first++);
    }
    return err;
}
bide_async(consumer, bide_condition *, struct items *, const char *);

static int producer(bide_condition *cond, struct items *items)
{
    int err = 0;

    for (int i = 0; i < 2 && err == 0; i++) {
        bide(bide_sleep(0.5));
        bide_with(cond, err) {
            items->count++;
            printf("produced item%d\n", i);
            bide_condition_notify_all(cond);
        }
    }
    return err;
}
bide_async(producer, bide_condition *, struct items *);

static int app(void)
{
    bide_condition cond = { 0 };
    struct items items = { 0 };

    return bide_gather(bide_co(consumer, &cond, &items, "c1"), bide_co(consumer, &cond, &items, "c2"),
                       bide_co(producer, &cond, &items));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
