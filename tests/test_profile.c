/* SPDX-License-Identifier: MIT */
/* test_profile.c - what the profiler says is what happened: counts, times,
 * bytes and operations, and a trace that keeps the rules of Chrome's format. */
#define _GNU_SOURCE
#include "../runtime/profile/profile.h"
#include "support/device.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n"
    "@triton.jit\n"
    "def spin(x, n, BLOCK: tl.constexpr, WORD: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    v = tl.load(x + i)\n"
    "    for k in range(n):\n"
    "        v = v * 1.0001 + 0.5\n"
    "    tl.store(x + i, v)\n";

#define expect_ok(call)                                            \
  do {                                                             \
    tm_error *error = NULL;                                        \
    if (call) fail_msg("%s", tm_error_text(error));                \
  } while (0)

/* The call, which stores its error in `error`, is refused with that text. */
#define expect_refused(call, part)                                       \
  do {                                                                   \
    tm_error *error = NULL;                                              \
    assert_int_equal(call, TM_E_ARGUMENT);                               \
    if (!strstr(tm_error_message(error), part))                          \
      fail_msg("'%s' does not have '%s'", tm_error_message(error), part); \
    tm_error_destroy(error);                                             \
  } while (0)

/* A device with a kernel compiled and three arrays. */
typedef struct bench {
  device_test device;
  tm_kernel *add;
  tm_buffer *x, *y, *out;
} bench;

enum { N = 1 << 16, BLOCK = 1024 };

static tm_kernel *compile(device_test *device, const char *name,
                          const char *signature) {
  tm_kernel *kernel;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = signature;
  expect_ok(tm_compile(&kernel, device->context, device->module, name,
                       &options, &error));
  return kernel;
}

static bench bench_open(void) {
  bench b = {.device = device_open(NULL, source)};
  b.add = compile(&b.device, "add",
                  "*fp32:16, *fp32:16, *fp32:16, i32, 1024");
  b.x = device_array(&b.device, N, 4);
  b.y = device_array(&b.device, N, 4);
  b.out = device_array(&b.device, N, 4);
  return b;
}

static void bench_close(bench *b) {
  tm_buffer_destroy(b->x);
  tm_buffer_destroy(b->y);
  tm_buffer_destroy(b->out);
  tm_kernel_destroy(b->add);
  device_close(&b->device);
}

static void start(bench *b, uint64_t most_events, tm_timing timing) {
  tm_profile_options options = TM_PROFILE_OPTIONS_INIT;
  options.most_events = most_events;
  options.timing = timing;
  expect_ok(tm_profile_start(b->device.context, &options, &error));
}

static tm_profile *stop(bench *b) {
  tm_profile *profile;
  expect_ok(tm_profile_stop(&profile, b->device.context, &error));
  return profile;
}

static void add_on(bench *b, tm_stream *stream, int n) {
  tm_arg args[4] = {tm_arg_buffer(b->x, 0), tm_arg_buffer(b->y, 0),
                    tm_arg_buffer(b->out, 0), tm_arg_int(n)};
  uint32_t programs = (uint32_t)(n + BLOCK - 1) / BLOCK;
  expect_ok(tm_launch(stream, b->add, tm_grid_1d(programs), args, 4, &error));
}

static void add(bench *b, int n) { add_on(b, b->device.stream, n); }

static void spin(bench *b, tm_kernel *kernel, int n) {
  tm_arg args[2] = {tm_arg_buffer(b->x, 0), tm_arg_int(n)};
  expect_ok(tm_launch(b->device.stream, kernel, tm_grid_1d(4), args, 2,
                      &error));
}

static void await(bench *b) {
  expect_ok(tm_stream_synchronize(b->device.stream, TM_WAIT_FOREVER, &error));
}

static tm_profile_row row_at(tm_profile *profile, size_t index) {
  tm_profile_row row = TM_PROFILE_ROW_INIT;
  expect_ok(tm_profile_row_at(profile, index, &row, &error));
  return row;
}

