// Puts a large leaf in the place of a table whose 512 entries are what
// splitting it would make. The caller drops old translations, as after a split.
static status_t merge(struct page_table *table, va_t va) {
    struct page_walk walk;
    uint64_t *entry, seen = PTE_ACCESSED | PTE_DIRTY;
    page_table_walk(table, va, &walk);
    if (!walk.mapped || walk.level != 1 || table->leaf_max < 2)
        return STATUS_OK;
    TRY(slot(table, va, 2, &entry));
    pa_t child_pa = *entry & PTE_ADDRESS;
    const uint64_t *child = table->frames->table_at(child_pa);
    uint64_t first = child[0] & ~seen;
    if (!is_aligned(first & PTE_ADDRESS, level_bytes(2)))
        return STATUS_OK;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        if ((child[i] & ~seen) != first + i * PAGE_SIZE)
            return STATUS_OK;
    *entry = first | PTE_LARGE;
    table->frames->release(child_pa, 1);
    return STATUS_OK;
}

status_t page_table_protect(struct page_table *table, va_t va, uint64_t bytes,
                            uint64_t flags) {
    TRY(check_range(table, va, 0, bytes));
    va_t start = va, end = va + bytes;
    while (va < end) {
        struct page_walk walk;
        page_table_walk(table, va, &walk);
        if (!walk.mapped)
            return fail(STATUS_NOT_FOUND, "page table: va %#lx is not mapped",
                        va);
        unsigned level =
            fitting_level(va, end - va, min_u64(walk.level, table->leaf_max));
        uint64_t *entry;
        TRY(slot(table, va, level, &entry));
        *entry = (*entry & ~MAP_FLAGS) | flags;
        va += level_bytes(level);
    }
    for (va_t at = align_down(start, level_bytes(2)); at < end;
         at += level_bytes(2))
        TRY(merge(table, at));
    return STATUS_OK;
}
