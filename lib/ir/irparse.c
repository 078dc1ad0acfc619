/* SPDX-License-Identifier: MIT */
/*
 * irparse.c - reading TTIR text: module, functions, regions, types, attributes.
 *
 * Reads what print.c writes and what upstream Triton's front end and its
 * make_ttir stage write (3.6 to 3.9). Locations in the text are skipped; an
 * instruction's location is its line of the text, where errors about it can
 * point. Blocks that nothing branches to, which upstream's front end leaves
 * behind a return, are skipped. The result has passed the verifier.
 */
#include "irparse.h"

#include <math.h>

/* ---- names ------------------------------------------------------------ */

tm_name tm_irp_intern(tm_ir_parser *p, tm_str text) {
  return tm_intern(&p->ir->names, text.ptr, text.len);
}

void tm_irp_bind(tm_ir_parser *p, tm_name name, tm_value first,
                 uint32_t count) {
  uint64_t hidden = 0;
  tm_map_get(&p->scope, TM_KEY(name), &hidden);
  tm_binding b = {name, first, count, (uint32_t)hidden};
  tm_push(p->ir->arena, &p->bindings, b);
  tm_map_put(&p->scope, TM_KEY(name), p->bindings.len);
  bool number = true;
  for (const char *c = name; *c; c++) number = number && *c >= '0' && *c <= '9';
  for (uint32_t i = 0; i < count && !number; i++)
    tm_val(p->ir, first + i)->name = name;
}

uint32_t tm_irp_scope_mark(const tm_ir_parser *p) { return p->bindings.len; }

void tm_irp_scope_end(tm_ir_parser *p, uint32_t mark) {
  while (p->bindings.len > mark) {
    tm_binding *b = &p->bindings.data[--p->bindings.len];
    tm_map_put(&p->scope, TM_KEY(b->name), b->hidden);
  }
}

tm_value tm_irp_value(tm_ir_parser *p) {
  tm_token tok = p->tok;
  if (tok.kind != TM_TOK_VALUE) {
    tm_irp_fail(p, tok.loc, "expected a value such as %%x here");
    return 0;
  }
  tm_name name = tm_irp_intern(p, tok.text);
  uint64_t at = 0;
  tm_irp_next(p);
  uint64_t which = 0;
  if (p->tok.kind == TM_TOK_HASH) { /* %x#1: the lexer saw #1 */
    for (size_t i = 0; i < p->tok.text.len && which < 100000; i++) {
      char c = p->tok.text.ptr[i];
      if (c < '0' || c > '9') {
        tm_irp_fail(p, p->tok.loc, "expected a result number here");
        return 0;
      }
      which = which * 10 + (uint64_t)(c - '0');
    }
    tm_irp_next(p);
  }
  if (!tm_map_get(&p->scope, TM_KEY(name), &at) || at == 0) {
    tm_irp_fail(p, tok.loc, "%%%s is not defined here", name);
    return 0;
  }
  tm_binding *b = &p->bindings.data[at - 1];
  if (which >= b->count) {
    tm_irp_fail(p, tok.loc, "%%%s has %u results", name, b->count);
    return 0;
  }
  return b->first + (uint32_t)which;
}

/* ---- types ------------------------------------------------------------ */

/* MLIR's signed and unsigned integers, which upstream writes in descriptors
 * alone, are read as the signless ones: operations say whether a sign
 * matters. */
static bool scalar_named(tm_str text, tm_scalar *out) {
  if (text.len > 2 && (text.ptr[0] == 's' || text.ptr[0] == 'u') &&
      text.ptr[1] == 'i')
    text = (tm_str){text.ptr + 1, text.len - 1};
  for (int s = TM_I1; s < TM_SCALARS; s++)
    if (tm_str_eq(text, tm_cstr(tm_scalar_name((tm_scalar)s)))) {
      *out = (tm_scalar)s;
      return true;
    }
  return false;
}

