/*
 * Rules A, B and R: what asyncio's run(), loop and signals do, where tests/task and tests/loop have no test with the
 * rule's name.
 */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../task/notes.h"

static int cancel_it(bide_task *task)
{
    bide_cancel(task);
    return 0;
}
bide_async(cancel_it, bide_task *);

static int wait_for_both(void)
{
    bide_start(NULL, bide_co(cancel_it, bide_current_task()));
    raise(SIGINT);
    turns(3);
    return bide_sleep(3600);
}
bide_async(wait_for_both);

unit_test(
    A13_ctrl_c_is_reported_also_when_somebody_else_cancelled_main) /* differs: asyncio counts, and reports the cancellation */
{
    check_error(bide_run(bide_co(wait_for_both)), EINTR);
    return 0;
}

bide_test(B13_a_refused_run_leaves_the_running_loop_alone)
{
    bide_loop *loop = bide_get_running_loop();

    check(loop);
    check_error(bide_run(bide_co(wait_for_both)), EDEADLK);
    check_eq(bide_get_running_loop(), loop);
    check_eq(bide_sleep(0.001), 0);
    check_error(bide_run(bide_co(wait_for_both)), EDEADLK); /* it still knows */
    return 0;
}

static int pipe_ends[2], reads;

static void read_and_stop(void *loop)
{
    char byte;

    check_eq(read(pipe_ends[0], &byte, 1), 1);
    reads++;
    bide_stop(loop);
}

static void stop_it(void *loop)
{
    bide_stop(loop);
}

unit_test(B12_a_descriptor_is_reported_once_over_a_stop)
{
    bide_auto(runner) runner = { 0 };

    check_eq(pipe(pipe_ends), 0);
    check_eq(bide_runner_open(&runner, NULL), 0);
    bide_loop *loop = bide_runner_get_loop(&runner);
    check_eq(bide_add_reader(loop, pipe_ends[0], read_and_stop, loop), 0);
    check_eq(write(pipe_ends[1], "x", 1), 1);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_eq(reads, 1);
    check_eq(bide_call_later(loop, 0.01, stop_it, loop, NULL), 0);
    check_eq(bide_runner_run_forever(&runner), 0);
    check_eq(reads, 1);
    check(bide_remove_reader(loop, pipe_ends[0]));
    bide_runner_close(&runner);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return 0;
}

static double called_at;

static void remember_the_time(void *event)
{
    called_at = bide_time();
    bide_event_set(event);
}

bide_test(B23_call_at_uses_the_clock_of_the_loop)
{
    bide_event event = { 0 };
    double when = bide_time() + 0.02;

    check_eq(bide_call_at(bide_get_running_loop(), when, remember_the_time, &event, NULL), 0);
    check_eq(bide_event_wait(&event), 0);
    check(called_at >= when);
    check(called_at < when + 0.5 * check_slowness());
    return 0;
}

static void no_matter(int signal_number)
{
    (void)signal_number;
}

static int handle_a_signal(void)
{
    bide_event event = { 0 };

    check_eq(bide_add_signal_handler(bide_get_running_loop(), SIGUSR1, remember_the_time, &event), 0);
    raise(SIGUSR1);
    return bide_event_wait(&event);
}
bide_async(handle_a_signal);

unit_test(R4_the_end_of_run_restores_what_signals_did)
{
    struct sigaction action;

    check_eq(bide_run(bide_co(handle_a_signal)), 0);
    check_eq(sigaction(SIGUSR1, NULL, &action), 0);
    check(action.sa_handler == SIG_DFL);
    check(signal(SIGUSR1, no_matter) != SIG_ERR);
    check_eq(bide_run(bide_co(handle_a_signal)), 0);
    check_eq(sigaction(SIGUSR1, NULL, &action), 0);
    check(action.sa_handler == no_matter);
    return 0;
}
