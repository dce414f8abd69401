/*
 * The making of a child process.
 *
 * The child is a clone that shares the parent's memory, on a stack of its own, while the parent's thread stands still
 * (as vfork): no page table is copied, so it costs the same in a process of 10 GB. The kernel hands out the pidfd with
 * the clone, before anybody could have waited for the child. Until it has become another program the child makes
 * nothing but system calls, by number: the wrappers of the C library may stand for something that writes down what it
 * sees (a sanitizer, a test), and that memory is the parent's. All signals are blocked from before the clone until the
 * child has reset their handlers, because a handler of the parent's that runs in the child would write into it too.
 *
 * Where the kernel, an emulator, Valgrind or ThreadSanitizer does not do this, the child is made by fork(); the same
 * code runs in it and tells by a pipe what went wrong (under a Valgrind or qemu that silently makes a fork of it as
 * well: `shares` tells). Must never happen: a child that returns into the parent's code; an error of the child that
 * nobody hears of.
 */
#include "io/process_start.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/sanitizer.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Nothing of a sanitizer may run in the child: its records of this memory are the parent's. */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define IN_CHILD __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef IN_CHILD
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

enum {
    STACK_BYTES = 16 * 1024,
    SIGNALS = 64,
    SIGNAL_SET_BYTES = SIGNALS / 8,
    RANGE_CLOEXEC = 1 << 2, /* CLOSE_RANGE_CLOEXEC */
    SEARCHED_DESCRIPTORS = 65536,
    NOT_EXECUTED = 127
};

struct child {
    struct bide__start *start;
    pid_t parent;
    char *stack;          /* what it runs on */
    int report;           /* where it tells what went wrong */
    int descriptor_limit; /* above any that is open, unless the kernel can do it itself */
    bool shares;          /* set by the child: it has our memory */
};

/* What goes through the pipe. */
struct report {
    int step, error, detail;
};

/* ---- in the child ---- */

IN_CHILD static void fail(struct child *child, enum bide__start_step step, int detail)
{
    struct report report = { (int)step, errno, detail };

    child->start->step = step;
    child->start->error = report.error;
    child->start->detail = detail;
    while (syscall(SYS_write, child->report, &report, sizeof report) < 0 && errno == EINTR)
        continue;
    for (;;)
        syscall(SYS_exit_group, NOT_EXECUTED);
}

/* Puts the standard descriptors where they belong. None may be overwritten before it has been used. */
IN_CHILD static void place_standard(struct child *child)
{
    int *standard = child->start->standard;

    for (int i = 0; i < 3; i++)
        if (standard[i] >= 0 && standard[i] < 3 && standard[i] != i) {
            long lifted = syscall(SYS_fcntl, standard[i], F_DUPFD_CLOEXEC, 3);

            if (lifted < 0)
                fail(child, BIDE__START_DESCRIPTOR, standard[i]);
            standard[i] = (int)lifted;
        }
    for (int i = 0; i < 3; i++) {
        int source = standard[i] == BIDE__START_AS_OUTPUT ? STDOUT_FILENO : standard[i];

        if (source == BIDE__START_KEEP)
            continue;
        if ((source == i ? syscall(SYS_fcntl, i, F_SETFD, 0) : syscall(SYS_dup3, source, i, 0)) < 0)
            fail(child, BIDE__START_DESCRIPTOR, source);
    }
}

/* Marks [first, last] to be closed when the program begins. */
IN_CHILD static void close_range_later(const struct child *child, unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, RANGE_CLOEXEC) == 0)
        return;
    for (unsigned i = first; i <= last && i < (unsigned)child->descriptor_limit; i++)
        syscall(SYS_fcntl, i, F_SETFD, FD_CLOEXEC);
}

IN_CHILD static void select_inherited(struct child *child)
{
    const struct bide__start *start = child->start;
    unsigned next = 3;

    for (size_t i = 0; i < start->inherited_count; i++) {
        int descriptor = start->inherited[i];

        if (syscall(SYS_fcntl, descriptor, F_SETFD, 0) < 0)
            fail(child, BIDE__START_DESCRIPTOR, descriptor);
        if (!start->inherit_all)
            close_range_later(child, next, (unsigned)descriptor - 1);
        next = (unsigned)descriptor + 1;
    }
    if (!start->inherit_all)
        close_range_later(child, next, ~0U);
}

/* All signals as they are in a new program. They are blocked still. */
IN_CHILD static void reset_signals(const struct bide__start *start)
{
    /* the kernel's struct sigaction, whose first word is the handler; zero is SIG_DFL */
    const unsigned long by_default[4 + SIGNAL_SET_BYTES / sizeof(long)] = { 0 };

    for (int number = 1; number <= SIGNALS; number++) {
        unsigned long present[4 + SIGNAL_SET_BYTES / sizeof(long)] = { 0 };

        if (start->keep_ignored && syscall(SYS_rt_sigaction, number, NULL, present, SIGNAL_SET_BYTES) == 0 &&
            present[0] == (unsigned long)(uintptr_t)SIG_IGN)
            continue;
        syscall(SYS_rt_sigaction, number, by_default, NULL, SIGNAL_SET_BYTES);
    }
}

