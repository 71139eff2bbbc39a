// How to reset a machine without its firmware's help.

#pragma once

#include "lib/types.h"

// Starts the machine again without its firmware's help: by the register that
// ACPI names, if there is an RSDP at `rsdp_pa` (0: none), then by each way that
// PCs have had for it, until one works.
void reboot(pa_t rsdp_pa) __attribute__((noreturn));
