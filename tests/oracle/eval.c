/* SPDX-License-Identifier: MIT */
/*
 * eval.c - the evaluator: values, memory, instructions, the grid.
 *
 * Every value of the IR has an array of cells, one for each element in
 * row-major order, allocated when it is first computed and written again
 * each time. Block pointers and descriptors are tuples in such an array:
 * base, shape, strides, offsets.
 *
 * Memory is a list of buffers at made-up addresses that are far apart: the
 * n-th starts at n << 40, so that an address always tells which buffer it
 * should be in, and any step outside of it is seen.
 */
#include "eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_SHIFT = 40, MOST_ARRAYS = 64 };

typedef tm_eval_cell cell;

typedef struct slot {
  cell *data;
  size_t n;
} slot;

/* An array of shared memory (ttm.shared_alloc); its address is that of a
 * buffer after the arguments. Of a program's own, what it has not written is
 * not to be read: written tells for each byte. */
typedef struct array {
  tm_inst inst;
  unsigned char *data, *written;
  size_t bytes;
} array;

typedef struct machine {
  const tm_ir *ir;
  const tm_eval_arg *args;
  uint32_t n_args;
  tm_eval_options options;
  tm_eval_result result;
  slot *values;
  uint32_t program[3];
  tm_inst inst;
  array arrays[MOST_ARRAYS];
  uint32_t n_arrays;
} machine;

static char error_text[512];

static void fail(machine *m, const char *fmt, ...) TM_PRINTF(2, 3);
static void fail(machine *m, const char *fmt, ...) {
  if (m->result.error) return;
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  int n = snprintf(error_text, sizeof error_text,
                   "program (%u, %u, %u), %s at line %u: ", m->program[0],
                   m->program[1], m->program[2], tm_op_infos[i->op].name,
                   i->loc.line);
  va_list args;
  va_start(args, fmt);
  vsnprintf(error_text + n, sizeof error_text - (size_t)n, fmt, args);
  va_end(args);
  m->result.error = error_text;
  m->result.loc = i->loc;
}

/* ---- values ----------------------------------------------------------- */

/* Cells of the tuple that a block pointer or descriptor is. */
static size_t tuple_size(tm_type t) { return 2 + 3 * t->element->rank; }

static bool is_tuple(tm_type t) {
  return t->kind == TM_TYPE_DESCRIPTOR ||
         (t->kind == TM_TYPE_POINTER && t->element->kind == TM_TYPE_TENSOR);
}

static cell *cells(machine *m, tm_value v) {
  slot *s = &m->values[v];
  if (!s->data) {
    tm_type t = tm_type_of(m->ir, v);
    s->n = is_tuple(t) ? tuple_size(t) : (size_t)tm_type_numel(t);
    s->data = calloc(s->n, sizeof s->data[0]);
    if (!s->data) abort();
  }
  return s->data;
}

static size_t count(machine *m, tm_value v) {
  cells(m, v);
  return m->values[v].n;
}

static void copy(machine *m, tm_value to, tm_value from) {
  memmove(cells(m, to), cells(m, from), count(m, to) * sizeof(cell));
}

/* Copies several at once: the sources may be among the targets. */
static void copy_all(machine *m, const tm_value *to, const tm_value *from,
                     uint32_t n) {
  cell **saved = calloc(n + 1, sizeof saved[0]);
  if (!saved) abort();
  for (uint32_t k = 0; k < n; k++) {
    size_t size = count(m, from[k]) * sizeof(cell);
    saved[k] = malloc(size);
    if (!saved[k]) abort();
    memcpy(saved[k], cells(m, from[k]), size);
  }
  for (uint32_t k = 0; k < n; k++) {
    memcpy(cells(m, to[k]), saved[k], count(m, to[k]) * sizeof(cell));
    free(saved[k]);
  }
  free(saved);
}

static tm_value result(machine *m, uint32_t n) {
  return tm_get(m->ir, m->inst)->results + n;
}

static tm_value operand(machine *m, uint32_t n) {
  return tm_get(m->ir, m->inst)->operands[n];
}

static tm_type type_of(machine *m, tm_value v) { return tm_type_of(m->ir, v); }

static int64_t attr(machine *m, tm_attr_key key, int64_t otherwise) {
  return tm_inst_int(m->ir, m->inst, key, otherwise);
}

/* ---- memory ----------------------------------------------------------- */

static uint32_t bytes_of(tm_type t) {
  tm_type e = tm_type_element(t);
  if (e->kind == TM_TYPE_POINTER) return 8;
  return e->scalar == TM_I1 ? 1 : tm_scalar_bits(e->scalar) / 8;
}

/* Host memory of `size` bytes at an address; NULL with an error. */
static unsigned char *at(machine *m, int64_t address, uint32_t size) {
  uint64_t which = (uint64_t)address >> BUFFER_SHIFT;
  uint64_t offset = (uint64_t)address & (((uint64_t)1 << BUFFER_SHIFT) - 1);
  bool shared = which > m->n_args && which - m->n_args <= m->n_arrays;
  if (!shared && (which == 0 || which > m->n_args || !m->args[which - 1].data)) {
    fail(m, "address %llx is in no buffer", (unsigned long long)address);
    return NULL;
  }
  const array *own = shared ? &m->arrays[which - m->n_args - 1] : NULL;
  tm_eval_arg shared_arg = {.data = own ? own->data : NULL,
                            .bytes = own ? own->bytes : 0};
  const tm_eval_arg *a = shared ? &shared_arg : &m->args[which - 1];
  if (offset + size > a->bytes) {
    fail(m, "byte %llu of argument %llu, which has %llu",
         (unsigned long long)offset, (unsigned long long)which - 1,
         (unsigned long long)a->bytes);
    return NULL;
  }
  if (offset % size) {
    fail(m, "byte %llu of argument %llu is not aligned to %u",
         (unsigned long long)offset, (unsigned long long)which - 1, size);
    return NULL;
  }
  return (unsigned char *)a->data + offset;
}

