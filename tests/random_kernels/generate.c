/* SPDX-License-Identifier: MIT */
/*
 * generate.c - the whole kernel, its pool of values and its data; see
 * generate.h and generator.h.
 */
#include "generator.h"

#include <stdarg.h>

const type_row random_types[N_TYPES] = {
  {"i1", "int1", BOOL, 1, 0, 0, 1},
  {"i8", "int8", SIGNED, 8, 0, 0, 1},
  {"i16", "int16", SIGNED, 16, 0, 0, 2},
  {"i32", "int32", SIGNED, 32, 0, 0, 4},
  {"i64", "int64", SIGNED, 64, 0, 0, 8},
  {"u8", "uint8", UNSIGNED, 8, 0, 0, 1},
  {"u16", "uint16", UNSIGNED, 16, 0, 0, 2},
  {"u32", "uint32", UNSIGNED, 32, 0, 0, 4},
  {"u64", "uint64", UNSIGNED, 64, 0, 0, 8},
  {"fp32", "float32", FLOAT, 24, 127, 126, 4},
  {"fp16", "float16", FLOAT, 11, 15, 14, 2},
  {"bf16", "bfloat16", FLOAT, 8, 127, 126, 2},
  {"fp8e4nv", "float8e4nv", SMALL, 4, 8, 6, 1},
  {"fp8e5", "float8e5", SMALL, 3, 15, 14, 1},
};

/* ---- chance ----------------------------------------------------------- */

uint64_t gen_next(generator *g) { /* xorshift64* (Vigna) */
  g->state ^= g->state >> 12;
  g->state ^= g->state << 25;
  g->state ^= g->state >> 27;
  return g->state * 0x2545F4914F6CDD1Dull;
}
int below(generator *g, int n) {
  return n > 0 ? (int)((gen_next(g) >> 33) % (uint64_t)n) : 0;
}
bool chance(generator *g, int percent) { return below(g, 100) < percent; }
const char *one_of(generator *g, const char *const *list, int n) {
  return list[below(g, n)];
}

/* ---- text ------------------------------------------------------------- */

void put(generator *g, const char *fmt, ...) {
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

void define(generator *g, const value *like, const char *fmt, ...) {
  char text[768];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  value v = named(g, like);
  v.steps++;
  put(g, "%s = %s", v.name, text);
  keep(g, &v);
}

const char *shape_text(const value *v, char *out) {
  char *p = out;
  *p = 0;
  for (int i = 0; i < v->rank; i++)
    p += sprintf(p, "%s%d", i ? ", " : "", v->shape[i]);
  return out;
}

const char *along(int rank, int d, char *out) {
  char *p = out;
  *p = 0;
  if (rank == 1) return out;
  p += sprintf(p, "[");
  for (int i = 0; i < rank; i++)
    p += sprintf(p, "%s%s", i ? ", " : "", i == d ? ":" : "None");
  sprintf(p, "]");
  return out;
}

/* ---- values ----------------------------------------------------------- */

int numel(const value *v) {
  int n = 1;
  for (int i = 0; i < v->rank; i++) n *= v->shape[i];
  return n;
}
int log2_of(int n) {
  int bits = 0;
  while (n > 1) n >>= 1, bits++;
  return bits;
}
bool same_shape(const value *a, const value *b) {
  return a->rank == b->rank &&
         memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(int)) == 0;
}
kind kind_of(const value *v) { return random_types[v->type].kind; }
const char *triton_type(const value *v) {
  return random_types[v->type].triton;
}
bool is_int(const value *v) {
  return kind_of(v) == SIGNED || kind_of(v) == UNSIGNED;
}
bool is_float(const value *v) { return kind_of(v) == FLOAT; }
bool is_bool(const value *v) { return kind_of(v) == BOOL; }
bool is_tile(const value *v) { return v->rank > 0; }

bool fits(int type, int high, int low) {
  const type_row *t = &random_types[type];
  if (t->kind != FLOAT && t->kind != SMALL) return true;
  return high + low <= t->bits && high <= t->top && low <= t->least;
}

void widen_bounds(value *v, const value *other) {
  if (other->high > v->high) v->high = other->high;
  if (other->low > v->low) v->low = other->low;
  if (other->wild) v->wild = true;
}

void drop(value *v, int axis) {
  for (int i = axis; i + 1 < v->rank; i++) v->shape[i] = v->shape[i + 1];
  v->rank--;
}

