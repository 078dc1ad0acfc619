/* SPDX-License-Identifier: MIT */
/*
 * graph_fuse.c - nodes of a graph as lib/fuse takes them.
 *
 *   arguments of all nodes -> numbered parameters: the same buffer at the same
 *                             offset is one, so are equal integers
 *   kernels                -> lowered again, from the module that they keep
 *   a proof                -> the specialization of the fused kernel
 *
 * Buffers that are not the same must share no memory. A buffer is temporary
 * when the graph's maker said so and no other node can see it.
 */
#include "graph.h"

#include <stdio.h>
#include <string.h>

/* ---- parameters ---------------------------------------------------------- */

static const tm_arg *arg_at(const tm_graph *graph, tmi_origin at) {
  return &graph->nodes.data[at.node].args[at.arg];
}

static const tm_kernel_arg *facts_at(const tm_graph *graph, tmi_origin at) {
  return &graph->nodes.data[at.node].kernel->facts.args[at.arg];
}

static bool is_buffer_at(const tm_graph *graph, tmi_origin at) {
  return graph->nodes.data[at.node].kernel->slots[at.arg].is_buffer;
}

static bool is_integer(const tm_arg *arg) {
  return arg->tag == TM_GIVE_INT || arg->tag == TM_GIVE_BOOL;
}

static bool is_same(const tm_graph *graph, tmi_origin a, tmi_origin b) {
  const tm_arg *x = arg_at(graph, a), *y = arg_at(graph, b);
  if (is_buffer_at(graph, a) != is_buffer_at(graph, b)) return false;
  if (is_buffer_at(graph, a))
    return x->u.buffer == y->u.buffer && x->offset == y->offset;
  return is_integer(x) && is_integer(y) && x->u.i == y->u.i &&
         strcmp(facts_at(graph, a)->type, facts_at(graph, b)->type) == 0;
}

/* Does an argument outside of the nodes meet the buffer? */
static bool is_seen_elsewhere(const tmi_fusion *fusion, const tm_arg *arg) {
  const tm_graph *graph = fusion->graph;
  tm_arg whole = tm_arg_buffer(arg->u.buffer, 0);
  for (uint32_t n = 0; n < graph->nodes.len; n++) {
    const tmi_node *node = &graph->nodes.data[n];
    if (node->kernel->program.uses_addresses) return true;
    if (n >= fusion->first && n < fusion->first + fusion->n_nodes) continue;
    for (uint32_t i = 0; i < node->n_args; i++) {
      if (!node->kernel->slots[i].is_buffer) continue;
      tm_arg other = tm_arg_buffer(node->args[i].u.buffer, 0);
      if (tmi_share_memory(&whole, &other)) return true;
    }
  }
  return arg->u.buffer->is_exposed;
}

static bool is_temporary(const tmi_fusion *fusion, const tm_arg *arg) {
  const tm_graph *graph = fusion->graph;
  for (uint32_t i = 0; i < graph->temporaries.len; i++)
    if (graph->temporaries.data[i] == arg->u.buffer)
      return !is_seen_elsewhere(fusion, arg);
  return false;
}

/* A name that no parameter has yet. */
static const char *free_name(const tmi_fusion *fusion, const char *name) {
  for (uint32_t p = 0; p < fusion->n_params; p++) {
    if (strcmp(fusion->params[p].name, name) != 0) continue;
    tm_buf text = tm_buf_in((tm_arena *)&fusion->graph->plan);
    tm_buf_printf(&text, "%s_%u", name, (unsigned)fusion->n_params);
    return free_name(fusion, tm_buf_text(&text));
  }
  return name;
}

static void add_param(tmi_fusion *fusion, tmi_origin at) {
  const tm_graph *graph = fusion->graph;
  const tm_arg *arg = arg_at(graph, at);
  const tm_kernel_arg *facts = facts_at(graph, at);
  bool is_buffer = is_buffer_at(graph, at);
  fusion->params[fusion->n_params] = (tm_fuse_param){
      .name = free_name(fusion, facts->name),
      .label = facts->name,
      .divisibility = facts->divisibility,
      .is_known = !is_buffer && is_integer(arg),
      .value = is_buffer ? 0 : arg->u.i,
      .is_temporary = is_buffer && is_temporary(fusion, arg)};
  fusion->origins[fusion->n_params++] = at;
}

