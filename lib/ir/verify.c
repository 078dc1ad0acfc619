/* SPDX-License-Identifier: MIT */
/*
 * verify.c - the rules of TTIR, all of them, each broken one reported where
 * it is broken.
 *
 * One walk over every function. It keeps the set of values that may be named
 * at the current place: what was defined before in this block and in the
 * blocks around it. Structure is checked first (operand counts, regions,
 * terminators), and only an instruction whose structure holds has its types
 * checked, so that one fault is one message.
 */
#include "irint.h"

typedef struct verifier {
  tm_ir *ir;
  tm_diags *diags;
  const char *after;
  tm_diag_kind kind;
  bool ok;
  bool *visible; /* of each value */
  TM_VEC(tm_value) stack; /* the visible ones, innermost last */
  tm_inst inst;
} verifier;

static void fail(verifier *v, const char *fmt, ...) TM_PRINTF(2, 3);
static void fail(verifier *v, const char *fmt, ...) {
  tm_buf buf = tm_buf_in(v->diags->arena);
  const tm_inst_data *i = tm_get(v->ir, v->inst);
  if (v->inst) tm_buf_printf(&buf, "%s: ", tm_op_infos[i->op].name);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&buf, fmt, args);
  va_end(args);
  if (v->after && v->kind == TM_DIAG_INTERNAL)
    tm_buf_printf(&buf, " (after %s)", v->after);
  tm_error_at(v->diags, v->kind, i->loc, "%s", tm_buf_text(&buf));
  v->ok = false;
}

static const char *show(verifier *v, tm_type t) {
  tm_buf buf = tm_buf_in(v->diags->arena);
  if (t) tm_type_print(&buf, t);
  return t ? tm_buf_text(&buf) : "nothing";
}

static const char *show_shape(verifier *v, tm_type t) {
  tm_buf buf = tm_buf_in(v->diags->arena);
  for (uint32_t d = 0; t->kind == TM_TYPE_TENSOR && d < t->rank; d++)
    tm_buf_printf(&buf, "%s%lld", d ? "x" : "", (long long)t->shape[d]);
  return t->kind == TM_TYPE_TENSOR ? tm_buf_text(&buf) : "a scalar";
}

static const tm_inst_data *self(verifier *v) { return tm_get(v->ir, v->inst); }

static tm_type operand(verifier *v, uint32_t n) {
  return tm_type_of(v->ir, self(v)->operands[n]);
}

static tm_type result(verifier *v, uint32_t n) {
  return tm_type_of(v->ir, self(v)->results + n);
}

static bool same_shape(tm_type a, tm_type b) {
  bool ta = tm_type_is_tensor(a), tb = tm_type_is_tensor(b);
  if (ta != tb) return false;
  return !ta || (a->rank == b->rank &&
                 memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0);
}

static tm_type like(verifier *v, tm_type t, tm_scalar s) {
  return tm_type_like(v->ir, t, tm_type_scalar(v->ir, s));
}

/* ---- types by themselves ---------------------------------------------- */

static const char *shape_fault(tm_type t) {
  if (t->rank < 1 || t->rank > TM_MAX_RANK) return "has an impossible rank";
  for (uint32_t d = 0; d < t->rank; d++)
    if (t->shape[d] <= 0 || (t->shape[d] & (t->shape[d] - 1)))
      return "has a dimension that is not a power of two";
  if (tm_type_numel(t) > TM_MAX_NUMEL)
    return "has more than 1048576 elements";
  return NULL;
}

static const char *type_fault(tm_type t, uint32_t depth) {
  if (!t) return "is missing";
  if (depth > 4) return "is nested too deeply";
  switch (t->kind) {
  case TM_TYPE_SCALAR:
    return t->scalar == TM_VOID ? "is void" : NULL;
  case TM_TYPE_POINTER:
    return type_fault(t->element, depth + 1);
  case TM_TYPE_DESCRIPTOR:
    if (t->element->kind != TM_TYPE_TENSOR) return "does not hold a tensor";
    return type_fault(t->element, depth + 1);
  case TM_TYPE_TENSOR:
    if (t->element->kind != TM_TYPE_SCALAR &&
        t->element->kind != TM_TYPE_POINTER)
      return "has elements that are neither numbers nor pointers";
    if (shape_fault(t)) return shape_fault(t);
    return type_fault(t->element, depth + 1);
  }
  return "is of no kind";
}

static void check_type(verifier *v, tm_type t, const char *what, uint32_t n) {
  const char *fault = type_fault(t, 0);
  if (fault) fail(v, "the type of %s %u, %s, %s", what, n, show(v, t), fault);
}

/* ---- classes of operands ---------------------------------------------- */

typedef enum element_class {
  ANY, INTS_ONLY, FLOATS_ONLY
} element_class;

/* What the elements of operands of an elementwise op must be. */
static element_class class_of(tm_op op) {
  if (op >= TM_ADDI && op <= TM_MINUI) return INTS_ONLY;
  if (op >= TM_ADDF && op <= TM_MINNUMF) return FLOATS_ONLY;
  switch (op) {
  case TM_CMPI: case TM_EXTSI: case TM_EXTUI: case TM_TRUNCI: case TM_SITOFP:
  case TM_UITOFP: case TM_INDEX_CAST: case TM_ABSI: case TM_MULHIUI:
  case TM_INT_TO_PTR: case TM_HISTOGRAM:
    return INTS_ONLY;
  case TM_CMPF: case TM_EXTF: case TM_TRUNCF: case TM_FPTOSI: case TM_FPTOUI:
  case TM_ABSF: case TM_CEIL: case TM_FLOOR: case TM_COS: case TM_SIN:
  case TM_EXP: case TM_EXP2: case TM_LOG: case TM_LOG2: case TM_SQRT:
  case TM_RSQRT: case TM_ERF: case TM_FMA: case TM_PRECISE_SQRT:
  case TM_PRECISE_DIVF: case TM_CLAMPF: case TM_FP_TO_FP:
    return FLOATS_ONLY;
  default:
    return ANY;
  }
}

