/* SPDX-License-Identifier: MIT */
/* str.c - interned names, growing text, numbers as text, edit distance. */
#include "base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t tm_hash_bytes(const void *data, size_t n, uint64_t seed) {
  /* FNV-1a, 64 bit (Fowler, Noll, Vo), then the murmur3 finaliser so that
   * the low bits used by the tables depend on every byte. */
  const unsigned char *p = data;
  uint64_t h = 0xcbf29ce484222325u ^ seed;
  for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
  return h ^ (h >> 33);
}

void tm_names_init(tm_names *names, tm_arena *arena) {
  memset(names, 0, sizeof *names);
  names->arena = arena;
}

static void names_grow(tm_names *names) {
  uint32_t cap = names->cap ? names->cap * 2 : 64;
  tm_name_slot *slots = TM_NEW_ARRAY(names->arena, tm_name_slot, cap);
  for (uint32_t i = 0; i < names->cap; i++) {
    const tm_name_slot *slot = &names->slots[i];
    if (!slot->name) continue;
    uint32_t at = slot->hash & (cap - 1);
    while (slots[at].name) at = (at + 1) & (cap - 1);
    slots[at] = *slot;
  }
  names->slots = slots;
  names->cap = cap;
}

tm_name tm_intern(tm_names *names, const char *text, size_t n) {
  if (names->len * 4 >= names->cap * 3) names_grow(names);
  uint32_t mask = names->cap - 1;
  uint32_t hash = (uint32_t)tm_hash_bytes(text, n, 0), at = hash & mask;
  tm_name_slot *slot;
  for (; (slot = &names->slots[at])->name; at = (at + 1) & mask)
    if (slot->hash == hash && slot->len == n &&
        memcmp(slot->name, text, n) == 0)
      return slot->name;
  slot->name = tm_strndup(names->arena, text, n);
  slot->hash = hash;
  slot->len = (uint32_t)n;
  names->len++;
  return slot->name;
}

static void buf_reserve(tm_buf *buf, size_t more) {
  if (buf->cap - buf->len > more) return;
  size_t cap = buf->cap ? buf->cap * 2 : 256;
  while (cap - buf->len <= more) cap *= 2;
  char *data = tm_alloc(buf->arena, cap);
  if (buf->len) memcpy(data, buf->data, buf->len);
  buf->data = data;
  buf->cap = cap;
}

void tm_buf_add(tm_buf *buf, const char *text, size_t n) {
  buf_reserve(buf, n);
  if (n) memcpy(buf->data + buf->len, text, n);
  buf->len += n;
  buf->data[buf->len] = 0;
}

void tm_buf_puts(tm_buf *buf, const char *text) {
  tm_buf_add(buf, text, strlen(text));
}

static void add_padded(tm_buf *buf, int width, const char *text, size_t n) {
  for (; width > 0 && (size_t)width > n; width--) tm_buf_add(buf, " ", 1);
  tm_buf_add(buf, text, n);
}

static void add_number(tm_buf *buf, unsigned long long x, bool negative) {
  char digits[24], *p = digits + sizeof digits;
  do *--p = (char)('0' + x % 10);
  while (x /= 10);
  if (negative) *--p = '-';
  tm_buf_add(buf, p, (size_t)(digits + sizeof digits - p));
}

/* Formats of text and whole numbers, which are nearly all that a compile
 * prints, several times faster than vsnprintf does: %s %.*s %*s %c %u %d %llu
 * %lld %%. False, with nothing added, when there is another. */
