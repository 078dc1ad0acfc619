/* SPDX-License-Identifier: MIT */
/*
 * emitter_names.c - identifiers: named after the source, unique where visible,
 * and never a word that MSL or its library gives a meaning.
 *
 * A name may be used again once the scope that it was made in is closed, so
 * that two loops over the same tile read alike. Names never shadow.
 */
#include "emitter.h"

/* Keywords of C++14 and MSL, types, and library names that a local variable
 * would hide or be hidden by (MSL specification 1.5, 2 and 6; Metal's own
 * headers also define the macros at the end). Vector and matrix type names
 * are recognised by is_type_name. */
static const char *const reserved[] = {
  "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor",
  "bool", "break", "case", "catch", "char", "class", "compl", "const",
  "constexpr", "const_cast", "continue", "decltype", "default", "delete",
  "do", "double", "dynamic_cast", "else", "enum", "explicit", "export",
  "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int",
  "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
  "nullptr", "operator", "or", "or_eq", "private", "protected", "public",
  "register", "reinterpret_cast", "return", "short", "signed", "sizeof",
  "static", "static_assert", "static_cast", "struct", "switch", "template",
  "this", "thread_local", "throw", "true", "try", "typedef", "typeid",
  "typename", "union", "unsigned", "using", "virtual", "void", "volatile",
  "wchar_t", "while", "xor", "xor_eq", "char16_t", "char32_t", "concept",
  "requires",
  "kernel", "vertex", "fragment", "device", "constant", "thread",
  "threadgroup", "threadgroup_imageblock", "ray_data", "object_data",
  "patch", "intersection", "visible", "stitchable", "mesh", "object",
  "uchar", "ushort", "uint", "ulong", "half", "bfloat", "size_t",
  "ptrdiff_t", "int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t",
  "uint32_t", "int64_t", "uint64_t", "metal", "vec", "matrix", "array",
  "atomic", "sampler", "texture", "texture1d", "texture2d", "texture3d",
  "texturecube", "depth2d", "as_type", "select", "all", "any", "mix", "step",
  "sign", "clamp", "saturate", "smoothstep", "min", "max", "abs", "fabs",
  "fmin", "fmax", "fma", "floor", "ceil", "round", "rint", "trunc", "fract",
  "fmod", "modf", "exp", "exp2", "exp10", "log", "log2", "log10", "pow",
  "powr", "sqrt", "rsqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
  "asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "sincos",
  "sinpi", "cospi", "tanpi", "copysign", "divide", "fdim", "frexp", "ldexp",
  "ilogb", "nextafter", "isnan", "isinf", "isfinite", "isnormal",
  "isordered", "isunordered", "signbit", "dot", "cross", "length",
  "distance", "normalize", "reflect", "refract", "faceforward",
  "determinant", "transpose", "popcount", "clz", "ctz", "mulhi", "madhi",
  "mad24", "mul24", "rotate", "absdiff", "addsat", "subsat", "hadd", "rhadd",
  "madsat", "reverse_bits", "extract_bits", "insert_bits", "precise", "fast",
  "min3", "max3", "median3", "fmin3", "fmax3", "fmedian3", "discard_fragment",
  "access", "address", "filter", "coord", "main", "assert", "printf",
  "linux", "unix", "simd", "quad", "packed", "complex", "erf", "rem",
  "INFINITY", "NAN", "HUGE_VALF", "MAXFLOAT", "NULL", "INT_MAX", "INT_MIN",
  "UINT_MAX", "FLT_MAX", "FLT_MIN", "FLT_EPSILON", "HALF_MAX", "MAXHALF",
  "CHAR_BIT", "LONG_MAX", "LONG_MIN"
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
    if (strncmp(name, scalars[i], n) != 0) continue;
    const char *p = name + n;
    while ((*p >= '0' && *p <= '9') || *p == 'x') p++;
    if (*p == 0) return true;
  }
  return false;
}

static bool is_reserved(const char *name) {
  for (size_t i = 0; i < TM_COUNT(reserved); i++)
    if (strcmp(name, reserved[i]) == 0) return true;
  for (size_t i = 0; i < TM_COUNT(prefixes); i++)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
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

static bool claim(emitter *e, const char *name) {
  tm_name key = tm_intern_cstr(&e->interned, name);
  uint64_t taken = 0;
  if (tm_map_get(&e->taken, TM_KEY(key), &taken) && taken) return false;
  tm_map_put(&e->taken, TM_KEY(key), 1);
  tm_push(e->arena, &e->active, key);
  return true;
}

void msl_name_claim(emitter *e, const char *name) { claim(e, name); }

const char *msl_name(emitter *e, const char *hint) {
  const char *base = cleaned(e, hint);
  if (claim(e, base)) return base;
  /* Search from 1, so that closed scopes give their names back; names in
   * the thousands go on from the last one, to stay linear. */
  uint64_t next = 1;
  tm_name counter = tm_intern_cstr(&e->interned, msl_text(e, "%s#", base));
  tm_map_get(&e->taken, TM_KEY(counter), &next);
  if (next <= 64) next = 1;
  for (;; next++) {
    const char *name = msl_text(e, "%s_%u", base, (unsigned)next);
    if (!claim(e, name)) continue;
    tm_map_put(&e->taken, TM_KEY(counter), next);
    return name;
  }
}

const char *msl_global_name(emitter *e, const char *hint) {
  const char *name = msl_name(e, hint);
  /* Its entry moves below those of all open scopes. */
  uint32_t last = e->active.len - 1;
  uint32_t at = e->scopes.len ? e->scopes.data[0].names : last;
  tm_name key = e->active.data[last];
  memmove(&e->active.data[at + 1], &e->active.data[at],
          (last - at) * sizeof *e->active.data);
  e->active.data[at] = key;
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
    tm_name name = e->active.data[--e->active.len];
    tm_map_put(&e->taken, TM_KEY(name), 0);
  }
  e->locals.len = scope.locals;
}
