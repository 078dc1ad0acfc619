/* SPDX-License-Identifier: MIT */
/*
 * encoder.c - MTLComputeCommandEncoder and MTLBlitCommandEncoder.
 *
 * An encoder holds the current bindings; each dispatch copies them into a
 * command of its command buffer. What Metal's debug layer would stop the
 * process for (a missing pipeline or buffer, a size over a limit, use after
 * endEncoding) is recorded as misuse, and the command buffer ends in an error
 * with that text. Commands run one after another, so barriers and fences ask
 * for nothing more; under checks, what a concurrent encoder's barriers do not
 * separate is compared, under SOFTMETAL_SHUFFLE it is reordered
 * (sm_command.interval).
 */
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

static Class compute_class, blit_class;

enum {
  SLOTS = 31, SERIAL = 0,
  MAX_BYTES = 4096,          /* setBytes: */
  MAX_THREADGROUP_BYTES = 32768
};

typedef struct encoder {
  sm_object base;
  sm_command_buffer *buffer; /* owned */
  id label;                  /* owned */
  SEL cmd;                   /* the message that is being answered */
  uint32_t number;           /* in the command buffer's encoders */
  bool ended;
  NSUInteger dispatch_type;
  NSInteger debug_depth;
  id *updated;               /* fences; not owned: compared only */
  NSUInteger n_updated;
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
  self->number = sm_command_encoder_add(buffer);
  buffer->intervals++;
  buffer->has_encoder = true;
  return (id)self;
}

id sm_compute_encoder_new(sm_command_buffer *buffer, NSUInteger type) {
  return encoder_make(compute_class, buffer, type);
}
id sm_blit_encoder_new(sm_command_buffer *buffer) {
  return encoder_make(blit_class, buffer, 0);
}

/* The misuse of the message that is being answered. */
#define MISUSE(...) \
  sm_command_misuse(self->buffer, self, self->cmd, __VA_ARGS__)

static bool usable(encoder *self, SEL cmd) {
  self->cmd = cmd;
  if (self->ended) MISUSE("the encoder was used after endEncoding");
  return !self->ended;
}

/* Label and signposts as they are at the end. */
static void leave_info(encoder *self) {
  self->buffer->has_encoder = false;
  if (self->number < self->buffer->n_encoders)
    sm_set(&self->buffer->encoders[self->number].label, self->label);
}

static void encoder_end(encoder *self, SEL cmd) {
  if (!usable(self, cmd)) return;
  if (self->debug_depth)
    MISUSE("%ld debug groups are still pushed", self->debug_depth);
  self->ended = true;
  leave_info(self);
}

static void encoder_dealloc(encoder *self, SEL cmd) {
  self->cmd = cmd;
  if (!self->ended) {
    MISUSE("the encoder was released without endEncoding");
    leave_info(self);
  }
  free(self->updated);
  sm_release(self->label);
  sm_release(self->buffer);
  sm_object_dealloc(self);
}

/* ---- bindings ---------------------------------------------------------- */

static bool slot_ok(encoder *self, SEL cmd, NSUInteger index) {
  if (!usable(self, cmd)) return false;
  if (index < SLOTS) return true;
  MISUSE("index %lu is over the limit of 30", index);
  return false;
}

static void set_pipeline(encoder *self, SEL cmd, sm_pipeline *pipeline) {
  if (!usable(self, cmd)) return;
  if (!pipeline || !sm_is_kind((id)pipeline, sm_pipeline_class)) {
    MISUSE("the pipeline is nil");
    return;
  }
  self->pipeline = pipeline;
  sm_command_keep(self->buffer, pipeline);
}

