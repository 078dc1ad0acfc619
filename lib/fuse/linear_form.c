/* SPDX-License-Identifier: MIT */
/*
 * linear_form.c - which integers are linear, and whether addresses are apart.
 *
 *     %o = %pid * 128 + tt.make_range 0..128      128 p + e,  p < grid, e < 128
 *
 * A form is a sum of variables times constants: program ids, the two digits of
 * one of them (p / n and p % n, for grids that are folded), and the place of an
 * element in each dimension of its tile. The launch's numbers are constants
 * here; those that were used are reported, since the answer rests on them.
 *
 * Addresses are apart when the variables are digits of a number: sorted by
 * coefficient, each step is more than all smaller variables together reach.
 *
 *     128 p + e:  e reaches 127 < 128
 *
 * A mask bounds variables too. In a matrix of N columns the columns of the last
 * program stand over the row's end, and only the mask keeps them out of the
 * next row: with 64 q + c < N the two count as one variable below N.
 *
 *     N r + (64 q + c) where 64 q + c < N:  reaches N - 1 < N
 *
 * Sums are done in double, and given up when they leave the integers that it
 * holds, or the integer's own type, where they would wrap.
 */
#include "fuseint.h"

#include <math.h>

enum {
  PID = 0,        /* three */
  QUOTIENT = 3, REMAINDER = 4,
  DIM = 5,
  VARS = DIM + TM_MAX_RANK,
  MOST_LIMITS = 24,
  DEEPEST = 48
};

static const double MOST = 4503599627370496.0; /* 2^52 */

typedef struct form {
  bool known;
  int64_t constant;
  int64_t by[VARS];    /* coefficients */
  int64_t extent[VARS];/* variable i is 0 to extent[i] - 1, where by[i] */
} form;

struct tm_fuse_forms {
  tm_ir *ir;
  const tm_fuse_request *request;
  bool *is_used;
  form **known;        /* of values that there were; NULL: not asked */
  uint32_t n_values;
  int64_t divisor;     /* of the digits; 0: none yet */
  uint32_t divided;    /* the axis */
};

tm_fuse_forms *tm_fuse_forms_of(tm_ir *ir, const tm_fuse_request *request,
                                bool *is_used) {
  tm_fuse_forms *f = TM_NEW(ir->arena, tm_fuse_forms);
  f->ir = ir;
  f->request = request;
  f->is_used = is_used;
  f->n_values = ir->values.len;
  f->known = TM_NEW_ARRAY(ir->arena, form *, f->n_values + 1);
  return f;
}

/* ---- arithmetic ---------------------------------------------------------- */

static const form unknown = {0};

static form constant(int64_t x) {
  form f = {.known = true, .constant = x};
  return f;
}

static bool is_constant(const form *f) {
  for (uint32_t v = 0; v < VARS; v++)
    if (f->by[v]) return false;
  return f->known;
}

/* Least and greatest value. False when they are too large to tell. */
static bool range_of(const form *f, double *lo, double *hi) {
  *lo = *hi = (double)f->constant;
  for (uint32_t v = 0; v < VARS; v++) {
    if (!f->by[v]) continue;
    double most = (double)f->by[v] * (double)(f->extent[v] - 1);
    *(most < 0 ? lo : hi) += most;
  }
  return f->known && *lo > -MOST && *hi < MOST;
}

/* f, where all its values are of the type. */
static form in_type(form f, tm_type type) {
  double lo, hi;
  tm_type element = tm_type_element(type);
  if (!range_of(&f, &lo, &hi)) return unknown;
  if (element->kind != TM_TYPE_SCALAR) return f; /* pointers */
  double half = ldexp(1, (int)tm_scalar_bits(element->scalar) - 1);
  return lo >= -half && hi < half ? f : unknown;
}

static form scaled(const form *f, int64_t by) {
  form out = {.known = f->known};
  if (fabs((double)f->constant * (double)by) >= MOST) return unknown;
  out.constant = f->constant * by;
  for (uint32_t v = 0; v < VARS; v++) {
    if (fabs((double)f->by[v] * (double)by) >= MOST) return unknown;
    out.by[v] = f->by[v] * by;
    out.extent[v] = f->extent[v];
  }
  return out;
}

