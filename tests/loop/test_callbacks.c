/*
 * Callbacks: the order in which they run, cancelling, and handles that have gone stale. The rules B1 to B7 of asyncio.
 */
#include "support_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { MANY = 10000 };

static struct bide_loop loop;
static char notes[256]; /* what ran, a letter each */
static int ran;

static void note(void *letter)
{
    size_t length = strlen(notes);

    check(length + 1 < sizeof notes);
    notes[length] = *(const char *)letter;
    notes[length + 1] = 0;
}

static char *letter(char c)
{
    static char letters[128][2];

    letters[(unsigned char)c][0] = c;
    return letters[(unsigned char)c];
}

static void soon(void (*callback)(void *), void *argument)
{
    check_eq(bide_call_soon(&loop, callback, argument, NULL), 0);
}

static bide_handle later(double delay, void (*callback)(void *), void *argument)
{
    bide_handle handle;

    check_eq(bide_call_later(&loop, delay, callback, argument, &handle), 0);
    return handle;
}

static void expect_next(void *number)
{
    check_eq(*(const int *)number, ran);
    if (++ran == MANY)
        stop_loop(&loop);
}

unit_test(call_soon_is_first_in_first_out) /* B1 */
{
    static int numbers[MANY];

    open_loop(&loop);
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        soon(expect_next, &numbers[i]);
    }
    check_eq(ran, 0); /* never at once */
    run_loop(&loop);
    check_eq(ran, (int)MANY);
    bide__loop_close(&loop);
    return 0;
}

static void note_and_schedule(void *c)
{
    note(c);
    soon(note, letter('x'));
    soon(stop_loop_callback, &loop);
}

unit_test(what_a_turn_schedules_runs_in_the_next) /* B2 */
{
    open_loop(&loop);
    soon(note, letter('a'));
    soon(note_and_schedule, letter('b'));
    soon(note, letter('c'));
    soon(note, letter('d'));
    run_loop(&loop);
    check_str(notes, "abcdx");
    bide__loop_close(&loop);
    return 0;
}

static bool go_on;

static void again_and_again(void *unused)
{
    ran++;
    if (go_on)
        soon(again_and_again, unused);
}

