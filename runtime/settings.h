/* SPDX-License-Identifier: MIT */
/*
 * settings.h - what a context was told, from every layer.
 *
 * Strongest first: tm_context_options, the environment, the file
 * ~/.triton/metal_config.json, the default. A value that cannot be used in
 * the options is an error; in the environment or the file it is a warning,
 * kept for tm_environment, and the next layer decides.
 */
#ifndef TM_RUNTIME_SETTINGS_H
#define TM_RUNTIME_SETTINGS_H

#include "error.h"

typedef struct tmi_settings {
  char *cache_path;     /* owned: the database file; NULL: no cache */
  uint64_t cache_limit; /* bytes */
  char *device;         /* owned; NULL: the system's default */
  char *chip;           /* owned; NULL: the device's */
  bool force_sync, auto_tuning;
  bool archives;        /* pipelines' native code is cached, too */
  bool tensor_ops;      /* dots by matmul2d where the chip has it */
  bool debug;           /* keep assertions of kernels */
  uint32_t check_handles; /* a tm_switch; DEFAULT: as handles.c has it */
  uint32_t debug_level; /* 0 to 3 */
  uint32_t threadgroup_size;      /* threads: 32 to 1024; 0: by the kernel */
  uint32_t max_threadgroup_bytes; /* 0: the chip's limit */
  uint32_t optimization_level;    /* 1 or 2 */
  char *dump_dir;       /* owned: where compiles are dumped; NULL: nowhere */
  uint64_t layout_seed; /* not 0: layouts at random, for tests */
  void (*log)(void *payload, uint32_t level, const char *line);
  void *payload;        /* of log and print */
  void (*print)(void *payload, const char *line);
  char *config_path;    /* owned: the settings file; NULL: no home folder */
  char *warnings;       /* owned: lines of text; NULL: none */
} tmi_settings;

/* Reads all layers. On failure *settings is empty. */
tm_status tmi_settings_read(tmi_settings *settings,
                            const tm_context_options *options,
                            tm_error **error);
void tmi_settings_free(tmi_settings *settings);

#endif
