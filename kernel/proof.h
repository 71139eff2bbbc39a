// The proof that the firmware can be called: checks, each of which looks at an
// effect, not at a status. EFI_SUCCESS alone proves little: a variable counts
// when the next kernel reads it, time when it moves.

#pragma once

#include "boot/boot_info.h"
#include "efi/services.h"
#include "kernel/verdict.h"
#include "lib/table.h"

// The vendor of Baton's variables: 7d1b2a9e-5c43-4f0e-9a86-62b0a7013e15. They
// are non-volatile, and a boot loader can read them as well.
extern const struct efi_guid baton_guid;
#define BATON_ATTRIBUTES                                                       \
    (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOT_SERVICE |                   \
     EFI_VARIABLE_RUNTIME_ACCESS)

// The variable that every generation increments.
extern const struct efi_name proof_counter_name;

#define PROOF_DETAIL_BYTES 256

// One check that runs.
struct proof {
    const struct boot_info *boot;
    uint64_t *counter;     // BatonGeneration, as far as it is known
    const char *read_only; // why nothing may be changed; NULL: it may
    char detail[PROOF_DETAIL_BYTES];
};

// Walked by proof_run(), once a generation, after the firmware is opened. A row
// may call any service. What it changes it puts back, but for the counter, and
// it changes nothing where `read_only` is a reason.
struct proof_row {
    const char *name;
    enum verdict (*run)(struct proof *proof);
    uint32_t needs; // services; if proof_lacking has one, the row is skipped
};

TABLE(proofs, struct proof_row);

// Services that the firmware says it does not support at runtime, bit n for
// service n: efi/services sets it.
extern uint32_t proof_lacking;

#define PROOF_NEEDS(service) (1u << (service))

// Appends to the detail, and returns `verdict`.
enum verdict proof_detail(struct proof *proof, enum verdict verdict,
                          const char *text, ...)
    __attribute__((format(printf, 3, 4)));

// The verdict of a check that may not write, and so has shown less: SKIP.
enum verdict proof_read_only(struct proof *proof);

// Runs all checks, with an event `@proof` for each. `*counter` is what the last
// kernel left in the variable BatonGeneration, and becomes what this one leaves
// there. `read_only`: the reason for which nothing may be written, and neither
// clock nor alarm be changed; NULL: all is tried. False if a check failed.
bool proof_run(const struct boot_info *boot, uint64_t *counter,
               const char *read_only);
