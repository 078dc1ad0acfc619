/* SPDX-License-Identifier: MIT */
/*
 * environment.c - the compatibility check: what is here, what is missing, and
 * how to get it.
 *
 *   device, system   asked of Metal when the device was opened
 *   chip             the row of the chip table that its name names
 *   probe            a small kernel that Metal compiles, so that a compiler
 *                    that is not there is found here and not by a launch
 *
 * What follows from these, missing things and optimizations, is judged here;
 * environment_report.c writes it down.
 */
#define _GNU_SOURCE
#include "environment.h"

#include <stdlib.h>
#include <string.h>

static const char *copy(tm_context *context, const char *text) {
  return text && *text ? tm_strndup(&context->texts, text, strlen(text))
                       : NULL;
}

/* ---- what is here ------------------------------------------------------- */

static const char *variant_name(const tm_chip *chip) {
  static const char *const names[] = {"base", "pro", "max", "ultra"};
  return names[chip->variant];
}

static void fill_chip(const tm_chip *chip, tm_environment_facts *f) {
  f->chip = chip->name;
  f->generation = chip->generation;
  f->variant = variant_name(chip);
  f->gpu_cores = chip->gpu_cores;
}

static void fill_device(tm_context *context, tm_environment_facts *f) {
  const tm_metal_device *d = &context->device;
  f->has_device = 1;
  f->is_apple = tm_mtl.is_apple;
  f->device = copy(context, d->name);
  f->architecture = copy(context, d->architecture);
  f->family = d->family;
  f->supports_metal3 = d->metal3;
  f->supports_metal4 = d->metal4;
  f->metal = d->metal4 ? 4 : d->metal3 ? 3 : 2;
  f->max_threads = d->max_threads;
  f->threadgroup_bytes = d->threadgroup_bytes;
  f->max_buffer = d->max_buffer;
  f->working_set = d->working_set;
  f->memory = d->memory;
  f->language_version = d->language_version;
  f->metal_library = copy(context, tm_mtl.path);
  if (d->macos[0]) {
    tm_buf text = tm_buf_in(&context->texts);
    tm_buf_printf(&text, "%u.%u.%u", (unsigned)d->macos[0],
                  (unsigned)d->macos[1], (unsigned)d->macos[2]);
    f->macos = tm_buf_text(&text);
  }
  if (context->device_chip) fill_chip(context->device_chip, f);
}

/* ---- the probe ---------------------------------------------------------- */

typedef struct probe {
  bool ok, no_memory;
  char *text; /* malloc'ed: why not; or NULL */
  bool tensors;        /* they are asked for and there */
  const char *trouble; /* asked for and not there, and why; or NULL */
} probe;

/* Has Metal compile a kernel and make its pipeline. */
static probe probe_compiler(const tm_metal_device *device) {
  static const char msl[] =
      "#include <metal_stdlib>\n"
      "using namespace metal;\n"
      "kernel void probe(device float *x [[buffer(0)]],\n"
      "                  uint i [[thread_position_in_grid]]) {\n"
      "  x[i] = 1.0f;\n"
      "}\n";
  probe p = {false, false, NULL, false, NULL};
  uint32_t version = device->language_version;
  if (!version || version > TM_MSL_LEAST) version = TM_MSL_LEAST;
  tm_metal_pipeline pipeline;
  tm_id library =
      tm_metal_library_compile(device, msl, sizeof msl - 1, version, &p.text);
  p.ok = library && tm_metal_pipeline_create(&pipeline, device, library,
                                             "probe", &p.text);
  tm_metal_release(library);
  if (p.ok) tm_metal_pipeline_destroy(&pipeline);
  p.no_memory = !p.ok && !p.text;
  return p;
}

/* ---- what is missing ---------------------------------------------------- */

typedef struct lines {
  tm_context *context;
  TM_VEC(const char *) list;
} lines;

static void add(lines *to, const char *format, ...) TM_PRINTF(2, 3);
static void add(lines *to, const char *format, ...) {
  tm_buf text = tm_buf_in(&to->context->texts);
  va_list args;
  va_start(args, format);
  tm_buf_vprintf(&text, format, args);
  va_end(args);
  const char *line = tm_buf_text(&text);
  tm_push(&to->context->texts, &to->list, line);
}

/* Is the newest MSL known, and older? */
static bool is_older(const tm_environment_facts *f, uint32_t needed) {
  return f->language_version && f->language_version < needed;
}

static void add_version(lines *to, const tm_environment_facts *f,
                        uint32_t needed, const char *macos,
                        const char *what) {
  if (!is_older(f, needed)) return;
  add(to, "MSL %u.%u, which comes with macOS %s, and this is %s: %s; update "
      "macOS",
      (unsigned)(needed >> 16), (unsigned)(needed & 0xffff), macos,
      f->macos ? f->macos : "older", what);
}

/* The chip table knows the family only. */
static void add_chip(lines *to, const tm_environment_facts *f) {
  const tm_context *context = to->context;
  if (!f->family)
    add(to, "an Apple GPU of the M series: '%s' is none, and no kernel can be "
        "compiled for it",
        f->device);
  else if (!tm_chip_by_device(context->device.name))
    add(to, "'%s' in the chip table: kernels are compiled as for %s, whose "
        "family it has; TRITON_METAL_CHIP names another chip",
        f->device, f->chip ? f->chip : "none");
  if (f->device && strstr(f->device, "Paravirtual"))
    add(to, "a GPU: this is a virtual machine's, on which kernels compile but "
        "may give wrong results; run on the machine itself");
}

