/* SPDX-License-Identifier: MIT */
/*
 * command.c - MTLCommandBuffer: recording, committing and its properties.
 *
 *   NotEnqueued -> Enqueued -> Committed -> Scheduled -> Completed | Error
 *
 * Recording belongs to one thread, as Metal rules. commit hands the buffer
 * to its queue's worker, which runs it (command_run.c).
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Class sm_command_class;

/* ---- recording --------------------------------------------------------- */

id sm_command_buffer_new(sm_queue *queue, bool retains,
                         NSUInteger error_options) {
  sm_command_buffer *self = sm_new(sm_command_class);
  if (!self) return NULL;
  self->queue = (sm_queue *)sm_retain(queue);
  self->retains = retains;
  self->error_options = error_options;
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->changed, NULL);
  return (id)self;
}

void sm_command_misuse(sm_command_buffer *self, const void *object, SEL cmd,
                       const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  sm_misuse_text(text, sizeof text, object, cmd, format, args);
  va_end(args);
  if (!self->misuse[0])
    snprintf(self->misuse, sizeof self->misuse, "%s", text);
}

/* Doubles *array (of items of `size` bytes) when it is full. */
static bool grow(void *array, size_t count, size_t *cap, size_t size) {
  if (count < *cap) return true;
  size_t more = *cap ? *cap * 2 : 16;
  void *grown = realloc(*(void **)array, more * size);
  if (!grown) return false;
  *(void **)array = grown;
  *cap = more;
  return true;
}

static void no_memory(sm_command_buffer *self) {
  sm_command_misuse(self, self, NULL, "out of memory");
}

sm_command *sm_command_add(sm_command_buffer *self, sm_command_kind kind) {
  if (!grow(&self->commands, self->n_commands, &self->cap_commands,
            sizeof(sm_command))) {
    no_memory(self);
    return NULL;
  }
  sm_command *command = &self->commands[self->n_commands++];
  memset(command, 0, sizeof *command);
  command->kind = kind;
  command->encoder = UINT32_MAX;
  return command;
}

uint32_t sm_command_encoder_add(sm_command_buffer *self) {
  if (!grow(&self->encoders, self->n_encoders, &self->cap_encoders,
            sizeof *self->encoders)) {
    no_memory(self);
    return UINT32_MAX;
  }
  sm_encoder_info *info = &self->encoders[self->n_encoders];
  memset(info, 0, sizeof *info);
  info->sample_start = info->sample_end = (NSUInteger)-1;
  return (uint32_t)self->n_encoders++;
}

void sm_command_keep(sm_command_buffer *self, const void *object) {
  if (!self->retains || !object) return;
  if (!grow(&self->kept, self->n_kept, &self->cap_kept, sizeof(id))) {
    no_memory(self);
    return;
  }
  self->kept[self->n_kept++] = sm_retain(object);
}

static void reach_range(void *payload, void *bytes, uint64_t length) {
  sm_command_buffer *self = payload;
  if (!grow(&self->reachable, self->n_reachable, &self->cap_reachable,
            sizeof(sm_binding))) {
    no_memory(self);
    return;
  }
  self->reachable[self->n_reachable++] = (sm_binding){bytes, length};
}

void sm_command_reach(sm_command_buffer *self, id resource) {
  sm_memory_of(resource, reach_range, self);
}

static bool can_record(sm_command_buffer *self, SEL cmd) {
  if (self->status >= SM_COMMITTED)
    sm_command_misuse(self, self, cmd, "the command buffer is committed");
  else if (self->has_encoder)
    sm_command_misuse(self, self, cmd, "another encoder is open");
  else
    return true;
  return false;
}

/* ---- encoders ---------------------------------------------------------- */

static id compute_encoder_typed(sm_command_buffer *self, SEL cmd,
                                NSUInteger type) {
  if (!can_record(self, cmd)) return NULL;
  if (type > 1) {
    sm_command_misuse(self, self, cmd, "%lu is no MTLDispatchType", type);
    return NULL;
  }
  return sm_autorelease(sm_compute_encoder_new(self, type));
}
static id compute_encoder(sm_command_buffer *self, SEL cmd) {
  return compute_encoder_typed(self, cmd, 0);
}
static id compute_encoder_with(sm_command_buffer *self, SEL cmd,
                               sm_pass_descriptor *pass) {
  if (!pass || !can_record(self, cmd)) return NULL;
  id encoder = sm_compute_encoder_new(self, pass->dispatch_type);
  if (encoder) sm_pass_attach(pass, self);
  return sm_autorelease(encoder);
}
static id blit_encoder(sm_command_buffer *self, SEL cmd) {
  if (!can_record(self, cmd)) return NULL;
  return sm_autorelease(sm_blit_encoder_new(self));
}
static id blit_encoder_with(sm_command_buffer *self, SEL cmd,
                            sm_pass_descriptor *pass) {
  if (!pass || !can_record(self, cmd)) return NULL;
  id encoder = sm_blit_encoder_new(self);
  if (encoder) sm_pass_attach(pass, self);
  return sm_autorelease(encoder);
}

