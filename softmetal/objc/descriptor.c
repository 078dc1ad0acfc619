/* SPDX-License-Identifier: MIT */
/* descriptor.c - MTLCompileOptions, MTLFunctionConstantValues and
 * MTLComputePipelineDescriptor: objects that only hold properties. The
 * command-buffer and queue descriptors stand beside what reads them. */
#include "metal_objects.h"

#include <string.h>

Class sm_compile_options_class, sm_constant_values_class,
    sm_pipeline_descriptor_class;

/* ---- MTLCompileOptions ------------------------------------------------- */

typedef sm_compile_options_object options;

SM_PROPERTY(options, NSUInteger, language_version)
SM_GETTER(options, sm_bool, fast_math)
SM_SETTER(options, NSInteger, math_mode)
SM_SETTER(options, NSInteger, math_functions)
SM_PROPERTY(options, NSInteger, optimization_level)
SM_PROPERTY(options, NSInteger, library_type)
SM_PROPERTY(options, NSUInteger, max_total_threads)
SM_PROPERTY(options, sm_bool, preserve_invariance)
SM_PROPERTY(options, sm_bool, enable_logging)
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

/* Bytes of the MTLDataTypes that function constants may have; 0: refused. */
static size_t data_type_size(NSUInteger type) {
  switch (type) {
    case 45: case 49: case 53: return 1;          /* char, uchar, bool */
    case 16: case 37: case 41: case 121: return 2;/* half, short, ushort, bf */
    case 3: case 29: case 33: return 4;           /* float, int, uint */
    case 81: case 85: return 8;                   /* long, ulong */
    default: return 0;
  }
}

static void constant_put(sm_constant_values *self, const void *bytes,
                         NSUInteger type, NSUInteger index, id name) {
  size_t size = data_type_size(type);
  if (!size || !bytes) return;
  uint32_t at = 0;
  for (; at < self->count; at++) {
    const char *have = sm_string_text(self->items[at].name);
    if (name ? have && strcmp(have, sm_string_text(name)) == 0
             : !have && self->items[at].value.index == index)
      break;
  }
  if (at == SM_MAX_CONSTANTS) return;
  if (at == self->count) self->count++;
  self->items[at].value.index = (uint32_t)index;
  self->items[at].value.bits = 0;
  memcpy(&self->items[at].value.bits, bytes, size);
  self->items[at].type = type;
  sm_set(&self->items[at].name, name);
}
static void constant_at(sm_constant_values *self, SEL cmd, const void *bytes,
                        NSUInteger type, NSUInteger index) {
  (void)cmd;
  constant_put(self, bytes, type, index, NULL);
}
static void constant_named(sm_constant_values *self, SEL cmd,
                           const void *bytes, NSUInteger type, id name) {
  (void)cmd;
  constant_put(self, bytes, type, UINT32_MAX, name);
}
static void constant_range(sm_constant_values *self, SEL cmd,
                           const void *bytes, NSUInteger type, NSRange range) {
  (void)cmd;
  size_t size = data_type_size(type);
  for (NSUInteger i = 0; i < range.length; i++)
    constant_put(self, (const char *)bytes + i * size, type,
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
  self->multiple_of_width = self->indirect = 0;
  self->max_total_threads = 0;
  self->shader_validation = 0;
}
static void pipeline_descriptor_dealloc(pipeline_descriptor *self, SEL cmd) {
  pipeline_descriptor_reset(self, cmd);
  sm_object_dealloc(self);
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
      SM_METHOD("maxTotalThreadsPerThreadgroup", get_pipeline_threads),
      SM_METHOD("setMaxTotalThreadsPerThreadgroup:", set_pipeline_threads),
      SM_METHOD("reset", pipeline_descriptor_reset),
      SM_METHOD("dealloc", pipeline_descriptor_dealloc),
      {NULL, NULL}};
  register_options();
  sm_constant_values_class =
      sm_class_make("MTLFunctionConstantValues", sm_NSObject,
                    sizeof(sm_constant_values), constant_methods, NULL);
  sm_pipeline_descriptor_class = sm_class_make(
      "MTLComputePipelineDescriptor", sm_NSObject,
      sizeof(sm_pipeline_descriptor), pipeline_methods, NULL);
}
