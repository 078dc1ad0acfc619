/* SPDX-License-Identifier: MIT */
/*
 * write.c - the text of a sweep's kernels.
 */
#include "sweep.h"

#include <ctype.h>
#include <stdarg.h>

const char sweep_prelude[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def at(s):\n"
    "    n: tl.constexpr = len(s)\n"
    "    a = tl.arange(0, s[n - 1])\n"
    "    if n == 1:\n"
    "        return a\n"
    "    elif n == 2:\n"
    "        return tl.arange(0, s[0])[:, None] * s[1] + a[None, :]\n"
    "    elif n == 3:\n"
    "        return at((s[0] * s[1],))[:, None].reshape(s[0], s[1], 1) "
    "* s[2] + a[None, None, :]\n"
    "    elif n == 4:\n"
    "        return at((s[0], s[1], s[2]))[:, :, :, None] * s[3] "
    "+ a[None, None, None, :]\n"
    "    elif n == 5:\n"
    "        return at((s[0], s[1], s[2], s[3]))[:, :, :, :, None] * s[4] "
    "+ a[None, None, None, None, :]\n"
    "    else:\n"
    "        return at((s[0], s[1], s[2], s[3], s[4]))[:, :, :, :, :, None] "
    "* s[5] + a[None, None, None, None, None, :]\n"
    "@triton.jit\n"
    "def put(P, r):\n"
    "    if len(r.shape) == 0:\n"
    "        tl.store(P, r)\n"
    "    else:\n"
    "        tl.store(P + at(r.shape), r)\n"
    "@triton.jit\n"
    "def mul(a, b):\n"
    "    return a * b\n"
    "@triton.jit\n"
    "def both(a, b):\n"
    "    return a | b\n"
    "@triton.jit\n"
    "def most(a, b):\n"
    "    return tl.maximum(a, b)\n"
    "@triton.jit\n"
    "def add3(a, b, c, d, e, f):\n"
    "    return a + d, b + e, c + f\n"
    "@triton.jit\n"
    "def first_most(v, i, w, j):\n"
    "    take = (v > w) | ((v == w) & (i < j))\n"
    "    return tl.where(take, v, w), tl.where(take, i, j)\n"
    "@triton.jit\n"
    "def affine(a, b, c, d):\n"
    "    return a * c, b * c + d\n"
    "@triton.jit\n"
    "def matrix(a, b, c, d, e, f, g, h):\n"
    "    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h\n"
    "@triton.jit\n"
    "def last(a, b):\n"
    "    return b\n"
    "@triton.jit\n"
    "def choose(a, b):\n"
    "    if a > b:\n"
    "        return a\n"
    "    return b + 1\n"
    "@triton.jit\n"
    "def ordered(a, b):\n"
    "    return tl.minimum(a, b), tl.maximum(a, b)\n";

const sweep_type sweep_types[SWEEP_TYPES] = {
    {"i1", "int1", BOOLS, TM_I1},
    {"i8", "int8", SIGNEDS, TM_I8},
    {"i16", "int16", SIGNEDS, TM_I16},
    {"i32", "int32", SIGNEDS, TM_I32},
    {"i64", "int64", SIGNEDS, TM_I64},
    {"u8", "uint8", UNSIGNEDS, TM_I8},
    {"u16", "uint16", UNSIGNEDS, TM_I16},
    {"u32", "uint32", UNSIGNEDS, TM_I32},
    {"u64", "uint64", UNSIGNEDS, TM_I64},
    {"fp16", "float16", FLOATS, TM_F16},
    {"bf16", "bfloat16", FLOATS, TM_BF16},
    {"fp32", "float32", FLOATS, TM_F32},
    {"fp8e4nv", "float8e4nv", SMALL_FLOATS, TM_FP8E4NV},
    {"fp8e5", "float8e5", SMALL_FLOATS, TM_FP8E5},
    {"fp8e4b8", "float8e4b8", SMALL_FLOATS, TM_FP8E4B8},
    {"fp8e5b16", "float8e5b16", SMALL_FLOATS, TM_FP8E5B16},
};

const sweep_type *sweep_type_named(const char *name) {
  for (size_t i = 0; i < SWEEP_TYPES; i++)
    if (strcmp(sweep_types[i].name, name) == 0) return &sweep_types[i];
  fail_msg("no type %s", name);
  return NULL;
}

size_t sweep_numel(const sweep_setting *s) {
  size_t n = 1;
  for (int d = 0; d < s->rank; d++) n *= (size_t)s->shape[d];
  return n;
}

uint32_t sweep_sum_limit(const sweep_type *type, size_t n) {
  /* Sums of 4s must stay below 2^(bits of the significand). */
  uint32_t limit = type->scalar == TM_F16 ? 512 : type->scalar == TM_BF16 ? 64
                                                                          : 0;
  return type->class == FLOATS && limit && n > limit ? limit : 0;
}

/* ---- which settings ---------------------------------------------------- */

static bool is_admitted(const sweep_row *row, const sweep_type *t) {
  unsigned bits = tm_scalar_bits(t->scalar);
  if (!(row->types & t->class)) return false;
  if (row->types & ONLY_32 && bits != 32) return false;
  if (row->types & ONLY_64 && bits != 64) return false;
  if (t->class == FLOATS) return true;
  if (row->types & NOT_8_AND_16 && bits < 32) return false;
  if (row->types & INTS_OF_32 && bits != 32) return false;
  if (row->types & NOT_8 && bits < 16) return false;
  return true;
}

bool sweep_admits(const sweep_row *row, const sweep_setting *s) {
  size_t n = sweep_numel(s);
  unsigned needs = row->needs;
  if (!is_admitted(row, s->type)) return false;
  if (needs & LAST_2 && s->shape[s->rank - 1] < 2) return false;
  if (needs & RANK_1 && s->rank != 1) return false;
  if (needs & RANK_2 && s->rank != 2) return false;
  if (needs & RANK_2_UP && s->rank < 2) return false;
  if (needs & UP_TO_RANK_4 && s->rank > 4) return false;
  if (needs & SHORT_LINES && (s->shape[s->axis] > 1024 || n > 4096))
    return false;
  if (needs & ANY_TOTAL && (s->axis || s->reverse)) return false;
  return true;
}

/* ---- text -------------------------------------------------------------- */

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

/* "4, 8", with the axes in this order. */
static void put_shape(writer *w, const sweep_setting *s, const int *order) {
  for (int d = 0; d < s->rank; d++)
    put(w, "%d%s", s->shape[order ? order[d] : d],
        d + 1 < s->rank || s->rank == 1 ? ", " : "");
}

static void put_order(writer *w, const int *order, int rank) {
  for (int d = 0; d < rank; d++)
    put(w, "%d%s", order[d], d + 1 < rank || rank == 1 ? ", " : "");
}

static void orders(const sweep_setting *s, char which, int *order) {
  for (int d = 0; d < s->rank; d++) {
    order[d] = d;
    if (which == 'P') order[d] = (d + s->axis + 1) % s->rank;
    if (which == 'V') order[d] = s->rank - 1 - d;
  }
  if (which != 'Q') return;
  order[s->axis] = s->rank - 1;
  order[s->rank - 1] = s->axis;
}

/* Strides of a dense tile. */
static void put_strides(writer *w, const sweep_setting *s) {
  for (int d = 0; d < s->rank; d++) {
    int stride = 1;
    for (int e = d + 1; e < s->rank; e++) stride *= s->shape[e];
    put(w, "%d, ", stride);
  }
}

/* The shape with `extent` inserted at the axis. */
static void put_wider(writer *w, const sweep_setting *s, int extent) {
  for (int d = 0; d < s->rank; d++) {
    if (d == s->axis) put(w, "%d, ", extent);
    put(w, "%d, ", s->shape[d]);
  }
}

/* 1 along the axis in what is otherwise 0: offsets of a block. */
static void put_unit(writer *w, const sweep_setting *s) {
  for (int d = 0; d < s->rank; d++)
    put(w, "%d, ", d == s->axis && s->shape[d] > 1);
}

static void put_part(writer *w, char part, const sweep_setting *s,
                     const char *out) {
  int n = (int)sweep_numel(s), last = s->shape[s->rank - 1], order[8];
  switch (part) {
    case 'T': put(w, "tl.%s", s->type->triton); break;
    case 'A': put(w, "%d", s->axis); break;
    case 'L': put(w, "%d", s->rank - 1); break;
    case 'E': put(w, "%d", s->shape[s->axis]); break;
    case 'M': put(w, "%d", n / s->shape[s->axis]); break;
    case 'H': put(w, "%d", last > 1 ? last / 2 : 1); break;
    case 'N': put(w, "%d", n); break;
    case 'S': put_shape(w, s, NULL); break;
    case 'W': put_wider(w, s, 4); break;
    case 'U': put_unit(w, s); break;
    case 'D': put_strides(w, s); break;
    case 'B': put(w, "%u", tm_scalar_bits(s->type->scalar) - 1); break;
    case 'R': put(w, s->reverse ? "True" : "False"); break;
    case 'O': put(w, "%s", out); break;
    default:
      orders(s, part, order);
      put_order(w, order, s->rank);
      break;
  }
}

static void put_row(writer *w, const sweep_row *row, const sweep_setting *s,
                    const char *out) {
  put(w, "    ");
  for (const char *p = row->text; *p; p++) {
    if (*p == '\n') put(w, "\n    ");
    else if (*p == '$') put_part(w, *++p, s, out);
    else put(w, "%c", *p);
  }
  put(w, "\n");
  if (!strstr(row->text, "$O")) put(w, "    put(%s, r)\n", out);
}

/* ---- buffers ----------------------------------------------------------- */

sweep_buffer *sweep_add_buffer(sweep_kernel *k, const char *name,
                               const sweep_type *type, size_t n,
                               sweep_fill fill) {
  assert_true(k->n_buffers < SWEEP_MAX_BUFFERS);
  sweep_buffer *b = &k->buffers[k->n_buffers++];
  *b = (sweep_buffer){.name = name, .type = type, .n = n, .fill = fill};
  return b;
}

/* Is that name, of one letter, in the text? */
static bool has_name(const char *text, char name) {
  for (const char *p = text; *p; p++) {
    bool before = p > text && (isalnum((unsigned char)p[-1]) ||
                               strchr("_.$", p[-1]));
    if (*p == name && !before && !isalnum((unsigned char)p[1]) && p[1] != '_')
      return true;
  }
  return false;
}

static bool any_names(const sweep_row *const *rows, uint32_t n, char name) {
  for (uint32_t i = 0; i < n; i++)
    if (has_name(rows[i]->text, name)) return true;
  return false;
}

static void add_inputs(sweep_kernel *k, const sweep_row *const *rows,
                       uint32_t n, const sweep_setting *s) {
  static const struct {
    char tile;
    const char *buffer, *type;
    sweep_fill fill;
  } inputs[] = {{'x', "X", NULL, FILL_ANY},   {'y', "Y", NULL, FILL_ANY},
                {'s', "S", NULL, FILL_SMALL}, {'t', "T", NULL, FILL_SMALL},
                {'p', "P", NULL, FILL_POSITIVE},
                {'q', "Q", NULL, FILL_FACTORS}, {'c', "C", "i1", FILL_BOOLS},
                {'i', "I", "i32", FILL_INDICES}};
  size_t count = sweep_numel(s);
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    if (!any_names(rows, n, inputs[i].tile) &&
        !any_names(rows, n, inputs[i].buffer[0]))
      continue;
    const sweep_type *type = inputs[i].type ? sweep_type_named(inputs[i].type)
                                            : s->type;
    sweep_buffer *b =
        sweep_add_buffer(k, inputs[i].buffer, type, count, inputs[i].fill);
    b->limit = inputs[i].fill == FILL_INDICES
                   ? (uint32_t)s->shape[s->axis]
                   : sweep_sum_limit(type, count);
  }
}

