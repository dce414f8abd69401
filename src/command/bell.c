/*
 * A bell: each waiter sleeps for ever in a task group of its own, and ringing ends the groups.
 *
 * Waiters lie on the waiting tasks' stacks. Waiting and leaving cost O(1), ringing O(waiters). What must never happen:
 * a waiter that stays in the list when its task has gone on.
 */
#include "command/bell.h"

#include <bide.h>
#include <errno.h>
#include <math.h>

struct bell_waiter {
    struct bell_waiter *next;
    struct bell_waiter **link; /* what points to this one; NULL: rung */
    bide_group *group;
};

int bell_wait(struct bell *bell)
{
    struct bell_waiter self = { .next = bell->first, .link = &bell->first };
    int err;

    bide_task_group (sleepers, err) {
        self.group = sleepers;
        if (self.next)
            self.next->link = &self.next;
        bell->first = &self;
        err = bide_sleep(INFINITY);
    }
    if (self.link) { /* cancelled */
        *self.link = self.next;
        if (self.next)
            self.next->link = self.link;
    }
    return err;
}

void bell_ring(struct bell *bell)
{
    struct bell_waiter *waiter = bell->first;

    bell->first = NULL;
    for (struct bell_waiter *next; waiter; waiter = next) {
        next = waiter->next;
        waiter->link = NULL;
        bide_group_cancel(waiter->group);
    }
}

static void ring(void *argument)
{
    bell_ring(argument);
}

int bell_wait_readable(int descriptor)
{
    bide_loop *loop = bide_get_running_loop();
    struct bell bell = { 0 };
    int err = bide_add_reader(loop, descriptor, ring, &bell);

    if (err == -EPERM)
        return 0;
    if (err < 0)
        return bide_fail(err, "waiting for input: %s", bide_strerror(err));
    err = bell_wait(&bell);
    bide_remove_reader(loop, descriptor);
    return err;
}