static form sum(const form *a, const form *b) {
  form out = {.known = a->known && b->known,
              .constant = a->constant + b->constant};
  for (uint32_t v = 0; v < VARS; v++) {
    out.by[v] = a->by[v] + b->by[v];
    out.extent[v] = a->by[v] ? a->extent[v] : b->extent[v];
  }
  return out;
}

static form product(const form *a, const form *b) {
  if (is_constant(b)) return scaled(a, b->constant);
  if (is_constant(a)) return scaled(b, a->constant);
  return unknown;
}

/* Is it a program id alone? */
static bool is_pid(const form *f, uint32_t *axis) {
  if (!f->known || f->constant) return false;
  uint32_t n = 0;
  for (uint32_t v = 0; v < VARS; v++) {
    if (!f->by[v]) continue;
    if (v >= PID + 3 || f->by[v] != 1) return false;
    *axis = v - PID;
    n++;
  }
  return n == 1;
}

/* x / n, or x % n, rounded towards zero. */
static form quotient(tm_fuse_forms *f, const form *x, const form *y,
                     bool remainder) {
  double lo, hi;
  uint32_t axis;
  if (!is_constant(y) || y->constant <= 0 || !range_of(x, &lo, &hi) || lo < 0)
    return unknown;
  int64_t n = y->constant;
  if (is_constant(x))
    return constant(remainder ? x->constant % n : x->constant / n);
  if (hi < (double)n) return remainder ? *x : constant(0);
  if (!is_pid(x, &axis) || (f->divisor && (f->divisor != n ||
                                           f->divided != axis)))
    return unknown;
  f->divisor = n;
  f->divided = axis;
  form out = {.known = true};
  uint32_t v = remainder ? REMAINDER : QUOTIENT;
  out.by[v] = 1;
  out.extent[v] = remainder ? n : (x->extent[PID + axis] + n - 1) / n;
  return out;
}

static form extremum(const form *x, const form *y, bool least) {
  if (!is_constant(x) || !is_constant(y)) return unknown;
  return (x->constant < y->constant) == least ? *x : *y;
}

/* ---- values -------------------------------------------------------------- */

static form ask(tm_fuse_forms *f, tm_value v, uint32_t depth);

static form of_argument(tm_fuse_forms *f, tm_value v) {
  const tm_func *func = &f->ir->funcs.data[0];
  const tm_value_data *data = tm_val(f->ir, v);
  if (data->block != func->body) return unknown;
  const tm_fuse_param *param = &f->request->params[data->index];
  if (data->type->kind == TM_TYPE_POINTER) return constant(0);
  if (!param->is_known) return unknown;
  f->is_used[data->index] = true;
  return constant(param->value);
}

/* Tile of the operand to tile of the result. */
static form reshaped(tm_fuse_forms *f, const tm_inst_data *i, form x) {
  tm_type from = tm_type_of(f->ir, i->operands[0]);
  tm_type to = tm_type_of(f->ir, i->results);
  form out = x;
  for (uint32_t d = 0; d < TM_MAX_RANK; d++)
    out.by[DIM + d] = out.extent[DIM + d] = 0;
  if (i->op == TM_SPLAT) return out;
  uint32_t axis = 0;
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (i->attrs[a].key == TM_ATTR_AXIS) axis = (uint32_t)i->attrs[a].i;
  for (uint32_t d = 0; d < to->rank; d++) {
    uint32_t s = d;
    if (i->op == TM_EXPAND_DIMS) {
      if (d == axis) continue;
      s = d > axis ? d - 1 : d;
    }
    if (from->shape[s] == 1) continue; /* it is at place 0 */
    out.by[DIM + d] = x.by[DIM + s];
    out.extent[DIM + d] = x.extent[DIM + s];
  }
  return out;
}

static form transposed(const tm_inst_data *i, form x) {
  form out = x;
  for (uint32_t a = 0; a < i->n_attrs; a++) {
    if (i->attrs[a].key != TM_ATTR_ORDER) continue;
    for (uint32_t d = 0; d < i->attrs[a].n_ints; d++) {
      out.by[DIM + d] = x.by[DIM + i->attrs[a].ints[d]];
      out.extent[DIM + d] = x.extent[DIM + i->attrs[a].ints[d]];
    }
    return out;
  }
  return unknown;
}

