/*
 * Locks: an owner and a list of those who wait.
 *
 * A release makes the first waiter the owner before it wakes it. So the lock is never free while somebody waits: a
 * newcomer has nothing to barge into, and an owner that is cancelled before it runs returns from acquire with the lock
 * and releases it like any other. (Waking a waiter that then competes for the lock is what gave asyncio its lost
 * wake-ups.) acquire and release are O(1); a hand-over costs one wake and no extra switch.
 *
 * Must never happen: a free lock with waiters; two owners.
 */
#include "sync/lock.h"

#include <errno.h>

#include "sync/step.h"

int bide_lock_acquire(bide_lock *lock)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (lock->owner)
        return bide__wait_in(&lock->waiters, task, lock->owner == task ? "a lock that it holds itself" : "a lock");
    bide__lock_give(lock, task);
    return bide__step_end(task, 0);
}

int bide_lock_acquire_nowait(bide_lock *lock)
{
    struct bide__record *task = bide__current();

    if (!task)
        return bide_fail(-EPERM, "bide_lock_acquire_nowait: only a task can hold a lock");
    if (lock->owner)
        return -EAGAIN;
    bide__lock_give(lock, task);
    return 0;
}

void bide__lock_pass_on(bide_lock *lock)
{
    struct bide__waiter *waiter = bide__wait_list_take(&lock->waiters);

    if (!waiter) {
        lock->owner = NULL;
        lock->owner_name = NULL;
        return;
    }
    bide__lock_give(lock, waiter->task);
    bide__wake(waiter, 0);
}

void bide__lock_take(bide_lock *lock, struct bide__record *task)
{
    if (!lock->owner) {
        bide__lock_give(lock, task);
        return;
    }
    struct bide__waiter waiter = { .task = task, .what = "a lock" };

    bide__wait_list_add(&lock->waiters, &waiter);
    bide__wait(&waiter);
}

int bide_lock_release(bide_lock *lock)
{
    if (!lock->owner)
        return bide_fail(-EPERM, "bide_lock_release: nobody holds the lock");
    bide__lock_pass_on(lock);
    return 0;
}

bool bide_lock_locked(const bide_lock *lock)
{
    return lock->owner != NULL;
}

bide_sync_statistics bide_lock_get_statistics(const bide_lock *lock)
{
    return (bide_sync_statistics){ .waiting = bide__wait_list_count(&lock->waiters),
                                   .value = lock->owner != NULL,
                                   .limit = 1,
                                   .owner = lock->owner_name };
}
