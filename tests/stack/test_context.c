/*
 * Contexts: what a switch carries over, what it must not touch, and that debuggers and unwinders find the end.
 */
#define _GNU_SOURCE 1
#include "check.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stack/context.h"

enum { STACK = 64 * 1024 };

/* A context with a stack of its own, and the one that runs it. */
struct flow {
    struct bide__context context;
    struct bide__context *caller;
    char *stack;
    size_t size;
    long turns;
    void *extra;
};

static void flow_open(struct flow *flow, size_t size, struct bide__context *caller, void (*entry)(void *argument))
{
    memset(flow, 0, sizeof *flow);
    flow->size = size;
    flow->stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(flow->stack != MAP_FAILED);
    flow->caller = caller;
    bide__context_make(&flow->context, flow->stack, flow->stack + size, entry, flow);
}

static void flow_close(struct flow *flow)
{
    bide__context_release(&flow->context);
    munmap(flow->stack, flow->size);
}

/* The shape of every waiting function: it ends in a switch. */
__attribute__((noinline)) static void park(struct flow *flow)
{
    bide__context_switch(&flow->context, flow->caller);
}

static void count_turns(void *argument)
{
    struct flow *flow = argument;

    for (;;) {
        flow->turns++;
        park(flow);
    }
}

/* How many contexts a test may make: ThreadSanitizer allows about 8,000 flows, and Valgrind is slow. */
static size_t scaled(size_t count)
{
    size_t most = BIDE__TSAN ? 2000 : bide__valgrind_running() ? 5000 : count;

    return count < most ? count : most;
}

unit_test(stacks_can_be_switched_here)
{
    char reason[100] = "untouched";

    check_eq(bide__context_supported(reason, sizeof reason), 0);
    check_str(reason, "untouched");
    check_eq(bide__context_supported(NULL, 0), 0);
    return 0;
}

unit_test(entry_gets_its_argument_and_runs_only_when_switched_to)
{
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, count_turns);
    check_eq(flow.turns, 0);
    for (long turn = 1; turn <= 1000; turn++) {
        bide__context_switch(&here, &flow.context);
        check_eq(flow.turns, turn);
    }
    flow_close(&flow);
    bide__context_release(&here);
    return 0;
}

#if defined(__x86_64__)
enum { PROBED = 6 };
/* probe(function, argument, in, out): loads the callee-saved registers from in, calls, and stores them to out. */
__asm__(".text\n.type probe, @function\nprobe:\n\t.cfi_startproc\n"
        "\tpush %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rcx\n"
        "\t.cfi_def_cfa_offset 64\n"
        "\tmov %rdi, %rax\n\tmov %rsi, %rdi\n"
        "\tmov (%rdx), %rbx\n\tmov 8(%rdx), %rbp\n\tmov 16(%rdx), %r12\n\tmov 24(%rdx), %r13\n\tmov 32(%rdx), %r14\n"
        "\tmov 40(%rdx), %r15\n\tcall *%rax\n\tpop %rcx\n\t.cfi_def_cfa_offset 56\n"
        "\tmov %rbx, (%rcx)\n\tmov %rbp, 8(%rcx)\n\tmov %r12, 16(%rcx)\n\tmov %r13, 24(%rcx)\n\tmov %r14, 32(%rcx)\n"
        "\tmov %r15, 40(%rcx)\n"
        "\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t.cfi_def_cfa_offset 8\n\tret\n"
        "\t.cfi_endproc\n\t.size probe, . - probe\n");
