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
expect softmax_builder 'the first row sums to 1.000000'
expect profile 'add: 20 launches, all timed by the GPU, 1.2 MB each'
