/* SPDX-License-Identifier: MIT */
/*
 * metal_probe.c - what this machine's Metal does, beside what the project
 * takes for granted. Meant for a Mac; on other machines it asks softmetal,
 * which shows that the questions are well put, and no more.
 *
 *   metal_probe tests/msl
 *
 * One line an answer:
 *   same     NAME             as assumed
 *   DIFFERS  NAME: ...        not as assumed: a fault of ours, or of a fact
 *   shows    NAME: ...        nothing is assumed, but it is good to know
 *   skipped  NAME: ...        this device or system cannot be asked
 *
 * Three parts: the samples of tests/msl (accept must compile, reject must
 * not, run must give the values in their comments); the arithmetic, layouts
 * and types that generated kernels rely on; times.
 *
 * It speaks to Metal through runtime/metal, the wrapper under test.
 */
#define _GNU_SOURCE
#include "../runtime/metal/metal.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ELEMENTS = 256, LARGEST = 1 << 17, MOST_FILES = 400 };

static tm_metal_device device;
static tm_id queue, fence;
static unsigned n_same, n_differs, n_skipped;

/* ---- answers ------------------------------------------------------------ */

static void answer(unsigned *count, const char *kind, const char *name,
                   const char *format, va_list args) {
  if (count) ++*count;
  printf("%-8s %s", kind, name);
  if (format) {
    printf(": ");
    vprintf(format, args);
  }
  printf("\n");
}

static void same(const char *name) {
  n_same++;
  printf("same     %s\n", name);
}

