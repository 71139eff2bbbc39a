// Where the firmware is mapped: its regions in the kernel's table or in a
// private one, each with no more rights than it needs.

#pragma once

#include "boot/boot_info.h"
#include "efi/firmware.h"

// Builds firmware.private_table: the regions at VA = PA, stack and arguments,
// under the kernel's upper half. NO_MEMORY, REFUSED (a clash).
status_t efi_space_build(void);

// Throws that table away.
void efi_space_drop(void);

// Maps the regions at their virtual addresses in the kernel's table.
status_t efi_space_map_kernel(void);

// Takes from both tables what the Memory Attributes Table does not allow.
status_t efi_space_protect(void);

// Walks every page of every region where the mode's calls will find it, and
// sees that it leads to the right frame. FAILED: one does not; the reason names
// it.
status_t efi_space_verify(void);

// How many pages of the firmware's are writable and executable at once.
uint64_t efi_space_count_wx(void);

// What lies at an address that the firmware has used: the type of a runtime
// region (by its virtual or its physical address), "guard", "kernel", or the
// kind of memory at that physical address: "boot-services", "usable", "hole",
// ….
const char *efi_space_class(va_t va);

// The table with this root, of the two that a call may be on.
struct page_table *efi_space_table(pa_t root_pa);

// Lets the firmware have the page at `va`, for good, in the table with this
// root: one of its own regions with all the rights of the region, or memory
// that no kernel uses, at VA = PA. REFUSED: it has it already, or may not.
status_t efi_space_grant(pa_t table_pa, va_t va, bool execute);

// An open page (efi_attributes_open()) shows by its use what it is. One that is
// executed becomes read-only and executable; only if it is then written as
// well it is both. `va` has faulted, for `execute` or for a write, in the table
// at `table_pa`. False: it is no such page. To be called from the fault
// handler.
bool efi_space_learn(pa_t table_pa, va_t va, bool execute);
