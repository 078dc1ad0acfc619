/* SPDX-License-Identifier: MIT */
/* event.c - MTLEvent, MTLSharedEvent and MTLFence. A shared event is a value
 * that only grows, with waiters on both sides; a plain event is the same
 * without its host-side methods; a fence orders nothing here because the
 * commands of a queue run one after another. */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <errno.h>
#include <time.h>

Class sm_event_class;
static Class plain_event_class, fence_class;

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

void sm_event_signal(sm_event *self, uint64_t value) {
  pthread_mutex_lock(&self->lock);
  if (value > self->value) self->value = value;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

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
  (void)cmd;
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
      {NULL, NULL}};
  plain_event_class = sm_class_make("SoftMetalEvent", sm_NSObject,
                                    sizeof(sm_event), plain, NULL);
  sm_event_class = sm_class_make("SoftMetalSharedEvent", plain_event_class,
                                 sizeof(sm_event), shared, NULL);
  fence_class = sm_class_make("SoftMetalFence", sm_NSObject, sizeof(sm_event),
                              plain, NULL);
}
