/* SPDX-License-Identifier: MIT */
/*
 * graph.c - recorded launches: recording, changing, launching.
 *
 *   tm_graph_begin -> tmi_launch checks and hands over -> nodes
 *   tm_graph_end   -> steps -> messages          (graph_plan.c, graph_encode.c)
 *   replace, set   -> patched, or marked stale and made again by the launch
 *
 * Values go through the same checks as those of a launch, when they are
 * recorded and when they are changed, so that a replay needs none.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* ---- nodes -------------------------------------------------------------- */

static void retain(tm_buffer *buffer) {
  atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
}

static void retain_arg(const tm_arg *arg) {
  if (arg->tag == TM_GIVE_BUFFER) retain(arg->u.buffer);
}

static void release_arg(const tm_arg *arg) {
  if (arg->tag == TM_GIVE_BUFFER) tmi_buffer_release(arg->u.buffer);
}

/* Room for one more item; false without memory. */
static bool grow(void **data, uint32_t len, uint32_t *cap, size_t item) {
  if (len < *cap) return true;
  uint32_t more = *cap ? *cap * 2 : 16;
  void *bigger = realloc(*data, more * item);
  if (!bigger) return false;
  *data = bigger;
  *cap = more;
  return true;
}

static tm_status add_node(tm_graph *graph, tm_kernel *kernel, tm_grid grid,
                          const tm_arg *args, tm_error **error) {
  uint32_t n = kernel->program.n_args;
  if (!grow((void **)&graph->nodes.data, graph->nodes.len,
            &graph->nodes.cap, sizeof(tmi_node)))
    return tmi_fail_memory(error);
  tm_arg *copy = malloc((n + 1) * sizeof *copy);
  if (!copy) return tmi_fail_memory(error);
  memcpy(copy, args, n * sizeof *copy);
  for (uint32_t i = 0; i < n; i++) retain_arg(&copy[i]);
  tmi_kernel_retain(kernel);
  graph->nodes.data[graph->nodes.len++] =
      (tmi_node){kernel, grid, copy, n};
  return TM_OK;
}

/* A slot of a buffer was checked to have one; numbers have any tag. */
bool tmi_graph_record(tm_stream *stream, tm_kernel *kernel, tm_grid grid,
                      const tm_arg *args, tm_status *status,
                      tm_error **error) {
  if (!atomic_load_explicit(&stream->recorder, memory_order_acquire))
    return false;
  *status = tmi_kernel_load(kernel, error);
  if (*status) return true;
  pthread_mutex_lock(&stream->lock);
  tm_graph *graph = atomic_load(&stream->recorder);
  if (graph) *status = add_node(graph, kernel, grid, args, error);
  pthread_mutex_unlock(&stream->lock);
  return graph != NULL;
}

/* ---- making and ending -------------------------------------------------- */

static tm_status add_temporaries(tm_graph *graph,
                                 const tm_graph_options *options,
                                 tm_error **error) {
  for (size_t i = 0; i < options->n_temporaries; i++) {
    tm_buffer *buffer = options->temporaries[i];
    if (buffer && !tmi_handle_is_ok(buffer, TMI_BUFFER))
      return tmi_fail_handle(buffer, TMI_BUFFER, "tm_graph_begin", error);
    if (!buffer || buffer->context != graph->context)
      return tmi_fail(error, TM_E_ARGUMENT, "temporary %zu is %s", i,
                      buffer ? "a buffer of another context"
                             : "no buffer (NULL)");
    if (!grow((void **)&graph->temporaries.data, graph->temporaries.len,
              &graph->temporaries.cap, sizeof(tm_buffer *)))
      return tmi_fail_memory(error);
    retain(buffer);
    graph->temporaries.data[graph->temporaries.len++] = buffer;
  }
  return TM_OK;
}

static tm_graph *new_graph(tm_context *context, tm_switch fuse) {
  tm_graph *graph = calloc(1, sizeof *graph);
  if (!graph) return NULL;
  pthread_mutex_init(&graph->lock, NULL);
  tm_arena_init(&graph->plan, 0);
  tm_arena_init(&graph->sent, 0);
  graph->fuse = fuse != TM_SWITCH_OFF;
  graph->stale = TMI_STALE_STEPS;
  graph->context = context;
  tmi_context_retain(context);
  return graph;
}

