// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

#include "lib/random.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/space.h"

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

bool gate_contain(struct trap_frame *frame) {
    struct gate_call *call = gate_current;
    bool is_page_fault = frame->vector == VECTOR_PAGE_FAULT;
    struct gate_fault fault = {.vector = frame->vector,
                               .error = frame->error,
                               .rip = frame->rip,
                               .is_page_fault = is_page_fault,
                               .address_va = is_page_fault ? read_cr2() : 0};
    if (!call || call->outcome == GATE_FAULTED)
        return false;
    if (gate_mend && gate_mend(&fault))
        return true;
    call->fault = fault;
    call->outcome = GATE_FAULTED;
    gate_statistics.faults++;
    frame->rip = (va_t)gate_recover;
    frame->rflags &=
        ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    frame->cs = KERNEL_CS; // whatever segments there were
    frame->ss = 0;
    return true;
}

// During a call the firmware is to blame for every exception, also for those of
// the gate's own code, which stumbles over what the firmware left; but not for
// one that an interrupt handler has: that is a bug of ours.
ROW(traps, 70_gate) = {0, VECTOR_LAST_EXCEPTION, .handle = gate_contain};

// A firmware may leave the trap flag set, or a breakpoint: the gate takes them
// away, a few steps into the kernel's code. A breakpoint comes before its
// instruction, again and again unless RF is set (SDM vol. 3 §17.3.1.1).
static bool step_home(struct trap_frame *frame) {
    if (!gate_current || !is_kernel_text(frame->rip))
        return false;
    frame->rflags |= RFLAGS_RF;
    return true;
}

ROW(traps, 60_gate_step) = {VECTOR_DEBUG, VECTOR_DEBUG, .nested = true,
                            .handle = step_home};

static void gate_count_interrupt(struct trap_frame *frame
                                 __attribute__((unused))) {
    gate_statistics.interrupts += gate_current != NULL;
}

ROW(traps, 60_gate_count) = {VECTOR_TIMER, VECTOR_TIMER, .nested = true,
                             .after = gate_count_interrupt};
