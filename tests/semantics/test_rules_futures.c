/*
 * Rules C: futures.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"

static int take(const char *name, bide_future *future)
{
    int result = bide_future_wait(future);

    note("%s:%d", name, result);
    return result;
}
bide_async(take, const char *, bide_future *);

bide_test(C1_done_once)
{
    bide_future future = { 0 };
    int value = 5;

    check(!bide_future_done(&future));
    check_error(bide_future_result(&future), EAGAIN);
    check(!bide_future_value(&future));
    check_eq(bide_future_set_result(&future, 42, &value), 0);
    check_error(bide_future_set_result(&future, 43, NULL), EALREADY);
    check_error(bide_future_set_error(&future, -EIO), EALREADY);
    check(!bide_future_cancel(&future));
    check(bide_future_done(&future));
    check(!bide_future_cancelled(&future));
    check_eq(bide_future_result(&future), 42);
    check_eq(bide_future_value(&future), &value);
    check_eq(bide_future_wait(&future), 42);
    check_eq(bide_future_wait(&future), 42); /* any number of times */
    return 0;
}

bide_test(C1_an_error_comes_with_its_message)
{
    bide_future future = { 0 };
    int err = bide_fail(-EIO, "the disk of %s", "somebody");

    check_eq(bide_future_set_error(&future, err), 0);
    bide_fail(-EIO, "another one");
    check_error(bide_future_wait(&future), EIO);
    check_str(bide_strerror(-EIO), "the disk of somebody");
    check_error(bide_future_result(&future), EIO);
    return 0;
}

bide_test(C2_cancelled_once)
{
    bide_future future = { 0 };
    bide_task *task = bide_create_task(NULL, bide_co(take, "a", &future));

    turns(1);
    check(bide_future_cancel(&future));
    check(!bide_future_cancel(&future));
    check(bide_future_cancelled(&future));
    check_error(bide_future_result(&future), ECANCELED);
    check_error(bide_future_set_result(&future, 1, NULL), EALREADY);
    check_error(bide_join(task), ECANCELED);
    check(!bide_cancelled()); /* it was the future, not this task */
    return 0;
}

static void call_a(bide_future *future, void *argument)
{
    (void)argument;
    note("a:%d", bide_future_result(future));
}

static void call_b(bide_future *future, void *argument)
{
    note("b:%d", bide_future_result(future));
    if (argument) {
        check_eq(bide_future_add_done_callback(future, call_a, NULL), 0);
        check_eq(bide_future_remove_done_callback(future, call_b, NULL), 0u);
    }
}

bide_test(C3_callbacks_run_later_and_in_order)
{
    bide_future future = { 0 };

    check_eq(bide_future_add_done_callback(&future, call_a, NULL), 0);
    check_eq(bide_future_add_done_callback(&future, call_b, NULL), 0);
    check_eq(bide_future_add_done_callback(&future, call_a, NULL), 0);
    bide_future_set_result(&future, 3, NULL);
    check_notes("");
    turns(1);
    check_notes("a:3 b:3 a:3");
    check_eq(bide_future_add_done_callback(&future, call_b, NULL), 0); /* done already */
    check_notes("");
    turns(1);
    check_notes("b:3");
    return 0;
}

bide_test(C3_who_waits_and_what_is_called_stand_in_one_order)
{
    bide_future future = { 0 };

    bide_create_task(NULL, bide_co(take, "first", &future));
    turns(1);
    check_eq(bide_future_add_done_callback(&future, call_a, NULL), 0);
    bide_create_task(NULL, bide_co(take, "second", &future));
    turns(1);
    check_eq(bide_future_add_done_callback(&future, call_b, NULL), 0);
    bide_future_set_result(&future, 3, NULL);
    turns(1);
    check_notes("first:3 a:3 second:3 b:3");
    return 0;
}

bide_test(C4_remove_takes_all_copies)
{
    bide_future future = { 0 };

    bide_future_add_done_callback(&future, call_a, NULL);
    bide_future_add_done_callback(&future, call_b, NULL);
    bide_future_add_done_callback(&future, call_a, NULL);
    check_eq(bide_future_remove_done_callback(&future, call_a, NULL), 2u);
    check_eq(bide_future_remove_done_callback(&future, call_a, NULL), 0u);
    check_eq(bide_future_remove_done_callback(&future, call_b, NULL), 1u);
    bide_future_add_done_callback(&future, call_b, NULL); /* to a list that has become empty */
    bide_future_add_done_callback(&future, call_a, NULL);
    check_eq(bide_future_remove_done_callback(&future, call_a, NULL), 1u); /* the last one */
    bide_future_add_done_callback(&future, call_a, NULL);
    bide_future_set_result(&future, 1, NULL);
    turns(1);
    check_notes("b:1 a:1");
    return 0;
}

bide_test(C5_a_callback_may_add_and_remove_callbacks)
{
    bide_future future = { 0 };

    bide_future_add_done_callback(&future, call_b, &future);
    bide_future_add_done_callback(&future, call_b, NULL);
    bide_future_set_result(&future, 1, NULL);
    turns(1);
    check_notes("b:1 b:1"); /* what is due is not taken back */
    turns(1);
    check_notes("a:1");
    return 0;
}

bide_test(C6_waiting_for_a_done_future_does_not_yield)
{
    bide_future done = { 0 }, other = { 0 };

    bide_future_set_result(&done, 1, NULL);
    bide_future_set_result(&other, 2, NULL);
    bide_task *task = bide_create_task(NULL, bide_co(take, "other", &other));
    check_eq(bide_future_wait(&done), 1);
    check_notes("");
    check_eq(bide_join(task), 2);
    check_notes("other:2");
    return 0;
}

bide_test(C_all_who_wait_get_it_in_their_order)
{
    bide_future future = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(take, "a", &future));
        bide_start(tg, bide_co(take, "b", &future));
        turns(2);
        bide_future_set_result(&future, 4, NULL);
        check_notes("");
    }
    check_eq(err, 0);
    check_notes("a:4 b:4");
    return 0;
}

bide_test(D9_result_set_then_cancelled_is_not_lost) /* differs (R2): asyncio loses the value */
{
    bide_future future = { 0 };
    bide_task *task = bide_create_task(NULL, bide_co(take, "a", &future));

    turns(2);
    bide_future_set_result(&future, 4, NULL);
    bide_cancel(task);
    check_eq(bide_join(task), 4);
    return 0;
}

bide_test(D10_cancelling_one_who_waits_leaves_the_future_alone) /* differs: asyncio cancels the future */
{
    bide_future future = { 0 };
    bide_task *a = bide_create_task(NULL, bide_co(take, "a", &future)),
              *b = bide_create_task(NULL, bide_co(take, "b", &future));

    turns(2);
    bide_cancel(a);
    check_error(bide_join(a), ECANCELED);
    check(!bide_future_done(&future));
    check_eq(bide_future_set_result(&future, 9, NULL), 0); /* whoever sets it need not ask first */
    check_eq(bide_join(b), 9);
    return 0;
}
