/*
 * bide_with blocks: what is taken at the start of a block is given back on every way out of it.
 *
 * A block is a struct bide__with in its frame. Its scope stands in the chain of the function's blocks, so that bide()
 * gives the object back before it closes a task group further out: the group waits for its children, and they may wait
 * for the object. Entering fills in four fields, and leaves the others alone.
 */
#include <assert.h>
#include <errno.h>

#include <bide/sync.h>

#include "task/record.h"

static struct bide__with *enter(struct bide__with *with, void *object, void (*release)(void *object), int err,
                                int *ret_error, bide_scope *lexical)
{
    *ret_error = err;
    with->scope.kind = BIDE__SCOPE_WITH;
    with->scope.closed = err < 0;
    with->scope.lexical = lexical;
    with->object = object;
    with->release = release;
    return err < 0 ? NULL : with;
}

static void check_released(int err)
{
    assert(err == 0 && "a bide_with block ended without what it had taken");
    (void)err;
}

/* Not whoever holds it: another task may have released it and a third one have it now. */
static void release_lock(void *object)
{
    bide_lock *lock = object;

    check_released(lock->owner == bide__current() ? bide_lock_release(lock) : -EPERM);
}

static void release_semaphore(void *object)
{
    check_released(bide_semaphore_release(object));
}

static void release_bounded_semaphore(void *object)
{
    check_released(bide_bounded_semaphore_release(object));
}

static void release_condition(void *object)
{
    bide_condition *condition = object;

    release_lock(condition->given ? condition->given : &condition->own);
}

static void release_capacity_limiter(void *object)
{
    check_released(bide_capacity_limiter_release(object));
}

static void release_nothing(void *object)
{
    (void)object;
}

struct bide__with *bide__with_lock(struct bide__with *with, bide_lock *lock, int *ret_error, bide_scope *lexical)
{
    return enter(with, lock, release_lock, bide_lock_acquire(lock), ret_error, lexical);
}

struct bide__with *bide__with_semaphore(struct bide__with *with, bide_semaphore *semaphore, int *ret_error,
                                        bide_scope *lexical)
{
    return enter(with, semaphore, release_semaphore, bide_semaphore_acquire(semaphore), ret_error, lexical);
}

struct bide__with *bide__with_bounded_semaphore(struct bide__with *with, bide_bounded_semaphore *semaphore,
                                                int *ret_error, bide_scope *lexical)
{
    return enter(with, semaphore, release_bounded_semaphore, bide_bounded_semaphore_acquire(semaphore), ret_error,
                 lexical);
}

struct bide__with *bide__with_condition(struct bide__with *with, bide_condition *condition, int *ret_error,
                                        bide_scope *lexical)
{
    return enter(with, condition, release_condition, bide_condition_acquire(condition), ret_error, lexical);
}

struct bide__with *bide__with_capacity_limiter(struct bide__with *with, bide_capacity_limiter *limiter, int *ret_error,
                                               bide_scope *lexical)
{
    return enter(with, limiter, release_capacity_limiter, bide_capacity_limiter_acquire(limiter), ret_error, lexical);
}

struct bide__with *bide__with_barrier(struct bide__with *with, bide_barrier *barrier, int *ret_error,
                                      bide_scope *lexical)
{
    return enter(with, barrier, release_nothing, bide_barrier_wait(barrier), ret_error, lexical);
}