IN_CHILD static void watch_parent(const struct child *child)
{
    if (!child->start->parent_death_signal)
        return;
    syscall(SYS_prctl, PR_SET_PDEATHSIG, child->start->parent_death_signal, 0, 0, 0);
    if (syscall(SYS_getppid) != child->parent) /* it died before */
        syscall(SYS_kill, syscall(SYS_getpid), child->start->parent_death_signal);
}

/* Tries the candidates as execvp() does: one that is not there, or not allowed, leaves the next. */
IN_CHILD static void execute(const struct bide__start *start)
{
    int refused = 0;

    for (const char *const *path = start->paths; *path; path++) {
        syscall(SYS_execve, *path, start->arguments, start->environment);
        if (errno == EACCES)
            refused = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE && errno != ENODEV && errno != ETIMEDOUT)
            return;
    }
    if (refused)
        errno = refused;
}

IN_CHILD static int child_main(void *argument)
{
    struct child *child = argument;
    const struct bide__start *start = child->start;
    const unsigned long nothing[SIGNAL_SET_BYTES / sizeof(long)] = { 0 };

    child->shares = true;
    reset_signals(start);
    if (start->new_session && syscall(SYS_setsid) < 0)
        fail(child, BIDE__START_SESSION, 0);
    if (start->changes_group && syscall(SYS_setpgid, 0, start->process_group) < 0)
        fail(child, BIDE__START_GROUP, start->process_group);
    place_standard(child);
    select_inherited(child);
    if (start->directory && syscall(SYS_chdir, start->directory) < 0)
        fail(child, BIDE__START_DIRECTORY, 0);
    watch_parent(child);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing, NULL, SIGNAL_SET_BYTES);
    execute(start);
    fail(child, BIDE__START_EXECUTE, 0);
    return 0;
}

/* ---- in the parent ---- */

/* By fork, where the better way is closed. Its pidfd, if there are any, is asked for at once: nobody has waited yet. */
static pid_t fork_child(struct child *child, int *ret_descriptor)
{
    pid_t pid = fork();

    if (pid == 0)
        child_main(child);
    if (pid > 0)
        *ret_descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return pid;
}

/* Every signal, those of the C library included. */
static void block_signals(unsigned long before[SIGNAL_SET_BYTES / sizeof(long)])
{
    unsigned long all[SIGNAL_SET_BYTES / sizeof(long)];

    for (size_t i = 0; i < SIGNAL_SET_BYTES / sizeof(long); i++)
        all[i] = ~0UL;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, all, before, SIGNAL_SET_BYTES);
}

static pid_t make_child(struct child *child, int *ret_descriptor)
{
    unsigned long before[SIGNAL_SET_BYTES / sizeof(long)];
    char *end = child->stack + STACK_BYTES, *top = end - (uintptr_t)end % 16;
    pid_t pid = -1;

    *ret_descriptor = -1;
    block_signals(before);
    if (!BIDE__TSAN) /* whose own clone() writes into the memory that the child shares */
        pid = clone(child_main, top, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, child, ret_descriptor);
    if (BIDE__TSAN || (pid < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)))
        pid = fork_child(child, ret_descriptor);
    int err = pid < 0 ? -errno : pid;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, SIGNAL_SET_BYTES);
    return err;
}

/* What a child that does not share our memory says: nothing, when it has become the program. */
static void hear(struct bide__start *start, int pipe_end)
{
    struct report report;
    ssize_t count;

    do {
        count = read(pipe_end, &report, sizeof report);
    } while (count < 0 && errno == EINTR);
    if (count != sizeof report)
        return;
    start->step = (enum bide__start_step)report.step;
    start->error = report.error;
    start->detail = report.detail;
}

/* A child that has failed is gone already, or as good as. */
static void bury(pid_t pid, int descriptor)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (descriptor >= 0)
        close(descriptor);
}

static int give_up(struct bide__start *start, int error)
{
    start->step = BIDE__START_FORK;
    start->error = error;
    return -error;
}

int bide__above_standard(int descriptor)
{
    if (descriptor < 0 || descriptor > STDERR_FILENO)
        return descriptor;
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), saved = errno;

    close(descriptor);
    errno = saved;
    return moved;
}

int bide__process_start(struct bide__start *start, pid_t *ret_pid, int *ret_descriptor)
{
    int ends[2];
    long limit = sysconf(_SC_OPEN_MAX);
    char *stack = malloc(STACK_BYTES);

    start->step = BIDE__START_NONE;
    if (!stack)
        return give_up(start, ENOMEM);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        int err = give_up(start, errno);

        free(stack);
        return err;
    }
    ends[1] = bide__above_standard(ends[1]);
    if (ends[1] < 0) {
        int err = give_up(start, errno);

        close(ends[0]);
        free(stack);
        return err;
    }
    struct child child = { .start = start,
                           .parent = getpid(),
                           .stack = stack,
                           .report = ends[1],
                           .descriptor_limit =
                               limit < 0 || limit > SEARCHED_DESCRIPTORS ? SEARCHED_DESCRIPTORS : (int)limit };
    pid_t pid = make_child(&child, ret_descriptor);
    close(ends[1]);
    if (pid < 0)
        give_up(start, -pid);
    else if (!child.shares)
        hear(start, ends[0]);
    close(ends[0]);
    free(stack);
    if (pid > 0 && start->step != BIDE__START_NONE)
        bury(pid, *ret_descriptor);
    if (start->step != BIDE__START_NONE)
        return -start->error;
    *ret_pid = pid;
    return 0;
}
