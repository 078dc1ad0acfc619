/* SPDX-License-Identifier: MIT */
/*
 * emit_stmt.c - statements, masks and functions in line.
 *
 * Uniform conditions are branches. Varying ones narrow e->exec and branch
 * around code that no lane would execute. A break, continue or return of some
 * lanes takes them out of e->exec; they come back where the construct that
 * they left ends:
 *   break     behind the loop or switch, which restores the mask it began
 *             with, less the lanes that returned or continued meanwhile
 *   continue  before the loop's step, from the mask loop->continued
 *   return    behind the call, from the caller's mask
 * One of all lanes, at the level of the construct, is a plain jump.
 *
 * Behind a statement that may have taken lanes out (e->killed), the rest of
 * the block is skipped when none are left.
 *
 * Loops with a small constant trip count are unrolled here when the source
 * asks for it or when it makes indices into local arrays constant.
 */
#include "emit.h"

enum { DEPTH = 400, MOST_CALLS = 64 };

static sm_ty mask_type(sm_emit *e) {
  return sm_vector_type(e->i1, SM_LANES);
}

static sm_val no_lanes(sm_emit *e) { return LL.ConstNull(mask_type(e)); }

static void set_exec(sm_emit *e, sm_val mask) {
  LL.BuildStore(e->b, mask, e->exec);
}

static sm_val mask_memory(sm_emit *e) {
  sm_val m = sm_alloca(e, mask_type(e), 4);
  LL.BuildStore(e->b, no_lanes(e), m);
  return m;
}

static sm_val load_mask(sm_emit *e, sm_val memory) {
  return LL.BuildLoad2(e->b, mask_type(e), memory, "");
}

static void add_lanes(sm_emit *e, sm_val memory, sm_val mask) {
  LL.BuildStore(e->b, OP2(Or, load_mask(e, memory), mask), memory);
}

/* old less the lanes that have returned, and, inside a loop that is not left,
 * less those that continued. */
static sm_val still_here(sm_emit *e, sm_val old, const sm_loop *around) {
  if (e->inlined->returned)
    old = OP2(And, old, OP1(Not, load_mask(e, e->inlined->returned)));
  for (; around && around->is_switch; around = around->outer) {}
  if (around && around->continued)
    old = OP2(And, old, OP1(Not, load_mask(e, around->continued)));
  return old;
}

/* ---- if --------------------------------------------------------------- */

static void branch_uniform(sm_emit *e, sm_val c, sm_part *then,
                           sm_part *otherwise, void *data) {
  LLVMBasicBlockRef yes = sm_block(e), join = sm_block(e);
  LLVMBasicBlockRef no = otherwise ? sm_block(e) : join;
  LL.BuildCondBr(e->b, c, yes, no);
  sm_here(e, yes);
  then(e, data);
  if (!sm_ended(e)) LL.BuildBr(e->b, join);
  if (otherwise) {
    sm_here(e, no);
    otherwise(e, data);
    if (!sm_ended(e)) LL.BuildBr(e->b, join);
  }
  sm_here(e, join);
}

/* Runs part under mask if any lane is in it; returns the mask at its end. */
static sm_val under_mask(sm_emit *e, sm_val mask, sm_part *part, void *data,
                         bool escapes) {
  LLVMBasicBlockRef from, body = sm_block(e), join = sm_block(e);
  sm_val any = sm_any(e, mask);
  from = LL.GetInsertBlock(e->b);
  LL.BuildCondBr(e->b, any, body, join);
  sm_here(e, body);
  set_exec(e, mask);
  part(e, data);
  if (!escapes) {
    if (!sm_ended(e)) LL.BuildBr(e->b, join);
    sm_here(e, join);
    return mask;
  }
  sm_val end = sm_exec(e), none = no_lanes(e);
  LLVMBasicBlockRef last = LL.GetInsertBlock(e->b);
  LL.BuildBr(e->b, join);
  sm_here(e, join);
  sm_val phi = LL.BuildPhi(e->b, mask_type(e), "");
  LL.AddIncoming(phi, &end, &last, 1);
  LL.AddIncoming(phi, &none, &from, 1);
  return phi;
}

static void branch_masked(sm_emit *e, sm_leaf c, sm_part *then,
                          sm_part *otherwise, void *data, bool escapes) {
  sm_val old = sm_exec(e), cv = sm_vec(e, &c);
  sm_val yes = OP2(And, old, cv);
  sm_val no = OP2(And, old, OP1(Not, cv));
  e->level++;
  sm_val a = under_mask(e, yes, then, data, escapes);
  sm_val b = no;
  if (otherwise) b = under_mask(e, no, otherwise, data, escapes);
  e->level--;
  set_exec(e, escapes ? OP2(Or, a, b) : old);
}

