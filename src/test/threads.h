/* test/threads.h - the threads of a test process, and where they were started. */
#ifndef BIDE_TEST_THREADS_H
#define BIDE_TEST_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the threads that are started are the test's. */
void bide__threads_mark(void);

/*
 * True if the process has no threads but the first one, and `known` ones; waits a moment for those that are just
 * ending.
 */
bool bide__threads_are_known(size_t known);

/* Reports threads that still run, and those that have ended but were neither joined nor detached. */
void bide__threads_check(void);

#endif
