/* SPDX-License-Identifier: MIT */
/* work.c - what workers do, see endurance.h. */
#define _GNU_SOURCE
#include "endurance.h"

#include "../../runtime/buffer/dlpack_abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, k, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i, i < n) + k, i < n)\n"
    "\n\n"
    "@triton.jit\n"
    "def move(x, y, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    tl.store(y + i, tl.load(x + i) + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def sum(x, out, WIDTH: tl.constexpr):\n"
    "    r = tl.program_id(0)\n"
    "    s = tl.sum(tl.load(x + r * WIDTH + tl.arange(0, WIDTH)), 0)\n"
    "    tl.store(out + r, tl.load(out + r) + s)\n"
    "\n\n"
    "@triton.jit\n"
    "def count(x, out, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.atomic_add(out + (tl.load(x + i) & 15), 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def loop(x, turns, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    v = tl.load(x + i)\n"
    "    for k in range(turns):\n"
    "        v = v * 5 + k\n"
    "    tl.store(x + i, v)\n"
    "\n\n"
    "@triton.jit\n"
    "def product(a, c):\n"
    "    i = tl.arange(0, 16)[:, None] * 16 + tl.arange(0, 16)[None, :]\n"
    "    t = tl.load(a + i)\n"
    "    tl.store(c + i, tl.dot(t, t) + 1)\n"
    "\n\n"
    "@triton.jit\n"
    "def say(x):\n"
    "    tl.device_print(\"v\", tl.load(x))\n"
    "\n\n"
    "@triton.jit\n"
    "def step(x, n, D: tl.constexpr, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, tl.load(x + i, i < n) * 3 + D, i < n)\n";

uint32_t below(uint64_t *random, uint32_t n) {
  uint64_t x = *random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *random = x;
  return (uint32_t)(x * 0x2545f4914f6cdd1du >> 32) % (n ? n : 1);
}

/* ---- errors ------------------------------------------------------------------- */

/* Counts a failed call, and frees its error; true: it did not fail. What went
 * wrong on the device may have touched any buffer. */
static bool ok(worker *w, tm_status status, tm_error **given) {
  tm_error *error = *given; /* by address: arguments have no order */
  if (status == TM_OK) return true;
  w->all->errors[(unsigned)status % STATUSES]++;
  if (!error || tm_error_status(error) != status ||
      !*tm_error_message(error)) {
    snprintf(w->all->what, sizeof w->all->what, "%s without words",
             tm_status_name(status));
    w->all->lost = true;
  }
  if (status == TM_E_DEVICE || status == TM_E_TIMEOUT)
    w->is_undefined = true;
  else if (status != TM_E_MEMORY && status != TM_E_METAL_COMPILE) {
    snprintf(w->all->what, sizeof w->all->what, "unexpected: %s",
             tm_error_message(error));
    w->all->lost = true;
  }
  tm_error_destroy(error);
  return false;
}

static void wrong_answer(worker *w, const char *what, int at, uint32_t found,
                         uint32_t expected) {
  if (atomic_exchange(&w->all->lost, true)) return;
  snprintf(w->all->what, sizeof w->all->what,
           "a call succeeded and %s[%d] is %u, not %u", what, at,
           (unsigned)found, (unsigned)expected);
}

/* ---- what is shared ------------------------------------------------------------ */

static tm_kernel *compile(shared *s, const char *name, const char *signature) {
  tm_kernel *k = NULL;
  tm_error *error = NULL;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  if (tm_compile(&k, s->context, s->module, name, &o, &error))
    fprintf(stderr, "%s", tm_error_text(error));
  tm_error_destroy(error);
  return k;
}

bool shared_open(shared *s, const char *cache_dir) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = cache_dir;
  if (tm_context_create(&s->context, &o, NULL) ||
      tm_module_parse(&s->module, "work", "work.py", source, sizeof source - 1,
                      NULL, NULL))
    return false;
  s->add = compile(s, "add", "*i32, i32, i32, 128");
  s->move = compile(s, "move", "*i32, *i32, 512");
  s->sum = compile(s, "sum", "*i32, *i32, 32");
  s->count = compile(s, "count", "*i32, *i32, 128");
  s->loop = compile(s, "loop", "*i32, i32, 512");
  s->product = compile(s, "product", "*fp32, *fp32");
  s->say = compile(s, "say", "*i32");
  return s->add && s->move && s->sum && s->count && s->loop && s->product &&
         s->say &&
         !tm_function_create(&s->step, s->context, s->module, "step", NULL,
                             NULL);
}

