#!/bin/sh
# SPDX-License-Identifier: MIT
# The C++ header builds without warnings, as old and new C++ and without
# exceptions, and runs kernels. Needs a C++ compiler, which building does not:
# without one it says so.
set -u
BUILD=${BUILD:-build}
CXX=${CXX:-c++}
[ "$BUILD" = build ] || exit 0 # a sanitized library wants a sanitized program
command -v "$CXX" >/dev/null 2>&1 || { echo "no C++ compiler: not checked"; exit 0; }
for flags in -std=c++11 -std=c++17 -std=c++20 "-std=c++17 -fno-exceptions"; do
  # shellcheck disable=SC2086
  "$CXX" $flags -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude tests/cpp_api.cpp \
    -o "$BUILD/cpp_api" -L"$BUILD" -ltritonmetal -Wl,-rpath,"$(pwd)/$BUILD" || exit 1
  "$BUILD/cpp_api" || { echo "with $flags: exit $?"; exit 1; }
done
