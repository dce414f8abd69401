/* loop/loop.h - the event loop: ready queue, timers, backend, and the switch between the tasks' stacks. */
#ifndef BIDE_LOOP_LOOP_H
#define BIDE_LOOP_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/loop.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "loop/backend.h"
#include "loop/op.h"
#include "loop/timer.h"
#include "stack/context.h"
#include "stack/stack.h"

/* What the loop knows of a task: something with a stack that can be continued. First member of the task record. */
struct bide__coroutine {
    struct bide__context context;
};

/*
 * An entry of the ready queue: the address of a struct bide__coroutine, or of a struct bide__callback with the lowest
 * bit set. Whoever can be made ready has reserved its place before (bide__ready_reserve), so making ready never
 * fails.
 */
#define BIDE__READY_CALLBACK ((uintptr_t)1)

/* A scheduled callback of the callback-level API; see callback.c. */
struct bide__callback {
    void (*function)(void *argument); /* NULL: cancelled, or free */
    void *argument;
    uint64_t generation;
    struct bide__timer timer;
    struct bide_loop *loop;
    struct bide__callback *next; /* in the free list, or of a timer batch */
    bool queued;                 /* stands in the ready queue */
    bool persistent;             /* part of another structure: not given back when it has run */
};

/*
 * A message from another thread; see wake.c. Part of the sender's structure; `deliver` is called in the loop's
 * thread.
 */
struct bide__remote {
    struct bide__remote *next;
    void (*deliver)(struct bide__remote *remote);
};

struct bide__thread_pool;

/*
 * What a layer above keeps with a loop; first member of its structure. Known by its close function, which the end of
 * the loop calls, when no task is alive.
 */
struct bide__companion {
    struct bide__companion *next;
    void (*close)(struct bide__companion *companion);
};

struct bide_loop {
    /* ready queue: a ring of entries; [head, tail) modulo the capacity, a power of two */
    uintptr_t *ready;
    uint32_t ready_head, ready_tail, ready_mask;
    uint32_t batch_end;    /* this turn runs what stands before it */
    size_t ready_reserved; /* entries that may be queued at once */
    size_t ready_capacity; /* 0 at first */

    struct bide__coroutine *current; /* whose code runs; NULL: the loop's own, or a callback's */
    struct bide__context context;    /* the loop's own flow while a task runs */
    unsigned turns_to_tick;          /* until the time is looked at */
    uint64_t ticked_at;              /* tick of the last look */
    uint64_t polled_at;              /* tick of the last poll */
    uint64_t poll_interval;          /* ticks after which a poll is due although tasks are ready */
    unsigned budget;                 /* operations that may still be done without waiting in this step */
    bool debug;                      /* steps are timed, mistakes looked for: loop/debug.h */

    struct bide__timers timers;
    struct bide__countdown *countdowns; /* begun in this step and not armed yet, newest first: countdown.c */
    bool steady_ticks;
    uint64_t opened_at_tick; /* the counter, and a little later */
    int64_t opened_at;       /* the clock, when the loop was opened */
    bool virtual_clock;      /* time stands still while anything can run, then jumps to the next deadline */
    int64_t virtual_now;     /* nanoseconds */
    size_t jobs_under_way;   /* given to threads and not back yet */
    size_t pool_threads;     /* threads of its pools */
    size_t outside_waits;    /* tasks that wait for the kernel to do something */
    uint64_t shuffle;        /* state of the generator that orders the tasks of a turn; 0: first in, first out */
    struct bide__hooks *hooks;
    struct bide__context
        *home;           /* where a task that parks goes when no other is to run: &context, or who started it eagerly */
    bool hurry;          /* the running turn is to be the last one before the next look at the stop flag */
    unsigned stepping;   /* first steps that run inside of another one: bide__loop_step_into */
    bool said_unguarded; /* that stacks have no guard */
    size_t stack_high_water;        /* debug mode: the most bytes of a stack that a task has left used */
    int64_t slow_callback_duration; /* nanoseconds a step may take in debug mode */
    atomic_int thread;              /* the kernel's number of the thread that runs the loop; 0: none does */
    const struct bide__backend *backend;
    void *backend_state;
    bool is_guest; /* it sleeps in somebody else's poll() */
    char backend_reason[160];

    /* wake-up from other threads */
    _Atomic(struct bide__remote *) remote; /* newest first */
    atomic_bool sleeping;
    atomic_bool signal_pending;
    int wake_descriptor;
    uint64_t wake_count;
    struct bide__op wake_op;
    struct bide__callback wake_callback;

    /* callbacks */
    struct bide__callback *free_callbacks;
    struct bide__callback_slab *callback_slabs;
    struct bide__watcher **watchers; /* by descriptor and direction; see watcher.c */
    size_t watchers_size;
    struct bide__watcher *watcher_list;

