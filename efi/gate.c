// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

#include "lib/x86.h"

extern const char gate_recover[];

struct gate_call *gate_current;
struct gate_statistics gate_statistics;

// The bits of each register that the calling convention keeps. Arithmetic flags
// and the sticky exception flags of the MXCSR are the firmware's to change.
static const struct {
    const char *name;
    uint64_t kept;
} registers[GATE_REGISTERS] = {
    [GATE_RBX] = {"rbx", ~0UL},
    [GATE_RBP] = {"rbp", ~0UL},
    [GATE_RSI] = {"rsi", ~0UL},
    [GATE_RDI] = {"rdi", ~0UL},
    [GATE_R12] = {"r12", ~0UL},
    [GATE_R13] = {"r13", ~0UL},
    [GATE_R14] = {"r14", ~0UL},
    [GATE_R15] = {"r15", ~0UL},
    [GATE_RSP] = {"rsp", ~0UL},
    [GATE_RFLAGS] = {"rflags", RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL |
                                   RFLAGS_NT | RFLAGS_AC},
    [GATE_CR0] = {"cr0", ~0UL},
    [GATE_CR3] = {"cr3", ~0UL},
    [GATE_CR4] = {"cr4", ~0UL},
    [GATE_SEGMENTS] = {"a segment register", ~0UL},
    [GATE_GS] = {"gs", 0xffff},
    [GATE_FPU] = {"the FPU's control words", 0xffff0000ffc0},
};

static bool deviates(const struct gate_call *call, unsigned i) {
    return (call->before[i] ^ call->after[i]) & registers[i].kept;
}

const char *gate_deviation(const struct gate_call *call) {
    for (unsigned i = 0; i < GATE_REGISTERS; i++)
        if (call->outcome == GATE_CHANGED && deviates(call, i))
            return registers[i].name;
    return NULL;
}

void gate_account_for(const struct gate_call *call) {
    for (unsigned i = 0; i < GATE_REGISTERS; i++)
        gate_statistics.deviations +=
            call->outcome == GATE_CHANGED && deviates(call, i);
}

bool gate_contain(const struct gate_fault *fault, va_t *rip, uint64_t *rflags) {
    if (!gate_current)
        return false;
    gate_current->fault = *fault;
    gate_current->outcome = GATE_FAULTED;
    gate_statistics.faults++;
    *rip = (va_t)gate_recover;
    *rflags &= ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    return true;
}

void gate_count_interrupt(void) {
    gate_statistics.interrupts += gate_current != NULL;
}
