/* SPDX-License-Identifier: MIT */
/*
 * setting.c - the SOFTMETAL_* environment, the counting of injected faults
 * and the reporting of misuse.
 *
 * Faults. SOFTMETAL_FAULT is a list such as "buffer:3,command:2+": the third
 * buffer, the second and all later command buffers fail; "buffer:1/500": one
 * of 500 buffers, which ones looks random and is the same each time. Counting
 * starts again whenever the text changes. Kinds of command-buffer errors share
 * one count, so that "timeout:1,page-fault:2" fails the first two differently.
 *
 * Misuse. What Metal's debug layer would stop the process for is kept as
 * text (softmetal_misuse); SOFTMETAL_MISUSE=stderr prints it too, and
 * SOFTMETAL_MISUSE=abort then ends the process as the debug layer does.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_on(const char *name) {
  const char *text = getenv(name);
  return text && *text && strcmp(text, "0") != 0;
}

sm_settings sm_settings_read(void) {
  const char *shuffle = getenv("SOFTMETAL_SHUFFLE");
  const char *timeout = getenv("SOFTMETAL_TIMEOUT_MS");
  uint64_t ms = timeout ? strtoull(timeout, NULL, 10) : 0;
  return (sm_settings){
      .check = is_on("SOFTMETAL_CHECK"),
      .counters = is_on("SOFTMETAL_COUNTERS"),
      .shuffle_seed = shuffle ? strtoull(shuffle, NULL, 10) : 0,
      /* Metal's own watchdog is a few seconds of GPU time; a CPU is slower
       * by about the factor that this allows. */
      .deadline_ns = (ms ? ms : 120000) * 1000000u};
}

/* ---- the imitated macOS ------------------------------------------------- */

uint32_t sm_macos_major(void) {
  const char *text = getenv("SOFTMETAL_MACOS");
  long major = text ? strtol(text, NULL, 10) : 0;
  return major >= 12 && major <= 15 ? (uint32_t)major : 26;
}

/* After the point; without one, that of a release with all of Metal 4. */
uint32_t sm_macos_minor(void) {
  const char *text = getenv("SOFTMETAL_MACOS");
  const char *point = text ? strchr(text, '.') : NULL;
  if (point) return (uint32_t)strtoul(point + 1, NULL, 10) % 100;
  return sm_macos_major() >= 26 ? 4 : 0;
}

uint32_t sm_newest_language(void) { /* METAL-FACTS 2.6 */
  switch (sm_macos_major()) {
  case 12: return (2u << 16) + 4;
  case 13: return 3u << 16;
  case 14: return (3u << 16) + 1;
  case 15: return (3u << 16) + 2;
  default: return SM_LANGUAGE_VERSION;
  }
}

/* ---- faults -------------------------------------------------------------- */

