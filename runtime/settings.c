/* SPDX-License-Identifier: MIT */
/*
 * settings.c - reading the layers of settings.
 *
 * The layers are applied weakest first onto one structure, so that each
 * simply overwrites what it knows.
 *
 *   key of the file             environment
 *   cache_dir                   TRITON_METAL_CACHE_DIR
 *   cache                       TRITON_METAL_CACHE
 *   cache_limit                 -
 *   archives                    TRITON_METAL_ARCHIVES
 *   tensor_ops                  TRITON_METAL_TENSOR_OPS
 *   device                      TRITON_METAL_DEVICE
 *   chip                        TRITON_METAL_CHIP
 *   debug_level                 TRITON_METAL_DEBUG
 *   auto_tuning                 TRITON_METAL_DISABLE_AUTOTUNING (inverted)
 *   force_sync                  TRITON_METAL_FORCE_SYNC
 *   debug                       TRITON_DEBUG, upstream's own
 *   dump_dir                    TRITON_METAL_DUMP_DIR
 *   preferred_threadgroup_size  -
 *   max_shared_memory           -
 *   optimization_level          -
 *   -                           TRITON_METAL_CHECK_HANDLES
 *   -                           TRITON_METAL_LAYOUT_SEED
 */
#define _POSIX_C_SOURCE 200809L
#include "settings.h"

#include "../lib/chip.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 20 }; /* bytes of the settings file that are read */
static const uint64_t default_cache_limit = (uint64_t)512 << 20;

/* The state of reading: values and what went wrong on the way. */
typedef struct reader {
  tmi_settings *out;
  char *cache_dir; /* owned */
  bool cache;
  bool no_memory;
} reader;

static void set_text(reader *r, char **slot, const char *text) {
  char *copy = strdup(text);
  if (!copy) r->no_memory = true;
  free(*slot);
  *slot = copy;
}

static void warn(reader *r, const char *format, ...) TM_PRINTF(2, 3);
static void warn(reader *r, const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  size_t old = r->out->warnings ? strlen(r->out->warnings) : 0;
  char *grown = realloc(r->out->warnings, old + strlen(line) + 2);
  if (!grown) {
    r->no_memory = true;
    return;
  }
  size_t n = strlen(line);
  /* Keys and values come from a file and may be shown on a terminal. */
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
  memcpy(grown + old, line, n);
  memcpy(grown + old + n, "\n", 2);
  r->out->warnings = grown;
}

static bool threads_ok(double n) {
  if (!(n >= 32 && n <= 1024)) return false;
  uint32_t threads = (uint32_t)n;
  return n == threads && (threads & (threads - 1)) == 0;
}

/* ---- the file ----------------------------------------------------------- */

/* Just behind the string that begins at p, on its quote. */
static const char *end_of_string(const char *p) {
  for (p++; *p && *p != '"'; p++)
    if (*p == '\\' && p[1]) p++;
  return *p ? p + 1 : p;
}

/* The line of key number `index`, from 0, of the object that text holds; text
 * has been parsed. Keys of objects within it do not count. */
static unsigned line_of(const char *text, unsigned index) {
  unsigned line = 1, depth = 0, keys = 0;
  bool is_key = true; /* the next string at depth 1 is one */
  for (const char *p = text; *p;) {
    if (*p == '"') {
      if (depth == 1 && is_key && keys++ == index) return line;
      is_key = false;
      for (const char *end = end_of_string(p); p < end; p++)
        line += *p == '\n';
      continue;
    }
    if (*p == '{' || *p == '[') depth++;
    if (*p == '}' || *p == ']') depth--;
    if (depth == 1 && (*p == ',' || *p == '{')) is_key = true;
    line += *p++ == '\n';
  }
  return line;
}

typedef struct file_entry {
  reader *r;
  const char *path, *text;
  const cJSON *item;
  unsigned index;       /* of the item in the file's object */
} file_entry;

static void bad_value(const file_entry *e, const char *expected) {
  warn(e->r, "%s:%u: \"%s\" must be %s", e->path,
       line_of(e->text, e->index), e->item->string, expected);
}

static void file_text(const file_entry *e, char **slot) {
  if (cJSON_IsString(e->item))
    set_text(e->r, slot, e->item->valuestring);
  else
    bad_value(e, "text");
}

