#!/bin/sh
# SPDX-License-Identifier: MIT
# The example programs run and print what their sources say; an installed copy
# is found by pkg-config and builds a program.
set -u
BUILD=${BUILD:-build}
expect() { # program, text
  got=$("$BUILD/examples/$1") || { echo "$1 failed"; exit 1; }
  [ "$got" = "$2" ] || { echo "$1 printed '$got', not '$2'"; exit 1; }
}
expect vector_add 'out[0] = 0.5, out[99999] = 99999.5'
expect softmax_builder 'the first row sums to 1.000000'
expect profile 'add: 20 launches, all timed by the GPU, 1.2 MB each'

# An installed copy; only in the plain build, a sanitized library needs more.
[ "$BUILD" = build ] || exit 0
stage=$(mktemp -d) || exit 1
trap 'rm -rf "$stage"' EXIT
make --no-print-directory install PREFIX="$stage" >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }
flags=$(PKG_CONFIG_PATH="$stage/lib/pkgconfig" pkg-config --cflags --libs tritonmetal) || exit 1
# shellcheck disable=SC2086
${CC:-cc} -std=c11 examples/vector_add.c -o "$stage/vector_add" $flags || exit 1
got=$(unset TRITON_METAL_SOFTMETAL; LD_LIBRARY_PATH="$stage/lib" DYLD_LIBRARY_PATH="$stage/lib" "$stage/vector_add") || exit 1
[ "$got" = 'out[0] = 0.5, out[99999] = 99999.5' ] || { echo "the installed copy printed '$got'"; exit 1; }
LD_LIBRARY_PATH="$stage/lib" "$stage/bin/tritonmetal" --version || exit 1
