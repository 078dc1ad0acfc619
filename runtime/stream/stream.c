/* SPDX-License-Identifier: MIT */
/*
 * stream.c - batches of dispatches, in flight and ended.
 *
 *   launch -> open batch (command buffer + concurrent encoder)
 *   full, old, flushed or synchronized -> committed, in flight
 *   ended -> what it kept alive is released, its arrays are used again
 *
 * A batch is committed when it has enough launches, or launches over enough
 * memory that the GPU has work for a while, or, at the next call, when it has
 * been open for long. Command buffers do not retain what they use, the batch
 * does. At most IN_FLIGHT batches are committed at a time, well under the
 * number at which Metal blocks without a deadline.
 *
 * Within an encoder a launch that needs what earlier ones do gets a barrier
 * (hazard.c) and others overlap; encoders are ordered by the stream's fence.
 *
 * Waiting is by looking at the command buffer's status, since Metal's own
 * waits have no deadline: a wedged GPU must not hang the program. The lock is
 * not held between looks, so other threads may go on launching.
 */
#define _GNU_SOURCE
#include "../graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  BATCH_LAUNCHES = 40,       /* by default; MLX uses 20 to 50 */
  BATCH_BYTES = 64 << 20,    /* MLX: 40 to 50 MB */
  BATCH_US = 1000,           /* many times what a launch costs */
  IN_FLIGHT = 8,             /* of TM_QUEUE_COMMAND_BUFFERS */
  STALL_MS = 60000,
  SPINS = 200,               /* looks before the first sleep */
  FIRST_SLEEP_NS = 20000,
  LONGEST_SLEEP_NS = 1000000
};

static _Atomic uint64_t last_batch_id;

/* ---- batches ------------------------------------------------------------ */

bool tmi_grow(void **data, uint32_t *cap) {
  uint32_t more = *cap ? *cap * 2 : 16;
  void *bigger = realloc(*data, more * sizeof(void *));
  if (!bigger) return false;
  *data = bigger;
  *cap = more;
  return true;
}

/* The place in batch->kept of an object that only the batch's own thread looks
 * at; what is there is kept. */
static const void **kept_at(tmi_batch *batch, const void *object) {
  uintptr_t at = (uintptr_t)object >> 4;
  return &batch->kept[(at ^ at >> 6) % TM_COUNT(batch->kept)];
}

bool tmi_batch_keep_buffer(tmi_batch *batch, tm_buffer *buffer) {
  const void **kept = kept_at(batch, buffer);
  if (*kept == buffer) return true;
  *kept = NULL;
  /* Ids are unique, so only this batch can have written this one. */
  if (atomic_load_explicit(&buffer->batch, memory_order_relaxed) !=
      batch->id) {
    if (batch->buffers.len == batch->buffers.cap &&
        !tmi_grow((void **)&batch->buffers.data, &batch->buffers.cap))
      return false;
    batch->buffers.data[batch->buffers.len++] = buffer;
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    atomic_store_explicit(&buffer->batch, batch->id, memory_order_relaxed);
    batch->bytes += buffer->size;
  }
  *kept = buffer;
  return true;
}

bool tmi_batch_keep_kernel(tmi_batch *batch, tm_kernel *kernel) {
  const void **kept = kept_at(batch, kernel);
  if (*kept == kernel) return true;
  *kept = NULL;
  if (atomic_load_explicit(&kernel->batch, memory_order_relaxed) !=
      batch->id) {
    if (batch->kernels.len == batch->kernels.cap &&
        !tmi_grow((void **)&batch->kernels.data, &batch->kernels.cap))
      return false;
    batch->kernels.data[batch->kernels.len++] = kernel;
    tmi_kernel_retain(kernel);
    atomic_store_explicit(&kernel->batch, batch->id, memory_order_relaxed);
  }
  *kept = kernel;
  return true;
}

bool tmi_batch_keep_held(tmi_batch *batch, tmi_held *held) {
  if (batch->held.len && batch->held.data[batch->held.len - 1] == held)
    return true;
  if (batch->held.len == batch->held.cap &&
      !tmi_grow((void **)&batch->held.data, &batch->held.cap))
    return false;
  batch->held.data[batch->held.len++] = held;
  atomic_fetch_add_explicit(&held->references, 1, memory_order_relaxed);
  batch->bytes += held->bytes;
  return true;
}

