/* SPDX-License-Identifier: MIT */
/*
 * test_metal_library.c - libraries with their options, functions with their
 * constants, pipelines, and binary archives that another process reads.
 */
#define _GNU_SOURCE
#include "support/metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEAD "#include <metal_stdlib>\nusing namespace metal;\n"

static const char fill_source[] = HEAD
    "kernel void k(device int *x [[buffer(0)]],\n"
    "              uint i [[thread_position_in_grid]]) { x[i] = 7; }\n";

static id compile(const metal *m, const char *source, id options,
                  id *error) {
  return SEND(id, id, id, id *)(
      m->device, NAME("newLibraryWithSource:options:error:"), text(source),
      options, error);
}

/* First int that kernel k of the pipeline writes to buffer 0. */
static int first_int(const metal *m, id pipeline) {
  id x = buffer_of(m->device, 64), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 1, 1);
  assert_int_equal(finish(buffer, encoder), 4);
  int value = *(int *)contents(x);
  objc_release(x);
  return value;
}

static id pipeline_with(const metal *m, id descriptor, NSUInteger options,
                        id *error) {
  return SEND(id, id, NSUInteger, id *, id *)(
      m->device,
      NAME("newComputePipelineStateWithDescriptor:options:reflection:error:"),
      descriptor, options, NULL, error);
}
static id plain_pipeline(const metal *m, id function) {
  id error = NULL;
  id pipeline = SEND(id, id, id *)(
      m->device, NAME("newComputePipelineStateWithFunction:error:"), function,
      &error);
  if (!pipeline) fail_msg("%s", message_of(error));
  return pipeline;
}

/* ---- options ---------------------------------------------------------------- */

static void macros_come_from_the_options(void **state) {
  const metal *m = *state;
  id keys[2] = {text("WIDTH"), text("NAME")}, values[2];
  values[0] = SEND(id, int)(CLASS("NSNumber"), NAME("numberWithInt:"), 41);
  values[1] = text("k");
  id macros = SEND(id, const id *, const id *, NSUInteger)(
      CLASS("NSDictionary"), NAME("dictionaryWithObjects:forKeys:count:"),
      values, keys, 2);
  id options = make("MTLCompileOptions"), error = NULL;
  SEND(void, id)(options, NAME("setPreprocessorMacros:"), macros);
  id library = compile(m, "kernel void NAME(device int *x [[buffer(0)]]) {\n"
                          "  x[0] = WIDTH + 1;\n}\n", options, &error);
  if (!library) fail_msg("%s", message_of(error));
  id function = SEND(id, id)(library, NAME("newFunctionWithName:"),
                             text("k"));
  id pipeline = plain_pipeline(m, function);
  assert_int_equal(first_int(m, pipeline), 42);
  objc_release(pipeline);
  objc_release(function);
  objc_release(library);
  objc_release(options);
}

static void warnings_set_an_error_beside_a_valid_library(void **state) {
  const metal *m = *state;
  id error = NULL;
  id library = compile(m, "#warning watch out\n"
                          "kernel void k(device int *x [[buffer(0)]]) {}\n",
                       NULL, &error);
  assert_non_null(library);
  assert_non_null(error);
  assert_int_equal(code_of(error), 4);
  assert_non_null(strstr(message_of(error), "watch out"));
  objc_release(library);
}

