/*
 * Guests: the run of a main in pieces, driven by a host that sleeps in its own poll().
 *
 * A run with its resident task as bide_run has it; only that nobody turns the loop until it ends, but the host, a piece
 * at a time. Before main begins, the resident has taken its first step, so there is a background group to start tasks
 * in from the first moment on. Between two pieces the loop counts as asleep: messages from other threads and signals
 * write to its eventfd, which is an ordinary operation of its backend, so the one descriptor tells of everything.
 *
 * Must never happen: a wait in the host's thread, but in a close of what has not ended; something ready, or not yet
 * submitted to the kernel, of which neither the descriptor nor the timeout tells.
 */
#include <bide/guest.h>

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <bide/error.h>

#include "loop/debug.h"
#include "task/debug.h"
#include "task/failure.h"
#include "task/run.h"
#include "task/scope.h"

#define LONGEST 3600.0 /* seconds that one piece may run */

struct bide_guest {
    struct bide__run *run;
};

static void check_caller(const struct bide_guest *guest)
{
    assert(!bide__loop && "a guest was driven from within a running loop");
    assert(guest->run->thread == bide__debug_thread() && "a guest was driven by another thread");
    (void)guest;
}

/* The resident takes its first step and parks; main waits for the host. */
static int begin(struct bide_guest *guest, const bide_coroutine *main)
{
    struct bide__run *run = guest->run;

    bide__loop_turn(run->loop);
    if (bide__run_begin_copied(run, main) < 0)
        return bide_fail(-ENOMEM, "bide_guest_open: no memory for the arguments of '%s'", main->name);
    return 0;
}

int bide_guest_open(bide_coroutine main, const bide_run_options *options, bide_guest **ret_guest)
{
    bide__coroutine_taken(main.arguments);
    if (bide__loop)
        return bide_fail(-EDEADLK, "bide_guest_open cannot be called from a running event loop");
    if (options && options->virtual_clock)
        return bide_fail(-EINVAL, "bide_guest_open: the clock of a host is real, not virtual");
    struct bide_guest *guest = calloc(1, sizeof *guest);
    if (!guest)
        return bide_fail(-ENOMEM, "bide_guest_open: no memory");
    int err = bide__run_open(options, true, &guest->run);
    if (err >= 0) {
        err = begin(guest, &main);
        if (err < 0)
            bide__run_close(guest->run);
    }
    if (err < 0) {
        free(guest);
        return err;
    }
    *ret_guest = guest;
    return 0;
}

int bide_guest_descriptor(const bide_guest *guest)
{
    struct bide_loop *loop = guest->run->loop;

    return loop->backend->descriptor(loop);
}

double bide_guest_timeout(bide_guest *guest)
{
    if (guest->run->ended)
        return INFINITY;
    int64_t nanoseconds = bide__loop_time_to_wait(guest->run->loop);

    return nanoseconds == BIDE__FOREVER ? INFINITY : (double)nanoseconds / 1e9;
}

bool bide_guest_run(bide_guest *guest, double seconds)
{
    struct bide__run *run = guest->run;

    check_caller(guest);
    if (run->ended)
        return false;
    bide__loop_run_for(run->loop, seconds > 0 ? bide__nanoseconds(seconds < LONGEST ? seconds : LONGEST) : 0,
                       &run->ended);
    if (run->stop && !run->ended) { /* main has ended, or bide_stop: as in bide_run, what is left is cancelled */
        run->stop = false;
        bide__run_begin_end(run);
    }
    return !run->ended;
}

int bide_guest_start(bide_guest *guest, bide_coroutine coroutine)
{
    struct bide__run *run = guest->run;
    struct bide_loop *outer = bide__loop;
    int err = 0;

    bide__coroutine_taken(coroutine.arguments);
    if (run->ended)
        return bide_fail(-ESRCH, "bide_guest_start: the guest has ended");
    bide__loop = run->loop;
    bide__spawn(run->loop, run->background, &coroutine, false, &err);
    bide__loop = outer;
    bide__wake_up(run->loop);
    return err;
}

void bide_guest_cancel(bide_guest *guest)
{
    struct bide__run *run = guest->run;
    struct bide_loop *outer = bide__loop;

    if (run->ended)
        return;
    bide__loop = run->loop;
    run->cancel_at_start = true;
    if (run->main_scope)
        bide__scope_cancel(run->main_scope);
    bide__loop = outer;
    bide__wake_up(run->loop);
}

bide_loop *bide_guest_get_loop(const bide_guest *guest)
{
    return guest->run->loop;
}

int bide_guest_close(bide_guest *guest)
{
    if (!guest)
        return 0;
    struct bide__run *run = guest->run;

    check_caller(guest);
    if (!run->ended) {
        bide__run_begin_end(run);
        bide__loop_run(run->loop, &run->ended);
    }
    int result = run->result;
    bool quiet = run->options.quiet;
    struct bide__failure **place = bide__failure_place();
    if (run->failure) {
        bide__failure_free(*place);
        *place = run->failure;
        run->failure = NULL;
    }
    bide__run_close(run);
    free(guest);
    if (result < 0 && result != -ECANCELED && !quiet)
        bide_print_error(result);
    return result;
}
