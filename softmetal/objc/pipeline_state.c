/* SPDX-License-Identifier: MIT */
/*
 * pipeline_state.c - MTLComputePipelineState: a kernel compiled to native code.
 *
 * As on a GPU, this is where code generation happens and where a kernel that
 * parses can still be refused: too many threads asked for, no compiler. Code
 * comes from a binary archive of the descriptor, else from the store on disk,
 * else from the compiler.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdlib.h>
#include <string.h>

Class sm_pipeline_class;

enum { /* MTLPipelineOption */ FAIL_ON_ARCHIVE_MISS = 4, ALL_OPTIONS = 7 };
enum { MAX_THREADS = 1024, WIDTH = 32 };
/* The domain that AGX compiler failures come in (METAL-FACTS 1.7). */
static const char domain[] = "AGXMetalG13X";
enum { COMPILER_ERROR = 3 };

/* ---- native code ----------------------------------------------------------- */

/* Everything that native code depends on, as bytes. */
static void write_key(const sm_function_object *function,
                      const sm_code_options *code, tm_buf *key) {
  const sm_library *library = function->library;
  const sm_parse_options *o = &library->options;
  char target[SM_TARGET_TEXT];
  sm_code_target(target, sizeof target);
  tm_buf_printf(key, "%s|%s|%u|%u|%d|%d|%d|%d|%d|%s|", softmetal_version(),
                target, o->language_version, o->family,
                (int)o->math_mode, o->precise_functions, code->check,
                code->counters, (int)code->entries,
                function->function->name);
  for (uint32_t i = 0; i < function->n_constants; i++) {
    tm_buf_printf(key, "%u=", function->constants[i].index);
    for (int k = 0; k < 4; k++)
      tm_buf_printf(key, "%llx.",
                    (unsigned long long)function->constants[i].bits[k]);
  }
  for (uint32_t i = 0; i < o->n_macros; i++)
    tm_buf_printf(key, "%s=%s|", o->macros[i].name, o->macros[i].value);
  tm_buf_puts(key, library->text);
}

static sm_code_options options_of(const sm_function_object *function,
                                  sm_code_entries entries) {
  sm_settings settings = sm_settings_read();
  return (sm_code_options){.constants = function->constants,
                           .n_constants = function->n_constants,
                           .check = settings.check,
                           .counters = settings.counters,
                           .entries = entries};
}

/* Calls back with the key of the function's code; false without memory. */
typedef bool with_key(void *payload, const sm_code_options *options,
                      const tm_buf *key);
static bool call_with_key(const sm_function_object *function,
                          const sm_code_options *options, with_key *call,
                          void *payload, char **message) {
  tm_arena arena;
  jmp_buf guard;
  tm_arena_init(&arena, 0);
  volatile bool ok = false;
  if (tm_arena_guard(&arena, guard)) {
    tm_buf key = tm_buf_in(&arena);
    write_key(function, options, &key);
    arena.guard = NULL;
    ok = call(payload, options, &key);
  } else {
    *message = strdup("out of memory");
  }
  tm_arena_free(&arena);
  return ok;
}

/* An object that is asked for, where it may come from and what comes back. */
typedef struct object_request {
  const sm_function_object *function;
  id archives;   /* looked into first; NULL */
  id into;       /* an archive that gets the object; NULL */
  bool only_archives;
  sm_code_info info;
  void *object;  /* malloc'ed */
  size_t size;
  char *message; /* malloc'ed: why there is none */
} object_request;

static bool find_object(void *payload, const sm_code_options *options,
                        const tm_buf *key) {
  object_request *r = payload;
  NSUInteger n = r->archives ? sm_array_count(r->archives) : 0;
  for (NSUInteger i = 0; i < n; i++)
    if (sm_archive_find(sm_array_at(r->archives, i), key->data, key->len,
                        &r->info, &r->object, &r->size))
      return true;
  if (r->only_archives) return false;
  if (!sm_store_get(key->data, key->len, &r->info, &r->object, &r->size)) {
    if (!sm_code_compile(r->function->library->program,
                         r->function->function, options, &r->object,
                         &r->size, &r->info, &r->message))
      return false;
    sm_store_put(key->data, key->len, &r->info, r->object, r->size);
  }
  return !r->into || sm_archive_put(r->into, key->data, key->len, &r->info,
                                    r->object, r->size);
}

