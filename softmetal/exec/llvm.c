/* SPDX-License-Identifier: MIT */
/*
 * llvm.c - finds libLLVM and fills the function table of llvm.h.
 *
 * Version 19 is tried first because it is the one that is measured; 16 is
 * left out because it aborts on a bfloat truncation. A library that lacks
 * one of the functions is skipped.
 */
#define _GNU_SOURCE
#include "llvm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sm_llvm_api sm_llvm;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned opened;
static char *host_cpu, *host_features;
static char missing[96];

static bool bind_table(void *library) {
  struct { const char *name; void *slot; } rows[] = {
#define ROW(name) {"LLVM" #name, &sm_llvm.name},
      SM_LLVM_FUNCTIONS(ROW)
#undef ROW
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    void *address = dlsym(library, rows[i].name);
    if (!address) {
      snprintf(missing, sizeof(missing), " (a library without %s was found)",
               rows[i].name);
      return false;
    }
    memcpy(rows[i].slot, &address, sizeof(address));
  }
  return true;
}

static void *open_version(unsigned version) {
  static const char *const forms[] = {"libLLVM.so.%u.1", "libLLVM-%u.so.1",
                                      "libLLVM-%u.so", "libLLVM.so.%u"};
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    char name[64];
    snprintf(name, sizeof(name), forms[i], version);
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library) return library;
  }
  return NULL;
}

static void initialize_target(void) {
#define CALL(name) LL.name();
  SM_LLVM_TARGET(CALL)
#undef CALL
  host_cpu = LL.GetHostCPUName();
  host_features = LL.GetHostCPUFeatures();
  /* SOFTMETAL_CPU="haswell:+avx2,+fma,..." compiles for a lesser CPU. */
  const char *forced = getenv("SOFTMETAL_CPU");
  const char *colon = forced ? strchr(forced, ':') : NULL;
  if (!colon) return;
  host_cpu = strndup(forced, (size_t)(colon - forced));
  host_features = strdup(colon + 1);
}

static void open_once(void) {
  static const unsigned versions[] = {19, 20, 21, 22, 18, 17, 15};
  const char *forced = getenv("SOFTMETAL_LLVM");
  unsigned only = forced ? (unsigned)strtoul(forced, NULL, 10) : 0;
  for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
    if (only && versions[i] != only) continue;
    void *library = open_version(versions[i]);
    if (!library) continue;
    if (bind_table(library)) {
      opened = versions[i];
      initialize_target();
      return;
    }
    dlclose(library);
  }
}

bool sm_llvm_open(char **error) {
  pthread_once(&once, open_once);
  if (opened) return true;
  char text[320];
  snprintf(text, sizeof(text),
           "libLLVM not found: install llvm-19 (Debian, Ubuntu: apt install "
           "libllvm19; Fedora: dnf install llvm-libs); versions 15 and 17 to "
           "22 will do%s", missing);
  *error = strdup(text);
  return false;
}

unsigned sm_llvm_version(void) { return opened; }
const char *sm_llvm_cpu(void) { return host_cpu ? host_cpu : ""; }
const char *sm_llvm_features(void) {
  return host_features ? host_features : "";
}
