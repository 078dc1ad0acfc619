/* SPDX-License-Identifier: MIT */
/* golden.c - reading golden files and checking their expectations. */
#include "golden.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading -------------------------------------------------------------- */

char *golden_read_file(tm_arena *arena, const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *text = tm_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
  *size = fread(text, 1, (size_t)(length < 0 ? 0 : length), file);
  fclose(file);
  return text;
}

static void add_directive(tm_arena *arena, golden_file *file,
                          const char *line, size_t n, uint32_t number) {
  if (n < 4 || line[0] != '#' || line[1] != ' ') return;
  size_t key = 2;
  while (key < n && (line[key] == '-' ||
                     (line[key] >= 'a' && line[key] <= 'z')))
    key++;
  if (key == 2 || key >= n || line[key] != ':') return;
  size_t from = key + 1;
  while (from < n && line[from] == ' ') from++;
  while (n > from && (line[n - 1] == ' ' || line[n - 1] == '\r')) n--;
  golden_directive d = {tm_strndup(arena, line + 2, key - 2),
                        tm_strndup(arena, line + from, n - from), number};
  tm_push(arena, &file->directives, d);
}

static void read_directives(tm_arena *arena, golden_file *file) {
  const char *p = file->text.ptr, *end = p + file->text.len;
  for (uint32_t number = 1; p < end; number++) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    const char *stop = newline ? newline : end;
    add_directive(arena, file, p, (size_t)(stop - p), number);
    p = stop + 1;
  }
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const golden_file *)a)->path,
                ((const golden_file *)b)->path);
}

uint32_t golden_read_folder(tm_arena *arena, const char *folder,
                            golden_file **out) {
  TM_VEC(golden_file) files = {0};
  DIR *dir = opendir(folder);
  if (!dir) return 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    size_t n = strlen(entry->d_name);
    if (n < 4 || strcmp(entry->d_name + n - 3, ".py") != 0) continue;
    golden_file file = {0};
    tm_buf path = tm_buf_in(arena);
    tm_buf_printf(&path, "%s/%s", folder, entry->d_name);
    file.path = tm_buf_text(&path);
    file.name = tm_strndup(arena, entry->d_name, n - 3);
    file.text.ptr = golden_read_file(arena, file.path, &file.text.len);
    if (!file.text.ptr) continue;
    read_directives(arena, &file);
    tm_push(arena, &files, file);
  }
  closedir(dir);
  if (files.len) qsort(files.data, files.len, sizeof files.data[0], by_path);
  *out = files.data;
  return files.len;
}

const char *golden_value(const golden_file *file, const char *key,
                         uint32_t n) {
  for (uint32_t i = 0; i < file->directives.len; i++) {
    if (strcmp(file->directives.data[i].key, key) != 0) continue;
    if (n-- == 0) return file->directives.data[i].value;
  }
  return NULL;
}

/* ---- lowering ---------------------------------------------------------------- */

enum { MOST_NAMED = 32 };

static uint32_t named_values(tm_arena *arena, const golden_file *file,
                             tm_named_const *named) {
  uint32_t count = 0;
  const char *text;
  for (uint32_t n = 0; (text = golden_value(file, "constexpr", n)); n++) {
    while (*text && count < MOST_NAMED) {
      size_t length = strcspn(text, " ");
      const char *equals = memchr(text, '=', length);
      if (equals) {
        tm_named_const *c = &named[count++];
        c->name = tm_strndup(arena, text, (size_t)(equals - text));
        tm_const_parse(arena,
                       (tm_str){equals + 1,
                                length - (size_t)(equals + 1 - text)},
                       &c->value);
      }
      text += length;
      text += strspn(text, " ");
    }
  }
  return count;
}

/* The kernel of the file as its directives say, ready to be lowered. */
static bool read_request(tm_arena *arena, tm_diags *diags,
                         const golden_file *file, bool broken,
                         tm_request *out) {
  memset(out, 0, sizeof *out);
  tm_modules *set = tm_modules_create(arena, diags);
  tm_module *module =
      tm_module_parse_text(set, file->name, file->name, file->text);
  const char *kernel = golden_value(file, "kernel", 0);
  const char *signature = golden_value(file, "signature", 0);
  if ((diags->errors && !broken) || !kernel) return false;
  tm_named_const *named = TM_NEW_ARRAY(arena, tm_named_const, MOST_NAMED);
  uint32_t n_named = named_values(arena, file, named);
  tm_spec *spec = &out->spec;
  spec->num_warps = 4;
  spec->num_stages = 3;
  const char *debug = golden_value(file, "debug", 0);
  spec->debug = debug && strcmp(debug, "true") == 0;
  out->module = module;
  out->kernel = kernel;
  const tm_function_def *f = tm_module_kernel(module, kernel);
  if (!f || (!signature && !n_named)) return true;
  spec->args = tm_signature_parse(arena, diags, signature ? signature : "", f,
                                  named, n_named);
  spec->n_args = f->params.len;
  return spec->args != NULL;
}

