/*
 * to_thread and executors: a job whose structure, with the arguments, lies on the waiting task's stack.
 *
 * That is safe because the wait never ends before the thread is done with it: a cancellation takes the job back while
 * it is queued, and waits for the end otherwise. The arguments themselves are used in place: they live in the
 * caller's block.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bide/thread.h>

#include "loop/thread_pool.h"
#include "task/debug.h"
#include "task/failure.h"
#include "task/local.h"
#include "task/wait.h"

struct bide_executor {
    struct bide__thread_pool *pool;
    size_t calls; /* queued or running */
};

struct call {
    struct bide__waiter waiter;
    struct bide__job job;
    const bide_coroutine *coroutine;
    struct bide__binding *bindings;
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

    *bide__bindings_place() = call->bindings;
    call->result = call->coroutine->entry((void *)(uintptr_t)call->coroutine->arguments);
    *bide__bindings_place() = NULL;
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

static int call_in(struct bide__thread_pool *pool, struct bide__record *task, const bide_coroutine *coroutine)
{
    if (!pool)
        return bide_fail(-ENOMEM, "bide_to_thread: no memory for the worker threads");
    struct call call = { .waiter = { .task = task, .withdraw = withdraw_call, .what = "a thread" },
                         .job = { .work = work, .finished = finished },
                         .coroutine = coroutine,
                         .bindings = task->bindings };
    int err = bide__thread_pool_submit(pool, &call.job);
    if (err < 0)
        return bide_fail(err, "bide_to_thread: no thread can be started");
    err = bide__wait(&call.waiter);
    /* also without a message of its own: an older one of the same code is not this error's */
    if (call.ran && (call.failure || (err < 0 && err != -ECANCELED))) {
        bide__failure_free(task->failure);
        task->failure = call.failure;
    }
    return err;
}

int bide_to_thread(bide_coroutine coroutine)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    bide__coroutine_taken(coroutine.arguments);
    return err < 0 ? err : call_in(workers(task->loop), task, &coroutine);
}

int bide_executor_open(size_t threads, const char *name, bide_executor **ret_executor)
{
    if (!bide__loop)
        return bide_fail(-EPERM, "bide_executor_open was called outside of a loop");
    if (threads < 1 || threads > 4096)
        return bide_fail(-EINVAL, "bide_executor_open: %zu threads; must be 1..4096", threads);
    struct bide_executor *executor = calloc(1, sizeof *executor);
    struct bide__thread_pool *pool = executor ? bide__thread_pool_open(bide__loop, threads, name) : NULL;
    if (!pool) {
        free(executor);
        return bide_fail(-ENOMEM, "bide_executor_open: no memory");
    }
    executor->pool = pool;
    *ret_executor = executor;
    return 0;
}

int bide_run_in_executor(bide_executor *executor, bide_coroutine coroutine)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    bide__coroutine_taken(coroutine.arguments);
    if (err < 0)
        return err;
    if (!executor)
        return call_in(workers(task->loop), task, &coroutine);
    executor->calls++;
    err = call_in(executor->pool, task, &coroutine);
    executor->calls--;
    return err;
}

void bide_executor_close(bide_executor *executor)
{
    if (!executor)
        return;
    assert(executor->calls == 0 && "an executor was closed while calls are queued or running in it");
    bide__thread_pool_close(executor->pool);
    free(executor);
}