static form of_range(const tm_ir *ir, tm_inst inst) {
  form out = constant(tm_inst_int(ir, inst, TM_ATTR_START, 0));
  out.by[DIM] = 1;
  out.extent[DIM] = tm_inst_int(ir, inst, TM_ATTR_END, 0) - out.constant;
  return out;
}

static form of_pid(const tm_fuse_forms *f, tm_inst inst) {
  int64_t axis = tm_inst_int(f->ir, inst, TM_ATTR_AXIS, 0);
  if (axis < 0 || axis > 2) return unknown;
  form out = constant(0);
  if (f->request->grid[axis] == 1) return out;
  out.by[PID + axis] = 1;
  out.extent[PID + axis] = f->request->grid[axis];
  return out;
}

static form of_two(tm_fuse_forms *f, const tm_inst_data *i, uint32_t depth) {
  form x = ask(f, i->operands[0], depth), y = ask(f, i->operands[1], depth);
  if (!x.known || !y.known) return unknown;
  switch (i->op) {
  case TM_ADDI: case TM_ADDPTR: return sum(&x, &y);
  case TM_SUBI: y = scaled(&y, -1); return sum(&x, &y);
  case TM_MULI: return product(&x, &y);
  case TM_SHLI:
    if (!is_constant(&y) || y.constant < 0 || y.constant > 40) return unknown;
    return scaled(&x, (int64_t)1 << y.constant);
  case TM_DIVSI: case TM_DIVUI: return quotient(f, &x, &y, false);
  case TM_REMSI: case TM_REMUI: return quotient(f, &x, &y, true);
  case TM_MINSI: return extremum(&x, &y, true);
  case TM_MAXSI: return extremum(&x, &y, false);
  default: return unknown;
  }
}

static form of_inst(tm_fuse_forms *f, tm_inst inst, uint32_t depth) {
  const tm_inst_data *i = tm_get(f->ir, inst);
  switch (i->op) {
  case TM_GET_PROGRAM_ID: return of_pid(f, inst);
  case TM_GET_NUM_PROGRAMS:
    return constant(
        f->request->grid[tm_inst_int(f->ir, inst, TM_ATTR_AXIS, 0)]);
  case TM_MAKE_RANGE: return of_range(f->ir, inst);
  case TM_SPLAT: case TM_BROADCAST: case TM_EXPAND_DIMS:
    return reshaped(f, i, ask(f, i->operands[0], depth));
  case TM_TRANS: return transposed(i, ask(f, i->operands[0], depth));
  case TM_EXTSI: case TM_TRUNCI: case TM_INDEX_CAST:
    return ask(f, i->operands[0], depth);
  case TM_ADDI: case TM_ADDPTR: case TM_SUBI: case TM_MULI: case TM_SHLI:
  case TM_DIVSI: case TM_DIVUI: case TM_REMSI: case TM_REMUI: case TM_MINSI:
  case TM_MAXSI:
    return of_two(f, i, depth);
  default: return unknown;
  }
}

static form ask(tm_fuse_forms *f, tm_value v, uint32_t depth) {
  int64_t c;
  if (v < f->n_values && f->known[v]) return *f->known[v];
  form out = unknown;
  tm_inst def = tm_val(f->ir, v)->def;
  if (tm_value_const_int(f->ir, v, &c))
    out = constant(c);
  else if (!def)
    out = of_argument(f, v);
  else if (depth < DEEPEST)
    out = of_inst(f, def, depth + 1);
  out = in_type(out, tm_type_of(f->ir, v));
  if (v < f->n_values) {
    f->known[v] = TM_NEW(f->ir->arena, form);
    *f->known[v] = out;
  }
  return out;
}

/* ---- comparisons --------------------------------------------------------- */

/* Without min with a constant and max with 0, which the masks of block pointers
 * have: where 0 <= e < min(max(n - 16 p, 0), 16) also e < n - 16 p. */
static tm_value unclamped(const tm_ir *ir, tm_value v) {
  static const tm_op around[] = {TM_SPLAT, TM_TRUNCI, TM_MINSI, TM_MAXSI};
  int64_t c;
  for (uint32_t k = 0; k < TM_COUNT(around); k++) {
    tm_inst def = tm_val(ir, v)->def;
    if (!def || tm_get(ir, def)->op != around[k]) return 0;
    const tm_inst_data *i = tm_get(ir, def);
    bool clamps = around[k] == TM_MINSI || around[k] == TM_MAXSI;
    if (clamps && (!tm_value_const_int(ir, i->operands[1], &c) || c < 0 ||
                   c > (around[k] == TM_MINSI ? INT32_MAX : 0)))
      return 0;
    v = i->operands[0];
  }
  return v;
}