static bool print_simple(tm_buf *buf, const char *fmt, va_list args) {
  size_t start = buf->len;
  for (const char *p; *fmt; fmt = p) {
    p = fmt;
    while (*p && *p != '%') p++;
    if (p > fmt) tm_buf_add(buf, fmt, (size_t)(p - fmt));
    if (!*p) break;
    int width = 0, most = -1;
    if (p[1] == '*') width = va_arg(args, int), p++;
    else if (p[1] == '.' && p[2] == '*') most = va_arg(args, int), p += 2;
    bool wide = p[1] == 'l' && p[2] == 'l', plain = width == 0 && most < 0;
    if (wide) p += 2;
    char kind = *++p;
    if (kind == 's' && !wide && width >= 0) {
      const char *s = va_arg(args, const char *);
      if (!s) s = "(null)";
      const char *end = most < 0 ? NULL : memchr(s, 0, (size_t)most);
      size_t n = most >= 0 && !end ? (size_t)most : strlen(s);
      add_padded(buf, width, s, n);
    } else if (kind == 'u' && plain) {
      add_number(buf, wide ? va_arg(args, unsigned long long)
                           : va_arg(args, unsigned), false);
    } else if (kind == 'd' && plain) {
      long long x = wide ? va_arg(args, long long) : va_arg(args, int);
      add_number(buf, x < 0 ? 0 - (unsigned long long)x
                            : (unsigned long long)x, x < 0);
    } else if (kind == 'c' && plain && !wide) {
      char c = (char)va_arg(args, int);
      tm_buf_add(buf, &c, 1);
    } else if (kind == '%' && plain && !wide) {
      tm_buf_add(buf, "%", 1);
    } else {
      buf->len = start;
      return false;
    }
    p++;
  }
  return true;
}

void tm_buf_vprintf(tm_buf *buf, const char *fmt, va_list args) {
  va_list simple;
  va_copy(simple, args);
  buf_reserve(buf, 0);
  bool done = print_simple(buf, fmt, simple);
  va_end(simple);
  buf->data[buf->len] = 0;
  if (done) return;
  va_list again;
  va_copy(again, args);
  buf_reserve(buf, 128);
  int n = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, args);
  if (n > 0 && (size_t)n >= buf->cap - buf->len) {
    buf_reserve(buf, (size_t)n);
    vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, again);
  }
  va_end(again);
  if (n > 0) buf->len += (size_t)n;
  buf->data[buf->len] = 0;
}

void tm_buf_printf(tm_buf *buf, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(buf, fmt, args);
  va_end(args);
}

const char *tm_buf_text(tm_buf *buf) {
  return buf->data ? buf->data : "";
}

void tm_buf_double(tm_buf *buf, double x, bool single) {
  if (isnan(x)) {
    tm_buf_puts(buf, "nan");
    return;
  }
  if (isinf(x)) {
    tm_buf_puts(buf, x < 0 ? "-inf" : "inf");
    return;
  }
  /* 9 and 17 significant digits always read back (IEEE 754-2008, 5.12.2);
   * try fewer first. */
  char text[40];
  for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x)
      break;
  }
  /* A host may have set a locale whose decimal point is a comma; it read
   * back under that locale, and a point is what every reader of ours wants. */
  bool plain = true;
  for (char *p = text; *p; p++) {
    if (*p == ',') *p = '.';
    if (*p == '.' || *p == 'e') plain = false;
  }
  tm_buf_puts(buf, text);
  if (plain) tm_buf_puts(buf, ".0");
}

unsigned tm_edit_distance(const char *a, const char *b, unsigned most) {
  enum { LONGEST = 64 }; /* names longer than this are never suggested */
  size_t n = strlen(a), m = strlen(b);
  if (n > LONGEST || m > LONGEST) return most + 1;
  /* Optimal string alignment: three rows of the table are kept, since a
   * transposition looks two rows back. */
  unsigned rows[3][LONGEST + 1];
  for (size_t j = 0; j <= m; j++) rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3];
    const unsigned *up2 = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);
      if (up[j] + 1 < best) best = up[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          up2[j - 2] + 1 < best)
        best = up2[j - 2] + 1;
      row[j] = best;
    }
  }
  unsigned distance = rows[n % 3][m];
  return distance > most ? most + 1 : distance;
}
