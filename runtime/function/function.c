/* SPDX-License-Identifier: MIT */
/*
 * function.c - a kernel with its variants.
 *
 * A launch binds its arguments to the parameters and fills in what nobody
 * gave: from a configuration of @autotune, then from @heuristics (lib/host),
 * whose values are remembered for the arguments they were computed of. What
 * each argument says of its variant (specialize.c) makes the key; equal
 * keys, same variant. A variant that is missing is compiled by the one thread
 * that claims it (variants.c).
 *
 * All of that is on the stack, and nothing of it takes a lock when the
 * variant is there.
 */
#define _GNU_SOURCE
#include "function.h"

#include <stdlib.h>
#include <string.h>

enum {
  MOST_REMEMBERED = 4096 /* values of heuristics; with more sets of arguments
                            than that the rest are computed each time */
};

static const tm_arg nothing; /* TM_GIVE_NOTHING */

/* ---- binding ------------------------------------------------------------ */

/* Arguments by name, over those by place. */
static tm_status bind_named(const tmi_call *call, const tm_arg **bound,
                            tm_error **error) {
  const tm_function *f = call->function;
  for (size_t k = 0; k < call->options.n_named; k++) {
    const tm_define *named = &call->options.named[k];
    int i = named->name ? tmi_function_param(f, named->name) : -1;
    if (i < 0)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s' has no parameter named '%s'", f->name,
                      named->name ? named->name : "NULL");
    if ((size_t)i < call->n_args && call->args[i].tag != TM_GIVE_NOTHING)
      return tmi_fail(error, TM_E_ARGUMENT,
                      "kernel '%s': '%s' is given by place and by name",
                      f->name, named->name);
    bound[i] = &named->value;
  }
  return TM_OK;
}

/* The value of each parameter: by place, by name, by the function's defines;
 * else `nothing`. */
tm_status tmi_bind(const tmi_call *call, const tm_arg **bound,
                   tm_error **error) {
  const tm_function *f = call->function;
  if (call->n_args > f->n_params)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' has %u parameters and is given %zu", f->name,
                    (unsigned)f->n_params, call->n_args);
  for (uint32_t i = 0; i < f->n_params; i++)
    bound[i] = i < call->n_args ? &call->args[i] : &nothing;
  if (call->options.n_named) {
    tm_status status = bind_named(call, bound, error);
    if (status) return status;
  }
  for (uint32_t i = 0; f->has_defines && i < f->n_params; i++)
    if (bound[i]->tag == TM_GIVE_NOTHING && f->params[i].has_define)
      bound[i] = &f->params[i].define;
  return TM_OK;
}

static uint32_t first_missing(const tm_function *f,
                              const tm_arg *const *bound) {
  uint32_t i = 0;
  while (i < f->n_params &&
         (bound[i]->tag != TM_GIVE_NOTHING || f->params[i].has_default))
    i++;
  return i;
}

/* ---- heuristics ---------------------------------------------------------- */

tm_host_arg tmi_host_arg_of(const char *name, const tm_arg *arg) {
  /* Descriptors and tuples too are known only not to be None. */
  tm_host_arg out = {.name = name, .is_buffer = arg->tag == TM_GIVE_BUFFER ||
                                                !tmi_is_plain(arg)};
  switch (arg->tag) {
    case TM_GIVE_BUFFER:
      out.element_size = tmi_dtype_size(arg->dtype);
      break;
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

/* What the decorators set, by parameter; armed. */
static tm_status compute(tm_function *f, tm_arena *scratch,
                         const tm_arg *const *bound, const tm_arg **out,
                         tm_error **error) {
  tm_diags diags;
  tm_diags_init(&diags, scratch);
  diags.sources.data = tmi_module_box_of(f->module)->diags.sources.data;
  diags.sources.len = tmi_module_box_of(f->module)->diags.sources.len;
  tm_host_arg *args = TM_NEW_ARRAY(scratch, tm_host_arg, f->n_params + 1);
  uint32_t n = 0, count;
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i]->tag != TM_GIVE_NOTHING)
      args[n++] = tmi_host_arg_of(f->params[i].name, bound[i]);
  const tm_host_value *values;
  if (!tm_host_heuristics(scratch, &diags, f->def, args, n, &values, &count))
    return tmi_fail_diags(error, &diags);
  tm_arg *set = TM_NEW_ARRAY(scratch, tm_arg, f->n_params + 1);
  for (uint32_t k = 0; k < count; k++) {
    int i = tmi_function_param(f, values[k].name);
    if (i >= 0) set[i] = tmi_arg_of_const(&values[k].value);
  }
  *out = set;
  return TM_OK;
}

