/* SPDX-License-Identifier: MIT */
/*
 * pipeline_state.c - MTLComputePipelineState: a kernel compiled to native code.
 *
 * As on a GPU, this is where code generation happens and where a kernel that
 * parses can still be refused: too many threads asked for, no compiler.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

Class sm_pipeline_class;

enum { /* MTLPipelineOption */ FAIL_ON_ARCHIVE_MISS = 4 };
enum { MAX_THREADS = 1024, WIDTH = 32 };
/* The domain that AGX compiler failures come in (METAL-FACTS 1.7). */
static const char domain[] = "AGXMetalG13X";
enum { COMPILER_ERROR = 3 };

/* Threads that the pipeline allows: the strictest of the attribute, the
 * descriptor and the chip. 0 with a message when they cannot be met. */
static NSUInteger thread_limit(const sm_code_info *info,
                               const sm_pipeline_descriptor *descriptor,
                               const char **message) {
  NSUInteger asked = descriptor ? descriptor->max_total_threads : 0;
  if (asked > MAX_THREADS || info->max_threads > MAX_THREADS) {
    *message = "maxTotalThreadsPerThreadgroup is over the device limit of "
               "1024";
    return 0;
  }
  NSUInteger limit = info->max_threads ? info->max_threads : MAX_THREADS;
  return asked && asked < limit ? asked : limit;
}

/* Everything that native code depends on, as bytes: the key of the store. */
static void write_key(const sm_function_object *function,
                      const sm_code_options *code, tm_buf *key) {
  const sm_library *library = function->library;
  const sm_parse_options *o = &library->options;
  tm_buf_printf(key, "%s|%s|%u|%u|%d|%d|%d|%d|%d|%s|", softmetal_version(),
                sm_code_target(), o->language_version, o->family,
                (int)o->math_mode, o->precise_functions, code->check,
                code->counters, (int)code->entries,
                function->function->name);
  for (uint32_t i = 0; i < function->n_constants; i++)
    tm_buf_printf(key, "%u=%llx|", function->constants[i].index,
                  (unsigned long long)function->constants[i].bits);
  for (uint32_t i = 0; i < o->n_macros; i++)
    tm_buf_printf(key, "%s=%s|", o->macros[i].name, o->macros[i].value);
  tm_buf_puts(key, library->text);
}

/* The object from the store, or compiled and put there. */
static bool find_object(const sm_function_object *function,
                        const sm_code_options *options, tm_buf *key,
                        void **object, size_t *size, sm_code_info *info,
                        char **message) {
  write_key(function, options, key);
  if (sm_store_get(key->data, key->len, info, object, size)) return true;
  if (!sm_code_compile(function->library->program, function->function,
                       options, object, size, info, message))
    return false;
  sm_store_put(key->data, key->len, info, *object, *size);
  return true;
}

static bool make_object(const sm_function_object *function,
                        const sm_code_options *options, void **object,
                        size_t *size, sm_code_info *info, char **message) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  volatile bool ok = false;
  if (tm_arena_guard(&arena, guard)) {
    tm_buf key = tm_buf_in(&arena);
    ok = find_object(function, options, &key, object, size, info, message);
  } else {
    *message = strdup("out of memory");
  }
  tm_arena_free(&arena);
  return ok;
}

/* What the code for the ends of grids is made from: it is compiled only when
 * a dispatch needs it, so the pipeline keeps its function. */
typedef struct general_source {
  sm_function_object *function;
  sm_code_options options; /* the constants are the function's */
} general_source;

static bool make_general(void *context, void **object, size_t *size,
                         char **message) {
  const general_source *source = context;
  sm_code_info info;
  return make_object(source->function, &source->options, object, size,
                     &info, message);
}

static void release_source(void *context) {
  general_source *source = context;
  sm_release((id)source->function);
  free(source);
}

