/* SPDX-License-Identifier: MIT */
#include "large_kernel.h"

enum { POINTERS = 70, SCALARS = 60, CONSTEXPRS = 30 };

static const char head[] =
    "import triton\nimport triton.language as tl\n\n\n"
    "@triton.jit\ndef clip(x, low, high):\n"
    "    if low > high:\n        return x\n"
    "    return tl.minimum(tl.maximum(x, low), high)\n\n\n"
    "@triton.jit\ndef gate(x, KIND: tl.constexpr):\n"
    "    if KIND == 0:\n        return tl.maximum(x, 0.0)\n"
    "    elif KIND == 1:\n        return x * tl.sigmoid(x)\n"
    "    else:\n        return tl.where(x > 0, x, x * 0.01)\n\n\n"
    "@triton.jit\ndef k(\n";

/* Twenty lines of a kernel; %d are numbers of pointers, scalars, constants. */
static void section(tm_buf *out, uint32_t n) {
  uint32_t p = n % POINTERS, q = (n * 7 + 3) % POINTERS, s = n % SCALARS;
  uint32_t t = (n * 5 + 1) % SCALARS, c = n % CONSTEXPRS;
  tm_buf_printf(out, "    rows_%u = pid * BLOCK + tl.arange(0, BLOCK)\n", n);
  tm_buf_printf(out, "    mask_%u = (rows_%u < n_%u) & (rows_%u >= 0)\n", n, n,
                s, n);
  tm_buf_printf(out, "    x_%u = tl.load(p_%u + rows_%u * n_%u, mask=mask_%u, "
                     "other=0.0).to(tl.float32)\n", n, p, n, t, n);
  tm_buf_printf(out, "    y_%u = tl.load(p_%u + rows_%u, mask=mask_%u, "
                     "other=0.0)\n", n, q, n, n);
  tm_buf_printf(out, "    acc = acc + x_%u * y_%u - total\n", n, n);
  tm_buf_printf(out, "    if n_%u > %u:\n", s, n);
  tm_buf_printf(out, "        scale = scale * 0.5 + 1.0\n"
                     "        acc = acc * scale\n    else:\n"
                     "        acc = acc + tl.exp(-x_%u)\n", n);
  tm_buf_printf(out, "    if KIND_%u == 0:\n        acc = acc + 1.0\n", c);
  tm_buf_printf(out, "    for i_%u in range(0, n_%u, BLOCK):\n", n, t);
  tm_buf_printf(out, "        z_%u = tl.load(p_%u + i_%u + "
                     "tl.arange(0, BLOCK))\n", n, q, n);
  tm_buf_printf(out, "        acc += gate(z_%u, KIND_%u) * scale\n", n, c);
  tm_buf_printf(out, "        total += tl.sum(z_%u, axis=0)\n", n);
  tm_buf_printf(out, "        if i_%u == n_%u:\n            continue\n"
                     "        scale = clip(scale, 0.0, 8.0)\n", n, s);
  tm_buf_printf(out, "    tl.store(p_%u + rows_%u, acc.to(tl.float32), "
                     "mask=mask_%u)\n", p, n, n);
  tm_buf_printf(out, "    left_%u, right_%u = (n_%u // 2, n_%u %% 7)\n", n, n,
                s, t);
}

const char *large_kernel_text(tm_arena *arena, uint32_t lines) {
  tm_buf out = tm_buf_in(arena);
  tm_buf_puts(&out, head);
  for (int i = 0; i < POINTERS; i++) tm_buf_printf(&out, "    p_%d,\n", i);
  for (int i = 0; i < SCALARS; i++) tm_buf_printf(&out, "    n_%d,\n", i);
  tm_buf_puts(&out, "    BLOCK: tl.constexpr,\n");
  for (int i = 1; i < CONSTEXPRS + 1; i++)
    tm_buf_printf(&out, "    KIND_%d: tl.constexpr,\n", i - 1);
  tm_buf_puts(&out, "):\n    pid = tl.program_id(0)\n"
                    "    acc = tl.zeros((BLOCK,), dtype=tl.float32)\n"
                    "    total = 0.0\n    scale = 1.0\n");
  for (uint32_t n = 0; n < lines / 21; n++) section(&out, n);
  return tm_buf_text(&out);
}

const char *large_kernel_signature(tm_arena *arena) {
  tm_buf out = tm_buf_in(arena);
  for (int i = 0; i < POINTERS; i++) tm_buf_puts(&out, "*fp32:16, ");
  for (int i = 0; i < SCALARS; i++)
    tm_buf_puts(&out, i % 3 ? "i32, " : "i32:16, ");
  tm_buf_puts(&out, "128");
  for (int i = 0; i < CONSTEXPRS; i++) tm_buf_printf(&out, ", %d", i % 3);
  return tm_buf_text(&out);
}
