/* SPDX-License-Identifier: MIT */
/*
 * graph_plan.c - which nodes of a graph become which steps.
 *
 * From the first node on, a step takes in the next node as long as all of them
 * together are proven to be one kernel (graph_fuse.c); then that kernel is
 * compiled. Where the compiler or the GPU refuses it, for its size say, the
 * step gives up its last node, and the reason is in the report.
 *
 * A graph often repeats itself, layer by layer: what was found out about nodes
 * is remembered, and used for others with the same kernels and pattern.
 */
#include "graph.h"

#include <stdio.h>
#include <string.h>

typedef struct tmi_known {
  tm_buf key;
  tmi_fusion fusion;   /* its results; reason "": it may be */
  tm_kernel *kernel;   /* retained; NULL: not compiled yet */
} tmi_known;

void tmi_graph_drop_plan(tm_graph *graph) {
  for (uint32_t s = 0; s < graph->steps.len; s++)
    tmi_kernel_release(graph->steps.data[s].kernel);
  for (uint32_t i = 0; i < graph->known.len; i++)
    tmi_kernel_release(graph->known.data[i]->kernel);
  memset(&graph->steps, 0, sizeof graph->steps);
  memset(&graph->known, 0, sizeof graph->known);
  memset(&graph->equals, 0, sizeof graph->equals);
  memset(&graph->fixed, 0, sizeof graph->fixed);
  memset(&graph->doubted, 0, sizeof graph->doubted);
  tm_arena_free(&graph->plan);
  tm_arena_init(&graph->plan, 0);
  graph->report = tm_buf_in(&graph->plan);
}

/* ---- steps of one node --------------------------------------------------- */

/* The kernel that a launch of the node takes. */
static tm_status kernel_of(const tmi_node *node, tm_kernel **kernel,
                           tm_error **error) {
  *kernel = node->kernel;
  tm_status status = TM_OK;
  if (!node->kernel->spec.may_overlap &&
      tmi_launch_overlaps(node->kernel, node->args))
    status = tmi_kernel_overlapping(node->kernel, kernel, error);
  return status ? status : tmi_kernel_load(*kernel, error);
}

static tm_status add_single(tm_graph *graph, uint32_t n, tm_error **error) {
  const tmi_node *node = &graph->nodes.data[n];
  tm_kernel *kernel;
  tm_status status = kernel_of(node, &kernel, error);
  if (status) return status;
  tmi_step step = {.kernel = kernel, .grid = node->grid, .first = n,
                   .n_nodes = 1};
  step.origins = TM_NEW_ARRAY(&graph->plan, tmi_origin, node->n_args + 1);
  step.args = TM_NEW_ARRAY(&graph->plan, tm_arg, node->n_args + 1);
  for (uint32_t i = 0; i < node->n_args; i++)
    step.origins[i] = (tmi_origin){n, i};
  tm_push(&graph->plan, &graph->steps, step);
  tmi_kernel_retain(kernel);
  return TM_OK;
}

/* ---- fused steps --------------------------------------------------------- */

static tmi_known *find(const tm_graph *graph, const tm_buf *key) {
  for (uint32_t i = 0; i < graph->known.len; i++) {
    tmi_known *k = graph->known.data[i];
    if (k->key.len == key->len && memcmp(k->key.data, key->data, key->len) == 0)
      return k;
  }
  return NULL;
}

/* Takes over what was found out about a sequence of the same pattern. */
static void take_results(tmi_fusion *to, const tmi_fusion *from) {
  memcpy(to->reason, from->reason, sizeof to->reason);
  to->loads = from->loads;
  to->stores = from->stores;
  to->kept = from->kept;
  to->n_kept = from->n_kept;
  to->is_used = from->is_used;
}

