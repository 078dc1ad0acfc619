/* SPDX-License-Identifier: MIT */
/*
 * parse_ops.c - the textual form of each operation.
 *
 * A form is read into a `shape` of operands, stated types and attributes,
 * from which the instruction is built. Where the text states the type of an
 * operand, it is compared; whatever else may be wrong is the verifier's.
 */
#include "irparse.h"

typedef struct parts {
  tm_value_list operands;
  tm_type_list types; /* of the results */
  tm_attr_list attrs;
} parts;

static void operand(tm_ir_parser *p, parts *s) {
  tm_value v = tm_irp_value(p);
  if (!p->failed) tm_push(p->ir->arena, &s->operands, v);
}

/* Operands up to what cannot start one; "%a, %b". */
static void operands(tm_ir_parser *p, parts *s) {
  if (p->tok.kind != TM_TOK_VALUE) return;
  do operand(p, s);
  while (tm_irp_take(p, ','));
}

static void add_type(tm_ir_parser *p, parts *s, tm_type t) {
  if (!p->failed) tm_push(p->ir->arena, &s->types, t);
}

/* A type in the text that must be that of operand n. */
static void operand_type(tm_ir_parser *p, parts *s, uint32_t n) {
  tm_loc loc = p->tok.loc;
  tm_type said = tm_irp_type(p);
  if (p->failed) return;
  if (n >= s->operands.len) {
    tm_irp_fail(p, loc, "this type has no operand");
    return;
  }
  tm_type have = tm_type_of(p->ir, s->operands.data[n]);
  if (said == have) return;
  tm_buf buf = tm_buf_in(p->diags->arena);
  tm_type_print(&buf, have);
  tm_irp_fail(p, loc, "operand %u is %s", n, tm_buf_text(&buf));
}

/* "type, type" of all operands from `from` on. */
static void operand_types(tm_ir_parser *p, parts *s, uint32_t from) {
  for (uint32_t o = from; o < s->operands.len && !p->failed; o++) {
    if (o > from) tm_irp_expect(p, ',');
    operand_type(p, s, o);
  }
}

static void result_types(tm_ir_parser *p, parts *s) {
  if (tm_irp_take(p, '(')) {
    if (tm_irp_take(p, ')')) return;
    do add_type(p, s, tm_irp_type(p));
    while (tm_irp_take(p, ',') && s->types.len < TM_MAX_RESULTS);
    tm_irp_expect(p, ')');
  } else {
    add_type(p, s, tm_irp_type(p));
  }
}

/* "(types) -> types" */
static void functional(tm_ir_parser *p, parts *s) {
  tm_irp_expect(p, '(');
  operand_types(p, s, 0);
  tm_irp_expect(p, ')');
  tm_irp_expect_arrow(p);
  result_types(p, s);
}

static void enum_attr(tm_ir_parser *p, parts *s, tm_attr_key key) {
  int64_t v = p->tok.kind == TM_TOK_WORD
                  ? tm_attr_enum_find(key, p->tok.text.ptr, p->tok.text.len)
                  : -1;
  if (v < 0) {
    tm_irp_fail(p, p->tok.loc, "expected a value of %s here",
                tm_attr_infos[key].name);
    return;
  }
  tm_irp_next(p);
  tm_irp_add_attr(p, &s->attrs, tm_attr_int(key, v));
}

static tm_inst build(tm_ir_parser *p, tm_builder *b, tm_op op, parts *s,
                     uint32_t n_regions, const tm_block *regions) {
  if (p->failed) return 0;
  if (s->operands.len > TM_MAX_RESULTS || s->types.len > TM_MAX_RESULTS) {
    tm_irp_fail(p, b->loc, "this operation has too many operands");
    return 0;
  }
  static const tm_type no_types[1] = {0};
  return tm_build(b, op, s->operands.len, s->operands.data, s->types.len,
                  s->types.len ? s->types.data : no_types, n_regions, regions,
                  s->attrs.len, s->attrs.data);
}

