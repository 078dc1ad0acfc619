/* SPDX-License-Identifier: MIT */
/*
 * gen_shape.c - shape operations, sorting and gathering of random kernels.
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
