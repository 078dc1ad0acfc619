/* SPDX-License-Identifier: MIT */
/*
 * profile_trace.c - a profile as JSON in Chrome's trace format.
 *
 *   process 1, "host": a row a thread; launches, compiles, pipelines
 *   process 2, "GPU": a row a stream; kernels, and above them what waits
 *
 * What happens on one row is a complete event (ph X), and those of one row
 * must nest: kernels of a stream that ran at the same time are put on rows of
 * their own. Waits overlap by nature, so they are asynchronous events (ph b
 * and e with an id), which viewers stack. A flow (ph s and f) leads from each
 * launch to its kernel. Times are microseconds from the profile's start.
 */
#include "profile.h"

#include "../json_text.h"

#include <string.h>

enum { HOST = 1, GPU = 2, MOST_LANES = 16 };

typedef struct tracer {
  const tm_profile *profile;
  tm_buf *out;
  bool is_first;
  uint32_t *tids;  /* of each event on the GPU; 0: it has no time */
  bool *is_twin;   /* of each row: another kernel has its name */
} tracer;

/* Nanoseconds from the start, as microseconds. */
static void put_time(tracer *t, const char *name, double seconds) {
  long long ns = (long long)(seconds * 1e9 + 0.5);
  if (ns < 0) ns = 0;
  tm_buf_printf(t->out, ", \"%s\": %lld.%03lld", name, ns / 1000, ns % 1000);
}

/* Begins an event: its phase, place and name. text: more of the name. */
static void begin(tracer *t, const char *phase, uint32_t pid, uint32_t tid,
                  const char *category, const char *name) {
  tm_buf_printf(t->out, "%s{\"ph\": \"%s\", \"pid\": %u, \"tid\": %u",
                t->is_first ? "\n" : ",\n", phase, (unsigned)pid,
                (unsigned)tid);
  t->is_first = false;
  if (category) tm_buf_printf(t->out, ", \"cat\": \"%s\"", category);
  tmi_json_put_text(t->out, "name", name);
}

static void put_name(tracer *t, const char *what, uint32_t pid, uint32_t tid,
                     const char *name) {
  begin(t, "M", pid, tid, NULL, what);
  tm_buf_puts(t->out, ", \"args\": {");
  tmi_json_key(t->out, "name", true);
  tmi_json_text(t->out, name);
  tm_buf_puts(t->out, "}}");
}

/* A complete event, without its arguments. Both ends are rounded, so that
 * what nests in seconds nests in nanoseconds. */
static void put_span(tracer *t, uint32_t pid, uint32_t tid,
                     const char *category, const char *name, double from,
                     double to) {
  from -= t->profile->begin;
  to -= t->profile->begin;
  double first = (double)(long long)(from * 1e9 + 0.5);
  double last = (double)(long long)(to * 1e9 + 0.5);
  begin(t, "X", pid, tid, category, name);
  put_time(t, "ts", first * 1e-9);
  put_time(t, "dur", (last - first) * 1e-9);
}

static const char *kernel_of(const tracer *t, uint32_t row) {
  return t->profile->rows.data[row].kernel->facts.name;
}

/* ---- host --------------------------------------------------------------- */

static void put_work(tracer *t, const tmi_work *work) {
  static const char *const names[] = {"compile", "find in the cache",
                                      "make the pipeline"};
  put_span(t, HOST, work->thread, "compile", names[work->kind], work->begin,
           work->end);
  tm_buf_puts(t->out, ", \"args\": {");
  tmi_json_key(t->out, "kernel", true);
  tmi_json_text(t->out, kernel_of(t, work->row));
  tmi_json_put_text(t->out, "specialization",
                    t->profile->rows.data[work->row].specialization);
  tm_buf_puts(t->out, "}}");
}

/* ---- the GPU's rows ----------------------------------------------------- */

/* When the lanes of a stream become free. */
typedef struct lanes {
  double free_at[MOST_LANES];
} lanes;

static uint32_t tid_of(uint32_t stream, uint32_t lane) {
  return stream * MOST_LANES + lane;
}

/* The first lane that is free when the event begins. Past the last lane
 * kernels share it. */
