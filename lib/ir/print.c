/* SPDX-License-Identifier: MIT */
/*
 * print.c - TTIR as MLIR text that upstream Triton reads.
 *
 * The forms are those that Triton 3.9 prints. Values carry the name of their
 * source variable when they have one, made unique in the function by a
 * number after it, and are numbered when not; the same IR always prints the
 * same text. docs/ir.md is the reference of the text.
 */
#include "irint.h"

#include <stdlib.h>

typedef struct printer {
  const tm_ir *ir;
  tm_buf *out;
  const char **names; /* of each value, without the sign */
  tm_names taken;     /* names given out in this function */
  tm_map next;        /* name -> the next number to try after it */
  uint32_t numbered;  /* values without a name so far */
  uint32_t indent;
} printer;

/* ---- names ------------------------------------------------------------ */

static bool is_id_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '.' ||
         c == '-';
}

/* MLIR's suffix-id: no leading digit, so that numbers stay free for values
 * without a name. */
static const char *clean_name(printer *p, const char *name) {
  tm_buf buf = tm_buf_in(p->out->arena);
  if (*name >= '0' && *name <= '9') tm_buf_puts(&buf, "_");
  for (; *name; name++) {
    char c = is_id_char(*name) ? *name : '_';
    tm_buf_add(&buf, &c, 1);
  }
  return tm_buf_text(&buf);
}

static const char *unique_name(printer *p, const char *wanted) {
  tm_names *taken = &p->taken;
  uint32_t before = taken->len;
  tm_name name = tm_intern_cstr(taken, wanted);
  if (taken->len != before) return name;
  uint64_t n = 0;
  tm_map_get(&p->next, TM_KEY(name), &n);
  for (;;) {
    tm_buf buf = tm_buf_in(p->out->arena);
    tm_buf_printf(&buf, "%s_%llu", name, (unsigned long long)n++);
    before = taken->len;
    tm_name tried = tm_intern_cstr(taken, tm_buf_text(&buf));
    if (taken->len == before) continue;
    tm_map_put(&p->next, TM_KEY(name), n);
    return tried;
  }
}

static const char *new_name(printer *p, tm_name wanted) {
  if (wanted && *wanted) return unique_name(p, clean_name(p, wanted));
  tm_buf buf = tm_buf_in(p->out->arena);
  tm_buf_printf(&buf, "%u", p->numbered++);
  return tm_buf_text(&buf);
}

static void name_value(printer *p, tm_value v) {
  p->names[v] = new_name(p, tm_val(p->ir, v)->name);
}

/* ---- pieces ----------------------------------------------------------- */

static void put(printer *p, const char *text) { tm_buf_puts(p->out, text); }

static void line(printer *p) {
  put(p, "\n");
  for (uint32_t i = 0; i < p->indent; i++) put(p, "  ");
}

static void type(printer *p, tm_type t) { tm_type_print(p->out, t); }

static void type_of(printer *p, tm_value v) { type(p, tm_type_of(p->ir, v)); }

static void value(printer *p, tm_value v) {
  put(p, "%");
  put(p, v < p->ir->values.len && p->names[v] ? p->names[v] : "<none>");
}

static void values(printer *p, const tm_value *v, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (i) put(p, ", ");
    value(p, v[i]);
  }
}

static void list(printer *p, const tm_value *v, uint32_t n) {
  put(p, "[");
  values(p, v, n);
  put(p, "]");
}

static void types(printer *p, const tm_value *v, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (i) put(p, ", ");
    type_of(p, v[i]);
  }
}

static void result_types(printer *p, const tm_inst_data *i, bool parens) {
  parens = parens || i->n_results != 1;
  if (parens) put(p, "(");
  for (uint32_t r = 0; r < i->n_results; r++) {
    if (r) put(p, ", ");
    type_of(p, i->results + r);
  }
  if (parens) put(p, ")");
}

/* " : (operand types) -> result types" */
static void functional(printer *p, const tm_inst_data *i) {
  put(p, " : (");
  types(p, i->operands, i->n_operands);
  put(p, ") -> ");
  result_types(p, i, false);
}

static void cast_types(printer *p, const tm_inst_data *i, const char *to) {
  put(p, " : ");
  type_of(p, i->operands[0]);
  put(p, to);
  type_of(p, i->results);
}

