// SetVirtualAddressMap: the step that can be taken once.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Can it be called? `descriptor_bytes`: the size of a descriptor of the
// firmware's own map. NO_MEMORY: there are too many regions. REFUSED: its code
// is in memory that was freed.
status_t efi_virtual_check(uint32_t descriptor_bytes);

// After that check: calls it with the regions as they are placed. FAILED: it
// returned an error, or faulted.
status_t efi_virtual_enter(uint32_t descriptor_bytes);
