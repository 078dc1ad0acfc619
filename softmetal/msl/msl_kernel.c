/* SPDX-License-Identifier: MIT */
/*
 * msl_kernel.c - what only kernels have: attributes of the function and
 * of its parameters, and the rules between parameters (spec 5.2, 5.3).
 */
#include "front.h"

typedef enum input_shape {
  POSITION, /* ushort or uint, alone or in a vector of 2 or 3 */
  INDEX     /* ushort or uint */
} input_shape;

static const struct {
  const char *name;
  sm_builtin_input input;
  input_shape shape;
} inputs[] = {
  {"thread_position_in_grid", SM_IN_THREAD_POSITION_IN_GRID, POSITION},
  {"thread_position_in_threadgroup", SM_IN_THREAD_POSITION_IN_THREADGROUP,
   POSITION},
  {"threadgroup_position_in_grid", SM_IN_THREADGROUP_POSITION_IN_GRID,
   POSITION},
  {"threads_per_threadgroup", SM_IN_THREADS_PER_THREADGROUP, POSITION},
  {"dispatch_threads_per_threadgroup",
   SM_IN_DISPATCH_THREADS_PER_THREADGROUP, POSITION},
  {"threads_per_grid", SM_IN_THREADS_PER_GRID, POSITION},
  {"threadgroups_per_grid", SM_IN_THREADGROUPS_PER_GRID, POSITION},
  {"grid_origin", SM_IN_GRID_ORIGIN, POSITION},
  {"grid_size", SM_IN_GRID_SIZE, POSITION},
  {"thread_index_in_threadgroup", SM_IN_THREAD_INDEX_IN_THREADGROUP, INDEX},
  {"thread_index_in_simdgroup", SM_IN_THREAD_INDEX_IN_SIMDGROUP, INDEX},
  {"simdgroup_index_in_threadgroup", SM_IN_SIMDGROUP_INDEX_IN_THREADGROUP,
   INDEX},
  {"simdgroups_per_threadgroup", SM_IN_SIMDGROUPS_PER_THREADGROUP, INDEX},
  {"dispatch_simdgroups_per_threadgroup",
   SM_IN_DISPATCH_SIMDGROUPS_PER_THREADGROUP, INDEX},
  {"threads_per_simdgroup", SM_IN_THREADS_PER_SIMDGROUP, INDEX},
  {"thread_execution_width", SM_IN_THREADS_PER_SIMDGROUP, INDEX},
  {"thread_index_in_quadgroup", SM_IN_THREAD_INDEX_IN_QUADGROUP, INDEX},
  {"quadgroup_index_in_threadgroup", SM_IN_QUADGROUP_INDEX_IN_THREADGROUP,
   INDEX},
  {"quadgroups_per_threadgroup", SM_IN_QUADGROUPS_PER_THREADGROUP, INDEX},
  {"dispatch_quadgroups_per_threadgroup",
   SM_IN_DISPATCH_QUADGROUPS_PER_THREADGROUP, INDEX},
};

static const char *input_name(sm_builtin_input input) {
  for (size_t i = 0; i < TM_COUNT(inputs); i++)
    if (inputs[i].input == input) return inputs[i].name;
  return "?";
}

/* ---- the function ----------------------------------------------------- */

static bool int_argument(sm_parser *p, const sm_attribute *a, int64_t low,
                         int64_t high, uint32_t *out) {
  int64_t value;
  if (!a->has_value || !a->value) {
    sm_error(p, a->loc, "attribute '%s' takes one argument", a->name);
    return false;
  }
  if (sm_is_error(p, a->value)) return false;
  if (!sm_fold_int(p, sm_rvalue(p, a->value), &value)) {
    sm_error(p, a->loc, "the argument of attribute '%s' must be a constant "
             "integer", a->name);
    return false;
  }
  if (value < low || value > high) {
    sm_error(p, a->loc, "'%s' attribute parameter is out of bounds: must be "
             "between %lld and %lld", a->name, (long long)low,
             (long long)high);
    return false;
  }
  *out = (uint32_t)value;
  return true;
}

