/* SPDX-License-Identifier: MIT */
/*
 * host_eval.c - expressions of host Python.
 *
 * Names are looked up in the frames of calls and comprehensions, then in the
 * module (host_module.c); imported names stay dotted names until somebody
 * calls them. Depth and the number of steps are bounded: the source is not
 * trusted to end.
 */
#include "hostint.h"

#include <math.h>

enum { MOST_DEPTH = 100 };

host_value *host_fail(host *h, tm_loc loc, const char *format, ...) {
  va_list args;
  va_start(args, format);
  tm_buf buf = tm_buf_in(h->arena);
  tm_buf_vprintf(&buf, format, args);
  va_end(args);
  tm_diag *diag = tm_error_at(h->diags, TM_DIAG_UNSUPPORTED, loc,
                              "cannot compute what a decorator sets: %s",
                              tm_buf_text(&buf));
  tm_diag_hint(h->diags, diag, "pass the value by name instead");
  return NULL;
}

host_value *host_new(host *h, host_kind kind) {
  host_value *v = TM_NEW(h->arena, host_value);
  v->kind = kind;
  return v;
}
host_value *host_int(host *h, int64_t i) {
  host_value *v = host_new(h, HOST_INT);
  v->i = i;
  return v;
}
host_value *host_bool(host *h, bool b) {
  host_value *v = host_new(h, HOST_BOOL);
  v->i = b;
  return v;
}
host_value *host_float(host *h, double f) {
  host_value *v = host_new(h, HOST_FLOAT);
  v->f = f;
  return v;
}
host_value *host_text(host *h, tm_str text) {
  host_value *v = host_new(h, HOST_TEXT);
  v->text = text;
  return v;
}

static bool is_whole(const host_value *v) {
  return v->kind == HOST_INT || v->kind == HOST_BOOL;
}
static bool is_number(const host_value *v) {
  return is_whole(v) || v->kind == HOST_FLOAT;
}
static double as_double(const host_value *v) {
  return v->kind == HOST_FLOAT ? v->f : (double)v->i;
}

bool host_truth(const host_value *v) {
  switch (v->kind) {
    case HOST_NONE: return false;
    case HOST_BOOL:
    case HOST_INT: return v->i != 0;
    case HOST_FLOAT: return v->f != 0;
    case HOST_TEXT: return v->text.len != 0;
    case HOST_LIST:
    case HOST_DICT: return v->items.len != 0;
    default: return true;
  }
}

int host_decide(host *h, const host_value *v, tm_loc loc) {
  if (v->kind != HOST_NAME) return host_truth(v);
  host_fail(h, loc, "whether '%.*s' is true", (int)v->text.len, v->text.ptr);
  return -1;
}

bool host_equal(const host_value *a, const host_value *b) {
  if (is_whole(a) && is_whole(b)) return a->i == b->i;
  if (is_number(a) && is_number(b)) return as_double(a) == as_double(b);
  if (a->kind != b->kind) return false;
  switch (a->kind) {
    case HOST_NONE: return true;
    case HOST_TEXT:
    case HOST_NAME: return tm_str_eq(a->text, b->text);
    case HOST_LIST:
      if (a->items.len != b->items.len) return false;
      for (uint32_t i = 0; i < a->items.len; i++)
        if (!host_equal(a->items.data[i], b->items.data[i])) return false;
      return true;
    case HOST_DICT:
      if (a->items.len != b->items.len) return false;
      for (uint32_t i = 0; i < a->items.len; i += 2) {
        uint32_t j = 0;
        while (j < b->items.len &&
               !host_equal(a->items.data[i], b->items.data[j]))
          j += 2;
        if (j >= b->items.len ||
            !host_equal(a->items.data[i + 1], b->items.data[j + 1]))
          return false;
      }
      return true;
    default: return a == b;
  }
}

host_value *host_dict_get(const host_value *dict, const char *key) {
  for (uint32_t i = 0; i + 1 < dict->items.len; i += 2) {
    const host_value *k = dict->items.data[i];
    if (k->kind == HOST_TEXT && tm_str_eq(k->text, tm_cstr(key)))
      return dict->items.data[i + 1];
  }
  return NULL;
}

