#!/bin/sh
# SPDX-License-Identifier: MIT
# Every fenced code block of README.md, docs/, softmetal/README.md and python/README.md works.
# The blocks of one document are taken in order, in one folder, in which
# examples/ and the programs just built are found:
#
#   ```sh       is run, and must exit with 0
#   ```c ```cpp with a main: is built with all warnings as errors, and run;
#               without: is built inside tests/docs/fragment.c, where the usual
#               objects are declared
#   ```python   with triton_metal: is run, if there is a python3 with numpy;
#               else `tritonmetal check` must find a kernel in it
#   ```json     must be a settings file without warnings
# A comment on the line before changes that:
#   <!-- file: NAME -->      the block is written to NAME for what follows
#   <!-- not run: WHY -->    it is only shown
#   <!-- from: NAME -->      the file NAME has these lines, in this order
# Indented blocks are output, and not looked at.
set -u
BUILD=${BUILD:-build}
[ "$BUILD" = build ] || exit 0 # a sanitized library wants a sanitized program
top=$(pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PATH=$top/$BUILD:$PATH
export PATH LD_LIBRARY_PATH="$top/$BUILD" PYTHONPATH="$top/python" PYTHONDONTWRITEBYTECODE=1
export TRITON_METAL_CACHE_DIR="$work/cache"
python=
for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
  "$candidate" -c 'import numpy' 2>/dev/null && python=$candidate && break
done
built="-Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-variable -I$top/include"
linked="-L$top/$BUILD -ltritonmetal -lm"
total=0 shown=0

fail() { echo "$document, block at line $line: $*"; sed 's/^/    /' "$block"; [ ! -s "$work/log" ] || tail -n 20 "$work/log"; exit 1; }

program() { # suffix compiler
  if grep -q 'main(' "$block"; then
    cp "$block" "$work/t.$1"
    # shellcheck disable=SC2086
    $2 $built "$work/t.$1" -o "$work/t" $linked >"$work/log" 2>&1 || fail "does not build"
    (cd "$here" && "$work/t") >"$work/log" 2>&1 || fail "fails"
  else
    sed -e "/@FRAGMENT@/{r $block" -e 'd;}' "$top/tests/docs/fragment.$1" >"$work/t.$1"
    # shellcheck disable=SC2086
    $2 $built -c "$work/t.$1" -o "$work/t.o" >"$work/log" 2>&1 || fail "does not build"
  fi
}

# Are the block's lines in the file, one after another?
is_from() { # file
  awk 'FNR == NR { want[++n] = $0; next } { have[++m] = $0 }
    END { for (i = 1; i + n - 1 <= m; i++) { for (k = 1; k <= n && have[i + k - 1] == want[k]; k++); if (k > n) exit 0 } exit 1 }' "$block" "$1"
}

take() { # kind file-name why-not source
  if [ -n "$4" ]; then
    is_from "$top/$4" || fail "is not in $4"
    return
  fi
  if [ -n "$3" ]; then
    shown=$((shown + 1))
    return
  fi
  if [ -n "$2" ]; then
    mkdir -p "$here/$(dirname "$2")" && cp "$block" "$here/$2"
    return
  fi
  case $1 in
  sh) (cd "$here" && sh -eu "$block") >"$work/log" 2>&1 || fail "exits with a failure" ;;
  c)
    program c "${CC:-cc} -std=c11" ;;
  cpp)
    command -v "${CXX:-c++}" >/dev/null 2>&1 || return
    program cpp "${CXX:-c++} -std=c++17" ;;
  python)
    if grep -q 'triton_metal' "$block"; then
      [ -n "$python" ] || return
      cp "$block" "$here/block.py" # inspect wants a file
      (cd "$here" && "$python" block.py) >"$work/log" 2>&1 || fail "fails"
    else
      cp "$block" "$here/block.py"
      (cd "$here" && tritonmetal check block.py) >"$work/log" 2>&1 || fail "is not accepted"
      [ -s "$work/log" ] || fail "has no kernel"
    fi ;;
  json)
    mkdir -p "$here/home/.triton" && cp "$block" "$here/home/.triton/metal_config.json"
    (cd "$here" && HOME=$here/home tritonmetal info) >"$work/log" 2>&1
    ! grep -q 'metal_config.json:[0-9]' "$work/log" || fail "is not a good settings file" ;;
  *) fail "is of kind '$1', which nothing checks" ;;
  esac
}

for document in README.md docs/*.md softmetal/README.md python/README.md; do
  here=$work/here
  rm -rf "$here"
  mkdir "$here"
  ln -s "$top/examples" "$top/include" "$here"
  rm -f "$work"/block.*
  # block.N holds: kind, line, file name, reason, source; then the text.
  awk -v out="$work/block." '
    /^```/ && !inside { inside = 1; n++; name = sprintf("%s%03d", out, n); kind = substr($0, 4)
      print kind > name; print NR > name; print file > name; print why > name; print from > name; file = why = from = ""; next }
    /^```/ { inside = 0; close(name); next }
    inside { print > name; next }
    /^<!-- file: / { file = $0; sub(/^<!-- file: /, "", file); sub(/ -->.*/, "", file); next }
    /^<!-- not run: / { why = $0; next }
    /^<!-- from: / { from = $0; sub(/^<!-- from: /, "", from); sub(/ -->.*/, "", from); next }
    { file = why = from = "" }' "$document"
  for part in "$work"/block.*; do
    [ -f "$part" ] || continue
    total=$((total + 1))
    line=$(sed -n 2p "$part")
    block=$work/text
    tail -n +6 "$part" >"$block"
    take "$(sed -n 1p "$part")" "$(sed -n 3p "$part")" "$(sed -n 4p "$part")" "$(sed -n 5p "$part")"
  done
done
echo "$total blocks, $shown of them only shown"
[ "$total" -ge 15 ] || { echo "found too few blocks to be true"; exit 1; }
