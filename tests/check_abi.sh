#!/bin/sh
# SPDX-License-Identifier: MIT
# The binary interface is the committed one: the size of every structure of the
# header and the place of its last field, and every enumerator's value, on
# 64-bit systems. (check_symbols.sh compares the exported names.) `--write`
# writes include/abi.txt anew, after fields or enumerators were appended;
# anything else in its difference breaks programs that are already built.
set -u
list=include/abi.txt
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# One line a structure or enumerator of the preprocessed header.
printf '#include <tritonmetal.h>\n' >"$work/in.c"
${CC:-cc} -std=c11 -E -P -Iinclude "$work/in.c" | tr '\n' ' ' >"$work/flat" || exit 1
grep -oE 'typedef struct tm_[a-z0-9_]+ \{' "$work/flat" | awk '{ print $3 }' | sort -u >"$work/structs"
grep -oE 'TM_[A-Z0-9_]+ = -?[0-9a-fx]+' "$work/flat" | awk '{ print $1 }' | sort -u >"$work/enumerators"
[ "$(wc -l <"$work/structs")" -gt 20 ] && [ "$(wc -l <"$work/enumerators")" -gt 60 ] ||
  { echo "found too little to be true"; exit 1; }
{
  printf '#include <tritonmetal.h>\n#include <stdio.h>\nint main(void) {\n'
  while read -r name; do
    # the last member that the structure declares
    last=$(grep -oE "typedef struct $name \{[^}]*(\{[^}]*\}[^}]*)?\} $name;" "$work/flat" | head -n 1 |
      sed 's/} *tm_[a-z0-9_]*;$//; s/; *$//; s/\[[^]]*\]//g; s/.*[ *(]\([a-z_0-9]*\))\?\(([^)]*)\)\? *$/\1/')
    printf '  printf("%s %%zu, %s at %%zu\\n", sizeof(%s), offsetof(%s, %s));\n' "$name" "$last" "$name" "$name" "$last"
  done <"$work/structs"
  while read -r name; do
    printf '  printf("%s %%lld\\n", (long long)%s);\n' "$name" "$name"
  done <"$work/enumerators"
  printf '  return 0;\n}\n'
} >"$work/abi.c"
${CC:-cc} -std=c11 -Iinclude "$work/abi.c" -o "$work/abi" || exit 1
{
  echo "# Written by tests/check_abi.sh --write: sizes and last fields of structures, values of enumerators."
  "$work/abi"
} >"$work/now"
if [ "${1:-}" = --write ]; then cp "$work/now" "$list"; fi
diff "$list" "$work/now" >"$work/diff" && exit 0
echo "the binary interface is not that of $list (<): if fields or enumerators were only appended, sh tests/check_abi.sh --write"
cat "$work/diff"
exit 1
