/*
 * Capacity limiters: a semaphore that knows who has its permits.
 *
 * The borrowers stand in a hash table of task addresses (open addressing, linear probing, no tombstones), at most half
 * full. Who is about to wait reserves its place first, so that a release can hand a token over without memory; the
 * table is freed when the last token is back and nobody waits, so there is nothing to destroy. All calls are O(1) on
 * average, set_total O(tokens handed over). Waiters and free tokens may be there together only while more tokens are
 * taken than the total allows.
 *
 * Must never happen: more tokens given out than the total; a token lost with a cancelled waiter; a release that needs
 * memory.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <bide/sync.h>

#include "sync/step.h"

enum { SLOTS_MIN = 16 };

/*
 * Where a task stands, or would stand. Records are hundreds of bytes apart; the multiplier (2^64 by the golden ratio)
 * spreads them over the high bits.
 */
static size_t slot_of(const bide_capacity_limiter *limiter, const struct bide__record *task)
{
    size_t mask = limiter->slots - 1, slot = (size_t)(((uint64_t)(uintptr_t)task * 0x9e3779b97f4a7c15u) >> 32) & mask;

    while (limiter->borrowers[slot] && limiter->borrowers[slot] != task)
        slot = (slot + 1) & mask;
    return slot;
}

static bool has_token(const bide_capacity_limiter *limiter, const struct bide__record *task)
{
    return limiter->slots && limiter->borrowers[slot_of(limiter, task)];
}

static void give_token(bide_capacity_limiter *limiter, struct bide__record *task)
{
    limiter->borrowers[slot_of(limiter, task)] = task;
    limiter->borrowed++;
}

/* Takes a task out; those behind it that it had pushed on move up. */
static void take_token(bide_capacity_limiter *limiter, const struct bide__record *task)
{
    size_t mask = limiter->slots - 1, hole = slot_of(limiter, task);

    limiter->borrowers[hole] = NULL;
    limiter->borrowed--;
    for (size_t next = (hole + 1) & mask; limiter->borrowers[next]; next = (next + 1) & mask) {
        struct bide__record *moved = limiter->borrowers[next];

        limiter->borrowers[next] = NULL;
        limiter->borrowers[slot_of(limiter, moved)] = moved;
    }
}

/* Room for one more borrower beside those that have or wait for a token. */
static int reserve(bide_capacity_limiter *limiter)
{
    size_t wanted = ((size_t)limiter->borrowed + limiter->waiting + 1) * 2,
           slots = limiter->slots ? limiter->slots : SLOTS_MIN;

    if (wanted <= limiter->slots)
        return 0;
    while (slots < wanted)
        slots *= 2;
    struct bide__record **table = calloc(slots, sizeof *table), **old = limiter->borrowers;
    size_t old_slots = limiter->slots;
    if (!table)
        return bide_fail(-ENOMEM, "bide_capacity_limiter_acquire: no memory for %zu borrowers", wanted / 2);
    limiter->borrowers = table;
    limiter->slots = slots;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i])
            table[slot_of(limiter, old[i])] = old[i];
    free(old);
    return 0;
}

static void free_if_idle(bide_capacity_limiter *limiter)
{
    if (limiter->borrowed || limiter->waiting)
        return;
    free(limiter->borrowers);
    limiter->borrowers = NULL;
    limiter->slots = 0;
}

static void hand_over(bide_capacity_limiter *limiter)
{
    while (limiter->waiting && limiter->borrowed < limiter->total) {
        struct bide__waiter *waiter = bide__wait_list_take(&limiter->waiters);

        limiter->waiting--;
        give_token(limiter, waiter->task);
        bide__wake(waiter, 0);
    }
}

static void withdraw_from_limiter(struct bide__waiter *waiter)
{
    bide_capacity_limiter *limiter =
        (bide_capacity_limiter *)((char *)waiter->list - offsetof(bide_capacity_limiter, waiters));

    limiter->waiting--;
    bide__wait_list_withdraw(waiter);
    free_if_idle(limiter);
}

/* 0: there is room for one more borrower, who has no token yet. */
static int may_acquire(bide_capacity_limiter *limiter, const struct bide__record *task)
{
    if (limiter->total < 0)
        return bide_fail(-EINVAL, "a capacity limiter was made with %ld tokens", limiter->total);
    if (has_token(limiter, task))
        return bide_fail(-EDEADLK, "bide_capacity_limiter_acquire: task '%s' has a token already", task->name);
    return 0;
}

int bide_capacity_limiter_acquire(bide_capacity_limiter *limiter)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0 || (err = may_acquire(limiter, task)) < 0 || (err = reserve(limiter)) < 0)
        return err;
    if (limiter->borrowed < limiter->total) {
        give_token(limiter, task);
        return bide__step_end(task, 0);
    }
    struct bide__waiter waiter = { .task = task, .withdraw = withdraw_from_limiter, .what = "a token of a limiter" };
    bide__wait_list_add(&limiter->waiters, &waiter);
    limiter->waiting++;
    return bide__wait(&waiter);
}

int bide_capacity_limiter_acquire_nowait(bide_capacity_limiter *limiter)
{
    struct bide__record *task = bide__current();

    if (!task)
        return bide_fail(-EPERM, "bide_capacity_limiter_acquire_nowait: only a task can have a token");
    int err = may_acquire(limiter, task);
    if (err < 0)
        return err;
    if (limiter->borrowed >= limiter->total)
        return -EAGAIN;
    err = reserve(limiter);
    if (err == 0)
        give_token(limiter, task);
    return err;
}

int bide_capacity_limiter_release(bide_capacity_limiter *limiter)
{
    const struct bide__record *task = bide__current();

    if (!task || !has_token(limiter, task))
        return bide_fail(-EPERM, "bide_capacity_limiter_release: this task has no token");
    take_token(limiter, task);
    hand_over(limiter);
    free_if_idle(limiter);
    return 0;
}

int bide_capacity_limiter_set_total(bide_capacity_limiter *limiter, long tokens)
{
    if (tokens < 0)
        return bide_fail(-EINVAL, "bide_capacity_limiter_set_total: %ld tokens", tokens);
    limiter->total = tokens;
    hand_over(limiter);
    return 0;
}

bide_sync_statistics bide_capacity_limiter_get_statistics(const bide_capacity_limiter *limiter)
{
    return (bide_sync_statistics){ .waiting = limiter->waiting, .value = limiter->borrowed, .limit = limiter->total };
}
