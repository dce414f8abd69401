/*
 * Memory that runs out: what needs some says -ENOMEM and changes nothing; what must not need any does not.
 *
 * malloc and calloc of this program stand before those of the C library; under a sanitizer or Valgrind, which have
 * their own, the tests are skipped.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "../task/notes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HAVE_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAVE_OWN_MALLOC 0
#endif
#endif
#ifndef HAVE_OWN_MALLOC
#define HAVE_OWN_MALLOC 1
#endif

static bool memory_is_out;

#if HAVE_OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return memory_is_out ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
    return memory_is_out ? NULL : __libc_calloc(count, size);
}
#endif

static void needs_own_malloc(void)
{
    if (!HAVE_OWN_MALLOC || getenv("BIDE_VALGRIND"))
        skip("another malloc is in charge here");
}

/* Evaluates an expression without memory. */
#define without_memory(expression)                                                                                     \
    __extension__({                                                                                                    \
        memory_is_out = true;                                                                                          \
        int outcome = (expression);                                                                                    \
        memory_is_out = false;                                                                                         \
        outcome;                                                                                                       \
    })

bide_test(a_queue_that_cannot_grow_keeps_what_it_has)
{
    bide_queue_of(int) queue = { 0 };
    int count = 0, item;

    needs_own_malloc();
    check_error(without_memory(bide_queue_put(&queue, 1)), ENOMEM);
    check(bide_queue_empty(&queue));
    check_eq(bide_queue_put(&queue, count++), 0);
    while (without_memory(bide_queue_put_nowait(&queue, count)) == 0)
        count++;
    check(count > 1);
    check_eq(bide_queue_size(&queue), count);
    check_eq(bide_queue_get_statistics(&queue).unfinished, count);
    check_eq(bide_queue_put(&queue, count++), 0);
    for (int i = 0; i < count; i++) {
        check_eq(bide_queue_get(&queue, &item), 0);
        check_eq(item, i);
    }
    bide_queue_finish(&queue);
    return 0;
}

static int borrow(bide_capacity_limiter *limiter)
{
    int err;

    bide_with (limiter, err)
        turns(2);
    return err;
}
bide_async(borrow, bide_capacity_limiter *);

bide_test(a_limiter_that_cannot_note_a_borrower_gives_no_token)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1);

    needs_own_malloc();
    check_error(without_memory(bide_capacity_limiter_acquire(&limiter)), ENOMEM);
    check_error(without_memory(bide_capacity_limiter_acquire_nowait(&limiter)), ENOMEM);
    check_eq(limiter.borrowed, 0);
    check_eq(bide_capacity_limiter_acquire_nowait(&limiter), 0);
    check_eq(bide_capacity_limiter_release(&limiter), 0);
    return 0;
}

bide_test(a_hand_over_needs_no_memory)
{
    bide_capacity_limiter limiter = BIDE_CAPACITY_LIMITER(1);
    bide_queue_of(int) queue = { 0 };
    int err, item;

    needs_own_malloc();
    check_eq(bide_capacity_limiter_acquire(&limiter), 0);
    bide_task_group (tg, err) {
        for (int i = 0; i < 100; i++)
            bide_start(tg, bide_co(borrow, &limiter));
        turns(1);
        check_eq(bide_capacity_limiter_get_statistics(&limiter).waiting, 100);
        memory_is_out = true;
        check_eq(bide_capacity_limiter_release(&limiter), 0);
        turns(300);
        check_eq(limiter.borrowed, 0);
        memory_is_out = false;
    }
    check_eq(err, 0);
    check(limiter.borrowers == NULL);
    check_error(without_memory(bide_queue_get_nowait(&queue, &item)), EAGAIN);
    return 0;
}
