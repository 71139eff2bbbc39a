// Old and new at once: while SetVirtualAddressMap runs, the firmware finds its
// regions at their physical and at their virtual addresses. The specification
// promises only the first (UEFI 2.10 §8.4), but drivers are known that use an
// address right after they have converted it. Where a new address is the old
// one of something else, the old one stays.
//
// Nothing has to be undone: the table is replaced after the call.

#include "efi/firmware.h"
#include "efi/open.h"
#include "efi/space.h"
#include "lib/log.h"

struct pages {
    uint64_t mapped, taken;
};

static status_t map_new(const struct efi_region *region, struct pages *count) {
    uint64_t flags = efi_space_rights(region);
    for (uint64_t at = 0; at < region_bytes(region); at += PAGE_SIZE) {
        pa_t pa = region->pa + at, there;
        bool is_taken =
            page_table_translate(&firmware_table, region->va + at, &there);
        if (!is_taken)
            TRY(page_table_map(&firmware_table, region->va + at, pa, PAGE_SIZE,
                               flags));
        *(is_taken && there != pa ? &count->taken : &count->mapped) += 1;
    }
    return STATUS_OK;
}

static status_t map_both(struct boot_info *boot) {
    struct pages count = {0};
    (void)boot;
    for (size_t i = 0; i < firmware->regions.count; i++)
        TRY(map_new(&firmware->regions.region[i], &count));
    event("efi.both", "pages=%lu taken=%lu", count.mapped, count.taken);
    return STATUS_OK;
}

ROW(openings, 60_both) = {OPENING_SVAM, map_both};
