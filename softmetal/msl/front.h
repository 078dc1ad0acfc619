/* SPDX-License-Identifier: MIT */
/*
 * front.h - what the files of the MSL front end share. Not for other folders:
 * their door is tree.h.
 *
 *   msl_lex.c         bytes -> raw tokens
 *   preprocess.c      raw tokens -> tokens: macros, conditions, pragmas
 *   pp_condition.c    the value of an #if
 *   msl_types.c       unique types and the library's type names
 *   msl_names.c       scopes, symbols, library constants
 *   check_fold.c      constant expressions
 *   check_constexpr.c calls of constexpr functions in them
 *   check_convert.c   implicit and explicit conversions
 *   check_operate.c   operators
 *   check_overload.c  calls of the program's functions; the call graph
 *   check_library.c   calls of library functions: builtins.def
 *   check_pack.c      pack_... and unpack_...
 *   msl_expr.c, msl_stmt.c, msl_init.c, msl_decl.c, msl_declarator.c,
 *   msl_struct.c, msl_kernel.c
 *                     one recursive descent that makes the checked tree
 *   msl_log.c         os_log
 *   msl_template.c    templates of the program
 *   msl_traits.c      is_same_v, conditional_t, ...
 *   msl_parse.c       the door: sm_parse
 *   msl_dump.c        the tree as text
 *
 * The parser checks as it goes: a parse function returns a finished node.
 * After an error it returns a node of the error type, which every check
 * accepts in silence, so that one mistake makes one message.
 */
#ifndef SM_MSL_H
#define SM_MSL_H

#include "tree.h"

enum {
  SM_MOST_NESTING = 500,    /* of statements, unary operators, parentheses
                               (which count twice; clang has 256 of them) */
  SM_MOST_HEIGHT = 2000,    /* of an expression tree; see tree.h */
  SM_MOST_TOKENS = 1 << 21, /* after expansion */
  SM_MOST_BUFFERS = 31,     /* argument table of every Apple GPU */
  SM_MOST_TG_BYTES = 32768  /* threadgroup memory of every Apple GPU */
};

/* ---- msl_lex.c ---------------------------------------------------------- */

typedef enum sm_token_kind {
  SM_TK_END, SM_TK_NAME, SM_TK_NUMBER, SM_TK_CHAR, SM_TK_STRING,
  SM_TK_PUNCT, SM_TK_PRAGMA, SM_TK_OTHER /* a byte that begins no token */
} sm_token_kind;

#define SM_PUNCTS(X)                                                        \
  X(LPAREN, "(") X(RPAREN, ")") X(LSQUARE, "[") X(RSQUARE, "]")             \
  X(LBRACE, "{") X(RBRACE, "}") X(COMMA, ",") X(SEMI, ";") X(COLON, ":")    \
  X(SCOPE, "::") X(DOT, ".") X(ELLIPSIS, "...") X(ARROW, "->")              \
  X(QUESTION, "?") X(HASH, "#") X(PASTE, "##") X(PLUS, "+") X(MINUS, "-")   \
  X(STAR, "*") X(SLASH, "/") X(PERCENT, "%") X(AMP, "&") X(PIPE, "|")       \
  X(CARET, "^") X(TILDE, "~") X(BANG, "!") X(ASSIGN, "=") X(LT, "<")        \
  X(GT, ">") X(LE, "<=") X(GE, ">=") X(EQ, "==") X(NE, "!=")                \
  X(ANDAND, "&&") X(OROR, "||") X(SHL, "<<") X(SHR, ">>")                   \
  X(ADD_SET, "+=") X(SUB_SET, "-=") X(MUL_SET, "*=") X(DIV_SET, "/=")       \
  X(REM_SET, "%=") X(AND_SET, "&=") X(OR_SET, "|=") X(XOR_SET, "^=")        \
  X(SHL_SET, "<<=") X(SHR_SET, ">>=") X(INC, "++") X(DEC, "--")

typedef enum sm_punct {
#define SM_ROW(id, text) SM_P_##id,
  SM_PUNCTS(SM_ROW)
#undef SM_ROW
  SM_PUNCT_COUNT
} sm_punct;

/* Words of the language, then those that are refused by name with a reason
 * (see refusals in msl_declarator.c). */
#define SM_KEYWORDS(X)                                                       \
  X(void) X(bool) X(char) X(short) X(int) X(long) X(half) X(bfloat)          \
  X(float) X(signed) X(unsigned) X(const) X(volatile) X(constexpr)           \
  X(static) X(inline) X(device) X(constant) X(threadgroup) X(thread)         \
  X(kernel) X(struct) X(enum) X(class) X(typedef) X(using) X(namespace)      \
  X(auto) X(if) X(else) X(for) X(while) X(do) X(switch) X(case) X(default)   \
  X(break) X(continue) X(return) X(sizeof) X(alignof) X(true) X(false)       \
  X(nullptr) X(static_cast) X(reinterpret_cast) X(const_cast)                \
  X(static_assert) X(METAL_FUNC) X(restrict) X(__restrict)                   \
  X(__attribute__) X(__restrict__) X(coherent) X(__extension__) X(union)     \
  /* refused */                                                              \
  X(double) X(goto) X(new) X(delete) X(virtual) X(template) X(typename)      \
  X(operator) X(this) X(friend) X(try) X(catch) X(throw) X(dynamic_cast)     \
  X(typeid) X(thread_local) X(register) X(noexcept) X(asm) X(__asm)          \
  X(__asm__) X(extern) X(export) X(mutable) X(explicit) X(private)  \
  X(protected) X(public) X(decltype) X(alignas) X(wchar_t) X(char16_t)       \
  X(char32_t) X(vertex) X(fragment) X(ray_data) X(object_data)               \
  X(threadgroup_imageblock) X(visible) X(mesh) X(object)

