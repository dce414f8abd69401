/* Tests that wait, in a program of cmocka:  cc bridge_cmocka.c $(pkg-config --cflags --libs bide-test cmocka) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bide/test.h>
#undef skip /* both have one; cmocka's stays */

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

static void test_gives_up(void **state)
{
    (void)state;
    assert_int_equal(bide_test_run(bide_co(gives_up, 5), NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_gives_up) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
