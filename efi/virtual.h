// SetVirtualAddressMap: the step that can be taken once.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Calls it with the regions at their virtual addresses, in descriptors of
// `descriptor_bytes` bytes, the size of those in the firmware's own map.
// FAILED: it returned an error, or faulted.
status_t efi_virtual_enter(uint32_t descriptor_bytes);
