/* SPDX-License-Identifier: MIT */
/*
 * emit_region.c - kernels with barriers, without a stack per simdgroup.
 *
 * The emitter writes a kernel for one simdgroup that calls sm_rt_barrier.
 * Here that function is cut at its barriers. What lies between two cuts is a
 * region; the new function runs one region for every simdgroup of the
 * threadgroup, then the next:
 *
 *   interval: for each simdgroup s of the group, in order
 *               switch (state[s]): the code behind the barrier it waits at
 *               ... runs to the next barrier or the end: state[s] = which
 *             all have ended: return; else the next interval
 *
 * Nothing is duplicated, so any control flow will do: barriers in loops, in
 * branches, in helpers that were emitted in line. Simdgroups may even wait at
 * different ones; the runtime looks at that (sm_rt_interval), as it does for
 * coroutines.
 *
 * A value that is needed behind a barrier is kept in memory, a record per
 * simdgroup: it is written where it is made, or before the barrier if it is
 * made in a loop that no barrier interrupts, and read behind the barrier.
 * In between it is a local variable, which LLVM's mem2reg turns into registers.
 * What a loop carries and what it becomes in an iteration lie in one place.
 * Values that are a few instructions away from the frame (addresses,
 * positions) are made again where they are used instead.
 *
 * LLVM's own coroutine passes do the same for one coroutine at a time, but
 * without the loop, and their intrinsics differ from version to version.
 */
#include "emit.h"

enum {
  MOST_RECORD_BYTES = 256 * 1024, /* more is left to coroutines */
  MOST_REMADE = 10 /* instructions to make a value again */
};

typedef struct cut {
  LLVMBasicBlockRef before, after;
  sm_val call;
  sm_val line;
} cut;

typedef struct crossing { /* a value that is live across some barrier */
  sm_val value;
  LLVMBasicBlockRef block;
  uint64_t *cuts;   /* bit per cut behind which it is needed */
  bool remade;
  bool at_barrier;  /* kept before barriers, not where it is made */
  bool shares;      /* its place in the record with another one */
  struct crossing *next; /* of a phi: what it becomes, in the same place */
  uint64_t offset;  /* in the record */
  sm_val local;
} crossing;

typedef struct local { /* an alloca that stays memory */
  sm_val value;
  uint64_t offset; /* in the record */
} local;

typedef struct region {
  sm_emit *e;
  sm_val function;
  LLVMTargetDataRef layout;
  TM_VEC(LLVMBasicBlockRef) blocks;
  TM_VEC(cut) cuts;
  TM_VEC(crossing) crossings;
  TM_VEC(local) locals;
  tm_map index;            /* of blocks, plus one */
  uint32_t **preds, *n_preds;
  uint32_t *cut_before, *cut_after; /* by block: number of the cut plus 1 */
  uint32_t *mark, serial;  /* by block, of the last walk */
  uint32_t *stack;
  int8_t *cycle;           /* by block: 0 not known, 1 in one, -1 not */
  tm_map cost;             /* of making values again, plus one */
  unsigned invariant;
  sm_val record, frame, group;
  LLVMBasicBlockRef start, simd, done;
  uint64_t bytes;          /* of a record */
} region;

/* ---- blocks ----------------------------------------------------------- */

static uint32_t block_index(const region *r, LLVMBasicBlockRef b) {
  uint64_t v = 0;
  tm_map_get(&r->index, TM_KEY(b), &v);
  return (uint32_t)v - 1;
}

static LLVMBasicBlockRef block_of(sm_val instruction) {
  return LL.GetInstructionParent(instruction);
}

static bool is_barrier(const region *r, sm_val i) {
  return LL.GetInstructionOpcode(i) == LLVMCall &&
         LL.GetCalledValue(i) ==
             LL.GetNamedFunction(r->e->module, "sm_rt_barrier");
}

/* Moves what comes before and including the barrier into a block of its own,
 * so that the rest keeps its place in the successors' phis. */
