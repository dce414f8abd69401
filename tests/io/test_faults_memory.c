/*
 * Memory that runs out: the n-th allocation of a session fails, for every n, and then that one and all after it. Each
 * time the session succeeds or says -ENOMEM, and every block is given back.
 *
 * malloc of this program stands before that of the C library; under a sanitizer or Valgrind, which have their own,
 * the tests are skipped.
 */
#include "support_io.h"

#include <stdatomic.h>
#include <stdio.h>

#include "support_session.h"

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

static atomic_long made, live;
static atomic_long failing; /* the number of the allocation that fails; 0: none */
static atomic_bool all_after;

#if HAVE_OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

#define VISIBLE __attribute__((visibility("default")))

static bool fails(void)
{
    long number = ++made, wanted = failing;

    if (!wanted || (number != wanted && !(all_after && number > wanted)))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    live += block != NULL;
    return block;
}

VISIBLE void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

VISIBLE void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

VISIBLE void *realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    void *moved = __libc_realloc(block, size);
    live += !block && moved;
    return moved;
}

VISIBLE void free(void *block)
{
    live -= block != NULL;
    __libc_free(block);
}
#endif

/* One session in which the allocation of that number fails. True: there was one. */
static bool session_without(long number, bool and_after)
{
    char message[512] = "";
    int descriptors = count_descriptors();
    long blocks = live;

    made = 0;
    all_after = and_after;
    failing = number;
    int err = run_session(message, sizeof message);
    failing = 0;
    long count = made;

    /*
     * without memory for the message too, the code alone is what comes out; a name server without memory is an error
     * of its own kind
     */
    bool expected = err == 0 || err == -ENOMEM || err == -EAGAIN || err == BIDE_ERESOLVE;
    bide_fail(-ENOMEM, "x"); /* replaces the message that this thread keeps */
    long left = live - blocks;
    bool borne_well = expected && *message && !left && count_descriptors() == descriptors;
    if (!borne_well) {
        printf("# allocation %ld%s: the session gave %d \"%s\", %ld blocks and %d descriptors are left\n", number,
               and_after ? " and all after it" : "", err, message, left, count_descriptors() - descriptors);
        check(borne_well);
    }
    return count >= number;
}

static int every_allocation_fails(bool and_after)
{
    char message[512];
    long number = 1;

    if (!HAVE_OWN_MALLOC || under_valgrind())
        skip("malloc belongs to another tool here");
    bide_fail(-ENOMEM, "x");
    for (int i = 0; i < 3; i++) /* what the C library makes once is there now */
        check_eq(run_session(message, sizeof message), 0);
    bide_fail(-ENOMEM, "x");
    catch_stderr(); /* "io_uring cannot be used" and the like */
    while (session_without(number, and_after))
        number++;
    static char text[65536];
    release_stderr(text, sizeof text);
    printf("# %ld allocations\n", number - 1);
    check(number > 10);
    return 0;
}

unit_test(each_allocation_fails_in_turn)
{
    return every_allocation_fails(false);
}

unit_test(memory_runs_out_for_good)
{
    return every_allocation_fails(true);
}
