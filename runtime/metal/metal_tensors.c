/* SPDX-License-Identifier: MIT */
/*
 * metal_tensors.c - the probe of tensor operations: are the products of
 * matmul2d there, and are they right?
 *
 * Metal has them on some systems and not on others, and a compiler of one
 * release gave wrong sums in all rows but the first few, without an error
 * (metal_facts.h). So nothing is believed: a kernel of what generated text has
 * (lib/msl/emitter_tensor.c), half and bfloat, padded and transposed tiles of
 * threadgroup memory, a sum over two runs, four simdgroups, is compiled and
 * run, and all of its numbers are compared. They are whole, and too large for
 * sums in 16 bits to hold, so that each must be exact.
 *
 *     system too old -> no      compiles, runs, right -> yes      else no
 */
#define _POSIX_C_SOURCE 200809L
#include "metal.h"

#include <string.h>
#include <time.h>

enum {
  ROWS = 64, COLUMNS = 32, DEPTH = 32, SIMDGROUPS = 4,
  WAIT_MS = 10000 /* for some microseconds of work */
};

/* ROWS, COLUMNS, DEPTH and the pitches (8 more) are written out. */
static const char msl[] =
    "#include <metal_stdlib>\n"
    "#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>\n"
    "using namespace metal;\n"
    "#define PROBE(NAME, T)                                                 \\\n"
    "[[max_total_threads_per_threadgroup(128)]]                             \\\n"
    "kernel void NAME(device float *out [[buffer(0)]],                      \\\n"
    "                 uint tid [[thread_index_in_threadgroup]]) {           \\\n"
    "  threadgroup T a[64 * 40];                                            \\\n"
    "  threadgroup T b[32 * 40];                                            \\\n"
    "  threadgroup float c[64 * 36];                                        \\\n"
    "  constexpr auto shape = mpp::tensor_ops::matmul2d_descriptor(         \\\n"
    "      64, 32, 32, false, true, false,                                  \\\n"
    "      mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate);\\\n"
    "  mpp::tensor_ops::matmul2d<shape, execution_simdgroups<4>> product;   \\\n"
    "  auto left = tensor<threadgroup T, dextents<int32_t, 2>,              \\\n"
    "      tensor_inline>(a, dextents<int32_t, 2>(32, 64),                  \\\n"
    "      array<int32_t, 2>{1, 40});                                       \\\n"
    "  auto right = tensor<threadgroup T, dextents<int32_t, 2>,             \\\n"
    "      tensor_inline>(b, dextents<int32_t, 2>(32, 32),                  \\\n"
    "      array<int32_t, 2>{1, 40});                                       \\\n"
    "  auto sum = product.get_destination_cooperative_tensor<               \\\n"
    "      decltype(left), decltype(right), float>();                       \\\n"
    "  for (ushort e = 0; e < sum.get_capacity(); ++e) {                    \\\n"
    "    sum[e] = 0.0f;                                                     \\\n"
    "  }                                                                    \\\n"
    "  for (int n = int(tid); n < 64 * 32; n += 128) {                      \\\n"
    "    const int row = n / 32, k = n % 32;                                \\\n"
    "    a[row * 40 + k] = T(float((row * 3 + k * 5) % 31 - 15));           \\\n"
    "  }                                                                    \\\n"
    "  for (int n = int(tid); n < 32 * 32; n += 128) {                      \\\n"
    "    const int column = n / 32, k = n % 32;                             \\\n"
    "    b[column * 40 + k] = T(float((column * 7 + k * k) % 29 - 13));     \\\n"
    "  }                                                                    \\\n"
    "  threadgroup_barrier(mem_flags::mem_threadgroup);                     \\\n"
    "  for (int runs = int(out[0]); runs > 0; --runs) {                     \\\n"
    "    product.run(left, right, sum);                                     \\\n"
    "  }                                                                    \\\n"
    "  auto to = tensor<threadgroup float, dextents<int32_t, 2>,            \\\n"
    "      tensor_inline>(c, dextents<int32_t, 2>(32, 64),                  \\\n"
    "      array<int32_t, 2>{1, 36});                                       \\\n"
    "  sum.store(to);                                                       \\\n"
    "  threadgroup_barrier(mem_flags::mem_threadgroup);                     \\\n"
    "  for (int n = int(tid); n < 64 * 32; n += 128) {                      \\\n"
    "    out[1 + n] = c[n / 32 * 36 + n % 32];                              \\\n"
    "  }                                                                    \\\n"
    "}\n"
    "PROBE(probe_half, half)\n"
    "PROBE(probe_bfloat, bfloat)\n";

enum { RUNS = 2 };

