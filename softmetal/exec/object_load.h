/* SPDX-License-Identifier: MIT */
/* object_load.h - kernels' objects loaded without LLVM; object_load.c. */
#ifndef SM_OBJECT_LOAD_H
#define SM_OBJECT_LOAD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sm_object_image {
  void *base; /* NULL: nothing is loaded */
  size_t size;
  void *meta, *line, *any; /* sm_kernel_meta ...; NULL: absent */
} sm_object_image;

/* False when the object is none of those that this loader knows; any bytes
 * are fine. The object may go afterwards. */
bool sm_object_load(const void *object, size_t size, sm_object_image *image);
void sm_object_unload(sm_object_image *image); /* an empty one is fine */

#endif
