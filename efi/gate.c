// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

#include "lib/x86.h"

extern const char gate_recover[];

struct gate_call *gate_current;
struct gate_statistics gate_statistics;

// In the order of enum gate_register.
static const char *const registers[GATE_REGISTERS] = {
    "rbx",
    "rbp",
    "rsi",
    "rdi",
    "r12",
    "r13",
    "r14",
    "r15",
    "rsp",
    "rflags",
    "cr0",
    "cr3",
    "cr4",
    "a segment register",
    "gs or the FPU's control"};

const char *gate_count_deviations(const struct gate_call *call) {
    const char *first = NULL;
    for (unsigned i = GATE_REGISTERS; i-- > 0;) {
        if (call->before[i] != call->after[i]) {
            gate_statistics.deviations++;
            first = registers[i];
        }
    }
    return first;
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
