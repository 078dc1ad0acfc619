/* SPDX-License-Identifier: MIT */
/*
 * npy.c - numpy's array files.
 *
 *   offset  size  meaning (numpy.lib.format, versions 1.0 to 3.0)
 *   0       6     "\x93NUMPY"
 *   6       2     major, minor version
 *   8       2     header length, little-endian (4 from version 2.0 on)
 *   10, 12  ...   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *                 padded with spaces and a newline to a multiple of 64
 *   ...           the elements
 *
 * Only little-endian C-ordered arrays of plain types are read; others are
 * refused with what numpy call makes them readable.
 */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *descr;
  tm_dtype dtype;
} types[] = {
    {"|b1", TM_DTYPE_I1},  {"|i1", TM_DTYPE_I8},  {"|u1", TM_DTYPE_U8},
    {"<i2", TM_DTYPE_I16}, {"<u2", TM_DTYPE_U16}, {"<i4", TM_DTYPE_I32},
    {"<u4", TM_DTYPE_U32}, {"<i8", TM_DTYPE_I64}, {"<u8", TM_DTYPE_U64},
    {"<f2", TM_DTYPE_F16}, {"<f4", TM_DTYPE_F32}, {"<f8", TM_DTYPE_F64},
};

const char *npy_descr(tm_dtype dtype) {
  if (dtype == TM_DTYPE_BF16) return "<u2";
  if (dtype == TM_DTYPE_F8E4M3 || dtype == TM_DTYPE_F8E5M2) return "|u1";
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].dtype == dtype) return types[i].descr;
  return NULL;
}

size_t dtype_size(tm_dtype dtype) {
  const char *descr = npy_descr(dtype);
  return descr ? (size_t)(descr[2] - '0') : 0;
}

/* The text after 'key': in the header; NULL. */
static const char *field(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (!at) return NULL;
  at += strlen(key);
  while (*at == ' ' || *at == ':' || *at == '\'' || *at == '"') at++;
  return at;
}

static bool read_shape(const char *text, npy *out) {
  if (*text++ != '(') return false;
  out->rank = 0;
  out->count = 1;
  for (;;) {
    while (*text == ' ' || *text == ',') text++;
    if (*text == ')') break;
    char *end;
    unsigned long long extent = strtoull(text, &end, 10);
    if (end == text || out->rank == NPY_MAX_RANK) return false;
    if (extent && out->count > ((uint64_t)1 << 46) / extent) return false;
    out->shape[out->rank++] = extent;
    out->count *= extent;
    text = end;
  }
  out->bytes = out->count * out->item;
  return true;
}

static bool read_header(const char *path, char *text, npy *out) {
  const char *descr = field(text, "'descr'");
  const char *order = field(text, "'fortran_order'");
  const char *shape = field(text, "'shape'");
  if (!descr || !order || !shape) {
    tool_complain("%s: not a header that numpy writes", path);
    return false;
  }
  size_t n = strcspn(descr, "'\"");
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (n != 3 || memcmp(descr, types[i].descr, 3)) continue;
    out->dtype = types[i].dtype;
    out->item = (size_t)(descr[2] - '0');
    memcpy(out->descr, types[i].descr, 4);
  }
  if (!out->item) {
    tool_complain("%s: cannot take elements of type '%.*s'; convert with "
                  "astype() to a plain little-endian type",
                  path, (int)(n < 40 ? n : 40), descr);
    return false;
  }
  if (strncmp(order, "False", 5) != 0) {
    tool_complain("%s: is in Fortran order; save numpy.ascontiguousarray() "
                  "of it",
                  path);
    return false;
  }
  if (read_shape(shape, out)) return true;
  tool_complain("%s: cannot read the shape", path);
  return false;
}

FILE *npy_open(const char *path, npy *out) {
  memset(out, 0, sizeof *out);
  FILE *file = fopen(path, "rb");
  if (!file) {
    tool_complain("cannot read %s", path);
    return NULL;
  }
  unsigned char head[12];
  size_t length = 0;
  char *text = NULL;
  bool ok = fread(head, 1, 10, file) == 10 &&
            memcmp(head, "\x93NUMPY", 6) == 0 && head[6] >= 1 && head[6] <= 3;
  if (ok && head[6] == 1) {
    length = head[8] | (size_t)head[9] << 8;
  } else if (ok) {
    ok = fread(head + 10, 1, 2, file) == 2;
    length = head[8] | (size_t)head[9] << 8 | (size_t)head[10] << 16 |
             (size_t)head[11] << 24;
  }
  ok = ok && length < 1 << 20 && (text = malloc(length + 1)) &&
       fread(text, 1, length, file) == length;
  if (ok)
    text[length] = 0;
  else
    tool_complain("%s: not a .npy file", path);
  ok = ok && read_header(path, text, out);
  free(text);
  if (ok) return file;
  fclose(file);
  return NULL;
}

bool npy_write(const char *path, const npy *header, const void *data) {
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (",
                   header->descr);
  for (size_t i = 0; i < header->rank; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%llu,%s",
                  (unsigned long long)header->shape[i],
                  i + 1 < header->rank ? " " : "");
  n += snprintf(text + n, sizeof text - (size_t)n, "), }");
  while ((10 + n + 1) % 64) text[n++] = ' ';
  text[n++] = '\n';
  unsigned char head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0,
                            (unsigned char)(n & 255),
                            (unsigned char)(n >> 8)};
  FILE *file = fopen(path, "wb");
  bool ok = file && fwrite(head, 1, 10, file) == 10 &&
            fwrite(text, 1, (size_t)n, file) == (size_t)n &&
            fwrite(data, 1, header->bytes, file) == header->bytes;
  if (file && fclose(file)) ok = false;
  if (!ok) tool_complain("cannot write %s", path);
  return ok;
}
