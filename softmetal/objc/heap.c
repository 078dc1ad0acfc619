/* SPDX-License-Identifier: MIT */
/*
 * heap.c - MTLHeap and MTLHeapDescriptor.
 *
 * A heap is one mapping. An automatic heap gives out ranges by first fit from
 * a list of those in use, ordered by offset; a placement heap lets the caller
 * choose offsets, which may overlap. Both align to 256 bytes. Buffers keep
 * their heap alive, and makeAliasable gives a range back early.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 256, AUTOMATIC = 0, PLACEMENT = 1, SPARSE = 2 };
enum { SHARED = 0, PRIVATE = 2 };

typedef struct descriptor {
  sm_object base;
  NSUInteger size, storage, cache_mode, hazard;
  NSInteger type;
  bool storage_was_set;
} descriptor;

typedef struct range {
  NSUInteger at, size;
} range;

typedef struct sm_heap {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  char *bytes;
  NSUInteger size, options;
  NSInteger type;
  pthread_mutex_t lock; /* the next two */
  range *used;
  NSUInteger n_used, cap_used;
  NSUInteger purgeable; /* MTLPurgeableState; 0: NonVolatile */
} sm_heap;

static Class heap_class, descriptor_class;

/* ---- descriptor --------------------------------------------------------- */

SM_PROPERTY(descriptor, NSUInteger, size)
SM_PROPERTY(descriptor, NSUInteger, cache_mode)
SM_PROPERTY(descriptor, NSUInteger, hazard)
SM_PROPERTY(descriptor, NSInteger, type)
static NSUInteger get_storage(descriptor *self, SEL cmd) {
  return (void)cmd, self->storage_was_set ? self->storage : PRIVATE;
}
static void set_storage(descriptor *self, SEL cmd, NSUInteger mode) {
  (void)cmd;
  self->storage = mode;
  self->storage_was_set = true;
}
static NSUInteger get_options(descriptor *self, SEL cmd) {
  return self->cache_mode | get_storage(self, cmd) << 4 | self->hazard << 8;
}
static void set_options(descriptor *self, SEL cmd, NSUInteger options) {
  self->cache_mode = options & 15;
  set_storage(self, cmd, options >> 4 & 15);
  self->hazard = options >> 8 & 3;
}

/* ---- making ------------------------------------------------------------- */

id sm_heap_new(sm_device *device, id object) {
  SEL cmd = sel_registerName("newHeapWithDescriptor:");
  descriptor *d = (descriptor *)object;
  NSUInteger storage = 0;
  if (!sm_is_kind(object, descriptor_class)) {
    sm_misuse(device, cmd, "descriptor is not an MTLHeapDescriptor");
    return NULL;
  }
  storage = get_storage(d, cmd);
  if (!d->size || d->size > (NSUInteger)1 << 46 || d->type > PLACEMENT ||
      d->type < 0 || (storage != SHARED && storage != PRIVATE)) {
    sm_misuse(device, cmd,
              "size %lu, type %ld (Automatic 0, Placement 1) and storage mode "
              "%lu (Shared 0, Private 2) make no heap", d->size, d->type,
              storage);
    return NULL;
  }
  if (sm_fault_now(SM_FAULT_HEAP)) return NULL;
  NSUInteger page = (NSUInteger)sysconf(_SC_PAGESIZE);
  NSUInteger size = (d->size + page - 1) & ~(page - 1);
  void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return NULL;
  sm_heap *self = sm_new(heap_class);
  if (!self) {
    munmap(bytes, size);
    return NULL;
  }
  pthread_mutex_init(&self->lock, NULL);
  self->device = (sm_device *)sm_retain(device);
  self->bytes = bytes;
  self->size = size;
  self->type = d->type;
  self->options = get_options(d, cmd);
  atomic_fetch_add(&device->allocated, size);
  return (id)self;
}

