/* SPDX-License-Identifier: MIT */
/*
 * msl_stmt.c - statements.
 *
 * A declaration of several variables is several statements, so functions
 * here append to a list. A pragma that unrolls is kept for the loop that
 * must follow; pragmas of floating point hold to the end of their block.
 */
#include "front.h"

static void parse_statement(sm_parser *p, sm_stmts *out);

static sm_stmt *new_stmt(sm_parser *p, sm_stmt_kind kind, tm_loc loc) {
  sm_stmt *s = TM_NEW(p->arena, sm_stmt);
  s->kind = kind;
  s->loc = loc;
  return s;
}

static void set_body(sm_stmt *s, const sm_stmts *list) {
  s->body.data = list->data;
  s->body.len = list->len;
  s->body.cap = list->cap;
}

/* One statement in a scope of its own: the body of a loop or an if. */
static sm_stmt *parse_substatement(sm_parser *p) {
  if (sm_at(p, SM_P_LBRACE)) return sm_parse_block(p);
  tm_loc loc = p->t->loc;
  sm_stmts list = {0};
  sm_scope_enter(p);
  parse_statement(p, &list);
  sm_scope_leave(p);
  if (list.len == 1) return list.data[0];
  sm_stmt *block = new_stmt(p, SM_S_BLOCK, loc);
  set_body(block, &list);
  return block;
}

/* ---- blocks ----------------------------------------------------------- */

static bool fp_pragma(sm_parser *p) {
  if (p->t->kind != SM_TK_PRAGMA || p->t->punct == SM_PRAGMA_UNROLL)
    return false;
  if (p->t->punct == SM_PRAGMA_MATH_MODE)
    p->math = (sm_math_mode)p->t->value;
  else
    p->contract = p->t->value != 0;
  sm_skip(p);
  return true;
}

static void parse_statements(sm_parser *p, sm_stmts *out) {
  while (fp_pragma(p)) {
  }
  while (!sm_at(p, SM_P_RBRACE) && p->t < p->end) {
    const sm_token *before = p->t;
    parse_statement(p, out);
    if (p->t == before) sm_skip(p);
  }
}

sm_stmt *sm_parse_body(sm_parser *p) {
  sm_stmt *block = new_stmt(p, SM_S_BLOCK, p->t->loc);
  sm_stmts list = {0};
  sm_math_mode math = p->math;
  bool contract = p->contract;
  if (!sm_expect(p, SM_P_LBRACE, "before the block")) return block;
  parse_statements(p, &list);
  sm_expect(p, SM_P_RBRACE, "after the block");
  p->math = math;
  p->contract = contract;
  set_body(block, &list);
  return block;
}

sm_stmt *sm_parse_block(sm_parser *p) {
  sm_scope_enter(p);
  sm_stmt *block = sm_parse_body(p);
  sm_scope_leave(p);
  return block;
}

/* ---- conditions ------------------------------------------------------- */

/* The condition and its ')'. */
static sm_expr *parse_condition_end(sm_parser *p) {
  if (sm_starts_declaration(p)) {
    sm_unsupported(p, p->t->loc, "a declaration as a condition is not "
                   "supported: declare the variable before");
    return sm_error_expr(p, p->t->loc);
  }
  sm_expr *e = sm_condition(p, sm_parse_expr(p));
  sm_expect(p, SM_P_RPAREN, "after the condition");
  return e;
}

static sm_expr *parse_condition(sm_parser *p, const char *what) {
  if (!sm_expect(p, SM_P_LPAREN, what)) return sm_error_expr(p, p->t->loc);
  return parse_condition_end(p);
}

/* if (init; condition): is there a ';' before the ')'? */
static bool has_init(const sm_parser *p) {
  uint32_t depth = 0;
  for (const sm_token *t = p->t; t < p->end; t++) {
    if (sm_token_is(t, SM_P_LBRACE)) return false;
    if (sm_token_is(t, SM_P_SEMI)) return depth == 1;
    if (sm_token_is(t, SM_P_LPAREN)) depth++;
    if (sm_token_is(t, SM_P_RPAREN) && --depth == 0) return false;
  }
  return false;
}

