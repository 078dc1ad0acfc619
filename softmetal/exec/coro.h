/* SPDX-License-Identifier: MIT */
/*
 * coro.h - stacks and the switch between them.
 *
 * A context is nothing but a saved stack pointer: the callee-saved registers
 * lie on the stack below it. sm_coro_switch saves the caller's and continues
 * another one. Contexts that are abandoned need no clean-up: their stack is
 * prepared again.
 */
#ifndef SM_CORO_H
#define SM_CORO_H

#include <stdbool.h>
#include <stddef.h>

/* Saves this context in *from and continues `to`. Returns when somebody
 * continues *from. (coro_<machine>.S) */
void sm_coro_switch(void **from, void *to);

/* Where a prepared stack starts; calls the function that prepare left. */
void sm_coro_start(void);

typedef struct sm_stack {
  char *base;  /* the guard, lowest address */
  size_t size; /* with the guard */
} sm_stack;

/* Bytes below a stack that nobody can touch. A frame that is too large moves
 * the stack pointer by all of its size at once: the guard is far larger than
 * a page, so that it is met and not passed over. */
enum { SM_STACK_GUARD = 1 << 20 };

/* Maps a stack with at least bytes of room and a guard below. */
bool sm_stack_map(sm_stack *stack, size_t bytes);
void sm_stack_unmap(sm_stack *stack);
/* Is the address in the stack's room; in its guard? */
bool sm_stack_has(const sm_stack *stack, const char *address);
bool sm_stack_guards(const sm_stack *stack, const char *address);

/* A context on the stack that will call function(argument), which must never
 * return. */
void *sm_stack_prepare(const sm_stack *stack, void (*function)(void *),
                       void *argument);

#endif
