/*
 * run: a loop, the main task, and the end of both.
 *
 * The main task's stack holds two scopes around the user's main: the background group, which owns the tasks that are started without a group, and inside it the scope that
 * Ctrl-C and bide_cancel(main) cancel. So a cancellation of main does not touch the background tasks; they are cancelled when main has ended, and waited for. The loop stops
 * when the main task has ended; then the worker threads are joined and everything is given back.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/slab.h"
#include "stack/overflow.h"
#include "task/failure.h"
#include "task/scope.h"

static _Thread_local struct bide__hooks *next_hooks;

void bide__set_next_hooks(struct bide__hooks *hooks)
{
    next_hooks = hooks;
}

struct main_arguments {
    struct bide__run *run;
    const bide_coroutine *main;
};

static int run_main(void *argument)
{
    struct main_arguments *arguments = argument;
    struct bide__run *run = arguments->run;
    struct bide__record *task = bide__current();
    struct bide_group background = { .scope = { .ended = true }, .keep_going = true };
    struct bide_scope scope = { 0 };

    bide__group_begin(&background, task);
    run->background = &background;
    bide__scope_begin(&scope, task, task->scope, BIDE__SCOPE_TASK);
    task->self = &scope;
    run->main_scope = &scope;
    run->main_task = task;

    int result = arguments->main->entry((void *)(uintptr_t)arguments->main->arguments);

    result = bide__scope_unescape(task, result);
    run->main_scope = NULL;
    task->self = &task->root;
    bide__scope_close(&scope, result);
    bide__scope_cancel(&background.scope);
    bide__scope_close(&background.scope, 0);
    return result;
}

/* The first Ctrl-C cancels main; one more ends the process as if we had never been there. */
static void on_interrupt(void *argument)
{
    struct bide__run *run = argument;

    if (run->interrupted) {
        bide_remove_signal_handler(run->loop, SIGINT);
        raise(SIGINT);
        return;
    }
    run->interrupted = true;
    if (run->main_scope)
        bide__scope_cancel(run->main_scope);
}

static void watch_for_interrupt(struct bide__run *run)
{
    struct sigaction action;

    if (getpid() != (pid_t)syscall(SYS_gettid) || sigaction(SIGINT, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return;
    bide_add_signal_handler(run->loop, SIGINT, on_interrupt, run); /* another loop has the signals: then it is not ours to handle */
}

static int run_loop(struct bide__run *run, const bide_coroutine *main, const bide_run_options *options)
{
    struct main_arguments arguments = { run, main };
    const bide_coroutine wrapped = { run_main, &arguments, sizeof arguments, main->name, main->file, main->line };
    struct bide_loop *outer = bide__loop;
    int err = 0;

    bide__loop = run->loop;
    struct bide__record *record = bide__spawn(run->loop, NULL, &wrapped, false, &err);
    bide__loop = outer;
    if (!record)
        return err;
    if (!options->no_interrupt)
        watch_for_interrupt(run);
    bide__loop_run(run->loop, &run->stop);
    if (run->result == -ECANCELED && run->interrupted)
        return -EINTR;
    return run->result;
}

static int run_in(struct bide_loop *loop, const bide_coroutine *main, const bide_run_options *options)
{
    struct bide__run run = { .loop = loop, .handles = { .block_size = sizeof(struct bide_task) } };
    struct bide__loop_options loop_options = { .backend = options->backend,
                                               .stack_size = options->stack_size,
                                               .stack_limit = options->task_limit ? options->task_limit + 1 : 0,
                                               .record_size = sizeof(struct bide__record),
                                               .thread_limit = options->thread_limit,
                                               .virtual_clock = options->virtual_clock,
                                               .shuffle_seed = options->shuffle_seed,
                                               .describe = bide__record_describe,
                                               .on_discard = bide__record_discard };
    char reason[160] = "";
    int err = bide__loop_open(loop, &loop_options, reason, sizeof reason);

    if (err < 0)
        return bide_fail(err, "bide_run: %s", *reason ? reason : strerror(-err));
    loop->owner = &run;
    loop->hooks = next_hooks;
    next_hooks = NULL;
    err = run_loop(&run, main, options);
    struct bide__failure **place = bide__failure_place();
    if (run.failure) {
        bide__failure_free(*place);
        *place = run.failure;
    }
    while (run.main_handle)
        bide__handle_free(&run, run.main_handle);
    bide__loop_close(loop);
    bide__slab_free(&run.handles);
    return err;
}

int bide_run_with(bide_coroutine main, const bide_run_options *options)
{
    static const bide_run_options defaults;

    if (!options)
        options = &defaults;
    if (bide__loop)
        return bide_fail(-EDEADLK, "bide_run cannot be called from a running event loop (the one that runs in this thread)");
    struct bide_loop *loop = malloc(sizeof *loop);
    int err = loop ? bide__overflow_thread_enter() : -ENOMEM;
    if (err < 0) {
        free(loop);
        return bide_fail(-ENOMEM, "bide_run: no memory for the loop");
    }
    bool watched = bide__overflow_install() == 0;
    err = run_in(loop, &main, options);
    if (watched)
        bide__overflow_remove();
    bide__overflow_thread_leave();
    free(loop);
    if (err < 0 && err != -EINTR && !options->quiet)
        bide_print_error(err);
    return err;
}

int bide_run(bide_coroutine main)
{
    return bide_run_with(main, NULL);
}