/* An error becomes a reason not to fuse, but for one of memory. */
static tm_status as_reason(tmi_fusion *fusion, tm_status status,
                           tm_error *error) {
  if (!status) return TM_OK;
  snprintf(fusion->reason, sizeof fusion->reason,
           "together they do not compile: %.300s", tm_error_message(error));
  tm_error_destroy(error);
  return status == TM_E_MEMORY ? status : TM_OK;
}

/* Is the sequence one kernel? *out is what is known of it, with a reason in
 * fusion when it is not. compile: the kernel too. */
static tm_status look(tm_graph *graph, tmi_fusion *fusion, bool compile,
                      tmi_known **out, tm_error **error_out) {
  tm_arena *arena = &graph->plan;
  tm_buf key = tm_buf_in(arena);
  tmi_fusion_key(fusion, &key);
  tmi_known *k = find(graph, &key);
  tm_status status = TM_OK;
  if (!k) {
    k = TM_NEW(arena, tmi_known);
    k->key = key;
    k->fusion = *fusion;
    tm_push(arena, &graph->known, k);
    tm_error *error = NULL;
    status = tmi_kernel_fuse(&k->fusion, &k->kernel, &error);
    status = as_reason(&k->fusion, status, error);
  }
  if (!status && compile && !k->kernel && !k->fusion.reason[0]) {
    tm_error *error = NULL;
    k->fusion.compile = true;
    status = tmi_kernel_fuse(&k->fusion, &k->kernel, &error);
    if (!status) status = tmi_kernel_load(k->kernel, &error);
    status = as_reason(&k->fusion, status, error);
  }
  take_results(fusion, &k->fusion);
  *out = k;
  return status ? tmi_fail_memory(error_out) : TM_OK;
}

/* Numbers that two arguments have in common, and those that a proof used. */
static void note_numbers(tm_graph *graph, const tmi_fusion *fusion) {
  for (uint32_t n = 0; n < fusion->n_nodes; n++) {
    const tmi_node *node = &graph->nodes.data[fusion->first + n];
    for (uint32_t i = 0; i < node->n_args; i++) {
      uint32_t number = fusion->numbers[n][i];
      tmi_origin here = {fusion->first + n, i};
      tmi_origin from = fusion->origins[number];
      if (node->kernel->slots[i].is_buffer ||
          (here.node == from.node && here.arg == from.arg))
        continue;
      tm_push(&graph->plan, &graph->equals, ((tmi_equal){from, here}));
    }
  }
  for (uint32_t k = 0; k < fusion->n_params; k++)
    if (fusion->is_used[k])
      tm_push(&graph->plan, &graph->fixed, fusion->origins[k]);
}

/* Numbers with which there is no proof, and others might give one. */
static void note_doubts(tm_graph *graph, const tmi_fusion *fusion) {
  for (uint32_t k = 0; k < fusion->n_params; k++)
    if (fusion->is_used[k])
      tm_push(&graph->plan, &graph->doubted, fusion->origins[k]);
}

static void add_fused(tm_graph *graph, const tmi_fusion *fusion,
                      tm_kernel *kernel) {
  tmi_step step = {.kernel = kernel,
                   .grid = graph->nodes.data[fusion->first].grid,
                   .first = fusion->first,
                   .n_nodes = fusion->n_nodes};
  step.origins = TM_NEW_ARRAY(&graph->plan, tmi_origin, fusion->n_kept + 1);
  step.args = TM_NEW_ARRAY(&graph->plan, tm_arg, fusion->n_kept + 1);
  for (uint32_t k = 0; k < fusion->n_kept; k++)
    step.origins[k] = fusion->origins[fusion->kept[k]];
  note_numbers(graph, fusion);
  tm_push(&graph->plan, &graph->steps, step);
  tmi_kernel_retain(kernel);
}

/* ---- the report ---------------------------------------------------------- */

static void report_pair(tm_graph *graph, uint32_t second, const char *what) {
  const tmi_node *b = &graph->nodes.data[second], *a = b - 1;
  tm_buf_printf(&graph->report, "%u '%s' and %u '%s': %s\n",
                (unsigned)(second - 1), a->kernel->facts.name,
                (unsigned)second, b->kernel->facts.name, what);
}

