/*
 * bide_gather, bide_gather_n, bide_gather_settled and bide_wait_for. The names in comments (E1, G1, ...) are those of
 * the rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "notes.h"

static int nap(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(nap, double, const char *);

static int answer(double seconds, int value)
{
    int err = bide_sleep(seconds);

    return err < 0 ? err : value;
}
bide_async(answer, double, int);

static int fail_after(double seconds, int code)
{
    int err = bide_sleep(seconds);

    return err < 0 ? err : bide_fail(code, "failed with %d", -code);
}
bide_async(fail_after, double, int);

static int store(double seconds, int value, int *ret_value)
{
    bide(bide_sleep(seconds));
    *ret_value = value;
    return 0;
}
bide_async(store, double, int, int *);

bide_test(gather_runs_all_at_once) /* E1 */
{
    int a = 0, b = 0, c = 0;

    check_eq(bide_gather(bide_co(store, 0.003, 1, &a), bide_co(store, 0.001, 2, &b), bide_co(store, 0, 3, &c)), 0);
    check_eq(a * 100 + b * 10 + c, 123);
    check_eq(bide_gather(bide_co(nap, 0.01, "x"), bide_co(nap, 0.002, "y")), 0);
    check_notes("y:0 x:0");
    check_eq(bide_gather(bide_co(answer, 0, 5)), 0); /* results >= 0 are the children's own affair */
    return 0;
}

bide_test(gather_of_nothing) /* E2 */
{
    check_eq(bide_gather_n(NULL, 0), 0);
    check_eq(bide_gather_settled(NULL, 0, NULL), 0);
    return 0;
}

bide_test(gather_the_same_value_twice_runs_it_twice) /* E3 differs: a value is a call, not an object */
{
    bide_coroutine value = bide_co(nap, 0, "z");

    check_eq(bide_gather(value, value), 0);
    check_notes("z:0 z:0");
    return 0;
}

bide_test(gather_first_error_cancels_the_others) /* E4 differs on purpose */
{
    check_error(
        bide_gather(bide_co(nap, 3600, "a"), bide_co(fail_after, 0.001, -EIO), bide_co(fail_after, 3600, -EPIPE)), EIO);
    check_notes("a:-125");
    check_str(bide_strerror(-EIO), "failed with 5");
    return bide_sleep(0);
}

bide_test(gather_settled_waits_for_all) /* E6 */
{
    int results[3] = { 1, 1, 1 };
    bide_coroutine values[] = { bide_co(fail_after, 0, -EIO), bide_co(answer, 0.005, 7),
                                bide_co(fail_after, 0.001, -EPIPE) };

    check_eq(bide_gather_settled(values, 3, results), 0);
    check_error(results[0], EIO);
    check_eq(results[1], 7);
    check_error(results[2], EPIPE);
    return 0;
}

static int gather_naps(int *ret_result)
{
    return *ret_result = bide_gather(bide_co(nap, 3600, "a"), bide_co(nap, 3600, "b"), bide_co(nap, 0, "c"));
}
bide_async(gather_naps, int *);

bide_test(gather_cancelled_cancels_its_children_in_order) /* E7 */
{
    int result = 0;
    bide_task *task = bide_create_task(NULL, bide_co(gather_naps, &result));

    turns(4);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(result, ECANCELED);
    check_notes("c:0 a:-125 b:-125");
    return 0;
}

static int slow_cleanup(const char *name)
{
    (void)bide_sleep(3600);
    bide_shield (60) {
        (void)bide_sleep(0.005);
    }
    note("%s", name);
    return -ECANCELED;
}
bide_async(slow_cleanup, const char *);

static int settle(int *results)
{
    bide_coroutine values[] = { bide_co(slow_cleanup, "slow"), bide_co(answer, 0, 9), bide_co(nap, 3600, "fast") };
    int err = bide_gather_settled(values, 3, results);

    note("settled:%d", err);
    return err;
}
bide_async(settle, int *);

