/* SPDX-License-Identifier: MIT */
/*
 * test_counters.c - what compiled kernels move, counted by softmetal while
 * they run, for a chip that stages tiles of products (M1) and one that does
 * not (M4): how often each byte, in what pieces, with how many barriers.
 *
 * The counters also judge the cost model (lib/cost.c): its device bytes have
 * to be what is counted, within 5%.
 */
#define _GNU_SOURCE
#include "support/counter_report.h"
#include "support/device.h"
#include "support/example_launches.h"

#include <unistd.h>

static const char *const chips[] = {"m1", "m4-max"};

typedef struct run {
  const char *file, *source; /* an example, or its text */
  const char *kernel, *signature;
  uint32_t num_warps;
  tm_grid grid;
  size_t bytes[10];     /* of a buffer; 0: the number */
  int64_t numbers[10];
  double floats[10];    /* when not 0, instead of the number */
  size_t n_args;
} run;

typedef struct result {
  counters counted;
  tm_estimate estimate;
} result;

static void check(tm_status status, tm_error *error) {
  if (status) fail_msg("%s", tm_error_text(error));
}

static result run_on(const char *chip, const run *r) {
  char path[] = "/tmp/tm_counters_XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  counters_start(chip, path);
  device_test t = device_open(r->file, r->source);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = r->signature;
  options.num_warps = r->num_warps;
  tm_kernel *kernel;
  tm_error *error = NULL;
  check(tm_compile(&kernel, t.context, t.module, r->kernel, &options, &error),
        error);
  tm_arg args[10];
  for (size_t i = 0; i < r->n_args; i++)
    args[i] = r->bytes[i] ? tm_arg_buffer(device_array(&t, r->bytes[i], 1), 0)
              : r->floats[i] != 0 ? tm_arg_float(r->floats[i])
                                  : tm_arg_int(r->numbers[i]);
  check(tm_launch(t.stream, kernel, r->grid, args, r->n_args, &error), error);
  check(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error), error);
  result out = {.estimate = TM_ESTIMATE_INIT};
  assert_true(counters_read(path, &out.counted));
  check(tm_kernel_estimate(&out.estimate, kernel, r->grid, args, r->n_args,
                           &error), error);
  for (size_t i = 0; i < r->n_args; i++)
    if (r->bytes[i]) tm_buffer_destroy(args[i].u.buffer);
  tm_kernel_destroy(kernel);
  device_close(&t);
  counters_stop();
  remove(path);
  return out;
}

static void expect_within(const char *what, double x, double wanted,
                          double part) {
  if (x < wanted * (1 - part) || x > wanted * (1 + part))
    fail_msg("%s: %.0f, not %.0f", what, x, wanted);
}

/* The model against what was counted. */
static void expect_estimate(const result *r) {
  expect_within("estimated device bytes", r->estimate.bytes_asked,
                r->counted.read + r->counted.written, 0.05);
  assert_true(r->estimate.is_exact);
  assert_true(r->estimate.seconds > 0);
}

/* read and written bytes, each once: full lines of 128 bytes, 16 bytes a
 * thread, and `scalars` accesses of simdgroups to single numbers on top. */
static void expect_each_byte_once(const result *r, double read,
                                  double written, double scalars) {
  const counters *c = &r->counted;
  double once = (read + written) / 128, wide = (read + written) / (32 * 16);
  expect_within("bytes read", c->read, read, 0.01);
  expect_within("bytes written", c->written, written, 0.01);
  expect_within("lines", c->lines, once + scalars, 0.001);
  expect_within("accesses", c->accesses, wide + scalars, 0.001);
  expect_estimate(r);
}

static void addition_moves_each_byte_once(void **state) {
  (void)state;
  enum { N = 1 << 15 };
  run r = {.file = "vector_add.py", .kernel = "add_kernel",
           .signature = "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024",
           .num_warps = 4, .grid = {N / 1024, 1, 1},
           .bytes = {4 * N, 4 * N, 4 * N}, .numbers = {0, 0, 0, N},
           .n_args = 4};
  for (int k = 0; k < 2; k++) {
    result x = run_on(chips[k], &r);
    expect_each_byte_once(&x, 8 * N, 4 * N, 0);
    assert_true(x.counted.barriers == 0);
  }
}

