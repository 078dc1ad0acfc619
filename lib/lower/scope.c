/* SPDX-License-Identifier: MIT */
/*
 * scope.c - what names mean.
 *
 * A name is looked up in the function's variables, then in its module, then
 * among Python's builtins. Module code is evaluated on demand, a binding at a
 * time, with the same evaluator that lowers kernels but under Python's rules
 * and quietly: what it cannot evaluate becomes an opaque value, which is an
 * error only where a kernel uses it. Imports lead to other modules of the
 * set, or to the namespaces that come with Triton.
 */
#include "value.h"

#include <math.h>
#include <stdlib.h>

TM_BUILTIN_FN(none);

/* ---- local variables ---------------------------------------------------- */

tm_name tm_low_name(tm_low *l, const char *text) {
  return tm_intern_cstr(&l->ir->names, text);
}

enum { FEW_VARIABLES = 12 }; /* found as fast without a map */

tm_binding *tm_scope_find(tm_low *l, tm_name name) {
  tm_frame *f = l->frame;
  tm_bindings *vars = &f->vars;
  if (vars->len > FEW_VARIABLES) {
    uint64_t i = 0;
    f->places.arena = l->arena;
    for (; f->placed < vars->len; f->placed++)
      tm_map_put(&f->places, TM_KEY(vars->data[f->placed].name), f->placed);
    bool found = tm_map_get(&f->places, TM_KEY(name), &i) && i < vars->len;
    return found && vars->data[i].name == name ? &vars->data[i] : NULL;
  }
  for (uint32_t i = 0; i < vars->len; i++)
    if (vars->data[i].name == name) return &vars->data[i];
  return NULL;
}

void tm_scope_set(tm_low *l, tm_name name, tm_lv value, tm_loc loc) {
  tm_frame *f = l->frame;
  tm_binding *b = tm_scope_find(l, name);
  tm_binding made = {name, value, loc};
  if (!b) {
    tm_push(l->arena, &f->vars, made);
    return;
  }
  if (f->open_marks) {
    tm_change change = {(uint32_t)(b - f->vars.data), *b};
    tm_push(l->arena, &f->journal, change);
  }
  *b = made;
}

/* ---- taking changes back ------------------------------------------------- */

tm_scope_mark tm_scope_enter(tm_low *l) {
  tm_frame *f = l->frame;
  f->open_marks++;
  return (tm_scope_mark){f->vars.len, f->journal.len};
}

static int by_index(const void *a, const void *b) {
  uint32_t x = ((const tm_change *)a)->index;
  uint32_t y = ((const tm_change *)b)->index;
  return (x > y) - (x < y);
}

static void gather_changes(tm_low *l, tm_scope_mark mark, tm_changes *out) {
  tm_frame *f = l->frame;
  for (uint32_t i = mark.journal; i < f->journal.len; i++) {
    uint32_t index = f->journal.data[i].index;
    tm_change now = {index, f->vars.data[index]};
    if (index < mark.vars) tm_push(l->arena, out, now);
  }
  if (out->len)
    qsort(out->data, out->len, sizeof out->data[0], by_index);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < out->len; i++)
    if (i == 0 || out->data[i].index != out->data[i - 1].index)
      out->data[kept++] = out->data[i];
  out->len = kept;
  for (uint32_t i = mark.vars; i < f->vars.len; i++) {
    tm_change made = {i, f->vars.data[i]};
    tm_push(l->arena, out, made);
  }
}

void tm_scope_leave(tm_low *l, tm_scope_mark mark, tm_changes *out) {
  tm_frame *f = l->frame;
  if (out) gather_changes(l, mark, out);
  while (f->journal.len > mark.journal) {
    const tm_change *c = &f->journal.data[--f->journal.len];
    f->vars.data[c->index] = c->binding;
  }
  f->vars.len = mark.vars;
  if (f->placed > mark.vars) f->placed = mark.vars;
  f->open_marks--;
}

void tm_scope_apply(tm_low *l, const tm_changes *changes) {
  for (uint32_t i = 0; i < changes->len; i++) {
    const tm_binding *b = &changes->data[i].binding;
    tm_scope_set(l, b->name, b->value, b->loc);
  }
}

/* ---- namespaces --------------------------------------------------------- */

typedef struct space {
  const char *path;
  uint32_t bits;
} space;

