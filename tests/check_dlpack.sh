#!/bin/sh
# SPDX-License-Identifier: MIT
# Tensors go to and from numpy by DLPack. Needs python3 with numpy, which
# building does not: without them this says so and checks nothing.
set -u
BUILD=${BUILD:-build}
[ "$BUILD" = build ] || exit 0 # a sanitized library cannot be loaded by python
if ! python3 -c 'import numpy; numpy.from_dlpack' 2>/dev/null; then
  echo "python3 with numpy 1.23 or newer is not here: not checked"
  exit 0
fi
TRITON_METAL_LIBRARY=$(ls "$(pwd)/$BUILD"/libtritonmetal.so "$(pwd)/$BUILD"/libtritonmetal.dylib 2>/dev/null | head -n 1)
export TRITON_METAL_LIBRARY
PYTHONDONTWRITEBYTECODE=1 python3 tests/dlpack_numpy.py
