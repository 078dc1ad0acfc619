/* SPDX-License-Identifier: MIT */
/*
 * queue.c - MTLCommandQueue: command buffers run one after another on a
 * worker thread of the queue's own, in the order of their commits.
 *
 * enqueue gives a command buffer its place before it is committed; later
 * ones wait for it. The list does not own a buffer until it is committed.
 *
 * The core is what queue and worker share; each holds one reference, since
 * the last release of the queue may come from the worker itself (a command
 * buffer that it just finished). The thread starts with the first commit.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <unistd.h>

Class sm_queue_class;
static Class command_descriptor_class, queue_descriptor_class;

struct sm_queue_core {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  sm_command_buffer *first, *last; /* in order; not yet begun */
  NSUInteger uncompleted;          /* made and neither completed nor dropped */
  bool closing, started;
  int references;
};
typedef struct sm_queue_core core;

static void core_release(core *c) {
  pthread_mutex_lock(&c->lock);
  int left = --c->references;
  pthread_mutex_unlock(&c->lock);
  if (left) return;
  pthread_cond_destroy(&c->changed);
  pthread_mutex_destroy(&c->lock);
  free(c);
}

static void core_forget(core *c) {
  pthread_mutex_lock(&c->lock);
  if (c->uncompleted) c->uncompleted--;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
}

static sm_command_buffer *core_take(core *c) {
  pthread_mutex_lock(&c->lock);
  while (!(c->first && c->first->ready) && !(c->closing && !c->first))
    pthread_cond_wait(&c->changed, &c->lock);
  sm_command_buffer *buffer = c->first;
  if (buffer) {
    c->first = buffer->next;
    buffer->listed = false;
    if (!c->first) c->last = NULL;
  }
  pthread_mutex_unlock(&c->lock);
  return buffer;
}

static void *worker(void *argument) {
  core *c = argument;
  sm_command_buffer *buffer;
  while ((buffer = core_take(c))) {
    sm_command_buffer_run(buffer);
    core_forget(c);
    sm_release(buffer); /* may release the queue: c has our reference */
  }
  core_release(c);
  return NULL;
}

/* Under the lock. Without a thread the buffers could never run; the caller
 * then runs them itself. */
static bool start_worker(core *c) {
  if (c->started) return true;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  c->started = pthread_create(&thread, &attributes, worker, c) == 0;
  pthread_attr_destroy(&attributes);
  if (c->started) c->references++;
  return c->started;
}

/* Under the lock. */
static void append(core *c, sm_command_buffer *buffer) {
  if (buffer->listed) return;
  buffer->listed = true;
  buffer->next = NULL;
  if (c->last)
    c->last->next = buffer;
  else
    c->first = buffer;
  c->last = buffer;
}

/* Under the lock. */
static void take_out(core *c, sm_command_buffer *buffer) {
  sm_command_buffer *before = NULL, *at = c->first;
  for (; at && at != buffer; at = at->next) before = at;
  if (!at) return;
  if (before)
    before->next = at->next;
  else
    c->first = at->next;
  if (c->last == at) c->last = before;
  buffer->listed = false;
}

void sm_queue_enqueue(sm_queue *queue, sm_command_buffer *buffer) {
  core *c = queue->core;
  pthread_mutex_lock(&c->lock);
  append(c, buffer);
  pthread_mutex_unlock(&c->lock);
}

void sm_queue_remove(sm_queue *queue, sm_command_buffer *buffer) {
  core *c = queue->core;
  pthread_mutex_lock(&c->lock);
  if (buffer->listed) take_out(c, buffer);
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
}

void sm_queue_submit(sm_queue *queue, sm_command_buffer *buffer) {
  core *c = queue->core;
  sm_retain(buffer);
  pthread_mutex_lock(&c->lock);
  bool started = start_worker(c);
  if (started) {
    append(c, buffer);
    buffer->ready = true;
    pthread_cond_broadcast(&c->changed);
  } else {
    take_out(c, buffer);
  }
  pthread_mutex_unlock(&c->lock);
  if (started) return;
  sm_command_buffer_run(buffer);
  core_forget(c);
  sm_release(buffer);
}

