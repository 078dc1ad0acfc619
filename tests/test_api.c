/* SPDX-License-Identifier: MIT */
/* test_api.c - the public header as a contract: what is refused and how, the
 * size-first structures, error objects, modules and the builder. Nothing here
 * needs a device. */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char vector_add[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def add(x, y, out, n, BLOCK: tl.constexpr):\n"
    "    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)\n"
    "    mask = i < n\n"
    "    a = tl.load(x + i, mask=mask)\n"
    "    b = tl.load(y + i, mask=mask)\n"
    "    tl.store(out + i, a + b, mask=mask)\n";

static const char softmax[] =
    "import triton\n"
    "import triton.language as tl\n"
    "\n\n"
    "@triton.jit\n"
    "def softmax(out, x, stride, n, BLOCK: tl.constexpr):\n"
    "    row = tl.program_id(0)\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    mask = i < n\n"
    "    v = tl.load(x + row * stride + i, mask=mask, other=-float('inf'))\n"
    "    v = tl.exp(v - tl.max(v, axis=0))\n"
    "    tl.store(out + row * stride + i, v / tl.sum(v, axis=0), mask=mask)\n";

static tm_context *context;
static tm_module *module;
static tm_error *error;

static tm_module *parse(const char *text) {
  tm_module *m;
  if (tm_module_parse(&m, "ops", "ops.py", text, strlen(text), NULL, &error))
    fail_msg("%s", tm_error_text(error));
  return m;
}

static int begin(void **state) {
  (void)state;
  tm_context_options o = TM_CONTEXT_OPTIONS_INIT;
  o.cache = TM_SWITCH_OFF;
  o.chip = "m1";
  if (tm_context_create(&context, &o, &error)) return -1;
  module = parse(vector_add);
  return 0;
}

static int end(void **state) {
  (void)state;
  tm_module_destroy(module);
  tm_context_destroy(context);
  tm_error_destroy(error);
  error = NULL;
  return 0;
}

/* The call failed with that status and a message with that part. */
static void refused(tm_status found, tm_status expected, const char *part) {
  assert_int_equal(found, expected);
  assert_non_null(error);
  assert_int_equal(tm_error_status(error), expected);
  if (!strstr(tm_error_text(error), part))
    fail_msg("'%s' does not have '%s'", tm_error_text(error), part);
  tm_error_destroy(error);
  error = NULL;
}

/* ---- statuses, versions, errors ----------------------------------------- */

static void header_and_library_agree_on_the_version(void **state) {
  assert_int_equal(tm_version(), TM_VERSION_NUMBER);
  assert_string_equal(tm_version_text(), TM_VERSION_STRING);
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", TM_VERSION_MAJOR, TM_VERSION_MINOR,
           TM_VERSION_PATCH);
  assert_string_equal(text, TM_VERSION_STRING);
}

