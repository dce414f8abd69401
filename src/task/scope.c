/*
 * Cancellation scopes: a tree through all tasks.
 *
 * Each task stands in a chain of scopes, innermost first, that ends at its root scope; the root's parent is the scope
 * of the group that owns the task, so the chains form one tree. A scope is `effective` when waits in it answer
 * -ECANCELED: when it was cancelled itself, or its parent is effective and it is no shield. This is worked out
 * eagerly: cancel walks the tree below once, marks, and withdraws the waits; entering copies the parent's mark. So
 * the test at each wait is one load, however deep the tree is, and a wait can never miss a cancellation
 * (level-triggered; asyncio's edge, once ignored, is lost for ever).
 *
 * enter and close: O(1), plus the timer. cancel: O(scopes and tasks inside), with an explicit work list: no
 * recursion, however long the chain of tasks.
 *
 * The scope that is the cause translates (R3). At the end of a timeout -ECANCELED becomes -ETIMEDOUT if its deadline
 * had passed and nothing around it was cancelled; when both fell together the outer one wins. What a block makes of
 * -ECANCELED reaches the user through `err`, or through bide(). Only a plain `return` has fixed its value before we
 * are asked: then the outcome is remembered in task->escaped until the task's next wait, and the next place that sees
 * -ECANCELED without being cancelled (an enclosing block, a bide() of a caller, the end of the task) takes it for
 * that.
 *
 * Must never happen: a scope closed out of order; a cancellation that touches what lies behind a shield; user code
 * run inside cancel.
 */
#include "task/scope.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "loop/countdown.h"
#include "task/failure.h"
#include "task/wait.h"

static struct bide_scope *scope_of_timer(struct bide__timer *timer)
{
    return (struct bide_scope *)((char *)timer - offsetof(struct bide_scope, countdown.timer));
}

static void deadline_passed(struct bide__timer *timer)
{
    bide__scope_cancel(scope_of_timer(timer));
}

/* The grace of a shield begins: its timer was reserved at the start of the block. */
static void begin_grace(struct bide_scope *shield)
{
    struct bide_loop *loop = shield->task->loop;

    if (!shield->reserved)
        return;
    int64_t deadline = bide__loop_deadline(loop, shield->countdown.seconds);

    shield->reserved = false;
    bide__timers_unreserve(&loop->timers);
    bide__timer_arm(&loop->timers, &shield->countdown.timer, deadline);
}

/* Groups whose children are still to be cancelled: first in first out, so those further out in the tree come first. */
struct work {
    struct bide_group *first, **end;
};

/*
 * Marks `scope` and the scopes of the same task inside it, up to the outermost shield; puts the groups among them on
 * the work list, the innermost first; withdraws what the task waits for if no shield protects it.
 */
static void affect(struct bide_scope *scope, struct work *work)
{
    struct bide__record *task = scope->task;
    struct bide_scope *from = scope, *shield = NULL;

    if (task) {
        from = task->scope;
        for (struct bide_scope *s = task->scope; s != scope; s = s->parent) {
            if (s->kind == BIDE__SCOPE_SHIELD) {
                shield = s;
                from = s->parent;
            }
        }
    }
    for (struct bide_scope *s = from;; s = s->parent) {
        s->effective = true;
        if (s == scope)
            break; /* if it is a group, its children know already */
        if (s->kind == BIDE__SCOPE_GROUP) {
            struct bide_group *group = (struct bide_group *)s;

            group->next_affected = NULL;
            *work->end = group;
            work->end = &group->next_affected;
        }
    }
    if (shield)
        begin_grace(shield);
    else if (task && task->waiter && task->waiter->withdraw)
        task->waiter->withdraw(task->waiter);
}

static void affect_children(struct bide_group *group, struct work *work)
{
    for (struct bide__record *child = group->first; child; child = child->next)
        if (!child->root.effective)
            affect(&child->root, work);
}