    struct bide__stack_pool stacks;
    /* when the use of stacks is looked at next, and the most that were in use since the last time */
    int64_t stack_window_end;
    size_t stack_peak;
    size_t stack_surplus;              /* idle ones whose memory is being given back */
    struct bide__thread_pool *workers; /* bide_to_thread; made at first use */
    struct bide__companion *companions;
    size_t thread_limit;
    struct bide__thread_pool *file_threads; /* operations on files that would block; made at first use */
    size_t file_thread_limit;
    void *file_places;                         /* what is known of directories: io/file_place.c; freed with the loop */
    struct bide__buffer_cache buffers;         /* of the streams */
    bide_exception_handler *exception_handler; /* NULL: the default one */
    void *exception_argument;
    void *owner; /* the run that drives this loop: task/run.c */
};

/* What a test looks at and interferes with; NULL in programs. */
struct bide__hooks {
    void (*before_wait)(struct bide__hooks *hooks,
                        void *task); /* the task (a record) is about to park; what it waits for is in place */
    void (*error_unread)(struct bide__hooks *hooks, const char *task, int err,
                         const char *message); /* a task failed, and nobody will ever ask; message: may be NULL */
    void (*nothing_comes)(
        struct bide__hooks *hooks,
        struct bide_loop *loop); /* the loop is about to sleep, and only another thread could wake it */
};

enum {
    BIDE__BUDGET = 64 /* how many operations a task may do in one step before it must let the others run */
};

/* The loop that runs in this thread. */
extern _Thread_local struct bide_loop *bide__loop __attribute__((visibility("hidden"), tls_model("initial-exec")));

struct bide__loop_options {
    const char *backend; /* "epoll", "io_uring", NULL: BIDE_BACKEND, else epoll */
    size_t stack_size;
    size_t stack_limit;
    size_t record_size;
    size_t thread_limit;
    size_t file_thread_limit;
    bool virtual_clock;
    bool is_guest; /* it will be driven by bide__loop_run_for, from a loop of somebody else */
    uint64_t shuffle_seed;
    bool debug;
    double slow_callback_duration; /* seconds; 0: 0.1 */
    void (*describe)(const void *record, char *text, size_t size);
    void (*on_discard)(void *record);
};

/* Opens a loop for this thread (it becomes bide__loop with the first turn). 0 or -errno, with one line in `reason`. */
int bide__loop_open(struct bide_loop *loop, const struct bide__loop_options *options, char *reason, size_t reason_size);

/* Closes it: threads joined, callbacks dropped. No coroutine is alive. */
void bide__loop_close(struct bide_loop *loop);

/* Turns the loop until *stop is true. */
void bide__loop_run(struct bide_loop *loop, const bool *stop);

/* Has the loop look at its stop flag after this turn; otherwise turns may go on until the next poll. */
static inline void bide__loop_hurry(struct bide_loop *loop)
{
    loop->hurry = true;
    loop->turns_to_tick = 0;
}

/* One turn, with a poll that does not wait before it. */
void bide__loop_turn(struct bide_loop *loop);

/*
 * Runs what is ready now and what that makes ready, but not much longer than so many nanoseconds, nor when *stop is
 * true; never waits. Afterwards the loop counts as asleep: who wakes it makes its backend's descriptor readable.
 */
void bide__loop_run_for(struct bide_loop *loop, int64_t nanoseconds, const bool *stop);

/* Nanoseconds until the loop has something to do by itself; 0: now; BIDE__FOREVER. */
int64_t bide__loop_time_to_wait(struct bide_loop *loop);

/*
 * Runs a ready coroutine up to its first wait, or its end, here and now. It does not stand in the ready queue. From a
 * task or a callback.
 */
void bide__loop_step_into(struct bide_loop *loop, struct bide__coroutine *coroutine);

/* The loop's clock, in nanoseconds. */
static inline int64_t bide__loop_now(const struct bide_loop *loop)
{
    return __builtin_expect(loop->virtual_clock, 0) ? loop->virtual_now : bide__clock_now();
}

/* Arms the countdowns of the running step; see countdown.c. */
void bide__countdowns_arm(struct bide_loop *loop);

/* Before another timer is armed or the task parks: they have begun earlier, and come first. */
static inline void bide__countdowns_settle(struct bide_loop *loop)
{
    if (__builtin_expect(loop->countdowns != NULL, 0))
        bide__countdowns_arm(loop);
}

