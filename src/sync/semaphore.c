/*
 * Semaphores: a number of permits and those who wait for one.
 *
 * A release gives its permit to the first waiter, or else adds it to the number. Nobody overtakes: a newcomer queues
 * when there is no permit, and also when a task that was given one has not run since; the last of these gives what
 * permits there are by then to those who have queued behind it. Permits are conserved whoever is cancelled when: a
 * woken waiter has its permit (R2), a withdrawn one never had one (R1). All in O(1). The bounded kind also knows how
 * many there were at first.
 *
 * Must never happen: a permit left over while somebody waits and nobody is on turn; a number that a refused call has
 * changed.
 */
#include <errno.h>
#include <limits.h>

#include <bide/sync.h>

#include "sync/step.h"

static int fail_negative(const bide_semaphore *semaphore)
{
    return bide_fail(-EINVAL, "a semaphore was made with %ld permits", semaphore->value);
}

/* Gives a permit to the task that has waited longest; false: nobody waits. */
static bool give(bide_semaphore *semaphore)
{
    struct bide__waiter *waiter = bide__wait_list_take(&semaphore->waiters);

    if (!waiter)
        return false;
    semaphore->on_turn++;
    bide__wake(waiter, 0);
    return true;
}

int bide_semaphore_acquire(bide_semaphore *semaphore)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (!bide_semaphore_locked(semaphore)) {
        semaphore->value--;
        return bide__step_end(task, 0);
    }
    if (semaphore->value < 0)
        return fail_negative(semaphore);
    err = bide__wait_in(&semaphore->waiters, task, "a semaphore");
    if (err == 0) {
        semaphore->on_turn--;
        while (semaphore->value > 0 && give(semaphore))
            semaphore->value--;
    }
    return err;
}

int bide_semaphore_acquire_nowait(bide_semaphore *semaphore)
{
    if (semaphore->value < 0)
        return fail_negative(semaphore);
    if (bide_semaphore_locked(semaphore))
        return -EAGAIN;
    semaphore->value--;
    return 0;
}

int bide_semaphore_release(bide_semaphore *semaphore)
{
    if (semaphore->value < 0)
        return fail_negative(semaphore);
    if (semaphore->value == LONG_MAX)
        return bide_fail(-EOVERFLOW, "bide_semaphore_release: there are %ld permits, no more can be counted",
                         semaphore->value);
    if (!give(semaphore))
        semaphore->value++;
    return 0;
}

bool bide_semaphore_locked(const bide_semaphore *semaphore)
{
    return semaphore->value <= 0 || semaphore->on_turn > 0;
}

bide_sync_statistics bide_semaphore_get_statistics(const bide_semaphore *semaphore)
{
    return (bide_sync_statistics){ .waiting = bide__wait_list_count(&semaphore->waiters),
                                   .value = semaphore->value,
                                   .limit = -1 };
}

int bide_bounded_semaphore_acquire(bide_bounded_semaphore *semaphore)
{
    return bide_semaphore_acquire(&semaphore->semaphore);
}

int bide_bounded_semaphore_acquire_nowait(bide_bounded_semaphore *semaphore)
{
    return bide_semaphore_acquire_nowait(&semaphore->semaphore);
}

int bide_bounded_semaphore_release(bide_bounded_semaphore *semaphore)
{
    if (semaphore->semaphore.value >= semaphore->limit && semaphore->limit >= 0)
        return bide_fail(-EPERM, "bide_bounded_semaphore_release: none of the %ld permits is taken", semaphore->limit);
    return bide_semaphore_release(&semaphore->semaphore);
}

bool bide_bounded_semaphore_locked(const bide_bounded_semaphore *semaphore)
{
    return bide_semaphore_locked(&semaphore->semaphore);
}

bide_sync_statistics bide_bounded_semaphore_get_statistics(const bide_bounded_semaphore *semaphore)
{
    bide_sync_statistics statistics = bide_semaphore_get_statistics(&semaphore->semaphore);

    statistics.limit = semaphore->limit;
    return statistics;
}
