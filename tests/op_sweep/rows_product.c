/* SPDX-License-Identifier: MIT */
/*
 * rows_product.c - tl.dot of every shape from 1x1x1 up, in each combination
 * of types, of matrices and of batches, with transposed operands, and one
 * product in another. Factors are small whole numbers: all sums are exact.
 */
#include "sweep.h"

#include <stdarg.h>

typedef struct product {
  const char *a, *b, *out; /* types of signatures */
  int batch, m, n, k;      /* batch 0: two dimensions */
  bool turned_a, turned_b; /* stored transposed, and turned in registers */
  bool with_acc;
  const char *more;        /* arguments of tl.dot, in words of Python */
  uint32_t num_warps;
  const char *chip;
} product;

typedef struct writer {
  char *text;
  size_t len, room;
} writer;

static void put(writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void put(writer *w, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(w->text + w->len, w->room - w->len, fmt, args);
  va_end(args);
  assert_true(n >= 0 && (size_t)n < w->room - w->len);
  w->len += (size_t)n;
}

/* name = a tile of [batch,] rows x columns; transposed: stored the other way
 * round. */
static void put_operand(writer *w, const char *name, const char *buffer,
                        int batch, int rows, int columns, bool turned) {
  int r = turned ? columns : rows, c = turned ? rows : columns;
  if (batch) put(w, "    %s = tl.load(%s + at((%d, %d, %d)))\n", name, buffer,
                 batch, r, c);
  else put(w, "    %s = tl.load(%s + at((%d, %d)))\n", name, buffer, r, c);
  if (turned)
    put(w, "    %s = tl.trans(%s, %s)\n", name, name,
        batch ? "0, 2, 1" : "1, 0");
}

static void add_factors(sweep_kernel *k, const product *p) {
  size_t batch = p->batch ? (size_t)p->batch : 1;
  size_t m = (size_t)p->m, n = (size_t)p->n, inner = (size_t)p->k;
  sweep_add_buffer(k, "A", sweep_type_named(p->a), batch * m * inner,
                   FILL_SMALL);
  sweep_add_buffer(k, "B", sweep_type_named(p->b), batch * inner * n,
                   FILL_SMALL);
  sweep_add_buffer(k, "C", sweep_type_named(p->out), batch * m * n,
                   FILL_SMALL);
}

static void describe(sweep_kernel *k, const product *p) {
  snprintf(k->what, sizeof k->what, "%s%s x %s%s into %s%s%s, %d x %dx%dx%d, "
           "%u simdgroups, %s", p->a, p->turned_a ? " turned" : "", p->b,
           p->turned_b ? " turned" : "", p->out, p->with_acc ? " with acc" : "",
           p->more, p->batch, p->m, p->n, p->k, (unsigned)p->num_warps,
           p->chip);
}

static sweep_kernel product_kernel(const product *p) {
  writer w = {malloc(8192), 0, 8192};
  assert_non_null(w.text);
  sweep_kernel k = {.text = w.text, .grid = 1, .num_warps = p->num_warps,
                    .chip = p->chip};
  add_factors(&k, p);
  sweep_buffer *out =
      sweep_add_buffer(&k, "O0", sweep_type_named(p->out), k.buffers[2].n,
                       FILL_ZERO);
  out->op = p->batch ? "dot of batches" : "dot";
  describe(&k, p);
  put(&w, "%s@triton.jit\ndef k(A, B, C, O0):\n", sweep_prelude);
  put_operand(&w, "a", "A", p->batch, p->m, p->k, p->turned_a);
  put_operand(&w, "b", "B", p->batch, p->k, p->n, p->turned_b);
  put_operand(&w, "c", "C", p->batch, p->m, p->n, false);
  put(&w, "    put(O0, tl.dot(a, b, %sout_dtype=tl.%s%s))\n",
      p->with_acc ? "acc=c, " : "", sweep_type_named(p->out)->triton, p->more);
  return k;
}

/* ---- which ------------------------------------------------------------- */

static const struct {
  const char *a, *b, *out, *more;
} types[] = {
    {"fp16", "fp16", "fp32", ""},
    {"fp16", "fp16", "fp16", ""},
    {"bf16", "bf16", "fp32", ""},
    {"fp32", "fp32", "fp32", ", input_precision=\"ieee\""},
    {"fp32", "fp32", "fp32", ", input_precision=\"tf32\""},
    {"fp32", "fp32", "fp32", ", input_precision=\"tf32x3\""},
    {"fp32", "fp32", "fp32", ", allow_tf32=True"},
    {"i8", "i8", "i32", ""},
    {"fp8e4nv", "fp8e4nv", "fp32", ""},
    {"fp8e5", "fp8e5", "fp32", ", max_num_imprecise_acc=0"},
    {"fp8e4nv", "fp8e5", "fp32", ""},
    {"fp8e5", "fp8e4nv", "fp16", ""},
    {"fp8e4b8", "fp8e4b8", "fp32", ""},
    {"fp8e5b16", "fp8e5b16", "fp32", ""},
};

static const int extents[][4] = { /* batch, m, n, k */
    {0, 1, 1, 1}, {0, 1, 16, 1}, {0, 2, 1, 8}, {0, 1, 8, 32}, {0, 8, 2, 4},
    {0, 4, 4, 16}, {0, 8, 8, 8}, {0, 16, 16, 16}, {0, 16, 64, 2},
    {0, 32, 16, 64}, {0, 64, 32, 16}, {0, 64, 64, 64}, {0, 16, 16, 256},
    {0, 128, 64, 32},
    {1, 16, 16, 16}, {2, 1, 4, 2}, {2, 8, 16, 32}, {4, 16, 16, 16},
    {8, 4, 8, 4}, {16, 2, 2, 2},
};

static void run_turns(sweep *sw, product *p) {
  static const char *const chips[] = {"m1", "m4"};
  for (int turn = 0; turn < 8; turn++)
    for (p->num_warps = 1; p->num_warps <= 8; p->num_warps *= 2)
      for (int chip = 0; chip < 2; chip++) {
        p->turned_a = turn & 1;
        p->turned_b = turn >> 1 & 1;
        p->with_acc = turn >> 2 & 1;
        p->chip = chips[chip];
        sweep_kernel k = product_kernel(p);
        char what[160];
        snprintf(what, sizeof what, "products %s", k.what);
        if (sweep_turn(sw, what, 400)) sweep_run(sw, &k);
        else free(k.text);
      }
}

/* ---- one product in another -------------------------------------------- */

static sweep_kernel chain_kernel(const char *type, int m, int n,
                                 uint32_t warps, const char *chip) {
  writer w = {malloc(8192), 0, 8192};
  assert_non_null(w.text);
  sweep_kernel k = {.text = w.text, .grid = 1, .num_warps = warps,
                    .chip = chip};
  product p = {type, type, type, 0, m, n, n, false, false, false, "", warps,
               chip};
  add_factors(&k, &p);
  k.buffers[0].n = (size_t)(m * n);
  sweep_buffer *out = sweep_add_buffer(&k, "O0", sweep_type_named("fp32"),
                                       (size_t)(m * n), FILL_ZERO);
  out->op = "dot of a dot in a loop";
  snprintf(k.what, sizeof k.what, "chain of %s, %dx%d, %u simdgroups, %s",
           type, m, n, (unsigned)warps, chip);
  const char *t = sweep_type_named(type)->triton;
  put(&w, "%s@triton.jit\ndef k(A, B, C, O0):\n", sweep_prelude);
  put_operand(&w, "a", "A", 0, m, n, false);
  put_operand(&w, "b", "B", 0, n, n, true);
  put(&w, "    acc = tl.zeros((%d, %d), tl.float32)\n"
          "    most = tl.full((%d,), -1000.0, tl.float32)\n"
          "    for j in range(0, 3):\n"
          "        s = tl.dot(a, b, input_precision=\"ieee\")\n"
          "        most = tl.maximum(most, tl.max(s, 1))\n"
          "        p = tl.where(s >= most[:, None] - j, 1.0, -1.0)\n"
          "        acc = tl.dot(p.to(tl.%s), b, acc=acc, "
          "input_precision=\"ieee\")\n"
          "        acc = tl.where((most > 0)[:, None], acc, -acc)\n"
          "    put(O0, acc)\n", m, n, m, t);
  return k;
}

static void run_chains(sweep *sw) {
  static const char *const kinds[] = {"fp16", "bf16", "fp32"};
  static const char *const chips[] = {"m1", "m4"};
  static const int sizes[][2] = {{1, 2}, {8, 8}, {16, 16}, {16, 64}, {64, 16},
                                 {4, 32}, {64, 64}};
  for (size_t t = 0; t < 3; t++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (uint32_t warps = 1; warps <= 8; warps *= 2)
        for (int chip = 0; chip < 2; chip++) {
          sweep_kernel k = chain_kernel(kinds[t], sizes[i][0], sizes[i][1],
                                        warps, chips[chip]);
          if (sweep_turn(sw, k.what, 24)) sweep_run(sw, &k);
          else free(k.text);
        }
}

void sweep_run_products(sweep *sw) {
  sweep_begin(sw, "products");
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) {
      product p = {.a = types[t].a, .b = types[t].b, .out = types[t].out,
                   .more = types[t].more, .batch = extents[i][0],
                   .m = extents[i][1], .n = extents[i][2],
                   .k = extents[i][3]};
      if (!sweep_is_long(sw) && p.m * p.n * p.k > 65536) continue;
      run_turns(sw, &p);
    }
  run_chains(sw);
}

/* ---- transposed operands ----------------------------------------------- */

static int occurrences(const char *text, const char *word) {
  int n = 0;
  for (const char *p = text; (p = strstr(p, word)) != NULL; p++) n++;
  return n;
}

static void check_twin(sweep *sw, product *p) {
  uint32_t bytes[2];
  char *msl[2];
  for (int turn = 0; turn < 4; turn++) {
    for (int twin = 0; twin < 2; twin++) {
      p->turned_a = twin && (turn & 1);
      p->turned_b = twin && (turn >> 1 & 1);
      sweep_kernel k = product_kernel(p);
      msl[twin] = sweep_msl(sw, &k, &bytes[twin]);
      free(k.text);
      assert_non_null(msl[twin]);
    }
    static const char barrier[] = "threadgroup_barrier";
    int before = occurrences(msl[0], barrier);
    int after = occurrences(msl[1], barrier);
    /* Rows of another length are padded by other amounts. */
    if (bytes[1] > bytes[0] + bytes[0] / 8 || after > before)
      fail_msg("%s x %s, %dx%dx%d, turned %d, %u simdgroups, %s: %u bytes "
               "and %d barriers instead of %u and %d\n%s", p->a, p->b, p->m,
               p->n, p->k, turn, (unsigned)p->num_warps, p->chip,
               (unsigned)bytes[1], after, (unsigned)bytes[0], before, msl[1]);
    free(msl[0]);
    free(msl[1]);
  }
}

void sweep_check_transposed(sweep *sw) {
  /* int8 is converted on the way: it goes through threadgroup memory where
   * it lies the other way round than the product reads it. */
  static const char *const kinds[] = {"fp16", "bf16", "fp32"};
  static const char *const chips[] = {"m1", "m4"};
  static const int sizes[][3] = {{16, 16, 16}, {32, 32, 32}, {64, 64, 32},
                                 {64, 32, 64}};
  if (!sweep_turn(sw, "transposed operands", 1)) return;
  sweep_begin(sw, "transposed");
  for (size_t t = 0; t < 3; t++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (int chip = 0; chip < 2; chip++) {
        product p = {.a = kinds[t], .b = kinds[t],
                     .out = "fp32", .m = sizes[i][0],
                     .n = sizes[i][1], .k = sizes[i][2], .more = "",
                     .num_warps = 4, .chip = chips[chip]};
        check_twin(sw, &p);
      }
}
