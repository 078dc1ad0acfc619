/* SPDX-License-Identifier: MIT */
/*
 * profile.c - the profiler's recorder.
 *
 *   launch  -> an encoder of its own that stamps its begin and end, an event
 *   compile -> the row of its kernel
 *   a batch has ended -> its stamps become the GPU times of its events
 *
 * Command buffers stay as they are without a profiler: stamps need only
 * encoders. The last of them may take launches that are not recorded any
 * more: its session has ended, so that nobody reads its stamps. Where the
 * device has no stamps, each launch has a command buffer of its own and that
 * one's times.
 *
 * Whether there is a session is one atomic flag, so that without one a launch
 * pays a load. The profiler's lock is taken last, for as long as an event
 * takes to write. A kernel remembers its row, and a batch its events, with
 * the session's id: what is remembered of a session that was stopped is not
 * used.
 */
#define _GNU_SOURCE
#include "profile.h"

#include <stdlib.h>
#include <string.h>

enum {
  DEFAULT_EVENTS = 1 << 18,       /* 56 bytes each */
  ROW_BITS = 24,                  /* of tm_kernel.profile_row */
  MOST_ROWS = (1 << ROW_BITS) - 1
};

static _Atomic uint64_t last_session;
static _Atomic uint32_t last_thread, last_stream;

static uint32_t thread_number(void) {
  static _Thread_local uint32_t number;
  if (!number) number = atomic_fetch_add(&last_thread, 1) + 1;
  return number;
}

uint32_t tmi_profile_stream_number(void) {
  return atomic_fetch_add(&last_stream, 1) + 1;
}

/* Makes room for one more item; false without memory. */
static bool grow(void **data, uint32_t len, uint32_t *cap, size_t item) {
  if (len < *cap) return true;
  uint32_t more = *cap ? *cap * 2 : 16;
  void *bigger = more > *cap ? realloc(*data, more * item) : NULL;
  if (!bigger) return false;
  *data = bigger;
  *cap = more;
  return true;
}
#define GROW(vec) \
  grow((void **)&(vec).data, (vec).len, &(vec).cap, sizeof *(vec).data)

/* ---- life --------------------------------------------------------------- */

