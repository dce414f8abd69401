/*
 * The loop: one thread's ready queue, timers and backend, and the turns that run them.
 *
 * A turn runs exactly what was ready at its start; what that makes ready runs in the next turn. Between turns the
 * loop polls: it asks the backend for completions (waiting for them only when nothing is ready), takes messages of
 * other threads, then expires the timers; so the order is: ready before, then I/O, then timers by deadline. A poll is
 * skipped while something is ready and the last one was less than some 40 us ago: a poll costs as much as ten turns
 * of one task. So no task starves I/O.
 *
 * The ready queue is an array ring of addresses, not a linked list: a list would serialise one cache miss per task
 * (limits: 446 against 98 ns a turn at 100,000 tasks), and the ring lets us prefetch the records of the tasks to
 * come. A task that parks switches directly to the next one of the turn; the loop's own stack is entered only for
 * callbacks and at the end of a turn. park() must end with the switch: it compiles to a jump into the assembly, and
 * the resumed task returns by one matched `ret`.
 *
 * Must never happen: an entry queued without a reservation (the ring would overrun), one coroutine queued twice, a
 * wait on the loop's own stack.
 */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tick.h"
#include "loop/countdown.h"
#include "loop/debug.h"
#include "loop/thread_pool.h"

#define VIRTUAL_START (1000 * BIDE__SECOND) /* so that a little before the start is a time too */

enum {
    TURNS_PER_TICK = 8,
    PREFETCHED = 8,   /* places in the queue ahead of the task that runs */
    STACKS_KEPT = 64, /* idle ones that always keep their memory */
    STACKS_PER_TRIM = 128,
    STACK_WINDOW_SECONDS = 10,
    IDLE_LOOKS = 3 /* how often nothing must come before virtual time jumps */
};

_Thread_local struct bide_loop *bide__loop;

static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;

bide_loop *bide_get_running_loop(void)
{
    return bide__loop;
}

int bide__ready_grow(struct bide_loop *loop)
{
    size_t capacity = loop->ready_capacity ? loop->ready_capacity * 2 : 256;
    uintptr_t *ready = capacity <= UINT32_MAX ? malloc(capacity * sizeof *ready) : NULL;

    if (!ready)
        return -ENOMEM;
    for (uint32_t i = loop->ready_head; i != loop->ready_tail; i++)
        ready[i & (capacity - 1)] = loop->ready[i & loop->ready_mask];
    free(loop->ready);
    loop->ready = ready;
    loop->ready_mask = (uint32_t)(capacity - 1);
    loop->ready_capacity = capacity;
    return 0;
}

/*
 * Fetches what a task that will run soon needs: first its record, then, when that has come, the lines where its
 * registers and its innermost frames lie. (Always in line: gcc takes a function that only prefetches for one without
 * an effect, and drops its calls.)
 */
static inline __attribute__((always_inline)) void prefetch_record(const struct bide_loop *loop, uint32_t index)
{
    __builtin_prefetch((const void *)(loop->ready[index & loop->ready_mask] & ~BIDE__READY_CALLBACK));
}

static inline __attribute__((always_inline)) void prefetch_stack(const struct bide_loop *loop, uint32_t index)
{
    uintptr_t entry = loop->ready[index & loop->ready_mask];

    if (!(entry & BIDE__READY_CALLBACK)) {
        const char *saved = ((const struct bide__coroutine *)entry)->context.stack_pointer;

        __builtin_prefetch(saved);
        __builtin_prefetch(saved + 64);
        __builtin_prefetch(saved + 128);
    }
}

/*
 * Looks at the time: true when the last poll is long ago, and then again at every turn until there was one. Where the
 * turns are long the time is looked at after each.
 */
static __attribute__((noinline)) bool time_says_poll(struct bide_loop *loop)
{
    uint64_t now = bide__tick();

    if (loop->debug || loop->hurry || loop->stepping) {
        loop->turns_to_tick = 0;
        return true;
    }
    loop->turns_to_tick = now - loop->ticked_at > loop->poll_interval / 8 ? 0 : TURNS_PER_TICK - 1;
    loop->ticked_at = now;
    if (now - loop->polled_at <= loop->poll_interval)
        return false;
    loop->turns_to_tick = 0;
    return true;
}

