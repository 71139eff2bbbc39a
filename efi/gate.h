// The call gate: the one way into the firmware, and the one way out.
//
// A call runs on a stack of its own, with the state that UEFI 2.10 §2.3.4 asks
// for, on whichever page table its record names. Afterwards the kernel takes
// nothing from the registers but the status: its own come from the record. An
// exception inside the firmware ends the call, not the kernel.

#pragma once

#include "efi/types.h"
#include "lib/status.h"
#include "lib/trap.h"

#define GATE_ARGUMENTS 5
#define GATE_FRAME     48 // bytes that gate.asm takes of the stack

struct gate_fault {
    uint64_t vector, error;
    va_t rip;
    bool is_page_fault;
    va_t address_va; // of a page fault
};

enum gate_outcome {
    GATE_KEPT,    // nothing is known to have gone wrong
    GATE_CHANGED, // registers came back changed, and were restored: efi/guard
    GATE_FAULTED, // the firmware faulted, or did not come back in time: its
                  // call was ended, see `fault`
};

// One call. gate.asm reads and writes this by the offsets
// that tools/offsets finds.
struct gate_call {
    uint64_t function;
    uint64_t argument[GATE_ARGUMENTS];
    pa_t table_pa;       // CR3 during the call
    uint64_t stack_top;  // less GATE_FRAME, as that table maps it
    efi_status_t status; // what the firmware returned
    uint64_t kernel_rsp; // and at that address, the kernel's flags
    struct {
        uint64_t rbx, rbp, rsi, rdi, r12, r13, r14, r15;
    } saved; // what the firmware has to keep: the calling convention

    // The status of the last call of this service, if no observer has to see
    // the next one: the same status again needs no look. GATE_LOOK: they look.
    efi_status_t expected;
    enum gate_outcome outcome; // GATE_KEPT when the call begins
    enum efi_service service;
    struct gate_fault fault;
};

#define GATE_LOOK UINT64_MAX

struct gate_statistics {
    uint64_t calls;
    uint64_t faults; // calls that were ended
};

extern struct gate_statistics gate_statistics;

// The call that is under way, or NULL. It is the gate's lock, and leads
// gate.asm and the trap handler to the record.
extern struct gate_call *gate_current;

// gate.asm: runs gate_current.
void gate_enter(void);

// Takes the gate for this call, whose arguments may be filled in then. False: a
// call is under way already, and this is an interrupt handler's mistake.
static inline bool gate_take(struct gate_call *call) {
    if (gate_current)
        return false;
    gate_current = call;
    __atomic_signal_fence(__ATOMIC_SEQ_CST); // before anything is filled in
    return true;
}

// Runs the function of the call that took the gate, and fills `status`. True:
// it is the expected one, and no observer has to look. Inline, as each call to
// the firmware goes here.
static inline bool gate_run(struct gate_call *call) {
    gate_enter();
    gate_statistics.calls++;
    gate_current = NULL;
    return call->status == call->expected;
}

// Once, before the first call, when the descriptor tables are loaded: begins
// the observers (efi/observe.h). Their errors, of which the first one ends it.
status_t gate_begin(void);

// For the trap handler: ends the call that is under way, or lets it go on if an
// observer has removed the cause, by changing what the trap returns to. False:
// none is, or it is the gate's own way back that faulted.
bool gate_contain(struct trap_frame *frame);
