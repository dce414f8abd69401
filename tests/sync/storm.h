/*
 * storm.h: many short runs in which cancellations, deadlines and wake-ups of the same few tasks fall into the same
 * turns, in every order.
 *
 * Each run has a seed. It decides what the tasks do and, by the run's shuffle_seed, in which order those that are ready
 * run. Time is virtual: nothing is slept, and the trouble makers may also let it jump, so that deadlines pass between
 * the wake-up of a task and its turn. A failing run's seed is printed; BIDE_SEED=<that> runs it alone.
 * BIDE_SEEDS=100000 runs that many.
 */
#ifndef BIDE_TESTS_STORM_H
#define BIDE_TESTS_STORM_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/record.h"

enum { STORM_WORKERS = 6, STORM_TROUBLES = 12 };

/* How often each end of a wait was met, over all seeds: a storm that does not meet them all proves nothing. */
struct storm_counts {
    long taken, taken_though_cancelled, cancelled, timed_out;
};

struct storm {
    uint64_t seed, random;
    bide_task *workers[STORM_WORKERS];
    struct storm_counts *counts;
};

static struct storm storm;

/* A number below `limit` (xorshift). */
static unsigned pick(unsigned limit)
{
    storm.random ^= storm.random << 13;
    storm.random ^= storm.random >> 7;
    storm.random ^= storm.random << 17;
    return (unsigned)(storm.random >> 20) % limit;
}

static inline void do_nothing(void *argument)
{
    (void)argument;
}

/* Time jumps, and the deadlines that it passes are looked at before the tasks of the next turn run. */
static void jump(double seconds)
{
    struct bide_loop *loop = bide_get_running_loop();

    loop->virtual_now += (int64_t)(seconds * 1e9);
    check(bide_call_soon_threadsafe(loop, do_nothing, NULL) >= 0);
}

/* Makes trouble: cancels workers, lets time jump. */
static int trouble_maker(void)
{
    for (int i = 0; i < STORM_TROUBLES; i++) {
        switch (pick(5)) {
        case 0:
            bide_cancel(storm.workers[pick(STORM_WORKERS)]);
            break;
        case 1:
            jump(pick(3) * 0.5);
            break;
        case 2:
            (void)bide_sleep(pick(3) * 0.5);
            break;
        default:
            (void)bide_sleep(0);
        }
    }
    return 0;
}
bide_async(trouble_maker);

/* Counts the end of a wait, just when it has returned. Returns it. */
static int counted(int result)
{
    storm.counts->taken += result >= 0;
    storm.counts->taken_though_cancelled += result >= 0 && bide_cancelled();
    storm.counts->cancelled += result == -ECANCELED;
    return result;
}

/* Counts what a bide_timeout block made of it. */
static void count_timeout(int err)
{
    storm.counts->timed_out += err == -ETIMEDOUT;
}

/* Runs `worker` STORM_WORKERS times, each with its number, and two trouble makers, to their end. */
static int storm_tasks(bide_coroutine (*worker)(int *number))
{
    int err, numbers[STORM_WORKERS];

    bide_task_group (tg, err) {
        for (int i = 0; i < STORM_WORKERS; i++) {
            numbers[i] = i;
            storm.workers[i] = bide_create_task(tg, worker(&numbers[i]));
            check(storm.workers[i] != NULL);
        }
        bide_start(tg, bide_co(trouble_maker));
        bide_start(tg, bide_co(trouble_maker));
    }
    return err;
}

static long number_in(const char *variable, long otherwise)
{
    const char *text = getenv(variable);

    return text && atol(text) > 0 ? atol(text) : otherwise;
}

/* Runs main with seed after seed; at the end all kinds of ends must have been met. */
static int run_storm(bide_coroutine main, struct storm_counts *counts)
{
    long first = number_in("BIDE_SEED", 1),
         last = number_in("BIDE_SEED", number_in("BIDE_SEEDS", check_slowness() > 1 ? 200 : 1000));

    for (long seed = first; seed <= last; seed++) {
        bide_run_options options = { .virtual_clock = true, .shuffle_seed = (uint64_t)seed, .no_interrupt = true };

        storm =
            (struct storm){ .seed = (uint64_t)seed, .random = (uint64_t)seed * 0x9e3779b97f4a7c15u, .counts = counts };
        check_eq(bide_run_with(main, &options), 0);
    }
    if (first == last)
        return 0;
    check(counts->taken > 0);
    check(counts->taken_though_cancelled > 0);
    check(counts->cancelled > 0);
    check(counts->timed_out > 0);
    return 0;
}

/* check() that names the seed. */
#define check_storm(expression)                                                                                        \
    do {                                                                                                               \
        if (!(expression)) {                                                                                           \
            fprintf(stderr, "# BIDE_SEED=%llu\n", (unsigned long long)storm.seed);                                     \
            check__fail_true(CHECK__PLACE(#expression));                                                               \
        }                                                                                                              \
    } while (0)

#endif
