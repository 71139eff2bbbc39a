// The end of a kernel that found itself wrong: say all that helps, then stop.

#pragma once

#include "kernel/trap.h"
#include "lib/panic.h"

// An exception that no code handles: registers, the fault in words, backtrace.
// `detail` explains it; or NULL.
void panic_trap(const struct trap_frame *frame, const char *detail)
    __attribute__((noreturn));

// Where the panic happened, for who looks at it later: a trap's registers; for
// panic() itself, those that a backtrace of its caller needs.
extern struct trap_frame panic_frame;
