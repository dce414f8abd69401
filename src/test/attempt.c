/*
 * One attempt: a body is run once, in a process of its own, and what it leaves behind is looked at.
 *
 * The body runs as the main task of a loop with a virtual clock; around it stand the cleanups, and for
 * bide_test_timeout_everywhere a timeout. A hook of the loop sees every wait begin: there the body is cancelled if it
 * is the turn of this wait. Afterwards come the tasks that still run, and, when the loop is closed: errors that
 * nobody read, threads, memory, descriptors.
 */
#include "test/attempt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/failure.h"
#include "task/scope.h"
#include "task/wait.h"
#include "test/blocks.h"
#include "test/crash.h"
#include "test/descriptors.h"
#include "test/fixture.h"
#include "test/report.h"
#include "test/threads.h"

enum { TURNS_TO_END = 100 };

/* The running attempt. */
static struct {
    struct bide__hooks hooks;
    const struct bide__attempt *attempt;
    struct bide_scope *timeout; /* the one to expire */
    bool must_stop; /* the main task's wait was taken back by the injected cancellation: it must hand that on */
    int result;
} now;

uint64_t bide_test_seed(void)
{
    return now.attempt ? now.attempt->seed : 0;
}

static bool may_leave(unsigned what)
{
    return (now.attempt->test->options.allow & what) != 0;
}

/* Cancels the body here. Whether the main task's wait was taken back for certain decides what is expected of it. */
static void cancel_body(struct bide__record *task, struct bide_scope *scope)
{
    struct bide__run *run = bide__run_of(task->loop);
    struct bide__record *main = run->main_task;
    bool could_be_taken_back = main->waiter && main->waiter->withdraw;

    bide__scope_cancel(scope);
    if (main->scope->effective)
        now.must_stop = main->waiter ? strcmp(task->loop->backend->name, "epoll") == 0 && could_be_taken_back
                                     : could_be_taken_back || task == main;
}

static void before_wait(struct bide__hooks *hooks, void *task)
{
    struct bide__record *record = task;

    (void)hooks;
    if (bide__fault_now(BIDE__FAULT_CANCEL)) {
        struct bide__run *run = bide__run_of(record->loop);

        if (run->main_scope)
            cancel_body(record, run->main_scope);
    } else if (bide__fault_now(BIDE__FAULT_TIMEOUT) && now.timeout) {
        cancel_body(record, now.timeout);
    }
}

static void error_unread(struct bide__hooks *hooks, const char *task, int err, const char *message)
{
    (void)hooks;
    if (may_leave(BIDE_ALLOW_ERRORS) || now.attempt->n)
        return;
    bide__finding(NULL, 0, "task '%s' failed with %s, and nobody read that: %s\n", task, bide_error_name(err),
                  message ? message : bide__failure_general(err));
}

/* A deadlock, unless a thread that the test has started may still do something about it. */
static void nothing_comes(struct bide__hooks *hooks, struct bide_loop *loop)
{
    (void)hooks;
    if (!bide__threads_are_known(loop->pool_threads) || atomic_load(&loop->remote))
        return;
    bide__finding(NULL, 0, "deadlock: every task waits, and nothing is under way that could wake one\n");
    atomic_store(&loop->sleeping, true); /* for good */
    bide__say_tasks();
    bide__end_process(BIDE__FAILED);
}

static void check_tasks(void)
{
    if (may_leave(BIDE_ALLOW_TASKS) || now.attempt->n)
        return;
    for (int i = 0; i < TURNS_TO_END && bide_task_count() > 1; i++) /* those that are just ending */
        (void)bide_sleep(0);
    if (bide_task_count() > 1) {
        bide__finding(NULL, 0, "left running at the end of the test: %zu task(s)\n", bide_task_count() - 1);
        bide__say_tasks();
    }
}

