/* SPDX-License-Identifier: MIT */
/*
 * command.c - MTLCommandBuffer: recording, committing and running.
 *
 *   NotEnqueued -> Enqueued -> Committed -> Scheduled -> Completed | Error
 *
 * Recording belongs to one thread, as Metal rules. commit hands the buffer
 * to its queue's worker, which runs the commands in order, sets times, calls
 * the handlers inside an autorelease pool and wakes waiters. A command that
 * fails ends the buffer; later ones are not run.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Class sm_command_class;

static const char domain[] = "MTLCommandBufferErrorDomain";

double sm_now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

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

void sm_command_misuse(sm_command_buffer *self, const char *format, ...) {
  if (self->misuse[0]) return;
  va_list args;
  va_start(args, format);
  vsnprintf(self->misuse, sizeof self->misuse, format, args);
  va_end(args);
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

sm_command *sm_command_add(sm_command_buffer *self, sm_command_kind kind) {
  if (!grow(&self->commands, self->n_commands, &self->cap_commands,
            sizeof(sm_command))) {
    sm_command_misuse(self, "out of memory");
    return NULL;
  }
  sm_command *command = &self->commands[self->n_commands++];
  memset(command, 0, sizeof *command);
  command->kind = kind;
  return command;
}

void sm_command_keep(sm_command_buffer *self, const void *object) {
  if (!self->retains || !object) return;
  if (!grow(&self->kept, self->n_kept, &self->cap_kept, sizeof(id))) {
    sm_command_misuse(self, "out of memory");
    return;
  }
  self->kept[self->n_kept++] = sm_retain(object);
}

static bool can_record(sm_command_buffer *self, const char *what) {
  if (self->status >= SM_COMMITTED)
    sm_command_misuse(self, "%s after commit", what);
  else if (self->has_encoder)
    sm_command_misuse(self, "%s while another encoder is open", what);
  else
    return true;
  return false;
}

static id compute_encoder_typed(sm_command_buffer *self, SEL cmd,
                                NSUInteger type) {
  (void)cmd;
  if (!can_record(self, "computeCommandEncoder")) return NULL;
  return sm_autorelease(sm_compute_encoder_new(self, type));
}
static id compute_encoder(sm_command_buffer *self, SEL cmd) {
  return compute_encoder_typed(self, cmd, 0);
}
static id blit_encoder(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  if (!can_record(self, "blitCommandEncoder")) return NULL;
  return sm_autorelease(sm_blit_encoder_new(self));
}

static void add_event(sm_command_buffer *self, sm_command_kind kind,
                      sm_event *event, uint64_t value) {
  if (!event || !can_record(self, "encoding an event")) return;
  sm_command *command = sm_command_add(self, kind);
  if (!command) return;
  command->event = event;
  command->value = value;
  sm_command_keep(self, event);
}
static void signal_event(sm_command_buffer *self, SEL cmd, sm_event *event,
                         uint64_t value) {
  (void)cmd;
  add_event(self, SM_COMMAND_SIGNAL, event, value);
}
static void wait_event(sm_command_buffer *self, SEL cmd, sm_event *event,
                       uint64_t value) {
  (void)cmd;
  add_event(self, SM_COMMAND_WAIT, event, value);
}

static void add_handler(sm_command_buffer *self, void ***list, size_t *count,
                        const void *block) {
  if (self->status >= SM_COMMITTED) {
    sm_command_misuse(self, "a handler was added after commit");
    return;
  }
  void **grown = realloc(*list, (*count + 1) * sizeof(void *));
  void *copy = grown ? sm_block_copy(block) : NULL;
  if (grown) *list = grown;
  if (copy) (*list)[(*count)++] = copy;
}
static void add_completed(sm_command_buffer *self, SEL cmd,
                          const void *block) {
  (void)cmd;
  add_handler(self, &self->completed, &self->n_completed, block);
}
static void add_scheduled(sm_command_buffer *self, SEL cmd,
                          const void *block) {
  (void)cmd;
  add_handler(self, &self->scheduled, &self->n_scheduled, block);
}

/* ---- committing and waiting -------------------------------------------- */

