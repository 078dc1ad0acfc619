/* SPDX-License-Identifier: MIT */
/*
 * error.h - making the error objects of the public header, and checking the
 * option structures that begin with their size.
 *
 * Functions of runtime/ that other files of it call are named tmi_*; the
 * public ones tm_*.
 */
#ifndef TM_RUNTIME_ERROR_H
#define TM_RUNTIME_ERROR_H

#include "../include/tritonmetal.h"
#include "../lib/base/base.h"

/* Stores a new error in *out (unless out is NULL) and returns status. When
 * there is no memory for it the error says that instead. */
tm_status tmi_fail(tm_error **out, tm_status status, const char *format, ...)
    TM_PRINTF(3, 4);

/* The same from gathered diagnostics: status and message are those of the
 * first error; everything is copied. With no error in diags: internal. */
tm_status tmi_fail_diags(tm_error **out, const tm_diags *diags);

/* TM_E_MEMORY. */
tm_status tmi_fail_memory(tm_error **out);

/* Every public function that takes a tm_error ** starts with this. */
static inline void tmi_begin(tm_error **out) {
  if (out) *out = NULL;
}

/* Copies the caller's option structure `from` (NULL: all defaults) to `to`,
 * whose size is `known`; name is for the message. Refuses a size below
 * `least`, that of the first version, and a longer structure whose unknown
 * part is not zero. */
tm_status tmi_options(void *to, size_t known, size_t least, const void *from,
                      const char *name, tm_error **error);
/* Copies a structure of facts out: the first field of `to` is the size that
 * the caller has; no more than that is written. */
tm_status tmi_facts(void *to, const void *from, size_t known, size_t least,
                    const char *name, tm_error **error);

/* The public status for a kind of diagnostic. */
tm_status tmi_diag_status(tm_diag_kind kind);

#endif
