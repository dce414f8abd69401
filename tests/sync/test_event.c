/*
 * Events: the rules M1 to M4 of asyncio's Event.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

static int waiter(bide_event *event, const char *name)
{
    int err = bide_event_wait(event);

    note("%s:%d", name, err == -ECANCELED ? -1 : err);
    return 0;
}
bide_async(waiter, bide_event *, const char *);

bide_test(M1_set_wakes_all_in_order_and_clear_does_not_take_it_back)
{
    bide_event event = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &event, "a"));
        bide_start(tg, bide_co(waiter, &event, "b"));
        bide_start(tg, bide_co(waiter, &event, "c"));
        turns(1);
        check_eq(bide_event_get_statistics(&event).waiting, 3);
        bide_event_set(&event);
        bide_event_clear(&event);
        check(!bide_event_is_set(&event));
        turns(1);
        check_notes("a:0 b:0 c:0");
    }
    return err;
}

bide_test(M2_a_task_not_yet_started_at_set_passes_before_the_woken)
{
    bide_event event = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(waiter, &event, "a"));
        turns(1);
        bide_start(tg, bide_co(waiter, &event, "b"));
        bide_event_set(&event);
    }
    check_notes("b:0 a:0");
    return err;
}

bide_test(M3_waiting_for_a_set_event_does_not_wait)
{
    bide_event event = { 0 };
    int err;

    bide_event_set(&event);
    check(bide_event_is_set(&event));
    check_eq(bide_event_get_statistics(&event).value, 1);
    bide_task_group (tg, err) {
        check_does_not_wait(tg, bide_event_wait(&event), 0);
        bide_timeout (0, err)
            check_waits(tg, bide_event_wait(&event), -ECANCELED);
    }
    return 0;
}

bide_test(M4_a_cancelled_waiter_is_unlinked)
{
    bide_event event = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &event, "a"));
        bide_task *b = bide_create_task(tg, bide_co(waiter, &event, "b"));
        bide_task *c = bide_create_task(tg, bide_co(waiter, &event, "c"));

        turns(1);
        bide_cancel(b);
        check_eq(bide_event_get_statistics(&event).waiting, 2);
        bide_cancel(c);
        bide_cancel(a);
        check_eq(bide_event_get_statistics(&event).waiting, 0);
        bide_event_set(&event); /* too late */
    }
    check_notes("b:-1 c:-1 a:-1");
    return err;
}

bide_test(woken_then_cancelled_was_woken)
{
    bide_event event = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(waiter, &event, "a"));

        turns(1);
        bide_event_set(&event);
        bide_cancel(a);
    }
    check_notes("a:0");
    return err;
}

static void set_it(void *argument)
{
    bide_event_set(argument);
}

bide_test(a_callback_may_set_it)
{
    bide_event event = { 0 };

    check(bide_call_soon_threadsafe(bide_get_running_loop(), set_it, &event) >= 0);
    check_eq(bide_event_wait(&event), 0);
    return 0;
}
