/* SPDX-License-Identifier: MIT */
/* test_settings_effects.c - what settings do, and what the log and the dumps
 * say. How they are read is in test_settings.c. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tritonmetal.h>
#include <unistd.h>

#include "support/device.h"

static const char source[] =
    "import triton\n"
    "import triton.language as tl\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    m = i < n\n"
    "    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)\n"
    "@triton.jit\n"
    "def sums(x, out, BLOCK: tl.constexpr):\n"
    "    v = tl.load(x + tl.arange(0, BLOCK))\n"
    "    tl.store(out, tl.sum(v, 0))\n"
    "@triton.jit\n"
    "def twice(x, out, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    a = tl.load(x + i) * 3.0 + 1.0\n"
    "    b = tl.load(x + i) * 3.0 + 1.0\n"
    "    tl.store(out + i, a - b * (i * 7 + 1) + (i * 7 + 1))\n"
    "@triton.jit\n"
    "def checked(x, BLOCK: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    v = tl.load(x + i)\n"
    "    tl.device_assert(v > 0, 'not positive')\n"
    "    tl.store(x + i, v)\n"
    "@triton.jit\n"
    "def printing(x, BLOCK: tl.constexpr):\n"
    "    tl.device_print('v', tl.load(x + tl.arange(0, BLOCK)))\n"
    "@triton.autotune([triton.Config({'BLOCK': 64}, num_warps=1),\n"
    "                  triton.Config({'BLOCK': 64}, num_warps=2)],\n"
    "                 key=['n'])\n"
    "@triton.jit\n"
    "def tuned(x, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    tl.store(x + i, 1.0, i < n)\n"
    "@triton.jit\n"
    "def se\xc3\xb1or(x, BLOCK: tl.constexpr):\n"
    "    tl.store(x + tl.arange(0, BLOCK), 1.0)\n";
static const char add_signature[] =
    "*fp32:16, *fp32:16, *fp32:16, i32, 256";

#define expect_ok(call)                             \
  do {                                              \
    tm_error *error = NULL;                         \
    if (call) fail_msg("%s", tm_error_text(error)); \
  } while (0)

/* ---- a home of one's own, and a log ------------------------------------- */

static char home[64];
static char logged[1 << 16];
static int payload_mark;
static uint32_t levels; /* bits: those that were logged */

static void keep_line(void *payload, uint32_t level, const char *line) {
  assert_ptr_equal(payload, &payload_mark);
  size_t used = strlen(logged);
  snprintf(logged + used, sizeof logged - used, "%u %s\n", (unsigned)level,
           line);
  levels |= 1u << level;
}

static const char *const variables[] = {
    "TRITON_METAL_CACHE_DIR", "TRITON_METAL_CACHE", "TRITON_METAL_DEBUG",
    "TRITON_METAL_FORCE_SYNC", "TRITON_METAL_DEVICE", "TRITON_METAL_CHIP",
    "TRITON_METAL_DUMP_DIR", "TRITON_METAL_DISABLE_AUTOTUNING",
    "TRITON_DEBUG"};

static int begin(void **state) {
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    unsetenv(variables[i]);
  setenv("SOFTMETAL_CHIP", "m2", 1);
  strcpy(home, "/tmp/tm-home-XXXXXX");
  *logged = 0;
  levels = 0;
  return mkdtemp(home) ? setenv("HOME", home, 1) : -1;
}

static int end(void **state) {
  char command[200];
  snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", home, home);
  return system(command);
}

/* A path in the home folder. */
static const char *in_home(const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s/%s", home, name);
  return path;
}

/* A context and what hangs on it. */
typedef struct world {
  tm_context *context;
  tm_module *module;
  tm_stream *stream;
  tm_buffer *x;
} world;

static tm_context_options with_log(void) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.log = keep_line;
  o.payload = &payload_mark;
  return o;
}

static world open_world(const tm_context_options *options) {
  world w = {NULL, NULL, NULL, NULL};
  expect_ok(tm_context_create(&w.context, options, &error));
  expect_ok(tm_module_parse(&w.module, NULL, "s.py", source,
                            sizeof source - 1, NULL, &error));
  return w;
}

