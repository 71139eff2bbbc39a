// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

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

static const struct field {
    const char *name;
    uint8_t offset, bytes;
} fields[] = {
    FIELD(rbx),  FIELD(rbp), FIELD(rsi),  FIELD(rdi), FIELD(r12),
    FIELD(r13),  FIELD(r14), FIELD(r15),  FIELD(rsp), FIELD(rflags),
    FIELD(cr3),  FIELD(cr0), FIELD(cr4),  FIELD(ss),  FIELD(ds),
    FIELD(es),   FIELD(fs),  FIELD(gs),   FIELD(fcw), FIELD(mxcsr),
    FIELD(gdtr), FIELD(tr),  FIELD(idtr), FIELD(dr7),
};

static struct {
    const char *name;
    uint32_t msr;
    uint64_t before;
} msrs[] = {{"efer", MSR_EFER, 0}, {"pat", MSR_PAT, 0}};

void gate_init(void) {
    gate_note_machine();
    for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
        msrs[i].before = read_msr(msrs[i].msr);
}

const char *gate_register_name(unsigned number) {
    unsigned msr = number - ARRAY_SIZE(fields);
    if (number < ARRAY_SIZE(fields))
        return fields[number].name;
    return msr < ARRAY_SIZE(msrs) ? msrs[msr].name : NULL;
}

uint32_t gate_deviations(void) {
    const uint8_t *before = (const uint8_t *)&gate_before;
    const uint8_t *after = (const uint8_t *)&gate_after;
    uint32_t changed = 0;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        size_t at = fields[i].offset;
        if (memcmp(before + at, after + at, fields[i].bytes)) {
            gate_statistics.deviations++;
            changed |= 1u << i;
        }
    }
    return changed;
}

uint32_t gate_msr_deviations(void) {
    uint32_t changed = 0;
    for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
        if (read_msr(msrs[i].msr) != msrs[i].before) {
            write_msr(msrs[i].msr, msrs[i].before);
            gate_statistics.deviations++;
            changed |= 1u << (ARRAY_SIZE(fields) + i);
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
// ends in time never has to look at a clock.
bool gate_overdue(uint64_t now_us) {
    static uint64_t calls, since_us;
    if (!gate_current || calls != gate_statistics.calls)
        since_us = now_us;
    calls = gate_statistics.calls;
    return now_us - since_us > GATE_SECONDS * 1000000UL;
}

void gate_count_interrupt(void) {
    gate_statistics.interrupts += gate_current != NULL;
}