void shared_close(shared *s) {
  tm_kernel *kernels[] = {s->add,  s->move,    s->sum, s->count,
                          s->loop, s->product, s->say};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    tm_kernel_destroy(kernels[i]);
  tm_function_destroy(s->step);
  tm_module_destroy(s->module);
  tm_context_destroy(s->context);
}

/* ---- the mirror --------------------------------------------------------------- */

/* Sets buffers and mirror to the same; the stream must be idle. */
static void start_anew(worker *w) {
  uint32_t *values = tm_buffer_contents(w->values);
  float *tile = tm_buffer_contents(w->tile);
  for (int i = 0; i < LENGTH; i++)
    values[i] = w->value[i] = below(&w->random, 1000);
  for (int i = 0; i < SIDE * SIDE; i++)
    tile[i] = (float)(i % 5);
  memset(tm_buffer_contents(w->sums), 0, sizeof w->total);
  memset(tm_buffer_contents(w->counts), 0, sizeof w->counted);
  memset(tm_buffer_contents(w->square), 0, SIDE * SIDE * sizeof(float));
  memset(w->total, 0, sizeof w->total);
  memset(w->counted, 0, sizeof w->counted);
  w->multiplied = w->is_undefined = false;
}

static void compare(worker *w, const char *what, const uint32_t *found,
                    const uint32_t *expected, int n) {
  for (int i = 0; i < n; i++)
    if (found[i] != expected[i]) {
      wrong_answer(w, what, i, found[i], expected[i]);
      return;
    }
}

static void compare_square(worker *w) {
  float *square = tm_buffer_contents(w->square);
  for (int r = 0; r < SIDE; r++)
    for (int c = 0; c < SIDE; c++) {
      double expected = 1;
      for (int k = 0; k < SIDE; k++)
        expected += (double)((r * SIDE + k) % 5) * ((k * SIDE + c) % 5);
      if (!w->multiplied) expected = 0;
      if ((double)square[r * SIDE + c] != expected)
        wrong_answer(w, "square", r * SIDE + c,
                     (uint32_t)square[r * SIDE + c], (uint32_t)expected);
    }
  memset(square, 0, SIDE * SIDE * sizeof(float));
  w->multiplied = false;
}

/* Of a stream that is idle. */
static void drop_side_buffers(worker *w, bool look) {
  for (int i = 0; i < w->n_side; i++) {
    side_buffer *s = &w->side[i];
    if (look)
      compare(w, "side", tm_buffer_contents(s->buffer), s->expected, LENGTH);
    tm_buffer_destroy(s->buffer);
    free(s->memory);
  }
  w->n_side = 0;
}

static bool synchronize(worker *w) {
  tm_error *error = NULL;
  return ok(w, tm_stream_synchronize(w->stream, TM_WAIT_FOREVER, &error),
            &error);
}

void worker_look(worker *w) {
  bool fine = synchronize(w) && !w->is_undefined;
  while (!fine && !synchronize(w)) {} /* other batches may have failed too */
  w->all->synchronized++;
  if (fine) {
    compare(w, "values", tm_buffer_contents(w->values), w->value, LENGTH);
    compare(w, "sums", tm_buffer_contents(w->sums), w->total, SIDE);
    compare(w, "counts", tm_buffer_contents(w->counts), w->counted, SIDE);
    compare_square(w);
  }
  drop_side_buffers(w, fine);
  if (!fine) start_anew(w);
}

/* ---- launches ------------------------------------------------------------------ */

static bool launch(worker *w, tm_kernel *k, uint32_t grid, const tm_arg *args,
                   size_t n) {
  tm_error *error = NULL;
  bool queued = ok(w, tm_launch(w->stream, k, tm_grid_1d(grid), args, n,
                                &error),
                   &error);
  w->all->launches += queued;
  return queued;
}

static void do_add(worker *w) {
  int32_t k = (int32_t)below(&w->random, 100), n = 1 + (int)below(&w->random, LENGTH);
  tm_arg args[3] = {tm_arg_buffer(w->values, 0), tm_arg_int(k), tm_arg_int(n)};
  if (!launch(w, w->all->add, 4, args, 3)) return;
  for (int i = 0; i < n; i++) w->value[i] += (uint32_t)k;
}

