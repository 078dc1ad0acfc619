/* SPDX-License-Identifier: MIT */
/*
 * test_cli.c - the command line as a person uses it: exit statuses, what goes
 * to which stream, arrays in .npy files. The tool is $BUILD/tritonmetal.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/device.h"

static char folder[256]; /* of this run's files */
static char out[1 << 16], err[1 << 16];

static void slurp(const char *name, char *text, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t n = fread(text, 1, size - 1, file);
  text[n] = 0;
  fclose(file);
}

/* Runs `tritonmetal <args>`; its streams land in out and err. */
__attribute__((format(printf, 1, 2))) static int tool(const char *format,
                                                      ...) {
  char args[2048], command[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(args, sizeof args, format, list);
  va_end(list);
  const char *build = getenv("BUILD");
  snprintf(command, sizeof command,
           "%s/tritonmetal %s >%s/out.txt 2>%s/err.txt",
           build ? build : "build", args, folder, folder);
  int status = system(command);
  slurp("out.txt", out, sizeof out);
  slurp("err.txt", err, sizeof err);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_file(const char *name, const void *data, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

/* Version 1.0 of the format, one dimension. */
static void write_npy(const char *name, const char *descr, const void *data,
                      size_t count, size_t item) {
  unsigned char head[128];
  memset(head, ' ', sizeof head);
  memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10); /* 118 bytes follow */
  int n = snprintf((char *)head + 10, 118,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (%zu,), "
                   "}",
                   descr, count);
  head[10 + n] = ' ';
  head[127] = '\n';
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fwrite(head, 1, sizeof head, file);
  fwrite(data, item, count, file);
  fclose(file);
}

/* The elements of a file that the tool wrote. */
static void read_npy(const char *name, void *data, size_t bytes) {
  char path[512];
  unsigned char head[10];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s was not written", name);
  assert_int_equal(fread(head, 1, 10, file), 10);
  assert_memory_equal(head, "\x93NUMPY", 6);
  fseek(file, 10 + (head[8] | head[9] << 8), SEEK_SET);
  assert_int_equal(fread(data, 1, bytes, file), bytes);
  assert_int_equal(fgetc(file), EOF);
  fclose(file);
}

/* ---- usage -------------------------------------------------------------- */

static void help_goes_to_standard_output(void **state) {
  (void)state;
  static const char *const commands[] = {"",        "info",  "compile",
                                         "check",   "run",   "cache"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    assert_int_equal(tool("%s --help", commands[i]), 0);
    assert_non_null(strstr(out, "usage: tritonmetal"));
    assert_string_equal(err, "");
  }
}

static void wrong_usage_exits_2(void **state) {
  (void)state;
  static const char *const lines[] = {
      "",
      "fly",
      "compile",
      "compile a.py b.py",
      "compile --frobnicate",
      "compile examples/kernels/softmax.py --num-warps many",
      "compile examples/kernels/softmax.py --emit air",
      "compile examples/kernels/softmax.py --chip m99",
      "compile examples/kernels/matmul.py",
      "run examples/kernels/softmax.py",
      "run examples/kernels/softmax.py --grid 1,2,3,4",
      "run examples/kernels/softmax.py --grid x",
      "run examples/kernels/vector_add.py --grid 1 nonsense",
      "check",
      "cache",
      "cache burn",
      "info extra"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    int status = tool("%s", lines[i]);
    if (status != 2) fail_msg("`%s` exits %d", lines[i], status);
    assert_string_equal(out, "");
    assert_true(*err);
  }
}

static void info_names_the_device_and_the_cache(void **state) {
  (void)state;
  assert_int_equal(tool("info"), 0);
  assert_non_null(strstr(out, "Apple M1"));
  assert_non_null(strstr(out, "kernels.db"));
}

static void info_says_what_is_missing(void **state) {
  (void)state;
  char saved[512];
  const char *now = getenv("TRITON_METAL_SOFTMETAL");
  snprintf(saved, sizeof saved, "%s", now ? now : "");
  setenv("TRITON_METAL_SOFTMETAL", "/nowhere/libsoftmetal.so", 1);
  assert_int_equal(tool("info"), 1);
  assert_non_null(strstr(out, "softmetal"));
  setenv("TRITON_METAL_SOFTMETAL", saved, 1);
}

/* ---- compile, check -------------------------------------------------------- */

#define ADD "compile examples/kernels/vector_add.py -k add_kernel "
#define ADD_SIGNATURE "-s '*fp32:16, *fp32:16, *fp32:16, i32:16, 1024' "

static void write_text(const char *name, const char *text) {
  write_file(name, text, strlen(text));
}

static void make_inner_folder(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(mkdir(path, 0700), 0);
}

/* from ..x import y, without an __init__.py anywhere. */
static void relative_imports_climb_through_plain_folders(void **state) {
  (void)state;
  make_inner_folder("ops");
  make_inner_folder("ops/norm");
  write_text("ops/values.py", "import triton.language as tl\n"
                              "THREE: tl.constexpr = tl.constexpr(3)\n");
  write_text("ops/norm/twice.py", "import triton\n@triton.jit\n"
                                  "def twice(x):\n    return x * 2\n");
  write_text("ops/norm/kernel.py",
             "import triton\nimport triton.language as tl\n"
             "from ..values import THREE\nfrom .. import values\n"
             "from .twice import twice\n@triton.jit\ndef k(o, n):\n"
             "    tl.store(o, twice(n) * THREE + values.THREE)\n");
  assert_int_equal(tool("compile %s/ops/norm/kernel.py -s '*i32, i32' "
                        "--emit ttir", folder), 0);
  assert_non_null(strstr(out, "arith.constant 3 : i32"));
}

static void every_stage_can_be_shown(void **state) {
  (void)state;
  assert_int_equal(tool(ADD ADD_SIGNATURE), 0);
  assert_non_null(strstr(out, "#include <metal_stdlib>"));
  assert_int_equal(tool(ADD ADD_SIGNATURE "--emit ast"), 0);
  assert_non_null(strstr(out, "def add_kernel("));
  assert_int_equal(tool(ADD ADD_SIGNATURE "--emit ttir"), 0);
  assert_non_null(strstr(out, "tt.func public @add_kernel"));
  assert_int_equal(tool(ADD ADD_SIGNATURE "--emit layout"), 0);
  assert_non_null(strstr(out, "tt.load"));
  assert_int_equal(tool(ADD ADD_SIGNATURE "--emit info"), 0);
  assert_non_null(strstr(out, "threads            128"));
  assert_non_null(strstr(out, "registers          about "));
  assert_non_null(strstr(out, "threadgroups a core, limited by "));
  assert_null(strstr(out, "predicted time"));
}

static void compile_estimates_a_launch(void **state) {
  (void)state;
  assert_int_equal(tool(ADD ADD_SIGNATURE "--chip m3-max --emit info "
                        "--grid 4 -A n_elements=1000"), 0);
  assert_non_null(strstr(out, "8000 bytes read, 4000 written"));
  assert_non_null(strstr(out, "bound              memory bandwidth"));
  assert_non_null(strstr(out, "occupancy          divided by the chip"));
  assert_non_null(strstr(out, "predicted time"));
  static const char *const wrong[] = {
      "--grid 0", "--grid 1,2,3,4", "--grid x", "--grid 4 -A n_elements",
      "--grid 4 -A n_elements=x", "--grid 4 -A nothing=3",
      "--grid 4 -A x_ptr=3"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(tool(ADD ADD_SIGNATURE "--emit info %s", wrong[i]), 2);
}

static void chips_give_the_same_text_every_time(void **state) {
  (void)state;
  static char first[1 << 16];
  static const char *const chips[] = {"m1", "m4"};
  for (int c = 0; c < 2; c++) {
    assert_int_equal(tool(ADD ADD_SIGNATURE "--chip %s", chips[c]), 0);
    strcpy(first, out);
    for (int i = 0; i < 3; i++) {
      assert_int_equal(tool(ADD ADD_SIGNATURE "--chip %s", chips[c]), 0);
      assert_string_equal(out, first);
    }
  }
}

static void defines_set_constexprs_by_name(void **state) {
  (void)state;
  static char by_position[1 << 16];
  assert_int_equal(tool(ADD ADD_SIGNATURE), 0);
  strcpy(by_position, out);
  assert_int_equal(
      tool(ADD "-s '*fp32:16, *fp32:16, *fp32:16, i32:16' -D BLOCK_SIZE=1024"),
      0);
  assert_string_equal(out, by_position);
}

static void failures_show_the_line_and_a_caret(void **state) {
  (void)state;
  static const char source[] =
      "import triton\n"
      "import triton.language as tl\n"
      "@triton.jit\n"
      "def f(x, N: tl.constexpr):\n"
      "    y = tl.laod(x + tl.arange(0, N))\n"
      "    tl.store(x, y)\n";
  write_file("bad.py", source, sizeof source - 1);
  assert_int_equal(tool("compile %s/bad.py -s '*fp32, 64'", folder), 1);
  assert_string_equal(out, "");
  assert_non_null(strstr(err, "bad.py:5:"));
  assert_non_null(strstr(err, "error:"));
  assert_non_null(strstr(err, "y = tl.laod(x + tl.arange(0, N))\n"));
  assert_non_null(strstr(err, "^\n"));
  assert_non_null(strstr(err, "load")); /* the nearest name */
}

static void a_kernel_inside_a_function_says_so(void **state) {
  (void)state;
  static const char text[] = "import triton\n\n\ndef make():\n\n"
                             "    @triton.jit\n    def k(x):\n        pass\n";
  write_file("inner.py", text, sizeof text - 1);
  assert_int_equal(tool("compile %s/inner.py -k k -s '*fp32'", folder), 1);
  assert_non_null(strstr(err, "(line 7) is inside a function or class"));
  assert_int_equal(tool("compile %s/inner.py -k q -s '*fp32'", folder), 1);
  assert_non_null(strstr(err, "has no kernel named 'q'"));
}

static void missing_and_unknown_parameters_are_named(void **state) {
  (void)state;
  assert_int_equal(tool(ADD "-s '*fp32, *fp32, *fp32, i32'"), 1);
  assert_non_null(strstr(err, "BLOCK_SIZE"));
  assert_int_equal(tool(ADD ADD_SIGNATURE "-D BLOCKSIZE=64"), 1);
  assert_non_null(strstr(err, "did you mean 'BLOCK_SIZE'"));
  assert_int_equal(tool(ADD "-s '*fp32, *fp99, *fp32, i32, 64'"), 1);
  assert_non_null(strstr(err, "fp99"));
}

static void check_lists_kernels_and_finds_errors(void **state) {
  (void)state;
  assert_int_equal(tool("check examples/kernels/matmul.py"), 0);
  assert_non_null(strstr(out, "matmul_kernel\n"));
  assert_non_null(strstr(out, "leaky_relu\n"));
  static const char source[] = "@triton.jit\ndef f(x:\n    pass\n";
  write_file("broken.py", source, sizeof source - 1);
  assert_int_equal(tool("check %s/broken.py", folder), 1);
  assert_non_null(strstr(err, "broken.py:"));
  assert_int_equal(tool("check %s/absent.py", folder), 1);
}

/* ---- run ------------------------------------------------------------------ */

enum { N = 3001 };

static void run_adds_arrays_from_files(void **state) {
  (void)state;
  static float x[N], y[N], z[N];
  uint64_t seed = 77;
  for (int i = 0; i < N; i++)
    x[i] = (float)test_random(&seed), y[i] = (float)test_random(&seed);
  write_npy("x.npy", "<f4", x, N, 4);
  write_npy("y.npy", "<f4", y, N, 4);
  assert_int_equal(
      tool("run examples/kernels/vector_add.py -k add_kernel --grid 12 "
           "x_ptr=@%s/x.npy y_ptr=@%s/y.npy "
           "output_ptr=zeros:f32[3001]:%s/z.npy n_elements=3001 "
           "BLOCK_SIZE=256 --repeat 3",
           folder, folder, folder),
      0);
  assert_non_null(strstr(out, "device"));
  assert_non_null(strstr(out, "cache "));
  assert_non_null(strstr(out, "median of 3"));
  read_npy("z.npy", z, sizeof z);
  for (int i = 0; i < N; i++) assert_true(z[i] == x[i] + y[i]);
}

static void run_shows_a_profile_and_writes_a_trace(void **state) {
  (void)state;
  static const char run[] =
      "run examples/kernels/vector_add.py -k add_kernel --grid 4 "
      "x_ptr=zeros:f32[1000] y_ptr=zeros:f32[1000] "
      "output_ptr=zeros:f32[1000] n_elements=1000 BLOCK_SIZE=256 ";
  assert_int_equal(tool("%s --repeat 3 --profile=%s/trace.json", run, folder),
                   0);
  assert_non_null(strstr(out, "GB/s"));
  assert_non_null(strstr(out, "n_elements=i32"));
  static char trace[65536];
  slurp("trace.json", trace, sizeof trace);
  cJSON *root = cJSON_Parse(trace), *event;
  assert_non_null(root);
  int kernels = 0;
  cJSON_ArrayForEach(event, cJSON_GetObjectItem(root, "traceEvents")) {
    const cJSON *category = cJSON_GetObjectItem(event, "cat");
    kernels += category && !strcmp(category->valuestring, "gpu");
  }
  assert_int_equal(kernels, 3);
  cJSON_Delete(root);
  assert_int_equal(tool("%s --profile", run), 0);
  assert_non_null(strstr(out, "GB/s"));
  assert_int_equal(tool("%s --profile=/nowhere/trace.json", run), 1);
  assert_non_null(strstr(err, "cannot write /nowhere/trace.json"));
}

static void run_updates_arrays_in_place_and_reads_imports(void **state) {
  (void)state;
  static const char helper[] =
      "import triton\n"
      "import triton.language as tl\n"
      "FACTOR = tl.constexpr(3)\n"
      "@triton.jit\n"
      "def scale(v):\n"
      "    return v * FACTOR\n";
  static const char kernel[] =
      "import triton\n"
      "import triton.language as tl\n"
      "from helpers import scale\n"
      "def body(p, n, B: tl.constexpr):\n"
      "    i = tl.arange(0, B)\n"
      "    v = tl.load(p + i, mask=i < n)\n"
      "    tl.store(p + i, scale(v), mask=i < n)\n"
      "triple = triton.jit(body)\n";
  write_file("helpers.py", helper, sizeof helper - 1);
  write_file("uses.py", kernel, sizeof kernel - 1);
  int32_t data[100];
  for (int i = 0; i < 100; i++) data[i] = i - 50;
  write_npy("p.npy", "<i4", data, 100, 4);
  int status = tool("run %s/uses.py -k triple --grid 1 p=@%s/p.npy:%s/q.npy "
                    "n=90 B=128",
                    folder, folder, folder);
  if (status) fail_msg("%s", err);
  read_npy("q.npy", data, sizeof data);
  for (int i = 0; i < 100; i++)
    assert_int_equal(data[i], (i - 50) * (i < 90 ? 3 : 1));
}

static void run_takes_sixteen_bit_data_as_bfloat(void **state) {
  (void)state;
  static const char kernel[] =
      "import triton\n"
      "import triton.language as tl\n"
      "@triton.jit\n"
      "def widen(p, q, B: tl.constexpr):\n"
      "    i = tl.arange(0, B)\n"
      "    tl.store(q + i, tl.load(p + i).to(tl.float32))\n";
  write_file("widen.py", kernel, sizeof kernel - 1);
  uint16_t bits[64];
  float got[64];
  for (int i = 0; i < 64; i++) bits[i] = (uint16_t)(0x3f80 + i * 37);
  write_npy("bf.npy", "<u2", bits, 64, 2);
  int status = tool("run %s/widen.py --grid 1 p=bf16@%s/bf.npy "
                    "q=zeros:f32[64]:%s/f.npy B=64",
                    folder, folder, folder);
  if (status) fail_msg("%s", err);
  read_npy("f.npy", got, sizeof got);
  for (int i = 0; i < 64; i++) {
    uint32_t want = (uint32_t)bits[i] << 16; /* bfloat is half of a float */
    assert_memory_equal(&got[i], &want, 4);
  }
}

static void run_refuses_what_does_not_fit(void **state) {
  (void)state;
  float x[4] = {1, 2, 3, 4};
  write_npy("four.npy", "<f4", x, 4, 4);
#define RUN "run examples/kernels/vector_add.py -k add_kernel "
  assert_int_equal(tool(RUN "--grid 0 x_ptr=@%s/four.npy "
                        "y_ptr=@%s/four.npy output_ptr=zeros:f32[4] "
                        "n_elements=4 BLOCK_SIZE=64",
                        folder, folder),
                   1);
  assert_int_equal(tool(RUN "--grid 1 x_ptr=@%s/four.npy "
                        "y_ptr=@%s/four.npy output_ptr=zeros:f32[4] "
                        "n_elements=4",
                        folder, folder),
                   1);
  assert_non_null(strstr(err, "BLOCK_SIZE"));
  assert_int_equal(tool(RUN "--grid 1 x_ptr=@%s/four.npy bogus=1 "
                        "y_ptr=@%s/four.npy output_ptr=zeros:f32[4] "
                        "n_elements=4 BLOCK_SIZE=64",
                        folder, folder),
                   1);
  assert_non_null(strstr(err, "bogus"));
  assert_int_equal(tool(RUN "--grid 1 x_ptr=@%s/absent.npy", folder), 1);
}

static const char decorated[] =
    "import itertools\n"
    "import triton\n"
    "import triton.language as tl\n"
    "SIZES = [64, 128]\n"
    "def configs():\n"
    "    out = []\n"
    "    for b in SIZES:\n"
    "        if b == 64:\n"
    "            continue\n"
    "        out.append(triton.Config(dict(B=b), num_warps=2))\n"
    "    return out\n"
    "def big(args):\n"
    "    return triton.next_power_of_2(args['n']) >= 128\n"
    "@triton.autotune(configs=[triton.Config({'B': b, 'K': k}, num_warps=w)\n"
    "    for b in SIZES for k, w in itertools.product([3], [2, 4]) if b > 64],\n"
    "    key=['n'])\n"
    "@triton.heuristics({'BIG': big,\n"
    "                    'EVEN': lambda args: args['n'] % args['B'] == 0})\n"
    "@triton.jit\n"
    "def f(x, o, n, B: tl.constexpr, BIG: tl.constexpr, EVEN: tl.constexpr,\n"
    "      K: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    v = tl.load(x + i, mask=i < n)\n"
    "    if BIG:\n"
    "        v = v + 1\n"
    "    if EVEN:\n"
    "        v = v * 2\n"
    "    tl.store(o + i, v + K, mask=i < n)\n"
    "@triton.autotune(configs=configs(), key=['n'])\n"
    "@triton.jit\n"
    "def g(o, n, B: tl.constexpr):\n"
    "    i = tl.arange(0, B)\n"
    "    tl.store(o + i, tl.zeros([B], tl.float32) + B, mask=i < n)\n"
    "@triton.autotune(configs=mystery.configs(3), key=['n'])\n"
    "@triton.jit\n"
    "def h(o, n, B: tl.constexpr):\n"
    "    tl.store(o, n + B)\n";

/* Values that autotune and heuristics set are not passed: they come from
 * the configurations and lambdas of the source. */
static void run_fills_in_what_decorators_set(void **state) {
  (void)state;
  float got[256];
  write_file("decorated.py", decorated, sizeof decorated - 1);
  int status = tool("run %s/decorated.py -k f --grid 2 x=zeros:f32[256] "
                    "o=zeros:f32[256]:%s/o.npy n=256",
                    folder, folder);
  if (status) fail_msg("%s", err);
  read_npy("o.npy", got, sizeof got);
  for (int i = 0; i < 256; i++) assert_true(got[i] == 5); /* (0+1)*2+3 */
  status = tool("run %s/decorated.py -k g --grid 1 "
                "o=zeros:f32[256]:%s/o.npy n=256",
                folder, folder);
  if (status) fail_msg("%s", err);
  read_npy("o.npy", got, sizeof got);
  assert_true(got[0] == 128 && got[127] == 128 && got[128] == 0);
  /* What cannot be computed is named, and can be passed. */
  assert_int_equal(tool("run %s/decorated.py -k h --grid 1 o=zeros:i32[1] "
                        "n=1",
                        folder),
                   1);
  assert_non_null(strstr(err, "mystery.configs"));
  assert_int_equal(tool("run %s/decorated.py -k h --grid 1 o=zeros:i32[1] "
                        "n=1 B=4",
                        folder),
                   0);
}

/* One element too few is found when accesses are checked. */
static void checked_runs_find_a_buffer_that_is_too_small(void **state) {
  (void)state;
#define SMALL                                                       \
  "run examples/kernels/vector_add.py -k add_kernel --grid 1 "      \
  "x_ptr=zeros:f32[100] y_ptr=zeros:f32[101] output_ptr=zeros:f32[101] " \
  "n_elements=101 BLOCK_SIZE=128"
  setenv("SOFTMETAL_CHECK", "1", 1);
  int status = tool(SMALL);
  unsetenv("SOFTMETAL_CHECK");
  assert_int_equal(status, 1);
  assert_non_null(strstr(err, "add_kernel"));
  assert_non_null(strstr(err, "byte offset 400 of buffer 0"));
}

/* ---- cache ---------------------------------------------------------------- */

static void the_cache_hits_on_the_second_run(void **state) {
  (void)state;
  assert_int_equal(tool("cache clear"), 0);
  static const char run[] =
      "run examples/kernels/vector_add.py -k add_kernel --grid 1 "
      "x_ptr=zeros:f32[64] y_ptr=zeros:f32[64] output_ptr=zeros:f32[64] "
      "n_elements=64 BLOCK_SIZE=64";
  assert_int_equal(tool("%s", run), 0);
  assert_non_null(strstr(out, "cache miss"));
  assert_int_equal(tool("%s", run), 0);
  assert_non_null(strstr(out, "cache hit"));
  assert_int_equal(tool("cache list"), 0);
  assert_non_null(strstr(out, "add_kernel"));
  assert_int_equal(tool("cache stats"), 0);
  assert_non_null(strstr(out, "rows   1\n"));
  assert_int_equal(tool("cache verify"), 0);
  assert_string_equal(out, "1 good, 0 bad rows\n");
}

static void pruning_deletes_archives_of_other_systems(void **state) {
  (void)state;
  assert_int_equal(tool("cache clear"), 0);
  setenv("TRITON_METAL_ARCHIVES", "1", 1);
  assert_int_equal(
      tool("run examples/kernels/vector_add.py -k add_kernel --grid 1 "
           "x_ptr=zeros:f32[64] y_ptr=zeros:f32[64] "
           "output_ptr=zeros:f32[64] n_elements=64 BLOCK_SIZE=64"),
      0);
  unsetenv("TRITON_METAL_ARCHIVES");
  assert_int_equal(tool("cache prune 1"), 0);
  assert_string_equal(out, "0 rows deleted\n");
  setenv("SOFTMETAL_MACOS", "14", 1);
  int status = tool("cache prune 1");
  unsetenv("SOFTMETAL_MACOS");
  assert_int_equal(status, 0);
  assert_string_equal(out, "1 rows deleted\n");
  assert_int_equal(tool("cache clear"), 0);
}

static void a_pack_is_made_and_taken(void **state) {
  (void)state;
  assert_int_equal(tool("cache clear"), 0);
  static const char compile[] =
      "compile examples/kernels/vector_add.py --cache "
      "-s '*fp32,*fp32,*fp32,i32,64'";
  assert_int_equal(tool("%s --chip m1", compile), 0);
  assert_int_equal(tool("%s --chip m4-max", compile), 0);
  assert_int_equal(tool("cache export %s/k.pack", folder), 0);
  assert_non_null(strstr(out, "2 kernels in "));
  assert_int_equal(tool("cache clear"), 0);
  assert_int_equal(tool("cache import %s/k.pack", folder), 0);
  assert_string_equal(out, "2 kernels added\n");
  assert_int_equal(tool("cache list"), 0);
  assert_non_null(strstr(out, "add_kernel for m4-max"));
  assert_int_equal(tool("cache import %s/none", folder), 1);
  assert_non_null(strstr(err, "no such file"));
  assert_int_equal(tool("cache prune 1"), 0);
  assert_string_equal(out, "0 rows deleted\n");
  assert_int_equal(tool("cache prune soon"), 2);
  assert_int_equal(tool("cache export"), 2);
}

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "%s/tritonmetal-cli.XXXXXX",
           getenv("HOME") ? getenv("HOME") : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_goes_to_standard_output),
      cmocka_unit_test(wrong_usage_exits_2),
      cmocka_unit_test(info_names_the_device_and_the_cache),
      cmocka_unit_test(info_says_what_is_missing),
      cmocka_unit_test(relative_imports_climb_through_plain_folders),
      cmocka_unit_test(every_stage_can_be_shown),
      cmocka_unit_test(compile_estimates_a_launch),
    cmocka_unit_test(chips_give_the_same_text_every_time),
      cmocka_unit_test(defines_set_constexprs_by_name),
      cmocka_unit_test(failures_show_the_line_and_a_caret),
      cmocka_unit_test(a_kernel_inside_a_function_says_so),
      cmocka_unit_test(missing_and_unknown_parameters_are_named),
      cmocka_unit_test(check_lists_kernels_and_finds_errors),
      cmocka_unit_test(run_adds_arrays_from_files),
      cmocka_unit_test(run_shows_a_profile_and_writes_a_trace),
      cmocka_unit_test(run_updates_arrays_in_place_and_reads_imports),
      cmocka_unit_test(run_takes_sixteen_bit_data_as_bfloat),
      cmocka_unit_test(run_refuses_what_does_not_fit),
      cmocka_unit_test(run_fills_in_what_decorators_set),
      cmocka_unit_test(checked_runs_find_a_buffer_that_is_too_small),
      cmocka_unit_test(the_cache_hits_on_the_second_run),
      cmocka_unit_test(pruning_deletes_archives_of_other_systems),
      cmocka_unit_test(a_pack_is_made_and_taken),
  };
  return cmocka_run_group_tests(tests, make_folder, NULL);
}
