/*
 * Iteration that may wait, and generators. The rules R1 to R4 are those of docs/cancellation.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "notes.h"
#include "task/record.h"
#include "task/scope.h"

/* ---- bide_for ---- */

static int next_up_to(int *counter, int limit, int last, int *ret_value)
{
    bide(bide_sleep(0));
    if (*counter == limit)
        return last;
    *ret_value = ++*counter;
    return 1;
}

bide_test(for_goes_on_to_the_end)
{
    int err = -1, counter = 0, sum = 0;

    bide_for (int x = 0, next_up_to(&counter, 4, 0, &x), err) {
        if (x == 2)
            continue;
        sum += x;
    }
    check_eq(err, 0);
    check_eq(sum, 8);
    return 0;
}

bide_test(for_gives_the_error)
{
    int err = 0, counter = 0, sum = 0;

    bide_for (int x = 0, next_up_to(&counter, 2, -EIO, &x), err)
        sum += x;
    check_error(err, EIO);
    check_eq(sum, 3);
    return 0;
}

bide_test(for_can_be_left_and_nested)
{
    int err = -1, inner_err = -1, outer = 0, sum = 0;

    bide_for (int x = 0, next_up_to(&outer, 3, 0, &x), err) {
        int inner = 0;

        bide_for (int y = 0, next_up_to(&inner, 3, 0, &y), inner_err) {
            if (y == 2)
                break;
            sum += 10 * x + y;
        }
        check_eq(inner_err, 0);
        if (x == 2)
            break;
    }
    check_eq(err, 0);
    check_eq(sum, 11 + 21);
    return 0;
}

bide_test_in_real_time(for_in_a_timeout_ends_with_the_cancellation)
{
    int err, inner_err = 0, counter = 0;

    bide_timeout (0.001, err) {
        bide_for (int x = 0, next_up_to(&counter, 1000000000, 0, &x), inner_err)
            (void)x;
        err = inner_err;
    }
    check_error(inner_err, ECANCELED);
    check_error(err, ETIMEDOUT);
    return 0;
}

/* ---- generators ---- */

typedef bide_generator(int) numbers;

static int count_to(numbers *to, int limit, int result)
{
    int err = 0;

    for (int i = 0; i < limit && err == 0; i++) {
        note("y%d", i);
        err = bide_yield(to, i);
    }
    note("end:%d", err);
    return err < 0 ? err : result < 0 ? bide_fail(result, "the generator broke") : result;
}
bide_async(count_to, numbers *, int, int);

bide_test(generator_yields_in_turn_with_its_block)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 3, 0), err) note("%d", i);
    check_eq(err, 0);
    check_notes("y0 0 y1 1 y2 2 end:0");
    check_eq(bide_task_count(), 1);
    bide_generate(i, &n, bide_co(count_to, &n, 0, 5), err) /* again, and nothing */
        note("%d", i);
    check_eq(err, 0);
    check_notes("end:0");
    return 0;
}

bide_test(generator_runs_only_while_the_block_asks)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 2, 0), err)
    {
        note("%d", i);
        turns(5);
        note("%d", i);
    }
    check_notes("y0 0 0 y1 1 1 end:0");
    return 0;
}

bide_test(generator_error_reaches_err_with_its_message)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 2, -EIO), err) note("%d", i);
    check_error(err, EIO);
    check_str(bide_strerror(-EIO), "the generator broke");
    check_notes("y0 0 y1 1 end:0");
    return 0;
}

bide_test(generator_is_cancelled_by_break)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 10, 0), err)
    {
        note("%d", i);
        if (i == 1)
            break;
    }
    check_eq(err, 0);
    check_notes("y0 0 y1 1 y2 end:-125"); /* 1 was given, so that yield succeeded (R2) */
    check_eq(bide_task_count(), 1);
    return 0;
}

bide_test(generator_block_may_end_with_an_error_of_its_own)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 10, 0), err)
    {
        (void)i;
        err = bide_fail(-EPIPE, "mine");
        break;
    }
    check_error(err, EPIPE);
    check_str(bide_strerror(-EPIPE), "mine");
    check_notes("y0 y1 end:-125");
    return 0;
}

static int leave_by_return(int how)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 10, 0), err)
    {
        if (i == 1 && how == 0)
            return 7;
        if (i == 1 && how == 1)
            bide(bide_fail(-ENOENT, "by bide"));
        if (i == 1)
            goto out;
    }
