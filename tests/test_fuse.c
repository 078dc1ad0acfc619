/* SPDX-License-Identifier: MIT */
/*
 * test_fuse.c - kernels that become one, and those that must not.
 *
 * Each case is a few launches. They run as launches on one set of buffers and
 * as a graph on another: afterwards every byte must be equal, but for buffers
 * that are temporary. How many dispatches are left, and the reason in the
 * report, are expected too. What the launches themselves compute is compared
 * with plain C where it is not tested elsewhere.
 */
#define _GNU_SOURCE /* setenv */
#include "support/device.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERS = 8, BYTES = 16384, MOST_LAUNCHES = 20, MOST_ARGS = 12 };

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n"
    "\n\n"
    "@triton.jit\n"
    "def scale(x, out, by, n, B: tl.constexpr):\n"
    "    start = tl.program_id(0) * B\n"
    "    at = tl.arange(0, B) + start\n"
    "    ok = at < n\n"
    "    tl.store(out + at, tl.load(x + at, mask=ok, other=3.0) * by, mask=ok)\n"
    "\n\n"
    "@triton.jit\n"
    "def whole(x, out, B: tl.constexpr):\n" /* without a mask */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) - 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def times(x, y, out, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) * tl.load(y + i))\n"
    "\n\n"
    "@triton.jit\n"
    "def plus(x, y, out, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) + tl.load(y + i))\n"
    "\n\n"
    "@triton.jit\n"
    "def ramp(x, out, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) + i.to(tl.float32) * 1.37)\n"
    "\n\n"
    "@triton.jit\n"
    "def tilt(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) + n.to(tl.float32) * 0.37)\n"
    "\n\n"
    "@triton.jit\n"
    "def ones(x, out, n, B: tl.constexpr):\n" /* other is seen */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i, i < n, other=1.0))\n"
    "\n\n"
    "@triton.jit\n"
    "def zeros(x, out, n, B: tl.constexpr):\n" /* no other, and seen */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i, i < n))\n"
    "\n\n"
    "@triton.jit\n"
    "def inner(x, out, n, k, B: tl.constexpr):\n" /* a narrower mask */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    m = (i < n) & (i >= k)\n"
    "    tl.store(out + i, tl.load(x + i, m, other=0.0) * 2, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def next(x, out, n, B: tl.constexpr):\n" /* the neighbour's element */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    m = i + 1 < n\n"
    "    tl.store(out + i, tl.load(x + i + 1, m), m)\n"
    "\n\n"
    "@triton.jit\n"
    "def total(x, out, n, B: tl.constexpr):\n" /* a sum of each program */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + tl.program_id(0), tl.sum(tl.load(x + i, i < n, other=0.0)))\n"
    "\n\n"
    "@triton.jit\n"
    "def spread(x, s, out, n, B: tl.constexpr):\n" /* each program's scalar */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    by = tl.load(s + tl.program_id(0))\n"
    "    tl.store(out + i, tl.load(x + i, i < n) * by, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def first(x, s, out, n, B: tl.constexpr):\n" /* one scalar for all */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i, i < n) * tl.load(s), i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def tile(x, out, M, N, stride, by, BM: tl.constexpr, BN: tl.constexpr):\n"
    "    r = tl.program_id(0) * BM + tl.arange(0, BM)\n"
    "    c = tl.program_id(1) * BN + tl.arange(0, BN)\n"
    "    at = r[:, None] * stride + c[None, :]\n"
    "    m = (r[:, None] < M) & (c[None, :] < N)\n"
    "    tl.store(out + at, tl.load(x + at, m) + by, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def folded(x, out, M, N, by, BM: tl.constexpr, BN: tl.constexpr):\n"
    "    wide = tl.cdiv(N, BN)\n"
    "    p = tl.program_id(0)\n"
    "    r = p // wide * BM + tl.arange(0, BM)\n"
    "    c = p % wide * BN + tl.arange(0, BN)\n"
    "    at = r[:, None] * N + c[None, :]\n"
    "    m = (r[:, None] < M) & (c[None, :] < N)\n"
    "    tl.store(out + at, tl.load(x + at, m) * by, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def rows(x, out, N, B: tl.constexpr):\n" /* softmax of a row */
    "    c = tl.arange(0, B)\n"
    "    at = tl.program_id(0) * N + c\n"
    "    v = tl.load(x + at, c < N, other=-float('inf'))\n"
    "    e = tl.exp(v - tl.max(v))\n"
    "    tl.store(out + at, e / tl.sum(e), c < N)\n"
    "\n\n"
    "@triton.jit\n"
    "def row_scale(x, out, by, N, B: tl.constexpr):\n"
    "    c = tl.arange(0, B)\n"
    "    at = tl.program_id(0) * N + c\n"
    "    tl.store(out + at, tl.load(x + at, c < N) * by, c < N)\n"
    "\n\n"
    "@triton.jit\n"
    "def half(x, out, n, B: tl.constexpr):\n" /* fp32 through a narrow type */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    m = i < n\n"
    "    v = tl.load(x + i, m).to(tl.float32)\n"
    "    tl.store(out + i, v * 1.0009765625 + 0.3333333, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def same(x, out, n, B: tl.constexpr):\n" /* all programs the same place */
    "    i = tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def pairs(x, out, n, B: tl.constexpr):\n" /* two elements a place */
    "    i = (tl.program_id(0) * B + tl.arange(0, B)) // 2\n"
    "    tl.store(out + i, tl.load(x + i) + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def close(x, out, n, B: tl.constexpr):\n" /* programs half a tile apart */
    "    i = tl.program_id(0) * (B // 2) + tl.arange(0, B)\n"
    "    tl.store(out + i, tl.load(x + i) * 0 + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def sometimes(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    if n > 100:\n"
    "        tl.store(out + i, tl.load(x + i, i < n) + 1, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def looped(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    a = tl.zeros([B], tl.float32)\n"
    "    for k in range(0, 3):\n"
    "        a += tl.load(x + i, i < n, other=0.0) * k\n"
    "    tl.store(out + i, a, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def powers(x, out, n, times, B: tl.constexpr):\n" /* a loop of values */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    v = tl.load(x + i, i < n, other=0.0)\n"
    "    a = v\n"
    "    for k in range(times):\n"
    "        a = a * v + k\n"
    "    tl.store(out + i, a, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def counted(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.atomic_add(out + i, tl.load(x + i, i < n), i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def told(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    v = tl.load(x + i, i < n)\n"
    "    tl.device_print('v', v)\n"
    "    tl.store(out + i, v, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def gathered(x, at, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    k = tl.load(at + i, i < n, other=0).to(tl.int32) & 15\n"
    "    tl.store(out + i, tl.load(x + k), i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def chosen(x, y, out, n, B: tl.constexpr):\n" /* masked by a value read */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    v = tl.load(x + i, i < n, other=0.0)\n"
    "    tl.store(out + i, tl.load(y + i, (i < n) & (v > 0), other=-7.0), i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def twice(x, t, out, n, B: tl.constexpr):\n" /* writes two buffers */
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    v = tl.load(x + i, i < n)\n"
    "    tl.store(t + i, v + 1, i < n)\n"
    "    tl.store(out + i, v + 2, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def block(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):\n"
    "    p = tl.make_block_ptr(x, (M, N), (N, 1), (tl.program_id(0) * BM, tl.program_id(1) * BN), (BM, BN), (1, 0))\n"
    "    q = tl.make_block_ptr(out, (M, N), (N, 1), (tl.program_id(0) * BM, tl.program_id(1) * BN), (BM, BN), (1, 0))\n"
    "    v = tl.load(p, boundary_check=(0, 1), padding_option='zero')\n"
    "    tl.store(q, v * 2 + 1, boundary_check=(0, 1))\n"
    "\n\n"
    "@triton.jit\n"
    "def turned(x, out, M, N, BM: tl.constexpr, BN: tl.constexpr):\n"
    "    r = tl.program_id(0) * BM + tl.arange(0, BM)\n"
    "    c = tl.program_id(1) * BN + tl.arange(0, BN)\n"
    "    m = (r[:, None] < M) & (c[None, :] < N)\n"
    "    v = tl.load(x + r[:, None] * N + c[None, :], m)\n"
    "    tl.store(out + c[None, :] * M + r[:, None], v + 1, m)\n"
    "\n\n"
    "@triton.jit\n"
    "def bits(x, out, n, B: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    tl.store(out + i, (tl.load(x + i, i < n) * 77 + 5) >> 1, i < n)\n";

