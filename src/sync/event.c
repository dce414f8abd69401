/*
 * Events: a flag and those who wait for it. set wakes them all, in the order they came, O(waiters); what it has woken
 * stays woken whatever becomes of the flag. Everything else is O(1).
 */
#include <bide/sync.h>

#include "sync/step.h"

void bide_event_set(bide_event *event)
{
    event->is_set = true;
    for (struct bide__waiter *waiter; (waiter = bide__wait_list_take(&event->waiters));)
        bide__wake(waiter, 0);
}

void bide_event_clear(bide_event *event)
{
    event->is_set = false;
}

bool bide_event_is_set(const bide_event *event)
{
    return event->is_set;
}

int bide_event_wait(bide_event *event)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (event->is_set)
        return bide__step_end(task, 0);
    return bide__wait_in(&event->waiters, task, "an event");
}

bide_sync_statistics bide_event_get_statistics(const bide_event *event)
{
    return (
        bide_sync_statistics){ .waiting = bide__wait_list_count(&event->waiters), .value = event->is_set, .limit = 1 };
}