#elif defined(__aarch64__)
enum { PROBED = 18 }; /* x19..x28 and d8..d15 */
__asm__(
    ".text\n.type probe, %function\nprobe:\n"
    "\tstp x29, x30, [sp, #-176]!\n\tstp x19, x20, [sp, #16]\n\tstp x21, x22, [sp, #32]\n\tstp x23, x24, [sp, #48]\n"
    "\tstp x25, x26, [sp, #64]\n\tstp x27, x28, [sp, #80]\n\tstp d8, d9, [sp, #96]\n\tstp d10, d11, [sp, #112]\n"
    "\tstp d12, d13, [sp, #128]\n\tstp d14, d15, [sp, #144]\n\tstr x3, [sp, #160]\n"
    "\tmov x9, x0\n\tmov x0, x1\n"
    "\tldp x19, x20, [x2]\n\tldp x21, x22, [x2, #16]\n\tldp x23, x24, [x2, #32]\n\tldp x25, x26, [x2, #48]\n"
    "\tldp x27, x28, [x2, #64]\n\tldp d8, d9, [x2, #80]\n\tldp d10, d11, [x2, #96]\n\tldp d12, d13, [x2, #112]\n"
    "\tldp d14, d15, [x2, #128]\n\tblr x9\n\tldr x3, [sp, #160]\n"
    "\tstp x19, x20, [x3]\n\tstp x21, x22, [x3, #16]\n\tstp x23, x24, [x3, #32]\n\tstp x25, x26, [x3, #48]\n"
    "\tstp x27, x28, [x3, #64]\n\tstp d8, d9, [x3, #80]\n\tstp d10, d11, [x3, #96]\n\tstp d12, d13, [x3, #112]\n"
    "\tstp d14, d15, [x3, #128]\n"
    "\tldp x19, x20, [sp, #16]\n\tldp x21, x22, [sp, #32]\n\tldp x23, x24, [sp, #48]\n\tldp x25, x26, [sp, #64]\n"
    "\tldp x27, x28, [sp, #80]\n\tldp d8, d9, [sp, #96]\n\tldp d10, d11, [sp, #112]\n\tldp d12, d13, [sp, #128]\n"
    "\tldp d14, d15, [sp, #144]\n\tldp x29, x30, [sp], #176\n\tret\n\t.size probe, . - probe\n");
#endif

#if defined(__x86_64__) || defined(__aarch64__)
extern void probe(void (*function)(void *argument), void *argument, const uint64_t *in, uint64_t *out);

static void park_as_callback(void *argument)
{
    park(argument);
}

static void resume_as_callback(void *argument)
{
    struct flow *flow = argument;

    bide__context_switch(flow->caller, &flow->context);
}

static void enter_as_callback(void *argument)
{
    struct flow *flow = argument;

    bide__context_enter(flow->caller, &flow->context);
}

/*
 * Switches away `turns` times with registers full of numbers made from `seed`; returns how often one came back
 * different.
 */
static long probe_registers(void (*away)(void *argument), struct flow *flow, uint64_t seed, long turns)
{
    uint64_t in[PROBED], out[PROBED];
    long wrong = 0;

    for (long turn = 0; turn < turns; turn++) {
        for (int i = 0; i < PROBED; i++)
            in[i] = (seed += 0x9e3779b97f4a7c15u);
        memset(out, 0, sizeof out);
        probe(away, flow, in, out);
        wrong += memcmp(in, out, sizeof in) != 0;
    }
    return wrong;
}

static void probe_for_ever(void *argument)
{
    struct flow *flow = argument;

    for (uint64_t seed = 7;; seed++)
        flow->turns += probe_registers(park_as_callback, flow, seed, 1);
}

unit_test(callee_saved_registers_survive_on_both_sides)
{
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, probe_for_ever);
    check_eq(probe_registers(resume_as_callback, &flow, 1234567, 2000), 0);
    check_eq(probe_registers(enter_as_callback, &flow, 7654321, 2000), 0); /* both kinds mix */
    check_eq(probe_registers(resume_as_callback, &flow, 42, 10), 0);
    check_eq(flow.turns, 0);
    flow_close(&flow);
    return 0;
}
#endif

/* Many live values, integer and floating, around an entering in line: all that the compiler keeps must come back. */
__attribute__((noinline)) static double enter_with_live_values(struct flow *flow, long a, long b, long c, double x,
                                                               double y)
{
    long products[4] = { a * b, b * c, a * c, a + b + c };
    double sums[3] = { x + y, x * y, x - y };

    bide__context_enter(flow->caller, &flow->context);
    for (int i = 0; i < 4; i++)
        sums[i % 3] += (double)products[i] * x;
    return sums[0] + sums[1] * y + sums[2] + (double)(a + b * c);
}

