/* SPDX-License-Identifier: MIT */
/*
 * ast_api.c - tm_ast: building a module's tree by calls.
 *
 * Expressions and statements are made with the constructors that the parser
 * uses (lib/lang/build_ast.c) in an arena of the builder's. Finishing prints
 * the tree and opens a module of that text, so that positions in later
 * errors refer to text a person can be shown, and so that a built kernel
 * goes through exactly what a written one goes through.
 *
 * The first mistake is remembered in words; calls after it do nothing.
 */
#include "handles.h"
#include "module.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum open_kind { OPEN_FUNCTION, OPEN_BODY, OPEN_ELSE } open_kind;

typedef struct open_block {
  open_kind kind;
  tm_stmts *body;
  tm_function_def *function; /* OPEN_FUNCTION */
  tm_stmt *stmt;             /* the if, for or while */
} open_block;

struct tm_ast {
  tm_arena arena;
  tm_diags diags;
  tm_modules *set;
  tm_module *module;
  TM_VEC(open_block) open;
  tm_map nodes;      /* expression -> nodes in its tree */
  uint64_t printed;  /* nodes in all statements */
  char mistake[200];
  bool no_memory;
};

static const tm_loc nowhere = {0, 0, 0};

/* An expression may be used several times, so that a few calls can stand for
 * a text of any length: how much an expression prints is counted. */
enum { MOST_NODES = 1000000 };

static void mistake(tm_ast *ast, const char *format, ...) TM_PRINTF(2, 3);
static void mistake(tm_ast *ast, const char *format, ...) {
  if (ast->mistake[0]) return;
  va_list args;
  va_start(args, format);
  vsnprintf(ast->mistake, sizeof ast->mistake, format, args);
  va_end(args);
}

/* Every building call stands between ENTER and LEAVE: ENTER returns early
 * after a mistake, and again when memory runs out inside. */
#define ENTER(ast, otherwise)                    \
  jmp_buf guard;                                 \
  if (!TMI_IS_THERE(ast, TMI_AST)) otherwise;    \
  if ((ast)->mistake[0]) otherwise;              \
  if (!tm_arena_guard(&(ast)->arena, guard)) {   \
    (ast)->arena.guard = NULL;                   \
    (ast)->no_memory = true;                     \
    mistake((ast), "out of memory");             \
    otherwise;                                   \
  }
#define LEAVE(ast) ((ast)->arena.guard = NULL)

/* ---- the builder -------------------------------------------------------- */

tm_status tm_ast_create(tm_ast **out, const char *module_name,
                        tm_error **error) {
  tmi_begin(error);
  if (!out) return tmi_fail(error, TM_E_ARGUMENT, "ast is NULL");
  *out = NULL;
  tm_ast *ast = calloc(1, sizeof *ast);
  if (!ast) return tmi_fail_memory(error);
  tm_arena_init(&ast->arena, 0);
  jmp_buf guard;
  if (!tm_arena_guard(&ast->arena, guard)) {
    tm_ast_destroy(ast);
    return tmi_fail_memory(error);
  }
  tm_diags_init(&ast->diags, &ast->arena);
  ast->nodes = tm_map_in(&ast->arena);
  ast->set = tm_modules_create(&ast->arena, &ast->diags);
  ast->module = tm_module_new(ast->set, module_name ? module_name
                                                    : "__main__");
  LEAVE(ast);
  *out = tmi_handle_add(ast, TMI_AST);
  return TM_OK;
}

void tm_ast_destroy(tm_ast *ast) {
  if (!ast || !tmi_handle_drop(ast, TMI_AST, __func__)) return;
  tm_arena_free(&ast->arena);
  tmi_handle_free(ast);
}

/* ---- names and operators ------------------------------------------------ */

