/* SPDX-License-Identifier: MIT */
/*
 * metal_queue.c - MTLCommandQueue, MTLCommandBuffer and its encoder.
 *
 * Command buffers do not retain the buffers and pipelines they use, which
 * costs Metal a list per dispatch; the stream keeps them instead. Encoders
 * are serial: each dispatch begins when the one before it has ended, and
 * sees its writes.
 */
#include "metal.h"

tm_id tm_metal_queue_new(const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  tm_id queue = tm_send_P_U(device->object, tm_mtl.sel.new_queue,
                            TM_QUEUE_COMMAND_BUFFERS);
  tm_mtl.pool_pop(pool);
  return queue;
}

tm_id tm_metal_command_new(tm_id queue) {
  void *pool = tm_mtl.pool_push();
  tm_id command = tm_send_P(queue, tm_mtl.sel.command_buffer);
  if (command) command = tm_mtl.retain(command);
  tm_mtl.pool_pop(pool);
  return command;
}

tm_id tm_metal_encoder_new(tm_id command) {
  void *pool = tm_mtl.pool_push();
  tm_id encoder = tm_send_P(command, tm_mtl.sel.compute_encoder);
  if (encoder) encoder = tm_mtl.retain(encoder);
  tm_mtl.pool_pop(pool);
  return encoder;
}

void tm_metal_encoder_end(tm_id encoder) {
  if (!encoder) return;
  void *pool = tm_mtl.pool_push();
  tm_send(encoder, tm_mtl.sel.end_encoding);
  tm_mtl.release(encoder);
  tm_mtl.pool_pop(pool);
}

void tm_metal_command_commit(tm_id command) {
  void *pool = tm_mtl.pool_push();
  tm_send(command, tm_mtl.sel.commit);
  tm_mtl.pool_pop(pool);
}

int tm_metal_command_state(tm_id command) {
  unsigned long status = tm_send_U(command, tm_mtl.sel.status);
  return status == TM_COMMAND_COMPLETED ? 1
         : status == TM_COMMAND_ERROR   ? -1
                                        : 0;
}

char *tm_metal_command_error(tm_id command) {
  void *pool = tm_mtl.pool_push();
  char *text = tm_metal_error_text(tm_send_P(command, tm_mtl.sel.error));
  tm_mtl.pool_pop(pool);
  return text;
}
