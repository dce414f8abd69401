/*
 * bide/scope.h - scopes: blocks that bound time, own tasks, or shield a cleanup
 *
 * A scope is a block of a task's code that can be cancelled as a whole: what runs in it, the tasks it owns, and what
 * they call. Cancellation is level-triggered: as long as a cancelled scope encloses you, every call that may wait
 * answers -ECANCELED, after yielding one turn. The six rules (docs/cancellation.md):
 *
 *   R1  -ECANCELED from a wait means it did not happen.
 *   R2  If it did happen you get the result, and the cancellation comes at the next wait.
 *   R3  The scope that is the cause translates: -ETIMEDOUT at the expired timeout, the child's error at its group.
 *   R4  A task that was started always runs; its first wait says cancelled.
 *   R5  A cancelled call returns after the kernel (or a thread) is done with its buffers.
 *   R6  Closing always closes; cancelled, it only skips the politeness.
 *
 * The block macros are `for` loops that run once: break, continue, return and goto out of them close the scope as
 * well. Every way out but a plain `return` stores the block's outcome in `err`; with `return bide(...)`-style calls
 * (see bide/error.h) the outcome is what is returned.
 */
#ifndef BIDE_SCOPE_H
#define BIDE_SCOPE_H

#pragma GCC system_header /* nested blocks shadow bide__enclosing on purpose */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/error.h>

/* A pending timer; the loop knows it by its slot. Part of other structures, never used by itself. */
struct bide__timer {
    void (*expire)(struct bide__timer *timer);
    uint32_t slot; /* 0: not armed */
};

/* The timer of a block: armed only when the block's task waits. Part of scopes. */
struct bide__countdown {
    struct bide__timer timer;
    double seconds;                   /* from the entry of the block; of a shield: its grace */
    uint64_t begun_at;                /* by the processor's counter */
    struct bide__countdown *previous; /* begun before this one, and not armed yet */
    unsigned depth;                   /* how many of those there are */
};

/* Those who wait for one thing, first in first out. Part of other structures; zeroed: nobody. */
struct bide__wait_list {
    struct bide__waiter *first, *last;
};

enum bide__scope_kind {
    BIDE__SCOPE_TASK,
    BIDE__SCOPE_TIMEOUT,
    BIDE__SCOPE_SHIELD,
    BIDE__SCOPE_GROUP,
    BIDE__SCOPE_WITH /* a bide_with block: no scope of cancellation, but closed in order with those around it */
};

/*
 * A cancellation scope. Lives in the frame of its block; its fields are bide's own. Those up to `task` are all that
 * a task's root scope has set.
 */
typedef struct bide_scope {
    struct bide_scope *parent; /* the next one outwards: of the same task, or the group that owns the task */
    uint8_t kind;
    bool cancelled; /* this scope itself was cancelled, or its deadline passed */
    /* waits inside answer -ECANCELED: it or, up to the nearest shield, an enclosing scope is cancelled */
    bool effective;
    bool closed;
    bool ended;                /* the block came to its end, or to a `continue` */
    bool reserved;             /* shield: holds a place for its timer */
    bool no_timer;             /* timeout: there was no memory for its timer */
    struct bide__record *task; /* whose stack it lies on */
    int line;
    const char *file;
    struct bide_scope *lexical; /* the enclosing block of the same function */
    int *ret_error;
    struct bide__countdown countdown; /* of a timeout or shield */
} bide_scope;

/*
 * What a bide_with block holds (bide/sync.h). Of its scope only the lexical chain is used: bide() must release it
 * before it closes the blocks outside of it.
 */
struct bide__with {
    bide_scope scope;
    void *object;
    void (*release)(void *object);
};

