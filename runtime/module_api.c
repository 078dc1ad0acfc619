/* SPDX-License-Identifier: MIT */
/*
 * module_api.c - tm_module: parsed source with the modules it imports.
 *
 * A set never holds a module with syntax errors. The first module makes its
 * set, so a failure drops both; one that is added later is parsed into a
 * scratch set first, so that adding is all or nothing.
 */
#include "handles.h"
#include "module.h"

#include <stdlib.h>
#include <string.h>

enum {
  /* A module of n bytes needs 9 n to 20 n of tree; this bounds hostile ones
   * while letting any real file through. */
  ARENA_LIMIT_MB = 2048
};

tmi_module_box *tmi_module_box_of(const tm_module *module) {
  return (tmi_module_box *)(void *)module->owner->arena;
}

void tmi_module_retain(const tm_module *module) {
  tmi_module_box_of(module)->references++;
}

void tmi_module_release(const tm_module *module) {
  if (!module) return;
  tmi_module_box *box = tmi_module_box_of(module);
  if (--box->references) return;
  tm_arena_free(&box->arena);
  free(box);
}

/* ---- parsing ------------------------------------------------------------ */

/* TM_OK when text parses without errors by itself. */
static tm_status check_syntax(const char *name, const char *file_name,
                              tm_str text, tm_error **error) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, (size_t)ARENA_LIMIT_MB << 20);
  volatile tm_status status = TM_OK;
  if (tm_arena_guard(&arena, guard)) {
    tm_diags diags;
    tm_diags_init(&diags, &arena);
    tm_modules *set = tm_modules_create(&arena, &diags);
    tm_module_parse_text(set, name, file_name, text);
    if (diags.errors) status = tmi_fail_diags(error, &diags);
  } else {
    status = tmi_fail_memory(error);
  }
  tm_arena_free(&arena);
  return status;
}

/* Parses a copy of text into set; the set's arena must be armed. */
static tm_module *parse_into(tm_modules *set, const char *name,
                             const char *file_name, tm_str text,
                             bool is_package) {
  const char *copy = tm_strndup(set->arena, text.ptr, text.len);
  text.ptr = copy;
  return is_package ? tm_module_parse_package(set, name, file_name, text)
                    : tm_module_parse_text(set, name, file_name, text);
}

/* Parses the first module into an empty box; what fails is told, and the
 * caller frees the box. */
static tm_status open_box(tmi_module_box *box, tm_module **module,
                          const char *name, const char *file_name,
                          tm_str text, bool is_package, tm_error **error) {
  jmp_buf guard;
  if (!tm_arena_guard(&box->arena, guard)) return tmi_fail_memory(error);
  tm_diags_init(&box->diags, &box->arena);
  tm_modules *set = tm_modules_create(&box->arena, &box->diags);
  *module = parse_into(set, name, file_name, text, is_package);
  box->arena.guard = NULL;
  return box->diags.errors ? tmi_fail_diags(error, &box->diags) : TM_OK;
}

tm_status tmi_module_open(tm_module **module, const char *name,
                          const char *file_name, const char *text,
                          size_t length, bool is_package, tm_error **error) {
  tmi_module_box *box = calloc(1, sizeof *box);
  if (!box) return tmi_fail_memory(error);
  tm_arena_init(&box->arena, (size_t)ARENA_LIMIT_MB << 20);
  box->references = 1;
  box->generation = 1;
  tm_status status = open_box(box, module, name, file_name,
                              (tm_str){text, length}, is_package, error);
  if (!status) return TM_OK;
  *module = NULL;
  tm_arena_free(&box->arena);
  free(box);
  return status;
}

static tm_status read_options(const tm_module_options *given,
                              tm_module_options *options, const char *text,
                              size_t length, tm_error **error) {
  tm_status status =
      tmi_options(options, sizeof *options, sizeof *options, given,
                  "tm_module_options", error);
  if (status) return status;
  if (!text && length)
    return tmi_fail(error, TM_E_ARGUMENT, "text is NULL");
  return TM_OK;
}

tm_status tm_module_parse(tm_module **module, const char *name,
                          const char *file_name, const char *text,
                          size_t length, const tm_module_options *given,
                          tm_error **error) {
  tmi_begin(error);
  if (!module) return tmi_fail(error, TM_E_ARGUMENT, "module is NULL");
  *module = NULL;
  tm_module_options options;
  tm_status status = read_options(given, &options, text, length, error);
  if (status) return status;
  status = tmi_module_open(module, name ? name : "__main__",
                           file_name ? file_name : "<text>", text ? text : "",
                           length, options.is_package != 0, error);
  tmi_handle_add(*module, TMI_MODULE);
  return status;
}

static tm_status add_module(tm_module *module, const char *name,
                            const char *file_name, tm_str source,
                            bool is_package, tm_error **error) {
  tm_status status = check_syntax(name, file_name, source, error);
  if (status) return status;
  tmi_module_box *box = tmi_module_box_of(module);
  uint32_t before = module->owner->list.len;
  jmp_buf guard;
  if (!tm_arena_guard(&box->arena, guard)) {
    module->owner->list.len = before;
    box->arena.guard = NULL;
    return tmi_fail_memory(error);
  }
  parse_into(module->owner, name, file_name, source, is_package);
  box->generation++;
  box->arena.guard = NULL;
  return TM_OK;
}

