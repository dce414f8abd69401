/*
 * bide/sync.h - locks, events, conditions, semaphores, barriers, capacity limiters: asyncio.Lock and its family
 *
 * They order the tasks of one loop; nothing here is for threads (another thread uses bide_call_soon_threadsafe). Each
 * is a plain variable, valid when zeroed or by its initialiser; there is nothing to destroy, and none may be moved or
 * go out of scope while a task waits for it: the waiters lie on the waiters' own stacks.
 *
 * What is released goes straight to the task that has waited longest: that task *has* it, before it runs. So the order
 * is first come first served, nobody barges in, and nothing is lost when the new owner is cancelled at that moment: its
 * call returns 0 all the same, and the cancellation comes at its next wait (R2).
 *
 * Every call that may wait is a point of cancellation, also when it need not wait: in a cancelled scope it answers
 * -ECANCELED after one turn. One that need not wait does not give up its turn, except after a budget of some 60 such
 * calls in a row, so that nobody starves.
 *
 *     bide_with(&lock, err) { n = *counter; bide(bide_sleep(0.01)); *counter = n + 1; }
 */
#ifndef BIDE_SYNC_H
#define BIDE_SYNC_H

#pragma GCC system_header /* nested blocks shadow bide__enclosing on purpose */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/error.h>
#include <bide/export.h>
#include <bide/scope.h>

/*
 * How one of the objects below stands. waiting: how many tasks wait for it. owner: the name of the task that holds a
 * lock (valid as long as that task), NULL for a free lock and all else. value, limit: see each function. Getting it
 * costs time in proportion to the tasks that wait.
 */
typedef struct bide_sync_statistics {
    size_t waiting;
    long value;
    long limit;
    const char *owner;
} bide_sync_statistics;

/* ---- lock ---- */

/* A lock: `bide_lock lock = { 0 };` is a free one. Its fields are bide's own. */
typedef struct bide_lock {
    struct bide__wait_list waiters;
    struct bide__record *owner; /* NULL: free */
    const char *owner_name;
} bide_lock;

/*
 * bide_lock_acquire - takes the lock, waits for it if it is held. 0, or -ECANCELED: it was not taken. A task that takes
 * it twice waits for itself, as in asyncio. Follows Lock.acquire (semantics K1-K8).
 */
BIDE_EXPORT int bide_lock_acquire(bide_lock *lock);

/* bide_lock_acquire_nowait - takes the lock if it is free: 0, else -EAGAIN; -EPERM outside of a task. Never waits. */
BIDE_EXPORT int bide_lock_acquire_nowait(bide_lock *lock);

/*
 * bide_lock_release - frees the lock, or hands it to the first task that waits. Any task may do that. -EPERM with a
 * message if nobody holds it. Never waits. Follows Lock.release.
 */
BIDE_EXPORT int bide_lock_release(bide_lock *lock);

/* bide_lock_locked - true while a task holds the lock. Follows Lock.locked. */
BIDE_EXPORT bool bide_lock_locked(const bide_lock *lock);

/* bide_lock_get_statistics - value: 1 if it is held; limit: 1. */
BIDE_EXPORT bide_sync_statistics bide_lock_get_statistics(const bide_lock *lock);

/* ---- event ---- */

/* An event: a flag that tasks wait for; zeroed: not set. Its fields are bide's own. */
typedef struct bide_event {
    struct bide__wait_list waiters;
    bool is_set;
} bide_event;

/*
 * bide_event_set - sets the flag and ends the wait of all who wait, in the order they came; a clear right after does
 * not take that back. May be called from a callback. Never waits. Follows Event.set (semantics M1-M4).
 */
BIDE_EXPORT void bide_event_set(bide_event *event);

/* bide_event_clear - takes the flag back: who comes from now on waits. Never waits. */
BIDE_EXPORT void bide_event_clear(bide_event *event);

/* bide_event_is_set - the flag. */
BIDE_EXPORT bool bide_event_is_set(const bide_event *event);

/* bide_event_wait - waits until the flag is set, not at all if it is. 0 or -ECANCELED. */
BIDE_EXPORT int bide_event_wait(bide_event *event);

/* bide_event_get_statistics - value: 1 if it is set; limit: 1. */
BIDE_EXPORT bide_sync_statistics bide_event_get_statistics(const bide_event *event);

/* ---- condition ---- */

/*
 * A condition: a lock, and a place to wait for what other holders of the lock do. Zeroed: with a lock of its own, or
 * `bide_condition empty = BIDE_CONDITION_WITH(&lock);` with one that several conditions may share. Its fields are
 * bide's own.
 */
