// Time: the TSC says how late it is, the local APIC's timer that time goes on.

#pragma once

#include "boot/handoff.h"
#include "lib/status.h"
#include "lib/types.h"

#define TICKS_PER_SECOND 100
#define TIME_SPAN_US     54925 // the longest count of a PIT

extern struct handoff_clock kernel_clock;
extern uint64_t tsc_here; // this generation's first time stamp

// Measures the clocks where `kernel_clock` does not know them yet (a kexec
// hands them on), and starts the timer interrupt. UNSUPPORTED: no local APIC.
status_t time_init(pa_t rsdp_pa);

// So many cycles of the TSC in microseconds; 0 before it was measured.
uint64_t time_of(uint64_t cycles);

// Since generation 0 began.
uint64_t time_microseconds(void);

// The microseconds in which this machine ran: time in which it stood still, as
// a virtual machine on a busy host does, or a PC in system management mode, is
// left out but for 55 ms each. It goes on whenever somebody asks, which has to
// be at least every 55 ms; every tick and every NMI does. From any context.
uint64_t time_ran(void);

// The interrupt handler, and how often it ran.
void time_tick(void);
uint64_t time_ticks(void);

// Tells the local APIC that the interrupt was taken.
void time_acknowledge(void);

// Before a jump: no timer interrupt comes any more. Interrupts are off then.
void time_stop(void);
