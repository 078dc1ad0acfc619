/* SPDX-License-Identifier: MIT */
/*
 * test_random_kernels.c - random well-typed kernels (random_kernels/), run
 * through the whole library on the device and by the evaluator of
 * tests/oracle on the TTIR that lowering makes. All of their arithmetic is
 * exact, so every element of every buffer must be equal.
 *
 * softmetal checks bounds, races and barriers and shuffles the order of
 * simdgroups meanwhile. A kernel that is over a limit of the chip may be
 * refused; any other refusal fails the test.
 *
 *     RANDOM_KERNELS=1000:5000    seeds 1000 to 5999 instead of the short run
 *     RANDOM_KERNELS_VERBOSE=1    seeds and texts of what is refused
 */
#define _GNU_SOURCE /* setenv */
#include "oracle/eval.h"
#include "random_kernels/generate.h"
#include "support/device.h"

#include "../lib/compile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 1, SHORT_RUN = 24 };

typedef enum outcome { EQUAL, DIFFERENT, OVER_A_LIMIT, REFUSED } outcome;

typedef struct run {
  random_kernel k;
  uint64_t seed;
  void *want[RANDOM_MAX_BUFFERS];
  tm_buffer *got[RANDOM_MAX_BUFFERS];
  tm_arg args[RANDOM_MAX_BUFFERS + 2];
  tm_eval_arg eval[RANDOM_MAX_BUFFERS + 2];
} run;

static void complain(const run *r, const char *what) {
  printf("seed %llu: %s\nsignature: %s; %u simdgroups, %u programs, n %d, "
         "m %d\n%s\n", (unsigned long long)r->seed, what, r->k.signature,
         (unsigned)r->k.num_warps, (unsigned)r->k.grid, (int)r->k.n,
         (int)r->k.m, r->k.text);
  fflush(stdout);
}

static tm_ir *lowered(tm_arena *arena, const random_kernel *k,
                      const char **problem) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  tm_modules *set = tm_modules_create(arena, &diags);
  tm_module *module = tm_module_parse_text(set, "m", "k.py",
                                           tm_cstr(k->text));
  const tm_function_def *def = tm_module_kernel(module, "k");
  tm_spec spec = {.n_args = def ? def->params.len : 0, .num_warps = 4,
                  .num_stages = 3};
  if (def)
    spec.args = tm_signature_parse(arena, &diags, k->signature, def, NULL, 0);
  tm_ir *ir = spec.args ? tm_lower(arena, &diags, module, "k", &spec) : NULL;
  tm_buf text = tm_buf_in(arena);
  if (!ir) tm_diags_render_all(&diags, &text);
  *problem = tm_buf_text(&text);
  return ir;
}

static void make_arguments(run *r, device_test *t) {
  uint32_t n = r->k.n_buffers;
  for (uint32_t i = 0; i < n; i++) {
    size_t size = random_type_bytes(r->k.types[i]);
    size_t bytes = RANDOM_ELEMENTS * size;
    r->want[i] = malloc(bytes);
    assert_non_null(r->want[i]);
    random_fill(&r->k, i, r->seed, r->want[i], size);
    r->got[i] = device_array(t, RANDOM_ELEMENTS, size);
    memcpy(tm_buffer_contents(r->got[i]), r->want[i], bytes);
    r->args[i] = tm_arg_buffer(r->got[i], 0);
    r->eval[i] = (tm_eval_arg){.data = r->want[i], .bytes = bytes};
  }
  int32_t numbers[2] = {r->k.n, r->k.m};
  for (uint32_t i = 0; i < 2; i++) {
    r->args[n + i] = tm_arg_int(numbers[i]);
    r->eval[n + i] = (tm_eval_arg){.i = numbers[i]};
  }
}

/* Bit for bit, but for the sign of zeros. */
static bool is_equal(const char *type, const void *got, const void *want,
                     size_t at) {
  uint64_t a = 0, b = 0;
  size_t size = random_type_bytes(type);
  memcpy(&a, (const char *)got + at * size, size);
  memcpy(&b, (const char *)want + at * size, size);
  if (a == b) return true;
  uint64_t sign = 1ull << (size * 8 - 1);
  bool is_float = strchr("fb", type[0]) != NULL;
  return is_float && (a & ~sign) == 0 && (b & ~sign) == 0;
}

