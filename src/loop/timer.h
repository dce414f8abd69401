/* loop/timer.h - the pending timers of one loop: exact order, equal deadlines first in first out. */
#ifndef BIDE_LOOP_TIMER_H
#define BIDE_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include <bide/scope.h>

struct bide__timer_entry {
    int64_t deadline;  /* nanoseconds */
    uint32_t sequence; /* order of arming, decides between equal deadlines */
    uint32_t slot;
};

struct bide__timers {
    struct bide__timer_entry *heap; /* 4-ary, cancelled entries included */
    struct bide__timer **slots;     /* by slot number: the timer, NULL when cancelled, or (free) the next free slot */
    uint32_t size, capacity;
    uint32_t dead; /* cancelled entries in the heap */
    uint32_t free_slot;
    uint32_t slots_used;
    uint32_t reserved; /* timers that may be armed later and must not fail then */
    uint32_t sequence;
};

/*
 * Arms a timer that is not armed: timer->expire(timer) is called by bide__timers_expire once `deadline` has passed. 0
 * or -ENOMEM.
 */
int bide__timer_arm(struct bide__timers *timers, struct bide__timer *timer, int64_t deadline);

/* Takes an armed timer out; one that is not armed is left alone. */
void bide__timer_cancel(struct bide__timers *timers, struct bide__timer *timer);

/* The earliest deadline, BIDE__FOREVER when there is none. */
int64_t bide__timers_next(struct bide__timers *timers);

/*
 * Calls expire for all timers with a deadline <= now, in order. What they arm meanwhile is not due before the next
 * call unless it lies in the past.
 */
void bide__timers_expire(struct bide__timers *timers, int64_t now);

/* Whether `count` more timers can be armed without failing. make_room sees to it: 0 or -ENOMEM. */
static inline bool bide__timers_have_room(const struct bide__timers *timers, uint32_t count)
{
    return timers->size + timers->reserved + count <= timers->capacity;
}
int bide__timers_make_room(struct bide__timers *timers, uint32_t count);

/*
 * Makes sure that one more timer can be armed later without failing (for the grace of a shield); unreserve gives that
 * back. 0 or -ENOMEM.
 */
int bide__timers_reserve(struct bide__timers *timers);
void bide__timers_unreserve(struct bide__timers *timers);

void bide__timers_free(struct bide__timers *timers);

#endif
