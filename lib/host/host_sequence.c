/* SPDX-License-Identifier: MIT */
/* host_sequence.c - Python's functions over lists that decorators' arguments
 * call: filter, map, zip, enumerate, sorted, reversed, any, all, sum. Python
 * makes some of them lazily; here each is a list, which iterates the same. */
#include "hostint.h"

static host_value *called(host *h, const host_value *f, host_value *const *args,
                          uint32_t n, tm_loc loc) {
  return host_call(h, f, args, n, NULL, 0, NULL, loc);
}

static host_value *filter(host *h, host_value *const *args, tm_loc loc) {
  const host_value *from = host_items(h, args[1], loc);
  host_value *out = host_new(h, HOST_LIST);
  for (uint32_t i = 0; from && i < from->items.len; i++) {
    host_value *item = from->items.data[i], *keep = item;
    if (args[0]->kind != HOST_NONE) keep = called(h, args[0], &item, 1, loc);
    int wanted = keep ? host_decide(h, keep, loc) : -1;
    if (wanted < 0) return NULL;
    if (wanted) tm_push(h->arena, &out->items, item);
  }
  return from ? out : NULL;
}

/* Rows of the i-th items of each argument, as long as the shortest. */
static host_value *zip(host *h, host_value *const *args, uint32_t n,
                       tm_loc loc) {
  host_value *out = host_new(h, HOST_LIST);
  uint32_t rows = UINT32_MAX;
  for (uint32_t a = 0; a < n; a++) {
    const host_value *from = host_items(h, args[a], loc);
    if (!from) return NULL;
    if (from->items.len < rows) rows = from->items.len;
  }
  for (uint32_t i = 0; n && i < rows; i++) {
    host_value *row = host_new(h, HOST_LIST);
    for (uint32_t a = 0; a < n; a++)
      tm_push(h->arena, &row->items,
              host_items(h, args[a], loc)->items.data[i]);
    tm_push(h->arena, &out->items, row);
  }
  return out;
}

static host_value *map(host *h, host_value *const *args, uint32_t n,
                       tm_loc loc) {
  host_value *rows = zip(h, args + 1, n - 1, loc);
  for (uint32_t i = 0; rows && i < rows->items.len; i++) {
    const host_value *row = rows->items.data[i];
    host_value *v = called(h, args[0], row->items.data, row->items.len, loc);
    if (!v) return NULL;
    rows->items.data[i] = v;
  }
  return rows;
}

static host_value *enumerate(host *h, const host_value *from, int64_t start) {
  host_value *out = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < from->items.len; i++) {
    host_value *row = host_new(h, HOST_LIST);
    tm_push(h->arena, &row->items, host_int(h, start + i));
    tm_push(h->arena, &row->items, from->items.data[i]);
    tm_push(h->arena, &out->items, row);
  }
  return out;
}

static bool is_number(const host_value *v) {
  return v->kind == HOST_INT || v->kind == HOST_BOOL || v->kind == HOST_FLOAT;
}
static double number(const host_value *v) {
  return v->kind == HOST_FLOAT ? v->f : (double)v->i;
}

/* Numbers, texts, and lists of them in order of their items; -2 with an error
 * for others. */
static int order(host *h, const host_value *a, const host_value *b,
                 tm_loc loc) {
  if (is_number(a) && is_number(b))
    return (number(a) > number(b)) - (number(a) < number(b));
  if (a->kind == HOST_TEXT && b->kind == HOST_TEXT) {
    size_t n = a->text.len < b->text.len ? a->text.len : b->text.len;
    int c = memcmp(a->text.ptr, b->text.ptr, n);
    if (c) return c < 0 ? -1 : 1;
    return (a->text.len > b->text.len) - (a->text.len < b->text.len);
  }
  if (a->kind != HOST_LIST || b->kind != HOST_LIST) {
    host_fail(h, loc, "the order of values of these kinds");
    return -2;
  }
  for (uint32_t i = 0; i < a->items.len && i < b->items.len; i++) {
    int c = order(h, a->items.data[i], b->items.data[i], loc);
    if (c) return c;
  }
  return (a->items.len > b->items.len) - (a->items.len < b->items.len);
}

