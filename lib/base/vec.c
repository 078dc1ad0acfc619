/* SPDX-License-Identifier: MIT */
/* vec.c - growth of arena vectors. The old array is left to the arena: with
 * doubling, what is left behind is never more than what is in use. */
#include "base.h"

typedef TM_VEC(char) any_vec; /* every TM_VEC has this shape */

void tm_vec_grow(tm_arena *arena, void *vec, size_t item, uint32_t need) {
  any_vec *v = vec;
  uint32_t cap = v->cap ? v->cap : 2;
  while (cap < need) cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
  char *data = tm_alloc_array(arena, cap, item);
  if (v->len) memcpy(data, v->data, (size_t)v->len * item);
  v->data = data;
  v->cap = cap;
}
