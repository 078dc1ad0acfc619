#!/bin/sh
# SPDX-License-Identifier: MIT
# The arrows between folders go one way (docs and DESIGN's house rules):
#   lib -> nothing, cache -> nothing, runtime -> lib and cache,
#   tools, examples and bench -> the public header, softmetal -> lib/base.
# Each #include "..." is resolved against the file's own folder.
set -u
bad=0
complain() { echo "$1"; bad=1; }

# Prints the top-level-relative path of every quoted include of $1.
includes_of() {
  dir=$(dirname "$1")
  sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1" |
  while read -r header; do
    if [ -f "$dir/$header" ]; then
      (cd "$dir/$(dirname "$header")" && printf '%s/%s\n' "$(pwd)" "$(basename "$header")") |
        sed "s|^$(pwd)/||"
    elif [ -f "include/$header" ]; then echo "include/$header"
    else echo "unresolved:$header"
    fi
  done
}

allowed() { # file header
  case "$1:$2" in
    *:unresolved:*) return 1 ;;
    lib/base/*:lib/base/*) return 0 ;;
    lib/base/*) return 1 ;;
    lib/*:lib/*) return 0 ;;
    cache/*:cache/*) return 0 ;;
    runtime/*:runtime/* | runtime/*:lib/* | runtime/*:cache/* | runtime/*:include/*) return 0 ;;
    softmetal/*:softmetal/* | softmetal/*:lib/base/*) return 0 ;;
    tools/*:tools/*) return 0 ;;
    tools/*:include/* | examples/*:include/*) return 0 ;;
    *) return 1 ;;
  esac
}

count=0
for file in $(find lib cache runtime softmetal tools examples -name '*.[chS]' -o -name '*.def' | sort); do
  for header in $(includes_of "$file"); do
    count=$((count + 1))
    allowed "$file" "$header" || complain "$file must not include $header"
  done
done
[ $count -gt 50 ] || complain "only $count includes were found: the check is broken"

# What each folder may not touch at all.
if grep -lE '^[[:space:]]*#[[:space:]]*include <(sqlite3|objc|Metal|pthread|dlfcn|unistd|fcntl|sys/)' \
  $(find lib -name '*.[ch]') /dev/null; then complain "lib/ does I/O, threads, SQLite or Metal"; fi
if grep -lE '\b(printf|puts|abort|exit)[[:space:]]*\(' $(find lib cache runtime -name '*.c') /dev/null |
  grep -v '^lib/base/arena.c$'; then complain "a library file prints or ends the process"; fi

# File names are unique in the tree, but for main.c and __init__.py.
twice=$(find lib cache runtime softmetal tools -name '*.[ch]' -exec basename {} \; | sort | uniq -d)
[ -z "$twice" ] || complain "file names that are not unique: $twice"
[ $bad -eq 0 ]
