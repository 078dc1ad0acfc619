/* SPDX-License-Identifier: MIT */
/*
 * msl_types.c - types, each made once, and the library's names for them.
 *
 * A type is looked up by the bytes of its key fields, so that equal types
 * are equal pointers and comparing types is comparing pointers. Structs and
 * enums are new with every declaration.
 *
 * Sizes and alignments are those of the MSL specification 2.2 to 2.10: a
 * vector of three has the size and alignment of four, packed vectors are
 * arrays of their elements, structs are laid out as in C.
 */
#include "front.h"

#include <stdio.h>

enum { LARGEST_TYPE = 1 << 30 }; /* bytes; offsets stay far from 2^32 */

static const struct {
  const char *name;
  uint32_t size;
} scalar_info[SM_SCALARS] = {
  {"void", 1}, {"bool", 1}, {"char", 1}, {"uchar", 1}, {"short", 2},
  {"ushort", 2}, {"int", 4}, {"uint", 4}, {"long", 8}, {"ulong", 8},
  {"half", 2}, {"bfloat", 2}, {"float", 4},
};

uint32_t sm_scalar_size(sm_scalar scalar) { return scalar_info[scalar].size; }

const char *sm_scalar_name(sm_scalar scalar) {
  return scalar_info[scalar].name;
}

const char *sm_space_name(sm_space space) {
  static const char *const names[] = {"thread", "device", "constant",
                                      "threadgroup"};
  return names[space];
}

bool sm_is_void(const sm_type *t) {
  return t->kind == SM_T_SCALAR && t->scalar == SM_VOID;
}

bool sm_type_holds(const sm_type *t, bool (*has)(const sm_type *)) {
  while (t->kind == SM_T_ARRAY) t = t->element;
  if (has(t)) return true;
  if (t->kind != SM_T_STRUCT) return false;
  for (uint32_t i = 0; i < t->structure->members.len; i++)
    if (sm_type_holds(t->structure->members.data[i].type, has)) return true;
  return false;
}

/* ---- unique types ----------------------------------------------------- */

static bool same_type(const sm_type *a, const sm_type *b) {
  return a->kind == b->kind && a->scalar == b->scalar &&
         a->count == b->count && a->rows == b->rows &&
         a->packed == b->packed && a->is_const == b->is_const &&
         a->is_volatile == b->is_volatile && a->space == b->space &&
         a->element == b->element && a->structure == b->structure;
}

static uint64_t hash_type(const sm_type *t) {
  uint64_t key[6] = {
    (uint64_t)t->kind | (uint64_t)t->scalar << 8 | (uint64_t)t->packed << 16 |
        (uint64_t)t->is_const << 17 | (uint64_t)t->is_volatile << 18 |
        (uint64_t)t->space << 20,
    t->count, t->rows, TM_KEY(t->element), TM_KEY(t->structure), 0};
  return tm_hash_bytes(key, sizeof key, 0);
}

static const char *printed(sm_parser *p, const char *fmt, ...)
    TM_PRINTF(2, 3);
static const char *printed(sm_parser *p, const char *fmt, ...) {
  tm_buf text = tm_buf_in(p->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&text, fmt, args);
  va_end(args);
  return tm_buf_text(&text);
}

static const char *spell_pointer(sm_parser *p, const sm_type *t) {
  const sm_type *e = t->element;
  const char *mark = t->kind == SM_T_POINTER ? "*" : "&";
  const char *gap = e->kind == SM_T_POINTER ? "" : " ";
  const char *cv = t->is_const ? (t->is_volatile ? "const volatile " : "const ")
                               : (t->is_volatile ? "volatile " : "");
  if (e->kind == SM_T_ARRAY)
    return printed(p, "%s%s %s (%s)[%u]", cv, sm_space_name(t->space),
                   e->element->spelling, mark, e->count);
  if (e->kind == SM_T_POINTER)
    return printed(p, "%s %s%s%s", e->spelling, sm_space_name(t->space),
                   cv[0] ? printed(p, " %.*s", (int)strlen(cv) - 1, cv) : "",
                   mark);
  return printed(p, "%s%s %s%s%s", cv, sm_space_name(t->space), e->spelling,
                 gap, mark);
}

