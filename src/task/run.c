/*
 * run: a loop, the main task, and the end of both.
 *
 * One task, the resident, runs all mains of a runner, one after the other, and parks in between. Its stack holds two
 * scopes around a main: the background group, which owns the tasks that are started without a group, and inside it
 * the scope that Ctrl-C and bide_cancel(main) cancel. So a cancellation of main does not touch the background tasks;
 * they live until the runner is closed (for bide_run: until main has ended), are cancelled then, and waited for. At
 * last the worker threads are joined and everything is given back.
 *
 * Must never happen: a task that outlives its runner; a signal handler of ours that stays when no main runs.
 */
#include "task/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/debug.h"
#include "stack/overflow.h"
#include "task/debug.h"
#include "task/exception.h"
#include "task/failure.h"
#include "task/scope.h"

static _Thread_local struct bide__hooks *next_hooks;

void bide__set_next_hooks(struct bide__hooks *hooks)
{
    next_hooks = hooks;
}

/* Takes the result of a main: the run keeps it with its message, and so does its handle. */
static void main_ended(struct bide__run *run, struct bide__record *task, int result)
{
    if (result < 0 && result != -ECANCELED)
        bide__failure_trace(&task->failure, result, (struct bide__trace_line){ task->name, task->file, task->line, 1 });
    if (task->handle) {
        bide__handle_end(run, task, result);
        task->handle = NULL;
    }
    bide__failure_free(run->failure);
    run->failure = task->failure;
    task->failure = NULL;
    run->result = result;
    run->main.entry = NULL;
    free(run->main_arguments);
    run->main_arguments = NULL;
    if (!run->closing && !run->forever)
        bide_stop(run->loop);
}

static void run_main(struct bide__run *run, struct bide__record *task)
{
    struct bide_scope scope = { 0 };

    bide__scope_begin(&scope, task, task->scope, BIDE__SCOPE_TASK);
    task->self = &scope;
    run->main_scope = &scope;
    if (run->cancel_at_start)
        bide__scope_cancel(&scope);
    int result = bide__scope_unescape(task, run->main.entry((void *)(uintptr_t)run->main.arguments));
    run->main_scope = NULL;
    task->self = &task->root;
    bide__scope_close(&scope, result);
    if (task->loop->debug)
        bide__debug_never_started(run, task);
    main_ended(run, task, result);
}

static int reside(void *argument)
{
    struct bide__run *run = *(struct bide__run **)argument;
    struct bide__record *task = bide__current();
    struct bide_group background = { .scope = { .ended = true }, .keep_going = true };

    bide__group_begin(&background, task);
    run->background = &background;
    for (;;) {
        if (run->main.entry)
            run_main(run, task);
        if (run->closing)
            break;
        run->idle = true;
        bide__park(task->loop);
    }
    bide__scope_cancel(&background.scope); /* for a runner that is closed between two mains */
    bide__scope_close(&background.scope, 0);
    return 0;
}

/* The first signal cancels main; one more ends the process as if we had never been there. */
static void on_signal(struct bide__run *run, int number)
{
    if (run->interrupted) {
        bide_remove_signal_handler(run->loop, number);
        raise(number);
        return;
    }
    run->interrupted = number;
    if (run->main_scope)
        bide__scope_cancel(run->main_scope);
    else if (!run->closing)
        bide_stop(run->loop);
}

static void on_interrupt(void *run)
{
    on_signal(run, SIGINT);
}

static void on_terminate(void *run)
{
    on_signal(run, SIGTERM);
}