typedef enum sm_keyword {
  SM_K_NONE, /* an ordinary name */
#define SM_ROW(word) SM_K_##word,
  SM_KEYWORDS(SM_ROW)
#undef SM_ROW
  SM_KEYWORD_COUNT
} sm_keyword;

typedef enum sm_pragma {
  SM_PRAGMA_UNROLL,    /* value as sm_stmt.unroll; SM_UNROLL_COUNT: the tokens
                          "( e )" follow */
  SM_PRAGMA_MATH_MODE, /* value: sm_math_mode */
  SM_PRAGMA_CONTRACT   /* value: 0 off, 1 on, 2 fast */
} sm_pragma;

enum { SM_UNROLL_FULL = -1, SM_UNROLL_COUNT = 0 };

typedef struct sm_token {
  uint8_t kind;    /* sm_token_kind */
  uint8_t punct;   /* PUNCT: sm_punct; PRAGMA: sm_pragma */
  uint8_t keyword; /* NAME, once preprocessed: sm_keyword */
  bool spaced;     /* white space before it */
  bool first;      /* first on its line */
  bool painted;    /* a macro name that may not expand any more */
  bool second;     /* the second '>' of a '>>', which the parser sees as two:
                      it may close two template argument lists */
  uint32_t len;
  int32_t value;   /* PRAGMA */
  tm_loc loc;
  const char *text;
  tm_name name;    /* NAME */
} sm_token;

typedef TM_VEC(sm_token) sm_tokens;

static inline sm_token *sm_tokens_end(const sm_tokens *tokens) {
  return tokens->len ? tokens->data + tokens->len : tokens->data;
}

typedef struct sm_lexer {
  tm_arena *arena;
  tm_diags *diags;
  tm_names *names;
  uint32_t file; /* for locations; 0: all tokens have no place */
} sm_lexer;

/* Appends the raw tokens of text, without an END token. Only an unfinished
 * comment is reported here: text that `#if 0` skips need not be tokens. */
void sm_lex(sm_lexer *lexer, tm_str text, sm_tokens *out);

bool sm_token_is(const sm_token *token, sm_punct punct);

typedef enum sm_number_status {
  SM_NUMBER_OK, SM_NUMBER_BAD, SM_NUMBER_TOO_LARGE, SM_NUMBER_SUFFIX
} sm_number_status;

typedef struct sm_number {
  sm_scalar type; /* by the literal rules of C++ and the suffixes of MSL */
  uint64_t i;
  double f;       /* already rounded to type */
} sm_number;

sm_number_status sm_lex_number(const sm_token *token, sm_number *out);

/* 'x' and its escapes. False if malformed or of several characters. */
bool sm_lex_char(const sm_token *token, int64_t *out);

/* Nearest value of a floating type, ties to even: half, bfloat or float. */
double sm_round_to(sm_scalar type, double x);

/* ---- preprocess.c ------------------------------------------------------- */

typedef struct sm_preprocessed {
  sm_tokens tokens; /* ends with END */
  bool has_stdlib;  /* a metal header was included */
  bool has_logging; /* <metal_logging> was */
  bool has_simd;    /* <simd/simd.h> was */
  bool has_tensor;  /* <metal_tensor> was */
} sm_preprocessed;

/* tensor_header.c: what tensor operations are, as MSL. */
extern const char sm_tensor_header[];

sm_preprocessed sm_preprocess(tm_arena *arena, tm_diags *diags,
                              tm_names *names, tm_str text, uint32_t file,
                              const sm_parse_options *options);

/* ---- pp_condition.c ----------------------------------------------------- */

/* The truth of an #if, after expansion. False after an error, which is
 * reported; loc is the directive's. */
bool sm_evaluate_condition(tm_diags *diags, const sm_tokens *tokens,
                           tm_loc loc);

/* ---- the parser's state ------------------------------------------------- */

typedef enum sm_symbol_kind {
  SM_SYM_VAR, SM_SYM_TYPE, SM_SYM_FUNCTION, SM_SYM_ENUMERATOR,
  SM_SYM_LIBRARY,  /* using metal::name */
  SM_SYM_NAMESPACE,
  SM_SYM_MEMBER,   /* of a struct, found in its methods */
  SM_SYM_TEMPLATE  /* of a struct or an alias */
} sm_symbol_kind;

/* A function with what only the front end needs to know of it. */
typedef struct sm_callable {
  sm_function *function;
  TM_VEC(struct sm_callable *) calls;
  TM_VEC(tm_loc) call_locs;
  TM_VEC(sm_expr *) defaults; /* of parameters; NULL: none. May be short */
  bool has_barrier; /* directly */
  bool is_method;   /* the first parameter is a reference to *this */
  struct sm_instance *pending; /* of a method: its body to come; or NULL */
  uint8_t mark;     /* of the walks over the call graph */
} sm_callable;

