#!/bin/sh
# SPDX-License-Identifier: MIT
# mac_report.sh - everything that a first run on a Mac should tell, in one
# file, build/mac-report.txt. `make mac-report` runs it; docs/mac-first-run.md
# says how to read it. No part stops the next one.
#
# It holds the machine's model, system version and Metal's answers; no names of
# users, hosts or folders outside this one.
set -u
BUILD=${BUILD:-build}
report=$BUILD/mac-report.txt
: >"$report"

part() { # title command...
  title=$1
  shift
  printf '\n======== %s ========\n' "$title" | tee -a "$report"
  from=$(date +%s)
  "$@" >"$BUILD/mac-part.txt" 2>&1
  status=$?
  sed "s|$HOME|~|g" "$BUILD/mac-part.txt" >>"$report"
  printf '(status %d, %d s)\n' "$status" $(($(date +%s) - from)) | tee -a "$report"
}

machine() {
  uname -srm
  if [ "$(uname -s)" = Darwin ]; then
    sw_vers
    sysctl -n machdep.cpu.brand_string hw.model hw.memsize hw.pagesize hw.ncpu
  fi
  git rev-parse HEAD 2>/dev/null
  ${CC:-cc} --version | head -n 1
}

part "machine" machine
part "compatibility check" "$BUILD/tritonmetal" info
part "what Metal does" "$BUILD/tests/metal_probe" tests/msl
part "tests" env BUILD="$BUILD" sh tests/run.sh
part "the four example kernels" "$BUILD/bench/demo" examples/kernels
part "measurements" "$BUILD/bench/bench" ""
rm -f "$BUILD/mac-part.txt"
printf '\nThe report is in %s\n' "$report"
