/*
 * Too many tasks: over task_limit, and without memory. What cannot be started says so, leaves nothing behind, and the
 * rest goes on.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "notes.h"

static int nap(double seconds)
{
    return bide_sleep(seconds);
}
bide_async(nap, double);

static int over_the_limit(void)
{
    bide_task *tasks[3];
    int err;

    for (int i = 0; i < 3; i++)
        check((tasks[i] = bide_create_task(NULL, bide_co(nap, 3600))) != NULL);
    for (int i = 0; i < 100; i++) {
        check_eq(bide_create_task(NULL, bide_co(nap, 3600)), NULL);
        check_error(bide_start(NULL, bide_co(nap, 3600)), EAGAIN);
    }
    check_str(bide_strerror(-EAGAIN), "start task 'nap': 4 tasks are alive, the limit");
    check_eq(bide_task_count(), 4);
    bide_cancel(tasks[0]);
    check_error(bide_join(tasks[0]), ECANCELED);
    check((tasks[0] = bide_create_task(NULL, bide_co(nap, 3600))) != NULL); /* room again */
    check_eq(bide_create_task(NULL, bide_co(nap, 3600)), NULL);

    bide_task_group (tg, err) { /* in a group nobody can overlook it */
        check_eq(bide_create_task(tg, bide_co(nap, 3600)), NULL);
        check(bide_cancelled());
    }
    check_error(err, EAGAIN);
    check(strstr(bide_strerror(err), "the limit") != NULL);
    check_error(bide_gather(bide_co(nap, 0)), EAGAIN);
    check(!bide_cancelled());
    return 0;
}
bide_async(over_the_limit);

unit_test(task_limit)
{
    bide_run_options options = { .task_limit = 3 };

    check_error(bide_run_with(bide_co(nap, 0), &(bide_run_options){ .task_limit = 1 }), 0);
    return bide_run_with(bide_co(over_the_limit), &options);
}

static int settled_over_the_limit(void)
{
    bide_coroutine one = bide_co(nap, 0.001);
    bide_coroutine values[] = { one, one, one, one };
    int results[4] = { 1, 1, 1, 1 };

    check_eq(bide_gather_settled(values, 4, results), 0);
    check_eq(results[0], 0);
    check_eq(results[1], 0);
    check_error(results[2], EAGAIN);
    check_error(results[3], EAGAIN);
    return 0;
}
bide_async(settled_over_the_limit);

unit_test(task_limit_in_gather_settled)
{
    return bide_run_with(bide_co(settled_over_the_limit), &(bide_run_options){ .task_limit = 2 });
}

static int group_over_the_limit(void)
{
    int err, started = 0;

    bide_task_group (tg, err) {
        while (bide_start(tg, bide_co(nap, 3600)) == 0)
            started++;
        err = bide_sleep(0);
    }
    check_eq(started, 10);
    check_error(err, EAGAIN);
    return 0;
}
bide_async(group_over_the_limit);

unit_test(task_limit_in_a_group_cancels_what_was_started)
{
    return bide_run_with(bide_co(group_over_the_limit), &(bide_run_options){ .task_limit = 10 });
}

/* Starts tasks until there is no memory, several times; each time everything comes back. */
static int until_memory_ends(size_t *ret_started)
{
    for (int round = 0; round < 3; round++) {
        int err, last = 0;

        *ret_started = 0;
        bide_task_group (tg, err) {
            while ((last = bide_start(tg, bide_co(nap, 3600))) == 0 && *ret_started < 1000000)
                ++*ret_started;
            check_error(last, ENOMEM);
            check(strstr(bide_strerror(-ENOMEM), "start task 'nap': no memory for") != NULL);
            check_error(bide_sleep(0), ECANCELED);
        }
        check_error(err, ENOMEM);
        check_eq(bide_task_count(), 1);
        check_eq(bide_sleep(0.001), 0);
    }
    return 0;
}
bide_async(until_memory_ends, size_t *);

unit_test(no_memory_for_a_task)
{
    struct rlimit limit;
    size_t started = 0;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    skip("a sanitizer needs all the address space");
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    skip("a sanitizer needs all the address space");
#endif
#endif
    if (getenv("BIDE_VALGRIND"))
        skip("Valgrind needs all the address space");
    if (check_slowness() > 1)
        skip("an emulator does not keep to the limit of the address space");
    check_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = (rlim_t)256 << 20;
    check_eq(setrlimit(RLIMIT_AS, &limit), 0);
    int err = bide_run_with(bide_co(until_memory_ends, &started), &(bide_run_options){ .quiet = true });
    if (err == -ENOMEM && started == 0)
        return 0; /* not even a loop fits: then it says so */
    check_eq(err, 0);
    check(started > 100);
    return 0;
}

struct huge {
    char bytes[60000];
};

static int take_huge(struct huge value)
{
    return value.bytes[0];
}
bide_async(take_huge, struct huge);

static void start_huge(void *argument)
{
    static struct huge value;

    *(int *)argument = bide_start(NULL, bide_co(take_huge, value));
}

static int arguments_too_large(void)
{
    int err = 1;

    bide(bide_call_soon(bide_get_running_loop(), start_huge, &err, NULL));
    turns(2);
    check_error(err, ENOMEM);
    check_eq(bide_task_count(), 1);
    return bide_sleep(0.001);
}
bide_async(arguments_too_large);

unit_test(arguments_that_do_not_fit_on_a_stack)
{
    return bide_run_with(bide_co(arguments_too_large), &(bide_run_options){ .stack_size = 32 * 1024 });
}
