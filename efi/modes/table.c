// efi=table, option 4 of 2013: anywhere in the firmware window, with holes of
// random size, by a table that is handed on.

#include "efi/modes/table.h"

#include "efi/firmware.h"
#include "lib/log.h"
#include "mm/layout.h"
#include "mm/random/random.h"

// Adjacent regions stay adjacent, for they may be one driver (as in mode
// fixed).
static status_t place(struct efi_regions *regions) {
    TRY(efi_place_fixed(regions));
    uint64_t state = random_seed | 1, down = 0;
    uint64_t free = regions->region[0].va - firmware->width->window_bottom;
    uint64_t holes = free / LARGE_PAGE / (regions->count + 1);
    for (size_t i = regions->count; i-- > 0;) {
        struct efi_region *region = &regions->region[i], *above = region + 1;
        bool touches = i + 1 < regions->count &&
                       region->pa + region_bytes(region) == above->pa;
        if (!touches && holes > 0)
            down += random_next(&state) % holes * LARGE_PAGE;
        region->va -= down;
    }
    say("efi: seed=%lu gives the same addresses again", random_seed);
    return STATUS_OK;
}

static bool overlap_by_va(const struct efi_region *a,
                          const struct efi_region *b) {
    return a->va < b->va + region_bytes(b) && b->va < a->va + region_bytes(a);
}

status_t efi_regions_check_va(const struct efi_regions *regions) {
    const struct efi_region *end = regions->region + regions->count;
    for (const struct efi_region *a = regions->region; a < end; a++)
        for (const struct efi_region *b = a + 1; b < end; b++)
            if (overlap_by_va(a, b))
                return fail(STATUS_INVALID,
                            "runtime regions overlap: %lu pages of pa %#lx at "
                            "va %#lx, and %lu of pa %#lx at va %#lx",
                            a->pages, a->pa, a->va, b->pages, b->pa, b->va);
    return STATUS_OK;
}

// Addresses that no rule yields have to be where this kernel maps nothing, and
// disjoint. They need not ascend with the physical ones: Linux
// places regions in the order of the firmware's map.
static status_t adopt(const struct efi_mode *mode,
                      struct efi_regions *regions) {
    const va_t bottom = firmware->width->window_bottom;
    const va_t top = firmware->width->window_top;
    (void)mode;
    for (size_t i = 0; i < regions->count; i++) {
        const struct efi_region *region = &regions->region[i];
        if (!region_is_within(region, bottom, top))
            return fail(STATUS_REFUSED,
                        "region at %#lx was handed over at va %#lx to %#lx, "
                        "outside the firmware window (%#lx to %#lx)",
                        region->pa, region->va,
                        region->va + region_bytes(region), bottom, top);
    }
    return efi_regions_check_va(regions);
}

ROW(modes, 6_table) = {.name = "table",
                       .proposal = "option 4 of 2013: anywhere, by an "
                                   "exported table",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .hands_on = true,
                       .place = place,
                       .adopt = adopt};
