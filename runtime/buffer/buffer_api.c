/* SPDX-License-Identifier: MIT */
/*
 * buffer_api.c - tm_buffer: memory of the pool, of the caller, or of another
 * MTLBuffer.
 *
 *   create   memory_pool.c's, by size class
 *   wrap     the caller's, without a copy. Metal maps whole pages, so an
 *            MTLBuffer is made of those that enclose the memory, and the
 *            buffer starts at an offset in it, which kernels get as they get
 *            any offset. Two neighbours may so have a page in two
 *            MTLBuffers: harmless, as kernels reach only their own bytes, and
 *            launch.c compares those. Where Metal does not map the memory
 *            (it must be ordinary memory of the process), a copy stands for
 *            it: tm_buffer_is_copy tells, tm_buffer_write_back returns it.
 *   import   another's id<MTLBuffer>, retained
 *
 * A buffer ends with its last reference, and launches in flight hold one.
 * Whose memory was borrowed is then told (dlpack.c's deleters). That may
 * happen under the lock of a stream, and what is called may call us: so such
 * buffers are listed in their context, and the public calls end them, without
 * a lock, before they return.
 */
#define _GNU_SOURCE
#include "../context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- pages that are mapped ------------------------------------------------ */

/* The MTLBuffer of just these pages, +1, if a buffer that is not destroyed has
 * one. Small neighbours and a tensor that is wrapped again then share it, and
 * Metal sees that work on the one is work on the other. */
static tm_id mapped_pages(tm_context *context, const unsigned char *start,
                          uint64_t length) {
  tm_id object = NULL;
  pthread_mutex_lock(&context->pool.lock);
  for (tm_buffer *b = context->mapped; b && !object; b = b->next_mapped)
    if (b->contents - b->offset == start && b->capacity == length)
      object = tm_mtl.retain(b->object);
  pthread_mutex_unlock(&context->pool.lock);
  return object;
}

static void remember_pages(tm_buffer *buffer) {
  tm_context *context = buffer->context;
  pthread_mutex_lock(&context->pool.lock);
  buffer->next_mapped = context->mapped;
  context->mapped = buffer;
  pthread_mutex_unlock(&context->pool.lock);
}

/* From now on the caller may free the memory. */
static void forget_pages(tm_buffer *buffer) {
  pthread_mutex_lock(&buffer->context->pool.lock);
  tm_buffer **at = &buffer->context->mapped;
  while (*at && *at != buffer) at = &(*at)->next_mapped;
  if (*at) *at = buffer->next_mapped;
  pthread_mutex_unlock(&buffer->context->pool.lock);
}

/* ---- life ----------------------------------------------------------------- */

static tm_buffer *new_buffer(tm_context *context) {
  tm_buffer *buffer = calloc(1, sizeof *buffer);
  if (!buffer) return NULL;
  atomic_init(&buffer->references, 1);
  buffer->context = context;
  buffer->size_class = -1;
  tmi_context_retain(context);
  return buffer;
}

/* Undoes new_buffer for a buffer that was never counted. */
static void drop_buffer(tm_buffer *buffer) {
  tm_context *context = buffer->context;
  free(buffer);
  tmi_context_release(context);
}

static void free_buffer(tm_buffer *buffer) {
  tm_context *context = buffer->context;
  tmi_pool_discount(&context->pool, buffer);
  tmi_memory_free(context, buffer);
  tmi_handle_free(buffer);
  tmi_context_release(context);
}

void tmi_buffer_release(tm_buffer *buffer) {
  if (!buffer || tmi_is_forked(buffer->context) ||
      atomic_fetch_sub(&buffer->references, 1) != 1)
    return;
  if (!buffer->ended) {
    free_buffer(buffer);
    return;
  }
  tm_context *context = buffer->context;
  tm_buffer *first = atomic_load(&context->ended);
  do buffer->next_ended = first;
  while (!atomic_compare_exchange_weak(&context->ended, &first, buffer));
}

void tmi_buffers_end(tm_context *context) {
  if (!atomic_load_explicit(&context->ended, memory_order_relaxed)) return;
  tm_buffer *buffer = atomic_exchange(&context->ended, NULL);
  while (buffer) {
    tm_buffer *next = buffer->next_ended;
    void (*ended)(void *) = buffer->ended;
    void *payload = buffer->payload;
    /* The MTLBuffer goes first: it maps what the owner may now free. */
    free_buffer(buffer);
    ended(payload);
    buffer = next;
  }
}

