// Exceptions and interrupts: descriptor tables and stacks. Who handles a trap
// is in the table of lib/trap.h.

#pragma once

#include "lib/status.h"
#include "lib/trap.h"
#include "lib/types.h"

// Was the trap raised by an instruction, `int n`, and not by an event?
bool trap_is_instruction(const struct trap_frame *frame);

// Own GDT and IDT, on whatever stack is in use: from here on a fault is a panic
// that can be read, not a reset.
void trap_init(void);

// Gives each kind of emergency a stack of its own. NO_MEMORY.
status_t trap_init_stacks(void);

// "page fault", "timer", …
const char *trap_name(uint64_t vector);

// For the end of a panic: leaves the trap that may be under way, for good, and
// runs `function` on a stack that no trap uses, so that a firmware may fault.
// Comes back only if there are no stacks yet.
void trap_abandon(void (*function)(void));

// Leaves the present stack for another one and never comes back.
void run_on_stack(va_t top_va, void (*function)(void))
    __attribute__((noreturn));