typedef struct sm_symbol {
  sm_symbol_kind kind;
  tm_name name;
  tm_name key;                /* in the map: name with its prefix */
  tm_name prefix;             /* NAMESPACE: of the names in it, "a::b::" */
  tm_loc loc;
  uint32_t depth;             /* of its scope; 0: file */
  struct sm_symbol *shadowed; /* same name, outer scope */
  sm_var *var;
  const sm_type *type;        /* TYPE, ENUMERATOR */
  bool is_size_type;          /* TYPE that hides size_t or ptrdiff_t */
  int64_t value;              /* ENUMERATOR */
  TM_VEC(sm_callable *) overloads;
  TM_VEC(struct sm_template *) templates; /* FUNCTION */
  struct sm_template *pattern;/* TEMPLATE; TYPE: the name of an instance in
                                 itself, which is its template's name too */
  bool is_template_param;     /* found before members of open scopes */
  const struct sm_symbol *stands_for; /* FUNCTION that a template parameter
                                 is: the one that was given, */
  const struct sm_template_args *stands_given; /* with these arguments */
} sm_symbol;

/* Enumerators of `enum class` are found through the type. */
typedef struct sm_enumerator {
  tm_name name;
  int64_t value;
} sm_enumerator;

typedef struct sm_enum_info {
  const sm_type *type;
  bool is_scoped;
  bool is_flags; /* mem_flags: | and & are defined */
  TM_VEC(sm_enumerator) list;
} sm_enum_info;

/* A namespace or struct that is open: its names are found unqualified, and
 * declarations at its depth are put into it. */
typedef struct sm_named_scope {
  tm_name prefix;
  uint32_t depth;
  bool is_struct;
  struct sm_named_scope *outer;
  const struct sm_type *type; /* of a struct */
} sm_named_scope;

typedef struct sm_template_arg {
  bool is_set, is_type;
  bool is_given;       /* written in the call: nothing is deduced */
  const sm_type *type; /* the type, or that of the value */
  int64_t value;
  const struct sm_symbol *function; /* or a function, by its name */
  const struct sm_template_args *given; /* f<these>; or NULL */
} sm_template_arg;

typedef struct sm_template_args {
  sm_template_arg *data;
  uint32_t len, cap;
} sm_template_args;

typedef TM_VEC(const sm_type *) sm_types;

typedef struct sm_template_param {
  tm_name name;
  bool is_type, is_function;
  const sm_token *type;      /* of a value or function: its tokens, ended by
                                END */
  const sm_type *signature;  /* of a function, where a typedef gave it */
  const sm_token *otherwise; /* default, likewise; NULL: none */
} sm_template_param;

typedef struct sm_instance {
  struct sm_template *pattern;
  sm_template_args args;
  sm_type *type;           /* of a struct or alias */
  sm_callable *callable;   /* of a function */
  const sm_token *body;    /* at its '{', until it is parsed */
  bool failed;             /* its signature is none for these args */
} sm_instance;

/* The arguments that the parameters of a template are bound to, around a
 * declaration in one of its instances. */
typedef struct sm_bound {
  const struct sm_template *pattern;
  const sm_template_args *args;
  const struct sm_bound *outer;
} sm_bound;

/* A template is its tokens: an instance parses them with the parameters bound
 * to arguments. See msl_template.c. */
typedef enum sm_template_kind {
  SM_TEMPLATE_FUNCTION, SM_TEMPLATE_STRUCT, SM_TEMPLATE_ALIAS
} sm_template_kind;

typedef struct sm_template {
  sm_template_kind kind;
  tm_name name;
  tm_loc loc;
  TM_VEC(sm_template_param) params;
  const sm_token *tokens;  /* after template <...>, ended by END */
  const sm_token *tokens_from; /* where these were copied from */
  uint32_t n_tokens;
  TM_VEC(const sm_token *) patterns; /* parameters of a function, each ended
                                        by END */
  uint32_t required;       /* of these, how many have no default */
  sm_named_scope *scope;   /* open where it was declared */
  const sm_bound *around;  /* the instances that it was declared in */
  const sm_type *method_of;/* FUNCTION in a struct: that struct */
  TM_VEC(sm_instance *) instances;
  TM_VEC(struct sm_template *) specials; /* template <> struct S<...> */
  sm_template_args special_args;       /* without parameters of its own */
  TM_VEC(const sm_token *) special_patterns; /* with: template <typename T>
                                          struct S<T, 2>; each ended by END */
} sm_template;

/* What only the front end needs to know of a struct. */
typedef struct sm_struct_info {
  tm_name prefix;              /* of its static members and types */
  TM_VEC(sm_expr *) defaults;  /* of members; NULL: none */
  TM_VEC(bool) const_members;
  TM_VEC(uint32_t) aligns;     /* of members, by alignas; 0: none */
  uint32_t align;              /* of the struct, by alignas */
  bool has_defaults, has_const;
  bool is_array;               /* array<T, n>: one member */
  bool is_function;            /* the type of a function: these */
  const sm_type *result;       /* NULL: not known */
  sm_types params;
  sm_instance *instance;       /* of a template; or NULL */
} sm_struct_info;

typedef struct sm_type_node {
  struct sm_type_node *next; /* equal hash */
  sm_type type;
} sm_type_node;

