/*
 * Runners: a loop for several runs, and bide_run, which opens one, runs one main and closes.
 *
 * A main that bide_stop has interrupted stays where it is until it is resumed, or cancelled by close. Its arguments
 * are copied, because the frame they lie in may be gone by then; those of bide_run's main are not, because nothing
 * resumes it. All functions are refused in a running loop of the same thread.
 */
#include <assert.h>
#include <errno.h>

#include "loop/debug.h"
#include "task/debug.h"
#include "task/failure.h"
#include "task/run.h"

static _Thread_local int interrupting_signal;

int bide_interrupting_signal(void)
{
    return interrupting_signal;
}

static int print_unless_quiet(const bide_run_options *options, int err)
{
    if (err < 0 && err != -EINTR && !options->quiet)
        bide_print_error(err);
    return err;
}

/* Runs what is to be run; the result of the main, whose message becomes this thread's. */
static int turn_until_main_has_ended(struct bide__run *run)
{
    run->interrupted = 0;
    bide__run_turn(run);
    run->stopped = run->main.entry != NULL;
    if (run->stopped)
        return bide_fail(-EAGAIN, "the loop was stopped before '%s' had ended", run->main.name);
    struct bide__failure **place = bide__failure_place();
    if (run->failure) {
        bide__failure_free(*place);
        *place = run->failure;
        run->failure = NULL;
    }
    interrupting_signal = run->result == -ECANCELED ? run->interrupted : 0;
    return interrupting_signal ? -EINTR : run->result;
}

int bide_run_with(bide_coroutine main, const bide_run_options *options)
{
    static const bide_run_options defaults;
    struct bide__run *run;

    interrupting_signal = 0;
    bide__coroutine_taken(main.arguments);
    if (bide__loop)
        return bide_fail(-EDEADLK,
                         "bide_run cannot be called from a running event loop (the one that runs in this thread)");
    if (!options)
        options = &defaults;
    int err = bide__run_open(options, false, &run);
    if (err < 0)
        return print_unless_quiet(options, err);
    bide__run_begin(run, &main);
    run->single = true;
    err = turn_until_main_has_ended(run);
    bide__run_close(run);
    return print_unless_quiet(options, err);
}

int bide_run(bide_coroutine main)
{
    return bide_run_with(main, NULL);
}

int bide_runner_open(bide_runner *ret_runner, const bide_run_options *options)
{
    assert(!ret_runner->run && "a runner was opened that is open");
    if (bide__loop)
        return bide_fail(
            -EDEADLK, "bide_runner_open cannot be called from a running event loop (the one that runs in this thread)");
    return bide__run_open(options, false, &ret_runner->run);
}

static int may_run(const bide_runner *runner, const char *call)
{
    if (!runner->run)
        return bide_fail(-EBADF, "%s: the runner is not open", call);
    if (bide__loop)
        return bide_fail(-EDEADLK, "%s cannot be called from a running event loop (the one that runs in this thread)",
                         call);
    if (runner->run->thread != bide__debug_thread())
        return bide_fail(-EPERM, "%s: the runner was opened in another thread", call);
    interrupting_signal = 0;
    return 0;
}

int bide_runner_run(bide_runner *runner, bide_coroutine main)
{
    struct bide__run *run = runner->run;
    int err = may_run(runner, "bide_runner_run");

    bide__coroutine_taken(main.arguments);
    if (err < 0)
        return err;
    if (run->main.entry)
        return bide_fail(-EALREADY, "bide_runner_run: '%s' was stopped and has not ended", run->main.name);
    if (bide__run_begin_copied(run, &main) < 0)
        return bide_fail(-ENOMEM, "bide_runner_run: no memory for the arguments of '%s'", main.name);
    return print_unless_quiet(&run->options, turn_until_main_has_ended(run));
}

int bide_runner_resume(bide_runner *runner)
{
    int err = may_run(runner, "bide_runner_resume");

    if (err < 0)
        return err;
    struct bide__run *run = runner->run;
    if (!run->stopped)
        return bide_fail(-EINVAL, "bide_runner_resume: there is no main that was stopped");
    if (!run->main.entry)
        run->stop = true; /* it has ended in bide_runner_run_forever: a turn, and its result */
    return print_unless_quiet(&run->options, turn_until_main_has_ended(run));
}

int bide_runner_run_forever(bide_runner *runner)
{
    int err = may_run(runner, "bide_runner_run_forever");

    if (err < 0)
        return err;
    struct bide__run *run = runner->run;
    run->interrupted = 0;
    run->forever = true;
    bide__run_turn(run);
    run->forever = false;
    interrupting_signal = run->interrupted;
    return run->interrupted ? -EINTR : 0;
}

bide_loop *bide_runner_get_loop(const bide_runner *runner)
{
    return runner->run ? runner->run->loop : NULL;
}

void bide_runner_close(bide_runner *runner)
{
    if (!runner->run)
        return;
    assert(!bide__loop && "a runner was closed in a running loop");
    bide__run_close(runner->run);
    runner->run = NULL;
}