static void file_bool(const file_entry *e, bool *slot) {
  if (cJSON_IsBool(e->item))
    *slot = cJSON_IsTrue(e->item);
  else
    bad_value(e, "true or false");
}

static bool file_number(const file_entry *e, double least, double most,
                        double *out) {
  double n = cJSON_IsNumber(e->item) ? e->item->valuedouble : -1;
  if (n >= least && n <= most && n == (double)(uint64_t)n) {
    *out = n;
    return true;
  }
  char expected[64];
  snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f",
           least, most);
  bad_value(e, expected);
  return false;
}

static void file_key(const file_entry *e) {
  tmi_settings *s = e->r->out;
  const char *key = e->item->string;
  double n;
  if (!strcmp(key, "cache_dir")) {
    file_text(e, &e->r->cache_dir);
  } else if (!strcmp(key, "cache")) {
    file_bool(e, &e->r->cache);
  } else if (!strcmp(key, "cache_limit")) {
    if (file_number(e, 1, 1e15, &n)) s->cache_limit = (uint64_t)n;
  } else if (!strcmp(key, "archives")) {
    file_bool(e, &s->archives);
  } else if (!strcmp(key, "tensor_ops")) {
    file_bool(e, &s->tensor_ops);
  } else if (!strcmp(key, "device")) {
    file_text(e, &s->device);
  } else if (!strcmp(key, "chip")) {
    if (cJSON_IsString(e->item) && tm_chip_by_name(e->item->valuestring))
      set_text(e->r, &s->chip, e->item->valuestring);
    else
      bad_value(e, "the name of a chip (m1 ... m5-max)");
  } else if (!strcmp(key, "debug_level")) {
    if (file_number(e, 0, 3, &n)) s->debug_level = (uint32_t)n;
  } else if (!strcmp(key, "auto_tuning")) {
    file_bool(e, &s->auto_tuning);
  } else if (!strcmp(key, "force_sync")) {
    file_bool(e, &s->force_sync);
  } else if (!strcmp(key, "debug")) {
    file_bool(e, &s->debug);
  } else if (!strcmp(key, "dump_dir")) {
    file_text(e, &s->dump_dir);
  } else if (!strcmp(key, "preferred_threadgroup_size")) {
    if (cJSON_IsNumber(e->item) && threads_ok(e->item->valuedouble))
      s->threadgroup_size = (uint32_t)e->item->valuedouble;
    else
      bad_value(e, "a power of two from 32 to 1024");
  } else if (!strcmp(key, "max_shared_memory")) {
    if (file_number(e, 1, 32768, &n)) s->max_threadgroup_bytes = (uint32_t)n;
  } else if (!strcmp(key, "optimization_level")) {
    if (file_number(e, 1, 2, &n)) s->optimization_level = (uint32_t)n;
  } else {
    warn(e->r, "%s:%u: unknown key \"%s\"", e->path, line_of(e->text, e->index),
         key);
  }
}

/* The file's text; NULL when there is none. */
static char *read_file(reader *r, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    if (errno != ENOENT && errno != ENOTDIR)
      warn(r, "%s: cannot be read: %s", path, strerror(errno));
    return NULL;
  }
  char *text = calloc(1, LARGEST_FILE + 1);
  if (!text) r->no_memory = true;
  if (text && fread(text, 1, LARGEST_FILE, file) == 0 && ferror(file)) {
    warn(r, "%s: cannot be read", path);
    free(text);
    text = NULL;
  }
  fclose(file);
  return text;
}

static void read_config(reader *r, const char *path) {
  char *text = read_file(r, path);
  if (!text) return;
  const char *end = text;
  cJSON *root = cJSON_ParseWithOpts(text, &end, 1);
  if (!root) {
    unsigned line = 1;
    for (const char *p = text; end && p < end && *p; p++) line += *p == '\n';
    warn(r, "%s:%u: is not JSON", path, line);
  } else if (!cJSON_IsObject(root)) {
    warn(r, "%s:1: must hold one object, { ... }", path);
  } else {
    unsigned index = 0;
    for (const cJSON *item = root->child; item; item = item->next) {
      file_entry entry = {r, path, text, item, index++};
      file_key(&entry);
    }
  }
  cJSON_Delete(root);
  free(text);
}