/* Where all lanes agree, they take their branch without masks; else both
 * branches have lanes. */
static void branch_agreed(sm_emit *e, sm_leaf c, sm_part *then,
                          sm_part *otherwise, void *data) {
  LLVMBasicBlockRef all = sm_block(e), not_all = sm_block(e);
  LLVMBasicBlockRef none = sm_block(e), some = sm_block(e);
  LLVMBasicBlockRef join = sm_block(e);
  LL.BuildCondBr(e->b, c.all, all, not_all);
  sm_here(e, all);
  then(e, data);
  LL.BuildBr(e->b, join);
  sm_here(e, not_all);
  LL.BuildCondBr(e->b, c.none, none, some);
  sm_here(e, none);
  if (otherwise) otherwise(e, data);
  LL.BuildBr(e->b, join);
  sm_here(e, some);
  c = sm_leaf_mixed(e, c);
  sm_val old = sm_exec(e), yes = sm_vec(e, &c);
  e->level++;
  set_exec(e, yes);
  then(e, data);
  if (otherwise) {
    set_exec(e, OP1(Not, yes));
    otherwise(e, data);
  }
  e->level--;
  set_exec(e, old);
  sm_go(e, join);
}

/* Code for all lanes beside code under a mask is worth its size here. */
static bool is_agreeable(const sm_emit *e, const sm_leaf *c) {
  return c->all && sm_exec_is_full(e) && !e->options->check &&
         !e->options->counters && e->size < SM_MOST_STATEMENTS / 4;
}

void sm_emit_if(sm_emit *e, sm_leaf c, sm_part *then, sm_part *otherwise,
                void *data, bool escapes) {
  if (c.form == SM_UNI) branch_uniform(e, c.v, then, otherwise, data);
  else if (!escapes && is_agreeable(e, &c))
    branch_agreed(e, c, then, otherwise, data);
  else branch_masked(e, c, then, otherwise, data, escapes);
}

/* break, continue or return somewhere in it, at any loop's depth. */
static bool escapes(const sm_stmt *s) {
  if (!s) return false;
  if (s->kind == SM_S_BREAK || s->kind == SM_S_CONTINUE ||
      s->kind == SM_S_RETURN)
    return true;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (escapes(s->body.data[i])) return true;
  return false;
}

static void if_then(sm_emit *e, void *data) {
  const sm_stmt *s = data;
  sm_emit_stmt(e, s->body.data[0]);
}
static void if_else(sm_emit *e, void *data) {
  const sm_stmt *s = data;
  sm_emit_stmt(e, s->body.data[1]);
}

/* Without a branch: what no lane executes changes nothing. */
static void emit_straight(sm_emit *e, const sm_stmt *s, const sm_leaf *c) {
  sm_val old = sm_exec(e), cv = sm_vec(e, c);
  bool has_else = s->body.len > 1 && s->body.data[1];
  e->level++;
  set_exec(e, OP2(And, old, cv));
  sm_emit_stmt(e, s->body.data[0]);
  if (has_else) {
    set_exec(e, OP2(And, old, OP1(Not, cv)));
    sm_emit_stmt(e, s->body.data[1]);
  }
  e->level--;
  set_exec(e, old);
}

static void emit_if(sm_emit *e, const sm_stmt *s) {
  sm_leaf c = sm_emit_value(e, s->e).leaf[0];
  bool has_else = s->body.len > 1 && s->body.data[1];
  if (c.form == SM_UNI && LL.IsAConstantInt(c.v)) {
    if (LL.ConstIntGetZExtValue(c.v)) sm_emit_stmt(e, s->body.data[0]);
    else if (has_else) sm_emit_stmt(e, s->body.data[1]);
    return;
  }
  bool leaves = escapes(s);
  if (c.form != SM_UNI && !leaves && sm_is_straight(e, s)) {
    emit_straight(e, s, &c);
    return;
  }
  union { const sm_stmt *in; void *out; } data = {s};
  if (c.all && !sm_is_worth_two(e, s->body.data, s->body.len))
    c.all = NULL;
  bool killed = e->killed;
  e->killed = false;
  sm_emit_if(e, c, if_then, has_else ? if_else : NULL, data.out, leaves);
  e->killed |= killed;
}

/* ---- blocks ----------------------------------------------------------- */

static void emit_list(sm_emit *e, struct sm_stmt *const *list, uint32_t n,
                      uint32_t from);

/* list[at] declared a condition that often holds in all lanes, and the rest
 * of the block uses it: loads, sums and stores under one mask. The rest is
 * emitted for that case and once more for the others. False: it is not
 * worth it. */
