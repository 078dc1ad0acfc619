/* SPDX-License-Identifier: MIT */
/* parse_args.c - the arguments of calls and classes, the parameters of
 * functions and lambdas, and type parameters. */
#include "parse.h"

/* ---- arguments ---------------------------------------------------------- */

/* What has been read, which decides what may still come. */
typedef struct args_state {
  bool has_keyword, has_unpacking; /* a=1; **a */
  uint32_t count;
} args_state;

static void keyword_argument(tm_parser *p, tm_keywords *keywords,
                             tm_expr *parent) {
  tm_keyword keyword = {.name = p->tok->name, .loc = tm_parse_loc(p)};
  tm_parse_advance(p);
  tm_parse_advance(p);
  keyword.value = tm_parse_expression(p);
  if (parent) tm_parse_adopt(p, parent, keyword.value);
  tm_push(p->arena, keywords, keyword);
}

static void unpacked_argument(tm_parser *p, tm_keywords *keywords,
                              tm_expr *parent) {
  tm_keyword keyword = {.loc = tm_parse_loc(p)};
  tm_parse_advance(p);
  keyword.value = tm_parse_expression(p);
  if (parent) tm_parse_adopt(p, parent, keyword.value);
  tm_push(p->arena, keywords, keyword);
}

static tm_expr *starred_argument(tm_parser *p, const args_state *state) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_STARRED, tm_parse_loc(p));
  if (state->has_unpacking)
    tm_parse_fail(p, e->loc, "move it before the **",
                  "an argument with * follows one with **");
  tm_parse_advance(p);
  e->a[0] = tm_parse_expression(p);
  tm_parse_adopt(p, e, e->a[0]);
  return e;
}

/* f(x for x in y): the generator is the only argument; open is the '('. */
static tm_expr *generator_argument(tm_parser *p, tm_expr *item, tm_loc open,
                                   const args_state *state, bool is_class) {
  tm_expr *e = tm_parse_node(p, TM_EXPR_COMPREHENSION, open);
  e->op = TM_PY_GENERATOR;
  e->a[0] = item;
  tm_parse_adopt(p, e, item);
  tm_parse_clauses(p, e);
  if (state->count || is_class || tm_parse_at(p, TM_TOK_COMMA))
    tm_parse_fail(p, item->loc, "put it in parentheses of its own",
                  "a generator expression beside other arguments");
  return e;
}

static tm_expr *plain_argument(tm_parser *p, tm_loc open,
                               const args_state *state, bool is_class) {
  tm_expr *e = tm_parse_named(p);
  if (tm_parse_at_clause(p))
    return generator_argument(p, e, open, state, is_class);
  if (tm_parse_at(p, TM_TOK_EQUAL))
    tm_parse_fail(p, e->loc, "if a comparison is meant, write ==",
                  "a keyword argument needs a plain name before '=', not %s",
                  tm_parse_kind_name(e));
  if (state->has_unpacking)
    tm_parse_fail(p, e->loc, "move it before the **",
                  "a positional argument follows one with **");
  if (state->has_keyword)
    tm_parse_fail(p, e->loc, "give it a name too, or move it before them",
                  "a positional argument follows a keyword argument");
  return e;
}

