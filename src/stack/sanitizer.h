/*
 * Which checking tools this build or this process runs under.
 *
 * AddressSanitizer and ThreadSanitizer are known at compile time: every file of the library and of the program that
 * includes stack/context.h must be compiled with the same -fsanitize= options, because struct bide__context grows
 * fields under them. Valgrind is known only at run time; its client requests are a few rotate instructions that do
 * nothing on a real processor.
 */
#ifndef BIDE_STACK_SANITIZER_H
#define BIDE_STACK_SANITIZER_H

#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIDE__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define BIDE__TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(BIDE__ASAN)
#define BIDE__ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(BIDE__TSAN)
#define BIDE__TSAN 1
#endif
#ifndef BIDE__ASAN
#define BIDE__ASAN 0
#endif
#ifndef BIDE__TSAN
#define BIDE__TSAN 0
#endif

#if BIDE__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if BIDE__TSAN
#include <sanitizer/tsan_interface.h>
#endif

/*
 * Marks `size` bytes at `low` as usable for AddressSanitizer: a recycled stack may carry the red zones of frames that
 * never returned.
 */
static inline void bide__sanitizer_unpoison(void *low, size_t size)
{
#if BIDE__ASAN
    __asan_unpoison_memory_region(low, size);
#else
    (void)low;
    (void)size;
#endif
}

/*
 * Sends one request to Valgrind: the numbers and the instruction sequences are its published client protocol. Returns
 * `otherwise` when the process does not run under Valgrind (or runs on an architecture without the sequence here).
 */
static inline uintptr_t bide__valgrind_request(uintptr_t otherwise, uintptr_t request, uintptr_t first,
                                               uintptr_t second)
{
#if defined(__x86_64__)
    volatile uintptr_t arguments[6] = { request, first, second, 0, 0, 0 };
    uintptr_t result;

    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
                     : "=d"(result)
                     : "a"(&arguments[0]), "0"(otherwise)
                     : "cc", "memory");
    return result;
#elif defined(__aarch64__)
    volatile uintptr_t arguments[6] = { request, first, second, 0, 0, 0 };
    uintptr_t result;

    __asm__ volatile("mov x3, %1\n\tmov x4, %2\n\t"
                     "ror x12, x12, #3\n\tror x12, x12, #13\n\tror x12, x12, #51\n\tror x12, x12, #61\n\t"
                     "orr x10, x10, x10\n\tmov %0, x3"
                     : "=r"(result)
                     : "r"(otherwise), "r"(&arguments[0])
                     : "cc", "memory", "x3", "x4");
    return result;
#else
    (void)request;
    (void)first;
    (void)second;
    return otherwise;
#endif
}

/* How many Valgrinds this process runs under: 0 on the real processor. */
static inline unsigned bide__valgrind_running(void)
{
    return (unsigned)bide__valgrind_request(0, 0x1001, 0, 0);
}

/*
 * Tells Valgrind that [low, high) is a stack, so that a jump of the stack pointer into it is a switch and not a huge
 * frame. Returns its number for deregistering.
 */
static inline unsigned bide__valgrind_stack_register(void *low, void *high)
{
    return (unsigned)bide__valgrind_request(0, 0x1501, (uintptr_t)low, (uintptr_t)high);
}

/* Undoes bide__valgrind_stack_register(). */
static inline void bide__valgrind_stack_deregister(unsigned stack)
{
    bide__valgrind_request(0, 0x1502, stack, 0);
}

#endif
