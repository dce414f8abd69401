/* Tests that wait, in a program of check:  cc bridge_check.c $(pkg-config --cflags --libs bide-test check) */
#include <bide/test.h>
#include <check.h>
#include <stdlib.h>

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

START_TEST(test_gives_up)
{
    ck_assert_int_eq(bide_test_run(bide_co(gives_up, 5), NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tests = tcase_create("core");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, test_gives_up);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