static void text(printer *p, const char *s) {
  put(p, "\"");
  for (; s && *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '\\') put(p, "\\\\");
    else if (c < 32 || c >= 127 || c == '"')
      tm_buf_printf(p->out, "\\%02X", c);
    else tm_buf_add(p->out, s, 1);
  }
  put(p, "\"");
}

static void symbol(printer *p, const char *name) {
  const char *s = name;
  bool plain = *s && !(*s >= '0' && *s <= '9') && *s != '-' && *s != '.';
  while (*s) plain = is_id_char(*s++) && plain;
  put(p, "@");
  if (plain) put(p, name);
  else text(p, name);
}

/* ---- attributes ------------------------------------------------------- */

static void ints(printer *p, const tm_attr *a, const char *open,
                 const char *close) {
  put(p, open);
  for (uint32_t i = 0; i < a->n_ints; i++)
    tm_buf_printf(p->out, "%s%lld", i ? ", " : "", (long long)a->ints[i]);
  put(p, close);
}

/* tt.divisibility and friends: one number, or one for each dimension. */
static void hint(printer *p, const tm_attr *a) {
  if (a->kind == TM_ATTR_INT) {
    tm_buf_printf(p->out, "%lld : i32", (long long)a->i);
    return;
  }
  bool same = a->n_ints > 0;
  for (uint32_t i = 1; i < a->n_ints; i++)
    same = same && a->ints[i] == a->ints[0];
  if (same) tm_buf_printf(p->out, "dense<%lld>", (long long)a->ints[0]);
  else ints(p, a, "dense<[", "]>");
  tm_buf_printf(p->out, " : tensor<%uxi32>", a->n_ints);
}

static void attr_value(printer *p, const tm_attr *a) {
  switch (tm_attr_infos[a->key].form) {
  case TM_FORM_BOOL:
    put(p, a->i ? "true" : "false");
    return;
  case TM_FORM_I64:
    tm_buf_printf(p->out, "%lld : i64", (long long)a->i);
    return;
  case TM_FORM_TEXT:
    text(p, a->text);
    return;
  case TM_FORM_SYMBOL:
    symbol(p, a->text);
    return;
  case TM_FORM_ARRAY32:
    put(p, "array<i32");
    ints(p, a, a->n_ints ? ": " : "", ">");
    return;
  case TM_FORM_HINT:
    hint(p, a);
    return;
  case TM_FORM_FLOAT:
    tm_float_print(p->out, TM_F64, a->f);
    return;
  case TM_FORM_I32:
  case TM_FORM_ENUM:
  case TM_FORM_UNIT:
    tm_buf_printf(p->out, "%lld : i32", (long long)a->i);
    return;
  }
}

static int by_name(const void *a, const void *b) {
  const tm_attr *x = a, *y = b;
  return strcmp(tm_attr_infos[x->key].name, tm_attr_infos[y->key].name);
}

static const char *enum_name(tm_attr_key key, int64_t value) {
  uint32_t n;
  const char *const *names = tm_attr_enum(key, &n);
  if (value < 0 || value >= n || !names[value]) return "<none>";
  return names[value];
}

static int64_t int_attr(printer *p, const tm_inst_data *i, tm_attr_key key,
                        int64_t otherwise) {
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (i->attrs[a].key == key) return i->attrs[a].i;
  return otherwise;
}

static const char *text_attr(const tm_inst_data *i, tm_attr_key key) {
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (i->attrs[a].key == key && i->attrs[a].kind == TM_ATTR_TEXT)
      return i->attrs[a].text;
  return "";
}

static bool unit_is_set(const tm_attr *a) {
  return a->kind == TM_ATTR_UNIT || a->i != 0;
}

