/* SPDX-License-Identifier: MIT */
/*
 * test_autotune.c - functions with several configurations: which are tried,
 * what a tuning launch leaves in memory, what is remembered, and what is
 * passed over and why.
 *
 * A kernel stores a number that its configuration sets, so that memory says
 * which one ran. Where the fastest is to win, the others do thousands of
 * times its work.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../runtime/function/function.h"

static tm_error *error;
static char folder[64];
static char *lines;       /* what the library has logged */
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static void refused(tm_status found, tm_status expected, const char *part) {
  if (found != expected)
    fail_msg("%s, expected %s: %s", tm_status_name(found),
             tm_status_name(expected), tm_error_text(error));
  if (!strstr(tm_error_text(error), part))
    fail_msg("'%s' does not have '%s'", tm_error_text(error), part);
  tm_error_destroy(error);
  error = NULL;
}

static void log_line(void *payload, uint32_t level, const char *line) {
  (void)payload;
  (void)level;
  pthread_mutex_lock(&lines_lock);
  size_t n = lines ? strlen(lines) : 0;
  lines = realloc(lines, n + strlen(line) + 2);
  sprintf(lines + n, "%s\n", line);
  pthread_mutex_unlock(&lines_lock);
}

/* How often the log has a text; empties it. */
static int logged(const char *text) {
  int n = 0;
  for (const char *at = lines; at && (at = strstr(at, text)); at++) n++;
  free(lines);
  lines = NULL;
  return n;
}

/* A machine: context, stream, and buffers that every test starts with. */
typedef struct bench {
  tm_context *context;
  tm_stream *stream;
  tm_module *module;
  tm_function *f;
  tm_buffer *x, *out;
  int32_t *in, *result;
} bench;

enum { N = 256 };

static const char prelude[] =
    "import triton\n"
    "import triton.language as tl\n"
    "from elsewhere import UNKNOWN\n"
    "C = triton.Config\n"
    /* Stores WORK, after work that is WORK times as long. */
    "@triton.jit\n"
    "def busy(x, out, i, WORK: tl.constexpr):\n"
    "    s = tl.load(x + i).to(tl.float32)\n"
    "    for k in range(WORK):\n"
    "        s = s * 0.75 + k\n"
    "    tl.store(out + i, tl.where(s == -1.0, 0, WORK))\n";

static tm_module *parse(const char *text) {
  tm_module *m;
  char *whole;
  assert_true(asprintf(&whole, "%s%s", prelude, text) > 0);
  OK(tm_module_parse(&m, "ops", "ops.py", whole, strlen(whole), NULL,
                     &error));
  free(whole);
  return m;
}

static tm_buffer *integers(tm_context *context, int32_t first) {
  tm_buffer *buffer;
  OK(tm_buffer_create(&buffer, context, N * sizeof(int32_t), NULL, &error));
  int32_t *at = tm_buffer_contents(buffer);
  for (int i = 0; i < N; i++) at[i] = first;
  return buffer;
}

static void open_with(bench *b, const char *text,
                      const tm_function_options *options, bool tunes) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = folder;
  o.log = log_line;
  o.debug_level = 1;
  o.auto_tuning = tunes ? TM_SWITCH_ON : TM_SWITCH_OFF;
  OK(tm_context_create(&b->context, &o, &error));
  OK(tm_stream_create(&b->stream, b->context, NULL, &error));
  b->module = parse(text);
  OK(tm_function_create(&b->f, b->context, b->module, "k", options, &error));
  b->x = integers(b->context, 1);
  b->out = integers(b->context, -1);
  b->in = tm_buffer_contents(b->x);
  b->result = tm_buffer_contents(b->out);
}

static void open(bench *b, const char *text) {
  open_with(b, text, NULL, true);
}

static void close_bench(bench *b) {
  tm_function_destroy(b->f);
  tm_buffer_destroy(b->x);
  tm_buffer_destroy(b->out);
  tm_module_destroy(b->module);
  tm_stream_destroy(b->stream);
  tm_context_destroy(b->context);
}

/* k(x, out, n) on a grid that is one program, or as options say. */
static tm_status launch(bench *b, int64_t n, const tm_launch_options *options) {
  tm_arg args[3] = {tm_arg_tensor(b->x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b->out, 0, TM_DTYPE_I32), tm_arg_int(n)};
  tm_status status = tm_function_launch(b->stream, b->f, tm_grid_1d(1), args,
                                        3, options, &error);
  if (!status) OK(tm_stream_synchronize(b->stream, TM_WAIT_FOREVER, &error));
  return status;
}

/* ---- rows ---------------------------------------------------------------- */

typedef struct rows {
  tm_tuning_row row[32];
  size_t n;
} rows;

static int keep_row(void *payload, const tm_tuning_row *row) {
  rows *to = payload;
  assert_true(to->n < 32);
  to->row[to->n++] = *row;
  return 1;
}

static rows rows_of(bench *b) {
  rows r = {.n = 0};
  OK(tm_function_tuning(b->f, keep_row, &r, &error));
  return r;
}

