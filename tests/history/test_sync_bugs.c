/*
 * Bugs that locks, semaphores, conditions, barriers and queues had elsewhere; each test is named after the report
 * (docs/historical-bugs.md).
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"

static int hold_a_lock(const char *name, bide_lock *lock)
{
    bide(bide_lock_acquire(lock));
    note("%s", name);
    int err = bide_sleep(0);
    bide_lock_release(lock);
    return err;
}
bide_async(hold_a_lock, const char *, bide_lock *);

/* The lock is given to a waiter that is cancelled before it runs: the next one must get it. */
bide_test(bpo_27585_lock_given_to_one_who_is_cancelled)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task *first = bide_create_task(NULL, bide_co(hold_a_lock, "first", &lock));
    bide_task *second = bide_create_task(NULL, bide_co(hold_a_lock, "second", &lock));
    turns(2);
    bide_lock_release(&lock);
    bide_cancel(first);
    bide_timeout (5, err)
        err = bide_join(second);
    check_eq(err, 0);
    check_error(bide_join(first), ECANCELED);
    check(!bide_lock_locked(&lock));
    check_notes("first second");
    return 0;
}

static int holders;

static int be_alone(bide_lock *lock)
{
    bide(bide_lock_acquire(lock));
    check_eq(++holders, 1);
    int err = bide_sleep(0);
    holders--;
    bide_lock_release(lock);
    return err;
}
bide_async(be_alone, bide_lock *);

/* A waiter cancelled and the lock released in one turn: never two holders. */
bide_test(bpo_32734_lock_cancel_and_release_in_one_turn)
{
    for (int order = 0; order < 2; order++) {
        bide_lock lock = { 0 };
        bide_task *tasks[3];

        check_eq(bide_lock_acquire(&lock), 0);
        for (int i = 0; i < 3; i++)
            tasks[i] = bide_create_task(NULL, bide_co(be_alone, &lock));
        turns(2);
        if (order == 0)
            bide_cancel(tasks[0]);
        bide_lock_release(&lock);
        if (order == 1)
            bide_cancel(tasks[0]);
        check_error(bide_join(tasks[0]), ECANCELED);
        check_eq(bide_join(tasks[1]), 0);
        check_eq(bide_join(tasks[2]), 0);
        check(!bide_lock_locked(&lock));
    }
    return 0;
}

static int take_twice(const char *name, bide_semaphore *semaphore)
{
    for (int i = 0; i < 2; i++) {
        bide(bide_semaphore_acquire(semaphore));
        note("%s", name);
        bide(bide_sleep(0));
        bide_semaphore_release(semaphore);
    }
    return 0;
}
bide_async(take_twice, const char *, bide_semaphore *);

/* Who takes again goes to the end; a newcomer does not barge in. */
bide_test(gh_90155_semaphore_order)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(1);

    bide(bide_gather(bide_co(take_twice, "a", &semaphore), bide_co(take_twice, "b", &semaphore),
                     bide_co(take_twice, "c", &semaphore)));
    check_notes("a b c a b c");
    return 0;
}

static int hold_a_permit(bide_semaphore *semaphore)
{
    int err;

    bide_with (semaphore, err) {
        note("acquired");
        bide(bide_sleep(3600));
    }
    note("not acquired");
    return err;
}
bide_async(hold_a_permit, bide_semaphore *);

/*
 * A permit given to one who is cancelled is not lost, whether the cancellation comes before or after
 * (python/asyncio#271 too).
 */
bide_test(asyncio_270_semaphore_permit_given_to_one_who_is_cancelled)
{
    for (int order = 0; order < 2; order++) {
        bide_semaphore semaphore = BIDE_SEMAPHORE(1);
        int err;

        check_eq(bide_semaphore_acquire(&semaphore), 0);
        bide_task *a = bide_create_task(NULL, bide_co(hold_a_permit, &semaphore));
        turns(2);
        if (order == 0)
            bide_cancel(a);
        check_eq(bide_semaphore_release(&semaphore), 0);
        if (order == 1)
            bide_cancel(a);
        check_error(bide_join(a), ECANCELED);
        check_eq(bide_semaphore_get_statistics(&semaphore).value, 1);
        bide_timeout (5, err)
            err = bide_semaphore_acquire(&semaphore);
        check_eq(err, 0);
    }
    check_notes("not acquired acquired");
    return 0;
}

static int wait_for_notice(const char *name, bide_condition *condition)
{
    bide(bide_condition_acquire(condition));
    int err = bide_condition_wait(condition);

    note("%s:%s", name, err ? "cancelled" : "notified");
    if (bide_cancelled())
        bide_condition_notify(condition, 1); /* not used: hand it on */
    bide_condition_release(condition);
    return err;
}
bide_async(wait_for_notice, const char *, bide_condition *);

