/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - MTLBuffer: pages of memory that both sides see.
 *
 * Owned buffers are anonymous mappings, so they come zeroed as Metal's do.
 * Private storage has no contents pointer, by the API's rule, though the
 * memory is the same. No-copy buffers follow Apple's rule that the region is
 * whole pages. Buffers of a heap lie in its mapping.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

Class sm_buffer_class;

enum { STORAGE_SHIFT = 4, STORAGE_MASK = 15, STORAGE_PRIVATE = 2 };

static NSUInteger page_round(NSUInteger n) {
  NSUInteger page = (NSUInteger)sysconf(_SC_PAGESIZE);
  return (n + page - 1) & ~(page - 1);
}

static sm_buffer *buffer_make(sm_device *device, NSUInteger length,
                              NSUInteger options) {
  sm_buffer *self = sm_new(sm_buffer_class);
  if (!self) return NULL;
  self->device = (sm_device *)sm_retain(device);
  self->length = length;
  self->options = options;
  return self;
}

id sm_buffer_new(sm_device *device, NSUInteger length, NSUInteger options) {
  SEL cmd = sel_registerName("newBufferWithLength:options:");
  if (!length || length > sm_max_buffer_length()) {
    sm_misuse(device, cmd, "length %lu must be 1 to maxBufferLength (%lu)",
              length, sm_max_buffer_length());
    return NULL;
  }
  if (!sm_options_ok(device, cmd, options)) return NULL;
  if (sm_fault_now(SM_FAULT_BUFFER)) return NULL;
  NSUInteger mapped = page_round(length);
  void *bytes = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return NULL;
  sm_buffer *self = buffer_make(device, length, options);
  if (!self) {
    munmap(bytes, mapped);
    return NULL;
  }
  if (mapped >= (NSUInteger)2 << 20) madvise(bytes, mapped, MADV_HUGEPAGE);
  self->bytes = bytes;
  self->mapped = mapped;
  atomic_fetch_add(&device->allocated, mapped);
  return (id)self;
}

id sm_buffer_new_borrowed(sm_device *device, void *bytes, NSUInteger length,
                          NSUInteger options, const void *deallocator) {
  NSUInteger page = (NSUInteger)sysconf(_SC_PAGESIZE);
  SEL cmd =
      sel_registerName("newBufferWithBytesNoCopy:length:options:deallocator:");
  if (!bytes || !length || (uintptr_t)bytes % page || length % page ||
      length > sm_max_buffer_length()) {
    sm_misuse(device, cmd,
              "pointer %p and length %lu must be whole pages of %lu bytes, "
              "up to maxBufferLength", bytes, length, page);
    return NULL;
  }
  if (!sm_options_ok(device, cmd, options)) return NULL;
  if ((options >> STORAGE_SHIFT & STORAGE_MASK) == STORAGE_PRIVATE) {
    sm_misuse(device, cmd, "private storage cannot be the caller's");
    return NULL;
  }
  if (sm_fault_now(SM_FAULT_BUFFER)) return NULL;
  sm_buffer *self = buffer_make(device, length, options);
  if (!self) return NULL;
  self->bytes = bytes;
  self->borrowed = true;
  self->deallocator = sm_block_copy(deallocator);
  return (id)self;
}

id sm_buffer_new_in_heap(sm_device *device, struct sm_heap *heap, char *bytes,
                         NSUInteger at, NSUInteger length,
                         NSUInteger options) {
  sm_buffer *self = buffer_make(device, length, options);
  if (!self) return NULL;
  self->bytes = bytes;
  self->heap = (struct sm_heap *)sm_retain(heap);
  self->heap_offset = at;
  return (id)self;
}

bool sm_options_ok(const void *object, SEL cmd, NSUInteger options) {
  NSUInteger storage = options >> STORAGE_SHIFT & STORAGE_MASK;
  if ((options & 15) <= 1 && storage <= STORAGE_PRIVATE &&
      (options >> 8 & 3) != 3 && !(options >> 10))
    return true;
  sm_misuse(object, cmd, "options 0x%lx are no MTLResourceOptions of a buffer",
            options);
  return false;
}

NSUInteger sm_max_buffer_length(void) {
  return (NSUInteger)sysconf(_SC_PHYS_PAGES) *
         (NSUInteger)sysconf(_SC_PAGESIZE) / 2;
}

