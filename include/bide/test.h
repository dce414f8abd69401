/*
 * bide/test.h - tests that wait
 *
 *     #include <bide/test.h>
 *
 *     static int hello(void) { bide(bide_sleep(3600)); return 0; }
 *     bide_async(hello);
 *
 *     bide_test(wait_for_gives_up)
 *     {
 *         double start = bide_time();
 *         check_error(bide_wait_for(bide_co(hello), 5), ETIMEDOUT);
 *         check(bide_time() - start == 5);      // five seconds pass in no time: the clock is virtual
 *         return 0;
 *     }
 *
 *     cc leaf_test.c $(pkg-config --cflags --libs bide-test) && ./a.out
 *
 * Tests register themselves; main() comes with the library (`./a.out --help`). Each test runs in a process of its
 * own, several at once, with a time limit. When it ends, what it left behind is a failure: open descriptors, living
 * tasks, memory that was not freed, errors that nobody read, threads. Under a debugger, or with --here, a test runs
 * in this process and a failed check stops the debugger at the line. docs/testing.md is the chapter.
 *
 * The library needs glibc and belongs into test programs only: it brings its own main, malloc, and system call
 * wrappers.
 */
#ifndef BIDE_TEST_H
#define BIDE_TEST_H

#pragma GCC system_header /* the macros use GNU extensions that -Wpedantic would report at the user's line */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide.h>

/* ---- Tests ---------------------------------------------------------------------------------------------------------- */

/* What a test may leave behind without failing; bits of bide_test_options.allow. */
enum {
    BIDE_ALLOW_DESCRIPTORS = 1, /* open descriptors */
    BIDE_ALLOW_MEMORY = 2,      /* memory that was not freed */
    BIDE_ALLOW_TASKS = 4,       /* tasks that were still running (run() then cancels them) */
    BIDE_ALLOW_THREADS = 8,     /* threads that run, or were not joined */
    BIDE_ALLOW_ERRORS = 16      /* errors of tasks that nobody read */
};

/*
 * How one test runs; written as designated initialisers behind its name: bide_test(slow_start, .time_limit = 120,
 * .real_clock = true).
 */
typedef struct bide_test_options {
    /*
     * real seconds until the test is killed, with a report of who waits for what; 0: 10. Longer under Valgrind: see
     * bide_test_slowness()
     */
    double time_limit;
    /*
     * time passes as it does; otherwise it stands still while anything can run and jumps when everybody waits for it
     */
    bool real_clock;
    unsigned allow;             /* BIDE_ALLOW_... */
    const char *expect_failure; /* a reason: the test is known to fail, that is fine; passing is not */
    const char *skip;           /* a reason: it is not run */
    /*
     * run it this many times, each time with another order of the ready tasks; 0: once, first in first out (or as
     * --seed says); -1: never in another order
     */
    int seeds;
    int points_max; /* faults and cancel everywhere: how many points in turn at most; 0: 1000 */
    /*
     * bide_test_faults: which of "memory", "eintr", "eagain", "short", "error", separated by blanks; NULL: all but
     * "error"
     */
    const char *faults;
    bool may_swallow;     /* cancel everywhere: the body may turn the cancellation into a result of its own */
    bide_run_options run; /* backend, stack_size, task_limit, thread_limit for the bide_run() around the body */
} bide_test_options;

/*
 * bide_test(name, options...) { ...; return 0; } - a test whose body is the main task of a bide_run(), so it may wait.
 *
 * name: an identifier; the body becomes the function test_<name>, for `break test_<name>`. The body returns >= 0 when
 * the test has passed, a negative error when it has failed (its message and return trace are shown), so bide(...) may
 * be used in it. Fails too when a check failed, when it ends the process, crashes, takes longer than its limit, or
 * leaves something behind.
 */
#define bide_test(...) BIDE__JOIN(BIDE__TEST_, BIDE__ONE_OR_MORE(__VA_ARGS__))(BIDE__TEST_IN_TASK, __VA_ARGS__)

