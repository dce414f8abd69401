/*
 * bide/coro.h - coroutine values: a call that can run later
 *
 * In Python `f(1, "x")` makes a coroutine object. In C an ordinary function gets one line after it,
 *
 *     static int say(double delay, const char *what) { ... }
 *     bide_async(say, double, const char *);
 *
 * and `bide_co(say, 1, "x")` is the value: the function, its checked arguments, and the place it was made. Whatever
 * starts it (bide_create_task, bide_gather, bide_wait_for, bide_run, ...) copies the arguments onto the stack it runs
 * on. A function that waits needs no bide_async line to be called directly; only to be handed to something that runs
 * it later.
 */
#ifndef BIDE_CORO_H
#define BIDE_CORO_H

#include <stddef.h>

#include <bide/export.h>

/*
 * A coroutine value. Made by bide_co(), passed by value, never changed by hand. `arguments` points into the block in
 * which bide_co() was written, so a value must be started before that block ends; it may be started more than once,
 * each time with a copy of the arguments.
 */
typedef struct bide_coroutine {
    int (*entry)(void *arguments); /* calls the function with the unpacked arguments */
    const void *arguments;
    size_t size; /* bytes of the arguments; 0: none */
    const char *name;
    const char *file;
    int line;
} bide_coroutine;

/*
 * Not 0 once a loop in debug mode was opened: then values are written down, and those that were never started are
 * reported.
 */
BIDE_EXPORT int bide__watches_coroutines;
BIDE_EXPORT void bide__coroutine_made(const void *arguments, size_t size, const char *name, const char *file, int line)
    __attribute__((cold));
#define BIDE__MADE(arguments, size, name, file, line)                                                                  \
    if (__builtin_expect(__atomic_load_n(&bide__watches_coroutines, __ATOMIC_RELAXED), 0))                             \
    bide__coroutine_made(arguments, size, name, file, line)

/*
 * bide_co(f, arguments...) - the coroutine value for f(arguments...). f must have its bide_async line in sight. The
 * arguments are checked and converted as in a call of f. A value that is made and dropped is a compiler warning
 * (unused result); in debug mode one that was not started when its task ends is reported with its place: "coroutine
 * 'f' was never awaited".
 */
#define bide_co(...) BIDE__JOIN(BIDE__CO_, BIDE__ONE_OR_MORE(__VA_ARGS__))(__VA_ARGS__)

/*
 * bide_async(f, types...) - one line after the function `int f(types...)`: lets bide_co(f, ...) make coroutine values
 * of it.
 *
 * Up to 12 parameters; the list is checked against f's prototype. A type is written as in a cast: `double`, `const
 * char *`, `int (*)(void)`. Arguments are copied: what a pointer argument points to must stay alive until the call
 * has ended. Waits for what it starts (a task group, gather, wait_for) so the usual case, a pointer into the caller's
 * frame, is safe.
 */
#define bide_async(...) BIDE__JOIN(BIDE__ASYNC_, BIDE__COUNT(__VA_ARGS__))(__VA_ARGS__)

#define BIDE__ONE_OR_MORE(...)                                                                                         \
    BIDE__14TH(__VA_ARGS__, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, MORE, ONE, 0)
#define BIDE__COUNT(...) BIDE__14TH(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)
#define BIDE__14TH(a, b, c, d, e, f, g, h, i, j, k, l, m, n, ...) n

#define BIDE__CO_ONE(f) bide__make_##f(&(struct bide__arguments_##f){ 0 }, __FILE__, __LINE__)
#define BIDE__CO_MORE(f, ...) bide__make_##f(&(struct bide__arguments_##f){ 0 }, __FILE__, __LINE__, __VA_ARGS__)

