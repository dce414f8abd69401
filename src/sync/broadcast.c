/*
 * Broadcasts: a list of tasks, each with a place for one value. send fills in all places and wakes all, O(receivers);
 * nothing is kept for those who come later.
 */
#include <string.h>

#include <bide/queue.h>

#include "sync/step.h"

struct receiver {
    struct bide__waiter waiter;
    void *ret_value;
};

int bide__broadcast_send(struct bide__wait_list *receivers, const void *value, size_t size)
{
    int count = 0;

    for (struct bide__waiter *waiter; (waiter = bide__wait_list_take(receivers)); count++) {
        memcpy(((struct receiver *)waiter)->ret_value, value, size);
        bide__wake(waiter, 0);
    }
    return count;
}

int bide__broadcast_receive(struct bide__wait_list *receivers, void *ret_value)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    struct receiver receiver = {
        .waiter = { .task = task, .withdraw = bide__wait_list_withdraw, .what = "a broadcast" },
        .ret_value = ret_value,
    };
    bide__wait_list_add(receivers, &receiver.waiter);
    return bide__wait(&receiver.waiter);
}

size_t bide__broadcast_waiting(const struct bide__wait_list *receivers)
{
    return bide__wait_list_count(receivers);
}