/* Attributes that the op's own form has already said. */
static bool said_elsewhere(tm_op op, tm_attr_key key) {
  switch (key) {
  case TM_ATTR_VALUE: case TM_ATTR_PREDICATE: case TM_ATTR_CACHE:
  case TM_ATTR_EVICT: case TM_ATTR_INPUT_PRECISION: case TM_ATTR_RMW_OP:
  case TM_ATTR_SEM: case TM_ATTR_SCOPE: case TM_ATTR_ROUNDING:
  case TM_ATTR_PROPAGATE_NAN: case TM_ATTR_ALLOW_REORDER: case TM_ATTR_MESSAGE:
  case TM_ATTR_PREFIX: case TM_ATTR_A_TYPE: case TM_ATTR_B_TYPE:
  case TM_ATTR_ASM: case TM_ATTR_CALLEE: case TM_ATTR_NSW: case TM_ATTR_NUW:
  case TM_ATTR_SEGMENTS: case TM_ATTR_KIND:
    return true;
  case TM_ATTR_EFFICIENT_LAYOUT:
    return op == TM_RESHAPE;
  case TM_ATTR_AXIS:
    return op == TM_GET_PROGRAM_ID || op == TM_GET_NUM_PROGRAMS;
  default:
    return false;
  }
}

/* Defaults, which upstream leaves out. */
static bool is_default(tm_op op, const tm_attr *a) {
  if (a->key == TM_ATTR_MAX_IMPRECISE_ACC || a->key == TM_ATTR_VOLATILE)
    return a->i == 0;
  if (a->key == TM_ATTR_BOUNDARY_CHECK) return a->n_ints == 0;
  if (a->key == TM_ATTR_PADDING && op == TM_MAKE_TENSOR_DESC)
    return a->i == 1;
  if (a->key == TM_ATTR_LHS_K_PACK || a->key == TM_ATTR_RHS_K_PACK)
    return a->i == 1;
  return tm_attr_infos[a->key].form == TM_FORM_UNIT && !unit_is_set(a);
}

/* cachePolicy of Triton 3.9 is our cache and eviction attributes together. */
static bool cache_policy(printer *p, const tm_inst_data *i,
                         const char *before) {
  int64_t cache = int_attr(p, i, TM_ATTR_CACHE, 1);
  int64_t evict = int_attr(p, i, TM_ATTR_EVICT, 1);
  if (cache == 1 && evict == 1) return false;
  tm_buf_printf(p->out,
                "%scachePolicy = #tt.cache_policy<cache_modifier = %s, "
                "eviction_policy = %s>",
                before, enum_name(TM_ATTR_CACHE, cache),
                enum_name(TM_ATTR_EVICT, evict));
  return true;
}

static void attr_dict(printer *p, const tm_inst_data *i, const char *open,
                      const char *close) {
  const char *before = open;
  tm_attr *sorted = TM_NEW_ARRAY(p->out->arena, tm_attr, i->n_attrs + 1);
  uint32_t n = 0;
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (!said_elsewhere(i->op, i->attrs[a].key) &&
        !is_default(i->op, &i->attrs[a]))
      sorted[n++] = i->attrs[a];
  qsort(sorted, n, sizeof sorted[0], by_name);
  if (cache_policy(p, i, before)) before = ", ";
  for (uint32_t a = 0; a < n; a++) {
    put(p, before);
    before = ", ";
    put(p, tm_attr_infos[sorted[a].key].name);
    if (tm_attr_infos[sorted[a].key].form == TM_FORM_UNIT) continue;
    put(p, " = ");
    attr_value(p, &sorted[a]);
  }
  if (before != open) put(p, close);
}

static void dict(printer *p, const tm_inst_data *i) {
  attr_dict(p, i, " {", "}");
}

/* ---- regions ---------------------------------------------------------- */

static void inst(printer *p, tm_inst n);

static void arguments(printer *p, tm_block b) {
  const tm_block_data *block = tm_blk(p->ir, b);
  put(p, "(");
  for (uint32_t a = 0; a < block->n_args; a++) {
    if (a) put(p, ", ");
    name_value(p, block->args[a]);
    value(p, block->args[a]);
    put(p, ": ");
    type_of(p, block->args[a]);
  }
  put(p, ")");
}

/* The instructions of a block, indented. A scf.yield of nothing at the end
 * of scf.for and scf.if is understood and left out. */
static void body(printer *p, tm_block b, bool implicit_yield) {
  if (p->indent > 4 * TM_MAX_NEST) return;
  p->indent++;
  TM_EACH_INST(p->ir, i, b) {
    const tm_inst_data *data = tm_get(p->ir, i);
    if (implicit_yield && data->op == TM_YIELD && data->n_operands == 0 &&
        !data->next)
      continue;
    line(p);
    inst(p, i);
  }
  p->indent--;
  line(p);
}

