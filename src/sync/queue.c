/*
 * Queues: items between tasks, and those who wait for one or for room.
 *
 * A put with a task waiting in get fills in that task's variable; a get that makes room takes the item of the first
 * task waiting in put in. Both are done before the other task runs, so there are never getters beside items, nor
 * putters beside room; whoever is woken has what it waited for, whatever cancels it then (R2). That keeps the order of
 * arrival on both sides and leaves no way to lose an item. All calls are O(1), priorities O(log size), shutdown
 * O(waiters).
 *
 * The functions behind the macros know the items' type by a constant shape; the items themselves are queue_store.c's.
 *
 * Must never happen: an item in the queue while a getter waits; a waiter left when the queue is shut down.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "sync/queue_store.h"
#include "sync/step.h"

struct queue_waiter {
    struct bide__waiter waiter;
    union {
        void *ret_value;   /* of a getter */
        const void *value; /* of a putter */
    } u;
};

static int fail_shut_down(const char *function)
{
    return bide_fail(BIDE_ESHUTDOWN, "%s: the queue was shut down", function);
}

static int wait_in_queue(struct bide__wait_list *list, struct queue_waiter *waiter)
{
    waiter->waiter.withdraw = bide__wait_list_withdraw;
    bide__wait_list_add(list, &waiter->waiter);
    return bide__wait(&waiter->waiter);
}

/* Puts, if that is possible without waiting: 0, -EAGAIN (nothing else has happened), or another error. */
static inline int try_put(struct bide__store *store, const void *value)
{
    struct bide__queue *queue = store->queue;

    if (__builtin_expect(queue->is_shut_down, 0))
        return fail_shut_down("bide_queue_put");
    struct bide__waiter *getter = queue->getters.first;
    if (getter) {
        bide__wait_list_remove(getter);
        bide__value_copy(((struct queue_waiter *)getter)->u.ret_value, value, store->shape->size);
        queue->unfinished++;
        bide__wake(getter, 0);
        return 0;
    }
    if (bide__store_full(store))
        return -EAGAIN;
    if (store->shape->kind == BIDE__QUEUE_PRIORITY && !queue->compare)
        return bide_fail(-EINVAL, "bide_queue_put: the priority queue has no comparison (BIDE_PRIORITY_QUEUE)");
    int err = bide__store_reserve(store);
    if (err < 0)
        return err;
    bide__store_add(store, value);
    queue->unfinished++;
    return 0;
}

/* Gets, if that is possible without waiting: 0, -EAGAIN, or BIDE_ESHUTDOWN. */
static inline int try_get(struct bide__store *store, void *ret_value)
{
    struct bide__queue *queue = store->queue;

    if (queue->size == 0)
        return __builtin_expect(queue->is_shut_down, 0) ? fail_shut_down("bide_queue_get") : -EAGAIN;
    if (!store->shape->capacity)
        store->items = queue->heap;
    bide__store_take(store, ret_value);
    struct bide__waiter *putter = queue->putters.first;
    if (putter) {
        bide__wait_list_remove(putter);
        bide__store_add(store, ((struct queue_waiter *)putter)->u.value); /* where there was an item just now */
        queue->unfinished++;
        bide__wake(putter, 0);
    }
    return 0;
}

int bide__queue_put(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape, const void *value)
{
    struct bide__store store = { queue, items, shape };
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    err = try_put(&store, value);
    if (err != -EAGAIN)
        return bide__step_end(task, err);
    struct queue_waiter waiter = { .waiter = { .task = task, .what = "room in a queue" }, .u.value = value };
    err = wait_in_queue(&queue->putters, &waiter);
    return err == BIDE_ESHUTDOWN ? fail_shut_down("bide_queue_put") : err;
}

int bide__queue_put_nowait(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                           const void *value)
{
    struct bide__store store = { queue, items, shape };

    return try_put(&store, value);
}

int bide__queue_get(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape, void *ret_value)
{
    struct bide__store store = { queue, items, shape };
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    err = try_get(&store, ret_value);
    if (err != -EAGAIN)
        return bide__step_end(task, err);
    struct queue_waiter waiter = { .waiter = { .task = task, .what = "an item of a queue" }, .u.ret_value = ret_value };
    err = wait_in_queue(&queue->getters, &waiter);
    return err == BIDE_ESHUTDOWN ? fail_shut_down("bide_queue_get") : err;
}

int bide__queue_get_nowait(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                           void *ret_value)
{
    struct bide__store store = { queue, items, shape };

    return try_get(&store, ret_value);
}

bool bide__queue_full(const struct bide__queue *queue, size_t capacity)
{
    size_t limit = capacity ? capacity : queue->limit;

    return limit && queue->size >= limit;
}

static void wake_all(struct bide__wait_list *list, int result)
{
    for (struct bide__waiter *waiter; (waiter = bide__wait_list_take(list));)
        bide__wake(waiter, result);
}

int bide__queue_task_done(struct bide__queue *queue)
{
    if (queue->unfinished == 0)
        return bide_fail(-EPERM, "bide_queue_task_done: every item that was put is done already");
    if (--queue->unfinished == 0)
        wake_all(&queue->joiners, 0);
    return 0;
}

int bide__queue_join(struct bide__queue *queue)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (queue->unfinished == 0)
        return bide__step_end(task, 0);
    return bide__wait_in(&queue->joiners, task, "the items of a queue to be done");
}

void bide__queue_shutdown(struct bide__queue *queue, bool immediate)
{
    queue->is_shut_down = true;
    if (immediate) {
        /* task_done may have been called for items that are still here: it is not told which it means */
        queue->unfinished -= queue->size < queue->unfinished ? queue->size : queue->unfinished;
        queue->size = queue->head = 0;
        if (queue->unfinished == 0)
            wake_all(&queue->joiners, 0);
    }
    wake_all(&queue->getters, BIDE_ESHUTDOWN);
    wake_all(&queue->putters, BIDE_ESHUTDOWN);
}

void bide__queue_init(struct bide__queue *queue, size_t limit, int (*compare)(const void *, const void *))
{
    *queue = (struct bide__queue){ .limit = limit, .compare = compare };
}

void bide__queue_finish(struct bide__queue *queue)
{
    assert(!queue->getters.first && !queue->putters.first && !queue->joiners.first &&
           "a queue was ended while tasks wait");
    free(queue->heap);
    bide__queue_init(queue, queue->limit, queue->compare);
}

bide_queue_statistics bide__queue_get_statistics(const struct bide__queue *queue, size_t capacity)
{
    return (bide_queue_statistics){
        .size = queue->size,
        .limit = capacity ? capacity : queue->limit,
        .unfinished = queue->unfinished,
        .getters = bide__wait_list_count(&queue->getters),
        .putters = bide__wait_list_count(&queue->putters),
        .joiners = bide__wait_list_count(&queue->joiners),
        .is_shut_down = queue->is_shut_down,
    };
}