static bool emit_rest_twice(sm_emit *e, struct sm_stmt *const *list,
                            uint32_t n, uint32_t at) {
  const sm_var *v = list[at]->kind == SM_S_DECL ? list[at]->var : NULL;
  sm_state *s = v ? e->states[v->id] : NULL;
  if (!s || s->kind != SM_C_BOUND || s->place || s->value.n != 1) return false;
  struct sm_stmt *const *rest = list + at + 1;
  uint32_t left = n - at - 1;
  sm_leaf c = s->value.leaf[0];
  if (c.form != SM_VARYING || !is_agreeable(e, &c) ||
      !sm_mentions(rest, left, v) || !sm_is_worth_two(e, rest, left))
    return false;
  for (uint32_t i = 0; i < left; i++)
    if (escapes(rest[i])) return false;
  LLVMBasicBlockRef all = sm_block(e), some = sm_block(e);
  LLVMBasicBlockRef join = sm_block(e);
  LL.BuildCondBr(e->b, c.all, all, some);
  sm_here(e, all);
  s->value.leaf = TM_NEW(e->arena, sm_leaf);
  s->value.leaf[0] = sm_leaf_int(e, SM_BOOL, 1);
  emit_list(e, rest, left, 0);
  LL.BuildBr(e->b, join);
  sm_here(e, some);
  e->states[v->id] = s;
  s->value.leaf[0] = sm_leaf_mixed(e, c);
  emit_list(e, rest, left, 0);
  sm_go(e, join);
  return true;
}

/* Emits list[from..]; the rest behind a statement that took lanes out is
 * skipped when nobody is left. */
static void emit_list(sm_emit *e, struct sm_stmt *const *list, uint32_t n,
                      uint32_t from) {
  int level = e->level;
  LLVMBasicBlockRef *joins = NULL;
  uint32_t count = 0;
  for (uint32_t i = from; i < n; i++) {
    bool killed = e->killed, continued = e->continued;
    e->killed = e->continued = false;
    sm_emit_stmt(e, list[i]);
    if (emit_rest_twice(e, list, n, i)) n = i + 1;
    if (e->continued) e->level++;
    if (e->killed && i + 1 < n && !sm_ended(e)) {
      LLVMBasicBlockRef rest = sm_block(e), join = sm_block(e);
      if (!joins) joins = TM_NEW_ARRAY(e->arena, LLVMBasicBlockRef, n);
      joins[count++] = join;
      LL.BuildCondBr(e->b, sm_any(e, sm_exec(e)), rest, join);
      sm_here(e, rest);
    }
    e->killed |= killed;
    e->continued |= continued;
  }
  while (count > 0) sm_go(e, joins[--count]);
  e->level = level;
}

/* ---- jumps ------------------------------------------------------------ */

/* Code behind a jump is emitted into a block that nothing reaches. */
static void jump(sm_emit *e, LLVMBasicBlockRef to) {
  LL.BuildBr(e->b, to);
  sm_here(e, sm_block(e));
}

static void emit_break(sm_emit *e) {
  sm_loop *loop = e->loop;
  if (e->level == loop->level) {
    jump(e, loop->exit);
    return;
  }
  set_exec(e, no_lanes(e));
  e->killed = true;
}

static void emit_continue(sm_emit *e, tm_loc loc) {
  sm_loop *loop = e->loop;
  bool plain = e->level == loop->level;
  for (; loop->is_switch; loop = loop->outer)
    plain = plain && loop->outer->level == loop->level;
  if (plain) {
    jump(e, loop->latch);
    return;
  }
  if (!loop->continued) sm_emit_fail(e, loc, "internal: divergent continue");
  add_lanes(e, loop->continued, sm_exec(e));
  set_exec(e, no_lanes(e));
  e->killed = e->continued = true;
}

static void emit_return(sm_emit *e, const sm_stmt *s) {
  sm_inline *in = e->inlined;
  sm_value v = {0};
  if (s->e) v = sm_emit_value(e, s->e);
  if (s->e && in->has_result) {
    if (in->direct) {
      in->value = v;
      return;
    }
    sm_place p = sm_state_place(e, &in->result, in->function->result);
    int level = in->result.level;
    if (in->returned) in->result.level = -1; /* always blend */
    sm_place_write(e, &p, v, s->loc);
    in->result.level = level;
  }
  if (e->level == in->level) {
    jump(e, in->exit);
    return;
  }
  if (!in->returned) sm_emit_fail(e, s->loc, "internal: divergent return");
  add_lanes(e, in->returned, sm_exec(e));
  set_exec(e, no_lanes(e));
  e->killed = true;
}

/* ---- loops ------------------------------------------------------------ */

