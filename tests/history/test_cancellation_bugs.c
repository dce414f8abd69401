/*
 * Bugs that cancellation, timeouts, gather and groups had elsewhere; each test is named after the report
 * (docs/historical-bugs.md).
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"

static int count_down(int rounds, int result)
{
    while (rounds-- > 0)
        bide(bide_sleep(0));
    return result;
}
bide_async(count_down, int, int);

static int join_then_wait(bide_task *task)
{
    note("%d", bide_join(task));
    int err = bide_sleep(3600);
    note("%s", err == -ECANCELED ? "cancelled" : "lost");
    return err;
}
bide_async(join_then_wait, bide_task *);

/* What a task waits for is there already when it is cancelled: the cancellation must not be lost. */
bide_test(gh_79053_cancel_when_the_awaited_is_done)
{
    bide_task *short_one = bide_create_task(NULL, bide_co(count_down, 1, 5)),
              *task = bide_create_task(NULL, bide_co(join_then_wait, short_one));

    while (!bide_done(short_one))
        turns(1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("5 cancelled");
    return 0;
}

static int cancel_myself_and_go_on(void)
{
    bide_cancel(bide_current_task());
    check(bide_cancelled());
    check_error(bide_sleep(3600), ECANCELED);
    check_error(bide_sleep(3600), ECANCELED);
    return 4;
}
bide_async(cancel_myself_and_go_on);

/*
 * A task that cancels itself: it is not ignored, and the value is not lost (gh-82429: nor does it depend on the
 * moment).
 */
bide_test(gh_74234_cancel_of_oneself)
{
    check_eq(bide_join(bide_create_task(NULL, bide_co(cancel_myself_and_go_on))), 4);
    return 0;
}

/* A cancel just before, at and after the end of a task: true while it runs, false afterwards, and its result stays. */
bide_test(gh_82429_cancel_around_the_end_of_a_task)
{
    for (int before = 0; before < 5; before++) {
        bide_task *task = bide_create_task(NULL, bide_co(count_down, 2, 6));

        turns(before);
        bool was_done = bide_done(task);
        check_eq(bide_cancel(task), !was_done);
        int result = bide_join(task);
        check(result == 6 || (!was_done && result == -ECANCELED));
        check(!was_done || result == 6);
        check(!bide_cancel(task));
    }
    return 0;
}

static int wait_for_then_wait(int rounds)
{
    int result = bide_wait_for(bide_co(count_down, rounds, 1), 60);

    note("%s", result == 1 ? "done" : "cancelled");
    check_error(bide_sleep(3600), ECANCELED); /* whatever came of it: the cancellation is still there */
    return -ECANCELED;
}
bide_async(wait_for_then_wait, int);

/* wait_for is cancelled at the moment its inner call ends: the outer cancellation is not swallowed. */
bide_test(gh_86296_wait_for_swallows_a_cancellation)
{
    for (int when = 0; when < 6; when++) {
        bide_task *task = bide_create_task(NULL, bide_co(wait_for_then_wait, 2));

        turns(when);
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
    }
    check_notes("cancelled cancelled cancelled done done done");
    return 0;
}

static int slow_cleanup(void)
{
    note("%d", bide_sleep(3600) == -ECANCELED);
    bide_shield (60)
        turns(5);
    note("cleaned");
    return bide_fail(-EIO, "cleaning up failed");
}
bide_async(slow_cleanup);

/* wait_for waits for the cleanup, and its error comes out. */
bide_test(bpo_32751_wait_for_waits_for_the_cleanup)
{
    check_error(bide_wait_for(bide_co(slow_cleanup), 0.001), EIO);
    check_notes("1 cleaned");
    check_str(bide_strerror(-EIO), "cleaning up failed");
    return 0;
}

static int settle_two(int *results)
{
    int err = bide_gather_settled((const bide_coroutine[]){ bide_co(slow_cleanup), bide_co(slow_cleanup) }, 2, results);

    note("%d", err); /* it has what it was to get: a result of each */
    return bide_sleep(3600);
}
bide_async(settle_two, int *);

/*
 * gather(return_exceptions=True) is cancelled: all children were, each slot is filled, and the cancellation is not
 * swallowed.
 */
bide_test(gh_76865_gather_settled_cancelled)
{
    int results[2] = { 1, 1 };
    bide_task *task = bide_create_task(NULL, bide_co(settle_two, results));

    turns(3);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(results[0], EIO);
    check_error(results[1], EIO);
    check_notes("1 1 cleaned cleaned 0");
    return 0;
}

static int gather_then_wait(void)
{
    note("%d", bide_gather(bide_co(count_down, 1, 0), bide_co(count_down, 2, 0)));
    return bide_sleep(3600);
}
bide_async(gather_then_wait);

/* gather is cancelled when its children are done: it keeps its result, and the cancellation comes next. */
bide_test(gh_71110_gather_drops_a_cancellation)
{
    for (int when = 0; when < 8; when++) {
        bide_task *task = bide_create_task(NULL, bide_co(gather_then_wait));
        int err;

        turns(when);
        bide_cancel(task);
        bide_timeout (5, err)
            err = bide_join(task);
        check_error(err, ECANCELED);
    }
    return 0;
}

static int time_out_in_cleanup(void)
{
    int err, inner = 1;

    err = bide_sleep(3600);
    bide_shield (60) {
        bide_timeout (0.001, inner)
            inner = bide_sleep(3600);
    }
    note("%d", inner == -ETIMEDOUT);
    return err;
}
bide_async(time_out_in_cleanup);

/* A time limit in the cleanup of a cancelled task is one. */
bide_test(gh_102780_timeout_in_the_cleanup_of_a_cancelled_task)
{
    bide_task *task = bide_create_task(NULL, bide_co(time_out_in_cleanup));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("1");
    return 0;
}

static int cancelled_before_timeout(void)
{
    int err;

    bide_cancel(bide_current_task());
    bide_timeout (0, err)
        err = bide_sleep(0);
    note("%s", err == -ECANCELED ? "cancelled" : "swallowed");
    return err;
}
bide_async(cancelled_before_timeout);

/* timeout(0) in a task that was cancelled before. */
bide_test(gh_134471_timeout_of_zero_swallows_an_earlier_cancel)
{
    check_error(bide_join(bide_create_task(NULL, bide_co(cancelled_before_timeout))), ECANCELED);
    check_notes("cancelled");
    return 0;
}

/* Nested time limits that have passed are delivered at once, the outer one at its own block. */
bide_test(gh_95051_expired_nested_timeouts)
{
    int outer, inner = 0;
    double start = bide_time();

    bide_timeout (0.01, outer) {
        bide_timeout (0.01, inner)
            inner = bide_sleep(3600);
        note("%d", inner == -ECANCELED || inner == -ETIMEDOUT);
        outer = bide_sleep(3600);
    }
    check_error(outer, ETIMEDOUT);
    check(bide_time() - start < 1 * check_slowness());
    check_notes("1");
    return 0;
}

static int with_a_limit(double seconds)
{
    int err;

    bide_timeout (seconds, err)
        err = bide_sleep(3600);
    return err;
}
bide_async(with_a_limit, double);

/* Somebody else's cancellation at the deadline is not a timeout (aio-libs/async-timeout#229). */
bide_test(async_timeout_229_cancel_at_the_deadline)
{
    bide_task *task = bide_create_task(NULL, bide_co(with_a_limit, 0));

    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    return 0;
}

static int swallow_once(void)
{
    check_error(bide_sleep(3600), ECANCELED);
    check(bide_uncancel());
    check_eq(bide_sleep(0.001), 0);
    return 0;
}
bide_async(swallow_once);

/* uncancel() takes all of it back, so the next wait is not hit by a rest of it. */
bide_test(gh_117407_uncancel_leaves_nothing_armed)
{
    bide_task *task = bide_create_task(NULL, bide_co(swallow_once));

    turns(1);
    bide_cancel(task);
    bide_cancel(task);
    check_eq(bide_join(task), 0);
    return 0;
}

/* A sleeper that is cancelled wakes at once (micropython#5276). */
bide_test(micropython_5276_cancelled_sleeper_wakes_at_once)
{
    bide_task *task = bide_create_task(NULL, bide_co(count_down, 0, 0));
    double start = bide_time();

    bide_join(task);
    task = bide_create_task(NULL, bide_co(with_a_limit, 600));
    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check(bide_time() - start < 5 * check_slowness());
    return 0;
}

static int fail_in_cleanup(void)
{
    check_error(bide_sleep(3600), ECANCELED);
    return bide_fail(-EIO, "cleaning up failed");
}
bide_async(fail_in_cleanup);

static int own_a_failing_group(void)
{
    int err;

    bide_task_group (tg, err)
        bide_start(tg, bide_co(fail_in_cleanup));
    note("%s", bide_error_name(err));
    note("%s", bide_error_name(bide_sleep(3600)));
    return err;
}
bide_async(own_a_failing_group);

/*
 * A child fails while an outside cancellation is under way: both the error and the cancellation are seen (gh-95704
 * too).
 */
bide_test(gh_116720_child_error_swallows_an_outside_cancellation)
{
    bide_task *task = bide_create_task(NULL, bide_co(own_a_failing_group));

    turns(3);
    bide_cancel(task);
    check_error(bide_join(task), EIO);
    check_notes("EIO ECANCELED");
    return 0;
}

/* After a group in which something was interrupted its task is as before. */
bide_test(gh_95289_parent_is_not_left_cancelled)
{
    int err, inner = 0;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(count_down, 1, -EINVAL));
        bide_timeout (60, inner)
            inner = bide_sleep(3600);
    }
    check_error(err, EINVAL);
    check(!bide_cancelled());
    check_eq(bide_sleep(0), 0);
    return 0;
}
