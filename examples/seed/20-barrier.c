/* A barrier: nobody begins stage 2 before everybody has finished stage 1. */
#include <bide.h>
#include <stdio.h>

static int worker(bide_barrier *barrier, int delay)
{
    printf("Task started, working for %ds (Stage 1)\n", delay);
    bide(bide_sleep(delay));
    puts("Task at the barrier, waiting…");
    bide(bide_barrier_wait(barrier)); /* pauses here */
    puts("Barrier passed! (Stage 2)");
    return 0;
}
bide_async(worker, bide_barrier *, int);

static int app(void)
{
    bide_barrier barrier = BIDE_BARRIER(3); /* for 3 tasks */

    return bide_gather(bide_co(worker, &barrier, 1), bide_co(worker, &barrier, 2), bide_co(worker, &barrier, 3));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