typedef struct bide_condition {
    struct bide__wait_list waiters;
    bide_lock *given; /* NULL: own */
    bide_lock own;
} bide_condition;

#define BIDE_CONDITION_WITH(lock)                                                                                      \
    {                                                                                                                  \
        .given = (lock)                                                                                                \
    }

/*
 * bide_condition_acquire, _acquire_nowait, _release, _locked - those of its lock. bide_with(&condition, err) { } holds
 * it in a block.
 */
BIDE_EXPORT int bide_condition_acquire(bide_condition *condition);
BIDE_EXPORT int bide_condition_acquire_nowait(bide_condition *condition);
BIDE_EXPORT int bide_condition_release(bide_condition *condition);
BIDE_EXPORT bool bide_condition_locked(const bide_condition *condition);

/*
 * bide_condition_wait - releases the lock, waits for a notify, takes the lock again; whatever it returns, the lock is
 * held.
 *
 *     bide_with(&ready, err) {
 *         while (!items)
 *             bide(bide_condition_wait(&ready));
 *         items--;
 *     }
 *
 * 0: it was notified, and stays so if a cancellation comes before it has the lock again (so no notification is lost).
 * -ECANCELED: it was not; this too comes only when the lock is held again, however long its holder takes. -EPERM with a
 * message: this task does not hold the lock (any holder will do in asyncio; here it would lose somebody else's lock).
 * What was waited for may have been taken by another task meanwhile: test it again. Follows Condition.wait (semantics
 * N1-N9).
 */
BIDE_EXPORT int bide_condition_wait(bide_condition *condition);

/*
 * bide_condition_wait_for - waits until predicate(argument) is not 0, and returns that value: positive, or an error of
 * the predicate's. It is called at once and after each notify, always with the lock held; it must not wait. Errors of
 * its own as bide_condition_wait.
 */
BIDE_EXPORT int bide_condition_wait_for(bide_condition *condition, int (*predicate)(void *argument), void *argument);

/*
 * bide_condition_notify - ends the wait of the first `count` tasks that wait (of fewer if there are not so many); each
 * goes on when it gets the lock, in that order. -EPERM with a message if nobody holds the lock. Never waits.
 */
BIDE_EXPORT int bide_condition_notify(bide_condition *condition, size_t count);

/* bide_condition_notify_all - the same for all who wait. */
BIDE_EXPORT int bide_condition_notify_all(bide_condition *condition);

/* bide_condition_get_statistics - waiting: for a notify; value: 1 if the lock is held, by owner; limit: 1. */
BIDE_EXPORT bide_sync_statistics bide_condition_get_statistics(const bide_condition *condition);

/* ---- semaphore ---- */

/* A semaphore: `bide_semaphore slots = BIDE_SEMAPHORE(5);` has 5 permits, zeroed none. Its fields are bide's own. */
typedef struct bide_semaphore {
    struct bide__wait_list waiters;
    long value;     /* permits that nobody has */
    size_t on_turn; /* tasks that were given a permit and have not run since */
} bide_semaphore;

#define BIDE_SEMAPHORE(permits)                                                                                        \
    {                                                                                                                  \
        .value = (permits)                                                                                             \
    }

/*
 * bide_semaphore_acquire - takes a permit, waits for one if there is none. 0; -ECANCELED: none was taken; -EINVAL: the
 * semaphore was made with a negative number. Follows Semaphore.acquire (semantics L1-L8).
 */
BIDE_EXPORT int bide_semaphore_acquire(bide_semaphore *semaphore);

/*
 * bide_semaphore_acquire_nowait - takes a permit if there is one and it is nobody else's turn: 0, else -EAGAIN. Never
 * waits.
 */
BIDE_EXPORT int bide_semaphore_acquire_nowait(bide_semaphore *semaphore);

/*
 * bide_semaphore_release - gives a permit back, or a new one; the first who waits gets it. May be called from a
 * callback. -EOVERFLOW at LONG_MAX, -EINVAL as above. Never waits.
 */
BIDE_EXPORT int bide_semaphore_release(bide_semaphore *semaphore);

/*
 * bide_semaphore_locked - true if an acquire would wait: there is no permit, or a task that was given one has not run
 * yet, which a newcomer must not overtake.
 */
BIDE_EXPORT bool bide_semaphore_locked(const bide_semaphore *semaphore);

/* bide_semaphore_get_statistics - value: permits left; limit: -1, there is none. */
BIDE_EXPORT bide_sync_statistics bide_semaphore_get_statistics(const bide_semaphore *semaphore);

