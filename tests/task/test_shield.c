/*
 * bide_shield, and cancellation as a level: in a cancelled scope every wait answers -ECANCELED, yields a turn, and
 * starves nobody.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "notes.h"

static int clean_up(double grace, double need, int *ret_first, int *ret_after)
{
    int err = bide_sleep(3600);

    bide_shield (grace) {
        *ret_first = bide_sleep(need);
    }
    *ret_after = bide_sleep(0);
    return err;
}
bide_async(clean_up, double, double, int *, int *);

bide_test(shield_lets_a_cleanup_wait)
{
    int first = 1, after = 1;
    bide_task *task = bide_create_task(NULL, bide_co(clean_up, 60, 0.002, &first, &after));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(first, 0);
    check_error(after, ECANCELED); /* behind the shield all is as before */
    return 0;
}

bide_test_in_real_time(shield_gives_way_after_its_grace)
{
    int first = 1, after = 1;
    double start = bide_time();
    bide_task *task = bide_create_task(NULL, bide_co(clean_up, 0.01, 3600, &first, &after));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(first, ECANCELED);
    check(bide_time() - start >= 0.01);
    check(bide_time() - start < 5 * check_slowness());
    return 0;
}

bide_test(shield_without_a_limit)
{
    int first = 1, after = 1;
    bide_task *task = bide_create_task(NULL, bide_co(clean_up, INFINITY, 0.01, &first, &after));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(first, 0);
    return 0;
}

bide_test(shield_without_a_cancel_changes_nothing)
{
    bide_shield (0.001) {
        check_eq(bide_sleep(0.01), 0); /* longer than the grace, which has not begun */
        check(!bide_cancelled());
    }
    return bide_sleep(0);
}

/* The grace begins when the cancellation comes, not with the block. */
static int shielded_work(double *ret_seconds)
{
    bide_shield (0.01) {
        check_eq(bide_sleep(0.02), 0);
        double start = bide_time();
        check_error(bide_sleep(3600), ECANCELED);
        *ret_seconds = bide_time() - start;
    }
    return 0;
}
bide_async(shielded_work, double *);

bide_test(shield_grace_begins_with_the_cancel)
{
    double seconds = 0;
    bide_task *task = bide_create_task(NULL, bide_co(shielded_work, &seconds));

    bide(bide_sleep(0.03));
    bide_cancel(task);
    check_eq(bide_join(task), 0);
    check(seconds < 5 * check_slowness());
    return 0;
}

bide_test(shield_around_a_timeout_and_inside_one)
{
    int err;

    bide_shield (60) {
        bide_timeout (0.001, err) {
            err = bide_sleep(3600);
        }
    }
    check_error(err, ETIMEDOUT);
    bide_timeout (0.001, err) {
        bide_shield (60) {
            check_eq(bide_sleep(0.005), 0);
            check(!bide_cancelled());
        }
        check(bide_cancelled());
        err = bide_sleep(0);
    }
    check_error(err, ETIMEDOUT);
    return 0;
}

static int nested_shields(double outer_grace, double inner_grace)
{
    (void)bide_sleep(3600);
    bide_shield (outer_grace) {
        bide_shield (inner_grace) {
            note("in:%d", bide_sleep(0.02));
        }
        note("out:%d", bide_sleep(0));
    }
    return 0;
}
bide_async(nested_shields, double, double);

bide_test(shields_nested_the_inner_one_begins_when_the_outer_one_ends)
{
    bide_task *task = bide_create_task(NULL, bide_co(nested_shields, 60, 0.001));

    turns(2);
    bide_cancel(task);
    bide(bide_join(task));
    check_notes("in:0 out:0"); /* protected by the outer one, so the inner grace never began */
    task = bide_create_task(NULL, bide_co(nested_shields, 0.001, 60));
    turns(2);
    bide_cancel(task);
    bide(bide_join(task));
    check_notes("in:0 out:-125");
    task = bide_create_task(NULL, bide_co(nested_shields, 0.001, 0.001));
    turns(2);
    bide_cancel(task);
    bide(bide_join(task));
    check_notes("in:-125 out:-125");
    return 0;
}

static int wait_in_both(void)
{
    bide_shield (0.001) {
        bide_shield (0.001) {
            note("in:%d", bide_sleep(3600));
        }
    }
    return 0;
}
bide_async(wait_in_both);

bide_test(shields_nested_both_entered_before_the_cancel)
{
    bide_task *task = bide_create_task(NULL, bide_co(wait_in_both));

    turns(2);
    bide_cancel(task);
    bide(bide_join(task));
    check_notes("in:-125");
    return 0;
}

