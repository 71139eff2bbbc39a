// What a table of addresses has to fulfil.

#pragma once

#include "efi/region.h"

// INVALID: two regions overlap by their virtual addresses, in whatever order
// these are; the reason names both.
status_t efi_regions_check_va(const struct efi_regions *regions);
