// The numbers of efi=yours, a rule of your own. They are not anybody else's.

#pragma once

#include "efi/region.h"

#define YOURS_DOWN   1                // 1: downwards from YOURS_START; 0: up
#define YOURS_START  0x500000000000UL // where the first region ends (begins)
#define YOURS_HOLE   0x100000UL       // bytes between what is apart in memory
#define YOURS_MODULO 0x200000UL       // VA = PA modulo this

// Gives each region its virtual address, by the rule of the lab.
status_t efi_place_yours(struct efi_regions *regions);
