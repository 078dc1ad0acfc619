/* SPDX-License-Identifier: MIT */
/*
 * eval_ttir.c - do two TTIR texts compute the same, bit for bit?
 *
 *     eval_ttir A.ttir B.ttir [--grid X,Y] [--elements N] [SCALAR ...]
 *
 * Reads both with our reader, verifies them, runs their kernels in the
 * evaluator (oracle/eval.h) on the same random arrays and compares all the
 * arrays afterwards. SCALARs are the values of the parameters that are not
 * pointers, in order. `make test-upstream` compares our front end with
 * upstream's so.
 *
 * Exit status: 0 equal; 1 a difference, told on standard output; 2 one of
 * the two cannot be read or run, which says how far the comparison goes.
 */
#include "oracle/arrays.h"
#include "oracle/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 256, UNUSABLE = 2 };

typedef struct options {
  const char *file[2];
  uint32_t grid[2];
  size_t elements;
  const char *scalars[MAX_ARGS];
  uint32_t n_scalars;
} options;

/* ---- reading ------------------------------------------------------------ */

static char *read_all(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  *size = text ? fread(text, 1, (size_t)length, file) : 0;
  fclose(file);
  return text;
}

/* Reads and verifies one file; NULL with the messages on standard output. */
static tm_ir *read_ir(tm_arena *arena, const char *path, const char *text,
                      size_t size) {
  tm_diags diags;
  tm_diags_init(&diags, arena);
  uint32_t file = tm_diags_source(&diags, path, (tm_str){text, size});
  tm_ir *ir = tm_ir_parse(arena, &diags, file);
  if (ir && tm_ir_verify(ir, &diags, "reading") &&
      tm_ir_kernel(ir) != UINT32_MAX)
    return ir;
  tm_buf out = tm_buf_in(arena);
  tm_diags_render_all(&diags, &out);
  printf("%s cannot be read: %s\n", path, tm_buf_text(&out));
  return NULL;
}

static const tm_func *kernel_of(const tm_ir *ir) {
  return &ir->funcs.data[tm_ir_kernel(ir)];
}

/* ---- arguments ------------------------------------------------------------ */

typedef struct launch {
  tm_eval_arg args[MAX_ARGS];
  tm_scalar element[MAX_ARGS]; /* of arrays; TM_VOID: not an array */
  uint32_t n;
} launch;

/* The element that memory behind t has; pointers are 64-bit numbers. */
static tm_scalar element_of(tm_type t) {
  tm_type e = tm_type_element(t->element);
  return e->kind == TM_TYPE_SCALAR ? e->scalar : TM_I64;
}

static bool make_launch(launch *l, const tm_func *f, const options *o) {
  uint64_t seed = 20240229;
  uint32_t scalar = 0;
  memset(l, 0, sizeof *l);
  if (f->params.len > MAX_ARGS) return false;
  for (l->n = 0; l->n < f->params.len; l->n++) {
    tm_type t = f->params.data[l->n].type;
    tm_eval_arg *arg = &l->args[l->n];
    if (t->kind == TM_TYPE_POINTER) {
      tm_scalar s = l->element[l->n] = element_of(t);
      arg->bytes = o->elements * eval_element_size(s);
      arg->data = malloc(arg->bytes);
      if (!arg->data) return false;
      eval_fill(arg->data, s, o->elements, &seed);
    } else {
      if (t->kind != TM_TYPE_SCALAR || scalar >= o->n_scalars) return false;
      arg->f = strtod(o->scalars[scalar], NULL);
      arg->i = strtoll(o->scalars[scalar++], NULL, 10);
    }
  }
  return scalar == o->n_scalars;
}

static void free_launch(launch *l) {
  for (uint32_t i = 0; i < l->n; i++) free(l->args[i].data);
}

/* ---- comparing ------------------------------------------------------------- */

