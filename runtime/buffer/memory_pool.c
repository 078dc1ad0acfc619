/* SPDX-License-Identifier: MIT */
/*
 * memory_pool.c - freed GPU memory, kept for reuse.
 *
 * Making an MTLBuffer costs tens of microseconds, so the memory of a freed
 * buffer is kept by size class: powers of two with three steps between, at
 * least 256 bytes, so that at most a quarter is wasted.
 *
 *   tmi_memory_find   from the pool, else from Metal; when Metal has none,
 *                     what is kept is released and the request tried again
 *   tmi_memory_free   to the pool, else to Metal
 *
 * buffer_api.c calls the second only when the last reference to a buffer is gone,
 * and launches in flight hold one: memory is never handed out while the GPU
 * may still write to it.
 */
#define _GNU_SOURCE
#include "../context.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- the blocks that are kept -------------------------------------------- */

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
  pool->pooled_blocks--;
  return block;
}

void tmi_pool_trim(tmi_pool *pool, uint64_t keep) {
  tmi_block *all = NULL, *block;
  pthread_mutex_lock(&pool->lock);
  /* The largest first: few of them free much, and cost no more to make. */
  for (int i = TMI_SIZE_CLASSES - 1; i >= 0; i--)
    while (pool->pooled > keep && (block = take_block(pool, i)) != NULL) {
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
  tmi_pool_trim(pool, 0);
  pthread_mutex_destroy(&pool->lock);
}

/* Keeps a freed buffer's memory; false: the pool is full, or there is no
 * memory for the block itself. At most a quarter of what the device recommends
 * as working set is kept. */
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
    pool->pooled_blocks++;
  }
  pthread_mutex_unlock(&pool->lock);
  if (!kept) free(block);
  return kept;
}

/* ---- memory for buffers --------------------------------------------------- */

bool tmi_memory_class(const tm_context *context, tm_buffer *buffer,
                      uint64_t size) {
  buffer->size_class = class_of(size);
  if (buffer->size_class < 0 || size > context->device.max_buffer)
    return false;
  buffer->size = size;
  buffer->capacity = class_bytes(buffer->size_class);
  if (buffer->capacity > context->device.max_buffer || exact_sizes())
    buffer->capacity = size;
  return true;
}

bool tmi_memory_find(tm_context *context, tm_buffer *buffer, bool *reused) {
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
    tmi_pool_trim(pool, 0);
    buffer->object = tm_metal_buffer_new(&context->device, buffer->capacity);
  }
  if (!buffer->object) return false;
  buffer->contents = tm_metal_buffer_contents(buffer->object);
  if (buffer->contents) return true;
  tm_metal_release(buffer->object);
  return false;
}

void tmi_memory_free(tm_context *context, tm_buffer *buffer) {
  if (buffer->size_class < 0 || !keep_block(context, buffer))
    tm_metal_release(buffer->object);
}

/* ---- counting ------------------------------------------------------------- */

void tmi_pool_count(tmi_pool *pool, const tm_buffer *buffer, bool reused) {
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
  if (buffer->host) pool->copies += buffer->size;
  pthread_mutex_unlock(&pool->lock);
}

void tmi_pool_discount(tmi_pool *pool, const tm_buffer *buffer) {
  pthread_mutex_lock(&pool->lock);
  pool->buffers--;
  if (buffer->size_class < 0)
    pool->wrapped -= buffer->size;
  else
    pool->used -= buffer->capacity;
  if (buffer->host) pool->copies -= buffer->size;
  pthread_mutex_unlock(&pool->lock);
}

tm_status tm_memory_info(tm_context *context, tm_memory_facts *facts,
                         tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_CHECK_CONTEXT(context, error);
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
  now.pooled_blocks = pool->pooled_blocks;
  now.copies = pool->copies;
  pthread_mutex_unlock(&pool->lock);
  if (atomic_load(&context->has_device))
    now.device_limit = context->device.working_set;
  return tmi_facts(facts, &now, sizeof now,
                   offsetof(tm_memory_facts, pooled_blocks), "facts", error);
}

void tm_memory_trim(tm_context *context) {
  tm_memory_trim_to(context, 0);
}

void tm_memory_trim_to(tm_context *context, uint64_t keep) {
  if (TMI_IS_THERE(context, TMI_CONTEXT) && !tmi_is_forked(context))
    tmi_pool_trim(&context->pool, keep);
}

void tm_memory_reset_peak(tm_context *context) {
  if (!TMI_IS_THERE(context, TMI_CONTEXT) || tmi_is_forked(context)) return;
  pthread_mutex_lock(&context->pool.lock);
  context->pool.used_peak = context->pool.used;
  pthread_mutex_unlock(&context->pool.lock);
}
