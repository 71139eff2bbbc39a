// The call gate's outside: one call at a time, and a look at what came back.

#include "efi/gate.h"

#include "lib/panic.h"
#include "lib/x86.h"
#include "mm/space.h"

extern void gate_enter(void);
extern const char gate_recover[];

// The call that is under way: the lock, and what gate.asm and the trap handler
// find their way back by.
struct gate_call *gate_current;

struct gate_statistics gate_statistics;

static struct gate_fault *current_fault;
static bool faulted;

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
        if (deviates(call, i))
            return registers[i].name;
    return NULL;
}

static void count_deviations(const struct gate_call *call) {
    for (unsigned i = 0; i < GATE_REGISTERS; i++)
        gate_statistics.deviations += deviates(call, i);
}

status_t gate_run(struct gate_call *call, struct gate_fault *fault) {
    struct gate_call *idle = NULL;
    if (!__atomic_compare_exchange_n(&gate_current, &idle, call, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return fail(STATUS_REFUSED,
                    "efi: called while a call to %#lx is under way",
                    idle->function);
    call->kernel_table_pa = kernel_table.root_pa;
    current_fault = fault;
    faulted = false;
    gate_enter();
    gate_statistics.calls++;
    if (read_cr3() != kernel_table.root_pa)
        panic("gate: CR3 is %#lx after a call, not the kernel's %#lx",
              read_cr3(), kernel_table.root_pa);
    bool failed = faulted;
    __atomic_store_n(&gate_current, NULL, __ATOMIC_RELEASE);
    if (failed)
        return fail(STATUS_FAILED, "efi: fault in the firmware at %#lx",
                    fault->rip);
    count_deviations(call);
    return STATUS_OK;
}

bool gate_contain(const struct gate_fault *fault, va_t *rip, uint64_t *rflags) {
    if (!gate_current)
        return false;
    *current_fault = *fault;
    faulted = true;
    gate_statistics.faults++;
    *rip = (va_t)gate_recover;
    *rflags &= ~(RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
    return true;
}

void gate_count_interrupt(void) {
    gate_statistics.interrupts += gate_current != NULL;
}
