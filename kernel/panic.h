// The end of a kernel that found itself wrong: say all that helps, then stop.

#pragma once

#include "kernel/trap.h"

// An invariant of the kernel does not hold. Prints reason and backtrace.
void panic(const char *reason, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

// An exception that nobody expected: registers, the fault in words, backtrace.
void panic_trap(const struct trap_frame *frame) __attribute__((noreturn));
