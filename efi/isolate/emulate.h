// What privileged instructions do at privilege level 3.

#pragma once

#include "boot/boot_info.h"
#include "efi/types.h"
#include "lib/status.h"
#include "lib/trap.h"
#include "lib/types.h"

// Completes the list of ports that services may use. Before
// SetVirtualAddressMap: see acpi_find_rsdp().
void ports_open(const struct boot_info *boot);

// Sets a bit for each of the first `count` ports that a service may not use
// directly, as the TSS has it (SDM vol. 1 §19.5.2).
void ports_map(uint8_t *bits, unsigned count);

// A general protection fault of a service: does what its instruction asks for.
// The code is read where frame->rip says, up to `count` bytes. False: the
// instruction is none of those, or it is not allowed; that is logged.
bool emulate(struct trap_frame *frame, enum efi_service service, size_t count);