static bool is_int(tm_type t) {
  tm_type e = tm_type_element(t);
  return e->kind == TM_TYPE_SCALAR && tm_scalar_is_int(e->scalar);
}

static bool is_float(tm_type t) {
  tm_type e = tm_type_element(t);
  return e->kind == TM_TYPE_SCALAR && tm_scalar_is_float(e->scalar);
}

static bool is_pointer(tm_type t) {
  return tm_type_element(t)->kind == TM_TYPE_POINTER;
}

static void check_class(verifier *v) {
  element_class want = class_of(self(v)->op);
  uint32_t n = self(v)->op == TM_HISTOGRAM ? 1 : self(v)->n_operands;
  for (uint32_t o = 0; o < n && want != ANY; o++) {
    tm_type t = operand(v, o);
    if (want == INTS_ONLY ? !is_int(t) : !is_float(t))
      fail(v, "operand %u must be of %s, is %s", o,
           want == INTS_ONLY ? "integers" : "floats", show(v, t));
  }
}

static void expect(verifier *v, const char *what, tm_type have, tm_type want) {
  if (have != want)
    fail(v, "%s is %s, must be %s", what, show(v, have), show(v, want));
}

/* The types of operands from `first` on must be those of operand `first`. */
static void check_equal_operands(verifier *v, uint32_t first) {
  for (uint32_t o = first + 1; o < self(v)->n_operands; o++)
    if (operand(v, o) != operand(v, first))
      fail(v, "operand %u is %s, operand %u is %s", o, show(v, operand(v, o)),
           first, show(v, operand(v, first)));
}

/* ---- casts ------------------------------------------------------------ */

static void check_cast(verifier *v) {
  tm_type from = operand(v, 0), to = result(v, 0);
  tm_op op = self(v)->op;
  if (!same_shape(from, to)) {
    fail(v, "the operand has shape %s, the result %s", show_shape(v, from),
         show_shape(v, to));
    return;
  }
  tm_scalar a = tm_type_element(from)->scalar;
  tm_scalar b = tm_type_element(to)->scalar;
  uint32_t wide_a = is_pointer(from) ? 64 : tm_scalar_bits(a);
  uint32_t wide_b = is_pointer(to) ? 64 : tm_scalar_bits(b);
  bool good = true;
  switch (op) {
  case TM_EXTSI: case TM_EXTUI:
    good = is_int(to) && wide_b > wide_a;
    break;
  case TM_TRUNCI:
    good = is_int(to) && wide_b < wide_a;
    break;
  case TM_EXTF:
    good = is_float(to) && wide_b > wide_a;
    break;
  case TM_TRUNCF:
    good = is_float(to) && wide_b < wide_a;
    break;
  case TM_SITOFP: case TM_UITOFP:
    good = is_float(to);
    break;
  case TM_FPTOSI: case TM_FPTOUI:
    good = is_int(to);
    break;
  case TM_FP_TO_FP:
    good = is_float(to);
    break;
  case TM_INDEX_CAST:
    good = is_int(to) && (a == TM_INDEX) != (b == TM_INDEX);
    break;
  case TM_ARITH_BITCAST:
    good = !is_pointer(from) && !is_pointer(to) && wide_a == wide_b;
    break;
  case TM_BITCAST:
    good = is_pointer(from) == is_pointer(to) && wide_a == wide_b;
    break;
  case TM_PTR_TO_INT:
    good = is_pointer(from) && b == TM_I64 && is_int(to);
    break;
  case TM_INT_TO_PTR:
    good = is_pointer(to) && a == TM_I64;
    break;
  default:
    break;
  }
  if (!good)
    fail(v, "cannot make %s from %s", show(v, to), show(v, from));
  if (op == TM_FP_TO_FP && wide_b < wide_a &&
      tm_inst_int(v->ir, v->inst, TM_ATTR_ROUNDING, -1) < 0)
    fail(v, "a conversion to fewer bits must state its rounding");
}

/* ---- shapes ----------------------------------------------------------- */

static void check_broadcast(verifier *v) {
  tm_type from = operand(v, 0), to = result(v, 0);
  bool good = tm_type_is_tensor(from) && tm_type_is_tensor(to) &&
              from->rank == to->rank && from->element == to->element;
  for (uint32_t d = 0; good && d < from->rank; d++)
    good = from->shape[d] == 1 || from->shape[d] == to->shape[d];
  if (!good)
    fail(v, "cannot broadcast %s to %s", show(v, from), show(v, to));
}

static void check_gather(verifier *v) {
  tm_type from = operand(v, 0), at = operand(v, 1), to = result(v, 0);
  int64_t axis = tm_inst_int(v->ir, v->inst, TM_ATTR_AXIS, -1);
  if (!tm_type_is_tensor(from) || !tm_type_is_tensor(at) || !is_int(at) ||
      from->rank != at->rank) {
    fail(v, "cannot gather from %s by %s", show(v, from), show(v, at));
    return;
  }
  if (axis < 0 || axis >= from->rank) {
    fail(v, "axis %lld is out of range", (long long)axis);
    return;
  }
  for (uint32_t d = 0; d < from->rank; d++)
    if (d != axis && at->shape[d] > from->shape[d])
      fail(v, "dimension %u of the indices is larger than the source's", d);
  expect(v, "the result", to, tm_type_like(v->ir, at, from->element));
}

