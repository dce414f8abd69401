/* Processes: waiting for the end, signals, stopping, closing. */
#include "support_io.h"
#include "support_process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

bide_test(the_return_code_is_that_of_the_program)
{
    check_script("exit 0", NULL, 0);
    check_script("exit 7", NULL, 7);
    check_script("exit 255", NULL, 255);
    check_eq(count_children(), 0);
    return 0;
}

/* S2 */
static int wait_and_note(bide_process *process, int *ret_code)
{
    return bide_process_wait(process, ret_code);
}
bide_async(wait_and_note, bide_process *, int *);

bide_test(many_tasks_wait_for_one_process_many_times)
{
    enum { WAITERS = 5 };
    bide_process *process = start_sleeper();
    int codes[WAITERS] = { 0 }, code = 0, err;

    check_eq(bide_process_returncode(process), BIDE_RUNNING);
    check(bide_process_pid(process) > 0);
    bide_task_group (group, err) {
        for (int i = 0; i < WAITERS; i++)
            bide_start(group, bide_co(wait_and_note, process, &codes[i]));
        steps(3);
        check_eq(bide_process_kill(process), 0);
    }
    check_eq(err, 0);
    for (int i = 0; i < WAITERS; i++)
        check_eq(codes[i], -SIGKILL);
    for (int i = 0; i < 3; i++) {
        check_eq(bide_process_wait(process, &code), 0);
        check_eq(code, -SIGKILL);
    }
    check_eq(bide_process_returncode(process), -SIGKILL);
    bide_process_close(process);
    return 0;
}

bide_test(a_signal_that_ends_a_process_is_its_negative_return_code)
{
    static const int numbers[] = { SIGTERM, SIGKILL, SIGUSR1, SIGHUP, 34 };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        bide_process *process = start_sleeper();
        int code = 0;

        check_eq(bide_process_send_signal(process, numbers[i]), 0);
        check_eq(bide_process_wait(process, &code), 0);
        check_eq(code, -numbers[i]);
        bide_process_close(process);
    }
    return 0;
}

bide_test(the_end_is_noticed_without_a_wait)
{
    bide_process *process = start_script("exit 4", NULL);

    await_zombie(bide_process_pid(process));
    check_eq(bide_process_returncode(process), 4); /* it looks */
    bide_process_close(process);
    process = start_script("exit 5", NULL);
    while (count_children()) /* and the loop reaps by itself */
        check_eq(bide_sleep(0.001), 0);
    check_eq(bide_process_returncode(process), 5);
    bide_process_close(process);
    return 0;
}

/* S3 */
bide_test(a_cancelled_wait_leaves_the_process_alone)
{
    bide_process *process = start_sleeper();
    int code = 1, err;

    bide_timeout (0.01, err) {
        err = bide_process_wait(process, &code);
    }
    check_eq(err, -ETIMEDOUT);
    check_eq(code, 1);
    check_eq(bide_process_returncode(process), BIDE_RUNNING);
    check_eq(kill(bide_process_pid(process), 0), 0);
    check_eq(bide_process_terminate(process), 0);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, -SIGTERM);
    bide_process_close(process);
    return 0;
}

/* S4: the grandchild holds what would be the pipes, and lives on. */
bide_test(a_grandchild_does_not_delay_the_end)
{
    int ends[2], code;
    pid_t grandchild = 0;

    check_eq(pipe2(ends, O_CLOEXEC), 0);
    const bide_process_options options = { .stdout_to = ends[1] };
    bide_process *process = start_script("sleep 1000 & echo $!; exit 2", &options);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, 2);
    char text[32] = "";
    check(read(ends[0], text, sizeof text - 1) > 0);
    grandchild = atoi(text);
    check(grandchild > 0 && kill(grandchild, SIGKILL) == 0);
    bide_process_close(process);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* S8 */
bide_test(a_process_that_has_ended_is_never_signalled)
{
    bide_process *process = start_script("exit 0", NULL);

    await_zombie(bide_process_pid(process));
    check_eq(bide_process_terminate(process), 0); /* ended, but not reaped: nobody else has its number */
    check_eq(bide_process_wait(process, NULL), 0);
    check_error(bide_process_send_signal(process, SIGKILL), ESRCH, "it has ended");
    check_error(bide_process_terminate(process), ESRCH);
    check_error(bide_process_kill(process), ESRCH);
    check_eq(bide_process_stop(process, 1), 0);
    check_eq(bide_process_returncode(process), 0);
    bide_process_close(process);
    return 0;
}

bide_test(a_signal_that_does_not_exist_is_refused)
{
    bide_process *process = start_sleeper();

    check_error(bide_process_send_signal(process, 12345), EINVAL, "signal 12345 to 'sleep'");
    check_eq(bide_process_send_signal(process, 0), 0);
    bide_process_close(process);
    return 0;
}

/* S7 */
bide_test(a_cancelled_creation_starts_nothing)
{
    bide_process *process = NULL;
    int err;

    bide_timeout (0, err) {
        err = bide_create_subprocess_shell("exit 0", NULL, &process);
    }
    check_eq(err, -ETIMEDOUT);
    check_eq((void *)process, NULL);
    check_eq(count_children(), 0);
    return 0;
}

/* S10 */
bide_test(closing_kills_what_runs)
{
    bide_process *process = start_sleeper();
    pid_t pid = bide_process_pid(process);

    bide_process_close(process);
    check_eq(kill(pid, 0), -1);
    check_eq(errno, ESRCH);
    check_eq(count_children(), 0);
    return 0;
}