/* Ends kernels that the watchdog stopped. */
static void check_stop(sm_emit *e) {
  sm_val p = LL.BuildLoad2(e->b, e->ptr,
      sm_at(e, e->frame, sm_i64(e, offsetof(sm_frame, stop))), "");
  sm_val v = LL.BuildLoad2(e->b, e->i32, p, "");
  LL.SetVolatile(v, true);
  LLVMBasicBlockRef out = sm_block(e), on = sm_block(e);
  LL.BuildCondBr(e->b, ICMP(NE, v, sm_i32(e, 0)), out, on);
  sm_here(e, out);
  sm_runtime(e, "sm_rt_stop", e->void_type, &e->frame, 1);
  LL.BuildUnreachable(e->b);
  sm_here(e, on);
}

/* The loop's condition: goes to yes with exec narrowed, else to no. */
static void loop_test(sm_emit *e, const sm_stmt *s, bool divergent,
                      LLVMBasicBlockRef yes, LLVMBasicBlockRef no) {
  sm_leaf c = s->e ? sm_emit_value(e, s->e).leaf[0]
                   : sm_leaf_uni(sm_int(e, e->i1, 1));
  if (c.form == SM_UNI) {
    sm_val go = c.v;
    if (divergent) go = OP2(And, go, sm_any(e, sm_exec(e)));
    LL.BuildCondBr(e->b, go, yes, no);
    return;
  }
  if (!divergent) sm_emit_fail(e, s->loc, "internal: divergent loop");
  sm_val mask = OP2(And, sm_exec(e), sm_vec(e, &c));
  set_exec(e, mask);
  LL.BuildCondBr(e->b, sm_any(e, mask), yes, no);
}

/* Most trips are made by all lanes that came to the loop. They run a copy of
 * the body that needs no masks, while the first lanes have not left. */
static void loop_test_all(sm_emit *e, const sm_stmt *s, sm_val old,
                          LLVMBasicBlockRef head, LLVMBasicBlockRef yes,
                          LLVMBasicBlockRef no) {
  LLVMBasicBlockRef all = sm_block(e), some = sm_block(e);
  sm_leaf c = sm_emit_value(e, s->e).leaf[0];
  sm_val mask = OP2(And, sm_exec(e), sm_vec(e, &c));
  set_exec(e, mask);
  LL.BuildCondBr(e->b, ICMP(EQ, sm_mask_bits(e, mask), sm_mask_bits(e, old)),
                 all, some);
  sm_here(e, all);
  e->level--;
  sm_emit_stmt(e, s->body.data[0]);
  if (s->step) {
    e->discard = true;
    sm_emit_value(e, s->step);
    e->discard = false;
  }
  check_stop(e);
  e->level++;
  LL.BuildBr(e->b, head);
  sm_here(e, some);
  LL.BuildCondBr(e->b, sm_any(e, mask), yes, no);
}

/* Brings back the lanes that continued, runs the step. */
static void loop_latch(sm_emit *e, const sm_stmt *s, sm_loop *loop,
                       bool divergent) {
  sm_go(e, loop->latch);
  if (loop->continued) {
    set_exec(e, OP2(Or, sm_exec(e), load_mask(e, loop->continued)));
    LL.BuildStore(e->b, no_lanes(e), loop->continued);
  }
  if (divergent) {
    LLVMBasicBlockRef on = sm_block(e);
    LL.BuildCondBr(e->b, sm_any(e, sm_exec(e)), on, loop->exit);
    sm_here(e, on);
  }
  if (s->step) {
    e->discard = true;
    sm_emit_value(e, s->step);
  }
  check_stop(e);
}

static void loop_enter(sm_emit *e, const sm_stmt *s, sm_loop *loop) {
  uint32_t facts = sm_fact(e, s);
  if (facts & SM_F_DIVERGENT) e->level++;
  memset(loop, 0, sizeof(*loop));
  loop->outer = e->loop;
  loop->level = e->level;
  loop->continued = facts & SM_F_CONTINUES ? mask_memory(e) : NULL;
  loop->exit = sm_block(e);
}

static void loop_leave(sm_emit *e, const sm_stmt *s, sm_loop *loop,
                       sm_val old, bool killed) {
  sm_here(e, loop->exit);
  e->loop = loop->outer;
  bool divergent = sm_fact(e, s) & SM_F_DIVERGENT;
  if (divergent) {
    e->level--;
    set_exec(e, still_here(e, old, NULL));
  }
  e->killed = killed || (divergent && e->inlined->returned);
}

/* ---- unrolling -------------------------------------------------------- */

