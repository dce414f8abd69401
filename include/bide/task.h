/*
 * bide/task.h - tasks: run, start, join, cancel, gather, wait_for, sleep
 *
 * A task is a call that runs later, on its own stack, in turn with the other tasks of its thread. It is owned by a
 * group (a bide_task_group block, or run() itself) that ends only when all its tasks have ended. All functions here
 * belong to the thread of the loop.
 */
#ifndef BIDE_TASK_H
#define BIDE_TASK_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/coro.h>
#include <bide/loop.h>
#include <bide/scope.h>

/*
 * A handle of a task. Lives as long as the block of the group that owns the task (NULL: as long as run()), whether
 * the task has ended or not.
 */
typedef struct bide_task bide_task;

/* How bide_run_with() runs. Zeroed means the defaults. */
typedef struct bide_run_options {
    /*
     * "epoll", "io_uring" or NULL: the environment's BIDE_BACKEND, else epoll. io_uring falls back to epoll, saying
     * so, when refused
     */
    const char *backend;
    /*
     * bytes of address space for each task's stack: a power of two from 16 KiB to 64 MiB; 0: 64 KiB. Memory is used
     * as it is touched
     */
    size_t stack_size;
    size_t task_limit;   /* tasks alive at once; 0: no limit. Starting one more fails with -EAGAIN */
    size_t thread_limit; /* worker threads for bide_to_thread; 0: the processors + 4, at most 32 */
    /*
     * threads for operations on files that would block (see bide/file.h), which nothing else uses; 0: twice the
     * processors, from 4 to 32
     */
    size_t file_thread_limit;
    bool virtual_clock;    /* for tests: time stands still while anything can run, then jumps to the next deadline */
    uint64_t shuffle_seed; /* for tests: not 0: the tasks of a turn run in an order that this number decides */
    bool quiet;            /* do not print an error that main returned */
    /* leave SIGINT alone; otherwise, in the main thread, Ctrl-C cancels the main task, and run() returns -EINTR */
    bool no_interrupt;
    bool terminate_like_interrupt; /* SIGTERM does what Ctrl-C does; see bide_interrupting_signal for the exit code */
    /* bide_create_task and bide_start take the first step at once: bide_create_task_eager, bide_start_eager */
    bool eager_start;
    /*
     * true: debug mode; BIDE_DEBUG_OFF: none; 0: as the environment's BIDE_DEBUG says (set, and neither empty nor
     * "0")
     */
    int debug;
    double slow_callback_duration; /* seconds; in debug mode a step that takes longer is reported; 0: 0.1 */
} bide_run_options;

enum { BIDE_DEBUG_ON = 1, BIDE_DEBUG_OFF = -1 };

/*
 * bide_run - runs a coroutine as the main task of a new loop in this thread, until it has ended; returns what it
 * returned.
 *
 * When main ends, the tasks that were started without a group are cancelled and waited for; then the worker threads.
 * An error is printed to stderr with its return trace (see bide_print_error); its message is this thread's for
 * bide_strerror(). Errors of its own: -EDEADLK inside a running loop of this thread (nothing has happened then),
 * -ENOMEM, -EMFILE, -ENOTSUP (this thread runs with a shadow stack), -EINTR (Ctrl-C cancelled main). Follows
 * asyncio.run (semantics A1-A15).
 */
BIDE_EXPORT int bide_run(bide_coroutine main);

/*
 * bide_run_with - bide_run with options; NULL: the defaults. -EINVAL for an option that makes no sense, with a
 * message.
 */
BIDE_EXPORT int bide_run_with(bide_coroutine main, const bide_run_options *options);

/*
 * bide_interrupting_signal - after a run of this thread that ended with -EINTR: which signal it was, SIGINT or
 * SIGTERM; otherwise 0. A shell expects 128 plus that (130, 143) as the exit code: `return err == -EINTR ? 128 +
 * bide_interrupting_signal() : err < 0;`.
 */
BIDE_EXPORT int bide_interrupting_signal(void);

/*
 * A loop that several mains run on, one after the other; see bide_runner_open. Zeroed: closed. Its field is bide's
 * own.
 */
