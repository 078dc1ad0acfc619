/* SPDX-License-Identifier: MIT */
/*
 * graph_encode.c - the steps of a graph as messages, and sending them.
 *
 *   steps -> for each the pipeline, bindings and numbers that differ from the
 *            step before -> sent to the open batch's encoder
 *
 * The first step says everything, since another launch may have been encoded
 * before it. Bindings that change side by side go in one message. The numbers
 * of all steps are in one buffer, the block, whose offset is what changes; so
 * nothing is copied into the command buffer. A block that a batch in flight
 * may read is not written to: the next replay gets another.
 *
 * Encoders are concurrent, so a step that needs what others do gets a barrier.
 * Which those are is found out once, by hazard.c. Replacing a buffer does not
 * change it where the new one shares memory with no other; else the messages
 * are made again. A graph as a whole waits for what was launched before it,
 * and is waited for.
 *
 * A batch keeps what a replay uses by one reference to `held`, which is made
 * again when buffers were replaced.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* ---- steps to messages -------------------------------------------------- */

void tmi_step_read(const tm_graph *graph, tmi_step *step) {
  for (uint32_t i = 0; i < step->kernel->program.n_args; i++) {
    tmi_origin from = step->origins[i];
    step->args[i] = graph->nodes.data[from.node].args[from.arg];
  }
}

/* What the encoder has after the steps so far. */
typedef struct encoder_state {
  tm_id pipeline;
  struct { tm_id object; uint64_t offset; } bound[TM_MOST_BUFFER_INDEX + 1];
  int numbers_slot;        /* where the block is bound; or -1 */
  uint32_t numbers;        /* its offset there */
  tm_map seen;             /* buffers and kernels that are listed */
  tm_map used;
  tmi_hazards *hazards;    /* of the steps since the last barrier */
  tmi_dispatch *dispatch;  /* the step, as they take it */
} encoder_state;

/* Is it new to the map? */
static bool is_new(tm_map *map, const void *object) {
  uint64_t ignored;
  if (tm_map_get(map, TM_KEY(object), &ignored)) return false;
  tm_map_put(map, TM_KEY(object), 1);
  return true;
}

static void list_buffer(tm_graph *graph, encoder_state *state,
                        tm_buffer *buffer, bool by_address) {
  if (is_new(&state->seen, buffer))
    tm_push(&graph->sent, &graph->buffers, buffer);
  if (by_address && is_new(&state->used, buffer))
    tm_push(&graph->sent, &graph->used, buffer);
}

/* Bindings that differ, by slot; then runs of them. */
static void bind_buffers(tm_graph *graph, encoder_state *state,
                         const tmi_step *step, tmi_message *out) {
  const tm_kernel *kernel = step->kernel;
  const tm_arg *changed[TM_MOST_BUFFER_INDEX + 1] = {NULL};
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    const tmi_slot *slot = &kernel->slots[i];
    if (!slot->is_buffer) continue;
    tm_buffer *buffer = step->args[i].u.buffer;
    list_buffer(graph, state, buffer, slot->by_address);
    if (slot->by_address) continue;
    uint64_t offset = buffer->offset + step->args[i].offset;
    if (state->bound[slot->slot].object == buffer->object &&
        state->bound[slot->slot].offset == offset)
      continue;
    state->bound[slot->slot].object = buffer->object;
    state->bound[slot->slot].offset = offset;
    if (state->numbers_slot == slot->slot) state->numbers_slot = -1;
    changed[slot->slot] = &step->args[i];
  }
  out->first_run = graph->runs.len;
  for (uint32_t s = 0; s <= TM_MOST_BUFFER_INDEX; s++) {
    if (!changed[s]) continue;
    tm_buffer *buffer = changed[s]->u.buffer;
    if (s == 0 || !changed[s - 1]) {
      tm_push(&graph->sent, &graph->runs,
              ((tmi_run){graph->objects.len, s, 0}));
      out->n_runs++;
    }
    graph->runs.data[graph->runs.len - 1].count++;
    tm_push(&graph->sent, &graph->objects, buffer->object);
    tm_push(&graph->sent, &graph->offsets,
            (unsigned long)(buffer->offset + changed[s]->offset));
    tm_push(&graph->sent, &graph->owners, buffer);
  }
}

