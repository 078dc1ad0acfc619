/* SPDX-License-Identifier: MIT */
/*
 * archive.c - pipelines' native code in the cache, where that is switched on
 * (tm_context_options.archives).
 *
 *   key    system with its build, device, MSL version, and the hash of text
 *          and entry; the system comes first, so that those of another one
 *          are told by how their keys begin
 *   value  the file that MTLBinaryArchive wrote
 *
 *   load: row -> file -> archive -> pipeline of the archive, or none
 *   keep: library -> archive -> file -> row
 *
 * The hash may stand for the text: Metal itself looks the library up in the
 * archive and, asked not to compile, gives no pipeline when it is not there.
 * Whatever goes wrong, the pipeline is compiled as without an archive.
 *
 * Metal reads and writes archives by name only, so the bytes pass through a
 * file in a private folder that is made and removed for the purpose.
 */
#define _GNU_SOURCE
#include "archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char kind[] = "archive";

enum {
  PREFIX_ROOM = 160, /* "TMA1", the kind of Metal, the system's text */
  KEY_ROOM = PREFIX_ROOM + 96 + 96,
  PATH_ROOM = 1024
};

/* ---- keys --------------------------------------------------------------- */

/* How keys of archives of this system begin. */
static size_t make_prefix(const tm_metal_device *device,
                          char out[PREFIX_ROOM]) {
  return (size_t)snprintf(out, PREFIX_ROOM, "TMA1\n%d\n%s\n",
                          tm_mtl.is_apple, device->system);
}

static size_t make_key(const tm_kernel *kernel, char out[KEY_ROOM]) {
  const tm_metal_device *device = &kernel->context->device;
  const tm_program *p = &kernel->program;
  uint64_t high, low;
  size_t n = make_prefix(device, out);
  tm_store_hash(p->entry, p->msl, p->msl_size, &high, &low);
  n += (size_t)snprintf(out + n, KEY_ROOM - n,
                        "%s\n%u\n%016llx%016llx %zu", device->name,
                        (unsigned)p->language_version,
                        (unsigned long long)high, (unsigned long long)low,
                        p->msl_size);
  return n;
}

/* Is there a place for it, and may it be used? A system that does not say
 * what it is could be any. */
static bool is_wanted(const tm_kernel *kernel) {
  const tm_context *context = kernel->context;
  return context->settings.archives && kernel->cache != TM_SWITCH_OFF &&
         tm_store_path(context->store) && context->device.system[0];
}

/* ---- a file for Metal --------------------------------------------------- */

typedef struct passage {
  char folder[PATH_ROOM], path[PATH_ROOM + 16];
} passage;

static bool open_passage(passage *p) {
  const char *place = getenv("TMPDIR");
  int n = snprintf(p->folder, sizeof p->folder, "%s/tritonmetal-XXXXXX",
                   place && *place ? place : "/tmp");
  if (n >= (int)sizeof p->folder || !mkdtemp(p->folder)) return false;
  snprintf(p->path, sizeof p->path, "%s/archive", p->folder);
  return true;
}

static void close_passage(const passage *p) {
  unlink(p->path);
  rmdir(p->folder);
}

static bool write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wbe");
  if (!file) return false;
  bool good = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && good;
}

/* malloc'ed; NULL when it cannot be read. */
static void *read_file(const char *path, size_t *size) {
  struct stat st;
  FILE *file = fopen(path, "rbe");
  if (!file) return NULL;
  void *bytes = NULL;
  if (fstat(fileno(file), &st) == 0 && st.st_size > 0 &&
      (bytes = malloc((size_t)st.st_size))) {
    *size = fread(bytes, 1, (size_t)st.st_size, file);
    if (*size != (size_t)st.st_size) {
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

/* ---- load and keep ------------------------------------------------------ */

/* From bytes that are written to p. *text: why not. */
static bool load_bytes(const tm_kernel *kernel, tm_id library,
                       const passage *p, tm_metal_pipeline *made,
                       char **text) {
  const tm_metal_device *device = &kernel->context->device;
  tm_id archive = tm_metal_archive_open(device, p->path, text);
  if (!archive) return false;
  bool ok = tm_metal_pipeline_from_archive(
      made, device, library, kernel->program.entry, archive, text);
  tm_metal_release(archive);
  return ok;
}

bool tmi_archive_load(tm_kernel *kernel, tm_id library,
                      tm_metal_pipeline *made) {
  if (!is_wanted(kernel)) return false;
  tm_store *store = kernel->context->store;
  char key[KEY_ROOM], *text = NULL;
  size_t key_size = make_key(kernel, key), size;
  void *bytes;
  if (!tm_store_get(store, kind, key, key_size, &bytes, &size)) return false;
  passage p;
  bool ok = false;
  if (open_passage(&p)) {
    ok = write_file(p.path, bytes, size) &&
         load_bytes(kernel, library, &p, made, &text);
    close_passage(&p);
  }
  free(bytes);
  if (!ok) {
    tmi_log(kernel->context, 1, "%s: its archive cannot be used: %s",
            kernel->facts.name, text ? text : "no file for Metal");
    /* What Metal never saw may be good. */
    if (text) tm_store_drop(store, kind, key, key_size);
  }
  free(text);
  return ok;
}

void tmi_archive_keep(tm_kernel *kernel, tm_id library) {
  if (!is_wanted(kernel)) return;
  tm_context *context = kernel->context;
  char key[KEY_ROOM], label[256], *text = NULL;
  size_t key_size = make_key(kernel, key), size = 0;
  passage p;
  if (!open_passage(&p)) return;
  void *bytes = NULL;
  if (tm_metal_archive_save(&context->device, library, kernel->program.entry,
                            p.path, &text))
    bytes = read_file(p.path, &size);
  close_passage(&p);
  snprintf(label, sizeof label, "%s for %s, %s", kernel->facts.name,
           context->device.name, context->device.system);
  bool kept = bytes && tm_store_put(context->store, kind, key, key_size,
                                    bytes, size, label);
  free(bytes);
  tmi_log(context, 1, "%s: %s%s%s", kernel->facts.name,
          kept ? "its archive is kept" : "no archive of it is kept",
          text ? ": " : "", text ? text : "");
  free(text);
  /* Once is enough: what is kept later is of this system. */
  if (kept && !atomic_exchange(&context->archives_swept, true))
    tmi_archive_sweep(context, NULL);
}

bool tmi_archive_sweep(tm_context *context, uint64_t *deleted) {
  uint64_t count = 0;
  char prefix[PREFIX_ROOM];
  if (deleted) *deleted = 0;
  if (!atomic_load(&context->has_device) || !context->device.system[0])
    return true;
  size_t n = make_prefix(&context->device, prefix);
  bool done = tm_store_drop_others(context->store, kind, prefix, n, &count);
  if (deleted) *deleted = count;
  return done;
}