/* "({ ^bb0(...): ... })", as the generic form has it. */
static void generic_region(printer *p, tm_block b) {
  put(p, " ({");
  line(p);
  put(p, "^bb0");
  arguments(p, b);
  put(p, ":");
  body(p, b, false);
  put(p, "})");
}

static bool block_is_empty(const tm_ir *ir, tm_block b) {
  tm_inst first = tm_blk(ir, b)->first;
  return !first || (tm_get(ir, first)->op == TM_YIELD &&
                    tm_get(ir, first)->n_operands == 0);
}

static void op_for(printer *p, const tm_inst_data *i) {
  const tm_block_data *b = tm_blk(p->ir, i->regions[0]);
  for (uint32_t a = 0; a < b->n_args; a++) name_value(p, b->args[a]);
  put(p, " ");
  value(p, b->args[0]);
  put(p, " = ");
  value(p, i->operands[0]);
  put(p, " to ");
  value(p, i->operands[1]);
  put(p, " step ");
  value(p, i->operands[2]);
  if (i->n_operands > 3) {
    put(p, " iter_args(");
    for (uint32_t a = 1; a < b->n_args && a + 2 < i->n_operands; a++) {
      if (a > 1) put(p, ", ");
      value(p, b->args[a]);
      put(p, " = ");
      value(p, i->operands[a + 2]);
    }
    put(p, ") -> ");
    result_types(p, i, true);
  }
  put(p, "  : ");
  type_of(p, b->args[0]);
  put(p, " {");
  body(p, i->regions[0], i->n_operands == 3);
  put(p, "}");
  dict(p, i);
}

static void op_if(printer *p, const tm_inst_data *i) {
  put(p, " ");
  value(p, i->operands[0]);
  if (i->n_results) {
    put(p, " -> ");
    result_types(p, i, true);
  }
  put(p, " {");
  body(p, i->regions[0], i->n_results == 0);
  put(p, "}");
  if (i->n_results || !block_is_empty(p->ir, i->regions[1])) {
    put(p, " else {");
    body(p, i->regions[1], i->n_results == 0);
    put(p, "}");
  }
  dict(p, i);
}

static void op_while(printer *p, const tm_inst_data *i) {
  const tm_block_data *b = tm_blk(p->ir, i->regions[0]);
  if (b->n_args) {
    put(p, " (");
    for (uint32_t a = 0; a < b->n_args && a < i->n_operands; a++) {
      if (a) put(p, ", ");
      name_value(p, b->args[a]);
      value(p, b->args[a]);
      put(p, " = ");
      value(p, i->operands[a]);
    }
    put(p, ")");
  }
  functional(p, i);
  put(p, " {");
  body(p, i->regions[0], false);
  put(p, "} do {");
  if (tm_blk(p->ir, i->regions[1])->n_args) {
    line(p);
    put(p, "^bb0");
    arguments(p, i->regions[1]);
    put(p, ":");
  }
  body(p, i->regions[1], false);
  put(p, "}");
  dict(p, i);
}

/* ---- operations ------------------------------------------------------- */

static void op_constant(printer *p, const tm_inst_data *i) {
  tm_type t = tm_type_of(p->ir, i->results);
  tm_scalar scalar = tm_type_element(t)->scalar;
  bool dense = tm_type_is_tensor(t);
  if (i->n_attrs != 1) return;
  const tm_attr *a = &i->attrs[0];
  put(p, dense ? " dense<" : " ");
  if (scalar == TM_I1) put(p, a->i ? "true" : "false");
  else if (tm_scalar_is_float(scalar)) tm_float_print(p->out, scalar, a->f);
  else tm_buf_printf(p->out, "%lld", (long long)a->i);
  if (dense) put(p, ">");
  if (scalar == TM_I1 && !dense) return;
  put(p, " : ");
  type(p, t);
}