/* What returns on every way, or may loop for ever, is not warned of. */
static void functions_that_may_not_return_a_value_are_warned_of(void **s) {
  const metal *m = *s;
  static const struct { const char *body; bool warns; } rows[] = {
      {"if (x > 0) return 1;", true},
      {"x += 1;", true},
      {"if (x > 0) { return 1; } else { x = 2; }", true},
      {"for (int i = 0; i < x; i++) return 1;", true},
      {"switch (x) { case 1: return 1; }", true},
      {"if (x > 0) return 1; return 2;", false},
      {"if (x > 0) return 1; else { x = 3; return x; }", false},
      {"switch (x) { case 1: return 1; default: return 2; }", false},
      {"while (true) { if (x++ > 9) return x; }", false},
      {"do { return x; } while (x);", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char source[256];
    snprintf(source, sizeof source,
             "static int f(int x) { %s }\n"
             "kernel void k(device int *x [[buffer(0)]]) { x[0] = f(x[1]); }\n",
             rows[i].body);
    id error = NULL, library = compile(m, source, NULL, &error);
    assert_non_null(library);
    bool warned = strstr(message_of(error), "non-void function does not "
                         "return a value in all control paths") != NULL;
    if (warned != rows[i].warns) fail_msg("%s", source);
    objc_release(library);
  }
}

static NSInteger refused_code(const metal *m, const char *setter,
                              NSUInteger value) {
  id options = make("MTLCompileOptions"), error = NULL;
  SEND(void, NSUInteger)(options, NAME(setter), value);
  id library = compile(m, fill_source, options, &error);
  assert_null(library);
  objc_release(options);
  return code_of(error);
}

static void what_cannot_be_met_is_unsupported(void **state) {
  const metal *m = *state;
  assert_int_equal(refused_code(m, "setLanguageVersion:", 196617), 1);
  assert_int_equal(refused_code(m, "setLanguageVersion:", 9u << 16), 1);
  assert_int_equal(refused_code(m, "setLibraryType:", 1), 1);
  assert_int_equal(
      refused_code(m, "setMaxTotalThreadsPerThreadgroup:", 2048), 1);
  /* an older macOS has an older language */
  setenv("SOFTMETAL_MACOS", "14", 1);
  assert_int_equal(refused_code(m, "setLanguageVersion:", 196610), 1);
  id options = make("MTLCompileOptions"), error = NULL;
  assert_false(responds(options, "setMathMode:"));
  assert_true(responds(options, "setFastMathEnabled:"));
  SEND(void, NSUInteger)(options, NAME("setLanguageVersion:"), 196609);
  id library = compile(m, fill_source, options, &error);
  assert_non_null(library);
  unsetenv("SOFTMETAL_MACOS");
  assert_true(responds(options, "setMathMode:"));
  objc_release(library);
  objc_release(options);
}

static void threads_of_the_options_limit_the_pipeline(void **state) {
  const metal *m = *state;
  id options = make("MTLCompileOptions"), error = NULL;
  SEND(void, NSUInteger)(options, NAME("setMaxTotalThreadsPerThreadgroup:"),
                         256);
  id library = compile(m, fill_source, options, &error);
  id function = SEND(id, id)(library, NAME("newFunctionWithName:"),
                             text("k"));
  id pipeline = plain_pipeline(m, function);
  assert_int_equal(SEND(NSUInteger)(pipeline,
                       NAME("maxTotalThreadsPerThreadgroup")), 256);
  objc_release(pipeline);
  objc_release(function);
  objc_release(library);
  objc_release(options);
}

typedef struct answer {
  _Atomic int calls;
  id object;
  char message[256];
} answer;
static void on_answer(test_block *block, id object, id error) {
  answer *a = block->captured;
  a->object = objc_retain(object);
  snprintf(a->message, sizeof a->message, "%s", message_of(error));
  atomic_fetch_add(&a->calls, 1);
}

static void libraries_compile_in_the_background(void **state) {
  const metal *m = *state;
  answer good = {0}, bad = {0};
  test_block a = BLOCK(on_answer, &good), b = BLOCK(on_answer, &bad);
  SEL compile_later =
      NAME("newLibraryWithSource:options:completionHandler:");
  SEND(void, id, id, void *)(m->device, compile_later, text(fill_source),
                             NULL, &a);
  SEND(void, id, id, void *)(m->device, compile_later, text("kernel bad"),
                             NULL, &b);
  assert_int_equal(settled(&good.calls, 1), 1);
  assert_int_equal(settled(&bad.calls, 1), 1);
  assert_non_null(good.object);
  assert_null(bad.object);
  assert_non_null(strstr(bad.message, "error:"));
  objc_release(good.object);
}

static void binary_and_dynamic_libraries_are_refused_with_a_reason(void **s) {
  const metal *m = *s;
  id error = NULL;
  id url = SEND(id, id)(CLASS("NSURL"), NAME("fileURLWithPath:"),
                        text("/tmp/x.metallib"));
  assert_null(SEND(id, id, id *)(
      m->device, NAME("newLibraryWithURL:error:"), url, &error));
  assert_int_equal(code_of(error), 1);
  id library = library_of(m->device, fill_source, &error);
  assert_null(SEND(id, id, id *)(
      m->device, NAME("newDynamicLibrary:error:"), library, &error));
  assert_int_equal(code_of(error), 5);
  objc_release(library);
}

/* ---- function constants ------------------------------------------------------ */

static const char constant_source[] = HEAD
    "constant int a [[function_constant(0)]];\n"
    "constant float3 v [[function_constant(1)]];\n"
    "constant bool opt [[function_constant(2)]];\n"
    "constant int b = is_function_constant_defined(opt) ? 1000 : 0;\n"
    "static int twice() { return 2 * a; }\n"
    "kernel void k(device int *x [[buffer(0)]]) {\n"
    "  x[0] = twice() + int(v.x + 10 * v.y + 100 * v.z) + b;\n}\n"
    "kernel void free_of_them(device int *x [[buffer(0)]]) { x[0] = 5; }\n";

static id specialised(id library, id values, id *error) {
  return SEND(id, id, id, id *)(
      library, NAME("newFunctionWithName:constantValues:error:"), text("k"),
      values, error);
}

static void constants_are_set_by_index_name_and_range(void **state) {
  const metal *m = *state;
  id error = NULL, library = library_of(m->device, constant_source, &error);
  if (!library) fail_msg("%s", message_of(error));
  id values = make("MTLFunctionConstantValues");
  int a = 4, more[1] = {6};
  float v[4] = {1, 2, 3, 0};
  bool set = true;
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), &a, 29, 0);
  SEND(void, const void *, NSUInteger, id)(
      values, NAME("setConstantValue:type:withName:"), v, 5, text("v"));
  id function = specialised(library, values, &error);
  if (!function) fail_msg("%s", message_of(error));
  id pipeline = plain_pipeline(m, function);
  assert_int_equal(first_int(m, pipeline), 8 + 321);
  objc_release(pipeline);
  objc_release(function);
  SEND(void, const void *, NSUInteger, NSRange)(
      values, NAME("setConstantValues:type:withRange:"), more, 29,
      (NSRange){0, 1});
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), &set, 53, 2);
  function = specialised(library, values, &error);
  pipeline = plain_pipeline(m, function);
  assert_int_equal(first_int(m, pipeline), 12 + 321 + 1000);
  objc_release(pipeline);
  objc_release(function);
  objc_release(values);
  objc_release(library);
}

