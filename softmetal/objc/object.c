/* SPDX-License-Identifier: MIT */
/*
 * object.c - NSObject, reference counts, autorelease pools, blocks.
 *
 * GCC's libobjc has classes, selectors and dispatch but none of what Apple's
 * runtime adds: this file adds it. A reference count of zero extra
 * references means one owner, so that class_createInstance's zeroed memory
 * is right. Autorelease pools are a per-thread stack of objects with marks,
 * as Apple's objc_autoreleasePoolPush/Pop are used from C.
 */
#define _GNU_SOURCE
#include "objc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Class sm_NSObject;
static Class pool_class;
static _Atomic int64_t live_objects;

void sm_forget_live(const void *object) {
  if (object) atomic_fetch_sub(&live_objects, 1);
}

int64_t sm_live_objects(void) { return atomic_load(&live_objects); }

__attribute__((visibility("default"))) Class object_getClass(id object) {
  return object ? object->class_pointer : NULL;
}

/* ---- classes ----------------------------------------------------------- */

static void add_methods(Class cls, const sm_method *methods) {
  /* "@@:" says too little of the arguments to be true of all, but dispatch
   * goes by name alone and nothing here asks for signatures. */
  for (; methods && methods->name; methods++)
    class_addMethod(cls, sel_registerTypedName(methods->name, "@@:"),
                    methods->imp, "@@:");
}

Class sm_class_make(const char *name, Class super, size_t size,
                    const sm_method *methods, const sm_method *class_methods) {
  Class cls = objc_allocateClassPair(super, name, 0);
  if (!cls) return (Class)objc_getClass(name);
  /* A root class starts at size 0 and needs its isa as an ivar; the rest of
   * the structure is one opaque ivar, named after the class because libobjc
   * refuses a name that a superclass has. */
  size_t base = super ? class_getInstanceSize(super) : 0;
  if (!super) {
    class_addIvar(cls, "isa", sizeof(Class), 3, "#");
    base = sizeof(Class);
  }
  if (size > base) class_addIvar(cls, name, size - base, 3, "?");
  add_methods(cls, methods);
  objc_registerClassPair(cls);
  add_methods(object_getClass((id)cls), class_methods);
  return cls;
}

void *sm_new(Class cls) {
  sm_object *object = (sm_object *)class_createInstance(cls, 0);
  if (object) atomic_fetch_add(&live_objects, 1);
  return object;
}

/* ---- reference counts -------------------------------------------------- */

static SEL sel_dealloc, sel_retain, sel_release;

/* Classes are objects too; they are never counted. */
static bool is_class(id object) {
  return class_isMetaClass(object_getClass(object));
}

static id object_retain(sm_object *self, SEL cmd) {
  (void)cmd;
  atomic_fetch_add_explicit(&self->extra_refs, 1, memory_order_relaxed);
  return (id)self;
}

static void object_release(sm_object *self, SEL cmd) {
  (void)cmd;
  if (atomic_fetch_sub_explicit(&self->extra_refs, 1, memory_order_acq_rel))
    return;
  void (*dealloc)(id, SEL) =
      (void (*)(id, SEL))objc_msg_lookup((id)self, sel_dealloc);
  dealloc((id)self, sel_dealloc);
}

static void object_dealloc(sm_object *self, SEL cmd) {
  (void)cmd;
  atomic_fetch_sub(&live_objects, 1);
  object_dispose((id)self);
}

void sm_object_dealloc(void *self) { object_dealloc(self, sel_dealloc); }

static NSUInteger object_retain_count(sm_object *self, SEL cmd) {
  (void)cmd;
  return (NSUInteger)atomic_load(&self->extra_refs) + 1;
}

id sm_retain(const void *object) {
  if (object && !is_class((id)object)) {
    id (*retain)(id, SEL) =
        (id(*)(id, SEL))objc_msg_lookup((id)object, sel_retain);
    retain((id)object, sel_retain);
  }
  return (id)object;
}

