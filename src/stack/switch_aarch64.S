/*
 * void bide__switch_stack(void **save_stack_pointer, void *load_stack_pointer), AAPCS64.
 *
 * A parked stack looks like this, from stack_pointer upwards: x29 x30 x19..x28 d8..d15 [fpcr, unused]. Both stacks
 * have this layout at the moment of the switch, so one set of unwind rules is true before and after it. `ret` pairs
 * with the call of the function that jumped here. x30 is not signed: a return address that moves between stacks has
 * no lasting modifier.
 */
#if defined(__aarch64__) && !defined(BIDE__SWITCH_UCONTEXT)

#ifdef BIDE_SAVE_FP_CONTROL
#define FRAME 176
#else
#define FRAME 160
#endif

        .text
        .p2align 4
        .globl  bide__switch_stack
        .hidden bide__switch_stack
        .type   bide__switch_stack, %function
bide__switch_stack:
        .cfi_startproc
        hint    #34                             /* bti c */
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        stp     x19, x20, [sp, #16]
        .cfi_rel_offset x19, 16
        .cfi_rel_offset x20, 24
        stp     x21, x22, [sp, #32]
        .cfi_rel_offset x21, 32
        .cfi_rel_offset x22, 40
        stp     x23, x24, [sp, #48]
        .cfi_rel_offset x23, 48
        .cfi_rel_offset x24, 56
        stp     x25, x26, [sp, #64]
        .cfi_rel_offset x25, 64
        .cfi_rel_offset x26, 72
        stp     x27, x28, [sp, #80]
        .cfi_rel_offset x27, 80
        .cfi_rel_offset x28, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset 72, 96
        .cfi_rel_offset 73, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset 74, 112
        .cfi_rel_offset 75, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset 76, 128
        .cfi_rel_offset 77, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset 78, 144
        .cfi_rel_offset 79, 152
#ifdef BIDE_SAVE_FP_CONTROL
        mrs     x9, fpcr
        str     x9, [sp, #160]
#endif
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        .globl  bide__switch_parked
        .hidden bide__switch_parked
bide__switch_parked:                            /* debuggers start to unwind a parked stack from here */
#ifdef BIDE_SAVE_FP_CONTROL
        ldr     x9, [sp, #160]
        msr     fpcr, x9
#endif
        ldp     d14, d15, [sp, #144]
        ldp     d12, d13, [sp, #128]
        ldp     d10, d11, [sp, #112]
        ldp     d8, d9, [sp, #96]
        ldp     x27, x28, [sp, #80]
        ldp     x25, x26, [sp, #64]
        ldp     x23, x24, [sp, #48]
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore 72
        .cfi_restore 73
        .cfi_restore 74
        .cfi_restore 75
        .cfi_restore 76
        .cfi_restore 77
        .cfi_restore 78
        .cfi_restore 79
        ret
        .cfi_endproc
        .size   bide__switch_stack, . - bide__switch_stack

/*
 * The first return of a made context comes here, with the entry function in x19 and its argument in x20. The return
 * address is declared undefined: unwinders stop here. The nop is never run; unwinders look up the address before a
 * return address.
 */
        .p2align 4
        .type   bide__context_bottom, %function
bide__context_bottom:
        .cfi_startproc
        .cfi_undefined x30
        .cfi_def_cfa sp, 0
        nop
        .globl  bide__context_start
        .hidden bide__context_start
bide__context_start:
        hint    #36                             /* bti j */
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   bide__context_bottom, . - bide__context_bottom

#if defined(__ARM_FEATURE_BTI_DEFAULT)
        .section .note.gnu.property, "a"
        .p2align 3
        .word   4
        .word   16
        .word   5
        .asciz  "GNU"
        .word   0xc0000000                      /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .word   4
        .word   1                               /* BTI, and no guarded control stack */
        .word   0
#endif
#endif

        .section .note.GNU-stack, "", %progbits
