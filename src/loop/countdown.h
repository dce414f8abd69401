/* loop/countdown.h - timers of blocks, which are armed only when their task waits. */
#ifndef BIDE_LOOP_COUNTDOWN_H
#define BIDE_LOOP_COUNTDOWN_H

#include <assert.h>

#include "base/tick.h"
#include "loop/loop.h"

enum {
    BIDE__COUNTING = INT32_MAX, /* slot of a countdown that has begun and is not armed yet */
    BIDE__COUNTDOWNS = 16       /* that may be in this state at once */
};

/*
 * Begins a countdown of countdown->seconds; its timer's expire is set, and its slot is 0. When the running task first
 * parks, it becomes an armed timer of the loop. False: there was no memory, it has not begun.
 */
bool bide__countdown_make_room(struct bide_loop *loop, struct bide__countdown *countdown); /* its rare half */
static inline bool bide__countdown_begin(struct bide_loop *loop, struct bide__countdown *countdown)
{
    struct bide__countdown *previous = loop->countdowns;

    countdown->begun_at = bide__tick();
    if (__builtin_expect(previous || !bide__timers_have_room(&loop->timers, BIDE__COUNTDOWNS), 0))
        return bide__countdown_make_room(loop, countdown);
    countdown->timer.slot = BIDE__COUNTING;
    countdown->previous = NULL;
    countdown->depth = 0;
    loop->countdowns = countdown;
    return true;
}

/* Ends a countdown, or the timer it has become; one that has not begun is left alone. The last begun is ended first. */
static inline void bide__countdown_end(struct bide_loop *loop, struct bide__countdown *countdown)
{
    if (countdown->timer.slot != BIDE__COUNTING) {
        bide__timer_cancel(&loop->timers, &countdown->timer);
        return;
    }
    assert(loop->countdowns == countdown && "blocks must be left in the order they were entered");
    loop->countdowns = countdown->previous;
    countdown->timer.slot = 0;
}

/* Notes how fast the processor's counter runs, from here on. When a loop is opened. */
void bide__countdowns_open(struct bide_loop *loop);

#endif