/* ---- the pool --------------------------------------------------------- */

/* Newer values more often than older ones. */
value pick(generator *g) {
  int i = below(g, g->n_pool);
  if (chance(g, 50)) i += below(g, g->n_pool - i);
  return g->pool[i];
}

value partner(generator *g, const value *v) {
  int start = below(g, g->n_pool);
  for (int i = 0; i < g->n_pool; i++) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (w->type == v->type && same_shape(w, v)) return *w;
  }
  return *v;
}

bool companion(generator *g, const value *v, int of_type, value *out) {
  value like = *v;
  like.type = of_type;
  like.name[0] = 0;
  *out = partner(g, &like);
  return out->name[0] != 0;
}

bool find(generator *g, bool (*want)(const value *), value *out) {
  int start = below(g, g->n_pool);
  for (int i = 0; i < g->n_pool; i++) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (!want(w)) continue;
    *out = *w;
    return true;
  }
  return false;
}

/* How w is written to broadcast to v's shape; false if it does not. */
static bool broadcasts(const value *v, const value *w, char *text) {
  char index[64];
  strcpy(text, w->name);
  if (w->rank == 0) return true;
  if (w->rank == v->rank) {
    for (int d = 0; d < v->rank; d++)
      if (w->shape[d] != v->shape[d] && w->shape[d] != 1) return false;
    return true;
  }
  if (w->rank != 1) return false;
  for (int d = 0; d < v->rank; d++) {
    if (v->shape[d] != w->shape[0]) continue;
    strcat(text, along(v->rank, d, index));
    return true;
  }
  return false;
}

static void literal(generator *g, value *out, char *text, size_t size) {
  if (is_int(out)) {
    snprintf(text, size, "%d", 1 + below(g, 100));
    return;
  }
  out->high = 2;
  out->low = 1;
  out->wild = false;
  snprintf(text, size, "%s", ONE_OF(g, "0.5", "1.0", "-2.5", "3.0", "0.0"));
}

void operand(generator *g, const value *v, value *out, char *text,
             size_t size) {
  char own[96];
  int start = below(g, g->n_pool);
  *out = *v;
  if (chance(g, 15) && (is_int(v) || is_float(v))) {
    literal(g, out, text, size);
    return;
  }
  for (int i = 0; i < g->n_pool; i++) {
    const value *w = &g->pool[(start + i) % g->n_pool];
    if (w->type != v->type || !broadcasts(v, w, own)) continue;
    *out = *w;
    snprintf(text, size, "%s", own);
    return;
  }
  snprintf(text, size, "%s", v->name);
}

value named(generator *g, const value *like) {
  value v = *like;
  snprintf(v.name, sizeof v.name, "t%d", g->names++);
  return v;
}

void keep(generator *g, const value *v) {
  if (g->n_pool == MAX_POOL) g->pool[below(g, MAX_POOL)] = *v;
  else g->pool[g->n_pool++] = *v;
}

int add_buffer(generator *g, int type, bool output) {
  g->buffer_type[g->n_buffers] = type;
  g->is_output[g->n_buffers] = output;
  g->is_wild[g->n_buffers] =
      !output && (random_types[type].kind == FLOAT ? chance(g, 20) : false);
  return g->n_buffers++;
}

/* ---- statements ------------------------------------------------------- */

void statements(generator *g, int n) {
  static const struct {
    int share;
    void (*write)(generator *);
    int deepest; /* loops and branches around it */
  } table[] = {
      {12, gen_load, 9},        {34, gen_elementwise, 9}, {5, gen_cast, 9},
      {9, gen_reduce, 9},       {7, gen_scan, 9},         {15, gen_shape, 9},
      {2, gen_product, 1},      {1, gen_attention, 0},    {2, gen_gemm, 0},
      {3, gen_atomic, 1},       {3, gen_scratch, 9},      {2, gen_walk, 1},
      {2, gen_block_pointer, 1},
      {4, gen_branch, MAX_DEPTH - 1}, {6, gen_loop, MAX_DEPTH - 1},
      {3, gen_call, 9},         {3, gen_inexact, 0},
  };
  int total = 0;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    total += table[i].share;
  for (int tries = 4 * n; n > 0 && tries > 0 && g->budget > 0; tries--) {
    int what = below(g, total);
    size_t i = 0, before = g->len;
    while (what >= table[i].share) what -= table[i++].share;
    if (g->depth <= table[i].deepest) table[i].write(g);
    if (g->len == before) continue; /* it did not suit what there is */
    n--;
    g->budget--;
  }
}