static tm_ir *lower_file(tm_arena *arena, tm_diags *diags,
                         const golden_file *file, bool broken) {
  tm_request r;
  if (!read_request(arena, diags, file, broken, &r)) return NULL;
  return tm_lower(arena, diags, r.module, r.kernel, &r.spec);
}

bool golden_request(tm_arena *arena, tm_diags *diags, const golden_file *file,
                    tm_request *out) {
  return read_request(arena, diags, file, false, out);
}

tm_ir *golden_lower(tm_arena *arena, tm_diags *diags,
                    const golden_file *file) {
  return lower_file(arena, diags, file, false);
}

tm_ir *golden_lower_broken(tm_arena *arena, tm_diags *diags,
                           const golden_file *file) {
  return lower_file(arena, diags, file, true);
}

void golden_read_text(tm_arena *arena, golden_file *file, tm_str text) {
  file->text = text;
  read_directives(arena, file);
}

/* ---- checking ------------------------------------------------------------------ */

static const char *squeezed(tm_arena *arena, const char *text, size_t n) {
  char *out = tm_strndup(arena, text, n), *to = out;
  for (const char *p = out; *p; p++)
    if (*p != ' ' || (to != out && to[-1] != ' ')) *to++ = *p;
  *to = 0;
  return out;
}

static const char *message(tm_arena *arena, const char *fmt, ...)
    TM_PRINTF(2, 3);
static const char *message(tm_arena *arena, const char *fmt, ...) {
  tm_buf out = tm_buf_in(arena);
  va_list args;
  va_start(args, fmt);
  tm_buf_vprintf(&out, fmt, args);
  va_end(args);
  return tm_buf_text(&out);
}

const char *golden_check_text(tm_arena *arena, const golden_file *file,
                              const char *what, const char *text) {
  const char *expect = message(arena, "expect-%s", what);
  const char *reject = message(arena, "reject-%s", what);
  const char *all = squeezed(arena, text, strlen(text)), *at = all, *wanted;
  for (uint32_t n = 0; (wanted = golden_value(file, expect, n)); n++) {
    wanted = squeezed(arena, wanted, strlen(wanted));
    const char *found = strstr(at, wanted);
    if (!found)
      return message(arena, "%s: \"%s\" (expectation %u) is missing in\n%s",
                     file->path, wanted, n + 1, text);
    at = found + strlen(wanted);
  }
  for (uint32_t n = 0; (wanted = golden_value(file, reject, n)); n++)
    if (strstr(all, squeezed(arena, wanted, strlen(wanted))))
      return message(arena, "%s: \"%s\" is in\n%s", file->path, wanted,
                     text);
  return NULL;
}

static const tm_diag *next_error(const tm_diags *diags, uint32_t *at) {
  while (*at < diags->list.len) {
    const tm_diag *d = &diags->list.data[(*at)++];
    if (d->severity == TM_ERROR) return d;
  }
  return NULL;
}

const char *golden_check_errors(tm_arena *arena, const golden_file *file,
                                const tm_diags *diags) {
  tm_buf all = tm_buf_in(arena);
  tm_diags_render_all(diags, &all);
  const char *wanted;
  uint32_t at = 0;
  for (uint32_t n = 0; (wanted = golden_value(file, "expect-error", n)); n++) {
    const tm_diag *d = next_error(diags, &at);
    if (!d)
      return message(arena, "%s: the error \"%s\" is missing; there are\n%s",
                     file->path, wanted, tm_buf_text(&all));
    const char *shown = message(arena, "%u:%u %s", d->loc.line, d->loc.col,
                                d->message);
    size_t place = strcspn(wanted, " ");
    if (strncmp(shown, wanted, place + 1) != 0 ||
        !strstr(shown, wanted + place + (wanted[place] == ' ')))
      return message(arena, "%s: expected \"%s\", got \"%s\" in\n%s",
                     file->path, wanted, shown, tm_buf_text(&all));
  }
  if (next_error(diags, &at))
    return message(arena, "%s: there are more errors than expected:\n%s",
                   file->path, tm_buf_text(&all));
  for (uint32_t n = 0; (wanted = golden_value(file, "expect-hint", n)); n++) {
    bool found = false;
    for (uint32_t i = 0; i < diags->list.len; i++)
      found = found || (diags->list.data[i].hint &&
                        strstr(diags->list.data[i].hint, wanted));
    if (!found)
      return message(arena, "%s: no hint has \"%s\" in\n%s", file->path,
                     wanted, tm_buf_text(&all));
  }
  return NULL;
}
