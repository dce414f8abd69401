/*
 * bide_task_group. The names in comments (I1, ...) are those of the rules in docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

#include "notes.h"

static int nap(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(nap, double, const char *);

static int fail_after(double seconds, int code)
{
    int err = bide_sleep(seconds);

    return err < 0 ? err : bide_fail(code, "failed with %d", -code);
}
bide_async(fail_after, double, int);

/* A coroutine that starts itself: its bide_async line stands after a declaration. */
struct sibling {
    bide_group *group;
    int depth;
};

static int sibling(struct sibling *arguments);
bide_async(sibling, struct sibling *);

static int sibling(struct sibling *arguments)
{
    note("%d", arguments->depth);
    turns(1);
    if (arguments->depth-- == 0)
        return 0;
    return bide_start(arguments->group, bide_co(sibling, arguments));
}

bide_test(group_waits_for_body_and_children) /* I1 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 0.01, "late")));
        bide(bide_start(tg, bide_co(nap, 0.001, "early")));
        note("body");
    }
    check_eq(err, 0);
    check_notes("body early:0 late:0");
    bide_task_group (tg, err) {
        (void)tg;
    }
    check_eq(err, 0); /* none at all */
    return 0;
}

bide_test(group_children_may_add_children_after_the_body) /* I1, I18 */
{
    struct sibling arguments = { .depth = 3 };
    int err;

    bide_task_group (tg, err) {
        arguments.group = tg;
        bide(bide_start(tg, bide_co(sibling, &arguments)));
    }
    check_eq(err, 0);
    check_notes("3 2 1 0");
    return 0;
}

static int few_turns(void)
{
    for (int i = 0; i < 3; i++)
        bide(bide_sleep(0));
    return 0;
}
bide_async(few_turns);

static int start_when_done(bide_group *group, bide_task *task)
{
    while (!bide_done(task))
        bide(bide_sleep(0));
    return bide_start(group, bide_co(nap, 0.001, "added"));
}
bide_async(start_when_done, bide_group *, bide_task *);

bide_test(group_waits_for_a_child_that_is_added_when_the_last_one_has_ended)
{
    int err;

    bide_task_group (tg, err)
        bide_start(NULL, bide_co(start_when_done, tg, bide_create_task(tg, bide_co(few_turns))));
    check_eq(err, 0);
    check_notes("added:0");
    return 0;
}

static int fail_soon(void)
{
    (void)bide_sleep(0.001);
    return bide_fail(-EIO, "soon");
}
bide_async(fail_soon);

bide_test(group_that_fails_tells_its_children_in_order_and_then_its_body) /* I2 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 10, "first")));
        bide(bide_start(tg, bide_co(fail_soon)));
        bide(bide_start(tg, bide_co(nap, 10, "second")));
        note("body:%d", bide_sleep(10));
    }
    check_error(err, EIO);
    check_notes("first:-125 second:-125 body:-125");
    return 0;
}

bide_test(group_failing_child_cancels_all_others_and_the_body) /* I2 */
{
    int err, body = 0;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 3600, "a")));
        bide(bide_start(tg, bide_co(fail_after, 0.001, -EBADMSG)));
        bide(bide_start(tg, bide_co(nap, 3600, "b")));
        body = bide_sleep(3600);
    }
    check_error(body, ECANCELED);
    check_error(err, EBADMSG);
    check_str(bide_strerror(err), "failed with 74");
    check_notes("a:-125 b:-125");
    check(!bide_cancelled()); /* I5 */
    return bide_sleep(0);
}

bide_test(group_first_error_wins) /* I3 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_after, 0, -EIO)));
        bide(bide_start(tg, bide_co(fail_after, 0, -EPIPE)));
    }
    check_error(err, EIO);
    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_after, 0, -EIO)));
        (void)bide_sleep(3600);
        err = -EBADF; /* the body's error came later */
    }
    check_error(err, EIO);
    check_str(bide_strerror(err), "failed with 5");
    return 0;
}

static int fail_in_cleanup(void)
{
    (void)bide_sleep(3600);
    return bide_fail(-EREMOTEIO, "in the cleanup");
}
bide_async(fail_in_cleanup);

bide_test(group_error_in_a_cleanup) /* I4: of a group that is cancelled, it is the error */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_in_cleanup)));
        bide(bide_sleep(0));
        bide_group_cancel(tg);
    }
    check_error(err, EREMOTEIO);
    bide_task_group (tg, err) { /* and of one that has failed, the first error stays */
        bide(bide_start(tg, bide_co(fail_in_cleanup)));
        bide(bide_start(tg, bide_co(fail_after, 0.001, -EIO)));
    }
    check_error(err, EIO);
    return 0;
}

static int cancel_myself(void)
{
    bide_cancel(bide_current_task());
    return bide_sleep(0);
}
bide_async(cancel_myself);

static int just_cancelled(void)
{
    return -ECANCELED;
}
bide_async(just_cancelled);