static const space spaces[] = {
  {"triton", TM_IN_TRITON},
  {"triton_metal", TM_IN_TRITON},
  {"triton.language", TM_IN_TL},
  {"triton_metal.language", TM_IN_TL},
  {"triton.language.core", TM_IN_TL},
  {"triton.language.standard", TM_IN_TL},
  {"triton.language.random", TM_IN_TL},
  {"triton.language.math", TM_IN_MATH | TM_IN_DEVICE},
  {"triton.language.libdevice", TM_IN_DEVICE},
  {"triton.language.extra", TM_IN_CUDA},
  {"triton.language.extra.libdevice", TM_IN_DEVICE},
  {"triton.language.extra.cuda", TM_IN_CUDA},
  {"triton.language.extra.cuda.utils", TM_IN_CUDA},
  {"triton.language.extra.cuda.libdevice", TM_IN_DEVICE},
  {"triton.language.extra.hip", TM_IN_CUDA},
  {"triton.language.extra.hip.libdevice", TM_IN_DEVICE},
  {"triton.language.extra.intel", TM_IN_CUDA},
  {"triton.language.extra.intel.libdevice", TM_IN_DEVICE},
  {"triton.language.target_info", TM_IN_TARGET},
  {"triton.language.PropagateNan", 0},
  {"triton.profiler.language", 0},
  {"triton.profiler", 0},
  {"collections", 0},
  {"packaging", 0},
  {"packaging.version", 0},
  {"importlib", 0},
  {"importlib.util", 0},
  {"math", TM_IN_PYMATH},
  {"builtins", TM_IN_PYTHON},
};

const char *tm_space_path(int s) { return spaces[s].path; }

static tm_lv space_value(tm_low *l, size_t index) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_SPACE;
  v->space = (int)index;
  return v;
}

tm_lv tm_space_import(tm_low *l, const char *path) {
  for (size_t i = 0; i < TM_COUNT(spaces); i++)
    if (strcmp(spaces[i].path, path) == 0) return space_value(l, i);
  return NULL;
}

/* Names that are not functions. */
static tm_lv space_constant(tm_low *l, const space *s, const char *name) {
  if (s->bits & TM_IN_TL) {
    tm_dtype d = tm_dtype_find(name, strlen(name));
    if (d < TM_DTYPES && strcmp(tm_dtype_infos[d].name, name) == 0)
      return tm_lv_type(l, tm_lt_scalar(l, d));
    if (strcmp(name, "pi32_t") == 0)
      return tm_lv_type(l, tm_lt_pointer(l, tm_lt_scalar(l, TM_DT_I32)));
    if (strcmp(name, "TRITON_MAX_TENSOR_NUMEL") == 0)
      return tm_lv_int(l, 1048576); /* triton/_utils.py */
  }
  if (s->bits & TM_IN_PYMATH) {
    static const struct { const char *name; double value; } numbers[] = {
      {"pi", 3.14159265358979323846}, {"e", 2.71828182845904523536},
      {"tau", 6.28318530717958647693}, {"inf", INFINITY}, {"nan", NAN}};
    for (size_t i = 0; i < TM_COUNT(numbers); i++)
      if (strcmp(numbers[i].name, name) == 0)
        return tm_lv_float(l, numbers[i].value);
  }
  if (strcmp(s->path, "triton.language.PropagateNan") == 0) {
    if (strcmp(name, "ALL") == 0) return tm_lv_bool(true);
    if (strcmp(name, "NONE") == 0) return tm_lv_bool(false);
  }
  if (strcmp(s->path, "collections") == 0 && strcmp(name, "namedtuple") == 0)
    return tm_record_namedtuple(l);
  tm_lv host = tm_host_function(l, s->path, name);
  if (host) return host;
  if (strcmp(s->path, "triton.profiler.language") == 0) {
    /* The profiler's marks in a kernel: nothing to compute. */
    static const tm_builtin mark = {.name = "scope", .fn = tm_fn_none,
                                    .signature = "name=None, *more"};
    return tm_builtin_bound(l, &mark, NULL);
  }
  if ((s->bits & TM_IN_TRITON) && strcmp(name, "__version__") == 0)
    return tm_lv_text(l, "3.6.0", 5); /* the dialect that is followed */
  return NULL;
}

/* The path of a nested namespace, through the aliases' shared prefix. */
static tm_lv space_child(tm_low *l, const space *s, const char *name) {
  return tm_space_import(l, tm_low_format(l, "%s.%s", s->path, name));
}

