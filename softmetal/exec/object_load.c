/* SPDX-License-Identifier: MIT */
/*
 * object_load.c - loads a kernel's relocatable object without LLVM.
 *
 * Opening LLVM and starting its linker cost tens of milliseconds in a new
 * process, which is most of what a pipeline from an archive or the store
 * takes. The objects that the emitter makes are plain: code, constants, calls
 * of the runtime by name. This loader knows just these (ELF-64 for x86-64,
 * after the System V ABI) and declines everything else, which LLVM's linker
 * then takes.
 *
 * One mapping: the sections that are loaded, then a table of the addresses
 * of the functions that the object calls, then a jump through it for each, so
 * that calls reach wherever the runtime is. It is made executable and read
 * only at the end.
 */
#define _GNU_SOURCE
#include "object_load.h"

#include "frame.h"

#if defined(__x86_64__) && defined(__linux__)

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_SECTIONS = 64, STUB = 16, MOST_BYTES = 1 << 28 };

typedef struct loader {
  const char *file;
  size_t size;
  const Elf64_Shdr *sections;
  uint32_t n_sections;
  const Elf64_Sym *symbols;
  uint32_t n_symbols;
  const char *names; /* of symbols; ends with 0 */
  size_t names_size;
  uint64_t at[MOST_SECTIONS]; /* offset in the mapping; UINT64_MAX: none */
  uint32_t *slots; /* by symbol: number of its table entry plus 1; owned */
  uint32_t n_slots;
  uint64_t table, stubs, total; /* offsets in the mapping */
  char *base;
} loader;

static bool in_file(const loader *l, uint64_t at, uint64_t bytes) {
  return at <= l->size && bytes <= l->size - at;
}

/* ---- reading ------------------------------------------------------------ */

static bool read_header(loader *l) {
  Elf64_Ehdr h;
  if (l->size < sizeof(h)) return false;
  memcpy(&h, l->file, sizeof(h));
  if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
      h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
      h.e_type != ET_REL || h.e_machine != EM_X86_64 ||
      h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shnum == 0 ||
      h.e_shnum > MOST_SECTIONS || h.e_shoff % 8 ||
      !in_file(l, h.e_shoff, (uint64_t)h.e_shnum * sizeof(Elf64_Shdr)))
    return false;
  l->sections = (const void *)(l->file + h.e_shoff);
  l->n_sections = h.e_shnum;
  return true;
}

static bool read_symbols(loader *l) {
  for (uint32_t i = 0; i < l->n_sections; i++) {
    const Elf64_Shdr *s = &l->sections[i];
    if (s->sh_type != SHT_NOBITS && !in_file(l, s->sh_offset, s->sh_size))
      return false;
    if (s->sh_type != SHT_SYMTAB) continue;
    if (l->symbols || s->sh_entsize != sizeof(Elf64_Sym) ||
        s->sh_offset % 8 || s->sh_link >= l->n_sections)
      return false;
    const Elf64_Shdr *names = &l->sections[s->sh_link];
    if (names->sh_type != SHT_STRTAB || !names->sh_size ||
        !in_file(l, names->sh_offset, names->sh_size) ||
        l->file[names->sh_offset + names->sh_size - 1])
      return false;
    l->symbols = (const void *)(l->file + s->sh_offset);
    l->n_symbols = (uint32_t)(s->sh_size / sizeof(Elf64_Sym));
    l->names = l->file + names->sh_offset;
    l->names_size = names->sh_size;
  }
  return l->symbols != NULL;
}

static const char *name_of(const loader *l, const Elf64_Sym *symbol) {
  return symbol->st_name < l->names_size ? l->names + symbol->st_name : "";
}

/* ---- laying out --------------------------------------------------------- */

static bool is_unwind(const loader *l, const Elf64_Shdr *s) {
  (void)l;
  return s->sh_type == SHT_X86_64_UNWIND;
}

/* Which relocation sections apply to what is loaded. */
static bool is_loaded(const loader *l, uint32_t section) {
  return section < l->n_sections && l->at[section] != UINT64_MAX;
}

