// boot_params, as Linux's boot protocol has them (Documentation/x86/boot.rst):
// a page with the setup header of the image, the list of memory (e820), the
// place of the EFI memory map, and a chain of nodes, setup_data.

#pragma once

#include <asm/bootparam.h>

#include "boot/node.h"

// What a Linux gets. What this points to belongs to the caller.
struct linux_content {
    const void *image; // its file, for the setup header
    const char *command_line;
    struct handoff_needs needs;
    const struct handoff_memory *memory; // `memory_bytes` bytes
    uint32_t memory_bytes;
    const struct screen_info *screen;
    const struct boot_efi *efi; // map_bytes 0: no firmware
};

// Writes that to the HANDOFF_BLOCK_MAX zeroed bytes at `block`, for a Linux
// that will find boot_params at `block_pa`. NO_MEMORY: something is larger than
// its place; the reason names it.
status_t linux_params_write(const struct linux_content *content, void *block,
                            pa_t block_pa);

// Takes boot_params that a Linux has left at `params_pa`, with all that hangs
// on them. Leaves `boot` alone if there are none. INVALID: nothing can run on
// them; a bad part that is about the firmware is reported in
// boot->handoff_status.
status_t linux_params_read(pa_t params_pa, memory_reader read,
                           struct boot_info *boot);

struct boot_e820_entry;

// RAM that one Baton keeps for the next ("BATN"). To all others it is one of
// the types that they do not know and therefore leave alone (ACPI 6.5 §15).
#define E820_KEPT 0x4e544142

// Adds `count` entries, which need not be aligned, to a memory map. INVALID:
// one passes 2^64; it is left out, the others are added.
status_t e820_add(const void *entries, size_t count, struct memory_map *memory);

// Lists `bytes` bytes of `memory` in `entry`, which has room for
// MEMORY_MAP_MAX; returns how many entries there are.
uint32_t e820_list(const struct handoff_memory *memory, uint32_t bytes,
                   struct boot_e820_entry *entry);

// A number that boot_params have in two halves.
static inline uint64_t join_halves(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

#define EFI_SIGNATURE_64 0x34364c45 // "EL64" in efi_loader_signature
#define EFI_SIGNATURE_32 0x32334c45 // "EL32": firmware of 32 bits