static void open_stream(world *w) {
  tm_buffer_options zero = TM_BUFFER_OPTIONS_INIT;
  zero.zero = 1;
  expect_ok(tm_stream_create(&w->stream, w->context, NULL, &error));
  expect_ok(tm_buffer_create(&w->x, w->context, 4096, &zero, &error));
}

static void close_world(world *w) {
  tm_buffer_destroy(w->x);
  tm_stream_destroy(w->stream);
  tm_module_destroy(w->module);
  tm_context_destroy(w->context);
}

static tm_kernel *compile(world *w, const char *name, const char *signature) {
  tm_kernel *kernel;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  expect_ok(tm_compile(&kernel, w->context, w->module, name, &o, &error));
  return kernel;
}

static tm_cache_facts cache_of(world *w) {
  tm_cache_facts facts = {.struct_size = sizeof facts};
  expect_ok(tm_cache_stats(w->context, &facts, &error));
  return facts;
}

static void assert_logged(const char *part) {
  if (!strstr(logged, part)) fail_msg("'%s' is not in:\n%s", part, logged);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

/* ---- the cache ---------------------------------------------------------- */

static void kernels_go_to_the_cache_folder(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = "~/kept/here";
  world w = open_world(&o);
  tm_kernel_destroy(compile(&w, "add", add_signature));
  assert_true(exists(in_home("kept/here/kernels.db")));
  assert_int_equal(cache_of(&w).rows, 1);
  close_world(&w);
}

static void a_cache_that_is_off_is_neither_read_nor_written(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  world w = open_world(&o);
  for (int i = 0; i < 2; i++) {
    tm_kernel *kernel = compile(&w, "add", add_signature);
    assert_int_equal(tm_kernel_info(kernel)->from_cache, 0);
    tm_kernel_destroy(kernel);
  }
  assert_false(exists(in_home(".triton/metal_cache/kernels.db")));
  close_world(&w);
}

/* Forty kernels of some thousand bytes each. */
static uint64_t bytes_with_limit(uint64_t limit) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  char folder[100], signature[100];
  snprintf(folder, sizeof folder, "~/limit%llu", (unsigned long long)limit);
  o.cache_dir = folder;
  o.cache_limit = limit;
  world w = open_world(&o);
  for (int i = 0; i < 40; i++) {
    snprintf(signature, sizeof signature,
             "*fp32:16, *fp32:16, *fp32:16, %d, 256", i + 2);
    tm_kernel_destroy(compile(&w, "add", signature));
  }
  uint64_t bytes = cache_of(&w).bytes;
  close_world(&w);
  return bytes;
}

static void the_cache_stays_below_its_limit(void **state) {
  assert_true(bytes_with_limit(0) > 60000);
  assert_true(bytes_with_limit(30000) <= 30000);
}

/* ---- the device and the chip -------------------------------------------- */

static void the_device_is_the_one_that_is_named(void **state) {
  static const char *const good[] = {"M2", "Apple", "0"};
  static const char *const bad[] = {"Radeon", "1"};
  for (size_t i = 0; i < 3; i++) {
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    o.device = good[i];
    world w = open_world(&o);
    open_stream(&w);
    close_world(&w);
  }
  for (size_t i = 0; i < 2; i++) {
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    tm_error *error = NULL;
    o.device = bad[i];
    world w = open_world(&o);
    tm_status status = tm_stream_create(&w.stream, w.context, NULL, &error);
    assert_int_equal(status, TM_E_NO_DEVICE);
    assert_non_null(strstr(tm_error_message(error), bad[i]));
    assert_non_null(strstr(tm_error_message(error), "Apple M2"));
    tm_error_destroy(error);
    close_world(&w);
  }
}