/* unit_test(name, options...) { ...; return 0; } - a test whose body is plain C, outside of a loop. */
#define unit_test(...) BIDE__JOIN(BIDE__TEST_, BIDE__ONE_OR_MORE(__VA_ARGS__))(BIDE__TEST_PLAIN, __VA_ARGS__)

/*
 * bide_test_each(name, array, options...) { ... } - one test for each element of an array; `it` points to the element.
 *
 *     static const struct { const char *text; int port; } ports[] = { { "80", 80 }, { "65535", 65535 } };
 *     bide_test_each(ports_are_parsed, ports) { check_eq(parse_port(it->text), it->port); return 0; }
 *
 * The single tests are called ports_are_parsed[0], ...; for an array of strings or integers the value stands in the
 * brackets.
 */
#define bide_test_each(name, ...) BIDE__JOIN(BIDE__TEST_EACH_, BIDE__ONE_OR_MORE(__VA_ARGS__))(name, __VA_ARGS__)

/*
 * bide_test_faults(name, options...) { ... } - a test whose body is run again and again, each time with one thing
 * going wrong.
 *
 * First without a fault: it must pass. Then, for every n in turn, in a new process: the n-th allocation fails
 * ("memory"); the n-th system call is interrupted ("eintr"), says that it would block ("eagain"), moves only one byte
 * ("short"), or fails for good ("error": ECONNRESET on sockets, EIO on files, EMFILE where a descriptor is made). The
 * body must end clean each time: nothing left behind, no crash, no hang. With "memory" and "error" it may return an
 * error (so wait with bide(...), not with check_eq(..., 0)); with the others it must pass, because they are not
 * errors but habits of the kernel. Allocations are those of malloc and its kin by anyone but this library; system
 * calls are the C library's wrappers for what waits or makes descriptors. What an io_uring does in the kernel is not
 * seen; "eagain" and "short" concern sockets and pipes.
 */
#define bide_test_faults(...) BIDE__JOIN(BIDE__TEST_, BIDE__ONE_OR_MORE(__VA_ARGS__))(BIDE__TEST_FAULTS, __VA_ARGS__)

/*
 * bide_test_cancel_everywhere(name, options...) { ... } - a test whose body is cancelled at every point at which any
 * of its tasks waits, in turn.
 *
 * First without: it must pass. Then, in a new process each time, the whole body is cancelled just when the n-th wait
 * of the run begins. It must return -ECANCELED (unless what it waited for had happened already: R2) and leave nothing
 * behind. Returning success, or hanging, because an -ECANCELED was swallowed is a failure.
 * bide_test_timeout_everywhere is the same with a bide_timeout around the body that expires there: -ETIMEDOUT comes
 * out.
 */
#define bide_test_cancel_everywhere(...)                                                                               \
    BIDE__JOIN(BIDE__TEST_, BIDE__ONE_OR_MORE(__VA_ARGS__))(BIDE__TEST_CANCEL, __VA_ARGS__)
#define bide_test_timeout_everywhere(...)                                                                              \
    BIDE__JOIN(BIDE__TEST_, BIDE__ONE_OR_MORE(__VA_ARGS__))(BIDE__TEST_TIMEOUT, __VA_ARGS__)

/*
 * ---- Checks
 * --------------------------------------------------------------------------------------------------------------------------------------
 *
 * A check that fails prints file, line, expression, values, the task it happened in, and the tree of tasks; then it
 * ends the test (the process) at once, from whatever depth, task or thread it is in. The forms that begin with soft_
 * note the failure and go on. Every argument is evaluated once.
 */

/* check(expr) - expr is true. */
#define check(expr) ((expr) ? bide__check_passed() : bide__check_true(BIDE__PLACE(#expr, false)))
#define soft_check(expr) ((expr) ? bide__check_passed() : bide__check_true(BIDE__PLACE(#expr, true)))

/*
 * check_eq(a, b) - both are equal: integers, enums, floating point numbers, data pointers. They compare as in
 * mathematics: -1 and UINT_MAX differ. (A bit-field is written +field.)
 */
