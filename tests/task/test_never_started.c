/*
 * Coroutine values that nobody starts (rule U3 of docs/semantics.md), in debug mode.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "capture.h"
#include "notes.h"

static const bide_run_options watched = { .debug = true, .slow_callback_duration = 1e6, .quiet = true };

static int my_coro(int value)
{
    return value;
}
bide_async(my_coro, int);

static int plain(void)
{
    return 0;
}
bide_async(plain);

static void drop(bide_coroutine coroutine)
{
    (void)coroutine;
}

static int place;

static int forget_one(void)
{
    place = __LINE__ + 1;
    drop(bide_co(my_coro, 1));
    bide(bide_sleep(0));
    check_str(captured, "");
    return 0;
}
bide_async(forget_one);

unit_test(never_started_is_reported_when_its_task_ends) /* U3 */
{
    char expected[200];

    capture_begin();
    check_eq(bide_run_with(bide_co(forget_one), &watched), 0);
    capture_end();
    snprintf(expected, sizeof expected,
             "bide: coroutine 'my_coro' was never awaited (made at %s:%d in task 'forget_one')\n", __FILE__, place);
    check_str(captured, expected);
    return 0;
}

unit_test(never_started_is_not_looked_for_otherwise)
{
    captured[0] = 0;
    capture_begin();
    check_eq(bide_run_with(bide_co(forget_one), &(bide_run_options){ .debug = BIDE_DEBUG_OFF }), 0);
    capture_end();
    check_str(captured, "");
    return 0;
}

static int forget_in_a_loop(void)
{
    for (int i = 0; i < 3; i++)
        drop(bide_co(my_coro, i));
    return bide_gather(bide_co(forget_one), bide_co(plain));
}
bide_async(forget_in_a_loop);

unit_test(never_started_is_reported_each_time)
{
    int found = 0;

    capture_begin();
    check_eq(bide_run_with(bide_co(forget_in_a_loop), &watched), 0);
    capture_end();
    for (const char *at = captured; (at = strstr(at, "bide: coroutine 'my_coro' was never awaited (made at ")); at++)
        found++;
    check_eq(found, 4);
    check(strstr(captured, "in task 'forget_one')") != NULL);
    return 0;
}

typedef bide_generator(int) numbers;

static int one(numbers *to)
{
    return bide_yield(to, 1);
}
bide_async(one, numbers *);

/* Everything that takes a coroutine. */
static int start_all(void)
{
    int err, results[2];
    numbers n = { 0 };
    bide_executor *executor;
    bide_remote_call *call;

    bide_coroutine kept = bide_co(my_coro, 3);
    bide_coroutine many[] = { bide_co(my_coro, 1), bide_co(my_coro, 2) };
    bide(bide_sleep(0));
    check_eq(bide_wait_for(kept, 1), 3);
    check_eq(bide_wait_for(kept, 1), 3);
    check_eq(bide_gather_n(many, 2), 0);
    bide(bide_start(NULL, bide_co(my_coro, 1)));
    check(bide_create_task(NULL, bide_co(my_coro, 1)) != NULL);
    bide(bide_start_eager(NULL, bide_co(plain)));
    check_eq(bide_gather_settled((bide_coroutine[]){ bide_co(my_coro, 1), bide_co(plain) }, 2, results), 0);
    check_eq(bide_to_thread(bide_co(my_coro, 4)), 4);
    check_eq(bide_executor_open(1, "test", &executor), 0);
    check_eq(bide_run_in_executor(executor, bide_co(my_coro, 5)), 5);
    bide_executor_close(executor);
    check_eq(bide_run_coroutine_threadsafe(bide_get_running_loop(), bide_co(plain), &call), 0);
    bide_remote_call_free(call);
    turns(3);
    check_error(bide_run(bide_co(plain)), EDEADLK);
    bide_generate(i, &n, bide_co(one, &n), err) check_eq(i, 1);
    bide_task_group (tg, err) { /* those that come too late are no mistake of who made them */
        bide_group_cancel(tg);
        check_error(bide_wait_for(bide_co(my_coro, 1), 1), ECANCELED);
        check_error(bide_gather(bide_co(my_coro, 1), bide_co(plain)), ECANCELED);
        check_error(bide_to_thread(bide_co(my_coro, 1)), ECANCELED);
    }
    return 0;
}
bide_async(start_all);

unit_test(never_started_does_not_report_what_was_started)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(start_all), &watched), 0);
    capture_end();
    check_str(captured, "");
    return 0;
}

static int switch_off(void)
{
    drop(bide_co(my_coro, 1));
    bide_set_debug(bide_get_running_loop(), false);
    drop(bide_co(my_coro, 2));
    return 0;
}
bide_async(switch_off);

unit_test(never_started_when_debug_mode_ends)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(switch_off), &watched), 0);
    capture_end();
    check_str(captured, "");
    return 0;
}

static int start_many(void)
{
    bide_coroutine coroutines[300];

    for (int i = 0; i < 300; i++)
        coroutines[i] = bide_co(plain); /* without arguments they stay good when their block has ended */
    return bide_gather_n(coroutines, 300);
}
bide_async(start_many);

unit_test(never_started_allows_arrays_of_calls_without_arguments)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(start_many), &watched), 0);
    capture_end();
    check_str(captured, "");
    return 0;
}