/* In place: buffers that share memory. */
static void do_move(worker *w) {
  tm_arg args[2] = {tm_arg_buffer(w->values, 0), tm_arg_buffer(w->values, 0)};
  if (!launch(w, w->all->move, 1, args, 2)) return;
  for (int i = 0; i < LENGTH; i++) w->value[i]++;
}

static void do_sum(worker *w) {
  tm_arg args[2] = {tm_arg_buffer(w->values, 0), tm_arg_buffer(w->sums, 0)};
  if (!launch(w, w->all->sum, SIDE, args, 2)) return;
  for (int i = 0; i < LENGTH; i++) w->total[i / (LENGTH / SIDE)] += w->value[i];
}

static void do_count(worker *w) {
  tm_arg args[2] = {tm_arg_buffer(w->values, 0), tm_arg_buffer(w->counts, 0)};
  if (!launch(w, w->all->count, 4, args, 2)) return;
  for (int i = 0; i < LENGTH; i++) w->counted[w->value[i] & 15]++;
}

static void do_loop(worker *w) {
  uint32_t turns = below(&w->random, 8);
  tm_arg args[2] = {tm_arg_buffer(w->values, 0), tm_arg_int(turns)};
  if (!launch(w, w->all->loop, 1, args, 2)) return;
  for (int i = 0; i < LENGTH; i++)
    for (uint32_t k = 0; k < turns; k++) w->value[i] = w->value[i] * 5 + k;
}

static void do_product(worker *w) {
  tm_arg args[2] = {tm_arg_buffer(w->tile, 0), tm_arg_buffer(w->square, 0)};
  if (launch(w, w->all->product, 1, args, 2)) w->multiplied = true;
}

static void do_say(worker *w) {
  char text[400];
  tm_arg args[1] = {tm_arg_buffer(w->values, 0)};
  launch(w, w->all->say, 1, args, 1);
  tm_stream_read_printed(w->stream, text, sizeof text);
}

/* One of the variants of a function. */
static void do_step(worker *w) {
  static const int32_t lengths[] = {1, 16, 17, LENGTH};
  int32_t n = lengths[below(&w->random, 4)], d = (int)below(&w->random, 4);
  tm_arg args[4] = {tm_arg_tensor(w->values, 0, TM_DTYPE_I32), tm_arg_int(n),
                    tm_arg_int(d), tm_arg_int(128)};
  tm_error *error = NULL;
  if (!ok(w, tm_function_launch(w->stream, w->all->step, tm_grid_1d(4), args,
                                4, NULL, &error),
          &error))
    return;
  w->all->launches++;
  for (int i = 0; i < n; i++) w->value[i] = w->value[i] * 3 + (uint32_t)d;
}

/* ---- buffers that come and go ---------------------------------------------------- */

/* Adds k to what is in buffer, and has the result looked at. */
static void use_side(worker *w, tm_buffer *buffer, void *memory) {
  uint32_t *at = tm_buffer_contents(buffer), k = below(&w->random, 1000);
  side_buffer *s = &w->side[w->n_side];
  for (uint32_t i = 0; i < LENGTH; i++) {
    at[i] = i * 7;
    s->expected[i] = at[i] + k;
  }
  tm_arg args[3] = {tm_arg_buffer(buffer, 0), tm_arg_int(k),
                    tm_arg_int(LENGTH)};
  if (!launch(w, w->all->add, 4, args, 3))
    memcpy(s->expected, at, sizeof s->expected);
  s->buffer = buffer;
  s->memory = memory;
  w->n_side++;
}

static void do_create(worker *w) {
  tm_buffer *b;
  tm_error *error = NULL;
  uint64_t size = LENGTH * 4 + below(&w->random, 60000);
  if (ok(w, tm_buffer_create(&b, w->all->context, size, NULL, &error), &error))
    use_side(w, b, NULL);
}

/* Any address that is a multiple of four. */
static void do_wrap(worker *w) {
  char *memory = malloc(LENGTH * 4 + 64);
  if (!memory) return;
  tm_buffer *b;
  tm_error *error = NULL;
  if (ok(w, tm_buffer_wrap(&b, w->all->context,
                           memory + 4 * below(&w->random, 16), LENGTH * 4,
                           &error),
         &error)) {
    w->all->wraps++;
    use_side(w, b, memory);
  } else {
    free(memory);
  }
}

