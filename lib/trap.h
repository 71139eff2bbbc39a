// Traps: exceptions and interrupts, and the table of what handles them.
//
// kernel/trap.c walks the table, so the call gate, the timer and the watchdog
// need not know it, nor each other. What no row handles is a panic.

#pragma once

#include "lib/table.h"
#include "lib/types.h"

#define VECTOR_DEBUG          1
#define VECTOR_NMI            2
#define VECTOR_DOUBLE_FAULT   8
#define VECTOR_PAGE_FAULT     14
#define VECTOR_MACHINE        18
#define VECTOR_LAST_EXCEPTION 31
#define VECTOR_TIMER          32
#define VECTOR_SPURIOUS       255
#define VECTORS               256

// What kernel/trap.asm leaves on the stack, from the lowest address up.
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

// A row is for the vectors from `first` to `last`, and has one of the two
// functions. They run with interrupts off and may change the frame: it is what
// the trap returns to.
struct trap_row {
    uint8_t first, last;
    bool nested; // also for a trap that interrupts the handling of another one

    // True: this was the row's, and it is handled. Rows are asked in the order
    // of their ids, up to the first such one.
    bool (*handle)(struct trap_frame *frame);

    // Once the trap was handled, by whichever row.
    void (*after)(struct trap_frame *frame);
};

TABLE(traps, struct trap_row);