typedef struct sm_parser {
  tm_arena *arena;
  tm_diags *diags;
  tm_names *names;
  const sm_parse_options *options;
  uint32_t version; /* as __METAL_VERSION__ */
  sm_program *program;
  const sm_token *t; /* next token */
  const sm_token *end;
  bool has_stdlib, has_logging, has_simd, has_tensor;
  bool in_tensor_args; /* of the tensor template: an element type in an address
                          space is the pointer to it */

  /* msl_types.c */
  tm_map types;        /* hash -> sm_type_node */
  tm_map type_names;   /* library name -> sm_type, or 0 for none */
  const sm_type *scalars[SM_SCALARS];
  const sm_type *error_type, *null_type; /* of nullptr */
  const sm_type *simd_vote, *quad_vote;
  const sm_type *log_type; /* of os_log */
  sm_var *default_log;     /* os_log_default; NULL until it is used */
  sm_enum_info *mem_flags, *memory_order, *thread_scope;
  tm_map enums;        /* sm_type -> sm_enum_info */
  tm_map size_structs; /* sm_struct that holds a size_t */
  tm_map structs;      /* sm_struct -> sm_struct_info */
  tm_map array_types;  /* of array<T, n>, by the type T[n] */

  /* msl_names.c */
  tm_map symbols;      /* name -> innermost sm_symbol */
  TM_VEC(sm_symbol *) bound; /* in order of binding, for leaving scopes */
  uint32_t depth;
  uint32_t using_metal;/* depth + 1 of the outermost `using namespace` */
  sm_named_scope *scope;
  uint32_t namespaces; /* open, with or without a name */
  TM_VEC(sm_named_scope) opened; /* by `using namespace`, with the depth */
  tm_map builtins;     /* name -> sm_builtin + 1 */
  tm_map keywords;
  struct {
    tm_name metal, precise, fast, as_type, vec, matrix, simdgroup_matrix,
        packed_vec, atomic, numeric_limits, filled, thread_elements, vote_t, columns,
        all, any, size_t_, ptrdiff_t_, array, size;
  } n;

  /* the function being parsed */
  sm_callable *callable;
  sm_var *self;        /* of a method: *this; NULL */
  TM_VEC(sm_callable *) callables; /* with a body or called */
  uint32_t loops, switches;
  uint32_t nesting;
  bool gave_up; /* nested too deep: the rest is not parsed */
  bool too_high;/* an expression's height was reported */
  bool in_template_args; /* '>' ends the expression */

  /* msl_template.c */
  sm_instance *instance;  /* whose signature is being parsed */
  const sm_bound *around; /* the instances that are being parsed */
  uint32_t instantiating; /* how deep */
  uint32_t instances;     /* made so far */
  const sm_token *bad_template; /* at its '<': reported by a look ahead */
  bool has_broken;        /* the body of an instance has errors */

  /* check_constexpr.c */
  tm_map constexprs;       /* constexpr sm_function -> 1 */
  struct sm_frame *frame;  /* of the call being run; NULL: none */
  uint32_t frame_depth, frame_steps, all_steps;

  /* floating point, by pragma */
  sm_math_mode math;
  bool contract;
} sm_parser;

/* ---- msl_parse.c: tokens and errors ------------------------------------- */

static inline bool sm_at(const sm_parser *p, sm_punct punct) {
  return p->t->kind == SM_TK_PUNCT && p->t->punct == punct;
}
static inline bool sm_at_word(const sm_parser *p, sm_keyword word) {
  return p->t->kind == SM_TK_NAME && p->t->keyword == word;
}
/* The token after the next one; END has itself after it. */
static inline const sm_token *sm_ahead(const sm_parser *p) {
  return p->t < p->end ? p->t + 1 : p->t;
}
static inline void sm_skip(sm_parser *p) {
  if (p->t < p->end) p->t++;
}
static inline bool sm_accept(sm_parser *p, sm_punct punct) {
  if (!sm_at(p, punct)) return false;
  sm_skip(p);
  return true;
}
static inline bool sm_accept_word(sm_parser *p, sm_keyword word) {
  if (!sm_at_word(p, word)) return false;
  sm_skip(p);
  return true;
}
/* Like accept, but reports "expected 'x'" at the right place. */
bool sm_expect(sm_parser *p, sm_punct punct, const char *where);

tm_diag *sm_error(sm_parser *p, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4);
tm_diag *sm_unsupported(sm_parser *p, tm_loc loc, const char *fmt, ...)
    TM_PRINTF(3, 4);
void sm_hint(sm_parser *p, tm_diag *diag, const char *fmt, ...)
    TM_PRINTF(3, 4);

/* Counts one level of nesting; false (with an error) when too deep. Leave
 * with p->nesting-- in either case. */
bool sm_enter(sm_parser *p);

/* At a bracket: skips to after its partner. */
void sm_skip_balanced(sm_parser *p);
/* Skips to after the next ';' or before an unmatched '}' or ')'. */
void sm_recover(sm_parser *p);

/* ---- msl_types.c -------------------------------------------------------- */

void sm_types_init(sm_parser *p);
const sm_type *sm_type_vector(sm_parser *p, sm_scalar scalar, uint32_t n,
                              bool packed); /* n 1: the scalar itself */
const sm_type *sm_type_matrix(sm_parser *p, sm_scalar scalar, uint32_t cols,
                              uint32_t rows);
const sm_type *sm_type_fragment(sm_parser *p, sm_scalar scalar);
const sm_type *sm_type_atomic(sm_parser *p, sm_scalar scalar);
/* NULL if it would be larger than 1 GiB. */
const sm_type *sm_type_array(sm_parser *p, const sm_type *element,
                             uint64_t count);
const sm_type *sm_type_pointer(sm_parser *p, const sm_type *element,
                               sm_space space, bool is_const,
                               bool is_volatile);
const sm_type *sm_type_reference(sm_parser *p, const sm_type *element,
                                 sm_space space, bool is_const,
                                 bool is_volatile);
/* A new struct type; fill the members, then lay it out. */
sm_type *sm_type_struct(sm_parser *p, tm_name name);
sm_struct_info *sm_struct_of(sm_parser *p, const sm_type *type);
/* array<element, count>; NULL if it would be too large. */
const sm_type *sm_type_std_array(sm_parser *p, const sm_type *element,
                                 uint64_t count);
