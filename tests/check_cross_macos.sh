#!/bin/sh
# SPDX-License-Identifier: MIT
# The library and the command line build for macOS on this machine, for both
# architectures, and need and export exactly what they should.
set -u
[ "$(uname -s)" != Darwin ] || { echo "not checked: this is a Mac"; exit 0; }
sh tools/cross_macos.sh
status=$?
[ $status -ne 77 ] || { echo "not checked: a tool is missing, see above"; exit 0; }
exit $status
