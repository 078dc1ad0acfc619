/* SPDX-License-Identifier: MIT */
/*
 * json_text.c - pieces of JSON. Settings are read with a library; what is
 * written here may be a trace of a million lines, which needs no tree.
 */
#include "json_text.h"

#include <math.h>
#include <string.h>

/* How many bytes the UTF-8 sequence at s has; 0: it is none. Overlong forms,
 * surrogates and what is past U+10FFFF are none. */
static size_t sequence(const unsigned char *s) {
  if (s[0] < 0x80) return 1;
  size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0; /* also the zero at the end */
  if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
      (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
    return 0;
  return n;
}

void tmi_json_text(tm_buf *out, const char *text) {
  if (!text) {
    tm_buf_puts(out, "null");
    return;
  }
  tm_buf_puts(out, "\"");
  const unsigned char *s = (const unsigned char *)text;
  while (*s) {
    size_t n = sequence(s);
    if (*s == '"' || *s == '\\')
      tm_buf_printf(out, "\\%c", *s);
    else if (*s < 0x20 || *s == 0x7f)
      tm_buf_printf(out, "\\u%04x", (unsigned)*s);
    else if (n)
      tm_buf_add(out, (const char *)s, n);
    else
      tm_buf_puts(out, "\\ufffd");
    s += n ? n : 1;
  }
  tm_buf_puts(out, "\"");
}

void tmi_json_number(tm_buf *out, double x) {
  if (isfinite(x))
    tm_buf_double(out, x, false);
  else
    tm_buf_puts(out, "null");
}

void tmi_json_key(tm_buf *out, const char *name, bool is_first) {
  if (!is_first) tm_buf_puts(out, ", ");
  tmi_json_text(out, name);
  tm_buf_puts(out, ": ");
}

void tmi_json_put_text(tm_buf *out, const char *name, const char *text) {
  tmi_json_key(out, name, false);
  tmi_json_text(out, text);
}

void tmi_json_put_number(tm_buf *out, const char *name, double x) {
  tmi_json_key(out, name, false);
  tmi_json_number(out, x);
}

void tmi_json_put_count(tm_buf *out, const char *name, uint64_t n) {
  tmi_json_key(out, name, false);
  tm_buf_printf(out, "%llu", (unsigned long long)n);
}

void tmi_json_put_bool(tm_buf *out, const char *name, bool x) {
  tmi_json_key(out, name, false);
  tm_buf_puts(out, x ? "true" : "false");
}
