// The firmware as this kernel knows it: where its tables and regions are, which
// mode maps them, and how each service is entered.

#pragma once

#include "boot/boot_info.h"
#include "efi/mode.h"
#include "efi/region.h"
#include "efi/types.h"
#include "mm/page_table.h"

struct efi_firmware {
    bool ready; // may be called
    bool moved; // this kernel called SetVirtualAddressMap, whatever came of it
    const struct efi_mode *mode;
    enum efi_svam svam;
    struct memory_map *memory; // boot_info's
    bool boot_memory_free;     // boot-services memory is for all to use
    uint64_t aborted; // calls that were ended since power-on, by any kernel
    struct efi_regions regions;

    // The firmware's own tables, physical: where they are and, from before
    // their addresses became virtual, what they pointed to, as it is handed on.
    pa_t system_table_pa, runtime_table_pa, rsdp_pa;
    struct efi_setup setup;
    uint64_t config_table_count;

    // Which services it says it has not at runtime: bit n for service n.
    uint32_t missing_services;

    // The entry of each service, as it has to be called; 0: it may not be.
    uint64_t service[EFI_SERVICES];

    // Its regions at VA = PA under the kernel's upper half: for physical mode,
    // and in every mode for SetVirtualAddressMap, which is only ever callable
    // there (UEFI 2.10 §8.4).
    struct page_table private_table;
};

extern struct efi_firmware firmware;

// Does it say that it has not that service at runtime (UEFI 2.10 §8.1)?
static inline bool firmware_lacks(enum efi_service service) {
    return firmware.missing_services >> service & 1;
}
