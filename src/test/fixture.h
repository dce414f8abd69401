/* test/fixture.h - fixtures and cleanups. */
#ifndef BIDE_TEST_FIXTURE_H
#define BIDE_TEST_FIXTURE_H

#include <stdbool.h>

/*
 * In the runner, before the first test: makes the fixtures of the program. False, with the reason said, if one
 * failed.
 */
bool bide__fixtures_of_program(void);

/* Runs the cleanups that were registered, the last one first; failing ones are findings. */
void bide__cleanups_run(bool in_task);

#endif