static void missing_and_mistyped_constants_are_errors(void **state) {
  const metal *m = *state;
  id error = NULL, library = library_of(m->device, constant_source, &error);
  id values = make("MTLFunctionConstantValues");
  float v[4] = {0};
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), v, 5, 1);
  assert_null(specialised(library, values, &error));
  assert_non_null(strstr(message_of(error), "constant 'a' (index 0)"));
  SEND(void, const void *, NSUInteger, NSUInteger)(
      values, NAME("setConstantValue:type:atIndex:"), v, 3, 0);
  assert_null(specialised(library, values, &error));
  assert_non_null(strstr(message_of(error), "'a' is set with a value of"));
  assert_null(
      SEND(id, id)(library, NAME("newFunctionWithName:"), text("k")));
  id other = SEND(id, id)(library, NAME("newFunctionWithName:"),
                          text("free_of_them"));
  assert_non_null(other);
  id all = SEND(id)(other, NAME("functionConstantsDictionary"));
  id info = SEND(id, id)(all, NAME("objectForKey:"), text("v"));
  assert_int_equal(SEND(NSUInteger)(info, NAME("index")), 1);
  assert_int_equal(SEND(NSUInteger)(info, NAME("type")), 5);
  objc_release(other);
  objc_release(values);
  objc_release(library);
}

