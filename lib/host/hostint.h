/* SPDX-License-Identifier: MIT */
/* hostint.h - values of the host evaluator, shared by the files of lib/host. */
#ifndef TM_HOSTINT_H
#define TM_HOSTINT_H

#include "host.h"

typedef enum host_kind {
  HOST_NONE, HOST_BOOL, HOST_INT, HOST_FLOAT, HOST_TEXT,
  HOST_LIST,     /* lists and tuples: items; lists may grow */
  HOST_DICT,     /* items: key, value, key, value ... */
  HOST_OBJECT,   /* the same, of attributes */
  HOST_LAMBDA,   /* code, frame: the scope it was made in */
  HOST_FUNCTION, /* function: a def of a module */
  HOST_CLASS,    /* definition: the statement */
  HOST_PARTIAL,  /* items[0] the function, bound: arguments that come first */
  HOST_CONFIG,   /* items[0] the dict; num_warps, num_stages, has_hook */
  HOST_NAME,     /* text: a dotted name from outside, "triton.cdiv" */
  HOST_BUFFER    /* an array argument, not None; i: bytes of an element, or 0 */
} host_kind;

typedef struct host_value {
  host_kind kind;
  int64_t i; /* BOOL, INT */
  double f;
  tm_str text;
  TM_VEC(struct host_value *) items;
  const tm_expr *code;
  struct host_frame *frame;
  const tm_function_def *function;
  const tm_stmt *definition;
  const tm_module *module;         /* of definition */
  const struct host_args *bound;
  uint32_t num_warps, num_stages;
  bool has_hook;
} host_value;

typedef struct host_frame {
  struct host_frame *outer;
  const tm_module *module;
  TM_VEC(tm_name) names;
  TM_VEC(host_value *) values;
} host_frame;

/* A name of a module and its value; while that is being computed, frame has
 * what the statements so far made it. */
typedef struct host_global {
  const tm_module *module;
  tm_name name;
  host_frame *frame;
  host_value *value; /* NULL: being computed */
} host_global;

typedef struct host {
  tm_arena *arena;
  tm_diags *diags;
  uint32_t depth; /* of calls and expressions */
  uint32_t steps; /* left before it is called endless */
  TM_VEC(host_global) globals;
} host;

typedef struct host_args {
  host_value *const *items;
  uint32_t n;
  const tm_keyword *keywords;
  uint32_t n_keywords;
  host_value *const *named;
} host_args;

/* NULL after an error was reported. */
host_value *host_eval(host *h, host_frame *frame, const tm_expr *e);
host_value *host_call(host *h, const host_value *callee,
                      host_value *const *args, uint32_t n_args,
                      const tm_keyword *keywords, uint32_t n_keywords,
                      host_value *const *named, tm_loc loc);
host_value *host_new(host *h, host_kind kind);
host_value *host_int(host *h, int64_t i);
host_value *host_bool(host *h, bool b);
host_value *host_float(host *h, double f);
host_value *host_text(host *h, tm_str text);
host_value *host_binary(host *h, tm_py_op op, host_value *a, host_value *b,
                        tm_loc loc);
void host_bind(host *h, host_frame *frame, tm_name name, host_value *v);
bool host_assign(host *h, host_frame *frame, const tm_expr *target,
                 host_value *v);
void host_dict_set(host *h, host_value *dict, host_value *key,
                   host_value *value);
/* The list without repeated items. */
host_value *host_unique(host *h, const host_value *list);
/* As str() would; false for values that have no plain text. */
bool host_print(const host_value *v, tm_buf *out);
/* The arguments of two calls, those of b after those of a. */
host_args host_joined_args(host *h, const host_args *a, const host_args *b);
/* Makes an object of a class that has annotated fields, as dataclasses and
 * NamedTuples have. */
host_value *host_construct(host *h, const host_value *class_,
                           const host_args *args, tm_loc loc);
/* NULL when there is no such argument. */
host_value *host_named(const host_args *args, const char *name);
bool host_truth(const host_value *v);
/* The same, but -1 with an error for a name from outside: nothing is
 * guessed. */
int host_decide(host *h, const host_value *v, tm_loc loc);
bool host_equal(const host_value *a, const host_value *b);
host_value *host_fail(host *h, tm_loc loc, const char *format, ...)
    TM_PRINTF(3, 4);
/* The value of key in a dict; NULL when absent, without an error. */
host_value *host_dict_get(const host_value *dict, const char *key);
/* Calls a function known by its dotted name (host_library.c). */
host_value *host_library(host *h, tm_str name, host_value *const *args,
                         uint32_t n_args, const tm_keyword *keywords,
                         uint32_t n_keywords, host_value *const *named,
                         tm_loc loc);
/* The functions over lists (host_sequence.c). *known is false, and NULL
 * returned, when name is none of them. */
host_value *host_sequence(host *h, const char *name, const host_args *args,
                          tm_loc loc, bool *known);
/* v ordered by keys (a function or NULL). */
host_value *host_sorted(host *h, const host_value *from,
                        const host_value *key, bool reverse, tm_loc loc);

/* ---- host_method.c ---- */

host_value *host_method(host *h, host_value *self, const char *name,
                        const host_args *args, tm_loc loc);
host_value *host_attribute(host *h, host_value *v, const char *name,
                           tm_loc loc);
/* False when v has no such attribute that can be set. */
bool host_set_attribute(host *h, host_value *v, const char *name,
                        host_value *value);

/* ---- host_module.c ---- */

/* "a.b", a name from outside. */
host_value *host_dotted(host *h, const char *a, const char *b);
/* The value that a name has when its module was executed. */
host_value *host_module_value(host *h, const tm_module *module, tm_name name,
                              tm_loc loc);

/* ---- host_stmt.c ---- */

/* Runs one statement at module level; false after an error. */
bool host_run(host *h, host_frame *frame, const tm_stmt *s);
/* The items that iterating v gives; NULL with an error if v cannot be
 * iterated. */
const host_value *host_items(host *h, const host_value *v, tm_loc loc);

#endif