static tm_lv space_find(tm_low *l, int index, const char *name) {
  const space *s = &spaces[index];
  tm_lv v = space_child(l, s, name);
  if (!v && strncmp(s->path, "triton_metal", 12) == 0)
    v = tm_space_import(l, tm_low_format(l, "triton%s.%s", s->path + 12,
                                         name));
  if (!v) v = space_constant(l, s, name);
  if (v) return v;
  const tm_builtin *row = tm_builtin_find(s->bits, name);
  return row ? tm_builtin_bound(l, row, NULL) : NULL;
}

/* Names that machine-written kernels invent, with what does exist. */
static const char *known_substitute(const char *name) {
  static const struct { const char *name, *hint; } table[] = {
    {"relu", "write tl.maximum(x, 0.0)"},
    {"leaky_relu", "write tl.where(x >= 0, x, slope * x)"},
    {"gelu", "write 0.5 * x * (1 + tl.erf(x * 0.7071067811865476))"},
    {"silu", "write x * tl.sigmoid(x)"},
    {"tanh", "write 2 * tl.sigmoid(2 * x) - 1, or libdevice.tanh(x)"},
    {"pow", "write libdevice.pow(x, y), from triton.language.extra"},
    {"mean", "write tl.sum(x, axis) / n"},
    {"var", "write tl.sum((x - mean) * (x - mean), axis) / n"},
    {"ones", "write tl.full(shape, 1, dtype)"},
    {"matmul", "write tl.dot(a, b)"},
    {"concat", "write tl.cat(a, b)"}, {"concatenate", "write tl.cat(a, b)"},
    {"square", "write x * x"},
    {"prod", "write tl.reduce(x, axis, combine_fn)"},
    {"isnan", "write x != x, or libdevice.isnan(x)"},
    {"isinf", "write libdevice.isinf(x)"},
    {"log1p", "write libdevice.log1p(x)"},
    {"expm1", "write libdevice.expm1(x)"},
    {"round", "write libdevice.rint(x)"},
    {"thread_id", "Triton has no thread indices; tl.arange gives elements"},
    {"syncthreads", "write tl.debug_barrier()"},
    {"any", "write tl.max(x.to(tl.int32), axis)"},
    {"all", "write tl.min(x.to(tl.int32), axis)"},
  };
  for (size_t i = 0; i < TM_COUNT(table); i++)
    if (strcmp(table[i].name, name) == 0) return table[i].hint;
  return NULL;
}

static tm_lv space_attribute(tm_low *l, int index, const char *name) {
  tm_lv v = space_find(l, index, name);
  if (v) return v;
  const space *s = &spaces[index];
  if (s->bits & TM_IN_TRITON)
    return tm_lv_opaque(l, tm_low_format(l, "%s.%s", s->path, name));
  const char *hint = known_substitute(name);
  if (!hint) {
    tm_nearest near = {name, NULL, 0};
    tm_builtin_nearest(s->bits, &near);
    if (s->bits & TM_IN_TL)
      for (int d = 0; d < TM_DTYPES; d++)
        tm_nearest_try(&near, tm_dtype_infos[d].name);
    hint = near.best ? tm_low_format(l, "did you mean %s?", near.best)
                     : "docs/language.md lists what there is";
  }
  return tm_low_error(l, hint, "%s has no '%s'", s->path, name);
}

/* ---- module code -------------------------------------------------------- */

tm_lv tm_scope_module_expr(tm_low *l, const tm_module *module,
                           const tm_stmt *at, const tm_expr *e,
                           const char *name) {
  tm_frame frame = {.caller = l->frame, .module = module, .at = at,
                    .is_python = true};
  uint32_t code = l->ir->insts.len;
  l->frame = &frame;
  l->quiet++;
  tm_lv v = tm_low_expr(l, e);
  l->quiet--;
  l->frame = frame.caller;
  bool emitted = l->ir->insts.len != code;
  if (tm_lv_is_poison(v) || emitted || tm_lv_has_run(v))
    return tm_lv_opaque(l, tm_low_format(l, "%s, which module code computes",
                                         name));
  return v;
}

static tm_lv unpack_target(tm_low *l, const tm_module *module,
                           const tm_stmt *s, const tm_expr *target,
                           tm_name name) {
  if (target->kind == TM_EXPR_NAME)
    return target->name == name
               ? tm_scope_module_expr(l, module, s, s->e, name)
               : NULL;
  if (target->kind != TM_EXPR_TUPLE && target->kind != TM_EXPR_LIST)
    return NULL;
  for (uint32_t i = 0; i < target->items.len; i++) {
    const tm_expr *item = target->items.data[i];
    if (item->kind != TM_EXPR_NAME || item->name != name) continue;
    tm_lv v = tm_scope_module_expr(l, module, s, s->e, name);
    if (v->kind == TM_LV_TUPLE && i < v->n_items) return v->items[i];
    return v->kind == TM_LV_OPAQUE
               ? v
               : tm_lv_opaque(l, tm_low_format(l, "%s, from an unpacking",
                                               name));
  }
  return NULL;
}

