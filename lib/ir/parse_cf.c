/* SPDX-License-Identifier: MIT */
/*
 * parse_cf.c - branches between the blocks of a function, read as scf.if.
 *
 * Upstream's front end writes a return inside of a run-time if as cf.cond_br
 * to blocks that end in tt.return. Every path through such a function ends in
 * one, so the blocks are a tree once those that several paths reach are read
 * once for each path: the text is read again from the label. A branch becomes
 *
 *     %r = scf.if %c -> (results of the function) { ... yield } else { ... }
 *     tt.return %r
 *
 * Branches that go back, and functions that would grow beyond MOST_PATHS
 * blocks, are refused.
 */
#include "irparse.h"

enum { MOST_PATHS = 4096, MOST_ARGS = 64 };

typedef struct place {
  const char *at, *line_start;
  uint32_t line;
  tm_token tok;
} place;

static place here(const tm_ir_parser *p) {
  return (place){p->at, p->line_start, p->line, p->tok};
}

static void go(tm_ir_parser *p, place to) {
  p->at = to.at;
  p->line_start = to.line_start;
  p->line = to.line;
  p->tok = to.tok;
}

typedef struct label {
  tm_str name;
  place place; /* its token is what follows the name */
  bool on_path;
} label;

/* The function that is being read. */
typedef struct paths {
  TM_VEC(label) labels;
  place end; /* its closing brace */
  uint32_t func, count, depth;
} paths;

/* Whether nothing but spaces precede the token on its line. */
static bool begins_line(const tm_ir_parser *p) {
  for (const char *c = p->line_start; c < p->tok.start; c++)
    if (*c != ' ' && *c != '\t') return false;
  return true;
}

/* Notes the labels from here to the end of the function. */
static void find_labels(tm_ir_parser *p, paths *f) {
  place start = here(p);
  int nesting = 0;
  while (!p->failed && p->tok.kind != TM_TOK_END) {
    if (tm_irp_is(p, '{')) nesting++;
    if (tm_irp_is(p, '}') && nesting-- == 0) break;
    if (p->tok.kind != TM_TOK_BLOCK || nesting || !begins_line(p)) {
      tm_irp_next(p);
      continue;
    }
    label l = {.name = p->tok.text};
    tm_irp_next(p);
    l.place = here(p);
    tm_push(p->ir->arena, &f->labels, l);
  }
  f->end = here(p);
  go(p, start);
}

/* "^bb1" or "^bb1(%a, %b : i32, f32)". The label's index. */
static uint32_t parse_target(tm_ir_parser *p, const paths *f,
                             tm_value_list *args) {
  tm_token tok = p->tok;
  if (tok.kind != TM_TOK_BLOCK) {
    tm_irp_fail(p, tok.loc, "expected the block to branch to here");
    return 0;
  }
  tm_irp_next(p);
  if (tm_irp_take(p, '(')) {
    do {
      tm_value v = tm_irp_value(p);
      tm_push(p->ir->arena, args, v);
    } while (tm_irp_take(p, ',') && !p->failed);
    tm_irp_expect(p, ':');
    do tm_irp_type(p);
    while (tm_irp_take(p, ',') && !p->failed);
    tm_irp_expect(p, ')');
  }
  for (uint32_t n = 0; n < f->labels.len; n++)
    if (tm_str_eq(f->labels.data[n].name, tok.text)) return n;
  tm_irp_fail(p, tok.loc, "the function has no block ^%.*s",
              (int)(tok.text.len > 60 ? 60 : tok.text.len), tok.text.ptr);
  return 0;
}

/* Goes to a label and binds its arguments. */
static void enter(tm_ir_parser *p, paths *f, uint32_t target,
                  const tm_value_list *args) {
  if (p->failed) return;
  label *l = &f->labels.data[target];
  if (l->on_path)
    tm_irp_fail(p, p->tok.loc, "a branch goes back to ^%.*s: loops must be "
                "structured (scf)", (int)l->name.len, l->name.ptr);
  if (++f->count > MOST_PATHS)
    tm_irp_fail(p, p->tok.loc, "the branches make more than %d paths",
                MOST_PATHS);
  if (p->failed) return;
  l->on_path = true;
  go(p, l->place);
  uint32_t n = 0;
  if (tm_irp_take(p, '(')) {
    do {
      tm_token tok = p->tok;
      if (tok.kind != TM_TOK_VALUE || n >= args->len) {
        tm_irp_fail(p, tok.loc, "the branch gives %u values", args->len);
        return;
      }
      tm_irp_next(p);
      tm_irp_expect(p, ':');
      tm_type t = tm_irp_type(p);
      tm_irp_skip_loc(p);
      if (p->failed) return;
      if (t != tm_type_of(p->ir, args->data[n]))
        tm_irp_fail(p, tok.loc, "the branch gives another type");
      tm_irp_bind(p, tm_irp_intern(p, tok.text), args->data[n++], 1);
    } while (tm_irp_take(p, ',') && !p->failed);
    tm_irp_expect(p, ')');
  }
  tm_irp_expect(p, ':');
  if (n != args->len)
    tm_irp_fail(p, p->tok.loc, "the branch gives %u values, the block takes "
                "%u", args->len, n);
}