static void buffer_dealloc(sm_buffer *self, SEL cmd) {
  (void)cmd;
  if (self->deallocator) {
    sm_block_call2(self->deallocator, self->bytes, (void *)self->length);
    sm_block_release(self->deallocator);
  }
  if (self->heap) {
    if (!self->aliasable)
      sm_heap_give_back(self->heap, self->heap_offset, self->length);
    sm_release(self->heap);
  } else if (!self->borrowed) {
    munmap(self->bytes, self->mapped);
    atomic_fetch_sub(&self->device->allocated, self->mapped);
  }
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

static NSUInteger buffer_storage(sm_buffer *self, SEL cmd) {
  return (void)cmd, self->options >> STORAGE_SHIFT & STORAGE_MASK;
}
static void *buffer_contents(sm_buffer *self, SEL cmd) {
  return buffer_storage(self, cmd) == STORAGE_PRIVATE ? NULL : self->bytes;
}
static NSUInteger buffer_allocated(sm_buffer *self, SEL cmd) {
  return (void)cmd, page_round(self->length);
}
static uint64_t buffer_address(sm_buffer *self, SEL cmd) {
  return (void)cmd, (uint64_t)(uintptr_t)self->bytes;
}
static NSUInteger buffer_cache_mode(sm_buffer *self, SEL cmd) {
  return (void)cmd, self->options & 15;
}
static NSUInteger buffer_hazard(sm_buffer *self, SEL cmd) {
  (void)cmd;
  NSUInteger mode = self->options >> 8 & 3;
  /* Device buffers default to tracked, those of heaps to untracked. */
  return mode ? mode : self->heap ? 1 : 2;
}
/* The state before. What is emptied is lost: its bytes become a pattern
 * that is NaN as float and half, so that a program that reads on is seen. */
static NSUInteger buffer_purgeable(sm_buffer *self, SEL cmd,
                                   NSUInteger state) {
  enum { KEEP_CURRENT = 1, NON_VOLATILE, VOLATILE, EMPTY };
  NSUInteger before = self->purgeable ? self->purgeable : NON_VOLATILE;
  if (state < KEEP_CURRENT || state > EMPTY)
    sm_misuse(self, cmd, "%lu is no MTLPurgeableState", state);
  else if (state != KEEP_CURRENT)
    self->purgeable = state;
  if (state == EMPTY && !self->borrowed && !self->heap)
    memset(self->bytes, 0xff, self->length);
  return before;
}
static void buffer_modified(sm_buffer *self, SEL cmd, NSRange range) {
  if (range.location > self->length ||
      range.length > self->length - range.location)
    sm_misuse(self, cmd, "bytes %lu to %lu are not in the buffer of %lu",
              range.location, range.location + range.length, self->length);
}
static id buffer_device(sm_buffer *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
static id buffer_heap(sm_buffer *self, SEL cmd) {
  return (void)cmd, (id)self->heap;
}
static NSUInteger buffer_heap_offset(sm_buffer *self, SEL cmd) {
  return (void)cmd, self->heap_offset;
}
static void buffer_make_aliasable(sm_buffer *self, SEL cmd) {
  if (!self->heap) {
    sm_misuse(self, cmd, "the buffer is not of a heap");
    return;
  }
  if (!self->aliasable)
    sm_heap_give_back(self->heap, self->heap_offset, self->length);
  self->aliasable = true;
}
static sm_bool buffer_is_aliasable(sm_buffer *self, SEL cmd) {
  return (void)cmd, self->aliasable;
}
static void buffer_marker(sm_buffer *self, SEL cmd, id text, NSRange range) {
  if (!text || range.location > self->length ||
      range.length > self->length - range.location)
    sm_misuse(self, cmd, "the range is not in the buffer of %lu bytes",
              self->length);
}
static void buffer_no_markers(sm_buffer *self, SEL cmd) {
  (void)self, (void)cmd;
}
SM_GETTER(sm_buffer, NSUInteger, length)
SM_GETTER(sm_buffer, NSUInteger, options)
SM_OBJECT_PROPERTY(sm_buffer, label)

void sm_register_buffer(void) {
  static const sm_method methods[] = {
      SM_METHOD("contents", buffer_contents),
      SM_METHOD("length", get_length),
      SM_METHOD("gpuAddress", buffer_address),
      SM_METHOD("allocatedSize", buffer_allocated),
      SM_METHOD("resourceOptions", get_options),
      SM_METHOD("storageMode", buffer_storage),
      SM_METHOD("cpuCacheMode", buffer_cache_mode),
      SM_METHOD("hazardTrackingMode", buffer_hazard),
      SM_METHOD("setPurgeableState:", buffer_purgeable),
      SM_METHOD("didModifyRange:", buffer_modified),
      SM_METHOD("device", buffer_device),
      SM_METHOD("heap", buffer_heap),
      SM_METHOD("heapOffset", buffer_heap_offset),
      SM_METHOD("makeAliasable", buffer_make_aliasable),
      SM_METHOD("isAliasable", buffer_is_aliasable),
      SM_METHOD("addDebugMarker:range:", buffer_marker),
      SM_METHOD("removeAllDebugMarkers", buffer_no_markers),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("dealloc", buffer_dealloc),
      {NULL, NULL}};
  sm_buffer_class = sm_class_make("SoftMetalBuffer", sm_NSObject,
                                  sizeof(sm_buffer), methods, NULL);
}
