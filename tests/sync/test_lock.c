/*
 * Locks: the rules K1 to K8 of asyncio's Lock, and what bide promises beyond them.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "task/record.h"
#include "task/tree.h"
#include "witness.h"

static int inside; /* tasks between acquire and release */

/* Takes the lock, notes the answer, holds it for a turn (which notes what that wait says if it fails), releases it. */
static int holder(bide_lock *lock, const char *name)
{
    int err = bide_lock_acquire(lock);

    note("%s:%d", name, err == -ECANCELED ? -1 : err);
    if (err < 0)
        return 0;
    check_eq(++inside, 1);
    err = bide_sleep(0);
    if (err < 0)
        note("%s:cancelled", name);
    inside--;
    check_eq(bide_lock_release(lock), 0);
    return 0;
}
bide_async(holder, bide_lock *, const char *);

bide_test(K1_first_come_first_served_one_waiter_for_each_release)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(holder, &lock, "a"));
        bide_start(tg, bide_co(holder, &lock, "b"));
        bide_start(tg, bide_co(holder, &lock, "c"));
        turns(1);
        check_eq(bide_lock_get_statistics(&lock).waiting, 3);
        check_notes("");
        check_eq(bide_lock_release(&lock), 0);
        check_eq(bide_lock_get_statistics(&lock).waiting, 2);
        turns(1);
        check_notes("a:0");
        turns(10);
        check_notes("b:0 c:0");
    }
    check(!bide_lock_locked(&lock));
    return err;
}

bide_test(K2_a_newcomer_queues_behind_a_woken_waiter)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(holder, &lock, "a"));
        turns(1);
        check_eq(bide_lock_release(&lock), 0);
        check(bide_lock_locked(&lock)); /* it is a's, though a has not run */
        check_error(bide_lock_acquire_nowait(&lock), EAGAIN);
        check_eq(bide_lock_acquire(&lock), 0);
        check_notes("a:0");
        check_eq(bide_lock_release(&lock), 0);
    }
    return err;
}

/* On purpose not as in asyncio, where the waiter's acquire fails: it has the lock (R2), and passes it on itself. */
bide_test(K3_woken_waiter_cancelled_before_it_runs_has_the_lock_and_passes_it_on)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(holder, &lock, "a"));

        bide_start(tg, bide_co(holder, &lock, "b"));
        turns(1);
        check_eq(bide_lock_release(&lock), 0);
        check(bide_cancel(a));
    }
    check_notes("a:0 a:cancelled b:0");
    check(!bide_lock_locked(&lock));
    return err;
}

bide_test(K4_cancel_then_release_in_one_turn_gives_it_to_exactly_one)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(holder, &lock, "a"));

        bide_start(tg, bide_co(holder, &lock, "b"));
        bide_start(tg, bide_co(holder, &lock, "c"));
        turns(1);
        check(bide_cancel(a));
        check_eq(bide_lock_release(&lock), 0);
    }
    check_notes("a:-1 b:0 c:0");
    check(!bide_lock_locked(&lock));
    return err;
}

bide_test(K4_the_only_waiter_cancelled_then_release)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(holder, &lock, "a"));

        turns(1);
        check(bide_cancel(a));
        check_eq(bide_lock_release(&lock), 0);
        check_does_not_wait(tg, bide_lock_acquire(&lock), 0);
    }
    check_notes("a:-1");
    check_eq(bide_lock_release(&lock), 0);
    return err;
}

bide_test(K5_waiter_cancelled_while_the_lock_is_held_wakes_nobody)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(holder, &lock, "a"));
        bide_task *b = bide_create_task(tg, bide_co(holder, &lock, "b"));

        bide_start(tg, bide_co(holder, &lock, "c"));
        turns(1);
        check(bide_cancel(b));
        turns(3);
        check_notes("b:-1");
        check_eq(bide_lock_get_statistics(&lock).waiting, 2);
        check(bide_lock_locked(&lock));
        check_eq(bide_lock_release(&lock), 0);
    }
    check_notes("a:0 c:0");
    return err;
}

bide_test(K6_all_waiters_cancelled_a_newcomer_takes_the_lock_at_once)
{
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(holder, &lock, "a"));
        bide_task *b = bide_create_task(tg, bide_co(holder, &lock, "b"));

        turns(1);
        bide_cancel(a);
        bide_cancel(b);
        check_eq(bide_lock_release(&lock), 0);
        check(!bide_lock_locked(&lock));
        check_does_not_wait(tg, bide_lock_acquire(&lock), 0);
    }
    check_notes("a:-1 b:-1");
    check_eq(bide_lock_release(&lock), 0);
    return err;
}

static int release(bide_lock *lock)
{
    return bide_lock_release(lock);
}
bide_async(release, bide_lock *);

static int taker_of_two(bide_lock *lock, int *ret_second)
{
    check_eq(bide_lock_acquire(lock), 0);
    *ret_second = bide_lock_acquire(lock);
    return 0;
}
bide_async(taker_of_two, bide_lock *, int *);

bide_test(K7_any_task_may_release_and_releasing_a_free_lock_is_an_error)
{
    bide_lock lock = { 0 };

    check_error(bide_lock_release(&lock), EPERM);
    check_str(bide_strerror(-EPERM), "bide_lock_release: nobody holds the lock");
    check_eq(bide_lock_acquire(&lock), 0);
    check_eq(bide_gather(bide_co(release, &lock)), 0);
    check(!bide_lock_locked(&lock));
    check_error(bide_lock_release(&lock), EPERM);
    return 0;
}

