/* SPDX-License-Identifier: MIT */
/*
 * msl_dump.c - a checked program as text: one parenthesis for each node, the
 * type after a colon where it is not told by the operands. For example
 *   y[i] = 2.0f * x[i];
 * is
 *   (assign (deref (+ (read y) (read i))) (* 2.0 (read (deref ...))))
 */
#include "front.h"

static void dump_expr(const sm_expr *e, tm_buf *out);

static void dump_args(const sm_expr *e, tm_buf *out) {
  for (int i = 0; i < 3; i++) {
    if (!e->a[i]) continue;
    tm_buf_puts(out, " ");
    dump_expr(e->a[i], out);
  }
  for (uint32_t i = 0; i < e->args.len; i++) {
    tm_buf_puts(out, " ");
    dump_expr(e->args.data[i], out);
  }
}

static void dump_literal(const sm_expr *e, tm_buf *out) {
  sm_scalar s = e->type->scalar;
  if (e->type->kind == SM_T_ENUM)
    tm_buf_printf(out, "%s(%lld)", e->type->spelling, (long long)e->u.i);
  else if (s == SM_BOOL)
    tm_buf_puts(out, e->u.i ? "true" : "false");
  else if (sm_is_floating(s)) {
    tm_buf_double(out, e->u.f, true);
    tm_buf_puts(out, s == SM_HALF ? "h" : s == SM_BFLOAT ? "bf" : "f");
  } else if (sm_is_signed(s)) {
    tm_buf_printf(out, "%lld%s", (long long)e->u.i, s == SM_LONG ? "l" : "");
  } else {
    tm_buf_printf(out, "%llu%s", (unsigned long long)e->u.i,
                  s == SM_ULONG ? "ul" : "u");
  }
}

static void dump_swizzle(const sm_expr *e, tm_buf *out) {
  tm_buf_puts(out, e->kind == SM_SWIZZLE ? "(swizzle ." : "(shuffle .");
  for (int i = 0; i < e->swizzle_len; i++)
    tm_buf_printf(out, "%c", "xyzw"[e->swizzle[i] & 3]);
}

static const char *plain_name(sm_expr_kind kind) {
  switch (kind) {
    case SM_READ: return "read";
    case SM_AND: return "&&";
    case SM_OR: return "||";
    case SM_SELECT: return "?:";
    case SM_COMMA: return ",";
    case SM_ASSIGN: return "assign";
    case SM_ADDRESS: return "address";
    case SM_ELEMENT_OF: return "element-of";
    case SM_DEREF: return "deref";
    case SM_INDEX: return "index";
    case SM_THREAD_ELEMENTS: return "thread-elements";
    default: return "?";
  }
}

static void dump_head(const sm_expr *e, tm_buf *out) {
  switch (e->kind) {
    case SM_CAST:
      tm_buf_printf(out, "(cast:%s", e->type->spelling);
      return;
    case SM_SPLAT:
      tm_buf_printf(out, "(splat:%s", e->type->spelling);
      return;
    case SM_CONSTRUCT:
      tm_buf_printf(out, "(construct:%s", e->type->spelling);
      return;
    case SM_UNARY:
      tm_buf_printf(out, "(%s", sm_op_text(e->op));
      return;
    case SM_BINARY:
      tm_buf_printf(out, "(%s%s", sm_op_text(e->op),
                    e->precision == SM_FAST ? "/fast" : "");
      return;
    case SM_CALL:
      tm_buf_printf(out, "(call %s", e->u.function->name);
      return;
    case SM_BUILTIN:
      tm_buf_printf(out, "(%s:%s%s", sm_builtin_name(e->u.builtin),
                    e->type->spelling,
                    e->precision == SM_FAST ? "/fast" : "");
      return;
    case SM_COMPOUND:
      tm_buf_printf(out, "(%s=:%s", sm_op_text(e->op),
                    e->operand_type->spelling);
      return;
    case SM_PRE:
      tm_buf_puts(out, e->op == SM_ADD ? "(pre++" : "(pre--");
      return;
    case SM_POST:
      tm_buf_puts(out, e->op == SM_ADD ? "(post++" : "(post--");
      return;
    case SM_MEMBER:
    case SM_MEMBER_OF:
      tm_buf_printf(out, "(%s %s",
                    e->kind == SM_MEMBER ? "member" : "member-of",
                    e->a[0]->type->structure->members.data[e->u.member].name
                        ? e->a[0]->type->structure->members.data[e->u.member].name : "(anonymous)");
      return;
    case SM_SWIZZLE:
    case SM_SHUFFLE: dump_swizzle(e, out); return;
    default: tm_buf_printf(out, "(%s", plain_name(e->kind)); return;
  }
}

