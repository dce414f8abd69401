/*
 * Debug mode, the loop's part: what is said about slow steps, calls from the wrong thread, and stacks without a guard.
 *
 * Everything here runs only when something is wrong, or, in debug mode, once a step. Messages go to stderr, one line
 * each, and begin with "bide:" except for the one that asyncio prints too: "Executing ... took ... seconds".
 */
#include "loop/debug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bide/coro.h>

#include "loop/loop.h"

int bide__watches_coroutines;

/* Never taken back: who looks at it asks the loop too. */
void bide__debug_begin(void)
{
    __atomic_store_n(&bide__watches_coroutines, 1, __ATOMIC_RELAXED);
}

int bide__debug_thread(void)
{
    return (int)syscall(SYS_gettid);
}

bool bide_get_debug(const bide_loop *loop)
{
    return loop->debug;
}

void bide_set_debug(bide_loop *loop, bool debug)
{
    loop->debug = debug;
    if (debug)
        bide__debug_begin();
    if (loop == bide__loop)
        bide__loop_hurry(loop);
}

double bide_slow_callback_duration(const bide_loop *loop)
{
    return (double)loop->slow_callback_duration * 1e-9;
}

void bide_set_slow_callback_duration(bide_loop *loop, double seconds)
{
    loop->slow_callback_duration = bide__nanoseconds(seconds);
}

void bide__debug_describe(const struct bide_loop *loop, uintptr_t entry, char what[BIDE__DEBUG_WHAT])
{
    if (entry & BIDE__READY_CALLBACK) {
        const struct bide__callback *callback = (const struct bide__callback *)(entry & ~BIDE__READY_CALLBACK);

        snprintf(what, BIDE__DEBUG_WHAT, "callback %#lx", (unsigned long)(uintptr_t)callback->function);
    } else if (loop->stacks.options.describe) {
        loop->stacks.options.describe((const void *)entry, what, BIDE__DEBUG_WHAT);
    } else {
        snprintf(what, BIDE__DEBUG_WHAT, "task %#lx", (unsigned long)entry);
    }
}

static void say_unguarded(struct bide_loop *loop)
{
    loop->said_unguarded = true;
    fprintf(
        stderr,
        "bide: stacks are made without a guard from now on (no more mappings): an overflow of one runs into its neighbour\n");
}

void bide__debug_step(struct bide_loop *loop, const char *what, int64_t nanoseconds)
{
    if (nanoseconds >= loop->slow_callback_duration)
        fprintf(stderr, "Executing %s took %.3f seconds\n", what, (double)nanoseconds * 1e-9);
    if (loop->stacks.by_method[BIDE__STACK_GUARD_NONE] && !loop->said_unguarded)
        say_unguarded(loop);
}

int bide__debug_other_thread(struct bide_loop *loop, const char *call)
{
    int thread = atomic_load_explicit(&loop->thread, memory_order_relaxed);
    int self = bide__debug_thread();

    if (thread == 0 || thread == self) {
        bide__loop_touched(loop);
        return 0;
    }
    if (loop->debug)
        fprintf(stderr,
                "bide: %s was called from thread %d for a loop that runs in thread %d; use bide_call_soon_threadsafe\n",
                call, self, thread);
    return -EPERM;
}