/* What follows one of the words that start a type. */
static tm_type parse_shaped(tm_ir_parser *p) {
  int64_t shape[TM_MAX_RANK];
  tm_loc loc = p->tok.loc;
  uint32_t rank = tm_irp_extents(p, shape);
  tm_type element = tm_irp_type(p);
  if (tm_irp_is(p, ','))
    tm_irp_fail(p, p->tok.loc, "layouts of tensors are not read");
  tm_irp_expect(p, '>');
  if (rank == 0) tm_irp_fail(p, loc, "a tensor has at least one extent");
  if (p->failed) return element;
  return tm_type_tensor(p->ir, element, rank, shape);
}

static tm_type parse_pointer(tm_ir_parser *p) {
  uint32_t space = 1;
  tm_irp_expect(p, '<');
  tm_type pointee = tm_irp_type(p);
  if (tm_irp_take(p, ',')) space = (uint32_t)tm_irp_int(p);
  tm_irp_expect(p, '>');
  return p->failed ? pointee : tm_type_pointer(p->ir, pointee, space);
}

/* Triton 3.9 writes a shape and an element, 3.6 a tensor type. */
static tm_type parse_descriptor(tm_ir_parser *p) {
  int64_t shape[TM_MAX_RANK];
  tm_loc loc = p->tok.loc;
  uint32_t rank = tm_irp_extents(p, shape);
  tm_type tensor = tm_irp_type(p);
  if (tm_irp_is(p, ','))
    tm_irp_fail(p, p->tok.loc, "layouts of descriptors are not read");
  tm_irp_expect(p, '>');
  if (p->failed) return tensor;
  if (rank ? tensor->kind != TM_TYPE_SCALAR : tensor->kind != TM_TYPE_TENSOR) {
    tm_irp_fail(p, loc, "a descriptor has a shape and an element type");
    return tensor;
  }
  if (rank) tensor = tm_type_tensor(p->ir, tensor, rank, shape);
  return tm_type_descriptor(p->ir, tensor);
}

static tm_type parse_type_word(tm_ir_parser *p) {
  tm_token tok = p->tok;
  tm_scalar scalar;
  tm_irp_next(p);
  if (tok.kind == TM_TOK_WORD) {
    if (scalar_named(tok.text, &scalar)) return tm_type_scalar(p->ir, scalar);
    if (tm_str_eq(tok.text, TM_STR("tensor"))) return parse_shaped(p);
  } else if (tok.kind == TM_TOK_TYPE) {
    if (tm_str_eq(tok.text, TM_STR("tt.ptr"))) return parse_pointer(p);
    if (tm_str_eq(tok.text, TM_STR("tt.tensordesc")))
      return parse_descriptor(p);
    if (tm_str_eq(tok.text, TM_STR("tm.f8E4B15")))
      return tm_type_scalar(p->ir, TM_FP8E4B15);
  }
  tm_irp_fail(p, tok.loc, "expected a type here");
  return tm_type_scalar(p->ir, TM_VOID);
}

tm_type tm_irp_type(tm_ir_parser *p) {
  enum { DEEPEST = 6 }; /* tensor of pointers to pointers to tensors ... */
  if (p->type_depth == DEEPEST)
    tm_irp_fail(p, p->tok.loc, "this type is nested too deeply");
  if (p->failed) return tm_type_scalar(p->ir, TM_VOID);
  p->type_depth++;
  tm_type t = parse_type_word(p);
  p->type_depth--;
  return t;
}

tm_type tm_irp_pointer_type(tm_ir_parser *p) {
  return tm_irp_is(p, '<') ? parse_pointer(p) : tm_irp_type(p);
}

tm_type tm_irp_descriptor_type(tm_ir_parser *p) {
  return tm_irp_is(p, '<') ? parse_descriptor(p) : tm_irp_type(p);
}

/* ---- attributes ------------------------------------------------------- */

void tm_irp_add_attr(tm_ir_parser *p, tm_attr_list *attrs, tm_attr attr) {
  for (uint32_t a = 0; a < attrs->len; a++)
    if (attrs->data[a].key == attr.key) {
      attrs->data[a] = attr;
      return;
    }
  if (attrs->len >= TM_ATTRS) return;
  tm_push(p->ir->arena, attrs, attr);
}

typedef TM_VEC(int64_t) int_list;

static tm_attr ints_attr(tm_attr_key key, const int_list *list) {
  return (tm_attr){.key = key, .kind = TM_ATTR_INTS, .ints = list->data,
                   .n_ints = list->len};
}

