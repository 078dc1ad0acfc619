/* SPDX-License-Identifier: MIT */
/*
 * encoder.c - MTLComputeCommandEncoder and MTLBlitCommandEncoder.
 *
 * An encoder holds the current bindings; each dispatch copies them into a
 * command of its command buffer. What Metal's debug layer would stop the
 * process for (a missing pipeline or buffer, a size over a limit, use after
 * endEncoding) is recorded as misuse, and the command buffer ends in an error
 * with that text. Commands run one after another, so barriers and fences ask
 * for nothing more.
 */
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

static Class compute_class, blit_class;

enum {
  SLOTS = 31,
  MAX_BYTES = 4096,          /* setBytes: */
  MAX_THREADGROUP_BYTES = 32768
};

typedef struct encoder {
  sm_object base;
  sm_command_buffer *buffer; /* owned */
  id label;                  /* owned */
  bool ended;
  NSUInteger dispatch_type;
  sm_pipeline *pipeline;     /* kept by the command buffer */
  sm_buffer *buffers[SLOTS];
  NSUInteger offsets[SLOTS];
  size_t bytes_at[SLOTS];    /* offset into buffer->bytes, plus 1; 0: none */
  NSUInteger bytes_length[SLOTS];
  NSUInteger tg_length[SLOTS];
} encoder;

static id encoder_make(Class cls, sm_command_buffer *buffer,
                       NSUInteger dispatch_type) {
  encoder *self = sm_new(cls);
  if (!self) return NULL;
  self->buffer = (sm_command_buffer *)sm_retain(buffer);
  self->dispatch_type = dispatch_type;
  buffer->has_encoder = true;
  return (id)self;
}

id sm_compute_encoder_new(sm_command_buffer *buffer, NSUInteger type) {
  return encoder_make(compute_class, buffer, type);
}
id sm_blit_encoder_new(sm_command_buffer *buffer) {
  return encoder_make(blit_class, buffer, 0);
}

static bool usable(encoder *self) {
  if (self->ended)
    sm_command_misuse(self->buffer, "an encoder was used after endEncoding");
  return !self->ended;
}

static void encoder_end(encoder *self, SEL cmd) {
  (void)cmd;
  if (!usable(self)) return;
  self->ended = true;
  self->buffer->has_encoder = false;
}

static void encoder_dealloc(encoder *self, SEL cmd) {
  (void)cmd;
  if (!self->ended) {
    sm_command_misuse(self->buffer,
                      "an encoder was released without endEncoding");
    self->buffer->has_encoder = false;
  }
  sm_release(self->label);
  sm_release(self->buffer);
  sm_object_dealloc(self);
}

/* ---- bindings ---------------------------------------------------------- */

static bool slot_ok(encoder *self, NSUInteger index, const char *what) {
  if (!usable(self)) return false;
  if (index < SLOTS) return true;
  sm_command_misuse(self->buffer, "%s: index %lu is over the limit of 30",
                    what, index);
  return false;
}

static void set_pipeline(encoder *self, SEL cmd, sm_pipeline *pipeline) {
  (void)cmd;
  if (!usable(self)) return;
  if (!pipeline || !sm_is_kind((id)pipeline, sm_pipeline_class)) {
    sm_command_misuse(self->buffer, "setComputePipelineState: nil pipeline");
    return;
  }
  self->pipeline = pipeline;
  sm_command_keep(self->buffer, pipeline);
}

static void bind(encoder *self, sm_buffer *buffer, NSUInteger offset,
                 NSUInteger index) {
  if (buffer && offset > buffer->length) {
    sm_command_misuse(self->buffer,
                      "setBuffer: offset %lu is past the end of a buffer of "
                      "%lu bytes at index %lu",
                      offset, buffer->length, index);
    return;
  }
  if (buffer && buffer != self->buffers[index])
    sm_command_keep(self->buffer, buffer);
  self->buffers[index] = buffer;
  self->offsets[index] = offset;
  self->bytes_at[index] = 0;
}

static void set_buffer(encoder *self, SEL cmd, sm_buffer *buffer,
                       NSUInteger offset, NSUInteger index) {
  (void)cmd;
  if (slot_ok(self, index, "setBuffer")) bind(self, buffer, offset, index);
}

static void set_offset(encoder *self, SEL cmd, NSUInteger offset,
                       NSUInteger index) {
  (void)cmd;
  if (!slot_ok(self, index, "setBufferOffset")) return;
  if (!self->buffers[index])
    sm_command_misuse(self->buffer,
                      "setBufferOffset: no buffer is set at index %lu", index);
  else
    bind(self, self->buffers[index], offset, index);
}

