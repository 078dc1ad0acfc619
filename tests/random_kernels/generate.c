/* SPDX-License-Identifier: MIT */
/*
 * generate.c - see generate.h.
 *
 * The generator keeps a pool of values that the text has computed so far:
 * name, shape, type and, for floats, bounds: magnitudes are at most 2^high
 * and every value is a multiple of 2^-low. high + low may not exceed the
 * type's significand. A statement picks operands from the pool and adds its
 * result. Blocks (loops, branches) work on a copy of the pool and hand their
 * results over through variables that they assign.
 */
#include "generate.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { BOOL, SIGNED, UNSIGNED, FLOAT } kind;

typedef struct type_row {
  const char *name;   /* in signatures */
  const char *triton; /* in the text */
  kind kind;
  int bits;           /* integers: width; floats: of the significand */
  size_t bytes;
} type_row;

static const type_row types[] = {
  {"i1", "int1", BOOL, 1, 1},          {"i8", "int8", SIGNED, 8, 1},
  {"i16", "int16", SIGNED, 16, 2},     {"i32", "int32", SIGNED, 32, 4},
  {"i64", "int64", SIGNED, 64, 8},     {"u8", "uint8", UNSIGNED, 8, 1},
  {"u16", "uint16", UNSIGNED, 16, 2},  {"u32", "uint32", UNSIGNED, 32, 4},
  {"u64", "uint64", UNSIGNED, 64, 8},  {"fp32", "float32", FLOAT, 24, 4},
  {"fp16", "float16", FLOAT, 11, 2},   {"bf16", "bfloat16", FLOAT, 8, 2},
};
enum { I1 = 0, I8 = 1, I32 = 3, F32 = 9, N_TYPES = 12 };

enum { MAX_RANK = 4, MAX_POOL = 64, MAX_NUMEL = 4096, MAX_DEPTH = 3 };

typedef struct value {
  char name[16];
  int rank, shape[MAX_RANK]; /* rank 0: a scalar */
  int type;
  int high, low; /* floats */
} value;

typedef struct generator {
  uint64_t state;
  char *text;
  size_t len, room;
  int indent, depth, names;
  value pool[MAX_POOL];
  int n_pool;
  int budget;            /* statements left */
  int buffer_type[RANDOM_MAX_BUFFERS];
  bool is_output[RANDOM_MAX_BUFFERS];
  int n_buffers;
  int base[MAX_RANK], base_rank; /* a shape that comes again and again */
} generator;

/* ---- chance ----------------------------------------------------------- */

static uint64_t next(generator *g) { /* xorshift64* (Vigna) */
  g->state ^= g->state >> 12;
  g->state ^= g->state << 25;
  g->state ^= g->state >> 27;
  return g->state * 0x2545F4914F6CDD1Dull;
}
static int below(generator *g, int n) {
  return n > 0 ? (int)((next(g) >> 33) % (uint64_t)n) : 0;
}
static bool chance(generator *g, int percent) {
  return below(g, 100) < percent;
}

/* ---- text ------------------------------------------------------------- */

static void put(generator *g, const char *fmt, ...) {
  char line[1024];
  va_list args;
  va_start(args, fmt);
  vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  size_t n = strlen(line) + (size_t)g->indent * 4 + 2;
  if (g->len + n > g->room) {
    g->room = (g->room + n) * 2;
    g->text = realloc(g->text, g->room);
    if (!g->text) abort();
  }
  g->len += (size_t)sprintf(g->text + g->len, "%*s%s\n", g->indent * 4, "",
                            line);
}

/* ---- the pool --------------------------------------------------------- */

static int numel(const value *v) {
  int n = 1;
  for (int i = 0; i < v->rank; i++) n *= v->shape[i];
  return n;
}
static bool same_shape(const value *a, const value *b) {
  return a->rank == b->rank &&
         memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(int)) == 0;
}
static kind kind_of(const value *v) { return types[v->type].kind; }
static bool is_int(const value *v) {
  return kind_of(v) == SIGNED || kind_of(v) == UNSIGNED;
}
static bool fits(int type, int high, int low) {
  return types[type].kind != FLOAT || high + low <= types[type].bits;
}

/* A copy: the pool moves when it is full. */
static value pick(generator *g) { return g->pool[below(g, g->n_pool)]; }