bool tmi_batch_keep_watch(tmi_batch *batch, tmi_watch *watch) {
  if (batch->watches.len == batch->watches.cap &&
      !tmi_grow((void **)&batch->watches.data, &batch->watches.cap))
    return false;
  batch->watches.data[batch->watches.len++] = watch;
  tmi_watch_retain(watch);
  return true;
}

/* Releases what the batch kept and empties it for reuse. */
static void empty_batch(tmi_batch *batch) {
  for (uint32_t i = 0; i < batch->logs.len; i++) /* never read */
    tmi_buffer_release(batch->logs.data[i].buffer);
  batch->logs.len = 0;
  for (uint32_t i = 0; i < batch->buffers.len; i++)
    tmi_buffer_release(batch->buffers.data[i]);
  for (uint32_t i = 0; i < batch->kernels.len; i++)
    tmi_kernel_release(batch->kernels.data[i]);
  for (uint32_t i = 0; i < batch->held.len; i++)
    tmi_held_release(batch->held.data[i]);
  batch->held.len = 0;
  for (uint32_t i = 0; i < batch->watches.len; i++)
    tmi_watch_release(batch->watches.data[i]);
  batch->buffers.len = batch->kernels.len = batch->watches.len = 0;
  memset(batch->kept, 0, sizeof batch->kept);
  tmi_outcome_release(batch->outcome);
  batch->outcome = NULL;
  tm_metal_release(batch->command);
  batch->command = NULL;
  batch->launches = 0;
  batch->bytes = 0;
}

static void free_batch(tmi_batch *batch) {
  tmi_profile_release_batch(batch);
  free(batch->buffers.data);
  free(batch->kernels.data);
  free(batch->logs.data);
  free(batch->held.data);
  free(batch->watches.data);
  free(batch);
}

tmi_batch *tmi_batch_new(void) {
  tmi_batch *batch = calloc(1, sizeof *batch);
  if (batch) batch->id = atomic_fetch_add(&last_batch_id, 1) + 1;
  return batch;
}

void tmi_batch_free(tmi_batch *batch) {
  empty_batch(batch);
  free_batch(batch);
}

/* ---- what has ended ----------------------------------------------------- */

/* What failed, if it fails: "one of 3 launches of 'a', 'b'". */
static void describe(const tmi_batch *batch, char *out, size_t size) {
  char count[32] = "";
  if (batch->launches > 1)
    snprintf(count, sizeof count, " %u launches", batch->launches);
  int n = snprintf(out, size, "%s%s of ",
                   batch->launches > 1 ? "one of" : "the launch", count);
  size_t used = n > 0 ? (size_t)n : 0;
  if (!batch->launches) snprintf(out, size, "a batch without launches");
  for (uint32_t i = 0; i < batch->kernels.len && used < size; i++) {
    n = i < 4 ? snprintf(out + used, size - used, "%s'%s'", i ? ", " : "",
                         batch->kernels.data[i]->facts.name)
              : snprintf(out + used, size - used, " and others");
    if (n < 0 || i == 4) return;
    used += (size_t)n;
  }
}

/* When there is no memory for a failure's words it is told all the same. */
static char no_words[] =
    "work failed on the GPU, and there was no memory to say which";

void tmi_stream_note(tm_stream *stream, char *failure) {
  if (stream->failure)
    free(failure);
  else
    stream->failure = failure ? failure : no_words;
}

static void forget_failure(tm_stream *stream) {
  if (stream->failure != no_words) free(stream->failure);
  stream->failure = NULL;
}

/* Takes ended batches off the list. Lock held. */
static void reap(tm_stream *stream) {
  if (!stream->first) return;
  void *pool = tm_mtl.pool_push();
  while (stream->first) {
    tmi_batch *batch = stream->first;
    int state = tm_metal_command_state(batch->command);
    if (!state) break;
    tmi_outcome_settle(batch->outcome, batch->command);
    if (state < 0)
      tmi_stream_note(stream, strdup(batch->outcome->failure
                                         ? batch->outcome->failure
                                         : batch->outcome->what));
    tmi_log_read(stream, batch, state > 0);
    if (batch->events.len) tmi_profile_ended(stream, batch, state > 0);
    stream->first = batch->next;
    if (!stream->first) stream->last = NULL;
    stream->in_flight--;
    stream->done = batch->id;
    empty_batch(batch);
    batch->next = stream->spare;
    stream->spare = batch;
  }
  tm_mtl.pool_pop(pool);
}

