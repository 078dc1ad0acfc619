/* SPDX-License-Identifier: MIT */
/*
 * binary_archive.c - MTLBinaryArchive: native code of pipelines in one file.
 *
 * An archive holds objects under the whole key that pipelines are compiled
 * by: the library's text and options, constants, the CPU, the compiler and
 * softmetal's version. What was made elsewhere is simply not found.
 *
 *   offset  size  meaning
 *   0       8     "SMARCH2\n"
 *   8       8     number of entries
 *   16      8     size of the file
 *   24      8     hash of everything after this field
 *   32      ...   entries: u64 key size, u64 object size, sm_code_info, key,
 *                 object; numbers as this machine has them
 *
 * The file holds native code: it is to be trusted as the program itself is.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 32, LARGEST = 1 << 30 };
enum { INVALID_FILE = 1, UNEXPECTED_ELEMENT = 2, COMPILATION_FAILURE = 3,
       INTERNAL_ERROR = 4 };
static const char magic[8] = "SMARCH2\n";
static const char domain[] = "MTLBinaryArchiveDomain";

typedef struct entry {
  struct entry *next;
  uint64_t hash;
  sm_code_info info;
  size_t key_size, object_size;
  char bytes[]; /* key, object */
} entry;

typedef struct archive {
  sm_object base;
  sm_device *device; /* owned */
  id label;          /* owned */
  pthread_mutex_t lock;
  entry *first, **end; /* under lock */
  uint64_t count;
} archive;

typedef struct descriptor {
  sm_object base;
  id url; /* owned */
} descriptor;

static Class archive_class, descriptor_class;

/* ---- entries ---------------------------------------------------------------- */

static entry *find(const archive *self, const void *key, size_t size) {
  uint64_t hash = tm_hash_bytes(key, size, 0);
  for (entry *e = self->first; e; e = e->next)
    if (e->hash == hash && e->key_size == size &&
        memcmp(e->bytes, key, size) == 0)
      return e;
  return NULL;
}

/* Under the lock. */
static bool put(archive *self, const void *key, size_t key_size,
                const sm_code_info *info, const void *object, size_t size) {
  if (find(self, key, key_size)) return true;
  entry *e = malloc(sizeof *e + key_size + size);
  if (!e) return false;
  e->next = NULL;
  e->hash = tm_hash_bytes(key, key_size, 0);
  e->info = *info;
  e->key_size = key_size;
  e->object_size = size;
  memcpy(e->bytes, key, key_size);
  memcpy(e->bytes + key_size, object, size);
  *self->end = e;
  self->end = &e->next;
  self->count++;
  return true;
}

bool sm_archive_find(id object, const void *key, size_t key_size,
                     sm_code_info *info, void **bytes, size_t *size) {
  archive *self = (archive *)object;
  if (!sm_is_kind(object, archive_class)) return false;
  pthread_mutex_lock(&self->lock);
  entry *e = find(self, key, key_size);
  if (e && (*bytes = malloc(e->object_size + 1))) {
    memcpy(*bytes, e->bytes + key_size, e->object_size);
    *size = e->object_size;
    *info = e->info;
  } else {
    e = NULL;
  }
  pthread_mutex_unlock(&self->lock);
  return e != NULL;
}

/* ---- files ------------------------------------------------------------------ */

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rbe");
  if (!file) return NULL;
  char *data = NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    long end = ftell(file);
    if (end >= HEAD && end <= LARGEST && fseek(file, 0, SEEK_SET) == 0 &&
        (data = malloc((size_t)end))) {
      *size = fread(data, 1, (size_t)end, file);
      if (*size != (size_t)end) {
        free(data);
        data = NULL;
      }
    }
  }
  fclose(file);
  return data;
}