const host_value *host_items(host *h, const host_value *v, tm_loc loc) {
  if (v->kind == HOST_LIST) return v;
  if (v->kind != HOST_DICT)
    return host_fail(h, loc, "this cannot be iterated over");
  host_value *keys = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < v->items.len; i += 2)
    tm_push(h->arena, &keys->items, v->items.data[i]);
  return keys;
}

/* ---- names --------------------------------------------------------------- */

void host_bind(host *h, host_frame *frame, tm_name name, host_value *v) {
  for (uint32_t i = 0; i < frame->names.len; i++)
    if (frame->names.data[i] == name) {
      frame->values.data[i] = v;
      return;
    }
  tm_push(h->arena, &frame->names, name);
  tm_push(h->arena, &frame->values, v);
}

static host_value *lookup(host *h, host_frame *frame, const tm_expr *e) {
  for (host_frame *f = frame; f; f = f->outer)
    for (uint32_t i = f->names.len; i-- > 0;)
      if (strcmp(f->names.data[i], e->name) == 0) return f->values.data[i];
  return host_module_value(h, frame->module, e->name, e->loc);
}

/* ---- operators -------------------------------------------------------------- */

static host_value *whole_op(host *h, tm_py_op op, int64_t a, int64_t b,
                            tm_loc loc) {
  int64_t r = 0;
  bool over = false;
  switch (op) {
    case TM_PY_ADD: over = __builtin_add_overflow(a, b, &r); break;
    case TM_PY_SUB: over = __builtin_sub_overflow(a, b, &r); break;
    case TM_PY_MUL: over = __builtin_mul_overflow(a, b, &r); break;
    case TM_PY_FLOORDIV:
    case TM_PY_MOD:
      if (b == 0 || (a == INT64_MIN && b == -1))
        return host_fail(h, loc, "division by zero or overflow");
      r = a / b - (a % b != 0 && (a < 0) != (b < 0)); /* Python's floor */
      if (op == TM_PY_MOD) r = a - r * b;
      break;
    case TM_PY_DIV:
      if (b == 0) return host_fail(h, loc, "division by zero");
      return host_float(h, (double)a / (double)b);
    case TM_PY_POW:
      if (b < 0) return host_float(h, pow((double)a, (double)b));
      for (r = 1; b > 0 && !over; b--) over = __builtin_mul_overflow(r, a, &r);
      break;
    case TM_PY_AND: r = a & b; break;
    case TM_PY_OR: r = a | b; break;
    case TM_PY_XOR: r = a ^ b; break;
    case TM_PY_SHL:
      over = b < 0 || b > 62 || a > INT64_MAX >> b || a < INT64_MIN >> b;
      if (!over) r = a * ((int64_t)1 << b);
      break;
    case TM_PY_SHR:
      over = b < 0;
      if (!over) r = a >> (b > 63 ? 63 : b);
      break;
    default: return host_fail(h, loc, "this operator on integers");
  }
  if (over) return host_fail(h, loc, "an integer leaves 64 bits");
  return host_int(h, r);
}

static host_value *joined(host *h, const host_value *a, const host_value *b) {
  host_value *v = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < a->items.len; i++)
    tm_push(h->arena, &v->items, a->items.data[i]);
  for (uint32_t i = 0; i < b->items.len; i++)
    tm_push(h->arena, &v->items, b->items.data[i]);
  return v;
}

static host_value *repeated(host *h, const host_value *list, int64_t times,
                            tm_loc loc) {
  host_value *v = host_new(h, HOST_LIST);
  if (times > 0 && list->items.len > 100000 / (uint64_t)times)
    return host_fail(h, loc, "a long list");
  for (int64_t t = 0; t < times; t++)
    for (uint32_t i = 0; i < list->items.len; i++)
      tm_push(h->arena, &v->items, list->items.data[i]);
  return v;
}