static bool place_sections(loader *l) {
  uint64_t at = 0;
  for (uint32_t i = 0; i < l->n_sections; i++) {
    const Elf64_Shdr *s = &l->sections[i];
    l->at[i] = UINT64_MAX;
    if (!(s->sh_flags & SHF_ALLOC) || is_unwind(l, s)) continue;
    uint64_t align = s->sh_addralign ? s->sh_addralign : 1;
    /* Data that changes, or thread-local: not for us. */
    if ((s->sh_flags & (SHF_TLS | SHF_WRITE)) || s->sh_type != SHT_PROGBITS ||
        (align & (align - 1)) || align > 4096 || s->sh_size > MOST_BYTES)
      return false;
    at = (at + align - 1) & ~(align - 1);
    l->at[i] = at;
    at += s->sh_size;
    if (at > MOST_BYTES) return false;
  }
  l->table = (at + 15) & ~(uint64_t)15;
  return true;
}

static const Elf64_Rela *relocations(const loader *l, uint32_t section,
                                     uint64_t *count) {
  const Elf64_Shdr *s = &l->sections[section];
  *count = 0;
  if (s->sh_type != SHT_RELA || !is_loaded(l, s->sh_info)) return NULL;
  if (s->sh_entsize != sizeof(Elf64_Rela) || s->sh_offset % 8) return NULL;
  *count = s->sh_size / sizeof(Elf64_Rela);
  return (const void *)(l->file + s->sh_offset);
}

/* Table entries for the symbols that are not in the object. */
static bool give_slots(loader *l) {
  l->slots = calloc(l->n_symbols + 1u, sizeof(*l->slots));
  if (!l->slots) return false;
  for (uint32_t i = 0; i < l->n_sections; i++) {
    uint64_t n;
    const Elf64_Rela *r = relocations(l, i, &n);
    if (l->sections[i].sh_type == SHT_REL) return false;
    for (uint64_t k = 0; k < n; k++) {
      uint64_t symbol = ELF64_R_SYM(r[k].r_info);
      uint64_t type = ELF64_R_TYPE(r[k].r_info);
      if (symbol >= l->n_symbols) return false;
      bool table = type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX ||
                   type == R_X86_64_REX_GOTPCRELX;
      if ((table || l->symbols[symbol].st_shndx == SHN_UNDEF) &&
          !l->slots[symbol])
        l->slots[symbol] = ++l->n_slots;
    }
  }
  l->stubs = l->table + 8u * (uint64_t)l->n_slots;
  l->stubs = (l->stubs + 15) & ~(uint64_t)15;
  l->total = l->stubs + STUB * (uint64_t)l->n_slots;
  return true;
}

/* ---- filling ------------------------------------------------------------ */

static void *runtime_function(const char *name) {
  size_t n;
  const sm_symbol *all = sm_rt_symbols(&n);
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].name, name) == 0) return all[i].address;
  return NULL;
}

/* Address of a symbol of the object or the runtime; 0: unknown. */
static uint64_t address_of(const loader *l, uint64_t index) {
  const Elf64_Sym *s = &l->symbols[index];
  if (s->st_shndx == SHN_UNDEF)
    return (uint64_t)(uintptr_t)runtime_function(name_of(l, s));
  if (!is_loaded(l, s->st_shndx) ||
      s->st_value > l->sections[s->st_shndx].sh_size)
    return 0;
  return (uint64_t)(uintptr_t)(l->base + l->at[s->st_shndx]) + s->st_value;
}

static bool fill_table(loader *l) {
  for (uint32_t i = 0; i < l->n_symbols; i++) {
    if (!l->slots[i]) continue;
    uint32_t slot = l->slots[i] - 1;
    uint64_t address = address_of(l, i);
    if (!address) return false;
    char *entry = l->base + l->table + 8u * (uint64_t)slot;
    unsigned char *stub =
        (unsigned char *)l->base + l->stubs + STUB * (uint64_t)slot;
    memcpy(entry, &address, 8);
    int32_t far = (int32_t)(entry - (char *)(stub + 6));
    stub[0] = 0xff; /* jmp *far(%rip) */
    stub[1] = 0x25;
    memcpy(stub + 2, &far, 4);
  }
  return true;
}

static bool put32(char *where, int64_t value, bool is_signed) {
  if (is_signed ? value != (int32_t)value : value != (int64_t)(uint32_t)value)
    return false;
  uint32_t bits = (uint32_t)value;
  memcpy(where, &bits, 4);
  return true;
}

