// What one kernel tells the next: the baton itself.
//
// The handoff is Linux's: a boot_params page (asm/bootparam.h) with e820 map,
// efi_info and command line, and a chain of setup_data nodes. Two nodes matter:
// SETUP_EFI, which any Linux understands, and one of our own that any Linux
// skips, with what only Baton knows. All of it lies in one block of memory:
//
//   boot_params │ account │ command line │ EFI map │ SETUP_… │ struct handoff
//   └───────────────────────── block_pa, block_bytes ─────────────────────┘
//
// The CRC in the last part is over the whole block, so that one flipped bit
// anywhere in it is seen. A receiver that sees one still needs memory to live
// on, so what boot_params say of memory stands a second time in the account,
// with a CRC of its own (boot/damage/account.c).

#pragma once

#include <asm/bootparam.h>

#include "lib/types.h"

#define HANDOFF_BLOCK_MAX MIB // in bytes: nobody sends more

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

// For a Linux, which drops that node, a copy of it is preserved in a reserved
// page, and this word on the command line says where: handoff=0x….
#define PRESERVED_WORD "handoff"

#define HANDOFF_MAGIC          0x4f44414e4f544142 // "BATONADO"
#define HANDOFF_VERSION        6
#define HANDOFF_LINEAGE_MAX    8
#define HANDOFF_ATTRIBUTES_MAX 128

// All that a receiver needs besides memory, 0 if there is none.
struct handoff_needs {
    uint64_t command_line_pa, bundle_pa, bundle_bytes, rsdp_pa;
};

static inline struct handoff_needs
handoff_needs_of(const struct boot_params *params) {
    const struct setup_header *hdr = &params->hdr;
    return (struct handoff_needs){
        (uint64_t)params->ext_cmd_line_ptr << 32 | hdr->cmd_line_ptr,
        (uint64_t)params->ext_ramdisk_image << 32 | hdr->ramdisk_image,
        (uint64_t)params->ext_ramdisk_size << 32 | hdr->ramdisk_size,
        params->acpi_rsdp_addr};
}

// At a fixed distance behind boot_params, so that no pointer leads to it.
#define HANDOFF_ACCOUNT_AT sizeof(struct boot_params)

struct handoff_account {
    uint32_t crc;   // CRC-32 of `needs` and `entry`, without the padding
    uint32_t count; // of entries
    struct handoff_needs needs;
    struct boot_e820_entry entry[]; // all; boot_params have room for 128
};

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

// Where the firmware's first runtime region begins, and how far it is from
// there to the end of the last one. With the distances that the EFI map has,
// these two numbers give all addresses (efi=contiguous).
struct handoff_run {
    uint64_t va, bytes;
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
    struct handoff_run run; // where the mode hands on nothing else
    struct handoff_life life[HANDOFF_LINEAGE_MAX];
    struct handoff_attribute attribute[HANDOFF_ATTRIBUTES_MAX];
};