/* Another value of the same shape and type, or v itself. */
static value partner(generator *g, const value *v) {
  int start = below(g, g->n_pool);
  for (int i = 0; i < g->n_pool; i++) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (w->type == v->type && same_shape(w, v)) return *w;
  }
  return *v;
}

/* A value of v's shape with another type. */
static bool companion(generator *g, const value *v, int of_type,
                      value *out) {
  value like = *v;
  like.type = of_type;
  like.name[0] = 0;
  *out = partner(g, &like);
  return out->name[0] != 0;
}

static bool find(generator *g, bool (*want)(const value *), value *out) {
  int start = below(g, g->n_pool);
  for (int i = 0; i < g->n_pool; i++) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (!want(w)) continue;
    *out = *w;
    return true;
  }
  return false;
}

static value named(generator *g, const value *like) {
  value v = *like;
  snprintf(v.name, sizeof v.name, "t%d", g->names++);
  return v;
}

static void keep(generator *g, const value *v) {
  if (g->n_pool == MAX_POOL) g->pool[below(g, MAX_POOL)] = *v;
  else g->pool[g->n_pool++] = *v;
}

/* name = <expression>, into the pool */
static void define(generator *g, const value *like, const char *fmt, ...) {
  char text[768];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  value v = named(g, like);
  put(g, "%s = %s", v.name, text);
  keep(g, &v);
}

/* ---- shapes ----------------------------------------------------------- */

static void roll_shape(generator *g, value *v) {
  if (chance(g, 60)) {
    v->rank = g->base_rank;
    memcpy(v->shape, g->base, sizeof v->shape);
    return;
  }
  v->rank = 1 + below(g, 3);
  int left = chance(g, 10) ? 12 : 10;
  for (int i = 0; i < v->rank; i++) {
    int bits = below(g, left + 1);
    if (v->rank > 1 && bits > 7) bits = 7;
    v->shape[i] = 1 << bits;
    left -= bits;
  }
}

/* "[:, None, None]": dimension d of rank. */
static const char *along(int rank, int d, char *out) {
  char *p = out;
  *p = 0;
  if (rank == 1) return out;
  p += sprintf(p, "[");
  for (int i = 0; i < rank; i++)
    p += sprintf(p, "%s%s", i ? ", " : "", i == d ? ":" : "None");
  sprintf(p, "]");
  return out;
}

/* ---- memory ----------------------------------------------------------- */

static void input_bounds(value *v) { /* k / 8 with |k| <= 32 */
  v->high = 2;
  v->low = 3;
}

static int add_buffer(generator *g, int type, bool output) {
  g->buffer_type[g->n_buffers] = type;
  g->is_output[g->n_buffers] = output;
  return g->n_buffers++;
}

/* The offsets of a tile whose dimensions lie in memory in some order; less
 * than 8 numel + 600. */
static void offsets(generator *g, const value *v, const char *name,
                    bool dense) {
  int order[MAX_RANK] = {0, 1, 2, 3}, stride[MAX_RANK] = {0}, step = 1;
  char text[512], index[64], *p = text;
  for (int i = v->rank - 1; i > 0; i--) {
    int j = chance(g, 70) ? i : below(g, i + 1), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  if (!dense && chance(g, 10)) step = 2;
  for (int i = v->rank; i-- > 0;) {
    stride[order[i]] = step;
    step *= v->shape[order[i]];
    if (!dense && chance(g, 10)) step += 1;
    if (!dense && chance(g, 5)) stride[order[i]] = 0;
  }
  for (int d = 0; d < v->rank; d++)
    p += sprintf(p, "%stl.arange(0, %d)%s * %d", d ? " + " : "", v->shape[d],
                 along(v->rank, d, index), stride[d]);
  put(g, "%s = %s", name, text);
}

static void load(generator *g) {
  value v = {.rank = 0};
  int buffer = -1;
  for (int i = 0; i < g->n_buffers && buffer < 0; i++)
    if (!g->is_output[i] && chance(g, 40)) buffer = i;
  if (buffer < 0) buffer = 0;
  v.type = g->buffer_type[buffer];
  roll_shape(g, &v);
  input_bounds(&v);
  char at[16], mask[256] = "", shift[48] = "";
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, &v, at, chance(g, 60));
  if (chance(g, 60)) sprintf(shift, " + pid * %d", 1 << below(g, 8));
  else if (chance(g, 30)) sprintf(shift, " + %d", below(g, 9));
  if (chance(g, 50)) {
    value c;
    if (companion(g, &v, I1, &c) && chance(g, 50))
      sprintf(mask, ", mask=%s", c.name);
    else if (chance(g, 50))
      sprintf(mask, ", mask=%s < n * %d", at, 1 + below(g, numel(&v)));
    else
      sprintf(mask, ", mask=(%s + pid) %% %d < %d", at, 2 + below(g, 9),
              1 + below(g, 3));
    if (chance(g, 70))
      strcat(mask, kind_of(&v) == FLOAT ? ", other=-1.5"
                   : kind_of(&v) == BOOL ? ", other=1" : ", other=3");
  }
  define(g, &v, "tl.load(b%d + %s%s%s)", buffer, at, shift, mask);
}

