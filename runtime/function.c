/* SPDX-License-Identifier: MIT */
/*
 * function.c - a kernel with its variants.
 *
 * A launch binds its arguments to the parameters, describes each as Triton's
 * launcher does (specialize.c), and looks the description up.
 *
 * Values that nobody gives come from the decorators: the first configuration
 * of @autotune that the chip can take, then @heuristics (lib/host).
 *
 * The description is the bytes of tm_param_spec-like records on the stack;
 * equal bytes, same variant. A missing variant is entered as "compiling", compiled outside the
 * lock, and published; other threads that need it wait for it.
 */
#define _GNU_SOURCE
#include "context.h"

#include "../lib/host/host.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARAMS = TMI_MOST_PARAMS, KEY_BYTES = 2048 };

typedef tmi_param param;

typedef enum variant_state { COMPILING, READY } variant_state;

typedef struct variant {
  struct variant *next;   /* in its bucket */
  uint64_t hash;
  variant_state state;
  tm_kernel *kernel;      /* READY: one reference */
  size_t key_size;
  unsigned char key[];
} variant;

struct tm_function {
  tm_context *context;
  tm_module *module;
  char *name;
  param *params;
  uint32_t n_params;
  uint32_t num_warps, num_stages;
  pthread_mutex_t lock;   /* over the rest */
  pthread_cond_t changed; /* a compile has ended */
  variant **buckets;
  size_t n_buckets;       /* a power of two */
  size_t n_variants;
  const tm_function_def *def;
  tm_arena decorators;    /* memory of what follows */
  const tm_host_config *configs; /* of @autotune, in order */
  uint32_t n_configs;
  atomic_uint config;     /* the first that has compiled */
  bool has_heuristics;
  const char *trouble;    /* why the configurations are not known; NULL */
};

/* ---- reading the declaration -------------------------------------------- */

static bool text_is(tm_str text, const char *word) {
  return tm_str_eq(text, tm_cstr(word));
}

/* As the compiler judges it. */
static bool is_constexpr(const tm_expr *annotation) {
  if (!annotation) return false;
  if (annotation->kind == TM_EXPR_NAME || annotation->kind == TM_EXPR_ATTRIBUTE)
    return strcmp(annotation->name, "constexpr") == 0;
  static const char word[] = "constexpr";
  size_t n = sizeof word - 1;
  return annotation->kind == TM_EXPR_STRING && annotation->text.len >= n &&
         memcmp(annotation->text.ptr + annotation->text.len - n, word, n) == 0;
}

/* The type that `x: tl.int64` or `x: "i64"` fixes. */
static uint32_t annotated_dtype(const tm_expr *annotation) {
  static const struct { const char *name; uint32_t dtype; } names[] = {
      {"int1", TM_DTYPE_I1},   {"int8", TM_DTYPE_I8},
      {"int16", TM_DTYPE_I16}, {"int32", TM_DTYPE_I32},
      {"int64", TM_DTYPE_I64}, {"uint8", TM_DTYPE_U8},
      {"uint16", TM_DTYPE_U16}, {"uint32", TM_DTYPE_U32},
      {"uint64", TM_DTYPE_U64}, {"float16", TM_DTYPE_F16},
      {"bfloat16", TM_DTYPE_BF16}, {"float32", TM_DTYPE_F32},
      {"float64", TM_DTYPE_F64},
#define ROW(name, number, text) {text, number},
      TM_DTYPE_MAP(ROW)
#undef ROW
  };
  if (!annotation) return TM_DTYPE_NONE;
  tm_str text;
  if (annotation->kind == TM_EXPR_NAME || annotation->kind == TM_EXPR_ATTRIBUTE)
    text = tm_cstr(annotation->name);
  else if (annotation->kind == TM_EXPR_STRING)
    text = annotation->text;
  else
    return TM_DTYPE_NONE;
  for (size_t i = 0; text.len && i < TM_COUNT(names); i++)
    if (text_is(text, names[i].name)) return names[i].dtype;
  return TM_DTYPE_NONE;
}

/* Is parameter i among the names and numbers of a list? */
static bool is_listed(const tm_expr *list, uint32_t i, const char *name) {
  if (list->kind != TM_EXPR_LIST && list->kind != TM_EXPR_TUPLE) return false;
  for (uint32_t k = 0; k < list->items.len; k++) {
    const tm_expr *item = list->items.data[k];
    if (item->kind == TM_EXPR_STRING && text_is(item->text, name)) return true;
    if (item->kind == TM_EXPR_INT && !item->big && item->u.i == i) return true;
  }
  return false;
}

