// The way into efi/ for the rest of the kernel.

#pragma once

#include "boot/boot_info.h"
#include "efi/mode.h"
#include "lib/status.h"

// Opens the firmware that `boot` tells of in mode `wanted`: adopts the mapping
// of the kernel before, or makes one. NULL: in the mode that it is in, and in
// mode fixed where it is in none. Afterwards the services of efi/services.h
// work, and boot-services memory is free for other use.
// NOT_FOUND: no firmware. Else: refused, with the reason; nothing can be
// called.
status_t efi_start(struct boot_info *boot, const struct efi_mode *wanted);

// After the proofs. REFUSED, and nothing is called any more: a quirk's check()
// says that the firmware fails in this mode. SetVirtualAddressMap may still be
// left for the next kernel.
status_t efi_check_answers(void);
