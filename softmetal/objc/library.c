/* SPDX-License-Identifier: MIT */
/*
 * library.c - MTLLibrary from source text, and MTLFunction.
 *
 * The text is copied, parsed and checked at once; errors become one NSError
 * in the words and layout of Apple's compiler ("program_source:3:9: error:
 * ..."). Warnings set the error too, beside a valid library.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Class sm_library_class, sm_function_class;

enum { /* MTLLibraryError */
  UNSUPPORTED = 1, INTERNAL = 2, COMPILE_FAILURE = 3, COMPILE_WARNING = 4,
  FUNCTION_NOT_FOUND = 5
};
static const char domain[] = "MTLLibraryErrorDomain";

/* ---- parsing ----------------------------------------------------------- */

typedef struct macro_list {
  tm_arena *arena;
  sm_macro *macros;
  uint32_t count;
} macro_list;

static void add_macro(void *payload, id key, id value) {
  macro_list *list = payload;
  const char *name = sm_string_text(key);
  const char *text = sm_string_text(sm_value_text(value));
  if (!name || !text) return;
  list->macros[list->count].name = tm_strndup(list->arena, name, strlen(name));
  list->macros[list->count++].value =
      tm_strndup(list->arena, text, strlen(text));
}

static sm_parse_options read_options(sm_library *self, id object) {
  const sm_compile_options_object *o = (void *)object;
  bool fast = !o || o->fast_math;
  NSInteger mode = o && o->math_mode >= 0 ? o->math_mode : fast ? 2 : 0;
  NSInteger functions =
      o && o->math_functions >= 0 ? o->math_functions : fast ? 0 : 1;
  macro_list list = {&self->arena, NULL, 0};
  if (o && o->macros) {
    list.macros = TM_NEW_ARRAY(&self->arena, sm_macro,
                               sm_dictionary_count(o->macros) + 1);
    sm_dictionary_each(o->macros, add_macro, &list);
  }
  return (sm_parse_options){
      .language_version = o && o->language_version
                              ? (uint32_t)o->language_version
                              : SM_LANGUAGE_VERSION,
      .family = self->device->chip->family,
      .math_mode = (sm_math_mode)mode,
      .precise_functions = functions == 1,
      .macros = list.macros,
      .n_macros = list.count};
}

/* Parses into self. The text of diagnostics, or NULL when there are none;
 * malloc'ed. */
static char *parse(sm_library *self, id options) {
  jmp_buf guard;
  char *message = NULL;
  if (!tm_arena_guard(&self->arena, guard)) {
    self->program = NULL;
    return strdup("program_source: error: out of memory");
  }
  tm_diags diags;
  tm_diags_init(&diags, &self->arena);
  tm_diags_source(&diags, "program_source", tm_cstr(self->text));
  self->options = read_options(self, options);
  self->program = sm_parse(&self->arena, &diags, tm_cstr(self->text),
                           &self->options);
  if (diags.list.len) {
    tm_buf text = tm_buf_in(&self->arena);
    tm_diags_render_all(&diags, &text);
    message = strdup(tm_buf_text(&text));
  }
  self->arena.guard = NULL;
  return message;
}

id sm_library_new(sm_device *device, id source, id options, id *error) {
  const char *text = sm_string_text(source);
  if (error) *error = NULL;
  if (sm_fault_now(SM_FAULT_LIBRARY)) {
    sm_nserror_out(error, domain, INTERNAL,
                 "Compiler encountered an internal error (injected)");
    return NULL;
  }
  if (!text || (options && !sm_is_kind(options, sm_compile_options_class))) {
    sm_nserror_out(error, domain, COMPILE_FAILURE,
                 text ? "options is not an MTLCompileOptions"
                      : "source is nil");
    return NULL;
  }
  const sm_compile_options_object *o = (void *)options;
  if (o && o->language_version > SM_LANGUAGE_VERSION) {
    sm_nserror_out(error, domain, UNSUPPORTED,
                 "the requested language version is not supported on this OS");
    return NULL;
  }
  sm_library *self = sm_new(sm_library_class);
  if (!self) return NULL;
  tm_arena_init(&self->arena, (size_t)1 << 29);
  self->device = (sm_device *)sm_retain(device);
  self->text = strdup(text);
  char *message = self->text ? parse(self, options) : NULL;
  if (message)
    sm_nserror_out(error, domain,
                 self->program ? COMPILE_WARNING : COMPILE_FAILURE, message);
  free(message);
  if (self->program) return (id)self;
  sm_release(self);
  return NULL;
}

