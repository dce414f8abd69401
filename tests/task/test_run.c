/*
 * bide_run: results, what happens to tasks that are left over, nesting, many runs, options. The names in comments (A1,
 * ...) are those of the rules in docs/semantics.md. Ctrl-C is in test_interrupt.c.
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "capture.h"
#include "notes.h"

static int answer(int value)
{
    return value;
}
bide_async(answer, int);

static int nap(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(nap, double, const char *);

static const bide_run_options quiet = { .quiet = true };

unit_test(run_returns_what_main_returns) /* A1 */
{
    check_eq(bide_run(bide_co(answer, 0)), 0);
    check_eq(bide_run(bide_co(answer, 41)), 41);
    check_error(bide_run_with(bide_co(answer, -EIO), &quiet), EIO);
    check_error(bide_run_with(bide_co(answer, -ECANCELED), &quiet), ECANCELED);
    check_eq(bide_get_running_loop(), NULL);
    return 0;
}

static int clean_up_slowly(double seconds, const char *name)
{
    int err = bide_sleep(3600);

    bide_shield (60) {
        (void)bide_sleep(seconds);
    }
    note("%s:%d", name, err);
    return err;
}
bide_async(clean_up_slowly, double, const char *);

static int leave_two(void)
{
    bide(bide_start(NULL, bide_co(clean_up_slowly, 0.01, "slow")));
    bide(bide_start(NULL, bide_co(clean_up_slowly, 0.002, "quick")));
    bide(bide_sleep(0));
    note("main");
    return 4;
}
bide_async(leave_two);

unit_test(run_cancels_what_is_left_over_and_waits) /* A2 */
{
    check_eq(bide_run(bide_co(leave_two)), 4);
    check_notes("main quick:-125 slow:-125");
    return 0;
}

static int fail_in_cleanup(void)
{
    (void)bide_sleep(3600);
    note("cleanup");
    return bide_fail(-EIO, "cleanup failed");
}
bide_async(fail_in_cleanup);

static int leave_a_failing_one(void)
{
    bide(bide_start(NULL, bide_co(fail_in_cleanup)));
    return 5;
}
bide_async(leave_a_failing_one);

unit_test(run_result_is_not_touched_by_failing_cleanups) /* A3 */
{
    check_eq(bide_run(bide_co(leave_a_failing_one)), 5);
    check_notes("cleanup");
    return 0;
}

static int swallow(void)
{
    (void)bide_sleep(3600);
    turns(50);
    note("ended");
    return 0;
}
bide_async(swallow);

static int leave_one_that_swallows(void)
{
    return bide_start(NULL, bide_co(swallow));
}
bide_async(leave_one_that_swallows);

unit_test(run_waits_for_one_that_swallows) /* A4 */
{
    check_eq(bide_run(bide_co(leave_one_that_swallows)), 0);
    check_notes("ended");
    return 0;
}

static int start_another(int depth);
bide_async(start_another, int);

static int start_another(int depth)
{
    (void)bide_sleep(3600);
    note("%d", depth);
    return depth > 0 ? bide_start(NULL, bide_co(start_another, depth - 1)) : 0;
}

static int leave_one_that_starts_another(void)
{
    return bide_start(NULL, bide_co(start_another, 3));
}
bide_async(leave_one_that_starts_another);

unit_test(run_cancels_also_what_cleanups_start) /* A5 differs: nothing is left behind */
{
    check_eq(bide_run(bide_co(leave_one_that_starts_another)), 0);
    check_notes("3 2 1 0");
    return 0;
}

static int fail_in_background(void)
{
    return bide_fail(-EIO, "nobody joins this");
}
bide_async(fail_in_background);

static int ignore_background(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(fail_in_background));

    bide(bide_sleep(0.001));
    check_error(bide_result(task), EIO);
    check(!bide_cancelled()); /* it is the affair of who joins it */
    return 0;
}
bide_async(ignore_background);

unit_test(run_goes_on_when_a_background_task_fails)
{
    return bide_run(bide_co(ignore_background));
}

/* ---- nesting and repeating ---- */

static int nest(void)
{
    bide_loop *loop = bide_get_running_loop();

    check_error(bide_run(bide_co(answer, 1)), EDEADLK);
    check_str(bide_strerror(-EDEADLK),
              "bide_run cannot be called from a running event loop (the one that runs in this thread)");
    check_eq(bide_get_running_loop(), loop);
    check_eq(bide_task_count(), 1);
    return bide_sleep(0.001); /* the outer loop is as it was */
}
bide_async(nest);

unit_test(run_in_a_running_loop_is_refused) /* A8, B13 */
{
    return bide_run(bide_co(nest));
}

static int nest_in_thread(void)
{
    check_eq(bide_get_running_loop(), NULL);
    return bide_run(bide_co(answer, 6));
}
bide_async(nest_in_thread);

bide_test(run_in_another_thread_is_fine) /* A8 */
{
    check_eq(bide_to_thread(bide_co(nest_in_thread)), 6);
    return bide_sleep(0);
}

static int some_work(void)
{
    int err;

    bide_task_group (tg, err) {
        for (int i = 0; i < 10; i++)
            bide(bide_start(tg, bide_co(answer, i)));
        bide(bide_sleep(0.0001));
    }
    bide_start(NULL, bide_co(nap, 3600, "x"));
    return err;
}
bide_async(some_work);

unit_test(run_again_and_again_in_one_thread)
{
    for (int i = 0; i < 100; i++)
        check_eq(bide_run(bide_co(some_work)), 0);
    return 0;
}