/* Whether the bytes of an array have been written; of buffers they have. */
static unsigned char *written_at(machine *m, int64_t address) {
  uint64_t which = (uint64_t)address >> BUFFER_SHIFT;
  uint64_t offset = (uint64_t)address & (((uint64_t)1 << BUFFER_SHIFT) - 1);
  return which > m->n_args ? m->arrays[which - m->n_args - 1].written + offset
                           : NULL;
}

static cell load(machine *m, int64_t address, tm_type t) {
  cell c = {0};
  uint32_t size = bytes_of(t);
  const unsigned char *p = at(m, address, size);
  uint64_t bits = 0;
  if (!p) return c;
  const unsigned char *written = written_at(m, address);
  if (written && !*written) fail(m, "shared memory is read before it is written");
  memcpy(&bits, p, size); /* little-endian hosts, as all of ours */
  m->result.loads++;
  tm_type e = tm_type_element(t);
  if (e->kind == TM_TYPE_POINTER) c.i = (int64_t)bits;
  else if (tm_scalar_is_float(e->scalar)) c.f = tm_eval_decode(e->scalar, bits);
  else if (e->scalar == TM_I1) c.i = bits ? -1 : 0;
  else c.i = tm_eval_wrap(e->scalar, (int64_t)bits);
  return c;
}

static void store(machine *m, int64_t address, tm_type t, cell c) {
  uint32_t size = bytes_of(t);
  unsigned char *p = at(m, address, size);
  if (!p) return;
  tm_type e = tm_type_element(t);
  uint64_t bits = (uint64_t)c.i;
  if (e->kind == TM_TYPE_SCALAR && tm_scalar_is_float(e->scalar)) {
    /* A value of its type is not rounded, which would take infinity from
     * 8-bit floats. */
    double x = m->options.in_double ? tm_eval_round(e->scalar, c.f, false)
                                    : c.f;
    bits = tm_eval_encode(e->scalar, x);
  }
  if (e->kind == TM_TYPE_SCALAR && e->scalar == TM_I1) bits = c.i ? 1 : 0;
  memcpy(p, &bits, size);
  unsigned char *written = written_at(m, address);
  if (written) memset(written, 1, size);
  m->result.stores++;
}

/* ---- coordinates ------------------------------------------------------ */

static void coords_of(tm_type t, size_t index, int64_t *c) {
  for (uint32_t d = t->rank; d-- > 0;) {
    c[d] = (int64_t)(index % (size_t)t->shape[d]);
    index /= (size_t)t->shape[d];
  }
}

static size_t index_of(tm_type t, const int64_t *c) {
  size_t index = 0;
  for (uint32_t d = 0; d < t->rank; d++)
    index = index * (size_t)t->shape[d] + (size_t)c[d];
  return index;
}

/* ---- elementwise ------------------------------------------------------ */

static void eval_elementwise(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_value out = result(m, 0);
  size_t n = count(m, out);
  tm_type from = tm_type_element(
      type_of(m, operand(m, i->op == TM_SELECT ? 1 : 0)));
  tm_type to = tm_type_element(type_of(m, out));
  /* Pointers are 64-bit integers here. */
  tm_scalar s = from->kind == TM_TYPE_SCALAR ? from->scalar : TM_I64;
  tm_scalar r = to->kind == TM_TYPE_SCALAR ? to->scalar : TM_I64;
  int64_t a = attr(m, TM_ATTR_PREDICATE, 0);
  if (i->op == TM_FP_TO_FP) a = attr(m, TM_ATTR_ROUNDING, 1);
  if (i->op == TM_CLAMPF) a = attr(m, TM_ATTR_PROPAGATE_NAN, 0);
  for (size_t k = 0; k < n; k++) {
    cell x[3] = {{0}, {0}, {0}};
    for (uint32_t o = 0; o < i->n_operands && o < 3; o++) {
      size_t have = count(m, i->operands[o]);
      x[o] = cells(m, i->operands[o])[have == 1 ? 0 : k];
    }
    if (i->n_operands > 3 ||
        !tm_eval_scalar(i->op, s, r, a, m->options.in_double, x,
                        &cells(m, out)[k])) {
      fail(m, "this operation is not evaluated");
      return;
    }
  }
}

static void eval_addptr(machine *m) {
  tm_value out = result(m, 0);
  int64_t size = bytes_of(tm_type_element(type_of(m, out))->element);
  for (size_t k = 0; k < count(m, out); k++) {
    uint64_t base = (uint64_t)cells(m, operand(m, 0))[k].i;
    uint64_t step = (uint64_t)cells(m, operand(m, 1))[k].i;
    cells(m, out)[k].i = (int64_t)(base + step * (uint64_t)size);
  }
}

static void eval_extern(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  const tm_attr *symbol = tm_inst_attr(m->ir, m->inst, TM_ATTR_SYMBOL);
  tm_value out = result(m, 0);
  tm_scalar s = tm_type_element(type_of(m, out))->scalar;
  for (size_t k = 0; k < count(m, out); k++) {
    double x[4] = {0}, f = 0;
    for (uint32_t o = 0; o < i->n_operands && o < 4; o++) {
      cell c = cells(m, i->operands[o])[k];
      tm_scalar from = tm_type_element(type_of(m, i->operands[o]))->scalar;
      x[o] = tm_scalar_is_float(from) ? c.f : (double)c.i;
    }
    if (i->n_operands > 2 ||
        !tm_eval_extern(symbol->text, x, i->n_operands, &f)) {
      fail(m, "the function %s is not known", symbol->text);
      return;
    }
    if (!tm_scalar_is_float(s))
      cells(m, out)[k].i = tm_eval_wrap(s, fabs(f) < 0x1p63 ? (int64_t)f : 0);
    else
      cells(m, out)[k].f = m->options.in_double ? f
                                                : tm_eval_round(s, f, false);
  }
}