/* From another thread, or a signal. */
static inline bool something_came(const struct bide_loop *loop)
{
    return atomic_load_explicit(&loop->remote, memory_order_relaxed) ||
           atomic_load_explicit(&loop->signal_pending, memory_order_relaxed);
}

/*
 * True when the loop must look at what is outside before the next turn. The time is looked at only every few turns:
 * reading it costs as much as a step.
 */
static inline bool poll_is_due(struct bide_loop *loop)
{
    return (loop->turns_to_tick-- == 0 && time_says_poll(loop)) || something_came(loop);
}

/* Puts what stands in the queue into a random order (Fisher and Yates; the generator is Marsaglia's xorshift). */
static __attribute__((noinline)) void shuffle(struct bide_loop *loop)
{
    for (uint32_t count = loop->ready_tail - loop->ready_head; count > 1; count--) {
        loop->shuffle ^= loop->shuffle << 13;
        loop->shuffle ^= loop->shuffle >> 7;
        loop->shuffle ^= loop->shuffle << 17;
        uintptr_t *a = &loop->ready[(loop->ready_head + count - 1) & loop->ready_mask];
        uintptr_t *b = &loop->ready[(loop->ready_head + (uint32_t)(loop->shuffle % count)) & loop->ready_mask];
        uintptr_t entry = *a;

        *a = *b;
        *b = entry;
    }
}

/* What is ready now is this turn's. */
static inline void begin_turn(struct bide_loop *loop)
{
    loop->batch_end = loop->ready_tail;
    if (__builtin_expect(loop->shuffle != 0, 0))
        shuffle(loop);
}

/* Nobody else is to run now: back to the loop, or to who started the running coroutine eagerly. */
static inline struct bide__context *choose_home(struct bide_loop *loop)
{
    loop->current = NULL;
    return loop->home;
}

/* Who goes on when the running coroutine gives up the processor: who stands at the head of the queue, in this turn. */
static inline __attribute__((always_inline)) struct bide__context *choose_next(struct bide_loop *loop, uint32_t head)
{
    uintptr_t entry = loop->ready[head & loop->ready_mask];
    struct bide__coroutine *next = (struct bide__coroutine *)entry;

    if (__builtin_expect(entry & BIDE__READY_CALLBACK, 0))
        return choose_home(loop);
    loop->ready_head = head + 1;
    loop->budget = BIDE__BUDGET;
    if (loop->batch_end - head > PREFETCHED) {
        prefetch_record(loop, head + PREFETCHED);
        prefetch_stack(loop, head + PREFETCHED / 2);
    }
    loop->current = next;
    return &next->context;
}

static inline __attribute__((always_inline)) void hand_over(struct bide_loop *loop, uint32_t head)
{
    struct bide__context *self = &loop->current->context, *next = choose_next(loop, head);

    if (next != self)
        bide__context_switch(self, next);
}

static inline void go_home(struct bide_loop *loop)
{
    struct bide__context *self = &loop->current->context;

    bide__context_switch(self, choose_home(loop));
}

struct bide__context *bide__loop_next(struct bide_loop *loop)
{
    bide__countdowns_settle(loop);
    if (loop->ready_head == loop->batch_end) {
        if (loop->ready_head == loop->ready_tail || poll_is_due(loop))
            return choose_home(loop);
        begin_turn(loop);
    }
    return choose_next(loop, loop->ready_head);
}

static __attribute__((noinline)) void park_with_a_look_outside(struct bide_loop *loop)
{
    if (poll_is_due(loop)) {
        go_home(loop);
        return;
    }
    begin_turn(loop);
    hand_over(loop, loop->ready_head);
}

/* The running coroutine was the last of its turn. */
static __attribute__((noinline)) void park_at_the_end(struct bide_loop *loop)
{
    uint32_t head = loop->ready_head;

    if (head == loop->ready_tail) {
        go_home(loop);
        return;
    }
    if (__builtin_expect(loop->turns_to_tick == 0 || something_came(loop) || loop->shuffle, 0)) {
        park_with_a_look_outside(loop);
        return;
    }
    loop->turns_to_tick--;
    loop->batch_end = loop->ready_tail;
    hand_over(loop, head);
}

