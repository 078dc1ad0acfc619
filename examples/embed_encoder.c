/* SPDX-License-Identifier: MIT */
/*
 * embed_encoder.c - a Triton kernel inside an engine's own encoder.
 *
 * The "engine" has what engines have: a Metal device, buffers, a queue, a
 * pipeline from its own MSL. In one encoder it dispatches its kernel, launches
 * a Triton kernel with tm_launch_into, and goes on with its own:
 *
 *     y = x / 2    the engine's
 *     z = x * y    Triton's
 *     y = z / 2    the engine's
 *
 * The messages go through objc_msgSend, which the program finds at run time: on
 * a Mac Apple's, elsewhere softmetal's.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tritonmetal.h>

enum { N = 1000, BLOCK = 256 };

static const char triton_source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def multiply(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) * tl.load(y + i, m), m)\n";

static const char engine_source[] =
    "#include <metal_stdlib>\n"
    "using namespace metal;\n"
    "kernel void halve(device const float *x [[buffer(10)]],\n"
    "                  device float *y [[buffer(11)]],\n"
    "                  uint i [[thread_position_in_grid]]) {\n"
    "  y[i] = x[i] / 2;\n"
    "}\n";

static void fail(const char *text) {
  fprintf(stderr, "%s\n", text ? text : "no reason was given");
  exit(1);
}

/* ---- Objective-C from C -------------------------------------------------- */

typedef void *id;
typedef struct size { unsigned long width, height, depth; } size;

static void (*message)(void); /* objc_msgSend */
static void *(*selector)(const char *name), *(*class_of)(const char *name);
static id (*default_device)(void);
static void *(*pool_push)(void);
static void (*pool_pop)(void *pool);

/* A message is sent through objc_msgSend as its own prototype. */
#define SEND(result, ...) ((result(*)(id, void *, __VA_ARGS__))message)
#define GET(result, object, name) \
  ((result(*)(id, void *))message)(object, selector(name))

static void find(void *library, const char *name, void *function) {
  void *address = dlsym(library, name);
  if (!address) fail(name);
  memcpy(function, &address, sizeof address);
}

static void open_metal(void) {
#if defined(__APPLE__)
  /* Without it a program that has no window may get no device. */
  dlopen("/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics",
         RTLD_NOW);
  const char *path = "/System/Library/Frameworks/Metal.framework/Metal";
#else
  const char *path = getenv("TRITON_METAL_SOFTMETAL");
  if (!path) path = "libsoftmetal.so";
#endif
  void *metal = dlopen(path, RTLD_NOW);
  if (!metal) fail(dlerror());
  find(metal, "objc_msgSend", &message);
  find(metal, "sel_registerName", &selector);
  find(metal, "objc_getClass", &class_of);
  find(metal, "MTLCreateSystemDefaultDevice", &default_device);
  find(metal, "objc_autoreleasePoolPush", &pool_push);
  find(metal, "objc_autoreleasePoolPop", &pool_pop);
}

static id string(const char *text) {
  return SEND(id, const char *)(class_of("NSString"),
                                selector("stringWithUTF8String:"), text);
}

/* ---- the engine ---------------------------------------------------------- */

typedef struct engine {
  id device, queue, halve;
  id x, y, z; /* MTLBuffers */
} engine;

static const char *text_of(id error) {
  id text = error ? GET(id, error, "localizedDescription") : NULL;
  return text ? GET(const char *, text, "UTF8String") : NULL;
}

