/*
 * bide_sleep and bide_time. The names in comments (D4, ...) are those of the rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "notes.h"

bide_test_in_real_time(sleep_is_never_too_short)
{
    const double lengths[] = { 1e-9, 1e-5, 0.0001, 0.001, 0.0015, 0.01 };

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        double start = bide_time();

        check_eq(bide_sleep(lengths[i]), 0);
        check(bide_time() - start >= lengths[i] * 0.999999);
    }
    return 0;
}

bide_test_in_real_time(sleep_counts_from_the_call_not_from_the_last_look_at_the_clock)
{
    for (double end = bide_time() + 0.02; bide_time() < end;)
        continue;
    double start = bide_time();
    check_eq(bide_sleep(0.01), 0);
    check(bide_time() - start >= 0.0099);
    return 0;
}

static int step(const char *name)
{
    for (int i = 0; i < 3; i++) {
        note("%s%d", name, i);
        check_eq(bide_sleep(i == 1 ? -3 : 0), 0);
    }
    return 0;
}
bide_async(step, const char *);

bide_test(sleep_of_nothing_is_one_turn) /* D4 */
{
    check_eq(bide_gather(bide_co(step, "a"), bide_co(step, "b")), 0);
    check_notes("a0 b0 a1 b1 a2 b2");
    return 0;
}

static int nap(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(nap, double, const char *);

bide_test(sleeps_end_in_the_order_of_their_deadlines)
{
    check_eq(
        bide_gather(bide_co(nap, 0.03, "3"), bide_co(nap, 0.01, "1"), bide_co(nap, 0.02, "2"), bide_co(nap, 0, "0")),
        0);
    check_notes("0:0 1:0 2:0 3:0");
    return 0;
}

bide_test(sleep_for_ever_can_only_be_cancelled)
{
    int err;

    bide_timeout (0.005, err) {
        err = bide_sleep(INFINITY);
    }
    check_error(err, ETIMEDOUT);
    bide_timeout (0.005, err) {
        err = bide_sleep(1e300);
    }
    check_error(err, ETIMEDOUT);
    return 0;
}

bide_test(sleep_cancelled_leaves_no_timer) /* D4: a hundred thousand of them */
{
    for (int i = 0; i < 100000; i++) {
        int err;

        bide_timeout (3600, err) {
            bide_timeout (0, err) {
                (void)bide_sleep(3600);
            }
        }
    }
    for (int i = 0; i < 1000; i++) {
        bide_task *task = bide_create_task(NULL, bide_co(nap, 3600, ""));

        turns(2);
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
        bide_forget(task);
        notes[0] = 0;
    }
    return 0;
}

/* Works for long without waiting, as nobody should. */
static int burn(int *steps)
{
    while (*steps < 200) {
        for (double end = bide_time() + 0.005; bide_time() < end;)
            continue;
        ++*steps;
        bide(bide_sleep(0));
    }
    return 0;
}
bide_async(burn, int *);

bide_test_in_real_time(sleep_is_not_starved_by_tasks_that_work_for_long)
{
    static int steps; /* not in this frame: the task outlives it */
    bide_task *burner = bide_create_task(NULL, bide_co(burn, &steps));

    check(burner != NULL);
    turns(1);
    int before = steps;
    check_eq(bide_sleep(0.001), 0);
    int after = steps;
    bide_cancel(burner);
    check(after - before <= 20); /* the loop looks at its timers every few turns, however long they are */
    return 0;
}

bide_test(time_goes_forward)
{
    double before = bide_time();

    for (int i = 0; i < 1000; i++) {
        double now = bide_time();

        check(now >= before);
        before = now;
    }
    return 0;
}
