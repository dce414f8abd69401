/* Waiting for one after the other is not concurrent: three seconds, not two. */
#include <bide.h>
#include <stdio.h>

static int task(int number, double delay)
{
    printf("Event %d started\n", number);
    bide(bide_sleep(delay));
    printf("Event %d completed\n", number);
    return 0;
}

static int app(void)
{
    double start = bide_time();

    bide(task(1, 2));
    bide(task(2, 1));
    printf("about %.0f s\n", bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
