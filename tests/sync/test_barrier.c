/*
 * Barriers: the rules O1 to O9 of asyncio's Barrier; O4 is one it breaks.
 */
#include "check.h"

#include <errno.h>

#include "../task/notes.h"
#include "witness.h"

static int party(bide_barrier *barrier, const char *name)
{
    int index = bide_barrier_wait(barrier);

    if (index == BIDE_EBROKEN) {
        check_str(bide_strerror(index), "bide_barrier_wait: the barrier is broken");
        note("%s:broken", name);
    } else {
        note("%s:%d", name, index == -ECANCELED ? -1 : index);
    }
    return 0;
}
bide_async(party, bide_barrier *, const char *);

bide_test(O1_each_party_gets_another_index_and_the_last_does_not_wait)
{
    bide_barrier barrier = BIDE_BARRIER(3);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(party, &barrier, "a"));
        bide_start(tg, bide_co(party, &barrier, "b"));
        turns(1);
        check_eq(bide_barrier_n_waiting(&barrier), 2);
        check_eq(bide_barrier_parties(&barrier), 3);
        check_does_not_wait(tg, bide_barrier_wait(&barrier), 2);
        check_eq(bide_barrier_n_waiting(&barrier), 0);
    }
    check_notes("a:0 b:1");
    return err;
}

static int two_rounds(bide_barrier *barrier, const char *name)
{
    bide(party(barrier, name));
    return party(barrier, name);
}
bide_async(two_rounds, bide_barrier *, const char *);

bide_test(O2_it_is_ready_for_the_next_round_at_once)
{
    bide_barrier barrier = BIDE_BARRIER(2);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(two_rounds, &barrier, "a"));
        turns(1);
        check_eq(bide_barrier_wait(&barrier), 1);
        /* a has been let pass and has not run: who comes now is the first of the next round */
        check_notes("");
        check_eq(bide_barrier_wait(&barrier), 0);
        check_notes("a:0 a:1");
    }
    check_eq(bide_barrier_n_waiting(&barrier), 0);
    return err;
}

bide_test(O3_cancelled_while_filling_leaves_and_the_others_wait_on)
{
    bide_barrier barrier = BIDE_BARRIER(3);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(party, &barrier, "a"));
        bide_task *b = bide_create_task(tg, bide_co(party, &barrier, "b"));

        turns(1);
        bide_cancel(b);
        check_eq(bide_barrier_n_waiting(&barrier), 1); /* now, not when b has run */
        bide_start(tg, bide_co(party, &barrier, "c"));
        turns(2);
        check_notes("b:-1");
        check(!bide_barrier_broken(&barrier));
        bide_start(tg, bide_co(party, &barrier, "d"));
    }
    check_notes("d:2 a:0 c:1");
    return err;
}

bide_test(O4_indexes_stay_unique_after_a_cancellation)
{
    bide_barrier barrier = BIDE_BARRIER(4);
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(party, &barrier, "a"));

        bide_start(tg, bide_co(party, &barrier, "b"));
        bide_start(tg, bide_co(party, &barrier, "c"));
        turns(1);
        bide_cancel(a);
        bide_start(tg, bide_co(party, &barrier, "d"));
        bide_start(tg, bide_co(party, &barrier, "e"));
    }
    check_notes("a:-1 e:3 b:0 c:1 d:2");
    return err;
}

bide_test(O5_abort_breaks_it_for_all_until_reset)
{
    bide_barrier barrier = BIDE_BARRIER(3);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(party, &barrier, "a"));
        bide_start(tg, bide_co(party, &barrier, "b"));
        turns(1);
        bide_barrier_abort(&barrier);
        check(bide_barrier_broken(&barrier));
        check_eq(bide_barrier_n_waiting(&barrier), 0);
        check_does_not_wait(tg, bide_barrier_wait(&barrier), (int)BIDE_EBROKEN);
        turns(1);
        check_notes("a:broken b:broken");
        bide_barrier_reset(&barrier);
        check(!bide_barrier_broken(&barrier));
        bide_start(tg, bide_co(party, &barrier, "c"));
        bide_start(tg, bide_co(party, &barrier, "d"));
        bide_start(tg, bide_co(party, &barrier, "e"));
    }
    check_notes("e:2 c:0 d:1");
    check_str(bide_error_name(BIDE_EBROKEN), "BIDE_EBROKEN");
    return err;
}

bide_test(O6_reset_breaks_the_wait_of_those_inside_only)
{
    bide_barrier barrier = BIDE_BARRIER(2);
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(party, &barrier, "a"));
        turns(1);
        bide_barrier_reset(&barrier);
        check_eq(bide_barrier_n_waiting(&barrier), 0);
        check(!bide_barrier_broken(&barrier));
        turns(1);
        check_notes("a:broken");
        bide_start(tg, bide_co(party, &barrier, "b"));
        bide_start(tg, bide_co(party, &barrier, "c"));
    }
    check_notes("c:1 b:0");
    return err;
}

bide_test(O7_cancelling_a_released_party_does_not_break_it)
{
    bide_barrier barrier = BIDE_BARRIER(2);
    int err;

    bide_task_group (tg, err) {
        bide_task *a = bide_create_task(tg, bide_co(party, &barrier, "a"));

        turns(1);
        check_eq(bide_barrier_wait(&barrier), 1);
        bide_cancel(a);
        turns(1);
        check_notes("a:0");
        check(!bide_barrier_broken(&barrier));
        check_eq(bide_barrier_n_waiting(&barrier), 0);
    }
    return err;
}

bide_test(O8_less_than_one_party_is_an_error_and_one_never_waits)
{
    bide_barrier none = { 0 }, one = BIDE_BARRIER(1), negative = BIDE_BARRIER(-1);
    int err;

    check_error(bide_barrier_wait(&none), EINVAL);
    check_error(bide_barrier_wait(&negative), EINVAL);
    check_str(bide_strerror(-EINVAL), "a barrier was made for -1 parties");
    bide_task_group (tg, err) {
        check_does_not_wait(tg, bide_barrier_wait(&one), 0);
        check_does_not_wait(tg, bide_barrier_wait(&one), 0);
        bide_timeout (0, err)
            check_waits(tg, bide_barrier_wait(&one), -ECANCELED);
    }
    return 0;
}

static int with_it(bide_barrier *barrier, int *ret_sum)
{
    int index;

    bide_with (barrier, index)
        *ret_sum += 1 << index;
    return 0;
}
bide_async(with_it, bide_barrier *, int *);

bide_test(O9_with_gives_the_index)
{
    bide_barrier barrier = BIDE_BARRIER(3);
    int sum = 0;

    check_eq(bide_gather(bide_co(with_it, &barrier, &sum), bide_co(with_it, &barrier, &sum),
                         bide_co(with_it, &barrier, &sum)),
             0);
    check_eq(sum, 7);
    check_eq(bide_barrier_get_statistics(&barrier).limit, 3);
    return 0;
}
