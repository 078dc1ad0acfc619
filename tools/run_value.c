/* SPDX-License-Identifier: MIT */
/*
 * run_value.c - NAME=VALUE of `run`.
 *
 *   n=1000  eps=1e-5  flag=true  w=none  mode='text'  dtype=fp16
 *   x=@in.npy             an array that is read
 *   x=@in.npy:out.npy     read, and written back afterwards
 *   y=zeros:f32[512,64]:out.npy   made, and written afterwards
 *   x=bf16@in.npy         the file's 8- or 16-bit data taken as that type
 */
#define _POSIX_C_SOURCE 200809L
#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Names of element types here, beside Triton's own. */
static const struct {
  const char *name;
  tm_dtype dtype;
} dtype_names[] = {
    {"f16", TM_DTYPE_F16},  {"f32", TM_DTYPE_F32}, {"f64", TM_DTYPE_F64},
    {"bf16", TM_DTYPE_BF16},
#define ROW(id, number, text) {text, id},
    TM_DTYPE_MAP(ROW)
#undef ROW
};

static tm_dtype dtype_named(const char *name, size_t n) {
  for (size_t i = 0; n && i < sizeof dtype_names / sizeof *dtype_names; i++)
    if (strlen(dtype_names[i].name) == n &&
        !memcmp(dtype_names[i].name, name, n))
      return dtype_names[i].dtype;
  return TM_DTYPE_NONE;
}

static int make_buffer(run_value *value, tm_context *context) {
  tm_error *error = NULL;
  tm_buffer_options options = TM_BUFFER_OPTIONS_INIT;
  options.zero = 1;
  /* An empty array still needs an address that a kernel may be given. */
  uint64_t size = value->header.bytes ? value->header.bytes : 1;
  if (tm_buffer_create(&value->buffer, context, size, &options, &error))
    return tool_fail(error);
  value->arg = tm_arg_tensor(value->buffer, 0, value->header.dtype);
  return EXIT_DONE;
}

/* [@taken]@in.npy[:out.npy]; text points at the '@', taken may be NONE. */
static int parse_array(run_value *value, char *text, tm_dtype taken,
                       tm_context *context) {
  char *path = text + 1, *colon = strchr(path, ':');
  if (colon) {
    *colon = 0;
    value->write = colon + 1;
  }
  FILE *file = npy_open(path, &value->header);
  if (!file) return EXIT_DIAGNOSED;
  if (taken && value->header.item != dtype_size(taken)) {
    fclose(file);
    return tool_complain("%s: elements of %zu bytes cannot be taken as a "
                         "type of %zu",
                         path, value->header.item, dtype_size(taken));
  }
  if (taken) value->header.dtype = taken;
  int result = make_buffer(value, context);
  if (!result && value->header.bytes &&
      fread(tm_buffer_contents(value->buffer), 1, value->header.bytes,
            file) != value->header.bytes)
    result = tool_complain("%s: is cut short", path);
  fclose(file);
  return result;
}

/* zeros:f32[512,64][:out.npy] */
static int parse_zeros(run_value *value, char *text, tm_context *context) {
  npy *header = &value->header;
  char *type = text + strlen("zeros:"), *open = strchr(type, '[');
  if (!open)
    return tool_usage("run", "%s: expected zeros:TYPE[EXTENT,...]",
                      value->name);
  header->dtype = dtype_named(type, (size_t)(open - type));
  if (!header->dtype)
    return tool_usage("run", "%s: unknown element type '%.*s'", value->name,
                      (int)(open - type), type);
  header->item = dtype_size(header->dtype);
  snprintf(header->descr, sizeof header->descr, "%s",
           npy_descr(header->dtype));
  header->count = 1;
  char *at = open + 1;
  while (*at != ']') {
    char *end;
    unsigned long long extent = strtoull(at, &end, 10);
    if (end == at || !isdigit((unsigned char)*at) ||
        header->rank == NPY_MAX_RANK ||
        (extent && header->count > ((uint64_t)1 << 40) / extent) ||
        (*end != ',' && *end != ']'))
      return tool_usage("run", "%s: bad extents in '%s'", value->name, open);
    header->shape[header->rank++] = extent;
    header->count *= extent;
    at = *end == ',' ? end + 1 : end;
  }
  header->bytes = header->count * header->item;
  if (at[1] == ':' && at[2])
    value->write = at + 2;
  else if (at[1])
    return tool_usage("run", "%s: unexpected '%s'", value->name, at + 1);
  return make_buffer(value, context);
}

static int parse_plain(run_value *value) {
  char *text = value->text;
  size_t n = strlen(text);
  if (n >= 2 && (*text == '\'' || *text == '"') && text[n - 1] == *text) {
    text[n - 1] = 0;
    value->arg = tm_arg_text(text + 1);
    return EXIT_DONE;
  }
  if (!n) { /* NAME= : the empty string */
    value->arg = tm_arg_text(text);
    return EXIT_DONE;
  }
  tm_error *error = NULL;
  if (tm_arg_parse(&value->arg, text, &error)) return tool_fail(error);
  return EXIT_DONE;
}

int run_value_parse(run_value *value, const char *text, tm_context *context) {
  memset(value, 0, sizeof *value);
  const char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return tool_usage("run", "expected NAME=VALUE, found '%s'", text);
  value->name = strndup(text, (size_t)(equals - text));
  value->text = strdup(equals + 1);
  if (!value->name || !value->text) return tool_complain("out of memory");
  char *v = value->text, *at = strchr(v, '@');
  if (*v == '@') return parse_array(value, v, TM_DTYPE_NONE, context);
  if (!strncmp(v, "zeros:", 6)) return parse_zeros(value, v, context);
  if (at && *v != '\'' && *v != '"') {
    tm_dtype taken = dtype_named(v, (size_t)(at - v));
    if (taken) return parse_array(value, at, taken, context);
  }
  return parse_plain(value);
}

int run_value_finish(const run_value *value) {
  if (!value->write) return EXIT_DONE;
  return npy_write(value->write, &value->header,
                   tm_buffer_contents(value->buffer))
             ? EXIT_DONE
             : EXIT_DIAGNOSED;
}

void run_value_free(run_value *value) {
  tm_buffer_destroy(value->buffer);
  free(value->name);
  free(value->text);
  memset(value, 0, sizeof *value);
}
