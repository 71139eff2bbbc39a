// Where ACPI's tables begin.

#include "efi/config/config.h"
#include "efi/tables.h"
#include "kernel/acpi/acpi.h"
#include "mm/space.h"

pa_t acpi_find_rsdp(const struct boot_info *boot) {
    pa_t system_pa = boot->efi.system_table_pa;
    uint32_t word_bytes = boot->efi.word_bytes;
    struct efi_system_table system;
    if (boot->rsdp_pa || !system_pa ||
        efi_system_table_read(system_pa, word_bytes, false, &system))
        return boot->rsdp_pa;
    struct efi_config_list list = {system.config_tables,
                                   system.config_table_count, word_bytes};
    return efi_config_find(&list, &efi_guid_acpi, physical_read);
}
