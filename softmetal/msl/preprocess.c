/* SPDX-License-Identifier: MIT */
/*
 * preprocess.c - conditions, macros and pragmas.
 *
 * Input is the array of raw tokens, output the array the parser walks.
 * Expansion keeps a stack of token runs: the text at the bottom, one run
 * for each macro being expanded above it. A macro is `busy` while its run is
 * on the stack; its name met meanwhile is painted and never expands again
 * (C11 6.10.3.4). Arguments are expanded on their own first, with a stack of
 * their own.
 *
 * Tokens of a macro's body take the place of the macro's use, so that errors
 * point at the line the author wrote.
 *
 * Only the library's own headers can be included: MSL compiled at run time
 * has no include path.
 */
#include "front.h"

#include <stdio.h>

enum {
  MOST_CONDITIONS = 64,  /* nested #if; C asks for 63 */
  MOST_EXPANSION = 100   /* nested macro arguments */
};

typedef struct macro {
  tm_name name;
  bool is_function, is_variadic, is_busy, is_line;
  TM_VEC(tm_name) params;
  sm_tokens body;
} macro;

typedef struct condition {
  tm_loc loc;
  bool live;    /* this branch is being read */
  bool taken;   /* some branch was read already, or the outside is dead */
  bool had_else;
} condition;

typedef struct run {
  const sm_token *at, *end;
  macro *owner; /* busy until the run ends */
  struct run *below;
} run;

typedef struct preprocessor {
  tm_arena *arena;
  tm_diags *diags;
  tm_names *names;
  const sm_parse_options *options;
  tm_map macros;
  sm_tokens *out;
  condition conditions[MOST_CONDITIONS];
  unsigned n_conditions;
  unsigned depth;
  uint32_t steps; /* macro uses so far: they may yield no token at all */
  bool has_stdlib, has_logging, has_simd, has_tensor, too_large;
  const char *line_name;           /* of #line; NULL: none yet */
  uint32_t line_file, line_offset;
  tm_name n_defined, n_has_include, n_va_args, n_pragma;
} preprocessor;

static tm_diag *complain(preprocessor *pp, tm_loc loc, const char *text) {
  return tm_error_at(pp->diags, TM_DIAG_SYNTAX, loc, "%s", text);
}

static macro *find_macro(preprocessor *pp, tm_name name) {
  uint64_t value;
  if (!name || !tm_map_get(&pp->macros, TM_KEY(name), &value)) return NULL;
  return (macro *)(uintptr_t)value;
}

static bool within_limit(preprocessor *pp, uint32_t n, tm_loc loc) {
  if (n < SM_MOST_TOKENS) return true;
  if (!pp->too_large)
    tm_error_at(pp->diags, TM_DIAG_LIMIT, loc,
                "the source expands to more than %d tokens",
                (int)SM_MOST_TOKENS);
  pp->too_large = true;
  return false;
}

static void emit(preprocessor *pp, sm_tokens *out, sm_token token) {
  if (!within_limit(pp, out->len, token.loc)) return;
  tm_push(pp->arena, out, token);
}

/* ---- expansion -------------------------------------------------------- */

static void expand_run(preprocessor *pp, run *top, sm_tokens *out);

static run *pop_finished(run *top) {
  while (top && top->at == top->end) {
    if (top->owner) top->owner->is_busy = false;
    top = top->below;
  }
  return top;
}

static const sm_token *peek(run *top) {
  while (top && top->at == top->end) top = top->below;
  return top ? top->at : NULL;
}

/* Reads "( a , b )" after a function-like macro's name. One vector of tokens
 * for each argument. False (reported) if the list does not end. */
typedef TM_VEC(sm_tokens) token_lists;

static bool read_arguments(preprocessor *pp, run **stack, const macro *m,
                           tm_loc loc, token_lists *args) {
  run *top = pop_finished(*stack);
  top->at++; /* '(' */
  unsigned depth = 0;
  sm_tokens current = {0};
  for (;;) {
    *stack = top = pop_finished(top);
    if (!top) {
      complain(pp, loc, "unterminated argument list of a macro");
      return false;
    }
    sm_token token = *top->at++;
    if (depth == 0 && sm_token_is(&token, SM_P_RPAREN)) break;
    bool rest = m->is_variadic && args->len + 1 >= m->params.len;
    if (depth == 0 && sm_token_is(&token, SM_P_COMMA) && !rest) {
      tm_push(pp->arena, args, current);
      current = (sm_tokens){0};
      continue;
    }
    if (sm_token_is(&token, SM_P_LPAREN)) depth++;
    if (sm_token_is(&token, SM_P_RPAREN)) depth--;
    macro *inner = find_macro(pp, token.name);
    if (inner && inner->is_busy) token.painted = true;
    token.first = false;
    tm_push(pp->arena, &current, token);
  }
  if (m->params.len || current.len || args->len)
    tm_push(pp->arena, args, current);
  if (m->is_variadic && args->len + 1 == m->params.len)
    tm_push(pp->arena, args, (sm_tokens){0});
  if (args->len == m->params.len) return true;
  tm_error_at(pp->diags, TM_DIAG_SYNTAX, loc,
              "macro '%s' takes %u argument%s, %u given", m->name,
              m->params.len, m->params.len == 1 ? "" : "s", args->len);
  return false;
}

