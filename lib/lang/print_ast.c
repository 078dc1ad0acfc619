/* SPDX-License-Identifier: MIT */
/*
 * print_ast.c - expressions as Python source that parses to an equal tree.
 *
 * Parentheses come from comparing levels of precedence (print_ast.h) and are
 * nowhere else but around tuples, which keep them except where a statement
 * allows to leave them off. Numbers are decimal, strings double-quoted with
 * escapes; inside f-strings the quotes alternate as far as two kinds go, and
 * from there on rely on PEP 701.
 */
#include "print_ast.h"

#include <inttypes.h>
#include <math.h>

static void puts_(tm_printer *pr, const char *text) {
  tm_buf_puts(pr->out, text);
}

const char *tm_py_op_text(tm_py_op op) {
  static const char *const texts[] = {
    [TM_PY_ADD] = "+", [TM_PY_SUB] = "-", [TM_PY_MUL] = "*",
    [TM_PY_DIV] = "/", [TM_PY_FLOORDIV] = "//", [TM_PY_MOD] = "%",
    [TM_PY_POW] = "**", [TM_PY_MATMUL] = "@", [TM_PY_AND] = "&",
    [TM_PY_OR] = "|", [TM_PY_XOR] = "^", [TM_PY_SHL] = "<<",
    [TM_PY_SHR] = ">>", [TM_PY_NEG] = "-", [TM_PY_POS] = "+",
    [TM_PY_INVERT] = "~", [TM_PY_NOT] = "not ", [TM_PY_EQ] = "==",
    [TM_PY_NE] = "!=", [TM_PY_LT] = "<", [TM_PY_LE] = "<=",
    [TM_PY_GT] = ">", [TM_PY_GE] = ">=", [TM_PY_IS] = "is",
    [TM_PY_IS_NOT] = "is not", [TM_PY_IN] = "in", [TM_PY_NOT_IN] = "not in",
    [TM_PY_LIST_COMP] = "list", [TM_PY_SET_COMP] = "set",
    [TM_PY_DICT_COMP] = "dict", [TM_PY_GENERATOR] = "generator"
  };
  return (size_t)op < TM_COUNT(texts) ? texts[op] : "?";
}

static tm_level binary_level(tm_py_op op) {
  switch (op) {
  case TM_PY_OR: return TM_LEVEL_BITOR;
  case TM_PY_XOR: return TM_LEVEL_BITXOR;
  case TM_PY_AND: return TM_LEVEL_BITAND;
  case TM_PY_SHL: case TM_PY_SHR: return TM_LEVEL_SHIFT;
  case TM_PY_ADD: case TM_PY_SUB: return TM_LEVEL_SUM;
  case TM_PY_POW: return TM_LEVEL_POWER;
  default: return TM_LEVEL_PRODUCT;
  }
}

static tm_level level_of(const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_YIELD: return TM_LEVEL_YIELD;
  case TM_EXPR_WALRUS: return TM_LEVEL_NAMED;
  case TM_EXPR_IF: case TM_EXPR_LAMBDA: return TM_LEVEL_TEST;
  case TM_EXPR_OR: return TM_LEVEL_OR;
  case TM_EXPR_AND: return TM_LEVEL_AND;
  case TM_EXPR_COMPARE: return TM_LEVEL_COMPARE;
  case TM_EXPR_UNARY:
    return e->op == TM_PY_NOT ? TM_LEVEL_NOT : TM_LEVEL_UNARY;
  case TM_EXPR_BINARY: return binary_level(e->op);
  case TM_EXPR_AWAIT: return TM_LEVEL_AWAIT;
  case TM_EXPR_STARRED: case TM_EXPR_SLICE:
    return TM_LEVEL_ATOM; /* only where they need no parentheses */
  default: return TM_LEVEL_ATOM;
  }
}

/* ---- strings ------------------------------------------------------------ */

/* How literal text is written. */
typedef struct style {
  char quote;
  bool bytes;    /* no byte above 0x7f is text */
  bool braces;   /* of an f-string: { and } are doubled */
  bool spec;     /* of a format spec: they are escaped */
  bool lines;    /* triple quotes: line ends stay */
} style;

/* A surrogate in UTF-8, which no text file may hold: \ud800 was meant. */
static bool is_surrogate(const unsigned char *s, size_t left) {
  return left >= 3 && s[0] == 0xed && s[1] >= 0xa0 && (s[2] & 0xc0) == 0x80;
}