static const sweep_type *stored_type(const sweep_row *row,
                                     const sweep_type *x) {
  if (!row->out) return x;
  if (strcmp(row->out, "wide") != 0) return sweep_type_named(row->out);
  return sweep_type_named(x->class & (FLOATS | SMALL_FLOATS) ? "fp32" : "i64");
}

static void add_outputs(sweep_kernel *k, const sweep_row *const *rows,
                        uint32_t n, const sweep_setting *s) {
  static const char *const names[SWEEP_MAX_BUNDLE] = {
      "O0", "O1", "O2", "O3", "O4", "O5", "O6", "O7"};
  for (uint32_t i = 0; i < n; i++) {
    size_t count = sweep_numel(s);
    if (rows[i]->needs & TWICE) count *= 4;
    sweep_buffer *b = sweep_add_buffer(
        k, names[i], stored_type(rows[i], s->type), count,
        rows[i]->needs & PRESET ? FILL_PRESET : FILL_ZERO);
    if (rows[i]->needs & PRESET) b->limit = sweep_sum_limit(s->type, count);
    b->op = rows[i]->name;
    b->row = rows[i];
    b->ulps = rows[i]->ulps;
  }
}

/* ---- kernels ----------------------------------------------------------- */

static void put_loads(writer *w, const sweep_kernel *k,
                      const sweep_setting *s) {
  put(w, "    o = at((");
  put_shape(w, s, NULL);
  put(w, "))\n");
  for (uint32_t i = 0; i < k->n_buffers; i++)
    if (!k->buffers[i].op)
      put(w, "    %c = tl.load(%s + o)\n",
          tolower((unsigned char)k->buffers[i].name[0]), k->buffers[i].name);
}