/* ---- shapes ----------------------------------------------------------- */

static void eval_constant(machine *m) {
  const tm_attr *a = tm_inst_attr(m->ir, m->inst, TM_ATTR_VALUE);
  tm_value out = result(m, 0);
  for (size_t k = 0; k < count(m, out); k++) {
    if (a->kind == TM_ATTR_FLOAT) cells(m, out)[k].f = a->f;
    else cells(m, out)[k].i = a->i;
  }
}

static void eval_broadcast(machine *m) {
  tm_type from = type_of(m, operand(m, 0)), to = type_of(m, result(m, 0));
  int64_t c[TM_MAX_RANK];
  for (size_t k = 0; k < count(m, result(m, 0)); k++) {
    coords_of(to, k, c);
    for (uint32_t d = 0; d < from->rank; d++)
      if (from->shape[d] == 1) c[d] = 0;
    cells(m, result(m, 0))[k] = cells(m, operand(m, 0))[index_of(from, c)];
  }
}

static void eval_trans(machine *m) {
  const tm_attr *order = tm_inst_attr(m->ir, m->inst, TM_ATTR_ORDER);
  tm_type from = type_of(m, operand(m, 0)), to = type_of(m, result(m, 0));
  int64_t c[TM_MAX_RANK], source[TM_MAX_RANK];
  for (size_t k = 0; k < count(m, result(m, 0)); k++) {
    coords_of(to, k, c);
    for (uint32_t d = 0; d < to->rank; d++) source[order->ints[d]] = c[d];
    cells(m, result(m, 0))[k] = cells(m, operand(m, 0))[index_of(from, source)];
  }
}

static void eval_gather(machine *m) {
  tm_value out = result(m, 0), index = operand(m, 1);
  tm_type from = type_of(m, operand(m, 0)), to = type_of(m, out);
  int64_t axis = attr(m, TM_ATTR_AXIS, 0), c[TM_MAX_RANK];
  for (size_t k = 0; k < count(m, out); k++) {
    coords_of(to, k, c);
    c[axis] = cells(m, index)[k].i;
    if (c[axis] < 0 || c[axis] >= from->shape[axis]) {
      fail(m, "index %lld of %lld", (long long)c[axis],
           (long long)from->shape[axis]);
      return;
    }
    cells(m, out)[k] = cells(m, operand(m, 0))[index_of(from, c)];
  }
}

static void eval_shape(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_value out = result(m, 0);
  size_t n = count(m, out);
  switch (i->op) {
  case TM_SPLAT:
    for (size_t k = 0; k < n; k++)
      cells(m, out)[k] = cells(m, operand(m, 0))[0];
    return;
  case TM_CAT:
    for (size_t k = 0; k < n; k++)
      cells(m, out)[k] = cells(m, operand(m, k < n / 2 ? 0 : 1))[k % (n / 2)];
    return;
  case TM_JOIN:
    for (size_t k = 0; k < n; k++)
      cells(m, out)[k] = cells(m, operand(m, k % 2))[k / 2];
    return;
  case TM_SPLIT:
    for (size_t k = 0; k < 2 * n; k++)
      cells(m, result(m, k % 2))[k / 2] = cells(m, operand(m, 0))[k];
    return;
  default: /* the same elements in the same order */
    copy(m, out, operand(m, 0));
    return;
  }
}

static void eval_range(machine *m) {
  int64_t start = attr(m, TM_ATTR_START, 0);
  for (size_t k = 0; k < count(m, result(m, 0)); k++)
    cells(m, result(m, 0))[k].i = start + (int64_t)k;
}

static void eval_histogram(machine *m) {
  tm_value out = result(m, 0), in = operand(m, 0);
  bool masked = tm_get(m->ir, m->inst)->n_operands > 1;
  memset(cells(m, out), 0, count(m, out) * sizeof(cell));
  for (size_t k = 0; k < count(m, in); k++) {
    int64_t bin = cells(m, in)[k].i;
    if (masked && !cells(m, operand(m, 1))[k].i) continue;
    if (bin >= 0 && bin < (int64_t)count(m, out)) cells(m, out)[bin].i++;
  }
}

/* ---- products --------------------------------------------------------- */

static void eval_dot(machine *m) {
  tm_type ta = type_of(m, operand(m, 0)), tc = type_of(m, result(m, 0));
  tm_type tb = type_of(m, operand(m, 1));
  const cell *a = cells(m, operand(m, 0)), *b = cells(m, operand(m, 1));
  const cell *c = cells(m, operand(m, 2));
  tm_scalar s = tc->element->scalar;
  size_t rows = (size_t)tc->shape[tc->rank - 2];
  size_t columns = (size_t)tc->shape[tc->rank - 1];
  size_t inner = (size_t)ta->shape[ta->rank - 1];
  size_t batches = (size_t)tm_type_numel(tc) / rows / columns;
  (void)tb;
  for (size_t k = 0; k < batches * rows * columns; k++) {
    size_t batch = k / (rows * columns), r = k / columns % rows;
    size_t col = k % columns;
    cell sum = c[k];
    for (size_t x = 0; x < inner; x++) {
      cell left = a[(batch * rows + r) * inner + x];
      cell right = b[(batch * inner + x) * columns + col];
      if (!tm_scalar_is_float(s))
        sum.i = tm_eval_wrap(s, sum.i + left.i * right.i);
      else if (m->options.dot_in_order)
        sum.f = tm_eval_round(s, sum.f + left.f * right.f, false);
      else
        sum.f += left.f * right.f;
    }
    if (tm_scalar_is_float(s) && !m->options.in_double)
      sum.f = tm_eval_round(s, sum.f, false);
    cells(m, result(m, 0))[k] = sum;
  }
}

