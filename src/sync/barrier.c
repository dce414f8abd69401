/*
 * Barriers: so many tasks pass together.
 *
 * The last to come wakes the others and tells each its number, counted at that moment: a task that was cancelled while
 * it waited leaves no gap and no number twice (asyncio gives them out on arrival, and then does). Nobody is left
 * inside: the barrier is ready for the next round before those it let pass have run. A waiter that is withdrawn is
 * taken off the count at once, not when its task runs, or a newcomer in between would let too few pass. wait is O(1),
 * for the last O(parties), as are abort and reset.
 *
 * Must never happen: a round of fewer tasks than parties; one index twice.
 */
#include <errno.h>

#include <bide/sync.h>

#include "sync/step.h"

static void withdraw_from_barrier(struct bide__waiter *waiter)
{
    bide_barrier *barrier = (bide_barrier *)((char *)waiter->list - offsetof(bide_barrier, waiters));

    barrier->count--;
    bide__wait_list_withdraw(waiter);
}

/* Ends all waits, with 0, 1, 2 ..., or all with an error. */
static void wake_all(bide_barrier *barrier, int err)
{
    int index = 0;

    barrier->count = 0;
    for (struct bide__waiter *waiter; (waiter = bide__wait_list_take(&barrier->waiters)); index++)
        bide__wake(waiter, err < 0 ? err : index);
}

static int fail_broken(void)
{
    return bide_fail(BIDE_EBROKEN, "bide_barrier_wait: the barrier is broken");
}

int bide_barrier_wait(bide_barrier *barrier)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (barrier->parties < 1)
        return bide_fail(-EINVAL, "a barrier was made for %ld parties", barrier->parties);
    if (barrier->is_broken)
        return fail_broken();
    if (barrier->count + 1 >= (size_t)barrier->parties) {
        wake_all(barrier, 0);
        return bide__step_end(task, (int)(barrier->parties - 1));
    }
    struct bide__waiter waiter = { .task = task, .withdraw = withdraw_from_barrier, .what = "a barrier" };
    bide__wait_list_add(&barrier->waiters, &waiter);
    barrier->count++;
    err = bide__wait(&waiter);
    return err == BIDE_EBROKEN ? fail_broken() : err;
}

void bide_barrier_abort(bide_barrier *barrier)
{
    barrier->is_broken = true;
    wake_all(barrier, BIDE_EBROKEN);
}

void bide_barrier_reset(bide_barrier *barrier)
{
    barrier->is_broken = false;
    wake_all(barrier, BIDE_EBROKEN);
}

long bide_barrier_parties(const bide_barrier *barrier)
{
    return barrier->parties;
}

size_t bide_barrier_n_waiting(const bide_barrier *barrier)
{
    return barrier->count;
}

bool bide_barrier_broken(const bide_barrier *barrier)
{
    return barrier->is_broken;
}

bide_sync_statistics bide_barrier_get_statistics(const bide_barrier *barrier)
{
    return (
        bide_sync_statistics){ .waiting = barrier->count, .value = (long)barrier->count, .limit = barrier->parties };
}
