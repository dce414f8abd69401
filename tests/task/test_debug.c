/*
 * Debug mode: slow steps, where it is switched on, mistakes it finds. The names in comments (U1, ...) are those of the
 * rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "capture.h"
#include "notes.h"

/* Busy for at least so long, as a call that blocks. */
static void block(double seconds)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9 < seconds);
}

static int count(const char *text)
{
    int found = 0;

    for (const char *at = captured; (at = strstr(at, text)); at++)
        found++;
    return found;
}

static int slow_twice(void)
{
    block(0.06);
    bide(bide_sleep(0));
    block(0.06);
    return 0;
}
bide_async(slow_twice);

static const bide_run_options watched = { .debug = true, .slow_callback_duration = 0.05 };

unit_test(debug_reports_each_slow_step_once) /* U1 */
{
    char expected[200];

    capture_begin();
    int err = bide_run_with(bide_co(slow_twice), &watched), line = __LINE__;
    capture_end();
    check_eq(err, 0);
    snprintf(expected, sizeof expected, "Executing task 'slow_twice' (%s:%d) took 0.", __FILE__, line);
    check_eq(count(expected), 2);
    check_eq(count(" seconds\n"), 2);
    check_eq(count("Executing"), 2);
    return 0;
}

static int slow_by_default(double seconds)
{
    block(seconds);
    return 0;
}
bide_async(slow_by_default, double);

unit_test(debug_takes_a_tenth_of_a_second_for_slow) /* U1 */
{
    capture_begin();
    check_eq(bide_run_with(bide_co(slow_by_default, 0.11), &(bide_run_options){ .debug = true }), 0);
    capture_end();
    check_eq(count("Executing task 'slow_by_default'"), 1);
    capture_begin();
    check_eq(bide_run_with(bide_co(slow_by_default, 0.02),
                           &(bide_run_options){ .debug = true, .slow_callback_duration = 1e6 }),
             0);
    capture_end();
    check_str(captured, "");
    return 0;
}

static int sleep_in_turns(void)
{
    for (int i = 0; i < 3; i++)
        bide(bide_sleep(0.06));
    return 0;
}
bide_async(sleep_in_turns);

unit_test(debug_does_not_take_sleeping_for_slow) /* U2 */
{
    capture_begin();
    check_eq(bide_run_with(bide_co(sleep_in_turns),
                           &(bide_run_options){ .debug = true, .slow_callback_duration = check_slowness() * 0.05 }),
             0);
    capture_end();
    check_str(captured, "");
    return 0;
}

static void slow_callback(void *argument)
{
    (void)argument;
    block(0.06);
}

static int call_slowly(void)
{
    check_eq(bide_call_soon(bide_get_running_loop(), slow_callback, NULL, NULL), 0);
    return bide_sleep(0);
}
bide_async(call_slowly);

unit_test(debug_reports_slow_callbacks) /* U1 */
{
    capture_begin();
    check_eq(bide_run_with(bide_co(call_slowly), &watched), 0);
    capture_end();
    check_eq(count("Executing callback 0x"), 1);
    check_eq(count("Executing"), 1);
    return 0;
}

/* Many tasks that hand over to each other: the order of turns stays first in first out. */
static int three_turns(int number)
{
    for (int i = 0; i < 3; i++) {
        note("%d", number);
        bide(bide_sleep(0));
    }
    return 0;
}
bide_async(three_turns, int);

static int several(void)
{
    return bide_gather(bide_co(three_turns, 1), bide_co(three_turns, 2), bide_co(three_turns, 3));
}
bide_async(several);

unit_test(debug_does_not_change_the_order)
{
    check_eq(bide_run(bide_co(several)), 0);
    check_notes("1 2 3 1 2 3 1 2 3");
    check_eq(bide_run_with(bide_co(several), &(bide_run_options){ .debug = true }), 0);
    check_notes("1 2 3 1 2 3 1 2 3");
    return 0;
}

static int is_on(void)
{
    return bide_get_debug(bide_get_running_loop());
}
bide_async(is_on);

unit_test(debug_option_beats_the_environment) /* A16 */
{
    unsetenv("BIDE_DEBUG");
    check_eq(bide_run(bide_co(is_on)), 0);
    check_eq(bide_run_with(bide_co(is_on), &(bide_run_options){ .debug = true }), 1);
    setenv("BIDE_DEBUG", "1", 1);
    check_eq(bide_run(bide_co(is_on)), 1);
    check_eq(bide_run_with(bide_co(is_on), &(bide_run_options){ .debug = BIDE_DEBUG_OFF }), 0);
    setenv("BIDE_DEBUG", "0", 1);
    check_eq(bide_run(bide_co(is_on)), 0);
    setenv("BIDE_DEBUG", "", 1);
    check_eq(bide_run(bide_co(is_on)), 0);
    return 0;
}

static int switch_on_and_off(void)
{
    bide_loop *loop = bide_get_running_loop();

    block(0.02);
    bide(bide_sleep(0));
    bide_set_debug(loop, true);
    bide_set_slow_callback_duration(loop, 0.01);
    check_near(bide_slow_callback_duration(loop), 0.01, 1e-9);
    bide(bide_sleep(0));
    block(0.02); /* this one counts */
    bide(bide_sleep(0));
    bide_set_debug(loop, false);
    bide(bide_sleep(0));
    block(0.02);
    return 0;
}
bide_async(switch_on_and_off);

