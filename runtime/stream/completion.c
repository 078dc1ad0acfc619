/* SPDX-License-Identifier: MIT */
/*
 * completion.c - who is told that launches have ended.
 *
 *   tm_stream_on_done, tm_event_record -> a watch, in the outcome of every
 *     batch that has not ended; it counts them
 *   a batch ends -> its outcome is settled, once, by Metal's handler or by a
 *     call on the stream that looks, whoever is first: watches count down
 *   a watch has counted down -> the event has happened; or the callback's turn
 *     comes, on the handler's thread
 *
 * Metal's handler comes for completed and for failed command buffers alike, and
 * needs no call of the program's. It may come when the stream is gone, so that
 * outcomes, watches and callers count references of their own. A stream's
 * callbacks are called one after another in the order in which they were asked
 * for, whatever threads handlers run on: they wait in the stream's caller, and
 * a handler that finds another at it leaves it the rest.
 */
#define _GNU_SOURCE
#include "../context.h"

#include <stdlib.h>
#include <string.h>

/* ---- callers ------------------------------------------------------------- */

struct tmi_caller {
  atomic_int references;
  pthread_mutex_t lock;     /* over the rest */
  bool is_calling;
  tmi_watch *first, *last;  /* in order; each owned */
};

tmi_caller *tmi_caller_new(void) {
  tmi_caller *caller = calloc(1, sizeof *caller);
  if (!caller) return NULL;
  atomic_init(&caller->references, 1);
  pthread_mutex_init(&caller->lock, NULL);
  return caller;
}

void tmi_caller_release(tmi_caller *caller) {
  if (!caller || atomic_fetch_sub(&caller->references, 1) != 1) return;
  while (caller->first) { /* of batches that never ended */
    tmi_watch *watch = caller->first;
    caller->first = watch->next;
    tmi_watch_release(watch);
  }
  pthread_mutex_destroy(&caller->lock);
  free(caller);
}

/* Takes the oldest callback if its turn has come. Lock held. */
static tmi_watch *take_due(tmi_caller *caller) {
  tmi_watch *watch = caller->first;
  if (!watch || !tmi_watch_is_done(watch)) return NULL;
  caller->first = watch->next;
  if (!caller->first) caller->last = NULL;
  return watch;
}

/* Calls what is due, on a handler's thread. */
static void call_due(tmi_caller *caller) {
  tmi_watch *watch;
  pthread_mutex_lock(&caller->lock);
  while (!caller->is_calling && (watch = take_due(caller))) {
    caller->is_calling = true;
    pthread_mutex_unlock(&caller->lock);
    watch->call(watch->payload, watch->status, watch->message);
    tmi_watch_release(watch);
    pthread_mutex_lock(&caller->lock);
    caller->is_calling = false;
  }
  pthread_mutex_unlock(&caller->lock);
}

/* ---- watches ------------------------------------------------------------- */

tmi_watch *tmi_watch_new(void) {
  tmi_watch *watch = calloc(1, sizeof *watch);
  if (!watch) return NULL;
  atomic_init(&watch->references, 1);
  pthread_mutex_init(&watch->lock, NULL);
  return watch;
}

void tmi_watch_retain(tmi_watch *watch) {
  atomic_fetch_add_explicit(&watch->references, 1, memory_order_relaxed);
}

void tmi_watch_release(tmi_watch *watch) {
  if (!watch || atomic_fetch_sub(&watch->references, 1) != 1) return;
  tm_metal_release(watch->shared);
  free(watch->message);
  pthread_mutex_destroy(&watch->lock);
  free(watch);
}

/* One of its batches has ended. */
static void count_down(tmi_watch *watch, const tmi_outcome *outcome) {
  pthread_mutex_lock(&watch->lock);
  if (outcome->has_failed && !watch->status) {
    watch->status = TM_E_DEVICE;
    watch->message = strdup(outcome->failure ? outcome->failure
                                             : outcome->what);
  }
  if (outcome->ended > watch->ended) watch->ended = outcome->ended;
  if (--watch->remaining == 0) {
    /* The GPU does not signal what failed, nor what it was not told to. */
    if (watch->shared) tm_metal_event_raise(watch->shared, watch->value);
    atomic_store_explicit(&watch->is_done, true, memory_order_release);
  }
  pthread_mutex_unlock(&watch->lock);
}

/* ---- outcomes ------------------------------------------------------------ */

tmi_outcome *tmi_outcome_new(tmi_caller *caller) {
  tmi_outcome *outcome = calloc(1, sizeof *outcome);
  if (!outcome) return NULL;
  atomic_init(&outcome->references, 1);
  pthread_mutex_init(&outcome->lock, NULL);
  outcome->caller = caller;
  atomic_fetch_add(&caller->references, 1);
  return outcome;
}

