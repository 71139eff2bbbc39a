// Memory that the firmware accesses: what it is, whether the firmware may have
// it, and where it is mapped.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

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
