/* SPDX-License-Identifier: MIT */
/* descriptor.c - MTLCompileOptions, MTLFunctionConstantValues and
 * MTLComputePipelineDescriptor: objects that only hold properties. The
 * command-buffer and queue descriptors stand beside what reads them. */
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

Class sm_function_descriptor_class;
Class sm_compile_options_class, sm_constant_values_class,
    sm_pipeline_descriptor_class;

/* ---- MTLCompileOptions ------------------------------------------------- */

typedef sm_compile_options_object options;

SM_PROPERTY(options, NSUInteger, language_version)
SM_GETTER(options, sm_bool, fast_math)
SM_PROPERTY(options, NSInteger, optimization_level)
SM_PROPERTY(options, NSInteger, library_type)
SM_PROPERTY(options, NSUInteger, max_total_threads)
SM_PROPERTY(options, sm_bool, preserve_invariance)
SM_PROPERTY(options, sm_bool, enable_logging)
SM_PROPERTY(options, MTLSize, required_threads)
SM_PROPERTY(options, NSInteger, visibility)
SM_PROPERTY(options, sm_bool, undefined_symbols)
SM_OBJECT_PROPERTY(options, macros)
SM_OBJECT_PROPERTY(options, install_name)
SM_OBJECT_PROPERTY(options, libraries)

static id options_init(options *self, SEL cmd) {
  (void)cmd;
  self->fast_math = 1; /* Apple's documented default */
  self->math_mode = self->math_functions = -1;
  return (id)self;
}
static void set_fast_math(options *self, SEL cmd, sm_bool value) {
  (void)cmd;
  self->fast_math = value != 0;
  self->fast_math_was_set = 1;
}
static void set_math_mode(options *self, SEL cmd, NSInteger mode) {
  if (mode < 0 || mode > 2)
    sm_misuse(self, cmd, "%ld is no MTLMathMode", mode);
  else
    self->math_mode = mode;
}
static void set_math_functions(options *self, SEL cmd, NSInteger which) {
  if (which < 0 || which > 1)
    sm_misuse(self, cmd, "%ld is no MTLMathFloatingPointFunctions", which);
  else
    self->math_functions = which;
}
/* fastMathEnabled YES is mode Fast with Fast functions, NO is Safe with
 * Precise ones; the newer properties win when set. */
static NSInteger get_math_mode(options *self, SEL cmd) {
  (void)cmd;
  if (self->math_mode >= 0) return self->math_mode;
  return self->fast_math ? 2 : 0;
}
static NSInteger get_math_functions(options *self, SEL cmd) {
  (void)cmd;
  if (self->math_functions >= 0) return self->math_functions;
  return self->fast_math ? 0 : 1;
}
static void options_dealloc(options *self, SEL cmd) {
  (void)cmd;
  sm_release(self->macros);
  sm_release(self->install_name);
  sm_release(self->libraries);
  sm_object_dealloc(self);
}

/* ---- MTLFunctionConstantValues ----------------------------------------- */

/* First MTLDataType of each scalar: it, then vectors of 2, 3 and 4. */
static const struct {
  uint8_t first;
  sm_scalar scalar;
} data_types[] = {
    {3, SM_FLOAT}, {16, SM_HALF}, {29, SM_INT},   {33, SM_UINT},
    {37, SM_SHORT}, {41, SM_USHORT}, {45, SM_CHAR}, {49, SM_UCHAR},
    {53, SM_BOOL}, {81, SM_LONG}, {85, SM_ULONG}, {121, SM_BFLOAT}};

bool sm_data_type(NSUInteger type, sm_scalar *scalar, uint32_t *count) {
  for (size_t i = 0; i < TM_COUNT(data_types); i++) {
    if (type < data_types[i].first || type > data_types[i].first + 3u)
      continue;
    *scalar = data_types[i].scalar;
    *count = (uint32_t)(type - data_types[i].first) + 1;
    return true;
  }
  return false;
}

NSUInteger sm_data_type_of(const sm_type *type) {
  uint32_t n = type->kind == SM_T_VECTOR ? type->count : 1;
  if (type->kind != SM_T_VECTOR && type->kind != SM_T_SCALAR) return 0;
  for (size_t i = 0; i < TM_COUNT(data_types); i++)
    if (data_types[i].scalar == type->scalar)
      return data_types[i].first + n - 1;
  return 0;
}

