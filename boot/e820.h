// Memory as the PC's BIOS lists it by call E820h (ACPI 6.5 §15, table 15.4).
// The list outlived it: multiboot2 has its types, and so has Linux.

#pragma once

#include "lib/memory_map.h"

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4

// What is not known is reserved: so is type 128, by which a Linux that runs
// `kexec -s` marks RAM that holds a part of what it hands over.
static inline enum memory_kind e820_kind(uint32_t type) {
    static const uint8_t kinds[] = {
        [E820_RAM] = MEMORY_USABLE,
        [E820_ACPI] = MEMORY_ACPI,
        [E820_NVS] = MEMORY_NVS,
    };
    uint8_t kind = type < ARRAY_SIZE(kinds) ? kinds[type] : MEMORY_HOLE;
    return kind ? kind : MEMORY_RESERVED;
}
