/* SPDX-License-Identifier: MIT */
/*
 * host_method.c - methods and attributes of the host evaluator's values:
 * lists, dicts, strings and triton.Config.
 */
#include "hostint.h"

host_value *host_named(const host_args *args, const char *name) {
  for (uint32_t k = 0; k < args->n_keywords; k++)
    if (strcmp(args->keywords[k].name, name) == 0) return args->named[k];
  return NULL;
}

bool host_print(const host_value *v, tm_buf *out) {
  switch (v->kind) {
    case HOST_NONE: tm_buf_puts(out, "None"); return true;
    case HOST_BOOL: tm_buf_puts(out, v->i ? "True" : "False"); return true;
    case HOST_INT: tm_buf_printf(out, "%lld", (long long)v->i); return true;
    case HOST_TEXT: tm_buf_add(out, v->text.ptr, v->text.len); return true;
    default: return false;
  }
}

/* ---- lists --------------------------------------------------------------- */

static void insert(host *h, host_value *list, int64_t at, host_value *v) {
  int64_t n = list->items.len;
  at = at < 0 ? (at + n < 0 ? 0 : at + n) : at > n ? n : at;
  tm_push(h->arena, &list->items, v);
  for (int64_t i = n; i > at; i--)
    list->items.data[i] = list->items.data[i - 1];
  list->items.data[at] = v;
}

static host_value *removed(host *h, host_value *list, int64_t at,
                           tm_loc loc) {
  int64_t n = list->items.len;
  if (at < 0) at += n;
  if (at < 0 || at >= n) return host_fail(h, loc, "an index outside the list");
  host_value *v = list->items.data[at];
  for (int64_t i = at; i + 1 < n; i++)
    list->items.data[i] = list->items.data[i + 1];
  list->items.len--;
  return v;
}

static host_value *copied(host *h, const host_value *v) {
  host_value *copy = host_new(h, v->kind);
  for (uint32_t i = 0; i < v->items.len; i++)
    tm_push(h->arena, &copy->items, v->items.data[i]);
  return copy;
}

static int64_t position(const host_value *list, const host_value *v) {
  for (uint32_t i = 0; i < list->items.len; i++)
    if (host_equal(list->items.data[i], v)) return i;
  return -1;
}

static host_value *list_method(host *h, host_value *self, const char *name,
                               const host_args *args, tm_loc loc) {
  uint32_t n = args->n;
  host_value *one = n ? args->items[0] : NULL;
  if (n == 1 && (!strcmp(name, "append") || !strcmp(name, "add"))) {
    bool is_set = name[1] == 'd';
    if (!is_set || position(self, one) < 0)
      tm_push(h->arena, &self->items, one);
    return host_new(h, HOST_NONE);
  }
  if (n == 1 && (!strcmp(name, "extend") || !strcmp(name, "update"))) {
    const host_value *all = host_items(h, one, loc);
    for (uint32_t i = 0; all && i < all->items.len; i++)
      tm_push(h->arena, &self->items, all->items.data[i]);
    return all ? host_new(h, HOST_NONE) : NULL;
  }
  if (n == 2 && !strcmp(name, "insert") && one->kind == HOST_INT) {
    insert(h, self, one->i, args->items[1]);
    return host_new(h, HOST_NONE);
  }
  if (n <= 1 && !strcmp(name, "pop"))
    return removed(h, self, one ? one->i : -1, loc);
  if (n == 1 && (!strcmp(name, "remove") || !strcmp(name, "index"))) {
    int64_t at = position(self, one);
    if (at < 0) return host_fail(h, loc, "a value that is not in the list");
    if (name[0] == 'i') return host_int(h, at);
    return removed(h, self, at, loc) ? host_new(h, HOST_NONE) : NULL;
  }
  if (n == 0 && !strcmp(name, "copy")) return copied(h, self);
  if (n == 0 && !strcmp(name, "sort")) {
    host_value *reverse = host_named(args, "reverse");
    host_value *v = host_sorted(h, self, host_named(args, "key"),
                                reverse && host_truth(reverse), loc);
    if (!v) return NULL;
    self->items = v->items;
    return host_new(h, HOST_NONE);
  }
  return host_fail(h, loc, "the method '%s' of a list", name);
}

