// Where the firmware is mapped: its regions in the kernel's table or in a
// private one, each with no more rights than it needs.

#pragma once

#include "boot/boot_info.h"
#include "efi/firmware.h"
#include "lib/table.h"
#include "mm/page_table.h"

// Narrows the rights of the firmware's pages, which are mapped as wide as its
// memory map says. The table may be empty.
struct protection {
    // Called by efi_space_protect(), once: reads what the firmware says of its
    // pages (boot-services memory is as it left it), and changes the rights in
    // firmware_table and, if the mode runs on it, in kernel_table. An
    // error refuses the firmware.
    status_t (*apply)(struct boot_info *boot);

    // Called by the fault handler: `va` faulted in `table`, for `execute` or
    // for a write. True: its rights have changed, and the firmware goes on.
    bool (*learn)(struct page_table *table, va_t va, bool execute);
};

TABLE(protections, struct protection);

// The firmware's regions at VA = PA below the kernel's upper half: for modes
// that need such a table, and in every mode for SetVirtualAddressMap, which can
// only be called there (UEFI 2.10 §8.4).
extern struct page_table firmware_table;

// Builds firmware_table: the regions at VA = PA, stack and arguments,
// under the kernel's upper half. NO_MEMORY, REFUSED (a clash).
status_t efi_space_build(void);

// The largest page that the firmware is mapped by, as a level of the page table
// (1: 4 KiB); to be set before that.
extern unsigned efi_leaf_max;

// Throws that table away.
void efi_space_drop(void);

// Maps the regions at their virtual addresses in the kernel's table.
status_t efi_space_map_kernel(void);

// Narrows the rights in both tables, by the rows of `protections`. After
// SetVirtualAddressMap, for relocation writes into code.
status_t efi_space_protect(struct boot_info *boot);

// Walks every page of every region where the mode's calls will find it, and
// sees that it leads to the right frame. FAILED: one does not; the reason names
// it.
status_t efi_space_verify(void);

// The table with this root, of the two that a call may be on.
struct page_table *efi_space_table(pa_t root_pa);

// The one that the mode calls services on.
const struct page_table *efi_space_of_mode(void);

// The rights of a region's pages, before any row of `protections` narrows them:
// flags for page_table_map().
uint64_t efi_space_rights(const struct efi_region *region);

// The runtime region at a virtual or physical address; NULL if there is none.
const struct efi_region *efi_space_region(uint64_t address);

// Asks the rows of `protections` if a page that faulted shall have a further
// right, and grants it. `table_pa` is the root of the table of the call.
bool efi_space_learn(pa_t table_pa, va_t va, bool execute);
