/* A test that waits: the harness runs it as the main task of a loop of its own. */
#include <bide/test.h>

static int async_add(int a, int b)
{
    bide(bide_sleep(0.1));
    return a + b;
}

bide_test(test_async_add)
{
    int result = bide(async_add(1, 2));

    check_eq(result, 3);
    return 0;
}