/* ---- events, handlers, residency --------------------------------------- */

static void add_event(sm_command_buffer *self, SEL cmd, sm_command_kind kind,
                      sm_event *event, uint64_t value) {
  if (!event)
    sm_command_misuse(self, self, cmd, "event is nil");
  if (!event || !can_record(self, cmd)) return;
  sm_command *command = sm_command_add(self, kind);
  if (!command) return;
  command->event = event;
  command->value = value;
  sm_command_keep(self, event);
}
static void signal_event(sm_command_buffer *self, SEL cmd, sm_event *event,
                         uint64_t value) {
  add_event(self, cmd, SM_COMMAND_SIGNAL, event, value);
}
static void wait_event(sm_command_buffer *self, SEL cmd, sm_event *event,
                       uint64_t value) {
  add_event(self, cmd, SM_COMMAND_WAIT, event, value);
}

static void add_handler(sm_command_buffer *self, SEL cmd, void ***list,
                        size_t *count, const void *block) {
  if (self->status >= SM_COMMITTED || !block) {
    sm_command_misuse(self, self, cmd,
                      block ? "the command buffer is committed"
                            : "the block is nil");
    return;
  }
  void **grown = realloc(*list, (*count + 1) * sizeof(void *));
  void *copy = grown ? sm_block_copy(block) : NULL;
  if (grown) *list = grown;
  if (copy) (*list)[(*count)++] = copy;
}
static void add_completed(sm_command_buffer *self, SEL cmd,
                          const void *block) {
  add_handler(self, cmd, &self->completed, &self->n_completed, block);
}
static void add_scheduled(sm_command_buffer *self, SEL cmd,
                          const void *block) {
  add_handler(self, cmd, &self->scheduled, &self->n_scheduled, block);
}

static void use_set(sm_command_buffer *self, SEL cmd, id set) {
  if (!set) {
    sm_command_misuse(self, self, cmd, "set is nil");
    return;
  }
  sm_command_keep(self, set);
  sm_command_reach(self, set);
}
static void use_sets(sm_command_buffer *self, SEL cmd, const id *sets,
                     NSUInteger count) {
  for (NSUInteger i = 0; i < count; i++) use_set(self, cmd, sets[i]);
}

/* ---- committing and waiting -------------------------------------------- */

