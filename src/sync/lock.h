/* sync/lock.h - what a condition does with its lock. */
#ifndef BIDE_SYNC_LOCK_H
#define BIDE_SYNC_LOCK_H

#include <bide/sync.h>

#include "task/record.h"

/* Gives a lock that nobody holds, or that its holder gives up, to a task. */
static inline void bide__lock_give(bide_lock *lock, struct bide__record *task)
{
    lock->owner = task;
    lock->owner_name = task->name;
}

/* The holder gives it up: to the first who waits, or it is free. */
void bide__lock_pass_on(bide_lock *lock);

/* The running task takes the lock; if it has to wait for it, that cannot be given up. */
void bide__lock_take(bide_lock *lock, struct bide__record *task);

#endif
