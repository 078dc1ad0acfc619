/* SPDX-License-Identifier: MIT */
/* test_settings.c - the layers of settings: options over environment over
 * ~/.triton/metal_config.json over defaults. */
#define _GNU_SOURCE
#include "../runtime/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char home[64];

static const char *const variables[] = {
    "TRITON_METAL_CACHE_DIR", "TRITON_METAL_CACHE",
    "TRITON_METAL_DEBUG",     "TRITON_METAL_FORCE_SYNC",
    "TRITON_METAL_DEVICE",    "TRITON_METAL_DISABLE_AUTOTUNING",
    "TRITON_METAL_CHIP",      "TRITON_METAL_LAYOUT_SEED"};

static int begin(void **state) {
  (void)state;
  for (size_t i = 0; i < TM_COUNT(variables); i++) unsetenv(variables[i]);
  strcpy(home, "/tmp/tm-home-XXXXXX");
  if (!mkdtemp(home)) return -1;
  return setenv("HOME", home, 1);
}

static int end(void **state) {
  (void)state;
  char command[100];
  for (size_t i = 0; i < TM_COUNT(variables); i++) unsetenv(variables[i]);
  snprintf(command, sizeof command, "rm -rf %s", home);
  return system(command);
}

static void write_config(const char *text, size_t n) {
  char path[160];
  snprintf(path, sizeof path, "%s/.triton", home);
  mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/.triton/metal_config.json", home);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, n, file), n);
  fclose(file);
}

static tmi_settings read_all(const tm_context_options *options) {
  tmi_settings s;
  tm_error *error = NULL;
  if (tmi_settings_read(&s, options, &error))
    fail_msg("%s", tm_error_text(error));
  return s;
}

static tmi_settings with_config(const char *text) {
  write_config(text, strlen(text));
  return read_all(NULL);
}

static void assert_warns(const tmi_settings *s, const char *part) {
  if (!s->warnings || !strstr(s->warnings, part))
    fail_msg("no warning has '%s': %s", part,
             s->warnings ? s->warnings : "there are none");
}

static void defaults_need_no_files(void **state) {
  tmi_settings s = read_all(NULL);
  char expected[160];
  snprintf(expected, sizeof expected, "%s/.triton/metal_cache/kernels.db",
           home);
  assert_string_equal(s.cache_path, expected);
  assert_int_equal(s.cache_limit, 512u << 20);
  assert_null(s.device);
  assert_null(s.chip);
  assert_false(s.force_sync);
  assert_true(s.auto_tuning);
  assert_int_equal(s.debug_level, 0);
  assert_int_equal(s.threadgroup_size, 128);
  assert_int_equal(s.max_threadgroup_bytes, 0);
  assert_int_equal(s.optimization_level, 2);
  assert_null(s.warnings);
  tmi_settings_free(&s);
}

static void the_file_sets_every_key(void **state) {
  tmi_settings s = with_config(
      "{\"cache_dir\": \"/c\", \"cache_limit\": 1000, \"device\": \"M3\",\n"
      " \"chip\": \"m2-max\", \"debug_level\": 2, \"auto_tuning\": false,\n"
      " \"preferred_threadgroup_size\": 256, \"max_shared_memory\": 16384,\n"
      " \"optimization_level\": 1}");
  assert_null(s.warnings);
  assert_string_equal(s.cache_path, "/c/kernels.db");
  assert_int_equal(s.cache_limit, 1000);
  assert_string_equal(s.device, "M3");
  assert_string_equal(s.chip, "m2-max");
  assert_int_equal(s.debug_level, 2);
  assert_false(s.auto_tuning);
  assert_int_equal(s.threadgroup_size, 256);
  assert_int_equal(s.max_threadgroup_bytes, 16384);
  assert_int_equal(s.optimization_level, 1);
  tmi_settings_free(&s);
}

