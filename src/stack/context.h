/*
 * A context is a flow of control that is not running: the callee-saved registers lie on its stack, and the context
 * keeps the address where. Switching saves the running flow into one context and continues another.
 */
#ifndef BIDE_STACK_CONTEXT_H
#define BIDE_STACK_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "stack/sanitizer.h"

#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(BIDE__SWITCH_UCONTEXT)
#define BIDE__SWITCH_UCONTEXT 1
#endif

/*
 * One flow of control. It must stay at one address from make or adopt to release. `stack_pointer` is meaningful only
 * while the flow is parked: it then points at its saved registers (with ucontext: at the ucontext_t, also on its own
 * stack).
 */
struct bide__context {
    void *stack_pointer;
    unsigned valgrind_stack; /* number of the registration under Valgrind, else 0 */
    unsigned made;           /* 1 after bide__context_make(), 0 after bide__context_adopt() */
#if BIDE__ASAN
    void *low; /* the bounds AddressSanitizer must know before it sees frames there */
    size_t size;
    void *fake_stack; /* where it keeps the locals it watches for use after return */
    void (*entry)(void *argument);
    void *argument;
#endif
#if BIDE__TSAN
    void *fiber; /* its idea of this flow: clock and call trace */
#endif
};

/*
 * Prepares `context` so that the first switch to it calls entry(argument) on the stack [low, high). The caller keeps
 * the memory; `high` is rounded down to 16 bytes, and about 100 bytes below it (ucontext: about 1 KiB) are written
 * now. entry must never return: the processor traps if it does. Pair with bide__context_release(). Cannot fail.
 */
void bide__context_make(struct bide__context *context, void *low, void *high, void (*entry)(void *argument),
                        void *argument);

/*
 * Makes `context` stand for the calling thread's own flow, so that it can be switched away from and back to. Asks for
 * the thread's stack bounds only where a sanitizer needs them. Pair with bide__context_release() on the same thread.
 * Cannot fail.
 */
void bide__context_adopt(struct bide__context *context);

/*
 * Gives back what tools hold for a context (sanitizer fiber and fake stack, Valgrind registration); the stack memory
 * stays the caller's. A made context must not be running, an adopted one must be. The context may be made or adopted
 * again.
 */
void bide__context_release(struct bide__context *context);

/*
 * Whether this thread can switch stacks at all: 0, or -ENOTSUP with a sentence for the user in `reason` (`size`
 * bytes, always terminated when size > 0) when the thread runs with a hardware shadow stack, which a switch would
 * trip.
 */
int bide__context_supported(char *reason, size_t size);

/*
 * The routine of switch_*.S: saves the callee-saved registers, stores the stack pointer in *save_stack_pointer, loads
 * the other, restores, returns there.
 */
__attribute__((visibility("hidden"))) void bide__switch_stack(void **save_stack_pointer, void *load_stack_pointer);

/* The same around whatever the sanitizers of this build want to be told. */
__attribute__((visibility("hidden"))) void bide__context_switch_watched(struct bide__context *from,
                                                                        struct bide__context *to);

/*
 * Saves the running flow into *from and continues *to; returns when somebody switches back to `from`. The two must
 * differ, and `to` must be a parked (or fresh) context of the same thread. In plain builds a function that ends with
 * this call jumps into the assembly, so a resumed flow goes back to that function's caller by one matched return. The
 * signal mask is not switched; floating point modes only with BIDE_SAVE_FP_CONTROL.
 */
static inline void bide__context_switch(struct bide__context *from, struct bide__context *to)
{
#if BIDE__ASAN || BIDE__TSAN
    bide__context_switch_watched(from, to);
#else
    bide__switch_stack(&from->stack_pointer, to->stack_pointer);
#endif
}

/*
 * The same as bide__context_switch(from, to), for the loop that runs flows: it costs about a quarter when `to` parked
 * in a function that ends in bide__context_switch(). A loop that called the switch would put its own return address
 * between the calls and returns of the flows, and every return up their call chains would be predicted wrong; so here
 * the registers are saved in place and the switch is a jump both ways. Use it in one or two places: it is expanded in
 * line.
 */
static inline __attribute__((always_inline)) void bide__context_enter(struct bide__context *from,
                                                                      struct bide__context *to)
{
#if defined(__x86_64__) && !BIDE__ASAN && !BIDE__TSAN && !defined(BIDE__SWITCH_UCONTEXT) &&                            \
    !defined(BIDE_SAVE_FP_CONTROL)
    void **save = &from->stack_pointer;
    void *load = to->stack_pointer;

    /* The 128 bytes below the stack pointer may hold locals of the surrounding function. */
    __asm__ volatile(
        "leaq -128(%%rsp), %%rsp\n\t"
        "pushq %%rbp\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "movq %%rsp, (%[save])\n\t"
        "movq %[load], %%rsp\n\t"
        "popq %%rcx\n\t"
        "jmpq *%%rcx\n\t"
        "nop\n"
        "1:\n\t"
#if defined(__CET__) && (__CET__ & 1)
        "endbr64\n\t"
#endif
        "popq %%rbp\n\t"
        "leaq 128(%%rsp), %%rsp"
        : [save] "+D"(save), [load] "+S"(load)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
          "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"
#ifdef __AVX512F__
          ,
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
          "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#endif
    );
#else
    bide__context_switch(from, to);
#endif
}

#endif