static tm_profile_row only_row(tm_profile *profile) {
  assert_int_equal(tm_profile_count(profile), 1);
  return row_at(profile, 0);
}

/* ---- traces ------------------------------------------------------------- */

static double number(const cJSON *item, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, key);
  if (!cJSON_IsNumber(value)) fail_msg("an event has no number '%s'", key);
  return value->valuedouble;
}

static const char *word(const cJSON *item, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, key);
  if (!cJSON_IsString(value)) fail_msg("an event has no text '%s'", key);
  return value->valuestring;
}

static bool is_phase(const cJSON *event, const char *phase) {
  return strcmp(word(event, "ph"), phase) == 0;
}

/* Nanoseconds: the trace's microseconds have three digits after the point. */
static long long ns(const cJSON *event, const char *key) {
  return llround(number(event, key) * 1000);
}

static cJSON *parse_trace(tm_profile *profile, cJSON **events) {
  const char *end = NULL, *text = tm_profile_trace(profile);
  assert_non_null(text);
  cJSON *root = cJSON_ParseWithOpts(text, &end, 1);
  if (!root) fail_msg("the trace is no JSON at: %.60s", end);
  *events = cJSON_GetObjectItemCaseSensitive(root, "traceEvents");
  assert_true(cJSON_IsArray(*events));
  return root;
}

/* Is there metadata of that name for the row? tid negative: for any. */
static bool has_name(const cJSON *events, const char *what, double pid,
                     double tid) {
  const cJSON *e;
  cJSON_ArrayForEach(e, events) {
    if (is_phase(e, "M") && !strcmp(word(e, "name"), what) &&
        number(e, "pid") == pid && (tid < 0 || number(e, "tid") == tid)) {
      const cJSON *args = cJSON_GetObjectItemCaseSensitive(e, "args");
      return strlen(word(args, "name")) > 0;
    }
  }
  return false;
}

/* Two complete events of one row are apart, or one is inside the other. */
static void assert_nests(const cJSON *a, const cJSON *b) {
  long long from_a = ns(a, "ts"), to_a = from_a + ns(a, "dur");
  long long from_b = ns(b, "ts"), to_b = from_b + ns(b, "dur");
  bool apart = to_a <= from_b || to_b <= from_a;
  bool inside = (from_a <= from_b && to_b <= to_a) ||
                (from_b <= from_a && to_a <= to_b);
  if (!apart && !inside)
    fail_msg("'%s' %lld to %lld and '%s' %lld to %lld overlap",
             word(a, "name"), from_a, to_a, word(b, "name"), from_b, to_b);
}

static void check_complete(const cJSON *events, const cJSON *event) {
  double pid = number(event, "pid"), tid = number(event, "tid");
  assert_true(strlen(word(event, "name")) > 0);
  assert_true(ns(event, "ts") >= 0);
  assert_true(ns(event, "dur") >= 0);
  assert_true(has_name(events, "process_name", pid, -1));
  assert_true(has_name(events, "thread_name", pid, tid));
  for (const cJSON *other = event->next; other; other = other->next)
    if (is_phase(other, "X") && number(other, "pid") == pid &&
        number(other, "tid") == tid)
      assert_nests(event, other);
}

/* Each beginning has one end with its id, not before it. */
static void check_pair(const cJSON *events, const cJSON *from,
                       const char *phase) {
  const cJSON *e;
  int found = 0;
  cJSON_ArrayForEach(e, events) {
    if (!is_phase(e, phase) || number(e, "id") != number(from, "id") ||
        strcmp(word(e, "cat"), word(from, "cat")) != 0)
      continue;
    assert_true(ns(e, "ts") >= ns(from, "ts"));
    found++;
  }
  assert_int_equal(found, 1);
}

typedef struct tally { int launches, kernels, waits, flows, work; } tally;

