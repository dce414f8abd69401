/*
 * bide/process.h - other programs: starting them, waiting for their end, signals
 *
 *     const bide_process_options options = { .stdin_from = BIDE_PIPE, .stdout_to = BIDE_PIPE };
 *     bide_auto(process) *sort = NULL;
 *     bide_auto(process_output) output = { 0 };
 *
 *     bide(bide_create_subprocess_exec(bide_arguments("sort", "-n"), &options, &sort));
 *     bide(bide_process_communicate(sort, "3\n1\n2\n", 6, &output));
 *     fputs(output.text, stdout);
 *
 * A child begins with the default signal dispositions, no blocked signals, and no descriptors but its standard three
 * and those it is given. What went wrong before the program ran (no such program, no such directory) is the error of
 * the creation, not an exit code. The process's end is noticed by a descriptor of its own (pidfd), so SIGCHLD, other
 * children and other threads do not matter, and a signal never reaches a stranger that got the number of a process
 * that has ended. All calls belong to the thread of the loop, which may be any thread; processes are closed before
 * their loop ends.
 */
#ifndef BIDE_PROCESS_H
#define BIDE_PROCESS_H

#pragma GCC system_header

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <bide/export.h>
#include <bide/stream.h>

typedef struct bide_process bide_process;

/* What a standard stream of the child is connected with, if it is not the number of a descriptor of ours (> 0). */
enum {
    BIDE_INHERIT = 0, /* the same as this process's */
    BIDE_PIPE = -1,   /* a stream of ours: bide_process_stdin() and so on */
    BIDE_STDOUT = -2, /* stderr only: wherever stdout goes */
    BIDE_DEVNULL = -3 /* /dev/null */
};

/* The return code of a process that has not ended, and the process group that is made for a child. */
enum { BIDE_RUNNING = INT_MIN, BIDE_NEW_GROUP = -1 };

/* How a program is started. Zeroed: as in this process, its standard streams included. Read during the call only. */
typedef struct bide_process_options {
    /* BIDE_INHERIT, BIDE_PIPE, BIDE_DEVNULL, stderr: BIDE_STDOUT, or a descriptor > 0, which stays the caller's */
    int stdin_from, stdout_to, stderr_to;
    const char *program;   /* what is executed, if that is not the first argument */
    const char *directory; /* where it runs; NULL: the current directory */
    /* "NAME=value" texts, NULL at the end; NULL: this process's. Its PATH is searched */
    const char *const *environment;
    const int *inherit; /* descriptors that the child gets under the same numbers */
    size_t inherit_count;
    bool inherit_all;        /* and all others that are not close-on-exec */
    bool new_session;        /* setsid: a session and process group of its own, without a terminal */
    pid_t process_group;     /* 0: ours; BIDE_NEW_GROUP: one of its own, with its pid for a number; > 0: joins it */
    bool keep_ignored;       /* signals that this process ignores are ignored by the child too, as under nohup */
    int parent_death_signal; /* which the child gets when the thread that created it ends; 0: none */
    size_t output_limit;     /* bytes that bide_process_communicate collects of each stream at most; 0: 64 MiB */
} bide_process_options;

/* bide_arguments("sort", "-n") - a list of arguments that ends with NULL; lives as long as the block. */
#define bide_arguments(...) ((const char *const[]){ __VA_ARGS__, NULL })

/*
 * bide_create_subprocess_exec - starts a program.
 *
 * arguments: its argv, NULL at the end; the first names the program, which is searched for in PATH unless it contains
 * a '/'. options: NULL or the defaults. ret_process: the caller closes it. Errors, each with a message and nothing
 * left behind: -ENOENT (no such program, or directory), -EACCES (not executable), -ENOEXEC (not a program), -E2BIG,
 * -ENOTDIR, -EPERM (a process group), -EBADF (a descriptor that is not open), -EINVAL (no argument), -EAGAIN (no more
 * processes), -EMFILE, -ENFILE, -ENOMEM; -ECANCELED: nothing was started.
 *
 * Does not wait: the thread stands still until the kernel has loaded the program, some 100 us (vfork). Follows
 * asyncio.create_subprocess_exec (semantics S1-S13).
 */
BIDE_EXPORT int bide_create_subprocess_exec(const char *const *arguments, const bide_process_options *options,
                                            bide_process **ret_process);

/*
 * bide_create_subprocess_shell - the same for a command of /bin/sh. Never put what others have written into it. Follows
 * asyncio.create_subprocess_shell.
 */
BIDE_EXPORT int bide_create_subprocess_shell(const char *command, const bide_process_options *options,
                                             bide_process **ret_process);

