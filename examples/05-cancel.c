/* 5: cancellation, with a cleanup that waits. A cancelled task's waits answer -ECANCELED; a shield lets a few more work. */
#include <bide.h>
#include <stdio.h>

static int worker(void)
{
    puts("working");
    int err = bide_sleep(3600);
    if (err == -ECANCELED) {
        bide_shield(5) bide_sleep(0.1); /* cleanup may wait, but not for ever */
        puts("clean");
    }
    return err; /* always hand the cancellation on */
}
bide_async(worker);

static int app(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(worker));

    bide(bide_sleep(0.2));
    bide_cancel(task);
    printf("the worker ended with %s\n", bide_error_name(bide_join(task)));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
