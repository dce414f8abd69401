/* test/crash.h - the last words of a test process that crashes, exits, or takes too long. */
#ifndef BIDE_TEST_CRASH_H
#define BIDE_TEST_CRASH_H

/* Prepares this process and thread. */
void bide__crash_watch(void);

/* The signal by which the runner tells a test process that its time is over: it says where it is, and dies. */
int bide__crash_time_signal(void);

#endif
