/* test/descriptors.h - the open descriptors of a test process: which there are, and where they were made. */
#ifndef BIDE_TEST_DESCRIPTORS_H
#define BIDE_TEST_DESCRIPTORS_H

/* Notes which descriptors are open now: those are not the test's. */
void bide__descriptors_mark(void);

/* A descriptor was made (or -1: nothing); notes where. Returns it. */
int bide__descriptors_made(int descriptor);

/* This descriptor is the library's, not the test's. */
void bide__descriptors_ours(int descriptor);

/* A descriptor is being closed. */
void bide__descriptors_closed(int descriptor);

/* Reports what is open and was not, and what was and is not. */
void bide__descriptors_check(void);

#endif
