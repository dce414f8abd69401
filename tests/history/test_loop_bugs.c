/*
 * Bugs of loops, threads and the life of tasks elsewhere; each test is named after the report
 * (docs/historical-bugs.md).
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>

#include "../task/notes.h"

static int nothing_much(void)
{
    return 0;
}
bide_async(nothing_much);

/* A nested run is refused; the running loop is still the running loop, and a second one is refused as well. */
bide_test(gh_130145_refused_nested_run_clears_the_running_state)
{
    bide_loop *loop = bide_get_running_loop();

    for (int i = 0; i < 2; i++) {
        check_error(bide_run(bide_co(nothing_much)), EDEADLK);
        check_eq(bide_get_running_loop(), loop);
    }
    check_eq(bide_sleep(0), 0);
    return 0;
}

static int finished;

static int wait_a_little(int rounds)
{
    turns(rounds);
    finished++;
    return 0;
}
bide_async(wait_a_little, int);

/* Nobody keeps a handle: the tasks run to their end all the same. */
bide_test(gh_91887_tasks_that_nobody_refers_to_vanish)
{
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < 50; i++)
            bide_start(tg, bide_co(wait_a_little, i));
        for (int i = 0; i < 50; i++)
            bide_forget(bide_create_task(tg, bide_co(wait_a_little, i)));
    }
    check_eq(err, 0);
    check_eq(finished, 100);
    return 0;
}

static int report_the_cancel(bide_event *ended)
{
    int err = bide_sleep(3600);

    note("%s", bide_error_name(err));
    bide_event_set(ended);
    return err;
}
bide_async(report_the_cancel, bide_event *);

/*
 * A call from another thread is cancelled: the task in the loop is. Here both are one thread, where it once was
 * forgotten.
 */
bide_test(gh_105836_cancelled_remote_call_goes_on)
{
    bide_remote_call *call;
    bide_event ended = { 0 };
    int err;

    check_eq(bide_run_coroutine_threadsafe(bide_get_running_loop(), bide_co(report_the_cancel, &ended), &call), 0);
    bide_sleep(0.001);
    bide_remote_call_cancel(call);
    bide_timeout (5, err)
        err = bide_event_wait(&ended);
    check_eq(err, 0);
    check_notes("ECANCELED");
    bide_remote_call_free(call);
    return 0;
}

static int calls;

static void count_call(void *argument)
{
    (void)argument;
    calls++;
}

static void *call_often(void *loop)
{
    for (int i = 0; i < 20000; i++)
        check_eq(bide_call_soon_threadsafe(loop, count_call, NULL), 0);
    return NULL;
}

static int join_the_thread(pthread_t *thread)
{
    return -pthread_join(*thread, NULL);
}
bide_async(join_the_thread, pthread_t *);

/* Far more wake-ups than a pipe holds: none is lost, none fails (gh-156344, python/asyncio#11). */
bide_test(gh_156054_wake_up_channel_is_full)
{
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, call_often, bide_get_running_loop()), 0);
    check_eq(bide_to_thread(bide_co(join_the_thread, &thread)), 0);
    turns(2);
    check_eq(calls, 20000);
    return 0;
}

static int join_it(bide_task *task)
{
    return bide_join(task);
}
bide_async(join_it, bide_task *);

/* Waits for a task that are given up leave nothing on it (gh-155854, gh-156321, gh-86802). */
bide_test(gh_79306_waits_given_up_pile_up_on_the_task)
{
    bide_task *task = bide_create_task(NULL, bide_co(wait_a_little, 5000));

    for (int i = 0; i < 1000; i++) {
        bide_task *joiner = bide_create_task(NULL, bide_co(join_it, task));

        turns(1);
        bide_cancel(joiner);
        check_error(bide_join(joiner), ECANCELED);
        bide_forget(joiner);
    }
    check(!bide_done(task));
    check_eq(bide_task_count(), 2u);
    check_eq(bide_join(task), 0);
    return 0;
}

/* A timer that was cancelled keeps nothing alive (uvloop#239, #240). */
bide_test(asyncio_186_cancelled_timers_keep_things_alive)
{
    bide_handle handles[1000];

    for (int i = 0; i < 1000; i++)
        check_eq(bide_call_later(bide_get_running_loop(), 3600, count_call, NULL, &handles[i]), 0);
    for (int i = 0; i < 1000; i++)
        check(bide_handle_cancel(handles[i]));
    return 0; /* and run() ends now, not in an hour; what was allocated is looked at by the leak checkers */
}
