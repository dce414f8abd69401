/*
 * Conditions: the rules N1 to N9 of asyncio's Condition.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

/* True if the lock is the running task's. */
static bool is_mine(const bide_lock *lock)
{
    const char *owner = bide_lock_get_statistics(lock).owner;

    return owner && strcmp(owner, bide_task_name(bide_current_task())) == 0;
}

/* Waits once, notes the answer, checks that it has the lock; holds it for a turn. */
static int waiter(bide_condition *condition, const char *name)
{
    bide_set_task_name(bide_current_task(), name);
    check_eq(bide_condition_acquire(condition), 0);
    int err = bide_condition_wait(condition);
    check(bide_condition_locked(condition));
    check(is_mine(condition->given ? condition->given : &condition->own));
    note("%s:%d", name, err == -ECANCELED ? -1 : err);
    (void)bide_sleep(0);
    check(is_mine(condition->given ? condition->given : &condition->own));
    check_eq(bide_condition_release(condition), 0);
    return 0;
}
bide_async(waiter, bide_condition *, const char *);

bide_test(N1_without_the_lock_is_an_error)
{
    bide_condition condition = { 0 };

    check_error(bide_condition_wait(&condition), EPERM);
    check_str(bide_strerror(-EPERM), "bide_condition_wait: the condition's lock is not held");
    check_error(bide_condition_wait_for(&condition, NULL, NULL), EPERM);
    check_error(bide_condition_notify(&condition, 1), EPERM);
    check_error(bide_condition_notify_all(&condition), EPERM);
    check_error(bide_condition_release(&condition), EPERM);
    check(!bide_condition_locked(&condition));
    return 0;
}

static int wait_without(bide_condition *condition)
{
    check_error(bide_condition_wait(condition), EPERM);
    check_str(bide_strerror(-EPERM), "bide_condition_wait: the condition's lock is held by another task");
    return 0;
}
bide_async(wait_without, bide_condition *);

/* On purpose stricter than asyncio, which would release the other task's lock. */
bide_test(N1_wait_with_the_lock_held_by_another_task_is_an_error)
{
    bide_condition condition = { 0 };

    check_eq(bide_condition_acquire_nowait(&condition), 0);
    check_eq(bide_gather(bide_co(wait_without, &condition)), 0);
    check(bide_condition_locked(&condition));
    return bide_condition_release(&condition);
}

bide_test(N2_notify_wakes_the_first_n_and_two_notifies_two_different_ones)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &condition, "a"));
        bide_start(tg, bide_co(waiter, &condition, "b"));
        bide_start(tg, bide_co(waiter, &condition, "c"));
        bide_start(tg, bide_co(waiter, &condition, "d"));
        turns(1);
        check_eq(bide_condition_get_statistics(&condition).waiting, 4);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify(&condition, 0), 0);
        check_eq(bide_condition_notify(&condition, 1), 0);
        check_eq(bide_condition_notify(&condition, 1), 0);
        check_eq(bide_condition_release(&condition), 0);
        turns(6);
        check_notes("a:0 b:0");
        check_eq(bide_condition_get_statistics(&condition).waiting, 2);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify(&condition, 100), 0);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("c:0 d:0");
    return err;
}

bide_test(N3_the_woken_run_after_the_release_one_at_a_time_in_order)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &condition, "a"));
        bide_start(tg, bide_co(waiter, &condition, "b"));
        turns(1);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify_all(&condition), 0);
        turns(3);
        check_notes("");
        check_eq(bide_condition_release(&condition), 0);
        turns(1);
        check_notes("a:0"); /* a holds the lock for a turn */
    }
    check_notes("b:0");
    return err;
}

static int notify_and_note(bide_condition *condition, int times)
{
    int err;

    for (int i = 0; i < times; i++) {
        bide_with (condition, err) {
            check_eq(bide_condition_notify(condition, 1), 0);
            note("notified");
        }
        bide(err);
    }
    return 0;
}
bide_async(notify_and_note, bide_condition *, int);

/* As in asyncio: a notified task competes for the lock when it runs, and not before. */
bide_test(N3_who_notifies_may_take_the_lock_again_before_the_woken_run)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &condition, "a"));
        bide_start(tg, bide_co(waiter, &condition, "b"));
        turns(1);
        bide_start(tg, bide_co(notify_and_note, &condition, 2));
    }
    check_notes("notified notified a:0 b:0");
    return err;
}

bide_test(N4_cancelled_in_wait_comes_out_with_the_lock_however_long_that_takes)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        turns(1);
        bide(bide_condition_acquire(&condition));
        bide_cancel(a);
        turns(10);
        check_notes("");
        check(!bide_done(a));
        check_eq(bide_condition_get_statistics(&condition).waiting, 0);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("a:-1");
    check(!bide_condition_locked(&condition));
    return err;
}

bide_test(N4_cancelled_in_wait_with_a_free_lock_takes_it_when_it_runs)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        turns(1);
        bide_cancel(a);
        check(!bide_condition_locked(&condition));
    }
    check_notes("a:-1");
    check(!bide_condition_locked(&condition));
    return err;
}

