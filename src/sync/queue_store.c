/*
 * Where a queue's items are: a ring (first in first out), a stack (last in first out), or a binary heap (smallest
 * first), in an array inside the queue or on the heap.
 *
 * A ring's index wraps by comparison: capacities are what the user says, seldom powers of two, and a division costs
 * more than all the rest. In the binary heap each item carries the number of its arrival, so equal ones come out in the
 * order they came in. Adding and taking are O(1), with priorities O(log size); an array on the heap doubles and is
 * never shrunk before bide_queue_finish.
 */
#include "sync/queue_store.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_ALLOCATION = 16 /* items */ };

int bide__store_grow(struct bide__store *store)
{
    struct bide__queue *queue = store->queue;
    size_t stride = store->shape->stride, wanted = queue->allocated ? queue->allocated * 2 : FIRST_ALLOCATION, bytes;

    if (queue->limit && wanted > queue->limit)
        wanted = queue->limit;
    char *items = __builtin_mul_overflow(wanted, stride, &bytes) ? NULL : malloc(bytes);
    if (!items)
        return bide_fail(-ENOMEM, "bide_queue_put: no memory for %zu items", wanted);
    /* a ring is laid out from its oldest item on; the others begin at 0 anyway */
    size_t before_end = queue->allocated - queue->head;
    if (before_end > queue->size)
        before_end = queue->size;
    if (queue->size) {
        memcpy(items, bide__store_at(store, queue->head), before_end * stride);
        memcpy(items + before_end * stride, store->items, (queue->size - before_end) * stride);
    }
    free(queue->heap);
    queue->heap = store->items = items;
    queue->allocated = wanted;
    queue->head = 0;
    return 0;
}

/* The number of its arrival, at the beginning of an item with a priority. */
static uint64_t sequence_of(const char *item)
{
    uint64_t sequence;

    memcpy(&sequence, item, sizeof sequence);
    return sequence;
}

static bool comes_before(const struct bide__store *store, const char *a, const char *b)
{
    int order = store->queue->compare(a + store->shape->offset, b + store->shape->offset);

    return order < 0 || (order == 0 && sequence_of(a) < sequence_of(b));
}

/* Moves larger parents down from the end until the value fits: it is the newest, so those equal to it stay above. */
void bide__store_sift_up(const struct bide__store *store, const void *value)
{
    const struct bide__queue_shape *shape = store->shape;
    size_t hole = store->queue->size;

    while (hole > 0) {
        size_t parent = (hole - 1) / 2;

        if (store->queue->compare(value, bide__store_at(store, parent) + shape->offset) >= 0)
            break;
        memcpy(bide__store_at(store, hole), bide__store_at(store, parent), shape->stride);
        hole = parent;
    }
    memcpy(bide__store_at(store, hole), &store->queue->sequence, sizeof store->queue->sequence);
    memcpy(bide__store_at(store, hole) + shape->offset, value, shape->size);
    store->queue->sequence++;
}

/* Fills the hole at the top with the last of `size` + 1 items: smaller children move up until it fits. */
static void sift_down(const struct bide__store *store, size_t size)
{
    const char *last = bide__store_at(store, size);
    size_t hole = 0;

    for (size_t child; (child = 2 * hole + 1) < size; hole = child) {
        if (child + 1 < size && comes_before(store, bide__store_at(store, child + 1), bide__store_at(store, child)))
            child++;
        if (!comes_before(store, bide__store_at(store, child), last))
            break;
        memcpy(bide__store_at(store, hole), bide__store_at(store, child), store->shape->stride);
    }
    if (hole != size)
        memcpy(bide__store_at(store, hole), last, store->shape->stride);
}

void bide__store_take_top(const struct bide__store *store, void *ret_value)
{
    memcpy(ret_value, bide__store_at(store, 0) + store->shape->offset, store->shape->size);
    sift_down(store, store->queue->size);
}
