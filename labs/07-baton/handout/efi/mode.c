// Lab 7, step 5.
status_t efi_adopt_by_rule(const struct efi_mode *mode,
                           struct efi_regions *regions) {
    return fail(STATUS_UNSUPPORTED,
                "lab 7, step 5: efi_adopt_by_rule() adopts nothing yet: %zu "
                "regions in mode %s",
                regions->count, mode->name);
}
