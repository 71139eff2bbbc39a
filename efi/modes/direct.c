// efi=direct, option 3 of 2013: in the direct map, __va(pa). No address has to
// be handed on, as long as the next kernel's direct map is where ours is.

#include "efi/mode.h"
#include "mm/layout.h"
#include "mm/space.h"

static status_t place(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i];
        region->va = direct_map_base + region->pa;
        if (region->pa + region_bytes(region) >
            DIRECT_MAP_END - direct_map_base)
            return fail(STATUS_REFUSED,
                        "efi: %lu pages at %#lx do not fit into the direct map "
                        "at %#lx, which ends at %#lx",
                        region->pages, region->pa, direct_map_base,
                        (va_t)DIRECT_MAP_END);
    }
    return STATUS_OK;
}

ROW(modes, 5_direct) = {.name = "direct",
                        .proposal = "option 3 of 2013: in the direct map, "
                                    "MMIO too",
                        .table = PAGE_TABLE_KERNEL,
                        .calls_svam = true,
                        .hands_on = true,
                        .place = place,
                        .adopt = efi_adopt_by_rule};