/* The row of that configuration, under a key with that text in it. */
static const tm_tuning_row *find(const rows *r, const char *config,
                                 const char *key) {
  for (size_t i = 0; i < r->n; i++)
    if (!strcmp(r->row[i].config, config) && strstr(r->row[i].key, key))
      return &r->row[i];
  fail_msg("no row '%s' for '%s'", config, key);
  return NULL;
}

/* ---- kernels ------------------------------------------------------------- */

/* The slow one first, so that the list's order does not choose the winner. */
#define WORKS "C({'WORK': 200000}, num_warps=1), C({'WORK': 1}, num_warps=1)"
#define BUSY(decorator)                                            \
  decorator "@triton.jit\n"                                        \
  "def k(x, out, n, WORK: tl.constexpr):\n"                        \
  "    busy(x, out, tl.arange(0, 64), WORK)\n"

static void one_program(void *payload, const tm_define *values, size_t n,
                        tm_grid *grid) {
  (void)payload;
  (void)values;
  (void)n;
  *grid = tm_grid_1d(1);
}
static const tm_launch_options any_values = {
    .struct_size = sizeof any_values, .grid_of = one_program};

static void the_fastest_configuration_wins_and_runs(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  OK(launch(&b, 7, &any_values));
  assert_int_equal(b.result[0], 1);
  assert_int_equal(b.result[63], 1);
  assert_int_equal(b.result[64], -1);
  rows r = rows_of(&b);
  assert_int_equal(r.n, 2);
  const tm_tuning_row *slow = find(&r, "WORK=200000, num_warps=1", "n=7"),
                      *fast = find(&r, "WORK=1, num_warps=1", "n=7");
  assert_true(fast->seconds > 0 && slow->seconds > 2 * fast->seconds);
  assert_true(fast->predicted > 0 && slow->predicted > 0);
  assert_int_equal(fast->chosen, 1);
  assert_int_equal(slow->chosen, 0);
  assert_null(fast->failure);
  assert_non_null(strstr(fast->key, "x: *i32, out: *i32"));
  close_bench(&b);
}

static void a_key_is_tuned_once_and_others_for_themselves(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  free(lines);
  lines = NULL;
  OK(launch(&b, 100, &any_values));
  assert_int_equal(logged("the fastest takes"), 1);
  OK(launch(&b, 100, &any_values));
  assert_int_equal(logged("autotune"), 0);
  OK(launch(&b, 101, &any_values));
  assert_int_equal(logged("the fastest takes"), 1);
  /* Other types of elements, with the same n. */
  tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b.out, 0, TM_DTYPE_U32), tm_arg_int(101)};
  OK(tm_function_launch(b.stream, b.f, tm_grid_1d(1), args, 3, &any_values,
                        &error));
  assert_int_equal(logged("the fastest takes"), 1);
  assert_int_equal(rows_of(&b).n, 6);
  close_bench(&b);
}

static void arguments_outside_the_key_tune_nothing(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=[])\n"));
  OK(launch(&b, 200, &any_values));
  OK(launch(&b, 201, &any_values));
  OK(launch(&b, 208, &any_values));
  assert_int_equal(logged("the fastest takes"), 1);
  assert_int_equal(rows_of(&b).n, 2);
  close_bench(&b);
}

/* In place, one more with every run; and each configuration writes elements
 * that the winner does not. */
static void a_tuning_launch_leaves_what_one_launch_leaves(void **state) {
  (void)state;
  bench b;
  open(&b,
       "@triton.autotune([C({'WORK': 200000, 'SPAN': 128}), C({'WORK': 1, "
       "'SPAN': 64})], key=['n'])\n"
       "@triton.jit\n"
       "def k(x, out, n, WORK: tl.constexpr, SPAN: tl.constexpr):\n"
       "    i = tl.arange(0, SPAN)\n"
       "    busy(x, out, i, WORK)\n"
       "    tl.store(x + i, tl.load(x + i) + 1)\n"
       "    tl.atomic_add(x + 200, 1)\n");
  for (int i = 0; i < N; i++) b.in[i] = i;
  for (int round = 1; round <= 3; round++) {
    OK(launch(&b, 11, &any_values));
    for (int i = 0; i < N; i++) {
      assert_int_equal(b.in[i], i + (i < 64 || i == 200 ? round : 0));
      assert_int_equal(b.result[i], i < 64 ? 1 : -1);
    }
  }
  assert_int_equal(logged("the fastest takes"), 1);
  close_bench(&b);
}

/* Between its runs: what is read is put back before each, what is to be zero
 * is. Looked at before the end puts everything back. */