static int param_index(const macro *m, const sm_token *token) {
  if (token->kind != SM_TK_NAME) return -1;
  for (uint32_t i = 0; i < m->params.len; i++)
    if (m->params.data[i] == token->name) return (int)i;
  return -1;
}

static sm_token stringize(preprocessor *pp, const sm_tokens *arg, tm_loc loc) {
  tm_buf text = tm_buf_in(pp->arena);
  tm_buf_puts(&text, "\"");
  for (uint32_t i = 0; i < arg->len; i++) {
    const sm_token *t = &arg->data[i];
    if (i && t->spaced) tm_buf_puts(&text, " ");
    for (uint32_t k = 0; k < t->len; k++) {
      bool quoted = t->kind == SM_TK_STRING || t->kind == SM_TK_CHAR;
      if (quoted && (t->text[k] == '"' || t->text[k] == '\\'))
        tm_buf_puts(&text, "\\");
      tm_buf_add(&text, t->text + k, 1);
    }
  }
  tm_buf_puts(&text, "\"");
  sm_token token = {0};
  token.kind = SM_TK_STRING;
  token.text = tm_buf_text(&text);
  token.len = (uint32_t)text.len;
  token.loc = loc;
  return token;
}

/* Joins b to the end of the last token of out: the ## operator. */
static void paste(preprocessor *pp, sm_tokens *out, const sm_token *b,
                  tm_loc loc) {
  sm_token *a = &out->data[out->len - 1];
  tm_buf text = tm_buf_in(pp->arena);
  tm_buf_add(&text, a->text, a->len);
  tm_buf_add(&text, b->text, b->len);
  sm_lexer lexer = {pp->arena, pp->diags, pp->names, 0};
  sm_tokens joined = {0};
  if (a->len && !(a->kind == SM_TK_PUNCT && a->punct == SM_P_SLASH))
    sm_lex(&lexer, (tm_str){tm_buf_text(&text), text.len}, &joined);
  if (joined.len != 1) {
    tm_error_at(pp->diags, TM_DIAG_SYNTAX, loc,
                "pasting formed '%.60s', which is no single token",
                tm_buf_text(&text));
    return;
  }
  bool spaced = a->spaced;
  *a = joined.data[0];
  a->spaced = spaced;
  a->first = false;
  a->loc = loc;
}

/* The body of m with arguments in place of parameters. */
static void substitute(preprocessor *pp, const macro *m,
                       const token_lists *args, tm_loc loc, sm_tokens *out) {
  bool pasting = false;
  for (uint32_t i = 0; i < m->body.len; i++) {
    sm_token token = m->body.data[i];
    bool to_paste = i + 1 < m->body.len &&
                    sm_token_is(&m->body.data[i + 1], SM_P_PASTE);
    if (sm_token_is(&token, SM_P_PASTE) && i && i + 1 < m->body.len) {
      pasting = true;
      continue;
    }
    token.loc = loc;
    token.first = false;
    int param = m->is_function ? param_index(m, &token) : -1;
    if (m->is_function && sm_token_is(&token, SM_P_HASH) &&
        i + 1 < m->body.len) {
      int named = param_index(m, &m->body.data[i + 1]);
      if (named >= 0) {
        sm_token text = stringize(pp, &args->data[named], loc);
        text.spaced = token.spaced;
        emit(pp, out, text);
        i++;
        pasting = false;
        continue;
      }
    }
    if (param < 0) {
      if (pasting && out->len)
        paste(pp, out, &token, loc);
      else
        emit(pp, out, token);
      pasting = false;
      continue;
    }
    sm_tokens piece = args->data[param];
    if (!pasting && !to_paste) { /* operands of # and ## stay unexpanded */
      sm_tokens expanded = {0};
      if (piece.len) {
        run arg = {piece.data, piece.data + piece.len, NULL, NULL};
        expand_run(pp, &arg, &expanded);
      }
      piece = expanded;
    }
    for (uint32_t k = 0; k < piece.len; k++) {
      sm_token t = piece.data[k];
      if (k == 0) t.spaced = token.spaced;
      t.first = false;
      if (k == 0 && pasting && out->len)
        paste(pp, out, &t, loc);
      else
        emit(pp, out, t);
    }
    pasting = false;
  }
}

static sm_token number_token(preprocessor *pp, uint32_t n, tm_loc loc) {
  char text[16];
  int len = snprintf(text, sizeof text, "%u", n);
  sm_token token = {0};
  token.kind = SM_TK_NUMBER;
  token.text = tm_strndup(pp->arena, text, (size_t)len);
  token.len = (uint32_t)len;
  token.loc = loc;
  return token;
}

