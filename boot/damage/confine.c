// Memory that only the firmware's map reports as free is not used: a loader may
// know of something there. It is reserved in the loader's map before core
// merges the firmware's into that.

#include "boot/damage/account.h"
#include "efi/region.h"
#include "kernel/stage.h"

STAGE(EARLY, 50_confine, "efi-map") {
    static struct memory_map listed; // by the firmware alone
    struct boot_info *boot = &kernel->boot;
    listed.count = 0;
    if (!boot->efi.map_bytes || efi_map_merge(&boot->efi, &listed))
        return STATUS_OK; // core reports why
    return memory_confine(&boot->memory, &listed);
}