/* One copy of the body per trip, the counter a constant in each. */
static void emit_unrolled(sm_emit *e, const sm_stmt *s, const sm_counted *c) {
  sm_loop loop;
  bool killed = e->killed;
  bool divergent = sm_fact(e, s) & SM_F_DIVERGENT;
  sm_val old = sm_exec(e);
  loop_enter(e, s, &loop);
  e->loop = &loop;
  sm_state *state = sm_state_new(e, c->var, c->var->type, SM_C_BOUND);
  sm_state *outer = e->states[c->var->id];
  e->states[c->var->id] = state;
  state->value = sm_value_new(e, c->var->type);
  int64_t i = c->first;
  for (int64_t t = 0; t < c->trips; t++, i += c->by) {
    state->value.leaf[0] =
        sm_leaf_int(e, c->var->type->scalar, (uint64_t)i);
    loop.latch = sm_block(e);
    int level = e->level;
    e->killed = e->continued = false;
    sm_emit_stmt(e, s->body.data[0]);
    e->level = level;
    sm_go(e, loop.latch);
    if (loop.continued) {
      set_exec(e, OP2(Or, sm_exec(e), load_mask(e, loop.continued)));
      LL.BuildStore(e->b, no_lanes(e), loop.continued);
    }
    if (divergent && e->killed && t + 1 < c->trips) {
      LLVMBasicBlockRef on = sm_block(e);
      LL.BuildCondBr(e->b, sm_any(e, sm_exec(e)), on, loop.exit);
      sm_here(e, on);
    }
  }
  e->continued = false;
  if (!sm_ended(e)) LL.BuildBr(e->b, loop.exit);
  loop_leave(e, s, &loop, old, killed);
  e->states[c->var->id] = outer;
}

static void emit_loop(sm_emit *e, const sm_stmt *s) {
  sm_counted c;
  if (sm_should_unroll(e, s, &c)) {
    emit_unrolled(e, s, &c);
    return;
  }
  sm_loop loop;
  bool killed = e->killed, continued = e->continued;
  bool divergent = sm_fact(e, s) & SM_F_DIVERGENT;
  sm_val old = sm_exec(e);
  loop_enter(e, s, &loop);
  if (s->init) sm_emit_stmt(e, s->init);
  e->loop = &loop;
  loop.latch = sm_block(e);
  LLVMBasicBlockRef head = sm_block(e), body = sm_block(e);
  sm_go(e, head);
  bool watched = e->options->check || e->options->counters;
  if (s->kind == SM_S_DO) LL.BuildBr(e->b, body);
  else if (divergent && !watched && sm_is_small_loop(e, s))
    loop_test_all(e, s, old, head, body, loop.exit);
  else loop_test(e, s, divergent, body, loop.exit);
  sm_here(e, body);
  int level = e->level;
  e->killed = e->continued = false;
  sm_emit_stmt(e, s->body.data[0]);
  e->level = level;
  loop_latch(e, s, &loop, divergent);
  if (s->kind == SM_S_DO) loop_test(e, s, divergent, head, loop.exit);
  else LL.BuildBr(e->b, head);
  e->continued = continued;
  loop_leave(e, s, &loop, old, killed);
}

/* ---- switch ----------------------------------------------------------- */

typedef struct segment { /* statements between case marks */
  struct sm_stmt *const *list;
  uint32_t n;
} segment;

static void emit_segment(sm_emit *e, void *data) {
  segment *s = data;
  emit_list(e, s->list, s->n, 0);
}

static void switch_uniform(sm_emit *e, const sm_stmt *s, sm_leaf c,
                           sm_loop *loop) {
  sm_scalar t = s->e->type->scalar;
  LLVMBasicBlockRef head = LL.GetInsertBlock(e->b);
  LLVMBasicBlockRef other = loop->exit;
  uint32_t n = s->body.len, i = 0;
  LLVMBasicBlockRef *blocks =
      TM_NEW_ARRAY(e->arena, LLVMBasicBlockRef, n + 1);
  for (uint32_t k = 0; k < n; k++) {
    if (s->body.data[k]->kind != SM_S_CASE) continue;
    blocks[k] = sm_block(e);
    if (s->body.data[k]->is_default) other = blocks[k];
  }
  sm_val sw = LL.BuildSwitch(e->b, c.v, other, n);
  for (uint32_t k = 0; k < n; k++)
    if (blocks[k] && !s->body.data[k]->is_default)
      LL.AddCase(sw, LL.ConstInt(sm_scalar_type(e, t),
                                 (uint64_t)s->body.data[k]->value, false),
                 blocks[k]);
  sm_here(e, sm_block(e)); /* before the first case: never reached */
  (void)head;
  while (i < n) {
    if (blocks[i]) {
      sm_go(e, blocks[i++]);
      continue;
    }
    uint32_t from = i;
    while (i < n && !blocks[i]) i++;
    emit_list(e, s->body.data + from, i - from, 0);
  }
  if (!sm_ended(e)) LL.BuildBr(e->b, loop->exit);
}

