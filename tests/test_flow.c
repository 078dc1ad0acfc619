/* SPDX-License-Identifier: MIT */
/*
 * test_flow.c - control flow means what it means in Python.
 *
 * Programs are made at random out of assignments, if, for, while, break,
 * continue, else of loops and return, nested in one another, over three
 * 32-bit integers. Each is written as a Triton kernel, lowered, evaluated
 * (tests/oracle) before and after the optimizer, and run directly by the small interpreter below, which
 * shares nothing with the compiler. Both must end with the same integers.
 *
 * Some loops are tl.static_range and some conditions are compile-time, so that
 * unrolled and pruned code mixes with run-time code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/compile.h"
#include "oracle/eval.h"

#include <stdio.h>

/* ---- programs ------------------------------------------------------------ */

typedef enum kind {
  ASSIGN, IF, FOR, STATIC_FOR, WHILE, ENDLESS, BREAK, CONTINUE, RETURN, KINDS
} kind;

enum { VARS = 3, MOST_NODES = 400 };

/* x_a = x_b op x_c + n;  conditions: (x_a & mask) < n. */
typedef struct node {
  kind kind;
  int a, b, c, op, n, mask;
  int start, step, count; /* FOR: values start, start + step, ... */
  bool run_bounds, known; /* FOR: bounds from arguments. IF: n is a constant
                             condition */
  struct node *body, *orelse, *next;
  int id;
} node;

typedef struct program {
  node nodes[MOST_NODES];
  int used;
  uint64_t seed;
  tm_buf *out;
  uint64_t fuel;
} program;

static uint32_t draw(program *p, uint32_t n) {
  p->seed ^= p->seed << 13; /* xorshift64, Marsaglia 2003 */
  p->seed ^= p->seed >> 7;
  p->seed ^= p->seed << 17;
  return (uint32_t)(p->seed >> 33) % n;
}

static node *make_list(program *p, int depth, bool in_loop, bool returns);

static kind draw_kind(program *p, int depth, bool in_loop, bool returns) {
  static const kind weighted[] = {ASSIGN, ASSIGN, ASSIGN, ASSIGN, IF, IF, IF,
                                  IF, FOR, FOR, STATIC_FOR, WHILE, ENDLESS,
                                  BREAK, CONTINUE, RETURN};
  for (;;) {
    kind k = weighted[draw(p, sizeof weighted / sizeof weighted[0])];
    if ((k == BREAK || k == CONTINUE) && !in_loop) continue;
    if (k == RETURN && !returns) continue;
    if (depth <= 0 && k >= IF && k <= ENDLESS) continue;
    return k;
  }
}

static node *make_node(program *p, int depth, bool in_loop, bool returns) {
  if (p->used >= MOST_NODES - 40) depth = 0;
  node *n = &p->nodes[p->used];
  *n = (node){.kind = draw_kind(p, depth, in_loop, returns), .id = p->used++};
  n->a = (int)draw(p, VARS), n->b = (int)draw(p, VARS);
  n->c = (int)draw(p, VARS), n->op = (int)draw(p, 4);
  n->n = (int)draw(p, 7) + 1, n->mask = 7;
  bool loop = n->kind >= FOR && n->kind <= ENDLESS;
  if (n->kind == FOR || n->kind == STATIC_FOR) {
    n->start = (int)draw(p, 9) - 4;
    n->step = (int)draw(p, 3) + 1;
    n->count = (int)draw(p, 4);
    n->run_bounds = n->kind == FOR && draw(p, 2);
    if (draw(p, 2)) n->step = -n->step;
  }
  if (n->kind == WHILE || n->kind == ENDLESS) n->count = (int)draw(p, 5) + 1;
  if (n->kind == IF) {
    n->known = draw(p, 6) == 0;
    n->body = make_list(p, depth - 1, in_loop, returns);
    if (draw(p, 2)) n->orelse = make_list(p, depth - 1, in_loop, returns);
  } else if (loop) {
    n->body = make_list(p, depth - 1, true, returns);
    if (n->kind != ENDLESS && draw(p, 4) == 0)
      n->orelse = make_list(p, depth - 1, in_loop, returns);
  }
  return n;
}

static node *make_list(program *p, int depth, bool in_loop, bool returns) {
  node *first = NULL, **end = &first;
  for (int count = 1 + (int)draw(p, 3); count > 0; count--) {
    *end = make_node(p, depth, in_loop, returns);
    end = &(*end)->next;
  }
  return first;
}

/* ---- as Python ----------------------------------------------------------- */

static void indent(program *p, int depth) {
  tm_buf_printf(p->out, "%*s", 4 * depth, "");
}

static void write_list(program *p, const node *n, int depth, bool returns);