static void bind_numbers(encoder_state *state, const tmi_step *step,
                         tmi_message *out) {
  const tm_program *program = &step->kernel->program;
  if (!program->scalars_size) return;
  int slot = (int)program->scalars_slot;
  out->numbers_slot = program->scalars_slot;
  if (state->numbers_slot != slot)
    out->numbers = TMI_NUMBERS_BIND;
  else if (state->numbers != step->numbers)
    out->numbers = TMI_NUMBERS_MOVE;
  state->numbers_slot = slot;
  state->numbers = step->numbers;
  state->bound[slot].object = NULL;
}

static void make_message(tm_graph *graph, encoder_state *state,
                         const tmi_step *step, tmi_message *out) {
  tm_kernel *kernel = step->kernel;
  const tm_program *program = &kernel->program;
  state->dispatch->kernel = kernel;
  state->dispatch->args = step->args;
  out->waits = tmi_hazards_launch(state->hazards, state->dispatch);
  if (is_new(&state->seen, kernel))
    tm_push(&graph->sent, &graph->kernels, kernel);
  if (state->pipeline != kernel->pipeline.object)
    out->pipeline = state->pipeline = kernel->pipeline.object;
  bind_buffers(graph, state, step, out);
  bind_numbers(state, step, out);
  if (program->uses_log) {
    out->logs = kernel;
    out->log_slot = program->log_slot;
    state->bound[program->log_slot].object = NULL;
    if (state->numbers_slot == (int)program->log_slot)
      state->numbers_slot = -1;
    graph->n_logs++;
  }
  graph->uses_addresses = graph->uses_addresses || program->uses_addresses;
  out->grid = (tm_mtl_size){step->grid.x, step->grid.y, step->grid.z};
  out->threads = (tm_mtl_size){program->threads, 1, 1};
}

/* ---- numbers ------------------------------------------------------------ */

/* Do two steps have the same numbers, in the same form? */
static bool same_numbers(const tm_graph *graph, const tmi_step *a,
                         const tmi_step *b) {
  uint32_t size = a->kernel->program.scalars_size;
  return !a->varies && !b->varies && size &&
         size == b->kernel->program.scalars_size &&
         memcmp(graph->numbers + a->numbers, graph->numbers + b->numbers,
                size) == 0;
}

static tm_status pack_step(tm_graph *graph, tmi_step *step,
                           tm_error **error) {
  unsigned char *at = graph->numbers + step->numbers;
  memset(at, 0, step->kernel->program.scalars_size);
  step->dirty = false;
  return tmi_launch_pack(step->kernel, step->args, at, error);
}

/* Gives each step its place in the block; steps in a row that have the same
 * numbers share one. */
static tm_status pack_all(tm_graph *graph, tm_error **error) {
  size_t most = 0;
  enum { UNIT = TM_CONSTANT_ALIGNMENT };
  for (uint32_t s = 0; s < graph->steps.len; s++)
    most += (graph->steps.data[s].kernel->program.scalars_size + UNIT - 1) /
            UNIT * UNIT;
  graph->numbers = TM_NEW_ARRAY(&graph->sent, unsigned char, most + UNIT);
  uint32_t used = 0;
  for (uint32_t s = 0; s < graph->steps.len; s++) {
    tmi_step *step = &graph->steps.data[s];
    tmi_step_read(graph, step);
    step->numbers = used;
    tm_status status = pack_step(graph, step, error);
    if (status) return status;
    step->shares = s && same_numbers(graph, step - 1, step);
    if (step->shares)
      step->numbers = step[-1].numbers;
    else
      used += (step->kernel->program.scalars_size + UNIT - 1) / UNIT * UNIT;
  }
  graph->numbers_size = used;
  return TM_OK;
}