/* Checks every event and counts the kinds. */
static tally check_trace(tm_profile *profile) {
  cJSON *events, *root = parse_trace(profile, &events);
  tally sum = {0, 0, 0, 0, 0};
  const cJSON *e;
  cJSON_ArrayForEach(e, events) {
    if (is_phase(e, "X")) {
      check_complete(events, e);
      const char *category = word(e, "cat");
      sum.launches += !strcmp(category, "launch");
      sum.kernels += !strcmp(category, "gpu");
      sum.work += !strcmp(category, "compile");
    } else if (is_phase(e, "b")) {
      check_pair(events, e, "e");
      sum.waits++;
    } else if (is_phase(e, "s")) {
      check_pair(events, e, "f");
      sum.flows++;
    } else if (!is_phase(e, "M") && !is_phase(e, "e") && !is_phase(e, "f")) {
      fail_msg("an event of phase '%s'", word(e, "ph"));
    }
  }
  cJSON_Delete(root);
  return sum;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The GPU's times of kernels called name, in seconds, sorted. */
static size_t gpu_times(tm_profile *profile, const char *name, double *out,
                        size_t most) {
  cJSON *events, *root = parse_trace(profile, &events);
  const cJSON *e;
  size_t n = 0;
  cJSON_ArrayForEach(e, events) {
    if (is_phase(e, "X") && !strcmp(word(e, "cat"), "gpu") &&
        !strcmp(word(e, "name"), name) && n < most)
      out[n++] = (double)ns(e, "dur") * 1e-9;
  }
  cJSON_Delete(root);
  qsort(out, n, sizeof *out, by_value);
  return n;
}

static void assert_near(double x, double expected, double tolerance) {
  if (!(fabs(x - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", x, expected, tolerance);
}

/* ---- counts and times --------------------------------------------------- */

static void every_launch_is_counted_and_timed(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 100; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  assert_string_equal(row.kernel, "add");
  assert_string_equal(row.specialization,
                      "x=*fp32:16, y=*fp32:16, out=*fp32:16, n=i32, "
                      "BLOCK=1024, num_warps=4, num_stages=3");
  assert_int_equal(row.launches, 100);
  assert_int_equal(row.timed, 100);
  assert_true(row.gpu_min > 0);
  assert_true(row.gpu_min <= row.gpu_median);
  assert_true(row.gpu_median <= row.gpu_p95);
  assert_true(row.gpu_total >= 100 * row.gpu_min);
  assert_true(row.host_total > 0);
  tm_profile_destroy(p);
  bench_close(&b);
}

/* The trace has each launch's time, the row their statistics. */
static void statistics_are_those_of_the_launches(void **state) {
  bench b = bench_open();
  enum { RUNS = 41 };
  double times[RUNS + 1], total = 0;
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < RUNS; i++) add(&b, 1 + i * (N / RUNS));
  await(&b);
  tm_profile *p = stop(&b);
  assert_int_equal(gpu_times(p, "add", times, RUNS + 1), RUNS);
  for (int i = 0; i < RUNS; i++) total += times[i];
  tm_profile_row row = only_row(p);
  assert_near(row.gpu_min, times[0], 2e-9);
  assert_near(row.gpu_median, times[20], 2e-9); /* the 21st of 41 */
  assert_near(row.gpu_p95, times[38], 2e-9);    /* 39 of 41 are 95.1% */
  assert_near(row.gpu_total, total, RUNS * 2e-9);
  tm_profile_destroy(p);
  bench_close(&b);
}

static void the_median_of_an_even_count_is_between_the_middle_two(
    void **state) {
  bench b = bench_open();
  double times[5];
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 1; i <= 4; i++) add(&b, N / i);
  await(&b);
  tm_profile *p = stop(&b);
  assert_int_equal(gpu_times(p, "add", times, 5), 4);
  tm_profile_row row = only_row(p);
  assert_near(row.gpu_median, (times[1] + times[2]) / 2, 2e-9);
  assert_near(row.gpu_p95, times[3], 2e-9);
  tm_profile_destroy(p);
  bench_close(&b);
}

/* A kernel with a hundred times the work of another takes longer, in one
 * command buffer with it: times are not shared out. */
static void kernels_of_one_batch_are_told_apart(void **state) {
  bench b = bench_open();
  tm_kernel *slow = compile(&b.device, "spin", "*fp32:16, i32, 1024, none");
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 10; i++) {
    add(&b, BLOCK);
    spin(&b, slow, 50000);
  }
  await(&b);
  tm_profile *p = stop(&b);
  assert_int_equal(tm_profile_count(p), 2);
  tm_profile_row first = row_at(p, 0), second = row_at(p, 1);
  assert_string_equal(first.kernel, "spin"); /* the longest comes first */
  assert_string_equal(second.kernel, "add");
  assert_int_equal(first.timed, 10);
  assert_int_equal(second.timed, 10);
  assert_true(first.gpu_min > 4 * second.gpu_min);
  tm_profile_destroy(p);
  tm_kernel_destroy(slow);
  bench_close(&b);
}

/* What was launched before recording began takes its time, too, in the same
 * command buffer. */
static void recording_may_begin_within_a_batch(void **state) {
  bench b = bench_open();
  tm_kernel *slow = compile(&b.device, "spin", "*fp32:16, i32, 1024, none");
  tm_stream_options options = TM_STREAM_OPTIONS_INIT;
  options.batch_us = 60000000; /* the batch stays open */
  tm_stream_destroy(b.device.stream);
  expect_ok(tm_stream_create(&b.device.stream, b.device.context, &options,
                             &error));
  start(&b, 0, TM_TIMING_DEFAULT);
  spin(&b, slow, 1000000);
  await(&b);
  tm_profile *p = stop(&b);
  double seconds = only_row(p).gpu_min;
  tm_profile_destroy(p);
  spin(&b, slow, 1000000);
  start(&b, 0, TM_TIMING_DEFAULT);
  add(&b, BLOCK);
  await(&b);
  p = stop(&b);
  tm_profile_row row = only_row(p);
  assert_int_equal(row.launches, 1);
  assert_true(row.gpu_min < seconds / 2);
  assert_true(row.queue_wait > seconds / 4);
  tm_profile_destroy(p);
  tm_kernel_destroy(slow);
  bench_close(&b);
}

static void specializations_have_rows_of_their_own(void **state) {
  bench b = bench_open();
  tm_kernel *other = compile(&b.device, "add",
                             "*fp32:16, *fp32:16, *fp32:16, i32, 512");
  tm_kernel *same = compile(&b.device, "add",
                            "*fp32:16, *fp32:16, *fp32:16, i32, 1024");
  tm_kernel *first = b.add;
  start(&b, 0, TM_TIMING_DEFAULT);
  add(&b, N);
  b.add = other;
  add(&b, N);
  b.add = same; /* another compile of the first */
  add(&b, N);
  b.add = first;
  await(&b);
  tm_profile *p = stop(&b);
  assert_int_equal(tm_profile_count(p), 2);
  for (size_t i = 0; i < 2; i++) {
    tm_profile_row row = row_at(p, i);
    bool is_512 = strstr(row.specialization, "BLOCK=512") != NULL;
    assert_int_equal(row.launches, is_512 ? 1 : 2);
  }
  tm_profile_destroy(p);
  tm_kernel_destroy(other);
  tm_kernel_destroy(same);
  bench_close(&b);
}

/* ---- bytes and operations ----------------------------------------------- */

/* An addition of n floats reads 8 n bytes, writes 4 n and adds n times. */
static void rates_are_bytes_and_operations_over_time(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 7; i++) add(&b, N);
  for (int i = 0; i < 5; i++) add(&b, 1000);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  double elements = 7.0 * N + 5.0 * 1000;
  double bytes = row.bytes_per_second * row.gpu_total;
  /* Masked-off elements of the last program still compute. */
  double flops = row.flops_per_second * row.gpu_total;
  assert_near(bytes, 12 * elements, 1e-6 * bytes);
  assert_near(flops, 7.0 * N + 5.0 * 1024, 1e-6 * flops);
  assert_string_equal(row.bound, "memory bandwidth");
  assert_true(row.of_roofline > 0);
  assert_int_equal(row.is_exact, 1);
  tm_profile_destroy(p);
  bench_close(&b);
}