static void statuses_have_names_and_sentences(void **state) {
#define CHECK(name, number, text)                   \
  assert_int_equal(name, number);                   \
  assert_string_equal(tm_status_name(name), #name); \
  assert_string_equal(tm_status_text(name), text);
  TM_STATUS_MAP(CHECK)
#undef CHECK
  assert_string_equal(tm_status_name((tm_status)999), "TM_E_UNKNOWN");
  assert_non_null(tm_status_text((tm_status)-1));
}

static void null_errors_are_empty(void **state) {
  assert_int_equal(tm_error_status(NULL), TM_OK);
  assert_string_equal(tm_error_message(NULL), "");
  assert_string_equal(tm_error_text(NULL), "");
  assert_int_equal(tm_error_diagnostic_count(NULL), 0);
  assert_null(tm_error_diagnostic(NULL, 0));
  tm_error_destroy(NULL);
}

static void a_success_stores_null(void **state) {
  tm_error *e = (tm_error *)(void *)&e; /* anything but NULL */
  tm_module *m;
  assert_int_equal(tm_module_parse(&m, NULL, NULL, "x = 1\n", 6, NULL, &e),
                   TM_OK);
  assert_null(e);
  tm_module_destroy(m);
}

static void syntax_errors_carry_every_place(void **state) {
  const char text[] = "def f(:\n  pass\n\nx = (1,\ny = 2\n";
  tm_module *m = module;
  tm_status status =
      tm_module_parse(&m, "bad", "bad.py", text, strlen(text), NULL, &error);
  assert_int_equal(status, TM_E_SYNTAX);
  assert_null(m);
  assert_true(tm_error_diagnostic_count(error) >= 1);
  const tm_diagnostic *d = tm_error_diagnostic(error, 0);
  assert_int_equal(d->severity, TM_SEVERITY_ERROR);
  assert_int_equal(d->status, TM_E_SYNTAX);
  assert_string_equal(d->file, "bad.py");
  assert_int_equal(d->line, 1);
  assert_int_equal(d->column, 6); /* the open bracket, as CPython says */
  assert_non_null(strstr(d->rendered, "def f(:"));
  assert_non_null(strstr(d->rendered, "^"));
  assert_string_equal(tm_error_message(error), d->message);
  assert_null(tm_error_diagnostic(error, tm_error_diagnostic_count(error)));
  refused(status, TM_E_SYNTAX, "bad.py:1:6");
}

static void destroying_nothing_is_fine(void **state) {
  tm_context_destroy(NULL);
  tm_module_destroy(NULL);
  tm_ast_destroy(NULL);
  tm_kernel_destroy(NULL);
  tm_buffer_destroy(NULL);
  tm_stream_destroy(NULL);
  tm_function_destroy(NULL);
  tm_memory_trim(NULL);
}

/* ---- NULL and nonsense -------------------------------------------------- */

static void null_handles_are_refused_by_name(void **state) {
  tm_module *m;
  tm_ast *a;
  tm_kernel *k;
  tm_buffer *b;
  tm_stream *s;
  tm_function *f;
  tm_arg arg;
  uint64_t n;
  tm_memory_facts memory = TM_MEMORY_FACTS_INIT;
  tm_cache_facts cache = {.struct_size = sizeof cache};
  tm_environment_facts environment = {.struct_size = sizeof environment};
#define REFUSED(call) refused(call, TM_E_ARGUMENT, "")
  REFUSED(tm_context_create(NULL, NULL, &error));
  REFUSED(tm_module_parse(NULL, "m", "m.py", "", 0, NULL, &error));
  REFUSED(tm_module_parse(&m, "m", "m.py", NULL, 3, NULL, &error));
  REFUSED(tm_module_add(NULL, "m", "m.py", "", 0, NULL, &error));
  REFUSED(tm_module_add(module, NULL, "m.py", "", 0, NULL, &error));
  REFUSED(tm_module_add(module, "", "m.py", "", 0, NULL, &error));
  REFUSED(tm_module_add(module, "m", "m.py", NULL, 1, NULL, &error));
  REFUSED(tm_ast_create(NULL, "m", &error));
  REFUSED(tm_ast_finish(&m, NULL, &error));
  REFUSED(tm_compile(NULL, context, module, "add", NULL, &error));
  REFUSED(tm_compile(&k, NULL, module, "add", NULL, &error));
  REFUSED(tm_compile(&k, context, NULL, "add", NULL, &error));
  REFUSED(tm_compile(&k, context, module, NULL, NULL, &error));
  REFUSED(tm_kernel_load(NULL, &error));
  REFUSED(tm_buffer_create(NULL, context, 4, NULL, &error));
  REFUSED(tm_buffer_create(&b, NULL, 4, NULL, &error));
  REFUSED(tm_buffer_create(&b, context, 0, NULL, &error));
  REFUSED(tm_buffer_wrap(NULL, context, &b, 4, &error));
  REFUSED(tm_buffer_wrap(&b, NULL, &b, 4, &error));
  REFUSED(tm_buffer_wrap(&b, context, NULL, 4, &error));
  REFUSED(tm_buffer_wrap(&b, context, &b, 0, &error));
  REFUSED(tm_buffer_import(NULL, context, &b, 0, 0, &error));
  REFUSED(tm_buffer_import(&b, NULL, &b, 0, 0, &error));
  REFUSED(tm_buffer_import(&b, context, NULL, 0, 0, &error));
  REFUSED(tm_memory_info(NULL, &memory, &error));
  REFUSED(tm_memory_info(context, NULL, &error));
  REFUSED(tm_stream_create(NULL, context, NULL, &error));
  REFUSED(tm_stream_create(&s, NULL, NULL, &error));
  REFUSED(tm_stream_flush(NULL, &error));
  REFUSED(tm_stream_synchronize(NULL, 0, &error));
  REFUSED(tm_launch(NULL, NULL, tm_grid_1d(1), NULL, 0, &error));
  REFUSED(tm_function_create(NULL, context, module, "add", NULL, &error));
  REFUSED(tm_function_create(&f, NULL, module, "add", NULL, &error));
  REFUSED(tm_function_create(&f, context, NULL, "add", NULL, &error));
  REFUSED(tm_function_create(&f, context, module, NULL, NULL, &error));
  REFUSED(tm_function_launch(NULL, NULL, tm_grid_1d(1), NULL, 0, NULL,
                             &error));
  REFUSED(tm_function_kernel(NULL, NULL, NULL, 0, NULL, &error));
  REFUSED(tm_function_kernel(&k, NULL, NULL, 0, NULL, &error));
  REFUSED(tm_cache_stats(NULL, &cache, &error));
  REFUSED(tm_cache_stats(context, NULL, &error));
  REFUSED(tm_cache_list(NULL, NULL, NULL, &error));
  REFUSED(tm_cache_list(context, NULL, NULL, &error));
  REFUSED(tm_cache_verify(NULL, &n, &n, &error));
  REFUSED(tm_cache_verify(context, NULL, &n, &error));
  REFUSED(tm_cache_clear(NULL, &error));
  REFUSED(tm_environment(NULL, &environment, &error));
  REFUSED(tm_environment(context, NULL, &error));
  REFUSED(tm_arg_parse(NULL, "1", &error));
  REFUSED(tm_arg_parse(&arg, NULL, &error));
#undef REFUSED
  (void)a;
  assert_null(tm_kernel_info(NULL));
  assert_null(tm_kernel_text(NULL, TM_STAGE_MSL));
  assert_null(tm_module_missing_import(NULL, 0));
  assert_int_equal(tm_module_kernel_count(NULL), 0);
  assert_null(tm_module_kernel_name(NULL, 0));
  assert_null(tm_module_text(NULL));
  assert_null(tm_buffer_contents(NULL));
  assert_int_equal(tm_buffer_size(NULL), 0);
  assert_null(tm_buffer_metal(NULL, &n));
  assert_int_equal(tm_function_variants(NULL), 0);
  assert_null(tm_chip_name(SIZE_MAX));
}

/* A caller may pass NULL for the error of a failing call. */
static void errors_may_be_ignored(void **state) {
  tm_kernel *k = (tm_kernel *)(void *)&k;
  assert_int_equal(tm_compile(&k, context, module, "none", NULL, NULL),
                   TM_E_NOT_FOUND);
  assert_null(k);
}

/* ---- structures that begin with their size ------------------------------ */

/* A structure of every kind: too small is refused, longer and zero is fine,
 * longer and used is refused. */
typedef struct longer {
  union {
    tm_context_options context;
    tm_module_options module;
    tm_compile_options compile;
    tm_function_options function;
    size_t size;
  } u;
  char future[16];
} longer;

static tm_status with_context(longer *o) {
  tm_context *c = NULL;
  tm_status status = tm_context_create(&c, &o->u.context, &error);
  tm_context_destroy(c);
  return status;
}
static tm_status with_module(longer *o) {
  tm_module *m = NULL;
  tm_status status =
      tm_module_parse(&m, "m", "m.py", "", 0, &o->u.module, &error);
  tm_module_destroy(m);
  return status;
}
static tm_status with_compile(longer *o) {
  tm_kernel *k = NULL;
  o->u.compile.signature = "*fp32, *fp32, *fp32, i32, 64";
  tm_status status =
      tm_compile(&k, context, module, "add", &o->u.compile, &error);
  tm_kernel_destroy(k);
  return status;
}
static tm_status with_function(longer *o) {
  tm_function *f = NULL;
  tm_status status = tm_function_create(&f, context, module, "add",
                                        &o->u.function, &error);
  tm_function_destroy(f);
  return status;
}

static void option_sizes_are_checked(void **state) {
  static const struct {
    tm_status (*call)(longer *);
    size_t size, first; /* now, and in the first version */
  } rows[] = {{with_context, sizeof(tm_context_options),
               offsetof(tm_context_options, dump_dir)},
              {with_module, sizeof(tm_module_options),
               sizeof(tm_module_options)},
              {with_compile, sizeof(tm_compile_options),
               sizeof(tm_compile_options)},
              {with_function, sizeof(tm_function_options),
               offsetof(tm_function_options, configs)}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    longer o;
    memset(&o, 0, sizeof o);
    o.u.size = rows[i].size;
    assert_int_equal(rows[i].call(&o), TM_OK);
    memset(&o, 0, sizeof o); /* the _INIT macro was forgotten */
    refused(rows[i].call(&o), TM_E_ARGUMENT, "struct_size is 0");
    memset(&o, 0, sizeof o);
    o.u.size = rows[i].first - 1;
    refused(rows[i].call(&o), TM_E_ARGUMENT, "struct_size");
    memset(&o, 0, sizeof o);
    o.u.size = rows[i].first;
    assert_int_equal(rows[i].call(&o), TM_OK);
    memset(&o, 0, sizeof o);
    o.u.size = rows[i].size + 8;
    assert_int_equal(rows[i].call(&o), TM_OK);
    memset(&o, 0, sizeof o);
    o.u.size = rows[i].size + 8;
    memset((char *)&o + rows[i].size, 1, 8);
    refused(rows[i].call(&o), TM_E_ARGUMENT, "does not have");
  }
}

static void facts_fill_no_more_than_asked(void **state) {
  struct { tm_memory_facts facts; char after[8]; } m;
  memset(&m, 0x55, sizeof m);
  m.facts.struct_size = 4;
  refused(tm_memory_info(context, &m.facts, &error), TM_E_ARGUMENT,
          "struct_size");
  m.facts.struct_size = sizeof m.facts;
  assert_int_equal(tm_memory_info(context, &m.facts, &error), TM_OK);
  assert_int_equal(m.facts.struct_size, sizeof m.facts);
  assert_int_equal(m.facts.buffers, 0);
  assert_int_equal(m.after[0], 0x55);
}

/* ---- modules ------------------------------------------------------------ */

static void modules_list_their_kernels(void **state) {
  assert_int_equal(tm_module_kernel_count(module), 1);
  assert_string_equal(tm_module_kernel_name(module, 0), "add");
  assert_null(tm_module_kernel_name(module, 1));
  assert_string_equal(tm_module_text(module), vector_add);
}

static void text_needs_no_zero_at_its_end(void **state) {
  char text[] = "x = 1\n@@@@";
  tm_module *m;
  assert_int_equal(tm_module_parse(&m, NULL, NULL, text, 6, NULL, &error),
                   TM_OK);
  assert_string_equal(tm_module_text(m), "x = 1\n");
  tm_module_destroy(m);
}

static void missing_imports_are_found_and_added(void **state) {
  tm_module *m = parse(
      "import triton\nimport triton.language as tl\n"
      "from helpers import twice\n\n\n"
      "@triton.jit\ndef k(x, BLOCK: tl.constexpr):\n"
      "    i = tl.arange(0, BLOCK)\n"
      "    tl.store(x + i, twice(tl.load(x + i)))\n");
  assert_string_equal(tm_module_missing_import(m, 0), "helpers");
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32, 64";
  tm_status status = tm_compile(&k, context, m, "k", &o, &error);
  refused(status, TM_E_SEMANTIC, "helpers");
  const char bad[] = "def twice(:\n";
  refused(tm_module_add(m, "helpers", "helpers.py", bad, strlen(bad), NULL,
                        &error),
          TM_E_SYNTAX, "helpers.py:1");
  assert_string_equal(tm_module_missing_import(m, 0), "helpers");
  const char good[] =
      "import triton\n\n\n@triton.jit\ndef twice(x):\n    return x + x\n";
  assert_int_equal(tm_module_add(m, "helpers", "helpers.py", good,
                                 strlen(good), NULL, &error),
                   TM_OK);
  for (size_t i = 0; tm_module_missing_import(m, i); i++)
    assert_string_not_equal(tm_module_missing_import(m, i), "helpers");
  assert_int_equal(tm_compile(&k, context, m, "k", &o, &error), TM_OK);
  tm_kernel_destroy(k);
  refused(tm_module_add(m, "helpers", "again.py", good, strlen(good), NULL,
                        &error),
          TM_E_ARGUMENT, "already");
  tm_module_destroy(m);
}

static void add_text(tm_module *m, const char *name, const char *text,
                     bool is_package) {
  tm_module_options options = TM_MODULE_OPTIONS_INIT;
  options.is_package = is_package;
  assert_int_equal(
      tm_module_add(m, name, NULL, text, strlen(text), &options, &error),
      TM_OK);
}

static void a_walk_of_the_missing_imports_can_add_as_it_goes(void **state) {
  tm_module *m = parse("import a\nimport b\nimport c\n");
  assert_string_equal(tm_module_missing_import(m, 0), "a");
  add_text(m, "a", "import d\n", false);
  assert_string_equal(tm_module_missing_import(m, 1), "b");
  assert_string_equal(tm_module_missing_import(m, 2), "c");
  assert_null(tm_module_missing_import(m, 3));
  assert_string_equal(tm_module_missing_import(m, 0), "b");
  assert_string_equal(tm_module_missing_import(m, 1), "c");
  assert_string_equal(tm_module_missing_import(m, 2), "d");
  assert_null(tm_module_missing_import(m, 3));
  tm_module_destroy(m);
}

/* A kernel that calls pkg.twice in any of the ways that packages offer. */
static void packages_name_their_modules_as_python_does(void **state) {
  static const char helper[] =
      "import triton\n\n\n@triton.jit\ndef twice(x):\n    return x + x\n";
  static const struct { const char *import, *package, *call; } rows[] = {
    {"from pkg import twice", "from . import twice\n", "twice.twice"},
    {"from pkg import twice", "from .twice import twice\n", "twice"},
    {"from pkg import twice", "", "twice.twice"},
    {"from pkg.twice import twice", "from .twice import twice\n", "twice"},
    {"import pkg", "from . import twice\n", "pkg.twice.twice"},
    {"import pkg.twice", "", "pkg.twice.twice"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "import triton\nimport triton.language as tl\n%s\n\n\n"
             "@triton.jit\ndef k(x, BLOCK: tl.constexpr):\n"
             "    i = tl.arange(0, BLOCK)\n"
             "    tl.store(x + i, %s(tl.load(x + i)))\n",
             rows[i].import, rows[i].call);
    tm_module *m = parse(text);
    bool asked = false;
    add_text(m, "pkg", rows[i].package, true);
    for (size_t k = 0; tm_module_missing_import(m, k); k++)
      asked |= !strcmp(tm_module_missing_import(m, k), "pkg.twice");
    if (!asked) fail_msg("%s does not ask", rows[i].package);
    add_text(m, "pkg.twice", helper, false);
    tm_kernel *k;
    tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
    o.signature = "*fp32, 64";
    assert_int_equal(tm_compile(&k, context, m, "k", &o, &error), TM_OK);
    tm_kernel_destroy(k);
    tm_module_destroy(m);
  }
}

/* ---- compiling without a device ----------------------------------------- */

static void a_kernel_outlives_what_it_was_made_of(void **state) {
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.cache = TM_SWITCH_OFF;
  tm_context *c;
  assert_int_equal(tm_context_create(&c, &options, &error), TM_OK);
  tm_module *m = parse(vector_add);
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp32:16, *fp32:16, *fp32:16, i32, 512";
  o.chip = "m3";
  assert_int_equal(tm_compile(&k, c, m, "add", &o, &error), TM_OK);
  tm_module_destroy(m);
  tm_context_destroy(c);
  const tm_kernel_facts *facts = tm_kernel_info(k);
  assert_string_equal(facts->name, "add");
  assert_string_equal(facts->chip, "m3");
  assert_int_equal(facts->n_args, 4);
  assert_string_equal(facts->args[0].name, "x");
  assert_string_equal(facts->args[0].type, "*fp32");
  assert_int_equal(facts->args[0].divisibility, 16);
  assert_true(facts->args[0].reads && !facts->args[0].writes);
  assert_true(facts->args[2].writes && !facts->args[2].reads);
  assert_string_equal(facts->args[3].type, "i32");
  assert_int_equal(facts->args[3].dtype, TM_DTYPE_I32);
  assert_int_equal(facts->num_warps, 4);
  assert_int_equal(facts->threads, 128);
  assert_false(facts->from_cache);
  assert_non_null(strstr(tm_kernel_text(k, TM_STAGE_AST), "def add("));
  assert_non_null(strstr(tm_kernel_text(k, TM_STAGE_TTIR), "tt.func"));
  assert_non_null(tm_kernel_text(k, TM_STAGE_LAYOUT));
  assert_non_null(strstr(tm_kernel_text(k, TM_STAGE_MSL), "kernel void"));
  assert_null(tm_kernel_text(k, (tm_stage)4));
  assert_null(tm_kernel_text(k, (tm_stage)-1));
  tm_kernel_destroy(k);
}

static char *msl_of(tm_module *m, const char *name,
                    const tm_compile_options *o) {
  tm_kernel *k;
  if (tm_compile(&k, context, m, name, o, &error))
    fail_msg("%s", tm_error_text(error));
  char *text = strdup(tm_kernel_text(k, TM_STAGE_MSL));
  tm_kernel_destroy(k);
  return text;
}

/* Signature text, spec records and defines are three ways to say the same. */
static void all_forms_of_a_specialization_give_the_same_msl(void **state) {
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = "*fp16:16, *fp16:16, *fp16, i32:16, 512";
  char *expected = msl_of(module, "add", &o);
  tm_define block = {"BLOCK", tm_arg_int(512)};
  o.signature = "*fp16:16, *fp16:16, *fp16, i32:16";
  o.defines = &block;
  o.n_defines = 1;
  char *text = msl_of(module, "add", &o);
  assert_string_equal(text, expected);
  free(text);
  tm_param_spec specs[5];
  memset(specs, 0, sizeof specs);
  for (int i = 0; i < 3; i++) {
    specs[i].form = TM_FORM_POINTER;
    specs[i].dtype = TM_DTYPE_F16;
    specs[i].divisibility = i < 2 ? 16 : 1;
  }
  specs[3].form = TM_FORM_NUMBER;
  specs[3].dtype = TM_DTYPE_I32;
  specs[3].divisibility = 16;
  o = (tm_compile_options)TM_COMPILE_OPTIONS_INIT;
  o.params = specs;
  o.n_params = 5;
  o.defines = &block;
  o.n_defines = 1;
  text = msl_of(module, "add", &o);
  assert_string_equal(text, expected);
  free(text);
  free(expected);
}

static void wrong_specializations_are_refused(void **state) {
  tm_kernel *k;
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
#define REFUSED(status, part) \
  refused(tm_compile(&k, context, module, "add", &o, &error), status, part)
  REFUSED(TM_E_SEMANTIC, "signature");
  o.signature = "*fp32, *fp32, *fp32, i32, 64, 65";
  REFUSED(TM_E_SEMANTIC, "more entries");
  o.signature = "*fp32, *nonsense, *fp32, i32, 64";
  REFUSED(TM_E_SEMANTIC, "nonsense");
  o.signature = "*fp32, *fp32, *fp32, i32, 64";
  o.num_warps = 3;
  REFUSED(TM_E_LIMIT, "num_warps");
  o.num_warps = 64;
  REFUSED(TM_E_LIMIT, "num_warps");
  o.num_warps = 0;
  o.chip = "m77";
  REFUSED(TM_E_ARGUMENT, "m77");
  o.chip = NULL;
  tm_define define = {"BLOK", tm_arg_int(64)};
  o.defines = &define;
  o.n_defines = 1;
  REFUSED(TM_E_SEMANTIC, "BLOCK");
  define.name = NULL;
  REFUSED(TM_E_ARGUMENT, "NULL");
  define = (tm_define){"BLOCK", tm_arg_buffer(NULL, 0)};
  REFUSED(TM_E_ARGUMENT, "buffer");
  define.value = tm_arg_text(NULL);
  REFUSED(TM_E_ARGUMENT, "NULL");
  define.value = tm_arg_dtype((tm_dtype)99);
  REFUSED(TM_E_ARGUMENT, "99");
  define.value.tag = 44;
  REFUSED(TM_E_ARGUMENT, "44");
  o.defines = NULL;
  REFUSED(TM_E_ARGUMENT, "NULL");
  o.n_defines = 0;
  tm_param_spec specs[5];
  memset(specs, 0, sizeof specs);
  o.params = specs;
  o.n_params = 5;
  REFUSED(TM_E_ARGUMENT, "both");
  o.signature = NULL;
  o.n_params = 4;
  REFUSED(TM_E_ARGUMENT, "4");
  o.n_params = 5;
  REFUSED(TM_E_SEMANTIC, "");
  specs[0].form = 9;
  REFUSED(TM_E_ARGUMENT, "tm_spec_form");
  specs[0].form = TM_FORM_POINTER;
  REFUSED(TM_E_ARGUMENT, "tm_dtype");
  specs[0].dtype = TM_DTYPE_F32;
  specs[0].divisibility = 7;
  REFUSED(TM_E_ARGUMENT, "divisibility");
#undef REFUSED
  refused(tm_compile(&k, context, module, "sub", NULL, &error),
          TM_E_NOT_FOUND, "sub");
}

static void arguments_are_read_as_on_a_command_line(void **state) {
  tm_arg a;
  assert_int_equal(tm_arg_parse(&a, "-12", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_INT);
  assert_int_equal(a.u.i, -12);
  assert_int_equal(tm_arg_parse(&a, "1e-3", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_FLOAT);
  assert_true(a.u.f == 1e-3);
  assert_int_equal(tm_arg_parse(&a, "True", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_BOOL);
  assert_int_equal(a.u.i, 1);
  assert_int_equal(tm_arg_parse(&a, "none", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_NONE);
  assert_int_equal(tm_arg_parse(&a, "tl.float16", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_DTYPE);
  assert_int_equal(a.dtype, TM_DTYPE_F16);
  assert_int_equal(tm_arg_parse(&a, "'leaky'", &error), TM_OK);
  assert_int_equal(a.tag, TM_GIVE_TEXT);
  assert_int_equal(a.offset, 5);
  assert_memory_equal(a.u.text, "leaky", 5);
  assert_int_equal(tm_arg_parse(&a, "leaky", &error), TM_OK);
  assert_memory_equal(a.u.text, "leaky", 5);
  refused(tm_arg_parse(&a, "", &error), TM_E_ARGUMENT, "");
  refused(tm_arg_parse(&a, "'x", &error), TM_E_ARGUMENT, "quotes");
  refused(tm_arg_parse(&a, "99999999999999999999", &error), TM_E_ARGUMENT,
          "64 bits");
}

static void the_cache_that_is_off_cannot_be_cleared(void **state) {
  uint64_t good, bad;
  refused(tm_cache_clear(context, &error), TM_E_IO, "there is none");
  refused(tm_cache_verify(context, &good, &bad, &error), TM_E_IO,
          "there is none");
  tm_cache_facts facts = {.struct_size = sizeof facts};
  assert_int_equal(tm_cache_stats(context, &facts, &error), TM_OK);
  assert_null(facts.path);
  assert_false(facts.usable);
}

static void chips_are_listed_from_the_first(void **state) {
  assert_string_equal(tm_chip_name(0), "m1");
  bool m5_max = false;
  for (size_t i = 0; tm_chip_name(i); i++)
    m5_max = m5_max || strcmp(tm_chip_name(i), "m5-max") == 0;
  assert_true(m5_max);
}

/* ---- the builder -------------------------------------------------------- */

static tm_expr *call1(tm_ast *a, const char *f, tm_expr *x) {
  return tm_ast_call(a, tm_ast_name(a, f), &x, 1, NULL, 0);
}

static tm_expr *load(tm_ast *a, tm_expr *pointer, tm_expr *other) {
  tm_ast_keyword keywords[2] = {{"mask", tm_ast_name(a, "mask")},
                                {"other", other}};
  return tm_ast_call(a, tm_ast_name(a, "tl.load"), &pointer, 1, keywords,
                     other ? 2 : 1);
}

static void store(tm_ast *a, tm_expr *pointer, tm_expr *value) {
  tm_expr *args[2] = {pointer, value};
  tm_ast_keyword mask = {"mask", tm_ast_name(a, "mask")};
  tm_ast_do(a, tm_ast_call(a, tm_ast_name(a, "tl.store"), args, 2, &mask, 1));
}

static tm_expr *range(tm_ast *a) {
  tm_expr *args[2] = {tm_ast_int(a, 0), tm_ast_name(a, "BLOCK")};
  return tm_ast_call(a, tm_ast_name(a, "tl.arange"), args, 2, NULL, 0);
}

static tm_expr *add(tm_ast *a, tm_expr *x, tm_expr *y) {
  return tm_ast_binary(a, "+", x, y);
}

static void set(tm_ast *a, const char *name, tm_expr *value) {
  tm_ast_assign(a, tm_ast_name(a, name), value);
}

static tm_ast *new_ast(void) {
  tm_ast *a;
  assert_int_equal(tm_ast_create(&a, "ops", &error), TM_OK);
  return a;
}

static tm_module *finish(tm_ast *a) {
  tm_module *m;
  if (tm_ast_finish(&m, a, &error)) fail_msg("%s", tm_error_text(error));
  tm_ast_destroy(a);
  return m;
}

static tm_module *build_vector_add(void) {
  tm_ast *a = new_ast();
  tm_ast_function(a, "add", TM_AST_JIT);
  static const char *const names[] = {"x", "y", "out", "n"};
  for (int i = 0; i < 4; i++) tm_ast_param(a, names[i], NULL, NULL);
  tm_ast_param(a, "BLOCK", tm_ast_name(a, "tl.constexpr"), NULL);
  set(a, "i",
      add(a,
          tm_ast_binary(a, "*", call1(a, "tl.program_id", tm_ast_int(a, 0)),
                        tm_ast_name(a, "BLOCK")),
          range(a)));
  tm_expr *i = tm_ast_name(a, "i");
  set(a, "mask", tm_ast_binary(a, "<", i, tm_ast_name(a, "n")));
  set(a, "a", load(a, add(a, tm_ast_name(a, "x"), i), NULL));
  set(a, "b", load(a, add(a, tm_ast_name(a, "y"), i), NULL));
  store(a, add(a, tm_ast_name(a, "out"), i),
        add(a, tm_ast_name(a, "a"), tm_ast_name(a, "b")));
  tm_ast_end(a);
  return finish(a);
}

static tm_module *build_softmax(void) {
  tm_ast *a = new_ast();
  tm_ast_function(a, "softmax", TM_AST_JIT);
  static const char *const names[] = {"out", "x", "stride", "n"};
  for (int i = 0; i < 4; i++) tm_ast_param(a, names[i], NULL, NULL);
  tm_ast_param(a, "BLOCK", tm_ast_name(a, "tl.constexpr"), NULL);
  set(a, "row", call1(a, "tl.program_id", tm_ast_int(a, 0)));
  set(a, "i", range(a));
  tm_expr *i = tm_ast_name(a, "i"), *v = tm_ast_name(a, "v");
  set(a, "mask", tm_ast_binary(a, "<", i, tm_ast_name(a, "n")));
  tm_expr *shift = tm_ast_binary(a, "*", tm_ast_name(a, "row"),
                                 tm_ast_name(a, "stride"));
  tm_expr *inf = tm_ast_unary(
      a, "-", call1(a, "float", tm_ast_string(a, "inf")));
  set(a, "v",
      load(a, add(a, add(a, tm_ast_name(a, "x"), shift), i), inf));
  tm_ast_keyword axis = {"axis", tm_ast_int(a, 0)};
  tm_expr *max =
      tm_ast_call(a, tm_ast_name(a, "tl.max"), &v, 1, &axis, 1);
  set(a, "v", call1(a, "tl.exp", tm_ast_binary(a, "-", v, max)));
  tm_expr *sum =
      tm_ast_call(a, tm_ast_name(a, "tl.sum"), &v, 1, &axis, 1);
  store(a, add(a, add(a, tm_ast_name(a, "out"), shift), i),
        tm_ast_binary(a, "/", v, sum));
  tm_ast_end(a);
  return finish(a);
}

/* Line numbers in the comments differ with the text; code may not. */
static void drop_comments(char *text) {
  char *out = text;
  for (char *line = text; *line;) {
    char *next = strchr(line, '\n');
    next = next ? next + 1 : line + strlen(line);
    char *first = line + strspn(line, " ");
    if (strncmp(first, "//", 2) != 0) {
      memmove(out, line, (size_t)(next - line));
      out += next - line;
    }
    line = next;
  }
  *out = 0;
}

static void same_msl(tm_module *built, const char *source, const char *name,
                     const char *signature) {
  tm_module *parsed = parse(source);
  tm_compile_options o = TM_COMPILE_OPTIONS_INIT;
  o.signature = signature;
  char *a = msl_of(built, name, &o), *b = msl_of(parsed, name, &o);
  drop_comments(a);
  drop_comments(b);
  assert_true(strlen(a) > 100);
  assert_string_equal(a, b);
  free(a);
  free(b);
  tm_module_destroy(parsed);
  tm_module_destroy(built);
}

static void a_built_vector_add_gives_the_msl_of_the_text(void **state) {
  same_msl(build_vector_add(), vector_add, "add",
           "*fp32:16, *fp32:16, *fp32:16, i32, 1024");
}

static void a_built_softmax_gives_the_msl_of_the_text(void **state) {
  same_msl(build_softmax(), softmax, "softmax",
           "*fp32:16, *fp32:16, i32:16, i32, 1024");
}

/* Loops, branches, helpers, tuples, defaults, slices: printed as Python. */
static void every_kind_of_node_reads_as_python(void **state) {
  tm_ast *a = new_ast();
  tm_ast_assign(a, tm_ast_name(a, "SCALE"), tm_ast_float(a, -0.5));
  tm_ast_function(a, "f", TM_AST_PLAIN);
  tm_ast_param(a, "x", NULL, tm_ast_none(a));
  tm_expr *x = tm_ast_name(a, "x");
  tm_expr *pair[2] = {tm_ast_name(a, "i"), tm_ast_name(a, "j")};
  tm_expr *values[2] = {tm_ast_int(a, -3), tm_ast_bool(a, 1)};
  tm_ast_assign(a, tm_ast_tuple(a, pair, 2), tm_ast_tuple(a, values, 2));
  tm_ast_for(a, pair[0], call1(a, "range", tm_ast_int(a, 4)));
  tm_ast_if(a, tm_ast_binary(a, "and", tm_ast_binary(a, "is not", x,
                                                     tm_ast_none(a)),
                             tm_ast_unary(a, "not", pair[1])));
  tm_ast_update(a, "+", x, tm_ast_select(a, pair[0], x, pair[1]));
  tm_ast_else(a);
  tm_expr *index[2] = {tm_ast_slice(a, NULL, NULL, NULL), tm_ast_none(a)};
  tm_ast_assign(a, x, tm_ast_subscript(a, x, index, 2));
  tm_ast_end(a);
  tm_ast_end(a);
  tm_ast_while(a, tm_ast_binary(a, ">=", x, tm_ast_int(a, 0)));
  tm_ast_update(a, ">>", x, tm_ast_int(a, 1));
  tm_ast_end(a);
  tm_ast_return(a, tm_ast_attribute(a, x, "T"));
  tm_ast_end(a);
  tm_module *m = finish(a);
  const char *text = tm_module_text(m);
  static const char *const lines[] = {
      "SCALE = -0.5\n", "def f(x=None):\n", "i, j = -3, True\n",
      "    for i in range(4):\n",
      "        if x is not None and not j:\n",
      "            x += x if i else j\n", "        else:\n",
      "x[:, None]\n", "    while x >= 0:\n", "        x >>= 1\n",
      "    return x.T\n"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    if (!strstr(text, lines[i]) && i != 2)
      fail_msg("no '%s' in:\n%s", lines[i], text);
  assert_int_equal(tm_module_kernel_count(m), 0); /* f is plain */
  tm_module_destroy(m);
}

static void mistake_is(void (*build)(tm_ast *), const char *part) {
  tm_ast *a = new_ast();
  build(a);
  tm_module *m = module;
  tm_status status = tm_ast_finish(&m, a, &error);
  assert_null(m);
  refused(status, TM_E_ARGUMENT, part);
  tm_ast_destroy(a);
}

static void build_bad_name(tm_ast *a) {
  tm_ast_do(a, tm_ast_name(a, "x = 1; import os"));
}
static void build_bad_op(tm_ast *a) {
  assert_null(tm_ast_binary(a, "<=>", tm_ast_int(a, 1), tm_ast_int(a, 2)));
}
static void build_null(tm_ast *a) {
  assert_null(tm_ast_binary(a, "+", tm_ast_int(a, 1), NULL));
}
static void build_open(tm_ast *a) { tm_ast_function(a, "f", TM_AST_JIT); }
static void build_end(tm_ast *a) { tm_ast_end(a); }
static void build_else(tm_ast *a) { tm_ast_else(a); }
static void build_nested(tm_ast *a) {
  tm_ast_function(a, "f", TM_AST_JIT);
  tm_ast_function(a, "g", TM_AST_JIT);
}
static void build_outside(tm_ast *a) { tm_ast_return(a, NULL); }
static void build_deep(tm_ast *a) {
  tm_expr *e = tm_ast_name(a, "x");
  for (int i = 0; i < 100000; i++) e = tm_ast_unary(a, "-", e);
  assert_null(e);
}
static void build_huge(tm_ast *a) { /* 2^60 nodes by 60 calls */
  tm_expr *e = tm_ast_name(a, "x");
  for (int i = 0; i < 60; i++) e = tm_ast_binary(a, "+", e, e);
  assert_null(e);
}
static void build_many_blocks(tm_ast *a) {
  tm_ast_function(a, "f", TM_AST_JIT);
  for (int i = 0; i < 5000; i++) tm_ast_if(a, tm_ast_name(a, "x"));
}

static void mistakes_of_the_builder_are_told(void **state) {
  mistake_is(build_bad_name, "not a name");
  mistake_is(build_bad_op, "<=>");
  mistake_is(build_null, "NULL");
  mistake_is(build_open, "open");
  mistake_is(build_end, "end");
  mistake_is(build_else, "else");
  mistake_is(build_nested, "inside");
  mistake_is(build_outside, "outside");
  mistake_is(build_deep, "deep");
  mistake_is(build_huge, "parts");
  mistake_is(build_many_blocks, "nested");
  /* NULL builders are as quiet as builders after a mistake. */
  assert_null(tm_ast_name(NULL, "x"));
  tm_ast_function(NULL, "f", 0);
  tm_ast_param(NULL, "x", NULL, NULL);
  tm_ast_assign(NULL, NULL, NULL);
  tm_ast_update(NULL, "+", NULL, NULL);
  tm_ast_do(NULL, NULL);
  tm_ast_return(NULL, NULL);
  tm_ast_for(NULL, NULL, NULL);
  tm_ast_while(NULL, NULL);
  tm_ast_if(NULL, NULL);
  tm_ast_else(NULL);
  tm_ast_end(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(header_and_library_agree_on_the_version),
      TEST(statuses_have_names_and_sentences),
      TEST(null_errors_are_empty),
      TEST(a_success_stores_null),
      TEST(syntax_errors_carry_every_place),
      TEST(destroying_nothing_is_fine),
      TEST(null_handles_are_refused_by_name),
      TEST(errors_may_be_ignored),
      TEST(option_sizes_are_checked),
      TEST(facts_fill_no_more_than_asked),
      TEST(modules_list_their_kernels),
      TEST(text_needs_no_zero_at_its_end),
      TEST(missing_imports_are_found_and_added),
      TEST(a_walk_of_the_missing_imports_can_add_as_it_goes),
      TEST(packages_name_their_modules_as_python_does),
      TEST(a_kernel_outlives_what_it_was_made_of),
      TEST(all_forms_of_a_specialization_give_the_same_msl),
      TEST(wrong_specializations_are_refused),
      TEST(arguments_are_read_as_on_a_command_line),
      TEST(the_cache_that_is_off_cannot_be_cleared),
      TEST(chips_are_listed_from_the_first),
      TEST(a_built_vector_add_gives_the_msl_of_the_text),
      TEST(a_built_softmax_gives_the_msl_of_the_text),
      TEST(every_kind_of_node_reads_as_python),
      TEST(mistakes_of_the_builder_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
