/* SPDX-License-Identifier: MIT */
/*
 * metal_event.c - MTLSharedEvent: a value that GPU and host raise, and that
 * command buffers of any queue wait for.
 */
#include "metal.h"

tm_id tm_metal_event_new(const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  tm_id event = tm_send_P(device->object, tm_mtl.sel.new_event);
  tm_mtl.pool_pop(pool);
  return event;
}

void tm_metal_command_wait(tm_id command, tm_id event, uint64_t value) {
  void *pool = tm_mtl.pool_push();
  ((void (*)(tm_id, tm_sel, tm_id, uint64_t))tm_mtl.send)(
      command, tm_mtl.sel.wait_event, event, value);
  tm_mtl.pool_pop(pool);
}

void tm_metal_command_signal(tm_id command, tm_id event, uint64_t value) {
  void *pool = tm_mtl.pool_push();
  ((void (*)(tm_id, tm_sel, tm_id, uint64_t))tm_mtl.send)(
      command, tm_mtl.sel.signal_event, event, value);
  tm_mtl.pool_pop(pool);
}

void tm_metal_event_raise(tm_id event, uint64_t value) {
  void *pool = tm_mtl.pool_push();
  if (((uint64_t(*)(tm_id, tm_sel))tm_mtl.send)(
          event, tm_mtl.sel.event_value) < value)
    ((void (*)(tm_id, tm_sel, uint64_t))tm_mtl.send)(
        event, tm_mtl.sel.set_event_value, value);
  tm_mtl.pool_pop(pool);
}