/* Fills self; false when anything about the file is odd. */
static bool parse(archive *self, const char *data, size_t size) {
  uint64_t head[3];
  memcpy(head, data + 8, sizeof head);
  if (memcmp(data, magic, 8) != 0 || head[1] != size ||
      head[2] != tm_hash_bytes(data + HEAD, size - HEAD, 1))
    return false;
  const size_t fixed = 16 + sizeof(sm_code_info);
  size_t at = HEAD;
  for (uint64_t i = 0; i < head[0]; i++) {
    uint64_t sizes[2];
    sm_code_info info;
    if (size - at < fixed) return false;
    memcpy(sizes, data + at, 16);
    memcpy(&info, data + at + 16, sizeof info);
    at += fixed;
    if (sizes[0] > size - at || sizes[1] > size - at - sizes[0])
      return false;
    if (!put(self, data + at, sizes[0], &info, data + at + sizes[0],
             sizes[1]))
      return false;
    at += sizes[0] + sizes[1];
  }
  return at == size;
}

id sm_archive_new(sm_device *device, id object, id *error) {
  if (error) *error = NULL;
  if (!sm_is_kind(object, descriptor_class)) {
    sm_nserror_out(error, domain, UNEXPECTED_ELEMENT,
                   "descriptor is not an MTLBinaryArchiveDescriptor");
    return NULL;
  }
  if (sm_fault_now(SM_FAULT_ARCHIVE)) {
    sm_nserror_out(error, domain, INTERNAL_ERROR, "internal error (injected)");
    return NULL;
  }
  archive *self = sm_new(archive_class);
  if (!self) return NULL;
  pthread_mutex_init(&self->lock, NULL);
  self->end = &self->first;
  self->device = (sm_device *)sm_retain(device);
  const char *path = sm_url_path(((descriptor *)object)->url);
  if (!path) return (id)self;
  size_t size = 0;
  char *data = read_file(path, &size);
  bool ok = data && parse(self, data, size);
  free(data);
  if (ok) return (id)self;
  id text = sm_string_format("'%s' cannot be read as a binary archive", path);
  sm_nserror_out(error, domain, INVALID_FILE, sm_string_text(text));
  sm_release(self);
  return NULL;
}

static void write_entry(FILE *out, const entry *e) {
  uint64_t sizes[2] = {e->key_size, e->object_size};
  fwrite(sizes, 1, sizeof sizes, out);
  fwrite(&e->info, 1, sizeof e->info, out);
  fwrite(e->bytes, 1, e->key_size + e->object_size, out);
}

/* The whole file in memory; NULL without memory. */
static char *build_file(const archive *self, size_t *size) {
  char *data = NULL;
  FILE *memory = open_memstream(&data, size);
  if (!memory) return NULL;
  static const char head[HEAD];
  fwrite(head, 1, HEAD, memory);
  for (const entry *e = self->first; e; e = e->next) write_entry(memory, e);
  bool ok = !ferror(memory);
  if (fclose(memory) != 0) ok = false;
  if (!ok) {
    free(data);
    return NULL;
  }
  uint64_t fields[3] = {self->count, *size,
                        tm_hash_bytes(data + HEAD, *size - HEAD, 1)};
  memcpy(data, magic, 8);
  memcpy(data + 8, fields, sizeof fields);
  return data;
}

/* Written aside and renamed, so that no reader sees a part. */
static bool write_file(const char *path, const char *data, size_t size) {
  char aside[4200];
  int n = snprintf(aside, sizeof aside, "%s.%ld.tmp", path, (long)getpid());
  if (n < 0 || (size_t)n >= sizeof aside) return false;
  FILE *file = fopen(aside, "wbe");
  if (!file) return false;
  bool ok = fwrite(data, 1, size, file) == size;
  if (fclose(file) != 0) ok = false;
  if (ok && rename(aside, path) == 0) return true;
  unlink(aside);
  return false;
}

