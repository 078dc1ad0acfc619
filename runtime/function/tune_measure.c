/* SPDX-License-Identifier: MIT */
/*
 * tune_measure.c - how long a configuration takes on the GPU, on the real
 * buffers of a launch, without a trace of it afterwards.
 *
 *     stream's work ends
 *     each configuration:
 *       save what it writes and is not saved yet; put back what is
 *       warm-up and timed runs:
 *         put back what is read as well (or is in restore_value)
 *         zero what is in reset_to_zero
 *         a command buffer of its own: GPUStartTime to GPUEndTime
 *     put everything back
 *
 * Memory is unified: the host saves and puts back by copying, while the GPU
 * is idle. Whole buffers are saved, since nobody says how far a kernel's
 * writes go. The median of the times counts: the first runs find cold caches
 * and a slow clock, and others may be disturbed by the host's own drawing.
 */
#define _GNU_SOURCE
#include "function.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  WARMUP = 2,
  LEAST_RUNS = 3,
  MOST_RUNS = 25,       /* by default */
  MOST_TIMES = 1024,    /* whatever the caller asks for */
  SPINS = 200,          /* looks at a command buffer before the first sleep */
  SLEEP_NS = 50000
};
static const double default_seconds = 0.05; /* of runs of one configuration */
static const double hopeless = 2; /* when LEAST_RUNS all took so many times the
                                     best median, no more are made */
static const double longest_run = 60; /* seconds, as a stream's stall_ms */
static const uint64_t most_saved = (uint64_t)1 << 30; /* bytes */

/* ---- saving -------------------------------------------------------------- */

static tmi_saved *saved_of(tmi_timing *t, const tm_buffer *buffer) {
  for (uint32_t i = 0; i < t->n_saved; i++)
    if (t->saved[i].buffer == buffer) return &t->saved[i];
  return NULL;
}

static void refuse(tmi_timing *t, const char *what, const char *name,
                   const char *why) {
  snprintf(t->refusal, sizeof t->refusal, "%s%s%s%s", what, name ? "'" : "",
           name ? name : "", why);
}

/* Saves a buffer once. False without memory, or with a refusal. */
static bool save(tmi_timing *t, tm_buffer *buffer, const char *name,
                 bool each_run) {
  tmi_saved *saved = saved_of(t, buffer);
  if (saved) {
    saved->each_run |= each_run;
    return true;
  }
  if (!buffer->contents) {
    refuse(t, "", name, "' is in private storage, and cannot be put back");
    return false;
  }
  if (t->bytes + buffer->size > most_saved) {
    refuse(t, "the buffers that it writes have more than 1 GiB", NULL, "");
    return false;
  }
  if (t->n_saved == t->room) {
    uint32_t room = t->room ? t->room * 2 : 8;
    tmi_saved *more = realloc(t->saved, room * sizeof *more);
    if (!more) return false;
    t->saved = more;
    t->room = room;
  }
  unsigned char *copy = malloc(buffer->size);
  if (!copy) return false;
  memcpy(copy, buffer->contents, buffer->size);
  t->saved[t->n_saved++] = (tmi_saved){buffer, copy, each_run};
  t->bytes += buffer->size;
  return true;
}

static void put_back(const tmi_timing *t, bool each_run_only) {
  for (uint32_t i = 0; i < t->n_saved; i++)
    if (t->saved[i].each_run || !each_run_only)
      memcpy(t->saved[i].buffer->contents, t->saved[i].copy,
             t->saved[i].buffer->size);
}

/* Zeroes the buffer from the argument on, up to the next argument that is in
 * the same buffer. */
static void zero(const tm_function *f, const tmi_choice *c, const tm_arg *arg) {
  const tm_buffer *buffer = arg->u.buffer;
  uint64_t end = buffer->size;
  for (uint32_t i = 0; i < f->n_params; i++)
    if (c->bound[i]->tag == TM_GIVE_BUFFER &&
        c->bound[i]->u.buffer == buffer && c->bound[i]->offset > arg->offset &&
        c->bound[i]->offset < end)
      end = c->bound[i]->offset;
  if (arg->offset < end)
    memset(buffer->contents + arg->offset, 0, (size_t)(end - arg->offset));
}

static void prepare_run(const tmi_timing *t, const tmi_choice *c) {
  const tm_function *f = t->call->function;
  put_back(t, true);
  for (uint32_t i = 0; i < f->n_params; i++)
    if (f->tuning.reset[i] && c->bound[i]->tag == TM_GIVE_BUFFER)
      zero(f, c, c->bound[i]);
}

/* What the kernel and the options write, before either does. */
static bool save_all(tmi_timing *t, const tmi_dispatch *d,
                     const tmi_choice *c) {
  const tm_function *f = t->call->function;
  const tm_kernel *kernel = d->kernel;
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    const tmi_slot *slot = &kernel->slots[i];
    if (slot->is_buffer && slot->writes &&
        !save(t, d->args[i].u.buffer, kernel->facts.args[i].name, slot->reads))
      return false;
  }
  for (uint32_t i = 0; i < f->n_params; i++) {
    bool restores = f->tuning.restore[i];
    if ((restores || f->tuning.reset[i]) &&
        c->bound[i]->tag == TM_GIVE_BUFFER &&
        !save(t, c->bound[i]->u.buffer, f->params[i].name, restores))
      return false;
  }
  return true;
}

/* ---- one run ------------------------------------------------------------- */