static void read_cond_br(tm_ir_parser *p, paths *f, tm_builder *b, bool top);

/* Makes a tt.return at the end of block a scf.yield of the same values. */
static void return_to_yield(tm_ir_parser *p, tm_block block) {
  tm_inst last = tm_blk(p->ir, block)->last;
  tm_inst_data end = *tm_get(p->ir, last);
  tm_inst_remove(p->ir, last);
  tm_builder b = tm_build_at_end(p->ir, block);
  b.loc = end.loc;
  tm_build(&b, TM_YIELD, end.n_operands, end.operands, 0, NULL, 0, NULL, 0,
           NULL);
}

/* Reads on into block until the path returns; top: block is the function's
 * own, which ends in tt.return. */
static void read_path(tm_ir_parser *p, paths *f, tm_block block, bool top) {
  tm_builder b = tm_build_at_end(p->ir, block);
  while (!p->failed) {
    if (tm_irp_is_word(p, "cf.cond_br")) {
      read_cond_br(p, f, &b, top);
      return;
    }
    if (tm_irp_take_word(p, "cf.br")) {
      tm_value_list args = {0};
      uint32_t target = parse_target(p, f, &args);
      enter(p, f, target, &args);
      continue;
    }
    if (tm_irp_is(p, '}') || p->tok.kind == TM_TOK_BLOCK) {
      tm_irp_fail(p, p->tok.loc, "the block must end with tt.return or a "
                  "branch");
      return;
    }
    tm_irp_inst(p, &b);
    tm_inst last = tm_blk(p->ir, block)->last;
    if (p->failed || !last || tm_get(p->ir, last)->op != TM_RETURN) continue;
    if (!top) return_to_yield(p, block);
    return;
  }
}

/* One side of a cond_br, into a block of its own. */
static tm_block read_side(tm_ir_parser *p, paths *f, uint32_t target,
                          const tm_value_list *args) {
  tm_block block = tm_ir_new_block(p->ir);
  uint32_t mark = tm_irp_scope_mark(p);
  bool *entered = TM_NEW_ARRAY(p->ir->arena, bool, f->labels.len + 1);
  for (uint32_t n = 0; n < f->labels.len; n++)
    entered[n] = f->labels.data[n].on_path;
  enter(p, f, target, args);
  read_path(p, f, block, false);
  for (uint32_t n = 0; n < f->labels.len; n++)
    f->labels.data[n].on_path = entered[n];
  tm_irp_scope_end(p, mark);
  return block;
}

static void read_cond_br(tm_ir_parser *p, paths *f, tm_builder *b, bool top) {
  tm_loc loc = p->tok.loc;
  tm_value_list args[2] = {{0}, {0}};
  uint32_t target[2];
  tm_irp_next(p);
  tm_value condition = tm_irp_value(p);
  for (int side = 0; side < 2; side++) {
    tm_irp_expect(p, ',');
    target[side] = parse_target(p, f, &args[side]);
  }
  if (++f->depth > TM_MAX_NEST)
    tm_irp_fail(p, loc, "branches nest deeper than %d", TM_MAX_NEST);
  tm_block blocks[2] = {0, 0};
  for (int side = 0; side < 2 && !p->failed; side++)
    blocks[side] = read_side(p, f, target[side], &args[side]);
  f->depth--;
  if (p->failed) return;
  const tm_func *func = &p->ir->funcs.data[f->func];
  uint32_t n = func->results.len;
  tm_value *out = TM_NEW_ARRAY(p->ir->arena, tm_value, n + 1);
  tm_type *types = TM_NEW_ARRAY(p->ir->arena, tm_type, n + 1);
  for (uint32_t r = 0; r < n; r++) types[r] = func->results.data[r];
  b->loc = loc;
  tm_inst inst = tm_build(b, TM_IF, 1, &condition, n, types, 2, blocks,
                          0, NULL);
  for (uint32_t r = 0; r < n; r++) out[r] = tm_get(p->ir, inst)->results + r;
  tm_build(b, top ? TM_RETURN : TM_YIELD, n, out, 0, NULL, 0, NULL, 0, NULL);
}

bool tm_irp_is_branch(const tm_ir_parser *p) {
  return tm_irp_is_word(p, "cf.br") || tm_irp_is_word(p, "cf.cond_br");
}

void tm_irp_branches(tm_ir_parser *p, tm_builder *b) {
  paths f = {.func = p->func};
  find_labels(p, &f);
  read_path(p, &f, b->block, true);
  if (!p->failed) go(p, f.end);
}