/* Expands everything on the stack into out. */
static void expand_run(preprocessor *pp, run *top, sm_tokens *out) {
  if (++pp->depth > MOST_EXPANSION) {
    pp->depth--;
    if (!pp->too_large)
      tm_error_at(pp->diags, TM_DIAG_LIMIT, top->at->loc,
                  "macro arguments are nested too deeply");
    pp->too_large = true;
    return;
  }
  while ((top = pop_finished(top)) != NULL) {
    if (pp->too_large) { /* unwind, so that no macro stays busy */
      top->at = top->end;
      continue;
    }
    sm_token token = *top->at++;
    macro *m = token.painted ? NULL : find_macro(pp, token.name);
    if (m && m->is_busy) {
      token.painted = true;
      m = NULL;
    }
    if (m && m->is_function) {
      const sm_token *next = peek(top);
      if (!next || !sm_token_is(next, SM_P_LPAREN)) m = NULL;
    }
    if (!m) {
      emit(pp, out, token);
      continue;
    }
    if (!within_limit(pp, pp->steps++, token.loc)) continue;
    if (m->is_line) {
      emit(pp, out, number_token(pp, token.loc.line, token.loc));
      continue;
    }
    token_lists args = {0};
    if (m->is_function && !read_arguments(pp, &top, m, token.loc, &args))
      continue;
    sm_tokens body = {0};
    substitute(pp, m, &args, token.loc, &body);
    if (!body.len) continue;
    body.data[0].spaced = token.spaced;
    run *above = TM_NEW(pp->arena, run);
    *above = (run){body.data, body.data + body.len, m, top};
    m->is_busy = true;
    top = above;
  }
  pp->depth--;
}

/* ---- #if -------------------------------------------------------------- */

static bool is_tensor_header(const char *name) {
  return strcmp(name, "metal_tensor") == 0 ||
         strcmp(name, "MetalPerformancePrimitives/"
                      "MetalPerformancePrimitives.h") == 0;
}

static bool is_metal_header(const char *name) {
  static const char *const headers[] = {
    "metal_stdlib", "metal_math", "metal_simdgroup", "metal_quadgroup",
    "metal_simdgroup_matrix", "metal_atomic", "metal_compute",
    "metal_common", "metal_geometric", "metal_integer", "metal_matrix",
    "metal_relational", "metal_types", "metal_pack", "metal_config",
    "metal_limits", "metal_numeric", "metal_assert", "metal_uniform",
    "metal_array", "metal_type_traits", "metal_utility",
    "metal_extended_vector", "metal_logging", "simd/simd.h",
  };
  for (size_t i = 0; i < TM_COUNT(headers); i++)
    if (strcmp(headers[i], name) == 0) return true;
  return is_tensor_header(name);
}

/* Reads <name> or "name" at t. Returns its last token, NULL if there is no
 * header's name. */
static const sm_token *read_header(const sm_token *t, const sm_token *end,
                                   char *name, size_t size) {
  size_t n = 0;
  *name = 0;
  if (t < end && t->kind == SM_TK_STRING && t->len - 2 < size) {
    memcpy(name, t->text + 1, t->len - 2);
    name[t->len - 2] = 0;
    return t;
  }
  if (t >= end || !sm_token_is(t, SM_P_LT)) return NULL;
  for (t++; t < end && !sm_token_is(t, SM_P_GT); t++) {
    if (n + t->len >= size) return NULL;
    memcpy(name + n, t->text, t->len);
    n += t->len;
  }
  name[n] = 0;
  return t < end ? t : NULL;
}

/* __has_include(<name>) at t: its last token; NULL (reported) if it is none. */
static const sm_token *has_include(preprocessor *pp, const sm_token *t,
                                   const sm_token *end, bool *is) {
  char name[64];
  const sm_token *last = NULL;
  if (t + 1 < end && sm_token_is(t + 1, SM_P_LPAREN))
    last = read_header(t + 2, end, name, sizeof name);
  if (!last || last + 1 >= end || !sm_token_is(last + 1, SM_P_RPAREN)) {
    complain(pp, t->loc, "expected (<header>) after '__has_include'");
    return NULL;
  }
  *is = is_metal_header(name);
  return last + 1;
}

static bool is_defined(preprocessor *pp, tm_name name) {
  return name == pp->n_has_include || find_macro(pp, name);
}

/* Replaces `defined X`, `defined(X)` and `__has_include(...)` by 0 or 1,
 * before expansion. */
