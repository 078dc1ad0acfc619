/* SPDX-License-Identifier: MIT */
/*
 * kernel_spec.c - what is known of a kernel's parameters at compile time.
 *
 * The public header has three ways to say it: Triton's signature text, an
 * array of tm_param_spec, and values by name. All become the compiler's
 * tm_spec; text is copied into the compile's arena.
 */
#include "context.h"

#include <string.h>

enum { MOST_PARAMS = 512 };

/* What is read from, and to. */
typedef struct reader {
  const tm_function_def *function;
  const tm_compile_options *options;
  tm_arena *arena;
  tm_diags *diags;
} reader;

/* ---- types and values --------------------------------------------------- */

const char *tmi_dtype_name(uint32_t dtype) {
  switch (dtype) {
#define CASE(name, number, text) \
  case number:                   \
    return number ? text : NULL;
    TM_DTYPE_MAP(CASE)
#undef CASE
    default:
      return NULL;
  }
}

uint32_t tmi_dtype_size(uint32_t dtype) {
  switch (dtype) {
    case TM_DTYPE_NONE: return 0;
    case TM_DTYPE_I16: case TM_DTYPE_U16:
    case TM_DTYPE_F16: case TM_DTYPE_BF16: return 2;
    case TM_DTYPE_I32: case TM_DTYPE_U32: case TM_DTYPE_F32: return 4;
    case TM_DTYPE_I64: case TM_DTYPE_U64: case TM_DTYPE_F64: return 8;
    default: return 1;
  }
}

uint32_t tmi_dtype_number(const char *type) {
#define TEST(name, number, text) \
  if (strcmp(type, text) == 0) return number;
  TM_DTYPE_MAP(TEST)
#undef TEST
  return TM_DTYPE_NONE;
}

static tm_status too_deep(const char *name, tm_error **error) {
  return tmi_fail(error, TM_E_ARGUMENT,
                  "%s: its tuples are nested too deeply, or have no items "
                  "(NULL), or too many", name);
}

/* Can the items of a tuple be looked at? */
static bool items_ok(const tm_arg *tuple, uint32_t depth) {
  return depth < TMI_MOST_DEPTH && tuple->offset <= MOST_PARAMS &&
         (tuple->u.items || !tuple->offset);
}

static tm_status read_const(tm_arena *arena, const char *name,
                            const tm_arg *arg, uint32_t depth, tm_const *out,
                            tm_error **error);

static tm_status read_const_tuple(tm_arena *arena, const char *name,
                                  const tm_arg *arg, uint32_t depth,
                                  tm_const *out, tm_error **error) {
  if (!items_ok(arg, depth)) return too_deep(name, error);
  uint32_t n = (uint32_t)arg->offset;
  bool named = arg->tag == TM_GIVE_NAMED_TUPLE;
  tm_const *items = TM_NEW_ARRAY(arena, tm_const, n + 1);
  const char **names = TM_NEW_ARRAY(arena, const char *, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    const tm_arg *item = named ? &arg->u.members[i].value : &arg->u.items[i];
    if (named && !arg->u.members[i].name)
      return tmi_fail(error, TM_E_ARGUMENT, "%s: the name of its field %u is "
                      "NULL", name, (unsigned)i);
    if (named)
      names[i] = tm_strndup(arena, arg->u.members[i].name,
                            strlen(arg->u.members[i].name));
    tm_status status =
        read_const(arena, name, item, depth + 1, &items[i], error);
    if (status) return status;
  }
  *out = (tm_const){.kind = TM_CONST_TUPLE, .i = n, .items = items,
                    .names = named ? names : NULL};
  return TM_OK;
}

/* A compile-time value in the compiler's form. */
static tm_status read_const(tm_arena *arena, const char *name,
                            const tm_arg *arg, uint32_t depth, tm_const *out,
                            tm_error **error) {
  memset(out, 0, sizeof *out);
  switch (arg->tag) {
    case TM_GIVE_TUPLE:
    case TM_GIVE_NAMED_TUPLE:
      return read_const_tuple(arena, name, arg, depth, out, error);
    case TM_GIVE_INT:
      *out = (tm_const){.kind = TM_CONST_INT, .i = arg->u.i};
      return TM_OK;
    case TM_GIVE_BOOL:
      *out = (tm_const){.kind = TM_CONST_BOOL, .i = arg->u.i != 0};
      return TM_OK;
    case TM_GIVE_FLOAT:
      *out = (tm_const){.kind = TM_CONST_FLOAT, .f = arg->u.f};
      return TM_OK;
    case TM_GIVE_NONE:
      out->kind = TM_CONST_NONE;
      return TM_OK;
    case TM_GIVE_TEXT:
    case TM_GIVE_FUNCTION:
      if (!arg->u.text)
        return tmi_fail(error, TM_E_ARGUMENT, "%s: its text is NULL", name);
      out->kind = arg->tag == TM_GIVE_TEXT ? TM_CONST_TEXT
                                           : TM_CONST_FUNCTION;
      out->text = tm_strndup(arena, arg->u.text,
                             arg->offset ? (size_t)arg->offset
                                         : strlen(arg->u.text));
      return TM_OK;
    case TM_GIVE_DTYPE:
      out->kind = TM_CONST_DTYPE;
      out->text = tmi_dtype_name(arg->dtype);
      if (out->text) return TM_OK;
      return tmi_fail(error, TM_E_ARGUMENT, "%s: %u is no tm_dtype", name,
                      (unsigned)arg->dtype);
    case TM_GIVE_BUFFER:
    case TM_GIVE_DESCRIPTOR:
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s: a %s is not a compile-time value", name,
                      arg->tag == TM_GIVE_BUFFER ? "buffer" : "descriptor");
    default:
      return tmi_fail(error, TM_E_ARGUMENT, "%s: %u is no tm_arg_tag of a "
                      "value", name, (unsigned)arg->tag);
  }
}

