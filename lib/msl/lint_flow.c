/* SPDX-License-Identifier: MIT */
/*
 * lint_flow.c - proves the barriers of the kernel's text.
 *
 * It walks the statements in order, with loops walked twice and branches
 * joined, and keeps for each tile of threadgroup memory whether it was read
 * or written since the last barrier.
 *
 *   tile-hazard   a read after a write, or a write after a read, of bytes
 *                 that overlap, without a barrier between; or a write of
 *                 other bytes' owner on top of unread writes; or a second
 *                 store into one of the kernel's own arrays
 *   barrier       a barrier under a condition that threads may see
 *                 differently, or outside of the kernel's body
 *   return        a return before a barrier
 *   tile-load     a threadgroup load under such a condition, or in an arm of
 *                 ?: : bind it to a local first (METAL-FACTS 6.1, 7)
 *   tile-atomic   an atomic operation after a load or store of the same bytes,
 *                 or one of those after it, without a barrier between; atomic
 *                 operations of one kind need none among themselves, if
 *                 nobody wants their old values
 *   matrix-store  simdgroup_store and then simdgroup_load of the same memory
 *                 without a barrier
 *   tensor        run or store of a tensor operation under such a condition, or
 *                 run in a loop whose trips the text knows (METAL-FACTS 2.7)
 *   statement     what the walk does not follow: break, continue, a block or
 *                 a barrier inside of a statement, a tile reached in a way
 *                 that is not known
 *
 * A tile that the compiler made is written once, by several statements that
 * each store other elements. Accesses to the kernel's own arrays may meet:
 * there, each instruction is a step (tm_msl.steps), and those of another step,
 * or of an earlier trip of the kernel's loops, wait for a barrier. The loops of
 * one instruction over its registers are those with a #pragma.
 *
 * auto x = tensor<...>(x_tile, ...) accesses nothing: x is another name of the
 * tile, which op.run(x, y, sum) reads and sum.store(x) writes.
 *
 * A condition is uniform when it is made of literals, kernel arguments,
 * program positions, names that the code generator promises to hold Triton
 * scalars (tm_msl.uniform), constants computed from those, and counters of
 * loops with uniform bounds. What the text alone does not show is not
 * believed: everything else varies.
 */
#include "lint.h"

enum { MAX_DEPTH = 200, MAX_STATEMENTS = 100000 };

static const uint32_t NO_STEP = UINT32_MAX;

/* Atomic operations: those of a kind above MIXED may be in any order. */
enum { NO_ATOMIC = 0, MIXED = 1 };

typedef struct tile {
  const char *name;
  uint32_t len;
  uint32_t offset, bytes;
  uint32_t memory; /* tiles of different memory never overlap */
  uint32_t unit;   /* bytes of an element, of arrays */
  bool is_array;      /* accesses of several instructions may meet */
  bool read, written;
  uint32_t atomic;    /* read, changed and written: by which kind */
  uint32_t step;      /* which step wrote or changed it; NO_STEP: several */
  uint32_t by_matrix; /* token of the simdgroup_store that wrote it */
  uint32_t index;     /* into flow.tiles */
  bool listed;        /* in flow.used */
} tile;

typedef struct flow {
  linter *l;
  TM_VEC(tile) tiles;
  uint32_t *tile_of;    /* per token: which tile it names, + 1; 0: none */
  uint8_t *seen;        /* per token: the walk has been there */
  TM_VEC(uint32_t) used;    /* tiles accessed since the last barrier */
  TM_VEC(uint32_t) uniform; /* words that are names of uniform variables */
  uint32_t varying;     /* how many conditions around here vary */
  uint32_t known_trips; /* how many loops around here have such */
  uint32_t returned;    /* token of an earlier return; 0 */
  uint64_t statements;  /* after unrolling */
  uint64_t weight;      /* product of the trips of unrolled loops around */
  bool reporting;       /* false in the first walk of a loop */
} flow;

static void report(flow *f, uint32_t token, const char *rule,
                   const char *text, const char *what, uint32_t len) {
  if (f->reporting)
    lint_report(f->l, token, rule, "%.*s%s", (int)len, what, text);
}

/* ---- tiles ------------------------------------------------------------ */