tm_status tm_graph_begin(tm_stream *stream, const tm_graph_options *given,
                         tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  tm_graph_options options;
  tm_status status = tmi_options(&options, sizeof options, sizeof options,
                                 given, "tm_graph_options", error);
  if (status) return status;
  TMI_CHECK(options.temporaries || !options.n_temporaries, error);
  tm_graph *graph = new_graph(stream->context, options.fuse);
  if (!graph) return tmi_fail_memory(error);
  status = add_temporaries(graph, &options, error);
  pthread_mutex_lock(&stream->lock);
  if (!status && atomic_load(&stream->recorder))
    status = tmi_fail(error, TM_E_ARGUMENT,
                      "the stream records a graph already: end that first");
  if (!status) atomic_store(&stream->recorder, graph);
  pthread_mutex_unlock(&stream->lock);
  if (status) tm_graph_destroy(graph);
  return status;
}

tm_status tm_graph_end(tm_graph **out, tm_stream *stream, tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  pthread_mutex_lock(&stream->lock);
  tm_graph *graph = atomic_exchange(&stream->recorder, NULL);
  pthread_mutex_unlock(&stream->lock);
  if (!graph)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the stream does not record: begin with tm_graph_begin");
  tm_status status = tmi_graph_ready(graph, error);
  if (status)
    tm_graph_destroy(graph);
  else
    *out = tmi_handle_add(graph, TMI_GRAPH);
  return status;
}

void tm_graph_destroy(tm_graph *graph) {
  if (!graph || !tmi_handle_drop(graph, TMI_GRAPH, __func__) ||
      tmi_is_forked(graph->context))
    return;
  tmi_graph_drop_messages(graph);
  tmi_graph_drop_plan(graph);
  tm_arena_free(&graph->sent);
  tm_arena_free(&graph->plan);
  for (uint32_t n = 0; n < graph->nodes.len; n++) {
    tmi_node *node = &graph->nodes.data[n];
    for (uint32_t i = 0; i < node->n_args; i++) release_arg(&node->args[i]);
    free(node->args);
    tmi_kernel_release(node->kernel);
  }
  for (uint32_t i = 0; i < graph->temporaries.len; i++)
    tmi_buffer_release(graph->temporaries.data[i]);
  free(graph->temporaries.data);
  free(graph->nodes.data);
  tmi_buffer_release(graph->block);
  tmi_held_release(graph->held);
  tmi_buffers_end(graph->context);
  tmi_context_release(graph->context);
  pthread_mutex_destroy(&graph->lock);
  tmi_handle_free(graph);
}

void tmi_held_release(tmi_held *held) {
  if (!held || atomic_fetch_sub(&held->references, 1) != 1) return;
  for (uint32_t i = 0; i < held->n; i++) tmi_buffer_release(held->buffers[i]);
  free(held);
}

/* ---- changing ----------------------------------------------------------- */

/* Would a launch take the node with these arguments? */
static tm_status check_args(const tmi_node *node, const tm_arg *args,
                            tm_error **error) {
  uint64_t scratch[TM_MOST_SET_BYTES / sizeof(uint64_t)];
  return tmi_launch_pack(node->kernel, args, (unsigned char *)scratch, error);
}

static bool is_buffer(const tm_arg *arg, const tm_buffer *buffer) {
  return arg->tag == TM_GIVE_BUFFER && arg->u.buffer == buffer;
}

/* Would a launch take the node with another buffer in one's place? *found:
 * it has that one. */
static tm_status check_with(const tmi_node *node, const tm_buffer *from,
                            tm_buffer *to, bool *found, tm_error **error) {
  tm_status status = TM_OK;
  for (uint32_t i = 0; i < node->n_args && !status; i++) {
    if (!is_buffer(&node->args[i], from)) continue;
    tm_arg arg = node->args[i];
    arg.u.buffer = to;
    *found = true;
    status = tmi_launch_check_buffer(node->kernel, i, &arg, error);
  }
  return status;
}