void bide__scope_cancel(struct bide_scope *scope)
{
    struct work work = { .end = &work.first };

    scope->cancelled = true;
    if (scope->effective)
        return; /* so is all that it encloses */
    if (scope->kind == BIDE__SCOPE_GROUP)
        affect_children((struct bide_group *)scope, &work); /* a group that fails tells them before its block */
    affect(scope, &work);
    for (struct bide_group *group = work.first; group; group = group->next_affected)
        affect_children(group, &work);
}

static struct bide__record *current_for_block(const char *block)
{
    struct bide__record *task = bide__current();

    assert(task && "a block was entered outside of a task");
    (void)block;
    return task;
}

static inline void begin_timeout(struct bide__record *task, bide_scope *scope, double seconds, int *ret_error)
{
    *ret_error = 0;
    scope->ret_error = ret_error;
    scope->countdown.seconds = seconds;
    scope->countdown.timer.expire = deadline_passed;
    bide__scope_begin(scope, task, task->scope, BIDE__SCOPE_TIMEOUT);
}

bide_scope *bide__timeout_enter(bide_scope *scope, double seconds, int *ret_error)
{
    struct bide__record *task = current_for_block("bide_timeout");

    begin_timeout(task, scope, seconds, ret_error);
    if (__builtin_expect(seconds <= 0, 0))
        scope->cancelled = scope->effective = true;
    else if (__builtin_expect(!bide__countdown_begin(task->loop, &scope->countdown), 0))
        scope->no_timer = scope->cancelled = scope->effective = true;
    return scope;
}

bide_scope *bide__timeout_enter_at(bide_scope *scope, double when, int *ret_error)
{
    struct bide__record *task = current_for_block("bide_timeout_at");
    struct bide_loop *loop = task->loop;
    int64_t deadline = bide__nanoseconds(when), now = bide__loop_now(loop);

    begin_timeout(task, scope, deadline == BIDE__FOREVER ? INFINITY : (double)(deadline - now) * 1e-9, ret_error);
    bide__countdowns_settle(loop);
    scope->no_timer = deadline > now && deadline != BIDE__FOREVER &&
                      bide__timer_arm(&loop->timers, &scope->countdown.timer, deadline) < 0;
    scope->cancelled = deadline <= now || scope->no_timer;
    scope->effective |= scope->cancelled;
    return scope;
}

bide_scope *bide__shield_enter(bide_scope *scope, double grace)
{
    struct bide__record *task = current_for_block("bide_shield");

    bide__countdowns_settle(task->loop); /* they have room, as long as none is reserved for others */
    scope->countdown.seconds = grace;
    scope->countdown.timer.expire = deadline_passed;
    bide__scope_begin(scope, task, task->scope, BIDE__SCOPE_SHIELD);
    /* an endless grace needs no timer; without memory for one the cleanup is rather not cut short */
    scope->reserved = bide__nanoseconds(grace) != BIDE__FOREVER && bide__timers_reserve(&task->loop->timers) == 0;
    if (scope->parent->effective)
        begin_grace(scope);
    return scope;
}

static int translate_timeout(struct bide_scope *scope, int err)
{
    if (err != -ECANCELED || !scope->cancelled || scope->parent->effective)
        return err;
    if (scope->no_timer) {
        bide__failure_set(&scope->task->failure, -ENOMEM, "no memory for the timer of a timeout (%s:%d)", scope->file,
                          scope->line);
        return -ENOMEM;
    }
    bide__failure_set(&scope->task->failure, -ETIMEDOUT, "timed out after %.3g s (%s:%d)",
                      scope->countdown.seconds > 0 ? scope->countdown.seconds : 0.0, scope->file, scope->line);
    return -ETIMEDOUT;
}

int bide__scope_close(struct bide_scope *scope, int err)
{
    struct bide__record *task = scope->task;

    if (scope->closed)
        return err;
    assert(task->scope == scope && "blocks must be left in the order they were entered");
    err = bide__scope_unescape(task, err);
    if (scope->kind == BIDE__SCOPE_GROUP)
        err = bide__group_close((struct bide_group *)scope, err);
    bide__countdown_end(task->loop, &scope->countdown);
    task->scope = scope->parent;
    scope->closed = true;
    if (scope->kind == BIDE__SCOPE_TIMEOUT)
        err = translate_timeout(scope, err);
    if (scope->reserved)
        bide__timers_unreserve(&task->loop->timers);
    if (scope->ret_error)
        *scope->ret_error = err;
    return err;
}

