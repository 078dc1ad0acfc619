/* SPDX-License-Identifier: MIT */
/*
 * record.c - classes that kernels make values of: named tuples, and classes
 * decorated with Triton's aggregate. Their values are tuples whose items have
 * names, so that loops, branches and returns carry them like tuples. Of any
 * other class kernels see only what its body binds: constants (enums too) and
 * functions.
 */
#include "value.h"

/* ---- classes ------------------------------------------------------------- */

static const char *last_name(const tm_expr *e) {
  if (e->kind == TM_EXPR_CALL) e = e->a[0];
  return e->kind == TM_EXPR_NAME || e->kind == TM_EXPR_ATTRIBUTE ? e->name
                                                                 : "";
}

static bool any_named(const tm_exprs *list, const char *const *names,
                      size_t n) {
  for (uint32_t i = 0; i < list->len; i++)
    for (size_t k = 0; k < n; k++)
      if (list->data[i] && strcmp(last_name(list->data[i]), names[k]) == 0)
        return true;
  return false;
}

static tm_lv class_value(tm_low *l, const tm_record *record) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_CLASS;
  v->record = record;
  return v;
}

typedef struct fields {
  TM_VEC(const char *) names;
  TM_VEC(const tm_expr *) defaults;
} fields;

/* Annotated names of the body, those of bases first. */
static void gather_fields(tm_low *l, const tm_record *r, fields *out) {
  for (uint32_t i = 0; i < r->n_bases; i++)
    for (uint32_t k = 0; k < r->bases[i]->n_fields; k++) {
      tm_push(l->arena, &out->names, r->bases[i]->fields[k]);
      tm_push(l->arena, &out->defaults, r->bases[i]->defaults[k]);
    }
  for (uint32_t i = 0; i < r->body->body.len; i++) {
    const tm_stmt *s = r->body->body.data[i];
    if (s->kind != TM_STMT_ANNASSIGN ||
        s->targets.data[0]->kind != TM_EXPR_NAME)
      continue;
    tm_push(l->arena, &out->names, s->targets.data[0]->name);
    tm_push(l->arena, &out->defaults, s->e);
  }
}

static void gather_bases(tm_low *l, const tm_module *module, const tm_stmt *s,
                         tm_record *r) {
  TM_VEC(const tm_record *) bases = {0};
  for (uint32_t i = 0; i < s->items.len; i++) {
    const tm_expr *e = s->items.data[i];
    if (e->kind != TM_EXPR_NAME) continue;
    tm_lv v = tm_scope_global(l, module, e->name);
    if (v && v->kind == TM_LV_CLASS) tm_push(l->arena, &bases, v->record);
  }
  r->bases = bases.data;
  r->n_bases = bases.len;
}

tm_lv tm_record_class(tm_low *l, const tm_module *module, const tm_stmt *s) {
  static const char *const tuples[] = {"NamedTuple"};
  static const char *const aggregates[] = {"aggregate", "_aggregate"};
  tm_record *r = TM_NEW(l->arena, tm_record);
  *r = (tm_record){.name = s->name, .module = module, .body = s};
  r->is_aggregate = s->definition && any_named(&s->definition->decorators,
                                               aggregates,
                                               TM_COUNT(aggregates));
  r->is_tuple = any_named(&s->items, tuples, TM_COUNT(tuples));
  gather_bases(l, module, s, r);
  if (r->is_aggregate || r->is_tuple) {
    fields f = {0};
    gather_fields(l, r, &f);
    r->fields = f.names.data;
    r->defaults = f.defaults.data;
    r->n_fields = f.names.len;
  }
  return class_value(l, r);
}