/* Adds the result types that the rule gives; fails with its reason. */
static void infer_types(tm_ir_parser *p, tm_loc loc, tm_op op, parts *s) {
  tm_type types[TM_MAX_RESULTS];
  uint32_t n;
  const char *why;
  if (p->failed) return;
  tm_rule_query query = {p->ir, op, s->operands.len, s->operands.data,
                         s->attrs.len, s->attrs.data};
  if (!tm_rule_infer(&query, types, &n, &why)) {
    tm_irp_fail(p, loc, "%s: %s", tm_op_infos[op].name,
                why ? why : "the result's type is missing");
    return;
  }
  for (uint32_t r = 0; r < n; r++) add_type(p, s, types[r]);
}

/* ---- groups of forms -------------------------------------------------- */

/* overflow<nsw, nuw> and fastmath<...> after the operands. */
static void flags(tm_ir_parser *p, parts *s) {
  if (tm_irp_take_word(p, "overflow")) {
    tm_irp_expect(p, '<');
    do {
      tm_attr a = {.kind = TM_ATTR_UNIT};
      if (tm_irp_take_word(p, "nsw")) a.key = TM_ATTR_NSW;
      else if (tm_irp_take_word(p, "nuw")) a.key = TM_ATTR_NUW;
      else tm_irp_expect_word(p, "none");
      if (a.key) tm_irp_add_attr(p, &s->attrs, a);
    } while (tm_irp_take(p, ','));
    tm_irp_expect(p, '>');
  }
  /* Fast-math flags only permit; nothing is lost by not taking them up. */
  if (tm_irp_take_word(p, "fastmath")) {
    tm_irp_expect(p, '<');
    do
      if (p->tok.kind == TM_TOK_WORD) tm_irp_next(p);
    while (tm_irp_take(p, ','));
    tm_irp_expect(p, '>');
  }
}

