/*
 * Runners: several mains on one loop, stopping and resuming. The names in comments (A9, ...) are those of the rules in
 * docs/semantics.md. Ctrl-C is in test_runner_signal.c.
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>

#include "notes.h"

static const bide_run_options quiet = { .quiet = true };

static int answer(int value)
{
    bide(bide_sleep(0));
    return value;
}
bide_async(answer, int);

unit_test(runner_runs_one_main_after_the_other) /* A9 */
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    for (int i = 0; i < 100; i++)
        check_eq(bide_runner_run(&runner, bide_co(answer, i)), i);
    bide_runner_close(&runner);
    return 0;
}

unit_test(runner_can_be_closed_twice_and_without_a_run) /* A10 */
{
    bide_auto(runner) runner = { 0 };

    bide_runner_close(&runner);
    check_eq(bide_runner_open(&runner, NULL), 0);
    bide_runner_close(&runner);
    bide_runner_close(&runner);
    check_error(bide_runner_run(&runner, bide_co(answer, 1)), EBADF);
    check_error(bide_runner_resume(&runner), EBADF);
    check_error(bide_runner_run_forever(&runner), EBADF);
    check_eq(bide_runner_get_loop(&runner), NULL);
    check_eq(bide_runner_open(&runner, NULL), 0); /* open again */
    check_eq(bide_runner_run(&runner, bide_co(answer, 1)), 1);
    return 0;
}

static int background(int times)
{
    int err = 0;

    for (int i = 0; err == 0 && i < times; i++) {
        err = bide_sleep(0);
        note("%d", i);
    }
    if (err == 0)
        err = bide_sleep(3600);
    bide_shield (1) {
        (void)bide_sleep(0);
    }
    note("background:%d", err);
    return err;
}
bide_async(background, int);

static int begin_background(int times)
{
    return bide_start(NULL, bide_co(background, times));
}
bide_async(begin_background, int);

static int some_turns(int count)
{
    turns(count);
    note("main");
    return 0;
}
bide_async(some_turns, int);

unit_test(runner_keeps_what_is_left_over_until_it_is_closed) /* A9, A2 */
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(begin_background, 1000)), 0);
    check_notes("");
    check_eq(bide_runner_run(&runner, bide_co(some_turns, 3)), 0);
    check(strstr(notes, "0 1 ") == notes);
    check(strstr(notes, "main") != NULL);
    notes[0] = 0;
    check_eq(bide_runner_run(&runner, bide_co(some_turns, 2000)), 0);
    check(strstr(notes, "999 main") != NULL);
    notes[0] = 0;
    bide_runner_close(&runner);
    check_notes("background:-125");
    return 0;
}

static int nest(bide_runner *outer)
{
    bide_runner inner = { 0 };

    check_error(bide_runner_open(&inner, NULL), EDEADLK);
    check_error(bide_runner_run(outer, bide_co(answer, 1)), EDEADLK);
    check_error(bide_runner_run_forever(outer), EDEADLK);
    check_error(bide_run(bide_co(answer, 1)), EDEADLK);
    return bide_sleep(0);
}
bide_async(nest, bide_runner *);

unit_test(runner_is_refused_in_a_running_loop) /* A8, B13 */
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(nest, &runner)), 0);
    check_eq(bide_run(bide_co(answer, 2)), 2); /* another loop while this one does not run */
    check_eq(bide_runner_run(&runner, bide_co(answer, 3)), 3);
    return 0;
}

static void *run_elsewhere(void *runner)
{
    check_error(bide_runner_run(runner, bide_co(answer, 1)), EPERM);
    return NULL;
}

unit_test(runner_belongs_to_its_thread)
{
    bide_auto(runner) runner = { 0 };
    pthread_t thread;

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(pthread_create(&thread, NULL, run_elsewhere, &runner), 0);
    check_eq(pthread_join(thread, NULL), 0);
    return 0;
}

static int fail_with(int code)
{
    return bide_fail(code, "failure %d", code);
}
bide_async(fail_with, int);

unit_test(runner_gives_errors_with_their_messages)
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, &quiet), 0);
    check_error(bide_runner_run(&runner, bide_co(fail_with, -EIO)), EIO);
    check_str(bide_strerror(-EIO), "failure -5");
    check_error(bide_runner_run(&runner, bide_co(fail_with, -EPIPE)), EPIPE);
    check_str(bide_strerror(-EPIPE), "failure -32");
    check_eq(bide_runner_run(&runner, bide_co(answer, 7)), 7);
    return 0;
}

unit_test(runner_options_that_make_no_sense)
{
    bide_auto(runner) runner = { 0 };

    check_error(bide_runner_open(&runner, &(bide_run_options){ .stack_size = 1 }), EINVAL);
    check_eq(runner.run, NULL);
    return 0;
}

static bide_task *first_main;

static int join_main(void)
{
    note("joined:%d", bide_join(first_main));
    return 0;
}
bide_async(join_main);

static int main_that_is_joined(void)
{
    first_main = bide_current_task();
    bide(bide_start(NULL, bide_co(join_main)));
    turns(2);
    return 6;
}
bide_async(main_that_is_joined);