typedef struct bide_runner {
    struct bide__run *run;
} bide_runner;

/*
 * bide_runner_open - opens a loop for several runs in this thread: `with asyncio.Runner() as runner`.
 *
 *     bide_auto(runner) runner = { 0 };
 *     int err = bide_runner_open(&runner, NULL);
 *     if (err == 0)
 *         err = bide_runner_run(&runner, bide_co(first));
 *     if (err >= 0)
 *         err = bide_runner_run(&runner, bide_co(second));
 *
 * Tasks that a main starts without a group, callbacks and task-locals survive it; tasks go on in the next run, and
 * are cancelled and waited for by close. options: NULL: the defaults. 0, or the errors of bide_run_with, -EDEADLK in
 * a running loop. *ret_runner must not be open. Follows asyncio.Runner (semantics A9, A10).
 */
BIDE_EXPORT int bide_runner_open(bide_runner *ret_runner, const bide_run_options *options);

/*
 * bide_runner_run - runs a coroutine as the main task until it has ended; returns what it returned. Its arguments are
 * copied. An error is printed as by bide_run.
 *
 * -EBADF: the runner is not open; -EDEADLK: a loop runs in this thread; -EPERM: it was opened in another thread;
 * -EAGAIN: bide_stop came before main had ended, which waits for bide_runner_resume or bide_runner_close; -EALREADY:
 * such a main has not ended; -EINTR as in bide_run; -ENOMEM.
 */
BIDE_EXPORT int bide_runner_run(bide_runner *runner, bide_coroutine main);

/*
 * bide_runner_resume - goes on with a main that bide_stop has interrupted; returns as bide_runner_run does. -EINVAL:
 * there is none.
 */
BIDE_EXPORT int bide_runner_resume(bide_runner *runner);

/*
 * bide_runner_run_forever - runs what there is, without a main, until bide_stop: 0; or until Ctrl-C: -EINTR. Follows
 * loop.run_forever.
 */
BIDE_EXPORT int bide_runner_run_forever(bide_runner *runner);

/*
 * bide_runner_get_loop - the loop, to schedule callbacks before it runs; NULL when the runner is not open. Follows
 * Runner.get_loop.
 */
BIDE_EXPORT bide_loop *bide_runner_get_loop(const bide_runner *runner);

/*
 * bide_runner_close - cancels and waits for what is left, and gives everything back. A closed (or zeroed) runner is
 * left alone. Must not be called while a loop runs in this thread (asserted).
 */
BIDE_EXPORT void bide_runner_close(bide_runner *runner);
static inline void bide__auto_runner(bide_runner *runner)
{
    bide_runner_close(runner);
}

/*
 * bide_create_task - starts a task; it takes its first step in the next turn of the loop, never inside this call.
 *
 * group: who owns it; NULL: run() itself, which cancels it when main ends, and where its error concerns only who
 * joins it. Returns a handle, or NULL (-ENOMEM, or -EAGAIN over task_limit: the message says so); in a group that is
 * then the group's error too, so it cannot be overlooked. A task that was started always runs, also in a cancelled
 * group: its first wait says so (R4). Does not wait. Follows asyncio.create_task, TaskGroup.create_task. Where no
 * handle is needed use bide_start: it leaves nothing behind when the task ends.
 */
BIDE_EXPORT bide_task *bide_create_task(bide_group *group, bide_coroutine coroutine);

/* bide_start - bide_create_task without a handle. 0, or -ENOMEM or -EAGAIN as there. */
BIDE_EXPORT int bide_start(bide_group *group, bide_coroutine coroutine);

/*
 * bide_create_task_eager, bide_start_eager - the same, but the task takes its first step inside this call, up to its
 * first wait or its end: no turn of the loop for what needs not wait. The running task is another one meanwhile. So a
 * task may have ended when this returns (bide_done), and a group that it fails is cancelled. Run option eager_start
 * makes all tasks start so. Follows asyncio.eager_task_factory (semantics D29).
 */
