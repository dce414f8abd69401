/*
 * Waiting: how a task parks, how it is woken, and how a cancellation gets it out.
 *
 * Every wait in bide is a struct bide__waiter on the waiting task's stack. Whoever fulfils it calls wake once; a
 * cancellation calls withdraw, which ends the wait with -ECANCELED if it has not been fulfilled. Both clear
 * task->waiter, so the one that comes second finds nothing to do: a wait that was fulfilled is never taken back (R2),
 * a wait that was withdrawn never happens (R1). All in O(1).
 *
 * Must never happen: a task woken twice for one wait; a waiter left in a list when its function returns.
 */
#include "task/wait.h"

#include <assert.h>
#include <errno.h>

#include "task/debug.h"

int bide__checkpoint_refused(struct bide__record *task)
{
    if (!task)
        return bide_fail(-EPERM, "a call that may wait was made outside of a task");
    task->escaped = 0;
    if (task->loop->debug)
        bide__debug_cancelled_wait(task);
    bide__yield(task->loop);
    return -ECANCELED;
}

int bide__wait(struct bide__waiter *waiter)
{
    struct bide__record *task = waiter->task;

    assert(!task->waiter);
    task->waiter = waiter;
    if (__builtin_expect(task->loop->hooks != NULL, 0))
        task->loop->hooks->before_wait(task->loop->hooks, task);
    bide__park(task->loop);
    return waiter->result;
}

void bide__wake(struct bide__waiter *waiter, int result)
{
    struct bide__record *task = waiter->task;

    assert(task->waiter == waiter);
    waiter->result = result;
    task->waiter = NULL;
    bide__ready_push(task->loop, (uintptr_t)task);
}

void bide__wait_list_withdraw(struct bide__waiter *waiter)
{
    bide__wait_list_remove(waiter);
    bide__wake(waiter, -ECANCELED);
}

int bide__wait_in(struct bide__wait_list *list, struct bide__record *task, const char *what)
{
    struct bide__waiter waiter = { .task = task, .withdraw = bide__wait_list_withdraw, .what = what };

    bide__wait_list_add(list, &waiter);
    return bide__wait(&waiter);
}

struct bide__waiter *bide__wait_list_take(struct bide__wait_list *list)
{
    struct bide__waiter *waiter = list->first;

    if (waiter)
        bide__wait_list_remove(waiter);
    return waiter;
}

int bide__pass_place(struct bide__record *task, uint32_t place, bool cancellable)
{
    struct bide_loop *loop = task->loop;

    if (!bide__place_is_ahead(loop, place))
        return 0;
    if ((int32_t)(place - loop->batch_end) >= 0)
        bide__yield(loop); /* it would stand in the next turn */
    return bide__pass_own_place(task, cancellable);
}

struct op_waiter {
    struct bide__waiter waiter;
    struct bide__op *op;
};

static void withdraw_op(struct bide__waiter *waiter)
{
    struct bide__op *op = ((struct op_waiter *)waiter)->op;

    if (op->done || op->cancelling)
        return;
    op->cancelling = true;
    waiter->task->loop->backend->cancel(waiter->task->loop, op);
}

static const char *const what_of[] = {
    [BIDE__OP_READABLE] = "something to read",
    [BIDE__OP_WRITABLE] = "room to write",
    [BIDE__OP_RECEIVE] = "something to read",
    [BIDE__OP_SEND] = "room to write",
    [BIDE__OP_SEND_MESSAGE] = "room to write",
    [BIDE__OP_ACCEPT] = "a connection",
    [BIDE__OP_CONNECT] = "its connection to be made",
    [BIDE__OP_READ] = "something to read",
    [BIDE__OP_WRITE] = "room to write",
    [BIDE__OP_READ_AT] = "a file to be read",
    [BIDE__OP_WRITE_AT] = "a file to be written",
    [BIDE__OP_SYNC] = "a file to reach its disk",
    [BIDE__OP_CALL] = "the file system",
};

int64_t bide__op_run(struct bide__op *op)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    struct bide_loop *loop = task->loop;
    op->ready = (uintptr_t)task;
    op->done = false;
    op->cancelling = false;
    if (loop->backend->submit(loop, op)) {
        if (loop->budget-- == 0)
            bide__yield(loop);
        return op->result;
    }
    struct op_waiter waiter = { .waiter = { .task = task, .withdraw = withdraw_op, .what = what_of[op->kind] },
                                .op = op };
    task->waiter = &waiter.waiter;
    if (__builtin_expect(loop->hooks != NULL, 0))
        loop->hooks->before_wait(loop->hooks, task);
    loop->outside_waits++;
    bide__park(loop); /* the completion makes the task ready by itself */
    loop->outside_waits--;
    task->waiter = NULL;
    return op->result;
}
