/* SPDX-License-Identifier: MIT */
/*
 * msl_template.c - templates of the program: functions, structs and aliases
 * with type, integer and function parameters, kernels instantiated by name.
 *
 * A template is kept as its tokens. An instance parses them again with the
 * parameters bound to the arguments, so every check is that of ordinary code,
 * and a template that is never used is only read to its end. While an
 * instance is parsed, the names that are local where it was asked for are
 * hidden. The signature of a function is parsed when a call considers it; an
 * error there means that it does not take part (SFINAE). The body is parsed
 * once the call has chosen it.
 *
 * Arguments are deduced from the forms of parameters: [const] space T, T *,
 * T &, T (&)[N], vec<T, N> and other types of the library, S<T, N>. An
 * argument for a function parameter, void (*f)(...), is the function of that
 * name with that very type. Refused by name: parameter packs, template
 * parameters of templates, variable templates.
 */
#include "front.h"

enum { MOST_DEPTH = 64, MOST_INSTANCES = 4096 };

/* ---- the place of an instance ----------------------------------------- */

typedef struct saved {
  const sm_token *t, *end;
  sm_callable *callable;
  sm_var *self;
  const sm_bound *around;
  uint32_t depth, loops, switches, namespaces, using_metal;
  sm_named_scope *scope;
  TM_VEC(sm_symbol *) hidden; /* innermost first */
  TM_VEC(sm_named_scope) opened;
  bool in_template_args, contract;
  sm_math_mode math;
  sm_instance *instance;
} saved;

static void unbind(sm_parser *p, sm_symbol *s) {
  tm_map_put(&p->symbols, TM_KEY(s->key), TM_KEY(s->shadowed));
}

static void bind_around(sm_parser *p, const sm_bound *around);

/* The instance that what is parsed now is in. */
static void go_into(sm_parser *p, const sm_template *pattern,
                    const sm_template_args *args) {
  sm_bound *b = TM_NEW(p->arena, sm_bound);
  *b = (sm_bound){pattern, args, p->around};
  p->around = b;
}

/* File scope, with nothing local in sight; tokens are read from t. */
static void isolate(sm_parser *p, saved *s, const sm_template *pattern,
                    const sm_token *t) {
  memset(s, 0, sizeof *s);
  s->t = p->t;
  s->end = p->end;
  s->callable = p->callable;
  s->self = p->self;
  s->around = p->around;
  s->depth = p->depth;
  s->loops = p->loops;
  s->switches = p->switches;
  s->namespaces = p->namespaces;
  s->using_metal = p->using_metal;
  s->scope = p->scope;
  s->in_template_args = p->in_template_args;
  s->contract = p->contract;
  s->math = p->math;
  s->instance = p->instance;
  uint32_t keep = 0;
  for (uint32_t i = p->bound.len; i-- > 0;) {
    sm_symbol *b = p->bound.data[i];
    if (!b->depth && !b->is_template_param) continue;
    unbind(p, b);
    tm_push(p->arena, &s->hidden, b);
  }
  for (uint32_t i = 0; i < p->bound.len; i++) {
    sm_symbol *b = p->bound.data[i];
    if (!b->depth && !b->is_template_param) p->bound.data[keep++] = b;
  }
  p->bound.len = keep;
  for (uint32_t i = 0; i < p->opened.len; i++)
    tm_push(p->arena, &s->opened, p->opened.data[i]);
  while (p->opened.len && p->opened.data[p->opened.len - 1].depth)
    p->opened.len--;
  if (p->using_metal > 1) p->using_metal = 0;
  p->depth = p->loops = p->switches = p->namespaces = 0;
  p->callable = NULL;
  p->self = NULL;
  p->instance = NULL;
  p->in_template_args = false;
  p->scope = pattern->scope;
  p->around = pattern->around;
  bind_around(p, pattern->around);
  p->t = t;
  while (t->kind != SM_TK_END) t++;
  p->end = t;
  p->instantiating++;
}

static void restore(sm_parser *p, const saved *s) {
  p->instantiating--;
  uint32_t keep = 0;
  for (uint32_t i = p->bound.len; i-- > 0;)
    if (p->bound.data[i]->is_template_param) unbind(p, p->bound.data[i]);
  for (uint32_t i = 0; i < p->bound.len; i++)
    if (!p->bound.data[i]->is_template_param)
      p->bound.data[keep++] = p->bound.data[i];
  p->bound.len = keep;
  for (uint32_t i = s->hidden.len; i-- > 0;) {
    sm_symbol *b = s->hidden.data[i];
    tm_map_put(&p->symbols, TM_KEY(b->key), TM_KEY(b));
    tm_push(p->arena, &p->bound, b);
  }
  p->opened.len = 0;
  for (uint32_t i = 0; i < s->opened.len; i++)
    tm_push(p->arena, &p->opened, s->opened.data[i]);
  p->end = s->end;
  if (!p->gave_up) p->t = s->t;
  else p->t = p->end;
  p->callable = s->callable;
  p->self = s->self;
  p->around = s->around;
  p->depth = s->depth;
  p->loops = s->loops;
  p->switches = s->switches;
  p->namespaces = s->namespaces;
  p->using_metal = s->using_metal;
  p->scope = s->scope;
  p->in_template_args = s->in_template_args;
  p->contract = s->contract;
  p->math = s->math;
  p->instance = s->instance;
}

static sm_symbol *bind_param(sm_parser *p, tm_name name, tm_loc loc,
                             sm_symbol_kind kind) {
  uint64_t old = 0;
  sm_symbol *s = TM_NEW(p->arena, sm_symbol);
  tm_map_get(&p->symbols, TM_KEY(name), &old);
  s->kind = kind;
  s->name = s->key = name;
  s->loc = loc;
  s->shadowed = (sm_symbol *)(uintptr_t)old;
  s->is_template_param = true;
  tm_map_put(&p->symbols, TM_KEY(name), TM_KEY(s));
  tm_push(p->arena, &p->bound, s);
  return s;
}

static bool bind_function(sm_parser *p, const sm_template *t, uint32_t i,
                          const sm_template_arg *a);

static void bind_arg(sm_parser *p, const sm_template *t, uint32_t i,
                     const sm_template_arg *a) {
  if (t->params.data[i].is_function) {
    bind_function(p, t, i, a);
    return;
  }
  if (!t->params.data[i].name) return;
  sm_symbol *s = bind_param(p, t->params.data[i].name, t->loc,
                            a->is_type ? SM_SYM_TYPE : SM_SYM_ENUMERATOR);
  s->type = a->type;
  s->value = a->value;
}

/* The parameters of the instances that a declaration is in. */
static void bind_around(sm_parser *p, const sm_bound *around) {
  if (!around) return;
  bind_around(p, around->outer);
  for (uint32_t i = 0; i < around->args->len; i++)
    bind_arg(p, around->pattern, i, &around->args->data[i]);
}

/* ---- declarations ----------------------------------------------------- */

