/*
 * to_thread: a job whose structure, with the arguments, lies on the waiting task's stack.
 *
 * That is safe because the wait never ends before the thread is done with it: a cancellation takes the job back while it is queued, and waits for the end otherwise. The
 * arguments themselves are used in place: they live in the caller's block.
 */
#include <errno.h>
#include <unistd.h>

#include "loop/thread_pool.h"
#include "task/failure.h"
#include "task/wait.h"

struct call {
    struct bide__waiter waiter;
    struct bide__job job;
    const bide_coroutine *coroutine;
    struct bide__failure *failure;
    int result;
    bool ran;
};

static struct call *call_of(struct bide__job *job)
{
    return (struct call *)(void *)((char *)job - offsetof(struct call, job));
}

/* In the worker thread. Its message moves into the call. */
static void work(struct bide__job *job)
{
    struct call *call = call_of(job);
    struct bide__failure **place = bide__failure_place();

    call->result = call->coroutine->entry((void *)(uintptr_t)call->coroutine->arguments);
    call->ran = true;
    call->failure = *place;
    *place = NULL;
}

static void finished(struct bide__job *job)
{
    struct call *call = call_of(job);

    bide__wake(&call->waiter, call->ran ? call->result : -ECANCELED);
}

static void withdraw_call(struct bide__waiter *waiter)
{
    struct call *call = (struct call *)waiter;

    if (bide__thread_pool_cancel(call->job.pool, &call->job))
        bide__wake(waiter, -ECANCELED);
}

static struct bide__thread_pool *workers(struct bide_loop *loop)
{
    if (!loop->workers) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        size_t limit = loop->thread_limit;

        if (!limit)
            limit = processors < 1 ? 5 : processors > 28 ? 32 : (size_t)processors + 4;
        loop->workers = bide__thread_pool_open(loop, limit, "bide-worker");
    }
    return loop->workers;
}

int bide_to_thread(bide_coroutine coroutine)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    struct bide__thread_pool *pool = workers(task->loop);
    if (!pool)
        return bide_fail(-ENOMEM, "bide_to_thread: no memory for the worker threads");
    struct call call = { .waiter = { .task = task, .withdraw = withdraw_call, .what = "a thread" }, .job = { .work = work, .finished = finished }, .coroutine = &coroutine };
    err = bide__thread_pool_submit(pool, &call.job);
    if (err < 0)
        return bide_fail(err, "bide_to_thread: no thread can be started");
    err = bide__wait(&call.waiter);
    if (call.ran && err < 0) { /* also without a message: an older one is not about this error */
        bide__failure_free(task->failure);
        task->failure = call.failure;
    } else {
        bide__failure_free(call.failure);
    }
    return err;
}