static void split_at(region *r, LLVMBasicBlockRef b, sm_val barrier) {
  sm_emit *e = r->e;
  LLVMBasicBlockRef head = LL.InsertBasicBlockInContext(e->context, b, "");
  for (LLVMBasicBlockRef p = LL.GetFirstBasicBlock(r->function); p;
       p = LL.GetNextBasicBlock(p)) {
    sm_val t = LL.GetBasicBlockTerminator(p);
    for (unsigned i = 0; t && i < LL.GetNumSuccessors(t); i++)
      if (LL.GetSuccessor(t, i) == b) LL.SetSuccessor(t, i, head);
  }
  sm_here(e, head);
  for (bool more = true; more;) {
    sm_val i = LL.GetFirstInstruction(b);
    more = i != barrier;
    LL.InstructionRemoveFromParent(i);
    LL.InsertIntoBuilder(e->b, i);
  }
  LL.BuildBr(e->b, b);
  /* A barrier before it in the same block: what follows that is here. */
  cut *last = r->cuts.len ? &r->cuts.data[r->cuts.len - 1] : NULL;
  if (last && last->after == b) last->after = head;
  cut c = {head, b, barrier, LL.GetOperand(barrier, 1)};
  tm_push(e->arena, &r->cuts, c);
}

static void find_cuts(region *r) {
  for (LLVMBasicBlockRef b = LL.GetFirstBasicBlock(r->function); b;
       b = LL.GetNextBasicBlock(b))
    for (sm_val i = LL.GetFirstInstruction(b), next; i; i = next) {
      next = LL.GetNextInstruction(i);
      if (is_barrier(r, i)) split_at(r, b, i);
    }
}

static void number_blocks(region *r) {
  tm_arena *arena = r->e->arena;
  r->index = tm_map_in(arena);
  for (LLVMBasicBlockRef b = LL.GetFirstBasicBlock(r->function); b;
       b = LL.GetNextBasicBlock(b)) {
    tm_push(arena, &r->blocks, b);
    tm_map_put(&r->index, TM_KEY(b), r->blocks.len);
  }
  uint32_t n = r->blocks.len;
  r->preds = TM_NEW_ARRAY(arena, uint32_t *, n);
  r->n_preds = TM_NEW_ARRAY(arena, uint32_t, n);
  for (uint32_t i = 0; i < n; i++) {
    sm_val t = LL.GetBasicBlockTerminator(r->blocks.data[i]);
    for (unsigned k = 0; k < LL.GetNumSuccessors(t); k++)
      r->n_preds[block_index(r, LL.GetSuccessor(t, k))]++;
  }
  for (uint32_t i = 0; i < n; i++) {
    r->preds[i] = TM_NEW_ARRAY(arena, uint32_t, r->n_preds[i] + 1);
    r->n_preds[i] = 0;
  }
  for (uint32_t i = 0; i < n; i++) {
    sm_val t = LL.GetBasicBlockTerminator(r->blocks.data[i]);
    for (unsigned k = 0; k < LL.GetNumSuccessors(t); k++) {
      uint32_t to = block_index(r, LL.GetSuccessor(t, k));
      r->preds[to][r->n_preds[to]++] = i;
    }
  }
  r->cut_before = TM_NEW_ARRAY(arena, uint32_t, n);
  r->cut_after = TM_NEW_ARRAY(arena, uint32_t, n);
  r->mark = TM_NEW_ARRAY(arena, uint32_t, n);
  r->stack = TM_NEW_ARRAY(arena, uint32_t, n + 1);
  r->cycle = TM_NEW_ARRAY(arena, int8_t, n);
  for (uint32_t c = 0; c < r->cuts.len; c++) {
    r->cut_before[block_index(r, r->cuts.data[c].before)] = c + 1;
    r->cut_after[block_index(r, r->cuts.data[c].after)] = c + 1;
  }
}

/* The block can be reached from itself without passing a barrier. */
static bool in_cycle(region *r, LLVMBasicBlockRef block) {
  uint32_t at = block_index(r, block), top = 0;
  if (r->cycle[at]) return r->cycle[at] > 0;
  r->serial++;
  r->stack[top++] = at;
  r->cycle[at] = -1;
  while (top) {
    uint32_t b = r->stack[--top];
    if (r->cut_before[b]) continue;
    sm_val t = LL.GetBasicBlockTerminator(r->blocks.data[b]);
    for (unsigned k = 0; k < LL.GetNumSuccessors(t); k++) {
      uint32_t s = block_index(r, LL.GetSuccessor(t, k));
      if (s == at) {
        r->cycle[at] = 1;
        return true;
      }
      if (r->mark[s] == r->serial) continue;
      r->mark[s] = r->serial;
      r->stack[top++] = s;
    }
  }
  return false;
}

/* ---- what crosses barriers -------------------------------------------- */