/* Copies [from, to) and an END, so that a parse cannot run out of them. */
static const sm_token *copy_tokens(sm_parser *p, const sm_token *from,
                                   const sm_token *to, uint32_t *n) {
  sm_tokens copy = {0};
  for (const sm_token *t = from; t < to; t++) tm_push(p->arena, &copy, *t);
  sm_token end = {0};
  end.kind = SM_TK_END;
  end.text = "";
  end.loc = to->loc;
  tm_push(p->arena, &copy, end);
  if (n) *n = copy.len - 1;
  return copy.data;
}

/* The end of one item of a list: at a ',' or the closer, outside of any
 * brackets. */
static const sm_token *item_end(const sm_parser *p, const sm_token *t) {
  int depth = 0, angles = 0;
  for (; t < p->end; t++) {
    if (t->kind != SM_TK_PUNCT) continue;
    switch ((int)t->punct) {
      case SM_P_LPAREN: case SM_P_LSQUARE: case SM_P_LBRACE: depth++; break;
      case SM_P_RPAREN: case SM_P_RSQUARE: case SM_P_RBRACE:
        if (depth-- == 0) return t;
        break;
      case SM_P_LT: angles += depth == 0; break;
      case SM_P_GT:
        if (depth) break;
        if (angles-- == 0) return t;
        break;
      case SM_P_COMMA:
        if (!depth && !angles) return t;
        break;
      case SM_P_SEMI: return t;
      default: break;
    }
  }
  return t;
}

/* The type of a function that a typedef named; NULL if the tokens are not
 * that. */
static const sm_type *signature_at(sm_parser *p, const sm_token *t) {
  sm_symbol *s = t->kind == SM_TK_NAME && t[1].kind == SM_TK_END
                     ? sm_find(p, t->name) : NULL;
  bool is_type = s && s->kind == SM_SYM_TYPE &&
                 s->type->kind == SM_T_STRUCT;
  return is_type && sm_struct_of(p, s->type)->is_function ? s->type : NULL;
}

/* T (*name)(...): a function. False if the parameter is none. */
static bool function_param(sm_parser *p, sm_template *t,
                           const sm_token *end) {
  const sm_token *open = p->t;
  while (open < end && !sm_token_is(open, SM_P_LPAREN)) open++;
  if (open == p->t || end - open < 5 || !sm_token_is(open + 1, SM_P_STAR) ||
      open[2].kind != SM_TK_NAME || !sm_token_is(open + 3, SM_P_RPAREN) ||
      !sm_token_is(open + 4, SM_P_LPAREN) ||
      !sm_token_is(end - 1, SM_P_RPAREN))
    return false;
  sm_template_param param = {0};
  param.is_function = true;
  param.name = open[2].name;
  param.type = copy_tokens(p, p->t, end, NULL);
  tm_push(p->arena, &t->params, param);
  p->t = end;
  return true;
}

static bool parse_param(sm_parser *p, sm_template *t) {
  sm_template_param param = {0};
  tm_loc loc = p->t->loc;
  const sm_token *end = item_end(p, p->t), *type = p->t;
  if (function_param(p, t, end)) return true;
  param.is_type = sm_at_word(p, SM_K_typename) || sm_at_word(p, SM_K_class);
  for (const sm_token *s = p->t; s < end; s++)
    if (sm_token_is(s, SM_P_ELLIPSIS) || s->keyword == SM_K_template ||
        sm_token_is(s, SM_P_LPAREN)) {
      if (sm_token_is(s, SM_P_LPAREN) && s > p->t &&
          !sm_token_is(s + 1, SM_P_STAR))
        continue;
      sm_unsupported(p, loc, "this template parameter is not supported: only "
                     "types, integers and functions are");
      return false;
    }
  if (param.is_type) {
    sm_skip(p);
    if (p->t->kind == SM_TK_NAME && !p->t->keyword) {
      param.name = p->t->name;
      sm_skip(p);
    }
  } else {
    const sm_token *last = p->t;
    while (last < end && !sm_token_is(last, SM_P_ASSIGN)) last++;
    const sm_token *name = last - 1;
    bool named = last > type + 1 && name->kind == SM_TK_NAME &&
                 !name->keyword && !sm_token_is(name - 1, SM_P_SCOPE);
    if (named) param.name = name->name;
    param.type = copy_tokens(p, type, named ? name : last, NULL);
    param.signature = signature_at(p, param.type);
    param.is_function = param.signature != NULL;
    p->t = last;
  }
  if (sm_accept(p, SM_P_ASSIGN)) {
    param.otherwise = copy_tokens(p, p->t, end, NULL);
    p->t = end;
  }
  if (p->t != end) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected ',' or '>' after a template parameter");
    return false;
  }
  tm_push(p->arena, &t->params, param);
  return true;
}

static bool parse_params(sm_parser *p, sm_template *t) {
  sm_skip(p); /* '<' */
  if (sm_accept(p, SM_P_GT)) return true;
  do {
    if (!parse_param(p, t)) return false;
  } while (sm_accept(p, SM_P_COMMA));
  return sm_expect_greater(p);
}

/* After the matching bracket of the one at t. */
static const sm_token *after_balanced(const sm_parser *p, const sm_token *t) {
  int depth = 0;
  for (; t < p->end; t++) {
    if (sm_token_is(t, SM_P_LPAREN) || sm_token_is(t, SM_P_LBRACE) ||
        sm_token_is(t, SM_P_LSQUARE))
      depth++;
    if (sm_token_is(t, SM_P_RPAREN) || sm_token_is(t, SM_P_RBRACE) ||
        sm_token_is(t, SM_P_RSQUARE))
      if (--depth == 0) return t + 1;
  }
  return t;
}

/* The name before <...> that ends before t; NULL if there is none. */
static const sm_token *before_angles(const sm_token *t,
                                     const sm_token *start) {
  int depth = 0;
  while (t > start) {
    t--;
    depth += sm_token_is(t, SM_P_GT);
    if (sm_token_is(t, SM_P_LT) && --depth == 0)
      return t > start && t[-1].kind == SM_TK_NAME && !t[-1].keyword ? t - 1
                                                                    : NULL;
  }
  return NULL;
}

/* The '(' of a function's parameters, with its name before it, and with
 * <...> between them in a specialization; NULL if the declaration is none. */
static const sm_token *function_parens(const sm_parser *p, const sm_token *t) {
  const sm_token *start = t;
  while (t < p->end) {
    if (sm_token_is(t, SM_P_SEMI) || sm_token_is(t, SM_P_LBRACE) ||
        sm_token_is(t, SM_P_ASSIGN))
      return NULL;
    if (sm_token_is(t, SM_P_LPAREN)) {
      if (t > start && t[-1].keyword == SM_K_operator &&
          sm_token_is(t + 1, SM_P_RPAREN) && sm_token_is(t + 2, SM_P_LPAREN))
        return t + 2;
      if (t[-1].kind == SM_TK_NAME && !t[-1].keyword) return t;
      if (sm_token_is(t - 1, SM_P_GT) && before_angles(t, start)) return t;
      t = after_balanced(p, t); /* decltype(...), alignas(...) */
    } else if (sm_token_is(t, SM_P_LSQUARE)) {
      t = after_balanced(p, t);
    } else {
      t++;
    }
  }
  return NULL;
}

