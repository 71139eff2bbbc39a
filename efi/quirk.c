// Walks the table of quirks: see the header.

#include "efi/quirk.h"

#include "efi/tables.h"
#include "lib/log.h"
#include "lib/string.h"

bool efi_tolerates(const char *name) {
    static uint64_t logged; // bit n for row n
    FOR_EACH_ROW(quirks, quirk) {
        uint64_t bit = 1UL << (quirk - quirks_start);
        if (!str_equal(quirk->name, name))
            continue;
        if (!(logged & bit))
            event("efi.quirk",
                  "name=%s does=\"%s\" remedy=\"%s\" source=\"%s\"",
                  quirk->name, quirk->does, quirk->remedy, quirk->source);
        logged |= bit;
        return true;
    }
    return false;
}

status_t efi_quirks_keep(const struct boot_efi *efi, memory_reader read,
                         struct memory_map *memory) {
    const struct efi_system_table *system =
        read(efi->system_table_pa, sizeof(*system));
    char vendor[EFI_VENDOR_BYTES];
    if (!system || !is_aligned((va_t)system, 8))
        return STATUS_OK;
    efi_vendor_name(system->firmware_vendor, read, vendor);
    FOR_EACH_ROW(quirks, quirk)
        if (quirk->keep)
            TRY(quirk->keep(vendor, memory));
    return STATUS_OK;
}

status_t efi_quirks_map(struct page_table *table,
                        const struct memory_map *memory) {
    FOR_EACH_ROW(quirks, quirk)
        if (quirk->map)
            TRY(quirk->map(table, memory));
    return STATUS_OK;
}

status_t efi_quirks_check(pa_t vendor_pa, memory_reader read) {
    char vendor[EFI_VENDOR_BYTES];
    efi_vendor_name(vendor_pa, read, vendor);
    FOR_EACH_ROW(quirks, quirk)
        if (quirk->check)
            TRY(quirk->check(vendor));
    return STATUS_OK;
}