static void free_session(tm_profile *s) {
  for (uint32_t i = 0; i < s->rows.len; i++) {
    tmi_row *row = &s->rows.data[i];
    for (uint32_t k = 0; k < row->shapes.len; k++)
      free(row->shapes.data[k].numbers);
    free(row->shapes.data);
    free(row->specialization);
    tmi_kernel_release(row->kernel);
  }
  free(s->rows.data);
  free(s->events.data);
  free(s->works.data);
  free(s->order);
  tm_arena_free(&s->arena);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

void tmi_profiler_init(tmi_profiler *p) {
  pthread_mutex_init(&p->lock, NULL);
  atomic_init(&p->is_on, false);
}

/* Takes the session out of the context; NULL when there is none. */
static tm_profile *take(tmi_profiler *p) {
  pthread_mutex_lock(&p->lock);
  tm_profile *session = p->session;
  p->session = NULL;
  atomic_store(&p->is_on, false);
  pthread_mutex_unlock(&p->lock);
  return session;
}

/* Locks the profiler when that session is still the context's; else NULL. */
static tm_profile *lock_session(tmi_profiler *p, uint64_t id) {
  pthread_mutex_lock(&p->lock);
  if (p->session && p->session->id == id) return p->session;
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

void tmi_profiler_drop(tmi_profiler *p) {
  tm_profile *session = take(p);
  if (session) free_session(session);
}

void tmi_profiler_free(tmi_profiler *p) {
  pthread_mutex_destroy(&p->lock);
}

/* Does the device stamp encoders? Asked by making a sample buffer. */
static bool can_sample(const tm_metal_device *device) {
  tm_id samples = tm_metal_samples_new(device, 2);
  tm_metal_release(samples);
  return samples != NULL;
}

static tm_profile *new_session(tm_context *context,
                               const tm_profile_options *options) {
  tm_profile *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->id = atomic_fetch_add(&last_session, 1) + 1;
  s->most_events = options->most_events ? options->most_events
                                        : DEFAULT_EVENTS;
  if (s->most_events > TMI_NO_INDEX - 1) s->most_events = TMI_NO_INDEX - 1;
  s->own_buffers = options->timing == TM_TIMING_COMMAND_BUFFERS ||
                   !can_sample(&context->device);
  memcpy(s->device, context->device.name, sizeof s->device);
  s->chip = context->device_chip;
  pthread_mutex_init(&s->lock, NULL);
  tm_arena_init(&s->arena, 0);
  s->begin = tm_metal_host_seconds();
  return s;
}

tm_status tm_profile_start(tm_context *context,
                           const tm_profile_options *given,
                           tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  tm_profile_options options;
  tm_status status = tmi_options(&options, sizeof options, sizeof options,
                                 given, "tm_profile_options", error);
  if (status) return status;
  if (options.timing > TM_TIMING_COMMAND_BUFFERS)
    return tmi_fail(error, TM_E_ARGUMENT, "%u is no tm_timing",
                    (unsigned)options.timing);
  if ((status = tmi_context_device(context, error))) return status;
  tm_profile *session = new_session(context, &options);
  if (!session) return tmi_fail_memory(error);
  tmi_profiler *p = &context->profiler;
  pthread_mutex_lock(&p->lock);
  bool is_free = !p->session;
  if (is_free) {
    p->session = session;
    atomic_store(&p->is_on, true);
  }
  pthread_mutex_unlock(&p->lock);
  if (is_free) return TM_OK;
  free_session(session);
  return tmi_fail(error, TM_E_ARGUMENT,
                  "the context's profiler is running already: "
                  "tm_profile_stop ends it");
}

tm_status tm_profile_stop(tm_profile **out, tm_context *context,
                          tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  tm_profile *session = take(&context->profiler);
  if (!session)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the context's profiler is not running: "
                    "tm_profile_start begins");
  if (session->is_failed) {
    free_session(session);
    return tmi_fail_memory(error);
  }
  session->end = tm_metal_host_seconds();
  *out = tmi_handle_add(session, TMI_PROFILE);
  return TM_OK;
}

void tm_profile_destroy(tm_profile *profile) {
  if (profile && tmi_handle_drop(profile, TMI_PROFILE, __func__))
    free_session(profile);
}

/* ---- rows --------------------------------------------------------------- */

/* malloc'ed; NULL without memory. */
static char *specialization_of(const tm_kernel *kernel) {
  tm_arena arena;
  jmp_buf guard;
  char *volatile text = NULL;
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard)) {
    tm_buf out = tm_buf_in(&arena);
    tmi_write_specialization(kernel, &out);
    text = strdup(tm_buf_text(&out));
  }
  tm_arena_free(&arena);
  return text;
}

/* Two compiles of one kernel have one row: same name, specialization, text. */
static bool is_of(const tmi_row *row, const tm_kernel *kernel,
                  const char *specialization) {
  return strcmp(row->kernel->facts.name, kernel->facts.name) == 0 &&
         strcmp(row->specialization, specialization) == 0 &&
         strcmp(row->kernel->program.msl, kernel->program.msl) == 0;
}

static uint32_t find_row(const tm_profile *s, const tm_kernel *kernel,
                         const char *specialization) {
  for (uint32_t i = 0; i < s->rows.len; i++)
    if (is_of(&s->rows.data[i], kernel, specialization)) return i;
  return TMI_NO_INDEX;
}

static uint32_t add_row(tm_profile *s, tm_kernel *kernel) {
  char *text = specialization_of(kernel);
  uint32_t at = text ? find_row(s, kernel, text) : TMI_NO_INDEX;
  if (at != TMI_NO_INDEX || !text || s->rows.len == MOST_ROWS ||
      !GROW(s->rows)) {
    free(text);
    if (at == TMI_NO_INDEX) s->is_failed = true;
    return at;
  }
  tmi_row *row = &s->rows.data[s->rows.len];
  memset(row, 0, sizeof *row);
  memset(row->buckets, 0xff, sizeof row->buckets);
  row->last_shape = TMI_NO_INDEX;
  row->kernel = kernel;
  tmi_kernel_retain(kernel);
  row->specialization = text;
  return s->rows.len++;
}