/* What the keywords of the function's decorators say of a parameter. */
static void read_decorators(const tm_function_def *def, uint32_t i, param *p) {
  for (uint32_t d = 0; d < def->decorators.len; d++) {
    const tm_expr *call = def->decorators.data[d];
    if (call->kind != TM_EXPR_CALL) continue;
    for (uint32_t k = 0; k < call->keywords.len; k++) {
      const tm_keyword *keyword = &call->keywords.data[k];
      if (!keyword->name || !is_listed(keyword->value, i, p->name)) continue;
      if (strcmp(keyword->name, "do_not_specialize") == 0)
        p->by_type_only = true;
      if (strcmp(keyword->name, "do_not_specialize_on_alignment") == 0)
        p->by_alignment = false;
    }
  }
}

static void read_param(const tm_function_def *def, uint32_t i, param *p) {
  const tm_param_decl *decl = &def->params.data[i];
  *p = (param){.name = decl->name,
               .is_constexpr = is_constexpr(decl->annotation),
               .has_default = decl->value != NULL,
               .by_alignment = true,
               .annotated = annotated_dtype(decl->annotation)};
  read_decorators(def, i, p);
}

/* ---- binding ------------------------------------------------------------ */

static int param_named(const tm_function *f, const char *name) {
  for (uint32_t i = 0; i < f->n_params; i++)
    if (strcmp(f->params[i].name, name) == 0) return (int)i;
  return -1;
}

/* The value of each parameter: by place, by name, by the function's defines,
 * or its default (TM_GIVE_NOTHING). */
static tm_status bind(const tm_function *f, const tm_arg *args, size_t n_args,
                      const tm_launch_options *options, tm_arg *bound,
                      tm_error **error) {
  if (n_args > f->n_params)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' has %u parameters and is given %zu", f->name,
                    (unsigned)f->n_params, n_args);
  for (uint32_t i = 0; i < f->n_params; i++)
    bound[i] = i < n_args ? args[i] : tm_arg_make(TM_GIVE_NOTHING);
  for (size_t k = 0; k < options->n_named; k++) {
    const char *name = options->named[k].name;
    int i = name ? param_named(f, name) : -1;
    if (i < 0)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no parameter named '%s'", f->name,
                      name ? name : "NULL");
    if ((size_t)i < n_args && args[i].tag != TM_GIVE_NOTHING)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': '%s' is given by place and by name",
                      f->name, name);
    bound[i] = options->named[k].value;
  }
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i].tag == TM_GIVE_NOTHING && f->params[i].has_define)
      bound[i] = f->params[i].define;
  return TM_OK;
}

/* ---- what decorators set ------------------------------------------------ */

static tm_arg from_const(const tm_const *value) {
  tm_arg arg;
  switch (value->kind) {
    case TM_CONST_BOOL: return tm_arg_bool(value->i != 0);
    case TM_CONST_INT: return tm_arg_int(value->i);
    case TM_CONST_FLOAT: return tm_arg_float(value->f);
    case TM_CONST_TEXT: return tm_arg_text(value->text);
    case TM_CONST_DTYPE:
      if (tm_arg_parse(&arg, value->text, NULL) == TM_OK) return arg;
      return tm_arg_text(value->text);
    case TM_CONST_FUNCTION: return tm_arg_function(value->text);
    case TM_CONST_NONE: case TM_CONST_TUPLE: break;
  }
  return tm_arg_none();
}

static tm_host_arg to_host(const char *name, const tm_arg *arg) {
  /* Descriptors and tuples too are known only not to be None. */
  tm_host_arg out = {.name = name, .is_buffer = arg->tag == TM_GIVE_BUFFER ||
                                                arg->tag >= TM_GIVE_DESCRIPTOR};
  switch (arg->tag) {
    case TM_GIVE_INT:
    case TM_GIVE_BOOL:
      out.value.kind = arg->tag == TM_GIVE_INT ? TM_CONST_INT : TM_CONST_BOOL;
      out.value.i = arg->u.i;
      break;
    case TM_GIVE_FLOAT:
      out.value.kind = TM_CONST_FLOAT;
      out.value.f = arg->u.f;
      break;
    case TM_GIVE_TEXT:
      out.value.kind = TM_CONST_TEXT;
      out.value.text = arg->u.text;
      break;
    case TM_GIVE_DTYPE:
      out.value.kind = TM_CONST_DTYPE;
      out.value.text = tmi_dtype_name(arg->dtype);
      break;
    default: break;
  }
  return out;
}