static bool has_text(const tm_arg *arg) {
  return arg->tag == TM_GIVE_TEXT || arg->tag == TM_GIVE_FUNCTION;
}

/* A copy in one block, text and all; NULL without memory. */
static tm_arg *keep(const tm_arg *set, uint32_t n) {
  size_t text = 0;
  for (uint32_t i = 0; i < n; i++)
    if (has_text(&set[i])) text += tmi_text_size(&set[i]) + 1;
  tm_arg *kept = calloc(1, (n + 1) * sizeof *kept + text);
  if (!kept) return NULL;
  char *at = (char *)&kept[n + 1];
  for (uint32_t i = 0; i < n; i++) {
    kept[i] = set[i];
    if (!has_text(&set[i])) continue;
    size_t size = tmi_text_size(&set[i]);
    memcpy(at, set[i].u.text, size);
    kept[i].u.text = at;
    at += size + 1;
  }
  return kept;
}

static tm_arena *scratch_of(tmi_choice *c) {
  if (!c->has_scratch) tm_arena_init(&c->scratch, 0);
  c->has_scratch = true;
  return &c->scratch;
}

/* compute() with the choice's scratch arena. */
static tm_status compute_guarded(tm_function *f, tmi_choice *c,
                                 const tm_arg **set, tm_error **error) {
  jmp_buf guard;
  volatile tm_status status = TM_E_MEMORY;
  tm_arena *scratch = scratch_of(c);
  if (tm_arena_guard(scratch, guard))
    status = compute(f, scratch, c->bound, set, error);
  else
    tmi_fail_memory(error);
  scratch->guard = NULL;
  return status;
}

/* Computes and remembers under the claimed key. */
static tm_status remember(tm_function *f, tmi_choice *c, tmi_making *making,
                          const tm_arg **set, tm_error **error) {
  const tm_arg *made;
  tm_status status = compute_guarded(f, c, &made, error);
  tm_arg *kept = status ? NULL : keep(made, f->n_params);
  if (kept)
    tmi_table_publish(&f->heuristics, making, kept);
  else
    tmi_table_withdraw(&f->heuristics, making);
  if (!status && !kept) return tmi_fail_memory(error);
  *set = kept;
  return status;
}

/* What @heuristics set for these arguments, by parameter. */
static tm_status heuristics(tm_function *f, tmi_choice *c, const tm_arg **set,
                            tm_error **error) {
  void *found = NULL;
  tmi_making *making;
  bool fits = true;
  c->key.used = 0; /* the variant's comes later */
  for (uint32_t i = 0; i < f->n_params && fits; i++)
    fits = tmi_key_put_value(&c->key, c->bound[i]);
  *set = fits ? tmi_table_find(&f->heuristics, &c->key) : NULL;
  if (*set) return TM_OK;
  if (!fits || atomic_load(&f->heuristics.n) >= MOST_REMEMBERED)
    return compute_guarded(f, c, set, error);
  switch (tmi_table_claim(&f->heuristics, &c->key, true, &found, &making)) {
    case TMI_CLAIM_MAKE: return remember(f, c, making, set, error);
    case TMI_CLAIM_FOUND: *set = found; return TM_OK;
    default: return tmi_fail_memory(error);
  }
}

static void fill_missing(const tm_function *f, const tm_arg *values,
                         const tm_arg **bound) {
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i]->tag == TM_GIVE_NOTHING) bound[i] = &values[i];
}

/* Looks at all arguments once: does one lack a value; are all plain? */
static bool has_gaps(const tm_function *f, tmi_choice *c) {
  bool gaps = false, plain = true;
  for (uint32_t i = 0; i < f->n_params; i++) {
    gaps |= c->bound[i]->tag == TM_GIVE_NOTHING;
    plain &= tmi_is_plain(c->bound[i]);
  }
  c->is_plain = plain;
  return gaps;
}

/* A hook sets up what its configuration's launches need: without it they may
 * compute something else. The caller who gives the values need not have it. */