BIDE_EXPORT bide_task *bide_create_task_eager(bide_group *group, bide_coroutine coroutine);
BIDE_EXPORT int bide_start_eager(bide_group *group, bide_coroutine coroutine);

/*
 * bide_join - waits until a task has ended; returns what it returned (negative: its error, whose message and trace
 * now belong to this task).
 *
 * Cancelled, it returns -ECANCELED and leaves the task alone (the same value comes from a task that ended cancelled;
 * bide_cancelled() tells). A task that has ended is joined without yielding, any number of times, by any number of
 * tasks. Joining oneself: -EDEADLK. Follows `await task`.
 */
BIDE_EXPORT int bide_join(bide_task *task);

/*
 * bide_cancel - cancels a task: all its waits answer -ECANCELED from now on, those of the tasks it owns too. Returns
 * true if it was still running. Does not wait; an ended task, or NULL, is left alone. Follows Task.cancel, but
 * level-triggered.
 */
BIDE_EXPORT bool bide_cancel(bide_task *task);

/* bide_done - true when the task has ended. */
BIDE_EXPORT bool bide_done(const bide_task *task);

/* bide_result - what an ended task returned; -EAGAIN while it runs. Follows Task.result. */
BIDE_EXPORT int bide_result(const bide_task *task);

/*
 * bide_forget - says that this handle is not used any more: what it holds is freed when the task has ended, before
 * its group ends. NULL is ignored.
 */
BIDE_EXPORT void bide_forget(bide_task *task);

/*
 * bide_current_task - the handle of the running task, NULL outside of one (in a callback, in a thread without a
 * loop).
 */
BIDE_EXPORT bide_task *bide_current_task(void);

/*
 * bide_task_name - the task's name: that of the function, unless bide_set_task_name set another one. Valid as long as
 * the handle.
 */
BIDE_EXPORT const char *bide_task_name(const bide_task *task);

/* bide_set_task_name - names a task, for messages. The text is not copied and must live as long as the task. */
BIDE_EXPORT void bide_set_task_name(bide_task *task, const char *name);

/* bide_task_count - how many tasks are alive in this thread's loop; 0 without a loop. */
BIDE_EXPORT size_t bide_task_count(void);

/*
 * bide_all_tasks - the handles of the tasks that are alive in this thread's loop, the main task first. Stores at most
 * `capacity` of them in `tasks`; returns how many were stored. Each is valid as bide_create_task says; one that was
 * started without a handle gets one now. Without memory for more handles it stores fewer. Follows asyncio.all_tasks.
 */
BIDE_EXPORT size_t bide_all_tasks(bide_task **tasks, size_t capacity);

/*
 * bide_sleep - waits for some seconds; never less. 0 and negative: yields one turn. INFINITY: until cancelled. 0,
 * -ECANCELED, -ENOMEM. Follows asyncio.sleep.
 */
BIDE_EXPORT int bide_sleep(double seconds);

/* bide_time - the loop's clock: monotonic seconds, with nanosecond resolution. Follows loop.time. */
BIDE_EXPORT double bide_time(void);

/*
 * bide_gather - runs coroutines concurrently, each as a task, and waits for all of them: `gather(a, b)`.
 *
 * 0 when all succeeded. The first that fails cancels the others; its error is returned when they have ended (asyncio
 * lets them run on; here gather is a group). Cancelled: they are cancelled, and -ECANCELED. Results go through the
 * arguments. At least one coroutine.
 */
#define bide_gather(...)                                                                                               \
    bide_gather_n((const bide_coroutine[]){ __VA_ARGS__ },                                                             \
                  sizeof((const bide_coroutine[]){ __VA_ARGS__ }) / sizeof(bide_coroutine))

/* bide_gather_n - bide_gather for an array: `gather(*list)`. None: 0 at once. */
BIDE_EXPORT int bide_gather_n(const bide_coroutine *coroutines, size_t count);

/*
 * bide_gather_settled - runs them all to their end, whatever fails: `gather(*list, return_exceptions=True)`.
 * results[i] is what coroutine i returned. Returns 0; cancelled: they are cancelled and waited for, their results
 * stored, and -ECANCELED if that cut any of them short (otherwise 0: it did happen, R2). -ENOMEM: those that could not be started have it as their result.
 */
