#!/bin/sh
# SPDX-License-Identifier: MIT
# The public header compiles alone and twice, as C99, C11, C17 and C++, with
# every warning an error; and every function says Threads: and Since:.
set -u
CC=${CC:-cc}
CXX=${CXX:-c++}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
printf '#include <tritonmetal.h>\n#include <tritonmetal.h>\nint main(void) { return tm_version() == 0; }\n' >"$work/h.c"
cp "$work/h.c" "$work/h.cpp"
flags="-Iinclude -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only"
for std in c99 c11 c17; do
  $CC -std=$std $flags "$work/h.c" || { echo "as $std"; exit 1; }
done
if command -v "$CXX" >/dev/null 2>&1; then
  for std in c++11 c++17; do
    $CXX -std=$std $flags "$work/h.cpp" || { echo "as $std"; exit 1; }
  done
else
  echo "no C++ compiler here: not checked as C++"
fi
# The comment right before each declaration must have both lines.
awk '
  /^\/\*/ { comment = ""; inside = 1 }
  inside { comment = comment $0 "\n" }
  /\*\// { inside = 0 }
  /^TM_API/ {
    count++
    if (comment !~ /Threads:/ || comment !~ /Since:/) {
      print FILENAME ":" FNR ": no Threads: or Since: line"; bad = 1
    }
    comment = ""
  }
  END { if (count < 40) { print "only " count " functions found"; bad = 1 } exit bad }
' include/tritonmetal.h