tm_status tm_module_add(tm_module *module, const char *name,
                        const char *file_name, const char *text,
                        size_t length, const tm_module_options *given,
                        tm_error **error) {
  tmi_begin(error);
  if (!module) return tmi_fail(error, TM_E_ARGUMENT, "module is NULL");
  if (!tmi_handle_is_ok(module, TMI_MODULE))
    return tmi_fail_handle(module, TMI_MODULE, __func__, error);
  if (!name || !*name) return tmi_fail(error, TM_E_ARGUMENT, "name is empty");
  tm_module_options options;
  tm_status status = read_options(given, &options, text, length, error);
  if (status) return status;
  if (tm_modules_find(module->owner, name))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the set already has a module named '%s'", name);
  tm_str source = {text ? text : "", length};
  return add_module(module, name, file_name ? file_name : "<text>", source,
                    options.is_package != 0, error);
}

void tm_module_destroy(tm_module *module) {
  if (module && tmi_handle_drop(module, TMI_MODULE, __func__))
    tmi_module_release(module);
}

/* ---- what the set lacks ------------------------------------------------- */

static void note_missing(void *payload, const char *name) {
  tmi_module_box *box = payload;
  if (tm_map_get(&box->asked, TM_KEY(name), NULL)) return; /* an interned name */
  tm_map_put(&box->asked, TM_KEY(name), 1);
  tm_push(&box->arena, &box->missing, name);
}

/* Walks every import of the set: once a walk of the caller's, not once an
 * added module, or a package of n files would cost n times n. */
static void take_stock(tmi_module_box *box, const tm_modules *set) {
  box->missing.len = 0;
  box->asked = tm_map_in(&box->arena);
  for (uint32_t i = 0; i < set->list.len; i++)
    tm_module_missing_imports(set->list.data[i], note_missing, box);
  box->missing_generation = box->generation;
}

const char *tm_module_missing_import(tm_module *module, size_t index) {
  if (!TMI_IS_THERE(module, TMI_MODULE)) return NULL;
  tmi_module_box *box = tmi_module_box_of(module);
  bool stale = box->missing_generation != box->generation;
  if (stale && (index == 0 || !box->missing.len)) {
    jmp_buf guard;
    if (!tm_arena_guard(&box->arena, guard)) {
      box->arena.guard = NULL;
      return NULL;
    }
    take_stock(box, module->owner);
    box->arena.guard = NULL;
  }
  return index < box->missing.len ? box->missing.data[index] : NULL;
}

/* ---- kernels ------------------------------------------------------------ */

/* Calls back for each device function by the name it is asked for: defs that
 * a decorator makes kernels, then names bound to jit(f). */
static size_t each_kernel(const tm_module *module, size_t wanted,
                          const char **name) {
  size_t count = 0;
  for (uint32_t i = 0; i < module->functions.len; i++) {
    const tm_function_def *function = module->functions.data[i];
    if (tm_module_kernel(module, function->name) != function) continue;
    if (count++ == wanted) *name = function->name;
  }
  for (uint32_t i = 0; i < module->binders.len; i++) {
    const tm_stmt *stmt = module->binders.data[i];
    if (stmt->kind != TM_STMT_ASSIGN || stmt->targets.len != 1 ||
        stmt->targets.data[0]->kind != TM_EXPR_NAME)
      continue;
    const char *bound = stmt->targets.data[0]->name;
    if (tm_module_binding(module, bound) != stmt ||
        !tm_module_kernel(module, bound))
      continue;
    if (count++ == wanted) *name = bound;
  }
  return count;
}

tm_status tmi_fail_no_kernel(const tm_module *module, const char *name,
                             tm_error **error) {
  const tm_function_def *inner = tm_module_inner_kernel(module, name);
  if (inner)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "module '%s': kernel '%s' (line %u) is inside a function "
                    "or class: define it at module level, and pass what it "
                    "takes from around it as constexpr",
                    module->name, name, (unsigned)inner->loc.line);
  return tmi_fail(error, TM_E_NOT_FOUND,
                  "module '%s' has no kernel named '%s'", module->name, name);
}

size_t tm_module_kernel_count(const tm_module *module) {
  const char *none = NULL;
  return TMI_IS_THERE(module, TMI_MODULE)
             ? each_kernel(module, SIZE_MAX, &none)
             : 0;
}

const char *tm_module_kernel_name(const tm_module *module, size_t index) {
  const char *name = NULL;
  if (TMI_IS_THERE(module, TMI_MODULE)) each_kernel(module, index, &name);
  return name;
}

const char *tm_module_text(const tm_module *module) {
  if (!TMI_IS_THERE(module, TMI_MODULE)) return NULL;
  const tmi_module_box *box = tmi_module_box_of(module);
  return box->diags.sources.data[module->file - 1].text.ptr;
}