static tile *find_tile(flow *f, uint32_t token) {
  const lint_token *t = lint_at(f->l, token);
  if (t->kind != LINT_WORD) return NULL;
  if (token > 0 && (lint_is(f->l, token - 1, ".") ||
                    lint_is(f->l, token - 1, "->")))
    return NULL;
  uint32_t at = f->l->words.data[t->word].tile;
  return at ? &f->tiles.data[at - 1] : NULL;
}

static void add_tile(flow *f, tile x) {
  lint_word *w = &f->l->words.data[lint_find_word(f->l, x.name, x.len)];
  x.index = f->tiles.len;
  tm_push(f->l->arena, &f->tiles, x);
  if (!w->tile) w->tile = f->tiles.len;
}

static void use_tile(flow *f, tile *x) {
  if (x->listed) return;
  x->listed = true;
  tm_push(f->l->arena, &f->used, x->index);
}

/* The tile that a token names; NULL: none. */
static tile *tile_at(const flow *f, uint32_t token) {
  uint32_t n = token < f->l->tokens.len ? f->tile_of[token] : 0;
  return n ? &f->tiles.data[n - 1] : NULL;
}

/* The instruction that a token belongs to, as far as arrays mind. */
static uint32_t step_of(const flow *f, uint32_t token) {
  const tm_msl *msl = f->l->msl;
  uint32_t line = lint_at(f->l, token)->line, low = 0, high = msl->n_steps;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (msl->steps[middle] <= line) low = middle + 1;
    else high = middle;
  }
  return low;
}

static bool overlap(const tile *a, const tile *b) {
  return a->memory == b->memory && a->offset < b->offset + b->bytes &&
         b->offset < a->offset + a->bytes;
}

static bool may_not_read(const tile *x, const tile *y) {
  (void)x;
  return y->written || y->atomic;
}

static bool may_not_write(const tile *x, const tile *y) {
  return y->read || y->atomic || (y->written && y != x);
}

static bool may_not_change(const tile *x, const tile *y) {
  return y->read || y->written || (y->atomic && y != x);
}

/* The first tile whose bytes x shares and whose accesses x may not follow. */
static const tile *in_the_way(const flow *f, const tile *x,
                              bool (*may_not)(const tile *, const tile *)) {
  const tile *first = NULL;
  for (uint32_t i = 0; i < f->used.len; i++) {
    const tile *y = &f->tiles.data[f->used.data[i]];
    if (overlap(x, y) && may_not(x, y) && (!first || y < first)) first = y;
  }
  return first;
}

static void read_tile(flow *f, tile *x, uint32_t token) {
  const tile *y = in_the_way(f, x, may_not_read);
  if (y && y->by_matrix)
    report(f, token, "matrix-store", " is loaded after simdgroup_store "
           "without a barrier", x->name, x->len);
  else if (y)
    report(f, token, "tile-hazard", " is read after a write without a "
           "barrier", x->name, x->len);
  x->read = true;
  use_tile(f, x);
}

/* Writes of one tile by several statements are of different elements; those
 * of an array by several instructions may not be. */
static void write_tile(flow *f, tile *x, uint32_t token, bool by_matrix) {
  uint32_t step = step_of(f, token);
  bool again = x->is_array && x->written && x->step != step;
  if (again || in_the_way(f, x, may_not_write))
    report(f, token, "tile-hazard", " is written after an access to the same "
           "bytes without a barrier", x->name, x->len);
  x->written = true;
  x->step = step;
  x->by_matrix = by_matrix ? token : 0;
  use_tile(f, x);
}

static void change_tile(flow *f, tile *x, uint32_t token, uint32_t kind) {
  uint32_t step = step_of(f, token);
  bool other = x->atomic && (x->atomic != kind || kind == MIXED) &&
               x->step != step;
  if (other || in_the_way(f, x, may_not_change))
    report(f, token, "tile-atomic", " is changed after another access "
           "without a barrier", x->name, x->len);
  x->atomic = x->atomic && x->atomic != kind ? MIXED : kind;
  x->step = step;
  use_tile(f, x);
}

static void pass_barrier(flow *f) {
  for (uint32_t i = 0; i < f->used.len; i++) {
    tile *x = &f->tiles.data[f->used.data[i]];
    x->atomic = NO_ATOMIC;
    x->read = x->written = x->listed = false;
    x->by_matrix = 0;
  }
  f->used.len = 0;
}

