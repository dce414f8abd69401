/*
 * Tasks and their handles: start, join, cancel, result, forget, names. The names in comments (D1, ...) are those of the
 * rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>

#include "notes.h"

static int say(const char *name)
{
    note("%s", name);
    return 0;
}
bide_async(say, const char *);

static int nap(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(nap, double, const char *);

/* Yields some turns, then returns the value. */
static int answer(int count, int value)
{
    turns(count);
    return value;
}
bide_async(answer, int, int);

static int join_noted(bide_task **task, const char *name)
{
    int result = bide_join(*task);

    note("%s:%d", name, result);
    return result;
}
bide_async(join_noted, bide_task **, const char *);

bide_test(task_never_runs_inside_create_and_starts_in_order) /* D1 */
{
    check(bide_create_task(NULL, bide_co(say, "a")) != NULL);
    check_eq(bide_start(NULL, bide_co(say, "b")), 0);
    check(bide_create_task(NULL, bide_co(say, "c")) != NULL);
    note("main");
    turns(1);
    check_notes("main a b c");
    return 0;
}

bide_test(task_called_directly_is_an_ordinary_call) /* D2 */
{
    size_t before = bide_task_count();

    check_eq(say("inline"), 0);
    check_notes("inline");
    check_eq(bide_task_count(), before);
    return 0;
}

bide_test(join_by_many_wakes_in_order) /* D3 */
{
    bide_task *waited = bide_create_task(NULL, bide_co(answer, 3, 42));

    bide_create_task(NULL, bide_co(join_noted, &waited, "a"));
    bide_create_task(NULL, bide_co(join_noted, &waited, "b"));
    bide_create_task(NULL, bide_co(join_noted, &waited, "c"));
    turns(10);
    check_notes("a:42 b:42 c:42");
    return 0;
}

static int count_turns(int *counter)
{
    while (bide_sleep(0) == 0)
        ++*counter;
    return 0;
}
bide_async(count_turns, int *);

bide_test(join_of_an_ended_task_does_not_yield) /* C6 */
{
    int counter = 0;
    bide_task *ended = bide_create_task(NULL, bide_co(answer, 0, 5));

    turns(2);
    check(bide_done(ended));
    check_eq(bide_result(ended), 5);
    bide_start(NULL, bide_co(count_turns, &counter));
    turns(2);
    int before = counter;
    for (int i = 0; i < 10; i++)
        check_eq(bide_join(ended), 5);
    check_eq(counter, before);
    return 0;
}

static int join_myself(void)
{
    return bide_join(bide_current_task());
}
bide_async(join_myself);

bide_test(join_of_oneself_or_of_nothing) /* D22 */
{
    bide_task *task = bide_create_task(NULL, bide_co(join_myself));

    check_error(bide_join(task), EDEADLK);
    check(strstr(bide_strerror(-EDEADLK), "join_myself") != NULL);
    check_error(join_myself(), EDEADLK); /* main */
    check_error(bide_join(NULL), EINVAL);
    return 0;
}

bide_test(join_in_a_circle_can_be_cancelled) /* D22 */
{
    bide_task *tasks[2];

    tasks[0] = bide_create_task(NULL, bide_co(join_noted, &tasks[1], "a"));
    tasks[1] = bide_create_task(NULL, bide_co(join_noted, &tasks[0], "b"));
    turns(3);
    check(!bide_done(tasks[0]) && !bide_done(tasks[1]));
    bide_cancel(tasks[0]);
    turns(10);
    check_notes("a:-125 b:-125");
    return 0;
}

static int own_a_child(bide_task **ret_child)
{
    int err;

    bide_task_group (tg, err) {
        *ret_child = bide_create_task(tg, bide_co(answer, 3, 42));
        turns(4); /* the child has ended just before, in this turn: its joiner is woken, but has not run */
    }
    /* the group is over; these tasks take the memory of its handle */
    for (int i = 0; i < 4; i++)
        bide_create_task(NULL, bide_co(nap, 3600, "other"));
    return err;
}
bide_async(own_a_child, bide_task **);

bide_test(join_gets_its_result_though_the_group_ends_first)
{
    bide_task *child = NULL, *joiner;

    bide_start(NULL, bide_co(own_a_child, &child));
    turns(1);
    joiner = bide_create_task(NULL, bide_co(join_noted, &child, "joiner"));
    check_eq(bide_join(joiner), 42);
    check_notes("joiner:42");
    return 0;
}