bide_test(closing_does_not_kill_what_has_ended)
{
    bide_process *process = start_script("exit 1", NULL);

    await_zombie(bide_process_pid(process));
    bide_process_close(process); /* not seen yet: reaped all the same */
    check_eq(count_children(), 0);
    process = start_script("exit 1", NULL);
    check_eq(bide_process_wait(process, NULL), 0);
    bide_process_close(process);
    bide_process_close(NULL);
    return 0;
}

static int close_when_cancelled(pid_t *ret_pid)
{
    bide_auto(process) *process = start_sleeper();

    *ret_pid = bide_process_pid(process);
    return bide_process_wait(process, NULL);
}
bide_async(close_when_cancelled, pid_t *);

bide_test(closing_in_a_cancelled_scope_closes)
{
    pid_t pid = 0;

    check_error(bide_wait_for(bide_co(close_when_cancelled, &pid), 0.01), ETIMEDOUT);
    check(pid > 0);
    check_eq(kill(pid, 0), -1);
    check_eq(count_children(), 0);
    return 0;
}

static void close_in_callback(void *process)
{
    bide_process_close(process);
}

bide_test(closing_outside_of_a_task_ends_in_the_background)
{
    bide_process *process = start_sleeper();
    int before = count_descriptors();

    check_eq(bide_call_soon(bide_get_running_loop(), close_in_callback, process, NULL), 0);
    while (count_children())
        check_eq(bide_sleep(0.001), 0);
    check(count_descriptors() <= before);
    return 0;
}

bide_test(stop_is_polite_first)
{
    bide_process *process = start_script("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done", NULL);
    int code;

    bide_process_close(process);
    process = start_sleeper();
    check_eq(bide_process_stop(process, 60), 0);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, -SIGTERM);
    bide_process_close(process);
    return 0;
}

bide_test(stop_kills_what_does_not_listen)
{
    int ends[2], code;
    char byte;

    check_eq(pipe2(ends, O_CLOEXEC), 0);
    const bide_process_options options = { .stdout_to = ends[1] };
    bide_process *process = start_script("trap '' TERM; echo; sleep 1000", &options);
    check_eq(read(ends[0], &byte, 1), 1); /* the trap is set */
    check_eq(bide_process_stop(process, 0.05), 0);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, -SIGKILL);
    bide_process_close(process);
    process = start_sleeper();
    check_eq(bide_process_stop(process, 0), 0);
    check_eq(bide_process_returncode(process), -SIGKILL);
    bide_process_close(process);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

bide_test(stop_that_is_cancelled_kills_at_once)
{
    int ends[2], err, code;
    char byte;

    check_eq(pipe2(ends, O_CLOEXEC), 0);
    const bide_process_options options = { .stdout_to = ends[1] };
    bide_process *process = start_script("trap '' TERM; echo; sleep 1000", &options);
    check_eq(read(ends[0], &byte, 1), 1);
    bide_timeout (0.05, err) {
        err = bide_process_stop(process, 1000);
        check_eq(err, 0); /* it did happen */
    }
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, -SIGKILL);
    bide_process_close(process);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* S13 */
static int live_elsewhere(void)
{
    check_script("exit 5", NULL, 5);
    bide_process *process = start_sleeper();
    check_eq(bide_process_stop(process, 10), 0);
    check_eq(bide_process_returncode(process), -SIGTERM);
    bide_process_close(process);
    return 0;
}
bide_async(live_elsewhere);

static void *thread_with_loop(void *ret_result)
{
    *(int *)ret_result = bide_run(bide_co(live_elsewhere));
    return NULL;
}

unit_test(a_loop_outside_of_the_main_thread)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    int results[THREADS] = { 1, 1, 1 };

    for (int i = 0; i < THREADS; i++)
        check_eq(pthread_create(&threads[i], NULL, thread_with_loop, &results[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        check_eq(pthread_join(threads[i], NULL), 0);
        check_eq(results[i], 0);
    }
    return 0;
}

/* Historical: gh-76296. The kernel reaps by itself; the end comes all the same, and on a new kernel the code too. */
bide_test(a_program_that_ignores_sigchld)
{
    int code;

    signal(SIGCHLD, SIG_IGN);
    bide_process *process = start_script("exit 5", NULL);
    check_eq(bide_process_wait(process, &code), 0);
    check(code == 5 || code == 255);
    check_error(bide_process_kill(process), ESRCH);
    bide_process_close(process);
    process = start_sleeper();
    check_eq(bide_process_kill(process), 0);
    check_eq(bide_process_wait(process, &code), 0);
    check(code == -SIGKILL || code == 255);
    bide_process_close(process);
    process = start_sleeper();
    bide_process_close(process);
    check_error(bide_create_subprocess_exec(bide_arguments("/nowhere"), NULL, &process), ENOENT);
    return 0;
}

bide_test(a_child_that_somebody_else_reaps)
{
    int code;
    bide_process *process = start_script("exit 5", NULL);

    check_eq(waitpid(bide_process_pid(process), NULL, 0), bide_process_pid(process));
    check_error(bide_process_kill(process), ESRCH); /* and not whoever has the number now */
    check_eq(bide_process_wait(process, &code), 0);
    check(code == 5 || code == 255);
    bide_process_close(process);
    return 0;
}

bide_test(many_at_once_leave_nothing)
{
    enum { COUNT = 60 };
    bide_process *processes[COUNT];
    int code;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            char script[32];

            snprintf(script, sizeof script, "exit %d", i);
            processes[i] = start_script(script, NULL);
        }
        for (int i = 0; i < COUNT; i++) {
            check_eq(bide_process_wait(processes[i], &code), 0);
            check_eq(code, i);
            bide_process_close(processes[i]);
        }
    }
    check_eq(count_children(), 0);
    return 0;
}
