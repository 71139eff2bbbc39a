// efi=naive, what Linux did before 2013: the firmware is mapped anywhere, and
// its addresses are not handed on. The next kernel refuses to call it.

#include "efi/mode.h"
#include "mm/layout.h"

// What ioremap() did: the next free piece of the kernel's own address space, in
// the order of the calls. Nothing of it can be found again by a later kernel.
static status_t place_naive(struct efi_regions *regions) {
    va_t va = VMAP_NAIVE;
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i];
        if (region_bytes(region) + PAGE_SIZE > VMAP_END - va)
            return fail(
                STATUS_REFUSED,
                "efi: no space for %lu pages in the kernel's address space",
                region->pages);
        region->va = va;
        va += region_bytes(region) + PAGE_SIZE;
    }
    return STATUS_OK;
}

static status_t refuse_naive(const struct efi_mode *mode,
                             struct efi_regions *regions,
                             const struct handoff *handoff) {
    (void)regions, (void)handoff;
    return fail(STATUS_REFUSED,
                "SetVirtualAddressMap was called in mode %s, which hands on no "
                "virtual addresses: the firmware's addresses are unknown",
                mode->name);
}

ROW(modes, 7_naive) = {.name = "naive",
                       .proposal = "Linux before 2013: anywhere, not handed on",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .place = place_naive,
                       .adopt = refuse_naive};