/* Places the members; info (may be NULL) says which are aligned more. */
void sm_type_layout(sm_type *type, const sm_struct_info *info);
sm_enum_info *sm_type_enum(sm_parser *p, tm_name name, sm_scalar underlying);
sm_enum_info *sm_type_enum_info(sm_parser *p, const sm_type *type);

/* The type a name of the Metal library stands for, or NULL. */
const sm_type *sm_type_library(sm_parser *p, tm_name name);

/* Why the type cannot be used with these options; NULL if it can. */
const char *sm_type_unavailable(const sm_parser *p, const sm_type *type);

static inline bool sm_is_integer(sm_scalar s) {
  return s >= SM_BOOL && s <= SM_ULONG;
}
static inline bool sm_is_floating(sm_scalar s) {
  return s == SM_HALF || s == SM_BFLOAT || s == SM_FLOAT;
}
static inline bool sm_is_signed(sm_scalar s) {
  return s == SM_CHAR || s == SM_SHORT || s == SM_INT || s == SM_LONG;
}
static inline bool sm_is_scalar(const sm_type *t) {
  return t->kind == SM_T_SCALAR && t->scalar != SM_VOID;
}
static inline bool sm_is_vector(const sm_type *t) {
  return t->kind == SM_T_VECTOR;
}
uint32_t sm_scalar_size(sm_scalar scalar);
const char *sm_scalar_name(sm_scalar scalar);
const char *sm_space_name(sm_space space);
bool sm_is_void(const sm_type *t);
/* True if an object of type t holds, at any depth, what `has` is true of. */
bool sm_type_holds(const sm_type *t, bool (*has)(const sm_type *));

/* ---- msl_names.c -------------------------------------------------------- */

void sm_names_setup(sm_parser *p);
void sm_scope_enter(sm_parser *p);
void sm_scope_leave(sm_parser *p);
/* The innermost binding of a name; NULL if the program has none. */
sm_symbol *sm_find(sm_parser *p, tm_name name);
/* What is declared as name in the scope that is open here, or as a member
 * of the scope with the given prefix. */
sm_symbol *sm_find_here(sm_parser *p, tm_name name);
sm_symbol *sm_find_in(sm_parser *p, tm_name prefix, tm_name name);
/* a::b::x at t, where a is a namespace of the program: the symbol of x (NULL
 * if there is none), and *t moves to x. At other tokens nothing moves, and
 * the result is that of sm_find. */
sm_symbol *sm_find_at(sm_parser *p, const sm_token **t);
void sm_scope_open(sm_parser *p, sm_named_scope *scope, tm_name prefix,
                   bool is_struct);
void sm_scope_close(sm_parser *p);
/* Binds in the current scope; reports a redefinition. NULL then. */
sm_symbol *sm_bind(sm_parser *p, sm_symbol_kind kind, tm_name name,
                   tm_loc loc);
sm_var *sm_new_var(sm_parser *p, sm_var_kind kind, tm_name name,
                   const sm_type *type, tm_loc loc);
/* May unqualified names mean those of the library here? */
bool sm_library_visible(const sm_parser *p);
/* INFINITY, M_PI_F, INT_MAX, memory_order_relaxed, ...; NULL if none. */
sm_expr *sm_library_constant(sm_parser *p, tm_name name, tm_loc loc);
/* numeric_limits<T>::member; NULL if there is no such member. */
sm_expr *sm_library_limit(sm_parser *p, sm_scalar scalar, tm_name member,
                          bool is_call, tm_loc loc);
/* "use of undeclared identifier", with the nearest name as the hint. */
void sm_undeclared(sm_parser *p, tm_name name, tm_loc loc);

/* ---- check_fold.c ------------------------------------------------------- */

typedef struct sm_value {
  sm_scalar type;
  uint64_t i; /* integers: the value modulo 2^width, sign-extended to 64 */
  double f;   /* floating: exactly representable in type */
} sm_value;

/* a op b in an arithmetic type; comparisons are not among the operators. */
bool sm_fold_values(sm_op op, sm_scalar type, sm_value a, sm_value b,
                    sm_value *out);

/* ---- check_constexpr.c -------------------------------------------------- */

typedef struct sm_frame_var {
  const sm_var *var;
  sm_value value;
} sm_frame_var;

/* The variables of a constexpr function that is being run. */
typedef struct sm_frame {
  TM_VEC(sm_frame_var) vars;
} sm_frame;

bool sm_fold_call(sm_parser *p, const sm_expr *e, sm_value *out);
bool sm_fold_effect(sm_parser *p, const sm_expr *e, sm_value *out);
bool sm_frame_value(sm_parser *p, const sm_var *var, sm_value *out);

/* The value of a scalar constant expression; false if it is none. */
bool sm_fold(sm_parser *p, const sm_expr *e, sm_value *out);
/* An integer or enum constant expression as a signed number. */
bool sm_fold_int(sm_parser *p, const sm_expr *e, int64_t *out);
sm_value sm_value_convert(sm_value v, sm_scalar to);
/* e with every scalar leaf a literal; NULL if it is not constant. */
sm_expr *sm_fold_initializer(sm_parser *p, sm_expr *e);

/* ---- check_convert.c ---------------------------------------------------- */

sm_expr *sm_new_expr(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                     tm_loc loc);
/* A node with operands: every node that has some is made by one of these
 * two, which keep count of the height. The args are shared, not copied. */
