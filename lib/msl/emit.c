/* SPDX-License-Identifier: MIT */
/*
 * emit.c - the driver: a laid-out kernel to one MSL source.
 *
 *     // comment: what it is, threads, memory, layouts
 *     #include <metal_stdlib>
 *     using namespace metal;
 *     struct add_kernel_args { int n; };      scalars, and the addresses of
 *                                             buffers that have no slot
 *     helper functions                     emitter_prelude.c, emitter_reduce.c
 *     [[max_total_threads_per_threadgroup(128)]]
 *     kernel void add_kernel(buffers, arguments, positions) {
 *       threadgroup pool and its regions      emitter_pool.c
 *       constants of the thread               emitter_coords.c
 *       body
 *     }
 *
 * Math mode. The text is for the safe mode: every compilation of it must set
 * MTLMathModeSafe (or fastMathEnabled = NO before macOS 15). From MSL 3.2 on
 * the text also says so itself by `#pragma METAL fp math_mode(safe)`, behind
 * a check of __METAL_VERSION__. Contraction of a * b + c stays on, as Triton
 * allows. The text needs MSL 3.0 and Apple7 (M1) and nothing newer, but for
 * nextafter and functions of the host's (3.1), and atomic operations that
 * order other accesses (3.2, emitter_atomic.c), and tensor operations, which
 * are asked for (4.0 and Apple10, emitter_tensor.c).
 *
 * The threadgroup bound is never declared below 64, although one simdgroup
 * may be all that runs: a bound of 32 is miscompiled (METAL-FACTS B1).
 */
#include "emitter.h"

enum {
  FAMILY = 7,                     /* Apple7: M1 */
  TENSOR_FAMILY = 10,             /* Apple10: M5 has matrix units */
  MIN_THREAD_BOUND = 64,
  MAX_UNROLLED = 64,              /* trips of a loop that is unrolled */
  MOST_QUOTED = 60                /* bytes of a source line in a comment */
};

/* ---- statements ------------------------------------------------------- */

/* The text, until the next one is formatted: most are short and copied, and a
 * buffer of its own for each would be larger than it. */
static tm_str formatted(emitter *e, const char *fmt, va_list args) {
  e->scratch.arena = e->arena;
  e->scratch.len = 0;
  tm_buf_vprintf(&e->scratch, fmt, args);
  return (tm_str){e->scratch.data, e->scratch.len};
}

const char *msl_text(emitter *e, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_str text = formatted(e, fmt, args);
  va_end(args);
  return tm_strndup(e->arena, text.ptr, text.len);
}

/* What it costs to break a line at the space text[i]: least after a comma,
 * more after an operator and in parentheses, most inside a product, which
 * reads as one thing. -1 when the line cannot break there. */
static int break_cost(const char *text, size_t i, int depth) {
  char last = text[i - 1], before = text[i - 2];
  if (last == ',' || last == ';') return depth * 2;
  bool pair = (last == '&' || last == '|') && before == last;
  if (before != ' ' && !(pair && text[i - 3] == ' ')) return -1;
  if (last == '*' || last == '/' || last == '%') return depth * 2 + 4;
  return strchr("+-?:&|=<>^", last) ? depth * 2 + 1 : -1;
}

/* Breaks a long line after a comma or an operator, at the place that fits and
 * costs least, the last of those but for a few columns. */
static void put_wrapped(emitter *e, tm_str line) {
  enum { WIDTH = 80 };
  uint32_t indent = e->indent * 2;
  const char *text = line.ptr;
  size_t left = line.len;
  bool first = true;
  while (indent + left > WIDTH && strncmp(text, "//", 2) != 0) {
    size_t room = WIDTH > indent + 8 ? WIDTH - indent : 8, best = 0;
    int depth = 0, least = 1 << 30;
    for (size_t i = 0; i + 1 < left && i < room; i++) {
      if (text[i] == '(' || text[i] == '[') depth++;
      if (text[i] == ')' || text[i] == ']') depth--;
      if (text[i] != ' ' || i < 16) continue;
      int cost = break_cost(text, i, depth);
      if (cost < 0) continue;
      if (cost <= least || (cost <= least + 1 && i > best + 30)) {
        least = cost < least ? cost : least;
        best = i;
      }
    }
    if (best == 0) break;
    tm_buf_printf(e->to, "%*s%.*s\n", (int)indent, "", (int)best, text);
    text += best + 1;
    left -= best + 1;
    if (first) indent += 4;
    first = false;
  }
  tm_buf_printf(e->to, "%*s%s\n", (int)indent, "", text);
}

void msl_line(emitter *e, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_str text = formatted(e, fmt, args);
  va_end(args);
  put_wrapped(e, text);
}

void msl_open(emitter *e, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  formatted(e, fmt, args);
  va_end(args);
  tm_buf_puts(&e->scratch, " {");
  put_wrapped(e, (tm_str){e->scratch.data, e->scratch.len});
  e->indent++;
  msl_scope_open(e);
}

void msl_close(emitter *e) {
  msl_scope_close(e);
  e->indent--;
  tm_buf_printf(e->to, "%*s}\n", (int)e->indent * 2, "");
}

