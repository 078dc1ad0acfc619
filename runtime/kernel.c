/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - tm_compile: from the cache, or from the compiler.
 *
 *   spec from signature, params, defines
 *   key  = build + chip + options + spec + every text of the module's set
 *   row found and sound -> program      else compile -> program -> row
 *   program + spec -> tm_kernel;  first launch -> MTLComputePipelineState
 *   nodes of a graph -> fused TTIR (graph_fuse.c) -> the same way
 *
 * The key holds the texts themselves, whole, rather than what the kernel is
 * thought to depend on: an edit anywhere in the files compiles again, and
 * nothing stale can be found. The stages before MSL are not stored, since
 * they can be made again from what the kernel keeps.
 */
#define _GNU_SOURCE
#include "archive.h"
#include "compile_report.h"
#include "graph/graph.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
  KEY_FORMAT = 4,
  CLAIM_WAIT_MS = 2000 /* for another process that compiles the same; more
                          than the largest kernel takes */
};

/* ---- the build ---------------------------------------------------------- */

/* A compiler that was changed must not find its older self's kernels, and the
 * same compiler on another machine must find those of a pack: the Makefile
 * gives a checksum of its sources. Without one, the file that this code is in
 * stands for it, by time and size. */
static pthread_once_t build_once = PTHREAD_ONCE_INIT;
static char build_id[128];

static void make_build_id(void) {
#if defined(TM_COMPILER_ID)
  snprintf(build_id, sizeof build_id, "%s", TM_COMPILER_ID);
#else
  Dl_info info;
  void *address;
  void (*self)(void) = make_build_id;
  memcpy(&address, &self, sizeof address);
  struct stat st;
  const char *path = dladdr(address, &info) ? info.dli_fname : NULL;
  if (!path || stat(path, &st) != 0) path = "/proc/self/exe";
  if (stat(path, &st) != 0) memset(&st, 0, sizeof st);
#if defined(__APPLE__)
  long fraction = st.st_mtimespec.tv_nsec;
#else
  long fraction = st.st_mtim.tv_nsec;
#endif
  snprintf(build_id, sizeof build_id, "%s %lld.%09ld %lld", TM_VERSION_STRING,
           (long long)st.st_mtime, fraction, (long long)st.st_size);
#endif
}

/* ---- the key ------------------------------------------------------------ */

void tmi_key_source(tm_buf *key, const tm_module *module, const char *name) {
  pthread_once(&build_once, make_build_id);
  tmi_key_text(key, build_id);
  tmi_key_text(key, name);
  tmi_key_text(key, module->name);
  const tm_modules *set = module->owner;
  tmi_key_number(key, set->list.len);
  for (uint32_t i = 0; i < set->list.len; i++) {
    const tm_module *each = set->list.data[i];
    tm_str text = set->diags->sources.data[each->file - 1].text;
    tmi_key_text(key, each->name);
    tmi_key_number(key, each->is_package);
    tmi_key_bytes(key, text.ptr, text.len);
  }
  tmi_key_number(key, set->customs.len);
  for (uint32_t i = 0; i < set->customs.len; i++) {
    const tm_custom *custom = &set->customs.data[i];
    tmi_key_text(key, custom->name);
    tmi_key_text(key, custom->signature);
    tmi_key_bytes(key, custom->text.ptr, custom->text.len);
  }
}

/* Everything the program is a function of. */
static void make_key(const tm_module *module, const char *name,
                     const tm_spec *spec, const tm_chip *chip,
                     bool tensor_ops, const tmi_settings *settings,
                     tm_buf *key) {
  tmi_key_number(key, KEY_FORMAT);
  tmi_key_text(key, chip->name);
  tmi_key_number(key, settings->optimization_level);
  tmi_key_number(key, settings->layout_seed);
  tmi_key_number(key, tensor_ops);
  tmi_key_number(key, spec->num_warps);
  tmi_key_number(key, spec->num_stages);
  tmi_key_number(key, spec->debug);
  tmi_key_number(key, spec->may_overlap);
  tmi_key_spec(key, spec);
  tmi_key_source(key, module, name);
}

/* ---- the compiler ------------------------------------------------------- */

/* What one compile works with. */
typedef struct job {
  tm_context *context;
  const tm_module *module;
  const tm_function_def *function;
  const char *name;
  bool has_spec;         /* else from the options */
  tm_compile_options options;
  tm_arena *arena;
  tm_diags *diags;
  const tm_chip *chip;
  bool tensor_ops;       /* with tensor operations */
  tm_spec spec;
  tm_kernel *made;
  tm_store_claim claim;  /* of the row that is being made */
  tmi_compile_report report;
  tmi_fusion *fusion;    /* not of name but of a graph's nodes; or NULL */
  tm_ir *ir;             /* what fusing made */
} job;

