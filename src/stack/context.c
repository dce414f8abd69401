/*
 * Contexts: making, adopting, releasing and, where a sanitizer watches, switching.
 *
 * The plain switch is the assembly in switch_*.S and costs a few nanoseconds; this file is what surrounds it. Making
 * a context writes one frame at the top of the new stack, so that the first switch "returns" into a small start
 * routine which calls the entry function. What must never happen: a switch to a flow that is running, a switch across
 * threads, or a return from an entry function.
 */
#define _GNU_SOURCE 1
#include "stack/context.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef BIDE__SWITCH_UCONTEXT
#include <ucontext.h>
#endif

#ifdef BIDE__SWITCH_UCONTEXT

/* makecontext() passes ints only, so the two pointers travel in halves. */
static void start_from_halves(unsigned entry_high, unsigned entry_low, unsigned argument_high, unsigned argument_low)
{
    union {
        uintptr_t number;
        void (*entry)(void *argument);
    } entry;
    uintptr_t argument = (uintptr_t)((uint64_t)argument_high << 32 | argument_low);

    entry.number = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
    entry.entry((void *)argument);
    __builtin_trap();
}

/*
 * The saved state lives on the stack it belongs to: the ucontext_t of a fresh flow at the top, of a parked one in its
 * frame below.
 */
static void *make_frame(void *low, void *high, void (*entry)(void *argument), void *argument)
{
    uintptr_t top = ((uintptr_t)high - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *state = (ucontext_t *)top;
    uint64_t entry_bits = (uintptr_t)entry;
    uint64_t argument_bits = (uintptr_t)argument;

    getcontext(state);
    state->uc_stack.ss_sp = low;
    state->uc_stack.ss_size = (size_t)(top - (uintptr_t)low);
    state->uc_link = NULL;
    makecontext(state, (void (*)(void))start_from_halves, 4, (unsigned)(entry_bits >> 32), (unsigned)entry_bits,
                (unsigned)(argument_bits >> 32), (unsigned)argument_bits);
    return state;
}

void bide__switch_stack(void **save_stack_pointer, void *load_stack_pointer)
{
    ucontext_t here;

    *save_stack_pointer = &here;
    swapcontext(&here, load_stack_pointer);
}

#else

/* The start routine of switch_*.S: not callable from C, only its address is used. */
__attribute__((visibility("hidden"))) extern const char bide__context_start[];

#if defined(__x86_64__)

__attribute__((visibility("hidden"))) extern const char bide__switch_parked[];

/*
 * Frame as switch_x86_64.S restores it. The new flow starts with the floating point modes of its maker, as a thread
 * does.
 */
static void *make_frame(void *low, void *high, void (*entry)(void *argument), void *argument)
{
    uintptr_t *frame = (uintptr_t *)((uintptr_t)high & ~(uintptr_t)15);

    (void)low;
    *--frame = (uintptr_t)bide__context_start;
    *--frame = 0;                   /* rbp: the end for those who follow frame pointers */
    *--frame = 0;                   /* rbx */
    *--frame = (uintptr_t)entry;    /* r12 */
    *--frame = (uintptr_t)argument; /* r13 */
    *--frame = 0;                   /* r14 */
    *--frame = 0;                   /* r15 */
#ifdef BIDE_SAVE_FP_CONTROL
    uint32_t *control = (uint32_t *)--frame;

    *frame = 0;
    __asm__ volatile("stmxcsr %0" : "=m"(control[0]));
    __asm__ volatile("fnstcw %0" : "=m"(*(uint16_t *)&control[1]));
#endif
    *--frame = (uintptr_t)bide__switch_parked;
    return frame;
}

#elif defined(__aarch64__)

/* Frame as switch_aarch64.S restores it: x29 x30, x19..x28, d8..d15 [, fpcr]. */
static void *make_frame(void *low, void *high, void (*entry)(void *argument), void *argument)
{
#ifdef BIDE_SAVE_FP_CONTROL
    size_t words = 22;
#else
    size_t words = 20;
#endif
    uint64_t *frame = (uint64_t *)((uintptr_t)high & ~(uintptr_t)15) - words;

    (void)low;
    memset(frame, 0, words * sizeof *frame);
    frame[1] = (uintptr_t)bide__context_start; /* x30; x29 stays 0: the end for those who follow frame pointers */
    frame[2] = (uintptr_t)entry;               /* x19 */
    frame[3] = (uintptr_t)argument;            /* x20 */
#ifdef BIDE_SAVE_FP_CONTROL
    __asm__ volatile("mrs %0, fpcr" : "=r"(frame[20]));
#endif
    return frame;
}

#endif
#endif

#if BIDE__ASAN
/* First code of a made flow: completes the switch that brought us here, which the other side only began. */
static void start_watched(void *argument)
{
    struct bide__context *context = argument;

    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    context->entry(context->argument);
    __builtin_trap();
}
#endif

void bide__context_make(struct bide__context *context, void *low, void *high, void (*entry)(void *argument),
                        void *argument)
{
    bide__sanitizer_unpoison(low, (size_t)((char *)high - (char *)low));
    memset(context, 0, sizeof *context);
    context->made = 1;
    context->valgrind_stack = bide__valgrind_stack_register(low, high);
#if BIDE__ASAN
    context->low = low;
    context->size = (size_t)((char *)high - (char *)low);
    context->entry = entry;
    context->argument = argument;
    entry = start_watched;
    argument = context;
#endif
#if BIDE__TSAN
    context->fiber = __tsan_create_fiber(0);
#endif
    context->stack_pointer = make_frame(low, high, entry, argument);
}

void bide__context_adopt(struct bide__context *context)
{
    memset(context, 0, sizeof *context);
#if BIDE__ASAN
    pthread_attr_t attributes;

    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &context->low, &context->size);
        pthread_attr_destroy(&attributes);
    }