void bide__scope_cleanup(bide_scope *scope)
{
    if (scope->closed)
        return;
    struct bide__record *task = scope->task;

    if (scope->countdown.timer.slot == BIDE__COUNTING && scope->ended && !task->escaped) {
        bide__countdown_end(task->loop, &scope->countdown); /* it has not waited: nothing to translate */
        task->scope = scope->parent;
        return;
    }
    int err = bide__scope_close(scope, scope->ret_error ? *scope->ret_error : 0);
    if (scope->ended)
        return;
    /* left by break, return or goto: a returned -ECANCELED is out of our sight, so remember what it stands for */
    if (scope->kind == BIDE__SCOPE_TIMEOUT)
        err = translate_timeout(scope, -ECANCELED);
    if (err < 0 && err != -ECANCELED)
        task->escaped = err;
}

void bide__with_cleanup(struct bide__with *with)
{
    if (with->scope.closed)
        return;
    with->scope.closed = true;
    with->release(with->object);
}

int bide__return_error(int err, struct bide_scope *enclosing, const char *expression, const char *file, int line)
{
    struct bide__record *task = bide__current();

    for (struct bide_scope *scope = enclosing; scope; scope = scope->lexical) {
        if (scope->kind == BIDE__SCOPE_WITH)
            bide__with_cleanup((struct bide__with *)
                                   scope); /* before a group outside is closed: its children may need what this holds */
        else
            err = bide__scope_close(scope, err);
    }
    if (task)
        err = bide__scope_unescape(task, err);
    if (err != -ECANCELED)
        bide__failure_trace(bide__failure_place(), err, (struct bide__trace_line){ expression, file, line, 0 });
    return err;
}

bool bide_cancelled(void)
{
    const struct bide__record *task = bide__current();

    return task && task->scope->effective;
}

/* The innermost timeout block of one function, NULL without. */
static bide_scope *lexical_timeout(const bide_scope *scope)
{
    while (scope && scope->kind != BIDE__SCOPE_TIMEOUT)
        scope = scope->lexical;
    return (bide_scope *)(uintptr_t)scope;
}

int bide__reschedule(bide_scope *scope, double when)
{
    scope = lexical_timeout(scope);
    if (!scope)
        return bide_fail(-EINVAL, "bide_reschedule: there is no bide_timeout block around it in this function");
    if (scope->cancelled)
        return bide_fail(-EALREADY, "bide_reschedule: the deadline of the block at %s:%d has passed", scope->file,
                         scope->line);
    struct bide_loop *loop = scope->task->loop;
    int64_t deadline = bide__nanoseconds(when);

    bide__countdowns_settle(loop);
    bide__timer_cancel(&loop->timers, &scope->countdown.timer);
    if (deadline <= bide__loop_now(loop))
        bide__scope_cancel(scope);
    else if (deadline != BIDE__FOREVER && bide__timer_arm(&loop->timers, &scope->countdown.timer, deadline) < 0)
        return bide_fail(-ENOMEM, "bide_reschedule: no memory for the timer");
    return 0;
}

bool bide__expired(const bide_scope *scope)
{
    scope = lexical_timeout(scope);
    return scope && scope->cancelled;
}

/*
 * Works out `effective` anew for the scopes of a task from `scope` inwards. The chain leads outwards, so each is
 * found by counting: few scopes, and rarely.
 */
static void refresh(struct bide__record *task, struct bide_scope *scope)
{
    for (;;) {
        struct bide_scope *inner = NULL;

        scope->effective =
            scope->cancelled || (scope->kind != BIDE__SCOPE_SHIELD && scope->parent && scope->parent->effective);
        for (struct bide_scope *s = task->scope; s != scope; s = s->parent)
            inner = s;
        if (!inner)
            return;
        scope = inner;
    }
}

bool bide_uncancel(void)
{
    struct bide__record *task = bide__current();

    if (!task || !task->self->cancelled)
        return false;
    task->self->cancelled = false;
    refresh(task, task->self);
    return true;
}
