/* SPDX-License-Identifier: MIT */
/* compile_report.c - how long the stages of a compile took, and what the cache
 * decided, in lines for the log. */
#include "compile_report.h"

#include <stdio.h>
#include <string.h>

void tmi_note_stage(void *payload, const char *stage) {
  tmi_compile_report *r = payload;
  double now = tmi_seconds();
  uint32_t i = 0;
  while (i < r->n_stages && strcmp(r->stages[i].name, stage) != 0) i++;
  if (i == r->n_stages && i < TMI_MOST_STAGES) {
    r->stages[i].name = stage;
    r->stages[i].seconds = 0;
    r->stages[i].runs = 0;
    r->n_stages++;
  }
  if (i < r->n_stages) {
    r->stages[i].seconds += now - r->last;
    r->stages[i].runs++;
  }
  r->last = now;
}

void tmi_note_pass(void *payload, const char *pass, const tm_ir *ir) {
  tmi_note_stage(payload, pass);
}

void tmi_note_cache(tmi_compile_report *r, const char *format, ...) {
  if (!r->is_wanted) return;
  size_t used = strlen(r->cache);
  va_list args;
  va_start(args, format);
  vsnprintf(r->cache + used, sizeof r->cache - used, format, args);
  va_end(args);
}

static void tell_stages(const tm_kernel *kernel, const tmi_compile_report *r) {
  char line[1024];
  size_t used = 0;
  for (uint32_t i = 0; i < r->n_stages && used < sizeof line; i++) {
    char runs[16] = "";
    if (r->stages[i].runs > 1)
      snprintf(runs, sizeof runs, " (%ux)", (unsigned)r->stages[i].runs);
    int n = snprintf(line + used, sizeof line - used, "%s%s %.3f%s",
                     i ? ", " : "", r->stages[i].name,
                     r->stages[i].seconds * 1e3, runs);
    if (n < 0) break;
    used += (size_t)n;
  }
  tmi_log(kernel->context, 1, "%s for %s: stages in ms: %s",
          kernel->facts.name, kernel->facts.chip, line);
}

void tmi_tell_compile(const tm_kernel *kernel, const tmi_compile_report *r) {
  const tm_kernel_facts *f = &kernel->facts;
  if (!r->is_wanted) return;
  tmi_log(kernel->context, 1, "%s for %s: cache: %s, key %016llx%016llx",
          f->name, f->chip, r->cache, (unsigned long long)r->hash[0],
          (unsigned long long)r->hash[1]);
  tmi_log(kernel->context, 1, "%s for %s: %s in %.1f ms%s", f->name, f->chip,
          f->from_cache ? "found in the cache" : "compiled",
          f->compile_seconds * 1e3,
          kernel->spec.may_overlap ? ", once more, for buffers that overlap"
                                   : "");
  if (r->n_stages) tell_stages(kernel, r);
}
