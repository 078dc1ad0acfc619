/* SPDX-License-Identifier: MIT */
/*
 * coro.c - stacks for coroutines (coro.h).
 *
 * Stacks are mapped, not allocated: untouched pages cost nothing, and the
 * guard below is inaccessible so that an overflow becomes a fault that the
 * runner reports instead of a damaged neighbour.
 */
#define _GNU_SOURCE
#include "coro.h"

#include <stdint.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#include <sys/mman.h>
#include <unistd.h>

bool sm_stack_map(sm_stack *stack, size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t size = (bytes + page - 1) / page * page + SM_STACK_GUARD;
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  if (mprotect(base, SM_STACK_GUARD, PROT_NONE) != 0) {
    munmap(base, size);
    return false;
  }
  stack->base = base;
  stack->size = size;
  return true;
}

void sm_stack_unmap(sm_stack *stack) {
#if defined(__SANITIZE_ADDRESS__) /* what is mapped there next is no stack */
  if (stack->base) __asan_unpoison_memory_region(stack->base, stack->size);
#endif
  if (stack->base) munmap(stack->base, stack->size);
  stack->base = NULL;
  stack->size = 0;
}

bool sm_stack_has(const sm_stack *stack, const char *address) {
  return stack->base && address >= stack->base + SM_STACK_GUARD &&
         address <= stack->base + stack->size;
}

bool sm_stack_guards(const sm_stack *stack, const char *address) {
  return stack->base && address >= stack->base &&
         address < stack->base + SM_STACK_GUARD;
}

/* Lays out what the tail of sm_coro_switch pops; the order is that of the
 * assembly in coro_switch.S. */
void *sm_stack_prepare(const sm_stack *stack, void (*function)(void *),
                       void *argument) {
  uintptr_t top = (uintptr_t)(stack->base + stack->size) & ~(uintptr_t)63;
#if defined(__SANITIZE_ADDRESS__) /* frames that were left by an abort */
  __asan_unpoison_memory_region(stack->base + SM_STACK_GUARD,
                                stack->size - SM_STACK_GUARD);
#endif
  void (*start)(void) = sm_coro_start;
#if defined(__x86_64__)
  uint64_t *slot = (uint64_t *)top - 9;
  memset(slot, 0, 9 * sizeof(*slot));
  memcpy(&slot[2], &function, sizeof(function)); /* r12 */
  memcpy(&slot[1], &argument, sizeof(argument)); /* r13 */
  memcpy(&slot[6], &start, sizeof(start));       /* return address */
#else
  uint64_t *slot = (uint64_t *)top - 20;
  memset(slot, 0, 20 * sizeof(*slot));
  memcpy(&slot[0], &function, sizeof(function)); /* x19 */
  memcpy(&slot[1], &argument, sizeof(argument)); /* x20 */
  memcpy(&slot[11], &start, sizeof(start));      /* x30 */
#endif
  return slot;
}