/* "array<i32: 1, 0>" after the word array. */
static void parse_array(tm_ir_parser *p, int_list *list) {
  tm_irp_expect(p, '<');
  tm_irp_type(p);
  if (tm_irp_take(p, ':')) do {
      if (tm_irp_take_word(p, "true")) tm_push(p->ir->arena, list, 1);
      else if (tm_irp_take_word(p, "false")) tm_push(p->ir->arena, list, 0);
      else tm_push(p->ir->arena, list, tm_irp_int(p));
    } while (tm_irp_take(p, ',') && list->len < 64);
  tm_irp_expect(p, '>');
}

/* "dense<16> : tensor<2xi32>" or "dense<[16, 8]> : ..." after dense. */
static void parse_dense_ints(tm_ir_parser *p, int_list *list) {
  tm_irp_expect(p, '<');
  if (tm_irp_take(p, '[')) {
    do tm_push(p->ir->arena, list, tm_irp_int(p));
    while (tm_irp_take(p, ',') && list->len < 64);
    tm_irp_expect(p, ']');
  } else {
    tm_push(p->ir->arena, list, tm_irp_int(p));
  }
  tm_irp_expect(p, '>');
  tm_irp_expect(p, ':');
  tm_loc loc = p->tok.loc;
  tm_type t = tm_irp_type(p);
  if (p->failed) return;
  int64_t n = tm_type_numel(t);
  if (n > 64 || (list->len != 1 && list->len != (uint64_t)n)) {
    tm_irp_fail(p, loc, "this attribute has %u numbers", list->len);
    return;
  }
  while (list->len < (uint64_t)n)
    tm_push(p->ir->arena, list, list->data[0]);
}

/* "<cache_modifier = cg, eviction_policy = evict_first>" */
static void parse_cache_policy(tm_ir_parser *p, tm_attr_list *attrs) {
  tm_irp_expect(p, '<');
  do {
    tm_token tok = p->tok;
    tm_attr_key key = TM_ATTR_NONE;
    if (tm_irp_take_word(p, "cache_modifier")) key = TM_ATTR_CACHE;
    else if (tm_irp_take_word(p, "eviction_policy")) key = TM_ATTR_EVICT;
    else tm_irp_fail(p, tok.loc, "expected a part of the cache policy here");
    tm_irp_expect(p, '=');
    int64_t v = p->tok.kind == TM_TOK_WORD
                    ? tm_attr_enum_find(key, p->tok.text.ptr, p->tok.text.len)
                    : -1;
    if (v < 0) tm_irp_fail(p, p->tok.loc, "this cache policy is not known");
    tm_irp_next(p);
    if (v > 1) tm_irp_add_attr(p, attrs, tm_attr_int(key, v));
  } while (tm_irp_take(p, ','));
  tm_irp_expect(p, '>');
}

/* Skips a value that is not understood, with balanced brackets, up to a ','
 * or the closing bracket of the dictionary. */
static void skip_value(tm_ir_parser *p) {
  int depth = 0;
  while (p->tok.kind != TM_TOK_END) {
    if (p->tok.kind == TM_TOK_CHAR) {
      if (depth == 0 && (p->tok.c == ',' || p->tok.c == '}')) return;
      if (strchr("([{<", p->tok.c)) depth++;
      if (strchr(")]}>", p->tok.c)) depth--;
    }
    tm_irp_next(p);
  }
}

static void parse_attr_value(tm_ir_parser *p, tm_attr_list *attrs,
                             tm_attr_key key) {
  tm_attr a = {.key = key, .kind = TM_ATTR_INT};
  int_list list = {0};
  if (p->tok.kind == TM_TOK_STRING || p->tok.kind == TM_TOK_SYMBOL) {
    a.kind = TM_ATTR_TEXT;
    a.text = tm_irp_string(p);
  } else if (tm_irp_take_word(p, "true")) {
    a.i = 1;
  } else if (tm_irp_take_word(p, "false")) {
    a.i = 0;
  } else if (tm_irp_take_word(p, "unit")) {
    a.kind = TM_ATTR_UNIT;
  } else if (tm_irp_take_word(p, "array")) {
    parse_array(p, &list);
    a = ints_attr(key, &list);
  } else if (tm_irp_take_word(p, "dense")) {
    parse_dense_ints(p, &list);
    a = ints_attr(key, &list);
  } else if (p->tok.kind == TM_TOK_INT || tm_irp_is(p, '-')) {
    a.i = tm_irp_int(p);
    if (tm_irp_take(p, ':')) tm_irp_type(p);
  } else {
    tm_irp_fail(p, p->tok.loc, "this attribute's value is not understood");
  }
  if (!p->failed) tm_irp_add_attr(p, attrs, a);
}