/* The bytes of a named escape at s, \N{...}, or of a doubled backslash. */
static size_t kept_escape(const char *s, size_t left) {
  if (left < 2) return 1;
  if (s[1] != 'N') return 2;
  const char *end = memchr(s, '}', left);
  return end ? (size_t)(end - s) + 1 : 2;
}

static void print_char(tm_printer *pr, const style *st, unsigned char c,
                       bool quote_follows) {
  char text[2] = {(char)c, 0};
  if (c == (unsigned char)st->quote && (!st->lines || quote_follows))
    tm_buf_printf(pr->out, "\\%c", c);
  else if (c == '\n' && st->lines)
    puts_(pr, "\n");
  else if (c == '\n')
    puts_(pr, "\\n");
  else if (c == '\t')
    puts_(pr, "\\t");
  else if (c == '\r')
    puts_(pr, "\\r");
  else if (c < 0x20 || c == 0x7f || (c >= 0x80 && st->bytes))
    tm_buf_printf(pr->out, "\\x%02x", c);
  else if ((c == '{' || c == '}') && st->spec)
    tm_buf_printf(pr->out, "\\x%02x", c);
  else if ((c == '{' || c == '}') && st->braces)
    tm_buf_printf(pr->out, "%c%c", c, c);
  else
    tm_buf_add(pr->out, text, 1);
}

static void print_text(tm_printer *pr, const tm_expr *e, const style *st) {
  const char *s = e->text.ptr, *end = s + e->text.len;
  while (s < end) {
    size_t left = (size_t)(end - s);
    const unsigned char *u = (const unsigned char *)s;
    if (*s == '\\' && e->has_named_escapes) {
      size_t n = kept_escape(s, left);
      tm_buf_add(pr->out, s, n);
      s += n;
    } else if (*s == '\\') {
      puts_(pr, "\\\\");
      s++;
    } else if (!st->bytes && is_surrogate(u, left)) {
      tm_buf_printf(pr->out, "\\u%04x",
                    0xd000u | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu));
      s += 3;
    } else {
      print_char(pr, st, *u, left == 1 || s[1] == st->quote);
      s++;
    }
  }
}

static char current_quote(const tm_printer *pr) {
  return pr->fstrings % 2 ? '\'' : '"';
}

static void print_string(tm_printer *pr, const tm_expr *e) {
  style st = {.quote = current_quote(pr), .bytes = e->kind == TM_EXPR_BYTES};
  tm_buf_printf(pr->out, "%s%c", st.bytes ? "b" : "", st.quote);
  print_text(pr, e, &st);
  tm_buf_printf(pr->out, "%c", st.quote);
}

void tm_print_docstring(tm_printer *pr, const tm_expr *e) {
  style st = {.quote = '"', .lines = true};
  if (!memchr(e->text.ptr, '\n', e->text.len)) {
    print_string(pr, e);
    return;
  }
  puts_(pr, "\"\"\"");
  print_text(pr, e, &st);
  puts_(pr, "\"\"\"");
}

static void print_field(tm_printer *pr, const tm_expr *e, char quote);

static void print_pieces(tm_printer *pr, const tm_exprs *items,
                         const style *st) {
  for (uint32_t i = 0; i < items->len; i++) {
    const tm_expr *item = items->data[i];
    if (item->kind == TM_EXPR_STRING)
      print_text(pr, item, st);
    else
      print_field(pr, item, st->quote);
  }
}

/* {expression!conversion:spec} */
static void print_field(tm_printer *pr, const tm_expr *e, char quote) {
  puts_(pr, "{");
  size_t start = pr->out->len;
  pr->fstrings++;
  /* No lambda or := without parentheses: their colon would end the field. */
  tm_print_expr(pr, e->a[0], TM_LEVEL_OR);
  pr->fstrings--;
  if (pr->out->data[start] == '{') { /* {{ would be a literal brace */
    tm_buf_puts(pr->out, " ");
    memmove(pr->out->data + start + 1, pr->out->data + start,
            pr->out->len - start - 1);
    pr->out->data[start] = ' ';
  }
  if (e->conversion) tm_buf_printf(pr->out, "!%c", e->conversion);
  if (e->has_spec) {
    style st = {.quote = quote, .spec = true};
    puts_(pr, ":");
    print_pieces(pr, &e->items, &st);
  }
  puts_(pr, "}");
}

static void print_fstring(tm_printer *pr, const tm_expr *e) {
  style st = {.quote = current_quote(pr), .braces = true};
  tm_buf_printf(pr->out, "%c%c", e->is_template ? 't' : 'f', st.quote);
  print_pieces(pr, &e->items, &st);
  tm_buf_printf(pr->out, "%c", st.quote);
}

