/*
 * bide_with: whatever way a block is left, what it took is given back.
 */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../task/notes.h"

static bide_lock lock;

bide_test(its_end_releases)
{
    int err = 99;

    bide_with (&lock, err) {
        check_eq(err, 0);
        check(bide_lock_locked(&lock));
        err = 7; /* the block's own outcome */
    }
    check_eq(err, 7);
    check(!bide_lock_locked(&lock));
    return 0;
}

bide_test(break_and_continue_release)
{
    int err, rounds = 0;

    bide_with (&lock, err) {
        rounds++;
        if (rounds)
            break;
    }
    check(!bide_lock_locked(&lock));
    bide_with (&lock, err) {
        rounds++;
        if (rounds)
            continue;
    }
    check(!bide_lock_locked(&lock));
    check_eq(rounds, 2);
    return 0;
}

static int leave_by_return(void)
{
    int err;

    bide_with (&lock, err)
        return bide_lock_locked(&lock) ? 5 : 6;
    return 7;
}

static int leave_by_goto(void)
{
    int err, result = 0;

    bide_with (&lock, err) {
        result = bide_lock_locked(&lock);
        goto out;
    }
    result = 7;
out:
    return result;
}

static int leave_by_bide(void)
{
    int err;

    bide_with (&lock, err) {
        check(bide_lock_locked(&lock));
        bide(bide_fail(-EIO, "on purpose"));
    }
    return 7;
}

bide_test(return_goto_and_bide_release)
{
    check_eq(leave_by_return(), 5);
    check(!bide_lock_locked(&lock));
    check_eq(leave_by_goto(), 1);
    check(!bide_lock_locked(&lock));
    check_error(leave_by_bide(), EIO);
    check_str(bide_strerror(-EIO), "on purpose");
    check(!bide_lock_locked(&lock));
    return 0;
}

bide_test(the_block_is_not_run_when_the_acquire_fails)
{
    int err, inner = 99;
    bool ran = false;

    bide_timeout (0, err) {
        bide_with (&lock, inner)
            ran = true;
    }
    check_error(inner, ECANCELED);
    check(!ran);
    check(!bide_lock_locked(&lock));
    return 0;
}

bide_test(every_object_that_can_be_held)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(1);
    bide_bounded_semaphore bounded = BIDE_BOUNDED_SEMAPHORE(1);
    bide_condition condition = { 0 };
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1);
    bide_barrier barrier = BIDE_BARRIER(1);
    int err;

    bide_with (&semaphore, err)
        bide_with (&bounded, err)
            bide_with (&condition, err)
                bide_with (&limiter, err)
                    bide_with (&barrier, err) {
                        check_eq(err, 0);
                        check(bide_semaphore_locked(&semaphore));
                        check(bide_bounded_semaphore_locked(&bounded));
                        check(bide_condition_locked(&condition));
                        check_eq(limiter.borrowed, 1);
                    }
    check_eq(err, 0);
    check(!bide_semaphore_locked(&semaphore));
    check(!bide_bounded_semaphore_locked(&bounded));
    check(!bide_condition_locked(&condition));
    check_eq(limiter.borrowed, 0);
    return 0;
}

static bide_condition ready;

/* Cancelled, it does not end before it has had the lock again. */
static int wait_until_ready(void)
{
    int err;

    bide_with (&ready, err) {
        note("waits");
        err = bide_condition_wait(&ready);
        note("%s", err == -ECANCELED ? "cancelled" : "?");
    }
    return err;
}
bide_async(wait_until_ready);

static int fail_with_the_lock_in_a_group(void)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(wait_until_ready));
        bide(bide_sleep(0));
        bide_with (&ready, err)
            bide(bide_fail(-EIO, "on purpose"));
    }
    return err;
}

/* bide() closes the group, which waits for its child, which waits for the lock: so the lock must be released before. */
bide_test(bide_releases_what_is_held_before_it_closes_the_group_around_it)
{
    check_error(fail_with_the_lock_in_a_group(), EIO);
    check_notes("waits cancelled");
    check(!bide_condition_locked(&ready));
    return 0;
}

static int fail_in_a_timeout_within(void)
{
    int err, inner;

    bide_with (&lock, err) {
        bide_timeout (0.001, inner) {
            bide(bide_sleep(3600));
        }
    }
    return 7;
}

static int time_out_around(void)
{
    int err, inner;

    bide_timeout (0.001, err) {
        bide_with (&lock, inner) {
            bide(bide_sleep(3600));
        }
    }
    return 7;
}

bide_test(blocks_of_both_kinds_nest)
{
    check_error(time_out_around(), ETIMEDOUT);
    check(!bide_lock_locked(&lock));
    check_error(fail_in_a_timeout_within(), ETIMEDOUT);
    check(!bide_lock_locked(&lock));
    return 0;
}

static int hold_for_ever(void)
{
    bide(bide_lock_acquire(&lock));
    return bide_sleep(3600);
}
bide_async(hold_for_ever);

/* In a process of its own: releases inside the block, and lets `next` take the lock. */
static int lose_the_lock(void)
{
    int err;

    close(2);
    bide_with (&lock, err) {
        check_eq(bide_lock_release(&lock), 0);
        bide_create_task(NULL, bide_co(hold_for_ever));
        bide(bide_sleep(0));
    }
    return 0;
}
bide_async(lose_the_lock);

unit_test(a_block_that_lost_its_lock_is_a_programming_error_and_does_not_release_anothers)
{
#ifdef NDEBUG
    skip("assertions are off");
#else
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = { 0, 0 };

        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        _exit(bide_run(bide_co(lose_the_lock)) == 0 ? 0 : 1);
    }
    check(child > 0);
    check_eq(waitpid(child, &status, 0), child);
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGABRT);
    return 0;
#endif
}

static int hold_for_a_turn(const char *name)
{
    int err;

    bide_with (&lock, err) {
        note("%s", name);
        bide(bide_sleep(0));
        note("%s", name);
    }
    return err;
}
bide_async(hold_for_a_turn, const char *);

bide_test(one_at_a_time)
{
    check_eq(bide_gather(bide_co(hold_for_a_turn, "a"), bide_co(hold_for_a_turn, "b"), bide_co(hold_for_a_turn, "c")),
             0);
    check_notes("a a b b c c");
    return 0;
}