static sm_val case_mask(sm_emit *e, const sm_stmt *s, sm_leaf c,
                        const sm_stmt *mark) {
  sm_scalar t = s->e->type->scalar;
  sm_val mask = NULL;
  for (uint32_t k = 0; k < s->body.len; k++) {
    const sm_stmt *m = s->body.data[k];
    if (m->kind != SM_S_CASE || m->is_default) continue;
    if (!mark->is_default && m != mark) continue;
    sm_leaf eq = sm_leaf_compare(e, SM_EQ, t, c,
                                 sm_leaf_int(e, t, (uint64_t)m->value));
    sm_val v = sm_vec(e, &eq);
    mask = mask ? OP2(Or, mask, v) : v;
  }
  if (!mark->is_default) return mask;
  return mask ? OP1(Not, mask) : sm_splat(e, sm_int(e, e->i1, 1));
}

/* Lanes enter at their mark and fall through until they break. */
static void switch_varying(sm_emit *e, const sm_stmt *s, sm_leaf c,
                           sm_loop *loop, sm_val old) {
  uint32_t n = s->body.len, i = 0;
  set_exec(e, no_lanes(e));
  while (i < n) {
    const sm_stmt *m = s->body.data[i];
    if (m->kind == SM_S_CASE) {
      sm_val in = OP2(And, old, case_mask(e, s, c, m));
      set_exec(e, OP2(Or, sm_exec(e), in));
      i++;
      continue;
    }
    segment part = {s->body.data + i, 0};
    while (i < n && s->body.data[i]->kind != SM_S_CASE) i++, part.n++;
    sm_val mask = sm_exec(e);
    set_exec(e, under_mask(e, mask, emit_segment, &part, true));
  }
  if (!sm_ended(e)) LL.BuildBr(e->b, loop->exit);
}

/* A return, or a continue of a loop around the switch. */
static bool leaves_switch(const sm_stmt *s, bool in_loop) {
  if (!s) return false;
  if (s->kind == SM_S_RETURN || (s->kind == SM_S_CONTINUE && !in_loop))
    return true;
  in_loop |= s->kind == SM_S_FOR || s->kind == SM_S_WHILE ||
             s->kind == SM_S_DO;
  for (uint32_t i = 0; i < s->body.len; i++)
    if (leaves_switch(s->body.data[i], in_loop)) return true;
  return false;
}

static void emit_switch(sm_emit *e, const sm_stmt *s) {
  sm_leaf c = sm_emit_value(e, s->e).leaf[0];
  bool divergent = sm_fact(e, s) & SM_F_DIVERGENT;
  bool killed = e->killed;
  sm_val old = sm_exec(e);
  sm_loop loop;
  memset(&loop, 0, sizeof(loop));
  if (divergent) e->level++;
  loop.outer = e->loop;
  loop.is_switch = true;
  /* A break of all lanes of one case is not one of all lanes. */
  loop.level = c.form == SM_UNI ? e->level : e->level - 1;
  loop.exit = sm_block(e);
  e->loop = &loop;
  e->killed = false;
  if (c.form == SM_UNI) switch_uniform(e, s, c, &loop);
  else switch_varying(e, s, c, &loop, old);
  sm_here(e, loop.exit);
  e->loop = loop.outer;
  if (divergent) {
    e->level--;
    set_exec(e, still_here(e, old, e->loop));
  }
  e->killed = killed || (divergent && leaves_switch(s, false));
}

/* ---- declarations ----------------------------------------------------- */

static void bind_threadgroup(sm_emit *e, const sm_var *var) {
  uint32_t align = var->type->align > 16 ? var->type->align : 16;
  uint32_t at = (e->info->threadgroup_bytes + align - 1) / align * align;
  if (var->type->size > (1u << 20) - at)
    sm_emit_fail(e, var->loc, "threadgroup memory of more than 1 MiB");
  e->info->threadgroup_bytes = at + var->type->size;
  sm_state *s = sm_state_new(e, var, var->type, SM_C_BOUND);
  LLVMBasicBlockRef back = LL.GetInsertBlock(e->b);
  sm_here(e, e->entry); /* its scope may be emitted more than once */
  sm_val base = sm_frame_field(e, e->ptr, offsetof(sm_frame, tg_static));
  s->value = sm_value_new(e, var->type);
  s->value.leaf = TM_NEW(e->arena, sm_leaf);
  s->value.leaf[0] = sm_leaf_uni(sm_at(e, base, sm_i64(e, at)));
  sm_here(e, back);
  s->value.leaf[0].root = sm_watch_variable(e, at, var->type->size);
  e->states[var->id] = s;
}

