/* task/scope.h - scopes inside: entering, closing, cancelling. */
#ifndef BIDE_TASK_SCOPE_H
#define BIDE_TASK_SCOPE_H

#include <errno.h>

#include <bide/scope.h>

#include "task/record.h"

/* Puts the running task (or, for a task's root, a task that does not run yet) into a scope whose parent is `parent`. */
static inline void bide__scope_begin(struct bide_scope *scope, struct bide__record *task, struct bide_scope *parent,
                                     enum bide__scope_kind kind)
{
    scope->task = task;
    scope->parent = parent;
    scope->kind = (uint8_t)kind;
    scope->effective = parent && parent->effective && kind != BIDE__SCOPE_SHIELD;
    task->scope = scope;
}

/*
 * Cancels a scope: marks it and all that it encloses, up to shields, and withdraws the waits of the tasks in there.
 * Does not wait.
 */
void bide__scope_cancel(struct bide_scope *scope);

/*
 * Leaves a scope that is the innermost of the running task: for a group, waits for the children. Returns what the
 * block makes of `err`, which is stored in *ret_error too. A closed scope: err.
 */
int bide__scope_close(struct bide_scope *scope, int err);

/* What `err` stands for now that it has reached the end of a block, a task or a bide(): see "escaped" in scope.c. */
static inline int bide__scope_unescape(struct bide__record *task, int err)
{
    if (__builtin_expect(task->escaped != 0, 0) && err == -ECANCELED && !task->scope->effective) {
        err = task->escaped;
        task->escaped = 0;
    }
    return err;
}

/* group.c: closes a group, body ended with err. */
int bide__group_close(struct bide_group *group, int err);

/* True if a child's result is a failure of its group. */
static inline bool bide__group_takes_for_failure(const bide_group *group, int result)
{
    return result < 0 && result != -ECANCELED && !group->keep_going;
}

/*
 * A child of the group has ended: it is no longer one that could be cancelled; then, now or a turn later, the group
 * learns of it. Its record is still whole.
 */
static inline void bide__group_remove(struct bide_group *group, struct bide__record *child)
{
    *(child->previous ? &child->previous->next : &group->first) = child->next;
    *(child->next ? &child->next->previous : &group->last) = child->previous;
}
void bide__group_child_ended(struct bide_group *group, struct bide__record *child, int result);

/*
 * Makes `err` the error of the group, if it is the first, with a copy of the message in `failure`, and cancels what
 * runs in it.
 */
void bide__group_fail(struct bide_group *group, int err, const struct bide__failure *failure);

/* A group of the running task that is not written as a block. */
void bide__group_begin(struct bide_group *group, struct bide__record *task);

#endif
