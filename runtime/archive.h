/* SPDX-License-Identifier: MIT */
/* archive.h - pipelines' native code in the cache. */
#ifndef TM_RUNTIME_ARCHIVE_H
#define TM_RUNTIME_ARCHIVE_H

#include "context.h"

/* The kernel's pipeline from its archive; false: to be compiled. The device
 * is open and the kernel's lock held. */
bool tmi_archive_load(tm_kernel *kernel, tm_id library,
                      tm_metal_pipeline *made);
/* Stores the archive of a kernel whose pipeline was compiled. */
void tmi_archive_keep(tm_kernel *kernel, tm_id library);
/* Deletes archives of other systems, and of other builds of this one. False:
 * the file cannot be written. Without an open device nothing is known, and
 * nothing deleted. */
bool tmi_archive_sweep(tm_context *context, uint64_t *deleted);

#endif
