/* SPDX-License-Identifier: MIT */
/*
 * code_compile.c - sm_code_compile: kernel to object bytes.
 *
 * One or two entries are emitted (frame.h). They go through a short
 * pass pipeline: locals to registers, then the scalar clean-ups; loops and
 * vectors are already as they should be. LLVM reports the frames that it
 * made, and the stack in the object's sm_kernel_meta is made to hold them.
 * Everything LLVM owns is freed before returning, also when memory runs out or
 * the kernel is refused: both leave through the same jump.
 */
#define _GNU_SOURCE
#include "emit.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

void sm_emit_fail(sm_emit *e, tm_loc loc, const char *fmt, ...) {
  char text[512], all[640];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof(text), fmt, args);
  va_end(args);
  if (loc.line)
    snprintf(all, sizeof(all), "kernel %s, line %u: %s", e->kernel->name,
             loc.line, text);
  else snprintf(all, sizeof(all), "kernel %s: %s", e->kernel->name, text);
  e->error = strdup(all);
  longjmp(*e->arena->guard, 1);
}

/* SOFTMETAL_BARRIERS=coroutines turns regions off. */
static bool wants_regions(void) {
  const char *text = getenv("SOFTMETAL_BARRIERS");
  return !text || strcmp(text, "coroutines") != 0;
}

/* ---- functions -------------------------------------------------------- */

static void add_attribute(sm_emit *e, sm_val f, unsigned at,
                          const char *name) {
  unsigned kind = LL.GetEnumAttributeKindForName(name, strlen(name));
  if (kind)
    LL.AddAttributeAtIndex(f, at, LL.CreateEnumAttribute(e->context, kind,
                                                         0));
}

static void add_text(sm_emit *e, sm_val f, const char *key,
                     const char *value) {
  LL.AddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
      LL.CreateStringAttribute(e->context, key, (unsigned)strlen(key), value,
                               (unsigned)strlen(value)));
}

static void emit_entry(sm_emit *e, const char *name, bool line) {
  sm_ty params[2] = {e->ptr, e->ptr};
  sm_ty type = LL.FunctionType(e->void_type, params, 2, false);
  e->function = LL.AddFunction(e->module, name, type);
  e->frame = LL.GetParam(e->function, 0);
  add_attribute(e, e->function, 1, "noalias");
  add_attribute(e, e->function, (unsigned)LLVMAttributeFunctionIndex,
                "nounwind");
  if (e->wide) {
    add_text(e, e->function, "prefer-vector-width", "512");
    add_text(e, e->function, "min-legal-vector-width", "512");
  }
  add_text(e, e->function, "denormal-fp-math-f32",
           "preserve-sign,preserve-sign");
  add_text(e, e->function, "warn-stack-size", "0"); /* hear() wants it */
  e->entry = sm_block(e);
  LLVMBasicBlockRef body = sm_block(e);
  sm_here(e, body);
  e->line = line;
  e->level = 0;
  e->killed = e->continued = e->discard = e->dropped = false;
  e->loop = NULL;
  e->depth = e->size = 0;
  e->scratch_pointers = e->scratch_data = e->scratch_data2 = NULL;
  e->scratch_extra = e->scratch_result = e->scratch_lanes = NULL;
  e->scratch_values = NULL;
  e->local_bytes = 0;
  e->info->threadgroup_bytes = 0;
  e->states = TM_NEW_ARRAY(e->arena, sm_state *, e->program->vars + 1);
  sm_ty mask = sm_vector_type(e->i1, SM_LANES);
  e->exec = sm_alloca(e, mask, 4);
  sm_val bits = LL.BuildLoad2(e->b, e->i32,
      sm_at(e, e->frame, sm_i64(e, offsetof(sm_frame, mask))), "");
  e->entry_mask = line ? sm_splat(e, sm_int(e, e->i1, 1))
                       : sm_mask_of(e, bits);
  LL.BuildStore(e->b, e->entry_mask, e->exec);
  sm_emit_kernel_body(e);
  sm_here(e, e->entry);
  LL.BuildBr(e->b, body);
}

