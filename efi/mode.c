// Four modes, with the rules by which they place the firmware's regions, and
// queries about all modes.

#include "efi/mode.h"

#include "efi/firmware.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/layout.h"

const struct efi_mode *efi_mode_find(const char *name) {
    FOR_EACH_ROW(modes, mode)
        if (str_equal(mode->name, name))
            return mode;
    return NULL;
}

const char *efi_mode_names(void) {
    static char names[128];
    *names = '\0';
    FOR_EACH_ROW(modes, mode)
        append(names, sizeof(names), "%s%s", *names ? ", " : "", mode->name);
    return names;
}

const char *efi_svam_name(enum efi_svam svam) {
    static const char *const names[] = {"never", "called", "inherited",
                                        "refused"};
    return svam < ARRAY_SIZE(names) ? names[svam] : "?";
}

status_t efi_adopt_by_rule(const struct efi_mode *mode,
                           struct efi_regions *regions) {
    static struct efi_regions given;
    given = *regions;
    TRY(mode->place(regions));
    for (size_t i = 0; i < given.count; i++) {
        const struct efi_region *region = &regions->region[i];
        if (region->va != given.region[i].va)
            return fail(STATUS_REFUSED,
                        "region at %#lx was handed over at va %#lx, but mode "
                        "%s puts it at %#lx",
                        region->pa, given.region[i].va, mode->name, region->va);
    }
    return STATUS_OK;
}

static status_t place_identity(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va = regions->region[i].pa;
    return STATUS_OK;
}

ROW(modes,
    1_physical) = {.name = "physical",
                   .proposal = "Takao Indoh, 2010: never leave physical mode",
                   .table = PAGE_TABLE_OWN,
                   .place = place_identity,
                   .adopt = efi_adopt_by_rule};

ROW(modes, 2_identity) = {.name = "identity",
                          .proposal = "option 1 of 2013: virtual mode, at "
                                      "VA = PA",
                          .table = PAGE_TABLE_OWN,
                          .calls_svam = true,
                          .hands_on = true,
                          .place = place_identity,
                          .adopt = efi_adopt_by_rule};

// Linux's rule (arch/x86/platform/efi/efi_64.c since 2013): from -4 GiB
// downwards, with the last region first, so that regions keep their order and
// adjacent ones their distance (UEFI 2.5 splits one driver over several regions
// that refer to each other); and VA = PA modulo 2 MiB, so that large pages fit.
status_t efi_place_fixed(struct efi_regions *regions) {
    const struct efi_width *width = firmware->width;
    va_t va = width->window_top;
    for (size_t i = regions->count; i-- > 0;) {
        struct efi_region *region = &regions->region[i];
        if (region_bytes(region) + LARGE_PAGE > va - width->window_bottom)
            return fail(STATUS_REFUSED,
                        "efi: %lu pages at %#lx do not fit into the window "
                        "that ends at %#lx",
                        region->pages, region->pa, width->window_bottom);
        va_t below = va - region_bytes(region);
        va = align_down(below, LARGE_PAGE) + (region->pa & (LARGE_PAGE - 1));
        if (va > below)
            va -= LARGE_PAGE;
        region->va = va;
    }
    return STATUS_OK;
}

ROW(modes, 3_fixed) = {.name = "fixed",
                       .proposal = "option 2 of 2013, by the rule of Linux",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .hands_on = true,
                       .place = efi_place_fixed,
                       .adopt = efi_adopt_by_rule};

// As ioremap() did: the next free range, in the order of the calls. A later
// kernel is not meant to compute the same addresses.
static status_t place_naive(struct efi_regions *regions) {
    va_t va = firmware->width->window_bottom;
    for (size_t i = 0; i < regions->count; i++) {
        struct efi_region *region = &regions->region[i];
        if (region_bytes(region) + PAGE_SIZE > firmware->width->window_top - va)
            return fail(STATUS_REFUSED,
                        "efi: no space for %lu pages at %#lx in the window",
                        region->pages, region->pa);
        region->va = va;
        va += region_bytes(region) + PAGE_SIZE;
    }
    return STATUS_OK;
}

ROW(modes, 7_naive) = {.name = "naive",
                       .proposal = "Linux before 2013: anywhere, not handed on",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .place = place_naive};
