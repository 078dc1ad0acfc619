/* SPDX-License-Identifier: MIT */
/*
 * rt_symbols.c - the names that objects may refer to.
 *
 * Besides our own functions these are the few that LLVM calls by itself and
 * the vector math library of glibc, looked up in libmvec.so.1 by its
 * vector-ABI names: e for AVX-512, d for AVX2, 16 or 8 lanes.
 */
#define _GNU_SOURCE
#include "rt.h"
#include "watch.h"

#include <assert.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define VECTOR_MATH(X) \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) \
  X(asinh) X(acosh) X(atanh) X(log10) X(exp10) X(pow) X(atan2)

/* Scalar forms, for uniform values. */
#define SM_C_MATH(X) \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) \
  X(asinh) X(acosh) X(atanh) X(log10) X(exp10) X(pow) X(atan2) X(fmod) \
  X(nextafter)

enum { MOST = 192, VECTOR_NAMES = 32 };

static sm_symbol symbols[MOST];
static size_t symbol_count;
static struct {
  const char *f;
  uint32_t width;
  char name[32];
} vector_names[VECTOR_NAMES];
static size_t vector_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void add(const char *name, void *address) {
  if (!address || symbol_count == MOST) return;
  symbols[symbol_count].name = name;
  symbols[symbol_count++].address = address;
}

#if defined(__x86_64__)
static void add_vector(void *library, const char *f, uint32_t width) {
  bool two = !strcmp(f, "pow") || !strcmp(f, "atan2");
  if (vector_count == VECTOR_NAMES) return;
  char *name = vector_names[vector_count].name;
  snprintf(name, sizeof(vector_names[0].name), "_ZGV%cN%u%s_%sf",
           width == 16 ? 'e' : 'd', width, two ? "vv" : "v", f);
  void *address = dlsym(library, name);
  if (!address) return;
  vector_names[vector_count].width = width;
  vector_names[vector_count++].f = f;
  add(name, address);
}
#endif

/* C has no portable cast from functions to object pointers. */
#define ADD(function)                              \
  do {                                             \
    __typeof__(&function) pointer_ = function;     \
    void *address_;                                \
    memcpy(&address_, &pointer_, sizeof(address_)); \
    add(#function, address_);                      \
  } while (0)

#if defined(__x86_64__)
/* The compiler's own conversions, called where the CPU has no F16C. */
extern void extend_half(void) __asm__("__extendhfsf2");
extern void truncate_to_half(void) __asm__("__truncsfhf2");

static void add_half(const char *name, void (*function)(void)) {
  void *address;
  memcpy(&address, &function, sizeof(address));
  add(name, address);
}
#endif

static void add_runtime(void) {
  ADD(sm_rt_barrier);
  ADD(sm_rt_interval);
  ADD(sm_rt_diverged);
  ADD(sm_rt_stop);
  ADD(sm_rt_gather);
  ADD(sm_rt_scatter);
  ADD(sm_rt_check);
  ADD(sm_rt_check_store);
  ADD(sm_rt_check_index);
  ADD(sm_rt_check_divisor);
  ADD(sm_rt_log);
  ADD(sm_rt_check_shuffle);
  ADD(sm_rt_watch_barrier);
  ADD(sm_rt_watch_fence);
  ADD(sm_rt_count);
  ADD(sm_rt_count_access);
  ADD(sm_rt_atomic);
  ADD(sm_rt_nextafter_half);
#define ADD_RT(f) ADD(sm_rt_##f);
  SM_RT_MATH1(ADD_RT)
  SM_RT_MATH2(ADD_RT)
#undef ADD_RT
}

static void add_c_library(void) {
#define ADD_C(name) ADD(name##f);
  SM_C_MATH(ADD_C)
#undef ADD_C
  ADD(memcpy);
  ADD(memset);
  ADD(memmove);
  ADD(fmaf);
  ADD(fma);
  ADD(floorf);
  ADD(ceilf);
  ADD(truncf);
  ADD(rintf);
  ADD(roundf);
  ADD(sqrtf);
  ADD(fmaxf);
  ADD(fminf);
}

static void add_matrices(void) {
#define ADD_MATRIX(form)                \
  ADD(sm_rt_matrix_multiply_add##form); \
  ADD(sm_rt_matrix_multiply##form);     \
  ADD(sm_rt_matrix_accumulate##form);   \
  ADD(sm_rt_matrix_load##form);         \
  ADD(sm_rt_matrix_store##form);
  ADD_MATRIX()
#if defined(__x86_64__)
  ADD_MATRIX(_avx2)
  ADD_MATRIX(_avx512)
#endif
#undef ADD_MATRIX
}

#if defined(__x86_64__)
static void add_vectors(void) {
  __builtin_cpu_init();
  void *library = dlopen("libmvec.so.1", RTLD_NOW);
  if (!library) return;
#define ADD_16(f) add_vector(library, #f, 16);
#define ADD_8(f) add_vector(library, #f, 8);
  if (__builtin_cpu_supports("avx512f")) {
    VECTOR_MATH(ADD_16)
  }
  if (__builtin_cpu_supports("avx2")) {
    VECTOR_MATH(ADD_8)
  }
#undef ADD_16
#undef ADD_8
}
#endif

static void fill(void) {
  add_runtime();
  add_c_library();
  add_matrices();
#if defined(__x86_64__)
  add_half("__extendhfsf2", extend_half);
  add_half("__truncsfhf2", truncate_to_half);
  add_vectors();
#endif
  assert(symbol_count < MOST && "a name more would be dropped");
}

const sm_symbol *sm_rt_symbols(size_t *count) {
  pthread_once(&once, fill);
  *count = symbol_count;
  return symbols;
}

const char *sm_rt_vector_math(const char *f, uint32_t width) {
  pthread_once(&once, fill);
  for (size_t i = 0; i < vector_count; i++)
    if (vector_names[i].width == width && !strcmp(vector_names[i].f, f))
      return vector_names[i].name;
  return NULL;
}