static void the_chip_is_what_kernels_are_compiled_for(void **state) {
  setenv("TRITON_METAL_CHIP", "m4-max", 1);
  world w = open_world(NULL);
  tm_kernel *kernel = compile(&w, "add", add_signature);
  assert_string_equal(tm_kernel_info(kernel)->chip, "m4-max");
  tm_kernel_destroy(kernel);
  close_world(&w);
  unsetenv("TRITON_METAL_CHIP");
  w = open_world(NULL);
  kernel = compile(&w, "add", add_signature);
  assert_string_equal(tm_kernel_info(kernel)->chip, "m2");
  tm_kernel_destroy(kernel);
  close_world(&w);
}

/* ---- launches ----------------------------------------------------------- */

/* Is the result there when tm_launch returns? */
static bool launch_waits(tm_switch force) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.force_sync = force;
  world w = open_world(&o);
  open_stream(&w);
  tm_kernel *kernel = compile(&w, "se\xc3\xb1or", "*fp32:16, 64");
  tm_arg arg = tm_arg_buffer(w.x, 0);
  tm_stream_facts facts = {.struct_size = sizeof facts};
  expect_ok(tm_launch(w.stream, kernel, tm_grid_1d(1), &arg, 1, &error));
  expect_ok(tm_stream_info(w.stream, &facts, &error));
  const float *x = tm_buffer_contents(w.x);
  bool waits = facts.batches == 1 && x[0] == 1.0f && x[63] == 1.0f;
  tm_kernel_destroy(kernel);
  close_world(&w);
  return waits;
}

static void a_synchronous_launch_has_ended_when_it_returns(void **state) {
  assert_true(launch_waits(TM_SWITCH_ON));
  assert_false(launch_waits(TM_SWITCH_OFF)); /* its batch is open still */
}

static int count_measured(void *payload, const tm_tuning_row *row) {
  *(int *)payload += row->seconds > 0;
  return 1;
}

/* How many configurations a launch measures. */
static int measured_with(tm_switch tuning) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.auto_tuning = tuning;
  o.cache = TM_SWITCH_OFF;
  world w = open_world(&o);
  open_stream(&w);
  tm_function *f;
  int n = 0;
  tm_arg args[2] = {tm_arg_tensor(w.x, 0, TM_DTYPE_F32), tm_arg_int(100)};
  expect_ok(tm_function_create(&f, w.context, w.module, "tuned", NULL,
                               &error));
  expect_ok(tm_function_launch(w.stream, f, tm_grid_1d(2), args, 2, NULL,
                               &error));
  expect_ok(tm_stream_synchronize(w.stream, TM_WAIT_FOREVER, &error));
  expect_ok(tm_function_tuning(f, count_measured, &n, &error));
  tm_function_destroy(f);
  close_world(&w);
  return n;
}

static void functions_measure_unless_tuning_is_off(void **state) {
  assert_int_equal(measured_with(TM_SWITCH_DEFAULT), 2);
  assert_int_equal(measured_with(TM_SWITCH_OFF), 0);
  setenv("TRITON_METAL_DISABLE_AUTOTUNING", "1", 1);
  assert_int_equal(measured_with(TM_SWITCH_DEFAULT), 0);
  assert_int_equal(measured_with(TM_SWITCH_ON), 2);
}

static void the_threadgroup_has_the_size_that_is_preferred(void **state) {
  static const uint32_t sizes[] = {0, 32, 256, 1024};
  for (size_t i = 0; i < 4; i++) {
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    o.threadgroup_size = sizes[i];
    world w = open_world(&o);
    tm_kernel *kernel = compile(&w, "add", add_signature);
    /* 256 elements are four a thread of two simdgroups */
    uint32_t warps = (sizes[i] ? sizes[i] : 64) / 32;
    assert_int_equal(tm_kernel_info(kernel)->num_warps, warps);
    tm_kernel_destroy(kernel);
    close_world(&w);
  }
}

