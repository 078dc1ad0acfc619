#!/bin/sh
# SPDX-License-Identifier: MIT
# softmetal stands alone: its header compiles as C and C++, it exports what
# the header declares, the example runs without libtritonmetal, and an
# installed copy is found by pkg-config and builds the example.
set -u
BUILD=${BUILD:-build}
CC=${CC:-cc}
CXX=${CXX:-c++}
[ -f "$BUILD/libsoftmetal.so" ] || { echo "no softmetal here"; exit 0; }
stage=$(mktemp -d) || exit 1
trap 'rm -rf "$stage"' EXIT

printf '#include <softmetal.h>\n#include <softmetal.h>\nint main(void) { return softmetal_version() == 0; }\n' >"$stage/h.c"
cp "$stage/h.c" "$stage/h.cpp"
flags="-Isoftmetal -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only"
for std in c99 c11 c17; do
  $CC -std=$std $flags "$stage/h.c" || { echo "as $std"; exit 1; }
done
if command -v "$CXX" >/dev/null 2>&1; then
  $CXX -std=c++11 $flags "$stage/h.cpp" || { echo "as C++"; exit 1; }
fi

nm -D --defined-only "$BUILD/libsoftmetal.so" | awk '{print $3}' >"$stage/exported"
names=$(sed -n 's/^[a-z].*[ *]\(softmetal_[a-z_]*\)(.*/\1/p' softmetal/softmetal.h)
[ "$(echo "$names" | wc -l)" -ge 5 ] || { echo "too few names in the header: $names"; exit 1; }
for name in $names; do
  grep -qx "$name" "$stage/exported" || { echo "$name is declared, not exported"; exit 1; }
done

want='Apple M1: out[0] = 0.5, out[999] = 999.5'
got=$("$BUILD/examples/softmetal_add") || { echo "the example failed"; exit 1; }
[ "$got" = "$want" ] || { echo "the example printed '$got'"; exit 1; }
if ldd "$BUILD/examples/softmetal_add" | grep -q tritonmetal; then
  echo "the example needs libtritonmetal"; exit 1
fi

# An installed copy; only in the plain build, a sanitized library needs more.
[ "$BUILD" = build ] || exit 0
make --no-print-directory install-softmetal PREFIX="$stage" >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }
flags=$(PKG_CONFIG_PATH="$stage/lib/pkgconfig" pkg-config --cflags --libs softmetal) || exit 1
# shellcheck disable=SC2086
$CC -std=c11 examples/softmetal_add.c -o "$stage/add" $flags || exit 1
got=$(LD_LIBRARY_PATH="$stage/lib" SOFTMETAL_CHIP=m5-max "$stage/add") || exit 1
[ "$got" = 'Apple M5 Max: out[0] = 0.5, out[999] = 999.5' ] || { echo "the installed copy printed '$got'"; exit 1; }
