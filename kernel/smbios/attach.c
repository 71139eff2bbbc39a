// The firmware's maker and date, in the log and so in the QR code.

#include "efi/config/config.h"
#include "kernel/smbios/smbios.h"
#include "kernel/stage.h"
#include "lib/log.h"
#include "mm/space.h"

STAGE(READY, 20_smbios, "smbios") {
    static struct smbios_bios bios;
    pa_t wide_pa = efi_config_pa(&efi_guid_smbios_3);
    pa_t entry_pa = wide_pa ? wide_pa : efi_config_pa(&efi_guid_smbios);
    if (!entry_pa)
        return STATUS_OK;
    if (smbios_read(entry_pa, physical_read, &bios))
        say("%s", why());
    else
        event("smbios", "vendor=\"%s\" version=\"%s\" date=\"%s\"", bios.vendor,
              bios.version, bios.date);
    return STATUS_OK;
}
