/* SPDX-License-Identifier: MIT */
/* environment_report.c - the compatibility check as text for a person, and as
 * JSON for a program. */
#define _GNU_SOURCE
#include "environment.h"

#include "json_text.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <xxhash.h>

static double gigabytes(uint64_t bytes) { return (double)bytes * 1e-9; }

/* ---- text --------------------------------------------------------------- */

static void write_chip(tm_buf *out, const tm_environment_facts *f) {
  tm_buf_printf(out, "chip            %s, Apple%u",
                f->chip ? f->chip : "not in the table", (unsigned)f->family);
  if (f->chip)
    tm_buf_printf(out, ", M%u %s", (unsigned)f->generation, f->variant);
  if (f->architecture) tm_buf_printf(out, ", %s", f->architecture);
  tm_buf_puts(out, "\n");
  if (f->gpu_cores)
    tm_buf_printf(out,
                  "GPU cores       up to %u (the chip's largest "
                  "configuration: Metal does not tell this one's)\n",
                  (unsigned)f->gpu_cores);
}

static void write_device(tm_buf *out, const tm_environment_facts *f) {
  tm_buf_printf(out, "device          %s\n", f->device);
  tm_buf_printf(out, "metal           %s, Metal %u (%s)\n",
                f->is_apple ? "Apple" : "softmetal, on the CPU",
                (unsigned)f->metal, f->metal_library);
  tm_buf_printf(out, "macOS           %s%s\n", f->macos ? f->macos : "unknown",
                f->is_apple ? "" : ", which softmetal plays");
  write_chip(out, f);
  tm_buf_printf(out, "newest MSL      %u.%u\n",
                (unsigned)(f->language_version >> 16),
                (unsigned)(f->language_version & 0xffff));
  tm_buf_printf(out, "threadgroup     %u threads, %u bytes\n",
                (unsigned)f->max_threads, (unsigned)f->threadgroup_bytes);
  tm_buf_printf(out,
                "memory          %.1f GB, shared by host and GPU; buffers of "
                "%.1f GB at most, %.1f GB working set\n",
                gigabytes(f->memory), gigabytes(f->max_buffer),
                gigabytes(f->working_set));
}

static void write_cache(tm_context *context, const tm_store_stats *stats,
                        tm_buf *out) {
  const char *path = tm_store_path(context->store);
  tm_buf_printf(out, "cache           %s", path ? path : "off");
  if (path && stats->usable)
    tm_buf_printf(out, ", %llu kernels, %.1f MB%s",
                  (unsigned long long)stats->rows,
                  (double)stats->bytes * 1e-6,
                  stats->writable ? "" : ", read-only");
  else if (path)
    tm_buf_printf(out, ", not usable (%s)",
                  stats->trouble[0] ? stats->trouble : "cannot be opened");
  tm_buf_puts(out, "\n");
}

static void write_settings(const tm_context *context, tm_buf *out) {
  const tmi_settings *s = &context->settings;
  tm_buf_printf(out, "settings        %s\n",
                s->config_path ? s->config_path : "no home folder");
  if (s->threadgroup_size)
    tm_buf_printf(out, "                threadgroup of %u",
                  (unsigned)s->threadgroup_size);
  else
    tm_buf_puts(out, "                threadgroup by the kernel");
  tm_buf_printf(out,
                ", optimisation %u, debug level %u%s%s%s%s\n",
                (unsigned)s->optimization_level,
                (unsigned)s->debug_level,
                s->force_sync ? ", every launch waits" : "",
                s->auto_tuning ? "" : ", no autotuning",
                s->debug ? ", assertions are kept" : "",
                s->archives ? ", archives are kept" : "");
  if (s->dump_dir)
    tm_buf_printf(out, "                dumps go to %s\n", s->dump_dir);
  if (s->warnings) tm_buf_printf(out, "warnings\n%s", s->warnings);
}

static void write_versions(tm_buf *out) {
  struct utsname system;
  if (uname(&system) == 0)
    tm_buf_printf(out, "system          %s %s %s\n", system.sysname,
                  system.release, system.machine);
  tm_buf_printf(out,
                "libraries       SQLite %s (built with %s), xxHash %d.%d.%d, "
                "cJSON %s\n",
                sqlite3_libversion(), SQLITE_VERSION, XXH_VERSION_MAJOR,
                XXH_VERSION_MINOR, XXH_VERSION_RELEASE, cJSON_Version());
}

static void write_lines(tm_buf *out, const char *title,
                        const char *const *list, size_t n) {
  if (n) tm_buf_printf(out, "%s\n", title);
  for (size_t i = 0; i < n; i++) tm_buf_printf(out, "  - %s\n", list[i]);
}

const char *tmi_environment_text(tm_context *context,
                                 const tm_environment_facts *f,
                                 const tm_store_stats *cache) {
  tm_buf out = tm_buf_in(&context->texts);
  tm_buf_printf(&out, "libtritonmetal  %s\n", TM_VERSION_STRING);
  if (f->has_device)
    write_device(&out, f);
  else
    tm_buf_puts(&out, "device          none\n");
  write_cache(context, cache, &out);
  write_settings(context, &out);
  write_versions(&out);
  write_lines(&out, "done for this chip", f->optimizations,
              f->n_optimizations);
  if (f->n_missing)
    write_lines(&out, "missing", f->missing, f->n_missing);
  else
    tm_buf_puts(&out, "nothing is missing\n");
  return tm_buf_text(&out);
}

/* ---- JSON --------------------------------------------------------------- */

static void put_lines(tm_buf *out, const char *name, const char *const *list,
                      size_t n) {
  tmi_json_key(out, name, false);
  tm_buf_puts(out, "[");
  for (size_t i = 0; i < n; i++) {
    if (i) tm_buf_puts(out, ", ");
    tmi_json_text(out, list[i]);
  }
  tm_buf_puts(out, "]");
}

