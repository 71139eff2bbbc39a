// What one kernel hands to the next: the baton itself.
//
// The format is Linux's: a boot_params page (asm/bootparam.h) with e820 map,
// efi_info and command line, and a chain of setup_data nodes (boot/node.h).
// Any Linux understands SETUP_EFI, and skips the types that are our own. All of
// it is in one block of memory:
//
//   boot_params │ command line │ struct handoff │ nodes … │ EFI map
//   └─────────────────── block_pa, block_bytes ───────────────────┘
//
// The CRC in struct handoff is over the whole block, so that one flipped bit
// anywhere in it is seen.

#pragma once

#include <asm/bootparam.h>

#include "lib/types.h"

#define HANDOFF_BLOCK_MAX MIB // bytes
#define COMMAND_LINE_MAX  2048

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

#define HANDOFF_MAGIC   0x4f44414e4f544142 // "BATONADO"
#define HANDOFF_VERSION 8

// One kernel that ran before: a row of the lineage (kernel/chain).
struct lineage_entry {
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

// Where the firmware's first runtime region begins, and how far it is from
// there to the end of the last one. With the distances that the EFI map has,
// these two numbers give all addresses (efi=contiguous).
struct handoff_run {
    uint64_t va, bytes;
};

// What core needs. Each other part of the kernel has a node of its own.
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
    uint64_t counter;       // what the sender wrote to BatonGeneration
    uint64_t aborted;       // firmware calls that were ended: it is tainted
    struct handoff_run run; // where the mode hands on nothing else
};

// Fixed places in the block, which no pointer can miss: the command line, the
// node with struct handoff, and the first node of the table.
#define HANDOFF_COMMAND_LINE_AT sizeof(struct boot_params)
#define HANDOFF_SEAL_AT         (HANDOFF_COMMAND_LINE_AT + COMMAND_LINE_MAX)
#define HANDOFF_NODES_AT                                                       \
    (HANDOFF_SEAL_AT + sizeof(struct setup_data) +                             \
     ((sizeof(struct handoff) + 15) & ~15UL))
