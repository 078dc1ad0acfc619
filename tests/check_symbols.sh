#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports exactly the names of include/symbols.txt, which
# are exactly those that the header declares.
set -u
BUILD=${BUILD:-build}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if [ -f "$BUILD/libtritonmetal.so" ]; then
  nm -D --defined-only "$BUILD/libtritonmetal.so" | awk '$2 ~ /[TDBRVW]/ {print $3}' |
    grep -v '^__\(asan\|ubsan\|odr_asan\|sanitizer\|tsan\)' | sort >"$work/exported"
else
  nm -gU "$BUILD/libtritonmetal.dylib" | awk '$2 ~ /[TDS]/ {sub(/^_/, "", $3); print $3}' |
    sort >"$work/exported"
fi
grep -v '^#' include/symbols.txt | awk 'NF {print $1}' | sort >"$work/listed"
sed -n 's/^TM_API .*[ *]\(tm_[a-z0-9_]*\)(.*/\1/p' include/tritonmetal.h | sort >"$work/declared"
[ "$(wc -l <"$work/listed")" -gt 40 ] || { echo "the list is too short to be true"; exit 1; }
diff "$work/listed" "$work/exported" >"$work/diff" ||
  { echo "listed (<) and exported (>) differ:"; cat "$work/diff"; exit 1; }
diff "$work/listed" "$work/declared" >"$work/diff" ||
  { echo "listed (<) and declared (>) differ:"; cat "$work/diff"; exit 1; }