static void put_device(tm_buf *out, const tm_environment_facts *f) {
  char msl[24] = "";
  if (f->language_version)
    snprintf(msl, sizeof msl, "%u.%u", (unsigned)(f->language_version >> 16),
             (unsigned)(f->language_version & 0xffff));
  tmi_json_put_bool(out, "has_device", f->has_device);
  tmi_json_put_bool(out, "is_apple", f->is_apple);
  tmi_json_put_text(out, "device", f->device);
  tmi_json_put_text(out, "chip", f->chip);
  tmi_json_put_count(out, "generation", f->generation);
  tmi_json_put_text(out, "variant", f->variant);
  tmi_json_put_text(out, "architecture", f->architecture);
  tmi_json_put_count(out, "family", f->family);
  tmi_json_put_bool(out, "supports_metal3", f->supports_metal3);
  tmi_json_put_bool(out, "supports_metal4", f->supports_metal4);
  tmi_json_put_count(out, "metal", f->metal);
  tmi_json_put_text(out, "metal_library", f->metal_library);
  tmi_json_put_text(out, "macos", f->macos);
  tmi_json_put_text(out, "language_version", *msl ? msl : NULL);
  tmi_json_put_count(out, "gpu_cores", f->gpu_cores);
  tmi_json_put_bool(out, "gpu_cores_is_upper_bound", true);
  tmi_json_put_count(out, "memory", f->memory);
  tmi_json_put_count(out, "max_buffer", f->max_buffer);
  tmi_json_put_count(out, "working_set", f->working_set);
  tmi_json_put_count(out, "max_threads", f->max_threads);
  tmi_json_put_count(out, "threadgroup_bytes", f->threadgroup_bytes);
  tmi_json_put_bool(out, "compiles", f->compiles);
}

static void put_cache(tm_buf *out, const tm_environment_facts *f,
                      const tm_store_stats *cache) {
  tmi_json_put_text(out, "cache_path", f->cache_path);
  tmi_json_key(out, "cache", false);
  tm_buf_puts(out, "{");
  tmi_json_key(out, "kernels", true);
  tm_buf_printf(out, "%llu", (unsigned long long)cache->rows);
  tmi_json_put_count(out, "bytes", cache->bytes);
  tmi_json_put_bool(out, "usable", f->cache_path && cache->usable);
  tmi_json_put_bool(out, "writable", f->cache_path && cache->writable);
  tm_buf_puts(out, "}");
}

static void put_settings(tm_buf *out, const tmi_settings *s) {
  tmi_json_put_text(out, "config_path", s->config_path);
  tmi_json_key(out, "settings", false);
  tm_buf_puts(out, "{");
  tmi_json_key(out, "threadgroup_size", true);
  tm_buf_printf(out, "%u", (unsigned)s->threadgroup_size);
  tmi_json_put_count(out, "max_threadgroup_bytes", s->max_threadgroup_bytes);
  tmi_json_put_count(out, "optimization_level", s->optimization_level);
  tmi_json_put_count(out, "debug_level", s->debug_level);
  tmi_json_put_bool(out, "force_sync", s->force_sync);
  tmi_json_put_bool(out, "auto_tuning", s->auto_tuning);
  tmi_json_put_bool(out, "debug", s->debug);
  tmi_json_put_bool(out, "archives", s->archives);
  tmi_json_put_text(out, "chip", s->chip);
  tmi_json_put_text(out, "device", s->device);
  tmi_json_put_text(out, "dump_dir", s->dump_dir);
  tm_buf_puts(out, "}");
}

/* Warnings are lines of one text. */
static void put_warnings(tm_buf *out, const char *line) {
  tmi_json_key(out, "warnings", false);
  tm_buf_puts(out, "[");
  for (bool first = true; line && *line; first = false) {
    size_t n = strcspn(line, "\n");
    if (!first) tm_buf_puts(out, ", ");
    tmi_json_text(out, tm_strndup(out->arena, line, n));
    line += n + (line[n] != 0);
  }
  tm_buf_puts(out, "]");
}

static void put_versions(tm_buf *out) {
  struct utsname system;
  bool known = uname(&system) == 0;
  tmi_json_key(out, "system", false);
  tm_buf_puts(out, "{");
  tmi_json_key(out, "name", true);
  tmi_json_text(out, known ? system.sysname : NULL);
  tmi_json_put_text(out, "release", known ? system.release : NULL);
  tmi_json_put_text(out, "machine", known ? system.machine : NULL);
  tm_buf_puts(out, "}");
  tmi_json_key(out, "libraries", false);
  tm_buf_puts(out, "{");
  tmi_json_key(out, "SQLite", true);
  tmi_json_text(out, sqlite3_libversion());
  tmi_json_put_text(out, "cJSON", cJSON_Version());
  tm_buf_puts(out, "}");
}

const char *tmi_environment_json(tm_context *context,
                                 const tm_environment_facts *f,
                                 const tm_store_stats *cache) {
  tm_buf out = tm_buf_in(&context->texts);
  tm_buf_puts(&out, "{");
  tmi_json_key(&out, "libtritonmetal", true);
  tmi_json_text(&out, TM_VERSION_STRING);
  put_device(&out, f);
  put_cache(&out, f, cache);
  put_settings(&out, &context->settings);
  put_warnings(&out, context->settings.warnings);
  put_versions(&out);
  put_lines(&out, "optimizations", f->optimizations, f->n_optimizations);
  put_lines(&out, "missing", f->missing, f->n_missing);
  tm_buf_puts(&out, "}\n");
  return tm_buf_text(&out);
}