#define check_eq(a, b) BIDE__CHECK_EQ(a, b, false)
#define soft_check_eq(a, b) BIDE__CHECK_EQ(a, b, true)

/* check_near(a, b, tolerance) - the two numbers differ by no more than tolerance. */
#define check_near(a, b, tolerance) bide__check_near(BIDE__PLACE(#a, false), #b, (a), (b), (tolerance))
#define soft_check_near(a, b, tolerance) bide__check_near(BIDE__PLACE(#a, true), #b, (a), (b), (tolerance))

/* check_str(a, b) - both strings are equal. NULL equals only NULL. */
#define check_str(a, b) bide__check_string(BIDE__PLACE(#a, false), #b, (a), (b))
#define soft_check_str(a, b) bide__check_string(BIDE__PLACE(#a, true), #b, (a), (b))

/* check_mem(a, b, n) - the n bytes at a and b are equal; shows where they differ. */
#define check_mem(a, b, n) bide__check_memory(BIDE__PLACE(#a, false), #b, (a), (b), (n))
#define soft_check_mem(a, b, n) bide__check_memory(BIDE__PLACE(#a, true), #b, (a), (b), (n))

/*
 * check_error(expr, code) - expr is the error `code`: check_error(bide_sleep(1), ECANCELED); bide's own codes are
 * written as they are: BIDE_EOF. check_error(expr, code, text) - and its message, bide_strerror(), contains the text.
 */
