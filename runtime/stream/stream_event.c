/* SPDX-License-Identifier: MIT */
/*
 * stream_event.c - tm_event: a point in the work of a stream.
 *
 *   record  stream A: ... launches, signal(value), commit
 *   wait    stream B: wait(value), later launches ...
 *
 * The GPU orders the two by an MTLSharedEvent, without the host. Recording
 * commits the batch, so that nobody waits for what is not on its way. What the
 * GPU cannot signal the host does when the batch has ended (completion.c):
 * after an error, since Metal then runs no signal [mlx], and when there was
 * nothing to launch.
 *
 * A shared event's value must not fall. So an event that is recorded again
 * before its last record has happened gets a new MTLSharedEvent: each has one
 * value under way at most.
 */
#define _GNU_SOURCE
#include "../context.h"

#include <stdlib.h>

struct tm_event {
  tm_context *context;
  pthread_mutex_t lock; /* over record */
  tmi_watch *record;    /* the last; NULL: there was none */
};

tm_status tm_event_create(tm_event **out, tm_context *context,
                          tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  tm_status status = tmi_context_device(context, error);
  if (status) return status;
  tm_event *event = calloc(1, sizeof *event);
  if (!event) return tmi_fail_memory(error);
  pthread_mutex_init(&event->lock, NULL);
  event->context = context;
  tmi_context_retain(context);
  *out = tmi_handle_add(event, TMI_EVENT);
  return TM_OK;
}

void tm_event_destroy(tm_event *event) {
  if (!event || !tmi_handle_drop(event, TMI_EVENT, __func__) ||
      tmi_is_forked(event->context))
    return;
  tmi_watch_release(event->record);
  pthread_mutex_destroy(&event->lock);
  tmi_context_release(event->context);
  tmi_handle_free(event);
}

/* The last record, with a reference; NULL: there was none. */
static tmi_watch *last_record(tm_event *event) {
  pthread_mutex_lock(&event->lock);
  tmi_watch *record = event->record;
  if (record) tmi_watch_retain(record);
  pthread_mutex_unlock(&event->lock);
  return record;
}

/* ---- recording ----------------------------------------------------------- */

/* A record that has not happened. Event's lock held. */
static tmi_watch *new_record(tm_event *event) {
  tmi_watch *record = tmi_watch_new(), *old = event->record;
  if (!record) return NULL;
  if (old && tmi_watch_is_done(old)) {
    record->shared = tm_mtl.retain(old->shared);
    record->value = old->value + 1;
  } else {
    record->shared = tm_metal_event_new(&event->context->device);
    record->value = 1;
  }
  if (record->shared) return record;
  tmi_watch_release(record);
  return NULL;
}

/* Both locks held; batch is the open one. */
static tm_status record_locked(tm_event *event, tm_stream *stream,
                               tmi_batch *batch, tm_error **error) {
  tmi_watch *record = new_record(event);
  if (!record) return tmi_fail_memory(error);
  record->stream = stream->number;
  if (!tmi_watch_stream(record, stream)) {
    tmi_watch_release(record);
    return tmi_fail_memory(error);
  }
  if (batch->launches) {
    tmi_stream_end_encoder(stream, batch);
    tm_metal_command_signal(batch->command, record->shared, record->value);
  }
  tmi_stream_commit(stream);
  tmi_watch_release(event->record);
  event->record = record;
  return TM_OK;
}

tm_status tm_event_record(tm_event *event, tm_stream *stream,
                          tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(event, TMI_EVENT, error);
  TMI_CHECK_ALIVE(event, error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  TMI_CHECK(event->context == stream->context, error);
  tm_status status = tmi_stream_runs(stream, error);
  if (status) return status;
  tmi_batch *batch;
  pthread_mutex_lock(&stream->lock);
  /* It may let go of the stream's lock and take it again, so it comes before
   * the event's. */
  status = tmi_stream_open(stream, &batch, error);
  if (!status) {
    pthread_mutex_lock(&event->lock);
    status = record_locked(event, stream, batch, error);
    pthread_mutex_unlock(&event->lock);
  }
  pthread_mutex_unlock(&stream->lock);
  return status;
}

/* ---- waiting ------------------------------------------------------------- */

static tm_status wait_locked(tm_stream *stream, tmi_watch *record,
                             tm_error **error) {
  tmi_batch *batch;
  tm_status status = tmi_stream_open(stream, &batch, error);
  if (status) return status;
  if (!tmi_batch_keep_watch(batch, record)) return tmi_fail_memory(error);
  tmi_stream_end_encoder(stream, batch);
  tm_metal_command_wait(batch->command, record->shared, record->value);
  return TM_OK;
}

tm_status tm_stream_wait_event(tm_stream *stream, tm_event *event,
                               tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  TMI_HANDLE(event, TMI_EVENT, error);
  TMI_CHECK_ALIVE(event, error);
  TMI_CHECK(event->context == stream->context, error);
  tm_status status = tmi_stream_runs(stream, error);
  if (status) return status;
  tmi_watch *record = last_record(event);
  if (record && record->stream != stream->number &&
      !tmi_watch_is_done(record)) {
    pthread_mutex_lock(&stream->lock);
    status = wait_locked(stream, record, error);
    pthread_mutex_unlock(&stream->lock);
  }
  tmi_watch_release(record);
  return status;
}

/* TM_E_DEVICE for a record that has happened after a failure. */
static tm_status result_of(tmi_watch *record, tm_error **error) {
  return !record->status ? TM_OK
         : tmi_fail(error, record->status, "%s",
                    record->message ? record->message
                                    : "work before the event failed on the "
                                      "GPU");
}

tm_status tm_event_synchronize(tm_event *event, uint64_t timeout_ms,
                               tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(event, TMI_EVENT, error);
  TMI_CHECK_ALIVE(event, error);
  tmi_watch *record = last_record(event);
  if (!record) return TM_OK;
  tmi_pause pause = tmi_pause_for(timeout_ms);
  bool done, more = true;
  while (!(done = tmi_watch_is_done(record)) && more)
    more = tmi_pause_once(&pause);
  tm_status status =
      done ? result_of(record, error)
           : tmi_fail(error, TM_E_TIMEOUT,
                      "the event has not happened after %llu ms",
                      (unsigned long long)timeout_ms);
  tmi_watch_release(record);
  return status;
}

/* When the last record happened, on the GPU's clock. */
static tm_status time_of(tm_event *event, const char *which, double *at,
                         tm_error **error) {
  tmi_watch *record = last_record(event);
  tm_status status;
  if (!record)
    status = tmi_fail(error, TM_E_ARGUMENT, "%s was never recorded", which);
  else if (!tmi_watch_is_done(record))
    status = tmi_fail(error, TM_E_TIMEOUT, "%s has not happened yet", which);
  else
    status = result_of(record, error);
  if (!status) *at = record->ended;
  tmi_watch_release(record);
  return status;
}

tm_status tm_event_elapsed(double *seconds, tm_event *from, tm_event *to,
                           tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(seconds != NULL, error);
  *seconds = 0;
  TMI_HANDLE(from, TMI_EVENT, error);
  TMI_CHECK_ALIVE(from, error);
  TMI_HANDLE(to, TMI_EVENT, error);
  TMI_CHECK_ALIVE(to, error);
  double start, end;
  tm_status status = time_of(from, "the first event", &start, error);
  if (!status) status = time_of(to, "the second event", &end, error);
  if (!status) *seconds = end - start;
  return status;
}
