/* SPDX-License-Identifier: MIT */
/*
 * metal_queue.c - MTLCommandQueue, MTLCommandBuffer and its encoder.
 *
 * Command buffers do not retain the buffers and pipelines they use, which
 * costs Metal a list per dispatch; the stream keeps them instead. In a serial
 * encoder each dispatch begins when the one before it has ended, and sees its
 * writes; in a concurrent one that is so across a barrier only [mlx],[ggml].
 *
 * Metal orders the encoders of a queue by the resources that they share. It
 * knows resources by object and only those that it tracks: two buffers over
 * the same pages, and buffers of untracked heaps, are not ordered. A fence that
 * each encoder waits for and updates orders all of them [mg].
 */
#include "metal.h"

tm_id tm_metal_queue_new(const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  tm_id queue = tm_send_P_U(device->object, tm_mtl.sel.new_queue,
                            TM_QUEUE_COMMAND_BUFFERS);
  tm_mtl.pool_pop(pool);
  return queue;
}

/* Does it answer, and is it of the device? */
static bool belongs(tm_id object, tm_sel selector,
                    const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  bool ok = tm_metal_responds(object, selector) &&
            tm_metal_responds(object, tm_mtl.sel.device) &&
            tm_send_P(object, tm_mtl.sel.device) == device->object;
  tm_mtl.pool_pop(pool);
  return ok;
}

bool tm_metal_queue_belongs(tm_id queue, const tm_metal_device *device) {
  return belongs(queue, tm_mtl.sel.command_buffer, device);
}
bool tm_metal_command_belongs(tm_id command, const tm_metal_device *device) {
  return belongs(command, tm_mtl.sel.compute_encoder, device);
}
bool tm_metal_encoder_belongs(tm_id encoder, const tm_metal_device *device) {
  return belongs(encoder, tm_mtl.sel.set_pipeline, device);
}

bool tm_metal_command_is_open(tm_id command) {
  return tm_send_U(command, tm_mtl.sel.status) < TM_COMMAND_COMMITTED;
}

tm_id tm_metal_command_new(tm_id queue) {
  void *pool = tm_mtl.pool_push();
  tm_id command = tm_send_P(queue, tm_mtl.sel.command_buffer);
  if (command) command = tm_mtl.retain(command);
  tm_mtl.pool_pop(pool);
  return command;
}

tm_id tm_metal_fence_new(const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  tm_id fence = tm_send_P(device->object, tm_mtl.sel.new_fence);
  tm_mtl.pool_pop(pool);
  return fence;
}

tm_id tm_metal_encoder_new(tm_id command, bool concurrent, tm_id fence) {
  void *pool = tm_mtl.pool_push();
  tm_id encoder = tm_send_P_U(
      command, tm_mtl.sel.compute_encoder,
      concurrent ? TM_DISPATCH_CONCURRENT : TM_DISPATCH_SERIAL);
  if (encoder) encoder = tm_mtl.retain(encoder);
  if (encoder && fence)
    tm_send_v_P(encoder, tm_mtl.sel.wait_fence, fence);
  tm_mtl.pool_pop(pool);
  return encoder;
}

void tm_metal_barrier(tm_id encoder) {
  void *pool = tm_mtl.pool_push();
  tm_send_v_U(encoder, tm_mtl.sel.memory_barrier, TM_BARRIER_BUFFERS);
  tm_mtl.pool_pop(pool);
}

void tm_metal_encoder_end(tm_id encoder, tm_id fence) {
  void *pool = tm_mtl.pool_push();
  if (fence) tm_send_v_P(encoder, tm_mtl.sel.update_fence, fence);
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
