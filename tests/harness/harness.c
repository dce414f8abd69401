/*
 * harness.c: runs the tests of one program.
 *
 * Each test gets a forked child in a process group of its own. The child compares its open descriptors before and
 * after, and leaves by exit() so that a leak checker has its say; a failed check leaves by _exit() at once, from
 * whatever task or thread it happened in. How a test ended travels back through a shared page, because an exit code
 * alone cannot tell a skip with its reason from a crash. A test that does not end in time is killed with everything it
 * started. Output is TAP, with one summary line at the end.
 *
 * What must never happen: a test counted as passed because it died quietly (only an explicit PASSED with exit code 0
 * counts), and a program without tests counted as success.
 */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIME_LIMIT_SECONDS = 60, MAX_DESCRIPTORS = 1024 };

enum outcome { NOT_ENDED, PASSED, FAILED, SKIPPED };

/* What the child tells its parent. Lives in a page shared by both. */
struct report {
    enum outcome outcome;
    char reason[240];
};

struct options {
    const char *filter;
    bool list_only;
    bool no_fork;
};

struct totals {
    int passed, failed, skipped;
};

static struct check__test *first_test;
static struct check__test **end_of_tests = &first_test;
static struct report *report;

void check__register(struct check__test *test)
{
    *end_of_tests = test;
    end_of_tests = &test->next;
}

double check_slowness(void)
{
    const char *number = getenv("BIDE_SLOWNESS");
    const char *valgrind = getenv("BIDE_VALGRIND");

    if (number && strtod(number, NULL) >= 1)
        return strtod(number, NULL);
    return valgrind && *valgrind && strcmp(valgrind, "0") != 0 ? 20 : 1;
}

/* Ends this process now, without atexit handlers: other threads and tasks may be anywhere. */
static _Noreturn void end_test(enum outcome outcome, const char *reason)
{
    report->outcome = outcome;
    snprintf(report->reason, sizeof report->reason, "%s", reason);
    fflush(NULL);
    _exit(outcome == FAILED);
}

__attribute__((format(printf, 2, 3))) static _Noreturn void fail(struct check__place place, const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fprintf(stdout, "# %s:%d: check failed: ", place.file, place.line);
    va_start(arguments, format);
    vfprintf(stdout, format, arguments);
    va_end(arguments);
    fprintf(stdout, "\n");
    end_test(FAILED, "");
}

void check__fail_true(struct check__place place)
{
    fail(place, "%s was not true", place.expression);
}

void check__skip(const char *reason)
{
    end_test(SKIPPED, reason);
}

struct check__value check__signed(long long value)
{
    return (struct check__value){ .kind = CHECK__SIGNED, .as_signed = value };
}

struct check__value check__unsigned(unsigned long long value)
{
    return (struct check__value){ .kind = CHECK__UNSIGNED, .as_unsigned = value };
}

struct check__value check__real(long double value)
{
    return (struct check__value){ .kind = CHECK__REAL, .as_real = value };
}

struct check__value check__pointer(const volatile void *value)
{
    return (struct check__value){ .kind = CHECK__POINTER, .as_pointer = value };
}

static long double as_real(struct check__value value)
{
    if (value.kind == CHECK__SIGNED)
        return (long double)value.as_signed;
    if (value.kind == CHECK__UNSIGNED)
        return (long double)value.as_unsigned;
    return value.as_real;
}

static bool values_equal(struct check__value left, struct check__value right)
{
    if (left.kind == CHECK__POINTER || right.kind == CHECK__POINTER)
        return left.kind == right.kind && left.as_pointer == right.as_pointer;
    if (left.kind == CHECK__REAL || right.kind == CHECK__REAL)
        return as_real(left) == as_real(right);
    if (left.kind == right.kind)
        return left.kind == CHECK__SIGNED ? left.as_signed == right.as_signed : left.as_unsigned == right.as_unsigned;
    if (left.kind == CHECK__SIGNED)
        return left.as_signed >= 0 && (unsigned long long)left.as_signed == right.as_unsigned;
    return right.as_signed >= 0 && (unsigned long long)right.as_signed == left.as_unsigned;
}

static const char *print_value(struct check__value value, char *text, size_t size)
{
    switch (value.kind) {
    case CHECK__SIGNED:
        snprintf(text, size, "%lld", value.as_signed);
        break;
    case CHECK__UNSIGNED:
        snprintf(text, size, "%llu", value.as_unsigned);
        break;
    case CHECK__REAL:
        snprintf(text, size, "%.17Lg", value.as_real);
        break;
    case CHECK__POINTER:
        snprintf(text, size, "%p", (void *)(size_t)value.as_pointer);
        break;
    }
    return text;
}

