/*
 * Random storms of everything a task can do: start, join, cancel, timeouts, shields, nested groups, gather, sleeps,
 * forgotten handles. BIDE_SEED chooses the storm, BIDE_STRESS the number of operations of the long one.
 *
 * What must hold all the time: a task ends exactly once and after that nothing of it runs; what it was given by
 * pointer is alive; in a cancelled scope no wait happens; outside of one no wait answers -ECANCELED (but a join of a
 * task that ended so); at the end no task is left.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "notes.h"

enum { ALIVE = 0x600d, DEEPEST = 6, MOST_TASKS = 300, SHARED = 32 };

struct storm {
    uint64_t random;
    long operations, limit;
    long started, ended;
    bide_task *
        shared[SHARED]; /* background tasks that anybody may join or cancel; the handles are not freed before the end */
};

/* Lies in the frame of whoever started the task; dead memory does not say ALIVE. */
struct place {
    int alive;
    int children, ended;
};

static uint32_t draw(struct storm *storm, uint32_t below)
{
    storm->random = storm->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((storm->random >> 33) % below);
}

static int act(struct storm *storm, struct place *place, int depth);

/* A task of the storm. */
static int storm_task(struct storm *storm, struct place *place, int depth)
{
    check_eq(place->alive, ALIVE);
    int err = act(storm, place, depth);
    check_eq(place->alive, ALIVE); /* the owner waits for us */
    place->ended++;
    storm->ended++;
    return err;
}
bide_async(storm_task, struct storm *, struct place *, int);

static void count_start(struct storm *storm, struct place *place)
{
    storm->started++;
    place->children++;
}

/* Checks the answer of a wait that nobody but an enclosing scope can cancel. `before`: what bide_cancelled() said. */
static int check_wait(int err, bool before)
{
    if (before)
        check_error(err, ECANCELED);
    if (err == -ECANCELED)
        check(bide_cancelled()); /* the level stays, so it must still be there */
    return err;
}

static int sleep_a_little(struct storm *storm)
{
    bool before = bide_cancelled();

    switch (draw(storm, 8)) {
    case 0:
        return check_wait(bide_sleep(draw(storm, 200) * 1e-6), before);
    case 1:
        return check_wait(bide_sleep(-1), before);
    default:
        return check_wait(bide_sleep(0), before);
    }
}

static int try_timeout(struct storm *storm, struct place *place, int depth)
{
    bool before = bide_cancelled();
    int err;

    bide_timeout (draw(storm, 4) == 0 ? 0 : draw(storm, 300) * 1e-6, err) {
        err = act(storm, place, depth + 1);
        if (draw(storm, 4) == 0)
            break;
    }
    if (before)
        check(bide_cancelled() && err != -ETIMEDOUT); /* the outer scope is the cause, never this one */
    if (err == -ECANCELED)
        check(bide_cancelled());
    return err == -ETIMEDOUT ? 0 : err;
}

static int try_shield(struct storm *storm, struct place *place, int depth)
{
    int err = 0;
    bool before = bide_cancelled();

    bide_shield (draw(storm, 2) ? 60 : 1e-5 * draw(storm, 30)) {
        err = act(storm, place, depth + 1);
    }
    if (before)
        check(bide_cancelled());
    return err;
}

static int try_group(struct storm *storm, int depth)
{
    struct place here = { .alive = ALIVE };
    uint32_t count = draw(storm, 4);
    bool before = bide_cancelled();
    int err;

    bide_task_group (tg, err) {
        for (uint32_t i = 0; i < count && bide_task_count() < MOST_TASKS; i++) {
            bide_task *task = NULL;

            count_start(storm, &here);
            if (draw(storm, 2))
                check_eq(bide_start(tg, bide_co(storm_task, storm, &here, depth + 1)), 0);
            else
                check((task = bide_create_task(tg, bide_co(storm_task, storm, &here, depth + 1))) != NULL);
            if (task && draw(storm, 3) == 0)
                bide_cancel(task);
            if (task && draw(storm, 3) == 0)
                (void)bide_join(task);
            if (task && draw(storm, 3) == 0)
                bide_forget(task);
        }
        if (draw(storm, 6) == 0)
            bide_group_cancel(tg);
        if (draw(storm, 3) == 0)
            err = act(storm, &here, depth + 1);
        if (draw(storm, 8) == 0)
            break;
    }
    check_eq(here.ended, here.children);
    here.alive = 0;
    if (before)
        check(bide_cancelled());
    if (err == -ECANCELED)
        check(bide_cancelled());
    return err == -EDOM ? 0 : err;
}

