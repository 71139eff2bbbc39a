// The address space of 32-bit firmware, as far as a kernel has a say in it.

#pragma once

// Where modes place its regions: above what they place at VA = PA, and below
// the flash at the top.
#define EFI32_BOTTOM 0x40000000
#define EFI32_TOP    0xffe00000

#define EFI32_END 0x100000000

// Where the kernel's image is mapped a second time in its own page table, as
// far as the firmware needs it.
#define EFI32_BOUNCE 0x10000000