static void emit_meta(sm_emit *e) {
  const sm_meta *m = &e->meta;
  sm_val field[8] = {
      sm_i32(e, m->abi), sm_i32(e, m->stack_bytes), sm_i32(e, m->has_barrier),
      sm_i32(e, m->has_line), sm_i32(e, m->checked), sm_i32(e, m->counted),
      sm_i32(e, m->has_any), sm_i32(e, m->record_bytes)};
  sm_val chars[sizeof(m->name)];
  for (size_t i = 0; i < sizeof(m->name); i++)
    chars[i] = sm_int(e, e->i8, (unsigned char)m->name[i]);
  sm_val parts[2] = {LL.ConstArray(e->i32, field, 8),
                     LL.ConstArray(e->i8, chars, sizeof(m->name))};
  sm_val all = LL.ConstStructInContext(e->context, parts, 2, false);
  sm_val g = LL.AddGlobal(e->module, LL.TypeOf(all), "sm_kernel_meta");
  LL.SetInitializer(g, all);
  LL.SetGlobalConstant(g, true);
  LL.SetAlignment(g, 8);
}

/* What a stack holds: frames, the records of simdgroups, and what functions
 * of the runtime take. */
static uint64_t stack_for(uint64_t frames, uint32_t record) {
  return frames + (uint64_t)record * SM_MOST_SIMDGROUPS + 65536;
}

/* ---- LLVM's part ------------------------------------------------------ */

static const char *pipeline(void) {
  const char *forced = getenv("SOFTMETAL_PASSES");
  if (forced) return forced;
  if (sm_code_level() == 0) /* what makes less code for what follows */
    return "function(sroa,early-cse<memssa>,simplifycfg,adce)";
  if (sm_llvm_version() < 18)
    return "function(sroa,early-cse<memssa>,simplifycfg,instcombine,"
           "loop-mssa(licm),gvn,instcombine,simplifycfg,adce)";
  return "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
         "instcombine<max-iterations=1;no-verify-fixpoint>,"
         "loop-mssa(licm),gvn,"
         "instcombine<max-iterations=1;no-verify-fixpoint>,simplifycfg,"
         "adce)";
}

static LLVMCodeGenOptLevel level(void) {
  static const LLVMCodeGenOptLevel levels[] = {
      LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault,
      LLVMCodeGenLevelAggressive};
  int chosen = sm_code_level();
  return levels[chosen < 0 ? 1 : chosen];
}

static LLVMTargetMachineRef make_machine(char **error) {
  char *triple = LL.GetDefaultTargetTriple(), *message = NULL;
  LLVMTargetRef target;
  LLVMTargetMachineRef machine = NULL;
  if (LL.GetTargetFromTriple(triple, &target, &message)) {
    *error = strdup(message ? message : "LLVM does not know this machine");
    LL.DisposeMessage(message);
  } else {
    machine = LL.CreateTargetMachine(
        target, triple, sm_llvm_cpu(), sm_llvm_features(),
        level(), LLVMRelocPIC, LLVMCodeModelSmall);
    if (!machine) *error = strdup("LLVM cannot make code for this machine");
  }
  LL.DisposeMessage(triple);
  return machine;
}

static void set_target(LLVMModuleRef module, LLVMTargetMachineRef machine) {
  LLVMTargetDataRef layout = LL.CreateTargetDataLayout(machine);
  LL.SetModuleDataLayout(module, layout);
  LL.DisposeTargetData(layout);
  char *triple = LL.GetDefaultTargetTriple();
  LL.SetTarget(module, triple);
  LL.DisposeMessage(triple);
}

static void dump(LLVMModuleRef module, const char *when) {
  const char *dir = getenv("SOFTMETAL_DUMP");
  if (!dir) return;
  char path[512];
  snprintf(path, sizeof(path), "%s/%s.ll", dir, when);
  FILE *out = fopen(path, "w");
  if (!out) return;
  char *text = LL.PrintModuleToString(module);
  fputs(text, out);
  fclose(out);
  LL.DisposeMessage(text);
}