static const char *open_loop(emitter *e, const char *hint, uint32_t first,
                             uint32_t end, uint32_t step, bool unroll) {
  msl_line(e, unroll ? "#pragma unroll"
                     : "#pragma clang loop unroll(disable)");
  /* The variable belongs to the loop: named after the scope is open. */
  msl_scope_open(e);
  const char *name = msl_name(e, hint);
  const char *next = step == 1 ? msl_text(e, "++%s", name)
                               : msl_text(e, "%s += %u", name, (unsigned)step);
  tm_buf_printf(e->to, "%*sfor (int %s = %u; %s < %u; %s) {\n",
                (int)e->indent * 2, "", name, (unsigned)first, name,
                (unsigned)end, next);
  e->indent++;
  return name;
}

const char *msl_loop_from(emitter *e, const char *hint, uint32_t first,
                          uint32_t end, uint32_t step) {
  return open_loop(e, hint, first, end, step,
                   (end - first) / step <= MAX_UNROLLED);
}

const char *msl_loop_rolled(emitter *e, const char *hint, uint32_t trips) {
  return open_loop(e, hint, 0, trips, 1, false);
}

const char *msl_loop(emitter *e, const char *hint, uint32_t trips) {
  return trips == 1 ? NULL : msl_loop_from(e, hint, 0, trips, 1);
}

void msl_else(emitter *e) {
  msl_scope_close(e);
  tm_buf_printf(e->to, "%*s} else {\n", (int)(e->indent - 1) * 2, "");
  msl_scope_open(e);
}

/* How much of a line of source stands in a comment: all of it, or whole words
 * that leave room for "...". */
static size_t quoted_length(tm_str line, bool *is_cut) {
  *is_cut = line.len > MOST_QUOTED;
  if (!*is_cut) return line.len;
  size_t n = MOST_QUOTED - 3;
  while (n > 0 && line.ptr[n] != ' ') n--;
  while (n > 0 && line.ptr[n - 1] == ' ') n--;
  return n ? n : MOST_QUOTED - 3; /* one long word */
}

/* Where a line of a source begins; its end when it has no such line. */
static const char *line_start(emitter *e, uint32_t file, uint32_t line) {
  tm_str text = e->diags->sources.data[file - 1].text;
  const char *p = text.ptr, *end = text.ptr + text.len;
  if (!e->lines)
    e->lines = TM_NEW_ARRAY(e->arena, msl_lines, e->diags->sources.len);
  msl_lines *lines = &e->lines[file - 1];
  while (!lines->is_whole) {
    tm_push(e->arena, &lines->starts, p);
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    p = newline ? newline + 1 : end;
    lines->is_whole = p == end;
  }
  return line <= lines->starts.len ? lines->starts.data[line - 1] : end;
}

/* "// 12: x = tl.load(...)": printable bytes only, and no backslash, which
 * could join the next line to the comment. */
void msl_source(emitter *e, tm_inst inst) {
  tm_loc loc = tm_get(e->ir, inst)->loc;
  if (!loc.file || !loc.line || loc.line == e->line ||
      loc.file > e->diags->sources.len)
    return;
  e->line = loc.line;
  if (e->to == &e->body) {
    msl_mark mark = {e->body.len, loc};
    tm_push(e->arena, &e->marks, mark);
  }
  tm_str text = e->diags->sources.data[loc.file - 1].text;
  const char *p = line_start(e, loc.file, loc.line);
  const char *end = text.ptr + text.len;
  while (p < end && (*p == ' ' || *p == '\t')) p++;
  tm_str line = {p, 0};
  while (p + line.len < end && p[line.len] != '\n' && p[line.len] != '\r')
    line.len++;
  bool is_cut;
  size_t n = quoted_length(line, &is_cut);
  char shown[MOST_QUOTED];
  for (size_t i = 0; i < n; i++)
    shown[i] = p[i] >= ' ' && p[i] <= '~' && p[i] != '\\' ? p[i] : '.';
  msl_line(e, "// %u: %.*s%s", (unsigned)loc.line, (int)n, shown,
           is_cut ? "..." : "");
}

tm_diag *msl_refuse(emitter *e, tm_inst inst, const char *fmt, ...) {
  tm_buf buf = tm_buf_in(e->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&buf, fmt, args);
  va_end(args);
  e->failed = true;
  tm_loc loc = inst ? tm_get(e->ir, inst)->loc : e->func->loc;
  return tm_error_at(e->diags, TM_DIAG_UNSUPPORTED, loc,
                     "not supported on Metal: %s", tm_buf_text(&buf));
}

void msl_broken(emitter *e, tm_inst inst, const char *what) {
  tm_loc loc = inst ? tm_get(e->ir, inst)->loc : e->func->loc;
  tm_error_at(e->diags, TM_DIAG_INTERNAL, loc, "code generator: %s%s%s", what,
              inst ? " in " : "",
              inst ? tm_op_infos[tm_get(e->ir, inst)->op].name : "");
  e->failed = true;
}

void msl_bind(emitter *e, tm_value v, const char *name) {
  e->values[v].place = MSL_IN_VARIABLE;
  e->values[v].name = name;
  tm_push(e->arena, &e->uniform, name);
}

