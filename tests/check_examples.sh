#!/bin/sh
# SPDX-License-Identifier: MIT
# The example programs run and print what their sources say.
set -u
BUILD=${BUILD:-build}
expect() { # program, text
  got=$("$BUILD/examples/$1") || { echo "$1 failed"; exit 1; }
  [ "$got" = "$2" ] || { echo "$1 printed '$got', not '$2'"; exit 1; }
}
expect vector_add 'out[0] = 0.5, out[99999] = 99999.5'
expect embed_encoder 'z[10] = 50, y[999] = 249500'
expect softmax_builder 'the first row sums to 1.000000'
expect autotune 'BLOCK=4096, num_warps=64: num_warps is 64: it must be a power of two, at most 32
3 configurations measured, 1 chosen; x[1000] = 250'
got=$("$BUILD/examples/graph_fusion") || { echo "graph_fusion failed"; exit 1; }
want="3 launches, 1 dispatch
0 'scale' and 1 'shift': fused: 1 load of what was stored is its value
1 'shift' and 2 'clamp': fused: 1 load of what was stored is its value
0 to 2: 2 stores that nothing reads went
out[10] = 0, out[99] = 39.5"
[ "$(printf '%s\n' "$got" | sed '$d')" = "$want" ] || { echo "graph_fusion printed '$got'"; exit 1; }
case $got in *' ms as three kernels, '*' ms as one') ;; *) echo "graph_fusion printed no times: '$got'"; exit 1 ;; esac
expect profile 'add: 20 launches, all timed by the GPU, 1.2 MB each'
expect load_pack 'a pack for every chip, the kernel was in the pack, out[4999] = 14997'

# In other languages; a sanitized library wants a sanitized program.
[ "$BUILD" = build ] || exit 0
library=$(ls "$BUILD"/libtritonmetal.so "$BUILD"/libtritonmetal.dylib 2>/dev/null | head -n 1)
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
  "${CXX:-c++}" -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude examples/attention.cpp \
    -o "$BUILD/examples/attention" -L"$BUILD" -ltritonmetal -Wl,-rpath,"$(pwd)/$BUILD" || exit 1
  expect attention 'attention over 4 heads of 200 x 64: right'
else
  echo "no C++ compiler: attention.cpp is not checked"
fi
if command -v luajit >/dev/null 2>&1; then
  got=$(luajit examples/vector_add.lua "$(pwd)/$library") || exit 1
  sizes=$(awk '$1 == "tm_arg," || $1 == "tm_arg" || $1 == "tm_grid" { sub(",", "", $2); print $2 }' include/abi.txt | paste -s -d ' ' -)
  [ "$got" = "out[0] = 0.5, out[99999] = 99999.5
sizes $sizes" ] || { echo "vector_add.lua printed '$got'; the header's sizes are $sizes"; exit 1; }
else
  echo "no luajit: vector_add.lua is not checked"
fi