static void a_share_of_the_roofline_is_the_estimate_over_the_time(
    void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 3; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  /* 80% of an M1's 68 GB/s, as tm_estimate says. */
  double least = 3 * 12.0 * N / (0.8 * 68e9);
  assert_near(row.of_roofline * row.gpu_total, least, 0.01 * least);
  tm_profile_destroy(p);
  bench_close(&b);
}

/* ---- compiles ----------------------------------------------------------- */

static void compiles_and_cache_hits_are_counted(void **state) {
  char folder[] = "/tmp/tm-profile-XXXXXX", command[80];
  assert_non_null(mkdtemp(folder));
  setenv("TRITON_METAL_CACHE_DIR", folder, 1);
  unsetenv("TRITON_METAL_CACHE");
  bench b = {.device = device_open(NULL, source)};
  start(&b, 0, TM_TIMING_DEFAULT);
  static const char signature[] = "*fp32:16, *fp32:16, *fp32:16, i32, 1024";
  tm_kernel *first = compile(&b.device, "add", signature);
  tm_kernel *second = compile(&b.device, "add", signature);
  expect_ok(tm_kernel_load(second, &error));
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  assert_int_equal(row.compiles, 1);
  assert_int_equal(row.cache_hits, 1);
  assert_int_equal(row.launches, 0);
  assert_true(row.compile_seconds > 0);
  assert_true(row.pipeline_seconds > 0);
  assert_int_equal(check_trace(p).work, 3);
  tm_profile_destroy(p);
  tm_kernel_destroy(first);
  tm_kernel_destroy(second);
  device_close(&b.device);
  unsetenv("TRITON_METAL_CACHE_DIR");
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

/* ---- the trace ---------------------------------------------------------- */

static void the_trace_keeps_the_format_s_rules(void **state) {
  bench b = bench_open();
  tm_kernel *slow = compile(&b.device, "spin", "*fp32:16, i32, 1024, none");
  tm_stream *second;
  expect_ok(tm_stream_create(&second, b.device.context, NULL, &error));
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 50; i++) {
    add(&b, N);
    if (i % 5 == 0) spin(&b, slow, 100);
    if (i % 10 == 0) add_on(&b, second, N);
  }
  await(&b);
  expect_ok(tm_stream_synchronize(second, TM_WAIT_FOREVER, &error));
  tm_profile *p = stop(&b);
  tally sum = check_trace(p);
  assert_int_equal(sum.launches, 65);
  assert_int_equal(sum.kernels, 65);
  assert_int_equal(sum.flows, 65);
  assert_true(sum.waits > 0);
  tm_profile_destroy(p);
  tm_stream_destroy(second);
  tm_kernel_destroy(slow);
  bench_close(&b);
}

