/* SPDX-License-Identifier: MIT */
/*
 * emitter_expr.c - values to expressions, and the arrays that hold tiles.
 *
 * msl_eval gives the text of a value at a point. What was computed already in
 * an open scope is named by its variable; arrays are indexed; everything else
 * is built from its operands, and becomes a variable of its own when it has a
 * name in the source, is used again, or grows long. The statements that this
 * takes go out before the statement that asked.
 *
 * At a vector point the value of two or four registers is one MSL vector. A
 * value that is the same in all of them stays a scalar: MSL's operators widen
 * scalars themselves, msl_widen does it where they would not.
 */
#include "emitter.h"

enum { LONG_TEXT = 64 }; /* longer expressions get a variable */

msl_expr msl_primary(const char *text, uint32_t lanes) {
  return (msl_expr){text, MSL_PRIMARY, lanes};
}

const char *msl_paren(emitter *e, msl_expr x, msl_prec prec) {
  return x.prec <= prec ? x.text : msl_text(e, "(%s)", x.text);
}

msl_expr msl_widen(emitter *e, msl_expr x, tm_scalar scalar, uint32_t lanes) {
  if (x.lanes == lanes || lanes == 1) return x;
  return msl_primary(
      msl_text(e, "%s(%s)", msl_type(e, scalar, lanes), x.text), lanes);
}

/* ---- arrays ----------------------------------------------------------- */

/* Splits a point over v's registers into entry and component. */
static msl_expr part_of_register(emitter *e, const msl_point *point,
                                 uint32_t shift, uint32_t mask) {
  msl_sum sum = {.n = 0};
  for (int v = 0; v < MSL_POINT_VARS; v++) {
    const msl_var *var = &point->var[v];
    uint32_t image[TM_MAX_REG_BITS];
    for (uint32_t i = 0; i < var->n; i++)
      image[i] = var->col[i] >> shift & mask;
    msl_sum_add(&sum, msl_linear(e, var->name, var->n, image));
  }
  unsigned base = point->base >> shift & mask;
  msl_sum_add(&sum, msl_primary(msl_text(e, "%u", base), 1));
  return msl_sum_text(e, &sum);
}

static const char *entry_text(emitter *e, tm_value v, const msl_point *point) {
  const msl_value *value = &e->values[e->values[v].storage];
  uint32_t n_reg = msl_reg_bits(e, v);
  if (n_reg == value->width) return value->name;
  msl_expr index = part_of_register(e, point, value->width, UINT32_MAX);
  return msl_text(e, "%s[%s]", value->name, index.text);
}

/* One register of v: the point is scalar. */
static msl_expr read_register(emitter *e, tm_value v, const msl_point *point) {
  const msl_value *value = &e->values[e->values[v].storage];
  const char *entry = entry_text(e, v, point);
  if (value->width == 0) return msl_primary(entry, 1);
  uint32_t mask = (1u << value->width) - 1;
  msl_expr part = part_of_register(e, point, 0, mask);
  if (value->place == MSL_IN_FRAGMENTS)
    return msl_primary(
        msl_text(e, "%s.thread_elements()[%s]", entry, part.text), 1);
  if (part.text[1] == 0 && part.text[0] >= '0' && part.text[0] < '4')
    return msl_primary(
        msl_text(e, "%s.%c", entry, "xyzw"[part.text[0] - '0']), 1);
  return msl_primary(msl_text(e, "%s[%s]", entry, part.text), 1);
}

/* True when the components at point are one whole entry of v's array. */
static bool is_whole_entry(const msl_value *value, const msl_point *point) {
  uint32_t low = (1u << value->width) - 1, touched = point->base;
  if (value->place == MSL_IN_FRAGMENTS || value->width != point->n_comp)
    return false;
  for (uint32_t i = 0; i < point->n_comp; i++)
    if (point->comp[i] != 1u << i) return false;
  for (int v = 0; v < MSL_POINT_VARS; v++)
    for (uint32_t i = 0; i < point->var[v].n; i++)
      touched |= point->var[v].col[i];
  return (touched & low) == 0;
}