/* A task group: a scope that owns tasks. Lives in the frame of its block; its fields are bide's own. */
typedef struct bide_group {
    bide_scope scope;
    struct bide_loop *loop;
    struct bide__record *first; /* living children, in the order they were started */
    struct bide__record *last;
    size_t live;
    struct bide_task *handles;     /* of finished and living children, freed with the group */
    struct bide__waiter *closing;  /* the owner, waiting for the last child */
    struct bide__failure *failure; /* message and trace of the first error, the others behind it */
    struct bide__failure *last_failure;
    int error;                        /* the first child's (or body's) error, 0: none */
    bool cancelled_by_call;           /* by bide_group_cancel */
    uint32_t last_end;                /* where in the ready queue the last child ended */
    bool interrupted;                 /* a child ended with -ECANCELED because of a cancellation of the group */
    bool keep_going;                  /* a child's error is that child's affair: run()'s own group, gather_settled */
    struct bide_group *next_affected; /* link of the work list of one cancellation */
} bide_group;

/*
 * bide_timeout(seconds, err) { ... } - `async with timeout(seconds)`: bounds the time of a block.
 *
 *     bide_timeout(0.5, err) { err = fetch(url, &page); }
 *
 * When the deadline passes while the block runs, the block is cancelled: its waits answer -ECANCELED. At the block's
 * end an err of -ECANCELED becomes -ETIMEDOUT if this deadline was the cause; if an enclosing scope was cancelled
 * too, it stays -ECANCELED and the outer one translates. An error of another kind, or success, stays as it is.
 * seconds: counted from the entry of the block; INFINITY is no limit; <= 0: the first wait inside is cancelled, a
 * block that does not wait is not. err: an int variable that outlives the block; set to 0 at the start. Without memory
 * for the timer the block's waits are cancelled, and that becomes -ENOMEM instead. Follows asyncio.timeout (semantics
 * H1-H12); the timeout of a cleanup works in a cancelled task only inside a bide_shield.
 */
#define bide_timeout(seconds, err) BIDE__TIMEOUT(bide__timeout_enter, seconds, err, __COUNTER__)

/*
 * bide_timeout_at(when, err) { ... } - the same with an absolute deadline on the loop's clock, bide_time(). Follows
 * asyncio.timeout_at.
 */
#define bide_timeout_at(when, err) BIDE__TIMEOUT(bide__timeout_enter_at, when, err, __COUNTER__)