/* args: buffers a to h, perhaps with an offset in bytes "a+64", integers, and
 * floats, which have a point. */
typedef struct launch {
  const char *kernel, *signature, *args;
  uint32_t grid[2];
} launch;

typedef struct fusing {
  const char *name;
  char fill;               /* f, h(alf), b(fp16), i(nt) */
  launch launches[MOST_LAUNCHES];
  const char *temporaries; /* letters */
  uint32_t dispatches;
  const char *report;      /* words of the report, or NULL */
} fusing;

static device_test t;
static tm_error *error;

#define OK(call)                                               \
  do {                                                         \
    if (call) fail_msg("%s: %s", #call, tm_error_text(error)); \
  } while (0)

static int begin_with(const char *check) {
  setenv("SOFTMETAL_CHECK", check, 1);
  setenv("SOFTMETAL_SHUFFLE", "7", 1);
  t = device_open(NULL, source);
  return 0;
}

static int begin(void **state) {
  (void)state;
  return begin_with("1");
}

/* Programs that write the same to one place are races to the checks. */
static int begin_unchecked(void **state) {
  (void)state;
  return begin_with("0");
}

static int end(void **state) {
  (void)state;
  device_close(&t);
  return 0;
}

/* ---- one case ------------------------------------------------------------ */

static uint64_t seed = 99;

static void fill(void *bytes, char how) {
  for (uint32_t i = 0; i < BYTES / 4; i++) {
    float f = (float)(2 * test_random(&seed)), g = (float)test_random(&seed);
    uint32_t a, b;
    memcpy(&a, &f, 4);
    memcpy(&b, &g, 4);
    uint32_t word = a;
    if (how == 'h') word = half_from_float(f) | (uint32_t)half_from_float(g) << 16;
    if (how == 'b') word = a >> 16 | (b >> 16) << 16;
    if (how == 'i') word = (uint32_t)(int32_t)(f * 1e9f);
    ((uint32_t *)bytes)[i] = word;
  }
}

typedef struct prepared {
  tm_kernel *kernel;
  tm_arg args[MOST_ARGS];
  size_t n;
} prepared;

static size_t read_args(const char *text, tm_buffer **buffers, tm_arg *args) {
  size_t n = 0;
  while (*text) {
    char *next;
    assert_true(n < MOST_ARGS);
    if (*text >= 'a' && *text <= 'h') {
      uint64_t offset = text[1] == '+' ? strtoull(text + 2, &next, 10) : 0;
      if (text[1] != '+') next = (char *)(uintptr_t)text + 1;
      args[n++] = tm_arg_buffer(buffers[*text - 'a'], offset);
    } else {
      size_t length = strcspn(text, ",");
      if (memchr(text, '.', length))
        args[n++] = tm_arg_float(strtod(text, &next));
      else
        args[n++] = tm_arg_int(strtoll(text, &next, 10));
    }
    text = *next ? next + 1 : next;
  }
  return n;
}

static tm_kernel *compile(const launch *l) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = l->signature;
  if (tm_compile(&k, t.context, t.module, l->kernel, &o, &error))
    fail_msg("%s", tm_error_text(error));
  return k;
}