static tm_status pack_dirty(tm_graph *graph, tm_error **error) {
  for (uint32_t s = 0; s < graph->steps.len; s++) {
    tmi_step *step = &graph->steps.data[s];
    if (!step->dirty) continue;
    tmi_step_read(graph, step);
    tm_status status = pack_step(graph, step, error);
    if (status) return status;
  }
  return TM_OK;
}

/* Writes the numbers to the block, or to a new one while a batch may read
 * the old one. */
static tm_status fill_block(tm_graph *graph, tm_error **error) {
  if (!graph->numbers_size) return TM_OK;
  bool busy = graph->held &&
              atomic_load_explicit(&graph->held->references,
                                   memory_order_acquire) > 1;
  if (!graph->block || busy || graph->block->size < graph->numbers_size) {
    tm_buffer *block;
    tm_status status = tmi_buffer_create(&block, graph->context,
                                        graph->numbers_size, NULL, error);
    if (status) return status;
    tmi_buffer_release(graph->block);
    graph->block = block;
    graph->is_moved = true;
  }
  memcpy(graph->block->contents, graph->numbers, graph->numbers_size);
  return TM_OK;
}

/* ---- what a replay keeps ------------------------------------------------ */

static void hold(tmi_held *held, tm_buffer *buffer) {
  atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
  held->buffers[held->n++] = buffer;
  held->bytes += buffer->size;
}

static tm_status make_held(tm_graph *graph, tm_error **error) {
  size_t most = (size_t)graph->buffers.len + 1;
  tmi_held *held = malloc(sizeof *held + most * sizeof(tm_buffer *));
  if (!held) return tmi_fail_memory(error);
  atomic_init(&held->references, 1);
  held->bytes = 0;
  held->n = 0;
  for (uint32_t i = 0; i < graph->buffers.len; i++)
    hold(held, graph->buffers.data[i]);
  if (graph->block) hold(held, graph->block);
  tmi_held_release(graph->held);
  graph->held = held;
  graph->is_moved = false;
  return TM_OK;
}

void tmi_graph_patch(tm_graph *graph, const tm_buffer *from, tm_buffer *to) {
  for (uint32_t i = 0; i < graph->owners.len; i++) {
    if (graph->owners.data[i] != from) continue;
    graph->owners.data[i] = to;
    graph->objects.data[i] = to->object;
    graph->offsets.data[i] += to->offset - from->offset;
  }
  for (uint32_t i = 0; i < graph->buffers.len; i++)
    if (graph->buffers.data[i] == from) graph->buffers.data[i] = to;
  for (uint32_t i = 0; i < graph->named.len; i++)
    if (graph->named.data[i] == from) graph->named.data[i] = to;
  graph->is_moved = true;
  bool by_address = false;
  for (uint32_t i = 0; i < graph->used.len; i++) {
    if (graph->used.data[i] != from) continue;
    graph->used.data[i] = to;
    by_address = true;
  }
  for (uint32_t s = 0; by_address && s < graph->steps.len; s++)
    graph->steps.data[s].dirty = graph->is_dirty = true;
}

/* ---- getting ready ------------------------------------------------------ */

void tmi_graph_drop_messages(tm_graph *graph) {
  tm_arena_free(&graph->sent);
  tm_arena_init(&graph->sent, 0);
  memset(&graph->runs, 0, sizeof graph->runs);
  memset(&graph->objects, 0, sizeof graph->objects);
  memset(&graph->offsets, 0, sizeof graph->offsets);
  memset(&graph->owners, 0, sizeof graph->owners);
  memset(&graph->used, 0, sizeof graph->used);
  memset(&graph->buffers, 0, sizeof graph->buffers);
  memset(&graph->named, 0, sizeof graph->named);
  memset(&graph->kernels, 0, sizeof graph->kernels);
  graph->messages = NULL;
  graph->numbers = NULL;
  graph->logs = NULL;
  graph->n_logs = graph->numbers_size = 0;
  graph->uses_addresses = false;
}

