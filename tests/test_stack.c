/* SPDX-License-Identifier: MIT */
/*
 * test_stack.c - the stacks that softmetal gives to kernels.
 *
 * What a kernel needs is what LLVM's frames need, which depends on how much
 * work LLVM puts into machine code (SOFTMETAL_CODEGEN): registers that are
 * short, and at level 0 nearly all values, go to the stack beside the
 * variables. The size is compared with the machine code's own, which stands
 * in the instruction that moves the stack pointer.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../softmetal/exec/frame.h"
#include "support/soft_code.h"

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"
#define BARRIER "threadgroup_barrier(mem_flags::mem_threadgroup);\n"

enum { THREADS = 64 };

/* 5000 ints a thread: 20,000 bytes, times 32 lanes. */
enum { ARRAY_BYTES = 5000 * 4 * 32 };
static const char array_text[] = HEAD
    "kernel void k(device int *out [[buffer(1)]],\n"
    "              uint i [[thread_position_in_grid]]) {\n"
    "  int a[5000];\n"
    "  for (int j = 0; j < 5000; j++) a[j] = j * int(i);\n"
    "  int sum = 0;\n"
    "  for (int j = 0; j < 5000; j += 7) sum += a[(j * 3 + i) % 5000];\n"
    "  out[i] = sum;\n}\n";

/* The same with a barrier in between. */
static const char barrier_text[] = HEAD
    "kernel void k(device int *out [[buffer(1)]],\n"
    "              uint i [[thread_position_in_grid]]) {\n"
    "  int a[5000];\n"
    "  for (int j = 0; j < 5000; j++) a[j] = j * int(i);\n"
    "  " BARRIER
    "  int sum = 0;\n"
    "  for (int j = 0; j < 5000; j += 7) sum += a[(j * 3 + i) % 5000];\n"
    "  out[i] = sum;\n}\n";

static int want_of(int i) {
  int sum = 0;
  for (int j = 0; j < 5000; j += 7) sum += (j * 3 + i) % 5000 * i;
  return sum;
}

static sm_dispatch dispatch_of(const sm_code *code, int32_t *out) {
  sm_dispatch d;
  memset(&d, 0, sizeof d);
  d.code = code;
  d.grid_threads[0] = THREADS;
  d.grid_threads[1] = d.grid_threads[2] = 1;
  d.group[0] = THREADS;
  d.group[1] = d.group[2] = 1;
  d.buffers[1] = (sm_binding){out, THREADS * sizeof *out};
  return d;
}

static sm_code *compile_at(const char *level, const char *text) {
  setenv("SOFTMETAL_CODEGEN", level, 1);
  sm_code *code = soft_compile(text, NULL, NULL, NULL);
  unsetenv("SOFTMETAL_CODEGEN");
  return code;
}

static void run_right(const sm_code *code) {
  int32_t out[THREADS];
  char *error = NULL;
  sm_dispatch d = dispatch_of(code, out);
  if (sm_run(&d, &error) != SM_RUN_OK) fail_msg("%s", error);
  for (int i = 0; i < THREADS; i++) assert_int_equal(out[i], want_of(i));
}

/* ---- too small ---------------------------------------------------------- */

/* The code says that it needs nothing; its frame goes beyond what a stack has
 * to spare. First of all tests: stacks only grow. */
static void assert_overflow_is_named(const char *text) {
  int32_t out[THREADS];
  char *error = NULL;
  sm_code *code = compile_at("1", text);
  const sm_meta *meta = code->meta;
  sm_meta less = *meta;
  less.stack_bytes = 0;
  code->meta = &less;
  sm_dispatch d = dispatch_of(code, out);
  sm_run_status status = sm_run(&d, &error);
  code->meta = meta;
  assert_int_equal(status, SM_RUN_STACK);
  assert_non_null(strstr(error,
                         "the kernel's local variables overflow its stack"));
  assert_non_null(strstr(error, "kernel k, threadgroup (0, 0, 0)"));
  free(error);
  sm_code_release(code);
}

static void an_overflow_is_named_one(void **state) {
  (void)state;
  assert_overflow_is_named(array_text);
}

static void a_coroutine_s_overflow_is_named_one(void **state) {
  (void)state;
  setenv("SOFTMETAL_BARRIERS", "coroutines", 1);
  assert_overflow_is_named(barrier_text);
  unsetenv("SOFTMETAL_BARRIERS");
}

/* ---- large enough ------------------------------------------------------- */

static const char *const levels[] = {"0", "1", "2", "3"};

static void variables_have_room_at_every_level(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    sm_code *code = compile_at(levels[i], array_text);
    assert_true(code->meta->stack_bytes >= ARRAY_BYTES);
    run_right(code);
    sm_code_release(code);
    code = compile_at(levels[i], barrier_text);
    assert_true(code->meta->stack_bytes >= ARRAY_BYTES);
    run_right(code);
    sm_code_release(code);
  }
}

#if defined(__x86_64__)
/* What `sub $bytes, %rsp` at the head of a function takes; 0: it has none. */
static uint64_t frame_in_code(sm_kernel_entry *entry) {
  unsigned char code[96];
  void *at;
  memcpy(&at, &entry, sizeof at);
  memcpy(code, at, sizeof code);
  for (size_t i = 0; i + 7 <= sizeof code; i++) {
    static const unsigned char sub[3] = {0x48, 0x81, 0xec};
    uint32_t bytes;
    if (memcmp(code + i, sub, 3) != 0) continue;
    memcpy(&bytes, code + i + 3, 4);
    return bytes;
  }
  return 0;
}

/* A sum that keeps n values at once, more than there are registers for. */
static char *many_values(int n) {
  size_t room = (size_t)n * 64 + 512, length = 0;
  char *text = malloc(room);
  assert_non_null(text);
#define PUT(...) \
  length += (size_t)snprintf(text + length, room - length, __VA_ARGS__)
  PUT("%s", HEAD "kernel void k(device int *out [[buffer(1)]],\n"
                 "  uint i [[thread_position_in_grid]]) {\n  int x = i;\n");
  for (int j = 0; j < n; j++)
    PUT("  int v%d = x = x * %d + out[%d];\n", j, 3 + 2 * j, j % THREADS);
  PUT("  x = 0;\n");
  for (int j = n; j-- > 0;) PUT("  x = (x ^ v%d) * 5;\n", j);
  PUT("  out[i] = x;\n}\n");
#undef PUT
  return text;
}

/* And where LLVM needs far more than the variables, the size follows. */
static void the_stack_is_what_machine_code_takes(void **state) {
  (void)state;
  char *many = many_values(600);
  const char *const texts[] = {array_text, barrier_text, many};
  for (int i = 0; i < 4; i++)
    for (int t = 0; t < 3; t++) {
      sm_code *code = compile_at(levels[i], texts[t]);
      uint64_t frames = frame_in_code(code->line) + frame_in_code(code->any);
      assert_true(frames > 0);
      if (code->meta->stack_bytes < frames)
        fail_msg("kernel %d, level %s: %llu bytes, and its frames have %llu",
                 t, levels[i], (unsigned long long)code->meta->stack_bytes,
                 (unsigned long long)frames);
      sm_code_release(code);
    }
  free(many);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_overflow_is_named_one),
      cmocka_unit_test(a_coroutine_s_overflow_is_named_one),
      cmocka_unit_test(variables_have_room_at_every_level),
#if defined(__x86_64__)
      cmocka_unit_test(the_stack_is_what_machine_code_takes),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
