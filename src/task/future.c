/*
 * Futures: a result set once, a list of tasks that wait for it, and a list of callbacks.
 *
 * set_result makes every waiting task ready with the result in its hand (a cancellation that comes after that waits
 * for the next wait, R2) and schedules the callbacks, both in the one order in which they came (so each has a number);
 * O(waiters). The message of an error is kept in the future
 * itself, cut where it is long, so a future owns no memory and needs no destruction. Must never happen: a callback
 * inside set_result.
 */
#include <bide/future.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/failure.h"
#include "task/wait.h"

enum { PENDING, DONE, CANCELLED };

struct bide__future_callback {
    struct bide__future_callback *next;
    void (*function)(bide_future *future, void *argument);
    void *argument;
    bide_future *future;
    unsigned place;
};

struct future_waiter {
    struct bide__waiter waiter;
    unsigned place;
};

static void run_callback(void *argument)
{
    struct bide__future_callback callback = *(struct bide__future_callback *)argument;

    free(argument);
    callback.function(callback.future, callback.argument);
}

/* Without memory for the turn's entry the callback runs now rather than never. */
static void schedule(struct bide__future_callback *callback)
{
    if (!bide__loop || bide_call_soon(bide__loop, run_callback, callback, NULL) < 0)
        run_callback(callback);
}

static void remember_message(bide_future *future, int err)
{
    const struct bide__failure *failure = *bide__failure_place();

    if (failure && failure->code == err)
        snprintf(future->message, sizeof future->message, "%s", failure->message);
}

static bool settle(bide_future *future, unsigned char state, int result)
{
    struct bide__wait_list *list = (struct bide__wait_list *)(void *)&future->first;
    struct bide__future_callback *callback = future->callbacks;

    if (future->state != PENDING)
        return false;
    future->state = state;
    future->result = result;
    future->callbacks = NULL;
    future->callbacks_end = NULL;
    while (list->first || callback) {
        const struct future_waiter *first = (struct future_waiter *)list->first;

        if (!callback || (first && (int)(first->place - callback->place) < 0)) {
            bide__wake(bide__wait_list_take(list), 0);
            continue;
        }
        struct bide__future_callback *next = callback->next;
        schedule(callback);
        callback = next;
    }
    return true;
}

int bide_future_set_result(bide_future *future, int result, void *value)
{
    if (!settle(future, DONE, result))
        return bide_fail(-EALREADY, "the future is done already");
    future->value = value;
    return 0;
}

int bide_future_set_error(bide_future *future, int err)
{
    if (future->state == PENDING)
        remember_message(future, err);
    if (!settle(future, DONE, err))
        return bide_fail(-EALREADY, "the future is done already");
    return 0;
}

bool bide_future_cancel(bide_future *future)
{
    return settle(future, CANCELLED, -ECANCELED);
}

int bide_future_wait(bide_future *future)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err == 0 && future->state == PENDING) {
        struct future_waiter self = {
            .waiter = { .task = task, .withdraw = bide__wait_list_withdraw, .what = "a future" },
            .place = future->next_place++
        };

        bide__wait_list_add((struct bide__wait_list *)(void *)&future->first, &self.waiter);
        err = bide__wait(&self.waiter);
    }
    if (err < 0)
        return err;
    if (future->result < 0 && future->result != -ECANCELED)
        return bide_fail(future->result, "%s",
                         *future->message ? future->message : bide__failure_general(future->result));
    return future->result;
}

bool bide_future_done(const bide_future *future)
{
    return future->state != PENDING;
}

bool bide_future_cancelled(const bide_future *future)
{
    return future->state == CANCELLED;
}

int bide_future_result(const bide_future *future)
{
    return future->state == PENDING ? -EAGAIN : future->result;
}

void *bide_future_value(const bide_future *future)
{
    return future->value;
}

int bide_future_add_done_callback(bide_future *future, void (*function)(bide_future *future, void *argument),
                                  void *argument)
{
    if (!bide__loop)
        return bide_fail(-EPERM, "a done callback was added outside of a loop");
    struct bide__future_callback *callback = malloc(sizeof *callback);
    if (!callback)
        return bide_fail(-ENOMEM, "no memory for a done callback");
    *callback = (struct bide__future_callback){ .function = function, .argument = argument, .future = future };
    if (future->state != PENDING) {
        int err = bide_call_soon(bide__loop, run_callback, callback, NULL);

        if (err < 0)
            free(callback);
        return err;
    }
    callback->place = future->next_place++;
    *(future->callbacks ? future->callbacks_end : &future->callbacks) = callback;
    future->callbacks_end = &callback->next;
    return 0;
}

size_t bide_future_remove_done_callback(bide_future *future, void (*function)(bide_future *future, void *argument),
                                        void *argument)
{
    struct bide__future_callback **at = &future->callbacks;
    size_t removed = 0;

    while (*at) {
        struct bide__future_callback *callback = *at;

        if (callback->function == function && callback->argument == argument) {
            *at = callback->next;
            free(callback);
            removed++;
        } else {
            at = &callback->next;
        }
    }
    future->callbacks_end = at;
    return removed;
}
