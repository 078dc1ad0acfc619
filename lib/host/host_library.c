/* SPDX-License-Identifier: MIT */
/* host_library.c - the functions of Python, Triton and math that decorators'
 * arguments call, by their dotted names. */
#include "hostint.h"

#include <math.h>

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
  for (uint32_t k = 0; k < n_keywords; k++) {
    if (!strcmp(keywords[k].name, "kwargs")) values = named[k];
    if (!strcmp(keywords[k].name, "num_warps")) warps = named[k];
    if (!strcmp(keywords[k].name, "num_stages")) stages = named[k];
  }
  if (!values || values->kind != HOST_DICT)
    return host_fail(h, loc, "a Config whose values are not a dict");
  if ((warps && !whole(warps)) || (stages && !whole(stages)))
    return host_fail(h, loc, "a Config with a count that is no integer");
  tm_push(h->arena, &v->items, values);
  v->num_warps = warps ? (uint32_t)warps->i : 0;
  v->num_stages = stages ? (uint32_t)stages->i : 0;
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
  if (!strcmp(name, "torch.backends.mps.is_available"))
    return host_bool(h, true);
  if (!ends_with(name, "driver.active.get_current_target") || n) return NULL;
  host_value *target = host_new(h, HOST_OBJECT);
  set_text(h, target, "backend", "metal");
  set_text(h, target, "arch", "apple");
  return target;
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
  if (!strcmp(name, "min") || !strcmp(name, "max"))
    return extreme(h, !strcmp(name, "max"), args, n, loc);
  bool known;
  host_value *made = host_sequence(h, name, args, n, loc, &known);
  if (known) return made;
  made = surroundings(h, name, args, n);
  if (made) return made;
  if (ends_with(name, "itertools.product") || !strcmp(name, "product"))
    return product(h, args, n, loc);
  if ((ends_with(name, "cdiv")) && n == 2 && whole(args[0]) &&
      whole(args[1]) && args[1]->i > 0)
    return host_int(h, (args[0]->i + args[1]->i - 1) / args[1]->i);
  if (ends_with(name, "next_power_of_2") && n == 1 && whole(args[0]))
    return power_of_2(h, args[0]->i);
  if (!strcmp(name, "len") && n == 1 &&
      (args[0]->kind == HOST_LIST || args[0]->kind == HOST_DICT))
    return host_int(h, args[0]->items.len /
                           (args[0]->kind == HOST_DICT ? 2 : 1));
  if (!strcmp(name, "bool") && n == 1)
    return host_bool(h, host_truth(args[0]));
  if ((!strcmp(name, "list") || !strcmp(name, "tuple")) && n == 1)
    return (host_value *)host_items(h, args[0], loc);
  if (!strcmp(name, "dict") && n == 0) {
    host_value *dict = host_new(h, HOST_DICT);
    for (uint32_t k = 0; k < n_keywords; k++) {
      host_value *key = host_new(h, HOST_TEXT);
      key->text = tm_cstr(keywords[k].name);
      tm_push(h->arena, &dict->items, key);
      tm_push(h->arena, &dict->items, named[k]);
    }
    return dict;
  }
  if (n == 1 && numeric(args[0])) return of_number(h, name, args[0], loc);
  return host_fail(h, loc, "the function '%s'", name);
}
