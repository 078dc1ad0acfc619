/* SPDX-License-Identifier: MIT */
/* damage.c - what may happen to a cache's file, see endurance.h. */
#define _GNU_SOURCE
#include "endurance.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

/* Random bytes over a part of the file. */
static void scratch(damage *d, const char *path) {
  struct stat st;
  int file = open(path, O_WRONLY);
  if (file < 0) return;
  if (fstat(file, &st) == 0 && st.st_size > 100) {
    unsigned char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = (unsigned char)below(&d->random, 256);
    off_t at = (off_t)below(&d->random, (uint32_t)st.st_size);
    if (pwrite(file, bytes, sizeof bytes, at) < 0) sleep_ms(1);
  }
  close(file);
}

/* No file may grow for a while: what a full disk does. */
static void fill_disk(void) {
  struct rlimit old, tight;
  if (getrlimit(RLIMIT_FSIZE, &old) != 0) return;
  tight = old;
  tight.rlim_cur = 8192;
  if (setrlimit(RLIMIT_FSIZE, &tight) == 0) sleep_ms(30);
  setrlimit(RLIMIT_FSIZE, &old);
}

void *damage_run(void *argument) {
  damage *d = argument;
  char file[300], log[310];
  snprintf(file, sizeof file, "%s/kernels.db", d->folder);
  snprintf(log, sizeof log, "%s-wal", file);
  while (!d->ends) {
    switch (below(&d->random, 8)) {
      case 0: unlink(file); break;
      case 1: unlink(log); break;
      case 2: if (truncate(file, (off_t)below(&d->random, 20000))) break; break;
      case 3: fill_disk(); break;
      case 4:
        chmod(file, 0400);
        sleep_ms(20);
        chmod(file, 0600);
        break;
      default: scratch(d, file);
    }
    d->done++;
    sleep_ms(40);
  }
  return NULL;
}
