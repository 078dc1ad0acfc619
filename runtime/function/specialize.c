/* SPDX-License-Identifier: MIT */
/*
 * specialize.c - what an argument of a launch says of the variant it needs.
 *
 *   buffer   *type, and whether it starts at a multiple of 16 bytes
 *   integer  i32, i64 or u64 by its value; the constant 1; multiple of 16
 *   float    fp32        bool  i1        None, text, dtype  a constant
 *   descriptor   type, block, padding; nothing of its sizes and strides
 *   tuple    of these, each item looked at whatever the decorator says
 *   a parameter annotated tl.constexpr: its value
 *
 * (triton/runtime/jit.py, python/src/specialize.cc.) What was found is a
 * tm_param_spec and, for looking variants up, its bytes.
 */
#include "../context.h"

#include <string.h>

/* ---- describing --------------------------------------------------------- */

static tm_param_spec constant(const tm_arg *value) {
  tm_param_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.form = TM_FORM_CONSTANT;
  spec.value = *value;
  return spec;
}

static tm_param_spec run_time(uint32_t form, uint32_t dtype, bool multiple) {
  tm_param_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.form = form;
  spec.dtype = dtype;
  spec.divisibility = multiple ? 16 : 0;
  return spec;
}

/* What a number or a pointer says, small enough for registers: launches make
 * their keys of it. */
typedef struct brief {
  uint32_t form, dtype;
  bool multiple; /* of 16 */
} brief;

static inline brief brief_int(const tmi_param *p, const tm_arg *arg) {
  int64_t x = arg->u.i;
  uint32_t dtype = p->annotated ? p->annotated : arg->dtype;
  bool look = !p->by_type_only;
  /* A type that somebody fixed stays; else a 1 becomes a constant. */
  if (!dtype && look && x == 1) return (brief){TM_FORM_CONSTANT, 0, false};
  if (!dtype)
    dtype = x >= INT32_MIN && x <= INT32_MAX ? TM_DTYPE_I32 : TM_DTYPE_I64;
  bool is_float = dtype >= TM_DTYPE_F16;
  bool multiple = look && p->by_alignment && !is_float &&
                  dtype != TM_DTYPE_I1 && x % 16 == 0;
  return (brief){TM_FORM_NUMBER, dtype, multiple};
}

/* Of a buffer that is one, with a type. */
static inline brief brief_buffer(const tmi_param *p, const tm_arg *arg) {
  return (brief){TM_FORM_POINTER, arg->dtype,
                 !p->by_type_only && p->by_alignment &&
                     (arg->u.buffer->offset + arg->offset) % 16 == 0};
}

static tm_param_spec describe_brief(brief b, const tm_arg *arg) {
  return b.form == TM_FORM_CONSTANT ? constant(arg)
                                    : run_time(b.form, b.dtype, b.multiple);
}

static bool is_tuple(const tm_arg *arg) {
  return arg->tag == TM_GIVE_TUPLE || arg->tag == TM_GIVE_NAMED_TUPLE;
}

static const tm_arg *item(const tm_arg *tuple, size_t i) {
  return tuple->tag == TM_GIVE_TUPLE ? &tuple->u.items[i]
                                     : &tuple->u.members[i].value;
}

size_t tmi_text_size(const tm_arg *arg) {
  return arg->offset ? (size_t)arg->offset : strlen(arg->u.text);
}

/* Does it have what only the run time knows? */
static bool is_run_time(const tm_arg *arg, uint32_t depth) {
  if (arg->tag == TM_GIVE_BUFFER || arg->tag == TM_GIVE_DESCRIPTOR)
    return true;
  if (!is_tuple(arg) || depth == TMI_MOST_DEPTH || !arg->u.items) return false;
  for (size_t i = 0; i < arg->offset; i++)
    if (is_run_time(item(arg, i), depth + 1)) return true;
  return false;
}

static bool is_constant(const tm_arg *arg, uint32_t depth) {
  switch (arg->tag) {
    case TM_GIVE_INT: case TM_GIVE_FLOAT: case TM_GIVE_BOOL:
    case TM_GIVE_NONE:
      return true;
    case TM_GIVE_TEXT: case TM_GIVE_FUNCTION: return arg->u.text != NULL;
    case TM_GIVE_DTYPE: return tmi_dtype_name(arg->dtype) != NULL;
    case TM_GIVE_TUPLE: case TM_GIVE_NAMED_TUPLE: break;
    default: return false;
  }
  if (depth == TMI_MOST_DEPTH || arg->offset > TMI_MOST_PARAMS ||
      (arg->offset && !arg->u.items))
    return false;
  for (size_t i = 0; i < arg->offset; i++)
    if (!is_constant(item(arg, i), depth + 1) ||
        (arg->tag == TM_GIVE_NAMED_TUPLE && !arg->u.members[i].name))
      return false;
  return true;
}

