// What SetVirtualAddressMap did. EDK II never reports a region that is missing
// from the map: it returns EFI_SUCCESS and leaves the pointers into that region
// physical, so that some later call faults. So each pointer is checked: it has
// to lead into a runtime region, and to where the physical one led.

#include "efi/firmware.h"
#include "efi/guard/memory.h"
#include "efi/open.h"
#include "efi/quirk.h"

// One that leads nowhere did so before, and may never be called: firmware of
// EFI 1.10 had none for QueryVariableInfo, and garbage there.
static status_t check_service(enum efi_service service) {
    uint64_t entry = firmware->runtime.service[service];
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

static status_t check_pointers(struct boot_info *boot) {
    (void)boot;
    if (firmware->svam == SVAM_NEVER)
        return STATUS_OK;
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        TRY(check_service(i));
    const struct efi_system_table *system = &firmware->system;
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

ROW(openings, 30_pointers) = {OPENING_MAPPED, check_pointers};
