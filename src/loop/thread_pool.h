/* loop/thread_pool.h - threads for calls that block. */
#ifndef BIDE_LOOP_THREAD_POOL_H
#define BIDE_LOOP_THREAD_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

/* A piece of work. Belongs to the pool from submit until finished is called (or cancel said true). */
struct bide__job {
    struct bide__remote remote; /* brings it home */
    struct bide__job *next, *previous;
    void (*work)(struct bide__job *job);     /* in a thread of the pool */
    void (*finished)(struct bide__job *job); /* in the loop's thread, afterwards */
    struct bide__thread_pool *pool;
    struct bide_loop *loop; /* the pool may be gone when the job comes home */
    bool queued;            /* under the pool's lock */
};

/* A pool of at most `limit` threads that are started when needed. NULL + errno without memory. */
struct bide__thread_pool *bide__thread_pool_open(struct bide_loop *loop, size_t limit, const char *name);

/*
 * Waits for the work that runs, drops what is queued (its `finished` is still called, by the loop's last drain),
 * joins the threads. NULL is ignored.
 */
void bide__thread_pool_close(struct bide__thread_pool *pool);

/* Queues a job. 0, or -EAGAIN when not even one thread can be started. */
int bide__thread_pool_submit(struct bide__thread_pool *pool, struct bide__job *job);

/* Takes a job back that no thread has begun. False: too late, `finished` will come. */
bool bide__thread_pool_cancel(struct bide__thread_pool *pool, struct bide__job *job);

#endif
