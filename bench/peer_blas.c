/* SPDX-License-Identifier: MIT */
/*
 * peer_blas.c - OpenBLAS, found with dlopen so that it is no dependency.
 *
 * Where the processor has AVX-512 and OpenBLAS does not know its model it
 * falls back to a slower core type; naming SkylakeX gives the peer its best.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void sgemm(int order, int ta, int tb, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb,
                   float beta, float *c, int ldc);

static sgemm *multiply;
static void (*set_threads)(int);
static const char *name = "OpenBLAS sgemm";

bool peer_matmul_open(unsigned threads) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && !getenv("OPENBLAS_CORETYPE")) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
    name = "OpenBLAS sgemm (SkylakeX)";
  }
#endif
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libopenblas.dylib", RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
  /* POSIX's own idiom: ISO C has no cast from object to function pointer. */
  *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
  *(void **)&multiply = dlsym(library, "cblas_sgemm");
  if (set_threads) set_threads((int)threads);
  return multiply != NULL;
}

void peer_matmul(const float *a, const float *b, float *c, int m, int n,
                 int k) {
  multiply(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1, a, k, b, n, 0,
           c, n);
}

void peer_product(bool transposed, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb,
                  float beta, float *c, int ldc) {
  multiply(ROW_MAJOR, NO_TRANSPOSE, transposed ? TRANSPOSE : NO_TRANSPOSE, m,
           n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void peer_threads(unsigned threads) {
  if (set_threads) set_threads((int)threads);
}

const char *peer_matmul_name(void) { return name; }
