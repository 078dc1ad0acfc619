#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual page has every option and action that the command line explains,
# and no others, and is sound mdoc.
set -u
BUILD=${BUILD:-build}
page=docs/tritonmetal.1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for command in info compile run check cache; do
  "$BUILD/tritonmetal" $command --help
done >"$work/help" || exit 1
# mdoc writes --name as "Fl -name".
grep -oE -- '--[a-z][a-z-]+' "$work/help" | sed 's/^--//' | sort -u >"$work/told"
grep -oE -- 'Fl -[a-z][a-z-]+' "$page" | sed 's/^Fl -//' | grep -v '^help$' | sort -u >"$work/written"
[ "$(wc -l <"$work/told")" -gt 10 ] || { echo "found too few options to be true"; exit 1; }
diff "$work/told" "$work/written" >"$work/diff" ||
  { echo "options of --help (<) and of $page (>) differ:"; cat "$work/diff"; exit 1; }
"$BUILD/tritonmetal" cache --help | grep -oE '^  [a-z]+ ' | tr -d ' ' | sort >"$work/told"
sed -n '/^.Ss Actions/,/^.Sh/p' "$page" | sed -n 's/^.It Cm \([a-z]*\).*/\1/p' | sort >"$work/written"
diff "$work/told" "$work/written" || { echo "actions of cache --help (<) and of $page (>) differ"; exit 1; }
for variable in $(grep -ohE 'TRITON_METAL_[A-Z_]+' include/tritonmetal.h | sort -u); do
  grep -q "Ev $variable" "$page" || { echo "$page lacks $variable"; exit 1; }
done
if command -v mandoc >/dev/null 2>&1; then
  mandoc -Tlint -Wwarning "$page" || exit 1
elif command -v groff >/dev/null 2>&1; then
  groff -mdoc -Tascii -ww -z "$page" >"$work/groff" 2>&1
  [ ! -s "$work/groff" ] || { cat "$work/groff"; exit 1; }
fi