#define BIDE__TIMEOUT(enter, time, err, number) BIDE__TIMEOUT_(enter, time, err, number)
#define BIDE__TIMEOUT_(enter, time, err, number)                                                                       \
    for (bide_scope bide__scope_##number __attribute__((cleanup(                                                       \
             bide__scope_cleanup))) = { .lexical = bide__enclosing, .file = __FILE__, .line = __LINE__ },              \
   *const bide__enclosing = enter(&bide__scope_##number, time, &(err)), *bide__once_##number = bide__enclosing;        \
         bide__once_##number; bide__once_##number = (bide__scope_##number.ended = true, NULL))

/*
 * bide_reschedule(when) - moves the deadline of the innermost bide_timeout block around this line of this function to
 * `when` on bide_time()'s clock; INFINITY: none; the past: the next wait is cancelled. 0; -EINVAL: there is no such
 * block; -EALREADY: its deadline has passed; -ENOMEM. Follows Timeout.reschedule.
 *
 * bide_expired() - true if the deadline of that block has passed. Follows Timeout.expired.
 */
#define bide_reschedule(when) bide__reschedule(bide__enclosing, when)
#define bide_expired() bide__expired(bide__enclosing)

/*
 * bide_shield(grace) { ... } - protects a block from the cancellation of what encloses it, for a bounded time.
 *
 *     if (err == -ECANCELED)
 *         bide_shield(5) bide_sleep(0.1);
 *
 * Inside, waits work although an enclosing scope is cancelled. `grace` seconds after the cancellation (or after the
 * start of the block, when it was cancelled already) the shield gives way and the waits inside answer -ECANCELED too.
 * In a scope that is never cancelled a shield changes nothing. grace: seconds, INFINITY where the block is known to
 * end. To keep a *task* alive when a wait for it is given up, nothing is needed: giving up bide_join() never touches
 * the task. Follows trio's CancelScope(shield=True); see also asyncio.shield.
 */
#define bide_shield(grace) BIDE__SHIELD(grace, __COUNTER__)
#define BIDE__SHIELD(grace, number) BIDE__SHIELD_(grace, number)
#define BIDE__SHIELD_(grace, number)                                                                                   \
    for (bide_scope bide__scope_##number __attribute__((cleanup(                                                       \
             bide__scope_cleanup))) = { .lexical = bide__enclosing, .file = __FILE__, .line = __LINE__ },              \
   *const bide__enclosing = bide__shield_enter(&bide__scope_##number, grace), *bide__once_##number = bide__enclosing;  \
         bide__once_##number; bide__once_##number = (bide__scope_##number.ended = true, NULL))

/*
 * bide_task_group(tg, err) { ... } - `async with TaskGroup() as tg`: owns the tasks that are started in it.
 *
 *     bide_task_group(tg, err) {
 *         bide_start(tg, bide_co(fetch, "http://a", &a));
 *         bide_start(tg, bide_co(fetch, "http://b", &b));
 *     }
 *
 * tg: the name of a `bide_group *` that exists inside the block. The end of the block waits for all children, also
 * for those that they add meanwhile. The first child that returns an error (other than -ECANCELED) cancels its
 * siblings and the block; err is then that error, its message says in which task it happened. An error of the block
 * itself (err < 0 at its end) cancels the children too. break, return and goto out: the rest is cancelled and waited
 * for. err is -ECANCELED if an enclosing scope was cancelled and no child failed, 0 if all went well or the group was
 * ended by bide_group_cancel(). Follows asyncio.TaskGroup (semantics I1-I24).
 */
#define bide_task_group(tg, err) BIDE__TASK_GROUP(tg, err, __COUNTER__)
#define BIDE__TASK_GROUP(tg, err, number) BIDE__TASK_GROUP_(tg, err, number)
#define BIDE__TASK_GROUP_(tg, err, number)                                                                             \
    for (bide_group bide__group_##number __attribute__((cleanup(                                                       \
             bide__group_cleanup))) = { .scope = { .lexical = bide__enclosing, .file = __FILE__, .line = __LINE__ } }, \
   *const tg = bide__group_enter(&bide__group_##number, &(err)), *bide__once_##number = tg;                            \
         bide__once_##number; bide__once_##number = NULL)                                                              \
        for (bide_scope *const bide__enclosing = &bide__group_##number.scope, *bide__inner_##number = bide__enclosing; \
             bide__inner_##number; bide__inner_##number = (bide__group_##number.scope.ended = true, NULL))

/*
 * bide_group_cancel - cancels everything that runs in the group, its block included. The block's err is then 0 unless
 * a child failed. May be called from any task of the loop, more than once. Does not wait.
 */
BIDE_EXPORT void bide_group_cancel(bide_group *group);

/*
 * bide_uncancel - takes back the cancellation of the running task itself (by bide_cancel, or Ctrl-C for main), for a
 * task that means to go on. Cancelled groups and timeouts around it stay cancelled, and so do the tasks it has
 * started. True if there was something to take back. Follows Task.uncancel, without counting.
 */
BIDE_EXPORT bool bide_uncancel(void);

/*
 * bide_cancelled - true if the next call that may wait will answer -ECANCELED. For long computations that want to
 * stop early.
 */
BIDE_EXPORT bool bide_cancelled(void);

BIDE_EXPORT bide_scope *bide__timeout_enter(bide_scope *scope, double seconds, int *ret_error)
    __attribute__((returns_nonnull));
BIDE_EXPORT bide_scope *bide__timeout_enter_at(bide_scope *scope, double when, int *ret_error)
    __attribute__((returns_nonnull));
BIDE_EXPORT int bide__reschedule(bide_scope *scope, double when);
BIDE_EXPORT bool bide__expired(const bide_scope *scope);
BIDE_EXPORT bide_scope *bide__shield_enter(bide_scope *scope, double grace) __attribute__((returns_nonnull));
BIDE_EXPORT bide_group *bide__group_enter(bide_group *group, int *ret_error) __attribute__((returns_nonnull));
BIDE_EXPORT void bide__scope_cleanup(bide_scope *scope);
BIDE_EXPORT void bide__group_cleanup(bide_group *group);
BIDE_EXPORT void bide__with_cleanup(struct bide__with *with);

#endif
