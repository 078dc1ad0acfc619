/* SPDX-License-Identifier: MIT */
/*
 * environment.c - the compatibility check: what is here, what is missing, and
 * how to get it.
 */
#define _GNU_SOURCE
#include "context.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/utsname.h>
#include <xxhash.h>

static const char *copy(tm_context *context, const char *text) {
  return text ? tm_strndup(&context->texts, text, strlen(text)) : NULL;
}

static void write_device(tm_buf *out, const tm_environment_facts *f) {
  tm_buf_printf(out, "device          %s\n", f->device);
  tm_buf_printf(out, "metal           %s (%s)\n",
                f->is_apple ? "Apple" : "softmetal, on the CPU",
                f->metal_library);
  tm_buf_printf(out, "chip            %s, Apple%u%s%s\n",
                f->chip ? f->chip : "not in the table", (unsigned)f->family,
                f->supports_metal3 ? ", Metal3" : "",
                f->supports_metal4 ? ", Metal4" : "");
  tm_buf_printf(out, "newest MSL      %u.%u\n",
                (unsigned)(f->language_version >> 16),
                (unsigned)(f->language_version & 0xffff));
  tm_buf_printf(out, "threadgroup     %u threads, %u bytes\n",
                (unsigned)f->max_threads, (unsigned)f->threadgroup_bytes);
  tm_buf_printf(out, "buffers         %.1f GB at most, %.1f GB working set\n",
                (double)f->max_buffer * 1e-9, (double)f->working_set * 1e-9);
}

static void write_cache(tm_context *context, tm_buf *out) {
  tm_store_stats stats;
  tm_store_get_stats(context->store, &stats);
  const char *path = tm_store_path(context->store);
  tm_buf_printf(out, "cache           %s", path ? path : "off");
  if (path && stats.usable)
    tm_buf_printf(out, ", %llu kernels, %.1f MB%s",
                  (unsigned long long)stats.rows, (double)stats.bytes * 1e-6,
                  stats.writable ? "" : ", read-only");
  else if (path)
    tm_buf_printf(out, ", not usable (%s)",
                  stats.trouble[0] ? stats.trouble : "cannot be opened");
  tm_buf_puts(out, "\n");
}

static void write_settings(const tm_context *context, tm_buf *out) {
  const tmi_settings *s = &context->settings;
  tm_buf_printf(out, "settings        %s\n",
                s->config_path ? s->config_path : "no home folder");
  tm_buf_printf(out,
                "                threadgroup of %u, optimisation %u, debug "
                "level %u%s%s\n",
                (unsigned)s->threadgroup_size, (unsigned)s->optimization_level,
                (unsigned)s->debug_level,
                s->force_sync ? ", every launch waits" : "",
                s->auto_tuning ? "" : ", no autotuning");
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

static void fill_device(tm_context *context, tm_environment_facts *f) {
  const tm_metal_device *d = &context->device;
  f->has_device = 1;
  f->is_apple = tm_mtl.is_apple;
  f->device = copy(context, d->name);
  f->chip = context->device_chip ? context->device_chip->name : NULL;
  f->family = d->family;
  f->supports_metal3 = d->metal3;
  f->supports_metal4 = d->metal4;
  f->max_threads = d->max_threads;
  f->threadgroup_bytes = d->threadgroup_bytes;
  f->max_buffer = d->max_buffer;
  f->working_set = d->working_set;
  f->language_version = d->language_version;
  f->metal_library = copy(context, tm_mtl.path);
}

/* trouble: why there is no device; NULL when there is one. */
static void make(tm_context *context, const char *trouble,
                 tm_environment_facts *f) {
  tm_buf report = tm_buf_in(&context->texts);
  tm_buf_printf(&report, "libtritonmetal  %s\n", TM_VERSION_STRING);
  if (!trouble) {
    fill_device(context, f);
    write_device(&report, f);
  } else {
    tm_buf_printf(&report, "device          none: %s\n", trouble);
    tm_buf_puts(&report,
                "                kernels can be compiled for a named chip, "
                "but not launched\n");
  }
  f->cache_path = copy(context, tm_store_path(context->store));
  f->config_path = copy(context, context->settings.config_path);
  write_cache(context, &report);
  write_settings(context, &report);
  write_versions(&report);
  f->report = tm_buf_text(&report);
}

tm_status tm_environment(tm_context *context, tm_environment_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(context != NULL, error);
  TMI_CHECK(facts != NULL, error);
  tm_error *trouble = NULL;
  tmi_context_device(context, &trouble);
  pthread_mutex_lock(&context->lock);
  volatile bool made = context->has_environment;
  if (!made) {
    jmp_buf guard;
    tm_environment_facts now;
    memset(&now, 0, sizeof now);
    if (tm_arena_guard(&context->texts, guard)) {
      make(context, trouble ? tm_error_message(trouble) : NULL, &now);
      context->environment = now;
      context->has_environment = made = true;
    }
    context->texts.guard = NULL;
  }
  pthread_mutex_unlock(&context->lock);
  tm_error_destroy(trouble);
  if (!made) return tmi_fail_memory(error);
  return tmi_facts(facts, &context->environment, sizeof *facts, sizeof *facts,
                   "facts", error);
}