bide_test(gather_settled_cancelled_ends_with_the_last_child) /* E8, E12 */
{
    int results[3] = { 1, 1, 1 };
    bide_task *task = bide_create_task(NULL, bide_co(settle, results));

    turns(4);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("fast:-125 slow settled:-125");
    check_error(results[0], ECANCELED);
    check_eq(results[1], 9);
    check_error(results[2], ECANCELED);
    return 0;
}

static int gather_quick(int *ret_result, int *ret_next)
{
    *ret_result = bide_gather(bide_co(answer, 0, 1), bide_co(answer, 0, 2));
    *ret_next = bide_sleep(0);
    return 0;
}
bide_async(gather_quick, int *, int *);

bide_test(gather_whose_children_are_done_cannot_be_cancelled) /* E10; the cancellation comes at the next wait */
{
    int result = 1, next = 1;
    bide_task *task = bide_create_task(NULL, bide_co(gather_quick, &result, &next));

    for (size_t before = bide_task_count() + 2; bide_task_count() < before;)
        turns(1); /* until the two children are there */
    while (bide_task_count() > 2)
        turns(1); /* and until they are gone: gather is ready to return, but we run first */
    check(!bide_done(task));
    bide_cancel(task);
    bide(bide_join(task));
    check_eq(result, 0);
    check_error(next, ECANCELED);
    return 0;
}

static int cancel_myself(void)
{
    bide_cancel(bide_current_task());
    return bide_sleep(0);
}
bide_async(cancel_myself);

bide_test(gather_child_that_is_cancelled_by_itself_is_no_error) /* E11 differs: gather is a group */
{
    check_eq(bide_gather(bide_co(cancel_myself), bide_co(nap, 0.002, "other")), 0);
    check_notes("other:0");
    return 0;
}

bide_test(gather_hundred)
{
    bide_coroutine values[100];
    int results[100];
    bide_coroutine one = bide_co(answer, 0.001, 3); /* made here, not in the loop: it must live until it is started */

    for (int i = 0; i < 100; i++)
        values[i] = one;
    check_eq(bide_gather_n(values, 100), 0);
    check_eq(bide_gather_settled(values, 100, results), 0);
    for (int i = 0; i < 100; i++)
        check_eq(results[i], 3);
    return 0;
}

/* ---- wait_for ---- */

bide_test(wait_for_in_time)
{
    check_eq(bide_wait_for(bide_co(answer, 0.001, 42), 60), 42);
    check_error(bide_wait_for(bide_co(fail_after, 0.001, -EIO), 60), EIO);
    check_str(bide_strerror(-EIO), "failed with 5");
    check_eq(bide_wait_for(bide_co(answer, 0.001, 43), INFINITY), 43); /* G3 */
    return bide_sleep(0);
}

bide_test_in_real_time(wait_for_times_out_after_the_cleanup) /* G1 */
{
    double start = bide_time();

    check_error(bide_wait_for(bide_co(slow_cleanup, "cleaned"), 0.002), ETIMEDOUT);
    check_notes("cleaned");
    check(bide_time() - start >= 0.007);
    check(strstr(bide_strerror(-ETIMEDOUT), "slow_cleanup: timed out after 0.002 s") != NULL);
    check(strstr(bide_strerror(-ETIMEDOUT), "test_gather.c:") != NULL);
    return bide_sleep(0);
}

bide_test(wait_for_no_time_does_not_call) /* G2 */
{
    check_error(bide_wait_for(bide_co(nap, 0, "never"), 0), ETIMEDOUT);
    check_error(bide_wait_for(bide_co(nap, 0, "never"), -1), ETIMEDOUT);
    check_notes("");
    return 0;
}

static int another_error(void)
{
    (void)bide_sleep(3600);
    return bide_fail(-EREMOTEIO, "in the cleanup");
}
bide_async(another_error);

static int swallow(void)
{
    (void)bide_sleep(3600);
    return 6;
}
bide_async(swallow);

bide_test(wait_for_error_or_result_of_the_cleanup) /* G4, G5 */
{
    check_error(bide_wait_for(bide_co(another_error), 0.001), EREMOTEIO);
    check_eq(bide_wait_for(bide_co(swallow), 0.001), 6);
    return bide_sleep(0);
}