/* A sum over four simdgroups meets in threadgroup memory. */
static void kernels_over_the_threadgroup_memory_limit_are_refused(
    void **state) {
  world w = open_world(NULL);
  tm_kernel *kernel = compile(&w, "sums", "*fp32:16, *fp32, 1024");
  uint32_t needed = tm_kernel_info(kernel)->threadgroup_bytes;
  assert_true(needed > 4);
  tm_kernel_destroy(kernel);
  close_world(&w);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  tm_compile_options c = TM_COMPILE_OPTIONS_INIT;
  c.signature = "*fp32:16, *fp32, 1024";
  for (uint32_t less = 0; less < 2; less++) { /* also from the cache */
    tm_error *error = NULL;
    o.max_threadgroup_bytes = needed - less;
    w = open_world(&o);
    tm_status status =
        tm_compile(&kernel, w.context, w.module, "sums", &c, &error);
    assert_int_equal(status, less ? TM_E_LIMIT : TM_OK);
    if (less)
      assert_non_null(strstr(tm_error_message(error), "max_shared_memory"));
    tm_error_destroy(error);
    tm_kernel_destroy(kernel);
    close_world(&w);
  }
}

/* How often a word stands in the kernel's TTIR. */
static int words_at_level(uint32_t level, const char *word) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.optimization_level = level;
  world w = open_world(&o);
  tm_kernel *kernel = compile(&w, "twice", "*fp32:16, *fp32:16, 256");
  int n = 0;
  const char *at = tm_kernel_text(kernel, TM_STAGE_TTIR);
  for (; (at = strstr(at, word)); at++) n++;
  tm_kernel_destroy(kernel);
  close_world(&w);
  return n;
}

/* What is computed twice is, unless common subexpressions are found. */
static void level_1_leaves_passes_out(void **state) {
  assert_true(words_at_level(1, "arith.muli") >= 2);
  assert_int_equal(words_at_level(2, "arith.muli"), 1);
  assert_int_equal(words_at_level(0, "arith.muli"), 1);
}

static tm_status run_checked(tm_switch debug) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.debug = debug;
  world w = open_world(&o);
  open_stream(&w);
  tm_kernel *kernel = compile(&w, "checked", "*fp32:16, 64");
  tm_arg arg = tm_arg_buffer(w.x, 0); /* zeros */
  expect_ok(tm_launch(w.stream, kernel, tm_grid_1d(1), &arg, 1, &error));
  tm_status status =
      tm_stream_synchronize(w.stream, TM_WAIT_FOREVER, NULL);
  tm_kernel_destroy(kernel);
  close_world(&w);
  return status;
}

static void debug_keeps_assertions(void **state) {
  assert_int_equal(run_checked(TM_SWITCH_ON), TM_E_DEVICE);
  assert_int_equal(run_checked(TM_SWITCH_OFF), TM_OK);
  setenv("TRITON_DEBUG", "1", 1);
  assert_int_equal(run_checked(TM_SWITCH_DEFAULT), TM_E_DEVICE);
  assert_int_equal(run_checked(TM_SWITCH_OFF), TM_OK);
}

static char printed[4096];

static void keep_print(void *payload, const char *line) {
  assert_ptr_equal(payload, &payload_mark);
  snprintf(printed + strlen(printed), sizeof printed - strlen(printed),
           "%s\n", line);
}

static void prints_go_to_the_callback(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.print = keep_print;
  o.payload = &payload_mark;
  *printed = 0;
  world w = open_world(&o);
  open_stream(&w);
  tm_kernel *kernel = compile(&w, "printing", "*fp32:16, 32");
  tm_arg arg = tm_arg_buffer(w.x, 0);
  expect_ok(tm_launch(w.stream, kernel, tm_grid_1d(1), &arg, 1, &error));
  expect_ok(tm_stream_synchronize(w.stream, TM_WAIT_FOREVER, &error));
  assert_non_null(strstr(printed, "pid (0, 0, 0) idx (31) v: 0.0"));
  tm_kernel_destroy(kernel);
  close_world(&w);
}

/* ---- the log ------------------------------------------------------------ */

static void run_add(world *w) {
  tm_kernel *kernel = compile(w, "add", add_signature);
  tm_arg args[4] = {tm_arg_buffer(w->x, 0), tm_arg_buffer(w->x, 1024),
                    tm_arg_buffer(w->x, 2048), tm_arg_int(100)};
  expect_ok(tm_launch(w->stream, kernel, tm_grid_1d(1), args, 4, &error));
  expect_ok(tm_stream_synchronize(w->stream, TM_WAIT_FOREVER, &error));
  tm_kernel_destroy(kernel);
}

