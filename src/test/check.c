/*
 * Checks: comparing, and saying what was different.
 *
 * Each check notes that it ran, and returns when it holds. A failing one prints its place, both sides, the task and
 * the tree of tasks; a soft one then returns, any other ends the process from wherever it is: there is no unwinding
 * through other tasks' stacks, so nothing can go wrong on the way.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "task/record.h"
#include "test/report.h"

enum { SHOWN_BYTES = 16, SHOWN_TEXT = 200 };

void bide__check_passed(void)
{
    atomic_fetch_add_explicit(&bide__report->checks, 1, memory_order_relaxed);
}

/* What happened is said already; this says where, and ends the test unless the check is a soft one. */
static void fail(struct bide__place place)
{
    if (!bide__loop && getpid() != (pid_t)syscall(SYS_gettid))
        bide__say("  in thread %ld, outside of the loop\n", (long)syscall(SYS_gettid));
    bide__say_tasks();
    bide__quiet--;
    if (!place.soft)
        bide__end_process(BIDE__FAILED);
}

/* The first line of a failure. */
__attribute__((format(printf, 2, 3))) static void begin_failure(struct bide__place place, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    bide__quiet++;
    fflush(stdout);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bide__finding(place.file, place.line, "check failed: %s\n", text);
}

void bide__check_true(struct bide__place place)
{
    bide__check_passed();
    begin_failure(place, "%s was not true", place.expression);
    fail(place);
}

struct bide__value bide__value_signed(long long value)
{
    return (struct bide__value){ .kind = BIDE__SIGNED, .as_signed = value };
}

struct bide__value bide__value_unsigned(unsigned long long value)
{
    return (struct bide__value){ .kind = BIDE__UNSIGNED, .as_unsigned = value };
}

struct bide__value bide__value_real(long double value)
{
    return (struct bide__value){ .kind = BIDE__REAL, .as_real = value };
}

struct bide__value bide__value_pointer(const volatile void *value)
{
    return (struct bide__value){ .kind = BIDE__POINTER, .as_pointer = value };
}

static long double as_real(struct bide__value value)
{
    if (value.kind == BIDE__SIGNED)
        return (long double)value.as_signed;
    if (value.kind == BIDE__UNSIGNED)
        return (long double)value.as_unsigned;
    return value.as_real;
}

static bool values_equal(struct bide__value left, struct bide__value right)
{
    if (left.kind == BIDE__POINTER || right.kind == BIDE__POINTER)
        return left.kind == right.kind && left.as_pointer == right.as_pointer;
    if (left.kind == BIDE__REAL || right.kind == BIDE__REAL)
        return as_real(left) == as_real(right);
    if (left.kind == right.kind)
        return left.kind == BIDE__SIGNED ? left.as_signed == right.as_signed : left.as_unsigned == right.as_unsigned;
    if (left.kind == BIDE__SIGNED)
        return left.as_signed >= 0 && (unsigned long long)left.as_signed == right.as_unsigned;
    return right.as_signed >= 0 && (unsigned long long)right.as_signed == left.as_unsigned;
}

static const char *print_value(struct bide__value value, int digits, char *text, size_t size)
{
    switch (value.kind) {
    case BIDE__SIGNED:
        snprintf(text, size, "%lld", value.as_signed);
        break;
    case BIDE__UNSIGNED:
        snprintf(text, size, "%llu", value.as_unsigned);
        break;
    case BIDE__REAL:
        snprintf(text, size, "%.*Lg", digits, value.as_real);
        break;
    case BIDE__POINTER:
        snprintf(text, size, "%p", (void *)(size_t)value.as_pointer);
        break;
    }
    return text;
}

void bide__check_equal(struct bide__place place, const char *right_text, struct bide__value left,
                       struct bide__value right)
{
    char left_text[64], right_value[64];
    int digits = 12;

    bide__check_passed();
    if (values_equal(left, right))
        return;
    do { /* as few digits as show the difference */
        print_value(left, digits, left_text, sizeof left_text);
        print_value(right, digits, right_value, sizeof right_value);
        digits += 3;
    } while (digits < 25 && strcmp(left_text, right_value) == 0);
    begin_failure(place, "%s == %s, but left is %s and right is %s", place.expression, right_text, left_text,
                  right_value);
    fail(place);
}

