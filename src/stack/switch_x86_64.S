/*
 * void bide__switch_stack(void **save_stack_pointer, void *load_stack_pointer), System V x86-64.
 *
 * A parked stack begins with the address to jump to; what follows is the business of the code there. For this routine
 * it is bide__switch_parked and then, upwards: [mxcsr, x87 control word] r15 r14 r13 r12 rbx rbp, return address.
 * Loops that enter flows by bide__context_enter() leave another address. The routine ends in `ret`: reached by a tail
 * jump it pairs with the call of park(), and a loop that neither calls nor returns leaves that pairing alone, which
 * keeps the return predictor right. No shadow stack property is ever declared: the switch is exactly what a shadow
 * stack forbids.
 */
#if defined(__x86_64__) && !defined(BIDE__SWITCH_UCONTEXT)

        .text
        .p2align 4
        .globl  bide__switch_stack
        .hidden bide__switch_stack
        .type   bide__switch_stack, @function
bide__switch_stack:
        .cfi_startproc
#if defined(__CET__) && (__CET__ & 1)
        endbr64
#endif
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
#ifdef BIDE_SAVE_FP_CONTROL
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
#endif
        leaq    bide__switch_parked(%rip), %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        jmpq    *%rcx
        nop                                     /* unwinders look up the address before the one they return to */
        .globl  bide__switch_parked
        .hidden bide__switch_parked
bide__switch_parked:
#if defined(__CET__) && (__CET__ & 1)
        endbr64
#endif
#ifdef BIDE_SAVE_FP_CONTROL
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
#endif
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   bide__switch_stack, . - bide__switch_stack

/*
 * The first return of a made context comes here, with the entry function in r12 and its argument in r13. The return
 * address is declared undefined: unwinders stop here. The nop is never run; unwinders look up the address before a
 * return address.
 */
        .p2align 4
        .type   bide__context_bottom, @function
bide__context_bottom:
        .cfi_startproc
        .cfi_undefined %rip
        .cfi_def_cfa %rsp, 0
        nop
        .globl  bide__context_start
        .hidden bide__context_start
bide__context_start:
        movq    %r13, %rdi
        callq   *%r12
        ud2
        .cfi_endproc
        .size   bide__context_bottom, . - bide__context_bottom

#if defined(__CET__) && (__CET__ & 1)
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4
        .long   16
        .long   5
        .asciz  "GNU"
        .long   0xc0000002                      /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   4
        .long   1                               /* branch tracking, and no shadow stack */
        .long   0
#endif
#endif

        .section .note.GNU-stack, "", %progbits