/* A notification to one who is cancelled reaches somebody. */
bide_test(gh_112202_notification_of_one_who_is_cancelled)
{
    bide_condition condition = { 0 };
    bide_task *a = bide_create_task(NULL, bide_co(wait_for_notice, "a", &condition)),
              *b = bide_create_task(NULL, bide_co(wait_for_notice, "b", &condition));
    int err;

    turns(3);
    check_eq(bide_condition_acquire(&condition), 0);
    bide_condition_notify(&condition, 1);
    bide_cancel(a);
    bide_condition_release(&condition);
    bide_timeout (5, err)
        err = bide_join(b);
    check_eq(err, 0);
    check_notes("a:notified b:notified");
    bide_join(a);
    return 0;
}

/* However the wait ends, the lock is held again. */
bide_test(gh_77022_condition_wait_cancelled_holds_the_lock)
{
    bide_condition condition = { 0 };
    int err;

    check_eq(bide_condition_acquire(&condition), 0);
    bide_timeout (0.001, err)
        err = bide_condition_wait(&condition);
    check_error(err, ETIMEDOUT);
    check(bide_condition_locked(&condition));
    check_eq(bide_condition_release(&condition), 0);
    check_error(bide_condition_release(&condition), EPERM);
    return 0;
}

typedef bide_queue(int, 1) small_queue;

static int get_one(small_queue *queue)
{
    int value;

    bide(bide_queue_get(queue, &value));
    return value;
}
bide_async(get_one, small_queue *);

static int put_one(small_queue *queue, int value)
{
    return bide_queue_put(queue, value);
}
bide_async(put_one, small_queue *, int);

/* A getter is woken and cancelled, or times out: the item is somewhere (python/asyncio#256, #269, #201, #343). */
bide_test(bpo_23812_queue_item_given_to_one_who_is_cancelled)
{
    small_queue queue = { 0 };
    bide_task *a = bide_create_task(NULL, bide_co(get_one, &queue)),
              *b = bide_create_task(NULL, bide_co(get_one, &queue));

    turns(2);
    check_eq(bide_queue_put(&queue, 1), 0);
    bide_cancel(a);
    check_eq(bide_queue_put(&queue, 2), 0);
    check_eq(bide_join(a), 1);
    check_eq(bide_join(b), 2);
    check(bide_queue_empty(&queue));
    return 0;
}

/* A putter is cancelled in the turn in which it gets room: nothing is lost and the next gets the room. */
bide_test(gh_108042_queue_putter_cancelled_when_there_is_room)
{
    small_queue queue = { 0 };
    int value = 0, err;

    check_eq(bide_queue_put(&queue, 1), 0);
    bide_task *a = bide_create_task(NULL, bide_co(put_one, &queue, 2)),
              *b = bide_create_task(NULL, bide_co(put_one, &queue, 3));
    turns(2);
    bide_cancel(a);
    check_eq(bide_queue_get(&queue, &value), 0);
    check_eq(value, 1);
    bide_timeout (5, err)
        err = bide_join(b);
    check_eq(err, 0);
    check_error(bide_join(a), ECANCELED);
    check_eq(bide_queue_get(&queue, &value), 0);
    check_eq(value, 3);
    return 0;
}

/* Getters that gave up do not stay in the queue. */
bide_test(gh_75801_cancelled_getters_stay_linked)
{
    small_queue queue = { 0 };
    int value, err;

    for (int i = 0; i < 100; i++) {
        bide_timeout (0, err)
            err = bide_queue_get(&queue, &value);
        check_error(err, ETIMEDOUT);
    }
    bide_task *task = bide_create_task(NULL, bide_co(get_one, &queue));
    turns(2);
    check_eq(bide_queue_get_statistics(&queue).getters, 1u);
    bide_cancel(task);
    bide_join(task);
    check_eq(bide_queue_get_statistics(&queue).getters, 0u);
    return 0;
}

static int meet(bide_barrier *barrier)
{
    return bide_barrier_wait(barrier);
}
bide_async(meet, bide_barrier *);

/* One of those who fill a barrier is cancelled: the indexes stay different. */
bide_test(gh_155233_barrier_indexes_after_a_cancel)
{
    bide_barrier barrier = BIDE_BARRIER(3);
    bide_task *tasks[4];
    int seen = 0;

    for (int i = 0; i < 2; i++)
        tasks[i] = bide_create_task(NULL, bide_co(meet, &barrier));
    turns(2);
    bide_cancel(tasks[0]);
    check_error(bide_join(tasks[0]), ECANCELED);
    for (int i = 2; i < 4; i++)
        tasks[i] = bide_create_task(NULL, bide_co(meet, &barrier));
    for (int i = 1; i < 4; i++)
        seen |= 1 << bide_join(tasks[i]);
    check_eq(seen, 7);
    return 0;
}