bool tmi_is_constant(const tm_arg *arg) { return is_constant(arg, 0); }

tm_arg tmi_arg_copy(tm_arena *arena, const tm_arg *arg) {
  tm_arg to = *arg;
  size_t n = (size_t)arg->offset;
  if (arg->tag == TM_GIVE_TEXT || arg->tag == TM_GIVE_FUNCTION) {
    to.offset = tmi_text_size(arg);
    to.u.text = tm_strndup(arena, arg->u.text, (size_t)to.offset);
  } else if (arg->tag == TM_GIVE_TUPLE) {
    tm_arg *items = TM_NEW_ARRAY(arena, tm_arg, n + 1);
    for (size_t i = 0; i < n; i++)
      items[i] = tmi_arg_copy(arena, &arg->u.items[i]);
    to.u.items = items;
  } else if (arg->tag == TM_GIVE_NAMED_TUPLE) {
    tm_define *members = TM_NEW_ARRAY(arena, tm_define, n + 1);
    for (size_t i = 0; i < n; i++) {
      const char *name = arg->u.members[i].name;
      members[i].name = tm_strndup(arena, name, strlen(name));
      members[i].value = tmi_arg_copy(arena, &arg->u.members[i].value);
    }
    to.u.members = members;
  }
  return to;
}

/* What a description is made with. */
typedef struct describer {
  const char *kernel; /* its name */
  tm_arena *scratch;
  uint32_t depth; /* of tuples in tuples */
  tm_error **error;
} describer;

static tm_status describe(const describer *d, const tmi_param *p,
                          const tm_arg *arg, tm_param_spec *out);

static tm_status no_value(const describer *d, const tmi_param *p,
                          const tm_arg *arg) {
  if ((arg->tag == TM_GIVE_TEXT || arg->tag == TM_GIVE_FUNCTION) &&
      !arg->u.text)
    return tmi_fail(d->error, TM_E_ARGUMENT,
                    "kernel '%s': the text of '%s' is NULL", d->kernel,
                    p->name);
  if (is_tuple(arg))
    return tmi_fail(d->error, TM_E_ARGUMENT,
                    "kernel '%s': '%s' is a constexpr and is given a tuple "
                    "with an item that is no compile-time value",
                    d->kernel, p->name);
  return tmi_fail(d->error, TM_E_ARGUMENT,
                  "kernel '%s': the tag of '%s' is %u, no tm_arg_tag",
                  d->kernel, p->name, (unsigned)arg->tag);
}

static tm_status describe_descriptor(const describer *d, const tmi_param *p,
                                     const tm_arg *arg, tm_param_spec *out) {
  tm_descriptor made;
  tm_buf who = tm_buf_in(d->scratch);
  tm_buf_printf(&who, "kernel '%s': '%s'", d->kernel, p->name);
  tm_status status =
      tmi_descriptor_read(arg, tm_buf_text(&who), &made, d->error);
  *out = tm_spec_descriptor(arg->u.descriptor);
  return status;
}

/* Triton specializes items as if the parameter had no options. */
static tm_status describe_tuple(const describer *d, const tmi_param *p,
                                const tm_arg *arg, tm_param_spec *out) {
  size_t n = (size_t)arg->offset;
  if (d->depth == TMI_MOST_DEPTH || n > TMI_MOST_PARAMS || (n && !arg->u.items))
    return tmi_fail(d->error, TM_E_ARGUMENT,
                    "kernel '%s': the tuples of '%s' are nested too deeply, "
                    "or have no items (NULL), or too many",
                    d->kernel, p->name);
  describer inner = *d;
  inner.depth++;
  tm_named_spec *specs = TM_NEW_ARRAY(d->scratch, tm_named_spec, n + 1);
  for (size_t i = 0; i < n; i++) {
    bool named = arg->tag == TM_GIVE_NAMED_TUPLE;
    const char *name = named ? arg->u.members[i].name : NULL;
    if (named && !name)
      return tmi_fail(d->error, TM_E_ARGUMENT,
                      "kernel '%s': a field of '%s' has no name", d->kernel,
                      p->name);
    tm_buf path = tm_buf_in(d->scratch);
    if (name)
      tm_buf_printf(&path, "%s.%s", p->name, name);
    else
      tm_buf_printf(&path, "%s.%zu", p->name, i);
    tmi_param of = {.name = tm_buf_text(&path), .by_alignment = true};
    specs[i].name = name;
    if (item(arg, i)->tag == TM_GIVE_NOTHING)
      return tmi_fail(d->error, TM_E_ARGUMENT,
                      "kernel '%s': '%s' is given no value", d->kernel,
                      of.name);
    tm_status status = describe(&inner, &of, item(arg, i), &specs[i].spec);
    if (status) return status;
  }
  *out = tm_spec_tuple(specs, n);
  return TM_OK;
}

