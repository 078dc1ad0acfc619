/* SPDX-License-Identifier: MIT */
/*
 * variants.c - a hash table that is read without a lock.
 *
 *     slots ──▶ [ entry | NULL | entry | ... ]     open addressing
 *                  └─▶ hash, key, value            never changes, never goes
 *
 * A launch looks its variant up here, so a look-up costs a hash, one or two
 * loads and a comparison, whatever other threads do. Entries are complete
 * before they are stored in a slot (release), and are read after it
 * (acquire). They are only ever added. When the slots get few, twice as many
 * are filled beside them and published; the old ones stay, since somebody
 * may still look through them, and go with the table: all of them together
 * are smaller than the last.
 *
 * Entries take long to make: one thread makes each. The thread that does not
 * find a key claims it; others that ask for the same wait until it is
 * published or withdrawn, and look again. No lock is held while it is made.
 * Everything that needs memory happens in the claim, so that what was made
 * can always be published.
 */
#include "function.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16 };

typedef struct tmi_slots {
  struct tmi_slots *older;
  size_t mask; /* slots - 1; their number is a power of two */
  _Atomic(tmi_entry *) at[];
} slots;

/* Two words at a time, each with a multiplication of its own, so that the
 * processor overlaps them (constants: murmur3, splitmix64). */
static uint64_t hash_of(const tmi_key *key) {
  const uint64_t *w = key->words;
  uint64_t a = key->used, b = 0x9e3779b97f4a7c15u;
  size_t i = 0;
  for (; i + 2 <= key->used; i += 2) {
    a = (a ^ w[i]) * 0xff51afd7ed558ccdu;
    b = (b ^ w[i + 1]) * 0xc4ceb9fe1a85ec53u;
    a ^= a >> 32;
    b ^= b >> 29;
  }
  if (i < key->used) a = (a ^ w[i]) * 0xff51afd7ed558ccdu;
  a ^= b + (a >> 31);
  a *= 0x94d049bb133111ebu;
  return a ^ (a >> 32);
}

static bool is_key(const tmi_entry *entry, uint64_t hash, const tmi_key *key) {
  if (entry->hash != hash || entry->n_words != key->used) return false;
  for (size_t i = 0; i < key->used; i++)
    if (entry->key[i] != key->words[i]) return false;
  return true;
}

static tmi_entry *find(const slots *s, uint64_t hash, const tmi_key *key) {
  if (!s) return NULL;
  for (size_t i = hash & s->mask;; i = (i + 1) & s->mask) {
    tmi_entry *entry = atomic_load_explicit(&s->at[i], memory_order_acquire);
    if (!entry || is_key(entry, hash, key)) return entry;
  }
}

void *tmi_table_find(tmi_table *table, const tmi_key *key) {
  const slots *s = atomic_load_explicit(&table->slots, memory_order_acquire);
  const tmi_entry *entry = find(s, hash_of(key), key);
  return entry ? entry->value : NULL;
}

/* There is a free slot: room_for has seen to it. Lock held. */
static void put(slots *s, tmi_entry *entry) {
  size_t i = entry->hash & s->mask;
  while (atomic_load_explicit(&s->at[i], memory_order_relaxed))
    i = (i + 1) & s->mask;
  atomic_store_explicit(&s->at[i], entry, memory_order_release);
}

/* Makes sure that so many entries leave a quarter of the slots free, which
 * ends every search; false without memory. Lock held. */
static bool room_for(tmi_table *table, size_t entries) {
  slots *old = atomic_load_explicit(&table->slots, memory_order_relaxed);
  size_t n = old ? old->mask + 1 : 0;
  if (entries * 4 <= n * 3) return true;
  size_t more = n ? n * 2 : FIRST_SLOTS;
  slots *s = calloc(1, sizeof *s + more * sizeof s->at[0]);
  if (!s) return false;
  s->older = old;
  s->mask = more - 1;
  for (size_t i = 0; i < n; i++) {
    tmi_entry *entry = atomic_load_explicit(&old->at[i], memory_order_relaxed);
    if (entry) put(s, entry);
  }
  atomic_store_explicit(&table->slots, s, memory_order_release);
  return true;
}

