/*
 * The pool of stacks. One pool belongs to one loop and is not thread-safe.
 *
 * A slot is `stack_size` bytes of address space, aligned to its own size: the guard at the bottom, the stack above
 * it, the owner's record at the top, and above the record 0 to 15 cache lines that are left out so that the hot lines
 * of neighbouring slots fall into different sets of the cache (colouring). A slot is known by the address of its
 * record.
 */
#ifndef BIDE_STACK_STACK_H
#define BIDE_STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BIDE__STACK_SIZE_DEFAULT = 64 * 1024,
    BIDE__STACK_SIZE_MINIMUM = 16 * 1024,
    BIDE__STACK_SIZE_MAXIMUM = 64 * 1024 * 1024,
};

/* How the bottom of a stack is protected. */
enum bide__stack_guard {
    BIDE__STACK_GUARD_MADVISE,  /* MADV_GUARD_INSTALL: costs no mapping (Linux 6.13) */
    BIDE__STACK_GUARD_MPROTECT, /* two mappings a stack, so only the first of a process get it */
    BIDE__STACK_GUARD_NONE,     /* an overflow runs into the next slot */
};

/* What a pool is opened with. A zeroed struct means all defaults. */
struct bide__stack_options {
    size_t stack_size;  /* bytes of address space per slot: a power of two, 16 KiB to 64 MiB; 0 is 64 KiB */
    size_t guard_size;  /* bytes at the bottom that fault, rounded up to pages; 0 is one page */
    size_t record_size; /* bytes at the top of each slot for the owner's record, rounded up to 64, at least 64 */
    size_t limit;       /* most stacks that may be out at once; 0 is no limit */
    size_t keep; /* the owner's choice for bide__stack_trim(pool, pool->options.keep); the pool itself never trims */
    enum bide__stack_guard guard; /* the best method to try */
    /*
     * Names the owner of `record` for the overflow message: `size` bytes, terminated. Runs in a signal handler. May
     * be NULL.
     */
    void (*describe)(const void *record, char *text, size_t size);
    /*
     * The bytes of `record`, a stack that was given back, are about to be lost: release the context in it. May be
     * NULL.
     */
    void (*on_discard)(void *record);
};

/* One mapping of slots. Slabs are only ever prepended to the list of a living pool, so a signal handler can walk it. */
struct bide__stack_slab {
    struct bide__stack_slab *next; /* the older one */
    char *base;                    /* aligned to the slot size */
    size_t count;                  /* slots in it */
};

/* The pool; its fields are private to src/stack except options (read only). */
struct bide__stack_pool {
    void **idle; /* given-back records, last in first out; room for every slot carved so far */
    size_t idle_count;
    size_t cold_count; /* idle[0 .. cold_count) were discarded: their contents are gone, their guards are not */
    size_t carved;     /* slots handed out at least once */
    size_t unused;     /* slots of the newest slab not handed out yet */
    struct bide__stack_slab *slabs; /* newest first; published with release order */
    struct bide__stack_options options;
    enum bide__stack_guard guard; /* method for the next slot */
    size_t slab_count;
    size_t reserved; /* bytes of address space */
    size_t by_method[3];
    int registration; /* place in the registry of the overflow handler, or -1 */
};

/* A snapshot of a pool. */
struct bide__stack_statistics {
    size_t live;       /* stacks out with owners */
    size_t idle;       /* given back and warm: their memory is still theirs */
    size_t cold;       /* given back and discarded */
    size_t slabs;      /* mappings made */
    size_t reserved;   /* bytes of address space */
    size_t unguarded;  /* slots carved without a guard */
    const char *guard; /* method for the next slot: "madvise", "mprotect" or "none" */
};

/*
 * Opens a pool; `options` may be NULL and is copied. Reserves nothing until the first take. Returns 0, or -EINVAL
 * when sizes are out of range or leave less than two pages of stack. Close it with bide__stack_pool_close().
 */
int bide__stack_pool_open(struct bide__stack_pool *pool, const struct bide__stack_options *options);

/* Calls on_discard for every idle warm stack and unmaps everything. Asserts that all stacks were given back. */
void bide__stack_pool_close(struct bide__stack_pool *pool);

/* The two halves of bide__stack_take(): NULL where only a fresh one is left, and the slow half for that. */
static inline void *bide__stack_take_warm(struct bide__stack_pool *pool)
{
    return __builtin_expect(pool->idle_count == pool->cold_count, 0) ? NULL : pool->idle[--pool->idle_count];
}
void *bide__stack_take_fresh(struct bide__stack_pool *pool, bool *ret_fresh);

/*
 * Takes a stack and returns its record, 64-byte aligned. With *ret_fresh true the record's contents are undefined and
 * no context lives there yet; with false it is the stack given back last, all bytes as they were. NULL with errno
 * EAGAIN at the limit of the options, ENOMEM when the system has no memory. A warm take costs about 2 ns, a fresh one
 * a guard and, when touched, a page fault.
 */
static inline void *bide__stack_take(struct bide__stack_pool *pool, bool *ret_fresh)
{
    void *record = bide__stack_take_warm(pool);

    if (__builtin_expect(!record, 0))
        return bide__stack_take_fresh(pool, ret_fresh);
    *ret_fresh = false;
    return record;
}

/*
 * Gives a stack back; the bytes of the record and of the stack stay as they are until a trim. The caller must not run
 * on it later than the next take.
 */
static inline void bide__stack_give(struct bide__stack_pool *pool, void *record)
{
    pool->idle[pool->idle_count++] = record;
}

/* The usable stack of a slot: *ret_low just above the guard, *ret_high at the record. */
void bide__stack_bounds(const struct bide__stack_pool *pool, const void *record, void **ret_low, void **ret_high);

/*
 * Hands the memory of idle stacks back to the system, coldest first, until only `keep` warm ones are left:
 * on_discard, then MADV_DONTNEED (1 to 3 microseconds each). Returns how many were discarded. They stay in the pool
 * and come back as fresh.
 */
size_t bide__stack_trim(struct bide__stack_pool *pool, size_t keep);

/*
 * Bytes below the record that were ever touched, in whole pages (since the slot was last discarded). Costs a system
 * call.
 */
size_t bide__stack_high_water(const struct bide__stack_pool *pool, const void *record);

/* Fills in a snapshot of `pool`. */
void bide__stack_statistics(const struct bide__stack_pool *pool, struct bide__stack_statistics *ret_statistics);

#endif
