/*
 * Signals as callbacks of the loop.
 */
#include "support_loop.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct bide_loop loop, second_loop;
static int calls;

static void count(void *counter)
{
    (*(int *)counter)++;
}

static void count_and_stop(void *counter)
{
    count(counter);
    stop_loop(&loop);
}

static void must_not_run(void *unused)
{
    const bool a_removed_handler_ran = true;

    (void)unused;
    check(!a_removed_handler_ran);
}

unit_test(a_signal_is_a_callback)
{
    open_loop(&loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count_and_stop, &calls), 0);
    check_eq(raise(SIGUSR1), 0);
    check_eq(calls, 0); /* not in the handler, in the loop */
    run_loop(&loop);
    check_eq(calls, 1);
    bide__loop_close(&loop);
    return 0;
}

unit_test(signals_that_come_together_are_one_call)
{
    open_loop(&loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count, &calls), 0);
    for (int i = 0; i < 100; i++)
        check_eq(raise(SIGUSR1), 0);
    poll_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 1);
    check_eq(raise(SIGUSR1), 0);
    poll_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 2);
    bide__loop_close(&loop);
    return 0;
}

unit_test(several_signals)
{
    int first = 0, second = 0;

    open_loop(&loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count, &first), 0);
    check_eq(bide_add_signal_handler(&loop, SIGUSR2, count_and_stop, &second), 0);
    check_eq(raise(SIGUSR2), 0);
    check_eq(raise(SIGUSR1), 0);
    run_loop(&loop);
    check_eq(first, 1);
    check_eq(second, 1);
    check(bide_remove_signal_handler(&loop, SIGUSR1));
    check_eq(raise(SIGUSR2), 0); /* the other one is still there */
    run_loop(&loop);
    check_eq(second, 2);
    bide__loop_close(&loop);
    return 0;
}

unit_test(adding_again_replaces)
{
    open_loop(&loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, must_not_run, NULL), 0);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count_and_stop, &calls), 0);
    check_eq(raise(SIGUSR1), 0);
    run_loop(&loop);
    check_eq(calls, 1);
    bide__loop_close(&loop);
    return 0;
}

static volatile sig_atomic_t earlier_handler_ran;

static void earlier_handler(int number)
{
    (void)number;
    earlier_handler_ran++;
}

unit_test(removing_restores_what_was_before)
{
    struct sigaction before = { .sa_handler = earlier_handler, .sa_flags = SA_NODEFER }, after;

    sigemptyset(&before.sa_mask);
    check_eq(sigaction(SIGUSR1, &before, NULL), 0);
    open_loop(&loop);
    check(!bide_remove_signal_handler(&loop, SIGUSR1));
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, must_not_run, NULL), 0);
    check(bide_remove_signal_handler(&loop, SIGUSR1));
    check(!bide_remove_signal_handler(&loop, SIGUSR1));
    check_eq(raise(SIGUSR1), 0);
    check_eq((int)earlier_handler_ran, 1);
    poll_loop(&loop);

    /* the end of the loop does the same */
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, must_not_run, NULL), 0);
    check_eq(bide_add_signal_handler(&loop, SIGUSR2, must_not_run, NULL), 0);
    bide__loop_close(&loop);
    check_eq(raise(SIGUSR1), 0);
    check_eq((int)earlier_handler_ran, 2);
    check_eq(sigaction(SIGUSR1, NULL, &after), 0);
    check_eq(after.sa_flags & SA_NODEFER, SA_NODEFER);
    check_eq(sigaction(SIGUSR2, NULL, &after), 0);
    check(after.sa_handler == SIG_DFL);
    return 0;
}

unit_test(removed_between_the_signal_and_its_call)
{
    open_loop(&loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, must_not_run, NULL), 0);
    check_eq(raise(SIGUSR1), 0);
    check(bide_remove_signal_handler(&loop, SIGUSR1));
    poll_loop(&loop);
    poll_loop(&loop);
    bide__loop_close(&loop);
    return 0;
}

unit_test(refusals)
{
    open_loop(&loop);
    check_error(bide_add_signal_handler(&loop, SIGKILL, must_not_run, NULL), EINVAL);
    check_error(bide_add_signal_handler(&loop, SIGSTOP, must_not_run, NULL), EINVAL);
    check_error(bide_add_signal_handler(&loop, 0, must_not_run, NULL), EINVAL);
    check_error(bide_add_signal_handler(&loop, -1, must_not_run, NULL), EINVAL);
    check_error(bide_add_signal_handler(&loop, NSIG, must_not_run, NULL), EINVAL);
    check(!bide_remove_signal_handler(&loop, 0));
    check(!bide_remove_signal_handler(&loop, NSIG));

    /* signals belong to the process: one loop has them, and after a refusal nobody */
    open_loop(&second_loop);
    check_eq(bide_add_signal_handler(&second_loop, SIGUSR1, must_not_run, NULL), 0);
    check_error(bide_add_signal_handler(&loop, SIGUSR1, must_not_run, NULL), EBUSY);
    check_error(bide_add_signal_handler(&loop, SIGUSR2, must_not_run, NULL), EBUSY);
    check(!bide_remove_signal_handler(&loop, SIGUSR1));
    bide__loop_close(&second_loop);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count_and_stop, &calls), 0);
    check_eq(raise(SIGUSR1), 0);
    run_loop(&loop);
    check_eq(calls, 1);
    bide__loop_close(&loop);
    return 0;
}

static void *send_signals(void *main_thread)
{
    for (int i = 0; i < 200; i++)
        check_eq(pthread_kill(*(const pthread_t *)main_thread, SIGUSR1), 0);
    check_eq(pthread_kill(*(const pthread_t *)main_thread, SIGUSR2), 0);
    return NULL;
}

/* Signals that interrupt the loop wherever it is, also in the kernel: nothing gets lost, and the last one is heard. */
unit_test(a_sleeping_loop_hears_signals)
{
    struct trial trial;
    pthread_t thread, self = pthread_self();
    int pair[2], last = 0;
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_signal_handler(&loop, SIGUSR1, count, &calls), 0);
    check_eq(bide_add_signal_handler(&loop, SIGUSR2, count_and_stop, &last), 0);
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    for (int round = 0; round < 10; round++) {
        check_eq(pthread_create(&thread, NULL, send_signals, &self), 0);
        run_loop(&loop);
        check_eq(last, round + 1);
        check_eq(pthread_join(thread, NULL), 0);
    }
    check(calls >= 10);
    check_eq(trial.ended, 0); /* no signal was taken for a result */
    put(pair[1], "abc");
    check_eq(end(&loop, &trial), 3);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}