static sm_code *compile(sm_function_object *function,
                        sm_code_options options, sm_code_info *info,
                        char **message) {
  void *object = NULL;
  size_t size = 0;
  options.entries = SM_ENTRIES_FULL;
  if (!make_object(function, &options, &object, &size, info, message))
    return NULL;
  sm_code *code = sm_code_load(object, size, info, message);
  free(object);
  general_source *source = code ? calloc(1, sizeof(*source)) : NULL;
  if (source) {
    source->function = (sm_function_object *)sm_retain((id)function);
    source->options = options;
    source->options.entries = SM_ENTRIES_GENERAL;
    sm_code_set_maker(code, make_general, source, release_source);
  } else if (code) {
    sm_code_release(code);
    code = NULL;
    *message = strdup("out of memory");
  }
  return code;
}

id sm_pipeline_new(sm_device *device, sm_function_object *function,
                   sm_pipeline_descriptor *descriptor, NSUInteger options,
                   id *error) {
  if (error) *error = NULL;
  const char *refused = NULL;
  if (!function || !sm_is_kind((id)function, sm_function_class))
    refused = "computeFunction is nil";
  else if (sm_fault_now(SM_FAULT_PIPELINE))
    refused = "Compiler encountered an internal error (injected)";
  else if (options & FAIL_ON_ARCHIVE_MISS)
    refused = "no binary archive holds this pipeline";
  if (refused) {
    sm_nserror_out(error, domain, COMPILER_ERROR, refused);
    return NULL;
  }
  sm_settings settings = sm_settings_read();
  sm_code_options code_options = {.constants = function->constants,
                                  .n_constants = function->n_constants,
                                  .check = settings.check,
                                  .counters = settings.counters};
  sm_code_info info = {0};
  char *message = NULL;
  sm_code *code = compile(function, code_options, &info, &message);
  NSUInteger limit = code ? thread_limit(&info, descriptor, &refused) : 0;
  sm_pipeline *self = limit ? sm_new(sm_pipeline_class) : NULL;
  if (!self) {
    const char *text = refused   ? refused
                       : message ? message
                                 : "Compiler encountered an internal error";
    sm_nserror_out(error, domain, COMPILER_ERROR, text);
    free(message);
    if (code) sm_code_release(code);
    return NULL;
  }
  free(message);
  self->device = (sm_device *)sm_retain(device);
  self->name = strdup(function->function->name);
  self->code = code;
  self->max_threads = limit;
  self->check = settings.check;
  self->counters = settings.counters;
  sm_set(&self->label, descriptor ? descriptor->label : NULL);
  return (id)self;
}

static NSUInteger pipeline_width(sm_pipeline *self, SEL cmd) {
  return (void)self, (void)cmd, WIDTH;
}
static NSUInteger pipeline_static_memory(sm_pipeline *self, SEL cmd) {
  (void)cmd;
  /* Metal reports a multiple of 16. */
  return (sm_code_get_info(self->code)->threadgroup_bytes + 15u) & ~15ul;
}
static id pipeline_device(sm_pipeline *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
SM_GETTER(sm_pipeline, NSUInteger, max_threads)
SM_OBJECT_GETTER(sm_pipeline, label)
static sm_bool pipeline_indirect(sm_pipeline *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
static void pipeline_dealloc(sm_pipeline *self, SEL cmd) {
  (void)cmd;
  if (self->code) sm_code_release(self->code);
  free(self->name);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

void sm_register_pipeline(void) {
  static const sm_method methods[] = {
      SM_METHOD("threadExecutionWidth", pipeline_width),
      SM_METHOD("maxTotalThreadsPerThreadgroup", get_max_threads),
      SM_METHOD("staticThreadgroupMemoryLength", pipeline_static_memory),
      SM_METHOD("supportIndirectCommandBuffers", pipeline_indirect),
      SM_METHOD("device", pipeline_device),
      SM_METHOD("label", get_label),
      SM_METHOD("dealloc", pipeline_dealloc),
      {NULL, NULL}};
  sm_pipeline_class =
      sm_class_make("SoftMetalComputePipelineState", sm_NSObject,
                    sizeof(sm_pipeline), methods, NULL);
}
