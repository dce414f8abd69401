/*
 * Coroutine values: 0 to 12 parameters, every kind of argument, large ones, and stacks that are used again.
 */
#include "check.h"

#include <stdint.h>

#include "notes.h"

static int f0(void)
{
    return 100;
}
bide_async(f0);

static int f1(int a)
{
    return a;
}
bide_async(f1, int);

static int f2(int a, int b)
{
    return a * 10 + b;
}
bide_async(f2, int, int);

static int f3(int a, int b, int c)
{
    return f2(a, b) * 10 + c;
}
bide_async(f3, int, int, int);

static int f4(int a, int b, int c, int d)
{
    return f3(a, b, c) * 10 + d;
}
bide_async(f4, int, int, int, int);

static int f5(int a, int b, int c, int d, int e)
{
    return f4(a, b, c, d) * 10 + e;
}
bide_async(f5, int, int, int, int, int);

static int f6(int a, int b, int c, int d, int e, int f)
{
    return f5(a, b, c, d, e) * 10 + f;
}
bide_async(f6, int, int, int, int, int, int);

static int f7(int a, int b, int c, int d, int e, int f, int g)
{
    return f6(a, b, c, d, e, f) * 10 + g;
}
bide_async(f7, int, int, int, int, int, int, int);

static int f8(int a, int b, int c, int d, int e, int f, int g, int h)
{
    return f7(a, b, c, d, e, f, g) * 10 + h;
}
bide_async(f8, int, int, int, int, int, int, int, int);

static int f9(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
    return f8(a, b, c, d, e, f, g, h) * 10 + i;
}
bide_async(f9, int, int, int, int, int, int, int, int, int);

static int f10(int a, int b, int c, int d, int e, int f, int g, int h, int i, int *ret_j)
{
    *ret_j = 10;
    return f9(a, b, c, d, e, f, g, h, i);
}
bide_async(f10, int, int, int, int, int, int, int, int, int, int *);

static int f11(int a, int b, int c, int d, int e, int f, int g, int h, int i, int *ret_j, int *ret_k)
{
    *ret_k = 11;
    return f10(a, b, c, d, e, f, g, h, i, ret_j);
}
bide_async(f11, int, int, int, int, int, int, int, int, int, int *, int *);

static int f12(int a, int b, int c, int d, int e, int f, int g, int h, int i, int *ret_j, int *ret_k, int *ret_l)
{
    *ret_l = 12;
    return f11(a, b, c, d, e, f, g, h, i, ret_j, ret_k);
}
bide_async(f12, int, int, int, int, int, int, int, int, int, int *, int *, int *);

/* Runs a value as a task and gives what it returned. */
static int run_task(bide_coroutine value)
{
    bide_task *task = bide_create_task(NULL, value);

    check(task != NULL);
    return bide_join(task);
}

bide_test(arguments_from_none_to_twelve)
{
    int j = 0, k = 0, l = 0;

    check_eq(run_task(bide_co(f0)), 100);
    check_eq(run_task(bide_co(f1, 1)), 1);
    check_eq(run_task(bide_co(f2, 1, 2)), 12);
    check_eq(run_task(bide_co(f3, 1, 2, 3)), 123);
    check_eq(run_task(bide_co(f4, 1, 2, 3, 4)), 1234);
    check_eq(run_task(bide_co(f5, 1, 2, 3, 4, 5)), 12345);
    check_eq(run_task(bide_co(f6, 1, 2, 3, 4, 5, 6)), 123456);
    check_eq(run_task(bide_co(f7, 1, 2, 3, 4, 5, 6, 7)), 1234567);
    check_eq(run_task(bide_co(f8, 1, 2, 3, 4, 5, 6, 7, 8)), 12345678);
    check_eq(run_task(bide_co(f9, 1, 2, 3, 4, 5, 6, 7, 8, 9)), 123456789);
    check_eq(run_task(bide_co(f10, 1, 2, 3, 4, 5, 6, 7, 8, 9, &j)), 123456789);
    check_eq(j, 10);
    check_eq(run_task(bide_co(f11, 1, 2, 3, 4, 5, 6, 7, 8, 9, &j, &k)), 123456789);
    check_eq(k, 11);
    check_eq(run_task(bide_co(f12, 1, 2, 3, 4, 5, 6, 7, 8, 9, &j, &k, &l)), 123456789);
    check_eq(l, 12);
    return 0;
}