static void differs(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void differs(const char *name, const char *format, ...) {
  va_list args;
  va_start(args, format);
  answer(&n_differs, "DIFFERS", name, format, args);
  va_end(args);
}

static void shows(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void shows(const char *name, const char *format, ...) {
  va_list args;
  va_start(args, format);
  answer(NULL, "shows", name, format, args);
  va_end(args);
}

static void skipped(const char *name, const char *why) {
  n_skipped++;
  printf("skipped  %s: %s\n", name, why);
}

/* The first line of a text, without what would break the report's lines. */
static const char *first_line(char *text) {
  if (!text) return "no text";
  text[strcspn(text, "\r\n")] = 0;
  return text;
}

/* ---- running one kernel -------------------------------------------------- */

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The three buffers of every kernel here; see tests/test_msl_run.c. */
static tm_id in_buffer, out_buffer, work_buffer;
static float *in, *out;
static uint32_t *work;

static bool make_buffers(void) {
  in_buffer = tm_metal_buffer_new(&device, ELEMENTS * 4);
  out_buffer = tm_metal_buffer_new(&device, ELEMENTS * 4);
  work_buffer = tm_metal_buffer_new(&device, ELEMENTS * 4);
  if (!in_buffer || !out_buffer || !work_buffer) return false;
  in = tm_metal_buffer_contents(in_buffer);
  out = tm_metal_buffer_contents(out_buffer);
  work = tm_metal_buffer_contents(work_buffer);
  return in && out && work;
}

static void fill_buffers(void) {
  for (int i = 0; i < ELEMENTS; i++) {
    in[i] = (float)i;
    out[i] = -1.0f;
    work[i] = 0;
  }
}

/* Waits for a committed command buffer; malloc'ed text of what went wrong. */
static char *wait_for(tm_id command) {
  double deadline = seconds() + 20;
  int state;
  while (!(state = tm_metal_command_state(command))) {
    if (seconds() > deadline) return strdup("not done after 20 s");
    struct timespec t = {0, 20000};
    nanosleep(&t, NULL);
  }
  return state > 0 ? NULL : tm_metal_command_error(command);
}

static char *dispatch(tm_id pipeline, uint32_t threads, uint32_t group) {
  tm_id command = tm_metal_command_new(queue);
  tm_id encoder = command ? tm_metal_encoder_new(command, false, NULL) : NULL;
  if (!encoder) return strdup("Metal gives no command buffer or encoder");
  void *pool = tm_mtl.pool_push();
  tm_metal_set_pipeline(encoder, pipeline);
  tm_metal_set_buffer(encoder, in_buffer, 0, 0);
  tm_metal_set_buffer(encoder, out_buffer, 0, 1);
  tm_metal_set_buffer(encoder, work_buffer, 0, 2);
  tm_metal_dispatch(encoder, (tm_mtl_size){threads / group, 1, 1},
                    (tm_mtl_size){group, 1, 1});
  tm_mtl.pool_pop(pool);
  tm_metal_encoder_end(encoder, fence);
  tm_metal_command_commit(command);
  char *text = wait_for(command);
  tm_metal_release(command);
  return text;
}

/* The name of the first kernel in a text, in a buffer of 128 bytes. */
static bool kernel_name(const char *msl, char *name) {
  for (const char *at = msl; (at = strstr(at, "kernel void ")); at++) {
    const char *line = at;
    while (line > msl && line[-1] != '\n') line--;
    if (strstr(line, "//") && strstr(line, "//") < at) continue;
    return sscanf(at, "kernel void %127[A-Za-z0-9_]", name) == 1;
  }
  return false;
}

/* A +1 pipeline of a function. Unlike the library's own, it promises nothing
 * of the threadgroups' size: some samples run a single thread. */
static tm_id make_pipeline(tm_id library, const char *name, char **text) {
  void *pool = tm_mtl.pool_push();
  tm_id string = tm_metal_string(name, strlen(name)), error = NULL;
  tm_id function =
      string ? tm_send_P_P(library, tm_mtl.sel.new_function, string) : NULL;
  tm_id descriptor = tm_send_P(
      tm_send_P(tm_mtl.cls.pipeline_descriptor, tm_mtl.sel.alloc),
      tm_mtl.sel.init);
  tm_id pipeline = NULL;
  if (function && descriptor) {
    tm_send_v_P(descriptor, tm_mtl.sel.set_function, function);
    pipeline = ((tm_id(*)(tm_id, tm_sel, tm_id, unsigned long, tm_id *,
                          tm_id *))tm_mtl.send)(
        device.object, tm_mtl.sel.new_pipeline, descriptor, 0, NULL, &error);
  }
  if (!pipeline) *text = tm_metal_error_text(error);
  tm_metal_release(descriptor);
  tm_metal_release(function);
  tm_metal_release(string);
  tm_mtl.pool_pop(pool);
  return pipeline;
}

/* Compiles and runs the text's first kernel on the three buffers. NULL, or
 * malloc'ed text of what went wrong. */
static char *run(const char *msl, uint32_t version, uint32_t threads,
                 uint32_t group) {
  char *text = NULL, name[128];
  if (!kernel_name(msl, name)) return strdup("there is no kernel");
  tm_id library = tm_metal_library_compile(&device, msl, strlen(msl), version,
                                           &text);
  if (!library) return text ? text : strdup("no library and no reason");
  tm_id pipeline = make_pipeline(library, name, &text);
  if (pipeline) {
    fill_buffers();
    text = dispatch(pipeline, threads, group);
    tm_metal_release(pipeline);
  } else if (!text) {
    text = strdup("no pipeline and no reason");
  }
  tm_metal_release(library);
  return text;
}

/* ---- the samples of tests/msl ------------------------------------------- */

typedef struct sample {
  char path[512], name[300];
  char text[LARGEST];
  uint32_t version, family;
  bool is_lowered; /* asked in older MSL than it was written for */
} sample;

static const char *comment(const sample *s, const char *key) {
  char mark[32];
  snprintf(mark, sizeof mark, "// %s: ", key);
  const char *at = strstr(s->text, mark);
  return at ? at + strlen(mark) : NULL;
}

static uint32_t number(const sample *s, const char *key, uint32_t otherwise) {
  const char *value = comment(s, key);
  return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

/* Without a version of its own a sample is of `language`, as (major << 16) +
 * minor. */
static bool read_sample(sample *s, uint32_t language) {
  FILE *file = fopen(s->path, "rb");
  if (!file) return false;
  size_t n = fread(s->text, 1, sizeof s->text - 1, file);
  fclose(file);
  s->text[n] = 0;
  unsigned major = language >> 16, minor = language & 0xffff;
  const char *version = comment(s, "version");
  if (version) sscanf(version, "%u.%u", &major, &minor);
  s->version = major << 16 | minor;
  s->family = number(s, "family", 0);
  return true;
}

/* Can this device be asked? A sample without a version is tried in the newest
 * language of a system that is older than the sample's. */
static bool can_ask(sample *s) {
  s->is_lowered =
      !comment(s, "version") && s->version > device.language_version;
  if (s->is_lowered) s->version = device.language_version;
  if (s->version > device.language_version) {
    skipped(s->name, "newer MSL than this system has");
    return false;
  }
  if (s->family > device.family) {
    skipped(s->name, "for a newer GPU family");
    return false;
  }
  return true;
}

static void try_accepted(sample *s) {
  char *text = NULL;
  tm_id library = tm_metal_library_compile(&device, s->text, strlen(s->text),
                                           s->version, &text);
  if (library)
    same(s->name);
  else if (s->is_lowered)
    skipped(s->name, first_line(text));
  else
    differs(s->name, "refused: %s", first_line(text));
  tm_metal_release(library);
  free(text);
}

/* What is wrong may be found when the pipeline is made. A sample for an older
 * family cannot be refused by a newer one. */
static void try_rejected(sample *s) {
  if (s->family && s->family < device.family) {
    skipped(s->name, "refused on older GPU families only");
    return;
  }
  char *text = NULL, name[128];
  tm_id library = tm_metal_library_compile(&device, s->text, strlen(s->text),
                                           s->version, &text);
  tm_id pipeline = NULL;
  if (library && kernel_name(s->text, name) &&
      !(pipeline = make_pipeline(library, name, &text))) {
    tm_metal_release(library);
    library = NULL;
  }
  if (library)
    differs(s->name, "accepted; softmetal refuses it: %.*s",
            (int)strcspn(comment(s, "expect") ? comment(s, "expect") : "",
                         "\n"),
            comment(s, "expect") ? comment(s, "expect") : "");
  else
    same(s->name);
  tm_metal_release(pipeline);
  tm_metal_release(library);
  free(text);
}

static void try_run(sample *s) {
  const char *at = comment(s, "out");
  uint32_t threads = number(s, "threads", 1);
  char *text = run(s->text, s->version, threads, number(s, "group", threads));
  if (text) {
    if (s->is_lowered) skipped(s->name, first_line(text));
    else differs(s->name, "%s", first_line(text));
    free(text);
    return;
  }
  const char *within = comment(s, "within");
  double bound = within ? strtod(within, NULL) : 0;
  for (int i = 0; at && *at && *at != '\n'; i++) {
    char *end;
    double expected = strtod(at, &end), found = out[i];
    if (end == at) break;
    at = end;
    if (!(fabs(found - expected) <= bound * fabs(expected)) &&
        !(isnan(found) && isnan(expected)) && found != expected) {
      differs(s->name, "element %d is %.9g, not %.9g", i, found, expected);
      return;
    }
  }
  same(s->name);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void try_folder(const char *root, const char *folder,
                       uint32_t language, void (*try)(sample *)) {
  static sample s;
  char path[400], *names[MOST_FILES];
  size_t n = 0;
  snprintf(path, sizeof path, "%s/%s", root, folder);
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && n < MOST_FILES && (e = readdir(dir));)
    if (strstr(e->d_name, ".metal") && (names[n] = strdup(e->d_name))) n++;
  if (dir) closedir(dir);
  if (!n) differs(folder, "no samples in %s", path);
  qsort(names, n, sizeof *names, by_name);
  for (size_t i = 0; i < n; i++) {
    snprintf(s.path, sizeof s.path, "%s/%s", path, names[i]);
    snprintf(s.name, sizeof s.name, "%s/%.250s", folder, names[i]);
    if (!read_sample(&s, language))
      differs(s.name, "cannot be read");
    else if (can_ask(&s))
      try(&s);
    free(names[i]);
  }
}

/* ---- what generated kernels rely on -------------------------------------- */

#define HEAD                                                  \
  "#include <metal_stdlib>\nusing namespace metal;\n"          \
  "kernel void probe(device float *in [[buffer(0)]],\n"       \
  "    device float *out [[buffer(1)]],\n"                    \
  "    device uint *work [[buffer(2)]],\n"                    \
  "    uint i [[thread_position_in_grid]],\n"                 \
  "    uint lane [[thread_index_in_simdgroup]]) {\n"

/* Runs the body with 32 threads; false after an answer of its own. */
static bool ask(const char *name, const char *body, uint32_t threads) {
  char msl[4096];
  snprintf(msl, sizeof msl, HEAD "%s}\n", body);
  uint32_t version = device.language_version;
  char *text = run(msl, version, threads, threads);
  if (!text) return true;
  differs(name, "%s", first_line(text));
  free(text);
  return false;
}

/* Every lane's element of work must be what `expected` gives. */
static void expect_work(const char *name, const char *body,
                        uint32_t (*expected)(uint32_t lane)) {
  if (!ask(name, body, 32)) return;
  for (uint32_t i = 0; i < 32; i++)
    if (work[i] != expected(i)) {
      differs(name, "thread %u gives %#x, not %#x", i, work[i], expected(i));
      return;
    }
  same(name);
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* MLX, tinygrad and metal-flash-attention read fragments so. */
static uint32_t fragment_place(uint32_t lane) {
  uint32_t quad = lane / 4;
  uint32_t row = (quad & 4) + lane / 2 % 4;
  uint32_t column = (quad & 2) * 2 + lane % 2 * 2;
  return (row * 8 + column) << 8 | (row * 8 + column + 1);
}
static uint32_t wrapped(uint32_t lane) { return 0x7fffffffu + lane; }
static uint32_t quotient(uint32_t lane) {
  return (uint32_t)((-100 - (int32_t)lane) / 7);
}
static uint32_t one_third(uint32_t lane) {
  return bits_of((float)(lane + 1) / 3.0f);
}
static uint32_t square_root(uint32_t lane) {
  return bits_of(sqrtf((float)lane + 0.7f));
}
static uint32_t fused(uint32_t lane) {
  return bits_of(fmaf((float)lane + 1.1f, 3.3f, -7.7f));
}
static uint32_t unfused(uint32_t lane) {
  volatile float product = ((float)lane + 1.1f) * 3.3f;
  return bits_of(product - 7.7f);
}
static uint32_t not_a_number(uint32_t lane) { return lane % 2 ? 3u : 0u; }
static uint32_t from_next(uint32_t lane) {
  return lane < 31 ? (lane + 1) * 2 : lane * 2;
}
static uint32_t half_rounding(uint32_t lane) {
  /* 2049 and 2051 lie between halves: to even */
  return lane % 2 ? 2052 : 2048;
}
static uint32_t thousand(uint32_t lane) { return lane == 0 ? 1024 : 0; }

static void ask_about_arithmetic(void) {
  expect_work("lane map of simdgroup_matrix",
              "  simdgroup_float8x8 m;\n  simdgroup_load(m, in, 8);\n"
              "  work[lane] = uint(m.thread_elements()[0]) << 8 |\n"
              "               uint(m.thread_elements()[1]);\n",
              fragment_place);
  expect_work("unsigned sums wrap",
              "  work[lane] = as_type<uint>(as_type<int>(0x7fffffffu + "
              "lane));\n",
              wrapped);
  expect_work("integer division truncates",
              "  int a = -100 - int(in[lane]);\n"
              "  work[lane] = as_type<uint>(a / int(in[7]));\n",
              quotient);
  expect_work("division is correctly rounded",
              "  work[lane] = as_type<uint>((in[lane] + 1.0f) / in[3]);\n",
              one_third);
  expect_work("precise sqrt is correctly rounded",
              "  work[lane] = as_type<uint>(precise::sqrt(in[lane] + "
              "0.7f));\n",
              square_root);
  expect_work("fma is fused",
              "  work[lane] = as_type<uint>(fma(in[lane] + 1.1f, 3.3f, "
              "-7.7f));\n",
              fused);
  expect_work("products and sums are kept apart in safe mode",
              "#pragma METAL fp contract(off)\n"
              "  float p = (in[lane] + 1.1f) * 3.3f;\n"
              "  work[lane] = as_type<uint>(p - 7.7f);\n",
              unfused);
  expect_work("NaN is seen in safe mode",
              "  float x = lane % 2 ? (in[0] - in[0]) / in[0] : in[lane];\n"
              "  work[lane] = uint(isnan(x)) | uint(x != x) << 1;\n",
              not_a_number);
  expect_work("simd_shuffle_down of float; the last lane keeps its own",
              "  float x = simd_shuffle_down(in[lane] * 2.0f, ushort(1));\n"
              "  work[lane] = lane < 31 ? uint(x) : uint(in[lane] * 2.0f);\n",
              from_next);
  expect_work("float to half rounds to nearest even",
              "  work[lane] = uint(half(in[lane % 2] * 2.0f + 2049.0f));\n",
              half_rounding);
}

static void ask_about_types(void) {
  if (ask("float atomics lose nothing",
          "  atomic_fetch_add_explicit((device atomic_float *)&out[0], 1.0f,\n"
          "                            memory_order_relaxed);\n",
          1024)) {
    if (out[0] == 1023.0f) same("float atomics lose nothing");
    else differs("float atomics lose nothing", "1,024 ones on -1 are %g",
                 out[0]);
  }
  expect_work("threadgroup memory and barriers with 1,024 threads",
              "  threadgroup uint sum[1];\n"
              "  if (i == 0) sum[0] = 0;\n  threadgroup_barrier(mem_flags::"
              "mem_threadgroup);\n"
              "  atomic_fetch_add_explicit((threadgroup atomic_uint *)sum, "
              "32u, memory_order_relaxed);\n"
              "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
              "  if (i == 0) work[0] = sum[0];\n",
              thousand);
  if (tm_metal_buffer_address(in_buffer))
    same("buffers have addresses");
  else
    skipped("buffers have addresses", "before macOS 13");
}

static void show_arithmetic(void) {
  if (ask("subnormals",
          "  out[i] = in[1] * 1e-30f * 1e-10f;\n", 1))
    shows("float subnormals", out[0] == 0 ? "flushed" : "kept");
  if (ask("remainder", "  work[0] = as_type<uint>((int(in[0]) - 7) % "
                       "int(in[3]));\n", 1))
    shows("-7 % 3", "%d", (int32_t)work[0]);
  if (ask("conversion", "  work[0] = as_type<uint>(int(in[1] * 3e10f));\n"
                        "  work[1] = uint(in[1] * -5.0f);\n"
                        "  work[2] = as_type<uint>(int((in[0] - in[0]) / "
                        "in[0]));\n", 1))
    shows("int(3e10), uint(-5), int(NaN)", "%d, %u, %d", (int32_t)work[0],
          work[1], (int32_t)work[2]);
  if (ask("contraction", "  work[0] = as_type<uint>((in[5] + 1.1f) * 3.3f - "
                         "7.7f);\n", 1))
    shows("a * b + c without a pragma",
          work[0] == fused(5) ? "fused" : "kept apart");
  if (ask("version", "  work[0] = __METAL_VERSION__;\n", 1))
    shows("__METAL_VERSION__ of the newest language", "%u", work[0]);
}

/* ---- times --------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void show_times(void) {
  enum { ROUNDS = 51 };
  static const char msl[] = HEAD "  out[i] = in[i];\n}\n";
  double times[ROUNDS];
  char *text = NULL;
  double start = seconds();
  tm_id library = tm_metal_library_compile(&device, msl, strlen(msl),
                                           device.language_version, &text);
  double compiled = seconds();
  tm_metal_pipeline pipeline;
  if (!library ||
      !tm_metal_pipeline_create(&pipeline, &device, library, "probe", &text)) {
    differs("times", "%s", first_line(text));
    free(text);
    tm_metal_release(library);
    return;
  }
  shows("library, pipeline", "%.1f ms, %.1f ms", (compiled - start) * 1e3,
        (seconds() - compiled) * 1e3);
  shows("pipeline", "at most %u threads, width %u", pipeline.max_threads,
        pipeline.width);
  for (int i = 0; i < ROUNDS; i++) {
    double from = seconds();
    free(dispatch(pipeline.object, 32, 32));
    times[i] = seconds() - from;
  }
  qsort(times, ROUNDS, sizeof *times, by_value);
  shows("one small dispatch and back", "%.1f us (median of %d)",
        times[ROUNDS / 2] * 1e6, ROUNDS);
  for (int i = 0; i < ROUNDS; i++) {
    double from = seconds();
    tm_metal_release(tm_metal_buffer_new(&device, 1 << 20));
    times[i] = seconds() - from;
  }
  qsort(times, ROUNDS, sizeof *times, by_value);
  shows("a buffer of 1 MiB made and released", "%.1f us",
        times[ROUNDS / 2] * 1e6);
  tm_metal_pipeline_destroy(&pipeline);
  tm_metal_release(library);
}

int main(int argc, char **argv) {
  const char *root = argc > 1 ? argv[1] : "tests/msl";
  char *text = NULL;
  if (!tm_metal_load(&text) || !tm_metal_device_open(&device, NULL, &text)) {
    printf("there is no Metal device: %s\n", text ? text : "no reason given");
    free(text);
    return 2;
  }
  queue = tm_metal_queue_new(&device);
  fence = tm_metal_fence_new(&device);
  if (!queue || !fence || !make_buffers()) {
    printf("Metal gives no queue, no fence or no buffers\n");
    return 2;
  }
  shows("device", "%s, %s, Apple family %u, Metal 3 %s, Metal 4 %s, MSL %u.%u",
        device.name, tm_mtl.is_apple ? "Apple's Metal" : "softmetal",
        device.family, device.metal3 ? "yes" : "no",
        device.metal4 ? "yes" : "no", device.language_version >> 16,
        device.language_version & 0xffff);
  shows("limits", "%u threads, %u bytes of threadgroup memory, buffers of "
        "%llu, working set %llu", device.max_threads, device.threadgroup_bytes,
        (unsigned long long)device.max_buffer,
        (unsigned long long)device.working_set);
  try_folder(root, "accept", 3 << 16 | 2, try_accepted);
  try_folder(root, "reject", 3 << 16 | 2, try_rejected);
  try_folder(root, "run", 4 << 16, try_run);
  ask_about_arithmetic();
  ask_about_types();
  show_arithmetic();
  show_times();
  printf("%u same, %u DIFFER, %u skipped\n", n_same, n_differs, n_skipped);
  tm_metal_release(in_buffer);
  tm_metal_release(out_buffer);
  tm_metal_release(work_buffer);
  tm_metal_release(fence);
  tm_metal_release(queue);
  tm_metal_device_close(&device);
  return n_differs != 0;
}