static const char *spell(sm_parser *p, const sm_type *t) {
  const char *scalar = sm_scalar_name(t->scalar);
  switch (t->kind) {
    case SM_T_SCALAR: return scalar;
    case SM_T_VECTOR:
      return printed(p, "%s%s%u", t->packed ? "packed_" : "", scalar,
                     t->count);
    case SM_T_MATRIX: return printed(p, "%s%ux%u", scalar, t->count, t->rows);
    case SM_T_FRAGMENT: return printed(p, "simdgroup_%s8x8", scalar);
    case SM_T_ATOMIC: return printed(p, "atomic_%s", scalar);
    case SM_T_ARRAY: {
      const sm_type *e = t->element;
      tm_buf text = tm_buf_in(p->arena);
      while (e->kind == SM_T_ARRAY) e = e->element;
      tm_buf_printf(&text, "%s ", e->spelling);
      for (e = t; e->kind == SM_T_ARRAY; e = e->element)
        tm_buf_printf(&text, "[%u]", e->count);
      return tm_buf_text(&text);
    }
    case SM_T_POINTER:
    case SM_T_REFERENCE: return spell_pointer(p, t);
    case SM_T_STRUCT: return t->structure->name;
    case SM_T_ENUM: return t->spelling;
  }
  return "?";
}

static void measure(sm_type *t) {
  uint32_t size = sm_scalar_size(t->scalar);
  switch (t->kind) {
    case SM_T_SCALAR: t->size = t->align = size; return;
    case SM_T_VECTOR:
      t->size = t->packed ? size * t->count
                          : size * (t->count == 3 ? 4 : t->count);
      t->align = t->packed ? size : t->size;
      return;
    case SM_T_MATRIX:
      t->align = size * (t->rows == 3 ? 4 : t->rows);
      t->size = t->align * t->count;
      return;
    case SM_T_FRAGMENT: /* 64 elements over 32 threads */
      t->size = t->align = size * 2;
      return;
    case SM_T_ATOMIC: /* atomic_bool is stored as 32 bits */
      t->size = t->align = size < 4 ? 4 : size;
      return;
    case SM_T_ARRAY:
      t->size = t->element->size * t->count;
      t->align = t->element->align;
      return;
    case SM_T_POINTER:
    case SM_T_REFERENCE: t->size = t->align = 8; return;
    case SM_T_STRUCT:
    case SM_T_ENUM: return;
  }
}

static const sm_type *unique(sm_parser *p, const sm_type *key) {
  uint64_t hash = hash_type(key), found = 0;
  sm_type_node *first = NULL;
  if (tm_map_get(&p->types, hash, &found))
    first = (sm_type_node *)(uintptr_t)found;
  for (sm_type_node *n = first; n; n = n->next)
    if (same_type(&n->type, key)) return &n->type;
  sm_type_node *node = TM_NEW(p->arena, sm_type_node);
  node->type = *key;
  node->next = first;
  measure(&node->type);
  node->type.spelling = spell(p, key);
  tm_map_put(&p->types, hash, TM_KEY(node));
  return &node->type;
}

const sm_type *sm_type_vector(sm_parser *p, sm_scalar scalar, uint32_t n,
                              bool packed) {
  if (n == 1) return p->scalars[scalar];
  sm_type key = {0};
  key.kind = SM_T_VECTOR;
  key.scalar = scalar;
  key.count = n;
  key.packed = packed;
  return unique(p, &key);
}

const sm_type *sm_type_matrix(sm_parser *p, sm_scalar scalar, uint32_t cols,
                              uint32_t rows) {
  sm_type key = {0};
  key.kind = SM_T_MATRIX;
  key.scalar = scalar;
  key.count = cols;
  key.rows = rows;
  return unique(p, &key);
}