static void launch_all(const fusing *c, tm_buffer **buffers) {
  for (int i = 0; i < MOST_LAUNCHES && c->launches[i].kernel; i++) {
    const launch *l = &c->launches[i];
    tm_kernel *k = compile(l);
    tm_arg args[MOST_ARGS];
    size_t n = read_args(l->args, buffers, args);
    tm_grid grid = tm_grid_3d(l->grid[0], l->grid[1] ? l->grid[1] : 1, 1);
    if (tm_launch(t.stream, k, grid, args, n, &error))
      fail_msg("%s: %s", c->name, tm_error_text(error));
    tm_kernel_destroy(k);
  }
}

static tm_graph *record(const fusing *c, tm_buffer **buffers) {
  tm_graph *graph;
  tm_buffer *temporaries[BUFFERS];
  tm_graph_options o = TM_GRAPH_OPTIONS_INIT;
  o.temporaries = temporaries;
  for (const char *p = c->temporaries; p && *p; p++)
    temporaries[o.n_temporaries++] = buffers[*p - 'a'];
  OK(tm_graph_begin(t.stream, &o, &error));
  launch_all(c, buffers);
  OK(tm_graph_end(&graph, t.stream, &error));
  return graph;
}

static bool is_temporary(const fusing *c, int buffer) {
  return c->temporaries && strchr(c->temporaries, 'a' + buffer);
}

static void make_buffers(char how, tm_buffer **buffers, tm_buffer **copies) {
  for (int b = 0; b < BUFFERS; b++) {
    buffers[b] = device_array(&t, BYTES, 1);
    copies[b] = device_array(&t, BYTES, 1);
    fill(tm_buffer_contents(buffers[b]), how);
    memcpy(tm_buffer_contents(copies[b]), tm_buffer_contents(buffers[b]),
           BYTES);
  }
}