/* The deadline of a timer that is armed now for so many seconds, or BIDE__FOREVER. */
static inline int64_t bide__loop_deadline(struct bide_loop *loop, double seconds)
{
    bide__countdowns_settle(loop);
    return bide__deadline_after(bide__loop_now(loop), seconds);
}

/* Doubles the ring. 0 or -ENOMEM. */
int bide__ready_grow(struct bide_loop *loop);

/* Makes room for one more entry that may be queued. 0 or -ENOMEM. */
static inline int bide__ready_reserve(struct bide_loop *loop)
{
    if (__builtin_expect(loop->ready_reserved >= loop->ready_capacity, 0)) {
        int err = bide__ready_grow(loop);

        if (err < 0)
            return err;
    }
    loop->ready_reserved++;
    return 0;
}

static inline void bide__ready_unreserve(struct bide_loop *loop)
{
    loop->ready_reserved--;
}

/* Puts an entry at the end of the ready queue. */
static inline void bide__ready_push(struct bide_loop *loop, uintptr_t entry)
{
    loop->ready[loop->ready_tail++ & loop->ready_mask] = entry;
}

/*
 * The running coroutine gives up the processor; it goes on when somebody has put it into the ready queue. Hands over
 * to the next ready coroutine of this turn directly, else to the loop.
 */
void bide__park(struct bide_loop *loop);

/*
 * Where the running coroutine is to go that has ended. It enters that context by bide__context_enter, in line: so who
 * ran before, and parks by a call, finds its returns as the processor expects them. (A call of bide__park instead made
 * both the start and the end of a short task a misprediction, 10 ns each.)
 */
struct bide__context *bide__loop_next(struct bide_loop *loop);

/* Lets everybody who is ready run once, then goes on. */
static inline void bide__yield(struct bide_loop *loop)
{
    bide__ready_push(loop, (uintptr_t)loop->current);
    bide__park(loop);
}

/* The companion with this close function, NULL: there is none yet; puts one to the loop. */
static inline struct bide__companion *bide__companion_find(const struct bide_loop *loop,
                                                           void (*close)(struct bide__companion *companion))
{
    struct bide__companion *companion = loop->companions;

    while (companion && companion->close != close)
        companion = companion->next;
    return companion;
}

static inline void bide__companion_add(struct bide_loop *loop, struct bide__companion *companion)
{
    companion->next = loop->companions;
    loop->companions = companion;
}

/*
 * backend_choice.c: opens a backend for the loop; wanted: "epoll", "io_uring", NULL: what BIDE_BACKEND says. 0 or
 * -errno, with one line in `reason`.
 */
int bide__backend_choose(struct bide_loop *loop, const char *wanted, char *reason, size_t size);

/* callback.c */
void bide__callbacks_close(struct bide_loop *loop);
void bide__callback_run(struct bide__callback *callback);
/*
 * Queues a callback that is part of another structure; its place in the ready queue was reserved. Queued already:
 * nothing.
 */
void bide__callback_queue(struct bide__callback *callback);

/* wake.c */
int bide__wake_open(struct bide_loop *loop);
void bide__wake_close(struct bide_loop *loop);
/*
 * From any thread: has remote->deliver called in the loop's thread, first in first out for each sender. Wakes the
 * loop if it sleeps.
 */
void bide__remote_post(struct bide_loop *loop, struct bide__remote *remote);
/* Delivers what has come. True if there was something. */
bool bide__remote_drain(struct bide_loop *loop);
/* Makes a loop that sleeps look around. From any thread. */
void bide__wake_up(struct bide_loop *loop);
/* The host of a guest has done something to its loop, which does not run just now: the host will hear of it. */
static inline void bide__loop_touched(struct bide_loop *loop)
{
    if (loop->is_guest && loop != bide__loop)
        bide__wake_up(loop);
}
/* The loop is asleep from here on, in somebody else's poll(): what comes wakes it, and so does what has just come. */
void bide__wake_begin_sleep(struct bide_loop *loop);
/* Async-signal-safe: makes the loop look at its signals. */
void bide__wake_for_signal(struct bide_loop *loop);

/* signal.c: true if the loop handles any. */
bool bide__signals_are_handled_by(const struct bide_loop *loop);

/* watcher.c */
/* True if bide_add_reader (kind BIDE__OP_READABLE) or bide_add_writer has a callback for the descriptor. */
bool bide__is_watched(const struct bide_loop *loop, int descriptor, enum bide__op_kind kind);
void bide__watchers_close(struct bide_loop *loop);

/* signal.c */
void bide__signals_deliver(struct bide_loop *loop);
void bide__signals_close(struct bide_loop *loop);
/* True if this callback is what the loop calls for the signal. */
bool bide__signal_is_handled_by(const struct bide_loop *loop, int signal_number, void (*callback)(void *argument));

#endif
