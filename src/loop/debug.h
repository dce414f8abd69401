/*
 * loop/debug.h - debug mode, as far as the loop knows of it: slow steps, calls from the wrong thread, stacks without
 * a guard.
 */
#ifndef BIDE_LOOP_DEBUG_H
#define BIDE_LOOP_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bide_loop;

enum { BIDE__DEBUG_WHAT = 256 /* bytes for the description of a step */ };
#define BIDE__SLOW_CALLBACK_DEFAULT INT64_C(100000000) /* nanoseconds */

/* A loop is in debug mode from now on. */
void bide__debug_begin(void);

/* The kernel's number of this thread. */
int bide__debug_thread(void);

/* Writes down what the entry of the ready queue is: "task 'main' (file.c:12)", "callback 0x4012f0". */
void bide__debug_describe(const struct bide_loop *loop, uintptr_t entry, char what[BIDE__DEBUG_WHAT]);

/* After a step in debug mode: says that it was slow, and, once, that there are stacks without a guard. */
void bide__debug_step(struct bide_loop *loop, const char *what, int64_t nanoseconds);

/* The slow half of bide__debug_check_thread. */
int bide__debug_other_thread(struct bide_loop *loop, const char *call);

/*
 * For calls that belong to the loop's own thread: 0, or -EPERM when the loop runs in another one just now; in debug
 * mode with a message. A loop that does not run may be called by who keeps it; a guest is woken for that.
 */
static inline int bide__debug_check_thread(struct bide_loop *loop, const struct bide_loop *running, const char *call)
{
    return __builtin_expect(loop == running, 1) ? 0 : bide__debug_other_thread(loop, call);
}

#endif