/* Does buffer share memory with one of an argument that is not `except`? */
static bool meets_another(const tm_graph *graph, tm_buffer *buffer,
                          const tm_buffer *except) {
  tm_arg all = tm_arg_buffer(buffer, 0);
  for (uint32_t i = 0; i < graph->named.len; i++) {
    tm_arg other = tm_arg_buffer(graph->named.data[i], 0);
    if (graph->named.data[i] != except && tmi_share_memory(&all, &other))
      return true;
  }
  return false;
}

static void swap_buffer(tm_buffer **place, tm_buffer *to) {
  retain(to);
  tmi_buffer_release(*place);
  *place = to;
}

/* The checks have passed. */
static void replace(tm_graph *graph, tm_buffer *from, tm_buffer *to) {
  if (graph->stale || meets_another(graph, from, from) ||
      meets_another(graph, to, from))
    graph->stale = TMI_STALE_STEPS;
  else
    tmi_graph_patch(graph, from, to);
  retain(from); /* while it is compared with */
  for (uint32_t n = 0; n < graph->nodes.len; n++) {
    tmi_node *node = &graph->nodes.data[n];
    for (uint32_t i = 0; i < node->n_args; i++)
      if (is_buffer(&node->args[i], from))
        swap_buffer(&node->args[i].u.buffer, to);
  }
  for (uint32_t i = 0; i < graph->temporaries.len; i++)
    if (graph->temporaries.data[i] == from)
      swap_buffer(&graph->temporaries.data[i], to);
  tmi_buffer_release(from);
}

tm_status tm_graph_replace_buffer(tm_graph *graph, tm_buffer *old_buffer,
                                  tm_buffer *new_buffer, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(graph, TMI_GRAPH, error);
  TMI_HANDLE(old_buffer, TMI_BUFFER, error);
  TMI_HANDLE(new_buffer, TMI_BUFFER, error);
  TMI_CHECK_ALIVE(graph, error);
  tm_status status = TM_OK;
  bool found = false;
  pthread_mutex_lock(&graph->lock);
  for (uint32_t n = 0; n < graph->nodes.len && !status; n++)
    status = check_with(&graph->nodes.data[n], old_buffer, new_buffer, &found,
                        error);
  if (!status && !found)
    status = tmi_fail(error, TM_E_ARGUMENT,
                      "no argument of the graph has the buffer that is to be "
                      "replaced");
  if (!status && old_buffer != new_buffer)
    replace(graph, old_buffer, new_buffer);
  pthread_mutex_unlock(&graph->lock);
  tmi_buffers_end(graph->context);
  return status;
}

static bool is_origin(const tmi_origin *o, size_t node, size_t arg) {
  return o->node == node && o->arg == arg;
}

/* A number was changed: what rests on it? */
static void number_changed(tm_graph *graph, size_t node, size_t arg) {
  for (uint32_t i = 0; i < graph->fixed.len; i++)
    if (is_origin(&graph->fixed.data[i], node, arg))
      graph->stale = TMI_STALE_STEPS;
  for (uint32_t i = 0; i < graph->doubted.len; i++)
    if (is_origin(&graph->doubted.data[i], node, arg) &&
        graph->stale != TMI_STALE_STEPS && graph->looks < TMI_MOST_LOOKS) {
      graph->stale = TMI_STALE_STEPS;
      graph->looks++;
    }
  for (uint32_t i = 0; i < graph->equals.len; i++)
    if (is_origin(&graph->equals.data[i].a, node, arg) ||
        is_origin(&graph->equals.data[i].b, node, arg))
      graph->is_unsure = true;
  for (uint32_t s = 0; s < graph->steps.len; s++) {
    tmi_step *step = &graph->steps.data[s];
    if (node < step->first || node >= step->first + step->n_nodes) continue;
    step->dirty = graph->is_dirty = true;
    bool alone = step->varies ||
                 (!step->shares && (s + 1 == graph->steps.len ||
                                    !graph->steps.data[s + 1].shares));
    step->varies = true;
    if (!alone && graph->stale == TMI_FRESH)
      graph->stale = TMI_STALE_MESSAGES;
  }
}

