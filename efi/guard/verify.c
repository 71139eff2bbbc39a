// Walks every page of every region where the mode's calls will find it: does it
// lead to the right frame? Then logs the regions.

#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "efi/open.h"
#include "lib/log.h"

static status_t verify_region(const struct page_table *table,
                              const struct efi_region *region) {
    for (uint64_t offset = 0; offset < region_bytes(region);
         offset += PAGE_SIZE) {
        va_t va = region->va + offset;
        pa_t wanted_pa = region->pa + offset, pa;
        if (!page_table_translate(table, va, &pa))
            return fail(STATUS_FAILED,
                        "efi: va %#lx is not mapped; pa %#lx belongs there", va,
                        wanted_pa);
        if (pa != wanted_pa)
            return fail(STATUS_FAILED,
                        "efi: va %#lx leads to pa %#lx, not to %#lx", va, pa,
                        wanted_pa);
    }
    return STATUS_OK;
}

status_t efi_verify(void) {
    for (size_t i = 0; i < firmware->regions.count; i++)
        TRY(verify_region(efi_space_of_mode(), &firmware->regions.region[i]));
    return STATUS_OK;
}

static status_t verify(struct boot_info *boot) {
    (void)boot;
    return efi_verify();
}

ROW(openings, 70_verify) = {OPENING_MAPPED, verify};

static status_t report(struct boot_info *boot) {
    (void)boot;
    for (size_t i = 0; i < firmware->regions.count; i++) {
        const struct efi_region *r = &firmware->regions.region[i];
        event("efi.region", "n=%zu type=%s pa=%#lx va=%#lx pages=%lu attr=%#lx",
              i, efi_memory_type_name(r->type), r->pa, r->va, r->pages,
              r->attribute);
    }
    return STATUS_OK;
}

ROW(openings, 95_regions) = {OPENING_MAPPED, report};