const sm_type *sm_type_fragment(sm_parser *p, sm_scalar scalar) {
  sm_type key = {0};
  key.kind = SM_T_FRAGMENT;
  key.scalar = scalar;
  key.count = key.rows = 8;
  return unique(p, &key);
}

const sm_type *sm_type_atomic(sm_parser *p, sm_scalar scalar) {
  sm_type key = {0};
  key.kind = SM_T_ATOMIC;
  key.scalar = scalar;
  return unique(p, &key);
}

const sm_type *sm_type_array(sm_parser *p, const sm_type *element,
                             uint64_t count) {
  if (count > LARGEST_TYPE ||
      (element->size && count > LARGEST_TYPE / element->size))
    return NULL;
  sm_type key = {0};
  key.kind = SM_T_ARRAY;
  key.element = element;
  key.count = (uint32_t)count;
  return unique(p, &key);
}

static const sm_type *indirect(sm_parser *p, sm_type_kind kind,
                               const sm_type *element, sm_space space,
                               bool is_const, bool is_volatile) {
  sm_type key = {0};
  key.kind = kind;
  key.element = element;
  key.space = space;
  key.is_const = is_const || space == SM_CONSTANT;
  key.is_volatile = is_volatile;
  return unique(p, &key);
}

const sm_type *sm_type_pointer(sm_parser *p, const sm_type *element,
                               sm_space space, bool is_const,
                               bool is_volatile) {
  return indirect(p, SM_T_POINTER, element, space, is_const, is_volatile);
}

const sm_type *sm_type_reference(sm_parser *p, const sm_type *element,
                                 sm_space space, bool is_const,
                                 bool is_volatile) {
  return indirect(p, SM_T_REFERENCE, element, space, is_const, is_volatile);
}

sm_type *sm_type_struct(sm_parser *p, tm_name name) {
  sm_type *type = TM_NEW(p->arena, sm_type);
  type->kind = SM_T_STRUCT;
  type->structure = TM_NEW(p->arena, sm_struct);
  type->structure->name = name;
  type->spelling = name;
  type->align = 1;
  return type; /* size 0: incomplete */
}

sm_struct_info *sm_struct_of(sm_parser *p, const sm_type *type) {
  uint64_t value;
  if (tm_map_get(&p->structs, TM_KEY(type->structure), &value))
    return (sm_struct_info *)(uintptr_t)value;
  sm_struct_info *info = TM_NEW(p->arena, sm_struct_info);
  const char *prefix = printed(p, "%s#%u::", type->structure->name,
                               (unsigned)p->structs.len);
  info->prefix = tm_intern_cstr(p->names, prefix);
  tm_map_put(&p->structs, TM_KEY(type->structure), TM_KEY(info));
  return info;
}

const sm_type *sm_type_std_array(sm_parser *p, const sm_type *element,
                                 uint64_t count) {
  const sm_type *plain = sm_type_array(p, element, count);
  uint64_t value;
  if (!plain) return NULL;
  if (tm_map_get(&p->array_types, TM_KEY(plain), &value))
    return (const sm_type *)(uintptr_t)value;
  const char *name = printed(p, "array<%s, %u>", element->spelling,
                             plain->count);
  sm_type *type = sm_type_struct(p, tm_intern_cstr(p->names, name));
  sm_member m = {tm_intern_cstr(p->names, "(elements)"), plain, 0};
  tm_push(p->arena, &type->structure->members, m);
  sm_type_layout(type, NULL);
  sm_struct_of(p, type)->is_array = true;
  tm_map_put(&p->array_types, TM_KEY(plain), TM_KEY(type));
  return type;
}

