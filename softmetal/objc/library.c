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
  uint32_t given = o && o->macros ? (uint32_t)sm_dictionary_count(o->macros)
                                  : 0;
  list.macros = TM_NEW_ARRAY(&self->arena, sm_macro, given + 2);
  if (given) sm_dictionary_each(o->macros, add_macro, &list);
  /* A compiler whose tensor operations are wrong, as one of Apple's was. */
  if (strstr(self->text, "matmul2d") && sm_fault_now(SM_FAULT_TENSORS))
    list.macros[list.count++] = (sm_macro){SM_WRONG_TENSORS, "1"};
  return (sm_parse_options){
      .language_version = o && o->language_version
                              ? (uint32_t)o->language_version
                              : sm_newest_language(),
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

static bool known_version(NSUInteger version) {
  NSUInteger major = version >> 16, minor = version & 0xffff;
  if (major == 1 || major == 3) return minor <= 2;
  if (major == 2) return minor <= 4;
  return major == 4 && minor <= 1;
}

/* Why the options cannot be met; NULL: they can. */
static const char *unsupported(const sm_compile_options_object *o) {
  if (!o) return NULL;
  NSUInteger version = o->language_version;
  if (version && (!known_version(version) || version > sm_newest_language()))
    return "the requested language version is not supported on this OS";
  if (o->library_type == 1)
    return "softmetal has no dynamic libraries: libraryType must be "
           "Executable (0)";
  if (o->library_type)
    return "libraryType is no MTLLibraryType";
  if (o->libraries && sm_array_count(o->libraries))
    return "softmetal has no dynamic libraries to link: libraries must be "
           "empty";
  if (o->optimization_level < 0 || o->optimization_level > 1)
    return "optimizationLevel is no MTLLibraryOptimizationLevel";
  if (o->max_total_threads > 1024)
    return "maxTotalThreadsPerThreadgroup is over the device limit of 1024";
  const MTLSize *r = &o->required_threads;
  if (r->width * r->height * r->depth > 1024)
    return "requiredThreadsPerThreadgroup is over the device limit of 1024";
  return NULL;
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
  const char *refused = unsupported((void *)options);
  if (refused) {
    sm_nserror_out(error, domain, UNSUPPORTED, refused);
    return NULL;
  }
  sm_library *self = sm_new(sm_library_class);
  if (!self) return NULL;
  tm_arena_init(&self->arena, (size_t)1 << 29);
  self->device = (sm_device *)sm_retain(device);
  self->text = strdup(text);
  if (options) {
    const sm_compile_options_object *o = (void *)options;
    self->max_threads = o->max_total_threads;
    self->required = o->required_threads;
    self->logging = o->enable_logging;
    sm_set(&self->install_name, o->install_name);
  }
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
  sm_release(self->install_name);
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

/* Position in the program of the constant that the item sets; -1: none. */
static int64_t constant_position(const sm_library *self,
                                 const sm_constant_item *item) {
  const char *name = sm_string_text(item->name);
  for (uint32_t k = 0; k < self->program->function_constants.len; k++) {
    const sm_var *var = self->program->function_constants.data[k];
    if (name ? strcmp(var->name, name) == 0
             : var->index == item->value.index)
      return k;
  }
  return -1;
}

/* Takes over the values that the program knows; +0 text of what is wrong. */
static id take_constants(sm_function_object *f,
                         const sm_constant_values *values) {
  const sm_program *program = f->library->program;
  f->constants = calloc(values->count + 1u, sizeof(sm_constant_value));
  if (!f->constants) return sm_string("out of memory");
  for (uint32_t i = 0; i < values->count; i++) {
    int64_t k = constant_position(f->library, &values->items[i]);
    if (k < 0) continue; /* Metal ignores what no constant asks for */
    const sm_var *var = program->function_constants.data[k];
    if (sm_data_type_of(var->type) != values->items[i].type)
      return sm_string_format("function constant '%s' is set with a value of "
                              "MTLDataType %lu, but is of type %lu",
                              var->name, values->items[i].type,
                              sm_data_type_of(var->type));
    sm_constant_value *slot = &f->constants[f->n_constants++];
    *slot = values->items[i].value;
    slot->index = var->index;
  }
  return NULL;
}

/* The first constant that the kernel reads and nobody has set; NULL: none. */
static const sm_var *missing_constant(const sm_function_object *f) {
  const sm_program *program = f->library->program;
  bool *used = sm_constants_used(program, f->function);
  const sm_var *missing = NULL;
  for (uint32_t k = 0; used && !missing && k < program->function_constants.len;
       k++) {
    const sm_var *var = program->function_constants.data[k];
    bool set = !used[k];
    for (uint32_t i = 0; i < f->n_constants && !set; i++)
      set = f->constants[i].index == var->index;
    if (!set) missing = var;
  }
  free(used);
  return missing;
}

static id function_with(sm_library *self, id name,
                        const sm_constant_values *values, id *error) {
  if (error) *error = NULL;
  sm_function_object *function = function_new(self, name);
  if (!function) {
    const char *text = sm_string_text(name);
    id message = sm_string_format("no kernel function named '%s' in library",
                                  text ? text : "(nil)");
    sm_nserror_out(error, domain, FUNCTION_NOT_FOUND, sm_string_text(message));
    return NULL;
  }
  id wrong = values ? take_constants(function, values) : NULL;
  const sm_var *missing = wrong ? NULL : missing_constant(function);
  if (missing)
    wrong = sm_string_format("function '%s' needs a value for function "
                             "constant '%s' (index %u)",
                             function->function->name, missing->name,
                             missing->index);
  if (!wrong) return (id)function;
  sm_nserror_out(error, domain, COMPILE_FAILURE, sm_string_text(wrong));
  sm_release(function);
  return NULL;
}

static id library_function_with(sm_library *self, SEL cmd, id name,
                                sm_constant_values *values, id *error) {
  (void)cmd;
  return function_with(self, name, values, error);
}

static void library_function_later(sm_library *self, SEL cmd, id name,
                                   sm_constant_values *values,
                                   const void *handler) {
  (void)cmd;
  id error = NULL, function = function_with(self, name, values, &error);
  sm_call_later(handler, function, error);
  sm_release(function);
}

/* A function that reads function constants must be asked for with values;
 * Metal gives nil, with a message on its log, when it is not. */
static id library_function(sm_library *self, SEL cmd, id name) {
  id error = NULL, function = function_with(self, name, NULL, &error);
  if (!function)
    sm_misuse(self, cmd, "%s",
              sm_string_text(sm_nserror_text(error)));
  return function;
}

id sm_function_described(id library, sm_function_descriptor *d, id *error) {
  if (error) *error = NULL;
  const char *refused = NULL;
  if (!sm_is_kind(library, sm_library_class))
    refused = "library is nil";
  else if (!sm_is_kind((id)d, sm_function_descriptor_class))
    refused = "descriptor is not an MTLFunctionDescriptor";
  else if (d->options & ~(NSUInteger)1) /* CompileToBinary */
    refused = "softmetal knows no options of functions but CompileToBinary";
  if (refused) {
    sm_nserror_out(error, domain, UNSUPPORTED, refused);
    return NULL;
  }
  id made = function_with((sm_library *)library, d->name,
                          (sm_constant_values *)d->constants, error);
  if (made && d->specialized_name)
    sm_set(&((sm_function_object *)made)->name, d->specialized_name);
  return made;
}

static id library_described(sm_library *self, SEL cmd,
                            sm_function_descriptor *d, id *error) {
  (void)cmd;
  return sm_function_described((id)self, d, error);
}
static void library_described_later(sm_library *self, SEL cmd,
                                    sm_function_descriptor *d,
                                    const void *handler) {
  (void)cmd;
  id error = NULL, function = sm_function_described((id)self, d, &error);
  sm_call_later(handler, function, error);
  sm_release(function);
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
SM_OBJECT_GETTER(sm_library, install_name)

static id function_name(sm_function_object *self, SEL cmd) {
  (void)cmd;
  return self->name ? self->name : sm_string(self->function->name);
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

/* ---- MTLFunctionConstant: what a function's dictionary tells ------------- */

typedef struct constant_info {
  sm_object base;
  id name; /* owned */
  NSUInteger type, index;
  sm_bool required;
} constant_info;
static Class constant_class;
SM_OBJECT_GETTER(constant_info, name)
SM_GETTER(constant_info, NSUInteger, type)
SM_GETTER(constant_info, NSUInteger, index)
SM_GETTER(constant_info, sm_bool, required)
static void constant_info_dealloc(constant_info *self, SEL cmd) {
  (void)cmd;
  sm_release(self->name);
  sm_object_dealloc(self);
}

static id function_constants(sm_function_object *self, SEL cmd) {
  (void)cmd;
  const sm_program *program = self->library->program;
  uint32_t n = program->function_constants.len, count = 0;
  bool *used = sm_constants_used(program, self->function);
  id *keys = calloc(2u * n + 1, sizeof *keys), *values = keys + n;
  for (uint32_t i = 0; used && keys && i < n; i++) {
    const sm_var *var = program->function_constants.data[i];
    constant_info *info = sm_new(constant_class);
    if (!info) break;
    keys[count] = sm_string(var->name);
    sm_set(&info->name, keys[count]);
    info->type = sm_data_type_of(var->type);
    info->index = var->index;
    info->required = used[i];
    values[count++] = sm_autorelease(info);
  }
  id all = keys ? sm_dictionary(values, keys, count) : NULL;
  free(used);
  free(keys);
  return all;
}

static NSUInteger function_options(sm_function_object *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
static void function_dealloc(sm_function_object *self, SEL cmd) {
  (void)cmd;
  free(self->constants);
  sm_release(self->name);
  sm_release(self->label);
  sm_release(self->library);
  sm_object_dealloc(self);
}

void sm_register_library(void) {
  static const sm_method methods[] = {
      SM_METHOD("newFunctionWithName:", library_function),
      SM_METHOD("newFunctionWithName:constantValues:error:",
                library_function_with),
      SM_METHOD("newFunctionWithName:constantValues:completionHandler:",
                library_function_later),
      SM_METHOD("newFunctionWithDescriptor:error:", library_described),
      SM_METHOD("newFunctionWithDescriptor:completionHandler:",
                library_described_later),
      SM_METHOD("installName", get_install_name),
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
      SM_METHOD("functionConstantsDictionary", function_constants),
      SM_METHOD("options", function_options),
      SM_METHOD("label", function_label),
      SM_METHOD("setLabel:", function_set_label),
      SM_METHOD("dealloc", function_dealloc),
      {NULL, NULL}};
  static const sm_method constant_methods[] = {
      SM_METHOD("name", get_name),
      SM_METHOD("type", get_type),
      SM_METHOD("index", get_index),
      SM_METHOD("required", get_required),
      SM_METHOD("dealloc", constant_info_dealloc),
      {NULL, NULL}};
  constant_class = sm_class_make("MTLFunctionConstant", sm_NSObject,
                                 sizeof(constant_info), constant_methods,
                                 NULL);
  sm_library_class = sm_class_make("SoftMetalLibrary", sm_NSObject,
                                   sizeof(sm_library), methods, NULL);
  sm_function_class =
      sm_class_make("SoftMetalFunction", sm_NSObject,
                    sizeof(sm_function_object), function_methods, NULL);
}