/* Marks the blocks that a value is live into because it is needed at the end
 * of block `from`, and notes the cuts on the way; are there any? */
static bool live_from(region *r, uint32_t def, uint32_t from,
                      uint64_t *cuts) {
  bool crosses = false;
  uint32_t top = 0;
  if (from == def || r->mark[from] == r->serial) return false;
  r->mark[from] = r->serial;
  r->stack[top++] = from;
  while (top) {
    uint32_t b = r->stack[--top], c = r->cut_after[b];
    if (c && cuts) cuts[(c - 1) / 64] |= (uint64_t)1 << (c - 1) % 64;
    if (c) crosses = true;
    for (uint32_t k = 0; k < r->n_preds[b]; k++) {
      uint32_t p = r->preds[b][k];
      if (p == def || r->mark[p] == r->serial) continue;
      r->mark[p] = r->serial;
      r->stack[top++] = p;
    }
  }
  return crosses;
}

/* Marks the blocks that v is live into, and notes the cuts that lie in its
 * life unless cuts is NULL; are there any? */
static bool mark_live(region *r, sm_val v, uint64_t *cuts) {
  bool crosses = false;
  uint32_t def = block_index(r, block_of(v));
  r->serial++;
  for (LLVMUseRef u = LL.GetFirstUse(v); u; u = LL.GetNextUse(u)) {
    sm_val user = LL.GetUser(u);
    if (LL.GetInstructionOpcode(user) != LLVMPHI) {
      crosses |= live_from(r, def, block_index(r, block_of(user)), cuts);
      continue;
    }
    for (unsigned i = 0; i < LL.CountIncoming(user); i++)
      if (LL.GetIncomingValue(user, i) == v)
        crosses |= live_from(
            r, def, block_index(r, LL.GetIncomingBlock(user, i)), cuts);
  }
  return crosses;
}

static void find_crossing(region *r, sm_val v, LLVMBasicBlockRef block,
                          uint64_t *cuts, uint32_t words) {
  if (!mark_live(r, v, cuts)) return;
  crossing c = {.value = v, .block = block};
  c.cuts = TM_NEW_ARRAY(r->e->arena, uint64_t, words);
  memcpy(c.cuts, cuts, words * sizeof(*cuts));
  memset(cuts, 0, words * sizeof(*cuts));
  tm_push(r->e->arena, &r->crossings, c);
}

static void find_crossings(region *r) {
  uint32_t words = (r->cuts.len + 63) / 64;
  uint64_t *cuts = TM_NEW_ARRAY(r->e->arena, uint64_t, words);
  for (uint32_t b = 0; b < r->blocks.len; b++)
    for (sm_val i = LL.GetFirstInstruction(r->blocks.data[b]); i;
         i = LL.GetNextInstruction(i)) {
      local l = {i, 0};
      if (LL.GetInstructionOpcode(i) == LLVMAlloca)
        tm_push(r->e->arena, &r->locals, l);
      else find_crossing(r, i, r->blocks.data[b], cuts, words);
    }
}

static bool is_needed(const crossing *c, uint32_t cut_number) {
  return c->cuts[cut_number / 64] >> cut_number % 64 & 1;
}

/* ---- values that are made again --------------------------------------- */

static bool is_cheap(const region *r, sm_val v) {
  switch (LL.GetInstructionOpcode(v)) {
  case LLVMLoad: return LL.GetMetadata(v, r->invariant) != NULL;
  case LLVMGetElementPtr: case LLVMAdd: case LLVMSub: case LLVMShl:
  case LLVMLShr: case LLVMAShr: case LLVMAnd: case LLVMOr: case LLVMXor:
  case LLVMTrunc: case LLVMZExt: case LLVMSExt: case LLVMBitCast:
  case LLVMICmp: case LLVMInsertElement: case LLVMShuffleVector:
  case LLVMMul: return true;
  default: return false;
  }
}

/* Instructions that it takes to make v from the frame and constants; more
 * than MOST_REMADE: too many, or impossible. */
static uint32_t remake_cost(region *r, sm_val v, uint32_t depth) {
  uint64_t known;
  if (!LL.IsAInstruction(v) || LL.GetInstructionOpcode(v) == LLVMAlloca)
    return 0; /* constants, the frame, what is in the record */
  if (tm_map_get(&r->cost, TM_KEY(v), &known)) return (uint32_t)known;
  uint32_t cost = MOST_REMADE + 1;
  if (depth < MOST_REMADE && is_cheap(r, v)) {
    int n = LL.GetNumOperands(v);
    cost = 1;
    for (int i = 0; i < n && cost <= MOST_REMADE; i++)
      cost += remake_cost(r, LL.GetOperand(v, (unsigned)i), depth + 1);
  }
  tm_map_put(&r->cost, TM_KEY(v), cost);
  return cost;
}