static tm_status check_hook(const tm_function *f, const tmi_config *config,
                            const tm_arg *const *bound, tm_error **error) {
  bool sets = false, is_used = false;
  for (uint32_t i = 0; i < f->n_params; i++) {
    if (config->values[i].tag == TM_GIVE_NOTHING) continue;
    sets = true;
    is_used |= bound[i]->tag == TM_GIVE_NOTHING;
  }
  if (!is_used && sets) return TM_OK;
  return tmi_fail(error, TM_E_UNSUPPORTED,
                  "kernel '%s': the configuration (%s) has a pre_hook, Python "
                  "that is to run before its launches and is not run here: do "
                  "what it does, and give the values with the launch or "
                  "tm_function_options.configs",
                  f->name, config->text);
}

/* Completes the binding: from a configuration, then from @heuristics; then
 * every parameter must have a value or a default. */
static tm_status complete(tm_function *f, const tmi_config *config,
                          tmi_choice *c, tm_error **error) {
  tm_status status = TM_OK;
  if (config && config->has_hook)
    status = check_hook(f, config, c->bound, error);
  if (status) return status;
  /* Also over a parameter's default, as upstream. */
  if (config) fill_missing(f, config->values, c->bound);
  if (!has_gaps(f, c)) return TM_OK;
  if (f->has_heuristics) {
    const tm_arg *set;
    status = heuristics(f, c, &set, error);
    if (status) return status;
    fill_missing(f, set, c->bound); /* with plain values */
  }
  uint32_t i = first_missing(f, c->bound);
  if (i == f->n_params) return TM_OK;
  return tmi_fail(error, TM_E_ARGUMENT,
                  "kernel '%s': parameter '%s' is given no value%s%s", f->name,
                  f->params[i].name, f->trouble ? ": " : "",
                  f->trouble ? f->trouble : "");
}

/* ---- the key ------------------------------------------------------------- */

/* Describes every parameter, in the scratch arena; armed. */
static tm_status describe_all(const tm_function *f, tmi_choice *c,
                              tm_param_spec **out, tm_error **error) {
  tm_arena *scratch = &c->scratch;
  tm_param_spec *specs =
      TM_NEW_ARRAY(scratch, tm_param_spec, f->n_params + 1);
  tm_status status = TM_OK;
  for (uint32_t i = 0; i < f->n_params && !status; i++)
    status = tmi_specialize(f->name, scratch, &f->params[i], c->bound[i],
                            &specs[i], error);
  *out = specs;
  return status;
}

tm_status tmi_choice_specs(const tm_function *f, tmi_choice *c,
                           tm_param_spec **specs, tm_error **error) {
  jmp_buf guard;
  volatile tm_status status = TM_E_MEMORY;
  tm_arena *scratch = scratch_of(c);
  if (tm_arena_guard(scratch, guard))
    status = describe_all(f, c, specs, error);
  else
    tmi_fail_memory(error);
  scratch->guard = NULL;
  return status;
}

static tm_status put_described(const tm_function *f, tmi_choice *c, bool *fits,
                               tm_error **error) {
  tm_param_spec *specs;
  tm_status status = tmi_choice_specs(f, c, &specs, error);
  *fits = true;
  for (uint32_t i = 0; i < f->n_params && !status && *fits; i++)
    *fits = tmi_key_put_spec(&c->key, &specs[i]);
  return status;
}

static tm_status make_key(const tm_function *f, tmi_choice *c,
                          tm_error **error) {
  bool fits = true;
  c->key.used = 0;
  tmi_key_put(&c->key, c->num_warps | (uint64_t)c->num_stages << 32);
  tm_status status =
      c->is_plain ? tmi_key_put_plain(&c->key, f->name, f->params, f->n_params,
                                      c->bound, &fits, error)
                  : put_described(f, c, &fits, error);
  if (status || fits) return status;
  return tmi_fail(error, TM_E_LIMIT,
                  "kernel '%s': its compile-time values take more than %d "
                  "bytes",
                  f->name, TMI_KEY_WORDS * 8);
}

tm_status tmi_choose(const tmi_call *call, const tmi_config *config,
                     tmi_choice *c, tm_error **error) {
  tm_function *f = call->function;
  c->has_scratch = false;
  c->key = (tmi_key){c->words, TMI_KEY_WORDS, 0};
  tm_status status = tmi_bind(call, c->bound, error);
  if (status) return status;
  uint32_t warps = config && config->num_warps ? config->num_warps
                                               : f->num_warps;
  uint32_t stages = config && config->num_stages ? config->num_stages
                                                 : f->num_stages;
  c->num_warps = call->options.num_warps ? call->options.num_warps : warps;
  c->num_stages =
      call->options.num_stages ? call->options.num_stages : stages;
  status = complete(f, config, c, error);
  return status ? status : make_key(f, c, error);
}

