/* SPDX-License-Identifier: MIT */
/*
 * inline_asm.c - tl.inline_asm_elementwise: the few PTX instructions that
 * kernels name for speed and that stand for a function of one float.
 *
 *     tl.inline_asm_elementwise("tanh.approx.f32 $0, $1;", "=f,f", [x],
 *                               dtype=tl.float32, is_pure=True, pack=1)
 *
 * "approx" promises less than the functions here give, so that these answers
 * are at least as good. Anything else is refused with the instruction's name:
 * PTX ISA's own semantics are no business of this compiler.
 */
#include "value.h"

#include <ctype.h>

/* The function of libdevice for an instruction without its modifiers. */
static const struct { const char *instruction, *function; } table[] = {
  {"tanh.approx", "tanh"}, {"ex2.approx", "exp2"}, {"lg2.approx", "log2"},
  {"sin.approx", "sin"},   {"cos.approx", "cos"},  {"rcp.approx", "rcp_rn"},
  {"rcp.rn", "rcp_rn"},    {"rsqrt.approx", "rsqrt"},
  {"sqrt.approx", "sqrt"}, {"sqrt.rn", "sqrt_rn"}, {"abs", "abs"},
};

/* The text without comments, braces and runs of space. */
static const char *plain(tm_low *l, const char *text) {
  tm_buf out = tm_buf_in(l->arena);
  for (const char *p = text; *p; p++) {
    if (p[0] == '/' && p[1] == '/') {
      while (*p && *p != '\n') p++;
      if (!*p) break;
    }
    bool space = isspace((unsigned char)*p) || *p == '{' || *p == '}';
    if (!space) tm_buf_add(&out, p, 1);
    else if (out.len && out.data[out.len - 1] != ' ') tm_buf_puts(&out, " ");
  }
  while (out.len && (out.data[out.len - 1] == ' ' ||
                     out.data[out.len - 1] == ';'))
    out.len--;
  return tm_strndup(l->arena, tm_buf_text(&out), out.len);
}

/* "ex2.approx.ftz.f32" is "ex2.approx" of f32. */
static const char *function_of(tm_low *l, const char *name) {
  size_t n = strlen(name);
  if (n < 5 || strcmp(name + n - 4, ".f32") != 0) return NULL;
  n -= 4;
  if (n > 4 && strncmp(name + n - 4, ".ftz", 4) == 0) n -= 4;
  const char *stem = tm_strndup(l->arena, name, n);
  for (size_t i = 0; i < TM_COUNT(table); i++)
    if (strcmp(table[i].instruction, stem) == 0) return table[i].function;
  return NULL;
}

static tm_lv refused(tm_low *l, const char *instruction) {
  return tm_low_unsupported(
      l, "write it with tl functions; most uses are fast exp2, conversions or "
         "packing, which tl.exp2, .to() and tl.join express",
      "tl.inline_asm_elementwise: PTX assembly cannot run on Apple GPUs, and "
      "`%s` is none of the instructions that stand for a function of one "
      "float",
      instruction);
}

tm_lv tm_fn_inline_asm(tm_low *l, const tm_builtin_call *c) {
  const char *text, *constraints;
  if (!tm_want_text(l, c->args[0], "asm", &text) ||
      !tm_want_text(l, c->args[1], "constraints", &constraints))
    return TM_POISONED;
  text = plain(l, text ? text : "");
  size_t n = strcspn(text, " ");
  const char *name = tm_strndup(l->arena, text, n);
  const char *function = function_of(l, name);
  const char *operands = plain(l, text + n);
  while (*operands == ' ') operands++;
  bool fits = function && (strcmp(operands, "$0, $1") == 0 ||
                           strcmp(operands, "$0,$1") == 0);
  tm_lv args = c->args[2];
  if (args->kind == TM_LV_TUPLE && args->n_items == 1) args = args->items[0];
  fits = fits && tm_lv_is_run(args) && tm_lt_dtype(args->type) == TM_DT_F32;
  if (!fits || !constraints) return refused(l, *name ? name : "(nothing)");
  const char *shape = plain(l, constraints);
  if (strcmp(shape, "=f,f") != 0 && strcmp(shape, "=f, f") != 0)
    return refused(l, name);
  tm_ltype type = tm_want_type(l, c->args[3], "dtype");
  if (!type) return TM_POISONED;
  if (tm_lt_dtype(type) != TM_DT_F32) return refused(l, name);
  const tm_builtin *row = tm_builtin_find(TM_IN_DEVICE, function);
  tm_args one = {&args, 1, NULL, 0};
  return tm_builtin_call_row(l, row, NULL, &one);
}