/* Somebody who is always ready starves neither what comes from outside nor the clock. */
unit_test(always_ready_starves_nobody) /* B2 */
{
    struct trial trial;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    go_on = true;
    soon(again_and_again, NULL);
    for (int round = 0; round < 50; round++) {
        check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
        poll_loop(&loop);
        put(pair[1], "abc");
        check_eq(end(&loop, &trial), 3);
        later(0.001, stop_loop_callback, &loop);
        run_loop(&loop);
    }
    check(ran > 100);
    go_on = false;
    poll_loop(&loop);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

static bide_handle victim;

static void cancel_victim(void *unused)
{
    (void)unused;
    check(bide_handle_cancel(victim));
    check(!bide_handle_cancel(victim));
}

static void must_not_run(void *unused)
{
    const bool a_cancelled_callback_ran = true;

    (void)unused;
    check(!a_cancelled_callback_ran);
}

unit_test(cancelled_in_its_own_turn) /* B4 */
{
    open_loop(&loop);
    soon(note, letter('a'));
    soon(cancel_victim, NULL);
    check_eq(bide_call_soon(&loop, must_not_run, NULL, &victim), 0);
    soon(note, letter('b'));
    soon(stop_loop_callback, &loop);
    run_loop(&loop);
    check_str(notes, "ab");
    bide__loop_close(&loop);
    return 0;
}

unit_test(cancelled_when_its_time_has_come) /* B4 */
{
    double now = (double)bide__clock_now() * 1e-9;

    open_loop(&loop);
    check_eq(bide_call_at(&loop, now + 0.001, cancel_victim, NULL, NULL), 0);
    check_eq(bide_call_at(&loop, now + 0.001, must_not_run, NULL, &victim), 0);
    check_eq(bide_call_at(&loop, now + 0.001, stop_loop_callback, &loop, NULL), 0);
    run_loop(&loop);
    bide__loop_close(&loop);
    return 0;
}

unit_test(cancelled_before_its_time)
{
    open_loop(&loop);
    victim = later(0.001, must_not_run, NULL);
    bide_handle second = later(3600, must_not_run, NULL);
    bide_handle endless = later(INFINITY, must_not_run, NULL);
    cancel_victim(NULL);
    check(bide_handle_cancel(second));
    check(bide_handle_cancel(endless));
    check(!bide_handle_cancel(endless));
    later(0.003, stop_loop_callback, &loop);
    run_loop(&loop);
    bide__loop_close(&loop);
    return 0;
}

static void cancel_itself(void *unused)
{
    (void)unused;
    check(!bide_handle_cancel(victim)); /* too late: it runs */
    ran++;
}

static void cancel_and_schedule_three(void *unused)
{
    (void)unused;
    check(bide_handle_cancel(victim));
    check(!bide_handle_cancel(victim));
    for (const char *c = "xyz"; *c; c++)
        soon(note, letter(*c)); /* the memory of the cancelled one, which still stands in the queue, is not theirs */
    soon(stop_loop_callback, &loop);
}

unit_test(cancelled_in_its_own_turn_it_takes_no_successor_with_it)
{
    open_loop(&loop);
    soon(cancel_and_schedule_three, NULL);
    check_eq(bide_call_soon(&loop, must_not_run, NULL, &victim), 0);
    run_loop(&loop);
    check_str(notes, "xyz");
    bide__loop_close(&loop);
    return 0;
}

unit_test(stale_handles_are_harmless) /* B4 */
{
    bide_handle first, second, nothing = { 0 };

    open_loop(&loop);
    check_eq(bide_call_soon(&loop, cancel_itself, NULL, &victim), 0);
    poll_loop(&loop);
    check_eq(ran, 1);
    check(!bide_handle_cancel(nothing));
    for (int i = 0; i < 1000; i++) { /* the same memory is used again and again */
        check_eq(bide_call_soon(&loop, note, letter('x'), &first), 0);
        poll_loop(&loop);
        check_eq(bide_call_soon(&loop, note, letter('x'), &second), 0);
        check(!bide_handle_cancel(first)); /* and does not hit its successor */
        poll_loop(&loop);
        check_str(notes, "xx");
        notes[0] = 0;
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(a_handle_does_not_hit_who_got_its_place) /* B4 */
{
    bide_handle first, second;

    open_loop(&loop);
    check_eq(bide_call_later(&loop, 1000, note, letter('x'), &first), 0);
    check(bide_handle_cancel(first));
    check_eq(bide_call_soon(&loop, note, letter('y'), &second), 0);
    check(second.slot == first.slot); /* else this test shows nothing */
    check(!bide_handle_cancel(first));
    poll_loop(&loop);
    check_str(notes, "y");
    bide__loop_close(&loop);
    return 0;
}

unit_test(negative_delays_run_in_order_and_not_at_once) /* B5 */
{
    open_loop(&loop);
    later(0, note, letter('d'));
    later(-0.5, note, letter('c'));
    later(-2, note, letter('b'));
    soon(note, letter('a'));
    later(0.002, stop_loop_callback, &loop);
    check_str(notes, "");
    run_loop(&loop);
    check_str(notes, "abcd");
    bide__loop_close(&loop);
    return 0;
}

unit_test(call_later_runs_in_the_order_of_time) /* B3 */
{
    double now = (double)bide__clock_now() * 1e-9; /* one start for all: between two calls here much time may pass */

    open_loop(&loop);
    check_eq(bide_call_at(&loop, now + 0.006, note, letter('c'), NULL), 0);
    check_eq(bide_call_at(&loop, now + 0.002, note, letter('a'), NULL), 0);
    check_eq(bide_call_at(&loop, now + 0.004, note, letter('b'), NULL), 0);
    check_eq(bide_call_at(&loop, now + 0.008, stop_loop_callback, &loop, NULL), 0);
    run_loop(&loop);
    check_str(notes, "abc");
    bide__loop_close(&loop);
    return 0;
}

unit_test(equal_times_are_first_in_first_out) /* B6 */
{
    double when = (double)bide__clock_now() * 1e-9 + 0.002;

    open_loop(&loop);
    for (char c = 'a'; c <= 'z'; c++)
        check_eq(bide_call_at(&loop, when, note, letter(c), NULL), 0);
    check_eq(bide_call_at(&loop, when, stop_loop_callback, &loop, NULL), 0);
    run_loop(&loop);
    check_str(notes, "abcdefghijklmnopqrstuvwxyz");
    bide__loop_close(&loop);
    return 0;
}

static void ready_before(void *c)
{
    note(c);
}

/* In one poll: what came from outside first, then the clock. */
unit_test(events_come_before_timers) /* B3 */
{
    struct trial trial;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    poll_loop(&loop);
    trial.due.function = note;
    trial.due.argument = letter('b');
    soon(ready_before, letter('a'));
    later(-1, note, letter('c'));
    later(0, stop_loop_callback, &loop);
    put(pair[1], "x");
    run_loop(&loop);
    check(trial.op.done);
    check_str(notes, "abc");
    bide__ready_unreserve(&loop);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

static int64_t earliest;

static void check_time(void *unused)
{
    (void)unused;
    check(bide__clock_now() >= earliest);
    stop_loop(&loop);
}

unit_test(never_too_early) /* B7 */
{
    const double delays[] = { 0.0000001, 0.0005, 0.001, 0.0015, 0.0049999 };

    open_loop(&loop);
    for (int round = 0; round < 20; round++) {
        double delay = delays[round % 5];

        earliest = bide__deadline_after(bide__clock_now(), delay);
        later(delay, check_time, NULL);
        run_loop(&loop);
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(timers_within_a_millisecond_are_one_batch) /* B7 */
{
    int64_t start = bide__clock_now();

    open_loop(&loop);
    /* 10 and 10.4 ms: a wait that ends between the two is over only when both are due, since it is rounded up */
    check_eq(bide_call_at(&loop, (double)start * 1e-9 + 0.0100, note, letter('a'), NULL), 0);
    check_eq(bide_call_at(&loop, (double)start * 1e-9 + 0.0104, stop_loop_callback, &loop, NULL), 0);
    run_loop(&loop);
    check_str(notes, "a");
    check(bide__clock_now() - start >= 10400000);
    bide__loop_close(&loop);
    return 0;
}

static void schedule_many(void *unused)
{
    static int numbers[MANY];

    (void)unused;
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        soon(expect_next, &numbers[i]);
    }
}

/* The queue grows while a turn runs from it. */
unit_test(scheduling_many_from_inside)
{
    open_loop(&loop);
    for (int i = 0; i < 100; i++)
        soon(i == 50 ? schedule_many : note, letter('x'));
    run_loop(&loop);
    check_eq(ran, (int)MANY);
    check_eq(strlen(notes), 99U);
    bide__loop_close(&loop);
    return 0;
}

unit_test(closing_drops_what_is_scheduled)
{
    open_loop(&loop);
    soon(must_not_run, NULL);
    later(0, must_not_run, NULL);
    later(3600, must_not_run, NULL);
    check_eq(bide_call_soon_threadsafe(&loop, must_not_run, NULL), 0);
    bide__loop_close(&loop);
    return 0;
}
