// The address of memory in mode offset: OFFSET_BASE and the physical address,
// which is below OFFSET_SPAN.

#pragma once

#include "efi/region.h"
#include "mm/layout.h"

#define OFFSET_BASE EFI_CONTIGUOUS
#define OFFSET_SPAN (1UL << 46) // to the end of the lower half

// A place(), of mode offset. REFUSED: a region ends above OFFSET_SPAN.
status_t efi_place_offset(struct efi_regions *regions);
