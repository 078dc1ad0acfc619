/* SPDX-License-Identifier: MIT */
/*
 * value.c - compile-time values: making, describing, and Python's arithmetic
 * on them. Integers are exact; what leaves 128 bits is an error.
 */
#include "value.h"

#include <math.h>

const tm_lvalue tm_lv_poison_value = {.kind = TM_LV_POISON};
const tm_lvalue tm_lv_none_value = {.kind = TM_LV_NONE};
const tm_lvalue tm_lv_true_value = {.kind = TM_LV_BOOL, .b = true};
const tm_lvalue tm_lv_false_value = {.kind = TM_LV_BOOL, .b = false};
const tm_lvalue tm_lv_ellipsis_value = {.kind = TM_LV_ELLIPSIS};

static tm_lvalue *make(tm_low *l, tm_lv_kind kind) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = kind;
  return v;
}

tm_lv tm_lv_bool(bool b) {
  return b ? &tm_lv_true_value : &tm_lv_false_value;
}

tm_lv tm_lv_int(tm_low *l, tm_wide i) {
  tm_lvalue *v = make(l, TM_LV_INT);
  v->i = i;
  return v;
}

tm_lv tm_lv_float(tm_low *l, double f) {
  tm_lvalue *v = make(l, TM_LV_FLOAT);
  v->f = f;
  return v;
}

tm_lv tm_lv_text(tm_low *l, const char *text, size_t n) {
  tm_lvalue *v = make(l, TM_LV_TEXT);
  v->text = (tm_str){text, n};
  return v;
}

tm_lv tm_lv_tuple(tm_low *l, const tm_lv *items, uint32_t n) {
  tm_lvalue *v = make(l, TM_LV_TUPLE);
  tm_lv *copy = TM_NEW_ARRAY(l->arena, tm_lv, n ? n : 1);
  if (n) memcpy(copy, items, n * sizeof copy[0]);
  v->items = copy;
  v->n_items = n;
  return v;
}

tm_lv tm_lv_tuple_like(tm_low *l, tm_lv like, const tm_lv *items) {
  tm_lvalue *v = (tm_lvalue *)(uintptr_t)tm_lv_tuple(l, items, like->n_items);
  v->is_static = like->is_static;
  v->record = like->record;
  return v;
}

tm_lv tm_lv_type(tm_low *l, tm_ltype type) {
  tm_lvalue *v = make(l, TM_LV_TYPE);
  v->type = type;
  return v;
}

tm_lv tm_lv_run(tm_low *l, tm_value value, tm_ltype type) {
  tm_lvalue *v = make(l, TM_LV_RUN);
  v->value = value;
  v->type = type;
  return v;
}

tm_lv tm_lv_descriptor(tm_low *l, tm_value value, tm_ltype type,
                       tm_lv parts) {
  tm_lvalue *v = (tm_lvalue *)(uintptr_t)tm_lv_run(l, value, type);
  v->self = parts;
  return v;
}

tm_lv tm_lv_unbound(tm_low *l, const char *why) {
  tm_lvalue *v = make(l, TM_LV_UNBOUND);
  v->text = tm_cstr(why);
  return v;
}

tm_lv tm_lv_opaque(tm_low *l, const char *what) {
  tm_lvalue *v = make(l, TM_LV_OPAQUE);
  v->text = tm_cstr(what);
  return v;
}

bool tm_lv_is_number(tm_lv v) {
  return v->kind == TM_LV_BOOL || v->kind == TM_LV_INT ||
         v->kind == TM_LV_FLOAT;
}

bool tm_lv_has_run(tm_lv v) {
  if (v->kind == TM_LV_RUN) return true;
  if (v->kind == TM_LV_TUPLE || v->kind == TM_LV_DICT)
    for (uint32_t i = 0; i < v->n_items; i++)
      if (tm_lv_has_run(v->items[i])) return true;
  return false;
}