void sm_release(const void *object) {
  if (!object || is_class((id)object)) return;
  void (*release)(id, SEL) =
      (void (*)(id, SEL))objc_msg_lookup((id)object, sel_release);
  release((id)object, sel_release);
}

void sm_set(id *slot, id value) {
  sm_retain(value);
  id old = *slot;
  *slot = value;
  sm_release(old);
}

SM_EXPORT id objc_retain(id object);
SM_EXPORT void objc_release(id object);
SM_EXPORT id objc_autorelease(id object);
id objc_retain(id object) { return sm_retain(object); }
void objc_release(id object) { sm_release(object); }
id objc_autorelease(id object) { return sm_autorelease(object); }

/* ---- autorelease pools ------------------------------------------------- */

typedef struct pool_stack {
  id *objects;
  size_t len, cap;
  size_t open; /* how many pools are pushed */
} pool_stack;

static pthread_key_t pool_key;

static void pool_pop_to(pool_stack *stack, size_t mark) {
  /* Releasing may autorelease more; they land above and go too. */
  while (stack->len > mark) sm_release(stack->objects[--stack->len]);
}

static void pool_thread_ends(void *memory) {
  pool_stack *stack = memory;
  pool_pop_to(stack, 0);
  free(stack->objects);
  free(stack);
}

static pool_stack *pool_of_thread(void) {
  pool_stack *stack = pthread_getspecific(pool_key);
  if (!stack && (stack = calloc(1, sizeof *stack)))
    pthread_setspecific(pool_key, stack);
  return stack;
}

/* The token is the mark plus one, so that it is never NULL. */
SM_EXPORT void *objc_autoreleasePoolPush(void);
void *objc_autoreleasePoolPush(void) {
  pool_stack *stack = pool_of_thread();
  if (!stack) return NULL;
  stack->open++;
  return (void *)(uintptr_t)(stack->len + 1);
}

SM_EXPORT void objc_autoreleasePoolPop(void *token);
void objc_autoreleasePoolPop(void *token) {
  pool_stack *stack = pool_of_thread();
  if (!stack || !token || !stack->open) return;
  size_t mark = (uintptr_t)token - 1;
  stack->open--;
  if (mark <= stack->len) pool_pop_to(stack, mark);
}

id sm_autorelease(const void *object) {
  if (!object || is_class((id)object)) return (id)object;
  pool_stack *stack = pool_of_thread();
  /* Without memory for the pool the object leaks rather than dies early. */
  if (!stack) return (id)object;
  if (stack->len == stack->cap) {
    size_t cap = stack->cap ? stack->cap * 2 : 64;
    id *objects = realloc(stack->objects, cap * sizeof *objects);
    if (!objects) return (id)object;
    stack->objects = objects;
    stack->cap = cap;
  }
  stack->objects[stack->len++] = (id)object;
  return (id)object;
}

typedef struct pool_object {
  sm_object base;
  void *token;
} pool_object;

static id pool_init(pool_object *self, SEL cmd) {
  (void)cmd;
  self->token = objc_autoreleasePoolPush();
  return (id)self;
}

static void pool_dealloc(pool_object *self, SEL cmd) {
  objc_autoreleasePoolPop(self->token);
  object_dealloc(&self->base, cmd);
}

static void pool_add(pool_object *self, SEL cmd, id object) {
  (void)self, (void)cmd;
  sm_autorelease(object);
}

/* ---- NSObject ---------------------------------------------------------- */

static id class_alloc(Class self, SEL cmd) {
  (void)cmd;
  return sm_new(self);
}

static id class_new(Class self, SEL cmd) {
  (void)cmd;
  SEL init = sel_registerName("init");
  id object = sm_new(self);
  if (!object) return NULL;
  return ((id(*)(id, SEL))objc_msg_lookup(object, init))(object, init);
}

static id object_self(id self, SEL cmd) { return (void)cmd, self; }
static id object_autorelease(id self, SEL cmd) {
  return (void)cmd, sm_autorelease(self);
}
static Class object_class(id self, SEL cmd) {
  return (void)cmd, object_getClass(self);
}
static id class_class(id self, SEL cmd) { return (void)cmd, self; }