static sm_bool serialize(archive *self, SEL cmd, id url, id *error) {
  (void)cmd;
  if (error) *error = NULL;
  const char *path = sm_url_path(url);
  size_t size = 0;
  pthread_mutex_lock(&self->lock);
  char *data = path ? build_file(self, &size) : NULL;
  pthread_mutex_unlock(&self->lock);
  bool ok = data && write_file(path, data, size);
  free(data);
  if (!ok) {
    id text = sm_string_format("the archive cannot be written to '%s'",
                               path ? path : "(nil)");
    sm_nserror_out(error, domain, INTERNAL_ERROR, sm_string_text(text));
  }
  return ok;
}

/* ---- adding ----------------------------------------------------------------- */

bool sm_archive_put(id object, const void *key, size_t key_size,
                    const sm_code_info *info, const void *bytes,
                    size_t size) {
  archive *self = (archive *)object;
  pthread_mutex_lock(&self->lock);
  bool ok = put(self, key, key_size, info, bytes, size);
  pthread_mutex_unlock(&self->lock);
  return ok;
}

static sm_bool add_function(archive *self, sm_function_object *function,
                            id *error) {
  char *message = NULL;
  bool ok = sm_pipeline_archive(function, (id)self, &message);
  if (!ok)
    sm_nserror_out(error, domain, COMPILATION_FAILURE,
                   message ? message : "out of memory");
  free(message);
  return ok;
}

static sm_bool add_pipeline(archive *self, SEL cmd,
                            sm_pipeline_descriptor *d, id *error) {
  (void)cmd;
  if (error) *error = NULL;
  if (sm_is_kind((id)d, sm_pipeline_descriptor_class) && d->function)
    return add_function(self, (sm_function_object *)d->function, error);
  sm_nserror_out(error, domain, UNEXPECTED_ELEMENT,
                 "the descriptor has no computeFunction");
  return 0;
}

static sm_bool add_described(archive *self, SEL cmd,
                             sm_function_descriptor *d, id library,
                             id *error) {
  (void)cmd;
  if (error) *error = NULL;
  id function = sm_function_described(library, d, error);
  if (!function) return 0;
  bool ok = add_function(self, (sm_function_object *)function, error);
  sm_release(function);
  return ok;
}

static id archive_device(archive *self, SEL cmd) {
  return (void)cmd, (id)self->device;
}
SM_OBJECT_PROPERTY(archive, label)
static void archive_dealloc(archive *self, SEL cmd) {
  (void)cmd;
  for (entry *e = self->first, *next; e; e = next) {
    next = e->next;
    free(e);
  }
  pthread_mutex_destroy(&self->lock);
  sm_release(self->label);
  sm_release(self->device);
  sm_object_dealloc(self);
}

SM_OBJECT_PROPERTY(descriptor, url)
static void descriptor_dealloc(descriptor *self, SEL cmd) {
  (void)cmd;
  sm_release(self->url);
  sm_object_dealloc(self);
}

void sm_register_archive(void) {
  static const sm_method methods[] = {
      SM_METHOD("addComputePipelineFunctionsWithDescriptor:error:",
                add_pipeline),
      SM_METHOD("addFunctionWithDescriptor:library:error:", add_described),
      SM_METHOD("serializeToURL:error:", serialize),
      SM_METHOD("device", archive_device),
      SM_METHOD("label", get_label),
      SM_METHOD("setLabel:", set_label),
      SM_METHOD("dealloc", archive_dealloc),
      {NULL, NULL}};
  static const sm_method descriptor_methods[] = {
      SM_METHOD("url", get_url),
      SM_METHOD("setUrl:", set_url),
      SM_METHOD("dealloc", descriptor_dealloc),
      {NULL, NULL}};
  archive_class = sm_class_make("SoftMetalBinaryArchive", sm_NSObject,
                                sizeof(archive), methods, NULL);
  descriptor_class =
      sm_class_make("MTLBinaryArchiveDescriptor", sm_NSObject,
                    sizeof(descriptor), descriptor_methods, NULL);
}