static bool starts_with(const lint_token *t, const char *text) {
  size_t n = strlen(text);
  return t->len > n && memcmp(t->text, text, n) == 0;
}

/* Arrays that the kernel declares, and the tiles that metadata places in the
 * pool: the text must place them there too. */
static void find_tiles(flow *f) {
  linter *l = f->l;
  uint32_t memory = 1;
  for (uint32_t k = 0; k < l->msl->n_tiles; k++) {
    const char *name = l->msl->tiles[k].name;
    uint32_t word = lint_find_word(l, name, strlen(name));
    l->words.data[word].planned = word ? k + 1 : 0;
  }
  for (uint32_t i = l->body; i < l->body_end; i++) {
    if (!lint_is(l, i, "threadgroup")) continue;
    uint32_t at = i + 2, from = 0;
    bool pointer = lint_is(l, at, "*");
    if (pointer) at++;
    if (pointer && lint_is(l, at, "const")) at++;
    const lint_token *t = lint_at(l, at);
    if (t->kind != LINT_WORD || lint_is(l, at, "threadgroup")) continue;
    if (!pointer) {
      tile x = {.name = t->text, .len = t->len, .bytes = UINT32_MAX / 2,
                .memory = memory++,
                .unit = lint_word_at(l, i + 1)->bytes,
                .is_array = starts_with(lint_at(l, i + 1), "atomic_")};
      add_tile(f, x);
      continue;
    }
    if (!lint_is(l, at + 1, "=")) continue;
    /* = (threadgroup T *)(pool + n); or = atomics + n; */
    for (uint32_t k = at + 1; !lint_is(l, k, ";") && k < l->body_end; k++)
      if (find_tile(f, k)) from = k;
    tile *pool = from ? find_tile(f, from) : NULL;
    uint32_t planned = l->words.data[t->word].planned;
    const tm_msl_tile *known = planned ? &l->msl->tiles[planned - 1] : NULL;
    if (!pool) continue;
    tile x = {.name = t->text, .len = t->len, .bytes = UINT32_MAX / 2,
              .memory = pool->memory, .is_array = pool->is_array};
    if (known) {
      uint32_t units = 0;
      if (lint_is(l, from + 1, "+"))
        for (const char *p = lint_at(l, from + 2)->text;
             *p >= '0' && *p <= '9' && units < UINT32_MAX / 32; p++)
          units = units * 10 + (uint32_t)(*p - '0');
      x.offset = known->offset;
      x.bytes = known->bytes;
      x.is_array = known->is_array;
      if (units * pool->unit != known->offset)
        report(f, at, "tile-hazard", " is not at the byte that was planned",
               t->text, t->len);
    }
    add_tile(f, x);
  }
}

/* auto x = tensor<...>(x_tile, ...); */
static bool is_tensor(const linter *l, uint32_t i) {
  return lint_is(l, i, "auto") && lint_is(l, i + 2, "=") &&
         lint_is(l, i + 3, "tensor") && lint_is(l, i + 4, "<");
}

/* x names the tile from there on, but for decltype(x). */
static void follow_tensor(flow *f, uint32_t i) {
  const linter *l = f->l;
  uint32_t at = i + 5, of = 0;
  for (; at < l->body_end && !lint_is(l, at, ";"); at++)
    if (f->tile_of[at]) of = f->tile_of[at];
  for (; of && at < l->body_end; at++)
    if (lint_same(l, at, i + 1) && lint_at(l, at)->kind == LINT_WORD &&
        !lint_is(l, at - 2, "decltype"))
      f->tile_of[at] = of;
}

static void find_tokens(flow *f) {
  linter *l = f->l;
  f->tile_of = TM_NEW_ARRAY(l->arena, uint32_t, l->tokens.len);
  f->seen = TM_NEW_ARRAY(l->arena, uint8_t, l->tokens.len);
  for (uint32_t i = l->body; f->tiles.len && i < l->body_end; i++) {
    const tile *x = find_tile(f, i);
    if (x) f->tile_of[i] = (uint32_t)(x - f->tiles.data) + 1;
  }
  for (uint32_t i = l->body; i < l->body_end; i++)
    if (is_tensor(l, i)) follow_tensor(f, i);
}

/* ---- uniform values --------------------------------------------------- */

/* word: 0 for what the text does not have as one. */
static void add_name(flow *f, uint32_t word) {
  if (!word) return;
  f->l->words.data[word].uniform++;
  tm_push(f->l->arena, &f->uniform, word);
}