/* What an older macOS does not know yet (METAL-FACTS 1: "15+", "26+"). */
static const struct {
  const char *name;
  uint32_t since;
} newer[] = {
    {"setMathMode:", 15}, {"mathMode", 15},
    {"setMathFloatingPointFunctions:", 15},
    {"mathFloatingPointFunctions", 15}, {"setEnableLogging:", 15},
    {"enableLogging", 15}, {"newCommandQueueWithDescriptor:", 15},
    {"newLogStateWithDescriptor:error:", 15},
    {"newResidencySetWithDescriptor:error:", 15}, {"addResidencySet:", 15},
    {"addResidencySets:count:", 15}, {"removeResidencySet:", 15},
    {"removeResidencySets:count:", 15}, {"useResidencySet:", 15},
    {"useResidencySets:count:", 15}, {"setLogState:", 15}, {"logState", 15},
    {"waitUntilSignaledValue:timeoutMS:", 15}, {"sharedListener", 15},
    {"setShaderValidation:", 15}, {"shaderValidation", 15},
    {"architecture", 14}, {"queryTimestampFrequency", 26},
    {"setRequiredThreadsPerThreadgroup:", 26},
    {"requiredThreadsPerThreadgroup", 26}, {"reflection", 26},
    {"barrierAfterQueueStages:beforeStages:", 26}};

static bool too_new(SEL asked) {
  uint32_t os = sm_macos_major();
  const char *name = os < 26 ? sel_getName(asked) : NULL;
  for (size_t i = 0; name && i < sizeof newer / sizeof newer[0]; i++)
    if (newer[i].since > os && strcmp(newer[i].name, name) == 0) return true;
  return false;
}

static sm_bool object_responds(id self, SEL cmd, SEL asked) {
  (void)cmd;
  return asked && class_respondsToSelector(object_getClass(self), asked) &&
         !too_new(asked);
}

bool sm_is_kind(id object, Class cls) {
  if (!object) return false;
  for (Class c = object_getClass(object); c; c = class_getSuperclass(c))
    if (c == cls) return true;
  return false;
}

static sm_bool object_is_kind(id self, SEL cmd, Class cls) {
  return (void)cmd, sm_is_kind(self, cls);
}
static sm_bool object_is_equal(id self, SEL cmd, id other) {
  return (void)cmd, self == other;
}
static NSUInteger object_hash(id self, SEL cmd) {
  return (void)cmd, (NSUInteger)(uintptr_t)self >> 4;
}
static id object_description(id self, SEL cmd) {
  (void)cmd;
  return sm_string_format("<%s: %p>", class_getName(object_getClass(self)),
                          (void *)self);
}
static id object_copy(id self, SEL cmd) { return (void)cmd, sm_retain(self); }

/* ---- unknown selectors ------------------------------------------------- */

static __thread const char *last_class = "?", *last_selector = "?";

/* Objective-C's own behaviour for a message that nobody answers is to end
 * the process with this text; a program that gets here has a bug that no
 * return value could carry. */
static void unrecognized(void) {
  bool ours = strncmp(last_class, "SoftMetal", 9) == 0;
  fprintf(stderr, "softmetal: -[%s%s %s]: unrecognized selector\n",
          ours ? "MTL" : "", ours ? last_class + 9 : last_class,
          last_selector);
  abort();
}

static IMP forward(id self, SEL name) {
  last_class = self ? class_getName(object_getClass(self)) : "nil";
  last_selector = sel_getName(name);
  return unrecognized;
}

/* ---- blocks ------------------------------------------------------------ */

enum { BLOCK_HAS_COPY = 1 << 25, BLOCK_IS_GLOBAL = 1 << 28 };

struct block {
  void *isa;
  int32_t flags, reserved;
  void (*invoke)(void);
  struct {
    unsigned long reserved, size;
    void (*copy)(void *, const void *);
    void (*dispose)(const void *);
  } *descriptor;
};

