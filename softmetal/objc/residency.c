/* SPDX-License-Identifier: MIT */
/*
 * residency.c - MTLResidencySet: allocations that are to stay resident.
 *
 * Everything is resident here; the sets keep their members alive and tell
 * the checks which memory kernels may reach by address. As on a Mac, edits
 * count from the set's commit on.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>

typedef struct list {
  id *items; /* owned */
  NSUInteger count;
} list;

typedef struct residency {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  pthread_mutex_t lock;
  list edited, committed; /* under lock */
} residency;

typedef struct descriptor {
  sm_object base;
  id descriptor_label; /* owned */
  NSUInteger initial_capacity;
} descriptor;

static Class residency_class, descriptor_class;

SM_PROPERTY(descriptor, NSUInteger, initial_capacity)
SM_OBJECT_PROPERTY(descriptor, descriptor_label)
static void descriptor_dealloc(descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->descriptor_label);
  sm_object_dealloc(self);
}

id sm_residency_new(sm_device *device, id object, id *error) {
  if (error) *error = NULL;
  if (!sm_is_kind(object, descriptor_class)) {
    sm_nserror_out(error, "MTLResidencySetErrorDomain", 1,
                   "descriptor is not an MTLResidencySetDescriptor");
    return NULL;
  }
  residency *self = sm_new(residency_class);
  if (!self) return NULL;
  pthread_mutex_init(&self->lock, NULL);
  self->device = (sm_device *)sm_retain(device);
  sm_set(&self->label, ((descriptor *)object)->descriptor_label);
  return (id)self;
}

/* ---- lists ---------------------------------------------------------------- */

static NSUInteger find(const list *l, id item) {
  NSUInteger i = 0;
  while (i < l->count && l->items[i] != item) i++;
  return i;
}
static void append(list *l, id item) {
  if (!item || find(l, item) < l->count) return;
  id *grown = realloc(l->items, (l->count + 1) * sizeof *grown);
  if (!grown) return;
  l->items = grown;
  grown[l->count++] = sm_retain(item);
}
static void clear(list *l) {
  for (NSUInteger i = 0; i < l->count; i++) sm_release(l->items[i]);
  l->count = 0;
}

/* ---- methods -------------------------------------------------------------- */

static void add(residency *self, SEL cmd, id item) {
  if (!item) sm_misuse(self, cmd, "the allocation is nil");
  pthread_mutex_lock(&self->lock);
  append(&self->edited, item);
  pthread_mutex_unlock(&self->lock);
}
static void add_many(residency *self, SEL cmd, const id *items,
                     NSUInteger count) {
  for (NSUInteger i = 0; i < count; i++) add(self, cmd, items[i]);
}
static void take(residency *self, SEL cmd, id item) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  NSUInteger i = find(&self->edited, item);
  bool has = i < self->edited.count;
  if (has) self->edited.items[i] = self->edited.items[--self->edited.count];
  pthread_mutex_unlock(&self->lock);
  if (has) sm_release(item);
}
static void take_many(residency *self, SEL cmd, const id *items,
                      NSUInteger count) {
  for (NSUInteger i = 0; i < count; i++) take(self, cmd, items[i]);
}
static void take_all(residency *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  clear(&self->edited);
  pthread_mutex_unlock(&self->lock);
}
static void commit(residency *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  clear(&self->committed);
  for (NSUInteger i = 0; i < self->edited.count; i++)
    append(&self->committed, self->edited.items[i]);
  pthread_mutex_unlock(&self->lock);
}
static sm_bool contains(residency *self, SEL cmd, id item) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  bool has = find(&self->edited, item) < self->edited.count;
  pthread_mutex_unlock(&self->lock);
  return has;
}
static NSUInteger count(residency *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  NSUInteger n = self->edited.count;
  pthread_mutex_unlock(&self->lock);
  return n;
}
static id all(residency *self, SEL cmd) {
  (void)cmd;
  pthread_mutex_lock(&self->lock);
  id array = sm_array(self->edited.items, self->edited.count);
  pthread_mutex_unlock(&self->lock);
  return array;
}

static void sum(void *payload, void *bytes, uint64_t length) {
  (void)bytes;
  *(uint64_t *)payload += length;
}
static uint64_t allocated(residency *self, SEL cmd) {
  (void)cmd;
  uint64_t bytes = 0;
  sm_memory_of((id)self, sum, &bytes);
  return bytes;
}
static void nothing(residency *self, SEL cmd) { (void)self, (void)cmd; }
static id set_device(residency *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
SM_OBJECT_GETTER(residency, label)
static void set_dealloc(residency *self, SEL cmd) {
  (void)cmd;
  clear(&self->edited);
  clear(&self->committed);
  free(self->edited.items);
  free(self->committed.items);
  pthread_mutex_destroy(&self->lock);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

void sm_memory_of(id object, void (*each)(void *, void *, uint64_t),
                  void *payload) {
  void *bytes;
  NSUInteger size;
  if (sm_is_kind(object, sm_buffer_class)) {
    sm_buffer *buffer = (sm_buffer *)object;
    each(payload, buffer->bytes, buffer->length);
  } else if (sm_heap_memory(object, &bytes, &size)) {
    each(payload, bytes, size);
  } else if (sm_is_kind(object, residency_class)) {
    residency *self = (residency *)object;
    pthread_mutex_lock(&self->lock);
    for (NSUInteger i = 0; i < self->committed.count; i++)
      if (!sm_is_kind(self->committed.items[i], residency_class))
        sm_memory_of(self->committed.items[i], each, payload);
    pthread_mutex_unlock(&self->lock);
  }
}

void sm_register_residency(void) {
  static const sm_method methods[] = {
      SM_METHOD("addAllocation:", add),
      SM_METHOD("addAllocations:count:", add_many),
      SM_METHOD("removeAllocation:", take),
      SM_METHOD("removeAllocations:count:", take_many),
      SM_METHOD("removeAllAllocations", take_all),
      SM_METHOD("commit", commit),
      SM_METHOD("containsAllocation:", contains),
      SM_METHOD("allocationCount", count),
      SM_METHOD("allAllocations", all),
      SM_METHOD("allocatedSize", allocated),
      SM_METHOD("requestResidency", nothing),
      SM_METHOD("endResidency", nothing),
      SM_METHOD("device", set_device),
      SM_METHOD("label", get_label),
      SM_METHOD("dealloc", set_dealloc),
      {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("initialCapacity", get_initial_capacity),
      SM_METHOD("setInitialCapacity:", set_initial_capacity),
      SM_METHOD("label", get_descriptor_label),
      SM_METHOD("setLabel:", set_descriptor_label),
      SM_METHOD("dealloc", descriptor_dealloc),
      {NULL, NULL}};
  residency_class = sm_class_make("SoftMetalResidencySet", sm_NSObject,
                                  sizeof(residency), methods, NULL);
  descriptor_class =
      sm_class_make("MTLResidencySetDescriptor", sm_NSObject,
                    sizeof(descriptor), descriptor_methods, NULL);
}