void sm_queue_forget(sm_queue *queue) { core_forget(queue->core); }

id sm_queue_new(sm_device *device, NSUInteger most) {
  if (!most) {
    sm_misuse(device,
              sel_registerName("newCommandQueueWithMaxCommandBufferCount:"),
              "the count must be at least 1");
    return NULL;
  }
  sm_queue *self = sm_new(sm_queue_class);
  core *c = self ? calloc(1, sizeof *c) : NULL;
  if (!c) {
    sm_release(self);
    return NULL;
  }
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->changed, NULL);
  c->references = 1;
  self->core = c;
  self->most = most;
  self->device = (sm_device *)sm_retain(device);
  return (id)self;
}

id sm_queue_command_buffer(sm_queue *self, bool retains,
                           NSUInteger error_options) {
  core *c = self->core;
  pthread_mutex_lock(&c->lock);
  while (c->uncompleted >= self->most)
    pthread_cond_wait(&c->changed, &c->lock);
  c->uncompleted++;
  pthread_mutex_unlock(&c->lock);
  id buffer = sm_command_buffer_new(self, retains, error_options);
  if (!buffer) core_forget(c);
  sm_command_buffer *made = (sm_command_buffer *)buffer;
  if (made) sm_set(&made->log_state, self->log_state);
  return sm_autorelease(buffer);
}

/* ---- methods ----------------------------------------------------------- */

typedef struct command_descriptor {
  sm_object base;
  sm_bool no_retain; /* inverted, so that zero is the default */
  NSUInteger error_options;
  id log_state; /* owned */
} command_descriptor;

typedef struct queue_descriptor {
  sm_object base;
  NSUInteger most;
  id log_state; /* owned */
} queue_descriptor;

static id queue_buffer(sm_queue *self, SEL cmd) {
  return (void)cmd, sm_queue_command_buffer(self, true, 0);
}
static id queue_buffer_unretained(sm_queue *self, SEL cmd) {
  return (void)cmd, sm_queue_command_buffer(self, false, 0);
}
static id queue_buffer_with(sm_queue *self, SEL cmd, command_descriptor *d) {
  (void)cmd;
  sm_command_buffer *made = (sm_command_buffer *)sm_queue_command_buffer(
      self, !d || !d->no_retain, d ? d->error_options : 0);
  if (made && d && d->log_state) sm_set(&made->log_state, d->log_state);
  return (id)made;
}
static id queue_device(sm_queue *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
SM_OBJECT_PROPERTY(sm_queue, label)
static void queue_dealloc(sm_queue *self, SEL cmd) {
  (void)cmd;
  core *c = self->core;
  if (c) {
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    core_release(c);
  }
  for (NSUInteger i = 0; i < self->n_residency; i++)
    sm_release(self->residency[i]);
  free(self->residency);
  sm_release(self->log_state);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

/* ---- residency sets ----------------------------------------------------- */

enum { MOST_SETS = 32 }; /* METAL-FACTS 2.3 */

static void add_set(sm_queue *self, SEL cmd, id set) {
  for (NSUInteger i = 0; i < self->n_residency; i++)
    if (self->residency[i] == set) return;
  id *grown = NULL;
  if (!set || self->n_residency == MOST_SETS)
    sm_misuse(self, cmd, set ? "more than 32 residency sets" : "set is nil");
  else
    grown = realloc(self->residency,
                    (self->n_residency + 1) * sizeof *grown);
  if (!grown) return;
  self->residency = grown;
  grown[self->n_residency++] = sm_retain(set);
}
static void add_sets(sm_queue *self, SEL cmd, const id *sets, NSUInteger n) {
  for (NSUInteger i = 0; i < n; i++) add_set(self, cmd, sets[i]);
}
static void remove_set(sm_queue *self, SEL cmd, id set) {
  (void)cmd;
  for (NSUInteger i = 0; i < self->n_residency; i++) {
    if (self->residency[i] != set) continue;
    sm_release(set);
    self->residency[i] = self->residency[--self->n_residency];
    return;
  }
}
static void remove_sets(sm_queue *self, SEL cmd, const id *sets,
                        NSUInteger n) {
  for (NSUInteger i = 0; i < n; i++) remove_set(self, cmd, sets[i]);
}
static void nothing(id self, SEL cmd) { (void)self, (void)cmd; }

static sm_bool get_retained(command_descriptor *self, SEL cmd) {
  return (void)cmd, !self->no_retain;
}
static void set_retained(command_descriptor *self, SEL cmd, sm_bool value) {
  (void)cmd;
  self->no_retain = !value;
}
SM_PROPERTY(command_descriptor, NSUInteger, error_options)
SM_OBJECT_PROPERTY(command_descriptor, log_state)
static void command_descriptor_dealloc(command_descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->log_state);
  sm_object_dealloc(self);
}

static NSUInteger get_most(queue_descriptor *self, SEL cmd) {
  return (void)cmd, self->most ? self->most : 64;
}
SM_SETTER(queue_descriptor, NSUInteger, most)
static id get_queue_log(queue_descriptor *self, SEL cmd) {
  return (void)cmd, self->log_state;
}
static void set_queue_log(queue_descriptor *self, SEL cmd, id value) {
  (void)cmd;
  sm_set(&self->log_state, value);
}
static void queue_descriptor_dealloc(queue_descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->log_state);
  sm_object_dealloc(self);
}

