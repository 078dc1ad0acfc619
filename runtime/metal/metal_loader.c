/* SPDX-License-Identifier: MIT */
/*
 * metal_loader.c - finding Metal.
 *
 * On macOS the four libraries of metal_facts.h. Elsewhere libsoftmetal.so:
 * the file that TRITON_METAL_SOFTMETAL names and no other, or the one beside
 * this library, or the one that the system's loader finds.
 */
#define _GNU_SOURCE
#include "metal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tm_objc tm_mtl;

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool loaded;

char *tm_metal_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = n < 0 ? NULL : malloc((size_t)n + 1);
  if (!text) return NULL;
  va_start(args, format);
  vsnprintf(text, (size_t)n + 1, format, args);
  va_end(args);
  return text;
}

/* ---- libraries ---------------------------------------------------------- */

typedef struct handles {
  void *objc, *metal; /* where the runtime's and Metal's functions are */
} handles;

static void note_path(void) {
  Dl_info info;
  void *address;
  memcpy(&address, &tm_mtl.create_device, sizeof address);
  if (dladdr(address, &info) && info.dli_fname)
    snprintf(tm_mtl.path, sizeof tm_mtl.path, "%s", info.dli_fname);
}

#if defined(__APPLE__)

static bool open_libraries(handles *out, char **text) {
  static const char *const paths[] = {TM_MAC_LIBOBJC, TM_MAC_COREGRAPHICS,
                                      TM_MAC_FOUNDATION, TM_MAC_METAL};
  void *opened[4];
  for (int i = 0; i < 4; i++) {
    opened[i] = dlopen(paths[i], RTLD_NOW | RTLD_GLOBAL);
    if (opened[i]) continue;
    *text = tm_metal_format("%s cannot be loaded: %s", paths[i], dlerror());
    return false;
  }
  *out = (handles){opened[0], opened[3]};
  tm_mtl.is_apple = true;
  return true;
}

#else

