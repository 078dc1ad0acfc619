/* SPDX-License-Identifier: MIT */
/*
 * memory_pool.c - tm_buffer, and freed memory kept for reuse.
 *
 * Making an MTLBuffer costs tens of microseconds, so the memory of a freed
 * buffer is kept by size class: powers of two with three steps between, at
 * least 256 bytes, so that at most a quarter is wasted. A buffer goes back
 * only when its last reference does, and launches in flight hold one:
 * memory is never handed out while the GPU may still write to it. When Metal
 * has no more memory, what is kept is released and the request tried again.
 */
#define _GNU_SOURCE
#include "context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALLEST = 256, STEPS = 4 };

/* ---- size classes ------------------------------------------------------- */

/* Bytes of a class: 256, 320, 384, 448, 512, 640, ... */
static uint64_t class_bytes(int number) {
  uint64_t power = (uint64_t)SMALLEST << (number / STEPS);
  return power + power / STEPS * (uint64_t)(number % STEPS);
}

/* The smallest class of at least size bytes; -1: over the largest. */
static int class_of(uint64_t size) {
  for (int i = 0; i < TMI_SIZE_CLASSES; i++)
    if (class_bytes(i) >= size) return i;
  return -1;
}

/* A checker of accesses can only see past the end of what Metal was asked
 * for: when one is on, buffers get exactly their size and are not pooled. */
static bool exact_sizes(void) {
  static const char *const checkers[] = {"SOFTMETAL_CHECK",
                                         "MTL_SHADER_VALIDATION"};
  for (size_t i = 0; i < TM_COUNT(checkers); i++) {
    const char *set = getenv(checkers[i]);
    if (set && *set && strcmp(set, "0") != 0) return true;
  }
  return false;
}

/* ---- the pool ----------------------------------------------------------- */

void tmi_pool_init(tmi_pool *pool) {
  memset(pool, 0, sizeof *pool);
  pthread_mutex_init(&pool->lock, NULL);
}

/* Takes the first kept block of the class; lock held. */
static tmi_block *take_block(tmi_pool *pool, int size_class) {
  tmi_block *block = pool->free[size_class];
  if (!block) return NULL;
  pool->free[size_class] = block->next;
  pool->pooled -= class_bytes(size_class);
  return block;
}

void tmi_pool_trim(tmi_pool *pool) {
  tmi_block *all = NULL, *block;
  pthread_mutex_lock(&pool->lock);
  for (int i = 0; i < TMI_SIZE_CLASSES; i++)
    while ((block = take_block(pool, i)) != NULL) {
      block->next = all;
      all = block;
    }
  pthread_mutex_unlock(&pool->lock);
  while ((block = all) != NULL) {
    all = block->next;
    tm_metal_release(block->object);
    free(block);
  }
}

void tmi_pool_free(tmi_pool *pool) {
  tmi_pool_trim(pool);
  pthread_mutex_destroy(&pool->lock);
}

static void count_new(tmi_pool *pool, const tm_buffer *buffer, bool reused) {
  pthread_mutex_lock(&pool->lock);
  pool->buffers++;
  if (buffer->size_class < 0) {
    pool->wrapped += buffer->size;
  } else {
    pool->requests++;
    pool->reuses += reused;
    pool->used += buffer->capacity;
    if (pool->used > pool->used_peak) pool->used_peak = pool->used;
  }
  pthread_mutex_unlock(&pool->lock);
}

/* Gives a freed buffer's memory to the pool; false: it is full, or there is
 * no memory for the block itself. At most a quarter of what the device
 * recommends as working set is kept. */
static bool keep_block(tm_context *context, const tm_buffer *buffer) {
  tmi_pool *pool = &context->pool;
  /* One that was cut to the device's limit is smaller than its class. */
  if (buffer->capacity != class_bytes(buffer->size_class)) return false;
  tmi_block *block = malloc(sizeof *block);
  if (!block) return false;
  *block = (tmi_block){NULL, buffer->object, buffer->contents};
  pthread_mutex_lock(&pool->lock);
  bool kept =
      pool->pooled + buffer->capacity <= context->device.working_set / 4;
  if (kept) {
    block->next = pool->free[buffer->size_class];
    pool->free[buffer->size_class] = block;
    pool->pooled += buffer->capacity;
  }
  pthread_mutex_unlock(&pool->lock);
  if (!kept) free(block);
  return kept;
}

void tmi_buffer_release(tm_buffer *buffer) {
  if (!buffer || atomic_fetch_sub(&buffer->references, 1) != 1) return;
  tm_context *context = buffer->context;
  tmi_pool *pool = &context->pool;
  pthread_mutex_lock(&pool->lock);
  pool->buffers--;
  if (buffer->size_class < 0)
    pool->wrapped -= buffer->size;
  else
    pool->used -= buffer->capacity;
  pthread_mutex_unlock(&pool->lock);
  if (buffer->size_class < 0 || !keep_block(context, buffer))
    tm_metal_release(buffer->object);
  free(buffer);
  tmi_context_release(context);
}

void tm_buffer_destroy(tm_buffer *buffer) {
  if (buffer) tmi_exposed_forget(buffer);
  tmi_buffer_release(buffer);
}

/* ---- making buffers ----------------------------------------------------- */

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

/* What begins every way of making a buffer. */
static tm_status begin(tm_buffer **buffer, tm_context *context,
                       tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(buffer != NULL, error);
  *buffer = NULL;
  TMI_CHECK(context != NULL, error);
  return TM_OK;
}

static tm_status too_large(tm_context *context, uint64_t size,
                           tm_error **error) {
  return tmi_fail(error, TM_E_LIMIT,
                  "a buffer of %llu bytes is over the device's limit of %llu",
                  (unsigned long long)size,
                  (unsigned long long)context->device.max_buffer);
}

