/*
 * The slab and the clock: what lies below everything.
 */
#include "check.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/slab.h"

unit_test(slab_blocks_do_not_overlap_and_are_aligned)
{
    enum { COUNT = 3000, SIZE = 40 };
    static unsigned char *blocks[COUNT];
    struct bide__slab slab = { .block_size = SIZE };

    for (int i = 0; i < COUNT; i++) {
        blocks[i] = bide__slab_take(&slab);
        check(blocks[i] != NULL);
        check_eq((uintptr_t)blocks[i] % sizeof(void *), 0);
        memset(blocks[i], i & 0xff, SIZE);
    }
    for (int i = 0; i < COUNT; i++)
        for (int at = 0; at < SIZE; at++)
            check_eq(blocks[i][at], i & 0xff);
    bide__slab_free(&slab);
    return 0;
}

unit_test(slab_gives_the_last_one_back_first)
{
    struct bide__slab slab = { .block_size = 24 };
    void *a = bide__slab_take(&slab), *b = bide__slab_take(&slab);

    check(a != b);
    bide__slab_give(&slab, a);
    bide__slab_give(&slab, b);
    check_eq(bide__slab_take(&slab), b);
    check_eq(bide__slab_take(&slab), a);
    bide__slab_free(&slab);                /* with blocks that are still taken */
    bide__slab_free(&slab);                /* empty: nothing */
    check(bide__slab_take(&slab) != NULL); /* and it can be used again */
    bide__slab_free(&slab);
    return 0;
}

unit_test(clock_goes_forward)
{
    int64_t before = bide__clock_now(), now = before;

    for (int i = 0; i < 1000; i++) {
        now = bide__clock_now();
        check(now >= before);
        before = now;
    }
    return 0;
}

unit_test(clock_seconds_as_nanoseconds)
{
    check_eq(bide__nanoseconds(0), 0);
    check_eq(bide__nanoseconds(1), BIDE__SECOND);
    check_eq(bide__nanoseconds(0.001), BIDE__MILLISECOND);
    check_eq(bide__nanoseconds(1e-9), 1);
    check_eq(bide__nanoseconds(1.6e-9),
             2); /* to the nearest, so that a time goes through a double and comes back the same */
    check_eq(bide__nanoseconds(-1.6e-9), -2);
    check_eq(bide__nanoseconds(1e-12), 0);
    check_eq(bide__nanoseconds((double)INT64_C(123456789012345) * 1e-9), INT64_C(123456789012345));
    check_eq(bide__nanoseconds(-1), -BIDE__SECOND);
    check_eq(bide__nanoseconds(INFINITY), BIDE__FOREVER);
    check_eq(bide__nanoseconds(NAN), BIDE__FOREVER);
    check_eq(bide__nanoseconds(1e300), BIDE__FOREVER);
    check(bide__nanoseconds(-INFINITY) < -BIDE__SECOND * 1000);
    return 0;
}

unit_test(clock_deadlines_do_not_overflow)
{
    check_eq(bide__deadline_after(100, 1), 100 + BIDE__SECOND);
    check_eq(bide__deadline_after(100, INFINITY), BIDE__FOREVER);
    check_eq(bide__deadline_after(BIDE__FOREVER - 10, 1), BIDE__FOREVER);
    check_eq(bide__deadline_after(INT64_C(1) << 62, 9e9), BIDE__FOREVER);
    check(bide__deadline_after(100, -1) < 100);
    check(bide__deadline_after(100, -INFINITY) < 100);
    return 0;
}