static void runs_begin_with_what_the_launch_found(void **state) {
  (void)state;
  for (int zeroed = 0; zeroed < 2; zeroed++) {
    bench b;
    tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
    const char *const names[] = {"x"};
    if (zeroed) o.reset_to_zero = names;
    o.n_reset_to_zero = (size_t)zeroed;
    o.warmup = 2;
    o.repetitions = 3;
    open_with(&b,
              "@triton.jit\n"
              "def k(x, out, n):\n"
              "    i = tl.arange(0, 64)\n"
              "    tl.store(x + i, tl.load(x + i) + 1)\n"
              "    tl.store(out + i, tl.load(x + i))\n",
              &o, true);
    for (int i = 0; i < N; i++) b.in[i] = 40;
    tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                      tm_arg_tensor(b.out, 0, TM_DTYPE_I32), tm_arg_int(3)};
    tmi_call call = {.function = b.f, .args = args, .n_args = 3,
                     .is_launch = true, .stream = b.stream,
                     .grid = tm_grid_1d(1)};
    tmi_timing t;
    tmi_choice c;
    tmi_variant *v;
    double seconds;
    OK(tmi_choose(&call, NULL, &c, &error));
    OK(tmi_variant_of(b.f, &c, &v, &error));
    OK(tmi_timing_begin(&t, &call, &error));
    OK(tmi_timing_run(&t, v, &c, &seconds, &error));
    assert_string_equal(t.refusal, "");
    assert_true(seconds > 0);
    assert_int_equal(b.in[5], zeroed ? 1 : 41); /* after five runs */
    assert_int_equal(b.in[70], zeroed ? 0 : 40);
    assert_int_equal(b.result[5], zeroed ? 1 : 41);
    tmi_timing_end(&t);
    tmi_choice_free(&c);
    for (int i = 0; i < N; i++) {
      assert_int_equal(b.in[i], 40);
      assert_int_equal(b.result[i], -1);
    }
    close_bench(&b);
  }
}

/* ---- what is passed over ------------------------------------------------- */

static void configurations_that_fail_are_reported_and_passed_over(
    void **state) {
  (void)state;
  bench b;
  open(&b,
       "@triton.autotune([\n"
       "  C({'WORK': 1, 'B': 64, 'BIG': 1 << 22}),\n"
       "  C({'WORK': 2, 'B': 64, 'BIG': 1}),\n"
       "  C({'WORK': 3, 'B': 48, 'BIG': 1}),\n"
       "  C({'WORK': 5, 'B': 64, 'BIG': 1}, num_warps=64),\n"
       "  C({'WORK': 1, 'B': 64, 'BIG': 2}),\n"
       "  C({'WORK': 200000, 'B': 64, 'BIG': 2})], key=['n'])\n"
       "@triton.jit\n"
       "def k(x, out, n, WORK: tl.constexpr, B: tl.constexpr, BIG: "
       "tl.constexpr):\n"
       "    tl.static_assert(WORK != 2, 'two is not for us')\n"
       "    i = tl.arange(0, B)\n"
       "    j = tl.arange(0, BIG)\n"
       "    busy(x, out, i, WORK)\n"
       "    tl.store(out + 100 + tl.sum(j) * 0, BIG)\n");
  OK(launch(&b, 21, &any_values));
  assert_int_equal(b.result[0], 1);
  assert_int_equal(b.result[100], 2);
  rows r = rows_of(&b);
  assert_int_equal(r.n, 6);
  assert_non_null(find(&r, "WORK=1, B=64, BIG=4194304", "n=21")->failure);
  const char *why = find(&r, "WORK=2, B=64, BIG=1", "n=21")->failure;
  assert_non_null(why);
  assert_non_null(strstr(why, "two is not for us"));
  why = find(&r, "WORK=3, B=48, BIG=1", "n=21")->failure;
  assert_non_null(why);
  assert_non_null(strstr(why, "power"));
  assert_non_null(find(&r, "WORK=5, B=64, BIG=1, num_warps=64", "n")->failure);
  assert_int_equal(find(&r, "WORK=1, B=64, BIG=2", "n=21")->chosen, 1);
  close_bench(&b);
}

#if !defined(__APPLE__)
/* Faults of softmetal, by count: the first configuration meets them. */
static void what_fails_in_metal_or_on_the_gpu_is_passed_over(void **state) {
  (void)state;
  static const struct { const char *fault, *text; } cases[] = {
      {"library:1", "kernel 'k'"}, {"pipeline:1", "kernel 'k'"},
      {"command:1", "failed on the GPU"}, {"command:4", "failed on the GPU"},
      {"timeout:2", "GPU Timeout"}};
  const char *text =
      "@triton.autotune([C({'WORK': 1}), C({'WORK': 2}), C({'WORK': 3})], "
      "key=['n'])\n"
      "@triton.jit\n"
      "def k(x, out, n, WORK: tl.constexpr):\n"
      "    i = tl.arange(0, 64)\n"
      "    busy(x, out, i, WORK)\n"
      "    tl.store(x + i, tl.load(x + i) + 1)\n";
  for (int i = 0; i < 5; i++) {
    bench b;
    open(&b, text);
    setenv("SOFTMETAL_FAULT", cases[i].fault, 1);
    OK(launch(&b, 22 + i, &any_values));
    unsetenv("SOFTMETAL_FAULT");
    assert_true(b.result[0] == 2 || b.result[0] == 3);
    assert_int_equal(b.in[0], 2);
    rows r = rows_of(&b);
    const tm_tuning_row *row = find(&r, "WORK=1", "n");
    assert_int_equal(row->chosen, 0);
    assert_non_null(row->failure);
    if (!strstr(row->failure, cases[i].text))
      fail_msg("'%s' does not have '%s'", row->failure, cases[i].text);
    close_bench(&b);
  }
  bench b;
  open(&b, text);
  setenv("SOFTMETAL_FAULT", "command:1+", 1);
  refused(launch(&b, 30, &any_values), TM_E_DEVICE, "failed on the GPU");
  unsetenv("SOFTMETAL_FAULT");
  for (int i = 0; i < N; i++) assert_int_equal(b.in[i], 1);
  for (int i = 0; i < N; i++) assert_int_equal(b.result[i], -1);
  OK(launch(&b, 30, &any_values)); /* tuned anew */
  assert_int_equal(b.in[0], 2);
  close_bench(&b);
}
#endif

