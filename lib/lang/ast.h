/* SPDX-License-Identifier: MIT */
/*
 * ast.h - Python source as a tree, and modules of it.
 *
 * Whole files are read. The tree covers the expressions and statements that
 * kernels, their helpers and the module code around them (constants,
 * autotune configurations, heuristics) are made of, and everything else of
 * Python 3.6 to 3.14, so that a printed module is the module that was read.
 *
 *   tokens (token.c) -> tree (parse_*.c) -> module (module.c)
 *   C builder calls (build_ast.c) ------> the same tree
 *   tree -> Triton source (print_ast.c); tree = tree (equal_ast.c)
 *
 * Nodes are immutable once built and live in the module's arena. Names are
 * interned in the module: equal names are equal pointers within one module
 * set (all modules added to one tm_modules share the table).
 *
 * A node's loc is where its first token starts, as in Python's own ast (an
 * opening bracket around the whole is not part of it, but of a tuple); only
 * tm_function_def.loc is the name, and an IF's that was written `elif` is the
 * elif. Recursion over a tree is bounded: no expression is deeper than
 * TM_AST_MAX_DEPTH, no more than TM_AST_MAX_ELIFS IFs hang on one another's
 * orelse, and blocks nest TM_AST_MAX_BLOCKS deep.
 */
#ifndef TM_AST_H
#define TM_AST_H

#include "../base/base.h"

enum {
  TM_AST_MAX_NESTING = 200, /* brackets in one another; as CPython */
  TM_AST_MAX_DEPTH = 1000,  /* expressions, chains such as a + b + ... too */
  TM_AST_MAX_BLOCKS = 100,  /* indented blocks in one another; as CPython */
  TM_AST_MAX_ELIFS = 1000   /* elif branches of one if */
};

/* ---- expressions -------------------------------------------------------- */

typedef enum tm_expr_kind {
  TM_EXPR_NAME,      /* name */
  TM_EXPR_INT,       /* i; big when it does not fit 64 bits: then u is wrapped
                        and text is the literal without underscores */
  TM_EXPR_FLOAT,     /* f */
  TM_EXPR_COMPLEX,   /* f: the imaginary part */
  TM_EXPR_STRING,    /* text: decoded to UTF-8, implicit concatenation joined;
                        see has_named_escapes */
  TM_EXPR_BYTES,     /* text */
  TM_EXPR_FSTRING,   /* items: STRING pieces and FORMATTED; a t-string when
                        is_template */
  TM_EXPR_FORMATTED, /* {a[0]!conversion:spec}; format is the conversion and
                        format spec as written ("!r:>{n}"), conversion its
                        letter or 0, items the pieces of the spec, has_spec.
                        `{x=}` is read as a piece "x=" and {x!r} */
  TM_EXPR_TRUE, TM_EXPR_FALSE, TM_EXPR_NONE, TM_EXPR_ELLIPSIS,
  TM_EXPR_TUPLE, TM_EXPR_LIST, TM_EXPR_SET, /* items */
  TM_EXPR_DICT,      /* items: key, value, key, value ...; key NULL: **value */
  TM_EXPR_UNARY,     /* op; a[0] */
  TM_EXPR_BINARY,    /* op; a[0], a[1] */
  TM_EXPR_COMPARE,   /* items: n+1 operands; ops: n operators (chained) */
  TM_EXPR_AND, TM_EXPR_OR, /* items: 2 or more */
  TM_EXPR_IF,        /* a[0] if a[1] else a[2] */
  TM_EXPR_CALL,      /* a[0](items, keywords) */
  TM_EXPR_ATTRIBUTE, /* a[0].name */
  TM_EXPR_SUBSCRIPT, /* a[0][a[1]]; several indices make a[1] a TUPLE */
  TM_EXPR_SLICE,     /* a[0]:a[1]:a[2], each may be NULL; in subscripts */
  TM_EXPR_STARRED,   /* *a[0] */
  TM_EXPR_WALRUS,    /* a[0] := a[1] */
  TM_EXPR_LAMBDA,    /* params; a[0] */
  TM_EXPR_COMPREHENSION, /* a[0] (and a[1] for dicts) for clauses; which of
                        list, set, dict, generator is in op */
  TM_EXPR_AWAIT, TM_EXPR_YIELD /* a[0] may be NULL, is_from; host code only */
} tm_expr_kind;