struct point {
    double x, y;
    char tag;
};

enum colour { RED, GREEN = 5 };

static int all_kinds(double d, float f, char c, int64_t large, const char *text, struct point point, enum colour colour,
                     bool flag, int (*function)(int), long double real, unsigned char byte)
{
    check_eq(d, 4.9e-324);
    check_eq(f, 0.5f);
    check_eq(c, 'c');
    check_eq(large, INT64_MIN);
    check_str(text, "text");
    check_eq(point.x + point.y, 3.75);
    check_eq(point.tag, 't');
    check_eq(colour, GREEN);
    check(flag);
    check_eq(function(4), 4);
    check_eq(real, 1.25L);
    check_eq(byte, 255);
    return 1;
}
bide_async(all_kinds, double, float, char, int64_t, const char *, struct point, enum colour, bool, int (*)(int),
           long double, unsigned char);

static int take_point(struct point point, int number)
{
    check_eq(point.x + point.y, 3.75);
    check_eq(point.tag, 't');
    return number;
}
bide_async(take_point, struct point, int);

bide_test(arguments_of_all_kinds)
{
    struct point point = { 1.25, 2.5, 't' };

    check_eq(run_task(bide_co(all_kinds, 4.9e-324, 0.5f, 'c', INT64_MIN, "text", point, GREEN, true, f1, 1.25L, 255)),
             1);
    check_eq(run_task(bide_co(take_point, (struct point){ 1.25, 2.5, 't' }, 3)), 3); /* commas inside of braces */
    return 0;
}

static int halve(double value)
{
    return (int)(value * 2);
}
bide_async(halve, double);

bide_test(arguments_are_converted_as_in_a_call)
{
    check_eq(run_task(bide_co(halve, 1)), 2); /* an int for a double */
    check_eq(run_task(bide_co(halve, 'A')), 130);
    check_eq(run_task(bide_co(f1, 'B')), 66);
    return 0;
}

bide_test(arguments_are_evaluated_once_and_copied)
{
    int n = 0;
    bide_coroutine value = bide_co(f1, ++n);

    check_eq(n, 1);
    n = 50;
    check_eq(run_task(value), 1);
    check_eq(run_task(value), 1); /* a value may be started again */
    bide_task *task = bide_create_task(NULL, value);
    memset((void *)(uintptr_t)value.arguments, 0xff, value.size); /* the task has its own copy */
    check_eq(bide_join(task), 1);
    return 0;
}

bide_test(arguments_coroutine_value)
{
    bide_coroutine value = bide_co(f2, 1, 2);
    bide_coroutine none = bide_co(f0);

    check_str(value.name, "f2");
    check(strstr(value.file, "test_arguments.c") != NULL);
    check_eq(value.line, __LINE__ - 5);
    check_eq(value.size, 2 * sizeof(int));
    check_eq(none.size, 0);
    return 0;
}

struct large {
    unsigned char bytes[200];
};

struct larger {
    uint64_t words[1000];
} __attribute__((aligned(16)));

static struct large make_large(int seed)
{
    struct large value;

    for (size_t i = 0; i < sizeof value.bytes; i++)
        value.bytes[i] = (unsigned char)((size_t)seed + i * 7);
    return value;
}

static int take_large(struct large value, int seed)
{
    struct large expected = make_large(seed);

    turns(seed % 3);
    check_mem(value.bytes, expected.bytes, sizeof value.bytes);
    return seed;
}
bide_async(take_large, struct large, int);

static int take_larger(struct larger value, double factor)
{
    uint64_t sum = 0;

    check_eq((uintptr_t)&value % 16, 0);
    turns(1);
    for (size_t i = 0; i < 1000; i++)
        sum += value.words[i];
    check_eq(factor, 0.5);
    return (int)sum;
}
bide_async(take_larger, struct larger, double);

static int take_little(int seed)
{
    turns(seed % 2);
    return seed;
}
bide_async(take_little, int);

