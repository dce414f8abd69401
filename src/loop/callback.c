/*
 * Callbacks: call_soon, call_later, call_at and their handles.
 *
 * A callback is a small block from a slab of the loop. A handle is its address and the generation it was made in; the
 * generation moves on when the callback has run or was cancelled, so a stale handle is recognised for as long as the
 * loop lives (slabs are freed only with the loop). schedule and cancel are O(1) but for the timer's heap. Must never
 * happen: a cancelled callback that runs.
 */
#include <errno.h>
#include <stdlib.h>

#include "loop/debug.h"
#include "loop/loop.h"

enum { SLAB_CALLBACKS = 64 };

struct bide__callback_slab {
    struct bide__callback_slab *next;
    struct bide__callback callbacks[SLAB_CALLBACKS];
};

static void queue_expired(struct bide__timer *timer)
{
    bide__callback_queue((struct bide__callback *)((char *)timer - offsetof(struct bide__callback, timer)));
}

static struct bide__callback *take(struct bide_loop *loop)
{
    if (!loop->free_callbacks) {
        struct bide__callback_slab *slab = calloc(1, sizeof *slab);

        if (!slab)
            return NULL;
        slab->next = loop->callback_slabs;
        loop->callback_slabs = slab;
        for (int i = SLAB_CALLBACKS; i-- > 0;) {
            slab->callbacks[i].next = loop->free_callbacks;
            slab->callbacks[i].generation = 1;
            loop->free_callbacks = &slab->callbacks[i];
        }
    }
    if (bide__ready_reserve(loop) < 0)
        return NULL;
    struct bide__callback *callback = loop->free_callbacks;
    loop->free_callbacks = callback->next;
    callback->loop = loop;
    callback->queued = false;
    callback->timer = (struct bide__timer){ .expire = queue_expired };
    return callback;
}

static void give(struct bide__callback *callback)
{
    callback->function = NULL;
    callback->generation++;
    callback->next = callback->loop->free_callbacks;
    callback->loop->free_callbacks = callback;
    bide__ready_unreserve(callback->loop);
}

void bide__callback_queue(struct bide__callback *callback)
{
    if (callback->queued)
        return;
    callback->queued = true;
    bide__ready_push(callback->loop, (uintptr_t)callback | BIDE__READY_CALLBACK);
}

void bide__callback_run(struct bide__callback *callback)
{
    void (*function)(void *) = callback->function;
    void *argument = callback->argument;

    callback->queued = false;
    if (!callback->persistent)
        give(callback);
    if (function)
        function(argument);
}

static int schedule(bide_loop *loop, const char *call, int64_t deadline, void (*function)(void *), void *argument,
                    bide_handle *ret_handle)
{
    int err = bide__debug_check_thread(loop, bide__loop, call);

    if (err < 0)
        return err;
    struct bide__callback *callback = take(loop);
    if (!callback)
        return -ENOMEM;
    bide__countdowns_settle(loop);
    if (deadline <= 0) {
        bide__callback_queue(callback);
    } else if (deadline != BIDE__FOREVER && bide__timer_arm(&loop->timers, &callback->timer, deadline) < 0) {
        give(callback);
        return -ENOMEM;
    }
    callback->function = function;
    callback->argument = argument;
    if (ret_handle)
        *ret_handle = (bide_handle){ callback, callback->generation };
    return 0;
}

int bide_call_soon(bide_loop *loop, void (*callback)(void *argument), void *argument, bide_handle *ret_handle)
{
    return schedule(loop, "bide_call_soon", 0, callback, argument, ret_handle);
}

int bide_call_later(bide_loop *loop, double delay, void (*callback)(void *argument), void *argument,
                    bide_handle *ret_handle)
{
    return schedule(loop, "bide_call_later", bide__loop_deadline(loop, delay), callback, argument, ret_handle);
}

int bide_call_at(bide_loop *loop, double when, void (*callback)(void *argument), void *argument,
                 bide_handle *ret_handle)
{
    int64_t deadline = bide__nanoseconds(when);

    return schedule(loop, "bide_call_at", deadline > 0 ? deadline : 1, callback, argument, ret_handle);
}

bool bide_handle_cancel(bide_handle handle)
{
    struct bide__callback *callback = handle.slot;

    if (!callback || callback->generation != handle.generation || !callback->function)
        return false;
    callback->function = NULL;
    if (!callback->queued) {
        bide__timer_cancel(&callback->loop->timers, &callback->timer);
        give(callback);
    }
    return true;
}

void bide__callbacks_close(struct bide_loop *loop)
{
    while (loop->callback_slabs) {
        struct bide__callback_slab *slab = loop->callback_slabs;

        loop->callback_slabs = slab->next;
        free(slab);
    }
}