bide_test(join_gets_its_result_though_the_handle_is_forgotten)
{
    bide_task *waited = bide_create_task(NULL, bide_co(answer, 3, 42));
    bide_task *joiner = bide_create_task(NULL, bide_co(join_noted, &waited, "joiner"));

    turns(2);
    bide_forget(waited);
    turns(2); /* it has ended just before; the joiner has not run yet, and these take the memory of the handle */
    for (int i = 0; i < 4; i++)
        bide_create_task(NULL, bide_co(nap, 3600, "other"));
    check_eq(bide_join(joiner), 42);
    check_notes("joiner:42");
    return 0;
}

/* ---- cancel ---- */

bide_test(cancel_says_whether_the_task_was_running) /* D6 */
{
    bide_task *task = bide_create_task(NULL, bide_co(nap, 3600, "a"));

    check(bide_cancel(task));
    check(bide_cancel(task));
    check_error(bide_join(task), ECANCELED);
    check(!bide_cancel(task));
    check_error(bide_result(task), ECANCELED);
    check(!bide_cancel(NULL));
    check_notes("a:-125");
    return 0;
}

static int cancel_myself(int *ret_free)
{
    check(bide_cancel(bide_current_task()));
    check(bide_cancelled());
    *ret_free = 1; /* what does not wait goes on */
    return bide_sleep(3600);
}
bide_async(cancel_myself, int *);

static int cancel_myself_and_return(void)
{
    bide_cancel(bide_current_task());
    return 77;
}
bide_async(cancel_myself_and_return);

bide_test(cancel_of_oneself) /* D11; D12 differs: a value is never lost */
{
    int free_to_run = 0;
    bide_task *task = bide_create_task(NULL, bide_co(cancel_myself, &free_to_run));

    check_error(bide_join(task), ECANCELED);
    check_eq(free_to_run, 1);
    task = bide_create_task(NULL, bide_co(cancel_myself_and_return));
    check_eq(bide_join(task), 77);
    return 0;
}

static int swallow(void)
{
    note("%d", bide_sleep(3600));
    note("%d", bide_sleep(3600)); /* a level: it cannot be swallowed for good */
    return 3;
}
bide_async(swallow);

bide_test(cancel_that_is_swallowed) /* D13, D14 */
{
    bide_task *task = bide_create_task(NULL, bide_co(swallow));

    turns(2);
    bide_cancel(task);
    check_eq(bide_join(task), 3);
    check_notes("-125 -125");
    return 0;
}

bide_test(cancel_of_a_joiner_leaves_the_joined_alone) /* D17, D19 differ */
{
    bide_task *waited = bide_create_task(NULL, bide_co(nap, 0.2, "waited"));
    bide_task *first = bide_create_task(NULL, bide_co(join_noted, &waited, "first"));
    bide_task *second = bide_create_task(NULL, bide_co(join_noted, &waited, "second"));
    bide_task *third = bide_create_task(NULL, bide_co(join_noted, &waited, "third"));

    turns(2);
    bide_cancel(second);
    turns(2);
    bide_cancel(first);
    check_eq(bide_join(third), 0);
    check_notes("second:-125 first:-125 waited:0 third:0");
    return 0;
}

static int just_cancelled(void)
{
    return -ECANCELED;
}
bide_async(just_cancelled);

bide_test(cancelled_result_of_a_body_that_nobody_cancelled) /* D20 */
{
    bide_task *task = bide_create_task(NULL, bide_co(just_cancelled));

    check_error(bide_join(task), ECANCELED);
    check(!bide_cancelled());
    return 0;
}

/* ---- handles ---- */

bide_test(result_and_done)
{
    bide_task *task = bide_create_task(NULL, bide_co(answer, 1, 9));

    check(!bide_done(task));
    check_error(bide_result(task), EAGAIN);
    check_eq(bide_join(task), 9);
    check(bide_done(task));
    check_eq(bide_result(task), 9);
    return 0;
}

bide_test(forget_frees_what_a_handle_holds)
{
    size_t before = 0;

    bide_forget(NULL);
    for (int i = 0; i < 20000; i++) {
        bide_task *task = bide_create_task(NULL, bide_co(answer, 0, -EIO)); /* with a message to free */

        if (i % 2)
            bide_forget(task); /* while it runs */
        bide_sleep(0);
        if (i % 2 == 0)
            bide_forget(task); /* when it has ended */
        if (i == 1000)
            before = mallinfo2().uordblks;
    }
    check(mallinfo2().uordblks < before + 100000);
    return 0;
}