/* Stable, by insertion: these lists are short. */
host_value *host_sorted(host *h, const host_value *from,
                        const host_value *key, bool reverse, tm_loc loc) {
  host_value *out = host_new(h, HOST_LIST), *keys = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < from->items.len; i++) {
    host_value *v = from->items.data[i], *k = v;
    if (key && key->kind != HOST_NONE) k = called(h, key, &v, 1, loc);
    if (!k) return NULL;
    tm_push(h->arena, &out->items, v);
    tm_push(h->arena, &keys->items, k);
    for (uint32_t j = i; j; j--) {
      int c = order(h, keys->items.data[j - 1], k, loc);
      if (c == -2) return NULL;
      if (reverse ? c >= 0 : c <= 0) break;
      out->items.data[j] = out->items.data[j - 1];
      keys->items.data[j] = keys->items.data[j - 1];
      out->items.data[j - 1] = v;
      keys->items.data[j - 1] = k;
    }
  }
  return out;
}

static host_value *reversed(host *h, const host_value *from) {
  host_value *out = host_new(h, HOST_LIST);
  for (uint32_t i = from->items.len; i; i--)
    tm_push(h->arena, &out->items, from->items.data[i - 1]);
  return out;
}

static host_value *sum(host *h, const host_value *from, tm_loc loc) {
  double real = 0;
  int64_t whole = 0;
  bool is_real = false;
  for (uint32_t i = 0; i < from->items.len; i++) {
    const host_value *v = from->items.data[i];
    if (!is_number(v)) return host_fail(h, loc, "sum of what is no number");
    is_real |= v->kind == HOST_FLOAT;
    real += number(v);
    whole += v->kind == HOST_FLOAT ? 0 : v->i;
  }
  return is_real ? host_float(h, real) : host_int(h, whole);
}

/* sum(lists, []) */
static host_value *flattened(host *h, const host_value *from,
                             host_value *start, tm_loc loc) {
  host_value *all = start;
  for (uint32_t i = 0; all && i < from->items.len; i++)
    all = host_binary(h, TM_PY_ADD, all, from->items.data[i], loc);
  return all;
}

static host_value *truth_of_all(host *h, const host_value *from, bool wanted,
                                tm_loc loc) {
  for (uint32_t i = 0; i < from->items.len; i++) {
    int truth = host_decide(h, from->items.data[i], loc);
    if (truth < 0) return NULL;
    if (truth != wanted) return host_bool(h, !wanted);
  }
  return host_bool(h, wanted);
}

host_value *host_sequence(host *h, const char *name, const host_args *given,
                          tm_loc loc, bool *known) {
  host_value *const *args = given->items;
  uint32_t n = given->n;
  *known = true;
  if (!strcmp(name, "filter") && n == 2) return filter(h, args, loc);
  if (!strcmp(name, "map") && n >= 2) return map(h, args, n, loc);
  if (!strcmp(name, "zip")) return zip(h, args, n, loc);
  static const char *const of_one[] = {"enumerate", "sorted", "reversed",
                                       "sum", "any", "all", "set",
                                       "frozenset"};
  *known = false;
  for (size_t i = 0; n && i < TM_COUNT(of_one); i++)
    *known |= !strcmp(name, of_one[i]);
  if (!*known) return NULL;
  const host_value *from = host_items(h, args[0], loc);
  if (!from) return NULL;
  if (!strcmp(name, "enumerate"))
    return enumerate(h, from, n > 1 && args[1]->kind == HOST_INT ? args[1]->i
                                                                 : 0);
  if (n == 2 && !strcmp(name, "sum") && args[1]->kind == HOST_LIST)
    return flattened(h, from, args[1], loc);
  if (n > 1) return host_fail(h, loc, "%s of %u arguments", name, n);
  if (!strcmp(name, "sorted")) {
    host_value *reverse = host_named(given, "reverse");
    return host_sorted(h, from, host_named(given, "key"),
                       reverse && host_truth(reverse), loc);
  }
  if (strstr(name, "set")) return host_unique(h, from);
  if (!strcmp(name, "reversed")) return reversed(h, from);
  if (!strcmp(name, "sum")) return sum(h, from, loc);
  return truth_of_all(h, from, !strcmp(name, "all"), loc);
}