void check__equal(struct check__place place, const char *right_text, struct check__value left,
                  struct check__value right)
{
    char left_value[64], right_value[64];

    if (!values_equal(left, right))
        fail(place, "%s == %s, but left is %s and right is %s", place.expression, right_text,
             print_value(left, left_value, sizeof left_value), print_value(right, right_value, sizeof right_value));
}

void check__near(struct check__place place, const char *right_text, double left, double right, double tolerance)
{
    double difference = left > right ? left - right : right - left;

    if (!(difference <= tolerance) && !(left == right)) /* so written that a NaN fails */
        fail(place, "%s is within %g of %s, but left is %.9g and right is %.9g", place.expression, tolerance,
             right_text, left, right);
}

void check__string(struct check__place place, const char *right_text, const char *left, const char *right)
{
    if (left == right || (left && right && strcmp(left, right) == 0))
        return;
    fail(place, "%s is the string %s\n#     left:  %s%s%s\n#     right: %s%s%s", place.expression, right_text,
         left ? "\"" : "", left ? left : "NULL", left ? "\"" : "", right ? "\"" : "", right ? right : "NULL",
         right ? "\"" : "");
}

static void print_bytes(const char *side, const unsigned char *bytes, size_t size)
{
    printf("#     %s:", side);
    for (size_t i = 0; i < size; i++)
        printf(" %02x", bytes[i]);
    printf("\n");
}

void check__memory(struct check__place place, const char *right_text, const void *left, const void *right, size_t size)
{
    const unsigned char *left_bytes = left, *right_bytes = right;
    size_t at = 0, shown;

    while (at < size && left_bytes[at] == right_bytes[at])
        at++;
    if (at == size)
        return;
    shown = size - at < 16 ? size - at : 16;
    print_bytes("left ", left_bytes + at, shown);
    print_bytes("right", right_bytes + at, shown);
    fail(place, "%s has the same %zu bytes as %s, but they differ from byte %zu (shown above)", place.expression, size,
         right_text, at);
}

void check__error(struct check__place place, const char *code_text, long long result, long long code)
{
    if (result == -code)
        return;
    if (result < 0 && result > -4096)
        fail(place, "%s fails with %s, but it failed with %lld (%s)", place.expression, code_text, result,
             strerror((int)-result));
    fail(place, "%s fails with %s, but it returned %lld", place.expression, code_text, result);
}

/* Marks every descriptor that is open now. The one used for looking is left out. */
static void mark_descriptors(bool open_descriptors[MAX_DESCRIPTORS])
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(open_descriptors, 0, MAX_DESCRIPTORS * sizeof *open_descriptors);
    if (!directory)
        return;
    while ((entry = readdir(directory)) != NULL) {
        long number = strtol(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && number >= 0 && number < MAX_DESCRIPTORS && number != dirfd(directory))
            open_descriptors[number] = true;
    }
    closedir(directory);
}

/* Prints each descriptor whose state differs from `before`; returns how many there are. */
static int report_descriptors(const bool before[MAX_DESCRIPTORS])
{
    bool after[MAX_DESCRIPTORS];
    int different = 0;

    mark_descriptors(after);
    for (int i = 0; i < MAX_DESCRIPTORS; i++) {
        char name[64], target[160] = "";

        if (before[i] == after[i])
            continue;
        different++;
        snprintf(name, sizeof name, "/proc/self/fd/%d", i);
        if (!after[i])
            printf("# descriptor %d was open before the test and is closed now\n", i);
        else if (readlink(name, target, sizeof target - 1) >= 0)
            printf("# descriptor %d (%s) was left open\n", i, target);
    }
    return different;
}

/* Runs the body in this process and leaves the process. */
static _Noreturn void run_body(const struct check__test *test)
{
    static bool before[MAX_DESCRIPTORS];
    int result;

    mark_descriptors(before);
    result = test->run();
    if (result < 0) {
        printf("# the test returned %d (%s)\n", result, result > -4096 ? strerror(-result) : "not an errno");
        end_test(FAILED, "");
    }
    if (report_descriptors(before) > 0)
        end_test(FAILED, "");
    report->outcome = PASSED;
    exit(0);
}

/* Waits for `child` no longer than the time limit; false means it had to be killed. */
static bool wait_for_child(pid_t child, int *ret_status)
{
    double limit = TIME_LIMIT_SECONDS * check_slowness();
    struct timespec now, end;
    sigset_t child_signal;

    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)limit;
    for (;;) {
        struct timespec left = { 0, 0 };

        if (waitpid(child, ret_status, WNOHANG) == child)
            return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end.tv_sec)
            break;
        left.tv_sec = end.tv_sec - now.tv_sec;
        sigtimedwait(&child_signal, NULL, &left);
    }
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    waitpid(child, ret_status, 0);
    return false;
}