host_value *host_binary(host *h, tm_py_op op, host_value *a, host_value *b,
                        tm_loc loc) {
  if (is_whole(a) && is_whole(b)) return whole_op(h, op, a->i, b->i, loc);
  if (is_number(a) && is_number(b)) {
    double x = as_double(a), y = as_double(b);
    switch (op) {
      case TM_PY_ADD: return host_float(h, x + y);
      case TM_PY_SUB: return host_float(h, x - y);
      case TM_PY_MUL: return host_float(h, x * y);
      case TM_PY_DIV: return host_float(h, x / y);
      case TM_PY_FLOORDIV: return host_float(h, floor(x / y));
      case TM_PY_MOD: return host_float(h, x - y * floor(x / y));
      case TM_PY_POW: return host_float(h, pow(x, y));
      default: break;
    }
  }
  if (op == TM_PY_ADD && a->kind == HOST_LIST && b->kind == HOST_LIST)
    return joined(h, a, b);
  if (op == TM_PY_MUL && is_whole(a) && b->kind == HOST_LIST)
    return repeated(h, b, a->i, loc);
  if (op == TM_PY_MUL && is_whole(b) && a->kind == HOST_LIST)
    return repeated(h, a, b->i, loc);
  if (op == TM_PY_OR && a->kind == HOST_DICT && b->kind == HOST_DICT) {
    host_value *dict = joined(h, a, host_new(h, HOST_LIST));
    dict->kind = HOST_DICT;
    for (uint32_t i = 0; i < b->items.len; i += 2)
      host_dict_set(h, dict, b->items.data[i], b->items.data[i + 1]);
    return dict;
  }
  if (op == TM_PY_ADD && a->kind == HOST_TEXT && b->kind == HOST_TEXT) {
    tm_buf text = tm_buf_in(h->arena);
    tm_buf_add(&text, a->text.ptr, a->text.len);
    tm_buf_add(&text, b->text.ptr, b->text.len);
    return host_text(h, (tm_str){tm_buf_text(&text), text.len});
  }
  return host_fail(h, loc, "an operator on values of these kinds");
}

static bool contains(const host_value *all, const host_value *v) {
  uint32_t step = all->kind == HOST_DICT ? 2 : 1;
  for (uint32_t i = 0; i < all->items.len; i += step)
    if (host_equal(all->items.data[i], v)) return true;
  return false;
}

static bool text_has(tm_str all, tm_str part) {
  for (size_t i = 0; i + part.len <= all.len; i++)
    if (memcmp(all.ptr + i, part.ptr, part.len) == 0) return true;
  return false;
}

