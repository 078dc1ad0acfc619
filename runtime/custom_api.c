/* SPDX-License-Identifier: MIT */
/* custom_api.c - tm_module_add_custom: operations of the host's own, which
 * kernels call as tl.custom("name", ...). They are part of the module's set,
 * and so of every key. */
#include "handles.h"
#include "module.h"

#include <stdio.h>
#include <string.h>

static tm_status check_name(const tm_module *module, const char *name,
                            tm_error **error) {
  size_t n = 0;
  for (; name[n]; n++) {
    char c = name[n];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(n && c >= '0' && c <= '9')) break;
  }
  if (!n || name[n])
    return tmi_fail(error, TM_E_ARGUMENT,
                    "'%s' is no name: letters, digits and _ make one", name);
  if (tm_custom_find(module->owner, name))
    return tmi_fail(error, TM_E_ARGUMENT,
                    "there already is a custom operation '%s'", name);
  return TM_OK;
}

/* Puts a copy of custom into the set; false without memory. */
static bool add_entry(tm_module *module, tm_custom custom, const char *name) {
  tmi_module_box *box = tmi_module_box_of(module);
  tm_modules *set = module->owner;
  jmp_buf guard;
  if (!tm_arena_guard(&box->arena, guard)) {
    box->arena.guard = NULL;
    return false;
  }
  custom.name = tm_intern_cstr(&set->names, name);
  custom.text.ptr = tm_strndup(set->arena, custom.text.ptr, custom.text.len);
  if (custom.signature)
    custom.signature = tm_strndup(set->arena, custom.signature,
                                  strlen(custom.signature));
  tm_push(set->arena, &set->customs, custom);
  box->generation++;
  box->arena.guard = NULL;
  return true;
}

/* A jit function called name, in a module of its own. */
static tm_status add_triton(tm_module *module, const char *name, tm_str text,
                            tm_error **error) {
  tm_modules *set = module->owner;
  char path[300], shown[300];
  if (strlen(name) > 200)
    return tmi_fail(error, TM_E_ARGUMENT, "the name is over 200 letters long");
  snprintf(path, sizeof path, "triton_metal.custom.%s", name);
  snprintf(shown, sizeof shown, "custom:%s", name);
  uint32_t before = set->list.len;
  tm_status status = tm_module_add(module, path, shown, text.ptr, text.len,
                                   NULL, error);
  if (status) return status;
  tm_module *own = tm_modules_find(set, path);
  if (!tm_module_kernel(own, name)) {
    set->list.len = before;
    return tmi_fail(error, TM_E_ARGUMENT,
                    "the source has no @triton.jit function '%s'", name);
  }
  if (add_entry(module, (tm_custom){.module = own}, name)) return TM_OK;
  set->list.len = before;
  return tmi_fail_memory(error);
}

/* A function of elements, in MSL. */
static tm_status add_msl(tm_module *module, const char *name,
                         const char *signature, tm_str text,
                         tm_error **error) {
  tm_custom custom = {.signature = signature, .text = text};
  const char *wrong = tm_custom_signature(signature, &custom);
  if (wrong) return tmi_fail(error, TM_E_ARGUMENT, "%s", wrong);
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 1 << 20);
  volatile tm_status status = TM_OK;
  if (tm_arena_guard(&arena, guard)) {
    wrong = tm_custom_text(&arena, name, text);
    if (wrong)
      status = tmi_fail(error, TM_E_ARGUMENT, "custom operation '%s': %s",
                        name, wrong);
  } else {
    status = tmi_fail_memory(error);
  }
  tm_arena_free(&arena);
  if (status) return status;
  return add_entry(module, custom, name) ? TM_OK : tmi_fail_memory(error);
}

tm_status tm_module_add_custom(tm_module *module, const char *name,
                               const char *signature, const char *text,
                               size_t length, tm_error **error) {
  tmi_begin(error);
  if (!module) return tmi_fail(error, TM_E_ARGUMENT, "module is NULL");
  if (!tmi_handle_is_ok(module, TMI_MODULE))
    return tmi_fail_handle(module, TMI_MODULE, __func__, error);
  if (!name) return tmi_fail(error, TM_E_ARGUMENT, "name is NULL");
  if (!text) return tmi_fail(error, TM_E_ARGUMENT, "text is NULL");
  tm_status status = check_name(module, name, error);
  if (status) return status;
  tm_str source = {text, length};
  return signature ? add_msl(module, name, signature, source, error)
                   : add_triton(module, name, source, error);
}
