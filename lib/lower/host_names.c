/* SPDX-License-Identifier: MIT */
/*
 * host_names.c - what module code asks about the machine that imports it.
 *
 * A file chooses its helpers at import by Triton's version, by the vendor of
 * the GPU and by environment variables. What is compiled must not depend on
 * the machine that compiles, so each question has one answer: the dialect of
 * Triton that is followed, Apple's GPU (no CUDA, no ROCm) and an empty
 * environment. lib/host answers decorators in the same way.
 */
#include "value.h"

/* ---- versions ------------------------------------------------------------- */

enum { PARTS = 3, MOST_DIGITS = 9 };
static const char *const part_names[PARTS] = {"major", "minor", "micro"};

/* A part's number, and whether text goes on with another part. */
static bool read_part(tm_str text, size_t *at, int64_t *number) {
  size_t from = *at;
  *number = 0;
  while (*at < text.len && *at - from < MOST_DIGITS &&
         text.ptr[*at] >= '0' && text.ptr[*at] <= '9')
    *number = *number * 10 + (text.ptr[(*at)++] - '0');
  return *at > from;
}

/* "3.6.0", "3.6" and "3.6.0+git" but not "3.6rc1", which is before 3.6. */
static bool read_release(tm_str text, int64_t parts[PARTS]) {
  size_t at = 0;
  int n = 0;
  do {
    if (n == PARTS || !read_part(text, &at, &parts[n++])) return false;
  } while (at < text.len && text.ptr[at] == '.' && at++ < text.len);
  while (n < PARTS) parts[n++] = 0;
  return at == text.len || text.ptr[at] == '+';
}

/* packaging.version.parse(text): parts that compare as tuples do. */
static tm_lv fn_version(tm_low *l, const tm_builtin_call *c) {
  tm_lv text = c->args[0];
  int64_t parts[PARTS];
  if (text->kind == TM_LV_OPAQUE) return tm_low_opaque_use(l, text);
  if (text->kind == TM_LV_TUPLE) return text; /* is a version already */
  if (text->kind != TM_LV_TEXT || !read_release(text->text, parts))
    return tm_low_error(l, "a release is numbers: \"3.6.0\"",
                        "the order of the versions is not known: %s",
                        tm_lv_describe(l, text));
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, PARTS);
  for (int i = 0; i < PARTS; i++) items[i] = tm_lv_int(l, parts[i]);
  return tm_record_of_names(l, part_names, items, PARTS);
}

/* ---- what is installed ------------------------------------------------------ */

/* importlib.util.find_spec(name): something, for Triton. */
static tm_lv fn_find_spec(tm_low *l, const tm_builtin_call *c) {
  tm_lv name = c->args[0];
  if (name->kind == TM_LV_TEXT && tm_str_eq(name->text, TM_STR("triton")))
    return name;
  return tm_lv_opaque(l, "importlib.util.find_spec");
}

tm_lv tm_host_function(tm_low *l, const char *module, const char *name) {
  static const tm_builtin version = {
    .name = "parse", .fn = fn_version, .signature = "version"};
  static const tm_builtin find_spec = {
    .name = "find_spec", .fn = fn_find_spec, .signature = "name, package=None"};
  static const struct {
    const char *module, *name;
    const tm_builtin *row;
  } table[] = {{"packaging.version", "parse", &version},
               {"packaging.version", "Version", &version},
               {"importlib.util", "find_spec", &find_spec}};
  for (size_t i = 0; i < TM_COUNT(table); i++)
    if (!strcmp(table[i].module, module) && !strcmp(table[i].name, name))
      return tm_builtin_bound(l, table[i].row, NULL);
  return NULL;
}

/* ---- the GPU and the environment ------------------------------------------- */

tm_lv tm_host_attribute(const char *dotted) {
  static const char *const absent[] = {
    "torch.version.hip", "torch.version.cuda", "torch.version.xpu"};
  for (size_t i = 0; i < TM_COUNT(absent); i++)
    if (strcmp(dotted, absent[i]) == 0) return TM_NONE_LV;
  return NULL;
}

static tm_lv current_target(tm_low *l) {
  static const char *const names[] = {"backend", "arch", "warp_size"};
  tm_lv *items = TM_NEW_ARRAY(l->arena, tm_lv, TM_COUNT(names));
  items[0] = tm_lv_text(l, "metal", 5);
  items[1] = tm_lv_text(l, "apple", 5);
  items[2] = tm_lv_int(l, 32);
  return tm_record_of_names(l, names, items, TM_COUNT(names));
}

static bool ends_with(tm_str text, const char *end) {
  size_t n = strlen(end);
  return text.len >= n && memcmp(text.ptr + text.len - n, end, n) == 0;
}

tm_lv tm_host_call(tm_low *l, tm_str dotted, const tm_args *args) {
  if (tm_str_eq(dotted, TM_STR("os.environ.get")) ||
      tm_str_eq(dotted, TM_STR("os.getenv")))
    return args->n_items > 1 ? args->items[1] : TM_NONE_LV;
  if (args->n_items || args->n_named) return NULL;
  if (tm_str_eq(dotted, TM_STR("torch.cuda.is_available")) ||
      tm_str_eq(dotted, TM_STR("torch.xpu.is_available")))
    return tm_lv_bool(false);
  if (tm_str_eq(dotted, TM_STR("torch.backends.mps.is_available")))
    return tm_lv_bool(true);
  if (ends_with(dotted, "driver.active.get_current_target"))
    return current_target(l);
  return NULL;
}