static msl_expr read_array(emitter *e, tm_value v, const msl_point *point) {
  const msl_value *value = &e->values[e->values[v].storage];
  if (point->n_comp == 0) return read_register(e, v, point);
  uint32_t lanes = 1u << point->n_comp;
  if (is_whole_entry(value, point))
    return msl_primary(entry_text(e, v, point), lanes);
  tm_buf buf = tm_buf_in(e->arena);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  tm_buf_printf(&buf, "%s(", msl_type(e, scalar, lanes));
  for (uint32_t j = 0; j < lanes; j++) {
    msl_point one = msl_point_component(point, j);
    tm_buf_printf(&buf, "%s%s", j ? ", " : "",
                  read_register(e, v, &one).text);
  }
  tm_buf_puts(&buf, ")");
  return msl_primary(tm_buf_text(&buf), lanes);
}

const char *msl_array_entry(emitter *e, tm_value v, const msl_point *point) {
  return point->n_comp == 0 && !e->values[v].packed
             ? read_register(e, v, point).text : entry_text(e, v, point);
}

void msl_declare_array(emitter *e, tm_value v) {
  const msl_value *value = &e->values[v];
  uint32_t entries = 1u << (msl_reg_bits(e, v) - value->width);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  const char *type =
      value->packed ? "uint4"
      : value->place == MSL_IN_FRAGMENTS
          ? msl_text(e, "simdgroup_%s8x8", msl_type(e, scalar, 1))
          : msl_type(e, scalar, 1u << value->width);
  if (entries > 1)
    msl_line(e, "%s %s[%u];", type, value->name, (unsigned)entries);
  else
    msl_line(e, "%s %s;", type, value->name);
}

/* Fragments from a splat are filled as matrices. */
static bool fill_fragments(emitter *e, tm_value dst, const char *name,
                           tm_value src) {
  const msl_value *value = &e->values[e->values[dst].storage];
  tm_inst def = tm_val(e->ir, src)->def;
  if (value->place != MSL_IN_FRAGMENTS || !def) return false;
  tm_op op = tm_get(e->ir, def)->op;
  if (op != TM_CONSTANT && op != TM_SPLAT) return false;
  uint32_t n = 1u << (msl_reg_bits(e, dst) - 1);
  msl_point any = msl_point_register(0);
  msl_expr fill = msl_eval(e, src, &any);
  const char *type =
      msl_type(e, msl_scalar_of(tm_type_of(e->ir, dst)), 1);
  const char *var = msl_loop(e, "f", n);
  const char *entry = var ? msl_text(e, "%s[%s]", name, var) : name;
  msl_line(e, "%s = make_filled_simdgroup_matrix<%s, 8, 8>(%s);", entry, type,
           fill.text);
  if (var) msl_close(e);
  return true;
}

static void copy_packed(emitter *e, tm_value dst, const char *name,
                        tm_value src) {
  const msl_value *value = &e->values[dst];
  const char *var = msl_loop(e, "c", 1u << (msl_reg_bits(e, dst) -
                                            value->width));
  msl_line(e, "%s[%s] = %s[%s];", name, var, e->values[src].name, var);
  msl_close(e);
}

void msl_copy_as(emitter *e, tm_value dst, const char *name, tm_value src) {
  msl_value *value = &e->values[e->values[dst].storage];
  if (value->packed) {
    copy_packed(e, dst, name, src);
    return;
  }
  if (fill_fragments(e, dst, name, src)) return;
  uint32_t n_reg = msl_reg_bits(e, dst);
  bool whole = value->place == MSL_IN_ARRAY;
  uint32_t width = whole ? value->width : 0;
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, dst));
  const char *var =
      msl_loop(e, width ? "c" : "r", 1u << (n_reg - width));
  msl_point point = msl_point_all(var, n_reg, width);
  msl_expr x = msl_widen(e, msl_eval(e, src, &point), scalar, 1u << width);
  const char *own = value->name; /* under which src may read it */
  value->name = name;
  const char *entry = msl_array_entry(e, dst, &point);
  value->name = own;
  msl_line(e, "%s = %s;", entry, x.text);
  if (var) msl_close(e);
}