static const char *const cmpi_names[] = {
    "eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
static const char *const cmpf_names[] = {
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"};

static void op_compare(printer *p, const tm_inst_data *i) {
  uint64_t k = (uint64_t)int_attr(p, i, TM_ATTR_PREDICATE, 0);
  if (i->op == TM_CMPI)
    tm_buf_printf(p->out, " %s, ", k < 10 ? cmpi_names[k] : "<none>");
  else
    tm_buf_printf(p->out, " %s, ", k < 16 ? cmpf_names[k] : "<none>");
  values(p, i->operands, i->n_operands);
  dict(p, i);
  put(p, " : ");
  type_of(p, i->operands[0]);
}

static void op_select(printer *p, const tm_inst_data *i) {
  put(p, " ");
  values(p, i->operands, i->n_operands);
  dict(p, i);
  put(p, " : ");
  if (tm_type_is_tensor(tm_type_of(p->ir, i->operands[0]))) {
    type_of(p, i->operands[0]);
    put(p, ", ");
  }
  type_of(p, i->results);
}

static void op_dot_scaled(printer *p, const tm_inst_data *i) {
  const int64_t none[5] = {1, 1, 1, 0, 0}, *seg = none;
  for (uint32_t a = 0; a < i->n_attrs; a++)
    if (i->attrs[a].key == TM_ATTR_SEGMENTS && i->attrs[a].n_ints == 5)
      seg = i->attrs[a].ints;
  tm_value scales[2] = {0, 0};
  uint32_t at = 3;
  for (int s = 0; s < 2; s++)
    if (seg[3 + s] && at < i->n_operands) scales[s] = i->operands[at++];
  for (int s = 0; s < 2; s++) {
    put(p, s ? ", " : " ");
    value(p, i->operands[s]);
    if (scales[s]) put(p, " scale ");
    if (scales[s]) value(p, scales[s]);
  }
  put(p, ", ");
  value(p, i->operands[2]);
  tm_buf_printf(p->out, " lhs = %s rhs = %s",
                enum_name(TM_ATTR_A_TYPE, int_attr(p, i, TM_ATTR_A_TYPE, -1)),
                enum_name(TM_ATTR_B_TYPE, int_attr(p, i, TM_ATTR_B_TYPE, -1)));
  dict(p, i);
  for (int s = 0; s < 2; s++) {
    put(p, s ? " * " : " : ");
    type_of(p, i->operands[s]);
    if (scales[s]) put(p, ", ");
    if (scales[s]) type_of(p, scales[s]);
  }
  put(p, " -> ");
  type_of(p, i->results);
}

/* The part of a dialect type after its name: upstream leaves the name out
 * where the form allows only one kind of type. */
static void bare_type(printer *p, tm_type t) {
  tm_buf buf = tm_buf_in(p->out->arena);
  tm_type_print(&buf, t);
  const char *angle = strchr(tm_buf_text(&buf), '<');
  put(p, angle ? angle : tm_buf_text(&buf));
}

static void op_make_block(printer *p, const tm_inst_data *i) {
  uint32_t lists = i->op == TM_MAKE_TENSOR_PTR ? 3 : 2;
  uint32_t rank = (i->n_operands - 1) / lists;
  put(p, " ");
  value(p, i->operands[0]);
  for (uint32_t l = 0; l < lists; l++) {
    put(p, ", ");
    list(p, i->operands + 1 + l * rank, rank);
  }
  dict(p, i);
  put(p, " : ");
  if (i->op == TM_MAKE_TENSOR_DESC) {
    bare_type(p, tm_type_of(p->ir, i->operands[0]));
    put(p, ", ");
  }
  bare_type(p, tm_type_of(p->ir, i->results));
}

/* Descriptor ops: desc[indices], value; the value's operand number. */
static void op_descriptor(printer *p, const tm_inst_data *i) {
  put(p, " ");
  if (i->op == TM_DESC_REDUCE)
    tm_buf_printf(p->out, "%s, ",
                  enum_name(TM_ATTR_KIND, int_attr(p, i, TM_ATTR_KIND, -1)));
  value(p, i->operands[0]);
  bool source = i->op == TM_DESC_STORE || i->op == TM_DESC_REDUCE;
  uint32_t from = source ? 2 : 1;
  uint32_t to = i->op == TM_DESC_SCATTER ? 3 : i->n_operands;
  list(p, i->operands + from, to > from ? to - from : 0);
  if (source || i->op == TM_DESC_SCATTER) {
    put(p, ", ");
    value(p, i->operands[source ? 1 : 3]);
  }
  dict(p, i);
  if (i->op == TM_DESC_GATHER) {
    functional(p, i);
    return;
  }
  put(p, " : ");
  types(p, i->operands,
        i->op == TM_DESC_SCATTER ? i->n_operands : source ? 2 : 1);
  if (i->op != TM_DESC_LOAD) return;
  put(p, " -> ");
  type_of(p, i->results);
}

static void op_atomic(printer *p, const tm_inst_data *i) {
  put(p, " ");
  if (i->op == TM_ATOMIC_RMW)
    tm_buf_printf(p->out, "%s, ",
                  enum_name(TM_ATTR_RMW_OP,
                            int_attr(p, i, TM_ATTR_RMW_OP, -1)));
  tm_buf_printf(p->out, "%s, %s, ",
                enum_name(TM_ATTR_SEM, int_attr(p, i, TM_ATTR_SEM, 4)),
                enum_name(TM_ATTR_SCOPE, int_attr(p, i, TM_ATTR_SCOPE, 1)));
  values(p, i->operands, i->n_operands);
  dict(p, i);
  if (i->op != TM_ATOMIC_STORE) {
    functional(p, i);
    return;
  }
  put(p, " : ");
  type_of(p, i->operands[0]);
}

static void op_memory(printer *p, const tm_inst_data *i) {
  put(p, " ");
  values(p, i->operands, i->n_operands);
  dict(p, i);
  put(p, " : ");
  type_of(p, i->operands[0]);
}

static void op_text(printer *p, const tm_inst_data *i) {
  if (i->op == TM_ASSERT) {
    put(p, " ");
    value(p, i->operands[0]);
    put(p, ", ");
    text(p, text_attr(i, TM_ATTR_MESSAGE));
    dict(p, i);
    put(p, " : ");
    type_of(p, i->operands[0]);
    return;
  }
  put(p, " ");
  text(p, text_attr(i, i->op == TM_PRINT ? TM_ATTR_PREFIX : TM_ATTR_ASM));
  dict(p, i);
  if (i->op == TM_PRINT && i->n_operands) put(p, " :");
  if (i->n_operands) {
    put(p, " ");
    values(p, i->operands, i->n_operands);
    put(p, " : ");
    types(p, i->operands, i->n_operands);
  }
  if (i->op == TM_PRINT) return;
  put(p, " -> ");
  for (uint32_t r = 0; r < i->n_results; r++) {
    if (r) put(p, ", ");
    type_of(p, i->results + r);
  }
}

/* "op operands (extra) {attrs} : types" in its several closings. */
static void op_plain(printer *p, const tm_inst_data *i) {
  if (i->n_operands) put(p, " ");
  if (i->op == TM_GATHER) {
    value(p, i->operands[0]);
    list(p, i->operands + 1, 1);
  } else if (i->op == TM_ADVANCE) {
    value(p, i->operands[0]);
    put(p, ", ");
    list(p, i->operands + 1, i->n_operands - 1);
  } else {
    values(p, i->operands, i->n_operands);
  }
  switch (i->op) {
  case TM_CLAMPF:
    put(p, ", propagateNan = ");
    put(p, int_attr(p, i, TM_ATTR_PROPAGATE_NAN, 0) ? "all" : "none");
    break;
  case TM_FP_TO_FP: {
    int64_t r = int_attr(p, i, TM_ATTR_ROUNDING, -1);
    if (r >= 0)
      tm_buf_printf(p->out, ", rounding = %s",
                    enum_name(TM_ATTR_ROUNDING, r));
    break;
  }
  case TM_RESHAPE:
    for (uint32_t a = 0; a < i->n_attrs; a++)
      if (i->attrs[a].key == TM_ATTR_ALLOW_REORDER &&
          unit_is_set(&i->attrs[a]))
        put(p, " allow_reorder");
    for (uint32_t a = 0; a < i->n_attrs; a++)
      if (i->attrs[a].key == TM_ATTR_EFFICIENT_LAYOUT &&
          unit_is_set(&i->attrs[a]))
        put(p, " efficient_layout");
    break;
  case TM_DOT: {
    int64_t precision = int_attr(p, i, TM_ATTR_INPUT_PRECISION, 2);
    if (precision != 2)
      tm_buf_printf(p->out, ", inputPrecision = %s",
                    enum_name(TM_ATTR_INPUT_PRECISION, precision));
    break;
  }
  default:
    break;
  }
  dict(p, i);
}

static void custom(printer *p, const tm_inst_data *i) {
  static const char *const dims[] = {"x", "y", "z"};
  switch (i->op) {
  case TM_CONSTANT: op_constant(p, i); return;
  case TM_CMPI:
  case TM_CMPF: op_compare(p, i); return;
  case TM_SELECT: op_select(p, i); return;
  case TM_FOR: op_for(p, i); return;
  case TM_IF: op_if(p, i); return;
  case TM_WHILE: op_while(p, i); return;
  case TM_DOT_SCALED: op_dot_scaled(p, i); return;
  case TM_MAKE_TENSOR_PTR:
  case TM_MAKE_TENSOR_DESC: op_make_block(p, i); return;
  case TM_DESC_LOAD: case TM_DESC_STORE: case TM_DESC_REDUCE:
  case TM_DESC_GATHER:
  case TM_DESC_SCATTER: op_descriptor(p, i); return;
  case TM_ATOMIC_RMW: case TM_ATOMIC_LOAD: case TM_ATOMIC_STORE:
  case TM_ATOMIC_CAS: op_atomic(p, i); return;
  case TM_LOAD:
  case TM_STORE: op_memory(p, i); return;
  case TM_PRINT: case TM_ASSERT:
  case TM_INLINE_ASM: op_text(p, i); return;
  case TM_GET_PROGRAM_ID:
  case TM_GET_NUM_PROGRAMS: {
    uint64_t axis = (uint64_t)int_attr(p, i, TM_ATTR_AXIS, 0);
    tm_buf_printf(p->out, " %s : i32", axis < 3 ? dims[axis] : "<none>");
    return;
  }
  case TM_CALL:
    put(p, " ");
    symbol(p, text_attr(i, TM_ATTR_CALLEE));
    put(p, "(");
    values(p, i->operands, i->n_operands);
    put(p, ")");
    dict(p, i);
    functional(p, i);
    return;
  case TM_CONDITION:
    put(p, "(");
    value(p, i->operands[0]);
    put(p, ")");
    if (i->n_operands > 1) {
      put(p, " ");
      values(p, i->operands + 1, i->n_operands - 1);
      put(p, " : ");
      types(p, i->operands + 1, i->n_operands - 1);
    }
    return;
  default:
    break;
  }
  op_plain(p, i);
  switch (i->op) {
  case TM_MAKE_RANGE: case TM_SHARED_ALLOC: case TM_POISON: case TM_CLAMPF: case TM_ADVANCE:
    put(p, " : ");
    if (i->op == TM_ADVANCE) bare_type(p, tm_type_of(p->ir, i->results));
    else type_of(p, i->results);
    return;
  case TM_UNSPLAT: case TM_ASSUME: case TM_ADDPTR:
  case TM_YIELD: case TM_RETURN: case TM_REDUCE_RETURN: case TM_SCAN_RETURN:
  case TM_MAP_ELEMENTWISE_RETURN:
    if (i->n_operands) put(p, " : ");
    types(p, i->operands, i->n_operands);
    return;
  case TM_FP_TO_FP: case TM_RESHAPE: case TM_CAT: case TM_JOIN:
  case TM_SPLIT: case TM_HISTOGRAM:
    cast_types(p, i, " -> ");
    return;
  case TM_EXTERN: case TM_GATHER:
    functional(p, i);
    return;
  case TM_DOT:
    put(p, " : ");
    type_of(p, i->operands[0]);
    put(p, " * ");
    type_of(p, i->operands[1]);
    put(p, " -> ");
    type_of(p, i->results);
    return;
  default:
    return;
  }
}

/* tt.reduce and its like have no form of their own upstream. */
static void generic(printer *p, const tm_inst_data *i) {
  tm_buf_printf(p->out, "\"%s\"(", tm_op_infos[i->op].name);
  values(p, i->operands, i->n_operands);
  put(p, ")");
  attr_dict(p, i, " <{", "}>");
  generic_region(p, i->regions[0]);
  functional(p, i);
}

/* Results with different names of their own are listed, others counted. */
static void results(printer *p, const tm_inst_data *i) {
  bool listed = i->n_results > 1;
  for (uint32_t r = 0; r < i->n_results; r++)
    listed = listed && tm_val(p->ir, i->results + r)->name;
  for (uint32_t r = 1; listed && r < i->n_results; r++)
    listed = tm_val(p->ir, i->results + r)->name !=
             tm_val(p->ir, i->results)->name;
  if (i->n_results == 1 || listed) {
    for (uint32_t r = 0; r < i->n_results; r++) {
      name_value(p, i->results + r);
      if (r) put(p, ", ");
      value(p, i->results + r);
    }
  } else {
    tm_name wanted = NULL;
    for (uint32_t r = i->n_results; r-- > 0;)
      if (tm_val(p->ir, i->results + r)->name)
        wanted = tm_val(p->ir, i->results + r)->name;
    const char *group = new_name(p, wanted);
    for (uint32_t r = 0; r < i->n_results; r++) {
      tm_buf buf = tm_buf_in(p->out->arena);
      tm_buf_printf(&buf, "%s#%u", group, r);
      p->names[i->results + r] = tm_buf_text(&buf);
    }
    tm_buf_printf(p->out, "%%%s:%u", group, i->n_results);
  }
  put(p, " = ");
}

static void overflow_flags(printer *p, const tm_inst_data *i) {
  bool nsw = false, nuw = false;
  for (uint32_t a = 0; a < i->n_attrs; a++) {
    if (i->attrs[a].key == TM_ATTR_NSW) nsw = unit_is_set(&i->attrs[a]);
    if (i->attrs[a].key == TM_ATTR_NUW) nuw = unit_is_set(&i->attrs[a]);
  }
  if (nsw || nuw)
    tm_buf_printf(p->out, " overflow<%s%s%s>", nsw ? "nsw" : "",
                  nsw && nuw ? ", " : "", nuw ? "nuw" : "");
}

static void inst(printer *p, tm_inst n) {
  const tm_inst_data *i = tm_get(p->ir, n);
  const tm_op_info *info = &tm_op_infos[i->op];
  if (i->n_results) results(p, i);
  if (i->op == TM_REDUCE || i->op == TM_SCAN || i->op == TM_MAP_ELEMENTWISE) {
    generic(p, i);
    return;
  }
  put(p, info->name);
  if (info->format == TM_FORMAT_CUSTOM) {
    custom(p, i);
    return;
  }
  put(p, " ");
  values(p, i->operands, i->n_operands);
  overflow_flags(p, i);
  dict(p, i);
  if (info->format == TM_FORMAT_T) {
    put(p, " : ");
    type_of(p, i->results);
    return;
  }
  bool arith = strncmp(info->name, "arith.", 6) == 0;
  cast_types(p, i, arith ? " to " : " -> ");
}

static void func(printer *p, const tm_func *f) {
  tm_names_init(&p->taken, p->out->arena);
  p->next = tm_map_in(p->out->arena);
  p->numbered = 0;
  line(p);
  tm_buf_printf(p->out, "tt.func %s ", f->is_public ? "public" : "private");
  symbol(p, f->name);
  put(p, "(");
  for (uint32_t a = 0; a < f->params.len; a++) {
    const tm_param *param = &f->params.data[a];
    if (a) put(p, ", ");
    name_value(p, param->value);
    value(p, param->value);
    put(p, ": ");
    type(p, param->type);
    if (param->divisibility)
      tm_buf_printf(p->out, " {tt.divisibility = %u : i32}",
                    param->divisibility);
  }
  put(p, ")");
  if (f->results.len) put(p, f->results.len == 1 ? " -> " : " -> (");
  for (uint32_t r = 0; r < f->results.len; r++) {
    if (r) put(p, ", ");
    type(p, f->results.data[r]);
  }
  if (f->results.len > 1) put(p, ")");
  tm_buf_printf(p->out, " attributes {noinline = %s%s} {",
                f->noinline ? "true" : "false",
                f->may_overlap ? ", tm.may_overlap" : "");
  body(p, f->body, false);
  put(p, "}");
}

void tm_ir_print(const tm_ir *ir, tm_buf *out) {
  printer p = {.ir = ir, .out = out};
  p.names = TM_NEW_ARRAY(out->arena, const char *, ir->values.len);
  put(&p, "module {");
  p.indent = 1;
  for (uint32_t f = 0; f < ir->funcs.len; f++) func(&p, &ir->funcs.data[f]);
  put(&p, "\n}\n");
}