/* False with a reason: part of a buffer is part of another. */
static bool is_clear(tmi_fusion *fusion, tmi_origin at) {
  const tm_graph *graph = fusion->graph;
  for (uint32_t p = 0; is_buffer_at(graph, at) && p < fusion->n_params; p++) {
    tmi_origin other = fusion->origins[p];
    if (!is_buffer_at(graph, other) ||
        !tmi_share_memory(arg_at(graph, at), arg_at(graph, other)))
      continue;
    snprintf(fusion->reason, sizeof fusion->reason,
             "'%s' of '%s' and '%s' of '%s' share memory and are not the same",
             facts_at(graph, other)->name,
             graph->nodes.data[other.node].kernel->facts.name,
             facts_at(graph, at)->name,
             graph->nodes.data[at.node].kernel->facts.name);
    return false;
  }
  return true;
}

/* The number of an argument's parameter; a new one when there is none. */
static bool number_of(tmi_fusion *fusion, tmi_origin at, uint32_t *number) {
  const tm_kernel_arg *facts = facts_at(fusion->graph, at);
  for (uint32_t p = 0; p < fusion->n_params; p++) {
    if (!is_same(fusion->graph, fusion->origins[p], at)) continue;
    if (facts->divisibility > fusion->params[p].divisibility)
      fusion->params[p].divisibility = facts->divisibility;
    *number = p;
    return true;
  }
  if (!is_clear(fusion, at)) return false;
  *number = fusion->n_params;
  add_param(fusion, at);
  return true;
}

/* What can be told without looking into the kernels. */
static bool are_alike(tmi_fusion *fusion) {
  const tmi_node *a = &fusion->graph->nodes.data[fusion->first];
  const tmi_node *b = a + fusion->n_nodes - 1;
  const char *na = a->kernel->facts.name, *nb = b->kernel->facts.name;
  char *why = fusion->reason;
  size_t room = sizeof fusion->reason;
  if (fusion->n_nodes > TMI_MOST_FUSED)
    snprintf(why, room, "a fused kernel has at most %d launches",
             TMI_MOST_FUSED);
  else if (a->grid.x != b->grid.x || a->grid.y != b->grid.y ||
           a->grid.z != b->grid.z)
    snprintf(why, room,
             "the grid of '%s' is %u x %u x %u and that of '%s' %u x %u x %u",
             na, a->grid.x, a->grid.y, a->grid.z, nb, b->grid.x, b->grid.y,
             b->grid.z);
  else if (a->kernel->program.num_warps != b->kernel->program.num_warps)
    snprintf(why, room, "'%s' has %u warps and '%s' %u", na,
             a->kernel->program.num_warps, nb, b->kernel->program.num_warps);
  else if (a->kernel->chip != b->kernel->chip)
    snprintf(why, room, "'%s' was compiled for %s and '%s' for %s", na,
             a->kernel->chip->name, nb, b->kernel->chip->name);
  else if (fusion->graph->context->settings.optimization_level < 2)
    snprintf(why, room, "the context's optimization_level is 1");
  return !why[0];
}

bool tmi_fusion_begin(tm_graph *graph, uint32_t first, uint32_t n_nodes,
                      tmi_fusion *out) {
  memset(out, 0, sizeof *out);
  out->graph = graph;
  out->first = first;
  out->n_nodes = n_nodes;
  if (!are_alike(out)) return false;
  uint32_t most = 0;
  for (uint32_t n = 0; n < n_nodes; n++)
    most += graph->nodes.data[first + n].n_args;
  tm_arena *arena = &graph->plan;
  out->params = TM_NEW_ARRAY(arena, tm_fuse_param, most + 1);
  out->origins = TM_NEW_ARRAY(arena, tmi_origin, most + 1);
  out->kept = TM_NEW_ARRAY(arena, uint32_t, most + 1);
  out->is_used = TM_NEW_ARRAY(arena, bool, most + 1);
  for (uint32_t n = 0; n < n_nodes; n++) {
    uint32_t n_args = graph->nodes.data[first + n].n_args;
    out->numbers[n] = TM_NEW_ARRAY(arena, uint32_t, n_args + 1);
    for (uint32_t i = 0; i < n_args; i++)
      if (!number_of(out, (tmi_origin){first + n, i}, &out->numbers[n][i]))
        return false;
  }
  return true;
}