static void log_at(uint32_t level) {
  tm_context_options o = with_log();
  o.debug_level = level;
  *logged = 0;
  levels = 0;
  world w = open_world(&o);
  open_stream(&w);
  run_add(&w);
  close_world(&w);
}

static void each_level_logs_more(void **state) {
  log_at(0);
  assert_string_equal(logged, "");
  log_at(1);
  assert_int_equal(levels, 1u << 1);
  log_at(2);
  assert_int_equal(levels, 1u << 1 | 1u << 2);
  assert_logged("2 launch add, grid 1 x 1 x 1");
  assert_null(strstr(logged, "kernel void"));
  log_at(3);
  assert_int_equal(levels, 1u << 1 | 1u << 2 | 1u << 3);
  assert_logged("kernel void");
}

static void level_1_shows_stages_with_their_times(void **state) {
  log_at(1);
  assert_logged("1 device Apple M2, from ");
  assert_logged("1 add for m2: compiled in ");
  assert_logged("1 add: Metal compiled it in ");
  const char *line = strstr(logged, "stages in ms: lower ");
  assert_non_null(line);
  static const char *const stages[] = {"lower",  "inline", "fold", "cse",
                                       "licm",   "dce",    "pointers",
                                       "layout", "emit",   "lint"};
  double sum = 0;
  for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
    char word[40];
    double ms;
    snprintf(word, sizeof word, "%s ", stages[i]);
    const char *at = strstr(line, word);
    if (!at) fail_msg("no '%s' in %s", stages[i], line);
    assert_int_equal(sscanf(at + strlen(word), "%lf", &ms), 1);
    assert_true(ms >= 0);
    sum += ms;
  }
  double whole;
  const char *compiled = strstr(logged, "compiled in ");
  assert_int_equal(sscanf(compiled + 12, "%lf", &whole), 1);
  assert_true(sum > 0 && sum < whole + 0.1);
}

static void level_1_says_what_the_cache_decides_and_why(void **state) {
  log_at(1);
  assert_logged("1 add for m2: cache: miss: no row has its key; stored, ");
  assert_logged(in_home(".triton/metal_cache/kernels.db, key "));
  log_at(1);
  assert_logged("1 add for m2: cache: hit, key ");
  assert_logged("1 add for m2: found in the cache in ");
  setenv("TRITON_METAL_CACHE", "0", 1);
  log_at(1);
  assert_logged("1 add for m2: cache: off, by the settings, key ");
}

static void level_1_says_when_a_compile_bypasses_the_cache(void **state) {
  tm_context_options o = with_log();
  o.debug_level = 1;
  world w = open_world(&o);
  tm_compile_options c = TM_COMPILE_OPTIONS_INIT;
  tm_kernel *kernel;
  c.signature = add_signature;
  c.cache = TM_SWITCH_OFF;
  expect_ok(tm_compile(&kernel, w.context, w.module, "add", &c, &error));
  assert_logged("cache: off, by the options of this compile");
  tm_kernel_destroy(kernel);
  close_world(&w);
}

/* A folder that cannot be made where a file is. */
static void level_1_says_why_a_cache_cannot_be_used(void **state) {
  fclose(fopen(in_home("file"), "w"));
  setenv("TRITON_METAL_CACHE_DIR", in_home("file/below"), 1);
  log_at(1);
  assert_logged("cache: miss: ");
  assert_logged("; not stored: ");
  assert_null(strstr(logged, "no row has its key"));
}

static void level_1_says_what_is_not_compiled(void **state) {
  tm_context_options o = with_log();
  o.debug_level = 1;
  world w = open_world(&o);
  tm_kernel *kernel;
  tm_compile_options c = TM_COMPILE_OPTIONS_INIT;
  c.signature = "*fp32, *fp32, *fp32, i32, 100"; /* no power of two */
  assert_int_not_equal(
      tm_compile(&kernel, w.context, w.module, "add", &c, NULL), TM_OK);
  assert_logged("add for m2: not compiled: ");
  close_world(&w);
}

