/* SPDX-License-Identifier: MIT */
/*
 * gen_shape.c - shape operations, sorting, gathering and products of random
 * kernels.
 */
#include "generator.h"

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
  if (a->rank == 2 && chance(g, 30)) {
    r.shape[0] = a->shape[1];
    r.shape[1] = a->shape[0];
    define(g, &r, chance(g, 50) ? "tl.trans(%s)" : "%s.T", a->name);
    return;
  }
  define(g, &r, "tl.permute(%s, (%s))", a->name, text);
}

static void fold(generator *g, const value *a) {
  value r = *a;
  int left = log2_of(numel(a));
  char text[64];
  r.rank = 1 + below(g, 3);
  if (chance(g, 10)) r.rank = 4;
  for (int i = 0; i < r.rank; i++) {
    int bits = i + 1 == r.rank ? left : below(g, left + 1);
    left -= bits;
    r.shape[i] = 1 << bits;
  }
  if (r.rank == 1 && chance(g, 50)) define(g, &r, "tl.ravel(%s)", a->name);
  else define(g, &r, "tl.reshape(%s, (%s,))", a->name, shape_text(&r, text));
}

static void outer(generator *g, const value *a) {
  value b = partner(g, a), r = *a;
  r.rank = 2;
  r.shape[0] = a->shape[0];
  r.shape[1] = b.shape[0];
  if (numel(&r) > MAX_NUMEL) return;
  widen_bounds(&r, &b);
  if (!r.wild && !fits(r.type, r.high, r.low)) return;
  if (kind_of(a) == SMALL) return;
  if (is_float(a))
    define(g, &r, "tl.maximum(%s[:, None], %s[None, :])", a->name, b.name);
  else
    define(g, &r, "%s[:, None] %s %s[None, :]", a->name,
           ONE_OF(g, "^", "&", "|"), b.name);
}

static void widen(generator *g, const value *a) {
  int d = -1;
  for (int i = 0; i < a->rank; i++)
    if (a->shape[i] == 1) d = i;
  value r = *a;
  char text[64];
  if (numel(a) > MAX_NUMEL / 16) return;
  if (d < 0 && a->rank < 3) { /* a new dimension */
    d = below(g, a->rank + 1);
    for (int i = a->rank; i > d; i--) r.shape[i] = a->shape[i - 1];
    r.rank++;
    r.shape[d] = 1;
    define(g, &r, "tl.expand_dims(%s, %d)", a->name, d);
  } else if (d >= 0) {
    r.shape[d] = 2 << below(g, 4);
    define(g, &r, "tl.broadcast_to(%s, (%s,))", a->name,
           shape_text(&r, text));
  }
}

static void join(generator *g, const value *a) {
  value b = partner(g, a), r = *a;
  if (a->rank >= 3 || numel(a) > MAX_NUMEL / 2) return;
  widen_bounds(&r, &b);
  if (!r.wild && !fits(r.type, r.high, r.low)) return;
  if (chance(g, 30) && a->rank == 1) {
    r.shape[0] *= 2;
    define(g, &r, "tl.cat(%s, %s, can_reorder=False)", a->name, b.name);
  } else if (chance(g, 50)) {
    r.shape[r.rank - 1] *= 2;
    define(g, &r, "tl.interleave(%s, %s)", a->name, b.name);
  } else {
    r.shape[r.rank++] = 2;
    define(g, &r, "tl.join(%s, %s)", a->name, b.name);
  }
}

static void split(generator *g, const value *a) {
  value r = *a;
  char text[64], whole[48];
  strcpy(whole, a->name);
  if (a->rank < 2 || a->shape[a->rank - 1] != 2) {
    if (a->shape[a->rank - 1] < 4 || a->rank > 2) return;
    r.shape[r.rank - 1] /= 2;
    r.shape[r.rank++] = 2;
    value v = named(g, &r);
    put(g, "%s = tl.reshape(%s, (%s))", v.name, a->name,
        shape_text(&r, text));
    strcpy(whole, v.name);
  }
  r.rank--;
  value x = named(g, &r), y = named(g, &r);
  put(g, "%s, %s = tl.split(%s)", x.name, y.name, whole);
  keep(g, &x);
  keep(g, &y);
}

/* Along any axis; the indices may have another extent there. */
static void gather(generator *g, const value *a) {
  value i, r = *a;
  int axis = below(g, a->rank);
  int start = below(g, g->n_pool);
  for (int k = 0; k < g->n_pool; k++) {
    i = g->pool[(start + k) % g->n_pool];
    if (i.rank != a->rank || (i.type != I32 && i.type != I64)) continue;
    bool same = true;
    for (int d = 0; d < a->rank; d++)
      if (d != axis && i.shape[d] != a->shape[d]) same = false;
    if (!same) continue;
    memcpy(r.shape, i.shape, sizeof r.shape);
    define(g, &r, "tl.gather(%s, %s & %d, %d)", a->name, i.name,
           a->shape[axis] - 1, axis);
    return;
  }
}

static void histogram(generator *g, const value *a) {
  value r = *a, c;
  if (a->rank != 1 || a->type != I32) return;
  r.shape[0] = 8 << below(g, 4);
  if (companion(g, a, I1, &c) && chance(g, 40))
    define(g, &r, "tl.histogram(%s & %d, %d, mask=%s)", a->name,
           r.shape[0] - 1, r.shape[0], c.name);
  else
    define(g, &r, "tl.histogram(%s & %d, %d)", a->name, r.shape[0] - 1,
           r.shape[0]);
}

static void sort(generator *g, const value *a) {
  value r = *a;
  int n = a->shape[a->rank - 1];
  if (n > 256 || is_bool(a) || kind_of(a) == SMALL || a->wild) return;
  if (n >= 4 && chance(g, 30)) {
    r.shape[r.rank - 1] = 1 << (1 + below(g, log2_of(n) - 1));
    define(g, &r, "tl.topk(%s, %d).to(tl.%s)", a->name, r.shape[r.rank - 1],
           triton_type(a)); /* max widens what is narrow */
    return;
  }
  define(g, &r, "tl.sort(%s, descending=%s)", a->name,
         ONE_OF(g, "True", "False"));
}

void gen_shape(generator *g) {
  value a;
  if (!find(g, is_tile, &a)) return;
  switch (below(g, 11)) {
    case 0: move_dims(g, &a); break;
    case 1: fold(g, &a); break;
    case 2: if (a.rank == 1) outer(g, &a); break;
    case 3: case 4: widen(g, &a); break;
    case 5: join(g, &a); break;
    case 6: split(g, &a); break;
    case 7: gather(g, &a); break;
    case 8: histogram(g, &a); break;
    case 9: sort(g, &a); break;
    default:
      if (a.shape[a.rank - 1] < 2 || kind_of(&a) == SMALL) return;
      define(g, &a, "tl.flip(%s, %d)", a.name, below(g, a.rank));
      break;
  }
}

/* ---- products --------------------------------------------------------- */

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
