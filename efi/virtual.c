// Calls SetVirtualAddressMap (UEFI 2.10 §8.4).

#include "efi/virtual.h"

#include "efi/firmware.h"
#include "efi/quirk.h"
#include "efi/services.h"
#include "efi/space.h"
#include "efi/tables.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/space.h"

static uint8_t map[16 * KIB];

// Can SetVirtualAddressMap be reached?
static status_t check_entry(void) {
    va_t entry = firmware->service[EFI_SET_VIRTUAL_ADDRESS_MAP];
    pa_t pa;
    if (efi_region_of_pa(&firmware->regions, entry, 1) ||
        (page_table_translate(&firmware_table, entry, &pa) &&
         efi_tolerates("svam-in-boot-memory")))
        return STATUS_OK;
    return fail(STATUS_REFUSED,
                "SetVirtualAddressMap is at %#lx, in no runtime region, nor in "
                "boot-services memory, which is mapped in generation 0 alone",
                entry);
}

status_t efi_virtual_check(uint32_t descriptor_bytes) {
    const struct efi_regions *regions = &firmware->regions;
    uint64_t bytes = regions->count * (uint64_t)descriptor_bytes;
    if (bytes > sizeof(map))
        return fail(STATUS_NO_MEMORY,
                    "efi: %zu descriptors of %u bytes do not fit into %zu",
                    regions->count, descriptor_bytes, sizeof(map));
    return check_entry();
}

status_t efi_virtual_enter(uint32_t descriptor_bytes) {
    const struct efi_regions *regions = &firmware->regions;
    uint64_t bytes = regions->count * (uint64_t)descriptor_bytes;
    efi_regions_write(regions, descriptor_bytes, true, map);
    efi_status_t answer = efi_set_virtual_address_map(
        map, bytes, descriptor_bytes, EFI_DESCRIPTOR_VERSION);
    if (answer != EFI_SUCCESS)
        return fail(STATUS_FAILED, "efi: SetVirtualAddressMap returned %s",
                    efi_status_name(answer));
    TRY(efi_system_table_check(firmware->system_table_pa, false));
    return efi_runtime_table_check(firmware->runtime_table_pa, false);
}
