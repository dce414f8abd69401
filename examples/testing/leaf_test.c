/* A test that waits: bide_wait_for gives up after its time, to the nanosecond, in no time. */
#include <bide/test.h>

static int hello(void)
{
    bide(bide_sleep(3600));
    return 0;
}
bide_async(hello);

bide_test(wait_for_gives_up)
{
    double start = bide_time();

    check_error(bide_wait_for(bide_co(hello), 5), ETIMEDOUT);
    check(bide_time() - start == 5); /* five seconds pass in no time: the clock is virtual */
    return 0;
}
