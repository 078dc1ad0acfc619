#!/bin/sh
# SPDX-License-Identifier: MIT
# A second opinion on tests/msl: clang in "C++ for OpenCL 2021" mode knows the
# address spaces, vectors and overloads of OpenCL, which are much like Metal's.
# A prelude gives it Metal's names. Where its verdict differs from the folder
# that a sample is in (those that run must be accepted),
# tests/msl/clang_differs.txt must say why; a line there that is not needed any
# more is an error too.
set -u
clang=${CLANG:-}
for c in clang-19 clang; do
  [ -n "$clang" ] || { command -v $c >/dev/null && clang=$c; }
done
if [ -z "$clang" ]; then
  echo "skipped: clang is not installed (package clang or clang-19)"
  exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for h in metal_stdlib metal_logging; do : >"$dir/$h"; done
judge() {
  timeout 60 "$clang" -x cl -cl-std=CLC++2021 -target spir64 -fsyntax-only -w \
    -Xclang -fdeclare-opencl-builtins -cl-single-precision-constant \
    -D__METAL_VERSION__=320 "-I$dir" -include tests/msl/clang_prelude.h "$1" \
    >/dev/null 2>&1
}
if ! judge tests/msl/accept/loops_and_jumps.metal; then
  echo "skipped: $clang cannot judge C++ for OpenCL 2021 here"
  exit 0
fi
bad=0 judged=0 agreed=0
for folder in accept reject run; do
  expected=$folder
  [ $folder = run ] && expected=accept
  for f in tests/msl/$folder/*.metal; do
    name=$folder/$(basename "$f" .metal)
    judged=$((judged + 1))
    verdict=reject
    judge "$f" && verdict=accept
    listed=$(grep -c "^$name:" tests/msl/clang_differs.txt)
    if [ $verdict = $expected ]; then
      agreed=$((agreed + 1))
      # versions of clang differ in what they know: only 14 keeps the list tidy
      if [ "$listed" -ne 0 ] && "$clang" --version | grep -q 'version 14\.'; then
        echo "$name: clang agrees; take it off tests/msl/clang_differs.txt"
        bad=$((bad + 1))
      fi
    elif [ "$listed" -eq 0 ]; then
      echo "$name: clang says $verdict, and tests/msl/clang_differs.txt does not say why"
      bad=$((bad + 1))
    fi
  done
done
echo "$judged samples, $clang agrees on $agreed"
[ $bad -eq 0 ]