static void add_cache(lines *to, const tm_store_stats *cache) {
  const char *path = tm_store_path(to->context->store);
  if (!path || (cache->usable && cache->writable)) return;
  add(to, "a cache that can be %s (%s, %s): every process compiles its kernels "
      "anew; make the folder writable, or name another with "
      "TRITON_METAL_CACHE_DIR",
      cache->usable ? "written" : "used", path,
      cache->trouble[0] ? cache->trouble
                        : cache->usable ? "read-only" : "cannot be opened");
}

static void fill_missing(tm_context *context, const char *trouble,
                         const probe *tried, const tm_store_stats *cache,
                         tm_environment_facts *f) {
  lines to = {.context = context};
  if (trouble) {
    add(&to, "a Metal device: %s; kernels can be compiled for a named chip, "
        "but not launched",
        trouble);
  } else {
    add_version(&to, f, TM_MSL_LEAST, "13",
                "kernels are written in it, none can be launched");
    add_version(&to, f, TM_MSL_LATER, "14",
                "kernels with libdevice.nextafter, or with MSL functions of "
                "the program's own (tl.custom), are written in it");
    add_version(&to, f, TM_MSL_ORDERED, "15",
                "atomic operations that order other accesses need it "
                "(sem=\"acquire\", \"release\", \"acq_rel\" of a GPU's scope)");
    add_chip(&to, f);
    if (tried->text) add(&to, "a Metal that compiles: %s", tried->text);
    if (tried->trouble)
      add(&to, "tensor operations, which the settings ask for: %s; kernels are "
          "compiled without",
          tried->trouble);
  }
  add_cache(&to, cache);
  f->missing = to.list.data;
  f->n_missing = to.list.len;
}

/* ---- what is done for the chip ------------------------------------------ */

static void fill_optimizations(tm_context *context, const tm_chip *chip,
                               const probe *tried, tm_environment_facts *f) {
  lines to = {.context = context};
  if (tried->tensors)
    add(&to, "tl.dot of fp16 and bf16 by tensor operations (matmul2d), where "
        "shapes allow");
  add(&to, "tl.dot on 8x8 simdgroup matrices, accumulators in registers");
  add(&to, chip->stage_dot_operands
               ? "tiles of tl.dot staged in threadgroup memory, from num_stages=4 "
                 "on the next ones loaded while these are multiplied"
               : "tiles of tl.dot read straight from device memory, which the "
                 "caches serve");
  if (chip->atomic_ulong_minmax)
    add(&to, "64-bit atomic min and max by one instruction, where their "
        "result is not used");
  add(&to, "loads and stores of up to 16 bytes a thread, whole 128-byte lines "
      "a simdgroup");
  add(&to, "roofline of %.0f GB/s and %.1f TFLOP/s (the chip's largest "
      "configuration) ranks configurations",
      chip->gb_per_s, chip->fp32_tflops);
  f->optimizations = to.list.data;
  f->n_optimizations = to.list.len;
}

/* ---- all of it ---------------------------------------------------------- */

/* trouble: why there is no device; NULL when there is one. In the guard. */
static void make(tm_context *context, const char *trouble, const probe *tried,
                 tm_environment_facts *f) {
  tm_store_stats cache;
  tm_store_get_stats(context->store, &cache);
  if (!trouble) fill_device(context, f);
  f->compiles = !trouble && tried->ok && !is_older(f, TM_MSL_LEAST);
  f->cache_path = copy(context, tm_store_path(context->store));
  f->config_path = copy(context, context->settings.config_path);
  fill_missing(context, trouble, tried, &cache, f);
  if (!trouble && context->device_chip)
    fill_optimizations(context, context->device_chip, tried, f);
  f->report = tmi_environment_text(context, f, &cache);
  f->json = tmi_environment_json(context, f, &cache);
}

/* Makes the facts unless they are there; false without memory. */
static bool make_once(tm_context *context, const char *trouble,
                      const probe *tried) {
  jmp_buf guard;
  pthread_mutex_lock(&context->lock);
  if (!context->has_environment && tm_arena_guard(&context->texts, guard)) {
    tm_environment_facts now;
    memset(&now, 0, sizeof now);
    make(context, trouble, tried, &now);
    context->environment = now;
    context->has_environment = true;
  }
  context->texts.guard = NULL;
  bool made = context->has_environment;
  pthread_mutex_unlock(&context->lock);
  return made;
}

static bool is_made(tm_context *context) {
  pthread_mutex_lock(&context->lock);
  bool made = context->has_environment;
  pthread_mutex_unlock(&context->lock);
  return made;
}

/* Looks; Metal compiles outside the lock. */
static bool look(tm_context *context) {
  tm_error *trouble = NULL;
  probe tried = {false, false, NULL, false, NULL};
  bool here = tmi_context_device(context, &trouble) == TM_OK;
  if (here) tried = probe_compiler(&context->device);
  if (here && context->settings.tensor_ops)
    tried.tensors = tmi_context_tensors(context, &tried.trouble);
  bool made = !tried.no_memory && tm_error_status(trouble) != TM_E_MEMORY &&
              make_once(context, here ? NULL : tm_error_message(trouble),
                        &tried);
  free(tried.text);
  tm_error_destroy(trouble);
  return made;
}

tm_status tm_environment(tm_context *context, tm_environment_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(facts != NULL, error);
  if (!is_made(context) && !look(context)) return tmi_fail_memory(error);
  return tmi_facts(facts, &context->environment, sizeof *facts,
                   offsetof(tm_environment_facts, generation), "facts", error);
}
