// The address space of 32-bit firmware, as far as a kernel has a say in it.

#pragma once

#include "mm/page_table.h"

// Where modes place its regions: above what they place at VA = PA, and below
// the flash at the top.
#define EFI32_BOTTOM 0x40000000
#define EFI32_TOP    0xffe00000

#define EFI32_END 0x100000000

// Where the kernel's image is mapped a second time in its own page table, as
// far as the firmware needs it.
#define EFI32_BOUNCE 0x10000000

// 32-bit code that stores GDTR or IDTR and loads it again loses the upper half
// of the address (SDM vol. 2, LGDT). So that the way home and interrupts still
// work then, this maps the `bytes` bytes at `start`, in the kernel's image,
// also at what is left, read-only; but no page where the firmware, or anything
// else, is. NO_MEMORY.
status_t efi32_map_lower_half(struct page_table *table, const void *start,
                              uint64_t bytes);
