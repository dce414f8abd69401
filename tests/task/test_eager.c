/*
 * Eager start (rule D29 of docs/semantics.md): the first step inside of the call that starts the task.
 */
#include "check.h"

#include <errno.h>

#include "notes.h"

static int quick(const char *name)
{
    note("%s", name);
    return 3;
}
bide_async(quick, const char *);

static int slow(const char *name)
{
    note("%s1", name);
    int err = bide_sleep(0);
    note("%s2:%d", name, err);
    return err;
}
bide_async(slow, const char *);

static int fail_at_once(void)
{
    return bide_fail(-EIO, "at once");
}
bide_async(fail_at_once);

bide_test(eager_task_may_end_inside_create_task)
{
    bide_task *task = bide_create_task_eager(NULL, bide_co(quick, "q"));

    note("after");
    check(bide_done(task));
    check_eq(bide_result(task), 3);
    check_eq(bide_join(task), 3);
    check_eq(bide_task_count(), 1);
    check_eq(bide_start_eager(NULL, bide_co(quick, "r")), 0);
    check_notes("q after r");
    return 0;
}

bide_test(eager_task_goes_on_in_its_turn_after_its_first_wait)
{
    bide(bide_start(NULL, bide_co(quick, "before")));
    bide_task *task = bide_create_task_eager(NULL, bide_co(slow, "s"));

    note("after");
    check(!bide_done(task));
    check_eq(bide_join(task), 0);
    check_notes("s1 after before s2:0"); /* those that were ready were not overtaken, nor run inside of the call */
    return 0;
}

static int look_at_current(bide_task *starter, bide_task **ret_self)
{
    check(bide_current_task() != starter);
    *ret_self = bide_current_task();
    check_str(bide_task_name(*ret_self), "look_at_current");
    turns(1);
    check_eq(bide_current_task(), *ret_self);
    return 0;
}
bide_async(look_at_current, bide_task *, bide_task **);

bide_test(eager_task_is_the_current_one_meanwhile)
{
    bide_task *self = bide_current_task(), *seen = NULL;
    bide_task *task = bide_create_task_eager(NULL, bide_co(look_at_current, self, &seen));

    check_eq(seen, task);
    check_eq(bide_current_task(), self);
    check_eq(bide_join(task), 0);
    return 0;
}

static int nested(int depth);
bide_async(nested, int);

static int nested(int depth)
{
    note("<%d", depth);
    if (depth > 0)
        bide(bide_start_eager(NULL, bide_co(nested, depth - 1)));
    note("%d>", depth);
    bide(bide_sleep(0));
    note("%d", depth);
    return 0;
}

bide_test(eager_tasks_may_start_eager_tasks)
{
    bide(bide_start_eager(NULL, bide_co(nested, 2)));
    note("main");
    turns(2);
    check_notes("<2 <1 <0 0> 1> 2> main 0 1 2");
    return 0;
}

bide_test(eager_failure_counts_in_its_group) /* gh-128550 */
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(slow, "s"));
        bide_start_eager(tg, bide_co(fail_at_once));
        check(bide_cancelled());
        note("body:%d", bide_sleep(1));
    }
    check_error(err, EIO);
    check_str(bide_strerror(-EIO), "at once");
    check_notes("s1 body:-125 s2:-125");
    bide_task_group (tg, err) {
        bide_task *task = bide_create_task_eager(tg, bide_co(fail_at_once));
        check_error(bide_result(task), EIO);
    }
    check_error(err, EIO);
    return 0;
}

bide_test(eager_task_in_a_cancelled_group_runs_and_is_told) /* R4 */
{
    int err;

    bide_task_group (tg, err) {
        bide_group_cancel(tg);
        bide_start_eager(tg, bide_co(slow, "s"));
        note("body");
    }
    check_eq(err, 0);
    check_notes("s1 body s2:-125");
    return 0;
}

static int wake_others(bide_future *future)
{
    bide_future_set_result(future, 4, NULL);
    note("set");
    turns(1);
    note("ended");
    return 0;
}
bide_async(wake_others, bide_future *);

static int wait_on(bide_future *future)
{
    note("woken:%d", bide_future_wait(future));
    return 0;
}
bide_async(wait_on, bide_future *);

bide_test(eager_task_may_wake_others)
{
    bide_future future = { 0 };

    bide(bide_start(NULL, bide_co(wait_on, &future)));
    turns(1);
    bide(bide_start_eager(NULL, bide_co(wake_others, &future)));
    note("main");
    turns(2);
    check_notes("set main woken:4 ended");
    return 0;
}

static void start_from_callback(void *argument)
{
    (void)argument;
    check_eq(bide_start_eager(NULL, bide_co(slow, "s")), 0);
    check_eq(bide_current_task(), NULL);
    note("callback");
}

bide_test(eager_task_may_be_started_by_a_callback)
{
    check_eq(bide_call_soon(bide_get_running_loop(), start_from_callback, NULL, NULL), 0);
    turns(3);
    check_notes("s1 callback s2:0");
    return 0;
}

static int begin_many(int count)
{
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < count; i++) {
            bide(bide_start(tg, bide_co(slow, "")));
            if (i % 3 == 0)
                bide(bide_sleep(0));
        }
    }
    notes[0] = 0;
    return err;
}
bide_async(begin_many, int);

static int with_option(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(quick, "q"));

    check(bide_done(task));
    bide(bide_start(NULL, bide_co(slow, "s")));
    note("main");
    turns(2);
    check_notes("q s1 main s2:0");
    return bide_gather(bide_co(begin_many, 500), bide_co(begin_many, 500));
}
bide_async(with_option);

unit_test(eager_start_as_a_run_option)
{
    check_eq(bide_run_with(bide_co(with_option), &(bide_run_options){ .eager_start = true }), 0);
    check_eq(bide_run_with(bide_co(with_option),
                           &(bide_run_options){ .eager_start = true, .debug = true, .slow_callback_duration = 1e6 }),
             0);
    return 0;
}

static int stop_the_loop(void)
{
    bide_stop(bide_get_running_loop());
    return 0;
}
bide_async(stop_the_loop);

static int stop_eagerly(void)
{
    bide(bide_start_eager(NULL, bide_co(stop_the_loop)));
    note("main");
    bide(bide_sleep(0));
    return 0;
}
bide_async(stop_eagerly);

unit_test(eager_task_may_stop_the_loop)
{
    bide_auto(runner) runner = { 0 };

    check_eq(bide_runner_open(&runner, &(bide_run_options){ .quiet = true }), 0);
    check_error(bide_runner_run(&runner, bide_co(stop_eagerly)), EAGAIN);
    check_notes("main");
    check_eq(bide_runner_resume(&runner), 0);
    return 0;
}