static uint32_t take_lane(lanes *of, const tmi_event *event) {
  uint32_t lane = 0;
  while (lane + 1 < MOST_LANES && of->free_at[lane] > event->gpu_begin) lane++;
  if (event->gpu_end > of->free_at[lane]) of->free_at[lane] = event->gpu_end;
  return lane;
}

static void put_gpu_row(tracer *t, uint32_t stream, uint32_t lane) {
  tm_buf name = tm_buf_in(t->out->arena);
  tm_buf_printf(&name, lane ? "stream %u, at the same time (%u)" : "stream %u",
                (unsigned)stream, (unsigned)lane);
  put_name(t, "thread_name", GPU, tid_of(stream, lane), tm_buf_text(&name));
}

/* Streams' numbers grow with the process; those of the profile are counted
 * from the smallest. */
static void place_events(tracer *t) {
  const tm_profile *p = t->profile;
  tm_arena *arena = t->out->arena;
  uint32_t least = TMI_NO_INDEX, most = 0;
  for (uint32_t i = 0; i < p->events.len; i++) {
    uint32_t stream = p->events.data[i].stream;
    if (stream < least) least = stream;
    if (stream > most) most = stream;
  }
  uint32_t n = p->events.len ? most - least + 1 : 0;
  lanes **of = TM_NEW_ARRAY(arena, lanes *, n + 1);
  uint32_t *named = TM_NEW_ARRAY(arena, uint32_t, n + 1);
  memset(of, 0, (n + 1) * sizeof *of);
  memset(named, 0, (n + 1) * sizeof *named);
  t->tids = TM_NEW_ARRAY(arena, uint32_t, p->events.len + 1);
  for (uint32_t i = 0; i < p->events.len; i++) {
    const tmi_event *event = &p->events.data[i];
    uint32_t at = event->stream - least;
    t->tids[i] = 0;
    if (!(event->gpu_begin > 0)) continue;
    if (!of[at]) {
      of[at] = TM_NEW_ARRAY(arena, lanes, 1);
      memset(of[at], 0, sizeof *of[at]);
    }
    uint32_t lane = take_lane(of[at], event);
    for (; named[at] <= lane; named[at]++)
      put_gpu_row(t, event->stream, named[at]);
    t->tids[i] = tid_of(event->stream, lane);
  }
}

/* ---- launches ----------------------------------------------------------- */

static void put_flow(tracer *t, const char *phase, uint32_t pid, uint32_t tid,
                     uint32_t id, double at) {
  begin(t, phase, pid, tid, "flow", "launch");
  tm_buf_printf(t->out, ", \"id\": %u", (unsigned)id);
  if (*phase == 'f') tm_buf_puts(t->out, ", \"bp\": \"e\"");
  put_time(t, "ts", at - t->profile->begin);
  tm_buf_puts(t->out, "}");
}

static void put_grid(tracer *t, const tmi_event *event) {
  const tmi_row *row = &t->profile->rows.data[event->row];
  tm_buf_printf(t->out, ", \"args\": {\"row\": %u", (unsigned)event->row);
  if (t->is_twin[event->row])
    tmi_json_put_text(t->out, "specialization", row->specialization);
  if (event->shape != TMI_NO_INDEX) {
    tm_grid g = row->shapes.data[event->shape].grid;
    tm_buf_printf(t->out, ", \"grid\": [%u, %u, %u]", (unsigned)g.x,
                  (unsigned)g.y, (unsigned)g.z);
  }
  tm_buf_puts(t->out, "}}");
}

static void put_wait(tracer *t, const tmi_event *event, uint32_t id,
                     const char *phase, double at) {
  begin(t, phase, GPU, tid_of(event->stream, 0), "queue", "queue wait");
  tm_buf_printf(t->out, ", \"id\": %u", (unsigned)id);
  put_time(t, "ts", at - t->profile->begin);
  tm_buf_puts(t->out, ", \"args\": {");
  tmi_json_key(t->out, "kernel", true);
  tmi_json_text(t->out, kernel_of(t, event->row));
  tm_buf_puts(t->out, "}}");
}