static __attribute__((noinline)) void park_with_countdowns(struct bide_loop *loop)
{
    bide__countdowns_arm(loop);
    bide__park(loop);
}

/*
 * The way of the many is straight, and all that is rarer is behind a jump: so it needs no frame, and its switch no
 * restored registers.
 */
void bide__park(struct bide_loop *loop)
{
    assert(loop->current && "a call that waits was made outside of a task");
    if (__builtin_expect(loop->countdowns != NULL, 0))
        park_with_countdowns(loop);
    else if (__builtin_expect(loop->ready_head == loop->batch_end, 0))
        park_at_the_end(loop);
    else
        hand_over(loop, loop->ready_head);
}

/* Runs what stands in the queue up to batch_end, which the tasks move on themselves as long as no poll is due. */
static void run_turns(struct bide_loop *loop)
{
    begin_turn(loop);
    while (loop->ready_head != loop->batch_end) {
        uintptr_t entry = loop->ready[loop->ready_head++ & loop->ready_mask];

        if (entry & BIDE__READY_CALLBACK) {
            bide__callback_run((struct bide__callback *)(entry & ~BIDE__READY_CALLBACK));
        } else {
            loop->current = (struct bide__coroutine *)entry;
            loop->budget = BIDE__BUDGET;
            bide__context_enter(&loop->context, &loop->current->context);
        }
    }
}

/*
 * The same in debug mode: each step is timed. As far as a task that parks can see it was the last one of its turn and
 * a poll is due, so it comes back here; that costs the steps of other programs nothing. Who runs is written down
 * before: afterwards the name may be gone.
 */
static void run_turns_watched(struct bide_loop *loop)
{
    char what[BIDE__DEBUG_WHAT];

    begin_turn(loop);
    uint32_t end = loop->batch_end;
    while ((int32_t)(end - loop->ready_head) > 0) {
        uintptr_t entry = loop->ready[loop->ready_head++ & loop->ready_mask];

        loop->batch_end = loop->ready_head;
        loop->turns_to_tick = 0;
        bide__debug_describe(loop, entry, what);
        int64_t start = bide__clock_now();
        if (entry & BIDE__READY_CALLBACK) {
            bide__callback_run((struct bide__callback *)(entry & ~BIDE__READY_CALLBACK));
        } else {
            loop->current = (struct bide__coroutine *)entry;
            loop->budget = BIDE__BUDGET;
            bide__context_enter(&loop->context, &loop->current->context);
        }
        bide__debug_step(loop, what, bide__clock_now() - start);
    }
    loop->batch_end = loop->ready_head;
}

void bide__loop_step_into(struct bide_loop *loop, struct bide__coroutine *coroutine)
{
    struct bide__coroutine *self = loop->current;
    struct bide__context *home = loop->home;
    uint32_t end = loop->batch_end;
    unsigned budget = loop->budget;

    /* as in run_turns_watched, what parks finds nobody else to run and comes home: to us */
    loop->batch_end = loop->ready_head;
    loop->turns_to_tick = 0;
    loop->stepping++;
    loop->home = self ? &self->context : &loop->context;
    loop->current = coroutine;
    loop->budget = BIDE__BUDGET;
    bide__context_switch(loop->home, &coroutine->context);
    loop->current = self;
    loop->home = home;
    loop->budget = budget;
    loop->stepping--;
    loop->batch_end = end;
}

int64_t bide__loop_time_to_wait(struct bide_loop *loop)
{
    if (loop->ready_head != loop->ready_tail)
        return 0;
    int64_t next = bide__timers_next(&loop->timers);
    if (next == BIDE__FOREVER)
        return BIDE__FOREVER;
    int64_t now = bide__loop_now(loop);
    return next > now ? next - now : 0;
}

/*
 * Gives the memory of stacks back that were not needed for a while: in each window of ten seconds the most that were
 * in use at once is noted; what is idle beyond that (and a few more) is discarded, some at each poll, coldest first,
 * because each costs a system call.
 */