/* ---- instructions ----------------------------------------------------- */

/* What stands in the source for an operation without MSL, and a way out. */
static void refuse_op(emitter *e, tm_inst inst) {
  static const struct { tm_op op; const char *name, *hint; } known[] = {
    {TM_MAP_ELEMENTWISE, "tl.map_elementwise",
     "write the function on whole tiles"},
    {TM_INLINE_ASM, "tl.inline_asm_elementwise",
     "inline assembly is for another vendor's GPU: use Triton operations"},
    {TM_CALL, "a call that was not inlined", "do not mark it noinline"},
  };
  tm_op op = tm_get(e->ir, inst)->op;
  for (size_t i = 0; i < TM_COUNT(known); i++) {
    if (known[i].op != op) continue;
    tm_diag *diag = msl_refuse(e, inst, "%s", known[i].name);
    tm_diag_hint(e->diags, diag, "%s", known[i].hint);
    return;
  }
  msl_refuse(e, inst, "%s", tm_op_infos[op].name);
}

static bool is_silent_scalar(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const msl_value *value = &e->values[d->results];
  if (d->op == TM_CONSTANT || d->op == TM_POISON) return true;
  if (msl_is_shared(e, d->results)) return true; /* taken apart at its uses */
  /* In a combine function nothing is counted: everything gets a variable. */
  if (value->is_invariant) return false;
  return value->uses <= 1 && value->depth > 0 && !value->is_base &&
         (!tm_val(e->ir, d->results)->name ||
          msl_joins_a_sum(e, d->results));
}

/* What a scalar without a name of its own is called: "x_base" for where a
 * tile begins in the buffer of x or x_ptr. */
static const char *scalar_hint(emitter *e, tm_value v) {
  tm_value root = v;
  tm_inst def = tm_val(e->ir, v)->def;
  while (def && tm_get(e->ir, def)->op == TM_ADDPTR) {
    root = tm_get(e->ir, def)->operands[0];
    def = tm_val(e->ir, root)->def;
  }
  tm_name name = tm_val(e->ir, root)->name;
  if (root == v || !name) return "s";
  size_t n = strlen(name);
  if (n > 4 && strcmp(name + n - 4, "_ptr") == 0) n -= 4;
  return msl_text(e, "%.*s_base", (int)n, name);
}

void msl_scalar_inst(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  uint16_t flags = tm_op_infos[d->op].flags;
  if (e->to == &e->body) msl_order(e, &inst, 1);
  switch (d->op) {
    case TM_LOAD: {
      msl_point point = msl_point_register(0);
      if (msl_is_volatile(e, inst)) msl_atomic(e, inst, &point);
      else msl_load(e, inst, &point);
      return;
    }
    case TM_STORE: {
      msl_point point = msl_point_register(0);
      msl_store(e, inst, &point);
      return;
    }
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
    case TM_ATOMIC_STORE: {
      msl_point point = msl_point_register(0);
      msl_atomic(e, inst, &point);
      return;
    }
    case TM_ASSUME: case TM_SHARED_ALLOC: return;
    case TM_PRINT: case TM_ASSERT: msl_log(e, inst); return;
    case TM_BARRIER:
      msl_barrier(e, "mem_flags::mem_device | mem_flags::mem_threadgroup");
      return;
    default: break;
  }
  if (!(flags & TM_PURE) || d->n_results != 1) {
    refuse_op(e, inst);
    return;
  }
  if (is_silent_scalar(e, inst)) return;
  if (e->values[d->results].uses == 0 && e->values[d->results].depth > 0)
    return; /* dead */
  msl_source(e, inst);
  msl_point point = msl_point_register(0);
  msl_expr x = msl_compute(e, d->results, &point);
  const char *name = msl_name_of(e, d->results, scalar_hint(e, d->results));
  tm_type type = tm_type_of(e->ir, d->results);
  if (type->kind == TM_TYPE_POINTER)
    msl_line(e, "%s%s = %s;", msl_pointer_type(e, d->results), name, x.text);
  else
    msl_line(e, "const %s %s = %s;", msl_type(e, msl_scalar_of(type), 1),
             name, x.text);
  msl_bind(e, d->results, name);
}

/* A value of a group: into its array, or a variable of the loop. */
static void element_root(emitter *e, tm_inst inst, const msl_point *point) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  for (uint32_t i = 0; i < d->n_results; i++) {
    tm_value v = d->results + i;
    const msl_value *value = &e->values[v];
    if (value->place < MSL_IN_ARRAY) {
      if (value->depth == 0) msl_eval(e, v, point); /* cuts deep nesting */
      continue;
    }
    tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
    const msl_value *storage = &e->values[value->storage];
    if (storage->place == MSL_IN_FRAGMENTS) {
      for (uint32_t j = 0; j < 1u << point->n_comp; j++) {
        msl_point one = msl_point_component(point, j);
        msl_expr x = msl_compute(e, v, &one);
        msl_line(e, "%s = %s;", msl_array_entry(e, v, &one), x.text);
      }
      continue;
    }
    uint32_t lanes = 1u << point->n_comp;
    msl_expr x =
        msl_widen(e, msl_compute(e, v, point), scalar, lanes);
    bool single = msl_reg_bits(e, v) == value->width && value->storage == v;
    if (single)
      msl_line(e, "const %s %s = %s;", msl_type(e, scalar, lanes),
               value->name, x.text);
    else
      msl_line(e, "%s = %s;", msl_array_entry(e, v, point), x.text);
  }
}

