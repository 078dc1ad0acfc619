/* SPDX-License-Identifier: MIT */
/*
 * pipeline_store.c - native code of pipelines kept on disk between processes.
 *
 * macOS keeps such a store for every application, which is why the second
 * start of a program that compiles the same MSL is fast; this is ours. One
 * file a pipeline, named by a hash of the key, in a folder private to the
 * user; SOFTMETAL_CACHE names another folder, or is 0 for none.
 *
 *   offset  size  meaning
 *   0       8     "SMPIPE2\n"
 *   8       8     size of the key
 *   16      8     size of the object
 *   24      8     hash of everything after this field
 *   32      ...   sm_code_info, the key, the object
 *
 * The key is compared whole. Anything odd about a file is a miss. The files
 * hold native code: the folder is to be trusted as the program itself is.
 */
#define _GNU_SOURCE
#include "metal_objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  HEAD = 32,
  MOST_BYTES = 256 << 20, /* of all files; the oldest go first */
  LARGEST = 64 << 20      /* of one */
};
static const char magic[8] = "SMPIPE2\n";

/* Makes the folder and its parents; false when there is none to use. */
static bool folder_path(char *path, size_t size, bool make) {
  const char *set = getenv("SOFTMETAL_CACHE");
  const char *home = getenv("HOME"), *xdg = getenv("XDG_CACHE_HOME");
  int n;
  if (set && *set) {
    if (strcmp(set, "0") == 0) return false;
    n = snprintf(path, size, "%s", set);
  } else if (xdg && *xdg == '/') {
    n = snprintf(path, size, "%s/softmetal", xdg);
  } else if (home && *home == '/') {
    n = snprintf(path, size, "%s/.cache/softmetal", home);
  } else {
    return false;
  }
  if (n < 0 || (size_t)n >= size) return false;
  for (char *p = path + 1; make; p++) {
    p = strchr(p, '/');
    if (p) *p = 0;
    if (mkdir(path, 0700) && errno != EEXIST) return false;
    if (!p) break;
    *p = '/';
  }
  return true;
}

static bool file_path(char *path, size_t size, const void *key,
                      size_t key_size, bool make) {
  char folder[3072];
  if (!folder_path(folder, sizeof folder, make)) return false;
  unsigned long long a = tm_hash_bytes(key, key_size, 0);
  unsigned long long b = tm_hash_bytes(key, key_size, 0x9e3779b97f4a7c15u);
  int n = snprintf(path, size, "%s/%016llx%016llx.pipeline", folder, a, b);
  return n > 0 && (size_t)n < size;
}

static uint64_t body_hash(const char *file, size_t size) {
  return tm_hash_bytes(file + HEAD, size - HEAD, 1);
}

/* The whole file; NULL when it cannot be read. */
static char *read_all(const char *path, size_t *size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  char *data = NULL;
  if (fd < 0) return NULL;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
      info.st_size > HEAD && info.st_size <= LARGEST &&
      (info.st_uid == geteuid() || info.st_uid == 0) &&
      (data = malloc((size_t)info.st_size))) {
    *size = (size_t)info.st_size;
    if (read(fd, data, *size) != (ssize_t)*size) {
      free(data);
      data = NULL;
    }
  }
  if (data) futimens(fd, NULL); /* used now: the oldest are evicted */
  close(fd);
  return data;
}

bool sm_store_get(const void *key, size_t key_size, sm_code_info *info,
                  void **object, size_t *object_size) {
  char path[4096];
  size_t size = 0;
  if (!file_path(path, sizeof path, key, key_size, false)) return false;
  char *file = read_all(path, &size);
  if (!file) return false;
  uint64_t key_bytes, object_bytes, hash;
  memcpy(&key_bytes, file + 8, 8);
  memcpy(&object_bytes, file + 16, 8);
  memcpy(&hash, file + 24, 8);
  const size_t fixed = HEAD + sizeof *info;
  bool ok = memcmp(file, magic, 8) == 0 && size >= fixed &&
            key_bytes == key_size && object_bytes == size - fixed - key_size &&
            size - fixed >= key_size && hash == body_hash(file, size) &&
            memcmp(file + fixed, key, key_size) == 0 &&
            (*object = malloc(object_bytes + 1)) != NULL;
  if (ok) {
    memcpy(info, file + HEAD, sizeof *info);
    memcpy(*object, file + fixed + key_size, object_bytes);
    *object_size = object_bytes;
  }
  free(file);
  return ok;
}

/* Deletes the oldest files until the rest are within the limit. */
static void evict(const char *folder) {
  for (;;) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    uint64_t total = 0;
    struct timespec oldest = {0, 0};
    char victim[256] = "";
    for (struct dirent *entry; (entry = readdir(dir));) {
      struct stat info;
      if (!strstr(entry->d_name, ".pipeline") ||
          fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW))
        continue;
      total += (uint64_t)info.st_size;
      if (!*victim || info.st_mtim.tv_sec < oldest.tv_sec ||
          (info.st_mtim.tv_sec == oldest.tv_sec &&
           info.st_mtim.tv_nsec < oldest.tv_nsec)) {
        oldest = info.st_mtim;
        snprintf(victim, sizeof victim, "%s", entry->d_name);
      }
    }
    bool gone = total <= MOST_BYTES || !*victim ||
                unlinkat(dirfd(dir), victim, 0) != 0;
    closedir(dir);
    if (gone) return;
  }
}

void sm_store_put(const void *key, size_t key_size, const sm_code_info *info,
                  const void *object, size_t object_size) {
  char path[4096], folder[3072], temporary[4200];
  size_t fixed = HEAD + sizeof *info, size = fixed + key_size + object_size;
  if (size > LARGEST ||
      !file_path(path, sizeof path, key, key_size, true) ||
      !folder_path(folder, sizeof folder, false))
    return;
  char *file = malloc(size);
  if (!file) return;
  uint64_t key_bytes = key_size, object_bytes = object_size;
  memcpy(file, magic, 8);
  memcpy(file + 8, &key_bytes, 8);
  memcpy(file + 16, &object_bytes, 8);
  memcpy(file + HEAD, info, sizeof *info);
  memcpy(file + fixed, key, key_size);
  memcpy(file + fixed + key_size, object, object_size);
  uint64_t hash = body_hash(file, size);
  memcpy(file + 24, &hash, 8);
  /* Written aside and renamed: readers see all of it or nothing. */
  snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && write(fd, file, size) == (ssize_t)size;
  if (fd >= 0) close(fd);
  if (!ok || rename(temporary, path)) unlink(temporary);
  free(file);
  evict(folder);
}
