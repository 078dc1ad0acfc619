/* SPDX-License-Identifier: MIT */
/* dot.c - matrix products. */
#include "value.h"

static uint32_t rank_of(tm_lv v) {
  return tm_lt_is_block(v->type) ? v->type->rank : 0;
}

/* MLIR's number of an input precision; -1 when unknown. The default is
 * ieee: Apple GPUs have no tf32, so asking for less precision gains nothing. */
static int64_t precision(tm_low *l, tm_lv asked, tm_lv allow_tf32) {
  const char *text;
  if (!tm_want_text(l, asked, "input_precision", &text)) return -1;
  if (text && allow_tf32->kind != TM_LV_NONE) {
    tm_low_error(l, "give only input_precision",
                 "input_precision and allow_tf32 exclude each other");
    return -1;
  }
  static const char *const names[] = {"tf32", "tf32x3", "ieee", "bf16x3",
                                      "bf16x6"};
  if (!text) return 2;
  for (size_t i = 0; i < TM_COUNT(names); i++)
    if (strcmp(names[i], text) == 0) return (int64_t)i;
  tm_low_error(l, "use 'ieee', 'tf32' or 'tf32x3'",
               "unknown input_precision '%s'", text);
  return -1;
}

static bool dot_dtype(tm_dtype d) {
  switch (d) {
  case TM_DT_I8: case TM_DT_F16: case TM_DT_BF16: case TM_DT_F32:
  case TM_DT_F64:
    return true;
  default:
    return d >= TM_DT_FP8E4NV && d <= TM_DT_FP8E5B16;
  }
}

static bool check_operands(tm_low *l, tm_lv a, tm_lv b) {
  if (!tm_lt_is_block(a->type) || !tm_lt_is_block(b->type)) {
    tm_low_error(l, "multiply scalars with *",
                 "dot needs two tensors, got %s and %s",
                 tm_lt_text(l, a->type), tm_lt_text(l, b->type));
    return false;
  }
  bool fp8 = tm_lt_is_fp8(a->type) && tm_lt_is_fp8(b->type);
  if (!dot_dtype(tm_lt_dtype(a->type)) || !dot_dtype(tm_lt_dtype(b->type)) ||
      (!fp8 && tm_lt_dtype(a->type) != tm_lt_dtype(b->type))) {
    tm_low_error(l, "both sides have one type, a float or int8: convert one "
                    "with .to(dtype)",
                 "dot does not take %s and %s", tm_lt_text(l, a->type),
                 tm_lt_text(l, b->type));
    return false;
  }
  uint32_t rank = a->type->rank;
  bool ok = rank >= 2 && b->type->rank == rank &&
            a->type->shape[rank - 1] == b->type->shape[rank - 2];
  for (uint32_t d = 0; ok && d + 2 < rank; d++)
    ok = a->type->shape[d] == b->type->shape[d];
  if (ok) return true;
  tm_low_error(l, "the last dimension of the first must equal the second to "
                  "last of the second; tl.trans swaps them",
               "dot cannot multiply %s by %s", tm_lt_text(l, a->type),
               tm_lt_text(l, b->type));
  return false;
}

static tm_ltype product_type(tm_low *l, tm_lv a, tm_ltype out) {
  switch (tm_lt_dtype(a->type)) {
  case TM_DT_I8: return tm_lt_scalar(l, TM_DT_I32);
  case TM_DT_F32: case TM_DT_BF16: return tm_lt_scalar(l, TM_DT_F32);
  case TM_DT_F64: return tm_lt_scalar(l, TM_DT_F64);
  default: return tm_lt_element(out);
  }
}

/* Ranks above 3 fold their leading dimensions into one batch. */
static tm_lv fold_batch(tm_low *l, tm_lv v) {
  tm_ltype t = v->type;
  if (t->rank <= 3) return v;
  int64_t shape[3] = {1, t->shape[t->rank - 2], t->shape[t->rank - 1]};
  for (uint32_t d = 0; d + 2 < t->rank; d++) shape[0] *= t->shape[d];
  return tm_sem_reshape(l, v, 3, shape, false);
}