static outcome compare(const run *r) {
  for (uint32_t i = 0; i < r->k.n_buffers; i++)
    for (size_t e = 0; e < RANDOM_ELEMENTS; e++) {
      if (is_equal(r->k.types[i], tm_buffer_contents(r->got[i]), r->want[i],
                   e))
        continue;
      char what[128];
      uint64_t a = 0, b = 0;
      size_t size = random_type_bytes(r->k.types[i]);
      memcpy(&a, (char *)tm_buffer_contents(r->got[i]) + e * size, size);
      memcpy(&b, (const char *)r->want[i] + e * size, size);
      snprintf(what, sizeof what, "buffer b%u, element %zu is 0x%llx, not "
               "0x%llx", (unsigned)i, e, (unsigned long long)a,
               (unsigned long long)b);
      complain(r, what);
      return DIFFERENT;
    }
  return EQUAL;
}

static outcome evaluate(run *r) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  tm_eval_options options = {.grid = {r->k.grid, 1, 1},
                             .max_steps = 100000000};
  const char *problem = NULL;
  tm_ir *ir = lowered(&arena, &r->k, &problem);
  outcome o = DIFFERENT;
  if (!ir) {
    complain(r, problem);
  } else {
    tm_eval_result result =
        tm_eval_run(ir, r->eval, r->k.n_buffers + 2, &options);
    if (result.error) complain(r, result.error);
    else o = compare(r);
  }
  tm_arena_free(&arena);
  return o;
}

static outcome launch(run *r, device_test *t, tm_kernel *kernel) {
  tm_error *error = NULL;
  if (tm_launch(t->stream, kernel, tm_grid_1d(r->k.grid), r->args,
                r->k.n_buffers + 2, &error) ||
      tm_stream_synchronize(t->stream, TM_WAIT_FOREVER, &error)) {
    complain(r, tm_error_text(error));
    tm_error_destroy(error);
    return DIFFERENT;
  }
  return evaluate(r);
}

static outcome run_seed(uint64_t seed) {
  run r = {.seed = seed, .k = random_kernel_of(seed)};
  device_test t = device_open(NULL, r.k.text);
  tm_error *error = NULL;
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = r.k.signature;
  options.num_warps = r.k.num_warps;
  outcome o;
  tm_status status =
      tm_compile(&kernel, t.context, t.module, "k", &options, &error);
  if (status) {
    o = status == TM_E_LIMIT ? OVER_A_LIMIT : REFUSED;
    if (o == REFUSED || getenv("RANDOM_KERNELS_VERBOSE"))
      complain(&r, tm_error_text(error));
    tm_error_destroy(error);
  } else {
    make_arguments(&r, &t);
    o = launch(&r, &t, kernel);
    for (uint32_t i = 0; i < r.k.n_buffers; i++) {
      tm_buffer_destroy(r.got[i]);
      free(r.want[i]);
    }
    tm_kernel_destroy(kernel);
  }
  device_close(&t);
  free(r.k.text);
  return o;
}

static void random_kernels_agree_with_the_evaluator(void **state) {
  (void)state;
  unsigned long long first = FIRST, n = SHORT_RUN;
  const char *seeds = getenv("RANDOM_KERNELS");
  if (seeds && sscanf(seeds, "%llu:%llu", &first, &n) != 2)
    fail_msg("RANDOM_KERNELS is not first:count");
  unsigned long long count[4] = {0};
  for (uint64_t seed = first; seed < first + n; seed++) {
    if (getenv("RANDOM_KERNELS_VERBOSE")) {
      fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
      fflush(stderr);
    }
    count[run_seed(seed)]++;
  }
  printf("%llu kernels: %llu equal, %llu different, %llu over a limit, %llu "
         "refused\n", n, count[EQUAL], count[DIFFERENT],
         count[OVER_A_LIMIT], count[REFUSED]);
  assert_int_equal(count[DIFFERENT], 0);
  assert_int_equal(count[REFUSED], 0);
  assert_true(count[OVER_A_LIMIT] * 10 <= n + 9);
}

int main(void) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  setenv("SOFTMETAL_SHUFFLE", "11", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_kernels_agree_with_the_evaluator),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