static int text_order(tm_str a, tm_str b) {
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool ordered(tm_py_op op, int order) {
  return op == TM_PY_LT   ? order < 0
         : op == TM_PY_LE ? order <= 0
         : op == TM_PY_GT ? order > 0
                          : order >= 0;
}

/* 0 or 1; -1 after an error. */
static int compare(host *h, tm_py_op op, const host_value *a,
                   const host_value *b, tm_loc loc) {
  const host_value *unknown = a->kind == HOST_NAME ? a : b;
  bool equality = op == TM_PY_EQ || op == TM_PY_NE || op == TM_PY_IS ||
                  op == TM_PY_IS_NOT;
  if (equality && unknown->kind == HOST_NAME && a->kind != b->kind) {
    host_fail(h, loc, "the value of '%.*s'", (int)unknown->text.len,
              unknown->text.ptr);
    return -1;
  }
  switch (op) {
    case TM_PY_EQ: return host_equal(a, b);
    case TM_PY_NE: return !host_equal(a, b);
    case TM_PY_IS: return host_equal(a, b);
    case TM_PY_IS_NOT: return !host_equal(a, b);
    case TM_PY_IN:
    case TM_PY_NOT_IN:
      if (b->kind == HOST_LIST || b->kind == HOST_DICT)
        return contains(b, a) == (op == TM_PY_IN);
      if (a->kind == HOST_TEXT && b->kind == HOST_TEXT)
        return text_has(b->text, a->text) == (op == TM_PY_IN);
      break;
    default:
      if (a->kind == HOST_TEXT && b->kind == HOST_TEXT)
        return ordered(op, text_order(a->text, b->text));
      if (!is_number(a) || !is_number(b)) break;
      double x = as_double(a), y = as_double(b);
      return op == TM_PY_LT   ? x < y
             : op == TM_PY_LE ? x <= y
             : op == TM_PY_GT ? x > y
                              : x >= y;
  }
  host_fail(h, loc, "a comparison of values of these kinds");
  return -1;
}

static host_value *comparison(host *h, host_frame *frame, const tm_expr *e) {
  host_value *left = host_eval(h, frame, e->items.data[0]);
  for (uint32_t i = 1; left && i < e->items.len; i++) {
    host_value *right = host_eval(h, frame, e->items.data[i]);
    int truth = right ? compare(h, e->ops[i - 1], left, right, e->loc) : -1;
    if (truth < 0) return NULL;
    if (!truth) return host_bool(h, false);
    left = right;
  }
  return left ? host_bool(h, true) : NULL;
}

static host_value *logic(host *h, host_frame *frame, const tm_expr *e) {
  host_value *v = NULL;
  for (uint32_t i = 0; i < e->items.len; i++) {
    v = host_eval(h, frame, e->items.data[i]);
    if (!v || i + 1 == e->items.len) return v;
    int truth = host_decide(h, v, e->loc);
    if (truth < 0) return NULL;
    if (truth == (e->kind == TM_EXPR_OR)) return v;
  }
  return v;
}

static host_value *unary(host *h, host_frame *frame, const tm_expr *e) {
  host_value *v = host_eval(h, frame, e->a[0]);
  if (!v) return NULL;
  if (e->op == TM_PY_NOT) {
    int truth = host_decide(h, v, e->loc);
    return truth < 0 ? NULL : host_bool(h, !truth);
  }
  if (is_whole(v)) {
    if (e->op == TM_PY_INVERT) return host_int(h, ~v->i);
    return e->op == TM_PY_NEG ? whole_op(h, TM_PY_SUB, 0, v->i, e->loc)
                              : host_int(h, v->i);
  }
  if (v->kind == HOST_FLOAT && e->op != TM_PY_INVERT)
    return host_float(h, e->op == TM_PY_NEG ? -v->f : v->f);
  return host_fail(h, e->loc, "an operator on a value of this kind");
}

/* ---- containers ---------------------------------------------------------------- */

static host_value *list_of(host *h, host_frame *frame, const tm_expr *e) {
  host_value *list = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < e->items.len; i++) {
    const tm_expr *item = e->items.data[i];
    bool starred = item->kind == TM_EXPR_STARRED;
    host_value *v = host_eval(h, frame, starred ? item->a[0] : item);
    if (!v) return NULL;
    if (!starred) {
      tm_push(h->arena, &list->items, v);
      continue;
    }
    const host_value *all = host_items(h, v, item->loc);
    for (uint32_t k = 0; all && k < all->items.len; k++)
      tm_push(h->arena, &list->items, all->items.data[k]);
    if (!all) return NULL;
  }
  return list;
}

void host_dict_set(host *h, host_value *dict, host_value *key,
                   host_value *value) {
  for (uint32_t i = 0; i < dict->items.len; i += 2)
    if (host_equal(dict->items.data[i], key)) {
      dict->items.data[i + 1] = value;
      return;
    }
  tm_push(h->arena, &dict->items, key);
  tm_push(h->arena, &dict->items, value);
}

static host_value *dict_of(host *h, host_frame *frame, const tm_expr *e) {
  host_value *dict = host_new(h, HOST_DICT);
  for (uint32_t i = 0; i + 1 < e->items.len; i += 2) {
    host_value *value = host_eval(h, frame, e->items.data[i + 1]);
    if (!value) return NULL;
    if (!e->items.data[i]) { /* **other */
      if (value->kind != HOST_DICT)
        return host_fail(h, e->loc, "** of what is not a dict");
      for (uint32_t k = 0; k < value->items.len; k += 2)
        host_dict_set(h, dict, value->items.data[k], value->items.data[k + 1]);
      continue;
    }
    host_value *key = host_eval(h, frame, e->items.data[i]);
    if (!key) return NULL;
    host_dict_set(h, dict, key, value);
  }
  return dict;
}

