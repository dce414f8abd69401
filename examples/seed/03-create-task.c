/* Tasks start in the background; whoever needs them joins them later. */
#include <bide.h>
#include <stdio.h>

static int task1(void)
{
    puts("Event 1 started");
    bide(bide_sleep(2));
    puts("Event 1 completed");
    return 0;
}
bide_async(task1);

static int task2(void)
{
    puts("Event 2 started");
    bide(bide_sleep(1));
    puts("Event 2 completed");
    return 0;
}
bide_async(task2);

static int app(void)
{
    bide_task *task_1 = bide_create_task(NULL, bide_co(task1));
    bide_task *task_2 = bide_create_task(NULL, bide_co(task2));

    /* other work can be done here while the two run */
    puts("Tasks have been created and are running");

    bide(bide_join(task_1));
    bide(bide_join(task_2));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