bide_test(names)
{
    bide_task *task = bide_create_task(NULL, bide_co(answer, 1, 0));

    check_str(bide_task_name(task), "answer");
    bide_set_task_name(task, "reader 7");
    check_str(bide_task_name(task), "reader 7");
    bide(bide_join(task));
    check_str(bide_task_name(task), "reader 7");
    bide_set_task_name(task, "old reader");
    check_str(bide_task_name(task), "old reader");
    check_str(bide_task_name(bide_current_task()), "test_names");
    return 0;
}

static int check_current(bide_task **self)
{
    for (int i = 0; i < 5; i++) {
        check_eq(bide_current_task(), *self);
        turns(1);
    }
    return 0;
}
bide_async(check_current, bide_task **);

static int current_of_started(void)
{
    bide_task *self = bide_current_task(); /* started without a handle: it gets one */

    check(self != NULL);
    check_str(bide_task_name(self), "current_of_started");
    turns(2);
    check_eq(bide_current_task(), self);
    return 0;
}
bide_async(current_of_started);

static void no_current(void *argument)
{
    check_eq(bide_current_task(), NULL);
    check_error(bide_sleep(0), EPERM);
    check_error(bide_join(argument), EPERM);
    check_error(bide_gather_n(NULL, 0), EPERM);
    check(bide_start(NULL, bide_co(say, "from a callback")) == 0);
    note("callback");
}

bide_test(current_task) /* D23 */
{
    bide_task *tasks[2], *self = bide_current_task();

    check(self != NULL);
    for (int i = 0; i < 2; i++)
        tasks[i] = bide_create_task(NULL, bide_co(check_current, &tasks[i]));
    check(tasks[0] != tasks[1]);
    bide_start(NULL, bide_co(current_of_started));
    turns(2);
    check_eq(bide_current_task(), self);
    bide(bide_call_soon(bide_get_running_loop(), no_current, tasks[0], NULL));
    turns(2);
    check_notes("callback from a callback");
    bide(bide_join(tasks[1]));
    return 0;
}

unit_test(outside_of_a_loop)
{
    check_eq(bide_current_task(), NULL);
    check_eq(bide_task_count(), 0);
    check_eq(bide_get_running_loop(), NULL);
    check_error(bide_sleep(1), EPERM);
    check_error(bide_to_thread(bide_co(just_cancelled)), EPERM);
    check(bide_time() > 0);
    return 0;
}

bide_test(task_count)
{
    check_eq(bide_task_count(), 1);
    bide_start(NULL, bide_co(answer, 1, 0));
    bide_start(NULL, bide_co(answer, 2, 0));
    check_eq(bide_task_count(), 3);
    turns(2);
    check_eq(bide_task_count(), 2);
    turns(1);
    check_eq(bide_task_count(), 1);
    return 0;
}

static int cancel_main(bide_task *main)
{
    bide_cancel(main);
    return 0;
}
bide_async(cancel_main, bide_task *);

static int main_that_is_cancelled(void)
{
    bide_start(NULL, bide_co(nap, 0.002, "background"));
    bide_start(NULL, bide_co(cancel_main, bide_current_task()));
    int err = bide_sleep(3600);
    note("main:%d", err);
    bide_shield (60) {
        (void)bide_sleep(0.005);
    }
    return err;
}
bide_async(main_that_is_cancelled);

unit_test(cancel_of_main_leaves_the_background_alone)
{
    check_error(bide_run_with(bide_co(main_that_is_cancelled), &(bide_run_options){ .quiet = true }), ECANCELED);
    check_notes("main:-125 background:0");
    return 0;
}

static int wait_on_main(bide_task *main)
{
    note("joined:%d", bide_join(main));
    note("next:%d", bide_sleep(1));
    return 0;
}
bide_async(wait_on_main, bide_task *);

static int main_that_is_joined(void)
{
    bide_start(NULL, bide_co(wait_on_main, bide_current_task()));
    turns(2);
    return 7;
}
bide_async(main_that_is_joined);

unit_test(join_of_main_gets_its_result)
{
    check_eq(bide_run(bide_co(main_that_is_joined)), 7);
    check_notes("joined:7 next:-125");
    return 0;
}
