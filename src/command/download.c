/*
 * Downloading one URL: attempts with a deadline each, and growing pauses between them.
 *
 * An attempt holds its connection, a buffer once the head of the answer is there, and a file if the body is stored;
 * all of that is given back on every way out. What must never happen: a loop that tries for ever, or a server asked
 * again sooner than it said.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "command/fetch.h"

enum { PIECE_BYTES = 16 * 1024, STORED_PIECE_BYTES = 128 * 1024 };

#define FIRST_PAUSE 0.5 /* seconds before the first retry, doubled for each further one */
#define LONGEST_PAUSE 30.0

/* One attempt. */
struct attempt {
    struct fetch *fetch;
    const char *url;
    struct outcome *outcome;
    bide_http_response *response;
    struct stored_file file;
    char *buffer;
    size_t capacity, filled;
};

static bool is_stored(const struct attempt *attempt)
{
    return attempt->fetch->options.directory && attempt->outcome->status >= 200 && attempt->outcome->status < 300;
}

static int too_large(const struct attempt *attempt)
{
    return bide_fail(BIDE_ELIMIT, "the body is larger than %llu bytes (--max-size)",
                     (unsigned long long)attempt->fetch->options.size_max);
}

/* Reads the body to its end, and stores it or drops it. */
static int read_body(struct attempt *attempt)
{
    struct outcome *outcome = attempt->outcome;
    bool store = is_stored(attempt);

    attempt->capacity = store ? STORED_PIECE_BYTES : PIECE_BYTES;
    attempt->buffer = malloc(attempt->capacity);
    if (!attempt->buffer)
        return bide_fail(-ENOMEM, "no memory for the body");
    if (store)
        store_begin(&attempt->fetch->store, attempt->url, &attempt->file);
    for (;;) {
        char *place = attempt->buffer + attempt->filled;
        size_t count = (size_t)bide(bide_http_read(attempt->response, place, attempt->capacity - attempt->filled));

        outcome->bytes += count;
        attempt->fetch->report.bytes += count;
        if (outcome->bytes > attempt->fetch->options.size_max)
            return too_large(attempt);
        attempt->filled += store ? count : 0;
        if (count == 0)
            break;
        if (attempt->filled == attempt->capacity) {
            bide(store_write(&attempt->file, attempt->buffer, attempt->filled));
            attempt->filled = 0;
        }
    }
    return store ? store_finish(&attempt->file, attempt->buffer, attempt->filled) : 0;
}

/* The header Retry-After in seconds: a number, or a date. Negative: there is none that we understand. */
static double retry_after(const bide_http_response *response)
{
    const char *value = bide_http_response_header(response, "Retry-After");
    struct tm date = { 0 };
    char *end;

    if (!value)
        return -1;
    long seconds = strtol(value, &end, 10);
    if (end != value && !*end)
        return seconds < 0 ? -1 : (double)seconds;
    end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (!end || *end)
        return -1;
    double wait = difftime(timegm(&date), time(NULL));
    return wait > 0 ? wait : 0;
}

static int run_attempt(struct attempt *attempt)
{
    const struct fetch_options *options = &attempt->fetch->options;
    struct outcome *outcome = attempt->outcome;

    bide(bide_http_request(attempt->fetch->client, options->method, attempt->url, NULL, &attempt->response));
    outcome->status = bide_http_response_status(attempt->response);
    outcome->retry_after = retry_after(attempt->response);
    int64_t length = bide_http_response_length(attempt->response);
    if (length > 0 && (uint64_t)length > options->size_max)
        return too_large(attempt);
    return read_body(attempt);
}

/* The library's message begins with method and URL, which our line has in front anyway. */
static const char *without_url(const char *message, const char *method)
{
    size_t length = strlen(method);
    const char *colon;

    if (!strncmp(message, method, length) && (message[length] == ' ' || message[length] == ':') &&
        (colon = strstr(message, ": ")))
        message = colon + 2;
    if (!strncmp(message, "URL '", 5) && (colon = strstr(message, "': ")))
        message = colon + 3;
    return message;
}

static void explain(struct attempt *attempt, int err)
{
    const struct fetch_options *options = &attempt->fetch->options;
    struct outcome *outcome = attempt->outcome;
    size_t size = sizeof outcome->message;

    if (err == -ETIMEDOUT && outcome->seconds >= options->timeout && outcome->status)
        snprintf(outcome->message, size, "timeout after %g s, with %llu bytes of the body", options->timeout,
                 (unsigned long long)outcome->bytes);
    else if (err == -ETIMEDOUT && outcome->seconds >= options->timeout)
        snprintf(outcome->message, size, "timeout after %g s without an answer", options->timeout);
    else
        snprintf(outcome->message, size, "%s", without_url(bide_strerror(err), options->method));
}

/* One attempt, whatever becomes of it. 0, or -ECANCELED. */
static int try_once(struct fetch *fetch, const char *url, struct outcome *outcome)
{
    struct attempt attempt = { .fetch = fetch, .url = url, .outcome = outcome };
    double started = bide_time();
    int err;

    outcome->status = 0;
    outcome->bytes = 0;
    outcome->retry_after = -1;
    outcome->message[0] = '\0';
    bide_timeout (fetch->options.timeout, err) {
        err = run_attempt(&attempt);
    }
    outcome->seconds = bide_time() - started;
    outcome->err = err;
    if (err < 0 && err != -ECANCELED)
        explain(&attempt, err);
    else if (fetch->options.directory && !is_stored(&attempt) && err == 0)
        snprintf(outcome->message, sizeof outcome->message, "%d %s, not stored", outcome->status,
                 bide_http_response_reason(attempt.response));
    bide_http_response_close(attempt.response);
    store_discard(&attempt.file);
    free(attempt.buffer);
    return err == -ECANCELED ? err : 0;
}

/* Whether another attempt may have more luck. */
static bool is_passing(const struct outcome *outcome)
{
    if (outcome->err == 0)
        return outcome->status >= 500 || outcome->status == 429;
    switch (error_kind(outcome->err)) {
    case ERROR_RESOLVE:
    case ERROR_REFUSED:
    case ERROR_TIMEOUT:
    case ERROR_TRUNCATED:
    case ERROR_CONNECTION:
        return true;
    default:
        return false;
    }
}

/* Exponential, with jitter so that thousands of failed requests do not come back at the same moment. */
static double pause_before(struct fetch *fetch, const struct outcome *outcome)
{
    double pause = FIRST_PAUSE;

    for (size_t i = 1; i < outcome->attempts && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE)
        pause = LONGEST_PAUSE;
    pause *= 0.5 + 0.5 * erand48(fetch->seed);
    return outcome->retry_after > pause ? outcome->retry_after : pause;
}

int download(struct fetch *fetch, const char *url, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){ 0 };
    for (;;) {
        ret_outcome->attempts++;
        bide(try_once(fetch, url, ret_outcome));
        if (!is_passing(ret_outcome) || ret_outcome->attempts > fetch->options.retries)
            return 0;
        if (ret_outcome->retry_after > fetch->options.timeout)
            return 0;
        bide(bide_sleep(pause_before(fetch, ret_outcome)));
    }
}
