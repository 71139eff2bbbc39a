// Lab 3: what you start from. Each function takes the place of its namesake.

// Puts a table in the place of an entry: an empty one, or where that was a
// large leaf, one of 512 smaller ones that map the same with the same rights.
static status_t add_table(struct page_table *table, uint64_t *entry,
                          unsigned level) {
    if (*entry & PTE_PRESENT)
        return fail(STATUS_UNSUPPORTED,
                    "lab 3, step 3: add_table() does not split the leaf %#lx "
                    "of level %u yet",
                    *entry, level);
    pa_t child_pa = table->frames->alloc();
    if (child_pa == 0)
        return fail(STATUS_NO_MEMORY, "page table: no frame for a table");
    *entry = child_pa | PTE_PRESENT | PTE_WRITE;
    return STATUS_OK;
}

// Steps 1 and 2: every page is of 4 KiB, and may be read, written, executed.
status_t page_table_map(struct page_table *table, va_t va, pa_t pa,
                        uint64_t bytes, uint64_t flags) {
    TRY(check_range(table, va, pa, bytes));
    (void)flags;
    while (bytes > 0) {
        uint64_t *entry;
        TRY(slot(table, va, 1, &entry));
        // The neighbours in the same table, without a descent for each.
        for (unsigned i = index_at(va, 1); i < TABLE_ENTRIES && bytes; i++) {
            *entry++ = pa | MAP_ANY;
            va += PAGE_SIZE;
            pa += PAGE_SIZE;
            bytes -= PAGE_SIZE;
        }
    }
    return STATUS_OK;
}

status_t page_table_protect(struct page_table *table, va_t va, uint64_t bytes,
                            uint64_t flags) {
    TRY(check_range(table, va, 0, bytes));
    return fail(STATUS_UNSUPPORTED,
                "lab 3, step 4: page_table_protect() is not written yet (%#lx "
                "bytes at %#lx, flags %#lx)",
                bytes, va, flags);
}
