/*
 * Rules D to J: tasks, gather, wait_for, timeouts, groups and shields, where tests/task has no test of the rule.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "../task/notes.h"

static int count_down(int rounds, int result)
{
    while (rounds-- > 0)
        bide(bide_sleep(0));
    return result < 0 ? bide_fail(result, "counted down") : result;
}
bide_async(count_down, int, int);

static int join_it(bide_task *task)
{
    return bide_join(task);
}
bide_async(join_it, bide_task *);

bide_test(D16_uncancel_takes_back_a_cancel_that_was_not_noticed)
{
    bide_cancel(bide_current_task());
    check(bide_cancelled());
    check(bide_uncancel());
    check(!bide_cancelled());
    check_eq(bide_sleep(0), 0);
    return 0;
}

bide_test(
    D19_cancelling_one_of_two_who_join_touches_nobody_else) /* differs from asyncio (D17 to D19), where it goes down to the joined task */
{
    bide_task *shared = bide_create_task(NULL, bide_co(count_down, 10, 5));
    bide_task *a = bide_create_task(NULL, bide_co(join_it, shared)),
              *b = bide_create_task(NULL, bide_co(join_it, shared));

    turns(2);
    bide_cancel(a);
    check_error(bide_join(a), ECANCELED);
    check(!bide_done(shared));
    check_eq(bide_join(b), 5);
    check_eq(bide_result(shared), 5);
    return 0;
}

static bide_local color, size_of_it;

static int look_and_change(char *first_seen)
{
    *first_seen = *(const char *)bide_local_get(&color);
    bide(bide_local_set(&color, "green"));
    bide(bide_sleep(0));
    return *(const char *)bide_local_get(&color);
}
bide_async(look_and_change, char *);

bide_test(D27_a_task_has_a_copy_of_the_locals_of_its_creator)
{
    char seen = 0;

    check(!bide_local_get(&color));
    check_eq(bide_local_set(&color, "red"), 0);
    check_eq(bide_local_set(&size_of_it, "small"), 0);
    bide_task *task = bide_create_task(NULL, bide_co(look_and_change, &seen));
    check_eq(bide_local_set(&color, "blue"), 0); /* after it was created: not for it */
    check_eq(bide_join(task), 'g');
    check_eq(seen, 'r');
    check_str(bide_local_get(&color), "blue"); /* what it changed stays with it */
    check_str(bide_local_get(&size_of_it), "small");
    check_eq(bide(look_and_change(&seen)), 'g'); /* an ordinary call shares them */
    check_str(bide_local_get(&color), "green");
    return 0;
}

static int read_in_thread(const char **ret_text)
{
    *ret_text = bide_local_get(&color);
    return 0;
}
bide_async(read_in_thread, const char **);

bide_test(Q2_a_thread_sees_the_locals_of_its_caller)
{
    const char *text = "";

    check_eq(bide_to_thread(bide_co(read_in_thread, &text)), 0);
    check(!text);
    bide_local_set(&color, "red");
    check_eq(bide_to_thread(bide_co(read_in_thread, &text)), 0);
    check_str(text, "red");
    return 0;
}

static int cancel_myself(void)
{
    bide_cancel(bide_current_task());
    return bide_sleep(3600);
}
bide_async(cancel_myself);

bide_test(E12_a_cancelled_child_has_its_slot_in_gather_settled)
{
    int results[3] = { 1, 1, 1 };

    check_eq(bide_gather_settled((const bide_coroutine[]){ bide_co(count_down, 2, 7), bide_co(cancel_myself),
                                                           bide_co(count_down, 4, -EIO) },
                                 3, results),
             0);
    check_eq(results[0], 7);
    check_error(results[1], ECANCELED);
    check_error(results[2], EIO);
    check(!bide_cancelled());
    return 0;
}

static int fail_when_cancelled(int code)
{
    check_error(bide_sleep(3600), ECANCELED);
    return bide_fail(code, "cleaning up failed");
}
bide_async(fail_when_cancelled, int);

bide_test(E5_errors_of_the_others_stand_behind_the_first) /* differs: asyncio swallows them */
{
    int err = bide_gather(bide_co(fail_when_cancelled, -EPIPE), bide_co(count_down, 2, -EIO)), code = 0;

    check_error(err, EIO);
    check_eq(bide_error_count(err), 2);
    check(bide_error_at(err, 1, &code));
    check_eq(code, -EPIPE);
    return 0;
}