static void trim_stacks(struct bide_loop *loop)
{
    size_t idle = loop->stacks.idle_count - loop->stacks.cold_count,
           live = loop->stacks.carved - loop->stacks.idle_count;

    if (live > loop->stack_peak)
        loop->stack_peak = live;
    if (idle <= STACKS_KEPT)
        return;
    int64_t now = bide__clock_now();
    if (now >= loop->stack_window_end) {
        size_t wanted = loop->stack_peak - live + STACKS_KEPT;

        loop->stack_surplus = loop->stack_window_end && idle > wanted ? idle - wanted : 0;
        loop->stack_window_end = now + STACK_WINDOW_SECONDS * BIDE__SECOND;
        loop->stack_peak = live;
    }
    if (loop->stack_surplus) {
        size_t count = loop->stack_surplus < STACKS_PER_TRIM ? loop->stack_surplus : STACKS_PER_TRIM;

        if (idle > count + STACKS_KEPT)
            bide__stack_trim(&loop->stacks, idle - count);
        loop->stack_surplus -= count;
    }
}

/* Asks the backend, and takes what other threads and signals have sent. */
static void gather_events(struct bide_loop *loop, int64_t timeout)
{
    if (timeout) {
        atomic_store(&loop->sleeping, true);
        if (atomic_load(&loop->remote) || atomic_load(&loop->signal_pending))
            timeout = 0;
    }
    loop->backend->wait(loop, timeout);
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
    bide__remote_drain(loop);
    if (atomic_load_explicit(&loop->signal_pending, memory_order_relaxed))
        bide__signals_deliver(loop);
}

/*
 * Sleeps without an end. A test is told when that is for good: nothing is ready, no deadline, nothing asked of the
 * kernel or of a thread of ours; all tasks wait for each other.
 */
static void gather_events_for_ever(struct bide_loop *loop)
{
    if (loop->hooks && loop->hooks->nothing_comes && !loop->outside_waits && !loop->jobs_under_way &&
        !loop->watcher_list && !bide__signals_are_handled_by(loop) && !atomic_load(&loop->remote))
        loop->hooks->nothing_comes(loop->hooks, loop);
    gather_events(loop, BIDE__FOREVER);
}

/*
 * Time jumps to the next deadline when nothing can run, nothing comes from the kernel, and no thread is at work for
 * us. When there is no deadline either, or a thread is at work, it is waited for in real time.
 */
static void gather_events_virtually(struct bide_loop *loop)
{
    for (int i = 0; i < IDLE_LOOKS && loop->ready_head == loop->ready_tail; i++)
        gather_events(loop, 0);
    if (loop->ready_head != loop->ready_tail)
        return;
    int64_t next = bide__timers_next(&loop->timers);
    if (loop->jobs_under_way || next == BIDE__FOREVER)
        gather_events_for_ever(loop);
    else if (next > loop->virtual_now)
        loop->virtual_now = next;
}

static void after_poll(struct bide_loop *loop)
{
    if (loop->timers.size)
        bide__timers_expire(&loop->timers, bide__loop_now(loop));
    trim_stacks(loop);
    loop->polled_at = bide__tick();
}

static void poll(struct bide_loop *loop)
{
    if (__builtin_expect(loop->virtual_clock, 0)) {
        gather_events_virtually(loop);
    } else {
        int64_t timeout = bide__loop_time_to_wait(loop);

        if (timeout == BIDE__FOREVER)
            gather_events_for_ever(loop);
        else
            gather_events(loop, timeout);
    }
    after_poll(loop);
}

/* The loop is this thread's from here to leave(). Returns the one that was before. */
static struct bide_loop *enter(struct bide_loop *loop)
{
    struct bide_loop *outer = bide__loop;

    bide__loop = loop;
    loop->poll_interval = bide__ticks_short();
    loop->home = &loop->context;
    atomic_store_explicit(&loop->thread, bide__debug_thread(), memory_order_relaxed);
    bide__context_adopt(&loop->context);
    return outer;
}

static void leave(struct bide_loop *loop, struct bide_loop *outer)
{
    bide__context_release(&loop->context);
    atomic_store_explicit(&loop->thread, 0, memory_order_relaxed);
    bide__loop = outer;
}

