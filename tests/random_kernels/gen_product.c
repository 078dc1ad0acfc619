/* SPDX-License-Identifier: MIT */
/*
 * gen_product.c - products of random kernels: single ones, loops over K, and
 * the shape of attention.
 */
#include "generator.h"

/* Small whole numbers that depend on a value of the pool, or on places. */
static value factor(generator *g, int type, int batch, int rows,
                    int columns) {
  value v = {.rank = 2, .type = type, .high = 2, .steps = 2};
  char at[16];
  if (batch) v.shape[v.rank++ - 2] = batch;
  v.shape[v.rank - 2] = rows;
  v.shape[v.rank - 1] = columns;
  value like = v, w;
  like.name[0] = 0;
  w = partner(g, &like);
  value r = named(g, &v);
  const char *t = triton_type(&v);
  if (w.name[0] && is_float(&w)) {
    put(g, "%s = tl.minimum(tl.maximum(tl.floor(%s.to(tl.float32)), -3.0), "
           "3.0).to(tl.%s)", r.name, w.name, t);
    return r;
  }
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, &v, at, true);
  if (type == I8)
    put(g, "%s = ((%s + %d) * %d %% 251 - 125).to(tl.int8)", r.name, at,
        below(g, 50), 1 + below(g, 50));
  else
    put(g, "%s = (((%s + %d) * %d) %% 7 - 3).to(tl.float32).to(tl.%s)",
        r.name, at, below(g, 50), 1 + below(g, 50), t);
  return r;
}

static int roll_extent(generator *g) {
  int bits = chance(g, 15) ? below(g, 4) : 4 + below(g, 3);
  return 1 << bits;
}

/* Loads b0 transposed in memory or turned in registers, and multiplies. */
void gen_product(generator *g) {
  static const int kinds[] = {F32, F16, BF16, I8, E4, E5};
  if (g->products++ > 2) return;
  int type = kinds[below(g, 6)];
  int m = roll_extent(g), n = roll_extent(g), k = roll_extent(g);
  int batch = chance(g, 20) ? 1 << below(g, 3) : 0;
  if (batch * m * n > MAX_NUMEL || batch * m * k > MAX_NUMEL ||
      batch * k * n > MAX_NUMEL)
    return;
  bool turned = chance(g, 30) && !batch;
  value a = factor(g, type, batch, m, k);
  value b = turned ? factor(g, type, 0, n, k) : factor(g, type, batch, k, n);
  value r = {.rank = batch ? 3 : 2, .type = type == I8 ? I32 : F32}, c;
  r.high = 4 + log2_of(k);
  r.shape[0] = batch;
  r.shape[r.rank - 2] = m;
  r.shape[r.rank - 1] = n;
  char second[48], more[96] = "";
  sprintf(second, turned ? "tl.trans(%s)" : "%s", b.name);
  if (type == I8) strcpy(more, ", out_dtype=tl.int32");
  else if (type == F32) strcpy(more, ", input_precision=\"ieee\"");
  if (type != I8 && companion(g, &r, F32, &c) && !c.wild && chance(g, 60)) {
    value with = r;
    widen_bounds(&with, &c);
    with.high++;
    if (fits(F32, with.high, with.low)) {
      r = with;
      sprintf(more + strlen(more), ", acc=%s", c.name);
    }
  } else if (type == F16 && chance(g, 20) && fits(F16, r.high, 0)) {
    r.type = F16;
    strcpy(more, ", out_dtype=tl.float16");
  }
  define(g, &r, "tl.dot(%s, %s%s)", a.name, second, more);
  if (chance(g, 50)) return;
  value made = g->pool[g->n_pool - 1];
  if (r.type == F32) quantize(g, &made);
}

/* The shape of attention: a product, row maxima, a rescaled accumulator and
 * another product, in a loop; with numbers so small that all is exact. */