/* Archives hold objects with both entries. */
bool sm_pipeline_archive(const sm_function_object *function, id archive,
                         char **message) {
  object_request r = {.function = function, .into = archive};
  sm_code_options options = options_of(function, SM_ENTRIES_BOTH);
  bool ok = call_with_key(function, &options, find_object, &r, &r.message);
  free(r.object);
  *message = r.message;
  return ok;
}

/* What the code for the ends of grids is made from: it is compiled only when
 * a dispatch needs it, so the pipeline keeps its function. */
typedef struct general_source {
  sm_function_object *function; /* owned */
  sm_code_options options;      /* the constants are the function's */
} general_source;

static bool make_general(void *context, void **object, size_t *size,
                         char **message) {
  const general_source *source = context;
  object_request r = {.function = source->function};
  bool ok = call_with_key(source->function, &source->options, find_object, &r,
                          &r.message);
  *object = r.object;
  *size = r.size;
  *message = r.message;
  return ok;
}

static void release_source(void *context) {
  general_source *source = context;
  sm_release((id)source->function);
  free(source);
}

static bool set_general(sm_code *code, const sm_function_object *function,
                        sm_code_options options) {
  general_source *source = calloc(1, sizeof(*source));
  if (!source) return false;
  source->function = (sm_function_object *)sm_retain(function);
  source->options = options;
  source->options.entries = SM_ENTRIES_GENERAL;
  sm_code_set_maker(code, make_general, source, release_source);
  return true;
}

/* ---- making ---------------------------------------------------------------- */

typedef struct request {
  sm_device *device;
  const sm_function_object *function;
  const sm_pipeline_descriptor *descriptor; /* NULL: none */
  NSUInteger options;
  sm_code_info info;
  char *message; /* malloc'ed: why it failed */
} request;

static sm_code *load(request *r, object_request *from) {
  r->info = from->info;
  sm_code *code =
      sm_code_load(from->object, from->size, &from->info, &r->message);
  free(from->object);
  return code;
}

static sm_code *from_archives(request *r) {
  id archives = r->descriptor ? r->descriptor->binary_archives : NULL;
  if (!archives || !sm_array_count(archives)) return NULL;
  object_request from = {.function = r->function, .archives = archives,
                         .only_archives = true};
  sm_code_options options = options_of(r->function, SM_ENTRIES_BOTH);
  if (!call_with_key(r->function, &options, find_object, &from,
                     &r->message))
    return NULL;
  return load(r, &from);
}

static sm_code *compile(request *r) {
  sm_code *code = from_archives(r);
  if (code || r->message) return code;
  if (r->options & FAIL_ON_ARCHIVE_MISS) {
    r->message = strdup("no binary archive holds this pipeline");
    return NULL;
  }
  object_request from = {.function = r->function};
  sm_code_options options = options_of(r->function, SM_ENTRIES_FULL);
  if (!call_with_key(r->function, &options, find_object, &from,
                     &from.message)) {
    r->message = from.message;
    return NULL;
  }
  code = load(r, &from);
  if (!code || set_general(code, r->function, options)) return code;
  sm_code_release(code);
  r->message = strdup("out of memory");
  return NULL;
}

static NSUInteger volume(MTLSize size) {
  return size.width * size.height * size.depth;
}

/* The strictest of attribute, descriptor, options and chip; 0 with a message
 * when they cannot be met together. */
static NSUInteger thread_limit(const request *r, MTLSize required,
                               const char **message) {
  NSUInteger asked = r->descriptor ? r->descriptor->max_total_threads : 0;
  NSUInteger limit = r->info.max_threads;
  if (!limit) limit = r->function->library->max_threads;
  if (asked > MAX_THREADS || limit > MAX_THREADS) {
    *message = "maxTotalThreadsPerThreadgroup is over the device limit of "
               "1024";
    return 0;
  }
  if (!limit) limit = MAX_THREADS;
  if (asked && asked < limit) limit = asked;
  if (required.width && volume(required) > limit) {
    *message = "requiredThreadsPerThreadgroup is over the limit of threads";
    return 0;
  }
  return limit;
}