/* collections.namedtuple("P", ["x", "y"]) or ("P", "x y"). */
static tm_lv fn_namedtuple(tm_low *l, const tm_builtin_call *c) {
  tm_record *r = TM_NEW(l->arena, tm_record);
  fields f = {0};
  const char *name;
  if (!tm_want_text(l, c->args[0], "namedtuple's name", &name) || !name)
    return TM_POISONED;
  tm_lv names = c->args[1];
  if (names->kind == TM_LV_TEXT) {
    for (size_t i = 0; i < names->text.len;) {
      size_t n = 0;
      const char *from = names->text.ptr + i;
      while (i + n < names->text.len && !strchr(" ,", from[n])) n++;
      if (n) tm_push(l->arena, &f.names, tm_strndup(l->arena, from, n));
      i += n + 1;
    }
  } else {
    for (uint32_t i = 0; names->kind == TM_LV_TUPLE && i < names->n_items;
         i++) {
      const char *field;
      if (!tm_want_text(l, names->items[i], "a field's name", &field) ||
          !field)
        return TM_POISONED;
      tm_push(l->arena, &f.names, field);
    }
  }
  *r = (tm_record){.name = name, .fields = f.names.data,
                   .n_fields = f.names.len, .is_tuple = true,
                   .defaults = TM_NEW_ARRAY(l->arena, const tm_expr *,
                                            f.names.len + 1)};
  return class_value(l, r);
}

tm_lv tm_record_namedtuple(tm_low *l) {
  static const tm_builtin row = {
    .name = "namedtuple", .fn = fn_namedtuple,
    .signature = "typename, field_names, rename=False, defaults=None, "
                 "module=None"};
  return tm_builtin_bound(l, &row, NULL);
}

/* ---- members ------------------------------------------------------------- */

static const tm_stmt *find_member(const tm_record *r, const char *name,
                                  const tm_record **owner) {
  for (uint32_t i = 0; r->body && i < r->body->body.len; i++) {
    const tm_stmt *s = r->body->body.data[i];
    *owner = r;
    if (s->kind == TM_STMT_FUNCTION && strcmp(s->function->name, name) == 0)
      return s;
    for (uint32_t t = 0; s->e && t < s->targets.len; t++)
      if (s->targets.data[t]->kind == TM_EXPR_NAME &&
          strcmp(s->targets.data[t]->name, name) == 0)
        return s;
  }
  for (uint32_t i = 0; i < r->n_bases; i++) {
    const tm_stmt *s = find_member(r->bases[i], name, owner);
    if (s) return s;
  }
  return NULL;
}

static tm_lv bound(tm_low *l, const tm_function_def *f, tm_lv self) {
  static const char *const properties[] = {"property", "cached_property"};
  static const char *const unbound[] = {"staticmethod"};
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_FUNCTION;
  v->function = f;
  if (self && !any_named(&f->decorators, unbound, 1)) v->self = self;
  if (!v->self || !any_named(&f->decorators, properties, 2)) return v;
  tm_args none = {0};
  return tm_low_call(l, v, &none);
}

static tm_lv no_member(tm_low *l, const tm_record *r, const char *name) {
  tm_nearest near = {name, NULL, 0};
  for (uint32_t i = 0; i < r->n_fields; i++)
    tm_nearest_try(&near, r->fields[i]);
  for (uint32_t i = 0; r->body && i < r->body->body.len; i++) {
    const tm_stmt *s = r->body->body.data[i];
    if (s->kind == TM_STMT_FUNCTION) tm_nearest_try(&near, s->function->name);
    for (uint32_t t = 0; t < s->targets.len; t++)
      if (s->targets.data[t]->kind == TM_EXPR_NAME)
        tm_nearest_try(&near, s->targets.data[t]->name);
  }
  return tm_low_error(
      l, near.best ? tm_low_format(l, "did you mean .%s?", near.best) : NULL,
      "class %s has no '%s'", r->name, name);
}

static tm_lv member(tm_low *l, const tm_record *r, tm_lv self,
                    const char *name) {
  const tm_record *owner = NULL;
  const tm_stmt *s = find_member(r, name, &owner);
  if (!s) return no_member(l, r, name);
  if (s->kind == TM_STMT_FUNCTION) return bound(l, s->function, self);
  return tm_scope_module_expr(l, owner->module, NULL, s->e,
                              tm_low_format(l, "%s.%s", r->name, name));
}

