/* SPDX-License-Identifier: MIT */
/* metal_memory.c - MTLBuffer in storage that host and GPU share. */
#include "metal.h"

tm_id tm_metal_buffer_new(const tm_metal_device *device, uint64_t length) {
  void *pool = tm_mtl.pool_push();
  tm_id buffer =
      tm_send_P_UU(device->object, tm_mtl.sel.new_buffer,
                   (unsigned long)length, TM_STORAGE_SHARED_TRACKED);
  tm_mtl.pool_pop(pool);
  return buffer;
}

tm_id tm_metal_buffer_wrap(const tm_metal_device *device, void *pointer,
                           uint64_t length) {
  void *pool = tm_mtl.pool_push();
  /* No deallocator: the memory stays the caller's. */
  tm_id buffer = ((tm_id(*)(tm_id, tm_sel, void *, unsigned long,
                            unsigned long, const void *))tm_mtl.send)(
      device->object, tm_mtl.sel.new_buffer_no_copy, pointer,
      (unsigned long)length, TM_STORAGE_SHARED_TRACKED, NULL);
  tm_mtl.pool_pop(pool);
  return buffer;
}

void *tm_metal_buffer_contents(tm_id buffer) {
  void *pool = tm_mtl.pool_push();
  bool is_private = tm_send_U(buffer, tm_mtl.sel.storage_mode) ==
                    TM_STORAGE_MODE_PRIVATE;
  void *contents =
      is_private ? NULL : tm_send_P(buffer, tm_mtl.sel.contents);
  tm_mtl.pool_pop(pool);
  return contents;
}

uint64_t tm_metal_buffer_length(tm_id buffer) {
  void *pool = tm_mtl.pool_push();
  uint64_t length = tm_send_U(buffer, tm_mtl.sel.length);
  tm_mtl.pool_pop(pool);
  return length;
}

uint64_t tm_metal_buffer_address(tm_id buffer) {
  void *pool = tm_mtl.pool_push();
  uint64_t address = tm_metal_responds(buffer, tm_mtl.sel.gpu_address)
                         ? tm_send_U(buffer, tm_mtl.sel.gpu_address)
                         : 0;
  tm_mtl.pool_pop(pool);
  return address;
}

bool tm_metal_buffer_belongs(tm_id buffer, const tm_metal_device *device) {
  void *pool = tm_mtl.pool_push();
  bool belongs = tm_metal_responds(buffer, tm_mtl.sel.storage_mode) &&
                 tm_metal_responds(buffer, tm_mtl.sel.contents) &&
                 tm_send_P(buffer, tm_mtl.sel.device) == device->object;
  tm_mtl.pool_pop(pool);
  return belongs;
}
