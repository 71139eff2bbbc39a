// After a Linux the mode is that of a Baton before it, which the preserved
// handoff names, or it follows from the addresses.

#include "efi/firmware.h"
#include "efi/open.h"
#include "kexec/linux/linux.h"
#include "lib/string.h"

static status_t find_mode(struct boot_info *boot) {
    const struct efi_mode *mode = efi_mode_find(boot->handoff.mode);
    if (boot->svam != BOOT_SVAM_LINUX || (mode && mode->calls_svam))
        return STATUS_OK;
    mode = linux_mode_of(&firmware->regions);
    if (!mode)
        return failed(STATUS_REFUSED);
    str_copy(boot->handoff.mode, sizeof(boot->handoff.mode), mode->name);
    return STATUS_OK;
}

ROW(openings, 50_linux) = {OPENING_FOUND, find_mode};