static void environment_is_stronger_than_the_file(void **state) {
  setenv("TRITON_METAL_CACHE_DIR", "/e", 1);
  setenv("TRITON_METAL_DEVICE", "M1", 1);
  setenv("TRITON_METAL_CHIP", "m4", 1);
  setenv("TRITON_METAL_DEBUG", "3", 1);
  setenv("TRITON_METAL_FORCE_SYNC", "1", 1);
  setenv("TRITON_METAL_DISABLE_AUTOTUNING", "0", 1);
  tmi_settings s = with_config(
      "{\"cache_dir\": \"/c\", \"device\": \"M3\", \"chip\": \"m2\","
      "\"debug_level\": 1, \"auto_tuning\": false}");
  assert_string_equal(s.cache_path, "/e/kernels.db");
  assert_string_equal(s.device, "M1");
  assert_string_equal(s.chip, "m4");
  assert_int_equal(s.debug_level, 3);
  assert_true(s.force_sync);
  assert_true(s.auto_tuning);
  tmi_settings_free(&s);
}

static void options_are_stronger_than_the_environment(void **state) {
  setenv("TRITON_METAL_CACHE_DIR", "/e", 1);
  setenv("TRITON_METAL_CHIP", "m4", 1);
  setenv("TRITON_METAL_DEBUG", "3", 1);
  setenv("TRITON_METAL_FORCE_SYNC", "1", 1);
  setenv("TRITON_METAL_DISABLE_AUTOTUNING", "1", 1);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache_dir = "/o";
  o.chip = "m5";
  o.debug_level = 1;
  o.force_sync = TM_SWITCH_OFF;
  o.auto_tuning = TM_SWITCH_ON;
  o.threadgroup_size = 512;
  tmi_settings s = read_all(&o);
  assert_string_equal(s.cache_path, "/o/kernels.db");
  assert_string_equal(s.chip, "m5");
  assert_int_equal(s.debug_level, 1);
  assert_false(s.force_sync);
  assert_true(s.auto_tuning);
  assert_int_equal(s.threadgroup_size, 512);
  tmi_settings_free(&s);
}

static void the_cache_can_be_switched_off(void **state) {
  setenv("TRITON_METAL_CACHE", "0", 1);
  tmi_settings s = read_all(NULL);
  assert_null(s.cache_path);
  tmi_settings_free(&s);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_ON;
  s = read_all(&o);
  assert_non_null(s.cache_path);
  tmi_settings_free(&s);
}

static void a_tilde_in_the_folder_is_home(void **state) {
  tmi_settings s = with_config("{\"cache_dir\": \"~/x\"}");
  char expected[160];
  snprintf(expected, sizeof expected, "%s/x/kernels.db", home);
  assert_string_equal(s.cache_path, expected);
  tmi_settings_free(&s);
}

static void unknown_keys_are_warnings_with_their_line(void **state) {
  tmi_settings s = with_config("{\n  \"debug_level\": 1,\n  \"colour\": 3\n}");
  assert_int_equal(s.debug_level, 1);
  assert_warns(&s, "metal_config.json:3: unknown key \"colour\"");
  tmi_settings_free(&s);
}

static void wrong_values_are_warnings_and_change_nothing(void **state) {
  tmi_settings s = with_config(
      "{\"debug_level\": \"loud\", \"preferred_threadgroup_size\": 100,\n"
      " \"max_shared_memory\": -1, \"optimization_level\": 1.5,\n"
      " \"cache_limit\": 1e300, \"chip\": \"m99\", \"auto_tuning\": 1,\n"
      " \"cache_dir\": [], \"device\": null}");
  assert_warns(&s, "debug_level");
  assert_warns(&s, "preferred_threadgroup_size");
  assert_warns(&s, "max_shared_memory");
  assert_warns(&s, "optimization_level");
  assert_warns(&s, "cache_limit");
  assert_warns(&s, "chip");
  assert_warns(&s, "auto_tuning");
  assert_warns(&s, "cache_dir");
  assert_warns(&s, "device");
  assert_int_equal(s.debug_level, 0);
  assert_int_equal(s.threadgroup_size, 128);
  assert_int_equal(s.max_threadgroup_bytes, 0);
  assert_int_equal(s.optimization_level, 2);
  assert_int_equal(s.cache_limit, 512u << 20);
  assert_null(s.chip);
  assert_true(s.auto_tuning);
  tmi_settings_free(&s);
}