static bool is_identifier(const char *text, size_t n) {
  if (!n || (*text >= '0' && *text <= '9')) return false;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    if (!(c == '_' || c >= 0x80 || (c >= '0' && c <= '9') ||
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
      return false;
  }
  return true;
}

static const struct { const char *text; tm_py_op op; } arithmetic[] = {
    {"+", TM_PY_ADD},  {"-", TM_PY_SUB},      {"*", TM_PY_MUL},
    {"/", TM_PY_DIV},  {"//", TM_PY_FLOORDIV}, {"%", TM_PY_MOD},
    {"**", TM_PY_POW}, {"@", TM_PY_MATMUL},   {"&", TM_PY_AND},
    {"|", TM_PY_OR},   {"^", TM_PY_XOR},      {"<<", TM_PY_SHL},
    {">>", TM_PY_SHR},
}, comparisons[] = {
    {"==", TM_PY_EQ}, {"!=", TM_PY_NE}, {"<", TM_PY_LT},
    {"<=", TM_PY_LE}, {">", TM_PY_GT},  {">=", TM_PY_GE},
    {"is", TM_PY_IS}, {"is not", TM_PY_IS_NOT},
    {"in", TM_PY_IN}, {"not in", TM_PY_NOT_IN},
}, unaries[] = {
    {"-", TM_PY_NEG}, {"+", TM_PY_POS}, {"~", TM_PY_INVERT},
    {"not", TM_PY_NOT},
};

#define FIND_OP(table, name, out) \
  find_op(table, TM_COUNT(table), sizeof *(table), name, out)

static bool find_op(const void *table, size_t count, size_t size,
                    const char *name, tm_py_op *out) {
  for (size_t i = 0; name && i < count; i++) {
    const struct { const char *text; tm_py_op op; } *row =
        (const void *)((const char *)table + i * size);
    if (strcmp(row->text, name)) continue;
    *out = row->op;
    return true;
  }
  return false;
}

static tm_expr *make(tm_ast *ast, tm_expr_kind kind) {
  return tm_expr_new(ast->set, kind, nowhere);
}

/* Nodes of an expression's tree; those not in the map are leaves. */
static uint64_t nodes_of(const tm_ast *ast, const tm_expr *e) {
  uint64_t n = 1;
  if (e) tm_map_get(&ast->nodes, TM_KEY(e), &n);
  return e ? n : 0;
}

static void adopt(tm_ast *ast, tm_expr *e, const tm_expr *child,
                  uint64_t *nodes) {
  if (!child) return;
  *nodes += nodes_of(ast, child);
  if (child->depth >= TM_AST_MAX_DEPTH)
    mistake(ast, "an expression is more than %d operations deep",
            TM_AST_MAX_DEPTH);
  else if (child->depth >= e->depth)
    e->depth = (uint16_t)(child->depth + 1);
}

/* Every expression that has others in it goes out through here. */
static tm_expr *grown(tm_ast *ast, tm_expr *e) {
  if (!e || ast->mistake[0]) return NULL;
  uint64_t nodes = 1;
  if (!tm_expr_has_children(e)) return e;
  for (int i = 0; i < 3; i++) adopt(ast, e, e->a[i], &nodes);
  for (uint32_t i = 0; i < e->items.len; i++)
    adopt(ast, e, e->items.data[i], &nodes);
  for (uint32_t i = 0; e->kind == TM_EXPR_CALL && i < e->keywords.len; i++)
    adopt(ast, e, e->keywords.data[i].value, &nodes);
  if (nodes > MOST_NODES)
    mistake(ast, "an expression has more than %d parts", MOST_NODES);
  tm_map_put(&ast->nodes, TM_KEY(e), nodes);
  return ast->mistake[0] ? NULL : e;
}

/* Counts what a statement prints. */
static void count_nodes(tm_ast *ast, const tm_expr *e) {
  ast->printed += nodes_of(ast, e);
  if (ast->printed > MOST_NODES)
    mistake(ast, "the module has more than %d parts", MOST_NODES);
}

static tm_expr *plain_name(tm_ast *ast, const char *text, size_t n) {
  if (!is_identifier(text, n)) {
    mistake(ast, "'%.*s' is not a name", (int)(n < 80 ? n : 80), text);
    return NULL;
  }
  tm_expr *e = make(ast, TM_EXPR_NAME);
  e->name = tm_intern(&ast->set->names, text, n);
  return e;
}

tm_expr *tm_ast_name(tm_ast *ast, const char *name) {
  ENTER(ast, return NULL)
  if (!name) mistake(ast, "a name is NULL");
  tm_expr *e = NULL;
  for (const char *part = name; part && !ast->mistake[0];) {
    size_t n = strcspn(part, ".");
    tm_expr *leaf = plain_name(ast, part, n);
    if (!leaf) break;
    if (e) {
      tm_expr *attribute = make(ast, TM_EXPR_ATTRIBUTE);
      attribute->a[0] = e;
      attribute->name = leaf->name;
      e = grown(ast, attribute);
    } else {
      e = leaf;
    }
    part = part[n] ? part + n + 1 : NULL;
  }
  LEAVE(ast);
  return ast->mistake[0] ? NULL : e;
}

/* ---- literals ----------------------------------------------------------- */

static tm_expr *negated(tm_ast *ast, tm_expr *x) {
  tm_expr *e = make(ast, TM_EXPR_UNARY);
  e->op = TM_PY_NEG;
  e->a[0] = x;
  return grown(ast, e);
}

tm_expr *tm_ast_int(tm_ast *ast, int64_t value) {
  ENTER(ast, return NULL)
  tm_expr *e = make(ast, TM_EXPR_INT);
  e->u.i = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (value < 0) e = negated(ast, e);
  LEAVE(ast);
  return e;
}

static tm_expr *string_of(tm_ast *ast, const char *text) {
  tm_expr *e = make(ast, TM_EXPR_STRING);
  size_t n = strlen(text);
  e->text = (tm_str){tm_strndup(&ast->arena, text, n), n};
  return e;
}

tm_expr *tm_ast_float(tm_ast *ast, double value) {
  ENTER(ast, return NULL)
  tm_expr *e;
  if (isfinite(value)) {
    e = make(ast, TM_EXPR_FLOAT);
    e->u.f = fabs(value);
  } else {
    e = make(ast, TM_EXPR_CALL);
    e->a[0] = plain_name(ast, "float", 5);
    tm_push(&ast->arena, &e->items,
            string_of(ast, isnan(value) ? "nan" : "inf"));
  }
  if (signbit(value) && !isnan(value)) e = negated(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_string(tm_ast *ast, const char *text) {
  ENTER(ast, return NULL)
  if (!text) mistake(ast, "a string is NULL");
  tm_expr *e = text ? string_of(ast, text) : NULL;
  LEAVE(ast);
  return e;
}

static tm_expr *constant(tm_ast *ast, tm_expr_kind kind) {
  ENTER(ast, return NULL)
  tm_expr *e = make(ast, kind);
  LEAVE(ast);
  return e;
}
tm_expr *tm_ast_bool(tm_ast *ast, int value) {
  return constant(ast, value ? TM_EXPR_TRUE : TM_EXPR_FALSE);
}
tm_expr *tm_ast_none(tm_ast *ast) { return constant(ast, TM_EXPR_NONE); }

/* ---- operators, calls --------------------------------------------------- */

/* False when an operand that must be there is NULL: its own maker has
 * already said why, or the caller passed NULL. */
static bool present(tm_ast *ast, const tm_expr *e, const char *what) {
  if (!e) mistake(ast, "%s is NULL", what);
  return e != NULL;
}

tm_expr *tm_ast_unary(tm_ast *ast, const char *op, tm_expr *x) {
  ENTER(ast, return NULL)
  tm_expr *e = NULL;
  tm_py_op found;
  if (!FIND_OP(unaries, op, &found))
    mistake(ast, "'%s' is not a unary operator", op ? op : "(null)");
  else if (present(ast, x, "an operand")) {
    e = make(ast, TM_EXPR_UNARY);
    e->op = found;
    e->a[0] = x;
  }
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

static tm_expr *join(tm_ast *ast, tm_expr_kind kind, tm_expr *x, tm_expr *y) {
  tm_expr *e = make(ast, kind);
  tm_push(&ast->arena, &e->items, x);
  tm_push(&ast->arena, &e->items, y);
  return e;
}

static tm_expr *binary_of(tm_ast *ast, const char *op, tm_expr *x,
                          tm_expr *y) {
  tm_py_op found;
  if (op && !strcmp(op, "and")) return join(ast, TM_EXPR_AND, x, y);
  if (op && !strcmp(op, "or")) return join(ast, TM_EXPR_OR, x, y);
  if (FIND_OP(comparisons, op, &found)) {
    tm_expr *e = join(ast, TM_EXPR_COMPARE, x, y);
    e->ops = TM_NEW(&ast->arena, tm_py_op);
    e->ops[0] = found;
    return e;
  }
  if (FIND_OP(arithmetic, op, &found)) {
    tm_expr *e = make(ast, TM_EXPR_BINARY);
    e->op = found;
    e->a[0] = x;
    e->a[1] = y;
    return e;
  }
  mistake(ast, "'%s' is not a binary operator", op ? op : "(null)");
  return NULL;
}

tm_expr *tm_ast_binary(tm_ast *ast, const char *op, tm_expr *x, tm_expr *y) {
  ENTER(ast, return NULL)
  tm_expr *e = NULL;
  if (present(ast, x, "the left operand") &&
      present(ast, y, "the right operand"))
    e = binary_of(ast, op, x, y);
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_select(tm_ast *ast, tm_expr *condition, tm_expr *yes,
                       tm_expr *no) {
  ENTER(ast, return NULL)
  tm_expr *e = NULL;
  if (present(ast, condition, "the condition") &&
      present(ast, yes, "the first arm") && present(ast, no, "the other arm")) {
    e = make(ast, TM_EXPR_IF);
    e->a[0] = yes;
    e->a[1] = condition;
    e->a[2] = no;
  }
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_attribute(tm_ast *ast, tm_expr *x, const char *name) {
  ENTER(ast, return NULL)
  tm_expr *e = NULL;
  tm_expr *leaf = name ? plain_name(ast, name, strlen(name)) : NULL;
  if (leaf && present(ast, x, "the object")) {
    e = make(ast, TM_EXPR_ATTRIBUTE);
    e->a[0] = x;
    e->name = leaf->name;
  } else {
    mistake(ast, "an attribute needs a name");
  }
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

static bool push_items(tm_ast *ast, tm_expr *e, tm_expr *const *items,
                       size_t n, const char *what) {
  if (n && !items) mistake(ast, "%s are NULL", what);
  for (size_t i = 0; items && i < n; i++) {
    if (!present(ast, items[i], what)) return false;
    tm_push(&ast->arena, &e->items, items[i]);
  }
  return !ast->mistake[0];
}

static tm_expr *tuple_of(tm_ast *ast, tm_expr *const *items, size_t n) {
  tm_expr *e = make(ast, TM_EXPR_TUPLE);
  return push_items(ast, e, items, n, "a tuple's items") ? grown(ast, e)
                                                          : NULL;
}

tm_expr *tm_ast_tuple(tm_ast *ast, tm_expr *const *items, size_t count) {
  ENTER(ast, return NULL)
  tm_expr *e = tuple_of(ast, items, count);
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_subscript(tm_ast *ast, tm_expr *x, tm_expr *const *indices,
                          size_t count) {
  ENTER(ast, return NULL)
  tm_expr *e = NULL;
  if (!count || !indices) mistake(ast, "a subscript needs an index");
  if (present(ast, x, "the object") && count && indices) {
    tm_expr *index = count == 1 ? indices[0] : tuple_of(ast, indices, count);
    if (present(ast, index, "an index")) {
      e = make(ast, TM_EXPR_SUBSCRIPT);
      e->a[0] = x;
      e->a[1] = index;
    }
  }
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_slice(tm_ast *ast, tm_expr *from, tm_expr *to,
                      tm_expr *step) {
  ENTER(ast, return NULL)
  tm_expr *e = make(ast, TM_EXPR_SLICE);
  e->a[0] = from;
  e->a[1] = to;
  e->a[2] = step;
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

tm_expr *tm_ast_call(tm_ast *ast, tm_expr *callee, tm_expr *const *args,
                     size_t n_args, const tm_ast_keyword *keywords,
                     size_t n_keywords) {
  ENTER(ast, return NULL)
  tm_expr *e = make(ast, TM_EXPR_CALL);
  e->a[0] = callee;
  present(ast, callee, "the callee");
  push_items(ast, e, args, n_args, "arguments");
  if (n_keywords && !keywords) mistake(ast, "keywords are NULL");
  for (size_t i = 0; keywords && i < n_keywords && !ast->mistake[0]; i++) {
    const char *name = keywords[i].name ? keywords[i].name : "";
    tm_expr *leaf = plain_name(ast, name, strlen(name));
    if (!leaf || !present(ast, keywords[i].value, "a keyword's value")) break;
    tm_keyword keyword = {leaf->name, keywords[i].value, nowhere};
    tm_push(&ast->arena, &e->keywords, keyword);
  }
  e = grown(ast, e);
  LEAVE(ast);
  return e;
}

/* ---- statements --------------------------------------------------------- */

static open_block *innermost(tm_ast *ast) {
  return ast->open.len ? &ast->open.data[ast->open.len - 1] : NULL;
}

/* Appends to the innermost open block, or to the module. */
static void append(tm_ast *ast, tm_stmt *stmt) {
  ast->printed++;
  count_nodes(ast, stmt->e);
  for (uint32_t i = 0; i < stmt->targets.len; i++)
    count_nodes(ast, stmt->targets.data[i]);
  open_block *block = innermost(ast);
  if (block)
    tm_push(&ast->arena, block->body, stmt);
  else
    tm_push(&ast->arena, &ast->module->body, stmt);
}

static bool in_function(tm_ast *ast, const char *what) {
  if (!ast->open.len) mistake(ast, "%s outside a function", what);
  return ast->open.len != 0;
}

static tm_stmt *new_stmt(tm_ast *ast, tm_stmt_kind kind) {
  return tm_stmt_new(ast->set, kind, nowhere);
}

void tm_ast_function(tm_ast *ast, const char *name, uint32_t flags) {
  ENTER(ast, return)
  tm_expr *leaf = name ? plain_name(ast, name, strlen(name)) : NULL;
  if (!leaf) mistake(ast, "a function needs a name");
  if (ast->open.len) mistake(ast, "a function inside another block");
  if (flags & ~(uint32_t)TM_AST_JIT) mistake(ast, "unknown function flags");
  if (!ast->mistake[0]) {
    tm_function_def *function = TM_NEW(&ast->arena, tm_function_def);
    function->name = leaf->name;
    function->module = ast->module;
    function->is_jit = (flags & TM_AST_JIT) != 0;
    if (function->is_jit) {
      tm_expr *jit = make(ast, TM_EXPR_ATTRIBUTE);
      jit->a[0] = plain_name(ast, "triton", 6);
      jit->name = tm_intern_cstr(&ast->set->names, "jit");
      tm_push(&ast->arena, &function->decorators, jit);
    }
    open_block block = {OPEN_FUNCTION, &function->body, function, NULL};
    tm_push(&ast->arena, &ast->open, block);
  }
  LEAVE(ast);
}

void tm_ast_param(tm_ast *ast, const char *name, tm_expr *annotation,
                  tm_expr *value) {
  ENTER(ast, return)
  open_block *block = innermost(ast);
  tm_expr *leaf = name ? plain_name(ast, name, strlen(name)) : NULL;
  if (!leaf) mistake(ast, "a parameter needs a name");
  if (!block || block->kind != OPEN_FUNCTION || block->body->len)
    mistake(ast, "a parameter must follow its function's opening");
  if (!ast->mistake[0]) {
    tm_param_decl param = {.name = leaf->name,
                           .annotation = annotation,
                           .value = value};
    count_nodes(ast, annotation);
    count_nodes(ast, value);
    tm_push(&ast->arena, &block->function->params, param);
  }
  LEAVE(ast);
}

void tm_ast_assign(tm_ast *ast, tm_expr *target, tm_expr *value) {
  ENTER(ast, return)
  if (present(ast, target, "the target") &&
      present(ast, value, "the assigned value")) {
    tm_stmt *stmt = new_stmt(ast, TM_STMT_ASSIGN);
    tm_push(&ast->arena, &stmt->targets, target);
    stmt->e = value;
    append(ast, stmt);
  }
  LEAVE(ast);
}

void tm_ast_update(tm_ast *ast, const char *op, tm_expr *target,
                   tm_expr *value) {
  ENTER(ast, return)
  tm_py_op found;
  if (!FIND_OP(arithmetic, op, &found))
    mistake(ast, "'%s' is not an operator of assignment", op ? op : "(null)");
  else if (present(ast, target, "the target") &&
           present(ast, value, "the value") && in_function(ast, "op=")) {
    tm_stmt *stmt = new_stmt(ast, TM_STMT_AUGASSIGN);
    stmt->op = found;
    tm_push(&ast->arena, &stmt->targets, target);
    stmt->e = value;
    append(ast, stmt);
  }
  LEAVE(ast);
}

static void simple(tm_ast *ast, tm_stmt_kind kind, tm_expr *e,
                   const char *what) {
  ENTER(ast, return)
  if (in_function(ast, what)) {
    tm_stmt *stmt = new_stmt(ast, kind);
    stmt->e = e;
    append(ast, stmt);
  }
  LEAVE(ast);
}
void tm_ast_do(tm_ast *ast, tm_expr *expression) {
  if (ast && !ast->mistake[0] && present(ast, expression, "the expression"))
    simple(ast, TM_STMT_EXPR, expression, "an expression");
}
void tm_ast_return(tm_ast *ast, tm_expr *value) {
  simple(ast, TM_STMT_RETURN, value, "return");
}

/* Opens the body of an if, for or while. */
static void open_stmt(tm_ast *ast, tm_stmt_kind kind, tm_expr *target,
                      tm_expr *e, const char *what) {
  ENTER(ast, return)
  if (present(ast, e, "a condition or iterable") && in_function(ast, what)) {
    tm_stmt *stmt = new_stmt(ast, kind);
    if (target) tm_push(&ast->arena, &stmt->targets, target);
    stmt->e = e;
    append(ast, stmt);
    if (ast->open.len >= TM_AST_MAX_BLOCKS)
      mistake(ast, "blocks are nested more than %d deep", TM_AST_MAX_BLOCKS);
    open_block block = {OPEN_BODY, &stmt->body, NULL, stmt};
    tm_push(&ast->arena, &ast->open, block);
  }
  LEAVE(ast);
}
void tm_ast_for(tm_ast *ast, tm_expr *target, tm_expr *iterable) {
  if (ast && !ast->mistake[0] && present(ast, target, "the target"))
    open_stmt(ast, TM_STMT_FOR, target, iterable, "for");
}
void tm_ast_while(tm_ast *ast, tm_expr *condition) {
  open_stmt(ast, TM_STMT_WHILE, NULL, condition, "while");
}
void tm_ast_if(tm_ast *ast, tm_expr *condition) {
  open_stmt(ast, TM_STMT_IF, NULL, condition, "if");
}

void tm_ast_else(tm_ast *ast) {
  if (!ast || ast->mistake[0]) return;
  open_block *block = innermost(ast);
  if (!block || block->kind != OPEN_BODY || block->stmt->kind != TM_STMT_IF) {
    mistake(ast, "else without an open if");
    return;
  }
  block->kind = OPEN_ELSE;
  block->body = &block->stmt->orelse;
}

void tm_ast_end(tm_ast *ast) {
  ENTER(ast, return)
  open_block *block = innermost(ast);
  if (!block) {
    mistake(ast, "end without an open block");
  } else {
    if (!block->body->len) { /* an empty block is `pass` */
      tm_stmt *pass = new_stmt(ast, TM_STMT_PASS);
      tm_push(&ast->arena, block->body, pass);
    }
    if (block->kind == OPEN_FUNCTION)
      tm_module_add_function(ast->module, block->function);
    ast->open.len--;
  }
  LEAVE(ast);
}

tm_status tm_ast_finish(tm_module **module, tm_ast *ast, tm_error **error) {
  tmi_begin(error);
  if (!module) return tmi_fail(error, TM_E_ARGUMENT, "module is NULL");
  *module = NULL;
  if (!ast) return tmi_fail(error, TM_E_ARGUMENT, "ast is NULL");
  if (!tmi_handle_is_ok(ast, TMI_AST))
    return tmi_fail_handle(ast, TMI_AST, __func__, error);
  if (ast->open.len) mistake(ast, "a block is still open");
  if (ast->no_memory) return tmi_fail_memory(error);
  if (ast->mistake[0])
    return tmi_fail(error, TM_E_ARGUMENT, "%s", ast->mistake);
  ENTER(ast, return tmi_fail_memory(error))
  tm_buf text = tm_buf_in(&ast->arena);
  tm_ast_print_module(&text, ast->module);
  LEAVE(ast);
  tm_status status =
      tmi_module_open(module, ast->module->name, "<built>",
                      tm_buf_text(&text), text.len, false, error);
  tmi_handle_add(*module, TMI_MODULE);
  return status;
}
