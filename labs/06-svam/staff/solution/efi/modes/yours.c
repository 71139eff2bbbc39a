// The rule, in both directions.

status_t efi_place_yours(struct efi_regions *regions) {
    va_t edge = YOURS_START;
    for (size_t n = 0; n < regions->count; n++) {
        size_t i = YOURS_DOWN ? regions->count - 1 - n : n;
        struct efi_region *r = &regions->region[i];
        const struct efi_region *low = YOURS_DOWN ? r : r - 1;
        bool touches = n && low->pa + region_bytes(low) == low[1].pa;
        uint64_t hole = n && !touches ? YOURS_HOLE : 0;
        if (YOURS_DOWN) {
            va_t highest = edge - hole - region_bytes(r);
            uint64_t over = touches ? 0 : (highest - r->pa) % YOURS_MODULO;
            edge = r->va = highest - over;
        } else {
            va_t lowest = edge + hole;
            uint64_t under = touches ? 0 : (r->pa - lowest) % YOURS_MODULO;
            r->va = lowest + under;
            edge = r->va + region_bytes(r);
        }
    }
    return STATUS_OK;
}