/* ---- dicts --------------------------------------------------------------- */

static host_value *dict_view(host *h, const host_value *self,
                             const char *name) {
  host_value *list = host_new(h, HOST_LIST);
  for (uint32_t i = 0; i < self->items.len; i += 2) {
    host_value *v = self->items.data[i + (name[0] == 'v')];
    if (name[0] == 'i') { /* items */
      v = host_new(h, HOST_LIST);
      tm_push(h->arena, &v->items, self->items.data[i]);
      tm_push(h->arena, &v->items, self->items.data[i + 1]);
    }
    tm_push(h->arena, &list->items, v);
  }
  return list;
}

static host_value *update(host *h, host_value *self, const host_args *args,
                          tm_loc loc) {
  for (uint32_t k = 0; k < args->n; k++) {
    const host_value *more = args->items[k];
    if (more->kind != HOST_DICT)
      return host_fail(h, loc, "an update by what is not a dict");
    for (uint32_t i = 0; i < more->items.len; i += 2)
      host_dict_set(h, self, more->items.data[i], more->items.data[i + 1]);
  }
  for (uint32_t k = 0; k < args->n_keywords; k++)
    host_dict_set(h, self, host_text(h, tm_cstr(args->keywords[k].name)),
                  args->named[k]);
  return host_new(h, HOST_NONE);
}

static host_value *dict_method(host *h, host_value *self, const char *name,
                               const host_args *args, tm_loc loc) {
  uint32_t n = args->n;
  bool pops = !strcmp(name, "pop"), sets = !strcmp(name, "setdefault");
  if ((pops || sets || !strcmp(name, "get")) && n >= 1 && n <= 2) {
    host_value *absent = n == 2 ? args->items[1] : host_new(h, HOST_NONE);
    for (uint32_t i = 0; i < self->items.len; i += 2) {
      if (!host_equal(self->items.data[i], args->items[0])) continue;
      host_value *v = self->items.data[i + 1];
      if (pops) removed(h, self, i, loc), removed(h, self, i, loc);
      return v;
    }
    if (pops && n == 1) return host_fail(h, loc, "a key that is not there");
    if (sets) host_dict_set(h, self, args->items[0], absent);
    return absent;
  }
  if (n == 0 && (!strcmp(name, "items") || !strcmp(name, "keys") ||
                 !strcmp(name, "values")))
    return dict_view(h, self, name);
  if (n == 0 && !strcmp(name, "copy")) return copied(h, self);
  if (!strcmp(name, "update")) return update(h, self, args, loc);
  return host_fail(h, loc, "the method '%s' of a dict", name);
}

/* ---- strings ------------------------------------------------------------- */

static host_value *text_method(host *h, const host_value *self,
                               const char *name, const host_args *args,
                               tm_loc loc) {
  tm_str all = self->text;
  const host_value *one = args->n == 1 ? args->items[0] : NULL;
  if (one && one->kind == HOST_TEXT && one->text.len <= all.len) {
    size_t n = one->text.len;
    if (!strcmp(name, "startswith"))
      return host_bool(h, !memcmp(all.ptr, one->text.ptr, n));
    if (!strcmp(name, "endswith"))
      return host_bool(h, !memcmp(all.ptr + all.len - n, one->text.ptr, n));
  } else if (one && one->kind == HOST_TEXT && strstr(name, "swith")) {
    return host_bool(h, false);
  }
  bool lower = !strcmp(name, "lower"), upper = !strcmp(name, "upper");
  if (args->n == 0 && (lower || upper)) {
    char *text = tm_strndup(h->arena, all.ptr, all.len);
    for (char *p = text; *p; p++) {
      if (lower && *p >= 'A' && *p <= 'Z') *p += 'a' - 'A';
      if (upper && *p >= 'a' && *p <= 'z') *p -= 'a' - 'A';
    }
    return host_text(h, (tm_str){text, all.len});
  }
  return host_fail(h, loc, "the method '%s' of a string", name);
}