static int fail_with_message(int number)
{
    bide(bide_sleep(0.001));
    return bide_fail(-EIO, "thread %d failed", number);
}
bide_async(fail_with_message, int);

static void *run_in_thread(void *argument)
{
    int number = *(int *)argument;

    for (int i = 0; i < 20; i++) {
        char expected[32];

        check_eq(bide_run(bide_co(answer, number)), number);
        check_error(bide_run_with(bide_co(fail_with_message, number), &quiet), EIO);
        snprintf(expected, sizeof expected, "thread %d failed", number);
        check_str(bide_strerror(-EIO), expected);
    }
    return NULL;
}

unit_test(run_in_four_threads_at_once) /* and the threads leave no message behind */
{
    pthread_t threads[4];
    int numbers[4];

    for (int i = 0; i < 4; i++) {
        numbers[i] = i;
        check_eq(pthread_create(&threads[i], NULL, run_in_thread, &numbers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    return 0;
}

/* ---- what is printed ---- */

static int inner(void)
{
    return bide_fail(-EIO, "the disk is on fire");
}

static int outer(void)
{
    bide(inner());
    return 0;
}
bide_async(outer);

unit_test(run_prints_an_error_with_its_trace)
{
    char task_line[256];

    capture_begin();
    int err = bide_run(bide_co(outer)), line = __LINE__;
    capture_end();
    check_error(err, EIO);
    snprintf(task_line, sizeof task_line, "    in task 'outer' (%s:%d)\n", __FILE__, line);
    check(strncmp(captured, "bide: the disk is on fire\n    in inner() (", 42) == 0);
    const char *in_task = strstr(captured, "    in task");
    check(in_task != NULL);
    check_str(in_task, task_line);
    return 0;
}

unit_test(run_prints_nothing_when_there_is_nothing_to_say)
{
    capture_begin();
    check_eq(bide_run(bide_co(answer, 3)), 3);
    check_error(bide_run_with(bide_co(outer), &quiet), EIO);
    capture_end();
    check_str(captured, "");
    check_str(bide_strerror(-EIO), "the disk is on fire"); /* it is there for who asks */
    return 0;
}

unit_test(run_prints_a_general_text_for_a_bare_code)
{
    capture_begin();
    check_error(bide_run(bide_co(answer, -ENOENT)), ENOENT);
    capture_end();
    check(strncmp(captured, "bide: No such file or directory\n    in task 'answer' (", 54) == 0);
    return 0;
}

/* ---- options ---- */

unit_test(run_options_that_make_no_sense)
{
    const size_t sizes[] = { 1, 4096, 65535, 65537, 96 * 1024, (size_t)128 << 20 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_error(bide_run_with(bide_co(answer, 1), &(bide_run_options){ .stack_size = sizes[i], .quiet = true }),
                    EINVAL);
        check(strstr(bide_strerror(-EINVAL), "must be a power of two from 16 KiB to 64 MiB") != NULL);
    }
    check_error(bide_run_with(bide_co(answer, 1), &(bide_run_options){ .backend = "kqueue", .quiet = true }), EINVAL);
    check(strstr(bide_strerror(-EINVAL), "unknown backend 'kqueue'") != NULL);
    return 0;
}

static int use_stack(size_t size)
{
    volatile char area[size];

    for (size_t i = 0; i < size; i += 512)
        area[i] = (char)i;
    bide(bide_sleep(0));
    for (size_t i = 0; i < size; i += 512)
        check_eq(area[i], (char)i);
    return 1;
}
bide_async(use_stack, size_t);

unit_test(run_options_stack_size)
{
    check_eq(bide_run_with(bide_co(use_stack, 8 * 1024), &(bide_run_options){ .stack_size = 16 * 1024 }), 1);
    check_eq(bide_run_with(bide_co(use_stack, 48 * 1024), NULL), 1);
    check_eq(bide_run_with(bide_co(use_stack, 900 * 1024), &(bide_run_options){ .stack_size = 1024 * 1024 }), 1);
    return 0;
}

static int count_descriptors(int *ret_count)
{
    *ret_count = dup(0);
    close(*ret_count);
    return 0;
}
bide_async(count_descriptors, int *);

unit_test(run_closes_its_descriptors)
{
    int first = 0, again = 0;

    check_eq(bide_run(bide_co(count_descriptors, &first)), 0);
    for (int i = 0; i < 5; i++)
        check_eq(bide_run(bide_co(count_descriptors, &again)), 0);
    check_eq(first, again);
    return 0;
}

struct gate {
    atomic_bool started, open;
};

static int block_at(struct gate *gate)
{
    atomic_store(&gate->started, true);
    while (!atomic_load(&gate->open))
        sched_yield();
    note("thread");
    return 0;
}
bide_async(block_at, struct gate *);

static int call_thread(struct gate *gate)
{
    return bide_to_thread(bide_co(block_at, gate));
}
bide_async(call_thread, struct gate *);

static int leave_a_thread(struct gate *gate)
{
    bide(bide_start(NULL, bide_co(call_thread, gate)));
    while (!atomic_load(&gate->started))
        turns(1);
    note("main");
    atomic_store(&gate->open, true);
    return 0;
}
bide_async(leave_a_thread, struct gate *);

unit_test(run_waits_for_its_threads) /* A7 */
{
    struct gate gate = { .started = false };

    check_eq(bide_run(bide_co(leave_a_thread, &gate)), 0);
    check_notes("main thread");
    return 0;
}