static bool is_root(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (tm_op_is_access(d->op)) return true;
  for (uint32_t i = 0; i < d->n_results; i++)
    if (e->values[d->results + i].place >= MSL_IN_ARRAY ||
        e->values[d->results + i].depth == 0)
      return true;
  return false;
}

/* Is inst printed in the group's innermost loop? */
static bool is_inside(const emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  return is_root(e, inst) &&
         !(d->op == TM_LOAD && e->values[d->results].packed);
}

/* log2 of the vectors in the group's widest accesses. */
uint32_t msl_group_wide_bits(emitter *e, const msl_group *group) {
  uint32_t wide = 0;
  for (uint32_t i = 0; i < group->insts.len; i++) {
    uint32_t bits = msl_wide_bits(e, group->insts.data[i]);
    if (bits > wide) wide = bits;
  }
  bool fits = group->width == MSL_MAX_VECTOR_BITS &&
              group->n_reg >= group->width + wide;
  return fits ? wide : 0;
}

/* Around the inner loop: all wide loads before it, all wide stores after. A
 * group never reads what it has written, so the order among them is free. */
static void wide_accesses(emitter *e, const msl_group *group, uint32_t wide,
                          tm_op op) {
  for (uint32_t i = 0; i < group->insts.len && !e->failed; i++) {
    tm_inst inst = group->insts.data[i];
    tm_op this_op = tm_get(e->ir, inst)->op;
    if (msl_wide_bits(e, inst) != wide) continue;
    if (this_op == op) msl_source(e, inst);
    if (op == TM_LOAD && this_op == TM_LOAD)
      msl_load_wide(e, inst, &e->outer);
    else if (op == TM_LOAD)
      msl_declare_wide(e, inst); /* filled by the loop */
    else if (this_op == TM_STORE)
      msl_store_wide(e, inst, &e->outer);
  }
}

static void declare_results(emitter *e, const msl_group *group) {
  for (uint32_t i = 0; i < group->insts.len; i++) {
    const tm_inst_data *d = tm_get(e->ir, group->insts.data[i]);
    for (uint32_t k = 0; k < d->n_results; k++) {
      tm_value v = d->results + k;
      msl_value *value = &e->values[v];
      if (value->place < MSL_IN_ARRAY || value->storage != v) continue;
      value->name = msl_name_of(e, v, "x");
      if (msl_reg_bits(e, v) > value->width ||
          value->place == MSL_IN_FRAGMENTS)
        msl_declare_array(e, v);
    }
  }
}

static void group_inst(emitter *e, tm_inst inst, const msl_point *point) {
  if (!is_inside(e, inst)) return;
  msl_source(e, inst);
  switch (tm_get(e->ir, inst)->op) {
    case TM_LOAD:
      if (msl_is_volatile(e, inst)) msl_atomic(e, inst, point);
      else msl_load(e, inst, point);
      break;
    case TM_STORE: msl_store(e, inst, point); break;
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
    case TM_ATOMIC_STORE:
      msl_atomic(e, inst, point);
      break;
    default: element_root(e, inst, point); break;
  }
}

void msl_emit_group(emitter *e, msl_group *group) {
  bool any = false, inside = false;
  for (uint32_t i = 0; i < group->insts.len; i++) {
    any = any || is_root(e, group->insts.data[i]);
    inside = inside || is_inside(e, group->insts.data[i]);
  }
  if (!any) return;
  msl_order(e, group->insts.data, group->insts.len);
  declare_results(e, group);
  uint32_t wide = msl_group_wide_bits(e, group);
  uint32_t trips = 1u << (group->n_reg - group->width - wide);
  const char *var = msl_loop(e, group->width ? "c" : "r", trips);
  msl_point point = msl_point_all(var, group->n_reg, group->width);
  if (wide) {
    e->outer = msl_point_nested(var, NULL, group->n_reg, group->width, wide);
    e->outer = msl_point_component(&e->outer, 0);
    e->outer.var[1].n = 0;
    wide_accesses(e, group, wide, TM_LOAD);
  }
  if (wide && inside) {
    e->half_var = msl_loop(e, "h", 1u << wide);
    point = msl_point_nested(var, e->half_var, group->n_reg, group->width,
                             wide);
  }
  for (uint32_t i = 0; i < group->insts.len && !e->failed; i++)
    group_inst(e, group->insts.data[i], &point);
  if (wide && inside) {
    msl_close(e);
    wide_accesses(e, group, wide, TM_STORE);
  }
  if (var) msl_close(e);
}

