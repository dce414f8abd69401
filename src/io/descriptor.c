/*
 * Descriptors of others: a task waits until one is ready, by one foreign operation of the backend.
 *
 * Costs a poll(2) when it is ready; else, with epoll, two epoll_ctl more: what is not ours does not stay registered.
 * Must never happen: something left in the kernel when the call has returned, for its owner may close the descriptor
 * at once; a callback of bide_add_reader that loses its place to a task, so a direction that has one is refused.
 */
#include <bide/descriptor.h>

#include <errno.h>
#include <string.h>

#include <bide/error.h>

#include "task/wait.h"

static int wait_for(int descriptor, enum bide__op_kind kind, const char *what)
{
    struct bide__op op = { .kind = (uint8_t)kind, .descriptor = descriptor, .foreign = true };
    struct bide__record *task = bide__current();
    int64_t err;

    if (task && bide__is_watched(task->loop, descriptor, kind))
        return bide_fail(-EBUSY, "wait until descriptor %d is %s: a callback waits for that", descriptor, what);
    err = bide__op_run(&op);
    if (err >= 0 || err == -ECANCELED || !task)
        return (int)err;
    return bide_fail((int)err, "wait until descriptor %d is %s: %s", descriptor, what,
                     err == -EBUSY ? "another task waits for that, or a stream owns it" : strerror((int)-err));
}

int bide_wait_readable(int descriptor)
{
    return wait_for(descriptor, BIDE__OP_READABLE, "readable");
}

int bide_wait_writable(int descriptor)
{
    return wait_for(descriptor, BIDE__OP_WRITABLE, "writable");
}
