// Reading and changing page tables. slot() below is the one loop that descends;
// mapping, protecting and splitting are what is done with the entry it finds.

#include "mm/page_table.h"

static unsigned index_at(va_t va, unsigned level) {
    return va >> (12 + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

// Puts a table in the place of an entry: an empty one, or where that was a
// large leaf, one of 512 smaller ones. PTE_LARGE is the PAT bit in an entry of
// level 1, where it has to be cleared. An entry that points to a table
// allows everything: the leaf alone decides.
static status_t add_table(struct page_table *table, uint64_t *entry,
                          unsigned level) {
    pa_t child_pa = table->frames->alloc();
    if (child_pa == 0)
        return fail(STATUS_NO_MEMORY,
                    "page table: no frame for a table in place of %#lx",
                    *entry);
    uint64_t *child = table->frames->table_at(child_pa);
    uint64_t first = level == 2 ? *entry & ~PTE_LARGE : *entry;
    if (*entry & PTE_PRESENT)
        for (unsigned i = 0; i < TABLE_ENTRIES; i++)
            child[i] = first + i * level_bytes(level - 1);
    *entry = child_pa | PTE_PRESENT | PTE_WRITE;
    return STATUS_OK;
}

// The entry of `level` for `va`. Tables on the way are made where missing and
// large leaves split: after it, changing the entry changes just its own range.
static status_t slot(struct page_table *table, va_t va, unsigned level,
                     uint64_t **found) {
    pa_t at_pa = table->root_pa;
    for (unsigned l = table->levels; l > level; l--) {
        uint64_t *entry = &table->frames->table_at(at_pa)[index_at(va, l)];
        if (!(*entry & PTE_PRESENT) || page_is_leaf(*entry, l))
            TRY(add_table(table, entry, l));
        at_pa = *entry & PTE_ADDRESS;
    }
    *found = &table->frames->table_at(at_pa)[index_at(va, level)];
    return STATUS_OK;
}

// The highest level, up to `highest`, whose pages start at all of `bits` (an
// or of addresses) and are not larger than `bytes`.
static unsigned fitting_level(uint64_t bits, uint64_t bytes, unsigned highest) {
    unsigned level = highest;
    while (level > 1 && (!is_aligned(bits, level_bytes(level)) ||
                         bytes < level_bytes(level)))
        level--;
    return level;
}

static status_t check_range(const struct page_table *table, va_t va, pa_t pa,
                            uint64_t bytes) {
    if (!is_aligned(va | pa | bytes, PAGE_SIZE))
        return fail(STATUS_INVALID,
                    "page table: va %#lx, pa %#lx or %#lx bytes are not "
                    "multiples of 4 KiB",
                    va, pa, bytes);
    uint64_t last = bytes - (bytes != 0);
    if (!range_fits(va, last) || !range_fits(pa, last) ||
        !is_canonical(va, table->levels) ||
        !is_canonical(va + last, table->levels) ||
        (pa + last) & ~(PTE_ADDRESS | (PAGE_SIZE - 1)))
        return fail(STATUS_INVALID,
                    "page table: %#lx bytes at va %#lx, pa %#lx leave the "
                    "address space",
                    bytes, va, pa);
    return STATUS_OK;
}

status_t page_table_init(struct page_table *table, unsigned levels,
                         unsigned leaf_max, const struct frame_source *frames) {
    *table = (struct page_table){frames->alloc(), levels, leaf_max, frames,
                                 TABLE_ENTRIES};
    if (table->root_pa == 0)
        return fail(STATUS_NO_MEMORY, "page table: no frame for the root");
    return STATUS_OK;
}

// Neighbours in one table are filled without a descent for each: larger pages
// than the first one's begin where the next table does.
status_t page_table_map(struct page_table *table, va_t va, pa_t pa,
                        uint64_t bytes, uint64_t flags) {
    TRY(check_range(table, va, pa, bytes));
    while (bytes > 0) {
        unsigned level = fitting_level(va | pa, bytes, table->leaf_max);
        unsigned index = index_at(va, level);
        uint64_t *entry, step = level_bytes(level);
        TRY(slot(table, va, level, &entry));
        do {
            if (*entry & PTE_PRESENT)
                return fail(STATUS_REFUSED,
                            "page table: va %#lx (for pa %#lx) is mapped "
                            "already: entry %#lx",
                            va, pa, *entry);
            *entry++ = pa | flags | (level > 1 ? PTE_LARGE : 0);
            va += step;
            pa += step;
            bytes -= step;
        } while (++index < TABLE_ENTRIES && bytes >= step);
    }
    return STATUS_OK;
}

status_t page_table_protect(struct page_table *table, va_t va, uint64_t bytes,
                            uint64_t flags) {
    TRY(check_range(table, va, 0, bytes));
    while (bytes > 0) {
        struct page_walk walk;
        page_table_walk(table, va, &walk);
        if (!walk.mapped)
            return fail(STATUS_NOT_FOUND, "page table: va %#lx is not mapped",
                        va);
        unsigned level =
            fitting_level(va, bytes, min_u64(walk.level, table->leaf_max));
        uint64_t *entry;
        TRY(slot(table, va, level, &entry));
        *entry = (*entry & ~MAP_FLAGS) | flags;
        va += level_bytes(level);
        bytes -= level_bytes(level);
    }
    return STATUS_OK;
}

void page_table_walk(const struct page_table *table, va_t va,
                     struct page_walk *walk) {
    *walk = (struct page_walk){.va = va, .write = true, .exec = true};
    if (!is_canonical(va, table->levels))
        return;
    pa_t at_pa = table->root_pa;
    for (unsigned level = table->levels; level >= 1; level--) {
        unsigned index = index_at(va, level);
        uint64_t entry = table->frames->table_at(at_pa)[index];
        walk->level = walk->step[walk->count].level = level;
        walk->step[walk->count].index = index;
        walk->step[walk->count++].entry = entry;
        if (!(entry & PTE_PRESENT))
            return;
        walk->write &= (entry & PTE_WRITE) != 0;
        walk->exec &= (entry & PTE_NX) == 0;
        if (page_is_leaf(entry, level)) {
            walk->mapped = true;
            walk->pa = page_pa(entry, level) + (va & (level_bytes(level) - 1));
            return;
        }
        at_pa = entry & PTE_ADDRESS;
    }
}

bool page_table_translate(const struct page_table *table, va_t va, pa_t *pa) {
    struct page_walk walk;
    page_table_walk(table, va, &walk);
    *pa = walk.pa;
    return walk.mapped;
}

static void free_tables(struct page_table *table, pa_t at_pa, unsigned level,
                        unsigned entries) {
    const uint64_t *entry = table->frames->table_at(at_pa);
    for (unsigned i = 0; i < entries; i++)
        if ((entry[i] & PTE_PRESENT) && !page_is_leaf(entry[i], level))
            free_tables(table, entry[i] & PTE_ADDRESS, level - 1,
                        TABLE_ENTRIES);
    table->frames->release(at_pa, 1);
}

void page_table_free(struct page_table *table) {
    free_tables(table, table->root_pa, table->levels, table->own);
    table->root_pa = 0;
}
