/* SPDX-License-Identifier: MIT */
/*
 * eval_ttir.c - do two TTIR texts compute the same, bit for bit?
 *
 *     eval_ttir A.ttir B.ttir [--grid X,Y] [--elements N] [--nan D]
 *               [SCALAR ...]
 *
 * Reads both with our reader, verifies them, runs their kernels in the
 * evaluator (oracle/eval.h) on the same random arrays and compares all the
 * arrays afterwards. SCALARs are the values of the parameters that are not
 * pointers, in order. A parameter of type !tt.tensordesc stands, with the
 * sizes and strides that follow it, for what we make of it: a pointer, the
 * sizes, and all strides but the last, which is 1 (lib/lower/params.c); --nan
 * names one that pads with NaN, from 0. `make test-upstream` compares our
 * front end with upstream's so.
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
  uint64_t pads_nan; /* a bit for each descriptor */
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

static bool next_scalar(const options *o, uint32_t *scalar,
                        tm_eval_arg *arg) {
  if (*scalar >= o->n_scalars) return false;
  arg->f = strtod(o->scalars[*scalar], NULL);
  arg->i = strtoll(o->scalars[(*scalar)++], NULL, 10);
  return true;
}

/* Sizes and strides into the descriptor at l->n and into the parameters
 * behind it, past which it goes. */
static bool make_descriptor(launch *l, const tm_func *f, const options *o,
                            uint32_t *scalar) {
  uint32_t at = l->n, rank = f->params.data[at].type->element->rank;
  if (at + 2 * rank >= f->params.len) return false;
  tm_eval_arg *arg = &l->args[at], *parts = arg + 1;
  for (uint32_t k = 0; k < 2 * rank; k++) {
    parts[k].i = 1;
    if (k + 1 < 2 * rank && !next_scalar(o, scalar, &parts[k])) return false;
    *(k < rank ? &arg->shape[k] : &arg->strides[k - rank]) = parts[k].i;
  }
  l->n += 2 * rank;
  return true;
}

static bool make_launch(launch *l, const tm_func *f, const options *o) {
  uint64_t seed = 20240229;
  uint32_t scalar = 0, descriptors = 0;
  memset(l, 0, sizeof *l);
  if (f->params.len > MAX_ARGS) return false;
  for (l->n = 0; l->n < f->params.len; l->n++) {
    tm_type t = f->params.data[l->n].type;
    tm_eval_arg *arg = &l->args[l->n];
    if (t->kind == TM_TYPE_POINTER || t->kind == TM_TYPE_DESCRIPTOR) {
      tm_scalar s = l->element[l->n] = element_of(t);
      arg->bytes = o->elements * eval_element_size(s);
      arg->data = malloc(arg->bytes);
      if (!arg->data) return false;
      eval_fill(arg->data, s, o->elements, &seed);
      if (t->kind == TM_TYPE_POINTER) continue;
      arg->pads_nan = o->pads_nan >> descriptors++ & 1;
      if (!make_descriptor(l, f, o, &scalar)) return false;
    } else if (t->kind != TM_TYPE_SCALAR || !next_scalar(o, &scalar, arg)) {
      return false;
    }
  }
  return scalar == o->n_scalars;
}

static void free_launch(launch *l) {
  for (uint32_t i = 0; i < l->n; i++) free(l->args[i].data);
}

/* ---- comparing ------------------------------------------------------------- */

/* The arrays in order: a descriptor's has another number than a pointer's. */
static int compare(const launch *a, const launch *b, size_t elements) {
  for (uint32_t i = 0, k = 0;; i++, k++) {
    while (i < a->n && !a->args[i].data) i++;
    while (k < b->n && !b->args[k].data) k++;
    if (i == a->n || k == b->n) return i < a->n || k < b->n;
    size_t size = eval_element_size(a->element[i]);
    for (size_t e = 0; e < elements; e++) {
      const char *x = (const char *)a->args[i].data + e * size;
      const char *y = (const char *)b->args[k].data + e * size;
      if (memcmp(x, y, size) == 0) continue;
      printf("argument %u, element %zu: %.17g and %.17g\n", i, e,
             eval_element(x, a->element[i], 0),
             eval_element(y, b->element[k], 0));
      return 1;
    }
  }
}

typedef struct flat {
  tm_scalar scalar[4 * MAX_ARGS];
  bool is_array[4 * MAX_ARGS];
  uint32_t n;
} flat;

static void add_flat(flat *f, tm_scalar scalar, bool is_array) {
  f->scalar[f->n] = scalar;
  f->is_array[f->n++] = is_array;
}

/* Parameters with descriptors taken apart. */
static void flatten(const tm_func *f, flat *out) {
  out->n = 0;
  for (uint32_t i = 0; i < f->params.len && i < MAX_ARGS; i++) {
    tm_type t = f->params.data[i].type;
    if (t->kind == TM_TYPE_SCALAR) {
      add_flat(out, t->scalar, false);
      continue;
    }
    add_flat(out, element_of(t), true);
    if (t->kind != TM_TYPE_DESCRIPTOR) continue;
    uint32_t rank = t->element->rank;
    for (uint32_t k = 0; k + 1 < 2 * rank; k++)
      add_flat(out, k < rank ? TM_I32 : TM_I64, false);
    i += 2 * rank;
  }
}

static bool same_parameters(const tm_func *f, const tm_func *g) {
  static flat a, b;
  flatten(f, &a);
  flatten(g, &b);
  bool same = a.n == b.n;
  for (uint32_t i = 0; i < a.n && same; i++)
    same = a.scalar[i] == b.scalar[i] && a.is_array[i] == b.is_array[i];
  return same;
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
    } else if (strcmp(argv[i], "--nan") == 0 && i + 1 < argc) {
      o.pads_nan |= UINT64_C(1) << (strtoul(argv[++i], NULL, 10) & 63);
    } else if (files < 2) {
      o.file[files++] = argv[i];
    } else if (o.n_scalars < MAX_ARGS) {
      o.scalars[o.n_scalars++] = argv[i];
    }
  }
  if (files == 2) return read_and_run(&o);
  fprintf(stderr, "eval_ttir A.ttir B.ttir [--grid X,Y] [--elements N] "
                  "[--nan D] [SCALAR ...]\n");
  return UNUSABLE;
}