BIDE_EXPORT int bide_gather_settled(const bide_coroutine *coroutines, size_t count, int *results);

/* What bide_wait waits for. */
typedef enum bide_wait_mode {
    BIDE_ALL_COMPLETED,   /* all have ended */
    BIDE_FIRST_COMPLETED, /* at least one has ended */
    BIDE_FIRST_EXCEPTION  /* at least one has ended with an error other than -ECANCELED, or all have ended */
} bide_wait_mode;

/*
 * bide_wait - waits for several tasks; returns how many have ended: those stand in front in `tasks` afterwards, each
 * part in its old order.
 *
 * It goes on two turns after the end of the task that decided, or after its call if that has been, as in asyncio; what
 * has ended by then counts. The tasks' errors are not raised: look with bide_result or bide_join. Nothing is cancelled, also not by
 * bide_timeout around it; after -ECANCELED or -ETIMEDOUT use bide_partition_done. Several may have ended for
 * BIDE_FIRST_COMPLETED. -EINVAL: no task, a NULL among them, or an unknown mode; -ENOMEM; -ECANCELED (tasks is
 * unchanged). Follows asyncio.wait (semantics F1-F7).
 */
BIDE_EXPORT int bide_wait(bide_task **tasks, size_t count, bide_wait_mode mode);

/* bide_partition_done - puts the tasks that have ended in front, and returns how many they are. Does not wait. */
BIDE_EXPORT size_t bide_partition_done(bide_task **tasks, size_t count);

/*
 * bide_each_completed(task, tasks, count, err) { ... } - runs the block for each task as it ends, in that order;
 * waits in between. Those that had ended before come first, as they stand in `tasks`.
 *
 *     bide_each_completed(task, tasks, n, err) printf("%s: %d\n", bide_task_name(task), bide_result(task));
 *
 * task: the name of a `bide_task *` inside the block. err: 0, or why it ended early: -ECANCELED, -ENOMEM, -EINVAL (a
 * NULL task). break leaves it; the tasks go on. Follows asyncio.as_completed (semantics J1-J4).
 */
#define bide_each_completed(task, tasks, count, err) BIDE__EACH_COMPLETED(task, tasks, count, err, __COUNTER__)
#define BIDE__EACH_COMPLETED(task, tasks, count, err, number) BIDE__EACH_COMPLETED_(task, tasks, count, err, number)
#define BIDE__EACH_COMPLETED_(task, tasks, count, err, number)                                                         \
    for (struct bide__completions bide__each_##number                                                                  \
         __attribute__((cleanup(bide__completions_close))) = bide__completions_open(tasks, count, &(err));             \
         !bide__each_##number.left_early && bide__completions_next(&bide__each_##number);)                             \
        for (bide_task *task = (bide__each_##number.left_early = true, bide__each_##number.current); task;             \
             bide__each_##number.left_early = false, task = NULL)

/* The state of a bide_each_completed block. */
struct bide__completions {
    struct bide__completion *all;
    struct bide__completion *first, *last; /* ended, not handed out yet */
    struct bide__waiter *waiter;
    size_t count, handed_out;
    bide_task *current;
    int *ret_error;
    bool left_early;
};

BIDE_EXPORT struct bide__completions bide__completions_open(bide_task *const *tasks, size_t count, int *ret_error);
BIDE_EXPORT bool bide__completions_next(struct bide__completions *completions);
BIDE_EXPORT void bide__completions_close(struct bide__completions *completions);

/*
 * bide_wait_for - calls a coroutine here, in this task, with a time limit; returns what it returned, or -ETIMEDOUT
 * when the limit passed and it gave up with -ECANCELED. seconds <= 0: it is not called. INFINITY: no limit. If it
 * ends in time, or with another error while being cancelled, that is the result. Follows asyncio.wait_for (semantics
 * G1-G11).
 */
BIDE_EXPORT int bide_wait_for(bide_coroutine coroutine, double seconds);

#endif
