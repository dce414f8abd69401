/*
 * check.h for the tests of bide that stand on libbide-test, the harness that users get: the same names as
 * tests/harness/check.h, and what the two differ in. Those tests measure real time, and many of them leave on purpose
 * what a user's test must not: tasks that run() is to cancel, errors that nobody reads.
 */
#ifndef BIDE_TESTS_ON_LIBRARY_CHECK_H
#define BIDE_TESTS_ON_LIBRARY_CHECK_H

#include <bide/test.h>

#pragma GCC system_header /* the macros redefine and use GNU extensions */

#undef bide_test
#undef unit_test
#undef check_event
#undef check_trace
#define ON_LIBRARY__OPTIONS                                                                                            \
    .real_clock = true, .time_limit = 60, .seeds = -1, .allow = BIDE_ALLOW_TASKS | BIDE_ALLOW_ERRORS
#define bide_test(name) BIDE__TEST_MORE(BIDE__TEST_IN_TASK, name, ON_LIBRARY__OPTIONS)
#define unit_test(name) BIDE__TEST_MORE(BIDE__TEST_PLAIN, name, ON_LIBRARY__OPTIONS)

#define check_slowness bide_test_slowness
#define CHECK__PLACE(text) BIDE__PLACE(text, false)
#define check__place bide__place

static inline _Noreturn __attribute__((unused)) void check__fail_true(struct bide__place place)
{
    bide__check_true(place);
    __builtin_unreachable();
}

#endif
