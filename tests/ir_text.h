/* SPDX-License-Identifier: MIT */
/*
 * ir_text.h - for tests: TTIR text to tm_ir and back, and its messages.
 */
#ifndef TM_TEST_IR_TEXT_H
#define TM_TEST_IR_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/ir/ir.h"

typedef struct ir_text {
  tm_arena arena;
  tm_diags diags;
  jmp_buf guard;
  tm_ir *ir; /* NULL when the text was refused */
} ir_text;

static inline void ir_text_open(ir_text *t, const char *text, size_t n) {
  memset(t, 0, sizeof *t);
  tm_arena_init(&t->arena, 256u << 20);
  tm_diags_init(&t->diags, &t->arena);
  if (!tm_arena_guard(&t->arena, t->guard)) return;
  uint32_t file = tm_diags_source(&t->diags, "test", (tm_str){text, n});
  t->ir = tm_ir_parse(&t->arena, &t->diags, file);
  t->arena.guard = NULL;
}

static inline void ir_text_close(ir_text *t) { tm_arena_free(&t->arena); }

static inline const char *ir_text_errors(ir_text *t) {
  tm_buf out = tm_buf_in(&t->arena);
  tm_diags_render_all(&t->diags, &out);
  return tm_buf_text(&out);
}

static inline const char *ir_text_print(ir_text *t) {
  tm_buf out = tm_buf_in(&t->arena);
  tm_ir_print(t->ir, &out);
  return tm_buf_text(&out);
}

/* A kernel with usual parameters around body lines. */
#define IR_KERNEL(body)                                                       \
  "module {\n  tt.func public @k(%p: !tt.ptr<f32>, %q: !tt.ptr<f16>, "        \
  "%r: !tt.ptr<i32>, %n: i32, %c: i1, %f: f32) attributes {noinline = "       \
  "false} {\n" body "    tt.return\n  }\n}\n"

#endif
