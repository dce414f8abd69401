/*
 * command/report.h - what the user of `bide fetch` sees on stderr: failures at once, progress, and a summary at the
 * end.
 */
#ifndef BIDE_COMMAND_REPORT_H
#define BIDE_COMMAND_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can go wrong with a URL, for the summary. */
enum error_kind {
    ERROR_URL,
    ERROR_RESOLVE,
    ERROR_REFUSED,
    ERROR_TIMEOUT,
    ERROR_TRUNCATED,
    ERROR_CONNECTION,
    ERROR_PROTOCOL,
    ERROR_TLS,
    ERROR_SIZE,
    ERROR_STORE,
    ERROR_OTHER,
    ERROR_KINDS
};

enum { STATUS_MAX = 999, LATENCY_PARTS = 64, LATENCY_BUCKETS = 46 * LATENCY_PARTS };

/*
 * Durations counted in buckets, LATENCY_PARTS for each power of two nanoseconds: the memory is the same for ten and
 * for ten million.
 */
struct latencies {
    size_t count;
    uint64_t longest; /* nanoseconds */
    size_t buckets[LATENCY_BUCKETS];
};

/* All that is counted. Zeroed, then report_start(). */
struct report {
    bool quiet;
    bool is_terminal;
    bool line_shown; /* the progress line stands on the terminal */
    bool total_known;
    size_t total;
    size_t answered;    /* URLs that got an answer, whatever its status */
    size_t bad_answers; /* of these, with status 400 and above */
    size_t failed;      /* URLs that got none, or not all of it */
    size_t retried;     /* attempts beyond the first of a URL */
    uint64_t bytes;     /* of bodies, those of failed attempts included */
    size_t by_status[STATUS_MAX + 1];
    size_t by_kind[ERROR_KINDS];
    struct latencies latencies;
    double started, ended; /* on the loop's clock */
};

/* report_start - begins the clock; looks whether stderr is a terminal. In the loop. */
void report_start(struct report *report, bool quiet);

/* report_answer - counts an answer: its status and how long the attempt took, in seconds. */
void report_answer(struct report *report, int status, double seconds);

/* report_failure - counts a URL that failed with the error code `err`, and prints one line: "bide: URL: message". */
void report_failure(struct report *report, const char *url, int err, const char *message);

/* report_message - prints "bide: URL: message" without counting anything. */
void report_message(struct report *report, const char *url, const char *message);

/* report_hide - takes the progress line away, so that something else can be printed. */
void report_hide(struct report *report);

/* report_progress - draws the progress line (terminal) or prints one (otherwise). Call it now and then. */
void report_progress(struct report *report);

/*
 * report_summary - the end: counts by status and by kind of error, bytes, rate, latencies. After report->ended was
 * set.
 */
void report_summary(struct report *report);

/* error_kind - the kind of an error code. */
enum error_kind error_kind(int err);

#endif