static int call_body(void)
{
    const struct bide__attempt *attempt = now.attempt;
    int result;

    if (attempt->fault == BIDE__FAULT_TIMEOUT) {
        bide_timeout (INFINITY, result) {
            now.timeout = bide__enclosing;
            bide__fault_arm(attempt->fault, attempt->n);
            result = attempt->test->call(attempt->parameter);
        }
        now.timeout = NULL;
        return result;
    }
    if (attempt->fault)
        bide__fault_arm(attempt->fault, attempt->n);
    result = attempt->test->call(attempt->parameter);
    return result;
}

static int bide__test_entry(void *argument)
{
    (void)argument;
    now.result = call_body();
    bide__report->fired = bide__fault_fired();
    bide__fault_disarm();
    bide__cleanups_run(true);
    check_tasks();
    return now.result;
}

static int run_in_loop(void)
{
    const struct bide__attempt *attempt = now.attempt;
    bide_coroutine body = {
        .entry = bide__test_entry, .name = attempt->test->name, .file = attempt->test->file, .line = attempt->test->line
    };
    bide_run_options options = attempt->test->options.run;

    if (attempt->backend)
        options.backend = attempt->backend;
    options.virtual_clock = !attempt->test->options.real_clock;
    options.shuffle_seed = attempt->seed;
    options.no_interrupt = true;
    options.quiet = attempt->n != 0;
    now.hooks = (struct bide__hooks){ before_wait, error_unread, nothing_comes };
    bide__set_next_hooks(&now.hooks);
    return bide_run_with(body, &options);
}

/* What the result of the body means in the light of what was made to happen. */
static void judge(int result)
{
    const struct bide__attempt *attempt = now.attempt;
    const char *name = bide_error_name(result), *message = bide_strerror(result);
    const struct bide__test *test = attempt->test;
    enum bide__fault fault = bide__report->fired ? attempt->fault : BIDE__FAULT_NONE;
    int stopped = fault == BIDE__FAULT_TIMEOUT ? -ETIMEDOUT : -ECANCELED;

    if (fault == BIDE__FAULT_MEMORY || fault == BIDE__FAULT_ERROR)
        return;
    if (fault == BIDE__FAULT_CANCEL || fault == BIDE__FAULT_TIMEOUT) {
        if (result == stopped || (result >= 0 && (!now.must_stop || test->options.may_swallow)))
            return;
        if (result >= 0)
            bide__finding(
                test->file, test->line,
                "swallowed: the body's wait answered -ECANCELED, but it returned %d instead of handing that on\n",
                result);
        else
            bide__finding(test->file, test->line, "the body was to end with %s, but returned %s: %s\n",
                          bide_error_name(stopped), name, message);
        return;
    }
    if (result < 0)
        bide__finding(test->file, test->line, "the test returned %d (%s): %s\n", result, name, message);
}

static void look_at_the_rest(void)
{
    struct bide__failure **failure = bide__failure_place();

    bide__failure_free(*failure);
    *failure = NULL;
    if (!may_leave(BIDE_ALLOW_THREADS))
        bide__threads_check();
    bide__blocks_check(!may_leave(BIDE_ALLOW_MEMORY));
    if (!may_leave(BIDE_ALLOW_DESCRIPTORS))
        bide__descriptors_check();
}

_Noreturn void bide__attempt_run(const struct bide__attempt *attempt)
{
    int result;

    now.attempt = attempt;
    if (attempt->test->options.expect_failure)
        bide_test_expect_failure(attempt->test->options.expect_failure);
    bide__crash_watch();
    bide__descriptors_mark();
    bide__threads_mark();
    bide__blocks_watch();
    if (attempt->test->kind == BIDE__TEST_PLAIN) {
        result = attempt->test->call(attempt->parameter);
        bide__cleanups_run(false);
    } else {
        result = run_in_loop();
    }
    judge(result);
    look_at_the_rest();
    fflush(stdout);
    if (atomic_load(&bide__report->failures)) {
        bide__fault_say();
        bide__end_process(BIDE__FAILED);
    }
    bide__report->outcome = BIDE__PASSED;
    exit(0); /* so that a leak checker has its say */
}
