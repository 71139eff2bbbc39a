// Exceptions and interrupts: descriptor tables, and what a trap looks like.

#pragma once

#include "lib/status.h"
#include "lib/types.h"

#define VECTOR_DEBUG        1
#define VECTOR_NMI          2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT   14
#define VECTOR_MACHINE      18
#define VECTOR_TIMER        32
#define VECTOR_SPURIOUS     255
#define VECTORS             256

// What kernel/trap.asm leaves on the stack, from the lowest address up.
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

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