typedef struct tensor {
  DLManagedTensorVersioned managed;
  shared *all;
  int64_t shape;
  uint32_t elements[LENGTH];
} tensor;

static void delete_tensor(DLManagedTensorVersioned *managed) {
  tensor *t = managed->manager_ctx;
  t->all->tensors_out--;
  free(t);
}

/* Destroyed at once: the launch keeps it, then its deleter runs. */
static void do_tensor(worker *w) {
  tensor *t = calloc(1, sizeof *t);
  if (!t) return;
  tm_buffer *b;
  tm_arg arg;
  tm_error *error = NULL;
  t->all = w->all;
  t->shape = LENGTH;
  t->managed = (DLManagedTensorVersioned){
      {1, 0}, t, delete_tensor, 0,
      {.data = t->elements, .device = {TMI_DL_CPU, 0}, .ndim = 1,
       .dtype = {TMI_DL_INT, 32, 1}, .shape = &t->shape}};
  if (!ok(w, tm_buffer_from_dlpack_versioned(&b, &arg, w->all->context,
                                             &t->managed, &error),
          &error)) {
    free(t);
    return;
  }
  w->all->tensors++;
  w->all->tensors_out++;
  tm_arg args[3] = {arg, tm_arg_int(1), tm_arg_int(LENGTH)};
  launch(w, w->all->add, 4, args, 3);
  tm_buffer_destroy(b);
}

/* ---- events, callbacks, graphs ---------------------------------------------------- */

static void count_call(void *payload, tm_status status, const char *message) {
  ((shared *)payload)->calls_out--;
}

/* A call that is asked for is made once, whatever becomes of the work. */
static void do_call(worker *w) {
  tm_error *error = NULL;
  w->all->calls_out++;
  if (ok(w, tm_stream_on_done(w->stream, count_call, w->all, &error), &error))
    w->all->calls++;
  else
    w->all->calls_out--;
}

/* An event that has happened without an error vouches for what came before. */
static void do_event(worker *w) {
  tm_event *event;
  tm_error *error = NULL;
  if (!ok(w, tm_event_create(&event, w->all->context, &error), &error))
    return;
  bool fine =
      ok(w, tm_event_record(event, w->stream, &error), &error) &&
      ok(w, tm_event_synchronize(event, TM_WAIT_FOREVER, &error), &error);
  w->all->events++;
  tm_event_destroy(event);
  /* Earlier batches may have failed, which only the stream tells. */
  if (fine) worker_look(w);
}

/* Twice: + k, * 5 (the loop's turns), + k. */
static void do_graph(worker *w) {
  tm_graph *graph = NULL;
  tm_error *error = NULL;
  uint32_t k = below(&w->random, 100), turns = below(&w->random, 4);
  tm_arg add[3] = {tm_arg_buffer(w->values, 0), tm_arg_int(k),
                   tm_arg_int(LENGTH)};
  tm_arg loop[2] = {tm_arg_buffer(w->values, 0), tm_arg_int(turns)};
  if (!ok(w, tm_graph_begin(w->stream, NULL, &error), &error)) return;
  bool all =
      ok(w, tm_launch(w->stream, w->all->add, tm_grid_1d(4), add, 3, &error),
         &error) &&
      ok(w, tm_launch(w->stream, w->all->loop, tm_grid_1d(1), loop, 2, &error),
         &error) &&
      ok(w, tm_launch(w->stream, w->all->add, tm_grid_1d(4), add, 3, &error),
         &error);
  bool made = ok(w, tm_graph_end(&graph, w->stream, &error), &error);
  for (int replay = 0; replay < 2 && all && made; replay++) {
    if (!ok(w, tm_graph_launch(w->stream, graph, &error), &error)) break;
    w->all->launches += 3;
    for (int i = 0; i < LENGTH; i++) {
      uint32_t v = w->value[i] + k;
      for (uint32_t t = 0; t < turns; t++) v = v * 5 + t;
      w->value[i] = v + k;
    }
  }
  w->all->graphs += made;
  tm_graph_destroy(graph); /* the replays go on */
}

/* ---- compiles ------------------------------------------------------------------ */