void sm_command_set_status(sm_command_buffer *self, NSUInteger status) {
  pthread_mutex_lock(&self->lock);
  self->status = status;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

static NSUInteger get_status(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  NSUInteger status = self->status;
  pthread_mutex_unlock(&self->lock);
  return status;
}

static void enqueue(sm_command_buffer *self, SEL cmd) {
  if (get_status(self, cmd) != SM_NOT_ENQUEUED) return;
  sm_command_set_status(self, SM_ENQUEUED);
  sm_queue_enqueue(self->queue, self);
}

static void commit(sm_command_buffer *self, SEL cmd) {
  if (get_status(self, cmd) >= SM_COMMITTED) {
    sm_misuse(self, cmd, "the command buffer is committed already");
    return;
  }
  if (self->has_encoder)
    sm_command_misuse(self, self, cmd, "an encoder is open");
  /* What is resident is decided now. */
  for (NSUInteger i = 0; i < self->queue->n_residency; i++)
    use_set(self, cmd, self->queue->residency[i]);
  sm_command_set_status(self, SM_COMMITTED);
  sm_queue_submit(self->queue, self);
}

static void wait_for(sm_command_buffer *self, SEL cmd, NSUInteger status) {
  pthread_mutex_lock(&self->lock);
  bool never = self->status < SM_COMMITTED;
  while (!never && self->status < status)
    pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
  /* Metal would wait without end. */
  if (never) sm_misuse(self, cmd, "the command buffer is not committed");
}
static void wait_scheduled(sm_command_buffer *self, SEL cmd) {
  wait_for(self, cmd, SM_SCHEDULED);
}
static void wait_completed(sm_command_buffer *self, SEL cmd) {
  wait_for(self, cmd, SM_COMPLETED);
}

/* ---- the rest ---------------------------------------------------------- */

static void command_dealloc(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  for (size_t i = 0; i < self->n_kept; i++) sm_release(self->kept[i]);
  for (size_t i = 0; i < self->n_completed; i++)
    sm_block_release(self->completed[i]);
  for (size_t i = 0; i < self->n_scheduled; i++)
    sm_block_release(self->scheduled[i]);
  for (size_t i = 0; i < self->n_encoders; i++) {
    sm_release(self->encoders[i].label);
    sm_release(self->encoders[i].signposts);
    sm_release(self->encoders[i].samples);
  }
  if (self->status < SM_COMMITTED) {
    sm_queue_remove(self->queue, self);
    sm_queue_forget(self->queue);
  }
  free(self->encoders);
  free(self->reachable);
  free(self->completed);
  free(self->scheduled);
  free(self->commands);
  free(self->kept);
  free(self->bytes);
  free(self->counters);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  sm_release(self->log_state);
  sm_release(self->error);
  sm_release(self->label);
  sm_release(self->queue);
  sm_object_dealloc(self);
}

static id get_error(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  id error = sm_autorelease(sm_retain(self->error));
  pthread_mutex_unlock(&self->lock);
  return error;
}
static id command_queue(sm_command_buffer *self, SEL cmd) {
  return (void)cmd, (id)self->queue;
}
static id command_device(sm_command_buffer *self, SEL cmd) {
  return (void)cmd, (id)self->queue->device;
}
static sm_bool command_retains(sm_command_buffer *self, SEL cmd) {
  return (void)cmd, self->retains;
}
static id command_logs(sm_command_buffer *self, SEL cmd) {
  id none = NULL;
  return (void)self, (void)cmd, sm_array(&none, 0);
}
static void debug_push(sm_command_buffer *self, SEL cmd, id text) {
  if (text)
    self->debug_depth++;
  else
    sm_command_misuse(self, self, cmd, "the name is nil");
}
static void debug_pop(sm_command_buffer *self, SEL cmd) {
  if (self->debug_depth)
    self->debug_depth--;
  else
    sm_command_misuse(self, self, cmd, "no debug group was pushed");
}
SM_OBJECT_PROPERTY(sm_command_buffer, label)
SM_GETTER(sm_command_buffer, double, gpu_start)
SM_GETTER(sm_command_buffer, double, gpu_end)
SM_GETTER(sm_command_buffer, double, kernel_start)
SM_GETTER(sm_command_buffer, double, kernel_end)
SM_GETTER(sm_command_buffer, NSUInteger, error_options)

void sm_register_command(void) {
  static const sm_method methods[] = {
      SM_METHOD("computeCommandEncoder", compute_encoder),
      SM_METHOD("computeCommandEncoderWithDispatchType:",
                compute_encoder_typed),
      SM_METHOD("computeCommandEncoderWithDescriptor:", compute_encoder_with),
      SM_METHOD("blitCommandEncoder", blit_encoder),
      SM_METHOD("blitCommandEncoderWithDescriptor:", blit_encoder_with),
      SM_METHOD("encodeSignalEvent:value:", signal_event),
      SM_METHOD("encodeWaitForEvent:value:", wait_event),
      SM_METHOD("addCompletedHandler:", add_completed),
      SM_METHOD("addScheduledHandler:", add_scheduled),
      SM_METHOD("useResidencySet:", use_set),
      SM_METHOD("useResidencySets:count:", use_sets),
      SM_METHOD("enqueue", enqueue),
      SM_METHOD("commit", commit),
      SM_METHOD("waitUntilScheduled", wait_scheduled),
      SM_METHOD("waitUntilCompleted", wait_completed),
      SM_METHOD("status", get_status),
      SM_METHOD("error", get_error),
      SM_METHOD("logs", command_logs),
      SM_METHOD("GPUStartTime", get_gpu_start),
      SM_METHOD("GPUEndTime", get_gpu_end),
      SM_METHOD("kernelStartTime", get_kernel_start),
      SM_METHOD("kernelEndTime", get_kernel_end),
      SM_METHOD("errorOptions", get_error_options),
      SM_METHOD("retainedReferences", command_retains),
      SM_METHOD("commandQueue", command_queue),
      SM_METHOD("device", command_device),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("pushDebugGroup:", debug_push),
      SM_METHOD("popDebugGroup", debug_pop),
      SM_METHOD("dealloc", command_dealloc),
      {NULL, NULL}};
  sm_command_class =
      sm_class_make("SoftMetalCommandBuffer", sm_NSObject,
                    sizeof(sm_command_buffer), methods, NULL);
}