/* Reads "(init;"; its statements go to out. */
static void parse_init_statement(sm_parser *p, sm_stmts *out) {
  if (p->version < 400)
    tm_warning_at(p->diags, p->t->loc, "an initialiser in 'if' or 'switch' "
                  "is an extension before MSL 4.0");
  sm_skip(p); /* '(' */
  if (sm_starts_declaration(p)) {
    sm_parse_local(p, out);
  } else {
    sm_stmt *s = new_stmt(p, SM_S_EXPR, p->t->loc);
    s->e = sm_rvalue(p, sm_parse_expr(p));
    sm_expect(p, SM_P_SEMI, "after the initialiser");
    tm_push(p->arena, out, s);
  }
}

/* A block of the initialiser's statements and s; leaves their scope. */
static sm_stmt *end_init(sm_parser *p, sm_stmts *list, sm_stmt *s) {
  sm_stmt *block = new_stmt(p, SM_S_BLOCK, s->loc);
  tm_push(p->arena, list, s);
  set_body(block, list);
  sm_scope_leave(p);
  return block;
}

static sm_stmt *parse_if(sm_parser *p) {
  sm_stmt *s = new_stmt(p, SM_S_IF, p->t->loc);
  sm_skip(p);
  bool is_constexpr = sm_accept_word(p, SM_K_constexpr);
  bool init = sm_at(p, SM_P_LPAREN) && has_init(p);
  sm_stmts list = {0};
  if (init) {
    sm_scope_enter(p);
    parse_init_statement(p, &list);
  }
  s->e = init ? parse_condition_end(p) : parse_condition(p, "after 'if'");
  sm_value v;
  if (is_constexpr && p->version < 400)
    tm_warning_at(p->diags, s->loc, "'if constexpr' is an extension before "
                  "MSL 4.0");
  if (is_constexpr && !sm_is_error(p, s->e) && !sm_fold(p, s->e, &v))
    sm_error(p, s->e->loc, "constexpr if condition is not a constant "
             "expression");
  tm_push(p->arena, &s->body, parse_substatement(p));
  if (sm_accept_word(p, SM_K_else))
    tm_push(p->arena, &s->body, parse_substatement(p));
  return init ? end_init(p, &list, s) : s;
}

/* ---- loops ------------------------------------------------------------ */

static void parse_loop_body(sm_parser *p, sm_stmt *s) {
  p->loops++;
  tm_push(p->arena, &s->body, parse_substatement(p));
  p->loops--;
}

static sm_stmt *parse_for_init(sm_parser *p) {
  tm_loc loc = p->t->loc;
  if (sm_accept(p, SM_P_SEMI)) return NULL;
  if (sm_starts_declaration(p)) {
    sm_stmts list = {0};
    sm_parse_local(p, &list);
    if (list.len == 1) return list.data[0];
    sm_stmt *block = new_stmt(p, SM_S_BLOCK, loc);
    set_body(block, &list);
    return block;
  }
  sm_stmt *s = new_stmt(p, SM_S_EXPR, loc);
  s->e = sm_rvalue(p, sm_parse_expr(p));
  sm_expect(p, SM_P_SEMI, "in 'for'");
  return s;
}

/* for (T x : range): is there a ':' before the first ';'? At the '('. */
static bool is_range_for(const sm_parser *p) {
  uint32_t depth = 0;
  for (const sm_token *t = p->t; t < p->end; t++) {
    if (sm_token_is(t, SM_P_SEMI) || sm_token_is(t, SM_P_LBRACE) ||
        sm_token_is(t, SM_P_QUESTION))
      return false;
    if (sm_token_is(t, SM_P_COLON)) return depth == 1;
    if (sm_token_is(t, SM_P_LPAREN)) depth++;
    if (sm_token_is(t, SM_P_RPAREN) && --depth == 0) return false;
  }
  return false;
}

static sm_expr *parse_range(sm_parser *p) {
  tm_loc loc = p->t->loc;
  if (!sm_at(p, SM_P_LBRACE)) return sm_parse_expr(p);
  sm_unsupported(p, loc, "a list as the range of 'for' is not supported: put "
                 "it into an array first");
  sm_skip_balanced(p);
  return sm_error_expr(p, loc);
}

