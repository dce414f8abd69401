/* task/wait.h - the one way a task waits. */
#ifndef BIDE_TASK_WAIT_H
#define BIDE_TASK_WAIT_H

#include <errno.h>

#include "task/record.h"

/*
 * A wait in progress; lies on the waiting task's stack. `withdraw` ends it because of a cancellation: it takes the
 * waiter out of wherever it stands and calls bide__wake(waiter, -ECANCELED), now or (an operation of the kernel)
 * later. NULL: the wait cannot be given up.
 */
struct bide__waiter {
    struct bide__record *task;
    void (*withdraw)(struct bide__waiter *waiter);
    struct bide__waiter *next, *previous;
    struct bide__wait_list *list;
    const char *what; /* "sleep", "a lock": completes "waits for ..." */
    int result;
};

/*
 * The beginning of every call that may wait. 0; -ECANCELED, after a turn for the others, in a cancelled scope; -EPERM
 * with a message outside of a task. ret_task: the running task.
 */
int bide__checkpoint_refused(struct bide__record *task); /* its rare half */
static inline int bide__checkpoint(struct bide__record **ret_task)
{
    struct bide__record *task = *ret_task = bide__current();

    if (__builtin_expect(!task || task->scope->effective, 0))
        return bide__checkpoint_refused(task);
    task->escaped = 0;
    return 0;
}

/*
 * Parks the running task until bide__wake; returns the result given there. The waiter's task and withdraw are set; it
 * stands where its waker finds it.
 */
int bide__wait(struct bide__waiter *waiter);

/* Ends a wait: its task becomes ready with this result. Exactly once for each wait. */
void bide__wake(struct bide__waiter *waiter, int result);

/* Puts a waiter at the end of a list. */
static inline void bide__wait_list_add(struct bide__wait_list *list, struct bide__waiter *waiter)
{
    waiter->list = list;
    waiter->next = NULL;
    waiter->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = waiter;
    list->last = waiter;
}

/* Takes a waiter out of the list it stands in. */
static inline void bide__wait_list_remove(struct bide__waiter *waiter)
{
    struct bide__wait_list *list = waiter->list;

    *(waiter->previous ? &waiter->previous->next : &list->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &list->last) = waiter->previous;
    waiter->list = NULL;
}

/* The withdraw of a waiter that stands in a list and nowhere else. */
void bide__wait_list_withdraw(struct bide__waiter *waiter);

/* Waits at the end of a list; cancelled, it is taken out again. The result given by the waker, or -ECANCELED. */
int bide__wait_in(struct bide__wait_list *list, struct bide__record *task, const char *what);

/* The first of a list, taken out (it has not been woken yet); NULL: nobody waits. */
struct bide__waiter *bide__wait_list_take(struct bide__wait_list *list);

/*
 * asyncio learns of a task's end in a callback, one turn after it, and goes on with who waits for several tasks in the
 * turn after that; a program must not be able to tell the difference. A place is where such a callback would stand in
 * the ready queue: loop->ready_tail when the task ends. True if it would run after the running task.
 */
static inline bool bide__place_is_ahead(const struct bide_loop *loop, uint32_t place)
{
    return (int32_t)(place - loop->ready_head) >= 0;
}

/*
 * Lets the others run until a callback at this place would have woken the running task. cancellable: -ECANCELED if it
 * is cancelled before that.
 */
int bide__pass_place(struct bide__record *task, uint32_t place, bool cancellable);

/* The same for a task that the ended one has just woken: the running task stands where the callback would. */
static inline int bide__pass_own_place(struct bide__record *task, bool cancellable)
{
    if (cancellable && task->scope->effective)
        return -ECANCELED;
    bide__yield(task->loop);
    return 0;
}

/*
 * Does an operation of the kernel: its result. Begins with a checkpoint. Cancelled while it is in progress, it
 * returns when the kernel is done with it: -ECANCELED (it did not happen) or the result that was faster. After many
 * operations that did not wait it lets the others run.
 */
int64_t bide__op_run(struct bide__op *op);

#endif
