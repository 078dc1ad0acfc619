/* SPDX-License-Identifier: MIT */
/* map.c - open addressing with linear probing, at most three quarters full.
 * There is no removal: a compile only ever learns. */
#include "base.h"

static uint32_t slot_of(const tm_map *map, uint64_t key) {
  uint64_t h = key * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */
  uint32_t mask = map->cap - 1, at = (uint32_t)(h >> 32) & mask;
  while (map->full[at] && map->keys[at] != key) at = (at + 1) & mask;
  return at;
}

bool tm_map_get(const tm_map *map, uint64_t key, uint64_t *value) {
  if (!map->cap) return false;
  uint32_t at = slot_of(map, key);
  if (map->full[at] && value) *value = map->values[at];
  return map->full[at];
}

static void map_grow(tm_map *map) {
  tm_map old = *map;
  map->cap = old.cap ? old.cap * 2 : 16;
  map->keys = TM_NEW_ARRAY(map->arena, uint64_t, map->cap);
  map->values = TM_NEW_ARRAY(map->arena, uint64_t, map->cap);
  map->full = TM_NEW_ARRAY(map->arena, uint8_t, map->cap);
  for (uint32_t i = 0; i < old.cap; i++) {
    if (!old.full[i]) continue;
    uint32_t at = slot_of(map, old.keys[i]);
    map->full[at] = 1;
    map->keys[at] = old.keys[i];
    map->values[at] = old.values[i];
  }
}

void tm_map_put(tm_map *map, uint64_t key, uint64_t value) {
  if (map->len * 4 >= map->cap * 3) map_grow(map);
  uint32_t at = slot_of(map, key);
  if (!map->full[at]) {
    map->full[at] = 1;
    map->keys[at] = key;
    map->len++;
  }
  map->values[at] = value;
}