sm_expr *sm_node(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                 tm_loc loc, sm_expr *a, sm_expr *b, sm_expr *c);
typedef TM_VEC(sm_expr *) sm_exprs;
sm_expr *sm_node_args(sm_parser *p, sm_expr_kind kind, const sm_type *type,
                      tm_loc loc, const sm_exprs *args);
/* Makes e an lvalue in the place of another. */
void sm_place(sm_expr *e, const sm_expr *object);
sm_expr *sm_literal_int(sm_parser *p, sm_scalar type, uint64_t i, tm_loc loc);
sm_expr *sm_literal_float(sm_parser *p, sm_scalar type, double f, tm_loc loc);
sm_expr *sm_error_expr(sm_parser *p, tm_loc loc);
static inline bool sm_is_error(const sm_parser *p, const sm_expr *e) {
  return e->type == p->error_type;
}
sm_expr *sm_var_ref(sm_parser *p, sm_var *var, tm_loc loc);

/* The value of e: reads lvalues, decays arrays. */
sm_expr *sm_rvalue(sm_parser *p, sm_expr *e);

typedef enum sm_rank { /* of an implicit conversion; larger is better */
  SM_RANK_NONE, SM_RANK_SPLAT, SM_RANK_CONVERSION, SM_RANK_PROMOTION,
  SM_RANK_QUALIFIED, /* exact but for an added const or volatile */
  SM_RANK_EXACT
} sm_rank;

sm_rank sm_rank_of(sm_parser *p, const sm_expr *e, const sm_type *to);
/* Rank of binding a reference of type `ref` to e. */
sm_rank sm_rank_reference(sm_parser *p, const sm_expr *e,
                          const sm_type *ref);
/* e as the argument for a reference that it ranks for: the object, or, where
 * a const thread reference binds to a temporary, the converted value. */
sm_expr *sm_bind_argument(sm_parser *p, sm_expr *e, const sm_type *ref);

/* e as an rvalue of type `to`, by conversions that sm_rank_of allows. */
sm_expr *sm_convert_known(sm_parser *p, sm_expr *e, const sm_type *to);
/* The same, or an error "cannot <what> of type 'to' with an lvalue ...". */
sm_expr *sm_convert(sm_parser *p, sm_expr *e, const sm_type *to,
                    const char *what);
/* Contextual conversion to bool: conditions, !, &&, ||. */
sm_expr *sm_condition(sm_parser *p, sm_expr *e);
/* (T)e, T(e), static_cast, reinterpret_cast. */
typedef enum sm_cast_style {
  SM_CAST_C, SM_CAST_STATIC, SM_CAST_REINTERPRET, SM_CAST_CONST
} sm_cast_style;
sm_expr *sm_explicit_cast(sm_parser *p, sm_expr *e, const sm_type *to,
                          sm_cast_style style, tm_loc loc);
/* T(a, b, c): vectors, matrices, fragments, scalars. */
sm_expr *sm_construct(sm_parser *p, const sm_type *to, const sm_exprs *args,
                      tm_loc loc);
/* What an object without an initialiser starts with, where members have
 * default initialisers; NULL where none has. */
sm_expr *sm_default_value(sm_parser *p, const sm_type *type, tm_loc loc);
const char *sm_value_category(const sm_expr *e); /* "lvalue" or "rvalue" */
/* The type that e has as a value: arrays are pointers. */
const sm_type *sm_value_type(sm_parser *p, const sm_expr *e);
/* &e, without the rules of the operator &. */
sm_expr *sm_address_of(sm_parser *p, sm_expr *e, tm_loc loc);
/* The whole of m.thread_elements(), which is no single object in the tree. */
static inline bool sm_is_whole_elements(const sm_expr *e) {
  return e->kind == SM_THREAD_ELEMENTS && !e->a[1];
}
/* m.thread_elements()[i] of such a node. */
sm_expr *sm_thread_element(sm_parser *p, sm_expr *whole, sm_expr *index);

/* ---- check_operate.c ---------------------------------------------------- */

sm_expr *sm_binary(sm_parser *p, sm_op op, sm_expr *a, sm_expr *b,
                   tm_loc loc);
sm_expr *sm_logical(sm_parser *p, sm_expr_kind kind, sm_expr *a, sm_expr *b,
                    tm_loc loc);
sm_expr *sm_unary(sm_parser *p, sm_punct op, sm_expr *a, tm_loc loc);
sm_expr *sm_step(sm_parser *p, sm_expr_kind kind, sm_op op, sm_expr *a,
                 tm_loc loc);
sm_expr *sm_assign(sm_parser *p, sm_expr *a, sm_expr *b, tm_loc loc);
sm_expr *sm_compound(sm_parser *p, sm_op op, sm_expr *a, sm_expr *b,
                     tm_loc loc);
sm_expr *sm_conditional(sm_parser *p, sm_expr *c, sm_expr *a, sm_expr *b,
                        tm_loc loc);
sm_expr *sm_subscript(sm_parser *p, sm_expr *a, sm_expr *i, tm_loc loc);
sm_expr *sm_deref(sm_parser *p, sm_expr *a, tm_loc loc);
sm_expr *sm_select_member(sm_parser *p, sm_expr *a, tm_name name, tm_loc loc);
const char *sm_op_text(sm_op op);
/* False, with an error, unless e is an lvalue that may be written. */
bool sm_writable(sm_parser *p, const sm_expr *e, tm_loc loc);

/* ---- check_overload.c --------------------------------------------------- */

/* given (may be NULL): explicit template arguments. object: what a method is
 * called on; NULL: nothing. */