/* Names of a scope end with it. */
static void drop_names(flow *f, uint32_t len) {
  while (f->uniform.len > len)
    f->l->words.data[f->uniform.data[--f->uniform.len]].uniform--;
}

static void find_plain(flow *f) {
  static const char *const plain[] = {
    "int", "uint", "long", "ulong", "float", "half", "short", "ushort",
    "char", "uchar", "bool", "true", "false", "min", "max", "rem", "abs",
    "fmin", "fmax", "select", "INFINITY", "NAN", "isnan", "to_int", "fabs",
    "precise", "sqrt", "rsqrt", "exp", "exp2", "log", "log2", "floor",
    "ceil", "bf16_to_float", "bf16_round", "as_type", "mulhi", "isordered",
    "isunordered", "fma", "sin", "cos", "max_nan", "min_nan", "to_uint",
    "to_long", "to_ulong", "fmod", "device", "const", "clamp"
  };
  for (size_t k = 0; k < TM_COUNT(plain); k++) {
    uint32_t word = lint_find_word(f->l, plain[k], strlen(plain[k]));
    f->l->words.data[word].is_plain = word != 0;
  }
}

/* All words of the tokens are uniform names, types or functions of them. */
static bool is_uniform(const flow *f, uint32_t first, uint32_t end) {
  const linter *l = f->l;
  for (uint32_t i = first; i < end; i++) {
    if (lint_at(l, i)->kind != LINT_WORD) continue;
    if (i > 0 && lint_is(l, i - 1, ".")) continue; /* args.n, program_id.x */
    const lint_word *w = lint_word_at(l, i);
    if (!w->uniform && !w->is_plain) return false;
  }
  return true;
}

/* Kernel parameters that are the same for the whole threadgroup. */
static void find_uniform(flow *f) {
  linter *l = f->l;
  for (uint32_t i = l->params; i < l->body; i++) {
    if (!lint_is(l, i, "[") || !lint_is(l, i + 1, "[")) continue;
    bool same = lint_is(l, i + 2, "buffer") ||
                lint_is(l, i + 2, "threadgroup_position_in_grid") ||
                lint_is(l, i + 2, "threadgroups_per_grid");
    if (same) add_name(f, lint_at(l, i - 1)->word);
    i++;
  }
  for (uint32_t i = 0; i < l->msl->n_uniform; i++)
    add_name(f, lint_find_word(l, l->msl->uniform[i],
                               strlen(l->msl->uniform[i])));
}

/* ---- statements ------------------------------------------------------- */

static uint32_t statement(flow *f, uint32_t i, uint32_t depth);

static uint32_t end_of_statement(const linter *l, uint32_t i) {
  while (lint_at(l, i)->kind != LINT_END && !lint_is(l, i, ";") &&
         !lint_is(l, i, "}"))
    i = lint_is(l, i, "(") || lint_is(l, i, "[") || lint_is(l, i, "{")
            ? lint_after(l, i)
            : i + 1;
  return lint_is(l, i, ";") ? i + 1 : i;
}

static bool is_assignment(const linter *l, uint32_t i) {
  static const char *const signs[] = {"=", "+=", "-=", "*=", "/=", "&=", "|=",
                                      "^=", "%="};
  for (size_t k = 0; k < TM_COUNT(signs); k++)
    if (lint_is(l, i, signs[k])) return true;
  return false;
}

static void check_barrier(flow *f, uint32_t i, uint32_t end) {
  const linter *l = f->l;
  bool whole = lint_is(l, i, "threadgroup_barrier");
  if (!whole && !lint_is(l, i, "simdgroup_barrier")) return;
  f->seen[i] = 1;
  bool memory = false;
  for (uint32_t k = i; k < end; k++)
    memory = memory || lint_is(l, k, "mem_threadgroup");
  if (whole && f->varying)
    report(f, i, "barrier", "threads may disagree about reaching it", "", 0);
  if (whole && f->returned)
    report(f, i, "return", "a thread may have returned before this barrier",
           "", 0);
  /* A simdgroup's barrier orders the threadgroup if it is all of it. */
  if (memory && (whole || l->msl->threads <= 32)) pass_barrier(f);
}

typedef enum how { BY_TEXT, BY_LOAD, BY_STORE, BY_CHANGE } how;

