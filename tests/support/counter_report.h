/* SPDX-License-Identifier: MIT */
/*
 * counter_report.h - softmetal's counters of one launch, for tests and
 * benches that go through the public header, which hides command buffers.
 *
 * counters_start sets the environment before a context is made; after a
 * launch counters_read gives what the report says of its last dispatch.
 */
#ifndef TM_COUNTER_REPORT_H
#define TM_COUNTER_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct counters {
  double simdgroups, threadgroups;
  double barriers, matrices; /* executed by simdgroups */
  double read, written;      /* device bytes that threads asked for */
  double lines, accesses;    /* lines of 128 bytes; by simdgroups */
  double threadgroup_bytes, threadgroup_accesses, bank_conflicts;
} counters;

/* chip: what softmetal is; path: a file for the report. */
static inline void counters_start(const char *chip, const char *path) {
  setenv("SOFTMETAL_CHIP", chip, 1);
  setenv("SOFTMETAL_COUNTERS", "1", 1);
  setenv("SOFTMETAL_COUNTERS_REPORT", path, 1);
  remove(path);
}

static inline void counters_stop(void) {
  unsetenv("SOFTMETAL_CHIP");
  unsetenv("SOFTMETAL_COUNTERS");
  unsetenv("SOFTMETAL_COUNTERS_REPORT");
}

/* False when there is no report. */
static inline bool counters_read(const char *path, counters *c) {
  char line[512];
  bool found = false;
  FILE *file = fopen(path, "r");
  if (!file) return false;
  while (fgets(line, sizeof line, file)) {
    const char *numbers = strchr(line, ':');
    if (strncmp(line, "kernel ", 7) == 0 && numbers) {
      memset(c, 0, sizeof *c);
      found = sscanf(numbers, ": %*f threads, %lf simdgroups, %lf",
                     &c->simdgroups, &c->threadgroups) == 2;
    }
    sscanf(line, "  barrier %lf", &c->barriers);
    sscanf(line, "  matrix %lf", &c->matrices);
    sscanf(line, "  device %lf bytes read, %lf written, %lf lines of 128 in "
           "%lf", &c->read, &c->written, &c->lines, &c->accesses);
    sscanf(line, "  threadgroup %lf bytes in %lf accesses, %lf",
           &c->threadgroup_bytes, &c->threadgroup_accesses,
           &c->bank_conflicts);
  }
  fclose(file);
  return found;
}

#endif