void msl_copy(emitter *e, tm_value dst, tm_value src) {
  if (e->values[src].place >= MSL_IN_ARRAY &&
      e->values[src].storage == e->values[dst].storage)
    return;
  msl_copy_as(e, dst, e->values[e->values[dst].storage].name, src);
}

/* ---- values ----------------------------------------------------------- */

/* What v is at point, if that was computed in an open scope: as a whole, or
 * as one component of a vector. */
static bool find_local(emitter *e, tm_value v, const msl_point *point,
                       msl_expr *out) {
  for (uint32_t i = e->values[v].local; i; i = e->locals.data[i - 1].older) {
    const msl_local *local = &e->locals.data[i - 1];
    if (msl_point_equal(&local->point, point)) {
      *out = local->expr;
      return true;
    }
    for (uint32_t j = 0; point->n_comp == 0 && j < local->expr.lanes; j++) {
      msl_point one = msl_point_component(&local->point, j);
      if (!msl_point_equal(&one, point)) continue;
      *out = local->expr;
      if (out->lanes > 1)
        *out = msl_primary(
            msl_text(e, "%s.%c", local->expr.text, "xyzw"[j]), 1);
      return true;
    }
  }
  return false;
}

void msl_remember(emitter *e, tm_value v, const msl_point *point,
                  msl_expr expr) {
  msl_local local = {v, *point, expr, e->values[v].local};
  tm_push(e->arena, &e->locals, local);
  e->values[v].local = e->locals.len;
}

static bool is_literal(const char *text) {
  for (const char *p = text; *p; p++)
    if (*p == ' ' || *p == '(' || *p == '[') return false;
  return true;
}

/* A product, or the negative of one: Metal's compiler may join it with a sum in
 * the same expression, and round once. So whether it is a variable must not
 * depend on how long names are: a fused kernel has others. */
static bool is_product(const emitter *e, tm_value v) {
  tm_inst def = tm_val(e->ir, v)->def;
  tm_op op = def ? tm_get(e->ir, def)->op : TM_OP_NONE;
  return op == TM_MULF || op == TM_NEGF;
}

/* Upstream's compiler contracts a * b + c over statements, Metal's within an
 * expression (MSL 1.6.3): a product that has a name in the source stands in
 * the sum all the same, if that is all that it is for. */
bool msl_joins_a_sum(const emitter *e, tm_value v) {
  return e->values[v].uses <= 1 && e->values[v].is_added &&
         is_product(e, v) && !tm_val(e->ir, v)->is_apart;
}

/* Gives x a variable if that reads better or saves work. */
static msl_expr maybe_declare(emitter *e, tm_value v, const msl_point *point,
                              msl_expr x) {
  const msl_value *value = &e->values[v];
  tm_type type = tm_type_element(tm_type_of(e->ir, v));
  bool named = tm_val(e->ir, v)->name != NULL;
  if (type->kind == TM_TYPE_POINTER) return x;
  if (msl_joins_a_sum(e, v)) return x;
  if (value->uses <= 1 && !named &&
      (strlen(x.text) <= LONG_TEXT || is_product(e, v)))
    return x;
  if (is_literal(x.text)) return x;
  tm_scalar scalar = msl_scalar_of(type);
  const char *name = msl_name_of(e, v, "t");
  msl_line(e, "const %s %s = %s;", msl_type(e, scalar, x.lanes), name,
           x.text);
  msl_remember(e, v, point, msl_primary(name, x.lanes));
  return msl_primary(name, x.lanes);
}