static void when_all_fail_the_first_says_why(void **state) {
  (void)state;
  bench b;
  open(&b, "@triton.autotune([C({'B': 48}), C({'B': 24})], key=[])\n"
           "@triton.jit\n"
           "def k(x, out, n, B: tl.constexpr):\n"
           "    tl.store(out + tl.arange(0, B), 1)\n");
  for (int i = 0; i < 2; i++) {
    tm_status status = launch(&b, 1, &any_values);
    assert_int_not_equal(status, TM_OK);
    refused(status, status, "48");
  }
  assert_int_equal(rows_of(&b).n, 0);
  tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b.out, 0, TM_DTYPE_I32), tm_arg_int(1)};
  tm_status status = tm_function_warmup(b.f, args, 3, NULL, &error);
  refused(status, status, "48");
  assert_int_not_equal(status, TM_OK);
  close_bench(&b);
}

static void a_configuration_with_a_hook_is_not_used_without_it(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("def zero(args):\n    args['out'].zero_()\n"
                "@triton.autotune([C({'WORK': 1}, pre_hook=zero)], key=[])\n"));
  refused(launch(&b, 1, NULL), TM_E_UNSUPPORTED, "pre_hook");
  tm_define work = {"WORK", tm_arg_int(4)};
  tm_launch_options o = any_values;
  o.named = &work;
  o.n_named = 1;
  OK(launch(&b, 1, &o)); /* the caller knows */
  assert_int_equal(b.result[0], 4);
  close_bench(&b);
  open(&b, BUSY("def zero(args):\n    args['out'].zero_()\n"
                "@triton.autotune([C({'WORK': 1}, pre_hook=zero), "
                "C({'WORK': 2})], key=[])\n"));
  OK(launch(&b, 1, &any_values));
  assert_int_equal(b.result[0], 2);
  close_bench(&b);
}

/* ---- the grid ------------------------------------------------------------ */

#define BLOCKS                                                              \
  "@triton.autotune([C({'B': 64}, num_warps=2), C({'B': 64}, num_warps=1)," \
  " C({'B': 16}, num_warps=1)], key=['n'])\n"                               \
  "@triton.jit\n"                                                           \
  "def k(x, out, n, B: tl.constexpr):\n"                                    \
  "    i = tl.program_id(0) * B + tl.arange(0, B)\n"                        \
  "    tl.store(out + i, B + tl.load(x + i, i < n) * 0, i < n)\n"

static void by_block(void *payload, const tm_define *values, size_t n,
                     tm_grid *grid) {
  ++*(int *)payload;
  int64_t block = tm_define_int(values, n, "B", 0);
  int64_t length = tm_define_int(values, n, "n", 0);
  assert_true(block > 0 && length > 0);
  *grid = tm_grid_1d((uint32_t)((length + block - 1) / block));
}

/* 64 elements a program: blocks of 16 would leave three quarters out. */
static void a_grid_that_is_a_number_keeps_the_values_it_is_for(void **state) {
  (void)state;
  bench b;
  open(&b, BLOCKS);
  OK(launch(&b, 64, NULL));
  for (int i = 0; i < 64; i++) assert_int_equal(b.result[i], 64);
  rows r = rows_of(&b);
  const tm_tuning_row *other = find(&r, "B=16, num_warps=1", "n=64");
  assert_non_null(strstr(other->failure, "grid_of"));
  assert_true(other->seconds == 0);
  assert_true(find(&r, "B=64, num_warps=1", "n=64")->seconds > 0);
  close_bench(&b);
}

