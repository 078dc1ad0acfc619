/* SPDX-License-Identifier: MIT */
/*
 * error.c - statuses and error objects.
 *
 * An error is one block of malloc'ed memory: the object, its diagnostics and
 * all their text, so that destroying it is one free. When even that block
 * cannot be had, a static object says so.
 */
#include "error.h"

#include "handles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tm_error {
  tm_status status;
  const char *message;
  const char *text; /* message and rendered diagnostics */
  tm_diagnostic *diagnostics;
  size_t count;
};

static tm_error out_of_memory = {TM_E_MEMORY, "out of memory",
                                 "error: out of memory\n", NULL, 0};

/* ---- statuses ----------------------------------------------------------- */

const char *tm_status_name(tm_status status) {
  switch ((int)status) {
#define CASE(name, number, text) \
  case number:                   \
    return #name;
    TM_STATUS_MAP(CASE)
#undef CASE
    default:
      return "TM_E_UNKNOWN";
  }
}

const char *tm_status_text(tm_status status) {
  switch ((int)status) {
#define CASE(name, number, text) \
  case number:                   \
    return text;
    TM_STATUS_MAP(CASE)
#undef CASE
    default:
      return "an unknown status";
  }
}

tm_status tmi_diag_status(tm_diag_kind kind) {
  switch (kind) {
    case TM_DIAG_SYNTAX:
      return TM_E_SYNTAX;
    case TM_DIAG_SEMANTIC:
      return TM_E_SEMANTIC;
    case TM_DIAG_UNSUPPORTED:
      return TM_E_UNSUPPORTED;
    case TM_DIAG_LIMIT:
      return TM_E_LIMIT;
    case TM_DIAG_INTERNAL:
      return TM_E_INTERNAL;
  }
  return TM_E_INTERNAL;
}

/* ---- making ------------------------------------------------------------- */

tm_status tmi_fail_memory(tm_error **out) {
  if (out) *out = &out_of_memory;
  return TM_E_MEMORY;
}

tm_status tmi_fail(tm_error **out, tm_status status, const char *format, ...) {
  if (!out) return status;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  size_t length = n < 0 ? 0 : (size_t)n;
  /* object, message, "error: " message newline */
  tm_error *error = malloc(sizeof *error + 2 * length + 16);
  if (error) {
    char *message = (char *)(error + 1), *text = message + length + 1;
    vsnprintf(message, length + 1, format, again);
    memcpy(text, "error: ", 7);
    memcpy(text + 7, message, length);
    memcpy(text + 7 + length, "\n", 2);
    *error = (tm_error){status, message, text, NULL, 0};
  }
  va_end(again);
  va_end(args);
  *out = error ? tmi_handle_add(error, TMI_ERROR) : &out_of_memory;
  return error ? status : TM_E_MEMORY;
}

/* Counts or copies text into the one block: pass 1 with at NULL. */
typedef struct packer {
  char *at;
  size_t used;
} packer;

static const char *pack(packer *p, const char *text) {
  if (!text) return NULL;
  size_t n = strlen(text) + 1;
  char *copy = p->at ? p->at + p->used : NULL;
  if (copy) memcpy(copy, text, n);
  p->used += n;
  return copy;
}

static const tm_diag *first_error(const tm_diags *diags) {
  for (uint32_t i = 0; i < diags->list.len; i++)
    if (diags->list.data[i].severity == TM_ERROR) return &diags->list.data[i];
  return NULL;
}

/* Packs everything; rendered has one text for each diagnostic. */
static void pack_error(packer *p, tm_error *error, tm_diagnostic *list,
                       const tm_diags *diags, const char *const *rendered,
                       const char *all) {
  const tm_diag *first = first_error(diags);
  tm_error made = {first ? tmi_diag_status(first->kind) : TM_E_INTERNAL,
                   NULL, NULL, list, diags->list.len};
  made.message = pack(p, first ? first->message
                               : "a compile failed without saying why");
  made.text = pack(p, *all ? all : "error: a compile failed\n");
  for (uint32_t i = 0; i < diags->list.len; i++) {
    const tm_diag *d = &diags->list.data[i];
    bool placed = d->loc.file && d->loc.file <= diags->sources.len;
    tm_diagnostic entry = {(tm_severity_level)d->severity,
                           d->severity == TM_ERROR ? tmi_diag_status(d->kind)
                                                   : TM_OK,
                           NULL, d->loc.line, d->loc.col, NULL, NULL, NULL};
    entry.file = pack(
        p, placed ? diags->sources.data[d->loc.file - 1].name : NULL);
    entry.message = pack(p, d->message);
    entry.hint = pack(p, d->hint);
    entry.rendered = pack(p, rendered[i]);
    if (list) list[i] = entry;
  }
  if (error) *error = made;
}

