/*
 * The trace: an ordered list of events, the way to test interleavings. Any thread may note one; checking compares all
 * and forgets them. Each event is 256 bytes, the list grows as needed.
 *
 * Must never happen: an event lost silently. Without memory the test ends.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/report.h"

struct event {
    char text[256];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event *events;
static size_t event_count, event_capacity;

void bide__check_event(const char *format, ...)
{
    va_list arguments;

    bide__quiet++;
    pthread_mutex_lock(&lock);
    if (event_count == event_capacity) {
        size_t capacity = event_capacity ? 2 * event_capacity : 32;
        struct event *grown = realloc(events, capacity * sizeof *grown);

        if (!grown) {
            bide__say("no memory for the trace\n");
            bide__end_process(BIDE__FAILED);
        }
        events = grown;
        event_capacity = capacity;
    }
    va_start(arguments, format);
    vsnprintf(events[event_count++].text, sizeof events->text, format, arguments);
    va_end(arguments);
    pthread_mutex_unlock(&lock);
    bide__quiet--;
}

static int compare_events(const void *a, const void *b)
{
    return strcmp(((const struct event *)a)->text, ((const struct event *)b)->text);
}

static void say_difference(const char *const *expected, size_t count, size_t at)
{
    bide__say("  %-40s %s\n", "expected", "happened");
    for (size_t i = 0; i < count || i < event_count; i++)
        bide__say("%c %-40s %s\n", i == at ? '>' : ' ', i < count ? expected[i] : "(nothing)",
                  i < event_count ? events[i].text : "(nothing)");
}

void bide__check_trace(struct bide__place place, bool sorted, const char *const *expected, size_t count)
{
    size_t at = 0;

    bide__check_passed();
    bide__quiet++;
    pthread_mutex_lock(&lock);
    if (sorted && event_count)
        qsort(events, event_count, sizeof *events, compare_events);
    while (at < count && at < event_count && strcmp(expected[at], events[at].text) == 0)
        at++;
    if (at != count || at != event_count) {
        fflush(stdout);
        bide__finding(place.file, place.line,
                      "check failed: the trace differs from event %zu on (%zu expected, %zu happened)\n", at + 1, count,
                      event_count);
        say_difference(expected, count, at);
        bide__say_tasks();
        if (!place.soft)
            bide__end_process(BIDE__FAILED);
    }
    free(events);
    events = NULL;
    event_count = event_capacity = 0;
    pthread_mutex_unlock(&lock);
    bide__quiet--;
}