/* Command buffers are placed by their own times, so that kernels of one stream
 * may seem to overlap: such are on rows of their own. */
static void kernels_that_overlap_have_rows_of_their_own(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 40; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tmi_event *events = p->events.data;
  double at = p->begin + 1;
  for (uint32_t i = 0; i < p->events.len; i++) { /* each over the next two */
    events[i].gpu_begin = at + i * 1e-5;
    events[i].gpu_end = at + i * 1e-5 + 2.5e-5;
  }
  assert_int_equal(check_trace(p).kernels, 40);
  tm_profile_destroy(p);
  bench_close(&b);
}

/* Text of a kernel's constants goes into JSON whatever it is. */
static void hostile_text_stays_json(void **state) {
  bench b = bench_open();
  tm_define word_of = {"WORD", tm_arg_text("\"\\\n\x01\xff\xc3\xa9")};
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32:16, i32, 1024";
  options.defines = &word_of;
  options.n_defines = 1;
  tm_kernel *kernel;
  expect_ok(tm_compile(&kernel, b.device.context, b.device.module, "spin",
                       &options, &error));
  start(&b, 0, TM_TIMING_DEFAULT);
  spin(&b, kernel, 1);
  add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  check_trace(p);
  cJSON *root = cJSON_Parse(tm_profile_json(p));
  assert_non_null(root);
  cJSON *rows = cJSON_GetObjectItemCaseSensitive(root, "kernels"), *row;
  int found = 0;
  cJSON_ArrayForEach(row, rows) {
    found += strstr(word(row, "specialization"),
                    "WORD='\"\\\n\x01\xef\xbf\xbd\xc3\xa9'") != NULL;
  }
  assert_int_equal(found, 1);
  cJSON_Delete(root);
  tm_profile_destroy(p);
  tm_kernel_destroy(kernel);
  bench_close(&b);
}