static tm_lv transposed(tm_low *l, tm_lv v, tm_lv asked, const char *what) {
  bool yes;
  if (!v || !tm_want_bool(l, asked, what, &yes)) return NULL;
  if (!yes || rank_of(v) < 2) return v;
  int64_t order[TM_MAX_RANK];
  uint32_t rank = v->type->rank;
  for (uint32_t d = 0; d < rank; d++) order[d] = d;
  order[rank - 1] = rank - 2;
  order[rank - 2] = rank - 1;
  return tm_sem_permute(l, v, rank, order);
}

static tm_lv accumulator(tm_low *l, tm_lv given, tm_ltype type) {
  if (given->kind == TM_LV_NONE) {
    tm_lv zero = tm_sem_constant(l, tm_lv_int(l, 0), type->element);
    return tm_sem_splat(l, zero, type->rank, type->shape);
  }
  tm_lv acc = tm_want_tensor(l, given, "dot's acc");
  if (!acc) return TM_POISONED;
  if (acc->type == type) return acc;
  return tm_low_error(l, "make it with tl.zeros(shape, dtype=...); out_dtype "
                         "names another accumulator type",
                      "dot's acc must be %s, got %s", tm_lt_text(l, type),
                      tm_lt_text(l, acc->type));
}

static tm_ltype out_type(tm_low *l, tm_lv asked, tm_lv acc) {
  if (asked->kind != TM_LV_NONE) return tm_want_type(l, asked, "out_dtype");
  if (tm_lv_is_run(acc)) return tm_lt_element(acc->type);
  return tm_lt_scalar(l, TM_DT_F32);
}

tm_lv tm_fn_dot(tm_low *l, const tm_builtin_call *c) {
  tm_lv a = transposed(l, tm_want_tensor(l, c->args[0], "dot's input"),
                       c->args[7], "trans_a");
  tm_lv b = transposed(l, tm_want_tensor(l, c->args[1], "dot's other"),
                       c->args[8], "trans_b");
  if (!a || !b || tm_lv_is_poison(a) || tm_lv_is_poison(b) ||
      !check_operands(l, a, b))
    return TM_POISONED;
  int64_t how = precision(l, c->args[3], c->args[4]), imprecise = 0;
  tm_ltype out = out_type(l, c->args[6], c->args[2]);
  if (how < 0 || !out) return TM_POISONED;
  if (c->args[5]->kind != TM_LV_NONE &&
      !tm_want_int(l, c->args[5], "max_num_imprecise_acc", 0, INT32_MAX,
                  &imprecise))
    return TM_POISONED;
  if (tm_lt_is_fp8(a->type) && imprecise > a->type->shape[rank_of(a) - 1])
    return tm_low_error(l, NULL, "max_num_imprecise_acc (%lld) must be at "
                        "most K (%lld)", (long long)imprecise,
                        (long long)a->type->shape[rank_of(a) - 1]);
  if (tm_lt_dtype(out) == TM_DT_BF16)
    return tm_low_error(l, "leave it float32 and convert the result with "
                           ".to(tl.bfloat16)",
                        "dot does not accumulate in bfloat16");
  uint32_t rank = a->type->rank;
  int64_t shape[TM_MAX_RANK];
  memcpy(shape, a->type->shape, sizeof shape);
  shape[rank - 1] = b->type->shape[rank - 1];
  tm_ltype element = product_type(l, a, out);
  tm_ltype type = tm_lt_block(l, element, rank, shape);
  tm_lv acc = accumulator(l, c->args[2], type);
  if (tm_lv_is_poison(acc)) return acc;
  a = fold_batch(l, a);
  b = fold_batch(l, b);
  acc = fold_batch(l, acc);
  tm_value operands[] = {a->value, b->value, acc->value};
  tm_attr attrs[] = {tm_attr_int(TM_ATTR_INPUT_PRECISION, how),
                     tm_attr_int(TM_ATTR_MAX_IMPRECISE_ACC, imprecise)};
  tm_inst i = tm_build(&l->b, TM_DOT, 3, operands, 1, &acc->type->ir, 0,
                       NULL, 2, attrs);
  tm_lv r = tm_lv_run(l, tm_get(l->ir, i)->results, acc->type);
  return rank > 3 ? tm_sem_reshape(l, r, rank, shape, false) : r;
}