/* Element k of row (or column) r of batch n of an operand of dot_scaled. */
static double scaled_element(machine *m, uint32_t which, size_t n, size_t r,
                             size_t k) {
  tm_value v = operand(m, which);
  tm_type t = type_of(m, v);
  int64_t kind = attr(m, which ? TM_ATTR_B_TYPE : TM_ATTR_A_TYPE, 0);
  size_t width = (size_t)t->shape[t->rank - 1];
  size_t height = (size_t)t->shape[t->rank - 2];
  static const double e2m1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  bool packed = kind == 4; /* two e2m1 in a byte, the first in the low half */
  bool along_k = attr(m, which ? TM_ATTR_RHS_K_PACK : TM_ATTR_LHS_K_PACK, 1);
  size_t kk = packed && along_k ? k / 2 : k;
  size_t rr = packed && !along_k ? r / 2 : r;
  cell c = cells(m, v)[n * width * height +
                       (which ? kk * width + rr : rr * width + kk)];
  if (packed) {
    unsigned code = (unsigned)(c.i >> ((along_k ? k : r) % 2 * 4)) & 15;
    return code & 8 ? -e2m1[code & 7] : e2m1[code & 7];
  }
  if (kind <= 1 && !tm_scalar_is_float(t->element->scalar))
    return tm_eval_decode(kind ? TM_FP8E5 : TM_FP8E4NV, (uint64_t)c.i & 255);
  return c.f;
}

/* The scale of that element, in the type that both are multiplied in: codes
 * are powers of two biased by 127; 255 is NaN, infinity in fast math. */
static double scale_of(machine *m, tm_value v, size_t n, size_t r, size_t k,
                       tm_scalar s) {
  if (!v) return 1;
  tm_type t = type_of(m, v);
  size_t inner = (size_t)t->shape[t->rank - 1];
  size_t rows = (size_t)t->shape[t->rank - 2];
  cell c = cells(m, v)[(n * rows + r) * inner + k];
  if (tm_scalar_is_float(t->element->scalar))
    return tm_eval_round(s, c.f, false);
  int64_t e = c.i & 255;
  if (e == 255)
    return attr(m, TM_ATTR_FAST_MATH, 0) ? (double)INFINITY : (double)NAN;
  if (e == 0) return s == TM_F16 ? 0 : ldexp(1, -127);
  return tm_eval_round(s, ldexp(1, (int)e - 127), false);
}

typedef struct scaled_shape {
  tm_scalar type;  /* what operands are converted to */
  size_t rows, columns, inner;
  tm_value scale[2];
  size_t group[2]; /* elements of K that share a scale */
} scaled_shape;

/* One factor, rounded after its multiplication as upstream has it. */
static double scaled_factor(machine *m, const scaled_shape *x, uint32_t which,
                            size_t n, size_t r, size_t k) {
  double v = tm_eval_round(x->type, scaled_element(m, which, n, r, k), false);
  if (!x->scale[which]) return v;
  double s = scale_of(m, x->scale[which], n, r, k / x->group[which], x->type);
  return tm_eval_round(x->type, v * s, false);
}

static void eval_dot_scaled(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  const tm_attr *seg = tm_inst_attr(m->ir, m->inst, TM_ATTR_SEGMENTS);
  tm_type tc = type_of(m, result(m, 0)), ta = type_of(m, i->operands[0]);
  int64_t a_kind = attr(m, TM_ATTR_A_TYPE, 0);
  int64_t b_kind = attr(m, TM_ATTR_B_TYPE, 0);
  if (a_kind == 2 || a_kind == 3 || b_kind == 2 || b_kind == 3) {
    fail(m, "this kind of product is not evaluated");
    return;
  }
  scaled_shape x = {
      .type = a_kind == 6 || b_kind == 6 ? TM_F16 : TM_BF16,
      .rows = (size_t)tc->shape[tc->rank - 2],
      .columns = (size_t)tc->shape[tc->rank - 1],
      .inner = (size_t)ta->shape[ta->rank - 1],
      .scale = {seg->ints[3] ? i->operands[3] : 0,
                seg->ints[4] ? i->operands[3 + seg->ints[3]] : 0}};
  if (a_kind == 4 && attr(m, TM_ATTR_LHS_K_PACK, 1)) x.inner *= 2;
  for (int w = 0; w < 2; w++) {
    if (!x.scale[w]) continue;
    tm_type t = type_of(m, x.scale[w]);
    x.group[w] = x.inner / (size_t)t->shape[t->rank - 1];
  }
  for (size_t n = 0; n < count(m, result(m, 0)); n++) {
    double sum = cells(m, i->operands[2])[n].f;
    size_t r = n / x.columns % x.rows, c = n % x.columns;
    size_t batch = n / (x.rows * x.columns);
    for (size_t k = 0; k < x.inner; k++)
      sum += scaled_factor(m, &x, 0, batch, r, k) *
             scaled_factor(m, &x, 1, batch, c, k);
    cells(m, result(m, 0))[n].f =
        m->options.in_double
            ? sum
            : tm_eval_round(tc->element->scalar, sum, false);
  }
}

/* ---- loads, stores, atomics ------------------------------------------- */

