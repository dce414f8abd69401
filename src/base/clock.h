/* base/clock.h - the monotonic clock, as int64 nanoseconds inside and double seconds in the API. */
#ifndef BIDE_BASE_CLOCK_H
#define BIDE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define BIDE__FOREVER INT64_MAX
#define BIDE__SECOND INT64_C(1000000000)
#define BIDE__MILLISECOND INT64_C(1000000)

/* Nanoseconds on the monotonic clock. */
static inline int64_t bide__clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * BIDE__SECOND + now.tv_nsec;
}

/*
 * Seconds as nanoseconds, to the nearest (a time that went through a double and back is the same again); anything
 * beyond the range, INFINITY and NaN: BIDE__FOREVER.
 */
static inline int64_t bide__nanoseconds(double seconds)
{
    double nanoseconds = seconds * 1e9;

    if (!(nanoseconds < 9.2e18))
        return BIDE__FOREVER;
    if (nanoseconds < -9.2e18)
        return -BIDE__FOREVER;
    return (int64_t)(nanoseconds < 0 ? nanoseconds - 0.5 : nanoseconds + 0.5);
}

/* now + seconds, or BIDE__FOREVER. */
static inline int64_t bide__deadline_after(int64_t now, double seconds)
{
    int64_t delay = bide__nanoseconds(seconds);

    return delay >= BIDE__FOREVER - now ? BIDE__FOREVER : now + delay;
}

#endif
