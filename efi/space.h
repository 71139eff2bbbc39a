// Where the firmware is mapped: its regions in the kernel's table or in a
// private one, each with no more rights than it needs.

#pragma once

#include "boot/boot_info.h"
#include "efi/firmware.h"
#include "mm/page_table.h"

// The firmware's regions at VA = PA below the kernel's upper half: for modes
// that need such a table, and in every mode for SetVirtualAddressMap, which can
// only be called there (UEFI 2.10 §8.4).
extern struct page_table firmware_table;

// Builds firmware_table: the regions at VA = PA, stack and arguments,
// under the kernel's upper half. NO_MEMORY, REFUSED (a clash).
status_t efi_space_build(void);

// Frees that table.
void efi_space_drop(void);

// Maps the regions at their virtual addresses in the kernel's table.
status_t efi_space_map_kernel(void);

// The rights of a region's pages, all that the memory map allows: flags for
// page_table_map().
uint64_t efi_space_rights(const struct efi_region *region);
