// What firmware does against the specification, and what is done about it. One
// row each, and no kernel code asks who the firmware is where it can see how it
// behaves.

#pragma once

#include "boot/boot_info.h"
#include "lib/memory_map.h"

enum efi_quirk {
    QUIRK_DATA_IN_FREE_MEMORY,
    QUIRK_SVAM_IN_BOOT_MEMORY,
    QUIRK_CRC_AFTER_SVAM,
    QUIRK_CRC_NEVER_FILLED,
    QUIRK_POINTER_LOST,
    QUIRK_PROMISE_NOT_KEPT,
    QUIRK_PROMISE_TOO_SMALL,
    QUIRK_OPEN_CODE,
    QUIRK_FAILS_AT_IDENTITY,
    EFI_QUIRKS,
};

// Is this firmware `seen` to have that quirk? Then says so, once. Gives `seen`.
bool efi_quirk(enum efi_quirk quirk, bool seen);

// REFUSED: by its vendor's name, the CHAR16 text at `vendor_pa`, this firmware
// is known to fail where VA = PA. For before anything is called there.
status_t efi_quirks_check_identity(pa_t vendor_pa, memory_reader read);

// Paints what the firmware's map calls free, and the firmware still uses when
// SetVirtualAddressMap is called, as boot-services memory. `read` has to reach
// the system table; NO_MEMORY as memory_map_put().
status_t efi_quirks_paint(const struct boot_efi *efi, memory_reader read,
                          struct memory_map *memory);