void sm_type_layout(sm_type *type, const sm_struct_info *info) {
  uint64_t at = 0;
  type->align = info && info->align ? info->align : 1;
  for (uint32_t i = 0; i < type->structure->members.len; i++) {
    sm_member *m = &type->structure->members.data[i];
    uint32_t align = m->type->align ? m->type->align : 1;
    if (info && i < info->aligns.len && info->aligns.data[i] > align)
      align = info->aligns.data[i];
    if (type->structure->is_union) {
      if (m->type->size > at) at = m->type->size;
    } else {
      at = (at + align - 1) / align * align;
      m->offset = (uint32_t)at;
      at += m->type->size;
    }
    if (align > type->align) type->align = align;
    if (at > LARGEST_TYPE) at = LARGEST_TYPE; /* reported by the caller */
  }
  at = (at + type->align - 1) / type->align * type->align;
  type->size = at ? (uint32_t)at : 1; /* an empty class has size 1 in C++ */
}

sm_enum_info *sm_type_enum(sm_parser *p, tm_name name, sm_scalar underlying) {
  sm_type *type = TM_NEW(p->arena, sm_type);
  type->kind = SM_T_ENUM;
  type->scalar = underlying;
  type->size = type->align = sm_scalar_size(underlying);
  type->spelling = name;
  sm_enum_info *info = TM_NEW(p->arena, sm_enum_info);
  info->type = type;
  tm_map_put(&p->enums, TM_KEY(type), TM_KEY(info));
  return info;
}

sm_enum_info *sm_type_enum_info(sm_parser *p, const sm_type *type) {
  uint64_t value;
  if (!type || !tm_map_get(&p->enums, TM_KEY(type), &value)) return NULL;
  return (sm_enum_info *)(uintptr_t)value;
}

/* ---- names of the library --------------------------------------------- */

static void add_enumerator(sm_parser *p, sm_enum_info *info, const char *name,
                           int64_t value) {
  sm_enumerator e = {tm_intern_cstr(p->names, name), value};
  tm_push(p->arena, &info->list, e);
}

static void library_enums(sm_parser *p) {
  p->mem_flags =
      sm_type_enum(p, tm_intern_cstr(p->names, "mem_flags"), SM_UINT);
  p->mem_flags->is_scoped = p->mem_flags->is_flags = true;
  add_enumerator(p, p->mem_flags, "mem_none", 0);
  add_enumerator(p, p->mem_flags, "mem_device", 1);
  add_enumerator(p, p->mem_flags, "mem_threadgroup", 2);
  add_enumerator(p, p->mem_flags, "mem_texture", 4);
  p->memory_order =
      sm_type_enum(p, tm_intern_cstr(p->names, "memory_order"), SM_INT);
  add_enumerator(p, p->memory_order, "memory_order_relaxed", 0);
  add_enumerator(p, p->memory_order, "memory_order_acquire", 2);
  add_enumerator(p, p->memory_order, "memory_order_release", 3);
  add_enumerator(p, p->memory_order, "memory_order_acq_rel", 4);
  add_enumerator(p, p->memory_order, "memory_order_seq_cst", 5);
  p->thread_scope =
      sm_type_enum(p, tm_intern_cstr(p->names, "thread_scope"), SM_INT);
  add_enumerator(p, p->thread_scope, "thread_scope_thread", 0);
  add_enumerator(p, p->thread_scope, "thread_scope_threadgroup", 1);
  add_enumerator(p, p->thread_scope, "thread_scope_device", 2);
  add_enumerator(p, p->thread_scope, "thread_scope_simdgroup", 4);
}

static const sm_type *vote_type(sm_parser *p, const char *name) {
  sm_type *type = sm_type_struct(p, tm_intern_cstr(p->names, name));
  sm_member m = {tm_intern_cstr(p->names, "(votes)"), p->scalars[SM_ULONG], 0};
  tm_push(p->arena, &type->structure->members, m);
  sm_type_layout(type, NULL);
  return type;
}

