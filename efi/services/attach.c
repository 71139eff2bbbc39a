// When the EFI_RT_PROPERTIES_TABLE is read: generation 0 finds it by its GUID,
// and later ones are handed its content.

#include "efi/config/config.h"
#include "efi/open.h"
#include "efi/services/properties.h"
#include "lib/log.h"
#include "mm/space.h"

static status_t read_properties(struct boot_info *boot) {
    uint32_t missing;
    if (boot->via != VIA_MULTIBOOT2)
        return STATUS_OK;
    pa_t pa = efi_config_pa(&efi_guid_runtime_properties);
    if (efi_missing_services(pa, physical_read, &missing))
        say("efi: runtime properties ignored: %s", why());
    efi_lack(missing);
    return STATUS_OK;
}

ROW(openings, 30_properties) = {OPENING_PLACED, read_properties};