static void set_buffers(encoder *self, SEL cmd, sm_buffer *const *buffers,
                        const NSUInteger *offsets, NSRange range) {
  for (NSUInteger i = 0; i < range.length; i++)
    set_buffer(self, cmd, buffers[i], offsets[i], range.location + i);
}

static void set_bytes(encoder *self, SEL cmd, const void *bytes,
                      NSUInteger length, NSUInteger index) {
  (void)cmd;
  if (!slot_ok(self, index, "setBytes")) return;
  sm_command_buffer *buffer = self->buffer;
  if (!bytes || !length || length > MAX_BYTES) {
    sm_command_misuse(buffer, "setBytes: length %lu must be 1 to 4096",
                      length);
    return;
  }
  size_t at = (buffer->n_bytes + 15) & ~(size_t)15;
  if (at + length > buffer->cap_bytes) {
    size_t cap = buffer->cap_bytes ? buffer->cap_bytes * 2 : 8192;
    while (cap < at + length) cap *= 2;
    uint8_t *grown = realloc(buffer->bytes, cap);
    if (!grown) {
      sm_command_misuse(buffer, "out of memory");
      return;
    }
    buffer->bytes = grown;
    buffer->cap_bytes = cap;
  }
  memcpy(buffer->bytes + at, bytes, length);
  buffer->n_bytes = at + length;
  self->buffers[index] = NULL;
  self->bytes_at[index] = at + 1;
  self->bytes_length[index] = length;
}

static void set_threadgroup_length(encoder *self, SEL cmd, NSUInteger length,
                                   NSUInteger index) {
  (void)cmd;
  if (!slot_ok(self, index, "setThreadgroupMemoryLength")) return;
  if (length % 16)
    sm_command_misuse(self->buffer,
                      "setThreadgroupMemoryLength: %lu is not a multiple of "
                      "16",
                      length);
  else
    self->tg_length[index] = length;
}

/* ---- dispatch ---------------------------------------------------------- */

static bool group_ok(encoder *self, MTLSize group) {
  sm_command_buffer *buffer = self->buffer;
  if (!self->pipeline) {
    sm_command_misuse(buffer, "dispatch: no compute pipeline is set");
    return false;
  }
  if (!group.width || !group.height || !group.depth) {
    sm_command_misuse(buffer, "dispatch: threadsPerThreadgroup has a zero");
    return false;
  }
  NSUInteger limit = self->pipeline->max_threads;
  if (group.width > limit || group.height > limit || group.depth > limit ||
      group.width * group.height * group.depth > limit) {
    sm_command_misuse(buffer,
                      "dispatch: %lux%lux%lu threads per threadgroup are over "
                      "the limit of %lu of kernel '%s'",
                      group.width, group.height, group.depth, limit,
                      self->pipeline->name);
    return false;
  }
  return true;
}

/* Fills the bindings; false when the kernel needs one that is missing. */
static bool fill_bindings(encoder *self, sm_dispatch *dispatch) {
  const sm_code_info *info = sm_code_get_info(self->pipeline->code);
  uint64_t needed = info->buffers_read | info->buffers_written;
  for (uint32_t i = 0; i < SLOTS; i++) {
    uint64_t length = 0;
    if (self->bytes_at[i]) {
      /* The block may still move: an offset plus one now, a pointer when
       * the command buffer runs. */
      dispatch->buffers[i].pointer = (void *)self->bytes_at[i];
      length = self->bytes_length[i];
    } else if (self->buffers[i]) {
      dispatch->buffers[i].pointer =
          self->buffers[i]->bytes + self->offsets[i];
      length = self->buffers[i]->length - self->offsets[i];
    } else if (needed >> i & 1) {
      sm_command_misuse(self->buffer,
                        "dispatch of '%s': no buffer is set at index %u",
                        self->pipeline->name, i);
      return false;
    }
    if ((needed >> i & 1) && length < info->buffer_min[i]) {
      sm_command_misuse(self->buffer,
                        "dispatch of '%s': %llu bytes at index %u, the kernel "
                        "needs %u",
                        self->pipeline->name, (unsigned long long)length, i,
                        info->buffer_min[i]);
      return false;
    }
    dispatch->buffers[i].length = length;
  }
  return true;
}

