/* SPDX-License-Identifier: MIT */
/*
 * command_run.c - running a committed command buffer on its queue's thread.
 *
 * Commands run one after another, so a dispatch sees the writes of those
 * before it. SOFTMETAL_SHUFFLE runs those of a concurrent encoder that no
 * barrier separates in another order, one of those that a GPU may take.
 *
 * A command that fails ends the buffer; later ones, event signals among them,
 * are not run, as on a Mac. With errorOptions the error carries an
 * MTLCommandBufferEncoderInfo per encoder: completed, faulted, affected (of
 * the buffer that failed, but not the culprit) or pending.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char domain[] = "MTLCommandBufferErrorDomain";
static Class info_class;

/* Apple exports the key of the encoder list as an NSString. */
SM_EXPORT extern id MTLCommandBufferEncoderInfoErrorKey;
id MTLCommandBufferEncoderInfoErrorKey;

enum { /* MTLCommandEncoderErrorState */
  STATE_UNKNOWN, STATE_COMPLETED, STATE_AFFECTED, STATE_PENDING, STATE_FAULTED
};

double sm_now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- errors ------------------------------------------------------------ */

typedef struct encoder_info {
  sm_object base;
  id label, signposts; /* owned */
  NSInteger state;
} encoder_info;

SM_OBJECT_GETTER(encoder_info, label)
SM_OBJECT_GETTER(encoder_info, signposts)
SM_GETTER(encoder_info, NSInteger, state)
static void info_dealloc(encoder_info *self, SEL cmd) {
  (void)cmd;
  sm_release(self->label);
  sm_release(self->signposts);
  sm_object_dealloc(self);
}

static id encoder_infos(const sm_command_buffer *self) {
  id *all = calloc(self->n_encoders + 1, sizeof(id));
  NSUInteger n = 0;
  for (size_t i = 0; all && i < self->n_encoders; i++) {
    encoder_info *info = sm_new(info_class);
    if (!info) break;
    id none = NULL, empty = sm_string("");
    sm_set(&info->label,
           self->encoders[i].label ? self->encoders[i].label : empty);
    sm_set(&info->signposts, self->encoders[i].signposts
                                 ? self->encoders[i].signposts
                                 : sm_array(&none, 0));
    info->state = self->encoders[i].state;
    all[n++] = sm_autorelease(info);
  }
  id array = sm_array(all, n);
  free(all);
  return array;
}

/* at: index of the command that failed, or how many ran. */
static void mark_encoders(sm_command_buffer *self, size_t at) {
  for (size_t i = 0; i < self->n_encoders; i++)
    self->encoders[i].state = STATE_PENDING;
  for (size_t i = 0; i < self->n_commands && i <= at; i++) {
    uint32_t k = self->commands[i].encoder;
    if (k < self->n_encoders)
      self->encoders[k].state = i == at ? STATE_FAULTED : STATE_COMPLETED;
  }
}

static void fail(sm_command_buffer *self, NSInteger code, const char *text) {
  id keys[2] = {sm_string("NSLocalizedDescription"),
                MTLCommandBufferEncoderInfoErrorKey};
  id values[2] = {sm_string(text), NULL};
  NSUInteger n = 1;
  if (self->error_options & 1) values[n++] = encoder_infos(self);
  id error = sm_nserror_with(domain, code, sm_dictionary(values, keys, n));
  pthread_mutex_lock(&self->lock);
  sm_set(&self->error, error);
  pthread_mutex_unlock(&self->lock);
}

/* ---- commands ---------------------------------------------------------- */

typedef struct run {
  sm_command_buffer *buffer;
  sm_settings settings;
  sm_watch *watch;      /* of the dispatches of one interval */
  uint32_t interval;
  sm_log_list log;      /* of the whole buffer */
  NSInteger code;       /* of what failed */
  char text[1400];
} run;

static bool failed(run *r, NSInteger code, const char *text) {
  r->code = code;
  snprintf(r->text, sizeof r->text, "%s", text);
  return false;
}