static bool masked_off(machine *m, uint32_t n, size_t k) {
  return tm_get(m->ir, m->inst)->n_operands > n &&
         !cells(m, operand(m, n))[k].i;
}

/* Address of element k of the block that tuple p describes, at position
 * `first` (or p's own); false when outside in a dimension of `dims`. */
static bool block_address(machine *m, tm_type block, tm_type tensor,
                          const cell *p, const int64_t *first, uint32_t dims,
                          size_t k, int64_t *address) {
  int64_t c[TM_MAX_RANK];
  uint32_t rank = block->rank;
  bool inside = true;
  (void)m;
  coords_of(tensor, k, c);
  *address = p[0].i;
  for (uint32_t d = 0; d < rank; d++) {
    int64_t x = first[d] + c[d];
    if ((dims >> d & 1) && (x < 0 || x >= p[1 + d].i)) inside = false;
    *address += x * p[1 + rank + d].i * (int64_t)bytes_of(block);
  }
  return inside;
}

static cell padding(tm_type t, bool is_nan) {
  cell c = {0};
  if (tm_scalar_is_float(t->element->scalar)) c.f = is_nan ? (double)NAN : 0;
  return c;
}

static void eval_block_access(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_type block = type_of(m, operand(m, 0))->element;
  const cell *p = cells(m, operand(m, 0));
  const tm_attr *check = tm_inst_attr(m->ir, m->inst, TM_ATTR_BOUNDARY_CHECK);
  uint32_t dims = 0;
  int64_t first[TM_MAX_RANK], address;
  for (uint32_t k = 0; check && k < check->n_ints; k++)
    dims |= 1u << check->ints[k];
  for (uint32_t d = 0; d < block->rank; d++)
    first[d] = p[1 + 2 * block->rank + d].i;
  for (size_t k = 0; k < (size_t)tm_type_numel(block); k++) {
    bool in = block_address(m, block, block, p, first, dims, k, &address);
    if (i->op == TM_STORE) {
      if (in) store(m, address, block, cells(m, operand(m, 1))[k]);
    } else {
      cells(m, result(m, 0))[k] =
          in ? load(m, address, block)
             : padding(block, attr(m, TM_ATTR_PADDING, 1) == 2);
    }
  }
}

static void eval_load(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_value out = result(m, 0);
  if (is_tuple(type_of(m, operand(m, 0)))) {
    eval_block_access(m);
    return;
  }
  for (size_t k = 0; k < count(m, out) && !m->result.error; k++) {
    cell other = {0};
    if (i->n_operands > 2) other = cells(m, operand(m, 2))[k];
    cells(m, out)[k] =
        masked_off(m, 1, k)
            ? other
            : load(m, cells(m, operand(m, 0))[k].i, type_of(m, out));
  }
}

static void eval_store(machine *m) {
  tm_value value = operand(m, 1);
  if (is_tuple(type_of(m, operand(m, 0)))) {
    eval_block_access(m);
    return;
  }
  for (size_t k = 0; k < count(m, value) && !m->result.error; k++)
    if (!masked_off(m, 2, k))
      store(m, cells(m, operand(m, 0))[k].i, type_of(m, value),
            cells(m, value)[k]);
}

/* The same array wherever the program comes by; new in each program. */
static void eval_shared_alloc(machine *m) {
  tm_type t = type_of(m, result(m, 0));
  array *a = m->arrays;
  while (a < m->arrays + m->n_arrays && a->inst != m->inst) a++;
  if (a == m->arrays + MOST_ARRAYS) {
    fail(m, "more than %d arrays", MOST_ARRAYS);
    return;
  }
  if (a == m->arrays + m->n_arrays) {
    m->n_arrays++;
    a->inst = m->inst;
    a->bytes = (size_t)attr(m, TM_ATTR_COUNT, 0) * bytes_of(t->element);
    a->data = calloc(a->bytes, 1);
    a->written = calloc(a->bytes, 1);
    if (!a->data || !a->written) abort();
  }
  cells(m, result(m, 0))[0].i =
      (int64_t)(m->n_args + 1 + (uint64_t)(a - m->arrays)) << BUFFER_SHIFT;
}

static cell rmw(int64_t op, tm_scalar s, bool in_double, cell old, cell x) {
  static const tm_op ops[] = {
    [TM_RMW_AND] = TM_ANDI, [TM_RMW_OR] = TM_ORI, [TM_RMW_XOR] = TM_XORI,
    [TM_RMW_ADD] = TM_ADDI, [TM_RMW_FADD] = TM_ADDF, [TM_RMW_MAX] = TM_MAXSI,
    [TM_RMW_MIN] = TM_MINSI, [TM_RMW_UMAX] = TM_MAXUI,
    [TM_RMW_UMIN] = TM_MINUI,
  };
  cell operands[3] = {old, x, {0}}, out = x;
  if (op != TM_RMW_XCHG)
    tm_eval_scalar(ops[op], s, s, 0, in_double, operands, &out);
  return out;
}

static void eval_atomic(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_value out = result(m, 0);
  tm_type t = type_of(m, out);
  bool cas = i->op == TM_ATOMIC_CAS;
  for (size_t k = 0; k < count(m, out) && !m->result.error; k++) {
    int64_t address = cells(m, operand(m, 0))[k].i;
    cells(m, out)[k].i = 0;
    if (!cas && masked_off(m, 2, k)) continue;
    cell old = load(m, address, t), x = cells(m, operand(m, 1))[k];
    tm_scalar s = tm_type_element(t)->scalar;
    bool is_float = tm_scalar_is_float(s);
    if (cas) {
      /* compares bits */
      bool same = is_float ? tm_eval_encode(s, old.f) ==
                                 tm_eval_encode(s, tm_eval_round(s, x.f, false))
                           : old.i == x.i;
      if (same) store(m, address, t, cells(m, operand(m, 2))[k]);
    } else {
      store(m, address, t,
            rmw(attr(m, TM_ATTR_RMW_OP, 0), s, m->options.in_double, old, x));
    }
    cells(m, out)[k] = old;
  }
}