static bool fill_threadgroup(encoder *self, sm_dispatch *dispatch) {
  const sm_code_info *info = sm_code_get_info(self->pipeline->code);
  NSUInteger total = info->threadgroup_bytes;
  for (uint32_t i = 0; i < SLOTS; i++) {
    if (!(info->tg_buffers >> i & 1)) continue;
    if (!self->tg_length[i]) {
      sm_command_misuse(self->buffer,
                        "dispatch of '%s': no threadgroup memory length is "
                        "set at index %u",
                        self->pipeline->name, i);
      return false;
    }
    dispatch->tg_length[i] = (uint32_t)self->tg_length[i];
    total += self->tg_length[i];
  }
  if (total <= MAX_THREADGROUP_BYTES) return true;
  sm_command_misuse(self->buffer,
                    "dispatch of '%s': %lu bytes of threadgroup memory are "
                    "over the limit of 32768",
                    self->pipeline->name, total);
  return false;
}

/* Appends a dispatch without its grid; NULL when it must not run. */
static sm_command *add_dispatch(encoder *self, MTLSize group) {
  if (!usable(self) || !group_ok(self, group)) return NULL;
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_DISPATCH);
  if (!command) return NULL;
  sm_dispatch *dispatch = &command->dispatch;
  if (!fill_bindings(self, dispatch) || !fill_threadgroup(self, dispatch)) {
    self->buffer->n_commands--;
    return NULL;
  }
  /* Which pointers are offsets into the buffer's bytes, one bit a slot. */
  for (uint32_t i = 0; i < SLOTS; i++)
    if (self->bytes_at[i]) command->value |= (uint64_t)1 << i;
  command->pipeline = self->pipeline;
  dispatch->code = self->pipeline->code;
  dispatch->group[0] = (uint32_t)group.width;
  dispatch->group[1] = (uint32_t)group.height;
  dispatch->group[2] = (uint32_t)group.depth;
  return command;
}

static bool grid_ok(encoder *self, MTLSize threads) {
  if (!threads.width || !threads.height || !threads.depth)
    sm_command_misuse(self->buffer, "dispatch: the grid has a zero dimension");
  else if (threads.width > UINT32_MAX || threads.height > UINT32_MAX ||
           threads.depth > UINT32_MAX)
    sm_command_misuse(self->buffer,
                      "dispatch: more than 2^32-1 threads in a dimension");
  else
    return true;
  return false;
}

static void dispatch_threads(encoder *self, SEL cmd, MTLSize grid,
                             MTLSize group) {
  (void)cmd;
  if (!grid_ok(self, grid)) return;
  sm_command *command = add_dispatch(self, group);
  if (!command) return;
  command->dispatch.grid_threads[0] = grid.width;
  command->dispatch.grid_threads[1] = grid.height;
  command->dispatch.grid_threads[2] = grid.depth;
}

static NSUInteger times(NSUInteger a, NSUInteger b) {
  return b && a > (NSUInteger)-1 / b ? (NSUInteger)-1 : a * b;
}

static void dispatch_groups(encoder *self, SEL cmd, MTLSize groups,
                            MTLSize group) {
  MTLSize grid = {times(groups.width, group.width),
                  times(groups.height, group.height),
                  times(groups.depth, group.depth)};
  if (group.width && group.height && group.depth)
    dispatch_threads(self, cmd, grid, group);
  else
    group_ok(self, group);
}

static void dispatch_indirect(encoder *self, SEL cmd, sm_buffer *indirect,
                              NSUInteger offset, MTLSize group) {
  (void)cmd;
  if (!usable(self)) return;
  if (!indirect || offset % 4 || offset > indirect->length ||
      indirect->length - offset < 12) {
    sm_command_misuse(self->buffer,
                      "dispatch: the indirect buffer has no three uints at "
                      "offset %lu",
                      offset);
    return;
  }
  sm_command *command = add_dispatch(self, group);
  if (!command) return;
  command->indirect = indirect;
  command->indirect_offset = offset;
  sm_command_keep(self->buffer, indirect);
}

/* ---- ordering: commands already run in order ---------------------------- */

static void barrier_scope(encoder *self, SEL cmd, NSUInteger scope) {
  (void)cmd, (void)scope;
  usable(self);
}
static void barrier_resources(encoder *self, SEL cmd, const id *resources,
                              NSUInteger count) {
  (void)cmd, (void)resources, (void)count;
  usable(self);
}
static void fence(encoder *self, SEL cmd, id object) {
  (void)cmd;
  if (usable(self)) sm_command_keep(self->buffer, object);
}
static void use_resource(encoder *self, SEL cmd, id resource,
                         NSUInteger usage) {
  (void)cmd, (void)usage;
  if (usable(self)) sm_command_keep(self->buffer, resource);
}
static void use_resources(encoder *self, SEL cmd, const id *resources,
                          NSUInteger count, NSUInteger usage) {
  for (NSUInteger i = 0; i < count; i++)
    use_resource(self, cmd, resources[i], usage);
}
static void debug_text(encoder *self, SEL cmd, id text) {
  (void)self, (void)cmd, (void)text;
}
static void debug_pop(encoder *self, SEL cmd) { (void)self, (void)cmd; }
static id encoder_device(encoder *self, SEL cmd) {
  return (void)cmd, (id)self->buffer->queue->device;
}
SM_OBJECT_PROPERTY(encoder, label)
SM_GETTER(encoder, NSUInteger, dispatch_type)