/* Hints of the dialect tt are optional, and flags of arithmetic only permit;
 * without them nothing changes. Any other unknown attribute might matter. */
static bool may_skip(tm_str name) {
  return (name.len > 3 && memcmp(name.ptr, "tt.", 3) == 0) ||
         tm_str_eq(name, TM_STR("fastmath")) ||
         tm_str_eq(name, TM_STR("overflowFlags"));
}

static void parse_attr(tm_ir_parser *p, tm_attr_list *attrs) {
  tm_token tok = p->tok;
  if (tok.kind != TM_TOK_WORD && tok.kind != TM_TOK_STRING) {
    tm_irp_fail(p, tok.loc, "expected an attribute's name here");
    return;
  }
  tm_attr_key key = tm_attr_find(tok.text.ptr, tok.text.len);
  if (tm_str_eq(tok.text, TM_STR("cache"))) key = TM_ATTR_CACHE;
  if (tm_str_eq(tok.text, TM_STR("evict"))) key = TM_ATTR_EVICT;
  tm_irp_next(p);
  if (!tm_irp_take(p, '=')) {
    tm_attr unit = {.key = key, .kind = TM_ATTR_UNIT};
    if (key) tm_irp_add_attr(p, attrs, unit);
    else if (!may_skip(tok.text))
      tm_irp_fail(p, tok.loc, "the attribute '%.*s' is not known",
                  (int)(tok.text.len > 60 ? 60 : tok.text.len), tok.text.ptr);
    return;
  }
  if (tm_str_eq(tok.text, TM_STR("cachePolicy"))) {
    if (p->tok.kind != TM_TOK_HASH)
      tm_irp_fail(p, p->tok.loc, "expected #tt.cache_policy here");
    tm_irp_next(p);
    parse_cache_policy(p, attrs);
  } else if (key) {
    parse_attr_value(p, attrs, key);
  } else if (may_skip(tok.text)) {
    skip_value(p);
  } else {
    tm_irp_fail(p, tok.loc, "the attribute '%.*s' is not known",
                (int)(tok.text.len > 60 ? 60 : tok.text.len), tok.text.ptr);
  }
}

void tm_irp_attr_dict(tm_ir_parser *p, tm_attr_list *attrs) {
  if (!tm_irp_take(p, '{')) return;
  if (tm_irp_take(p, '}')) return;
  do parse_attr(p, attrs);
  while (tm_irp_take(p, ','));
  tm_irp_expect(p, '}');
}

/* ---- constants -------------------------------------------------------- */

/* A number before its type is known. */
typedef struct literal {
  bool negative, hex, is_float, is_bool;
  int64_t i;
  double f;
  tm_loc loc;
} literal;

static literal parse_literal(tm_ir_parser *p) {
  literal l = {.loc = p->tok.loc};
  if (tm_irp_is_word(p, "true") || tm_irp_is_word(p, "false")) {
    l.is_bool = true;
    l.i = tm_irp_is_word(p, "true") ? -1 : 0;
    tm_irp_next(p);
    return l;
  }
  if (tm_irp_take(p, '-')) l.negative = true;
  if (p->tok.kind == TM_TOK_FLOAT) {
    l.is_float = true;
    l.f = tm_double_parse(p->tok.text.ptr, p->tok.text.len);
    if (isnan(l.f)) tm_irp_fail(p, l.loc, "this number is too long");
    if (l.negative) l.f = -l.f;
    tm_irp_next(p);
    return l;
  }
  l.hex = p->tok.text.len > 2 && p->tok.text.ptr[1] == 'x';
  l.i = tm_irp_int(p);
  if (l.negative) l.i = (int64_t)(0 - (uint64_t)l.i);
  return l;
}