/* How many elements the range has; 0 (reported): it is none. */
static uint32_t range_count(sm_parser *p, const sm_expr *range) {
  const sm_type *t = range->type;
  if (sm_is_error(p, range)) return 0;
  if (t->kind == SM_T_STRUCT && sm_struct_of(p, t)->is_array)
    t = t->structure->members.data[0].type;
  if (t->kind != SM_T_ARRAY)
    sm_error(p, range->loc, "invalid range expression of type '%s': use an "
             "array", range->type->spelling);
  else if (!range->is_lvalue)
    sm_unsupported(p, range->loc, "a temporary as the range of 'for' is not "
                   "supported: put it into a variable first");
  else
    return t->count;
  return 0;
}

/* for (T x : range) ... is, with names that nobody can write,
 *   for (auto &r = range, int i = 0; i < count; ++i) { T x = r[i]; ... } */
static sm_stmt *parse_range_for(sm_parser *p, sm_stmt *s) {
  sm_specifiers type;
  sm_declarator d;
  sm_stmts before = {0}, inside = {0};
  if (!sm_parse_specifiers(p, &type) ||
      !sm_parse_declarator(p, &type, false, &d) ||
      !sm_expect(p, SM_P_COLON, "after the variable of 'for'")) {
    sm_recover(p);
    return s;
  }
  sm_expr *range = parse_range(p);
  sm_expect(p, SM_P_RPAREN, "after the range of 'for'");
  tm_loc loc = range->loc;
  uint32_t count = range_count(p, range);
  sm_expr *element = sm_error_expr(p, loc);
  if (count) {
    const sm_type *ref = sm_type_reference(p, range->type, range->space,
                                           range->is_const,
                                           range->is_volatile);
    sm_var *whole = sm_declare_hidden(p, "(range)", ref, range, &before);
    sm_var *index = sm_declare_hidden(p, "(index)", p->scalars[SM_INT],
                                      sm_literal_int(p, SM_INT, 0, loc),
                                      &before);
    s->e = sm_binary(p, SM_LT, sm_var_ref(p, index, loc),
                     sm_literal_int(p, SM_INT, count, loc), loc);
    s->step = sm_rvalue(p, sm_step(p, SM_PRE, SM_ADD,
                                   sm_var_ref(p, index, loc), loc));
    element = sm_subscript(p, sm_var_ref(p, whole, loc),
                           sm_var_ref(p, index, loc), loc);
  }
  s->init = new_stmt(p, SM_S_BLOCK, loc);
  set_body(s->init, &before);
  sm_declare_element(p, &type, &d, element, &inside);
  p->loops++;
  tm_push(p->arena, &inside, parse_substatement(p));
  p->loops--;
  sm_stmt *body = new_stmt(p, SM_S_BLOCK, loc);
  set_body(body, &inside);
  tm_push(p->arena, &s->body, body);
  return s;
}

static sm_stmt *parse_for(sm_parser *p, int32_t unroll) {
  sm_stmt *s = new_stmt(p, SM_S_FOR, p->t->loc);
  s->unroll = unroll;
  sm_skip(p);
  bool over_range = sm_at(p, SM_P_LPAREN) && is_range_for(p);
  if (!sm_expect(p, SM_P_LPAREN, "after 'for'")) return s;
  sm_scope_enter(p);
  if (over_range) {
    parse_range_for(p, s);
    sm_scope_leave(p);
    return s;
  }
  s->init = parse_for_init(p);
  if (!sm_at(p, SM_P_SEMI)) s->e = sm_condition(p, sm_parse_expr(p));
  if (!sm_expect(p, SM_P_SEMI, "in 'for'")) {
    sm_recover(p);
    sm_scope_leave(p);
    return s;
  }
  if (!sm_at(p, SM_P_RPAREN)) s->step = sm_rvalue(p, sm_parse_expr(p));
  sm_expect(p, SM_P_RPAREN, "after the clauses of 'for'");
  parse_loop_body(p, s);
  sm_scope_leave(p);
  return s;
}

static sm_stmt *parse_while(sm_parser *p, int32_t unroll) {
  sm_stmt *s = new_stmt(p, SM_S_WHILE, p->t->loc);
  s->unroll = unroll;
  sm_skip(p);
  s->e = parse_condition(p, "after 'while'");
  parse_loop_body(p, s);
  return s;
}