static void await(void) {
  OK(tm_stream_synchronize(t.stream, TM_WAIT_FOREVER, &error));
}

static void compare(const fusing *c, const char *report, tm_buffer **want,
                    tm_buffer **got) {
  for (int b = 0; b < BUFFERS; b++) {
    if (is_temporary(c, b)) continue;
    const uint8_t *x = tm_buffer_contents(want[b]);
    const uint8_t *y = tm_buffer_contents(got[b]);
    for (int i = 0; i < BYTES; i++)
      if (x[i] != y[i])
        fail_msg("%s: byte %d of '%c' is %02x and not %02x\n%s", c->name, i,
                 'a' + b, y[i], x[i], report);
  }
}

/* Twice, so that what one replay leaves is what the next begins with. */
static uint32_t run_case(const fusing *c) {
  tm_buffer *want[BUFFERS], *got[BUFFERS];
  make_buffers(c->fill, want, got);
  tm_graph *graph = record(c, got);
  const char *report = tm_graph_report(graph);
  for (int round = 0; round < 2; round++) {
    launch_all(c, want);
    OK(tm_graph_launch(t.stream, graph, &error));
    await();
    compare(c, report, want, got);
  }
  uint32_t dispatches = (uint32_t)tm_graph_dispatches(graph);
  if (getenv("FUSE_VERBOSE")) printf("%s: %u\n%s", c->name, dispatches, report);
  if (c->dispatches && dispatches != c->dispatches)
    fail_msg("%s: %u dispatches, not %u\n%s", c->name, dispatches,
             c->dispatches, report);
  if (c->report && !strstr(report, c->report))
    fail_msg("%s: no '%s' in the report:\n%s", c->name, c->report, report);
  tm_graph_destroy(graph);
  for (int b = 0; b < BUFFERS; b++) {
    tm_buffer_destroy(want[b]);
    tm_buffer_destroy(got[b]);
  }
  return dispatches;
}

#define ADD "*fp32, *fp32, *fp32, i32, 256"
#define SCALE "*fp32, *fp32, fp32, i32, 256"
#define ONE "*fp32, *fp32, i32, 256"
#define TWO "*fp32, *fp32, *fp32, i32, 256"
#define TILE "*fp32, *fp32, i32, i32, i32, fp32, 16, 32"
#define FOLDED "*fp32, *fp32, i32, i32, fp32, 16, 32"

/* ---- what is fused -------------------------------------------------------- */

