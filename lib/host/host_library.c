/* SPDX-License-Identifier: MIT */
/* host_library.c - the functions of Python, Triton and math that decorators'
 * arguments call, by their dotted names. */
#include "../lower/value.h"
#include "hostint.h"

#include <math.h>
#include <stdlib.h>

static bool whole(const host_value *v) {
  return v->kind == HOST_INT || v->kind == HOST_BOOL;
}
static double real(const host_value *v) {
  return v->kind == HOST_FLOAT ? v->f : (double)v->i;
}
static bool numeric(const host_value *v) {
  return whole(v) || v->kind == HOST_FLOAT;
}

/* min or max of the arguments, or of one list. */
static host_value *extreme(host *h, bool is_max, host_value *const *args,
                           uint32_t n, tm_loc loc) {
  if (n == 1) {
    const host_value *all = host_items(h, args[0], loc);
    if (!all) return NULL;
    args = all->items.data;
    n = all->items.len;
  }
  host_value *best = NULL;
  for (uint32_t i = 0; i < n; i++) {
    if (!numeric(args[i])) return host_fail(h, loc, "min or max of these");
    if (!best || (is_max ? real(args[i]) > real(best)
                         : real(args[i]) < real(best)))
      best = args[i];
  }
  return best ? best : host_fail(h, loc, "min or max of nothing");
}

static host_value *range_of(host *h, host_value *const *args, uint32_t n,
                            tm_loc loc) {
  int64_t v[3] = {0, 0, 1};
  if (n < 1 || n > 3) return host_fail(h, loc, "range of %u arguments", n);
  for (uint32_t i = 0; i < n; i++) {
    if (!whole(args[i])) return host_fail(h, loc, "range of these");
    v[n == 1 ? 1 : i] = args[i]->i;
  }
  if (!v[2]) return host_fail(h, loc, "range with step 0");
  host_value *list = host_new(h, HOST_LIST);
  for (int64_t i = v[0]; v[2] > 0 ? i < v[1] : i > v[1]; i += v[2]) {
    if (list->items.len >= 100000) return host_fail(h, loc, "a long range");
    tm_push(h->arena, &list->items, host_int(h, i));
  }
  return list;
}

/* itertools.product of lists. */
static host_value *product(host *h, host_value *const *args, uint32_t n,
                           tm_loc loc) {
  host_value *out = host_new(h, HOST_LIST);
  uint64_t total = 1;
  for (uint32_t i = 0; i < n; i++) {
    if (args[i]->kind != HOST_LIST) return host_fail(h, loc, "a product");
    total *= args[i]->items.len;
    if (total > 100000) return host_fail(h, loc, "a large product");
  }
  for (uint64_t t = 0; t < total; t++) {
    host_value *row = host_new(h, HOST_LIST);
    uint64_t rest = total, at = t;
    for (uint32_t i = 0; i < n; i++) {
      rest /= args[i]->items.len;
      tm_push(h->arena, &row->items, args[i]->items.data[at / rest]);
      at %= rest;
    }
    tm_push(h->arena, &out->items, row);
  }
  return out;
}

static host_value *config(host *h, host_value *const *args, uint32_t n,
                          const tm_keyword *keywords, uint32_t n_keywords,
                          host_value *const *named, tm_loc loc) {
  host_value *v = host_new(h, HOST_CONFIG);
  host_value *values = n ? args[0] : NULL;
  const host_value *warps = n > 1 ? args[1] : NULL;
  const host_value *stages = n > 2 ? args[2] : NULL;
  const host_value *hook = n > 5 ? args[5] : NULL;
  for (uint32_t k = 0; k < n_keywords; k++) {
    if (!strcmp(keywords[k].name, "kwargs")) values = named[k];
    if (!strcmp(keywords[k].name, "num_warps")) warps = named[k];
    if (!strcmp(keywords[k].name, "num_stages")) stages = named[k];
    if (!strcmp(keywords[k].name, "pre_hook")) hook = named[k];
  }
  if (!values || values->kind != HOST_DICT)
    return host_fail(h, loc, "a Config whose values are not a dict");
  if ((warps && !whole(warps)) || (stages && !whole(stages)))
    return host_fail(h, loc, "a Config with a count that is no integer");
  tm_push(h->arena, &v->items, values);
  v->num_warps = warps ? (uint32_t)warps->i : 0;
  v->num_stages = stages ? (uint32_t)stages->i : 0;
  v->has_hook = hook && hook->kind != HOST_NONE;
  return v;
}

static host_value *power_of_2(host *h, int64_t n) {
  int64_t p = 1;
  while (p < n && p < (int64_t)1 << 61) p *= 2;
  return host_int(h, p);
}