/* To after the declaration: its body, or its ';'. */
static const sm_token *declaration_end(const sm_parser *p,
                                       const sm_token *t, bool is_struct) {
  while (t < p->end && !sm_token_is(t, SM_P_SEMI)) {
    if (sm_token_is(t, SM_P_LBRACE)) {
      t = after_balanced(p, t);
      if (is_struct) continue;
      return t;
    }
    t = sm_token_is(t, SM_P_LPAREN) || sm_token_is(t, SM_P_LSQUARE)
            ? after_balanced(p, t) : t + 1;
  }
  return t < p->end ? t + 1 : t;
}

static void split_patterns(sm_parser *p, sm_template *t,
                           const sm_token *parens) {
  const sm_token *s = parens + 1;
  bool optional = false;
  if (sm_token_is(s, SM_P_RPAREN)) return;
  while (s < p->end) {
    const sm_token *end = item_end(p, s), *last = s;
    while (last < end && !sm_token_is(last, SM_P_ASSIGN)) last++;
    optional |= last < end;
    tm_push(p->arena, &t->patterns, copy_tokens(p, s, last, NULL));
    if (!optional) t->required = t->patterns.len;
    if (!sm_token_is(end, SM_P_COMMA)) return;
    s = end + 1;
  }
}

static void declare_function(sm_parser *p, sm_template *t,
                             const sm_token *parens) {
  sm_symbol *s = sm_find_here(p, t->name);
  if (!s || s->kind != SM_SYM_FUNCTION) {
    s = sm_bind(p, SM_SYM_FUNCTION, t->name, t->loc);
    if (!s) return;
  }
  split_patterns(p, t, parens);
  tm_push(p->arena, &s->templates, t);
}

/* At the '<' of template <typename T> struct S<T, 2>. */
static void partial_patterns(sm_parser *p, sm_template *t) {
  const sm_token *s = p->t + 1;
  while (s < p->end) {
    const sm_token *end = item_end(p, s);
    for (const sm_token *k = s; k < end; k++)
      if (sm_token_is(k, SM_P_STAR) || sm_token_is(k, SM_P_AMP) ||
          sm_token_is(k, SM_P_LSQUARE))
        sm_unsupported(p, k->loc, "partial specializations for pointers, "
                       "references and arrays are not supported");
    tm_push(p->arena, &t->special_patterns, copy_tokens(p, s, end, NULL));
    if (!sm_token_is(end, SM_P_COMMA)) return;
    s = end + 1;
  }
}

/* template <> struct S<...> { ... }; after '<>'. */
static void declare_special(sm_parser *p, sm_template *t) {
  sm_symbol *s = sm_find_here(p, t->name);
  if (!s || !s->pattern || s->pattern->kind != SM_TEMPLATE_STRUCT) {
    sm_error(p, t->loc, "'%s' is no struct template to specialize", t->name);
    return;
  }
  const sm_token *start = p->t;
  while (!sm_at(p, SM_P_LT)) sm_skip(p);
  if (!sm_after_template(p, p->t)) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected '>' after the template arguments");
    p->t = start;
    return;
  }
  if (t->params.len) {
    partial_patterns(p, t);
    tm_push(p->arena, &s->pattern->specials, t);
    p->t = start;
    return;
  }
  if (sm_parse_template_args(p, &t->special_args))
    tm_push(p->arena, &s->pattern->specials, t);
  p->t = start;
}

static void declare_type(sm_parser *p, sm_template *t, bool is_alias) {
  const sm_token *s = p->t + 1;
  while (sm_token_is(s, SM_P_LSQUARE) || s->keyword == SM_K_alignas)
    s = s->keyword == SM_K_alignas ? after_balanced(p, s + 1)
                                   : after_balanced(p, s);
  if (s->kind != SM_TK_NAME || s->keyword) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, s->loc, "expected the name of a "
                "template");
    return;
  }
  t->kind = is_alias ? SM_TEMPLATE_ALIAS : SM_TEMPLATE_STRUCT;
  t->name = s->name;
  t->loc = s->loc;
  if (!is_alias && sm_token_is(s + 1, SM_P_LT)) {
    declare_special(p, t);
    return;
  }
  sm_symbol *old = sm_find_here(p, t->name);
  if (old && old->pattern && old->pattern->kind == SM_TEMPLATE_STRUCT &&
      !is_alias) { /* defined after a declaration, or declared again */
    if (t->n_tokens > old->pattern->n_tokens) {
      old->pattern->tokens = t->tokens;
      old->pattern->n_tokens = t->n_tokens;
      for (uint32_t i = 0; i < t->params.len &&
                           i < old->pattern->params.len; i++)
        old->pattern->params.data[i].name = t->params.data[i].name;
    }
    return;
  }
  sm_symbol *symbol = sm_bind(p, SM_SYM_TEMPLATE, t->name, t->loc);
  if (symbol) symbol->pattern = t;
}

/* ---- arguments -------------------------------------------------------- */

/* f or &f, before ',' or '>': a function. False if it is something else. */
static bool function_arg(sm_parser *p, sm_template_arg *out, bool *ok) {
  const sm_token *t = p->t + sm_at(p, SM_P_AMP);
  sm_symbol *s = t->kind == SM_TK_NAME ? sm_find_at(p, &t) : NULL;
  if (!s || s->kind != SM_SYM_FUNCTION) return false;
  const sm_token *after = t + 1;
  bool explicit_args = s->templates.len && sm_token_is(after, SM_P_LT);
  if (explicit_args) after = sm_after_template(p, after);
  if (!after ||
      (!sm_token_is(after, SM_P_COMMA) && !sm_token_is(after, SM_P_GT)))
    return false;
  out->function = s->stands_for ? s->stands_for : s;
  out->given = s->stands_given;
  p->t = t + 1;
  if (!explicit_args) return true;
  sm_template_args *given = TM_NEW(p->arena, sm_template_args);
  *ok = sm_parse_template_args(p, given);
  out->given = given;
  return true;
}

static bool parse_arg(sm_parser *p, sm_template_arg *out) {
  memset(out, 0, sizeof *out);
  out->is_set = true;
  bool ok = true;
  if (function_arg(p, out, &ok)) return ok;
  const sm_token *end = item_end(p, p->t);
  bool word = p->t->kind == SM_TK_NAME;
  out->is_type = word && (sm_at_word(p, SM_K_typename) || sm_starts_type(p));
  if (out->is_type) {
    out->type = sm_parse_type_name(p);
    return out->type != p->error_type;
  }
  sm_expr *e = sm_parse_template_constant(p);
  sm_value v;
  if (sm_is_error(p, e)) return false;
  if (p->t != end && !sm_at(p, SM_P_GT)) {
    tm_error_at(p->diags, TM_DIAG_SYNTAX, p->t->loc,
                "expected ',' or '>' after a template argument");
    return false;
  }
  if (!sm_fold(p, e, &v) || !sm_is_integer(v.type)) {
    sm_error(p, e->loc, "a template argument must be a type or a constant "
             "integer expression");
    return false;
  }
  out->type = e->type;
  out->value = (int64_t)v.i;
  return true;
}

