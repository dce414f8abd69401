/*
 * Great numbers: long chains that are cancelled without recursion, the memory of a sleeping task, and how stacks are
 * used again.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "notes.h"

/* A sanitizer's shadow and Valgrind's bookkeeping need far more memory and time for each task. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define INSTRUMENTED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED 0
#endif

static int fewer_if_slow(int count)
{
    return INSTRUMENTED || check_slowness() > 1 ? count / 100 : count;
}

/* Each joins the one that was started before it; the first sleeps. */
static int join_previous(bide_task *previous, int *ended)
{
    int err = previous ? bide_join(previous) : bide_sleep(3600);

    ++*ended;
    return err;
}
bide_async(join_previous, bide_task *, int *);

bide_test(chain_of_joins_cancelled_at_its_end_unwinds) /* D21 */
{
    int length = fewer_if_slow(100000), ended = 0;
    bide_task *first = NULL, *last = NULL;

    for (int i = 0; i < length; i++) {
        last = bide_create_task(NULL, bide_co(join_previous, last, &ended));
        check(last != NULL);
        first = first ? first : last;
    }
    turns(3);
    bide_cancel(first);
    check_error(bide_join(last), ECANCELED); /* each answers when the one before it has ended */
    check_eq(ended, length);
    return 0;
}

bide_test(chain_of_joins_cancelled_as_a_whole)
{
    int length = fewer_if_slow(100000), ended = 0, err;
    bide_task *last = NULL;

    bide_task_group (tg, err) {
        for (int i = 0; i < length; i++) {
            last = bide_create_task(tg, bide_co(join_previous, last, &ended));
            check(last != NULL);
        }
        turns(3);
        bide_group_cancel(tg);
    }
    check_eq(err, 0);
    check_eq(ended, length);
    return 0;
}

struct level {
    int depth;
    int *ended;
};

static int own_the_next(struct level level);
bide_async(own_the_next, struct level);

/* A group with one task, that has a group with one task, that ... */
static int own_the_next(struct level level)
{
    int err;

    if (level.depth == 0)
        return bide_sleep(3600);
    level.depth--;
    bide_task_group (tg, err) {
        err = bide_start(tg, bide_co(own_the_next, level));
    }
    ++*level.ended;
    return err;
}

bide_test(chain_of_groups_is_cancelled_without_recursion)
{
    int ended = 0, depth = fewer_if_slow(50000);
    struct level level = { depth, &ended };
    bide_task *task = bide_create_task(NULL, bide_co(own_the_next, level));

    turns(depth + 3);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(ended, depth);
    return 0;
}

static int join_one(bide_task *task)
{
    return bide_join(task);
}
bide_async(join_one, bide_task *);

bide_test(many_joiners_of_one_task_are_cancelled_in_reasonable_time)
{
    static int ended; /* not in this frame: the task outlives it */
    int count = fewer_if_slow(50000), err;
    bide_task *waited = bide_create_task(NULL, bide_co(join_previous, NULL, &ended));
    double start = bide_time();

    bide_task_group (tg, err) {
        for (int i = 0; i < count; i++)
            bide(bide_start(tg, bide_co(join_one, waited)));
        turns(2);
        bide_group_cancel(tg);
    }
    check(bide_time() - start < 10 * check_slowness());
    return 0;
}

/* Bytes of memory that the process has now, with the page tables for it. */
static double memory_in_use(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes, sum = 0;

    check(status != NULL);
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1 || sscanf(line, "VmPTE: %ld", &kilobytes) == 1)
            sum += kilobytes;
    fclose(status);
    return (double)sum * 1024;
}

static int nap(double seconds)
{
    return bide_sleep(seconds);
}
bide_async(nap, double);

bide_test(sleeping_task_costs_a_page)
{
    const int count = 200000;
    int err;

    if (INSTRUMENTED || check_slowness() > 1)
        skip("memory is measured without instrumentation");
    double before = memory_in_use();
    bide_task_group (tg, err) {
        for (int i = 0; i < count; i++)
            bide(bide_start(tg, bide_co(nap, 3600)));
        turns(2);
        double each = (memory_in_use() - before) / count;
        printf("# %.0f bytes for each of %d sleeping tasks\n", each, count);
        check(each < 4300);
        bide_group_cancel(tg);
    }
    check_eq(err, 0);
    return 0;
}

static int use_some_stack(int size)
{
    volatile char area[16 * 1024];

    for (int i = 0; i < size; i += 1024)
        area[i] = 1;
    turns(1);
    return area[0];
}
bide_async(use_some_stack, int);

bide_test(stacks_are_used_again)
{
    double before = 0;

    if (INSTRUMENTED || check_slowness() > 1)
        skip("memory is measured without instrumentation");
    for (int round = 0; round < 300; round++) {
        int err;

        bide_task_group (tg, err) {
            for (int i = 0; i < 100; i++)
                bide(bide_start(tg, bide_co(use_some_stack, 16 * 1024)));
        }
        check_eq(err, 0);
        if (round == 10)
            before = memory_in_use();
    }
    check(memory_in_use() < before + 500000); /* 30,000 tasks with 16 KiB each would be 470 MB */
    return 0;
}

/* A handle that nobody asked for and a task that has ended leave nothing behind, however long a group lives. */
bide_test(started_and_ended_tasks_leave_nothing_in_a_long_group)
{
    double before = 0;
    int err;

    if (INSTRUMENTED || check_slowness() > 1)
        skip("memory is measured without instrumentation");
    bide_task_group (tg, err) {
        for (int i = 0; i < 300000; i++) {
            bide(bide_start(tg, bide_co(nap, 0)));
            if (i % 50 == 0)
                turns(3);
            if (i == 10000)
                before = memory_in_use();
        }
    }
    check_eq(err, 0);
    check(memory_in_use() < before + 500000);
    return 0;
}
