/* SPDX-License-Identifier: MIT */
/*
 * msl_fuzz.c - any bytes into softmetal's MSL front end: a program without
 * errors or errors without a program, and no crash, hang or leak.
 *
 *   make fuzz-msl [FUZZ_SECONDS=60]
 *
 * With clang this is libFuzzer's entry and its mutator; elsewhere, and for
 * replaying, a program of its own: msl_fuzz SECONDS FOLDER... damages the
 * files of the folders until the time is over, under the address sanitizer.
 * A text that fails is left in msl-crash.metal. What was found and mended is
 * kept in msl_corpus, which test_msl_front replays on each `make test`.
 */
#include "../../softmetal/msl/tree.h"
#include "msl_mutate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Newest and oldest that we describe: what one refuses the other takes. */
static const struct {
  uint32_t version, family;
} settings[] = {{(4u << 16) + 1, 10}, {(2u << 16) + 1, 7}};

static void check(tm_arena *arena, const uint8_t *data, size_t size,
                  int setting) {
  sm_parse_options o = {0};
  tm_diags diags;
  o.language_version = settings[setting].version;
  o.family = settings[setting].family;
  tm_diags_init(&diags, arena);
  sm_program *program =
      sm_parse(arena, &diags, (tm_str){(const char *)data, size}, &o);
  if ((program == NULL) != (diags.errors != 0)) abort();
  tm_buf text = tm_buf_in(arena);
  if (program) sm_program_dump(program, &text);
  tm_diags_render_all(&diags, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (int i = 0; i < 2; i++) {
    tm_arena arena;
    jmp_buf guard;
    tm_arena_init(&arena, 256u << 20);
    if (tm_arena_guard(&arena, guard)) check(&arena, data, size, i);
    tm_arena_free(&arena);
  }
  return 0;
}

#ifdef MSL_LIBFUZZER

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed) {
  if (seed % 4 == 0 || !size) return LLVMFuzzerMutate(data, size, most);
  return msl_mutate((char *)data, size, most, seed);
}

#else

enum { MOST_FILES = 2000, MOST_BYTES = 1 << 16 };

static struct {
  char *data;
  size_t size;
} files[MOST_FILES];
static size_t n_files;

static void read_folder(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) {
    perror(path);
    exit(2);
  }
  for (struct dirent *e; (e = readdir(dir)) && n_files < MOST_FILES;) {
    char name[1024];
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    FILE *f = e->d_name[0] == '.' ? NULL : fopen(name, "rb");
    if (!f) continue;
    char *data = malloc(MOST_BYTES);
    size_t size = data ? fread(data, 1, MOST_BYTES, f) : 0;
    fclose(f);
    files[n_files].data = data;
    files[n_files++].size = size;
  }
  closedir(dir);
}

static void run_one(const char *text, size_t len) {
  /* the file is written first: a crash leaves it */
  FILE *f = fopen("msl-crash.metal", "wb");
  if (f) {
    fwrite(text, 1, len, f);
    fclose(f);
  }
  char *exact = malloc(len ? len : 1); /* so that overruns are seen */
  if (!exact) abort();
  memcpy(exact, text, len);
  LLVMFuzzerTestOneInput((const uint8_t *)exact, len);
  free(exact);
}

int main(int argc, char **argv) {
  static char text[2 * MOST_BYTES];
  if (argc < 3) {
    fprintf(stderr, "usage: msl_fuzz SECONDS FOLDER...\n");
    return 2;
  }
  for (int i = 2; i < argc; i++) read_folder(argv[i]);
  time_t end = time(NULL) + atoi(argv[1]);
  uint64_t n = 0;
  for (size_t i = 0; i < n_files; i++) run_one(files[i].data, files[i].size);
  for (; n_files && time(NULL) < end; n++) {
    size_t i = (size_t)(n % n_files);
    memcpy(text, files[i].data, files[i].size);
    run_one(text, msl_mutate(text, files[i].size, sizeof text,
                             n * 2654435761u + (uint64_t)end));
  }
  remove("msl-crash.metal");
  printf("%llu texts, no crash\n", (unsigned long long)n + n_files);
  for (size_t i = 0; i < n_files; i++) free(files[i].data);
  return 0;
}

#endif