#endif
#if BIDE__TSAN
    context->fiber = __tsan_get_current_fiber();
#endif
}

#if BIDE__ASAN
/*
 * A fake stack is freed only by a flow that says it leaves for good. A parked flow cannot say it, so this pretends to
 * switch there, to leave for good, and to come back, without moving the stack pointer. Nothing instrumented may run
 * in between.
 */
__attribute__((no_sanitize("address"))) static void release_fake_stack(struct bide__context *context)
{
    void *mine = NULL;
    const void *my_low = NULL;
    size_t my_size = 0;

    __sanitizer_start_switch_fiber(&mine, context->low, context->size);
    __sanitizer_finish_switch_fiber(context->fake_stack, &my_low, &my_size);
    __sanitizer_start_switch_fiber(NULL, my_low, my_size);
    __sanitizer_finish_switch_fiber(mine, NULL, NULL);
    context->fake_stack = NULL;
}
#endif

void bide__context_release(struct bide__context *context)
{
    if (!context->made)
        return;
    context->made = 0;
    if (context->valgrind_stack)
        bide__valgrind_stack_deregister(context->valgrind_stack);
    context->valgrind_stack = 0;
#if BIDE__ASAN
    if (context->fake_stack)
        release_fake_stack(context);
    bide__sanitizer_unpoison(context->low, context->size);
#endif
#if BIDE__TSAN
    __tsan_destroy_fiber(context->fiber);
    context->fiber = NULL;
#endif
}

#if BIDE__ASAN || BIDE__TSAN
void bide__context_switch_watched(struct bide__context *from, struct bide__context *to)
{
#if BIDE__TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
#if BIDE__ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
#endif
    bide__switch_stack(&from->stack_pointer, to->stack_pointer);
#if BIDE__ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}
#endif

int bide__context_supported(char *reason, size_t size)
{
    unsigned long status = 0;
    int known = 0;

#if defined(__x86_64__) && defined(SYS_arch_prctl)
    known = syscall(SYS_arch_prctl, 0x5005 /* ARCH_SHSTK_STATUS */, &status) == 0;
#elif defined(__aarch64__)
    known = prctl(74 /* PR_GET_SHADOW_STACK_STATUS */, &status, 0UL, 0UL, 0UL) == 0;
#endif
    if (!known || !(status & 1))
        return 0;
    if (size > 0)
        snprintf(reason, size, "%s",
                 "this thread runs with a hardware shadow stack, which forbids switching stacks; "
                 "start the program with it off (GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)");
    return -ENOTSUP;
}