/* An argument with function_constant(b) is there only where b is true: then
 * it must be bound, else nothing is asked for. */
static void optional_arguments_are_there_when_their_constant_is(void **state) {
  const metal *m = *state;
  id error = NULL, library = library_of(m->device, HEAD
      "constant bool has_mask [[function_constant(3)]];\n"
      "kernel void k(device int *x [[buffer(0)]],\n"
      "  device const int *mask [[buffer(1), function_constant(has_mask)]],\n"
      "  threadgroup int *t [[threadgroup(0)]]\n"
      "                     [[function_constant(has_mask)]]) {\n"
      "  x[0] = 5;\n"
      "  if (has_mask) { t[0] = mask[0]; x[0] += t[0]; }\n}\n", &error);
  if (!library) fail_msg("%s", message_of(error));
  assert_null(
      SEND(id, id)(library, NAME("newFunctionWithName:"), text("k")));
  for (sm_bool has = 0; has < 2; has++) {
    id values = make("MTLFunctionConstantValues");
    SEND(void, const void *, NSUInteger, NSUInteger)(
        values, NAME("setConstantValue:type:atIndex:"), &has, 53, 3);
    id function = specialised(library, values, &error);
    if (!function) fail_msg("%s", message_of(error));
    id all = SEND(id)(function, NAME("functionConstantsDictionary"));
    id info = SEND(id, id)(all, NAME("objectForKey:"), text("has_mask"));
    assert_true(SEND(sm_bool)(info, NAME("required")));
    id pipeline = plain_pipeline(m, function), encoder;
    id x = buffer_of(m->device, 64), buffer = begin(m, &encoder);
    set_pipeline(encoder, pipeline);
    set_buffer(encoder, x, 0, 0);
    dispatch(encoder, 1, 1);
    if (has)
      expect_failure(buffer, encoder, 9, "no buffer is set at index 1");
    else
      assert_int_equal(finish(buffer, encoder), 4);
    assert_int_equal(*(int *)contents(x), has ? 0 : 5);
    int mask = 37;
    buffer = begin(m, &encoder);
    set_pipeline(encoder, pipeline);
    set_buffer(encoder, x, 0, 0);
    set_bytes(encoder, &mask, 4, 1);
    SEND(void, NSUInteger, NSUInteger)(
        encoder, NAME("setThreadgroupMemoryLength:atIndex:"), 16, 0);
    dispatch(encoder, 1, 1);
    assert_int_equal(finish(buffer, encoder), 4);
    assert_int_equal(*(int *)contents(x), has ? 42 : 5);
    objc_release(x);
    objc_release(pipeline);
    objc_release(function);
    objc_release(values);
  }
  objc_release(library);
}

/* ---- pipelines ------------------------------------------------------------------ */