static bool literal_equal(literal a, literal b) {
  return a.is_float == b.is_float && a.i == b.i && a.hex == b.hex &&
         a.is_bool == b.is_bool && memcmp(&a.f, &b.f, sizeof a.f) == 0;
}

/* "[[1, 1], [1, 1]]": read, and accepted when all are the same. */
static literal parse_elements(tm_ir_parser *p) {
  literal first = {0};
  bool any = false;
  int depth = 0;
  do {
    while (tm_irp_take(p, '[')) depth++;
    literal l = parse_literal(p);
    if (any && !literal_equal(first, l))
      tm_irp_fail(p, l.loc, "a constant must have one value for all elements");
    first = any ? first : l;
    any = true;
    while (depth > 0 && tm_irp_take(p, ']')) depth--;
  } while (tm_irp_take(p, ',') && !p->failed);
  if (depth) tm_irp_fail(p, p->tok.loc, "expected ']' here");
  return first;
}

static void literal_to_attr(tm_ir_parser *p, literal l, tm_scalar s,
                            tm_attr *attr) {
  attr->key = TM_ATTR_VALUE;
  if (tm_scalar_is_int(s)) {
    attr->kind = TM_ATTR_INT;
    attr->i = tm_int_wrap(s, l.i);
    uint32_t bits = tm_scalar_bits(s);
    bool fits = bits == 64 || attr->i == l.i ||
                (!l.negative && (uint64_t)l.i >> bits == 0);
    if (l.is_float || (l.is_bool && s != TM_I1) || !fits)
      tm_irp_fail(p, l.loc, "this is not a value of %s", tm_scalar_name(s));
    return;
  }
  attr->kind = TM_ATTR_FLOAT;
  if (!tm_scalar_is_float(s) || l.is_bool || (!l.is_float && !l.hex)) {
    tm_irp_fail(p, l.loc, "this is not a value of %s", tm_scalar_name(s));
    return;
  }
  uint32_t bits = tm_scalar_bits(s);
  if (l.hex && bits < 64 && (uint64_t)l.i >> bits) {
    tm_irp_fail(p, l.loc, "this has more bits than %s", tm_scalar_name(s));
    return;
  }
  attr->f = l.hex ? tm_float_from_bits(s, (uint64_t)l.i)
                  : tm_float_round(s, l.f);
}

tm_type tm_irp_constant(tm_ir_parser *p, tm_attr *attr) {
  literal l;
  bool dense = tm_irp_take_word(p, "dense");
  if (dense) {
    tm_irp_expect(p, '<');
    l = parse_elements(p);
    tm_irp_expect(p, '>');
  } else {
    l = parse_literal(p);
  }
  tm_type t = tm_type_scalar(p->ir, TM_I1);
  if (dense || !l.is_bool || tm_irp_is(p, ':')) {
    tm_irp_expect(p, ':');
    tm_loc loc = p->tok.loc;
    t = tm_irp_type(p);
    if (!p->failed && dense != tm_type_is_tensor(t))
      tm_irp_fail(p, loc, "dense<> is for tensors, and only it");
  }
  tm_type element = tm_type_element(t);
  if (!p->failed && element->kind != TM_TYPE_SCALAR)
    tm_irp_fail(p, l.loc, "a constant is a number or a tensor of numbers");
  if (!p->failed) literal_to_attr(p, l, element->scalar, attr);
  return t;
}

/* ---- locations -------------------------------------------------------- */

static void skip_parens(tm_ir_parser *p) {
  int depth = 0;
  do {
    if (tm_irp_is(p, '(')) depth++;
    if (tm_irp_is(p, ')')) depth--;
    if (p->tok.kind == TM_TOK_END) {
      tm_irp_fail(p, p->tok.loc, "expected ')' before the end");
      return;
    }
    tm_irp_next(p);
  } while (depth > 0);
}

void tm_irp_skip_loc(tm_ir_parser *p) {
  if (!tm_irp_is_word(p, "loc")) return;
  tm_irp_next(p);
  if (tm_irp_is(p, '(')) skip_parens(p);
  else tm_irp_fail(p, p->tok.loc, "expected '(' here");
}