/*
 * A semaphore that never has more permits than at first: `bide_bounded_semaphore slots = BIDE_BOUNDED_SEMAPHORE(5);`.
 */
typedef struct bide_bounded_semaphore {
    bide_semaphore semaphore;
    long limit;
} bide_bounded_semaphore;

#define BIDE_BOUNDED_SEMAPHORE(permits)                                                                                \
    {                                                                                                                  \
        .semaphore = { .value = (permits) }, .limit = (permits)                                                        \
    }

/*
 * bide_bounded_semaphore_acquire, _acquire_nowait, _release, _locked - as for a semaphore, but a release of what nobody
 * has is -EPERM with a message, and changes nothing. Follows BoundedSemaphore.
 */
BIDE_EXPORT int bide_bounded_semaphore_acquire(bide_bounded_semaphore *semaphore);
BIDE_EXPORT int bide_bounded_semaphore_acquire_nowait(bide_bounded_semaphore *semaphore);
BIDE_EXPORT int bide_bounded_semaphore_release(bide_bounded_semaphore *semaphore);
BIDE_EXPORT bool bide_bounded_semaphore_locked(const bide_bounded_semaphore *semaphore);

/* bide_bounded_semaphore_get_statistics - value: permits left; limit: how many there are. */
BIDE_EXPORT bide_sync_statistics bide_bounded_semaphore_get_statistics(const bide_bounded_semaphore *semaphore);

/* ---- barrier ---- */

/* A barrier: `bide_barrier start = BIDE_BARRIER(3);` lets tasks pass three at a time. Its fields are bide's own. */
typedef struct bide_barrier {
    struct bide__wait_list waiters;
    size_t count; /* of waiters */
    long parties;
    bool is_broken;
} bide_barrier;

#define BIDE_BARRIER(parties_)                                                                                         \
    {                                                                                                                  \
        .parties = (parties_)                                                                                          \
    }

/*
 * bide_barrier_wait - waits until as many tasks as the barrier has parties have come; the last does not wait. Returns a
 * number from 0 to parties - 1, different for each of them, in the order they came. -ECANCELED: it left, the others
 * wait on for one more; BIDE_EBROKEN: the barrier was aborted, or was reset while this task waited; -EINVAL: it was
 * made for less than one party. It is ready for the next round at once. Follows Barrier.wait (semantics O1-O9).
 */
BIDE_EXPORT int bide_barrier_wait(bide_barrier *barrier);

/*
 * bide_barrier_abort - breaks the barrier: all who wait and all who come get BIDE_EBROKEN until bide_barrier_reset.
 * Never waits.
 */
BIDE_EXPORT void bide_barrier_abort(bide_barrier *barrier);

/* bide_barrier_reset - makes it as new; those who wait get BIDE_EBROKEN. Never waits. */
BIDE_EXPORT void bide_barrier_reset(bide_barrier *barrier);

/* bide_barrier_parties, _n_waiting, _broken - how many it takes, how many wait now, whether it is broken. */
BIDE_EXPORT long bide_barrier_parties(const bide_barrier *barrier);
BIDE_EXPORT size_t bide_barrier_n_waiting(const bide_barrier *barrier);
BIDE_EXPORT bool bide_barrier_broken(const bide_barrier *barrier);

/* bide_barrier_get_statistics - value: those who have come; limit: parties. */
BIDE_EXPORT bide_sync_statistics bide_barrier_get_statistics(const bide_barrier *barrier);

/* ---- capacity limiter ---- */

/*
 * A capacity limiter: a semaphore whose permits, the tokens, belong to the tasks that took them, and whose total can be
 * changed while it is in use: `bide_capacity_limiter connections = BIDE_CAPACITY_LIMITER(40);`. It notices what a
 * semaphore cannot: a task that takes two, or gives back what it does not have. Holds memory only while tokens are
 * taken. Its fields are bide's own. Follows trio.CapacityLimiter.
 */
typedef struct bide_capacity_limiter {
    struct bide__wait_list waiters;
    size_t waiting; /* how many */
    long total;
    long borrowed;
    struct bide__record **borrowers; /* a hash table */
    size_t slots;                    /* in it; 0 or a power of two */
} bide_capacity_limiter;

#define BIDE_CAPACITY_LIMITER(tokens)                                                                                  \
    {                                                                                                                  \
        .total = (tokens)                                                                                              \
    }