bool host_assign(host *h, host_frame *frame, const tm_expr *target,
                   host_value *v) {
  if (target->kind == TM_EXPR_NAME) {
    host_bind(h, frame, target->name, v);
    return true;
  }
  if (target->kind == TM_EXPR_TUPLE || target->kind == TM_EXPR_LIST) {
    const host_value *all = host_items(h, v, target->loc);
    if (!all) return false;
    if (all->items.len != target->items.len) {
      host_fail(h, target->loc, "unpacking into another count of names");
      return false;
    }
    for (uint32_t i = 0; i < all->items.len; i++)
      if (!host_assign(h, frame, target->items.data[i], all->items.data[i]))
        return false;
    return true;
  }
  if (target->kind == TM_EXPR_SUBSCRIPT) {
    host_value *dict = host_eval(h, frame, target->a[0]);
    host_value *key = dict ? host_eval(h, frame, target->a[1]) : NULL;
    if (!key) return false;
    if (dict->kind == HOST_DICT) {
      host_dict_set(h, dict, key, v);
      return true;
    }
    if (dict->kind == HOST_LIST && is_whole(key)) {
      int64_t i = key->i < 0 ? key->i + dict->items.len : key->i;
      if (i >= 0 && i < (int64_t)dict->items.len) {
        dict->items.data[i] = v;
        return true;
      }
    }
  }
  if (target->kind == TM_EXPR_ATTRIBUTE) {
    host_value *owner = host_eval(h, frame, target->a[0]);
    if (!owner) return false;
    if (host_set_attribute(h, owner, target->name, v)) return true;
  }
  host_fail(h, target->loc, "an assignment of this form");
  return false;
}

/* Runs clause number `at` and those inside it; adds to out. */
static bool comprehend(host *h, host_frame *frame, const tm_expr *e,
                       uint32_t at, host_value *out) {
  if (at == e->clauses.len) {
    host_value *v = host_eval(h, frame, e->a[0]);
    if (!v) return false;
    if (e->op != TM_PY_DICT_COMP) {
      tm_push(h->arena, &out->items, v);
      return true;
    }
    host_value *value = host_eval(h, frame, e->a[1]);
    if (value) host_dict_set(h, out, v, value);
    return value != NULL;
  }
  const tm_comp_clause *clause = &e->clauses.data[at];
  host_value *over = host_eval(h, frame, clause->iter);
  const host_value *all = over ? host_items(h, over, e->loc) : NULL;
  for (uint32_t i = 0; all && i < all->items.len; i++) {
    if (!host_assign(h, frame, clause->target, all->items.data[i])) return false;
    bool wanted = true;
    for (uint32_t c = 0; wanted && c < clause->conditions.len; c++) {
      host_value *v = host_eval(h, frame, clause->conditions.data[c]);
      int truth = v ? host_decide(h, v, e->loc) : -1;
      if (truth < 0) return false;
      wanted = truth;
    }
    if (wanted && !comprehend(h, frame, e, at + 1, out)) return false;
  }
  return all != NULL;
}

host_value *host_unique(host *h, const host_value *list) {
  host_value *set = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < list->items.len; i++)
    if (!contains(set, list->items.data[i]))
      tm_push(h->arena, &set->items, list->items.data[i]);
  return set;
}

static host_value *comprehension(host *h, host_frame *frame,
                                 const tm_expr *e) {
  host_frame *inner = TM_NEW(h->arena, host_frame);
  inner->outer = frame;
  inner->module = frame->module;
  host_value *out =
      host_new(h, e->op == TM_PY_DICT_COMP ? HOST_DICT : HOST_LIST);
  if (!comprehend(h, inner, e, 0, out)) return NULL;
  return e->op == TM_PY_SET_COMP ? host_unique(h, out) : out;
}

/* A bound of a slice, clamped; -1 with an error. */
static int64_t slice_bound(host *h, host_frame *frame, const tm_expr *e,
                           int64_t absent, int64_t len) {
  if (!e) return absent;
  host_value *v = host_eval(h, frame, e);
  if (!v) return -1;
  if (!is_whole(v)) {
    host_fail(h, e->loc, "a slice with a bound that is no integer");
    return -1;
  }
  int64_t i = v->i < 0 ? v->i + len : v->i;
  return i < 0 ? 0 : i > len ? len : i;
}

