/* SPDX-License-Identifier: MIT */
/* diag.c - gathering diagnostics and showing them with their source line. */
#include "base.h"

enum {
  MOST_ERRORS = 64, /* kept by default: more is noise to a person */
  WIDEST_LINE = 160 /* bytes of a source line shown around the caret */
};

void tm_diags_init(tm_diags *diags, tm_arena *arena) {
  memset(diags, 0, sizeof *diags);
  diags->arena = arena;
}

uint32_t tm_diags_source(tm_diags *diags, const char *name, tm_str text) {
  const char *copy = tm_strndup(diags->arena, name, strlen(name));
  tm_source source = {copy, text};
  tm_push(diags->arena, &diags->sources, source);
  return diags->sources.len;
}

bool tm_diags_has(const tm_diags *diags, tm_loc loc, const char *message) {
  for (size_t i = diags->list.len; i-- > 0;) {
    const tm_diag *d = &diags->list.data[i];
    if (d->severity == TM_ERROR && d->loc.file == loc.file &&
        d->loc.line == loc.line && d->loc.col == loc.col &&
        strcmp(d->message, message) == 0)
      return true;
  }
  return false;
}

static tm_diag *add(tm_diags *diags, tm_severity severity, tm_diag_kind kind,
                    tm_loc loc, const char *fmt, va_list args) {
  uint32_t most = diags->max_errors ? diags->max_errors : MOST_ERRORS;
  if (severity == TM_ERROR && ++diags->errors > most)
    return TM_NEW(diags->arena, tm_diag); /* counted, not kept */
  tm_buf text = tm_buf_in(diags->arena);
  tm_buf_vprintf(&text, fmt, args);
  if (severity == TM_ERROR && tm_diags_has(diags, loc, tm_buf_text(&text)))
    return TM_NEW(diags->arena, tm_diag); /* said already */
  tm_diag diag = {severity, kind, loc, tm_buf_text(&text), NULL};
  tm_push(diags->arena, &diags->list, diag);
  return &diags->list.data[diags->list.len - 1];
}

tm_diag *tm_error_at(tm_diags *diags, tm_diag_kind kind, tm_loc loc,
                     const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_diag *diag = add(diags, TM_ERROR, kind, loc, fmt, args);
  va_end(args);
  return diag;
}

tm_diag *tm_warning_at(tm_diags *diags, tm_loc loc, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_diag *diag = add(diags, TM_WARNING, TM_DIAG_SEMANTIC, loc, fmt, args);
  va_end(args);
  return diag;
}

tm_diag *tm_note_at(tm_diags *diags, tm_loc loc, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  tm_diag *diag = add(diags, TM_NOTE, TM_DIAG_SEMANTIC, loc, fmt, args);
  va_end(args);
  return diag;
}

void tm_diag_hint(tm_diags *diags, tm_diag *diag, const char *fmt, ...) {
  tm_buf text = tm_buf_in(diags->arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&text, fmt, args);
  va_end(args);
  diag->hint = tm_buf_text(&text);
}

/* The bytes of line number `line` (from 1), without its end. */
static tm_str line_of(tm_str text, uint32_t line) {
  const char *p = text.ptr, *end = p + text.len;
  for (uint32_t n = 1; n < line; n++) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    if (!newline) return (tm_str){end, 0};
    p = newline + 1;
  }
  const char *newline = memchr(p, '\n', (size_t)(end - p));
  size_t len = (size_t)((newline ? newline : end) - p);
  if (len && p[len - 1] == '\r') len--;
  return (tm_str){p, len};
}

/* A continuation byte of UTF-8 takes no column of its own. */
static bool continues_character(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

static void render_excerpt(tm_str line, uint32_t col, tm_buf *out) {
  size_t caret = col ? col - 1 : 0;
  if (caret > line.len) caret = line.len;
  size_t from = caret > WIDEST_LINE / 2 ? caret - WIDEST_LINE / 2 : 0;
  while (from && from < line.len && continues_character(line.ptr[from])) from--;
  size_t to = line.len - from > WIDEST_LINE ? from + WIDEST_LINE : line.len;
  tm_buf_puts(out, "  ");
  for (size_t i = from; i < to; i++) {
    /* Control bytes of a hostile source must not reach a terminal. */
    unsigned char c = (unsigned char)line.ptr[i];
    char shown = (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c;
    tm_buf_add(out, &shown, 1);
  }
  tm_buf_puts(out, "\n  ");
  for (size_t i = from; i < caret; i++) {
    if (line.ptr[i] == '\t')
      tm_buf_puts(out, "\t");
    else if (!continues_character(line.ptr[i]))
      tm_buf_puts(out, " ");
  }
  tm_buf_puts(out, "^\n");
}

void tm_diag_render(const tm_diags *diags, const tm_diag *diag, tm_buf *out) {
  static const char *const words[] = {"note", "warning", "error"};
  const tm_source *source = NULL;
  if (diag->loc.file && diag->loc.file <= diags->sources.len)
    source = &diags->sources.data[diag->loc.file - 1];
  if (source && diag->loc.line)
    tm_buf_printf(out, "%s:%u:%u: ", source->name, diag->loc.line,
                  diag->loc.col);
  else if (source)
    tm_buf_printf(out, "%s: ", source->name);
  tm_buf_printf(out, "%s: %s\n", words[diag->severity], diag->message);
  if (source && diag->loc.line)
    render_excerpt(line_of(source->text, diag->loc.line), diag->loc.col, out);
  if (diag->hint) tm_buf_printf(out, "  hint: %s\n", diag->hint);
}

void tm_diags_render_all(const tm_diags *diags, tm_buf *out) {
  for (uint32_t i = 0; i < diags->list.len; i++)
    tm_diag_render(diags, &diags->list.data[i], out);
  uint32_t most = diags->max_errors ? diags->max_errors : MOST_ERRORS;
  if (diags->errors > most)
    tm_buf_printf(out, "%u more errors are not shown\n", diags->errors - most);
}