/* Fills in object and contents, from the pool or from Metal. */
static bool find_memory(tm_context *context, tm_buffer *buffer, bool *reused) {
  tmi_pool *pool = &context->pool;
  tmi_block *block = NULL;
  pthread_mutex_lock(&pool->lock);
  if (buffer->capacity == class_bytes(buffer->size_class))
    block = take_block(pool, buffer->size_class);
  pthread_mutex_unlock(&pool->lock);
  *reused = block != NULL;
  if (block) {
    buffer->object = block->object;
    buffer->contents = block->contents;
    free(block);
    return true;
  }
  buffer->object = tm_metal_buffer_new(&context->device, buffer->capacity);
  if (!buffer->object) {
    tmi_pool_trim(pool);
    buffer->object = tm_metal_buffer_new(&context->device, buffer->capacity);
  }
  if (!buffer->object) return false;
  buffer->contents = tm_metal_buffer_contents(buffer->object);
  return true;
}

tm_status tm_buffer_create(tm_buffer **out, tm_context *context, uint64_t size,
                           const tm_buffer_options *given, tm_error **error) {
  tm_status status = begin(out, context, error);
  if (status) return status;
  tm_buffer_options options;
  status = tmi_options(&options, sizeof options, sizeof options, given,
                       "tm_buffer_options", error);
  if (status) return status;
  TMI_CHECK(size > 0, error);
  if ((status = tmi_context_device(context, error))) return status;
  int size_class = class_of(size);
  if (size_class < 0 || size > context->device.max_buffer)
    return too_large(context, size, error);
  tm_buffer *buffer = new_buffer(context);
  if (!buffer) return tmi_fail_memory(error);
  buffer->size = size;
  buffer->size_class = size_class;
  buffer->capacity = class_bytes(size_class);
  if (buffer->capacity > context->device.max_buffer || exact_sizes())
    buffer->capacity = size;
  bool reused;
  if (!find_memory(context, buffer, &reused)) {
    drop_buffer(buffer);
    return tmi_fail(error, TM_E_MEMORY,
                    "Metal has no memory for a buffer of %llu bytes",
                    (unsigned long long)size);
  }
  if (options.zero) memset(buffer->contents, 0, size);
  count_new(&context->pool, buffer, reused);
  *out = buffer;
  return TM_OK;
}

tm_status tm_buffer_wrap(tm_buffer **out, tm_context *context, void *pointer,
                         uint64_t size, tm_error **error) {
  tm_status status = begin(out, context, error);
  if (status) return status;
  TMI_CHECK(pointer != NULL, error);
  TMI_CHECK(size > 0, error);
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  if ((uintptr_t)pointer % page)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the memory to wrap starts %llu bytes into a page of "
                    "%llu: Metal maps whole pages (use mmap or "
                    "posix_memalign, or wrap from the page's start and pass "
                    "an offset)",
                    (unsigned long long)((uintptr_t)pointer % page),
                    (unsigned long long)page);
  if ((status = tmi_context_device(context, error))) return status;
  uint64_t length = size + (page - size % page) % page;
  if (length < size || length > context->device.max_buffer)
    return too_large(context, size, error);
  tm_buffer *buffer = new_buffer(context);
  if (!buffer) return tmi_fail_memory(error);
  buffer->object = tm_metal_buffer_wrap(&context->device, pointer, length);
  if (!buffer->object) {
    drop_buffer(buffer);
    return tmi_fail(error, TM_E_MEMORY,
                    "Metal cannot map %llu bytes of the caller's memory",
                    (unsigned long long)size);
  }
  buffer->contents = pointer;
  buffer->size = size;
  count_new(&context->pool, buffer, false);
  *out = buffer;
  return TM_OK;
}

tm_status tm_buffer_import(tm_buffer **out, tm_context *context,
                           void *mtl_buffer, uint64_t offset, uint64_t size,
                           tm_error **error) {
  tm_status status = begin(out, context, error);
  if (status) return status;
  TMI_CHECK(mtl_buffer != NULL, error);
  if ((status = tmi_context_device(context, error))) return status;
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
  count_new(&context->pool, buffer, false);
  *out = buffer;
  return TM_OK;
}

/* ---- looking at them ---------------------------------------------------- */

void *tm_buffer_contents(const tm_buffer *buffer) {
  return buffer ? buffer->contents : NULL;
}
uint64_t tm_buffer_size(const tm_buffer *buffer) {
  return buffer ? buffer->size : 0;
}
void *tm_buffer_metal(const tm_buffer *buffer, uint64_t *offset) {
  if (offset) *offset = buffer ? buffer->offset : 0;
  return buffer ? buffer->object : NULL;
}

tm_status tm_memory_info(tm_context *context, tm_memory_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(context != NULL, error);
  tmi_pool *pool = &context->pool;
  tm_memory_facts now = TM_MEMORY_FACTS_INIT;
  pthread_mutex_lock(&pool->lock);
  now.used = pool->used;
  now.used_peak = pool->used_peak;
  now.pooled = pool->pooled;
  now.wrapped = pool->wrapped;
  now.buffers = pool->buffers;
  now.requests = pool->requests;
  now.reuses = pool->reuses;
  pthread_mutex_unlock(&pool->lock);
  if (atomic_load(&context->has_device))
    now.device_limit = context->device.working_set;
  return tmi_facts(facts, &now, sizeof now, sizeof now, "facts", error);
}

void tm_memory_trim(tm_context *context) {
  if (context) tmi_pool_trim(&context->pool);
}
