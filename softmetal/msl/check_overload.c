/* SPDX-License-Identifier: MIT */
/*
 * check_overload.c - calls of the program's own functions.
 *
 * Overload resolution is that of C++ ([over.match]): a function is viable
 * if every argument converts; one viable function is better than another if
 * no argument converts worse and one converts better; the best one must be
 * better than every other, or the call is ambiguous.
 *
 * A function of the program at file scope overloads the library's functions
 * of that name, where `using namespace metal` brings these into view; one in
 * a namespace hides them.
 *
 * Functions are declared before use, so a cycle of calls needs a prototype;
 * the walk at the end finds cycles, callees without a body, and who reaches
 * a barrier. It has its own stack: the chain of calls is as long as the
 * program wants.
 */
#include "front.h"

enum { MOST_CALL_DEPTH = 128 }; /* so that inlining by recursion is safe */

static sm_rank rank_argument(sm_parser *p, const sm_expr *arg,
                             const sm_type *param) {
  if (sm_is_error(p, arg) || param == p->error_type) return SM_RANK_EXACT;
  if (param->kind == SM_T_REFERENCE) return sm_rank_reference(p, arg, param);
  return sm_rank_of(p, arg, param);
}

/* What a call gives: arguments, and what a method is called on, or NULL. */
typedef struct given_args {
  sm_expr *object;
  const sm_exprs *args;
} given_args;

/* The parameter that argument i is for: a method has *this before them. */
static const sm_type *param_of(const sm_callable *c, uint32_t i) {
  return c->function->params.data[i + c->is_method]->type;
}

/* May the call leave out its last parameters? */
static bool takes_count(const sm_callable *c, uint32_t n) {
  uint32_t all = n + c->is_method;
  if (all > c->function->params.len) return false;
  return all == c->function->params.len ||
         (all < c->defaults.len && c->defaults.data[all]);
}

/* A temporary is an object for the methods of thread memory. */
static sm_rank rank_object(sm_parser *p, const sm_callable *c,
                           const sm_expr *object) {
  if (!c->is_method) return SM_RANK_EXACT;
  if (!object) return SM_RANK_NONE;
  const sm_type *self = c->function->params.data[0]->type;
  if (!object->is_lvalue)
    return self->space == SM_THREAD && self->element == object->type
               ? SM_RANK_EXACT : SM_RANK_NONE;
  return sm_rank_reference(p, object, self);
}

static bool is_viable(sm_parser *p, const sm_callable *c,
                      const given_args *call) {
  if (!takes_count(c, call->args->len) ||
      rank_object(p, c, call->object) == SM_RANK_NONE)
    return false;
  for (uint32_t i = 0; i < call->args->len; i++)
    if (rank_argument(p, call->args->data[i], param_of(c, i)) ==
        SM_RANK_NONE)
      return false;
  return true;
}

/* Both are viable. */
static bool is_better(sm_parser *p, const sm_callable *a,
                      const sm_callable *b, const given_args *call) {
  sm_rank u = rank_object(p, a, call->object);
  sm_rank v = rank_object(p, b, call->object);
  bool better = u > v;
  if (u < v) return false;
  for (uint32_t i = 0; i < call->args->len; i++) {
    sm_rank x = rank_argument(p, call->args->data[i], param_of(a, i));
    sm_rank y = rank_argument(p, call->args->data[i], param_of(b, i));
    if (x < y) return false;
    better |= x > y;
  }
  return better;
}

/* The reason why f cannot be called, as a hint. */
static void explain(sm_parser *p, tm_diag *diag, const sm_callable *c,
                    const sm_exprs *args) {
  uint32_t n = c->function->params.len - c->is_method;
  if (!takes_count(c, args->len)) {
    sm_hint(p, diag, "the candidate takes %u argument%s, %u given", n,
            n == 1 ? "" : "s", args->len);
    return;
  }
  for (uint32_t i = 0; i < args->len; i++) {
    const sm_expr *arg = args->data[i];
    const sm_type *param = param_of(c, i);
    if (rank_argument(p, arg, param) != SM_RANK_NONE) continue;
    if (param->kind == SM_T_REFERENCE && !arg->is_lvalue)
      sm_hint(p, diag, "argument %u must be a variable, to bind to '%s'",
              i + 1, param->spelling);
    else if (param->kind == SM_T_REFERENCE)
      sm_hint(p, diag, "'%s' does not bind to argument %u, '%s' in the %s "
              "address space", param->spelling, i + 1, arg->type->spelling,
              sm_space_name(arg->space));
    else
      sm_hint(p, diag, "no known conversion from '%s' to '%s' for argument "
              "%u", sm_value_type(p, arg)->spelling, param->spelling, i + 1);
    return;
  }
}

typedef struct option { /* something that the call may mean */
  sm_callable *callable;
  sm_instance *instance; /* of a template; NULL: an ordinary function */
} option;

typedef TM_VEC(option) options;