static float expected(int row, int column) {
  int sum = 0;
  for (int k = 0; k < DEPTH; k++)
    sum += ((row * 3 + k * 5) % 31 - 15) * ((column * 7 + k * k) % 29 - 13);
  return (float)(RUNS * sum);
}

static bool is_too_old(const tm_metal_device *d, char **text) {
  bool old = d->language_version < TM_TENSOR_MSL ||
             d->macos[0] < TM_TENSOR_MACOS ||
             (d->macos[0] == TM_TENSOR_MACOS &&
              d->macos[1] < TM_TENSOR_MACOS_MINOR);
  if (old)
    *text = tm_metal_format("they need macOS %d.%d (MSL 4.0), and this is "
                            "macOS %u.%u", TM_TENSOR_MACOS,
                            TM_TENSOR_MACOS_MINOR, (unsigned)d->macos[0],
                            (unsigned)d->macos[1]);
  else if (d->family < TM_TENSOR_FAMILY)
    *text = tm_metal_format("%s has no matrix units, which came with M5",
                            d->name);
  return *text != NULL;
}

/* 1: it has ended well, -1: badly, 0: not in time. */
static int wait_for(tm_id command) {
  const struct timespec pause = {0, 1000000};
  int state = 0;
  for (int ms = 0; ms < WAIT_MS && !state; ms++) {
    state = tm_metal_command_state(command);
    if (!state) nanosleep(&pause, NULL);
  }
  return state;
}

/* Runs it once over the buffer. What a command that does not end may still use
 * is kept: *stuck. */
static bool dispatch(tm_id queue, const tm_metal_pipeline *pipeline,
                     tm_id buffer, bool *stuck, char **text) {
  tm_id command = tm_metal_command_new(queue);
  tm_id encoder = command ? tm_metal_encoder_new(command, false, NULL) : NULL;
  int state = -1;
  if (encoder) {
    void *pool = tm_mtl.pool_push();
    tm_metal_set_pipeline(encoder, pipeline->object);
    tm_metal_set_buffer(encoder, buffer, 0, 0);
    tm_metal_dispatch(encoder, (tm_mtl_size){1, 1, 1},
                      (tm_mtl_size){SIMDGROUPS * TM_SIMD_WIDTH, 1, 1});
    tm_mtl.pool_pop(pool);
    tm_metal_encoder_end(encoder, NULL);
    tm_metal_command_commit(command);
    state = wait_for(command);
  }
  *stuck = state == 0;
  if (!encoder) *text = tm_metal_format("Metal gives no command buffer");
  else if (*stuck) *text = tm_metal_format("a product did not end");
  else if (state < 0) *text = tm_metal_command_error(command);
  if (!*stuck) tm_metal_release(command);
  return state == 1;
}

static bool is_right(const float *out, const char *entry, char **text) {
  for (int n = 0; n < ROWS * COLUMNS; n++) {
    float want = expected(n / COLUMNS, n % COLUMNS);
    if (out[n] == want) continue;
    *text = tm_metal_format("%s gives %g at row %d, column %d, where %g is "
                            "right", entry, (double)out[n], n / COLUMNS,
                            n % COLUMNS, (double)want);
    return false;
  }
  return true;
}

static bool try_entry(const tm_metal_device *device, tm_id library,
                      const char *entry, char **text) {
  const uint64_t size = (1 + ROWS * COLUMNS) * sizeof(float);
  tm_metal_pipeline pipeline;
  if (!tm_metal_pipeline_create(&pipeline, device, library, entry, text))
    return false;
  tm_id queue = tm_metal_queue_new(device);
  tm_id buffer = tm_metal_buffer_new(device, size);
  float *out = buffer ? tm_metal_buffer_contents(buffer) : NULL;
  bool ok = false, stuck = false;
  if (!queue || !out) {
    *text = tm_metal_format("Metal gives no queue or no buffer");
  } else {
    memset(out, 0, size);
    out[0] = RUNS; /* read as it runs: how often is not known before */
    ok = dispatch(queue, &pipeline, buffer, &stuck, text) &&
         is_right(out + 1, entry, text);
  }
  if (stuck) return false;
  tm_metal_release(buffer);
  tm_metal_release(queue);
  tm_metal_pipeline_destroy(&pipeline);
  return ok;
}

bool tm_metal_tensors_probe(const tm_metal_device *device, char **text) {
  *text = NULL;
  if (is_too_old(device, text)) return false;
  tm_id library = tm_metal_library_compile(device, msl, sizeof msl - 1,
                                           TM_TENSOR_MSL, text);
  if (!library) return false;
  bool ok = try_entry(device, library, "probe_half", text) &&
            try_entry(device, library, "probe_bfloat", text);
  tm_metal_release(library);
  return ok;
}
