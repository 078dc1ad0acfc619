/* SPDX-License-Identifier: MIT */
/* event.c - MTLEvent, MTLSharedEvent and MTLFence. A shared event is a value
 * that only grows, with waiters on both sides; a plain event is the same
 * without its host-side methods; a fence orders nothing here because the
 * commands of a queue run one after another. */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

Class sm_event_class;
static Class plain_event_class, fence_class, listener_class, handle_class;

/* A block that waits for a value. */
typedef struct sm_notice {
  struct sm_notice *next;
  uint64_t value;
  void *block;     /* owned */
  sm_event *event; /* owned once the notice is taken out to be called */
} sm_notice;

static id event_make(Class cls, sm_device *device) {
  sm_event *self = sm_new(cls);
  if (!self) return NULL;
  self->device = (sm_device *)sm_retain(device);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return (id)self;
}

id sm_event_new(sm_device *device, bool shared) {
  return event_make(shared ? sm_event_class : plain_event_class, device);
}
id sm_fence_new(sm_device *device) { return event_make(fence_class, device); }

/* ---- notices: blocks called on a thread of their own -------------------- */

static void *call_notices(void *argument) {
  for (sm_notice *n = argument, *next; n; n = next) {
    next = n->next;
    void *pool = objc_autoreleasePoolPush();
    sm_block_call_event(n->block, n->event, n->value);
    objc_autoreleasePoolPop(pool);
    sm_block_release(n->block);
    sm_release(n->event);
    free(n);
  }
  return NULL;
}

/* Under the lock: takes out what the value has reached, oldest first. */
static sm_notice *take_due(sm_event *self) {
  sm_notice *due = NULL, **end = &due;
  for (sm_notice **at = &self->notices; *at;) {
    sm_notice *n = *at;
    if (n->value > self->value) {
      at = &n->next;
      continue;
    }
    *at = n->next;
    n->next = NULL;
    n->event = (sm_event *)sm_retain(self);
    *end = n;
    end = &n->next;
  }
  return due;
}

static void start_notices(sm_notice *due) {
  pthread_t thread;
  if (!due) return;
  if (pthread_create(&thread, NULL, call_notices, due) == 0)
    pthread_detach(thread);
  else
    call_notices(due);
}

void sm_event_signal(sm_event *self, uint64_t value) {
  pthread_mutex_lock(&self->lock);
  if (value > self->value) self->value = value;
  pthread_cond_broadcast(&self->changed);
  sm_notice *due = take_due(self);
  pthread_mutex_unlock(&self->lock);
  start_notices(due);
}

static void event_notify(sm_event *self, SEL cmd, id listener, uint64_t value,
                         const void *block) {
  if (!block || !sm_is_kind(listener, listener_class)) {
    sm_misuse(self, cmd, block ? "the listener is not an "
                                 "MTLSharedEventListener"
                               : "the block is nil");
    return;
  }
  sm_notice *n = calloc(1, sizeof *n);
  void *copy = n ? sm_block_copy(block) : NULL;
  if (!copy) {
    free(n);
    return;
  }
  n->value = value;
  n->block = copy;
  pthread_mutex_lock(&self->lock);
  sm_notice **at = &self->notices;
  while (*at) at = &(*at)->next;
  *at = n;
  sm_notice *due = take_due(self);
  pthread_mutex_unlock(&self->lock);
  start_notices(due);
}

static id shared_listener(Class self, SEL cmd) {
  static id listener;
  static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
  (void)self, (void)cmd;
  pthread_mutex_lock(&once);
  if (!listener) {
    listener = sm_new(listener_class);
    sm_forget_live(listener);
  }
  pthread_mutex_unlock(&once);
  return listener;
}
/* Blocks come on softmetal's threads: there are no dispatch queues here. */
static id listener_init(id self, SEL cmd, const void *queue) {
  return (void)cmd, (void)queue, self;
}

/* ---- handles -------------------------------------------------------------- */

typedef struct handle {
  sm_object base;
  sm_event *event; /* owned */
} handle;