void tmi_share_sources(const tm_module *module, tm_diags *diags) {
  const tm_diags *from = module->owner->diags;
  for (uint32_t i = 0; i < from->sources.len; i++)
    tm_diags_source(diags, from->sources.data[i].name,
                    from->sources.data[i].text);
}

/* What is not needed for a right program. */
static const char *passes_to_skip(uint32_t optimization_level) {
  return optimization_level < 2 ? "cse,licm" : NULL;
}

/* What every compile of one kernel has in common. */
static tm_request request_of(const tm_context *context,
                             const tm_module *module, const char *name,
                             const tm_spec *spec, const tm_chip *chip,
                             bool tensor_ops) {
  return (tm_request){
      .module = module,
      .kernel = name,
      .spec = *spec,
      .chip = chip,
      .skip_passes = passes_to_skip(context->settings.optimization_level),
      .layout_seed = context->settings.layout_seed,
      .tensor_ops = tensor_ops};
}

/* Compiles a kernel again. Inside the arena's guard. */
static bool compile_again(const tm_kernel *kernel, tm_arena *arena,
                          tm_diags *diags, const tm_request *request,
                          tm_result *out) {
  if (!kernel->fused) {
    tmi_share_sources(kernel->module, diags);
    return tm_compile_kernel(arena, diags, request, out);
  }
  uint32_t file = tm_diags_source(diags, "fused", tm_cstr(kernel->fused));
  tm_ir *ir = tm_ir_parse(arena, diags, file);
  return ir && tm_compile_ir(arena, diags, request, ir, out);
}

/* The request that made a kernel, to compile it again. */
static tm_request request_again(const tm_kernel *kernel) {
  return request_of(kernel->context, kernel->module, kernel->facts.name,
                    &kernel->spec, kernel->chip, kernel->tensor_ops);
}

static tm_status compile(job *j, tm_program *out, tm_error **error) {
  tm_request request =
      request_of(j->context, j->module, j->name, &j->spec, j->chip,
                 j->tensor_ops);
  tm_result result;
  if (j->report.is_wanted) {
    request.print = tmi_note_pass;
    request.stage = tmi_note_stage;
    request.payload = &j->report;
    j->report.last = tmi_seconds();
  }
  bool ok = j->ir ? tm_compile_ir(j->arena, j->diags, &request, j->ir, &result)
                  : tm_compile_kernel(j->arena, j->diags, &request, &result);
  if (!ok) return tmi_fail_diags(error, j->diags);
  const tm_msl *msl = &result.msl;
  *out = (tm_program){.msl = msl->text,
                      .msl_size = strlen(msl->text),
                      .entry = msl->entry,
                      .args = msl->args,
                      .n_args = msl->n_args,
                      .scalars_slot = msl->scalars_slot,
                      .scalars_size = msl->scalars_size,
                      .uses_addresses = msl->uses_addresses,
                      .uses_log = msl->uses_log,
                      .log_slot = msl->log_slot,
                      .sites = msl->sites,
                      .n_sites = msl->n_sites,
                      .threads = msl->threads,
                      .threadgroup_bytes = msl->threadgroup_bytes,
                      .language_version = msl->language_version,
                      .family = msl->family,
                      .num_warps = result.num_warps,
                      .num_stages = result.num_stages};
  if (tm_program_is_sound(out)) return TM_OK;
  return tmi_fail(error, TM_E_INTERNAL,
                  "kernel '%s': the compiler's result is not consistent",
                  j->name);
}

/* ---- kernels ------------------------------------------------------------ */

static char *copy_text(tm_arena *arena, const char *text) {
  return tm_strndup(arena, text, strlen(text));
}

static void copy_program(tm_arena *arena, const tm_program *from,
                         tm_program *to) {
  *to = *from;
  to->msl = tm_strndup(arena, from->msl, from->msl_size);
  to->entry = copy_text(arena, from->entry);
  tm_msl_arg *args = TM_NEW_ARRAY(arena, tm_msl_arg, from->n_args + 1);
  for (uint32_t i = 0; i < from->n_args; i++) {
    args[i] = from->args[i];
    args[i].name = copy_text(arena, from->args[i].name);
  }
  to->args = args;
  tm_msl_site *sites = TM_NEW_ARRAY(arena, tm_msl_site, from->n_sites + 1);
  for (uint32_t i = 0; i < from->n_sites; i++) {
    sites[i] = from->sites[i];
    sites[i].text = copy_text(arena, from->sites[i].text);
    sites[i].file = copy_text(arena, from->sites[i].file);
  }
  to->sites = sites;
}