static const fusing fused[] = {
  {"masked", 'f', {{"add", ADD, "a,b,c,1000", {4}}, {"scale", SCALE, "c,d,2.5,1000", {4}}}, NULL, 1,
   "0 'add' and 1 'scale': fused: 1 load of what was stored is its value"},
  {"the store goes", 'f', {{"add", ADD, "a,b,c,1000", {4}}, {"scale", SCALE, "c,d,2.5,1000", {4}}}, "c", 1,
   "0 to 1: 1 store that nothing reads went"},
  {"without masks", 'f', {{"whole", "*fp32, *fp32, 256", "a,b", {4}}, {"whole", "*fp32, *fp32, 256", "b,c", {4}}}, "b", 1, NULL},
  {"an unmasked store, masked loads", 'f', {{"whole", "*fp32, *fp32, 256", "a,b", {4}}, {"ones", ONE, "b,c,1000", {4}}}, NULL, 1, NULL},
  {"other is used where the mask is false", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"ones", ONE, "b,c,1000", {4}}}, "b", 1, NULL},
  {"zero where there is no other", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"zeros", ONE, "b,c,1000", {4}}}, "b", 1, NULL},
  {"a mask within the store's", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"inner", "*fp32, *fp32, i32, i32, 256", "b,c,1000,77", {4}}}, NULL, 1, NULL},
  {"a mask that is always true", 'f', {{"scale", SCALE, "a,b,2.5,1024", {4}}, {"whole", "*fp32, *fp32, 256", "b,c", {4}}}, NULL, 1, NULL},
  {"masked by a value", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"chosen", TWO, "b,c,d,1000", {4}}}, NULL, 1, NULL},
  {"masked by a value, of the same", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"chosen", TWO, "b,b,d,1000", {4}}}, "b", 1, "2 loads"},
  {"four in a row", 'f', {{"add", ADD, "a,b,c,1000", {4}}, {"scale", SCALE, "c,d,2.5,1000", {4}}, {"add", ADD, "d,c,e,1000", {4}}, {"scale", SCALE, "e,f,0.5,1000", {4}}}, "cde", 1, "3 stores that nothing reads went"},
  {"in place", 'f', {{"scale", SCALE, "a,a,2.5,1000", {4}}, {"scale", SCALE, "a,a,0.3,1000", {4}}, {"add", ADD, "a,a,a,1000", {4}}}, NULL, 1, "2 stores that nothing reads went"},
  {"out and back", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"add", ADD, "a,b,a,1000", {4}}, {"scale", SCALE, "a,b,0.1,1000", {4}}}, NULL, 1, NULL},
  {"two that pass two", 'f', {{"twice", TWO, "a,b,c,1000", {4}}, {"add", ADD, "b,c,d,1000", {4}}}, "bc", 1, "2 loads"},
  {"a sum of each program", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"total", ONE, "b,c,1000", {4}}}, "b", 1, NULL},
  {"a scalar of each program", 'f', {{"total", ONE, "a,b,1000", {4}}, {"spread", TWO, "a,b,c,1000", {4}}}, "b", 1, NULL},
  {"rows", 'f', {{"row_scale", "*fp32, *fp32, fp32, i32, 128", "a,b,1.5,100", {30}}, {"rows", "*fp32, *fp32, i32, 128", "b,c,100", {30}}, {"row_scale", "*fp32, *fp32, fp32, i32, 128", "c,d,3.0,100", {30}}}, "bc", 1, NULL},
  {"tiles", 'f', {{"tile", TILE, "a,b,60,50,64,1.5", {4, 2}}, {"tile", TILE, "b,c,60,50,64,0.25", {4, 2}}}, "b", 1, NULL},
  {"tiles over rows' ends", 'f', {{"tile", TILE, "a,b,60,50,50,1.5", {4, 2}}, {"tile", TILE, "b,c,60,50,50,0.25", {4, 2}}}, "b", 1, NULL},
  {"a folded grid", 'f', {{"folded", FOLDED, "a,b,60,50,1.5", {8}}, {"folded", FOLDED, "b,c,60,50,0.25", {8}}}, "b", 1, NULL},
  {"block pointers", 'f', {{"block", "*fp32, *fp32, i32, i32, 16, 32", "a,b,60,50", {4, 2}}, {"block", "*fp32, *fp32, i32, i32, 16, 32", "b,c,60,50", {4, 2}}}, "b", 1, NULL},
  {"turned in place of a tile", 'f', {{"tile", TILE, "a,b,60,50,50,1.5", {4, 2}}, {"turned", "*fp32, *fp32, i32, i32, 16, 32", "b,c,60,50", {4, 2}}}, "b", 1, NULL},
  {"half precision", 'h', {{"half", "*fp16, *fp16, i32, 256", "a,b,1000", {4}}, {"half", "*fp16, *fp16, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"single through half", 'f', {{"half", "*fp32, *fp16, i32, 256", "a,b,1000", {4}}, {"half", "*fp16, *fp32, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"single through bfloat", 'f', {{"half", "*fp32, *bf16, i32, 256", "a,b,1000", {4}}, {"half", "*bf16, *fp32, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"bfloats", 'b', {{"half", "*bf16, *bf16, i32, 256", "a,b,1000", {4}}, {"add", "*bf16, *bf16, *bf16, i32, 256", "a,b,c,1000", {4}}}, NULL, 1, NULL},
  {"eight-bit floats", 'f', {{"half", "*fp32, *fp8e5, i32, 256", "a,b,1000", {4}}, {"half", "*fp8e5, *fp32, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"integers", 'i', {{"bits", "*i32, *i32, i32, 256", "a,b,1000", {4}}, {"bits", "*i32, *i32, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"bytes", 'i', {{"bits", "*i8, *i8, i32, 256", "a,b,1000", {4}}, {"bits", "*i8, *i8, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"wide integers", 'i', {{"bits", "*i64, *i64, i32, 256", "a,b,1000", {4}}, {"bits", "*i64, *i64, i32, 256", "b,c,1000", {4}}}, "b", 1, NULL},
  {"a product, then a sum", 'f', {{"times", "*fp32, *fp32, *fp32, 256", "a,b,c", {4}}, {"plus", "*fp32, *fp32, *fp32, 256", "c,d,e", {4}}}, "c", 1, NULL},
  {"another size type", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", "*fp32, *fp32, fp32, i64, 256", "b,c,2.5,1000", {4}}}, NULL, 1, NULL},
  {"a smaller size", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", SCALE, "b,c,2.5,900", {4}}}, NULL, 1, NULL},
  {"a loop over values", 'f', {{"scale", SCALE, "a,b,0.5,1000", {4}}, {"powers", "*fp32, *fp32, i32, i32, 256", "b,c,1000,4", {4}}}, "b", 1, NULL},
  {"an offset into a buffer", 'f', {{"add", ADD, "a,b,c+64,1000", {4}}, {"scale", SCALE, "c+64,d,2.5,1000", {4}}}, NULL, 1, NULL},
  {"a pair, then a pair", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", SCALE, "b,c,0.5,1000", {4}}, {"next", ONE, "c,d,1000", {4}}, {"scale", SCALE, "d,e,0.5,999", {4}}}, "bd", 2,
   "1 'scale' and 2 'next': not fused: 'next' reads 'out' at other addresses than 'scale' writes it"},
  {"seventeen", 'f', {
    {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}}, {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}},
    {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}}, {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}},
    {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}}, {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}},
    {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}}, {"scale", SCALE, "a,b,0.9,1000", {4}}, {"scale", SCALE, "b,a,0.9,1000", {4}},
    {"scale", SCALE, "a,b,0.9,1000", {4}}}, NULL, 2, "a fused kernel has at most 16 launches"},
};

static void equal_addresses_and_masks_are_fused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof fused / sizeof fused[0]; i++)
    run_case(&fused[i]);
}

/* ---- what is not ---------------------------------------------------------- */

static const fusing refused[] = {
  {"a sum of what was narrow", 'h', {{"half", "*fp16:16, *fp32:16, i32, 1024", "a,b,1000", {4}}, {"total", "*fp32:16, *fp32:16, i32, 1024", "b,c,1000", {4}}}, "b", 2, "a sum or product of 'total' would be added up in another order"},
  {"a sum of what was wide", 'f', {{"half", "*fp32:16, *fp16:16, i32, 1024", "a,b,1000", {4}}, {"total", "*fp16:16, *fp32:16, i32, 1024", "b,c,1000", {4}}}, "b", 2, "a sum or product of 'total' would be added up in another order"},
  {"another grid", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", SCALE, "b,c,2.5,1000", {5}}}, NULL, 2, "the grid of 'scale' is 4 x 1 x 1 and that of 'scale' 5 x 1 x 1"},
  {"nothing passes", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", SCALE, "a,c,2.5,1000", {4}}}, NULL, 2, "'scale' reads nothing that is written before it"},
  {"only overwritten", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"scale", SCALE, "c,b,2.5,1000", {4}}}, NULL, 2, "reads nothing that is written before it"},
  {"the neighbour's element", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"next", ONE, "b,c,1000", {4}}}, NULL, 2, "'next' reads 'out' at other addresses than 'scale' writes it"},
  {"a wider mask", 'f', {{"scale", SCALE, "a,b,2.5,900", {4}}, {"scale", SCALE, "b,c,2.5,1000", {4}}}, NULL, 2, "the mask with which 'scale' reads 'out' is not known to be within the one with which 'scale' writes it"},
  {"no mask after one", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"whole", "*fp32, *fp32, 256", "b,c", {4}}}, NULL, 2, "is not known to be within"},
  {"one scalar for all", 'f', {{"total", ONE, "a,b,1000", {4}}, {"first", TWO, "a,b,c,1000", {4}}}, NULL, 2, "'first' reads 'out' at other addresses"},
  {"read before it is written elsewhere", 'f', {{"next", ONE, "a,b,1000", {4}}, {"scale", SCALE, "b,a,2.5,1000", {4}}}, NULL, 2, "'next' reads 'x' at other addresses than 'scale' writes it"},
  {"all programs at one place", 'f', {{"same", ONE, "a,b,256", {4}}, {"same", ONE, "b,c,256", {4}}}, NULL, 2, "what 'same' writes to 'out' is not known to be apart: program_id(0) does not enter its address"},
  {"all programs at one place, in place", 'f', {{"same", ONE, "a,b,256", {4}}, {"same", ONE, "b,b,256", {1}}}, NULL, 2, NULL},
  {"programs that meet", 'f', {{"close", ONE, "a,b,256", {4}}, {"close", ONE, "b,c,256", {4}}}, NULL, 2, "two of its elements, or of its programs', may have one address"},
  {"rows that meet", 'f', {{"tile", TILE, "a,b,60,50,32,0.0", {4, 2}}, {"tile", TILE, "b,c,60,50,32,0.25", {4, 2}}}, NULL, 2, "may have one address"},
  {"two elements at one place", 'f', {{"pairs", ONE, "a,b,256", {4}}, {"pairs", ONE, "b,c,256", {4}}}, NULL, 2, "its address is not a sum"},
  {"in a condition", 'f', {{"sometimes", ONE, "a,b,1000", {4}}, {"scale", SCALE, "b,c,2.5,1000", {4}}}, NULL, 2, "'sometimes' writes 'out' inside a loop or condition"},
  {"in a loop", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"looped", ONE, "b,c,1000", {4}}}, NULL, 2, "'looped' reads 'out' inside a loop or condition"},
  {"an atomic", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"counted", ONE, "b,c,1000", {4}}}, NULL, 2, "'counted' has tt.atomic_rmw, which is not a plain load or store"},
  {"gathered", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"gathered", TWO, "b,c,d,1000", {4}}}, NULL, 2, "'gathered' reads 'out' at other addresses"},
  {"turned", 'f', {{"turned", "*fp32, *fp32, i32, i32, 16, 32", "a,b,64,64", {4, 2}}, {"tile", TILE, "b,c,64,64,64,1.0", {4, 2}}}, NULL, 2, "at other addresses"},
  {"buffers that overlap in part", 'f', {{"add", ADD, "a,b,c,1000", {4}}, {"scale", SCALE, "c+4,d,2.5,1000", {4}}}, NULL, 2, "'out' of 'add' and 'x' of 'scale' share memory and are not the same"},
  {"a product in common", 'f', {{"ramp", "*fp32, *fp32, 256", "a,b", {4}}, {"ramp", "*fp32, *fp32, 256", "b,c", {4}}}, "b", 2, "'ramp' has a product of numbers in common with another kernel"},
  {"a scalar product in common", 'f', {{"tilt", ONE, "a,b,1000", {4}}, {"tilt", ONE, "b,c,1000", {4}}}, "b", 2, "'tilt' has a product of numbers in common with another kernel"},
  {"another element type", 'f', {{"scale", SCALE, "a,b,2.5,1000", {4}}, {"bits", "*i32, *i32, i32, 256", "b,c,1000", {4}}}, NULL, 2, "'out' has another element type in 'bits'"},
  {"another width", 'h', {{"half", "*fp16, *fp16, i32, 256", "a,b,1000", {4}}, {"bits", "*i8, *i8, i32, 256", "b,c,1000", {4}}}, NULL, 2, "another element type"},
};

