/* SPDX-License-Identifier: MIT */
/*
 * profile_report.c - what a profile says: rows, a table, JSON.
 *
 * Statistics are of the events of a row; rates are what the compiler counts
 * for the shapes that the row was launched with (lib/cost.c), over the GPU's
 * time of these launches. Counting compiles again, so it waits until a row is
 * asked for, and takes the MOST_COSTED shapes with the most time.
 */
#define _GNU_SOURCE
#include "profile.h"

#include "../json_text.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COSTED = 64 };

/* ---- statistics --------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void set_quantiles(tmi_row *row, double *times, size_t n) {
  if (!n) return;
  qsort(times, n, sizeof *times, by_value);
  row->gpu_median = (times[(n - 1) / 2] + times[n / 2]) / 2;
  row->gpu_p95 = times[(n * 95 + 99) / 100 - 1]; /* nearest rank */
}

/* Gathers the times of each row and takes their quantiles. */
static bool measure_rows(tm_profile *p) {
  double *times = malloc((p->events.len + 1) * sizeof *times);
  size_t *next = calloc(p->rows.len + 1, sizeof *next);
  bool ok = times && next;
  for (uint32_t i = 0, from = 0; ok && i < p->rows.len; i++) {
    next[i] = from;
    from += (uint32_t)p->rows.data[i].timed;
  }
  for (uint32_t i = 0; ok && i < p->events.len; i++) {
    const tmi_event *e = &p->events.data[i];
    if (e->gpu_begin > 0) times[next[e->row]++] = e->gpu_end - e->gpu_begin;
  }
  for (uint32_t i = 0; ok && i < p->rows.len; i++) {
    tmi_row *row = &p->rows.data[i];
    set_quantiles(row, times + next[i] - row->timed, row->timed);
  }
  free(times);
  free(next);
  return ok;
}