static engine engine_open(void) {
  engine e;
  id error = NULL;
  e.device = default_device();
  if (!e.device) fail("there is no Metal device");
  e.queue = GET(id, e.device, "newCommandQueue");
  id library = SEND(id, id, id, id *)(
      e.device, selector("newLibraryWithSource:options:error:"),
      string(engine_source), NULL, &error);
  if (!library) fail(text_of(error));
  id function = SEND(id, id)(library, selector("newFunctionWithName:"),
                             string("halve"));
  e.halve = SEND(id, id, id *)(
      e.device, selector("newComputePipelineStateWithFunction:error:"),
      function, &error);
  if (!e.halve) fail(text_of(error));
  GET(void, function, "release");
  GET(void, library, "release");
  id *buffers[] = {&e.x, &e.y, &e.z};
  for (int i = 0; i < 3; i++)
    *buffers[i] = SEND(id, unsigned long, unsigned long)(
        e.device, selector("newBufferWithLength:options:"),
        N * sizeof(float), 0);
  return e;
}

static void engine_close(engine *e) {
  id all[] = {e->x, e->y, e->z, e->halve, e->queue, e->device};
  for (int i = 0; i < 6; i++) GET(void, all[i], "release");
}

static void halve(const engine *e, id encoder, id from, id to) {
  void *bind = selector("setBuffer:offset:atIndex:");
  SEND(void, id)(encoder, selector("setComputePipelineState:"), e->halve);
  SEND(void, id, unsigned long, unsigned long)(encoder, bind, from, 0, 10);
  SEND(void, id, unsigned long, unsigned long)(encoder, bind, to, 0, 11);
  SEND(void, size, size)(encoder,
                         selector("dispatchThreads:threadsPerThreadgroup:"),
                         (size){N, 1, 1}, (size){32, 1, 1});
}

/* ---- Triton in it -------------------------------------------------------- */

static tm_error *error;
static void check(tm_status status) {
  if (status) fail(tm_error_text(error));
}

int main(void) {
  open_metal();
  void *pool = pool_push();
  tm_context *context;
  tm_module *module;
  tm_function *multiply;
  check(tm_context_create(&context, NULL, &error));
  check(tm_module_parse(&module, NULL, "multiply.py", triton_source,
                        sizeof triton_source - 1, NULL, &error));
  check(tm_function_create(&multiply, context, module, "multiply", NULL,
                           &error));
  engine e = engine_open();
  float *x = GET(void *, e.x, "contents");
  for (int i = 0; i < N; i++) x[i] = (float)i;
  tm_buffer *buffer[3]; /* the engine's memory, for Triton */
  id objects[3] = {e.x, e.y, e.z};
  tm_arg args[5];
  for (int i = 0; i < 3; i++) {
    check(tm_buffer_import(&buffer[i], context, objects[i], 0, 0, &error));
    args[i] = tm_arg_tensor(buffer[i], 0, TM_DTYPE_F32);
  }
  args[3] = tm_arg_int(N);
  args[4] = tm_arg_int(BLOCK);

  id commands = GET(id, e.queue, "commandBuffer");
  id encoder = GET(id, commands, "computeCommandEncoder");
  halve(&e, encoder, e.x, e.y);
  tm_target target = TM_TARGET_INIT;
  target.kind = TM_TARGET_ENCODER;
  target.object = encoder;
  target.command_buffer = commands; /* keeps what the launch uses */
  tm_launch_options into = TM_LAUNCH_OPTIONS_INIT;
  into.into = &target;
  check(tm_function_launch(NULL, multiply,
                           tm_grid_1d((N + BLOCK - 1) / BLOCK), args, 5,
                           &into, &error));
  halve(&e, encoder, e.z, e.y);
  GET(void, encoder, "endEncoding");
  GET(void, commands, "commit");
  GET(void, commands, "waitUntilCompleted");

  float *y = GET(void *, e.y, "contents"), *z = GET(void *, e.z, "contents");
  printf("z[10] = %g, y[999] = %g\n", z[10], y[999]);
  for (int i = 0; i < 3; i++) tm_buffer_destroy(buffer[i]);
  tm_function_destroy(multiply);
  tm_module_destroy(module);
  tm_context_destroy(context);
  engine_close(&e);
  pool_pop(pool);
  return 0;
}