void tmi_choice_free(tmi_choice *c) {
  if (c->has_scratch) tm_arena_free(&c->scratch);
}

/* ---- variants ------------------------------------------------------------ */

tm_status tmi_variant_compile(tm_function *f, const tm_param_spec *specs,
                              uint32_t num_warps, uint32_t num_stages,
                              bool is_plain, tmi_variant **out,
                              tm_error **error) {
  tmi_variant *v = calloc(1, sizeof *v + f->n_params);
  if (!v) return tmi_fail_memory(error);
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.params = specs;
  options.n_params = f->n_params;
  options.num_warps = num_warps;
  options.num_stages = num_stages;
  tm_status status = tmi_compile(&v->kernel, f->context, f->module, f->name,
                                &options, error);
  if (status) {
    free(v);
    return status;
  }
  v->is_plain = is_plain;
  for (uint32_t i = 0; i < f->n_params; i++)
    v->passed[i] = specs[i].form == TM_FORM_POINTER ||
                   specs[i].form == TM_FORM_NUMBER;
  *out = v;
  return TM_OK;
}

void tmi_variant_free(void *variant) {
  tmi_variant *v = variant;
  tmi_kernel_release(v->kernel);
  free(v);
}

static tm_status compile(tm_function *f, tmi_choice *c, tmi_variant **variant,
                         tm_error **error) {
  tm_param_spec *specs;
  tm_status status = tmi_choice_specs(f, c, &specs, error);
  if (status) return status;
  return tmi_variant_compile(f, specs, c->num_warps, c->num_stages,
                             c->is_plain, variant, error);
}

tm_status tmi_variant_of(tm_function *f, tmi_choice *c, tmi_variant **variant,
                         tm_error **error) {
  void *found = NULL;
  tmi_making *making;
  *variant = tmi_table_find(&f->variants, &c->key);
  if (*variant) return TM_OK;
  switch (tmi_table_claim(&f->variants, &c->key, true, &found, &making)) {
    case TMI_CLAIM_FOUND: *variant = found; return TM_OK;
    case TMI_CLAIM_MAKE: break;
    default: return tmi_fail_memory(error);
  }
  tm_status status = compile(f, c, variant, error);
  if (status)
    tmi_table_withdraw(&f->variants, making);
  else
    tmi_table_publish(&f->variants, making, *variant);
  return status;
}

tm_status tmi_variant_args(const tmi_variant *v, tmi_choice *c,
                           const tm_function *f, tmi_flat *flat,
                           tm_error **error) {
  flat->kernel = f->name;
  flat->n = 0;
  for (uint32_t i = 0; v->is_plain && i < f->n_params; i++)
    if (v->passed[i]) flat->args[flat->n++] = *c->bound[i];
  if (v->is_plain) return TM_OK;
  tm_param_spec *specs;
  tm_status status = tmi_choice_specs(f, c, &specs, error);
  for (uint32_t i = 0; i < f->n_params && !status; i++)
    status = tmi_flat_add(flat, &specs[i], f->params[i].name, c->bound[i],
                          error);
  return status;
}

/* ---- picking ------------------------------------------------------------- */

size_t tmi_defines_of(const tm_function *f, const tm_arg *const *bound,
                      tm_define *out) {
  size_t n = 0;
  for (uint32_t i = 0; i < f->n_params; i++)
    if (bound[i]->tag != TM_GIVE_NOTHING)
      out[n++] = (tm_define){f->params[i].name, *bound[i]};
  return n;
}

tm_grid tmi_grid_of(const tmi_call *call, const tmi_choice *c) {
  if (!call->options.grid_of) return call->grid;
  tm_define values[TMI_MOST_PARAMS];
  size_t n = tmi_defines_of(call->function, c->bound, values);
  tm_grid grid = call->grid;
  call->options.grid_of(call->options.payload, values, n, &grid);
  return grid;
}

static tm_status read_call(tmi_call *call, tm_function *f, const tm_arg *args,
                           size_t n_args, const tm_launch_options *given,
                           tm_error **error) {
  *call = (tmi_call){.function = f, .args = args, .n_args = n_args};
  tm_status status =
      tmi_check_args(args, n_args, "a call of a function", error);
  if (status || !given) return status;
  status =
      tmi_options(&call->options, sizeof call->options,
                  offsetof(tm_launch_options, into), given,
                  "tm_launch_options", error);
  if (status) return status;
  TMI_CHECK(call->options.named != NULL || !call->options.n_named, error);
  for (size_t i = 0; i < call->options.n_named && !status; i++)
    status = tmi_check_args(&call->options.named[i].value, 1,
                            "a call of a function", error);
  return status;
}