static bool is_one_of(tm_name name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(name, list[i]) == 0) return true;
  return false;
}

/* [[required_threads_per_threadgroup(x, y, z)]]; y and z may be left out. */
static void required_threads(sm_parser *p, sm_function *f,
                             const sm_attribute *a, bool is_kernel) {
  uint32_t n[3] = {1, 1, 1};
  sm_attribute part = *a;
  if (p->version < 400) {
    sm_unsupported(p, a->loc, "attribute '%s' needs MSL 4.0", a->name);
    return;
  }
  if (!is_kernel) {
    sm_error(p, a->loc, "attribute '%s' only applies to kernels", a->name);
    return;
  }
  for (int i = 0; i < 3; i++) {
    if (i) part.value = a->more[i - 1];
    if (i && !part.value) break;
    if (!int_argument(p, &part, 1, 1024, &n[i])) return;
  }
  if ((uint64_t)n[0] * n[1] * n[2] > 1024)
    sm_error(p, a->loc, "'%s' asks for more than 1024 threads", a->name);
  else
    memcpy(f->required_threads, n, sizeof n);
}

void sm_function_attributes(sm_parser *p, sm_function *f,
                            const sm_attributes *attributes,
                            bool *is_kernel) {
  static const char *const hints[] = {"noinline", "maybe_unused",
                                      "always_inline", "unused"};
  static const char *const stages[] = {
    "vertex", "fragment", "visible", "stitchable", "intersection", "mesh",
    "object", "tile"};
  for (uint32_t i = 0; i < attributes->len; i++) {
    const sm_attribute *a = &attributes->data[i];
    if (strcmp(a->name, "kernel") == 0) {
      *is_kernel = true;
    } else if (strcmp(a->name, "max_total_threads_per_threadgroup") == 0) {
      if (int_argument(p, a, 1, 1024, &f->max_threads) && !*is_kernel)
        sm_error(p, a->loc, "attribute '%s' only applies to kernels",
                 a->name);
    } else if (strcmp(a->name, "required_threads_per_threadgroup") == 0) {
      required_threads(p, f, a, *is_kernel);
    } else if (strcmp(a->name, "host_name") == 0) {
      if (a->text && *a->text)
        f->name = tm_intern_cstr(p->names, a->text);
      else
        sm_error(p, a->loc, "attribute 'host_name' takes a string");
    } else if (is_one_of(a->name, stages, TM_COUNT(stages))) {
      sm_unsupported(p, a->loc, "[[%s]] functions are not supported: kernels "
                     "only", a->name);
    } else if (!is_one_of(a->name, hints, TM_COUNT(hints))) {
      sm_unsupported(p, a->loc, "attribute '%s' is not supported on a "
                     "function", a->name);
    }
  }
}

/* ---- one parameter ---------------------------------------------------- */

static bool is_indirect(const sm_type *t) {
  return t->kind == SM_T_POINTER || t->kind == SM_T_REFERENCE;
}

/* What cannot lie in a buffer, at any depth. */
static bool cannot_be_stored(const sm_type *t) {
  if (t->kind == SM_T_POINTER)
    return t->space != SM_DEVICE && t->space != SM_CONSTANT;
  return t->kind == SM_T_REFERENCE || t->kind == SM_T_FRAGMENT;
}

static bool is_pointer(const sm_type *t) { return t->kind == SM_T_POINTER; }

/* Members of structs may be pointers that the host has written as addresses
 * (argument buffers of tier 2); a buffer of pointers alone is none. */
static bool is_bare_pointer(const sm_type *t) {
  while (t->kind == SM_T_ARRAY) t = t->element;
  return is_pointer(t);
}

static bool holds_size_type(sm_parser *p, const sm_type *t) {
  while (t->kind == SM_T_ARRAY) t = t->element;
  return t->kind == SM_T_STRUCT &&
         tm_map_get(&p->size_structs, TM_KEY(t->structure), NULL);
}

static bool is_float_atomic(const sm_type *t) {
  return t->kind == SM_T_ATOMIC &&
         (t->scalar == SM_FLOAT || t->scalar == SM_ULONG);
}