/* Each store has its own buffer, each program its own part of it. */
static void store(generator *g, const value *v) {
  if (g->n_buffers == RANDOM_MAX_BUFFERS || v->rank == 0) return;
  int buffer = add_buffer(g, v->type, true);
  char at[16], mask[256] = "";
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, v, at, true);
  value c;
  if (chance(g, 20) && companion(g, v, I1, &c))
    sprintf(mask, ", mask=%s", c.name);
  else if (chance(g, 20))
    sprintf(mask, ", mask=%s < m * %d + 3", at, 1 + below(g, numel(v)));
  put(g, "tl.store(b%d + %s + pid * %d, %s%s)", buffer, at, numel(v), v->name,
      mask);
}

/* Memory that the program writes and reads again, in another order. */
static void scratch(generator *g) {
  value v = pick(g);
  if (g->n_buffers + 3 > RANDOM_MAX_BUFFERS || v.rank == 0) return;
  int buffer = add_buffer(g, v.type, true), n = numel(&v);
  char at[16], back[16];
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, &v, at, true);
  put(g, "tl.store(b%d + %s + pid * %d, %s)", buffer, at, n, v.name);
  snprintf(back, sizeof back, "o%d", g->names++);
  offsets(g, &v, back, true);
  define(g, &v, "tl.load(b%d + %s + pid * %d)", buffer, back, n);
  if (chance(g, 50)) {
    value w = partner(g, &v);
    put(g, "tl.store(b%d + %s + pid * %d, %s)", buffer,
        chance(g, 50) ? at : back, n, w.name);
  }
}

/* ---- elementwise ------------------------------------------------------ */

static void cast(generator *g);

/* Whole numbers of at most 4. */
static void quantize(generator *g, const value *v) {
  value r = *v;
  r.high = 3;
  r.low = 0;
  if (!fits(r.type, 3, 0)) return;
  define(g, &r, "tl.minimum(tl.maximum(tl.floor(%s.to(tl.float32)), -4.0), "
                "4.0).to(tl.%s)", v->name, types[v->type].triton);
}

static void binary_float(generator *g, const value *a) {
  value b = partner(g, a), r = *a;
  int high = a->high > b.high ? a->high : b.high;
  int low = a->low > b.low ? a->low : b.low;
  int op = below(g, 5);
  static const char *const signs[] = {"+", "-", "*"};
  if (op < 2) high++;
  if (op == 2) high = a->high + b.high, low = a->low + b.low;
  if (!fits(r.type, high, low)) {
    quantize(g, a);
    return;
  }
  r.high = high;
  r.low = low;
  if (op < 3) define(g, &r, "%s %s %s", a->name, signs[op], b.name);
  else define(g, &r, "tl.%s(%s, %s)", op == 3 ? "maximum" : "minimum",
              a->name, b.name);
}

static void binary_int(generator *g, const value *a) {
  value b = partner(g, a);
  int bits = types[a->type].bits, op = below(g, 12);
  static const char *const signs[] = {"+", "-", "*", "&", "|", "^"};
  if (op < 6) define(g, a, "%s %s %s", a->name, signs[op], b.name);
  else if (op == 6) define(g, a, "%s << (%s & %d)", a->name, b.name,
                           bits - 1);
  else if (op == 7) define(g, a, "%s >> (%s & %d)", a->name, b.name,
                           bits - 1);
  else if (op == 8) define(g, a, "%s // ((%s & 15) + 1)", a->name, b.name);
  else if (op == 9) define(g, a, "%s %% ((%s & 15) + 1)", a->name, b.name);
  else define(g, a, "tl.%s(%s, %s)", op == 10 ? "maximum" : "minimum",
              a->name, b.name);
}

