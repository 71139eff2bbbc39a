// What time it is, by the time-stamp counter (TSC).

#pragma once

#include "boot/handoff.h"
#include "lib/types.h"

// Frequencies in Hz, measured by kernel/timer; 0: not known. The handoff passes
// them on.
extern struct handoff_clock kernel_clock;

extern uint64_t tsc_here;             // this generation's first time stamp
extern volatile uint64_t timer_ticks; // timer interrupts, of kernel/timer

// The longest time between two interrupts of a machine that runs, in
// microseconds: the longest count of a PIT.
#define TIME_SPAN_US 54925

// So many cycles of the TSC in microseconds. As long as its frequency is not
// known, it is taken to be 1 GHz. From any context.
uint64_t time_of(uint64_t cycles);

// Microseconds since generation 0 began. From any context.
uint64_t time_microseconds(void);

// The microseconds in which this machine ran. A virtual machine on a busy host,
// or a PC in system management mode, stands still for a while; of that time,
// TIME_SPAN_US at most are counted. The count goes on with each call, so it has
// to be called at least that often; every tick and every NMI does. From any
// context.
uint64_t time_ran(void);