/* An insertion keeps rows of equal time in the order of their first use. */
static void sort_rows(tm_profile *p, uint32_t *order) {
  for (uint32_t i = 0; i < p->rows.len; i++) {
    uint32_t at = i;
    double time = p->rows.data[i].gpu_total;
    for (; at && p->rows.data[order[at - 1]].gpu_total < time; at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
}

bool tmi_profile_sort(tm_profile *p) {
  if (p->order) return true;
  uint32_t *order = malloc((p->rows.len + 1) * sizeof *order);
  if (!order || !measure_rows(p)) {
    free(order);
    return false;
  }
  sort_rows(p, order);
  p->order = order;
  return true;
}

/* ---- bytes and operations ----------------------------------------------- */

/* The shape with the most time that is not taken; NULL: there is none. Taken
 * ones are counted in `taken`, a flag a shape. */
static const tmi_shape *longest_left(const tmi_row *row, bool *taken) {
  uint32_t best = TMI_NO_INDEX;
  for (uint32_t i = 0; i < row->shapes.len; i++) {
    const tmi_shape *shape = &row->shapes.data[i];
    if (!taken[i] && shape->timed &&
        (best == TMI_NO_INDEX ||
         shape->gpu_total > row->shapes.data[best].gpu_total))
      best = i;
  }
  if (best == TMI_NO_INDEX) return NULL;
  taken[best] = true;
  return &row->shapes.data[best];
}

static tm_status estimate_shape(const tmi_row *row, const tmi_shape *shape,
                                tm_estimate *out, tm_error **error) {
  uint32_t n = row->kernel->program.n_args;
  tm_arg *args = calloc(n + 1, sizeof *args);
  if (!args) return tmi_fail_memory(error);
  for (uint32_t i = 0; i < n; i++) args[i] = tm_arg_int(shape->numbers[i]);
  tm_status status = tmi_kernel_estimate(out, row->kernel, shape->grid, args, n,
                                        error);
  free(args);
  return status;
}

/* Adds what a shape's timed launches did. */
static void add_cost(tmi_row *row, const tmi_shape *shape,
                     const tm_estimate *e) {
  double n = (double)shape->timed;
  row->bytes += n * (e->bytes_read + e->bytes_written);
  row->flops += n * e->flops;
  row->least_seconds += n * e->seconds;
  row->costed_seconds += shape->gpu_total;
  row->is_exact = row->is_exact && e->is_exact;
  if (!row->bound) row->bound = e->bound; /* the longest comes first */
}

static tm_status cost_shapes(tmi_row *row, bool *taken, tm_error **error) {
  const tmi_shape *shape;
  uint32_t n = 0;
  row->bytes = row->flops = row->least_seconds = row->costed_seconds = 0;
  row->bound = NULL;
  row->is_exact = true;
  while ((shape = longest_left(row, taken))) {
    if (n++ == MOST_COSTED) {
      row->is_exact = false;
      break;
    }
    tm_estimate e = TM_ESTIMATE_INIT;
    tm_status status = estimate_shape(row, shape, &e, error);
    if (status) return status;
    add_cost(row, shape, &e);
  }
  row->is_exact = row->is_exact && n > 0 && row->shapes.len < TMI_MOST_SHAPES;
  return TM_OK;
}

/* The kernel's estimates over its shapes; the lock is held. */
static tm_status cost_row(tmi_row *row, tm_error **error) {
  if (row->is_ready) return TM_OK;
  bool *taken = calloc(row->shapes.len + 1, sizeof *taken);
  if (!taken) return tmi_fail_memory(error);
  tm_status status = cost_shapes(row, taken, error);
  free(taken);
  row->is_ready = status == TM_OK;
  return status;
}

/* ---- rows --------------------------------------------------------------- */

static double ratio(double x, double y) { return y > 0 ? x / y : 0; }

static tm_profile_row public_row(const tmi_row *row) {
  double s = row->costed_seconds;
  return (tm_profile_row){
      .struct_size = sizeof(tm_profile_row),
      .kernel = row->kernel->facts.name,
      .specialization = row->specialization,
      .launches = row->launches,
      .compiles = row->compiles,
      .cache_hits = row->cache_hits,
      .compile_seconds = row->compile_seconds,
      .gpu_total = row->gpu_total,
      .gpu_min = row->gpu_min,
      .gpu_median = row->gpu_median,
      .gpu_p95 = row->gpu_p95,
      .queue_wait = ratio(row->wait_total, (double)row->timed),
      .bytes_per_second = ratio(row->bytes, s),
      .flops_per_second = ratio(row->flops, s),
      .of_roofline = ratio(row->least_seconds, s),
      .bound = row->bound,
      .timed = row->timed,
      .pipeline_seconds = row->pipeline_seconds,
      .host_total = row->host_total,
      .is_exact = row->is_exact};
}

size_t tm_profile_count(const tm_profile *profile) {
  return TMI_IS_THERE(profile, TMI_PROFILE) ? profile->rows.len : 0;
}

/* Row number index in order of time; the lock is held. */
static tm_status read_row(tm_profile *p, size_t index, tm_profile_row *out,
                          tm_error **error) {
  if (!tmi_profile_sort(p)) return tmi_fail_memory(error);
  tmi_row *row = &p->rows.data[p->order[index]];
  tm_status status = cost_row(row, error);
  if (!status) *out = public_row(row);
  return status;
}

tm_status tm_profile_row_at(tm_profile *profile, size_t index,
                            tm_profile_row *out, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(profile, TMI_PROFILE, error);
  TMI_CHECK(out != NULL, error);
  if (index >= profile->rows.len)
    return tmi_fail(error, TM_E_ARGUMENT, "row %zu of a profile of %u", index,
                    (unsigned)profile->rows.len);
  tm_profile_row row;
  pthread_mutex_lock(&profile->lock);
  tm_status status = read_row(profile, index, &row, error);
  pthread_mutex_unlock(&profile->lock);
  if (status) return status;
  return tmi_facts(out, &row, sizeof row, offsetof(tm_profile_row, timed),
                   "row", error);
}

/* ---- text --------------------------------------------------------------- */

static const char *timing_of(const tm_profile *p) {
  return p->own_buffers ? "a command buffer a launch" : "an encoder a launch";
}

static void write_text_row(const tm_profile_row *r, double total,
                           tm_buf *out) {
  tm_buf_printf(out, "%-24s %8llu %10.3f %5.1f%% %9.1f %9.1f %9.1f %8.1f",
                r->kernel, (unsigned long long)r->launches, r->gpu_total * 1e3,
                100 * ratio(r->gpu_total, total), r->gpu_min * 1e6,
                r->gpu_median * 1e6, r->gpu_p95 * 1e6, r->queue_wait * 1e6);
  tm_buf_printf(out, " %8.2f %9.2f %6.2f%%%s %s\n",
                r->bytes_per_second * 1e-9, r->flops_per_second * 1e-9,
                100 * r->of_roofline, r->is_exact ? " " : "~",
                r->bound ? r->bound : "-");
  tm_buf_printf(out, "    %s\n", r->specialization);
  if (r->compiles || r->cache_hits || r->pipeline_seconds > 0)
    tm_buf_printf(out,
                  "    compiled %llu times, found in the cache %llu times, in "
                  "%.1f ms; Metal %.1f ms\n",
                  (unsigned long long)r->compiles,
                  (unsigned long long)r->cache_hits, r->compile_seconds * 1e3,
                  r->pipeline_seconds * 1e3);
  if (r->timed < r->launches)
    tm_buf_printf(out, "    %llu launches have no GPU time\n",
                  (unsigned long long)(r->launches - r->timed));
}

static tm_status write_text(tm_profile *p, tm_buf *out) {
  tm_profile_row row;
  double total = 0;
  for (uint32_t i = 0; i < p->rows.len; i++)
    total += p->rows.data[i].gpu_total;
  tm_buf_printf(out,
                "%s (%s), %.3f s, %.3f ms of GPU time, measured with %s\n",
                p->device, p->chip ? p->chip->name : "not in the table",
                p->end - p->begin, total * 1e3, timing_of(p));
  tm_buf_printf(out, "%-24s %8s %10s %6s %9s %9s %9s %8s %8s %9s %7s  %s\n",
                "kernel", "launches", "total ms", "share", "min us",
                "median", "p95", "wait us", "GB/s", "GFLOP/s", "roof",
                "bound");
  for (uint32_t i = 0; i < p->rows.len; i++) {
    tm_status status = read_row(p, i, &row, NULL);
    if (status) return status;
    write_text_row(&row, total, out);
  }
  if (p->dropped)
    tm_buf_printf(out, "%llu launches after the first %llu are only counted\n",
                  (unsigned long long)p->dropped,
                  (unsigned long long)p->most_events);
  return TM_OK;
}

/* ---- JSON --------------------------------------------------------------- */

static void write_json_row(const tm_profile_row *r, tm_buf *out) {
  tm_buf_puts(out, "{");
  tmi_json_key(out, "kernel", true);
  tmi_json_text(out, r->kernel);
  tmi_json_put_text(out, "specialization", r->specialization);
  tmi_json_put_count(out, "launches", r->launches);
  tmi_json_put_count(out, "compiles", r->compiles);
  tmi_json_put_count(out, "cache_hits", r->cache_hits);
  tmi_json_put_number(out, "compile_seconds", r->compile_seconds);
  tmi_json_put_number(out, "gpu_total", r->gpu_total);
  tmi_json_put_number(out, "gpu_min", r->gpu_min);
  tmi_json_put_number(out, "gpu_median", r->gpu_median);
  tmi_json_put_number(out, "gpu_p95", r->gpu_p95);
  tmi_json_put_number(out, "queue_wait", r->queue_wait);
  tmi_json_put_number(out, "bytes_per_second", r->bytes_per_second);
  tmi_json_put_number(out, "flops_per_second", r->flops_per_second);
  tmi_json_put_number(out, "of_roofline", r->of_roofline);
  tmi_json_put_text(out, "bound", r->bound);
  tmi_json_put_count(out, "timed", r->timed);
  tmi_json_put_number(out, "pipeline_seconds", r->pipeline_seconds);
  tmi_json_put_number(out, "host_total", r->host_total);
  tmi_json_put_bool(out, "is_exact", r->is_exact);
  tm_buf_puts(out, "}");
}

static tm_status write_json(tm_profile *p, tm_buf *out) {
  tm_buf_puts(out, "{");
  tmi_json_key(out, "device", true);
  tmi_json_text(out, p->device);
  tmi_json_put_text(out, "chip", p->chip ? p->chip->name : NULL);
  tmi_json_put_text(out, "timing",
                    p->own_buffers ? "command buffers" : "encoders");
  tmi_json_put_number(out, "seconds", p->end - p->begin);
  tmi_json_put_count(out, "only_counted", p->dropped);
  tmi_json_key(out, "kernels", false);
  tm_buf_puts(out, "[");
  for (uint32_t i = 0; i < p->rows.len; i++) {
    tm_profile_row row;
    tm_status status = read_row(p, i, &row, NULL);
    if (status) return status;
    tm_buf_puts(out, i ? ",\n  " : "\n  ");
    write_json_row(&row, out);
  }
  tm_buf_puts(out, "]}\n");
  return TM_OK;
}

/* ---- texts, made once --------------------------------------------------- */

static tm_status write_trace(tm_profile *p, tm_buf *out) {
  tmi_profile_write_trace(p, out);
  return TM_OK;
}

static const char *text_once(tm_profile *p, const char **slot,
                             tm_status (*write)(tm_profile *, tm_buf *)) {
  if (!p) return NULL;
  jmp_buf guard;
  pthread_mutex_lock(&p->lock);
  if (!*slot && tm_arena_guard(&p->arena, guard)) {
    tm_buf out = tm_buf_in(&p->arena);
    if (write(p, &out) == TM_OK) *slot = tm_buf_text(&out);
  }
  p->arena.guard = NULL;
  const char *text = *slot;
  pthread_mutex_unlock(&p->lock);
  return text;
}

const char *tm_profile_text(tm_profile *profile) {
  if (!TMI_IS_THERE(profile, TMI_PROFILE)) return NULL;
  return text_once(profile, &profile->text, write_text);
}

const char *tm_profile_json(tm_profile *profile) {
  if (!TMI_IS_THERE(profile, TMI_PROFILE)) return NULL;
  return text_once(profile, &profile->json, write_json);
}

const char *tm_profile_trace(tm_profile *profile) {
  if (!TMI_IS_THERE(profile, TMI_PROFILE)) return NULL;
  return text_once(profile, &profile->trace, write_trace);
}