bide_test(N5_cancelled_again_while_it_takes_the_lock_still_waits_for_it)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        turns(1);
        bide(bide_condition_acquire(&condition));
        bide_cancel(a);
        turns(1);
        bide_cancel(a);
        bide_group_cancel(tg);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("a:-1");
    return err;
}

/*
 * On purpose not as in asyncio, where it raises and passes the notification on: here it was notified, and says so (R2).
 */
bide_test(N6_notified_then_cancelled_was_notified)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        bide_start(tg, bide_co(waiter, &condition, "b"));
        turns(1);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify(&condition, 1), 0);
        bide_cancel(a); /* while it waits for the lock */
        check_eq(bide_condition_release(&condition), 0);
        turns(6);
        check_notes("a:0");
        check_eq(bide_condition_get_statistics(&condition).waiting, 1);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify(&condition, 1), 0);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("b:0");
    return err;
}

bide_test(N6_notified_then_cancelled_keeps_its_place)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        bide_start(tg, bide_co(waiter, &condition, "b"));
        turns(1);
        bide(bide_condition_acquire(&condition));
        check_eq(bide_condition_notify_all(&condition), 0);
        bide_cancel(a);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("a:0 b:0");
    return err;
}

bide_test(N6_cancelled_then_notified_the_notification_goes_to_the_next)
{
    bide_condition condition = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &condition, "a"));

        bide_start(tg, bide_co(waiter, &condition, "b"));
        turns(1);
        bide(bide_condition_acquire(&condition));
        bide_cancel(a);
        check_eq(bide_condition_notify(&condition, 1), 0);
        check_eq(bide_condition_release(&condition), 0);
    }
    check_notes("a:-1 b:0");
    return err;
}

struct stock {
    bide_condition condition;
    int items;
    int looked;
};

static int some_items(void *argument)
{
    struct stock *stock = argument;

    stock->looked++;
    return stock->items;
}

static int wait_for_items(struct stock *stock, int *ret_result)
{
    int err;

    bide_with (&stock->condition, err)
        *ret_result = bide_condition_wait_for(&stock->condition, some_items, stock);
    return err;
}
bide_async(wait_for_items, struct stock *, int *);

static void notify_with(struct stock *stock, int items)
{
    int err;

    bide_with (&stock->condition, err) {
        stock->items = items;
        check_eq(bide_condition_notify_all(&stock->condition), 0);
    }
    check_eq(err, 0);
    turns(2);
}

bide_test(N7_wait_for_tests_again_and_returns_the_value_of_the_predicate)
{
    struct stock stock = { 0 };
    int err, result = 0;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(wait_for_items, &stock, &result));
        turns(1);
        check_eq(stock.looked, 1);
        notify_with(&stock, 0);
        check_eq(stock.looked, 2);
        check_eq(result, 0);
        notify_with(&stock, 7);
        check_eq(stock.looked, 3);
    }
    check_eq(result, 7);
    bide_task_group (tg, err) {
        check_does_not_wait(tg, wait_for_items(&stock, &result), 0);
        stock.items = -EIO;
        check_eq(wait_for_items(&stock, &result), 0);
    }
    check_error(result, EIO);
    check(!bide_condition_locked(&stock.condition));
    return err;
}

bide_test(N8_a_wait_that_times_out_has_the_lock_again)
{
    bide_condition condition = { 0 };
    int err, inner = 0;

    bide_with (&condition, err) {
        bide_timeout (0.001, inner)
            inner = bide_condition_wait(&condition);
        check_error(inner, ETIMEDOUT);
        check(is_mine(&condition.own));
        check_eq(bide_condition_get_statistics(&condition).waiting, 0);
    }
    check_eq(err, 0);
    check(!bide_condition_locked(&condition));
    return 0;
}

bide_test(N8_in_a_cancelled_scope_it_is_not_given_up_at_all)
{
    bide_condition condition = { 0 };
    int err, inner = 0;

    bide_task_group (tg, err) {
        bide_with (&condition, err) {
            bide_timeout (0, inner) {
                check_waits(tg, bide_condition_wait(&condition), -ECANCELED);
                check(is_mine(&condition.own));
            }
        }
    }
    check(!bide_condition_locked(&condition));
    return err;
}

bide_test(N9_several_conditions_share_one_lock)
{
    bide_lock lock = { 0 };
    bide_condition full = BIDE_CONDITION_WITH(&lock), empty = BIDE_CONDITION_WITH(&lock);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &full, "full"));
        bide_start(tg, bide_co(waiter, &empty, "empty"));
        turns(1);
        check(!bide_lock_locked(&lock));
        bide_with (&empty, err) {
            check(bide_lock_locked(&lock));
            check(bide_condition_locked(&full));
            check_eq(bide_condition_notify_all(&empty), 0);
        }
        turns(3);
        check_notes("empty:0");
        bide_with (&lock, err)
            check_eq(bide_condition_notify_all(&full), 0);
    }
    check_notes("full:0");
    return err;
}
