/* SPDX-License-Identifier: MIT */
/*
 * metal_times.c - when the GPU worked.
 *
 * A command buffer tells when the GPU began and ended it. What is inside it
 * is told apart by timestamps that the GPU writes to an
 * MTLCounterSampleBuffer, on Apple's GPUs where an encoder begins and ends
 * and nowhere else; so a launch that is to be timed has an encoder of its
 * own. An MTLComputePassDescriptor says where the stamps go.
 */
#define _GNU_SOURCE
#include "metal.h"

#include <string.h>
#include <time.h>

double tm_metal_host_seconds(void) {
  struct timespec t;
#if defined(__APPLE__)
  clock_gettime(CLOCK_UPTIME_RAW, &t); /* mach_absolute_time */
#else
  clock_gettime(CLOCK_MONOTONIC, &t);  /* softmetal's */
#endif
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void tm_metal_command_times(tm_id command, double *begin, double *end) {
  double (*send)(tm_id, tm_sel) = (double (*)(tm_id, tm_sel))tm_mtl.send;
  *begin = send(command, tm_mtl.sel.gpu_start);
  *end = send(command, tm_mtl.sel.gpu_end);
}

double tm_metal_command_end(tm_id command) {
  double begin, end;
  tm_metal_command_times(command, &begin, &end);
  return end > 0 ? end : tm_metal_host_seconds();
}

/* ---- samples ------------------------------------------------------------ */

static bool same_name(tm_id a, tm_id b) {
  const char *x = a ? tm_send_P(a, tm_mtl.sel.utf8_string) : NULL;
  const char *y = b ? tm_send_P(b, tm_mtl.sel.utf8_string) : NULL;
  return x && y && strcmp(x, y) == 0;
}

/* The device's MTLCounterSet of timestamps, borrowed; or NULL. */
static tm_id timestamp_set(tm_id device) {
  if (!tm_mtl.timestamp_set ||
      !tm_metal_responds(device, tm_mtl.sel.supports_sampling) ||
      !tm_send_B_U(device, tm_mtl.sel.supports_sampling, TM_SAMPLE_AT_STAGE))
    return NULL;
  tm_id sets = tm_send_P(device, tm_mtl.sel.counter_sets);
  unsigned long n = sets ? tm_send_U(sets, tm_mtl.sel.count) : 0;
  for (unsigned long i = 0; i < n; i++) {
    tm_id set = tm_send_P_U(sets, tm_mtl.sel.object_at, i);
    if (same_name(tm_send_P(set, tm_mtl.sel.name), *tm_mtl.timestamp_set))
      return set;
  }
  return NULL;
}

tm_id tm_metal_samples_new(const tm_metal_device *device, uint32_t count) {
  void *pool = tm_mtl.pool_push();
  tm_id set = timestamp_set(device->object), samples = NULL;
  tm_id descriptor =
      set ? tm_send_P(tm_mtl.cls.sample_descriptor, tm_mtl.sel.alloc) : NULL;
  if (descriptor) descriptor = tm_send_P(descriptor, tm_mtl.sel.init);
  if (descriptor) {
    tm_send_v_P(descriptor, tm_mtl.sel.set_counter_set, set);
    tm_send_v_U(descriptor, tm_mtl.sel.set_sample_count, count);
    tm_send_v_U(descriptor, tm_mtl.sel.set_storage_mode,
                TM_STORAGE_MODE_SHARED);
    tm_id error = NULL;
    samples = ((tm_id(*)(tm_id, tm_sel, tm_id, tm_id *))tm_mtl.send)(
        device->object, tm_mtl.sel.new_samples, descriptor, &error);
    tm_metal_release(descriptor);
  }
  tm_mtl.pool_pop(pool);
  return samples;
}

bool tm_metal_samples_read(tm_id samples, uint32_t count, uint64_t *out) {
  void *pool = tm_mtl.pool_push();
  tm_id data = ((tm_id(*)(tm_id, tm_sel, tm_mtl_range))tm_mtl.send)(
      samples, tm_mtl.sel.resolve_samples, (tm_mtl_range){0, count});
  size_t size = count * sizeof *out;
  bool ok = data && tm_send_U(data, tm_mtl.sel.length) >= size;
  if (ok) memcpy(out, tm_send_P(data, tm_mtl.sel.bytes), size);
  tm_mtl.pool_pop(pool);
  return ok;
}

static tm_id attachment(tm_id pass) {
  return tm_send_P_U(tm_send_P(pass, tm_mtl.sel.pass_attachments),
                     tm_mtl.sel.subscript, 0);
}

tm_id tm_metal_pass_new(tm_id samples) {
  void *pool = tm_mtl.pool_push();
  tm_id pass =
      tm_send_P(tm_mtl.cls.pass_descriptor, tm_mtl.sel.pass_descriptor);
  if (pass) {
    pass = tm_mtl.retain(pass);
    tm_send_v_P(attachment(pass), tm_mtl.sel.set_sample_buffer, samples);
  }
  tm_mtl.pool_pop(pool);
  return pass;
}

tm_id tm_metal_encoder_sampled(tm_id command, tm_id pass, uint32_t first,
                               tm_id fence) {
  void *pool = tm_mtl.pool_push();
  tm_id at = attachment(pass);
  tm_send_v_U(at, tm_mtl.sel.set_start_sample, first);
  tm_send_v_U(at, tm_mtl.sel.set_end_sample, first + 1);
  tm_id encoder = tm_send_P_P(command, tm_mtl.sel.encoder_with_pass, pass);
  if (encoder) encoder = tm_mtl.retain(encoder);
  if (encoder && fence)
    tm_send_v_P(encoder, tm_mtl.sel.wait_fence, fence);
  tm_mtl.pool_pop(pool);
  return encoder;
}
