#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/metal_probe.c is for Macs. Here it must find softmetal to be as assumed,
# as old and new chips and systems, and must have asked something.
set -u
BUILD=${BUILD:-build}
if [ "$(uname -s)" = Darwin ]; then
  "$BUILD/tests/metal_probe" tests/msl
  exit
fi
work=$(mktemp) || exit 1
trap 'rm -f "$work"' EXIT
for machine in "m1 13.5" "m1 26" "m2 15" "m4 26" "m5-max 26"; do
  SOFTMETAL_CHIP=${machine% *} SOFTMETAL_MACOS=${machine#* } \
    "$BUILD/tests/metal_probe" tests/msl >"$work" ||
    { echo "on $machine:"; grep '^DIFFERS' "$work"; tail -n 1 "$work"; exit 1; }
  same=$(grep -c '^same' "$work")
  [ "$same" -gt 200 ] || { echo "only $same answers on $machine"; exit 1; }
done
