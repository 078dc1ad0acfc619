/* SPDX-License-Identifier: MIT */
/*
 * bench.h - measurements beside a peer, in one table and one JSON list.
 *
 * A bench_* function measures and reports rows. A row either has a peer (its
 * ratio is how much of the peer's speed ours reaches, and must be at least
 * the bar) or a limit (its value must be at most, or at least, the bar). Timings are ratios
 * within one run: each side is timed in turn, several times, and the medians
 * are compared.
 */
#ifndef TM_BENCH_H
#define TM_BENCH_H

#include <tritonmetal.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- bench.c ----------------------------------------------------------- */

/* value <= bar, in unit. */
void bench_limit(const char *name, double value, const char *unit,
                 double bar);
/* value >= bar, in unit. */
void bench_least(const char *name, double value, const char *unit,
                 double bar);
/* value / peer_value >= bar: both are speeds in unit, larger is faster. */
void bench_against(const char *name, double value, const char *unit,
                   const char *peer, double peer_value, double bar);
/* True when the filter of the command line takes this name. */
bool bench_wanted(const char *name);

/* ---- measure.c --------------------------------------------------------- */

extern const char *bench_program; /* argv[0] */
/* Prints the error and ends the program. */
void bench_check_at(tm_status status, tm_error **error);
/* By address: the order in which arguments are evaluated is not defined. */
#define bench_check(status, error) bench_check_at((status), &(error))
double bench_seconds(void);
/* The next of a fixed row of random numbers in [-1, 1). */
float bench_random(void);
/* That softmetal uses, and so the peers. */
unsigned bench_threads(void);
/* Sorts values and returns the middle one. */
double bench_median(double *values, size_t count);
/* Runs both in turn, rounds times after one warm-up each, and stores the
 * median seconds of each. */
void bench_pair(void (*ours)(void *), void (*peer)(void *), void *payload,
                size_t rounds, double *our_seconds, double *peer_seconds);

/* ---- gpu.c: the library under test -------------------------------------- */

typedef struct bench_gpu {
  tm_context *context;
  tm_stream *stream;
} bench_gpu;
bench_gpu bench_gpu_open(void);
void bench_gpu_close(bench_gpu *gpu);
tm_module *bench_module(const char *file); /* of examples/kernels */
char *bench_read(const char *path, size_t *size);
tm_kernel *bench_kernel(bench_gpu *gpu, tm_module *module, const char *name,
                        const char *signature, uint32_t num_warps);
tm_kernel *bench_kernel_with(bench_gpu *gpu, tm_module *module,
                             const char *name,
                             const tm_compile_options *options);
tm_buffer *bench_floats(bench_gpu *gpu, size_t count); /* random in [-1,1) */
void bench_launch(bench_gpu *gpu, tm_kernel *kernel, tm_grid grid,
                  const tm_arg *args, size_t n); /* and wait */

/* ---- picture.c: the end of the demo -------------------------------------- */

/* Renders the ray-marched scene to a PNG file and prints its speed; false when
 * it is wrong or cannot be written. */
bool bench_picture(bench_gpu *gpu, const char *path);

/* ---- the benches -------------------------------------------------------- */

void bench_parse(void);
void bench_compile(void);
void bench_launches(void);
void bench_streams(void);
void bench_graphs(void);
void bench_functions(void);
void bench_autotune(void); /* the model's choice beside the best */
void bench_kernels(void);
void bench_msl(void); /* hand-written MSL, without libtritonmetal */
void bench_emitted(void); /* the compiler's MSL beside hand-written MSL */
void bench_traffic(void); /* bytes: predicted, counted, MLX's */
void bench_start(void);
int bench_first_answer(double started); /* a child of bench_start */
int bench_first_kernel(void);           /* its other one */

/* ---- peer_*.c: what ours is measured beside, -O3 -march=native ---------- */

void peer_add(const float *x, const float *y, float *out, size_t n,
              unsigned threads);
void peer_softmax(const float *x, float *out, size_t rows, size_t columns,
                  unsigned threads);
/* C = A B with OpenBLAS; false when it is not installed. */
bool peer_matmul_open(unsigned threads);
void peer_matmul(const float *a, const float *b, float *c, int m, int n,
                 int k);
const char *peer_matmul_name(void);
/* c = alpha a b + beta c, b perhaps transposed; after peer_matmul_open. */
void peer_product(bool transposed, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb,
                  float beta, float *c, int ldc);
void peer_threads(unsigned threads); /* that OpenBLAS uses */
/* Calls work on every thread; threads is the same in all calls. */
typedef void peer_part(void *payload, unsigned index, unsigned count);
void peer_in_parallel(peer_part *work, void *payload, unsigned threads);
/* Over each row; weight and bias for each column. */
void peer_layer_norm(const float *x, const float *weight, const float *bias,
                     float *out, size_t rows, size_t columns,
                     unsigned threads);
float peer_sum(const float *x, size_t n, unsigned threads);
void peer_tree(const float *x, float *out, size_t groups, unsigned threads);
void peer_attention(const float *q, const float *k, const float *v,
                    float *out, size_t n, unsigned threads);

#endif
