/* SPDX-License-Identifier: MIT */
/*
 * metal_block.c - C functions as blocks, which Metal calls back.
 *
 * A block is a structure that clang would lay out (the blocks ABI, as Halide
 * uses it from plain C [hal]): a class, flags, the function, a descriptor with
 * the structure's size, and what it captures. Ours lives on the stack; the
 * callee copies it bit by bit, since no flag asks for helpers to copy with.
 *
 * Handlers run on threads of Metal's that have small stacks and no autorelease
 * pool.
 */
#include "metal.h"

typedef struct descriptor {
  unsigned long reserved, size;
} descriptor;

typedef struct handler_block {
  void *isa;
  int32_t flags, reserved;
  void (*invoke)(struct handler_block *self, tm_id command);
  const descriptor *about;
  tm_metal_handler *call; /* captured, as is payload */
  void *payload;
} handler_block;

static void invoke(handler_block *self, tm_id command) {
  void *pool = tm_mtl.pool_push();
  self->call(self->payload, command);
  tm_mtl.pool_pop(pool);
}

void tm_metal_command_on_end(tm_id command, tm_metal_handler *call,
                             void *payload) {
  static const descriptor about = {0, sizeof(handler_block)};
  handler_block block = {tm_mtl.stack_block, 0, 0, invoke, &about, call,
                         payload};
  void *pool = tm_mtl.pool_push();
  tm_send_v_P(command, tm_mtl.sel.add_completed, &block);
  tm_mtl.pool_pop(pool);
}
