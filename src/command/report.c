/*
 * The report of `bide fetch`: counters, and the three things that are made of them.
 *
 * A progress line is drawn by whoever calls report_progress() and taken away before anything else is printed, so lines never
 * mix. Everything costs O(1) and no memory that grows. What must never happen: bytes of a URL or a server's text that reach a
 * terminal as they are.
 */
#include "command/report.h"

#include <bide.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command/output.h"

#define BUCKET_WIDTH 1.02
#define SHORTEST 1e-6

static const char *const kind_names[ERROR_KINDS] = {
    [ERROR_URL] = "bad URL",
    [ERROR_RESOLVE] = "unknown host",
    [ERROR_REFUSED] = "refused",
    [ERROR_TIMEOUT] = "timeout",
    [ERROR_TRUNCATED] = "truncated",
    [ERROR_CONNECTION] = "connection",
    [ERROR_PROTOCOL] = "protocol",
    [ERROR_SIZE] = "too large",
    [ERROR_STORE] = "not stored",
    [ERROR_OTHER] = "other",
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

static void count_latency(struct latencies *latencies, double seconds)
{
    double place = seconds > SHORTEST ? log(seconds / SHORTEST) / log(BUCKET_WIDTH) : 0;
    size_t bucket = place < LATENCY_BUCKETS - 1 ? (size_t)place : LATENCY_BUCKETS - 1;

    latencies->buckets[bucket]++;
    latencies->count++;
    if (seconds > latencies->longest)
        latencies->longest = seconds;
}

/* The duration that `share` of all do not exceed, right to 2 %. */
static double percentile(const struct latencies *latencies, double share)
{
    double wanted = ceil(share * (double)latencies->count);
    size_t seen = 0;

    for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        seen += latencies->buckets[bucket];
        if ((double)seen >= wanted)
            return fmin(SHORTEST * pow(BUCKET_WIDTH, (double)bucket + 1), latencies->longest);
    }
    return latencies->longest;
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
    double whole = ceil(fmin(seconds, 1e9));

    if (whole < 120)
        snprintf(text, size, "%.0f s", whole);
    else if (whole < 7200)
        snprintf(text, size, "%.0f min %.0f s", floor(whole / 60), fmod(whole, 60));
    else
        snprintf(text, size, "%.0f h %.0f min", floor(whole / 3600), floor(fmod(whole, 3600) / 60));
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
    char line[256], bytes[32], left[40] = "", total[32] = "", duration[32];

    if (report->total_known) {
        snprintf(total, sizeof total, " of %zu", report->total);
        if (done > 0 && done < report->total) {
            duration_text((double)(report->total - done) / rate, duration, sizeof duration);
            snprintf(left, sizeof left, ", about %s left", duration);
        }
    }
    snprintf(line, sizeof line, "%zu%s done, %zu failed, %.0f/s, %s%s", done, total, report->failed + report->bad_answers,
             rate, bytes_text(report->bytes, bytes, sizeof bytes), left);
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
    char bytes[32];

    report_hide(report);
    if (report->quiet)
        return;
    fprintf(stderr, "%zu", done);
    if (report->total_known && done < report->total)
        fprintf(stderr, " of %zu", report->total);
    fprintf(stderr, " URL%s in %.3f s: %zu answered, %zu failed; %.0f requests/s, %s", done == 1 ? "" : "s", elapsed,
            report->answered, report->failed, elapsed > 0 ? (double)(done + report->retried) / elapsed : 0,
            bytes_text(report->bytes, bytes, sizeof bytes));
    if (report->retried)
        fprintf(stderr, ", %zu retries", report->retried);
    fputc('\n', stderr);
    if (report->answered) {
        print_statuses(report);
        fprintf(stderr, "  latency   p50 %.1f ms  p90 %.1f ms  p99 %.1f ms\n",
                1000 * percentile(&report->latencies, 0.5), 1000 * percentile(&report->latencies, 0.9),
                1000 * percentile(&report->latencies, 0.99));
    }
    if (report->failed)
        print_errors(report);
}