void gen_attention(generator *g) {
  if (g->products++ > 1) return;
  static const int kinds[] = {F32, F16, BF16};
  int type = kinds[below(g, 3)], rows = 16 << below(g, 2);
  int keys = 16 << below(g, 2), width = 16 << below(g, 2);
  value q = factor(g, type, 0, rows, width);
  value k = factor(g, type, 0, keys, width);
  value v = factor(g, type, 0, keys, width);
  value acc = {.rank = 2, .type = F32, .high = 18, .low = 0};
  acc.shape[0] = rows;
  acc.shape[1] = width;
  acc = named(g, &acc);
  int id = g->names++;
  const char *t = triton_type(&q);
  put(g, "%s = tl.zeros((%d, %d), tl.float32)", acc.name, rows, width);
  put(g, "m%d = tl.full((%d,), -64.0, tl.float32)", id, rows);
  put(g, "for j%d in range(0, %s):", id, ONE_OF(g, "n", "m", "2"));
  g->indent++;
  put(g, "s%d = tl.dot(%s, tl.trans(%s), input_precision=\"ieee\")", id,
      q.name, k.name);
  if (chance(g, 50))
    put(g, "s%d = tl.where(tl.arange(0, %d)[:, None] + j%d >= "
           "tl.arange(0, %d)[None, :], s%d, -100.0)", id, rows, id, keys, id);
  put(g, "w%d = tl.maximum(m%d, tl.max(s%d, 1))", id, id, id);
  put(g, "p%d = tl.where(s%d > w%d[:, None] - 4.0, 1.0, 0.0)", id, id, id);
  put(g, "%s = %s * tl.where(m%d < w%d, 0.0, 1.0)[:, None]", acc.name,
      acc.name, id, id);
  put(g, "%s = tl.dot(p%d.to(tl.%s), %s, acc=%s, input_precision=\"ieee\")",
      acc.name, id, t, v.name, acc.name);
  put(g, "m%d = w%d", id, id);
  g->indent--;
  keep(g, &acc);
}

/* ---- products over K -------------------------------------------------- */

typedef struct gemm {
  int m, n, k, type;
  int a, b;      /* buffers */
  int id;
  bool moves;    /* pointers advance; else they are computed each time */
  bool turned;   /* b lies with K last */
  int how;       /* pointers, block pointers, descriptors */
} gemm;

static int tame_buffer(generator *g, int type) {
  for (int i = 0; i < g->n_buffers; i++)
    if (!g->is_output[i] && !g->is_wild[i] && g->buffer_type[i] == type)
      return i;
  int buffer = add_buffer(g, type, false);
  g->is_wild[buffer] = false;
  return buffer;
}

static void gemm_addresses(generator *g, const gemm *x) {
  int whole = 6 * x->k; /* of K, in memory */
  if (x->how == 1) {
    put(g, "pa%d = tl.make_block_ptr(b%d, (%d, %d), (%d, 1), (0, 0), (%d, "
           "%d), (1, 0))", x->id, x->a, x->m - below(g, 4), whole, whole,
        x->m, x->k);
    put(g, "pb%d = tl.make_block_ptr(b%d, (%d, %d), (%d, 1), (0, 0), (%d, "
           "%d), (1, 0))", x->id, x->b, whole, x->n - below(g, 4), x->n,
        x->k, x->n);
    return;
  }
  if (x->how == 2) {
    put(g, "da%d = tl.make_tensor_descriptor(b%d, [%d, %d], [%d, 1], [%d, "
           "%d])", x->id, x->a, x->m, whole, whole, x->m, x->k);
    put(g, "db%d = tl.make_tensor_descriptor(b%d, [%d, %d], [%d, 1], [%d, "
           "%d])", x->id, x->b, whole, x->n, x->n, x->k, x->n);
    return;
  }
  put(g, "ks%d = tl.arange(0, %d)", x->id, x->k);
  put(g, "pa%d = b%d + tl.arange(0, %d)[:, None] * %d + ks%d[None, :] + "
         "pid * 8", x->id, x->a, x->m, whole, x->id);
  put(g, x->turned ? "pb%d = b%d + ks%d[:, None] + tl.arange(0, %d)[None, :] "
                     "* %d"
                   : "pb%d = b%d + ks%d[:, None] * %d + "
                     "tl.arange(0, %d)[None, :]", x->id, x->b, x->id, x->n,
      x->turned ? whole : x->n);
}