static size_t scalar_size(sm_scalar s) {
  switch (s) {
    case SM_BOOL: case SM_CHAR: case SM_UCHAR: return 1;
    case SM_SHORT: case SM_USHORT: case SM_HALF: case SM_BFLOAT: return 2;
    case SM_LONG: case SM_ULONG: return 8;
    default: return 4;
  }
}

/* Bytes from one value to the next: vectors of three are as large as four. */
static size_t data_type_size(NSUInteger type) {
  sm_scalar scalar;
  uint32_t n;
  if (!sm_data_type(type, &scalar, &n)) return 0;
  return scalar_size(scalar) * (n == 3 ? 4 : n);
}

static bool constant_room(sm_constant_values *self) {
  if (self->count < self->capacity) return true;
  uint32_t cap = self->capacity ? self->capacity * 2 : 16;
  if (self->count == SM_MAX_CONSTANTS) return false;
  sm_constant_item *grown = realloc(self->items, cap * sizeof *grown);
  if (!grown) return false;
  self->items = grown;
  self->capacity = cap;
  return true;
}

static void constant_put(sm_constant_values *self, SEL cmd, const void *bytes,
                         NSUInteger type, NSUInteger index, id name) {
  size_t size = data_type_size(type);
  if (!size || !bytes || (!name && index >= SM_MAX_CONSTANTS)) {
    sm_misuse(self, cmd, size ? "index %lu is over 65535, or the value is NULL"
                              : "%lu is no MTLDataType of a function constant",
              size ? index : type);
    return;
  }
  uint32_t at = 0;
  for (; at < self->count; at++) {
    const char *have = sm_string_text(self->items[at].name);
    if (name ? have && strcmp(have, sm_string_text(name)) == 0
             : !have && self->items[at].value.index == index)
      break;
  }
  if (at == self->count) {
    if (!constant_room(self)) return;
    memset(&self->items[self->count++], 0, sizeof(sm_constant_item));
  }
  sm_constant_item *item = &self->items[at];
  memset(&item->value, 0, sizeof item->value);
  item->value.index = (uint32_t)index;
  memcpy(item->value.bits, bytes, size);
  item->type = type;
  sm_set(&item->name, name);
}
static void constant_at(sm_constant_values *self, SEL cmd, const void *bytes,
                        NSUInteger type, NSUInteger index) {
  constant_put(self, cmd, bytes, type, index, NULL);
}
static void constant_named(sm_constant_values *self, SEL cmd,
                           const void *bytes, NSUInteger type, id name) {
  if (!name)
    sm_misuse(self, cmd, "name is nil");
  else
    constant_put(self, cmd, bytes, type, UINT32_MAX, name);
}
static void constant_range(sm_constant_values *self, SEL cmd,
                           const void *bytes, NSUInteger type, NSRange range) {
  size_t size = data_type_size(type);
  for (NSUInteger i = 0; i < range.length && bytes; i++)
    constant_put(self, cmd, (const char *)bytes + i * size, type,
                 range.location + i, NULL);
}
static void constant_reset(sm_constant_values *self, SEL cmd) {
  (void)cmd;
  for (uint32_t i = 0; i < self->count; i++)
    sm_set(&self->items[i].name, NULL);
  self->count = 0;
}
static void constant_dealloc(sm_constant_values *self, SEL cmd) {
  constant_reset(self, cmd);
  free(self->items);
  sm_object_dealloc(self);
}

/* ---- MTLComputePipelineDescriptor -------------------------------------- */

typedef sm_pipeline_descriptor pipeline_descriptor;

SM_OBJECT_PROPERTY(pipeline_descriptor, function)
SM_OBJECT_PROPERTY(pipeline_descriptor, label)
SM_OBJECT_PROPERTY(pipeline_descriptor, binary_archives)
SM_PROPERTY(pipeline_descriptor, sm_bool, multiple_of_width)
SM_PROPERTY(pipeline_descriptor, sm_bool, indirect)
SM_PROPERTY(pipeline_descriptor, NSInteger, shader_validation)
SM_PROPERTY(pipeline_descriptor, NSUInteger, max_call_depth)
SM_PROPERTY(pipeline_descriptor, sm_bool, binary_functions)
SM_OBJECT_PROPERTY(pipeline_descriptor, linked)
SM_OBJECT_PROPERTY(pipeline_descriptor, preloaded)
static MTLSize get_pipeline_required(pipeline_descriptor *self, SEL cmd) {
  return (void)cmd, self->required_threads;
}
static void set_pipeline_required(pipeline_descriptor *self, SEL cmd,
                                  MTLSize size) {
  (void)cmd;
  self->required_threads = size;
}

