/* SPDX-License-Identifier: MIT */
/*
 * compile_report.h - what a compile can tell of itself: how long its stages
 * took, what the cache decided and why, and the texts of its stages as files.
 *
 * The compiler may not be left between two of its steps, so steps are noted
 * while it runs and told, to the context's log, when it has ended.
 */
#ifndef TM_COMPILE_REPORT_H
#define TM_COMPILE_REPORT_H

#include "context.h"

enum { TMI_MOST_STAGES = 40 };

typedef struct tmi_compile_report {
  bool is_wanted;        /* else nothing is noted */
  double last;           /* tmi_seconds when the last stage ended; 0: none */
  struct {
    const char *name;    /* static */
    double seconds;
    uint32_t runs;
  } stages[TMI_MOST_STAGES];
  uint32_t n_stages;
  uint64_t hash[2];      /* of the kernel's key, high and low */
  char cache[320];       /* what the cache decided, in words */
} tmi_compile_report;

/* A stage of the compiler has ended; payload is the report. */
void tmi_note_stage(void *payload, const char *stage);
void tmi_note_pass(void *payload, const char *pass, const tm_ir *ir);
/* Adds to what the cache decided. */
void tmi_note_cache(tmi_compile_report *report, const char *format, ...)
    TM_PRINTF(2, 3);
/* Tells the log, at level 1. */
void tmi_tell_compile(const tm_kernel *kernel,
                      const tmi_compile_report *report);

/* ---- dump.c ------------------------------------------------------------- */

/* Writes the texts of the kernel's stages below the settings' dump_dir, if
 * there is one, into a folder of its own. What cannot be written is a warning
 * in the log. */
void tmi_dump_kernel(tm_kernel *kernel, const uint64_t hash[2]);

#endif