/* Fills parameters that nobody gave from a list of values by name. */
static void fill_missing(const tm_function *f, const tm_host_value *values,
                         uint32_t n, tm_arg *bound) {
  for (uint32_t k = 0; k < n; k++) {
    int i = param_named(f, values[k].name);
    if (i >= 0 && bound[i].tag == TM_GIVE_NOTHING)
      bound[i] = from_const(&values[k].value);
  }
}

static uint32_t first_missing(const tm_function *f, const tm_arg *bound) {
  uint32_t i = 0;
  while (i < f->n_params &&
         (bound[i].tag != TM_GIVE_NOTHING || f->params[i].has_default))
    i++;
  return i;
}

static tm_status heuristics(const tm_function *f, tm_arena *scratch,
                            tm_arg *bound, tm_error **error) {
  tm_diags diags;
  tm_diags_init(&diags, scratch);
  diags.sources.data = tmi_module_box_of(f->module)->diags.sources.data;
  diags.sources.len = tmi_module_box_of(f->module)->diags.sources.len;
  tm_host_arg *args = TM_NEW_ARRAY(scratch, tm_host_arg, f->n_params + 1);
  uint32_t n = 0, count;
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i].tag != TM_GIVE_NOTHING)
      args[n++] = to_host(f->params[i].name, &bound[i]);
  const tm_host_value *values;
  if (!tm_host_heuristics(scratch, &diags, f->def, args, n, &values, &count))
    return tmi_fail_diags(error, &diags);
  fill_missing(f, values, count, bound);
  return TM_OK;
}

/* Completes the binding: from a configuration of @autotune, then from
 * @heuristics; then every parameter must have a value or a default. */
static tm_status complete(const tm_function *f, tm_arena *scratch,
                          const tm_host_config *config, tm_arg *bound,
                          tm_error **error) {
  if (first_missing(f, bound) == f->n_params) return TM_OK;
  if (config) fill_missing(f, config->values, config->n_values, bound);
  if (f->has_heuristics) {
    tm_status status = heuristics(f, scratch, bound, error);
    if (status) return status;
  }
  uint32_t i = first_missing(f, bound);
  if (i == f->n_params) return TM_OK;
  return tmi_fail(error, TM_E_ARGUMENT,
                  "kernel '%s': parameter '%s' is given no value%s%s", f->name,
                  f->params[i].name, f->trouble ? ": " : "",
                  f->trouble ? f->trouble : "");
}

/* ---- the table ---------------------------------------------------------- */

static variant **find(tm_function *f, uint64_t hash, const void *key,
                      size_t size) {
  variant **at = &f->buckets[hash & (f->n_buckets - 1)];
  while (*at && ((*at)->hash != hash || (*at)->key_size != size ||
                 memcmp((*at)->key, key, size) != 0))
    at = &(*at)->next;
  return at;
}

/* Twice the buckets; without memory it stays as it is. Lock held. */
static void grow(tm_function *f) {
  variant **more = calloc(f->n_buckets * 2, sizeof *more);
  if (!more) return;
  for (size_t i = 0; i < f->n_buckets; i++) {
    for (variant *v = f->buckets[i], *next; v; v = next) {
      next = v->next;
      variant **bucket = &more[v->hash & (f->n_buckets * 2 - 1)];
      v->next = *bucket;
      *bucket = v;
    }
  }
  free(f->buckets);
  f->buckets = more;
  f->n_buckets *= 2;
}

static variant *enter(tm_function *f, uint64_t hash, const void *key,
                      size_t size) {
  variant *v = calloc(1, sizeof *v + size);
  if (!v) return NULL;
  if (f->n_variants >= f->n_buckets) grow(f);
  v->hash = hash;
  v->key_size = size;
  memcpy(v->key, key, size);
  variant **bucket = &f->buckets[hash & (f->n_buckets - 1)];
  v->next = *bucket;
  *bucket = v;
  f->n_variants++;
  return v;
}

/* Takes a variant whose compile failed out again. Lock held. */
static void withdraw(tm_function *f, variant *v) {
  *find(f, v->hash, v->key, v->key_size) = v->next;
  f->n_variants--;
  free(v);
}