static void resolve_defined(preprocessor *pp, const sm_token *t,
                            const sm_token *end, sm_tokens *out) {
  for (; t < end; t++) {
    bool is = false;
    if (t->kind == SM_TK_NAME && t->name == pp->n_has_include) {
      const sm_token *last = has_include(pp, t, end, &is);
      tm_push(pp->arena, out, number_token(pp, is, t->loc));
      if (!last) return;
      t = last;
      continue;
    }
    if (t->kind != SM_TK_NAME || t->name != pp->n_defined) {
      tm_push(pp->arena, out, *t);
      continue;
    }
    bool parenthesis = t + 1 < end && sm_token_is(t + 1, SM_P_LPAREN);
    const sm_token *name = t + (parenthesis ? 2 : 1);
    bool closed = !parenthesis ||
                  (name + 1 < end && sm_token_is(name + 1, SM_P_RPAREN));
    if (name >= end || name->kind != SM_TK_NAME || !closed) {
      complain(pp, t->loc, "expected a name after 'defined'");
      continue;
    }
    is = is_defined(pp, name->name);
    tm_push(pp->arena, out, number_token(pp, is, t->loc));
    t = name + (parenthesis ? 1 : 0);
  }
}

static bool evaluate_if(preprocessor *pp, const sm_token *t,
                        const sm_token *end, tm_loc loc) {
  sm_tokens resolved = {0}, expanded = {0};
  resolve_defined(pp, t, end, &resolved);
  if (resolved.len) {
    run line = {resolved.data, resolved.data + resolved.len, NULL, NULL};
    expand_run(pp, &line, &expanded);
  }
  return sm_evaluate_condition(pp->diags, &expanded, loc);
}

/* ---- directives ------------------------------------------------------- */

static bool live(const preprocessor *pp) {
  return !pp->n_conditions || pp->conditions[pp->n_conditions - 1].live;
}

static bool same_body(const macro *a, const macro *b) {
  if (a->is_function != b->is_function || a->params.len != b->params.len ||
      a->is_variadic != b->is_variadic || a->body.len != b->body.len)
    return false;
  for (uint32_t i = 0; i < a->params.len; i++)
    if (a->params.data[i] != b->params.data[i]) return false;
  for (uint32_t i = 0; i < a->body.len; i++) {
    const sm_token *x = &a->body.data[i], *y = &b->body.data[i];
    if (x->len != y->len || memcmp(x->text, y->text, x->len) != 0)
      return false;
  }
  return true;
}

static bool define_params(preprocessor *pp, macro *m, const sm_token **at,
                          const sm_token *end) {
  const sm_token *t = *at + 1; /* after '(' */
  m->is_function = true;
  bool expect_name = true;
  while (t < end && !sm_token_is(t, SM_P_RPAREN)) {
    if (!expect_name) {
      if (!sm_token_is(t, SM_P_COMMA) || m->is_variadic) return false;
      expect_name = true;
      t++;
      continue;
    }
    if (sm_token_is(t, SM_P_ELLIPSIS)) {
      m->is_variadic = true;
      tm_push(pp->arena, &m->params, pp->n_va_args);
    } else if (t->kind == SM_TK_NAME) {
      if (param_index(m, t) >= 0) return false;
      tm_push(pp->arena, &m->params, t->name);
    } else {
      return false;
    }
    expect_name = false;
    t++;
  }
  if (t == end || (expect_name && m->params.len)) return false;
  *at = t + 1;
  return true;
}

static void put_macro(preprocessor *pp, macro *m, tm_loc loc) {
  macro *old = find_macro(pp, m->name);
  if (old && !same_body(old, m))
    tm_warning_at(pp->diags, loc, "'%s' macro redefined", m->name);
  tm_map_put(&pp->macros, TM_KEY(m->name), (uint64_t)(uintptr_t)m);
}

static void do_define(preprocessor *pp, const sm_token *t,
                      const sm_token *end, tm_loc loc) {
  if (t == end || t->kind != SM_TK_NAME || t->name == pp->n_defined) {
    complain(pp, t == end ? loc : t->loc, "macro name must be an identifier");
    return;
  }
  macro *m = TM_NEW(pp->arena, macro);
  m->name = t->name;
  tm_loc at = t->loc;
  t++;
  if (t < end && sm_token_is(t, SM_P_LPAREN) && !t->spaced &&
      !define_params(pp, m, &t, end)) {
    complain(pp, at, "invalid parameter list of a macro");
    return;
  }
  for (; t < end; t++) tm_push(pp->arena, &m->body, *t);
  if (m->body.len && (sm_token_is(&m->body.data[0], SM_P_PASTE) ||
                      sm_token_is(&m->body.data[m->body.len - 1],
                                  SM_P_PASTE))) {
    complain(pp, at, "'##' cannot be at either end of a macro");
    return;
  }
  put_macro(pp, m, at);
}

/* Tensor operations are a text of their own: tensor_header.c. Without
 * __HAVE_TENSOR__ Apple's headers are empty. */
static void include_tensors(preprocessor *pp) {
  if (pp->has_tensor ||
      !find_macro(pp, tm_intern_cstr(pp->names, "__HAVE_TENSOR__")))
    return;
  pp->has_tensor = true;
  tm_str text = {sm_tensor_header, strlen(sm_tensor_header)};
  sm_lexer lexer = {pp->arena, pp->diags, pp->names,
                    tm_diags_source(pp->diags, "MetalPerformancePrimitives.h",
                                    text)};
  sm_tokens raw = {0};
  sm_lex(&lexer, text, &raw);
  for (const sm_token *t = raw.data; t < sm_tokens_end(&raw); t++)
    emit(pp, pp->out, *t);
}

