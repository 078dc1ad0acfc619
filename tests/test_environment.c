/* SPDX-License-Identifier: MIT */
/* test_environment.c - the compatibility check on several chips and systems,
 * and where something is missing. Every system is a process of its own, since
 * Metal is loaded once. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tritonmetal.h>
#include <unistd.h>

static char home[64];

static int begin(void **state) {
  strcpy(home, "/tmp/tm-home-XXXXXX");
  return mkdtemp(home) ? setenv("HOME", home, 1) : -1;
}

static int end(void **state) {
  char command[200];
  snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", home, home);
  return system(command);
}

/* Runs `tritonmetal info --json` with these variables ("A=1 B=2"). */
static cJSON *info(const char *variables, int *status) {
  static char text[1 << 16];
  char command[1024];
  const char *build = getenv("BUILD");
  snprintf(command, sizeof command, "%s %s/tritonmetal info --json",
           variables, build ? build : "build");
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  text[fread(text, 1, sizeof text - 1, pipe)] = 0;
  int ended = pclose(pipe); /* Darwin's macro takes its address */
  *status = WEXITSTATUS(ended);
  const char *rest = NULL;
  cJSON *root = cJSON_ParseWithOpts(text, &rest, 1);
  if (!root) fail_msg("no JSON at '%.40s' of: %s", rest, text);
  return root;
}

static const cJSON *field(const cJSON *root, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);
  if (!item) fail_msg("the check has no '%s'", name);
  return item;
}

static double number(const cJSON *root, const char *name) {
  const cJSON *item = field(root, name);
  if (!cJSON_IsNumber(item)) fail_msg("'%s' is no number", name);
  return item->valuedouble;
}

/* "" for null. */
static const char *text(const cJSON *root, const char *name) {
  const cJSON *item = field(root, name);
  if (cJSON_IsNull(item)) return "";
  if (!cJSON_IsString(item)) fail_msg("'%s' is no text", name);
  return item->valuestring;
}

static bool truth(const cJSON *root, const char *name) {
  const cJSON *item = field(root, name);
  if (!cJSON_IsBool(item)) fail_msg("'%s' is no truth value", name);
  return cJSON_IsTrue(item);
}

/* How many lines of the list have the part. */
static int lines_with(const cJSON *root, const char *list, const char *part) {
  const cJSON *item;
  int n = 0;
  cJSON_ArrayForEach(item, field(root, list)) {
    if (!cJSON_IsString(item)) fail_msg("a line of '%s' is no text", list);
    n += strstr(item->valuestring, part) != NULL;
  }
  return n;
}

/* ---- chips -------------------------------------------------------------- */

/* Apple's names, families (feature set tables) and largest core counts. */
static const struct chip {
  const char *key, *device, *variant, *architecture;
  int generation, family, cores;
  bool stages;
} chips[] = {
    {"m1", "Apple M1", "base", "applegpu_g13g", 1, 7, 8, true},
    {"m1-ultra", "Apple M1 Ultra", "ultra", "applegpu_g13d", 1, 7, 64, true},
    {"m2-pro", "Apple M2 Pro", "pro", "applegpu_g14s", 2, 8, 19, true},
    {"m3-max", "Apple M3 Max", "max", "applegpu_g15s", 3, 9, 40, false},
    {"m4", "Apple M4", "base", "applegpu_g16g", 4, 9, 10, false},
    {"m5-max", "Apple M5 Max", "max", "applegpu_g17s", 5, 10, 40, false},
};

static void every_chip_is_told_by_name(void **state) {
  for (size_t i = 0; i < sizeof chips / sizeof *chips; i++) {
    const struct chip *c = &chips[i];
    char variables[64];
    int status;
    snprintf(variables, sizeof variables, "SOFTMETAL_CHIP=%s", c->key);
    cJSON *root = info(variables, &status);
    assert_int_equal(status, 0);
    assert_true(truth(root, "has_device"));
    assert_true(truth(root, "compiles"));
    assert_false(truth(root, "is_apple"));
    assert_string_equal(text(root, "device"), c->device);
    assert_string_equal(text(root, "chip"), c->key);
    assert_string_equal(text(root, "variant"), c->variant);
    assert_string_equal(text(root, "architecture"), c->architecture);
    assert_int_equal(number(root, "generation"), c->generation);
    assert_int_equal(number(root, "family"), c->family);
    assert_int_equal(number(root, "gpu_cores"), c->cores);
    assert_true(truth(root, "gpu_cores_is_upper_bound"));
    assert_int_equal(lines_with(root, "optimizations", "staged"), c->stages);
    assert_int_equal(lines_with(root, "optimizations", "straight from device"),
                     !c->stages);
    assert_int_equal(lines_with(root, "optimizations", "64-bit atomic"),
                     c->family >= 8);
    assert_int_equal(lines_with(root, "missing", ""), 0);
    cJSON_Delete(root);
  }
}

