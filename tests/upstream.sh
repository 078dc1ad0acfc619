#!/bin/sh
# SPDX-License-Identifier: MIT
# upstream.sh - holds our TTIR against upstream Triton's own front end.
# Installs it from PyPI into a folder under build/; needs no GPU. Run by
# `make test-upstream`; not part of `make test`, which needs no Python.
#
# Every kernel of tests/golden/lower and tests/golden/run and every example
# goes through upstream's parser and verifier. Those of golden/lower must
# give the text that upstream gives; the others are computed from both texts
# on the same random arrays: equal bit for bit.
set -eu
BUILD=${BUILD:-build}
venv=build/upstream-venv
[ -x "$venv/bin/python3" ] || python3 -m venv "$venv"
"$venv/bin/python3" -c 'import triton' 2>/dev/null || "$venv/bin/pip" install -q triton
python="$venv/bin/python3 -W ignore"
out=$BUILD/upstream
mkdir -p "$out"
failed=0

# The examples, with the directives that golden files have.
example() { # name, file, kernel, signature, grid, scalars
  { printf '# kernel: %s\n# signature: %s\n# grid: %s\n# scalars: %s\n' "$3" "$4" "$5" "$6"
    cat "examples/kernels/$2"; } > "$out/$1.py"
}
example vector_add vector_add.py add_kernel \
  '*fp32:16, *fp32:16, *fp32:16, i32:16, 1024' '3' '2560'
example softmax softmax.py softmax_kernel \
  '*fp32:16, *fp32:16, i32:16, i32:16, i32, 1024' '3' '1008 1008 1001'
example layer_norm layer_norm.py layer_norm_fwd \
  '*fp16:16, *fp16:16, *fp32:16, *fp32:16, *fp32, *fp32, i32:16, i32, fp32, 1024' '3' '1008 1001 1e-5'
for t in fp16 fp32; do
  example matmul_$t matmul.py matmul_kernel \
    "*$t:16, *$t:16, *$t:16, i32, i32, i32, i32:16, i32:1, i32:16, i32:1, i32:16, i32:1, 64, 64, 32, 8, 'leaky_relu'" \
    '4' '100 90 70 80 96 96'
done
examples="$out/vector_add.py $out/softmax.py $out/layer_norm.py $out/matmul_fp16.py $out/matmul_fp32.py"

echo "== the same text"
$python tests/upstream_compare.py --tools "$BUILD/tests" tests/golden/lower/*.py || failed=1
echo "== the same results"
$python tests/upstream_compare.py --tools "$BUILD/tests" --evaluate $examples tests/golden/run/*.py || failed=1
echo "== upstream's verifier on other dumps"
# Two files hold operations and forms that 3.9 no longer has; operations named
# ttm.* are this compiler's own.
$python tests/upstream_verify.py \
  $(grep -L 'ttm\.' tests/golden/ttir/*.ttir | grep -v -e before_3_9 -e run_blocks) || failed=1
exit $failed
