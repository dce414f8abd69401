/* Tests that wait, in a program of Criterion, which brings main:  cc bridge_criterion.c $(pkg-config --cflags --libs criterion bide-test) */
#include <criterion/criterion.h>

#include <bide/test.h>

static int gives_up(double seconds)
{
    double start = bide_time();
    int err;

    bide_timeout(seconds, err) {
        err = bide_sleep(3600);
    }
    check_error(err, ETIMEDOUT);
    check(bide_time() - start == seconds);
    return 0;
}
bide_async(gives_up, double);

Test(waiting, gives_up_after_its_time)
{
    cr_assert_eq(bide_test_run(bide_co(gives_up, 5), NULL), 0);
}