/* 1: it has completed, -1: failed, 0: not in time. */
static int wait_for(tm_id command) {
  double deadline = tmi_seconds() + longest_run;
  for (unsigned spins = 0;; spins++) {
    int state = tm_metal_command_state(command);
    if (state || tmi_seconds() > deadline) return state;
    if (spins < SPINS) continue;
    nanosleep(&(struct timespec){0, SLEEP_NS}, NULL);
  }
}

static tm_status run_failed(const tmi_dispatch *d, tm_id command,
                            tm_error **error) {
  char *text = tm_metal_command_error(command);
  tm_status status =
      tmi_fail(error, TM_E_DEVICE, "kernel '%s' failed on the GPU: %s",
               d->kernel->facts.name, text ? text : "out of memory");
  free(text);
  return status;
}

static tm_status run_once(tmi_timing *t, const tmi_dispatch *d,
                          double *seconds, tm_error **error) {
  tmi_encoder encoder;
  memset(&encoder, 0, sizeof encoder);
  tm_id command = tm_metal_command_new(t->queue);
  if (command) encoder.object = tm_metal_encoder_new(command, false, NULL);
  if (!encoder.object) {
    tm_metal_release(command);
    return tmi_fail(error, TM_E_MEMORY, "Metal has no command buffer to give");
  }
  tmi_dispatch_encode(d, &encoder, NULL);
  tm_metal_encoder_end(encoder.object, NULL);
  double start = tmi_seconds();
  tm_metal_command_commit(command);
  int state = wait_for(command);
  if (!state) { /* it is left to Metal, with what it uses */
    t->is_stuck = true;
    return tmi_fail(error, TM_E_TIMEOUT,
                    "kernel '%s' was measured and did not end in %.0f s",
                    d->kernel->facts.name, longest_run);
  }
  double waited = tmi_seconds() - start, begin = 0, end = 0;
  tm_status status = TM_OK;
  if (state < 0)
    status = run_failed(d, command, error);
  else
    tm_metal_command_times(command, &begin, &end);
  tm_metal_release(command);
  *seconds = end > begin ? end - begin : waited;
  return status;
}

/* ---- one configuration --------------------------------------------------- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static uint32_t runs_of(const tmi_tuning *tuning, double total, uint32_t n) {
  if (tuning->repetitions)
    return tuning->repetitions < MOST_TIMES ? tuning->repetitions : MOST_TIMES;
  return n < LEAST_RUNS || total < default_seconds ? MOST_RUNS : n;
}

static tm_status time_runs(tmi_timing *t, const tmi_dispatch *d,
                           const tmi_choice *c, double *seconds,
                           tm_error **error) {
  const tmi_tuning *tuning = &t->call->function->tuning;
  uint32_t warmup = tuning->warmup ? tuning->warmup : WARMUP;
  double times[MOST_TIMES], total = 0, least = INFINITY;
  uint32_t n = 0;
  tm_status status = TM_OK;
  for (uint32_t i = 0; i < warmup && !status; i++) {
    prepare_run(t, c);
    status = run_once(t, d, &times[0], error);
  }
  while (!status && n < runs_of(tuning, total, n)) {
    prepare_run(t, c);
    status = run_once(t, d, &times[n], error);
    total += times[n];
    if (times[n] < least) least = times[n];
    if (++n == LEAST_RUNS && t->best > 0 && least > hopeless * t->best) break;
  }
  if (status) return status;
  qsort(times, n, sizeof times[0], by_value);
  *seconds = n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
  if (!t->best || *seconds < t->best) t->best = *seconds;
  return TM_OK;
}

tm_status tmi_timing_begin(tmi_timing *t, const tmi_call *call,
                           tm_error **error) {
  memset(t, 0, sizeof *t);
  t->call = call;
  tm_status status =
      tm_stream_synchronize(call->stream, call->stream->stall_ms, error);
  if (status) return status;
  t->queue = tm_metal_queue_new(&call->stream->context->device);
  if (t->queue) return TM_OK;
  return tmi_fail(error, TM_E_MEMORY, "Metal has no command queue to give");
}

tm_status tmi_timing_run(tmi_timing *t, const tmi_variant *variant,
                         tmi_choice *c, double *seconds, tm_error **error) {
  const tm_function *f = t->call->function;
  tmi_flat flat;
  tmi_dispatch d;
  *seconds = 0;
  tm_status status = tmi_variant_args(variant, c, f, &flat, error);
  if (!status)
    status = tmi_dispatch_prepare(f->context, variant->kernel,
                                  tmi_grid_of(t->call, c), flat.args, flat.n,
                                  &d, error);
  if (status) return status;
  if (d.kernel->program.uses_log)
    refuse(t, "the kernel prints or asserts", NULL, "");
  else if (d.kernel->program.uses_addresses)
    refuse(t, "the kernel reaches buffers by address", NULL, "");
  if (t->refusal[0]) return TM_OK;
  put_back(t, false);
  if (!save_all(t, &d, c))
    return t->refusal[0] ? TM_OK : tmi_fail_memory(error);
  return time_runs(t, &d, c, seconds, error);
}

void tmi_timing_end(tmi_timing *t) {
  if (!t->is_stuck) put_back(t, false);
  for (uint32_t i = 0; i < t->n_saved; i++) free(t->saved[i].copy);
  free(t->saved);
  tm_metal_release(t->queue);
}
