/* test/attempt.h - one run of a test's body, in this process. */
#ifndef BIDE_TEST_ATTEMPT_H
#define BIDE_TEST_ATTEMPT_H

#include <bide/test.h>

#include "test/fault.h"

/* What is run, and how. */
struct bide__attempt {
    const struct bide__test *test;
    const void *parameter; /* bide_test_each: the element */
    const char *backend;   /* NULL: the test's option, else the environment's */
    uint64_t seed;         /* of the order of ready tasks; 0: first in, first out */
    enum bide__fault fault;
    unsigned n; /* which opportunity for it; 0: they are only counted */
};

/* Runs it, looks at what it left behind, and ends the process. The report and where things are said are in place. */
_Noreturn void bide__attempt_run(const struct bide__attempt *attempt);

#endif