bide_test(F6_the_same_task_twice_stands_twice)
{
    bide_task *slow = bide_create_task(NULL, bide_co(count_down, 50, 0)),
              *fast = bide_create_task(NULL, bide_co(count_down, 1, 3));
    bide_task *tasks[] = { slow, fast, fast };

    check_eq(bide_wait(tasks, 3, BIDE_FIRST_COMPLETED), 2);
    check_eq(tasks[0], fast);
    check_eq(tasks[1], fast);
    check_eq(tasks[2], slow);
    return 0;
}

bide_test(G3_infinity_is_no_limit)
{
    check_eq(bide_wait_for(bide_co(count_down, 3, 6), INFINITY), 6);
    return 0;
}

bide_test(G10_a_task_survives_the_time_limit_of_one_who_joins_it)
{
    bide_task *task = bide_create_task(NULL, bide_co(count_down, 20, 8));
    int err;

    bide_timeout (0, err)
        err = bide_join(task);
    check_error(err, ETIMEDOUT);
    check(!bide_done(task));
    check_eq(bide_join(task), 8);
    return 0;
}

bide_test(H6_a_body_that_swallows_its_interruption_is_no_error)
{
    int err;

    bide_timeout (0.01, err) {
        check(!bide_expired());
        check_error(bide_sleep(3600), ECANCELED);
        check(bide_expired());
        err = 0;
    }
    check_eq(err, 0);
    check_eq(bide_sleep(0), 0);
    return 0;
}

bide_test(I5_after_a_failed_group_its_task_goes_on)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(count_down, 0, -EIO));
        check_error(bide_sleep(3600), ECANCELED);
    }
    check_error(err, EIO);
    check(!bide_cancelled());
    check(!bide_uncancel());
    check_eq(bide_sleep(0), 0);
    return 0;
}

static int clean_up(void)
{
    note("%d", bide_sleep(3600) == -ECANCELED);
    bide_shield (60) {
        for (int i = 0; i < 6; i++)
            note("%d", bide_sleep(0));
    }
    return -ECANCELED;
}
bide_async(clean_up);

static int own_a_group(void)
{
    int err;

    bide_task_group (tg, err)
        bide_start(tg, bide_co(clean_up));
    return err;
}
bide_async(own_a_group);

bide_test(I13_cancelled_again_the_cleanup_is_not_disturbed)
{
    bide_task *task = bide_create_task(NULL, bide_co(own_a_group));

    turns(3);
    bide_cancel(task);
    turns(3);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("1 0 0 0 0 0 0");
    return 0;
}

bide_test(I20_an_error_of_the_interrupted_body_is_kept_too)
{
    int err, code = 0;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(count_down, 0, -EINVAL));
        err = bide_sleep(3600);
        check_error(err, ECANCELED);
        err = bide_fail(-EIO, "cleaning up failed");
    }
    check_error(err, EINVAL);
    check_eq(bide_error_count(err), 2);
    check(bide_error_at(err, 1, &code));
    check_eq(code, -EIO);
    check(!bide_cancelled());
    return 0;
}

bide_test(J6_joining_a_task_that_somebody_cancels)
{
    bide_task *inner = bide_create_task(NULL, bide_co(count_down, 100, 0)),
              *outer = bide_create_task(NULL, bide_co(join_it, inner));

    turns(2);
    bide_cancel(inner);
    check_error(bide_join(outer), ECANCELED);
    check_error(bide_result(inner), ECANCELED);
    return 0;
}

bide_test(J7_an_error_after_the_wait_was_given_up_can_still_be_had)
{
    bide_task *task = bide_create_task(NULL, bide_co(count_down, 5, -EIO));
    int err;

    bide_timeout (0, err)
        err = bide_join(task);
    check_error(err, ETIMEDOUT);
    turns(10);
    check(bide_done(task));
    check_error(bide_join(task), EIO);
    check(strstr(bide_strerror(-EIO), "counted down"));
    return 0;
}

static int gather_two(void)
{
    return bide_gather(bide_co(count_down, 5, 0), bide_co(count_down, 8, 0));
}
bide_async(gather_two);

bide_test(J10_a_gather_in_a_task_survives_the_one_who_waits)
{
    bide_task *task = bide_create_task(NULL, bide_co(gather_two));
    int err;

    bide_timeout (0, err)
        err = bide_join(task);
    check_error(err, ETIMEDOUT);
    check_eq(bide_join(task), 0);
    return 0;
}
