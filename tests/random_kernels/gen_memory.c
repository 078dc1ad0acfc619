/* SPDX-License-Identifier: MIT */
/*
 * gen_memory.c - loads, stores, atomics, block pointers and descriptors of
 * random kernels.
 */
#include "generator.h"

static bool is_large(const value *v) { return numel(v) > 2048; }

static void roll_shape(generator *g, value *v) {
  if (chance(g, 60)) {
    v->rank = g->base_rank;
    memcpy(v->shape, g->base, sizeof v->shape);
    return;
  }
  v->rank = 1 + below(g, 3);
  if (chance(g, 5)) v->rank = 4;
  int left = chance(g, 10) ? 12 : 10;
  for (int i = 0; i < v->rank; i++) {
    int bits = below(g, left + 1);
    if (v->rank > 1 && bits > 7) bits = 7;
    v->shape[i] = 1 << bits;
    left -= bits;
  }
}

/* What a buffer's elements can be. */
static void input_bounds(const generator *g, int buffer, value *v) {
  v->high = 2; /* k / 8 with |k| <= 32 */
  v->low = 3;
  v->wild = g->is_wild[buffer] ||
            random_types[g->buffer_type[buffer]].kind == SMALL;
}

/* The offsets of a tile whose dimensions lie in memory in some order; of small
 * tiles at most 15,000. */
void offsets(generator *g, const value *v, const char *name, bool dense) {
  int order[MAX_RANK] = {0, 1, 2, 3}, stride[MAX_RANK] = {0}, step = 1;
  char text[512], index[64], *p = text;
  if (numel(v) > 1024) dense = true;
  for (int i = v->rank - 1; i > 0; i--) {
    int j = chance(g, 70) ? i : below(g, i + 1), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  if (!dense && chance(g, 20)) step = 2 + below(g, 3);
  for (int i = v->rank; i-- > 0;) {
    stride[order[i]] = step;
    step *= v->shape[order[i]];
    if (!dense && chance(g, 20)) step += 1 << below(g, 3);
    if (!dense && chance(g, 5)) stride[order[i]] = 0;
  }
  for (int d = 0; d < v->rank; d++)
    p += sprintf(p, "%stl.arange(0, %d)%s * %d", d ? " + " : "", v->shape[d],
                 along(v->rank, d, index), stride[d]);
  put(g, "%s = %s", name, text);
}

static int input_buffer(generator *g) {
  for (int i = 0; i < g->n_buffers; i++)
    if (!g->is_output[i] && chance(g, 40)) return i;
  return 0;
}

static void load_scalar(generator *g, int buffer) {
  value v = {.rank = 0, .type = g->buffer_type[buffer]};
  input_bounds(g, buffer, &v);
  if (v.type == I1 || v.type == E4 || v.type == E5) return;
  if (chance(g, 30))
    define(g, &v, "tl.load(b%d + pid * %d, mask=m > %d, other=%s)", buffer,
           1 + below(g, 9), below(g, 5), is_float(&v) ? "2.5" : "7");
  else
    define(g, &v, "tl.load(b%d + pid + %d)", buffer, below(g, 20));
}

static void load_mask(generator *g, const value *v, const char *at,
                      char *mask) {
  value c;
  int n = numel(v);
  if (companion(g, v, I1, &c) && chance(g, 40))
    sprintf(mask, ", mask=%s", c.name);
  else if (chance(g, 50))
    sprintf(mask, ", mask=%s < n * %d", at,
            chance(g, 30) ? n : 1 + below(g, n));
  else if (chance(g, 30))
    sprintf(mask, ", mask=m > %d", below(g, 4));
  else
    sprintf(mask, ", mask=(%s + pid) %% %d < %d", at, 2 + below(g, 9),
            1 + below(g, 3));
  if (chance(g, 30) || kind_of(v) == SMALL) return;
  if (is_bool(v)) strcat(mask, ", other=1");
  else if (is_int(v)) strcat(mask, ", other=3");
  else strcat(mask, ONE_OF(g, ", other=-1.5", ", other=0.0"));
}

void gen_load(generator *g) {
  value v = {.rank = 0}, other;
  int buffer = input_buffer(g);
  if (chance(g, 8)) {
    load_scalar(g, buffer);
    return;
  }
  v.type = g->buffer_type[buffer];
  roll_shape(g, &v);
  input_bounds(g, buffer, &v);
  char at[16], mask[256] = "", shift[48] = "";
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, &v, at, chance(g, 40));
  int room = is_large(&v) ? 10 : 8;
  if (chance(g, 60)) sprintf(shift, " + pid * %d", 1 << below(g, room));
  else if (chance(g, 30)) sprintf(shift, " + %d", below(g, 9));
  else if (chance(g, 20)) sprintf(shift, " + (n * 8).to(tl.int64)");
  other = v;
  other.type = I32;
  if (companion(g, &other, I32, &other) && chance(g, 8)) { /* scattered */
    define(g, &v, "tl.load(b%d + (%s & 4095))", buffer, other.name);
    return;
  }
  if (chance(g, 50)) load_mask(g, &v, at, mask);
  define(g, &v, "tl.load(b%d + %s%s%s)", buffer, at, shift, mask);
}

