/* SPDX-License-Identifier: MIT */
/*
 * load_pack.c - kernels that were compiled ahead of time.
 *
 *   load_pack examples/kernels/vector_add.py
 *
 * The first half is what a build machine does, of any kind: it compiles a
 * kernel for every chip that users may have, needs no GPU for it, and writes
 * one file. The second half is the application: it takes the file into the
 * user's cache, and its first launch finds the kernel there. What is left for
 * the user's machine is Metal's own part.
 */
#define _GNU_SOURCE
#include <tritonmetal.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(tm_status status, tm_error *error) {
  if (status == TM_OK) return;
  fputs(tm_error_text(error), stderr);
  exit(1);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = calloc(1, (size_t)size + 1);
  if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) exit(1);
  fclose(file);
  return text;
}

/* A context whose cache is a folder of its own. */
static tm_context *context_in(const char *folder) {
  tm_error *error = NULL;
  tm_context *context;
  tm_context_options options = TM_CONTEXT_OPTIONS_INIT;
  options.cache_dir = folder;
  options.cache = TM_SWITCH_ON;
  tm_status status = tm_context_create(&context, &options, &error);
  check(status, error);
  return context;
}

/* The text and the module's name are part of a kernel's key: both sides must
 * use the same. */
static tm_module *parse(const char *text) {
  tm_error *error = NULL;
  tm_module *module;
  tm_status status = tm_module_parse(&module, "ops", "ops.py", text,
                                     strlen(text), NULL, &error);
  check(status, error);
  return module;
}

static tm_kernel *compile(tm_context *context, tm_module *module,
                          const char *chip) {
  tm_error *error = NULL;
  tm_kernel *kernel;
  tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
  options.signature = "*fp32:16, *fp32:16, *fp32:16, i32, 1024";
  options.chip = chip;
  tm_status status =
      tm_compile(&kernel, context, module, "add_kernel", &options, &error);
  check(status, error);
  return kernel;
}

static unsigned long long build_pack(const char *text, const char *folder,
                                     const char *pack) {
  tm_error *error = NULL;
  tm_context *context = context_in(folder);
  tm_module *module = parse(text);
  const char *chip;
  for (size_t i = 0; (chip = tm_chip_name(i)); i++)
    tm_kernel_destroy(compile(context, module, chip));
  uint64_t kernels = 0;
  tm_status status = tm_cache_export(context, pack, &kernels, &error);
  check(status, error);
  tm_module_destroy(module);
  tm_context_destroy(context);
  return kernels;
}

static float add_from_pack(const char *text, const char *folder,
                           const char *pack, int *was_there) {
  enum { N = 5000 };
  tm_error *error = NULL;
  tm_status status;
  tm_context *context = context_in(folder);
  status = tm_cache_import(context, pack, NULL, &error);
  check(status, error);
  tm_module *module = parse(text);
  tm_kernel *kernel = compile(context, module, NULL); /* this machine's chip */
  *was_there = (int)tm_kernel_info(kernel)->from_cache;

  tm_stream *stream;
  status = tm_stream_create(&stream, context, NULL, &error);
  check(status, error);
  tm_buffer *buffers[3];
  for (int i = 0; i < 3; i++) {
    status = tm_buffer_create(&buffers[i], context, N * sizeof(float), NULL,
                              &error);
    check(status, error);
    float *p = tm_buffer_contents(buffers[i]);
    for (int k = 0; k < N; k++) p[k] = (float)(k * (i + 1));
  }
  tm_arg args[4];
  for (int i = 0; i < 3; i++) args[i] = tm_arg_buffer(buffers[i], 0);
  args[3] = tm_arg_int(N);
  status = tm_launch(stream, kernel, tm_grid_1d((N + 1023) / 1024), args, 4,
                     &error);
  check(status, error);
  status = tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error);
  check(status, error);
  float last = ((float *)tm_buffer_contents(buffers[2]))[N - 1];
  for (int i = 0; i < 3; i++) tm_buffer_destroy(buffers[i]);
  tm_stream_destroy(stream);
  tm_kernel_destroy(kernel);
  tm_module_destroy(module);
  tm_context_destroy(context);
  return last;
}

/* Removes a folder of files. */
static void remove_folder(const char *folder) {
  char path[600];
  DIR *dir = opendir(folder);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    snprintf(path, sizeof path, "%s/%.255s", folder, e->d_name);
    unlink(path);
  }
  if (dir) closedir(dir);
  rmdir(folder);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "examples/kernels/vector_add.py";
  const char *base = getenv("TMPDIR");
  char root[256], built[300], used[300], pack[300];
  snprintf(root, sizeof root, "%s/load_pack.XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(root)) {
    perror(root);
    return 1;
  }
  snprintf(built, sizeof built, "%s/build-machine", root);
  snprintf(used, sizeof used, "%s/users-machine", root);
  snprintf(pack, sizeof pack, "%s/kernels.pack", root);
  char *text = read_file(path);
  int was_there = 0;
  unsigned long long kernels = build_pack(text, built, pack);
  float last = add_from_pack(text, used, pack, &was_there);
  printf("%s, the kernel was %s, out[4999] = %g\n",
         kernels > 10 ? "a pack for every chip" : "A SMALL PACK",
         was_there ? "in the pack" : "COMPILED ANEW", (double)last);
  free(text);
  remove_folder(built);
  remove_folder(used);
  remove_folder(root);
  return !was_there || last != 4999.0f * 3;
}
