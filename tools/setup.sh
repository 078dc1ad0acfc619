#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh - installs what building and testing needs, by name, and only what
# is missing. Says what it does. Run by `make` on a new machine.
#
#   run time      sqlite3, xxhash, cJSON; off a Mac also libobjc4 and LLVM
#                 (for softmetal)
#   tests, bench  cmocka, OpenBLAS (the peer of the matrix product), zlib (the
#                 demo's picture; a part of macOS)
#   bindings      numpy, and pytest, pip, setuptools and wheel for the tests of
#                 python/; LuaJIT for an example; doxygen for the reference.
#                 Without them the rest builds and the checks say what is left
#                 out
set -eu

say() { printf 'setup: %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else
    say "needs root to install packages; as root run:"
    say "  $*"
    exit 1
  fi
}

setup_apt() {
  wanted="pkg-config libsqlite3-dev libxxhash-dev libcjson-dev libcmocka-dev libobjc4 libopenblas-dev zlib1g-dev"
  missing=
  for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing="$missing $package"
  done
  # Any one of these LLVMs will do; 19 is what is tested most.
  found=
  for v in 19 20 18 21 17 15; do
    [ -d "/usr/lib/llvm-$v/include/llvm-c" ] && found=$v && break
  done
  if [ -n "$missing" ] || [ -z "$found" ]; then
    as_root apt-get update -qq
    if [ -z "$found" ]; then
      for v in 19 18 20 15; do
        if apt-cache show "llvm-$v-dev" >/dev/null 2>&1; then
          missing="$missing llvm-$v-dev"
          break
        fi
      done
    fi
    say "installing:$missing"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  fi
}

# What only the tests of other languages and the API reference need: no failure
# where it is not to be had.
setup_apt_bindings() {
  missing=
  for package in python3-numpy python3-pytest python3-pip python3-setuptools python3-wheel luajit doxygen; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 || {
    say "not installed, so that other languages are not tested:$missing"
    return 0
  }
  say "installing:$missing"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    { as_root apt-get update -qq &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
    say "the tests of other languages will be left out"
}

setup_brew() {
  command -v brew >/dev/null 2>&1 || {
    say "Homebrew is missing: see https://brew.sh"
    exit 1
  }
  for package in pkg-config sqlite xxhash cjson cmocka openblas; do
    brew list --versions "$package" >/dev/null 2>&1 || {
      say "installing $package"
      brew install --quiet "$package"
    }
  done
}

if command -v apt-get >/dev/null 2>&1; then
  setup_apt
  setup_apt_bindings
elif [ "$(uname -s)" = Darwin ]; then setup_brew
else
  say "no apt or brew here; install by hand: sqlite3, xxhash, cjson, cmocka,"
  say "libobjc (GCC), LLVM 15 to 22 with headers, openblas"
fi
say "everything that is needed is installed"
