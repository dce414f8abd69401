/* sync/queue_store.h - where a queue keeps its items: order, and memory. Knows nothing of tasks. */
#ifndef BIDE_SYNC_QUEUE_STORE_H
#define BIDE_SYNC_QUEUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bide/queue.h>

/* A queue together with its place for items: an argument of everything below, made anew in each call. */
struct bide__store {
    struct bide__queue *queue;
    char *items;
    const struct bide__queue_shape *shape;
};

/* Copies a value of a size that is often that of a pointer or an int. */
static inline void bide__value_copy(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

/* True if no item fits. */
static inline bool bide__store_full(const struct bide__store *store)
{
    const struct bide__queue *queue = store->queue;
    size_t limit = store->shape->capacity ? store->shape->capacity : queue->limit;

    return queue->size >= limit && limit;
}

static inline char *bide__store_at(const struct bide__store *store, size_t index)
{
    return store->items + index * store->shape->stride;
}

/* How many items the array can hold. */
static inline size_t bide__store_room(const struct bide__store *store)
{
    return store->shape->capacity ? store->shape->capacity : store->queue->allocated;
}

/* Doubles the array of a queue on the heap; `store->items` is set anew. 0, or -ENOMEM with a message. */
int bide__store_grow(struct bide__store *store);

/*
 * The binary heap of a queue with priorities: adds to `size` items; takes the top one out of `size` + 1, size being
 * counted already.
 */
void bide__store_sift_up(const struct bide__store *store, const void *value);
void bide__store_take_top(const struct bide__store *store, void *ret_value);

/* Makes sure that one more item can be added: 0, or -ENOMEM, with a message, when a queue on the heap cannot grow. */
static inline int bide__store_reserve(struct bide__store *store)
{
    if (store->shape->capacity)
        return 0;
    store->items = store->queue->heap;
    return store->queue->size < store->queue->allocated ? 0 : bide__store_grow(store);
}

/* Adds an item; there is room for it. */
static inline void bide__store_add(const struct bide__store *store, const void *value)
{
    struct bide__queue *queue = store->queue;

    if (store->shape->kind == BIDE__QUEUE_PRIORITY) {
        bide__store_sift_up(store, value);
    } else {
        size_t index = queue->head + queue->size, room = bide__store_room(store);

        bide__value_copy(bide__store_at(store, index >= room ? index - room : index), value, store->shape->size);
    }
    queue->size++;
}

/* Takes the next item out, into *ret_value; there is one. */
static inline void bide__store_take(const struct bide__store *store, void *ret_value)
{
    struct bide__queue *queue = store->queue;

    queue->size--;
    if (store->shape->kind == BIDE__QUEUE_PRIORITY) {
        bide__store_take_top(store, ret_value);
    } else if (store->shape->kind == BIDE__QUEUE_LIFO) {
        bide__value_copy(ret_value, bide__store_at(store, queue->size), store->shape->size);
    } else {
        bide__value_copy(ret_value, bide__store_at(store, queue->head), store->shape->size);
        if (++queue->head == bide__store_room(store))
            queue->head = 0;
    }
}

#endif