typedef enum tm_py_op {
  TM_PY_ADD, TM_PY_SUB, TM_PY_MUL, TM_PY_DIV, TM_PY_FLOORDIV, TM_PY_MOD,
  TM_PY_POW, TM_PY_MATMUL, TM_PY_AND, TM_PY_OR, TM_PY_XOR, TM_PY_SHL,
  TM_PY_SHR,                                         /* BINARY, AUGASSIGN */
  TM_PY_NEG, TM_PY_POS, TM_PY_INVERT, TM_PY_NOT,     /* UNARY */
  TM_PY_EQ, TM_PY_NE, TM_PY_LT, TM_PY_LE, TM_PY_GT, TM_PY_GE,
  TM_PY_IS, TM_PY_IS_NOT, TM_PY_IN, TM_PY_NOT_IN,    /* COMPARE */
  TM_PY_LIST_COMP, TM_PY_SET_COMP, TM_PY_DICT_COMP, TM_PY_GENERATOR
} tm_py_op;

typedef struct tm_keyword {
  tm_name name;          /* NULL: **value */
  struct tm_expr *value;
  tm_loc loc;
} tm_keyword;

typedef struct tm_param_decl {
  tm_name name;
  struct tm_expr *annotation, *value; /* value: the default; or NULL */
  uint8_t star;          /* 1: *name, 2: **name */
  bool keyword_only;     /* after * */
  bool positional_only;  /* before / */
  tm_loc loc;
} tm_param_decl;

/* Also type parameters, [T: bound = default, *Ts, **P]: the bound is the
 * annotation. */
typedef TM_VEC(tm_param_decl) tm_params;
typedef TM_VEC(tm_keyword) tm_keywords;
typedef TM_VEC(struct tm_expr *) tm_exprs;

typedef struct tm_comp_clause { /* for target in iter [if conditions] */
  struct tm_expr *target, *iter;
  tm_exprs conditions;
  bool is_async;
} tm_comp_clause;

/* Modules hold millions of these, so what no kind has at once shares memory,
 * and leaves end after text. Code that handles every kind alike must ask
 * tm_expr_has_children first. Only tm_expr_new allocates them. */
typedef struct tm_expr {
  tm_expr_kind kind : 8;
  tm_py_op op : 8;
  unsigned depth : 16;    /* of the tree below, 1 for a leaf; kept by the
                             parser only */
  tm_loc loc;
  bool big : 1;
  bool is_from : 1;       /* YIELD: yield from */
  bool is_template : 1;   /* FSTRING */
  bool has_spec : 1;      /* FORMATTED: a ':' is there */
  bool has_named_escapes : 1; /* STRING: the text has \N{...} as written, and
                             for that its backslashes are doubled */
  char conversion;        /* FORMATTED: 'r', 's', 'a' or 0 */
  union {
    tm_name name;
    union { uint64_t i; double f; } u; /* of numbers */
  };
  union {
    struct tm_expr *a[3];
    tm_str text;          /* of the kinds without children */
  };
  tm_exprs items;
  union {
    tm_py_op *ops;        /* COMPARE */
    tm_keywords keywords; /* CALL */
    tm_params params;     /* LAMBDA */
    TM_VEC(tm_comp_clause) clauses; /* COMPREHENSION */
    tm_str format;        /* FORMATTED */
  };
} tm_expr;

/* The kinds that are leaves have no a, items or what follows: not even
 * memory for them. */
static inline bool tm_expr_has_children(const tm_expr *e) {
  switch (e->kind) {
  case TM_EXPR_NAME: case TM_EXPR_INT: case TM_EXPR_FLOAT:
  case TM_EXPR_COMPLEX: case TM_EXPR_STRING: case TM_EXPR_BYTES:
  case TM_EXPR_TRUE: case TM_EXPR_FALSE: case TM_EXPR_NONE:
  case TM_EXPR_ELLIPSIS: return false;
  default: return true;
  }
}

/* ---- statements --------------------------------------------------------- */

typedef enum tm_stmt_kind {
  TM_STMT_EXPR,      /* e */
  TM_STMT_ASSIGN,    /* targets = e (a = b = e has two targets) */
  TM_STMT_AUGASSIGN, /* targets[0] op= e */
  TM_STMT_ANNASSIGN, /* targets[0]: annotation = e (e may be NULL) */
  TM_STMT_RETURN,    /* e or NULL */
  TM_STMT_IF,        /* e; body; orelse (elif is a nested IF) */
  TM_STMT_FOR,       /* for targets[0] in e; body; orelse */
  TM_STMT_WHILE,     /* e; body; orelse */
  TM_STMT_PASS, TM_STMT_BREAK, TM_STMT_CONTINUE,
  TM_STMT_ASSERT,    /* e, message in e2 or NULL */
  TM_STMT_RAISE,     /* e or NULL, cause in e2 */
  TM_STMT_IMPORT,    /* imports: import a.b as c, ... */
  TM_STMT_IMPORT_FROM, /* from (dots)module import imports */
  TM_STMT_FUNCTION,  /* function */
  TM_STMT_CLASS,     /* name; items: bases; definition; body */
  TM_STMT_WITH,      /* items: context expressions, targets: one each, may be
                        NULL; body */
  TM_STMT_TRY,       /* body; blocks: each handler's, then else's, then
                        finally's, empty when absent; items: the handlers'
                        exception types, targets: the names they bind, each
                        may be NULL; is_star for except* */
  TM_STMT_DELETE,    /* targets */
  TM_STMT_GLOBAL, TM_STMT_NONLOCAL, /* targets: NAMEs */
  TM_STMT_MATCH,     /* e is the subject; blocks: the cases' bodies; items:
                        pattern, guard or NULL, pattern, guard ... A pattern
                        is spelled with expressions: NAME binds ("_" does
                        not), LIST of patterns, STARRED, DICT, CALL, p | q as
                        BINARY, and `p as n` as WALRUS n, p */
  TM_STMT_TYPE_ALIAS /* type name[definition->type_params] = e */
} tm_stmt_kind;

