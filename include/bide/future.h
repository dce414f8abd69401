/*
 * bide/future.h - futures: a result that will be there later
 *
 * The meeting point between callbacks and tasks: one side sets the result once, the other waits for it. `bide_future
 * f = { 0 };` is a pending future; it needs no destruction, but must not go away while a task waits for it or a done
 * callback is still to run.
 */
#ifndef BIDE_FUTURE_H
#define BIDE_FUTURE_H

#include <stdbool.h>
#include <stddef.h>

#include <bide/export.h>

enum { BIDE__FUTURE_MESSAGE = 104 };

/* A future. Its fields are bide's own. */
typedef struct bide_future {
    struct bide__waiter *first, *last; /* who waits */
    struct bide__future_callback *callbacks;
    struct bide__future_callback **callbacks_end;
    unsigned next_place; /* who waits and what is called stand in one order */
    void *value;
    int result;
    unsigned char state;
    char message[BIDE__FUTURE_MESSAGE]; /* of an error; longer ones are cut */
} bide_future;

/*
 * bide_future_set_result - the future is done: all who wait get `result` (>= 0), in the next turn, in one order with
 * the done callbacks: that in which they came. value: handed to bide_future_value(), for results that are no int; NULL where none. 0; -EALREADY if it was
 * done or cancelled already (nothing changes). Never waits. In the loop's thread only; from another thread by
 * bide_call_soon_threadsafe. Follows Future.set_result.
 */
BIDE_EXPORT int bide_future_set_result(bide_future *future, int result, void *value);

/*
 * bide_future_set_error - the same with an error (negative), whose message is the caller's current one for that code.
 * Follows Future.set_exception.
 */
BIDE_EXPORT int bide_future_set_error(bide_future *future, int err);

/* bide_future_cancel - all who wait get -ECANCELED. True if the future was pending. Follows Future.cancel. */
BIDE_EXPORT bool bide_future_cancel(bide_future *future);

/*
 * bide_future_wait - waits until the future is done; returns its result or error (with the message), -ECANCELED if it
 * was cancelled. The caller's own cancellation: -ECANCELED, and the future is left as it is (asyncio would cancel the
 * future). A future that is done is answered without yielding. Any number of tasks may wait, any number of times.
 * Follows `await future`.
 */
BIDE_EXPORT int bide_future_wait(bide_future *future);

/*
 * bide_future_done - true when it has a result or error, or was cancelled. bide_future_cancelled - true when it was
 * cancelled.
 */
BIDE_EXPORT bool bide_future_done(const bide_future *future);
BIDE_EXPORT bool bide_future_cancelled(const bide_future *future);

/*
 * bide_future_result - the result or error of a future that is done; -EAGAIN while it is pending. bide_future_value -
 * the value that came with the result, NULL without.
 */
BIDE_EXPORT int bide_future_result(const bide_future *future);
BIDE_EXPORT void *bide_future_value(const bide_future *future);

/*
 * bide_future_add_done_callback - calls callback(future, argument) from the loop when the future is done, never
 * inside this call or inside set_result; in the order they were added. Already done: in the next turn. 0, -ENOMEM;
 * -EPERM outside of a loop. Follows Future.add_done_callback.
 */
BIDE_EXPORT int bide_future_add_done_callback(bide_future *future,
                                              void (*callback)(bide_future *future, void *argument), void *argument);

/*
 * bide_future_remove_done_callback - takes all callbacks with this function and argument out that are not scheduled
 * yet; returns how many.
 */
BIDE_EXPORT size_t bide_future_remove_done_callback(bide_future *future,
                                                    void (*callback)(bide_future *future, void *argument),
                                                    void *argument);

#endif
