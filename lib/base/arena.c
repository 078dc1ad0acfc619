/* SPDX-License-Identifier: MIT */
/*
 * arena.c - bump allocation that is freed whole.
 *
 * Blocks are chained, newest first, and double in size up to 1 MiB so that a
 * tiny compile stays small and a large one makes few system calls. Memory is
 * zeroed as it is handed out: it is about to be written, and what is left of
 * a block costs nothing.
 */
#include "base.h"

#include <stdlib.h>

enum {
  FIRST_BLOCK = 16 * 1024,
  LARGEST_BLOCK = 1024 * 1024,
  ALIGNMENT = 16 /* of long double and SSE vectors: the widest we store */
};

struct tm_arena_block {
  struct tm_arena_block *older;
  size_t size, used; /* bytes after the header */
};

/* The header rounded up so that the first object is aligned. */
#define HEADER \
  ((sizeof(struct tm_arena_block) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1))

void tm_arena_init(tm_arena *arena, size_t limit) {
  memset(arena, 0, sizeof *arena);
  arena->limit = limit ? limit : (size_t)1 << 30;
}

void tm_arena_free(tm_arena *arena) {
  struct tm_arena_block *block = arena->block;
  while (block) {
    struct tm_arena_block *older = block->older;
    free(block);
    block = older;
  }
  tm_arena_init(arena, arena->limit);
}

static TM_NORETURN void exhausted(tm_arena *arena) {
  arena->exhausted = true;
  /* An unarmed arena has no boundary to report to; every public entry arms
   * its arenas before the first allocation. */
  if (!arena->guard) abort();
  TM_LONGJMP(*arena->guard, 1);
}

static void add_block(tm_arena *arena, size_t need) {
  size_t size = arena->block ? arena->block->size * 2 : FIRST_BLOCK;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size < need) size = need;
  struct tm_arena_block *block = malloc(HEADER + size);
  if (!block) exhausted(arena);
  block->size = size;
  block->used = 0;
  block->older = arena->block;
  arena->block = block;
}

void *tm_alloc(tm_arena *arena, size_t size) {
  if (size > arena->limit || arena->used > arena->limit - size)
    exhausted(arena);
  size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  struct tm_arena_block *block = arena->block;
  if (!block || block->size - block->used < size) {
    add_block(arena, size);
    block = arena->block;
  }
  void *memory = (char *)block + HEADER + block->used;
  block->used += size;
  arena->used += size;
  return memset(memory, 0, size);
}

void *tm_alloc_array(tm_arena *arena, size_t count, size_t size) {
  if (size && count > SIZE_MAX / 2 / size) exhausted(arena);
  return tm_alloc(arena, count * size);
}

char *tm_strndup(tm_arena *arena, const char *text, size_t n) {
  char *copy = tm_alloc(arena, n + 1);
  if (n) memcpy(copy, text, n);
  return copy;
}
