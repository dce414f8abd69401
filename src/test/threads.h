/* test/threads.h - the threads of a test process, and where they were started. */
#ifndef BIDE_TEST_THREADS_H
#define BIDE_TEST_THREADS_H

/* From now on the threads that are started are the test's. */
void bide__threads_mark(void);

/* Reports threads that still run, and those that have ended but were neither joined nor detached. */
void bide__threads_check(void);

#endif