static void text_and_json_say_what_the_rows_say(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 3; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  cJSON *root = cJSON_Parse(tm_profile_json(p));
  assert_non_null(root);
  assert_string_equal(word(root, "device"), "Apple M1");
  assert_string_equal(word(root, "chip"), "m1");
  assert_string_equal(word(root, "timing"), "encoders");
  cJSON *kernels = cJSON_GetObjectItemCaseSensitive(root, "kernels");
  assert_int_equal(cJSON_GetArraySize(kernels), 1);
  const cJSON *first = kernels->child;
  assert_string_equal(word(first, "kernel"), "add");
  assert_string_equal(word(first, "specialization"), row.specialization);
  assert_int_equal(number(first, "launches"), 3);
  assert_true(number(first, "gpu_total") == row.gpu_total);
  assert_true(number(first, "gpu_p95") == row.gpu_p95);
  assert_true(number(first, "bytes_per_second") == row.bytes_per_second);
  cJSON_Delete(root);
  const char *text = tm_profile_text(p);
  assert_non_null(strstr(text, "Apple M1"));
  assert_non_null(strstr(text, row.specialization));
  assert_ptr_equal(tm_profile_text(p), text);
  tm_profile_destroy(p);
  bench_close(&b);
}

/* ---- other ways of timing ----------------------------------------------- */

