/*
 * bide_run_coroutine_threadsafe and the calls it gives. The names in comments (Q4, ...) are those of the rules in
 * docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "notes.h"

static int answer(double seconds, int value)
{
    int err = bide_sleep(seconds);

    return err < 0 ? err : value;
}
bide_async(answer, double, int);

static int fail(const char *text)
{
    bide(bide_sleep(0));
    return bide_fail(-EIO, "%s", text);
}
bide_async(fail, const char *);

/* Each of these runs in a thread, with the loop of the test as its argument. */
static int ask(bide_loop *loop)
{
    bide_remote_call *call;

    bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 0.001, 42), &call));
    check_eq(bide_remote_call_wait(call, INFINITY), 42);
    check(bide_remote_call_done(call));
    check_eq(bide_remote_call_wait(call, 0), 42); /* as often as one likes */
    bide_remote_call_cancel(call);                /* too late: nothing */
    bide_remote_call_free(call);
    bide(bide_run_coroutine_threadsafe(loop, bide_co(fail, "from the loop"), &call));
    check_error(bide_remote_call_wait(call, INFINITY), EIO);
    check_str(bide_strerror(-EIO), "from the loop");
    bide_remote_call_free(call);
    bide_remote_call_free(NULL);
    return 0;
}
bide_async(ask, bide_loop *);

bide_test_in_real_time(remote_call_value_and_error) /* Q4 */
{
    return bide_to_thread(bide_co(ask, bide_get_running_loop()));
}

static int ask_briefly(bide_loop *loop)
{
    const double times[] = { 0.005, 0, -1, -1e12, -INFINITY };
    bide_remote_call *call;

    bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 3600, 1), &call));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        check_error(bide_remote_call_wait(call, times[i]), ETIMEDOUT);
    check(!bide_remote_call_done(call)); /* giving up the wait does not cancel */
    bide_remote_call_cancel(call);
    bide_remote_call_cancel(call);
    check_error(bide_remote_call_wait(call, INFINITY), ECANCELED);
    bide_remote_call_free(call);
    return 0;
}
bide_async(ask_briefly, bide_loop *);

bide_test(remote_call_times_out_and_is_cancelled) /* Q4, Q5 */
{
    return bide_to_thread(bide_co(ask_briefly, bide_get_running_loop()));
}

static int ask_and_cancel_at_once(bide_loop *loop)
{
    for (int i = 0; i < 100; i++) {
        bide_remote_call *call;

        bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 3600, 1), &call));
        bide_remote_call_cancel(call);
        check_error(bide_remote_call_wait(call, INFINITY), ECANCELED);
        bide_remote_call_free(call);
    }
    return 0;
}
bide_async(ask_and_cancel_at_once, bide_loop *);

bide_test(remote_call_cancelled_before_it_starts)
{
    return bide_to_thread(bide_co(ask_and_cancel_at_once, bide_get_running_loop()));
}

static int ask_and_leave(bide_loop *loop)
{
    bide_remote_call *call;

    bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 0.001, 1), &call));
    bide_remote_call_free(call); /* it goes on by itself */
    return 0;
}
bide_async(ask_and_leave, bide_loop *);

bide_test(remote_call_freed_before_its_end)
{
    bide(bide_to_thread(bide_co(ask_and_leave, bide_get_running_loop())));
    return bide_sleep(0.005);
}

bide_test_in_real_time(
    remote_call_from_the_thread_of_the_loop) /* Q5: it can be started and cancelled, but not waited for */
{
    bide_remote_call *call;

    bide(bide_run_coroutine_threadsafe(bide_get_running_loop(), bide_co(answer, 3600, 1), &call));
    check_error(bide_remote_call_wait(call, 1), EDEADLK);
    turns(2);
    bide_remote_call_cancel(call);
    while (!bide_remote_call_done(call))
        turns(1);
    bide_remote_call_free(call);
    return 0;
}

struct outside {
    bide_loop *loop;
    bide_remote_call *call;
};

static int give_long_call(struct outside *outside)
{
    return bide_run_coroutine_threadsafe(outside->loop, bide_co(answer, 3600, 1), &outside->call);
}
bide_async(give_long_call, struct outside *);

static int end_with_a_call(struct outside *outside)
{
    outside->loop = bide_get_running_loop();
    return bide_to_thread(bide_co(give_long_call, outside));
}
bide_async(end_with_a_call, struct outside *);

unit_test(remote_call_is_cancelled_when_the_run_ends) /* Q6 */
{
    struct outside outside = { NULL, NULL };

    check_eq(bide_run(bide_co(end_with_a_call, &outside)), 0);
    check(bide_remote_call_done(outside.call));
    check_error(bide_remote_call_wait(outside.call, 0), ECANCELED);
    bide_remote_call_free(outside.call);
    return 0;
}

static int over_the_limit(bide_loop *loop)
{
    bide_remote_call *call;

    bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 0, 1), &call));
    check_error(bide_remote_call_wait(call, INFINITY), EAGAIN);
    check(strstr(bide_strerror(-EAGAIN), "the limit") != NULL);
    bide_remote_call_free(call);
    return 0;
}
bide_async(over_the_limit, bide_loop *);

static int fill_up(void)
{
    bide(bide_start(NULL, bide_co(answer, 3600, 1)));
    return bide_to_thread(bide_co(over_the_limit, bide_get_running_loop()));
}
bide_async(fill_up);

unit_test(remote_call_that_cannot_be_started) /* Q7 */
{
    return bide_run_with(bide_co(fill_up), &(bide_run_options){ .task_limit = 1 });
}

static int ask_often(bide_loop *loop, int seed)
{
    for (int i = 0; i < 100; i++) {
        bide_remote_call *call;

        bide(bide_run_coroutine_threadsafe(loop, bide_co(answer, 0, seed + i), &call));
        if (i % 3 == 2)
            bide_remote_call_cancel(call);
        if (i % 4 != 3) {
            int result = bide_remote_call_wait(call, INFINITY);

            check(result == seed + i || (i % 3 == 2 && result == -ECANCELED));
        }
        bide_remote_call_free(call);
    }
    return 0;
}
bide_async(ask_often, bide_loop *, int);

static int call_ask_often(bide_loop *loop, int seed)
{
    return bide_to_thread(bide_co(ask_often, loop, seed));
}
bide_async(call_ask_often, bide_loop *, int);

bide_test(remote_calls_of_three_threads_at_once)
{
    bide_loop *loop = bide_get_running_loop();

    return bide_gather(bide_co(call_ask_often, loop, 1000), bide_co(call_ask_often, loop, 2000),
                       bide_co(call_ask_often, loop, 3000));
}
