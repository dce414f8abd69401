/*
 * Ctrl-C. The names in comments (A11, ...) are those of the rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "capture.h"
#include "notes.h"

/* Ctrl-C from a thread, which is where no task can be interrupted by it. */
static int interrupt_process(void)
{
    return kill(getpid(), SIGINT) == 0 ? 0 : -errno;
}
bide_async(interrupt_process);

static int background(double seconds)
{
    note("background:%d", bide_sleep(seconds));
    return 0;
}
bide_async(background, double);

/* Starts a background task and a Ctrl-C, then waits; `then` says what it does about being cancelled. */
static int wait_for_interrupt(int then)
{
    bide(bide_start(NULL, bide_co(background, 3600)));
    bide(bide_to_thread(bide_co(interrupt_process)));
    int err = bide_sleep(3600);
    note("main:%d", err);
    bide_shield (60) {
        (void)bide_sleep(0.005);
    }
    return then == 1 ? 0 : then < 0 ? bide_fail(then, "another error") : err;
}
bide_async(wait_for_interrupt, int);

unit_test(interrupt_cancels_main) /* A11, A12 */
{
    struct sigaction action;

    capture_begin();
    int err = bide_run(bide_co(wait_for_interrupt, 0));
    capture_end();
    check_error(err, EINTR);
    check_notes("main:-125 background:-125"); /* the background is cancelled at the end, not by Ctrl-C */
    check_str(captured, "");
    check_eq(sigaction(SIGINT, NULL, &action), 0);
    check(action.sa_handler == SIG_DFL); /* A15 */
    return 0;
}

unit_test(interrupt_that_main_swallows) /* A12 */
{
    check_eq(bide_run(bide_co(wait_for_interrupt, 1)), 0);
    check_notes("main:-125 background:-125");
    return 0;
}

unit_test(interrupt_and_another_error) /* A12 */
{
    check_error(bide_run_with(bide_co(wait_for_interrupt, -EIO), &(bide_run_options){ .quiet = true }), EIO);
    check_str(bide_strerror(-EIO), "another error");
    return 0;
}

unit_test(interrupt_in_each_of_two_runs)
{
    for (int i = 0; i < 2; i++)
        check_error(bide_run(bide_co(wait_for_interrupt, 0)), EINTR);
    check_notes("main:-125 background:-125 main:-125 background:-125");
    return 0;
}

static int fetch_handler(struct sigaction *ret_action)
{
    return sigaction(SIGINT, NULL, ret_action);
}
bide_async(fetch_handler, struct sigaction *);

static void own_handler(int number)
{
    (void)number;
    note("own");
}

static int interrupt_and_go_on(void)
{
    bide(bide_to_thread(bide_co(interrupt_process)));
    return bide_sleep(0.002);
}
bide_async(interrupt_and_go_on);

unit_test(interrupt_handler_of_the_user_is_left_alone) /* A15 */
{
    struct sigaction own = { .sa_handler = own_handler }, action;

    check_eq(sigaction(SIGINT, &own, NULL), 0);
    check_eq(bide_run(bide_co(interrupt_and_go_on)), 0);
    check_notes("own");
    check_eq(sigaction(SIGINT, NULL, &action), 0);
    check(action.sa_handler == own_handler);
    return 0;
}

unit_test(interrupt_ignored_by_the_user_stays_ignored)
{
    signal(SIGINT, SIG_IGN);
    return bide_run(bide_co(interrupt_and_go_on));
}

static int interrupt_while_it_is_cleaned_up(void)
{
    int err = bide_sleep(3600);

    bide_shield (60) {
        bide(bide_to_thread(bide_co(interrupt_process)));
        (void)bide_sleep(0.002);
    }
    note("cleaned up");
    return err;
}
bide_async(interrupt_while_it_is_cleaned_up);

static int leave_one_over(void)
{
    bide(bide_start(NULL, bide_co(interrupt_while_it_is_cleaned_up)));
    return bide_sleep(0);
}
bide_async(leave_one_over);

unit_test(interrupt_does_not_cut_short_what_the_end_of_main_cancels)
{
    check_eq(bide_run(bide_co(leave_one_over)), 0);
    check_notes("cleaned up");
    return 0;
}

unit_test(interrupt_option_off)
{
    struct sigaction action;

    check_eq(bide_run_with(bide_co(fetch_handler, &action), &(bide_run_options){ .no_interrupt = true }), 0);
    check(action.sa_handler == SIG_DFL);
    check_eq(bide_run(bide_co(fetch_handler, &action)), 0);
    check(action.sa_handler != SIG_DFL);
    return 0;
}

static void *run_in_thread(void *argument)
{
    check_eq(bide_run(bide_co(fetch_handler, argument)), 0);
    return NULL;
}

unit_test(interrupt_is_for_the_main_thread_only) /* A15 */
{
    struct sigaction action;
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, run_in_thread, &action), 0);
    check_eq(pthread_join(thread, NULL), 0);
    check(action.sa_handler == SIG_DFL);
    return 0;
}

/* Deaf to the first Ctrl-C. */
static int deaf(void)
{
    for (int i = 0; i < 1000; i++) {
        bide_shield (60) {
            (void)bide_to_thread(bide_co(interrupt_process));
            (void)bide_sleep(0.001);
        }
    }
    return 0;
}
bide_async(deaf);

unit_test(interrupt_twice_ends_the_process) /* A14 */
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        bide_run(bide_co(deaf));
        _exit(0);
    }
    check_eq(waitpid(child, &status, 0), child);
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGINT);
    return 0;
}

static int compute(void)
{
    check_eq(kill(getpid(), SIGINT), 0);
    for (volatile int i = 0; i < 1000; i++) /* not waiting: nothing happens here */
        check(!bide_cancelled());
    return bide_sleep(3600);
}
bide_async(compute);

unit_test(interrupt_while_main_computes_comes_at_its_next_wait)
{
    check_error(bide_run(bide_co(compute)), EINTR);
    return 0;
}