static void command_buffers_time_launches_when_asked_for(void **state) {
  bench b = bench_open();
  add(&b, N); /* in a batch that is open when recording begins */
  start(&b, 0, TM_TIMING_COMMAND_BUFFERS);
  for (int i = 0; i < 20; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  assert_int_equal(row.launches, 20);
  assert_int_equal(row.timed, 20);
  assert_non_null(strstr(tm_profile_json(p), "\"command buffers\""));
  assert_int_equal(check_trace(p).kernels, 20);
  tm_profile_destroy(p);
  bench_close(&b);
}

static void a_device_without_stamps_is_timed_by_command_buffers(
    void **state) {
  bench b = bench_open();
  tm_id *kept = tm_mtl.timestamp_set;
  tm_mtl.timestamp_set = NULL;
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 5; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_mtl.timestamp_set = kept;
  assert_int_equal(only_row(p).timed, 5);
  assert_non_null(strstr(tm_profile_json(p), "\"command buffers\""));
  tm_profile_destroy(p);
  bench_close(&b);
}

/* ---- what may go wrong -------------------------------------------------- */

static void starting_twice_and_stopping_nothing_are_refused(void **state) {
  bench b = bench_open();
  tm_profile *p = NULL;
  expect_refused(tm_profile_stop(&p, b.device.context, &error),
          "not running");
  start(&b, 0, TM_TIMING_DEFAULT);
  expect_refused(tm_profile_start(b.device.context, NULL, &error),
          "running already");
  tm_profile_destroy(stop(&b));
  tm_profile_options options = TM_PROFILE_OPTIONS_INIT;
  options.timing = 7;
  expect_refused(tm_profile_start(b.device.context, &options, &error),
          "tm_timing");
  start(&b, 0, TM_TIMING_DEFAULT);
  p = stop(&b);
  tm_profile_row row = TM_PROFILE_ROW_INIT;
  expect_refused(tm_profile_row_at(p, 0, &row, &error), "row 0");
  assert_int_equal(check_trace(p).launches, 0);
  assert_int_equal(tm_profile_count(NULL), 0);
  assert_null(tm_profile_text(NULL));
  tm_profile_destroy(p);
  tm_profile_destroy(NULL);
  bench_close(&b);
}

static void launches_that_nobody_waited_for_have_no_time(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  add(&b, N);
  tm_profile *p = stop(&b);
  await(&b); /* the batch ends after its session */
  tm_profile_row row = only_row(p);
  assert_int_equal(row.launches, 1);
  assert_int_equal(row.timed, 0);
  assert_true(row.gpu_total == 0);
  assert_true(row.bytes_per_second == 0);
  tm_profile_destroy(p);
  bench_close(&b);
}

static void launches_that_fail_have_no_time(void **state) {
  setenv("SOFTMETAL_FAULT", "command:1+", 1);
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  add(&b, N);
  tm_error *error = NULL;
  assert_int_equal(
      tm_stream_synchronize(b.device.stream, TM_WAIT_FOREVER, &error),
      TM_E_DEVICE);
  tm_error_destroy(error);
  unsetenv("SOFTMETAL_FAULT");
  tm_profile *p = stop(&b);
  assert_int_equal(only_row(p).launches, 1);
  assert_int_equal(only_row(p).timed, 0);
  tm_profile_destroy(p);
  bench_close(&b);
}

static void events_past_the_limit_are_only_counted(void **state) {
  bench b = bench_open();
  start(&b, 10, TM_TIMING_DEFAULT);
  for (int i = 0; i < 25; i++) add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  tm_profile_row row = only_row(p);
  assert_int_equal(row.launches, 25);
  assert_int_equal(row.timed, 10);
  assert_int_equal(check_trace(p).kernels, 10);
  assert_non_null(strstr(tm_profile_json(p), "\"only_counted\": 15"));
  tm_profile_destroy(p);
  bench_close(&b);
}

/* Recording begins and ends within batches, and changes no result. */
static void results_are_the_same_while_it_starts_and_stops(void **state) {
  bench b = bench_open();
  float *x = tm_buffer_contents(b.x), *y = tm_buffer_contents(b.y);
  for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = 0;
  tm_buffer *kept = b.out;
  for (int round = 0; round < 6; round++) {
    bool own = round % 2;
    /* y becomes x + y, ten times in all. */
    b.out = b.y;
    for (int i = 0; i < 3; i++) add(&b, N);
    start(&b, 0, own ? TM_TIMING_COMMAND_BUFFERS : TM_TIMING_DEFAULT);
    for (int i = 0; i < 4; i++) add(&b, N);
    tm_profile *p = stop(&b);
    for (int i = 0; i < 3; i++) add(&b, N);
    assert_int_equal(only_row(p).launches, 4);
    tm_profile_destroy(p);
  }
  await(&b);
  b.out = kept;
  for (int i = 0; i < N; i++)
    if (y[i] != 60.0f * (float)i)
      fail_msg("y[%d] is %g, not %g", i, y[i], 60.0 * i);
  bench_close(&b);
}

/* More launches than a batch has stamps for. */
static void a_stream_of_large_batches_is_timed(void **state) {
  bench b = bench_open();
  tm_stream_options options = TM_STREAM_OPTIONS_INIT;
  options.batch = 100000;
  tm_stream *stream;
  expect_ok(tm_stream_create(&stream, b.device.context, &options, &error));
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < 5000; i++) add_on(&b, stream, 1);
  expect_ok(tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error));
  tm_profile *p = stop(&b);
  assert_int_equal(only_row(p).timed, 5000);
  tm_profile_destroy(p);
  tm_stream_destroy(stream);
  bench_close(&b);
}

