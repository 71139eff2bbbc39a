// The EFI_RT_PROPERTIES_TABLE (UEFI 2.10 §4.6).

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "kernel/proof.h"

#define EFI_RT_PROPERTIES_VERSION 1

struct efi_rt_properties_table {
    uint16_t version, bytes;
    uint32_t supported; // a set of bits, see efi_missing_services()
};

// Does the firmware say that it does not support that service at runtime, or
// does its runtime table end before it? From OPENING_MAPPED on.
static inline bool efi_lacks(enum efi_service service) {
    return proof_lacking >> service & 1;
}

// Which services do not work at runtime, bit n in `missing` for service n of
// the runtime table: what the EFI_RT_PROPERTIES_TABLE at `pa` says (UEFI 2.10
// §4.6). None, if it is not there (0); or if it is not readable, too short, or
// of another version, which is INVALID.
status_t efi_missing_services(pa_t pa, memory_reader read, uint32_t *missing);
