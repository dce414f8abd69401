/*
 * The report of `bide fetch`: counters, and the three things that are made of them.
 *
 * A progress line is drawn by whoever calls report_progress() and taken away before anything else is printed, so
 * lines never mix. Everything costs O(1) and no memory that grows. What must never happen: bytes of a URL or a
 * server's text that reach a terminal as they are.
 */
#include "command/report.h"

#include <bide.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command/output.h"

static const char *const kind_names[ERROR_KINDS] = {
    [ERROR_URL] = "bad URL",       [ERROR_RESOLVE] = "unknown host", [ERROR_REFUSED] = "refused",
    [ERROR_TIMEOUT] = "timeout",   [ERROR_TRUNCATED] = "truncated",  [ERROR_CONNECTION] = "connection",
    [ERROR_PROTOCOL] = "protocol", [ERROR_SIZE] = "too large",       [ERROR_STORE] = "not stored",
    [ERROR_TLS] = "TLS",           [ERROR_OTHER] = "other",
};

enum error_kind error_kind(int err)
{
    switch (err) {
    case BIDE_EURL:
    case -EINVAL:
        return ERROR_URL;
    case BIDE_ERESOLVE:
        return ERROR_RESOLVE;
    case -ECONNREFUSED:
        return ERROR_REFUSED;
    case -ETIMEDOUT:
        return ERROR_TIMEOUT;
    case BIDE_EOF:
        return ERROR_TRUNCATED;
    case -ECONNRESET:
    case -EPIPE:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ECONNABORTED:
    case -EADDRNOTAVAIL:
        return ERROR_CONNECTION;
    case BIDE_EPROTOCOL:
        return ERROR_PROTOCOL;
    case BIDE_ETLS:
        return ERROR_TLS;
    case BIDE_ELIMIT:
        return ERROR_SIZE;
    case -ENOSPC:
    case -EACCES:
    case -EROFS:
    case -EDQUOT:
    case -EIO:
        return ERROR_STORE;
    default:
        return ERROR_OTHER;
    }
}

