// All pages that a table maps, one after another.

#pragma once

#include "mm/page_table.h"

// One page, as found.
struct leaf {
    va_t va;        // where it starts
    unsigned level; // 1, 2, 3: 4 KiB, 2 MiB, 1 GiB
    uint64_t entry;
    uint64_t *at; // where that is; the TLB does not know of changes
};

static inline pa_t leaf_pa(const struct leaf *leaf) {
    return page_pa(leaf->entry, leaf->level);
}

static inline bool leaf_is_wx(const struct leaf *leaf) {
    return (leaf->entry & PTE_WRITE) && !(leaf->entry & PTE_NX);
}

// Calls `visit` for each leaf from the lowest address up, as long as it returns
// true.
void page_table_each(const struct page_table *table,
                     bool (*visit)(const struct leaf *leaf, void *context),
                     void *context);
