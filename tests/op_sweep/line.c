/* SPDX-License-Identifier: MIT */
/*
 * line.c - what becomes of the lines of a tile, in plain C: expected values
 * that know neither our front end nor the evaluator.
 */
#include "sweep.h"

#include <math.h>

static int is_above(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static size_t line_sum(const double *in, size_t n, double *out) {
  *out = 0;
  for (size_t i = 0; i < n; i++) *out += in[i];
  return 1;
}

static size_t line_max(const double *in, size_t n, double *out) {
  *out = in[0];
  for (size_t i = 1; i < n; i++) *out = fmax(*out, in[i]); /* NaN is nothing */
  return 1;
}

static size_t line_min(const double *in, size_t n, double *out) {
  *out = in[0];
  for (size_t i = 1; i < n; i++) *out = fmin(*out, in[i]);
  return 1;
}

static size_t line_argmax(const double *in, size_t n, double *out) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (in[i] > in[best]) best = i;
  *out = (double)best;
  return 1;
}

static size_t line_argmin(const double *in, size_t n, double *out) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (in[i] < in[best]) best = i;
  *out = (double)best;
  return 1;
}

static size_t line_running_sum(const double *in, size_t n, double *out) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) out[i] = sum += in[i];
  return n;
}

static size_t line_running_max(const double *in, size_t n, double *out) {
  double most = in[0];
  for (size_t i = 0; i < n; i++) out[i] = most = fmax(most, in[i]);
  return n;
}

static size_t line_backwards(const double *in, size_t n, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = in[n - 1 - i];
  return n;
}

static size_t line_up(const double *in, size_t n, double *out) {
  memcpy(out, in, n * sizeof *in);
  qsort(out, n, sizeof *out, is_above);
  return n;
}

static size_t line_down(const double *in, size_t n, double *out) {
  line_up(in, n, out);
  for (size_t i = 0; i < n / 2; i++) {
    double x = out[i];
    out[i] = out[n - 1 - i];
    out[n - 1 - i] = x;
  }
  return n;
}

static size_t line_most(const double *in, size_t n, double *out) {
  line_down(in, n, out);
  return n / 2;
}

static size_t line_least(const double *in, size_t n, double *out) {
  line_up(in, n, out);
  return n / 2;
}

/* The rows and their tile: 'v' is x without NaN, and goes along the last
 * axis. */
static const struct {
  const char *row;
  size_t (*line)(const double *in, size_t n, double *out);
  char of;
} table[] = {
    {"sum", line_sum, 's'}, {"sum with its axis", line_sum, 's'},
    {"max", line_max, 'x'}, {"min", line_min, 'x'},
    {"own maximum", line_max, 'x'}, {"value of the max", line_max, 's'},
    {"argmax", line_argmax, 's'}, {"argmin", line_argmin, 's'},
    {"index of the min", line_argmin, 't'},
    {"cumsum", line_running_sum, 's'},
    {"scan of maxima", line_running_max, 'x'},
    {"sort", line_up, 'v'}, {"sort downwards", line_down, 'v'},
    {"topk", line_most, 'v'}, {"topk upwards", line_least, 'v'},
    {"flip", line_backwards, 'x'},
};

/* ---- tiles ------------------------------------------------------------- */

static double number(const sweep_type *t, const void *array, size_t at) {
  double x = eval_element(array, t->scalar, at);
  if (t->class != UNSIGNEDS || x >= 0) return x;
  return x + ldexp(1, (int)tm_scalar_bits(t->scalar));
}

/* All elements of the tile that rows call `name`. */
static void read_tile(const sweep_kernel *k, void *const *arrays, char name,
                      double *out) {
  for (uint32_t b = 0; b < k->n_buffers; b++)
    for (size_t i = 0; k->buffers[b].name[0] == name - 'a' + 'A' &&
                       i < k->buffers[b].n; i++)
      out[i] = number(k->buffers[b].type, arrays[b], i);
}

/* A reversed scan is one of the line turned round. */
static void turn_round(double *line, size_t n, bool reverse) {
  for (size_t i = 0; reverse && i < n / 2; i++) {
    double x = line[i];
    line[i] = line[n - 1 - i];
    line[n - 1 - i] = x;
  }
}

static size_t entry_of(const sweep_buffer *out) {
  size_t e = 0, n = sizeof table / sizeof *table;
  while (e < n && !(out->row && strcmp(table[e].row, out->row->name) == 0))
    e++;
  return e;
}

/* All elements of the tile, and room for twice as many. */
static double *tile_of(const sweep_kernel *k, void *const *arrays, char of) {
  size_t numel = sweep_numel(&k->setting);
  double *tile = calloc(3 * numel, sizeof *tile);
  assert_non_null(tile);
  read_tile(k, arrays, of == 'v' ? 'x' : of, tile);
  if (of == 'v') read_tile(k, arrays, 's', tile + numel);
  for (size_t i = 0; of == 'v' && i < numel; i++)
    if (isnan(tile[i])) tile[i] = tile[numel + i];
  return tile;
}

double *sweep_by_line(const sweep_kernel *k, const sweep_buffer *out,
                      void *const *arrays, size_t *n) {
  const sweep_setting *s = &k->setting;
  size_t entry = entry_of(out);
  if (entry == sizeof table / sizeof *table ||
      tm_scalar_bits(s->type->scalar) == 64)
    return NULL;
  int axis = table[entry].of == 'v' ? s->rank - 1 : s->axis;
  size_t length = (size_t)s->shape[axis], inner = 1, each = 0;
  for (int d = axis + 1; d < s->rank; d++) inner *= (size_t)s->shape[d];
  size_t lines = sweep_numel(s) / length;
  double *tile = tile_of(k, arrays, table[entry].of);
  double *made = tile + lines * length;
  double *line = malloc(2 * length * sizeof *line);
  assert_non_null(line);
  bool reverse = s->reverse && strstr(out->row->text, "$R");
  for (size_t l = 0; l < lines; l++) {
    size_t first = l / inner * length * inner + l % inner;
    for (size_t i = 0; i < length; i++) line[i] = tile[first + i * inner];
    turn_round(line, length, reverse);
    each = table[entry].line(line, length, line + length);
    turn_round(line + length, each, reverse);
    for (size_t i = 0; i < each; i++)
      made[(l / inner * each + i) * inner + l % inner] = line[length + i];
  }
  *n = lines * each;
  memmove(tile, made, *n * sizeof *tile);
  free(line);
  return tile;
}
