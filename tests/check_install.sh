#!/bin/sh
# SPDX-License-Identifier: MIT
# An installed copy is found and used: through pkg-config, by the shared and the
# static library, and through CMake; uninstalling leaves nothing.
set -u
BUILD=${BUILD:-build}
[ "$BUILD" = build ] || exit 0 # a sanitized library wants a sanitized program
stage=$(mktemp -d) || exit 1
trap 'rm -rf "$stage"' EXIT
prefix=$stage/prefix
fail() { echo "$*"; exit 1; }
make --no-print-directory install PREFIX="$prefix" >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
unset TRITON_METAL_SOFTMETAL # the installed one is to be found

answers() { # program
  got=$(LD_LIBRARY_PATH="$prefix/lib" DYLD_LIBRARY_PATH="$prefix/lib" "$1") || fail "$1 failed"
  [ "$got" = 'out[0] = 0.5, out[99999] = 99999.5' ] || fail "$1 printed '$got'"
}

[ "$(pkg-config --modversion tritonmetal)" = "$(sed -n 's/^VERSION  *:= //p' Makefile)" ] || fail "the version of the .pc file"
# shellcheck disable=SC2046
${CC:-cc} -std=c11 examples/vector_add.c -o "$stage/shared" $(pkg-config --cflags --libs tritonmetal) || exit 1
answers "$stage/shared"

# The static library: only names of the header are visible in it.
nm -g --defined-only "$prefix/lib/libtritonmetal.a" 2>/dev/null | awk 'NF == 3 { print $3 }' | sed 's/^_tm_/tm_/' |
  sort >"$stage/visible"
grep -v '^#' include/symbols.txt | awk 'NF { print $1 }' | sort >"$stage/listed"
diff "$stage/listed" "$stage/visible" >"$stage/diff" || { echo "listed (<) and visible in the static library (>):"; cat "$stage/diff"; exit 1; }
libs=$(pkg-config --static --libs tritonmetal | sed "s|-ltritonmetal|$prefix/lib/libtritonmetal.a|")
# shellcheck disable=SC2046,SC2086
${CC:-cc} -std=c11 examples/vector_add.c -o "$stage/static" $(pkg-config --cflags tritonmetal) $libs || exit 1
answers "$stage/static"

[ -s "$prefix/share/man/man1/tritonmetal.1" ] || fail "no manual page"
LD_LIBRARY_PATH="$prefix/lib" "$prefix/bin/tritonmetal" --version >/dev/null || exit 1

if command -v cmake >/dev/null 2>&1 && command -v c++ >/dev/null 2>&1; then
  mkdir "$stage/cmake"
  cp examples/vector_add.c tests/cpp_api.cpp "$stage/cmake"
  cat >"$stage/cmake/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(consumer C CXX)
find_package(tritonmetal 0.1 REQUIRED)
add_executable(shared vector_add.c)
target_link_libraries(shared tritonmetal::tritonmetal)
add_executable(static vector_add.c)
target_link_libraries(static tritonmetal::tritonmetal_static)
add_executable(cpp cpp_api.cpp)
target_link_libraries(cpp tritonmetal::tritonmetal)
CMAKE
  cmake -S "$stage/cmake" -B "$stage/cmake/out" -DCMAKE_PREFIX_PATH="$prefix" >"$stage/log" 2>&1 &&
    cmake --build "$stage/cmake/out" >>"$stage/log" 2>&1 || { tail -n 30 "$stage/log"; exit 1; }
  answers "$stage/cmake/out/shared"
  answers "$stage/cmake/out/static"
  LD_LIBRARY_PATH="$prefix/lib" "$stage/cmake/out/cpp" || fail "the C++ consumer failed"
  sed 's/tritonmetal 0.1/tritonmetal 0.2/' "$stage/cmake/CMakeLists.txt" >"$stage/CMakeLists.txt"
  mkdir "$stage/newer"
  mv "$stage/CMakeLists.txt" "$stage/newer"
  cp examples/vector_add.c tests/cpp_api.cpp "$stage/newer"
  ! cmake -S "$stage/newer" -B "$stage/newer/out" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null 2>&1 ||
    fail "CMake takes this version for 0.2"
else
  echo "no cmake or no C++ compiler: CMake's files are not checked"
fi

make --no-print-directory uninstall PREFIX="$prefix" >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }
left=$(find "$prefix" -type f -o -type l)
[ -z "$left" ] || fail "uninstall leaves $left"