static void dump_expr(const sm_expr *e, tm_buf *out) {
  if (e->kind == SM_LITERAL) {
    dump_literal(e, out);
    return;
  }
  if (e->kind == SM_VAR) {
    tm_buf_puts(out, e->u.var->name ? e->u.var->name : "(unnamed)");
    return;
  }
  dump_head(e, out);
  dump_args(e, out);
  tm_buf_puts(out, ")");
}

/* ---- statements ------------------------------------------------------- */

static void indent(tm_buf *out, unsigned depth) {
  for (unsigned i = 0; i < depth; i++) tm_buf_puts(out, "  ");
}

static void dump_stmt(const sm_stmt *s, tm_buf *out, unsigned depth);

static void dump_body(const sm_stmt *s, tm_buf *out, unsigned depth) {
  for (uint32_t i = 0; i < s->body.len; i++)
    dump_stmt(s->body.data[i], out, depth);
}

static void dump_decl(const sm_var *v, tm_buf *out) {
  static const char *const kinds[] = {"local", "threadgroup", "constant",
                                      "function-constant", "param", "buffer",
                                      "threadgroup-buffer", "input"};
  tm_buf_printf(out, "%s %s : %s%s", kinds[v->kind],
                v->name ? v->name : "(unnamed)", v->is_const ? "const " : "",
                v->type->spelling);
  if (v->kind == SM_V_BUFFER || v->kind == SM_V_TG_BUFFER ||
      v->kind == SM_V_FUNCTION_CONSTANT)
    tm_buf_printf(out, " [%u]", v->index);
  if (v->kind == SM_V_INPUT) tm_buf_printf(out, " input %d", (int)v->input);
  if (v->init) {
    tm_buf_puts(out, " = ");
    dump_expr(v->init, out);
  }
  tm_buf_puts(out, "\n");
}

static const char *stmt_word(sm_stmt_kind kind) {
  static const char *const words[] = {"", "", "block", "if", "for", "while",
                                      "do", "switch", "case", "break",
                                      "continue", "return"};
  return words[kind];
}

static void dump_stmt(const sm_stmt *s, tm_buf *out, unsigned depth) {
  indent(out, depth);
  if (s->kind == SM_S_DECL) {
    dump_decl(s->var, out);
    return;
  }
  tm_buf_puts(out, stmt_word(s->kind));
  if (s->kind == SM_S_CASE && s->is_default)
    tm_buf_puts(out, " default");
  else if (s->kind == SM_S_CASE)
    tm_buf_printf(out, " %lld", (long long)s->value);
  if (s->unroll) tm_buf_printf(out, " unroll %d", (int)s->unroll);
  if (s->e) {
    if (s->kind != SM_S_EXPR) tm_buf_puts(out, " ");
    dump_expr(s->e, out);
  }
  tm_buf_puts(out, "\n");
  if (s->init) dump_stmt(s->init, out, depth + 2);
  if (s->step) {
    indent(out, depth + 1);
    tm_buf_puts(out, "step ");
    dump_expr(s->step, out);
    tm_buf_puts(out, "\n");
  }
  dump_body(s, out, depth + 1);
}

void sm_program_dump(const sm_program *program, tm_buf *out) {
  for (uint32_t i = 0; i < program->function_constants.len; i++)
    dump_decl(program->function_constants.data[i], out);
  for (uint32_t i = 0; i < program->globals.len; i++)
    dump_decl(program->globals.data[i], out);
  for (uint32_t i = 0; i < program->functions.len; i++) {
    const sm_function *f = program->functions.data[i];
    tm_buf_printf(out, "%s %s : %s", f->is_kernel ? "kernel" : "function",
                  f->name, f->result->spelling);
    if (f->max_threads) tm_buf_printf(out, " max-threads %u", f->max_threads);
    if (f->threadgroup_bytes)
      tm_buf_printf(out, " threadgroup-bytes %u", f->threadgroup_bytes);
    if (f->has_barrier) tm_buf_puts(out, " barrier");
    tm_buf_puts(out, "\n");
    for (uint32_t k = 0; k < f->params.len; k++) {
      indent(out, 1);
      dump_decl(f->params.data[k], out);
    }
    if (f->body) dump_body(f->body, out, 1);
  }
}