/* What is at most 0 where the comparison is true; false when it is none. */
static bool compared(tm_fuse_forms *f, tm_inst def, bool clamped, form *out) {
  const tm_inst_data *i = tm_get(f->ir, def);
  if (i->op != TM_CMPI) return false;
  bool swapped = false;
  int64_t less = 0;
  switch (tm_inst_int(f->ir, def, TM_ATTR_PREDICATE, -1)) {
  case TM_CMPI_SLT: less = 1; break;
  case TM_CMPI_SLE: break;
  case TM_CMPI_SGT: less = 1; swapped = true; break;
  case TM_CMPI_SGE: swapped = true; break;
  default: return false;
  }
  form left = ask(f, i->operands[swapped], 0);
  form right = ask(f, i->operands[!swapped], 0);
  double lo, hi;
  tm_value inside = clamped && less && range_of(&left, &lo, &hi) && lo >= 0
                        ? unclamped(f->ir, i->operands[!swapped]) : 0;
  if (inside) right = ask(f, inside, 0);
  if (!left.known || !right.known) return false;
  right = scaled(&right, -1);
  *out = sum(&left, &right);
  out->constant += less;
  return out->known;
}

typedef struct limits {
  bool clamped;        /* look behind clamps */
  form list[MOST_LIMITS];
  uint32_t n;
} limits;

/* Adds what is at most 0 where the condition is true, for all comparisons in
 * it. False when there is something else in it, too. */
static bool add_limits(tm_fuse_forms *f, tm_value condition, uint32_t depth,
                       limits *out) {
  tm_inst def = tm_val(f->ir, condition)->def;
  if (!def || depth > DEEPEST || out->n == MOST_LIMITS) return false;
  const tm_inst_data *i = tm_get(f->ir, def);
  uint32_t first = out->n;
  bool all;
  switch (i->op) {
  case TM_ANDI:
    all = add_limits(f, i->operands[0], depth + 1, out);
    return add_limits(f, i->operands[1], depth + 1, out) && all;
  case TM_BROADCAST: case TM_EXPAND_DIMS: case TM_SPLAT:
    all = add_limits(f, i->operands[0], depth + 1, out);
    for (; first < out->n; first++)
      out->list[first] = reshaped(f, i, out->list[first]);
    return all;
  default:
    if (!compared(f, def, out->clamped, &out->list[out->n])) return false;
    out->n++;
    return true;
  }
}

/* Is b at least a everywhere? */
static bool is_below(const form *a, const form *b) {
  double lo, hi;
  form minus = scaled(b, -1);
  form difference = sum(a, &minus);
  return range_of(&difference, &lo, &hi) && hi <= 0;
}

bool tm_fuse_implies(tm_fuse_forms *f, const tm_value *from, uint32_t n,
                     tm_value condition) {
  limits *given = TM_NEW(f->ir->arena, limits);
  limits *wanted = TM_NEW(f->ir->arena, limits);
  given->clamped = true;
  if (!add_limits(f, condition, 0, wanted)) return false;
  for (uint32_t i = 0; i < n; i++) add_limits(f, from[i], 0, given);
  for (uint32_t w = 0; w < wanted->n; w++) {
    double lo, hi;
    bool holds = range_of(&wanted->list[w], &lo, &hi) && hi <= 0;
    for (uint32_t g = 0; !holds && g < given->n; g++)
      holds = is_below(&wanted->list[w], &given->list[g]);
    if (!holds) return false;
  }
  return true;
}

bool tm_fuse_is_same(tm_fuse_forms *f, tm_value a, tm_value b) {
  if (a == b) return true;
  if (tm_type_of(f->ir, a) != tm_type_of(f->ir, b)) return false;
  form x = ask(f, a, 0), y = ask(f, b, 0);
  if (!x.known || !y.known || x.constant != y.constant) return false;
  for (uint32_t v = 0; v < VARS; v++)
    if (x.by[v] != y.by[v]) return false;
  return true;
}

/* ---- apart --------------------------------------------------------------- */