static void gemm_loads(generator *g, const gemm *x, const char *j) {
  static const char *const masks[] = {"", ", mask=ks%d[None, :] < n * 7 - "
                                          "%s, other=0"};
  char mask_a[96] = "", at_a[48] = "", at_b[48] = "";
  if (x->how == 1) {
    put(g, "xa%d = tl.load(pa%d, boundary_check=(0, 1), padding_option="
           "\"zero\")", x->id, x->id);
    put(g, "xb%d = tl.load(pb%d, boundary_check=(0, 1), padding_option="
           "\"zero\")", x->id, x->id);
    put(g, "pa%d = tl.advance(pa%d, (0, %d))", x->id, x->id, x->k);
    put(g, "pb%d = tl.advance(pb%d, (%d, 0))", x->id, x->id, x->k);
    return;
  }
  if (x->how == 2) {
    put(g, "xa%d = da%d.load([0, %s * %d])", x->id, x->id, j, x->k);
    put(g, "xb%d = db%d.load([%s * %d, 0])", x->id, x->id, j, x->k);
    return;
  }
  int step = x->turned ? x->k : x->k * x->n;
  if (!x->moves) {
    sprintf(at_a, " + %s * %d", j, x->k);
    sprintf(at_b, " + %s * %d", j, step);
  }
  sprintf(mask_a, masks[below(g, 2)], x->id, j);
  put(g, "xa%d = tl.load(pa%d%s%s)", x->id, x->id, at_a, mask_a);
  put(g, "xb%d = tl.load(pb%d%s)", x->id, x->id, at_b);
  if (!x->moves) return;
  put(g, "pa%d += %d", x->id, x->k);
  put(g, "pb%d += %d", x->id, step);
}

/* The loop that everybody writes: tiles of A and B along K, multiplied and
 * added. All is exact: k / 8 by k / 8, at most 160 of them. */
void gen_gemm(generator *g) {
  static const int kinds[] = {F32, F16, BF16, I8};
  gemm x = {.type = kinds[below(g, 4)], .m = 8 << below(g, 4),
            .n = 8 << below(g, 4), .k = 8 << below(g, 3)};
  if (g->products++ > 1 || g->n_buffers + 4 > RANDOM_MAX_BUFFERS) return;
  x.how = chance(g, 60) ? 0 : 1 + below(g, 2);
  if (x.how == 2 && x.type == I8) { /* blocks have rows of 16 bytes */
    if (x.n < 16) x.n = 16;
    if (x.k < 16) x.k = 16;
  }
  x.moves = chance(g, 50);
  x.turned = x.how == 0 && chance(g, 30);
  x.a = tame_buffer(g, x.type);
  x.b = tame_buffer(g, x.type);
  x.id = g->names++;
  value acc = {.rank = 2, .type = x.type == I8 ? I32 : F32, .high = 13,
               .low = 6, .steps = 2};
  acc.shape[0] = x.m;
  acc.shape[1] = x.n;
  acc = named(g, &acc);
  gemm_addresses(g, &x);
  put(g, "%s = tl.zeros((%d, %d), tl.%s)", acc.name, x.m, x.n,
      triton_type(&acc));
  char j[16];
  snprintf(j, sizeof j, "j%d", x.id);
  put(g, "for %s in %s:", j, ONE_OF(g, "range(0, n.to(tl.int32))",
                                    "range(0, m)", "range(0, 4)",
                                    "tl.range(0, 3, num_stages=3)"));
  g->indent++;
  gemm_loads(g, &x, j);
  if (x.type == I8)
    put(g, "%s += tl.dot(xa%d, xb%d, out_dtype=tl.int32)", acc.name, x.id,
        x.id);
  else
    put(g, "%s = tl.dot(xa%d, xb%d, acc=%s, input_precision=\"ieee\")",
        acc.name, x.id, x.id, acc.name);
  g->indent--;
  keep(g, &acc);
}
