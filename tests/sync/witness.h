/*
 * witness.h: did a call wait? A witness is a task that is ready; it has run if, and only if, the call gave up its turn.
 */
#ifndef BIDE_TESTS_WITNESS_H
#define BIDE_TESTS_WITNESS_H

#include <stdbool.h>

static int witness(bool *ret_ran)
{
    *ret_ran = true;
    return 0;
}
bide_async(witness, bool *);

/* Evaluates a call and checks that it did not give up its turn. `group` owns the witness. */
#define check_does_not_wait(group, call, result)                                                                       \
    do {                                                                                                               \
        static bool ran;                                                                                               \
        ran = false;                                                                                                   \
        check_eq(bide_start(group, bide_co(witness, &ran)), 0);                                                        \
        check_eq(call, result);                                                                                        \
        check(!ran);                                                                                                   \
    } while (0)

/* The same for a call that gives up its turn, and comes back with `result`. */
#define check_waits(group, call, result)                                                                               \
    do {                                                                                                               \
        static bool ran;                                                                                               \
        ran = false;                                                                                                   \
        check_eq(bide_start(group, bide_co(witness, &ran)), 0);                                                        \
        check_eq(call, result);                                                                                        \
        check(ran);                                                                                                    \
    } while (0)

#endif
