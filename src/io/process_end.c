/*
 * The end of a process: how it is noticed, and what it left as its return code.
 *
 * A pidfd becomes readable when the process has ended; the loop watches it like any descriptor of somebody else's, and
 * reaps at once, whether anybody waits or not, so there are no zombies. Where there are no pidfds (before Linux 5.3,
 * under some seccomp filters, emulators and Valgrind) a thread waits for the process without reaping it. Either way
 * only the loop's thread reaps, so between a look and a signal the number cannot become another process's.
 *
 * Must never happen: a process reaped twice; a waiter that is not woken; a signal to a number that was reaped.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/process.h"
#include "task/wait.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

enum { BY_PIDFD = 3 /* P_PIDFD */, UNKNOWN_CODE = 255 };

#define DEATH_SECONDS 2.0 /* how long a close waits for the kernel to end what was killed */

/* What pidfs tells of a process since Linux 6.15, also when it was reaped; the first version of its structure. */
struct exit_information {
    uint64_t mask, cgroup;
    uint32_t numbers[11];
    int32_t status;
};
#define GET_EXIT_INFORMATION _IOWR(0xff, 11, struct exit_information)
#define INFORMATION_EXIT ((uint64_t)1 << 3)

struct bide__process_thread {
    struct bide__remote remote;
    pthread_t thread;
    struct bide_process *process;
    struct bide_loop *loop;
    pid_t pid;
    bool joined;
};

static int code_of_status(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Somebody else has reaped it, or the kernel itself, because SIGCHLD is ignored. */
static int code_of_the_reaped(int descriptor)
{
    struct exit_information information = { .mask = INFORMATION_EXIT };

    if (descriptor >= 0 && ioctl(descriptor, GET_EXIT_INFORMATION, &information) == 0 &&
        information.mask & INFORMATION_EXIT)
        return code_of_status(information.status);
    return UNKNOWN_CODE;
}

/* True when the process has ended; it is reaped then. */
static bool reap(const struct bide_process *process, int flags, int *ret_code)
{
    siginfo_t information = { 0 };
    int err;

    do {
        err = -1;
        errno = EINVAL;
        if (process->descriptor >= 0)
            err = waitid((idtype_t)BY_PIDFD, (id_t)process->descriptor, &information, WEXITED | flags);
        if (err < 0 && errno == EINVAL)
            err = waitid(P_PID, (id_t)process->pid, &information, WEXITED | flags);
    } while (err < 0 && errno == EINTR);
    if (err < 0)
        *ret_code = code_of_the_reaped(process->descriptor);
    else if (information.si_pid == 0)
        return false;
    else
        *ret_code = information.si_code == CLD_EXITED ? information.si_status : -information.si_status;
    return true;
}

static void has_ended(struct bide_process *process, int code)
{
    struct bide__waiter *waiter;

    process->returncode = code;
    if (process->descriptor >= 0) {
        bide_remove_reader(process->loop, process->descriptor);
        close(process->descriptor);
        process->descriptor = -1;
    }
    while ((waiter = bide__wait_list_take(&process->waiters)))
        bide__wake(waiter, 0);
    if (process->closing)
        bide__wake(process->closing, 0);
    else if (process->abandoned)
        bide__process_free(process);
}

void bide__process_look(struct bide_process *process)
{
    int code;

    /* a thread that waits for it must have seen the end first: it would wait for the next owner of the number */
    if (process->returncode == BIDE_RUNNING && !process->thread && reap(process, WNOHANG, &code))
        has_ended(process, code);
}

/* ---- watching ---- */

static void on_readable(void *argument)
{
    bide__process_look(argument);
}

static void *thread_main(void *argument)
{
    struct bide__process_thread *thread = argument;
    siginfo_t information;

    while (waitid(P_PID, (id_t)thread->pid, &information, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    bide__remote_post(thread->loop, &thread->remote);
    return NULL;
}

static void thread_has_ended(struct bide__remote *remote)
{
    struct bide__process_thread *thread = (struct bide__process_thread *)remote;
    struct bide_process *process = thread->process;

    if (!thread->joined)
        pthread_join(thread->thread, NULL);
    process->thread = NULL;
    free(thread);
    bide__process_look(process);
}

static int start_thread(struct bide_process *process)
{
    struct bide__process_thread *thread = calloc(1, sizeof *thread);
    sigset_t all, before;

    if (!thread)
        return -ENOMEM;
    *thread = (struct bide__process_thread){
        .remote = { .deliver = thread_has_ended }, .process = process, .loop = process->loop, .pid = process->pid
    };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&thread->thread, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        free(thread);
        return -err;
    }
    process->thread = thread;
    return 0;
}

int bide__process_watch(struct bide_process *process)
{
    return process->descriptor >= 0 ? bide_add_reader(process->loop, process->descriptor, on_readable, process)
                                    : start_thread(process);
}

int bide__process_signal(struct bide_process *process, int number)
{
    if (process->descriptor >= 0) {
        if (syscall(SYS_pidfd_send_signal, process->descriptor, number, NULL, 0) == 0)
            return 0;
        if (errno != ENOSYS)
            return -errno;
    }
    return kill(process->pid, number) < 0 ? -errno : 0;
}

/* ---- the end by force ---- */

void bide__process_undo(struct bide_process *process)
{
    int code;

    bide__process_signal(process, SIGKILL);
    reap(process, 0, &code);
    if (process->descriptor >= 0)
        close(process->descriptor);
}

struct closer {
    struct bide__waiter waiter;
    struct bide__timer timer;
    struct bide_process *process;
};

static void lose_patience(struct bide__timer *timer)
{
    struct closer *closer = (struct closer *)(void *)((char *)timer - offsetof(struct closer, timer));

    closer->process->closing = NULL;
    bide__wake(&closer->waiter, -ETIMEDOUT);
}

/* Waits for the end of what was killed: soon, but it is the kernel that decides. Nothing can call it off. */
static void await_death(struct bide_process *process, struct bide__record *task)
{
    struct bide_loop *loop = process->loop;
    struct closer closer = { .waiter = { .task = task, .what = "a killed process to end" },
                             .timer = { .expire = lose_patience },
                             .process = process };
    int64_t deadline = bide__loop_deadline(loop, DEATH_SECONDS);

    /* a thread must be waited for: it sends to this loop */
    if (!process->thread && bide__timer_arm(&loop->timers, &closer.timer, deadline) < 0)
        return;
    process->closing = &closer.waiter;
    loop->jobs_under_way++; /* no reason for a virtual clock to jump */
    bide__wait(&closer.waiter);
    loop->jobs_under_way--;
    process->closing = NULL;
    if (closer.timer.slot)
        bide__timer_cancel(&loop->timers, &closer.timer);
}

void bide__process_finish(struct bide_process *process)
{
    struct bide__record *task = bide__current();

    bide__process_look(process);
    if (process->returncode == BIDE_RUNNING) {
        bide__process_signal(process, SIGKILL);
        if (task)
            await_death(process, task);
    }
    if (process->returncode != BIDE_RUNNING) {
        bide__process_free(process);
        return;
    }
    process->abandoned = true;
    if (process->thread) { /* what it sends must have been sent before the loop is gone */
        pthread_join(process->thread->thread, NULL);
        process->thread->joined = true;
    }
}