static sm_stmt *parse_do(sm_parser *p, int32_t unroll) {
  sm_stmt *s = new_stmt(p, SM_S_DO, p->t->loc);
  s->unroll = unroll;
  sm_skip(p);
  parse_loop_body(p, s);
  if (!sm_accept_word(p, SM_K_while)) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected 'while' after the body of 'do'");
    return s;
  }
  s->e = parse_condition(p, "after 'while'");
  sm_expect(p, SM_P_SEMI, "after 'do' ... 'while'");
  return s;
}

static bool at_loop(const sm_parser *p) {
  return sm_at_word(p, SM_K_for) || sm_at_word(p, SM_K_while) ||
         sm_at_word(p, SM_K_do);
}

static sm_stmt *parse_loop(sm_parser *p, int32_t unroll) {
  if (sm_at_word(p, SM_K_for)) return parse_for(p, unroll);
  if (sm_at_word(p, SM_K_while)) return parse_while(p, unroll);
  return parse_do(p, unroll);
}

/* ---- switch ----------------------------------------------------------- */

static void check_duplicate(sm_parser *p, const sm_stmts *list,
                            const sm_stmt *label) {
  for (uint32_t i = 0; i < list->len; i++) {
    const sm_stmt *s = list->data[i];
    if (s->kind != SM_S_CASE || s->is_default != label->is_default) continue;
    if (label->is_default)
      sm_error(p, label->loc, "multiple default labels in one switch");
    else if (s->value == label->value)
      sm_error(p, label->loc, "duplicate case value '%lld'",
               (long long)label->value);
    else
      continue;
    return;
  }
}

static sm_stmt *parse_label(sm_parser *p, const sm_type *type) {
  sm_stmt *s = new_stmt(p, SM_S_CASE, p->t->loc);
  s->is_default = sm_at_word(p, SM_K_default);
  sm_skip(p);
  if (!s->is_default) {
    sm_expr *e = sm_parse_assignment(p);
    sm_value v;
    if (type != p->error_type)
      e = sm_convert(p, e, type, "initialize a case value");
    if (!sm_is_error(p, e) && !sm_fold(p, e, &v))
      sm_error(p, e->loc, "case value is not a constant expression");
    else if (!sm_is_error(p, e))
      s->value = (int64_t)v.i;
  }
  sm_expect(p, SM_P_COLON, "after the label");
  return s;
}

static void parse_cases(sm_parser *p, const sm_type *type, sm_stmts *list) {
  const sm_stmt *crossed = NULL; /* an initialised variable before a label */
  bool labelled = false;
  while (!sm_at(p, SM_P_RBRACE) && p->t < p->end) {
    const sm_token *before = p->t;
    if (sm_at_word(p, SM_K_case) || sm_at_word(p, SM_K_default)) {
      sm_stmt *label = parse_label(p, type);
      if (crossed)
        sm_error(p, label->loc, "cannot jump from switch statement to this "
                 "case label: it bypasses the initialization of '%s'",
                 crossed->var->name);
      crossed = NULL;
      labelled = true;
      check_duplicate(p, list, label);
      tm_push(p->arena, list, label);
    } else {
      uint32_t from = list->len;
      tm_loc loc = p->t->loc;
      parse_statement(p, list);
      if (!labelled && list->len > from)
        tm_warning_at(p->diags, loc, "statement before the first label is "
                      "never executed");
      for (uint32_t i = from; i < list->len; i++)
        if (list->data[i]->kind == SM_S_DECL && list->data[i]->var->init)
          crossed = list->data[i];
    }
    if (p->t == before) sm_skip(p);
  }
}