static tm_status describe_buffer(const describer *d, const tmi_param *p,
                                 const tm_arg *arg, tm_param_spec *out) {
  if (!arg->u.buffer || !tmi_dtype_name(arg->dtype))
    return tmi_fail(d->error, TM_E_ARGUMENT,
                    "kernel '%s': '%s' is given %s", d->kernel, p->name,
                    arg->u.buffer ? "a buffer without the type of its "
                                    "elements: use tm_arg_tensor"
                                  : "no buffer (NULL)");
  *out = describe_brief(brief_buffer(p, arg), arg);
  return TM_OK;
}

static tm_status describe(const describer *d, const tmi_param *p,
                          const tm_arg *arg, tm_param_spec *out) {
  memset(out, 0, sizeof *out);
  if (p->is_constexpr && arg->tag != TM_GIVE_NOTHING) {
    if (is_run_time(arg, 0))
      return tmi_fail(d->error, TM_E_ARGUMENT,
                      "kernel '%s': '%s' is a constexpr and is given a %s",
                      d->kernel, p->name,
                      arg->tag == TM_GIVE_DESCRIPTOR ? "descriptor"
                                                     : "buffer");
    if (!tmi_is_constant(arg)) return no_value(d, p, arg);
    *out = constant(arg);
    return TM_OK;
  }
  switch (arg->tag) {
    case TM_GIVE_NOTHING:
      return TM_OK;
    case TM_GIVE_BUFFER:
      return describe_buffer(d, p, arg, out);
    case TM_GIVE_DESCRIPTOR:
      return describe_descriptor(d, p, arg, out);
    case TM_GIVE_TUPLE:
    case TM_GIVE_NAMED_TUPLE:
      return describe_tuple(d, p, arg, out);
    case TM_GIVE_INT:
      *out = describe_brief(brief_int(p, arg), arg);
      return TM_OK;
    case TM_GIVE_FLOAT:
      *out = run_time(TM_FORM_NUMBER,
                      p->annotated  ? p->annotated
                      : arg->dtype  ? arg->dtype
                                    : (uint32_t)TM_DTYPE_F32,
                      false);
      return TM_OK;
    case TM_GIVE_BOOL:
      *out = run_time(TM_FORM_NUMBER,
                      p->annotated ? p->annotated : (uint32_t)TM_DTYPE_I1,
                      false);
      return TM_OK;
    case TM_GIVE_TEXT:
    case TM_GIVE_NONE:
    case TM_GIVE_DTYPE:
    case TM_GIVE_FUNCTION:
      if (!tmi_is_constant(arg)) return no_value(d, p, arg);
      *out = constant(arg);
      return TM_OK;
    default:
      return no_value(d, p, arg);
  }
}

tm_status tmi_specialize(const char *kernel, tm_arena *scratch,
                         const tmi_param *p, const tm_arg *arg,
                         tm_param_spec *out, tm_error **error) {
  const describer d = {.kernel = kernel, .scratch = scratch, .error = error};
  return describe(&d, p, arg, out);
}

/* ---- the key -------------------------------------------------------------- */

static inline bool put(tmi_key *key, uint64_t word) {
  if (key->used == key->room) return false;
  key->words[key->used++] = word;
  return true;
}

bool tmi_key_put(tmi_key *key, uint64_t word) { return put(key, word); }

/* Its length, then its bytes, in whole words. */
static bool put_text(tmi_key *key, const char *text, size_t n) {
  if (!put(key, n)) return false;
  for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    memcpy(&word, text + at, n - at < sizeof word ? n - at : sizeof word);
    if (!put(key, word)) return false;
  }
  return true;
}

static inline uint64_t bits_of(const tm_arg *value) {
  uint64_t bits = (uint64_t)value->u.i;
  if (value->tag == TM_GIVE_DTYPE) bits = value->dtype;
  if (value->tag == TM_GIVE_FLOAT) memcpy(&bits, &value->u.f, sizeof bits);
  return bits;
}

