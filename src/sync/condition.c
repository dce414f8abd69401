/*
 * Conditions: those who wait for a notify, beside a lock.
 *
 * A notify wakes its tasks, and each takes the lock when it runs: behind those who wait for the lock by then, as in
 * asyncio, so programs run in the same order here. A waiter that is cancelled does the same and comes out with
 * -ECANCELED, but holding the lock. While it waits for the lock it cannot be withdrawn; that ends when the holder
 * releases. A waiter that is cancelled when it was notified was notified all the same (R2), so there is no notification
 * to be passed on.
 *
 * wait, release: O(1). notify: O(notified).
 *
 * Must never happen: a return from wait without the lock.
 */
#include <errno.h>
#include <stdint.h>

#include <bide/sync.h>

#include "sync/lock.h"
#include "sync/step.h"

static inline bide_lock *lock_of(bide_condition *condition)
{
    return condition->given ? condition->given : &condition->own;
}

int bide_condition_acquire(bide_condition *condition)
{
    return bide_lock_acquire(lock_of(condition));
}

int bide_condition_acquire_nowait(bide_condition *condition)
{
    return bide_lock_acquire_nowait(lock_of(condition));
}

int bide_condition_release(bide_condition *condition)
{
    return bide_lock_release(lock_of(condition));
}

bool bide_condition_locked(const bide_condition *condition)
{
    return bide_lock_locked(condition->given ? condition->given : &condition->own);
}

int bide_condition_wait(bide_condition *condition)
{
    bide_lock *lock = lock_of(condition);
    struct bide__record *task = bide__current();

    if (!task || lock->owner != task)
        return bide_fail(-EPERM, "bide_condition_wait: the condition's lock is %s",
                         lock->owner ? "held by another task" : "not held");
    int err = bide__checkpoint(&task);
    if (err < 0)
        return err;
    struct bide__waiter waiter = { .task = task, .withdraw = bide__wait_list_withdraw, .what = "a condition" };

    bide__wait_list_add(&condition->waiters, &waiter);
    bide__lock_pass_on(lock);
    err = bide__wait(&waiter);
    bide__lock_take(lock, task);
    return err;
}

int bide_condition_wait_for(bide_condition *condition, int (*predicate)(void *argument), void *argument)
{
    struct bide__record *task = bide__current();

    if (!task || lock_of(condition)->owner != task)
        return bide_fail(-EPERM, "bide_condition_wait_for: this task does not hold the condition's lock");
    int result = bide__checkpoint(&task);
    if (result < 0)
        return result;
    while ((result = predicate(argument)) == 0) {
        int err = bide_condition_wait(condition);

        if (err < 0)
            return err;
    }
    return bide__step_end(task, result);
}

int bide_condition_notify(bide_condition *condition, size_t count)
{
    bide_lock *lock = lock_of(condition);

    if (!lock->owner)
        return bide_fail(-EPERM, "bide_condition_notify: the condition's lock is not held");
    while (count-- > 0) {
        struct bide__waiter *waiter = bide__wait_list_take(&condition->waiters);

        if (!waiter)
            break;
        bide__wake(waiter, 0);
    }
    return 0;
}

int bide_condition_notify_all(bide_condition *condition)
{
    return bide_condition_notify(condition, SIZE_MAX);
}

bide_sync_statistics bide_condition_get_statistics(const bide_condition *condition)
{
    const bide_lock *lock = condition->given ? condition->given : &condition->own;

    return (bide_sync_statistics){ .waiting = bide__wait_list_count(&condition->waiters),
                                   .value = lock->owner != NULL,
                                   .limit = 1,
                                   .owner = lock->owner_name };
}