typedef struct digit {
  double by, extent;   /* coefficient, without its sign */
} digit;

/* Is each coefficient more than all smaller digits reach? */
static bool are_digits(digit *d, uint32_t n) {
  double reach = 0;
  for (uint32_t i = 0; i < n; i++) { /* by insertion: there are few */
    digit x = d[i];
    uint32_t k = i;
    for (; k && d[k - 1].by > x.by; k--) d[k] = d[k - 1];
    d[k] = x;
  }
  for (uint32_t i = 0; i < n; i++) {
    if (d[i].by <= reach) return false;
    reach += d[i].by * (d[i].extent - 1);
  }
  return reach < MOST;
}

/* The variables of a limit count as one in the address: do they enter it in
 * the same proportion, and are they digits? *times is the proportion. */
static bool is_one(const form *address, const form *limited,
                   const bool *is_gone, double *times) {
  digit digits[VARS];
  uint32_t n = 0;
  for (uint32_t v = 0; v < VARS; v++) {
    if (!limited->by[v]) continue;
    if (is_gone[v] || address->by[v] % limited->by[v]) return false;
    double ratio = (double)(address->by[v] / limited->by[v]);
    if (ratio == 0 || (n && ratio != *times)) return false;
    *times = ratio;
    digits[n++] = (digit){fabs((double)limited->by[v]),
                          (double)limited->extent[v]};
  }
  return n && are_digits(digits, n);
}

/* Takes the variables that a limit bounds out of the address, as one digit. */
static void bound(const form *address, const form *limit, bool *is_gone,
                  digit *digits, uint32_t *n) {
  double lo, hi, times = 0;
  if (!is_one(address, limit, is_gone, &times) || !range_of(limit, &lo, &hi))
    return;
  if (hi > 0) hi = 0;
  digits[*n] = (digit){fabs(times), hi < lo ? 1 : hi - lo + 1};
  ++*n;
  for (uint32_t v = 0; v < VARS; v++)
    if (limit->by[v]) is_gone[v] = true;
}

/* Does every program have its own value of the variables in the address? */
static bool has_programs(const tm_fuse_forms *f, const form *address,
                         const char **why) {
  bool digits = address->by[QUOTIENT] || address->by[REMAINDER];
  static const char *const axes[3] = {
    "program_id(0) does not enter its address",
    "program_id(1) does not enter its address",
    "program_id(2) does not enter its address"};
  for (uint32_t a = 0; a < 3; a++) {
    if (f->request->grid[a] == 1) continue;
    bool both = digits && f->divided == a;
    bool in = both ? address->by[QUOTIENT] && address->by[REMAINDER] &&
                         !address->by[PID + a]
                   : address->by[PID + a] != 0;
    if (in) continue;
    *why = axes[a];
    return false;
  }
  return true;
}

static bool are_apart(const form *address, const limits *masks) {
  bool is_gone[VARS] = {false};
  digit digits[2 * VARS];
  uint32_t n = 0;
  for (uint32_t i = 0; masks && i < masks->n && n < VARS; i++)
    bound(address, &masks->list[i], is_gone, digits, &n);
  for (uint32_t v = 0; v < VARS; v++)
    if (address->by[v] && !is_gone[v])
      digits[n++] = (digit){fabs((double)address->by[v]),
                            (double)address->extent[v]};
  return are_digits(digits, n);
}

bool tm_fuse_is_apart(tm_fuse_forms *f, tm_value pointer,
                      const tm_value *masks, uint32_t n_masks,
                      const char **why) {
  form address = ask(f, pointer, 0);
  *why = "its address is not a sum of program ids and ranges times numbers "
         "of the launch";
  if (!address.known || !has_programs(f, &address, why)) return false;
  tm_type type = tm_type_of(f->ir, pointer);
  for (uint32_t d = 0; tm_type_is_tensor(type) && d < type->rank; d++) {
    if (type->shape[d] == 1 || address.by[DIM + d]) continue;
    *why = "several elements of its tile have one address";
    return false;
  }
  *why = "two of its elements, or of its programs', may have one address";
  if (are_apart(&address, NULL)) return true;
  limits *l = TM_NEW(f->ir->arena, limits);
  l->clamped = true;
  for (uint32_t m = 0; m < n_masks; m++) add_limits(f, masks[m], 0, l);
  return are_apart(&address, l);
}