static void collective(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  bool late = e->stagings[inst] && msl_stage_is_late(e, inst);
  if (!late) msl_source(e, inst);
  switch (d->op) {
    case TM_REDUCE: msl_reduce(e, inst); break;
    case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
    case TM_ATOMIC_STORE: case TM_LOAD: /* volatile */
      msl_order(e, &inst, 1);
      msl_atomic_collective(e, inst);
      break;
    case TM_SCAN: msl_scan(e, inst); break;
    case TM_GATHER: msl_gather(e, inst); break;
    case TM_HISTOGRAM: msl_histogram(e, inst); break;
    case TM_DOT: msl_dot(e, inst); break;
    case TM_PRINT: case TM_ASSERT: msl_log(e, inst); break;
    case TM_CONVERT_LAYOUT: {
      if (!e->stagings[inst]) {
        msl_convert(e, inst);
        break;
      }
      if (!late) msl_stage(e, inst, NULL);
      break;
    }
    case TM_UNSPLAT: {
      msl_point point = msl_point_register(0);
      const char *name = msl_name_of(e, d->results, "s");
      tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, d->results));
      msl_line(e, "const %s %s = %s;", msl_type(e, scalar, 1), name,
               msl_eval(e, d->operands[0], &point).text);
      msl_bind(e, d->results, name);
      break;
    }
    default: refuse_op(e, inst); break;
  }
}

static bool has_tile(const emitter *e, const tm_inst_data *d) {
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (tm_type_is_tensor(tm_type_of(e->ir, d->operands[i]))) return true;
  for (uint32_t i = 0; i < d->n_results; i++)
    if (tm_type_is_tensor(tm_type_of(e->ir, d->results + i))) return true;
  return false;
}

/* Leaves, views, cheap values and loads that are copied into threadgroup
 * memory are printed where they are used. */
static bool is_lazy(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  if (e->group_of[inst] || e->copied[inst] || msl_is_view(e, inst))
    return true;
  switch (d->op) {
    case TM_CONSTANT: case TM_MAKE_RANGE: case TM_SPLAT: case TM_POISON:
      return true;
    default: break;
  }
  uint16_t flags = tm_op_infos[d->op].flags;
  return d->op == TM_JOIN || d->op == TM_CAT ||
         ((flags & TM_ELEMENTWISE) && (flags & TM_PURE));
}

void msl_block(emitter *e, tm_block block) {
  TM_EACH_INST(e->ir, inst, block) {
    uint32_t g = e->groups_at[inst];
    for (; g && g <= e->groups.len && e->groups.data[g - 1].at == inst &&
           !e->failed;
         g++)
      msl_emit_group(e, &e->groups.data[g - 1]);
    if (e->failed) return;
    const tm_inst_data *d = tm_get(e->ir, inst);
    if (d->op == TM_FOR || d->op == TM_IF || d->op == TM_WHILE) {
      msl_source(e, inst);
      msl_control(e, inst);
    } else if (tm_op_infos[d->op].flags & TM_TERMINATOR) {
      continue;
    } else if (!has_tile(e, d)) {
      msl_scalar_inst(e, inst);
    } else if (!is_lazy(e, inst)) {
      collective(e, inst);
    }
  }
}

/* ---- arguments -------------------------------------------------------- */

static uint32_t field_size(tm_scalar scalar) {
  return scalar == TM_INDEX ? 4 : msl_memory_bytes(scalar);
}

/* The constant struct as it grows. */
typedef struct fields {
  tm_buf text;
  uint32_t end, pads, align;
} fields;

/* Appends a field and returns its offset. */
static uint32_t add_field(fields *f, const char *type, const char *name,
                          uint32_t size) {
  while (f->end % size) {
    tm_buf_printf(&f->text, "  uchar pad%u;\n", (unsigned)f->pads++);
    f->end++;
  }
  if (size > f->align) f->align = size;
  tm_buf_printf(&f->text, "  %s %s;\n", type, name);
  f->end += size;
  return f->end - size;
}

static void pointer_argument(emitter *e, const tm_param *param,
                             const char *name, uint32_t *slots, fields *f,
                             tm_msl_arg *arg) {
  uint32_t roots = e->values[param->value].roots;
  arg->scalar = msl_scalar_of(param->type->element);
  arg->reads = (e->read_roots & roots) != 0;
  arg->writes = (e->write_roots & roots) != 0;
  if (*slots < e->bound) {
    arg->kind = TM_ARG_BUFFER;
    arg->slot = (*slots)++;
  } else {
    arg->kind = TM_ARG_ADDRESS;
    arg->offset = add_field(f, "ulong", name, 8);
  }
  msl_bind(e, param->value, name);
}

static void number_argument(emitter *e, const tm_param *param,
                            const char *name, fields *f, tm_msl_arg *arg) {
  arg->kind = TM_ARG_SCALAR;
  arg->scalar = param->type->scalar;
  arg->offset = add_field(f, msl_memory_type(e, arg->scalar, 1), name,
                          field_size(arg->scalar));
  const char *text = msl_text(e, "args.%s", name);
  if (arg->scalar == TM_I1) text = msl_text(e, "(%s != 0)", text);
  if (arg->scalar == TM_BF16)
    text = msl_text(e, "%s(%s)", msl_use(e, MSL_H_BF16_LOAD, "ushort", 1),
                    text);
  msl_bind(e, param->value, text);
}