bide_test(group_ignores_a_child_that_is_cancelled_by_itself) /* I6 */
{
    int err;

    bide_task_group (tg, err) {
        bide_task *task = bide_create_task(tg, bide_co(nap, 3600, "cancelled"));

        bide(bide_start(tg, bide_co(cancel_myself)));
        bide(bide_start(tg, bide_co(just_cancelled)));
        bide(bide_start(tg, bide_co(nap, 0.005, "other")));
        bide(bide_sleep(0));
        bide_cancel(task);
    }
    check_eq(err, 0);
    check_notes("cancelled:-125 other:0");
    return 0;
}

bide_test(group_error_of_the_body) /* I7 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 3600, "child")));
        bide(bide_sleep(0));
        err = bide_fail(-EDOM, "body");
    }
    check_error(err, EDOM);
    check_str(bide_strerror(err), "body");
    check_notes("child:-125");
    return 0;
}

static int await_in_group(int *ret_err)
{
    bide_task_group (tg, *ret_err) {
        bide(bide_start(tg, bide_co(nap, 3600, "child")));
        bide(bide_start(tg, bide_co(fail_after, 0.001, -ENOLINK)));
        bide(bide_sleep(3600)); /* cancelled by the failing child: what is returned is the child's error */
    }
    check(false);
    return 0;
}

bide_test(group_await_in_it_returns_the_childs_error)
{
    int err = 0;

    check_error(await_in_group(&err), ENOLINK);
    check_error(err, ENOLINK);
    check_notes("child:-125");
    return 0;
}

bide_test(group_body_that_is_cancelled_by_itself) /* I8 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 3600, "child")));
        bide(bide_sleep(0));
        err = -ECANCELED;
    }
    check_error(err, ECANCELED);
    check_notes("child:-125");
    return 0;
}

bide_test(group_body_that_swallows_its_interruption) /* I9 */
{
    int err, after = 0;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_after, 0.001, -EIO)));
        (void)bide_sleep(3600);
        after = 1;
        bide_shield (60) {
            check_eq(bide_sleep(0.001), 0);
        }
        err = 0;
    }
    check_eq(after, 1);
    check_error(err, EIO);
    return 0;
}

static int leave_group_by(int way, int *ret_err)
{
    for (int i = 0; i < 1; i++) {
        bide_task_group (tg, *ret_err) {
            bide(bide_start(tg, bide_co(nap, 3600, "a")));
            bide(bide_start(tg, bide_co(nap, 3600, "b")));
            bide(bide_sleep(0));
            if (way == 0)
                break;
            if (way == 1)
                return 11;
            if (way == 2)
                goto out;
        }
    }
    return 10;
out:
    return 12;
}

bide_test(group_left_by_break_return_goto_waits) /* I10 */
{
    int err = 1;

    check_eq(leave_group_by(0, &err), 10);
    check_eq(err, 0);
    check_notes("a:-125 b:-125");
    check_eq(leave_group_by(1, &err), 11);
    check_eq(err, 0);
    check_notes("a:-125 b:-125");
    check_eq(leave_group_by(2, &err), 12);
    check_eq(err, 0);
    check_notes("a:-125 b:-125");
    return bide_sleep(0);
}

bide_test(group_continue_is_the_end_of_the_block)
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 0.002, "a")));
        continue;
    }
    check_eq(err, 0);
    check_notes("a:0");
    return 0;
}

static int group_of(double seconds, int *ret_err)
{
    bide_task_group (tg, *ret_err) {
        bide(bide_start(tg, bide_co(nap, seconds, "a")));
        bide(bide_start(tg, bide_co(nap, seconds, "b")));
    }
    note("after:%d", bide_sleep(0));
    return *ret_err;
}
bide_async(group_of, double, int *);

bide_test(group_cancelled_from_outside) /* I11, I13 */
{
    int err = 0;
    bide_task *task = bide_create_task(NULL, bide_co(group_of, 3600, &err));

    turns(3);
    bide_cancel(task);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(err, ECANCELED);
    check_notes("a:-125 b:-125 after:-125");
    return 0;
}

static int group_that_fails_in_cleanup(int *ret_err, int *ret_next)
{
    bide_task_group (tg, *ret_err) {
        bide(bide_start(tg, bide_co(fail_in_cleanup)));
    }
    *ret_next = bide_sleep(0);
    return *ret_err;
}
bide_async(group_that_fails_in_cleanup, int *, int *);

bide_test(group_error_in_cleanup_of_an_outside_cancel) /* I12 */
{
    int err = 0, next = 0;
    bide_task *task = bide_create_task(NULL, bide_co(group_that_fails_in_cleanup, &err, &next));

    turns(3);
    bide_cancel(task);
    check_error(bide_join(task), EREMOTEIO);
    check_error(err, EREMOTEIO);
    check_error(next, ECANCELED); /* the cancellation is still there */
    return 0;
}

