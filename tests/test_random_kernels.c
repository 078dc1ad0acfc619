/* SPDX-License-Identifier: MIT */
/*
 * test_random_kernels.c - random well-typed kernels (random_kernels/), run
 * through the whole library on the device and by the evaluator of
 * tests/oracle on the TTIR that lowering makes. All of their arithmetic is
 * exact, so every element of every buffer must be equal.
 *
 * Most are compiled with layouts chosen at random (lib/layout/perturb.c),
 * for a chip chosen at random. softmetal checks bounds, races and barriers
 * and mostly shuffles the order of simdgroups meanwhile. A kernel that is over a
 * limit of the chip may be refused; any other refusal fails the test.
 *
 *     RANDOM_KERNELS=1000:5000    seeds 1000 to 5999 instead of the short run
 *     RANDOM_KERNELS_VERBOSE=1    seeds and texts of what is refused
 *     RANDOM_KERNELS_COMPILE=1    nothing runs on the device: that it compiles,
 *                                 and what the optimizer made of it
 *     RANDOM_KERNELS_REDUCE=1     lines are taken out of what fails as long as
 *                                 it fails in the same way
 */
#define _GNU_SOURCE /* setenv */
#include "oracle/eval.h"
#include "oracle/lowered.h"
#include "random_kernels/generate.h"
#include "support/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 1, SHORT_RUN = 240, COMPILED = 300, PROCESSES = 2 };

typedef enum outcome { EQUAL, DIFFERENT, OVER_A_LIMIT, REFUSED } outcome;

typedef struct run {
  random_kernel k;
  uint64_t seed;
  bool quiet;
  void *want[RANDOM_MAX_BUFFERS], *got[RANDOM_MAX_BUFFERS];
  tm_buffer *buffers[RANDOM_MAX_BUFFERS]; /* whose contents got is */
  tm_arg args[RANDOM_MAX_BUFFERS + 2];
  tm_eval_arg eval[RANDOM_MAX_BUFFERS + 2];
} run;

static char failure[256]; /* how the last kernel failed */

static void complain(const run *r, const char *what) {
  const random_kernel *k = &r->k;
  snprintf(failure, sizeof failure, "%.200s", what);
  if (r->quiet) return;
  const char *body = strstr(k->text, "@triton.jit\ndef k(");
  printf("seed %llu: %s\nsignature: %s; %u simdgroups, %u stages, "
         "%u x %u programs, n %d, m %d, for %s%s, layouts %llu, optimization "
         "%u, shuffled by %llu%s\n%s\n",
         (unsigned long long)r->seed, what, k->signature,
         (unsigned)k->num_warps, (unsigned)k->num_stages,
         (unsigned)k->grid[0], (unsigned)k->grid[1], (int)k->n, (int)k->m,
         k->chip, k->tensor_ops ? " with tensor operations" : "",
         (unsigned long long)k->layout_seed, (unsigned)k->optimization_level,
         (unsigned long long)k->shuffle_seed,
         k->coroutines ? ", coroutines" : "", body ? body : k->text);
  fflush(stdout);
}

/* t: NULL for arrays that no device sees. */
static void make_arguments(run *r, device_test *t) {
  uint32_t n = r->k.n_buffers;
  for (uint32_t i = 0; i < n; i++) {
    size_t size = random_type_bytes(r->k.types[i]);
    size_t bytes = RANDOM_ELEMENTS * size;
    r->want[i] = malloc(bytes);
    assert_non_null(r->want[i]);
    random_fill(&r->k, i, r->seed, r->want[i], size);
    r->buffers[i] = t ? device_array(t, RANDOM_ELEMENTS, size) : NULL;
    r->got[i] = t ? tm_buffer_contents(r->buffers[i]) : malloc(bytes);
    assert_non_null(r->got[i]);
    memcpy(r->got[i], r->want[i], bytes);
    r->args[i] = tm_arg_buffer(r->buffers[i], 0);
    r->eval[i] = (tm_eval_arg){.bytes = bytes};
  }
  int32_t numbers[2] = {r->k.n, r->k.m};
  for (uint32_t i = 0; i < 2; i++) {
    r->args[n + i] = tm_arg_int(numbers[i]);
    r->eval[n + i] = (tm_eval_arg){.i = numbers[i]};
  }
}

static void free_arguments(run *r) {
  for (uint32_t i = 0; i < r->k.n_buffers; i++) {
    if (!r->buffers[i]) free(r->got[i]);
    tm_buffer_destroy(r->buffers[i]);
    free(r->want[i]);
  }
}