/* ---- the whole -------------------------------------------------------- */

static void roll_base(generator *g) {
  g->base_rank = 1 + below(g, 3);
  int left = chance(g, 8) ? 12 : chance(g, 20) ? below(g, 4)
                                               : 4 + below(g, 6);
  for (int i = 0; i < g->base_rank; i++) {
    int bits = i + 1 == g->base_rank ? left : below(g, left + 1);
    g->base[i] = 1 << bits;
    left -= bits;
  }
}

static void begin(generator *g, uint64_t seed) {
  g->state = seed * 0x9E3779B97F4A7C15ull + 0x123456789ABCDEFull;
  if (g->state == 0) g->state = 1;
  for (int i = 0; i < 8; i++) gen_next(g);
  g->budget = chance(g, 12) ? 12 + below(g, 18) : 3 + below(g, 8);
  g->programs = 1 + below(g, 3);
  roll_base(g);
  int inputs = 2 + below(g, 3);
  for (int i = 0; i < inputs; i++)
    add_buffer(g, i == 0 && chance(g, 50) ? I32 : below(g, N_TYPES), false);
  g->indent = 1;
}

/* One number of the program, whatever the grid's shape is. */
static void begin_text(generator *g, random_kernel *k) {
  k->n_type = ONE_OF(g, "i32", "i32", "i32", "i64", "i16");
  k->grid[0] = (uint32_t)g->programs;
  k->grid[1] = 1;
  if (chance(g, 15)) {
    k->grid[0] = 1;
    k->grid[1] = (uint32_t)g->programs;
  }
  if (chance(g, 85) && k->grid[1] == 1)
    put(g, "pid = tl.program_id(0)");
  else
    put(g, "pid = tl.program_id(0) + tl.program_id(1) * tl.num_programs(0)");
  if (chance(g, 8)) put(g, "if pid > m + 1:\n        return");
  value scalar = {.type = I32};
  if (chance(g, 60)) {
    bool is_i32 = strcmp(k->n_type, "i32") == 0;
    strcpy(scalar.name, ONE_OF(g, is_i32 ? "n" : "m", "m", "pid"));
    keep(g, &scalar);
  }
}

/* Every value has the type and shape that the pool says: else what follows
 * from the type, how exact it is above all, would be wrong unnoticed. */
static void assert_types(generator *g) {
  char shape[64];
  for (int i = 0; i < g->n_pool; i++) {
    const value *v = &g->pool[i];
    if (v->name[0] != 't') continue;
    put(g, "tl.static_assert(%s.dtype == tl.%s)", v->name, triton_type(v));
    if (v->rank > 0)
      put(g, "tl.static_assert(%s.shape == (%s,))", v->name,
          shape_text(v, shape));
  }
}

/* What was computed last and is more than what was loaded. */
static void end_text(generator *g) {
  int left = 3 + below(g, 2);
  for (int i = g->n_pool; i-- > 0 && left > 0;) {
    if (g->pool[i].steps < 2) continue;
    gen_store(g, &g->pool[i]);
    left--;
  }
  value v = pick(g);
  gen_store(g, &v);
  assert_types(g);
}

static void write_signature(generator *g, random_kernel *k) {
  char *s = k->signature;
  for (int i = 0; i < g->n_buffers; i++) {
    k->types[i] = random_types[g->buffer_type[i]].name;
    k->is_wild[i] = g->is_wild[i];
    k->ulps[i] = g->ulps[i];
    s += sprintf(s, "*%s%s, ", k->types[i], chance(g, 70) ? ":16" : "");
  }
  k->n = below(g, 6);
  k->m = below(g, 6);
  sprintf(s, "%s, i32%s", k->n_type, k->m == 0 && chance(g, 50) ? ":16" : "");
}

