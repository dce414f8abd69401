/*
 * malloc and its kin.
 *
 * A test program's own malloc is this one: defined in the program, it is also the one that the C library and all
 * others call. It makes the allocation fail whose turn it is (bide_test_faults), notes blocks while a test runs, and
 * otherwise hands on to the C library's allocator, or to the sanitizer's when there is one: then the sanitizer
 * watches, and only faults are added. Valgrind replaces these functions by its own: then it watches, and no
 * allocation can be made to fail.
 */
#include "test/memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/blocks.h"
#include "test/fault.h"
#include "test/report.h"

#define PUBLIC __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);
extern void *__interceptor_malloc(size_t size) __attribute__((weak));
extern void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *block, size_t size) __attribute__((weak));
extern void *__interceptor_memalign(size_t alignment, size_t size) __attribute__((weak));
extern void __interceptor_free(void *block) __attribute__((weak));
extern size_t __interceptor_malloc_usable_size(void *block) __attribute__((weak));

#define REAL(name) (__interceptor_##name ? __interceptor_##name : __libc_##name)

void bide__really_free(void *block)
{
    REAL(free)(block);
}

/* Is this allocation the one to fail? What a sanitizer needs for its own work, by way of the C library, must not. */
static bool fails(const void *caller)
{
    Dl_info info;

    if (__builtin_expect(!bide__fault_is_armed(BIDE__FAULT_MEMORY), 1))
        return false;
    if (bide__sanitized() && dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "/lib"))
        return false;
    if (!bide__fault_now(BIDE__FAULT_MEMORY))
        return false;
    errno = ENOMEM;
    return true;
}

static void *allocate(size_t size, const void *caller)
{
    if (!bide__blocks_watching() || size > PTRDIFF_MAX - BIDE__BLOCK_TAIL)
        return REAL(malloc)(size);
    void *block = REAL(malloc)(size + BIDE__BLOCK_TAIL);
    if (block)
        bide__blocks_add(block, size, true, caller);
    return block;
}

PUBLIC void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : allocate(size, __builtin_return_address(0));
}

PUBLIC void *calloc(size_t count, size_t size)
{
    size_t bytes;

    if (fails(__builtin_return_address(0)))
        return NULL;
    if (!bide__blocks_watching() || __builtin_mul_overflow(count, size, &bytes) ||
        bytes > PTRDIFF_MAX - BIDE__BLOCK_TAIL)
        return REAL(calloc)(count, size);
    void *block = REAL(calloc)(1, bytes + BIDE__BLOCK_TAIL);
    if (block)
        bide__blocks_add(block, bytes, false, __builtin_return_address(0));
    return block;
}

static void *aligned(size_t alignment, size_t size, const void *caller)
{
    if (!bide__blocks_watching() || size > PTRDIFF_MAX - BIDE__BLOCK_TAIL)
        return REAL(memalign)(alignment, size);
    void *block = REAL(memalign)(alignment, size + BIDE__BLOCK_TAIL);
    if (block)
        bide__blocks_add(block, size, true, caller);
    return block;
}

PUBLIC void *memalign(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : aligned(alignment, size, __builtin_return_address(0));
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : aligned(alignment, size, __builtin_return_address(0));
}

PUBLIC int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)))
        return EINVAL;
    void *block = fails(__builtin_return_address(0)) ? NULL : aligned(alignment, size, __builtin_return_address(0));
    if (!block)
        return ENOMEM;
    *ret_block = block;
    return 0;
}

PUBLIC void free(void *block)
{
    int saved = errno;

    if (block && !bide__blocks_free(block))
        REAL(free)(block);
    errno = saved;
}

PUBLIC void *realloc(void *block, size_t size)
{
    size_t before;

    if (block && size == 0) {
        free(block);
        return NULL;
    }
    if (fails(__builtin_return_address(0)))
        return NULL;
    if (!block)
        return allocate(size, __builtin_return_address(0));
    if (!bide__blocks_find(block, &before))
        return REAL(realloc)(block, size);
    void *moved = allocate(size, __builtin_return_address(0)); /* moved always, so that stale pointers show */
    if (moved) {
        memcpy(moved, block, before < size ? before : size);
        free(block);
    }
    return moved;
}

PUBLIC size_t malloc_usable_size(void *block)
{
    size_t size;

    if (!block)
        return 0;
    if (bide__blocks_find(block, &size))
        return size;
    if (__interceptor_malloc_usable_size)
        return __interceptor_malloc_usable_size(block);
    /* a block of the C library's allocator: the chunk's size stands before it, with flags in its lowest bits */
    return (((const size_t *)block)[-1] & ~(size_t)7) - sizeof(size_t);
}

void *bide_test_ignore_leak(void *block)
{
    bide__blocks_ignore(block);
    return block;
}