/* The row of the kernel; TMI_NO_INDEX without memory. Lock held. */
static uint32_t row_of(tm_profile *s, tm_kernel *kernel) {
  uint64_t known =
      atomic_load_explicit(&kernel->profile_row, memory_order_relaxed);
  if (known >> ROW_BITS == s->id) return (uint32_t)known & MOST_ROWS;
  uint32_t at = add_row(s, kernel);
  if (at != TMI_NO_INDEX)
    atomic_store_explicit(&kernel->profile_row, s->id << ROW_BITS | at,
                          memory_order_relaxed);
  return at;
}

/* ---- shapes ------------------------------------------------------------- */

/* The integers of a launch, by argument. */
static uint32_t read_numbers(const tmi_dispatch *d, int64_t *out) {
  uint32_t n = d->kernel->program.n_args;
  for (uint32_t i = 0; i < n; i++) {
    const tm_arg *arg = &d->args[i];
    bool is_int = arg->tag == TM_GIVE_INT || arg->tag == TM_GIVE_BOOL;
    out[i] = is_int ? arg->u.i : 0;
  }
  return n;
}

static bool is_shape(const tmi_shape *shape, const tm_grid *grid,
                     const int64_t *numbers, uint32_t n) {
  return memcmp(&shape->grid, grid, sizeof *grid) == 0 &&
         memcmp(shape->numbers, numbers, n * sizeof *numbers) == 0;
}

static uint32_t add_shape(tm_profile *s, tmi_row *row, const tm_grid *grid,
                          const int64_t *numbers, uint32_t n, uint64_t hash) {
  if (row->shapes.len == TMI_MOST_SHAPES) return TMI_NO_INDEX;
  int64_t *copy = malloc((n + 1) * sizeof *copy);
  if (!copy || !GROW(row->shapes)) {
    free(copy);
    s->is_failed = true;
    return TMI_NO_INDEX;
  }
  memcpy(copy, numbers, n * sizeof *copy);
  uint32_t *bucket = &row->buckets[hash % TMI_SHAPE_BUCKETS];
  row->shapes.data[row->shapes.len] = (tmi_shape){
      .hash = hash, .next = *bucket, .grid = *grid, .numbers = copy};
  *bucket = row->shapes.len;
  return row->shapes.len++;
}

/* The shape of a launch. Lock held. */
static uint32_t shape_of(tm_profile *s, tmi_row *row, const tmi_dispatch *d) {
  int64_t numbers[TMI_MOST_FLAT];
  if (d->kernel->program.n_args > TMI_MOST_FLAT) return TMI_NO_INDEX;
  uint32_t n = read_numbers(d, numbers), at = row->last_shape;
  if (at != TMI_NO_INDEX &&
      is_shape(&row->shapes.data[at], &d->grid, numbers, n))
    return at;
  uint64_t hash = tm_hash_bytes(&d->grid, sizeof d->grid, 0);
  hash = tm_hash_bytes(numbers, n * sizeof *numbers, hash);
  for (at = row->buckets[hash % TMI_SHAPE_BUCKETS]; at != TMI_NO_INDEX;
       at = row->shapes.data[at].next)
    if (row->shapes.data[at].hash == hash &&
        is_shape(&row->shapes.data[at], &d->grid, numbers, n))
      break;
  if (at == TMI_NO_INDEX) at = add_shape(s, row, &d->grid, numbers, n, hash);
  row->last_shape = at;
  return at;
}

/* ---- encoders ----------------------------------------------------------- */

/* How many launches of a batch can be stamped. */
static uint32_t most_stamps(const tm_stream *stream) {
  uint32_t most = TM_MOST_SAMPLES / 2;
  return stream->batch_limit < most ? stream->batch_limit : most;
}

/* Gives the batch something to stamp into, kept for its later uses. */
static bool make_samples(tm_stream *stream, tmi_batch *batch) {
  if (batch->pass) return true;
  tm_id samples = tm_metal_samples_new(&stream->context->device,
                                       2 * most_stamps(stream));
  tm_id pass = samples ? tm_metal_pass_new(samples) : NULL;
  if (!pass) {
    tm_metal_release(samples);
    return false;
  }
  batch->samples = samples;
  batch->pass = pass;
  return true;
}

/* Joins the session whose launches are timed one way or the other. */
static void join_session(tmi_profiler *p, tmi_profile_mark *mark, bool *own) {
  pthread_mutex_lock(&p->lock);
  mark->session = p->session ? p->session->id : 0;
  *own = p->session && p->session->own_buffers;
  pthread_mutex_unlock(&p->lock);
}

