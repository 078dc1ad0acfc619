#!/bin/sh
# SPDX-License-Identifier: MIT
# Every message that runtime/ sends to Metal or Foundation, and every constant
# of theirs that it uses, is one that Apple's headers have: selectors, types of
# results and arguments as the call's C prototype has them, values. A selector
# newer than the oldest macOS that is supported (13.5) is asked for with
# respondsToSelector: first. docs/metal-api.md lists them; `--write` makes it.
set -u
rows=tests/data/metal_api.tsv
constants=tests/data/metal_constants.tsv
facts=runtime/metal/metal_facts.h
doc=docs/metal-api.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# field and selector of TM_SELECTORS
tr '\n' ' ' <"$facts" | sed 's/\\ / /g; s/\/\*[^*]*\*\///g' |
  grep -o 'X([a-z_0-9]*,[[:space:]]*"[^"]*")' |
  sed 's/X(\([a-z_0-9]*\),[[:space:]]*"\([^"]*\)")/\1 \2/' >"$work/all"
grep -v ' NS\| MTL' "$work/all" >"$work/selectors"
[ "$(wc -l <"$work/selectors")" -gt 40 ] || { echo "found too few selectors to be true"; exit 1; }

# One line a use: field, how (a call's letters, "responds", or other), file.
# A call's letters: the result, then the arguments after object and selector;
# P pointer, U 64-bit integer, B BOOL, D double, S MTLSize, V three integers, R range, v nothing.
for file in runtime/*.c runtime/*/*.c runtime/metal/*.h; do
  case $file in *metal_facts.h) continue ;; esac
  tr '\n' ' ' <"$file" | awk -v file="$file" '
  function letter(type) {
    gsub(/const |^ +| +$/, "", type)
    if (type ~ /\*|^tm_id$|^tm_sel$/) return "P"
    if (type ~ /^(unsigned long|long|uint64_t|int64_t)$/) return "U"
    if (type == "tm_objc_bool") return "B"
    if (type == "double") return "D"
    if (type == "tm_mtl_size") return "S"
    if (type == "tm_mtl_range") return "R"
    if (type == "os_version") return "V"
    if (type == "void") return "v"
    return "?" type "?"
  }
  function opening(s, i,   depth, c) { # of the bracket that closes at or encloses i
    depth = 0
    for (; i > 0; i--) {
      c = substr(s, i, 1)
      if (c == ")") depth++
      if (c == "(") { if (depth == 0) return i; depth-- }
    }
    return 0
  }
  function cast(s, end,   from, text, n, parts, k, out) { # "((RET(*)(ARGS))tm_mtl.send"
    from = opening(s, end)               # of the outer bracket
    text = substr(s, from + 1, end - from)
    sub(/\) *tm_mtl\.send(_stret)? *$/, "", text)
    sub(/^ *\(/, "", text)
    n = index(text, "(*)")
    out = letter(substr(text, 1, n - 1))
    text = substr(text, n + 3)
    gsub(/[()]/, "", text)
    n = split(text, parts, ",")
    for (k = 3; k <= n; k++) out = out letter(parts[k])
    return out
  }
  {
    s = $0; at = 1
    while (match(substr(s, at), /tm_mtl\.sel\.[a-z_0-9]+/)) {
      field = substr(s, at + RSTART - 1 + 11, RLENGTH - 11)
      here = at + RSTART - 1
      at = here + RLENGTH
      if (field == "field") continue # of the macro that registers them
      open = opening(s, here - 1)
      before = substr(s, 1, open - 1)
      how = "other"
      if (match(before, /tm_metal_responds *$/)) how = "responds"
      else if (match(before, /tm_send(_[PUBvD])?(_[PUBDQ]+)? *$/)) {
        how = substr(before, RSTART, RLENGTH)
        sub(/^tm_send_?/, "", how); gsub(/[_ ]/, "", how)
        if (how == "") how = "v"
      } else if (match(before, /tm_mtl\.send(_stret)? *\) *$/))
        how = cast(before, RSTART + index(substr(before, RSTART), ")") - 2)
      print field, how, file
    }
  }'
done >"$work/uses"

# The rows, with types as letters.
awk -F '\t' '
  function letter(type) {
    gsub(/^ +| +$/, "", type)
    if (type == "" ) return ""
    if (type ~ /\*|\[\]$|^SEL$|^id$|Handler|^std::|Block/) return "P"
    if (type ~ /^(bool|BOOL)$/) return "B"
    if (type ~ /^(double|CFTimeInterval|NS::TimeInterval)$/) return "D"
    if (type == "MTL::Size") return "S"
    if (type == "NS::Range") return "R"
    if (type ~ /OperatingSystemVersion/) return "V"
    if (type == "void") return "v"
    return "U" # NSUInteger, NSInteger, uint64_t, and enumerations, which are as wide
  }
  /^#/ { next }
  { n = split($5, a, ","); out = letter($4); for (i = 1; i <= n; i++) out = out letter(a[i])
    print $3, out, $6 }' "$rows" >"$work/rows"

awk -v oldest=13.5 '
  function older(a, b,   x, y) { split(a, x, "."); split(b, y, "."); return x[1] < y[1] || (x[1] == y[1] && x[2] + 0 <= y[2] + 0) }
  FILENAME ~ /rows$/ { known[$1] = known[$1] " " $2 " "; since[$1] = $3; next }
  FILENAME ~ /selectors$/ { selector[$1] = $2; next }
  { used[$1] = 1; uses++
    name = selector[$1]
    if (name == "") { print $3 ": " $1 " is not in TM_SELECTORS"; bad = 1; next }
    if ($2 == "responds") { asked[$1] = 1; next }
    if ($2 == "other") next
    calls++
    if (index(known[name], " " $2 " ") == 0) {
      print $3 ": [" name "] is called as " $2 "; the headers have" known[name]; bad = 1 } }
  END {
    for (f in selector) {
      if (!(selector[f] in known)) { print selector[f] " is in no row of tests/data/metal_api.tsv"; bad = 1 }
      else if (!older(since[selector[f]], oldest) && !(f in asked)) {
        print selector[f] " came with macOS " since[selector[f]] " and is not asked for first"; bad = 1 }
      if (!(f in used)) { print "TM_SELECTORS has " f ", which nothing sends"; bad = 1 } }
    if (calls < 50) { print "found " calls " calls: too few to be true"; bad = 1 }
    exit bad }' "$work/rows" "$work/selectors" "$work/uses" || bad=1

# Constants: every name with a value in metal_facts.h has a row, with that value.
sed 's/\/\*.*\*\///' "$facts" | grep -o 'TM_[A-Z0-9_]* = [0-9a-fx]*' | sed 's/ = / /' >"$work/defined"
awk '
  FNR == NR { if ($0 !~ /^#/) value[$1] = $2; next } # a name and a value hold no blank
  { if (!($1 in value)) { print $1 " of metal_facts.h is in no row of tests/data/metal_constants.tsv"; bad = 1 }
    else if (value[$1] != ($2 == "0x0" ? 0 : $2)) { print $1 " is " $2 ", the headers have " value[$1]; bad = 1 }
    n++ }
  END { if (n < 10) { print "found too few constants to be true"; bad = 1 }; exit bad }' \
  "$constants" "$work/defined" || bad=1

{
  cat <<'TEXT'
# What is sent to Metal

Every Objective-C message that `runtime/` sends and every constant of Metal's that it uses, with types and the macOS that introduced it.
The oldest macOS that is supported is 13.5; what is newer is asked for with `respondsToSelector:` first. Types are those of metal-cpp (macOS 26), versions
those of `API_AVAILABLE` in Apple's headers. Made by `sh tests/check_metal_api.sh --write` from `tests/data`; the same script, in `make test`, compares
the C prototype of every call in `runtime/` with these types. None of it has run on a Mac yet: `docs/mac-first-run.md` says how that is to be done.

## Messages

| class | message | returns | arguments | macOS |
|---|---|---|---|---|
TEXT
  awk -F '\t' 'FNR == NR { split($0, a, " "); want[a[2]] = 1; next }
    !/^#/ && ($3 in want) { gsub(/\|/, "\\|"); printf "| %s | `%s%s` | %s | %s | %s |\n", $1, $2, $3, $4, $5, $6 }' \
    "$work/selectors" "$rows"
  printf '\n## Constants\n\n| here | in Metal | value | macOS |\n|---|---|---|---|\n'
  awk -F '\t' '!/^#/ { printf "| `%s` | %s | %s | %s |\n", $1, $3, $2 == "" ? "" : $2, $4 }' "$constants"
} >"$work/doc"
if [ "${1:-}" = --write ]; then cp "$work/doc" "$doc"; fi
cmp -s "$work/doc" "$doc" || { echo "$doc is not what the tables give: sh tests/check_metal_api.sh --write"; bad=1; }
exit $bad
