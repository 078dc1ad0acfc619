/* SPDX-License-Identifier: MIT */
/*
 * counter_report.c - the counters of command buffers, for programs and as
 * text: SOFTMETAL_COUNTERS=1 counts, SOFTMETAL_COUNTERS_REPORT=stderr (or a
 * file, which is appended to) writes a table per dispatch as well.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

softmetal_counters *sm_counters_add(sm_command_buffer *self) {
  softmetal_counters *grown =
      realloc(self->counters, (self->n_counters + 1) * sizeof *grown);
  if (!grown) return NULL;
  self->counters = grown;
  memset(&grown[self->n_counters], 0, sizeof *grown);
  return &grown[self->n_counters++];
}

static double ratio(uint64_t a, uint64_t b) {
  return b ? (double)a / (double)b : 0;
}

static void write_record(FILE *out, const softmetal_counters *c) {
  static const char *const names[SOFTMETAL_KINDS] = {
      "float", "int", "convert", "special", "load", "store", "atomic",
      "barrier", "shuffle", "matrix"};
  uint64_t issued = 0, lanes = 0;
  fprintf(out, "kernel %s: %" PRIu64 " threads, %" PRIu64 " simdgroups, %"
          PRIu64 " threadgroups\n", c->kernel, c->threads, c->simdgroups,
          c->threadgroups);
  for (int i = 0; i < SOFTMETAL_KINDS; i++) {
    issued += c->issued[i];
    lanes += c->lanes[i];
    if (c->issued[i])
      fprintf(out, "  %-8s %14" PRIu64 " issued %16" PRIu64 " by threads\n",
              names[i], c->issued[i], c->lanes[i]);
  }
  fprintf(out, "  lane use %.1f%%\n", 100 * ratio(lanes, 32 * issued));
  fprintf(out, "  device      %" PRIu64 " bytes read, %" PRIu64 " written, %"
          PRIu64 " lines of 128 in %" PRIu64 " accesses (%.2f each)\n",
          c->device_bytes_read, c->device_bytes_written, c->device_lines,
          c->device_accesses, ratio(c->device_lines, c->device_accesses));
  fprintf(out, "  constant    %" PRIu64 " bytes\n", c->constant_bytes);
  fprintf(out, "  threadgroup %" PRIu64 " bytes in %" PRIu64 " accesses, %"
          PRIu64 " bank conflicts\n", c->threadgroup_bytes,
          c->threadgroup_accesses, c->bank_conflicts);
}

void sm_counters_report(const sm_command_buffer *self) {
  const char *to = getenv("SOFTMETAL_COUNTERS_REPORT");
  if (!to || !*to || !self->n_counters) return;
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  if (!memory) return;
  for (size_t i = 0; i < self->n_counters; i++)
    write_record(memory, &self->counters[i]);
  if (fclose(memory) == 0) {
    /* One write, so that reports of several queues do not mix. */
    FILE *out = strcmp(to, "stderr") == 0 ? stderr : fopen(to, "ae");
    if (out) fwrite(text, 1, size, out);
    if (out && out != stderr) fclose(out);
  }
  free(text);
}

SM_EXPORT size_t softmetal_command_buffer_counters(
    struct objc_object *command_buffer, softmetal_counters *records,
    size_t most) {
  sm_command_buffer *self = (sm_command_buffer *)command_buffer;
  if (!sm_is_kind(command_buffer, sm_command_class)) return 0;
  pthread_mutex_lock(&self->lock);
  size_t n = self->status >= SM_COMPLETED ? self->n_counters : 0;
  size_t stride = records && most ? records->struct_size : 0;
  for (size_t i = 0; stride && i < n && i < most; i++) {
    char *to = (char *)records + i * stride;
    size_t bytes = stride < sizeof(softmetal_counters)
                       ? stride : sizeof(softmetal_counters);
    memset(to, 0, stride);
    memcpy(to, &self->counters[i], bytes);
    memcpy(to, &stride, sizeof stride);
  }
  pthread_mutex_unlock(&self->lock);
  return n;
}