bool tm_lv_truth(tm_lv v, bool *out) {
  switch (v->kind) {
  case TM_LV_NONE: *out = false; return true;
  case TM_LV_BOOL: *out = v->b; return true;
  case TM_LV_INT: *out = v->i != 0; return true;
  case TM_LV_FLOAT: *out = v->f != 0; return true;
  case TM_LV_TEXT: *out = v->text.len != 0; return true;
  case TM_LV_TUPLE:
  case TM_LV_DICT: *out = v->n_items != 0; return true;
  case TM_LV_TYPE:
  case TM_LV_CLASS:
  case TM_LV_FUNCTION:
  case TM_LV_BUILTIN:
  case TM_LV_MODULE:
  case TM_LV_SPACE:
    *out = true;
    return true;
  default:
    return false;
  }
}

/* ---- as text ------------------------------------------------------------ */

static void print_wide(tm_buf *out, tm_wide i) {
  char digits[48];
  int n = 0;
  bool negative = i < 0;
  do {
    int digit = (int)(i % 10);
    digits[n++] = (char)('0' + (digit < 0 ? -digit : digit));
    i /= 10;
  } while (i);
  if (negative) tm_buf_puts(out, "-");
  while (n) tm_buf_add(out, &digits[--n], 1);
}

static void print_quoted(tm_low *l, tm_buf *out, tm_lv v) {
  if (v->kind == TM_LV_TEXT) {
    tm_buf_puts(out, "'");
    tm_buf_add(out, v->text.ptr, v->text.len);
    tm_buf_puts(out, "'");
  } else {
    tm_lv_print(l, out, v);
  }
}

void tm_lv_print(tm_low *l, tm_buf *out, tm_lv v) {
  switch (v->kind) {
  case TM_LV_NONE: tm_buf_puts(out, "None"); return;
  case TM_LV_BOOL: tm_buf_puts(out, v->b ? "True" : "False"); return;
  case TM_LV_INT: print_wide(out, v->i); return;
  case TM_LV_FLOAT: tm_buf_double(out, v->f, false); return;
  case TM_LV_TEXT: tm_buf_add(out, v->text.ptr, v->text.len); return;
  case TM_LV_TUPLE:
    tm_buf_puts(out, v->is_static ? "[" : "(");
    for (uint32_t i = 0; i < v->n_items; i++) {
      if (i) tm_buf_puts(out, ", ");
      print_quoted(l, out, v->items[i]);
    }
    if (v->n_items == 1 && !v->is_static) tm_buf_puts(out, ",");
    tm_buf_puts(out, v->is_static ? "]" : ")");
    return;
  case TM_LV_TYPE: tm_buf_puts(out, tm_lt_text(l, v->type)); return;
  default: tm_buf_puts(out, tm_lv_describe(l, v)); return;
  }
}

/* "a tuple (int32, 5)", "a P (fp32[16], None)". */
static const char *describe_tuple(tm_low *l, tm_lv v) {
  enum { SHOWN = 6 };
  tm_buf out = tm_buf_in(l->arena);
  tm_buf_printf(&out, "a %s (", v->record      ? v->record->name
                                : v->is_static ? "list"
                                               : "tuple");
  for (uint32_t i = 0; i < v->n_items && i < SHOWN; i++) {
    if (i) tm_buf_puts(&out, ", ");
    if (tm_lv_is_number(v->items[i]))
      tm_lv_print(l, &out, v->items[i]);
    else
      tm_buf_puts(&out, tm_lv_describe(l, v->items[i]));
  }
  if (v->n_items > SHOWN)
    tm_buf_printf(&out, ", ... %u items", v->n_items);
  tm_buf_puts(&out, ")");
  return tm_buf_text(&out);
}

static const char *describe_shared(tm_low *l, tm_lv v) {
  tm_buf out = tm_buf_in(l->arena);
  tm_buf_printf(&out, "shared memory %s[", tm_lt_text(l, v->type));
  for (uint32_t d = 0; d < v->n_items; d++)
    tm_buf_printf(&out, d ? ", %lld" : "%lld", (long long)v->items[d]->i);
  tm_buf_puts(&out, "]");
  return tm_buf_text(&out);
}