static host_value *slice(host *h, host_frame *frame, const host_value *v,
                         const tm_expr *e) {
  bool is_text = v->kind == HOST_TEXT;
  if ((v->kind != HOST_LIST && !is_text) || e->a[2])
    return host_fail(h, e->loc, "a slice of this form");
  int64_t len = is_text ? (int64_t)v->text.len : (int64_t)v->items.len;
  int64_t from = slice_bound(h, frame, e->a[0], 0, len);
  int64_t to = slice_bound(h, frame, e->a[1], len, len);
  if (from < 0 || to < 0) return NULL;
  if (is_text)
    return host_text(h, (tm_str){v->text.ptr + from,
                                 to > from ? (size_t)(to - from) : 0});
  host_value *out = host_new(h, HOST_LIST);
  for (int64_t i = from; i < to; i++)
    tm_push(h->arena, &out->items, v->items.data[i]);
  return out;
}

static host_value *subscript(host *h, host_frame *frame, const tm_expr *e) {
  host_value *v = host_eval(h, frame, e->a[0]);
  if (v && e->a[1]->kind == TM_EXPR_SLICE) return slice(h, frame, v, e->a[1]);
  host_value *key = v ? host_eval(h, frame, e->a[1]) : NULL;
  if (!key) return NULL;
  if (v->kind == HOST_DICT) {
    for (uint32_t i = 0; i < v->items.len; i += 2)
      if (host_equal(v->items.data[i], key)) return v->items.data[i + 1];
    return host_fail(h, e->loc, "no value named '%.*s' is known here",
                     key->kind == HOST_TEXT ? (int)key->text.len : 1,
                     key->kind == HOST_TEXT ? key->text.ptr : "?");
  }
  if (v->kind == HOST_LIST && is_whole(key)) {
    int64_t i = key->i < 0 ? key->i + v->items.len : key->i;
    if (i >= 0 && i < (int64_t)v->items.len) return v->items.data[i];
    return host_fail(h, e->loc, "an index outside the list");
  }
  return host_fail(h, e->loc, "a subscript of a value of this kind");
}

/* ---- calls --------------------------------------------------------------------- */

/* The keyword arguments of a call, those of **dict among them. */
static bool keywords_of(host *h, host_frame *frame, const tm_expr *e,
                        host_args *out) {
  TM_VEC(tm_keyword) keywords = {0};
  TM_VEC(host_value *) named = {0};
  for (uint32_t i = 0; i < e->keywords.len; i++) {
    tm_keyword keyword = e->keywords.data[i];
    host_value *v = host_eval(h, frame, keyword.value);
    if (!v) return false;
    if (keyword.name) {
      tm_push(h->arena, &keywords, keyword);
      tm_push(h->arena, &named, v);
      continue;
    }
    if (v->kind != HOST_DICT) {
      host_fail(h, e->loc, "** of what is not a dict");
      return false;
    }
    for (uint32_t k = 0; k < v->items.len; k += 2) {
      tm_str text = v->items.data[k]->text;
      keyword.name = tm_strndup(h->arena, text.ptr ? text.ptr : "", text.len);
      tm_push(h->arena, &keywords, keyword);
      tm_push(h->arena, &named, v->items.data[k + 1]);
    }
  }
  out->keywords = keywords.data;
  out->named = named.data;
  out->n_keywords = keywords.len;
  return true;
}

static host_value *call(host *h, host_frame *frame, const tm_expr *e) {
  host_value *list = list_of(h, frame, e); /* positional, *args spread */
  host_args args = {0};
  if (!list || !keywords_of(h, frame, e, &args)) return NULL;
  args.items = list->items.data;
  args.n = list->items.len;
  if (e->a[0]->kind == TM_EXPR_ATTRIBUTE) {
    host_value *self = host_eval(h, frame, e->a[0]->a[0]);
    if (!self) return NULL;
    if (self->kind != HOST_NAME && self->kind != HOST_OBJECT &&
        self->kind != HOST_CLASS)
      return host_method(h, self, e->a[0]->name, &args, e->loc);
  }
  host_value *callee = host_eval(h, frame, e->a[0]);
  if (!callee) return NULL;
  return host_call(h, callee, args.items, args.n, args.keywords,
                   args.n_keywords, args.named, e->loc);
}