static void enter_other(void *argument)
{
    struct flow *flow = argument;
    double noise[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    for (;;) {
        for (int i = 0; i < 8; i++)
            noise[i] = noise[(i + 3) % 8] * 1.5 + (double)flow->turns;
        flow->turns += noise[0] > 0;
        park(flow);
    }
}

unit_test(entering_in_line_keeps_live_values)
{
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, enter_other);
    for (long i = 1; i <= 1000; i++) {
        double x = (double)i / 4, expected = (x + 2) + (double)(i * 3) * x + (double)(i + 3 + 5) * x;

        expected += ((x * 2) + 15 * x) * 2 + (x - 2) + (double)(i * 5) * x + (double)(i + 15);
        check_near(enter_with_live_values(&flow, i, 3, 5, x, 2), expected, 1e-6);
        check_eq(flow.turns, i);
    }
    flow_close(&flow);
    return 0;
}

static void sum_doubles(void *argument)
{
    struct flow *flow = argument;
    double sum = 0, step = 0.5;

    for (;;) {
        double *ret_sum = flow->extra;

        sum += step;
        step += 0.25;
        *ret_sum = sum;
        park(flow);
    }
}

unit_test(floating_point_values_survive)
{
    struct bide__context here;
    struct flow first, second;
    double first_sum = 0, second_sum = 0, expected = 0, step = 0.5;

    bide__context_adopt(&here);
    flow_open(&first, STACK, &here, sum_doubles);
    flow_open(&second, STACK, &here, sum_doubles);
    first.extra = &first_sum;
    second.extra = &second_sum;
    for (int turn = 0; turn < 100; turn++) {
        bide__context_switch(&here, &first.context);
        bide__context_switch(&here, &second.context);
        expected += step;
        step += 0.25;
        check_eq(first_sum, expected);
        check_eq(second_sum, expected);
    }
    flow_close(&first);
    flow_close(&second);
    return 0;
}

#if (defined(BIDE_SAVE_FP_CONTROL) || defined(BIDE__SWITCH_UCONTEXT)) && (defined(__x86_64__) || defined(__aarch64__))
/* Rounding modes by hand: the functions of <fenv.h> would need the mathematical library. */
enum rounding { DOWNWARD, UPWARD };

#if defined(__x86_64__)
static void set_rounding(enum rounding rounding)
{
    uint32_t control = rounding == UPWARD ? 0x5f80 : 0x3f80;

    __asm__ volatile("ldmxcsr %0" : : "m"(control));
}

static enum rounding get_rounding(void)
{
    uint32_t control;