static void softmax_moves_each_byte_once_with_a_barrier_a_reduction(
    void **state) {
  (void)state;
  enum { ROWS = 32, COLUMNS = 4096, N = ROWS * COLUMNS };
  run r = {.file = "softmax.py", .kernel = "softmax_kernel",
           .signature = "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 4096",
           .grid = {ROWS, 1, 1}, .bytes = {4 * N, 4 * N},
           .numbers = {0, 0, COLUMNS, COLUMNS, COLUMNS}, .n_args = 5};
  for (int k = 0; k < 2; k++)
    for (r.num_warps = 4; r.num_warps <= 8; r.num_warps *= 2) {
      result x = run_on(chips[k], &r);
      expect_each_byte_once(&x, 4 * N, 4 * N, 0);
      assert_true(x.counted.barriers <= 2 * x.counted.simdgroups);
      assert_true(x.counted.bank_conflicts == 0);
    }
}

static const char layer_norm[] =
    "import triton\nimport triton.language as tl\n"
    "@triton.jit\n"
    "def layer_norm(x_ptr, w_ptr, b_ptr, y_ptr, mean_ptr, n_cols, eps,\n"
    "               BLOCK: tl.constexpr):\n"
    "    row = tl.program_id(0)\n"
    "    cols = tl.arange(0, BLOCK)\n"
    "    mask = cols < n_cols\n"
    "    x = tl.load(x_ptr + row * n_cols + cols, mask=mask, other=0.0)\n"
    "    x = x.to(tl.float32)\n"
    "    mean = tl.sum(x, axis=0) / n_cols\n"
    "    d = tl.where(mask, x - mean, 0.0)\n"
    "    rstd = 1 / tl.sqrt(tl.sum(d * d, axis=0) / n_cols + eps)\n"
    "    tl.store(mean_ptr + row, mean)\n"
    "    w = tl.load(w_ptr + cols, mask=mask)\n"
    "    b = tl.load(b_ptr + cols, mask=mask)\n"
    "    y = d * rstd * w + b\n"
    "    tl.store(y_ptr + row * n_cols + cols, y.to(tl.float16), mask=mask)\n";

static void layer_norm_moves_each_byte_once_with_a_barrier_a_reduction(
    void **state) {
  (void)state;
  enum { ROWS = 32, COLUMNS = 4096, N = ROWS * COLUMNS };
  run r = {.source = layer_norm, .kernel = "layer_norm",
           .signature = "*fp16:16, *fp16:16, *fp16:16, *fp16:16, *fp32:16, "
                        "i32:16, 1e-5, 4096",
           .num_warps = 8, .grid = {ROWS, 1, 1},
           .bytes = {2 * N, 2 * COLUMNS, 2 * COLUMNS, 2 * N, 4 * ROWS},
           .numbers = {0, 0, 0, 0, 0, COLUMNS}, .n_args = 6};
  for (int k = 0; k < 2; k++) {
    result x = run_on(chips[k], &r);
    expect_each_byte_once(&x, 6 * N, 2 * N, ROWS); /* x, w, b; y; the mean */
    assert_true(x.counted.barriers <= 2 * x.counted.simdgroups);
    assert_true(x.counted.bank_conflicts == 0);
  }
}

/* MLX's tile (steel GEMM: 64x64x16, 2x2 simdgroups of 32x32), by hand. A
 * step of 16 along K is 64 * 64 * 16 multiply-adds. The threadgroup reads
 * (64 + 64) * 16 halfs from the device and writes them to its memory; each
 * of 4 simdgroups reads (32 + 32) * 16 halfs from there. */
static const double mlx_adds = 64.0 * 64 * 16;
static const double mlx_device = (64 + 64) * 16 * 2;
static const double mlx_threadgroup = (64 + 64) * 16 * 2 +
                                      4 * (32 + 32) * 16 * 2;