static void heap_dealloc(sm_heap *self, SEL cmd) {
  (void)cmd;
  munmap(self->bytes, self->size);
  atomic_fetch_sub(&self->device->allocated, self->size);
  pthread_mutex_destroy(&self->lock);
  free(self->used);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

/* ---- ranges -------------------------------------------------------------- */

static NSUInteger aligned(NSUInteger n, NSUInteger align) {
  return (n + align - 1) / align * align;
}

/* Under the lock: where size bytes fit; (NSUInteger)-1: nowhere. */
static NSUInteger first_fit(const sm_heap *self, NSUInteger size) {
  NSUInteger at = 0;
  for (NSUInteger i = 0; i < self->n_used; i++) {
    if (self->used[i].at >= at && self->used[i].at - at >= size) return at;
    NSUInteger end = aligned(self->used[i].at + self->used[i].size, ALIGN);
    if (end > at) at = end;
  }
  return at <= self->size && self->size - at >= size ? at : (NSUInteger)-1;
}

/* Under the lock; keeps the list in order. */
static bool add_range(sm_heap *self, NSUInteger at, NSUInteger size) {
  if (self->n_used == self->cap_used) {
    NSUInteger cap = self->cap_used ? self->cap_used * 2 : 16;
    range *grown = realloc(self->used, cap * sizeof *grown);
    if (!grown) return false;
    self->used = grown;
    self->cap_used = cap;
  }
  NSUInteger i = self->n_used++;
  for (; i && self->used[i - 1].at > at; i--) self->used[i] = self->used[i - 1];
  self->used[i] = (range){at, size};
  return true;
}

void sm_heap_give_back(struct sm_heap *self, NSUInteger at, NSUInteger size) {
  pthread_mutex_lock(&self->lock);
  for (NSUInteger i = 0; i < self->n_used; i++) {
    if (self->used[i].at != at || self->used[i].size != size) continue;
    for (self->n_used--; i < self->n_used; i++)
      self->used[i] = self->used[i + 1];
    break;
  }
  pthread_mutex_unlock(&self->lock);
}

static id make_buffer(sm_heap *self, NSUInteger at, NSUInteger length,
                      NSUInteger options, bool fit) {
  if (sm_fault_now(SM_FAULT_BUFFER)) return NULL;
  pthread_mutex_lock(&self->lock);
  if (fit) at = first_fit(self, length);
  bool ok = at != (NSUInteger)-1 && add_range(self, at, length);
  pthread_mutex_unlock(&self->lock);
  if (!ok) return NULL;
  id buffer = sm_buffer_new_in_heap(self->device, self, self->bytes + at, at,
                                    length, options);
  if (!buffer) sm_heap_give_back(self, at, length);
  return buffer;
}

/* Storage and cache mode must be the heap's. */
static bool options_ok(sm_heap *self, SEL cmd, NSUInteger length,
                       NSUInteger options) {
  if (!length)
    sm_misuse(self, cmd, "length must not be 0");
  else if ((options & 0xff) != (self->options & 0xff))
    sm_misuse(self, cmd, "options 0x%lx have another storage or cache mode "
              "than the heap (0x%lx)", options, self->options);
  else
    return true;
  return false;
}

static id heap_buffer(sm_heap *self, SEL cmd, NSUInteger length,
                      NSUInteger options) {
  if (!options_ok(self, cmd, length, options)) return NULL;
  if (self->type != AUTOMATIC) {
    sm_misuse(self, cmd, "a placement heap needs an offset");
    return NULL;
  }
  return make_buffer(self, 0, length, options, true);
}

static id heap_buffer_at(sm_heap *self, SEL cmd, NSUInteger length,
                         NSUInteger options, NSUInteger offset) {
  if (!options_ok(self, cmd, length, options)) return NULL;
  if (self->type != PLACEMENT || offset % ALIGN || offset > self->size ||
      length > self->size - offset) {
    sm_misuse(self, cmd,
              self->type != PLACEMENT
                  ? "only placement heaps take an offset (%lu, length %lu)"
                  : "offset %lu must be a multiple of 256 with %lu bytes "
                    "behind it", offset, length);
    return NULL;
  }
  return make_buffer(self, offset, length, options, false);
}

/* ---- properties ----------------------------------------------------------- */

static NSUInteger heap_used(sm_heap *self, SEL cmd) {
  (void)cmd;
  NSUInteger sum = 0;
  pthread_mutex_lock(&self->lock);
  for (NSUInteger i = 0; i < self->n_used; i++)
    sum += aligned(self->used[i].size, ALIGN);
  pthread_mutex_unlock(&self->lock);
  return sum;
}

static NSUInteger heap_available(sm_heap *self, SEL cmd, NSUInteger align) {
  if (!align) align = 1;
  if (align & (align - 1)) {
    sm_misuse(self, cmd, "%lu is not a power of two", align);
    return 0;
  }
  NSUInteger at = 0, most = 0;
  pthread_mutex_lock(&self->lock);
  for (NSUInteger i = 0; i <= self->n_used; i++) {
    bool last = i == self->n_used;
    NSUInteger end = last ? self->size : self->used[i].at;
    NSUInteger start = aligned(at, align > ALIGN ? align : ALIGN);
    if (end > start && end - start > most) most = end - start;
    if (!last && self->used[i].at + self->used[i].size > at)
      at = self->used[i].at + self->used[i].size;
  }
  pthread_mutex_unlock(&self->lock);
  return most;
}

static NSUInteger heap_storage(sm_heap *self, SEL cmd) {
  return (void)cmd, self->options >> 4 & 15;
}
static NSUInteger heap_cache(sm_heap *self, SEL cmd) {
  return (void)cmd, self->options & 15;
}
static NSUInteger heap_hazard(sm_heap *self, SEL cmd) {
  (void)cmd;
  NSUInteger mode = self->options >> 8 & 3;
  return mode ? mode : 1; /* heaps default to untracked */
}
/* Kept and answered; the heap's memory stays as it is. */
static NSUInteger heap_purgeable(sm_heap *self, SEL cmd, NSUInteger state) {
  NSUInteger before = self->purgeable ? self->purgeable : 2; /* NonVolatile */
  if (state < 1 || state > 4)
    sm_misuse(self, cmd, "%lu is no MTLPurgeableState", state);
  else if (state != 1) /* KeepCurrent */
    self->purgeable = state;
  return before;
}
static NSUInteger heap_allocated(sm_heap *self, SEL cmd) {
  return (void)cmd, self->size;
}
static id heap_device(sm_heap *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
static NSUInteger heap_size(sm_heap *self, SEL cmd) {
  return (void)cmd, self->size;
}
static NSUInteger heap_options(sm_heap *self, SEL cmd) {
  return (void)cmd, self->options;
}
static NSInteger heap_type(sm_heap *self, SEL cmd) {
  return (void)cmd, self->type;
}
SM_OBJECT_PROPERTY(sm_heap, label)

bool sm_heap_memory(id object, void **bytes, NSUInteger *size) {
  if (!sm_is_kind(object, heap_class)) return false;
  *bytes = ((sm_heap *)object)->bytes;
  *size = ((sm_heap *)object)->size;
  return true;
}

void sm_register_heap(void) {
  static const sm_method methods[] = {
      SM_METHOD("newBufferWithLength:options:", heap_buffer),
      SM_METHOD("newBufferWithLength:options:offset:", heap_buffer_at),
      SM_METHOD("usedSize", heap_used),
      SM_METHOD("currentAllocatedSize", heap_allocated),
      SM_METHOD("allocatedSize", heap_allocated),
      SM_METHOD("maxAvailableSizeWithAlignment:", heap_available),
      SM_METHOD("size", heap_size),
      SM_METHOD("type", heap_type),
      SM_METHOD("resourceOptions", heap_options),
      SM_METHOD("storageMode", heap_storage),
      SM_METHOD("cpuCacheMode", heap_cache),
      SM_METHOD("hazardTrackingMode", heap_hazard),
      SM_METHOD("setPurgeableState:", heap_purgeable),
      SM_METHOD("device", heap_device),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("dealloc", heap_dealloc),
      {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("size", get_size),
      SM_METHOD("setSize:", set_size),
      SM_METHOD("storageMode", get_storage),
      SM_METHOD("setStorageMode:", set_storage),
      SM_METHOD("cpuCacheMode", get_cache_mode),
      SM_METHOD("setCpuCacheMode:", set_cache_mode),
      SM_METHOD("hazardTrackingMode", get_hazard),
      SM_METHOD("setHazardTrackingMode:", set_hazard),
      SM_METHOD("resourceOptions", get_options),
      SM_METHOD("setResourceOptions:", set_options),
      SM_METHOD("type", get_type),
      SM_METHOD("setType:", set_type),
      {NULL, NULL}};
  heap_class = sm_class_make("SoftMetalHeap", sm_NSObject, sizeof(sm_heap),
                             methods, NULL);
  descriptor_class =
      sm_class_make("MTLHeapDescriptor", sm_NSObject, sizeof(descriptor),
                    descriptor_methods, NULL);
}