/* ---- numbers ------------------------------------------------------------ */

static void print_float(tm_printer *pr, double x) {
  if (isinf(x))
    puts_(pr, "1e999"); /* reads as infinity, whose name is no literal */
  else
    tm_buf_double(pr->out, x, false);
}

static void print_int(tm_printer *pr, const tm_expr *e) {
  if (e->big)
    tm_buf_add(pr->out, e->text.ptr, e->text.len);
  else
    tm_buf_printf(pr->out, "%" PRIu64, e->u.i);
}

/* ---- lists of things ---------------------------------------------------- */

static void print_list(tm_printer *pr, const tm_exprs *items,
                       tm_level level) {
  for (uint32_t i = 0; i < items->len; i++) {
    if (i) puts_(pr, ", ");
    tm_print_expr(pr, items->data[i], level);
  }
}

static void print_tuple_items(tm_printer *pr, const tm_expr *e,
                              tm_level level) {
  print_list(pr, &e->items, level);
  if (e->items.len == 1) puts_(pr, ",");
}

void tm_print_bare(tm_printer *pr, const tm_expr *e) {
  if (e->kind == TM_EXPR_TUPLE && e->items.len)
    print_tuple_items(pr, e, TM_LEVEL_TEST);
  else
    tm_print_expr(pr, e, e->kind == TM_EXPR_YIELD ? TM_LEVEL_YIELD
                                                  : TM_LEVEL_TEST);
}

static void print_dict(tm_printer *pr, const tm_expr *e) {
  puts_(pr, "{");
  for (uint32_t i = 0; i + 1 < e->items.len; i += 2) {
    if (i) puts_(pr, ", ");
    if (e->items.data[i]) {
      tm_print_expr(pr, e->items.data[i], TM_LEVEL_TEST);
      puts_(pr, ": ");
      tm_print_expr(pr, e->items.data[i + 1], TM_LEVEL_TEST);
    } else {
      puts_(pr, "**");
      tm_print_expr(pr, e->items.data[i + 1], TM_LEVEL_BITOR);
    }
  }
  puts_(pr, "}");
}

void tm_print_arguments(tm_printer *pr, const tm_exprs *items,
                        const tm_keywords *keywords) {
  /* f(*a, k=1) and f(k=1, *a) are one tree; the former is written. */
  print_list(pr, items, TM_LEVEL_NAMED);
  bool first = items->len == 0;
  for (uint32_t i = 0; i < keywords->len; i++) {
    const tm_keyword *keyword = &keywords->data[i];
    if (!first) puts_(pr, ", ");
    first = false;
    if (keyword->name)
      tm_buf_printf(pr->out, "%s=", keyword->name);
    else
      puts_(pr, "**");
    tm_print_expr(pr, keyword->value, TM_LEVEL_TEST);
  }
}

void tm_print_params(tm_printer *pr, const tm_params *params) {
  bool star = false;
  for (uint32_t i = 0; i < params->len; i++) {
    const tm_param_decl *param = &params->data[i];
    if (i) puts_(pr, ", ");
    if (param->star == 1) star = true;
    if (param->keyword_only && !star) {
      puts_(pr, "*, ");
      star = true;
    }
    tm_buf_printf(pr->out, "%s%s",
                  param->star == 0   ? ""
                  : param->star == 1 ? "*"
                                     : "**",
                  param->name);
    if (param->annotation) {
      puts_(pr, ": ");
      tm_print_expr(pr, param->annotation, TM_LEVEL_TEST);
    }
    if (param->value) {
      puts_(pr, param->annotation ? " = " : "=");
      tm_print_expr(pr, param->value, TM_LEVEL_TEST);
    }
    if (param->positional_only && (i + 1 == params->len ||
                                   !params->data[i + 1].positional_only))
      puts_(pr, ", /");
  }
}

/* ---- compound expressions ----------------------------------------------- */

