/* SPDX-License-Identifier: MIT */
/*
 * host_module.c - the values of a module's names.
 *
 * A name that one statement binds is that statement's value. Others are made
 * by several: configs = [] and a loop that appends, an if with two branches, a
 * name that is set from itself. Then all statements at module level that bind
 * or change the name are executed in order, in a frame of their own; other
 * names that they read have the values that they have in the end. Every value
 * is computed once.
 */
#include "hostint.h"

host_value *host_dotted(host *h, const char *a, const char *b) {
  tm_buf text = tm_buf_in(h->arena);
  tm_buf_printf(&text, "%s%s%s", a, *b ? "." : "", b);
  host_value *v = host_new(h, HOST_NAME);
  v->text = (tm_str){tm_buf_text(&text), text.len};
  return v;
}

static bool import_binds(const tm_import *import, tm_name name) {
  return strcmp(import->alias, name) == 0;
}

/* A name that an import statement binds: what it stands for, dotted. */
static host_value *imported(host *h, const tm_module *module,
                            const tm_stmt *stmt, tm_name name) {
  for (uint32_t i = 0; i < stmt->imports.len; i++) {
    const tm_import *import = &stmt->imports.data[i];
    if (!import_binds(import, name)) continue;
    if (stmt->kind == TM_STMT_IMPORT) /* without `as`, a.b binds a */
      return host_dotted(h, import->has_as ? import->path : name, "");
    const char *from =
        tm_module_absolute(module, stmt->dots, stmt->name ? stmt->name : "");
    const tm_module *other =
        from ? tm_modules_find(module->owner, from) : NULL;
    if (other) {
      host_frame frame = {.module = other};
      tm_expr leaf = {.kind = TM_EXPR_NAME, .name = import->path,
                      .loc = stmt->loc};
      return host_eval(h, &frame, &leaf);
    }
    return host_dotted(h, from ? from : "", import->path);
  }
  return host_dotted(h, name, "");
}

/* ---- which statements make a name ---------------------------------------- */

/* Whether assigning to e binds the name or changes what it holds. */
static bool target_is(const tm_expr *e, tm_name name) {
  switch (e->kind) {
    case TM_EXPR_NAME: return strcmp(e->name, name) == 0;
    case TM_EXPR_ATTRIBUTE: case TM_EXPR_SUBSCRIPT: case TM_EXPR_STARRED:
      return target_is(e->a[0], name);
    case TM_EXPR_TUPLE: case TM_EXPR_LIST:
      for (uint32_t i = 0; i < e->items.len; i++)
        if (target_is(e->items.data[i], name)) return true;
      return false;
    default: return false;
  }
}

static bool touches(const tm_stmt *s, tm_name name);

static bool block_touches(const tm_stmts *list, tm_name name) {
  for (uint32_t i = 0; i < list->len; i++)
    if (touches(list->data[i], name)) return true;
  return false;
}

/* name.append(...), name[0].kwargs.update(...) */
static bool calls_method_of(const tm_expr *e, tm_name name) {
  return e && e->kind == TM_EXPR_CALL &&
         e->a[0]->kind == TM_EXPR_ATTRIBUTE &&
         target_is(e->a[0]->a[0], name);
}

static bool touches(const tm_stmt *s, tm_name name) {
  switch (s->kind) {
    case TM_STMT_FUNCTION: return strcmp(s->function->name, name) == 0;
    case TM_STMT_CLASS: return strcmp(s->name, name) == 0;
    case TM_STMT_IMPORT: case TM_STMT_IMPORT_FROM:
      for (uint32_t i = 0; i < s->imports.len; i++)
        if (import_binds(&s->imports.data[i], name)) return true;
      return false;
    case TM_STMT_EXPR: return calls_method_of(s->e, name);
    case TM_STMT_ASSIGN:
      if (calls_method_of(s->e, name) && strcmp(s->e->a[0]->name, "pop") == 0)
        return true;
      break;
    case TM_STMT_FOR: /* for item in name: item.kwargs[...] = ... */
      if (s->e->kind == TM_EXPR_NAME && strcmp(s->e->name, name) == 0 &&
          s->targets.data[0]->kind == TM_EXPR_NAME &&
          block_touches(&s->body, s->targets.data[0]->name))
        return true;
      break;
    default: break;
  }
  for (uint32_t i = 0; i < s->targets.len; i++)
    if (s->targets.data[i] && target_is(s->targets.data[i], name))
      return true;
  for (uint32_t i = 0; i < s->blocks.len; i++)
    if (block_touches(&s->blocks.data[i], name)) return true;
  return block_touches(&s->body, name) || block_touches(&s->orelse, name);
}

/* ---- their values -------------------------------------------------------- */

static host_value *bound_in(const host_frame *frame, tm_name name) {
  for (uint32_t i = frame->names.len; i-- > 0;)
    if (strcmp(frame->names.data[i], name) == 0) return frame->values.data[i];
  return NULL;
}

static bool replay(host *h, host_frame *frame, const tm_stmts *list,
                   tm_name name);

/* The statements of s that make name. A loop runs whole: what it appends may
 * be made by any of its statements. */
static bool replay_stmt(host *h, host_frame *frame, const tm_stmt *s,
                        tm_name name) {
  host_value *v;
  int truth;
  switch (s->kind) {
    case TM_STMT_IF:
      v = host_eval(h, frame, s->e);
      truth = v ? host_decide(h, v, s->loc) : -1;
      if (truth < 0) return false;
      return replay(h, frame, truth ? &s->body : &s->orelse, name);
    case TM_STMT_WITH: return replay(h, frame, &s->body, name);
    case TM_STMT_IMPORT: case TM_STMT_IMPORT_FROM:
      v = imported(h, frame->module, s, name);
      if (v) host_bind(h, frame, name, v);
      return v != NULL;
    case TM_STMT_FUNCTION:
      v = host_new(h, HOST_FUNCTION);
      v->function = s->function;
      host_bind(h, frame, name, v);
      return true;
    case TM_STMT_CLASS:
      v = host_new(h, HOST_CLASS);
      v->definition = s;
      v->module = frame->module;
      host_bind(h, frame, name, v);
      return true;
    default: return host_run(h, frame, s);
  }
}

static bool replay(host *h, host_frame *frame, const tm_stmts *list,
                   tm_name name) {
  for (uint32_t i = 0; i < list->len; i++)
    if (touches(list->data[i], name) &&
        !replay_stmt(h, frame, list->data[i], name))
      return false;
  return true;
}

host_value *host_module_value(host *h, const tm_module *module, tm_name name,
                              tm_loc loc) {
  for (uint32_t i = 0; i < h->globals.len; i++) {
    host_global *g = &h->globals.data[i];
    if (g->module != module || strcmp(g->name, name) != 0) continue;
    host_value *v = g->value ? g->value : bound_in(g->frame, name);
    return v ? v : host_fail(h, loc, "'%s', which is made from itself", name);
  }
  if (!tm_module_binding(module, name))
    return host_dotted(h, name, ""); /* a builtin, or unknown */
  host_frame *frame = TM_NEW(h->arena, host_frame);
  frame->module = module;
  host_global global = {module, name, frame, NULL};
  uint32_t at = h->globals.len;
  tm_push(h->arena, &h->globals, global);
  if (!replay(h, frame, &module->body, name)) return NULL;
  host_value *v = bound_in(frame, name);
  if (!v)
    return host_fail(h, loc, "'%s' is not bound by a plain assignment", name);
  h->globals.data[at].value = v;
  return v;
}
