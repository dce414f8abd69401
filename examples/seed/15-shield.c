/* Giving up the wait for a task leaves the task alone: no shield is needed to keep it running. */
#include <bide.h>
#include <stdio.h>

static int critical_operation(void)
{
    puts("Critical write started…");
    bide(bide_sleep(3)); /* must not be cancelled */
    puts("Critical write complete!");
    return 0;
}
bide_async(critical_operation);

static int app(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(critical_operation));
    int err;

    bide_timeout(1, err) {
        err = bide_join(task);
    }
    if (err == -ETIMEDOUT)
        puts("Main task timed out (and was cancelled).");
    /* the critical operation still runs */
    bide(bide_sleep(3)); /* wait for it to finish */
    puts("Main exiting");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