/*
 * bide_capacity_limiter_acquire - takes a token, waits for one if all are taken. The task must give it back before it
 * ends. 0; -ECANCELED: none was taken; -EDEADLK with a message: this task has one already; -EINVAL: a negative total;
 * -ENOMEM.
 */
BIDE_EXPORT int bide_capacity_limiter_acquire(bide_capacity_limiter *limiter);

/*
 * bide_capacity_limiter_acquire_nowait - takes a token if one is left and nobody waits: 0, else -EAGAIN; errors as
 * acquire; -EPERM outside of a task.
 */
BIDE_EXPORT int bide_capacity_limiter_acquire_nowait(bide_capacity_limiter *limiter);

/*
 * bide_capacity_limiter_release - gives the task's token back; the first who waits gets it. -EPERM with a message if
 * the task has none. Never waits.
 */
BIDE_EXPORT int bide_capacity_limiter_release(bide_capacity_limiter *limiter);

/*
 * bide_capacity_limiter_set_total - changes the number of tokens: more go to those who wait at once; fewer than are
 * taken means that none is given out until enough have come back. 0 stops all. -EINVAL for a negative number. Never
 * waits.
 */
BIDE_EXPORT int bide_capacity_limiter_set_total(bide_capacity_limiter *limiter, long tokens);

/* bide_capacity_limiter_get_statistics - value: tokens that are taken; limit: the total. */
BIDE_EXPORT bide_sync_statistics bide_capacity_limiter_get_statistics(const bide_capacity_limiter *limiter);

/* ---- with ---- */

/*
 * bide_with(&object, err) { ... } - `async with`: takes a lock, a permit of a semaphore, a token of a limiter, or the
 * lock of a condition; runs the block if that worked; gives it back on every way out of the block: its end, break,
 * continue, return, goto, bide().
 *
 *     bide_with(&lock, err) { n = *counter; bide(bide_sleep(0.01)); *counter = n + 1; }
 *
 * err: an int variable; what the acquire returned: 0, or its error, and then the block is not run. The block may store
 * its own outcome there. With a barrier: waits at it, err is the index, and there is nothing to give back. A block that
 * has released the object itself must take it again before its end (asserted).
 */
#define bide_with(object, err) BIDE__WITH(object, err, __COUNTER__)
#define BIDE__WITH(object, err, number) BIDE__WITH_(object, err, number)
#define BIDE__WITH_(object, err, number)                                                                               \
    for (struct bide__with bide__with_##number __attribute__((cleanup(bide__with_cleanup))),                           \
         *bide__once_##number = BIDE__WITH_ENTER(object)(&bide__with_##number, (object), &(err), bide__enclosing);     \
         bide__once_##number; bide__once_##number = NULL)                                                              \
        for (bide_scope *const bide__enclosing = &bide__with_##number.scope, *bide__inner_##number = bide__enclosing;  \
             bide__inner_##number; bide__inner_##number = NULL)
/* clang-format off */ /* it does not know _Generic */
#define BIDE__WITH_ENTER(object)                                \
    _Generic((object),                                          \
        bide_lock *: bide__with_lock,                           \
        bide_semaphore *: bide__with_semaphore,                 \
        bide_bounded_semaphore *: bide__with_bounded_semaphore, \
        bide_condition *: bide__with_condition,                 \
        bide_capacity_limiter *: bide__with_capacity_limiter,   \
        bide_barrier *: bide__with_barrier)
/* clang-format on */

/*
 * Each acquires, stores the outcome in *ret_error, and returns `with`, ready to be released; NULL if the block must not
 * run.
 */
BIDE_EXPORT struct bide__with *bide__with_lock(struct bide__with *with, bide_lock *lock, int *ret_error,
                                               bide_scope *lexical);
BIDE_EXPORT struct bide__with *bide__with_semaphore(struct bide__with *with, bide_semaphore *semaphore, int *ret_error,
                                                    bide_scope *lexical);
BIDE_EXPORT struct bide__with *bide__with_bounded_semaphore(struct bide__with *with, bide_bounded_semaphore *semaphore,
                                                            int *ret_error, bide_scope *lexical);
BIDE_EXPORT struct bide__with *bide__with_condition(struct bide__with *with, bide_condition *condition, int *ret_error,
                                                    bide_scope *lexical);
BIDE_EXPORT struct bide__with *bide__with_capacity_limiter(struct bide__with *with, bide_capacity_limiter *limiter,
                                                           int *ret_error, bide_scope *lexical);
BIDE_EXPORT struct bide__with *bide__with_barrier(struct bide__with *with, bide_barrier *barrier, int *ret_error,
                                                  bide_scope *lexical);

#endif
