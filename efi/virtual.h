// SetVirtualAddressMap: the step that can be taken once.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Calls it with the regions as they are placed, in descriptors of
// `descriptor_bytes` bytes, as many as the firmware's own have. FAILED: it
// returned an error, or faulted.
status_t efi_virtual_enter(uint32_t descriptor_bytes);
