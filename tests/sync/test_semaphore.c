/*
 * Semaphores: the rules L1 to L8 of asyncio's Semaphore and BoundedSemaphore.
 */
#include "check.h"

#include <errno.h>
#include <limits.h>

#include "../task/notes.h"
#include "witness.h"

static int taker(bide_semaphore *semaphore, const char *name)
{
    int err = bide_semaphore_acquire(semaphore);

    note("%s:%d", name, err == -ECANCELED ? -1 : err);
    return 0;
}
bide_async(taker, bide_semaphore *, const char *);

bide_test(L1_n_releases_wake_n_waiters_in_order)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(0);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(taker, &semaphore, "a"));
        bide_start(tg, bide_co(taker, &semaphore, "b"));
        bide_start(tg, bide_co(taker, &semaphore, "c"));
        turns(1);
        check_eq(bide_semaphore_release(&semaphore), 0);
        check_eq(bide_semaphore_release(&semaphore), 0);
        turns(2);
        check_notes("a:0 b:0");
        check_eq(bide_semaphore_get_statistics(&semaphore).waiting, 1);
        check_eq(bide_semaphore_release(&semaphore), 0);
    }
    check_notes("c:0");
    check_eq(bide_semaphore_get_statistics(&semaphore).value, 0);
    return err;
}

bide_test(L2_locked_while_a_woken_waiter_has_not_run_and_a_newcomer_queues)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(taker, &semaphore, "a"));
        turns(1);
        check_eq(bide_semaphore_release(&semaphore), 0);
        check(bide_semaphore_locked(&semaphore));
        check_error(bide_semaphore_acquire_nowait(&semaphore), EAGAIN);
        bide_start(tg, bide_co(taker, &semaphore, "b"));
        turns(2);
        check_notes("a:0");
        check_eq(bide_semaphore_release(&semaphore), 0);
    }
    check_notes("b:0");
    return err;
}

bide_test(L2_a_newcomer_does_not_overtake_the_woken_even_if_a_permit_is_left)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(taker, &semaphore, "a"));
        turns(1);
        check_eq(bide_semaphore_release(&semaphore), 0);
        check_eq(bide_semaphore_release(&semaphore), 0);
        check_eq(semaphore.value, 1);
        check_error(bide_semaphore_acquire_nowait(&semaphore), EAGAIN);
        check_eq(bide_semaphore_acquire(&semaphore), 0);
        note("newcomer");
    }
    check_notes("a:0 newcomer");
    check_eq(semaphore.value, 0);
    return err;
}

static int retaker(bide_semaphore *semaphore, const char *name)
{
    for (int i = 0; i < 2; i++) {
        bide(bide_semaphore_acquire(semaphore));
        note("%s", name);
        bide(bide_sleep(0));
        check_eq(bide_semaphore_release(semaphore), 0);
    }
    return 0;
}
bide_async(retaker, bide_semaphore *, const char *);

bide_test(L3_who_takes_again_goes_to_the_end)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(1);

    check_eq(bide_gather(bide_co(retaker, &semaphore, "a"), bide_co(retaker, &semaphore, "b"),
                         bide_co(retaker, &semaphore, "c")),
             0);
    check_notes("a b c a b c");
    check_eq(semaphore.value, 1);
    return 0;
}

/* As K3, on purpose not as in asyncio: the woken one keeps its permit and is to release it. */
bide_test(L4_woken_then_cancelled_keeps_its_permit)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(taker, &semaphore, "a"));

        bide_start(tg, bide_co(taker, &semaphore, "b"));
        turns(1);
        check_eq(bide_semaphore_release(&semaphore), 0);
        bide_cancel(a);
        turns(2);
        check_notes("a:0");
        check_eq(bide_semaphore_release(&semaphore), 0);
    }
    check_notes("b:0");
    return err;
}

bide_test(L5_cancelled_then_released_goes_to_the_next)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(taker, &semaphore, "a"));

        bide_start(tg, bide_co(taker, &semaphore, "b"));
        turns(1);
        bide_cancel(a);
        check_eq(bide_semaphore_release(&semaphore), 0);
    }
    check_notes("a:-1 b:0");
    check_eq(semaphore.value, 0);
    return err;
}

