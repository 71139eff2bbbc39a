// The Memory Attributes Table (UEFI 2.10 §4.6.3): which pages of the runtime
// regions are code and which are data, which the memory map itself does not
// say. Copied and checked once, because it is in boot-services memory.

#pragma once

#include "boot/boot_info.h"
#include "efi/region.h"
#include "mm/page_table.h"

#define EFI_MEMORY_XP (1UL << 14)
#define EFI_MEMORY_RO (1UL << 17)

#define ATTRIBUTES_MAX 128

struct efi_memory_attributes_table { // §4.6.3
    uint32_t version;
    uint32_t entries;
    uint32_t descriptor_bytes;
    uint32_t flags;
    uint8_t descriptor[];
};

// One row of the firmware's Memory Attributes Table (UEFI 2.10 §4.6). Gen 0
// copies that table out of boot-services memory, which later generations reuse.
struct handoff_attribute {
    uint64_t pa;
    uint64_t pages;
    uint64_t attributes;
};

struct efi_attributes {
    pa_t table_pa; // the firmware's own table, to be preserved for Linux
    uint64_t table_bytes;
    size_t count;               // 0: there are no valid rows, …
    char absence[REASON_BYTES]; // … and this is why
    struct handoff_attribute row[ATTRIBUTES_MAX];
};

// What the firmware said, from OPENING_MAPPED on (efi/open.h).
extern struct efi_attributes memory_attributes;

// Fills it when the firmware is opened: from the firmware's own table, or from
// the handoff. Rows that cannot be right are ignored, with a line in the log.
void efi_attributes_take(const struct boot_info *boot);

// How many pages are writable and executable at once, in the table that the
// mode runs on.
uint64_t efi_protect_count_wx(void);

// Copies the table at `pa`. INVALID: it breaks a rule of the specification or
// does not fit `regions`; then it has to be ignored.
status_t efi_attributes_read(pa_t pa, const struct efi_regions *regions,
                             struct efi_attributes *attributes,
                             memory_reader read);

// The same checks, for rows that were handed on.
status_t efi_attributes_check(const struct efi_attributes *attributes,
                              const struct efi_regions *regions);

// Is the page at `pa` open: does no row take a right from it, though there is a
// table? Then the table does not say if it is code or data.
bool efi_attributes_open(const struct efi_attributes *attributes, pa_t pa);

// How many pages of the code regions are open.
uint64_t efi_attributes_open_pages(const struct efi_attributes *attributes,
                                   const struct efi_regions *regions);

// Gives the pages of each row their rights, in `table`, where every region is
// mapped at its va (`at_va`) or at its pa. An open page may be written, not
// executed: that changes when the firmware does (protect.c).
status_t efi_attributes_apply(const struct efi_attributes *attributes,
                              const struct efi_regions *regions, bool at_va,
                              struct page_table *table);