static void do_include(preprocessor *pp, const sm_token *t,
                       const sm_token *end, tm_loc loc) {
  char name[64];
  if (!read_header(t, end, name, sizeof name)) {
    complain(pp, loc, "expected a header's name, as <metal_stdlib>, after "
                      "#include");
    return;
  }
  if (is_tensor_header(name)) include_tensors(pp);
  if (is_metal_header(name)) {
    pp->has_stdlib = true;
    pp->has_logging |= strcmp(name, "metal_logging") == 0;
    pp->has_simd |= strcmp(name, "simd/simd.h") == 0;
    return;
  }
  tm_diag *diag = tm_error_at(pp->diags, TM_DIAG_UNSUPPORTED, loc,
                              "'%s' file not found", name);
  tm_diag_hint(pp->diags, diag,
               "only the library's headers, as <metal_stdlib>, can be "
               "included; textures are not provided");
}

static void push_condition(preprocessor *pp, bool value, tm_loc loc) {
  if (pp->n_conditions == MOST_CONDITIONS) {
    tm_error_at(pp->diags, TM_DIAG_LIMIT, loc,
                "#if is nested more than %d deep", (int)MOST_CONDITIONS);
    pp->too_large = true;
    return;
  }
  bool outside = live(pp);
  condition c = {loc, outside && value, !outside || value, false};
  pp->conditions[pp->n_conditions++] = c;
}

/* #if and its relatives are followed even where text is dead. */
static bool do_condition(preprocessor *pp, const char *word,
                         const sm_token *t, const sm_token *end, tm_loc loc) {
  bool is_ifdef = strcmp(word, "ifdef") == 0;
  if (is_ifdef || strcmp(word, "ifndef") == 0) {
    bool named = t < end && t->kind == SM_TK_NAME;
    if (!named && live(pp)) complain(pp, loc, "macro name missing");
    bool defined = named && is_defined(pp, t->name);
    push_condition(pp, defined == is_ifdef, loc);
    return true;
  }
  if (strcmp(word, "if") == 0) {
    push_condition(pp, live(pp) && evaluate_if(pp, t, end, loc), loc);
    return true;
  }
  bool is_elif = strcmp(word, "elif") == 0, is_else = strcmp(word, "else") == 0;
  if (!is_elif && !is_else && strcmp(word, "endif") != 0) return false;
  if (!pp->n_conditions) {
    tm_error_at(pp->diags, TM_DIAG_SYNTAX, loc, "#%s without #if", word);
    return true;
  }
  condition *c = &pp->conditions[pp->n_conditions - 1];
  if (!is_elif && !is_else) {
    pp->n_conditions--;
    return true;
  }
  if (c->had_else)
    tm_error_at(pp->diags, TM_DIAG_SYNTAX, loc, "#%s after #else", word);
  c->had_else = is_else;
  c->live = !c->taken && (is_else || evaluate_if(pp, t, end, loc));
  c->taken |= c->live;
  return true;
}

/* ---- pragmas ---------------------------------------------------------- */

static bool word_is(const sm_token *t, const sm_token *end, const char *word) {
  return t < end && t->kind == SM_TK_NAME && strlen(word) == t->len &&
         memcmp(t->text, word, t->len) == 0;
}

static void emit_pragma(preprocessor *pp, sm_tokens *out, sm_pragma pragma,
                        int32_t value, tm_loc loc) {
  sm_token token = {0};
  token.kind = SM_TK_PRAGMA;
  token.punct = (uint8_t)pragma;
  token.value = value;
  token.loc = loc;
  token.text = "#pragma";
  token.len = 7;
  emit(pp, out, token);
}

/* unroll ( e ) and unroll e: the parser knows what e means, so its tokens
 * follow the pragma, in parentheses. */
static void pragma_unroll(preprocessor *pp, const sm_token *t,
                          const sm_token *end, sm_tokens *out, tm_loc loc) {
  if (t == end) {
    emit_pragma(pp, out, SM_PRAGMA_UNROLL, SM_UNROLL_FULL, loc);
    return;
  }
  emit_pragma(pp, out, SM_PRAGMA_UNROLL, SM_UNROLL_COUNT, loc);
  sm_token bracket = *t;
  bracket.kind = SM_TK_PUNCT;
  bracket.text = "(";
  bracket.len = 1;
  bracket.punct = SM_P_LPAREN;
  emit(pp, out, bracket);
  for (; t < end; t++) emit(pp, out, *t);
  bracket.text = ")";
  bracket.punct = SM_P_RPAREN;
  emit(pp, out, bracket);
}

/* From the '(' at t to after its partner; end if it has none. */
static const sm_token *after_parenthesis(const sm_token *t,
                                         const sm_token *end) {
  uint32_t depth = 0;
  for (; t < end; t++) {
    depth += sm_token_is(t, SM_P_LPAREN);
    if (sm_token_is(t, SM_P_RPAREN) && --depth == 0) return t + 1;
  }
  return end;
}