/* ---- systems ------------------------------------------------------------ */

/* Newest MSL by macOS: METAL-FACTS 2.6; Metal 4 came with macOS 26. */
static void every_macos_has_its_metal(void **state) {
  static const struct {
    const char *macos, *version, *msl;
    int metal, missing, launches;
  } rows[] = {{"13", "13.", "3.0", 3, 2, true},
              {"14", "14.", "3.1", 3, 1, true},
              {"15", "15.", "3.2", 3, 0, true},
              {"26", "26.", "4.0", 4, 0, true}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char variables[64];
    int status;
    snprintf(variables, sizeof variables, "SOFTMETAL_MACOS=%s",
             rows[i].macos);
    cJSON *root = info(variables, &status);
    assert_int_equal(status, rows[i].launches ? 0 : 1);
    assert_int_equal(truth(root, "compiles"), rows[i].launches);
    assert_memory_equal(text(root, "macos"), rows[i].version, 3);
    assert_string_equal(text(root, "language_version"), rows[i].msl);
    assert_int_equal(number(root, "metal"), rows[i].metal);
    assert_int_equal(lines_with(root, "missing", "update macOS"),
                     rows[i].missing);
    /* Its name for the GPU came with macOS 14. */
    assert_int_equal(*text(root, "architecture") != 0,
                     strcmp(rows[i].macos, "14") >= 0);
    cJSON_Delete(root);
  }
}

static void memory_is_the_machine_s(void **state) {
  int status;
  cJSON *root = info("", &status);
  double bytes = (double)sysconf(_SC_PHYS_PAGES) *
                 (double)sysconf(_SC_PAGESIZE);
  assert_true(number(root, "memory") == bytes);
  assert_true(number(root, "max_buffer") > 0);
  assert_int_equal(number(root, "max_threads"), 1024);
  assert_int_equal(number(root, "threadgroup_bytes"), 32768);
  cJSON_Delete(root);
}

/* ---- what is missing ---------------------------------------------------- */

static void a_missing_metal_says_what_to_install(void **state) {
  int status;
  cJSON *root =
      info("TRITON_METAL_SOFTMETAL=/nowhere/libsoftmetal.so", &status);
  assert_int_equal(status, 1);
  assert_false(truth(root, "has_device"));
  assert_false(truth(root, "compiles"));
  assert_string_equal(text(root, "device"), "");
  assert_int_equal(number(root, "gpu_cores"), 0);
  assert_int_equal(lines_with(root, "optimizations", ""), 0);
  assert_int_equal(lines_with(root, "missing", "/nowhere/libsoftmetal.so"), 1);
  assert_int_equal(lines_with(root, "missing", "not launched"), 1);
  cJSON_Delete(root);
}

/* A device opens without its compiler. */
static void a_missing_compiler_is_found(void **state) {
  int status;
  cJSON *root = info("SOFTMETAL_FAULT=library:1+", &status);
  assert_int_equal(status, 1);
  assert_true(truth(root, "has_device"));
  assert_false(truth(root, "compiles"));
  assert_int_equal(lines_with(root, "missing", "a Metal that compiles: "), 1);
  cJSON_Delete(root);
}

static void a_device_that_is_not_there_is_named_with_those_that_are(
    void **state) {
  int status;
  cJSON *root = info("TRITON_METAL_DEVICE=Radeon", &status);
  assert_int_equal(status, 1);
  assert_int_equal(lines_with(root, "missing", "Radeon"), 1);
  assert_int_equal(lines_with(root, "missing", "Apple M1"), 1);
  cJSON_Delete(root);
}

static void a_cache_that_cannot_be_used_is_missing(void **state) {
  char path[200], variables[300];
  int status;
  snprintf(path, sizeof path, "%s/file", home);
  fclose(fopen(path, "w"));
  snprintf(variables, sizeof variables, "TRITON_METAL_CACHE_DIR=%s/below",
           path);
  cJSON *root = info(variables, &status);
  assert_int_equal(status, 0); /* kernels can be launched all the same */
  assert_false(truth(field(root, "cache"), "usable"));
  assert_int_equal(lines_with(root, "missing", "TRITON_METAL_CACHE_DIR"), 1);
  cJSON_Delete(root);
  root = info("TRITON_METAL_CACHE=0", &status); /* as it was wanted */
  assert_string_equal(text(root, "cache_path"), "");
  assert_int_equal(lines_with(root, "missing", ""), 0);
  cJSON_Delete(root);
}