void sm_types_init(sm_parser *p) {
  p->types = tm_map_in(p->arena);
  p->type_names = tm_map_in(p->arena);
  p->enums = tm_map_in(p->arena);
  p->size_structs = tm_map_in(p->arena);
  p->structs = tm_map_in(p->arena);
  p->array_types = tm_map_in(p->arena);
  p->constexprs = tm_map_in(p->arena);
  for (int s = 0; s < SM_SCALARS; s++) {
    sm_type key = {0};
    key.kind = SM_T_SCALAR;
    key.scalar = (sm_scalar)s;
    p->scalars[s] = unique(p, &key);
  }
  sm_type *error = TM_NEW(p->arena, sm_type);
  error->kind = SM_T_SCALAR; /* a harmless shape: code may look at it */
  error->scalar = SM_VOID;
  error->size = error->align = 1;
  error->spelling = "<error>";
  p->error_type = error;
  sm_type *null = TM_NEW(p->arena, sm_type);
  null->kind = SM_T_ENUM; /* scoped: it converts to pointers only */
  null->scalar = SM_INT;
  null->size = null->align = 8;
  null->spelling = "nullptr_t";
  p->null_type = null;
  p->simd_vote = vote_type(p, "simd_vote");
  p->quad_vote = vote_type(p, "quad_vote");
  sm_type *log = sm_type_struct(p, tm_intern_cstr(p->names, "os_log"));
  sm_type_layout(log, NULL);
  p->log_type = log;
  library_enums(p);
}

/* Takes the scalar's name off the front of *text. */
static bool take_scalar(const char **text, sm_scalar *out) {
  for (int s = SM_BOOL; s < SM_SCALARS; s++) {
    size_t n = strlen(scalar_info[s].name);
    if (strncmp(*text, scalar_info[s].name, n) != 0) continue;
    *text += n;
    *out = (sm_scalar)s;
    return true;
  }
  return false;
}

static uint32_t take_count(const char **text) {
  if (**text < '2' || **text > '4') return 0;
  return (uint32_t)(*(*text)++ - '0');
}

static const sm_type *shaped_type(sm_parser *p, const char *name) {
  sm_scalar s;
  bool packed = strncmp(name, "packed_", 7) == 0;
  const char *text = packed ? name + 7 : name;
  if (!take_scalar(&text, &s)) return NULL;
  if (!*text) return packed ? NULL : p->scalars[s];
  uint32_t n = take_count(&text);
  if (!n || (packed && s == SM_BOOL)) return NULL;
  if (!*text) return sm_type_vector(p, s, n, packed);
  if (packed || *text++ != 'x') return NULL;
  uint32_t rows = take_count(&text);
  if (!rows || *text || (s != SM_FLOAT && s != SM_HALF)) return NULL;
  return sm_type_matrix(p, s, n, rows);
}

/* <simd/simd.h>, which headers that hosts and kernels share include: another
 * name of float4 is simd_float4 and vector_float4, of float4x4 simd_float4x4
 * and matrix_float4x4. */
static const sm_type *simd_type(sm_parser *p, const char *name) {
  bool vectors = strncmp(name, "vector_", 7) == 0;
  bool matrices = strncmp(name, "matrix_", 7) == 0;
  bool both = strncmp(name, "simd_", 5) == 0;
  if (!p->has_simd || !(vectors || matrices || both)) return NULL;
  const sm_type *type = shaped_type(p, name + (both ? 5 : 7));
  if (!type || type->packed) return NULL;
  if (type->kind == SM_T_VECTOR) return matrices ? NULL : type;
  return type->kind == SM_T_MATRIX && !vectors ? type : NULL;
}

static const sm_type *fragment_type(sm_parser *p, const char *name) {
  sm_scalar s;
  const char *text = name + strlen("simdgroup_");
  if (!take_scalar(&text, &s) || strcmp(text, "8x8") != 0) return NULL;
  return sm_is_floating(s) ? sm_type_fragment(p, s) : NULL;
}

static const sm_type *atomic_type(sm_parser *p, const char *name) {
  static const sm_scalar scalars[] = {SM_INT, SM_UINT, SM_BOOL, SM_FLOAT,
                                      SM_ULONG};
  for (size_t i = 0; i < TM_COUNT(scalars); i++)
    if (strcmp(name + strlen("atomic_"), sm_scalar_name(scalars[i])) == 0)
      return sm_type_atomic(p, scalars[i]);
  return NULL;
}