static void write_condition(program *p, const node *n) {
  if (n->known)
    tm_buf_puts(p->out, n->n & 1 ? "C == 3" : "C > 3");
  else
    tm_buf_printf(p->out, "(x%d & %d) < %d", n->a, n->mask, n->n);
}

static void write_for(program *p, const node *n, int depth) {
  int end = n->start + n->step * n->count;
  bool fixed = n->kind == STATIC_FOR;
  tm_buf_printf(p->out, "for i%d in %s(", n->id,
                fixed ? "tl.static_range" : "range");
  if (n->run_bounds)
    tm_buf_printf(p->out, "zero + %d, zero + %d, %d):\n", n->start, end,
                  n->step);
  else
    tm_buf_printf(p->out, "%d, %d, %d):\n", n->start, end, n->step);
  indent(p, depth + 1);
  tm_buf_printf(p->out, "x%d = x%d + i%d\n", n->b, n->b, n->id);
}

static void write_node(program *p, const node *n, int depth, bool returns) {
  static const char *const ops[] = {"+", "-", "*", "^"};
  indent(p, depth);
  switch (n->kind) {
  case ASSIGN:
    tm_buf_printf(p->out, "x%d = (x%d %s x%d) + %d\n", n->a, n->b, ops[n->op],
                  n->c, n->n);
    return;
  case BREAK: tm_buf_puts(p->out, "break\n"); return;
  case CONTINUE: tm_buf_puts(p->out, "continue\n"); return;
  case RETURN:
    tm_buf_printf(p->out, "return x%d + %d, x%d\n", n->a, n->n, n->b);
    return;
  case IF:
    tm_buf_puts(p->out, "if ");
    write_condition(p, n);
    tm_buf_puts(p->out, ":\n");
    break;
  case FOR: case STATIC_FOR: write_for(p, n, depth); break;
  case WHILE:
    tm_buf_printf(p->out, "w%d = 0\n", n->id);
    indent(p, depth);
    tm_buf_printf(p->out, "while w%d < %d and ", n->id, n->count);
    write_condition(p, n);
    tm_buf_puts(p->out, ":\n");
    indent(p, depth + 1);
    tm_buf_printf(p->out, "w%d += 1\n", n->id);
    break;
  case ENDLESS:
    tm_buf_printf(p->out, "w%d = 0\n", n->id);
    indent(p, depth);
    tm_buf_puts(p->out, "while True:\n");
    indent(p, depth + 1);
    tm_buf_printf(p->out, "if w%d >= %d:\n", n->id, n->count);
    indent(p, depth + 2);
    tm_buf_puts(p->out, "break\n");
    indent(p, depth + 1);
    tm_buf_printf(p->out, "w%d += 1\n", n->id);
    break;
  default: break;
  }
  write_list(p, n->body, depth + 1, returns);
  if (!n->orelse) return;
  indent(p, depth);
  tm_buf_puts(p->out, "else:\n");
  write_list(p, n->orelse, depth + 1, returns);
}

static void write_list(program *p, const node *n, int depth, bool returns) {
  for (; n; n = n->next) write_node(p, n, depth, returns);
}

/* ---- run directly ---------------------------------------------------------- */

typedef enum left { FELL, BROKE, CONTINUED, RETURNED } left;

typedef struct memory {
  uint32_t x[VARS], result[2];
} memory;

static left run_list(program *p, const node *n, memory *s);

static bool holds(const node *n, const memory *s) {
  if (n->known) return n->n & 1;
  return (int32_t)(s->x[n->a] & (uint32_t)n->mask) < n->n;
}

static left run_loop(program *p, const node *n, memory *s) {
  bool counted = n->kind == FOR || n->kind == STATIC_FOR;
  for (int i = 0;; i++) {
    if (i >= n->count) break;
    if (n->kind == WHILE && !holds(n, s)) break;
    if (counted) s->x[n->b] += (uint32_t)(n->start + i * n->step);
    left how = run_list(p, n->body, s);
    if (how == RETURNED) return how;
    if (how == BROKE) return FELL;
  }
  return n->orelse ? run_list(p, n->orelse, s) : FELL;
}

static left run_node(program *p, const node *n, memory *s) {
  if (p->fuel) p->fuel--;
  uint32_t b = s->x[n->b], c = s->x[n->c];
  switch (n->kind) {
  case ASSIGN:
    s->x[n->a] = (n->op == 0 ? b + c : n->op == 1 ? b - c
                  : n->op == 2 ? b * c : b ^ c) + (uint32_t)n->n;
    return FELL;
  case BREAK: return BROKE;
  case CONTINUE: return CONTINUED;
  case RETURN:
    s->result[0] = s->x[n->a] + (uint32_t)n->n;
    s->result[1] = s->x[n->b];
    return RETURNED;
  case IF: return run_list(p, holds(n, s) ? n->body : n->orelse, s);
  default: return run_loop(p, n, s);
  }
}