/* A place among the batch's events. Those of a session that has ended are
 * forgotten, but their stamps stay where they are. */
static bool add_place(tmi_batch *batch, uint64_t session) {
  if (!GROW(batch->events)) return false;
  if (batch->session != session)
    for (uint32_t i = 0; i < batch->events.len; i++)
      batch->events.data[i] = TMI_NO_INDEX;
  batch->session = session;
  batch->events.data[batch->events.len++] = TMI_NO_INDEX;
  return true;
}

/* Gives up on stamps: launches of this session get command buffers. */
static void stop_sampling(tmi_profiler *p, uint64_t session) {
  tm_profile *s = lock_session(p, session);
  if (!s) return;
  s->own_buffers = true;
  pthread_mutex_unlock(&p->lock);
}

tm_status tmi_profile_batch(tm_stream *stream, tmi_batch **out,
                            tmi_profile_mark *mark, tm_error **error) {
  tmi_profiler *p = &stream->context->profiler;
  bool own;
  tm_status status = tmi_stream_open(stream, out, error);
  if (status) return status;
  join_session(p, mark, &own);
  if (!mark->session) return tmi_stream_batch(stream, out, error);
  bool samples = !own && make_samples(stream, *out);
  if (!own && !samples) stop_sampling(p, mark->session);
  if (samples ? (*out)->events.len >= most_stamps(stream)
              : (*out)->launches > 0) {
    tmi_stream_commit(stream);
    if ((status = tmi_stream_open(stream, out, error))) return status;
    samples = samples && make_samples(stream, *out);
  }
  tmi_batch *batch = *out;
  if (!add_place(batch, mark->session)) return tmi_fail_memory(error);
  batch->is_alone = !samples;
  if (!samples) return tmi_stream_batch(stream, out, error);
  tmi_stream_end_encoder(stream, batch);
  return tmi_stream_encoder(stream, batch, batch->pass,
                            2 * (batch->events.len - 1), error);
}

void tmi_profile_release_batch(tmi_batch *batch) {
  tm_metal_release(batch->pass);
  tm_metal_release(batch->samples);
  free(batch->events.data);
}

/* ---- events ------------------------------------------------------------- */

void tmi_profile_record(tm_stream *stream, tmi_batch *batch,
                        const tmi_dispatch *d, tmi_profile_mark *mark) {
  tmi_profiler *p = &stream->context->profiler;
  tm_profile *s = lock_session(p, mark->session);
  if (!s) return;
  uint32_t at = row_of(s, d->kernel);
  tmi_row *row = at == TMI_NO_INDEX ? NULL : &s->rows.data[at];
  if (row) row->launches++;
  if (row && s->events.len == s->most_events) {
    s->dropped++;
  } else if (row && GROW(s->events)) {
    s->events.data[s->events.len] =
        (tmi_event){.row = at, .shape = shape_of(s, row, d),
                    .stream = stream->number, .thread = thread_number(),
                    .begin = mark->begin, .end = mark->begin};
    mark->event = s->events.len++;
    batch->events.data[batch->events.len - 1] = mark->event;
  } else {
    s->is_failed = true;
  }
  pthread_mutex_unlock(&p->lock);
}

void tmi_profile_queued(tm_context *context, const tmi_profile_mark *mark) {
  if (mark->event == TMI_NO_INDEX) return;
  double now = tm_metal_host_seconds();
  tm_profile *s = lock_session(&context->profiler, mark->session);
  if (!s) return;
  tmi_event *event = &s->events.data[mark->event];
  event->end = now;
  s->rows.data[event->row].host_total += now - event->begin;
  pthread_mutex_unlock(&context->profiler.lock);
}

/* ---- GPU times ---------------------------------------------------------- */

/* Gives an event its GPU times. Lock held. */
static void time_event(tm_profile *s, uint32_t at, double begin, double end) {
  if (at == TMI_NO_INDEX || !(begin > 0) || !(end >= begin)) return;
  tmi_event *event = &s->events.data[at];
  event->gpu_begin = begin;
  event->gpu_end = end;
  tmi_row *row = &s->rows.data[event->row];
  double seconds = end - begin, wait = begin - event->begin;
  if (!row->timed || seconds < row->gpu_min) row->gpu_min = seconds;
  row->timed++;
  row->gpu_total += seconds;
  row->wait_total += wait > 0 ? wait : 0;
  if (event->shape == TMI_NO_INDEX) return;
  row->shapes.data[event->shape].timed++;
  row->shapes.data[event->shape].gpu_total += seconds;
}