/* ---- settings, text, the structure -------------------------------------- */

static void settings_and_their_warnings_are_shown(void **state) {
  int status;
  cJSON *root = info("TRITON_METAL_DEBUG=loud TRITON_METAL_FORCE_SYNC=1 "
                     "TRITON_METAL_DUMP_DIR='/a\"b' TRITON_METAL_CHIP=m0 "
                     "TRITON_METAL_ARCHIVES=1",
                     &status);
  const cJSON *settings = field(root, "settings");
  assert_true(truth(settings, "force_sync"));
  assert_true(truth(settings, "archives"));
  assert_string_equal(text(settings, "dump_dir"), "/a\"b");
  assert_int_equal(number(settings, "threadgroup_size"), 0);
  assert_int_equal(cJSON_GetArraySize(field(root, "warnings")), 2);
  assert_int_equal(lines_with(root, "warnings", "TRITON_METAL_DEBUG=loud"), 1);
  assert_int_equal(lines_with(root, "warnings", "TRITON_METAL_CHIP=m0"), 1);
  cJSON_Delete(root);
}

static void text_says_the_same(void **state) {
  static char out[1 << 16];
  char command[300];
  const char *build = getenv("BUILD");
  snprintf(command, sizeof command,
           "SOFTMETAL_CHIP=m3-max SOFTMETAL_MACOS=14 %s/tritonmetal info",
           build ? build : "build");
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  out[fread(out, 1, sizeof out - 1, pipe)] = 0;
  int ended = pclose(pipe);
  assert_int_equal(WEXITSTATUS(ended), 0);
  static const char *const parts[] = {
      "device          Apple M3 Max\n", "Metal 3 (", "macOS           14.",
      "chip            m3-max, Apple9, M3 max, applegpu_g15s\n",
      "GPU cores       up to 40 ", "newest MSL      3.1\n",
      "threadgroup     1024 threads, 32768 bytes\n", "GB working set\n",
      "kernels.db", "done for this chip\n  - ",
      "missing\n  - MSL 3.2, which comes with macOS 15"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(out, parts[i]))
      fail_msg("'%s' is not in:\n%s", parts[i], out);
}

static void the_structure_has_what_the_json_has(void **state) {
  tm_context *context;
  tm_error *error = NULL;
  tm_environment_facts f = {.struct_size = sizeof f}, old;
  assert_int_equal(tm_context_create(&context, NULL, &error), TM_OK);
  assert_int_equal(tm_environment(context, &f, &error), TM_OK);
  cJSON *root = cJSON_Parse(f.json);
  assert_non_null(root);
  assert_string_equal(text(root, "device"), f.device);
  assert_string_equal(text(root, "variant"), f.variant);
  assert_string_equal(text(root, "macos"), f.macos);
  assert_int_equal(number(root, "generation"), f.generation);
  assert_int_equal(number(root, "gpu_cores"), f.gpu_cores);
  assert_true(number(root, "memory") == (double)f.memory);
  assert_int_equal(cJSON_GetArraySize(field(root, "missing")), f.n_missing);
  assert_int_equal(cJSON_GetArraySize(field(root, "optimizations")),
                   f.n_optimizations);
  for (size_t i = 0; i < f.n_optimizations; i++)
    assert_non_null(strstr(f.report, f.optimizations[i]));
  cJSON_Delete(root);
  /* The first version's structure is filled, and nothing behind it. */
  memset(&old, 0x55, sizeof old);
  old.struct_size = offsetof(tm_environment_facts, generation);
  assert_int_equal(tm_environment(context, &old, &error), TM_OK);
  assert_string_equal(old.device, f.device);
  assert_int_equal(old.generation, 0x55555555);
  tm_context_destroy(context);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_chip_is_told_by_name),
      TEST(every_macos_has_its_metal),
      TEST(memory_is_the_machine_s),
      TEST(a_missing_metal_says_what_to_install),
      TEST(a_missing_compiler_is_found),
      TEST(a_device_that_is_not_there_is_named_with_those_that_are),
      TEST(a_cache_that_cannot_be_used_is_missing),
      TEST(settings_and_their_warnings_are_shown),
      TEST(text_says_the_same),
      TEST(the_structure_has_what_the_json_has),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