static void run_one_batch(struct bide_loop *loop)
{
    if (__builtin_expect(loop->debug, 0))
        run_turns_watched(loop);
    else
        run_turns(loop);
    loop->hurry = false;
}

void bide__loop_run(struct bide_loop *loop, const bool *stop)
{
    struct bide_loop *outer = enter(loop);

    while (!*stop) {
        if (loop->ready_head == loop->ready_tail || poll_is_due(loop))
            poll(loop);
        run_one_batch(loop);
    }
    leave(loop, outer);
}

void bide__loop_turn(struct bide_loop *loop)
{
    struct bide_loop *outer = enter(loop);

    gather_events(loop, 0);
    after_poll(loop);
    bide__loop_hurry(loop);
    run_one_batch(loop);
    leave(loop, outer);
}

void bide__loop_run_for(struct bide_loop *loop, int64_t nanoseconds, const bool *stop)
{
    struct bide_loop *outer = enter(loop);
    const int64_t end = bide__clock_now() + nanoseconds;

    gather_events(loop, 0);
    after_poll(loop);
    while (!*stop && loop->ready_head != loop->ready_tail) {
        run_one_batch(loop);
        gather_events(loop, 0);
        after_poll(loop);
        if (bide__clock_now() >= end)
            break;
    }
    leave(loop, outer);
    bide__wake_begin_sleep(loop);
}

/* A child process has the memory of the loop but not its thread of control: there, no loop runs. */
static void forget_in_child(void)
{
    bide__loop = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_in_child);
}

int bide__loop_open(struct bide_loop *loop, const struct bide__loop_options *options, char *reason, size_t reason_size)
{
    struct bide__stack_options stacks = { .stack_size = options->stack_size,
                                          .record_size = options->record_size,
                                          .limit = options->stack_limit,
                                          .describe = options->describe,
                                          .on_discard = options->on_discard };

    pthread_once(&forks_watched, watch_forks);
    memset(loop, 0, sizeof *loop);
    loop->wake_descriptor = -1;
    loop->thread_limit = options->thread_limit;
    loop->file_thread_limit = options->file_thread_limit;
    loop->virtual_clock = options->virtual_clock;
    loop->is_guest = options->is_guest;
    loop->virtual_now = VIRTUAL_START;
    loop->debug = options->debug;
    if (loop->debug)
        bide__debug_begin();
    loop->slow_callback_duration = options->slow_callback_duration > 0
                                       ? bide__nanoseconds(options->slow_callback_duration)
                                       : BIDE__SLOW_CALLBACK_DEFAULT;
    loop->shuffle = options->shuffle_seed;
    bide__countdowns_open(loop);
    int err = bide__context_supported(reason, reason_size);
    if (err < 0)
        return err;
    err = bide__stack_pool_open(&loop->stacks, &stacks);
    if (err < 0) {
        snprintf(reason, reason_size, "stack size %zu: must be a power of two from 16 KiB to 64 MiB",
                 options->stack_size);
        return err;
    }
    err = bide__backend_choose(loop, options->backend, reason, reason_size);
    if (err < 0) {
        bide__stack_pool_close(&loop->stacks);
        return err;
    }
    err = bide__wake_open(loop);
    if (err < 0) {
        snprintf(reason, reason_size, "cannot open the wake-up descriptor: %s", strerror(-err));
        bide__loop_close(loop);
    }
    return err;
}

void bide__loop_close(struct bide_loop *loop)
{
    bide__thread_pool_close(loop->workers);
    bide__thread_pool_close(loop->file_threads);
    bide__remote_drain(loop);
    while (loop->companions) {
        struct bide__companion *companion = loop->companions;

        loop->companions = companion->next;
        companion->close(companion);
    }
    bide__signals_close(loop);
    bide__watchers_close(loop);
    bide__wake_close(loop);
    bide__callbacks_close(loop);
    loop->backend->close(loop);
    bide__timers_free(&loop->timers);
    bide__buffer_cache_free(&loop->buffers);
    bide__stack_pool_close(&loop->stacks);
    free(loop->file_places);
    free(loop->ready);
}
