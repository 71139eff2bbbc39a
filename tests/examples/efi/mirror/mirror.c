// An example of a mode: each region at a fixed distance above its physical
// address, in the second quadrant. A mode is one row in a file of its own.

#include "efi/mode.h"
#include "mm/layout.h"

static status_t place(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va = EFI_CONTIGUOUS + regions->region[i].pa;
    return STATUS_OK;
}

ROW(modes, 8_mirror) = {.name = "mirror",
                        .proposal = "an example",
                        .table = PAGE_TABLE_KERNEL,
                        .calls_svam = true,
                        .hands_on = true,
                        .place = place,
                        .adopt = efi_adopt_by_rule};
