/*
 * bide/generator.h - iteration that may wait: `async for`, and generators that yield values to it
 *
 *     typedef bide_generator(int) numbers;                 a generator of ints
 *
 *     static int count(numbers *to, int limit)             its body: an ordinary coroutine
 *     {
 *         for (int i = 0; i < limit; i++) {
 *             bide(bide_sleep(0.1));
 *             bide(bide_yield(to, i));
 *         }
 *         return 0;
 *     }
 *     bide_async(count, numbers *, int);
 *
 *     numbers n = { 0 };
 *     bide_generate(i, &n, bide_co(count, &n, 10), err) {
 *         if (i == 5)
 *             break;                                       the generator is cancelled and waited for
 *         printf("%d\n", i);
 *     }
 */
#ifndef BIDE_GENERATOR_H
#define BIDE_GENERATOR_H

#pragma GCC system_header /* the macros use GNU extensions that -Wpedantic would report at the user's line */

#include <stdbool.h>
#include <stddef.h>

#include <bide/coro.h>
#include <bide/export.h>
#include <bide/scope.h>
#include <bide/task.h>

/*
 * bide_for(declaration, next, err) { ... } - `async for`: runs the block for each value of anything that has a `next`.
 *
 *     bide_for(char *line, read_line(stream, &line), err) puts(line);
 *
 * declaration: of the variable, as in a for loop. next: an expression that fills it in and returns 1 (or more) for a
 * value, 0 at the end, a negative error; evaluated before each turn, it may wait. err: an int variable: 0 when the
 * end was reached or the block was left by break, else the error. There is nothing to clean up behind it.
 */
#define bide_for(declaration, next, err) for (declaration; bide__for_next((next), &(err));)

static inline bool bide__for_next(long long result, int *ret_error)
{
    *ret_error = result < 0 ? (int)result : 0;
    return result > 0;
}

/*
 * Somebody who wants to know when a task ends; part of the one who waits. Taken out of the task's list when it is
 * told.
 */
struct bide__observer {
    struct bide__observer *next, *previous;
    struct bide_task *task;
    void (*ended)(struct bide__observer *observer); /* the handle has its result; runs no user code */
};

/* What all generators have. Its fields are bide's own. */
struct bide__generator {
    struct bide_group *group;      /* of the block that runs it; NULL: none does */
    struct bide__waiter *consumer; /* waits for a value */
    struct bide__waiter *producer; /* waits for the consumer to ask (again) */
    void *destination;             /* of the next value, while there is a consumer */
    struct bide__observer observer;
    bool ended;
};

/*
 * bide_generator(T) - the type of a generator of values of type T (any type that can be assigned). Give it a name by
 * typedef. Zeroed: ready for use, nothing to destroy; it can be used again when its block has ended.
 */
#define bide_generator(T)                                                                                              \
    struct {                                                                                                           \
        struct bide__generator base;                                                                                   \
        T *type; /* never used */                                                                                      \
    }

/*
 * bide_generate(variable, generator, coroutine, err) { ... } - runs a generator's body as a task of this block, and
 * the block once for each value it yields.
 *
 * variable: declared here, of the generator's type. generator: its address, evaluated several times; the coroutine
 * gets it as one of its arguments. The body runs only while the block waits for the next value. break, return, goto,
 * and an error of bide() in the block: the body is cancelled and waited for before they go on. err: 0 at the end; the
 * body's error (with its trace); -ECANCELED if an enclosing scope was cancelled; what the block itself has left in
 * it. Follows async generators (PEP 525), but nothing is left to be closed later.
 */
#define bide_generate(variable, generator, coroutine, err)                                                             \
    BIDE__GENERATE(variable, generator, coroutine, err, __COUNTER__)
#define BIDE__GENERATE(variable, generator, coroutine, err, number)                                                    \
    BIDE__GENERATE_(variable, generator, coroutine, err, number)
#define BIDE__GENERATE_(variable, generator, coroutine, err, number)                                                   \
    for (bide_group bide__group_##number __attribute__((cleanup(                                                       \
             bide__group_cleanup))) = { .scope = { .lexical = bide__enclosing, .file = __FILE__, .line = __LINE__ } }, \
   *bide__once_##number = bide__group_enter(&bide__group_##number, &(err));                                            \
         bide__once_##number; bide__once_##number = NULL)                                                              \
        for (bide_scope *const bide__enclosing = &bide__group_##number.scope, *bide__inner_##number = bide__enclosing; \
             bide__inner_##number; bide__inner_##number = (bide__generator_leave(&(generator)->base),                  \
                                                           bide__group_##number.scope.ended = true, NULL))             \
            for (bool bide__begin_##number =                                                                           \
                     bide__generator_begin(&(generator)->base, &bide__group_##number, coroutine);                      \
                 bide__begin_##number; bide__begin_##number = false)                                                   \
                for (__typeof__(*(generator)->type) variable;                                                          \
                     bide__generator_advance(&(generator)->base, &variable, &(err));)

/*
 * bide_yield - in a generator's body: gives a value to the block, and waits until it asks for the next one. 0;
 * -ECANCELED: the block was left or cancelled, and has not got this value (R1). One that was given is never taken
 * back: if the block is left then, bide_yield returns 0, and the next call that may wait says so (R2). -EINVAL: no
 * block runs this generator; -EBUSY: another task is at it. Inside of a bide_shield it may hold up a block that is
 * left by return until the grace is over.
 */
#define bide_yield(generator, item)                                                                                    \
    __extension__({                                                                                                    \
        const __typeof__(*(generator)->type) bide__item = (item);                                                      \
        bide__generator_yield(&(generator)->base, &bide__item, sizeof bide__item);                                     \
    })

/*
 * bide_next - inside of the block, takes the next value by hand into *ret_value: 1; 0: there is none any more;
 * -ECANCELED: nothing was taken (R1); -EINVAL, -EBUSY as for bide_yield.
 */
#define bide_next(generator, ret_value) bide__generator_next(&(generator)->base, 1 ? (ret_value) : (generator)->type)

BIDE_EXPORT bool bide__generator_begin(struct bide__generator *generator, bide_group *group, bide_coroutine coroutine);
BIDE_EXPORT bool bide__generator_advance(struct bide__generator *generator, void *ret_value, int *ret_error);
BIDE_EXPORT void bide__generator_leave(struct bide__generator *generator);
BIDE_EXPORT int bide__generator_next(struct bide__generator *generator, void *ret_value);
BIDE_EXPORT int bide__generator_yield(struct bide__generator *generator, const void *value, size_t size);

#endif
