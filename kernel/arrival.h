// The machine as the last owner left it, made into the one that this kernel
// relies on: every register, and the sources of interrupts.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

// Sends INIT to the other processors, which may be halted in memory that is
// about to be used. Before the kernel has a page table; what early_read() has
// shown is forgotten. Errors: those of apic_stop_others().
status_t arrival_stop_others(pa_t image_pa);

// Sets all registers of this processor. UNSUPPORTED: it has no NX bit.
status_t arrival_set_registers(void);

// Opens the interrupt controllers and silences every source of interrupts but
// the NMI line. With interrupts off. NO_MEMORY, UNSUPPORTED: no local APIC.
status_t arrival_silence(void);