static bool fill_kernel(tm_kernel *kernel, const job *j,
                        const tm_program *program) {
  copy_program(&kernel->arena, program, &kernel->program);
  tmi_spec_copy(&kernel->arena, &j->spec, &kernel->spec);
  kernel->spec.num_warps = program->num_warps; /* when the compiler chose */
  kernel->chip = j->chip;
  kernel->facts.struct_size = sizeof kernel->facts;
  kernel->facts.name = copy_text(&kernel->arena, j->name);
  kernel->facts.chip = j->chip->name;
  kernel->facts.num_warps = program->num_warps;
  kernel->facts.num_stages = program->num_stages;
  kernel->facts.threads = program->threads;
  kernel->facts.threadgroup_bytes = program->threadgroup_bytes;
  kernel->facts.language_version = program->language_version;
  kernel->facts.family = program->family;
  return tmi_kernel_join(kernel);
}

/* fill_kernel under the guard of the kernel's arena. */
static bool fill_guarded(tm_kernel *kernel, const job *j,
                         const tm_program *program, bool *no_memory) {
  jmp_buf guard;
  volatile bool fits = false;
  *no_memory = true;
  if (tm_arena_guard(&kernel->arena, guard)) {
    fits = fill_kernel(kernel, j, program);
    *no_memory = false;
  }
  kernel->arena.guard = NULL;
  return fits;
}

/* NULL with *no_memory, or because program and spec do not fit. */
static tm_kernel *new_kernel(const job *j, const tm_program *program,
                             bool *no_memory) {
  *no_memory = true;
  tm_kernel *kernel = calloc(1, sizeof *kernel);
  if (!kernel) return NULL;
  tm_arena_init(&kernel->arena, 0);
  if (!fill_guarded(kernel, j, program, no_memory)) {
    tm_arena_free(&kernel->arena);
    free(kernel);
    return NULL;
  }
  atomic_init(&kernel->references, 1);
  pthread_mutex_init(&kernel->lock, NULL);
  kernel->cache = j->options.cache;
  kernel->tensor_ops = j->tensor_ops;
  kernel->context = j->context;
  tmi_context_retain(j->context);
  kernel->module = (tm_module *)(uintptr_t)j->module;
  tmi_module_retain(kernel->module);
  return kernel;
}

/* ---- tm_compile --------------------------------------------------------- */

/* Why the cache did not do what it was asked for: an error, or `otherwise`. */
static void note_trouble(job *j, uint64_t failures_before,
                         const char *otherwise) {
  if (!j->report.is_wanted) return;
  tm_store_stats stats;
  tm_store_get_stats(j->context->store, &stats);
  bool failed = stats.failures > failures_before && stats.trouble[0];
  tmi_note_cache(&j->report, "%s", failed ? stats.trouble : otherwise);
}

static uint64_t failures_of(const job *j) {
  if (!j->report.is_wanted) return 0;
  tm_store_stats stats;
  tm_store_get_stats(j->context->store, &stats);
  return stats.failures;
}

/* The kernel of a row's bytes; NULL when they are not sound. */
static tm_kernel *read_row(job *j, const void *value, size_t size) {
  /* The row's own arena: one that is bad must not cost the compile's. */
  tm_arena arena;
  tm_arena_init(&arena, 256 << 20);
  jmp_buf guard;
  tm_kernel *volatile kernel = NULL;
  if (tm_arena_guard(&arena, guard)) {
    tm_program program;
    bool no_memory;
    if (tm_program_read(&arena, value, size, &program) &&
        (!j->spec.num_warps || program.num_warps == j->spec.num_warps))
      kernel = new_kernel(j, &program, &no_memory);
  }
  tm_arena_free(&arena);
  return kernel;
}

/* A kernel from the cache; NULL: not there, or not sound. */
static tm_kernel *find_row(job *j, const tm_buf *key) {
  void *value;
  size_t size;
  uint64_t failures = failures_of(j);
  if (!tm_store_get(j->context->store, "kernel", key->data, key->len, &value,
                    &size)) {
    tmi_note_cache(&j->report, "miss: ");
    note_trouble(j, failures, "no row has its key");
    return NULL;
  }
  tm_kernel *kernel = read_row(j, value, size);
  free(value);
  tmi_note_cache(&j->report,
                 kernel ? "hit" : "miss: its row is not sound");
  return kernel;
}