void tmi_forget(tm_error **error) {
  if (!error) return;
  tm_error_destroy(*error);
  *error = NULL;
}

static tm_status pick_with(const tmi_call *call, const tmi_config *config,
                           tmi_choice *c, tmi_variant **variant,
                           tm_error **error) {
  tm_function *f = call->function;
  tm_status status = tmi_choose(call, config, c, error);
  if (status) return status;
  if (f->background && call->is_launch)
    return tmi_variant_meanwhile(f, c, variant, error);
  return tmi_variant_of(f, c, variant, error);
}

/* Of several configurations: the one that the arguments' tuning has found. */
static tm_status pick_tuned(const tmi_call *call, tmi_choice *c,
                            tmi_variant **variant, tm_error **error) {
  tm_function *f = call->function;
  const tmi_record *record;
  c->has_scratch = false;
  c->key = (tmi_key){c->words, TMI_KEY_WORDS, 0};
  tm_status status = tmi_bind(call, c->bound, error);
  if (!status)
    status = tmi_record_of(call, c->bound, &c->key, &record, error);
  if (status) return status;
  for (uint32_t k = 0; k < record->n_order; k++) {
    status = pick_with(call, &f->configs[record->order[k]], c, variant, error);
    if (!tmi_may_pass_over(status) || k + 1 == record->n_order) break;
    tmi_choice_free(c);
    tmi_forget(error);
  }
  return status;
}

/* The choice and its variant; the caller frees the choice. */
static tm_status pick(const tmi_call *call, tmi_choice *c,
                      tmi_variant **variant, tm_error **error) {
  const tm_function *f = call->function;
  if (f->n_configs > 1) return pick_tuned(call, c, variant, error);
  return pick_with(call, f->configs, c, variant, error);
}

/* ---- the public calls --------------------------------------------------- */

tm_status tm_function_kernel(tm_kernel **kernel, tm_function *function,
                             const tm_arg *args, size_t n_args,
                             const tm_launch_options *options,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(kernel != NULL, error);
  *kernel = NULL;
  TMI_HANDLE(function, TMI_FUNCTION, error);
  TMI_CHECK_ALIVE(function, error);
  TMI_CHECK(args != NULL || !n_args, error);
  tmi_call call;
  tmi_choice c;
  tmi_variant *variant;
  tm_status status = read_call(&call, function, args, n_args, options, error);
  if (status) return status;
  status = pick(&call, &c, &variant, error);
  if (!status) {
    tmi_kernel_retain(variant->kernel);
    *kernel = tmi_handle_add(variant->kernel, TMI_KERNEL);
  }
  tmi_choice_free(&c);
  return status;
}

static tm_status launch(const tmi_call *call, const tmi_variant *variant,
                        tmi_choice *c, tm_error **error) {
  tmi_flat flat;
  tm_status status =
      tmi_variant_args(variant, c, call->function, &flat, error);
  if (status) return status;
  return tmi_launch(call->stream, call->options.into, variant->kernel,
                    tmi_grid_of(call, c), flat.args, flat.n, error);
}

tm_status tm_function_launch(tm_stream *stream, tm_function *function,
                             tm_grid grid, const tm_arg *args, size_t n_args,
                             const tm_launch_options *options,
                             tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(function, TMI_FUNCTION, error);
  TMI_CHECK_ALIVE(function, error);
  TMI_CHECK(args != NULL || !n_args, error);
  tmi_call call;
  tmi_choice c;
  tmi_variant *variant;
  tm_status status = read_call(&call, function, args, n_args, options, error);
  if (status) return status;
  TMI_CHECK(stream != NULL || call.options.into != NULL, error);
  if (stream) TMI_HANDLE(stream, TMI_STREAM, error);
  call.is_launch = true;
  call.stream = call.options.into ? NULL : stream;
  call.grid = grid;
  status = pick(&call, &c, &variant, error);
  if (!status) status = launch(&call, variant, &c, error);
  tmi_choice_free(&c);
  return status;
}

/* Compiles and loads one of the configurations. */
static tm_status warm(const tmi_call *call, const tmi_config *config,
                      tm_error **error) {
  tmi_choice c;
  tmi_variant *variant;
  tm_status status = pick_with(call, config, &c, &variant, error);
  if (!status) status = tmi_kernel_load(variant->kernel, error);
  tmi_choice_free(&c);
  return status;
}

