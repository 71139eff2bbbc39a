// efi=yours: a mode whose rule of placement you write. Each kernel that knows
// the rule finds the firmware where the first one has put it.

#include "efi/modes/yours.h"

#include "efi/mode.h"

// Your numbers: they are not anybody else's.
#define YOURS_DOWN   1                // 1: downwards from YOURS_START; 0: up
#define YOURS_START  0x500000000000UL // where the first region ends (begins)
#define YOURS_HOLE   0x100000UL       // bytes between what is apart in memory
#define YOURS_MODULO 0x200000UL       // VA = PA modulo this

status_t efi_place_yours(struct efi_regions *regions) {
    return fail(STATUS_UNSUPPORTED,
                "lab 6, step 2: efi_place_yours() is not written yet (%zu "
                "regions, %s from %#lx)",
                regions->count, YOURS_DOWN ? "down" : "up", YOURS_START);
}

ROW(modes, 5_yours) = {.name = "yours",
                       .proposal = "option 2 of 2013, by a rule of one's own",
                       .table = PAGE_TABLE_KERNEL,
                       .calls_svam = true,
                       .hands_on = true,
                       .place = efi_place_yours,
                       .adopt = efi_adopt_by_rule};