bool sm_parse_template_args(sm_parser *p, sm_template_args *out) {
  sm_skip(p); /* '<' */
  if (sm_accept(p, SM_P_GT)) return true;
  do {
    sm_template_arg a;
    if (!parse_arg(p, &a)) return false;
    tm_push(p->arena, out, a);
  } while (sm_accept(p, SM_P_COMMA));
  return sm_expect_greater(p);
}

static bool same_args(const sm_template_args *a, const sm_template_args *b) {
  if (a == b) return true;
  if (!a || !b || a->len != b->len) return false;
  for (uint32_t i = 0; i < a->len; i++)
    if (a->data[i].is_type != b->data[i].is_type ||
        a->data[i].type != b->data[i].type ||
        a->data[i].function != b->data[i].function ||
        !same_args(a->data[i].given, b->data[i].given) ||
        a->data[i].value != b->data[i].value)
      return false;
  return true;
}

/* A value argument in the type of its parameter. */
static bool fit_value(sm_parser *p, const sm_template_param *param,
                      sm_template_arg *a) {
  const sm_token *t = p->t, *end = p->end;
  p->t = param->type;
  p->end = p->t;
  while (p->end->kind != SM_TK_END) p->end++;
  const sm_type *type = sm_parse_type_name(p);
  p->t = t;
  p->end = end;
  if (type == p->error_type) return false;
  bool integer = (sm_is_scalar(type) && sm_is_integer(type->scalar)) ||
                 type->kind == SM_T_ENUM;
  if (!integer) return false;
  sm_value v = {SM_LONG, (uint64_t)a->value, 0};
  v.type = a->type->scalar == SM_ULONG ? SM_ULONG : SM_LONG;
  v = sm_value_convert(v, type->scalar);
  if (type->scalar != SM_BOOL && (int64_t)v.i != a->value) return false;
  a->type = type;
  a->value = (int64_t)v.i;
  return true;
}

/* Binds the arguments in order, taking defaults where none is set. False if
 * one is missing or of the wrong kind. Within isolate. */
static bool bind_args(sm_parser *p, const sm_template *t,
                      sm_template_args *args) {
  for (uint32_t i = 0; i < t->params.len; i++) {
    const sm_template_param *param = &t->params.data[i];
    sm_template_arg none = {0};
    if (i == args->len) tm_push(p->arena, args, none);
    sm_template_arg *a = &args->data[i];
    if (!a->is_set) {
      if (!param->otherwise) return false;
      const sm_token *at = p->t, *end = p->end;
      p->t = param->otherwise;
      p->end = p->t;
      while (p->end->kind != SM_TK_END) p->end++;
      bool ok = parse_arg(p, a);
      p->t = at;
      p->end = end;
      if (!ok) return false;
    }
    if (a->is_type != param->is_type ||
        (a->function != NULL) != param->is_function)
      return false;
    if (param->is_function) {
      if (!bind_function(p, t, i, a)) return false;
      continue;
    }
    if (!a->is_type && !fit_value(p, param, a)) return false;
    bind_arg(p, t, i, a);
  }
  return args->len == t->params.len;
}

static sm_instance *find_instance(const sm_template *t,
                                  const sm_template_args *args) {
  for (uint32_t i = 0; i < t->instances.len; i++)
    if (same_args(&t->instances.data[i]->args, args))
      return t->instances.data[i];
  return NULL;
}

static bool may_instantiate(sm_parser *p, tm_loc loc) {
  if (p->instantiating < MOST_DEPTH && p->instances < MOST_INSTANCES)
    return true;
  if (!p->gave_up)
    tm_error_at(p->diags, TM_DIAG_LIMIT, loc,
                p->instances < MOST_INSTANCES
                    ? "templates are instantiated more than %d deep"
                    : "more than %d instances of templates",
                p->instances < MOST_INSTANCES ? (int)MOST_DEPTH
                                              : (int)MOST_INSTANCES);
  p->gave_up = true;
  p->t = p->end;
  return false;
}

static sm_instance *new_instance(sm_parser *p, sm_template *t,
                                 const sm_template_args *args) {
  sm_instance *made = TM_NEW(p->arena, sm_instance);
  made->pattern = t;
  for (uint32_t i = 0; i < args->len; i++)
    tm_push(p->arena, &made->args, args->data[i]);
  tm_push(p->arena, &t->instances, made);
  p->instances++;
  return made;
}

/* S<float, 4> */
static tm_name spell_instance(sm_parser *p, const sm_template *t,
                              const sm_template_args *args) {
  tm_buf text = tm_buf_in(p->arena);
  tm_buf_printf(&text, "%s<", t->name);
  for (uint32_t i = 0; i < args->len && text.len < 200; i++) {
    const sm_template_arg *a = &args->data[i];
    if (i) tm_buf_puts(&text, ", ");
    if (a->function)
      tm_buf_puts(&text, a->function->name);
    else if (a->is_type)
      tm_buf_printf(&text, "%s", a->type->spelling);
    else if (a->type->scalar == SM_BOOL)
      tm_buf_puts(&text, a->value ? "true" : "false");
    else
      tm_buf_printf(&text, "%lld", (long long)a->value);
  }
  tm_buf_puts(&text, ">");
  return tm_intern(p->names, tm_buf_text(&text), text.len);
}

static void say_where(sm_parser *p, const sm_instance *made, tm_loc loc) {
  tm_note_at(p->diags, loc, "in the instance '%s' that is asked for here",
             spell_instance(p, made->pattern, &made->args));
}

/* ---- structs and aliases ---------------------------------------------- */

static const sm_type *make_alias(sm_parser *p, const sm_template *t) {
  while (!sm_at(p, SM_P_ASSIGN) && p->t < p->end) sm_skip(p);
  sm_skip(p);
  return sm_parse_type_name(p);
}

static int find_param(const sm_template *t, const sm_token *s);
static bool mentions_param(const sm_template *t, const sm_token *s);
static bool set_arg(sm_template_args *args, int i, sm_template_arg a);
static bool match_core(sm_parser *p, const sm_template *t, const sm_token **s,
                       const sm_type *type, sm_template_args *args);

/* Does an argument have the form that a partial specialization asks for? */
static bool matches_pattern(sm_parser *p, const sm_template *t,
                            const sm_token *pattern, const sm_template_arg *a,
                            sm_template_args *bound, int *weight) {
  int bare = pattern[1].kind == SM_TK_END ? find_param(t, pattern) : -1;
  if (bare >= 0)
    return a->is_type == t->params.data[bare].is_type &&
           set_arg(bound, bare, *a);
  ++*weight;
  if (mentions_param(t, pattern)) {
    const sm_token *s = pattern;
    return a->is_type && match_core(p, t, &s, a->type, bound) &&
           s->kind == SM_TK_END;
  }
  sm_template_arg want;
  const sm_token *at = p->t, *end = p->end;
  p->t = p->end = pattern;
  while (p->end->kind != SM_TK_END) p->end++;
  bool ok = parse_arg(p, &want);
  if (p->gave_up) return false;
  p->t = at;
  p->end = end;
  return ok && want.is_type == a->is_type &&
         (a->is_type ? want.type == a->type
                     : want.value == a->value && want.function == a->function);
}

/* The specialization for these arguments, and what its parameters are bound
 * to; t itself where none fits. */
