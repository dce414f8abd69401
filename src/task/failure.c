/*
 * Errors: the message and the return trace that belong to a code.
 *
 * A failure is made when an error is reported (bide_fail) or first passes a bide(), and moves with the error: from
 * task to handle to joiner, or to the group's owner. It is looked up by its code: a failure whose code is not the one
 * asked about belongs to another error and is not shown. -ECANCELED carries none: a cancellation is no fault, and ten
 * thousand of them must be cheap. Cost: one allocation for an error, none for success.
 */
#include "task/failure.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "task/record.h"

enum { MESSAGE_BYTES = 512 };

static _Thread_local struct bide__failure *thread_failure;
static _Thread_local bool thread_watched; /* it will be freed when the thread ends */
static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;

static void free_at_thread_end(void *place)
{
    bide__failure_free(*(struct bide__failure **)place);
    *(struct bide__failure **)place = NULL;
}

static void make_thread_end(void)
{
    pthread_key_create(&thread_end,
                       free_at_thread_end); /* without a key the message of an ended thread is lost: no more */
}

static struct bide__failure **thread_place(void)
{
    if (!thread_watched) {
        pthread_once(&thread_end_once, make_thread_end);
        pthread_setspecific(thread_end, &thread_failure);
        thread_watched = true;
    }
    return &thread_failure;
}

struct bide__failure **bide__failure_place(void)
{
    struct bide__record *task = bide__current();

    return task ? &task->failure : thread_place();
}

static const struct {
    int code;
    const char *name, *text;
} own_codes[] = {
    { BIDE_EOF, "BIDE_EOF", "the peer ended the stream too early" },
    { BIDE_ELIMIT, "BIDE_ELIMIT", "a limit was reached" },
    { BIDE_EPROTOCOL, "BIDE_EPROTOCOL", "the peer broke its protocol" },
    { BIDE_ERESOLVE, "BIDE_ERESOLVE", "the host name could not be resolved" },
    { BIDE_EURL, "BIDE_EURL", "the URL is malformed or not supported" },
    { BIDE_EBROKEN, "BIDE_EBROKEN", "the barrier is broken" },
    { BIDE_ETLS, "BIDE_ETLS", "TLS failed" },
    { BIDE_ESHUTDOWN, "BIDE_ESHUTDOWN", "the queue was shut down" },
};

const char *bide__failure_general(int code)
{
    if (code >= 0)
        return "no error";
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++)
        if (own_codes[i].code == code)
            return own_codes[i].text;
    return strerror(code == INT_MIN ? INT_MAX : -code);
}

static struct bide__failure *make(struct bide__failure **place, int code, const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES];

    vsnprintf(text, sizeof text, format, arguments); /* before the old one is freed: it may be an argument */
    size_t length = strlen(text) + 1;
    struct bide__failure *failure = malloc(sizeof *failure + length);

    bide__failure_free(*place);
    *place = failure;
    if (!failure)
        return NULL;
    failure->next = NULL;
    failure->code = code;
    failure->lines = 0;
    memcpy(failure->message, text, length);
    return failure;
}

struct bide__failure *bide__failure_set(struct bide__failure **place, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct bide__failure *failure = make(place, code, format, arguments);
    va_end(arguments);
    return failure;
}

void bide__failure_trace(struct bide__failure **place, int code, struct bide__trace_line line)
{
    struct bide__failure *failure = *place;

    if (!failure || failure->code != code)
        failure = bide__failure_set(place, code, "%s", bide__failure_general(code));
    if (!failure)
        return;
    if (failure->lines < BIDE__TRACE_LINES)
        failure->trace[failure->lines] = line;
    failure->lines++;
}

struct bide__failure *bide__failure_copy(const struct bide__failure *failure)
{
    struct bide__failure *first = NULL, **end = &first;

    for (; failure; failure = failure->next) {
        size_t size = sizeof *failure + strlen(failure->message) + 1;
        struct bide__failure *copy = malloc(size);

        if (!copy)
            break;
        memcpy(copy, failure, size);
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
    }
    return first;
}

void bide__failure_free(struct bide__failure *failure)
{
    while (failure) {
        struct bide__failure *next = failure->next;

        free(failure);
        failure = next;
    }
}

int bide_fail(int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    make(bide__failure_place(), code, format, arguments);
    va_end(arguments);
    return code;
}

const char *bide_strerror(int err)
{
    const struct bide__failure *failure = *bide__failure_place();

    return failure && failure->code == err && err < 0 ? failure->message : bide__failure_general(err);
}

size_t bide_error_count(int err)
{
    const struct bide__failure *failure = *bide__failure_place();
    size_t count = 1;

    if (err >= 0)
        return 0;
    if (failure && failure->code == err)
        while ((failure = failure->next))
            count++;
    return count;
}

const char *bide_error_at(int err, size_t index, int *ret_code)
{
    const struct bide__failure *failure = *bide__failure_place();

    if (index >= bide_error_count(err))
        return NULL;
    if (index == 0) {
        *ret_code = err;
        return bide_strerror(err);
    }
    while (index-- > 0)
        failure = failure->next;
    *ret_code = failure->code;
    return failure->message;
}

const char *bide_error_name(int err)
{
    static _Thread_local char unknown[24];

    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++)
        if (own_codes[i].code == err)
            return own_codes[i].name;
#ifdef __GLIBC__
    const char *name = err < 0 ? strerrorname_np(err == INT_MIN ? INT_MAX : -err) : NULL;
    if (name)
        return name;
#endif
    snprintf(unknown, sizeof unknown, "error %d", err);
    return unknown;
}

static void print_trace(const struct bide__failure *failure)
{
    for (int i = 0; i < failure->lines && i < BIDE__TRACE_LINES; i++) {
        const struct bide__trace_line *line = &failure->trace[i];

        fprintf(stderr, line->is_task ? "    in task '%s' (%s:%d)\n" : "    in %s (%s:%d)\n", line->text, line->file,
                line->line);
    }
    if (failure->lines > BIDE__TRACE_LINES)
        fprintf(stderr, "    and %d more\n", failure->lines - BIDE__TRACE_LINES);
}

void bide__failure_print(const struct bide__failure *failure, int err, const char *what)
{
    const char *message = failure && failure->code == err ? failure->message : bide__failure_general(err);

    fprintf(stderr, what ? "bide: %s: %s\n" : "bide: %s%s\n", what ? what : "", message);
    if (!failure || failure->code != err)
        return;
    print_trace(failure);
    while ((failure = failure->next)) {
        fprintf(stderr, "bide: also: %s\n", failure->message);
        print_trace(failure);
    }
}

void bide_print_error(int err)
{
    bide__failure_print(*bide__failure_place(), err, NULL);
}

/* The main thread ends with the process, without its key. */
__attribute__((destructor)) static void free_thread_failure(void)
{
    bide__failure_free(thread_failure);
    thread_failure = NULL;
}