/* Grid of an indirect dispatch; false when there is nothing to run. */
static bool read_grid(sm_command *command) {
  uint32_t groups[3];
  sm_dispatch *dispatch = &command->dispatch;
  memcpy(groups, command->indirect->bytes + command->indirect_offset, 12);
  for (int i = 0; i < 3; i++)
    dispatch->grid_threads[i] = (uint64_t)groups[i] * dispatch->group[i];
  return groups[0] && groups[1] && groups[2];
}

/* Dispatches of one interval share what races are found with. */
static void take_watch(run *r, sm_command *command) {
  if (!command->pipeline->check) return;
  if (!r->watch || r->interval != command->interval) {
    sm_watch_free(r->watch);
    r->watch = sm_watch_new();
    r->interval = command->interval;
  }
  command->dispatch.watch = r->watch;
  command->dispatch.reachable = r->buffer->reachable;
  command->dispatch.n_reachable = (uint32_t)r->buffer->n_reachable;
}

/* MTLLogLevel of what kernels say. */
static NSInteger log_level(uint32_t level) {
  switch (level) {
    case SM_LOG_DEBUG: return 1;
    case SM_LOG_INFO: return 2;
    case SM_LOG_ERROR: return 4;
    case SM_LOG_FAULT: return 5;
    default: return 3; /* Notice */
  }
}

static void deliver_log(run *r) {
  for (const sm_log_entry *e = r->log.first; e; e = e->next)
    sm_log_deliver(r->buffer->log_state, e->text, e->text + e->category,
                   log_level(e->level), e->text + e->message);
  sm_log_list_free(&r->log);
}

static bool run_dispatch(run *r, sm_command *command) {
  static const NSInteger codes[] = {
      [SM_RUN_FAULT] = SM_CB_PAGE_FAULT, [SM_RUN_TIMEOUT] = SM_CB_TIMEOUT,
      [SM_RUN_DIVERGED] = SM_CB_INTERNAL,
      [SM_RUN_MEMORY] = SM_CB_OUT_OF_MEMORY,
      [SM_RUN_STACK] = SM_CB_STACK_OVERFLOW};
  sm_command_buffer *self = r->buffer;
  sm_dispatch *dispatch = &command->dispatch;
  for (uint32_t i = 0; i < 31; i++)
    if (command->value >> i & 1)
      dispatch->buffers[i].pointer =
          self->bytes + (uintptr_t)dispatch->buffers[i].pointer - 1;
  if (command->indirect && !read_grid(command)) return true;
  dispatch->shuffle_seed = r->settings.shuffle_seed;
  dispatch->deadline_ns = r->settings.deadline_ns;
  if (command->pipeline->counters) dispatch->counters = sm_counters_add(self);
  take_watch(r, command);
  if (command->pipeline->logging) dispatch->log = &r->log;
  char *message = NULL;
  sm_run_status status = sm_run(dispatch, &message);
  if (status == SM_RUN_OK) return true;
  char text[1300];
  snprintf(text, sizeof text, "%skernel '%s': %s",
           status == SM_RUN_TIMEOUT
               ? "Caused GPU Timeout Error "
                 "(00000002:kIOGPUCommandBufferCallbackErrorTimeout): "
               : "",
           command->pipeline->name, message ? message : "failed");
  free(message);
  return failed(r, codes[status], text);
}

static bool run_command(run *r, sm_command *command) {
  switch (command->kind) {
    case SM_COMMAND_DISPATCH: return run_dispatch(r, command);
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
                        r->settings.deadline_ns))
        return true;
      return failed(r, SM_CB_TIMEOUT, "an event was not signaled in time");
    case SM_COMMAND_RESOLVE:
      sm_samples_resolve(command->samples, command->source_offset,
                         command->size, command->target->bytes +
                                            command->target_offset);
      return true;
  }
  return true;
}

/* Timestamps of encoders are taken before their first command and after
 * their last; an encoder without commands takes both where it stands. */
