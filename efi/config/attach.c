// The list of the firmware that is being opened. The next kernel learns where
// ACPI's tables begin, by boot_params, as it may not call this firmware.

#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "mm/frames.h"
#include "mm/space.h"

uint64_t efi_config_count(void) {
    const struct efi_system_table *system = pa_to_va(firmware->system_table_pa);
    return firmware->system_table_pa ? system->config_table_count : 0;
}

pa_t efi_config_pa(const struct efi_guid *guid) {
    return efi_config_find(firmware->setup.config_tables_pa, efi_config_count(),
                           guid, physical_read);
}

static status_t find_rsdp(struct boot_info *boot) {
    pa_t rsdp_pa = efi_config_pa(&efi_guid_acpi);
    boot->rsdp_pa = rsdp_pa ? rsdp_pa : boot->rsdp_pa;
    return STATUS_OK;
}

ROW(openings, 20_rsdp) = {OPENING_PLACED, find_rsdp};
