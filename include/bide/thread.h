/*
 * bide/thread.h - calls that block, in threads
 */
#ifndef BIDE_THREAD_H
#define BIDE_THREAD_H

#include <bide/coro.h>
#include <bide/export.h>

/*
 * bide_to_thread - calls a coroutine value's function in a worker thread while the loop goes on; returns what it returned.
 *
 *     int status = bide(bide_to_thread(bide_co(blocking_call, url, &page)));
 *
 * The function must not use what belongs to the loop (a call that waits answers -EPERM there); errors and their messages come back. Cancelled while it is queued: it never
 * runs, -ECANCELED. Cancelled while it runs: a thread cannot be stopped, and the function may be writing into this frame, so the call returns when it has ended, with its
 * result; the cancellation comes at the next wait (R2, R5). The number of threads is bounded (run option thread_limit); beyond it calls queue. -EAGAIN: no thread can be
 * started; -ENOMEM. Follows asyncio.to_thread (semantics Q1-Q3); differs in that it never leaves a thread behind.
 */
BIDE_EXPORT int bide_to_thread(bide_coroutine coroutine);

#endif