/* ---- block pointers and descriptors ----------------------------------- */

static void eval_make_block(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  cell *p = cells(m, result(m, 0));
  for (uint32_t o = 0; o < i->n_operands; o++)
    p[o] = cells(m, i->operands[o])[0];
  if (i->op == TM_MAKE_TENSOR_DESC)
    p[i->n_operands].i = attr(m, TM_ATTR_PADDING, 1);
}

static void eval_advance(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  uint32_t rank = i->n_operands - 1;
  copy(m, result(m, 0), operand(m, 0));
  for (uint32_t d = 0; d < rank; d++)
    cells(m, result(m, 0))[1 + 2 * rank + d].i +=
        cells(m, operand(m, 1 + d))[0].i;
}

static void eval_desc_reduce(machine *m, int64_t address, tm_type block,
                             cell x) {
  static const int64_t ops[] = {
    [TM_DESC_ADD] = TM_RMW_ADD, [TM_DESC_MIN] = TM_RMW_MIN,
    [TM_DESC_MAX] = TM_RMW_MAX, [TM_DESC_AND] = TM_RMW_AND,
    [TM_DESC_OR] = TM_RMW_OR, [TM_DESC_XOR] = TM_RMW_XOR,
  };
  int64_t kind = attr(m, TM_ATTR_KIND, 0);
  bool is_float = tm_scalar_is_float(block->element->scalar);
  if (kind < 1 || kind > TM_DESC_XOR || !ops[kind] ||
      (is_float && kind != TM_DESC_ADD)) {
    fail(m, "this reduction is not evaluated");
    return;
  }
  cell old = load(m, address, block);
  if (m->result.error) return;
  store(m, address, block,
        rmw(is_float ? TM_RMW_FADD : ops[kind], block->element->scalar,
            m->options.in_double, old, x));
}

static void eval_descriptor(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  tm_type block = type_of(m, operand(m, 0))->element, tensor = block;
  const cell *p = cells(m, operand(m, 0));
  bool rows = i->op == TM_DESC_GATHER || i->op == TM_DESC_SCATTER;
  bool source = i->op == TM_DESC_STORE || i->op == TM_DESC_REDUCE;
  tm_value data = i->op == TM_DESC_SCATTER ? operand(m, 3)
                  : source                 ? operand(m, 1)
                                           : result(m, 0);
  if (rows) tensor = type_of(m, data);
  bool is_nan = p[1 + 2 * block->rank].i == 2;
  for (size_t k = 0; k < count(m, data) && !m->result.error; k++) {
    int64_t first[TM_MAX_RANK], address, c[TM_MAX_RANK];
    for (uint32_t d = 0; d < block->rank && !rows; d++)
      first[d] = cells(m, operand(m, (source ? 2 : 1) + d))[0].i;
    if (rows) {
      coords_of(tensor, k, c);
      first[0] = cells(m, operand(m, 1))[c[0]].i - c[0];
      first[1] = cells(m, operand(m, 2))[0].i;
    }
    bool in = block_address(m, block, tensor, p, first,
                            (1u << block->rank) - 1, k, &address);
    if (i->n_results)
      cells(m, data)[k] = in ? load(m, address, block)
                             : padding(block, is_nan);
    else if (in && i->op == TM_DESC_REDUCE)
      eval_desc_reduce(m, address, block, cells(m, data)[k]);
    else if (in)
      store(m, address, block, cells(m, data)[k]);
  }
}

/* ---- regions ---------------------------------------------------------- */

/* Runs a block; its terminator, or 0 after an error. */
static tm_inst run_block(machine *m, tm_block block);

/* Sets block arguments to single cells and runs; results to out. */
static void combine(machine *m, tm_block block, const cell *in, uint32_t n_in,
                    cell *out, uint32_t n_out) {
  const tm_block_data *b = tm_blk(m->ir, block);
  for (uint32_t a = 0; a < n_in; a++) cells(m, b->args[a])[0] = in[a];
  tm_inst end = run_block(m, block);
  for (uint32_t r = 0; r < n_out && end; r++)
    out[r] = cells(m, tm_get(m->ir, end)->operands[r])[0];
}

/* tt.reduce and tt.scan: for each line along the axis, in order. */
static void eval_lines(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  tm_type t = type_of(m, i->operands[0]);
  int64_t axis = attr(m, TM_ATTR_AXIS, 0);
  bool reverse = i->op == TM_SCAN && attr(m, TM_ATTR_REVERSE, 0);
  size_t inner = 1, extent = (size_t)t->shape[axis];
  for (uint32_t d = (uint32_t)axis + 1; d < t->rank; d++)
    inner *= (size_t)t->shape[d];
  size_t lines = (size_t)tm_type_numel(t) / extent;
  uint32_t n = i->n_operands;
  cell state[128];
  for (size_t line = 0; line < lines && !m->result.error; line++) {
    size_t base = line / inner * inner * extent + line % inner;
    for (size_t step = 0; step < extent && !m->result.error; step++) {
      size_t k = base + (reverse ? extent - 1 - step : step) * inner;
      cell *now = step ? state + n : state;
      for (uint32_t o = 0; o < n; o++) now[o] = cells(m, i->operands[o])[k];
      if (step) combine(m, i->regions[0], state, 2 * n, state, n);
      for (uint32_t o = 0; o < n && i->op == TM_SCAN; o++)
        cells(m, i->results + o)[k] = state[o];
    }
    for (uint32_t o = 0; o < n && i->op == TM_REDUCE; o++)
      cells(m, i->results + o)[line] = state[o];
  }
  m->inst = inst;
}

