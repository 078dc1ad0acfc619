/* SPDX-License-Identifier: MIT */
/*
 * dump.c - the texts of a kernel's stages, as files for a person to read.
 *
 *   dump_dir/<kernel>-<chip>-<hash of its key>/ast.py, ttir.mlir, layout.mlir,
 *   kernel.msl
 *
 * The hash tells specializations and versions of one kernel apart, and is the
 * one that the cache shows. Each file is made beside its place and renamed
 * into it, so that whoever reads it has all of it, also while several
 * processes dump the same kernel.
 */
#define _GNU_SOURCE
#include "compile_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 80 }; /* of a kernel in a folder's name, bytes */

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

/* A kernel's name may have letters of any script, and its file system not. */
static void plain_name(const char *name, char *out) {
  size_t n = 0;
  for (; name[n] && n < LONGEST_NAME; n++)
    out[n] = is_plain(name[n]) ? name[n] : '_';
  out[n] = 0;
}

/* Makes the folder and those above it; false with errno. */
static bool make_folders(char *path) {
  for (char *p = path + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    bool ok = mkdir(path, 0777) == 0 || errno == EEXIST;
    *p = '/';
    if (!ok) return false;
  }
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static bool write_all(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  if (!file) return false;
  size_t n = strlen(text);
  bool ok = fwrite(text, 1, n, file) == n;
  int trouble = errno;
  if (fclose(file) != 0) return false;
  errno = trouble;
  return ok;
}

/* False with errno. */
static bool write_file(const char *folder, const char *name,
                       const char *text) {
  static _Atomic unsigned last;
  char *path = tm_metal_format("%s/%s", folder, name);
  char *beside = tm_metal_format("%s/.%s.%ld.%u", folder, name,
                                 (long)getpid(), atomic_fetch_add(&last, 1));
  errno = ENOMEM;
  bool ok = path && beside && write_all(beside, text) &&
            rename(beside, path) == 0;
  int trouble = errno;
  if (!ok && beside) unlink(beside);
  free(path);
  free(beside);
  errno = trouble;
  return ok;
}

static bool write_stages(tm_kernel *kernel, const char *folder) {
  static const struct { tm_stage stage; const char *file; } files[] = {
      {TM_STAGE_AST, "ast.py"},
      {TM_STAGE_TTIR, "ttir.mlir"},
      {TM_STAGE_LAYOUT, "layout.mlir"},
      {TM_STAGE_MSL, "kernel.msl"}};
  for (size_t i = 0; i < TM_COUNT(files); i++) {
    const char *text = tmi_kernel_text(kernel, files[i].stage);
    errno = ENOMEM;
    if (!text || !write_file(folder, files[i].file, text)) return false;
  }
  return true;
}

void tmi_dump_kernel(tm_kernel *kernel, const uint64_t hash[2]) {
  tm_context *context = kernel->context;
  const char *where = context->settings.dump_dir;
  if (!where) return;
  char name[LONGEST_NAME + 1];
  plain_name(kernel->facts.name, name);
  char *folder = tm_metal_format(
      "%s/%s-%s-%016llx%016llx", where, name, kernel->facts.chip,
      (unsigned long long)hash[0], (unsigned long long)hash[1]);
  errno = ENOMEM;
  if (folder && make_folders(folder) && write_stages(kernel, folder))
    tmi_log(context, 1, "%s for %s: dumped to %s", kernel->facts.name,
            kernel->facts.chip, folder);
  else
    tmi_log(context, 0, "%s for %s: cannot be dumped to %s: %s",
            kernel->facts.name, kernel->facts.chip, folder ? folder : where,
            strerror(errno));
  free(folder);
}
