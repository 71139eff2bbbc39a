// Lab 8, step 3.

static uint64_t rights_to(const struct efi_region *region, pa_t page_pa) {
    (void)region, (void)page_pa;
    return 0;
}

status_t efi_grant(pa_t table_pa, va_t va, bool execute) {
    uint64_t flags = rights_to(efi_space_region(va), align_down(va, PAGE_SIZE));
    return fail(STATUS_UNSUPPORTED,
                "lab 8, step 3: efi_grant() grants no page yet, not at %#lx in "
                "the table at %#lx (flags %#lx, execute %d, boot-services "
                "memory free %d)",
                va, table_pa, flags, execute, boot_services_free);
}