typedef struct choice {
  tm_arena scratch;       /* of values that heuristics made */
  tm_param_spec specs[MOST_PARAMS];
  tm_arg bound[MOST_PARAMS];
  unsigned char key[KEY_BYTES];
  size_t key_size;
  uint32_t num_warps, num_stages;
} choice;

static tm_status compile(tm_function *f, const choice *c, tm_kernel **kernel,
                         tm_error **error) {
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.params = c->specs;
  options.n_params = f->n_params;
  options.num_warps = c->num_warps;
  options.num_stages = c->num_stages;
  return tm_compile(kernel, f->context, f->module, f->name, &options, error);
}

/* The variant's kernel, with a reference for the caller. */
static tm_status look_up(tm_function *f, const choice *c, tm_kernel **kernel,
                         tm_error **error) {
  uint64_t hash = tm_hash_bytes(c->key, c->key_size, 0);
  pthread_mutex_lock(&f->lock);
  variant *v;
  while ((v = *find(f, hash, c->key, c->key_size)) && v->state == COMPILING)
    pthread_cond_wait(&f->changed, &f->lock);
  if (v) {
    *kernel = v->kernel;
    tmi_kernel_retain(v->kernel);
    pthread_mutex_unlock(&f->lock);
    return TM_OK;
  }
  v = enter(f, hash, c->key, c->key_size);
  pthread_mutex_unlock(&f->lock);
  if (!v) return tmi_fail_memory(error);
  tm_kernel *made = NULL;
  tm_status status = compile(f, c, &made, error);
  pthread_mutex_lock(&f->lock);
  if (status) {
    withdraw(f, v);
  } else {
    v->kernel = made;
    v->state = READY;
    *kernel = made;
    tmi_kernel_retain(made);
  }
  pthread_cond_broadcast(&f->changed);
  pthread_mutex_unlock(&f->lock);
  return status;
}

/* Describes the completed binding and makes the key. */
static tm_status make_key(const tm_function *f, choice *c, tm_error **error) {
  tmi_key key = {.bytes = c->key, .size = sizeof c->key};
  bool fits = tmi_key_put(&key, &c->num_warps, sizeof c->num_warps) &&
              tmi_key_put(&key, &c->num_stages, sizeof c->num_stages);
  for (uint32_t i = 0; i < f->n_params && fits; i++) {
    tm_status status = tmi_specialize(f->name, &c->scratch, &f->params[i],
                                      &c->bound[i], &c->specs[i], error);
    if (status) return status;
    fits = tmi_key_put_spec(&key, &c->specs[i]);
  }
  c->key_size = key.used;
  if (fits) return TM_OK;
  return tmi_fail(error, TM_E_LIMIT,
                  "kernel '%s': its compile-time values take more than %d "
                  "bytes",
                  f->name, KEY_BYTES);
}

/* With the scratch arena armed: completes the binding, describes it. */
static tm_status describe_armed(const tm_function *f, choice *c,
                                const tm_host_config *config,
                                tm_error **error) {
  jmp_buf guard;
  volatile tm_status status = TM_E_MEMORY;
  if (tm_arena_guard(&c->scratch, guard)) {
    status = complete(f, &c->scratch, config, c->bound, error);
    if (!status) status = make_key(f, c, error);
  } else {
    tmi_fail_memory(error);
  }
  c->scratch.guard = NULL;
  return status;
}

/* Binds, completes with one configuration (NULL: none), and keys. */
static tm_status choose(const tm_function *f, const tm_arg *args,
                        size_t n_args, const tm_launch_options *options,
                        const tm_host_config *config, choice *c,
                        tm_error **error) {
  tm_status status = bind(f, args, n_args, options, c->bound, error);
  if (status) return status;
  uint32_t warps = config && config->num_warps ? config->num_warps
                                               : f->num_warps;
  uint32_t stages = config && config->num_stages ? config->num_stages
                                                 : f->num_stages;
  c->num_warps = options->num_warps ? options->num_warps : warps;
  c->num_stages = options->num_stages ? options->num_stages : stages;
  return describe_armed(f, c, config, error);
}

/* The kernel for these arguments, with a reference. A configuration that is
 * over a limit of this chip, or uses what it lacks, is passed over for the
 * next, as Triton's autotuner passes over those that do not run. The caller
 * frees c->scratch, also after a failure. */