/* How the atomic function reaches the tile at token, if one does: the tile
 * begins its first argument, after "(" and any cast. *at: the function. */
static how reached(const linter *l, uint32_t first, uint32_t token,
                   uint32_t *at) {
  uint32_t k = token;
  while (k > first && !lint_is(l, k, ",") && !lint_is(l, k, ";")) {
    const lint_token *t = lint_at(l, --k);
    if (t->kind != LINT_WORD || !starts_with(t, "atomic_") ||
        !lint_is(l, k + 1, "("))
      continue;
    *at = k;
    if (lint_is(l, k, "atomic_load_explicit")) return BY_LOAD;
    return lint_is(l, k, "atomic_store_explicit") ? BY_STORE : BY_CHANGE;
  }
  return BY_TEXT;
}

/* The third argument of the call at `at`; the end if there is none. */
static uint32_t third_argument(const linter *l, uint32_t at) {
  uint32_t end = lint_after(l, at + 1), commas = 0, k = at + 2;
  while (k < end && commas < 2) {
    if (lint_is(l, k, ",")) commas++;
    k = lint_is(l, k, "(") || lint_is(l, k, "[") ? lint_after(l, k) : k + 1;
  }
  return k;
}

/* The kind of the atomic operation at token `at` of the statement [first,
 * end): a number of its function when nothing is done with the old value;
 * the loop of a compare-and-swap goes by what it tries to store. */
static uint32_t atomic_kind(const linter *l, uint32_t first, uint32_t end,
                            uint32_t at) {
  const lint_token *t = lint_at(l, at);
  if (starts_with(t, "atomic_fetch_"))
    return at == first ? (uint32_t)tm_hash_bytes(t->text, t->len, 0) | 2u
                       : MIXED;
  if (!lint_is(l, at, "atomic_compare_exchange_weak_explicit") ||
      !lint_is(l, first, "!") || lint_after(l, at + 1) != end)
    return MIXED;
  uint32_t k = third_argument(l, at);
  if (lint_is(l, k, "int") && lint_is(l, k + 1, "(")) /* int(max(now, x)) */
    return lint_is(l, k + 2, "max") ? 4 : lint_is(l, k + 2, "min") ? 6 : MIXED;
  /* as_type<int>(as_type<float>(now) + x) */
  bool sum = lint_is(l, k, "as_type") && lint_is(l, k + 2, "int") &&
             lint_is(l, k + 7, "float") && lint_is(l, k + 11, ")") &&
             lint_is(l, k + 12, "+");
  return sum ? 2 : MIXED;
}

static uint32_t assignment_of(const linter *l, uint32_t i, uint32_t end) {
  uint32_t depth = 0;
  for (uint32_t k = i; k < end; k++) {
    if (lint_is(l, k, "(") || lint_is(l, k, "[")) depth++;
    if (lint_is(l, k, ")") || lint_is(l, k, "]")) depth--;
    if (depth == 0 && is_assignment(l, k)) return k;
  }
  return end;
}

static void check_load(flow *f, tile *x, uint32_t token, bool lazy) {
  if (f->varying)
    report(f, token, "tile-load", " is loaded under a condition that varies",
           x->name, x->len);
  else if (lazy)
    report(f, token, "tile-load", " is loaded in an arm of ?:, or behind && "
           "or ||", x->name, x->len);
  read_tile(f, x, token);
}

/* t[...], *t, *(threadgroup T *)(t + ...), *(threadgroup T *)t, or the memory
 * of an atomic or matrix function: nothing else keeps a pointer to the
 * tile. */
static bool is_known_use(const linter *l, uint32_t first, uint32_t token) {
  uint32_t open = token, depth = 0;
  while (open > first && (depth || !lint_is(l, open - 1, "("))) {
    open--;
    if (lint_is(l, open, ")") || lint_is(l, open, "]")) depth++;
    if (lint_is(l, open, "(") || lint_is(l, open, "[")) depth--;
  }
  const lint_token *before = lint_at(l, open >= 2 ? open - 2 : 0);
  if (open > first + 1 && before->kind == LINT_WORD &&
      (starts_with(before, "atomic_") || starts_with(before, "simdgroup_")))
    return true;
  if (lint_is(l, token + 1, "["))
    return token == first || !lint_is(l, token - 1, "&");
  if (token > first && lint_is(l, token - 1, "*")) return true;
  /* the end of a cast, in front of the tile or of its parenthesis */
  uint32_t cast = token > first && lint_is(l, token - 1, ")") ? token - 1
                  : open > first + 1 ? open - 2 : first;
  if (!lint_is(l, cast, ")") || !lint_is(l, cast - 1, "*")) return false;
  while (cast > first && !lint_is(l, cast, "(")) cast--;
  return lint_is(l, cast + 1, "threadgroup") && cast > 0 &&
         lint_is(l, cast - 1, "*");
}