/* libsoftmetal.so in the folder of this library. */
static void *open_beside(void) {
  Dl_info info;
  void *address;
  bool (*self)(char **) = tm_metal_load;
  memcpy(&address, &self, sizeof address);
  if (!dladdr(address, &info) || !info.dli_fname) return NULL;
  const char *slash = strrchr(info.dli_fname, '/');
  if (!slash) return NULL;
  char path[4096];
  int n = snprintf(path, sizeof path, "%.*s/" TM_SOFTMETAL_FILE,
                   (int)(slash - info.dli_fname), info.dli_fname);
  if (n < 0 || (size_t)n >= sizeof path) return NULL;
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static bool open_libraries(handles *out, char **text) {
  const char *named = getenv(TM_SOFTMETAL_VARIABLE);
  void *library;
  if (named && *named) {
    library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      *text = tm_metal_format(
          "%s, which " TM_SOFTMETAL_VARIABLE " names, cannot be loaded: %s",
          named, dlerror());
  } else {
    library = open_beside();
    if (!library) library = dlopen(TM_SOFTMETAL_FILE, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      *text = tm_metal_format(
          TM_SOFTMETAL_FILE " cannot be loaded: %s; it is built and installed "
          "with libtritonmetal (make install) and needs GCC's Objective-C "
          "runtime (Debian, Ubuntu: apt install libobjc4); "
          TM_SOFTMETAL_VARIABLE " may name the file",
          dlerror());
  }
  *out = (handles){library, library};
  return library != NULL;
}

#endif

/* ---- functions ---------------------------------------------------------- */

static bool find(void *library, const char *name, void *slot, char **text) {
  void *address = dlsym(library, name);
  if (address) {
    memcpy(slot, &address, sizeof address);
    return true;
  }
  if (!*text)
    *text = tm_metal_format("Metal's library has no function %s", name);
  return false;
}

static bool find_functions(const handles *from, char **text) {
  void *objc = from->objc;
  bool ok = find(objc, "objc_msgSend", &tm_mtl.send, text);
#if defined(__x86_64__)
  ok &= find(objc, "objc_msgSend_stret", &tm_mtl.send_stret, text);
#else
  tm_mtl.send_stret = tm_mtl.send; /* arm64 returns all structures so */
#endif
  ok &= find(objc, "objc_autoreleasePoolPush", &tm_mtl.pool_push, text);
  ok &= find(objc, "objc_autoreleasePoolPop", &tm_mtl.pool_pop, text);
  ok &= find(objc, "objc_retain", &tm_mtl.retain, text);
  ok &= find(objc, "objc_release", &tm_mtl.release, text);
  ok &= find(objc, "sel_registerName", &tm_mtl.sel_register, text);
  ok &= find(objc, "objc_getClass", &tm_mtl.get_class, text);
  /* libobjc's own dependencies are searched too. */
  ok &= find(objc, "_NSConcreteStackBlock", &tm_mtl.stack_block, text);
  ok &= find(from->metal, "MTLCreateSystemDefaultDevice",
             &tm_mtl.create_device, text);
  ok &= find(from->metal, "MTLCopyAllDevices", &tm_mtl.copy_devices, text);
  /* A variable; without it launches are timed by command buffers. */
  tm_mtl.timestamp_set = dlsym(from->metal, TM_SYMBOL_TIMESTAMP_SET);
  return ok;
}

static bool find_names(char **text) {
#define REGISTER(field, name) tm_mtl.sel.field = tm_mtl.sel_register(name);
  TM_SELECTORS(REGISTER)
#undef REGISTER
  const char *missing = NULL;
#define LOOK_UP(field, name) \
  if (!(tm_mtl.cls.field = tm_mtl.get_class(name))) missing = name;
  TM_CLASSES(LOOK_UP)
#undef LOOK_UP
  if (!missing) return true;
  *text = tm_metal_format("Metal's library has no class %s", missing);
  return false;
}

bool tm_metal_load(char **text) {
  *text = NULL;
  if (atomic_load_explicit(&loaded, memory_order_acquire)) return true;
  pthread_mutex_lock(&load_lock);
  bool ok = atomic_load(&loaded);
  handles from = {NULL, NULL};
  if (!ok && open_libraries(&from, text) && find_functions(&from, text) &&
      find_names(text)) {
    note_path();
    atomic_store_explicit(&loaded, true, memory_order_release);
    ok = true;
  }
  pthread_mutex_unlock(&load_lock);
  return ok;
}

/* ---- objects of Foundation ---------------------------------------------- */

bool tm_metal_responds(tm_id object, tm_sel selector) {
  return ((tm_objc_bool(*)(tm_id, tm_sel, tm_sel))tm_mtl.send)(
             object, tm_mtl.sel.responds, selector) != 0;
}

tm_id tm_metal_string(const char *text, size_t length) {
  tm_id string = tm_send_P(tm_mtl.cls.string, tm_mtl.sel.alloc);
  if (!string) return NULL;
  return ((tm_id(*)(tm_id, tm_sel, const void *, unsigned long, unsigned long,
                    tm_objc_bool))tm_mtl.send)(
      string, tm_mtl.sel.string_with_bytes, text, length, TM_UTF8, 0);
}

/* The description of error, borrowed from the pool; NULL for none. */
static const char *describe(tm_id error) {
  tm_id description =
      error ? tm_send_P(error, tm_mtl.sel.description) : NULL;
  return description ? tm_send_P(description, tm_mtl.sel.utf8_string) : NULL;
}

char *tm_metal_error_text(tm_id error) {
  const char *text = describe(error), *under = NULL;
  /* The compiler's own words are often in the error under the error. */
  if (error && tm_metal_responds(error, tm_mtl.sel.user_info)) {
    tm_id info = tm_send_P(error, tm_mtl.sel.user_info);
    tm_id key = info ? tm_metal_string("NSUnderlyingError", 17) : NULL;
    if (key) under = describe(tm_send_P_P(info, tm_mtl.sel.object_for_key,
                                          key));
    tm_metal_release(key);
  }
  if (!text) text = "Metal gave no reason";
  return under ? tm_metal_format("%s (%s)", text, under)
               : tm_metal_format("%s", text);
}
