/* SPDX-License-Identifier: MIT */
/*
 * coro_switch.S - void sm_coro_switch(void **from, void *to)
 *
 * The switch ends with pop and jmp, not ret: the return predictor would
 * always be wrong here, and an indirect jump is predicted by its target.
 */
#if defined(__APPLE__)
#define NAME(x) _##x
#define HIDDEN(x) .private_extern x
#else
#define NAME(x) x
#define HIDDEN(x) .hidden x
#endif

#if defined(__x86_64__)
        .text
        .globl  NAME(sm_coro_switch)
        HIDDEN(NAME(sm_coro_switch))
        .p2align 4
NAME(sm_coro_switch):
        endbr64
        pushq   %rbp
        pushq   %rbx
        pushq   %r14
        pushq   %r12
        pushq   %r13
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r13
        popq    %r12
        popq    %r14
        popq    %rbx
        popq    %rbp
        popq    %rcx
        jmpq    *%rcx

        .globl  NAME(sm_coro_start)
        HIDDEN(NAME(sm_coro_start))
        .p2align 4
NAME(sm_coro_start):
        endbr64
        xorl    %ebp, %ebp
        movq    %r13, %rdi
        callq   *%r12
        ud2
#elif defined(__aarch64__)
        .text
        .globl  NAME(sm_coro_switch)
        HIDDEN(NAME(sm_coro_switch))
        .p2align 4
NAME(sm_coro_switch):
        sub     sp, sp, #160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        br      x30

        .globl  NAME(sm_coro_start)
        HIDDEN(NAME(sm_coro_start))
        .p2align 4
NAME(sm_coro_start):
        mov     x29, xzr
        mov     x0, x20
        blr     x19
        brk     #1
#endif

#if defined(__linux__) && defined(__ELF__)
        .section .note.GNU-stack, "", %progbits
#endif