static void describe(sweep_kernel *k, const sweep_setting *s) {
  writer w = {k->what, 0, sizeof k->what};
  put(&w, "%s, ", s->type->name);
  for (int d = 0; d < s->rank; d++)
    put(&w, "%s%d", d ? "x" : "", s->shape[d]);
  put(&w, ", axis %d%s, %u simdgroups, %s", s->axis,
      s->reverse ? " reversed" : "", s->num_warps, s->chip);
}

void sweep_write(sweep_kernel *k, const sweep_row *const *rows, uint32_t n,
                 const sweep_setting *s) {
  writer w = {malloc(16384), 0, 16384};
  assert_non_null(w.text);
  *k = (sweep_kernel){.text = w.text, .grid = 1, .num_warps = s->num_warps,
                      .chip = s->chip, .setting = *s};
  add_inputs(k, rows, n, s);
  uint32_t n_inputs = k->n_buffers;
  add_outputs(k, rows, n, s);
  describe(k, s);
  put(&w, "%s@triton.jit\ndef k(", sweep_prelude);
  for (uint32_t i = 0; i < k->n_buffers; i++)
    put(&w, "%s%s", i ? ", " : "", k->buffers[i].name);
  put(&w, "):\n");
  put_loads(&w, k, s);
  for (uint32_t i = 0; i < n; i++)
    put_row(&w, rows[i], s, k->buffers[n_inputs + i].name);
}
