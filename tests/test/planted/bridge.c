/* A program of another test framework (here: none at all), which runs coroutines as tests. Says what came out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <bide/test.h>

static int good(void)
{
    double start = bide_time();

    bide(bide_sleep(60));
    check(bide_time() - start == 60);
    return 0;
}
bide_async(good);

static int bad(int number)
{
    check_eq(number, 1);
    return 0;
}
bide_async(bad, int);

static int leaking(void)
{
    return open("/dev/null", O_RDONLY) < 0;
}
bide_async(leaking);

static int skipping(void)
{
    skip("not today");
}
bide_async(skipping);

static int inside(void)
{
    check_error(bide_test_run(bide_co(good), NULL), EDEADLK);
    return 0;
}
bide_async(inside);

int main(void)
{
    const bide_test_options options = { .allow = BIDE_ALLOW_DESCRIPTORS };

    printf("good %d\n", bide_test_run(bide_co(good), NULL));
    printf("bad %d\n", bide_test_run(bide_co(bad, 2), NULL));
    printf("leaking %d\n", bide_test_run(bide_co(leaking), NULL));
    printf("leaking, allowed %d\n", bide_test_run(bide_co(leaking), &options));
    printf("skipping %d\n", bide_test_run(bide_co(skipping), NULL));
    printf("inside %d\n", bide_test_run(bide_co(inside), NULL));
    return 0;
}