static void sample(sm_command_buffer *self, uint32_t encoder, bool start) {
  if (encoder >= self->n_encoders) return;
  sm_encoder_info *info = &self->encoders[encoder];
  if (info->samples)
    sm_samples_take(info->samples,
                    start ? info->sample_start : info->sample_end);
}

/* Dispatches of a concurrent encoder that no barrier separates may run in any
 * order; with a seed they run in another one. */
static void shuffle_intervals(sm_command_buffer *self, uint64_t seed) {
  sm_command *all = self->commands;
  for (size_t i = 0, n; i < self->n_commands; i += n) {
    for (n = 1; all[i].kind == SM_COMMAND_DISPATCH &&
                i + n < self->n_commands &&
                all[i + n].kind == SM_COMMAND_DISPATCH &&
                all[i + n].interval == all[i].interval;)
      n++;
    for (size_t k = n; k > 1; k--) {
      seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth */
      size_t other = i + (size_t)((seed >> 33) % k);
      sm_command kept = all[i + k - 1];
      all[i + k - 1] = all[other];
      all[other] = kept;
    }
  }
}

static void run_all(run *r) {
  sm_command_buffer *self = r->buffer;
  /* Counters are in the order of encoding. */
  if (r->settings.shuffle_seed && !r->settings.counters)
    shuffle_intervals(self, r->settings.shuffle_seed);
  if (self->misuse[0]) {
    mark_encoders(self, self->n_commands);
    fail(self, SM_CB_INVALID_RESOURCE, self->misuse);
    return;
  }
  const sm_command_fault *fault = sm_fault_now(SM_FAULT_COMMAND);
  if (fault) {
    char text[256];
    snprintf(text, sizeof text, "%s (injected)", fault->text);
    mark_encoders(self, 0);
    fail(self, fault->code, text);
    return;
  }
  uint32_t next = 0; /* encoders up to here have begun */
  for (size_t i = 0; i < self->n_commands; i++) {
    uint32_t encoder = self->commands[i].encoder;
    if (encoder < self->n_encoders)
      for (; next <= encoder; next++) {
        if (next) sample(self, next - 1, false);
        sample(self, next, true);
      }
    if (run_command(r, &self->commands[i])) continue;
    mark_encoders(self, i);
    fail(self, r->code, r->text);
    return;
  }
  for (; next < self->n_encoders; next++) {
    if (next) sample(self, next - 1, false);
    sample(self, next, true);
  }
  if (next) sample(self, next - 1, false);
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
  run r = {.buffer = self, .settings = sm_settings_read()};
  self->kernel_start = sm_now_seconds();
  self->kernel_end = sm_now_seconds();
  sm_command_set_status(self, SM_SCHEDULED);
  call_handlers(self, &self->scheduled, &self->n_scheduled);
  double begun = sm_now_seconds();
  r.log.room = sm_log_room(self->log_state);
  run_all(&r);
  sm_watch_free(r.watch);
  deliver_log(&r);
  double ended = sm_now_seconds();
  pthread_mutex_lock(&self->lock);
  self->gpu_start = begun;
  self->gpu_end = ended;
  pthread_mutex_unlock(&self->lock);
  for (size_t i = 0; i < self->n_kept; i++) sm_release(self->kept[i]);
  self->n_kept = 0;
  sm_counters_report(self);
  sm_command_set_status(self, self->error ? SM_STATUS_ERROR : SM_COMPLETED);
  call_handlers(self, &self->completed, &self->n_completed);
  objc_autoreleasePoolPop(pool);
}

void sm_register_command_run(void) {
  static const sm_method methods[] = {
      SM_METHOD("label", get_label),
      SM_METHOD("debugSignposts", get_signposts),
      SM_METHOD("errorState", get_state),
      SM_METHOD("dealloc", info_dealloc),
      {NULL, NULL}};
  info_class = sm_class_make("SoftMetalCommandBufferEncoderInfo", sm_NSObject,
                             sizeof(encoder_info), methods, NULL);
  static const char key[] = "MTLCommandBufferEncoderInfoErrorKey";
  MTLCommandBufferEncoderInfoErrorKey = sm_constant_string(key);
}