/* asyncio leaves the user alone with that. */
bide_test(who_takes_it_twice_waits_and_the_tree_of_tasks_says_why)
{
    bide_lock lock = { 0 };
    int err, inner = 0;
    char text[2000] = "";

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(taker_of_two, &lock, &inner));

        check_eq(bide_lock_release(&lock), 0);
        turns(1);
        FILE *to = fmemopen(text, sizeof text, "w");
        bide__print_tasks(to);
        fclose(to);
        bide_cancel(a);
    }
    check(strstr(text, "waits for a lock that it holds itself") != NULL);
    check_error(inner, ECANCELED);
    check(bide_lock_locked(&lock));
    return bide_lock_release(&lock);
}

bide_test(K8_a_free_lock_is_taken_without_waiting)
{
    bide_lock lock = { 0 };
    int err;

    bide_task_group (tg, err)
        check_does_not_wait(tg, bide_lock_acquire(&lock), 0);
    check_eq(bide_lock_release(&lock), 0);
    return err;
}

static int take_and_release(bide_lock *lock)
{
    for (int i = 0; i < 1000; i++) {
        bide(bide_lock_acquire(lock));
        check_eq(bide_lock_release(lock), 0);
    }
    return 0;
}

bide_test(who_never_has_to_wait_lets_the_others_run_now_and_then)
{
    bide_lock lock = { 0 };
    int err;

    bide_task_group (tg, err)
        check_waits(tg, take_and_release(&lock), 0);
    return err;
}

bide_test(a_free_lock_in_a_cancelled_scope_is_not_taken)
{
    bide_lock lock = { 0 };
    int err, inner = 0;

    bide_task_group (tg, err) {
        bide_timeout (0, err) {
            check_waits(tg, bide_lock_acquire(&lock), -ECANCELED);
            inner = bide_lock_acquire(&lock);
        }
    }
    check_error(inner, ECANCELED);
    check(!bide_lock_locked(&lock));
    return 0;
}

/* The deadline passes between the release and the waiter's turn: it has the lock, so it did not time out. */
static int take_in_time(bide_lock *lock, int *ret_error, bool *ret_cancelled)
{
    bide_timeout (0.001, *ret_error) {
        *ret_error = bide_lock_acquire(lock);
        *ret_cancelled = bide_cancelled();
    }
    return 0;
}
bide_async(take_in_time, bide_lock *, int *, bool *);

bide_test_in_real_time(released_then_timed_out_before_it_runs_is_no_timeout)
{
    bide_lock lock = { 0 };
    int err, taken = -1;
    bool cancelled = false;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(take_in_time, &lock, &taken, &cancelled));
        turns(1);
        check_eq(bide_lock_release(&lock), 0);
        for (double end = bide_time() + 0.003; bide_time() < end;)
            ;
        poll_once();
    }
    check_eq(taken, 0);
    check(cancelled);
    check(bide_lock_locked(&lock));
    check_eq(bide_lock_release(&lock), 0);
    return err;
}

bide_test_in_real_time(timed_out_then_released_is_a_timeout_and_leaves_the_lock_free)
{
    bide_lock lock = { 0 };
    int err, taken = -1;
    bool cancelled = false;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(take_in_time, &lock, &taken, &cancelled));
        turns(1);
        for (double end = bide_time() + 0.003; bide_time() < end;)
            ;
        poll_once();
        check_eq(bide_lock_release(&lock), 0);
    }
    check_error(taken, ETIMEDOUT);
    check(!bide_lock_locked(&lock));
    return err;
}

static int waits;

static void count_wait(struct bide__hooks *hooks, void *task)
{
    (void)hooks;
    (void)task;
    waits++;
}

static int take_once(bide_lock *lock)
{
    bide(bide_lock_acquire(lock));
    return bide_lock_release(lock);
}
bide_async(take_once, bide_lock *);

bide_test(a_hand_over_costs_each_task_one_wait)
{
    enum { MANY = 100 };
    struct bide__hooks hooks = { .before_wait = count_wait };
    bide_lock lock = { 0 };
    int err;

    check_eq(bide_lock_acquire(&lock), 0);
    bide_task_group (tg, err) {
        for (int i = 0; i < MANY; i++)
            bide_start(tg, bide_co(take_once, &lock));
        bide_get_running_loop()->hooks = &hooks;
        turns(1);
        check_eq(waits, 1 + MANY); /* that turn, and theirs */
        check_eq(bide_lock_release(&lock), 0);
        turns(MANY);
        check(!bide_lock_locked(&lock));
        bide_get_running_loop()->hooks = NULL;
        check_eq(waits, 1 + MANY + MANY); /* these turns, and no more of theirs */
    }
    return err;
}

bide_test(statistics_name_the_owner)
{
    bide_lock lock = { 0 };

    check(bide_lock_get_statistics(&lock).owner == NULL);
    check_eq(bide_lock_get_statistics(&lock).value, 0);
    check_eq(bide_lock_acquire_nowait(&lock), 0);
    check_str(bide_lock_get_statistics(&lock).owner, bide_task_name(bide_current_task()));
    check_eq(bide_lock_get_statistics(&lock).value, 1);
    check_eq(bide_lock_release(&lock), 0);
    check(bide_lock_get_statistics(&lock).owner == NULL);
    return 0;
}

unit_test(outside_of_a_task_nothing_can_be_taken)
{
    bide_lock lock = { 0 };

    check_error(bide_lock_acquire(&lock), EPERM);
    check_error(bide_lock_acquire_nowait(&lock), EPERM);
    check(!bide_lock_locked(&lock));
    return 0;
}