void sm_emit_declare(sm_emit *e, const sm_var *var, const sm_value *init) {
  sm_class kind = e->classes[var->id];
  if (kind == SM_C_NONE) kind = SM_C_VARYING;
  sm_state *s = sm_state_new(e, var, var->type, kind);
  if (kind == SM_C_BOUND) s->value = *init;
  if (kind == SM_C_STEP) {
    bool pointer = var->type->kind == SM_T_POINTER;
    sm_ty type = pointer ? e->i64 : sm_scalar_type(e, var->type->scalar);
    s->value = *init;
    s->memory = sm_alloca(e, type, 8);
    LL.BuildStore(e->b, LL.ConstNull(type), s->memory);
  }
  e->states[var->id] = s;
  if (init && (kind == SM_C_UNIFORM || kind == SM_C_VARYING)) {
    for (uint32_t i = 0; i < init->n; i++)
      if (init->leaf[i].form == SM_PLACE)
        sm_emit_fail(e, var->loc, "%s: a pointer into thread memory may not "
                     "be changed after its declaration", var->name);
    sm_place p = sm_state_place(e, s, var->type);
    sm_value v = *init;
    v.type = var->type;
    sm_place_write(e, &p, v, var->loc);
  }
}

/* Under checks a variable begins as NaN, or as all ones, wherever it is read
 * before it is written; else the optimizer would choose what suits it. */
static void poison(sm_emit *e, const sm_var *var) {
  sm_state *s = e->states[var->id];
  if (!e->options->check || !s->memory) return;
  uint64_t bytes = sm_slot_size(e, var->type, s->kind == SM_C_VARYING);
  LL.BuildMemSet(e->b, s->memory, LL.ConstInt(e->i8, 0xff, false),
                 LL.ConstInt(e->i64, bytes, false), bytes >= 64 ? 64 : 8);
}

static void emit_decl(sm_emit *e, const sm_var *var) {
  if (var->kind == SM_V_THREADGROUP) {
    if (!e->states[var->id]) bind_threadgroup(e, var);
    return;
  }
  if (var->type->kind == SM_T_REFERENCE) {
    sm_place p = sm_emit_place(e, var->init);
    sm_state *s = sm_state_new(e, var, var->type, SM_C_BOUND);
    s->place = sm_place_copy(e, &p);
    e->states[var->id] = s;
    return;
  }
  if (!var->init) {
    sm_emit_declare(e, var, NULL);
    poison(e, var);
    return;
  }
  sm_value v = sm_emit_value(e, var->init);
  v.type = var->type;
  sm_emit_declare(e, var, &v);
}

/* ---- functions in line ------------------------------------------------ */

/* The only return is the last statement: its value is used as it is. */
static bool single_return(const sm_function *f) {
  uint32_t n = f->body->body.len;
  if (f->body->kind != SM_S_BLOCK || n == 0) return false;
  if (f->body->body.data[n - 1]->kind != SM_S_RETURN) return false;
  for (uint32_t i = 0; i + 1 < n; i++) {
    const sm_stmt *s = f->body->body.data[i];
    /* breaks and continues inside of loops are harmless */
    const sm_stmt *stack[64];
    uint32_t top = 0;
    stack[top++] = s;
    while (top) {
      const sm_stmt *t = stack[--top];
      if (!t) continue;
      if (t->kind == SM_S_RETURN) return false;
      for (uint32_t k = 0; k < t->body.len; k++) {
        if (top == 64) return false;
        stack[top++] = t->body.data[k];
      }
    }
  }
  return true;
}

static void bind_param(sm_emit *e, const sm_var *p, const sm_expr *arg,
                       sm_state **out) {
  sm_state *outer = e->states[p->id];
  if (p->type->kind == SM_T_REFERENCE) {
    sm_place place = sm_emit_place(e, arg);
    sm_state *s = sm_state_new(e, p, p->type, SM_C_BOUND);
    s->place = sm_place_copy(e, &place);
    *out = s;
    return;
  }
  sm_value v = sm_emit_value(e, arg);
  v.type = p->type;
  sm_emit_declare(e, p, &v);
  *out = e->states[p->id];
  e->states[p->id] = outer;
}