/* #pragma clang loop unroll(full | enable | disable), unroll_count(n) */
static void pragma_loop(preprocessor *pp, const sm_token *t,
                        const sm_token *end, sm_tokens *out, tm_loc loc) {
  while (t < end) {
    const sm_token *open = t + 1, *after = end;
    if (open < end && sm_token_is(open, SM_P_LPAREN))
      after = after_parenthesis(open, end);
    if (word_is(t, end, "unroll_count") && after - open > 2) {
      pragma_unroll(pp, open + 1, after - 1, out, loc);
    } else if (word_is(t, end, "unroll") &&
               (word_is(open + 1, end, "full") ||
                word_is(open + 1, end, "enable"))) {
      emit_pragma(pp, out, SM_PRAGMA_UNROLL, SM_UNROLL_FULL, loc);
    } else if (word_is(t, end, "unroll") &&
               word_is(open + 1, end, "disable")) {
      emit_pragma(pp, out, SM_PRAGMA_UNROLL, 1, loc);
    } else if (word_is(t, end, "unroll") || word_is(t, end, "unroll_count")) {
      complain(pp, t->loc, "invalid argument of a loop pragma");
      return;
    } else {
      tm_warning_at(pp->diags, t->loc, "loop hint is ignored");
      return;
    }
    t = after;
  }
}

static void pragma_metal(preprocessor *pp, const sm_token *t,
                         const sm_token *end, sm_tokens *out, tm_loc loc) {
  const sm_token *arg = end - t == 5 ? t + 3 : end; /* fp word ( arg ) */
  if (word_is(t, end, "fp") && word_is(t + 1, end, "math_mode")) {
    static const char *const modes[] = {"safe", "relaxed", "fast"};
    for (int i = 0; i < 3; i++) {
      if (!word_is(arg, end, modes[i])) continue;
      emit_pragma(pp, out, SM_PRAGMA_MATH_MODE, i, loc);
      return;
    }
  } else if (word_is(t, end, "fp") && word_is(t + 1, end, "contract")) {
    static const char *const modes[] = {"off", "on", "fast"};
    for (int i = 0; i < 3; i++) {
      if (!word_is(arg, end, modes[i])) continue;
      emit_pragma(pp, out, SM_PRAGMA_CONTRACT, i, loc);
      return;
    }
  } else if (word_is(t, end, "internals")) {
    return;
  }
  tm_diag *diag = complain(pp, loc, "unknown #pragma METAL");
  tm_diag_hint(pp->diags, diag,
               "known are fp math_mode(safe|relaxed|fast) and fp "
               "contract(off|on|fast)");
}

static void do_pragma(preprocessor *pp, const sm_token *t,
                      const sm_token *end, sm_tokens *out, tm_loc loc) {
  if (word_is(t, end, "unroll")) {
    sm_tokens expanded = {0};
    run rest = {t + 1, end, NULL, NULL};
    if (t + 1 < end) expand_run(pp, &rest, &expanded);
    pragma_unroll(pp, expanded.data, sm_tokens_end(&expanded), out, loc);
  } else if (word_is(t, end, "nounroll")) {
    emit_pragma(pp, out, SM_PRAGMA_UNROLL, 1, loc);
  } else if (word_is(t, end, "clang") && word_is(t + 1, end, "loop")) {
    sm_tokens expanded = {0};
    run rest = {t + 2, end, NULL, NULL};
    if (t + 2 < end) expand_run(pp, &rest, &expanded);
    pragma_loop(pp, expanded.data, sm_tokens_end(&expanded), out, loc);
  } else if (word_is(t, end, "METAL")) {
    pragma_metal(pp, t + 1, end, out, loc);
  } else if (word_is(t, end, "STDC") && word_is(t + 1, end, "FP_CONTRACT")) {
    int32_t value = word_is(t + 2, end, "OFF") ? 0 : 1;
    emit_pragma(pp, out, SM_PRAGMA_CONTRACT, value, loc);
  } else if (!word_is(t, end, "once") && !word_is(t, end, "mark") &&
             !word_is(t, end, "clang") && !word_is(t, end, "GCC")) {
    tm_warning_at(pp->diags, loc, "unknown pragma ignored");
  }
}

static void do_error(preprocessor *pp, const sm_token *t,
                     const sm_token *end, tm_loc loc, bool is_error) {
  tm_buf text = tm_buf_in(pp->arena);
  for (const sm_token *s = t; s < end; s++) {
    if (s > t && s->spaced) tm_buf_puts(&text, " ");
    tm_buf_add(&text, s->text, s->len);
  }
  if (is_error)
    tm_error_at(pp->diags, TM_DIAG_SEMANTIC, loc, "%s", tm_buf_text(&text));
  else
    tm_warning_at(pp->diags, loc, "%s", tm_buf_text(&text));
}

/* #line number ["name"]: what follows claims to be from there. The claim
 * has no text, so that a message there shows none. */
