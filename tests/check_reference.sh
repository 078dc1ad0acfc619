#!/bin/sh
# SPDX-License-Identifier: MIT
# The API reference is made from the headers without a warning and has every
# function with a description, its threads and the version it came with.
set -u
command -v doxygen >/dev/null 2>&1 || { echo "no doxygen: not checked"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $work"; echo "GENERATE_XML = YES"; echo "GENERATE_HTML = NO"; } >"$work/Doxyfile"
doxygen "$work/Doxyfile" >"$work/log" 2>&1 || { head -n 20 "$work/log"; exit 1; }
[ ! -s "$work/log" ] || { head -n 20 "$work/log"; exit 1; }
# One line a function: its name, and what its description has.
tr '\n' ' ' <"$work/xml/tritonmetal_8h.xml" | sed 's/<memberdef kind="function"/\n&/g; s/<\/memberdef>/\n/g' |
  sed -n 's/.*<name>\(tm_[a-z0-9_]*\)<\/name>.*<briefdescription>\(.*\)/\1 \2/p' >"$work/functions"
count=0
for name in $(grep -v '^#' include/symbols.txt | awk '{ print $1 }'); do
  line=$(grep "^$name " "$work/functions" | head -n 1)
  [ -n "$line" ] || { echo "$name is not in the reference"; exit 1; }
  echo "$line" | grep -q '<title>Threads</title>' && echo "$line" | grep -q '<title>Since</title>' ||
    { echo "$name has no Threads or Since in the reference"; exit 1; }
  case $line in "$name <para></para>"* | "$name  </briefdescription>"*) echo "$name has no description"; exit 1 ;; esac
  count=$((count + 1))
done
[ "$count" -gt 80 ] || { echo "only $count functions"; exit 1; }
