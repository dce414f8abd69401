/*
 * bide_reschedule, bide_expired, bide_uncancel.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

static int in_virtual_time(bide_coroutine coroutine)
{
    return bide_run_with(coroutine, &(bide_run_options){ .virtual_clock = true, .quiet = true });
}

static int earlier_later_never(void)
{
    double start = bide_time();
    int err;

    bide_timeout (10, err) {
        check_eq(bide_reschedule(bide_time() + 2), 0);
        err = bide_sleep(100);
        check(bide_expired());
    }
    check_error(err, ETIMEDOUT);
    check_eq(bide_time() - start, 2);
    bide_timeout (1, err) {
        check_eq(bide_reschedule(bide_time() + 50), 0);
        err = bide_sleep(20);
        check(!bide_expired());
    }
    check_eq(err, 0);
    bide_timeout (1, err) {
        check_eq(bide_reschedule(INFINITY), 0);
        err = bide_sleep(20);
    }
    check_eq(err, 0);
    bide_timeout (1, err) {
        check_eq(bide_reschedule(bide_time() - 1), 0);
        err = bide_sleep(0);
    }
    check_error(err, ETIMEDOUT);
    return 0;
}
bide_async(earlier_later_never);

unit_test(reschedule_moves_the_deadline)
{
    return in_virtual_time(bide_co(earlier_later_never));
}

bide_test(reschedule_outside_of_a_block_and_after_the_deadline)
{
    int err;

    check_error(bide_reschedule(bide_time() + 1), EINVAL);
    check(!bide_expired());
    bide_timeout (0, err) {
        bide_sleep(0);
        check_error(bide_reschedule(bide_time() + 1), EALREADY);
    }
    return 0;
}

static int goes_on(void)
{
    int err = bide_sleep(10), inner;

    check_error(err, ECANCELED);
    check(bide_cancelled());
    bide_timeout (5, inner) {
        check_error(bide_sleep(0), ECANCELED);
        check(bide_uncancel());
        check(!bide_uncancel());
        check_eq(bide_sleep(0), 0); /* inside the block too */
    }
    check_eq(bide_sleep(0), 0);
    return 7;
}
bide_async(goes_on);

bide_test(uncancel_lets_a_task_go_on_and_it_can_be_cancelled_again)
{
    bide_task *task = bide_create_task(NULL, bide_co(goes_on));

    bide_sleep(0);
    bide_cancel(task);
    check_eq(bide_join(task), 7);
    check(!bide_uncancel());
    return 0;
}

static int in_group(void)
{
    check_error(bide_sleep(10), ECANCELED);
    check(!bide_uncancel()); /* it is the group that was cancelled */
    check_error(bide_sleep(10), ECANCELED);
    return 0;
}
bide_async(in_group);

bide_test(uncancel_does_not_reach_the_group)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(in_group));
        bide_sleep(0);
        bide_group_cancel(tg);
    }
    check_eq(err, 0);
    return 0;
}
