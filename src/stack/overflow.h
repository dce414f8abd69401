/*
 * What happens when a task runs out of stack: the guard below it faults, and a handler on an alternate stack says
 * which task it was before the process dies of the same signal (core dump kept).
 */
#ifndef BIDE_STACK_OVERFLOW_H
#define BIDE_STACK_OVERFLOW_H

#include <stddef.h>

struct bide__stack_pool;

/*
 * Installs the handler of SIGSEGV and SIGBUS for the process, once however often it is called; faults outside all
 * guards go to the handler that was there before. Does nothing in a program with AddressSanitizer, which reports
 * overflows itself. Thread-safe. Returns 0 or -errno; pair each success with bide__overflow_remove().
 */
int bide__overflow_install(void);

/* Undoes one install; the last one restores the earlier handlers, unless others were installed over ours meanwhile. */
void bide__overflow_remove(void);

/*
 * Gives the calling thread an alternate signal stack, unless it already has one large enough. Nests. Returns 0 or
 * -ENOMEM; pair each success with bide__overflow_thread_leave() on the same thread.
 */
int bide__overflow_thread_enter(void);

/* Undoes one enter; the last one takes the alternate stack away and frees it. */
void bide__overflow_thread_leave(void);

/*
 * Makes a pool known to the handler. Returns its place, or -1 when there are too many pools: then its overflows die
 * unnamed.
 */
int bide__overflow_register(struct bide__stack_pool *pool);

/* Forgets the pool at `place` (-1 is allowed), waiting for a handler on another thread that is just looking at it. */
void bide__overflow_unregister(int place);

/*
 * In stack.c: the record of the slot of `pool` that `address` lies in; computes only, so signal handlers may call it.
 */
void *bide__stack_record(const struct bide__stack_pool *pool, const void *address);

#endif