static void eval_map(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  uint32_t pack = (uint32_t)attr(m, TM_ATTR_PACK, 1);
  size_t n = count(m, i->operands[0]);
  uint32_t ins = i->n_operands * pack, outs = i->n_results * pack;
  cell in[128], out[128];
  if (ins > 128 || outs > 128 || n % pack) {
    fail(m, "too many values at once");
    return;
  }
  for (size_t k = 0; k < n && !m->result.error; k += pack) {
    for (uint32_t a = 0; a < ins; a++)
      in[a] = cells(m, i->operands[a / pack])[k + a % pack];
    combine(m, i->regions[0], in, ins, out, outs);
    for (uint32_t r = 0; r < outs; r++)
      cells(m, i->results + r / pack)[k + r % pack] = out[r];
  }
  m->inst = inst;
}

static void yield_to(machine *m, tm_inst end, uint32_t skip,
                     const tm_value *to) {
  const tm_inst_data *e = tm_get(m->ir, end);
  copy_all(m, to, e->operands + skip, e->n_operands - skip);
}

/* Results are consecutive values. */
static void yield_results(machine *m, tm_inst end, uint32_t skip,
                          tm_inst inst) {
  const tm_inst_data *i = tm_get(m->ir, inst);
  for (uint32_t r = 0; r < i->n_results; r++)
    copy(m, i->results + r, tm_get(m->ir, end)->operands[skip + r]);
}

static void eval_for(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  const tm_block_data *b = tm_blk(m->ir, i->regions[0]);
  int64_t lower = cells(m, i->operands[0])[0].i;
  int64_t upper = cells(m, i->operands[1])[0].i;
  int64_t step = cells(m, i->operands[2])[0].i;
  copy_all(m, b->args + 1, i->operands + 3, i->n_operands - 3);
  if (step <= 0) fail(m, "the step is %lld", (long long)step);
  while (lower < upper && !m->result.error) {
    cells(m, b->args[0])[0].i = lower;
    tm_inst end = run_block(m, i->regions[0]);
    if (!end) break;
    yield_to(m, end, 0, b->args + 1);
    if (lower > INT64_MAX - step) break;
    lower += step;
  }
  for (uint32_t r = 0; r < i->n_results; r++)
    copy(m, i->results + r, b->args[r + 1]);
  m->inst = inst;
}

static void eval_if(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  bool taken = cells(m, i->operands[0])[0].i != 0;
  tm_inst end = run_block(m, i->regions[taken ? 0 : 1]);
  if (end) yield_results(m, end, 0, inst);
  m->inst = inst;
}

static void eval_while(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  copy_all(m, tm_blk(m->ir, i->regions[0])->args, i->operands, i->n_operands);
  for (;;) {
    tm_inst end = run_block(m, i->regions[0]);
    if (!end) break;
    if (!cells(m, tm_get(m->ir, end)->operands[0])[0].i) {
      yield_results(m, end, 1, inst);
      break;
    }
    yield_to(m, end, 1, tm_blk(m->ir, i->regions[1])->args);
    end = run_block(m, i->regions[1]);
    if (!end) break;
    yield_to(m, end, 0, tm_blk(m->ir, i->regions[0])->args);
  }
  m->inst = inst;
}

/* Calls share the callee's values, so recursion is refused. */
static void eval_call(machine *m) {
  tm_inst inst = m->inst;
  const tm_inst_data *i = tm_get(m->ir, inst);
  const char *name = tm_inst_attr(m->ir, inst, TM_ATTR_CALLEE)->text;
  const tm_func *callee = NULL;
  for (uint32_t f = 0; f < m->ir->funcs.len; f++)
    if (strcmp(m->ir->funcs.data[f].name, name) == 0)
      callee = &m->ir->funcs.data[f];
  static int depth;
  if (!callee || depth > 64) {
    fail(m, "cannot call @%s", name);
    return;
  }
  for (uint32_t o = 0; o < i->n_operands; o++)
    copy(m, callee->params.data[o].value, i->operands[o]);
  depth++;
  tm_inst end = run_block(m, callee->body);
  depth--;
  if (end) yield_results(m, end, 0, inst);
  m->inst = inst;
}

/* ---- the machine ------------------------------------------------------ */

static void eval_assert(machine *m) {
  for (size_t k = 0; k < count(m, operand(m, 0)); k++)
    if (!cells(m, operand(m, 0))[k].i)
      fail(m, "%s", tm_inst_attr(m->ir, m->inst, TM_ATTR_MESSAGE)->text);
}

