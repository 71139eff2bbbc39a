// Memory that the firmware accesses: what it is, whether the firmware may have
// it, and where it is mapped.

#pragma once

#include "efi/region.h"
#include "lib/status.h"
#include "mm/page_table.h"

// The table with this root, of the two that a call may be on.
struct page_table *efi_space_table(pa_t root_pa);

// The one that the processor has in a call on the table with this root: the
// same one, until an annex puts a copy in its place, and this hook with it.
extern struct page_table *(*efi_space_in_call)(pa_t root_pa);

// The one that the mode calls services on.
const struct page_table *efi_space_of_mode(void);

// The runtime region at a virtual or physical address; NULL if there is none.
const struct efi_region *efi_space_region(uint64_t address);

static inline bool efi_is_runtime_type(uint32_t type) {
    return type == EFI_RUNTIME_SERVICES_CODE ||
           type == EFI_RUNTIME_SERVICES_DATA;
}

// The virtual address of a byte in a region, from its physical one.
static inline va_t region_va(const struct efi_region *region, pa_t pa) {
    return region->va + (pa - region->pa);
}

static inline uint64_t efi_regions_bytes(const struct efi_regions *regions) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < regions->count; i++)
        bytes += region_bytes(&regions->region[i]);
    return bytes;
}

// Who owns an address that the firmware has used: the type of a runtime region
// (by its virtual or its physical address), "guard", "kernel", or the kind of
// memory at that physical address: "boot-services", "usable", "hole", ….
const char *efi_owner(va_t va);

// Maps the page at `va` for the firmware until the next reset, in the table
// with this root: a page of its own regions with all rights of the region, or
// memory that no kernel uses, at VA = PA. From the fault handler. REFUSED: it
// has these rights already, or must not have them.
status_t efi_grant(pa_t table_pa, va_t va, bool execute);

// Looks every page of every region up in the table that the mode runs on.
// FAILED: one leads to another frame, or is not mapped; the reason names it.
status_t efi_verify(void);
