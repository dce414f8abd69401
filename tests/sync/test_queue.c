/*
 * Queues: the rules P1 to P11 of asyncio's Queue. Kinds, types and memory: test_queue_kinds.c.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

typedef bide_queue(int, 2) pair;

static int getter(pair *queue, const char *name)
{
    int item = -1, err = bide_queue_get(queue, &item);

    if (err == BIDE_ESHUTDOWN) {
        check_str(bide_strerror(err), "bide_queue_get: the queue was shut down");
        note("%s:shutdown", name);
    } else {
        note("%s:%d", name, item);
    }
    check_eq(err < 0, item == -1);
    return 0;
}
bide_async(getter, pair *, const char *);

static int putter(pair *queue, int item)
{
    int err = bide_queue_put(queue, item);

    if (err == BIDE_ESHUTDOWN) {
        check_str(bide_strerror(err), "bide_queue_put: the queue was shut down");
        note("put%d:shutdown", item);
    } else {
        note("put%d:%s", item, err == -ECANCELED ? "cancelled" : err == 0 ? "ok" : "?");
    }
    return 0;
}
bide_async(putter, pair *, int);

static int get_now(pair *queue)
{
    int item, err = bide_queue_get_nowait(queue, &item);

    return err < 0 ? err : item;
}

bide_test(P1_first_in_first_out)
{
    pair queue = { 0 };

    for (int i = 0; i < 20; i++) { /* round the ring */
        check_eq(bide_queue_put(&queue, i), 0);
        check_eq(bide_queue_put(&queue, 100 + i), 0);
        check_eq(get_now(&queue), i);
        check_eq(get_now(&queue), 100 + i);
        check_eq(bide_queue_put(&queue, 200), 0);
        check_eq(get_now(&queue), 200);
    }
    return 0;
}

bide_test(P2_put_waits_only_when_full_and_putters_are_served_in_order)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        check_does_not_wait(tg, bide_queue_put(&queue, 1), 0);
        check_does_not_wait(tg, bide_queue_put(&queue, 2), 0);
        check(bide_queue_full(&queue));
        bide_start(tg, bide_co(putter, &queue, 3));
        bide_start(tg, bide_co(putter, &queue, 4));
        turns(2);
        check_notes("");
        check_eq(get_now(&queue), 1);
        check(bide_queue_full(&queue)); /* 3 is in, though its putter has not run */
        turns(2);
        check_notes("put3:ok");
        check_eq(get_now(&queue), 2);
        check_eq(get_now(&queue), 3);
        check_eq(get_now(&queue), 4);
    }
    check_notes("put4:ok");
    check(bide_queue_empty(&queue));
    return err;
}

bide_test(P2_getters_are_served_in_order)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(getter, &queue, "a"));
        bide_start(tg, bide_co(getter, &queue, "b"));
        turns(1);
        check_eq(bide_queue_put(&queue, 1), 0);
        check(bide_queue_empty(&queue)); /* it is a's */
        check_error(get_now(&queue), EAGAIN);
        check_eq(bide_queue_put(&queue, 2), 0);
        check_eq(bide_queue_put(&queue, 3), 0);
        check_eq(get_now(&queue), 3);
    }
    check_notes("a:1 b:2");
    return err;
}

/* On purpose not as in asyncio, where the item stays in the queue: the woken getter has it (R2). */
bide_test(P3_woken_getter_cancelled_before_it_runs_has_its_item)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(getter, &queue, "a"));

        bide_start(tg, bide_co(getter, &queue, "b"));
        turns(1);
        check_eq(bide_queue_put(&queue, 1), 0);
        bide_cancel(a);
        turns(2);
        check_notes("a:1");
        check_eq(bide_queue_put(&queue, 2), 0);
    }
    check_notes("b:2");
    return err;
}

bide_test(P3_cancelled_getter_then_put_goes_to_the_next)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(getter, &queue, "a"));

        bide_start(tg, bide_co(getter, &queue, "b"));
        turns(1);
        bide_cancel(a);
        check_eq(bide_queue_put(&queue, 1), 0);
        check_eq(bide_queue_put(&queue, 2), 0);
    }
    check_notes("a:-1 b:1");
    check_eq(get_now(&queue), 2);
    return err;
}

bide_test(P4_cancelled_putter_leaves_nothing_and_the_next_gets_the_room)
{
    pair queue = { 0 };
    int err;

    check_eq(bide_queue_put(&queue, 1), 0);
    check_eq(bide_queue_put(&queue, 2), 0);
    bide_task_group (tg, err) {
        bide_task *three = bide_create_task(tg, bide_co(putter, &queue, 3));

        bide_start(tg, bide_co(putter, &queue, 4));
        turns(1);
        bide_cancel(three);
        check_eq(get_now(&queue), 1);
    }
    check_notes("put3:cancelled put4:ok");
    check_eq(get_now(&queue), 2);
    check_eq(get_now(&queue), 4);
    check(bide_queue_empty(&queue));
    return err;
}

