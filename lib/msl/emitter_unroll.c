/* SPDX-License-Identifier: MIT */
/*
 * emitter_unroll.c - decides, once the body is printed, which of its loops
 * over registers stay unrolled.
 *
 * Unrolling makes the indices of the thread's arrays constant, so that they
 * become registers. It also multiplies: a loop of 16 in a loop of 16 is 256
 * copies of a body. Apple's cores hold about 1,500 instructions (METAL-FACTS
 * 4.1, 12 KB), their compiler hangs or crashes on large unrolled bodies
 * (6.1, 11), and so would any other. So each nest of loops has a budget of
 * statements, and the kernel has one:
 *
 *   - inside a nest that is over its budget, loops whose variable does not
 *     choose a register go first: rolling them costs nothing
 *   - then the outermost loop, so that the inner ones stay short
 *   - while the kernel is over its budget, its largest nest
 *
 * Loops over simdgroup matrices keep theirs: a matrix cannot be chosen at run
 * time. The linter has the last word on size (lint_flow.c).
 */
#include "emitter.h"

enum {
  NEST_BUDGET = 512,    /* statements of one unrolled nest */
  KERNEL_BUDGET = 4096, /* of all of them */
  SMALLEST = 48         /* nests that are not worth rolling */
};

typedef struct loop {
  uint32_t pragma;         /* line of its "#pragma unroll"; UINT32_MAX: none */
  uint32_t parent;         /* loop around it; UINT32_MAX: none */
  uint32_t first, end;     /* lines of the body */
  uint64_t trips;          /* 1 when it is not unrolled */
  uint64_t own, weight;    /* statements in it once: without and with loops */
  bool matrices;
  const char *var;
  size_t var_len;
} loop;

typedef struct unroller {
  emitter *e;
  TM_VEC(tm_str) lines;
  TM_VEC(loop) loops;      /* inner ones after outer ones */
  tm_map function_at;      /* hash of a name -> index into e->functions */
  TM_VEC(uint32_t) nest;   /* open blocks: a loop, or UINT32_MAX */
} unroller;

static bool starts(tm_str s, const char *with) {
  size_t n = strlen(with);
  return s.len >= n && memcmp(s.ptr, with, n) == 0;
}

static bool ends(tm_str s, char with) {
  return s.len > 0 && s.ptr[s.len - 1] == with;
}

static tm_str trimmed(tm_str s) {
  while (s.len && *s.ptr == ' ') s.ptr++, s.len--;
  return s;
}

static bool contains(tm_str s, const char *what) {
  size_t n = strlen(what);
  for (size_t i = 0; i + n <= s.len; i++)
    if (memcmp(s.ptr + i, what, n) == 0) return true;
  return false;
}

static bool has_word(tm_str s, const char *word, size_t len) {
  for (size_t i = 0; i + len <= s.len; i++)
    if (memcmp(s.ptr + i, word, len) == 0 &&
        (i == 0 || !tm_is_word_char(s.ptr[i - 1])) &&
        (i + len == s.len || !tm_is_word_char(s.ptr[i + len])))
      return true;
  return false;
}

/* ---- reading the text ------------------------------------------------- */

/* The number behind the next `what` in [*p, end); 0 if there is none. */
static uint32_t number_after(const char **p, const char *end,
                             const char *what) {
  size_t n = strlen(what);
  uint32_t x = 0;
  while (*p + n <= end && memcmp(*p, what, n) != 0) ++*p;
  if (*p + n > end) return 0;
  for (*p += n; *p < end && **p >= '0' && **p <= '9' && x < 1u << 24; ++*p)
    x = x * 10 + (uint32_t)(**p - '0');
  return x;
}

/* "for (int c = 1; c < 16; c += 8) {": as msl_loop_from prints it. */
static uint64_t trips_of(tm_str line, loop *l) {
  const char *p = line.ptr, *stop = line.ptr + line.len;
  l->var = p + strlen("for (int ");
  while (l->var + l->var_len < stop && tm_is_word_char(l->var[l->var_len]))
    l->var_len++;
  uint32_t first = number_after(&p, stop, " = ");
  uint32_t end = number_after(&p, stop, " < ");
  uint32_t step = number_after(&p, stop, " += ");
  if (end <= first) return 1;
  if (step == 0) step = 1;
  return (end - first + step - 1) / step;
}

/* Names are unique: what has the hash of one and its text is it. */
static void find_functions(unroller *u) {
  u->function_at = tm_map_in(u->e->arena);
  for (uint32_t i = 0; i < u->e->functions.len; i++) {
    const char *name = u->e->functions.data[i].name;
    uint64_t key = tm_hash_bytes(name, strlen(name), 0);
    while (tm_map_get(&u->function_at, key, NULL)) key++;
    tm_map_put(&u->function_at, key, i);
  }
}

