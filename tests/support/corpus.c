/* SPDX-License-Identifier: MIT */
/*
 * corpus.c - gathers the kernels of the tree.
 *
 * What has no directives of its own (the examples) gets them as comments
 * before its text, as if they had always been there.
 */
#include "corpus.h"
#include "examples.h"

typedef TM_VEC(golden_file) file_list;

static const struct { const char *path, *kernel, *signature; } examples[] = {
  {"examples/kernels/vector_add.py", "add_kernel",
   "*fp32:16, *fp32:16, *fp32:16, i32:16, 1024"},
  {"examples/kernels/softmax.py", "softmax_kernel",
   "*fp32:16, *fp32:16, i32:16, i32:16, i32:16, 1024"},
  {"examples/kernels/layer_norm.py", "layer_norm_fwd",
   "*fp32:16, *fp32:16, *fp32:16, *fp32:16, *fp32:16, *fp32:16, i32:16, "
   "i32:16, fp32, 1024"},
  {"examples/kernels/matmul.py", "matmul_kernel",
   "*fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32:16, i32:16, i32:1, "
   "i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, 'leaky_relu'"},
  {"examples/kernels/attention.py", "attention_kernel",
   "*fp16:16, *fp16:16, *fp16:16, *fp16:16, i32:16, i32:16, i32, fp32, true, "
   "64, 64, 32"},
  {"examples/kernels/ray_march.py", "ray_march_kernel",
   "*fp32:16, i32:16, i32:16, 256, 4"},
};

static void add(tm_arena *arena, file_list *list, const char *path,
                const char *kernel, const char *signature, const char *text) {
  golden_file file = {.path = path, .name = path};
  tm_buf all = tm_buf_in(arena);
  tm_buf_printf(&all, "# kernel: %s\n# signature: %s\n%s", kernel, signature,
                text);
  golden_read_text(arena, &file, tm_cstr(tm_buf_text(&all)));
  tm_push(arena, list, file);
}

static void add_folder(tm_arena *arena, file_list *list, const char *folder) {
  golden_file *files = NULL;
  uint32_t n = golden_read_folder(arena, folder, &files);
  for (uint32_t i = 0; i < n; i++) tm_push(arena, list, files[i]);
}

static void add_list(tm_arena *arena, file_list *list, const char *path) {
  example *found = NULL;
  uint32_t n = examples_read(arena, path, &found);
  for (uint32_t i = 0; i < n; i++) {
    tm_buf name = tm_buf_in(arena);
    tm_buf_printf(&name, "%s:%u", path, found[i].line);
    add(arena, list, tm_buf_text(&name), "k", example_signature,
        example_source(arena, &found[i]));
  }
}

uint32_t corpus_read(tm_arena *arena, golden_file **out) {
  file_list list = {0};
  *out = NULL;
  for (size_t i = 0; i < TM_COUNT(examples); i++) {
    size_t size;
    char *text = golden_read_file(arena, examples[i].path, &size);
    if (!text) return 0;
    add(arena, &list, examples[i].path, examples[i].kernel,
        examples[i].signature, text);
  }
  add_folder(arena, &list, "tests/golden/run");
  add_folder(arena, &list, "tests/golden/lower");
  add_list(arena, &list, "tests/data/constructs.txt");
  add_list(arena, &list, "tests/data/builtins.txt");
  *out = list.data;
  return list.len;
}

const golden_file *corpus_find(const golden_file *files, uint32_t n,
                               const char *path) {
  for (uint32_t i = 0; i < n; i++)
    if (strcmp(files[i].path, path) == 0) return &files[i];
  return NULL;
}

bool corpus_compile(tm_arena *arena, tm_diags *diags, const golden_file *file,
                    const char *chip, tm_result *out) {
  tm_request request;
  memset(out, 0, sizeof *out);
  if (!golden_request(arena, diags, file, &request)) return false;
  request.chip = tm_chip_by_name(chip);
  return tm_compile_kernel(arena, diags, &request, out);
}