/* As P3, on purpose: the woken putter's item is in the queue, and its put says so. */
bide_test(P4_woken_putter_cancelled_before_it_runs_has_put_its_item)
{
    pair queue = { 0 };
    int err;

    check_eq(bide_queue_put(&queue, 1), 0);
    check_eq(bide_queue_put(&queue, 2), 0);
    bide_task_group (tg, err) {
        bide_task *three = bide_create_task(tg, bide_co(putter, &queue, 3));

        turns(1);
        check_eq(get_now(&queue), 1);
        bide_cancel(three);
    }
    check_notes("put3:ok");
    check_eq(get_now(&queue), 2);
    check_eq(get_now(&queue), 3);
    return err;
}

bide_test(P5_cancelled_waiters_do_not_stay_linked)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < 100; i++)
            bide_start(tg, bide_co(getter, &queue, "x"));
        turns(1);
        check_eq(bide_queue_get_statistics(&queue).getters, 100);
        bide_group_cancel(tg);
        check_eq(bide_queue_get_statistics(&queue).getters, 0);
    }
    check_eq(bide_queue_put(&queue, 1), 0);
    check_eq(bide_queue_put(&queue, 2), 0);
    bide_task_group (tg, err) {
        for (int i = 0; i < 100; i++)
            bide_start(tg, bide_co(putter, &queue, 3));
        turns(1);
        check_eq(bide_queue_get_statistics(&queue).putters, 100);
        bide_group_cancel(tg);
        check_eq(bide_queue_get_statistics(&queue).putters, 0);
    }
    check_eq(bide_queue_size(&queue), 2);
    return err;
}

static int get_in_time(pair *queue, int *ret_error, int *ret_item)
{
    bide_timeout (0.001, *ret_error)
        *ret_error = bide_queue_get(queue, ret_item);
    return 0;
}
bide_async(get_in_time, pair *, int *, int *);

bide_test_in_real_time(P6_a_get_that_times_out_in_the_turn_of_the_put_loses_nothing)
{
    for (int put_first = 0; put_first < 2; put_first++) {
        pair queue = { 0 };
        int err, result = -1, item = 0;

        bide_task_group (tg, err) {
            bide_start(tg, bide_co(get_in_time, &queue, &result, &item));
            turns(1);
            if (put_first)
                check_eq(bide_queue_put(&queue, 7), 0);
            for (double end = bide_time() + 0.003; bide_time() < end;)
                ;
            poll_once(); /* the deadline has passed */
            if (!put_first)
                check_eq(bide_queue_put(&queue, 7), 0);
        }
        check_eq(result, put_first ? 0 : -ETIMEDOUT);
        check_eq(item, put_first ? 7 : 0);
        check_eq(bide_queue_size(&queue), put_first ? 0 : 1);
    }
    return 0;
}

static int joiner(pair *queue, const char *name)
{
    note("%s:%d", name, bide_queue_join(queue));
    return 0;
}
bide_async(joiner, pair *, const char *);

bide_test(P7_join_waits_for_task_done_not_for_emptiness)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        check_does_not_wait(tg, bide_queue_join(&queue), 0);
        check_eq(bide_queue_put(&queue, 1), 0);
        bide_start(tg, bide_co(joiner, &queue, "a"));
        bide_start(tg, bide_co(joiner, &queue, "b"));
        check_eq(get_now(&queue), 1);
        turns(2);
        check_notes("");
        check_eq(bide_queue_get_statistics(&queue).joiners, 2);
        check_eq(bide_queue_put(&queue, 2), 0); /* that prolongs it */
        check_eq(bide_queue_task_done(&queue), 0);
        turns(2);
        check_notes("");
        check_eq(bide_queue_task_done(&queue), 0); /* 2 is still in the queue: nobody asks */
    }
    check_notes("a:0 b:0");
    check_error(bide_queue_task_done(&queue), EPERM);
    check_str(bide_strerror(-EPERM), "bide_queue_task_done: every item that was put is done already");
    return err;
}

bide_test(P7_items_handed_over_directly_count_too)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(getter, &queue, "a"));
        turns(1);
        check_eq(bide_queue_put(&queue, 1), 0);
        check_eq(bide_queue_get_statistics(&queue).unfinished, 1);
        check_eq(bide_queue_put(&queue, 2), 0);
        check_eq(bide_queue_put(&queue, 3), 0);
        bide_start(tg, bide_co(putter, &queue, 4));
        turns(1);
        check_eq(bide_queue_get_statistics(&queue).unfinished, 3); /* 4 is not in it yet */
        check_eq(get_now(&queue), 2);
        check_eq(bide_queue_get_statistics(&queue).unfinished, 4);
    }
    check_notes("a:1 put4:ok");
    return err;
}