/* ---- scaled products ---------------------------------------------------- */

typedef struct scaled_side {
  tm_lv value, scale;      /* scale: NULL when None */
  int64_t format;          /* MLIR's ScaleDotElemType */
  bool packs_k;            /* two fp4 values a byte go along K */
} scaled_side;

static bool read_format(tm_low *l, tm_lv v, scaled_side *s) {
  static const struct { const char *name; int64_t number; tm_dtype bits, type; }
  formats[] = {
    {"e4m3", 0, TM_DT_U8, TM_DT_FP8E4NV}, {"e5m2", 1, TM_DT_U8, TM_DT_FP8E5},
    {"e2m1", 4, TM_DT_U8, TM_DT_U8}, {"bf16", 5, TM_DT_U16, TM_DT_BF16},
    {"fp16", 6, TM_DT_U16, TM_DT_F16}};
  const char *text;
  if (!tm_want_text(l, v, "the format", &text)) return false;
  for (size_t i = 0; text && i < TM_COUNT(formats); i++) {
    if (strcmp(formats[i].name, text) != 0) continue;
    tm_dtype have = tm_lt_dtype(s->value->type);
    s->format = formats[i].number;
    if (have == formats[i].type) return true;
    if (have == formats[i].bits) {
      s->value = tm_sem_bitcast(l, s->value,
                                tm_lt_scalar(l, formats[i].type));
      return true;
    }
    tm_low_error(l, NULL, "format %s holds %s or %s, got %s", text,
                 tm_dtype_infos[formats[i].type].brief,
                 tm_dtype_infos[formats[i].bits].brief,
                 tm_lt_text(l, s->value->type));
    return false;
  }
  tm_low_error(l, "the formats are e4m3, e5m2, e2m1, bf16 and fp16",
               "unknown format %s", tm_lv_describe(l, v));
  return false;
}

static bool read_side(tm_low *l, const tm_builtin_call *c, uint32_t first,
                      uint32_t pack, scaled_side *s) {
  s->value = tm_want_tensor(l, c->args[first], "dot_scaled's operand");
  if (!s->value || !read_format(l, c->args[first + 2], s) ||
      !tm_want_bool(l, c->args[pack], "k_pack", &s->packs_k))
    return false;
  if (c->args[first + 1]->kind != TM_LV_NONE) {
    s->scale = tm_want_tensor(l, c->args[first + 1], "dot_scaled's scale");
    if (!s->scale) return false;
  }
  if (rank_of(s->value) == 2 || rank_of(s->value) == 3) {
    if (s->packs_k || s->format == 4) return true;
    tm_low_error(l, NULL, "only e2m1 packs along another dimension than K");
    return false;
  }
  tm_low_error(l, NULL, "dot_scaled takes 2 or 3 dimensions, got %s",
               tm_lt_text(l, s->value->type));
  return false;
}

/* Elements of K, rows (of A) or columns (of B), with packed pairs counted. */
static void extents(const scaled_side *s, bool right, int64_t *k,
                    int64_t *other) {
  uint32_t rank = rank_of(s->value);
  *k = s->value->type->shape[right ? rank - 2 : rank - 1];
  *other = s->value->type->shape[right ? rank - 1 : rank - 2];
  if (s->format == 4) *(s->packs_k ? k : other) *= 2;
}