static void store_row(job *j, const tm_buf *key, const tm_program *program) {
  tm_buf row = tm_buf_in(j->arena);
  tm_program_write(program, &row);
  tm_buf label = tm_buf_in(j->arena);
  tm_buf_printf(&label, "%s for %s", j->name, j->chip->name);
  tm_store *store = j->context->store;
  uint64_t failures = failures_of(j);
  if (tm_store_put(store, "kernel", key->data, key->len, row.data, row.len,
                   tm_buf_text(&label))) {
    tmi_note_cache(&j->report, "; stored, %zu bytes in %s", row.len,
                   tm_store_path(store));
    return;
  }
  tmi_note_cache(&j->report, "; not stored: ");
  note_trouble(j, failures, "the file cannot be written");
}

static tm_status check_limits(const job *j, const tm_program *program,
                              tm_error **error) {
  uint32_t most = j->context->settings.max_threadgroup_bytes;
  if (!most || program->threadgroup_bytes <= most) return TM_OK;
  return tmi_fail(error, TM_E_LIMIT,
                  "kernel '%s' needs %u bytes of threadgroup memory and the "
                  "settings allow %u (max_shared_memory)",
                  j->name, (unsigned)program->threadgroup_bytes,
                  (unsigned)most);
}

/* Compiles, and stores what came of it. key is empty without a cache. */
static tm_status make_anew(job *j, const tm_buf *key, tm_error **error) {
  tm_program program;
  tm_status status = compile(j, &program, error);
  if (!status) status = check_limits(j, &program, error);
  if (status) return status;
  bool no_memory;
  j->made = new_kernel(j, &program, &no_memory);
  if (!j->made)
    return no_memory ? tmi_fail_memory(error)
                     : tmi_fail(error, TM_E_INTERNAL,
                                "kernel '%s': the compiler's arguments are "
                                "not those of the signature",
                                j->name);
  if (key->len) store_row(j, key, &program);
  return TM_OK;
}

/* From the cache, or made anew while other processes that want the same
 * kernel wait for it. */
static tm_status find_or_make(job *j, const tm_buf *key, tm_error **error) {
  tm_store *store = j->context->store;
  j->made = find_row(j, key);
  if (!j->made) {
    /* The arena's guard passes by when memory ends, so what must be undone
     * is in the job: run_job does it. */
    j->claim = tm_store_claim_row(store, "kernel", key->data, key->len,
                                  CLAIM_WAIT_MS);
    if (j->claim.waited) {
      tmi_note_cache(&j->report, "; another process made it meanwhile: ");
      j->made = find_row(j, key);
    }
  }
  if (!j->made) {
    tm_status status = make_anew(j, key, error);
    tmi_cache_warn(j->context);
    return status;
  }
  j->made->facts.from_cache = 1;
  return check_limits(j, &j->made->program, error);
}

/* A fused kernel is a function of its TTIR, and of the texts that the places
 * and names in it come from. */
static void make_fused_key(const job *j, const char *text, tm_buf *key) {
  const tmi_fusion *fusion = j->fusion;
  tmi_key_text(key, "fused");
  for (uint32_t n = 0; n < fusion->n_nodes; n++) {
    const tm_kernel *k =
        fusion->graph->nodes.data[fusion->first + n].kernel;
    make_key(k->module, k->facts.name, &k->spec, k->chip, k->tensor_ops,
             &j->context->settings, key);
  }
  tmi_key_text(key, text);
}

static tm_status make_fused(job *j, tm_error **error) {
  tm_status status = tmi_fusion_prove(j->fusion, j->arena, j->diags, &j->ir,
                                      &j->spec, error);
  if (status || !j->ir || !j->fusion->compile) return status;
  j->name = j->ir->funcs.data[0].name;
  tm_buf key = tm_buf_in(j->arena), text = tm_buf_in(j->arena);
  tm_ir_print(j->ir, &text);
  const char *ttir = tm_buf_text(&text);
  if (j->options.cache != TM_SWITCH_OFF && tm_store_path(j->context->store)) {
    make_fused_key(j, ttir, &key);
    tm_store_hash("kernel", key.data, key.len, &j->report.hash[0],
                  &j->report.hash[1]);
    status = find_or_make(j, &key, error);
  } else {
    tmi_note_cache(&j->report, "off");
    status = make_anew(j, &key, error);
  }
  if (status) return status;
  j->made->fused = strdup(ttir);
  return j->made->fused ? TM_OK : tmi_fail_memory(error);
}