/* ---- triton.Config ------------------------------------------------------- */

/* Where Triton's own defaults are asked for: 4 warps, 3 stages, 1 CTA. */
static host_value *config_attribute(host *h, const host_value *v,
                                    const char *name) {
  if (!strcmp(name, "kwargs")) return v->items.data[0];
  if (!strcmp(name, "num_warps"))
    return host_int(h, v->num_warps ? v->num_warps : 4);
  if (!strcmp(name, "num_stages"))
    return host_int(h, v->num_stages ? v->num_stages : 3);
  if (!strcmp(name, "num_ctas")) return host_int(h, 1);
  if (!strcmp(name, "pre_hook") || !strcmp(name, "maxnreg"))
    return host_new(h, HOST_NONE);
  return NULL;
}

bool host_set_attribute(host *h, host_value *v, const char *name,
                        host_value *value) {
  (void)h;
  if (v->kind != HOST_CONFIG) return false;
  if (!strcmp(name, "kwargs") && value->kind == HOST_DICT)
    return v->items.data[0] = value, true;
  if (!strcmp(name, "num_warps") && value->kind == HOST_INT)
    return v->num_warps = (uint32_t)value->i, true;
  if (!strcmp(name, "num_stages") && value->kind == HOST_INT)
    return v->num_stages = (uint32_t)value->i, true;
  if (!strcmp(name, "pre_hook"))
    return v->has_hook = value->kind != HOST_NONE, true;
  return !strcmp(name, "num_ctas") || !strcmp(name, "maxnreg");
}

static host_value *config_method(host *h, const host_value *self,
                                 const char *name, tm_loc loc) {
  if (strcmp(name, "all_kwargs"))
    return host_fail(h, loc, "the method '%s' of a Config", name);
  host_value *all = copied(h, self->items.data[0]);
  static const char *const names[] = {"num_warps", "num_ctas", "num_stages"};
  for (size_t i = 0; i < TM_COUNT(names); i++)
    host_dict_set(h, all, host_text(h, tm_cstr(names[i])),
                  config_attribute(h, self, names[i]));
  return all;
}

/* ---- classes and partial calls ----------------------------------------------- */

/* Cls.SIZES, Cls.make */
static host_value *class_attribute(host *h, const host_value *v,
                                   const char *name) {
  const tm_stmts *body = &v->definition->body;
  for (uint32_t i = body->len; i-- > 0;) {
    const tm_stmt *s = body->data[i];
    if (s->kind == TM_STMT_FUNCTION && !strcmp(s->function->name, name)) {
      host_value *f = host_new(h, HOST_FUNCTION);
      f->function = s->function;
      return f;
    }
    bool assigns = s->kind == TM_STMT_ASSIGN || s->kind == TM_STMT_ANNASSIGN;
    if (!assigns || !s->e || s->targets.len != 1 ||
        s->targets.data[0]->kind != TM_EXPR_NAME ||
        strcmp(s->targets.data[0]->name, name) != 0)
      continue;
    host_frame *frame = TM_NEW(h->arena, host_frame);
    frame->module = v->module;
    return host_eval(h, frame, s->e);
  }
  return host_fail(h, v->definition->loc, "the attribute '%s' of a class",
                   name);
}