/* join: the last coordinate, a register bit, says which operand. */
static msl_expr eval_choice(emitter *e, tm_inst inst, tm_value v,
                            const msl_point *point, uint32_t element_bit) {
  const tm_layout *layout = msl_layout(e, v);
  uint32_t bit = 0;
  while (bit < layout->n_reg && layout->reg[bit] != element_bit) bit++;
  if (bit == layout->n_reg) {
    msl_broken(e, inst, "the joined dimension is not in registers");
    return msl_primary("0", 1);
  }
  msl_map drop = {.n = layout->n_reg};
  for (uint32_t i = 0; i < layout->n_reg; i++)
    drop.col[i] = i == bit ? 0 : 1u << (i < bit ? i : i - 1);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  if (point->n_comp > 0) {
    uint32_t lanes = 1u << point->n_comp;
    tm_buf buf = tm_buf_in(e->arena);
    tm_buf_printf(&buf, "%s(", msl_type(e, scalar, lanes));
    for (uint32_t j = 0; j < lanes; j++) {
      msl_point one = msl_point_component(point, j);
      msl_expr x = eval_choice(e, inst, v, &one, element_bit);
      tm_buf_printf(&buf, "%s%s", j ? ", " : "", x.text);
    }
    tm_buf_puts(&buf, ")");
    return msl_primary(tm_buf_text(&buf), lanes);
  }
  msl_point inner = msl_point_compose(point, &drop);
  const tm_value *operands = tm_get(e->ir, inst)->operands;
  const char *which = NULL;
  for (int w = 0; w < MSL_POINT_VARS; w++)
    for (uint32_t i = 0; i < point->var[w].n; i++)
      if (point->var[w].col[i] >> bit & 1)
        which = msl_text(e, "(%s & %u) != 0", point->var[w].name, 1u << i);
  bool second = point->base >> bit & 1;
  if (!which) return msl_eval(e, operands[second], &inner);
  msl_expr a = msl_eval(e, operands[!second], &inner);
  msl_expr b = msl_eval(e, operands[second], &inner);
  return (msl_expr){msl_text(e, "%s ? %s : %s", which,
                             msl_paren(e, a, MSL_LOGOR),
                             msl_paren(e, b, MSL_LOGOR)),
                    MSL_TERNARY, 1};
}

/* The addresses of a tile of pointers, or of one, as numbers. */
static msl_expr addresses(emitter *e, tm_inst inst, const msl_point *point) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  uint32_t lanes = 1u << point->n_comp;
  tm_buf buf = tm_buf_in(e->arena);
  if (lanes > 1) tm_buf_printf(&buf, "long%u(", (unsigned)lanes);
  for (uint32_t j = 0; j < lanes; j++) {
    msl_point one = msl_point_component(point, j);
    const char *place = msl_place_text(e, inst, d->operands[0], &one);
    tm_buf_printf(&buf, "%slong((ulong)%s)", j ? ", " : "",
                  place ? place : "0");
  }
  if (lanes > 1) tm_buf_puts(&buf, ")");
  return msl_primary(tm_buf_text(&buf), lanes);
}

/* The value itself, not through a variable of its own. */
static msl_expr compute(emitter *e, tm_value v, const msl_point *point) {
  tm_inst inst = tm_val(e->ir, v)->def;
  const tm_inst_data *data = tm_get(e->ir, inst);
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  switch (data->op) {
    case TM_CONSTANT:
      return msl_literal(e, scalar, tm_inst_attr(e->ir, inst, TM_ATTR_VALUE));
    case TM_POISON:
      return msl_zero(e, scalar);
    case TM_SPLAT:
      return msl_eval_scalar(e, data->operands[0]);
    case TM_MAKE_RANGE: {
      const tm_layout *layout = msl_layout(e, v);
      int64_t start = tm_inst_int(e->ir, inst, TM_ATTR_START, 0);
      return msl_coordinate(e, layout, point, 0, layout->dim_bits[0], start);
    }
    case TM_JOIN:
      return eval_choice(e, inst, v, point, 1);
    case TM_CAT: {
      const tm_layout *layout = msl_layout(e, v);
      uint32_t bits = 0;
      for (uint32_t d = 0; d < layout->rank; d++) bits += layout->dim_bits[d];
      return eval_choice(e, inst, v, point, 1u << (bits - 1));
    }
    case TM_PTR_TO_INT: return addresses(e, inst, point);
    case TM_GET_PROGRAM_ID:
      e->uses_program = true;
      return msl_primary(
          msl_text(e, "int(program_id.%c)",
                   "xyz"[tm_inst_int(e->ir, inst, TM_ATTR_AXIS, 0) % 3]), 1);
    case TM_GET_NUM_PROGRAMS:
      e->uses_programs = true;
      return msl_primary(
          msl_text(e, "int(num_programs.%c)",
                   "xyz"[tm_inst_int(e->ir, inst, TM_ATTR_AXIS, 0) % 3]), 1);
    default: {
      msl_expr operands[8];
      if (data->n_operands > TM_COUNT(operands)) {
        msl_refuse(e, inst, "%s with more than 8 operands",
                   tm_op_infos[data->op].name);
        return msl_primary("0", 1);
      }
      for (uint32_t i = 0; i < data->n_operands; i++)
        operands[i] = msl_eval(e, data->operands[i], point);
      return msl_elementwise(e, inst, operands);
    }
  }
}