/* Inside the arena's guard. */
static tm_status make_kernel(job *j, tm_error **error) {
  tm_diags_init(j->diags, j->arena);
  if (j->fusion) return make_fused(j, error);
  tmi_share_sources(j->module, j->diags);
  tm_status status = TM_OK;
  if (!j->has_spec)
    status = tmi_spec_read(j->context, j->function, &j->options, j->arena,
                           j->diags, &j->spec, error);
  if (status) return status;
  tm_buf key = tm_buf_in(j->arena), none = tm_buf_in(j->arena);
  bool off = j->options.cache == TM_SWITCH_OFF;
  bool cached = !off && tm_store_path(j->context->store);
  if (cached || j->report.is_wanted || j->context->settings.dump_dir) {
    make_key(j->module, j->name, &j->spec, j->chip, j->tensor_ops,
             &j->context->settings, &key);
    tm_store_hash("kernel", key.data, key.len, &j->report.hash[0],
                  &j->report.hash[1]);
  }
  if (cached) return find_or_make(j, &key, error);
  tmi_note_cache(&j->report, "off, by %s",
                 off ? "the options of this compile" : "the settings");
  return make_anew(j, &none, error);
}

/* The job in an arena of its own. */
static tm_status run_job(job *j, tm_error **error) {
  j->report.is_wanted = j->context->settings.debug_level >= 1;
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
  volatile tm_status status;
  tm_arena_init(&arena, 0);
  j->arena = &arena;
  j->diags = &diags;
  j->claim.file = -1;
  if (tm_arena_guard(&arena, guard))
    status = make_kernel(j, error);
  else
    status = tmi_fail_memory(error);
  tm_store_release_row(&j->claim);
  tm_arena_free(&arena);
  return status;
}

/* The job and all that is told of it. start: when it was asked for. */
static tm_status finish_job(job *j, double start, tm_error **error) {
  tm_status status = run_job(j, error);
  tm_kernel *made = j->made;
  if (status) {
    tmi_log(j->context, 1, "%s for %s: not compiled: %s", j->name,
            j->chip->name, error && *error ? tm_error_message(*error)
                                           : tm_status_text(status));
    tmi_kernel_release(made);
    j->made = NULL;
    return status;
  }
  made->facts.compile_seconds = tmi_seconds() - start;
  tmi_tell_compile(made, &j->report);
  tmi_log(j->context, 3, "%s", made->program.msl);
  tmi_profile_compiled(made, made->facts.compile_seconds);
  tmi_dump_kernel(made, j->report.hash);
  return TM_OK;
}

tm_status tm_compile(tm_kernel **out, tm_context *context,
                     const tm_module *module, const char *name,
                     const tm_compile_options *given, tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(out != NULL, error);
  *out = NULL;
  TMI_HANDLE(context, TMI_CONTEXT, error);
  TMI_HANDLE(module, TMI_MODULE, error);
  TMI_CHECK_CONTEXT(context, error);
  TMI_CHECK(name != NULL, error);
  tm_status status = tmi_compile(out, context, module, name, given, error);
  tmi_handle_add(*out, TMI_KERNEL);
  return status;
}

tm_status tmi_compile(tm_kernel **out, tm_context *context,
                      const tm_module *module, const char *name,
                      const tm_compile_options *given, tm_error **error) {
  *out = NULL;
  double start = tmi_seconds();
  job j = {.context = context, .module = module, .name = name};
  tm_status status =
      tmi_options(&j.options, sizeof j.options, sizeof j.options, given,
                  "tm_compile_options", error);
  if (status) return status;
  if (j.options.tensor_ops > TM_SWITCH_OFF)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "tensor_ops of tm_compile_options is none of "
                    "TM_SWITCH_DEFAULT, _ON and _OFF");
  j.function = tm_module_kernel(module, name);
  if (!j.function)
    return tmi_fail_no_kernel(module, name, error);
  status = tmi_context_chip(context, j.options.chip, &j.chip, error);
  if (!status)
    status = tmi_choose_tensors(context, name, j.chip, j.options.tensor_ops,
                                &j.tensor_ops, error);
  if (status) return status;
  status = finish_job(&j, start, error);
  *out = j.made;
  return status;
}

tm_status tmi_kernel_fuse(tmi_fusion *fusion, tm_kernel **out,
                          tm_error **error) {
  double start = tmi_seconds();
  const tm_kernel *first = fusion->graph->nodes.data[fusion->first].kernel;
  job j = {.context = first->context,
           .module = first->module,
           .options = {.cache = first->cache},
           .chip = first->chip,
           .tensor_ops = first->tensor_ops,
           .fusion = fusion};
  tm_status status = run_job(&j, error);
  *out = NULL;
  if (status)
    tmi_kernel_release(j.made);
  else
    *out = j.made;
  if (!*out) return status;
  j.made->facts.compile_seconds = tmi_seconds() - start;
  tmi_tell_compile(j.made, &j.report);
  tmi_log(first->context, 3, "%s", j.made->program.msl);
  tmi_profile_compiled(j.made, j.made->facts.compile_seconds);
  tmi_dump_kernel(j.made, j.report.hash);
  return status;
}

