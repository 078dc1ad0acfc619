#!/bin/sh
# SPDX-License-Identifier: MIT
# upstream.sh - feeds our TTIR to upstream Triton's own parser and verifier.
# Installs it from PyPI into a folder under build/; needs no GPU. Run by
# `make test-upstream`; not part of `make test`, which needs no Python.
set -eu
BUILD=${BUILD:-build}
venv=build/upstream-venv
[ -x "$venv/bin/python3" ] || python3 -m venv "$venv"
"$venv/bin/python3" -c 'import triton' 2>/dev/null || "$venv/bin/pip" install -q triton
out=$BUILD/upstream
mkdir -p "$out"
emit() { # name, file, kernel, signature
  "$BUILD/tritonmetal" compile "examples/kernels/$2" -k "$3" -s "$4" --emit ttir -o "$out/$1.ttir"
}
emit vector_add vector_add.py add_kernel '*fp32:16, *fp32:16, *fp32:16, i32:16, 1024'
emit softmax softmax.py softmax_kernel '*fp32:16, *fp32:16, i32:16, i32:16, i32, 1024'
emit layer_norm layer_norm.py layer_norm_fwd \
  '*fp16:16, *fp16:16, *fp32:16, *fp32:16, *fp32, *fp32, i32:16, i32, fp32, 1024'
for t in fp16 fp32; do
  emit matmul_$t matmul.py matmul_kernel \
    "*$t:16, *$t:16, *$t:16, i32, i32, i32, i32:16, i32:1, i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, 'leaky_relu'"
done
# These two hold operations and forms that 3.9 no longer has.
"$venv/bin/python3" tests/upstream_verify.py "$out"/*.ttir \
  $(ls tests/golden/ttir/*.ttir | grep -v -e before_3_9 -e run_blocks)