/* The first tile before an assignment's sign is what it writes. */
static uint32_t written_at(flow *f, uint32_t i, uint32_t sign, uint32_t end) {
  if (sign == end) return end;
  while (i < sign && !tile_at(f, i)) i++;
  return i < sign ? i : end;
}

/* x.run(...) and x.store(...) of tensor operations. */
static bool is_method(const linter *l, uint32_t i, const char *method) {
  return lint_at(l, i)->kind == LINT_WORD && lint_is(l, i + 1, ".") &&
         lint_is(l, i + 2, method) && lint_is(l, i + 3, "(");
}

static void check_operation(flow *f, uint32_t i) {
  bool runs = is_method(f->l, i, "run");
  if (!runs && !is_method(f->l, i, "store")) return;
  if (f->varying)
    report(f, i, "tensor", "threads may disagree about reaching it", "", 0);
  if (runs && f->known_trips)
    report(f, i, "tensor", "a loop of known trips around matmul2d", "", 0);
}

static void check_accesses(flow *f, uint32_t i, uint32_t end) {
  linter *l = f->l;
  uint32_t sign = assignment_of(l, i, end), at = end;
  uint32_t target = written_at(f, i, sign, end);
  bool lazy = false;
  bool matrix_store = lint_is(l, i, "simdgroup_store");
  bool stores = matrix_store || is_method(l, i, "store");
  bool operation = is_method(l, i, "run") || is_method(l, i, "store");
  /* Reads happen before the write of the same statement. */
  for (uint32_t k = i; k < end; k++) {
    lazy = lazy || lint_is(l, k, "?") || lint_is(l, k, "&&") ||
           lint_is(l, k, "||");
    tile *x = tile_at(f, k);
    if (!x) continue;
    f->seen[k] = 1;
    if (!operation && !is_known_use(l, i, k))
      report(f, k, "statement", " is reached in a way that is not known",
             x->name, x->len);
    if (stores) continue;
    how by = reached(l, i, k, &at);
    if (by == BY_CHANGE)
      change_tile(f, x, k, atomic_kind(l, i, end, at));
    else if (by != BY_STORE && !(k == target && lint_is(l, sign, "=")))
      check_load(f, x, k, lazy);
  }
  for (uint32_t k = i; k < end; k++) {
    tile *x = tile_at(f, k);
    if (!x) continue;
    if (k == target || stores || reached(l, i, k, &at) == BY_STORE)
      write_tile(f, x, k, matrix_store);
  }
}

/* const int x = ...; of uniform values is uniform. */
static void learn(flow *f, uint32_t i, uint32_t end) {
  const linter *l = f->l;
  if (!lint_is(l, i, "const")) return;
  uint32_t sign = i;
  while (sign < end && !lint_is(l, sign, "=")) sign++;
  if (sign + 1 >= end || lint_at(l, sign - 1)->kind != LINT_WORD) return;
  for (uint32_t k = sign; k < end; k++)
    if (tile_at(f, k)) return;
  if (is_uniform(f, sign + 1, end))
    add_name(f, lint_at(l, sign - 1)->word);
}

/* threadgroup T name[n]; or threadgroup T *const name = ...; : find_tiles has
 * taken it, or else nobody follows what is done with it. */
static void check_declaration(flow *f, uint32_t i, uint32_t end) {
  const linter *l = f->l;
  uint32_t at = i + 2;
  while (lint_is(l, at, "*") || lint_is(l, at, "const")) at++;
  bool known = tile_at(f, at) != NULL;
  for (uint32_t k = i; k < end; k++) {
    known = known && !lint_is(l, k, ",");
    f->seen[k] = 1;
  }
  if (!known)
    report(f, i, "statement", "a declaration that is not known", "", 0);
}