static void elementwise(generator *g) {
  value a = pick(g);
  int how = below(g, 10);
  if (how < 2) { /* a comparison */
    value b = partner(g, &a), r = a;
    static const char *const signs[] = {"<", "<=", "==", "!=", ">", ">="};
    r.type = I1;
    if (kind_of(&a) == BOOL) define(g, &r, "%s != %s", a.name, b.name);
    else define(g, &r, "%s %s %s", a.name, signs[below(g, 6)], b.name);
  } else if (how == 2) {
    value c, b = partner(g, &a), r = a;
    if (!companion(g, &a, I1, &c)) return;
    if (b.high > r.high) r.high = b.high;
    if (b.low > r.low) r.low = b.low;
    if (fits(r.type, r.high, r.low))
      define(g, &r, "tl.where(%s, %s, %s)", c.name, a.name, b.name);
  } else if (how == 3) {
    if (kind_of(&a) == BOOL) define(g, &a, "~%s", a.name);
    else if (kind_of(&a) == UNSIGNED) define(g, &a, "~%s", a.name);
    else if (chance(g, 50)) define(g, &a, "-%s", a.name);
    else define(g, &a, "tl.abs(%s)", a.name);
  } else if (how == 4) {
    cast(g);
  } else if (kind_of(&a) == FLOAT) {
    binary_float(g, &a);
  } else if (kind_of(&a) == BOOL) {
    value b = partner(g, &a);
    define(g, &a, "%s %c %s", a.name, "&|^"[below(g, 3)], b.name);
  } else {
    binary_int(g, &a);
  }
}

static void cast(generator *g) {
  value a = pick(g), r = a;
  r.type = below(g, N_TYPES);
  const char *to = types[r.type].triton;
  if (a.rank == 0) return;
  if (kind_of(&r) == BOOL) {
    define(g, &r, "%s != 0", a.name);
  } else if (kind_of(&a) == FLOAT && kind_of(&r) == FLOAT) {
    if (fits(r.type, a.high, a.low)) define(g, &r, "%s.to(tl.%s)", a.name, to);
    else quantize(g, &a);
  } else if (kind_of(&a) == FLOAT) {
    if (a.high > 6) return;
    define(g, &r, kind_of(&r) == UNSIGNED ? "tl.abs(%s).to(tl.%s)"
                                          : "%s.to(tl.%s)", a.name, to);
  } else if (kind_of(&r) == FLOAT) {
    r.high = 3;
    r.low = 0;
    define(g, &r, kind_of(&a) == BOOL ? "%s.to(tl.%s)"
                                      : "(%s & 7).to(tl.%s)", a.name, to);
  } else {
    define(g, &r, "%s.to(tl.%s)", a.name, to);
  }
}

/* ---- reductions and scans --------------------------------------------- */

static int log2_of(int n) {
  int bits = 0;
  while (n > 1) n >>= 1, bits++;
  return bits;
}

static void drop(value *v, int axis) {
  for (int i = axis; i + 1 < v->rank; i++) v->shape[i] = v->shape[i + 1];
  v->rank--;
}

static bool is_tile(const value *v) { return v->rank > 0; }

static void reduce(generator *g) {
  value a, r;
  if (!find(g, is_tile, &a)) return;
  int axis = below(g, a.rank), how = below(g, 8);
  const char *t = types[a.type].triton;
  r = a;
  bool kept = chance(g, 30);
  if (kept) r.shape[axis] = 1;
  else drop(&r, axis);
  const char *keep_dims = kept ? ", keep_dims=True" : "";
  bool narrow = kind_of(&a) == BOOL;
  if (how < 2) {
    r.high += log2_of(a.shape[axis]);
    if (narrow || !fits(r.type, r.high, r.low)) return;
    define(g, &r, "tl.sum(%s, %d%s).to(tl.%s)", a.name, axis, keep_dims, t);
  } else if (how < 4) {
    if (narrow) return;
    define(g, &r, "tl.%s(%s, %d%s).to(tl.%s)", how == 2 ? "max" : "min",
           a.name, axis, keep_dims, t);
  } else if (how == 4) {
    if (narrow || kept || types[a.type].bits < 8) return;
    r.type = I32;
    define(g, &r, "tl.arg%s(%s, %d)", chance(g, 50) ? "max" : "min", a.name,
           axis);
  } else if (how == 5) {
    if (!is_int(&a)) return;
    define(g, &r, "tl.xor_sum(%s, %d%s).to(tl.%s)", a.name, axis, keep_dims,
           t);
  } else {
    value b = partner(g, &a), second = r;
    if (!is_int(&a) && kind_of(&a) != BOOL) return;
    if (how == 6) {
      define(g, &r, "tl.reduce(%s, %d, combine_or%s)", a.name, axis,
             keep_dims);
      return;
    }
    if (narrow) return;
    r = named(g, &r);
    second = named(g, &second);
    put(g, "%s, %s = tl.reduce((%s, %s), %d, combine_two%s)", r.name,
        second.name, a.name, b.name, axis, keep_dims);
    keep(g, &r);
    keep(g, &second);
  }
}