static NSUInteger get_pipeline_threads(pipeline_descriptor *self, SEL cmd) {
  return (void)cmd, self->max_total_threads;
}
static void set_pipeline_threads(pipeline_descriptor *self, SEL cmd,
                                 NSUInteger value) {
  (void)cmd;
  self->max_total_threads = value;
}
static void pipeline_descriptor_reset(pipeline_descriptor *self, SEL cmd) {
  (void)cmd;
  sm_set(&self->function, NULL);
  sm_set(&self->label, NULL);
  sm_set(&self->binary_archives, NULL);
  sm_set(&self->linked, NULL);
  sm_set(&self->preloaded, NULL);
  self->multiple_of_width = self->indirect = self->binary_functions = 0;
  self->required_threads = (MTLSize){0, 0, 0};
  self->max_call_depth = 1;
  self->max_total_threads = 0;
  self->shader_validation = 0;
}
static void pipeline_descriptor_dealloc(pipeline_descriptor *self, SEL cmd) {
  pipeline_descriptor_reset(self, cmd);
  sm_object_dealloc(self);
}

static id pipeline_descriptor_init(pipeline_descriptor *self, SEL cmd) {
  (void)cmd;
  self->max_call_depth = 1;
  return (id)self;
}

/* ---- MTLFunctionDescriptor ---------------------------------------------- */

typedef sm_function_descriptor function_descriptor;
SM_OBJECT_PROPERTY(function_descriptor, name)
SM_OBJECT_PROPERTY(function_descriptor, specialized_name)
SM_OBJECT_PROPERTY(function_descriptor, constants)
SM_OBJECT_PROPERTY(function_descriptor, archives)
static NSUInteger get_function_options(function_descriptor *self, SEL cmd) {
  return (void)cmd, self->options;
}
static void set_function_options(function_descriptor *self, SEL cmd,
                                 NSUInteger value) {
  (void)cmd;
  self->options = value;
}
static id function_descriptor_make(Class self, SEL cmd) {
  (void)cmd;
  return sm_autorelease(sm_new(self));
}
static void function_descriptor_dealloc(function_descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->name);
  sm_release(self->specialized_name);
  sm_release(self->constants);
  sm_release(self->archives);
  sm_object_dealloc(self);
}

static void register_function_descriptor(void) {
  static const sm_method methods[] = {
      SM_METHOD("name", get_name),
      SM_METHOD("setName:", set_name),
      SM_METHOD("specializedName", get_specialized_name),
      SM_METHOD("setSpecializedName:", set_specialized_name),
      SM_METHOD("constantValues", get_constants),
      SM_METHOD("setConstantValues:", set_constants),
      SM_METHOD("binaryArchives", get_archives),
      SM_METHOD("setBinaryArchives:", set_archives),
      SM_METHOD("options", get_function_options),
      SM_METHOD("setOptions:", set_function_options),
      SM_METHOD("dealloc", function_descriptor_dealloc),
      {NULL, NULL}};
  static const sm_method class_methods[] = {
      SM_METHOD("functionDescriptor", function_descriptor_make),
      {NULL, NULL}};
  sm_function_descriptor_class =
      sm_class_make("MTLFunctionDescriptor", sm_NSObject,
                    sizeof(function_descriptor), methods, class_methods);
}

/* ---- registration ------------------------------------------------------ */

