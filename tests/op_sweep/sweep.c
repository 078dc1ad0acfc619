/* SPDX-License-Identifier: MIT */
/*
 * sweep.c - takes settings in turn, runs their kernels on the device and in
 * the evaluator, and compares.
 *
 *     OP_SWEEP=part/parts     those of all settings whose number leaves
 *                             `part` when divided by `parts`; 0/1: all
 *     OP_SWEEP_ONLY=text      kernels whose area, setting or operations have it
 *     OP_SWEEP_VERBOSE=1      texts of what fails, and each limit
 */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include "sweep.h"

#include "../oracle/lowered.h"

#include <math.h>
#include <time.h>

enum { MAX_NAMES = 400, SHOWN = 40 };

typedef struct op_counts {
  const char *area, *op;
  uint32_t of[4]; /* by sweep_outcome */
} op_counts;

struct sweep {
  device_test device;
  bool is_long;
  unsigned part, parts;
  const char *area, *only;
  op_counts counts[MAX_NAMES];
  uint32_t n_counts, n_kernels, n_shown;
  void *want[SWEEP_MAX_BUFFERS];
  tm_buffer *got[SWEEP_MAX_BUFFERS];
};

/* ---- which settings ---------------------------------------------------- */

/* FNV-1a, then mixed: neighbours must not follow each other. */
static uint64_t number_of(const char *text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
  h ^= h >> 31;
  h *= 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

bool sweep_is_long(const sweep *sw) { return sw->is_long; }

bool sweep_turn(const sweep *sw, const char *what, uint32_t rarity) {
  if (sw->only && !strstr(what, sw->only)) return false;
  uint64_t number = number_of(what);
  if (sw->is_long) return number % sw->parts == sw->part;
  return number % rarity == 0;
}

sweep *sweep_open(void) {
  sweep *sw = calloc(1, sizeof *sw);
  assert_non_null(sw);
  const char *part = getenv("OP_SWEEP");
  sw->is_long = part != NULL;
  if (part && (sscanf(part, "%u/%u", &sw->part, &sw->parts) != 2 ||
               sw->part >= sw->parts))
    fail_msg("OP_SWEEP is not part/parts");
  sw->only = getenv("OP_SWEEP_ONLY");
  sw->area = "";
  sw->device = device_open(NULL, sweep_prelude);
  return sw;
}

static op_counts *counts_of(sweep *sw, const char *op) {
  for (uint32_t i = 0; i < sw->n_counts; i++)
    if (sw->counts[i].op == op && sw->counts[i].area == sw->area)
      return &sw->counts[i];
  assert_true(sw->n_counts < MAX_NAMES);
  op_counts *c = &sw->counts[sw->n_counts++];
  *c = (op_counts){.area = sw->area, .op = op};
  return c;
}

void sweep_close(sweep *sw) {
  uint32_t all[4] = {0};
  for (uint32_t i = 0; i < sw->n_counts; i++) {
    const op_counts *c = &sw->counts[i];
    if (sw->is_long)
      printf("%-14s %-32s %6u equal %4u different %4u limit %4u refused\n",
             c->area, c->op, c->of[0], c->of[1], c->of[2], c->of[3]);
    for (int o = 0; o < 4; o++) all[o] += c->of[o];
  }
  printf("%u kernels of %u operations: %u equal, %u different, %u over a "
         "limit, %u refused\n", sw->n_kernels, sw->n_counts, all[0], all[1],
         all[2], all[3]);
  bool found = sw->n_kernels > 0 || sw->only || sw->is_long;
  device_close(&sw->device);
  free(sw);
  assert_true(found);
  assert_int_equal(all[SWEEP_DIFFERENT], 0);
  assert_int_equal(all[SWEEP_REFUSED], 0);
}

/* ---- contents ---------------------------------------------------------- */

static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Any number of the type, but none that is subnormal in 16 bits or more,
 * which Apple's GPUs flush: ends and specials, then 2^-8 to 2^8. */
static double any_float(tm_scalar s, uint64_t bits) {
  static const double specials[] = {0,    -0.0,     1,         -1,
                                    0.5,  INFINITY, -INFINITY, (double)NAN,
                                    65504, -448};
  if (bits % 8 == 0)
    return tm_eval_round(s, specials[bits / 8 % 10], false);
  int exponent = (int)(bits / 8 % 17) - 8;
  double x = ldexp((double)(bits >> 40) * 0x1p-24 + 1, exponent);
  return tm_eval_round(s, bits >> 39 & 1 ? -x : x, false);
}

static int64_t any_int(uint64_t bits) {
  static const int64_t ends[] = {0,      -1,     1,          127,
                                 -128,   32767,  -32768,     INT32_MAX,
                                 INT32_MIN, INT64_MAX, INT64_MIN, 2};
  if (bits % 8 == 0) return ends[bits / 8 % 12];
  return (int64_t)(bits >> (bits / 8 % 56));
}

/* Small numbers: at most `limit` of them are not 0, when there is a limit. */
static int small(const sweep_buffer *b, size_t at, uint64_t bits,
                 bool is_signed) {
  if (b->limit && at % ((b->n + b->limit - 1) / b->limit)) return 0;
  return is_signed ? (int)(bits >> 32 & 7) - 3 : (int)(bits >> 32 & 7);
}

static uint64_t element_of(const sweep_buffer *b, size_t at, uint64_t bits) {
  const sweep_type *t = b->type;
  bool is_float = tm_scalar_is_float(t->scalar);
  double f = 0;
  int64_t i = 0;
  switch (b->fill) {
    case FILL_ZERO: break;
    case FILL_ANY:
      i = any_int(bits);
      if (is_float) f = any_float(t->scalar, bits);
      break;
    case FILL_SMALL:
      i = small(b, at, bits, t->class != UNSIGNEDS);
      f = (double)i;
      break;
    case FILL_POSITIVE:
      i = (int64_t)(bits >> 32 & 7) + 1;
      f = (double)(bits >> 40 & 63) * 0.125 + 0.125;
      break;
    case FILL_FACTORS:
      i = bits >> 32 & 1 && t->class != UNSIGNEDS ? -1 : 1;
      if ((bits >> 33) % 17 == 0) i *= 2;
      f = (double)i;
      break;
    case FILL_BOOLS: i = (int64_t)(bits >> 32 & 1); break;
    case FILL_INDICES: i = (int64_t)((bits >> 32) % b->limit); break;
    case FILL_PRESET:
      i = any_int(bits);
      f = (double)small(b, at, bits, true);
      break;
  }
  if (t->scalar == TM_I1) return (uint64_t)i & 1;
  return is_float ? tm_eval_encode(t->scalar, f) : (uint64_t)i;
}

enum { GUARD = 64 }; /* elements behind the end that must stay */

static void fill(const sweep_buffer *b, uint64_t seed, void *data) {
  size_t size = eval_element_size(b->type->scalar);
  for (size_t i = 0; i < b->n; i++) {
    uint64_t bits = element_of(b, i, next(&seed));
    memcpy((char *)data + i * size, &bits, size);
  }
  memset((char *)data + b->n * size, 0x33, GUARD * size);
}

static void make_buffers(sweep *sw, const sweep_kernel *k) {
  for (uint32_t i = 0; i < k->n_buffers; i++) {
    const sweep_buffer *b = &k->buffers[i];
    size_t size = eval_element_size(b->type->scalar);
    sw->want[i] = malloc((b->n + GUARD) * size);
    sw->got[i] = device_array(&sw->device, b->n + GUARD, size);
    assert_non_null(sw->want[i]);
    fill(b, number_of(k->what) + i, sw->want[i]);
    memcpy(tm_buffer_contents(sw->got[i]), sw->want[i], (b->n + GUARD) * size);
  }
}

static void free_buffers(sweep *sw, const sweep_kernel *k) {
  for (uint32_t i = 0; i < k->n_buffers; i++) {
    free(sw->want[i]);
    tm_buffer_destroy(sw->got[i]);
  }
}

/* ---- failures ---------------------------------------------------------- */

static void tell(sweep *sw, const sweep_kernel *k, const char *op,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void tell(sweep *sw, const sweep_kernel *k, const char *op,
                 const char *fmt, ...) {
  if (sw->n_shown++ >= SHOWN && !getenv("OP_SWEEP_VERBOSE")) return;
  va_list args;
  va_start(args, fmt);
  printf("%s: %s (%s): ", sw->area, op, k->what);
  vprintf(fmt, args);
  va_end(args);
  printf("\n");
  const char *body = strstr(k->text, "@triton.jit\ndef k(");
  if (getenv("OP_SWEEP_VERBOSE")) printf("%s\n", body ? body : k->text);
  fflush(stdout);
}

/* ---- comparing --------------------------------------------------------- */

static double least_normal(tm_scalar s) {
  return s == TM_F32 || s == TM_BF16 ? 0x1p-126 : 0;
}

/* Units of the last place: codes of floats of one sign are in order. */
static bool is_near(const sweep_buffer *b, uint64_t got, uint64_t want) {
  tm_scalar s = b->type->scalar;
  double g = tm_eval_decode(s, got), w = tm_eval_decode(s, want);
  if (isnan(g) && isnan(w)) return true;
  if (g == w) return true; /* zeros */
  if (fabs(w) < least_normal(s) && fabs(g) <= least_normal(s)) return true;
  uint64_t apart = got > want ? got - want : want - got;
  return apart <= (b->ulps && s != TM_F32 ? 1 : b->ulps);
}

/* False after telling of the first element that differs. */
static bool compare(sweep *sw, const sweep_kernel *k, uint32_t which) {
  const sweep_buffer *b = &k->buffers[which];
  const char *got = tm_buffer_contents(sw->got[which]);
  const char *want = sw->want[which];
  size_t size = eval_element_size(b->type->scalar);
  if (memcmp(got, want, (b->n + GUARD) * size) == 0) return true;
  for (size_t i = 0; i < b->n + GUARD; i++) {
    uint64_t x = 0, y = 0;
    memcpy(&x, got + i * size, size);
    memcpy(&y, want + i * size, size);
    if (x == y) continue;
    if (i < b->n && tm_scalar_is_float(b->type->scalar) && is_near(b, x, y))
      continue;
    tell(sw, k, b->op ? b->op : "an input",
         "element %zu of %zu is 0x%llx (%g), not 0x%llx (%g)", i, b->n,
         (unsigned long long)x, eval_element(got, b->type->scalar, i),
         (unsigned long long)y, eval_element(want, b->type->scalar, i));
    return false;
  }
  return true;
}

/* False after telling of the first element that plain C has otherwise. */
static bool compare_lines(sweep *sw, const sweep_kernel *k, uint32_t which) {
  const sweep_buffer *b = &k->buffers[which];
  const void *got = tm_buffer_contents(sw->got[which]);
  size_t n = 0, at = 0;
  double *want = sweep_by_line(k, b, sw->want, &n);
  for (; at < n; at++) {
    double x = eval_element(got, b->type->scalar, at);
    double y = tm_scalar_is_float(b->type->scalar)
                   ? want[at]
                   : (double)tm_eval_wrap(b->type->scalar, (int64_t)want[at]);
    if (x == y || (isnan(x) && isnan(y))) continue;
    tell(sw, k, b->op, "element %zu of %zu is %g, not %g as plain C has it",
         at, n, x, y);
    break;
  }
  free(want);
  return at == n;
}

/* ---- one kernel -------------------------------------------------------- */

static void signature_of(const sweep_kernel *k, char *out) {
  for (uint32_t i = 0; i < k->n_buffers; i++)
    out += sprintf(out, "%s*%s:16", i ? ", " : "", k->buffers[i].type->name);
}

/* NULL, and the outcome, when it is refused. */
static tm_kernel *compile(sweep *sw, const sweep_kernel *k,
                          sweep_outcome *o, char *why, size_t size) {
  tm_module *module = NULL;
  tm_kernel *kernel = NULL;
  tm_error *error = NULL;
  char signature[512];
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  signature_of(k, signature);
  options.signature = signature;
  options.num_warps = k->num_warps;
  options.num_stages = k->num_stages;
  options.chip = k->chip;
  options.cache = TM_SWITCH_OFF;
  tm_status status = tm_module_parse(&module, NULL, "test.py", k->text,
                                     strlen(k->text), NULL, &error);
  if (!status)
    status = tm_compile(&kernel, sw->device.context, module, "k", &options,
                        &error);
  *o = !status ? SWEEP_EQUAL
       : status == TM_E_LIMIT ? SWEEP_LIMIT : SWEEP_REFUSED;
  snprintf(why, size, "%s", status ? tm_error_text(error) : "");
  tm_error_destroy(error);
  tm_module_destroy(module);
  return kernel;
}

static bool launch(sweep *sw, const sweep_kernel *k, tm_kernel *kernel) {
  tm_arg args[SWEEP_MAX_BUFFERS];
  tm_error *error = NULL;
  for (uint32_t i = 0; i < k->n_buffers; i++)
    args[i] = tm_arg_buffer(sw->got[i], 0);
  if (!tm_launch(sw->device.stream, kernel, tm_grid_1d(k->grid), args,
                 k->n_buffers, &error) &&
      !tm_stream_synchronize(sw->device.stream, TM_WAIT_FOREVER, &error))
    return true;
  tell(sw, k, "a launch", "%s", tm_error_text(error));
  tm_error_destroy(error);
  tm_stream_destroy(sw->device.stream); /* it keeps its error */
  sw->device.stream = NULL;
  if (tm_stream_create(&sw->device.stream, sw->device.context, NULL, NULL))
    fail_msg("no stream");
  return false;
}

static bool evaluate(sweep *sw, const sweep_kernel *k) {
  tm_arena arena;
  jmp_buf guard;
  char signature[512];
  tm_eval_arg args[SWEEP_MAX_BUFFERS] = {{0}};
  tm_eval_options options = {.grid = {k->grid, 1, 1}, .max_steps = 1u << 30};
  const char *problem = NULL;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  signature_of(k, signature);
  tm_ir *ir = eval_lowered(&arena, k->text, signature, false, NULL, &problem);
  for (uint32_t i = 0; i < k->n_buffers; i++) {
    const sweep_buffer *b = &k->buffers[i];
    args[i].data = sw->want[i];
    args[i].bytes = b->n * eval_element_size(b->type->scalar);
  }
  if (ir) problem = tm_eval_run(ir, args, k->n_buffers, &options).error;
  if (problem) tell(sw, k, "the evaluator", "%s", problem);
  tm_arena_free(&arena);
  return problem == NULL;
}

static void count(sweep *sw, const char *op, sweep_outcome o) {
  counts_of(sw, op)->of[o]++;
}

static void count_all(sweep *sw, const sweep_kernel *k, sweep_outcome o) {
  for (uint32_t i = 0; i < k->n_buffers; i++)
    if (k->buffers[i].op) count(sw, k->buffers[i].op, o);
}

sweep_outcome sweep_run(sweep *sw, sweep_kernel *k) {
  sweep_outcome o = SWEEP_EQUAL;
  char why[2048];
  sw->n_kernels++;
  tm_kernel *kernel = compile(sw, k, &o, why, sizeof why);
  if (!kernel) {
    if (o == SWEEP_REFUSED || getenv("OP_SWEEP_VERBOSE"))
      tell(sw, k, "compiling", "%s", why);
    count_all(sw, k, o);
    free(k->text);
    return o;
  }
  make_buffers(sw, k);
  if (!launch(sw, k, kernel) || !evaluate(sw, k)) {
    o = SWEEP_DIFFERENT;
    count_all(sw, k, o);
  } else {
    for (uint32_t i = 0; i < k->n_buffers; i++) {
      bool equal = compare(sw, k, i) && compare_lines(sw, k, i);
      if (!equal) o = SWEEP_DIFFERENT;
      if (k->buffers[i].op || !equal)
        count(sw, k->buffers[i].op ? k->buffers[i].op : "inputs",
              equal ? SWEEP_EQUAL : SWEEP_DIFFERENT);
    }
  }
  free_buffers(sw, k);
  tm_kernel_destroy(kernel);
  free(k->text);
  return o;
}

char *sweep_msl(sweep *sw, const sweep_kernel *k,
                uint32_t *threadgroup_bytes) {
  sweep_outcome o;
  char why[2048];
  tm_kernel *kernel = compile(sw, k, &o, why, sizeof why);
  if (!kernel) {
    tell(sw, k, "compiling", "%s", why);
    return NULL;
  }
  char *msl = strdup(tm_kernel_text(kernel, TM_STAGE_MSL));
  assert_non_null(msl);
  *threadgroup_bytes = tm_kernel_info(kernel)->threadgroup_bytes;
  tm_kernel_destroy(kernel);
  return msl;
}

void sweep_begin(sweep *sw, const char *area) { sw->area = area; }

/* ---- areas ------------------------------------------------------------- */

/* One element; fewer than a simdgroup has lanes; fewer than a threadgroup has
 * threads, so that several hold an element; as many; and far more. */
static const int shapes[][1 + SWEEP_MAX_RANK] = {
    {1, 1}, {1, 2}, {1, 16}, {1, 64}, {1, 256}, {1, 1024}, {1, 8192},
    {1, 65536},
    {2, 1, 1}, {2, 2, 8}, {2, 1, 64}, {2, 64, 1}, {2, 16, 16}, {2, 4, 128},
    {2, 256, 2}, {2, 32, 64}, {2, 256, 256},
    {3, 1, 1, 1}, {3, 2, 4, 2}, {3, 4, 1, 32}, {3, 4, 8, 16}, {3, 64, 2, 2},
    {3, 8, 64, 128},
    {4, 1, 1, 1, 1}, {4, 2, 2, 2, 2}, {4, 4, 2, 8, 4}, {4, 2, 16, 1, 8},
    {4, 8, 16, 16, 32},
    {5, 1, 1, 1, 1, 1}, {5, 2, 1, 4, 2, 2}, {5, 2, 4, 2, 8, 4},
    {5, 4, 8, 4, 16, 32},
};

/* Rows that fit the setting, in kernels of `bundle` rows each; a kernel that
 * cannot be compiled is run row by row, to see whose fault it is. */
static void run_rows(sweep *sw, const sweep_area *area, size_t first,
                     const sweep_setting *s) {
  const sweep_row *rows[SWEEP_MAX_BUNDLE];
  uint32_t n = 0;
  for (size_t i = first; i < first + area->bundle && i < area->n_rows; i++)
    if (sweep_admits(&area->rows[i], s)) rows[n++] = &area->rows[i];
  if (n == 0) return;
  sweep_kernel k;
  sweep_write(&k, rows, n, s);
  char why[2048];
  sweep_outcome o;
  tm_kernel *kernel = n > 1 ? compile(sw, &k, &o, why, sizeof why) : NULL;
  if (kernel || n == 1) {
    tm_kernel_destroy(kernel);
    sweep_run(sw, &k);
    return;
  }
  free(k.text);
  for (uint32_t i = 0; i < n; i++) {
    sweep_write(&k, &rows[i], 1, s);
    sweep_run(sw, &k);
  }
}

void sweep_run_row(sweep *sw, const sweep_area *area, const char *name,
                   const sweep_setting *s) {
  sw->area = area->name;
  for (size_t i = 0; i < area->n_rows; i++) {
    const sweep_row *row = &area->rows[i];
    if (strcmp(row->name, name) != 0) continue;
    sweep_kernel k;
    sweep_write(&k, &row, 1, s);
    assert_int_equal(sweep_run(sw, &k), SWEEP_EQUAL);
    return;
  }
  fail_msg("no row %s", name);
}

static void run_setting(sweep *sw, const sweep_area *area,
                        const sweep_setting *s, uint32_t rarity) {
  for (size_t first = 0; first < area->n_rows; first += area->bundle) {
    char what[512];
    int n = sprintf(what, "%s %zu %s %d %u %s %d", area->name, first,
                    s->type->name, s->axis, s->num_warps, s->chip,
                    s->reverse);
    for (int d = 0; d < s->rank; d++)
      n += sprintf(what + n, " %d", s->shape[d]);
    for (size_t i = first; i < first + area->bundle && i < area->n_rows; i++)
      n += sprintf(what + n, " %s", area->rows[i].name);
    if (sweep_turn(sw, what, rarity)) run_rows(sw, area, first, s);
  }
}

static void run_shape(sweep *sw, const sweep_area *area, sweep_setting *s,
                      uint32_t rarity) {
  static const char *const chips[] = {"m1", "m4"};
  for (s->axis = 0; s->axis < (area->has_axis ? s->rank : 1); s->axis++)
    for (int reverse = 0; reverse < (area->has_axis ? 2 : 1); reverse++)
      for (uint32_t w = 1; w <= 8; w *= 2)
        for (int chip = 0; chip < 2; chip++) {
          s->reverse = reverse;
          s->num_warps = w;
          s->chip = chips[chip];
          run_setting(sw, area, s, rarity);
        }
}

void sweep_run_area(sweep *sw, const sweep_area *area) {
  enum { SHORT_RUN_ELEMENTS = 4096 };
  sw->area = area->name;
  for (size_t t = 0; t < SWEEP_TYPES; t++)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
      sweep_setting s = {.type = &sweep_types[t], .rank = shapes[i][0]};
      memcpy(s.shape, shapes[i] + 1, sizeof s.shape);
      if (!sw->is_long && sweep_numel(&s) > SHORT_RUN_ELEMENTS) continue;
      run_shape(sw, area, &s, area->has_axis ? 1600 : 400);
    }
}

/* ---- lengths ----------------------------------------------------------- */

static size_t length_at(sweep *sw, const sweep_row *row, sweep_setting *s,
                        int rank, int numel) {
  int side = 1;
  while (side * side < numel) side *= 2;
  s->rank = rank;
  s->shape[0] = rank == 1 ? numel : side;
  s->shape[1] = numel / side;
  if (!sweep_admits(row, s)) return 0;
  sweep_kernel k;
  uint32_t bytes;
  sweep_write(&k, &row, 1, s);
  char *msl = sweep_msl(sw, &k, &bytes);
  size_t n = msl ? strlen(msl) : 0;
  if (getenv("OP_SWEEP_VERBOSE"))
    printf("%-32s %s: %zu characters\n", row->name, k.what, n);
  free(msl);
  free(k.text);
  return n;
}

void sweep_check_lengths(sweep *sw, const sweep_area *area) {
  static const char *const types[] = {"fp32", "i32", "fp16", "i1", "fp8e5"};
  sw->area = area->name;
  for (size_t i = 0; i < area->n_rows; i++)
    for (int t = 0; t < 5; t++)
      for (int rank = 1; rank <= 2; rank++) {
        const sweep_row *row = &area->rows[i];
        if (sw->only && !strstr(row->name, sw->only)) continue;
        sweep_setting s = {.type = sweep_type_named(types[t]),
                           .num_warps = 4, .chip = t % 2 ? "m4" : "m1"};
        if (!sw->is_long && (i + (size_t)t + (size_t)rank) % 16) continue;
        size_t small = length_at(sw, row, &s, rank, 4096);
        size_t large = length_at(sw, row, &s, rank, 65536);
        if (small && large && large > small + small / 2)
          fail_msg("%s of %s, rank %d: %zu characters instead of %zu",
                   row->name, types[t], rank, large, small);
      }
}