static void a_grid_that_is_a_function_follows_the_values(void **state) {
  (void)state;
  bench b;
  int calls = 0;
  tm_launch_options o = TM_LAUNCH_OPTIONS_INIT;
  o.grid_of = by_block;
  o.payload = &calls;
  open(&b, BLOCKS);
  OK(launch(&b, 200, &o));
  for (int i = 0; i < 200; i++)
    assert_true(b.result[i] == 16 || b.result[i] == 64);
  assert_int_equal(b.result[200], -1);
  rows r = rows_of(&b);
  assert_true(find(&r, "B=16, num_warps=1", "n=200")->seconds > 0);
  assert_true(calls >= 3);
  /* Both ways of launching keep their own results. */
  OK(launch(&b, 200, NULL));
  assert_int_equal(b.result[0], 64);
  close_bench(&b);
}

/* ---- pruning ------------------------------------------------------------- */

#define THREE "[C({'WORK': 1}), C({'WORK': 3}), C({'WORK': 2000})]"

static void early_config_prune_is_computed_for_each_key(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("def prune(configs, named_args, **kwargs):\n"
                "    n = named_args['n']\n"
                "    assert named_args['x'].element_size() == 4\n"
                "    return [c for c in configs\n"
                "            if c.kwargs['WORK'] >= n and c.num_warps == 4]\n"
                "@triton.autotune(" THREE ", key=['n'], prune_configs_by="
                "{'early_config_prune': prune})\n"));
  OK(launch(&b, 3, &any_values));
  assert_int_equal(b.result[0], 3);
  rows r = rows_of(&b);
  assert_string_equal(find(&r, "WORK=1", "n=3")->failure, "pruned");
  OK(launch(&b, 2000, &any_values));
  assert_int_equal(b.result[0], 2000);
  assert_int_equal(logged("the fastest takes"), 1); /* one is not measured */
  refused(launch(&b, 2001, &any_values), TM_E_UNSUPPORTED,
          "leaves no configuration");
  close_bench(&b);
}

static size_t prune_to(void *payload, const tm_config *configs, size_t n,
                       const tm_define *args, size_t n_args, uint32_t *keep) {
  const int *want = payload;
  assert_int_equal(n, 3);
  assert_int_equal(tm_define_int(args, n_args, "n", -1), 9);
  if (*want == 99) return 0;
  if (*want == 98) return keep[0] = 3, 1;
  size_t kept = 0;
  for (uint32_t i = 0; i < n; i++)
    if (tm_define_int(configs[i].defines, configs[i].n_defines, "WORK", 0) ==
        *want)
      keep[kept++] = i;
  return kept;
}

static void pruning_that_cannot_be_computed_is_the_callers(void **state) {
  (void)state;
  const char *text =
      BUSY("def prune(configs, named_args, **kwargs):\n"
           "    return UNKNOWN.best(configs)\n"
           "@triton.autotune(" THREE ", key=['n'], prune_configs_by="
           "{'early_config_prune': prune})\n");
  bench b;
  open(&b, text);
  refused(launch(&b, 9, &any_values), TM_E_UNSUPPORTED,
          "tm_function_options.prune");
  close_bench(&b);
  tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
  int want = 3;
  o.prune = prune_to;
  o.payload = &want;
  open_with(&b, text, &o, true);
  OK(launch(&b, 9, &any_values));
  assert_int_equal(b.result[0], 3);
  close_bench(&b);
  for (want = 98; want <= 99; want++) {
    open_with(&b, text, &o, true);
    refused(launch(&b, 9, &any_values), TM_E_ARGUMENT, "prune keeps");
    close_bench(&b);
  }
}

static size_t measured(const rows *r) {
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++) n += r->row[i].seconds > 0;
  return n;
}

static void the_model_prunes_to_so_many(void **state) {
  (void)state;
  bench b;
  tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
  o.model_keep = 2;
  const char *plain = BUSY("@triton.autotune(" THREE ", key=['n'])\n");
  open_with(&b, plain, &o, true);
  OK(launch(&b, 31, &any_values));
  rows r = rows_of(&b);
  assert_int_equal(measured(&r), 2);
  /* The longest loop is the one that the model puts last. */
  assert_non_null(strstr(find(&r, "WORK=2000", "n=31")->failure, "model"));
  close_bench(&b);
  const struct { const char *top_k; size_t expected; } cases[] = {
      {"2", 2}, {"0.7", 2}, {"1.0", 3}, {"0.1", 0}};
  for (int i = 0; i < 4; i++) {
    char text[1000];
    snprintf(text, sizeof text,
             BUSY("@triton.autotune(" THREE ", key=['n'], prune_configs_by="
                  "{'perf_model': UNKNOWN.model, 'top_k': %s})\n"),
             cases[i].top_k);
    open(&b, text);
    OK(launch(&b, 32 + i, &any_values));
    r = rows_of(&b);
    assert_int_equal(measured(&r), cases[i].expected);
    close_bench(&b);
  }
}

/* ---- without measuring --------------------------------------------------- */

static void without_tuning_the_model_chooses(void **state) {
  (void)state;
  bench b;
  open_with(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"), NULL,
            false);
  OK(launch(&b, 41, &any_values));
  assert_int_equal(b.result[0], 1); /* the second: fewer operations */
  rows r = rows_of(&b);
  assert_int_equal(measured(&r), 0);
  assert_int_equal(find(&r, "WORK=1, num_warps=1", "n=41")->chosen, 1);
  assert_int_equal(logged("the model takes"), 1);
  close_bench(&b);
}