static tm_status pick(tm_function *f, const tm_arg *args, size_t n_args,
                      const tm_launch_options *given, choice *c,
                      tm_kernel **kernel, tm_error **error) {
  tm_arena_init(&c->scratch, 0);
  tm_launch_options options;
  tm_status status = tmi_options(&options, sizeof options, sizeof options,
                                 given, "tm_launch_options", error);
  if (status) return status;
  TMI_CHECK(options.named != NULL || !options.n_named, error);
  uint32_t first = atomic_load(&f->config);
  uint32_t n = f->n_configs ? f->n_configs : 1;
  for (uint32_t k = 0; k < n; k++) {
    uint32_t at = (first + k) % n;
    const tm_host_config *config = f->n_configs ? &f->configs[at] : NULL;
    status = choose(f, args, n_args, &options, config, c, error);
    if (status) return status;
    status = look_up(f, c, kernel, error);
    if (!status && at != first) atomic_store(&f->config, at);
    if ((status != TM_E_LIMIT && status != TM_E_UNSUPPORTED) || k + 1 == n)
      return status;
    if (error) {
      tm_error_destroy(*error);
      *error = NULL;
    }
  }
  return status;
}

/* ---- the public calls --------------------------------------------------- */

tm_status tm_function_kernel(tm_kernel **kernel, tm_function *function,
                             const tm_arg *args, size_t n_args,
                             const tm_launch_options *options,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(kernel != NULL, error);
  *kernel = NULL;
  TMI_CHECK(function != NULL, error);
  TMI_CHECK(args != NULL || !n_args, error);
  choice c;
  tm_status status = pick(function, args, n_args, options, &c, kernel, error);
  tm_arena_free(&c.scratch);
  return status;
}

tm_status tm_function_launch(tm_stream *stream, tm_function *function,
                             tm_grid grid, const tm_arg *args, size_t n_args,
                             const tm_launch_options *options,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(stream != NULL, error);
  TMI_CHECK(function != NULL, error);
  TMI_CHECK(args != NULL || !n_args, error);
  choice c;
  tm_kernel *kernel = NULL;
  tmi_flat flat = {.kernel = function->name, .n = 0};
  tm_status status =
      pick(function, args, n_args, options, &c, &kernel, error);
  for (uint32_t i = 0; i < function->n_params && !status; i++)
    status = tmi_flat_add(&flat, &c.specs[i], function->params[i].name,
                          &c.bound[i], error);
  tm_arena_free(&c.scratch);
  if (!status)
    status = tmi_launch(stream, kernel, grid, flat.args, flat.n, error);
  tmi_kernel_release(kernel);
  return status;
}

static bool has_decorator(const tm_function_def *def, const char *name) {
  for (uint32_t i = 0; i < def->decorators.len; i++) {
    const tm_expr *call = def->decorators.data[i];
    if (call->kind == TM_EXPR_CALL && call->a[0]->name &&
        strcmp(call->a[0]->name, name) == 0)
      return true;
  }
  return false;
}

/* Computes what decorators say. Configurations that cannot be computed are
 * no error as long as every launch gives the values itself. */
static tm_status read_configs(tm_function *f, tm_error **error) {
  f->has_heuristics = has_decorator(f->def, "heuristics");
  tm_arena_init(&f->decorators, 0);
  if (!has_decorator(f->def, "autotune")) return TM_OK;
  jmp_buf guard;
  if (!tm_arena_guard(&f->decorators, guard)) {
    f->decorators.guard = NULL;
    return tmi_fail_memory(error);
  }
  tm_diags diags;
  tm_diags_init(&diags, &f->decorators);
  if (!tm_host_configs(&f->decorators, &diags, f->def, &f->configs,
                       &f->n_configs)) {
    f->configs = NULL;
    f->n_configs = 0;
    f->trouble = diags.list.len ? diags.list.data[0].message : NULL;
  }
  f->decorators.guard = NULL;
  return TM_OK;
}

