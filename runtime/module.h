/* SPDX-License-Identifier: MIT */
/*
 * module.h - what lies around a public tm_module.
 *
 * The public handle is the module of the tree itself (lib/lang/ast.h). Its
 * set lives in the arena of a module_box, which owns the texts and counts
 * references: kernels and functions keep the box, not the handle.
 */
#ifndef TM_RUNTIME_MODULE_H
#define TM_RUNTIME_MODULE_H

#include "error.h"

#include "../lib/lang/ast.h"

typedef struct tmi_module_box {
  tm_arena arena;     /* first: found from tm_modules.arena */
  tm_diags diags;
  _Atomic int references;
  uint64_t generation; /* grows with every module that is added */
  TM_VEC(const char *) missing; /* tm_module_missing_import's answer */
  tm_map asked;                 /* the names in it */
  uint64_t missing_generation;  /* the one that it was made for */
} tmi_module_box;

/* The box of a module; retain and release it. */
tmi_module_box *tmi_module_box_of(const tm_module *module);
void tmi_module_retain(const tm_module *module);
void tmi_module_release(const tm_module *module);

/* TM_E_NOT_FOUND; or, where the kernel is inside a function or class, why it
 * cannot be compiled. */
tm_status tmi_fail_no_kernel(const tm_module *module, const char *name,
                             tm_error **error);

/* Parses text (copied) as the first module of a new box. */
tm_status tmi_module_open(tm_module **module, const char *name,
                          const char *file_name, const char *text,
                          size_t length, bool is_package, tm_error **error);

#endif