static sm_val remake(region *r, sm_val v) {
  if (!LL.IsAInstruction(v) || block_of(v) == r->simd) return v;
  sm_val copy = LL.InstructionClone(v);
  int n = LL.GetNumOperands(v);
  for (int i = 0; i < n; i++)
    LL.SetOperand(copy, (unsigned)i,
                  remake(r, LL.GetOperand(v, (unsigned)i)));
  LL.InsertIntoBuilder(r->e->b, copy);
  return copy;
}

/* ---- the record ------------------------------------------------------- */

static bool is_mask(const region *r, sm_ty type) {
  return type == r->e->i1 || (LL.GetTypeKind(type) == LLVMVectorTypeKind &&
                              LL.GetElementType(type) == r->e->i1);
}

/* Masks are kept as bytes: vectors of bits are costly to read back where
 * there are no mask registers. */
static sm_ty kept_type(const region *r, sm_ty type) {
  if (!is_mask(r, type)) return type;
  if (type == r->e->i1) return r->e->i8;
  return sm_vector_type(r->e->i8, LL.GetVectorSize(type));
}

static uint64_t reserve(region *r, uint64_t bytes) {
  uint64_t align = bytes >= 64 ? 64 : 8;
  r->bytes = (r->bytes + align - 1) & ~(align - 1);
  uint64_t at = r->bytes;
  r->bytes += bytes;
  return at;
}

/* ---- phis that keep their place ------------------------------------------ */

static bool is_marked(const region *r, LLVMBasicBlockRef b) {
  return r->mark[block_index(r, b)] == r->serial;
}

/* v is used behind `at`, on some way from there. */
static bool is_live_behind(region *r, sm_val v, sm_val at) {
  LLVMBasicBlockRef b = block_of(at);
  mark_live(r, v, NULL);
  sm_val t = LL.GetBasicBlockTerminator(b);
  for (unsigned i = 0; i < LL.GetNumSuccessors(t); i++)
    if (is_marked(r, LL.GetSuccessor(t, i))) return true;
  for (LLVMUseRef u = LL.GetFirstUse(v); u; u = LL.GetNextUse(u)) {
    sm_val user = LL.GetUser(u);
    if (LL.GetInstructionOpcode(user) == LLVMPHI) {
      for (unsigned i = 0; i < LL.CountIncoming(user); i++)
        if (LL.GetIncomingValue(user, i) == v &&
            LL.GetIncomingBlock(user, i) == b)
          return true;
    } else if (block_of(user) == b) {
      for (sm_val i = LL.GetNextInstruction(at); i;
           i = LL.GetNextInstruction(i))
        if (i == user) return true;
    }
  }
  return false;
}

/* Does nobody need one of them while the other one is there? Values in SSA
 * form are apart if neither is live where the other one is made. */
static bool are_apart(region *r, sm_val phi, sm_val v) {
  mark_live(r, v, NULL);
  return !is_marked(r, block_of(phi)) && !is_live_behind(r, phi, v);
}

/* What else the phi becomes can be written where it comes from, as there is
 * one way on from there. */
static bool can_write_before(const crossing *phi, sm_val next) {
  for (unsigned i = 0; i < LL.CountIncoming(phi->value); i++) {
    LLVMBasicBlockRef from = LL.GetIncomingBlock(phi->value, i);
    if (LL.GetIncomingValue(phi->value, i) != next &&
        LL.GetNumSuccessors(LL.GetBasicBlockTerminator(from)) != 1)
      return false;
  }
  return true;
}

/* A value that a loop carries is a phi, and the value that it becomes at the
 * end of an iteration. Both are kept; in one place, if they are apart, so
 * that nothing is copied from one iteration to the next. */