static void check_buffer_type(sm_parser *p, const sm_var *var,
                              bool is_size_type) {
  const sm_type *t = var->type->element;
  if (sm_is_void(t)) return; /* cast inside the kernel */
  if (!t->size) {
    sm_error(p, var->loc, "parameter '%s' points to incomplete type '%s'",
             var->name, t->spelling);
  } else if (is_bare_pointer(t) || sm_type_holds(t, cannot_be_stored)) {
    tm_diag *diag = sm_unsupported(
        p, var->loc, "invalid type '%s' for buffer declaration",
        var->type->spelling);
    sm_hint(p, diag, "pointers in buffers are members of structs, to device or "
            "constant memory");
  } else if (sm_type_holds(t, is_pointer) && p->version < 300) {
    sm_unsupported(p, var->loc, "pointers in buffers need MSL 3.0");
  } else if (is_size_type || holds_size_type(p, t)) {
    /* spec 5.2 forbids it, Metal's compiler takes it: candle and ggml */
    tm_warning_at(p->diags, var->loc, "kernel argument '%s' has type size_t or "
                  "ptrdiff_t, which the specification does not allow: use "
                  "ulong, long or uint", var->name);
  } else if (var->type->space == SM_THREADGROUP &&
             sm_type_holds(t, is_float_atomic) && p->version < 410) {
    sm_unsupported(p, var->loc, "'%s' is not available in threadgroup "
                   "memory", t->spelling);
  }
}

static void set_argument(sm_parser *p, sm_var *var, const sm_attribute *a,
                         bool is_size_type) {
  bool is_buffer = strcmp(a->name, "buffer") == 0;
  const sm_type *t = var->type;
  if (!is_indirect(t)) {
    tm_diag *diag = sm_error(
        p, a->loc, "'%s' attribute only applies to pointers and references",
        a->name);
    if (is_buffer)
      sm_hint(p, diag, "constant %s &%s [[buffer(n)]]", t->spelling,
              var->name ? var->name : "x");
    return;
  }
  bool fits = is_buffer ? t->space == SM_DEVICE || t->space == SM_CONSTANT
                        : t->space == SM_THREADGROUP;
  if (!fits) {
    sm_error(p, a->loc, "'%s' attribute does not apply to the %s address "
             "space", a->name, sm_space_name(t->space));
    return;
  }
  if (!int_argument(p, a, 0, SM_MOST_BUFFERS - 1, &var->index)) return;
  var->kind = is_buffer ? SM_V_BUFFER : SM_V_TG_BUFFER;
  check_buffer_type(p, var, is_size_type);
}

static bool is_index_scalar(const sm_type *t) {
  return t->scalar == SM_USHORT || t->scalar == SM_UINT;
}

static void set_input(sm_parser *p, sm_var *var, const sm_attribute *a,
                      size_t row) {
  const sm_type *t = var->type;
  bool fits = t->kind == SM_T_SCALAR && is_index_scalar(t);
  if (inputs[row].shape == POSITION)
    fits |= t->kind == SM_T_VECTOR && !t->packed && t->count < 4 &&
            is_index_scalar(t);
  var->kind = SM_V_INPUT;
  var->input = inputs[row].input;
  if (fits) return;
  tm_diag *diag = sm_error(p, a->loc, "type '%s' is not valid for attribute "
                           "'%s'", t->spelling, a->name);
  sm_hint(p, diag, inputs[row].shape == POSITION
          ? "use uint, uint2, uint3, ushort, ushort2 or ushort3"
          : "use uint or ushort");
}

/* [[function_constant(b)]]: the argument is there where b is true (spec
 * 5.8.1). What the kernel does with it elsewhere is its own affair. */
static void set_condition(sm_parser *p, sm_var *var, const sm_attribute *a) {
  const sm_expr *e = a->value;
  if (e && sm_is_error(p, e)) return;
  bool constant = e && e->kind == SM_VAR &&
                  (e->u.var->kind == SM_V_FUNCTION_CONSTANT ||
                   e->u.var->kind == SM_V_GLOBAL) &&
                  sm_is_scalar(e->type) && e->type->scalar == SM_BOOL;
  if (!constant)
    sm_error(p, a->loc, "'%s' attribute of a parameter must name a function "
             "constant of type bool", a->name);
  else if (!is_indirect(var->type))
    sm_error(p, a->loc, "'%s' attribute only applies to pointers and "
             "references", a->name);
  else
    var->condition = e->u.var;
}