/* Floats of one sign are in the order of their bits. */
static bool is_near(uint64_t a, uint64_t b, uint32_t ulps) {
  uint64_t distance = a > b ? a - b : b - a;
  return distance <= ulps;
}

/* Bit for bit, but for the sign of zeros and what NaN is made of, and up to
 * ulps for floats of 32 bits. */
static bool is_equal(const char *type, const void *got, const void *want,
                     size_t at, uint32_t ulps) {
  uint64_t a = 0, b = 0;
  size_t size = random_type_bytes(type);
  memcpy(&a, (const char *)got + at * size, size);
  memcpy(&b, (const char *)want + at * size, size);
  if (a == b || (ulps && is_near(a, b, ulps))) return true;
  uint64_t sign = 1ull << (size * 8 - 1);
  bool is_float = strchr("fb", type[0]) != NULL;
  if (random_is_nan(type, a) && random_is_nan(type, b)) return true;
  return is_float && (a & ~sign) == 0 && (b & ~sign) == 0;
}

static outcome compare(const run *r, const char *who) {
  for (uint32_t i = 0; i < r->k.n_buffers; i++)
    for (size_t e = 0; e < RANDOM_ELEMENTS; e++) {
      if (e == 0 && memcmp(r->got[i], r->want[i], r->eval[i].bytes) == 0)
        break;
      if (is_equal(r->k.types[i], r->got[i], r->want[i],
                   e, r->k.ulps[i]))
        continue;
      char what[128];
      uint64_t a = 0, b = 0;
      size_t size = random_type_bytes(r->k.types[i]);
      memcpy(&a, (const char *)r->got[i] + e * size, size);
      memcpy(&b, (const char *)r->want[i] + e * size, size);
      snprintf(what, sizeof what, "%sbuffer b%u, element %zu is 0x%llx, not "
               "0x%llx", who, (unsigned)i, e, (unsigned long long)a,
               (unsigned long long)b);
      complain(r, what);
      return DIFFERENT;
    }
  return EQUAL;
}

/* Runs the evaluator on `data`; false when it cannot. */
static bool evaluate(run *r, void *const *data, bool optimized) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  tm_eval_options options = {.grid = {r->k.grid[0], r->k.grid[1], 1},
                             .max_steps = 100000000};
  const char *problem = NULL;
  const char *skip = r->k.optimization_level < 2 ? "cse,licm" : NULL;
  tm_ir *ir = eval_lowered(&arena, r->k.text, r->k.signature, optimized, skip,
                           &problem);
  if (ir) {
    for (uint32_t i = 0; i < r->k.n_buffers; i++) r->eval[i].data = data[i];
    problem = tm_eval_run(ir, r->eval, r->k.n_buffers + 2, &options).error;
  }
  if (!ir || problem) complain(r, problem);
  tm_arena_free(&arena);
  return ir && !problem;
}

/* The optimizer alone: what its TTIR computes, by the evaluator. */
static outcome optimize(run *r) {
  make_arguments(r, NULL);
  outcome o = DIFFERENT;
  if (evaluate(r, r->want, false) && evaluate(r, r->got, true))
    o = compare(r, "optimized: ");
  free_arguments(r);
  return o;
}

static outcome launch(run *r, device_test *t, tm_kernel *kernel) {
  tm_error *error = NULL;
  if (tm_launch(t->stream, kernel, (tm_grid){r->k.grid[0], r->k.grid[1], 1},
                r->args, r->k.n_buffers + 2, &error) ||
      tm_stream_synchronize(t->stream, TM_WAIT_FOREVER, &error)) {
    complain(r, tm_error_text(error));
    tm_error_destroy(error);
    return DIFFERENT;
  }
  return evaluate(r, r->want, false) ? compare(r, "") : DIFFERENT;
}

/* ---- one kernel ------------------------------------------------------- */