#define check_error(expr, ...)                                                                                         \
    bide__check_error(BIDE__PLACE(#expr, false), (long long)(expr),                                                    \
                      BIDE__JOIN(BIDE__ERROR_, BIDE__ONE_OR_MORE(__VA_ARGS__))(__VA_ARGS__))
#define soft_check_error(expr, ...)                                                                                    \
    bide__check_error(BIDE__PLACE(#expr, true), (long long)(expr),                                                     \
                      BIDE__JOIN(BIDE__ERROR_, BIDE__ONE_OR_MORE(__VA_ARGS__))(__VA_ARGS__))

/*
 * check_event(format, ...) - notes that something happened; printf's format, cut at 255 bytes. From any task or
 * thread. check_trace("a", "b", ...) - exactly these events were noted since the last check_trace, in this order;
 * then forgets them. The way to test interleavings. check_no_trace(): none were. check_trace_sorted("a", ...) - the
 * same events in any order; the arguments are given in the order of strcmp.
 */
#define check_event(...) bide__check_event(__VA_ARGS__)
#define check_trace(...) bide__check_trace(BIDE__PLACE("the trace", false), false, BIDE__STRINGS(__VA_ARGS__))
#define soft_check_trace(...) bide__check_trace(BIDE__PLACE("the trace", true), false, BIDE__STRINGS(__VA_ARGS__))
#define check_trace_sorted(...) bide__check_trace(BIDE__PLACE("the trace", false), true, BIDE__STRINGS(__VA_ARGS__))
#define check_no_trace() bide__check_trace(BIDE__PLACE("the trace", false), false, NULL, 0)

/* skip(reason) - ends the test, counted as skipped, when what it needs is not here. reason: one line, copied. */
#define skip(reason) bide_test_skip(reason)
BIDE_EXPORT _Noreturn void bide_test_skip(const char *reason);

/*
 * bide_test_expect_failure - from here on the test is expected to fail, for this reason (copied); if it passes after
 * all, that is the failure.
 */
BIDE_EXPORT void bide_test_expect_failure(const char *reason);

/* ---- What tests need ------------------------------------------------------------------------------------------------ */

/*
 * bide_fixture(type, name) { ...fill *it...; return 0; } - makes `name()` a function that returns a `type *`: made by
 * the body at its first call in a test, the same one at later calls.
 *
 *     bide_fixture(struct server, echo_server)
 *     {
 *         bide(bide_listen("127.0.0.1", 0, &it->listener));
 *         bide_test_cleanup(bide_co(stop, it));
 *         return 0;
 *     }
 *     bide_test(echoes) { struct server *server = echo_server(); ... }
 *
 * `it` points to zeroed memory that lives as long as the test. The body may wait, use other fixtures, and check. If
 * it returns an error the test fails. Nothing is made to fail, and nothing cancelled, while it runs: what a test
 * needs is not what it tests.
 */
#define bide_fixture(type, name) BIDE__FIXTURE(type, name, false)

/*
 * bide_program_fixture(type, name) { ... } - the same, made once in the program, before its first test, in the parent
 * of all tests: each test gets a copy of the memory, as fork() makes it. The body must not wait. Its cleanups run
 * when all tests have ended.
 */
#define bide_program_fixture(type, name) BIDE__FIXTURE(type, name, true)

/*
 * bide_test_cleanup - has a coroutine value run when the test's body has ended, whatever it returned: the last one
 * first, as part of the main task, with 5 s to end, protected from the cancellation of the body. It may wait; an
 * error it returns fails the test. (Not after a fatal check: that ends the process.) In a unit_test it must not wait.
 * Arguments are copied.
 */
BIDE_EXPORT void bide_test_cleanup(bide_coroutine coroutine);

/*
 * bide_test_directory - an empty directory for this test, removed with all that is in it after its end. The path is
 * valid until then.
 */
BIDE_EXPORT const char *bide_test_directory(void);

/*
 * bide_test_port - the number of a TCP and UDP port on this machine that is free, and given to no other test of any
 * bide test program until this test has ended.
 */
BIDE_EXPORT int bide_test_port(void);

/*
 * bide_test_capture - from now on what this process writes to stdout and stderr is captured. bide_test_captured -
 * ends that and returns the text, NULL if nothing was being captured; valid until the next capture.
 */
BIDE_EXPORT void bide_test_capture(void);
BIDE_EXPORT const char *bide_test_captured(void);

/* bide_test_ignore_leak - this block of memory need not be freed by the test. Returns its argument. */
BIDE_EXPORT void *bide_test_ignore_leak(void *block);

/*
 * bide_test_slowness - how many times slower than usual this run may be: 1; 20 under Valgrind; or the number in the
 * environment's BIDE_SLOWNESS. Multiply upper limits of real durations by it.
 */
BIDE_EXPORT double bide_test_slowness(void);

/*
 * bide_test_seed - the number that decides the order of ready tasks in this run (--seed), 0 if they run first in
 * first out. For seeding one's own generator.
 */
BIDE_EXPORT uint64_t bide_test_seed(void);

/*
 * bide_test_run - for users of another test framework (cmocka, check, criterion, ...): runs a coroutine value as the
 * body of a bide_test(), in a process of its own, with all that is looked at.
 *
 *     static void test_fetch(void **state) { assert_int_equal(bide_test_run(bide_co(fetch_works), NULL), 0); }
 *
 * options: NULL for the defaults. Returns 0 when it passed, BIDE_TEST_SKIPPED, or BIDE_TEST_FAILED with the report
 * printed on stderr. What the body changes in memory is not seen by the caller. The name of the function is that of
 * the test. Not from inside a loop: -EDEADLK.
 */
BIDE_EXPORT int bide_test_run(bide_coroutine body, const bide_test_options *options);
enum { BIDE_TEST_FAILED = -1, BIDE_TEST_SKIPPED = 1 };

/*
 * bide_test_main - what main() of the library calls, for programs that have a main of their own. Returns the exit
 * code: 0 all passed, 1 something failed, 2 wrong usage.
 */
BIDE_EXPORT int bide_test_main(int count, char **arguments);

/* ---- Behind the macros ---------------------------------------------------------------------------------------------- */

enum bide__test_kind { BIDE__TEST_IN_TASK, BIDE__TEST_PLAIN, BIDE__TEST_FAULTS, BIDE__TEST_CANCEL, BIDE__TEST_TIMEOUT };

/* One test as it is written; linked into the list of all before main() starts. */
struct bide__test {
    const char *name, *file;
    int line;
    enum bide__test_kind kind;
    int (*call)(const void *parameter);
    const void *parameters; /* of bide_test_each: the array */
    size_t count, size;     /* its elements, and the bytes of one */
    int label;              /* how an element is shown: BIDE__LABEL_... */
    bide_test_options options;
    struct bide__test *next;
};
enum { BIDE__LABEL_INDEX, BIDE__LABEL_STRING, BIDE__LABEL_INT };

struct bide__fixture {
    const char *name, *file;
    int line;
    bool of_program;
    size_t size;
    int (*make)(void *it);
    void *it; /* made already */
    struct bide__fixture *next;
};

struct bide__place {
    const char *file;
    int line;
    const char *expression;
    bool soft;
};

/* One side of a comparison, widened. */
struct bide__value {
    enum { BIDE__SIGNED, BIDE__UNSIGNED, BIDE__REAL, BIDE__POINTER } kind;
    long long as_signed;
    unsigned long long as_unsigned;
    long double as_real;
    const volatile void *as_pointer;
};

struct bide__expected_error {
    long long code;
    const char *code_text, *message;
};

BIDE_EXPORT void bide__test_register(struct bide__test *test);
BIDE_EXPORT void bide__fixture_register(struct bide__fixture *fixture);
BIDE_EXPORT void *bide__fixture_get(struct bide__fixture *fixture);
BIDE_EXPORT void bide__check_passed(void);
BIDE_EXPORT void bide__check_true(struct bide__place place);
BIDE_EXPORT void bide__check_equal(struct bide__place place, const char *right_text, struct bide__value left,
                                   struct bide__value right);
BIDE_EXPORT void bide__check_near(struct bide__place place, const char *right_text, double left, double right,
                                  double tolerance);
BIDE_EXPORT void bide__check_string(struct bide__place place, const char *right_text, const char *left,
                                    const char *right);
BIDE_EXPORT void bide__check_memory(struct bide__place place, const char *right_text, const void *left,
                                    const void *right, size_t size);
BIDE_EXPORT void bide__check_error(struct bide__place place, long long result, struct bide__expected_error expected);
BIDE_EXPORT void bide__check_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
BIDE_EXPORT void bide__check_trace(struct bide__place place, bool sorted, const char *const *events, size_t count);
BIDE_EXPORT struct bide__value bide__value_signed(long long value);
BIDE_EXPORT struct bide__value bide__value_unsigned(unsigned long long value);
BIDE_EXPORT struct bide__value bide__value_real(long double value);
BIDE_EXPORT struct bide__value bide__value_pointer(const volatile void *value);

#define BIDE__PLACE(text, soft) ((struct bide__place){ __FILE__, __LINE__, text, soft })
#define BIDE__STRINGS(...)                                                                                             \
    ((const char *const[]){ __VA_ARGS__ }), sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)
#define BIDE__ERROR_ONE(code) ((struct bide__expected_error){ (long long)(code), #code, NULL })
#define BIDE__ERROR_MORE(code, text) ((struct bide__expected_error){ (long long)(code), #code, text })

#define BIDE__CHECK_EQ(a, b, soft)                                                                                     \
    __extension__({                                                                                                    \
        __auto_type bide__left = (a);                                                                                  \
        __auto_type bide__right = (b);                                                                                 \
        bide__check_equal(BIDE__PLACE(#a, soft), #b, BIDE__VALUE(bide__left), BIDE__VALUE(bide__right));               \
    })

/* clang-format off */
#define BIDE__VALUE(x) _Generic((x),                                                                                                         \
    float: bide__value_real, double: bide__value_real, long double: bide__value_real,                                                        \
    _Bool: bide__value_unsigned, unsigned char: bide__value_unsigned, unsigned short: bide__value_unsigned,                                  \
    unsigned int: bide__value_unsigned, unsigned long: bide__value_unsigned, unsigned long long: bide__value_unsigned,                       \
    char: bide__value_signed, signed char: bide__value_signed, short: bide__value_signed, int: bide__value_signed,                           \
    long: bide__value_signed, long long: bide__value_signed, default: bide__value_pointer)(x)
#define BIDE__LABEL(x) _Generic((x), char *: BIDE__LABEL_STRING, const char *: BIDE__LABEL_STRING, int: BIDE__LABEL_INT, default: BIDE__LABEL_INDEX)
/* clang-format on */

#define BIDE__TEST_ONE(kind, name) BIDE__TEST_DEFINE(kind, name, 0)
#define BIDE__TEST_MORE(kind, name, ...) BIDE__TEST_DEFINE(kind, name, __VA_ARGS__)
#define BIDE__TEST_DEFINE(test_kind, test_name, ...)                                                                   \
    static int test_##test_name(void);                                                                                 \
    static int bide__test_call_##test_name(const void *parameter)                                                      \
    {                                                                                                                  \
        (void)parameter;                                                                                               \
        return test_##test_name();                                                                                     \
    }                                                                                                                  \
    BIDE__TEST_REGISTER(test_kind, test_name, NULL, 1, 0, BIDE__LABEL_INDEX, __VA_ARGS__)                              \
    static int test_##test_name(void)

#define BIDE__TEST_EACH_ONE(name, array) BIDE__TEST_EACH_DEFINE(name, array, 0)
#define BIDE__TEST_EACH_MORE(name, array, ...) BIDE__TEST_EACH_DEFINE(name, array, __VA_ARGS__)
#define BIDE__TEST_EACH_DEFINE(test_name, array, ...)                                                                  \
    static int test_##test_name(const __typeof__((array)[0]) *it);                                                     \
    static int bide__test_call_##test_name(const void *parameter)                                                      \
    {                                                                                                                  \
        return test_##test_name((const __typeof__((array)[0]) *)parameter);                                            \
    }                                                                                                                  \
    BIDE__TEST_REGISTER(BIDE__TEST_IN_TASK, test_name, array, sizeof(array) / sizeof((array)[0]), sizeof((array)[0]),  \
                        BIDE__LABEL((array)[0]), __VA_ARGS__)                                                          \
    static int test_##test_name(const __typeof__((array)[0]) *it)

#define BIDE__TEST_REGISTER(test_kind, test_name, array, elements, bytes, element_label, ...)                          \
    __attribute__((constructor)) static void bide__test_register_##test_name(void)                                     \
    {                                                                                                                  \
        static struct bide__test bide__this = { .name = #test_name,                                                    \
                                                .file = __FILE__,                                                      \
                                                .line = __LINE__,                                                      \
                                                .kind = test_kind,                                                     \
                                                .call = bide__test_call_##test_name,                                   \
                                                .parameters = array,                                                   \
                                                .count = elements,                                                     \
                                                .size = bytes,                                                         \
                                                .label = element_label,                                                \
                                                .options = { __VA_ARGS__ } };                                          \
        bide__test_register(&bide__this);                                                                              \
    }

#define BIDE__FIXTURE(type, fixture_name, whole_program)                                                               \
    static int bide__make_##fixture_name(type *it);                                                                    \
    static int bide__make_call_##fixture_name(void *it)                                                                \
    {                                                                                                                  \
        return bide__make_##fixture_name((type *)it);                                                                  \
    }                                                                                                                  \
    static struct bide__fixture bide__fixture_##fixture_name = { .name = #fixture_name,                                \
                                                                 .file = __FILE__,                                     \
                                                                 .line = __LINE__,                                     \
                                                                 .of_program = whole_program,                          \
                                                                 .size = sizeof(type),                                 \
                                                                 .make = bide__make_call_##fixture_name };             \
    __attribute__((constructor)) static void bide__fixture_register_##fixture_name(void)                               \
    {                                                                                                                  \
        bide__fixture_register(&bide__fixture_##fixture_name);                                                         \
    }                                                                                                                  \
    __attribute__((unused)) static type *fixture_name(void)                                                            \
    {                                                                                                                  \
        return (type *)bide__fixture_get(&bide__fixture_##fixture_name);                                               \
    }                                                                                                                  \
    static int bide__make_##fixture_name(type *it)

#endif