out:
    note("out:%d", err);
    return 8;
}

bide_test(generator_is_cancelled_by_return_and_goto)
{
    check_eq(leave_by_return(0), 7);
    check_notes("y0 y1 y2 end:-125");
    check_error(leave_by_return(1), ENOENT);
    check_str(bide_strerror(-ENOENT), "by bide");
    check_notes("y0 y1 y2 end:-125");
    check_eq(leave_by_return(2), 8);
    check_notes("y0 y1 y2 end:-125 out:0");
    return 0;
}

struct point {
    double x;
    const char *name;
};
typedef bide_generator(struct point) points;

static int two_points(points *to)
{
    bide(bide_yield(to, ((struct point){ 1.5, "a" })));
    bide(bide_sleep(0.001));
    bide(bide_yield(to, ((struct point){ 2.5, "b" })));
    return 0;
}
bide_async(two_points, points *);

bide_test(generator_of_structures)
{
    points p = { 0 };
    double sum = 0;
    int err;

    bide_generate(point, &p, bide_co(two_points, &p), err)
    {
        note("%s", point.name);
        sum += point.x;
    }
    check_eq(err, 0);
    check_eq(sum, 4.0);
    check_notes("a b");
    return 0;
}

static int squares_of(numbers *to, int limit)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, limit, 0), err) bide(bide_yield(to, i * i));
    return err;
}
bide_async(squares_of, numbers *, int);

bide_test(generators_can_be_chained)
{
    numbers n = { 0 };
    int err, sum = 0;

    bide_generate(i, &n, bide_co(squares_of, &n, 10), err) sum += i;
    check_eq(err, 0);
    check_eq(sum, 285);
    bide_generate(i, &n, bide_co(squares_of, &n, 1000000), err) if (i == 9) break;
    check_eq(err, 0);
    check_eq(bide_task_count(), 1);
    notes[0] = 0;
    return 0;
}

bide_test(generator_values_can_be_taken_by_hand)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(count_to, &n, 5, 0), err)
    {
        int second = -1;

        check_eq(bide_next(&n, &second), i < 4 ? 1 : 0);
        note("%d+%d", i, second);
    }
    check_eq(err, 0);
    check_notes("y0 y1 0+1 y2 y3 2+3 y4 end:0 4+-1");
    int none;
    check_eq(bide_next(&n, &none), 0); /* it has ended */
    n = (numbers){ 0 };
    check_error(bide_next(&n, &none), EINVAL);
    check_error(bide_yield(&n, 1), EINVAL);
    return 0;
}

static int slow_numbers(numbers *to)
{
    for (int i = 0;; i++) {
        bide(bide_yield(to, i));
        bide(bide_sleep(0.02));
    }
}
bide_async(slow_numbers, numbers *);

bide_test(generator_goes_on_when_a_next_was_cancelled) /* R1 */
{
    numbers n = { 0 };
    int err, inner, value = -1;

    bide_generate(i, &n, bide_co(slow_numbers, &n), err)
    {
        check_eq(i, 0);
        bide_timeout (0.001, inner)
            inner = bide_next(&n, &value);
        check_error(inner, ETIMEDOUT);
        check_eq(value, -1); /* nothing was taken, */
        check_eq(bide_next(&n, &value), 1);
        check_eq(value, 1); /* and nothing was lost */
        break;
    }
    check_eq(err, 0);
    return 0;
}

static int three_numbers(numbers *to)
{
    for (int i = 0; i < 3; i++)
        bide(bide_yield(to, i));
    return 0;
}
bide_async(three_numbers, numbers *);

static int ask(numbers *from, int *ret_value)
{
    return bide_next(from, ret_value);
}
bide_async(ask, numbers *, int *);

bide_test(generator_loses_nothing_to_one_who_asked_and_was_cancelled_before_it_ran) /* R1 */
{
    numbers n = { 0 };
    int err, value = -1, next = -1;

    bide_generate(i, &n, bide_co(three_numbers, &n), err)
    {
        check_eq(i, 0);
        bide_task *asker = bide_create_task(NULL, bide_co(ask, &n, &value));
        bide_sleep(0); /* it has asked, and the generator is ready */
        bide_cancel(asker);
        check_error(bide_join(asker), ECANCELED);
        check_eq(value, -1);
        check_eq(bide_next(&n, &next), 1);
        check_eq(next, 1);
        break;
    }
    return err;
}