tm_lv tm_record_class_attribute(tm_low *l, tm_lv cls, const char *name) {
  if (strcmp(name, "__name__") == 0)
    return tm_lv_text(l, cls->record->name, strlen(cls->record->name));
  return member(l, cls->record, NULL, name);
}

static int field_index(const tm_record *r, const char *name) {
  for (uint32_t i = 0; i < r->n_fields; i++)
    if (strcmp(r->fields[i], name) == 0) return (int)i;
  return -1;
}

tm_lv tm_record_attribute(tm_low *l, tm_lv v, const char *name) {
  int i = field_index(v->record, name);
  if (i < 0) return member(l, v->record, v, name);
  tm_lv item = v->items[i];
  if (item->kind == TM_LV_UNBOUND)
    return tm_low_error(l, NULL, "%s.%s is not set yet", v->record->name,
                        name);
  return item;
}

/* ---- making values -------------------------------------------------------- */

static tm_lv make_record(tm_low *l, const tm_record *r, const tm_lv *items) {
  tm_lvalue *v = (tm_lvalue *)(uintptr_t)tm_lv_tuple(l, items, r->n_fields);
  v->record = r;
  return v;
}

tm_lv tm_record_of_names(tm_low *l, const char *const *names,
                         const tm_lv *items, uint32_t n) {
  tm_record *r = TM_NEW(l->arena, tm_record);
  *r = (tm_record){.name = "named tuple", .fields = names, .n_fields = n,
                   .is_tuple = true,
                   .defaults = TM_NEW_ARRAY(l->arena, const tm_expr *, n + 1)};
  return make_record(l, r, items);
}

bool tm_record_same(const tm_record *a, const tm_record *b) {
  if (a == b) return true;
  if (!a || !b || !a->is_tuple || !b->is_tuple || a->n_fields != b->n_fields)
    return false;
  for (uint32_t i = 0; i < a->n_fields; i++)
    if (strcmp(a->fields[i], b->fields[i]) != 0) return false;
  return true;
}

static tm_lv field_value(tm_low *l, const tm_record *r, uint32_t i,
                         const tm_args *args) {
  const tm_named_lv *named = NULL;
  for (uint32_t k = 0; k < args->n_named; k++)
    if (strcmp(args->named[k].name, r->fields[i]) == 0)
      named = &args->named[k];
  if (i < args->n_items && named)
    return tm_low_error(l, NULL, "%s is given '%s' twice", r->name,
                        r->fields[i]);
  if (i < args->n_items) return args->items[i];
  if (named) return named->value;
  if (r->defaults[i])
    return tm_scope_module_expr(l, r->module, NULL, r->defaults[i],
                                r->fields[i]);
  return tm_low_error(l, NULL, "%s is made without its '%s'", r->name,
                      r->fields[i]);
}

static tm_lv make_by_fields(tm_low *l, const tm_record *r,
                            const tm_args *args) {
  for (uint32_t k = 0; k < args->n_named; k++)
    if (field_index(r, args->named[k].name) < 0)
      return no_member(l, r, args->named[k].name);
  if (args->n_items > r->n_fields)
    return tm_low_error(l, NULL, "%s has %u fields and is given %u values",
                        r->name, r->n_fields, args->n_items);
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, r->n_fields + 1);
  for (uint32_t i = 0; i < r->n_fields; i++) {
    items[i] = field_value(l, r, i, args);
    if (tm_lv_is_poison(items[i])) return items[i];
  }
  return make_record(l, r, items);
}

