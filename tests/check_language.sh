#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/language.md says what the compiler does: its tables are those that
# tests/language_table.c makes of the builtin table and the examples (which
# test_language.c compiles), and every name that real kernels use has a row.
#
#   --write   puts the tables of now into docs/language.md
set -u
BUILD=${BUILD:-build}
doc=docs/language.md
mark='<!-- tables: make language-table -->'
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$BUILD/tests/language_table" >"$work/tables" || exit 1
sed "/^$mark\$/q" $doc >"$work/doc"
grep -q "^$mark\$" "$work/doc" || { echo "$doc has no line $mark"; exit 1; }
{ echo; cat "$work/tables"; } >>"$work/doc"
if [ "${1:-}" = --write ]; then cp "$work/doc" $doc; fi
cmp "$work/doc" $doc || { echo "$doc is old: make language-table"; exit 1; }
"$BUILD/tests/language_table" tests/data/language_used.txt $doc
