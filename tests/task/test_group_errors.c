/*
 * Several errors of one group: all of them are readable, in the order they happened.
 */
#include "check.h"

#include <errno.h>

static int fail_after(int turns, int code)
{
    for (int i = 0; i < turns; i++)
        bide_shield (1)
            bide_sleep(0);
    return bide_fail(code, "failed after %d", turns);
}
bide_async(fail_after, int, int);

static int bare_after(int turns, int code)
{
    for (int i = 0; i < turns; i++)
        bide_shield (1)
            bide_sleep(0);
    return code;
}
bide_async(bare_after, int, int);

bide_test(all_errors_are_readable_in_order)
{
    int err, code = 0;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(fail_after, 3, -EIO));
        bide_start(tg, bide_co(fail_after, 1, -EINVAL));
        bide_start(tg, bide_co(bare_after, 2, -ENOENT));
    }
    check_error(err, EINVAL);
    check_eq(bide_error_count(err), 3);
    check_str(bide_error_at(err, 0, &code), "failed after 1");
    check_eq(code, -EINVAL);
    check_str(bide_error_at(err, 1, &code), "No such file or directory");
    check_eq(code, -ENOENT);
    check_str(bide_error_at(err, 2, &code), "failed after 3");
    check_eq(code, -EIO);
    check(!bide_error_at(err, 3, &code));
    return 0;
}

static int nested(void)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(fail_after, 0, -EIO));
        bide_start(tg, bide_co(fail_after, 1, -EPIPE));
    }
    return err;
}
bide_async(nested);

bide_test(a_nested_groups_errors_travel_with_it)
{
    int err, code = 0;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(nested));
        bide_start(tg, bide_co(fail_after, 20, -EINVAL));
    }
    check_error(err, EIO);
    check_eq(bide_error_count(err), 3);
    check_str(bide_error_at(err, 1, &code), "failed after 1");
    check_eq(code, -EPIPE);
    check_str(bide_error_at(err, 2, &code), "failed after 20");
    return 0;
}

bide_test(one_error_is_one)
{
    int err = bide_fail(-EIO, "alone"), code = 0;

    check_eq(bide_error_count(err), 1);
    check_str(bide_error_at(err, 0, &code), "alone");
    check_eq(bide_error_count(0), 0);
    check(!bide_error_at(0, 0, &code));
    return 0;
}