static void set_status(sm_command_buffer *self, NSUInteger status) {
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
  if (get_status(self, cmd) == SM_NOT_ENQUEUED) set_status(self, SM_ENQUEUED);
}

static void commit(sm_command_buffer *self, SEL cmd) {
  if (get_status(self, cmd) >= SM_COMMITTED) return;
  if (self->has_encoder)
    sm_command_misuse(self, "commit while an encoder is open");
  set_status(self, SM_COMMITTED);
  sm_queue_submit(self->queue, self);
}

static void wait_for(sm_command_buffer *self, NSUInteger status) {
  pthread_mutex_lock(&self->lock);
  /* Waiting on what was never committed would never end. */
  while (self->status >= SM_COMMITTED && self->status < status)
    pthread_cond_wait(&self->changed, &self->lock);
  pthread_mutex_unlock(&self->lock);
}
static void wait_scheduled(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  wait_for(self, SM_SCHEDULED);
}
static void wait_completed(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  wait_for(self, SM_COMPLETED);
}

/* ---- running ----------------------------------------------------------- */

static void fail(sm_command_buffer *self, NSInteger code, const char *text) {
  id error = sm_nserror(domain, code, text);
  pthread_mutex_lock(&self->lock);
  sm_set(&self->error, error);
  pthread_mutex_unlock(&self->lock);
}

static bool run_dispatch(sm_command_buffer *self, sm_command *command,
                         const sm_settings *settings) {
  sm_dispatch *dispatch = &command->dispatch;
  for (uint32_t i = 0; i < 31; i++)
    if (command->value >> i & 1)
      dispatch->buffers[i].pointer =
          self->bytes + (uintptr_t)dispatch->buffers[i].pointer - 1;
  if (command->indirect) {
    uint32_t groups[3];
    memcpy(groups, command->indirect->bytes + command->indirect_offset, 12);
    for (int i = 0; i < 3; i++)
      dispatch->grid_threads[i] = (uint64_t)groups[i] * dispatch->group[i];
    if (!groups[0] || !groups[1] || !groups[2]) return true;
  }
  dispatch->shuffle_seed = settings->shuffle_seed;
  dispatch->deadline_ns = settings->deadline_ns;
  if (sm_fault_now(SM_FAULT_TIMEOUT)) {
    fail(self, SM_CB_TIMEOUT,
         "Caused GPU Timeout Error (injected) "
         "(00000002:kIOGPUCommandBufferCallbackErrorTimeout)");
    return false;
  }
  if (command->pipeline->counters) dispatch->counters = sm_counters_add(self);
  char *message = NULL;
  sm_run_status status = sm_run(dispatch, &message);
  if (status == SM_RUN_OK) return true;
  static const NSInteger codes[] = {
      [SM_RUN_FAULT] = SM_CB_PAGE_FAULT, [SM_RUN_TIMEOUT] = SM_CB_TIMEOUT,
      [SM_RUN_DIVERGED] = SM_CB_INTERNAL, [SM_RUN_MEMORY] = SM_CB_OUT_OF_MEMORY};
  char text[1024];
  snprintf(text, sizeof text, "kernel '%s': %s", command->pipeline->name,
           message ? message : "failed");
  free(message);
  fail(self, codes[status], text);
  return false;
}

static bool run_command(sm_command_buffer *self, sm_command *command,
                        const sm_settings *settings) {
  switch (command->kind) {
    case SM_COMMAND_DISPATCH:
      return run_dispatch(self, command, settings);
    case SM_COMMAND_COPY:
      memmove(command->target->bytes + command->target_offset,
              command->source->bytes + command->source_offset, command->size);
      return true;
    case SM_COMMAND_FILL:
      memset(command->target->bytes + command->target_offset, command->fill,
             command->size);
      return true;
    case SM_COMMAND_SIGNAL:
      sm_event_signal(command->event, command->value);
      return true;
    case SM_COMMAND_WAIT:
      if (sm_event_wait(command->event, command->value,
                        settings->deadline_ns))
        return true;
      fail(self, SM_CB_TIMEOUT, "an event was not signaled in time");
      return false;
  }
  return true;
}