/* Each store has its own buffer, each program its own part of it. */
void gen_store(generator *g, const value *v) {
  if (g->n_buffers == RANDOM_MAX_BUFFERS) return;
  int buffer = add_buffer(g, v->type, true);
  char at[16], mask[256] = "";
  if (v->rank == 0) {
    put(g, "tl.store(b%d + pid, %s%s)", buffer, v->name,
        chance(g, 20) ? ", mask=n > 2" : "");
    return;
  }
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
void gen_scratch(generator *g) {
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

/* ---- atomics ---------------------------------------------------------- */

static bool is_atomic_type(const value *v) {
  return (v->type == I32 || v->type == U32 ||
          ((v->type == F32 || v->type == F16) && !v->wild)) &&
         numel(v) <= 2048;
}

/* Any elements may be the same: operations whose order does not matter, and
 * nothing looks at what was there. */
static void atomic_anywhere(generator *g, const value *v) {
  value a = *v, c;
  char mask[48] = "";
  if (!companion(g, v, I32, &a) || !is_int(v)) return;
  if (companion(g, v, I1, &c) && chance(g, 40))
    sprintf(mask, ", mask=%s", c.name);
  int buffer = add_buffer(g, v->type, true);
  put(g, "tl.atomic_%s(b%d + (%s & 1023), %s%s%s)",
      ONE_OF(g, "add", "max", "min", "and", "or", "xor"), buffer, a.name,
      v->name, mask, ONE_OF(g, "", ", sem=\"relaxed\""));
}

/* Each element once, so what was there is known. */
static void atomic_each_once(generator *g, const value *v) {
  char at[16], mask[64] = "", old[32];
  value c, was = *v;
  int buffer = add_buffer(g, v->type, true), n = numel(v);
  bool masked = companion(g, v, I1, &c) && chance(g, 40);
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, v, at, true);
  snprintf(old, sizeof old, "t%d", g->names++);
  if (masked) sprintf(mask, ", mask=%s", c.name);
  if (chance(g, 20)) {
    put(g, "%s = tl.atomic_cas(b%d + %s + pid * %d, %s, %s)", old, buffer, at,
        n, v->name, partner(g, v).name);
    masked = false;
  } else {
    const char *op = is_int(v) ? ONE_OF(g, "add", "max", "min", "and", "or",
                                        "xor", "xchg")
                               : v->type == F16 ? "add"
                                                : ONE_OF(g, "add", "xchg");
    put(g, "%s = tl.atomic_%s(b%d + %s + pid * %d, %s%s)", old, op, buffer,
        at, n, v->name, mask);
  }
  if (is_float(v)) was.wild = true; /* a sum of any two */
  snprintf(was.name, sizeof was.name, "t%d", g->names++);
  /* What a masked element gives is not defined. */
  if (masked)
    put(g, "%s = tl.where(%s, %s, %s)", was.name, c.name, old, v->name);
  else
    put(g, "%s = %s", was.name, old);
  keep(g, &was);
}

static void atomic_scalar(generator *g, const value *v) {
  int buffer = add_buffer(g, v->type, true);
  value was = *v;
  was.wild = true;
  define(g, &was, "tl.atomic_%s(b%d + pid, %s)",
         is_int(v) ? ONE_OF(g, "add", "max", "xchg") : "add", buffer,
         v->name);
}

void gen_atomic(generator *g) {
  value v;
  if (g->n_buffers + 3 > RANDOM_MAX_BUFFERS || !find(g, is_atomic_type, &v))
    return;
  if (v.rank == 0) {
    atomic_scalar(g, &v);
    return;
  }
  if (chance(g, 50)) atomic_anywhere(g, &v);
  /* A sum in memory would be added to again in a loop. */
  else if (is_int(&v) || g->depth == 0) atomic_each_once(g, &v);
}

/* ---- blocks ----------------------------------------------------------- */

enum { BLOCK_ROOM = 8192 }; /* elements, three of which a buffer holds */

/* Row-major strides; how many elements that makes. */
static int row_major(const int *size, int rank, int *stride) {
  int step = 1;
  for (int d = rank; d-- > 0;) {
    stride[d] = step;
    step *= size[d];
  }
  return step;
}

/* Row-major strides of an array that is no smaller than the tile, and fits
 * into what a program has for itself. */
static void block_texts(generator *g, const value *v, char *shape,
                        char *strides, char *where, bool aligned) {
  int size[MAX_RANK], stride[MAX_RANK];
  for (int d = v->rank; d-- > 0;) {
    size[d] = v->shape[d] + below(g, 3) * (aligned ? 16 : 3);
    if (aligned && size[d] < 16) size[d] = 16;
  }
  if (row_major(size, v->rank, stride) > BLOCK_ROOM)
    row_major(memcpy(size, v->shape, sizeof size), v->rank, stride);
  *shape = *strides = *where = 0;
  for (int d = 0; d < v->rank; d++) {
    const char *comma = d ? ", " : "";
    sprintf(shape + strlen(shape), "%s%d", comma, size[d]);
    sprintf(strides + strlen(strides), "%s%d", comma, stride[d]);
    int how = below(g, 3);
    if (how == 0) sprintf(where + strlen(where), "%s0", comma);
    else if (how == 1)
      sprintf(where + strlen(where), "%s(n - 2).to(tl.int32)", comma);
    else sprintf(where + strlen(where), "%s%d", comma, below(g, v->shape[d]));
  }
}

static const char *all_dims(const value *v, char *out) {
  char *p = out;
  for (int d = 0; d < v->rank; d++) p += sprintf(p, "%s%d", d ? ", " : "", d);
  if (v->rank == 1) strcpy(p, ",");
  return out;
}

static const char *order_of(const value *v, char *out) {
  char *p = out;
  for (int d = v->rank; d-- > 0;)
    p += sprintf(p, "%d%s", d, d || v->rank == 1 ? ", " : "");
  return out;
}

/* A tile of an input by block pointer, moved once, and stored by another. */
void gen_block_pointer(generator *g) {
  value v = {.rank = 0};
  char shape[96], strides[96], where[96], tile[64], order[32], dims[32];
  int buffer = input_buffer(g);
  roll_shape(g, &v);
  v.type = g->buffer_type[buffer];
  input_bounds(g, buffer, &v);
  if (numel(&v) > 1024 || v.rank > 3 || v.type == I1) return;
  block_texts(g, &v, shape, strides, where, false);
  char p[16];
  snprintf(p, sizeof p, "p%d", g->names++);
  const char *comma = v.rank == 1 ? "," : "";
  put(g, "%s = tl.make_block_ptr(b%d + pid * 16, (%s%s), (%s%s), (%s%s), "
         "(%s%s), (%s))", p, buffer, shape, comma, strides, comma, where,
      comma, shape_text(&v, tile), comma, order_of(&v, order));
  if (chance(g, 50))
    put(g, "%s = tl.advance(%s, (%s%s))", p, p,
        v.rank == 1 ? "1" : v.rank == 2 ? "m - 1, 1" : "0, 1, m", comma);
  define(g, &v, "tl.load(%s, boundary_check=(%s)%s)", p, all_dims(&v, dims),
         is_float(&v) && chance(g, 20) ? ", padding_option=\"nan\""
                                       : ", padding_option=\"zero\"");
  value *made = &g->pool[g->n_pool - 1];
  if (is_float(&v)) made->wild = true;
  if (g->n_buffers == RANDOM_MAX_BUFFERS || chance(g, 50)) return;
  v = pick(g);
  if (numel(&v) > 1024 || v.rank == 0 || v.rank > 3 || v.type == I1) return;
  int out = add_buffer(g, v.type, true);
  block_texts(g, &v, shape, strides, where, false);
  comma = v.rank == 1 ? "," : "";
  put(g, "tl.store(tl.make_block_ptr(b%d + pid * %d, (%s%s), (%s%s), "
         "(%s%s), (%s%s), (%s)), %s, boundary_check=(%s))", out, BLOCK_ROOM,
      shape, comma, strides, comma, where, comma, shape_text(&v, tile), comma,
      order_of(&v, order), v.name, all_dims(&v, dims));
}

/* A pointer that a loop carries. */
void gen_walk(generator *g) {
  value v = {.rank = 0}, sum;
  char p[16], at[16], i[16], tile[64];
  int buffer = input_buffer(g);
  roll_shape(g, &v);
  v.type = g->buffer_type[buffer];
  input_bounds(g, buffer, &v);
  if (numel(&v) > 1024 || !(is_int(&v) || (is_float(&v) && !v.wild))) return;
  snprintf(at, sizeof at, "o%d", g->names++);
  offsets(g, &v, at, true);
  snprintf(p, sizeof p, "p%d", g->names++);
  snprintf(i, sizeof i, "i%d", g->names++);
  sum = named(g, &v);
  sum.high += 3; /* at most 6 of them */
  put(g, "%s = b%d + %s%s", p, buffer, at, chance(g, 50) ? "" : " + pid");
  put(g, "%s = tl.zeros((%s,), tl.%s)", sum.name, shape_text(&v, tile),
      triton_type(&v));
  put(g, "for %s in range(0, %s):", i, ONE_OF(g, "n", "4", "m"));
  g->indent++;
  value x = named(g, &v);
  put(g, "%s = tl.load(%s)", x.name, p);
  put(g, "%s += %s", sum.name, x.name);
  put(g, "%s += %d", p, 1 << below(g, 9));
  g->indent--;
  keep(g, &sum);
}
