/* A task group ends when all its tasks have ended; the error of a task becomes the error of the group. */
#include <bide.h>
#include <stdio.h>
#include <string.h>

static int task1(void)
{
    bide(bide_sleep(1));
    puts("Task 1 done");
    return 0;
}
bide_async(task1);

static int task2(void)
{
    bide(bide_sleep(2));
    puts("Task 2 done");
    return bide_fail(-EINVAL, "Task 2 failed!");
}
bide_async(task2);

static int app(void)
{
    int err;

    bide_task_group(tg, err) {
        bide_start(tg, bide_co(task1));
        bide_start(tg, bide_co(task2));
    } /* the block does not end until both tasks have ended */
    if (err == -EINVAL) {
        printf("TaskGroup caught exception(s): (%s: %s)\n", strerror(-err), bide_strerror(err));
        return 0;
    }
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
