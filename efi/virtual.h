// SetVirtualAddressMap: the step that can be taken once.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Calls it with the regions as they are placed, in descriptors of the size that
// the firmware's own map has. FAILED: it answered with an error, or faulted.
// REFUSED: it is where nothing can be called any more.
status_t efi_enter_virtual_mode(uint32_t descriptor_bytes);

// Afterwards, or when the result was inherited: does every pointer of the two
// tables that has to be virtual lead into a runtime region, and to where the
// physical one led? FAILED, with the first that does not.
status_t efi_check_pointers(void);
