/*
 * Ctrl-C and SIGTERM of runners. The names in comments (A11, ...) are those of the rules in docs/semantics.md. Ctrl-C
 * of plain runs is in test_interrupt.c.
 */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notes.h"

static int send_signal(int number)
{
    return kill(getpid(), number) == 0 ? 0 : -errno;
}
bide_async(send_signal, int);

static int wait_for_signal(int number)
{
    bide(bide_to_thread(bide_co(send_signal, number)));
    int err = bide_sleep(3600);
    note("main:%d", err);
    return err;
}
bide_async(wait_for_signal, int);

static int three(void)
{
    return 3;
}
bide_async(three);

static bool is_default(int number)
{
    struct sigaction action;

    check_eq(sigaction(number, NULL, &action), 0);
    return action.sa_handler == SIG_DFL;
}

static const bide_run_options both = { .terminate_like_interrupt = true };

unit_test(terminate_like_interrupt_cancels_main)
{
    check_error(bide_run_with(bide_co(wait_for_signal, SIGTERM), &both), EINTR);
    check_notes("main:-125");
    check_eq(bide_interrupting_signal(), SIGTERM);
    check(is_default(SIGTERM) && is_default(SIGINT));
    check_error(bide_run_with(bide_co(wait_for_signal, SIGINT), &both), EINTR);
    check_eq(bide_interrupting_signal(), SIGINT);
    check_eq(bide_run(bide_co(three)), 3);
    check_eq(bide_interrupting_signal(), 0);
    notes[0] = 0;
    return 0;
}

/* How a process ends that runs `wait_for_signal(SIGTERM)` with these options and returns what the header says. */
static int status_of(const bide_run_options *options)
{
    int status;
    pid_t child = fork();

    check(child >= 0);
    if (child == 0) {
        int err = bide_run_with(bide_co(wait_for_signal, SIGTERM), options);

        _exit(err == -EINTR ? 128 + bide_interrupting_signal() : err < 0);
    }
    check_eq(waitpid(child, &status, 0), child);
    return status;
}

unit_test(terminate_gives_143_or_kills)
{
    int status = status_of(&both);

    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 143);
    status = status_of(NULL);
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGTERM);
    return 0;
}

unit_test(interrupt_of_one_run_leaves_the_next_alone) /* A11, A15 */
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, &both), 0);
    for (int i = 0; i < 3; i++) {
        check_error(bide_runner_run(&runner, bide_co(wait_for_signal, i == 1 ? SIGTERM : SIGINT)), EINTR);
        check_eq(bide_interrupting_signal(), i == 1 ? SIGTERM : SIGINT);
        check(is_default(SIGINT) && is_default(SIGTERM)); /* between runs it is as if we had never been there */
        check_eq(bide_runner_run(&runner, bide_co(three)), 3);
        check_eq(bide_interrupting_signal(), 0);
    }
    return 0;
}

static void own_handler(void *argument)
{
    (void)argument;
    note("own");
}

static int take_the_signal(void)
{
    return bide_add_signal_handler(bide_get_running_loop(), SIGINT, own_handler, NULL);
}
bide_async(take_the_signal);

static int raise_it(void)
{
    bide(bide_to_thread(bide_co(send_signal, SIGINT)));
    turns(3);
    return 4;
}
bide_async(raise_it);

unit_test(handler_that_main_has_set_stays)
{
    bide_runner runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(take_the_signal)), 0);
    check(!is_default(SIGINT));
    check_eq(bide_runner_run(&runner, bide_co(raise_it)), 4);
    bide_runner_close(&runner);
    check_notes("own");
    check(is_default(SIGINT)); /* R4 */
    return 0;
}

static int send_from_thread(void)
{
    bide(bide_to_thread(bide_co(send_signal, SIGINT)));
    return bide_sleep(3600);
}
bide_async(send_from_thread);

static int begin_one_that_sends(void)
{
    return bide_start(NULL, bide_co(send_from_thread));
}
bide_async(begin_one_that_sends);

unit_test(interrupt_ends_run_forever)
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, NULL), 0);
    check_eq(bide_runner_run(&runner, bide_co(begin_one_that_sends)), 0);
    check_error(bide_runner_run_forever(&runner), EINTR);
    check_eq(bide_interrupting_signal(), SIGINT);
    return 0;
}
