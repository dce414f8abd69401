/*
 * Tasks: a call that runs later on its own stack.
 *
 * spawn takes a pooled stack, copies the arguments, and queues the record: about ten stores when the stack is warm.
 * The stack's flow of control loops in its trampoline, so a stack that was used before only needs its record filled
 * in, where it is not the same for each task; when a task ends it gives its stack back and parks in the trampoline.
 * Arguments that do not fit the record are placed below it, which needs the trampoline to be made anew.
 *
 * A handle is a separate small block, made only when somebody asks: it outlives the task, until its group ends or it
 * is forgotten; the stack does not.
 *
 * Must never happen: a record touched after its stack was given back (the next spawn may have it); the body run
 * inside create_task.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/slab.h"
#include "task/debug.h"
#include "task/exception.h"
#include "task/failure.h"
#include "task/local.h"
#include "task/scope.h"
#include "task/wait.h"

enum { VALGRIND_MAKE_UNDEFINED = 0x4d430001 /* memcheck: usable again, though a stack pointer has passed over it */ };

static struct bide__observer *oldest_first(struct bide__observer *newest)
{
    struct bide__observer *oldest = NULL;

    while (newest) {
        struct bide__observer *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* The observers get all they want now: when their tasks run, the handle may be gone with its group. */
void bide__handle_end(struct bide__run *run, struct bide__record *record, int result)
{
    struct bide_task *task = record->handle;
    struct bide__observer *observer = oldest_first(task->u.living.observers);

    task->has_ended = true;
    task->result = result;
    task->u.ended.failure =
        record->failure && record->failure->code == result ? bide__failure_copy(record->failure) : NULL;
    task->u.ended.name = record->name;
    task->read = record->ret_result || !record->group ||
                 !record->group->keep_going; /* a group hands its children's errors on itself */
    while (observer) {
        struct bide__observer *next = observer->next;

        observer->ended(observer);
        observer = next;
    }
    if (task->forgotten)
        bide__handle_free(run, task);
}

/* What a task that has failed has failed with, and where. */
static __attribute__((noinline)) int explain(struct bide__record *record, int result)
{
    result = bide__scope_unescape(record, result);
    if (result != -ECANCELED)
        bide__failure_trace(&record->failure, result,
                            (struct bide__trace_line){ record->name, record->file, record->line, 1 });
    return result;
}

/*
 * The end of a task: hands on its result, then gives its stack back. The record may be another task's when this
 * function has returned.
 */
static void finish(struct bide__record *record, int result)
{
    struct bide_loop *loop = record->loop;
    struct bide__run *run = bide__run_of(loop);
    struct bide_group *group = record->group;

    assert(record->scope == &record->root);
    if (__builtin_expect(result < 0, 0))
        result = explain(record, result);
    if (record->ret_result)
        *record->ret_result = result;
    if (__builtin_expect(loop->debug, 0))
        bide__debug_task_ended(record);
    bool fails = result < 0 && group && bide__group_takes_for_failure(group, result) && !loop->stepping;
    uint32_t place = loop->ready_tail;
    if (fails)
        bide__ready_push(loop, (uintptr_t)record); /* before those who join it */
    if (record->handle)
        bide__handle_end(run, record, result);
    else if (__builtin_expect(result < 0, 0) && group == run->background && group)
        bide__report_unread(loop, record->name, result, record->failure);
    if (__builtin_expect(group != NULL, 1)) {
        bide__group_remove(group, record);
        if (__builtin_expect(fails, 0))
            bide__park(loop); /* the others are cancelled in the next turn, where asyncio's callback would do it */
        else
            group->last_end = place;
        bide__group_child_ended(group, record, result);
    } else {
        run->ended = run->stop = true;
    }
    if (record->failure)
        bide__failure_free(record->failure);
    if (record->bindings)
        bide__bindings_release(record->bindings);
    run->live--;
    bide__ready_unreserve(loop);
    bide__stack_give(&loop->stacks, record);
}

static void trampoline(void *argument)
{
    struct bide__record *record = argument;

    for (;;) {
        finish(record, record->entry(record->arguments));
        bide__context_enter(&record->coroutine.context, bide__loop_next(record->loop));
    }
}

/* What a stack without contents is given once: its flow of control, and what of its record never changes. */
static void furnish(struct bide_loop *loop, struct bide__record *record)
{
    void *low, *high;

    record->loop = loop;
    record->self = &record->root;
    record->root.task = record;
    record->root.kind = BIDE__SCOPE_TASK;
    bide__stack_bounds(&loop->stacks, record, &low, &high);
    bide__context_make(&record->coroutine.context, low, high, trampoline, record);
}

static __attribute__((noinline)) struct bide__record *take_fresh(struct bide_loop *loop, const char *name,
                                                                 int *ret_error)
{
    size_t live = bide__run_of(loop)->live;
    bool fresh;
    struct bide__record *record = bide__stack_take_fresh(&loop->stacks, &fresh);

    if (record) {
        furnish(loop, record);
        return record;
    }
    *ret_error = errno == EAGAIN
                     ? bide_fail(-EAGAIN, "start task '%s': %zu tasks are alive, the limit", name, live)
                     : bide_fail(-ENOMEM, "start task '%s': no memory for a stack (%zu tasks are alive)", name, live);
    return NULL;
}

/* Arguments that do not fit into the record lie below it, and the stack begins below them. */
static __attribute__((noinline)) void *make_room(struct bide__record *record, size_t size)
{
    void *low, *high;

    bide__stack_bounds(&record->loop->stacks, record, &low, &high);
    high = (char *)high - ((size + 63) & ~(size_t)63);
    bide__context_release(&record->coroutine.context);
    bide__valgrind_request(0, VALGRIND_MAKE_UNDEFINED, (uintptr_t)high, size);
    bide__context_make(&record->coroutine.context, low, high, trampoline, record);
    return high;
}

static inline void fill_in(struct bide__record *record, struct bide_group *group,
                           const struct bide_coroutine *coroutine)
{
    struct bide__record *self = bide__current();

    record->waiter = NULL;
    record->entry = coroutine->entry;
    record->escaped = 0;
    record->ret_result = NULL;
    record->group = group;
    record->handle = NULL;
    record->failure = NULL;
    record->bindings = bide__bindings_share(self ? self->bindings : *bide__bindings_place());
    record->name = coroutine->name;
    record->file = coroutine->file;
    record->line = coroutine->line;
    record->cancelled_waits = 0;
    record->scope = &record->root;
    record->root.parent = group ? &group->scope : NULL;
    record->root.cancelled = record->root.closed = false;
    record->root.effective = group && group->scope.effective;
    record->arguments = __builtin_expect(coroutine->size > sizeof record->inline_arguments, 0)
                            ? make_room(record, coroutine->size)
                            : record->inline_arguments;
    if (coroutine->size)
        memcpy(record->arguments, coroutine->arguments, coroutine->size);
}

/* There is no memory for its handle. It has not run: takes it back without a trace. */
static __attribute__((noinline)) int take_back(struct bide__record *record)
{
    struct bide_loop *loop = record->loop;
    int err = bide_fail(-ENOMEM, "start task '%s': no memory for its handle", record->name);

    if (record->group) {
        bide__group_remove(record->group, record);
        record->group->live--;
    }
    bide__bindings_release(record->bindings);
    bide__run_of(loop)->live--;
    bide__ready_unreserve(loop);
    bide__stack_give(&loop->stacks, record);
    return err;
}

static __attribute__((noinline)) int fail_too_large(const struct bide_loop *loop,
                                                    const struct bide_coroutine *coroutine)
{
    return bide_fail(-ENOMEM, "start task '%s': %zu bytes of arguments do not fit on a stack of %zu", coroutine->name,
                     coroutine->size, loop->stacks.options.stack_size);
}

static inline __attribute__((always_inline)) struct bide__record *spawn(struct bide_loop *loop,
                                                                        struct bide_group *group,
                                                                        const struct bide_coroutine *coroutine,
                                                                        bool with_handle, int *ret_error)
{
    if (__builtin_expect(loop->debug, 0))
        bide__coroutine_taken(coroutine->arguments);
    if (__builtin_expect(coroutine->size > loop->stacks.options.stack_size / 2, 0)) {
        *ret_error = fail_too_large(loop, coroutine);
        return NULL;
    }
    if (__builtin_expect(bide__ready_reserve(loop) < 0, 0)) {
        *ret_error = bide_fail(-ENOMEM, "start task '%s': no memory for the ready queue", coroutine->name);
        return NULL;
    }
    struct bide__record *record = bide__stack_take_warm(&loop->stacks);
    if (__builtin_expect(!record, 0) && !(record = take_fresh(loop, coroutine->name, ret_error))) {
        bide__ready_unreserve(loop);
        return NULL;
    }
    fill_in(record, group, coroutine);
    bide__run_of(loop)->live++;
    if (group) {
        assert(!group->scope.closed && "a task was started in a group that has ended");
        record->next = NULL;
        record->previous = group->last;
        *(group->last ? &group->last->next : &group->first) = record;
        group->last = record;
        group->live++;
    }
    if (with_handle && __builtin_expect(!bide__handle_of(record), 0)) {
        *ret_error = take_back(record);
        return NULL;
    }
    bide__ready_push(loop, (uintptr_t)record);
    return record;
}

struct bide__record *bide__spawn(struct bide_loop *loop, struct bide_group *group,
                                 const struct bide_coroutine *coroutine, bool with_handle, int *ret_error)
{
    return spawn(loop, group, coroutine, with_handle, ret_error);
}

/* The group a task is to be started in, for NULL the run's own; NULL outside of a loop. */
static struct bide_group *group_or_background(struct bide_group *group)
{
    if (group)
        return group;
    assert(bide__loop && "a task was started outside of a running loop");
    return bide__run_of(bide__loop)->background;
}

static inline struct bide__record *start(struct bide_group *group, const struct bide_coroutine *coroutine,
                                         bool with_handle, int *ret_error)
{
    struct bide_group *owner = group_or_background(group);
    struct bide__record *record = spawn(owner->loop, owner, coroutine, with_handle, ret_error);

    if (__builtin_expect(!record, 0) && !owner->keep_going)
        bide__group_fail(owner, *ret_error, *bide__failure_place());
    return record;
}

/* The record stands last in the ready queue. Its stack is not given to another one before we go on. */
static void step_into(struct bide__record *record)
{
    struct bide_loop *loop = record->loop;

    assert(loop == bide__loop && "a task was started in a loop that does not run");
    loop->ready_tail--;
    bide__loop_step_into(loop, &record->coroutine);
}

static bide_task *create_task(struct bide_group *group, const struct bide_coroutine *coroutine, bool eager)
{
    int err = 0;
    struct bide__record *record = start(group, coroutine, true, &err);

    if (!record)
        return NULL;
    bide_task *task = record->handle;
    if (__builtin_expect(eager || bide__run_of(record->loop)->eager, 0))
        step_into(record);
    return task;
}

static inline int start_task(struct bide_group *group, const struct bide_coroutine *coroutine, bool eager)
{
    int err = 0;
    struct bide__record *record = start(group, coroutine, false, &err);

    if (record && __builtin_expect(eager || bide__run_of(record->loop)->eager, 0))
        step_into(record);
    return err;
}

bide_task *bide_create_task(bide_group *group, bide_coroutine coroutine)
{
    return create_task(group, &coroutine, false);
}

bide_task *bide_create_task_eager(bide_group *group, bide_coroutine coroutine)
{
    return create_task(group, &coroutine, true);
}

int bide_start(bide_group *group, bide_coroutine coroutine)
{
    return start_task(group, &coroutine, false);
}

int bide__start(struct bide_group *group, const struct bide_coroutine *coroutine)
{
    return start_task(group, coroutine, false);
}

int bide_start_eager(bide_group *group, bide_coroutine coroutine)
{
    return start_task(group, &coroutine, true);
}

void bide__record_describe(const void *record, char *text, size_t size)
{
    const struct bide__record *task = record;

    snprintf(text, size, "task '%s' (%s:%d)", task->name, task->file, task->line);
}

void bide__record_discard(void *record)
{
    bide__context_release(&((struct bide__record *)record)->coroutine.context);
}