/* Reports a failure that nobody has heard of. Lock held. */
static tm_status report(tm_stream *stream, tm_error **error) {
  if (!stream->failure) return TM_OK;
  tm_status status = tmi_fail(error, TM_E_DEVICE, "%s", stream->failure);
  /* Without memory for the error object the next call tells. */
  if (status == TM_E_DEVICE) forget_failure(stream);
  return status;
}

/* ---- waiting ------------------------------------------------------------ */

tmi_pause tmi_pause_for(uint64_t timeout_ms) {
  double deadline = timeout_ms == TM_WAIT_FOREVER
                        ? -1
                        : tmi_seconds() + (double)timeout_ms * 1e-3;
  return (tmi_pause){deadline, 0, FIRST_SLEEP_NS};
}

bool tmi_pause_once(tmi_pause *pause) {
  if (pause->deadline >= 0 && tmi_seconds() >= pause->deadline) return false;
  if (pause->spins++ < SPINS) return true;
  struct timespec t = {0, pause->sleep_ns};
  nanosleep(&t, NULL);
  if (pause->sleep_ns < LONGEST_SLEEP_NS) pause->sleep_ns *= 2;
  return true;
}

/* Waits until every batch up to id has ended, without the lock between
 * looks. Lock held on entry and on return. */
static bool wait_until(tm_stream *stream, uint64_t id, uint64_t timeout_ms) {
  tmi_pause pause = tmi_pause_for(timeout_ms);
  for (;;) {
    reap(stream);
    if (stream->done >= id || !stream->first || stream->first->id > id)
      return true;
    pthread_mutex_unlock(&stream->lock);
    bool more = tmi_pause_once(&pause);
    pthread_mutex_lock(&stream->lock);
    if (!more) {
      reap(stream);
      return stream->done >= id || !stream->first || stream->first->id > id;
    }
  }
}

/* ---- committing --------------------------------------------------------- */

void tmi_stream_end_encoder(tm_stream *stream, tmi_batch *batch) {
  if (!batch->encoder.object) return;
  tm_metal_encoder_end(batch->encoder.object, stream->fence);
  stream->fence_is_set = true;
  batch->encoder.object = NULL;
}

/* Commits the open batch and counts why. Lock held. */
static void commit(tm_stream *stream, uint64_t *reason) {
  tmi_batch *batch = stream->open;
  if (!batch) return;
  tmi_stream_end_encoder(stream, batch);
  describe(batch, batch->outcome->what, sizeof batch->outcome->what);
  stream->open = NULL;
  tm_metal_command_commit(batch->command);
  batch->next = NULL;
  if (stream->last)
    stream->last->next = batch;
  else
    stream->first = batch;
  stream->last = batch;
  stream->in_flight++;
  stream->facts.batches++;
  ++*reason;
}

void tmi_stream_commit(tm_stream *stream) {
  commit(stream, &stream->facts.by_call);
}

static tmi_batch *spare_batch(tm_stream *stream) {
  tmi_batch *batch = stream->spare;
  if (batch)
    stream->spare = batch->next;
  else
    batch = calloc(1, sizeof *batch);
  if (batch) batch->next = NULL;
  return batch;
}

/* A batch without an encoder becomes the open one. */
static tm_status new_batch(tm_stream *stream, tm_error **error) {
  tmi_batch *batch = spare_batch(stream);
  if (!batch) return tmi_fail_memory(error);
  batch->outcome = tmi_outcome_new(stream->caller);
  if (batch->outcome) batch->command = tm_metal_command_new(stream->queue);
  if (!batch->command) {
    empty_batch(batch);
    batch->next = stream->spare;
    stream->spare = batch;
    return tmi_fail(error, TM_E_MEMORY,
                    "Metal has no command buffer to give");
  }
  tmi_outcome_follow(batch->outcome, batch->command);
  batch->id = atomic_fetch_add(&last_batch_id, 1) + 1;
  batch->opened = tmi_seconds();
  stream->open = batch;
  return TM_OK;
}

