// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

#include "lib/random.h"
#include "lib/string.h"
#include "lib/x86.h"

extern const char gate_recover[];
void gate_note_machine(void); // gate.asm

struct gate_call *gate_current;
struct gate_statistics gate_statistics;
bool (*gate_mend)(const struct gate_fault *fault);

// For gate.asm.
extern struct gate_note gate_before, gate_after;
struct gate_note gate_before, gate_after;

#define FIELD(name)                                                            \
    { #name, offsetof(struct gate_note, name), sizeof(gate_before.name) }
#define XMM(n)                                                                 \
    { "xmm" #n, offsetof(struct gate_note, xmm[n - 6]), 16 }

static const struct field {
    const char *name;
    uint16_t offset, bytes;
} fields[] = {
    FIELD(rbx),  FIELD(rbp),   FIELD(rsi),  FIELD(rdi), FIELD(r12),
    FIELD(r13),  FIELD(r14),   FIELD(r15),  FIELD(rsp), FIELD(rflags),
    FIELD(cr3),  FIELD(cr0),   FIELD(cr4),  FIELD(cr8), FIELD(cs),
    FIELD(ss),   FIELD(ds),    FIELD(es),   FIELD(fs),  FIELD(gs),
    FIELD(fcw),  FIELD(mxcsr), FIELD(gdtr), FIELD(tr),  FIELD(efer),
    FIELD(idtr), FIELD(dr7),   FIELD(pat),  XMM(6),     XMM(7),
    XMM(8),      XMM(9),       XMM(10),     XMM(11),    XMM(12),
    XMM(13),     XMM(14),      XMM(15),
};

void gate_init(void) {
    uint64_t state = 1;
    for (size_t i = 0; i < ARRAY_SIZE(gate_before.xmm); i++)
        for (size_t j = 0; j < 2; j++)
            gate_before.xmm[i][j] = random_next(&state);
    gate_note_machine();
}

const char *gate_register_name(unsigned number) {
    return number < ARRAY_SIZE(fields) ? fields[number].name : NULL;
}

uint64_t gate_deviations(void) {
    const uint8_t *before = (const uint8_t *)&gate_before;
    const uint8_t *after = (const uint8_t *)&gate_after;
    uint64_t changed = 0;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        size_t at = fields[i].offset;
        if (memcmp(before + at, after + at, fields[i].bytes)) {
            gate_statistics.deviations++;
            changed |= 1UL << i;
        }
    }
    return changed;
}

// A second exception in one call is in our own way back.
bool gate_contain(const struct gate_fault *fault, va_t *rip, uint64_t *rflags) {
    struct gate_call *call = gate_current;
    if (!call || call->outcome == GATE_FAULTED)
        return false;
    if (gate_mend && gate_mend(fault))
        return true;
    call->fault = *fault;
    call->outcome = GATE_FAULTED;
    gate_statistics.faults++;
    *rip = (va_t)gate_recover;
    *rflags &= ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    return true;
}

// Which call it is, is told by how many came back before it: so a call that
// ends in time never has to look at a clock. Its time begins with the first
// look at it. That may be a later one than ours: an NMI can come between the
// reading of a clock and this function.
bool gate_overdue(uint64_t ran_us) {
    static uint64_t calls = UINT64_MAX, since_us;
    if (!gate_current || calls != gate_statistics.calls)
        since_us = ran_us;
    calls = gate_statistics.calls;
    return gate_current && ran_us > since_us &&
           ran_us - since_us > gate_current->limit_us;
}

void gate_count_interrupt(void) {
    gate_statistics.interrupts += gate_current != NULL;
}