static void check_histogram(verifier *v) {
  tm_type from = operand(v, 0), to = result(v, 0);
  if (!tm_type_is_tensor(from) || from->rank != 1 || !tm_type_is_tensor(to) ||
      to->rank != 1 || !is_int(to))
    fail(v, "cannot count %s in %s", show(v, from), show(v, to));
  else if (self(v)->n_operands == 2)
    expect(v, "the mask", operand(v, 1), like(v, from, TM_I1));
}

static void check_shape_op(verifier *v) {
  tm_type from = operand(v, 0), to = result(v, 0);
  switch (self(v)->op) {
  case TM_SPLAT:
    if (!tm_type_is_tensor(to) || to->element != from)
      fail(v, "cannot splat %s to %s", show(v, from), show(v, to));
    break;
  case TM_UNSPLAT:
    if (!tm_type_is_tensor(from) || tm_type_numel(from) != 1)
      fail(v, "the operand is %s, must have one element", show(v, from));
    else
      expect(v, "the result", to, from->element);
    break;
  case TM_BROADCAST:
    check_broadcast(v);
    break;
  case TM_RESHAPE:
    if (!tm_type_is_tensor(from) || !tm_type_is_tensor(to) ||
        from->element != to->element ||
        tm_type_numel(from) != tm_type_numel(to))
      fail(v, "cannot reshape %s to %s", show(v, from), show(v, to));
    break;
  case TM_CAT:
    check_equal_operands(v, 0);
    if (!tm_type_is_tensor(from) || !tm_type_is_tensor(to) ||
        from->element != to->element || from->rank != 1 || to->rank != 1 ||
        to->shape[0] != 2 * from->shape[0])
      fail(v, "cannot join two of %s to %s", show(v, from), show(v, to));
    break;
  case TM_JOIN:
    check_equal_operands(v, 0);
    break;
  default:
    break;
  }
}

static void check_range(verifier *v) {
  int64_t start = tm_inst_int(v->ir, v->inst, TM_ATTR_START, 0);
  int64_t end = tm_inst_int(v->ir, v->inst, TM_ATTR_END, 0);
  tm_type t = result(v, 0);
  if (!tm_type_is_tensor(t) || t->rank != 1 ||
      t->element != tm_type_scalar(v->ir, TM_I32) || t->shape[0] != end - start)
    fail(v, "the result of %lld to %lld is %s", (long long)start,
         (long long)end, show(v, t));
}

static void check_constant(verifier *v) {
  const tm_attr *a = tm_inst_attr(v->ir, v->inst, TM_ATTR_VALUE);
  tm_type t = result(v, 0);
  tm_scalar s = tm_type_element(t)->scalar;
  if (self(v)->n_attrs != 1) fail(v, "has attributes besides its value");
  if (is_int(t)) {
    if (a->kind != TM_ATTR_INT || tm_int_wrap(s, a->i) != a->i)
      fail(v, "the value is not a sign-extended %s", tm_scalar_name(s));
  } else if (is_float(t)) {
    double f = a->f;
    if (a->kind != TM_ATTR_FLOAT ||
        (f == f && tm_float_round(s, f) != f))
      fail(v, "the value is not exact in %s", tm_scalar_name(s));
  } else {
    fail(v, "the result is %s, must be of numbers", show(v, t));
  }
}

/* ---- memory ----------------------------------------------------------- */

static bool is_block_pointer(tm_type t) {
  return t->kind == TM_TYPE_POINTER && t->element->kind == TM_TYPE_TENSOR;
}

/* The pointer at operand 0 and what it loads; reports and gives NULL. */
static tm_type check_pointer(verifier *v, bool block_allowed) {
  tm_type p = operand(v, 0), loaded = tm_rule_loaded(v->ir, p);
  if (!loaded) {
    fail(v, "operand 0 must be a pointer, is %s", show(v, p));
    return NULL;
  }
  if (is_block_pointer(p) && !block_allowed) {
    fail(v, "operand 0 must not be a block pointer");
    return NULL;
  }
  return loaded;
}

static void check_boundary(verifier *v) {
  const tm_attr *a = tm_inst_attr(v->ir, v->inst, TM_ATTR_BOUNDARY_CHECK);
  tm_type p = operand(v, 0);
  if (!a || a->n_ints == 0) return;
  if (!is_block_pointer(p)) {
    fail(v, "boundaryCheck is for block pointers, operand 0 is %s",
         show(v, p));
    return;
  }
  for (uint32_t k = 0; k < a->n_ints; k++)
    if (a->ints[k] < 0 || a->ints[k] >= p->element->rank)
      fail(v, "boundaryCheck names dimension %lld of %s",
           (long long)a->ints[k], show(v, p));
}

