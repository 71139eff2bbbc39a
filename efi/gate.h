// The call gate: the one way into the firmware, and the one way out.
//
// A call runs on a stack of its own, with the state that UEFI 2.10 §2.3.4 asks
// for, on whichever page table the caller names. Afterwards every register is
// held against a note in memory: the firmware may have changed any of them, its
// stack pointer too. What it changed against the rules is counted, and put back
// from there. An exception inside the firmware ends the call, not the kernel.

#pragma once

#include "efi/types.h"
#include "mm/space.h"

#define GATE_ARGUMENTS 5

// What the firmware must leave as it was, in the order of gate.asm.
enum gate_register {
    GATE_RBX,
    GATE_RBP,
    GATE_RSI,
    GATE_RDI,
    GATE_R12,
    GATE_R13,
    GATE_R14,
    GATE_R15,
    GATE_RSP,
    GATE_RFLAGS,
    GATE_CR0,
    GATE_CR3,
    GATE_CR4,
    GATE_SEGMENTS, // ss, ds, es and fs, 16 bits each
    GATE_GS_FPU,   // gs, then the x87 control word, then the MXCSR above
    GATE_REGISTERS,
};

struct gate_fault {
    uint64_t vector, error;
    va_t rip;
    va_t address_va; // of a page fault
};

enum gate_outcome {
    GATE_KEPT,    // all registers came back as they were
    GATE_CHANGED, // some did not, and were put back
    GATE_FAULTED, // the firmware did: its call was ended, see `fault`
    GATE_REFUSED, // a call is under way already: an interrupt handler's mistake
};

// One call. gate.asm reads and writes this by offset: keep the order.
struct gate_call {
    uint64_t function;                 // 0x00
    uint64_t argument[GATE_ARGUMENTS]; // 0x08
    pa_t table_pa;                     // 0x30: CR3 during the call
    uint64_t stack_top;                // 0x38: as that table maps it
    efi_status_t status;               // 0x40: what the firmware returned
    uint64_t kernel_rsp;               // 0x48
    pa_t kernel_table_pa;              // 0x50
    uint64_t before[GATE_REGISTERS];   // 0x58
    uint64_t after[GATE_REGISTERS];    // 0xd0
    enum gate_outcome outcome;         // 0x148
    struct gate_fault fault;
};

struct gate_statistics {
    uint64_t calls;
    uint64_t deviations; // registers that came back changed, over all calls
    uint64_t faults;
    uint64_t interrupts; // that came while the firmware ran
};

extern struct gate_statistics gate_statistics;

// The call that is under way: the lock, and what gate.asm and the trap handler
// find their way back by.
extern struct gate_call *gate_current;

// gate.asm: runs gate_current.
void gate_enter(void);

// Runs `call->function` with its arguments and fills `call->status`, if it came
// back. Gives call->outcome. Inline, as each call to the firmware goes here.
static inline enum gate_outcome gate_run(struct gate_call *call) {
    struct gate_call *idle = NULL;
    if (!__atomic_compare_exchange_n(&gate_current, &idle, call, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return call->outcome = GATE_REFUSED;
    call->kernel_table_pa = kernel_table.root_pa;
    call->outcome = GATE_KEPT;
    gate_enter();
    gate_statistics.calls++;
    __atomic_store_n(&gate_current, NULL, __ATOMIC_RELEASE);
    return call->outcome;
}

// For the trap handler, which has seen to it that the fault is not in kernel
// code: is the firmware running? Then the call ends: *rip and *rflags are where
// the trap shall return to.
bool gate_contain(const struct gate_fault *fault, va_t *rip, uint64_t *rflags);

// For the timer's handler: counts itself if the firmware is running.
void gate_count_interrupt(void);

// For a call whose outcome is GATE_CHANGED, once: counts what changed, and
// gives the first one's name: "rbx", "rflags", ….
const char *gate_count_deviations(const struct gate_call *call);
