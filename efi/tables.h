// The firmware's tables, read like any untrusted data: signature, size,
// checksum.

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "lib/status.h"
#include "mm/space.h"

// Checks `bytes_min` bytes at `pa`: readable, signed, whole, and CRC-32 as UEFI
// 2.10 §4.2 defines it. INVALID otherwise; `what` names the table in the
// reason. With `crc_matters` false a wrong CRC is a quirk: some firmware
// forgets to compute it again in SetVirtualAddressMap. Where the CRC is 0 the
// firmware never filled the header in, and only the signature counts.
status_t efi_table_check(pa_t pa, uint64_t signature, uint64_t bytes_min,
                         bool crc_matters, const char *what,
                         memory_reader read);

// The two tables that have one, in the kernel's memory.
static inline status_t efi_system_table_check(pa_t pa, bool crc_matters) {
    return efi_table_check(pa, EFI_SYSTEM_TABLE_SIGNATURE,
                           sizeof(struct efi_system_table), crc_matters,
                           "system table", physical_read);
}

static inline status_t efi_runtime_table_check(pa_t pa, bool crc_matters) {
    return efi_table_check(
        pa, EFI_RUNTIME_TABLE_SIGNATURE,
        offsetof(struct efi_runtime_services, service[EFI_UPDATE_CAPSULE]),
        crc_matters, "runtime table", physical_read);
}

// Does a runtime table that passed its check end before this service? That of
// EFI 1.10 ended before UpdateCapsule.
bool efi_service_is_beyond(const struct efi_runtime_services *table,
                           enum efi_service service);
