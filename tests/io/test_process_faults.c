/*
 * Processes where system calls fail, in the parent and in the child: each call, the n-th of its kind, for every n; and
 * on kernels, emulators and in containers that lack what is used first. Whatever happens, nothing stays behind: no
 * process, no descriptor; and an error has a message.
 *
 * The functions below stand before those of the C library, in this program only. The child shares our memory, so what
 * it calls is counted here as well.
 */
#include "support_io.h"
#include "support_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Calls of the C library that can fail; those by number are their number. */
enum { CLONE = 10001, FORK, PIPE2, OPEN, FCNTL, WAITID, EPOLL_CTL, PTHREAD_CREATE };

/* What the machine cannot do. */
static struct {
    bool no_clone;     /* with a pidfd */
    bool clone_copies; /* as an emulator does it: the memory is not shared */
    bool no_pidfd;     /* by pidfd_open */
    bool no_pidfd_signal;
    bool no_close_range;
} lacks;

/* The fault to come. */
static volatile struct {
    bool armed;
    long call;
    int number; /* which call of its kind; 0: none */
    int error;
    bool happened;
    int count;
} fault;

/* Counts a call; true when it is the one that is to fail. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static bool strikes(long call)
{
    if (!fault.armed || call != fault.call)
        return false;
    fault.count++;
    if (fault.count != fault.number)
        return false;
    fault.happened = true;
    return true;
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

static int fail(void)
{
    return fail_with(fault.error);
}

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) {                                                                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                                                                         \
        memcpy(&real, &found, sizeof real);                                                                            \
    }
/* Not sanitized: they look for more arguments than there may be, and run in the child, in our memory. */
#define VISIBLE __attribute__((visibility("default"), no_sanitize("address", "thread", "undefined")))

VISIBLE long syscall(long number, ...)
{
    REAL(long, syscall, long, ...)
    long arguments[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if ((number == SYS_pidfd_open && lacks.no_pidfd) || (number == SYS_pidfd_send_signal && lacks.no_pidfd_signal) ||
        (number == SYS_close_range && lacks.no_close_range))
        return fail_with(ENOSYS);
    if (strikes(number))
        return fail();
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

VISIBLE pid_t fork(void)
{
    REAL(pid_t, fork, void)
    return strikes(FORK) ? fail() : real();
}

VISIBLE int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    REAL(int, clone, int (*)(void *), void *, int, void *, ...)
    va_list list;

    va_start(list, argument);
    int *descriptor = va_arg(list, int *);
    va_end(list);
    if (lacks.no_clone)
        return fail_with(EINVAL);
    if (strikes(CLONE))
        return fail();
    if (!lacks.clone_copies)
        return real(function, stack, flags, argument, descriptor);
    pid_t pid = fork();
    if (pid == 0)
        _exit(function(argument));
    *descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return pid;
}

VISIBLE int pipe2(int ends[2], int flags)
{
    REAL(int, pipe2, int[2], int)
    return strikes(PIPE2) ? fail() : real(ends, flags);
}

VISIBLE int open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...)
    return strikes(OPEN) ? fail() : real(path, flags, 0);
}

VISIBLE int fcntl(int descriptor, int operation, ...)
{
    REAL(int, fcntl, int, int, ...)
    va_list list;

    va_start(list, operation);
    long argument = va_arg(list, long);
    va_end(list);
    return strikes(FCNTL) ? fail() : real(descriptor, operation, argument);
}

VISIBLE int waitid(idtype_t kind, id_t id, siginfo_t *information, int options)
{
    REAL(int, waitid, idtype_t, id_t, siginfo_t *, int)
    return strikes(WAITID) ? fail() : real(kind, id, information, options);
}

VISIBLE int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event)
{
    REAL(int, epoll_ctl, int, int, int, struct epoll_event *)
    return strikes(EPOLL_CTL) ? fail() : real(epoll, operation, descriptor, event);
}

VISIBLE int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                           void *argument)
{
    REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
    return strikes(PTHREAD_CREATE) ? fault.error : real(thread, attributes, function, argument);
}

enum { GIVEN = 150 }; /* a descriptor that children inherit */

/* ---- what is done with processes ---- */