/* ---- the environment ---------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words) {
  for (; *words; words++)
    if (!strcmp(text, *words)) return true;
  return false;
}

/* Whether the variable is set, and to what; a strange value is a warning. */
static bool environment_bool(reader *r, const char *name, bool *out) {
  static const char *const yes[] = {"1", "true", "on", "yes", NULL};
  static const char *const no[] = {"0", "false", "off", "no", NULL};
  const char *text = getenv(name);
  if (!text || !*text) return false;
  bool truth = is_one_of(text, yes);
  if (truth || is_one_of(text, no)) {
    *out = truth;
    return true;
  }
  warn(r, "%s=%s: expected 0 or 1", name, text);
  return false;
}

/* For tests of the compiler: layouts at random, see lib/layout/perturb.c. */
static void read_layout_seed(reader *r) {
  const char *text = getenv("TRITON_METAL_LAYOUT_SEED");
  if (!text || !*text) return;
  char *end = NULL;
  errno = 0;
  unsigned long long seed = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno)
    warn(r, "TRITON_METAL_LAYOUT_SEED=%s: expected a number", text);
  else
    r->out->layout_seed = seed;
}

static void read_environment(reader *r) {
  tmi_settings *s = r->out;
  const char *text;
  bool truth;
  if ((text = getenv("TRITON_METAL_CACHE_DIR")) && *text)
    set_text(r, &r->cache_dir, text);
  environment_bool(r, "TRITON_METAL_CACHE", &r->cache);
  if ((text = getenv("TRITON_METAL_DUMP_DIR")) && *text)
    set_text(r, &s->dump_dir, text);
  if ((text = getenv("TRITON_METAL_DEVICE")) && *text)
    set_text(r, &s->device, text);
  if ((text = getenv("TRITON_METAL_CHIP")) && *text) {
    if (tm_chip_by_name(text))
      set_text(r, &s->chip, text);
    else
      warn(r, "TRITON_METAL_CHIP=%s: no such chip", text);
  }
  if ((text = getenv("TRITON_METAL_DEBUG")) && *text) {
    if (*text >= '0' && *text <= '3' && !text[1])
      s->debug_level = (uint32_t)(*text - '0');
    else
      warn(r, "TRITON_METAL_DEBUG=%s: expected 0 to 3", text);
  }
  environment_bool(r, "TRITON_METAL_ARCHIVES", &s->archives);
  environment_bool(r, "TRITON_METAL_TENSOR_OPS", &s->tensor_ops);
  environment_bool(r, "TRITON_METAL_FORCE_SYNC", &s->force_sync);
  if (environment_bool(r, "TRITON_METAL_DISABLE_AUTOTUNING", &truth))
    s->auto_tuning = !truth;
  environment_bool(r, "TRITON_DEBUG", &s->debug); /* upstream's own */
  if (environment_bool(r, "TRITON_METAL_CHECK_HANDLES", &truth))
    s->check_handles = truth ? TM_SWITCH_ON : TM_SWITCH_OFF;
  read_layout_seed(r);
}

/* ---- the options -------------------------------------------------------- */