sm_expr *sm_call(sm_parser *p, sm_symbol *symbol,
                 const sm_template_args *given, sm_expr *object,
                 sm_exprs *args, tm_loc loc);
/* After the whole text: recursion, undefined callees, barriers. */
void sm_check_calls(sm_parser *p);

/* ---- check_library.c ---------------------------------------------------- */

typedef enum sm_namespace { SM_NS_PLAIN, SM_NS_PRECISE, SM_NS_FAST }
    sm_namespace;

/* The row of a library function by name, or SM_BUILTINS. */
sm_builtin sm_library_function(sm_parser *p, tm_name name);
const char *sm_builtin_name(sm_builtin id);
typedef enum sm_library_fit {
  SM_FIT_NONE, SM_FIT_AMBIGUOUS, SM_FIT_TEMPLATE, SM_FIT_FUNCTION
} sm_library_fit;

/* How a plain call with these args would fit the library's overloads, for a
 * name that the program overloads too; ranks has room for args->len. */
sm_library_fit sm_library_ranks(sm_parser *p, sm_builtin id,
                                const sm_exprs *args, sm_rank *ranks);
sm_expr *sm_library_call(sm_parser *p, sm_builtin id, sm_namespace ns,
                         sm_exprs *args, tm_loc loc);
/* make_filled_simdgroup_matrix<T, 8, 8>(v), simdgroup_matrix<T, 8, 8>(v) */
sm_expr *sm_library_fragment(sm_parser *p, sm_builtin id, const sm_type *type,
                             sm_exprs *args, tm_loc loc);
sm_expr *sm_library_as_type(sm_parser *p, const sm_type *to, sm_expr *e,
                            tm_loc loc);

/* ---- check_pack.c ------------------------------------------------------- */

bool sm_is_packing(sm_builtin id);
sm_expr *sm_library_pack(sm_parser *p, sm_builtin id, sm_exprs *args,
                         tm_loc loc);

/* ---- msl_declarator.c --------------------------------------------------- */

typedef struct sm_attribute {
  tm_name name;
  tm_loc loc;
  bool has_value;
  sm_expr *value;   /* first argument, if it is an expression */
  sm_expr *more[2]; /* of required_threads_per_threadgroup; or NULL */
  const char *text; /* first argument, if it is a string */
} sm_attribute;

typedef TM_VEC(sm_attribute) sm_attributes;

/* What stands before the declarators. */
typedef struct sm_specifiers {
  const sm_type *type; /* NULL: auto, or none given */
  tm_loc loc, space_loc;
  bool is_auto, is_const, is_volatile, is_constexpr, is_static, is_inline;
  bool is_kernel, is_typedef, has_space, is_size_type;
  bool names_type; /* a type was named, perhaps with an error */
  sm_space space;
  uint32_t align;  /* alignas, or 0 */
  sm_attributes attributes;
} sm_specifiers;

typedef struct sm_declarator {
  tm_name name; /* NULL: none */
  tm_loc loc;
  const sm_type *type; /* NULL after auto: see auto_* */
  bool is_const, is_volatile; /* of the object itself */
  bool has_space;      /* of the object itself, not what it points to */
  sm_space space;
  bool is_function;    /* '(' of a parameter list is the next token */
  bool auto_pointer, auto_reference;
  bool unsized;        /* T name[]: the initialiser gives the count */
  sm_attributes attributes;
} sm_declarator;

/* Does the next token begin a declaration (rather than an expression)? */
bool sm_starts_declaration(sm_parser *p);
/* Does it begin a type, as in a cast or sizeof? */
bool sm_starts_type(sm_parser *p);
bool sm_parse_specifiers(sm_parser *p, sm_specifiers *out);
bool sm_parse_declarator(sm_parser *p, const sm_specifiers *specifiers,
                         bool is_param, sm_declarator *out);
/* A type without a name: casts, sizeof, template arguments. */
const sm_type *sm_parse_type_name(sm_parser *p);
void sm_parse_attributes(sm_parser *p, sm_attributes *out);
/* After '<' to after its '>'; NULL if there is none before ';' or '{'. */
const sm_token *sm_after_template(const sm_parser *p, const sm_token *t);
/* At alignas: raises *align to what it asks for. */
void sm_parse_alignas(sm_parser *p, uint32_t *align);
/* [metal::]name[<...>] where it names a type: consumes it. NULL otherwise
 * and nothing is consumed. */
const sm_type *sm_parse_named_type(sm_parser *p, bool *is_size_type);
bool sm_expect_greater(sm_parser *p);
/* Reports a keyword that Metal or this front end refuses. */
bool sm_refused_word(sm_parser *p);

/* ---- msl_decl.c, msl_struct.c, msl_kernel.c ----------------------------- */

void sm_parse_file(sm_parser *p);
/* Declarations to the end, or before the '}' of an open namespace. */
void sm_parse_declarations(sm_parser *p);
/* Declarations in a block; statements are appended to out. */
typedef TM_VEC(sm_stmt *) sm_stmts;
void sm_parse_local(sm_parser *p, sm_stmts *out);
/* Appends a variable that no name in the program means. */
sm_var *sm_declare_hidden(sm_parser *p, const char *name, const sm_type *type,
                          sm_expr *init, sm_stmts *out);
/* Binds the declared variable and appends it, initialised with element. */
void sm_declare_element(sm_parser *p, const sm_specifiers *s,
                        const sm_declarator *d, sm_expr *element,
                        sm_stmts *out);
