// Non-maskable interrupts: what they report. An NMI without a known reason is
// counted and logged, and the kernel goes on.

#pragma once

#include "lib/trap.h"
#include "lib/types.h"

// Was the trap raised by an instruction, `int n`, rather than by an event?
bool nmi_is_instruction(const struct trap_frame *frame);

// The hardware error that NMIs report (port 0x61 of the PC); NULL if none.
const char *nmi_reason(void);

// Counts an NMI of unknown reason; `rip` is what it interrupted. From any
// context.
void nmi_count(va_t rip);

// Logs the NMIs of unknown reason that came since the last report. Not from a
// trap handler.
void nmi_report(void);
