// The end of a kernel that found itself wrong: say all that helps, then stop.

#pragma once

#include "kernel/trap.h"
#include "lib/panic.h"

// An exception that nobody expected: registers, the fault in words, backtrace.
void panic_trap(const struct trap_frame *frame) __attribute__((noreturn));

// Where the panic happened, for who looks at it later: a trap's registers; for
// panic() itself, those that a backtrace of its caller needs.
extern struct trap_frame panic_frame;
