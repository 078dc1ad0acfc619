/* SPDX-License-Identifier: MIT */
/* environment.h - the compatibility check, between the files that make it:
 * environment.c looks and judges, environment_report.c writes. */
#ifndef TM_RUNTIME_ENVIRONMENT_H
#define TM_RUNTIME_ENVIRONMENT_H

#include "context.h"

/* Both to memory of the context's texts, which are armed. */
const char *tmi_environment_text(tm_context *context,
                                 const tm_environment_facts *facts,
                                 const tm_store_stats *cache);
const char *tmi_environment_json(tm_context *context,
                                 const tm_environment_facts *facts,
                                 const tm_store_stats *cache);

#endif
