// The proof that the firmware is really there: a list of checks, each of which
// looks at an effect, not at a status.

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"

// The vendor of Baton's variables: 7d1b2a9e-5c43-4f0e-9a86-62b0a7013e15. They
// are kept in flash, and to be had here as well as by a boot loader.
extern const struct efi_guid baton_guid;
#define BATON_ATTRIBUTES                                                       \
    (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOT_SERVICE |                   \
     EFI_VARIABLE_RUNTIME_ACCESS)

// Runs all checks, one `@proof` line each. `*counter` is what the last kernel
// left in the variable BatonGeneration, and becomes what this one leaves there.
// With `writes` false nothing is written to the firmware's store: what is
// written takes room there until the next reset. False if any check failed.
bool proof_run(const struct boot_info *boot, uint64_t *counter, bool writes);
