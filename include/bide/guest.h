/*
 * bide/guest.h - a loop as a guest in the loop of somebody else: of GTK, Qt, libuv, a game, a database
 *
 * The host keeps its own loop and drives bide's from it: it watches one descriptor, wakes after at most so many
 * seconds, and then has everything run that is ready, without waiting.
 *
 *     bide_guest *guest;
 *     bide_guest_open(bide_co(app), NULL, &guest);
 *     while (bide_guest_run(guest, 0.005)) {
 *         struct pollfd poller = { .fd = bide_guest_descriptor(guest), .events = POLLIN };
 *         double seconds = bide_guest_timeout(guest);
 *         poll(&poller, 1, seconds < 1e6 ? (int)ceil(seconds * 1000) : -1);  // and whatever the host watches
 *     }
 *     return bide_guest_close(guest) < 0;
 *
 * All calls are made in the thread that opened it, and outside of any running loop of bide's (but for
 * bide_guest_start, bide_guest_cancel, bide_guest_get_loop, which its tasks may call too). Between two runs no loop
 * runs in this thread. Other threads reach it as usual (bide_call_soon_threadsafe, ...), also while the host sleeps;
 * so do signals of bide_add_signal_handler. Ctrl-C is the host's affair. Follows trio's guest mode and libuv's
 * uv_backend_fd.
 */
#ifndef BIDE_GUEST_H
#define BIDE_GUEST_H

#pragma GCC system_header

#include <stdbool.h>

#include <bide/coro.h>
#include <bide/export.h>
#include <bide/loop.h>
#include <bide/task.h>

typedef struct bide_guest bide_guest;

/*
 * bide_guest_open - bide_run_with(main, options), to be driven by a host: main runs with the calls of bide_guest_run,
 * and when it ends, the tasks that were started without a group are cancelled and waited for. Its arguments are copied.
 * options: NULL or the defaults; those about Ctrl-C mean nothing here. ret_guest: to be given back with
 * bide_guest_close. Errors as bide_run_with; -EDEADLK in a running loop; -EINVAL with a virtual clock. Nothing of main
 * has run yet.
 */
BIDE_EXPORT int bide_guest_open(bide_coroutine main, const bide_run_options *options, bide_guest **ret_guest);

/*
 * bide_guest_descriptor - what the host watches for input (poll, epoll, g_source_add_unix_fd, uv_poll_t): it is
 * readable when the guest has something to do. Always the same one; nobody else reads from it or closes it.
 */
BIDE_EXPORT int bide_guest_descriptor(const bide_guest *guest);

/*
 * bide_guest_timeout - seconds after which the guest is to be run although its descriptor is not readable: 0: at once,
 * INFINITY: never. True until the next run. What the host does to the loop in between (bide_guest_start,
 * bide_guest_cancel, bide_call_soon, bide_call_later, bide_add_reader, ...) makes the descriptor readable. A host whose
 * timers count milliseconds rounds it up.
 */
BIDE_EXPORT double bide_guest_timeout(bide_guest *guest);

/*
 * bide_guest_run - runs what is ready, and what that makes ready; never waits. When it has run for `seconds` (0: after
 * the first round) the rest is left for the next call. One step of a task is not interrupted. True as long as there is
 * something left to live for; false when main and all its tasks have ended: then bide_guest_close has the result.
 */
BIDE_EXPORT bool bide_guest_run(bide_guest *guest, double seconds);

/*
 * bide_guest_start - starts a task from the host's code (an event handler, a button): it takes its first step with the
 * next run, for which the descriptor becomes readable. It belongs to the guest as if its main had started it without
 * a group; arguments are copied, an error that nobody takes goes to the exception handler. 0; -ESRCH: the guest has
 * ended; -EAGAIN (too many tasks), -ENOMEM.
 */
BIDE_EXPORT int bide_guest_start(bide_guest *guest, bide_coroutine coroutine);

/*
 * bide_guest_cancel - cancels main, as Ctrl-C does in bide_run. Run the guest until it has ended. Does not wait.
 */
BIDE_EXPORT void bide_guest_cancel(bide_guest *guest);

/* bide_guest_get_loop - its loop, for the calls of bide/loop.h. */
BIDE_EXPORT bide_loop *bide_guest_get_loop(const bide_guest *guest);

/*
 * bide_guest_close - gives it back; NULL is ignored. Returns what main returned; an error is printed unless the option
 * quiet says otherwise (or it is -ECANCELED), and its message is this thread's. A guest that has not ended is cancelled
 * and waited for: then this call waits, and the host stands still; a host that must not cancels and runs it first.
 */
BIDE_EXPORT int bide_guest_close(bide_guest *guest);

#endif