static void share_places(region *r) {
  tm_map by_value = tm_map_in(r->e->arena);
  for (uint32_t i = 0; i < r->crossings.len; i++)
    tm_map_put(&by_value, TM_KEY(r->crossings.data[i].value), i);
  for (uint32_t i = 0; i < r->crossings.len; i++) {
    crossing *phi = &r->crossings.data[i];
    if (!sm_is_op(phi->value, LLVMPHI) || phi->remade || phi->at_barrier)
      continue;
    for (unsigned k = 0; k < LL.CountIncoming(phi->value); k++) {
      uint64_t at;
      sm_val v = LL.GetIncomingValue(phi->value, k);
      if (phi->shares || !tm_map_get(&by_value, TM_KEY(v), &at)) continue;
      crossing *c = &r->crossings.data[at];
      if (c == phi || c->shares || c->remade || c->at_barrier ||
          !can_write_before(phi, v) || !are_apart(r, phi->value, v))
        continue;
      phi->next = c;
      phi->shares = c->shares = true;
    }
  }
}

static void lay_out(region *r) {
  for (uint32_t i = 0; i < r->crossings.len; i++) {
    crossing *c = &r->crossings.data[i];
    c->remade = remake_cost(r, c->value, 0) <= MOST_REMADE;
    c->at_barrier = !c->remade && in_cycle(r, c->block);
  }
  share_places(r);
  for (uint32_t i = 0; i < r->crossings.len; i++) {
    crossing *c = &r->crossings.data[i];
    if (c->remade || c->next) continue;
    c->offset = reserve(r, LL.ABISizeOfType(
        r->layout, kept_type(r, LL.TypeOf(c->value))));
  }
  for (uint32_t i = 0; i < r->crossings.len; i++) {
    crossing *c = &r->crossings.data[i];
    if (c->next) c->offset = c->next->offset;
  }
  for (uint32_t i = 0; i < r->locals.len; i++) {
    local *l = &r->locals.data[i];
    l->offset = reserve(r, LL.ABISizeOfType(
        r->layout, LL.GetAllocatedType(l->value)));
  }
  r->bytes = (r->bytes + 63) & ~(uint64_t)63;
}

static unsigned record_align(uint64_t offset) {
  return offset % 64 == 0 ? 64 : 8;
}

static void keep(region *r, const crossing *c, sm_val v) {
  sm_emit *e = r->e;
  sm_ty type = LL.TypeOf(v);
  if (is_mask(r, type)) v = CONVERT(SExt, v, kept_type(r, type));
  LL.SetAlignment(LL.BuildStore(e->b, v,
                                sm_at(e, r->record, sm_i64(e, c->offset))),
                  record_align(c->offset));
}

static sm_val recall(region *r, const crossing *c) {
  sm_emit *e = r->e;
  sm_ty type = LL.TypeOf(c->value), kept = kept_type(r, type);
  sm_val v = LL.BuildLoad2(e->b, kept,
                           sm_at(e, r->record, sm_i64(e, c->offset)), "");
  LL.SetAlignment(v, record_align(c->offset));
  return kept == type ? v : ICMP(SLT, v, LL.ConstNull(kept));
}

/* ---- the loop around ---------------------------------------------------- */

#define GROUP(field) \
  sm_at(e, r->group, sm_i64(e, offsetof(sm_group, field)))
#define FRAME(frame, field) \
  sm_at(e, (frame), sm_i64(e, offsetof(sm_frame, field)))

/* The head of the loop: one simdgroup's frame and record, and where it goes
 * on. Leaves in phi the loop's counter, what all states have in common, and
 * what any has. */
static void open_loop(region *r, LLVMBasicBlockRef interval, sm_val records,
                      sm_val phi[3]) {
  sm_emit *e = r->e;
  sm_here(e, interval);
  LL.BuildBr(e->b, r->simd);
  sm_here(e, r->simd);
  sm_val first[3] = {sm_i64(e, 0), sm_i32(e, UINT32_MAX), sm_i32(e, 0)};
  for (int i = 0; i < 3; i++) {
    phi[i] = LL.BuildPhi(e->b, LL.TypeOf(first[i]), "");
    LL.AddIncoming(phi[i], &first[i], &interval, 1);
  }
  sm_val by = OP2(Mul, phi[0], sm_i64(e, sizeof(sm_frame *)));
  sm_val frame = LL.BuildLoad2(
      e->b, e->ptr, LL.BuildGEP2(e->b, e->i8, GROUP(order), &by, 1, ""), "");
  /* Volatile: the runtime reads it while the kernel runs. */
  LL.SetVolatile(LL.BuildStore(e->b, frame, GROUP(running)), true);
  sm_val at = LL.BuildLoad2(e->b, e->i64, FRAME(frame, record), "");
  r->record = LL.BuildGEP2(e->b, e->i8, records, &at, 1, "");
  sm_val state = LL.BuildLoad2(e->b, e->i32, FRAME(frame, state), "");
  for (uint32_t i = 0; i < r->locals.len; i++) {
    const local *l = &r->locals.data[i];
    LL.ReplaceAllUsesWith(l->value,
                          sm_at(e, r->record, sm_i64(e, l->offset)));
    LL.InstructionEraseFromParent(l->value);
  }
  sm_val sw = LL.BuildSwitch(e->b, state, r->done, r->cuts.len + 1);
  LL.AddCase(sw, sm_i32(e, SM_STATE_START), r->start);
  for (uint32_t c = 0; c < r->cuts.len; c++)
    LL.AddCase(sw, sm_i32(e, SM_STATE_BARRIER + c), r->cuts.data[c].after);
  LL.ReplaceAllUsesWith(r->frame, frame);
  r->frame = frame;
}