static void bind(encoder *self, sm_buffer *buffer, NSUInteger offset,
                 NSUInteger index) {
  if (buffer && offset > buffer->length) {
    MISUSE("offset %lu is past the end of a buffer of %lu bytes at index "
           "%lu", offset, buffer->length, index);
    return;
  }
  if (buffer && !sm_is_kind((id)buffer, sm_buffer_class)) {
    MISUSE("what is set at index %lu is not a buffer", index);
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
  if (slot_ok(self, cmd, index)) bind(self, buffer, offset, index);
}

static void set_offset(encoder *self, SEL cmd, NSUInteger offset,
                       NSUInteger index) {
  if (!slot_ok(self, cmd, index)) return;
  if (!self->buffers[index])
    MISUSE("no buffer is set at index %lu", index);
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
  if (!slot_ok(self, cmd, index)) return;
  sm_command_buffer *buffer = self->buffer;
  if (!bytes || !length || length > MAX_BYTES) {
    MISUSE(bytes ? "length %lu must be 1 to 4096" : "bytes is NULL (%lu)",
           length);
    return;
  }
  size_t at = (buffer->n_bytes + 15) & ~(size_t)15;
  if (at + length > buffer->cap_bytes) {
    size_t cap = buffer->cap_bytes ? buffer->cap_bytes * 2 : 8192;
    while (cap < at + length) cap *= 2;
    uint8_t *grown = realloc(buffer->bytes, cap);
    if (!grown) {
      MISUSE("out of memory");
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
  if (!slot_ok(self, cmd, index)) return;
  if (length % 16)
    MISUSE("%lu is not a multiple of 16", length);
  else if (length > MAX_THREADGROUP_BYTES)
    MISUSE("%lu bytes are over the limit of 32768", length);
  else
    self->tg_length[index] = length;
}

/* ---- dispatch ---------------------------------------------------------- */

static bool required_ok(encoder *self, MTLSize group) {
  MTLSize r = self->pipeline->required;
  if (self->pipeline->multiple_of_width &&
      group.width * group.height * group.depth % 32) {
    MISUSE("the pipeline was promised threadgroups of a multiple of 32 "
           "threads, not %lux%lux%lu", group.width, group.height,
           group.depth);
    return false;
  }
  if (!r.width || (r.width == group.width && r.height == group.height &&
                   r.depth == group.depth))
    return true;
  MISUSE("kernel '%s' requires threadgroups of %lux%lux%lu threads, not "
         "%lux%lux%lu", self->pipeline->name, r.width, r.height, r.depth,
         group.width, group.height, group.depth);
  return false;
}

static bool group_ok(encoder *self, MTLSize group) {
  if (!self->pipeline) {
    MISUSE("no compute pipeline is set");
    return false;
  }
  if (!group.width || !group.height || !group.depth) {
    MISUSE("threadsPerThreadgroup has a zero");
    return false;
  }
  NSUInteger limit = self->pipeline->max_threads;
  if (group.width > limit || group.height > limit || group.depth > limit ||
      group.width * group.height * group.depth > limit) {
    MISUSE("%lux%lux%lu threads per threadgroup are over the limit of %lu of "
           "kernel '%s'", group.width, group.height, group.depth, limit,
           self->pipeline->name);
    return false;
  }
  return required_ok(self, group);
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
      MISUSE("kernel '%s': no buffer is set at index %u",
             self->pipeline->name, i);
      return false;
    }
    if ((needed >> i & 1) && length < info->buffer_min[i]) {
      MISUSE("kernel '%s': %llu bytes at index %u, the kernel needs %u",
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
      MISUSE("kernel '%s': no threadgroup memory length is set at index %u",
             self->pipeline->name, i);
      return false;
    }
    dispatch->tg_length[i] = (uint32_t)self->tg_length[i];
    total += self->tg_length[i];
  }
  if (total <= MAX_THREADGROUP_BYTES) return true;
  MISUSE("kernel '%s': %lu bytes of threadgroup memory are over the limit of "
         "32768", self->pipeline->name, total);
  return false;
}

/* Appends a dispatch without its grid; NULL when it must not run. */
static sm_command *add_dispatch(encoder *self, MTLSize group) {
  if (!group_ok(self, group)) return NULL;
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
  if (self->dispatch_type == SERIAL) self->buffer->intervals++;
  command->interval = self->buffer->intervals;
  command->encoder = self->number;
  command->pipeline = self->pipeline;
  dispatch->code = self->pipeline->code;
  dispatch->group[0] = (uint32_t)group.width;
  dispatch->group[1] = (uint32_t)group.height;
  dispatch->group[2] = (uint32_t)group.depth;
  return command;
}

static bool grid_ok(encoder *self, MTLSize threads) {
  if (!threads.width || !threads.height || !threads.depth)
    MISUSE("the grid has a zero dimension");
  else if (threads.width > UINT32_MAX || threads.height > UINT32_MAX ||
           threads.depth > UINT32_MAX)
    MISUSE("more than 2^32-1 threads in a dimension");
  else
    return true;
  return false;
}

static void dispatch_grid(encoder *self, MTLSize grid, MTLSize group) {
  if (!grid_ok(self, grid)) return;
  sm_command *command = add_dispatch(self, group);
  if (!command) return;
  command->dispatch.grid_threads[0] = grid.width;
  command->dispatch.grid_threads[1] = grid.height;
  command->dispatch.grid_threads[2] = grid.depth;
}

static void dispatch_threads(encoder *self, SEL cmd, MTLSize grid,
                             MTLSize group) {
  if (usable(self, cmd)) dispatch_grid(self, grid, group);
}

static NSUInteger times(NSUInteger a, NSUInteger b) {
  return b && a > (NSUInteger)-1 / b ? (NSUInteger)-1 : a * b;
}

static void dispatch_groups(encoder *self, SEL cmd, MTLSize groups,
                            MTLSize group) {
  if (!usable(self, cmd) || !group_ok(self, group)) return;
  dispatch_grid(self, (MTLSize){times(groups.width, group.width),
                                times(groups.height, group.height),
                                times(groups.depth, group.depth)}, group);
}

static void dispatch_indirect(encoder *self, SEL cmd, sm_buffer *indirect,
                              NSUInteger offset, MTLSize group) {
  if (!usable(self, cmd)) return;
  if (!indirect || offset % 4 || offset > indirect->length ||
      indirect->length - offset < 12) {
    MISUSE("the indirect buffer has no three uints at offset %lu", offset);
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
  if (!usable(self, cmd)) return;
  if (!scope || scope > 7)
    MISUSE("%lu is no MTLBarrierScope", scope);
  else if (scope & 1) /* buffers */
    self->buffer->intervals++;
}
static void barrier_resources(encoder *self, SEL cmd, const id *resources,
                              NSUInteger count) {
  if (!usable(self, cmd)) return;
  if (!resources || !count)
    MISUSE("no resources are given");
  else
    self->buffer->intervals++;
}
static void barrier_stages(encoder *self, SEL cmd, NSUInteger after,
                           NSUInteger before) {
  (void)after, (void)before;
  if (usable(self, cmd)) self->buffer->intervals++;
}
static void fence_update(encoder *self, SEL cmd, id fence) {
  if (!usable(self, cmd)) return;
  id *grown = NULL;
  if (fence)
    grown = realloc(self->updated, (self->n_updated + 1) * sizeof *grown);
  else
    MISUSE("the fence is nil");
  if (!grown) return;
  self->updated = grown;
  grown[self->n_updated++] = fence;
  sm_command_keep(self->buffer, fence);
}
static void fence_wait(encoder *self, SEL cmd, id fence) {
  if (!usable(self, cmd)) return;
  if (!fence) MISUSE("the fence is nil");
  for (NSUInteger i = 0; i < self->n_updated; i++)
    if (self->updated[i] == fence)
      MISUSE("the fence was updated by this encoder, which would wait for "
             "itself");
  sm_command_keep(self->buffer, fence);
}
static void use_resource(encoder *self, SEL cmd, id resource,
                         NSUInteger usage) {
  if (!usable(self, cmd)) return;
  if (!resource || !usage || usage > 7) {
    MISUSE(resource ? "%lu is no MTLResourceUsage" : "the resource is nil "
           "(usage %lu)", usage);
    return;
  }
  sm_command_keep(self->buffer, resource);
  sm_command_reach(self->buffer, resource);
}
static void use_resources(encoder *self, SEL cmd, const id *resources,
                          NSUInteger count, NSUInteger usage) {
  for (NSUInteger i = 0; i < count; i++)
    use_resource(self, cmd, resources[i], usage);
}
static void use_heap(encoder *self, SEL cmd, id heap) {
  use_resource(self, cmd, heap, 1);
}
static void use_heaps(encoder *self, SEL cmd, const id *heaps,
                      NSUInteger count) {
  use_resources(self, cmd, heaps, count, 1);
}
/* Apple's GPUs sample at the ends of encoders only. */
static void sample_inside(encoder *self, SEL cmd, id samples,
                          NSUInteger index, sm_bool barrier) {
  (void)samples, (void)index, (void)barrier;
  if (usable(self, cmd))
    MISUSE("the device samples counters at stage boundaries only: use a pass "
           "descriptor");
}

/* ---- debugging ---------------------------------------------------------- */

static void debug_push(encoder *self, SEL cmd, id name) {
  if (!usable(self, cmd)) return;
  if (name)
    self->debug_depth++;
  else
    MISUSE("the name is nil");
}
static void debug_pop(encoder *self, SEL cmd) {
  if (!usable(self, cmd)) return;
  if (self->debug_depth)
    self->debug_depth--;
  else
    MISUSE("no debug group was pushed");
}
static void signpost(encoder *self, SEL cmd, id name) {
  if (!usable(self, cmd) || self->number >= self->buffer->n_encoders) return;
  if (!name) {
    MISUSE("the name is nil");
    return;
  }
  sm_encoder_info *info = &self->buffer->encoders[self->number];
  NSUInteger n = info->signposts ? sm_array_count(info->signposts) : 0;
  id *all = calloc(n + 1, sizeof *all);
  if (!all) return;
  for (NSUInteger i = 0; i < n; i++) all[i] = sm_array_at(info->signposts, i);
  all[n] = name;
  sm_set(&info->signposts, sm_array(all, n + 1));
  free(all);
}
static id encoder_device(encoder *self, SEL cmd) {
  return (void)cmd, (id)self->buffer->queue->device;
}
SM_OBJECT_PROPERTY(encoder, label)
SM_GETTER(encoder, NSUInteger, dispatch_type)

/* ---- blit -------------------------------------------------------------- */

static bool range_ok(encoder *self, sm_buffer *buffer, NSUInteger offset,
                     NSUInteger size) {
  if (buffer && size && offset <= buffer->length &&
      size <= buffer->length - offset)
    return true;
  MISUSE("bytes %lu to %lu are not in the buffer of %lu bytes", offset,
         offset + size, buffer ? buffer->length : 0);
  return false;
}

static void blit_copy(encoder *self, SEL cmd, sm_buffer *source,
                      NSUInteger source_offset, sm_buffer *target,
                      NSUInteger target_offset, NSUInteger size) {
  if (!usable(self, cmd) || !range_ok(self, source, source_offset, size) ||
      !range_ok(self, target, target_offset, size))
    return;
  if (source == target && source_offset < target_offset + size &&
      target_offset < source_offset + size) {
    MISUSE("source and destination overlap");
    return;
  }
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_COPY);
  if (!command) return;
  command->encoder = self->number;
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
  if (!usable(self, cmd) ||
      !range_ok(self, target, range.location, range.length))
    return;
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_FILL);
  if (!command) return;
  command->encoder = self->number;
  command->target = target;
  command->target_offset = range.location;
  command->size = range.length;
  command->fill = value;
  sm_command_keep(self->buffer, target);
}

static void blit_resolve(encoder *self, SEL cmd, sm_sample_buffer *samples,
                         NSRange range, sm_buffer *target,
                         NSUInteger offset) {
  if (!usable(self, cmd)) return;
  NSUInteger count = samples ? sm_samples_count(samples) : 0;
  if (!range.length || range.location > count ||
      range.length > count - range.location) {
    MISUSE("samples %lu to %lu are not in a buffer of %lu", range.location,
           range.location + range.length, count);
    return;
  }
  if (!range_ok(self, target, offset, range.length * 8)) return;
  sm_command *command = sm_command_add(self->buffer, SM_COMMAND_RESOLVE);
  if (!command) return;
  command->encoder = self->number;
  command->samples = samples;
  command->source_offset = range.location;
  command->size = range.length;
  command->target = target;
  command->target_offset = offset;
  sm_command_keep(self->buffer, samples);
  sm_command_keep(self->buffer, target);
}

static void blit_synchronize(encoder *self, SEL cmd, id resource) {
  if (usable(self, cmd) && !resource) MISUSE("the resource is nil");
}

/* ---- registration ------------------------------------------------------ */

#define COMMON_METHODS                                 \
  SM_METHOD("endEncoding", encoder_end),               \
      SM_METHOD("device", encoder_device),             \
      SM_METHOD("label", get_label),                   \
      SM_METHOD("setLabel:", set_label),               \
      SM_METHOD("insertDebugSignpost:", signpost),     \
      SM_METHOD("pushDebugGroup:", debug_push),        \
      SM_METHOD("popDebugGroup", debug_pop),           \
      SM_METHOD("waitForFence:", fence_wait),          \
      SM_METHOD("updateFence:", fence_update),         \
      SM_METHOD("barrierAfterQueueStages:beforeStages:", barrier_stages), \
      SM_METHOD("sampleCountersInBuffer:atSampleIndex:withBarrier:",      \
                sample_inside),                        \
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
      SM_METHOD("useHeap:", use_heap),
      SM_METHOD("useHeaps:count:", use_heaps),
      SM_METHOD("dispatchType", get_dispatch_type),
      {NULL, NULL}};
  static const sm_method blit[] = {
      COMMON_METHODS,
      SM_METHOD("copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:",
                blit_copy),
      SM_METHOD("fillBuffer:range:value:", blit_fill),
      SM_METHOD("resolveCounters:inRange:destinationBuffer:destinationOffset:",
                blit_resolve),
      SM_METHOD("synchronizeResource:", blit_synchronize),
      {NULL, NULL}};
  compute_class = sm_class_make("SoftMetalComputeCommandEncoder", sm_NSObject,
                                sizeof(encoder), compute, NULL);
  blit_class = sm_class_make("SoftMetalBlitCommandEncoder", sm_NSObject,
                             sizeof(encoder), blit, NULL);
}