#define BIDE__ASYNC_0(f)                                                                                               \
    struct bide__arguments_##f {                                                                                       \
        char none;                                                                                                     \
    };                                                                                                                 \
    __attribute__((unused)) static int bide__run_##f(void *bide__arguments)                                            \
    {                                                                                                                  \
        (void)bide__arguments;                                                                                         \
        return f();                                                                                                    \
    }                                                                                                                  \
    __attribute__((unused, warn_unused_result)) static inline bide_coroutine bide__make_##f(                           \
        const struct bide__arguments_##f *bide__storage, const char *bide__file, int bide__line)                       \
    {                                                                                                                  \
        BIDE__MADE(bide__storage, 0, #f, bide__file, bide__line);                                                      \
        return (bide_coroutine){ bide__run_##f, bide__storage, 0, #f, bide__file, bide__line };                        \
    }                                                                                                                  \
    struct bide__arguments_##f

#define BIDE__ASYNC_DEFINE(f, fields, parameters, names, call)                                                         \
    struct bide__arguments_##f {                                                                                       \
        fields                                                                                                         \
    };                                                                                                                 \
    __attribute__((unused)) static int bide__run_##f(void *bide__arguments)                                            \
    {                                                                                                                  \
        struct bide__arguments_##f *bide__a = (struct bide__arguments_##f *)bide__arguments;                           \
        return f call;                                                                                                 \
    }                                                                                                                  \
    __attribute__((unused, warn_unused_result)) static inline bide_coroutine bide__make_##f(                           \
        struct bide__arguments_##f *bide__storage, const char *bide__file, int bide__line, BIDE__UNPACK parameters)    \
    {                                                                                                                  \
        const struct bide__arguments_##f bide__values = { BIDE__UNPACK names };                                        \
        __builtin_memcpy(bide__storage, &bide__values, sizeof bide__values);                                           \
        BIDE__MADE(bide__storage, sizeof bide__values, #f, bide__file, bide__line);                                    \
        return (bide_coroutine){ bide__run_##f, bide__storage, sizeof bide__values, #f, bide__file, bide__line };      \
    }                                                                                                                  \
    struct bide__arguments_##f
#define BIDE__UNPACK(...) __VA_ARGS__

/* clang-format off: one macro for each number of parameters */
#define BIDE__ASYNC_1(f, T1)                                                                                           \
    BIDE__ASYNC_DEFINE(f, __typeof__(T1) bide__a1;, (__typeof__(T1) bide__a1), (bide__a1), (bide__a->bide__a1))
#define BIDE__ASYNC_2(f, T1, T2)                                                                                       \
    BIDE__ASYNC_DEFINE(f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2;                                            \
                       , (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2), (bide__a1, bide__a2),                     \
                       (bide__a->bide__a1, bide__a->bide__a2))
#define BIDE__ASYNC_3(f, T1, T2, T3)                                                                                   \
    BIDE__ASYNC_DEFINE(f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3;                   \
                       , (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3),                  \
                       (bide__a1, bide__a2, bide__a3), (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3))
#define BIDE__ASYNC_4(f, T1, T2, T3, T4)                                                                               \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        , (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4),        \
        (bide__a1, bide__a2, bide__a3, bide__a4),                                                                      \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4))
#define BIDE__ASYNC_5(f, T1, T2, T3, T4, T5)                                                                           \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5;                                                                                       \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5),                                                                                     \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5),                                                            \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5))
#define BIDE__ASYNC_6(f, T1, T2, T3, T4, T5, T6)                                                                       \
    BIDE__ASYNC_DEFINE(f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3;                   \
                       __typeof__(T4) bide__a4; __typeof__(T5) bide__a5; __typeof__(T6) bide__a6;                      \
                       ,                                                                                               \
                       (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3,                     \
                        __typeof__(T4) bide__a4, __typeof__(T5) bide__a5, __typeof__(T6) bide__a6),                    \
                       (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6),                                   \
                       (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5, \
                        bide__a->bide__a6))
#define BIDE__ASYNC_7(f, T1, T2, T3, T4, T5, T6, T7)                                                                   \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5; __typeof__(T6) bide__a6; __typeof__(T7) bide__a7;                                     \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5, __typeof__(T6) bide__a6, __typeof__(T7) bide__a7),                                   \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7),                                        \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5,                \
         bide__a->bide__a6, bide__a->bide__a7))
#define BIDE__ASYNC_8(f, T1, T2, T3, T4, T5, T6, T7, T8)                                                               \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5; __typeof__(T6) bide__a6; __typeof__(T7) bide__a7; __typeof__(T8) bide__a8;            \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5, __typeof__(T6) bide__a6, __typeof__(T7) bide__a7, __typeof__(T8) bide__a8),          \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7, bide__a8),                              \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5,                \
         bide__a->bide__a6, bide__a->bide__a7, bide__a->bide__a8))