static const sm_template *choose_special(sm_parser *p, sm_template *t,
                                         const sm_template_args *args,
                                         sm_template_args *bound, tm_loc loc) {
  const sm_template *best = t;
  int most = -1;
  bool tie = false;
  for (uint32_t i = 0; i < t->specials.len; i++) {
    const sm_template *s = t->specials.data[i];
    if (!s->params.len) {
      if (!same_args(&s->special_args, args)) continue;
      bound->len = 0;
      return s;
    }
    sm_template_args own = {0};
    sm_template_arg unset = {0};
    int weight = 0;
    bool ok = s->special_patterns.len == args->len;
    for (uint32_t k = 0; k < s->params.len; k++)
      tm_push(p->arena, &own, unset);
    for (uint32_t k = 0; ok && k < args->len; k++)
      ok = matches_pattern(p, s, s->special_patterns.data[k], &args->data[k],
                           &own, &weight);
    for (uint32_t k = 0; ok && k < own.len; k++) ok = own.data[k].is_set;
    if (!ok || weight < most) continue;
    tie = weight == most;
    most = weight;
    best = s;
    *bound = own;
  }
  if (tie)
    sm_error(p, loc, "ambiguous partial specializations of '%s'", t->name);
  return best;
}

static void make_struct(sm_parser *p, sm_template *t, sm_instance *made,
                        tm_loc loc) {
  sm_template_args *bound = TM_NEW(p->arena, sm_template_args);
  const sm_template *from = choose_special(p, t, &made->args, bound, loc);
  if (p->gave_up) return;
  for (uint32_t i = 0; i < bound->len; i++)
    bind_arg(p, from, i, &bound->data[i]);
  if (from != t) {
    p->t = from->tokens;
    p->end = p->t + from->n_tokens;
  }
  sm_symbol *self = bind_param(p, t->name, t->loc, SM_SYM_TYPE);
  self->type = made->type;
  self->pattern = t;
  uint32_t errors = p->diags->errors;
  if (from == t || !from->params.len) bound = &made->args;
  go_into(p, from->params.len ? from : t, bound);
  sm_parse_struct_instance(p, made->type);
  if (p->diags->errors != errors)
    say_where(p, made, loc);
  else if (!made->type->size)
    sm_error(p, loc, "implicit instantiation of undefined template '%s'",
             made->type->spelling);
}

const sm_type *sm_parse_template_id(sm_parser *p, sm_template *t,
                                    tm_loc loc) {
  sm_template_args args = {0};
  saved at;
  const sm_type *type = p->error_type;
  p->in_tensor_args = p->has_tensor && strcmp(t->name, "tensor") == 0;
  bool read = sm_parse_template_args(p, &args);
  p->in_tensor_args = false;
  if (!read) return type;
  if (args.len > t->params.len) {
    sm_error(p, loc, "too many template arguments for '%s'", t->name);
    return type;
  }
  if (!may_instantiate(p, loc)) return type;
  isolate(p, &at, t, t->tokens);
  if (!bind_args(p, t, &args)) {
    sm_error(p, loc, "the template arguments do not fit the parameters of "
             "'%s'", t->name);
  } else {
    sm_instance *made = find_instance(t, &args);
    if (!made) {
      made = new_instance(p, t, &args);
      if (t->kind == SM_TEMPLATE_ALIAS) {
        made->type = (sm_type *)make_alias(p, t);
      } else {
        made->type = sm_type_struct(p, spell_instance(p, t, &args));
        sm_struct_of(p, made->type)->instance = made;
        make_struct(p, t, made, loc);
      }
    }
    if (made->type) type = made->type;
  }
  restore(p, &at);
  return type;
}

/* ---- deduction -------------------------------------------------------- */

static int find_param(const sm_template *t, const sm_token *s) {
  for (uint32_t i = 0; s->kind == SM_TK_NAME && i < t->params.len; i++)
    if (t->params.data[i].name == s->name) return (int)i;
  return -1;
}

/* False if the parameter has another argument already. */
static bool set_arg(sm_template_args *args, int i, sm_template_arg a) {
  sm_template_arg *old = &args->data[i];
  a.is_set = true;
  if (old->is_given) return true;
  if (!old->is_set) {
    *old = a;
    return true;
  }
  return old->is_type == a.is_type &&
         old->function == a.function && same_args(old->given, a.given) &&
         (a.is_type ? old->type == a.type : old->value == a.value);
}

static sm_template_arg type_arg(const sm_type *type) {
  return (sm_template_arg){true, true, false, type, 0, NULL, NULL};
}
static sm_template_arg count_arg(sm_parser *p, int64_t n) {
  return (sm_template_arg){true, false, false, p->scalars[SM_INT], n, NULL,
                           NULL};
}

/* The arguments that a type was made with: vec<T, 4> has T and 4. */
static uint32_t parts_of(sm_parser *p, const sm_type *type, tm_name name,
                         sm_template_arg out[8]) {
  const sm_type *scalar = p->scalars[type->scalar];
  bool vector = type->kind == SM_T_VECTOR &&
                name == (type->packed ? p->n.packed_vec : p->n.vec);
  if (vector || (type->kind == SM_T_ATOMIC && name == p->n.atomic)) {
    out[0] = type_arg(scalar);
    out[1] = count_arg(p, type->count);
    return vector ? 2 : 1;
  }
  if ((type->kind == SM_T_MATRIX && name == p->n.matrix) ||
      (type->kind == SM_T_FRAGMENT && name == p->n.simdgroup_matrix)) {
    out[0] = type_arg(scalar);
    out[1] = count_arg(p, type->count);
    out[2] = count_arg(p, type->rows);
    return 3;
  }
  if (type->kind != SM_T_STRUCT) return 0;
  const sm_struct_info *info = sm_struct_of(p, type);
  if (info->is_array && name == p->n.array) {
    const sm_type *plain = type->structure->members.data[0].type;
    out[0] = type_arg(plain->element);
    out[1] = count_arg(p, plain->count);
    return 2;
  }
  if (!info->instance || info->instance->pattern->name != name) return 0;
  uint32_t n = info->instance->args.len;
  for (uint32_t i = 0; i < n && i < 8; i++)
    out[i] = info->instance->args.data[i];
  return n < 8 ? n : 8;
}