bide_test(group_children_that_finish_despite_a_cancel)
{
    int err;

    bide_timeout (0.1, err) {
        int inner;

        bide_task_group (tg, inner) {
            bide(bide_start(tg, bide_co(nap, 0, "done")));
            bide_shield (60) {
                (void)bide_sleep(0.2);
            }
        }
        check_eq(inner, 0); /* nothing was cut short */
        err = inner;
    }
    check_eq(err, 0);
    check_notes("done:0");
    return 0;
}

bide_test(groups_nested_outer_child_fails) /* I14 */
{
    int inner = 1, outer;

    bide_task_group (tg, outer) {
        bide(bide_start(tg, bide_co(fail_after, 0.001, -EIO)));
        bide_task_group (tg2, inner) {
            bide(bide_start(tg2, bide_co(nap, 3600, "inner")));
        }
        check_error(inner, ECANCELED);
        outer = inner;
    }
    check_error(outer, EIO);
    check_notes("inner:-125");
    return 0;
}

bide_test(groups_nested_inner_child_fails) /* I15 */
{
    int inner = 1, outer;

    bide_task_group (tg, outer) {
        bide(bide_start(tg, bide_co(nap, 0.005, "outer")));
        bide_task_group (tg2, inner) {
            bide(bide_start(tg2, bide_co(fail_after, 0.001, -EIO)));
        }
        check_error(inner, EIO);
        check(!bide_cancelled());
        /* handled: the outer group goes on */
    }
    check_eq(outer, 0);
    check_notes("outer:0");
    return 0;
}

static int fail_now(int code)
{
    return code;
}
bide_async(fail_now, int);

bide_test(groups_nested_both_fail_at_once) /* I16 */
{
    int inner = 1, outer, later = 1;

    bide_task_group (tg, outer) {
        bide(bide_start(tg, bide_co(fail_now, -EPIPE)));
        bide_task_group (tg2, inner) {
            bide(bide_start(tg2, bide_co(fail_now, -EIO)));
        }
        check_error(inner, EIO);
        later = bide_sleep(0);
    }
    check_error(later, ECANCELED);
    check_error(outer, EPIPE);
    return 0;
}

static int start_into(bide_group *group)
{
    int err = fail_after(0.001, -EIO);

    check_eq(bide_start(group, bide_co(nap, 3600, "added")), 0);
    return err;
}
bide_async(start_into, bide_group *);

bide_test(group_child_added_while_it_ends_is_cancelled_too) /* I17, I19 (here it runs: R4), I24 */
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_after, 0.001, -EPIPE)));
        bide(bide_start(tg, bide_co(start_into, tg)));
    }
    check_error(err, EPIPE);
    check_notes("added:-125");
    return 0;
}

bide_test(group_in_a_timeout) /* I22 */
{
    int err, inner;

    bide_timeout (0.002, err) {
        bide_task_group (tg, inner) {
            bide(bide_start(tg, bide_co(nap, 3600, "a")));
        }
        check_error(inner, ECANCELED);
        err = inner;
    }
    check_error(err, ETIMEDOUT);
    bide_timeout (0.002, err) {
        bide_task_group (tg, inner) {
            bide(bide_start(tg, bide_co(fail_in_cleanup)));
        }
        err = inner;
    }
    check_error(err, EREMOTEIO);
    check_notes("a:-125");
    return bide_sleep(0);
}

bide_test(group_cancel_ends_it_without_an_error)
{
    int err, body = 0;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(nap, 3600, "a")));
        bide(bide_sleep(0));
        bide_group_cancel(tg);
        bide_group_cancel(tg);
        err = body = bide_sleep(3600);
    }
    check_error(body, ECANCELED);
    check_eq(err, 0);
    check_notes("a:-125");
    return bide_sleep(0);
}

static int cancel_group(bide_group *group)
{
    bide_group_cancel(group);
    return 0;
}
bide_async(cancel_group, bide_group *);

static int await_in_cancelled_group(int *ret_err)
{
    bide_task_group (tg, *ret_err) {
        bide(bide_start(tg, bide_co(cancel_group, tg)));
        bide(bide_sleep(3600));
    }
    return 5;
}

bide_test(group_cancel_by_a_child)
{
    int err = 1;
    int result = await_in_cancelled_group(&err);

    /* bide() hands on what the block ends with; 0 is no error to return, and the function ends there */
    check_eq(err, 0);
    check_eq(result, 0);
    return bide_sleep(0);
}

bide_test(group_handles_are_good_until_its_end)
{
    int err;

    bide_task_group (tg, err) {
        bide_task *early = bide_create_task(tg, bide_co(nap, 0, "early"));
        bide_task *late = bide_create_task(tg, bide_co(nap, 0.002, "late"));

        check_eq(bide_join(late), 0);
        check(bide_done(early));
        check_eq(bide_join(early), 0);
        check_eq(bide_result(early), 0);
    }
    check_eq(err, 0);
    check_notes("early:0 late:0");
    return 0;
}