static void what_cannot_be_measured_is_the_models_choice_and_said(
    void **state) {
  (void)state;
  bench b;
  open(&b, "@triton.autotune([" WORKS "], key=['n'])\n"
           "@triton.jit\n"
           "def k(x, out, n, WORK: tl.constexpr):\n"
           "    busy(x, out, tl.arange(0, 64), WORK)\n"
           "    tl.device_print('w', n)\n");
  OK(launch(&b, 51, &any_values));
  rows r = rows_of(&b);
  assert_int_equal(measured(&r), 0);
  assert_string_equal(find(&r, "WORK=1, num_warps=1", "n=51")->failure,
                      "not measured: the kernel prints or asserts");
  char text[4096];
  size_t size = tm_stream_read_printed(b.stream, text, sizeof text - 1);
  text[size] = 0;
  int printed = 0;
  for (char *at = text; (at = strstr(at, "w: 51")); at++) printed++;
  assert_int_equal(printed, 1);
  close_bench(&b);

  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  unsigned char *contents = b.out->contents;
  b.out->contents = NULL; /* as private storage has it */
  OK(launch(&b, 52, &any_values));
  b.out->contents = contents;
  assert_int_equal(b.result[0], 1);
  r = rows_of(&b);
  assert_non_null(strstr(find(&r, "WORK=1, num_warps=1", "n=52")->failure,
                         "'out' is in private storage"));
  close_bench(&b);
}

static void nothing_is_measured_while_a_graph_is_recorded(void **state) {
  (void)state;
  bench b;
  tm_graph *graph;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  OK(tm_graph_begin(b.stream, NULL, &error));
  tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b.out, 0, TM_DTYPE_I32), tm_arg_int(53)};
  OK(tm_function_launch(b.stream, b.f, tm_grid_1d(1), args, 3, &any_values,
                        &error));
  OK(tm_graph_end(&graph, b.stream, &error));
  assert_int_equal(b.result[0], -1);
  assert_int_equal(logged("the model takes"), 1);
  OK(tm_graph_launch(b.stream, graph, &error));
  OK(tm_stream_synchronize(b.stream, TM_WAIT_FOREVER, &error));
  assert_int_equal(b.result[0], 1);
  OK(launch(&b, 53, &any_values)); /* now it is */
  assert_int_equal(logged("the fastest takes"), 1);
  tm_graph_destroy(graph);
  close_bench(&b);
}

/* ---- what is remembered -------------------------------------------------- */

static void the_next_process_measures_nothing(void **state) {
  (void)state;
  const char *text = BUSY("@triton.autotune([" WORKS "], key=['n'])\n");
  bench b;
  open(&b, text);
  OK(launch(&b, 61, &any_values));
  assert_int_equal(logged("the fastest takes"), 1);
  double seconds = rows_of(&b).row[0].seconds;
  close_bench(&b);
  open(&b, text);
  /* The question alone finds it, too. */
  tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b.out, 0, TM_DTYPE_I32), tm_arg_int(61)};
  OK(tm_stream_synchronize(b.stream, TM_WAIT_FOREVER, &error));
  tm_kernel *kernel, *first;
  OK(tm_function_kernel(&kernel, b.f, args, 3, &any_values, &error));
  OK(launch(&b, 61, &any_values));
  assert_int_equal(b.result[0], 1);
  OK(tm_function_kernel(&first, b.f, args, 3, &any_values, &error));
  assert_ptr_equal(kernel, first);
  assert_int_equal(tm_function_variants(b.f), 1);
  tm_kernel_destroy(kernel);
  tm_kernel_destroy(first);
  assert_int_equal(logged("the fastest takes"), 0);
  rows r = rows_of(&b);
  assert_true(r.row[0].seconds == seconds);
  close_bench(&b);
}

/* Whatever a result depends on: another value of it is another result. */
static void another_list_or_text_or_key_is_measured_anew(void **state) {
  (void)state;
  const char *const texts[] = {
      BUSY("@triton.autotune([" WORKS "], key=['n'])\n"),
      BUSY("@triton.autotune([" WORKS ", C({'WORK': 7})], key=['n'])\n"),
      BUSY("@triton.autotune([C({'WORK': 200000}, num_warps=1), "
           "C({'WORK': 1}, num_warps=2)], key=['n'])\n"),
      BUSY("# another text\n@triton.autotune([" WORKS "], key=['n'])\n"),
      BUSY("@triton.autotune([" WORKS "], key=[])\n")};
  for (int i = 0; i < 5; i++) {
    bench b;
    open(&b, texts[i]);
    OK(launch(&b, 62, &any_values));
    assert_int_equal(logged("the fastest takes"), 1);
    close_bench(&b);
  }
}