static void library_dealloc(sm_library *self, SEL cmd) {
  (void)cmd;
  tm_arena_free(&self->arena);
  free(self->text);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

/* ---- functions --------------------------------------------------------- */

static const sm_function *find_kernel(sm_library *self, const char *name) {
  for (uint32_t i = 0; name && i < self->program->functions.len; i++) {
    const sm_function *f = self->program->functions.data[i];
    if (f->is_kernel && strcmp(f->name, name) == 0) return f;
  }
  return NULL;
}

static sm_function_object *function_new(sm_library *self, id name) {
  const sm_function *found = find_kernel(self, sm_string_text(name));
  if (!found) return NULL;
  sm_function_object *function = sm_new(sm_function_class);
  if (!function) return NULL;
  function->library = (sm_library *)sm_retain(self);
  function->function = found;
  return function;
}

/* Index of the function constant that item i of values sets; false: none. */
static bool constant_index(sm_library *self, const sm_constant_values *values,
                           uint32_t i, uint32_t *index) {
  const char *name = sm_string_text(values->items[i].name);
  for (uint32_t k = 0; k < self->program->function_constants.len; k++) {
    const sm_var *var = self->program->function_constants.data[k];
    if (name ? strcmp(var->name, name) == 0
             : var->index == values->items[i].value.index) {
      *index = var->index;
      return true;
    }
  }
  return false;
}

static id library_function_with(sm_library *self, SEL cmd, id name,
                                sm_constant_values *values, id *error) {
  (void)cmd;
  if (error) *error = NULL;
  sm_function_object *function = function_new(self, name);
  if (!function) {
    const char *text = sm_string_text(name);
    id message = sm_string_format("no kernel function named '%s' in library",
                                  text ? text : "(nil)");
    sm_nserror_out(error, domain, FUNCTION_NOT_FOUND, sm_string_text(message));
    return NULL;
  }
  if (values && values->count) {
    function->constants = calloc(values->count, sizeof(sm_constant_value));
    for (uint32_t i = 0; function->constants && i < values->count; i++) {
      uint32_t index;
      if (!constant_index(self, values, i, &index)) continue;
      sm_constant_value *slot = &function->constants[function->n_constants++];
      slot->index = index;
      slot->bits = values->items[i].value.bits;
    }
  }
  return (id)function;
}

/* A function that uses function constants must be asked for with values;
 * Metal gives nil, with a message on its log, when it is not. */
static id library_function(sm_library *self, SEL cmd, id name) {
  (void)cmd;
  if (self->program->function_constants.len) return NULL;
  return (id)function_new(self, name);
}

static id library_names(sm_library *self, SEL cmd) {
  (void)cmd;
  uint32_t count = 0, all = self->program->functions.len;
  id *names = calloc(all + 1, sizeof(id));
  for (uint32_t i = 0; names && i < all; i++)
    if (self->program->functions.data[i]->is_kernel)
      names[count++] = sm_string(self->program->functions.data[i]->name);
  id result = names ? sm_array(names, count) : NULL;
  free(names);
  return result;
}

static id library_device(sm_library *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
static NSInteger library_type(sm_library *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
SM_OBJECT_PROPERTY(sm_library, label)

static id function_name(sm_function_object *self, SEL cmd) {
  return (void)cmd, sm_string(self->function->name);
}
static id function_device(sm_function_object *self, SEL cmd) {
  return (void)cmd, (id)self->library->device;
}
static NSUInteger function_type(sm_function_object *self, SEL cmd) {
  return (void)self, (void)cmd, 3; /* MTLFunctionTypeKernel */
}
static id function_label(sm_function_object *self, SEL cmd) {
  return (void)cmd, self->label;
}
static void function_set_label(sm_function_object *self, SEL cmd, id label) {
  (void)cmd;
  sm_set(&self->label, label);
}
static void function_dealloc(sm_function_object *self, SEL cmd) {
  (void)cmd;
  free(self->constants);
  sm_release(self->label);
  sm_release(self->library);
  sm_object_dealloc(self);
}

void sm_register_library(void) {
  static const sm_method methods[] = {
      SM_METHOD("newFunctionWithName:", library_function),
      SM_METHOD("newFunctionWithName:constantValues:error:",
                library_function_with),
      SM_METHOD("functionNames", library_names),
      SM_METHOD("device", library_device),
      SM_METHOD("type", library_type),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("dealloc", library_dealloc),
      {NULL, NULL}};
  static const sm_method function_methods[] = {
      SM_METHOD("name", function_name),
      SM_METHOD("device", function_device),
      SM_METHOD("functionType", function_type),
      SM_METHOD("label", function_label),
      SM_METHOD("setLabel:", function_set_label),
      SM_METHOD("dealloc", function_dealloc),
      {NULL, NULL}};
  sm_library_class = sm_class_make("SoftMetalLibrary", sm_NSObject,
                                   sizeof(sm_library), methods, NULL);
  sm_function_class =
      sm_class_make("SoftMetalFunction", sm_NSObject,
                    sizeof(sm_function_object), function_methods, NULL);
}
