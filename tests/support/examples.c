/* SPDX-License-Identifier: MIT */
/* examples.c - reads the lists of examples and makes kernels of them. */
#include "examples.h"

#include <stdio.h>
#include <string.h>

const char example_signature[] =
    "*i32:16, *fp32:16, *i32:16, *fp16:16, i32, fp32, 64, true, 'add', none";

static const char head[] =
    "import triton\n"
    "import triton.language as tl\n"
    "from triton.language.extra import libdevice\n"
    "\n"
    "HALF = tl.constexpr(32)\n"
    "\n"
    "\n"
    "@triton.jit\n"
    "def helper(a, b=2, *, scale=1):\n"
    "    return (a + b) * scale\n"
    "\n"
    "\n";

static const char start[] =
    "@triton.jit\n"
    "def k(x_ptr, f_ptr, y_ptr, h_ptr, n, s, BLOCK: tl.constexpr,\n"
    "      FLAG: tl.constexpr, NAME: tl.constexpr, NONE: tl.constexpr):\n"
    "    i = tl.arange(0, BLOCK)\n"
    "    x = tl.load(x_ptr + i)\n"
    "    f = tl.load(f_ptr + i)\n"
    "    y = x\n";

static const char end[] =
    "    tl.store(y_ptr + i, y)\n"
    "    tl.store(f_ptr + i, f)\n";

static void add_line(tm_buf *to, const char *line, size_t n) {
  tm_buf_printf(to, "%.*s\n", (int)n, line);
}

/* "== NAME [| refused TEXT]" */
static example begin(tm_arena *arena, const char *line, size_t n,
                     uint32_t number) {
  example e = {.line = number};
  const char *text = tm_strndup(arena, line + 3, n - 3);
  const char *bar = strstr(text, " | refused ");
  e.name = bar ? tm_strndup(arena, text, (size_t)(bar - text)) : text;
  e.refused = bar ? bar + strlen(" | refused ") : NULL;
  return e;
}

uint32_t examples_read(tm_arena *arena, const char *path, example **out) {
  FILE *in = fopen(path, "r");
  *out = NULL;
  if (!in) return 0;
  TM_VEC(example) list = {0};
  tm_buf module = tm_buf_in(arena), body = tm_buf_in(arena);
  char line[400];
  for (uint32_t number = 1; fgets(line, sizeof line, in); number++) {
    size_t n = strcspn(line, "\n");
    bool starts = strncmp(line, "== ", 3) == 0;
    if (starts) {
      module = tm_buf_in(arena);
      body = tm_buf_in(arena);
      example e = begin(arena, line, n, number);
      tm_push(arena, &list, e);
    }
    if (starts || !list.len || n == 0) continue;
    if (line[0] == '@' && line[1] == ' ') add_line(&module, line + 2, n - 2);
    else add_line(&body, line, n);
    list.data[list.len - 1].module = tm_buf_text(&module);
    list.data[list.len - 1].body = tm_buf_text(&body);
  }
  fclose(in);
  *out = list.data;
  return list.len;
}

const char *example_source(tm_arena *arena, const example *e) {
  tm_buf text = tm_buf_in(arena);
  tm_buf_printf(&text, "%s%s\n\n%s", head, e->module ? e->module : "", start);
  for (const char *at = e->body ? e->body : ""; *at;) {
    size_t n = strcspn(at, "\n");
    tm_buf_printf(&text, "    %.*s\n", (int)n, at);
    at += n + 1;
  }
  tm_buf_printf(&text, "%s", end);
  return tm_buf_text(&text);
}