static void print_comprehension_body(tm_printer *pr, const tm_expr *e) {
  /* An older grammar than 3.10 has no := in sets without parentheses. */
  tm_print_expr(pr, e->a[0],
                e->op == TM_PY_SET_COMP || e->op == TM_PY_DICT_COMP
                    ? TM_LEVEL_TEST
                    : TM_LEVEL_NAMED);
  if (e->a[1]) {
    puts_(pr, ": ");
    tm_print_expr(pr, e->a[1], TM_LEVEL_TEST);
  }
  for (uint32_t i = 0; i < e->clauses.len; i++) {
    const tm_comp_clause *clause = &e->clauses.data[i];
    puts_(pr, clause->is_async ? " async for " : " for ");
    if (clause->target->kind == TM_EXPR_TUPLE && clause->target->items.len)
      print_tuple_items(pr, clause->target, TM_LEVEL_BITOR);
    else
      tm_print_expr(pr, clause->target, TM_LEVEL_BITOR);
    puts_(pr, " in ");
    tm_print_expr(pr, clause->iter, TM_LEVEL_OR);
    for (uint32_t j = 0; j < clause->conditions.len; j++) {
      puts_(pr, " if ");
      tm_print_expr(pr, clause->conditions.data[j], TM_LEVEL_OR);
    }
  }
}

static void print_comprehension(tm_printer *pr, const tm_expr *e) {
  const char *brackets = e->op == TM_PY_LIST_COMP   ? "[]"
                         : e->op == TM_PY_GENERATOR ? "()"
                                                    : "{}";
  tm_buf_add(pr->out, brackets, 1);
  print_comprehension_body(pr, e);
  tm_buf_add(pr->out, brackets + 1, 1);
}

static void print_call(tm_printer *pr, const tm_expr *e) {
  tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
  puts_(pr, "(");
  const tm_expr *only =
      e->items.len == 1 && !e->keywords.len ? e->items.data[0] : NULL;
  if (only && only->kind == TM_EXPR_COMPREHENSION &&
      only->op == TM_PY_GENERATOR)
    print_comprehension_body(pr, only);
  else
    tm_print_arguments(pr, &e->items, &e->keywords);
  puts_(pr, ")");
}

static void print_subscript(tm_printer *pr, const tm_expr *e) {
  const tm_expr *index = e->a[1];
  tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
  puts_(pr, "[");
  if (index->kind == TM_EXPR_TUPLE && index->items.len)
    print_tuple_items(pr, index, TM_LEVEL_TEST);
  else
    tm_print_expr(pr, index, TM_LEVEL_TEST);
  puts_(pr, "]");
}

static void print_slice(tm_printer *pr, const tm_expr *e) {
  for (int i = 0; i < 3; i++) {
    if (i == 1 || (i == 2 && e->a[2])) puts_(pr, ":");
    if (e->a[i]) tm_print_expr(pr, e->a[i], TM_LEVEL_TEST);
  }
}

static void print_compare(tm_printer *pr, const tm_expr *e) {
  for (uint32_t i = 0; i < e->items.len; i++) {
    if (i) tm_buf_printf(pr->out, " %s ", tm_py_op_text(e->ops[i - 1]));
    tm_print_expr(pr, e->items.data[i], TM_LEVEL_BITOR);
  }
}

static void print_flat(tm_printer *pr, const tm_expr *e, const char *word,
                       tm_level item) {
  for (uint32_t i = 0; i < e->items.len; i++) {
    if (i) puts_(pr, word);
    tm_print_expr(pr, e->items.data[i], item);
  }
}

static void print_binary(tm_printer *pr, const tm_expr *e) {
  tm_level level = binary_level(e->op);
  bool power = e->op == TM_PY_POW; /* to the right: -x needs no brackets */
  tm_print_expr(pr, e->a[0], power ? TM_LEVEL_AWAIT : level);
  tm_buf_printf(pr->out, power ? "%s" : " %s ", tm_py_op_text(e->op));
  tm_print_expr(pr, e->a[1],
                power ? TM_LEVEL_UNARY : (tm_level)(level + 1));
}

static void print_lambda(tm_printer *pr, const tm_expr *e) {
  puts_(pr, e->params.len ? "lambda " : "lambda");
  tm_print_params(pr, &e->params);
  puts_(pr, ": ");
  tm_print_expr(pr, e->a[0], TM_LEVEL_TEST);
}

static void print_attribute(tm_printer *pr, const tm_expr *e) {
  bool number = e->a[0]->kind == TM_EXPR_INT ||
                e->a[0]->kind == TM_EXPR_FLOAT ||
                e->a[0]->kind == TM_EXPR_COMPLEX; /* 1.real is no token */
  if (number) puts_(pr, "(");
  tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
  tm_buf_printf(pr->out, "%s.%s", number ? ")" : "", e->name);
}

static void print_yield(tm_printer *pr, const tm_expr *e) {
  puts_(pr, e->is_from ? "yield from" : "yield");
  if (!e->a[0]) return;
  puts_(pr, " ");
  tm_print_expr(pr, e->a[0], TM_LEVEL_TEST);
}

