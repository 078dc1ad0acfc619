/* SPDX-License-Identifier: MIT */
/*
 * address.c - buffers that kernels reach by address.
 *
 * A kernel that loads pointers from memory uses buffers that no argument
 * names. Metal must be told of them at each encoder (useResource:), and they
 * must live until the work has ended. A context lists the buffers whose
 * address was asked for; a launch of such a kernel uses and keeps all of them.
 */
#include "../context.h"

#include <stdlib.h>

void tmi_exposed_init(tmi_exposed *exposed) {
  pthread_mutex_init(&exposed->lock, NULL);
}

void tmi_exposed_free(tmi_exposed *exposed) {
  free(exposed->list);
  pthread_mutex_destroy(&exposed->lock);
}

/* Adds buffer once; false without memory. Lock held. */
static bool add(tmi_exposed *exposed, tm_buffer *buffer) {
  if (buffer->is_exposed) return true;
  if (exposed->n == exposed->room) {
    size_t room = exposed->room ? 2 * exposed->room : 16;
    tm_buffer **list = realloc(exposed->list, room * sizeof *list);
    if (!list) return false;
    exposed->list = list;
    exposed->room = room;
  }
  exposed->list[exposed->n++] = buffer;
  buffer->is_exposed = true;
  return true;
}

void tmi_exposed_forget(tm_buffer *buffer) {
  tmi_exposed *exposed = &buffer->context->exposed;
  pthread_mutex_lock(&exposed->lock);
  for (size_t i = 0; buffer->is_exposed && i < exposed->n; i++) {
    if (exposed->list[i] != buffer) continue;
    exposed->list[i] = exposed->list[--exposed->n];
    buffer->is_exposed = false;
  }
  pthread_mutex_unlock(&exposed->lock);
}

uint64_t tmi_buffer_address(tm_buffer *buffer) {
  uint64_t address =
      atomic_load_explicit(&buffer->address, memory_order_relaxed);
  if (address) return address;
  uint64_t start = tm_metal_buffer_address(buffer->object);
  if (!start) return 0;
  address = start + buffer->offset;
  atomic_store_explicit(&buffer->address, address, memory_order_relaxed);
  return address;
}

bool tmi_exposed_use(tm_context *context, tmi_batch *batch) {
  tmi_exposed *exposed = &context->exposed;
  bool kept = true;
  pthread_mutex_lock(&exposed->lock);
  void *pool = tm_mtl.pool_push();
  for (size_t i = 0; kept && i < exposed->n; i++) {
    kept = tmi_batch_keep_buffer(batch, exposed->list[i]);
    tm_id object = exposed->list[i]->object;
    if (kept) tm_metal_use_buffer(batch->encoder.object, object);
  }
  tm_mtl.pool_pop(pool);
  pthread_mutex_unlock(&exposed->lock);
  return kept;
}

tm_status tm_buffer_gpu_address(tm_buffer *buffer, uint64_t *address,
                                tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(buffer, TMI_BUFFER, error);
  TMI_CHECK_ALIVE(buffer, error);
  TMI_CHECK(address, error);
  *address = 0;
  uint64_t start = tmi_buffer_address(buffer);
  if (!start)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "this Metal gives no buffer addresses: they need macOS 13");
  tmi_exposed *exposed = &buffer->context->exposed;
  pthread_mutex_lock(&exposed->lock);
  bool added = add(exposed, buffer);
  pthread_mutex_unlock(&exposed->lock);
  if (!added) return tmi_fail_memory(error);
  *address = start;
  return TM_OK;
}
