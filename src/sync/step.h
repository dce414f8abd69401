/* sync/step.h - the end of a call that may wait but did not have to. */
#ifndef BIDE_SYNC_STEP_H
#define BIDE_SYNC_STEP_H

#include <stddef.h>

#include "task/wait.h"

/* What did not have to wait has happened; after many of those in a row the others get their turn. Returns `result`. */
static inline int bide__step_end(struct bide__record *task, int result)
{
    if (__builtin_expect(task->loop->budget-- == 0, 0))
        bide__yield(task->loop);
    return result;
}

/* How many stand in a list; for statistics. */
static inline size_t bide__wait_list_count(const struct bide__wait_list *list)
{
    size_t count = 0;

    for (const struct bide__waiter *waiter = list->first; waiter; waiter = waiter->next)
        count++;
    return count;
}

#endif