static sm_stmt *parse_switch(sm_parser *p) {
  sm_stmt *s = new_stmt(p, SM_S_SWITCH, p->t->loc);
  sm_stmts before = {0};
  sm_skip(p);
  bool init = sm_at(p, SM_P_LPAREN) && has_init(p);
  if (init) {
    sm_scope_enter(p);
    parse_init_statement(p, &before);
  } else if (!sm_expect(p, SM_P_LPAREN, "after 'switch'")) {
    return s;
  }
  sm_expr *e = sm_rvalue(p, sm_parse_expr(p));
  sm_expect(p, SM_P_RPAREN, "after the value of 'switch'");
  const sm_type *t = e->type;
  if (!sm_is_error(p, e) && t->kind != SM_T_ENUM &&
      !(sm_is_scalar(t) && sm_is_integer(t->scalar))) {
    sm_error(p, e->loc, "statement requires expression of integer type ('%s' "
             "invalid)", t->spelling);
    e = sm_error_expr(p, e->loc);
  }
  if (sm_is_scalar(e->type) && e->type->scalar < SM_INT &&
      !sm_is_error(p, e))
    e = sm_convert_known(p, e, p->scalars[SM_INT]);
  s->e = e;
  if (!sm_at(p, SM_P_LBRACE)) {
    sm_unsupported(p, p->t->loc, "the body of a switch must be a block");
    return init ? end_init(p, &before, s) : s;
  }
  sm_skip(p);
  sm_stmts list = {0};
  sm_scope_enter(p);
  p->switches++;
  parse_cases(p, e->type, &list);
  p->switches--;
  sm_scope_leave(p);
  sm_expect(p, SM_P_RBRACE, "after the body of 'switch'");
  set_body(s, &list);
  return init ? end_init(p, &before, s) : s;
}

/* ---- jumps ------------------------------------------------------------ */

static sm_stmt *parse_return(sm_parser *p) {
  sm_stmt *s = new_stmt(p, SM_S_RETURN, p->t->loc);
  const sm_function *f = p->callable->function;
  sm_skip(p);
  if (sm_accept(p, SM_P_SEMI)) {
    if (!sm_is_void(f->result) && f->result != p->error_type)
      sm_error(p, s->loc, "non-void function '%s' should return a value",
               f->name);
    return s;
  }
  const sm_type *type = f->result;
  sm_expr *e = sm_at(p, SM_P_LBRACE) ? sm_parse_braces(p, &type, false)
                                     : sm_parse_expr(p);
  sm_expect(p, SM_P_SEMI, "after 'return'");
  if (sm_is_error(p, e)) return s;
  if (sm_is_void(type) && type != p->error_type) {
    sm_error(p, e->loc, "void function '%s' should not return a value",
             f->name);
    return s;
  }
  s->e = sm_convert(p, e, type, "initialize return object");
  return s;
}

static sm_stmt *parse_jump(sm_parser *p) {
  bool is_break = sm_at_word(p, SM_K_break);
  sm_stmt *s = new_stmt(p, is_break ? SM_S_BREAK : SM_S_CONTINUE, p->t->loc);
  if (is_break && !p->loops && !p->switches)
    sm_error(p, s->loc, "'break' statement not in loop or switch statement");
  if (!is_break && !p->loops)
    sm_error(p, s->loc, "'continue' statement not in loop statement");
  sm_skip(p);
  sm_expect(p, SM_P_SEMI, is_break ? "after 'break'" : "after 'continue'");
  return s;
}

/* ---- the statement ---------------------------------------------------- */

static void parse_expression_statement(sm_parser *p, sm_stmts *out) {
  sm_stmt *s = new_stmt(p, SM_S_EXPR, p->t->loc);
  uint32_t errors = p->diags->errors;
  sm_expr *e = sm_parse_expr(p);
  if (p->diags->errors == errors && sm_at(p, SM_P_COLON) &&
      e->kind == SM_VAR) {
    sm_unsupported(p, p->t->loc, "labels are not supported in Metal");
    sm_skip(p);
    return;
  }
  bool ended = p->diags->errors != errors && !sm_at(p, SM_P_SEMI)
                   ? (sm_recover(p), true)
                   : sm_expect(p, SM_P_SEMI, "after the expression");
  if (!ended) sm_recover(p);
  if (sm_is_error(p, e)) return;
  s->e = e->type->kind == SM_T_ARRAY || e->is_lvalue ? sm_rvalue(p, e) : e;
  tm_push(p->arena, out, s);
}

/* At the "( e )" of #pragma unroll(e). */
static int32_t unroll_count(sm_parser *p) {
  tm_loc loc = p->t->loc;
  int64_t value;
  sm_skip(p);
  sm_expr *e = sm_rvalue(p, sm_parse_expr(p));
  sm_expect(p, SM_P_RPAREN, "after the unroll count");
  if (sm_is_error(p, e)) return 1;
  if (!sm_fold_int(p, e, &value))
    sm_error(p, loc, "the unroll count is not an integral constant "
             "expression");
  else if (value < 0 || value > INT32_MAX)
    sm_error(p, loc, "invalid value '%lld'; must be positive",
             (long long)value);
  else
    return value ? (int32_t)value : 1; /* 0 and 1 do not unroll */
  return 1;
}

