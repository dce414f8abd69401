/*
 * The pool of stacks: take, give, trim.
 *
 * Address space comes in slabs that grow from 64 to 4096 slots, reserved without commitment and with huge pages off
 * (on, every idle stack would cost its full size). A slot is carved from the newest slab once, gets its guard then,
 * and afterwards lives in the LIFO array of idle records: warm ones on top, discarded ones at the bottom. Taking and
 * giving a warm stack moves one pointer. A slot costs 8 bytes here plus the pages its owner touches. Giving can never
 * fail, because the array is grown with the slabs. What must never happen: a slot in the array twice, or one that
 * somebody still runs on.
 */
#define _GNU_SOURCE 1
#include "stack/stack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stack/guard.h"
#include "stack/overflow.h"
#include "stack/sanitizer.h"

enum {
    CACHE_LINE = 64,
    COLOURS = 16,
    SLAB_SLOTS_FIRST = 64,
    SLAB_SLOTS_LAST = 4096,
    SLAB_BYTES_MAXIMUM = 256 * 1024 * 1024, /* large slots come in smaller slabs, but never less than one slot */
};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t number, size_t multiple)
{
    return (number + multiple - 1) / multiple * multiple;
}

int bide__stack_pool_open(struct bide__stack_pool *pool, const struct bide__stack_options *options)
{
    struct bide__stack_options chosen = { 0 };
    size_t page = page_size();

    if (options)
        chosen = *options;
    if (chosen.stack_size == 0)
        chosen.stack_size = BIDE__STACK_SIZE_DEFAULT;
    if (chosen.guard_size == 0)
        chosen.guard_size = page;
    if (chosen.stack_size < BIDE__STACK_SIZE_MINIMUM || chosen.stack_size > BIDE__STACK_SIZE_MAXIMUM ||
        (chosen.stack_size & (chosen.stack_size - 1)) != 0 || chosen.guard_size > chosen.stack_size ||
        chosen.record_size > chosen.stack_size)
        return -EINVAL;
    chosen.guard_size = round_up(chosen.guard_size, page);
    if (chosen.record_size == 0)
        chosen.record_size = 1; /* a record needs an address inside its slot */
    chosen.record_size = round_up(chosen.record_size, CACHE_LINE);
    if (chosen.guard_size + chosen.record_size + COLOURS * CACHE_LINE + 2 * page > chosen.stack_size)
        return -EINVAL;
    memset(pool, 0, sizeof *pool);
    pool->options = chosen;
    pool->guard = chosen.guard;
    pool->registration = bide__overflow_register(pool);
    return 0;
}

/* Start of the slot that `record` lies in. */
static char *slot_of(const struct bide__stack_pool *pool, const void *record)
{
    return (char *)((uintptr_t)record & ~(uintptr_t)(pool->options.stack_size - 1));
}

void *bide__stack_record(const struct bide__stack_pool *pool, const void *address)
{
    uintptr_t size = pool->options.stack_size;
    uintptr_t slot = (uintptr_t)address & ~(size - 1);
    uintptr_t colour = slot / size * 7 % COLOURS;

    return (void *)(slot + size - colour * CACHE_LINE - pool->options.record_size);
}

/* Maps `count` slots aligned to their size and without commitment. NULL when the system refuses. */
static char *map_slots(const struct bide__stack_pool *pool, size_t count)
{
    size_t stack_size = pool->options.stack_size;
    size_t wanted = stack_size * count;
    size_t mapped = wanted + stack_size - page_size();
    char *area = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;

    if (area == MAP_FAILED)
        return NULL;
    before = (size_t)(-(uintptr_t)area & (stack_size - 1));
    if (before > 0)
        munmap(area, before);
    if (mapped - before - wanted > 0)
        munmap(area + before + wanted, mapped - before - wanted);
    area += before;
    madvise(area, wanted, MADV_NOHUGEPAGE); /* fails where huge pages do not exist: nothing to turn off then */
    return area;
}

/* How many slots the next slab should have. */
static size_t next_slab_slots(const struct bide__stack_pool *pool)
{
    size_t count = SLAB_SLOTS_LAST;
    size_t most = SLAB_BYTES_MAXIMUM / pool->options.stack_size;

    if (pool->slab_count < 6)
        count = (size_t)SLAB_SLOTS_FIRST << pool->slab_count;
    if (count > most)
        count = most;
    if (pool->options.limit && count > pool->options.limit - pool->carved)
        count = pool->options.limit - pool->carved;
    return count;
}