static void a_log_gets_warnings_at_any_level(void **state) {
  setenv("TRITON_METAL_DEBUG", "loud", 1);
  setenv("TRITON_METAL_CHIP", "m0", 1);
  tm_context_options o = with_log();
  world w = open_world(&o);
  assert_string_equal(logged, "0 TRITON_METAL_CHIP=m0: no such chip\n"
                              "0 TRITON_METAL_DEBUG=loud: expected 0 to 3\n");
  close_world(&w);
}

/* ---- dumps -------------------------------------------------------------- */

/* The only folder of a folder, and how many there are. */
static int only_folder(const char *path, char *out, size_t size) {
  DIR *dir = opendir(path);
  int n = 0;
  assert_non_null(dir);
  for (struct dirent *e; (e = readdir(dir));) {
    if (e->d_name[0] == '.') continue;
    snprintf(out, size, "%s/%s", path, e->d_name);
    n++;
  }
  closedir(dir);
  return n;
}

static void assert_file_is(const char *folder, const char *name,
                           const char *text) {
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  char *found = test_read_file(path, &size);
  assert_string_equal(found, text);
  free(found);
}

static void a_compile_s_stages_are_dumped(void **state) {
  tm_context_options o = with_log();
  char dump[200], folder[500];
  snprintf(dump, sizeof dump, "%s/deep/dump", home);
  o.dump_dir = dump;
  o.debug_level = 1;
  for (int i = 0; i < 2; i++) { /* compiled, then found in the cache */
    world w = open_world(&o);
    tm_kernel *kernel = compile(&w, "add", add_signature);
    assert_int_equal(tm_kernel_info(kernel)->from_cache, i);
    assert_int_equal(only_folder(dump, folder, sizeof folder), 1);
    assert_non_null(strstr(folder, "/deep/dump/add-m2-"));
    assert_file_is(folder, "ast.py", tm_kernel_text(kernel, TM_STAGE_AST));
    assert_file_is(folder, "ttir.mlir",
                   tm_kernel_text(kernel, TM_STAGE_TTIR));
    assert_file_is(folder, "layout.mlir",
                   tm_kernel_text(kernel, TM_STAGE_LAYOUT));
    assert_file_is(folder, "kernel.msl",
                   tm_kernel_text(kernel, TM_STAGE_MSL));
    assert_logged("1 add for m2: dumped to ");
    assert_logged(folder);
    tm_kernel_destroy(kernel);
    close_world(&w);
  }
}

/* Its hash is the one that the cache lists. */
static int keep_hash(void *payload, const tm_cache_entry *row) {
  strcpy(payload, row->hash);
  return 1;
}

static void a_dump_is_known_by_the_row_of_the_cache(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  char dump[200], folder[500], hash[33] = "";
  snprintf(dump, sizeof dump, "%s/dump", home);
  o.dump_dir = dump;
  world w = open_world(&o);
  tm_kernel_destroy(compile(&w, "add", add_signature));
  expect_ok(tm_cache_list(w.context, keep_hash, hash, &error));
  assert_int_equal(only_folder(dump, folder, sizeof folder), 1);
  assert_int_equal(strlen(hash), 32);
  assert_string_equal(folder + strlen(folder) - 32, hash);
  close_world(&w);
}

static void specializations_and_chips_have_folders_of_their_own(
    void **state) {
  setenv("TRITON_METAL_DUMP_DIR", in_home("dump"), 1);
  char folder[500];
  world w = open_world(NULL);
  tm_kernel_destroy(compile(&w, "add", add_signature));
  tm_kernel_destroy(
      compile(&w, "add", "*fp32, *fp32:16, *fp32:16, i32, 256"));
  setenv("TRITON_METAL_CHIP", "m5", 1);
  world other = open_world(NULL);
  tm_kernel_destroy(compile(&other, "add", add_signature));
  assert_int_equal(only_folder(in_home("dump"), folder, sizeof folder), 3);
  close_world(&other);
  close_world(&w);
}