/* Matches name<...> at *s with the type; *s moves after it. */
static bool match_core(sm_parser *p, const sm_template *t, const sm_token **s,
                       const sm_type *type, sm_template_args *args) {
  while ((*s)->kind == SM_TK_NAME && sm_token_is(*s + 1, SM_P_SCOPE) &&
         (*s)[2].kind == SM_TK_NAME)
    *s += 2; /* a namespace */
  int i = find_param(t, *s);
  tm_name name = (*s)->name;
  ++*s;
  if (i >= 0 && t->params.data[i].is_type && !sm_token_is(*s, SM_P_SCOPE))
    return !type || set_arg(args, i, type_arg(type));
  if (!sm_token_is(*s, SM_P_LT)) return true;
  sm_template_arg parts[8];
  uint32_t n = type ? parts_of(p, type, name, parts) : 0, k = 0;
  ++*s;
  while ((*s)->kind != SM_TK_END) {
    const sm_token *at = *s;
    int depth = 0; /* to the ',' or '>' that ends this argument */
    while ((*s)->kind != SM_TK_END &&
           (depth || (!sm_token_is(*s, SM_P_COMMA) &&
                      !sm_token_is(*s, SM_P_GT)))) {
      depth += sm_token_is(*s, SM_P_LT) || sm_token_is(*s, SM_P_LPAREN);
      depth -= sm_token_is(*s, SM_P_GT) || sm_token_is(*s, SM_P_RPAREN);
      ++*s;
    }
    if (k < n) {
      i = find_param(t, at);
      if (i >= 0 && at + 1 == *s) {
        if (!set_arg(args, i, parts[k])) return false;
      } else if (parts[k].is_type && at->kind == SM_TK_NAME) {
        const sm_token *inner = at;
        if (!match_core(p, t, &inner, parts[k].type, args)) return false;
      }
    }
    k++;
    if (sm_token_is(*s, SM_P_GT)) break;
    if ((*s)->kind != SM_TK_END) ++*s;
  }
  if ((*s)->kind != SM_TK_END) ++*s;
  return !type || n || k == 0;
}

static bool is_plain_word(const sm_token *s) {
  switch (s->keyword) {
    case SM_K_const: case SM_K_volatile: case SM_K_device: case SM_K_constant:
    case SM_K_threadgroup: case SM_K_thread: case SM_K_restrict:
    case SM_K___restrict: case SM_K_typename: case SM_K___restrict__:
      return true;
    default: return false;
  }
}

/* After attributes and qualifiers. */
static const sm_token *after_words(const sm_token *s) {
  for (;;) {
    if (s->kind == SM_TK_NAME && is_plain_word(s)) {
      s++;
    } else if (sm_token_is(s, SM_P_LSQUARE) &&
               sm_token_is(s + 1, SM_P_LSQUARE)) {
      while (s->kind != SM_TK_END && !(sm_token_is(s, SM_P_RSQUARE) &&
                                       sm_token_is(s + 1, SM_P_RSQUARE)))
        s++;
      if (s->kind != SM_TK_END) s += 2;
    } else {
      return s;
    }
  }
}

typedef struct form { /* of a parameter */
  const sm_token *core; /* NULL: nothing to deduce from */
  uint32_t pointers;
  bool reference, array;
  int count; /* parameter that gives T (&)[N] its count; -1: none */
} form;

static bool mentions_param(const sm_template *t, const sm_token *s) {
  for (; s->kind != SM_TK_END; s++)
    if (find_param(t, s) >= 0) return true;
  return false;
}

static form form_of(sm_parser *p, const sm_template *t, const sm_token *s) {
  form f = {NULL, 0, false, false, -1};
  bool dependent = s->keyword == SM_K_typename;
  s = after_words(s);
  if (!mentions_param(t, s) || s->kind != SM_TK_NAME || dependent) return f;
  f.core = s;
  const sm_token *after = s;
  sm_template_args none = {0};
  for (uint32_t i = 0; i < t->params.len; i++) {
    sm_template_arg unset = {0};
    tm_push(p->arena, &none, unset);
  }
  match_core(p, t, &after, NULL, &none);
  s = after_words(after);
  if (sm_token_is(s, SM_P_SCOPE)) f.core = NULL; /* T::type: not deduced */
  while (sm_token_is(s, SM_P_STAR) || sm_token_is(s, SM_P_AMP)) {
    f.reference |= sm_token_is(s, SM_P_AMP);
    f.pointers += sm_token_is(s, SM_P_STAR);
    s = after_words(s + 1);
  }
  bool wrapped = sm_token_is(s, SM_P_LPAREN) && sm_token_is(s + 1, SM_P_AMP);
  if (wrapped) s += 2;
  if (s->kind == SM_TK_NAME) s++;
  if (wrapped && sm_token_is(s, SM_P_RPAREN)) s++;
  if (!sm_token_is(s, SM_P_LSQUARE) || sm_token_is(s + 1, SM_P_LSQUARE))
    return f;
  f.array = f.reference = wrapped;
  f.pointers += !wrapped;
  if (wrapped && sm_token_is(s + 2, SM_P_RSQUARE))
    f.count = find_param(t, s + 1);
  return f;
}

static bool deduce_from(sm_parser *p, const sm_template *t,
                        const sm_token *pattern, const sm_expr *arg,
                        sm_template_args *args) {
  form f = form_of(p, t, pattern);
  if (!f.core) return true;
  const sm_type *type = f.reference ? arg->type : sm_value_type(p, arg);
  if (f.array) {
    if (type->kind != SM_T_ARRAY) return false;
    if (f.count >= 0 && !set_arg(args, f.count, count_arg(p, type->count)))
      return false;
    type = type->element;
  }
  for (uint32_t i = 0; i < f.pointers; i++) {
    if (type->kind != SM_T_POINTER) return false;
    type = type->element;
  }
  const sm_token *s = f.core;
  return match_core(p, t, &s, type, args);
}

/* Parses the signature for these args; NULL if there is none. */
static sm_instance *make_function(sm_parser *p, sm_template *t,
                                  sm_template_args *args, tm_loc loc) {
  saved at;
  sm_instance *made = NULL;
  uint32_t errors = p->diags->errors, kept = p->diags->list.len;
  if (!may_instantiate(p, loc)) return NULL;
  isolate(p, &at, t, t->tokens);
  if (bind_args(p, t, args)) {
    made = find_instance(t, args);
    if (!made) {
      made = new_instance(p, t, args);
      go_into(p, t, &made->args);
      sm_parse_function_instance(p, made);
      made->failed = p->diags->errors != errors || !made->callable;
    }
  }
  restore(p, &at);
  if (!p->gave_up) { /* no instance, and no errors: [temp.deduct] */
    p->diags->errors = errors;
    if (p->diags->list.len > kept) p->diags->list.len = kept;
  }
  return made && !made->failed ? made : NULL;
}

sm_instance *sm_deduce_instance(sm_parser *p, sm_template *t,
                                const sm_template_args *given,
                                const sm_exprs *call, tm_loc loc) {
  sm_template_args args = {0};
  if ((given && given->len > t->params.len) ||
      (call && (call->len > t->patterns.len || call->len < t->required)))
    return NULL;
  for (uint32_t i = 0; i < t->params.len; i++) {
    sm_template_arg unset = {0};
    tm_push(p->arena, &args,
            given && i < given->len ? given->data[i] : unset);
    args.data[i].is_given = args.data[i].is_set;
  }
  for (uint32_t i = 0; call && i < call->len; i++) {
    sm_template_args trial = {0};
    for (uint32_t k = 0; k < args.len; k++)
      tm_push(p->arena, &trial, args.data[k]);
    if (!deduce_from(p, t, t->patterns.data[i], call->data[i], &trial))
      return NULL;
    args = trial;
  }
  return make_function(p, t, &args, loc);
}

/* Explicit arguments need no conversion to agree with what is deduced, and
 * what a pattern deduces is only used where none was given. */