static int nap_noted(double seconds, const char *name)
{
    note("%s:%d", name, bide_sleep(seconds));
    return 0;
}
bide_async(nap_noted, double, const char *);

static int shielded_group(void)
{
    int err;

    (void)bide_sleep(3600);
    bide_shield (60) {
        bide_task_group (tg, err) {
            bide(bide_start(tg, bide_co(nap_noted, 0.002, "child")));
        }
        note("group:%d", err);
    }
    return -ECANCELED;
}
bide_async(shielded_group);

bide_test(shield_protects_the_tasks_of_a_group_in_it)
{
    bide_task *task = bide_create_task(NULL, bide_co(shielded_group));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("child:0 group:0");
    return 0;
}

static int break_out_of_shield(void)
{
    (void)bide_sleep(3600);
    bide_shield (60) {
        break;
    }
    note("broken:%d", bide_sleep(0));
    bide_shield (60) {
        bide(bide_sleep(0));
        bide(-EXDEV);
    }
    return 0;
}
bide_async(break_out_of_shield);

bide_test(shield_left_by_break_and_by_await)
{
    bide_task *task = bide_create_task(NULL, bide_co(break_out_of_shield));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), EXDEV);
    check_notes("broken:-125");
    return 0;
}

bide_test(shield_cancelled_twice_keeps_its_grace)
{
    int first = 1, after = 1;
    bide_task *task = bide_create_task(NULL, bide_co(clean_up, 60, 0.005, &first, &after));

    turns(2);
    bide_cancel(task);
    turns(2);
    check(bide_cancel(task)); /* still true: it runs */
    check_error(bide_join(task), ECANCELED);
    check_eq(first, 0);
    return 0;
}

/* ---- the level ---- */

static int count_turns(int *counter)
{
    for (;;) {
        int err = bide_sleep(0);

        if (err < 0)
            return err;
        ++*counter;
    }
}
bide_async(count_turns, int *);

bide_test(level_every_wait_answers_and_yields)
{
    int counter = 0, before, err;
    bide_task *other = bide_create_task(NULL, bide_co(count_turns, &counter));

    turns(2);
    bide_timeout (0, err) {
        for (int i = 0; i < 100; i++) {
            before = counter;
            check_error(bide_sleep(i % 2 ? 1 : 0), ECANCELED);
            check_eq(counter, before + 1); /* one turn for the others, each time */
        }
        before = counter;
        check_error(bide_join(other), ECANCELED);
        check_eq(counter, before + 1);
        check_error(bide_gather(bide_co(nap_noted, 0, "never")), ECANCELED);
        check_error(bide_wait_for(bide_co(nap_noted, 0, "never"), 1), ECANCELED);
        check_error(bide_to_thread(bide_co(nap_noted, 0, "never")), ECANCELED);
    }
    check_notes("");
    bide_cancel(other);
    return 0;
}

/* A program with the commonest bug: it ignores what its waits answer. */
static int ignore_everything(int *counter)
{
    for (int i = 0; i < 2000; i++) {
        (void)bide_sleep(0.0001);
        ++*counter;
    }
    return 0;
}
bide_async(ignore_everything, int *);

bide_test(level_a_loop_that_ignores_the_cancel_starves_nobody)
{
    int ignored = 0, err;
    bide_task *deaf = bide_create_task(NULL, bide_co(ignore_everything, &ignored));

    turns(2);
    bide_cancel(deaf);
    bide_timeout (10, err) {
        for (int i = 0; i < 10; i++)
            bide(bide_sleep(0.001)); /* timers go on */
    }
    check_eq(err, 0);
    check_eq(bide_join(deaf), 0);
    check_eq(ignored, 2000);
    return 0;
}

static int look(bool *ret_before, bool *ret_after)
{
    *ret_before = bide_cancelled();
    (void)bide_sleep(3600);
    *ret_after = bide_cancelled();
    return 0;
}
bide_async(look, bool *, bool *);

bide_test(cancelled_says_what_the_next_wait_will_answer)
{
    bool before = true, after = false;
    bide_task *task = bide_create_task(NULL, bide_co(look, &before, &after));
    int err;

    turns(1);
    bide_cancel(task);
    bide(bide_join(task));
    check(!before);
    check(after);
    check(!bide_cancelled());
    bide_timeout (0, err) {
        check(bide_cancelled());
        bide_shield (60) {
            check(!bide_cancelled());
        }
    }
    return 0;
}

unit_test(cancelled_outside_of_a_loop)
{
    check(!bide_cancelled());
    return 0;
}
