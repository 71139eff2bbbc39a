// efi=offset, the first policy of VMware's loader for ESXi: one constant is
// added to every physical address, whether a descriptor names it or not. So
// every distance is kept, also to memory that the firmware uses without having
// announced it. The constant is a multiple of 512 GiB, what one top-level entry
// of a page table spans: below it, the tables look like those for VA = PA.

#include "efi/mode.h"
#include "efi/policies/policies.h"

#define TOP_STEP (512 * GIB) // what an entry of the fourth level spans

_Static_assert(OFFSET_BASE % TOP_STEP == 0,
               "the index in all lower tables is kept");

status_t efi_place_offset(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i];
        if (region->pa + region_bytes(region) > OFFSET_SPAN)
            return fail(STATUS_REFUSED,
                        "efi: %lu pages at %#lx: mode offset has addresses for "
                        "memory below %#lx only",
                        region->pages, region->pa, OFFSET_SPAN);
        region->va = OFFSET_BASE + region->pa;
    }
    return STATUS_OK;
}

ROW(modes, 51_offset) = {.name = "offset",
                         .proposal = "ESXi's first policy: a constant and PA, "
                                     "for unlisted memory too",
                         .table = PAGE_TABLE_KERNEL,
                         .calls_svam = true,
                         .hands_on = true,
                         .place = efi_place_offset,
                         .adopt = efi_adopt_by_rule};
