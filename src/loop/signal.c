/*
 * Signals as callbacks of the loop: a handler that sets a flag and wakes, and a table of callbacks.
 *
 * One loop a process has signal handlers at a time (signals belong to the process). The handler only sets the
 * signal's flag, so signals that come together are one call, and the callback runs in the loop like any other. What
 * the signal did before is restored at removal. Must never happen: a handler that outlives its loop.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "loop/debug.h"
#include "loop/loop.h"

enum { SIGNALS = NSIG };

static struct {
    _Atomic(struct bide_loop *) loop;
    atomic_bool raised[SIGNALS];
    bool installed[SIGNALS];
    int count;
    void (*callback[SIGNALS])(void *argument);
    void *argument[SIGNALS];
    struct sigaction before[SIGNALS];
} signals;

static void on_signal(int number)
{
    struct bide_loop *loop = atomic_load(&signals.loop);

    atomic_store(&signals.raised[number], true);
    if (loop)
        bide__wake_for_signal(loop);
}

int bide_add_signal_handler(bide_loop *loop, int signal_number, void (*callback)(void *argument), void *argument)
{
    struct bide_loop *nobody = NULL;
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };

    int err = bide__debug_check_thread(loop, bide__loop, "bide_add_signal_handler");

    if (err < 0)
        return err;
    if (signal_number < 1 || signal_number >= SIGNALS)
        return -EINVAL;
    if (!atomic_compare_exchange_strong(&signals.loop, &nobody, loop) && nobody != loop)
        return -EBUSY;
    signals.callback[signal_number] = callback;
    signals.argument[signal_number] = argument;
    if (signals.installed[signal_number])
        return 0;
    sigfillset(&action.sa_mask);
    if (sigaction(signal_number, &action, &signals.before[signal_number]) < 0) {
        err = -errno;
        if (!signals.count)
            atomic_store(&signals.loop, NULL);
        return err;
    }
    signals.installed[signal_number] = true;
    signals.count++;
    return 0;
}

bool bide_remove_signal_handler(bide_loop *loop, int signal_number)
{
    if (signal_number < 1 || signal_number >= SIGNALS || atomic_load(&signals.loop) != loop ||
        !signals.installed[signal_number])
        return false;
    sigaction(signal_number, &signals.before[signal_number], NULL);
    signals.installed[signal_number] = false;
    atomic_store(&signals.raised[signal_number], false);
    if (--signals.count == 0)
        atomic_store(&signals.loop, NULL);
    return true;
}

bool bide__signal_is_handled_by(const struct bide_loop *loop, int signal_number, void (*callback)(void *argument))
{
    return atomic_load(&signals.loop) == loop && signals.installed[signal_number] &&
           signals.callback[signal_number] == callback;
}

bool bide__signals_are_handled_by(const struct bide_loop *loop)
{
    return atomic_load(&signals.loop) == loop;
}

void bide__signals_deliver(struct bide_loop *loop)
{
    atomic_store(&loop->signal_pending, false);
    for (int number = 1; number < SIGNALS; number++)
        if (atomic_exchange(&signals.raised[number], false) && signals.installed[number])
            if (bide_call_soon(loop, signals.callback[number], signals.argument[number], NULL) < 0)
                signals.callback[number](signals.argument[number]);
}

void bide__signals_close(struct bide_loop *loop)
{
    for (int number = 1; number < SIGNALS; number++)
        bide_remove_signal_handler(loop, number);
}
