// Between the direct map and the window there is room for every region to be a
// TiB and more away from the next one.
static status_t place(struct efi_regions *regions) {
    const uint64_t least = 1024 * GIB;
    uint64_t state = random_seed | 1;
    uint64_t room = (EFI_WINDOW_END - DIRECT_MAP_END) / (regions->count + 1);
    va_t edge = EFI_WINDOW_END;
    if (room < 2 * least)
        return fail(STATUS_REFUSED, "efi: no room for %zu regions",
                    regions->count);
    for (size_t i = regions->count; i-- > 0;) {
        struct efi_region *region = &regions->region[i], *above = region + 1;
        bool touches = i + 1 < regions->count &&
                       region->pa + region_bytes(region) == above->pa;
        va_t below = edge - region_bytes(region);
        if (!touches) {
            uint64_t more = random_next(&state) % (room - 2 * GIB - least);
            below = align_down(below - least - more, LARGE_PAGE) - LARGE_PAGE +
                    (region->pa & (LARGE_PAGE - 1));
        }
        edge = region->va = below;
    }
    return STATUS_OK;
}

static status_t adopt(const struct efi_mode *mode,
                      struct efi_regions *regions) {
    (void)mode;
    for (size_t i = 0; i < regions->count; i++)
        if (!region_is_within(&regions->region[i], DIRECT_MAP_END,
                              EFI_WINDOW_END))
            return fail(STATUS_REFUSED,
                        "region at %#lx was handed over at va %#lx",
                        regions->region[i].pa, regions->region[i].va);
    return efi_regions_check_va(regions);
}