static const bide_process_options pipes = { .stdin_from = BIDE_PIPE, .stdout_to = BIDE_PIPE, .stderr_to = 1 };

static int talk(void)
{
    bide_auto(process) *process = NULL;
    bide_auto(process_output) output = { 0 };
    int given[] = { GIVEN };
    const bide_process_options options = { .stdin_from = BIDE_PIPE,
                                           .stdout_to = BIDE_PIPE,
                                           .stderr_to = BIDE_DEVNULL,
                                           .directory = "/",
                                           .new_session = true,
                                           .keep_ignored = true,
                                           .inherit = given,
                                           .inherit_count = 1 };

    bide(bide_create_subprocess_exec(bide_arguments("cat"), &options, &process));
    bide(bide_process_communicate(process, "text", 4, &output));
    check_str(output.text, "text");
    check_eq(bide_process_returncode(process), 0);
    return 0;
}

static int end_three(void)
{
    for (int way = 0; way < 3; way++) {
        bide_auto(process) *process = NULL;
        int code = 0;

        bide(bide_create_subprocess_exec(bide_arguments("sleep", "1000"), &pipes, &process));
        if (way == 0) {
            bide(bide_process_terminate(process));
            bide(bide_process_wait(process, &code));
            check_eq(code, -SIGTERM);
            check_error(bide_process_kill(process), ESRCH);
        } else if (way == 1) {
            bide(bide_process_stop(process, 60));
            check_eq(bide_process_returncode(process), -SIGTERM);
        } /* else it is closed */
    }
    return 0;
}

static int session(void)
{
    bide(talk());
    return end_three();
}

/* The session with its message, in a loop of its own. */
static int run_session(char *message, size_t size)
{
    int err = session();

    snprintf(message, size, "%s", bide_strerror(err));
    return err;
}
bide_async(run_session, char *, size_t);

static int session_of_its_own(char *message, size_t size)
{
    const bide_run_options options = { .quiet = true };

    *message = '\0';
    int err = bide_run_with(bide_co(run_session, message, size), &options);
    if (!*message) /* the loop could not be opened */
        snprintf(message, size, "%s", bide_strerror(err));
    return err;
}

static bool no_children(void)
{
    siginfo_t information;
    bool armed = fault.armed;

    fault.armed = false;
    int err = waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT);
    fault.armed = armed;
    return err < 0 && errno == ECHILD;
}

static void arm(long call, int number, int error)
{
    fault.call = call;
    fault.number = number;
    fault.error = error;
    fault.count = 0;
    fault.happened = false;
    fault.armed = true;
}

/* Lets every call of a kind in turn fail in one way. harmless: the session must not notice. */
static void every_call_fails(const char *name, long call, int error, bool harmless)
{
    char message[512];
    check_eq(dup2(STDERR_FILENO, GIVEN), GIVEN);
    int before = count_descriptors(), number = 0;

    do {
        arm(call, ++number, error);
        int err = session_of_its_own(message, sizeof message);
        fault.armed = false;
        bool clean = count_descriptors() == before && no_children();
        bool expected = err == 0 || (!harmless && err == -error && *message);
        if (!clean || !expected) {
            printf("# %s number %d: %s: the session gave %d \"%s\", %d descriptors (%d before)\n", name, number,
                   strerror(error), err, message, count_descriptors(), before);
            check(clean && expected);
        }
    } while (fault.happened);
    printf("# %s: %d calls\n", name, number - 1);
    close(GIVEN);
    check(number > 1);
}

/* As above, for calls of the child: what it tells is the error. */
#define IN_CHILD(name, error, harmless) every_call_fails(#name, SYS_##name, error, harmless)

/* As emulators, Valgrind and ThreadSanitizer have it: then what the child calls cannot be counted, or fail. */
static bool child_has_memory_of_its_own(void)
{
    char message[512];

    check_eq(dup2(STDERR_FILENO, GIVEN), GIVEN);
    arm(SYS_execve, 0, 0);
    int err = session_of_its_own(message, sizeof message);
    fault.armed = false;
    close(GIVEN);
    check_eq(err, 0);
    return fault.count == 0;
}