static void a_profile_outlives_its_context(void **state) {
  bench b = bench_open();
  start(&b, 0, TM_TIMING_DEFAULT);
  add(&b, N);
  await(&b);
  tm_profile *p = stop(&b);
  start(&b, 0, TM_TIMING_DEFAULT); /* and nobody stops this one */
  add(&b, N);
  bench_close(&b);
  assert_true(only_row(p).bytes_per_second > 0);
  assert_non_null(tm_profile_text(p));
  tm_profile_destroy(p);
}

typedef struct worker {
  bench *b;
  tm_stream *stream;
} worker;

enum { THREADS = 4, EACH = 200 };

static void *launch_many(void *payload) {
  worker *w = payload;
  tm_error *error = NULL;
  for (int i = 0; i < EACH; i++) {
    tm_arg args[4] = {tm_arg_buffer(w->b->x, 0), tm_arg_buffer(w->b->y, 0),
                      tm_arg_buffer(w->b->out, 0), tm_arg_int(i + 1)};
    if (tm_launch(w->stream, w->b->add, tm_grid_1d(1), args, 4, &error))
      return w;
  }
  return tm_stream_synchronize(w->stream, TM_WAIT_FOREVER, &error) ? w : NULL;
}

static void threads_record_at_once(void **state) {
  bench b = bench_open();
  pthread_t threads[THREADS];
  worker workers[THREADS];
  start(&b, 0, TM_TIMING_DEFAULT);
  for (int i = 0; i < THREADS; i++) {
    workers[i].b = &b;
    expect_ok(tm_stream_create(&workers[i].stream, b.device.context, NULL,
                               &error));
    pthread_create(&threads[i], NULL, launch_many, &workers[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  tm_profile *p = stop(&b);
  assert_int_equal(only_row(p).launches, THREADS * EACH);
  assert_int_equal(only_row(p).timed, THREADS * EACH);
  assert_int_equal(only_row(p).is_exact, 0); /* 200 sizes are not 64 */
  tally sum = check_trace(p);
  assert_int_equal(sum.launches, THREADS * EACH);
  tm_profile_destroy(p);
  for (int i = 0; i < THREADS; i++) tm_stream_destroy(workers[i].stream);
  bench_close(&b);
}

int main(void) {
  setenv("SOFTMETAL_CHIP", "m1", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_launch_is_counted_and_timed),
      cmocka_unit_test(statistics_are_those_of_the_launches),
      cmocka_unit_test(
          the_median_of_an_even_count_is_between_the_middle_two),
      cmocka_unit_test(kernels_of_one_batch_are_told_apart),
      cmocka_unit_test(recording_may_begin_within_a_batch),
      cmocka_unit_test(specializations_have_rows_of_their_own),
      cmocka_unit_test(rates_are_bytes_and_operations_over_time),
      cmocka_unit_test(a_share_of_the_roofline_is_the_estimate_over_the_time),
      cmocka_unit_test(compiles_and_cache_hits_are_counted),
      cmocka_unit_test(the_trace_keeps_the_format_s_rules),
      cmocka_unit_test(kernels_that_overlap_have_rows_of_their_own),
      cmocka_unit_test(hostile_text_stays_json),
      cmocka_unit_test(text_and_json_say_what_the_rows_say),
      cmocka_unit_test(command_buffers_time_launches_when_asked_for),
      cmocka_unit_test(a_device_without_stamps_is_timed_by_command_buffers),
      cmocka_unit_test(starting_twice_and_stopping_nothing_are_refused),
      cmocka_unit_test(launches_that_nobody_waited_for_have_no_time),
      cmocka_unit_test(launches_that_fail_have_no_time),
      cmocka_unit_test(events_past_the_limit_are_only_counted),
      cmocka_unit_test(results_are_the_same_while_it_starts_and_stops),
      cmocka_unit_test(a_stream_of_large_batches_is_timed),
      cmocka_unit_test(a_profile_outlives_its_context),
      cmocka_unit_test(threads_record_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