static void do_line(preprocessor *pp, const sm_token *t, const sm_token *end,
                    tm_loc loc) {
  sm_tokens expanded = {0};
  sm_number number;
  run rest = {t, end, NULL, NULL};
  if (t < end) expand_run(pp, &rest, &expanded);
  const sm_token *n = expanded.data;
  bool ok = expanded.len && n->kind == SM_TK_NUMBER &&
            sm_lex_number(n, &number) == SM_NUMBER_OK &&
            sm_is_integer(number.type) && number.i <= INT32_MAX;
  bool named = ok && expanded.len == 2 && n[1].kind == SM_TK_STRING;
  if (!ok || (expanded.len != 1 && !named)) {
    complain(pp, loc, "#line takes a number and perhaps a file name in "
             "quotes");
    return;
  }
  const char *name = "program_source";
  if (named) name = tm_strndup(pp->arena, n[1].text + 1, n[1].len - 2);
  if (!pp->line_name || strcmp(pp->line_name, name) != 0)
    pp->line_file = tm_diags_source(pp->diags, name, (tm_str){"", 0});
  pp->line_name = name;
  pp->line_offset = (uint32_t)number.i - (loc.line - pp->line_offset) - 1;
}

/* t is after '#', end at the line's end. */
static void do_directive(preprocessor *pp, const sm_token *t,
                         const sm_token *end, tm_loc loc) {
  if (t == end) return; /* the null directive */
  char word[16] = "";
  if (t->kind == SM_TK_NAME && t->len < sizeof word)
    memcpy(word, t->text, t->len);
  t++;
  if (do_condition(pp, word, t, end, loc) || !live(pp)) return;
  if (strcmp(word, "define") == 0) {
    do_define(pp, t, end, loc);
  } else if (strcmp(word, "undef") == 0) {
    if (t == end || t->kind != SM_TK_NAME)
      complain(pp, loc, "macro name missing");
    else
      tm_map_put(&pp->macros, TM_KEY(t->name), 0);
  } else if (strcmp(word, "include") == 0 || strcmp(word, "import") == 0) {
    do_include(pp, t, end, loc);
  } else if (strcmp(word, "pragma") == 0) {
    do_pragma(pp, t, end, pp->out, loc);
  } else if (strcmp(word, "error") == 0) {
    do_error(pp, t, end, loc, true);
  } else if (strcmp(word, "warning") == 0) {
    do_error(pp, t, end, loc, false);
  } else if (strcmp(word, "line") == 0) {
    do_line(pp, t, end, loc);
  } else {
    complain(pp, loc, "invalid preprocessing directive");
  }
}

/* ---- predefined macros ------------------------------------------------ */

static void define_text(preprocessor *pp, const char *name,
                        const char *text) {
  sm_lexer lexer = {pp->arena, pp->diags, pp->names, 0};
  macro *m = TM_NEW(pp->arena, macro);
  m->name = tm_intern_cstr(pp->names, name);
  size_t n = strlen(text);
  sm_lex(&lexer, (tm_str){tm_strndup(pp->arena, text, n), n}, &m->body);
  for (uint32_t i = 0; i < m->body.len; i++) m->body.data[i].first = false;
  put_macro(pp, m, (tm_loc){0, 0, 0});
}

static bool is_identifier(const char *name) {
  if (!name || !*name || (*name >= '0' && *name <= '9')) return false;
  for (; *name; name++) {
    char c = *name;
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
          (c >= '0' && c <= '9')))
      return false;
  }
  return true;
}

static void predefine(preprocessor *pp) {
  const sm_parse_options *o = pp->options;
  unsigned version = (o->language_version >> 16) * 100 +
                     (o->language_version & 0xffff) * 10;
  char text[16];
  snprintf(text, sizeof text, "%u", version);
  define_text(pp, "__METAL_VERSION__", text);
  define_text(pp, "__METAL__", "1");
  define_text(pp, "__METAL_MACOS__", "1");
  define_text(pp, "__cplusplus", version >= 400 ? "201703L" : "201402L");
  if (version >= 310) define_text(pp, "__HAVE_BFLOAT__", "1");
  if (version >= 240 && o->family >= 8)
    define_text(pp, "__HAVE_ATOMIC_ULONG_MIN_MAX__", "1");
  if (version >= 230 && o->family >= 7)
    define_text(pp, "__HAVE_SIMDGROUP_MATRIX__", "1");
  if (version >= 300 && o->family >= 7)
    define_text(pp, "__HAVE_ATOMIC_FLOAT__", "1");
  if (version >= 400 && o->family >= 7)
    define_text(pp, "__HAVE_TENSOR__", "1");
  if (o->math_mode == SM_FASTMATH) define_text(pp, "__FAST_MATH__", "1");
  macro *line = TM_NEW(pp->arena, macro);
  line->name = tm_intern_cstr(pp->names, "__LINE__");
  line->is_line = true;
  put_macro(pp, line, (tm_loc){0, 0, 0});
  for (uint32_t i = 0; i < o->n_macros; i++) {
    const char *value = o->macros[i].value;
    if (is_identifier(o->macros[i].name))
      define_text(pp, o->macros[i].name, value ? value : "1");
    else
      complain(pp, (tm_loc){0, 0, 0},
               "a preprocessor macro of the compile options has a name that "
               "is no identifier");
  }
}

