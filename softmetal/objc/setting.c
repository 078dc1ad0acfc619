/* SPDX-License-Identifier: MIT */
/* setting.c - the SOFTMETAL_* environment and the counting of faults. */
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

sm_settings sm_settings_read(void) {
  const char *check = getenv("SOFTMETAL_CHECK");
  const char *counters = getenv("SOFTMETAL_COUNTERS");
  const char *shuffle = getenv("SOFTMETAL_SHUFFLE");
  const char *timeout = getenv("SOFTMETAL_TIMEOUT_MS");
  uint64_t ms = timeout ? strtoull(timeout, NULL, 10) : 0;
  return (sm_settings){
      .check = check && *check && strcmp(check, "0") != 0,
      .counters = counters && *counters && strcmp(counters, "0") != 0,
      .shuffle_seed = shuffle ? strtoull(shuffle, NULL, 10) : 0,
      /* Metal's own watchdog is a few seconds of GPU time; a CPU is slower
       * by about the factor that this allows. */
      .deadline_ns = (ms ? ms : 120000) * 1000000u};
}

bool sm_fault_now(sm_fault kind) {
  static const char *const names[SM_FAULTS] = {"library", "pipeline",
                                               "buffer", "command",
                                               "timeout"};
  static _Atomic uint64_t counts[SM_FAULTS];
  uint64_t nth = atomic_fetch_add(&counts[kind], 1) + 1;
  const char *text = getenv("SOFTMETAL_FAULT");
  while (text && *text) {
    size_t length = strcspn(text, ",");
    size_t name = strcspn(text, ":");
    if (name < length && strlen(names[kind]) == name &&
        memcmp(text, names[kind], name) == 0) {
      char *end;
      uint64_t first = strtoull(text + name + 1, &end, 10);
      if (first && (nth == first || (*end == '+' && nth > first))) return true;
    }
    text += length + (text[length] == ',');
  }
  return false;
}