static void run_all(sm_command_buffer *self) {
  sm_settings settings = sm_settings_read();
  if (self->misuse[0]) {
    fail(self, SM_CB_INVALID_RESOURCE, self->misuse);
    return;
  }
  if (sm_fault_now(SM_FAULT_COMMAND)) {
    fail(self, SM_CB_INTERNAL, "Internal Error (injected) "
         "(0000000e:Internal Error)");
    return;
  }
  for (size_t i = 0; i < self->n_commands; i++)
    if (!run_command(self, &self->commands[i], &settings)) return;
}

static void call_handlers(sm_command_buffer *self, void ***list,
                          size_t *count) {
  for (size_t i = 0; i < *count; i++) {
    sm_block_call1((*list)[i], self);
    sm_block_release((*list)[i]);
  }
  free(*list);
  *list = NULL;
  *count = 0;
}

void sm_command_buffer_run(sm_command_buffer *self) {
  void *pool = objc_autoreleasePoolPush();
  self->kernel_start = sm_now_seconds();
  set_status(self, SM_SCHEDULED);
  call_handlers(self, &self->scheduled, &self->n_scheduled);
  self->kernel_end = self->gpu_start = sm_now_seconds();
  run_all(self);
  self->gpu_end = sm_now_seconds();
  for (size_t i = 0; i < self->n_kept; i++) sm_release(self->kept[i]);
  self->n_kept = 0;
  sm_counters_report(self);
  set_status(self, self->error ? SM_STATUS_ERROR : SM_COMPLETED);
  call_handlers(self, &self->completed, &self->n_completed);
  objc_autoreleasePoolPop(pool);
}

/* ---- the rest ---------------------------------------------------------- */

static void command_dealloc(sm_command_buffer *self, SEL cmd) {
  (void)cmd;
  for (size_t i = 0; i < self->n_kept; i++) sm_release(self->kept[i]);
  for (size_t i = 0; i < self->n_completed; i++)
    sm_block_release(self->completed[i]);
  for (size_t i = 0; i < self->n_scheduled; i++)
    sm_block_release(self->scheduled[i]);
  if (self->status < SM_COMMITTED) sm_queue_forget(self->queue);
  free(self->completed);
  free(self->scheduled);
  free(self->commands);
  free(self->kept);
  free(self->bytes);
  free(self->counters);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
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
static void debug_text(sm_command_buffer *self, SEL cmd, id text) {
  (void)self, (void)cmd, (void)text;
}
static void debug_pop(sm_command_buffer *self, SEL cmd) {
  (void)self, (void)cmd;
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
      SM_METHOD("blitCommandEncoder", blit_encoder),
      SM_METHOD("encodeSignalEvent:value:", signal_event),
      SM_METHOD("encodeWaitForEvent:value:", wait_event),
      SM_METHOD("addCompletedHandler:", add_completed),
      SM_METHOD("addScheduledHandler:", add_scheduled),
      SM_METHOD("enqueue", enqueue),
      SM_METHOD("commit", commit),
      SM_METHOD("waitUntilScheduled", wait_scheduled),
      SM_METHOD("waitUntilCompleted", wait_completed),
      SM_METHOD("status", get_status),
      SM_METHOD("error", get_error),
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
      SM_METHOD("pushDebugGroup:", debug_text),
      SM_METHOD("popDebugGroup", debug_pop),
      SM_METHOD("dealloc", command_dealloc),
      {NULL, NULL}};
  sm_command_class =
      sm_class_make("SoftMetalCommandBuffer", sm_NSObject,
                    sizeof(sm_command_buffer), methods, NULL);
}
