/* SPDX-License-Identifier: MIT */
/*
 * function_use.c - which function constants a kernel reads, itself or in the
 * functions and constants that it uses, and which say whether an argument of
 * it is there. One that is only asked about with
 * is_function_constant_defined need not be set.
 */
#include "metal_objects.h"

#include <stdlib.h>

typedef struct walk {
  const sm_program *program;
  bool *used;       /* by position in program->function_constants */
  bool *seen;       /* by function index */
  bool *seen_vars;  /* by variable id */
} walk;

static void walk_function(walk *w, const sm_function *f);
static void walk_expr(walk *w, const sm_expr *x);

static void walk_var(walk *w, const sm_var *var) {
  if (var->kind == SM_V_FUNCTION_CONSTANT) {
    for (uint32_t i = 0; i < w->program->function_constants.len; i++)
      if (w->program->function_constants.data[i] == var) w->used[i] = true;
  } else if (var->kind == SM_V_GLOBAL && var->init &&
             var->id < w->program->vars && !w->seen_vars[var->id]) {
    w->seen_vars[var->id] = true;
    walk_expr(w, var->init);
  }
}

static void walk_expr(walk *w, const sm_expr *x) {
  if (!x) return;
  if (x->kind == SM_BUILTIN &&
      x->u.builtin == SM_B_IS_FUNCTION_CONSTANT_DEFINED)
    return;
  if (x->kind == SM_VAR) walk_var(w, x->u.var);
  if (x->kind == SM_CALL) walk_function(w, x->u.function);
  for (int i = 0; i < 3; i++) walk_expr(w, x->a[i]);
  for (uint32_t i = 0; i < x->args.len; i++) walk_expr(w, x->args.data[i]);
}

static void walk_stmt(walk *w, const sm_stmt *s) {
  if (!s) return;
  walk_expr(w, s->e);
  walk_expr(w, s->step);
  if (s->var) walk_expr(w, s->var->init);
  walk_stmt(w, s->init);
  for (uint32_t i = 0; i < s->body.len; i++) walk_stmt(w, s->body.data[i]);
}

static void walk_function(walk *w, const sm_function *f) {
  for (uint32_t i = 0; i < w->program->functions.len; i++)
    if (w->program->functions.data[i] == f) {
      if (w->seen[i]) return;
      w->seen[i] = true;
    }
  walk_stmt(w, f->body);
}

bool *sm_constants_used(const sm_program *program, const sm_function *kernel) {
  walk w = {program, calloc(program->function_constants.len + 1, 1),
            calloc(program->functions.len + 1, 1),
            calloc(program->vars + 1u, 1)};
  if (w.used && w.seen && w.seen_vars) {
    walk_function(&w, kernel);
    for (uint32_t i = 0; i < kernel->params.len; i++)
      if (kernel->params.data[i]->condition)
        walk_var(&w, kernel->params.data[i]->condition);
  } else {
    free(w.used);
    w.used = NULL;
  }
  free(w.seen);
  free(w.seen_vars);
  return w.used;
}