/* Enters the key among those being made; NULL without memory. Lock held. */
static tmi_making *begin(tmi_table *table, uint64_t hash, const tmi_key *key) {
  size_t bytes = key->used * sizeof key->words[0];
  if (!room_for(table, atomic_load(&table->n) + table->n_making + 1))
    return NULL;
  tmi_making *making = calloc(1, sizeof *making);
  tmi_entry *entry = malloc(sizeof *entry + bytes);
  if (!making || !entry) {
    free(making);
    free(entry);
    return NULL;
  }
  entry->hash = hash;
  entry->value = NULL;
  entry->n_words = key->used;
  memcpy(entry->key, key->words, bytes);
  making->entry = entry;
  making->next = table->making;
  table->making = making;
  table->n_making++;
  return making;
}

static bool is_being_made(const tmi_table *table, uint64_t hash,
                          const tmi_key *key) {
  for (const tmi_making *m = table->making; m; m = m->next)
    if (is_key(m->entry, hash, key)) return true;
  return false;
}

tmi_claim tmi_table_claim(tmi_table *table, const tmi_key *key, bool wait,
                          void **value, tmi_making **making) {
  uint64_t hash = hash_of(key);
  tmi_claim claim = TMI_CLAIM_FOUND;
  const tmi_entry *entry;
  pthread_mutex_lock(&table->lock);
  while (!(entry = find(atomic_load(&table->slots), hash, key)) &&
         is_being_made(table, hash, key) && wait)
    pthread_cond_wait(&table->changed, &table->lock);
  if (entry) {
    *value = entry->value;
  } else if (is_being_made(table, hash, key)) {
    claim = TMI_CLAIM_BUSY;
  } else {
    *making = begin(table, hash, key);
    claim = *making ? TMI_CLAIM_MAKE : TMI_CLAIM_NO_MEMORY;
  }
  pthread_mutex_unlock(&table->lock);
  return claim;
}

/* Takes it off the list and frees it. Lock held. */
static void end(tmi_table *table, tmi_making *making) {
  tmi_making **at = &table->making;
  while (*at != making) at = &(*at)->next;
  *at = making->next;
  table->n_making--;
  free(making);
  pthread_cond_broadcast(&table->changed);
}

void tmi_table_publish(tmi_table *table, tmi_making *making, void *value) {
  pthread_mutex_lock(&table->lock);
  making->entry->value = value;
  put(atomic_load(&table->slots), making->entry);
  atomic_fetch_add(&table->n, 1);
  end(table, making);
  pthread_mutex_unlock(&table->lock);
}

void tmi_table_withdraw(tmi_table *table, tmi_making *making) {
  pthread_mutex_lock(&table->lock);
  free(making->entry);
  end(table, making);
  pthread_mutex_unlock(&table->lock);
}

void tmi_table_each(tmi_table *table,
                    bool (*each)(void *payload, const tmi_entry *entry),
                    void *payload) {
  const slots *s = atomic_load_explicit(&table->slots, memory_order_acquire);
  for (size_t i = 0; s && i <= s->mask; i++) {
    const tmi_entry *entry =
        atomic_load_explicit(&s->at[i], memory_order_acquire);
    if (entry && !each(payload, entry)) return;
  }
}

void tmi_table_init(tmi_table *table) {
  memset(table, 0, sizeof *table);
  pthread_mutex_init(&table->lock, NULL);
  pthread_cond_init(&table->changed, NULL);
}

void tmi_table_free(tmi_table *table, void (*drop)(void *value)) {
  slots *s = atomic_load(&table->slots);
  for (size_t i = 0; s && i <= s->mask; i++) {
    tmi_entry *entry = atomic_load(&s->at[i]);
    if (!entry) continue;
    drop(entry->value);
    free(entry);
  }
  while (s) {
    slots *older = s->older;
    free(s);
    s = older;
  }
  pthread_cond_destroy(&table->changed);
  pthread_mutex_destroy(&table->lock);
}