static void register_options(void) {
  static const sm_method methods[] = {
      SM_METHOD("init", options_init),
      SM_METHOD("languageVersion", get_language_version),
      SM_METHOD("setLanguageVersion:", set_language_version),
      SM_METHOD("fastMathEnabled", get_fast_math),
      SM_METHOD("setFastMathEnabled:", set_fast_math),
      SM_METHOD("mathMode", get_math_mode),
      SM_METHOD("setMathMode:", set_math_mode),
      SM_METHOD("mathFloatingPointFunctions", get_math_functions),
      SM_METHOD("setMathFloatingPointFunctions:", set_math_functions),
      SM_METHOD("optimizationLevel", get_optimization_level),
      SM_METHOD("setOptimizationLevel:", set_optimization_level),
      SM_METHOD("libraryType", get_library_type),
      SM_METHOD("setLibraryType:", set_library_type),
      SM_METHOD("maxTotalThreadsPerThreadgroup", get_max_total_threads),
      SM_METHOD("setMaxTotalThreadsPerThreadgroup:", set_max_total_threads),
      SM_METHOD("preserveInvariance", get_preserve_invariance),
      SM_METHOD("setPreserveInvariance:", set_preserve_invariance),
      SM_METHOD("enableLogging", get_enable_logging),
      SM_METHOD("setEnableLogging:", set_enable_logging),
      SM_METHOD("requiredThreadsPerThreadgroup", get_required_threads),
      SM_METHOD("setRequiredThreadsPerThreadgroup:", set_required_threads),
      SM_METHOD("compileSymbolVisibility", get_visibility),
      SM_METHOD("setCompileSymbolVisibility:", set_visibility),
      SM_METHOD("allowReferencingUndefinedSymbols", get_undefined_symbols),
      SM_METHOD("setAllowReferencingUndefinedSymbols:",
                set_undefined_symbols),
      SM_METHOD("preprocessorMacros", get_macros),
      SM_METHOD("setPreprocessorMacros:", set_macros),
      SM_METHOD("installName", get_install_name),
      SM_METHOD("setInstallName:", set_install_name),
      SM_METHOD("libraries", get_libraries),
      SM_METHOD("setLibraries:", set_libraries),
      SM_METHOD("dealloc", options_dealloc),
      {NULL, NULL}};
  sm_compile_options_class = sm_class_make("MTLCompileOptions", sm_NSObject,
                                           sizeof(options), methods, NULL);
}

void sm_register_descriptors(void) {
  static const sm_method constant_methods[] = {
      SM_METHOD("setConstantValue:type:atIndex:", constant_at),
      SM_METHOD("setConstantValue:type:withName:", constant_named),
      SM_METHOD("setConstantValues:type:withRange:", constant_range),
      SM_METHOD("reset", constant_reset),
      SM_METHOD("dealloc", constant_dealloc),
      {NULL, NULL}};
  static const sm_method pipeline_methods[] = {
      SM_METHOD("computeFunction", get_function),
      SM_METHOD("setComputeFunction:", set_function),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("binaryArchives", get_binary_archives),
      SM_METHOD("setBinaryArchives:", set_binary_archives),
      SM_METHOD("threadGroupSizeIsMultipleOfThreadExecutionWidth",
                get_multiple_of_width),
      SM_METHOD("setThreadGroupSizeIsMultipleOfThreadExecutionWidth:",
                set_multiple_of_width),
      SM_METHOD("supportIndirectCommandBuffers", get_indirect),
      SM_METHOD("setSupportIndirectCommandBuffers:", set_indirect),
      SM_METHOD("shaderValidation", get_shader_validation),
      SM_METHOD("setShaderValidation:", set_shader_validation),
      SM_METHOD("maxCallStackDepth", get_max_call_depth),
      SM_METHOD("setMaxCallStackDepth:", set_max_call_depth),
      SM_METHOD("init", pipeline_descriptor_init),
      SM_METHOD("requiredThreadsPerThreadgroup", get_pipeline_required),
      SM_METHOD("setRequiredThreadsPerThreadgroup:", set_pipeline_required),
      SM_METHOD("supportAddingBinaryFunctions", get_binary_functions),
      SM_METHOD("setSupportAddingBinaryFunctions:", set_binary_functions),
      SM_METHOD("linkedFunctions", get_linked),
      SM_METHOD("setLinkedFunctions:", set_linked),
      SM_METHOD("preloadedLibraries", get_preloaded),
      SM_METHOD("setPreloadedLibraries:", set_preloaded),
      SM_METHOD("maxTotalThreadsPerThreadgroup", get_pipeline_threads),
      SM_METHOD("setMaxTotalThreadsPerThreadgroup:", set_pipeline_threads),
      SM_METHOD("reset", pipeline_descriptor_reset),
      SM_METHOD("dealloc", pipeline_descriptor_dealloc),
      {NULL, NULL}};
  register_options();
  register_function_descriptor();
  sm_constant_values_class =
      sm_class_make("MTLFunctionConstantValues", sm_NSObject,
                    sizeof(sm_constant_values), constant_methods, NULL);
  sm_pipeline_descriptor_class = sm_class_make(
      "MTLComputePipelineDescriptor", sm_NSObject,
      sizeof(sm_pipeline_descriptor), pipeline_methods, NULL);
}
