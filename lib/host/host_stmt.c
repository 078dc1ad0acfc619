/* SPDX-License-Identifier: MIT */
/*
 * host_stmt.c - plain statements of host Python, and calls of its functions.
 */
#include "hostint.h"

typedef enum flow { FLOW_ON, FLOW_RETURN, FLOW_BREAK, FLOW_CONTINUE,
                    FLOW_FAILED } flow;

static flow run_block(host *h, host_frame *frame, const tm_stmts *body,
                      host_value **result);
static flow run_stmt(host *h, host_frame *frame, const tm_stmt *s,
                     host_value **result);

static flow run_for(host *h, host_frame *frame, const tm_stmt *s,
                    host_value **result) {
  host_value *over = host_eval(h, frame, s->e);
  const host_value *all = over ? host_items(h, over, s->loc) : NULL;
  for (uint32_t i = 0; all && i < all->items.len; i++) {
    if (!host_assign(h, frame, s->targets.data[0], all->items.data[i]))
      return FLOW_FAILED;
    flow f = run_block(h, frame, &s->body, result);
    if (f == FLOW_BREAK) return FLOW_ON;
    if (f == FLOW_RETURN || f == FLOW_FAILED) return f;
  }
  return all ? run_block(h, frame, &s->orelse, result) : FLOW_FAILED;
}

static flow run_while(host *h, host_frame *frame, const tm_stmt *s,
                      host_value **result) {
  for (;;) {
    host_value *v = host_eval(h, frame, s->e);
    int truth = v ? host_decide(h, v, s->loc) : -1;
    if (truth < 0) return FLOW_FAILED;
    if (!truth) return run_block(h, frame, &s->orelse, result);
    flow f = run_block(h, frame, &s->body, result);
    if (f == FLOW_BREAK) return FLOW_ON;
    if (f == FLOW_RETURN || f == FLOW_FAILED) return f;
  }
}

/* Whether an import will do: of modules that were given, and of those that
 * every kernel's host has. */
static bool can_import(const tm_module *module, const tm_stmt *s) {
  static const char *const present[] = {
      "triton", "torch", "math", "os", "sys", "itertools", "functools",
      "typing", "dataclasses", "enum", "collections", "numpy", "__future__"};
  for (uint32_t i = 0; i < s->imports.len; i++) {
    const char *path = s->kind == TM_STMT_IMPORT ? s->imports.data[i].path
                       : s->name                 ? s->name : "";
    size_t root = strcspn(path, ".");
    bool found = tm_modules_find(module->owner, path) != NULL;
    for (size_t k = 0; !found && k < TM_COUNT(present); k++)
      found = strlen(present[k]) == root && !memcmp(path, present[k], root);
    if (!found) return false;
  }
  return true;
}

/* Nothing here raises but imports. */
static flow run_try(host *h, host_frame *frame, const tm_stmt *s,
                    host_value **result) {
  for (uint32_t i = 0; i < s->body.len; i++) {
    const tm_stmt *inner = s->body.data[i];
    bool imports = inner->kind == TM_STMT_IMPORT ||
                   inner->kind == TM_STMT_IMPORT_FROM;
    if (imports && !can_import(frame->module, inner))
      return s->blocks.len ? run_block(h, frame, &s->blocks.data[0], result)
                           : FLOW_ON;
    flow f = run_stmt(h, frame, inner, result);
    if (f != FLOW_ON) return f;
  }
  return FLOW_ON;
}

static flow run_update(host *h, host_frame *frame, const tm_stmt *s) {
  host_value *old = host_eval(h, frame, s->targets.data[0]);
  host_value *v = old ? host_eval(h, frame, s->e) : NULL;
  v = v ? host_binary(h, s->op, old, v, s->loc) : NULL;
  return v && host_assign(h, frame, s->targets.data[0], v) ? FLOW_ON : FLOW_FAILED;
}

static flow run_stmt(host *h, host_frame *frame, const tm_stmt *s,
                     host_value **result) {
  host_value *v;
  int truth;
  switch (s->kind) {
    case TM_STMT_PASS:
    case TM_STMT_IMPORT:
    case TM_STMT_IMPORT_FROM: return FLOW_ON;
    case TM_STMT_BREAK: return FLOW_BREAK;
    case TM_STMT_CONTINUE: return FLOW_CONTINUE;
    case TM_STMT_EXPR:
      if (s->e->kind == TM_EXPR_STRING) return FLOW_ON;
      return host_eval(h, frame, s->e) ? FLOW_ON : FLOW_FAILED;
    case TM_STMT_RETURN:
      *result = s->e ? host_eval(h, frame, s->e) : host_new(h, HOST_NONE);
      return *result ? FLOW_RETURN : FLOW_FAILED;
    case TM_STMT_ASSIGN:
    case TM_STMT_ANNASSIGN:
      if (!s->e) return FLOW_ON;
      v = host_eval(h, frame, s->e);
      for (uint32_t i = 0; v && i < s->targets.len; i++)
        if (!host_assign(h, frame, s->targets.data[i], v)) return FLOW_FAILED;
      return v ? FLOW_ON : FLOW_FAILED;
    case TM_STMT_AUGASSIGN: return run_update(h, frame, s);
    case TM_STMT_IF:
      v = host_eval(h, frame, s->e);
      truth = v ? host_decide(h, v, s->loc) : -1;
      if (truth < 0) return FLOW_FAILED;
      return run_block(h, frame, truth ? &s->body : &s->orelse, result);
    case TM_STMT_FOR: return run_for(h, frame, s, result);
    case TM_STMT_WHILE: return run_while(h, frame, s, result);
    case TM_STMT_WITH: return run_block(h, frame, &s->body, result);
    case TM_STMT_TRY: return run_try(h, frame, s, result);
    case TM_STMT_FUNCTION:
      v = host_new(h, HOST_FUNCTION);
      v->function = s->function;
      v->frame = frame;
      host_bind(h, frame, s->function->name, v);
      return FLOW_ON;
    case TM_STMT_ASSERT:
      v = host_eval(h, frame, s->e);
      truth = v ? host_decide(h, v, s->loc) : -1;
      if (truth > 0) return FLOW_ON;
      if (truth == 0) host_fail(h, s->loc, "an assert does not hold");
      return FLOW_FAILED;
    default:
      host_fail(h, s->loc, "a statement of this kind");
      return FLOW_FAILED;
  }
}