static void gather(sm_parser *p, const sm_symbol *symbol,
                   const sm_template_args *given, const given_args *call,
                   tm_loc loc, options *out) {
  for (uint32_t i = 0; !given && i < symbol->overloads.len; i++) {
    option o = {symbol->overloads.data[i], NULL};
    if (is_viable(p, o.callable, call)) tm_push(p->arena, out, o);
  }
  for (uint32_t i = 0; i < symbol->templates.len; i++) {
    sm_instance *made = sm_deduce_instance(p, symbol->templates.data[i], given,
                                           call->args, loc);
    if (!made || !is_viable(p, made->callable, call)) continue;
    option o = {made->callable, made};
    tm_push(p->arena, out, o);
  }
}

/* [over.match.best]: by conversions, then a function before a template, then
 * the more specialized template. */
static bool beats(sm_parser *p, const option *a, const option *b,
                  const given_args *call) {
  const sm_callable *f = a->callable, *g = b->callable;
  if (is_better(p, f, g, call)) return true;
  if (is_better(p, g, f, call)) return false;
  for (uint32_t i = 0; i < call->args->len; i++)
    if (rank_argument(p, call->args->data[i], param_of(f, i)) !=
        rank_argument(p, call->args->data[i], param_of(g, i)))
      return false;
  if (!a->instance || !b->instance) return b->instance != NULL;
  return sm_more_specialized(p, a->instance->pattern, b->instance->pattern);
}

/* The library's functions that a call of the symbol may mean too. */
static sm_builtin rivals(sm_parser *p, const sm_symbol *symbol,
                         const sm_template_args *given) {
  bool merged = !given && !symbol->depth && symbol->key == symbol->name &&
                !symbol->is_template_param && sm_library_visible(p);
  return merged ? sm_library_function(p, symbol->name) : SM_BUILTINS;
}

typedef enum winner { OURS, LIBRARYS, NEITHER } winner;

/* Of the best function of the program (NULL: none is viable) and the
 * library's: [over.match.best] again. */
static winner against_library(sm_parser *p, sm_builtin id, const option *best,
                              const sm_exprs *args) {
  sm_rank *ranks = TM_NEW_ARRAY(p->arena, sm_rank, args->len + 1);
  sm_library_fit fit = sm_library_ranks(p, id, args, ranks);
  if (!best) return LIBRARYS;
  if (fit == SM_FIT_NONE) return OURS;
  const sm_function *f = best->callable->function;
  bool better = false, worse = false, exact = true;
  for (uint32_t i = 0; i < args->len; i++) {
    sm_rank rank = rank_argument(p, args->data[i], f->params.data[i]->type);
    exact &= rank == SM_RANK_EXACT;
    better |= rank > ranks[i];
    worse |= rank < ranks[i];
  }
  if (fit == SM_FIT_AMBIGUOUS) return exact ? OURS : NEITHER;
  if (better != worse) return better ? OURS : LIBRARYS;
  if (better) return NEITHER;
  if (fit == SM_FIT_TEMPLATE) return best->instance ? NEITHER : OURS;
  return best->instance ? LIBRARYS : NEITHER;
}

/* NULL after an error, or, with *library set, where the library's function
 * is meant. */
static sm_callable *resolve(sm_parser *p, const sm_symbol *symbol,
                            const sm_template_args *given,
                            const given_args *call, tm_loc loc,
                            sm_builtin *library) {
  const sm_exprs *args = call->args;
  options list = {0};
  uint32_t errors = p->diags->errors;
  gather(p, symbol, given, call, loc, &list);
  if (p->diags->errors != errors) return NULL;
  const option *best = NULL;
  for (uint32_t i = 0; i < list.len; i++)
    if (!best || beats(p, &list.data[i], best, call)) best = &list.data[i];
  sm_builtin rival = rivals(p, symbol, given);
  winner who = rival == SM_BUILTINS ? OURS
                                    : against_library(p, rival, best, args);
  if (who == LIBRARYS) *library = rival;
  if (who == NEITHER)
    sm_error(p, loc, "call to '%s' is ambiguous", symbol->name);
  if (who != OURS) return NULL;
  if (!best) {
    tm_diag *diag = sm_error(p, loc, "no matching function for call to '%s'",
                             symbol->name);
    if (symbol->overloads.len == 1 && !symbol->templates.len)
      explain(p, diag, symbol->overloads.data[0], args);
    return NULL;
  }
  for (uint32_t i = 0; i < list.len; i++) {
    if (&list.data[i] == best || beats(p, best, &list.data[i], call)) continue;
    sm_error(p, loc, "call to '%s' is ambiguous", symbol->name);
    return NULL;
  }
  if (best->instance) sm_define_instance(p, best->instance, loc);
  sm_define_method(p, best->callable, loc);
  return best->callable;
}

