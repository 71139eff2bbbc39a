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

// The two tables that have one, in the kernel's memory: checked, and copied to
// `table`. Behind the header a firmware's table is words of its own width,
// `word_bytes`; the copy has 64-bit words. Services behind the end of the
// runtime table are 0: that of EFI 1.10 ended before UpdateCapsule. The space
// for all of them has to be readable.
status_t efi_system_table_read(pa_t pa, uint32_t word_bytes, bool crc_matters,
                               struct efi_system_table *table);
status_t efi_runtime_table_read(pa_t pa, uint32_t word_bytes, bool crc_matters,
                                struct efi_runtime_services *table);

// Bytes of such a table of `words` words.
static inline uint64_t efi_table_bytes(uint32_t word_bytes, uint64_t words) {
    return sizeof(struct efi_table_header) + words * word_bytes;
}
