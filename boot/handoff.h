// What one kernel tells the next: the baton itself.
//
// The handoff is Linux's: a boot_params page (asm/bootparam.h) with e820 map,
// efi_info and command line, and a chain of setup_data nodes. Two nodes matter:
// SETUP_EFI, which any Linux understands, and one of our own that any Linux
// skips, with what only Baton knows. All of it lies in one block of memory:
//
//   boot_params │ command line │ EFI memory map │ SETUP_EFI │ struct handoff
//   └────────────────────── block_pa, block_bytes ──────────────────────┘
//
// The CRC in the last part is over the whole block, so that one flipped bit
// anywhere in it is seen.

#pragma once

#include "lib/types.h"

// struct efi_setup_data of Linux (arch/x86/include/asm/efi.h, which is not a
// user-space header): physical addresses that are virtual in the system table
// once SetVirtualAddressMap was called.
struct efi_setup {
    uint64_t firmware_vendor_pa;
    uint64_t unused; // once the runtime table; a virtual address from some
    uint64_t config_tables_pa;
    uint64_t smbios_pa;
    uint64_t reserved[8];
};

// A setup_data type that Linux does not know and therefore ignores ("BATN").
#define SETUP_BATON 0x4e544142

// For a Linux, which drops that node, a copy of it lies in a reserved page, and
// this word on the command line says where: keepsake=0x….
#define KEEPSAKE_WORD "keepsake"

#define HANDOFF_MAGIC          0x4f44414e4f544142 // "BATONADO"
#define HANDOFF_VERSION        4
#define HANDOFF_LINEAGE_MAX    8
#define HANDOFF_ATTRIBUTES_MAX 128

// One kernel that ran before, in the order in which they ran.
struct handoff_life {
    uint32_t generation;
    uint32_t svam; // enum efi_svam: what it did about SetVirtualAddressMap
    char mode[16]; // the mapping mode it ran in; "none" without firmware
    uint64_t image_pa;
    uint64_t tsc_start; // its first time stamp
};

// Measured once, and then known to all.
struct handoff_clock {
    uint64_t tsc_hz;    // 0: not measured yet
    uint64_t apic_hz;   // the input clock of the local APIC's timer
    uint64_t tsc_start; // generation 0's first time stamp
};

// One row of the firmware's Memory Attributes Table (UEFI 2.10 §4.6). Gen 0
// copies that table out of boot-services memory, which later generations reuse.
struct handoff_attribute {
    uint64_t pa;
    uint64_t pages;
    uint64_t attributes;
};

struct handoff {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes; // of this structure
    uint64_t block_pa;
    uint32_t block_bytes;
    uint32_t block_crc; // CRC-32 of the block, with this field as zero

    uint32_t generation; // of the kernel that reads this
    uint32_t svam;       // enum efi_svam: was it called in this boot?
    char mode[16];       // the mode whose addresses the firmware now has

    struct handoff_clock clock;
    uint64_t counter; // what the sender wrote to BatonGeneration
    uint64_t aborted; // firmware calls that were ended: it is suspect

    uint32_t life_count;
    uint32_t attribute_count;
    uint32_t missing_services; // at runtime, the firmware says; bit n: n
    uint32_t unused;
    struct handoff_life life[HANDOFF_LINEAGE_MAX];
    struct handoff_attribute attribute[HANDOFF_ATTRIBUTES_MAX];
};