/* A shell starts what it runs in the background with SIGINT ignored: that is not the test's affair. */
static void default_signals(void)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
}

/* Runs one test in a child; returns how it ended, with the reason in the report. */
static enum outcome run_forked(const struct check__test *test)
{
    sigset_t blocked, before;
    int status = 0;
    pid_t child;

    report->outcome = NOT_ENDED;
    report->reason[0] = 0;
    fflush(NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        default_signals();
        run_body(test);
    }
    if (child < 0) {
        printf("# fork: %s\n", strerror(errno));
        return FAILED;
    }
    setpgid(child, child);
    if (!wait_for_child(child, &status))
        printf("# timed out after %.0f s\n", TIME_LIMIT_SECONDS * check_slowness());
    else if (WIFSIGNALED(status))
        printf("# killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (report->outcome == NOT_ENDED)
        printf("# the test left with exit code %d before its end\n", WEXITSTATUS(status));
    else if (report->outcome == PASSED && WEXITSTATUS(status) != 0)
        printf("# exit code %d after the test had passed (a leak checker?)\n", WEXITSTATUS(status));
    kill(-child, SIGKILL); /* whatever the test started and left behind */
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && report->outcome != FAILED))
        return FAILED;
    return report->outcome == NOT_ENDED ? FAILED : report->outcome;
}

/* Why the backend of this run cannot work here, or NULL. Fills `text`. */
static const char *backend_missing(const char *backend, char *text, size_t size)
{
    char parameters[256] = { 0 };
    int ring;

    if (!backend || strcmp(backend, "io_uring") != 0)
        return NULL;
    ring = (int)syscall(425 /* io_uring_setup, on every architecture */, 4, parameters);
    if (ring >= 0) {
        close(ring);
        return NULL;
    }
    snprintf(text, size, "no io_uring here: %s", strerror(errno));
    return text;
}

static void run_all(const struct options *options, struct totals *totals)
{
    const char *backend = getenv("BIDE_BACKEND");
    char text[160];
    const char *missing = backend_missing(backend, text, sizeof text);
    int number = 0;

    if (backend && !*backend)
        backend = NULL;
    for (const struct check__test *test = first_test; test; test = test->next) {
        enum outcome outcome = SKIPPED;

        if (options->filter && !strstr(test->name, options->filter))
            continue;
        if (missing)
            snprintf(report->reason, sizeof report->reason, "%s", missing);
        else
            outcome = run_forked(test);
        printf("%sok %d - %s%s%s%s%s%s\n", outcome == FAILED ? "not " : "", ++number, test->name, backend ? " [" : "",
               backend ? backend : "", backend ? "]" : "", outcome == SKIPPED ? " # SKIP " : "",
               outcome == SKIPPED ? report->reason : "");
        fflush(stdout);
        totals->passed += outcome == PASSED;
        totals->failed += outcome == FAILED;
        totals->skipped += outcome == SKIPPED;
    }
    printf("1..%d\n", number);
}

/* Runs the first test that fits in this very process, for a debugger. Its exit code is the result. */
static int run_here(const struct options *options)
{
    for (const struct check__test *test = first_test; test; test = test->next)
        if (!options->filter || strstr(test->name, options->filter)) {
            printf("# running %s in this process\n", test->name);
            fflush(stdout);
            run_body(test);
        }
    fprintf(stderr, "no test fits\n");
    return 1;
}

static int parse_options(int count, char **arguments, struct options *ret_options)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--list") == 0) {
            ret_options->list_only = true;
        } else if (strcmp(arguments[i], "--no-fork") == 0) {
            ret_options->no_fork = true;
        } else if (strcmp(arguments[i], "--filter") == 0 && i + 1 < count) {
            ret_options->filter = arguments[++i];
        } else {
            fprintf(stderr, "usage: %s [--list] [--filter TEXT] [--no-fork]\n", arguments[0]);
            return -EINVAL;
        }
    }
    return 0;
}

int main(int count, char **arguments)
{
    struct options options = { 0 };
    struct totals totals = { 0 };

    if (parse_options(count, arguments, &options) < 0)
        return 2;
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED) {
        fprintf(stderr, "mmap: %s\n", strerror(errno));
        return 1;
    }
    if (options.list_only) {
        for (const struct check__test *test = first_test; test; test = test->next)
            if (!options.filter || strstr(test->name, options.filter))
                puts(test->name);
        return 0;
    }
    if (options.no_fork)
        return run_here(&options);
    run_all(&options, &totals);
    printf("%d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
    return totals.failed > 0 || totals.passed + totals.skipped == 0;
}
