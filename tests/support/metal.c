/* SPDX-License-Identifier: MIT */
/* metal.c - see metal.h. */
#define _GNU_SOURCE
#include "metal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

IMP message_send = objc_msgSend, message_send_stret = objc_msgSend_stret;

int metal_open(void **state) {
  metal *m = calloc(1, sizeof *m);
  if (!m) return -1;
  m->pool = objc_autoreleasePoolPush();
  m->device = MTLCreateSystemDefaultDevice();
  m->queue = SEND(id)(m->device, NAME("newCommandQueue"));
  *state = m;
  return 0;
}

int metal_close(void **state) {
  metal *m = *state;
  objc_release(m->queue);
  objc_release(m->device);
  objc_autoreleasePoolPop(m->pool);
  free(m);
  return 0;
}

/* ---- Foundation -------------------------------------------------------- */

id text(const char *utf8) {
  return SEND(id, const char *)(CLASS("NSString"),
                                NAME("stringWithUTF8String:"), utf8);
}
const char *chars(id string) {
  return string ? SEND(const char *)(string, NAME("UTF8String")) : NULL;
}
const char *message_of(id error) {
  return error ? chars(SEND(id)(error, NAME("localizedDescription"))) : "";
}
NSInteger code_of(id error) { return SEND(NSInteger)(error, NAME("code")); }
id make(const char *cls) { return SEND(id)(CLASS(cls), NAME("new")); }
bool responds(id object, const char *selector) {
  return SEND(sm_bool, SEL)(object, NAME("respondsToSelector:"),
                            NAME(selector)) != 0;
}

/* ---- making things ----------------------------------------------------- */

id library_of(id device, const char *source, id *error) {
  id options = make("MTLCompileOptions");
  SEND(void, NSUInteger)(options, NAME("setLanguageVersion:"), 196610);
  SEND(void, NSInteger)(options, NAME("setMathMode:"), 0);
  id library = SEND(id, id, id, id *)(
      device, NAME("newLibraryWithSource:options:error:"), text(source),
      options, error);
  objc_release(options);
  return library;
}

id function_of(id device, const char *source, const char *kernel) {
  id error = NULL, library = library_of(device, source, &error);
  if (!library) fail_msg("%s", message_of(error));
  id function =
      SEND(id, id)(library, NAME("newFunctionWithName:"), text(kernel));
  assert_non_null(function);
  objc_release(library);
  return function;
}

id pipeline_of(id device, const char *source, const char *kernel) {
  id error = NULL, function = function_of(device, source, kernel);
  id pipeline = SEND(id, id, id *)(
      device, NAME("newComputePipelineStateWithFunction:error:"), function,
      &error);
  if (!pipeline) fail_msg("%s", message_of(error));
  objc_release(function);
  return pipeline;
}

id buffer_of(id device, NSUInteger bytes) {
  return SEND(id, NSUInteger, NSUInteger)(
      device, NAME("newBufferWithLength:options:"), bytes, 0);
}
id buffer_with(id device, const void *data, NSUInteger bytes) {
  return SEND(id, const void *, NSUInteger, NSUInteger)(
      device, NAME("newBufferWithBytes:length:options:"), data, bytes, 0);
}
void *contents(id buffer) { return SEND(void *)(buffer, NAME("contents")); }

/* ---- encoding ---------------------------------------------------------- */

id begin(const metal *m, id *encoder) {
  id buffer = SEND(id)(m->queue, NAME("commandBuffer"));
  *encoder = SEND(id)(buffer, NAME("computeCommandEncoder"));
  return buffer;
}
void set_pipeline(id encoder, id pipeline) {
  SEND(void, id)(encoder, NAME("setComputePipelineState:"), pipeline);
}
void set_buffer(id encoder, id buffer, NSUInteger offset, NSUInteger index) {
  SEND(void, id, NSUInteger, NSUInteger)(
      encoder, NAME("setBuffer:offset:atIndex:"), buffer, offset, index);
}
void set_bytes(id encoder, const void *data, NSUInteger n, NSUInteger index) {
  SEND(void, const void *, NSUInteger, NSUInteger)(
      encoder, NAME("setBytes:length:atIndex:"), data, n, index);
}
void dispatch(id encoder, NSUInteger threads, NSUInteger group) {
  SEND(void, MTLSize, MTLSize)(
      encoder, NAME("dispatchThreads:threadsPerThreadgroup:"),
      (MTLSize){threads, 1, 1}, (MTLSize){group, 1, 1});
}
void end_encoding(id encoder) { SEND(void)(encoder, NAME("endEncoding")); }

NSUInteger finish(id buffer, id encoder) {
  if (encoder) end_encoding(encoder);
  SEND(void)(buffer, NAME("commit"));
  SEND(void)(buffer, NAME("waitUntilCompleted"));
  return SEND(NSUInteger)(buffer, NAME("status"));
}

id expect_failure(id buffer, id encoder, NSInteger code, const char *words) {
  assert_int_equal(finish(buffer, encoder), 5);
  id error = SEND(id)(buffer, NAME("error"));
  assert_non_null(error);
  if (!strstr(message_of(error), words))
    fail_msg("'%s' is not in: %s", words, message_of(error));
  assert_string_equal(chars(SEND(id)(error, NAME("domain"))),
                      "MTLCommandBufferErrorDomain");
  assert_int_equal(code_of(error), code);
  return error;
}

/* ---- blocks and waiting ------------------------------------------------ */

test_block block_of(IMP function, void *captured) {
  static const struct { unsigned long reserved, size; } descriptor = {
      0, sizeof(test_block)};
  extern void *_NSConcreteStackBlock[32];
  return (test_block){_NSConcreteStackBlock, 0, 0, function, &descriptor,
                      captured};
}

int settled(_Atomic int *counter, int value) {
  for (int i = 0; i < 10000 && atomic_load(counter) != value; i++)
    usleep(1000);
  return atomic_load(counter);
}

int64_t settled_live_objects(int64_t expected) {
  for (int i = 0; i < 10000 && softmetal_live_objects() != expected; i++)
    usleep(1000);
  return softmetal_live_objects();
}