void sm_register_queue(void) {
  static const sm_method methods[] = {
      SM_METHOD("commandBuffer", queue_buffer),
      SM_METHOD("commandBufferWithUnretainedReferences",
                queue_buffer_unretained),
      SM_METHOD("commandBufferWithDescriptor:", queue_buffer_with),
      SM_METHOD("addResidencySet:", add_set),
      SM_METHOD("addResidencySets:count:", add_sets),
      SM_METHOD("removeResidencySet:", remove_set),
      SM_METHOD("removeResidencySets:count:", remove_sets),
      SM_METHOD("insertDebugCaptureBoundary", nothing),
      SM_METHOD("device", queue_device),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("dealloc", queue_dealloc),
      {NULL, NULL}};
  static const sm_method command_methods[] = {
      SM_METHOD("retainedReferences", get_retained),
      SM_METHOD("setRetainedReferences:", set_retained),
      SM_METHOD("errorOptions", get_error_options),
      SM_METHOD("setErrorOptions:", set_error_options),
      SM_METHOD("logState", get_log_state),
      SM_METHOD("setLogState:", set_log_state),
      SM_METHOD("dealloc", command_descriptor_dealloc),
      {NULL, NULL}};
  static const sm_method queue_methods[] = {
      SM_METHOD("maxCommandBufferCount", get_most),
      SM_METHOD("setMaxCommandBufferCount:", set_most),
      SM_METHOD("logState", get_queue_log),
      SM_METHOD("setLogState:", set_queue_log),
      SM_METHOD("dealloc", queue_descriptor_dealloc),
      {NULL, NULL}};
  sm_queue_class = sm_class_make("SoftMetalCommandQueue", sm_NSObject,
                                 sizeof(sm_queue), methods, NULL);
  command_descriptor_class =
      sm_class_make("MTLCommandBufferDescriptor", sm_NSObject,
                    sizeof(command_descriptor), command_methods, NULL);
  queue_descriptor_class =
      sm_class_make("MTLCommandQueueDescriptor", sm_NSObject,
                    sizeof(queue_descriptor), queue_methods, NULL);
}

id sm_queue_new_with(sm_device *device, id descriptor) {
  if (!sm_is_kind(descriptor, queue_descriptor_class)) {
    sm_misuse(device, sel_registerName("newCommandQueueWithDescriptor:"),
              "descriptor is not an MTLCommandQueueDescriptor");
    return NULL;
  }
  queue_descriptor *d = (queue_descriptor *)descriptor;
  sm_queue *queue = (sm_queue *)sm_queue_new(device, get_most(d, NULL));
  if (queue) sm_set(&queue->log_state, d->log_state);
  return (id)queue;
}