static tm_status read_descriptor(const char *name, const tm_param_spec *param,
                                 tm_spec_arg *out, tm_error **error) {
  tm_descriptor d;
  tm_status status = tmi_descriptor_read(&param->value, name, &d, error);
  if (status) return status;
  out->kind = TM_SPEC_DESCRIPTOR;
  out->type = tmi_dtype_name(d.dtype);
  out->desc = (tm_spec_desc){.rank = d.rank,
                             .pads_nan = d.padding == TM_PADDING_NAN,
                             .rounds_tf32 = d.round_f32_to_tf32 != 0};
  for (uint32_t k = 0; k < d.rank; k++) out->desc.block[k] = d.block_shape[k];
  return TM_OK;
}

static tm_status read_param(tm_arena *arena, const char *name,
                            const tm_param_spec *param, uint32_t depth,
                            tm_spec_arg *out, tm_error **error);

static tm_status read_tuple(tm_arena *arena, const char *name,
                            const tm_param_spec *param, uint32_t depth,
                            tm_spec_arg *out, tm_error **error) {
  const tm_arg *value = &param->value;
  if (value->tag != TM_GIVE_SPECS)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: make its tm_param_spec with tm_spec_tuple", name);
  if (!items_ok(value, depth)) return too_deep(name, error);
  uint32_t n = (uint32_t)value->offset;
  tm_spec_arg *items = TM_NEW_ARRAY(arena, tm_spec_arg, n + 1);
  const char **names = TM_NEW_ARRAY(arena, const char *, n + 1);
  bool named = n && value->u.specs[0].name;
  for (uint32_t i = 0; i < n; i++) {
    const tm_named_spec *item = &value->u.specs[i];
    if ((item->name != NULL) != named)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s: either all items of a tuple have names or none",
                      name);
    if (named) names[i] = tm_strndup(arena, item->name, strlen(item->name));
    tm_status status =
        read_param(arena, name, &item->spec, depth + 1, &items[i], error);
    if (status) return status;
  }
  out->kind = TM_SPEC_TUPLE;
  out->items = items;
  out->n_items = n;
  out->names = named ? names : NULL;
  return TM_OK;
}

static tm_status read_param(tm_arena *arena, const char *name,
                            const tm_param_spec *param, uint32_t depth,
                            tm_spec_arg *out, tm_error **error) {
  memset(out, 0, sizeof *out);
  if (param->form == TM_FORM_DEFAULT) return TM_OK;
  if (param->form == TM_FORM_CONSTANT) {
    out->kind = TM_SPEC_CONST;
    return read_const(arena, name, &param->value, 0, &out->value, error);
  }
  if (param->form == TM_FORM_DESCRIPTOR)
    return read_descriptor(name, param, out, error);
  if (param->form == TM_FORM_TUPLE)
    return read_tuple(arena, name, param, depth, out, error);
  if (param->form > TM_FORM_TUPLE)
    return tmi_fail(error, TM_E_ARGUMENT, "%s: %u is no tm_spec_form", name,
                    (unsigned)param->form);
  out->kind = param->form == TM_FORM_POINTER ? TM_SPEC_POINTER
                                             : TM_SPEC_SCALAR;
  out->type = tmi_dtype_name(param->dtype);
  if (!out->type)
    return tmi_fail(error, TM_E_ARGUMENT, "%s: %u is no tm_dtype", name,
                    (unsigned)param->dtype);
  if (param->divisibility > 1 && param->divisibility != 16)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s: divisibility is %u, only 16 is made use of", name,
                    (unsigned)param->divisibility);
  out->divisibility = param->divisibility == 16 ? 16 : 0;
  return TM_OK;
}

static tm_status read_defines(reader *r, tm_named_const **consts,
                              tm_error **error) {
  size_t n = r->options->n_defines;
  *consts = TM_NEW_ARRAY(r->arena, tm_named_const, n + 1);
  for (size_t i = 0; i < n; i++) {
    const tm_define *define = &r->options->defines[i];
    if (!define->name)
      return tmi_fail(error, TM_E_ARGUMENT, "defines[%zu].name is NULL", i);
    (*consts)[i].name = tm_strndup(r->arena, define->name,
                                   strlen(define->name));
    tm_status status = read_const(r->arena, define->name, &define->value, 0,
                                  &(*consts)[i].value, error);
    if (status) return status;
  }
  return TM_OK;
}