sm_value sm_emit_call(sm_emit *e, const sm_expr *x) {
  const sm_function *f = x->u.function;
  sm_inline in;
  memset(&in, 0, sizeof(in));
  uint32_t depth = 0;
  for (const sm_inline *i = e->inlined; i; i = i->caller) {
    if (i->function == f)
      sm_emit_fail(e, x->loc, "function %s calls itself", f->name);
    depth++;
  }
  if (depth > MOST_CALLS || !f->body)
    sm_emit_fail(e, x->loc, "calls nested more than %d deep", MOST_CALLS);
  uint32_t n = f->params.len;
  sm_state **bound = TM_NEW_ARRAY(e->arena, sm_state *, n + 1);
  for (uint32_t i = 0; i < n && i < x->args.len; i++)
    bind_param(e, f->params.data[i], x->args.data[i], &bound[i]);
  for (uint32_t i = 0; i < n; i++)
    e->states[f->params.data[i]->id] = bound[i];
  in.function = f;
  in.caller = e->inlined;
  in.level = e->level;
  in.has_result =
      !(f->result->kind == SM_T_SCALAR && f->result->scalar == SM_VOID);
  in.direct = in.has_result && single_return(f);
  in.exit = sm_block(e);
  sm_val old = sm_exec(e);
  if (in.has_result && !in.direct) {
    bool varies = e->result_varies[sm_function_index(e, f)];
    in.result = *sm_state_new(e, NULL, f->result,
                              varies ? SM_C_VARYING : SM_C_UNIFORM);
  }
  if (sm_fact(e, f) & SM_F_RETURNS) in.returned = mask_memory(e);
  sm_loop *loop = e->loop;
  bool killed = e->killed, continued = e->continued;
  e->killed = e->continued = false;
  e->loop = NULL;
  e->inlined = &in;
  sm_emit_stmt(e, f->body);
  sm_go(e, in.exit);
  e->inlined = in.caller;
  e->loop = loop;
  e->killed = killed;
  e->continued = continued;
  if (in.returned) set_exec(e, old);
  if (!in.has_result) return sm_value_new(e, f->result);
  if (in.direct) return in.value;
  sm_place p = sm_state_place(e, &in.result, f->result);
  return sm_place_read(e, &p, x->loc);
}

/* ---- statements ------------------------------------------------------- */

void sm_emit_stmt(sm_emit *e, const sm_stmt *s) {
  if (!s) return;
  if (++e->depth > DEPTH)
    sm_emit_fail(e, s->loc, "statements nested more than %d deep", DEPTH);
  if (++e->size > SM_MOST_STATEMENTS)
    sm_emit_fail(e, s->loc, "the kernel has more than %d statements after "
                 "inlining and unrolling", SM_MOST_STATEMENTS);
  switch (s->kind) {
  case SM_S_EXPR:
    if (!s->e) break;
    e->discard = true;
    sm_emit_value(e, s->e);
    e->discard = false;
    break;
  case SM_S_DECL: emit_decl(e, s->var); break;
  case SM_S_BLOCK: emit_list(e, s->body.data, s->body.len, 0); break;
  case SM_S_IF: emit_if(e, s); break;
  case SM_S_FOR: case SM_S_WHILE: case SM_S_DO: emit_loop(e, s); break;
  case SM_S_SWITCH: emit_switch(e, s); break;
  case SM_S_CASE: break;
  case SM_S_BREAK: emit_break(e); break;
  case SM_S_CONTINUE: emit_continue(e, s->loc); break;
  case SM_S_RETURN: emit_return(e, s); break;
  }
  e->depth--;
}

void sm_emit_kernel_body(sm_emit *e) {
  sm_inline in;
  memset(&in, 0, sizeof(in));
  in.function = e->kernel;
  in.exit = sm_block(e);
  in.level = e->level;
  e->inlined = &in;
  if (sm_fact(e, e->kernel) & SM_F_RETURNS) in.returned = mask_memory(e);
  for (uint32_t i = 0; i < e->kernel->params.len; i++) {
    const sm_var *p = e->kernel->params.data[i];
    if (p->kind == SM_V_BUFFER && p->type->kind == SM_T_REFERENCE)
      e->info->buffer_min[p->index % SM_BUFFERS] = p->type->element->size;
    /* A parameter that the body changes is a local variable. */
    sm_class kind = e->classes[p->id];
    bool value = p->kind == SM_V_INPUT ||
                 ((p->kind == SM_V_BUFFER || p->kind == SM_V_TG_BUFFER) &&
                  p->type->kind == SM_T_POINTER);
    if (!value || kind == SM_C_BOUND || kind == SM_C_NONE) continue;
    sm_value v = sm_emit_input(e, p);
    sm_emit_declare(e, p, &v);
  }
  e->large = sm_is_large(e);
  sm_emit_stmt(e, e->kernel->body);
  sm_go(e, in.exit);
  LL.BuildRetVoid(e->b);
  e->inlined = NULL;
}