static int compare(const launch *a, const launch *b, size_t elements) {
  for (uint32_t i = 0; i < a->n; i++) {
    size_t size = a->args[i].data ? eval_element_size(a->element[i]) : 0;
    for (size_t k = 0; k < elements && size; k++) {
      const char *x = (const char *)a->args[i].data + k * size;
      const char *y = (const char *)b->args[i].data + k * size;
      if (memcmp(x, y, size) == 0) continue;
      printf("argument %u, element %zu: %.17g and %.17g\n", i, k,
             eval_element(x, a->element[i], 0),
             eval_element(y, b->element[i], 0));
      return 1;
    }
  }
  return 0;
}

static bool same_parameters(const tm_func *f, const tm_func *g) {
  if (f->params.len != g->params.len) return false;
  for (uint32_t i = 0; i < f->params.len; i++) {
    tm_type a = f->params.data[i].type, b = g->params.data[i].type;
    if (a->kind != b->kind) return false;
    if (a->kind == TM_TYPE_SCALAR && a->scalar != b->scalar) return false;
    if (a->kind == TM_TYPE_POINTER && element_of(a) != element_of(b))
      return false;
  }
  return true;
}

static int run(tm_ir *const ir[2], const options *o) {
  launch l[2] = {{.n = 0}, {.n = 0}};
  int status = 0;
  uint64_t stores = 0;
  for (int i = 0; i < 2 && !status; i++) {
    tm_eval_options eval = {.grid = {o->grid[0], o->grid[1], 1},
                            .max_steps = 500000000};
    if (!make_launch(&l[i], kernel_of(ir[i]), o)) {
      printf("%s: the arguments do not fit its kernel\n", o->file[i]);
      status = UNUSABLE;
      break;
    }
    tm_eval_result r = tm_eval_run(ir[i], l[i].args, l[i].n, &eval);
    stores = r.stores;
    if (!r.error) continue;
    printf("%s: %s\n", o->file[i], r.error);
    status = UNUSABLE;
  }
  if (!status && !same_parameters(kernel_of(ir[0]), kernel_of(ir[1]))) {
    printf("the parameters are not the same\n");
    status = 1;
  }
  if (!status) status = compare(&l[0], &l[1], o->elements);
  if (!status)
    printf("equal, %llu elements stored\n", (unsigned long long)stores);
  free_launch(&l[0]);
  free_launch(&l[1]);
  return status;
}

static int read_and_run(const options *o) {
  tm_arena arena;
  jmp_buf guard;
  char *text[2] = {NULL, NULL};
  size_t size[2];
  for (int i = 0; i < 2; i++) {
    text[i] = read_all(o->file[i], &size[i]);
    if (text[i]) continue;
    perror(o->file[i]);
    free(text[0]);
    return UNUSABLE;
  }
  int status = UNUSABLE;
  tm_arena_init(&arena, 0);
  if (tm_arena_guard(&arena, guard)) {
    tm_ir *ir[2];
    ir[0] = read_ir(&arena, o->file[0], text[0], size[0]);
    ir[1] = read_ir(&arena, o->file[1], text[1], size[1]);
    if (ir[0] && ir[1]) status = run(ir, o);
  }
  tm_arena_free(&arena);
  free(text[0]);
  free(text[1]);
  return status;
}

int main(int argc, char **argv) {
  options o = {.grid = {1, 1}, .elements = 40000};
  int files = 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--grid") == 0 && i + 1 < argc) {
      if (sscanf(argv[++i], "%u,%u", &o.grid[0], &o.grid[1]) < 1) files = 9;
    } else if (strcmp(argv[i], "--elements") == 0 && i + 1 < argc) {
      o.elements = (size_t)strtoull(argv[++i], NULL, 10);
    } else if (files < 2) {
      o.file[files++] = argv[i];
    } else if (o.n_scalars < MAX_ARGS) {
      o.scalars[o.n_scalars++] = argv[i];
    }
  }
  if (files == 2) return read_and_run(&o);
  fprintf(stderr, "eval_ttir A.ttir B.ttir [--grid X,Y] [--elements N] "
                  "[SCALAR ...]\n");
  return UNUSABLE;
}
