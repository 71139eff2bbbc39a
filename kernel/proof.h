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
// `spared`: why nothing may be written, and neither clock nor alarm be moved,
// as the details of what is skipped then say; NULL: all is tried, and what was
// changed is put back. False if any check failed.
bool proof_run(const struct boot_info *boot, uint64_t *counter,
               const char *spared);

// Logs the proof that failed because ResetSystem came back, with `status`.
void proof_off(efi_status_t status);
