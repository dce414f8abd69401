/*
 * bide_wait in its three modes (semantics F) and bide_each_completed (semantics J1-J4).
 */
#include "check.h"

#include <errno.h>
#include <string.h>

static int after(int turns, int result)
{
    for (int i = 0; i < turns; i++)
        bide(bide_sleep(0));
    return result < 0 ? bide_fail(result, "after %d turns", turns) : result;
}
bide_async(after, int, int);

bide_test(F1_all_completed_never_raises_the_tasks_errors)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 1, 5)),
                           bide_create_task(NULL, bide_co(after, 2, -EIO)) };

    check_eq(bide_wait(tasks, 2, BIDE_ALL_COMPLETED), 2);
    check_eq(bide_result(tasks[0]), 5);
    check_eq(bide_result(tasks[1]), -EIO);
    check_error(bide_join(tasks[1]), EIO);
    return 0;
}

bide_test(F2_first_completed_may_be_several_and_the_order_within_is_kept)
{
    bide_task *slow = bide_create_task(NULL, bide_co(after, 9, 1)), *b = bide_create_task(NULL, bide_co(after, 1, 2));
    bide_task *slower = bide_create_task(NULL, bide_co(after, 30, 3)),
              *d = bide_create_task(NULL, bide_co(after, 1, 4));
    bide_task *tasks[] = { slow, b, slower, d };

    check_eq(bide_wait(tasks, 4, BIDE_FIRST_COMPLETED), 2);
    check(tasks[0] == b && tasks[1] == d && tasks[2] == slow && tasks[3] == slower);
    check_eq(bide_wait(tasks + 2, 2, BIDE_FIRST_COMPLETED), 1);
    check(tasks[2] == slow);
    check_eq(bide_wait(tasks, 4, BIDE_FIRST_COMPLETED), 3); /* soon: after two turns, as in asyncio */
    check_eq(bide_wait(tasks, 4, BIDE_ALL_COMPLETED), 4);
    return 0;
}

bide_test(F3_first_exception_ignores_the_cancelled)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 1, -ECANCELED)),
                           bide_create_task(NULL, bide_co(after, 3, -EIO)),
                           bide_create_task(NULL, bide_co(after, 9, 0)) };

    check_eq(bide_wait(tasks, 3, BIDE_FIRST_EXCEPTION), 2);
    check_error(bide_join(tasks[1]), EIO);
    bide_task *good[] = { tasks[0], tasks[2] };
    check_eq(bide_wait(good, 2, BIDE_FIRST_EXCEPTION), 2);
    return 0;
}

bide_test(F4_F5_timeout_and_cancel_leave_the_tasks_alone)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 4, 1)), bide_create_task(NULL, bide_co(after, 2, 2)) };
    int err;

    bide_timeout (0, err) {
        err = bide_wait(tasks, 2, BIDE_ALL_COMPLETED);
    }
    check_error(err, ETIMEDOUT);
    bide_sleep(0);
    bide_sleep(0);
    bide_sleep(0);
    check_eq(bide_partition_done(tasks, 2), 1);
    check_eq(bide_join(tasks[0]), 2);
    check_eq(bide_join(tasks[1]), 1);
    return 0;
}

static int waits(bide_task **tasks, bide_wait_mode mode)
{
    return bide_wait(tasks, 2, mode);
}
bide_async(waits, bide_task **, bide_wait_mode);

bide_test(F5_F7_a_waiter_that_is_cancelled_leaves_no_trace)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 6, 1)), bide_create_task(NULL, bide_co(after, 7, 2)) };
    bide_task *waiter = bide_create_task(NULL, bide_co(waits, tasks, BIDE_ALL_COMPLETED));

    bide_sleep(0);
    bide_cancel(waiter);
    check_error(bide_join(waiter), ECANCELED);
    check_eq(bide_wait(tasks, 2, BIDE_ALL_COMPLETED), 2); /* their ends find no observer of the dead waiter */
    return 0;
}

bide_test(F6_bad_arguments)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 0, 1)), NULL };

    check_error(bide_wait(tasks, 0, BIDE_ALL_COMPLETED), EINVAL);
    check_error(bide_wait(tasks, 2, BIDE_ALL_COMPLETED), EINVAL);
    check_error(bide_wait(tasks, 1, (bide_wait_mode)9), EINVAL);
    bide_task *twice[] = { tasks[0], tasks[0] };
    check_eq(bide_wait(twice, 2, BIDE_ALL_COMPLETED), 2);
    return 0;
}

bide_test(J1_completion_order_and_errors_at_their_turn)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 5, 5)),
                           bide_create_task(NULL, bide_co(after, 1, -EIO)),
                           bide_create_task(NULL, bide_co(after, 3, 3)) };
    int err, results[3], count = 0;

    bide_each_completed (task, tasks, 3, err)
        results[count++] = bide_result(task);
    check_eq(err, 0);
    check_eq(count, 3);
    check(results[0] == -EIO && results[1] == 3 && results[2] == 5);
    bide_join(tasks[1]);
    return 0;
}

static int each_until_cancelled(bide_task *task)
{
    int err;

    bide_each_completed (ended, &task, 1, err)
        check(!ended && "it was cancelled before");
    return err;
}
bide_async(each_until_cancelled, bide_task *);

bide_test(J1_cancelled_in_the_turn_in_which_a_task_ends) /* was woken a second time by that end */
{
    for (int turns = 0; turns < 4; turns++) {
        bide_task *task = bide_create_task(NULL, bide_co(after, 3, 1));
        bide_task *each = bide_create_task(NULL, bide_co(each_until_cancelled, task));

        for (int i = 0; i < turns; i++)
            bide_sleep(0);
        bide_cancel(each);
        check_error(bide_join(each), ECANCELED);
        check_eq(bide_join(task), 1);
    }
    return 0;
}

bide_test(J2_J3_timeout_break_continue_and_resume)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 5, 5)), bide_create_task(NULL, bide_co(after, 1, 1)),
                           bide_create_task(NULL, bide_co(after, 3, 3)) };
    int err, count = 0;

    bide_each_completed (task, tasks, 3, err) {
        check_eq(bide_result(task), 1);
        break;
    }
    check_eq(err, 0);
    bide_each_completed (task, tasks, 3, err) {
        count++;
        if (bide_result(task) == 1)
            continue;
        check_eq(bide_result(task), count == 2 ? 3 : 5);
        bide_sleep(0); /* those that end meanwhile are not lost */
        bide_sleep(0);
        bide_sleep(0);
    }
    check_eq(err, 0);
    check_eq(count, 3);
    bide_each_completed (task, tasks, 0, err)
        check(task == NULL && count < 0);
    check_eq(err, 0);
    return 0;
}

bide_test(J2_a_timeout_around_it)
{
    bide_task *tasks[] = { bide_create_task(NULL, bide_co(after, 500, 5)),
                           bide_create_task(NULL, bide_co(after, 0, 1)) };
    int err = 0, outer, count = 0;

    bide_sleep(0);
    bide_sleep(0);
    bide_timeout (0.001, outer) {
        bide_each_completed (task, tasks, 2, err)
            count += task != NULL;
        outer = err;
    }
    check(count == 1 || count == 2);
    check(count == 2 ? outer == 0 : outer == -ETIMEDOUT);
    check_eq(bide_join(tasks[0]), 5);
    return 0;
}