static sm_val barrier_lines(region *r) {
  sm_emit *e = r->e;
  uint32_t n = r->cuts.len + SM_STATE_BARRIER;
  sm_val *line = TM_NEW_ARRAY(e->arena, sm_val, n);
  line[0] = line[1] = sm_i32(e, 0);
  for (uint32_t c = 0; c < r->cuts.len; c++)
    line[SM_STATE_BARRIER + c] = r->cuts.data[c].line;
  sm_val all = LL.ConstArray(e->i32, line, n);
  sm_val g = LL.AddGlobal(e->module, LL.TypeOf(all), "");
  LL.SetInitializer(g, all);
  LL.SetGlobalConstant(g, true);
  LL.SetLinkage(g, LLVMPrivateLinkage);
  LL.SetAlignment(g, 4);
  return g;
}

/* The foot of the loop. next is a phi of what the simdgroup waits at. */
static void close_loop(region *r, LLVMBasicBlockRef interval, sm_val next,
                       sm_val phi[3]) {
  sm_emit *e = r->e;
  LLVMBasicBlockRef finish = sm_block(e), more = sm_block(e);
  LLVMBasicBlockRef out = sm_block(e), look = sm_block(e);
  sm_here(e, r->done);
  LL.BuildStore(e->b, next, FRAME(r->frame, state));
  sm_val now[3] = {OP2(Add, phi[0], sm_i64(e, 1)), OP2(And, phi[1], next),
                   OP2(Or, phi[2], next)};
  for (int i = 0; i < 3; i++) LL.AddIncoming(phi[i], &now[i], &r->done, 1);
  sm_val count = LL.BuildLoad2(e->b, e->i64, GROUP(count), "");
  LL.BuildCondBr(e->b, ICMP(ULT, now[0], count), r->simd, finish);
  sm_here(e, finish);
  LL.BuildCondBr(e->b, ICMP(EQ, now[2], sm_i32(e, SM_STATE_ENDED)), out,
                 more);
  sm_here(e, more);
  sm_val attend = LL.BuildLoad2(e->b, e->i32, GROUP(attend), "");
  sm_val mixed = ICMP(NE, now[1], now[2]);
  sm_val stop = LL.BuildLoad2(e->b, e->ptr, GROUP(stop), "");
  stop = LL.BuildLoad2(e->b, e->i32, stop, "");
  LL.SetVolatile(stop, true);
  attend = OP2(Or, attend, stop);
  mixed = OP2(Or, mixed, ICMP(NE, attend, sm_i32(e, 0)));
  LL.BuildCondBr(e->b, mixed, look, interval);
  sm_here(e, look);
  sm_val args[2] = {r->group, barrier_lines(r)};
  sm_runtime(e, "sm_rt_interval", e->void_type, args, 2);
  LL.BuildBr(e->b, interval);
  sm_here(e, out);
  LL.BuildRetVoid(e->b);
}

/* ---- cutting ------------------------------------------------------------ */

/* Barriers and returns become ways to the foot of the loop. Returns the phi
 * that says which. */