static void set_arg(tm_graph *graph, size_t node, size_t arg,
                    const tm_arg *value) {
  tm_arg *place = &graph->nodes.data[node].args[arg];
  retain_arg(value);
  release_arg(place);
  bool is_buffer = value->tag == TM_GIVE_BUFFER;
  *place = *value;
  if (is_buffer)
    graph->stale = TMI_STALE_STEPS;
  else
    number_changed(graph, node, arg);
}

tm_status tm_graph_set_arg(tm_graph *graph, size_t node, size_t arg,
                           tm_arg value, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(graph, TMI_GRAPH, error);
  TMI_CHECK_ALIVE(graph, error);
  TMI_CHECK(node < graph->nodes.len, error);
  tm_status alive = tmi_check_args(&value, 1, __func__, error);
  if (alive) return alive;
  const tmi_node *n = &graph->nodes.data[node];
  if (arg >= n->n_args)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' (launch %zu of the graph) has %u arguments, "
                    "there is no number %zu",
                    n->kernel->facts.name, node, (unsigned)n->n_args, arg);
  if (value.tag >= TM_GIVE_DESCRIPTOR)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' (launch %zu of the graph): descriptors and "
                    "tuples are set part by part, as tm_kernel_info has them",
                    n->kernel->facts.name, node);
  tm_status status = tmi_check_args(&value, 1, __func__, error);
  if (status) return status;
  pthread_mutex_lock(&graph->lock);
  tm_arg args[TMI_MOST_FLAT];
  memcpy(args, n->args, n->n_args * sizeof args[0]);
  args[arg] = value;
  status = check_args(n, args, error);
  if (!status) set_arg(graph, node, arg, &value);
  pthread_mutex_unlock(&graph->lock);
  tmi_buffers_end(graph->context);
  return status;
}

/* ---- launching ---------------------------------------------------------- */

tm_status tm_graph_launch(tm_stream *stream, tm_graph *graph,
                          tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(stream, TMI_STREAM, error);
  TMI_CHECK_ALIVE(stream, error);
  TMI_HANDLE(graph, TMI_GRAPH, error);
  TMI_CHECK_ALIVE(graph, error);
  if (stream->context != graph->context)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the graph is of another context than the stream");
  if (atomic_load_explicit(&stream->recorder, memory_order_acquire))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the stream records a graph: graphs are not recorded, "
                    "record their launches");
  pthread_mutex_lock(&graph->lock);
  tm_status status = tmi_graph_ready(graph, error);
  if (!status) status = tmi_graph_encode(graph, stream, error);
  pthread_mutex_unlock(&graph->lock);
  tmi_buffers_end(graph->context);
  if (stream->context->settings.debug_level >= 2)
    tmi_log(stream->context, 2, "replay of a graph: %u launches in %u "
            "dispatches", (unsigned)graph->nodes.len,
            (unsigned)graph->steps.len);
  return status;
}

size_t tm_graph_nodes(const tm_graph *graph) {
  return TMI_IS_THERE(graph, TMI_GRAPH) ? graph->nodes.len : 0;
}

size_t tm_graph_dispatches(tm_graph *graph) {
  if (!TMI_IS_THERE(graph, TMI_GRAPH) ||
      tmi_is_forked(graph->context))
    return 0;
  pthread_mutex_lock(&graph->lock);
  tm_error *error = NULL;
  if (tmi_graph_ready(graph, &error)) tm_error_destroy(error);
  size_t n = graph->steps.len;
  pthread_mutex_unlock(&graph->lock);
  return n;
}

const char *tm_graph_report(tm_graph *graph) {
  if (!TMI_IS_THERE(graph, TMI_GRAPH) ||
      tmi_is_forked(graph->context))
    return "";
  pthread_mutex_lock(&graph->lock);
  tm_error *error = NULL;
  if (tmi_graph_ready(graph, &error)) tm_error_destroy(error);
  const char *text = graph->report.data ? graph->report.data : "";
  pthread_mutex_unlock(&graph->lock);
  return text;
}