static left run_list(program *p, const node *n, memory *s) {
  for (; n && p->fuel; n = n->next) {
    left how = run_node(p, n, s);
    if (how != FELL) return how;
  }
  return FELL;
}

/* ---- both ways ---------------------------------------------------------------- */

typedef struct work {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
  program program;
} work;

static void write_program(program *p, const node *body) {
  tm_buf_puts(p->out, "import triton\nimport triton.language as tl\n\n"
                      "@triton.jit\ndef f(x0, x1, x2, zero, C):\n");
  write_list(p, body, 1, true);
  tm_buf_puts(p->out, "    return x0, x1 + x2\n\n"
                      "@triton.jit\ndef k(o, a, b, c, zero, "
                      "C: tl.constexpr):\n"
                      "    y, z = f(a, b, c, zero, C)\n"
                      "    tl.store(o, y)\n    tl.store(o + 1, z)\n");
}

static tm_ir *lower(work *w, const char *text) {
  tm_modules *set = tm_modules_create(&w->arena, &w->diags);
  tm_module *module =
      tm_module_parse_text(set, "m", "m.py", tm_cstr(text));
  const tm_function_def *k = tm_module_kernel(module, "k");
  tm_spec spec = {.num_warps = 4, .num_stages = 3};
  spec.args = tm_signature_parse(&w->arena, &w->diags,
                                 "*i32, i32, i32, i32, i32, 3", k, NULL, 0);
  spec.n_args = 6;
  return spec.args ? tm_lower(&w->arena, &w->diags, module, "k", &spec) : NULL;
}

static void fail_with(work *w, const char *text, const char *why) {
  tm_buf all = tm_buf_in(&w->arena);
  tm_diags_render_all(&w->diags, &all);
  fail_msg("%s\n%s\n%s", why, text, tm_buf_text(&all));
}

static void check_runs(work *w, const tm_ir *ir, const node *body,
                       uint64_t seed, const char *text) {
  program *p = &w->program;
  for (int round = 0; round < 4; round++) {
    int32_t o[2] = {0, 0}, in[3];
    memory s = {.result = {0, 0}};
    for (int i = 0; i < 3; i++)
      s.x[i] = (uint32_t)(in[i] = (int32_t)draw(p, 50) - 25);
    p->fuel = 20000;
    left how = run_list(p, body, &s);
    if (!p->fuel) continue; /* it would take too long to evaluate */
    if (how != RETURNED) {
      s.result[0] = s.x[0];
      s.result[1] = s.x[1] + s.x[2];
    }
    tm_eval_arg args[] = {{.data = o, .bytes = sizeof o}, {.i = in[0]},
                          {.i = in[1]}, {.i = in[2]}, {.i = 0}};
    tm_eval_options options = {.grid = {1, 1, 1}};
    tm_eval_result r = tm_eval_run(ir, args, 5, &options);
    if (r.error) fail_with(w, text, r.error);
    if ((uint32_t)o[0] == s.result[0] && (uint32_t)o[1] == s.result[1])
      continue;
    char why[200];
    snprintf(why, sizeof why, "seed %llu, (%d, %d, %d): %d %d, not %d %d",
             (unsigned long long)seed, in[0], in[1], in[2], o[0], o[1],
             (int)s.result[0], (int)s.result[1]);
    fail_with(w, text, why);
  }
}

static void one_program(work *w, uint64_t seed) {
  program *p = &w->program;
  memset(p, 0, sizeof *p);
  p->seed = seed * 0x9e3779b97f4a7c15u + 1; /* Knuth's golden ratio */
  tm_buf text = tm_buf_in(&w->arena);
  p->out = &text;
  node *body = make_list(p, 4, false, true);
  write_program(p, body);
  tm_ir *ir = lower(w, tm_buf_text(&text));
  if (!ir) fail_with(w, text.data, "it is refused");
  if (!tm_ir_verify(ir, &w->diags, "lower"))
    fail_with(w, text.data, "it is not valid");
  check_runs(w, ir, body, seed, text.data);
  if (!tm_optimize(ir, &w->diags, NULL, NULL, NULL))
    fail_with(w, text.data, "the optimizer breaks it");
  check_runs(w, ir, body, seed, text.data);
}

static void random_programs_end_as_in_python(void **state) {
  (void)state;
  work *w = test_malloc(sizeof *w);
  for (volatile uint64_t seed = 1; seed <= 3000; seed++) {
    tm_arena_init(&w->arena, 0);
    if (!tm_arena_guard(&w->arena, w->guard)) fail_msg("out of memory");
    tm_diags_init(&w->diags, &w->arena);
    one_program(w, seed);
    tm_arena_free(&w->arena);
  }
  test_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_programs_end_as_in_python),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
