/* SPDX-License-Identifier: MIT */
/*
 * msl_metal.c - Metal as a C program without Objective-C sees it: messages
 * through objc_msgSend, found with dlsym in softmetal's library.
 */
#define _GNU_SOURCE
#include "msl_metal.h"

#include "bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *send_address;
static void *(*selector)(const char *name);
static void *(*class_named)(const char *name);
static void *(*pool_push)(void);
static void (*pool_pop)(void *pool);

#define SEND(result, ...) ((result (*)(void *, void *, ##__VA_ARGS__))send_address)

static void fail(const char *what, void *error) {
  const char *text = "";
  if (error) {
    void *d = SEND(void *)(error, selector("localizedDescription"));
    text = SEND(const char *)(d, selector("UTF8String"));
  }
  fprintf(stderr, "bench: %s: %s\n", what, text);
  exit(1);
}

static void *string(const char *text) {
  return SEND(void *, const char *)(class_named("NSString"),
                                    selector("stringWithUTF8String:"), text);
}

static void bind(void *library, const char *name, void *slot) {
  void *address = dlsym(library, name);
  if (!address) fail(name, NULL);
  memcpy(slot, &address, sizeof address);
}

msl_metal msl_metal_open(void) {
  msl_metal m = {NULL, NULL};
  const char *path = getenv("TRITON_METAL_SOFTMETAL");
  void *library =
      dlopen(path ? path : "build/libsoftmetal.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(dlerror(), NULL);
  void *(*device)(void);
  bind(library, "objc_msgSend", &send_address);
  bind(library, "sel_registerName", &selector);
  bind(library, "objc_getClass", &class_named);
  bind(library, "objc_autoreleasePoolPush", &pool_push);
  bind(library, "objc_autoreleasePoolPop", &pool_pop);
  bind(library, "MTLCreateSystemDefaultDevice", &device);
  m.device = device();
  if (!m.device) fail("no device", NULL);
  m.queue = SEND(void *)(m.device, selector("newCommandQueue"));
  return m;
}

void msl_metal_close(msl_metal *m) {
  msl_release(m->queue);
  msl_release(m->device);
}

void msl_release(void *object) {
  if (object) SEND(void)(object, selector("release"));
}

void *msl_library(msl_metal *m, const char *text) {
  void *pool = pool_push(), *error = NULL;
  void *library = SEND(void *, void *, void *, void **)(
      m->device, selector("newLibraryWithSource:options:error:"),
      string(text), NULL, &error);
  if (!library) fail("library", error);
  pool_pop(pool);
  return library;
}

static void *function_named(void *library, const char *name) {
  void *function = SEND(void *, void *)(
      library, selector("newFunctionWithName:"), string(name));
  if (!function) fail(name, NULL);
  return function;
}

void *msl_pipeline(msl_metal *m, void *library, const char *name) {
  void *pool = pool_push(), *error = NULL;
  void *function = function_named(library, name);
  void *pipeline = SEND(void *, void *, void **)(
      m->device, selector("newComputePipelineStateWithFunction:error:"),
      function, &error);
  if (!pipeline) fail(name, error);
  msl_release(function);
  pool_pop(pool);
  return pipeline;
}

static void *new_object(const char *class_name) {
  void *object = SEND(void *)(class_named(class_name), selector("alloc"));
  return SEND(void *)(object, selector("init"));
}

/* path NULL: an empty one. */
static void *open_archive(msl_metal *m, const char *path) {
  void *error = NULL, *d = new_object("MTLBinaryArchiveDescriptor");
  if (path)
    SEND(void, void *)(d, selector("setUrl:"), SEND(void *, void *)(
        class_named("NSURL"), selector("fileURLWithPath:"), string(path)));
  void *archive = SEND(void *, void *, void **)(
      m->device, selector("newBinaryArchiveWithDescriptor:error:"), d,
      &error);
  if (!archive) fail("archive", error);
  msl_release(d);
  return archive;
}

static void *pipeline_descriptor(void *function) {
  void *d = new_object("MTLComputePipelineDescriptor");
  SEND(void, void *)(d, selector("setComputeFunction:"), function);
  return d;
}

void *msl_archive(msl_metal *m, void *library, const char *name,
                  const char *path) {
  void *pool = pool_push(), *error = NULL;
  void *archive = open_archive(m, NULL);
  void *function = function_named(library, name);
  void *d = pipeline_descriptor(function);
  if (!SEND(signed char, void *, void **)(
          archive, selector("addComputePipelineFunctionsWithDescriptor:error:"),
          d, &error) ||
      !SEND(signed char, void *, void **)(
          archive, selector("serializeToURL:error:"),
          SEND(void *, void *)(class_named("NSURL"),
                               selector("fileURLWithPath:"), string(path)),
          &error))
    fail("archive", error);
  msl_release(d), msl_release(function), msl_release(archive);
  archive = open_archive(m, path);
  pool_pop(pool);
  return archive;
}

void *msl_pipeline_from(msl_metal *m, void *library, const char *name,
                        void *archive) {
  void *pool = pool_push(), *error = NULL;
  void *function = function_named(library, name);
  void *d = pipeline_descriptor(function);
  SEND(void, void *)(d, selector("setBinaryArchives:"),
      SEND(void *, void *)(class_named("NSArray"),
                           selector("arrayWithObject:"), archive));
  enum { FAIL_ON_ARCHIVE_MISS = 4 }; /* MTLPipelineOption */
  void *pipeline = SEND(void *, void *, unsigned long, void *, void **)(
      m->device,
      selector("newComputePipelineStateWithDescriptor:options:reflection:"
               "error:"),
      d, FAIL_ON_ARCHIVE_MISS, NULL, &error);
  if (!pipeline) fail("pipeline from the archive", error);
  msl_release(d), msl_release(function);
  pool_pop(pool);
  return pipeline;
}

msl_buffer msl_buffer_new(msl_metal *m, size_t bytes) {
  msl_buffer b;
  b.object = SEND(void *, unsigned long, unsigned long)(
      m->device, selector("newBufferWithLength:options:"), bytes, 0);
  if (!b.object) fail("buffer", NULL);
  b.data = SEND(void *)(b.object, selector("contents"));
  return b;
}

typedef struct size3 { unsigned long width, height, depth; } size3;

msl_commands msl_begin(msl_metal *m) {
  msl_commands c = {pool_push(), NULL, NULL};
  c.buffer = SEND(void *)(m->queue, selector("commandBuffer"));
  c.encoder = SEND(void *)(c.buffer, selector("computeCommandEncoder"));
  return c;
}

void msl_encode(msl_commands *c, const msl_step *s) {
  SEND(void, void *)(c->encoder, selector("setComputePipelineState:"),
                     s->pipeline);
  for (unsigned long k = 0; k < 4 && s->buffers[k]; k++)
    SEND(void, void *, unsigned long, unsigned long)(
        c->encoder, selector("setBuffer:offset:atIndex:"),
        s->buffers[k]->object, 0, k);
  if (s->number_at >= 0)
    SEND(void, const void *, unsigned long, unsigned long)(
        c->encoder, selector("setBytes:length:atIndex:"), &s->number, 4,
        (unsigned long)s->number_at);
  SEND(void, size3, size3)(
      c->encoder, selector("dispatchThreadgroups:threadsPerThreadgroup:"),
      (size3){s->groups[0], s->groups[1], 1}, (size3){s->threads, 1, 1});
}

void msl_end(msl_commands *c) {
  SEND(void)(c->encoder, selector("endEncoding"));
  SEND(void)(c->buffer, selector("commit"));
  SEND(void)(c->buffer, selector("waitUntilCompleted"));
  void *error = SEND(void *)(c->buffer, selector("error"));
  if (error) fail("command buffer", error);
  pool_pop(c->pool);
}

void msl_run(msl_metal *m, const msl_step *steps, size_t n) {
  msl_commands c = msl_begin(m);
  for (size_t i = 0; i < n; i++) msl_encode(&c, &steps[i]);
  msl_end(&c);
}
