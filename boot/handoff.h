// What one kernel hands to the next: the baton itself.
//
// It is one block of memory, which begins with struct handoff. Nodes follow,
// one behind the other, each about one subject (boot/node.h); the first ones
// are core's own (boot/content.c):
//
//   struct handoff │ command line │ memory │ firmware │ …
//   └────────────── block_pa, block_bytes ─────────────┘
//
// The CRC in struct handoff is over the whole block, so that one flipped bit
// anywhere in it is seen. No pointer leads out of the block. What is handed to
// a Linux, and by a Linux, has Linux's own format (kexec/linux).

#pragma once

#include "lib/types.h"

#define HANDOFF_BLOCK_MAX (64 * KIB) // bytes of the largest
#define COMMAND_LINE_MAX  2048

#define HANDOFF_MAGIC   0x4f44414e4f544142 // "BATONADO"
#define HANDOFF_VERSION 10

// One kernel that ran before: a row of the lineage (kernel/chain).
struct lineage_entry {
    uint32_t generation;
    uint32_t svam; // what it did about SetVirtualAddressMap: efi/mode.h
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

// What core needs. Everything else is in nodes.
struct handoff {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes; // of this structure
    uint64_t block_pa;
    uint32_t block_bytes;
    uint32_t block_crc; // CRC-32 of the block, with this field as zero

    uint32_t generation; // of the kernel that reads this
    uint32_t svam;       // enum efi_svam (efi/mode.h): was it called?
    char mode[16];       // the mode whose addresses the firmware now has

    struct handoff_clock clock;
    uint64_t counter; // what the sender wrote to BatonGeneration
    uint64_t aborted; // firmware calls that were ended: it is tainted
};