void tmi_outcome_release(tmi_outcome *outcome) {
  if (!outcome || atomic_fetch_sub(&outcome->references, 1) != 1) return;
  for (uint32_t i = 0; i < outcome->watches.len; i++)
    tmi_watch_release(outcome->watches.data[i]);
  free(outcome->watches.data);
  free(outcome->failure);
  tmi_caller_release(outcome->caller);
  pthread_mutex_destroy(&outcome->lock);
  free(outcome);
}

static char *failure_text(const tmi_outcome *outcome, tm_id command) {
  char *metal = tm_metal_command_error(command);
  bool ignored = metal && strstr(metal, TM_TEXT_SUBMISSIONS_IGNORED);
  char *text = tm_metal_format(
      "%s failed on the GPU: %s%s", outcome->what,
      metal ? metal : "out of memory",
      ignored ? "; the system takes no more work from this process, it must "
                "be started again"
              : "");
  free(metal);
  return text;
}

void tmi_outcome_settle(tmi_outcome *outcome, tm_id command) {
  pthread_mutex_lock(&outcome->lock);
  bool first = !outcome->is_settled;
  if (first) {
    outcome->is_settled = true;
    outcome->ended = tm_metal_command_end(command);
    outcome->has_failed = tm_metal_command_state(command) < 0;
    if (outcome->has_failed)
      outcome->failure = failure_text(outcome, command);
    for (uint32_t i = 0; i < outcome->watches.len; i++)
      count_down(outcome->watches.data[i], outcome);
  }
  pthread_mutex_unlock(&outcome->lock);
}

static void handle(void *payload, tm_id command) {
  tmi_outcome *outcome = payload;
  tmi_outcome_settle(outcome, command);
  call_due(outcome->caller);
  tmi_outcome_release(outcome);
}

void tmi_outcome_follow(tmi_outcome *outcome, tm_id command) {
  atomic_fetch_add(&outcome->references, 1);
  tm_metal_command_on_end(command, handle, outcome);
}

/* ---- watching a stream --------------------------------------------------- */

/* Room for one more watch; false without memory. */
static bool make_room(tmi_outcome *outcome) {
  pthread_mutex_lock(&outcome->lock);
  bool ok = outcome->watches.len < outcome->watches.cap ||
            tmi_grow((void **)&outcome->watches.data, &outcome->watches.cap);
  pthread_mutex_unlock(&outcome->lock);
  return ok;
}

/* make_room has been called. What has failed already is noted. */
static void attach(tmi_outcome *outcome, tmi_watch *watch) {
  pthread_mutex_lock(&outcome->lock);
  pthread_mutex_lock(&watch->lock);
  watch->remaining++;
  pthread_mutex_unlock(&watch->lock);
  if (outcome->is_settled) {
    count_down(watch, outcome);
  } else {
    outcome->watches.data[outcome->watches.len++] = watch;
    tmi_watch_retain(watch);
  }
  pthread_mutex_unlock(&outcome->lock);
}

bool tmi_watch_stream(tmi_watch *watch, tm_stream *stream) {
  bool ok = make_room(stream->open->outcome);
  for (tmi_batch *b = stream->first; b && ok; b = b->next)
    ok = make_room(b->outcome);
  if (!ok) return false;
  attach(stream->open->outcome, watch); /* first: it cannot end before */
  for (tmi_batch *b = stream->first; b; b = b->next)
    attach(b->outcome, watch);
  return true;
}

tm_status tm_stream_on_done(tm_stream *stream, tm_done *done, void *payload,
                            tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  TMI_CHECK(done != NULL, error);
  tm_status status = tmi_stream_runs(stream, error);
  if (status) return status;
  tmi_watch *watch = tmi_watch_new();
  if (!watch) return tmi_fail_memory(error);
  watch->call = done;
  watch->payload = payload;
  pthread_mutex_lock(&stream->lock);
  tmi_batch *batch;
  status = tmi_stream_open(stream, &batch, error);
  if (!status && !tmi_watch_stream(watch, stream))
    status = tmi_fail_memory(error);
  if (!status) {
    tmi_caller *caller = stream->caller;
    tmi_watch_retain(watch);
    pthread_mutex_lock(&caller->lock);
    if (caller->last)
      caller->last->next = watch;
    else
      caller->first = watch;
    caller->last = watch;
    pthread_mutex_unlock(&caller->lock);
    tmi_stream_commit(stream);
  }
  pthread_mutex_unlock(&stream->lock);
  tmi_watch_release(watch);
  return status;
}