static void wrong_variables_are_warnings(void **state) {
  setenv("TRITON_METAL_DEBUG", "loud", 1);
  setenv("TRITON_METAL_FORCE_SYNC", "maybe", 1);
  setenv("TRITON_METAL_CHIP", "m99", 1);
  tmi_settings s = read_all(NULL);
  assert_warns(&s, "TRITON_METAL_DEBUG=loud");
  assert_warns(&s, "TRITON_METAL_FORCE_SYNC=maybe");
  assert_warns(&s, "TRITON_METAL_CHIP=m99");
  assert_int_equal(s.debug_level, 0);
  assert_false(s.force_sync);
  tmi_settings_free(&s);
}

static void a_broken_file_is_a_warning(void **state) {
  static const char *const texts[] = {
      "{\"debug_level\": 1", "[1, 2]", "", "nonsense", "{} trailing",
      "{\"a\":{\"b\":[[[[[[[[", "\xff\xfe\x00"};
  for (size_t i = 0; i < TM_COUNT(texts); i++) {
    tmi_settings s = with_config(texts[i]);
    assert_non_null(s.warnings);
    assert_int_equal(s.debug_level, 0);
    tmi_settings_free(&s);
  }
}

static void deep_nesting_in_the_file_is_survived(void **state) {
  size_t n = 300000;
  char *text = malloc(n);
  memset(text, '[', n);
  write_config(text, n);
  free(text);
  tmi_settings s = read_all(NULL);
  assert_non_null(s.warnings);
  tmi_settings_free(&s);
}

static void control_bytes_do_not_reach_a_terminal(void **state) {
  tmi_settings s = with_config("{\"a\\u001b[2Jb\": 1}");
  assert_warns(&s, "unknown key");
  assert_null(strchr(s.warnings, 0x1b));
  tmi_settings_free(&s);
}

static void without_a_home_there_is_neither_file_nor_cache(void **state) {
  unsetenv("HOME");
  tmi_settings s = read_all(NULL);
  assert_null(s.config_path);
  assert_null(s.cache_path);
  tmi_settings_free(&s);
  setenv("HOME", home, 1);
}

static void refuse(tm_context_options o, const char *part) {
  tmi_settings s;
  tm_error *error = NULL;
  assert_int_equal(tmi_settings_read(&s, &o, &error), TM_E_ARGUMENT);
  if (!strstr(tm_error_message(error), part))
    fail_msg("'%s' does not have '%s'", tm_error_message(error), part);
  tm_error_destroy(error);
}

static void wrong_options_are_errors(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.threadgroup_size = 100;
  refuse(o, "threadgroup_size");
  o.threadgroup_size = 2048;
  refuse(o, "threadgroup_size");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.chip = "m99";
  refuse(o, "m99");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.debug_level = 4;
  refuse(o, "debug_level");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.optimization_level = 3;
  refuse(o, "optimization_level");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.max_threadgroup_bytes = 32769;
  refuse(o, "max_threadgroup_bytes");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.cache = (tm_switch)7;
  refuse(o, "switch");
  o = (tm_context_options)TM_CONTEXT_OPTIONS_INIT;
  o.struct_size = 8;
  refuse(o, "struct_size");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(defaults_need_no_files),
      TEST(the_file_sets_every_key),
      TEST(environment_is_stronger_than_the_file),
      TEST(options_are_stronger_than_the_environment),
      TEST(the_cache_can_be_switched_off),
      TEST(a_tilde_in_the_folder_is_home),
      TEST(unknown_keys_are_warnings_with_their_line),
      TEST(wrong_values_are_warnings_and_change_nothing),
      TEST(wrong_variables_are_warnings),
      TEST(a_broken_file_is_a_warning),
      TEST(deep_nesting_in_the_file_is_survived),
      TEST(control_bytes_do_not_reach_a_terminal),
      TEST(without_a_home_there_is_neither_file_nor_cache),
      TEST(wrong_options_are_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
