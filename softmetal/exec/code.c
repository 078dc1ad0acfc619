/* SPDX-License-Identifier: MIT */
/*
 * code.c - loads objects: one LLJIT for the process, one dylib per code.
 *
 * Each object has the same symbol names (sm_kernel_any ...), so each gets a
 * dylib of its own, in which the runtime's functions are defined as absolute
 * symbols. Dylibs cannot be removed, only emptied: their resource tracker
 * frees the machine code, and the empty dylib is used again.
 */
#define _GNU_SOURCE
#include "llvm.h"

#include "frame.h"
#include "object_load.h"
#include "rt.h"

#include <pthread.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif
#include <stdio.h>
#include <stdlib.h>

typedef struct dylib {
  LLVMOrcJITDylibRef ref;
  struct dylib *next;
} dylib;

struct sm_code_link {
  sm_object_image image; /* loaded by us; else by LLVM: */
  LLVMOrcResourceTrackerRef tracker;
  dylib *library;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LLVMOrcLLJITRef jit;
static dylib *unused;
static unsigned dylib_count;

static char *take_error(LLVMErrorRef failed) {
  char *text = LL.GetErrorMessage(failed);
  char *copy = strdup(text);
  LL.DisposeErrorMessage(text);
  return copy;
}

/* What the linker says besides the error that it returns ("Symbols not
 * found"); without a reporter it prints. Called under lock. */
static char said[256];

static void reporter(void *context, LLVMErrorRef failed) {
  char *text = LL.GetErrorMessage(failed);
  snprintf(said, sizeof(said), "%s", text);
  LL.DisposeErrorMessage(text);
}

/* Under lock. */
static bool start_jit(char **error) {
  if (jit) return true;
  LLVMErrorRef failed = LL.OrcCreateLLJIT(&jit, LL.OrcCreateLLJITBuilder());
  if (!failed) {
    LL.OrcExecutionSessionSetErrorReporter(
        LL.OrcLLJITGetExecutionSession(jit), reporter, NULL);
    return true;
  }
  *error = take_error(failed);
  jit = NULL;
  return false;
}

static bool define_symbols(LLVMOrcJITDylibRef library, char **error) {
  size_t n;
  const sm_symbol *symbols = sm_rt_symbols(&n);
  LLVMOrcCSymbolMapPair *pairs = calloc(n, sizeof(*pairs));
  if (!pairs) {
    *error = strdup("out of memory");
    return false;
  }
  for (size_t i = 0; i < n; i++) {
    pairs[i].Name = LL.OrcLLJITMangleAndIntern(jit, symbols[i].name);
    pairs[i].Sym.Address =
        (LLVMOrcExecutorAddress)(uintptr_t)symbols[i].address;
    pairs[i].Sym.Flags.GenericFlags = LLVMJITSymbolGenericFlagsExported |
                                      LLVMJITSymbolGenericFlagsCallable;
  }
  LLVMErrorRef failed =
      LL.OrcJITDylibDefine(library, LL.OrcAbsoluteSymbols(pairs, n));
  free(pairs);
  if (failed) *error = take_error(failed);
  return !failed;
}

/* Under lock. */
static dylib *take_dylib(char **error) {
  if (unused) {
    dylib *d = unused;
    unused = d->next;
    return d;
  }
  dylib *d = calloc(1, sizeof(*d));
  if (!d) {
    *error = strdup("out of memory");
    return NULL;
  }
  char name[32];
  snprintf(name, sizeof(name), "sm%u", dylib_count++);
  d->ref = LL.OrcExecutionSessionCreateBareJITDylib(
      LL.OrcLLJITGetExecutionSession(jit), name);
  if (!define_symbols(d->ref, error)) {
    free(d);
    return NULL;
  }
  return d;
}

typedef struct lookup {
  LLVMErrorRef failed;
  uint64_t address[3];
} lookup;

static void found(LLVMErrorRef failed, LLVMOrcCSymbolMapPairs pairs,
                  size_t n, void *context) {
  lookup *l = context;
  l->failed = failed;
  for (size_t i = 0; !failed && i < n && i < 3; i++)
    l->address[i] = pairs[i].Sym.Address;
}

/* One symbol of a dylib; the lookup links the object on first use. */
static bool find(dylib *d, const char *name, void *out, char **error) {
  *said = 0;
  LLVMOrcCJITDylibSearchOrderElement where = {
      d->ref, LLVMOrcJITDylibLookupFlagsMatchExportedSymbolsOnly};
  LLVMOrcCLookupSetElement what = {LL.OrcLLJITMangleAndIntern(jit, name),
                                   LLVMOrcSymbolLookupFlagsRequiredSymbol};
  lookup l = {0};
  LL.OrcExecutionSessionLookup(LL.OrcLLJITGetExecutionSession(jit),
                               LLVMOrcLookupKindStatic, &where, 1, &what, 1,
                               found, &l);
  if (l.failed) {
    char *why = take_error(l.failed), text[768];
    snprintf(text, sizeof(text), "%s%s%s", why, *said ? ": " : "", said);
    free(why);
    *error = strdup(text);
    return false;
  }
  uintptr_t address = (uintptr_t)l.address[0];
  memcpy(out, &address, sizeof(address));
  return true;
}

/* Under lock. */
static bool link_object(sm_code *code, const void *object, size_t size,
                        char **error) {
  dylib *d = take_dylib(error);
  if (!d) return false;
  code->link->library = d;
  code->link->tracker = LL.OrcJITDylibCreateResourceTracker(d->ref);
  LLVMMemoryBufferRef buffer = LL.CreateMemoryBufferWithMemoryRangeCopy(
      object, size, "kernel");
  LLVMErrorRef failed = LL.OrcLLJITAddObjectFileWithRT(
      jit, code->link->tracker, buffer);
  if (failed) {
    *error = take_error(failed);
    return false;
  }
  if (!find(d, "sm_kernel_meta", &code->meta, error)) return false;
  if (code->meta->abi != SM_FRAME_ABI) {
    *error = strdup("the object was made by another version of softmetal");
    return false;
  }
  if (code->meta->has_line &&
      !find(d, "sm_kernel_line", &code->line, error))
    return false;
  return !code->meta->has_any ||
         find(d, "sm_kernel_any", &code->any, error);
}

/* Under lock. */
static void unlink_object(sm_code *code) {
  struct sm_code_link *link = code->link;
  if (link->tracker) {
    LLVMErrorRef failed = LL.OrcResourceTrackerRemove(link->tracker);
    if (failed) LL.ConsumeError(failed);
    LL.OrcReleaseResourceTracker(link->tracker);
  }
  if (link->library) {
    link->library->next = unused;
    unused = link->library;
  }
  sm_object_unload(&link->image);
  free(link);
  free(code);
}

/* By our own loader, if it knows the object. */
static bool load_image(sm_code *code, const void *object, size_t size) {
  sm_object_image *image = &code->link->image;
  if (!sm_object_load(object, size, image)) return false;
  const sm_meta *meta = image->meta;
  if (meta->abi == SM_FRAME_ABI && (!meta->has_line || image->line) &&
      (!meta->has_any || image->any)) {
    code->meta = meta;
    if (meta->has_line) memcpy(&code->line, &image->line, sizeof(void *));
    if (meta->has_any) memcpy(&code->any, &image->any, sizeof(void *));
    return true;
  }
  sm_object_unload(image);
  return false;
}

sm_code *sm_code_load(const void *object, size_t size,
                      const sm_code_info *info, char **error) {
  *error = NULL;
  sm_code *code = calloc(1, sizeof(*code));
  struct sm_code_link *link = calloc(1, sizeof(*link));
  if (!code || !link) {
    free(code);
    free(link);
    *error = strdup("out of memory");
    return NULL;
  }
  code->info = *info;
  code->references = 1;
  code->link = link;
  if (load_image(code, object, size)) return code;
  pthread_mutex_lock(&lock);
  bool ok = sm_llvm_open(error) && start_jit(error) &&
            link_object(code, object, size, error);
  if (!ok) unlink_object(code);
  pthread_mutex_unlock(&lock);
  return ok ? code : NULL;
}

void sm_code_retain(sm_code *code) {
  __atomic_fetch_add(&code->references, 1, __ATOMIC_RELAXED);
}

void sm_code_release(sm_code *code) {
  if (!code) return;
  if (__atomic_fetch_sub(&code->references, 1, __ATOMIC_ACQ_REL) != 1)
    return;
  if (code->make_release) code->make_release(code->make_context);
  sm_code_release(code->general);
  pthread_mutex_lock(&lock);
  unlink_object(code);
  pthread_mutex_unlock(&lock);
}

void sm_code_set_maker(sm_code *code, sm_code_maker *make, void *context,
                       void (*release)(void *context)) {
  code->make = make;
  code->make_context = context;
  code->make_release = release;
}

/* Under the lock of making. */
static void make_general(sm_code *code, char **error) {
  void *object = NULL;
  size_t size = 0;
  if (!code->make) {
    *error = strdup("this code is for full simdgroups only");
    return;
  }
  if (!code->make(code->make_context, &object, &size, error)) return;
  sm_code *made = sm_code_load(object, size, &code->info, error);
  free(object);
  if (made && !made->any) {
    sm_code_release(made);
    made = NULL;
    *error = strdup("internal: no general code was made");
  }
  __atomic_store_n(&code->general, made, __ATOMIC_RELEASE);
}

const sm_code *sm_code_general(const sm_code *code, char **error) {
  static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
  sm_code *self = (sm_code *)(uintptr_t)code; /* a cache inside of it */
  if (code->any) return code;
  sm_code *general = __atomic_load_n(&self->general, __ATOMIC_ACQUIRE);
  if (general) return general;
  pthread_mutex_lock(&making);
  if (!self->general) make_general(self, error);
  general = self->general;
  pthread_mutex_unlock(&making);
  return general;
}

const sm_code_info *sm_code_get_info(const sm_code *code) {
  return &code->info;
}

/* What decides which instructions LLVM uses, asked without LLVM. */
static uint64_t cpu_bits(void) {
  uint32_t r[12] = {0};
#if defined(__x86_64__)
  uint32_t other;
  __get_cpuid(1, &r[0], &other, &r[1], &r[2]);
  __get_cpuid_count(7, 0, &other, &r[3], &r[4], &r[5]);
  __get_cpuid_count(7, 1, &r[6], &other, &other, &r[7]);
  __get_cpuid(0x80000001, &other, &other, &r[8], &r[9]);
  r[10] = (uint32_t)__builtin_cpu_supports("avx512f") |
          (uint32_t)(__builtin_cpu_supports("avx2") != 0) << 31;
#elif defined(__aarch64__) && defined(__linux__)
  r[0] = (uint32_t)getauxval(AT_HWCAP);
  r[1] = (uint32_t)getauxval(AT_HWCAP2);
#endif
  return tm_hash_bytes(r, sizeof(r), 0);
}

int sm_code_level(void) {
  const char *text = getenv("SOFTMETAL_CODEGEN");
  if (!text || !*text) return 1;
  return *text >= '0' && *text <= '3' && !text[1] ? *text - '0' : -1;
}

static uint64_t host_bits; /* of cpu_bits */
static void ask_host(void) { host_bits = cpu_bits(); }

void sm_code_target(char *out, size_t size) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, ask_host);
#if defined(__x86_64__)
  const char *machine = "x86-64";
#else
  const char *machine = "aarch64";
#endif
  const char *llvm = getenv("SOFTMETAL_LLVM");
  const char *barriers = getenv("SOFTMETAL_BARRIERS");
  const char *cpu = getenv("SOFTMETAL_CPU");
  uint64_t bits = host_bits;
  if (cpu) bits ^= tm_hash_bytes(cpu, strlen(cpu), 1);
  snprintf(out, size, "%s-%016llx llvm-%.8s level-%d abi-%u%s%.12s", machine,
           (unsigned long long)bits, llvm ? llvm : "any", sm_code_level(),
           SM_FRAME_ABI, sm_rt_vector_math("sin", 8) ? " mvec" : "",
           barriers ? barriers : "");
}