void sm_define_instance(sm_parser *p, sm_instance *made, tm_loc loc) {
  const sm_token *body = made->body;
  saved at;
  if (!body || !may_instantiate(p, loc)) return;
  made->body = NULL;
  uint32_t errors = p->diags->errors;
  isolate(p, &at, made->pattern, body);
  for (uint32_t i = 0; i < made->args.len; i++)
    bind_arg(p, made->pattern, i, &made->args.data[i]);
  go_into(p, made->pattern, &made->args);
  sm_parse_definition(p, made->callable);
  restore(p, &at);
  if (p->diags->errors == errors) return;
  p->has_broken = true;
  if (!p->gave_up) say_where(p, made, loc);
}

/* ---- functions as arguments ------------------------------------------- */

const sm_type *sm_function_type(sm_parser *p, const sm_type *result,
                                const sm_types *params) {
  sm_type *type = sm_type_struct(p, tm_intern_cstr(p->names, "function"));
  sm_struct_info *info = sm_struct_of(p, type);
  info->is_function = true;
  info->result = result;
  if (params) info->params = *params;
  return type;
}

const sm_type *sm_parse_function_decltype(sm_parser *p, sm_symbol *s,
                                          tm_loc loc) {
  sm_template_args given = {0};
  const sm_function *f = NULL;
  if (sm_at(p, SM_P_LT)) {
    if (!sm_parse_template_args(p, &given)) return p->error_type;
    for (uint32_t i = 0; !f && i < s->templates.len; i++) {
      sm_instance *made = sm_deduce_instance(p, s->templates.data[i], &given,
                                             NULL, loc);
      if (made) f = made->callable->function;
    }
  } else if (s->overloads.len == 1) {
    f = s->overloads.data[0]->function;
  }
  sm_types params = {0};
  for (uint32_t i = 0; f && i < f->params.len; i++)
    tm_push(p->arena, &params, f->params.data[i]->type);
  return sm_function_type(p, f ? f->result : NULL, &params);
}

static bool same_signature(const sm_function *f, const sm_type *result,
                           const sm_types *params) {
  if (f->result != result || f->params.len != params->len) return false;
  for (uint32_t i = 0; i < params->len; i++)
    if (f->params.data[i]->type != params->data[i]) return false;
  return true;
}

/* An expression of each type, for deduction: what a call would pass. */
static void stand_ins(sm_parser *p, const sm_types *params, tm_loc loc,
                      sm_exprs *out) {
  for (uint32_t i = 0; i < params->len; i++) {
    const sm_type *t = params->data[i];
    bool reference = t->kind == SM_T_REFERENCE;
    sm_expr *e = sm_new_expr(p, SM_READ, reference ? t->element : t, loc);
    e->is_lvalue = reference;
    e->is_const = reference && t->is_const;
    e->space = reference ? t->space : SM_THREAD;
    tm_push(p->arena, out, e);
  }
}

/* The function of that name whose type is the parameter's ([over.over]). */
static sm_callable *pick_function(sm_parser *p, const sm_template_arg *a,
                                  const sm_type *result,
                                  const sm_types *params, tm_loc loc) {
  const sm_symbol *s = a->function;
  for (uint32_t i = 0; !a->given && i < s->overloads.len; i++)
    if (same_signature(s->overloads.data[i]->function, result, params))
      return s->overloads.data[i];
  sm_exprs args = {0};
  stand_ins(p, params, loc, &args);
  for (uint32_t i = 0; i < s->templates.len; i++) {
    sm_instance *made = sm_deduce_instance(p, s->templates.data[i], a->given,
                                           &args, loc);
    if (!made || !same_signature(made->callable->function, result, params))
      continue;
    sm_define_instance(p, made, loc);
    return made->callable;
  }
  return NULL;
}

/* Within isolate. False if the function given has not the parameter's type. */
static bool bind_function(sm_parser *p, const sm_template *t, uint32_t i,
                          const sm_template_arg *a) {
  const sm_template_param *param = &t->params.data[i];
  const sm_type *result = NULL;
  sm_types params = {0};
  bool ok = true;
  if (param->signature) {
    const sm_struct_info *info = sm_struct_of(p, param->signature);
    result = info->result;
    params = info->params;
  } else {
    const sm_token *at = p->t, *end = p->end;
    p->t = param->type;
    p->end = p->t;
    while (p->end->kind != SM_TK_END) p->end++;
    ok = sm_parse_function_type(p, &result, &params);
    if (p->gave_up) return false;
    p->t = at;
    p->end = end;
  }
  sm_callable *c = ok && result ? pick_function(p, a, result, &params, t->loc)
                                : NULL;
  if (!c) return false;
  sm_symbol *s = bind_param(p, t->params.data[i].name, t->loc,
                            SM_SYM_FUNCTION);
  s->stands_for = a->function;
  s->stands_given = a->given;
  tm_push(p->arena, &s->overloads, c);
  return true;
}

/* How much a parameter says: T, T * or T & alone say least. */
static int weight(sm_parser *p, const sm_template *t, uint32_t i) {
  form f = form_of(p, t, t->patterns.data[i]);
  if (!f.core) return 3;
  int index = find_param(t, f.core);
  bool bare = index >= 0 && t->params.data[index].is_type;
  return bare ? (f.pointers || f.array ? 1 : 0) : 2;
}

bool sm_more_specialized(sm_parser *p, const sm_template *a,
                         const sm_template *b) {
  bool better = false;
  if (a->patterns.len != b->patterns.len) return false;
  for (uint32_t i = 0; i < a->patterns.len; i++) {
    int x = weight(p, a, i), y = weight(p, b, i);
    if (x < y) return false;
    better |= x > y;
  }
  return better;
}

/* ---- specializations of functions ------------------------------------- */

/* The types of the parameters of a declaration at its '('. */
static bool special_params(sm_parser *p, const sm_token *parens,
                           sm_types *out) {
  const sm_type *result;
  sm_tokens text = {0};
  sm_token word = *parens;
  uint32_t n;
  word.kind = SM_TK_NAME;
  word.keyword = SM_K_void;
  word.name = tm_intern_cstr(p->names, "void");
  tm_push(p->arena, &text, word);
  word = *parens;
  word.punct = SM_P_RPAREN;
  tm_push(p->arena, &text, word);
  const sm_token *end = after_balanced(p, parens), *at = p->t, *old = p->end;
  for (const sm_token *t = parens; t <= end; t++)
    tm_push(p->arena, &text, *t);
  p->t = copy_tokens(p, text.data, sm_tokens_end(&text) - 1, &n);
  p->end = p->t + n;
  bool ok = sm_parse_function_type(p, &result, out);
  if (p->gave_up) return false;
  p->t = at;
  p->end = old;
  return ok;
}

/* template <> T name<args>(...) { ... }: the instance for these arguments has
 * this body. */
