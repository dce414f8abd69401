/*
 * bide_timeout, bide_timeout_at, and how blocks are left: break, continue, return, goto, and bide() inside. The names
 * in comments (H2, ...) are those of the rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "base/tick.h"
#include "notes.h"

static int nap(double seconds)
{
    return bide_sleep(seconds);
}
bide_async(nap, double);

bide_test_in_real_time(timeout_expires_and_the_task_goes_on) /* H5 */
{
    double start = bide_time();
    int err;

    bide_timeout (0.01, err) {
        err = bide_sleep(3600);
        check_error(err, ECANCELED);
        check(bide_cancelled());
    }
    check_error(err, ETIMEDOUT);
    check(bide_time() - start >= 0.01);
    check(bide_time() - start < 2 * check_slowness());
    check(!bide_cancelled());
    check(strstr(bide_strerror(err), "timed out after 0.01 s") != NULL);
    check(strstr(bide_strerror(err), "test_timeout.c:") != NULL);
    return bide_sleep(0.001);
}

bide_test(timeout_that_is_not_reached_leaves_no_timer) /* H11 */
{
    int err;

    bide_timeout (0.2, err) {
        err = bide_sleep(0);
    }
    check_eq(err, 0);
    return bide_sleep(0.3);
}

bide_test(timeout_keeps_results_and_other_errors) /* H6, H7 */
{
    int err;

    bide_timeout (0.001, err) {
        (void)bide_sleep(3600); /* swallowed: nothing happened */
        err = 5;
    }
    check_eq(err, 5);
    bide_timeout (0.001, err) {
        (void)bide_sleep(3600);
        err = -EPIPE;
    }
    check_error(err, EPIPE);
    bide_timeout (0.001, err) {
        (void)bide_sleep(3600);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(timeout_nested_inner_expires) /* H2 */
{
    int inner, outer;

    bide_timeout (60, outer) {
        bide_timeout (0.001, inner) {
            inner = bide_sleep(3600);
        }
        check_error(inner, ETIMEDOUT);
        check(!bide_cancelled());
        outer = bide_sleep(0);
    }
    check_eq(outer, 0);
    return 0;
}

bide_test(timeout_nested_outer_expires)
{
    int inner, outer;

    bide_timeout (0.001, outer) {
        bide_timeout (60, inner) {
            inner = bide_sleep(3600);
        }
        check_error(inner, ECANCELED);
        outer = inner;
    }
    check_error(outer, ETIMEDOUT);
    return 0;
}

bide_test_in_real_time(timeout_nested_both_expire_in_either_order) /* H2: only the outer one translates */
{
    for (int inner_first = 0; inner_first < 2; inner_first++) {
        double now = bide_time();
        int inner, outer;

        bide_timeout_at (now + (inner_first ? 0.002 : 0.001), outer) {
            bide_timeout_at (now + (inner_first ? 0.001 : 0.002), inner) {
                while (bide_time() < now + 0.003)
                    continue;
                poll_once();
                inner = bide_sleep(1);
            }
            check_error(inner, ECANCELED);
            outer = inner;
        }
        check_error(outer, ETIMEDOUT);
        bide(bide_sleep(0));
    }
    return 0;
}

static int expire_when_cancelled(int *ret_inside)
{
    int err;
    double when = bide_time() + 0.002;

    bide_timeout_at (when, err) {
        err = *ret_inside = bide_sleep(3600);
        while (bide_time() < when) /* its own deadline passes too before the block ends */
            continue;
        poll_once();
    }
    return err;
}
bide_async(expire_when_cancelled, int *);

bide_test_in_real_time(timeout_and_cancel_together_is_a_cancel) /* H3 */
{
    int inside = 0;
    bide_task *task = bide_create_task(NULL, bide_co(expire_when_cancelled, &inside));

    turns(1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(inside, ECANCELED);

    task = bide_create_task(NULL, bide_co(expire_when_cancelled, &inside));
    turns(1);
    for (double end = bide_time() + 0.004; bide_time() < end;)
        continue;
    poll_once(); /* the deadline has passed, but the task has not run: we come second */
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    return 0;
}

bide_test(timeout_zero_cancels_the_first_wait_only_if_there_is_one) /* H8 */
{
    int err, waits = 0;

    bide_timeout (0, err) {
        waits++;
    }
    check_eq(err, 0);
    bide_timeout (0, err) {
        err = bide_sleep(0);
        waits++;
    }
    check_error(err, ETIMEDOUT);
    bide_timeout (-5, err) {
        err = bide_sleep(0);
        waits++;
    }
    check_error(err, ETIMEDOUT);
    bide_timeout_at (bide_time() - 1, err) {
        err = bide_sleep(0);
        waits++;
    }
    check_error(err, ETIMEDOUT);
    check_eq(waits, 4);
    return 0;
}

/* Keeps the processor for so long. */
static void compute(double seconds)
{
    double end = bide_time() + seconds;

    while (bide_time() < end)
        continue;
}

bide_test_in_real_time(timeout_counts_what_its_block_computes)
{
    int err, inner;

    if (!bide__tick_is_steady())
        skip("the processor does not promise a steady counter");
    bide_timeout (0.02, err) {
        compute(0.1);
        err = bide_sleep(0.03);
    }
    check_error(err, ETIMEDOUT);
    bide_timeout (60, err) {
        compute(0.05);
        bide_timeout (0.02, inner) {
            compute(0.1);
            inner = bide_sleep(0.03);
        }
        check_error(inner, ETIMEDOUT);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(timeout_as_long_as_the_sleep_in_it_comes_first)
{
    int err;

    for (int i = 0; i < 50; i++) {
        bide_timeout (0.0002, err) {
            err = bide_sleep(0.0002);
        }
        check_error(err, ETIMEDOUT);
    }
    return 0;
}

static int sleep_in_its_own_timeout(int *ret_err)
{
    bide_timeout (2, *ret_err) {
        *ret_err = bide_sleep(100);
    }
    return *ret_err;
}
bide_async(sleep_in_its_own_timeout, int *);

bide_test_in_real_time(timeout_around_the_eager_start_of_a_task_with_another)
{
    double start = bide_time();
    int err, theirs = 1;

    bide_timeout (0.05, err) {
        bide_task_group (group, err) {
            check_eq(bide_start_eager(group, bide_co(sleep_in_its_own_timeout, &theirs)), 0);
        }
    }
    check_error(err, ETIMEDOUT);
    check_error(theirs, ECANCELED);
    check(bide_time() - start >= 0.05);
    return 0;
}

static int timeout_zero_in_cancelled_task(int *ret_inner)
{
    (void)bide_sleep(3600);
    bide_timeout (0, *ret_inner) {
        *ret_inner = bide_sleep(0);
    }
    return *ret_inner;
}
bide_async(timeout_zero_in_cancelled_task, int *);

bide_test(timeout_zero_does_not_swallow_an_earlier_cancel) /* H12 */
{
    int inner = 0;
    bide_task *task = bide_create_task(NULL, bide_co(timeout_zero_in_cancelled_task, &inner));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(inner, ECANCELED);
    return 0;
}

bide_test(timeout_infinite_and_not_a_number_are_no_limit)
{
    int err;

    bide_timeout (INFINITY, err) {
        err = bide_sleep(0.002);
    }
    check_eq(err, 0);
    bide_timeout (1e300, err) {
        err = bide_sleep(0.002);
    }
    check_eq(err, 0);
    bide_timeout_at (INFINITY, err) {
        err = bide_sleep(0.002);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(timeout_at_is_absolute)
{
    double when = bide_time() + 0.02;
    int err;

    bide(bide_sleep(0.01));
    bide_timeout_at (when, err) {
        err = bide_sleep(3600);
    }
    check_error(err, ETIMEDOUT);
    check(bide_time() >= when);
    check(bide_time() < when + 2 * check_slowness());
    return 0;
}

static int time_out_in_cleanup(int *ret_timeout)
{
    (void)bide_sleep(3600);
    bide_shield (60) {
        bide_timeout (0.001, *ret_timeout) {
            *ret_timeout = bide_sleep(3600);
        }
    }
    return -ECANCELED;
}
bide_async(time_out_in_cleanup, int *);

bide_test(timeout_in_the_shielded_cleanup_of_a_cancelled_task_works) /* H4 */
{
    int timeout = 0;
    bide_task *task = bide_create_task(NULL, bide_co(time_out_in_cleanup, &timeout));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(timeout, ETIMEDOUT);
    return 0;
}

/* ---- the ways out ---- */

bide_test(blocks_left_by_break_and_continue)
{
    int err, rounds = 0;

    for (int i = 0; i < 3; i++) {
        bide_timeout (0.001, err) {
            rounds++;
            err = bide_sleep(3600);
            if (i == 0)
                break; /* leaves the block, not the loop around it */
            if (i == 1)
                continue;
            check_eq(i, 2);
        }
        check_error(err, ETIMEDOUT);
        check(!bide_cancelled());
    }
    check_eq(rounds, 3);
    return bide_sleep(0);
}

bide_test(blocks_left_by_goto)
{
    int inner = 1, outer = 1;

    bide_timeout (60, outer) {
        bide_timeout (0.001, inner) {
            inner = bide_sleep(3600);
            goto out;
        }
    }
    check(false);
out:
    check_error(inner, ETIMEDOUT);
    check_eq(outer, 0);
    check(!bide_cancelled());
    return bide_sleep(0.002);
}

static int return_from_blocks(void)
{
    int inner, outer;

    bide_timeout (60, outer) {
        bide_timeout (60, inner) {
            return 17;
        }
    }
    return 0;
}

bide_test(blocks_left_by_return)
{
    check_eq(return_from_blocks(), 17);
    check(!bide_cancelled());
    return bide_sleep(0.002);
}

static int await_in_block(int *ret_err)
{
    bide_timeout (0.001, *ret_err) {
        bide(bide_sleep(3600));
        check(false);
    }
    check(false);
    return 0;
}

bide_test(await_in_a_block_returns_the_translated_error)
{
    int err = 0;

    check_error(await_in_block(&err), ETIMEDOUT);
    check_error(err, ETIMEDOUT);
    return bide_sleep(0);
}

static int await_in_inner_block(int *ret_inner, int *ret_outer)
{
    bide_timeout (0.001, *ret_outer) {
        bide_timeout (60, *ret_inner) {
            bide(bide_sleep(3600));
        }
    }
    check(false);
    return 0;
}

bide_test(await_closes_all_blocks_of_the_function)
{
    int inner = 0, outer = 0;

    check_error(await_in_inner_block(&inner, &outer), ETIMEDOUT);
    check_error(inner, ECANCELED);
    check_error(outer, ETIMEDOUT);
    check(!bide_cancelled());
    return bide_sleep(0);
}

static int await_after_block(int *ret_err)
{
    bide_timeout (60, *ret_err) {
        *ret_err = bide_sleep(0);
    }
    bide(-ENOENT); /* stands in no block */
    return 0;
}

bide_test(await_outside_of_blocks_touches_none_of_the_callers)
{
    int err, inner = 0;

    bide_timeout (60, err) {
        check_error(await_after_block(&inner), ENOENT);
        check_eq(inner, 0);
        err = bide_sleep(0);
    }
    check_eq(err, 0);
    return 0;
}

/* ---- a block left by a plain `return` of -ECANCELED: its outcome is found by whoever sees the error next ---- */

static int return_raw(void)
{
    int err;

    bide_timeout (0.001, err) {
        return bide_sleep(3600);
    }
    return 0;
}
bide_async(return_raw);

static int await_raw(void)
{
    bide(return_raw());
    return 0;
}

bide_test(escaped_timeout_reaches_await_block_task_and_wait_for)
{
    int err;

    check_error(await_raw(), ETIMEDOUT);
    bide_timeout (60, err) {
        err = return_raw();
    }
    check_error(err, ETIMEDOUT);
    bide_task_group (tg, err) {
        err = return_raw();
    }
    check_error(err, ETIMEDOUT);
    bide_task *task = bide_create_task(NULL, bide_co(return_raw));
    check_error(bide_join(task), ETIMEDOUT);
    check_error(bide_wait_for(bide_co(return_raw), 60), ETIMEDOUT);
    check_error(bide_gather(bide_co(return_raw)), ETIMEDOUT);
    return bide_sleep(0);
}

bide_test(escaped_timeout_is_forgotten_at_the_next_wait)
{
    int err;
    bide_task *cancelled = bide_create_task(NULL, bide_co(nap, 3600));

    bide_cancel(cancelled);
    check_error(return_raw(), ECANCELED);
    bide_timeout (60, err) {
        err = bide_join(cancelled); /* a cancellation of its own, which has nothing to do with the timeout above */
    }
    check_error(err, ECANCELED);
    return 0;
}

static int escape_while_cancelled(void)
{
    int err;

    bide_timeout (0, err) {
        return bide_sleep(3600);
    }
    return 0;
}

static int escape_in_cancelled_task(void)
{
    (void)bide_sleep(3600);
    return escape_while_cancelled();
}
bide_async(escape_in_cancelled_task);

bide_test(escaped_timeout_of_a_cancelled_task_is_a_cancel)
{
    bide_task *task = bide_create_task(NULL, bide_co(escape_in_cancelled_task));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    return 0;
}