bide_test(L5_the_only_waiter_cancelled_leaves_the_permit)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(taker, &semaphore, "a"));

        turns(1);
        bide_cancel(a);
        check_eq(bide_semaphore_release(&semaphore), 0);
        check_eq(semaphore.value, 1);
        check_does_not_wait(tg, bide_semaphore_acquire(&semaphore), 0);
    }
    check_notes("a:-1");
    return err;
}

/* L6, permits are conserved in any storm: test_storm.c */

bide_test(L7_a_negative_number_is_an_error)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(-1);
    bide_bounded_semaphore bounded = BIDE_BOUNDED_SEMAPHORE(-2);

    check_error(bide_semaphore_acquire(&semaphore), EINVAL);
    check_str(bide_strerror(-EINVAL), "a semaphore was made with -1 permits");
    check_error(bide_semaphore_acquire_nowait(&semaphore), EINVAL);
    check_error(bide_semaphore_release(&semaphore), EINVAL);
    check(bide_semaphore_locked(&semaphore));
    check_error(bide_bounded_semaphore_acquire(&bounded), EINVAL);
    check_error(bide_bounded_semaphore_release(&bounded), EINVAL);
    return 0;
}

bide_test(L7_a_bounded_one_released_too_often_is_an_error_and_unchanged)
{
    bide_bounded_semaphore semaphore = BIDE_BOUNDED_SEMAPHORE(2);

    check_error(bide_bounded_semaphore_release(&semaphore), EPERM);
    check_str(bide_strerror(-EPERM), "bide_bounded_semaphore_release: none of the 2 permits is taken");
    check_eq(bide_bounded_semaphore_get_statistics(&semaphore).value, 2);
    check_eq(bide_bounded_semaphore_acquire(&semaphore), 0);
    check_eq(bide_bounded_semaphore_acquire_nowait(&semaphore), 0);
    check(bide_bounded_semaphore_locked(&semaphore));
    check_error(bide_bounded_semaphore_acquire_nowait(&semaphore), EAGAIN);
    check_eq(bide_bounded_semaphore_release(&semaphore), 0);
    check_eq(bide_bounded_semaphore_release(&semaphore), 0);
    check_error(bide_bounded_semaphore_release(&semaphore), EPERM);
    check_eq(bide_bounded_semaphore_get_statistics(&semaphore).value, 2);
    check_eq(bide_bounded_semaphore_get_statistics(&semaphore).limit, 2);
    return 0;
}

bide_test(L8_no_permit_is_left_while_somebody_waits)
{
    bide_semaphore semaphore = { 0 };
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < 4; i++)
            bide_start(tg, bide_co(taker, &semaphore, "x"));
        turns(1);
        for (int i = 0; i < 5; i++) {
            check_eq(bide_semaphore_release(&semaphore), 0);
            bide_sync_statistics now = bide_semaphore_get_statistics(&semaphore);
            check_eq(now.waiting, i < 4 ? 3 - i : 0);
            check_eq(now.value, i < 4 ? 0 : 1);
        }
    }
    check_notes("x:0 x:0 x:0 x:0");
    return err;
}

bide_test(a_free_permit_is_taken_without_waiting_but_not_in_a_cancelled_scope)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(1);
    int err;

    bide_task_group (tg, err) {
        bide_timeout (0, err)
            check_waits(tg, bide_semaphore_acquire(&semaphore), -ECANCELED);
        check_eq(semaphore.value, 1);
        check_does_not_wait(tg, bide_semaphore_acquire(&semaphore), 0);
    }
    check_eq(semaphore.value, 0);
    return 0;
}

unit_test(a_semaphore_may_be_released_outside_of_a_task_and_does_not_overflow)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(LONG_MAX - 1);

    check_eq(bide_semaphore_release(&semaphore), 0);
    check_error(bide_semaphore_release(&semaphore), EOVERFLOW);
    check_eq(semaphore.value, LONG_MAX);
    check_error(bide_semaphore_acquire(&semaphore), EPERM);
    check_eq(semaphore.value, LONG_MAX);
    return 0;
}
