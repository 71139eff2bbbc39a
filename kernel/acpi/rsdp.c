// Where ACPI's tables begin.

#include "efi/config/config.h"
#include "efi/tables.h"
#include "kernel/acpi/acpi.h"
#include "mm/frames.h"
#include "mm/space.h"

pa_t acpi_find_rsdp(const struct boot_info *boot) {
    pa_t system_pa = boot->efi.system_table_pa;
    if (boot->rsdp_pa || !system_pa || efi_system_table_check(system_pa, false))
        return boot->rsdp_pa;
    const struct efi_system_table *system = pa_to_va(system_pa);
    return efi_config_find(system->config_tables, system->config_table_count,
                           &efi_guid_acpi, physical_read);
}