unit_test(errors_of_the_parent_come_out)
{
    if (child_has_memory_of_its_own())
        skip("a child does not share our memory here");
    every_call_fails("clone", CLONE, EAGAIN, false);
    every_call_fails("clone", CLONE, ENOMEM, false);
    every_call_fails("pipe2", PIPE2, EMFILE, false);
    every_call_fails("open", OPEN, ENFILE, false);
    every_call_fails("fcntl", FCNTL, EMFILE, false);
    every_call_fails("waitid", WAITID, EINTR, true);
    return 0;
}

unit_test(a_process_that_cannot_be_watched_is_undone)
{
    const char *backend = getenv("BIDE_BACKEND");

    if (backend && !strcmp(backend, "io_uring"))
        skip("io_uring registers without a system call");
    every_call_fails("epoll_ctl", EPOLL_CTL, ENOSPC, false);
    return 0;
}

unit_test(errors_of_the_child_come_out)
{
    if (child_has_memory_of_its_own())
        skip("a child does not share our memory here");
    IN_CHILD(fcntl, EMFILE, false);
    IN_CHILD(dup3, EBADF, false);
    IN_CHILD(setsid, EPERM, false);
    IN_CHILD(chdir, EACCES, false);
    IN_CHILD(close_range, EINVAL, true);
    IN_CHILD(execve, ENOMEM, false);
    IN_CHILD(rt_sigaction, EINVAL, true);
    return 0;
}

/* A whole session, and what cannot be started, on a machine that lacks something. */
static int in_this_world(void)
{
    check_eq(dup2(STDERR_FILENO, GIVEN), GIVEN);
    bide_process *process = NULL;
    const bide_process_options nowhere = { .directory = "/nowhere" };

    check_eq(session(), 0);
    check_error(bide_create_subprocess_exec(bide_arguments("no-such-program"), &pipes, &process), ENOENT);
    check_message(-ENOENT, "start 'no-such-program': no such program");
    check_error(bide_create_subprocess_exec(bide_arguments("true"), &nowhere, &process), ENOENT);
    check_message(-ENOENT, "directory '/nowhere'");
    check_script("exit 7", NULL, 7);
    int code;
    bide_process *sleeper = start_sleeper();
    int err;
    bide_timeout (0.01, err) {
        err = bide_process_wait(sleeper, &code);
    }
    check_eq(err, -ETIMEDOUT);
    check_eq(bide_process_returncode(sleeper), BIDE_RUNNING);
    check_eq(bide_process_kill(sleeper), 0);
    check_eq(bide_process_wait(sleeper, &code), 0);
    check_eq(code, -SIGKILL);
    bide_process_close(sleeper);
    check(no_children());
    close(GIVEN);
    return 0;
}

bide_test(a_machine_that_lacks_nothing)
{
    return in_this_world();
}

bide_test(a_machine_whose_clone_is_a_fork)
{
    lacks.clone_copies = true;
    return in_this_world();
}

bide_test(a_machine_whose_clone_gives_no_pidfd)
{
    lacks.no_clone = true;
    return in_this_world();
}

bide_test(a_machine_without_pidfds)
{
    lacks.no_clone = true;
    lacks.no_pidfd = true;
    check_eq(in_this_world(), 0);
    /* outside of a task it ends in the background, or at the end of the loop at the latest */
    bide_process *process = start_sleeper();
    bide_call_soon(bide_get_running_loop(), (void (*)(void *))bide_process_close, process, NULL);
    while (!no_children())
        check_eq(bide_sleep(0.001), 0);
    return 0;
}

bide_test(a_machine_without_signals_by_pidfd_and_close_range)
{
    lacks.no_pidfd_signal = true;
    lacks.no_close_range = true;
    check_eq(dup2(STDERR_FILENO, GIVEN), GIVEN);
    check_str(output_of("[ -e /proc/$$/fd/150 ] || echo closed", NULL), "closed");
    close(GIVEN);
    return in_this_world();
}

unit_test(errors_where_threads_wait)
{
    lacks.no_clone = true;
    lacks.no_pidfd = true;
    every_call_fails("fork", FORK, EAGAIN, false);
    every_call_fails("pthread_create", PTHREAD_CREATE, EAGAIN, false);
    every_call_fails("waitid", WAITID, EINTR, true);
    return 0;
}