static void check_memory(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_op op = i->op;
  bool loads = op == TM_LOAD || op == TM_ATOMIC_LOAD;
  uint32_t least = loads ? 1 : op == TM_ATOMIC_CAS ? 3 : 2;
  if (i->n_operands < least || i->n_operands > 3) {
    fail(v, "has %u operands", i->n_operands);
    return;
  }
  tm_type loaded = check_pointer(v, op == TM_LOAD || op == TM_STORE);
  if (!loaded) return;
  if (is_block_pointer(operand(v, 0)) && i->n_operands != least)
    fail(v, "a block pointer takes no mask");
  if (op == TM_ATOMIC_LOAD && i->n_operands > 2) {
    fail(v, "has %u operands", i->n_operands);
    return;
  }
  if (loads) {
    if (i->n_operands > 1)
      expect(v, "the mask", operand(v, 1), like(v, loaded, TM_I1));
    if (i->n_operands > 2)
      expect(v, "the other value", operand(v, 2), loaded);
  } else {
    expect(v, "the value", operand(v, 1), loaded);
    if (op == TM_ATOMIC_CAS) expect(v, "the new value", operand(v, 2), loaded);
    else if (i->n_operands > 2)
      expect(v, "the mask", operand(v, 2), like(v, loaded, TM_I1));
  }
  if (op == TM_LOAD || op == TM_STORE) check_boundary(v);
  if (op == TM_ATOMIC_RMW) {
    int64_t rmw = tm_inst_int(v->ir, v->inst, TM_ATTR_RMW_OP, 0);
    if (rmw < TM_RMW_AND || rmw > TM_RMW_XCHG)
      fail(v, "%lld is not an atomic operation", (long long)rmw);
    else if (rmw != TM_RMW_XCHG &&
             (rmw == TM_RMW_FADD ? !is_float(loaded) : !is_int(loaded)))
      fail(v, "the operation does not apply to %s", show(v, loaded));
  }
}

/* An array of threadgroup memory, for the whole kernel: what it is a pointer
 * to must be there on every path. */
static void check_shared_alloc(verifier *v) {
  tm_type p = result(v, 0);
  int64_t count = tm_inst_int(v->ir, v->inst, TM_ATTR_COUNT, 0);
  if (p->kind != TM_TYPE_POINTER || p->address_space != TM_SPACE_SHARED ||
      p->element->kind != TM_TYPE_SCALAR)
    fail(v, "cannot allocate %s", show(v, p));
  if (count < 1 || count > INT32_MAX)
    fail(v, "%lld elements", (long long)count);
  if (tm_blk(v->ir, self(v)->block)->parent)
    fail(v, "must be at the top of a function, not in a branch or loop");
}

static void check_addptr(verifier *v) {
  tm_type p = operand(v, 0), o = operand(v, 1);
  if (!is_pointer(p) || is_block_pointer(p))
    fail(v, "operand 0 must be a pointer, is %s", show(v, p));
  else if (!is_int(o) || !same_shape(p, o))
    fail(v, "the offset of %s is %s", show(v, p), show(v, o));
}

/* count integers of a scalar type from operand `from` on. */
static void check_scalars(verifier *v, uint32_t from, uint32_t count,
                          tm_scalar s) {
  for (uint32_t o = from; o < from + count; o++)
    expect(v, "an index", operand(v, o), tm_type_scalar(v->ir, s));
}

static void check_block_pointer(verifier *v) {
  const tm_inst_data *i = self(v);
  if (i->op == TM_ADVANCE) {
    tm_type p = i->n_operands ? operand(v, 0) : NULL;
    if (!p || !is_block_pointer(p) || i->n_operands != 1 + p->element->rank) {
      fail(v, "takes a block pointer and an offset for each dimension");
      return;
    }
    check_scalars(v, 1, i->n_operands - 1, TM_I32);
    return;
  }
  tm_type p = result(v, 0), base;
  bool desc = i->op == TM_MAKE_TENSOR_DESC;
  if (desc ? p->kind != TM_TYPE_DESCRIPTOR : !is_block_pointer(p)) {
    fail(v, "cannot make %s", show(v, p));
    return;
  }
  uint32_t rank = p->element->rank;
  if (i->n_operands != 1 + rank * (desc ? 2 : 3)) {
    fail(v, "has %u operands for %u dimensions", i->n_operands, rank);
    return;
  }
  base = tm_type_pointer(v->ir, p->element->element,
                         operand(v, 0)->address_space);
  expect(v, "the base", operand(v, 0), base);
  check_scalars(v, 1, rank, desc ? TM_I32 : TM_I64);
  check_scalars(v, 1 + rank, rank, TM_I64);
  if (!desc) check_scalars(v, 1 + 2 * rank, rank, TM_I32);
}

/* Descriptors of any address space and element signedness are one type. */
static void check_descriptor(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_type d = i->n_operands ? operand(v, 0) : NULL;
  if (!d || d->kind != TM_TYPE_DESCRIPTOR) {
    fail(v, "operand 0 must be a descriptor");
    return;
  }
  tm_type block = d->element;
  if (i->op == TM_DESC_GATHER || i->op == TM_DESC_SCATTER) {
    tm_type rows = operand(v, 1);
    tm_type data = i->op == TM_DESC_GATHER ? result(v, 0) : operand(v, 3);
    check_scalars(v, 2, 1, TM_I32);
    if (block->rank != 2 || block->shape[0] != 1 || !tm_type_is_tensor(rows) ||
        rows->rank != 1 || !is_int(rows) || !tm_type_is_tensor(data) ||
        data->rank != 2 || data->shape[0] != rows->shape[0] ||
        data->shape[1] != block->shape[1] || data->element != block->element)
      fail(v, "%s and rows %s do not give %s", show(v, d), show(v, rows),
           show(v, data));
    return;
  }
  uint32_t from = i->op == TM_DESC_LOAD ? 1 : 2;
  if (i->n_operands != from + block->rank) {
    fail(v, "needs an index for each dimension of %s", show(v, d));
    return;
  }
  check_scalars(v, from, block->rank, TM_I32);
  tm_type data = from == 2 ? operand(v, 1) : result(v, 0);
  /* Leading extents of 1 may be dropped: upstream checks the element count
   * and the element only. */
  if (!tm_type_is_tensor(data) || data->element != block->element ||
      tm_type_numel(data) != tm_type_numel(block))
    fail(v, "%s does not hold %s", show(v, d), show(v, data));
}

/* ---- products --------------------------------------------------------- */

