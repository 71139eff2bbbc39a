// The modes, and the rules by which they place the firmware's regions.

#include "efi/mode.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/layout.h"

#define LARGE_PAGE (2 * MIB)

static const struct efi_mode modes[] = {
    {"physical", "Takao Indoh, 2010: never leave physical mode", TABLE_PRIVATE,
     false, false, efi_place_identity},
    {"identity", "option 1 of 2013: virtual mode, at VA = PA", TABLE_PRIVATE,
     true, true, efi_place_identity},
    {"fixed", "option 2 of 2013, by the rule that Linux settled on",
     TABLE_KERNEL, true, true, efi_place_fixed},
    {"naive", "Linux before 2013: anywhere, and nobody is told", TABLE_KERNEL,
     true, false, efi_place_naive},
};

const struct efi_mode *efi_mode_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (str_equal(modes[i].name, name))
            return &modes[i];
    return NULL;
}

const char *efi_mode_names(void) {
    static char names[128];
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        used += format(names + used, sizeof(names) - used, "%s%s",
                       i ? ", " : "", modes[i].name);
    return names;
}

const char *efi_svam_name(enum efi_svam svam) {
    static const char *const names[] = {"never", "called", "inherited",
                                        "refused"};
    return svam < ARRAY_SIZE(names) ? names[svam] : "?";
}

status_t efi_place_identity(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va = regions->region[i].pa;
    return STATUS_OK;
}

// Linux's rule (arch/x86/platform/efi/efi_64.c since 2013): down from -4 GiB,
// the map walked backwards, so that regions keep their order and what belongs
// together stays at its distance (UEFI 2.5 splits one driver over several
// regions that refer to each other); and VA = PA modulo 2 MiB, so that large
// pages fit.
status_t efi_place_fixed(struct efi_regions *regions) {
    va_t va = EFI_WINDOW_START;
    for (size_t i = regions->count; i-- > 0;) {
        struct efi_region *region = &regions->region[i];
        if (region_bytes(region) + LARGE_PAGE > va - EFI_WINDOW_END)
            return fail(STATUS_REFUSED,
                        "efi: %lu pages at %#lx do not fit into the window "
                        "that ends at %#lx",
                        region->pages, region->pa, (va_t)EFI_WINDOW_END);
        va_t below = va - region_bytes(region);
        va = align_down(below, LARGE_PAGE) + (region->pa & (LARGE_PAGE - 1));
        if (va > below)
            va -= LARGE_PAGE;
        region->va = va;
    }
    return STATUS_OK;
}

// What ioremap() did: the next free piece of the kernel's own address space, in
// the order of the calls. Nothing of it can be found again by a later kernel.
status_t efi_place_naive(struct efi_regions *regions) {
    va_t va = VMAP_NAIVE;
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i];
        if (region_bytes(region) + PAGE_SIZE > VMAP_END - va)
            return fail(
                STATUS_REFUSED,
                "efi: no room for %lu pages in the kernel's address space",
                region->pages);
        region->va = va;
        va += region_bytes(region) + PAGE_SIZE;
    }
    return STATUS_OK;
}