static void scan(generator *g) {
  value a;
  if (!find(g, is_tile, &a) || kind_of(&a) == BOOL) return;
  int axis = below(g, a.rank);
  const char *reverse = chance(g, 30) ? "True" : "False";
  const char *t = types[a.type].triton;
  if (kind_of(&a) == FLOAT) {
    value r = a;
    if (chance(g, 50)) {
      define(g, &r, "tl.associative_scan(%s, %d, combine_max, reverse=%s)",
             a.name, axis, reverse);
      return;
    }
    r.high += log2_of(a.shape[axis]);
    if (fits(r.type, r.high, r.low))
      define(g, &r, "tl.cumsum(%s, %d, reverse=%s).to(tl.%s)", a.name, axis,
             reverse, t);
    return;
  }
  int how = below(g, 4);
  if (how == 0)
    define(g, &a, "tl.cumsum(%s, %d, reverse=%s).to(tl.%s)", a.name, axis,
           reverse, t);
  else if (how == 1)
    define(g, &a, "tl.associative_scan(%s, %d, combine_or, reverse=%s)",
           a.name, axis, reverse);
  else {
    value b = partner(g, &a), r = named(g, &a), s = named(g, &a);
    put(g, "%s, %s = tl.associative_scan((%s, %s), %d, recurrence, "
           "reverse=%s)", r.name, s.name, a.name, b.name, axis, reverse);
    keep(g, &r);
    keep(g, &s);
  }
}

/* ---- shapes ----------------------------------------------------------- */

