/*
 * Reports: how a test process tells the runner what happened.
 *
 * How it ended stands in a page shared with the runner, because an exit code alone cannot tell a skip with its reason
 * from a crash. What it says goes straight to a descriptor of its own, with write(), so that the last words of a
 * crashing process arrive and a test that redirects its stdout cannot hide them.
 *
 * Must never happen: a test counted as passed because it died quietly. Only an explicit BIDE__PASSED counts.
 */
#include "test/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/record.h"
#include "task/tree.h"
#include "test/fault.h"

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

enum { TREE_LINES_MAX = 40 };

struct bide__report *bide__report;
_Thread_local int bide__quiet;
static int say_descriptor = -1;

void bide__say_to(int descriptor)
{
    say_descriptor = descriptor;
}

int bide__say_descriptor(void)
{
    return say_descriptor;
}

static void write_all(const char *text, size_t size)
{
    while (size) {
        ssize_t count = write(say_descriptor < 0 ? STDOUT_FILENO : say_descriptor, text, size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return;
        text += count;
        size -= (size_t)count;
    }
}

static void say_list(const char *format, va_list arguments)
{
    char text[2048];
    int length = vsnprintf(text, sizeof text, format, arguments);

    if (length > 0)
        write_all(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void bide__say(const char *format, ...)
{
    va_list arguments;

    bide__quiet++;
    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
    bide__quiet--;
}

/* The first lines of a text that comes in pieces. */
struct indented {
    bool inside_line;
    unsigned lines;
};

/* A stream that says what is put into it: indented, and no more than some lines. */
static ssize_t write_indented(void *cookie, const char *text, size_t size)
{
    struct indented *state = cookie;

    for (size_t start = 0; start < size;) {
        const char *end = memchr(text + start, '\n', size - start);
        size_t next = end ? (size_t)(end - text) + 1 : size;

        if (state->lines < TREE_LINES_MAX)
            bide__say("%s%.*s", state->inside_line ? "" : "  ", (int)(next - start), text + start);
        state->inside_line = !end;
        state->lines += end != NULL;
        start = next;
    }
    return (ssize_t)size;
}

void bide__say_tasks(void)
{
    const struct bide__record *task = bide__current();

    bide__quiet++;
    if (task)
        bide__say("  in task '%s' (%s:%d)\n", task->name, task->file, task->line);
    else if (bide__loop && !atomic_load(&bide__loop->sleeping))
        bide__say("  in no task: in a callback, or in the loop itself\n");
    if (bide_task_count() > (task ? 1 : 0)) {
        struct indented state = { 0 };
        FILE *out = fopencookie(&state, "w", (cookie_io_functions_t){ .write = write_indented });

        if (out) {
            bide__print_tasks(out);
            fclose(out);
            if (state.lines > TREE_LINES_MAX)
                bide__say("  ... and %u lines more\n", state.lines - TREE_LINES_MAX);
        }
    }
    bide__fault_say();
    bide__quiet--;
}

void bide__finding(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    bide__quiet++;
    atomic_fetch_add(&bide__report->failures, 1);
    if (file)
        bide__say("%s:%d: ", file, line);
    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
    bide__quiet--;
}

bool bide__debugged(void)
{
    char text[2048];
    int descriptor;
    ssize_t count;

    bide__quiet++;
    descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    count = descriptor < 0 ? -1 : read(descriptor, text, sizeof text - 1);
    if (descriptor >= 0)
        close(descriptor);
    bide__quiet--;
    if (count <= 0)
        return false;
    text[count] = '\0';
    const char *tracer = strstr(text, "TracerPid:");
    return tracer && strtol(tracer + strlen("TracerPid:"), NULL, 10) != 0;
}

_Noreturn void bide__end_process(enum bide__outcome outcome)
{
    bide__quiet++;
    if (outcome == BIDE__FAILED && bide__debugged())
        raise(SIGTRAP);
    bide__report->outcome = outcome;
    fflush(stdout);
    fflush(stderr);
    _exit(outcome == BIDE__FAILED);
}

bool bide__sanitized(void)
{
    return __asan_init || __tsan_init;
}

bool bide__thread_sanitized(void)
{
    return __tsan_init;
}

bool bide__valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}