/* Names of folders are plain ASCII, whatever the kernel's is. */
static void any_kernel_s_name_makes_a_folder(void **state) {
  setenv("TRITON_METAL_DUMP_DIR", in_home("dump"), 1);
  char folder[500];
  world w = open_world(NULL);
  tm_kernel_destroy(compile(&w, "se\xc3\xb1or", "*fp32:16, 64"));
  assert_int_equal(only_folder(in_home("dump"), folder, sizeof folder), 1);
  assert_non_null(strstr(folder, "/se__or-m2-"));
  close_world(&w);
  static char text[3000];
  char name[1201];
  memset(name, 'k', 1200); /* longer than file systems take */
  name[1200] = 0;
  snprintf(text, sizeof text,
           "import triton\nimport triton.language as tl\n@triton.jit\n"
           "def %s(x, BLOCK: tl.constexpr):\n"
           "    tl.store(x + tl.arange(0, BLOCK), 1.0)\n", name);
  setenv("TRITON_METAL_DUMP_DIR", in_home("long"), 1);
  w = open_world(NULL);
  tm_module_destroy(w.module);
  expect_ok(tm_module_parse(&w.module, NULL, "l.py", text, strlen(text), NULL,
                            &error));
  tm_kernel_destroy(compile(&w, name, "*fp32:16, 64"));
  assert_int_equal(only_folder(in_home("long"), folder, sizeof folder), 1);
  close_world(&w);
}

static void a_dump_that_cannot_be_written_is_a_warning(void **state) {
  fclose(fopen(in_home("file"), "w"));
  tm_context_options o = with_log();
  char dump[200];
  snprintf(dump, sizeof dump, "%s/file/below", home);
  o.dump_dir = dump;
  world w = open_world(&o);
  tm_kernel_destroy(compile(&w, "add", add_signature)); /* and still works */
  assert_logged("0 add for m2: cannot be dumped to ");
  assert_logged(": Not a directory");
  close_world(&w);
}

/* Nothing that is half written has a file's name, and nothing else is left. */
static void a_dump_leaves_its_four_files_only(void **state) {
  setenv("TRITON_METAL_DUMP_DIR", in_home("dump"), 1);
  char folder[500];
  world w = open_world(NULL);
  tm_kernel_destroy(compile(&w, "add", add_signature));
  only_folder(in_home("dump"), folder, sizeof folder);
  DIR *dir = opendir(folder);
  int n = 0;
  for (struct dirent *e; (e = readdir(dir));)
    n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
  closedir(dir);
  assert_int_equal(n, 4);
  close_world(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(kernels_go_to_the_cache_folder),
      TEST(a_cache_that_is_off_is_neither_read_nor_written),
      TEST(the_cache_stays_below_its_limit),
      TEST(the_device_is_the_one_that_is_named),
      TEST(the_chip_is_what_kernels_are_compiled_for),
      TEST(a_synchronous_launch_has_ended_when_it_returns),
      TEST(functions_measure_unless_tuning_is_off),
      TEST(the_threadgroup_has_the_size_that_is_preferred),
      TEST(kernels_over_the_threadgroup_memory_limit_are_refused),
      TEST(level_1_leaves_passes_out),
      TEST(debug_keeps_assertions),
      TEST(prints_go_to_the_callback),
      TEST(each_level_logs_more),
      TEST(level_1_shows_stages_with_their_times),
      TEST(level_1_says_what_the_cache_decides_and_why),
      TEST(level_1_says_when_a_compile_bypasses_the_cache),
      TEST(level_1_says_why_a_cache_cannot_be_used),
      TEST(level_1_says_what_is_not_compiled),
      TEST(a_log_gets_warnings_at_any_level),
      TEST(a_compile_s_stages_are_dumped),
      TEST(a_dump_is_known_by_the_row_of_the_cache),
      TEST(specializations_and_chips_have_folders_of_their_own),
      TEST(any_kernel_s_name_makes_a_folder),
      TEST(a_dump_that_cannot_be_written_is_a_warning),
      TEST(a_dump_leaves_its_four_files_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