static tm_status read_defines(tm_function *f,
                              const tm_function_options *options,
                              tm_error **error) {
  for (size_t k = 0; k < options->n_defines; k++) {
    const tm_define *define = &options->defines[k];
    int i = define->name ? param_named(f, define->name) : -1;
    if (i < 0)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no parameter named '%s'", f->name,
                      define->name ? define->name : "NULL");
    param *p = &f->params[i];
    bool is_tuple = define->value.tag == TM_GIVE_TUPLE ||
                    define->value.tag == TM_GIVE_NAMED_TUPLE;
    if (p->has_define || !tmi_is_constant(&define->value))
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': the value of '%s' %s", f->name, p->name,
                      p->has_define ? "is given twice"
                                    : "is not a compile-time value");
    p->define = is_tuple ? tmi_arg_copy(&f->decorators, &define->value)
                         : define->value;
    if (p->define.tag == TM_GIVE_TEXT || p->define.tag == TM_GIVE_FUNCTION) {
      p->define.u.text = strndup(define->value.u.text,
                                 tmi_text_size(&define->value));
      p->define.offset = 0;
      if (!p->define.u.text) return tmi_fail_memory(error);
    }
    p->has_define = true;
  }
  return TM_OK;
}

static tm_status fill(tm_function *f, const tm_function_def *def,
                      const tm_function_options *options, tm_error **error) {
  f->n_params = def->params.len;
  f->params = calloc(f->n_params + 1, sizeof *f->params);
  f->n_buckets = 8;
  f->buckets = calloc(f->n_buckets, sizeof *f->buckets);
  if (!f->name || !f->params || !f->buckets) return tmi_fail_memory(error);
  for (uint32_t i = 0; i < f->n_params; i++)
    read_param(def, i, &f->params[i]);
  f->num_warps = options->num_warps;
  f->num_stages = options->num_stages;
  f->def = def;
  tm_status status = read_configs(f, error);
  if (status) return status;
  jmp_buf guard;
  volatile tm_status defined = TM_E_MEMORY;
  if (tm_arena_guard(&f->decorators, guard))
    defined = read_defines(f, options, error);
  else
    tmi_fail_memory(error);
  f->decorators.guard = NULL;
  return defined;
}

tm_status tm_function_create(tm_function **out, tm_context *context,
                             const tm_module *module, const char *name,
                             const tm_function_options *given,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_CHECK(context != NULL, error);
  TMI_CHECK(module != NULL, error);
  TMI_CHECK(name != NULL, error);
  tm_function_options options;
  tm_status status = tmi_options(&options, sizeof options, sizeof options,
                                 given, "tm_function_options", error);
  if (status) return status;
  TMI_CHECK(options.defines != NULL || !options.n_defines, error);
  const tm_function_def *def = tm_module_kernel(module, name);
  if (!def)
    return tmi_fail_no_kernel(module, name, error);
  if (def->params.len > MOST_PARAMS)
    return tmi_fail(error, TM_E_LIMIT, "kernel '%s' has more than %d "
                    "parameters", name, MOST_PARAMS);
  tm_function *f = calloc(1, sizeof *f);
  if (!f) return tmi_fail_memory(error);
  pthread_mutex_init(&f->lock, NULL);
  pthread_cond_init(&f->changed, NULL);
  f->context = context;
  tmi_context_retain(context);
  f->module = (tm_module *)(uintptr_t)module;
  tmi_module_retain(module);
  f->name = strdup(name);
  status = fill(f, def, &options, error);
  if (status) {
    tm_function_destroy(f);
    return status;
  }
  *out = f;
  return TM_OK;
}

size_t tm_function_variants(const tm_function *function) {
  if (!function) return 0;
  tm_function *f = (tm_function *)(uintptr_t)function;
  pthread_mutex_lock(&f->lock);
  size_t n = f->n_variants;
  pthread_mutex_unlock(&f->lock);
  return n;
}

void tm_function_destroy(tm_function *f) {
  if (!f) return;
  for (size_t i = 0; f->buckets && i < f->n_buckets; i++) {
    for (variant *v = f->buckets[i], *next; v; v = next) {
      next = v->next;
      tmi_kernel_release(v->kernel);
      free(v);
    }
  }
  for (uint32_t i = 0; f->params && i < f->n_params; i++)
    if (f->params[i].define.tag == TM_GIVE_TEXT ||
        f->params[i].define.tag == TM_GIVE_FUNCTION)
      free((char *)(uintptr_t)f->params[i].define.u.text);
  tm_arena_free(&f->decorators);
  free(f->buckets);
  free(f->params);
  free(f->name);
  pthread_cond_destroy(&f->changed);
  pthread_mutex_destroy(&f->lock);
  tmi_module_release(f->module);
  tmi_context_release(f->context);
  free(f);
}