/* Functions of one number. */
static host_value *of_number(host *h, const char *name, const host_value *v,
                             tm_loc loc) {
  double x = real(v);
  if (!strcmp(name, "int")) return host_int(h, whole(v) ? v->i : (int64_t)x);
  if (!strcmp(name, "float")) return host_float(h, x);
  if (!strcmp(name, "abs"))
    return whole(v) ? host_int(h, v->i < 0 ? -v->i : v->i)
                    : host_float(h, fabs(x));
  if (!strcmp(name, "round")) /* ties to even, as rint rounds */
    return whole(v) ? host_int(h, v->i) : host_int(h, (int64_t)rint(x));
  if (!strcmp(name, "math.ceil")) return host_int(h, (int64_t)ceil(x));
  if (!strcmp(name, "math.floor")) return host_int(h, (int64_t)floor(x));
  if (!strcmp(name, "math.sqrt")) return host_float(h, sqrt(x));
  if (!strcmp(name, "math.log2")) return host_float(h, log2(x));
  if (!strcmp(name, "math.log")) return host_float(h, log(x));
  if (!strcmp(name, "math.exp")) return host_float(h, exp(x));
  return host_fail(h, loc, "the function '%s'", name);
}

static bool ends_with(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && !strcmp(name + n - m, end) &&
         (n == m || name[n - m - 1] == '.');
}

static void set_text(host *h, host_value *object, const char *name,
                     const char *text) {
  host_value *key = host_new(h, HOST_TEXT), *value = host_new(h, HOST_TEXT);
  key->text = tm_cstr(name);
  value->text = tm_cstr(text);
  tm_push(h->arena, &object->items, key);
  tm_push(h->arena, &object->items, value);
}

/* What the host is asked about itself. The environment is as if empty: what
 * is compiled depends on the source and the arguments alone. */
static host_value *surroundings(host *h, const char *name,
                                host_value *const *args, uint32_t n) {
  if ((ends_with(name, "environ.get") || ends_with(name, "getenv")) && n)
    return n > 1 ? args[1] : host_new(h, HOST_NONE);
  if (!strcmp(name, "torch.cuda.is_available") ||
      !strcmp(name, "torch.xpu.is_available"))
    return host_bool(h, false);
  /* There is no CUDA device: of no capability, as old as can be. */
  if (ends_with(name, "cuda.get_device_capability")) {
    host_value *pair = host_new(h, HOST_LIST);
    tm_push(h->arena, &pair->items, host_int(h, 0));
    tm_push(h->arena, &pair->items, host_int(h, 0));
    return pair;
  }
  if (!strcmp(name, "torch.backends.mps.is_available"))
    return host_bool(h, true);
  if (!ends_with(name, "driver.active.get_current_target") || n) return NULL;
  host_value *target = host_new(h, HOST_OBJECT);
  set_text(h, target, "backend", "metal");
  set_text(h, target, "arch", "apple");
  return target;
}

static host_value *deep_copy(host *h, host_value *v) {
  if (v->kind != HOST_LIST && v->kind != HOST_DICT && v->kind != HOST_CONFIG)
    return v;
  host_value *copy = host_new(h, v->kind);
  copy->num_warps = v->num_warps;
  copy->num_stages = v->num_stages;
  for (uint32_t i = 0; i < v->items.len; i++)
    tm_push(h->arena, &copy->items, deep_copy(h, v->items.data[i]));
  return copy;
}

/* dict(), dict(a, **more), dict(pairs) */
static host_value *dict(host *h, const host_args *args, tm_loc loc) {
  host_value *out = host_new(h, HOST_DICT);
  const host_value *from = args->n ? args->items[0] : out;
  if (args->n > 1 || (from->kind != HOST_DICT && from->kind != HOST_LIST))
    return host_fail(h, loc, "a dict of this");
  if (from->kind == HOST_DICT) {
    for (uint32_t i = 0; i < from->items.len; i += 2)
      host_dict_set(h, out, from->items.data[i], from->items.data[i + 1]);
  } else {
    for (uint32_t i = 0; i < from->items.len; i++) {
      const host_value *pair = from->items.data[i];
      if (pair->kind != HOST_LIST || pair->items.len != 2)
        return host_fail(h, loc, "a dict of what are no pairs");
      host_dict_set(h, out, pair->items.data[0], pair->items.data[1]);
    }
  }
  for (uint32_t k = 0; k < args->n_keywords; k++)
    host_dict_set(h, out, host_text(h, tm_cstr(args->keywords[k].name)),
                  args->named[k]);
  return out;
}

/* hasattr(tl, "name"), by the table of what kernels may say; -1: another
 * object. */
static int language_has(host *h, const host_value *owner, tm_str name) {
  if (owner->kind != HOST_NAME ||
      !tm_str_eq(owner->text, TM_STR("triton.language")))
    return -1;
  const char *text = tm_strndup(h->arena, name.ptr, name.len);
  const tm_builtin *row = tm_builtin_find(TM_IN_TL, text);
  return row && row->fn;
}

static host_value *partial(host *h, const host_args *args, tm_loc loc) {
  if (!args->n) return host_fail(h, loc, "a partial call of nothing");
  host_value *v = host_new(h, HOST_PARTIAL);
  host_args *bound = TM_NEW(h->arena, host_args);
  *bound = *args;
  bound->items++;
  bound->n--;
  v->bound = bound;
  tm_push(h->arena, &v->items, args->items[0]);
  return v;
}