static const msl_function *function_named(const unroller *u, tm_str name) {
  uint64_t key = tm_hash_bytes(name.ptr, name.len, 0), i = 0;
  for (; tm_map_get(&u->function_at, key, &i); key++)
    if (tm_str_eq(tm_cstr(u->e->functions.data[i].name), name))
      return &u->e->functions.data[i];
  return NULL;
}

/* Statements of the combine function that a line calls; of several, the one
 * that was printed first. */
static uint64_t called(const unroller *u, tm_str line) {
  const msl_function *first = NULL;
  for (size_t i = 0, n; u->e->functions.len && i < line.len; i += n ? n : 1) {
    for (n = 0; i + n < line.len && tm_is_word_char(line.ptr[i + n]);) n++;
    const msl_function *f =
        n ? function_named(u, (tm_str){line.ptr + i, n}) : NULL;
    if (f && (!first || f < first)) first = f;
  }
  return first ? first->statements : 0;
}

static void read_line(unroller *u, uint32_t at, uint32_t *pragma) {
  emitter *e = u->e;
  tm_str line = trimmed(u->lines.data[at]);
  uint32_t inside = UINT32_MAX;
  for (uint32_t i = u->nest.len; i-- > 0 && inside == UINT32_MAX;)
    inside = u->nest.data[i];
  loop *around = inside == UINT32_MAX ? NULL : &u->loops.data[inside];
  if (line.len == 0 || starts(line, "//")) return;
  if (starts(line, "#pragma unroll")) {
    *pragma = at;
    return;
  }
  if (starts(line, "for (") && ends(line, '{')) {
    loop l = {.pragma = *pragma, .parent = inside, .first = at + 1,
              .trips = 1};
    if (*pragma != UINT32_MAX) l.trips = trips_of(line, &l);
    if (l.trips == 1) l.pragma = UINT32_MAX;
    uint32_t id = u->loops.len;
    tm_push(e->arena, &u->loops, l);
    tm_push(e->arena, &u->nest, id);
  } else if (line.ptr[0] == '}') {
    uint32_t closed = u->nest.len ? u->nest.data[u->nest.len - 1] : UINT32_MAX;
    if (closed != UINT32_MAX) u->loops.data[closed].end = at;
    if (u->nest.len && !ends(line, '{')) u->nest.len--;
  } else {
    if (ends(line, '{')) {
      uint32_t none = UINT32_MAX;
      tm_push(e->arena, &u->nest, none);
    }
    if (around) {
      around->own += 1 + called(u, line);
      around->matrices = around->matrices || contains(line, "simdgroup_m") ||
                         contains(line, "thread_elements") ||
                         contains(line, "simdgroup_load");
    }
  }
  *pragma = UINT32_MAX;
}

static void read_text(unroller *u, const char *text) {
  uint32_t pragma = UINT32_MAX;
  for (const char *p = text; *p;) {
    const char *end = strchr(p, '\n');
    size_t n = end ? (size_t)(end - p) : strlen(p);
    tm_str line = {p, n};
    tm_push(u->e->arena, &u->lines, line);
    read_line(u, u->lines.len - 1, &pragma);
    p += n + (end != NULL);
  }
}

/* ---- which loops choose registers ------------------------------------- */

static bool is_tile_name(const emitter *e, const char *name, size_t len) {
  for (uint32_t i = 0; i < e->regions.len; i++)
    if (strlen(e->regions.data[i].name) == len &&
        memcmp(e->regions.data[i].name, name, len) == 0)
      return true;
  for (uint32_t i = 0; i < e->func->params.len; i++) {
    const char *param = e->values[e->func->params.data[i].value].name;
    if (param && strlen(param) == len && memcmp(param, name, len) == 0)
      return true;
  }
  return false;
}

/* True if an index of one of the thread's arrays may depend on the loop's
 * variable: it stands in such an index, or a variable is made from it. */
