// Lab 6, step 3.

status_t efi_enter_virtual_mode(uint32_t descriptor_bytes) {
    const struct efi_regions *regions = &firmware.regions;
    uint64_t bytes = regions->count * (uint64_t)descriptor_bytes;
    if (bytes > sizeof(map))
        return fail(STATUS_NO_MEMORY,
                    "efi: %zu descriptors of %u bytes do not fit into %zu",
                    regions->count, descriptor_bytes, sizeof(map));
    TRY(check_entry());
    efi_regions_write(regions, descriptor_bytes, true, map);
    return fail(STATUS_UNSUPPORTED,
                "lab 6, step 3: efi_enter_virtual_mode() does not call "
                "SetVirtualAddressMap yet, with %lu bytes",
                bytes);
}