/* All that pruning leaves; one must do, else the error is of the first. */
static tm_status warm_all(const tmi_call *call, uint32_t *list,
                          tm_error **error) {
  const tm_function *f = call->function;
  const tm_arg *bound[TMI_MOST_PARAMS];
  uint32_t n = 0, ready = 0;
  tm_error *kept = NULL, *fresh = NULL;
  tm_status first = TM_OK, status = tmi_bind(call, bound, error);
  if (!status) status = tmi_candidates(call, bound, list, &n, error);
  if (status) return status;
  for (uint32_t k = 0; k < n && !status; k++) {
    status = warm(call, &f->configs[list[k]], &fresh);
    if (!status) ready++;
    if (!tmi_may_pass_over(status)) continue;
    if (!first) {
      first = status;
      kept = fresh;
      fresh = NULL;
    }
    tmi_forget(&fresh);
    status = TM_OK;
  }
  if (!status && !ready) {
    status = first;
    fresh = kept;
    kept = NULL;
  }
  tm_error_destroy(kept);
  if (error)
    *error = fresh;
  else
    tm_error_destroy(fresh);
  return status;
}

tm_status tm_function_warmup(tm_function *function, const tm_arg *args,
                             size_t n_args, const tm_launch_options *options,
                             tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(function, TMI_FUNCTION, error);
  TMI_CHECK_ALIVE(function, error);
  TMI_CHECK(args != NULL || !n_args, error);
  tmi_call call;
  tm_status status = read_call(&call, function, args, n_args, options, error);
  if (status) return status;
  if (function->n_configs < 2) return warm(&call, function->configs, error);
  uint32_t *list = calloc(function->n_configs, sizeof *list);
  if (!list) return tmi_fail_memory(error);
  status = warm_all(&call, list, error);
  free(list);
  return status;
}

tm_status tm_function_create(tm_function **out, tm_context *context,
                             const tm_module *module, const char *name,
                             const tm_function_options *given,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_HANDLE(module, TMI_MODULE, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(name != NULL, error);
  tm_function_options options;
  tm_status status = tmi_options(&options, sizeof options,
                                 offsetof(tm_function_options, configs),
                                 given, "tm_function_options", error);
  if (status) return status;
  TMI_CHECK(options.defines != NULL || !options.n_defines, error);
  const tm_function_def *def = tm_module_kernel(module, name);
  if (!def)
    return tmi_fail_no_kernel(module, name, error);
  if (def->params.len > TMI_MOST_PARAMS)
    return tmi_fail(error, TM_E_LIMIT, "kernel '%s' has more than %d "
                    "parameters", name, TMI_MOST_PARAMS);
  tm_function *f = calloc(1, sizeof *f);
  if (!f) return tmi_fail_memory(error);
  tmi_table_init(&f->variants);
  tmi_table_init(&f->heuristics);
  tmi_table_init(&f->records);
  tmi_table_init(&f->failed);
  tm_arena_init(&f->decorators, 0);
  f->context = context;
  tmi_context_retain(context);
  f->module = (tm_module *)(uintptr_t)module;
  tmi_module_retain(module);
  f->name = strdup(name);
  status = f->name ? tmi_function_declare(f, def, &options, error)
                   : tmi_fail_memory(error);
  if (!status && options.background == TM_SWITCH_ON)
    status = tmi_background_start(f, error);
  if (status) {
    tm_function_destroy(f);
    return status;
  }
  *out = tmi_handle_add(f, TMI_FUNCTION);
  return TM_OK;
}

size_t tm_function_variants(const tm_function *function) {
  if (!TMI_IS_THERE(function, TMI_FUNCTION)) return 0;
  return atomic_load(&((tm_function *)(uintptr_t)function)->variants.n);
}

static void drop_nothing(void *value) { (void)value; }

void tm_function_destroy(tm_function *f) {
  if (!f || !tmi_handle_drop(f, TMI_FUNCTION, __func__) ||
      tmi_is_forked(f->context))
    return;
  tmi_background_stop(f);
  tmi_table_free(&f->failed, drop_nothing);
  tmi_table_free(&f->variants, tmi_variant_free);
  tmi_table_free(&f->heuristics, free);
  tmi_table_free(&f->records, tmi_record_free);
  tm_arena_free(&f->decorators);
  free(f->name);
  tmi_module_release(f->module);
  tmi_context_release(f->context);
  tmi_handle_free(f);
}