static void check_dot(verifier *v) {
  tm_type a = operand(v, 0), b = operand(v, 1), c = operand(v, 2);
  if (!tm_type_is_tensor(a) || !tm_type_is_tensor(b) ||
      !tm_type_is_tensor(c) || a->rank != b->rank || a->rank != c->rank ||
      a->rank < 2 || a->rank > 3) {
    fail(v, "operands must be tensors of rank 2 or 3");
    return;
  }
  uint32_t m = a->rank - 2, n = a->rank - 1;
  if (a->shape[n] != b->shape[m])
    fail(v, "operand 0 is %s, operand 1 is %s: %lld is not %lld",
         show_shape(v, a), show_shape(v, b), (long long)a->shape[n],
         (long long)b->shape[m]);
  int64_t product[3];
  product[0] = a->shape[0];
  product[m] = a->shape[m];
  product[n] = b->shape[n];
  tm_type want = tm_type_tensor(v->ir, c->element, a->rank, product);
  if (want != c || (m == 1 && b->shape[0] != a->shape[0]))
    fail(v, "accumulator is %s, product is %s", show_shape(v, c),
         show_shape(v, want));
  if (is_pointer(a) || is_pointer(b) || is_pointer(c) ||
      is_int(a) != is_int(c) || is_int(b) != is_int(c))
    fail(v, "%s by %s cannot add to %s", show(v, a->element),
         show(v, b->element), show(v, c->element));
}

static void check_dot_scaled(verifier *v) {
  const tm_attr *s = tm_inst_attr(v->ir, v->inst, TM_ATTR_SEGMENTS);
  const tm_inst_data *i = self(v);
  uint32_t scales = i->n_operands - 3;
  if (i->n_operands < 3 || i->n_operands > 5) {
    fail(v, "has %u operands", i->n_operands);
    return;
  }
  if (!s || s->kind != TM_ATTR_INTS || s->n_ints != 5 || s->ints[0] != 1 ||
      s->ints[1] != 1 || s->ints[2] != 1 || s->ints[3] < 0 || s->ints[4] < 0 ||
      s->ints[3] > 1 || s->ints[4] > 1 ||
      (uint64_t)(s->ints[3] + s->ints[4]) != scales) {
    fail(v, "operandSegmentSizes does not describe the operands");
    return;
  }
  for (uint32_t o = 0; o < i->n_operands; o++)
    if (!tm_type_is_tensor(operand(v, o)) || operand(v, o)->rank < 2)
      fail(v, "operand %u must be a tensor of rank 2 or more, is %s", o,
           show(v, operand(v, o)));
  expect(v, "the result", result(v, 0), operand(v, 2));
}

/* ---- structure -------------------------------------------------------- */

/* The last instruction of a block when it is of the op, else a message. */
static tm_inst terminator(verifier *v, tm_block b, tm_op op) {
  tm_inst last = tm_blk(v->ir, b)->last;
  if (last && tm_get(v->ir, last)->op == op) return last;
  fail(v, "a block ends in %s, must end in %s",
       last ? tm_op_infos[tm_get(v->ir, last)->op].name : "nothing",
       tm_op_infos[op].name);
  return 0;
}

static void check_values(verifier *v, const char *what, tm_inst from,
                         uint32_t skip, const tm_type *want, uint32_t n) {
  const tm_inst_data *i = tm_get(v->ir, from);
  if (i->n_operands != n + skip) {
    fail(v, "%s gives %u values, must give %u", what,
         i->n_operands >= skip ? i->n_operands - skip : 0, n);
    return;
  }
  for (uint32_t k = 0; k < n; k++) {
    tm_type have = tm_type_of(v->ir, i->operands[k + skip]);
    if (have != want[k])
      fail(v, "value %u of %s is %s, must be %s", k, what, show(v, have),
           show(v, want[k]));
  }
}

static tm_type *result_type_list(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_type *list = TM_NEW_ARRAY(v->ir->arena, tm_type, i->n_results + 1);
  for (uint32_t r = 0; r < i->n_results; r++) list[r] = result(v, r);
  return list;
}

static void check_args(verifier *v, tm_block b, const tm_type *want,
                       uint32_t n) {
  const tm_block_data *block = tm_blk(v->ir, b);
  if (block->n_args != n) {
    fail(v, "a block has %u arguments, must have %u", block->n_args, n);
    return;
  }
  for (uint32_t a = 0; a < n; a++) {
    tm_type have = tm_type_of(v->ir, block->args[a]);
    if (have != want[a])
      fail(v, "block argument %u is %s, must be %s", a, show(v, have),
           show(v, want[a]));
  }
}

static void check_for(verifier *v) {
  const tm_inst_data *i = self(v);
  if (i->n_operands < 3) {
    fail(v, "needs a lower bound, an upper bound and a step");
    return;
  }
  uint32_t carried = i->n_operands - 3;
  tm_type *want = TM_NEW_ARRAY(v->ir->arena, tm_type, carried + 1);
  want[0] = operand(v, 0);
  if (want[0]->kind != TM_TYPE_SCALAR || !is_int(want[0]))
    fail(v, "bounds must be integers, are %s", show(v, want[0]));
  expect(v, "the upper bound", operand(v, 1), want[0]);
  expect(v, "the step", operand(v, 2), want[0]);
  for (uint32_t c = 0; c < carried; c++) want[1 + c] = operand(v, 3 + c);
  check_args(v, i->regions[0], want, carried + 1);
  if (i->n_results != carried)
    fail(v, "carries %u values and has %u results", carried, i->n_results);
  for (uint32_t r = 0; r < i->n_results && r < carried; r++)
    expect(v, "a result", result(v, r), want[1 + r]);
  tm_inst end = terminator(v, i->regions[0], TM_YIELD);
  if (end) check_values(v, "scf.yield", end, 0, want + 1, carried);
}

