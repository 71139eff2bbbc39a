// Time: the TSC says how late it is, the local APIC's timer that time goes on.

#pragma once

#include "boot/handoff.h"
#include "lib/status.h"
#include "lib/types.h"

#define TICKS_PER_SECOND 100

extern struct handoff_clock kernel_clock;
extern uint64_t tsc_here; // this generation's first time stamp

// Measures the clocks where `kernel_clock` does not know them yet (a kexec
// hands them on), and starts the timer interrupt. UNSUPPORTED: no local APIC.
status_t time_init(void);

// So many cycles of the TSC in microseconds; 0 before it was measured.
uint64_t time_of(uint64_t cycles);

// Since generation 0 began.
uint64_t time_microseconds(void);

// The watchdog: a timer that each tick puts back to its start, and that barks
// with an NMI when there was none for 55 ms, since interrupts are off. In the
// NMI's handler: was it the watchdog? Then it starts again if `again`.
bool time_watchdog_barked(bool again);

// The interrupt handler, and how often it ran.
void time_tick(void);
uint64_t time_ticks(void);

// Tells the local APIC that the interrupt was taken.
void time_acknowledge(void);

// For whoever comes next: silences every interrupt source, and sends INIT to
// the other processors.
void time_stop(void);
