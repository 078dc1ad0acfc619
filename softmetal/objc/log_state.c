/* SPDX-License-Identifier: MIT */
/*
 * log_state.c - MTLLogState: handlers for what kernels say with os_log.
 *
 * A command buffer has the log state of its descriptor or else its queue's.
 * Messages below the state's level are dropped, as are those beyond its
 * buffer's size in one command buffer. Without a handler the environment
 * decides, as on a Mac: MTL_LOG_LEVEL and MTL_LOG_TO_STDERR.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 6, SMALLEST_BUFFER = 1024 };

typedef struct descriptor {
  sm_object base;
  NSInteger level, buffer_size;
} descriptor;
SM_PROPERTY(descriptor, NSInteger, level)
SM_PROPERTY(descriptor, NSInteger, buffer_size)

struct sm_log_state {
  sm_object base;
  sm_device *device; /* owned */
  NSInteger level, buffer_size;
  pthread_mutex_t lock;
  void **handlers; /* owned blocks; under lock */
  size_t n_handlers;
};

static Class state_class, descriptor_class;

id sm_log_state_new(sm_device *device, id object, id *error) {
  if (error) *error = NULL;
  descriptor *d = (descriptor *)object;
  const char *refused = NULL;
  if (!sm_is_kind(object, descriptor_class))
    refused = "descriptor is not an MTLLogStateDescriptor";
  else if (d->level < 0 || d->level >= LEVELS)
    refused = "level must be 0 to 5";
  else if (d->buffer_size && d->buffer_size < SMALLEST_BUFFER)
    refused = "bufferSize must be at least 1024";
  if (refused) {
    sm_nserror_out(error, "MTLLogStateErrorDomain", 1, refused);
    return NULL;
  }
  sm_log_state *self = sm_new(state_class);
  if (!self) return NULL;
  pthread_mutex_init(&self->lock, NULL);
  self->device = (sm_device *)sm_retain(device);
  self->level = d->level;
  self->buffer_size = d->buffer_size ? d->buffer_size : 1 << 20;
  return (id)self;
}

static void add_handler(sm_log_state *self, SEL cmd, const void *block) {
  if (!block) sm_misuse(self, cmd, "the block is nil");
  pthread_mutex_lock(&self->lock);
  void **grown =
      realloc(self->handlers, (self->n_handlers + 1) * sizeof *grown);
  if (grown) self->handlers = grown;
  void *copy = grown ? sm_block_copy(block) : NULL;
  if (copy) grown[self->n_handlers++] = copy;
  pthread_mutex_unlock(&self->lock);
}

static void state_dealloc(sm_log_state *self, SEL cmd) {
  (void)cmd;
  for (size_t i = 0; i < self->n_handlers; i++)
    sm_block_release(self->handlers[i]);
  free(self->handlers);
  pthread_mutex_destroy(&self->lock);
  sm_release(self->device);
  sm_object_dealloc(self);
}

/* MTL_LOG_LEVEL's "MTLLogLevelDebug" ...; LEVELS when it is not set. */
static NSInteger environment_level(void) {
  static const char *const names[LEVELS] = {"Undefined", "Debug", "Info",
                                            "Notice", "Error", "Fault"};
  const char *text = getenv("MTL_LOG_LEVEL");
  if (text && strncmp(text, "MTLLogLevel", 11) == 0)
    for (NSInteger i = 0; i < LEVELS; i++)
      if (strcmp(text + 11, names[i]) == 0) return i;
  return LEVELS;
}

size_t sm_log_room(id state) {
  return state ? (size_t)((sm_log_state *)state)->buffer_size
               : (size_t)1 << 20;
}

void sm_log_deliver(id object, const char *subsystem, const char *category,
                    NSInteger level, const char *message) {
  sm_log_state *self = (sm_log_state *)object;
  if (!self || !self->n_handlers) {
    const char *to = getenv("MTL_LOG_TO_STDERR");
    if (to && strcmp(to, "1") == 0 && level >= environment_level())
      fprintf(stderr, "%s %s: %s\n", subsystem, category, message);
    return;
  }
  if (level < self->level) return;
  void *pool = objc_autoreleasePoolPush();
  id a = sm_string(subsystem), b = sm_string(category);
  id text = sm_string(message);
  pthread_mutex_lock(&self->lock);
  for (size_t i = 0; i < self->n_handlers; i++)
    sm_block_call_log(self->handlers[i], a, b, level, text);
  pthread_mutex_unlock(&self->lock);
  objc_autoreleasePoolPop(pool);
}

void sm_register_log_state(void) {
  static const sm_method methods[] = {
      SM_METHOD("addLogHandler:", add_handler),
      SM_METHOD("dealloc", state_dealloc),
      {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("level", get_level),
      SM_METHOD("setLevel:", set_level),
      SM_METHOD("bufferSize", get_buffer_size),
      SM_METHOD("setBufferSize:", set_buffer_size),
      {NULL, NULL}};
  state_class = sm_class_make("SoftMetalLogState", sm_NSObject,
                              sizeof(sm_log_state), methods, NULL);
  descriptor_class =
      sm_class_make("MTLLogStateDescriptor", sm_NSObject, sizeof(descriptor),
                    descriptor_methods, NULL);
}