/* The bucket of a duration: exact below 64 ns, then the power of two and the six bits after the first one. */
static size_t bucket_of(uint64_t nanoseconds)
{
    if (nanoseconds < LATENCY_PARTS)
        return (size_t)nanoseconds;
    unsigned power = 63U - (unsigned)__builtin_clzll(nanoseconds);
    size_t bucket = (power - 5) * LATENCY_PARTS + (size_t)(nanoseconds >> (power - 6) & (LATENCY_PARTS - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The longest duration that falls into a bucket. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < LATENCY_PARTS)
        return bucket;
    size_t power = bucket / LATENCY_PARTS + 5;
    return ((LATENCY_PARTS + bucket % LATENCY_PARTS + 1) << (power - 6)) - 1;
}

static void count_latency(struct latencies *latencies, double seconds)
{
    uint64_t nanoseconds = seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;

    latencies->buckets[bucket_of(nanoseconds)]++;
    latencies->count++;
    if (nanoseconds > latencies->longest)
        latencies->longest = nanoseconds;
}

/* The milliseconds that `percent` of all do not exceed, right to 1.6 %. */
static double percentile(const struct latencies *latencies, size_t percent)
{
    size_t wanted = (latencies->count * percent + 99) / 100, seen = 0, bucket = 0;

    for (; bucket < LATENCY_BUCKETS - 1; bucket++) {
        seen += latencies->buckets[bucket];
        if (seen >= wanted)
            break;
    }
    uint64_t end = bucket_end(bucket);
    return (double)(end < latencies->longest ? end : latencies->longest) / 1e6;
}

void report_start(struct report *report, bool quiet)
{
    report->quiet = quiet;
    report->is_terminal = isatty(STDERR_FILENO);
    report->started = report->ended = bide_time();
}

void report_answer(struct report *report, int status, double seconds)
{
    report->answered++;
    report->bad_answers += status >= 400;
    report->by_status[status <= STATUS_MAX ? status : STATUS_MAX]++;
    count_latency(&report->latencies, seconds);
}

void report_hide(struct report *report)
{
    if (report->line_shown)
        fputs("\r\033[K", stderr);
    report->line_shown = false;
}

void report_message(struct report *report, const char *url, const char *message)
{
    struct text line = { 0 };

    report_hide(report);
    if (text_add_clean(&line, url) == 0 && text_add(&line, ": ", 2) == 0 && text_add_clean(&line, message) == 0)
        fprintf(stderr, "bide: %.*s\n", (int)line.size, line.data);
    text_free(&line);
}

void report_failure(struct report *report, const char *url, int err, const char *message)
{
    report->failed++;
    report->by_kind[error_kind(err)]++;
    report_message(report, url, message);
}

/* "12.3 MB" */
static const char *bytes_text(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    double value = (double)bytes;
    int unit = -1;

    while (value >= 999.95 && unit < 5) {
        value /= 1000;
        unit++;
    }
    if (unit < 0)
        snprintf(text, size, "%d bytes", (int)bytes);
    else
        snprintf(text, size, "%.1f %s", value, units[unit]);
    return text;
}

/* "12 s", "3 min 20 s", "2 h 5 min" */
static const char *duration_text(double seconds, char *text, size_t size)
{
    unsigned long whole = seconds < 1e9 ? (unsigned long)seconds + 1 : 1000000000;

    if (whole < 120)
        snprintf(text, size, "%lu s", whole);
    else if (whole < 7200)
        snprintf(text, size, "%lu min %lu s", whole / 60, whole % 60);
    else
        snprintf(text, size, "%lu h %lu min", whole / 3600, whole % 3600 / 60);
    return text;
}

static size_t terminal_width(void)
{
    struct winsize window;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1U : 79;
}

void report_progress(struct report *report)
{
    double elapsed = bide_time() - report->started;
    size_t done = report->answered + report->failed;
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    char line[256], bytes[32], left[64] = "", total[32] = "", duration[32];

    if (report->total_known) {
        snprintf(total, sizeof total, " of %zu", report->total);
        if (done > 0 && done < report->total) {
            duration_text((double)(report->total - done) / rate, duration, sizeof duration);
            snprintf(left, sizeof left, ", about %s left", duration);
        }
    }
    snprintf(line, sizeof line, "%zu%s done, %zu failed, %.0f/s, %s%s", done, total,
             report->failed + report->bad_answers, rate, bytes_text(report->bytes, bytes, sizeof bytes), left);
    if (!report->is_terminal) {
        fprintf(stderr, "bide: %s\n", line);
        return;
    }
    fprintf(stderr, "\r%.*s\033[K", (int)terminal_width(), line);
    report->line_shown = true;
}

static void print_statuses(const struct report *report)
{
    fputs("  status  ", stderr);
    for (size_t status = 0; status <= STATUS_MAX; status++)
        if (report->by_status[status])
            fprintf(stderr, "  %zu: %zu", status, report->by_status[status]);
    fputc('\n', stderr);
}

static void print_errors(const struct report *report)
{
    fputs("  errors  ", stderr);
    for (size_t kind = 0; kind < ERROR_KINDS; kind++)
        if (report->by_kind[kind])
            fprintf(stderr, "  %s: %zu", kind_names[kind], report->by_kind[kind]);
    fputc('\n', stderr);
}

void report_summary(struct report *report)
{
    double elapsed = report->ended - report->started;
    size_t done = report->answered + report->failed;
    size_t total = report->total_known ? report->total : done;
    char bytes[32];

    report_hide(report);
    if (report->quiet)
        return;
    fprintf(stderr, "%zu", done);
    if (done < total)
        fprintf(stderr, " of %zu", total);
    fprintf(stderr, " URL%s in %.3f s: %zu answered, %zu failed; %.0f requests/s, %s", total == 1 ? "" : "s", elapsed,
            report->answered, report->failed, elapsed > 0 ? (double)(done + report->retried) / elapsed : 0,
            bytes_text(report->bytes, bytes, sizeof bytes));
    if (report->retried)
        fprintf(stderr, ", %zu retries", report->retried);
    fputc('\n', stderr);
    if (report->answered) {
        print_statuses(report);
        fprintf(stderr, "  latency   p50 %.1f ms  p90 %.1f ms  p99 %.1f ms\n", percentile(&report->latencies, 50),
                percentile(&report->latencies, 90), percentile(&report->latencies, 99));
    }
    if (report->failed)
        print_errors(report);
}