static const struct {
  const char *name;
  sm_fault kind;
  sm_command_fault fault;
} fault_names[] = {
    {"library", SM_FAULT_LIBRARY, {0, NULL}},
    {"pipeline", SM_FAULT_PIPELINE, {0, NULL}},
    {"buffer", SM_FAULT_BUFFER, {0, NULL}},
    {"heap", SM_FAULT_HEAP, {0, NULL}},
    {"archive", SM_FAULT_ARCHIVE, {0, NULL}},
    {"tensors", SM_FAULT_TENSORS, {0, NULL}},
    {"command", SM_FAULT_COMMAND,
     {SM_CB_INTERNAL, "Internal Error (0000000e:Internal Error)"}},
    {"internal", SM_FAULT_COMMAND,
     {SM_CB_INTERNAL, "Internal Error (0000000e:Internal Error)"}},
    {"timeout", SM_FAULT_COMMAND,
     {SM_CB_TIMEOUT, "Caused GPU Timeout Error "
      "(00000002:kIOGPUCommandBufferCallbackErrorTimeout)"}},
    {"page-fault", SM_FAULT_COMMAND,
     {SM_CB_PAGE_FAULT, "Caused GPU Address Fault Error "
      "(0000000b:kIOGPUCommandBufferCallbackErrorPageFault)"}},
    {"access-revoked", SM_FAULT_COMMAND,
     {SM_CB_ACCESS_REVOKED, "Access Revoked"}},
    {"submissions-ignored", SM_FAULT_COMMAND,
     {SM_CB_ACCESS_REVOKED, "Ignored (for causing prior/excessive GPU errors) "
      "(00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)"}},
    {"not-permitted", SM_FAULT_COMMAND,
     {SM_CB_NOT_PERMITTED, "Insufficient Permission"}},
    {"out-of-memory", SM_FAULT_COMMAND,
     {SM_CB_OUT_OF_MEMORY, "Insufficient Memory "
      "(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"}},
    {"invalid-resource", SM_FAULT_COMMAND,
     {SM_CB_INVALID_RESOURCE, "Invalid Resource"}},
    {"memoryless", SM_FAULT_COMMAND, {SM_CB_MEMORYLESS, "Memoryless"}},
    {"device-removed", SM_FAULT_COMMAND,
     {SM_CB_DEVICE_REMOVED, "Device Removed"}},
    {"stack-overflow", SM_FAULT_COMMAND,
     {SM_CB_STACK_OVERFLOW, "Stack Overflow"}},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counts[SM_FAULTS]; /* this and the next two under lock */
static uint64_t failures[SM_FAULTS];
static char counted_for[512];

/* How often an item fails: at `first`, from there on, or one time of `of`. */
typedef struct rate {
  uint64_t first, of; /* of 0: not one of many */
  bool later;
} rate;

/* Reads "3", "3+" or "1/500" that ends at end. */
static bool read_rate(const char *text, const char *end, rate *out) {
  char *at;
  *out = (rate){.first = strtoull(text, &at, 10)};
  if (*at == '+') {
    out->later = true;
    at++;
  } else if (*at == '/' && out->first == 1) {
    out->of = strtoull(at + 1, &at, 10);
    if (!out->of) return false;
  }
  return out->first && at == end;
}

/* Well mixed bits of a number (the finalizer of SplitMix64). */
static uint64_t mixed(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/* The row that item of the list names and that its n-th operation meets. */
static const sm_command_fault *matches(const char *item, size_t length,
                                       sm_fault kind, uint64_t nth) {
  size_t name = strcspn(item, ":");
  if (name >= length) return NULL;
  rate r;
  if (!read_rate(item + name + 1, item + length, &r)) return NULL;
  /* Two items with the same rate should not fail together: the text counts. */
  bool now = r.of ? mixed(nth + r.of + (uint64_t)item[0] * 7919 + name) % r.of == 0
                  : nth == r.first || (r.later && nth > r.first);
  if (!now) return NULL;
  for (size_t i = 0; i < TM_COUNT(fault_names); i++)
    if (fault_names[i].kind == kind &&
        strlen(fault_names[i].name) == name &&
        memcmp(fault_names[i].name, item, name) == 0)
      return &fault_names[i].fault;
  return NULL;
}

const sm_command_fault *sm_fault_now(sm_fault kind) {
  const char *text = getenv("SOFTMETAL_FAULT");
  pthread_mutex_lock(&lock);
  if (strncmp(counted_for, text ? text : "", sizeof counted_for - 1)) {
    snprintf(counted_for, sizeof counted_for, "%s", text ? text : "");
    memset(counts, 0, sizeof counts);
  }
  uint64_t nth = ++counts[kind];
  pthread_mutex_unlock(&lock);
  while (text && *text) {
    size_t length = strcspn(text, ",");
    const sm_command_fault *fault = matches(text, length, kind, nth);
    if (fault) {
      pthread_mutex_lock(&lock);
      failures[kind]++;
      pthread_mutex_unlock(&lock);
      return fault;
    }
    text += length + (text[length] == ',');
  }
  return NULL;
}

SM_EXPORT uint64_t softmetal_faults(const char *kind) {
  uint64_t found = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < TM_COUNT(fault_names); i++)
    if (strcmp(fault_names[i].name, kind) == 0)
      found = failures[fault_names[i].kind];
  pthread_mutex_unlock(&lock);
  return found;
}

static bool fault_known(const char *item, size_t length) {
  size_t name = strcspn(item, ":");
  rate r;
  if (name >= length || !read_rate(item + name + 1, item + length, &r))
    return false;
  for (size_t i = 0; i < TM_COUNT(fault_names); i++)
    if (strlen(fault_names[i].name) == name &&
        memcmp(fault_names[i].name, item, name) == 0)
      return true;
  return false;
}

bool sm_settings_ok(void) {
  const char *os = getenv("SOFTMETAL_MACOS");
  const char *fault = getenv("SOFTMETAL_FAULT");
  const char *chip = getenv("SOFTMETAL_CHIP");
  long major = os && *os ? strtol(os, NULL, 10) : 26;
  bool ok = true;
  if (!sm_chip_chosen()) {
    sm_misuse(NULL, NULL, "SOFTMETAL_CHIP=%s is no chip; m1, m2-max and m5 "
              "are some", chip);
    ok = false;
  }
  if (major != 26 && (major < 12 || major > 15)) {
    sm_misuse(NULL, NULL, "SOFTMETAL_MACOS=%s is none of 12, 13, 14, 15, 26",
              os);
    ok = false;
  }
  if (sm_code_level() < 0) {
    sm_misuse(NULL, NULL, "SOFTMETAL_CODEGEN=%s is none of 0, 1, 2, 3",
              getenv("SOFTMETAL_CODEGEN"));
    ok = false;
  }
  while (fault && *fault) {
    size_t length = strcspn(fault, ",");
    if (!fault_known(fault, length)) {
      sm_misuse(NULL, NULL, "SOFTMETAL_FAULT: '%.*s' is no kind and count",
                (int)length, fault);
      ok = false;
    }
    fault += length + (fault[length] == ',');
  }
  return ok;
}

/* ---- misuse -------------------------------------------------------------- */

static char last_misuse[512]; /* under lock */

void sm_misuse_text(char *out, size_t size, const void *object, SEL cmd,
                    const char *format, va_list args) {
  char reason[384];
  vsnprintf(reason, sizeof reason, format, args);
  const char *name = object ? class_getName(object_getClass((id)object)) : "";
  /* Programs know MTLBuffer, not the class behind it. */
  bool ours = strncmp(name, "SoftMetal", 9) == 0;
  if (object)
    snprintf(out, size, "-[%s%s %s]: %s", ours ? "MTL" : "",
             ours ? name + 9 : name, cmd ? sel_getName(cmd) : "?", reason);
  else
    snprintf(out, size, "%s", reason);
  const char *how = getenv("SOFTMETAL_MISUSE");
  pthread_mutex_lock(&lock);
  snprintf(last_misuse, sizeof last_misuse, "%s", out);
  pthread_mutex_unlock(&lock);
  bool ends = how && strcmp(how, "abort") == 0;
  if (ends || (how && strcmp(how, "stderr") == 0))
    fprintf(stderr, "softmetal: %s\n", out);
  if (ends) abort();
}

void sm_misuse(const void *object, SEL cmd, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  sm_misuse_text(text, sizeof text, object, cmd, format, args);
  va_end(args);
}

SM_EXPORT size_t softmetal_misuse(char *text, size_t size) {
  pthread_mutex_lock(&lock);
  size_t length = strlen(last_misuse);
  if (text && size) snprintf(text, size, "%s", last_misuse);
  last_misuse[0] = 0;
  pthread_mutex_unlock(&lock);
  return length;
}