static bool relocate(loader *l, const Elf64_Shdr *into, uint64_t at,
                     const Elf64_Rela *r) {
  uint64_t type = ELF64_R_TYPE(r->r_info), symbol = ELF64_R_SYM(r->r_info);
  uint64_t bytes = type == R_X86_64_64 || type == R_X86_64_PC64 ? 8 : 4;
  if (r->r_offset > into->sh_size || bytes > into->sh_size - r->r_offset)
    return false;
  char *where = l->base + at + r->r_offset;
  /* Unsigned: a damaged file's sums may wrap, and are refused or harmless. */
  uint64_t here = (uintptr_t)where, add = (uint64_t)r->r_addend;
  uint32_t slot = l->slots[symbol];
  uint64_t target = (uint64_t)address_of(l, symbol);
  if (!target) return false;
  switch (type) {
  case R_X86_64_NONE: return true;
  case R_X86_64_64:
    target += add;
    memcpy(where, &target, 8);
    return true;
  case R_X86_64_PC64:
    target += add - here;
    memcpy(where, &target, 8);
    return true;
  case R_X86_64_PLT32: case R_X86_64_PC32:
    if (slot && l->symbols[symbol].st_shndx == SHN_UNDEF)
      target = (uintptr_t)(l->base + l->stubs) + STUB * (uint64_t)(slot - 1);
    return put32(where, (int64_t)(target + add - here), true);
  case R_X86_64_GOTPCREL: case R_X86_64_GOTPCRELX:
  case R_X86_64_REX_GOTPCRELX:
    target = (uintptr_t)(l->base + l->table) + 8 * (uint64_t)(slot - 1);
    return put32(where, (int64_t)(target + add - here), true);
  default: return false;
  }
}

static bool fill(loader *l) {
  for (uint32_t i = 0; i < l->n_sections; i++)
    if (is_loaded(l, i))
      memcpy(l->base + l->at[i], l->file + l->sections[i].sh_offset,
             l->sections[i].sh_size);
  if (!fill_table(l)) return false;
  for (uint32_t i = 0; i < l->n_sections; i++) {
    uint64_t n;
    const Elf64_Rela *r = relocations(l, i, &n);
    uint32_t into = l->sections[i].sh_info;
    for (uint64_t k = 0; k < n; k++)
      if (!relocate(l, &l->sections[into], l->at[into], &r[k])) return false;
  }
  return true;
}

/* ---- the door ----------------------------------------------------------- */

static void *find(const loader *l, const char *name) {
  for (uint32_t i = 0; i < l->n_symbols; i++)
    if (l->symbols[i].st_shndx != SHN_UNDEF &&
        strcmp(name_of(l, &l->symbols[i]), name) == 0)
      return (void *)(uintptr_t)address_of(l, i);
  return NULL;
}

static bool map_and_fill(loader *l, sm_object_image *image) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  image->size = (l->total + page) & ~(page - 1);
  image->base = mmap(NULL, image->size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image->base == MAP_FAILED) return false;
  l->base = image->base;
  if (fill(l) &&
      mprotect(image->base, image->size, PROT_READ | PROT_EXEC) == 0) {
    image->meta = find(l, "sm_kernel_meta");
    image->line = find(l, "sm_kernel_line");
    image->any = find(l, "sm_kernel_any");
    if (image->meta) return true;
  }
  munmap(image->base, image->size);
  return false;
}

bool sm_object_load(const void *object, size_t size, sm_object_image *image) {
  memset(image, 0, sizeof(*image));
  if ((uintptr_t)object % 8) return false;
  loader l = {.file = object, .size = size};
  bool ok = read_header(&l) && read_symbols(&l) && place_sections(&l) &&
            give_slots(&l) && map_and_fill(&l, image);
  free(l.slots);
  if (!ok) memset(image, 0, sizeof(*image));
  return ok;
}

void sm_object_unload(sm_object_image *image) {
  if (image->base) munmap(image->base, image->size);
  memset(image, 0, sizeof(*image));
}

#else

bool sm_object_load(const void *object, size_t size, sm_object_image *image) {
  (void)object, (void)size, (void)image;
  return false;
}
void sm_object_unload(sm_object_image *image) { (void)image; }

#endif
