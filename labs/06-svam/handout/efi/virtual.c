// Lab 6, step 3.

status_t efi_virtual_enter(uint32_t descriptor_bytes) {
    const struct efi_regions *regions = &firmware->regions;
    uint64_t bytes = regions->count * (uint64_t)descriptor_bytes;
    efi_regions_write(regions, descriptor_bytes, true, map);
    return fail(STATUS_UNSUPPORTED,
                "lab 6, step 3: efi_virtual_enter() does not call "
                "SetVirtualAddressMap yet, with %lu bytes",
                bytes);
}