static void check_if(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_type *want = result_type_list(v);
  expect(v, "the condition", operand(v, 0), tm_type_scalar(v->ir, TM_I1));
  for (uint32_t r = 0; r < 2; r++) {
    check_args(v, i->regions[r], NULL, 0);
    tm_inst end = terminator(v, i->regions[r], TM_YIELD);
    if (end) check_values(v, "scf.yield", end, 0, want, i->n_results);
  }
}

static void check_while(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_type *want = TM_NEW_ARRAY(v->ir->arena, tm_type, i->n_operands + 1);
  for (uint32_t o = 0; o < i->n_operands; o++) want[o] = operand(v, o);
  check_args(v, i->regions[0], want, i->n_operands);
  tm_type *out = result_type_list(v);
  check_args(v, i->regions[1], out, i->n_results);
  tm_inst end = terminator(v, i->regions[0], TM_CONDITION);
  if (end && tm_get(v->ir, end)->n_operands)
    check_values(v, "scf.condition", end, 1, out, i->n_results);
  end = terminator(v, i->regions[1], TM_YIELD);
  if (end) check_values(v, "scf.yield", end, 0, want, i->n_operands);
}

/* tt.reduce and tt.scan: element types twice in, once out; map_elementwise:
 * pack times in, pack times the results' elements out. */
static void check_combine(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_op op = i->op;
  bool map = op == TM_MAP_ELEMENTWISE;
  int64_t pack = map ? tm_inst_int(v->ir, v->inst, TM_ATTR_PACK, 1) : 2;
  uint32_t n = i->n_operands, outs = map ? i->n_results : n;
  if (n == 0 || n > 64 || outs > 64 || pack < 1 || pack > 64) {
    fail(v, "has %u operands", n);
    return;
  }
  uint32_t copies = (uint32_t)pack;
  tm_type *want = TM_NEW_ARRAY(v->ir->arena, tm_type, n * copies);
  for (uint32_t o = 0; o < n; o++) {
    tm_type t = operand(v, o);
    if (!tm_type_is_tensor(t) || !same_shape(t, operand(v, 0)))
      fail(v, "operand %u is %s, operand 0 is %s", o, show(v, t),
           show(v, operand(v, 0)));
    for (uint32_t c = 0; c < copies; c++)
      want[map ? o * copies + c : c * n + o] = tm_type_element(t);
  }
  check_args(v, i->regions[0], want, n * copies);
  tm_type *out = TM_NEW_ARRAY(v->ir->arena, tm_type, outs * copies + 1);
  for (uint32_t r = 0; r < outs; r++)
    for (uint32_t c = 0; c < (map ? copies : 1); c++)
      out[map ? r * copies + c : r] =
          tm_type_element(map ? result(v, r) : operand(v, r));
  tm_op end_op = op == TM_REDUCE ? TM_REDUCE_RETURN
                 : op == TM_SCAN ? TM_SCAN_RETURN
                                 : TM_MAP_ELEMENTWISE_RETURN;
  tm_inst end = terminator(v, i->regions[0], end_op);
  if (end)
    check_values(v, tm_op_infos[end_op].name, end, 0, out,
                 map ? outs * copies : outs);
  if (op == TM_SCAN && tm_type_is_tensor(operand(v, 0))) {
    int64_t axis = tm_inst_int(v->ir, v->inst, TM_ATTR_AXIS, -1);
    if (axis < 0 || axis >= operand(v, 0)->rank)
      fail(v, "axis %lld is out of range", (long long)axis);
  }
}

static void check_call(verifier *v) {
  const tm_inst_data *i = self(v);
  const tm_attr *callee = tm_inst_attr(v->ir, v->inst, TM_ATTR_CALLEE);
  const tm_func *found = NULL;
  for (uint32_t f = 0; f < v->ir->funcs.len; f++)
    if (strcmp(v->ir->funcs.data[f].name, callee->text) == 0)
      found = &v->ir->funcs.data[f];
  if (!found) {
    fail(v, "there is no function @%s", callee->text);
    return;
  }
  if (found->params.len != i->n_operands ||
      found->results.len != i->n_results) {
    fail(v, "@%s takes %u arguments and gives %u results", found->name,
         found->params.len, found->results.len);
    return;
  }
  for (uint32_t o = 0; o < i->n_operands; o++)
    expect(v, "an argument", operand(v, o), found->params.data[o].type);
  for (uint32_t r = 0; r < i->n_results; r++)
    expect(v, "a result", result(v, r), found->results.data[r]);
}

/* ---- one instruction -------------------------------------------------- */