/* A kernel that nobody has, launched once, given up while it runs. */
static void do_compile(worker *w) {
  char signature[80];
  tm_kernel *k;
  tm_error *error = NULL;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  uint32_t add = below(&w->random, 200);
  snprintf(signature, sizeof signature, "*i32, %u, i32, 128", (unsigned)add);
  o.signature = signature;
  if (!ok(w, tm_compile(&k, w->all->context, w->all->module, "add", &o,
                        &error),
          &error))
    return;
  w->all->compiles++;
  tm_arg args[2] = {tm_arg_buffer(w->values, 0), tm_arg_int(LENGTH)};
  if (launch(w, k, 4, args, 2))
    for (int i = 0; i < LENGTH; i++) w->value[i] += add;
  tm_kernel_destroy(k);
}

/* Another context, with the same cache; nothing is launched. */
static void do_context(worker *w) {
  tm_context *c;
  tm_kernel *k;
  tm_error *error = NULL;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  tm_cache_facts facts = {.struct_size = sizeof facts};
  if (tm_cache_stats(w->all->context, &facts, NULL)) return;
  char folder[300];
  snprintf(folder, sizeof folder, "%s", facts.path);
  *strrchr(folder, '/') = 0;
  o.cache_dir = folder;
  if (!ok(w, tm_context_create(&c, &o, &error), &error)) return;
  w->all->contexts++;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*i32, i32, 512";
  if (ok(w, tm_compile(&k, c, w->all->module, "loop", &options, &error),
         &error))
    tm_kernel_destroy(k);
  tm_context_destroy(c);
}

/* Work is still in flight when the old stream goes. */
static void do_stream(worker *w) {
  tm_stream *fresh;
  tm_error *error = NULL;
  if (!ok(w, tm_stream_create(&fresh, w->all->context, NULL, &error), &error))
    return;
  worker_look(w);
  do_add(w);
  tm_stream_destroy(w->stream); /* an error of that last launch is lost */
  w->stream = fresh;
  start_anew(w);
}

/* ---- a worker -------------------------------------------------------------------- */

static bool make(worker *w, tm_buffer **out, size_t size) {
  for (int tries = 0; tries < 100; tries++)
    if (!tm_buffer_create(out, w->all->context, size, NULL, NULL)) return true;
  return false;
}

bool worker_open(worker *w, shared *all, uint64_t seed) {
  memset(w, 0, sizeof *w);
  w->all = all;
  w->random = seed;
  for (int tries = 0; tries < 100 && !w->stream; tries++)
    tm_stream_create(&w->stream, all->context, NULL, NULL);
  if (!w->stream ||
      !make(w, &w->values, sizeof w->value) ||
      !make(w, &w->sums, sizeof w->total) ||
      !make(w, &w->counts, sizeof w->counted) ||
      !make(w, &w->tile, SIDE * SIDE * sizeof(float)) ||
      !make(w, &w->square, SIDE * SIDE * sizeof(float)))
    return false;
  start_anew(w);
  return true;
}

void worker_close(worker *w) {
  worker_look(w);
  tm_stream_destroy(w->stream);
  tm_buffer *all[] = {w->values, w->sums, w->counts, w->tile, w->square};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    tm_buffer_destroy(all[i]);
}

void worker_turn(worker *w) {
  static void (*const launches[])(worker *) = {
      do_add, do_move, do_sum, do_count, do_loop, do_product, do_step};
  static void (*const buffers[])(worker *) = {do_create, do_wrap, do_tensor};
  uint32_t dice = below(&w->random, 20000);
  if (w->is_undefined || w->n_side == MOST_SIDE_BUFFERS || dice < 200)
    worker_look(w);
  else if (dice < 202)
    do_context(w);
  else if (dice < 206)
    do_compile(w);
  else if (dice < 210)
    do_stream(w);
  else if (dice < 220)
    do_event(w);
  else if (dice < 260)
    do_graph(w);
  else if (dice < 280)
    do_call(w);
  else if (dice < 300)
    do_say(w);
  else if (dice < 1700)
    buffers[dice % 3](w);
  else if (dice < 1710)
    tm_memory_trim(w->all->context);
  else if (dice < 1800)
    tm_stream_flush(w->stream, NULL) == TM_OK || (w->is_undefined = true);
  else
    launches[dice % 7](w);
}
