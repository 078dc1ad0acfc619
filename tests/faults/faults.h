/* SPDX-License-Identifier: MIT */
/*
 * faults.h - making the N-th operation of a kind fail, for tests that raise N
 * until what they do succeeds.
 *
 * A program that uses this links with $(FAULT_LINK) of the Makefile, which
 * puts these functions before the library's allocations. Counting is of the
 * whole process; only what is linked in counts, not shared libraries.
 */
#ifndef TM_TEST_FAULTS_H
#define TM_TEST_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_kind {
  FAULT_MALLOC,        /* malloc, calloc, realloc, strdup, strndup: NULL */
  FAULT_ARENA,         /* the arena is exhausted */
  FAULT_SQLITE_MEMORY, /* SQLite's own allocations: NULL */
  FAULT_SQLITE_FILE,   /* its opens, reads, writes, syncs, locks: an error */
  FAULT_SQLITE_WRITE,  /* its writes: SQLITE_FULL, as on a full disk */
  FAULT_SQLITE_LOCK,   /* its locks, as on a network file system without */
  FAULT_METAL,         /* messages that give an object: nil */
  FAULT_KINDS
} fault_kind;

/* Once, before anything else: SQLite must not be in use yet. */
void faults_install(void);
/* Once Metal is loaded: its messages go through here. */
void faults_install_metal(void);
/* The nth operation from now on fails, and all later ones if that is said. */
void faults_arm(fault_kind kind, uint64_t nth, bool all_later);
/* One of so many operations fails, as if at random, until faults_disarm. */
void faults_arm_rate(fault_kind kind, uint64_t of);
/* How many there were since then; none fails any more. */
uint64_t faults_disarm(void);

/* Live allocations of what is linked in, and a number that grows with every
 * allocation. */
size_t faults_live(void);
uint64_t faults_mark(void);
/* Prints where live allocations after the mark were made, at most a few. */
void faults_print_since(uint64_t mark);

#endif
