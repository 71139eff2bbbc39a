// The memory types of the PC's BIOS, call E820h (ACPI 6.5 §15, table 15.4).
// They outlived it: Linux's boot_params and multiboot2 speak them.

#pragma once

#include "lib/memory_map.h"

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4

// RAM that one Baton keeps for the next ("BATN"). To all others it is one of
// the types that they do not know and therefore leave alone (ACPI 6.5 §15).
#define E820_KEPT 0x4e544142

// A type as firmware or Linux uses it. What is not known is reserved: so is
// type 128, by which a Linux that runs `kexec -s` marks RAM that holds a part
// of its handoff.
static inline enum memory_kind e820_kind(uint32_t type) {
    static const uint8_t kinds[] = {
        [E820_RAM] = MEMORY_USABLE,
        [E820_ACPI] = MEMORY_ACPI,
        [E820_NVS] = MEMORY_NVS,
    };
    uint8_t kind = type < ARRAY_SIZE(kinds) ? kinds[type] : MEMORY_HOLE;
    return kind ? kind : MEMORY_RESERVED;
}