/* Attributes without which an op has no meaning. */
static void check_attrs(verifier *v, tm_op op) {
  static const struct {
    tm_op op;
    tm_attr_key key;
    tm_attr_kind kind;
  } needed[] = {
    {TM_CONSTANT, TM_ATTR_VALUE, TM_ATTR_UNIT}, /* of either kind */
    {TM_CMPI, TM_ATTR_PREDICATE, TM_ATTR_INT},
    {TM_CMPF, TM_ATTR_PREDICATE, TM_ATTR_INT},
    {TM_GET_PROGRAM_ID, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_GET_NUM_PROGRAMS, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_MAKE_RANGE, TM_ATTR_START, TM_ATTR_INT},
    {TM_MAKE_RANGE, TM_ATTR_END, TM_ATTR_INT},
    {TM_SHARED_ALLOC, TM_ATTR_COUNT, TM_ATTR_INT},
    {TM_EXPAND_DIMS, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_TRANS, TM_ATTR_ORDER, TM_ATTR_INTS},
    {TM_REDUCE, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_SCAN, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_SCAN, TM_ATTR_REVERSE, TM_ATTR_INT},
    {TM_GATHER, TM_ATTR_AXIS, TM_ATTR_INT},
    {TM_ATOMIC_RMW, TM_ATTR_RMW_OP, TM_ATTR_INT},
    {TM_DESC_REDUCE, TM_ATTR_KIND, TM_ATTR_INT},
    {TM_EXTERN, TM_ATTR_SYMBOL, TM_ATTR_TEXT},
    {TM_INLINE_ASM, TM_ATTR_ASM, TM_ATTR_TEXT},
    {TM_ASSERT, TM_ATTR_MESSAGE, TM_ATTR_TEXT},
    {TM_PRINT, TM_ATTR_PREFIX, TM_ATTR_TEXT},
    {TM_CALL, TM_ATTR_CALLEE, TM_ATTR_TEXT},
    {TM_DOT_SCALED, TM_ATTR_A_TYPE, TM_ATTR_INT},
    {TM_DOT_SCALED, TM_ATTR_B_TYPE, TM_ATTR_INT},
  };
  for (size_t k = 0; k < TM_COUNT(needed); k++) {
    if (needed[k].op != op) continue;
    const tm_attr *a = tm_inst_attr(v->ir, v->inst, needed[k].key);
    if (!a || (a->kind != needed[k].kind && needed[k].kind != TM_ATTR_UNIT))
      fail(v, "the attribute %s is missing", tm_attr_infos[needed[k].key].name);
  }
  int64_t axis = tm_inst_int(v->ir, v->inst, TM_ATTR_AXIS, 0);
  if ((op == TM_GET_PROGRAM_ID || op == TM_GET_NUM_PROGRAMS) &&
      (axis < 0 || axis > 2))
    fail(v, "axis %lld is not x, y or z", (long long)axis);
  int64_t most = op == TM_CMPI ? TM_CMPI_UGE : TM_CMPF_TRUE;
  int64_t predicate = tm_inst_int(v->ir, v->inst, TM_ATTR_PREDICATE, 0);
  if (predicate < 0 || predicate > most)
    fail(v, "%lld is not a comparison", (long long)predicate);
}

/* Counts, operands that may be named here, regions, attributes, types. */
static bool check_structure(verifier *v) {
  const tm_inst_data *i = self(v);
  const tm_op_info *info = &tm_op_infos[i->op];
  bool before = v->ok;
  v->ok = true;
  if (info->operands >= 0 && i->n_operands != (uint32_t)info->operands)
    fail(v, "has %u operands, must have %d", i->n_operands, info->operands);
  if (info->results >= 0 && i->n_results != (uint32_t)info->results)
    fail(v, "has %u results, must have %d", i->n_results, info->results);
  if (i->n_regions != info->regions)
    fail(v, "has %u regions, must have %u", i->n_regions, info->regions);
  for (uint32_t r = 0; r < i->n_regions; r++)
    if (!i->regions[r] || i->regions[r] >= v->ir->blocks.len ||
        tm_blk(v->ir, i->regions[r])->parent != v->inst)
      fail(v, "region %u is not its own", r);
  for (uint32_t o = 0; o < i->n_operands; o++) {
    tm_value x = i->operands[o];
    if (x == 0 || x >= v->ir->values.len)
      fail(v, "operand %u is not a value", o);
    else if (!v->visible[x])
      fail(v, "operand %u is used where it is not defined", o);
  }
  for (uint32_t r = 0; r < i->n_results; r++) {
    if (i->results + r >= v->ir->values.len ||
        tm_val(v->ir, i->results + r)->def != v->inst)
      fail(v, "result %u belongs to another instruction", r);
    else check_type(v, result(v, r), "result", r);
  }
  check_attrs(v, i->op);
  bool good = v->ok;
  v->ok = v->ok && before;
  return good;
}

/* Result types against the rule of the table. */
static bool check_rule(verifier *v) {
  const tm_inst_data *i = self(v);
  tm_type types[TM_MAX_RESULTS];
  uint32_t n;
  const char *why;
  tm_rule_query query = {v->ir, i->op, i->n_operands, i->operands, i->n_attrs,
                         i->attrs};
  if (!tm_rule_infer(&query, types, &n, &why)) {
    if (why) fail(v, "%s", why);
    return why == NULL;
  }
  if (n != i->n_results) {
    fail(v, "has %u results, must have %u", i->n_results, n);
    return false;
  }
  for (uint32_t r = 0; r < n; r++) {
    if (result(v, r) == types[r]) continue;
    fail(v, "result %u is %s, must be %s", r, show(v, result(v, r)),
         show(v, types[r]));
    return false;
  }
  return true;
}

static void check_select(verifier *v) {
  tm_type c = operand(v, 0);
  if (operand(v, 1) != operand(v, 2))
    fail(v, "operand 1 is %s, operand 2 is %s", show(v, operand(v, 1)),
         show(v, operand(v, 2)));
  if (c != tm_type_scalar(v->ir, TM_I1))
    expect(v, "the condition", c, like(v, operand(v, 1), TM_I1));
}