/* ---- blit -------------------------------------------------------------- */

static bool range_ok(encoder *self, sm_buffer *buffer, NSUInteger offset,
                     NSUInteger size, const char *what) {
  if (buffer && offset <= buffer->length && size <= buffer->length - offset)
    return true;
  sm_command_misuse(self->buffer,
                    "%s: bytes %lu to %lu are not in the buffer of %lu bytes",
                    what, offset, offset + size, buffer ? buffer->length : 0);
  return false;
}

static void blit_copy(encoder *self, SEL cmd, sm_buffer *source,
                      NSUInteger source_offset, sm_buffer *target,
                      NSUInteger target_offset, NSUInteger size) {
  (void)cmd;
  if (!usable(self) ||
      !range_ok(self, source, source_offset, size, "copyFromBuffer") ||
      !range_ok(self, target, target_offset, size, "copyFromBuffer"))
    return;
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_COPY);
  if (!command) return;
  command->source = source;
  command->target = target;
  command->source_offset = source_offset;
  command->target_offset = target_offset;
  command->size = size;
  sm_command_keep(self->buffer, source);
  sm_command_keep(self->buffer, target);
}

static void blit_fill(encoder *self, SEL cmd, sm_buffer *target, NSRange range,
                      uint8_t value) {
  (void)cmd;
  if (!usable(self) ||
      !range_ok(self, target, range.location, range.length, "fillBuffer"))
    return;
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_FILL);
  if (!command) return;
  command->target = target;
  command->target_offset = range.location;
  command->size = range.length;
  command->fill = value;
  sm_command_keep(self->buffer, target);
}

static void blit_synchronize(encoder *self, SEL cmd, id resource) {
  (void)cmd, (void)resource;
  usable(self);
}

/* ---- registration ------------------------------------------------------ */

#define COMMON_METHODS                                 \
  SM_METHOD("endEncoding", encoder_end),               \
      SM_METHOD("device", encoder_device),             \
      SM_METHOD("label", get_label),                   \
      SM_METHOD("setLabel:", set_label),               \
      SM_METHOD("insertDebugSignpost:", debug_text),   \
      SM_METHOD("pushDebugGroup:", debug_text),        \
      SM_METHOD("popDebugGroup", debug_pop),           \
      SM_METHOD("waitForFence:", fence),               \
      SM_METHOD("updateFence:", fence),                \
      SM_METHOD("dealloc", encoder_dealloc)

void sm_register_encoder(void) {
  static const sm_method compute[] = {
      COMMON_METHODS,
      SM_METHOD("setComputePipelineState:", set_pipeline),
      SM_METHOD("setBuffer:offset:atIndex:", set_buffer),
      SM_METHOD("setBufferOffset:atIndex:", set_offset),
      SM_METHOD("setBuffers:offsets:withRange:", set_buffers),
      SM_METHOD("setBytes:length:atIndex:", set_bytes),
      SM_METHOD("setThreadgroupMemoryLength:atIndex:", set_threadgroup_length),
      SM_METHOD("dispatchThreadgroups:threadsPerThreadgroup:",
                dispatch_groups),
      SM_METHOD("dispatchThreads:threadsPerThreadgroup:", dispatch_threads),
      SM_METHOD("dispatchThreadgroupsWithIndirectBuffer:indirectBufferOffset:"
                "threadsPerThreadgroup:",
                dispatch_indirect),
      SM_METHOD("memoryBarrierWithScope:", barrier_scope),
      SM_METHOD("memoryBarrierWithResources:count:", barrier_resources),
      SM_METHOD("useResource:usage:", use_resource),
      SM_METHOD("useResources:count:usage:", use_resources),
      SM_METHOD("dispatchType", get_dispatch_type),
      {NULL, NULL}};
  static const sm_method blit[] = {
      COMMON_METHODS,
      SM_METHOD("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:",
                blit_copy),
      SM_METHOD("fillBuffer:range:value:", blit_fill),
      SM_METHOD("synchronizeResource:", blit_synchronize),
      {NULL, NULL}};
  compute_class = sm_class_make("SoftMetalComputeCommandEncoder", sm_NSObject,
                                sizeof(encoder), compute, NULL);
  blit_class = sm_class_make("SoftMetalBlitCommandEncoder", sm_NSObject,
                             sizeof(encoder), blit, NULL);
}