/* Lock held. */
static tm_status compile_overlapping(tm_kernel *kernel, tm_error **error) {
  job j = {.context = kernel->context,
           .module = kernel->module,
           .name = kernel->facts.name,
           .has_spec = true,
           .options = {.cache = kernel->cache},
           .chip = kernel->chip,
           .tensor_ops = kernel->tensor_ops,
           .spec = kernel->spec};
  j.spec.may_overlap = true;
  tm_status status = finish_job(&j, tmi_seconds(), error);
  if (status) return status;
  /* It does the same with each buffer; where they come by address the compiler
   * can only say what is done with any of them, and streams would order
   * launches that share nothing. */
  for (uint32_t i = 0; i < kernel->program.n_args; i++) {
    j.made->slots[i].reads = kernel->slots[i].reads;
    j.made->slots[i].writes = kernel->slots[i].writes;
  }
  atomic_store_explicit(&kernel->overlapping, j.made, memory_order_release);
  return TM_OK;
}

tm_status tmi_kernel_overlapping(tm_kernel *kernel, tm_kernel **out,
                                 tm_error **error) {
  tm_status status = TM_OK;
  *out = atomic_load_explicit(&kernel->overlapping, memory_order_acquire);
  if (*out) return TM_OK;
  pthread_mutex_lock(&kernel->lock);
  if (!kernel->overlapping) status = compile_overlapping(kernel, error);
  *out = kernel->overlapping;
  pthread_mutex_unlock(&kernel->lock);
  return status;
}

void tmi_kernel_retain(tm_kernel *kernel) {
  atomic_fetch_add_explicit(&kernel->references, 1, memory_order_relaxed);
}

void tmi_kernel_release(tm_kernel *kernel) {
  if (!kernel || tmi_is_forked(kernel->context) ||
      atomic_fetch_sub(&kernel->references, 1) != 1)
    return;
  tm_context *context = kernel->context;
  if (kernel->is_loaded) tm_metal_pipeline_destroy(&kernel->pipeline);
  tmi_kernel_release(kernel->overlapping);
  tmi_module_release(kernel->module);
  pthread_mutex_destroy(&kernel->lock);
  tm_arena_free(&kernel->arena);
  free(kernel->fused);
  tmi_handle_free(kernel);
  tmi_context_release(context);
}

void tm_kernel_destroy(tm_kernel *kernel) {
  if (kernel && tmi_handle_drop(kernel, TMI_KERNEL, __func__))
    tmi_kernel_release(kernel);
}

const tm_kernel_facts *tm_kernel_info(const tm_kernel *kernel) {
  return TMI_IS_THERE(kernel, TMI_KERNEL) ? &kernel->facts : NULL;
}

/* ---- the pipeline ------------------------------------------------------- */

/* Before Metal sees it. */
static tm_status fits_device(const tm_kernel *kernel, tm_error **error) {
  const tm_metal_device *device = &kernel->context->device;
  const tm_program *p = &kernel->program;
  const char *name = kernel->facts.name, *trouble;
  if (p->family > device->family)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s' was compiled for %s and needs Apple%u; %s "
                    "is Apple%u: compile for its own chip",
                    name, kernel->facts.chip, (unsigned)p->family,
                    device->name, (unsigned)device->family);
  if (device->language_version &&
      p->language_version > device->language_version)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s' needs MSL %u.%u and this system has %u.%u",
                    name, (unsigned)(p->language_version >> 16),
                    (unsigned)(p->language_version & 0xffff),
                    (unsigned)(device->language_version >> 16),
                    (unsigned)(device->language_version & 0xffff));
  if (p->threadgroup_bytes > device->threadgroup_bytes)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s' needs %u bytes of threadgroup memory and the "
                    "device has %u",
                    name, (unsigned)p->threadgroup_bytes,
                    (unsigned)device->threadgroup_bytes);
  if (p->language_version >= TM_MSL_TENSORS &&
      !tmi_context_tensors(kernel->context, &trouble))
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "kernel '%s' uses tensor operations, which are off on %s: "
                    "%s; compile it with tensor_ops off",
                    name, device->name, trouble);
  return TM_OK;
}

/* A dispatch of more threads than the pipeline takes is dropped without an
 * error; so it is refused here. */
