/* Cancelling a task: its wait answers -ECANCELED, it cleans up, and hands the cancellation on. */
#include <bide.h>
#include <stdio.h>

static int cancellable_task(void)
{
    puts("Task started…");
    int err = bide_sleep(10); /* pauses here */
    if (err == -ECANCELED) {
        puts("Task was cancelled!");
        /* clean up here */
        return err;
    }
    puts("Task finished");
    return 0;
}
bide_async(cancellable_task);

static int app(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(cancellable_task));

    bide(bide_sleep(1)); /* let the task start */
    bide_cancel(task);
    if (bide_join(task) == -ECANCELED)
        puts("Main caught the cancellation.");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
