/*
 * test/report.h - what a test process tells the runner: a shared page for how it ended, a descriptor for what it
 * says.
 */
#ifndef BIDE_TEST_REPORT_H
#define BIDE_TEST_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <bide/test.h>

enum bide__outcome { BIDE__NOT_ENDED, BIDE__PASSED, BIDE__FAILED, BIDE__SKIPPED };

/* Lives in memory that is shared by the runner and the test process. */
struct bide__report {
    enum bide__outcome outcome;
    char reason[256];           /* of a skip */
    char expected_failure[256]; /* empty: it is not expected to fail */
    char directory[256];        /* bide_test_directory(), to be removed; empty: none */
    atomic_uint failures;       /* soft checks that failed, and things that were left behind */
    atomic_uint checks;         /* how many checks ran */
    bool fired;                 /* what was to be injected has happened */
    bool timed_out;             /* the report about it is written */
};

/* The report of this process; never NULL once a test runs. */
extern struct bide__report *bide__report;

/*
 * The depth of the library's own work in this thread: what it allocates, opens or calls meanwhile is neither counted
 * nor made to fail. Every function of the library that does such things increments it and decrements it again.
 */
extern _Thread_local int bide__quiet;

/* Where a test process says things: descriptor `descriptor` (kept open, not seen as a leak). -1: stdout. */
void bide__say_to(int descriptor);
int bide__say_descriptor(void);

/*
 * Says something: printf's format. Written at once, in order with stdout. May be called in a signal handler of a
 * process that is about to die.
 */
void bide__say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Says which task is running (or that none is) and prints the tree of tasks of this thread's loop, each line behind "
 * ".
 */
void bide__say_tasks(void);

/* Notes something that makes the test fail: says "<file>:<line>: " when there is a file, then the text. */
void bide__finding(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Ends this process now as a failed (skipped) test; other threads and tasks may be anywhere. Under a debugger it
 * stops there first.
 */
_Noreturn void bide__end_process(enum bide__outcome outcome);

/* True when a debugger traces this process. */
bool bide__debugged(void);

/* True when Thread Sanitizer does, which has a thread of its own. */
bool bide__thread_sanitized(void);

/* True when a sanitizer (Valgrind) looks after the memory. */
bool bide__sanitized(void);
bool bide__valgrind(void);

#endif