/* "#loc4 = loc(...)" between operations of the module. */
static void skip_aliases(tm_ir_parser *p) {
  while (p->tok.kind == TM_TOK_HASH) {
    tm_irp_next(p);
    tm_irp_expect(p, '=');
    if (!tm_irp_is_word(p, "loc"))
      tm_irp_fail(p, p->tok.loc, "only locations may have aliases");
    tm_irp_skip_loc(p);
  }
}

/* ---- instructions and regions ----------------------------------------- */

typedef struct result_name {
  tm_name name;
  uint32_t count;
} result_name;

typedef TM_VEC(result_name) result_names;

/* "%a, %b:2 =" */
static void parse_results(tm_ir_parser *p, result_names *names) {
  if (p->tok.kind != TM_TOK_VALUE) return;
  do {
    result_name r = {NULL, 1};
    if (p->tok.kind != TM_TOK_VALUE)
      tm_irp_fail(p, p->tok.loc, "expected a result's name here");
    r.name = tm_irp_intern(p, p->tok.text);
    tm_irp_next(p);
    if (tm_irp_take(p, ':')) {
      int64_t n = tm_irp_int(p);
      if (n < 1 || n > TM_MAX_RESULTS)
        tm_irp_fail(p, p->tok.loc, "an operation has at most %d results",
                    TM_MAX_RESULTS);
      r.count = (uint32_t)n;
    }
    tm_push(p->ir->arena, names, r);
  } while (tm_irp_take(p, ',') && !p->failed);
  tm_irp_expect(p, '=');
}

static tm_op op_named(tm_ir_parser *p, tm_str text) {
  uint64_t op = TM_OP_NONE;
  if (tm_str_eq(text, TM_STR("ttg.barrier"))) return TM_BARRIER;
  tm_map_get(&p->ops, TM_KEY(tm_irp_intern(p, text)), &op);
  return (tm_op)op;
}

void tm_irp_inst(tm_ir_parser *p, tm_builder *b) {
  result_names names = {0};
  parse_results(p, &names);
  tm_token tok = p->tok;
  if (p->failed) return;
  if (tok.kind != TM_TOK_WORD && tok.kind != TM_TOK_STRING) {
    tm_irp_fail(p, tok.loc, "expected an operation here");
    return;
  }
  tm_op op = op_named(p, tok.text);
  if (op == TM_OP_NONE) {
    bool branch = tok.text.len > 3 && memcmp(tok.text.ptr, "cf.", 3) == 0;
    tm_irp_fail(p, tok.loc,
                branch ? "%.*s: control flow must be structured (scf)"
                       : "the operation '%.*s' is not known",
                (int)(tok.text.len > 60 ? 60 : tok.text.len), tok.text.ptr);
    return;
  }
  b->loc = tok.loc;
  tm_irp_next(p);
  /* Triton 3.9 says which memory is ordered; ours orders all of it. */
  if (op == TM_BARRIER && !tm_irp_take_word(p, "all"))
    tm_irp_take_word(p, "local");
  tm_inst inst = tok.kind == TM_TOK_STRING ? tm_irp_generic(p, b, op)
                                           : tm_irp_custom(p, b, op);
  if (p->failed || !inst) return;
  tm_irp_skip_loc(p);
  tm_inst_data *i = tm_get(p->ir, inst);
  uint32_t count = 0, at = 0;
  for (uint32_t n = 0; n < names.len; n++) count += names.data[n].count;
  if (count != i->n_results && (count || i->n_results)) {
    tm_irp_fail(p, tok.loc, "%u results are named, %s has %u", count,
                tm_op_infos[op].name, i->n_results);
    return;
  }
  for (uint32_t n = 0; n < names.len; n++) {
    tm_irp_bind(p, names.data[n].name, i->results + at, names.data[n].count);
    at += names.data[n].count;
  }
}

/* Blocks after the first, which only unreachable code can have here. */
static void skip_unreachable(tm_ir_parser *p) {
  int depth = 0;
  while (p->tok.kind != TM_TOK_END && !(depth == 0 && tm_irp_is(p, '}'))) {
    if (tm_irp_is(p, '{')) depth++;
    if (tm_irp_is(p, '}')) depth--;
    tm_irp_next(p);
  }
}