static void bytes_that_are_no_result_are_a_miss(void **state) {
  (void)state;
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  if (!tm_arena_guard(&arena, guard)) fail_msg("no memory");
  struct { tmi_record record; tmi_row rows[3]; } from, to;
  memset(&from, 0, sizeof from);
  from.record.n = 3;
  from.rows[0] = (tmi_row){2e-6, 1e-6, NULL};
  from.rows[1] = (tmi_row){0, 0, "over a limit"};
  from.rows[2] = (tmi_row){5e-7, 1e-6, NULL};
  bool candidates[3] = {true, true, true}, fewer[3] = {true, true, false};
  tm_buf row = tm_buf_in(&arena);
  tmi_tuning_write(&from.record, &row);
  memset(&to, 0, sizeof to);
  to.record.n = 3;
  for (size_t n = 0; n < row.len; n++)
    assert_false(tmi_tuning_read(row.data, n, candidates, &to.record));
  assert_false(tmi_tuning_read(row.data, row.len, fewer, &to.record));
  to.record.n = 2;
  assert_false(tmi_tuning_read(row.data, row.len, candidates, &to.record));
  to.record.n = 3;
  for (size_t i = 0; i < 8; i++) { /* the magic and the count */
    row.data[i] ^= 0x40;
    assert_false(tmi_tuning_read(row.data, row.len, candidates, &to.record));
    row.data[i] ^= 0x40;
  }
  row.data[8 + 7] ^= (char)0x80; /* the sign of the first time */
  assert_false(tmi_tuning_read(row.data, row.len, candidates, &to.record));
  row.data[8 + 7] ^= (char)0x80;
  for (int i = 0; i < 3; i++) {
    assert_true(to.rows[i].seconds == 0);
    assert_null(to.rows[i].failure);
  }
  assert_true(tmi_tuning_read(row.data, row.len, candidates, &to.record));
  assert_true(to.rows[0].seconds == 2e-6 && to.rows[2].seconds == 5e-7);
  assert_string_equal(to.rows[1].failure, "over a limit");
  free(to.rows[1].failure);
  tm_arena_free(&arena);
}

/* ---- threads ------------------------------------------------------------- */

static void *launch_some(void *payload) {
  bench *b = payload;
  tm_stream *stream;
  tm_error *e = NULL;
  size_t wrong = tm_stream_create(&stream, b->context, NULL, &e) != TM_OK;
  tm_arg args[3] = {tm_arg_tensor(b->x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b->out, 0, TM_DTYPE_I32), tm_arg_int(71)};
  for (int i = 0; i < 10 && !wrong; i++)
    wrong = tm_function_launch(stream, b->f, tm_grid_1d(1), args, 3,
                               &any_values, &e) != TM_OK ||
            tm_stream_synchronize(stream, TM_WAIT_FOREVER, &e) != TM_OK;
  tm_stream_destroy(stream);
  tm_error_destroy(e);
  return (void *)wrong;
}

static void threads_that_want_one_key_wait_for_one_tuning(void **state) {
  (void)state;
  bench b;
  pthread_t threads[4];
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, launch_some, &b), 0);
  for (int i = 0; i < 4; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    assert_null(wrong);
  }
  assert_int_equal(logged("the fastest takes"), 1);
  assert_int_equal(b.result[0], 1);
  close_bench(&b);
}

/* ---- the rest of the interface ------------------------------------------- */

static void warming_up_compiles_all_and_runs_nothing(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS ", C({'WORK': 1}, num_warps=64)], "
                "key=['n'])\n"));
  tm_arg args[3] = {tm_arg_tensor(b.x, 0, TM_DTYPE_I32),
                    tm_arg_tensor(b.out, 0, TM_DTYPE_I32), tm_arg_int(81)};
  OK(tm_function_warmup(b.f, args, 3, NULL, &error));
  assert_int_equal(tm_function_variants(b.f), 2);
  assert_int_equal(b.result[0], -1);
  assert_int_equal(logged("Metal compiled"), 2);
  OK(launch(&b, 81, &any_values));
  assert_int_equal(logged("Metal compiled"), 0);
  close_bench(&b);
  open(&b, BUSY(""));
  args[0].u.buffer = b.x;
  args[1].u.buffer = b.out;
  tm_define work = {"WORK", tm_arg_int(2)};
  tm_launch_options o = any_values;
  o.named = &work;
  o.n_named = 1;
  OK(tm_function_warmup(b.f, args, 3, &o, &error));
  assert_int_equal(logged("Metal compiled"), 1);
  refused(tm_function_warmup(b.f, args, 3, NULL, &error), TM_E_ARGUMENT,
          "'WORK' is given no value");
  close_bench(&b);
}

