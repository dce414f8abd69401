/*
 * Conditions: those who wait for a notify, beside a lock.
 *
 * A notify wakes nobody: it moves the waiter to the end of the lock's list, and the task runs when it has the lock. So
 * a notification costs one switch, the notified run one at a time in the order they came, and a hundred notified tasks
 * do not all wake to find the lock taken. A waiter that is cancelled takes the same way, marked as not notified: it
 * comes out with -ECANCELED, but holding the lock. Once in the lock's list a waiter cannot be withdrawn; that ends when
 * the holder releases. A notified waiter that is cancelled there was notified all the same (R2), so there is no
 * notification to be passed on.
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

struct condition_waiter {
    struct bide__waiter waiter;
    bide_lock *lock;
    bool notified;
};

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

static void withdraw_from_condition(struct bide__waiter *waiter)
{
    bide__wait_list_remove(waiter);
    bide__lock_queue(((struct condition_waiter *)waiter)->lock, waiter);
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
    struct condition_waiter waiter = {
        .waiter = { .task = task, .withdraw = withdraw_from_condition, .what = "a condition" },
        .lock = lock,
    };
    bide__wait_list_add(&condition->waiters, &waiter.waiter);
    bide__lock_pass_on(lock);
    bide__wait(&waiter.waiter);
    return waiter.notified ? 0 : -ECANCELED;
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
        ((struct condition_waiter *)waiter)->notified = true;
        bide__lock_queue(lock, waiter);
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