static void specialize_function(sm_parser *p, sm_template *t,
                                const sm_token *parens) {
  bool given_args = sm_token_is(parens - 1, SM_P_GT);
  const sm_token *name = given_args ? before_angles(parens, p->t)
                                    : parens - 1;
  sm_symbol *s = sm_find(p, name->name);
  sm_template_args given = {0};
  sm_types params = {0};
  sm_exprs call = {0};
  if (!s || s->kind != SM_SYM_FUNCTION || !s->templates.len) {
    sm_error(p, name->loc, "no function template matches function template "
             "specialization '%s'", name->name);
    return;
  }
  p->t = name + 1;
  if (given_args && !sm_parse_template_args(p, &given)) return;
  if (!special_params(p, parens, &params)) return;
  stand_ins(p, &params, name->loc, &call);
  sm_instance *made = NULL;
  for (uint32_t i = 0; !made && i < s->templates.len; i++)
    made = sm_deduce_instance(p, s->templates.data[i], &given, &call,
                              name->loc);
  if (!made) {
    sm_error(p, name->loc, "no function template matches function template "
             "specialization '%s'", name->name);
    return;
  }
  if (made->callable->function->body) {
    sm_error(p, name->loc, "explicit specialization of '%s' after "
             "instantiation", name->name);
    return;
  }
  saved at;
  sm_tokens text = {0};
  uint32_t n = (uint32_t)(name - t->tokens_from);
  for (uint32_t i = 0; i < t->n_tokens; i++) {
    bool angles = i > n && t->tokens_from + i < parens;
    if (!angles) tm_push(p->arena, &text, t->tokens[i]);
  }
  sm_token end = t->tokens[t->n_tokens];
  tm_push(p->arena, &text, end);
  isolate(p, &at, made->pattern, text.data);
  sm_parse_function_instance(p, made);
  restore(p, &at);
}

/* ---- explicit instantiation ------------------------------------------- */

/* template [[host_name("x")]] [[kernel]] decltype(f<T>) f<T>; at what follows
 * `template`. The name is the last one before '<', outside of brackets. */
static void parse_explicit(sm_parser *p) {
  tm_loc loc = p->t->loc;
  sm_attributes attributes = {0};
  const sm_token *name = NULL, *t = p->t;
  const sm_token *end = declaration_end(p, t, false);
  bool is_struct = sm_at_word(p, SM_K_struct);
  while (t < end && !sm_token_is(t, SM_P_SEMI)) {
    if (sm_token_is(t, SM_P_LSQUARE) && sm_token_is(t + 1, SM_P_LSQUARE)) {
      p->t = t;
      sm_parse_attributes(p, &attributes);
      t = p->t > t ? p->t : t + 1;
    } else if (sm_token_is(t, SM_P_LPAREN)) {
      if (name && t > p->t && sm_token_is(t - 1, SM_P_GT)) break;
      t = after_balanced(p, t);
    } else if (t->kind == SM_TK_NAME && sm_token_is(t + 1, SM_P_LT) &&
               sm_after_template(p, t + 1)) {
      name = t;
      t = sm_after_template(p, t + 1);
    } else {
      t++;
    }
  }
  sm_symbol *s = NULL;
  if (name) {
    p->t = name;
    s = sm_find(p, name->name);
  }
  bool function = s && s->kind == SM_SYM_FUNCTION && s->templates.len;
  if (is_struct && s && s->pattern) {
    sm_skip(p);
    sm_parse_template_id(p, s->pattern, name->loc);
  } else if (!function) {
    tm_diag *diag = sm_error(p, name ? name->loc : loc, "explicit "
                             "instantiation of what is no template");
    sm_hint(p, diag, "template [[host_name(\"f_float\")]] [[kernel]] "
            "decltype(f<float>) f<float>;");
  } else {
    sm_template_args given = {0};
    sm_instance *made = NULL;
    sm_skip(p);
    bool ok = sm_parse_template_args(p, &given);
    for (uint32_t i = 0; ok && !made && i < s->templates.len; i++)
      made = sm_deduce_instance(p, s->templates.data[i], &given, NULL,
                                name->loc);
    if (made) {
      sm_function *f = made->callable->function;
      bool is_kernel = f->is_kernel;
      sm_function_attributes(p, f, &attributes, &is_kernel);
      sm_define_instance(p, made, name->loc);
    } else if (ok) {
      sm_error(p, name->loc, "no template '%s' has these arguments",
               s->name);
    }
  }
  if (!p->gave_up) p->t = end;
}

/* The open scopes, at file scope: a local struct's are found there too. */
static sm_named_scope *copy_scope(sm_parser *p) {
  sm_named_scope *first = NULL;
  for (sm_named_scope *s = p->scope, **to = &first; s; s = s->outer) {
    sm_named_scope *copy = TM_NEW(p->arena, sm_named_scope);
    *copy = *s;
    copy->depth = 0;
    copy->outer = NULL;
    *to = copy;
    to = &copy->outer;
  }
  return first;
}

/* ---- bodies of methods ------------------------------------------------ */

sm_instance *sm_pending_body(sm_parser *p, sm_callable *c) {
  sm_template *pattern = TM_NEW(p->arena, sm_template);
  sm_instance *made = TM_NEW(p->arena, sm_instance);
  pattern->name = c->function->name;
  pattern->loc = c->function->loc;
  pattern->scope = copy_scope(p);
  pattern->around = p->around;
  made->pattern = pattern;
  made->callable = c;
  made->body = copy_tokens(p, p->t, after_balanced(p, p->t), NULL);
  return made;
}

void sm_define_method(sm_parser *p, sm_callable *c, tm_loc loc) {
  sm_instance *made = c->pending;
  saved at;
  if (!made || !may_instantiate(p, loc)) return;
  c->pending = NULL;
  isolate(p, &at, made->pattern, made->body);
  sm_parse_definition(p, c);
  restore(p, &at);
}

void sm_parse_template(sm_parser *p) {
  sm_skip(p); /* template */
  if (!sm_at(p, SM_P_LT)) {
    parse_explicit(p);
    return;
  }
  sm_template *t = TM_NEW(p->arena, sm_template);
  if (!parse_params(p, t)) {
    sm_recover(p);
    return;
  }
  t->scope = copy_scope(p);
  t->around = p->around;
  t->method_of = p->scope && p->scope->is_struct ? p->scope->type : NULL;
  t->loc = p->t->loc;
  bool is_struct = sm_at_word(p, SM_K_struct) || sm_at_word(p, SM_K_class);
  bool is_alias = sm_at_word(p, SM_K_using);
  const sm_token *start = p->t, *end = declaration_end(p, start, is_struct);
  const sm_token *parens = is_struct || is_alias ? NULL
                                                 : function_parens(p, start);
  t->tokens = copy_tokens(p, start, end, &t->n_tokens);
  t->tokens_from = start;
  if (sm_at_word(p, SM_K_class)) {
    sm_refused_word(p);
  } else if (is_struct || is_alias) {
    declare_type(p, t, is_alias);
  } else if (!parens) {
    sm_unsupported(p, t->loc, "this kind of template is not supported: "
                   "functions, structs and aliases are");
  } else if (!t->params.len) {
    specialize_function(p, t, parens);
  } else {
    bool is_call = sm_token_is(parens - 1, SM_P_RPAREN); /* operator()(...) */
    t->name = is_call ? tm_intern_cstr(p->names, "operator()")
                      : parens[-1].name;
    t->loc = parens[is_call ? -3 : -1].loc;
    declare_function(p, t, parens);
  }
  p->t = end;
}
