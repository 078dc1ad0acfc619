/* SPDX-License-Identifier: MIT */
/* json_text.h - pieces of JSON, written in any locale. */
#ifndef TM_JSON_TEXT_H
#define TM_JSON_TEXT_H

#include "../lib/base/base.h"

/* A string with its quotes; null for NULL. Bytes that are no UTF-8 become
 * U+FFFD. */
void tmi_json_text(tm_buf *out, const char *text);
/* A number; null for those that JSON has not. */
void tmi_json_number(tm_buf *out, double x);
/* "name": before a value; the first of an object has no comma before it. */
void tmi_json_key(tm_buf *out, const char *name, bool is_first);
/* Keys with values, each after a comma. */
void tmi_json_put_text(tm_buf *out, const char *name, const char *text);
void tmi_json_put_number(tm_buf *out, const char *name, double x);
void tmi_json_put_count(tm_buf *out, const char *name, uint64_t n);
void tmi_json_put_bool(tm_buf *out, const char *name, bool x);

#endif