static void print_if(tm_printer *pr, const tm_expr *e) {
  tm_print_expr(pr, e->a[0], TM_LEVEL_OR);
  puts_(pr, " if ");
  tm_print_expr(pr, e->a[1], TM_LEVEL_OR);
  puts_(pr, " else ");
  tm_print_expr(pr, e->a[2], TM_LEVEL_TEST);
}

static void print_unary(tm_printer *pr, const tm_expr *e) {
  puts_(pr, tm_py_op_text(e->op));
  tm_print_expr(pr, e->a[0],
                e->op == TM_PY_NOT ? TM_LEVEL_NOT : TM_LEVEL_UNARY);
}

static void print_bracketed(tm_printer *pr, const tm_expr *e,
                            const char *brackets) {
  tm_buf_add(pr->out, brackets, 1);
  print_list(pr, &e->items, e->kind == TM_EXPR_SET ? TM_LEVEL_TEST
                                                   : TM_LEVEL_NAMED);
  if (e->kind == TM_EXPR_TUPLE && e->items.len == 1) puts_(pr, ",");
  tm_buf_add(pr->out, brackets + 1, 1);
}

static void print_node(tm_printer *pr, const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_NAME: puts_(pr, e->name); break;
  case TM_EXPR_INT: print_int(pr, e); break;
  case TM_EXPR_FLOAT: print_float(pr, e->u.f); break;
  case TM_EXPR_COMPLEX:
    print_float(pr, e->u.f);
    puts_(pr, "j");
    break;
  case TM_EXPR_STRING: case TM_EXPR_BYTES: print_string(pr, e); break;
  case TM_EXPR_FSTRING: print_fstring(pr, e); break;
  case TM_EXPR_FORMATTED: print_field(pr, e, current_quote(pr)); break;
  case TM_EXPR_TRUE: puts_(pr, "True"); break;
  case TM_EXPR_FALSE: puts_(pr, "False"); break;
  case TM_EXPR_NONE: puts_(pr, "None"); break;
  case TM_EXPR_ELLIPSIS: puts_(pr, "..."); break;
  case TM_EXPR_TUPLE: print_bracketed(pr, e, "()"); break;
  case TM_EXPR_LIST: print_bracketed(pr, e, "[]"); break;
  case TM_EXPR_SET: print_bracketed(pr, e, "{}"); break;
  case TM_EXPR_DICT: print_dict(pr, e); break;
  case TM_EXPR_UNARY: print_unary(pr, e); break;
  case TM_EXPR_BINARY: print_binary(pr, e); break;
  case TM_EXPR_COMPARE: print_compare(pr, e); break;
  case TM_EXPR_AND: print_flat(pr, e, " and ", TM_LEVEL_NOT); break;
  case TM_EXPR_OR: print_flat(pr, e, " or ", TM_LEVEL_AND); break;
  case TM_EXPR_IF: print_if(pr, e); break;
  case TM_EXPR_CALL: print_call(pr, e); break;
  case TM_EXPR_ATTRIBUTE: print_attribute(pr, e); break;
  case TM_EXPR_SUBSCRIPT: print_subscript(pr, e); break;
  case TM_EXPR_SLICE: print_slice(pr, e); break;
  case TM_EXPR_STARRED:
    puts_(pr, "*");
    tm_print_expr(pr, e->a[0], TM_LEVEL_BITOR);
    break;
  case TM_EXPR_WALRUS:
    tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
    puts_(pr, " := ");
    tm_print_expr(pr, e->a[1], TM_LEVEL_TEST);
    break;
  case TM_EXPR_LAMBDA: print_lambda(pr, e); break;
  case TM_EXPR_COMPREHENSION: print_comprehension(pr, e); break;
  case TM_EXPR_AWAIT:
    puts_(pr, "await ");
    tm_print_expr(pr, e->a[0], TM_LEVEL_ATOM);
    break;
  case TM_EXPR_YIELD: print_yield(pr, e); break;
  }
}

void tm_print_expr(tm_printer *pr, const tm_expr *e, tm_level level) {
  if (pr->depth > TM_AST_MAX_DEPTH) {
    puts_(pr, TM_PRINT_TOO_DEEP);
    return;
  }
  bool brackets = level_of(e) < level;
  pr->depth++;
  if (brackets) puts_(pr, "(");
  print_node(pr, e);
  if (brackets) puts_(pr, ")");
  pr->depth--;
}

void tm_ast_print_expr(tm_buf *out, const tm_expr *expr) {
  tm_printer pr = {.out = out};
  tm_print_expr(&pr, expr, TM_LEVEL_YIELD);
}