/* Scales are [.., M, K / 16 or 32] and [.., N, K / 16 or 32]. */
static bool check_scale(tm_low *l, const scaled_side *s, int64_t k,
                        int64_t other, const char *what, int64_t *factor) {
  if (!s->scale) return true;
  uint32_t rank = rank_of(s->value);
  tm_ltype t = s->scale->type;
  tm_dtype d = tm_lt_dtype(t);
  if (d != TM_DT_U8 && d != TM_DT_I8 && d != TM_DT_FP8E4NV) {
    tm_low_error(l, "uint8 scales are powers of two (e8m0), float8e4nv ones "
                    "are numbers", "%s has 8-bit elements, got %s", what,
                 tm_lt_text(l, t));
    return false;
  }
  bool fits = rank_of(s->scale) == rank && t->shape[rank - 2] == other;
  for (uint32_t i = 0; fits && i + 2 < rank; i++)
    fits = t->shape[i] == s->value->type->shape[i];
  int64_t n = fits ? t->shape[rank - 1] : 0;
  if (n > 0 && (k == 16 * n || k == 32 * n) && *factor == 0) *factor = k / n;
  if (n > 0 && *factor && k == *factor * n) return true;
  tm_low_error(l, "one scale belongs to 16 or 32 elements along K, the same "
                  "number on both sides",
               "%s must be [.., %lld, %lld / 16 or 32], got %s", what,
               (long long)other, (long long)k, tm_lt_text(l, t));
  return false;
}

static tm_ltype scaled_out_type(tm_low *l, tm_lv asked) {
  if (asked->kind == TM_LV_NONE) return tm_lt_scalar(l, TM_DT_F32);
  tm_ltype t = tm_want_type(l, asked, "out_dtype");
  if (!t || tm_lt_dtype(t) == TM_DT_F32) return t;
  tm_low_error(l, "convert the result with .to(dtype)",
               "dot_scaled accumulates in float32, not %s", tm_lt_text(l, t));
  return NULL;
}

tm_lv tm_fn_dot_scaled(tm_low *l, const tm_builtin_call *c) {
  scaled_side a = {0}, b = {0};
  bool fast;
  tm_ltype out = scaled_out_type(l, c->args[10]);
  if (!out || !read_side(l, c, 0, 8, &a) || !read_side(l, c, 3, 9, &b) ||
      !tm_want_bool(l, c->args[7], "fast_math", &fast))
    return TM_POISONED;
  uint32_t rank = rank_of(a.value);
  int64_t m, ka, n = 0, kb = 0, factor = 0;
  extents(&a, false, &ka, &m);
  if (rank_of(b.value) == rank) extents(&b, true, &kb, &n);
  if (ka != kb || (rank == 3 && a.value->type->shape[0] !=
                                    b.value->type->shape[0]))
    return tm_low_error(l, NULL, "dot_scaled cannot multiply %s by %s",
                        tm_lt_text(l, a.value->type),
                        tm_lt_text(l, b.value->type));
  if (!check_scale(l, &a, ka, m, "lhs_scale", &factor) ||
      !check_scale(l, &b, kb, n, "rhs_scale", &factor))
    return TM_POISONED;
  int64_t shape[3] = {a.value->type->shape[0], 0, 0};
  shape[rank - 2] = m;
  shape[rank - 1] = n;
  tm_ltype type = tm_lt_block(l, out, rank, shape);
  tm_lv acc = accumulator(l, c->args[6], type);
  if (tm_lv_is_poison(acc)) return acc;
  tm_value operands[5] = {a.value->value, b.value->value, acc->value};
  uint32_t used = 3;
  if (a.scale) operands[used++] = a.scale->value;
  if (b.scale) operands[used++] = b.scale->value;
  int64_t segments[] = {1, 1, 1, a.scale != NULL, b.scale != NULL};
  tm_attr attrs[] = {
    tm_attr_int(TM_ATTR_A_TYPE, a.format),
    tm_attr_int(TM_ATTR_B_TYPE, b.format),
    tm_attr_int(TM_ATTR_FAST_MATH, fast),
    tm_attr_int(TM_ATTR_LHS_K_PACK, a.packs_k),
    tm_attr_int(TM_ATTR_RHS_K_PACK, b.packs_k),
    {.key = TM_ATTR_SEGMENTS, .kind = TM_ATTR_INTS, .ints = segments,
     .n_ints = 5}};
  tm_inst i = tm_build(&l->b, TM_DOT_SCALED, used, operands, 1, &type->ir, 0,
                       NULL, (uint32_t)TM_COUNT(attrs), attrs);
  return tm_lv_run(l, tm_get(l->ir, i)->results, type);
}