static bool apply_param_attribute(sm_parser *p, sm_var *var,
                                  const sm_attribute *a, bool is_size_type) {
  if (strcmp(a->name, "buffer") == 0 || strcmp(a->name, "threadgroup") == 0) {
    set_argument(p, var, a, is_size_type);
    return true;
  }
  for (size_t i = 0; i < TM_COUNT(inputs); i++) {
    if (strcmp(a->name, inputs[i].name) != 0) continue;
    set_input(p, var, a, i);
    return true;
  }
  if (strcmp(a->name, "maybe_unused") == 0) return false;
  if (strcmp(a->name, "function_constant") == 0) {
    set_condition(p, var, a);
    return false;
  }
  if (strcmp(a->name, "texture") == 0 || strcmp(a->name, "sampler") == 0 ||
      strcmp(a->name, "stage_in") == 0) {
    sm_unsupported(p, a->loc, "attribute '%s' is not supported: kernels "
                   "take buffers", a->name);
    return true;
  }
  tm_diag *diag = sm_error(p, a->loc, "unknown attribute '%s' on a kernel "
                           "parameter", a->name);
  for (size_t i = 0; i < TM_COUNT(inputs); i++)
    if (tm_edit_distance(a->name, inputs[i].name, 3) <= 3)
      sm_hint(p, diag, "did you mean '%s'?", inputs[i].name);
  return true;
}

enum { UNPLACED = 1 << 30 }; /* index of a pointer without attribute */

void sm_kernel_param(sm_parser *p, sm_var *var,
                     const sm_attributes *attributes, bool is_size_type) {
  if (var->type == p->error_type) return;
  uint32_t applied = 0;
  for (uint32_t i = 0; i < attributes->len; i++)
    applied += apply_param_attribute(p, var, &attributes->data[i],
                                     is_size_type);
  if (applied > 1)
    sm_error(p, var->loc, "parameter '%s' has more than one attribute",
             var->name ? var->name : "");
  if (applied) return;
  const sm_type *t = var->type;
  if (!is_indirect(t) || t->space == SM_THREAD) {
    tm_diag *diag = sm_error(
        p, var->loc, "invalid type '%s' for input declaration in a kernel "
        "function", t->spelling);
    if (is_indirect(t))
      sm_hint(p, diag, "kernel arguments are in device, constant or "
              "threadgroup memory");
    else
      sm_hint(p, diag, "pass values as constant %s & [[buffer(n)]], and "
              "positions with an attribute", t->spelling);
    return;
  }
  bool is_buffer = t->space != SM_THREADGROUP;
  var->kind = is_buffer ? SM_V_BUFFER : SM_V_TG_BUFFER;
  var->index = UNPLACED;
  check_buffer_type(p, var, is_size_type);
}

/* ---- between parameters ----------------------------------------------- */

static void place_arguments(sm_parser *p, sm_function *f, sm_var_kind kind,
                            const char *name) {
  const sm_var *used[SM_MOST_BUFFERS] = {NULL};
  for (uint32_t i = 0; i < f->params.len; i++) {
    sm_var *v = f->params.data[i];
    if (v->kind != kind || v->index == UNPLACED) continue;
    if (used[v->index])
      sm_error(p, v->loc, "'%s' resource location %u is used twice: by '%s' "
               "and '%s'", name, v->index, used[v->index]->name, v->name);
    used[v->index] = v;
  }
  uint32_t next = 0;
  for (uint32_t i = 0; i < f->params.len; i++) {
    sm_var *v = f->params.data[i];
    if (v->kind != kind || v->index != UNPLACED) continue;
    while (next < SM_MOST_BUFFERS && used[next]) next++;
    if (next == SM_MOST_BUFFERS) {
      tm_error_at(p->diags, TM_DIAG_LIMIT, v->loc,
                  "a kernel has at most %d %s arguments",
                  (int)SM_MOST_BUFFERS, name);
      v->index = 0;
      return;
    }
    used[next] = v;
    v->index = next;
  }
}

