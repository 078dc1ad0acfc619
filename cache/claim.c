/* SPDX-License-Identifier: MIT */
/*
 * claim.c - one process makes a row while the others wait for it.
 *
 * A claim is a lock on one byte of a file beside the database; the byte's
 * number is a hash of the key. The system takes the lock away when its holder
 * dies, however it dies, so that a claim is never left behind. Two keys may
 * meet on one byte, and a system without such locks (some network file
 * systems) refuses them: both cost only time, as does a wait that ends
 * without the row, after which everybody makes their own.
 */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "cacheint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

/* Locks of an open file, not of a process: another store of this process
 * that closes the file does not take them away. */
#if defined(F_OFD_SETLK)
#define CLAIM_LOCK F_OFD_SETLK
#else
#define CLAIM_LOCK F_SETLK
#endif

enum { POLL_US = 500 };

static bool lock_byte(int file, off_t byte, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET,
                       .l_start = byte, .l_len = 1};
  int rc;
  do rc = fcntl(file, CLAIM_LOCK, &lock);
  while (rc != 0 && errno == EINTR);
  return rc == 0;
}

static int open_lock_file(const tm_store *store) {
  size_t room = strlen(store->path) + 8;
  char *name = malloc(room);
  if (!name) return -1;
  snprintf(name, room, "%s-claim", store->path);
  int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  free(name);
  return file;
}

static void sleep_us(long us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

tm_store_claim tm_store_claim_row(tm_store *store, const char *kind,
                                  const void *key, size_t key_size,
                                  uint32_t wait_ms) {
  tm_store_claim claim = {.file = -1};
  if (!store->path) return claim;
  claim.file = open_lock_file(store);
  if (claim.file < 0) return claim;
  uint64_t hash = XXH3_64bits_withSeed(key, key_size,
                                       XXH3_64bits(kind, strlen(kind)));
  claim.byte = (int64_t)(hash >> 2); /* what off_t holds everywhere */
  for (uint64_t waited = 0;; waited += POLL_US) {
    if (lock_byte(claim.file, (off_t)claim.byte, F_WRLCK)) return claim;
    bool is_held = errno == EACCES || errno == EAGAIN;
    if (!is_held || waited >= (uint64_t)wait_ms * 1000) break;
    claim.waited = true;
    sleep_us(POLL_US);
  }
  close(claim.file);
  claim.file = -1;
  return claim;
}

void tm_store_release_row(tm_store_claim *claim) {
  if (claim->file < 0) return;
  lock_byte(claim->file, (off_t)claim->byte, F_UNLCK);
  close(claim->file);
  claim->file = -1;
}