static void descriptors_limit_require_and_label(void **state) {
  const metal *m = *state;
  id function = function_of(m->device, fill_source, "k"), error = NULL;
  id d = make("MTLComputePipelineDescriptor");
  SEND(void, id)(d, NAME("setComputeFunction:"), function);
  SEND(void, id)(d, NAME("setLabel:"), text("mine"));
  SEND(void, NSUInteger)(d, NAME("setMaxTotalThreadsPerThreadgroup:"), 512);
  SEND(void, MTLSize)(d, NAME("setRequiredThreadsPerThreadgroup:"),
                      (MTLSize){32, 2, 1});
  id pipeline = pipeline_with(m, d, 0, &error);
  assert_string_equal(chars(SEND(id)(pipeline, NAME("label"))), "mine");
  assert_int_equal(SEND_SIZE(pipeline,
                       NAME("requiredThreadsPerThreadgroup")).height, 2);
  id x = buffer_of(m->device, 4096), encoder, buffer = begin(m, &encoder);
  set_pipeline(encoder, pipeline);
  set_buffer(encoder, x, 0, 0);
  dispatch(encoder, 64, 64);
  expect_failure(buffer, encoder, 9, "requires threadgroups of 32x2x1");
  objc_release(x);
  objc_release(pipeline);
  SEND(void, sm_bool)(d, NAME("setSupportIndirectCommandBuffers:"), 1);
  assert_null(pipeline_with(m, d, 0, &error));
  assert_non_null(strstr(message_of(error), "indirect command buffers"));
  objc_release(d);
  objc_release(function);
}

/* ---- binary archives --------------------------------------------------------------- */

static id url_of(const char *path) {
  return SEND(id, id)(CLASS("NSURL"), NAME("fileURLWithPath:"), text(path));
}
static id open_archive(const metal *m, const char *path, id *error) {
  id d = make("MTLBinaryArchiveDescriptor");
  if (path) SEND(void, id)(d, NAME("setUrl:"), url_of(path));
  id archive = SEND(id, id, id *)(
      m->device, NAME("newBinaryArchiveWithDescriptor:error:"), d, error);
  objc_release(d);
  return archive;
}
static id descriptor_with(id function, id archive) {
  id d = make("MTLComputePipelineDescriptor");
  SEND(void, id)(d, NAME("setComputeFunction:"), function);
  if (archive)
    SEND(void, id)(d, NAME("setBinaryArchives:"),
                   SEND(id, id)(CLASS("NSArray"), NAME("arrayWithObject:"),
                                archive));
  return d;
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Makes the pipeline from the archive at path only. 0: it works, and how
 * long its making took. */
static int use_archive(const metal *m, const char *path, double *ms) {
  id error = NULL, archive = open_archive(m, path, &error);
  if (!archive) return 1;
  id function = function_of(m->device, fill_source, "k");
  id d = descriptor_with(function, archive);
  double begun = now_ms();
  id pipeline = pipeline_with(m, d, 4, &error);
  *ms = now_ms() - begun;
  int result = !pipeline ? 2 : first_int(m, pipeline) != 7 ? 3 : 0;
  objc_release(pipeline);
  objc_release(d);
  objc_release(function);
  objc_release(archive);
  return result;
}

static char archive_path[64];

static void an_archive_serves_another_process(void **state) {
  const metal *m = *state;
  setenv("SOFTMETAL_CACHE", "0", 1); /* the archive alone */
  id error = NULL, archive = open_archive(m, NULL, &error);
  id function = function_of(m->device, fill_source, "k");
  id d = descriptor_with(function, archive);
  assert_null(pipeline_with(m, d, 4, &error)); /* a miss is an error */
  assert_non_null(strstr(message_of(error), "no binary archive"));
  if (!SEND(sm_bool, id, id *)(archive,
          NAME("addComputePipelineFunctionsWithDescriptor:error:"), d,
          &error))
    fail_msg("%s", message_of(error));
  id pipeline = pipeline_with(m, d, 4, &error);
  assert_non_null(pipeline);
  objc_release(pipeline);
  snprintf(archive_path, sizeof archive_path, "/tmp/softmetal-%ld.archive",
           (long)getpid());
  assert_true(SEND(sm_bool, id, id *)(archive,
      NAME("serializeToURL:error:"), url_of(archive_path), &error));
  objc_release(d);
  objc_release(function);
  objc_release(archive);
  double ms = 0;
  assert_int_equal(use_archive(m, archive_path, &ms), 0);
  char command[256];
  snprintf(command, sizeof command,
           "TEST_ARCHIVE=%s /proc/%ld/exe >/dev/null", archive_path,
           (long)getpid());
  int status = system(command);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  unsetenv("SOFTMETAL_CACHE");
}

/* Code of one level is not taken for code of another. */
static void an_archive_knows_how_its_code_was_made(void **state) {
  double ms;
  setenv("SOFTMETAL_CODEGEN", "0", 1);
  assert_int_equal(use_archive(*state, archive_path, &ms), 2);
  setenv("SOFTMETAL_CODEGEN", "1", 1); /* the default, said */
  assert_int_equal(use_archive(*state, archive_path, &ms), 0);
  unsetenv("SOFTMETAL_CODEGEN");
}

/* The best of ten, since the machine may be busy. */
static void a_pipeline_from_an_archive_takes_under_a_millisecond(void **s) {
  double best = 1e9;
  for (int i = 0; i < 10; i++) {
    double ms = 1e9;
    assert_int_equal(use_archive(*s, archive_path, &ms), 0);
    if (ms < best) best = ms;
  }
  if (best > 1) fail_msg("%.3f ms", best);
}

static void bad_archives_are_errors(void **state) {
  const metal *m = *state;
  id error = NULL;
  assert_null(open_archive(m, "/nonexistent/archive", &error));
  assert_int_equal(code_of(error), 1);
  FILE *file = fopen(archive_path, "rb");
  assert_non_null(file);
  static char data[1 << 20];
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  char bad[80];
  snprintf(bad, sizeof bad, "%s.bad", archive_path);
  size_t cuts[] = {0, 7, 31, 32, 40, size / 2, size - 1, size};
  for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
    file = fopen(bad, "wb");
    if (cuts[i] == size) data[size / 3] ^= 1; /* whole, but one bit */
    fwrite(data, 1, cuts[i], file);
    fclose(file);
    error = NULL;
    assert_null(open_archive(m, bad, &error));
    assert_int_equal(code_of(error), 1);
  }
  unlink(bad);
  unlink(archive_path);
}