host_value *host_construct(host *h, const host_value *class_,
                           const host_args *args, tm_loc loc) {
  const tm_stmts *body = &class_->definition->body;
  host_value *object = host_new(h, HOST_OBJECT);
  host_frame frame = {.module = class_->module};
  uint32_t used = 0;
  for (uint32_t i = 0; i < body->len; i++) {
    const tm_stmt *s = body->data[i];
    if (s->kind == TM_STMT_FUNCTION && !strcmp(s->function->name, "__init__"))
      return host_fail(h, loc, "an object of a class with __init__");
    if (s->kind != TM_STMT_ANNASSIGN ||
        s->targets.data[0]->kind != TM_EXPR_NAME)
      continue;
    const char *name = s->targets.data[0]->name;
    host_value *v = used < args->n ? args->items[used++] : NULL;
    if (!v) v = host_named(args, name);
    if (!v && s->e) v = host_eval(h, &frame, s->e);
    if (!v) return host_fail(h, loc, "an object without '%s'", name);
    tm_push(h->arena, &object->items, host_text(h, tm_cstr(name)));
    tm_push(h->arena, &object->items, v);
  }
  if (used < args->n || !object->items.len)
    return host_fail(h, loc, "an object of this class");
  return object;
}

host_args host_joined_args(host *h, const host_args *a, const host_args *b) {
  uint32_t n = a->n + b->n, k = a->n_keywords + b->n_keywords;
  host_value **items = TM_NEW_ARRAY(h->arena, host_value *, n + 1);
  host_value **named = TM_NEW_ARRAY(h->arena, host_value *, k + 1);
  tm_keyword *keywords = TM_NEW_ARRAY(h->arena, tm_keyword, k + 1);
  for (uint32_t i = 0; i < n; i++)
    items[i] = i < a->n ? a->items[i] : b->items[i - a->n];
  /* The later call's come first: they replace the earlier's. */
  for (uint32_t i = 0; i < k; i++) {
    const host_args *from = i < b->n_keywords ? b : a;
    uint32_t at = i < b->n_keywords ? i : i - b->n_keywords;
    named[i] = from->named[at];
    keywords[i] = from->keywords[at];
  }
  return (host_args){items, n, keywords, k, named};
}

/* ---- all of them --------------------------------------------------------- */

host_value *host_method(host *h, host_value *self, const char *name,
                        const host_args *args, tm_loc loc) {
  switch (self->kind) {
    case HOST_LIST: return list_method(h, self, name, args, loc);
    case HOST_DICT: return dict_method(h, self, name, args, loc);
    case HOST_TEXT: return text_method(h, self, name, args, loc);
    case HOST_CONFIG: return config_method(h, self, name, loc);
    case HOST_BUFFER:
      if (!strcmp(name, "element_size") && self->i)
        return host_int(h, self->i);
      return host_fail(h, loc, "the method '%s' of a buffer", name);
    case HOST_INT:
      if (!strcmp(name, "bit_length") && args->n == 0) {
        uint64_t x = self->i < 0 ? 0 - (uint64_t)self->i : (uint64_t)self->i;
        int64_t bits = 0;
        for (; x; x >>= 1) bits++;
        return host_int(h, bits);
      }
      return host_fail(h, loc, "the method '%s' of an integer", name);
    default: return host_fail(h, loc, "the method '%s'", name);
  }
}

host_value *host_attribute(host *h, host_value *v, const char *name,
                           tm_loc loc) {
  host_value *found = v->kind == HOST_OBJECT   ? host_dict_get(v, name)
                      : v->kind == HOST_CONFIG ? config_attribute(h, v, name)
                                               : NULL;
  if (found) return found;
  if (v->kind == HOST_CLASS) return class_attribute(h, v, name);
  if (v->kind != HOST_NAME) return host_fail(h, loc, "the attribute '%s'", name);
  v = host_dotted(h, tm_strndup(h->arena, v->text.ptr, v->text.len), name);
  /* PyTorch's way to ask for a vendor: here it is neither. */
  if (tm_str_eq(v->text, TM_STR("torch.version.hip")) ||
      tm_str_eq(v->text, TM_STR("torch.version.cuda")))
    return host_new(h, HOST_NONE);
  /* The version whose language this is. */
  if (tm_str_eq(v->text, TM_STR("triton.__version__")))
    return host_text(h, TM_STR("3.9.0"));
  return v;
}
