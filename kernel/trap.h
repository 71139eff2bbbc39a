// Exceptions and interrupts: the descriptor tables. Who handles a trap is in
// the table of lib/trap.h.

#pragma once

#include "lib/trap.h"
#include "lib/types.h"

struct idt_entry {
    uint16_t offset_low, selector;
    uint8_t ist, type; // ist: a stack of the TSS; 0: the stack that is in use
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

extern struct idt_entry trap_idt[VECTORS];
extern uint64_t trap_gdt[]; // with space for a TSS descriptor
extern unsigned trap_depth; // traps that are being handled

// Own GDT and IDT, on whatever stack is in use: from here on a fault is a panic
// that can be read, not a reset.
void trap_init(void);

// The GDT, the segments of the kernel, and interrupts off.
void trap_load_segments(void);

// For the stubs of trap.asm, and others in their place: walks the table of
// lib/trap.h. The frame may be changed when it returns.
void trap_handler(struct trap_frame *frame);

// Leaves the present stack for another one and never comes back.
void run_on_stack(va_t top_va, void (*function)(void))
    __attribute__((noreturn));
