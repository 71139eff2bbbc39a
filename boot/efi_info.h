// The firmware in boot_params: struct efi_info with the system table
// and the EFI memory map, and SETUP_EFI with the addresses that are physical no
// more.

#pragma once

#include "boot/node.h"

// Copies system table and map, still unchecked; no error if there is no EFI.
// REFUSED: the firmware is not 64-bit, or the map is too long or not in memory.
status_t efi_info_read(const struct sender *from, struct boot_efi *efi);

// Writes the same, unless the map is empty. NO_MEMORY: the block is full.
status_t efi_info_write(struct block_writer *to, const struct boot_efi *efi,
                        struct boot_params *params);
