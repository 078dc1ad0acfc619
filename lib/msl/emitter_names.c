/* SPDX-License-Identifier: MIT */
/*
 * emitter_names.c - identifiers: named after the source, unique where visible,
 * and never a word that MSL or its library gives a meaning.
 *
 * A name may be used again once the scope that it was made in is closed, so
 * that two loops over the same tile read alike. Names never shadow.
 */
#include "emitter.h"

#include <stdlib.h>

/* In the order of strcmp: keywords of C++14 and MSL, types, and library names that a local variable
 * would hide or be hidden by (MSL specification 1.5, 2 and 6; Metal's own
 * headers also define the macros at the end). Vector and matrix type names
 * are recognised by is_type_name. */
static const char *const reserved[] = {
  "CHAR_BIT", "FLT_EPSILON", "FLT_MAX", "FLT_MIN", "HALF_MAX", "HUGE_VALF",
  "INFINITY", "INT_MAX", "INT_MIN", "LONG_MAX", "LONG_MIN", "MAXFLOAT",
  "MAXHALF", "NAN", "NULL", "UINT_MAX", "abs", "absdiff", "access", "acos",
  "acosh", "address", "addsat", "alignas", "alignof", "all", "and", "and_eq",
  "any", "array", "as_type", "asin", "asinh", "asm", "assert", "atan",
  "atan2", "atanh", "atomic", "auto", "bfloat", "bitand", "bitor", "bool",
  "break", "case", "catch", "ceil", "char", "char16_t", "char32_t", "clamp",
  "class", "clz", "compl", "complex", "concept", "const", "const_cast",
  "constant", "constexpr", "continue", "coord", "copysign", "cos", "cosh",
  "cospi", "cross", "ctz", "decltype", "default", "delete", "depth2d",
  "determinant", "device", "discard_fragment", "distance", "divide", "do",
  "dot", "double", "dynamic_cast", "else", "enum", "erf", "exp", "exp10",
  "exp2", "explicit", "export", "extern", "extract_bits", "fabs",
  "faceforward", "false", "fast", "fdim", "filter", "float", "floor", "fma",
  "fmax", "fmax3", "fmedian3", "fmin", "fmin3", "fmod", "for", "fract",
  "fragment", "frexp", "friend", "goto", "hadd", "half", "if", "ilogb",
  "inline", "insert_bits", "int", "int16_t", "int32_t", "int64_t", "int8_t",
  "intersection", "isfinite", "isinf", "isnan", "isnormal", "isordered",
  "isunordered", "kernel", "ldexp", "length", "linux", "log", "log10", "log2",
  "long", "mad24", "madhi", "madsat", "main", "matrix", "max", "max3",
  "median3", "mesh", "metal", "min", "min3", "mix", "modf", "mul24", "mulhi",
  "mutable", "namespace", "new", "nextafter", "noexcept", "normalize", "not",
  "not_eq", "nullptr", "object", "object_data", "operator", "or", "or_eq",
  "packed", "patch", "popcount", "pow", "powr", "precise", "printf",
  "private", "protected", "ptrdiff_t", "public", "quad", "ray_data",
  "reflect", "refract", "register", "reinterpret_cast", "rem", "requires",
  "return", "reverse_bits", "rhadd", "rint", "rotate", "round", "rsqrt",
  "sampler", "saturate", "select", "short", "sign", "signbit", "signed",
  "simd", "sin", "sincos", "sinh", "sinpi", "size_t", "sizeof", "smoothstep",
  "sqrt", "static", "static_assert", "static_cast", "step", "stitchable",
  "struct", "subsat", "switch", "tan", "tanh", "tanpi", "template", "texture",
  "texture1d", "texture2d", "texture3d", "texturecube", "this", "thread",
  "thread_local", "threadgroup", "threadgroup_imageblock", "throw",
  "transpose", "true", "trunc", "try", "typedef", "typeid", "typename",
  "uchar", "uint", "uint16_t", "uint32_t", "uint64_t", "uint8_t", "ulong",
  "union", "unix", "unsigned", "ushort", "using", "vec", "vertex", "virtual",
  "visible", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"
};

static const char *const prefixes[] = { /* whole families of library names */
  "simd_", "simdgroup_", "quad_", "atomic_", "threadgroup_", "metal_",
  "packed_", "make_filled_", "mem_flags", "memory_order", "air", "M_PI",
  "__"
};

/* float, float4, half8x8, uint3, packed_int2, ... */
static bool is_type_name(const char *name) {
  static const char *const scalars[] = {
    "bool", "char", "uchar", "short", "ushort", "int", "uint", "long",
    "ulong", "half", "bfloat", "float", "double"
  };
  for (size_t i = 0; i < TM_COUNT(scalars); i++) {
    size_t n = strlen(scalars[i]);
    if (name[0] != scalars[i][0] || strncmp(name, scalars[i], n) != 0)
      continue;
    const char *p = name + n;
    while ((*p >= '0' && *p <= '9') || *p == 'x') p++;
    if (*p == 0) return true;
  }
  return false;
}

