/* SPDX-License-Identifier: MIT */
/*
 * occupancy.c - how many threadgroups of a kernel a GPU core holds at once.
 *
 * On M1 and M2 a core divides fixed memories: a register file of 208 KB, some
 * 60 KB of threadgroup memory, and room for 3072 threads (metal-benchmarks).
 * Registers are given to 64 threads at a time and never more than 128 to one;
 * what needs more goes to device memory. That gives the steps that Mesa read
 * off maxTotalThreadsPerThreadgroup:
 *
 *     32-bit registers a thread     52    56    64    80   104   128
 *     threads of a core           1024   896   832   640   512   384
 *
 * and the whole file is shared out further for threads that need less. From
 * M3 on a core's memory is a cache for registers, threadgroup memory and
 * buffers alike, divided while it runs; there is nothing to compute.
 */
#include "cost.h"

enum { MOST_REGISTERS = 128, THREADS_AT_ONCE = 64 };

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t threads_for(uint32_t registers, const tm_chip *chip) {
  uint32_t each = 4 * least(registers ? registers : 1, MOST_REGISTERS);
  uint32_t threads = chip->core_register_bytes / each;
  return least(threads - threads % THREADS_AT_ONCE, chip->core_threads);
}

tm_occupancy tm_occupancy_of(uint32_t registers, uint32_t threads,
                             uint32_t threadgroup_bytes,
                             const tm_chip *chip) {
  tm_occupancy o = {.limit = "divided by the chip while it runs"};
  if (!chip->core_register_bytes || !threads) return o;
  uint32_t by_threads = chip->core_threads / threads;
  uint32_t by_registers = threads_for(registers, chip) / threads;
  uint32_t by_memory = threadgroup_bytes
                           ? chip->core_threadgroup_bytes / threadgroup_bytes
                           : by_threads;
  o.threadgroups = least(by_threads, least(by_registers, by_memory));
  o.limit = o.threadgroups == by_threads     ? "threads"
            : o.threadgroups == by_registers ? "registers"
                                             : "threadgroup memory";
  if (!o.threadgroups) o.threadgroups = 1; /* spills until it fits */
  return o;
}
