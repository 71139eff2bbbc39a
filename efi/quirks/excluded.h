// Modes that cannot be used with the firmware of this machine, by its quirks.

#pragma once

#include "boot/boot_info.h"
#include "efi/mode.h"

// Before the firmware is called in `mode`, from OPENING_TABLES on. REFUSED: it
// is known to fail then; the reason says why.
status_t efi_mode_excluded(const struct efi_mode *mode,
                           const struct boot_info *boot);

// The quirks that it asks.
status_t efi_exclude_identity(const struct efi_mode *mode);
status_t efi_exclude_lost_entry(const struct efi_mode *mode,
                                const struct memory_map *memory);
