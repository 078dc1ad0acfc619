/* SPDX-License-Identifier: MIT */
/* test_settings.c - the layers of settings: options over environment over
 * ~/.triton/metal_config.json over defaults. What settings do is in
 * test_settings_effects.c. */
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
    "TRITON_METAL_CHIP",      "TRITON_METAL_LAYOUT_SEED",
    "TRITON_METAL_DUMP_DIR",  "TRITON_DEBUG",
    "TRITON_METAL_TENSOR_OPS"};

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
  assert_int_equal(s.threadgroup_size, 0);
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
  assert_int_equal(s.threadgroup_size, 0);
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

/* ---- every setting in every layer --------------------------------------- */

/* What a setting is when a layer gives it. */
typedef struct setting {
  const char *key, *in_file, *bad_in_file; /* JSON; NULL: no such */
  const char *variable, *in_variable, *bad_in_variable;
  void (*give)(tm_context_options *o);
  void (*give_bad)(tm_context_options *o);
  const char *(*show)(const tmi_settings *s);
  const char *by_default, *by_file, *by_variable, *by_options;
} setting;

static const char *number_text(uint64_t n) {
  static char text[32];
  snprintf(text, sizeof text, "%llu", (unsigned long long)n);
  return text;
}
static const char *or_none(const char *text) { return text ? text : "none"; }

/* From behind the home folder. */
static const char *show_cache(const tmi_settings *s) {
  size_t n = strlen(home);
  if (!s->cache_path) return "none";
  return s->cache_path + (strncmp(s->cache_path, home, n) ? 0 : n);
}
static const char *show_limit(const tmi_settings *s) {
  return number_text(s->cache_limit);
}
static const char *show_device(const tmi_settings *s) {
  return or_none(s->device);
}
static const char *show_chip(const tmi_settings *s) {
  return or_none(s->chip);
}
static const char *show_archives(const tmi_settings *s) {
  return number_text(s->archives);
}
static const char *show_tensors(const tmi_settings *s) {
  return number_text(s->tensor_ops);
}
static const char *show_sync(const tmi_settings *s) {
  return number_text(s->force_sync);
}
static const char *show_tuning(const tmi_settings *s) {
  return number_text(s->auto_tuning);
}
static const char *show_level(const tmi_settings *s) {
  return number_text(s->debug_level);
}
static const char *show_threads(const tmi_settings *s) {
  return number_text(s->threadgroup_size);
}
static const char *show_bytes(const tmi_settings *s) {
  return number_text(s->max_threadgroup_bytes);
}
static const char *show_passes(const tmi_settings *s) {
  return number_text(s->optimization_level);
}
static const char *show_debug(const tmi_settings *s) {
  return number_text(s->debug);
}
static const char *show_dump(const tmi_settings *s) {
  return or_none(s->dump_dir);
}

#define GIVE(name, field, value) \
  static void name(tm_context_options *o) { o->field = value; }
GIVE(give_cache_dir, cache_dir, "/o")
GIVE(give_cache, cache, TM_SWITCH_ON)
GIVE(bad_cache, cache, (tm_switch)3)
GIVE(give_limit, cache_limit, 7777)
GIVE(give_device, device, "2")
GIVE(give_chip, chip, "m5")
GIVE(bad_chip, chip, "m99")
GIVE(give_archives, archives, TM_SWITCH_OFF)
GIVE(give_tensors, tensor_ops, TM_SWITCH_OFF)
GIVE(bad_tensors, tensor_ops, (tm_switch)3)
GIVE(bad_archives, archives, (tm_switch)3)
GIVE(give_sync, force_sync, TM_SWITCH_OFF)
GIVE(bad_sync, force_sync, (tm_switch)3)
GIVE(give_tuning, auto_tuning, TM_SWITCH_ON)
GIVE(bad_tuning, auto_tuning, (tm_switch)3)
GIVE(give_level, debug_level, 1)
GIVE(bad_level, debug_level, 4)
GIVE(give_threads, threadgroup_size, 512)
GIVE(bad_threads, threadgroup_size, 96)
GIVE(give_bytes, max_threadgroup_bytes, 1024)
GIVE(bad_bytes, max_threadgroup_bytes, 32769)
GIVE(give_passes, optimization_level, 2)
GIVE(bad_passes, optimization_level, 3)
GIVE(give_debug, debug, TM_SWITCH_OFF)
GIVE(bad_debug, debug, (tm_switch)3)
GIVE(give_dump, dump_dir, "/o")

