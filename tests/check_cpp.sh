#!/bin/sh
# SPDX-License-Identifier: MIT
# The C++ header builds without warnings and runs a kernel. Needs a C++
# compiler, which building does not: without one it says so.
set -u
BUILD=${BUILD:-build}
CXX=${CXX:-c++}
[ "$BUILD" = build ] || exit 0 # a sanitized library wants a sanitized program
command -v "$CXX" >/dev/null 2>&1 || { echo "no C++ compiler: not checked"; exit 0; }
for std in c++11 c++17; do
  "$CXX" -std=$std -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude tests/cpp_add.cpp \
    -o "$BUILD/cpp_add" -L"$BUILD" -ltritonmetal -Wl,-rpath,"$(pwd)/$BUILD" || exit 1
  "$BUILD/cpp_add" || { echo "as $std: exit $?"; exit 1; }
done
