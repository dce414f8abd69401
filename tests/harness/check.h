/*
 * check.h: the test harness of bide itself.
 *
 * A test program is one or more files full of unit_test() and bide_test() bodies, linked with harness.c, which brings
 * main(). Every test runs in its own process, so a crash, a hang or a leak spoils one test and no other.
 *
 *     #include "check.h"
 *
 *     unit_test(addition_works)
 *     {
 *         check_eq(1 + 1, 2);
 *         return 0;
 *     }
 *
 * A body returns 0 (or anything positive) when the test passed and a negative error code when it failed. The check
 * macros end the test at once: they may be used at any depth, in any task and in any thread.
 */
#ifndef BIDE_TESTS_CHECK_H
#define BIDE_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#ifdef BIDE_TEST_WITH_LOOP
#include <bide.h>
#endif

/*
 * One test of the program. Filled in by unit_test() and bide_test(), linked into the list of all tests before main()
 * starts, in the order in which the tests stand in the file.
 */
struct check__test {
    const char *name;
    int (*run)(void);
    struct check__test *next;
};

/*
 * One side of a comparison, widened so that values of different types compare as numbers do in mathematics:
 * -1 and UINT_MAX are different here.
 */
struct check__value {
    enum { CHECK__SIGNED, CHECK__UNSIGNED, CHECK__REAL, CHECK__POINTER } kind;
    long long as_signed;
    unsigned long long as_unsigned;
    long double as_real;
    const volatile void *as_pointer;
};

/* The place of a check in the source. `expression` is the text of what was checked. */
struct check__place {
    const char *file;
    int line;
    const char *expression;
};

/* Appends `test` to the list that main() runs. `test` must live as long as the program. */
void check__register(struct check__test *test);

/*
 * Wrap one side of check_eq(). Not called by hand: check__wrap() picks the one that fits the type of its argument.
 */
struct check__value check__signed(long long value);
struct check__value check__unsigned(unsigned long long value);
struct check__value check__real(long double value);
struct check__value check__pointer(const volatile void *value);

/* Ends the test as failed: prints the place and "was not true". */
_Noreturn void check__fail_true(struct check__place place);

/* What the check macros call. Each returns when the check holds, and otherwise prints both sides and ends the test. */
void check__equal(struct check__place place, const char *right_text, struct check__value left,
                  struct check__value right);
void check__near(struct check__place place, const char *right_text, double left, double right, double tolerance);
void check__string(struct check__place place, const char *right_text, const char *left, const char *right);
void check__memory(struct check__place place, const char *right_text, const void *left, const void *right, size_t size);
void check__error(struct check__place place, const char *code_text, long long result, long long code);

/* Ends the test as skipped. `reason` (one line, copied) is shown in the output. */
_Noreturn void check__skip(const char *reason);

/*
 * How many times slower than usual this run may be: 1 normally, 20 under Valgrind (BIDE_VALGRIND=1), or the number in
 * BIDE_SLOWNESS (set for emulators and sanitizers). Multiply upper limits of measured durations by it.
 */
double check_slowness(void);

#define CHECK__PLACE(text) ((struct check__place){ __FILE__, __LINE__, text })

#define check__wrap(x)                                                                                                 \
    _Generic((x), float                                                                                                \
             : check__real, double                                                                                     \
             : check__real, long double                                                                                \
             : check__real, _Bool                                                                                      \
             : check__unsigned, unsigned char                                                                          \
             : check__unsigned, unsigned short                                                                         \
             : check__unsigned, unsigned int                                                                           \
             : check__unsigned, unsigned long                                                                          \
             : check__unsigned, unsigned long long                                                                     \
             : check__unsigned, char                                                                                   \
             : check__signed, signed char                                                                              \
             : check__signed, short                                                                                    \
             : check__signed, int                                                                                      \
             : check__signed, long                                                                                     \
             : check__signed, long long                                                                                \
             : check__signed, default                                                                                  \
             : check__pointer)(x)

/*
 * unit_test(name) { ... return 0; }
 * A test whose body is plain C. `name` is an identifier, unique in the program.
 */
#define unit_test(name)                                                                                                \
    static int test_##name(void);                                                                                      \
    CHECK__REGISTER(name, test_##name)                                                                                 \
    static int test_##name(void)

#define CHECK__REGISTER(test_name, function)                                                                           \
    __attribute__((constructor)) static void check__register_##test_name(void)                                         \
    {                                                                                                                  \
        static struct check__test check__this = { #test_name, function, NULL };                                        \
        check__register(&check__this);                                                                                 \
    }

/*
 * bide_test(name) { ... return 0; }
 * A test whose body runs as the main task of a bide_run(); so it may wait. Only in programs that link with the loop
 * (BIDE_TEST_WITH_LOOP is defined for them by the build).
 */
#ifdef BIDE_TEST_WITH_LOOP
#define bide_test(name)                                                                                                \
    static int test_##name(void);                                                                                      \
    bide_async(test_##name);                                                                                           \
    static int check__run_##name(void)                                                                                 \
    {                                                                                                                  \
        return bide_run(bide_co(test_##name));                                                                         \
    }                                                                                                                  \
    CHECK__REGISTER(name, check__run_##name)                                                                           \
    static int test_##name(void)
#endif

/* Fails the test unless `expr` is true. */
#define check(expr)                                                                                                    \
    do {                                                                                                               \
        if (!(expr))                                                                                                   \
            check__fail_true(CHECK__PLACE(#expr));                                                                     \
    } while (0)

/*
 * Fails the test unless both sides are equal, and prints both. Integers, enums, floating point numbers and data
 * pointers; each side is evaluated once. (A bit-field must be written `+field`.)
 */
#define check_eq(a, b)                                                                                                 \
    do {                                                                                                               \
        __extension__ __auto_type check__left = (a);                                                                   \
        __extension__ __auto_type check__right = (b);                                                                  \
        check__equal(CHECK__PLACE(#a), #b, check__wrap(check__left), check__wrap(check__right));                       \
    } while (0)

/* Fails the test unless the two numbers differ by no more than `tolerance`. */
#define check_near(a, b, tolerance) check__near(CHECK__PLACE(#a), #b, (a), (b), (tolerance))

/* Fails the test unless both strings are equal. NULL equals only NULL. */
#define check_str(a, b) check__string(CHECK__PLACE(#a), #b, (a), (b))

/* Fails the test unless the `n` bytes at `a` and `b` are equal; prints the first place where they differ. */
#define check_mem(a, b, n) check__memory(CHECK__PLACE(#a), #b, (a), (b), (n))

/* Fails the test unless `expr` is the error `-code`, as in check_error(bide_sleep(1), ECANCELED). */
#define check_error(expr, code) check__error(CHECK__PLACE(#expr), #code, (long long)(expr), (long long)(code))

/* Ends the test, counted as skipped, when what it needs is not here. Say what is missing. */
#define skip(reason) check__skip(reason)

#endif