const char *tm_lv_describe(tm_low *l, tm_lv v) {
  switch (v->kind) {
  case TM_LV_RUN:
    return tm_lt_text(l, v->type);
  case TM_LV_FUNCTION:
    return tm_low_format(l, "function %s", v->function->name);
  case TM_LV_BUILTIN:
    return tm_low_format(l, "function tl.%s", v->row->name);
  case TM_LV_TYPE:
    return tm_low_format(l, "the type %s", tm_lt_text(l, v->type));
  case TM_LV_MODULE:
    return tm_low_format(l, "module %s", v->module->name);
  case TM_LV_TEXT:
    return tm_low_format(l, "the string '%.*s'",
                         (int)(v->text.len > 40 ? 40 : v->text.len),
                         v->text.ptr);
  case TM_LV_TUPLE: return describe_tuple(l, v);
  case TM_LV_DICT: return "a dict";
  case TM_LV_CLASS: return tm_low_format(l, "class %s", v->record->name);
  case TM_LV_SPACE: return "a module";
  case TM_LV_SHARED: return describe_shared(l, v);
  case TM_LV_SLICE: return "a slice";
  case TM_LV_ELLIPSIS: return "...";
  case TM_LV_RANGE: return "a range";
  case TM_LV_OPAQUE:
    return tm_low_format(l, "%.*s", (int)v->text.len, v->text.ptr);
  case TM_LV_POISON: case TM_LV_UNBOUND: return "an unassigned name";
  default: break;
  }
  tm_buf out = tm_buf_in(l->arena);
  tm_buf_puts(&out, "the constant ");
  tm_lv_print(l, &out, v);
  return tm_buf_text(&out);
}

/* ---- equality ----------------------------------------------------------- */

static double as_double(tm_lv v) {
  if (v->kind == TM_LV_BOOL) return v->b;
  return v->kind == TM_LV_INT ? (double)v->i : v->f;
}

static tm_wide as_wide(tm_lv v) {
  return v->kind == TM_LV_BOOL ? (tm_wide)v->b : v->i;
}

bool tm_lv_equal(tm_lv a, tm_lv b) {
  if (a == b) return a->kind != TM_LV_FLOAT || a->f == a->f;
  if (tm_lv_is_number(a) && tm_lv_is_number(b)) {
    if (a->kind == TM_LV_FLOAT || b->kind == TM_LV_FLOAT)
      return as_double(a) == as_double(b);
    return as_wide(a) == as_wide(b);
  }
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case TM_LV_NONE: case TM_LV_ELLIPSIS: return true;
  case TM_LV_TEXT: return tm_str_eq(a->text, b->text);
  case TM_LV_TYPE: return a->type == b->type;
  case TM_LV_FUNCTION: return a->function == b->function && a->self == b->self;
  case TM_LV_CLASS: return a->record == b->record;
  case TM_LV_BUILTIN: return a->row == b->row && a->self == b->self;
  case TM_LV_MODULE: return a->module == b->module;
  case TM_LV_SPACE: return a->space == b->space;
  case TM_LV_RUN: return a->value == b->value;
  case TM_LV_TUPLE:
    if (a->n_items != b->n_items ||
        !tm_record_same(a->record, b->record))
      return false;
    for (uint32_t i = 0; i < a->n_items; i++)
      if (!tm_lv_equal(a->items[i], b->items[i])) return false;
    return true;
  default: return false;
  }
}

/* ---- arithmetic --------------------------------------------------------- */

const char *tm_lv_op_text(tm_py_op op) {
  static const char *const texts[] = {
    [TM_PY_ADD] = "+", [TM_PY_SUB] = "-", [TM_PY_MUL] = "*",
    [TM_PY_DIV] = "/", [TM_PY_FLOORDIV] = "//", [TM_PY_MOD] = "%",
    [TM_PY_POW] = "**", [TM_PY_MATMUL] = "@", [TM_PY_AND] = "&",
    [TM_PY_OR] = "|", [TM_PY_XOR] = "^", [TM_PY_SHL] = "<<",
    [TM_PY_SHR] = ">>", [TM_PY_NEG] = "-", [TM_PY_POS] = "+",
    [TM_PY_INVERT] = "~", [TM_PY_NOT] = "not", [TM_PY_EQ] = "==",
    [TM_PY_NE] = "!=", [TM_PY_LT] = "<", [TM_PY_LE] = "<=", [TM_PY_GT] = ">",
    [TM_PY_GE] = ">=", [TM_PY_IS] = "is", [TM_PY_IS_NOT] = "is not",
    [TM_PY_IN] = "in", [TM_PY_NOT_IN] = "not in"};
  return (size_t)op < TM_COUNT(texts) && texts[op] ? texts[op] : "?";
}

