/* SPDX-License-Identifier: MIT */
/*
 * tool.h - the command line, `tritonmetal`, over the public header alone.
 *
 *   main.c        picks the command
 *   cmd_*.c       one command each
 *   source.c      a file and what it imports, as a module
 *   npy.c         numpy's .npy files
 *   run_value.c   NAME=VALUE of `run`
 *
 * Exit status: 0 done, 1 a diagnosed failure, 2 wrong usage. Results go to
 * standard output, diagnostics to standard error.
 */
#ifndef TM_TOOL_H
#define TM_TOOL_H

#include <tritonmetal.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_DIAGNOSED = 1, EXIT_USAGE = 2 };

int cmd_info(int argc, char **argv);
int cmd_compile(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_cache(int argc, char **argv);

/* Prints the error's text to standard error, destroys it and returns
 * EXIT_DIAGNOSED. */
int tool_fail(tm_error *error);
/* "tritonmetal: " and the message to standard error; EXIT_DIAGNOSED. */
int tool_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* The same with a pointer to --help; EXIT_USAGE. */
int tool_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says that no kernel was named: a usage error, or, of a file that has none,
 * a diagnosed one. */
int tool_name_kernel(const char *command, const char *file,
                     const tm_module *module);
/* A whole number from text; false when it is none or outside the range. */
bool tool_number(const char *text, long least, long most, long *out);
/* Reads --num-warps or --num-stages; EXIT_USAGE when text is no count. */
int tool_count(const char *command, const char *text, uint32_t *out);
double tool_seconds(void); /* monotonic */

/* ---- source.c ---------------------------------------------------------- */

/* A list of folders and of texts, grown as needed; zeroed is empty. */
typedef struct tool_list {
  const char **items;
  size_t count;
} tool_list;
void tool_list_add(tool_list *list, const char *item);

/* Reads a whole file; NULL with a complaint when it cannot. free() it. */
char *tool_read_file(const char *path, size_t *size);
/* Parses path and, while it or they import modules that lie beside it or in
 * the folders, those too. Returns EXIT_DONE or has told what is wrong. */
int tool_load_module(tm_module **module, const char *path,
                     const tool_list *folders);

/* ---- npy.c ------------------------------------------------------------- */

enum { NPY_MAX_RANK = 32 };

typedef struct npy {
  tm_dtype dtype;    /* numpy bool is TM_DTYPE_I1, one byte each */
  size_t item;       /* bytes of an element */
  size_t rank;
  uint64_t shape[NPY_MAX_RANK];
  uint64_t count;    /* elements */
  uint64_t bytes;
  char descr[8];     /* numpy's type text: "<f4" */
} npy;

/* Opens path and reads its header; the file is left at the data. NULL with a
 * complaint. fclose() it. */
FILE *npy_open(const char *path, npy *header);
/* Writes a whole file; false with a complaint. */
bool npy_write(const char *path, const npy *header, const void *data);
/* numpy's type text for a dtype: bf16 and fp8, which numpy lacks, are stored
 * as unsigned integers of their size. */
const char *npy_descr(tm_dtype dtype);
size_t dtype_size(tm_dtype dtype);

/* ---- run_value.c ----------------------------------------------------------- */

/* One NAME=VALUE of `run`. */
typedef struct run_value {
  char *name;        /* owned */
  char *text;        /* owned: what followed '=' */
  tm_arg arg;
  tm_buffer *buffer; /* owned; NULL: not an array */
  const char *write; /* where the array goes afterwards; NULL: nowhere */
  npy header;
} run_value;

/* Parses one, reading or making its array in the context. EXIT_DONE, or has
 * told what is wrong. */
int run_value_parse(run_value *value, const char *text, tm_context *context);
/* Writes the array back if it is to be. */
int run_value_finish(const run_value *value);
void run_value_free(run_value *value);

#endif