static int try_gather(struct storm *storm, int depth)
{
    struct place here = { .alive = ALIVE };
    bide_coroutine one = bide_co(storm_task, storm, &here, depth + 1), values[] = { one, one, one };
    int results[3] = { 1, 1, 1 }, err;
    bool before = bide_cancelled(), settled = draw(storm, 2);
    int started = before ? 0 : 3;

    if (bide_task_count() >= MOST_TASKS)
        return 0;
    storm->started += started;
    here.children += started;
    err = settled ? bide_gather_settled(values, 3, results) : bide_gather_n(values, 3);
    check_eq(here.ended, here.children);
    here.alive = 0;
    if (before)
        check_error(err, ECANCELED);
    if (err == -ECANCELED)
        check(bide_cancelled());
    if (settled)
        for (int i = 0; i < 3; i++)
            check(results[i] == 0 || results[i] == -ECANCELED || results[i] == -EDOM);
    return err == -EDOM ? 0 : err;
}

static int try_wait_for(struct storm *storm, struct place *place, int depth)
{
    bool before = bide_cancelled();

    count_start(storm, place);
    int err = bide_wait_for(bide_co(storm_task, storm, place, depth + 1), 1e-5 + draw(storm, 300) * 1e-6);
    if (before) {
        storm->started--; /* it was not called */
        place->children--;
        check_error(err, ECANCELED);
    }
    if (err == -ECANCELED)
        check(bide_cancelled());
    return err == -ETIMEDOUT || err == -EDOM ? 0 : err;
}

static struct place forever = { .alive = ALIVE };

/* One of the tasks that all know: cancel it, join it, replace it. */
static int try_shared(struct storm *storm)
{
    bide_task **slot = &storm->shared[draw(storm, SHARED)];
    bool before = bide_cancelled();

    if (!*slot || bide_done(*slot)) {
        if (bide_task_count() < MOST_TASKS) {
            count_start(storm, &forever);
            check((*slot = bide_create_task(NULL, bide_co(storm_task, storm, &forever, DEEPEST - 2))) != NULL);
        }
        return 0;
    }
    if (draw(storm, 3) == 0) {
        check(bide_cancel(*slot));
        return 0;
    }
    if (*slot == bide_current_task())
        return 0;
    int err, inner;
    bide_timeout (draw(storm, 100) * 1e-6, inner) { /* it may wait for us */
        err = bide_join(*slot);
        check(err == 0 || err == -ECANCELED || err == -EDOM);
        if (before)
            check_error(err, ECANCELED);
        inner = err;
    }
    return bide_cancelled() ? -ECANCELED : 0;
}

static int act(struct storm *storm, struct place *place, int depth)
{
    uint32_t steps = 1 + draw(storm, 3);
    int err = 0;

    for (uint32_t i = 0; i < steps && err == 0 && storm->operations < storm->limit; i++) {
        storm->operations++;
        switch (depth >= DEEPEST ? 0 : draw(storm, 12)) {
        case 1:
        case 2:
            err = try_timeout(storm, place, depth);
            break;
        case 3:
            err = try_shield(storm, place, depth);
            break;
        case 4:
        case 5:
            err = try_group(storm, depth);
            break;
        case 6:
            err = try_gather(storm, depth);
            break;
        case 7:
            err = try_wait_for(storm, place, depth);
            break;
        case 8:
            err = try_shared(storm);
            break;
        case 9:
            if (draw(storm, 10) == 0)
                return bide_fail(-EDOM, "on purpose");
            break;
        default:
            err = sleep_a_little(storm);
        }
        if (err == -ECANCELED && draw(storm, 4) == 0)
            err = 0; /* swallowed: the level stays */
    }
    return err;
}

static int keep_acting(struct storm *storm)
{
    while (storm->operations < storm->limit) {
        int err = act(storm, &forever, 0);

        check(err == 0 || err == -EDOM);
        check(!bide_cancelled());
    }
    return 0;
}
bide_async(keep_acting, struct storm *);

/* Some at once, so that the loop is seldom idle. */
static int run_storm(struct storm *storm)
{
    bide_coroutine one = bide_co(keep_acting, storm);

    check_eq(bide_gather(one, one, one, one, one, one, one, one), 0);
    check(!bide_cancelled());
    return 0;
}
bide_async(run_storm, struct storm *);

static void storm(uint64_t seed, long operations)
{
    struct storm weather = { .random = seed, .limit = operations };

    forever.children = forever.ended = 0;
    printf("# seed %llu\n", (unsigned long long)seed);
    check_eq(bide_run(bide_co(run_storm, &weather)), 0);
    check_eq(weather.started, weather.ended);
    check_eq(forever.children, forever.ended);
    check(weather.operations >= operations);
}

static long number_from(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

unit_test(storms_with_fixed_seeds)
{
    for (uint64_t seed = 1; seed <= 8; seed++)
        storm(seed, check_slowness() > 1 ? 3000 : 30000);
    return 0;
}

unit_test(storm_with_a_new_seed)
{
    storm((uint64_t)number_from("BIDE_SEED", (long)time(NULL)),
          number_from("BIDE_STRESS", check_slowness() > 1 ? 10000 : 300000));
    return 0;
}