random_kernel random_kernel_of(uint64_t seed) {
  random_kernel k = {.n_buffers = 0};
  generator g = {.state = 0};
  begin(&g, seed);
  begin_text(&g, &k);
  for (int i = 0; i < 2 || g.n_pool < 2; i++) gen_load(&g);
  statements(&g, 60);
  end_text(&g);
  k.num_warps = 1u << below(&g, chance(&g, 12) ? 6 : 4);
  k.n_buffers = (uint32_t)g.n_buffers;
  write_signature(&g, &k);
  k.chip = ONE_OF(&g, "m1", "m1-max", "m2", "m3", "m4", "m4-max", "m5");
  k.layout_seed = chance(&g, 40) ? 0 : 1 + seed;
  k.optimization_level = chance(&g, 15) ? 1 : 2;
  k.num_stages = chance(&g, 50) ? 3 : 4; /* loads next tiles early from 4 on */
  k.tensor_ops = strcmp(k.chip, "m5") == 0 && chance(&g, 50);
  k.shuffle_seed = chance(&g, 20) ? 0 : 1 + seed;
  k.coroutines = chance(&g, 10);
  size_t room = strlen(gen_helpers) + g.len + 512;
  k.text = malloc(room);
  if (!k.text) abort();
  char *p = k.text;
  p += sprintf(p, "%s@triton.jit\ndef k(", gen_helpers);
  for (int i = 0; i < g.n_buffers; i++) p += sprintf(p, "b%d, ", i);
  sprintf(p, "n, m):\n%s", g.text);
  free(g.text);
  return k;
}

/* ---- data ------------------------------------------------------------- */

static const type_row *type_named(const char *name) {
  for (int i = 0; i < N_TYPES; i++)
    if (strcmp(random_types[i].name, name) == 0) return &random_types[i];
  return &random_types[0];
}

size_t random_type_bytes(const char *name) { return type_named(name)->bytes; }

bool random_is_nan(const char *name, uint64_t bits) {
  const type_row *t = type_named(name);
  if (t->kind != FLOAT && t->kind != SMALL) return false;
  bits &= (1ull << (t->bytes * 8 - 1)) - 1;
  switch ((int)(t - random_types)) {
    case F32: return bits > 0x7f800000;
    case F16: return bits > 0x7c00;
    case BF16: return bits > 0x7f80;
    case E4: return bits == 0x7f;
    default: return bits > 0x7c;
  }
}

/* Multiples of 1/8 up to 4 in 32 bits, as the first bits of which bf16, and
 * by another exponent fp16, are read. */
static uint64_t tame_float(generator *g, const type_row *t) {
  float f = (float)(below(g, 65) - 32) / 8;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if (t->bytes == 4) return bits;
  if (t->bits == 8) return bits >> 16;
  uint32_t e = bits >> 23 & 255; /* a normal half, or zero */
  uint64_t half = bits >> 16 & 0x8000;
  if (e) half |= (uint64_t)(e - 112) << 10 | (bits >> 13 & 0x3ff);
  return half;
}

/* Any bits that are no subnormal of an 8-bit exponent, which Metal flushes;
 * NaN and infinity now and then. */
static uint64_t wild_float(generator *g, const type_row *t) {
  int fraction = t->bits - 1, exponent = (int)t->bytes * 8 - 1 - fraction;
  uint64_t x = gen_next(g) >> 8, ones = (1ull << exponent) - 1;
  uint64_t e = x >> fraction & ones;
  int bias = (int)(ones >> 1);
  if (chance(g, 80)) e = (uint64_t)(bias - 12 + below(g, 24));
  if (chance(g, 4)) e = ones;
  if (chance(g, 30)) x &= ~((1ull << fraction) - 1);
  if (e == 0 && exponent == 8) e = 1;
  x &= (1ull << (t->bytes * 8)) - 1;
  return (x & ~(ones << fraction)) | e << fraction;
}

void random_fill(const random_kernel *k, uint32_t buffer, uint64_t seed,
                 void *data, size_t bytes) {
  generator g = {.state = (seed + 1) * 0xD1342543DE82EF95ull + buffer};
  const type_row *t = type_named(k->types[buffer]);
  if (g.state == 0) g.state = 1;
  for (int i = 0; i < 8; i++) gen_next(&g);
  for (size_t i = 0; i < RANDOM_ELEMENTS; i++) {
    uint64_t x = gen_next(&g);
    if (x >> 63) x = (uint64_t)(int64_t)((int)(x >> 40 & 31) - 16);
    if (t->kind == BOOL) x &= 1;
    if (t->kind == FLOAT)
      x = k->is_wild[buffer] ? wild_float(&g, t) : tame_float(&g, t);
    memcpy((char *)data + i * bytes, &x, bytes);
  }
}