void tm_buffer_destroy(tm_buffer *buffer) {
  if (!buffer || !tmi_handle_drop(buffer, TMI_BUFFER, __func__) ||
      tmi_is_forked(buffer->context))
    return;
  tm_context *context = buffer->context;
  tmi_exposed_forget(buffer);
  forget_pages(buffer);
  /* Whoever gives up the context's last object still needs it here. */
  tmi_context_retain(context);
  tmi_buffer_release(buffer);
  tmi_buffers_end(context);
  tmi_context_release(context);
}

/* ---- making buffers ----------------------------------------------------- */

/* What begins every way of making a buffer. */
static tm_status begin(tm_buffer **buffer, tm_context *context,
                       tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(buffer != NULL, error);
  *buffer = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
  return TM_OK;
}

static tm_status too_large(tm_context *context, uint64_t size,
                           tm_error **error) {
  return tmi_fail(error, TM_E_LIMIT,
                  "a buffer of %llu bytes is over the device's limit of %llu",
                  (unsigned long long)size,
                  (unsigned long long)context->device.max_buffer);
}

tm_status tm_buffer_create(tm_buffer **out, tm_context *context, uint64_t size,
                           const tm_buffer_options *given, tm_error **error) {
  tm_status status = begin(out, context, error);
  if (!status) status = tmi_buffer_create(out, context, size, given, error);
  tmi_handle_add(status ? NULL : *out, TMI_BUFFER);
  return status;
}

tm_status tmi_buffer_create(tm_buffer **out, tm_context *context,
                            uint64_t size, const tm_buffer_options *given,
                            tm_error **error) {
  tm_buffer_options options;
  tm_status status = tmi_options(&options, sizeof options, sizeof options, given,
                       "tm_buffer_options", error);
  if (status) return status;
  TMI_CHECK(size > 0, error);
  if ((status = tmi_context_device(context, error))) return status;
  tm_buffer *buffer = new_buffer(context);
  if (!buffer) return tmi_fail_memory(error);
  if (!tmi_memory_class(context, buffer, size)) {
    status = too_large(context, size, error);
    drop_buffer(buffer);
    return status;
  }
  bool reused;
  if (!tmi_memory_find(context, buffer, &reused)) {
    drop_buffer(buffer);
    return tmi_fail(error, TM_E_MEMORY,
                    "Metal has no memory for a buffer of %llu bytes",
                    (unsigned long long)size);
  }
  if (options.zero) memset(buffer->contents, 0, size);
  tmi_pool_count(&context->pool, buffer, reused);
  *out = buffer;
  return TM_OK;
}

/* Maps the pages that enclose size bytes at pointer. */
static bool map_pages(tm_buffer *buffer, void *pointer, uint64_t size,
                      uint64_t page) {
  uint64_t into = (uintptr_t)pointer % page;
  uint64_t length = (into + size + page - 1) / page * page;
  unsigned char *start = (unsigned char *)pointer - into;
  buffer->object = mapped_pages(buffer->context, start, length);
  if (!buffer->object)
    buffer->object =
        tm_metal_buffer_wrap(&buffer->context->device, start, length);
  if (!buffer->object) return false;
  buffer->contents = pointer;
  buffer->offset = into;
  buffer->size = size;
  buffer->capacity = length;
  return true;
}

/* A copy of the caller's memory, in memory of the pool. */
static bool copy_in(tm_buffer *buffer, void *pointer, uint64_t size,
                    bool *reused) {
  if (!tmi_memory_class(buffer->context, buffer, size) ||
      !tmi_memory_find(buffer->context, buffer, reused))
    return false;
  memcpy(buffer->contents, pointer, size);
  buffer->host = pointer;
  return true;
}

