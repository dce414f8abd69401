/*
 * Timers: exact order, equal deadlines first in first out, and what is left of a cancelled one. No clock runs here:
 * `now` is a number.
 */
#include "support_loop.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 100000 };

struct alarm {
    struct bide__timer timer;
    int64_t deadline;
    int number; /* order of arming */
    int fired;  /* how often */
    int place;  /* the how-manieth that fired */
};

static int fired;

static void fire(struct bide__timer *timer)
{
    struct alarm *alarm = (struct alarm *)timer;

    check_eq(timer->slot, 0U); /* free to be armed again, or to be freed */
    alarm->fired++;
    alarm->place = fired++;
}

static struct alarm *make_alarms(int count)
{
    struct alarm *alarms = calloc((size_t)count, sizeof *alarms);

    check(alarms);
    for (int i = 0; i < count; i++)
        alarms[i].timer.expire = fire;
    return alarms;
}

static void arm(struct bide__timers *timers, struct alarm *alarm, int64_t deadline)
{
    static int number;

    alarm->deadline = deadline;
    alarm->number = number++;
    check_eq(bide__timer_arm(timers, &alarm->timer, deadline), 0);
}

/* A fixed sequence of numbers that look random (xorshift). */
static uint64_t random_number(void)
{
    static uint64_t state = 88172645463325252U;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int by_deadline_then_number(const void *left, const void *right)
{
    const struct alarm *a = *(const struct alarm *const *)left, *b = *(const struct alarm *const *)right;

    if (a->deadline != b->deadline)
        return a->deadline < b->deadline ? -1 : 1;
    return a->number - b->number;
}

unit_test(fires_in_the_order_of_deadlines)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(1000);

    for (int i = 0; i < 1000; i++)
        arm(&timers, &alarms[i], 1 + (i * 7919) % 1000); /* 7919 and 1000 have no common factor: each deadline once */
    bide__timers_expire(&timers, 1000);
    check_eq(fired, 1000);
    for (int i = 0; i < 1000; i++)
        check_eq((int64_t)alarms[i].place + 1, alarms[i].deadline);
    check_eq(bide__timers_next(&timers), BIDE__FOREVER);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(one_nanosecond_apart_is_a_difference)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(2);

    arm(&timers, &alarms[0], INT64_C(4000000000000000001));
    arm(&timers, &alarms[1], INT64_C(4000000000000000000));
    check_eq(bide__timers_next(&timers), INT64_C(4000000000000000000));
    bide__timers_expire(&timers, INT64_C(4000000000000000000));
    check_eq(fired, 1);
    check_eq(alarms[1].fired, 1);
    bide__timers_expire(&timers, INT64_C(4000000000000000001));
    check_eq(alarms[0].fired, 1);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(equal_deadlines_are_first_in_first_out)
{
    struct bide__timers timers = { .sequence = UINT32_MAX - 500 }; /* and stay so when the sequence number wraps */
    struct alarm *alarms = make_alarms(1000);

    for (int i = 0; i < 1000; i++)
        arm(&timers, &alarms[i], 5);
    bide__timers_expire(&timers, 5);
    for (int i = 0; i < 1000; i++)
        check_eq(alarms[i].place, i);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(only_what_is_due_fires)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(3);

    for (int i = 0; i < 3; i++)
        arm(&timers, &alarms[i], 10 * (i + 1));
    bide__timers_expire(&timers, 9);
    check_eq(fired, 0);
    bide__timers_expire(&timers, 20);
    check_eq(fired, 2);
    check_eq(bide__timers_next(&timers), 30);
    bide__timers_expire(&timers, 20);
    check_eq(fired, 2);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(cancelled_does_not_fire)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(10);

    for (int i = 0; i < 10; i++)
        arm(&timers, &alarms[i], i + 1);
    for (int i = 0; i < 10; i += 2) {
        bide__timer_cancel(&timers, &alarms[i].timer);
        bide__timer_cancel(&timers, &alarms[i].timer); /* once more is harmless */
    }
    check_eq(bide__timers_next(&timers), 2); /* not the deadline of a cancelled one */
    bide__timers_expire(&timers, 100);
    check_eq(fired, 5);
    for (int i = 0; i < 10; i++)
        check_eq(alarms[i].fired, i % 2);
    bide__timer_cancel(&timers, &alarms[1].timer); /* nor after it fired */
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(a_timer_that_was_cancelled_can_be_armed_again)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(2);

    arm(&timers, &alarms[0], 10);
    arm(&timers, &alarms[1], 20); /* so that the other one leaves a tombstone */
    bide__timer_cancel(&timers, &alarms[0].timer);
    arm(&timers, &alarms[0], 30);
    bide__timers_expire(&timers, 15);
    check_eq(fired, 0);
    bide__timers_expire(&timers, 30);
    check_eq(alarms[1].place, 0);
    check_eq(alarms[0].place, 1);
    check_eq(alarms[0].fired, 1);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(a_timeout_around_something_ready_leaves_nothing)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(2);

    arm(&timers, &alarms[0], 1000);
    for (int i = 0; i < MANY; i++) {
        arm(&timers, &alarms[1], 2000 + i);
        bide__timer_cancel(&timers, &alarms[1].timer);
        check_eq(timers.size, 1U);
    }
    check_eq(timers.capacity, 64U);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(tombstones_do_not_pile_up)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(1000);

    /* a thousand connections with an idle timeout each that is put off again and again */
    for (int i = 0; i < 1000; i++)
        arm(&timers, &alarms[i], i);
    for (int i = 0; i < MANY; i++) {
        struct alarm *alarm = &alarms[random_number() % 1000];

        bide__timer_cancel(&timers, &alarm->timer);
        arm(&timers, alarm, 1000 + i);
        check(timers.size <= 2 * 1000 + 130);
        check_eq(timers.size - timers.dead, 1000U);
    }
    bide__timers_expire(&timers, INT64_MAX - 1);
    check_eq(fired, 1000);
    check_eq(timers.dead, 0U);
    check(timers.capacity <= 4096);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(compaction_keeps_the_order)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(1000);
    int left = 0;

    for (int i = 0; i < 1000; i++)
        arm(&timers, &alarms[i], (i * 7919) % 1000);
    for (int i = 0; i < 1000; i++)
        if (i % 4)
            bide__timer_cancel(&timers, &alarms[i].timer);
    check(timers.size < 700); /* it was compacted on the way */
    bide__timers_expire(&timers, 1000);
    check_eq(fired, 250);
    for (int64_t deadline = 0; deadline < 1000; deadline++)
        for (int i = 0; i < 1000; i += 4)
            if (alarms[i].deadline == deadline)
                check_eq(alarms[i].place, left++);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

static struct bide__timers *shared_timers;
static struct alarm *other_alarm;

static void fire_and_cancel_other(struct bide__timer *timer)
{
    fire(timer);
    bide__timer_cancel(shared_timers, &other_alarm->timer);
}

unit_test(cancelled_by_an_earlier_one_of_the_same_batch)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(3);

    shared_timers = &timers;
    other_alarm = &alarms[1];
    for (int i = 0; i < 3; i++)
        arm(&timers, &alarms[i], 5);
    alarms[0].timer.expire = fire_and_cancel_other;
    bide__timers_expire(&timers, 5);
    check_eq(alarms[0].fired, 1);
    check_eq(alarms[1].fired, 0);
    check_eq(alarms[2].fired, 1);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

static void fire_and_arm_again(struct bide__timer *timer)
{
    fire(timer);
    check_eq(bide__timer_arm(shared_timers, timer, 50), 0);
}

unit_test(armed_by_a_batch_for_later_waits)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(1);

    shared_timers = &timers;
    alarms[0].timer.expire = fire_and_arm_again;
    arm(&timers, &alarms[0], 5);
    bide__timers_expire(&timers, 49);
    check_eq(fired, 1);
    check_eq(bide__timers_next(&timers), 50);
    bide__timer_cancel(&timers, &alarms[0].timer);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(a_reserved_timer_needs_no_memory)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(1000);
    uint32_t capacity;
    int armed = 0;

    for (int i = 0; i < 100; i++)
        check_eq(bide__timers_reserve(&timers), 0);
    /* arm until the next one would have to grow the heap */
    while (timers.size + timers.reserved < timers.capacity)
        arm(&timers, &alarms[armed], armed), armed++;
    capacity = timers.capacity;
    for (int i = 0; i < 100; i++) {
        bide__timers_unreserve(&timers);
        arm(&timers, &alarms[armed], armed), armed++;
        check_eq(timers.capacity, capacity);
    }
    arm(&timers, &alarms[armed], armed), armed++;
    check(timers.capacity > capacity);
    capacity = timers.capacity;
    check_eq(bide__timers_reserve(&timers), 0);
    while (timers.size < capacity - 1)
        arm(&timers, &alarms[armed], armed), armed++;
    check_eq(timers.capacity, capacity);
    arm(&timers, &alarms[armed], armed), armed++; /* the last place is not for this one */
    check(timers.capacity > capacity);
    bide__timers_unreserve(&timers);
    bide__timers_expire(&timers, 1000);
    check_eq(fired, armed);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}

unit_test(a_hundred_thousand_in_order)
{
    struct bide__timers timers = { 0 };
    struct alarm *alarms = make_alarms(MANY), **sorted = calloc(MANY, sizeof *sorted);

    check(sorted);
    for (int i = 0; i < MANY; i++) {
        arm(&timers, &alarms[i], (int64_t)(random_number() % 20000)); /* some five of each */
        sorted[i] = &alarms[i];
    }
    qsort(sorted, MANY, sizeof *sorted, by_deadline_then_number);
    bide__timers_expire(&timers, 20000);
    check_eq(fired, (int)MANY);
    for (int i = 0; i < MANY; i++)
        check_eq(sorted[i]->place, i);
    bide__timers_free(&timers);
    free(sorted);
    free(alarms);
    return 0;
}

enum { MODEL_ALARMS = 200, MODEL_STEPS = 100000 };

/* Those that are armed with a deadline up to `now`, in the order in which they must fire: how many. */
static int model_due(struct alarm *alarms, int64_t now, struct alarm *ret_due[MODEL_ALARMS])
{
    int count = 0;

    for (int i = 0; i < MODEL_ALARMS; i++)
        if (alarms[i].timer.slot && alarms[i].deadline <= now)
            ret_due[count++] = &alarms[i];
    qsort(ret_due, (size_t)count, sizeof *ret_due, by_deadline_then_number);
    return count;
}

/* Random arming, cancelling and expiring, compared with the slow and simple way at each step. */
unit_test(agrees_with_a_sorted_list)
{
    struct bide__timers timers = { .sequence = UINT32_MAX - MODEL_STEPS / 4 };
    struct alarm *alarms = make_alarms(MODEL_ALARMS), *due[MODEL_ALARMS];
    int64_t now = 0;

    for (int step = 0; step < MODEL_STEPS; step++) {
        struct alarm *alarm = &alarms[random_number() % MODEL_ALARMS];
        unsigned action = (unsigned)(random_number() % 8);

        if (!alarm->timer.slot) {
            arm(&timers, alarm, now + (int64_t)(random_number() % 64));
        } else if (action < 4) {
            bide__timer_cancel(&timers, &alarm->timer);
            check_eq(alarm->timer.slot, 0U);
        } else if (action == 7) {
            int before = fired;

            now += (int64_t)(random_number() % 8);
            int count = model_due(alarms, now, due);
            bide__timers_expire(&timers, now);
            check_eq(fired - before, count);
            for (int i = 0; i < count; i++)
                check_eq(due[i]->place, before + i);
        }
        if (step % 16 == 0) {
            int count = model_due(alarms, INT64_MAX, due);

            check_eq(bide__timers_next(&timers), count ? due[0]->deadline : BIDE__FOREVER);
        }
    }
    check(fired > MODEL_STEPS / 20);
    bide__timers_free(&timers);
    free(alarms);
    return 0;
}