struct vector {
    float x[8];
} __attribute__((aligned(16)));

/* What the compiler assumes of its argument must hold also in the copy that the call is made from. */
static int take_vector(struct vector value, struct vector *ret_sum)
{
    for (int i = 0; i < 8; i++)
        ret_sum->x[i] += value.x[i];
    return 0;
}
bide_async(take_vector, struct vector, struct vector *);

bide_test(arguments_aligned_like_vectors)
{
    struct vector value = { { 1, 2, 3, 4, 5, 6, 7, 8 } }, sum = { { 0 } };
    bide_coroutine one = bide_co(take_vector, value, &sum);

    check_eq(one.size, 48);
    check_eq(bide_gather(one, one, one), 0);
    for (int i = 0; i < 8; i++)
        check_eq(sum.x[i], 3.0f * value.x[i]);
    return 0;
}

bide_test(arguments_of_two_hundred_bytes)
{
    for (int seed = 0; seed < 10; seed++)
        check_eq(run_task(bide_co(take_large, make_large(seed), seed)), seed);
    return 0;
}

bide_test(arguments_of_eight_thousand_bytes_aligned)
{
    static struct larger value;

    for (size_t i = 0; i < 1000; i++)
        value.words[i] = i;
    for (int i = 0; i < 3; i++)
        check_eq(run_task(bide_co(take_larger, value, 0.5)), 499500);
    return 0;
}

/* Stacks go round between tasks with small and with large arguments, a few at once. */
bide_test(stacks_are_reused_between_small_and_large)
{
    static struct larger value;
    bide_task *tasks[12];

    value.words[3] = 77;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 12; i++) {
            int kind = (i * 7 + round) % 4;

            tasks[i] = kind == 0   ? bide_create_task(NULL, bide_co(take_larger, value, 0.5))
                       : kind == 1 ? bide_create_task(NULL, bide_co(take_large, make_large(i), i))
                       : kind == 2 ? bide_create_task(NULL, bide_co(take_little, i))
                                   : bide_create_task(NULL, bide_co(f0));
        }
        for (int i = 0; i < 12; i++) {
            int kind = (i * 7 + round) % 4;

            check_eq(bide_join(tasks[i]), kind == 0 ? 77 : kind == 3 ? 100 : i);
            bide_forget(tasks[i]);
        }
    }
    return 0;
}

/* Arguments around the size that fits into the task's own record. */
#define SIZED(n)                                                                                                       \
    struct sized_##n {                                                                                                 \
        unsigned char bytes[n];                                                                                        \
    };                                                                                                                 \
    static int take_##n(struct sized_##n value)                                                                        \
    {                                                                                                                  \
        turns(1);                                                                                                      \
        for (size_t i = 0; i < n; i++)                                                                                 \
            check_eq(value.bytes[i], (unsigned char)(i + n));                                                          \
        return n;                                                                                                      \
    }                                                                                                                  \
    bide_async(take_##n, struct sized_##n);                                                                            \
    static int run_##n(void)                                                                                           \
    {                                                                                                                  \
        struct sized_##n value;                                                                                        \
                                                                                                                       \
        for (size_t i = 0; i < n; i++)                                                                                 \
            value.bytes[i] = (unsigned char)(i + n);                                                                   \
        return run_task(bide_co(take_##n, value));                                                                     \
    }
SIZED(63)
SIZED(64)
SIZED(65)
SIZED(127)
SIZED(128)
SIZED(129)

bide_test(arguments_around_the_size_of_the_record)
{
    for (int i = 0; i < 2; i++) {
        check_eq(run_64(), 64);
        check_eq(run_65(), 65);
        check_eq(run_63(), 63);
        check_eq(run_129(), 129);
        check_eq(run_128(), 128);
        check_eq(run_127(), 127);
    }
    return 0;
}

unit_test(arguments_of_main_and_of_a_direct_call)
{
    check_eq(bide_run(bide_co(take_large, make_large(9), 9)), 9);
    check_eq(take_larger((struct larger){ .words = { 5 } }, 0.5), 5); /* what waits in it answers -EPERM here */
    return 0;
}