/* False with the reason said when the text cannot be read. */
static bool open_device(run *r, device_test *out) {
  const random_kernel *k = &r->k;
  device_test t = {NULL, NULL, NULL};
  tm_error *error = NULL;
  char text[24];
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.optimization_level = k->optimization_level;
  snprintf(text, sizeof text, "%llu", (unsigned long long)k->layout_seed);
  setenv("TRITON_METAL_LAYOUT_SEED", text, 1);
  snprintf(text, sizeof text, "%llu", (unsigned long long)k->shuffle_seed);
  setenv("SOFTMETAL_SHUFFLE", text, 1);
  setenv("SOFTMETAL_BARRIERS", k->coroutines ? "coroutines" : "", 1);
  if (tm_context_create(&t.context, &options, &error) ||
      tm_module_parse(&t.module, NULL, "test.py", k->text, strlen(k->text),
                      NULL, &error) ||
      tm_stream_create(&t.stream, t.context, NULL, &error))
    complain(r, tm_error_text(error));
  *out = t;
  tm_error_destroy(error);
  return error == NULL;
}

static outcome run_kernel(run *r) {
  device_test t;
  tm_error *error = NULL;
  if (!open_device(r, &t)) {
    device_close(&t);
    return REFUSED;
  }
  tm_kernel *kernel = NULL;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = r->k.signature;
  options.num_warps = r->k.num_warps;
  options.num_stages = r->k.num_stages;
  options.tensor_ops = r->k.tensor_ops ? TM_SWITCH_ON : TM_SWITCH_OFF;
  options.chip = r->k.chip;
  if (strcmp(r->k.chip, "m5") == 0 && r->seed % 2)
    options.tensor_ops = TM_SWITCH_ON;
  outcome o;
  tm_status status =
      tm_compile(&kernel, t.context, t.module, "k", &options, &error);
  if (status) {
    o = status == TM_E_LIMIT ? OVER_A_LIMIT : REFUSED;
    if (o == REFUSED || getenv("RANDOM_KERNELS_VERBOSE"))
      complain(r, tm_error_text(error));
    tm_error_destroy(error);
  } else {
    if (getenv("RANDOM_KERNELS_COMPILE")) {
      o = optimize(r);
    } else {
      make_arguments(r, &t);
      o = launch(r, &t, kernel);
      free_arguments(r);
    }
    tm_kernel_destroy(kernel);
  }
  device_close(&t);
  return o;
}

/* ---- less of what fails ----------------------------------------------- */

/* What two failures of one kind have in common: their words up to the first
 * number, without the place. */
static bool is_same_failure(const char *one, const char *other) {
  const char *a = strstr(one, "error: "), *b = strstr(other, "error: ");
  a = a ? a + 7 : one;
  b = b ? b + 7 : other;
  size_t n = strcspn(a, "0123456789\n\'%");
  return n > 4 && strncmp(a, b, n) == 0;
}

static bool still_fails(const run *r, const random_kernel *k,
                        const char *how) {
  run less = {.k = *k, .seed = r->seed, .quiet = true};
  outcome o = run_kernel(&less);
  return (o == DIFFERENT || o == REFUSED) && is_same_failure(how, failure);
}

/* The text without the line at `at`, and without what is indented below it
 * when `block` is set. */
static char *without(const char *text, const char *at, bool block) {
  size_t indent = strspn(at, " ");
  const char *end = strchr(at, '\n');
  end = end ? end + 1 : at + strlen(at);
  while (block && *end && strspn(end, " ") > indent) {
    const char *next = strchr(end, '\n');
    end = next ? next + 1 : end + strlen(end);
  }
  char *less = malloc(strlen(text) + 1);
  assert_non_null(less);
  memcpy(less, text, (size_t)(at - text));
  strcpy(less + (at - text), end);
  return less;
}

/* One round over all lines, last first; false when none could go. */
static bool take_lines(run *r, const char *how) {
  bool any = false;
  const char *body = strstr(r->k.text, "\ndef k(");
  for (size_t at = strlen(r->k.text); body && at > 0; at--) {
    const char *p = r->k.text + at;
    body = strstr(r->k.text, "\ndef k(");
    if (p <= strchr(body + 1, '\n')) break;
    if (p[-1] != '\n' || !*p) continue;
    random_kernel k = r->k;
    k.text = without(r->k.text, p, true);
    if (still_fails(r, &k, how)) {
      free(r->k.text);
      r->k.text = k.text;
      any = true;
    } else {
      free(k.text);
    }
  }
  return any;
}

static void reduce(run *r) {
  char how[256];
  snprintf(how, sizeof how, "%s", failure);
  random_kernel k = r->k;
  k.layout_seed = 0;
  if (still_fails(r, &k, how)) r->k = k;
  k = r->k;
  k.grid[0] = k.grid[1] = 1;
  if (still_fails(r, &k, how)) r->k = k;
  while (take_lines(r, how)) continue;
  for (uint32_t w = 1; w < r->k.num_warps; w *= 2) {
    k = r->k;
    k.num_warps = w;
    if (!still_fails(r, &k, how)) continue;
    r->k = k;
    break;
  }
  printf("---- reduced:\n");
  run_kernel(r);
}