static tm_lv import_module(tm_low *l, const tm_module *module,
                           const char *path) {
  tm_lv v = tm_space_import(l, path);
  if (v) return v;
  const tm_module *found = tm_modules_find(module->owner, path);
  if (found) {
    tm_lvalue *m = TM_NEW(l->arena, tm_lvalue);
    m->kind = TM_LV_MODULE;
    m->module = found;
    return m;
  }
  return NULL;
}

static tm_lv import_plain(tm_low *l, const tm_module *module,
                          const tm_import *import) {
  const char *path = import->path;
  const char *dot = strchr(path, '.');
  /* `import a.b` binds a; `import a.b as c` binds a.b. */
  if (dot && !import->has_as)
    path = tm_strndup(l->arena, path, (size_t)(dot - path));
  tm_lv v = import_module(l, module, path);
  return v ? v : tm_lv_opaque(l, path);
}

static tm_lv import_from(tm_low *l, const tm_module *module,
                         const tm_stmt *s, tm_name name) {
  const char *path = tm_module_absolute(module, s->dots,
                                        s->name ? s->name : "");
  if (!path) path = s->name ? s->name : "";
  tm_lv owner = import_module(l, module, path);
  bool is_module = owner && owner->kind == TM_LV_MODULE;
  tm_lv bound = NULL;
  /* What the package binds hides a module of the same name in it, but the
   * package's own `from . import name` is what makes that module known. */
  if (is_module && owner->module != module) {
    bound = tm_scope_global(l, owner->module, name);
    if (bound && bound->kind != TM_LV_OPAQUE) return bound;
  }
  tm_lv v = import_module(l, module,
                          tm_low_format(l, "%s.%s", path, name));
  if (!v && owner && owner->kind == TM_LV_SPACE)
    v = space_find(l, owner->space, name);
  if (!v) v = bound;
  if (!v && is_module) v = tm_scope_global(l, owner->module, name);
  if (v) return v;
  if (owner)
    return tm_lv_opaque(l, tm_low_format(l, "%s, which %s does not define",
                                         name, path));
  return tm_lv_opaque(
      l, tm_low_format(l, "%s, from module %s, which was not given", name,
                       path));
}

static tm_lv star_import(tm_low *l, const tm_module *module, tm_name name) {
  for (uint32_t i = module->body.len; i-- > 0;) {
    const tm_stmt *s = module->body.data[i];
    if (s->kind != TM_STMT_IMPORT_FROM) continue;
    for (uint32_t k = 0; k < s->imports.len; k++) {
      if (strcmp(s->imports.data[k].path, "*") != 0) continue;
      const char *path = tm_module_absolute(module, s->dots,
                                            s->name ? s->name : "");
      if (!path) continue;
      tm_lv owner = import_module(l, module, path), v = NULL;
      if (owner && owner->kind == TM_LV_SPACE)
        v = space_find(l, owner->space, name);
      if (owner && owner->kind == TM_LV_MODULE)
        v = tm_scope_global(l, owner->module, name);
      if (v) return v;
    }
  }
  return NULL;
}

static tm_lv function_value(tm_low *l, const tm_function_def *f) {
  tm_lvalue *v = TM_NEW(l->arena, tm_lvalue);
  v->kind = TM_LV_FUNCTION;
  v->function = f;
  return v;
}

static tm_lv evaluate_binding(tm_low *l, const tm_module *module,
                              const tm_stmt *s, tm_name name) {
  switch (s->kind) {
  case TM_STMT_FUNCTION:
    return function_value(l, s->function);
  case TM_STMT_ASSIGN:
  case TM_STMT_ANNASSIGN:
    for (uint32_t i = 0; s->e && i < s->targets.len; i++) {
      tm_lv v = unpack_target(l, module, s, s->targets.data[i], name);
      if (v) return v;
    }
    break;
  case TM_STMT_IMPORT:
    for (uint32_t i = 0; i < s->imports.len; i++) {
      const tm_import *import = &s->imports.data[i];
      size_t n = strlen(name);
      if (import->alias == name || strcmp(import->alias, name) == 0 ||
          (strncmp(import->alias, name, n) == 0 && import->alias[n] == '.'))
        return import_plain(l, module, import);
    }
    break;
  case TM_STMT_IMPORT_FROM:
    for (uint32_t i = 0; i < s->imports.len; i++)
      if (strcmp(s->imports.data[i].alias, name) == 0)
        return import_from(l, module, s, s->imports.data[i].path);
    break;
  default:
    break;
  }
  if (s->kind == TM_STMT_CLASS) return tm_record_class(l, module, s);
  return tm_lv_opaque(l, name);
}