static tm_status fits_pipeline(const tm_kernel *kernel,
                               const tm_metal_pipeline *made,
                               tm_error **error) {
  if (made->width != TM_SIMD_WIDTH)
    return tmi_fail(error, TM_E_UNSUPPORTED,
                    "the device's simdgroups have %u threads, not %d",
                    (unsigned)made->width, TM_SIMD_WIDTH);
  if (made->max_threads < kernel->program.threads)
    return tmi_fail(error, TM_E_LIMIT,
                    "kernel '%s' has %u threads in a threadgroup and Metal's "
                    "compiler allows it %u: use fewer warps or smaller blocks",
                    kernel->facts.name, (unsigned)kernel->program.threads,
                    (unsigned)made->max_threads);
  return TM_OK;
}

/* Lock held. */
static tm_status make_pipeline(tm_kernel *kernel, tm_error **error) {
  const tm_metal_device *device = &kernel->context->device;
  const tm_program *p = &kernel->program;
  tm_status status = fits_device(kernel, error);
  if (status) return status;
  double start = tmi_seconds();
  char what[200], *text;
  snprintf(what, sizeof what, "kernel '%s': ", kernel->facts.name);
  tm_id library = tm_metal_library_compile(device, p->msl, p->msl_size,
                                           p->language_version, &text);
  if (!library)
    return tmi_fail_metal(error, TM_E_METAL_COMPILE, what, text);
  tm_metal_pipeline made;
  bool is_archived = tmi_archive_load(kernel, library, &made);
  bool ok = is_archived || tm_metal_pipeline_create(&made, device, library,
                                                    p->entry, &text);
  if (ok && !is_archived) tmi_archive_keep(kernel, library);
  tm_metal_release(library);
  if (!ok) return tmi_fail_metal(error, TM_E_METAL_COMPILE, what, text);
  if ((status = fits_pipeline(kernel, &made, error))) {
    tm_metal_pipeline_destroy(&made);
    return status;
  }
  kernel->pipeline = made;
  atomic_store_explicit(&kernel->is_loaded, true, memory_order_release);
  double seconds = tmi_seconds() - start;
  tmi_log(kernel->context, 1, "%s: Metal %s it in %.1f ms",
          kernel->facts.name,
          is_archived ? "loaded the archive of" : "compiled", seconds * 1e3);
  tmi_profile_loaded(kernel, seconds);
  return TM_OK;
}

tm_status tm_kernel_load(tm_kernel *kernel, tm_error **error) {
  tmi_begin(error);
  TMI_HANDLE(kernel, TMI_KERNEL, error);
  TMI_CHECK_ALIVE(kernel, error);
  return tmi_kernel_load(kernel, error);
}

tm_status tmi_kernel_load(tm_kernel *kernel, tm_error **error) {
  if (atomic_load_explicit(&kernel->is_loaded, memory_order_acquire))
    return TM_OK;
  tm_status status = tmi_context_device(kernel->context, error);
  if (status) return status;
  pthread_mutex_lock(&kernel->lock);
  if (!kernel->is_loaded) status = make_pipeline(kernel, error);
  pthread_mutex_unlock(&kernel->lock);
  return status;
}

/* ---- the estimate -------------------------------------------------------- */

/* The numbers of a launch as the compiler wants them. */
static tm_status read_numbers(const tm_kernel *kernel, const tm_arg *args,
                              size_t n, int64_t *out, tm_error **error) {
  if (n != kernel->facts.n_args)
    return tmi_fail(error, TM_E_ARGUMENT,
                    "kernel '%s' takes %zu arguments, %zu were given",
                    kernel->facts.name, kernel->facts.n_args, n);
  for (size_t i = 0; i < n; i++)
    if (args[i].tag == TM_GIVE_INT || args[i].tag == TM_GIVE_BOOL)
      out[i] = args[i].u.i;
  return TM_OK;
}

/* Compiles again, counting. */
static bool count_launch(tm_kernel *kernel, const tm_cost_launch *launch,
                         tm_cost *cost) {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
  volatile bool ok = false; /* as it is when memory runs out */
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard)) {
    tm_diags_init(&diags, &arena);
    tm_request request = request_again(kernel);
    request.launch = launch;
    tm_result result;
    ok = compile_again(kernel, &arena, &diags, &request, &result);
    if (ok) *cost = result.cost;
  }
  tm_arena_free(&arena);
  return ok;
}