static int by_text(const void *key, const void *item) {
  return strcmp(key, *(const char *const *)item);
}

static bool is_reserved(const char *name) {
  if (bsearch(name, reserved, TM_COUNT(reserved), sizeof reserved[0], by_text))
    return true;
  for (size_t i = 0; i < TM_COUNT(prefixes); i++)
    if (name[0] == prefixes[i][0] &&
        strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
      return true;
  return is_type_name(name);
}

/* Letters, digits and single underscores, not starting with a digit or an
 * underscore, at most 40 bytes. */
static const char *cleaned(emitter *e, const char *hint) {
  char text[44];
  size_t n = 0;
  for (const char *p = hint; *p && n < 40; p++) {
    bool digit = *p >= '0' && *p <= '9';
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    if (digit && n == 0) text[n++] = 'v';
    if (digit || letter) text[n++] = *p;
    else if (n > 0 && text[n - 1] != '_') text[n++] = '_';
  }
  while (n > 0 && text[n - 1] == '_') n--;
  if (n == 0) text[n++] = 'v';
  text[n] = 0;
  return msl_text(e, is_reserved(text) ? "%s_" : "%s", text);
}

/* What is made of a hint. Hints are never changed, so the same pointer is the
 * same text; different hints may make the same base. */
static msl_base *base_of(emitter *e, const char *hint) {
  uint64_t found = 0;
  if (tm_map_get(&e->base_of_hint, TM_KEY(hint), &found))
    return (msl_base *)(uintptr_t)found;
  tm_name text = tm_intern_cstr(&e->interned, cleaned(e, hint));
  if (!tm_map_get(&e->base_of_text, TM_KEY(text), &found)) {
    msl_base *made = TM_NEW(e->arena, msl_base);
    *made = (msl_base){.text = text, .next = 1};
    found = TM_KEY(made);
    tm_map_put(&e->base_of_text, TM_KEY(text), found);
  }
  tm_map_put(&e->base_of_hint, TM_KEY(hint), found);
  return (msl_base *)(uintptr_t)found;
}

/* number: name is base->text with that number behind it. */
static bool claim(emitter *e, const char *name, msl_base *base,
                  uint32_t number) {
  tm_name key = tm_intern_cstr(&e->interned, name);
  uint64_t taken = 0;
  if (tm_map_get(&e->taken, TM_KEY(key), &taken) && taken) return false;
  tm_map_put(&e->taken, TM_KEY(key), 1);
  if (number) base->taken |= 1ull << (number - 1);
  tm_push(e->arena, &e->active, ((msl_active){key, base, number}));
  return true;
}

void msl_name_claim(emitter *e, const char *name) { claim(e, name, NULL, 0); }

const char *msl_name(emitter *e, const char *hint) {
  msl_base *base = base_of(e, hint);
  if (claim(e, base->text, base, 0)) return base->text;
  /* Search from 1, so that closed scopes give their names back; names in
   * the thousands go on from the last one, to stay linear. */
  for (uint32_t n = base->next <= MSL_REUSED ? 1 : base->next;; n++) {
    bool reused = n <= MSL_REUSED;
    if (reused && base->taken >> (n - 1) & 1) continue;
    const char *name = msl_text(e, "%s_%u", base->text, (unsigned)n);
    if (!claim(e, name, base, reused ? n : 0)) continue;
    base->next = n;
    return name;
  }
}

const char *msl_global_name(emitter *e, const char *hint) {
  const char *name = msl_name(e, hint);
  /* Its entry moves below those of all open scopes. */
  uint32_t last = e->active.len - 1;
  uint32_t at = e->scopes.len ? e->scopes.data[0].names : last;
  msl_active moved = e->active.data[last];
  memmove(&e->active.data[at + 1], &e->active.data[at],
          (last - at) * sizeof *e->active.data);
  e->active.data[at] = moved;
  for (uint32_t s = 0; s < e->scopes.len; s++) e->scopes.data[s].names++;
  return name;
}

const char *msl_name_of(emitter *e, tm_value v, const char *otherwise) {
  const char *name = tm_val(e->ir, v)->name;
  return msl_name(e, name && *name ? name : otherwise);
}

void msl_scope_open(emitter *e) {
  msl_scope scope = {e->locals.len, e->active.len};
  tm_push(e->arena, &e->scopes, scope);
}

void msl_scope_close(emitter *e) {
  msl_scope scope = e->scopes.data[--e->scopes.len];
  while (e->active.len > scope.names) {
    const msl_active *a = &e->active.data[--e->active.len];
    tm_map_put(&e->taken, TM_KEY(a->name), 0);
    if (a->number) a->base->taken &= ~(1ull << (a->number - 1));
  }
  while (e->locals.len > scope.locals) {
    const msl_local *local = &e->locals.data[--e->locals.len];
    e->values[local->value].local = local->older;
  }
}
