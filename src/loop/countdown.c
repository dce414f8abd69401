/*
 * Countdowns: the timers of timeout blocks.
 *
 * Most timeouts stand around something that does not have to wait. So entering a block only notes the processor's
 * counter and puts the countdown on a list of the loop (there is room for it in the heap: what comes later cannot
 * fail); leaving it takes it off again. Neither looks at the clock nor touches the heap: 25 ns and 10 saved of 35.
 * When the task that runs parks, or anything else is about to be armed, the countdowns of the list become timers, in
 * the order they were begun. The list is that of one step: it is empty whenever another task or the loop runs (but for
 * tasks started eagerly, inside of a step), and blocks nest, so what is ended is always its last one.
 *
 * A deadline counts from the entry, and is never too early. If the step was short, up to now: the difference is some
 * 40 us. If it was long, what has passed since the entry is worked out of the counter, whose speed is the average since
 * the loop was opened; all readings are taken in the order that errs to the late side, and a thousandth and two
 * microseconds are left out, more than a clock is ever slewed and than the coarsest counter is off. Where the processor
 * does not promise a steady counter, the time before the first wait does not count.
 *
 * Must never happen: a wait with a countdown that is not armed; a deadline that comes before that of a timer which was
 * armed inside the block for the same time.
 */
#include "loop/countdown.h"

enum { COARSEST_TICK = 2000 /* nanoseconds: an emulator may make the counter of microseconds */ };

void bide__countdowns_open(struct bide_loop *loop)
{
    loop->countdowns = NULL;
    loop->steady_ticks = bide__tick_is_steady();
    loop->opened_at_tick = bide__tick();
    loop->opened_at = bide__clock_now();
}

/* Nanoseconds from one tick to another, at most so many: the loop is open for longer. */
static int64_t elapsed(const struct bide_loop *loop, uint64_t from, uint64_t to, int64_t now)
{
    uint64_t open = to - loop->opened_at_tick, ticks = to - from;

    if (ticks <= bide__ticks_short() || ticks > open || !loop->steady_ticks || loop->virtual_clock)
        return 0;
    double share = (double)ticks / (double)open, all = share * (double)(now - loop->opened_at) * (1 - 1.0 / 1024);

    return all > COARSEST_TICK ? (int64_t)all - COARSEST_TICK : 0;
}

bool bide__countdown_make_room(struct bide_loop *loop, struct bide__countdown *countdown)
{
    if (loop->countdowns && loop->countdowns->depth + 1 == BIDE__COUNTDOWNS) {
        bide__countdowns_arm(loop);
        countdown->begun_at = bide__tick(); /* not before those that are armed now, which count from now */
    }
    if (bide__timers_make_room(&loop->timers, BIDE__COUNTDOWNS) < 0)
        return false;
    countdown->timer.slot = BIDE__COUNTING;
    countdown->previous = loop->countdowns;
    countdown->depth = loop->countdowns ? loop->countdowns->depth + 1 : 0;
    loop->countdowns = countdown;
    return true;
}

void bide__countdowns_arm(struct bide_loop *loop)
{
    uint64_t tick = bide__tick();
    int64_t now = bide__loop_now(loop);
    struct bide__countdown *first = NULL;

    while (loop->countdowns) {
        struct bide__countdown *countdown = loop->countdowns;

        loop->countdowns = countdown->previous;
        countdown->previous = first;
        first = countdown;
    }
    for (; first; first = first->previous) {
        int64_t begun = now - elapsed(loop, first->begun_at, tick, now);
        int64_t deadline = bide__deadline_after(begun, first->seconds);

        first->timer.slot = 0;
        if (deadline != BIDE__FOREVER)
            bide__timer_arm(&loop->timers, &first->timer, deadline); /* there is room */
    }
}