static void move_dims(generator *g, const value *a) {
  int order[MAX_RANK] = {0, 1, 2, 3};
  value r = *a;
  char text[64], *p = text;
  for (int i = a->rank - 1; i > 0; i--) {
    int j = below(g, i + 1), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (int i = 0; i < a->rank; i++) {
    r.shape[i] = a->shape[order[i]];
    p += sprintf(p, "%s%d", i ? ", " : "", order[i]);
  }
  define(g, &r, "tl.permute(%s, (%s))", a->name, text);
}

static void fold(generator *g, const value *a) {
  value r = *a;
  int left = log2_of(numel(a));
  char text[64], *p = text;
  r.rank = 1 + below(g, 3);
  for (int i = 0; i < r.rank; i++) {
    int bits = i + 1 == r.rank ? left : below(g, left + 1);
    left -= bits;
    r.shape[i] = 1 << bits;
    p += sprintf(p, "%s%d", i ? ", " : "", r.shape[i]);
  }
  define(g, &r, "tl.reshape(%s, (%s))", a->name, text);
}

static void outer(generator *g, const value *a) {
  value b = partner(g, a), r = *a;
  r.rank = 2;
  r.shape[0] = a->shape[0];
  r.shape[1] = b.shape[0];
  if (numel(&r) > MAX_NUMEL) return;
  if (b.high > r.high) r.high = b.high;
  if (b.low > r.low) r.low = b.low;
  if (!fits(r.type, r.high, r.low)) return;
  if (kind_of(a) == FLOAT)
    define(g, &r, "tl.maximum(%s[:, None], %s[None, :])", a->name, b.name);
  else
    define(g, &r, "%s[:, None] ^ %s[None, :]", a->name, b.name);
}

static void widen(generator *g, const value *a) {
  int d = -1;
  for (int i = 0; i < a->rank; i++)
    if (a->shape[i] == 1) d = i;
  value r = *a;
  if (d < 0 || numel(a) > MAX_NUMEL / 16) return;
  r.shape[d] = 16;
  char text[64], *p = text;
  for (int i = 0; i < r.rank; i++)
    p += sprintf(p, "%s%d", i ? ", " : "", r.shape[i]);
  define(g, &r, "tl.broadcast_to(%s, (%s))", a->name, text);
}

static void join(generator *g, const value *a) {
  value b = partner(g, a), r = *a;
  if (a->rank >= 3 || numel(a) > MAX_NUMEL / 2) return;
  if (b.high > r.high) r.high = b.high;
  if (b.low > r.low) r.low = b.low;
  if (!fits(r.type, r.high, r.low)) return;
  if (chance(g, 50)) {
    r.shape[r.rank - 1] *= 2;
    define(g, &r, "tl.interleave(%s, %s)", a->name, b.name);
    return;
  }
  r.shape[r.rank++] = 2;
  define(g, &r, "tl.join(%s, %s)", a->name, b.name);
}

static void split(generator *g, const value *a) {
  if (a->rank < 2 || a->shape[a->rank - 1] != 2) return;
  value r = *a;
  r.rank--;
  value x = named(g, &r), y = named(g, &r);
  put(g, "%s, %s = tl.split(%s)", x.name, y.name, a->name);
  keep(g, &x);
  keep(g, &y);
}

static void shuffle(generator *g) {
  value a, i;
  if (!find(g, is_tile, &a)) return;
  switch (below(g, 10)) {
    case 0: move_dims(g, &a); break;
    case 1: fold(g, &a); break;
    case 2: if (a.rank == 1) outer(g, &a); break;
    case 3: widen(g, &a); break;
    case 4: join(g, &a); break;
    case 5: split(g, &a); break;
    case 6:
      if (!companion(g, &a, I32, &i)) return;
      int axis = below(g, a.rank);
      define(g, &a, "tl.gather(%s, %s & %d, %d)", a.name, i.name,
             a.shape[axis] - 1, axis);
      break;
    case 7:
      if (a.rank != 1 || a.type != I32) return;
      a.shape[0] = 8 << below(g, 4);
      define(g, &a, "tl.histogram(%s & %d, %d)", a.name, a.shape[0] - 1,
             a.shape[0]);
      break;
    case 8:
      if (a.shape[a.rank - 1] > 64 || kind_of(&a) == BOOL) return;
      define(g, &a, "tl.sort(%s, descending=%s)", a.name,
             chance(g, 50) ? "True" : "False");
      break;
    default:
      if (a.shape[a.rank - 1] < 2) return;
      define(g, &a, "tl.flip(%s, %d)", a.name, a.rank - 1);
      break;
  }
}

/* ---- products --------------------------------------------------------- */

static void product(generator *g) {
  static const int kinds[] = {F32, F32 + 1, F32 + 2};
  value a = {.rank = 2, .type = kinds[below(g, 3)]}, b, r;
  int m = 16 << below(g, 2), n = 16 << below(g, 2), k = 16 << below(g, 2);
  char at[16];
  a.shape[0] = m, a.shape[1] = k;
  a.high = 3, a.low = 0;
  b = a;
  b.shape[0] = k, b.shape[1] = n;
  r = a;
  r.shape[1] = n;
  r.type = F32;
  r.high = 6 + log2_of(k);
  const char *t = types[a.type].triton;
  for (int i = 0; i < 2; i++) {
    value *x = i ? &b : &a, raw = *x;
    snprintf(at, sizeof at, "o%d", g->names++);
    offsets(g, x, at, true);
    raw = named(g, &raw);
    put(g, "%s = (((%s + %d) * %d) %% 7 - 3).to(tl.%s)", raw.name, at,
        below(g, 50), 1 + below(g, 50), t);
    *x = raw;
  }
  define(g, &r, "tl.dot(%s, %s, input_precision=\"ieee\")", a.name, b.name);
}

/* ---- control flow ----------------------------------------------------- */

static void statements(generator *g, int n);

static const char *condition(generator *g, char *out) {
  static const char *const signs[] = {"<", "<=", "==", "!=", ">"};
  static const char *const left[] = {"n", "m", "pid", "n + pid", "m - pid"};
  sprintf(out, "%s %s %d", left[below(g, 5)], signs[below(g, 5)],
          below(g, 5));
  return out;
}

/* v = something of v's shape and type that v's bounds allow. */
static void assign(generator *g, const value *v) {
  int start = below(g, g->n_pool);
  for (int i = g->n_pool; i-- > 0;) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (w->type != v->type || !same_shape(w, v) || w->high > v->high ||
        w->low > v->low || strcmp(w->name, v->name) == 0)
      continue;
    put(g, "%s = %s", v->name, w->name);
    return;
  }
  if (is_int(v)) put(g, "%s = %s * 3 + 1", v->name, v->name);
  else put(g, "%s = %s", v->name, v->name);
}

