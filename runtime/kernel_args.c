/* SPDX-License-Identifier: MIT */
/*
 * kernel_args.c - a kernel's specialization: as bytes of its key, as a copy
 * that the kernel keeps, and as the run-time arguments that it leaves.
 *
 * Tuples and tensor descriptors are flat among the run-time arguments, in the
 * order in which lowering makes parameters of them (lib/lower/params.c).
 */
#include "context.h"

#include <string.h>

/* ---- the key ------------------------------------------------------------ */

void tmi_key_number(tm_buf *key, uint64_t x) {
  tm_buf_add(key, (const char *)&x, sizeof x);
}

void tmi_key_bytes(tm_buf *key, const char *bytes, size_t n) {
  tmi_key_number(key, n);
  tm_buf_add(key, bytes, n);
}

void tmi_key_text(tm_buf *key, const char *text) {
  tmi_key_bytes(key, text ? text : "", text ? strlen(text) : 0);
}

static void key_names(tm_buf *key, const char *const *names, uint32_t n) {
  tmi_key_number(key, names != NULL);
  for (uint32_t i = 0; names && i < n; i++) tmi_key_text(key, names[i]);
}

static void key_const(tm_buf *key, const tm_const *value) {
  uint64_t bits;
  memcpy(&bits, &value->f, sizeof bits);
  tmi_key_number(key, value->kind);
  tmi_key_number(key, (uint64_t)value->i);
  tmi_key_number(key, bits);
  tmi_key_text(key, value->text);
  if (value->kind != TM_CONST_TUPLE) return;
  key_names(key, value->names, (uint32_t)value->i);
  for (int64_t i = 0; i < value->i; i++) key_const(key, &value->items[i]);
}

static void key_arg(tm_buf *key, const tm_spec_arg *arg) {
  tmi_key_number(key, arg->kind);
  tmi_key_text(key, arg->type);
  tmi_key_number(key, arg->divisibility);
  if (arg->kind == TM_SPEC_CONST) key_const(key, &arg->value);
  if (arg->kind == TM_SPEC_DESCRIPTOR) {
    tmi_key_number(key, arg->desc.rank);
    for (uint32_t d = 0; d < arg->desc.rank; d++)
      tmi_key_number(key, (uint64_t)arg->desc.block[d]);
    tmi_key_number(key, arg->desc.pads_nan);
    tmi_key_number(key, arg->desc.rounds_tf32);
  }
  if (arg->kind != TM_SPEC_TUPLE) return;
  tmi_key_number(key, arg->n_items);
  key_names(key, arg->names, arg->n_items);
  for (uint32_t i = 0; i < arg->n_items; i++) key_arg(key, &arg->items[i]);
}

void tmi_key_spec(tm_buf *key, const tm_spec *spec) {
  tmi_key_number(key, spec->n_args);
  for (uint32_t i = 0; i < spec->n_args; i++) key_arg(key, &spec->args[i]);
}

/* ---- the copy ------------------------------------------------------------ */

static const char *copy_text(tm_arena *arena, const char *text) {
  return text ? tm_strndup(arena, text, strlen(text)) : NULL;
}

static const char *const *copy_names(tm_arena *arena, const char *const *from,
                                     uint32_t n) {
  if (!from) return NULL;
  const char **names = TM_NEW_ARRAY(arena, const char *, n + 1);
  for (uint32_t i = 0; i < n; i++) names[i] = copy_text(arena, from[i]);
  return names;
}

static tm_const copy_const(tm_arena *arena, const tm_const *from) {
  tm_const to = *from;
  to.text = copy_text(arena, from->text);
  if (from->kind != TM_CONST_TUPLE) return to;
  uint32_t n = (uint32_t)from->i;
  tm_const *items = TM_NEW_ARRAY(arena, tm_const, n + 1);
  for (uint32_t i = 0; i < n; i++)
    items[i] = copy_const(arena, &from->items[i]);
  to.items = items;
  to.names = copy_names(arena, from->names, n);
  return to;
}

static const tm_spec_arg *copy_args(tm_arena *arena, const tm_spec_arg *from,
                                    uint32_t n) {
  tm_spec_arg *args = TM_NEW_ARRAY(arena, tm_spec_arg, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    args[i] = from[i];
    args[i].type = copy_text(arena, from[i].type);
    args[i].value = copy_const(arena, &from[i].value);
    if (from[i].kind != TM_SPEC_TUPLE) continue;
    args[i].items = copy_args(arena, from[i].items, from[i].n_items);
    args[i].names = copy_names(arena, from[i].names, from[i].n_items);
  }
  return args;
}

void tmi_spec_copy(tm_arena *arena, const tm_spec *from, tm_spec *to) {
  *to = *from;
  to->args = copy_args(arena, from->args, from->n_args);
}