/* size_t and the fixed-width names of <stdint.h>. */
static const sm_type *standard_type(sm_parser *p, const char *name) {
  static const struct {
    const char *name;
    sm_scalar scalar;
  } rows[] = {
    {"size_t", SM_ULONG},   {"ptrdiff_t", SM_LONG},  {"int8_t", SM_CHAR},
    {"uint8_t", SM_UCHAR},  {"int16_t", SM_SHORT},   {"uint16_t", SM_USHORT},
    {"int32_t", SM_INT},    {"uint32_t", SM_UINT},   {"int64_t", SM_LONG},
    {"uint64_t", SM_ULONG}, {"uintptr_t", SM_ULONG}, {"intptr_t", SM_LONG},
  };
  for (size_t i = 0; i < TM_COUNT(rows); i++)
    if (strcmp(rows[i].name, name) == 0) return p->scalars[rows[i].scalar];
  return NULL;
}

const sm_type *sm_type_library(sm_parser *p, tm_name name) {
  uint64_t known;
  if (tm_map_get(&p->type_names, TM_KEY(name), &known))
    return (const sm_type *)(uintptr_t)known;
  const sm_type *type = NULL;
  if (strncmp(name, "simdgroup_", 10) == 0)
    type = fragment_type(p, name);
  else if (strncmp(name, "atomic_", 7) == 0)
    type = atomic_type(p, name);
  else if (strcmp(name, "simd_vote") == 0)
    type = p->simd_vote;
  else if (strcmp(name, "quad_vote") == 0)
    type = p->quad_vote;
  else if (strcmp(name, "os_log") == 0)
    type = sm_log_type(p);
  else if (strcmp(name, "mem_flags") == 0)
    type = p->mem_flags->type;
  else if (strcmp(name, "memory_order") == 0)
    type = p->memory_order->type;
  else if (strcmp(name, "thread_scope") == 0)
    type = p->thread_scope->type;
  else if (!(type = shaped_type(p, name)) && !(type = simd_type(p, name)))
    type = standard_type(p, name);
  tm_map_put(&p->type_names, TM_KEY(name), TM_KEY(type));
  return type;
}

const char *sm_type_unavailable(const sm_parser *p, const sm_type *type) {
  switch (type->kind) {
    case SM_T_SCALAR:
    case SM_T_VECTOR:
      if (type->scalar == SM_BFLOAT && p->version < 310)
        return "bfloat needs MSL 3.1";
      if ((type->scalar == SM_LONG || type->scalar == SM_ULONG) &&
          p->version < 220)
        return "64-bit integers need MSL 2.2";
      if ((type->scalar == SM_LONG || type->scalar == SM_ULONG) &&
          type->packed && p->version < 230)
        return "packed vectors of 64-bit integers need MSL 2.3";
      return NULL;
    case SM_T_FRAGMENT:
      if (p->version < 230) return "simdgroup_matrix needs MSL 2.3";
      if (p->options->family < 7)
        return "simdgroup_matrix needs an Apple7 GPU";
      if (type->scalar == SM_BFLOAT && p->version < 310)
        return "bfloat needs MSL 3.1";
      return NULL;
    case SM_T_ATOMIC:
      if (type->scalar == SM_FLOAT && p->version < 300)
        return "atomic_float needs MSL 3.0";
      if (type->scalar == SM_FLOAT && p->options->family < 7)
        return "atomic_float needs an Apple7 GPU";
      if (type->scalar == SM_ULONG && p->version < 240)
        return "atomic_ulong needs MSL 2.4";
      if (type->scalar == SM_ULONG && p->options->family < 8)
        return "atomic_ulong needs an Apple8 GPU";
      if (type->scalar == SM_BOOL && p->version < 240)
        return "atomic_bool needs MSL 2.4";
      return NULL;
    default: return NULL;
  }
}
