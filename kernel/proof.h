// The proof that the firmware is really there: a list of checks, each of which
// looks at an effect, not at a status.

#pragma once

#include "boot/boot_info.h"

// Runs all checks, one `@proof` line each. `*counter` is what the last kernel
// left in the variable BatonGeneration, and becomes what this one leaves there.
// With `writes` false nothing is written to the firmware's store: what is
// written takes room there until the next reset. False if any check failed.
bool proof_run(const struct boot_info *boot, uint64_t *counter, bool writes);