static void branch(generator *g) {
  value a = pick(g), v = named(g, &a);
  char text[64];
  static value saved[MAX_DEPTH + 1][MAX_POOL];
  int n = g->n_pool;
  memcpy(saved[g->depth], g->pool, sizeof g->pool);
  put(g, "%s = %s", v.name, a.name);
  put(g, "if %s:", condition(g, text));
  for (int arm = 0; arm < 2; arm++) {
    g->indent++;
    g->depth++;
    statements(g, 1 + below(g, 3));
    assign(g, &v);
    g->indent--;
    g->depth--;
    g->n_pool = n;
    memcpy(g->pool, saved[g->depth], sizeof g->pool);
    if (arm || chance(g, 40)) break;
    put(g, "else:");
  }
  keep(g, &v);
}

static void loop(generator *g) {
  value carried[3];
  int n_carried = 1 + below(g, 3), n = g->n_pool, how = below(g, 4);
  char text[64];
  static value saved[MAX_DEPTH + 1][MAX_POOL];
  memcpy(saved[g->depth], g->pool, sizeof g->pool);
  for (int i = 0; i < n_carried; i++) {
    value a = pick(g);
    carried[i] = named(g, &a);
    put(g, "%s = %s", carried[i].name, a.name);
  }
  char i[16];
  snprintf(i, sizeof i, "i%d", g->names++);
  if (how < 2) put(g, "for %s in range(%s, n):", i, how ? "m - 2" : "0");
  else if (how == 2) put(g, "for %s in range(0, %d):", i, 1 + below(g, 3));
  else {
    put(g, "%s = m - m", i);
    put(g, "while %s < n:", i);
  }
  g->indent++;
  g->depth++;
  for (int c = 0; c < n_carried; c++) keep(g, &carried[c]);
  value index = {.type = I32};
  snprintf(index.name, sizeof index.name, "%s", i);
  value ones = carried[0];
  if (ones.type == I32 && ones.rank > 0)
    define(g, &ones, "%s + %s", ones.name, i);
  statements(g, 1 + below(g, 4));
  for (int c = 0; c < n_carried; c++) assign(g, &carried[c]);
  if (chance(g, 20)) {
    put(g, "if %s:", condition(g, text));
    g->indent++;
    assign(g, &carried[0]);
    g->indent--;
  }
  if (how == 3) put(g, "%s += 1", i);
  g->indent--;
  g->depth--;
  g->n_pool = n;
  memcpy(g->pool, saved[g->depth], sizeof g->pool);
  for (int c = 0; c < n_carried; c++) keep(g, &carried[c]);
}

static void atomic(generator *g) {
  value a, v;
  if (!find(g, is_tile, &a) || g->n_buffers + 3 > RANDOM_MAX_BUFFERS ||
      a.type != I32)
    return;
  static const char *const names[] = {"add", "max", "min", "and", "or",
                                      "xor"};
  v = partner(g, &a);
  int buffer = add_buffer(g, I32, true);
  put(g, "tl.atomic_%s(b%d + (%s & 1023), %s, sem=\"relaxed\")",
      names[below(g, 6)], buffer, a.name, v.name);
}

static void statements(generator *g, int n) {
  for (int i = 0; i < n && g->budget > 0; i++) {
    g->budget--;
    int before = g->n_pool, what = below(g, 100);
    if (what < 12) load(g);
    else if (what < 50) elementwise(g);
    else if (what < 60) reduce(g);
    else if (what < 66) scan(g);
    else if (what < 80) shuffle(g);
    else if (what < 83 && g->depth == 0) product(g);
    else if (what < 85 && g->depth == 0) atomic(g);
    else if (what < 88) scratch(g);
    else if (what < 92 && g->depth < MAX_DEPTH) branch(g);
    else if (what < 98 && g->depth < MAX_DEPTH) loop(g);
    else cast(g);
    (void)before;
  }
}

/* ---- the whole -------------------------------------------------------- */

