/* SPDX-License-Identifier: MIT */
/*
 * context.c - tm_context: settings, a cache, and one GPU.
 *
 * The device is opened by the first call that needs one, so that compiling
 * works where there is none; a failure is not remembered, since what was
 * missing may have been installed meanwhile.
 */
#define _GNU_SOURCE
#include "context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double tmi_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- forks --------------------------------------------------------------- */

atomic_uint tmi_forks;
static atomic_uint metal_forks; /* one more than tmi_forks when a device was
                                   last opened; 0: never */

static void count_fork(void) {
  tmi_handles_unlock();
  atomic_fetch_add(&tmi_forks, 1);
}
static void watch_forks(void) {
  pthread_atfork(tmi_handles_lock, tmi_handles_unlock, count_fork);
}

bool tmi_is_forked(const tm_context *context) {
  return context->forks !=
         atomic_load_explicit(&tmi_forks, memory_order_relaxed);
}

tm_status tmi_fail_forked(const char *call, tm_error **error) {
  return tmi_fail(error, TM_E_ARGUMENT,
                  "%s: the object was made before this process was forked, "
                  "and does not work here: make a context of this process's "
                  "own",
                  call);
}

/* Metal's connections and threads are the parent's. */
static tm_status check_metal_fork(tm_error **error) {
  unsigned opened = atomic_load(&metal_forks);
  if (!opened || opened == atomic_load(&tmi_forks) + 1) return TM_OK;
  return tmi_fail(error, TM_E_NO_DEVICE,
                  "this process was forked from one that had opened the Metal "
                  "device, which does not survive a fork: start it by exec "
                  "(posix_spawn; Python's 'spawn'), or fork before a device "
                  "is needed");
}

/* ---- life --------------------------------------------------------------- */

/* What was wrong with the settings, a line each. */
static void log_warnings(tm_context *context) {
  const char *line = context->settings.warnings;
  while (line && *line) {
    int n = (int)strcspn(line, "\n");
    tmi_log(context, 0, "%.*s", n, line);
    line += n + (line[n] != 0);
  }
}

tm_status tm_context_create(tm_context **out, const tm_context_options *options,
                            tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  tm_context *context = calloc(1, sizeof *context);
  if (!context) return tmi_fail_memory(error);
  context->forks = atomic_load(&tmi_forks);
  tm_status status = tmi_settings_read(&context->settings, options, error);
  if (status) {
    free(context);
    return status;
  }
  const char *chip = context->settings.chip;
  if (chip && !tm_chip_by_name(chip))
    status = tmi_fail(error, TM_E_ARGUMENT,
                      "there is no chip '%s': m1 to m5, with -pro, -max or "
                      "-ultra",
                      chip);
  if (!status) {
    context->store = tm_store_open(context->settings.cache_path,
                                   context->settings.cache_limit);
    if (!context->store) status = tmi_fail_memory(error);
  }
  if (status) {
    tmi_settings_free(&context->settings);
    free(context);
    return status;
  }
  atomic_init(&context->references, 1);
  pthread_mutex_init(&context->lock, NULL);
  pthread_mutex_init(&context->tensor_lock, NULL);
  tmi_pool_init(&context->pool);
  tmi_exposed_init(&context->exposed);
  tmi_profiler_init(&context->profiler);
  tm_arena_init(&context->texts, 16 << 20);
  log_warnings(context);
  if (context->settings.check_handles)
    tmi_handles_check(context->settings.check_handles == TM_SWITCH_ON);
  if (context->settings.log)
    tmi_handles_log(context->settings.log, context->settings.payload);
  *out = tmi_handle_add(context, TMI_CONTEXT);
  return TM_OK;
}

void tmi_context_retain(tm_context *context) {
  atomic_fetch_add(&context->references, 1);
}