static void list_named(tm_graph *graph) {
  tm_map seen = tm_map_in(&graph->sent);
  for (uint32_t n = 0; n < graph->nodes.len; n++) {
    const tmi_node *node = &graph->nodes.data[n];
    for (uint32_t i = 0; i < node->n_args; i++)
      if (node->args[i].tag == TM_GIVE_BUFFER &&
          is_new(&seen, node->args[i].u.buffer))
        tm_push(&graph->sent, &graph->named, node->args[i].u.buffer);
  }
}

/* In the guard of graph->sent. */
static tm_status make_all(tm_graph *graph, tm_error **error) {
  tm_status status = pack_all(graph, error);
  if (status) return status;
  encoder_state state = {.numbers_slot = -1,
                         .seen = tm_map_in(&graph->sent),
                         .used = tm_map_in(&graph->sent),
                         .hazards = TM_NEW(&graph->sent, tmi_hazards),
                         .dispatch = TM_NEW(&graph->sent, tmi_dispatch)};
  graph->messages =
      TM_NEW_ARRAY(&graph->sent, tmi_message, graph->steps.len + 1);
  for (uint32_t s = 0; s < graph->steps.len; s++)
    make_message(graph, &state, &graph->steps.data[s], &graph->messages[s]);
  list_named(graph);
  graph->logs = TM_NEW_ARRAY(&graph->sent, tm_buffer *, graph->n_logs + 1);
  return TM_OK;
}

static tm_status make_messages(tm_graph *graph, tm_error **error) {
  jmp_buf guard;
  volatile tm_status status;
  tmi_graph_drop_messages(graph);
  if (tm_arena_guard(&graph->sent, guard))
    status = make_all(graph, error);
  else
    status = tmi_fail_memory(error);
  graph->sent.guard = NULL;
  if (!status) {
    graph->stale = TMI_FRESH;
    graph->is_dirty = graph->is_moved = true;
  }
  return status;
}

static int64_t number_at(const tm_graph *graph, tmi_origin from) {
  return graph->nodes.data[from.node].args[from.arg].u.i;
}

tm_status tmi_graph_ready(tm_graph *graph, tm_error **error) {
  for (uint32_t i = 0; graph->is_unsure && i < graph->equals.len; i++)
    if (number_at(graph, graph->equals.data[i].a) !=
        number_at(graph, graph->equals.data[i].b))
      graph->stale = TMI_STALE_STEPS;
  graph->is_unsure = false;
  tm_status status = TM_OK;
  if (graph->stale == TMI_STALE_STEPS &&
      !(status = tmi_graph_plan(graph, error)))
    graph->stale = TMI_STALE_MESSAGES;
  if (!status && graph->stale) status = make_messages(graph, error);
  if (!status && graph->is_dirty && !(status = pack_dirty(graph, error)) &&
      !(status = fill_block(graph, error)))
    graph->is_dirty = false;
  if (!status && graph->is_moved) status = make_held(graph, error);
  return status;
}

/* ---- sending ------------------------------------------------------------ */

static void send_step(const tm_graph *graph, tm_id encoder,
                      const tmi_message *m, const tmi_step *step,
                      tm_buffer *const **log) {
  if (m->pipeline) tm_metal_set_pipeline(encoder, m->pipeline);
  for (uint32_t r = 0; r < m->n_runs; r++) {
    const tmi_run *run = &graph->runs.data[m->first_run + r];
    if (run->count == 1)
      tm_metal_set_buffer(encoder, graph->objects.data[run->at],
                          graph->offsets.data[run->at], run->slot);
    else
      tm_metal_set_buffers(encoder, graph->objects.data + run->at,
                           graph->offsets.data + run->at, run->slot,
                           run->count);
  }
  if (m->numbers == TMI_NUMBERS_BIND)
    tm_metal_set_buffer(encoder, graph->block->object,
                        graph->block->offset + step->numbers,
                        m->numbers_slot);
  else if (m->numbers == TMI_NUMBERS_MOVE)
    tm_metal_set_offset(encoder, graph->block->offset + step->numbers,
                        m->numbers_slot);
  if (m->logs) {
    const tm_buffer *buffer = *(*log)++;
    tm_metal_set_buffer(encoder, buffer->object, buffer->offset,
                        m->log_slot);
  }
  tm_metal_dispatch(encoder, m->grid, m->threads);
}