unit_test(runner_ends_the_handle_of_each_main)
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(main_that_is_joined)), 6);
    check_eq(bide_runner_run(&runner, bide_co(some_turns, 2)), 0);
    check_notes("joined:6 main");
    check_eq(bide_result(first_main), 6);
    check_str(bide_task_name(first_main), "main_that_is_joined");
    bide_runner_close(&runner);
    return 0;
}

/* ---- stop ---- */

static void stop(void *loop)
{
    note("stop");
    bide_stop(loop);
}

static int three_notes(void)
{
    for (int i = 1; i <= 3; i++) {
        note("%d", i);
        if (i == 2)
            bide_stop(bide_get_running_loop());
        bide(bide_sleep(0));
    }
    return 9;
}
bide_async(three_notes);

unit_test(stop_interrupts_a_main_that_can_be_resumed) /* B11 */
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, &quiet), 0);
    check_error(bide_runner_resume(&runner), EINVAL);
    check_error(bide_runner_run(&runner, bide_co(three_notes)), EAGAIN);
    check_str(bide_strerror(-EAGAIN), "the loop was stopped before 'three_notes' had ended");
    check_notes("1 2");
    check_error(bide_runner_run(&runner, bide_co(answer, 1)), EALREADY);
    check_eq(bide_runner_resume(&runner), 9);
    check_notes("3");
    check_error(bide_runner_resume(&runner), EINVAL);
    check_eq(bide_runner_run(&runner, bide_co(answer, 1)), 1);
    return 0;
}

unit_test(stop_then_forever_then_resume_gives_the_result)
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, &quiet), 0);
    check_error(bide_runner_run(&runner, bide_co(three_notes)), EAGAIN);
    check_eq(bide_call_later(bide_runner_get_loop(&runner), 0.01, stop, bide_runner_get_loop(&runner), NULL), 0);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("1 2 3 stop");
    check_eq(bide_runner_resume(&runner), 9);
    return 0;
}

static int stop_and_wait(void)
{
    bide_stop(bide_get_running_loop());
    int err = bide_sleep(3600);
    note("main:%d", err);
    return err;
}
bide_async(stop_and_wait);

unit_test(stop_of_plain_run_cancels_main) /* B11 */
{
    check_error(bide_run_with(bide_co(stop_and_wait), &quiet), EAGAIN);
    check_notes("main:-125");
    return 0;
}

unit_test(close_cancels_a_main_that_was_stopped)
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, &quiet), 0);
    check_error(bide_runner_run(&runner, bide_co(stop_and_wait)), EAGAIN);
    check_notes("");
    bide_runner_close(&runner);
    check_notes("main:-125");
    return 0;
}

static void note_it(void *text)
{
    note("%s", (const char *)text);
}

static void schedule_another_and_stop(void *loop)
{
    note("first");
    bide_stop(loop);
    check_eq(bide_call_soon(loop, note_it, "third", NULL), 0);
}

unit_test(stop_lets_the_turn_end_and_keeps_the_rest) /* B9 */
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    bide_loop *loop = bide_runner_get_loop(&runner);
    check_eq(bide_call_soon(loop, schedule_another_and_stop, loop, NULL), 0);
    check_eq(bide_call_soon(loop, note_it, "second", NULL), 0);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("first second");
    check_eq(bide_call_soon(loop, stop, loop, NULL), 0);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("third stop");
    return 0;
}

static int busy(void)
{
    for (int err = 0; err == 0;) {
        err = bide_sleep(0);
        note("b");
    }
    return 0;
}
bide_async(busy);

static int begin_busy(void)
{
    return bide_start(NULL, bide_co(busy));
}
bide_async(begin_busy);

unit_test(stop_is_not_put_off_by_busy_tasks) /* B9 */
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(begin_busy)), 0);
    bide_loop *loop = bide_runner_get_loop(&runner);
    check_eq(bide_call_soon(loop, stop, loop, NULL), 0);
    notes[0] = 0;
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("stop");
    check_eq(bide_call_soon(loop, stop, loop, NULL), 0);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("b stop");
    bide_runner_close(&runner);
    return 0;
}

unit_test(stop_before_the_run_makes_one_turn) /* B10 */
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    bide_loop *loop = bide_runner_get_loop(&runner);
    check_eq(bide_call_soon(loop, note_it, "once", NULL), 0);
    bide_stop(loop);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_notes("once");
    bide_stop(loop);
    check_eq(bide_runner_run_forever(&runner), 0); /* nothing is ready, and it does not wait */
    return 0;
}

unit_test(stop_before_main_has_begun)
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, &quiet), 0);
    bide_stop(bide_runner_get_loop(&runner));
    check_error(bide_runner_run(&runner, bide_co(answer, 5)), EAGAIN);
    check_eq(bide_runner_resume(&runner), 5);
    bide_stop(bide_runner_get_loop(&runner));
    check_error(bide_runner_run(&runner, bide_co(some_turns, 5)), EAGAIN);
    bide_runner_close(&runner); /* it is cancelled, and comes to its end */
    check_notes("main");
    return 0;
}