/* The open batch, made when there is none or it is old. */
static tm_status open_batch(tm_stream *stream, tm_error **error) {
  if (stream->open) {
    if (tmi_seconds() - stream->open->opened < stream->age_limit)
      return TM_OK;
    commit(stream, &stream->facts.by_time);
  }
  reap(stream);
  tm_status status = report(stream, error);
  if (status) return status;
  if (stream->in_flight >= IN_FLIGHT &&
      !wait_until(stream, stream->first->id, stream->stall_ms))
    return tmi_fail(error, TM_E_TIMEOUT,
                    "%u batches of launches are in flight and none has ended "
                    "in %llu ms",
                    stream->in_flight, (unsigned long long)stream->stall_ms);
  /* Another thread may have opened one meanwhile. */
  return stream->open ? TM_OK : new_batch(stream, error);
}

tm_status tmi_stream_encoder(tm_stream *stream, tmi_batch *batch, tm_id pass,
                             uint32_t first, tm_error **error) {
  tm_id fence = stream->fence_is_set ? stream->fence : NULL;
  memset(&batch->encoder, 0, sizeof batch->encoder);
  batch->encoder.object =
      pass ? tm_metal_encoder_sampled(batch->command, pass, first, fence)
           : tm_metal_encoder_new(batch->command, stream->concurrent, fence);
  if (!batch->encoder.object)
    return tmi_fail(error, TM_E_MEMORY, "Metal has no encoder to give");
  tmi_hazards_clear(&stream->hazards);
  return TM_OK;
}

tm_status tmi_stream_open(tm_stream *stream, tmi_batch **out,
                          tm_error **error) {
  tm_status status = open_batch(stream, error);
  *out = stream->open;
  return status;
}

tm_status tmi_stream_runs(tm_stream *stream, tm_error **error) {
  if (!atomic_load_explicit(&stream->recorder, memory_order_acquire))
    return TM_OK;
  return tmi_fail(error, TM_E_ARGUMENT,
                  "the stream records a graph, which launches alone can be in: "
                  "end the recording first, or use another stream");
}

tm_status tmi_stream_batch(tm_stream *stream, tmi_batch **out,
                           tm_error **error) {
  tm_status status = tmi_stream_open(stream, out, error);
  if (status || stream->open->encoder.object) return status;
  return tmi_stream_encoder(stream, stream->open, NULL, 0, error);
}

void tmi_stream_order(tm_stream *stream, tmi_batch *batch,
                      const tmi_dispatch *dispatch) {
  if (!stream->concurrent || !tmi_hazards_launch(&stream->hazards, dispatch))
    return;
  tm_metal_barrier(batch->encoder.object);
  stream->facts.barriers++;
}

tm_status tmi_stream_count(tm_stream *stream, tm_error **error) {
  tmi_batch *batch = stream->open;
  batch->launches++;
  stream->facts.launches++;
  bool sync = stream->context->settings.force_sync;
  bool many = batch->launches >= stream->batch_limit || batch->is_alone;
  if (!sync && !many && batch->bytes < stream->byte_limit) return TM_OK;
  uint64_t id = batch->id;
  commit(stream, sync   ? &stream->facts.by_call
                 : many ? &stream->facts.by_count
                        : &stream->facts.by_bytes);
  if (!sync) return TM_OK;
  if (!wait_until(stream, id, stream->stall_ms))
    return tmi_fail(error, TM_E_TIMEOUT, "the launch did not end in %llu ms",
                    (unsigned long long)stream->stall_ms);
  return report(stream, error);
}

/* ---- the public calls --------------------------------------------------- */

static void free_stream(tm_stream *stream) {
  while (stream->spare) {
    tmi_batch *batch = stream->spare;
    stream->spare = batch->next;
    free_batch(batch);
  }
  tmi_caller_release(stream->caller);
  tm_metal_release(stream->fence);
  tm_metal_release(stream->queue);
  pthread_mutex_destroy(&stream->lock);
  forget_failure(stream);
  free(stream->printed);
  tmi_handle_free(stream);
}

