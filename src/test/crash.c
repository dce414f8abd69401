/*
 * Last words. A test process that crashes, that calls exit(), or whose time is over says where it was, in which task,
 * and who waits for what, before it dies. The handlers run on a stack of their own. What they call is not made for
 * signal handlers; the process is lost anyway, and if it gets stuck the runner kills it. Address Sanitizer reports
 * crashes itself.
 */
#include "test/crash.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "test/blocks.h"
#include "test/place.h"
#include "test/report.h"

enum { STACK_BYTES = 256 << 10 };

static char stack[STACK_BYTES];

/* What a dying process does in a signal handler is no finding of Thread Sanitizer. */
__attribute__((weak, visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_signal_unsafe=0";
}

int bide__crash_time_signal(void)
{
    return SIGRTMAX - 2;
}

static void say_where(const void *context)
{
    struct bide__calls calls;

    bide__calls_interrupted(&calls, context);
    bide__say_calls(&calls);
    bide__say_tasks();
}

/* True when the loop of this thread sleeps in the kernel. */
static bool is_waiting(void)
{
    return bide__loop && !bide__loop->current && atomic_load(&bide__loop->sleeping);
}

static void on_crash(int number, siginfo_t *information, void *context)
{
    signal(number, SIG_DFL);
    bide__quiet++;
    bide__blocks_abandon();
    if (number == SIGABRT || information->si_code <= 0)
        bide__say("crashed: signal %d (%s)\n", number, strsignal(number));
    else
        bide__say("crashed: signal %d (%s) at address %p\n", number, strsignal(number), information->si_addr);
    say_where(context);
    raise(number);
}

static void on_time(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)information;
    bide__quiet++;
    bide__blocks_abandon();
    if (is_waiting()) {
        bide__say("nothing can run: every task waits, and nothing came that would wake one\n");
        bide__say_tasks();
    } else {
        bide__say("time is over; it was here:\n");
        say_where(context);
    }
    bide__report->timed_out = true;
    _exit(1);
}

/* exit() was called before the test had ended. */
static void on_exit_called(void)
{
    struct bide__calls calls;

    if (bide__report->outcome != BIDE__NOT_ENDED)
        return;
    bide__quiet++;
    bide__calls_here(&calls, 0);
    bide__say("the test called exit() before its end:\n");
    bide__say_calls(&calls);
    bide__say_tasks();
}

void bide__crash_watch(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigfillset(&action.sa_mask);
    if (!bide__sanitized())
        sigaltstack(&alternate, NULL);
    action.sa_sigaction = on_crash;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!bide__sanitized() || signals[i] == SIGABRT)
            sigaction(signals[i], &action, NULL);
    action.sa_sigaction = on_time;
    sigaction(bide__crash_time_signal(), &action, NULL);
    atexit(on_exit_called);
}