/* ---- which of several bindings counts ----------------------------------- */

static bool contains(const tm_stmts *list, const tm_stmt *s) {
  for (uint32_t i = 0; i < list->len; i++)
    if (list->data[i] == s) return true;
  return false;
}

typedef enum reach { REACHED, SKIPPED, UNKNOWN } reach;

/* Whether import runs the statement: every `if` around it is evaluated, and
 * handlers of a try are taken not to run. */
static reach is_reached(tm_low *l, const tm_module *module,
                        const tm_stmt *s) {
  reach result = REACHED;
  for (const tm_stmt *p = s->parent; p; s = p, p = p->parent) {
    if (p->kind == TM_STMT_TRY && !contains(&p->body, s)) return SKIPPED;
    if (p->kind != TM_STMT_IF) continue;
    bool truth, in_body = contains(&p->body, s);
    tm_lv v = tm_scope_module_expr(l, module, p, p->e, "a condition");
    if (!tm_lv_truth(v, &truth))
      result = UNKNOWN;
    else if (truth != in_body)
      return SKIPPED;
  }
  return result;
}

/* What stands in for Triton where it is not installed cannot be told from a
 * host object; but a kernel that is compiled has Triton. */
static bool is_triton(tm_lv v) {
  return v->kind == TM_LV_SPACE &&
         strncmp(tm_space_path(v->space), "triton", 6) == 0;
}

/* The last binding that import reaches. One under an unknown condition counts
 * only when it is the only one or the others agree with it. */
static tm_lv choose_binding(tm_low *l, const tm_module *module,
                            uint32_t last, tm_name name) {
  tm_lv chosen = NULL, skipped = NULL;
  bool ambiguous = false;
  for (uint32_t i = last; i; i = module->earlier.data[i - 1]) {
    const tm_stmt *s = module->binders.data[i - 1];
    reach r = is_reached(l, module, s);
    tm_lv v = evaluate_binding(l, module, s, name);
    if (r == SKIPPED) {
      if (v->kind != TM_LV_OPAQUE) skipped = v;
      continue;
    }
    if (!chosen || (chosen->kind == TM_LV_OPAQUE && is_triton(v))) {
      chosen = v;
      ambiguous = false;
    } else if (v->kind != TM_LV_OPAQUE && !tm_lv_equal(v, chosen)) {
      ambiguous = true;
      chosen = tm_lv_opaque(
          l, tm_low_format(l, "%s, which line %u binds under a condition "
                              "that is not known",
                           name, s->loc.line));
    }
    if (r == REACHED) break;
  }
  /* What a try could not import, its handler provides. */
  bool missing = !chosen || (chosen->kind == TM_LV_OPAQUE && !ambiguous);
  return skipped && missing ? skipped : chosen;
}

/* Index plus 1 of the last binding of name that counts at a statement; 0 when
 * the module does not bind it. Where none is before the statement, which
 * Python would not stand, the last of all counts. */
static uint32_t last_binding(const tm_module *module, tm_name name,
                             const tm_stmt *at) {
  uint64_t index;
  if (!tm_map_get(&module->bindings, TM_KEY(name), &index)) return 0;
  uint32_t last = (uint32_t)index + 1, before = at ? last : 0;
  while (before) {
    tm_loc loc = module->binders.data[before - 1]->loc;
    if (loc.line < at->loc.line ||
        (loc.line == at->loc.line && loc.col < at->loc.col))
      return before;
    before = module->earlier.data[before - 1];
  }
  return last;
}

/* The entry, or NULL and under which key it would be found. */
static tm_global *find_global(tm_low *l, const tm_module *module,
                              tm_name name, uint32_t last, uint64_t *key) {
  uint64_t parts[3] = {TM_KEY(module), TM_KEY(name), last}, i = 0;
  l->global_at.arena = l->arena;
  *key = tm_hash_bytes(parts, sizeof parts, 0);
  for (; tm_map_get(&l->global_at, *key, &i); ++*key) {
    tm_global *g = &l->globals.data[i];
    if (!g->name) return NULL; /* it was not bound */
    if (g->module == module && g->name == name && g->last == last) return g;
  }
  return NULL;
}