#define BIDE__ASYNC_9(f, T1, T2, T3, T4, T5, T6, T7, T8, T9)                                                           \
    BIDE__ASYNC_DEFINE(f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3;                   \
                       __typeof__(T4) bide__a4; __typeof__(T5) bide__a5; __typeof__(T6) bide__a6;                      \
                       __typeof__(T7) bide__a7; __typeof__(T8) bide__a8; __typeof__(T9) bide__a9;                      \
                       ,                                                                                               \
                       (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3,                     \
                        __typeof__(T4) bide__a4, __typeof__(T5) bide__a5, __typeof__(T6) bide__a6,                     \
                        __typeof__(T7) bide__a7, __typeof__(T8) bide__a8, __typeof__(T9) bide__a9),                    \
                       (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7, bide__a8, bide__a9),     \
                       (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5, \
                        bide__a->bide__a6, bide__a->bide__a7, bide__a->bide__a8, bide__a->bide__a9))
#define BIDE__ASYNC_10(f, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10)                                                     \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5; __typeof__(T6) bide__a6; __typeof__(T7) bide__a7; __typeof__(T8) bide__a8;            \
        __typeof__(T9) bide__a9; __typeof__(T10) bide__a10;                                                            \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5, __typeof__(T6) bide__a6, __typeof__(T7) bide__a7, __typeof__(T8) bide__a8,           \
         __typeof__(T9) bide__a9, __typeof__(T10) bide__a10),                                                          \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7, bide__a8, bide__a9, bide__a10),         \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5,                \
         bide__a->bide__a6, bide__a->bide__a7, bide__a->bide__a8, bide__a->bide__a9, bide__a->bide__a10))
#define BIDE__ASYNC_11(f, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11)                                                \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5; __typeof__(T6) bide__a6; __typeof__(T7) bide__a7; __typeof__(T8) bide__a8;            \
        __typeof__(T9) bide__a9; __typeof__(T10) bide__a10; __typeof__(T11) bide__a11;                                 \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5, __typeof__(T6) bide__a6, __typeof__(T7) bide__a7, __typeof__(T8) bide__a8,           \
         __typeof__(T9) bide__a9, __typeof__(T10) bide__a10, __typeof__(T11) bide__a11),                               \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7, bide__a8, bide__a9, bide__a10,          \
         bide__a11),                                                                                                   \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5,                \
         bide__a->bide__a6, bide__a->bide__a7, bide__a->bide__a8, bide__a->bide__a9, bide__a->bide__a10,               \
         bide__a->bide__a11))
#define BIDE__ASYNC_12(f, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12)                                           \
    BIDE__ASYNC_DEFINE(                                                                                                \
        f, __typeof__(T1) bide__a1; __typeof__(T2) bide__a2; __typeof__(T3) bide__a3; __typeof__(T4) bide__a4;         \
        __typeof__(T5) bide__a5; __typeof__(T6) bide__a6; __typeof__(T7) bide__a7; __typeof__(T8) bide__a8;            \
        __typeof__(T9) bide__a9; __typeof__(T10) bide__a10; __typeof__(T11) bide__a11; __typeof__(T12) bide__a12;      \
        ,                                                                                                              \
        (__typeof__(T1) bide__a1, __typeof__(T2) bide__a2, __typeof__(T3) bide__a3, __typeof__(T4) bide__a4,           \
         __typeof__(T5) bide__a5, __typeof__(T6) bide__a6, __typeof__(T7) bide__a7, __typeof__(T8) bide__a8,           \
         __typeof__(T9) bide__a9, __typeof__(T10) bide__a10, __typeof__(T11) bide__a11, __typeof__(T12) bide__a12),    \
        (bide__a1, bide__a2, bide__a3, bide__a4, bide__a5, bide__a6, bide__a7, bide__a8, bide__a9, bide__a10,          \
         bide__a11, bide__a12),                                                                                        \
        (bide__a->bide__a1, bide__a->bide__a2, bide__a->bide__a3, bide__a->bide__a4, bide__a->bide__a5,                \
         bide__a->bide__a6, bide__a->bide__a7, bide__a->bide__a8, bide__a->bide__a9, bide__a->bide__a10,               \
         bide__a->bide__a11, bide__a->bide__a12))
/* clang-format on */

#endif
