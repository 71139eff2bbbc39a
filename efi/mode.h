// Mapping modes: every proposal for calling the firmware from more than one
// kernel is a row of the table `modes`. Those of core are in mode.c, the others
// in efi/modes/. A new proposal is a new row, in a file of its own.

#pragma once

#include "efi/region.h"
#include "lib/status.h"
#include "lib/table.h"

// What happened to SetVirtualAddressMap since power-on.
enum efi_svam {
    SVAM_NEVER,     // not called: the firmware runs at its physical addresses
    SVAM_CALLED,    // called by this kernel, with or without success
    SVAM_INHERITED, // called by a kernel before this one
    SVAM_REFUSED,   // the firmware is not called: in reports only
};

// Which page table the firmware runs on.
enum efi_table {
    PAGE_TABLE_OWN,    // its own, with its regions at VA = PA: CR3 changes
    PAGE_TABLE_KERNEL, // the kernel's
};

// efi/open.c walks the table while it opens the firmware, kernel/options.c when
// it reads efi=. Rows are sorted by id. A row keeps no state of a generation.
struct efi_mode {
    const char *name;     // on the command line: efi=NAME
    const char *proposal; // who proposed it, when
    enum efi_table table;
    bool calls_svam;
    bool hands_on; // the next kernel gets each region's virtual address

    // If SetVirtualAddressMap was not called yet: gives each region its
    // virtual address. INVALID or REFUSED, with the reason.
    status_t (*place)(struct efi_regions *regions);

    // Where an earlier kernel called it: validates the virtual addresses in
    // `regions`, or computes them. REFUSED, with the reason, or what place()
    // returned. NULL: no later kernel can know the addresses.
    status_t (*adopt)(const struct efi_mode *mode, struct efi_regions *regions);
};

TABLE(modes, struct efi_mode);

// The row with that name, or NULL.
const struct efi_mode *efi_mode_find(const char *name);

// "physical, identity, …", for messages. Valid until the next call.
const char *efi_mode_names(void);

const char *efi_svam_name(enum efi_svam svam);

// An adopt(): place() has to yield the addresses in `regions` again.
status_t efi_adopt_by_rule(const struct efi_mode *mode,
                           struct efi_regions *regions);

// A place(): the rule of efi=fixed.
status_t efi_place_fixed(struct efi_regions *regions);