static void what_is_not_proven_stays_apart(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    run_case(&refused[i]);
}

/* ---- random pairs --------------------------------------------------------- */

enum { PAIRS = 60 };

static uint32_t roll(uint32_t n) {
  return (uint32_t)((test_random(&seed) + 1) / 2 * n) % n;
}

typedef struct text {
  char data[4096];
  size_t n;
} text;

static void put(text *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  out->n += (size_t)vsnprintf(out->data + out->n, sizeof out->data - out->n,
                              format, args);
  va_end(args);
  assert_true(out->n < sizeof out->data);
}

static const char *random_mask(void) {
  static const char *const masks[] = {
    "i < n", "n > i", "i <= n - 1", "(i < n) & (i >= k)", "i < k",
    "(i >= k) & (n > i)", "i + 1 <= n", "(i < n) & (i % 3 != 1)"};
  return masks[roll(roll(3) ? 3 : 8)];
}

static void put_load(text *out, const char *pointer, bool is_float) {
  put(out, "tl.load(%s, %s", pointer, random_mask());
  if (roll(2)) put(out, ", other=%s", is_float ? "1.5" : "7");
  put(out, ")");
}

/* A value made of names[0 .. n), exact or rounded the same everywhere. */
static void put_value(text *out, const char *const *names, uint32_t n,
                      uint32_t depth, bool is_float) {
  static const char *const float_ops[] = {"+", "-", "*", "*", "+", "/"};
  static const char *const int_ops[] = {"+", "-", "*", "&", "^", "|"};
  if (depth == 0 || roll(5) == 0) {
    if (roll(4) == 0)
      put(out, is_float ? "%u.37" : "%u", roll(9) + 1);
    else
      put(out, "%s", names[roll(n)]);
    return;
  }
  if (roll(6) == 0) {
    put(out, "tl.where(");
    put_value(out, names, n, 0, is_float);
    put(out, " > %s, ", names[roll(n)]);
    put_value(out, names, n, depth - 1, is_float);
    put(out, ", ");
    put_value(out, names, n, depth - 1, is_float);
    put(out, ")");
    return;
  }
  put(out, "(");
  put_value(out, names, n, depth - 1, is_float);
  put(out, " %s ", (is_float ? float_ops : int_ops)[roll(6)]);
  put_value(out, names, n, depth - 1, is_float);
  put(out, ")");
}