tm_status tmi_buffer_wrap(tm_buffer **out, tm_context *context, void *pointer,
                          uint64_t size, tm_error **error) {
  tm_status status = tmi_context_device(context, error);
  if (status) return status;
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t most = context->device.max_buffer;
  if (size > most || (uintptr_t)pointer % page + size > most ||
      (uintptr_t)pointer > UINT64_MAX - page - size)
    return too_large(context, size, error);
  tm_buffer *buffer = new_buffer(context);
  if (!buffer) return tmi_fail_memory(error);
  bool reused = false;
  if (!map_pages(buffer, pointer, size, page) &&
      !copy_in(buffer, pointer, size, &reused)) {
    drop_buffer(buffer);
    return tmi_fail(error, TM_E_MEMORY,
                    "Metal cannot map %llu bytes of the caller's memory, and "
                    "has no memory for a copy",
                    (unsigned long long)size);
  }
  if (!buffer->host)
    remember_pages(buffer);
  else
    tmi_log(context, 1, "%llu bytes of the caller's memory cannot be mapped: "
            "copied", (unsigned long long)size);
  tmi_pool_count(&context->pool, buffer, reused);
  *out = buffer;
  return TM_OK;
}

tm_status tm_buffer_wrap(tm_buffer **out, tm_context *context, void *pointer,
                         uint64_t size, tm_error **error) {
  tm_status status = begin(out, context, error);
  if (status) return status;
  TMI_CHECK(pointer != NULL, error);
  TMI_CHECK(size > 0, error);
  status = tmi_buffer_wrap(out, context, pointer, size, error);
  tmi_handle_add(*out, TMI_BUFFER);
  return status;
}

tm_status tmi_buffer_import(tm_buffer **out, tm_context *context,
                            void *mtl_buffer, uint64_t offset, uint64_t size,
                            tm_error **error) {
  tm_status status = tmi_context_device(context, error);
  if (status) return status;
  if (!tm_metal_buffer_belongs(mtl_buffer, &context->device))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the object is not an MTLBuffer of this context's device");
  uint64_t length = tm_metal_buffer_length(mtl_buffer);
  if (offset >= length || size > length - offset)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "%llu bytes from offset %llu are not in a buffer of %llu",
                    (unsigned long long)size, (unsigned long long)offset,
                    (unsigned long long)length);
  tm_buffer *buffer = new_buffer(context);
  if (!buffer) return tmi_fail_memory(error);
  buffer->object = tm_mtl.retain(mtl_buffer);
  unsigned char *contents = tm_metal_buffer_contents(mtl_buffer);
  buffer->contents = contents ? contents + offset : NULL;
  buffer->offset = offset;
  buffer->size = size ? size : length - offset;
  tmi_pool_count(&context->pool, buffer, false);
  *out = buffer;
  return TM_OK;
}

tm_status tm_buffer_import(tm_buffer **out, tm_context *context,
                           void *mtl_buffer, uint64_t offset, uint64_t size,
                           tm_error **error) {
  tm_status status = begin(out, context, error);
  if (status) return status;
  TMI_CHECK(mtl_buffer != NULL, error);
  status = tmi_buffer_import(out, context, mtl_buffer, offset, size, error);
  tmi_handle_add(*out, TMI_BUFFER);
  return status;
}

/* ---- looking at them ---------------------------------------------------- */

void *tm_buffer_contents(const tm_buffer *buffer) {
  return TMI_IS_THERE(buffer, TMI_BUFFER) ? buffer->contents : NULL;
}
uint64_t tm_buffer_size(const tm_buffer *buffer) {
  return TMI_IS_THERE(buffer, TMI_BUFFER) ? buffer->size : 0;
}
void *tm_buffer_metal(const tm_buffer *buffer, uint64_t *offset) {
  bool is_there = TMI_IS_THERE(buffer, TMI_BUFFER);
  if (offset) *offset = is_there ? buffer->offset : 0;
  return is_there ? buffer->object : NULL;
}
uint32_t tm_buffer_is_copy(const tm_buffer *buffer) {
  return TMI_IS_THERE(buffer, TMI_BUFFER) && buffer->host;
}

tm_status tm_buffer_write_back(tm_buffer *buffer, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(buffer, TMI_BUFFER, error);
  TMI_CHECK_ALIVE(buffer, error);
  if (!buffer->host) return TM_OK;
  if (buffer->is_read_only)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the memory that the buffer is a copy of is read-only");
  memcpy(buffer->host, buffer->contents, buffer->size);
  return TM_OK;
}