/* spec.args from params; defines go over them by name. */
static tm_status read_params(reader *r, const tm_named_const *consts,
                             tm_spec_arg *args, tm_error **error) {
  uint32_t n = r->function->params.len;
  if (r->options->n_params != n)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "n_params is %zu and kernel '%s' has %u parameters",
                    r->options->n_params, r->function->name, (unsigned)n);
  for (uint32_t i = 0; i < n; i++) {
    tm_status status =
        read_param(r->arena, r->function->params.data[i].name,
                   &r->options->params[i], 0, &args[i], error);
    if (status) return status;
  }
  for (size_t c = 0; c < r->options->n_defines; c++) {
    uint32_t i = 0;
    while (i < n &&
           strcmp(r->function->params.data[i].name, consts[c].name) != 0)
      i++;
    if (i == n)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no parameter named '%s'",
                      r->function->name, consts[c].name);
    args[i] = (tm_spec_arg){.kind = TM_SPEC_CONST, .value = consts[c].value};
  }
  return TM_OK;
}

tm_status tmi_spec_read(const tm_context *context,
                        const tm_function_def *function,
                        const tm_compile_options *o, tm_arena *arena,
                        tm_diags *diags, tm_spec *spec, tm_error **error) {
  reader r = {function, o, arena, diags};
  if (o->n_defines > MOST_PARAMS || o->n_params > MOST_PARAMS)
    return tmi_fail(error, TM_E_LIMIT, "more than %d parameters", MOST_PARAMS);
  if ((o->n_defines && !o->defines) || (o->n_params && !o->params))
    return tmi_fail(error, TM_E_ARGUMENT, "an array of the options is NULL");
  if (o->signature && o->params)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "signature and params are both given");
  tm_named_const *consts;
  tm_status status = read_defines(&r, &consts, error);
  if (status) return status;
  spec->n_args = function->params.len;
  if (o->params) {
    tm_spec_arg *args = TM_NEW_ARRAY(arena, tm_spec_arg, spec->n_args + 1);
    if ((status = read_params(&r, consts, args, error))) return status;
    spec->args = args;
  } else {
    spec->args = tm_signature_parse(arena, diags,
                                    o->signature ? o->signature : "",
                                    function, consts,
                                    (uint32_t)o->n_defines);
    if (!spec->args) return tmi_fail_diags(error, diags);
  }
  /* 0: tm_choose_warps */
  spec->num_warps = o->num_warps ? o->num_warps
                                 : context->settings.threadgroup_size / 32;
  spec->debug = context->settings.debug || function->is_debug;
  spec->num_stages = o->num_stages ? o->num_stages : 3; /* Triton's */
  return TM_OK;
}

/* ---- tm_arg_parse ------------------------------------------------------- */

/* Inside the arena's guard. Text results point into `text`, not the arena. */
static tm_status parse_arg(tm_arena *arena, tm_arg *value, const char *text,
                           tm_error **error) {
  tm_const c;
  if (!tm_const_parse(arena, tm_cstr(text), &c))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "'%s' is neither a literal that fits 64 bits nor text "
                    "with matching quotes",
                    text);
  const char *found;
  switch (c.kind) {
    case TM_CONST_NONE: *value = tm_arg_none(); return TM_OK;
    case TM_CONST_BOOL: *value = tm_arg_bool(c.i != 0); return TM_OK;
    case TM_CONST_INT: *value = tm_arg_int(c.i); return TM_OK;
    case TM_CONST_FLOAT: *value = tm_arg_float(c.f); return TM_OK;
    case TM_CONST_DTYPE:
      *value = tm_arg_dtype((tm_dtype)tmi_dtype_number(c.text));
      if (value->dtype != TM_DTYPE_NONE) return TM_OK;
      return tmi_fail(error, TM_E_ARGUMENT,
                      "the type '%s' cannot be passed as a value", c.text);
    case TM_CONST_TEXT:
    case TM_CONST_FUNCTION:
      if (!*c.text) {
        *value = tm_arg_text("");
        return TM_OK;
      }
      found = strstr(text, c.text);
      *value = c.kind == TM_CONST_TEXT ? tm_arg_text(found ? found : text)
                                       : tm_arg_function(found ? found : text);
      value->offset = strlen(c.text);
      return TM_OK;
    case TM_CONST_TUPLE: break; /* one literal is read */
  }
  return tmi_fail(error, TM_E_INTERNAL, "an unknown kind of literal");
}

tm_status tm_arg_parse(tm_arg *value, const char *text, tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(value != NULL, error);
  *value = tm_arg_make(TM_GIVE_NOTHING);
  TMI_CHECK(text != NULL, error);
  tm_arena arena;
  tm_arena_init(&arena, 0);
  jmp_buf guard;
  volatile tm_status status;
  if (tm_arena_guard(&arena, guard))
    status = parse_arg(&arena, value, text, error);
  else
    status = tmi_fail_memory(error);
  tm_arena_free(&arena);
  return status;
}