/* The caller's queue or one of the stream's own, and a fence. */
static tm_status open_queue(tm_stream *stream, void *queue,
                            tm_error **error) {
  const tm_metal_device *device = &stream->context->device;
  if (queue && !tm_metal_queue_belongs(queue, device))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the object is not an MTLCommandQueue of this context's "
                    "device");
  stream->queue = queue ? tm_mtl.retain(queue) : tm_metal_queue_new(device);
  if (!stream->queue)
    return tmi_fail(error, TM_E_MEMORY, "Metal has no command queue to give");
  stream->fence = tm_metal_fence_new(device);
  if (!stream->fence)
    return tmi_fail(error, TM_E_MEMORY, "Metal has no fence to give");
  return TM_OK;
}

tm_status tm_stream_create(tm_stream **out, tm_context *context,
                           const tm_stream_options *given, tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  tm_stream_options o;
  tm_status status = tmi_options(&o, sizeof o,
                                 offsetof(tm_stream_options, queue), given,
                                 "tm_stream_options", error);
  if (status) return status;
  TMI_CHECK(o.concurrent <= TM_SWITCH_OFF, error);
  if ((status = tmi_context_device(context, error))) return status;
  tm_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return tmi_fail_memory(error);
  pthread_mutex_init(&stream->lock, NULL);
  stream->context = context;
  stream->number = tmi_profile_stream_number();
  stream->batch_limit = o.batch ? o.batch : BATCH_LAUNCHES;
  stream->byte_limit = o.batch_bytes ? o.batch_bytes : BATCH_BYTES;
  stream->age_limit = 1e-6 * (o.batch_us ? o.batch_us : BATCH_US);
  stream->stall_ms = o.stall_ms ? o.stall_ms : STALL_MS;
  stream->concurrent = o.concurrent != TM_SWITCH_OFF;
  status = open_queue(stream, o.queue, error);
  if (!status && !(stream->caller = tmi_caller_new()))
    status = tmi_fail_memory(error);
  if (status) {
    free_stream(stream);
    return status;
  }
  tmi_context_retain(context);
  *out = tmi_handle_add(stream, TMI_STREAM);
  return TM_OK;
}

tm_status tm_stream_flush(tm_stream *stream, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  pthread_mutex_lock(&stream->lock);
  tmi_stream_commit(stream);
  reap(stream);
  tm_status status = report(stream, error);
  pthread_mutex_unlock(&stream->lock);
  tmi_log_deliver(stream);
  tmi_buffers_end(stream->context);
  return status;
}

tm_status tm_stream_synchronize(tm_stream *stream, uint64_t timeout_ms,
                                tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  pthread_mutex_lock(&stream->lock);
  tmi_stream_commit(stream);
  uint64_t id = stream->last ? stream->last->id : 0;
  bool ended = !id || wait_until(stream, id, timeout_ms);
  /* A failure is told even when other work is not done yet. */
  tm_status status = report(stream, error);
  if (!status && !ended)
    status = tmi_fail(error, TM_E_TIMEOUT,
                      "%u batches of launches are still in flight after %llu "
                      "ms",
                      stream->in_flight, (unsigned long long)timeout_ms);
  pthread_mutex_unlock(&stream->lock);
  tmi_log_deliver(stream);
  tmi_buffers_end(stream->context);
  return status;
}

void tm_stream_destroy(tm_stream *stream) {
  if (!stream || !tmi_handle_drop(stream, TMI_STREAM, __func__) ||
      tmi_is_forked(stream->context))
    return;
  tm_context *context = stream->context;
  tm_graph_destroy(stream->recorder);
  pthread_mutex_lock(&stream->lock);
  tmi_stream_commit(stream);
  if (stream->last) wait_until(stream, stream->last->id, stream->stall_ms);
  pthread_mutex_unlock(&stream->lock);
  tmi_log_deliver(stream);
  tmi_buffers_end(stream->context);
  /* Batches that have not ended are left to leak with all they keep: memory
   * that the GPU may still write to must not be used for anything else. */
  free_stream(stream);
  tmi_context_release(context);
}

tm_status tm_stream_info(tm_stream *stream, tm_stream_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  pthread_mutex_lock(&stream->lock);
  reap(stream);
  tm_stream_facts now = stream->facts;
  now.in_flight = stream->in_flight;
  now.open = stream->open ? stream->open->launches : 0;
  pthread_mutex_unlock(&stream->lock);
  return tmi_facts(facts, &now, sizeof now, sizeof now, "facts", error);
}
