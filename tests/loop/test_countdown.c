/*
 * Countdowns: nothing is armed before it is waited, and what is armed then has the deadline and the order that it would
 * have had at once.
 */
#include "support_loop.h"

#include <math.h>

#include "loop/countdown.h"

enum { NESTED = 3 * BIDE__COUNTDOWNS + 1 };

static struct bide_loop loop;

struct block {
    struct bide__countdown countdown; /* first */
    int number;
};

static struct block blocks[NESTED];
static int expired;

static void expire(struct bide__timer *timer)
{
    check_eq(((struct block *)(void *)timer)->number, expired);
    expired++;
}

static void begin_block(struct block *block, double seconds)
{
    static int number;

    *block = (struct block){ .countdown = { .timer = { .expire = expire }, .seconds = seconds }, .number = number++ };
    check(bide__countdown_begin(&loop, &block->countdown));
}

static void spin(int64_t nanoseconds)
{
    int64_t end = bide__clock_now() + nanoseconds;

    while (bide__clock_now() < end)
        continue;
}

unit_test(what_is_left_without_a_wait_is_never_armed)
{
    struct block outer, inner;

    open_loop(&loop);
    begin_block(&outer, 1);
    begin_block(&inner, 1);
    check_eq(loop.timers.size, 0U);
    bide__countdown_end(&loop, &inner.countdown);
    bide__countdown_end(&loop, &outer.countdown);
    check(!loop.countdowns);
    bide__countdowns_settle(&loop);
    check_eq(loop.timers.size, 0U);
    check_eq(inner.countdown.timer.slot, 0U);
    bide__countdown_end(&loop, &inner.countdown); /* once more is harmless */
    bide__loop_close(&loop);
    return 0;
}

unit_test(they_are_armed_in_the_order_they_began_however_many)
{
    open_loop(&loop);
    for (int i = 0; i < NESTED; i++)
        begin_block(&blocks[i], 10);
    check(loop.countdowns && loop.countdowns->depth < BIDE__COUNTDOWNS);
    bide__countdowns_settle(&loop);
    check_eq(loop.timers.size, (uint32_t)NESTED);
    bide__timers_expire(&loop.timers, bide__loop_now(&loop) + 11 * BIDE__SECOND);
    check_eq(expired, (int)NESTED);
    for (int i = NESTED; i-- > 0;)
        bide__countdown_end(&loop, &blocks[i].countdown);
    check_eq(loop.timers.reserved, 0U);
    bide__loop_close(&loop);
    return 0;
}

static void note_late(void *number)
{
    check_eq(expired, *(int *)number);
    expired++;
    stop_loop(&loop);
}

unit_test(they_come_before_a_timer_that_is_armed_later_for_the_same_time)
{
    struct block block;
    int second = 1;

    open_loop(&loop);
    loop.virtual_clock = true;
    begin_block(&block, 0.5);
    check_eq(bide_call_later(&loop, 0.5, note_late, &second, NULL), 0);
    run_loop(&loop);
    check_eq(expired, 2);
    bide__loop_close(&loop);
    return 0;
}

unit_test(what_is_computed_before_the_wait_counts)
{
    const int64_t computing = 60 * BIDE__MILLISECOND, limit = 20 * BIDE__MILLISECOND;
    struct block block;

    open_loop(&loop);
    if (!loop.steady_ticks)
        skip("the processor does not promise a steady counter");
    spin(computing);
    int64_t before = bide__clock_now();
    begin_block(&block, 0.02);
    int64_t after = bide__clock_now();
    spin(computing);
    bide__countdowns_settle(&loop);
    int64_t deadline = bide__timers_next(&loop.timers);
    check(deadline >= before + limit); /* never too early */
    check(deadline <= after + limit + computing / 2);
    bide__countdown_end(&loop, &block.countdown);
    check_eq(bide__timers_next(&loop.timers), BIDE__FOREVER);
    bide__loop_close(&loop);
    return 0;
}

unit_test(never_too_early)
{
    struct block block;

    open_loop(&loop);
    for (int i = 0; i < 200; i++) {
        spin(i % 7 * 20000);
        int64_t before = bide__clock_now();
        begin_block(&block, 0.001);
        spin(i % 11 * 30000);
        bide__countdowns_settle(&loop);
        check(bide__timers_next(&loop.timers) >= before + BIDE__MILLISECOND);
        check(bide__timers_next(&loop.timers) <= bide__clock_now() + BIDE__MILLISECOND);
        bide__countdown_end(&loop, &block.countdown);
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(an_endless_one_is_never_armed)
{
    struct block block;

    open_loop(&loop);
    begin_block(&block, INFINITY);
    bide__countdowns_settle(&loop);
    check_eq(loop.timers.size, 0U);
    bide__countdown_end(&loop, &block.countdown);
    bide__loop_close(&loop);
    return 0;
}