SM_EXPORT extern void *_NSConcreteStackBlock[32];
SM_EXPORT extern void *_NSConcreteGlobalBlock[32];
void *_NSConcreteStackBlock[32], *_NSConcreteGlobalBlock[32];

void *sm_block_copy(const void *memory) {
  const struct block *block = memory;
  if (!block || (block->flags & BLOCK_IS_GLOBAL)) return (void *)block;
  struct block *copy = malloc(block->descriptor->size);
  if (!copy) return NULL;
  memcpy(copy, block, block->descriptor->size);
  if (block->flags & BLOCK_HAS_COPY) block->descriptor->copy(copy, block);
  return copy;
}

void sm_block_release(void *memory) {
  struct block *block = memory;
  if (!block || (block->flags & BLOCK_IS_GLOBAL)) return;
  if (block->flags & BLOCK_HAS_COPY) block->descriptor->dispose(block);
  free(block);
}

void sm_block_call1(void *block, const void *a) {
  if (block)
    ((void (*)(void *, const void *))((struct block *)block)->invoke)(block,
                                                                      a);
}

void sm_block_call2(void *block, const void *a, const void *b) {
  if (block)
    ((void (*)(void *, const void *, const void *))((struct block *)block)
         ->invoke)(block, a, b);
}

void sm_block_call3(void *block, const void *a, const void *b,
                    const void *c) {
  if (block)
    ((void (*)(void *, const void *, const void *, const void *))(
        (struct block *)block)->invoke)(block, a, b, c);
}

void sm_block_call_event(void *block, const void *event, uint64_t value) {
  if (block)
    ((void (*)(void *, const void *, uint64_t))((struct block *)block)
         ->invoke)(block, event, value);
}

void sm_block_call_log(void *block, id subsystem, id category,
                       NSInteger level, id message) {
  if (block)
    ((void (*)(void *, id, id, NSInteger, id))((struct block *)block)
         ->invoke)(block, subsystem, category, level, message);
}

/* ---- registration ------------------------------------------------------ */

void sm_register_object(void) {
  static const sm_method methods[] = {
      SM_METHOD("init", object_self),
      SM_METHOD("self", object_self),
      SM_METHOD("retain", object_retain),
      SM_METHOD("release", object_release),
      SM_METHOD("autorelease", object_autorelease),
      SM_METHOD("retainCount", object_retain_count),
      SM_METHOD("dealloc", object_dealloc),
      SM_METHOD("copy", object_copy),
      SM_METHOD("class", object_class),
      SM_METHOD("respondsToSelector:", object_responds),
      SM_METHOD("isKindOfClass:", object_is_kind),
      SM_METHOD("isEqual:", object_is_equal),
      SM_METHOD("hash", object_hash),
      SM_METHOD("description", object_description),
      SM_METHOD("debugDescription", object_description),
      {NULL, NULL}};
  static const sm_method class_methods[] = {
      SM_METHOD("alloc", class_alloc),
      SM_METHOD("new", class_new),
      SM_METHOD("class", class_class),
      SM_METHOD("self", object_self),
      SM_METHOD("retain", object_self),
      SM_METHOD("release", object_self),
      SM_METHOD("autorelease", object_self),
      SM_METHOD("respondsToSelector:", object_responds),
      {NULL, NULL}};
  static const sm_method pool_methods[] = {
      SM_METHOD("init", pool_init),
      SM_METHOD("dealloc", pool_dealloc),
      SM_METHOD("drain", object_release),
      SM_METHOD("addObject:", pool_add),
      {NULL, NULL}};
  pthread_key_create(&pool_key, pool_thread_ends);
  sel_dealloc = sel_registerName("dealloc");
  sel_retain = sel_registerName("retain");
  sel_release = sel_registerName("release");
  __objc_msg_forward2 = forward;
  sm_NSObject = sm_class_make("NSObject", NULL, sizeof(sm_object), methods,
                              class_methods);
  pool_class = sm_class_make("NSAutoreleasePool", sm_NSObject,
                             sizeof(pool_object), pool_methods, NULL);
}
