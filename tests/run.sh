#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - runs every test program and check script of $BUILD, from the top
# folder, and closes with one line: "N passed, N failed".
#
#   TESTS="test_ir test_lang"   only these programs, and no scripts
set -u
BUILD=${BUILD:-build}
passed=0 failed=0 bad=
log=$BUILD/test-logs
mkdir -p "$log"
# Tests must neither see nor leave anything in the user's own folders.
HOME=$(mktemp -d "${TMPDIR:-/tmp}/tritonmetal-test.XXXXXX") || exit 1
export HOME
trap 'rm -rf "$HOME"' EXIT
unset TRITON_METAL_DEBUG TRITON_METAL_CACHE TRITON_METAL_CACHE_DIR TRITON_METAL_ARCHIVES TRITON_METAL_FORCE_SYNC \
  TRITON_METAL_DISABLE_AUTOTUNING TRITON_METAL_DEVICE TRITON_METAL_CHIP TRITON_METAL_LAYOUT_SEED \
  TRITON_METAL_DUMP_DIR TRITON_METAL_TENSOR_OPS TRITON_DEBUG TRITON_METAL_CHECK_HANDLES \
  SOFTMETAL_CHIP SOFTMETAL_CHECK SOFTMETAL_SHUFFLE SOFTMETAL_FAULT \
  SOFTMETAL_MACOS SOFTMETAL_MISUSE SOFTMETAL_COUNTERS SOFTMETAL_COUNTERS_REPORT SOFTMETAL_TIMEOUT_MS \
  SOFTMETAL_CODEGEN SOFTMETAL_BARRIERS
export BUILD
TRITON_METAL_SOFTMETAL=$(pwd)/$BUILD/libsoftmetal.so
export TRITON_METAL_SOFTMETAL

run_program() {
  name=$(basename "$1")
  timeout "${TEST_TIMEOUT:-900}" "$1" >"$log/$name" 2>&1
  status=$?
  ok=$(grep -c '^\[       OK \]' "$log/$name")
  # A failed test is named twice: where it failed and in the closing list.
  not=$(grep -E '^\[  FAILED  \] [a-zA-Z_0-9]+$' "$log/$name" | sort -u | wc -l)
  # A program that dies has failed even if it printed no failed test.
  if [ $status -ne 0 ] && [ "$not" -eq 0 ]; then not=1; fi
  if [ $status -eq 0 ] && [ "$ok" -eq 0 ]; then not=1; fi
  passed=$((passed + ok)) failed=$((failed + not))
  if [ "$not" -ne 0 ]; then
    bad="$bad $name"
    printf '%-28s %4d passed, %d FAILED (status %d), see %s\n' "$name" "$ok" "$not" $status "$log/$name"
    grep -vE '^\[ +(RUN|OK) ' "$log/$name" | tail -n 25 | sed 's/^/    /'
  else
    printf '%-28s %4d passed\n' "$name" "$ok"
  fi
}

# A script passes when it exits 0; it says itself what it found.
run_script() {
  name=$(basename "$1")
  if sh "$1" >"$log/$name" 2>&1; then
    passed=$((passed + 1))
    printf '%-28s %4d passed\n' "$name" 1
  else
    failed=$((failed + 1)) bad="$bad $name"
    printf '%-28s FAILED, see %s\n' "$name" "$log/$name"
    tail -n 25 "$log/$name" | sed 's/^/    /'
  fi
}

if [ -n "${TESTS:-}" ]; then
  for t in $TESTS; do run_program "$BUILD/tests/$t"; done
else
  for t in tests/test_*.c; do
    program=$BUILD/tests/$(basename "$t" .c)
    # The Makefile leaves out what tests softmetal from inside on a Mac.
    if [ ! -x "$program" ] && [ "$(uname -s)" = Darwin ]; then
      printf '%-28s not built on a Mac\n' "$(basename "$program")"
    else
      run_program "$program"
    fi
  done
  for t in tests/check_*.sh; do run_script "$t"; done
fi
[ -n "$bad" ] && printf 'failed:%s\n' "$bad"
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ]