static void configurations_may_be_the_callers(void **state) {
  (void)state;
  tm_define slow = {"WORK", tm_arg_int(200000)}, fast = {"WORK", tm_arg_int(2)};
  tm_config configs[2] = {{&slow, 1, 1, 0}, {&fast, 1, 1, 0}};
  const char *key[] = {"n"}, *wrong[] = {"m"};
  tm_function_options o = TM_FUNCTION_OPTIONS_INIT;
  o.configs = configs;
  o.n_configs = 2;
  o.key = key;
  o.n_key = 1;
  bench b;
  open_with(&b, BUSY("@triton.autotune([C({'WORK': 3})], key=[])\n"), &o, true);
  OK(launch(&b, 91, &any_values));
  assert_int_equal(b.result[0], 2);
  assert_int_equal(rows_of(&b).n, 2);
  tm_function *none;
#define REFUSED(part)                                                        \
  refused(tm_function_create(&none, b.context, b.module, "k", &o, &error), \
          TM_E_ARGUMENT, part)
  o.key = wrong;
  REFUSED("'m'");
  o.key = key;
  o.restore_value = wrong;
  o.n_restore_value = 1;
  REFUSED("'m'");
  o.restore_value = NULL;
  REFUSED("o->restore_value || !o->n_restore_value");
  o.n_restore_value = 0;
  slow.name = "WIDTH";
  REFUSED("'WIDTH'");
  slow.name = "WORK";
  slow.value = tm_arg_buffer(b.x, 0);
  REFUSED("compile-time");
#undef REFUSED
  close_bench(&b);
}

static void what_a_launch_gives_needs_no_tuning(void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['n'])\n"));
  tm_define work = {"WORK", tm_arg_int(9)};
  tm_launch_options o = TM_LAUNCH_OPTIONS_INIT;
  o.named = &work;
  o.n_named = 1;
  OK(launch(&b, 95, &o));
  assert_int_equal(b.result[0], 9);
  assert_int_equal(logged("the fastest takes"), 0);
  close_bench(&b);
}

static void names_that_are_no_parameters_are_reported_when_needed(
    void **state) {
  (void)state;
  bench b;
  open(&b, BUSY("@triton.autotune([" WORKS "], key=['m'])\n"));
  refused(launch(&b, 1, NULL), TM_E_ARGUMENT, "'m', which is no parameter");
  close_bench(&b);
}

/* EVEN depends on n and on what the configuration sets; 96 values of n are
 * remembered, asked again, and still themselves. */
static void heuristics_see_the_configuration_and_every_argument(void **state) {
  (void)state;
  bench b;
  open(&b, "@triton.autotune([C({'B': 32})], key=[])\n"
           "@triton.heuristics({'EVEN': lambda a: a['n'] % a['B'] == 0,\n"
           "                    'NAME': lambda a: 'n' + str(a['n'])})\n"
           "@triton.jit\n"
           "def k(x, out, n, B: tl.constexpr, EVEN: tl.constexpr, NAME: "
           "tl.constexpr):\n"
           "    tl.store(out, 1 if EVEN else 0)\n"
           "    tl.store(out + 1, 1 if NAME == 'n64' else 0)\n");
  for (int round = 0; round < 2; round++)
    for (int n = 62; n < 66; n++) {
      OK(launch(&b, n, NULL));
      assert_int_equal(b.result[0], n == 64);
      assert_int_equal(b.result[1], n == 64);
    }
  close_bench(&b);
}

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tm-autotune-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  char command[100];
  free(lines);
  lines = NULL;
  tm_error_destroy(error);
  error = NULL;
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(the_fastest_configuration_wins_and_runs),
      TEST(a_key_is_tuned_once_and_others_for_themselves),
      TEST(arguments_outside_the_key_tune_nothing),
      TEST(a_tuning_launch_leaves_what_one_launch_leaves),
      TEST(runs_begin_with_what_the_launch_found),
      TEST(configurations_that_fail_are_reported_and_passed_over),
#if !defined(__APPLE__)
      TEST(what_fails_in_metal_or_on_the_gpu_is_passed_over),
#endif
      TEST(when_all_fail_the_first_says_why),
      TEST(a_configuration_with_a_hook_is_not_used_without_it),
      TEST(a_grid_that_is_a_number_keeps_the_values_it_is_for),
      TEST(a_grid_that_is_a_function_follows_the_values),
      TEST(early_config_prune_is_computed_for_each_key),
      TEST(pruning_that_cannot_be_computed_is_the_callers),
      TEST(the_model_prunes_to_so_many),
      TEST(without_tuning_the_model_chooses),
      TEST(what_cannot_be_measured_is_the_models_choice_and_said),
      TEST(nothing_is_measured_while_a_graph_is_recorded),
      TEST(the_next_process_measures_nothing),
      TEST(another_list_or_text_or_key_is_measured_anew),
      TEST(bytes_that_are_no_result_are_a_miss),
      TEST(threads_that_want_one_key_wait_for_one_tuning),
      TEST(warming_up_compiles_all_and_runs_nothing),
      TEST(configurations_may_be_the_callers),
      TEST(what_a_launch_gives_needs_no_tuning),
      TEST(names_that_are_no_parameters_are_reported_when_needed),
      TEST(heuristics_see_the_configuration_and_every_argument),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