static void check_inst_types(verifier *v) {
  const tm_inst_data *i = self(v);
  const tm_op_info *info = &tm_op_infos[i->op];
  if (!check_rule(v)) return;
  check_class(v);
  if (info->rule == TM_RULE_SAME || info->rule == TM_RULE_BOOL)
    check_equal_operands(v, 0);
  switch (i->op) {
  case TM_CONSTANT: check_constant(v); break;
  case TM_SELECT: check_select(v); break;
  case TM_EXTSI: case TM_EXTUI: case TM_TRUNCI: case TM_EXTF: case TM_TRUNCF:
  case TM_SITOFP: case TM_UITOFP: case TM_FPTOSI: case TM_FPTOUI:
  case TM_INDEX_CAST: case TM_ARITH_BITCAST: case TM_BITCAST:
  case TM_FP_TO_FP: case TM_PTR_TO_INT: case TM_INT_TO_PTR:
    check_cast(v);
    break;
  case TM_SPLAT: case TM_UNSPLAT: case TM_BROADCAST: case TM_RESHAPE:
  case TM_CAT: case TM_JOIN:
    check_shape_op(v);
    break;
  case TM_MAKE_RANGE: check_range(v); break;
  case TM_SHARED_ALLOC: check_shared_alloc(v); break;
  case TM_GATHER: check_gather(v); break;
  case TM_HISTOGRAM: check_histogram(v); break;
  case TM_ADDPTR: check_addptr(v); break;
  case TM_LOAD: case TM_STORE: case TM_ATOMIC_RMW: case TM_ATOMIC_CAS:
  case TM_ATOMIC_LOAD: case TM_ATOMIC_STORE:
    check_memory(v);
    break;
  case TM_MAKE_TENSOR_PTR: case TM_ADVANCE: case TM_MAKE_TENSOR_DESC:
    check_block_pointer(v);
    break;
  case TM_DESC_LOAD: case TM_DESC_STORE: case TM_DESC_REDUCE:
  case TM_DESC_GATHER: case TM_DESC_SCATTER:
    check_descriptor(v);
    break;
  case TM_DOT: check_dot(v); break;
  case TM_DOT_SCALED: check_dot_scaled(v); break;
  case TM_REDUCE: case TM_SCAN: case TM_MAP_ELEMENTWISE:
    check_combine(v);
    break;
  case TM_FOR: check_for(v); break;
  case TM_IF: check_if(v); break;
  case TM_WHILE: check_while(v); break;
  case TM_CALL: check_call(v); break;
  case TM_ASSUME: case TM_CONDITION:
    if (!i->n_operands) fail(v, "needs a condition");
    else expect(v, "the condition", operand(v, 0),
                tm_type_scalar(v->ir, TM_I1));
    break;
  case TM_ASSERT:
    if (!is_int(operand(v, 0)) ||
        tm_type_element(operand(v, 0))->scalar != TM_I1)
      fail(v, "the condition is %s", show(v, operand(v, 0)));
    break;
  case TM_CONVERT_LAYOUT:
    expect(v, "the result", result(v, 0), operand(v, 0));
    break;
  default:
    break;
  }
}

/* ---- blocks and functions --------------------------------------------- */

static void make_visible(verifier *v, tm_value x) {
  if (x >= v->ir->values.len) return;
  v->visible[x] = true;
  tm_push(v->ir->arena, &v->stack, x);
}

static void hide_to(verifier *v, uint32_t mark) {
  while (v->stack.len > mark) v->visible[v->stack.data[--v->stack.len]] = false;
}

static void check_block(verifier *v, tm_block b, uint32_t depth) {
  if (depth > TM_MAX_NEST) {
    fail(v, "regions nest deeper than %d", TM_MAX_NEST);
    return;
  }
  uint32_t mark = v->stack.len;
  const tm_block_data *block = tm_blk(v->ir, b);
  for (uint32_t a = 0; a < block->n_args; a++) {
    check_type(v, tm_type_of(v->ir, block->args[a]), "block argument", a);
    make_visible(v, block->args[a]);
  }
  TM_EACH_INST(v->ir, inst, b) {
    v->inst = inst;
    const tm_inst_data *i = tm_get(v->ir, inst);
    if (i->block != b) fail(v, "is linked into a block it is not in");
    if ((tm_op_infos[i->op].flags & TM_TERMINATOR) && i->next)
      fail(v, "is a terminator in the middle of a block");
    if (check_structure(v)) {
      for (uint32_t r = 0; r < i->n_regions; r++) {
        check_block(v, i->regions[r], depth + 1);
        v->inst = inst;
      }
      check_inst_types(v);
    }
    for (uint32_t r = 0; r < i->n_results; r++)
      make_visible(v, i->results + r);
  }
  hide_to(v, mark);
}

static void check_func(verifier *v, const tm_func *f) {
  v->inst = 0;
  check_block(v, f->body, 0);
  v->inst = tm_blk(v->ir, f->body)->last;
  if (!v->inst || self(v)->op != TM_RETURN) {
    fail(v, "the body of @%s must end in tt.return", f->name);
    return;
  }
  check_values(v, "tt.return", v->inst, 0, f->results.data, f->results.len);
  if (f->is_public && f->results.len)
    fail(v, "a kernel returns nothing, @%s returns %u values", f->name,
         f->results.len);
}

bool tm_ir_verify_as(const tm_ir *ir, tm_diags *diags, const char *after,
                     tm_diag_kind kind) {
  /* Asking the table for a type may add it; nothing else is written. */
  verifier v = {.ir = (tm_ir *)(uintptr_t)ir, .diags = diags, .after = after,
                .kind = kind, .ok = true};
  v.visible = TM_NEW_ARRAY(ir->arena, bool, ir->values.len);
  for (uint32_t f = 0; f < ir->funcs.len; f++)
    check_func(&v, &ir->funcs.data[f]);
  return v.ok;
}

bool tm_ir_verify(const tm_ir *ir, tm_diags *diags, const char *after) {
  return tm_ir_verify_as(ir, diags, after, TM_DIAG_INTERNAL);
}