static const char too_wide[] = "the integer result does not fit 128 bits";

static tm_wide floor_div(tm_wide a, tm_wide b) {
  tm_wide q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

static tm_lv fold_power(tm_low *l, tm_wide base, tm_wide exponent,
                        const char **why) {
  if (exponent < 0) {
    if (base == 0) {
      *why = "0 cannot be raised to a negative power";
      return NULL;
    }
    return tm_lv_float(l, pow((double)base, (double)exponent));
  }
  tm_wide result = 1;
  if (base == 0 || base == 1) return tm_lv_int(l, exponent ? base : 1);
  if (base == -1) return tm_lv_int(l, exponent & 1 ? -1 : 1);
  for (; exponent > 0; exponent--)
    if (__builtin_mul_overflow(result, base, &result)) {
      *why = too_wide;
      return NULL;
    }
  return tm_lv_int(l, result);
}

static tm_lv fold_shift(tm_low *l, tm_py_op op, tm_wide a, tm_wide b,
                        const char **why) {
  if (b < 0) {
    *why = "the shift count is negative";
    return NULL;
  }
  if (op == TM_PY_SHR) {
    if (b > 126) return tm_lv_int(l, a < 0 ? -1 : 0);
    return tm_lv_int(l, floor_div(a, (tm_wide)1 << b));
  }
  tm_wide result;
  if (a == 0) return tm_lv_int(l, 0);
  if (b > 126 || __builtin_mul_overflow(a, (tm_wide)1 << b, &result)) {
    *why = too_wide;
    return NULL;
  }
  return tm_lv_int(l, result);
}

static tm_lv fold_ints(tm_low *l, tm_py_op op, tm_wide a, tm_wide b,
                       const char **why) {
  tm_wide r = 0;
  bool over = false;
  switch (op) {
  case TM_PY_ADD: over = __builtin_add_overflow(a, b, &r); break;
  case TM_PY_SUB: over = __builtin_sub_overflow(a, b, &r); break;
  case TM_PY_MUL: over = __builtin_mul_overflow(a, b, &r); break;
  case TM_PY_DIV:
  case TM_PY_FLOORDIV:
  case TM_PY_MOD:
    if (b == 0) {
      *why = "division by zero";
      return NULL;
    }
    if (op == TM_PY_DIV) return tm_lv_float(l, (double)a / (double)b);
    if (b == -1) { /* the one quotient that can overflow */
      if (op == TM_PY_MOD) return tm_lv_int(l, 0);
      over = __builtin_sub_overflow((tm_wide)0, a, &r);
      break;
    }
    r = op == TM_PY_FLOORDIV ? floor_div(a, b) : a - floor_div(a, b) * b;
    break;
  case TM_PY_POW: return fold_power(l, a, b, why);
  case TM_PY_AND: r = a & b; break;
  case TM_PY_OR: r = a | b; break;
  case TM_PY_XOR: r = a ^ b; break;
  case TM_PY_SHL:
  case TM_PY_SHR: return fold_shift(l, op, a, b, why);
  case TM_PY_EQ: return tm_lv_bool(a == b);
  case TM_PY_NE: return tm_lv_bool(a != b);
  case TM_PY_LT: return tm_lv_bool(a < b);
  case TM_PY_LE: return tm_lv_bool(a <= b);
  case TM_PY_GT: return tm_lv_bool(a > b);
  case TM_PY_GE: return tm_lv_bool(a >= b);
  default:
    *why = "these are integers";
    return NULL;
  }
  if (over) {
    *why = too_wide;
    return NULL;
  }
  return tm_lv_int(l, r);
}

static tm_lv fold_floats(tm_low *l, tm_py_op op, double a, double b,
                         const char **why) {
  switch (op) {
  case TM_PY_ADD: return tm_lv_float(l, a + b);
  case TM_PY_SUB: return tm_lv_float(l, a - b);
  case TM_PY_MUL: return tm_lv_float(l, a * b);
  case TM_PY_DIV:
  case TM_PY_FLOORDIV:
  case TM_PY_MOD:
    if (b == 0) {
      *why = "division by zero";
      return NULL;
    }
    if (op == TM_PY_DIV) return tm_lv_float(l, a / b);
    double rest = fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
    if (op == TM_PY_MOD) return tm_lv_float(l, rest);
    return tm_lv_float(l, floor((a - rest) / b + 0.5));
  case TM_PY_POW: return tm_lv_float(l, pow(a, b));
  case TM_PY_EQ: return tm_lv_bool(a == b);
  case TM_PY_NE: return tm_lv_bool(a != b);
  case TM_PY_LT: return tm_lv_bool(a < b);
  case TM_PY_LE: return tm_lv_bool(a <= b);
  case TM_PY_GT: return tm_lv_bool(a > b);
  case TM_PY_GE: return tm_lv_bool(a >= b);
  default:
    *why = "one of them is a float";
    return NULL;
  }
}

static int compare_text(tm_str a, tm_str b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
  if (order) return order;
  return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static tm_lv fold_texts(tm_low *l, tm_py_op op, tm_str a, tm_str b,
                        const char **why) {
  int order = compare_text(a, b);
  switch (op) {
  case TM_PY_ADD: {
    tm_buf out = tm_buf_in(l->arena);
    tm_buf_add(&out, a.ptr, a.len);
    tm_buf_add(&out, b.ptr, b.len);
    return tm_lv_text(l, tm_buf_text(&out), out.len);
  }
  case TM_PY_LT: return tm_lv_bool(order < 0);
  case TM_PY_LE: return tm_lv_bool(order <= 0);
  case TM_PY_GT: return tm_lv_bool(order > 0);
  case TM_PY_GE: return tm_lv_bool(order >= 0);
  default:
    *why = "these are strings";
    return NULL;
  }
}

enum { LONGEST_TUPLE = 4096 }; /* shapes and operand lists are far shorter */

static tm_lv fold_tuples(tm_low *l, tm_py_op op, tm_lv a, tm_lv b,
                         const char **why) {
  if (op == TM_PY_MUL && a->kind != TM_LV_TUPLE) {
    tm_lv other = a;
    a = b;
    b = other;
  }
  TM_VEC(tm_lv) items = {0};
  if (op == TM_PY_ADD && b->kind == TM_LV_TUPLE) {
    for (uint32_t i = 0; i < a->n_items; i++)
      tm_push(l->arena, &items, a->items[i]);
    for (uint32_t i = 0; i < b->n_items; i++)
      tm_push(l->arena, &items, b->items[i]);
  } else if (op == TM_PY_MUL &&
             (b->kind == TM_LV_INT || b->kind == TM_LV_BOOL)) {
    tm_wide times = as_wide(b);
    if (times > 0 && a->n_items && times > LONGEST_TUPLE / a->n_items) {
      *why = "the result has too many items";
      return NULL;
    }
    for (tm_wide n = 0; n < times; n++)
      for (uint32_t i = 0; i < a->n_items; i++)
        tm_push(l->arena, &items, a->items[i]);
  } else {
    *why = "one of them is a tuple";
    return NULL;
  }
  if (items.len > LONGEST_TUPLE) {
    *why = "the result has too many items";
    return NULL;
  }
  tm_lv made = tm_lv_tuple(l, items.data, items.len);
  ((tm_lvalue *)(uintptr_t)made)->is_static = a->is_static;
  return made;
}

/* Tuples in Python's order: by their first items that are not equal. */
static tm_lv compare_tuples(tm_low *l, tm_py_op op, tm_lv a, tm_lv b,
                            const char **why) {
  uint32_t n = a->n_items < b->n_items ? a->n_items : b->n_items, i = 0;
  while (i < n && tm_lv_equal(a->items[i], b->items[i])) i++;
  if (i == n) return fold_ints(l, op, a->n_items, b->n_items, why);
  if (tm_lv_is_run(a->items[i]) || tm_lv_is_run(b->items[i])) {
    *why = "their items are not known at compile time";
    return NULL;
  }
  return tm_lv_fold(l, op, a->items[i], b->items[i], why);
}

static bool is_order(tm_py_op op) {
  return op == TM_PY_LT || op == TM_PY_LE || op == TM_PY_GT || op == TM_PY_GE;
}

static tm_lv fold_in(tm_lv item, tm_lv in, const char **why) {
  if (in->kind == TM_LV_TUPLE) {
    for (uint32_t i = 0; i < in->n_items; i++)
      if (tm_lv_equal(item, in->items[i])) return tm_lv_bool(true);
    return tm_lv_bool(false);
  }
  if (in->kind == TM_LV_DICT) return tm_lv_bool(tm_dict_find(in, item) != NULL);
  if (in->kind == TM_LV_TEXT && item->kind == TM_LV_TEXT) {
    for (size_t at = 0; at + item->text.len <= in->text.len; at++)
      if (memcmp(in->text.ptr + at, item->text.ptr, item->text.len) == 0)
        return tm_lv_bool(true);
    return tm_lv_bool(false);
  }
  *why = "the right side is not a tuple";
  return NULL;
}

tm_lv tm_lv_fold(tm_low *l, tm_py_op op, tm_lv a, tm_lv b, const char **why) {
  *why = "they do not go together";
  if (op == TM_PY_IN || op == TM_PY_NOT_IN) {
    tm_lv found = fold_in(a, b, why);
    if (!found || op == TM_PY_IN) return found;
    return tm_lv_bool(!found->b);
  }
  if (tm_lv_is_number(a) && tm_lv_is_number(b)) {
    bool bools = a->kind == TM_LV_BOOL && b->kind == TM_LV_BOOL;
    if (a->kind == TM_LV_FLOAT || b->kind == TM_LV_FLOAT)
      return fold_floats(l, op, as_double(a), as_double(b), why);
    tm_lv r = fold_ints(l, op, as_wide(a), as_wide(b), why);
    if (r && bools && (op == TM_PY_AND || op == TM_PY_OR || op == TM_PY_XOR))
      return tm_lv_bool(r->i != 0);
    return r;
  }
  if (op == TM_PY_MOD && a->kind == TM_LV_TEXT) return tm_text_percent(l, a, b);
  if (op == TM_PY_EQ) return tm_lv_bool(tm_lv_equal(a, b));
  if (op == TM_PY_NE) return tm_lv_bool(!tm_lv_equal(a, b));
  if (a->kind == TM_LV_TEXT && b->kind == TM_LV_TEXT)
    return fold_texts(l, op, a->text, b->text, why);
  if (a->kind == TM_LV_TUPLE && b->kind == TM_LV_TUPLE && is_order(op))
    return compare_tuples(l, op, a, b, why);
  if (a->kind == TM_LV_TUPLE || (b->kind == TM_LV_TUPLE && op == TM_PY_MUL))
    return fold_tuples(l, op, a, b, why);
  return NULL;
}

tm_lv tm_lv_fold_unary(tm_low *l, tm_py_op op, tm_lv a, const char **why) {
  bool truth;
  *why = "it is not a number";
  if (op == TM_PY_NOT) {
    if (!tm_lv_truth(a, &truth)) return NULL;
    return tm_lv_bool(!truth);
  }
  if (!tm_lv_is_number(a)) return NULL;
  if (op == TM_PY_POS)
    return a->kind == TM_LV_BOOL ? tm_lv_int(l, a->b) : a;
  if (op == TM_PY_NEG) {
    if (a->kind == TM_LV_FLOAT) return tm_lv_float(l, -a->f);
    tm_wide r;
    if (__builtin_sub_overflow((tm_wide)0, as_wide(a), &r)) {
      *why = too_wide;
      return NULL;
    }
    return tm_lv_int(l, r);
  }
  if (a->kind == TM_LV_FLOAT) {
    *why = "it is a float";
    return NULL;
  }
  return tm_lv_int(l, ~as_wide(a));
}