static void put_event(tracer *t, uint32_t index) {
  const tmi_event *event = &t->profile->events.data[index];
  const char *name = kernel_of(t, event->row);
  uint32_t tid = t->tids[index], id = index + 1;
  put_span(t, HOST, event->thread, "launch", "launch", event->begin,
           event->end);
  tm_buf_puts(t->out, ", \"args\": {");
  tmi_json_key(t->out, "kernel", true);
  tmi_json_text(t->out, name);
  tm_buf_puts(t->out, "}}");
  if (!tid) return;
  put_flow(t, "s", HOST, event->thread, id, event->begin);
  put_flow(t, "f", GPU, tid, id, event->gpu_begin);
  if (event->gpu_begin > event->end) {
    put_wait(t, event, id, "b", event->end);
    put_wait(t, event, id, "e", event->gpu_begin);
  }
  put_span(t, GPU, tid, "gpu", name, event->gpu_begin, event->gpu_end);
  put_grid(t, event);
}

/* ---- all of it ---------------------------------------------------------- */

static void put_threads(tracer *t) {
  const tm_profile *p = t->profile;
  uint32_t most = 0;
  for (uint32_t i = 0; i < p->events.len; i++)
    if (p->events.data[i].thread > most) most = p->events.data[i].thread;
  for (uint32_t i = 0; i < p->works.len; i++)
    if (p->works.data[i].thread > most) most = p->works.data[i].thread;
  bool *used = TM_NEW_ARRAY(t->out->arena, bool, most + 1);
  memset(used, 0, (most + 1) * sizeof *used);
  for (uint32_t i = 0; i < p->events.len; i++)
    used[p->events.data[i].thread] = true;
  for (uint32_t i = 0; i < p->works.len; i++)
    used[p->works.data[i].thread] = true;
  for (uint32_t i = 0; i <= most; i++) {
    if (!used[i]) continue;
    tm_buf name = tm_buf_in(t->out->arena);
    tm_buf_printf(&name, "thread %u", (unsigned)i);
    put_name(t, "thread_name", HOST, i, tm_buf_text(&name));
  }
}

/* Specializations are long: an event has its own where the kernel's name does
 * not tell it, others are found by the row's number. */
static void put_rows(tracer *t) {
  const tm_profile *p = t->profile;
  t->is_twin = TM_NEW_ARRAY(t->out->arena, bool, p->rows.len + 1);
  tmi_json_key(t->out, "rows", false);
  tm_buf_puts(t->out, "[");
  for (uint32_t i = 0; i < p->rows.len; i++) {
    t->is_twin[i] = false;
    for (uint32_t k = 0; k < p->rows.len && !t->is_twin[i]; k++)
      t->is_twin[i] = k != i && strcmp(kernel_of(t, i), kernel_of(t, k)) == 0;
    tm_buf_puts(t->out, i ? ", {" : "{");
    tmi_json_key(t->out, "kernel", true);
    tmi_json_text(t->out, kernel_of(t, i));
    tmi_json_put_text(t->out, "specialization",
                      p->rows.data[i].specialization);
    tm_buf_puts(t->out, "}");
  }
  tm_buf_puts(t->out, "]");
}

void tmi_profile_write_trace(const tm_profile *profile, tm_buf *out) {
  tracer t = {.profile = profile, .out = out, .is_first = true};
  tm_buf_puts(out, "{\"displayTimeUnit\": \"ns\", \"otherData\": {");
  tmi_json_key(out, "device", true);
  tmi_json_text(out, profile->device);
  tmi_json_put_text(out, "timing", profile->own_buffers ? "command buffers"
                                                        : "encoders");
  tmi_json_put_count(out, "only_counted", profile->dropped);
  put_rows(&t);
  tm_buf_puts(out, "}, \"traceEvents\": [");
  put_name(&t, "process_name", HOST, 0, "host");
  put_name(&t, "process_name", GPU, 0, "GPU");
  put_threads(&t);
  place_events(&t);
  for (uint32_t i = 0; i < profile->works.len; i++)
    put_work(&t, &profile->works.data[i]);
  for (uint32_t i = 0; i < profile->events.len; i++) put_event(&t, i);
  tm_buf_puts(out, "\n]}\n");
}
