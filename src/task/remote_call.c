/*
 * Coroutines given to a loop from another thread.
 *
 * The call is counted: the thread holds it, and so does the loop from the post until the task has ended. Its state is
 * under a lock, with a condition for the thread that waits. The task is started in the loop by a message; a
 * cancellation travels as a message too. Must never happen: the loop blocking on the lock for longer than a few
 * stores.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bide/thread.h>

#include "task/debug.h"
#include "task/failure.h"
#include "task/scope.h"

struct bide_remote_call {
    struct bide__remote start, cancel;
    bide_loop *loop;
    bide_coroutine coroutine;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int references; /* the rest under the lock */
    bool done, cancel_posted;
    int result;
    struct bide__failure *failure;
    struct bide__record *task; /* in the loop's thread only; NULL before the start and after the end */
    bool cancel_at_start;      /* likewise */
    char arguments[] __attribute__((aligned(16)));
};

static void release(bide_remote_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool last = --call->references == 0;
    pthread_mutex_unlock(&call->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->ended);
    bide__failure_free(call->failure);
    free(call);
}

static void finish(bide_remote_call *call, int result, struct bide__failure *failure)
{
    pthread_mutex_lock(&call->lock);
    call->done = true;
    call->result = result;
    call->failure = failure;
    pthread_cond_broadcast(&call->ended);
    pthread_mutex_unlock(&call->lock);
    release(call);
}

static int run_call(bide_remote_call *call)
{
    struct bide__record *task = bide__current();

    call->task = task;
    if (call->cancel_at_start)
        bide__scope_cancel(task->self);
    int result = bide__scope_unescape(task, call->coroutine.entry(call->arguments));
    call->task = NULL;
    finish(call, result, task->failure && task->failure->code == result ? bide__failure_copy(task->failure) : NULL);
    return 0; /* the error is the other thread's now */
}
bide_async(run_call, bide_remote_call *);

/* Delivered in the loop: the task may already be impossible to start (a limit, no memory, the end of the run). */
static void start(struct bide__remote *remote)
{
    bide_remote_call *call = (bide_remote_call *)(void *)((char *)remote - offsetof(bide_remote_call, start));
    struct bide__run *run = bide__run_of(call->loop);
    bide_coroutine coroutine = bide_co(run_call, call);
    int err = -ECANCELED;

    coroutine.name = call->coroutine.name;
    coroutine.file = call->coroutine.file;
    coroutine.line = call->coroutine.line;
    if (run->main_scope && bide__spawn(call->loop, run->background, &coroutine, false, &err))
        return;
    finish(call, err, err == -ECANCELED ? NULL : bide__failure_copy(*bide__failure_place()));
}

static void cancel(struct bide__remote *remote)
{
    bide_remote_call *call = (bide_remote_call *)(void *)((char *)remote - offsetof(bide_remote_call, cancel));

    if (call->task)
        bide__scope_cancel(call->task->self);
    else
        call->cancel_at_start = true;
    release(call);
}

int bide_run_coroutine_threadsafe(bide_loop *loop, bide_coroutine coroutine, bide_remote_call **ret_call)
{
    bide_remote_call *call = calloc(1, sizeof *call + coroutine.size);
    pthread_condattr_t attributes;

    bide__coroutine_taken(coroutine.arguments);
    if (!call)
        return bide_fail(-ENOMEM, "bide_run_coroutine_threadsafe: no memory");
    call->loop = loop;
    call->coroutine = coroutine;
    call->references = 2;
    call->start.deliver = start;
    call->cancel.deliver = cancel;
    if (coroutine.size)
        memcpy(call->arguments, coroutine.arguments, coroutine.size);
    pthread_mutex_init(&call->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&call->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    bide__remote_post(loop, &call->start);
    *ret_call = call;
    return 0;
}

/* Under the lock: waits until it has ended, or the deadline. */
static int wait_until(bide_remote_call *call, double seconds)
{
    int64_t deadline = bide__deadline_after(
        bide__clock_now(), seconds < 0 ? 0 : seconds); /* the past is no valid time for the condition */
    const struct timespec until = { .tv_sec = (time_t)(deadline / BIDE__SECOND),
                                    .tv_nsec = (long)(deadline % BIDE__SECOND) };

    while (!call->done) {
        int err = deadline == BIDE__FOREVER ? pthread_cond_wait(&call->ended, &call->lock)
                                            : pthread_cond_timedwait(&call->ended, &call->lock, &until);

        if (err == ETIMEDOUT && !call->done)
            return -ETIMEDOUT;
    }
    return 0;
}

int bide_remote_call_wait(bide_remote_call *call, double seconds)
{
    if (bide__loop == call->loop)
        return bide_fail(-EDEADLK, "bide_remote_call_wait: this thread runs the loop that is to do the work");
    pthread_mutex_lock(&call->lock);
    int err = wait_until(call, seconds);
    struct bide__failure *failure = err == 0 ? bide__failure_copy(call->failure) : NULL;
    int result = call->result;
    pthread_mutex_unlock(&call->lock);
    if (err < 0)
        return bide_fail(err, "'%s' has not ended after %.3g s", call->coroutine.name, seconds);
    if (failure) {
        struct bide__failure **place = bide__failure_place();

        bide__failure_free(*place);
        *place = failure;
    }
    return result;
}

bool bide_remote_call_done(bide_remote_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool done = call->done;
    pthread_mutex_unlock(&call->lock);
    return done;
}

void bide_remote_call_cancel(bide_remote_call *call)
{
    pthread_mutex_lock(&call->lock);
    bool post = !call->done && !call->cancel_posted;
    if (post) {
        call->cancel_posted = true;
        call->references++;
    }
    pthread_mutex_unlock(&call->lock);
    if (post)
        bide__remote_post(call->loop, &call->cancel);
}

void bide_remote_call_free(bide_remote_call *call)
{
    if (call)
        release(call);
}
