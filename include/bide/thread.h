/*
 * bide/thread.h - threads: calls that block, and calls from other threads
 */
#ifndef BIDE_THREAD_H
#define BIDE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include <bide/coro.h>
#include <bide/export.h>
#include <bide/loop.h>

/*
 * bide_to_thread - calls a coroutine value's function in a worker thread while the loop goes on; returns what it
 * returned.
 *
 *     int status = bide(bide_to_thread(bide_co(blocking_call, url, &page)));
 *
 * The function must not use what belongs to the loop (a call that waits answers -EPERM there); errors and their
 * messages come back; it sees the task-locals of the caller. Cancelled while it is queued: it never runs, -ECANCELED.
 * Cancelled while it runs: a thread cannot be stopped, and the function may be writing into this frame, so the call
 * returns when it has ended, with its result; the cancellation comes at the next wait (R2, R5). The number of threads
 * is bounded (run option thread_limit); beyond it calls queue, first in first out. -EAGAIN: no thread can be started;
 * -ENOMEM. Follows asyncio.to_thread (semantics Q1-Q3); differs in that it never leaves a thread behind.
 */
BIDE_EXPORT int bide_to_thread(bide_coroutine coroutine);

/*
 * A set of worker threads of its own, so that one kind of work cannot starve another. Belongs to the loop it was
 * opened in.
 */
typedef struct bide_executor bide_executor;

/*
 * bide_executor_open - an executor with at most `threads` threads (>= 1), started as they are needed. name: what
 * debuggers show, at most 15 bytes, copied. 0, -EINVAL, -ENOMEM, -EPERM outside of a loop. Does not wait.
 */
BIDE_EXPORT int bide_executor_open(size_t threads, const char *name, bide_executor **ret_executor);

/*
 * bide_run_in_executor - bide_to_thread in the threads of this executor; NULL: bide_to_thread. Follows
 * loop.run_in_executor.
 */
BIDE_EXPORT int bide_run_in_executor(bide_executor *executor, bide_coroutine coroutine);

/*
 * bide_executor_close - ends the threads and frees the executor; NULL is ignored. Nothing may be queued or running in
 * it (asserted). Its idle threads end at once, so this does not block.
 */
BIDE_EXPORT void bide_executor_close(bide_executor *executor);
static inline void bide__auto_executor(bide_executor **executor)
{
    bide_executor_close(*executor);
}

/* What a thread holds of a coroutine that it has given to a loop. */
typedef struct bide_remote_call bide_remote_call;

/*
 * bide_run_coroutine_threadsafe - from another thread: runs a coroutine as a task of that loop's run() (see
 * bide_get_running_loop). Its arguments are copied. ret_call: to be given back with bide_remote_call_free. 0,
 * -ENOMEM. Does not block. The loop must be alive when this is called; if its run ends first, the task is cancelled
 * like all others. Follows asyncio.run_coroutine_threadsafe.
 */
BIDE_EXPORT int bide_run_coroutine_threadsafe(bide_loop *loop, bide_coroutine coroutine, bide_remote_call **ret_call);

/*
 * bide_remote_call_wait - blocks this thread until the coroutine has ended, or `seconds` have passed (INFINITY: no
 * limit). Returns its result or error; -ETIMEDOUT: it goes on. Must not be called in the loop's own thread: -EDEADLK.
 * Follows concurrent.futures.Future.result(timeout).
 */
BIDE_EXPORT int bide_remote_call_wait(bide_remote_call *call, double seconds);

/*
 * bide_remote_call_done - true when it has ended. bide_remote_call_cancel - cancels the task, from any thread, also
 * the loop's; without effect once it has ended.
 */
BIDE_EXPORT bool bide_remote_call_done(bide_remote_call *call);
BIDE_EXPORT void bide_remote_call_cancel(bide_remote_call *call);

/* bide_remote_call_free - gives it back; the coroutine goes on. NULL is ignored. */
BIDE_EXPORT void bide_remote_call_free(bide_remote_call *call);

#endif