static flow run_block(host *h, host_frame *frame, const tm_stmts *body,
                      host_value **result) {
  for (uint32_t i = 0; i < body->len; i++) {
    flow f = run_stmt(h, frame, body->data[i], result);
    if (f != FLOW_ON) return f;
  }
  return FLOW_ON;
}

/* Whether params has a plain one of that name. */
static bool is_parameter(const tm_params *params, const char *name) {
  for (uint32_t i = 0; i < params->len; i++)
    if (!params->data[i].star && strcmp(params->data[i].name, name) == 0)
      return true;
  return false;
}

/* What *args or **kwargs gathers; n_plain parameters stand before it. */
static host_value *gathered(host *h, const tm_params *params, uint32_t at,
                            const host_args *args) {
  bool is_dict = params->data[at].star == 2;
  host_value *v = host_new(h, is_dict ? HOST_DICT : HOST_LIST);
  for (uint32_t i = at; !is_dict && i < args->n; i++)
    tm_push(h->arena, &v->items, args->items[i]);
  for (uint32_t k = 0; is_dict && k < args->n_keywords; k++) {
    if (is_parameter(params, args->keywords[k].name)) continue;
    host_dict_set(h, v, host_text(h, tm_cstr(args->keywords[k].name)),
                  args->named[k]);
  }
  return v;
}

/* Binds params to arguments in a new frame; NULL with an error. */
static host_frame *enter(host *h, const tm_params *params, host_frame *outer,
                         const tm_module *module, const host_args *args,
                         tm_loc loc) {
  host_frame *frame = TM_NEW(h->arena, host_frame);
  frame->outer = outer;
  frame->module = module;
  bool gathers = false;
  for (uint32_t i = 0; i < params->len; i++) {
    const tm_param_decl *p = &params->data[i];
    host_value *v = !gathers && i < args->n ? args->items[i] : NULL;
    if (p->star) {
      gathers |= p->star == 1;
      v = gathered(h, params, i, args);
    } else if (!v) {
      v = host_named(args, p->name);
      if (!v && p->value) v = host_eval(h, frame, p->value);
    }
    if (!v) {
      host_fail(h, loc, "a call without '%s'", p->name);
      return NULL;
    }
    host_bind(h, frame, p->name, v);
  }
  if (gathers || args->n <= params->len) return frame;
  host_fail(h, loc, "a call with too many arguments");
  return NULL;
}

host_value *host_call(host *h, const host_value *callee,
                      host_value *const *args, uint32_t n_args,
                      const tm_keyword *keywords, uint32_t n_keywords,
                      host_value *const *named, tm_loc loc) {
  if (callee->kind == HOST_NAME)
    return host_library(h, callee->text, args, n_args, keywords, n_keywords,
                        named, loc);
  const host_args all = {args, n_args, keywords, n_keywords, named};
  if (callee->kind == HOST_CLASS)
    return host_construct(h, callee, &all, loc);
  if (callee->kind == HOST_PARTIAL) {
    const host_args both = host_joined_args(h, callee->bound, &all);
    return host_call(h, callee->items.data[0], both.items, both.n,
                     both.keywords, both.n_keywords, both.named, loc);
  }
  if (callee->kind == HOST_LAMBDA) {
    const tm_expr *code = callee->code;
    host_frame *frame = enter(h, &code->params, callee->frame,
                              callee->frame->module, &all, loc);
    return frame ? host_eval(h, frame, code->a[0]) : NULL;
  }
  if (callee->kind != HOST_FUNCTION)
    return host_fail(h, loc, "a call of what is not a function");
  const tm_function_def *def = callee->function;
  host_frame *frame =
      enter(h, &def->params, callee->frame, def->module, &all, loc);
  host_value *result = NULL;
  if (!frame) return NULL;
  flow f = run_block(h, frame, &def->body, &result);
  if (f == FLOW_FAILED) return NULL;
  return result ? result : host_new(h, HOST_NONE);
}

bool host_run(host *h, host_frame *frame, const tm_stmt *s) {
  host_value *result = NULL;
  return run_stmt(h, frame, s, &result) != FLOW_FAILED;
}
