/* A future is an empty box that somebody fills once; all who wait for it get what is in it, in the order they came. */
#include <bide.h>
#include <stdio.h>

static int waiter(const char *name, bide_future *box)
{
    printf("%s waits\n", name);
    int value = bide(bide_future_wait(box));
    printf("%s got %d\n", name, value);
    return 0;
}
bide_async(waiter, const char *, bide_future *);

static int app(void)
{
    bide_future box = { 0 };
    bide_task *a = bide_create_task(NULL, bide_co(waiter, "A", &box));
    bide_task *b = bide_create_task(NULL, bide_co(waiter, "B", &box));

    bide(bide_sleep(0.5));
    puts("filling the box");
    bide_future_set_result(&box, 42, NULL);
    bide(bide_join(a));
    bide(bide_join(b));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
