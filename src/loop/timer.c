/*
 * Timers: a 4-ary heap of (deadline, sequence, slot) with inline keys, so that sifting touches no timer, and a table
 * from slots to timers.
 *
 * arm     O(log n), usually O(1): most deadlines are later than their parent's. 24 bytes of memory a timer.
 * cancel  O(1): the slot is emptied and the entry stays as a tombstone until it surfaces. The last entry of the heap is dropped at once, so a timeout
 *         around something that is ready leaves nothing. When more than half of the entries are dead the heap is rebuilt: O(n) once in n cancels.
 * expire  O(log n) each, in exact order; equal deadlines in the order of arming (the sequence number wraps; entries compare by its signed difference).
 *
 * There are no kernel timers: the loop asks for the next deadline and waits that long. A timer structure may be freed
 * as soon as it has expired or was cancelled, never while it is armed.
 */
#include "loop/timer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

static bool earlier(const struct bide__timer_entry *a, const struct bide__timer_entry *b)
{
    if (a->deadline != b->deadline)
        return a->deadline < b->deadline;
    return (int32_t)(a->sequence - b->sequence) < 0;
}

static void sift_up(struct bide__timer_entry *heap, uint32_t index)
{
    struct bide__timer_entry entry = heap[index];

    while (index > 0) {
        uint32_t parent = (index - 1) / 4;

        if (!earlier(&entry, &heap[parent]))
            break;
        heap[index] = heap[parent];
        index = parent;
    }
    heap[index] = entry;
}

static void sift_down(struct bide__timer_entry *heap, uint32_t size, uint32_t index)
{
    struct bide__timer_entry entry = heap[index];

    for (;;) {
        uint32_t first = index * 4 + 1, last = first + 4 < size ? first + 4 : size;

        if (first >= size)
            break;
        uint32_t best = first;
        for (uint32_t child = first + 1; child < last; child++)
            if (earlier(&heap[child], &heap[best]))
                best = child;
        if (!earlier(&heap[best], &entry))
            break;
        heap[index] = heap[best];
        index = best;
    }
    heap[index] = entry;
}

static void free_slot(struct bide__timers *timers, uint32_t slot)
{
    timers->slots[slot] = (struct bide__timer *)(uintptr_t)timers->free_slot;
    timers->free_slot = slot;
}

static void pop_first(struct bide__timers *timers)
{
    free_slot(timers, timers->heap[0].slot);
    timers->heap[0] = timers->heap[--timers->size];
    if (timers->size > 1)
        sift_down(timers->heap, timers->size, 0);
}

static int grow(struct bide__timers *timers)
{
    uint32_t capacity = timers->capacity ? timers->capacity * 2 : 64;
    struct bide__timer_entry *heap = realloc(timers->heap, capacity * sizeof *heap);

    if (!heap)
        return -ENOMEM;
    timers->heap = heap;
    struct bide__timer **slots = realloc(timers->slots, (capacity + 1) * sizeof *slots); /* slot 0 means "not armed" */
    if (!slots)
        return -ENOMEM;
    timers->slots = slots;
    timers->capacity = capacity;
    return 0;
}

int bide__timer_arm(struct bide__timers *timers, struct bide__timer *timer, int64_t deadline)
{
    if (!bide__timers_have_room(timers, 1) && grow(timers) < 0)
        return -ENOMEM;
    uint32_t slot = timers->free_slot;
    if (slot)
        timers->free_slot = (uint32_t)(uintptr_t)timers->slots[slot];
    else
        slot = ++timers->slots_used;
    timers->slots[slot] = timer;
    timer->slot = slot;
    timers->heap[timers->size] = (struct bide__timer_entry){ deadline, timers->sequence++, slot };
    sift_up(timers->heap, timers->size++);
    return 0;
}

/* Rebuilds the heap from its living entries. */
static void compact(struct bide__timers *timers)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < timers->size; i++) {
        if (timers->slots[timers->heap[i].slot])
            timers->heap[kept++] = timers->heap[i];
        else
            free_slot(timers, timers->heap[i].slot);
    }
    timers->size = kept;
    timers->dead = 0;
    for (uint32_t i = kept / 4 + 1; i-- > 0;)
        if (i < kept)
            sift_down(timers->heap, kept, i);
}

void bide__timer_cancel(struct bide__timers *timers, struct bide__timer *timer)
{
    uint32_t slot = timer->slot;

    if (!slot)
        return;
    timer->slot = 0;
    if (timers->heap[timers->size - 1].slot == slot) {
        timers->size--;
        free_slot(timers, slot);
        return;
    }
    timers->slots[slot] = NULL;
    timers->dead++;
    if (timers->dead > 64 && timers->dead > timers->size / 2)
        compact(timers);
}

static void drop_dead(struct bide__timers *timers)
{
    while (timers->size && !timers->slots[timers->heap[0].slot]) {
        timers->dead--;
        pop_first(timers);
    }
}

int64_t bide__timers_next(struct bide__timers *timers)
{
    drop_dead(timers);
    return timers->size ? timers->heap[0].deadline : BIDE__FOREVER;
}

void bide__timers_expire(struct bide__timers *timers, int64_t now)
{
    for (;;) {
        drop_dead(timers);
        if (!timers->size || timers->heap[0].deadline > now)
            return;
        struct bide__timer *timer = timers->slots[timers->heap[0].slot];

        pop_first(timers);
        timer->slot = 0;
        timer->expire(timer);
    }
}

int bide__timers_make_room(struct bide__timers *timers, uint32_t count)
{
    while (!bide__timers_have_room(timers, count))
        if (grow(timers) < 0)
            return -ENOMEM;
    return 0;
}

int bide__timers_reserve(struct bide__timers *timers)
{
    if (bide__timers_make_room(timers, 1) < 0)
        return -ENOMEM;
    timers->reserved++;
    return 0;
}

void bide__timers_unreserve(struct bide__timers *timers)
{
    timers->reserved--;
}

void bide__timers_free(struct bide__timers *timers)
{
    free(timers->heap);
    free(timers->slots);
    *timers = (struct bide__timers){ 0 };
}