/* Blocks and jumps that the walk would step over. */
static void check_form(flow *f, uint32_t i, uint32_t end) {
  static const char *const words[] = {"if", "for", "while", "else", "do",
                                      "switch", "case", "break", "continue"};
  const linter *l = f->l;
  for (size_t k = 0; k < TM_COUNT(words); k++)
    if (lint_is(l, i, words[k]))
      report(f, i, "statement", ": not emitted in this form", words[k],
             (uint32_t)strlen(words[k]));
  for (uint32_t k = i; k < end; k++) {
    bool list = k > i && (lint_is(l, k - 1, "=") || lint_is(l, k - 1, ",") ||
                          lint_is(l, k - 1, "{"));
    if (lint_is(l, k, "{") && !list)
      report(f, k, "statement", "a block inside of a statement", "", 0);
  }
}

static uint32_t simple(flow *f, uint32_t i) {
  linter *l = f->l;
  uint32_t end = end_of_statement(l, i);
  f->statements += f->weight;
  if (lint_is(l, i, "return") && !f->returned) f->returned = i;
  if (is_tensor(l, i)) {
    for (uint32_t k = i; k < end; k++) f->seen[k] = 1;
    return end;
  }
  check_form(f, i, end);
  if (lint_is(l, i, "threadgroup")) {
    check_declaration(f, i, end);
    return end;
  }
  learn(f, i, end);
  check_barrier(f, i, end);
  check_operation(f, i);
  check_accesses(f, i, end);
  return end == i ? i + 1 : end;
}

typedef struct state { /* of the tiles that are in use */
  tile *tiles;
  uint32_t n;
} state;

static state save(flow *f) {
  state s = {TM_NEW_ARRAY(f->l->arena, tile, f->used.len), f->used.len};
  for (uint32_t i = 0; i < s.n; i++)
    s.tiles[i] = f->tiles.data[f->used.data[i]];
  return s;
}

static void join(flow *f, const state *s) {
  for (uint32_t i = 0; i < s->n; i++) {
    const tile *y = &s->tiles[i];
    tile *x = &f->tiles.data[y->index];
    bool here = x->written || x->atomic, there = y->written || y->atomic;
    if (!here) x->step = y->step;
    else if (there && x->step != y->step) x->step = NO_STEP;
    if (!x->atomic) x->atomic = y->atomic;
    else if (y->atomic && x->atomic != y->atomic) x->atomic = MIXED;
    x->read |= y->read;
    x->written |= y->written;
    use_tile(f, x);
  }
}

/* Which statement wrote a tile stays known until a barrier. */
static void restore(flow *f, const state *s) {
  for (uint32_t i = 0; i < f->used.len; i++) {
    tile *x = &f->tiles.data[f->used.data[i]];
    x->read = x->written = false;
    x->atomic = NO_ATOMIC;
  }
  join(f, s);
}

/* What the kernel's loop did in an earlier trip is of no step any more. */
static void come_round(flow *f) {
  for (uint32_t i = 0; i < f->used.len; i++)
    f->tiles.data[f->used.data[i]].step = NO_STEP;
}

static uint32_t branch(flow *f, uint32_t i, uint32_t depth) {
  linter *l = f->l;
  uint32_t body = lint_after(l, i + 1);
  bool varies = !is_uniform(f, i + 2, body - 1);
  check_accesses(f, i + 2, body - 1);
  f->varying += varies;
  state before = save(f);
  uint32_t end = statement(f, body, depth + 1);
  if (lint_is(l, end, "else")) {
    state after = save(f);
    restore(f, &before);
    end = statement(f, end + 1, depth + 1);
    join(f, &after);
  } else {
    join(f, &before);
  }
  f->varying -= varies;
  return end;
}

/* Constant trips of for (int i = a; i < b; ...) that runs; else 0. */
static uint64_t trips_of(const linter *l, uint32_t open) {
  uint64_t value[2] = {0, 0};
  uint32_t n = 0;
  for (uint32_t k = open, end = lint_after(l, open); k < end && n < 2; k++) {
    const lint_token *t = lint_at(l, k);
    bool operand = lint_is(l, k - 1, "=") || lint_is(l, k - 1, "<");
    if (!operand) continue;
    if (t->kind != LINT_NUMBER || !lint_is(l, k + 1, ";")) return 0;
    for (uint32_t c = 0; c < t->len && t->text[c] >= '0' && t->text[c] <= '9'
         && value[n] < 1u << 20; c++)
      value[n] = value[n] * 10 + (uint64_t)(t->text[c] - '0');
    n++;
  }
  return n == 2 && value[1] > value[0] ? value[1] - value[0] : 0;
}