static tm_error *pack_diags(tm_arena *scratch, const tm_diags *diags) {
  uint32_t n = diags->list.len;
  const char **rendered = TM_NEW_ARRAY(scratch, const char *, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    tm_buf text = tm_buf_in(scratch);
    tm_diag_render(diags, &diags->list.data[i], &text);
    rendered[i] = tm_buf_text(&text);
  }
  tm_buf all = tm_buf_in(scratch);
  tm_diags_render_all(diags, &all);
  packer p = {NULL, 0};
  pack_error(&p, NULL, NULL, diags, rendered, tm_buf_text(&all));
  size_t head = sizeof(tm_error) + n * sizeof(tm_diagnostic);
  tm_error *error = malloc(head + p.used);
  if (!error) return NULL;
  p = (packer){(char *)error + head, 0};
  pack_error(&p, error, (tm_diagnostic *)(error + 1), diags, rendered,
             tm_buf_text(&all));
  return error;
}

tm_status tmi_fail_diags(tm_error **out, const tm_diags *diags) {
  const tm_diag *first = first_error(diags);
  tm_status status = first ? tmi_diag_status(first->kind) : TM_E_INTERNAL;
  if (!out) return status;
  tm_arena scratch;
  tm_arena_init(&scratch, 0);
  jmp_buf guard;
  tm_error *volatile error = NULL;
  if (tm_arena_guard(&scratch, guard)) error = pack_diags(&scratch, diags);
  tm_arena_free(&scratch);
  if (!error) return tmi_fail_memory(out);
  *out = tmi_handle_add(error, TMI_ERROR);
  return status;
}

/* ---- reading ------------------------------------------------------------ */

static bool is_there(const tm_error *error, const char *function) {
  return error && tmi_handle_ok(error, TMI_ERROR, function);
}

tm_status tm_error_status(const tm_error *error) {
  return is_there(error, __func__) ? error->status : TM_OK;
}
const char *tm_error_message(const tm_error *error) {
  return is_there(error, __func__) ? error->message : "";
}
const char *tm_error_text(const tm_error *error) {
  return is_there(error, __func__) ? error->text : "";
}
size_t tm_error_diagnostic_count(const tm_error *error) {
  return is_there(error, __func__) ? error->count : 0;
}
const tm_diagnostic *tm_error_diagnostic(const tm_error *error,
                                         size_t index) {
  return is_there(error, __func__) && index < error->count
             ? &error->diagnostics[index]
             : NULL;
}
void tm_error_destroy(tm_error *error) {
  if (!error || error == &out_of_memory) return;
  if (tmi_handle_drop(error, TMI_ERROR, __func__)) tmi_handle_free(error);
}

/* ---- structures that begin with their size ------------------------------ */

tm_status tmi_options(void *to, size_t known, size_t least, const void *from,
                      const char *name, tm_error **error) {
  memset(to, 0, known);
  if (!from) return TM_OK;
  size_t size;
  memcpy(&size, from, sizeof size);
  if (size < least)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s.struct_size is %zu, the structure has at least %zu "
                    "bytes: start from its _INIT macro",
                    name, size, least);
  for (size_t i = known; i < size; i++)
    if (((const char *)from)[i])
      return tmi_fail(error, TM_E_ARGUMENT,
                      "%s uses fields that this version (%s) does not have",
                      name, TM_VERSION_STRING);
  memcpy(to, from, size < known ? size : known);
  return TM_OK;
}

tm_status tmi_facts(void *to, const void *from, size_t known, size_t least,
                    const char *name, tm_error **error) {
  if (!to) return tmi_fail(error, TM_E_ARGUMENT, "%s is NULL", name);
  size_t size;
  memcpy(&size, to, sizeof size);
  if (size < least)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%s->struct_size is %zu: set it to sizeof(*%s)", name,
                    size, name);
  size_t n = size < known ? size : known;
  memset(to, 0, size);
  memcpy(to, from, n);
  memcpy(to, &size, sizeof size);
  return TM_OK;
}

/* ---- version ------------------------------------------------------------ */

uint32_t tm_version(void) { return TM_VERSION_NUMBER; }
const char *tm_version_text(void) { return TM_VERSION_STRING; }
