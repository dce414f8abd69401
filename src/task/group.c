/*
 * Task groups: a scope that owns tasks.
 *
 * The group knows its living children (a list through their records) and the first error. A child's error cancels the
 * group's scope once; close waits, not to be interrupted, until the last child has gone: what a child points to in
 * the owner's frame is alive until then. Adding and removing a child is O(1).
 *
 * What close returns: the first error of a child or of the block, in the order they happened; else -ECANCELED if an
 * enclosing scope's cancellation cut the block or a child short; else 0. A child that ends with -ECANCELED is no
 * error.
 *
 * Must never happen: a group that ends before a child; a child that is cancelled twice for one reason; an error that
 * nobody sees.
 */
#include <assert.h>
#include <errno.h>

#include "task/failure.h"
#include "task/scope.h"
#include "task/wait.h"

void bide__group_begin(struct bide_group *group, struct bide__record *task)
{
    group->loop = task->loop;
    group->last_end = task->loop->ready_head - 1; /* behind us: none has ended */
    bide__scope_begin(&group->scope, task, task->scope, BIDE__SCOPE_GROUP);
}

bide_group *bide__group_enter(bide_group *group, int *ret_error)
{
    struct bide__record *task = bide__current();

    assert(task && "bide_task_group was entered outside of a task");
    *ret_error = 0;
    group->scope.ret_error = ret_error;
    bide__group_begin(group, task);
    return group;
}

void bide__group_fail(struct bide_group *group, int err, const struct bide__failure *failure)
{
    struct bide__failure *further = NULL;

    if (!group->error) {
        group->error = err;
        if (failure && failure->code == err)
            group->last_failure = group->failure = bide__failure_copy(failure);
    } else if (group->failure) {
        if (failure && failure->code == err)
            further = bide__failure_copy(failure);
        else
            bide__failure_set(&further, err, "%s", bide__failure_general(err));
        while (group->last_failure->next)
            group->last_failure = group->last_failure->next;
        group->last_failure->next = further;
    }
    bide__scope_cancel(&group->scope);
}

void bide__group_child_ended(struct bide_group *group, struct bide__record *child, int result)
{
    group->live--;
    if (__builtin_expect(result == -ECANCELED, 0))
        group->interrupted |= group->scope.effective;
    else if (bide__group_takes_for_failure(group, result))
        bide__group_fail(group, result, child->failure);
    if (group->live == 0 && group->closing)
        bide__wake(group->closing, 0);
}

static void wait_for_children(struct bide_group *group)
{
    struct bide__waiter waiter = { .task = group->scope.task, .what = "its children" };

    bide__pass_place(group->scope.task, group->last_end, false);
    while (group->live > 0) {
        group->closing = &waiter;
        bide__wait(&waiter);
        group->closing = NULL;
        if (group->last_end == group->loop->ready_head - 1) /* not if the last one failed: it has taken that turn */
            bide__pass_own_place(group->scope.task, false);
    }
}

static void free_handles(struct bide_group *group)
{
    struct bide__run *run = bide__run_of(group->loop);

    while (group->handles && group->live == 0) /* an exception handler may start another task */
        bide__handle_free(run, group->handles);
}

int bide__group_close(struct bide_group *group, int err)
{
    struct bide__record *task = group->scope.task;

    if (err < 0 && err != -ECANCELED)
        bide__group_fail(group, err, task->failure);
    else if (err < 0 || !group->scope.ended)
        bide__scope_cancel(&group->scope);
    do {
        wait_for_children(group);
        free_handles(group);
    } while (group->live > 0);
    if (group->error) {
        if (group->failure) {
            bide__failure_free(task->failure);
            task->failure = group->failure;
            group->failure = NULL;
        }
        return group->error;
    }
    if (group->scope.parent->effective && (err == -ECANCELED || group->interrupted))
        return -ECANCELED;
    if (err == -ECANCELED && group->cancelled_by_call)
        return 0; /* that was the purpose */
    return err;
}

void bide__group_cleanup(bide_group *group)
{
    bide__scope_cleanup(&group->scope);
}

void bide_group_cancel(bide_group *group)
{
    group->cancelled_by_call = true;
    bide__scope_cancel(&group->scope);
}