void tmi_fusion_key(const tmi_fusion *fusion, tm_buf *key) {
  const tmi_node *nodes = &fusion->graph->nodes.data[fusion->first];
  const uint32_t head[5] = {fusion->n_nodes, fusion->n_params, nodes->grid.x,
                            nodes->grid.y, nodes->grid.z};
  tm_buf_add(key, (const char *)head, sizeof head);
  for (uint32_t n = 0; n < fusion->n_nodes; n++) {
    const tm_kernel *kernel = nodes[n].kernel;
    tm_buf_add(key, (const char *)&kernel, sizeof kernel);
    tm_buf_add(key, (const char *)fusion->numbers[n],
               nodes[n].n_args * sizeof(uint32_t));
  }
  for (uint32_t p = 0; p < fusion->n_params; p++) {
    const tm_fuse_param *param = &fusion->params[p];
    const int64_t facts[3] = {param->is_known, param->value,
                              param->is_temporary};
    tm_buf_add(key, (const char *)facts, sizeof facts);
  }
}

/* ---- the proof ----------------------------------------------------------- */

/* The kernels' TTIR. NULL with errors in diags. */
static tm_fuse_part *lowered(const tmi_fusion *fusion, tm_arena *arena,
                             tm_diags *diags) {
  tm_fuse_part *parts = TM_NEW_ARRAY(arena, tm_fuse_part, fusion->n_nodes);
  const tm_modules *owner = NULL;
  uint32_t first_file = 0;
  for (uint32_t n = 0; n < fusion->n_nodes; n++) {
    const tm_kernel *kernel =
        fusion->graph->nodes.data[fusion->first + n].kernel;
    if (kernel->module->owner != owner) {
      first_file = diags->sources.len;
      tmi_share_sources(kernel->module, diags);
      owner = kernel->module->owner;
    }
    tm_spec spec = kernel->spec;
    spec.may_overlap = false;
    parts[n] = (tm_fuse_part){
        .ir = tm_lower(arena, diags, kernel->module, kernel->facts.name,
                       &spec),
        .name = kernel->facts.name,
        .params = fusion->numbers[n],
        .first_file = first_file};
    if (!parts[n].ir) return NULL;
  }
  return parts;
}

/* The fused kernel's arguments, as a signature would say. */
static void make_spec(const tmi_fusion *fusion, tm_arena *arena,
                      tm_spec *spec) {
  const tm_graph *graph = fusion->graph;
  tm_spec_arg *args = TM_NEW_ARRAY(arena, tm_spec_arg, fusion->n_kept + 1);
  for (uint32_t k = 0; k < fusion->n_kept; k++) {
    const tm_fuse_param *param = &fusion->params[fusion->kept[k]];
    tmi_origin from = fusion->origins[fusion->kept[k]];
    const char *type = facts_at(graph, from)->type;
    bool is_buffer = is_buffer_at(graph, from);
    args[k] = (tm_spec_arg){
        .kind = is_buffer ? TM_SPEC_POINTER : TM_SPEC_SCALAR,
        .type = is_buffer ? type + 1 : type, /* without the star */
        .divisibility = param->divisibility};
  }
  *spec = (tm_spec){.args = args, .n_args = fusion->n_kept};
  for (uint32_t n = 0; n < fusion->n_nodes; n++) {
    const tm_program *program =
        &graph->nodes.data[fusion->first + n].kernel->program;
    spec->num_warps = program->num_warps;
    if (program->num_stages > spec->num_stages)
      spec->num_stages = program->num_stages;
  }
}

tm_status tmi_fusion_prove(tmi_fusion *fusion, tm_arena *arena,
                           tm_diags *diags, tm_ir **ir, tm_spec *spec,
                           tm_error **error) {
  *ir = NULL;
  const tmi_node *node = &fusion->graph->nodes.data[fusion->first];
  tm_fuse_request request = {
      .parts = lowered(fusion, arena, diags),
      .n_parts = fusion->n_nodes,
      .params = fusion->params,
      .n_params = fusion->n_params,
      .grid = {node->grid.x, node->grid.y, node->grid.z},
      .chip = node->kernel->chip,
      .num_warps = node->kernel->program.num_warps};
  tm_fused fused;
  if (!request.parts || !tm_fuse(arena, diags, &request, &fused))
    return tmi_fail_diags(error, diags);
  snprintf(fusion->reason, sizeof fusion->reason, "%s",
           fused.reason ? fused.reason : "");
  memcpy(fusion->is_used, fused.is_used, fusion->n_params);
  if (!fused.ir) return TM_OK;
  fusion->loads = fused.loads;
  fusion->stores = fused.stores;
  fusion->n_kept = fused.n_kept;
  memcpy(fusion->kept, fused.kept, fused.n_kept * sizeof fused.kept[0]);
  make_spec(fusion, arena, spec);
  *ir = fused.ir;
  return TM_OK;
}