/* Runs __init__ on a value whose fields it may set. */
static tm_lv make_by_init(tm_low *l, const tm_record *r,
                          const tm_function_def *init, const tm_args *args) {
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, r->n_fields + 1);
  for (uint32_t i = 0; i < r->n_fields; i++)
    items[i] = tm_lv_unbound(l, "its constructor did not set it");
  tm_lvalue *self = (tm_lvalue *)(uintptr_t)make_record(l, r, items);
  tm_lv *all = TM_NEW_ARRAY(l->arena, tm_lv, args->n_items + 1);
  all[0] = self;
  if (args->n_items)
    memcpy(all + 1, args->items, args->n_items * sizeof all[0]);
  tm_args with_self = {all, args->n_items + 1, args->named, args->n_named};
  self->is_mutable = true;
  tm_lv done = tm_low_inline(l, init, &with_self);
  self->is_mutable = false;
  if (tm_lv_is_poison(done)) return done;
  for (uint32_t i = 0; i < r->n_fields; i++)
    if (self->items[i]->kind == TM_LV_UNBOUND)
      return tm_low_error(l, NULL, "%s.__init__ does not set '%s'", r->name,
                          r->fields[i]);
  return self;
}

tm_lv tm_record_make(tm_low *l, tm_lv cls, const tm_args *args) {
  const tm_record *r = cls->record, *owner;
  if (!r->is_aggregate && !r->is_tuple)
    return tm_low_unsupported(
        l, "decorate it with triton's aggregate, or make it a NamedTuple",
        "kernels cannot make objects of class %s", r->name);
  const tm_stmt *init = find_member(r, "__init__", &owner);
  if (r->is_aggregate && init && init->kind == TM_STMT_FUNCTION)
    return make_by_init(l, r, init->function, args);
  return make_by_fields(l, r, args);
}

void tm_record_set(tm_low *l, tm_lv v, const char *name, tm_lv value) {
  if (tm_lv_is_poison(v)) return;
  if (v->kind != TM_LV_TUPLE || !v->record) {
    tm_low_error(l, "assign to a variable", "cannot set '%s' of %s", name,
                 tm_lv_describe(l, v));
    return;
  }
  int i = field_index(v->record, name);
  if (i < 0) {
    no_member(l, v->record, name);
  } else if (!v->is_mutable) {
    tm_low_error(l, "make a new one with the changed field",
                 "fields of %s can be set only in its __init__",
                 v->record->name);
  } else {
    ((tm_lv *)(uintptr_t)v->items)[i] = value;
  }
}

/* ---- operators ------------------------------------------------------------ */

tm_lv tm_record_operator(tm_low *l, tm_lv v, const char *name, tm_lv with) {
  tm_lv method = member(l, v->record, v, name);
  tm_args args = {&with, 1, NULL, 0};
  return tm_lv_is_poison(method) ? method : tm_low_call(l, method, &args);
}

static bool has_member(tm_lv v, const char *name) {
  const tm_record *owner;
  return v->kind == TM_LV_TUPLE && v->record && v->record->is_aggregate &&
         find_member(v->record, name, &owner);
}

tm_lv tm_record_binary(tm_low *l, tm_py_op op, tm_lv a, tm_lv b) {
  static const char *const names[][2] = {
    [TM_PY_ADD] = {"__add__", "__radd__"},
    [TM_PY_SUB] = {"__sub__", "__rsub__"},
    [TM_PY_MUL] = {"__mul__", "__rmul__"},
    [TM_PY_DIV] = {"__truediv__", "__rtruediv__"},
    [TM_PY_FLOORDIV] = {"__floordiv__", "__rfloordiv__"},
    [TM_PY_MOD] = {"__mod__", "__rmod__"},
    [TM_PY_AND] = {"__and__", "__rand__"},
    [TM_PY_OR] = {"__or__", "__ror__"},
    [TM_PY_XOR] = {"__xor__", "__rxor__"},
    [TM_PY_EQ] = {"__eq__", "__eq__"}, [TM_PY_NE] = {"__ne__", "__ne__"},
    [TM_PY_LT] = {"__lt__", "__gt__"}, [TM_PY_LE] = {"__le__", "__ge__"},
    [TM_PY_GT] = {"__gt__", "__lt__"}, [TM_PY_GE] = {"__ge__", "__le__"}};
  if ((size_t)op >= TM_COUNT(names) || !names[op][0]) return NULL;
  if (has_member(a, names[op][0]))
    return tm_record_operator(l, a, names[op][0], b);
  if (has_member(b, names[op][1]))
    return tm_record_operator(l, b, names[op][1], a);
  return NULL;
}