/* A kernel that reads two buffers and writes one or two. */
static void put_kernel(text *out, const char *name, bool is_float,
                       bool may_shift) {
  static const char *const places[] = {
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n",
    "    i = tl.arange(0, B) + B * tl.program_id(0)\n",
    "    s = tl.program_id(0) * B\n    i = s + tl.arange(0, B)\n"};
  static const char *const names[] = {"u", "v", "w"};
  put(out, "\n\n@triton.jit\ndef %s(x, y, out, more, n, k, by, "
      "B: tl.constexpr):\n%s", name, places[roll(3)]);
  put(out, "    u = ");
  put_load(out, may_shift && roll(12) == 0 ? "x + i + 1" : "x + i", is_float);
  put(out, "\n    v = ");
  put_load(out, "y + i", is_float);
  put(out, "\n    w = ");
  put_value(out, names, 2, 2, is_float);
  if (is_float && roll(2)) put(out, " * by");
  if (is_float && roll(8) == 0) put(out, " + tl.max(u)");
  put(out, "\n    tl.store(out + i, ");
  put_value(out, names, 3, 3, is_float);
  put(out, ", %s)\n", random_mask());
  if (roll(3)) return;
  put(out, "    tl.store(more + i, ");
  put_value(out, names, 3, 2, is_float);
  put(out, ", %s)\n", random_mask());
}

