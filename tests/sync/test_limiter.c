/*
 * Capacity limiters: tokens that belong to tasks.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

static int borrower(bide_capacity_limiter *limiter, const char *name, int hold)
{
    int err = bide_capacity_limiter_acquire(limiter);

    note("%s:%d", name, err == -ECANCELED ? -1 : err);
    if (err < 0)
        return 0;
    turns(hold);
    check_eq(bide_capacity_limiter_release(limiter), 0);
    return 0;
}
bide_async(borrower, bide_capacity_limiter *, const char *, int);

bide_test(tokens_are_handed_on_in_order)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(2);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(borrower, &limiter, "a", 3));
        bide_start(tg, bide_co(borrower, &limiter, "b", 5));
        bide_start(tg, bide_co(borrower, &limiter, "c", 1));
        bide_start(tg, bide_co(borrower, &limiter, "d", 1));
        turns(2);
        check_notes("a:0 b:0");
        check_eq(bide_capacity_limiter_get_statistics(&limiter).value, 2);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, 2);
        check_error(bide_capacity_limiter_acquire_nowait(&limiter), EAGAIN);
    }
    check_notes("c:0 d:0");
    check_eq(limiter.borrowed, 0);
    check(limiter.borrowers == NULL); /* nothing to destroy */
    return err;
}

bide_test(a_task_cannot_take_two_nor_give_back_what_it_does_not_have)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(3);

    check_error(bide_capacity_limiter_release(&limiter), EPERM);
    check_str(bide_strerror(-EPERM), "bide_capacity_limiter_release: this task has no token");
    check_eq(bide_capacity_limiter_acquire(&limiter), 0);
    check_error(bide_capacity_limiter_acquire(&limiter), EDEADLK);
    check_error(bide_capacity_limiter_acquire_nowait(&limiter), EDEADLK);
    check_eq(bide_capacity_limiter_get_statistics(&limiter).value, 1);
    check_eq(bide_gather(bide_co(borrower, &limiter, "other", 1)), 0);
    check_eq(bide_capacity_limiter_release(&limiter), 0);
    check_error(bide_capacity_limiter_release(&limiter), EPERM);
    return 0;
}

bide_test(the_total_can_be_changed_while_it_is_in_use)
{
    bide_capacity_limiter limiter = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(borrower, &limiter, "a", 4));
        bide_start(tg, bide_co(borrower, &limiter, "b", 6));
        bide_start(tg, bide_co(borrower, &limiter, "c", 0));
        turns(2);
        check_notes(""); /* no token at all */
        check_eq(bide_capacity_limiter_set_total(&limiter, 2), 0);
        turns(1);
        check_notes("a:0 b:0");
        check_eq(bide_capacity_limiter_set_total(&limiter, 1), 0);
        turns(4); /* a's token came back: one is still taken */
        check_eq(bide_capacity_limiter_get_statistics(&limiter).value, 1);
        check_notes("");
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, 1);
    }
    check_notes("c:0");
    check_error(bide_capacity_limiter_set_total(&limiter, -1), EINVAL);
    check_eq(limiter.total, 1);
    return err;
}

bide_test(a_total_raised_serves_all_who_wait)
{
    enum { MANY = 100 };
    bide_capacity_limiter limiter = { 0 };
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < MANY; i++)
            bide_start(tg, bide_co(borrower, &limiter, "", 2));
        turns(1);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, MANY);
        check_eq(bide_capacity_limiter_set_total(&limiter, MANY), 0);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).value, MANY);
    }
    check(limiter.borrowers == NULL);
    return err;
}

bide_test(woken_then_cancelled_has_its_token)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1);
    int err;

    check_eq(bide_capacity_limiter_acquire(&limiter), 0);
    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(borrower, &limiter, "a", 1));
        bide_task *b = bide_create_task(tg, bide_co(borrower, &limiter, "b", 1));

        turns(1);
        bide_cancel(b);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, 1);
        check_eq(bide_capacity_limiter_release(&limiter), 0);
        bide_cancel(a);
    }
    check_notes("b:-1 a:0");
    check_eq(limiter.borrowed, 0);
    check(limiter.borrowers == NULL);
    return err;
}

bide_test(the_last_waiter_cancelled_leaves_no_memory_behind)
{
    bide_capacity_limiter limiter = { 0 };
    int err;

    bide_timeout (0.001, err)
        err = bide_capacity_limiter_acquire(&limiter);
    check_error(err, ETIMEDOUT);
    check(limiter.borrowers == NULL);
    return 0;
}

bide_test(many_borrowers)
{
    enum { MANY = 300 };
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(MANY - 50);
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < MANY; i++)
            bide_start(tg, bide_co(borrower, &limiter, "", 1 + i % 7));
        turns(1);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).value, MANY - 50);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, 50);
    }
    check_eq(limiter.borrowed, 0);
    check(limiter.borrowers == NULL);
    return err;
}

bide_test(a_free_token_is_taken_without_waiting_but_not_in_a_cancelled_scope)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1), negative = BIDE_CAPACITY_LIMITER(-1);
    int err;

    bide_task_group (tg, err) {
        bide_timeout (0, err)
            check_waits(tg, bide_capacity_limiter_acquire(&limiter), -ECANCELED);
        check_does_not_wait(tg, bide_capacity_limiter_acquire(&limiter), 0);
    }
    check_eq(bide_capacity_limiter_release(&limiter), 0);
    check_error(bide_capacity_limiter_acquire(&negative), EINVAL);
    check_error(bide_capacity_limiter_acquire_nowait(&negative), EINVAL);
    return 0;
}

unit_test(outside_of_a_task_there_are_no_tokens)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1);

    check_error(bide_capacity_limiter_acquire(&limiter), EPERM);
    check_error(bide_capacity_limiter_acquire_nowait(&limiter), EPERM);
    check_error(bide_capacity_limiter_release(&limiter), EPERM);
    return 0;
}