bide_test(generator_in_a_timeout)
{
    numbers n = { 0 };
    int err, inner = 0;

    bide_timeout (0.005, err) {
        bide_generate(i, &n, bide_co(slow_numbers, &n), inner) check_eq(i, 0);
        err = inner;
    }
    check_error(inner, ECANCELED);
    check_error(err, ETIMEDOUT);
    return 0;
}

static int shielded(numbers *to)
{
    int err = 0;

    bide_shield (60) {
        for (int i = 0; err == 0; i++)
            err = bide_yield(to, i);
    }
    note("end:%d", err);
    return err;
}
bide_async(shielded, numbers *);

bide_test(generator_in_a_shield_does_not_hold_up_break)
{
    numbers n = { 0 };
    int err;
    double start = bide_time();

    bide_generate(i, &n, bide_co(shielded, &n), err) if (i == 2) break;
    check_eq(err, 0);
    check_notes("end:-125");
    check(bide_time() - start < 30);
    return 0;
}

static int cancelled_by_itself(numbers *to)
{
    bide_cancel(bide_current_task());
    note("%d", bide_yield(to, 1));
    return 0;
}
bide_async(cancelled_by_itself, numbers *);

bide_test(generator_that_is_cancelled_alone_ends_the_block)
{
    numbers n = { 0 };
    int err;

    bide_generate(i, &n, bide_co(cancelled_by_itself, &n), err) note("got%d", i);
    check_eq(err, 0);
    check_notes("-125");
    return 0;
}

/* ---- a cancellation at each wait: nothing is lost, nothing doubled, nothing hangs ---- */

static struct {
    struct bide__hooks hooks;
    int countdown;
    int made, freed;
} every;

static void cancel_at_countdown(struct bide__hooks *hooks, void *task)
{
    struct bide__run *run = bide__run_of(((struct bide__record *)task)->loop);

    (void)hooks;
    if (--every.countdown == 0 && run->main_scope)
        bide__scope_cancel(run->main_scope);
}

static void ignore_unread(struct bide__hooks *hooks, const char *task, int err, const char *message)
{
    (void)hooks, (void)task, (void)err, (void)message;
}

typedef bide_generator(int *) owned;

/* Each value is owned by who has it: a yield that fails has kept it (R1), one that succeeds has given it (R2). */
static int make_values(owned *to, int limit)
{
    for (int i = 0; i < limit; i++) {
        int *value = malloc(sizeof *value);

        check(value != NULL);
        *value = i;
        every.made++;
        if (i % 2)
            (void)bide_sleep(0);
        int err = bide_yield(to, value);
        if (err < 0) {
            free(value);
            every.freed++;
            return err;
        }
    }
    return 0;
}
bide_async(make_values, owned *, int);

static int use_values(int leave_at)
{
    owned o = { 0 };
    int err;

    bide_generate(value, &o, bide_co(make_values, &o, 6), err)
    {
        int i = *value;

        free(value);
        every.freed++;
        if (i % 3 == 0)
            bide(bide_sleep(0));
        if (i == leave_at)
            break;
    }
    return err;
}
bide_async(use_values, int);

static void cancel_everywhere(bool debug, int leave_at, uint64_t seed)
{
    for (int n = 1;; n++) {
        every.hooks = (struct bide__hooks){ .before_wait = cancel_at_countdown, .error_unread = ignore_unread };
        every.countdown = n;
        every.made = every.freed = 0;
        bide__set_next_hooks(&every.hooks);
        int err = bide_run_with(bide_co(use_values, leave_at),
                                &(bide_run_options){ .quiet = true,
                                                     .debug = debug ? BIDE_DEBUG_ON : BIDE_DEBUG_OFF,
                                                     .slow_callback_duration = 1e6,
                                                     .shuffle_seed = seed,
                                                     .virtual_clock = true });
        check_eq(every.made, every.freed);
        if (every.countdown > 0) {
            check_eq(err, 0);
            check(n > 4 + leave_at);
            return;
        }
        check(err == -ECANCELED || err == 0);
    }
}

unit_test(generator_cancelled_at_each_wait) /* R1, R2, R4 */
{
    for (int leave_at = 0; leave_at <= 6; leave_at++) {
        cancel_everywhere(false, leave_at, 0);
        cancel_everywhere(true, leave_at, 0);
        for (uint64_t seed = 1; seed <= 5; seed++)
            cancel_everywhere(false, leave_at, seed);
    }
    return 0;
}