static id event_handle(sm_event *self, SEL cmd) {
  (void)cmd;
  handle *made = sm_new(handle_class);
  if (made) made->event = (sm_event *)sm_retain(self);
  return (id)made;
}
static id handle_label(handle *self, SEL cmd) {
  return (void)cmd, self->event->label;
}
static void handle_dealloc(handle *self, SEL cmd) {
  (void)cmd;
  sm_release(self->event);
  sm_object_dealloc(self);
}
id sm_event_from_handle(id object) {
  if (!sm_is_kind(object, handle_class)) return NULL;
  return sm_retain(((handle *)object)->event);
}

/* ---- waiting --------------------------------------------------------------- */

bool sm_event_wait(sm_event *self, uint64_t value, uint64_t timeout_ns) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  uint64_t ns = (uint64_t)until.tv_nsec + timeout_ns % 1000000000u;
  until.tv_sec += (time_t)(timeout_ns / 1000000000u + ns / 1000000000u);
  until.tv_nsec = (long)(ns % 1000000000u);
  int failed = 0;
  pthread_mutex_lock(&self->lock);
  while (self->value < value && failed != ETIMEDOUT)
    failed = timeout_ns
                 ? pthread_cond_timedwait(&self->changed, &self->lock, &until)
                 : pthread_cond_wait(&self->changed, &self->lock);
  bool reached = self->value >= value;
  pthread_mutex_unlock(&self->lock);
  return reached;
}

static uint64_t event_value(sm_event *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  uint64_t value = self->value;
  pthread_mutex_unlock(&self->lock);
  return value;
}
static void event_set_value(sm_event *self, SEL cmd, uint64_t value) {
  if (value < event_value(self, cmd))
    sm_misuse(self, cmd, "%llu is below the event's value: values must grow",
              (unsigned long long)value);
  sm_event_signal(self, value);
}
static sm_bool event_wait_ms(sm_event *self, SEL cmd, uint64_t value,
                             uint64_t ms) {
  (void)cmd;
  /* 0 ms is a question, not a wait without end. */
  return sm_event_wait(self, value, ms ? ms * 1000000u : 1);
}
static id event_device(sm_event *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
SM_OBJECT_PROPERTY(sm_event, label)
static void event_dealloc(sm_event *self, SEL cmd) {
  (void)cmd;
  for (sm_notice *n = self->notices, *next; n; n = next) {
    next = n->next;
    sm_block_release(n->block);
    free(n);
  }
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

void sm_register_event(void) {
  static const sm_method plain[] = {SM_METHOD("device", event_device),
                                    SM_METHOD("label", get_label),
                                    SM_METHOD("setLabel:", set_label),
                                    SM_METHOD("dealloc", event_dealloc),
                                    {NULL, NULL}};
  static const sm_method shared[] = {
      SM_METHOD("signaledValue", event_value),
      SM_METHOD("setSignaledValue:", event_set_value),
      SM_METHOD("waitUntilSignaledValue:timeoutMS:", event_wait_ms),
      SM_METHOD("notifyListener:atValue:block:", event_notify),
      SM_METHOD("newSharedEventHandle", event_handle),
      {NULL, NULL}};
  static const sm_method listener_methods[] = {
      SM_METHOD("initWithDispatchQueue:", listener_init), {NULL, NULL}};
  static const sm_method listener_class_methods[] = {
      SM_METHOD("sharedListener", shared_listener), {NULL, NULL}};
  static const sm_method handle_methods[] = {
      SM_METHOD("label", handle_label),
      SM_METHOD("dealloc", handle_dealloc),
      {NULL, NULL}};
  listener_class =
      sm_class_make("MTLSharedEventListener", sm_NSObject, sizeof(sm_object),
                    listener_methods, listener_class_methods);
  handle_class = sm_class_make("MTLSharedEventHandle", sm_NSObject,
                               sizeof(handle), handle_methods, NULL);
  plain_event_class = sm_class_make("SoftMetalEvent", sm_NSObject,
                                    sizeof(sm_event), plain, NULL);
  sm_event_class = sm_class_make("SoftMetalSharedEvent", plain_event_class,
                                 sizeof(sm_event), shared, NULL);
  fence_class = sm_class_make("SoftMetalFence", sm_NSObject, sizeof(sm_event),
                              plain, NULL);
}
