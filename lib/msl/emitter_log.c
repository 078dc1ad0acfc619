/* SPDX-License-Identifier: MIT */
/*
 * emitter_log.c - tt.print and tt.assert: records in a buffer that the host
 * reads when the launch has ended.
 *
 * The buffer is one more argument of the kernel, after the constant struct:
 *
 *     word 0   records asked for, counted up by everyone who has one
 *     word 1   records that there is room for
 *     word 4   records of MSL_LOG_WORDS words each:
 *              site, program x, y, z, element, bits of the value (2), 0
 *
 * A thread that finds the room used up writes nothing; word 0 tells the host
 * how many are missing. A site is an operand of a print or an assertion;
 * tm_msl.sites says what its records mean. Words are written by relaxed
 * atomics: each belongs to one thread, and is read after the launch only.
 */
#include "emitter.h"

bool msl_is_logged(tm_op op) { return op == TM_PRINT || op == TM_ASSERT; }

static const char helper[] =
    "// A record of the log, if there is room: see the host's side.\n"
    "METAL_FUNC void log_value(device atomic_uint *room, uint site,\n"
    "    uint3 program, uint element, uint2 bits) {\n"
    "  // The count stays where it is long before it could wrap around.\n"
    "  if (atomic_load_explicit(room, memory_order_relaxed) < 2147483648u) {\n"
    "    const uint at =\n"
    "        atomic_fetch_add_explicit(room, 1u, memory_order_relaxed);\n"
    "    if (at < atomic_load_explicit(room + 1, memory_order_relaxed)) {\n"
    "      device atomic_uint *r = room + 4 + at * 8;\n"
    "      atomic_store_explicit(r, site, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 1, program.x, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 2, program.y, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 3, program.z, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 4, element, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 5, bits.x, memory_order_relaxed);\n"
    "      atomic_store_explicit(r + 6, bits.y, memory_order_relaxed);\n"
    "    }\n"
    "  }\n"
    "}\n\n";

void msl_print_log_helper(emitter *e, tm_buf *out) {
  if (e->uses_log) tm_buf_puts(out, helper);
}

/* ---- sites ------------------------------------------------------------ */

static const char *text_of(emitter *e, tm_inst inst, tm_attr_key key) {
  const tm_attr *attr = tm_inst_attr(e->ir, inst, key);
  return attr && attr->kind == TM_ATTR_TEXT && attr->text ? attr->text : "";
}

static uint32_t add_site(emitter *e, tm_inst inst, uint32_t operand) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_type type = d->n_operands ? tm_type_of(e->ir, d->operands[operand])
                               : NULL;
  const tm_attr *is_signed = tm_inst_attr(e->ir, inst, TM_ATTR_IS_SIGNED);
  tm_msl_site site = {
    .is_assert = d->op == TM_ASSERT,
    .text = text_of(e, inst, d->op == TM_ASSERT ? TM_ATTR_MESSAGE
                                                : TM_ATTR_PREFIX),
    .operand = operand,
    .n_operands = d->n_operands,
    .hex = tm_inst_int(e->ir, inst, TM_ATTR_HEX, 0) != 0,
    .scalar = type ? msl_scalar_of(type) : TM_VOID,
    .line = d->loc.line,
    .file = "",
  };
  if (is_signed && operand < is_signed->n_ints)
    site.is_signed = is_signed->ints[operand] != 0;
  if (d->loc.file && d->loc.file <= e->diags->sources.len)
    site.file = e->diags->sources.data[d->loc.file - 1].name;
  if (type && tm_type_is_tensor(type)) {
    site.rank = type->rank;
    for (uint32_t i = 0; i < type->rank; i++)
      site.shape[i] = (uint32_t)type->shape[i];
  }
  uint32_t id = e->sites.len;
  tm_push(e->arena, &e->sites, site);
  return id;
}

/* ---- records ---------------------------------------------------------- */

/* A value's bits as two words. */
static const char *bits_of(emitter *e, tm_scalar scalar, msl_expr x) {
  const char *text = x.text;
  switch (scalar) {
    case TM_I64: return msl_text(e, "as_type<uint2>(%s)", text);
    case TM_I1: return msl_text(e, "uint2(uint(%s), 0u)", text);
    case TM_I8: case TM_I16: case TM_I32: case TM_INDEX:
      return msl_text(e, "uint2(as_type<uint>(int(%s)), 0u)", text);
    default: /* floats, all as a float that holds the same value */
      return msl_text(e, "uint2(as_type<uint>(float(%s)), 0u)", text);
  }
}

static void put_record(emitter *e, uint32_t site, const char *element,
                       const char *bits) {
  e->uses_program = true;
  msl_line(e, "log_value(device_log, %uu, program_id, uint(%s), %s);",
           (unsigned)site, element, bits);
}

/* One operand, or the elements of an assertion that are false. */
static void log_operand(emitter *e, tm_inst inst, uint32_t operand,
                        uint32_t site) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  tm_value v = d->operands[operand];
  tm_scalar scalar = msl_scalar_of(tm_type_of(e->ir, v));
  const tm_layout *layout = msl_layout(e, v);
  uint32_t n_reg = msl_reg_bits(e, v), bits = 0;
  for (uint32_t i = 0; layout && i < layout->rank; i++)
    bits += layout->dim_bits[i];
  const char *guard = msl_one_copy(e, layout);
  if (guard) msl_open(e, "if (%s)", guard);
  const char *var = msl_loop(e, "r", 1u << n_reg);
  msl_point p = msl_point_all(var, n_reg, 0);
  msl_expr x = msl_eval(e, v, &p);
  const char *element =
      layout ? msl_coordinate(e, layout, &p, 0, bits, 0).text : "0";
  if (d->op == TM_ASSERT) {
    msl_open(e, "if (!%s)", msl_paren(e, x, MSL_UNARY));
    put_record(e, site, element, "uint2(0u)");
    msl_close(e);
  } else {
    put_record(e, site, element, bits_of(e, scalar, x));
  }
  if (var) msl_close(e);
  if (guard) msl_close(e);
}

void msl_log(emitter *e, tm_inst inst) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  msl_source(e, inst);
  for (uint32_t i = 0; i < d->n_operands && !e->failed; i++) {
    tm_type type = tm_type_element(tm_type_of(e->ir, d->operands[i]));
    if (type->kind == TM_TYPE_POINTER) {
      tm_diag *diag = msl_refuse(e, inst, "tl.device_print of a pointer");
      tm_diag_hint(e->diags, diag, "print the offsets that are added to it");
      return;
    }
    log_operand(e, inst, i, add_site(e, inst, i));
  }
  if (d->n_operands == 0) { /* text alone: once a program */
    uint32_t site = add_site(e, inst, 0);
    msl_open(e, "if (%s)", msl_one_copy(e, NULL));
    put_record(e, site, "0", "uint2(0u)");
    msl_close(e);
  }
}
