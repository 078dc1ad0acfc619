/* SPDX-License-Identifier: MIT */
/*
 * msl_metal.h - the few things of Metal that hand-written kernels need, over
 * softmetal's own objc_msgSend: libtritonmetal takes no part. Errors end the
 * program with their text.
 */
#ifndef TM_MSL_METAL_H
#define TM_MSL_METAL_H

#include <stddef.h>
#include <stdint.h>

typedef struct msl_metal {
  void *device, *queue;
} msl_metal;

typedef struct msl_buffer {
  void *object;
  void *data;
} msl_buffer;

typedef struct msl_step { /* one dispatch of a command buffer */
  void *pipeline;
  const msl_buffer *buffers[4]; /* at 0, 1, ...; to the first NULL */
  int number_at;                /* where number is bound; -1: nowhere */
  uint32_t number;
  uint32_t groups[2], threads;
} msl_step;

typedef struct msl_commands { /* a command buffer that is being encoded */
  void *pool, *buffer, *encoder;
} msl_commands;

msl_metal msl_metal_open(void);
void msl_metal_close(msl_metal *metal);
void *msl_library(msl_metal *metal, const char *text);
void *msl_pipeline(msl_metal *metal, void *library, const char *name);
/* Writes an archive with that function's pipeline to path and opens it. */
void *msl_archive(msl_metal *metal, void *library, const char *name,
                  const char *path);
/* From the archive alone: it is an error if it lacks the pipeline. */
void *msl_pipeline_from(msl_metal *metal, void *library, const char *name,
                        void *archive);
msl_buffer msl_buffer_new(msl_metal *metal, size_t bytes); /* shared */
void msl_release(void *object);
/* A command buffer with an open encoder; what has been encoded runs in
 * msl_end, which waits for it. */
msl_commands msl_begin(msl_metal *metal);
void msl_encode(msl_commands *commands, const msl_step *step);
void msl_end(msl_commands *commands);
/* Encodes the steps into one command buffer and waits for its end. */
void msl_run(msl_metal *metal, const msl_step *steps, size_t n);

#endif
