/* SPDX-License-Identifier: MIT */
/*
 * graph_plan.c - which nodes of a graph become which steps.
 */
#include "graph.h"

#include <string.h>

void tmi_graph_drop_plan(tm_graph *graph) {
  for (uint32_t s = 0; s < graph->steps.len; s++)
    tmi_kernel_release(graph->steps.data[s].kernel);
  memset(&graph->steps, 0, sizeof graph->steps);
  memset(&graph->equals, 0, sizeof graph->equals);
  memset(&graph->fixed, 0, sizeof graph->fixed);
  tm_arena_free(&graph->plan);
  tm_arena_init(&graph->plan, 0);
  graph->report = tm_buf_in(&graph->plan);
}

/* The kernel that a launch of the node takes. */
static tm_status kernel_of(const tmi_node *node, tm_kernel **kernel,
                           tm_error **error) {
  *kernel = node->kernel;
  tm_status status = TM_OK;
  if (!node->kernel->spec.may_overlap &&
      tmi_launch_overlaps(node->kernel, node->args))
    status = tmi_kernel_overlapping(node->kernel, kernel, error);
  return status ? status : tm_kernel_load(*kernel, error);
}

/* A step of one node. */
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

/* In the guard of graph->plan. */
static tm_status make_steps(tm_graph *graph, tm_error **error) {
  tm_status status = TM_OK;
  for (uint32_t n = 0; n < graph->nodes.len && !status; n++)
    status = add_single(graph, n, error);
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
