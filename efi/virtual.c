// Calls SetVirtualAddressMap (UEFI 2.10 §8.4) and checks what it did. EDK2
// never reports a region that is missing from the map: it answers EFI_SUCCESS
// and leaves those pointers physical, to fault at some later call. So we look.

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

// One that leads nowhere did so before, and may never be called: firmware of
// EFI 1.10 had none for QueryVariableInfo, and garbage there.
static status_t check_service(enum efi_service service) {
    uint64_t entry = firmware->service[service];
    if (efi_stays_physical(service) ||
        efi_region_of_va(&firmware->regions, entry, 1) ||
        !efi_region_of_pa(&firmware->regions, entry, 1))
        return STATUS_OK;
    return fail(STATUS_FAILED,
                "efi: %s is at %#lx, a physical address: "
                "SetVirtualAddressMap left it unconverted",
                efi_service_name(service), entry);
}

// Does a pointer of the system table lead to where it did while it was
// physical?
static bool leads_to(uint64_t pointer, pa_t pa) {
    const struct efi_region *region =
        efi_region_of_va(&firmware->regions, pointer, 1);
    return region && region_pa(region, pointer) == pa;
}

// Of the system table the next kernel follows RuntimeServices alone. What the
// other two led to is handed on by its physical address (struct efi_setup).
static status_t check_pointer(const char *name, uint64_t pointer, pa_t was_pa) {
    if (!was_pa || leads_to(pointer, was_pa) || efi_tolerates("pointer-lost"))
        return STATUS_OK;
    return fail(STATUS_FAILED,
                "efi: %s is %#lx after SetVirtualAddressMap, and no longer "
                "leads to pa %#lx",
                name, pointer, was_pa);
}

status_t efi_check_pointers(void) {
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        TRY(check_service(i));
    const struct efi_system_table *system = pa_to_va(firmware->system_table_pa);
    const struct efi_setup *was = &firmware->setup;
    TRY(check_pointer("FirmwareVendor", system->firmware_vendor,
                      was->firmware_vendor_pa));
    TRY(check_pointer("ConfigurationTable", system->config_tables,
                      was->config_tables_pa));
    if (leads_to(system->runtime_services, firmware->runtime_table_pa))
        return STATUS_OK;
    return fail(STATUS_FAILED,
                "efi: RuntimeServices is %#lx after SetVirtualAddressMap; the "
                "table at pa %#lx is mapped at va %#lx",
                system->runtime_services, firmware->runtime_table_pa,
                region_va(efi_region_of_pa(&firmware->regions,
                                           firmware->runtime_table_pa, 1),
                          firmware->runtime_table_pa));
}
