/* What never waits in the programs of support_interleave.c, in a task or in a callback; and how all operations are noted. */
#include "support_interleave_world.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world interleave_world;

static void __attribute__((format(printf, 1, 2))) put(const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(interleave_world.trace + interleave_world.length, INTERLEAVE_TRACE - interleave_world.length,
                        format, arguments);
    va_end(arguments);
    interleave_world.length += (size_t)written;
    assert(interleave_world.length < INTERLEAVE_TRACE);
}

/* Notes that `who` has ended what is written at `name`; result: "" for plain success. */
void interleave_note(char who, const char *name, size_t length, const char *result)
{
    long now = lround((bide_time() - interleave_world.start) / INTERLEAVE_UNIT);

    if (now != interleave_world.last_time)
        put(" @%ld", now);
    interleave_world.last_time = now;
    put(" %c%.*s%s%s", who, (int)length, name, *result ? "=" : "", result);
}

static const char *code_name(int err)
{
    static char text[8];

    switch (err) {
    case -ECANCELED:
        return "C";
    case -ETIMEDOUT:
        return "T";
    case BIDE_ESHUTDOWN:
        return "S";
    case BIDE_EBROKEN:
        return "B";
    case -EAGAIN:
        return "N";
    case -EALREADY:
        return "I";
    case -EPERM:
        return "P";
    }
    if (err <= FAILURE && err > FAILURE - 10)
        snprintf(text, sizeof text, "E%d", FAILURE - err);
    else
        snprintf(text, sizeof text, "?%d", err);
    return text;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* An error as text; of a group that of all, sorted, as the order in which tasks are told to end is no rule. */
const char *interleave_outcome(int err)
{
    static char text[256];
    char names[TASKS][8];
    size_t count = bide_error_count(err);
    int code;

    if (count <= 1 || err == -ECANCELED)
        return code_name(err);
    assert(count <= TASKS);
    for (size_t i = 0; i < count; i++) {
        bide_error_at(err, i, &code);
        strcpy(names[i], code_name(code));
    }
    qsort(names, count, sizeof names[0], compare_names);
    *text = 0;
    for (size_t i = 0; i < count; i++)
        strcat(text, names[i]);
    return text;
}

/* What a call that may wait came to: "" for 0, or its value. */
const char *interleave_value_or_outcome(int result, bool has_value)
{
    static char text[16];

    if (result < 0)
        return interleave_outcome(result);
    if (!has_value)
        return "";
    snprintf(text, sizeof text, "%d", result);
    return text;
}

bide_task *interleave_handle_at(char digit)
{
    return interleave_world.handle_count ? interleave_world.handles[(digit - '0') % interleave_world.handle_count]
                                         : NULL;
}

void interleave_call_done(bide_future *future, void *unused)
{
    char name[3] = { 'y', (char)('0' + (future - interleave_world.futures)), 0 };

    (void)unused;
    interleave_note('*', name, 2, "");
}

#define EACH_QUEUE(i, call)                                                                                            \
    ((i) == 0   ? call(&interleave_world.queue_0)                                                                      \
     : (i) == 1 ? call(&interleave_world.queue_1)                                                                      \
     : (i) == 2 ? call(&interleave_world.queue_2)                                                                      \
     : (i) == 3 ? call(&interleave_world.queue_3)                                                                      \
                : call(&interleave_world.queue_4))

static int put_nowait(int i, int item)
{
#define CALL(queue) bide_queue_put_nowait(queue, item)
    return EACH_QUEUE(i, CALL);
#undef CALL
}

static int get_nowait(int i)
{
    int item, err;
#define CALL(queue) bide_queue_get_nowait(queue, &item)
    err = EACH_QUEUE(i, CALL);
#undef CALL
    return err < 0 ? err : item;
}

int interleave_put_item(int i, int item)
{
#define CALL(queue) bide_queue_put(queue, item)
    return EACH_QUEUE(i, CALL);
#undef CALL
}

int interleave_get_item(int i)
{
    int item, err;
#define CALL(queue) bide_queue_get(queue, &item)
    err = EACH_QUEUE(i, CALL);
#undef CALL
    return err < 0 ? err : item;
}

int interleave_join_queue(int i)
{
#define CALL(queue) bide_queue_join(queue)
    return EACH_QUEUE(i, CALL);
#undef CALL
}

static int set_error(bide_future *future, int err)
{
    return bide_future_set_error(future, bide_fail(err, "as the program says"));
}

size_t interleave_simple_length(const char *at)
{
    return *at == '-' ? 1 : strchr("nQFX", *at) ? 3 : 2;
}

static int done_or_cancel(char op, bide_task *task)
{
    return op == 'C' ? bide_cancel(task) : bide_done(task);
}

/* What never waits, in a task or in a callback. */
void interleave_simple(const char *at, char who)
{
    int i = *at == '-' ? 0 : at[1] - '0', result = 0;
    bool has_value = strchr("GY", *at) != NULL;

    switch (*at) {
    case '+':
        interleave_world.counters[i]++;
        break;
    case 'E':
        bide_event_set(&interleave_world.events[i]);
        break;
    case 'x':
        bide_event_clear(&interleave_world.events[i]);
        break;
    case 'v':
        result = i == 0 ? bide_semaphore_release(&interleave_world.semaphore)
                        : bide_bounded_semaphore_release(&interleave_world.bounded);
        break;
    case 'B':
        bide_barrier_abort(&interleave_world.barriers[i]);
        break;
    case 'R':
        bide_barrier_reset(&interleave_world.barriers[i]);
        break;
    case 'G':
        result = get_nowait(i);
        break;
    case 'd':
#define CALL(queue) bide_queue_task_done(queue)
        result = EACH_QUEUE(i, CALL);
#undef CALL
        break;
    case 'h':
    case 'H':
#define CALL(queue) (bide_queue_shutdown(queue, *at == 'H'), 0)
        EACH_QUEUE(i, CALL);
#undef CALL
        break;
    case 'Y':
        result = bide_future_cancel(&interleave_world.futures[i]);
        break;
    case 'y':
        bide_future_add_done_callback(&interleave_world.futures[i], interleave_call_done, NULL);
        break;
    case 'C':
    case 'D':
        if (!interleave_handle_at(at[1])) {
            interleave_note(who, at, 2, "x");
            return;
        }
        result = done_or_cancel(*at, interleave_handle_at(at[1]));
        has_value = true;
        break;
    case '-':
        bide_handle_cancel(interleave_world.timer);
        break;
    case 'n':
        result = bide_condition_notify(&interleave_world.conditions[i], (size_t)(at[2] - '0'));
        break;
    case 'Q':
        result = put_nowait(i, at[2] - '0');
        break;
    case 'F':
        result = bide_future_set_result(&interleave_world.futures[i], at[2] - '0', NULL);
        break;
    case 'X':
        result = set_error(&interleave_world.futures[i], FAILURE - (at[2] - '0'));
        break;
    default:
        assert(false && "an operation that is unknown");
    }
    interleave_note(who, at, interleave_simple_length(at), interleave_value_or_outcome(result, has_value));
}

static void called(void *argument)
{
    interleave_simple(((struct callback *)argument)->at, '*');
}

const char *interleave_schedule(const char *at)
{
    struct callback *callback = &interleave_world.callbacks[interleave_world.callback_count++];
    char *end = NULL;
    int err;

    assert(interleave_world.callback_count <= CALLBACKS);
    if (*at == ':') {
        callback->at = at + 1;
        err = bide_call_soon(bide_get_running_loop(), called, callback, NULL);
    } else {
        double delay = (double)strtol(at + 1, &end, 10) * INTERLEAVE_UNIT;
        callback->at = end + 1;
        err = bide_call_later(bide_get_running_loop(), delay, called, callback, &interleave_world.timer);
    }
    assert(err == 0);
    return callback->at + interleave_simple_length(callback->at);
}
