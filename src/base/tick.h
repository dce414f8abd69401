/* base/tick.h - a cheap counter of time, for "has it been long since?" and nothing else. */
#ifndef BIDE_BASE_TICK_H
#define BIDE_BASE_TICK_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/clock.h"

/*
 * The processor's time stamp, or nanoseconds where there is none. Not comparable between processors of some machines:
 * only short differences mean something.
 */
static inline uint64_t bide__tick(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t count;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return (uint64_t)bide__clock_now();
#endif
}

/* Whether ticks are equally long, whatever the processor does, and the same on all processors of the machine. */
static inline bool bide__tick_is_steady(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1U << 8); /* "invariant TSC" */
#else
    return true;
#endif
}

/* About 20 to 60 microseconds in ticks. */
static inline uint64_t bide__ticks_short(void)
{
#if defined(__x86_64__)
    return UINT64_C(1) << 17; /* 44 us at 3 GHz */
#elif defined(__aarch64__)
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency / 25000; /* 40 us */
#else
    return 40000;
#endif
}

#endif