static int beside(void)
{
    turns(20);
    return 0;
}
bide_async(beside);

static int switch_beside_others(void)
{
    return bide_gather(bide_co(beside), bide_co(switch_on_and_off), bide_co(beside), bide_co(beside));
}
bide_async(switch_beside_others);

unit_test(debug_can_be_switched_while_the_loop_runs)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(switch_on_and_off), &(bide_run_options){ .debug = BIDE_DEBUG_OFF }), 0);
    capture_end();
    check_eq(count("Executing"), 1);
    capture_begin();
    check_eq(bide_run_with(bide_co(switch_beside_others), &(bide_run_options){ .debug = BIDE_DEBUG_OFF }), 0);
    capture_end();
    check_eq(count("Executing task 'switch_on_and_off'"), 1);
    return 0;
}

/* ---- calls from the wrong thread ---- */

struct stranger {
    bide_loop *loop;
    int soon, later, at, reader, signal;
};

static int call_from_outside(struct stranger *stranger)
{
    stranger->soon = bide_call_soon(stranger->loop, nothing, NULL, NULL);
    stranger->later = bide_call_later(stranger->loop, 1, nothing, NULL, NULL);
    stranger->at = bide_call_at(stranger->loop, 1, nothing, NULL, NULL);
    stranger->reader = bide_add_reader(stranger->loop, 0, nothing, NULL);
    stranger->signal = bide_add_signal_handler(stranger->loop, 10, nothing, NULL);
    return 0;
}
bide_async(call_from_outside, struct stranger *);

static int let_a_stranger_in(void)
{
    struct stranger stranger = { .loop = bide_get_running_loop() };

    bide(bide_to_thread(bide_co(call_from_outside, &stranger)));
    check_error(stranger.soon, EPERM);
    check_error(stranger.later, EPERM);
    check_error(stranger.at, EPERM);
    check_error(stranger.reader, EPERM);
    check_error(stranger.signal, EPERM);
    return 0;
}
bide_async(let_a_stranger_in);

unit_test(debug_names_the_threads_of_a_call_from_the_wrong_one) /* U5, Q8, R4 */
{
    capture_begin();
    check_eq(bide_run_with(bide_co(let_a_stranger_in), &(bide_run_options){ .debug = true }), 0);
    capture_end();
    check_eq(count("bide: bide_call_soon was called from thread "), 1);
    check_eq(count(" for a loop that runs in thread "), 5);
    capture_begin();
    check_eq(bide_run_with(bide_co(let_a_stranger_in), &(bide_run_options){ .debug = BIDE_DEBUG_OFF }), 0);
    capture_end();
    check_str(captured, ""); /* refused, but not talked about */
    return 0;
}

/* ---- tasks that do not listen, stacks ---- */

static int deaf(int waits)
{
    while (waits-- > 0)
        (void)bide_sleep(0);
    return 0;
}
bide_async(deaf, int);

static int cancel_the_deaf(int waits)
{
    bide_task *task = bide_create_task(NULL, bide_co(deaf, waits));

    bide_cancel(task);
    return bide_join(task);
}
bide_async(cancel_the_deaf, int);

unit_test(debug_reports_a_task_that_ignores_its_cancellation_once)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(cancel_the_deaf, 3000),
                           &(bide_run_options){ .debug = true, .slow_callback_duration = 1e6 }),
             0);
    check_eq(bide_run_with(bide_co(cancel_the_deaf, 900),
                           &(bide_run_options){ .debug = true, .slow_callback_duration = 1e6 }),
             0);
    capture_end();
    check_eq(count("bide: task 'deaf' ("), 1);
    check_eq(count("was cancelled, and goes on: 1000 waits"), 1);
    return 0;
}

static int eat_stack(size_t size)
{
    volatile char area[size];

    for (size_t i = 0; i < size; i += 512)
        area[i] = (char)i;
    return area[512] == 0;
}
bide_async(eat_stack, size_t);

static int eat_most_of_a_stack(void)
{
    bide_loop_facts facts;

    bide(bide_gather(bide_co(eat_stack, 1024)));
    bide_loop_information(bide_get_running_loop(), &facts);
    check(facts.stack_high_water > 0 && facts.stack_high_water < 32 * 1024);
    bide(bide_gather(bide_co(eat_stack, 44 * 1024)));
    bide_loop_information(bide_get_running_loop(), &facts);
    check(facts.stack_high_water >= 44 * 1024 && facts.stack_high_water <= 64 * 1024);
    return 0;
}
bide_async(eat_most_of_a_stack);

unit_test(debug_reports_a_stack_that_is_nearly_full)
{
    capture_begin();
    check_eq(bide_run_with(bide_co(eat_most_of_a_stack),
                           &(bide_run_options){ .debug = true, .slow_callback_duration = 1e6 }),
             0);
    capture_end();
    check_eq(count("bide: the stack of task 'eat_stack' ("), 1);
    check_eq(count("\n"), 1);
    return 0;
}