static void eval_inst(machine *m) {
  const tm_inst_data *i = tm_get(m->ir, m->inst);
  switch (i->op) {
  case TM_CONSTANT: eval_constant(m); return;
  case TM_ADDPTR: eval_addptr(m); return;
  case TM_EXTERN: eval_extern(m); return;
  case TM_GET_PROGRAM_ID:
    cells(m, result(m, 0))[0].i = m->program[attr(m, TM_ATTR_AXIS, 0)];
    return;
  case TM_GET_NUM_PROGRAMS:
    cells(m, result(m, 0))[0].i = m->options.grid[attr(m, TM_ATTR_AXIS, 0)];
    return;
  case TM_MAKE_RANGE: eval_range(m); return;
  case TM_SHARED_ALLOC: eval_shared_alloc(m); return;
  case TM_SPLAT: case TM_UNSPLAT: case TM_EXPAND_DIMS: case TM_RESHAPE:
  case TM_CAT: case TM_JOIN: case TM_SPLIT: case TM_CONVERT_LAYOUT:
  case TM_PTR_TO_INT: case TM_INT_TO_PTR:
    eval_shape(m);
    return;
  case TM_BROADCAST: eval_broadcast(m); return;
  case TM_TRANS: eval_trans(m); return;
  case TM_GATHER: eval_gather(m); return;
  case TM_HISTOGRAM: eval_histogram(m); return;
  case TM_DOT: eval_dot(m); return;
  case TM_DOT_SCALED: eval_dot_scaled(m); return;
  case TM_REDUCE: case TM_SCAN: eval_lines(m); return;
  case TM_MAP_ELEMENTWISE: eval_map(m); return;
  case TM_LOAD: eval_load(m); return;
  case TM_STORE: eval_store(m); return;
  case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: eval_atomic(m); return;
  case TM_ATOMIC_LOAD: eval_load(m); return;
  case TM_ATOMIC_STORE: eval_store(m); return;
  case TM_MAKE_TENSOR_PTR: case TM_MAKE_TENSOR_DESC: eval_make_block(m); return;
  case TM_ADVANCE: eval_advance(m); return;
  case TM_DESC_LOAD: case TM_DESC_STORE: case TM_DESC_REDUCE:
  case TM_DESC_GATHER: case TM_DESC_SCATTER:
    eval_descriptor(m);
    return;
  case TM_FOR: eval_for(m); return;
  case TM_IF: eval_if(m); return;
  case TM_WHILE: eval_while(m); return;
  case TM_CALL: eval_call(m); return;
  case TM_ASSERT: eval_assert(m); return;
  case TM_PRINT: case TM_ASSUME: case TM_BARRIER: return;
  case TM_POISON:
    memset(cells(m, result(m, 0)), 0, count(m, result(m, 0)) * sizeof(cell));
    return;
  default:
    eval_elementwise(m);
    return;
  }
}

static tm_inst run_block(machine *m, tm_block block) {
  TM_EACH_INST(m->ir, inst, block) {
    m->inst = inst;
    if (++m->result.steps > m->options.max_steps)
      fail(m, "it ran for %llu steps",
           (unsigned long long)m->options.max_steps);
    if (m->result.error) return 0;
    if (tm_op_infos[tm_get(m->ir, inst)->op].flags & TM_TERMINATOR)
      return inst;
    eval_inst(m);
    if (m->result.error) return 0;
  }
  return 0;
}

static void set_descriptor(cell *c, tm_type t, const tm_eval_arg *arg) {
  uint32_t rank = t->element->rank;
  for (uint32_t d = 0; d < rank; d++) {
    c[1 + d].i = arg->shape[d];
    c[1 + rank + d].i = arg->strides[d];
  }
  c[1 + 2 * rank].i = arg->pads_nan ? 2 : 1;
}

static void set_params(machine *m, const tm_func *f) {
  for (uint32_t p = 0; p < f->params.len; p++) {
    cell *c = cells(m, f->params.data[p].value);
    tm_type t = f->params.data[p].type;
    if (t->kind == TM_TYPE_POINTER || t->kind == TM_TYPE_DESCRIPTOR)
      c->i = (int64_t)(p + 1) << BUFFER_SHIFT;
    if (t->kind == TM_TYPE_DESCRIPTOR)
      set_descriptor(c, t, &m->args[p]);
    else if (t->kind == TM_TYPE_POINTER)
      continue;
    else if (t->kind == TM_TYPE_SCALAR && tm_scalar_is_float(t->scalar))
      c->f = tm_eval_round(t->scalar, m->args[p].f, false);
    else if (t->kind == TM_TYPE_SCALAR)
      c->i = tm_eval_wrap(t->scalar, m->args[p].i);
    else
      fail(m, "parameter %u is of a type that cannot be given", p);
  }
}

tm_eval_result tm_eval_run(const tm_ir *ir, const tm_eval_arg *args,
                           uint32_t n_args, const tm_eval_options *options) {
  machine m = {.ir = ir, .args = args, .n_args = n_args, .options = *options};
  uint32_t kernel = tm_ir_kernel(ir);
  for (int d = 0; d < 3; d++)
    if (!m.options.grid[d]) m.options.grid[d] = 1;
  if (!m.options.max_steps) m.options.max_steps = 50000000;
  m.values = calloc(ir->values.len, sizeof m.values[0]);
  if (!m.values) abort();
  if (kernel == UINT32_MAX || ir->funcs.data[kernel].params.len != n_args) {
    fail(&m, "there is no kernel that takes %u arguments", n_args);
  } else {
    const tm_func *f = &ir->funcs.data[kernel];
    const uint32_t *grid = m.options.grid;
    uint64_t programs = (uint64_t)grid[0] * grid[1] * grid[2];
    for (uint64_t p = 0; p < programs && !m.result.error; p++) {
      m.program[0] = (uint32_t)(p % grid[0]);
      m.program[1] = (uint32_t)(p / grid[0] % grid[1]);
      m.program[2] = (uint32_t)(p / grid[0] / grid[1]);
      set_params(&m, f);
      for (uint32_t a = 0; a < m.n_arrays; a++)
        memset(m.arrays[a].written, 0, m.arrays[a].bytes);
      run_block(&m, f->body);
    }
  }
  for (uint32_t v = 0; v < ir->values.len; v++) free(m.values[v].data);
  free(m.values);
  for (uint32_t a = 0; a < m.n_arrays; a++) {
    free(m.arrays[a].data);
    free(m.arrays[a].written);
  }
  return m.result;
}
