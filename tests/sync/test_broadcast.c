/*
 * Broadcasts: one value to all who wait.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

struct quote {
    char name[12];
    double price;
};

typedef bide_broadcast(struct quote) quotes;

static int reader(quotes *broadcast, const char *name)
{
    struct quote quote = { "none", 0 };
    int err = bide_broadcast_receive(broadcast, &quote);

    note("%s:%s:%g", name, err == -ECANCELED ? "cancelled" : quote.name, quote.price);
    return 0;
}
bide_async(reader, quotes *, const char *);

bide_test(one_value_goes_to_all_who_wait_in_order)
{
    quotes broadcast = { 0 };
    int err;

    check_eq(bide_broadcast_send(&broadcast, (struct quote){ "lost", 1 }), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(reader, &broadcast, "a"));
        bide_start(tg, bide_co(reader, &broadcast, "b"));
        turns(1);
        check_eq(bide_broadcast_waiting(&broadcast), 2);
        check_eq(bide_broadcast_send(&broadcast, (struct quote){ "gold", 2.5 }), 2);
        check_eq(bide_broadcast_waiting(&broadcast), 0);
        bide_start(tg, bide_co(reader, &broadcast, "late"));
        turns(2);
        check_notes("a:gold:2.5 b:gold:2.5");
        check_eq(bide_broadcast_send(&broadcast, (struct quote){ "tin", 3 }), 1);
    }
    check_notes("late:tin:3");
    return err;
}

bide_test(sent_then_cancelled_has_the_value_cancelled_then_sent_has_not)
{
    quotes broadcast = { 0 };
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(reader, &broadcast, "a"));
        bide_task *b = bide_create_task(tg, bide_co(reader, &broadcast, "b"));

        turns(1);
        bide_cancel(b);
        check_eq(bide_broadcast_send(&broadcast, (struct quote){ "gold", 2 }), 1);
        bide_cancel(a);
    }
    check_notes("b:cancelled:0 a:gold:2");
    return err;
}

bide_test(in_a_cancelled_scope_nothing_is_received)
{
    quotes broadcast = { 0 };
    struct quote quote;
    int err;

    bide_task_group (tg, err) {
        bide_timeout (0, err)
            check_waits(tg, bide_broadcast_receive(&broadcast, &quote), -ECANCELED);
    }
    check_eq(bide_broadcast_waiting(&broadcast), 0);
    return 0;
}