typedef struct tm_import {
  tm_name path;   /* "triton.language", or the imported name after from */
  tm_name alias;  /* the name bound here; "*" for star imports */
  bool has_as;    /* the alias is written; `import a.b` binds a */
  tm_loc loc;
} tm_import;

typedef TM_VEC(struct tm_stmt *) tm_stmts;

/* What only classes and type aliases have. */
typedef struct tm_definition {
  tm_exprs decorators;    /* outermost first */
  tm_keywords keywords;   /* class C(metaclass=M) */
  tm_params type_params;
} tm_definition;

typedef struct tm_function_def {
  tm_name name;
  tm_params params, type_params;
  struct tm_expr *returns;         /* annotation or NULL */
  tm_exprs decorators;             /* outermost first */
  tm_stmts body;
  bool is_async;
  bool is_jit;        /* a decorator (or name = triton.jit(f)) makes it a
                         device function; see module.c for what counts */
  bool is_debug;      /* jit(debug=True) */
  struct tm_module *module;
  tm_loc loc;         /* of the name */
  tm_loc end;         /* first line after it */
} tm_function_def;

typedef struct tm_stmt {
  tm_stmt_kind kind : 8;
  tm_py_op op : 8;
  tm_loc loc;
  tm_name name;
  uint32_t dots;                 /* IMPORT_FROM: leading dots */
  bool is_async;                 /* FOR, WITH */
  bool is_star;                  /* TRY: except* */
  bool has_walrus;               /* := outside lambdas in its expressions */
  struct tm_expr *e, *e2, *annotation;
  tm_exprs targets, items;       /* targets: what it binds or deletes */
  TM_VEC(tm_import) imports;
  tm_stmts body, orelse;
  TM_VEC(tm_stmts) blocks;
  tm_function_def *function;
  tm_definition *definition;
  struct tm_stmt *parent;        /* the statement whose block it is in; NULL at
                                    the top level */
} tm_stmt;

/* ---- modules ------------------------------------------------------------ */

/* A relative import of a module, resolved. */
typedef struct tm_relative {
  uint32_t dots;
  const char *path, *absolute; /* absolute: NULL when it has too many dots */
} tm_relative;

typedef struct tm_module {
  tm_name name;          /* dotted, as imports name it: "pkg.ops.norm" */
  bool is_package;       /* an __init__.py: relative imports start at it */
  uint32_t file;         /* in the diagnostics' sources */
  tm_stmts body;         /* top-level statements in order */
  TM_VEC(tm_function_def *) functions; /* every def at module level, also
                            inside if/try/else, in source order */
  tm_map bindings;       /* name -> index into `binders` of the last
                            module-level statement that binds it */
  TM_VEC(tm_stmt *) binders; /* every binding, in source order; del too */
  TM_VEC(uint32_t) earlier;  /* for each of binders: index plus one of the
                            one before it that binds the same name, or 0 (a
                            name set in both branches of an if has two) */
  TM_VEC(tm_stmt *) imports; /* IMPORT and IMPORT_FROM at module level, also
                            inside if/try/with; star imports are only here */
  TM_VEC(tm_relative) relatives;
  TM_VEC(tm_function_def *) all_functions; /* also methods and nested ones */
  uint32_t errors;       /* syntax errors in this file */
  struct tm_modules *owner;
} tm_module;

enum { TM_CUSTOM_MAX_ARGS = 8 };

/* An operation of the host's own, for tl.custom(name, ...). */
typedef struct tm_custom {
  tm_name name;
  tm_module *module;   /* Triton: has the function name; NULL: MSL */
  tm_str text;         /* MSL: defines the function name */
  const char *signature; /* MSL: as given */
  uint32_t n_args;
  char types[TM_CUSTOM_MAX_ARGS + 1][8]; /* the result's, the arguments' */
} tm_custom;