    __asm__ volatile("stmxcsr %0" : "=m"(control));
    return (control >> 13 & 3) == 2 ? UPWARD : DOWNWARD;
}
#else
static void set_rounding(enum rounding rounding)
{
    uint64_t control = rounding == UPWARD ? 1 << 22 : 2 << 22;

    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

static enum rounding get_rounding(void)
{
    uint64_t control;

    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return (control >> 22 & 3) == 1 ? UPWARD : DOWNWARD;
}
#endif

static void round_up_for_ever(void *argument)
{
    struct flow *flow = argument;

    flow->extra = get_rounding() == DOWNWARD ? flow : NULL; /* the mode of the maker, to begin with */
    set_rounding(UPWARD);
    for (;;) {
        flow->turns += get_rounding() == UPWARD;
        park(flow);
    }
}

unit_test(rounding_modes_belong_to_flows_when_asked_for)
{
    struct bide__context here;
    struct flow flow;

    if (bide__valgrind_running())
        skip("Valgrind does not keep rounding modes");
    bide__context_adopt(&here);
    set_rounding(DOWNWARD);
    flow_open(&flow, STACK, &here, round_up_for_ever);
    for (long turn = 1; turn <= 10; turn++) {
        bide__context_switch(&here, &flow.context);
        check_eq(flow.turns, turn);
        check_eq(get_rounding(), DOWNWARD);
        check_eq(flow.extra, (void *)&flow);
    }
    flow_close(&flow);
    return 0;
}
#endif

unit_test(a_hundred_thousand_contexts_take_turns)
{
    size_t count = scaled(100000), size = 16 * 1024;
    struct flow *flows = calloc(count, sizeof *flows);
    char *stacks = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct bide__context here;

    check(flows != NULL && stacks != MAP_FAILED);
    bide__context_adopt(&here);
    for (size_t i = 0; i < count; i++) {
        flows[i].caller = &here;
        bide__context_make(&flows[i].context, stacks + i * size, stacks + (i + 1) * size, count_turns, &flows[i]);
    }
    for (int turn = 0; turn < 3; turn++)
        for (size_t i = 0; i < count; i++)
            bide__context_switch(&here, &flows[i * 7919 % count].context);
    for (size_t i = 0; i < count; i++) {
        check_eq(flows[i].turns, 3);
        bide__context_release(&flows[i].context);
    }
    munmap(stacks, count * size);
    free(flows);
    return 0;
}

static void pass_on(void *argument)
{
    struct flow *flow = argument;

    for (;;) {
        struct flow *next = flow->extra;

        flow->turns++;
        bide__context_switch(&flow->context, next ? &next->context : flow->caller);
    }
}

unit_test(flows_hand_over_directly)
{
    struct bide__context here;
    struct flow flows[50];

    bide__context_adopt(&here);
    for (int i = 0; i < 50; i++)
        flow_open(&flows[i], STACK, &here, pass_on);
    for (int i = 0; i < 49; i++)
        flows[i].extra = &flows[i + 1];
    for (int turn = 1; turn <= 100; turn++) {
        bide__context_switch(&here, &flows[0].context);
        for (int i = 0; i < 50; i++)
            check_eq(flows[i].turns, turn);
    }
    for (int i = 0; i < 50; i++)
        flow_close(&flows[i]);
    return 0;
}

/* Each flow makes and runs another one inside itself, until the given depth. */
static void nest(void *argument)
{
    struct flow *flow = argument;
    long *depth = flow->extra;
    struct flow inner;

    if (++*depth < 20) {
        flow_open(&inner, STACK, &flow->context, nest);
        inner.extra = depth;
        bide__context_switch(&flow->context, &inner.context);
        flow_close(&inner);
    }
    for (;;)
        park(flow);
}

unit_test(flows_nest)
{
    struct bide__context here;
    struct flow outer;
    long depth = 0;

    bide__context_adopt(&here);
    flow_open(&outer, STACK, &here, nest);
    outer.extra = &depth;
    bide__context_switch(&here, &outer.context);
    check_eq(depth, 20);
    flow_close(&outer);
    return 0;
}

unit_test(make_and_release_leak_nothing)
{
    int rounds = BIDE__ASAN || BIDE__TSAN || bide__valgrind_running() ? 20000 : 200000;
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, count_turns);
    for (int i = 0; i < rounds; i++) { /* far beyond what the tools could hold at once */
        bide__context_switch(&here, &flow.context);
        bide__context_release(&flow.context);
        bide__context_make(&flow.context, flow.stack, flow.stack + STACK, count_turns, &flow);
    }
    check_eq(flow.turns, rounds);
    flow_close(&flow);
    return 0;
}

/* The depth of the stack as the C library's unwinder sees it, from one call further down each turn. */
static void count_frames(void *argument)
{
    struct flow *flow = argument;
    void *frames[64];

    for (;;) {
        flow->turns = backtrace(frames, 64);
        park(flow);
    }
}

unit_test(unwinding_ends_at_the_bottom)
{
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, count_frames);
    bide__context_switch(&here, &flow.context);
    /* count_frames, the start routine; a sanitizer adds backtrace() itself and a frame of ours. */
    check(flow.turns >= 2);
    check(flow.turns <= 5);
    flow_close(&flow);
    return 0;
}

static void *switch_on_thread(void *argument)
{
    struct bide__context here;
    struct flow flow;

    bide__context_adopt(&here);
    flow_open(&flow, STACK, &here, count_turns);
    for (int i = 0; i < 10000; i++)
        bide__context_switch(&here, &flow.context);
    *(long *)argument = flow.turns;
    flow_close(&flow);
    bide__context_release(&here);
    return NULL;
}

unit_test(threads_switch_independently)
{
    pthread_t threads[4];
    long turns[4] = { 0 };

    for (int i = 0; i < 4; i++)
        check_eq(pthread_create(&threads[i], NULL, switch_on_thread, &turns[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        check_eq(turns[i], 10000);
    }
    return 0;
}
