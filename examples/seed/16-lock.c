/* A lock: a hundred tasks change one counter, each across a wait, and no change is lost. */
#include <bide.h>
#include <stdio.h>

enum { TASKS = 100 };

static int counter;
static bide_lock lock;

static int increment_counter(void)
{
    int err;

    bide_with(&lock, err) {
        /* this is the critical section: only one task can be in here at a time */
        int temp = counter;
        bide(bide_sleep(0.01)); /* simulate I/O; if it fails, the lock is released all the same */
        counter = temp + 1;
    }
    return err;
}
bide_async(increment_counter);

static int app(void)
{
    int err;

    bide_task_group(tg, err) {
        for (int i = 0; i < TASKS; i++)
            bide_start(tg, bide_co(increment_counter));
    }
    printf("Final counter: %d\n", counter); /* will be 100 */
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