static bool is_stamp(uint64_t x) { return x && x != TM_SAMPLE_INVALID; }

/* Do the stamps fit the command buffer's own times? Otherwise this device
 * does not count nanoseconds. The stamps may be some overhead apart. */
static bool is_plausible(double span, double whole) {
  return span <= whole * 1.25 + 1e-4;
}

/* Stamps count from a moment of their own: the last is where the GPU ended the
 * command buffer. The first may not be where it began, since recording may
 * have begun within the batch. Lock held. */
static void time_sampled(tm_profile *s, const tmi_batch *batch,
                         const uint64_t *stamps, double begin, double end) {
  uint64_t first = UINT64_MAX, last = 0;
  for (uint32_t i = 0; i < 2 * batch->events.len; i++) {
    if (batch->events.data[i / 2] == TMI_NO_INDEX || !is_stamp(stamps[i]))
      continue;
    if (stamps[i] < first) first = stamps[i];
    if (stamps[i] > last) last = stamps[i];
  }
  if (last < first) return;
  if (!is_plausible((double)(last - first) * TM_SAMPLE_SECONDS,
                    end - begin)) {
    s->own_buffers = true;
    return;
  }
  for (uint32_t i = 0; i < batch->events.len; i++) {
    uint64_t from = stamps[2 * i], to = stamps[2 * i + 1];
    if (!is_stamp(from) || !is_stamp(to) || to < from) continue;
    time_event(s, batch->events.data[i],
               end - (double)(last - from) * TM_SAMPLE_SECONDS,
               end - (double)(last - to) * TM_SAMPLE_SECONDS);
  }
}

void tmi_profile_ended(tm_stream *stream, tmi_batch *batch, bool ran) {
  uint32_t n = batch->events.len;
  uint64_t *stamps = NULL;
  bool sampled = ran && !batch->is_alone && batch->samples;
  double begin = 0, end = 0;
  if (ran) tm_metal_command_times(batch->command, &begin, &end);
  if (sampled) {
    stamps = malloc(2 * n * sizeof *stamps);
    sampled = stamps && tm_metal_samples_read(batch->samples, 2 * n, stamps);
  }
  tmi_profiler *p = &stream->context->profiler;
  tm_profile *s = lock_session(p, batch->session);
  if (s) {
    if (sampled)
      time_sampled(s, batch, stamps, begin, end);
    else if (ran && batch->is_alone)
      time_event(s, batch->events.data[n - 1], begin, end);
    pthread_mutex_unlock(&p->lock);
  }
  free(stamps);
  batch->events.len = 0;
  batch->session = 0;
  batch->is_alone = false;
}

/* ---- compiles ----------------------------------------------------------- */

static void add_work(tm_kernel *kernel, tmi_work_kind kind, double seconds) {
  tmi_profiler *p = &kernel->context->profiler;
  if (!atomic_load_explicit(&p->is_on, memory_order_relaxed)) return;
  double now = tm_metal_host_seconds();
  pthread_mutex_lock(&p->lock);
  tm_profile *s = p->session;
  uint32_t at = s ? row_of(s, kernel) : TMI_NO_INDEX;
  if (at != TMI_NO_INDEX) {
    tmi_row *row = &s->rows.data[at];
    if (kind == TMI_WORK_PIPELINE)
      row->pipeline_seconds += seconds;
    else
      row->compile_seconds += seconds;
    row->compiles += kind == TMI_WORK_COMPILE;
    row->cache_hits += kind == TMI_WORK_CACHE;
    if (s->works.len < s->most_events && GROW(s->works))
      s->works.data[s->works.len++] = (tmi_work){
          kind, at, thread_number(), now - seconds, now};
  }
  pthread_mutex_unlock(&p->lock);
}

void tmi_profile_compiled(tm_kernel *kernel, double seconds) {
  add_work(kernel, kernel->facts.from_cache ? TMI_WORK_CACHE
                                            : TMI_WORK_COMPILE, seconds);
}

void tmi_profile_loaded(tm_kernel *kernel, double seconds) {
  add_work(kernel, TMI_WORK_PIPELINE, seconds);
}