static void watch_for(struct bide__run *run, int number, void (*callback)(void *run))
{
    struct sigaction action;

    if (getpid() != bide__debug_thread() || sigaction(number, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return;
    bide_add_signal_handler(run->loop, number, callback,
                            run); /* another loop has the signals: then it is not ours to handle */
}

static void forget(struct bide__run *run, int number, void (*callback)(void *run))
{
    if (bide__signal_is_handled_by(run->loop, number, callback))
        bide_remove_signal_handler(run->loop, number);
}

/* It may be awake already: a guest's main that has not begun. */
static void wake_resident(struct bide__run *run)
{
    if (run->idle)
        bide__ready_push(run->loop, (uintptr_t)run->main_task);
    run->idle = false;
}

void bide__run_begin(struct bide__run *run, const bide_coroutine *main)
{
    struct bide__record *task = run->main_task;

    run->main = *main;
    task->name = main->name;
    task->file = main->file;
    task->line = main->line;
    task->cancelled_waits = 0;
    wake_resident(run);
}

int bide__run_begin_copied(struct bide__run *run, const bide_coroutine *main)
{
    bide_coroutine copied = *main;

    if (main->size) {
        run->main_arguments = malloc(main->size);
        if (!run->main_arguments)
            return -ENOMEM;
        memcpy(run->main_arguments, main->arguments, main->size);
        copied.arguments = run->main_arguments;
    }
    bide__run_begin(run, &copied);
    return 0;
}

void bide__run_begin_end(struct bide__run *run)
{
    struct bide_loop *outer = bide__loop;

    if (run->closing)
        return;
    run->closing = true;
    run->cancel_at_start = true;
    bide__loop = run->loop;
    if (run->main_scope)
        bide__scope_cancel(run->main_scope);
    bide__loop = outer;
    wake_resident(run);
}

/* Cancels what is left and waits for it. */
static void end_tasks(struct bide__run *run)
{
    const char *stopped = run->main.entry ? run->main.name : NULL;

    bide__run_begin_end(run);
    if (!run->ended)
        bide__loop_run(run->loop, &run->ended);
    if (stopped && run->result < 0)
        bide__report_unread(run->loop, stopped, run->result, run->failure);
}

void bide__run_turn(struct bide__run *run)
{
    if (!run->options.no_interrupt)
        watch_for(run, SIGINT, on_interrupt);
    if (run->options.terminate_like_interrupt)
        watch_for(run, SIGTERM, on_terminate);
    if (run->stop)
        bide__loop_turn(run->loop);
    else
        bide__loop_run(run->loop, &run->stop);
    run->stop = false;
    if (run->single && !run->main.entry)
        end_tasks(run);
    forget(run, SIGINT, on_interrupt);
    forget(run, SIGTERM, on_terminate);
}

void bide_stop(bide_loop *loop)
{
    bide__run_of(loop)->stop = true;
    bide__loop_hurry(loop);
}

static int open_loop(struct bide__run *run, bool is_guest)
{
    const bide_run_options *options = &run->options;
    struct bide__loop_options loop_options = { .backend = options->backend,
                                               .stack_size = options->stack_size,
                                               .stack_limit = options->task_limit ? options->task_limit + 1 : 0,
                                               .record_size = sizeof(struct bide__record),
                                               .thread_limit = options->thread_limit,
                                               .file_thread_limit = options->file_thread_limit,
                                               .virtual_clock = options->virtual_clock,
                                               .is_guest = is_guest,
                                               .shuffle_seed = options->shuffle_seed,
                                               .debug = bide__debug_wanted(options->debug),
                                               .slow_callback_duration = options->slow_callback_duration,
                                               .describe = bide__record_describe,
                                               .on_discard = bide__record_discard };
    char reason[160] = "";
    int err = bide__loop_open(run->loop, &loop_options, reason, sizeof reason);

    return err < 0 ? bide_fail(err, "bide_run: %s", *reason ? reason : strerror(-err)) : 0;
}

/* The resident's argument is the address of the run; it takes its first step with the first turn. */
static int start_resident(struct bide__run *run)
{
    const bide_coroutine coroutine = { reside, &run, sizeof run, "run", __FILE__, __LINE__ };
    struct bide_loop *outer = bide__loop;
    int err = 0;

    bide__loop = run->loop;
    run->main_task = bide__spawn(run->loop, NULL, &coroutine, false, &err);
    bide__loop = outer;
    return err;
}

static void close_loop(struct bide__run *run)
{
    while (run->main_handle)
        bide__handle_free(run, run->main_handle);
    bide__debug_run_ended(run);
    bide__loop_close(run->loop);
    bide__slab_free(&run->handles);
}

int bide__run_open(const bide_run_options *options, bool is_guest, struct bide__run **ret_run)
{
    struct bide__run *run = calloc(1, sizeof *run);
    struct bide_loop *loop = calloc(1, sizeof *loop);
    int err = run && loop ? bide__overflow_thread_enter() : -ENOMEM;

    if (err < 0) {
        free(run);
        free(loop);
        return bide_fail(-ENOMEM, "bide_run: no memory for the loop");
    }
    run->loop = loop;
    run->handles.block_size = sizeof(struct bide_task);
    if (options)
        run->options = *options;
    run->eager = run->options.eager_start;
    run->thread = bide__debug_thread();
    run->watches_overflow = bide__overflow_install() == 0;
    err = open_loop(run, is_guest);
    if (err == 0) {
        loop->owner = run;
        loop->hooks = next_hooks;
        next_hooks = NULL;
        err = start_resident(run);
        if (err < 0)
            close_loop(run);
    }
    if (err < 0) {
        if (run->watches_overflow)
            bide__overflow_remove();
        bide__overflow_thread_leave();
        free(loop);
        free(run);
        return err;
    }
    *ret_run = run;
    return 0;
}

void bide__run_close(struct bide__run *run)
{
    end_tasks(run);
    bide__failure_free(run->failure);
    close_loop(run);
    if (run->watches_overflow)
        bide__overflow_remove();
    bide__overflow_thread_leave();
    free(run->loop);
    free(run);
}