static bool optimize(LLVMModuleRef module, LLVMTargetMachineRef machine,
                     const char *passes, char **error) {
  char *message = NULL;
  if (LL.VerifyModule(module, LLVMReturnStatusAction, &message)) {
    char text[1024];
    snprintf(text, sizeof(text), "internal: LLVM rejects the kernel: %s",
             message ? message : "");
    *error = strdup(text);
    LL.DisposeMessage(message);
    return false;
  }
  LL.DisposeMessage(message);
  LLVMPassBuilderOptionsRef options = LL.CreatePassBuilderOptions();
  LLVMErrorRef failed =
      LL.RunPasses(module, passes, machine, options);
  LL.DisposePassBuilderOptions(options);
  if (!failed) return true;
  char *text = LL.GetErrorMessage(failed);
  *error = strdup(text);
  LL.DisposeErrorMessage(text);
  return false;
}

/* Barriers are cut where locals are registers already: what is not needed
 * behind a barrier is then known. */
static uint32_t form_regions(sm_emit *e, LLVMTargetMachineRef machine,
                             sm_val *entries, uint32_t n) {
  if (!e->has_barrier || !wants_regions()) return 0;
  dump(e->module, "whole");
  if (!optimize(e->module, machine, "function(sroa,early-cse,simplifycfg)",
                &e->error))
    longjmp(*e->arena->guard, 1);
  sm_compute_once(e);
  LLVMTargetDataRef layout = LL.CreateTargetDataLayout(machine);
  uint32_t bytes = sm_form_regions(e, entries, n, layout);
  LL.DisposeTargetData(layout);
  return bytes;
}

static void emit_module(sm_emit *e, LLVMTargetMachineRef machine) {
  e->i1 = LL.Int1TypeInContext(e->context);
  e->i8 = LL.IntTypeInContext(e->context, 8);
  e->i16 = LL.IntTypeInContext(e->context, 16);
  e->i32 = LL.IntTypeInContext(e->context, 32);
  e->i64 = LL.IntTypeInContext(e->context, 64);
  e->f16 = LL.HalfTypeInContext(e->context);
  e->f32 = LL.FloatTypeInContext(e->context);
  e->ptr = LL.PointerTypeInContext(e->context, 0);
  e->void_type = LL.VoidTypeInContext(e->context);
  e->wide = strstr(sm_llvm_features(), "+avx512vl") &&
            strstr(sm_llvm_features(), "+avx512bw");
  sm_uniform_analyze(e);
  bool line = e->options->entries != SM_ENTRIES_GENERAL;
  bool any = e->options->entries != SM_ENTRIES_FULL;
  uint64_t stack = 0;
  sm_val entries[2];
  uint32_t n = 0;
  if (any) {
    emit_entry(e, "sm_kernel_any", false);
    stack = e->local_bytes;
    entries[n++] = e->function;
  }
  if (line) {
    emit_entry(e, "sm_kernel_line", true);
    entries[n++] = e->function;
  }
  if (stack < e->local_bytes) stack = e->local_bytes;
  uint32_t record = form_regions(e, machine, entries, n);
  stack = stack_for(stack, record);
  e->meta = (sm_meta){
      .abi = SM_FRAME_ABI,
      .stack_bytes = stack < UINT32_MAX ? (uint32_t)stack : UINT32_MAX,
      .has_barrier = e->has_barrier, .has_line = line,
      .checked = e->options->check, .counted = e->options->counters,
      .has_any = any, .record_bytes = record};
  snprintf(e->meta.name, sizeof(e->meta.name), "%s", e->kernel->name);
  emit_meta(e);
}

/* ---- the frames that LLVM made ---------------------------------------- */

typedef struct remarks { /* of LLVM while it makes code */
  uint64_t frames; /* bytes of all functions' */
  char *error;     /* malloc'ed: the first one */
} remarks;

/* "stack frame size (1234) exceeds limit (0) in function ...": what the
 * attribute warn-stack-size makes LLVM say is all it tells a caller in C about
 * frames. Without a handler it would be printed, and an error would end the
 * process. */
static void hear(LLVMDiagnosticInfoRef info, void *payload) {
  remarks *r = payload;
  LLVMDiagnosticSeverity severity = LL.GetDiagInfoSeverity(info);
  if (severity != LLVMDSWarning && severity != LLVMDSError) return;
  char *text = LL.GetDiagInfoDescription(info);
  const char *frame = strstr(text, "stack frame size (");
  if (frame) r->frames += strtoull(strchr(frame, '(') + 1, NULL, 10);
  else if (severity == LLVMDSError && !r->error) r->error = strdup(text);
  LL.DisposeMessage(text);
}