sm_expr *sm_call(sm_parser *p, sm_symbol *symbol,
                 const sm_template_args *given, sm_expr *object,
                 sm_exprs *args, tm_loc loc) {
  if (object && sm_is_error(p, object)) return object;
  for (uint32_t i = 0; i < args->len; i++)
    if (sm_is_error(p, args->data[i])) return sm_error_expr(p, loc);
  sm_builtin library = SM_BUILTINS;
  given_args call = {object, args};
  sm_callable *c = resolve(p, symbol, given, &call, loc, &library);
  if (library != SM_BUILTINS)
    return sm_library_call(p, library, SM_NS_PLAIN, args, loc);
  if (!c) return sm_error_expr(p, loc);
  sm_function *f = c->function;
  if (f->is_kernel) {
    sm_error(p, loc, "kernel function '%s' cannot be called", symbol->name);
    return sm_error_expr(p, loc);
  }
  for (uint32_t i = 0; i < args->len; i++) {
    const sm_type *type = param_of(c, i);
    args->data[i] = type->kind == SM_T_REFERENCE
                        ? sm_bind_argument(p, args->data[i], type)
                        : sm_convert_known(p, args->data[i], type);
  }
  for (uint32_t i = args->len + c->is_method; i < f->params.len; i++)
    tm_push(p->arena, args, c->defaults.data[i]);
  sm_exprs all = {0}; /* with the object before them */
  if (c->is_method) {
    tm_push(p->arena, &all, object->is_lvalue ? object
                                              : sm_rvalue(p, object));
    for (uint32_t i = 0; i < args->len; i++)
      tm_push(p->arena, &all, args->data[i]);
    args = &all;
  }
  sm_expr *e = sm_node_args(p, SM_CALL, f->result, loc, args);
  if (sm_is_error(p, e)) return e;
  e->u.function = f;
  sm_value v;
  if (!p->callable && sm_fold(p, e, &v))
    return sm_is_floating(v.type) ? sm_literal_float(p, v.type, v.f, loc)
                                  : sm_literal_int(p, v.type, v.i, loc);
  if (!p->callable) {
    sm_error(p, loc, "the call of '%s' is no constant expression, as program "
             "scope needs", symbol->name);
    return sm_error_expr(p, loc);
  }
  tm_push(p->arena, &p->callable->calls, c);
  tm_push(p->arena, &p->callable->call_locs, loc);
  return e;
}

/* ---- the call graph --------------------------------------------------- */

enum { UNSEEN, OPEN, DONE };

typedef struct visit {
  sm_callable *callable;
  uint32_t next;  /* call to look at */
  uint32_t depth; /* of the calls below, so far */
} visit;

typedef struct walk {
  TM_VEC(visit) stack;
  tm_map depths; /* sm_callable -> depth of the calls below it */
} walk;

static void finish_visit(walk *w) {
  visit v = w->stack.data[--w->stack.len];
  v.callable->mark = DONE;
  v.callable->function->has_barrier = v.callable->has_barrier;
  tm_map_put(&w->depths, TM_KEY(v.callable), v.depth);
  if (!w->stack.len) return;
  visit *caller = &w->stack.data[w->stack.len - 1];
  caller->callable->has_barrier |= v.callable->has_barrier;
  if (v.depth + 1 > caller->depth) caller->depth = v.depth + 1;
}

static void visit_call(sm_parser *p, walk *w, visit *v) {
  sm_callable *callee = v->callable->calls.data[v->next];
  tm_loc loc = v->callable->call_locs.data[v->next];
  v->next++;
  const char *name = callee->function->name;
  if (!callee->function->body) {
    tm_diag *diag = sm_error(p, loc, "undefined function '%s'", name);
    sm_hint(p, diag, "it is declared, but has no body in this source");
  } else if (callee->mark == OPEN) {
    tm_diag *diag = sm_unsupported(p, loc, "recursion is not supported: '%s' "
                                   "calls itself, perhaps through others",
                                   name);
    sm_hint(p, diag, "use a loop");
  } else if (callee->mark == DONE) {
    uint64_t depth = 0;
    tm_map_get(&w->depths, TM_KEY(callee), &depth);
    v->callable->has_barrier |= callee->has_barrier;
    if (depth + 1 > v->depth) v->depth = (uint32_t)depth + 1;
  } else {
    visit below = {callee, 0, 0};
    callee->mark = OPEN;
    tm_push(p->arena, &w->stack, below);
  }
}

void sm_check_calls(sm_parser *p) {
  walk w = {0};
  w.depths = tm_map_in(p->arena);
  for (uint32_t i = 0; i < p->callables.len; i++) {
    sm_callable *c = p->callables.data[i];
    if (c->mark != UNSEEN) continue;
    visit first = {c, 0, 0};
    c->mark = OPEN;
    tm_push(p->arena, &w.stack, first);
    while (w.stack.len) {
      visit *top = &w.stack.data[w.stack.len - 1];
      if (top->next < top->callable->calls.len)
        visit_call(p, &w, top);
      else
        finish_visit(&w);
    }
    uint64_t depth = 0;
    tm_map_get(&w.depths, TM_KEY(c), &depth);
    if (depth >= MOST_CALL_DEPTH)
      tm_error_at(p->diags, TM_DIAG_LIMIT, c->function->loc,
                  "calls below '%s' are nested more than %d deep",
                  c->function->name, MOST_CALL_DEPTH);
  }
}