static uint32_t loop(flow *f, uint32_t i, uint32_t depth) {
  linter *l = f->l;
  bool counted = lint_is(l, i, "for");
  uint32_t body = lint_after(l, i + 1), head = i + 2;
  const lint_token *pragma = lint_at(l, i > 0 ? i - 1 : i);
  bool registers = pragma->kind == LINT_DIRECTIVE; /* of one instruction */
  bool empty = lint_is(l, body, "{") && lint_after(l, body) == body + 2;
  bool unrolled = registers &&
                  pragma->len == strlen("#pragma unroll") &&
                  memcmp(pragma->text, "#pragma unroll", pragma->len) == 0;
  uint32_t named = f->uniform.len;
  if (counted) { /* int name = ...; name < ...; ++name */
    add_name(f, lint_at(l, i + 3)->word);
    if (!is_uniform(f, head, body - 1)) drop_names(f, named);
  }
  bool varies = !is_uniform(f, head, body - 1);
  check_accesses(f, head, body - 1);
  uint64_t weight = f->weight, trips = counted ? trips_of(l, i + 1) : 0;
  if (unrolled) {
    f->weight *= trips ? trips : 1;
    if (f->weight > MAX_STATEMENTS) f->weight = MAX_STATEMENTS + 1;
  }
  f->varying += varies;
  f->known_trips += trips != 0;
  bool reporting = f->reporting;
  state before = save(f);
  uint64_t statements = f->statements;
  uint32_t end = body;
  for (int pass = 0; pass <= reporting; pass++) {
    /* The first walk finds what the end leaves behind; only the second,
     * which starts with that too, reports. One is enough to know the state:
     * a body adds accesses, and at a barrier forgets all before it. */
    f->reporting = reporting && pass == 1;
    f->statements = statements;
    if (pass > 0 && !registers && !empty) come_round(f);
    end = statement(f, body, depth + 1);
    /* What was before stays behind a loop that may not run at all. */
    if (pass < reporting || !trips) join(f, &before);
  }
  f->reporting = reporting;
  f->varying -= varies;
  f->known_trips -= trips != 0;
  f->weight = weight;
  drop_names(f, named);
  return end;
}

static uint32_t statement(flow *f, uint32_t i, uint32_t depth) {
  linter *l = f->l;
  while (lint_at(l, i)->kind == LINT_DIRECTIVE) i++;
  if (depth > MAX_DEPTH) {
    report(f, i, "size", "statements nested more than 200 deep", "", 0);
    return l->body_end;
  }
  if (lint_is(l, i, "{")) {
    uint32_t end = lint_after(l, i), named = f->uniform.len;
    for (i++; i + 1 < end;) i = statement(f, i, depth + 1);
    drop_names(f, named); /* names of the block end with it */
    return end;
  }
  if (lint_is(l, i, "if") && lint_is(l, i + 1, "("))
    return branch(f, i, depth);
  if ((lint_is(l, i, "for") || lint_is(l, i, "while")) &&
      lint_is(l, i + 1, "("))
    return loop(f, i, depth);
  return simple(f, i);
}

/* ---- the door --------------------------------------------------------- */

void lint_flow(linter *l) {
  flow f = {.l = l, .weight = 1, .reporting = true};
  find_tiles(&f);
  find_tokens(&f);
  find_plain(&f);
  find_uniform(&f);
  statement(&f, l->body, 0);
  if (f.statements > MAX_STATEMENTS)
    lint_report(l, l->body, "size", "%llu statements after unrolling",
                (unsigned long long)f.statements);
  for (uint32_t i = 0; i < l->tokens.len; i++) {
    if (f.seen[i]) continue;
    const tile *x = tile_at(&f, i);
    if (lint_is(l, i, "threadgroup_barrier") ||
        lint_is(l, i, "simdgroup_barrier"))
      lint_report(l, i, "barrier", i < l->body || i >= l->body_end
                                       ? "outside of the kernel's body"
                                       : "not a statement of its own");
    else if (x)
      report(&f, i, "statement", " is reached in a way that is not known",
             x->name, x->len);
  }
}