/* Spilled registers come on top of local variables, and how many there are is
 * known only when sm_kernel_meta has been emitted. */
static bool fit_stack(sm_emit *e, uint64_t frames, char *object, size_t size,
                      char **error) {
  uint64_t need = stack_for(frames, e->meta.record_bytes);
  if (need <= e->meta.stack_bytes) return true;
  char *at = memmem(object, size, &e->meta, sizeof(e->meta));
  if (!at || need > UINT32_MAX) {
    *error = strdup("the kernel's registers do not fit any stack");
    return false;
  }
  uint32_t bytes = (uint32_t)need;
  memcpy(at + offsetof(sm_meta, stack_bytes), &bytes, sizeof(bytes));
  return true;
}

static bool emit_object(sm_emit *e, LLVMTargetMachineRef machine,
                        void **object, size_t *size, char **error) {
  remarks heard = {0, NULL};
  LLVMMemoryBufferRef buffer = NULL;
  char *message = NULL;
  LL.ContextSetDiagnosticHandler(e->context, hear, &heard);
  if (LL.TargetMachineEmitToMemoryBuffer(machine, e->module, LLVMObjectFile,
                                         &message, &buffer)) {
    *error = strdup(message ? message : "LLVM cannot emit the kernel");
    LL.DisposeMessage(message);
    free(heard.error);
    return false;
  }
  *error = heard.error;
  if (!*error) {
    *size = LL.GetBufferSize(buffer);
    *object = malloc(*size);
    if (*object) memcpy(*object, LL.GetBufferStart(buffer), *size);
    else *error = strdup("out of memory");
  }
  LL.DisposeMemoryBuffer(buffer);
  if (*object && fit_stack(e, heard.frames, *object, *size, error))
    return true;
  free(*object);
  *object = NULL;
  return false;
}

static bool to_object(sm_emit *e, LLVMTargetMachineRef machine,
                      void **object, size_t *size, char **error) {
  dump(e->module, "before");
  if (!optimize(e->module, machine, pipeline(), error)) return false;
  sm_compute_once(e);
  sm_join_products(e);
  sm_pair_halves(e);
  dump(e->module, "after");
  return emit_object(e, machine, object, size, error);
}

/* ---- the door --------------------------------------------------------- */

/* Emits into e->module; what was allocated goes with the arena. */
static bool emit_guarded(sm_emit *e, tm_arena *arena,
                         LLVMTargetMachineRef machine) {
  jmp_buf guard;
  if (!tm_arena_guard(arena, guard)) {
    arena->guard = NULL;
    if (!e->error) e->error = strdup("out of memory while compiling");
    return false;
  }
  emit_module(e, machine);
  arena->guard = NULL;
  return true;
}

bool sm_code_compile(const sm_program *program, const sm_function *kernel,
                     const sm_code_options *options, void **object,
                     size_t *size, sm_code_info *info, char **error) {
  static const sm_code_options none;
  *object = NULL;
  *size = 0;
  *error = NULL;
  memset(info, 0, sizeof(*info));
  if (!sm_llvm_open(error)) return false;
  LLVMTargetMachineRef machine = make_machine(error);
  if (!machine) return false;
  tm_arena arena;
  tm_arena_init(&arena, (size_t)1 << 30);
  sm_emit e;
  memset(&e, 0, sizeof(e));
  e.arena = &arena;
  e.program = program;
  e.kernel = kernel;
  e.options = options ? options : &none;
  e.info = info;
  info->max_threads = kernel->max_threads;
  memcpy(info->required, kernel->required_threads, sizeof info->required);
  e.context = LL.ContextCreate();
  e.module = LL.ModuleCreateWithNameInContext("kernel", e.context);
  e.b = LL.CreateBuilderInContext(e.context);
  set_target(e.module, machine);
  bool ok = emit_guarded(&e, &arena, machine);
  if (ok) ok = to_object(&e, machine, object, size, error);
  else *error = e.error;
  LL.DisposeBuilder(e.b);
  LL.DisposeModule(e.module);
  LL.ContextDispose(e.context);
  LL.DisposeTargetMachine(machine);
  tm_arena_free(&arena);
  return ok;
}
