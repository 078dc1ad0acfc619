/* SPDX-License-Identifier: MIT */
/*
 * rt_log.c - os_log at run time: one text per active lane, kept in the
 * dispatch's list until whoever started the dispatch reads it. Nothing is
 * called back from inside a kernel.
 *
 * The front end has checked that conversions fit the arguments; a vector is
 * printed as its elements with commas between them, as OpenCL does.
 */
#include "rt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 1024 };

typedef struct writer {
  char text[MOST_TEXT];
  size_t length;
  const char *types;      /* of the arguments not yet used */
  const uint64_t *values; /* of the same */
  uint32_t lane;
} writer;

static void put(writer *w, const char *text, size_t n) {
  if (n > MOST_TEXT - 1 - w->length) n = MOST_TEXT - 1 - w->length;
  memcpy(w->text + w->length, text, n);
  w->length += n;
}

/* One element by a C conversion made of flags and the last letter. */
static void put_element(writer *w, const char *flags, char letter,
                        char type, uint64_t bits) {
  char format[48], out[512];
  int n;
  if (strchr("eEfFgGaA", letter)) {
    float f;
    uint32_t low = (uint32_t)bits;
    memcpy(&f, &low, 4);
    snprintf(format, sizeof format, "%s%c", flags, letter);
    n = type == 'f' ? snprintf(out, sizeof out, format, (double)f) : 0;
  } else if (letter == 'c') {
    snprintf(format, sizeof format, "%sc", flags);
    n = snprintf(out, sizeof out, format, (int)bits);
  } else if (letter == 'p') {
    n = snprintf(out, sizeof out, "0x%llx", (unsigned long long)bits);
  } else {
    bool sign = letter == 'd' || letter == 'i';
    if (!sign && (type == 'i' || type == 'u')) bits = (uint32_t)bits;
    snprintf(format, sizeof format, "%sll%c", flags, letter);
    n = sign ? snprintf(out, sizeof out, format, (long long)bits)
             : snprintf(out, sizeof out, format, (unsigned long long)bits);
  }
  if (n > 0) put(w, out, (size_t)n < sizeof out ? (size_t)n : sizeof out - 1);
}

/* s is behind a '%'. Returns what follows the conversion. */
static const char *put_conversion(writer *w, const char *s) {
  char flags[32] = "%";
  size_t n = 1;
  while (*s && strchr("-+ #0123456789.v", *s)) {
    if (*s == 'v') { /* v2 v3 v4: the argument knows its length */
      s += s[1] ? 2 : 1;
      continue;
    }
    if (n < sizeof flags - 1) flags[n++] = *s;
    s++;
  }
  flags[n] = 0;
  const char *length = s;
  while (*s == 'h' || *s == 'l') s++;
  bool bytes = length[0] == 'h' && length[1] == 'h';
  bool half = length[0] == 'h' && !bytes && length[1] != 'l';
  if (!*s) return s;
  char letter = *s++, type = w->types[0];
  if (!type) return s;
  unsigned count = (unsigned)(w->types[1] - '0');
  for (unsigned i = 0; i < count; i++, w->values += SM_LANES) {
    uint64_t bits = w->values[w->lane];
    bool sign = letter == 'd' || letter == 'i';
    if (type != 'f' && bytes)
      bits = sign ? (uint64_t)(int8_t)bits : (uint8_t)bits;
    if (type != 'f' && half)
      bits = sign ? (uint64_t)(int16_t)bits : (uint16_t)bits;
    if (i) put(w, ",", 1);
    put_element(w, flags, letter, type, bits);
  }
  w->types += 2;
  return s;
}

static void put_all(writer *w, const char *format) {
  while (*format) {
    size_t plain = strcspn(format, "%");
    put(w, format, plain);
    format += plain;
    if (!*format) break;
    if (format[1] == '%') {
      put(w, "%", 1);
      format += 2;
    } else {
      format = put_conversion(w, format + 1);
    }
  }
  w->text[w->length] = 0;
}

static void append(sm_log_list *list, uint32_t level, const char *subsystem,
                   const char *category, const writer *w) {
  size_t a = strlen(subsystem) + 1, b = strlen(category) + 1;
  size_t size = a + b + w->length + 1;
  sm_log_entry *entry = malloc(sizeof(*entry) + size);
  if (!entry) return;
  entry->next = NULL;
  entry->level = level;
  entry->category = (uint32_t)a;
  entry->message = (uint32_t)(a + b);
  memcpy(entry->text, subsystem, a);
  memcpy(entry->text + a, category, b);
  memcpy(entry->text + a + b, w->text, w->length + 1);
  sm_pool_lock();
  bool fits = list->bytes + w->length <= list->room;
  if (fits) {
    list->bytes += w->length;
    if (list->last) list->last->next = entry;
    else list->first = entry;
    list->last = entry;
  } else {
    list->dropped++;
  }
  sm_pool_unlock();
  if (!fits) free(entry);
}

void sm_rt_log(sm_frame *frame, uint32_t mask, uint32_t level,
               const char *format, const char *subsystem,
               const char *category, const char *types,
               const uint64_t *values) {
  sm_log_list *list = frame->simd->worker->job->dispatch->log;
  if (!list) return;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    writer w;
    w.length = 0;
    w.types = types;
    w.values = values;
    w.lane = (uint32_t)__builtin_ctz(rest);
    put_all(&w, format);
    append(list, level, subsystem, category, &w);
  }
}

void sm_log_list_free(sm_log_list *list) {
  for (sm_log_entry *e = list->first, *next; e; e = next) {
    next = e->next;
    free(e);
  }
  list->first = list->last = NULL;
}
