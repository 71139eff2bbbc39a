// What time it is, by the time-stamp counter (TSC).

#pragma once

#include "boot/handoff.h"
#include "lib/types.h"

// Frequencies in Hz, measured by kernel/timer; 0: not known. The handoff passes
// them on.
extern struct handoff_clock kernel_clock;

extern uint64_t tsc_here; // this generation's first time stamp

// Cycles of the TSC in microseconds. Until its frequency is known, 1 GHz is
// assumed. From any context.
uint64_t time_of(uint64_t cycles);

// Microseconds since generation 0 began. From any context.
uint64_t time_microseconds(void);