static const setting settings[] = {
    {"cache_dir", "\"/f\"", "7", "TRITON_METAL_CACHE_DIR", "/e", NULL,
     give_cache_dir, NULL, show_cache, "/.triton/metal_cache/kernels.db",
     "/f/kernels.db", "/e/kernels.db", "/o/kernels.db"},
    {"cache", "false", "0", "TRITON_METAL_CACHE", "0", "never", give_cache,
     bad_cache, show_cache, "/.triton/metal_cache/kernels.db", "none", "none",
     "/.triton/metal_cache/kernels.db"},
    {"cache_limit", "1000", "-1", NULL, NULL, NULL, give_limit, NULL,
     show_limit, "536870912", "1000", NULL, "7777"},
    {"device", "\"M3\"", "3", "TRITON_METAL_DEVICE", "M1", NULL, give_device,
     NULL, show_device, "none", "M3", "M1", "2"},
    {"chip", "\"m2-max\"", "\"m0\"", "TRITON_METAL_CHIP", "m4", "m99",
     give_chip, bad_chip, show_chip, "none", "m2-max", "m4", "m5"},
    {"archives", "true", "1", "TRITON_METAL_ARCHIVES", "1", "2", give_archives,
     bad_archives, show_archives, "0", "1", "1", "0"},
    {"tensor_ops", "true", "1", "TRITON_METAL_TENSOR_OPS", "1", "2",
     give_tensors, bad_tensors, show_tensors, "0", "1", "1", "0"},
    {"force_sync", "true", "1", "TRITON_METAL_FORCE_SYNC", "1", "2", give_sync,
     bad_sync, show_sync, "0", "1", "1", "0"},
    {"auto_tuning", "false", "0", "TRITON_METAL_DISABLE_AUTOTUNING", "1",
     "maybe", give_tuning, bad_tuning, show_tuning, "1", "0", "0", "1"},
    {"debug_level", "2", "4", "TRITON_METAL_DEBUG", "3", "4", give_level,
     bad_level, show_level, "0", "2", "3", "1"},
    {"preferred_threadgroup_size", "256", "100", NULL, NULL, NULL,
     give_threads, bad_threads, show_threads, "0", "256", NULL, "512"},
    {"max_shared_memory", "16384", "65536", NULL, NULL, NULL, give_bytes,
     bad_bytes, show_bytes, "0", "16384", NULL, "1024"},
    {"optimization_level", "1", "0", NULL, NULL, NULL, give_passes, bad_passes,
     show_passes, "2", "1", NULL, "2"},
    {"debug", "true", "\"yes\"", "TRITON_DEBUG", "1", "x", give_debug,
     bad_debug, show_debug, "0", "1", "1", "0"},
    {"dump_dir", "\"~/f\"", "false", "TRITON_METAL_DUMP_DIR", "/e", NULL,
     give_dump, NULL, show_dump, "none", NULL, "/e", "/o"},
};

/* The settings file with one key, on its second line; NULL: an empty one. */
static void write_key(const setting *s, const char *value) {
  char text[200];
  snprintf(text, sizeof text, "{\n\"%s\": %s\n}", s->key, value);
  if (!value) strcpy(text, "{}");
  write_config(text, strlen(text));
}

static void assert_shows(const setting *s, const tm_context_options *options,
                         const char *expected, const char *warning) {
  tmi_settings all = read_all(options);
  char in_home[160];
  if (!expected) { /* "~/f" of dump_dir */
    snprintf(in_home, sizeof in_home, "%s/f", home);
    expected = in_home;
  }
  if (strcmp(s->show(&all), expected) != 0)
    fail_msg("%s is %s, not %s", s->key, s->show(&all), expected);
  if (warning)
    assert_warns(&all, warning);
  else if (all.warnings)
    fail_msg("%s: %s", s->key, all.warnings);
  tmi_settings_free(&all);
}