/* Fills metadata, and prints the constant struct into out. */
static bool arguments(emitter *e, const char *struct_name, tm_buf *out) {
  const tm_func *func = e->func;
  tm_msl *msl = e->out;
  msl->n_args = func->params.len;
  msl->args = TM_NEW_ARRAY(e->arena, tm_msl_arg, func->params.len);
  uint32_t slots = 0;
  fields f = {.text = tm_buf_in(e->arena), .align = 4};
  for (uint32_t i = 0; i < func->params.len; i++) {
    const tm_param *param = &func->params.data[i];
    tm_msl_arg *arg = &msl->args[i];
    arg->name = param->name;
    if (!msl_type_is_supported(e, 0, param->type)) return false;
    const char *name = msl_name(e, param->name);
    if (param->type->kind == TM_TYPE_POINTER)
      pointer_argument(e, param, name, &slots, &f, arg);
    else
      number_argument(e, param, name, &f, arg);
  }
  while (f.end % f.align) {
    tm_buf_printf(&f.text, "  uchar pad%u;\n", (unsigned)f.pads++);
    f.end++;
  }
  msl->scalars_slot = slots;
  msl->scalars_size = f.end;
  msl->uses_log = e->uses_log;
  msl->log_slot = slots + (f.end > 0);
  if (f.end)
    tm_buf_printf(out, "struct %s {\n%s};\n\n", struct_name,
                  tm_buf_text(&f.text));
  return true;
}

/* The pointers that came as numbers. */
static void pointers_of_addresses(emitter *e, tm_buf *out) {
  const tm_msl *msl = e->out;
  for (uint32_t i = 0; i < msl->n_args; i++) {
    if (msl->args[i].kind != TM_ARG_ADDRESS) continue;
    tm_value v = e->func->params.data[i].value;
    const char *type = msl_pointer_type(e, v), *name = e->values[v].name;
    tm_buf_printf(out, "  %sconst %s = (%s)args.%s;\n", type, name, type,
                  name);
  }
}

static void signature(emitter *e, const char *entry, const char *struct_name,
                      tm_buf *out) {
  const tm_msl *msl = e->out;
  uint32_t bound = msl->threads > MIN_THREAD_BOUND ? msl->threads
                                                   : MIN_THREAD_BOUND;
  tm_buf_printf(out, "[[max_total_threads_per_threadgroup(%u)]]\n",
                (unsigned)bound);
  tm_buf_printf(out, "kernel void %s(", entry);
  const char *separator = "\n    ";
  for (uint32_t i = 0; i < msl->n_args; i++) {
    if (msl->args[i].kind != TM_ARG_BUFFER) continue;
    tm_value v = e->func->params.data[i].value;
    tm_buf_printf(out, "%s%s%s [[buffer(%u)]]", separator,
                  msl_pointer_type(e, v), e->values[v].name,
                  (unsigned)msl->args[i].slot);
    separator = ",\n    ";
  }
  if (msl->scalars_size) {
    tm_buf_printf(out, "%sconstant %s &args [[buffer(%u)]]", separator,
                  struct_name, (unsigned)msl->scalars_slot);
    separator = ",\n    ";
  }
  if (msl->uses_log) {
    tm_buf_printf(out, "%sdevice atomic_uint *device_log [[buffer(%u)]]",
                  separator, (unsigned)msl->log_slot);
    separator = ",\n    ";
  }
  const struct { bool used; const char *text; } inputs[] = {
    {e->uses_program, "uint3 program_id [[threadgroup_position_in_grid]]"},
    {e->uses_programs, "uint3 num_programs [[threadgroups_per_grid]]"},
    {e->uses_tid, "uint tid [[thread_index_in_threadgroup]]"},
    {e->uses_lane, "uint lane [[thread_index_in_simdgroup]]"},
    {e->uses_simdgroup,
     "uint simdgroup [[simdgroup_index_in_threadgroup]]"},
  };
  for (size_t i = 0; i < TM_COUNT(inputs); i++) {
    if (!inputs[i].used) continue;
    tm_buf_printf(out, "%s%s", separator, inputs[i].text);
    separator = ",\n    ";
  }
  tm_buf_puts(out, ") {\n");
}

/* ---- the comment at the top ------------------------------------------- */

static void put_bits(tm_buf *out, const tm_layout *layout, const char *what,
                     const uint32_t *basis, uint32_t n) {
  if (n == 0) return;
  tm_buf_printf(out, ", %s", what);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at[TM_MAX_RANK];
    tm_layout_coords(layout, basis[i], at);
    tm_buf_puts(out, " ");
    if (basis[i] == 0) {
      tm_buf_puts(out, "=");
      continue;
    }
    const char *letters = layout->rank == 2 ? "yx" : "abcdefghijklmnopqrst";
    for (uint32_t d = 0; d < layout->rank; d++) {
      if (!at[d]) continue;
      if (layout->rank > 1) tm_buf_printf(out, "%c", letters[d]);
      tm_buf_printf(out, "%u", (unsigned)at[d]);
    }
  }
}

/* One line per layout in use: what each bit of register, lane and simdgroup
 * number adds to the element's coordinates ("=": a copy). */