/* int("64"), whose text must be a number. */
static host_value *int_of_text(host *h, tm_str text, tm_loc loc) {
  const char *digits = tm_strndup(h->arena, text.ptr, text.len);
  char *end;
  long long i = strtoll(digits, &end, 10);
  if (end == digits || *end) return host_fail(h, loc, "int of this text");
  return host_int(h, i);
}

/* Python's own functions that make a value of another kind; *known is false,
 * and NULL returned, when name is none of them. */
static host_value *conversion(host *h, const char *name,
                              const host_args *args, tm_loc loc,
                              bool *known) {
  host_value *one = args->n == 1 ? args->items[0] : NULL;
  bool is_list = !strcmp(name, "list") || !strcmp(name, "tuple");
  *known = true;
  if (!strcmp(name, "dict")) return dict(h, args, loc);
  if (args->n == 0 && (is_list || !strcmp(name, "set")))
    return host_new(h, HOST_LIST);
  if (one && is_list) { /* another list: one of them may grow */
    const host_value *all = host_items(h, one, loc);
    host_value *copy = host_new(h, HOST_LIST);
    for (uint32_t i = 0; all && i < all->items.len; i++)
      tm_push(h->arena, &copy->items, all->items.data[i]);
    return all ? copy : NULL;
  }
  if (one && !strcmp(name, "bool")) return host_bool(h, host_truth(one));
  if (one && !strcmp(name, "int") && one->kind == HOST_TEXT)
    return int_of_text(h, one->text, loc);
  if (one && !strcmp(name, "len") &&
      (one->kind == HOST_LIST || one->kind == HOST_DICT))
    return host_int(h, one->items.len / (one->kind == HOST_DICT ? 2 : 1));
  if (one && !strcmp(name, "len") && one->kind == HOST_TEXT)
    return host_int(h, (int64_t)one->text.len);
  tm_buf text = tm_buf_in(h->arena);
  if (one && !strcmp(name, "str") && host_print(one, &text))
    return host_text(h, (tm_str){tm_buf_text(&text), text.len});
  *known = false;
  return NULL;
}

/* Functions of numbers. */
static host_value *of_numbers(host *h, const char *name,
                              host_value *const *args, uint32_t n,
                              tm_loc loc) {
  bool wholes = n == 2 && whole(args[0]) && whole(args[1]);
  if (ends_with(name, "cdiv") && wholes && args[1]->i > 0)
    return host_int(h, (args[0]->i + args[1]->i - 1) / args[1]->i);
  if (ends_with(name, "next_power_of_2") && n == 1 && whole(args[0]))
    return power_of_2(h, args[0]->i);
  bool numbers = n == 2 && numeric(args[0]) && numeric(args[1]);
  if (numbers && !strcmp(name, "pow"))
    return host_binary(h, TM_PY_POW, args[0], args[1], loc);
  if (numbers && !strcmp(name, "math.pow"))
    return host_float(h, pow(real(args[0]), real(args[1])));
  if (n == 1 && numeric(args[0])) return of_number(h, name, args[0], loc);
  return host_fail(h, loc, "the function '%s'", name);
}

host_value *host_library(host *h, tm_str dotted, host_value *const *args,
                         uint32_t n, const tm_keyword *keywords,
                         uint32_t n_keywords, host_value *const *named,
                         tm_loc loc) {
  const char *name = tm_strndup(h->arena, dotted.ptr, dotted.len);
  /* triton.Config, and the re-exports of it that projects have. */
  if (ends_with(name, "Config"))
    return config(h, args, n, keywords, n_keywords, named, loc);
  if (!strcmp(name, "range")) return range_of(h, args, n, loc);
  if ((!strcmp(name, "min") || !strcmp(name, "max")) && !n_keywords)
    return extreme(h, !strcmp(name, "max"), args, n, loc);
  bool known;
  const host_args all = {args, n, keywords, n_keywords, named};
  host_value *made = host_sequence(h, name, &all, loc, &known);
  if (known) return made;
  made = conversion(h, name, &all, loc, &known);
  if (known) return made;
  made = surroundings(h, name, args, n);
  if (made) return made;
  if (ends_with(name, "itertools.product") || !strcmp(name, "product"))
    return product(h, args, n, loc);
  if (ends_with(name, "functools.partial") || !strcmp(name, "partial"))
    return partial(h, &all, loc);
  if (!strcmp(name, "hasattr") && n == 2 && args[1]->kind == HOST_TEXT) {
    int has = language_has(h, args[0], args[1]->text);
    if (has >= 0) return host_bool(h, has);
  }
  if (!strcmp(name, "print") || ends_with(name, "warnings.warn"))
    return host_new(h, HOST_NONE);
  if ((ends_with(name, "copy.deepcopy") || !strcmp(name, "copy.copy") ||
       !strcmp(name, "deepcopy")) && n == 1)
    return deep_copy(h, args[0]);
  return of_numbers(h, name, args, n, loc);
}