static void all_of_this_leaves_no_object_alive(void **state) {
  (void)state;
  assert_int_equal(settled_live_objects(0), 0);
}

/* Neither compiling nor linking: then LLVM is not even opened. */
static bool has_llvm(void) {
  char line[512];
  bool found = false;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps))
    if (strstr(line, "libLLVM")) found = true;
  if (maps) fclose(maps);
  return found;
}

/* The child of an_archive_serves_another_process. */
static int child(const char *path) {
  void *state = NULL;
  double ms;
  metal_open(&state);
  int result = use_archive(state, path, &ms);
  metal_close(&state);
#if defined(__x86_64__)
  if (!result && has_llvm()) result = 4;
#else
  (void)has_llvm;
#endif
  return result;
}

int main(void) {
  const char *path = getenv("TEST_ARCHIVE");
  if (path) return child(path);
  const struct CMUnitTest tests[] = {
      WITH_METAL(macros_come_from_the_options),
      WITH_METAL(warnings_set_an_error_beside_a_valid_library),
      WITH_METAL(functions_that_may_not_return_a_value_are_warned_of),
      WITH_METAL(what_cannot_be_met_is_unsupported),
      WITH_METAL(threads_of_the_options_limit_the_pipeline),
      WITH_METAL(libraries_compile_in_the_background),
      WITH_METAL(binary_and_dynamic_libraries_are_refused_with_a_reason),
      WITH_METAL(constants_are_set_by_index_name_and_range),
      WITH_METAL(missing_and_mistyped_constants_are_errors),
      WITH_METAL(optional_arguments_are_there_when_their_constant_is),
      WITH_METAL(descriptors_limit_require_and_label),
      WITH_METAL(an_archive_serves_another_process),
      WITH_METAL(an_archive_knows_how_its_code_was_made),
      WITH_METAL(a_pipeline_from_an_archive_takes_under_a_millisecond),
      WITH_METAL(bad_archives_are_errors),
      cmocka_unit_test(all_of_this_leaves_no_object_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