static bool is_position(const sm_var *v) {
  for (size_t i = 0; i < TM_COUNT(inputs); i++)
    if (inputs[i].input == v->input) return inputs[i].shape == POSITION;
  return false;
}

static uint32_t width_of(const sm_type *t) {
  return t->kind == SM_T_VECTOR ? t->count : 1;
}

static const sm_var *find_input(const sm_function *f,
                                sm_builtin_input input) {
  for (uint32_t i = 0; i < f->params.len; i++)
    if (f->params.data[i]->kind == SM_V_INPUT &&
        f->params.data[i]->input == input)
      return f->params.data[i];
  return NULL;
}

static void check_same_type(sm_parser *p, const sm_function *f,
                            sm_builtin_input a, sm_builtin_input b) {
  const sm_var *x = find_input(f, a), *y = find_input(f, b);
  if (!x || !y || x->type == y->type) return;
  sm_error(p, y->loc, "'%s' and '%s' must have the same type, not '%s' and "
           "'%s'", input_name(a), input_name(b), x->type->spelling,
           y->type->spelling);
}

static void check_inputs(sm_parser *p, const sm_function *f) {
  const sm_var *first = NULL;
  for (uint32_t i = 0; i < f->params.len; i++) {
    const sm_var *v = f->params.data[i];
    if (v->kind != SM_V_INPUT || v->type == p->error_type) continue;
    const sm_var *same = find_input(f, v->input);
    if (same != v)
      sm_error(p, v->loc, "attribute '%s' is used by two parameters",
               input_name(v->input));
    if (!is_position(v)) continue;
    if (first && width_of(first->type) != width_of(v->type)) {
      tm_diag *diag = sm_error(
          p, v->loc, "'%s' and '%s' must have the same number of components",
          input_name(first->input), input_name(v->input));
      sm_hint(p, diag, "'%s' is '%s'", input_name(first->input),
              first->type->spelling);
    }
    if (!first) first = v;
  }
  check_same_type(p, f, SM_IN_THREAD_POSITION_IN_GRID,
                  SM_IN_THREADS_PER_GRID);
  check_same_type(p, f, SM_IN_THREAD_POSITION_IN_THREADGROUP,
                  SM_IN_THREADS_PER_THREADGROUP);
  const sm_var *position = find_input(f, SM_IN_THREAD_POSITION_IN_THREADGROUP);
  const sm_var *index = find_input(f, SM_IN_THREAD_INDEX_IN_THREADGROUP);
  if (position && index && position->type->scalar == SM_UINT &&
      index->type->scalar != SM_UINT)
    sm_error(p, index->loc, "'thread_index_in_threadgroup' must be uint where "
             "'thread_position_in_threadgroup' is '%s'",
             position->type->spelling);
}

bool sm_is_input_attribute(tm_name name) {
  bool known = strcmp(name, "buffer") == 0;
  for (size_t i = 0; i < TM_COUNT(inputs); i++)
    known |= strcmp(name, inputs[i].name) == 0;
  return known;
}

void sm_plain_param_attribute(sm_parser *p, const sm_attribute *a) {
  static const char *const others[] = {"threadgroup", "function_constant",
                                       "maybe_unused"};
  if (!is_one_of(a->name, others, TM_COUNT(others)) &&
      !sm_is_input_attribute(a->name))
    sm_error(p, a->loc, "attribute '%s' only applies to the parameters of "
             "kernels", a->name);
}

void sm_kernel_check(sm_parser *p, sm_function *f) {
  if (!sm_is_void(f->result) && f->result != p->error_type)
    sm_error(p, f->loc, "kernel must have void return type");
  place_arguments(p, f, SM_V_BUFFER, "buffer");
  place_arguments(p, f, SM_V_TG_BUFFER, "threadgroup");
  check_inputs(p, f);
}