void tm_parse_arguments(tm_parser *p, tm_loc loc, tm_exprs *items,
                        tm_keywords *keywords, tm_expr *parent,
                        bool is_class) {
  uint32_t base = tm_parse_base(p);
  args_state state = {0};
  while (!tm_parse_at(p, TM_TOK_RPAREN) && !p->failed) {
    if (tm_parse_at(p, TM_TOK_NAME) && tm_parse_peek(p) == TM_TOK_EQUAL) {
      keyword_argument(p, keywords, parent);
      state.has_keyword = true;
    } else if (tm_parse_at(p, TM_TOK_DOUBLESTAR)) {
      unpacked_argument(p, keywords, parent);
      state.has_unpacking = true;
    } else {
      tm_expr *e = tm_parse_at(p, TM_TOK_STAR)
                       ? starred_argument(p, &state)
                       : plain_argument(p, loc, &state, is_class);
      if (parent) tm_parse_adopt(p, parent, e);
      tm_parse_push(p, e);
    }
    state.count++;
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  *items = tm_parse_exprs(p, base);
  tm_parse_close(p, TM_TOK_RPAREN, loc);
}

/* ---- parameters --------------------------------------------------------- */

typedef struct params_state {
  tm_params list;
  bool is_lambda;
  bool has_default;  /* a positional one; all after it need one too */
  bool has_slash, has_star, has_double_star;
  bool star_is_bare; /* `*` alone: a name must follow */
  tm_loc star;
} params_state;

static void param_default(tm_parser *p, params_state *state,
                          tm_param_decl *param) {
  if (tm_parse_accept(p, TM_TOK_EQUAL)) {
    if (param->star)
      tm_parse_fail(p, param->loc, NULL, "'%s%s' cannot have a default",
                    param->star == 1 ? "*" : "**", param->name);
    param->value = tm_parse_expression(p);
    if (!param->keyword_only) state->has_default = true;
  } else if (state->has_default && !param->keyword_only && !param->star) {
    tm_parse_fail(p, param->loc, NULL,
                  "parameter '%s' without a default follows one with a "
                  "default", param->name ? param->name : "");
  }
}

/* name [: annotation] [= default], after its stars. */
static void param(tm_parser *p, params_state *state, uint8_t star) {
  tm_param_decl param = {.star = star, .loc = tm_parse_loc(p)};
  if (tm_parse_at(p, TM_TOK_LPAREN))
    tm_parse_fail(p, param.loc, "unpack it in the body",
                  "a parameter cannot be a tuple in Python 3");
  param.name = tm_parse_name(p, "a parameter name");
  if (p->failed) return;
  param.keyword_only = state->has_star && !star;
  if (!state->is_lambda && tm_parse_accept(p, TM_TOK_COLON)) {
    if (star == 1 && tm_parse_at(p, TM_TOK_STAR))
      param.annotation = tm_parse_star_expression(p);
    else
      param.annotation = tm_parse_expression(p);
  }
  param_default(p, state, &param);
  if (!star) state->star_is_bare = false;
  tm_push(p->arena, &state->list, param);
}

static void slash(tm_parser *p, params_state *state) {
  tm_loc loc = tm_parse_loc(p);
  if (state->has_slash)
    tm_parse_fail(p, loc, NULL, "'/' may appear only once");
  else if (state->has_star)
    tm_parse_fail(p, loc, NULL, "'/' must come before '*'");
  else if (!state->list.len)
    tm_parse_fail(p, loc, NULL, "at least one parameter must precede '/'");
  tm_parse_advance(p);
  state->has_slash = true;
  for (uint32_t i = 0; i < state->list.len; i++)
    state->list.data[i].positional_only = true;
}

static void star(tm_parser *p, params_state *state) {
  tm_loc loc = tm_parse_loc(p);
  if (state->has_star)
    tm_parse_fail(p, loc, NULL, "'*' may appear only once");
  tm_parse_advance(p);
  if (!tm_parse_at(p, TM_TOK_COMMA)) {
    state->star = loc;
    bool bare = !tm_parse_at(p, TM_TOK_NAME);
    if (bare) {
      tm_parse_fail(p, loc, NULL, "named parameters must follow a bare '*'");
      return;
    }
    param(p, state, 1);
  } else {
    state->star_is_bare = true;
    state->star = loc;
  }
  state->has_star = true;
}

static void param_item(tm_parser *p, params_state *state) {
  if (state->has_double_star) {
    tm_parse_fail(p, tm_parse_loc(p), NULL,
                  "no parameter can follow the one with '**'");
    return;
  }
  switch (p->tok->kind) {
  case TM_TOK_SLASH: slash(p, state); break;
  case TM_TOK_STAR: star(p, state); break;
  case TM_TOK_DOUBLESTAR:
    if (state->star_is_bare)
      tm_parse_fail(p, state->star, NULL,
                    "named parameters must follow a bare '*'");
    tm_parse_advance(p);
    param(p, state, 2);
    state->has_double_star = true;
    break;
  default: param(p, state, 0); break;
  }
}

tm_params tm_parse_params(tm_parser *p, tm_token_kind end) {
  params_state state = {.is_lambda = end == TM_TOK_COLON};
  while (!tm_parse_at(p, end) && !p->failed) {
    param_item(p, &state);
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  if (state.star_is_bare)
    tm_parse_fail(p, state.star, NULL,
                  "named parameters must follow a bare '*'");
  return state.list;
}

/* ---- type parameters ---------------------------------------------------- */

tm_params tm_parse_type_params(tm_parser *p) {
  tm_params list = {0};
  tm_loc open = tm_parse_loc(p);
  bool has_default = false;
  if (!tm_parse_accept(p, TM_TOK_LBRACKET)) return list;
  if (tm_parse_at(p, TM_TOK_RBRACKET))
    tm_parse_fail(p, tm_parse_loc(p), NULL, "a type parameter is missing");
  while (!tm_parse_at(p, TM_TOK_RBRACKET) && !p->failed) {
    tm_param_decl param = {.loc = tm_parse_loc(p)};
    if (tm_parse_accept(p, TM_TOK_STAR))
      param.star = 1;
    else if (tm_parse_accept(p, TM_TOK_DOUBLESTAR))
      param.star = 2;
    param.name = tm_parse_name(p, "the name of a type parameter");
    if (tm_parse_accept(p, TM_TOK_COLON)) {
      if (param.star)
        tm_parse_fail(p, param.loc, NULL,
                      "a type parameter with * cannot have a bound");
      param.annotation = tm_parse_expression(p);
    }
    if (tm_parse_accept(p, TM_TOK_EQUAL)) {
      has_default = true;
      param.value = param.star == 1 ? tm_parse_star_expression(p)
                                    : tm_parse_expression(p);
    } else if (has_default) {
      tm_parse_fail(p, param.loc, NULL,
                    "a type parameter without a default follows one with a "
                    "default");
    }
    tm_push(p->arena, &list, param);
    if (!tm_parse_accept(p, TM_TOK_COMMA)) break;
  }
  tm_parse_close(p, TM_TOK_RBRACKET, open);
  return list;
}