static void products_move_no_more_than_mlx(void **state) {
  (void)state;
  enum { M = 256, N = 256, K = 256 };
  run r = {.file = "matmul.py", .kernel = "matmul_kernel",
           .signature = "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, "
                        "i32:16, i32:16, i32:1, i32:16, i32:1, i32:16, "
                        "i32:1, 128, 128, 32, 8, ''",
           .num_warps = 8, .grid = {4, 1, 1},
           .bytes = {2 * M * K, 2 * K * N, 2 * M * N},
           .numbers = {0, 0, 0, M, N, K, K, N, N}, .n_args = 9};
  double adds = (double)M * N * K, tile = 128.0 * 128 * 32;
  for (int k = 0; k < 2; k++) {
    result x = run_on(chips[k], &r);
    double device = x.counted.read / adds;
    double threadgroup = x.counted.threadgroup_bytes / adds;
    expect_estimate(&x);
    assert_true(x.counted.matrices == adds / 512);
    if (k == 0) {
      assert_true(device <= 1.2 * mlx_device / mlx_adds);
      assert_true(threadgroup <= 1.2 * mlx_threadgroup / mlx_adds);
      assert_true(x.counted.bank_conflicts == 0);
      expect_within("threadgroup bytes", x.counted.threadgroup_bytes,
                    x.estimate.threadgroup_bytes, 0.05);
      expect_within("bytes of a tile", x.counted.read,
                    adds / tile * (128 + 128) * 32 * 2, 0.001);
    } else { /* each simdgroup reads what it needs through the caches: 8
                simdgroups (32 + 64) * 32 halfs a step, 16 bytes a thread */
      double read = adds / tile * 8 * (64 + 32) * 32 * 2;
      expect_within("bytes read", x.counted.read, read, 0.001);
      expect_within("accesses", x.counted.accesses,
                    (read + 2 * M * N) / (32 * 16), 0.001);
      assert_true(threadgroup == 0);
      assert_true(device <= 1.2 * (mlx_device + mlx_threadgroup) / mlx_adds);
    }
  }
}

/* What one program of 64 queries, heads of 64 halfs and blocks of 32 keys has
 * to move through threadgroup memory where tiles are staged: it writes the
 * queries once, and for each block reads them back, a quarter a simdgroup,
 * writes keys and values, and reads both in each of 4 simdgroups. Scores,
 * weights and the accumulator would come on top. */
static void attention_keeps_its_accumulator_in_registers(void **state) {
  (void)state;
  enum { ROWS = 256, HEADS = 2, PROGRAMS = ROWS / 64 * HEADS };
  const double queries = 64 * 64 * 2, keys = 32 * 64 * 2, blocks = ROWS / 32;
  const double program = queries + blocks * (queries + 2 * (keys + 4 * keys));
  run r = {.file = "attention.py", .kernel = "attention_kernel",
           .signature = EXAMPLE_ATTENTION "false, 64, 64, 32",
           .num_warps = 4, .grid = {ROWS / 64, HEADS, 1},
           .bytes = {2 * 64 * ROWS * HEADS, 2 * 64 * ROWS * HEADS,
                     2 * 64 * ROWS * HEADS, 2 * 64 * ROWS * HEADS},
           .numbers = {0, 0, 0, 0, 64 * ROWS, 64, ROWS},
           .floats = {[7] = 0.125}, .n_args = 8};
  for (int k = 0; k < 2; k++) {
    result x = run_on(chips[k], &r);
    expect_estimate(&x);
    assert_true(x.counted.bank_conflicts == 0);
    assert_true(x.counted.matrices ==
                PROGRAMS * blocks * 2 * (64 * 32 * 64) / 512);
    if (k == 0) {
      expect_within("threadgroup bytes", x.counted.threadgroup_bytes,
                    PROGRAMS * program, 0.001);
      assert_true(x.counted.barriers <=
                  4 * blocks * x.counted.simdgroups);
    } else {
      assert_true(x.counted.threadgroup_bytes == 0);
      assert_true(x.counted.barriers == 0);
    }
  }
}

/* Whole examples, and blocks that reach over the edges of their arrays. */
static void the_model_counts_the_bytes_of_every_example(void **state) {
  (void)state;
  for (size_t i = 0; i < N_EXAMPLE_LAUNCHES; i++) {
    const example_launch *x = &example_launches[i];
    run r = {.file = x->file, .kernel = x->kernel, .signature = x->signature,
             .num_warps = x->num_warps, .grid = x->grid, .n_args = x->n_args};
    memcpy(r.bytes, x->bytes, sizeof r.bytes);
    memcpy(r.numbers, x->numbers, sizeof r.numbers);
    memcpy(r.floats, x->floats, sizeof r.floats);
    for (int k = 0; k < 2; k++) {
      result y = run_on(chips[k], &r);
      expect_within(x->name, y.estimate.bytes_asked,
                    y.counted.read + y.counted.written, 0.05);
      assert_true(y.estimate.is_exact);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(addition_moves_each_byte_once),
    cmocka_unit_test(
        softmax_moves_each_byte_once_with_a_barrier_a_reduction),
    cmocka_unit_test(
        layer_norm_moves_each_byte_once_with_a_barrier_a_reduction),
    cmocka_unit_test(products_move_no_more_than_mlx),
    cmocka_unit_test(attention_keeps_its_accumulator_in_registers),
    cmocka_unit_test(the_model_counts_the_bytes_of_every_example),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