static bool chooses_registers(const unroller *u, const loop *l) {
  for (uint32_t at = l->first; at < l->end && l->var; at++) {
    tm_str line = trimmed(u->lines.data[at]);
    if (!has_word(line, l->var, l->var_len)) continue;
    bool integer = starts(line, "const int ") || starts(line, "int ");
    for (size_t i = 0; i < line.len; i++) {
      if (line.ptr[i] != '[') continue;
      size_t from = i, depth = 0, end = i;
      while (from > 0 && tm_is_word_char(line.ptr[from - 1])) from--;
      for (; end < line.len; end++) {
        if (line.ptr[end] == '[') depth++;
        if (line.ptr[end] == ']' && --depth == 0) break;
      }
      tm_str index = {line.ptr + i, end - i};
      if (!has_word(index, l->var, l->var_len)) continue;
      integer = false;
      if (!is_tile_name(u->e, line.ptr + from, i - from)) return true;
    }
    if (integer) return true;
  }
  return false;
}

/* ---- choosing --------------------------------------------------------- */

static void weigh(unroller *u) {
  for (uint32_t i = 0; i < u->loops.len; i++)
    u->loops.data[i].weight = u->loops.data[i].own;
  for (uint32_t i = u->loops.len; i-- > 0;) {
    loop *l = &u->loops.data[i];
    if (l->parent == UINT32_MAX) continue;
    loop *p = &u->loops.data[l->parent];
    uint64_t all = l->trips * l->weight;
    p->weight += all > UINT32_MAX ? UINT32_MAX : all;
    p->matrices = p->matrices || l->matrices;
  }
}

static void roll(unroller *u, loop *l) {
  if (l->pragma == UINT32_MAX) return;
  static const char text[] = "#pragma clang loop unroll(disable)";
  tm_str *line = &u->lines.data[l->pragma];
  tm_str old = trimmed(*line);
  size_t indent = (size_t)(old.ptr - line->ptr), n = sizeof text - 1;
  char *copy = tm_alloc(u->e->arena, indent + n);
  memcpy(copy, line->ptr, indent);
  memcpy(copy + indent, text, n);
  *line = (tm_str){copy, indent + n};
  l->pragma = UINT32_MAX;
  l->trips = 1;
}

static bool is_inside(const unroller *u, uint32_t inner, uint32_t outer) {
  while (inner != outer && inner != UINT32_MAX)
    inner = u->loops.data[inner].parent;
  return inner == outer;
}

static bool is_over(const loop *l) {
  return l->pragma != UINT32_MAX && l->trips * l->weight > NEST_BUDGET;
}

/* Brings the nest whose outermost unrolled loop is `top` under its budget. */
static void fit_nest(unroller *u, uint32_t top) {
  for (uint32_t i = u->loops.len; i-- > top + 1;) {
    if (!is_over(&u->loops.data[top])) return;
    loop *l = &u->loops.data[i];
    if (l->pragma == UINT32_MAX || !is_inside(u, i, top) || l->matrices ||
        l->trips * l->weight < 8 || chooses_registers(u, l))
      continue;
    roll(u, l);
    weigh(u);
  }
  if (is_over(&u->loops.data[top]) && !u->loops.data[top].matrices) {
    roll(u, &u->loops.data[top]);
    weigh(u);
  }
}

static uint64_t kernel_weight(const unroller *u, uint32_t *largest) {
  uint64_t sum = 0, most = SMALLEST;
  *largest = UINT32_MAX;
  for (uint32_t i = 0; i < u->loops.len; i++) {
    const loop *l = &u->loops.data[i];
    bool nested = false;
    for (uint32_t p = l->parent; p != UINT32_MAX && !nested;
         p = u->loops.data[p].parent)
      nested = u->loops.data[p].pragma != UINT32_MAX;
    if (l->pragma == UINT32_MAX || nested) continue;
    uint64_t all = l->trips * l->weight;
    sum += all;
    if (all <= most || l->matrices) continue;
    most = all;
    *largest = i;
  }
  return sum;
}

void msl_limit_unrolling(emitter *e, tm_buf *body) {
  unroller u = {.e = e};
  find_functions(&u);
  read_text(&u, tm_buf_text(body));
  weigh(&u);
  bool changed = false;
  for (uint32_t i = 0; i < u.loops.len; i++) {
    /* An outer loop is looked at first; once it is rolled, those in it are
     * nests of their own. */
    if (!is_over(&u.loops.data[i])) continue;
    fit_nest(&u, i);
    changed = true;
  }
  for (uint32_t largest; kernel_weight(&u, &largest) > KERNEL_BUDGET &&
                         largest != UINT32_MAX;) {
    roll(&u, &u.loops.data[largest]);
    weigh(&u);
    changed = true;
  }
  if (!changed) return;
  tm_buf out = tm_buf_in(e->arena);
  for (uint32_t i = 0; i < u.lines.len; i++) {
    tm_buf_add(&out, u.lines.data[i].ptr, u.lines.data[i].len);
    tm_buf_puts(&out, "\n");
  }
  *body = out;
}