static void describe_layouts(emitter *e, tm_buf *out) {
  TM_VEC(const tm_layout *) seen = {0};
  for (uint32_t v = 1; v < e->ir->values.len; v++) {
    const tm_layout *layout = e->layouts->of[v];
    if (!layout || e->values[v].uses == 0) continue;
    bool known = false;
    for (uint32_t i = 0; i < seen.len; i++)
      known = known || tm_layout_equal(seen.data[i], layout);
    if (known || seen.len >= 16) continue;
    tm_push(e->arena, &seen, layout);
  }
  if (seen.len == 0) return;
  tm_buf_puts(out, "//\n// Tiles: what each bit of the register, lane and "
                   "simdgroup number adds to\n// the coordinates.\n");
  for (uint32_t i = 0; i < seen.len; i++) {
    const tm_layout *l = seen.data[i];
    tm_buf_puts(out, "//   [");
    for (uint32_t d = 0; d < l->rank; d++)
      tm_buf_printf(out, "%s%u", d ? ", " : "", 1u << l->dim_bits[d]);
    tm_buf_puts(out, "]");
    put_bits(out, l, "register", l->reg, l->n_reg);
    put_bits(out, l, "lane", l->lane, TM_LANE_BITS);
    put_bits(out, l, "simdgroup", l->warp, l->n_warp);
    tm_buf_puts(out, "\n");
  }
}

static void header(emitter *e, const char *entry, tm_buf *out) {
  uint32_t warps = e->layouts->num_warps;
  tm_buf_printf(out, "// %s, from Triton, by libtritonmetal.\n", entry);
  tm_buf_printf(out, "// %u thread%s in %u simdgroup%s",
                (unsigned)e->out->threads, e->out->threads == 1 ? "" : "s",
                (unsigned)warps, warps == 1 ? "" : "s");
  if (e->pool_bytes + e->array_bytes)
    tm_buf_printf(out, ", %u bytes of threadgroup memory",
                  (unsigned)(e->pool_bytes + e->array_bytes));
  tm_buf_puts(out, ". Compile with math mode safe.\n");
  describe_layouts(e, out);
  tm_buf_puts(out, "#include <metal_stdlib>\n");
  if (e->uses_tensors)
    tm_buf_puts(out, "#include <MetalPerformancePrimitives/"
                     "MetalPerformancePrimitives.h>\n");
  tm_buf_puts(out,
              "using namespace metal;\n"
              "#if __METAL_VERSION__ >= 320\n"
              "#pragma METAL fp math_mode(safe)\n"
              "#endif\n\n");
}

/* ---- the door --------------------------------------------------------- */

/* One array of each type, since many break the compiler's service: where
 * there are several of atomics, they share one. No cast is needed then. */
static void atomic_arrays(emitter *e, tm_buf *out) {
  static const char *const names[] = {"atomics", "unsigned_atomics"};
  for (uint32_t type = 0; type < MSL_ATOMIC_TYPES; type++) {
    const msl_region *last = NULL;
    uint32_t n = 0, bytes = 0;
    for (uint32_t i = 0; i < e->regions.len; i++) {
      const msl_region *r = &e->regions.data[i];
      if (!r->is_atomic || msl_atomic_type(r) != type) continue;
      last = r;
      bytes += r->bytes;
      n++;
    }
    if (!last) continue;
    tm_buf_printf(out, "  threadgroup %s %s[%u];\n", last->type,
                  n == 1 ? last->name : names[type], (unsigned)(bytes / 4));
    for (uint32_t i = 0; n > 1 && i < e->regions.len; i++) {
      const msl_region *r = &e->regions.data[i];
      uint32_t at = (r->offset & (MSL_BESIDE - 1)) / 4;
      if (!r->is_atomic || msl_atomic_type(r) != type) continue;
      tm_buf_printf(out, "  threadgroup %s *const %s = %s", r->type, r->name,
                    names[type]);
      tm_buf_printf(out, at ? " + %u;\n" : ";\n", (unsigned)at);
    }
  }
}

static void pool(emitter *e, tm_buf *out) {
  if (e->pool_bytes)
    tm_buf_printf(out, "  threadgroup float4 pool[%u];\n",
                  (unsigned)(e->pool_bytes / 16));
  atomic_arrays(e, out);
  for (uint32_t i = 0; i < e->regions.len; i++) {
    const msl_region *r = &e->regions.data[i];
    if (r->bytes == 0 || r->is_atomic) continue; /* another one's serves */
    tm_buf_printf(out, "  threadgroup %s *const %s = (threadgroup %s *)",
                  r->type, r->name, r->type);
    if (r->offset)
      tm_buf_printf(out, "(pool + %u);\n", (unsigned)(r->offset / 16));
    else
      tm_buf_puts(out, "pool;\n");
  }
}

static void claim_fixed_names(emitter *e) {
  static const char *const fixed[] = {
    "args", "device_log", "log_value", "program_id", "num_programs", "tid",
    "lane", "simdgroup", "pool", "atomics", "unsigned_atomics", "shuffle",
    "shuffle_xor"
  };
  for (size_t i = 0; i < TM_COUNT(fixed); i++) msl_name_claim(e, fixed[i]);
  msl_claim_helper_names(e);
}