/* bide_process_pid - its number. It is nobody's, or somebody else's, once the process has ended. Follows Process.pid. */
BIDE_EXPORT pid_t bide_process_pid(const bide_process *process);

/*
 * bide_process_returncode - BIDE_RUNNING while it lives; then its exit status, 0..255, or -N if signal N ended it. 255
 * if nobody can tell: something else in this process has waited for it (or it ignores SIGCHLD, and the kernel is older
 * than 6.15). Does not wait. Follows Process.returncode.
 */
BIDE_EXPORT int bide_process_returncode(bide_process *process);

/*
 * bide_process_stdin, bide_process_stdout, bide_process_stderr - our end of the pipe, for the calls of bide/stream.h;
 * NULL if that stream is not a BIDE_PIPE. They belong to the process: bide_process_close closes them, the caller must
 * not. bide_write_eof(bide_process_stdin(process)) is what the program sees as the end of its input. Writing to a
 * program that has ended is -EPIPE; what it had printed before its end stays readable. Follow Process.stdin, stdout,
 * stderr.
 */
BIDE_EXPORT bide_stream *bide_process_stdin(const bide_process *process);
BIDE_EXPORT bide_stream *bide_process_stdout(const bide_process *process);
BIDE_EXPORT bide_stream *bide_process_stderr(const bide_process *process);

/* What a program has printed. To be given back with bide_process_output_free. */
typedef struct bide_process_output {
    char *text;   /* its stdout, with a '\0' behind it; NULL if that was no pipe */
    size_t size;  /* without the '\0' */
    char *errors; /* the same of its stderr */
    size_t errors_size;
} bide_process_output;

/*
 * bide_process_communicate - writes `size` bytes of input to the program (when stdin is a BIDE_PIPE) and ends its input,
 * reads all that it prints, at the same time, and waits for its end; the return code is bide_process_returncode() then.
 *
 * input: NULL for none. ret_output: what came through the pipes; NULL: thrown away. A program that does not read its
 * input to the end is no error. 0; BIDE_ELIMIT: it prints more than the option output_limit; -EBUSY: another task is
 * doing the same; -ENOMEM. -ECANCELED (a timeout around it): the process runs on and nothing is lost; calling it again
 * with the same input goes on where this call stopped. Follows Process.communicate (semantics S1).
 */
BIDE_EXPORT int bide_process_communicate(bide_process *process, const void *input, size_t size,
                                         bide_process_output *ret_output);

/* bide_process_output_free - frees both texts and zeroes the structure. One that is zeroed may be freed. */
BIDE_EXPORT void bide_process_output_free(bide_process_output *output);
static inline void bide__auto_process_output(bide_process_output *output)
{
    bide_process_output_free(output);
}

/*
 * bide_process_wait - waits until the process has ended. ret_returncode: as above; may be NULL. 0; -ECANCELED: the
 * process runs on. Any number of tasks may wait, any number of times; what the process has started and who holds its
 * pipes does not matter. Follows Process.wait.
 */
BIDE_EXPORT int bide_process_wait(bide_process *process, int *ret_returncode);

/*
 * bide_process_send_signal - sends it a signal; bide_process_terminate: SIGTERM, bide_process_kill: SIGKILL. 0; -ESRCH:
 * it has ended, and nobody got the signal; -EINVAL: no such signal; -EPERM: it runs as another user. Does not wait.
 * Follows Process.send_signal, terminate, kill.
 */
BIDE_EXPORT int bide_process_send_signal(bide_process *process, int signal_number);
BIDE_EXPORT int bide_process_terminate(bide_process *process);
BIDE_EXPORT int bide_process_kill(bide_process *process);

/*
 * bide_process_stop - ends it: SIGTERM, at most `grace` seconds (0: none), then SIGKILL; waits for the end. 0; the
 * return code tells which it was. Cancelled, it kills at once and returns 0 as well: it did happen (R2). A process that
 * has ended: 0 at once. -EPERM: it runs as another user, and goes on. What the process has started itself is not
 * touched: give it a process group for that, and kill(-pid, ...).
 */
BIDE_EXPORT int bide_process_stop(bide_process *process, double grace);

/*
 * bide_process_close - closes its pipes and frees it; NULL is ignored. One that still runs is killed (SIGKILL) and
 * waited for, so nothing stays behind, not even a zombie; that is a matter of some 100 us, is not subject to
 * cancellation (R6), and when the kernel takes more than two seconds, or outside of a task, it ends in the background.
 * No task may be waiting for it (asserted). Follows the closing of a subprocess transport.
 */
BIDE_EXPORT void bide_process_close(bide_process *process);
static inline void bide__auto_process(bide_process **process)
{
    bide_process_close(*process);
}

#endif
