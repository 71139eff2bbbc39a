// The EFI_RT_PROPERTIES_TABLE (UEFI 2.10 §4.6).

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"

extern const struct efi_guid efi_guid_runtime_properties;

// Which services do not work at runtime, bit n in `missing` for service n of
// the runtime table: what the EFI_RT_PROPERTIES_TABLE at `pa` says (UEFI 2.10
// §4.6). None, if it is not there (0); or if it is not readable, too short, or
// of another version, which is INVALID.
status_t efi_missing_services(pa_t pa, memory_reader read, uint32_t *missing);
