/* SPDX-License-Identifier: MIT */
/*
 * emitter_custom.c - operations of the host's own, written in MSL.
 *
 * tl.custom's tt.extern_elementwise carries the text of the function. It goes
 * into the source once, before the kernel, and is called for every element.
 * Where the kernel works on vectors, an overload for them calls it for each
 * component:
 *
 *     METAL_FUNC float square(float x) { return x * x; }      // the host's
 *
 *     METAL_FUNC float4 square(float4 a) {
 *       return float4(square(a.x), square(a.y), square(a.z), square(a.w));
 *     }
 *
 * All words of the text are taken before any name is given, so that nothing
 * of the kernel hides them.
 */
#include "emitter.h"

static const char *text_attr(const tm_ir *ir, tm_inst inst,
                             tm_attr_key kind) {
  const tm_attr *attr = tm_inst_attr(ir, inst, kind);
  return attr && attr->text ? attr->text : "";
}

bool msl_is_custom(const tm_ir *ir, tm_inst inst) {
  return tm_get(ir, inst)->op == TM_EXTERN &&
         strcmp(text_attr(ir, inst, TM_ATTR_LIBNAME), "custom") == 0;
}

void msl_claim_custom_names(emitter *e) {
  for (tm_inst inst = 1; inst < e->ir->insts.len; inst++) {
    if (!msl_is_custom(e->ir, inst)) continue;
    for (const char *at = text_attr(e->ir, inst, TM_ATTR_LIBPATH); *at;) {
      size_t n = 0;
      while (tm_is_word_char(at[n])) n++;
      if (n) msl_name_claim(e, tm_strndup(e->arena, at, n));
      at += n ? n : 1;
    }
  }
}

/* True the first time that key is asked about. */
static bool first_time(emitter *e, const char *key) {
  for (uint32_t i = 0; i < e->customs.len; i++)
    if (strcmp(e->customs.data[i], key) == 0) return false;
  tm_push(e->arena, &e->customs, key);
  return true;
}

static void print_vector_form(emitter *e, tm_inst inst, const char *name,
                              uint32_t lanes) {
  static const char components[] = "xyzw";
  const tm_inst_data *d = tm_get(e->ir, inst);
  const char *result =
      msl_type(e, msl_scalar_of(tm_type_of(e->ir, d->results)), lanes);
  tm_buf_printf(&e->combines, "METAL_FUNC %s %s(", result, name);
  for (uint32_t i = 0; i < d->n_operands; i++)
    tm_buf_printf(&e->combines, "%s%s %c", i ? ", " : "",
                  msl_type(e, msl_scalar_of(tm_type_of(e->ir, d->operands[i])),
                           lanes),
                  (char)('a' + i));
  tm_buf_printf(&e->combines, ") {\n  return %s(", result);
  for (uint32_t c = 0; c < lanes; c++) {
    tm_buf_printf(&e->combines, "%s%s(", c ? ", " : "", name);
    for (uint32_t i = 0; i < d->n_operands; i++)
      tm_buf_printf(&e->combines, "%s%c.%c", i ? ", " : "", (char)('a' + i),
                    components[c]);
    tm_buf_puts(&e->combines, ")");
  }
  tm_buf_puts(&e->combines, ");\n}\n\n");
}

msl_expr msl_custom(emitter *e, tm_inst inst, const msl_expr *operands) {
  const tm_inst_data *d = tm_get(e->ir, inst);
  const char *name = text_attr(e->ir, inst, TM_ATTR_SYMBOL);
  tm_scalar to = msl_scalar_of(tm_type_of(e->ir, d->results));
  uint32_t lanes = 1;
  for (uint32_t i = 0; i < d->n_operands; i++)
    if (operands[i].lanes > lanes) lanes = operands[i].lanes;
  if (first_time(e, name))
    tm_buf_printf(&e->combines, "%s\n\n",
                  text_attr(e->ir, inst, TM_ATTR_LIBPATH));
  if (lanes > 1 && first_time(e, msl_text(e, "%s/%u", name, lanes)))
    print_vector_form(e, inst, name, lanes);
  tm_buf call = tm_buf_in(e->arena);
  tm_buf_printf(&call, "%s(%s(", msl_type(e, to, lanes), name);
  for (uint32_t i = 0; i < d->n_operands; i++) {
    tm_scalar from = msl_scalar_of(tm_type_of(e->ir, d->operands[i]));
    tm_buf_printf(&call, "%s%s(%s)", i ? ", " : "", msl_type(e, from, lanes),
                  operands[i].text);
  }
  tm_buf_puts(&call, "))");
  return msl_primary(tm_buf_text(&call), lanes);
}