/* ---- run-time arguments --------------------------------------------------- */

typedef struct joint {
  tm_kernel *kernel;
  tm_kernel_arg *args;
  uint32_t next;
  TM_VEC(tm_kernel_descriptor) descriptors;
} joint;

/* One argument of the program. False when there is none, or another. */
static bool join_one(joint *j, bool is_buffer, const char *type,
                     uint32_t divisibility) {
  tm_kernel *kernel = j->kernel;
  if (j->next == kernel->program.n_args) return false;
  const tm_msl_arg *arg = &kernel->program.args[j->next];
  if (is_buffer != (arg->kind != TM_ARG_SCALAR)) return false;
  tm_buf text = tm_buf_in(&kernel->arena);
  tm_buf_printf(&text, "%s%s", is_buffer ? "*" : "", type);
  j->args[j->next] = (tm_kernel_arg){
      arg->name, tm_buf_text(&text), is_buffer, tmi_dtype_number(type),
      is_buffer && arg->reads, is_buffer && arg->writes, divisibility};
  kernel->slots[j->next] = (tmi_slot){
      .is_buffer = is_buffer,
      .reads = is_buffer && arg->reads,
      .writes = is_buffer && arg->writes,
      .by_address = arg->kind == TM_ARG_ADDRESS,
      .is_unsigned = type[0] == 'u',
      .slot = (uint8_t)arg->slot,
      .divisibility = (uint8_t)divisibility,
      .offset = (uint16_t)arg->offset,
      .size = (uint16_t)tm_program_scalar_size(arg->scalar),
      .scalar = arg->scalar};
  j->next++;
  return true;
}

static bool join_descriptor(joint *j, const tm_spec_arg *spec) {
  uint32_t at = j->next, rank = spec->desc.rank;
  if (!join_one(j, true, spec->type, 16)) return false;
  uint32_t bytes = j->kernel->slots[at].size;
  for (uint32_t d = 0; d < rank; d++)
    if (!join_one(j, false, "i32", 0)) return false;
  for (uint32_t d = 0; d + 1 < rank; d++)
    if (!bytes || !join_one(j, false, "i64", 16 / bytes)) return false;
  tm_kernel_descriptor made = {
      .name = j->args[at].name, .arg = at, .dtype = j->args[at].dtype,
      .rank = rank,
      .padding = spec->desc.pads_nan ? TM_PADDING_NAN : TM_PADDING_ZERO,
      .round_f32_to_tf32 = spec->desc.rounds_tf32};
  for (uint32_t d = 0; d < rank; d++)
    made.block_shape[d] = (uint32_t)spec->desc.block[d];
  tm_push(&j->kernel->arena, &j->descriptors, made);
  return true;
}

static bool join_value(joint *j, const tm_spec_arg *spec) {
  switch (spec->kind) {
    case TM_SPEC_POINTER:
    case TM_SPEC_SCALAR:
      return join_one(j, spec->kind == TM_SPEC_POINTER, spec->type,
                      spec->divisibility);
    case TM_SPEC_DESCRIPTOR:
      return join_descriptor(j, spec);
    case TM_SPEC_TUPLE:
      for (uint32_t i = 0; i < spec->n_items; i++)
        if (!join_value(j, &spec->items[i])) return false;
      return true;
    case TM_SPEC_CONST:
    case TM_SPEC_DEFAULT:
      return true;
  }
  return false;
}

/* How many buffer indices a launch sets, from 0 on. */
static uint32_t count_bindings(const tm_program *p) {
  uint32_t n = p->scalars_size ? p->scalars_slot + 1 : 0;
  if (p->uses_log && p->log_slot >= n) n = p->log_slot + 1;
  for (uint32_t i = 0; i < p->n_args; i++)
    if (p->args[i].kind == TM_ARG_BUFFER && p->args[i].slot >= n)
      n = p->args[i].slot + 1;
  return n;
}

bool tmi_kernel_join(tm_kernel *kernel) {
  uint32_t n = kernel->program.n_args;
  joint j = {.kernel = kernel,
             .args = TM_NEW_ARRAY(&kernel->arena, tm_kernel_arg, n + 1)};
  kernel->slots = TM_NEW_ARRAY(&kernel->arena, tmi_slot, n + 1);
  for (uint32_t p = 0; p < kernel->spec.n_args; p++)
    if (!join_value(&j, &kernel->spec.args[p])) return false;
  kernel->facts.args = j.args;
  kernel->facts.n_args = n;
  kernel->facts.bindings = count_bindings(&kernel->program);
  kernel->facts.descriptors = j.descriptors.data;
  kernel->facts.n_descriptors = j.descriptors.len;
  return j.next == n;
}
