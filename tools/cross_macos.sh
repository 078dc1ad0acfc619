#!/bin/sh
# SPDX-License-Identifier: MIT
# cross_macos.sh - builds the dylib and the command line for macOS, arm64 and
# x86-64, on a machine that is no Mac, and checks what came out. `make
# cross-macos` runs it.
#
# The compiler is zig's, from PyPI (or the one that ZIG names). It brings the C
# library's headers and stubs; SQLite's, xxHash's and cJSON's headers are those
# of this system, and the stubs of the libraries are made of the names in
# tools/macos/symbols.txt, so that a function that is not listed there does not
# link. xxHash is inlined. The Makefile is the one that a Mac would use, told
# that the system is Darwin.
#
# Exits with 77 where the compiler or LLVM's tools cannot be had.
#
# It proves that everything compiles and links for a Mac, against which
# symbols, from which macOS on. It runs nothing there.
set -eu
out=build/macos
oldest=13.5
here=$(pwd)
list=tools/macos/symbols.txt

fail() { printf 'cross-macos: %s\n' "$*" >&2; exit 1; }
# Something that is no part of the project is missing.
missing() { printf 'cross-macos: %s\n' "$*" >&2; exit 77; }

# ---- tools ------------------------------------------------------------------

if [ -z "${ZIG:-}" ]; then
  if [ ! -x "$out/venv/bin/python" ]; then
    mkdir -p "$out"
    python3 -m venv "$out/venv" || missing "needs python3 with venv (Debian: python3-venv)"
  fi
  "$out/venv/bin/python" -c 'import ziglang' 2>/dev/null ||
    "$out/venv/bin/pip" install --quiet --disable-pip-version-check 'ziglang>=0.13' ||
    missing "cannot install ziglang from PyPI"
  ZIG="$here/$out/venv/bin/python -m ziglang"
fi
llvm=
for v in 19 20 18 21 17 15; do
  [ -x "/usr/lib/llvm-$v/bin/llvm-objdump" ] && llvm=/usr/lib/llvm-$v/bin && break
done
[ -n "$llvm" ] || missing "needs llvm-objdump and llvm-nm (Debian: llvm)"

# ---- headers and stubs ------------------------------------------------------

mkdir -p "$out/include/cjson" "$out/bin"
for header in sqlite3.h xxhash.h xxh3.h cjson/cJSON.h cmocka.h; do
  [ -f "/usr/include/$header" ] && cp "/usr/include/$header" "$out/include/$header"
done

# The names that the list gives for a library.
names() { awk -v library="$1" '/^#/ { next } /^\[/ { on = $0 == "[" library "]"; next } on && NF { print "_" $1 }' "$list"; }
# All functions of a header: what tests may use.
declared() { # header pattern
  grep -oE "$2" "$out/include/$1" | tr -d '( ' | sort -u | sed 's/^/_/'
}

stub() { # file architecture install-name version compatibility, names as input
  {
    printf -- "--- !tapi-tbd\ntbd-version: 4\ntargets: [ %s-macos ]\n" "$2"
    printf "install-name: '%s'\ncurrent-version: %s\ncompatibility-version: %s\n" "$3" "$4" "$5"
    printf "exports:\n  - targets: [ %s-macos ]\n    symbols: [ %s ]\n...\n" "$2" \
      "$(paste -s -d , - | sed 's/,/, /g')"
  } >"$1"
}

# ---- one architecture -------------------------------------------------------

make_for() { # architecture prefix-like-Homebrew's targets
  # shellcheck disable=SC2086
  make --no-print-directory -j"${JOBS:-2}" UNAME=Darwin BREW="$2" BUILD="$out/$1" \
    CC="$here/$out/bin/cc-$1" AR="$here/$out/bin/ar" LLVM_INCLUDE= OPT=-O2 \
    PREFIX=/usr/local $3 >"$out/$1/log" 2>&1 ||
    { tail -n 30 "$out/$1/log" >&2; fail "$1: $3 does not build; see $out/$1/log"; }
  [ "$3" = test-programs ] || ! grep -n 'warning:' "$out/$1/log" || fail "$1 builds with warnings; see $out/$1/log"
}

# A prefix as Homebrew has it, without libraries yet.
lay_out() {
  mkdir -p "$1/lib" "$1/opt/sqlite"
  ln -sfn "$here/$out/include" "$1/include"
  ln -sfn ../../lib "$1/opt/sqlite/lib"
  ln -sfn ../../include "$1/opt/sqlite/include"
}

