/* SPDX-License-Identifier: MIT */
/*
 * softmetal_add.c - a Metal compute kernel from plain C: nothing but
 * objc_msgSend and softmetal, which answers it where there is no Mac.
 *
 *   cc softmetal_add.c $(pkg-config --cflags --libs softmetal)
 */
#include <softmetal.h>
#include <stdio.h>

typedef struct objc_object *id;
typedef const struct objc_selector *SEL;
typedef struct size { unsigned long width, height, depth; } size;

/* Each message is sent through objc_msgSend cast to its own prototype; by
 * way of a variable, because GCC refuses to call a function by another type. */
static void (*send)(void) = objc_msgSend;
#define SEND(result, ...) ((result(*)(id, SEL, __VA_ARGS__))send)
#define GET(result) ((result(*)(id, SEL))send)
#define NAME(text) sel_registerName(text)

static const char source[] =
    "#include <metal_stdlib>\n"
    "using namespace metal;\n"
    "kernel void add(device const float *x [[buffer(0)]],\n"
    "                device float *y [[buffer(1)]],\n"
    "                constant float &a [[buffer(2)]],\n"
    "                uint i [[thread_position_in_grid]]) {\n"
    "  y[i] = x[i] + a;\n"
    "}\n";

static int fail(id error) {
  id text = error ? GET(id)(error, NAME("localizedDescription")) : NULL;
  fprintf(stderr, "%s\n",
          text ? GET(const char *)(text, NAME("UTF8String")) : "no device");
  return 1;
}

static id string(const char *text) {
  return SEND(id, const char *)(objc_getClass("NSString"),
                                NAME("stringWithUTF8String:"), text);
}

static id buffer(id device, unsigned long bytes) {
  return SEND(id, unsigned long, unsigned long)(
      device, NAME("newBufferWithLength:options:"), bytes, 0);
}

static void bind(id encoder, id what, unsigned long index) {
  SEND(void, id, unsigned long, unsigned long)(
      encoder, NAME("setBuffer:offset:atIndex:"), what, 0, index);
}

int main(void) {
  enum { N = 1000 };
  void *pool = objc_autoreleasePoolPush();
  id error = NULL, device = MTLCreateSystemDefaultDevice();
  if (!device) return fail(NULL);

  id library = SEND(id, id, id, id *)(
      device, NAME("newLibraryWithSource:options:error:"), string(source),
      NULL, &error);
  if (!library) return fail(error);
  id function = SEND(id, id)(library, NAME("newFunctionWithName:"),
                             string("add"));
  id pipeline = SEND(id, id, id *)(
      device, NAME("newComputePipelineStateWithFunction:error:"), function,
      &error);
  if (!pipeline) return fail(error);

  id x = buffer(device, N * sizeof(float));
  id y = buffer(device, N * sizeof(float));
  float *in = GET(void *)(x, NAME("contents")), a = 0.5f;
  for (int i = 0; i < N; i++) in[i] = (float)i;

  id queue = GET(id)(device, NAME("newCommandQueue"));
  id commands = GET(id)(queue, NAME("commandBuffer"));
  id encoder = GET(id)(commands, NAME("computeCommandEncoder"));
  SEND(void, id)(encoder, NAME("setComputePipelineState:"), pipeline);
  bind(encoder, x, 0);
  bind(encoder, y, 1);
  SEND(void, const void *, unsigned long, unsigned long)(
      encoder, NAME("setBytes:length:atIndex:"), &a, sizeof a, 2);
  SEND(void, size, size)(
      encoder, NAME("dispatchThreads:threadsPerThreadgroup:"),
      (size){N, 1, 1}, (size){256, 1, 1});
  GET(void)(encoder, NAME("endEncoding"));
  GET(void)(commands, NAME("commit"));
  GET(void)(commands, NAME("waitUntilCompleted"));
  error = GET(id)(commands, NAME("error"));
  if (error) return fail(error);

  const float *out = GET(void *)(y, NAME("contents"));
  printf("%s: out[0] = %g, out[%d] = %g\n",
         GET(const char *)(GET(id)(device, NAME("name")), NAME("UTF8String")),
         (double)out[0], N - 1, (double)out[N - 1]);
  id all[] = {queue, y, x, pipeline, function, library, device};
  for (int i = 0; i < 7; i++) GET(void)(all[i], NAME("release"));
  objc_autoreleasePoolPop(pool);
  return 0;
}
