// efi=compact and efi=packed, two more policies of VMware's loader for ESXi:
// regions one after the other, from the start of the window. They need less
// address space than efi=contiguous, because distances are given up: compact
// keeps those inside which one driver may be, packed keeps none.

#include "efi/firmware.h"
#include "mm/layout.h"

// A driver reaches its own sections by 32-bit distances.
#define REACH (4 * GIB)

// REFUSED: the region does not fit between `va` and the end of the window.
static status_t put(struct efi_region *region, va_t va) {
    const va_t end = firmware->width->run_top;
    if (va > end || region_bytes(region) > end - va)
        return fail(STATUS_REFUSED,
                    "efi: %lu pages at %#lx do not fit between %#lx and the "
                    "end of the window, %#lx",
                    region->pages, region->pa, va, end);
    region->va = va;
    return STATUS_OK;
}

// ---- compact

static bool is_of_driver(const struct efi_region *region) {
    return region->type == EFI_RUNTIME_SERVICES_CODE ||
           region->type == EFI_RUNTIME_SERVICES_DATA;
}

static va_t congruent_from(va_t va, pa_t pa) {
    return va + ((pa - va) & (LARGE_PAGE - 1));
}

// The places equal the physical ones modulo 2 MiB, so that large pages fit, and
// Linux keeps them.
static status_t place_compact(struct efi_regions *regions) {
    va_t next = firmware->width->run_bottom;
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i], *before = region - 1;
        bool is_near = i > 0 && is_of_driver(before) && is_of_driver(region) &&
                       region->pa - before->pa < REACH;
        TRY(put(region, is_near ? before->va + (region->pa - before->pa)
                                : congruent_from(next, region->pa)));
        next = region->va + region_bytes(region);
    }
    return STATUS_OK;
}

ROW(modes, 52_compact) = {.name = "compact",
                          .proposal = "ESXi's third policy: distances are kept "
                                      "inside drivers only",
                          .table = PAGE_TABLE_KERNEL,
                          .calls_svam = true,
                          .hands_on = true,
                          .place = place_compact,
                          .adopt = efi_adopt_by_rule};

// ---- packed

// In the order of the firmware's map, which need not be ascending.
static status_t place_packed(struct efi_regions *regions) {
    va_t next = firmware->width->run_bottom;
    for (size_t listed = 0; listed < regions->count; listed++)
        for (size_t i = 0; i < regions->count; i++) {
            struct efi_region *region = &regions->region[i];
            if (region->listed != listed)
                continue;
            TRY(put(region, next));
            next += region_bytes(region);
        }
    return STATUS_OK;
}

ROW(modes, 53_packed) = {.name = "packed",
                         .proposal = "ESXi's last policy: no distance is kept",
                         .table = PAGE_TABLE_KERNEL,
                         .calls_svam = true,
                         .hands_on = true,
                         .place = place_packed,
                         .adopt = efi_adopt_by_rule};
