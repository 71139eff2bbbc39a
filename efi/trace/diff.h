// What SetVirtualAddressMap changed in the firmware: efi.diff=on. The firmware
// says no more than EFI_SUCCESS, so all its memory is copied before the call
// and compared after it.

#pragma once

#include "lib/types.h"

extern unsigned efi_diff_wanted; // or the two functions do nothing

// Copies the runtime regions aside. Without memory for that it says so, and
// there will be nothing to compare.
void efi_diff_before(void);

// Tells field by field, region by region what is different, and gives the copy
// back.
void efi_diff_after(void);
