// Maps the firmware: see the header.

#include "efi/space.h"

#include "efi/services.h"
#include "mm/space.h"

struct page_table firmware_table;

// A code region may contain code and data: images of drivers, which the loader
// does not split (UEFI 2.10 §2.3.4).
uint64_t efi_space_rights(const struct efi_region *region) {
    bool is_code = region->type == EFI_RUNTIME_SERVICES_CODE;
    uint64_t flags = is_code ? MAP_ANY : MAP_WRITE;
    return region->attribute & EFI_MEMORY_WB ? flags : flags | MAP_UNCACHED;
}

// With efi=direct the pages are mapped already, read-only.
static status_t map_region(struct page_table *table, va_t va,
                           const struct efi_region *region) {
    uint64_t flags = efi_space_rights(region);
    pa_t pa;
    if (page_table_translate(table, va, &pa) && pa == region->pa)
        return page_table_protect(table, va, region_bytes(region), flags);
    return page_table_map(table, va, region->pa, region_bytes(region), flags);
}

static status_t map_regions(struct page_table *table, bool at_va) {
    for (size_t i = 0; i < firmware->regions.count; i++) {
        const struct efi_region *r = &firmware->regions.region[i];
        TRY(map_region(table, at_va ? r->va : r->pa, r));
    }
    return STATUS_OK;
}

status_t efi_space_build(void) {
    struct page_table *table = &firmware_table;
    TRY(space_clone(table));
    TRY(map_regions(table, false));
    return efi_services_map(table);
}

void efi_space_drop(void) {
    page_table_free(&firmware_table);
}

status_t efi_space_map_kernel(void) {
    return map_regions(&kernel_table, true);
}
