/*
 * check.h for the tests of bide that stand on libbide-test, the harness that users get: the same names as
 * tests/harness/check.h, and what the two differ in. Many of those tests leave on purpose what a user's test must not:
 * tasks that run() is to cancel, errors that nobody reads. Their clock is virtual in the layers that CMake says it of
 * (BIDE_TESTS_ON_VIRTUAL_CLOCK) but for tests that work or block until time has passed: bide_test_in_real_time.
 */
#ifndef BIDE_TESTS_ON_LIBRARY_CHECK_H
#define BIDE_TESTS_ON_LIBRARY_CHECK_H

#include <bide/test.h>

#pragma GCC system_header /* the macros redefine and use GNU extensions */

#undef bide_test
#undef unit_test
#undef check_event
#undef check_trace
#ifndef BIDE_TESTS_ON_VIRTUAL_CLOCK
#define BIDE_TESTS_ON_VIRTUAL_CLOCK 0
#endif
#define ON_LIBRARY__REAL_OPTIONS                                                                                       \
    .real_clock = true, .time_limit = 60, .seeds = -1, .allow = BIDE_ALLOW_TASKS | BIDE_ALLOW_ERRORS
#define ON_LIBRARY__OPTIONS                                                                                            \
    .real_clock = !BIDE_TESTS_ON_VIRTUAL_CLOCK, .time_limit = 60, .seeds = -1,                                         \
    .allow = BIDE_ALLOW_TASKS | BIDE_ALLOW_ERRORS
#define bide_test(name) BIDE__TEST_MORE(BIDE__TEST_IN_TASK, name, ON_LIBRARY__OPTIONS)
#define bide_test_in_real_time(name) BIDE__TEST_MORE(BIDE__TEST_IN_TASK, name, ON_LIBRARY__REAL_OPTIONS)
#define unit_test(name) BIDE__TEST_MORE(BIDE__TEST_PLAIN, name, ON_LIBRARY__REAL_OPTIONS)

#define check_slowness bide_test_slowness
#define CHECK__PLACE(text) BIDE__PLACE(text, false)
#define check__place bide__place

static inline _Noreturn __attribute__((unused)) void check__fail_true(struct bide__place place)
{
    bide__check_true(place);
    __builtin_unreachable();
}

#endif