static tm_lv global_at(tm_low *l, const tm_module *module, tm_name name,
                       const tm_stmt *at) {
  uint32_t last = last_binding(module, name, at);
  uint64_t key;
  const tm_global *g = find_global(l, module, name, last, &key);
  if (g && g->value) return g->value;
  if (g)
    return tm_lv_opaque(l, tm_low_format(l, "%s, which depends on itself",
                                         name));
  if (!tm_low_enter(l)) return TM_POISONED;
  uint32_t slot = l->globals.len;
  tm_global entry = {module, name, last, NULL};
  tm_push(l->arena, &l->globals, entry);
  tm_map_put(&l->global_at, key, slot);
  tm_lv v = last ? choose_binding(l, module, last, name)
                 : star_import(l, module, name);
  /* What a module binds is the same for every use. */
  if (v && v->is_mutable) ((tm_lvalue *)(uintptr_t)v)->is_mutable = false;
  if (v)
    l->globals.data[slot].value = v;
  else
    l->globals.data[slot].name = NULL; /* not bound: ask again next time */
  tm_low_leave(l);
  return v;
}

tm_lv tm_scope_global(tm_low *l, const tm_module *module, tm_name name) {
  return global_at(l, module, name, NULL);
}

tm_lv tm_scope_attribute(tm_low *l, tm_lv owner, tm_name name) {
  if (owner->kind == TM_LV_SPACE)
    return space_attribute(l, owner->space, name);
  tm_lv v = tm_scope_global(l, owner->module, name);
  if (!v) /* after `import a.b`, b is an attribute of a */
    v = import_module(l, owner->module,
                      tm_low_format(l, "%s.%s", owner->module->name, name));
  if (v) return v;
  tm_nearest near = {name, NULL, 0};
  for (uint32_t i = 0; i < owner->module->functions.len; i++)
    tm_nearest_try(&near, owner->module->functions.data[i]->name);
  return tm_low_error(
      l, near.best ? tm_low_format(l, "did you mean %s?", near.best) : NULL,
      "module %s has no '%s'", owner->module->name, name);
}

/* ---- reading a name ----------------------------------------------------- */

static tm_lv unknown_name(tm_low *l, const char *name) {
  tm_nearest near = {name, NULL, 0};
  const tm_bindings *vars = &l->frame->vars;
  for (uint32_t i = 0; i < vars->len; i++)
    tm_nearest_try(&near, vars->data[i].name);
  const tm_module *m = l->frame->module;
  for (uint32_t i = 0; i < m->functions.len; i++)
    tm_nearest_try(&near, m->functions.data[i]->name);
  for (uint32_t i = 0; i < m->binders.len; i++) {
    const tm_stmt *s = m->binders.data[i];
    if (s->targets.len && s->targets.data[0]->kind == TM_EXPR_NAME)
      tm_nearest_try(&near, s->targets.data[0]->name);
  }
  tm_builtin_nearest(TM_IN_PYTHON, &near);
  const char *hint = NULL;
  if (near.best)
    hint = tm_low_format(l, "did you mean %s?", near.best);
  else if (tm_builtin_find(TM_IN_TL, name))
    hint = tm_low_format(l, "did you mean tl.%s?", name);
  else
    hint = "a kernel sees its parameters, what it assigned, and functions, "
           "imports and tl.constexpr values of its module";
  return tm_low_error(l, hint, "%s is not defined", name);
}

tm_lv tm_scope_read(tm_low *l, const tm_expr *e) {
  tm_binding *b = tm_scope_find(l, tm_low_name(l, e->name));
  if (b && b->value->kind == TM_LV_UNBOUND)
    return tm_low_error(l, "assign it before, with a value of the same type",
                        "%s may be unassigned here: %.*s", e->name,
                        (int)b->value->text.len, b->value->text.ptr);
  if (b) return b->value;
  tm_lv v = global_at(l, l->frame->module, e->name, l->frame->at);
  if (v) return v;
  const tm_builtin *row = tm_builtin_find(TM_IN_PYTHON, e->name);
  if (row) return tm_builtin_bound(l, row, NULL);
  return unknown_name(l, e->name);
}
