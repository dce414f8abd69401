/*
 * Handles of tasks: join, cancel, done, result, name.
 *
 * A handle leads to the record while the task lives and keeps the result afterwards. join waits in the handle's list
 * (newest first, turned round at the end so that the joiners run in the order they came); giving a join up takes the
 * joiner out again. Everything is O(1).
 */
#include <errno.h>

#include "base/slab.h"
#include "task/exception.h"
#include "task/failure.h"
#include "task/scope.h"
#include "task/wait.h"

struct bide_task *bide__handle_of(struct bide__record *record)
{
    struct bide_group *group = record->group;

    if (record->handle)
        return record->handle;
    struct bide__run *run = bide__run_of(record->loop);
    struct bide_task *task = bide__slab_take(&run->handles);
    if (!task)
        return NULL;
    *task = (struct bide_task){ .u.living.record = record };
    struct bide_task **head = group ? &group->handles : &run->main_handle;
    task->next = *head;
    task->link = head;
    if (task->next)
        task->next->link = &task->next;
    *head = task;
    record->handle = task;
    return task;
}

void bide__handle_free(struct bide__run *run, struct bide_task *task)
{
    if (__builtin_expect(task->has_ended && task->result < 0 && !task->read, 0)) {
        task->read = true;
        bide__report_unread(run->loop, task->u.ended.name, task->result, task->u.ended.failure);
    }
    *task->link = task->next;
    if (task->next)
        task->next->link = task->link;
    if (task->has_ended)
        bide__failure_free(task->u.ended.failure);
    bide__slab_give(&run->handles, task);
}

void bide__observe(struct bide_task *task, struct bide__observer *observer)
{
    observer->task = task;
    observer->previous = NULL;
    observer->next = task->u.living.observers;
    if (observer->next)
        observer->next->previous = observer;
    task->u.living.observers = observer;
}

void bide__unobserve(struct bide__observer *observer)
{
    *(observer->previous ? &observer->previous->next : &observer->task->u.living.observers) = observer->next;
    if (observer->next)
        observer->next->previous = observer->previous;
}

struct joiner {
    struct bide__waiter waiter;
    struct bide__observer observer;
};

static void withdraw_join(struct bide__waiter *waiter)
{
    bide__unobserve(&((struct joiner *)waiter)->observer);
    bide__wake(waiter, -ECANCELED);
}

static void wake_joiner(struct bide__observer *observer)
{
    struct joiner *joiner = (struct joiner *)(void *)((char *)observer - offsetof(struct joiner, observer));

    observer->task->read = true;
    bide__wake(&joiner->waiter, bide__handle_give_result(observer->task, joiner->waiter.task));
}

int bide__handle_give_result(const struct bide_task *task, struct bide__record *to)
{
    if (task->u.ended.failure) {
        struct bide__failure *copy = bide__failure_copy(task->u.ended.failure);

        bide__failure_free(to->failure);
        to->failure = copy;
    }
    return task->result;
}

int bide_join(bide_task *task)
{
    struct bide__record *self;
    int err = bide__checkpoint(&self);

    if (err < 0)
        return err;
    if (!task)
        return bide_fail(-EINVAL, "bide_join: no task (it could not be started)");
    if (!task->has_ended) {
        if (task->u.living.record == self)
            return bide_fail(-EDEADLK, "bide_join: task '%s' waits for itself", self->name);
        struct joiner joiner = { .waiter = { .task = self, .withdraw = withdraw_join, .what = "another task" },
                                 .observer = { .ended = wake_joiner } };

        bide__observe(task, &joiner.observer);
        return bide__wait(&joiner.waiter); /* from here on the handle may be gone */
    }
    task->read = true;
    return bide__handle_give_result(task, self);
}

bool bide_cancel(bide_task *task)
{
    if (!task || task->has_ended)
        return false;
    bide__scope_cancel(task->u.living.record->self);
    return true;
}

bool bide_done(const bide_task *task)
{
    return task->has_ended;
}

int bide_result(const bide_task *task)
{
    if (!task->has_ended)
        return -EAGAIN;
    ((bide_task *)(uintptr_t)task)->read = true; /* no handle lies in constant memory */
    return task->result;
}

void bide_forget(bide_task *task)
{
    if (!task)
        return;
    if (task->has_ended)
        bide__handle_free(bide__run_of(bide__loop), task);
    else
        task->forgotten = true;
}

bide_task *bide_current_task(void)
{
    struct bide__record *task = bide__current();

    return task ? bide__handle_of(task) : NULL;
}

const char *bide_task_name(const bide_task *task)
{
    return task->has_ended ? task->u.ended.name : task->u.living.record->name;
}

void bide_set_task_name(bide_task *task, const char *name)
{
    if (task->has_ended)
        task->u.ended.name = name;
    else
        task->u.living.record->name = name;
}

size_t bide_task_count(void)
{
    return bide__loop ? bide__run_of(bide__loop)->live : 0;
}

/* Puts the groups of one task on a work list; see bide__scope_cancel, which uses the same link. */
static void add_groups(const struct bide__record *task, struct bide_group **work)
{
    for (struct bide_scope *scope = task->scope; scope; scope = scope == &task->root ? NULL : scope->parent) {
        if (scope->kind == BIDE__SCOPE_GROUP) {
            struct bide_group *group = (struct bide_group *)scope;

            group->next_affected = *work;
            *work = group;
        }
    }
}

size_t bide_all_tasks(bide_task **tasks, size_t capacity)
{
    const struct bide__run *run = bide__loop ? bide__run_of(bide__loop) : NULL;
    struct bide_group *work = NULL;
    size_t count = 0;

    if (!run || !run->main_task || capacity == 0 || !(tasks[0] = bide__handle_of(run->main_task)))
        return 0;
    count = 1;
    add_groups(run->main_task, &work);
    while (work) {
        struct bide_group *group = work;

        work = group->next_affected;
        for (struct bide__record *child = group->first; child; child = child->next) {
            if (count == capacity || !(tasks[count] = bide__handle_of(child)))
                return count;
            count++;
            add_groups(child, &work);
        }
    }
    return count;
}
