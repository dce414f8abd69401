/* Two coroutines at once: the whole takes two seconds, not three. */
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
    return bide_gather(bide_co(task1), bide_co(task2));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