static int32_t take_unroll(sm_parser *p) {
  int32_t unroll = 0;
  tm_loc loc = p->t->loc;
  while (p->t->kind == SM_TK_PRAGMA && p->t->punct == SM_PRAGMA_UNROLL) {
    unroll = p->t->value;
    loc = p->t->loc;
    sm_skip(p);
    if (unroll == SM_UNROLL_COUNT) unroll = unroll_count(p);
  }
  if (!at_loop(p))
    sm_error(p, loc, "expected a for, while, or do-while loop to follow the "
             "unroll pragma");
  return unroll;
}

/* [[fallthrough]]; and hints before a statement: [[likely]] if (...) */
static void skip_statement_attributes(sm_parser *p) {
  static const char *const known[] = {"fallthrough", "likely", "unlikely",
                                      "maybe_unused"};
  while (sm_at(p, SM_P_LSQUARE) && sm_token_is(sm_ahead(p), SM_P_LSQUARE)) {
    const sm_token *name = sm_ahead(p) + 1;
    bool hint = false;
    for (size_t i = 0; name < p->end && i < TM_COUNT(known); i++)
      hint |= name->kind == SM_TK_NAME && strcmp(name->name, known[i]) == 0;
    bool before_declaration = hint && strcmp(name->name, known[3]) == 0;
    if (!hint || before_declaration) return;
    sm_attributes ignored = {0};
    sm_parse_attributes(p, &ignored);
  }
}

static void parse_inner(sm_parser *p, sm_stmts *out) {
  skip_statement_attributes(p);
  if (p->t->kind == SM_TK_PRAGMA) {
    if (p->t->punct != SM_PRAGMA_UNROLL) {
      sm_error(p, p->t->loc, "a floating-point pragma can only stand at file "
               "scope or at the start of a block");
      sm_skip(p);
      return;
    }
    int32_t unroll = take_unroll(p);
    if (at_loop(p)) tm_push(p->arena, out, parse_loop(p, unroll));
    return;
  }
  if (sm_at(p, SM_P_LBRACE)) {
    tm_push(p->arena, out, sm_parse_block(p));
    return;
  }
  if (sm_accept(p, SM_P_SEMI)) return;
  switch (p->t->kind == SM_TK_NAME ? p->t->keyword : SM_K_NONE) {
    case SM_K_if: tm_push(p->arena, out, parse_if(p)); return;
    case SM_K_for:
    case SM_K_while:
    case SM_K_do: tm_push(p->arena, out, parse_loop(p, 0)); return;
    case SM_K_switch: tm_push(p->arena, out, parse_switch(p)); return;
    case SM_K_return: tm_push(p->arena, out, parse_return(p)); return;
    case SM_K_break:
    case SM_K_continue: tm_push(p->arena, out, parse_jump(p)); return;
    case SM_K_using: sm_parse_using(p); return;
    case SM_K_namespace:
      sm_error(p, p->t->loc, "a namespace can only be declared at file "
               "scope or in a namespace");
      sm_skip(p);
      sm_recover(p);
      return;
    case SM_K_static_assert: sm_parse_static_assert(p); return;
    case SM_K_case:
    case SM_K_default:
      sm_unsupported(p, p->t->loc, "a case label must stand directly in the "
                     "body of its switch");
      sm_recover(p);
      return;
    case SM_K_else:
      tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                  "'else' without an 'if'");
      sm_skip(p);
      return;
    case SM_K_goto: case SM_K_try: case SM_K_throw: case SM_K_asm:
    case SM_K___asm: case SM_K___asm__: case SM_K_template:
    case SM_K_class: case SM_K_union:
      sm_refused_word(p);
      sm_skip(p);
      sm_recover(p);
      return;
    default: break;
  }
  if (sm_starts_declaration(p))
    sm_parse_local(p, out);
  else
    parse_expression_statement(p, out);
}

static void parse_statement(sm_parser *p, sm_stmts *out) {
  if (sm_enter(p)) parse_inner(p, out);
  p->nesting--;
}
