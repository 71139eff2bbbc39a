// The ticks of the timer, and the time in which the machine ran.

#pragma once

#include "lib/types.h"

extern volatile uint64_t timer_ticks;    // interrupts of the timer
extern volatile uint64_t timer_in_calls; // of them, during firmware calls

// Ticks that have to come during firmware calls, for the proof `ticks`: one. 0
// if most of each call is the work of an observer, so that there may be none.
extern uint64_t timer_ticks_due;

// The longest time between two interrupts of a machine that runs, in
// microseconds: the longest count of a PIT.
#define TIME_SPAN_US 54925

// The microseconds in which this machine ran. A virtual machine on a busy host,
// or a PC in system management mode, stands still for a while; of that time,
// TIME_SPAN_US at most are counted. The count goes on with each call, so it has
// to be called at least that often; every tick and every NMI does. From any
// context.
uint64_t time_ran(void);