static void each_layer_is_stronger_than_the_next(void **state) {
  for (size_t i = 0; i < TM_COUNT(settings); i++) {
    const setting *s = &settings[i];
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    write_key(s, NULL);
    assert_shows(s, NULL, s->by_default, NULL);
    write_key(s, s->in_file);
    assert_shows(s, NULL, s->by_file, NULL);
    s->give(&o);
    assert_shows(s, &o, s->by_options, NULL);
    if (!s->variable) continue;
    setenv(s->variable, s->in_variable, 1);
    assert_shows(s, NULL, s->by_variable, NULL);
    assert_shows(s, &o, s->by_options, NULL);
    write_key(s, NULL);
    assert_shows(s, NULL, s->by_variable, NULL);
    unsetenv(s->variable);
  }
}

static void a_bad_value_leaves_the_choice_to_the_next_layer(void **state) {
  for (size_t i = 0; i < TM_COUNT(settings); i++) {
    const setting *s = &settings[i];
    char warning[200];
    snprintf(warning, sizeof warning, "metal_config.json:2: \"%s\"", s->key);
    write_key(s, s->bad_in_file);
    assert_shows(s, NULL, s->by_default, warning);
    if (s->bad_in_variable) {
      write_key(s, s->in_file);
      setenv(s->variable, s->bad_in_variable, 1);
      snprintf(warning, sizeof warning, "%s=%s", s->variable,
               s->bad_in_variable);
      assert_shows(s, NULL, s->by_file, warning);
      unsetenv(s->variable);
    }
    if (s->variable) { /* which an empty variable does, too */
      write_key(s, s->in_file);
      setenv(s->variable, "", 1);
      assert_shows(s, NULL, s->by_file, NULL);
      unsetenv(s->variable);
    }
  }
}

/* Options are the program's own: a bad one is an error, not a warning. */
static void a_bad_option_is_an_error_whatever_other_layers_say(void **state) {
  for (size_t i = 0; i < TM_COUNT(settings); i++) {
    const setting *s = &settings[i];
    if (!s->give_bad) continue;
    tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
    s->give_bad(&o);
    write_key(s, s->in_file);
    if (s->variable) setenv(s->variable, s->in_variable, 1);
    refuse(o, "");
    if (s->variable) unsetenv(s->variable);
  }
}

static void warnings_name_the_line_of_their_key(void **state) {
  tmi_settings s = with_config(
      "{\n"
      "  \"cache_dir\": \"chip\", \"device\": \"a \\\" {\\n\",\n"
      "  \"extra\": {\"chip\": [1,\n 2]},\n"
      "  \"chip\":\n\n 4, \"debug\" : 7 }");
  assert_warns(&s, ":3: unknown key \"extra\"");
  assert_warns(&s, ":5: \"chip\" must be");
  assert_warns(&s, ":7: \"debug\" must be");
  assert_string_equal(s.device, "a \" {\n");
  tmi_settings_free(&s);
}

static void empty_text_switches_dumps_and_the_cache_off(void **state) {
  setenv("TRITON_METAL_DUMP_DIR", "/e", 1);
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.dump_dir = o.cache_dir = "";
  tmi_settings s = read_all(&o);
  assert_null(s.dump_dir);
  assert_null(s.cache_path);
  tmi_settings_free(&s);
}

static void the_first_version_s_options_are_taken(void **state) {
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.struct_size = offsetof(tm_context_options, dump_dir);
  o.dump_dir = "/beyond what is read";
  o.debug_level = 2;
  tmi_settings s = read_all(&o);
  assert_int_equal(s.debug_level, 2);
  assert_null(s.dump_dir);
  tmi_settings_free(&s);
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
      TEST(each_layer_is_stronger_than_the_next),
      TEST(a_bad_value_leaves_the_choice_to_the_next_layer),
      TEST(a_bad_option_is_an_error_whatever_other_layers_say),
      TEST(warnings_name_the_line_of_their_key),
      TEST(empty_text_switches_dumps_and_the_cache_off),
      TEST(the_first_version_s_options_are_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
