// Quirks: what firmware does against the specification, and this kernel
// tolerates. Core refuses a deviation unless a row of the table `quirks`
// tolerates it; the rows are in efi/quirks/. No code asks who made a firmware
// where it can see how it behaves.

#pragma once

#include "boot/boot_info.h"
#include "lib/table.h"
#include "mm/page_table.h"

struct efi_quirk {
    const char *name, *does, *remedy, *source; // for the log

    // The rest is NULL, but for quirks that have to be known before they are
    // seen. `vendor` is the firmware's name, in ASCII.

    // When the memory map is made, on the early page table: adds memory that
    // the firmware still uses. NO_MEMORY: as memory_map_put().
    status_t (*keep)(const char *vendor, struct memory_map *memory);

    // In open.c, before SetVirtualAddressMap: maps at VA = PA in `table` what
    // that call uses and the runtime regions do not contain; the table is
    // replaced after it. `memory`: the machine's.
    status_t (*map)(struct page_table *table, const struct memory_map *memory);

    // Before the first call, and once more after the proofs: REFUSED, with the
    // reason, if this firmware fails in the mode that it is in.
    status_t (*check)(const char *vendor);
};

TABLE(quirks, struct efi_quirk);

// A deviation was seen: is it tolerated? Logs that, once for each name. False:
// no row has the name, and the caller refuses.
bool efi_tolerates(const char *name);

// These call the function of that name of all rows, until one fails. `read` has
// to reach the system table of `efi`; where it does not, nothing is kept.
status_t efi_quirks_keep(const struct boot_efi *efi, memory_reader read,
                         struct memory_map *memory);
status_t efi_quirks_map(struct page_table *table,
                        const struct memory_map *memory);
// `vendor_pa`: the physical address of the CHAR16 name.
status_t efi_quirks_check(pa_t vendor_pa, memory_reader read);