static void send_all(tm_graph *graph, tm_stream *stream, tmi_batch *batch) {
  tm_id encoder = batch->encoder.object;
  void *pool = tm_mtl.pool_push();
  for (uint32_t i = 0; i < graph->used.len; i++)
    tm_metal_use_buffer(encoder, graph->used.data[i]->object);
  bool waits = stream->hazards.any; /* for whatever was launched before */
  tm_buffer *const *log = graph->logs;
  for (uint32_t s = 0; s < graph->steps.len; s++) {
    waits = waits || graph->messages[s].waits;
    if (stream->concurrent && waits) {
      tm_metal_barrier(encoder);
      stream->facts.barriers++;
    }
    waits = false;
    send_step(graph, encoder, &graph->messages[s], &graph->steps.data[s],
              &log);
  }
  tm_mtl.pool_pop(pool);
  batch->encoder.pipeline =
      graph->steps.data[graph->steps.len - 1].kernel->pipeline.object;
  memset(batch->encoder.bound, 0, sizeof batch->encoder.bound);
  /* What is launched next waits for all of it. */
  tmi_hazards_clear(&stream->hazards);
  stream->hazards.any = stream->hazards.everything = true;
}

/* Makes the batch keep everything and gives out the logs, so that sending
 * cannot fail in the middle. */
static tm_status keep_all(tm_graph *graph, tm_stream *stream,
                          tmi_batch *batch, tm_error **error) {
  for (uint32_t i = 0; i < graph->kernels.len; i++)
    if (!tmi_batch_keep_kernel(batch, graph->kernels.data[i]))
      return tmi_fail_memory(error);
  if (!tmi_batch_keep_held(batch, graph->held)) return tmi_fail_memory(error);
  if (graph->uses_addresses && !tmi_exposed_use(stream->context, batch))
    return tmi_fail_memory(error);
  uint32_t next = 0;
  for (uint32_t s = 0; graph->n_logs && s < graph->steps.len; s++) {
    if (!graph->messages[s].logs) continue;
    tm_status status = tmi_log_attach(stream, batch, graph->messages[s].logs,
                                      &graph->logs[next++], error);
    if (status) return status;
  }
  return TM_OK;
}

/* Step by step, each as a launch of its own, which a profiler times. */
static tm_status launch_each(tm_graph *graph, tm_stream *stream,
                             tm_error **error) {
  tmi_dispatch d;
  tm_status status = TM_OK;
  pthread_mutex_lock(&stream->lock);
  for (uint32_t s = 0; s < graph->steps.len && !status; s++) {
    tmi_step *step = &graph->steps.data[s];
    tmi_step_read(graph, step); /* buffers may have been replaced */
    d.kernel = step->kernel;
    d.grid = step->grid;
    d.args = step->args;
    memcpy(d.scalars, graph->numbers + step->numbers,
           step->kernel->program.scalars_size);
    status = tmi_dispatch_queue(stream, &d, error);
  }
  pthread_mutex_unlock(&stream->lock);
  return status;
}

tm_status tmi_graph_encode(tm_graph *graph, tm_stream *stream,
                           tm_error **error) {
  if (!graph->steps.len) return TM_OK;
  if (tmi_profile_begin(stream->context).begin > 0)
    return launch_each(graph, stream, error);
  tmi_batch *batch;
  pthread_mutex_lock(&stream->lock);
  tm_status status = tmi_stream_batch(stream, &batch, error);
  if (!status) status = keep_all(graph, stream, batch, error);
  if (!status) {
    send_all(graph, stream, batch);
    batch->launches += graph->steps.len - 1;
    stream->facts.launches += graph->steps.len - 1;
    status = tmi_stream_count(stream, error);
  }
  pthread_mutex_unlock(&stream->lock);
  return status;
}