/* ---- the walk --------------------------------------------------------- */

/* _Pragma("...") in the expanded text becomes a pragma token; adjacent
 * tokens move up. The string's escapes are undone (C11 6.10.9). */
static void resolve_pragma_operators(preprocessor *pp, sm_tokens *tokens) {
  sm_tokens out = {0};
  for (uint32_t i = 0; i < tokens->len; i++) {
    const sm_token *t = &tokens->data[i];
    if (t->kind != SM_TK_NAME || t->name != pp->n_pragma) {
      tm_push(pp->arena, &out, *t);
      continue;
    }
    if (i + 3 >= tokens->len || !sm_token_is(t + 1, SM_P_LPAREN) ||
        t[2].kind != SM_TK_STRING || !sm_token_is(t + 3, SM_P_RPAREN)) {
      complain(pp, t->loc, "_Pragma takes one string literal");
      continue;
    }
    tm_buf text = tm_buf_in(pp->arena);
    for (uint32_t k = 1; k + 1 < t[2].len; k++) {
      if (t[2].text[k] == '\\' && k + 2 < t[2].len) k++;
      tm_buf_add(&text, t[2].text + k, 1);
    }
    sm_lexer lexer = {pp->arena, pp->diags, pp->names, 0};
    sm_tokens line = {0};
    sm_lex(&lexer, (tm_str){tm_buf_text(&text), text.len}, &line);
    do_pragma(pp, line.data, sm_tokens_end(&line), &out, t->loc);
    i += 3;
  }
  *tokens = out;
}

/* Gives tokens the places that the last #line claims for them. */
static void relocate(const preprocessor *pp, sm_token *t,
                     const sm_token *end) {
  if (!pp->line_file) return;
  for (; t < end; t++) {
    t->loc.file = pp->line_file;
    t->loc.line += pp->line_offset;
  }
}

static bool uses_pragma_operator(const preprocessor *pp,
                                 const sm_tokens *tokens) {
  for (uint32_t i = 0; i < tokens->len; i++)
    if (tokens->data[i].name == pp->n_pragma) return true;
  return false;
}

sm_preprocessed sm_preprocess(tm_arena *arena, tm_diags *diags,
                              tm_names *names, tm_str text, uint32_t file,
                              const sm_parse_options *options) {
  preprocessor pp = {0};
  sm_preprocessed result = {0};
  pp.arena = arena;
  pp.diags = diags;
  pp.names = names;
  pp.options = options;
  pp.macros = tm_map_in(arena);
  pp.out = &result.tokens;
  pp.n_defined = tm_intern_cstr(names, "defined");
  pp.n_has_include = tm_intern_cstr(names, "__has_include");
  pp.n_va_args = tm_intern_cstr(names, "__VA_ARGS__");
  pp.n_pragma = tm_intern_cstr(names, "_Pragma");
  predefine(&pp);
  sm_lexer lexer = {arena, diags, names, file};
  sm_tokens raw = {0};
  sm_lex(&lexer, text, &raw);
  sm_token *t = raw.data;
  const sm_token *end = sm_tokens_end(&raw);
  while (t < end && !pp.too_large) {
    if (t->first && sm_token_is(t, SM_P_HASH)) {
      sm_token *stop = t + 1;
      while (stop < end && !stop->first) stop++;
      relocate(&pp, t, stop);
      do_directive(&pp, t + 1, stop, t->loc);
      t = stop;
      continue;
    }
    /* text up to the next directive is expanded as one piece, because the
     * arguments of a macro may go over lines */
    sm_token *stop = t + 1;
    while (stop < end && !(stop->first && sm_token_is(stop, SM_P_HASH)))
      stop++;
    relocate(&pp, t, stop);
    run piece = {t, stop, NULL, NULL};
    if (live(&pp)) expand_run(&pp, &piece, pp.out);
    t = stop;
  }
  if (pp.n_conditions && !pp.too_large)
    complain(&pp, pp.conditions[pp.n_conditions - 1].loc,
             "unterminated conditional directive");
  if (uses_pragma_operator(&pp, &result.tokens))
    resolve_pragma_operators(&pp, &result.tokens);
  sm_token last = {0};
  last.kind = SM_TK_END;
  last.text = "";
  uint32_t n = raw.len;
  if (n) {
    last.loc = raw.data[n - 1].loc;
    last.loc.col += raw.data[n - 1].len;
  } else {
    last.loc = (tm_loc){file, 1, 1};
  }
  tm_push(arena, &result.tokens, last);
  result.has_stdlib = pp.has_stdlib;
  result.has_logging = pp.has_logging;
  result.has_simd = pp.has_simd;
  result.has_tensor = pp.has_tensor;
  return result;
}