static int wait_for_cleanup(int *ret_result)
{
    return *ret_result = bide_wait_for(bide_co(slow_cleanup, "cleaned"), 3600);
}
bide_async(wait_for_cleanup, int *);

bide_test(wait_for_cancelled_waits_for_the_cleanup) /* G6 */
{
    int result = 0;
    bide_task *task = bide_create_task(NULL, bide_co(wait_for_cleanup, &result));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(result, ECANCELED);
    check_notes("cleaned");
    return 0;
}

static int wait_for_briefly(int *ret_result, int *ret_next)
{
    *ret_result = bide_wait_for(bide_co(answer, 0.001, 8), 60);
    *ret_next = bide_sleep(0);
    return 0;
}
bide_async(wait_for_briefly, int *, int *);

bide_test_in_real_time(wait_for_done_and_cancelled_at_once) /* G7: the result, then the cancellation at the next wait */
{
    int result = 0, next = 0;
    bide_task *task = bide_create_task(NULL, bide_co(wait_for_briefly, &result, &next));

    turns(1);
    for (double end = bide_time() + 0.002; bide_time() < end;)
        continue;
    poll_once();
    bide_cancel(task);
    bide(bide_join(task));
    check_eq(result, 8);
    check_error(next, ECANCELED);
    return 0;
}

/* Is done only after its time is over, without having waited meanwhile. */
static int busy(double seconds)
{
    for (double end = bide_time() + seconds; bide_time() < end;)
        continue;
    poll_once();
    check(bide_cancelled());
    return 4;
}
bide_async(busy, double);

bide_test_in_real_time(wait_for_done_and_expired_at_once) /* G8 differs: the result is never lost */
{
    check_eq(bide_wait_for(bide_co(busy, 0.004), 0.002), 4);
    return bide_sleep(0);
}

static int ignore_once(void)
{
    note("1:%d", bide_sleep(3600));
    note("2:%d", bide_sleep(3600));
    return -ECANCELED;
}
bide_async(ignore_once);

static int wait_for_ignore(int *ret_result)
{
    return *ret_result = bide_wait_for(bide_co(ignore_once), 0.001);
}
bide_async(wait_for_ignore, int *);

bide_test(wait_for_cancelled_then_expired) /* G9 */
{
    int result = 0;
    bide_task *task = bide_create_task(NULL, bide_co(wait_for_ignore, &result));

    turns(1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(result, ECANCELED);
    check_notes("1:-125 2:-125");
    return 0;
}

static int whoami(bide_task **ret_task)
{
    *ret_task = bide_current_task();
    return 0;
}
bide_async(whoami, bide_task **);

bide_test(wait_for_calls_in_the_same_task) /* G11 */
{
    bide_task *inside = NULL;

    check_eq(bide_wait_for(bide_co(whoami, &inside), 1), 0);
    check_eq(inside, bide_current_task());
    check_eq(bide_task_count(), 1);
    return 0;
}

static int time_out_inside(void)
{
    int err;

    bide_timeout (0.001, err) {
        err = bide_sleep(3600);
    }
    return err;
}
bide_async(time_out_inside);

static int time_out_inside_raw(void)
{
    int err;

    bide_timeout (0.001, err) {
        return bide_sleep(3600);
    }
    return 0;
}
bide_async(time_out_inside_raw);

bide_test(wait_for_keeps_the_message_of_a_timeout_inside)
{
    check_error(bide_wait_for(bide_co(fail_after, 0, -ETIMEDOUT), 60), ETIMEDOUT);
    check_str(bide_strerror(-ETIMEDOUT), "failed with 110");
    check_error(bide_wait_for(bide_co(time_out_inside), 60), ETIMEDOUT);
    check(strncmp(bide_strerror(-ETIMEDOUT), "timed out after 0.001 s", 23) == 0);
    check_error(bide_wait_for(bide_co(time_out_inside_raw), 60), ETIMEDOUT);
    check(strncmp(bide_strerror(-ETIMEDOUT), "timed out after 0.001 s", 23) == 0);
    return 0;
}
