/* SPDX-License-Identifier: MIT */
/* profile_spec.c - a kernel's specialization in the words of a signature, with
 * the names of its parameters. */
#include "profile.h"

#include <inttypes.h>

static void write_const(tm_buf *out, const tm_const *value) {
  switch (value->kind) {
    case TM_CONST_NONE: tm_buf_puts(out, "none"); break;
    case TM_CONST_BOOL: tm_buf_puts(out, value->i ? "true" : "false"); break;
    case TM_CONST_INT: tm_buf_printf(out, "%" PRId64, value->i); break;
    case TM_CONST_FLOAT: tm_buf_double(out, value->f, false); break;
    case TM_CONST_TEXT: tm_buf_printf(out, "'%s'", value->text); break;
    case TM_CONST_DTYPE: tm_buf_puts(out, value->text); break;
    case TM_CONST_FUNCTION: tm_buf_printf(out, "@%s", value->text); break;
    case TM_CONST_TUPLE:
      tm_buf_puts(out, "(");
      for (int64_t i = 0; i < value->i; i++) {
        if (i) tm_buf_puts(out, ", ");
        if (value->names) tm_buf_printf(out, "%s=", value->names[i]);
        write_const(out, &value->items[i]);
      }
      tm_buf_puts(out, ")");
      break;
  }
}

static void write_descriptor(tm_buf *out, const tm_spec_arg *arg) {
  tm_buf_printf(out, "tensordesc<%s[", arg->type);
  for (uint32_t k = 0; k < arg->desc.rank; k++)
    tm_buf_printf(out, "%s%" PRId64, k ? "," : "", arg->desc.block[k]);
  tm_buf_printf(out, "]>%s%s", arg->desc.pads_nan ? ":nan" : "",
                arg->desc.rounds_tf32 ? ":tf32" : "");
}

static void write_arg(tm_buf *out, const tm_spec_arg *arg) {
  switch (arg->kind) {
    case TM_SPEC_DEFAULT: tm_buf_puts(out, "default"); break;
    case TM_SPEC_POINTER:
    case TM_SPEC_SCALAR:
      tm_buf_printf(out, "%s%s%s", arg->kind == TM_SPEC_POINTER ? "*" : "",
                    arg->type, arg->divisibility == 16 ? ":16" : "");
      break;
    case TM_SPEC_CONST: write_const(out, &arg->value); break;
    case TM_SPEC_DESCRIPTOR: write_descriptor(out, arg); break;
    case TM_SPEC_TUPLE:
      tm_buf_puts(out, "(");
      for (uint32_t i = 0; i < arg->n_items; i++) {
        if (i) tm_buf_puts(out, ", ");
        if (arg->names) tm_buf_printf(out, "%s=", arg->names[i]);
        write_arg(out, &arg->items[i]);
      }
      tm_buf_puts(out, ")");
      break;
  }
}

void tmi_write_specialization(const tm_kernel *kernel, tm_buf *out) {
  const tm_function_def *def =
      tm_module_kernel(kernel->module, kernel->facts.name);
  const tm_spec *spec = &kernel->spec;
  for (uint32_t i = 0; i < spec->n_args; i++) {
    if (def && i < def->params.len)
      tm_buf_printf(out, "%s=", def->params.data[i].name);
    write_arg(out, &spec->args[i]);
    tm_buf_puts(out, ", ");
  }
  tm_buf_printf(out, "num_warps=%u, num_stages=%u%s%s",
                (unsigned)kernel->facts.num_warps,
                (unsigned)kernel->facts.num_stages,
                spec->debug ? ", debug" : "",
                spec->may_overlap ? ", buffers may overlap" : "");
}