/* A set of modules that may import each other. Owned by the arena. */
typedef struct tm_modules {
  tm_arena *arena;
  tm_diags *diags;       /* syntax errors of all of them */
  tm_names names;
  TM_VEC(tm_module *) list;
  TM_VEC(tm_custom) customs;
} tm_modules;

/* ---- custom_op.c -------------------------------------------------------- */

const tm_custom *tm_custom_find(const tm_modules *set, const char *name);
/* Reads "fp32(fp32, i32)" into types and n_args; what is wrong with it, or
 * NULL. */
const char *tm_custom_signature(const char *text, tm_custom *out);
/* What is wrong with the MSL of a function of elements, or NULL. In arena. */
const char *tm_custom_text(tm_arena *arena, const char *name, tm_str text);

/* ---- module.c ----------------------------------------------------------- */

tm_modules *tm_modules_create(tm_arena *arena, tm_diags *diags);

/* Parses one file into a module. name is its dotted import name, file_name
 * what diagnostics show. Syntax errors go to diags; the module is returned
 * all the same, with what could be read, and found by tm_modules_find. Any
 * bytes are fine. Text is borrowed: it must outlive the set. A file_name that
 * ends in __init__.py makes it a package. A module of the same name that is
 * in the set already is replaced. */
tm_module *tm_module_parse_text(tm_modules *set, const char *name,
                                const char *file_name, tm_str text);
/* The same for a package, whatever its file is called. */
tm_module *tm_module_parse_package(tm_modules *set, const char *name,
                                   const char *file_name, tm_str text);
tm_module *tm_modules_find(const tm_modules *set, const char *name);

/* The device function of that name in the module: jit functions, names bound
 * to jit(f), and names of those, also imported from modules of the set; NULL.
 * Threads: only reads. */
tm_function_def *tm_module_kernel(const tm_module *module, const char *name);
/* A kernel of that name inside a function or class, which cannot be compiled
 * (what its names mean depends on the call around it); NULL. */
const tm_function_def *tm_module_inner_kernel(const tm_module *module,
                                              const char *name);
/* The last module-level statement that binds name; NULL. */
const tm_stmt *tm_module_binding(const tm_module *module, tm_name name);
/* "pkg.ops" for `from . import x` (dots 1) inside module pkg.ops.norm; the
 * absolute dotted name of `from ..a import b`. path is "" or NULL when there
 * is none. NULL when there are more dots than packages; but one dot in a
 * module without any package means the files beside it ("a", or "").
 * Threads: for what the module's own statements import it only reads. */
const char *tm_module_absolute(const tm_module *module, uint32_t dots,
                               const char *path);
/* Calls back for every module that this one imports and the set lacks,
 * excluding triton and its parts, so that a caller can find their files; once
 * each. `from m import x` asks for m, and for m.x unless m is there and binds
 * x to something else: x may be a submodule. `import a.b` asks for a too. */
void tm_module_missing_imports(const tm_module *module,
                               void (*found)(void *, const char *absolute),
                               void *payload);

/* ---- printing and comparing (print_ast.c) ------------------------------- */

/* Triton source that parses to an equal tree; four-space indents. A tree
 * deeper than the parser's limits, which only a builder can make, prints as
 * text that does not parse. */
void tm_ast_print_function(tm_buf *out, const tm_function_def *function);
void tm_ast_print_module(tm_buf *out, const tm_module *module);
void tm_ast_print_expr(tm_buf *out, const tm_expr *expr);
/* Equal but for positions. The modules may be of different sets. */
bool tm_ast_equal(const tm_function_def *a, const tm_function_def *b);
bool tm_ast_equal_expr(const tm_expr *a, const tm_expr *b);
bool tm_ast_equal_stmt(const tm_stmt *a, const tm_stmt *b);
bool tm_ast_equal_module(const tm_module *a, const tm_module *b);

/* ---- building without text (build_ast.c) -------------------------------- */

/* Plain constructors used by the C ABI's tm_ast_* calls. Everything is
 * allocated in the set's arena. */
tm_expr *tm_expr_new(tm_modules *set, tm_expr_kind kind, tm_loc loc);
tm_stmt *tm_stmt_new(tm_modules *set, tm_stmt_kind kind, tm_loc loc);
/* An empty module to hold built functions; `import triton` and
 * `import triton.language as tl` are in it. */
tm_module *tm_module_new(tm_modules *set, const char *name);
/* Adds a finished function as a module-level statement and binding. */
void tm_module_add_function(tm_module *module, tm_function_def *function);

#endif
