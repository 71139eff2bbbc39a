// Calls SetVirtualAddressMap (UEFI 2.10 §8.4).

#include "efi/virtual.h"

#include "efi/firmware.h"
#include "efi/services.h"

static uint8_t map[EFI_REGIONS_MAX * EFI_DESCRIPTOR_BYTES_MAX];

status_t efi_virtual_enter(uint32_t descriptor_bytes) {
    const struct efi_regions *regions = &firmware->regions;
    uint64_t bytes = regions->count * (uint64_t)descriptor_bytes;
    efi_regions_write(regions, descriptor_bytes, true, map);
    efi_status_t answer = efi_set_virtual_address_map(
        map, bytes, descriptor_bytes, EFI_DESCRIPTOR_VERSION);
    if (answer != EFI_SUCCESS)
        return fail(STATUS_FAILED, "efi: SetVirtualAddressMap returned %s",
                    efi_status_name(answer));
    return STATUS_OK;
}