static const char *refusal(const request *r) {
  const sm_pipeline_descriptor *d = r->descriptor;
  if (!r->function || !sm_is_kind((id)r->function, sm_function_class))
    return "computeFunction is nil";
  if (r->options & ~(NSUInteger)ALL_OPTIONS)
    return "options are no MTLPipelineOption";
  if (d && d->indirect)
    return "softmetal has no indirect command buffers";
  if (d && (d->binary_functions || d->linked ||
            (d->preloaded && sm_array_count(d->preloaded))))
    return "softmetal has no linked or binary functions";
  if (sm_fault_now(SM_FAULT_PIPELINE))
    return "Compiler encountered an internal error (injected)";
  return NULL;
}

static id finish(request *r, sm_code *code, const char **refused) {
  const sm_pipeline_descriptor *d = r->descriptor;
  MTLSize required = r->function->library->required;
  if (r->info.required[0])
    required = (MTLSize){r->info.required[0], r->info.required[1],
                         r->info.required[2]};
  if (d && d->required_threads.width) {
    if (r->info.required[0] && (d->required_threads.width != required.width ||
                                d->required_threads.height != required.height ||
                                d->required_threads.depth != required.depth)) {
      *refused = "requiredThreadsPerThreadgroup differs from the kernel's "
                 "attribute";
      return NULL;
    }
    required = d->required_threads;
  }
  NSUInteger limit = thread_limit(r, required, refused);
  sm_pipeline *self = limit ? sm_new(sm_pipeline_class) : NULL;
  if (!self) return NULL;
  sm_settings settings = sm_settings_read();
  self->device = (sm_device *)sm_retain(r->device);
  self->name = strdup(r->function->function->name);
  self->code = code;
  self->max_threads = limit;
  self->required = required;
  self->check = settings.check;
  self->counters = settings.counters;
  self->logging = r->function->library->logging;
  self->multiple_of_width = d && d->multiple_of_width;
  self->shader_validation = d ? d->shader_validation : 0;
  sm_set(&self->label, d ? d->label : NULL);
  return (id)self;
}

id sm_pipeline_new(sm_device *device, sm_function_object *function,
                   sm_pipeline_descriptor *descriptor, NSUInteger options,
                   id *error) {
  if (error) *error = NULL;
  request r = {.device = device, .function = function,
               .descriptor = descriptor, .options = options};
  const char *refused = refusal(&r);
  sm_code *code = refused ? NULL : compile(&r);
  id self = code ? finish(&r, code, &refused) : NULL;
  if (!self) {
    if (code) sm_code_release(code);
    const char *text = refused     ? refused
                       : r.message ? r.message
                                   : "Compiler encountered an internal error";
    sm_nserror_out(error, domain, COMPILER_ERROR, text);
  }
  free(r.message);
  return self;
}

/* ---- methods --------------------------------------------------------------- */

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
SM_GETTER(sm_pipeline, MTLSize, required)
SM_GETTER(sm_pipeline, NSInteger, shader_validation)
SM_OBJECT_GETTER(sm_pipeline, label)
static sm_bool pipeline_indirect(sm_pipeline *self, SEL cmd) {
  return (void)self, (void)cmd, 0;
}
static id pipeline_reflection(sm_pipeline *self, SEL cmd) {
  return (void)self, (void)cmd, NULL;
}
static uint64_t pipeline_resource(sm_pipeline *self, SEL cmd) {
  return (void)cmd, (uint64_t)(uintptr_t)self;
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
      SM_METHOD("requiredThreadsPerThreadgroup", get_required),
      SM_METHOD("staticThreadgroupMemoryLength", pipeline_static_memory),
      SM_METHOD("supportIndirectCommandBuffers", pipeline_indirect),
      SM_METHOD("shaderValidation", get_shader_validation),
      SM_METHOD("reflection", pipeline_reflection),
      SM_METHOD("gpuResourceID", pipeline_resource),
      SM_METHOD("device", pipeline_device),
      SM_METHOD("label", get_label),
      SM_METHOD("dealloc", pipeline_dealloc),
      {NULL, NULL}};
  sm_pipeline_class =
      sm_class_make("SoftMetalComputePipelineState", sm_NSObject,
                    sizeof(sm_pipeline), methods, NULL);
}
