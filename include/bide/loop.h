/*
 * bide/loop.h - the callback-level API under the coroutines
 *
 * For code that is not written as tasks: other front ends, drivers of foreign libraries, guests. Callbacks run on the
 * loop's own stack, in turn with the tasks, and must not wait (a call that waits answers -EPERM there). The functions
 * belong to the thread that runs the loop, except for bide_call_soon_threadsafe: those that can fail answer -EPERM in
 * another one, in debug mode with a message that names both.
 */
#ifndef BIDE_LOOP_H
#define BIDE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/export.h>

typedef struct bide_loop bide_loop;

/*
 * A scheduled callback. A value: copy it freely; cancelling one that has run, or was cancelled, or is all zero, is
 * harmless.
 */
typedef struct bide_handle {
    void *slot;
    uint64_t generation;
} bide_handle;

/* bide_get_running_loop - the loop that runs in this thread, NULL if none does. Follows asyncio.get_running_loop. */
BIDE_EXPORT bide_loop *bide_get_running_loop(void);

/*
 * bide_call_soon - calls callback(argument) in the next turn of the loop, first in, first out, in one order with the
 * tasks that became ready. ret_handle: may be NULL. 0, or -ENOMEM. Follows loop.call_soon.
 */
BIDE_EXPORT int bide_call_soon(bide_loop *loop, void (*callback)(void *argument), void *argument,
                               bide_handle *ret_handle);

/*
 * bide_call_later - the same, `delay` seconds from now; zero and negative: in the next turn. Follows loop.call_later.
 */
BIDE_EXPORT int bide_call_later(bide_loop *loop, double delay, void (*callback)(void *argument), void *argument,
                                bide_handle *ret_handle);

/* bide_call_at - the same, at `when` on bide_time()'s clock. Equal times: first in, first out. Follows loop.call_at. */
BIDE_EXPORT int bide_call_at(bide_loop *loop, double when, void (*callback)(void *argument), void *argument,
                             bide_handle *ret_handle);

/*
 * bide_call_soon_threadsafe - bide_call_soon from any thread; wakes the loop if it sleeps. The order of calls of one
 * thread is kept. 0, -ENOMEM. The loop must be alive: stop the threads that use it before run() ends. Such a call
 * cannot be cancelled. Follows loop.call_soon_threadsafe.
 */
BIDE_EXPORT int bide_call_soon_threadsafe(bide_loop *loop, void (*callback)(void *argument), void *argument);

/*
 * bide_handle_cancel - the callback will not run, also if its time has come or it stands in the current turn. True if
 * it was still to run.
 */
BIDE_EXPORT bool bide_handle_cancel(bide_handle handle);

/*
 * bide_add_reader, bide_add_writer - calls callback(argument) whenever the descriptor is readable (has input, its
 * end, or an error) or writable.
 *
 * Again and again, once a turn, as long as that holds, until removed. Another add for the same descriptor and
 * direction replaces the callback. The two directions are independent. The descriptor stays the caller's: remove it
 * before closing it. 0, -EBADF, -ENOMEM, -EPERM (a regular file), -EBUSY (a stream owns it). Follows loop.add_reader,
 * add_writer.
 */
BIDE_EXPORT int bide_add_reader(bide_loop *loop, int descriptor, void (*callback)(void *argument), void *argument);
BIDE_EXPORT int bide_add_writer(bide_loop *loop, int descriptor, void (*callback)(void *argument), void *argument);

/*
 * bide_remove_reader, bide_remove_writer - ends it; a callback that was due does not run any more. True if there was
 * one.
 */
BIDE_EXPORT bool bide_remove_reader(bide_loop *loop, int descriptor);
BIDE_EXPORT bool bide_remove_writer(bide_loop *loop, int descriptor);

/*
 * bide_add_signal_handler - calls callback(argument) in the loop when the process gets the signal; replaces the
 * earlier callback of that signal. Signals that come together are one call. One loop a process may have handlers. 0,
 * -EINVAL (no such signal, or one that cannot be caught), -EBUSY (another loop handles signals), -ENOMEM. Follows
 * loop.add_signal_handler.
 */
BIDE_EXPORT int bide_add_signal_handler(bide_loop *loop, int signal_number, void (*callback)(void *argument),
                                        void *argument);

/*
 * bide_remove_signal_handler - restores what the signal did before. True if there was a handler. The end of run()
 * removes them all.
 */
BIDE_EXPORT bool bide_remove_signal_handler(bide_loop *loop, int signal_number);