static outcome run_seed(uint64_t seed) {
  run r = {.seed = seed, .k = random_kernel_of(seed)};
  outcome o = run_kernel(&r);
  if ((o == DIFFERENT || o == REFUSED) && getenv("RANDOM_KERNELS_REDUCE"))
    reduce(&r);
  free(r.k.text);
  return o;
}

/* ---- many kernels ----------------------------------------------------- */

typedef struct counts {
  unsigned long long of[REFUSED + 1]; /* by outcome */
} counts;

/* Every step-th seed from first on. */
static counts run_some(uint64_t first, uint64_t end, uint64_t step) {
  counts c = {{0}};
  for (uint64_t seed = first; seed < end; seed += step) {
    clock_t start = clock();
    c.of[run_seed(seed)]++;
    if (getenv("RANDOM_KERNELS_VERBOSE"))
      fprintf(stderr, "seed %llu took %.2f s\n", (unsigned long long)seed,
              (double)(clock() - start) / CLOCKS_PER_SEC);
  }
  return c;
}

/* Nearly all of the time goes into making machine code, on one CPU: several
 * processes, this one among them, share the seeds. */
static counts run_shared(uint64_t first, uint64_t end) {
  int from[PROCESSES][2];
  pid_t child[PROCESSES];
  fflush(stdout);
  for (int p = 1; p < PROCESSES; p++) {
    assert_int_equal(pipe(from[p]), 0);
    child[p] = fork();
    assert_true(child[p] >= 0);
    if (child[p] > 0) continue;
    counts c = run_some(first + (uint64_t)p, end, PROCESSES);
    fflush(stdout);
    _exit(write(from[p][1], &c, sizeof c) == (ssize_t)sizeof c ? 0 : 1);
  }
  counts all = run_some(first, end, PROCESSES);
  for (int p = 1; p < PROCESSES; p++) {
    counts c;
    int status;
    close(from[p][1]);
    if (read(from[p][0], &c, sizeof c) != (ssize_t)sizeof c)
      fail_msg("a process that ran a share of the kernels ended early");
    close(from[p][0]);
    assert_int_equal(waitpid(child[p], &status, 0), child[p]);
    for (int o = EQUAL; o <= REFUSED; o++) all.of[o] += c.of[o];
  }
  return all;
}

static void run_seeds(uint64_t first, uint64_t n, bool shared) {
  counts c = shared ? run_shared(first, first + n)
                    : run_some(first, first + n, 1);
  printf("%llu kernels: %llu equal, %llu different, %llu over a limit, %llu "
         "refused\n", (unsigned long long)n, c.of[EQUAL], c.of[DIFFERENT],
         c.of[OVER_A_LIMIT], c.of[REFUSED]);
  assert_int_equal(c.of[DIFFERENT], 0);
  assert_int_equal(c.of[REFUSED], 0);
  assert_true(c.of[OVER_A_LIMIT] * 10 <= n + 9);
}

static void random_kernels_agree_with_the_evaluator(void **state) {
  (void)state;
  unsigned long long first = FIRST, n = SHORT_RUN;
  const char *seeds = getenv("RANDOM_KERNELS");
  if (seeds && sscanf(seeds, "%llu:%llu", &first, &n) != 2)
    fail_msg("RANDOM_KERNELS is not first:count");
  run_seeds(first, n, !seeds);
}

static void optimized_kernels_compute_the_same(void **state) {
  (void)state;
  if (getenv("RANDOM_KERNELS")) skip();
  setenv("RANDOM_KERNELS_COMPILE", "1", 1);
  run_seeds(FIRST, COMPILED, false);
  unsetenv("RANDOM_KERNELS_COMPILE");
}

int main(void) {
  setenv("SOFTMETAL_CHECK", "1", 1);
  setenv("SOFTMETAL_CACHE", "0", 0); /* nothing is compiled twice */
  setenv("TRITON_METAL_CACHE", "0", 0);
  setenv("SOFTMETAL_CHIP", "m5-max", 1); /* runs what is made for any */
  setenv("SOFTMETAL_CODEGEN", "0", 0); /* most of the time goes there */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_kernels_agree_with_the_evaluator),
      cmocka_unit_test(optimized_kernels_compute_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
