// The modes, and the rules by which they place the firmware's regions.

#include "efi/mode.h"

#include "lib/format.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/layout.h"
#include "mm/space.h"

static const struct efi_mode modes[] = {
    {"inherit", "the mode that is found; where none is, fixed", TABLE_KERNEL,
     true, HANDS_ON_ALL, false, NULL},
    {"physical", "Takao Indoh, 2010: never leave physical mode", TABLE_PRIVATE,
     false, HANDS_ON_NOTHING, true, efi_place_identity},
    {"identity", "option 1 of 2013: virtual mode, at VA = PA", TABLE_PRIVATE,
     true, HANDS_ON_ALL, true, efi_place_identity},
    {"fixed", "option 2 of 2013, by the rule that Linux settled on",
     TABLE_KERNEL, true, HANDS_ON_ALL, true, efi_place_fixed},
    {"contiguous", "Petkov's variant of option 2: one run, one start",
     TABLE_KERNEL, true, HANDS_ON_RUN, true, efi_place_contiguous},
    {"direct", "option 3 of 2013: in the direct map, MMIO too", TABLE_KERNEL,
     true, HANDS_ON_ALL, true, efi_place_direct},
    {"table", "option 4 of 2013: anywhere, by an exported table", TABLE_KERNEL,
     true, HANDS_ON_ALL, false, efi_place_table},
    {"naive", "Linux before 2013: anywhere, and nobody is told", TABLE_KERNEL,
     true, HANDS_ON_NOTHING, true, efi_place_naive},
};

const struct efi_mode *efi_mode_at(size_t n) {
    return n < ARRAY_SIZE(modes) ? &modes[n] : NULL;
}

const struct efi_mode *efi_mode_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (str_equal(modes[i].name, name))
            return &modes[i];
    return NULL;
}

const char *efi_mode_names(void) {
    static char names[128];
    *names = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        append(names, sizeof(names), "%s%s", i ? ", " : "", modes[i].name);
    return names;
}

static bool same_places(const struct efi_regions *a,
                        const struct efi_regions *b) {
    for (size_t i = 0; i < a->count; i++)
        if (a->region[i].va != b->region[i].va)
            return false;
    return true;
}

const struct efi_mode *efi_mode_of(const struct efi_regions *given) {
    static struct efi_regions placed;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        placed = *given;
        if (modes[i].by_rule && modes[i].hands_on &&
            modes[i].place(&placed) == STATUS_OK && same_places(&placed, given))
            return &modes[i];
    }
    return efi_mode_find("table");
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

static uint64_t span(const struct efi_regions *regions) {
    const struct efi_region *first = regions->region;
    const struct efi_region *last = first + regions->count - 1;
    return regions->count ? last->pa + region_bytes(last) - first->pa : 0;
}

struct handoff_run efi_run_of(const struct efi_regions *regions) {
    return (struct handoff_run){regions->region[0].va, span(regions)};
}

status_t efi_place_run(struct efi_regions *regions,
                       const struct handoff_run *run) {
    const va_t end = 2 * EFI_CONTIGUOUS;
    if (run->bytes != span(regions))
        return fail(STATUS_REFUSED,
                    "efi: the run was handed over with %#lx bytes, but the "
                    "runtime regions span %#lx",
                    run->bytes, span(regions));
    if (!is_aligned(run->va, PAGE_SIZE) || run->va < EFI_CONTIGUOUS ||
        run->va >= end || run->bytes > end - run->va)
        return fail(STATUS_REFUSED,
                    "efi: a run of %#lx bytes at %#lx is not in the second "
                    "quadrant (%#lx to %#lx)",
                    run->bytes, run->va, EFI_CONTIGUOUS, end);
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va =
            run->va + (regions->region[i].pa - regions->region[0].pa);
    return STATUS_OK;
}

// One run with the distances that memory has: a next kernel that knows where it
// starts knows everything. It costs address space, and there is plenty of it.
status_t efi_place_contiguous(struct efi_regions *regions) {
    uint64_t offset = regions->region[0].pa & (LARGE_PAGE - 1);
    struct handoff_run run = {EFI_CONTIGUOUS + offset, span(regions)};
    return efi_place_run(regions, &run);
}

// __va(pa): no address to hand on, as long as the next kernel's direct map is
// where ours is.
status_t efi_place_direct(struct efi_regions *regions) {
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

// Anywhere in the firmware window, with holes of random size; but what touches
// in memory still touches, for it may be one driver (see `fixed`).
status_t efi_place_table(struct efi_regions *regions) {
    TRY(efi_place_fixed(regions));
    uint64_t state = random_seed | 1, down = 0;
    uint64_t room = regions->region[0].va - EFI_WINDOW_END;
    uint64_t holes = room / LARGE_PAGE / (regions->count + 1);
    for (size_t i = regions->count; i-- > 0;) {
        struct efi_region *region = &regions->region[i], *above = region + 1;
        bool touches = i + 1 < regions->count &&
                       region->pa + region_bytes(region) == above->pa;
        if (!touches && holes > 0)
            down += random_next(&state) % holes * LARGE_PAGE;
        region->va -= down;
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