bide_test(P8_nowait_forms_and_exact_sizes)
{
    pair queue = { 0 };

    check(bide_queue_empty(&queue));
    check_eq(bide_queue_limit(&queue), 2);
    check_error(get_now(&queue), EAGAIN);
    for (int i = 0; i < 2; i++) {
        check(!bide_queue_full(&queue));
        check_eq(bide_queue_put_nowait(&queue, i), 0);
        check_eq(bide_queue_size(&queue), i + 1);
        check(!bide_queue_empty(&queue));
    }
    check(bide_queue_full(&queue));
    check_error(bide_queue_put_nowait(&queue, 9), EAGAIN);
    check_eq(bide_queue_size(&queue), 2);
    check_eq(bide_queue_get_statistics(&queue).limit, 2);
    check_eq(get_now(&queue), 0);
    check_eq(get_now(&queue), 1);
    return 0;
}

bide_test(P9_shutdown_puts_fail_gets_drain_then_fail_join_still_counts)
{
    pair queue = { 0 };
    int err, item = 0;

    check_eq(bide_queue_put(&queue, 1), 0);
    check_eq(bide_queue_put(&queue, 2), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(putter, &queue, 3));
        bide_start(tg, bide_co(joiner, &queue, "j"));
        turns(1);
        bide_queue_shutdown(&queue, false);
        turns(1);
        check_notes("put3:shutdown");
        check_eq(bide_queue_put(&queue, 4), (int)BIDE_ESHUTDOWN);
        check_eq(bide_queue_put_nowait(&queue, 4), (int)BIDE_ESHUTDOWN);
        check_eq(bide_queue_get(&queue, &item), 0);
        check_eq(item, 1);
        check_eq(bide_queue_get_nowait(&queue, &item), 0);
        check_eq(item, 2);
        check_eq(bide_queue_get(&queue, &item), (int)BIDE_ESHUTDOWN);
        check_eq(get_now(&queue), (int)BIDE_ESHUTDOWN);
        check_eq(bide_queue_task_done(&queue), 0);
        turns(2);
        check_notes("");
        check_eq(bide_queue_task_done(&queue), 0);
    }
    check_notes("j:0");
    check(bide_queue_get_statistics(&queue).is_shut_down);
    check_str(bide_error_name(BIDE_ESHUTDOWN), "BIDE_ESHUTDOWN");
    return err;
}

bide_test(P9_shutdown_of_an_empty_queue_ends_the_getters)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(getter, &queue, "a"));
        bide_start(tg, bide_co(getter, &queue, "b"));
        turns(1);
        bide_queue_shutdown(&queue, false);
        bide_queue_shutdown(&queue, false);
    }
    check_notes("a:shutdown b:shutdown");
    return err;
}

bide_test(P10_immediate_shutdown_drops_the_items_and_counts_them_done)
{
    pair queue = { 0 };
    int err, item;

    check_eq(bide_queue_put(&queue, 1), 0);
    check_eq(bide_queue_put(&queue, 2), 0);
    check_eq(bide_queue_get(&queue, &item), 0);
    check_eq(bide_queue_put(&queue, 3), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(putter, &queue, 4));
        bide_start(tg, bide_co(joiner, &queue, "j"));
        turns(1);
        bide_queue_shutdown(&queue, true);
        check(bide_queue_empty(&queue));
        check_eq(bide_queue_get(&queue, &item), (int)BIDE_ESHUTDOWN);
        turns(2);
        check_notes("put4:shutdown"); /* the item that was taken out is not done */
        check_eq(bide_queue_task_done(&queue), 0);
    }
    check_notes("j:0");
    check_error(bide_queue_task_done(&queue), EPERM);
    return err;
}

bide_test(P11_a_woken_getter_has_its_item_whatever_others_take)
{
    pair queue = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(getter, &queue, "a"));
        turns(1);
        check_eq(bide_queue_put(&queue, 1), 0);
        check_eq(bide_queue_put(&queue, 2), 0);
        check_eq(get_now(&queue), 2);
        check_error(get_now(&queue), EAGAIN);
    }
    check_notes("a:1");
    return err;
}

bide_test(in_a_cancelled_scope_nothing_is_put_or_taken)
{
    pair queue = { 0 };
    int err, item = 5;

    check_eq(bide_queue_put(&queue, 1), 0);
    bide_task_group (tg, err) {
        bide_timeout (0, err) {
            check_waits(tg, bide_queue_put(&queue, 2), -ECANCELED);
            check_waits(tg, bide_queue_get(&queue, &item), -ECANCELED);
            check_waits(tg, bide_queue_join(&queue), -ECANCELED);
        }
    }
    check_eq(bide_queue_size(&queue), 1);
    check_eq(item, 5);
    return 0;
}
