/* SPDX-License-Identifier: MIT */
/* arrays.c - random arrays of any element type. */
#include "arrays.h"

#include <string.h>

static const struct {
  const char *name;
  tm_scalar scalar;
} names[] = {
    {"i1", TM_I1},     {"i8", TM_I8},     {"i16", TM_I16},
    {"i32", TM_I32},   {"i64", TM_I64},   {"u1", TM_I1},
    {"u8", TM_I8},     {"u16", TM_I16},   {"u32", TM_I32},
    {"u64", TM_I64},   {"fp16", TM_F16},  {"bf16", TM_BF16},
    {"fp32", TM_F32},  {"fp64", TM_F64},  {"fp8e4nv", TM_FP8E4NV},
    {"fp8e5", TM_FP8E5},   {"fp8e4b8", TM_FP8E4B8},
    {"fp8e5b16", TM_FP8E5B16},
};

tm_scalar eval_scalar_named(const char *name) {
  for (size_t i = 0; i < TM_COUNT(names); i++)
    if (strcmp(names[i].name, name) == 0) return names[i].scalar;
  return TM_I8;
}

size_t eval_element_size(tm_scalar s) {
  return s == TM_I1 ? 1 : tm_scalar_bits(s) / 8;
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014). */
static uint64_t next(uint64_t *seed) {
  uint64_t z = *seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void eval_fill(void *data, tm_scalar s, size_t n, uint64_t *seed) {
  size_t size = eval_element_size(s);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = next(seed) >> 40; /* 24 bits */
    if (tm_scalar_is_float(s)) {
      double x = (double)bits * 0x1p-23 - 1;
      bits = tm_eval_encode(s, tm_eval_round(s, x, false));
    } else {
      bits &= s == TM_I1 ? 1 : 7;
    }
    memcpy((char *)data + i * size, &bits, size); /* little-endian hosts */
  }
}

double eval_element(const void *data, tm_scalar s, size_t index) {
  size_t size = eval_element_size(s);
  uint64_t bits = 0;
  memcpy(&bits, (const char *)data + index * size, size);
  if (tm_scalar_is_float(s)) return tm_eval_decode(s, bits);
  return (double)tm_eval_wrap(s, (int64_t)bits);
}