msl_expr msl_compute(emitter *e, tm_value v, const msl_point *point) {
  return compute(e, v, point);
}

/* Is v, a mask, the same in all components at point? */
static bool is_uniform(const emitter *e, tm_value v, const msl_point *point) {
  uint32_t low = (1u << point->n_comp) - 1, touched = point->base;
  if (e->layouts->same[v] <= low) return false;
  for (uint32_t i = 0; i < point->n_comp; i++)
    if (point->comp[i] & ~low) return false;
  for (int k = 0; k < MSL_POINT_VARS; k++)
    for (uint32_t i = 0; i < point->var[k].n; i++)
      touched |= point->var[k].col[i];
  return (touched & low) == 0;
}

msl_expr msl_eval(emitter *e, tm_value v, const msl_point *point) {
  if (e->failed) return msl_primary("0", 1);
  if (!tm_type_is_tensor(tm_type_of(e->ir, v))) return msl_eval_scalar(e, v);
  msl_point p = *point;
  v = msl_look_through(e, v, &p);
  uint32_t varies = 0;
  for (uint32_t i = 0; i < p.n_comp; i++) varies |= p.comp[i];
  if (!varies || is_uniform(e, v, &p)) p.n_comp = 0;
  msl_expr found;
  if (find_local(e, v, &p, &found)) return found;
  const msl_value *value = &e->values[v];
  if (value->place >= MSL_IN_ARRAY) {
    msl_expr x = read_array(e, v, &p);
    bool gathered = p.n_comp > 0 && x.text[strlen(x.text) - 1] == ')';
    if (!gathered || value->uses <= 1) return x;
    const char *name = msl_name_of(e, v, "t");
    msl_line(e, "const %s %s = %s;",
             msl_type(e, msl_scalar_of(tm_type_of(e->ir, v)), x.lanes), name,
             x.text);
    msl_remember(e, v, &p, msl_primary(name, x.lanes));
    return msl_primary(name, x.lanes);
  }
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def) {
    msl_broken(e, 0, "a tile argument has no storage");
    return msl_primary("0", 1);
  }
  tm_op op = tm_get(e->ir, def)->op;
  msl_expr x = compute(e, v, &p);
  if (op == TM_SPLAT || op == TM_CONSTANT || op == TM_POISON) return x;
  if (op == TM_MAKE_RANGE && value->uses <= 1) return x;
  return maybe_declare(e, v, &p, x);
}

msl_expr msl_eval_scalar(emitter *e, tm_value v) {
  if (e->failed) return msl_primary("0", 1);
  const msl_value *value = &e->values[v];
  if (value->place == MSL_IN_VARIABLE && value->name)
    return msl_primary(value->name, 1);
  tm_inst def = tm_val(e->ir, v)->def;
  if (!def) {
    msl_broken(e, 0, "a scalar argument has no variable");
    return msl_primary("0", 1);
  }
  msl_point point = msl_point_register(0);
  return compute(e, v, &point);
}
