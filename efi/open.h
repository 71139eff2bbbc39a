// Opening the firmware: from a system table to services that can be called, or
// to a refusal.

#pragma once

#include "boot/boot_info.h"
#include "efi/mode.h"
#include "lib/status.h"
#include "lib/table.h"

// Points in the opening of the firmware at which annexes act.
enum opening_point {
    OPENING_FOUND,  // its regions are read, and nothing else: a row may set
                    // boot->handoff.mode
    OPENING_TABLES, // its tables are read, too. If it is bound to no mode yet,
                    // a row may set boot->handoff.mode
    OPENING_PLACED, // its tables, the mode and the addresses of its regions are
                    // known; nothing of it is mapped or called
    OPENING_SVAM,   // SetVirtualAddressMap will be called next, on
                    // firmware_table, which is replaced after it
    OPENING_MAPPED, // all regions are mapped where the services use them, with
                    // all rights that the memory map allows
};

// Rows of one point run in the order of their ids. An error refuses the
// firmware: it is not called any more.
struct opening {
    enum opening_point when;
    status_t (*run)(struct boot_info *boot);
};

TABLE(openings, struct opening);

// Opens the firmware that `boot` describes in mode `wanted`: adopts the mapping
// of an earlier kernel, or makes one. NULL: in the mode that it is in, or in
// mode fixed if it is in none. Afterwards the services of efi/services.h work.
// `boot` has to stay: annexes use and change its memory map from now on.
// NOT_FOUND: no firmware. Other errors: it is refused, and not called.
status_t efi_open(struct boot_info *boot, const struct efi_mode *wanted);

// The firmware that is open is refused: no service is called any more, but
// SetVirtualAddressMap may still be left for the next kernel.
void efi_refuse(void);

// No service is called any more, for efi.fault=off.
void efi_close(void);