static tm_estimate estimate_of(const tm_cost *cost, const tm_kernel *kernel) {
  tm_roofline r = tm_roofline_of(cost, kernel->chip);
  tm_occupancy o = tm_occupancy_of(cost->registers, kernel->facts.threads,
                                   kernel->facts.threadgroup_bytes,
                                   kernel->chip);
  return (tm_estimate){
      .bytes_read = cost->read,
      .bytes_written = cost->written,
      .bytes_asked = cost->asked_read + cost->asked_written,
      .flops = cost->flops,
      .matrix_flops = cost->matrix_flops,
      .threadgroup_bytes = cost->threadgroup,
      .registers = cost->registers,
      .is_exact = cost->is_exact,
      .memory_seconds = r.seconds[TM_BOUND_MEMORY],
      .arithmetic_seconds = r.seconds[TM_BOUND_ALU],
      .matrix_seconds = r.seconds[TM_BOUND_MATRIX],
      .threadgroup_seconds = r.seconds[TM_BOUND_THREADGROUP],
      .seconds = r.seconds[r.bound],
      .bound = tm_bound_name(r.bound),
      .threadgroups_per_core = o.threadgroups,
      .occupancy_limit = o.limit};
}

tm_status tm_kernel_estimate(tm_estimate *estimate, tm_kernel *kernel,
                             tm_grid grid, const tm_arg *args, size_t n_args,
                             tm_error **error) {
  tmi_begin(error);
  TMI_CHECK(estimate && kernel && (args || !n_args), error);
  TMI_HANDLE(kernel, TMI_KERNEL, error);
  TMI_CHECK_ALIVE(kernel, error);
  return tmi_kernel_estimate(estimate, kernel, grid, args, n_args, error);
}

tm_status tmi_kernel_estimate(tm_estimate *estimate, tm_kernel *kernel,
                              tm_grid grid, const tm_arg *args, size_t n_args,
                              tm_error **error) {
  if (!grid.x || !grid.y || !grid.z)
    return tmi_fail(error, TM_E_ARGUMENT, "an empty grid: %u x %u x %u",
                    grid.x, grid.y, grid.z);
  int64_t *numbers = calloc(n_args + 1, sizeof *numbers);
  if (!numbers) return tmi_fail_memory(error);
  tm_status status = read_numbers(kernel, args, n_args, numbers, error);
  tm_cost_launch launch = {.grid = {grid.x, grid.y, grid.z},
                           .args = numbers,
                           .n_args = (uint32_t)n_args};
  tm_cost cost;
  if (!status && !count_launch(kernel, &launch, &cost))
    status = tmi_fail_memory(error); /* it did compile before */
  free(numbers);
  if (status) return status;
  tm_estimate result = estimate_of(&cost, kernel);
  return tmi_facts(estimate, &result, sizeof result,
                   offsetof(tm_estimate, bytes_written), "estimate", error);
}

/* ---- texts of the stages ------------------------------------------------ */

/* Compiles again, keeping the texts. Lock held. */
static void make_texts(tm_kernel *kernel) {
  tm_arena arena;
  tm_diags diags;
  tm_arena_init(&arena, 0);
  jmp_buf guard, kept;
  if (tm_arena_guard(&arena, guard)) {
    tm_diags_init(&diags, &arena);
    tm_request request = request_again(kernel);
    request.keep = TM_KEEP_AST | TM_KEEP_TTIR | TM_KEEP_LAYOUT;
    tm_result result;
    if (compile_again(kernel, &arena, &diags, &request, &result) &&
        tm_arena_guard(&kernel->arena, kept)) {
      kernel->texts[TM_STAGE_AST] = copy_text(
          &kernel->arena,
          result.ast ? result.ast : "# fused from launches of a graph\n");
      kernel->texts[TM_STAGE_TTIR] = copy_text(&kernel->arena, result.ttir);
      kernel->texts[TM_STAGE_LAYOUT] =
          copy_text(&kernel->arena, result.layout);
      kernel->has_texts = true;
    }
    kernel->arena.guard = NULL;
  }
  tm_arena_free(&arena);
}

const char *tm_kernel_text(tm_kernel *kernel, tm_stage stage) {
  if (!TMI_IS_THERE(kernel, TMI_KERNEL)) return NULL;
  return tmi_kernel_text(kernel, stage);
}

const char *tmi_kernel_text(tm_kernel *kernel, tm_stage stage) {
  if (stage == TM_STAGE_MSL) return kernel->program.msl;
  if ((unsigned)stage > TM_STAGE_LAYOUT || tmi_is_forked(kernel->context))
    return NULL;
  pthread_mutex_lock(&kernel->lock);
  if (!kernel->has_texts) make_texts(kernel);
  const char *text = kernel->has_texts ? kernel->texts[stage] : NULL;
  pthread_mutex_unlock(&kernel->lock);
  return text;
}
