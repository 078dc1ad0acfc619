/* SPDX-License-Identifier: MIT */
/*
 * send.S - objc_msgSend over GCC's libobjc, which has only objc_msg_lookup.
 *
 * The method is looked up with the receiver and the selector, then entered by
 * a jump, with every argument register as the caller left it. The stret form
 * is for x86-64 callers of methods that return a structure over 16 bytes: the
 * result's address comes first and shifts receiver and selector by one.
 */
#if defined(__linux__)
.section .note.GNU-stack,"",%progbits
#endif
.text

#if defined(__x86_64__)

.macro LOOKUP_AND_JUMP receiver, selector
  .cfi_startproc
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  subq $176, %rsp
  movq %rdi, -8(%rbp)
  movq %rsi, -16(%rbp)
  movq %rdx, -24(%rbp)
  movq %rcx, -32(%rbp)
  movq %r8, -40(%rbp)
  movq %r9, -48(%rbp)
  movaps %xmm0, -64(%rbp)
  movaps %xmm1, -80(%rbp)
  movaps %xmm2, -96(%rbp)
  movaps %xmm3, -112(%rbp)
  movaps %xmm4, -128(%rbp)
  movaps %xmm5, -144(%rbp)
  movaps %xmm6, -160(%rbp)
  movaps %xmm7, -176(%rbp)
  movq \receiver, %rdi
  movq \selector, %rsi
  call objc_msg_lookup@PLT
  movq %rax, %r11
  movq -8(%rbp), %rdi
  movq -16(%rbp), %rsi
  movq -24(%rbp), %rdx
  movq -32(%rbp), %rcx
  movq -40(%rbp), %r8
  movq -48(%rbp), %r9
  movaps -64(%rbp), %xmm0
  movaps -80(%rbp), %xmm1
  movaps -96(%rbp), %xmm2
  movaps -112(%rbp), %xmm3
  movaps -128(%rbp), %xmm4
  movaps -144(%rbp), %xmm5
  movaps -160(%rbp), %xmm6
  movaps -176(%rbp), %xmm7
  leave
  .cfi_def_cfa %rsp, 8
  jmp *%r11
  .cfi_endproc
.endm

.globl objc_msgSend
.type objc_msgSend, @function
objc_msgSend:
  LOOKUP_AND_JUMP %rdi, %rsi
.size objc_msgSend, .-objc_msgSend

.globl objc_msgSend_stret
.type objc_msgSend_stret, @function
objc_msgSend_stret:
  LOOKUP_AND_JUMP %rsi, %rdx
.size objc_msgSend_stret, .-objc_msgSend_stret

#elif defined(__aarch64__)

/* x8 carries the address of a structure result: one entry serves both. */
.macro LOOKUP_AND_JUMP
  .cfi_startproc
  stp x29, x30, [sp, #-224]!
  .cfi_def_cfa_offset 224
  .cfi_offset 29, -224
  .cfi_offset 30, -216
  mov x29, sp
  stp x0, x1, [sp, #16]
  stp x2, x3, [sp, #32]
  stp x4, x5, [sp, #48]
  stp x6, x7, [sp, #64]
  str x8, [sp, #80]
  stp q0, q1, [sp, #96]
  stp q2, q3, [sp, #128]
  stp q4, q5, [sp, #160]
  stp q6, q7, [sp, #192]
  bl objc_msg_lookup
  mov x16, x0
  ldp x0, x1, [sp, #16]
  ldp x2, x3, [sp, #32]
  ldp x4, x5, [sp, #48]
  ldp x6, x7, [sp, #64]
  ldr x8, [sp, #80]
  ldp q0, q1, [sp, #96]
  ldp q2, q3, [sp, #128]
  ldp q4, q5, [sp, #160]
  ldp q6, q7, [sp, #192]
  ldp x29, x30, [sp], #224
  .cfi_def_cfa_offset 0
  br x16
  .cfi_endproc
.endm

.globl objc_msgSend
.type objc_msgSend, @function
objc_msgSend:
  LOOKUP_AND_JUMP
.size objc_msgSend, .-objc_msgSend

.globl objc_msgSend_stret
.type objc_msgSend_stret, @function
objc_msgSend_stret:
  LOOKUP_AND_JUMP
.size objc_msgSend_stret, .-objc_msgSend_stret

#else
#error "softmetal runs on x86-64 and aarch64"
#endif
