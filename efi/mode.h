// Mapping modes: every proposal for calling the firmware from more than one
// kernel is one row of the table in mode.c. A new proposal is a new row.

#pragma once

#include "efi/region.h"
#include "lib/status.h"

// What happened to SetVirtualAddressMap in this boot of the machine.
enum efi_svam {
    SVAM_NEVER,     // not called: the firmware runs where it lies
    SVAM_CALLED,    // called by this kernel
    SVAM_INHERITED, // called by a kernel before this one
    SVAM_REFUSED,   // nothing is known that could be relied on
};

// Whose page table the firmware runs on.
enum efi_table {
    TABLE_PRIVATE, // its own, with its regions at VA = PA: CR3 changes per call
    TABLE_KERNEL,  // the kernel's
};

// By what the next kernel knows the virtual addresses. A Linux is always told
// all of them, where anything is handed on.
enum efi_hands_on {
    HANDS_ON_NOTHING,
    HANDS_ON_ALL, // each region's, in its descriptor
    HANDS_ON_RUN, // the first one's and a size: struct handoff_run
};

struct efi_mode {
    const char *name;     // on the command line: efi=NAME
    const char *proposal; // who proposed it, when
    enum efi_table table;
    bool calls_svam;
    enum efi_hands_on hands_on;
    bool by_rule; // the next kernel runs place() again and compares; otherwise
                  // it takes the addresses that it is handed

    // Gives each region its virtual address. INVALID or REFUSED with a reason.
    // NULL for efi=inherit, which stands for whatever mode there is already.
    status_t (*place)(struct efi_regions *regions);
};

const struct efi_mode *efi_mode_find(const char *name);

// The n-th row, from 0; NULL past the last one.
const struct efi_mode *efi_mode_at(size_t n);

// The mode that addresses handed over by any kernel belong to: the one whose
// rule yields just these, or else the one that has no rule.
const struct efi_mode *efi_mode_of(const struct efi_regions *given);

// "physical, identity, …": for whoever asked for another one.
const char *efi_mode_names(void);

const char *efi_svam_name(enum efi_svam svam);

// The placement rules, each a pure function.
status_t efi_place_identity(struct efi_regions *regions);
status_t efi_place_fixed(struct efi_regions *regions);
status_t efi_place_contiguous(struct efi_regions *regions);
status_t efi_place_direct(struct efi_regions *regions);
status_t efi_place_table(struct efi_regions *regions);
status_t efi_place_naive(struct efi_regions *regions);

// The run that placed regions are in, and its inverse: gives each region its
// address from these two numbers and the distances that they have in memory.
// REFUSED: the run has another size than the regions, or it is not all in the
// second quadrant.
struct handoff_run efi_run_of(const struct efi_regions *regions);
status_t efi_place_run(struct efi_regions *regions,
                       const struct handoff_run *run);
