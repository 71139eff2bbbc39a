// The list of the firmware that is being opened. The next kernel learns where
// ACPI's tables begin, by boot_params, as it may not call this firmware.

#include "efi/config/config.h"
#include "efi/firmware.h"
#include "efi/open.h"
#include "mm/space.h"

struct efi_config_list efi_config_list(void) {
    return (struct efi_config_list){.pa = firmware->setup.config_tables_pa,
                                    .count =
                                        firmware->system.config_table_count,
                                    .word_bytes = firmware->width->word_bytes};
}

pa_t efi_config_pa(const struct efi_guid *guid) {
    struct efi_config_list list = efi_config_list();
    return efi_config_find(&list, guid, physical_read);
}

static status_t find_rsdp(struct boot_info *boot) {
    pa_t rsdp_pa = efi_config_pa(&efi_guid_acpi);
    boot->rsdp_pa = rsdp_pa ? rsdp_pa : boot->rsdp_pa;
    return STATUS_OK;
}

ROW(openings, 20_rsdp) = {OPENING_PLACED, find_rsdp};
