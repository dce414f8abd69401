/* test/runner.h - runs cases: each attempt in a process of its own, several at once, with a time limit. */
#ifndef BIDE_TEST_RUNNER_H
#define BIDE_TEST_RUNNER_H

#include "test/cases.h"

/*
 * Runs all cases to their end, calling `ended` after each. 0, or -errno if tests cannot be run at all, with a line on
 * stderr.
 */
int bide__run_cases(struct bide__cases *cases, const struct bide__test_command *command,
                    void (*ended)(const struct bide__case *one, void *argument),
                    void (*starts)(const struct bide__case *one, void *argument), void *argument);

#endif