static const char helpers[] =
    "import triton\nimport triton.language as tl\n\n\n"
    "@triton.jit\ndef combine_or(a, b):\n    return a | b\n\n\n"
    "@triton.jit\ndef combine_max(a, b):\n    return tl.maximum(a, b)\n\n\n"
    "@triton.jit\ndef combine_two(a0, a1, b0, b1):\n"
    "    return a0 + b0, tl.maximum(a1, b1)\n\n\n"
    "@triton.jit\ndef recurrence(a0, b0, a1, b1):\n"
    "    return a0 * a1, b0 * a1 + b1\n\n\n";

static void begin(generator *g, uint64_t seed) {
  g->state = seed * 0x9E3779B97F4A7C15ull + 0x123456789ABCDEFull;
  if (g->state == 0) g->state = 1;
  for (int i = 0; i < 8; i++) next(g);
  g->budget = chance(g, 20) ? 10 + below(g, 20) : 3 + below(g, 10);
  g->base_rank = 1 + below(g, 3);
  int left = chance(g, 10) ? 12 : 5 + below(g, 6);
  for (int i = 0; i < g->base_rank; i++) {
    int bits = i + 1 == g->base_rank ? left : below(g, left + 1);
    g->base[i] = 1 << bits;
    left -= bits;
  }
  int inputs = 2 + below(g, 3);
  for (int i = 0; i < inputs; i++)
    add_buffer(g, i == 0 && chance(g, 50) ? I32 : below(g, N_TYPES), false);
  g->indent = 1;
}

random_kernel random_kernel_of(uint64_t seed) {
  random_kernel k = {.grid = 1};
  generator g = {.state = 0};
  begin(&g, seed);
  put(&g, "pid = tl.program_id(0)");
  for (int i = 0; i < 2; i++) load(&g);
  statements(&g, 40);
  for (int i = g.n_pool; i-- > 0 && i > g.n_pool - 5;) store(&g, &g.pool[i]);
  for (int i = 0; i < 2; i++) {
    value v = pick(&g);
    store(&g, &v);
  }
  k.grid = 1 + (uint32_t)below(&g, 3);
  k.num_warps = 1u << below(&g, chance(&g, 10) ? 6 : 4);
  k.n = below(&g, 6);
  k.m = below(&g, 6);
  k.n_buffers = (uint32_t)g.n_buffers;
  size_t room = sizeof helpers + g.len + 512;
  k.text = malloc(room);
  if (!k.text) abort();
  char *p = k.text, *s = k.signature;
  p += sprintf(p, "%s@triton.jit\ndef k(", helpers);
  for (int i = 0; i < g.n_buffers; i++) {
    const type_row *t = &types[g.buffer_type[i]];
    k.types[i] = t->name;
    p += sprintf(p, "b%d, ", i);
    s += sprintf(s, "*%s%s, ", t->name, chance(&g, 70) ? ":16" : "");
  }
  sprintf(s, "i32, i32");
  sprintf(p, "n, m):\n%s", g.text);
  free(g.text);
  return k;
}

size_t random_type_bytes(const char *name) {
  for (int i = 0; i < N_TYPES; i++)
    if (strcmp(types[i].name, name) == 0) return types[i].bytes;
  return 0;
}

void random_fill(const random_kernel *k, uint32_t buffer, uint64_t seed,
                 void *data, size_t bytes) {
  generator g = {.state = (seed + 1) * 0xD1342543DE82EF95ull + buffer};
  const type_row *t = &types[0];
  for (int i = 0; i < N_TYPES; i++)
    if (strcmp(types[i].name, k->types[buffer]) == 0) t = &types[i];
  for (int i = 0; i < 8; i++) next(&g);
  for (size_t i = 0; i < RANDOM_ELEMENTS; i++) {
    char *at = (char *)data + i * bytes;
    uint64_t x = next(&g);
    if (chance(&g, 50)) x = (uint64_t)(int64_t)(below(&g, 33) - 16);
    if (t->kind == BOOL) x &= 1;
    if (t->kind == FLOAT) {
      float f = (float)(below(&g, 65) - 32) / 8;
      uint32_t bits;
      memcpy(&bits, &f, 4);
      if (t->bytes == 4) {
        x = bits;
      } else if (t->bits == 8) {
        x = bits >> 16;
      } else { /* a normal half, or zero */
        uint32_t e = bits >> 23 & 255;
        x = bits >> 16 & 0x8000;
        if (e) x |= (uint64_t)(e - 112) << 10 | (bits >> 13 & 0x3ff);
      }
    }
    memcpy(at, &x, bytes);
  }
}