void bide__check_near(struct bide__place place, const char *right_text, double left, double right, double tolerance)
{
    double difference = left > right ? left - right : right - left;

    bide__check_passed();
    if (difference <= tolerance || left == right) /* so written that a NaN fails */
        return;
    begin_failure(place, "%s is within %g of %s, but left is %.9g and right is %.9g", place.expression, tolerance,
                  right_text, left, right);
    fail(place);
}

/* Says a string as it would be written in C, from `from` on. */
static void say_string(const char *label, const char *text)
{
    if (!text) {
        bide__say("  %s NULL\n", label);
        return;
    }
    bide__say("  %s \"", label);
    for (size_t i = 0; text[i] && i < SHOWN_TEXT; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '\n')
            bide__say("\\n");
        else if (byte == '"' || byte == '\\')
            bide__say("\\%c", byte);
        else if (byte < ' ' || byte == 127)
            bide__say("\\%03o", byte);
        else
            bide__say("%c", byte);
    }
    bide__say("%s\n", strlen(text) > SHOWN_TEXT ? "\"..." : "\"");
}

void bide__check_string(struct bide__place place, const char *right_text, const char *left, const char *right)
{
    bide__check_passed();
    if (left && right ? strcmp(left, right) == 0 : left == right)
        return;
    begin_failure(place, "%s equals %s, but they differ", place.expression, right_text);
    say_string("left: ", left);
    say_string("right:", right);
    fail(place);
}

static void say_bytes(const char *label, const unsigned char *bytes, size_t from, size_t size)
{
    bide__say("  %s", label);
    for (size_t i = from; i < size && i < from + SHOWN_BYTES; i++)
        bide__say(" %02x", bytes[i]);
    bide__say("%s\n", size > from + SHOWN_BYTES ? " ..." : "");
}

void bide__check_memory(struct bide__place place, const char *right_text, const void *left, const void *right,
                        size_t size)
{
    const unsigned char *a = left, *b = right;
    size_t at = 0;

    bide__check_passed();
    while (at < size && a[at] == b[at])
        at++;
    if (at == size)
        return;
    begin_failure(place, "%zu bytes of %s equal those of %s, but they differ from byte %zu on", size, place.expression,
                  right_text, at);
    say_bytes("left: ", a, at, size);
    say_bytes("right:", b, at, size);
    fail(place);
}

void bide__check_error(struct bide__place place, long long result, struct bide__expected_error expected)
{
    long long code = expected.code > 0 ? -expected.code : expected.code;
    const char *message = result < 0 ? bide_strerror((int)result) : "";
    char expected_name[64];

    snprintf(expected_name, sizeof expected_name, "%s", bide_error_name((int)code));

    bide__check_passed();
    if (result != code) {
        if (result < 0)
            begin_failure(place, "%s fails with %s, but it failed with %s (%lld): %s", place.expression, expected_name,
                          bide_error_name((int)result), result, message);
        else
            begin_failure(place, "%s fails with %s, but it returned %lld", place.expression, expected_name, result);
        fail(place);
    } else if (expected.message && !strstr(message, expected.message)) {
        begin_failure(place, "%s fails with %s, which it did, but with another message", place.expression,
                      expected_name);
        say_string("message: ", message);
        say_string("expected:", expected.message);
        fail(place);
    }
}

void bide_test_skip(const char *reason)
{
    snprintf(bide__report->reason, sizeof bide__report->reason, "%s", reason);
    bide__end_process(BIDE__SKIPPED);
}

void bide_test_expect_failure(const char *reason)
{
    snprintf(bide__report->expected_failure, sizeof bide__report->expected_failure, "%s",
             *reason ? reason : "no reason given");
}

double bide_test_slowness(void)
{
    const char *number = getenv("BIDE_SLOWNESS"), *valgrind = getenv("BIDE_VALGRIND");

    if (number && strtod(number, NULL) >= 1)
        return strtod(number, NULL);
    return bide__valgrind() || (valgrind && *valgrind && strcmp(valgrind, "0") != 0) ? 20 : 1;
}
