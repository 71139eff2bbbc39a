// The firmware as this kernel knows it: where its tables and regions are, which
// mode maps them, and how each service is entered. efi/open.c alone writes
// this.

#pragma once

#include "efi/mode.h"
#include "efi/region.h"
#include "efi/types.h"
#include "efi/width.h"

struct efi_firmware {
    bool ready;   // may be called
    bool refused; // must not be called, though there is one
    const struct efi_width *width;
    const struct efi_mode *mode;
    enum efi_svam svam;
    uint64_t aborted_before; // calls that earlier kernels had to end

    struct efi_regions regions;

    // The firmware's own tables, as they were read last, and what their
    // pointers were before SetVirtualAddressMap, as it is handed on.
    pa_t system_table_pa, runtime_table_pa;
    struct efi_system_table system;
    struct efi_runtime_services runtime;
    struct efi_setup setup;

    // What the gate calls for each service; 0: it must not be called.
    va_t entry[EFI_SERVICES];
};

extern const struct efi_firmware *const firmware;

// What happened to SetVirtualAddressMap, for reports: SVAM_REFUSED if the
// firmware must not be called.
static inline enum efi_svam firmware_svam(void) {
    return firmware->refused ? SVAM_REFUSED : firmware->svam;
}

// Calls that had to be ended since power-on, by any kernel. If there is one,
// the firmware is tainted.
uint64_t firmware_aborted(void);