static tm_status read_options(reader *r, const tm_context_options *given,
                              tm_error **error) {
  tmi_settings *s = r->out;
  tm_context_options copy, *o = &copy;
  tm_status status =
      tmi_options(o, sizeof *o, offsetof(tm_context_options, dump_dir), given,
                  "tm_context_options", error);
  if (status) return status;
  if (o->cache > TM_SWITCH_OFF || o->force_sync > TM_SWITCH_OFF ||
      o->auto_tuning > TM_SWITCH_OFF || o->debug > TM_SWITCH_OFF ||
      o->check_handles > TM_SWITCH_OFF || o->archives > TM_SWITCH_OFF ||
      o->tensor_ops > TM_SWITCH_OFF)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "a switch of tm_context_options is none of "
                    "TM_SWITCH_DEFAULT, _ON and _OFF");
  if (o->chip && !tm_chip_by_name(o->chip))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "there is no chip '%.40s': see tm_chip_name", o->chip);
  if (o->threadgroup_size && !threads_ok(o->threadgroup_size))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "threadgroup_size is %u: it must be a power of two from "
                    "32 to 1024",
                    o->threadgroup_size);
  if (o->max_threadgroup_bytes > 32768)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "max_threadgroup_bytes is %u: no Apple GPU has more than "
                    "32768",
                    o->max_threadgroup_bytes);
  if (o->optimization_level > 2 || o->debug_level > 3)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s is out of its range",
                    o->debug_level > 3 ? "debug_level"
                                       : "optimization_level");
  if (o->cache_dir) set_text(r, &r->cache_dir, o->cache_dir);
  if (o->dump_dir) set_text(r, &s->dump_dir, o->dump_dir);
  if (o->device) set_text(r, &s->device, o->device);
  if (o->chip) set_text(r, &s->chip, o->chip);
  if (o->cache) r->cache = o->cache == TM_SWITCH_ON;
  if (o->force_sync) s->force_sync = o->force_sync == TM_SWITCH_ON;
  if (o->auto_tuning) s->auto_tuning = o->auto_tuning == TM_SWITCH_ON;
  if (o->debug) s->debug = o->debug == TM_SWITCH_ON;
  if (o->archives) s->archives = o->archives == TM_SWITCH_ON;
  if (o->tensor_ops) s->tensor_ops = o->tensor_ops == TM_SWITCH_ON;
  if (o->check_handles) s->check_handles = o->check_handles;
  if (o->cache_limit) s->cache_limit = o->cache_limit;
  if (o->debug_level) s->debug_level = o->debug_level;
  if (o->threadgroup_size) s->threadgroup_size = o->threadgroup_size;
  if (o->max_threadgroup_bytes)
    s->max_threadgroup_bytes = o->max_threadgroup_bytes;
  if (o->optimization_level) s->optimization_level = o->optimization_level;
  s->log = o->log;
  s->payload = o->payload;
  s->print = o->print;
  return TM_OK;
}

/* ---- all layers --------------------------------------------------------- */

static char *join_path(const char *folder, const char *rest) {
  size_t n = strlen(folder) + strlen(rest) + 2;
  char *path = malloc(n);
  if (path) snprintf(path, n, "%s/%s", folder, rest);
  return path;
}

/* A leading "~/" is the home folder. *folder is freed; NULL without memory. */
static void expand_home(reader *r, char **folder, const char *home) {
  if (!*folder || strncmp(*folder, "~/", 2) != 0 || !home || !*home) return;
  char *expanded = join_path(home, *folder + 2);
  if (!expanded) r->no_memory = true;
  free(*folder);
  *folder = expanded;
}

/* Folders, once all layers have spoken; empty text is none. */
static void finish_folders(reader *r, const char *home) {
  tmi_settings *s = r->out;
  expand_home(r, &r->cache_dir, home);
  expand_home(r, &s->dump_dir, home);
  if (s->dump_dir && !*s->dump_dir) {
    free(s->dump_dir);
    s->dump_dir = NULL;
  }
  if (!r->cache || !r->cache_dir || !*r->cache_dir) return;
  s->cache_path = join_path(r->cache_dir, "kernels.db");
  if (!s->cache_path) r->no_memory = true;
}

tm_status tmi_settings_read(tmi_settings *out,
                            const tm_context_options *options,
                            tm_error **error) {
  *out = (tmi_settings){.cache_limit = default_cache_limit,
                        .auto_tuning = true,
                        .optimization_level = 2};
  reader r = {out, NULL, true, false};
  const char *home = getenv("HOME");
  if (home && *home) {
    out->config_path = join_path(home, ".triton/metal_config.json");
    r.cache_dir = join_path(home, ".triton/metal_cache");
    if (!out->config_path || !r.cache_dir) r.no_memory = true;
  }
  if (out->config_path) read_config(&r, out->config_path);
  read_environment(&r);
  tm_status status = read_options(&r, options, error);
  if (!status) finish_folders(&r, home);
  free(r.cache_dir);
  if (!status && r.no_memory) status = tmi_fail_memory(error);
  if (status) tmi_settings_free(out);
  return status;
}

void tmi_settings_free(tmi_settings *s) {
  free(s->cache_path);
  free(s->device);
  free(s->chip);
  free(s->dump_dir);
  free(s->config_path);
  free(s->warnings);
  memset(s, 0, sizeof *s);
}
