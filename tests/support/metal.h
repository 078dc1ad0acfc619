/* SPDX-License-Identifier: MIT */
/*
 * metal.h - messages to Metal from C, for the tests of softmetal's API.
 *
 * Every test of these files runs between metal_open and metal_close, inside
 * an autorelease pool, with a device and a queue at hand.
 */
#ifndef TEST_METAL_H
#define TEST_METAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../softmetal/objc/objc.h"
#include "../../softmetal/softmetal.h"

id objc_retain(id object);
void objc_release(id object);

/* Through a variable: GCC refuses calls of a function by another type. */
extern IMP message_send, message_send_stret;
#define SEND(result, ...) ((result(*)(id, SEL, ##__VA_ARGS__))message_send)
#define NAME(text) sel_registerName(text)
#define CLASS(name) ((id)objc_getClass(name))
/* Of messages without arguments that give an MTLSize. */
#if defined(__x86_64__)
#define SEND_SIZE ((MTLSize(*)(id, SEL))message_send_stret)
#else
#define SEND_SIZE ((MTLSize(*)(id, SEL))message_send)
#endif

typedef struct metal {
  void *pool;
  id device, queue;
} metal;

int metal_open(void **state);  /* cmocka's set-up: *state is a metal */
int metal_close(void **state);
#define WITH_METAL(test) \
  cmocka_unit_test_setup_teardown(test, metal_open, metal_close)

/* ---- Foundation ---- */
id text(const char *utf8);              /* NSString, +0 */
const char *chars(id string);           /* NULL for NULL */
const char *message_of(id error);       /* "" for NULL */
NSInteger code_of(id error);
id make(const char *cls);               /* [cls new], +1 */
bool responds(id object, const char *selector);

/* ---- making things; +1; they fail the test when Metal does ---- */
id library_of(id device, const char *source, id *error); /* or NULL */
id function_of(id device, const char *source, const char *kernel);
id pipeline_of(id device, const char *source, const char *kernel);
id buffer_of(id device, NSUInteger bytes);
id buffer_with(id device, const void *data, NSUInteger bytes);
void *contents(id buffer);

/* ---- encoding ---- */
id begin(const metal *m, id *encoder); /* command buffer and encoder, +0 */
void set_pipeline(id encoder, id pipeline);
void set_buffer(id encoder, id buffer, NSUInteger offset, NSUInteger index);
void set_bytes(id encoder, const void *data, NSUInteger n, NSUInteger index);
void dispatch(id encoder, NSUInteger threads, NSUInteger group);
void end_encoding(id encoder);
/* endEncoding (unless NULL), commit, wait: the status. */
NSUInteger finish(id buffer, id encoder);
/* Expects status Error and a message with the words; returns the NSError. */
id expect_failure(id buffer, id encoder, NSInteger code, const char *words);

/* A block as clang lays it out, with one captured pointer. */
typedef struct test_block {
  void *isa;
  int32_t flags, reserved;
  void (*invoke)(void);
  const void *descriptor;
  void *captured;
} test_block;
/* function's first parameter is the test_block. */
test_block block_of(IMP function, void *captured);
#define BLOCK(function, captured) block_of((IMP)(function), (captured))

/* Waits up to 10 s for *counter to reach value; what it then is. */
int settled(_Atomic int *counter, int value);
/* Live objects when they are `expected`, or after 10 s. */
int64_t settled_live_objects(int64_t expected);

#endif