static sm_val leave_regions(region *r) {
  sm_emit *e = r->e;
  sm_here(e, r->done);
  sm_val next = LL.BuildPhi(e->b, e->i32, "");
  sm_val ended = sm_i32(e, SM_STATE_ENDED);
  LL.AddIncoming(next, &ended, &r->simd, 1);
  for (uint32_t i = 0; i < r->blocks.len; i++) {
    LLVMBasicBlockRef b = r->blocks.data[i];
    sm_val t = LL.GetBasicBlockTerminator(b), value = ended;
    if (r->cut_before[i]) {
      uint32_t c = r->cut_before[i] - 1;
      value = sm_i32(e, SM_STATE_BARRIER + c);
      LL.InstructionEraseFromParent(r->cuts.data[c].call);
    } else if (LL.GetInstructionOpcode(t) != LLVMRet) {
      continue;
    }
    LL.InstructionEraseFromParent(t);
    sm_here(e, b);
    LL.BuildBr(e->b, r->done);
    LL.AddIncoming(next, &value, &b, 1);
  }
  return next;
}

/* Whoever passes a barrier on every way around need not ask in between
 * whether to stop: the loop over simdgroups does. */
static void skip_stops(region *r) {
  sm_emit *e = r->e;
  sm_val stop = LL.GetNamedFunction(e->module, "sm_rt_stop");
  for (uint32_t i = 0; stop && i < r->blocks.len; i++) {
    LLVMBasicBlockRef b = r->blocks.data[i];
    sm_val t = LL.GetBasicBlockTerminator(b);
    if (LL.GetInstructionOpcode(t) != LLVMBr || LL.GetNumSuccessors(t) != 2)
      continue;
    for (unsigned k = 0; k < 2; k++) {
      sm_val call = LL.GetFirstInstruction(LL.GetSuccessor(t, k));
      if (LL.GetInstructionOpcode(call) == LLVMCall &&
          LL.GetCalledValue(call) == stop && !in_cycle(r, b)) {
        sm_val asked = LL.GetOperand(LL.GetOperand(t, 0), 0);
        if (LL.IsAInstruction(asked) &&
            LL.GetInstructionOpcode(asked) == LLVMLoad)
          LL.SetVolatile(asked, false); /* so that it goes */
        LL.SetOperand(t, 0, sm_int(e, e->i1, k != 0));
      }
    }
  }
}

static sm_val first_of(LLVMBasicBlockRef b) { /* behind the phis */
  sm_val i = LL.GetFirstInstruction(b);
  while (i && LL.GetInstructionOpcode(i) == LLVMPHI)
    i = LL.GetNextInstruction(i);
  return i;
}

static sm_val value_before(region *r, const crossing *c, sm_val user) {
  sm_emit *e = r->e;
  LL.PositionBuilderBefore(e->b, user);
  if (c->remade) return remake(r, c->value);
  return LL.BuildLoad2(e->b, LL.TypeOf(c->value), c->local, "");
}

/* The same for phis, at the end of the block that they come from. */
static sm_val read_at_end(region *r, const crossing *c, LLVMBasicBlockRef b,
                          tm_map *reads) {
  uint64_t known;
  if (tm_map_get(reads, TM_KEY(b), &known))
    return (sm_val)(uintptr_t)known;
  sm_val v = value_before(r, c, LL.GetBasicBlockTerminator(b));
  tm_map_put(reads, TM_KEY(b), (uint64_t)(uintptr_t)v);
  return v;
}

/* Uses in other blocks read the local variable, or make the value again. */
static void redirect_uses(region *r, const crossing *c) {
  sm_emit *e = r->e;
  TM_VEC(sm_val) users = {0};
  tm_map reads = tm_map_in(e->arena);
  for (LLVMUseRef u = LL.GetFirstUse(c->value); u; u = LL.GetNextUse(u))
    tm_push(e->arena, &users, LL.GetUser(u));
  for (uint32_t i = 0; i < users.len; i++) {
    sm_val user = users.data[i], v = NULL;
    bool phi = LL.GetInstructionOpcode(user) == LLVMPHI;
    if (!phi && block_of(user) == c->block) continue;
    int n = LL.GetNumOperands(user);
    for (int k = 0; k < n; k++) {
      if (LL.GetOperand(user, (unsigned)k) != c->value) continue;
      if (phi) {
        LLVMBasicBlockRef from = LL.GetIncomingBlock(user, (unsigned)k);
        if (from == c->block) continue;
        v = read_at_end(r, c, from, &reads);
      } else if (!v) {
        v = value_before(r, c, user);
      }
      LL.SetOperand(user, (unsigned)k, v);
    }
  }
}

