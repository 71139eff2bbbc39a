// A quirk that excludes a mode refuses the firmware before it is called in it.

#include "efi/quirks/excluded.h"

#include "efi/firmware.h"
#include "efi/open.h"

status_t efi_mode_excluded(const struct efi_mode *mode,
                           const struct boot_info *boot) {
    TRY(efi_exclude_identity(mode));
    return efi_exclude_lost_entry(mode, &boot->memory);
}

static status_t check(struct boot_info *boot) {
    return efi_mode_excluded(firmware->mode, boot);
}

ROW(openings, 50_excluded) = {OPENING_PLACED, check};