build() { # name as Apple has it, as zig has it, Homebrew's prefix
  dir=$out/$1
  lay_out "$dir/brew"
  lay_out "$dir/brew-tests"
  printf '#!/bin/sh\nexec %s cc -target %s-macos.%s "$@"\n' "$ZIG" "$2" "$oldest" >"$out/bin/cc-$1"
  printf '#!/bin/sh\nexec %s ar "$@"\n' "$ZIG" >"$out/bin/ar"
  chmod +x "$out/bin/cc-$1" "$out/bin/ar"
  names sqlite3 | stub "$dir/brew/lib/libsqlite3.tbd" "$1" /usr/lib/libsqlite3.dylib 351.4 9
  names cjson | stub "$dir/brew/lib/libcjson.tbd" "$1" "$3/opt/cjson/lib/libcjson.1.dylib" 1.7.18 1
  make_for "$1" "$dir/brew" "$dir/libtritonmetal.dylib $dir/tritonmetal"
}

# The tests that a Mac runs are linked, to see that they would be.
build_tests() { # name as Apple has it, Homebrew's prefix
  dir=$out/$1
  declared sqlite3.h 'sqlite3_[a-z0-9_]+ ?\(' | stub "$dir/brew-tests/lib/libsqlite3.tbd" "$1" /usr/lib/libsqlite3.dylib 351.4 9
  declared cjson/cJSON.h 'cJSON_[A-Za-z0-9_]+ ?\(' | stub "$dir/brew-tests/lib/libcjson.tbd" "$1" "$2/opt/cjson/lib/libcjson.1.dylib" 1.7.18 1
  declared cmocka.h '_?[a-z_]+\(' | stub "$dir/brew-tests/lib/libcmocka.tbd" "$1" "$2/opt/cmocka/lib/libcmocka.0.dylib" 0.8 0
  make_for "$1" "$dir/brew-tests" test-programs
}

# ---- checks -----------------------------------------------------------------

has() { # text pattern what
  printf '%s\n' "$1" | grep -q -- "$2" || { printf '%s\n' "$1" >&2; fail "$3"; }
}

check() { # name, CPU as llvm has it
  dir=$out/$1
  dylib=$dir/libtritonmetal.0.dylib
  for file in "$dylib" "$dir/tritonmetal"; do
    headers=$("$llvm/llvm-objdump" --macho --private-headers "$file")
    kind=DYLIB
    [ "$file" = "$dylib" ] || kind=EXECUTE
    has "$headers" "MH_MAGIC_64.*$2.*$kind" "$file is no $kind for $2"
    has "$headers" "minos $oldest" "$file is not for macOS $oldest"
    "$llvm/llvm-objdump" --macho --dylibs-used "$file" | awk 'NR > 1 { print $1 }' >"$dir/used"
    grep -v -x -e /usr/lib/libSystem.B.dylib -e /usr/lib/libsqlite3.dylib \
      -e '/opt/homebrew/opt/cjson/lib/libcjson.1.dylib' -e '/usr/local/opt/cjson/lib/libcjson.1.dylib' \
      -e /usr/local/lib/libtritonmetal.0.dylib "$dir/used" && fail "$file links what it should not"
    # "SYMBOL" of another library is printed without its address
    "$llvm/llvm-nm" --undefined-only --just-symbol-name "$file" | sort -u >"$dir/undefined"
    { names System; names sqlite3; names cjson; echo dyld_stub_binder; } | sort -u >"$dir/allowed"
    [ "$file" = "$dylib" ] || grep -v '^#' include/symbols.txt | awk 'NF { print "_" $1 }' >>"$dir/allowed"
    grep -v -x -F -f "$dir/allowed" "$dir/undefined" &&
      fail "$file needs symbols that $list does not have"
  done
  id=$("$llvm/llvm-objdump" --macho --dylib-id "$dylib" | tail -n 1)
  [ "$id" = /usr/local/lib/libtritonmetal.0.dylib ] || fail "the install name is '$id'"
  grep -v '^#' include/symbols.txt | awk 'NF { print "_" $1 }' | sort >"$dir/listed"
  "$llvm/llvm-nm" --extern-only --defined-only --just-symbol-name "$dylib" |
    grep -v -x -e ___dso_handle -e __mh_dylib_header | sort >"$dir/exported" # the linker's own
  diff "$dir/listed" "$dir/exported" >"$dir/diff" ||
    { cat "$dir/diff" >&2; fail "listed (<) and exported (>) differ for $1"; }
  printf 'cross-macos: %-7s %s bytes, %d symbols exported, %d used, macOS %s on\n' "$1" \
    "$(wc -c <"$dylib" | tr -d ' ')" "$(wc -l <"$dir/exported")" "$(wc -l <"$dir/undefined")" "$oldest"
}

build arm64 aarch64 /opt/homebrew
build x86_64 x86_64 /usr/local
check arm64 ARM64
check x86_64 X86_64
build_tests arm64 /opt/homebrew