/* The phi's place has what it becomes: where that is `next`, already. */
static void keep_before(region *r, const crossing *c) {
  for (unsigned i = 0; i < LL.CountIncoming(c->value); i++) {
    sm_val v = LL.GetIncomingValue(c->value, i);
    if (v == c->next->value) continue;
    LL.PositionBuilderBefore(r->e->b, LL.GetBasicBlockTerminator(
        LL.GetIncomingBlock(c->value, i)));
    keep(r, c, v);
  }
}

/* Writes the local variable where the value is made and behind barriers, and
 * the record where it must be. */
static void fill_local(region *r, const crossing *c) {
  sm_emit *e = r->e;
  if (c->remade) return;
  sm_val next = LL.GetInstructionOpcode(c->value) == LLVMPHI
                    ? first_of(c->block) : LL.GetNextInstruction(c->value);
  LL.PositionBuilderBefore(e->b, next);
  LL.BuildStore(e->b, c->value, c->local);
  if (c->next) keep_before(r, c);
  else if (!c->at_barrier) keep(r, c, c->value);
  for (uint32_t i = 0; i < r->cuts.len; i++) {
    if (!is_needed(c, i)) continue;
    const cut *k = &r->cuts.data[i];
    if (c->at_barrier) {
      LL.PositionBuilderBefore(e->b, LL.GetBasicBlockTerminator(k->before));
      keep(r, c, LL.BuildLoad2(e->b, LL.TypeOf(c->value), c->local, ""));
    }
    LL.PositionBuilderBefore(e->b, LL.GetFirstInstruction(k->after));
    LL.BuildStore(e->b, recall(r, c), c->local);
  }
}

/* ---- the door ----------------------------------------------------------- */

static bool analyze(region *r, sm_emit *e, sm_val function,
                    LLVMTargetDataRef layout) {
  memset(r, 0, sizeof(*r));
  r->e = e;
  r->function = function;
  r->layout = layout;
  r->frame = LL.GetParam(function, 0);
  r->group = LL.GetParam(function, 1);
  r->cost = tm_map_in(e->arena);
  r->invariant = LL.GetMDKindIDInContext(e->context, "invariant.load", 14);
  find_cuts(r);
  for (uint32_t i = 0; i < r->cuts.len; i++)
    if (!LL.IsAConstantInt(r->cuts.data[i].line)) return false;
  number_blocks(r);
  find_crossings(r);
  lay_out(r);
  return r->bytes <= MOST_RECORD_BYTES;
}

static void rewrite(region *r) {
  sm_emit *e = r->e;
  e->function = r->function;
  skip_stops(r);
  r->start = LL.GetFirstBasicBlock(r->function);
  LLVMBasicBlockRef entry =
      LL.InsertBasicBlockInContext(e->context, r->start, "");
  LLVMBasicBlockRef interval =
      LL.InsertBasicBlockInContext(e->context, r->start, "");
  r->simd = LL.InsertBasicBlockInContext(e->context, r->start, "");
  r->done = sm_block(e);
  sm_here(e, entry);
  sm_val records = LL.BuildAlloca(e->b, LL.ArrayType(e->i8,
      (unsigned)(r->bytes * SM_MOST_SIMDGROUPS)), "");
  LL.SetAlignment(records, 64);
  for (uint32_t i = 0; i < r->crossings.len; i++) {
    crossing *c = &r->crossings.data[i];
    if (!c->remade)
      c->local = LL.BuildAlloca(e->b, LL.TypeOf(c->value), "");
  }
  LL.BuildBr(e->b, interval);
  sm_val phi[3], next = leave_regions(r);
  open_loop(r, interval, records, phi);
  for (uint32_t i = 0; i < r->crossings.len; i++)
    fill_local(r, &r->crossings.data[i]);
  for (uint32_t i = 0; i < r->crossings.len; i++)
    redirect_uses(r, &r->crossings.data[i]);
  close_loop(r, interval, next, phi);
}

uint32_t sm_form_regions(sm_emit *e, sm_val *functions, uint32_t n,
                         LLVMTargetDataRef layout) {
  region r[2];
  uint64_t bytes = 64;
  for (uint32_t i = 0; i < n; i++) {
    if (!analyze(&r[i], e, functions[i], layout)) return 0;
    if (bytes < r[i].bytes) bytes = r[i].bytes;
  }
  for (uint32_t i = 0; i < n; i++) {
    r[i].bytes = bytes;
    rewrite(&r[i]);
  }
  return (uint32_t)bytes;
}
