/* A task that is joined goes on when the one who joins it is cancelled: nothing is needed to shield it. */
#include <bide.h>
#include <stdio.h>

static int critical(void)
{
    bide(bide_sleep(0.5));
    puts("critical done");
    return 0;
}
bide_async(critical);

static int parent(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(critical)); /* owned by run(), not by this task */
    int err = bide_join(task);

    if (err == -ECANCELED)
        puts("parent cancelled");
    return err;
}
bide_async(parent);

static int app(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(parent));

    bide(bide_sleep(0.1));
    bide_cancel(task);
    if (bide_join(task) == -ECANCELED)
        puts("main sees the cancellation");
    bide(bide_sleep(0.6));
    puts("main exits");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
