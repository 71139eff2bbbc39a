// Page tables: four levels of 512 entries, or five (SDM vol. 3 §4.5).
//
//   63    57 56    48 47    39 38    30 29    21 20    12 11         0
//  ┌────────┬────────┬────────┬────────┬────────┬────────┬────────────┐
//  │ sign   │ PML5   │ PML4   │ PDPT   │ PD     │ PT     │ in page    │
//  └────────┴────────┴────────┴────────┴────────┴────────┴────────────┘
//   level        5        4        3        2        1
//
// An entry of level 1 is always a leaf; of level 2 and 3 it is one (2 MiB, 1
// GiB) if PTE_LARGE is set. One loop descends (in page_table.c), and all that
// is done to tables is done through it. The code knows neither where frames
// come from nor how a table is reached: `struct frame_source` does, so the same
// code runs in the kernel and, over an array, in the tests on the host.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

#define PTE_PRESENT  (1UL << 0)
#define PTE_WRITE    (1UL << 1)
#define PTE_PWT      (1UL << 3)
#define PTE_PCD      (1UL << 4)
#define PTE_ACCESSED (1UL << 5)
#define PTE_DIRTY    (1UL << 6)
#define PTE_LARGE    (1UL << 7)
#define PTE_NX       (1UL << 63)
#define PTE_ADDRESS  0x000ffffffffff000UL

// What a mapping may be used for. Pages are the kernel's, never user pages; for
// the firmware too (UEFI knows no user mode, and SMEP would trap it).
#define MAP_NONE     0
#define MAP_READ     (PTE_PRESENT | PTE_NX)
#define MAP_WRITE    (PTE_PRESENT | PTE_NX | PTE_WRITE)
#define MAP_EXEC     PTE_PRESENT
#define MAP_ANY      (PTE_PRESENT | PTE_WRITE) // writable code: firmware only
#define MAP_UNCACHED (PTE_PCD | PTE_PWT)       // or-ed in: entry 3 of the PAT
#define MAP_FLAGS    (PTE_PRESENT | PTE_WRITE | PTE_PWT | PTE_PCD | PTE_NX)

#define LEVELS_MAX    5
#define TABLE_ENTRIES 512
#define LARGEST_LEAF  3 // 1 GiB pages, where the CPU has them

struct frame_source {
    pa_t (*alloc)(void); // a zeroed frame; 0: none left
    void (*release)(pa_t pa, uint64_t frames);
    uint64_t *(*table_at)(pa_t table_pa);
};

struct page_table {
    pa_t root_pa;
    unsigned levels;   // 4 or 5
    unsigned leaf_max; // the highest level at which a leaf may be made
    const struct frame_source *frames;
    unsigned own; // entries of the root: the tables behind others are shared
};

// The path to an address: one entry per level, from the top.
struct page_walk {
    va_t va;
    unsigned count; // entries seen
    struct {
        unsigned level, index;
        uint64_t entry;
    } step[LEVELS_MAX];
    bool mapped;
    pa_t pa;          // of `va` itself, if mapped
    unsigned level;   // of the last step
    bool write, exec; // by all levels together
};

static inline uint64_t level_bytes(unsigned level) {
    return PAGE_SIZE << (9 * (level - 1));
}

// Does an entry of `level` map a page, rather than point to a table?
static inline bool page_is_leaf(uint64_t entry, unsigned level) {
    return level == 1 || (level <= LARGEST_LEAF && (entry & PTE_LARGE));
}

// The physical address of the page that such an entry maps.
static inline pa_t page_pa(uint64_t entry, unsigned level) {
    return entry & PTE_ADDRESS & ~(level_bytes(level) - 1);
}

// The bits above those that `levels` tables translate repeat the highest one.
static inline va_t sign_extended(va_t va, unsigned levels) {
    unsigned shift = 64 - (12 + 9 * levels);
    return (va_t)((int64_t)(va << shift) >> shift);
}

static inline bool is_canonical(va_t va, unsigned levels) {
    return sign_extended(va, levels) == va;
}

// An empty table, which shares nothing. NO_MEMORY.
status_t page_table_init(struct page_table *table, unsigned levels,
                         unsigned leaf_max, const struct frame_source *frames);

// Maps `bytes` bytes of `va` to `pa` with MAP_ flags, in the largest pages that
// fit. All three are multiples of 4 KiB (INVALID). REFUSED where something is
// mapped already: the reason names both. What was mapped up to there stays.
status_t page_table_map(struct page_table *table, va_t va, pa_t pa,
                        uint64_t bytes, uint64_t flags);

// Gives [va, va + bytes) other flags, splitting pages at its ends. NOT_FOUND at
// the first address that is not mapped; what came before has changed.
status_t page_table_protect(struct page_table *table, va_t va, uint64_t bytes,
                            uint64_t flags);

// Descends to `va` and records every step, mapped or not.
void page_table_walk(const struct page_table *table, va_t va,
                     struct page_walk *walk);

// The physical address behind `va`; false if there is none.
bool page_table_translate(const struct page_table *table, va_t va, pa_t *pa);

// Gives back the root, and the tables that are not shared with other ones.
void page_table_free(struct page_table *table);