void tm_irp_body(tm_ir_parser *p, tm_block block, tm_op implicit) {
  tm_builder b = tm_build_at_end(p->ir, block);
  if (++p->depth > TM_MAX_NEST)
    tm_irp_fail(p, p->tok.loc, "regions nest deeper than %d", TM_MAX_NEST);
  while (!p->failed && !tm_irp_is(p, '}')) {
    if (p->tok.kind == TM_TOK_BLOCK && tm_blk(p->ir, block)->last) {
      skip_unreachable(p);
      break;
    }
    if (p->depth == 1 && tm_irp_is_branch(p))
      tm_irp_branches(p, &b);
    else
      tm_irp_inst(p, &b);
  }
  p->depth--;
  tm_inst last = tm_blk(p->ir, block)->last;
  bool ended =
      last && (tm_op_infos[tm_get(p->ir, last)->op].flags & TM_TERMINATOR);
  if (!p->failed && !ended && implicit) {
    b.loc = p->tok.loc;
    tm_build(&b, implicit, 0, NULL, 0, NULL, 0, NULL, 0, NULL);
  }
  tm_irp_expect(p, '}');
}

void tm_irp_block_args(tm_ir_parser *p, tm_block block) {
  if (!tm_irp_take(p, '(') || tm_irp_take(p, ')')) return;
  do {
    tm_token tok = p->tok;
    if (tok.kind != TM_TOK_VALUE)
      tm_irp_fail(p, tok.loc, "expected an argument's name here");
    tm_irp_next(p);
    tm_irp_expect(p, ':');
    tm_type t = tm_irp_type(p);
    tm_irp_skip_loc(p);
    if (p->failed) return;
    tm_irp_bind(p, tm_irp_intern(p, tok.text),
                tm_block_add_arg(p->ir, block, t), 1);
  } while (tm_irp_take(p, ','));
  tm_irp_expect(p, ')');
}

void tm_irp_region(tm_ir_parser *p, tm_block block, tm_op implicit) {
  uint32_t mark = tm_irp_scope_mark(p);
  tm_irp_expect(p, '{');
  if (p->tok.kind == TM_TOK_BLOCK) {
    tm_irp_next(p);
    tm_irp_block_args(p, block);
    tm_irp_expect(p, ':');
  }
  tm_irp_body(p, block, implicit);
  tm_irp_scope_end(p, mark);
}

/* ---- functions -------------------------------------------------------- */

static void parse_param(tm_ir_parser *p, uint32_t func) {
  tm_token tok = p->tok;
  if (tok.kind != TM_TOK_VALUE) {
    tm_irp_fail(p, tok.loc, "expected a parameter's name here");
    return;
  }
  tm_name name = tm_irp_intern(p, tok.text);
  tm_irp_next(p);
  tm_irp_expect(p, ':');
  tm_type t = tm_irp_type(p);
  tm_attr_list attrs = {0};
  tm_irp_attr_dict(p, &attrs);
  tm_irp_skip_loc(p);
  if (p->failed) return;
  uint32_t divisibility = 0;
  for (uint32_t a = 0; a < attrs.len; a++)
    if (attrs.data[a].key == TM_ATTR_DIVISIBILITY &&
        attrs.data[a].kind == TM_ATTR_INT && attrs.data[a].i > 0 &&
        attrs.data[a].i <= 1 << 30)
      divisibility = (uint32_t)attrs.data[a].i;
  bool number = *name >= '0' && *name <= '9';
  tm_value v = tm_func_add_param(p->ir, func, number ? NULL : name, t,
                                 divisibility);
  tm_irp_bind(p, name, v, 1);
}

static void parse_func_results(tm_ir_parser *p, uint32_t func) {
  if (p->tok.kind != TM_TOK_ARROW) return;
  tm_irp_next(p);
  bool parens = tm_irp_take(p, '(');
  if (parens && tm_irp_take(p, ')')) return;
  do {
    tm_type t = tm_irp_type(p);
    if (p->failed) return;
    tm_push(p->ir->arena, &p->ir->funcs.data[func].results, t);
  } while (parens && tm_irp_take(p, ','));
  if (parens) tm_irp_expect(p, ')');
}

