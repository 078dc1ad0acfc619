/* SPDX-License-Identifier: MIT */
/*
 * scaled_kernel.c - writes the kernels.
 *
 * A kind has a unit of a few lines; one copy is UNITS of them, so that what a
 * compile costs whatever the kernel's size is small beside it.
 */
#include "scaled_kernel.h"

enum { UNITS = 16, NESTED = 8 };

static const char *const names[SCALED_KINDS] = {
  [SCALED_CHAIN] = "chain",         [SCALED_ACCESSES] = "accesses",
  [SCALED_PRODUCTS] = "products",   [SCALED_CHAINED] = "chained products",
  [SCALED_REDUCTIONS] = "reductions", [SCALED_LOOPS] = "loops",
  [SCALED_NESTED] = "nested loops", [SCALED_BRANCHES] = "branches",
  [SCALED_FUNCTIONS] = "functions", [SCALED_CALLS] = "calls",
  [SCALED_CARRIED] = "carried values", [SCALED_UNROLLED] = "unrolled",
};

const char *scaled_kind_name(scaled_kind kind) { return names[kind]; }

static const char head[] =
    "# kernel: k\n"
    "# signature: *fp32:16, *fp16:16, *fp32:16, i32:16, i32, 256, 32, %u\n"
    "import triton\nimport triton.language as tl\n\n\n";

static const char start[] =
    "@triton.jit\n"
    "def k(x_ptr, h_ptr, out_ptr, n, m, B: tl.constexpr, S: tl.constexpr,\n"
    "      UNITS: tl.constexpr):\n"
    "    i = tl.program_id(0) * B + tl.arange(0, B)\n"
    "    r = tl.arange(0, S)[:, None] * S + tl.arange(0, S)[None, :]\n"
    "    x = tl.load(x_ptr + i, mask=i < n, other=0.0)\n"
    "    y = x + 1.0\n"
    "    t = tl.load(h_ptr + r)\n"
    "    acc = tl.zeros((S, S), dtype=tl.float32)\n";

static const char end[] =
    "    tl.store(out_ptr + i, x + y, mask=i < n)\n"
    "    tl.store(out_ptr + r, acc + t)\n";

static const char loaded[] =
    "    a_%u = tl.load(x_ptr + %u * m + i, mask=i < n, other=0.0)\n"
    "    tl.store(out_ptr + %u * n + i, a_%u * 2.0, mask=i < m)\n";
static const char product[] =
    "    a_%u = tl.load(h_ptr + %u * n + r)\n"
    "    b_%u = tl.load(h_ptr + %u * m + r)\n"
    "    acc = tl.dot(a_%u, b_%u, acc)\n";

static void unit(tm_buf *out, scaled_kind kind, uint32_t u) {
  switch (kind) {
  case SCALED_CHAIN:
    tm_buf_printf(out, "    x = x * y + %u.5\n    y = tl.exp(y) - x\n"
                       "    x = tl.where(x > y, x, %u.25)\n", u, u);
    break;
  case SCALED_ACCESSES:
    tm_buf_printf(out, loaded, u, u + 2, u + 2, u);
    break;
  case SCALED_PRODUCTS:
    tm_buf_printf(out, product, u, u + 2, u, u + 2, u, u);
    break;
  case SCALED_CHAINED:
    tm_buf_printf(out, "    acc = tl.dot(t, tl.load(h_ptr + %u * n + r))\n"
                       "    t = (acc * %u.5).to(tl.float16)\n", u + 2, u);
    break;
  case SCALED_REDUCTIONS:
    tm_buf_printf(out, "    x = x - tl.sum(x * %u.5, axis=0)\n", u);
    break;
  case SCALED_LOOPS:
    tm_buf_printf(out, "    for j_%u in range(0, n + %u):\n"
                       "        x += tl.load(x_ptr + j_%u * m + i)\n"
                       "        y = y * 0.5 + x\n", u, u, u);
    break;
  case SCALED_BRANCHES:
    tm_buf_printf(out, "    if n > %u:\n        x = x * %u.5\n    else:\n"
                       "        y = y - x\n", u, u);
    break;
  case SCALED_FUNCTIONS:
    tm_buf_printf(out, "    x, y = f_%u(x, y, n)\n", u);
    break;
  case SCALED_CALLS:
    tm_buf_printf(out, "    x, y = f(x, y, n, %u)\n", u);
    break;
  default: break;
  }
}

static void function(tm_buf *out, uint32_t u) {
  tm_buf_printf(out, "@triton.jit\ndef f_%u(a, b, n):\n"
                     "    c = a * b + n\n    if n == %u:\n        c = c - b\n"
                     "    return c, tl.maximum(a, c * %u.5)\n\n\n", u, u, u);
}

static void nested(tm_buf *out, uint32_t first) {
  for (uint32_t d = 0; d < NESTED; d++)
    tm_buf_printf(out, "%*sfor j_%u in range(0, n + %u):\n"
                       "%*s    x = x * 0.5 + j_%u\n", (int)(4 + 4 * d), "",
                  first + d, first + d, (int)(4 + 4 * d), "", first + d);
  tm_buf_printf(out, "%*sy += x * %u.5\n", 4 + 4 * NESTED, "", first);
}

static void carried(tm_buf *out, uint32_t units) {
  for (uint32_t u = 0; u < units; u++)
    tm_buf_printf(out, "    c_%u = x * %u.5\n", u, u);
  tm_buf_puts(out, "    for j in range(0, n):\n");
  for (uint32_t u = 0; u < units; u++)
    tm_buf_printf(out, "        c_%u = c_%u * %u.25 + y\n", u, u, u);
  for (uint32_t u = 0; u < units; u++)
    tm_buf_printf(out, "    x += c_%u\n", u);
}

static void body(tm_buf *out, scaled_kind kind, uint32_t units) {
  if (kind == SCALED_CARRIED) carried(out, units);
  else if (kind == SCALED_UNROLLED)
    tm_buf_puts(out, "    for u in tl.static_range(UNITS):\n"
                     "        x += tl.load(x_ptr + u * m + i) * (u + 0.5)\n"
                     "        if u % 2 == 0:\n"
                     "            y = y * x + u\n");
  else if (kind == SCALED_NESTED)
    for (uint32_t u = 0; u < units; u += NESTED) nested(out, u);
  else
    for (uint32_t u = 0; u < units; u++) unit(out, kind, u);
}

golden_file scaled_kernel(tm_arena *arena, scaled_kind kind,
                          uint32_t copies) {
  golden_file file = {.path = names[kind], .name = names[kind]};
  tm_buf out = tm_buf_in(arena);
  uint32_t units = copies * UNITS;
  tm_buf_printf(&out, head, units);
  for (uint32_t u = 0; kind == SCALED_FUNCTIONS && u < units; u++)
    function(&out, u);
  if (kind == SCALED_CALLS)
    tm_buf_puts(&out, "@triton.jit\ndef f(a, b, n, U: tl.constexpr):\n"
                      "    c = a * b + n\n    if n == U:\n        c = c - b\n"
                      "    return c, tl.maximum(a, c * (U + 0.5))\n\n\n");
  tm_buf_puts(&out, start);
  body(&out, kind, units);
  tm_buf_puts(&out, end);
  golden_read_text(arena, &file, tm_cstr(tm_buf_text(&out)));
  return file;
}