static void publish_tiles(emitter *e) {
  tm_msl *msl = e->out;
  msl->tiles = TM_NEW_ARRAY(e->arena, tm_msl_tile, e->regions.len);
  for (uint32_t i = 0; i < e->regions.len; i++) {
    const msl_region *r = &e->regions.data[i];
    if (r->bytes == 0) continue;
    msl->tiles[msl->n_tiles++] = (tm_msl_tile){
        r->name, r->offset & (MSL_BESIDE - 1), r->bytes, r->is_array};
  }
  msl->uniform = e->uniform.data;
  msl->n_uniform = e->uniform.len;
  msl->sites = e->sites.data;
  msl->n_sites = e->sites.len;
}

static uint32_t count_lines(const char *text, size_t n) {
  uint32_t lines = 0;
  for (size_t i = 0; i < n && text[i]; i++) lines += text[i] == '\n';
  return lines;
}

/* Turns offsets in the body, in order, into lines of the text; before: the
 * text in front of it. */
typedef struct line_counter {
  const char *body;
  size_t at;
  uint32_t line;
} line_counter;

static line_counter count_from(emitter *e, const char *before) {
  return (line_counter){tm_buf_text(&e->body), 0,
                        1 + count_lines(before, SIZE_MAX)};
}

static uint32_t line_of(line_counter *c, size_t offset) {
  c->line += count_lines(c->body + c->at, offset - c->at);
  c->at = offset;
  return c->line;
}

/* Which source position each line of the body comes from, and where the steps
 * of arrays begin. */
static void publish_places(emitter *e, const char *before) {
  tm_msl *msl = e->out;
  msl->n_places = e->marks.len;
  msl->places = TM_NEW_ARRAY(e->arena, tm_msl_place, e->marks.len);
  line_counter c = count_from(e, before);
  for (uint32_t i = 0; i < e->marks.len; i++) {
    const msl_mark *mark = &e->marks.data[i];
    msl->places[i] = (tm_msl_place){line_of(&c, mark->offset), mark->loc};
  }
  msl->n_steps = e->steps.len;
  msl->steps = TM_NEW_ARRAY(e->arena, uint32_t, e->steps.len);
  c = count_from(e, before);
  for (uint32_t i = 0; i < e->steps.len; i++)
    msl->steps[i] = line_of(&c, e->steps.data[i]);
}

bool tm_msl_emit(const tm_ir *ir, const tm_layouts *layouts,
                 const tm_chip *chip, tm_arena *arena, tm_diags *diags,
                 tm_msl *out) {
  memset(out, 0, sizeof *out);
  uint32_t index = tm_ir_kernel(ir);
  if (index == UINT32_MAX) {
    tm_error_at(diags, TM_DIAG_SEMANTIC, (tm_loc){0, 0, 0},
                "the module does not have exactly one kernel");
    return false;
  }
  emitter *e = TM_NEW(arena, emitter);
  *e = (emitter){.ir = ir, .layouts = layouts, .chip = chip, .arena = arena,
                 .diags = diags, .out = out, .func = &ir->funcs.data[index]};
  e->body = e->combines = e->thread_parts = tm_buf_in(arena);
  e->taken = e->base_of_hint = e->base_of_text = tm_map_in(arena);
  tm_names_init(&e->interned, arena);
  claim_fixed_names(e);
  msl_claim_custom_names(e);
  const char *entry = msl_name(e, e->func->name);
  const char *struct_name = msl_name(e, msl_text(e, "%s_args", entry));
  out->entry = entry;
  out->threads = 32 * layouts->num_warps;
  out->language_version = TM_MSL_LEAST;
  out->family = FAMILY;
  tm_buf structs = tm_buf_in(arena);
  if (!msl_plan(e) || !arguments(e, struct_name, &structs)) return false;
  if (e->orders) msl_require(e, TM_MSL_ORDERED);
  e->to = &e->body;
  e->indent = 1;
  msl_block(e, e->func->body);
  if (e->failed) return false;
  if (e->customs.len) msl_require(e, TM_MSL_LATER);
  if (e->uses_tensors) {
    msl_require(e, TM_MSL_TENSORS);
    out->family = TENSOR_FAMILY;
  }
  out->threadgroup_bytes = e->pool_bytes + e->array_bytes;
  publish_tiles(e);
  tm_buf text = tm_buf_in(arena);
  header(e, entry, &text);
  tm_buf_puts(&text, tm_buf_text(&structs));
  msl_print_helpers(e, &text);
  msl_print_log_helper(e, &text);
  tm_buf_puts(&text, tm_buf_text(&e->combines));
  signature(e, entry, struct_name, &text);
  pointers_of_addresses(e, &text);
  pool(e, &text);
  tm_buf_puts(&text, tm_buf_text(&e->thread_parts));
  publish_places(e, tm_buf_text(&text));
  msl_limit_unrolling(e, &e->body);
  tm_buf_puts(&text, tm_buf_text(&e->body));
  tm_buf_puts(&text, "}\n");
  out->text = tm_buf_text(&text);
  return true;
}