/* static constexpr constant T name = value; in a struct, after T. */
bool sm_parse_static_member(sm_parser *p, const sm_specifiers *specifiers,
                            sm_declarator *declarator);
/* At '{': an initialiser list for an object of *type; an array without a
 * size gets it (*type is replaced). */
sm_expr *sm_parse_braces(sm_parser *p, const sm_type **type, bool unsized);
void sm_parse_static_assert(sm_parser *p);
void sm_parse_using(sm_parser *p);
void sm_parse_namespace(sm_parser *p);
/* Binds what a typedef declares, to its ';'. */
void sm_parse_typedef(sm_parser *p, const sm_specifiers *specifiers);
const sm_type *sm_parse_struct(sm_parser *p);
/* After the declarator of a method, at its '('. */
bool sm_parse_method(sm_parser *p, const sm_type *type,
                     const sm_specifiers *specifiers, sm_declarator *d);
/* At struct, in an instance: its members become those of type. */
void sm_parse_struct_instance(sm_parser *p, sm_type *type);
/* At the declaration of an instance: its signature, and the body to come. */
void sm_parse_function_instance(sm_parser *p, sm_instance *instance);
/* A parameter list at its '(', to after it: the types. */
bool sm_parse_parameter_types(sm_parser *p, sm_types *out);
/* At T (*name)(...), the type of a function parameter of a template: its
 * result and the types of its parameters. */
bool sm_parse_function_type(sm_parser *p, const sm_type **result,
                            sm_types *params);
/* At the '{' of a function whose parameters are known. */
void sm_parse_definition(sm_parser *p, sm_callable *c);
const sm_type *sm_parse_enum(sm_parser *p);

/* One kernel parameter: kind, index and input are set from attributes. */
void sm_kernel_param(sm_parser *p, sm_var *var,
                     const sm_attributes *attributes, bool is_size_type);
/* Does the attribute make a buffer or a built-in input? */
bool sm_is_input_attribute(tm_name name);
/* An attribute of a parameter of another function: those of kernels mean
 * nothing there and are let pass, as Metal does. */
void sm_plain_param_attribute(sm_parser *p, const sm_attribute *a);
/* What only the whole list of parameters shows. */
void sm_kernel_check(sm_parser *p, sm_function *f);
void sm_function_attributes(sm_parser *p, sm_function *f,
                            const sm_attributes *attributes,
                            bool *is_kernel);

/* ---- msl_template.c ----------------------------------------------------- */

/* At template: a declaration or an explicit instantiation, to its end. */
void sm_parse_template(sm_parser *p);
/* name<...> at '<' after the name of a struct or alias template. */
const sm_type *sm_parse_template_id(sm_parser *p, sm_template *t, tm_loc loc);
/* <a, b, ...>: at '<'. False (reported) if they are no arguments. */
bool sm_parse_template_args(sm_parser *p, sm_template_args *out);
/* The type of a function, for decltype and typedef; result NULL: unknown. */
const sm_type *sm_function_type(sm_parser *p, const sm_type *result,
                                const sm_types *params);
/* decltype(f<...>), at what follows f. */
const sm_type *sm_parse_function_decltype(sm_parser *p, sm_symbol *s,
                                          tm_loc loc);
/* The instance of a function template that a call with these arguments means,
 * explicit ones first; NULL if there is none. Only its signature is parsed. */
sm_instance *sm_deduce_instance(sm_parser *p, sm_template *t,
                                const sm_template_args *given,
                                const sm_exprs *args, tm_loc loc);
/* The place of a body that is parsed later: see sm_callable.pending. */
sm_instance *sm_pending_body(sm_parser *p, sm_callable *c);
/* Parses the body of a method, once. */
void sm_define_method(sm_parser *p, sm_callable *c, tm_loc loc);
/* Parses the body of an instance that is called, once. */
void sm_define_instance(sm_parser *p, sm_instance *instance, tm_loc loc);
/* Is a better fit for a call than b, by the form of their parameters? */
bool sm_more_specialized(sm_parser *p, const sm_template *a,
                         const sm_template *b);

/* ---- msl_traits.c ------------------------------------------------------- */

bool sm_is_trait(tm_name name);      /* is_same_v, ... */
bool sm_is_type_trait(tm_name name); /* conditional_t, enable_if_t */
/* After the name, at '<'. */
sm_expr *sm_parse_trait(sm_parser *p, tm_name name, tm_loc loc);
const sm_type *sm_parse_type_trait(sm_parser *p, tm_name name, tm_loc loc);

/* ---- msl_log.c ---------------------------------------------------------- */

/* The type os_log; NULL unless <metal_logging> and MSL 3.2 give it. */
const sm_type *sm_log_type(sm_parser *p);
/* ("subsystem", "category") after the name of an os_log; NULL (reported). */
sm_log *sm_parse_logger(sm_parser *p);
/* logger.method("format", ...): after '('. */
sm_expr *sm_parse_log(sm_parser *p, const sm_expr *logger, tm_name method,
                      tm_loc loc);

/* ---- msl_stmt.c, msl_expr.c --------------------------------------------- */

sm_stmt *sm_parse_block(sm_parser *p); /* at '{'; makes a scope */
sm_stmt *sm_parse_body(sm_parser *p);  /* of a function: no new scope */
sm_expr *sm_parse_expr(sm_parser *p);
sm_expr *sm_parse_assignment(sm_parser *p);
/* A constant in template arguments: stops at '>' and ','. */
sm_expr *sm_parse_template_constant(sm_parser *p);
bool sm_parse_arguments(sm_parser *p, sm_exprs *out); /* after '(' to ')' */

#endif
