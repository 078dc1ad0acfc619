/* SPDX-License-Identifier: MIT */
/*
 * builtins.c - the table of builtins, finding rows, binding arguments to a
 * row's signature, and reading arguments that must be compile-time values.
 */
#include "value.h"

#include <stdlib.h>

#define TM_B(name, where, signature, fn, aux) TM_BUILTIN_FN(fn);
#define TM_REFUSED(name, where, reason, hint)
#include "builtins.def"
#undef TM_B
#undef TM_REFUSED

const tm_builtin tm_builtins[] = {
#define TM_B(name, where, signature, fn, aux) \
  {#name, (where), signature, tm_fn_##fn, aux, NULL, NULL},
#define TM_REFUSED(name, where, reason, hint) \
  {#name, (where), "", NULL, 0, reason, hint},
#include "builtins.def"
#undef TM_B
#undef TM_REFUSED
};
const uint32_t tm_builtins_count = (uint32_t)TM_COUNT(tm_builtins);

const tm_builtin *tm_builtin_find(uint32_t where, const char *name) {
  for (uint32_t i = 0; i < tm_builtins_count; i++)
    if ((tm_builtins[i].where & where) &&
        strcmp(tm_builtins[i].name, name) == 0)
      return &tm_builtins[i];
  return NULL;
}

void tm_builtin_nearest(uint32_t where, tm_nearest *nearest) {
  for (uint32_t i = 0; i < tm_builtins_count; i++)
    if ((tm_builtins[i].where & where) && tm_builtins[i].fn)
      tm_nearest_try(nearest, tm_builtins[i].name);
}

tm_lv tm_builtin_bound(tm_low *l, const tm_builtin *row, tm_lv self) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_BUILTIN;
  v->row = row;
  v->self = self;
  return v;
}

/* ---- signatures --------------------------------------------------------- */

typedef struct param {
  const char *name, *value; /* value: the default's text; NULL if none */
  size_t name_len, value_len;
  bool gathers, keyword_only;
} param;

/* Splits "x, y=None, *rest, flag=False". Defaults hold no commas. */
static uint32_t parse_signature(const char *text, param *params) {
  uint32_t n = 0;
  bool keyword_only = false;
  while (*text) {
    text += strspn(text, " ");
    size_t len = strcspn(text, ",");
    param p = {.name = text, .keyword_only = keyword_only};
    const char *equals = memchr(text, '=', len);
    p.name_len = equals ? (size_t)(equals - text) : len;
    if (equals) {
      p.value = equals + 1;
      p.value_len = len - p.name_len - 1;
    }
    if (*text == '*') {
      keyword_only = true;
      p.gathers = true;
      p.name++;
      p.name_len--;
    }
    if (p.name_len && n < TM_MAX_PARAMS) params[n++] = p;
    text += len;
    if (*text == ',') text++;
  }
  return n;
}

static tm_lv default_value(tm_low *l, const param *p) {
  const char *t = p->value;
  switch (*t) {
  case 'N': return TM_NONE_LV;
  case 'T': return tm_lv_bool(true);
  case 'F': return tm_lv_bool(false);
  case '(': return tm_lv_tuple(l, NULL, 0);
  case '\'': return tm_lv_text(l, t + 1, p->value_len - 2);
  default: break;
  }
  if (memchr(t, '.', p->value_len)) return tm_lv_float(l, 0.0);
  return tm_lv_int(l, strtol(t, NULL, 10));
}

static bool named_is(const tm_named_lv *n, const param *p) {
  return strlen(n->name) == p->name_len &&
         memcmp(n->name, p->name, p->name_len) == 0;
}

static const char *callee_name(tm_low *l, const tm_builtin *row, tm_lv self) {
  if (self) return tm_low_format(l, ".%s", row->name);
  if (row->where & (TM_IN_TL | TM_IN_MATH))
    return tm_low_format(l, "tl.%s", row->name);
  if (row->where & TM_IN_DEVICE)
    return tm_low_format(l, "libdevice.%s", row->name);
  return row->name;
}

static bool check_names(tm_low *l, const tm_builtin *row, tm_lv self,
                        const param *params, uint32_t n,
                        const tm_args *args) {
  for (uint32_t k = 0; k < args->n_named; k++) {
    const tm_named_lv *named = &args->named[k];
    bool known = false;
    for (uint32_t i = 0; i < n; i++)
      known = known || (!params[i].gathers && named_is(named, &params[i]));
    if (known || strcmp(named->name, "_semantic") == 0 ||
        strcmp(named->name, "_builder") == 0)
      continue;
    tm_nearest near = {named->name, NULL, 0};
    for (uint32_t i = 0; i < n; i++)
      tm_nearest_try(&near, tm_strndup(l->arena, params[i].name,
                                       params[i].name_len));
    tm_low_error_at(l, named->loc, TM_DIAG_SEMANTIC,
                    near.best ? tm_low_format(l, "did you mean %s?",
                                              near.best)
                              : tm_low_format(l, "it takes (%s)",
                                              row->signature),
                    "%s has no argument '%s'", callee_name(l, row, self),
                    named->name);
    return false;
  }
  return true;
}

static bool bind_one(tm_low *l, const tm_builtin *row, tm_lv self,
                     const param *p, const tm_args *args, tm_lv *out) {
  for (uint32_t k = 0; k < args->n_named; k++)
    if (named_is(&args->named[k], p)) {
      *out = args->named[k].value;
      return true;
    }
  if (p->value) {
    *out = default_value(l, p);
    return true;
  }
  tm_low_error(l, tm_low_format(l, "it takes (%s)", row->signature),
               "%s is called without its argument '%.*s'",
               callee_name(l, row, self), (int)p->name_len, p->name);
  return false;
}

static bool bind(tm_low *l, const tm_builtin *row, tm_lv self,
                 const tm_args *args, tm_builtin_call *call) {
  param params[TM_MAX_PARAMS];
  uint32_t n = parse_signature(row->signature, params), used = 0;
  if (!check_names(l, row, self, params, n, args)) return false;
  for (uint32_t i = 0; i < n; i++) {
    const param *p = &params[i];
    if (i == 0 && self) {
      call->args[0] = self;
    } else if (p->gathers) {
      call->args[i] = tm_lv_tuple(l, args->items + used,
                                  args->n_items - used);
      used = args->n_items;
    } else if (!p->keyword_only && used < args->n_items) {
      call->args[i] = args->items[used++];
      for (uint32_t k = 0; k < args->n_named; k++) {
        if (!named_is(&args->named[k], p)) continue;
        tm_low_error(l, NULL, "%s is given '%.*s' twice",
                     callee_name(l, row, self), (int)p->name_len, p->name);
        return false;
      }
    } else if (!bind_one(l, row, self, p, args, &call->args[i])) {
      return false;
    }
  }
  if (used == args->n_items) return true;
  tm_low_error(l, tm_low_format(l, "it takes (%s)", row->signature),
               "%s is given too many arguments", callee_name(l, row, self));
  return false;
}

static bool has_poison(tm_lv v) {
  if (tm_lv_is_poison(v)) return true;
  if (v->kind == TM_LV_TUPLE)
    for (uint32_t i = 0; i < v->n_items; i++)
      if (has_poison(v->items[i])) return true;
  return false;
}

static bool args_have_poison(const tm_args *args) {
  for (uint32_t i = 0; i < args->n_items; i++)
    if (has_poison(args->items[i])) return true;
  for (uint32_t i = 0; i < args->n_named; i++)
    if (has_poison(args->named[i].value)) return true;
  return false;
}

tm_lv tm_builtin_call_row(tm_low *l, const tm_builtin *row, tm_lv self,
                          const tm_args *args) {
  if (!row->fn)
    return tm_low_unsupported(l, row->hint, "%s: %s",
                              callee_name(l, row, self), row->note);
  if (args_have_poison(args)) { /* names can be wrong all the same */
    param params[TM_MAX_PARAMS];
    check_names(l, row, self, params, parse_signature(row->signature, params),
                args);
    return TM_POISONED;
  }
  tm_builtin_call call = {.row = row};
  if (!bind(l, row, self, args, &call)) return TM_POISONED;
  return row->fn(l, &call);
}

/* ---- reading arguments -------------------------------------------------- */

static const char constexpr_hint[] =
    "a plain variable is a run-time value; declare it `name: tl.constexpr`";

bool tm_want_int(tm_low *l, tm_lv v, const char *what, int64_t low,
                int64_t high, int64_t *out) {
  tm_wide i = v->kind == TM_LV_BOOL ? (tm_wide)v->b : v->i;
  if (v->kind != TM_LV_INT && v->kind != TM_LV_BOOL) {
    if (v->kind == TM_LV_OPAQUE)
      tm_low_opaque_use(l, v);
    else if (!tm_lv_is_poison(v))
      tm_low_error(l, tm_lv_is_run(v) ? constexpr_hint : NULL,
                   "%s must be a compile-time integer, got %s", what,
                   tm_lv_describe(l, v));
    return false;
  }
  if (low == high && i != low) {
    tm_low_error(l, NULL, "%s must be %lld, got %s", what, (long long)low,
                 tm_lv_describe(l, v));
    return false;
  }
  if (i < low || i > high) {
    tm_low_error(l, NULL, "%s must be from %lld to %lld, got %s", what,
                 (long long)low, (long long)high, tm_lv_describe(l, v));
    return false;
  }
  *out = (int64_t)i;
  return true;
}

bool tm_want_bool(tm_low *l, tm_lv v, const char *what, bool *out) {
  if (tm_lv_is_run(v) || !tm_lv_truth(v, out)) {
    if (v->kind == TM_LV_OPAQUE)
      tm_low_opaque_use(l, v);
    else if (!tm_lv_is_poison(v))
      tm_low_error(l, tm_lv_is_run(v) ? constexpr_hint : NULL,
                   "%s must be a compile-time boolean, got %s", what,
                   tm_lv_describe(l, v));
    return false;
  }
  return true;
}

bool tm_want_text(tm_low *l, tm_lv v, const char *what, const char **out) {
  *out = NULL;
  if (v->kind == TM_LV_NONE) return true;
  if (v->kind != TM_LV_TEXT) {
    if (!tm_lv_is_poison(v))
      tm_low_error(l, NULL, "%s must be a string, got %s", what,
                   tm_lv_describe(l, v));
    return false;
  }
  *out = tm_strndup(l->arena, v->text.ptr, v->text.len);
  return true;
}

tm_ltype tm_want_type(tm_low *l, tm_lv v, const char *what) {
  if (v->kind == TM_LV_TYPE) return v->type;
  if (v->kind == TM_LV_TEXT) {
    tm_ltype t = tm_lt_parse(l, v->text);
    if (t) return t;
  }
  if (v->kind == TM_LV_OPAQUE)
    tm_low_opaque_use(l, v);
  else if (!tm_lv_is_poison(v))
    tm_low_error(l, tm_lv_is_run(v) ? "take its type: x.dtype" : NULL,
                 "%s must be a type such as tl.float32, got %s", what,
                 tm_lv_describe(l, v));
  return NULL;
}

bool tm_want_shape(tm_low *l, tm_lv v, const char *what, uint32_t *rank,
                  int64_t *shape) {
  enum { MOST_ELEMENTS = 1 << 20 }; /* triton/_utils.py */
  const tm_lv *items = &v;
  uint32_t n = 1;
  if (v->kind == TM_LV_TUPLE) {
    items = v->items;
    n = v->n_items;
  }
  if (n > TM_MAX_RANK) {
    tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT, NULL,
                    "a tensor has at most %d dimensions, %s has %u",
                    TM_MAX_RANK, what, n);
    return false;
  }
  int64_t numel = 1;
  for (uint32_t d = 0; d < n; d++) {
    if (!tm_want_int(l, items[d], tm_low_format(l, "dimension %u of %s", d,
                                               what),
                    1, INT32_MAX, &shape[d]))
      return false;
    if (shape[d] & (shape[d] - 1)) {
      tm_low_error(l, "round up with triton.next_power_of_2 outside of the "
                      "kernel, and mask",
                   "dimension %u of %s must be a power of 2, got %lld", d,
                   what, (long long)shape[d]);
      return false;
    }
    if (shape[d] > MOST_ELEMENTS / numel) {
      tm_low_error_at(l, l->b.loc, TM_DIAG_LIMIT,
                      "loop over parts of it",
                      "a tensor has at most %d elements", MOST_ELEMENTS);
      return false;
    }
    numel *= shape[d];
  }
  *rank = n;
  return true;
}

tm_lv tm_want_tensor(tm_low *l, tm_lv v, const char *what) {
  if (tm_lv_is_number(v)) return tm_sem_tensor(l, v);
  if (tm_lv_is_run(v) && v->type->kind != TM_LT_DESCRIPTOR) return v;
  if (v->kind == TM_LV_OPAQUE)
    tm_low_opaque_use(l, v);
  else if (!tm_lv_is_poison(v))
    tm_low_error(l, NULL, "%s must be a tensor or a number, got %s", what,
                 tm_lv_describe(l, v));
  return NULL;
}