static void report_not(tm_graph *graph, uint32_t second, const char *reason) {
  char text[480];
  snprintf(text, sizeof text, "not fused: %s", reason);
  report_pair(graph, second, text);
}

static void report_fused(tm_graph *graph, const uint32_t *loads,
                         const tmi_fusion *fusion) {
  for (uint32_t n = 1; n < fusion->n_nodes; n++) {
    char text[120];
    snprintf(text, sizeof text, "fused: %u load%s of what was stored %s",
             (unsigned)loads[n], loads[n] == 1 ? "" : "s",
             loads[n] == 1 ? "is its value" : "are its values");
    report_pair(graph, fusion->first + n, text);
  }
  if (fusion->stores)
    tm_buf_printf(&graph->report,
                  "%u to %u: %u store%s that nothing reads went\n",
                  (unsigned)fusion->first,
                  (unsigned)(fusion->first + fusion->n_nodes - 1),
                  (unsigned)fusion->stores, fusion->stores == 1 ? "" : "s");
}

/* ---- all nodes ----------------------------------------------------------- */

/* The longest sequence from `first` that is one kernel: its length, what each
 * node takes, and why the next is not in. */
static tm_status longest(tm_graph *graph, uint32_t first, uint32_t *n,
                         uint32_t *loads, char *reason, size_t room,
                         tm_error **error) {
  *n = 1;
  reason[0] = 0;
  while (first + *n < graph->nodes.len) {
    tmi_fusion fusion;
    tmi_known *k;
    if (tmi_fusion_begin(graph, first, *n + 1, &fusion)) {
      tm_status status = look(graph, &fusion, false, &k, error);
      if (status) return status;
    }
    if (fusion.reason[0]) {
      snprintf(reason, room, "%s", fusion.reason);
      note_doubts(graph, &fusion);
      break;
    }
    loads[*n] = fusion.loads;
    ++*n;
  }
  return TM_OK;
}

/* Adds the step that begins with node *at. */
static tm_status add_longest(tm_graph *graph, uint32_t *at,
                             tm_error **error) {
  uint32_t n, loads[TMI_MOST_FUSED + 1] = {0}, first = *at;
  char reason[400];
  tm_status status =
      longest(graph, first, &n, loads, reason, sizeof reason, error);
  tmi_fusion fusion;
  tmi_known *k = NULL;
  for (; !status && n > 1; n--) {
    tmi_fusion_begin(graph, first, n, &fusion);
    status = look(graph, &fusion, true, &k, error);
    if (!status && !fusion.reason[0]) break;
    snprintf(reason, sizeof reason, "%s", fusion.reason);
  }
  if (status) return status;
  *at += n;
  if (n > 1) {
    report_fused(graph, loads, &fusion);
    add_fused(graph, &fusion, k->kernel);
  } else {
    status = add_single(graph, first, error);
  }
  if (*at < graph->nodes.len) report_not(graph, *at, reason);
  return status;
}

/* In the guard of graph->plan. */
static tm_status make_steps(tm_graph *graph, tm_error **error) {
  tm_status status = TM_OK;
  for (uint32_t n = 0; n < graph->nodes.len && !status;) {
    if (graph->fuse) {
      status = add_longest(graph, &n, error);
      continue;
    }
    status = add_single(graph, n, error);
    if (++n < graph->nodes.len)
      report_not(graph, n, "the graph was begun without fusing");
  }
  return status;
}

tm_status tmi_graph_plan(tm_graph *graph, tm_error **error) {
  jmp_buf guard;
  volatile tm_status status;
  tmi_graph_drop_messages(graph);
  tmi_graph_drop_plan(graph);
  if (tm_arena_guard(&graph->plan, guard))
    status = make_steps(graph, error);
  else
    status = tmi_fail_memory(error);
  graph->plan.guard = NULL;
  return status;
}
