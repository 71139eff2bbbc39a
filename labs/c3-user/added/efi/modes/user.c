// efi=user: the firmware at VA = PA in the kernel's own table, in its lower
// half.

#include "efi/mode.h"

static status_t place(struct efi_regions *regions) {
    for (size_t i = 0; i < regions->count; i++)
        regions->region[i].va = regions->region[i].pa;
    return STATUS_OK;
}

ROW(modes, 21_user) = {.name = "user",
                       .proposal = "option 1 of 2013, on the kernel's table",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .hands_on = true,
                       .place = place,
                       .adopt = efi_adopt_by_rule};