/* ---- expressions ------------------------------------------------------------------ */

/* f"{a}_{b}" of plain texts and whole numbers. */
static host_value *formatted(host *h, host_frame *frame, const tm_expr *e) {
  tm_buf text = tm_buf_in(h->arena);
  for (uint32_t i = 0; i < e->items.len; i++) {
    const tm_expr *piece = e->items.data[i];
    if (piece->kind == TM_EXPR_STRING) {
      tm_buf_add(&text, piece->text.ptr, piece->text.len);
      continue;
    }
    host_value *v = host_eval(h, frame, piece->a[0]);
    if (!v) return NULL;
    if (piece->has_spec || piece->conversion || !host_print(v, &text))
      return host_fail(h, piece->loc, "formatting of this form");
  }
  return host_text(h, (tm_str){tm_buf_text(&text), text.len});
}

static host_value *eval(host *h, host_frame *frame, const tm_expr *e) {
  host_value *v, *w;
  int truth;
  switch (e->kind) {
    case TM_EXPR_NAME: return lookup(h, frame, e);
    case TM_EXPR_INT:
      if (e->big || e->u.i > INT64_MAX)
        return host_fail(h, e->loc, "an integer over 64 bits");
      return host_int(h, (int64_t)e->u.i);
    case TM_EXPR_FLOAT: return host_float(h, e->u.f);
    case TM_EXPR_STRING: return host_text(h, e->text);
    case TM_EXPR_TRUE:
    case TM_EXPR_FALSE: return host_bool(h, e->kind == TM_EXPR_TRUE);
    case TM_EXPR_NONE: return host_new(h, HOST_NONE);
    case TM_EXPR_TUPLE:
    case TM_EXPR_LIST: return list_of(h, frame, e);
    case TM_EXPR_DICT: return dict_of(h, frame, e);
    case TM_EXPR_UNARY: return unary(h, frame, e);
    case TM_EXPR_BINARY:
      v = host_eval(h, frame, e->a[0]);
      w = v ? host_eval(h, frame, e->a[1]) : NULL;
      return w ? host_binary(h, e->op, v, w, e->loc) : NULL;
    case TM_EXPR_COMPARE: return comparison(h, frame, e);
    case TM_EXPR_AND:
    case TM_EXPR_OR: return logic(h, frame, e);
    case TM_EXPR_IF:
      v = host_eval(h, frame, e->a[1]);
      truth = v ? host_decide(h, v, e->loc) : -1;
      return truth < 0 ? NULL : host_eval(h, frame, e->a[truth ? 0 : 2]);
    case TM_EXPR_CALL: return call(h, frame, e);
    case TM_EXPR_ATTRIBUTE:
      v = host_eval(h, frame, e->a[0]);
      return v ? host_attribute(h, v, e->name, e->loc) : NULL;
    case TM_EXPR_SET:
      v = list_of(h, frame, e);
      return v ? host_unique(h, v) : NULL;
    case TM_EXPR_WALRUS:
      v = host_eval(h, frame, e->a[1]);
      return v && host_assign(h, frame, e->a[0], v) ? v : NULL;
    case TM_EXPR_FSTRING: return formatted(h, frame, e);
    case TM_EXPR_SUBSCRIPT: return subscript(h, frame, e);
    case TM_EXPR_COMPREHENSION: return comprehension(h, frame, e);
    case TM_EXPR_LAMBDA:
      v = host_new(h, HOST_LAMBDA);
      v->code = e;
      v->frame = frame;
      return v;
    default: return host_fail(h, e->loc, "an expression of this kind");
  }
}

host_value *host_eval(host *h, host_frame *frame, const tm_expr *e) {
  if (!h->steps || h->depth >= MOST_DEPTH)
    return host_fail(h, e->loc, h->steps ? "it is nested too deeply"
                                         : "it takes too many steps");
  h->steps--;
  h->depth++;
  host_value *v = eval(h, frame, e);
  h->depth--;
  return v;
}
