/*
 * A pool of threads: a locked list of jobs, threads that are started when a job finds none idle, up to a limit.
 *
 * submit O(1), one lock; a finished job comes back through the loop's lock-free stack of messages. Threads block all
 * signals, so a handler never runs on them. An idle thread waits for work as long as the pool lives. Must never
 * happen: `work` after a successful cancel, a job touched by a thread after it was sent home.
 */
#include "loop/thread_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct bide__thread_pool {
    struct bide_loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct bide__job *first, *last;
    size_t idle;    /* threads that wait for work */
    size_t pending; /* jobs in the list */
    size_t started;
    size_t limit;
    bool closing;
    char name[16];
    pthread_t threads[];
};

static struct bide__job *take_first(struct bide__thread_pool *pool)
{
    struct bide__job *job = pool->first;

    if (!job)
        return NULL;
    pool->first = job->next;
    if (pool->first)
        pool->first->previous = NULL;
    else
        pool->last = NULL;
    job->queued = false;
    pool->pending--;
    return job;
}

static void *thread_main(void *argument)
{
    struct bide__thread_pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct bide__job *job = take_first(pool);

        if (job) {
            pthread_mutex_unlock(&pool->lock);
            job->work(job);
            bide__remote_post(pool->loop, &job->remote);
            pthread_mutex_lock(&pool->lock);
        } else if (pool->closing) {
            break;
        } else {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Called with the lock held. 0 or -EAGAIN. */
static int start_thread(struct bide__thread_pool *pool)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&pool->threads[pool->started], NULL, thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err)
        return -EAGAIN;
    pthread_setname_np(pool->threads[pool->started], pool->name);
    pool->started++;
    pool->loop->pool_threads++;
    return 0;
}

static void deliver(struct bide__remote *remote)
{
    struct bide__job *job = (struct bide__job *)remote;

    job->loop->jobs_under_way--;
    job->finished(job);
}

struct bide__thread_pool *bide__thread_pool_open(struct bide_loop *loop, size_t limit, const char *name)
{
    struct bide__thread_pool *pool = calloc(1, sizeof *pool + limit * sizeof pool->threads[0]);

    if (!pool)
        return NULL;
    pool->loop = loop;
    pool->limit = limit;
    strncpy(pool->name, name, sizeof pool->name - 1);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    return pool;
}

void bide__thread_pool_close(struct bide__thread_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    for (struct bide__job *job; (job = take_first(pool));)
        bide__remote_post(pool->loop, &job->remote);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], NULL);
    pool->loop->pool_threads -= pool->started;
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int bide__thread_pool_submit(struct bide__thread_pool *pool, struct bide__job *job)
{
    int err = 0;

    job->remote.deliver = deliver;
    job->pool = pool;
    job->loop = pool->loop;
    pthread_mutex_lock(&pool->lock);
    if (pool->pending >= pool->idle && pool->started < pool->limit)
        err = start_thread(pool);
    if (err == 0 || pool->started > 0) {
        err = 0;
        job->queued = true;
        job->next = NULL;
        job->previous = pool->last;
        if (pool->last)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->pending++;
        pthread_cond_signal(&pool->work);
        pool->loop->jobs_under_way++;
    }
    pthread_mutex_unlock(&pool->lock);
    return err;
}

bool bide__thread_pool_cancel(struct bide__thread_pool *pool, struct bide__job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool queued = job->queued;
    if (queued) {
        if (job->previous)
            job->previous->next = job->next;
        else
            pool->first = job->next;
        if (job->next)
            job->next->previous = job->previous;
        else
            pool->last = job->previous;
        job->queued = false;
        pool->pending--;
        pool->loop->jobs_under_way--;
    }
    pthread_mutex_unlock(&pool->lock);
    return queued;
}