/* "attributes {noinline = false, tm.may_overlap}": what we act on. */
static void parse_func_attrs(tm_ir_parser *p, uint32_t func) {
  if (!tm_irp_take_word(p, "attributes")) return;
  tm_irp_expect(p, '{');
  while (!p->failed && !tm_irp_is(p, '}')) {
    if (tm_irp_take_word(p, "noinline")) {
      if (tm_irp_take(p, '='))
        p->ir->funcs.data[func].noinline = tm_irp_is_word(p, "true");
      else
        p->ir->funcs.data[func].noinline = true;
    } else if (tm_irp_take_word(p, "tm.may_overlap")) {
      p->ir->funcs.data[func].may_overlap = true;
    }
    skip_value(p);
    if (!tm_irp_take(p, ',')) break;
  }
  tm_irp_expect(p, '}');
}

static void parse_func(tm_ir_parser *p) {
  tm_loc loc = p->tok.loc;
  tm_irp_expect_word(p, "tt.func");
  bool is_public = !tm_irp_take_word(p, "private");
  tm_irp_take_word(p, "public");
  if (p->tok.kind != TM_TOK_SYMBOL)
    tm_irp_fail(p, p->tok.loc, "expected a function's name here");
  const char *name = tm_irp_string(p);
  if (p->failed) return;
  for (uint32_t f = 0; f < p->ir->funcs.len; f++)
    if (strcmp(p->ir->funcs.data[f].name, name) == 0)
      tm_irp_fail(p, loc, "there is a function @%s already", name);
  uint32_t func = p->func = tm_ir_add_func(p->ir, name, is_public);
  p->ir->funcs.data[func].loc = loc;
  uint32_t mark = tm_irp_scope_mark(p);
  tm_irp_expect(p, '(');
  if (!tm_irp_take(p, ')')) {
    do parse_param(p, func);
    while (tm_irp_take(p, ','));
    tm_irp_expect(p, ')');
  }
  parse_func_results(p, func);
  parse_func_attrs(p, func);
  tm_irp_expect(p, '{');
  tm_irp_body(p, p->ir->funcs.data[func].body, TM_OP_NONE);
  tm_irp_skip_loc(p);
  tm_irp_scope_end(p, mark);
}

static void parse_module(tm_ir_parser *p) {
  skip_aliases(p);
  bool wrapped = tm_irp_take_word(p, "module");
  if (wrapped) {
    if (p->tok.kind == TM_TOK_SYMBOL) tm_irp_next(p);
    if (tm_irp_take_word(p, "attributes")) {
      tm_irp_expect(p, '{');
      while (!p->failed && !tm_irp_is(p, '}')) {
        skip_value(p);
        if (!tm_irp_take(p, ',')) break;
      }
      tm_irp_expect(p, '}');
    }
    tm_irp_expect(p, '{');
  }
  while (!p->failed && p->tok.kind == TM_TOK_WORD) {
    parse_func(p);
    skip_aliases(p);
  }
  if (wrapped) {
    tm_irp_expect(p, '}');
    tm_irp_skip_loc(p);
    skip_aliases(p);
  }
  if (p->tok.kind != TM_TOK_END)
    tm_irp_fail(p, p->tok.loc, "expected the end of the module here");
}

tm_ir *tm_ir_parse(tm_arena *arena, tm_diags *diags, uint32_t file) {
  tm_str text = diags->sources.data[file - 1].text;
  tm_ir_parser p = {.ir = tm_ir_create(arena), .diags = diags, .file = file,
                    .at = text.ptr, .end = text.ptr + text.len,
                    .line_start = text.ptr, .line = 1,
                    .scope = tm_map_in(arena), .ops = tm_map_in(arena)};
  for (int op = 1; op < TM_OPS; op++)
    tm_map_put(&p.ops,
               TM_KEY(tm_intern_cstr(&p.ir->names, tm_op_infos[op].name)),
               (uint64_t)op);
  tm_irp_next(&p);
  parse_module(&p);
  if (p.failed) return NULL;
  if (!tm_ir_verify_as(p.ir, diags, NULL, TM_DIAG_SEMANTIC)) return NULL;
  return p.ir;
}