static uint32_t run_pair(uint64_t number) {
  static const char *const types[] = {"fp32", "fp16", "bf16", "i32"};
  static const char fills[] = "fhbi";
  /* What the second reads and writes, in place as well. */
  static const char *const seconds[] = {
    "c,a,d,e", "c,c,d,e", "c,b,c,e", "c,d,d,f", "a,c,f,c", "c,f,a,g",
    "c,d,c,d", "f,g,c,h"};
  seed = number;
  uint32_t type = roll(4);
  text program = {.n = 0};
  put(&program, "import triton\nimport triton.language as tl\n");
  put_kernel(&program, "p", type < 3, false);
  const char *q = seconds[roll(8)];
  /* Else its programs would race with each other. */
  bool may_shift = q[0] != q[4] && q[0] != q[6];
  put_kernel(&program, "q", type < 3, may_shift);
  char signature[128], first[64], second[64], name[64];
  const char *n = types[type];
  snprintf(signature, sizeof signature,
           "*%s, *%s, *%s, *%s, i32, i32, fp32, 128", n, n, n, n);
  uint32_t size = 850 + roll(50), inner = 20 + roll(90);
  snprintf(first, sizeof first, "a,b,c,d,%u,%u,1.5", size, inner);
  snprintf(second, sizeof second, "%s,%u,%u,0.75", q, size,
           inner);
  snprintf(name, sizeof name, "pair %llu", (unsigned long long)number);
  fusing c = {.name = name, .fill = fills[type],
              .launches = {{"p", signature, first, {7}},
                           {"q", signature, second, {7}}}};
  tm_module *module = t.module;
  OK(tm_module_parse(&t.module, "m", "m.py", program.data, program.n, NULL,
                     &error));
  if (getenv("FUSE_VERBOSE")) printf("%s\n%s\n%s\n", name, program.data, second);
  uint32_t dispatches = run_case(&c);
  tm_module_destroy(t.module);
  t.module = module;
  return dispatches;
}

/* FUSE_PAIRS=first:count runs others. */
static void random_pairs_are_equal_fused_or_not(void **state) {
  (void)state;
  unsigned long long first = 1, count = PAIRS;
  const char *given = getenv("FUSE_PAIRS");
  if (given) sscanf(given, "%llu:%llu", &first, &count);
  uint32_t one = 0;
  for (unsigned long long i = 0; i < count; i++)
    one += run_pair(first + i) == 1;
  if (given) printf("%u of %llu pairs were fused\n", one, count);
  assert_true(given || (one > PAIRS / 6 && one < PAIRS));
}

int main(void) {
#define CHECKED(test) cmocka_unit_test_setup_teardown(test, begin, end)
#define UNCHECKED(test) \
  cmocka_unit_test_setup_teardown(test, begin_unchecked, end)
  const struct CMUnitTest tests[] = {
    CHECKED(equal_addresses_and_masks_are_fused),
    UNCHECKED(what_is_not_proven_stays_apart),
    CHECKED(random_pairs_are_equal_fused_or_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
