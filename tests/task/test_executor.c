/*
 * bide_executor: threads for one kind of work.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "notes.h"

static int answer(int value)
{
    return value < 0 ? bide_fail(value, "from the executor") : value;
}
bide_async(answer, int);

static int thread_name(char *ret_name)
{
    check_eq(pthread_getname_np(pthread_self(), ret_name, 16), 0);
    return 0;
}
bide_async(thread_name, char *);

bide_test(executor_runs_calls_in_its_own_threads)
{
    bide_executor *executor = NULL;
    char name[16];

    bide(bide_executor_open(2, "images", &executor));
    check_eq(bide_run_in_executor(executor, bide_co(answer, 3)), 3);
    check_error(bide_run_in_executor(executor, bide_co(answer, -EIO)), EIO);
    check_str(bide_strerror(-EIO), "from the executor");
    check_eq(bide_run_in_executor(executor, bide_co(thread_name, name)), 0);
    check_str(name, "images");
    check_eq(bide_run_in_executor(NULL, bide_co(thread_name, name)), 0);
    check(strcmp(name, "images") != 0);
    bide_executor_close(executor);
    bide_executor_close(NULL);
    return 0;
}

struct gate {
    atomic_bool started, open;
};

static int wait_at_gate(struct gate *gate)
{
    atomic_store(&gate->started, true);
    while (!atomic_load(&gate->open))
        sched_yield();
    return 0;
}
bide_async(wait_at_gate, struct gate *);

static int call_gate(bide_executor *executor, struct gate *gate)
{
    return bide_run_in_executor(executor, bide_co(wait_at_gate, gate));
}
bide_async(call_gate, bide_executor *, struct gate *);

static int call_answer(bide_executor *executor)
{
    return bide_run_in_executor(executor, bide_co(answer, 5));
}
bide_async(call_answer, bide_executor *);

bide_test(executor_that_is_busy_hinders_no_other)
{
    bide_executor *busy = NULL;
    struct gate gate = { .open = false };
    int err;

    bide(bide_executor_open(1, "busy", &busy));
    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(call_gate, busy, &gate)));
        while (!atomic_load(&gate.started))
            turns(1);
        bide_task *queued = bide_create_task(tg, bide_co(call_answer, busy));
        check_eq(bide_to_thread(bide_co(answer, 4)), 4);
        check(!bide_done(queued));
        bide_cancel(queued); /* it stands in the queue: it never runs */
        check_error(bide_join(queued), ECANCELED);
        atomic_store(&gate.open, true);
    }
    check_eq(err, 0);
    bide_executor_close(busy);
    return 0;
}

bide_test(executor_options_that_make_no_sense)
{
    bide_executor *executor = NULL;

    check_error(bide_executor_open(0, "none", &executor), EINVAL);
    check_error(bide_executor_open((size_t)1 << 40, "many", &executor), EINVAL);
    check_eq(executor, NULL);
    bide(bide_executor_open(1, "a name of more than fifteen bytes", &executor));
    check_eq(bide_run_in_executor(executor, bide_co(answer, 1)), 1);
    bide_executor_close(executor);
    return 0;
}

unit_test(executor_outside_of_a_loop)
{
    bide_executor *executor = NULL;

    check_error(bide_executor_open(1, "x", &executor), EPERM);
    check_eq(executor, NULL);
    return 0;
}

bide_test(a_cancelled_call_that_was_queued_is_not_under_way)
{
    bide_executor *executor = NULL;
    struct gate gate = { .open = false };

    bide(bide_executor_open(1, "busy", &executor));
    bide_task *first = bide_create_task(NULL, bide_co(call_gate, executor, &gate));
    bide(bide_sleep(0));
    bide_task *second = bide_create_task(NULL, bide_co(call_answer, executor));
    bide(bide_sleep(0));
    bide_cancel(second);
    check_eq(bide_join(second), -ECANCELED);
    atomic_store(&gate.open, true);
    check_eq(bide_join(first), 0);
    /* the virtual clock stands still while a thread is at work: it would take the ten minutes */
    check_eq(bide_sleep(600), 0);
    bide_forget(first);
    bide_forget(second);
    bide_executor_close(executor);
    return 0;
}
