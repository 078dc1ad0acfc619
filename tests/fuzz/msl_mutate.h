/* SPDX-License-Identifier: MIT */
/*
 * msl_mutate.h - damages MSL text: byte edits, truncations, and edits of
 * whole tokens (removed, doubled, swapped, replaced by a word of the
 * language), which get past the lexer far more often than single bytes do.
 * Everything follows from the seed.
 */
#ifndef MSL_MUTATE_H
#define MSL_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t msl_random(uint64_t *state) { /* xorshift64* */
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (uint32_t)((*state * 0x2545f4914f6cdd1dull) >> 32);
}

static inline bool msl_is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* The token at or after `at`: [*from, *to). False at the end. */
static inline bool msl_token_at(const char *text, size_t len, size_t at,
                                size_t *from, size_t *to) {
  while (at > 0 && at < len && msl_is_word(text[at]) &&
         msl_is_word(text[at - 1]))
    at--;
  while (at < len && (text[at] == ' ' || text[at] == '\n')) at++;
  if (at >= len) return false;
  *from = at;
  if (!msl_is_word(text[at])) {
    *to = at + 1;
    return true;
  }
  while (at < len && msl_is_word(text[at])) at++;
  *to = at;
  return true;
}

/* text[from, to) becomes `with`; dropped if it does not fit. */
static inline size_t msl_replace(char *text, size_t len, size_t most,
                                 size_t from, size_t to, const char *with,
                                 size_t n) {
  if (len - (to - from) + n > most) return len;
  memmove(text + from + n, text + to, len - to);
  memcpy(text + from, with, n);
  return len - (to - from) + n;
}

static inline size_t msl_edit_token(char *text, size_t len, size_t most,
                                    uint64_t *random) {
  static const char *const words[] = {
    "float", "half4", "int", "uint", "bfloat", "bool", "long", "device",
    "constant", "threadgroup", "thread", "const", "struct", "enum", "class",
    "template", "typename", "auto", "decltype", "sizeof", "kernel", "return",
    "for", "if", "else", "while", "do", "switch", "case", "default", "break",
    "continue", "using", "namespace", "typedef", "static_assert", "constexpr",
    "static", "[[buffer(0)]]", "[[thread_position_in_grid]]", "as_type<int>",
    "simd_sum", "max", "vec<float, 4>", "array<int, 3>", "metal::", "::",
    "{", "}", "(", ")", "[", "]", "<", ">", ";", ",", "...", "&", "&&", "*",
    "=", "==", "?", ":", "->", ".x", ".xyzw", "0", "1", "0x7fffffff", "1.0f",
    "1e400", "~", "!", "<<", ">>", "+=", "++", "#define", "#if", "#endif",
    "##", "__VA_ARGS__", "#pragma unroll", "\n", "\"", "'", "/*", "//", "\\\n",
    "operator", "this", "union", "[=]", "f", "T", "x", "y", "i", "void",
    "alignas(16)", "public:", "os_log_default", "nullptr", "reinterpret_cast",
  };
  char copy[64];
  size_t from, to, other, end;
  if (!len || !msl_token_at(text, len, msl_random(random) % len, &from, &to))
    return len;
  const char *word = words[msl_random(random) % (sizeof words / sizeof *words)];
  switch (msl_random(random) % 6) {
    case 0: return msl_replace(text, len, most, from, to, "", 0);
    case 1: return msl_replace(text, len, most, from, to, word, strlen(word));
    case 2: return msl_replace(text, len, most, from, from, word,
                               strlen(word));
    case 3: /* twice */
      if (to - from > sizeof copy) return len;
      memcpy(copy, text + from, to - from);
      return msl_replace(text, len, most, to, to, copy, to - from);
    default: /* another of the text's own tokens in its place */
      if (!msl_token_at(text, len, msl_random(random) % len, &other, &end) ||
          end - other > sizeof copy)
        return len;
      memcpy(copy, text + other, end - other);
      return msl_replace(text, len, most, from, to, copy, end - other);
  }
}

/* Damages text of len bytes in place, with room for `most`. */
static inline size_t msl_mutate(char *text, size_t len, size_t most,
                                uint64_t seed) {
  uint64_t random = seed * 0x9e3779b97f4a7c15ull + 1;
  msl_random(&random);
  unsigned edits = 1 + msl_random(&random) % 4;
  for (unsigned i = 0; i < edits && len; i++) {
    size_t at = msl_random(&random) % len;
    switch (msl_random(&random) % 12) {
      case 0: text[at] = (char)msl_random(&random); break;
      case 1: text[at] ^= (char)(1u << (msl_random(&random) % 8)); break;
      case 2: len = at; break;
      case 3: { /* a piece moves up to where it does not belong */
        size_t n = msl_random(&random) % 64;
        if (at + n > len) n = len - at;
        len = msl_replace(text, len, most, at, at + n, "", 0);
        break;
      }
      default: len = msl_edit_token(text, len, most, &random); break;
    }
  }
  return len;
}

#endif