/* What follows the word that has the value's tag. */
static bool put_constant(tmi_key *key, const tm_arg *value) {
  if (value->tag == TM_GIVE_NONE) return true;
  if (value->tag == TM_GIVE_TEXT || value->tag == TM_GIVE_FUNCTION)
    return put_text(key, value->u.text, tmi_text_size(value));
  if (!is_tuple(value)) return put(key, bits_of(value));
  if (!put(key, value->offset)) return false;
  for (size_t i = 0; i < value->offset; i++) {
    const char *name = value->tag == TM_GIVE_NAMED_TUPLE
                           ? value->u.members[i].name : "";
    if (!put_text(key, name, strlen(name)) ||
        !put(key, item(value, i)->tag) || !put_constant(key, item(value, i)))
      return false;
  }
  return true;
}

static bool put_descriptor(tmi_key *key, const tm_descriptor *d) {
  uint64_t pads = d->padding, rounds = d->round_f32_to_tf32 != 0;
  if (!put(key, d->dtype | (uint64_t)d->rank << 32) ||
      !put(key, pads | rounds << 32))
    return false;
  for (uint32_t k = 0; k < d->rank; k++)
    if (!put(key, d->block_shape[k])) return false;
  return true;
}

/* The first word of a description. */
static inline uint64_t head_of(uint32_t form, uint32_t dtype, bool multiple,
                               uint32_t tag) {
  return form | dtype << 8 | (uint32_t)multiple << 16 | (uint64_t)tag << 32;
}

static bool put_spec(tmi_key *key, const tm_param_spec *spec) {
  if (!put(key, head_of(spec->form, spec->dtype, spec->divisibility == 16,
                        spec->value.tag)))
    return false;
  if (spec->form == TM_FORM_CONSTANT) return put_constant(key, &spec->value);
  if (spec->form == TM_FORM_DESCRIPTOR)
    return put_descriptor(key, spec->value.u.descriptor);
  if (spec->form != TM_FORM_TUPLE) return true;
  if (!put(key, spec->value.offset)) return false;
  for (size_t i = 0; i < spec->value.offset; i++) {
    const tm_named_spec *of = &spec->value.u.specs[i];
    bool named = of->name != NULL;
    if (!put(key, named) ||
        !put_text(key, of->name, named ? strlen(of->name) : 0) ||
        !tmi_key_put_spec(key, &of->spec))
      return false;
  }
  return true;
}

bool tmi_key_put_spec(tmi_key *key, const tm_param_spec *spec) {
  return put_spec(key, spec);
}

bool tmi_key_put_value(tmi_key *key, const tm_arg *arg) {
  if (!put(key, arg->tag | (uint64_t)arg->dtype << 32)) return false;
  switch (arg->tag) {
    case TM_GIVE_INT: case TM_GIVE_BOOL: case TM_GIVE_FLOAT:
      return put(key, bits_of(arg));
    case TM_GIVE_TEXT: case TM_GIVE_FUNCTION:
      return put_text(key, arg->u.text, tmi_text_size(arg));
    default: return true;
  }
}

/* Puts what put_spec would for the commonest arguments, without making the
 * description first. False: it is not one of them, or the key is full. */
static inline bool put_brief(tmi_key *key, const tmi_param *p,
                             const tm_arg *arg) {
  brief b;
  bool is_int = arg->tag == TM_GIVE_INT;
  if (p->is_constexpr && (is_int || arg->tag == TM_GIVE_BOOL))
    b = (brief){TM_FORM_CONSTANT, 0, false};
  else if (p->is_constexpr)
    return false;
  else if (is_int)
    b = brief_int(p, arg);
  else if (arg->tag == TM_GIVE_BUFFER && arg->u.buffer &&
           arg->dtype - 1 < TM_DTYPE_F8E5M2)
    b = brief_buffer(p, arg);
  else
    return false;
  bool fixed = b.form == TM_FORM_CONSTANT;
  if (key->room - key->used < 2) return false;
  uint64_t *to = &key->words[key->used];
  to[0] = head_of(b.form, b.dtype, b.multiple, fixed ? arg->tag : 0);
  to[1] = (uint64_t)arg->u.i; /* written over when it does not count */
  key->used += fixed ? 2 : 1;
  return true;
}

tm_status tmi_key_put_plain(tmi_key *key, const char *kernel,
                            const tmi_param *params, uint32_t n,
                            const tm_arg *const *args, bool *fits,
                            tm_error **error) {
  const describer d = {.kernel = kernel, .error = error};
  *fits = true;
  for (uint32_t i = 0; i < n && *fits; i++) {
    if (put_brief(key, &params[i], args[i])) continue;
    tm_param_spec spec;
    tm_status status = describe(&d, &params[i], args[i], &spec);
    if (status) return status;
    *fits = put_spec(key, &spec);
  }
  return TM_OK;
}
