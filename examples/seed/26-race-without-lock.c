/* The counter of 16-lock without the lock: every task reads 0 before the first one writes 1. */
#include <bide.h>
#include <stdio.h>

enum { TASKS = 100 };

static int counter;

static int increment_counter(void)
{
    int temp = counter;

    bide(bide_sleep(0.01)); /* while this task waits, the others read the same value */
    counter = temp + 1;
    return 0;
}
bide_async(increment_counter);

static int app(void)
{
    int err;

    bide_task_group(tg, err) {
        for (int i = 0; i < TASKS; i++)
            bide_start(tg, bide_co(increment_counter));
    }
    printf("Final counter: %d\n", counter);
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