/* Adds a slab, smaller ones while the system refuses larger. Returns 0 or -ENOMEM. */
static int add_slab(struct bide__stack_pool *pool)
{
    struct bide__stack_slab *slab = malloc(sizeof *slab);
    size_t count = next_slab_slots(pool);
    void **idle;

    if (!slab)
        return -ENOMEM;
    while (!(slab->base = map_slots(pool, count)) && count > 1)
        count /= 2;
    if (!slab->base) {
        free(slab);
        return -ENOMEM;
    }
    idle = realloc(pool->idle, (pool->carved + count) * sizeof *idle);
    if (!idle) {
        munmap(slab->base, count * pool->options.stack_size);
        free(slab);
        return -ENOMEM;
    }
    pool->idle = idle;
    pool->unused = count;
    pool->slab_count++;
    pool->reserved += count * pool->options.stack_size;
    slab->count = count;
    slab->next = pool->slabs;
    __atomic_store_n(&pool->slabs, slab, __ATOMIC_RELEASE);
    return 0;
}

void *bide__stack_take_fresh(struct bide__stack_pool *pool, bool *ret_fresh)
{
    char *slot;

    if (pool->idle_count > 0) {
        pool->cold_count = --pool->idle_count;
        *ret_fresh = true;
        return pool->idle[pool->idle_count];
    }
    if (pool->options.limit && pool->carved >= pool->options.limit) {
        errno = EAGAIN;
        return NULL;
    }
    if (pool->unused == 0 && add_slab(pool) < 0) {
        errno = ENOMEM;
        return NULL;
    }
    /*
     * From the top down: the page tables of the next slot are then the ones just used, and lower slabs follow higher
     * ones.
     */
    slot = pool->slabs->base + --pool->unused * pool->options.stack_size;
    pool->carved++;
    pool->guard = bide__guard_install(pool->guard, slot, pool->options.guard_size);
    pool->by_method[pool->guard]++;
    *ret_fresh = true;
    return bide__stack_record(pool, slot);
}

void bide__stack_bounds(const struct bide__stack_pool *pool, const void *record, void **ret_low, void **ret_high)
{
    *ret_low = slot_of(pool, record) + pool->options.guard_size;
    *ret_high = (char *)(uintptr_t)record;
}

/* Tells the owner that an idle record goes, and makes the slot clean for whoever has the addresses next. */
static void discard(struct bide__stack_pool *pool, void *record)
{
    char *low = slot_of(pool, record) + pool->options.guard_size;

    if (pool->options.on_discard)
        pool->options.on_discard(record);
    bide__sanitizer_unpoison(low, pool->options.stack_size - pool->options.guard_size);
}

size_t bide__stack_trim(struct bide__stack_pool *pool, size_t keep)
{
    size_t last = pool->idle_count > keep ? pool->idle_count - keep : 0;
    size_t first = pool->cold_count;
    size_t usable = pool->options.stack_size - pool->options.guard_size;

    if (last <= first)
        return 0;
    for (size_t i = first; i < last; i++) {
        discard(pool, pool->idle[i]);
        /* Locked memory refuses; the stack then simply keeps its pages. */
        madvise(slot_of(pool, pool->idle[i]) + pool->options.guard_size, usable, MADV_DONTNEED);
    }
    pool->cold_count = last;
    return last - first;
}

void bide__stack_pool_close(struct bide__stack_pool *pool)
{
    assert(pool->idle_count == pool->carved && "a stack pool is closed while stacks are out");
    bide__overflow_unregister(pool->registration);
    for (size_t i = pool->cold_count; i < pool->idle_count; i++)
        discard(pool, pool->idle[i]);
    while (pool->slabs) {
        struct bide__stack_slab *slab = pool->slabs;

        pool->slabs = slab->next;
        munmap(slab->base, slab->count * pool->options.stack_size);
        free(slab);
    }
    bide__guard_forget(pool->by_method[BIDE__STACK_GUARD_MPROTECT]);
    free(pool->idle);
    memset(pool, 0, sizeof *pool);
}

size_t bide__stack_high_water(const struct bide__stack_pool *pool, const void *record)
{
    unsigned char resident[256];
    size_t page = page_size();
    char *low = slot_of(pool, record) + pool->options.guard_size;
    char *high = (char *)((uintptr_t)record & ~(uintptr_t)(page - 1)) + page;
    size_t step = sizeof resident * page;

    for (char *from = low; from < high; from += step) {
        size_t length = (size_t)(high - from) < step ? (size_t)(high - from) : step;

        if (mincore(from, length, resident) < 0)
            return 0;
        for (size_t i = 0; i < length / page; i++) {
            if ((resident[i] & 1) && from + i * page < (const char *)record)
                return (size_t)((const char *)record - (from + i * page));
        }
    }
    return 0;
}

void bide__stack_statistics(const struct bide__stack_pool *pool, struct bide__stack_statistics *ret_statistics)
{
    static const char *const names[] = { "madvise", "mprotect", "none" };

    *ret_statistics = (struct bide__stack_statistics){
        .live = pool->carved - pool->idle_count,
        .idle = pool->idle_count - pool->cold_count,
        .cold = pool->cold_count,
        .slabs = pool->slab_count,
        .reserved = pool->reserved,
        .unguarded = pool->by_method[BIDE__STACK_GUARD_NONE],
        .guard = names[pool->guard],
    };
}
