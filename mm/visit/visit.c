// A table and the tables below it, depth first.

#include "mm/visit/visit.h"

static bool each(const struct page_table *table, pa_t at_pa, unsigned level,
                 va_t base, bool (*visit)(const struct leaf *, void *),
                 void *context) {
    uint64_t *entries = table->frames->table_at(at_pa);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        va_t va = sign_extended(base + i * level_bytes(level), table->levels);
        struct leaf leaf = {va, level, entries[i], &entries[i]};
        if (!(leaf.entry & PTE_PRESENT))
            continue;
        bool go_on = page_is_leaf(leaf.entry, level)
                         ? visit(&leaf, context)
                         : each(table, leaf.entry & PTE_ADDRESS, level - 1, va,
                                visit, context);
        if (!go_on)
            return false;
    }
    return true;
}

void page_table_each(const struct page_table *table,
                     bool (*visit)(const struct leaf *leaf, void *context),
                     void *context) {
    each(table, table->root_pa, table->levels, 0, visit, context);
}
