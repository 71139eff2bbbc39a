// The call gate: the one way into the firmware, and the one way out.
//
// A call runs on a stack of its own, with the state that UEFI 2.10 §2.3.4 asks
// for, on whichever page table the caller names. Afterwards every register is
// held against a note in memory: the firmware may have changed any of them, its
// stack pointer too. What it changed against the rules is counted, and put back
// from there. An exception inside the firmware ends the call, not the kernel.

#pragma once

#include "efi/types.h"
#include "lib/trap.h"

#define GATE_ARGUMENTS 5
#define GATE_FRAME     48 // bytes that gate.asm takes of the stack

// What the firmware must leave as it was. gate.asm writes this by offset; from
// cr0 on it is the same before all calls, and noted once. The ten XMM registers
// are not compared after each call, but their exclusive or is. Each word costs
// an instruction to compare, so there is no more of a register than matters.
struct gate_note {
    uint64_t rbx, rbp, rsi, rdi, r12, r13, r14, r15;
    uint64_t rsp, rflags, cr3;
    uint32_t cr0, cr4;
    uint16_t ss, ds, es, fs, gs, mxcsr, fcw, cr8;
    uint8_t gdtr[10];
    uint16_t tr;
    uint32_t efer;
    uint8_t idtr[10];
    uint16_t cs;
    uint32_t dr7;
    uint64_t pat, xmm_sum[2];
    uint64_t xmm[10][2]; // XMM6 to XMM15
};

struct gate_fault {
    uint64_t vector, error;
    va_t rip;
    bool is_page_fault;
    va_t address_va; // of a page fault
};

enum gate_outcome {
    GATE_KEPT,    // all registers came back as they were
    GATE_CHANGED, // some did not, and were put back
    GATE_FAULTED, // the firmware faulted, or did not come back in time: its
                  // call was ended, see `fault`
};

// One call. gate.asm reads and writes this by offset: keep the order.
struct gate_call {
    uint64_t function;                 // 0x00
    uint64_t argument[GATE_ARGUMENTS]; // 0x08
    pa_t table_pa;                     // 0x30: CR3 during the call
    uint64_t stack_top;        // 0x38: less GATE_FRAME, as that table maps it
    efi_status_t status;       // 0x40: what the firmware returned
    uint64_t kernel_rsp;       // 0x48
    enum gate_outcome outcome; // 0x50: GATE_KEPT when the call begins
    struct gate_fault fault;
    uint64_t limit_us; // in which it has to come back
};

struct gate_statistics {
    uint64_t calls;
    uint64_t deviations; // registers that came back changed, over all calls
    uint64_t faults;     // calls that were ended
    uint64_t mended;     // page faults after which it could go on
    uint64_t interrupts; // that came while the firmware ran
};

extern struct gate_statistics gate_statistics;

// The call that is under way: the lock, and what gate.asm and the trap handler
// find their way back by.
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

// Runs the function of the call that took the gate, fills `status` if it came
// back, and gives the outcome; where that is not GATE_KEPT, the caller sets it
// back to that. Inline, as each call to the firmware goes here.
static inline enum gate_outcome gate_run(struct gate_call *call) {
    gate_enter();
    gate_statistics.calls++;
    gate_current = NULL;
    return call->outcome;
}

// Notes what is the same before all calls. Once, when all tables are loaded.
void gate_init(void);

// What shall be done about a page fault of the firmware's: true if it can go on
// where it was, because the page is there now. Set by efi/guard/judge.c.
extern bool (*gate_mend)(const struct gate_fault *fault);

// Ends the call under way, as a trap's handler: the trap returns to the gate.
// Or a page fault is fixed up, and the firmware goes on. False: there is no
// call, or it was ended before, and a second exception is in our own way back.
bool gate_contain(struct trap_frame *frame);

// The registers that came back changed, as bits for gate_register_name(): for a
// call whose outcome is GATE_CHANGED, once. Each is counted.
uint64_t gate_deviations(void);

// "rbx", "rflags", …; NULL past the last one.
const char *gate_register_name(unsigned number);