void tmi_context_release(tm_context *context) {
  if (!context || tmi_is_forked(context) ||
      atomic_fetch_sub(&context->references, 1) != 1)
    return;
  tmi_pool_free(&context->pool);
  tmi_exposed_free(&context->exposed);
  tmi_profiler_free(&context->profiler);
  if (context->has_device) tm_metal_device_close(&context->device);
  tm_store_close(context->store);
  tmi_handles_unlog(context->settings.log, context->settings.payload);
  tmi_settings_free(&context->settings);
  tm_arena_free(&context->texts);
  free(context->tensor_trouble);
  pthread_mutex_destroy(&context->tensor_lock);
  pthread_mutex_destroy(&context->lock);
  tmi_handle_free(context);
}

void tm_context_destroy(tm_context *context) {
  if (!context || !tmi_handle_drop(context, TMI_CONTEXT, __func__) ||
      tmi_is_forked(context))
    return;
  /* A session keeps kernels, and they the context. */
  tmi_profiler_drop(&context->profiler);
  tmi_context_release(context);
}

/* ---- the device --------------------------------------------------------- */

tm_status tmi_fail_metal(tm_error **error, tm_status status, const char *what,
                         char *text) {
  /* softmetal finds its compiler only when it must compile. */
  if (text && strstr(text, "libLLVM not found")) status = TM_E_MISSING_LIBRARY;
  status = text ? tmi_fail(error, status, "%s%s", what, text)
                : tmi_fail_memory(error);
  free(text);
  return status;
}

/* Lock held. */
static tm_status open_device(tm_context *context, tm_error **error) {
  char *text = NULL;
  tm_status status = check_metal_fork(error);
  if (status) return status;
  if (!tm_metal_load(&text))
    return tmi_fail_metal(error, TM_E_MISSING_LIBRARY, "", text);
  tm_metal_device device;
  if (!tm_metal_device_open(&device, context->settings.device, &text))
    return tmi_fail_metal(error, TM_E_NO_DEVICE, "", text);
  context->device = device;
  context->device_chip = tm_chip_by_device(device.name);
  if (!context->device_chip && device.family)
    context->device_chip = tm_chip_by_family(device.family);
  atomic_store(&metal_forks, atomic_load(&tmi_forks) + 1);
  atomic_store(&context->has_device, true);
  tmi_log(context, 1, "device %s, from %s", device.name, tm_mtl.path);
  return TM_OK;
}

tm_status tmi_context_device(tm_context *context, tm_error **error) {
  if (atomic_load_explicit(&context->has_device, memory_order_acquire))
    return TM_OK;
  pthread_mutex_lock(&context->lock);
  tm_status status = TM_OK;
  if (!context->has_device) status = open_device(context, error);
  pthread_mutex_unlock(&context->lock);
  return status;
}

tm_status tmi_context_chip(tm_context *context, const char *name,
                           const tm_chip **chip, tm_error **error) {
  if (!name) name = context->settings.chip;
  if (name) {
    *chip = tm_chip_by_name(name);
    if (*chip) return TM_OK;
    return tmi_fail(error, TM_E_ARGUMENT,
                    "there is no chip '%s': m1 to m5, with -pro, -max or "
                    "-ultra",
                    name);
  }
  tm_status status = tmi_context_device(context, error);
  if (status) return status;
  *chip = context->device_chip;
  if (*chip) return TM_OK;
  return tmi_fail(error, TM_E_UNSUPPORTED,
                  "the device '%s' is not an Apple GPU of the M series",
                  context->device.name);
}

const char *tm_chip_name(size_t index) {
  uint32_t count;
  const tm_chip *table = tm_chip_table(&count);
  return index < count ? table[index].name : NULL;
}

/* ---- the log ------------------------------------------------------------ */

void tmi_log(tm_context *context, uint32_t level, const char *format, ...) {
  const tmi_settings *s = &context->settings;
  /* A library does not write to stderr on its own. */
  if (level > s->debug_level || (!level && !s->log && !s->debug_level))
    return;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  char *line = n < 0 ? NULL : malloc((size_t)n + 1);
  if (line) {
    vsnprintf(line, (size_t)n + 1, format, again);
    if (context->settings.log)
      context->settings.log(context->settings.payload, level, line);
    else
      fprintf(stderr, "tritonmetal: %s\n", line);
  }
  free(line);
  va_end(again);
  va_end(args);
}