static tm_inst form_same(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  operands(p, &s);
  flags(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  infer_types(p, b->loc, op, &s);
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_cast(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  operands(p, &s);
  flags(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  if (!tm_irp_take_word(p, "to")) tm_irp_expect_arrow(p);
  add_type(p, &s, tm_irp_type(p));
  /* SPLIT states one of its two equal types. */
  if (op == TM_SPLIT && !p->failed) add_type(p, &s, s.types.data[0]);
  return build(p, b, op, &s, 0, NULL);
}

static const char *const cmpi_names[] = {
    "eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
static const char *const cmpf_names[] = {
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"};

static tm_inst form_compare(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  uint32_t n = op == TM_CMPI ? TM_COUNT(cmpi_names) : TM_COUNT(cmpf_names);
  const char *const *names = op == TM_CMPI ? cmpi_names : cmpf_names;
  uint32_t k = 0;
  while (k < n && !tm_irp_is_word(p, names[k])) k++;
  if (k == n) tm_irp_fail(p, p->tok.loc, "expected a comparison here");
  tm_irp_next(p);
  tm_irp_add_attr(p, &s.attrs, tm_attr_int(TM_ATTR_PREDICATE, k));
  tm_irp_expect(p, ',');
  operands(p, &s);
  flags(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  infer_types(p, b->loc, op, &s);
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_select(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  operands(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  if (s.operands.len != 3) tm_irp_fail(p, b->loc, "select has three operands");
  if (p->failed) return 0;
  if (tm_type_is_tensor(tm_type_of(p->ir, s.operands.data[0]))) {
    operand_type(p, &s, 0);
    tm_irp_expect(p, ',');
  }
  operand_type(p, &s, 1);
  infer_types(p, b->loc, TM_SELECT, &s);
  return build(p, b, TM_SELECT, &s, 0, NULL);
}

static tm_inst form_constant(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  tm_attr_list ignored = {0};
  tm_irp_attr_dict(p, &ignored);
  tm_attr a = {0};
  add_type(p, &s, tm_irp_constant(p, &a));
  tm_irp_add_attr(p, &s.attrs, a);
  return build(p, b, TM_CONSTANT, &s, 0, NULL);
}

/* cacheModifier = x evictionPolicy = y, as Triton before 3.9 has them. */
static void cache_words(tm_ir_parser *p, parts *s) {
  for (;;) {
    tm_attr_key key = TM_ATTR_NONE;
    if (tm_irp_take_word(p, "cacheModifier")) key = TM_ATTR_CACHE;
    else if (tm_irp_take_word(p, "evictionPolicy")) key = TM_ATTR_EVICT;
    if (!key) return;
    tm_irp_expect(p, '=');
    enum_attr(p, s, key);
  }
}

static tm_inst form_memory(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  operands(p, &s);
  cache_words(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  infer_types(p, b->loc, op, &s);
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_atomic(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  if (op == TM_ATOMIC_RMW) {
    enum_attr(p, &s, TM_ATTR_RMW_OP);
    tm_irp_expect(p, ',');
  }
  enum_attr(p, &s, TM_ATTR_SEM);
  tm_irp_expect(p, ',');
  enum_attr(p, &s, TM_ATTR_SCOPE);
  tm_irp_expect(p, ',');
  operands(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  if (op == TM_ATOMIC_STORE) {
    operand_type(p, &s, 0);
    infer_types(p, b->loc, op, &s);
  } else {
    functional(p, &s);
  }
  return build(p, b, op, &s, 0, NULL);
}

static void bracketed(tm_ir_parser *p, parts *s) {
  tm_irp_expect(p, '[');
  operands(p, s);
  tm_irp_expect(p, ']');
}

static tm_inst form_make_block(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  operand(p, &s);
  for (int l = 0; l < (op == TM_MAKE_TENSOR_PTR ? 3 : 2); l++) {
    tm_irp_expect(p, ',');
    bracketed(p, &s);
  }
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  if (op == TM_MAKE_TENSOR_PTR) {
    add_type(p, &s, tm_irp_pointer_type(p));
  } else {
    tm_irp_pointer_type(p);
    tm_irp_expect(p, ',');
    add_type(p, &s, tm_irp_descriptor_type(p));
  }
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_advance(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  operand(p, &s);
  tm_irp_expect(p, ',');
  bracketed(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  add_type(p, &s, tm_irp_pointer_type(p));
  return build(p, b, TM_ADVANCE, &s, 0, NULL);
}

static tm_inst form_descriptor(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0}, indices = {0};
  if (op == TM_DESC_REDUCE) {
    enum_attr(p, &s, TM_ATTR_KIND);
    tm_irp_expect(p, ',');
  }
  operand(p, &s);
  bool source_first = op == TM_DESC_STORE || op == TM_DESC_REDUCE;
  bracketed(p, source_first ? &indices : &s);
  if (source_first || op == TM_DESC_SCATTER) {
    tm_irp_expect(p, ',');
    operand(p, &s);
  }
  for (uint32_t k = 0; k < indices.operands.len && !p->failed; k++)
    tm_push(p->ir->arena, &s.operands, indices.operands.data[k]);
  cache_words(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  if (op == TM_DESC_GATHER) {
    functional(p, &s);
  } else if (op == TM_DESC_LOAD) {
    operand_type(p, &s, 0);
    tm_irp_expect_arrow(p);
    add_type(p, &s, tm_irp_type(p));
  } else if (op == TM_DESC_SCATTER) {
    operand_types(p, &s, 0);
  } else {
    operand_type(p, &s, 0);
    tm_irp_expect(p, ',');
    operand_type(p, &s, 1);
  }
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_dot(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  for (int o = 0; o < 3; o++) {
    if (o) tm_irp_expect(p, ',');
    operand(p, &s);
  }
  if (tm_irp_take(p, ',')) {
    tm_irp_expect_word(p, "inputPrecision");
    tm_irp_expect(p, '=');
    enum_attr(p, &s, TM_ATTR_INPUT_PRECISION);
  }
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  tm_irp_expect(p, '*');
  operand_type(p, &s, 1);
  tm_irp_expect_arrow(p);
  add_type(p, &s, tm_irp_type(p));
  return build(p, b, TM_DOT, &s, 0, NULL);
}

static tm_inst form_dot_scaled(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  tm_value scale[2] = {0, 0};
  int64_t segments[5] = {1, 1, 1, 0, 0};
  for (int o = 0; o < 2; o++) {
    operand(p, &s);
    if (tm_irp_take_word(p, "scale")) scale[o] = tm_irp_value(p);
    tm_irp_expect(p, ',');
  }
  operand(p, &s);
  for (int o = 0; o < 2 && !p->failed; o++) {
    if (!scale[o]) continue;
    tm_push(p->ir->arena, &s.operands, scale[o]);
    segments[3 + o] = 1;
  }
  tm_irp_expect_word(p, "lhs");
  tm_irp_expect(p, '=');
  enum_attr(p, &s, TM_ATTR_A_TYPE);
  tm_irp_expect_word(p, "rhs");
  tm_irp_expect(p, '=');
  enum_attr(p, &s, TM_ATTR_B_TYPE);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  uint32_t next = 3;
  for (uint32_t o = 0; o < 2; o++) {
    if (o) tm_irp_expect(p, '*');
    operand_type(p, &s, o);
    if (!scale[o]) continue;
    tm_irp_expect(p, ',');
    operand_type(p, &s, next++);
  }
  tm_irp_expect_arrow(p);
  add_type(p, &s, tm_irp_type(p));
  tm_attr a = {.key = TM_ATTR_SEGMENTS, .kind = TM_ATTR_INTS,
               .ints = segments, .n_ints = 5};
  tm_irp_add_attr(p, &s.attrs, a);
  return build(p, b, TM_DOT_SCALED, &s, 0, NULL);
}

static tm_inst form_text(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  tm_attr_key key = op == TM_ASSERT  ? TM_ATTR_MESSAGE
                    : op == TM_PRINT ? TM_ATTR_PREFIX
                                     : TM_ATTR_ASM;
  if (op == TM_ASSERT) {
    operand(p, &s);
    tm_irp_expect(p, ',');
  }
  tm_irp_add_attr(p, &s.attrs, tm_attr_text(key, tm_irp_string(p)));
  tm_irp_attr_dict(p, &s.attrs);
  if (op == TM_ASSERT) {
    tm_irp_expect(p, ':');
    operand_type(p, &s, 0);
    return build(p, b, op, &s, 0, NULL);
  }
  if (op == TM_PRINT && !tm_irp_take(p, ':'))
    return build(p, b, op, &s, 0, NULL);
  operands(p, &s);
  if (s.operands.len) {
    tm_irp_expect(p, ':');
    operand_types(p, &s, 0);
  }
  if (op == TM_INLINE_ASM) {
    tm_irp_expect_arrow(p);
    do add_type(p, &s, tm_irp_type(p));
    while (tm_irp_take(p, ',') && s.types.len < TM_MAX_RESULTS);
  }
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_axis(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  static const char *const dims[] = {"x", "y", "z"};
  int64_t axis = 0;
  while (axis < 3 && !tm_irp_is_word(p, dims[axis])) axis++;
  if (axis == 3) tm_irp_fail(p, p->tok.loc, "expected x, y or z here");
  tm_irp_next(p);
  tm_irp_add_attr(p, &s.attrs, tm_attr_int(TM_ATTR_AXIS, axis));
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  add_type(p, &s, tm_irp_type(p));
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_call(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  if (p->tok.kind != TM_TOK_SYMBOL)
    tm_irp_fail(p, p->tok.loc, "expected a function's name here");
  tm_irp_add_attr(p, &s.attrs,
                  tm_attr_text(TM_ATTR_CALLEE, tm_irp_string(p)));
  tm_irp_expect(p, '(');
  operands(p, &s);
  tm_irp_expect(p, ')');
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  functional(p, &s);
  return build(p, b, TM_CALL, &s, 0, NULL);
}

static tm_inst form_gather(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  operand(p, &s);
  bracketed(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  functional(p, &s);
  return build(p, b, TM_GATHER, &s, 0, NULL);
}

/* reshape, fp_to_fp, clampf: words between the operands and the types. */
static tm_inst form_words(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  uint32_t n = op == TM_CLAMPF ? 3 : 1;
  for (uint32_t o = 0; o < n; o++) {
    if (o) tm_irp_expect(p, ',');
    operand(p, &s);
  }
  tm_attr unit = {.kind = TM_ATTR_UNIT};
  if (op == TM_RESHAPE && tm_irp_take_word(p, "allow_reorder")) {
    unit.key = TM_ATTR_ALLOW_REORDER;
    tm_irp_add_attr(p, &s.attrs, unit);
  }
  if (op == TM_RESHAPE && tm_irp_take_word(p, "efficient_layout")) {
    unit.key = TM_ATTR_EFFICIENT_LAYOUT;
    tm_irp_add_attr(p, &s.attrs, unit);
  }
  tm_attr_key key =
      op == TM_CLAMPF ? TM_ATTR_PROPAGATE_NAN : TM_ATTR_ROUNDING;
  if (op != TM_RESHAPE && tm_irp_take(p, ',')) {
    tm_irp_expect_word(p, tm_attr_infos[key].name);
    tm_irp_expect(p, '=');
    enum_attr(p, &s, key);
  }
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_type(p, &s, 0);
  if (op == TM_CLAMPF) {
    infer_types(p, b->loc, op, &s);
  } else {
    tm_irp_expect_arrow(p);
    add_type(p, &s, tm_irp_type(p));
  }
  return build(p, b, op, &s, 0, NULL);
}

/* ---- control flow ----------------------------------------------------- */

typedef TM_VEC(tm_name) name_list;

/* "(%a = %x, %b = %y)" */
static void initial_values(tm_ir_parser *p, parts *s, name_list *names) {
  tm_irp_expect(p, '(');
  if (tm_irp_take(p, ')')) return;
  do {
    if (p->tok.kind != TM_TOK_VALUE)
      tm_irp_fail(p, p->tok.loc, "expected a carried value's name here");
    tm_name name = tm_irp_intern(p, p->tok.text);
    tm_irp_next(p);
    tm_irp_expect(p, '=');
    operand(p, s);
    if (p->failed) return;
    tm_push(p->ir->arena, names, name);
  } while (tm_irp_take(p, ','));
  tm_irp_expect(p, ')');
}

static tm_inst form_for(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  name_list names = {0};
  if (tm_irp_is_word(p, "unsigned"))
    tm_irp_fail(p, p->tok.loc, "loops that compare unsigned are not read");
  if (p->tok.kind != TM_TOK_VALUE)
    tm_irp_fail(p, p->tok.loc, "expected the induction variable here");
  tm_name iv = tm_irp_intern(p, p->tok.text);
  tm_irp_next(p);
  tm_irp_expect(p, '=');
  operand(p, &s);
  tm_irp_expect_word(p, "to");
  operand(p, &s);
  tm_irp_expect_word(p, "step");
  operand(p, &s);
  if (tm_irp_take_word(p, "iter_args")) {
    initial_values(p, &s, &names);
    tm_irp_expect_arrow(p);
    result_types(p, &s);
  }
  tm_type iv_type = tm_type_scalar(p->ir, TM_INDEX);
  if (tm_irp_take(p, ':')) iv_type = tm_irp_type(p);
  if (p->failed) return 0;
  tm_block body = tm_ir_new_block(p->ir);
  uint32_t mark = tm_irp_scope_mark(p);
  tm_irp_bind(p, iv, tm_block_add_arg(p->ir, body, iv_type), 1);
  for (uint32_t a = 0; a < names.len; a++) {
    tm_type t = tm_type_of(p->ir, s.operands.data[3 + a]);
    tm_irp_bind(p, names.data[a], tm_block_add_arg(p->ir, body, t), 1);
  }
  tm_irp_region(p, body, TM_YIELD);
  tm_irp_scope_end(p, mark);
  tm_irp_attr_dict(p, &s.attrs);
  return build(p, b, TM_FOR, &s, 1, &body);
}

static tm_inst form_if(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  operand(p, &s);
  if (p->tok.kind == TM_TOK_ARROW) {
    tm_irp_next(p);
    result_types(p, &s);
  }
  tm_block blocks[2] = {tm_ir_new_block(p->ir), 0};
  tm_irp_region(p, blocks[0], TM_YIELD);
  if (tm_irp_take_word(p, "else")) {
    blocks[1] = tm_ir_new_block(p->ir);
    tm_irp_region(p, blocks[1], TM_YIELD);
  }
  tm_irp_attr_dict(p, &s.attrs);
  return build(p, b, TM_IF, &s, 2, blocks);
}

static tm_inst form_while(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  name_list names = {0};
  if (tm_irp_is(p, '(')) initial_values(p, &s, &names);
  tm_irp_expect(p, ':');
  functional(p, &s);
  if (p->failed) return 0;
  tm_block blocks[2] = {tm_ir_new_block(p->ir), tm_ir_new_block(p->ir)};
  uint32_t mark = tm_irp_scope_mark(p);
  for (uint32_t a = 0; a < names.len; a++) {
    tm_type t = tm_type_of(p->ir, s.operands.data[a]);
    tm_irp_bind(p, names.data[a], tm_block_add_arg(p->ir, blocks[0], t), 1);
  }
  tm_irp_region(p, blocks[0], TM_OP_NONE);
  tm_irp_scope_end(p, mark);
  tm_irp_expect_word(p, "do");
  tm_irp_region(p, blocks[1], TM_OP_NONE);
  if (tm_irp_take_word(p, "attributes") || tm_irp_is(p, '{'))
    tm_irp_attr_dict(p, &s.attrs);
  return build(p, b, TM_WHILE, &s, 2, blocks);
}

static tm_inst form_condition(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  tm_irp_expect(p, '(');
  operand(p, &s);
  tm_irp_expect(p, ')');
  tm_irp_attr_dict(p, &s.attrs);
  operands(p, &s);
  if (s.operands.len > 1) {
    tm_irp_expect(p, ':');
    operand_types(p, &s, 1);
  }
  return build(p, b, TM_CONDITION, &s, 0, NULL);
}

/* "op operands : their types" without results. */
static tm_inst form_list(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  tm_irp_attr_dict(p, &s.attrs);
  if (op != TM_BARRIER) operands(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  if (s.operands.len) {
    tm_irp_expect(p, ':');
    operand_types(p, &s, 0);
  }
  if (op == TM_UNSPLAT) infer_types(p, b->loc, op, &s);
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_addptr(tm_ir_parser *p, tm_builder *b) {
  parts s = {0};
  operands(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  operand_types(p, &s, 0);
  infer_types(p, b->loc, TM_ADDPTR, &s);
  return build(p, b, TM_ADDPTR, &s, 0, NULL);
}

/* "op {attrs} : type" */
static tm_inst form_result(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  add_type(p, &s, tm_irp_type(p));
  return build(p, b, op, &s, 0, NULL);
}

static tm_inst form_functional(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  operands(p, &s);
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  functional(p, &s);
  return build(p, b, op, &s, 0, NULL);
}

tm_inst tm_irp_custom(tm_ir_parser *p, tm_builder *b, tm_op op) {
  if (tm_op_infos[op].format == TM_FORMAT_T) return form_same(p, b, op);
  if (tm_op_infos[op].format == TM_FORMAT_CAST) return form_cast(p, b, op);
  switch (op) {
  case TM_CONSTANT: return form_constant(p, b);
  case TM_CMPI: case TM_CMPF: return form_compare(p, b, op);
  case TM_SELECT: return form_select(p, b);
  case TM_LOAD: case TM_STORE: return form_memory(p, b, op);
  case TM_ATOMIC_RMW: case TM_ATOMIC_CAS: case TM_ATOMIC_LOAD:
  case TM_ATOMIC_STORE: return form_atomic(p, b, op);
  case TM_MAKE_TENSOR_PTR:
  case TM_MAKE_TENSOR_DESC: return form_make_block(p, b, op);
  case TM_ADVANCE: return form_advance(p, b);
  case TM_DESC_LOAD: case TM_DESC_STORE: case TM_DESC_REDUCE:
  case TM_DESC_GATHER:
  case TM_DESC_SCATTER: return form_descriptor(p, b, op);
  case TM_DOT: return form_dot(p, b);
  case TM_DOT_SCALED: return form_dot_scaled(p, b);
  case TM_PRINT: case TM_ASSERT:
  case TM_INLINE_ASM: return form_text(p, b, op);
  case TM_GET_PROGRAM_ID:
  case TM_GET_NUM_PROGRAMS: return form_axis(p, b, op);
  case TM_CALL: return form_call(p, b);
  case TM_GATHER: return form_gather(p, b);
  case TM_RESHAPE: case TM_FP_TO_FP:
  case TM_CLAMPF: return form_words(p, b, op);
  case TM_FOR: return form_for(p, b);
  case TM_IF: return form_if(p, b);
  case TM_WHILE: return form_while(p, b);
  case TM_CONDITION: return form_condition(p, b);
  case TM_ADDPTR: return form_addptr(p, b);
  case TM_MAKE_RANGE: case TM_SHARED_ALLOC: case TM_POISON:
    return form_result(p, b, op);
  case TM_EXTERN: return form_functional(p, b, op);
  case TM_CAT: case TM_JOIN: case TM_SPLIT:
  case TM_HISTOGRAM: return form_cast(p, b, op);
  case TM_UNSPLAT: case TM_ASSUME: case TM_YIELD: case TM_RETURN:
  case TM_REDUCE_RETURN: case TM_SCAN_RETURN: case TM_MAP_ELEMENTWISE_RETURN:
  case TM_BARRIER:
    return form_list(p, b, op);
  default:
    tm_irp_fail(p, b->loc, "%s has the quoted form only",
                tm_op_infos[op].name);
    return 0;
  }
}

/* "op"(%a, %b) <{props}> ({ region }, { region }) {attrs} : (types) -> types */
tm_inst tm_irp_generic(tm_ir_parser *p, tm_builder *b, tm_op op) {
  parts s = {0};
  TM_VEC(tm_block) regions = {0};
  tm_irp_expect(p, '(');
  operands(p, &s);
  tm_irp_expect(p, ')');
  if (tm_irp_take(p, '<')) {
    tm_irp_attr_dict(p, &s.attrs);
    tm_irp_expect(p, '>');
  }
  if (tm_irp_take(p, '(')) {
    do {
      tm_block block = tm_ir_new_block(p->ir);
      tm_irp_region(p, block, TM_OP_NONE);
      if (p->failed || regions.len == 2) break;
      tm_push(p->ir->arena, &regions, block);
    } while (tm_irp_take(p, ','));
    tm_irp_expect(p, ')');
  }
  tm_irp_attr_dict(p, &s.attrs);
  tm_irp_expect(p, ':');
  functional(p, &s);
  return build(p, b, op, &s, regions.len, regions.data);
}