/*
 * bide_get_debug - whether the loop is in debug mode (run option debug, environment BIDE_DEBUG): then a step of a
 * task, or a callback, that takes longer than bide_slow_callback_duration is reported on stderr, and so are other
 * mistakes; see bide/debug.h. bide_set_debug turns it on or off from the next turn on. Follows loop.get_debug,
 * set_debug.
 */
BIDE_EXPORT bool bide_get_debug(const bide_loop *loop);
BIDE_EXPORT void bide_set_debug(bide_loop *loop, bool debug);

/*
 * bide_slow_callback_duration - seconds a step may take in debug mode before it is reported.
 * bide_set_slow_callback_duration sets it; the run option does at the start. Follows loop.slow_callback_duration.
 */
BIDE_EXPORT double bide_slow_callback_duration(const bide_loop *loop);
BIDE_EXPORT void bide_set_slow_callback_duration(bide_loop *loop, double seconds);

/*
 * What an exception handler is told. While it runs, bide_strerror(error) is the error's message and
 * bide_print_error(error) prints its trace.
 */
typedef struct bide_exception_context {
    const char *message; /* what happened: "task 'fetch' failed, and nobody looked at its error" */
    const char *task;    /* the name of the task it happened in, NULL if it was none */
    int error;           /* negative; 0: the message says it all */
} bide_exception_context;
typedef void bide_exception_handler(bide_loop *loop, const bide_exception_context *context, void *argument);

/*
 * bide_set_exception_handler - from now on handler(loop, context, argument) is called for errors that nobody takes: a
 * task without a group failed (other than by being cancelled) and nobody joined it or looked at its result, or what
 * bide_call_exception_handler is given. NULL: the default again. The handler must not wait (-EPERM there); it may
 * cancel and start tasks, and call bide_stop. Follows loop.set_exception_handler (semantics B15, C7, A3).
 */
BIDE_EXPORT void bide_set_exception_handler(bide_loop *loop, bide_exception_handler *handler, void *argument);

/*
 * bide_call_exception_handler - hands an error to the loop's handler, with the message and trace that the running
 * task has for context->error. For code with nobody to return an error to. Follows loop.call_exception_handler.
 */
BIDE_EXPORT void bide_call_exception_handler(bide_loop *loop, const bide_exception_context *context);

/*
 * bide_default_exception_handler - prints the message and the error with its trace to stderr. For handlers that want
 * this too. Follows loop.default_exception_handler.
 */
BIDE_EXPORT void bide_default_exception_handler(bide_loop *loop, const bide_exception_context *context);

/*
 * bide_stop - ends the loop's run after the current turn: what that makes ready stays for the next run.
 * bide_runner_run returns -EAGAIN then, bide_runner_run_forever 0; bide_run cancels what is left, as always, and
 * returns -EAGAIN. Called before the loop runs: it runs one turn, without waiting. In the loop's own thread. Follows
 * loop.stop (semantics B9-B11).
 */
BIDE_EXPORT void bide_stop(bide_loop *loop);

/* What a loop runs on; see bide_loop_information(). The texts are valid as long as the loop. */
typedef struct bide_loop_facts {
    const char *backend;        /* "epoll" or "io_uring" */
    const char *backend_reason; /* why, in one line */
    size_t stack_size;          /* bytes of address space for each task */
    size_t stacks_live;         /* tasks that have one now */
    size_t stacks_idle;         /* kept for the next ones */
    const char *stack_guard;    /* "madvise", "mprotect" or "none": what makes an overflow a clean fault */
    size_t stacks_unguarded;
    /* debug mode: the most bytes of a stack that a task which has ended had ever used; else 0 */
    size_t stack_high_water;
} bide_loop_facts;

/* bide_loop_information - fills in what the loop runs on, for diagnosis. */
BIDE_EXPORT void bide_loop_information(const bide_loop *loop, bide_loop_facts *ret_facts);

/*
 * bide_probe_backend - whether a backend ("epoll", "io_uring") can be used here: 0, or -errno with the reason in one
 * line. Waits for nothing, changes nothing.
 */
BIDE_EXPORT int bide_probe_backend(const char *name, char *reason, size_t size);

/*
 * bide_backend_name - "epoll" or "io_uring": what this loop waits with. bide_backend_reason: why, in one line. Valid
 * as long as the loop.
 */
BIDE_EXPORT const char *bide_backend_name(const bide_loop *loop);
BIDE_EXPORT const char *bide_backend_reason(const bide_loop *loop);

#endif
