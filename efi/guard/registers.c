// Which registers a call changed, and back to what they were: registers.asm.

#include "efi/guard/registers.h"
#include "efi/guard/guard.h"
#include "efi/observe.h"
#include "kernel/stage.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "mm/random/random.h"
#include "mm/space.h"

_Static_assert(offsetof(struct snapshot, cr0) % 8 == 0 &&
                   offsetof(struct snapshot, xmm) % 8 == 0,
               "registers.asm compares eight bytes at a time");

// registers.asm
void guard_enter(void);
void guard_recover(void);
void guard_note_machine(void);
void guard_load_xmm(void);
void guard_restore(void);
extern struct snapshot guard_before, guard_after;

struct snapshot guard_before, guard_after;

#define KEPT(name)                                                             \
    { #name, offsetof(struct snapshot, kept.name), 8 }
#define FIELD(name)                                                            \
    { #name, offsetof(struct snapshot, name), sizeof(guard_before.name) }
#define XMM(n)                                                                 \
    { "xmm" #n, offsetof(struct snapshot, xmm[n - 6]), 16 }

static const struct field {
    const char *name;
    uint16_t offset, bytes;
} fields[] = {
    KEPT(rbx),   KEPT(rbp),    KEPT(rsi),   KEPT(rdi),  KEPT(r12),
    KEPT(r13),   KEPT(r14),    KEPT(r15),   FIELD(rsp), FIELD(rflags),
    FIELD(cr3),  FIELD(cr0),   FIELD(cr4),  FIELD(cr8), FIELD(cs),
    FIELD(ss),   FIELD(ds),    FIELD(es),   FIELD(fs),  FIELD(gs),
    FIELD(fcw),  FIELD(mxcsr), FIELD(gdtr), FIELD(tr),  FIELD(efer),
    FIELD(idtr), FIELD(dr7),   FIELD(pat),  XMM(6),     XMM(7),
    XMM(8),      XMM(9),       XMM(10),     XMM(11),    XMM(12),
    XMM(13),     XMM(14),      XMM(15),
};

struct guard_statistics guard_statistics;
static uint64_t violating_calls[EFI_SERVICES];

// What registers.asm does not note, since it is in the record.
static void complete_snapshots(const struct gate_call *call) {
    memcpy(&guard_before.kept, &call->saved, sizeof(guard_before.kept));
    guard_before.rsp = call->stack_top;
    guard_before.cr3 = call->table_pa;
}

static bool is_changed(const struct field *field) {
    return memcmp((const uint8_t *)&guard_before + field->offset,
                  (const uint8_t *)&guard_after + field->offset, field->bytes);
}

static struct table_register table_of(const uint8_t bytes[10]) {
    struct table_register table;
    memcpy(&table, bytes, sizeof(table));
    return table;
}

// Called by registers.asm, with interrupts off, on the kernel's stack: whatever
// the firmware may have changed is loaded again, but for CR3 and what gate.asm
// takes from the record. Before LTR, the TSS must not be busy (SDM vol. 3
// §7.2).
void guard_restore(void) {
    struct table_register gdt = table_of(guard_before.gdtr);
    struct table_register idt = table_of(guard_before.idtr);
    write_cr0(guard_before.cr0);
    write_cr4(guard_before.cr4);
    write_cr8(guard_before.cr8);
    write_dr7(guard_before.dr7);
    write_msr(MSR_EFER, guard_before.efer);
    write_msr(MSR_PAT, guard_before.pat);
    guard_load_xmm();
    load_gdt(&gdt, KERNEL_CS, KERNEL_DS);
    load_idt(&idt);
    ((uint8_t *)gdt.base_va)[TSS_SELECTOR + 5] &= (uint8_t)~2;
    load_task_register(TSS_SELECTOR);
}

// Every one is counted, but those of one service are reported once each.
static bool registers_after(struct gate_call *call) {
    static uint64_t reported[EFI_SERVICES];
    if (call->outcome != GATE_CHANGED)
        return false;
    complete_snapshots(call);
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        if (!is_changed(&fields[i]))
            continue;
        if (!(reported[call->service] & 1UL << i))
            event("efi.violation", "svc=%s register=%s",
                  efi_service_name(call->service), fields[i].name);
        reported[call->service] |= 1UL << i;
        guard_statistics.violations++;
    }
    violating_calls[call->service]++;
    return false;
}

// A firmware may leave the trap flag or a breakpoint set. Both are restored
// above, but until then they trap in the kernel's code. A breakpoint traps
// before its instruction, again and again unless RF is set (SDM vol. 3
// §17.3.1.1).
static bool step_over(struct trap_frame *frame) {
    if (!gate_current || !is_kernel_text(frame->rip))
        return false;
    frame->rflags |= RFLAGS_RF;
    return true;
}

ROW(traps, 60_registers) = {VECTOR_DEBUG, VECTOR_DEBUG, .nested = true,
                            .handle = step_over};

static status_t registers_begin(void) {
    uint64_t state = 1;
    for (size_t i = 0; i < ARRAY_SIZE(guard_before.xmm); i++)
        for (size_t j = 0; j < 2; j++)
            guard_before.xmm[i][j] = random_next(&state);
    guard_note_machine();
    return STATUS_OK;
}

ROW(observers, 10_registers) = {.begin = registers_begin,
                                .around = guard_enter,
                                .recover = guard_recover,
                                .after = registers_after};

STAGE(READY, 10_registers, "registers") {
    for (unsigned i = 0; i < EFI_SERVICES; i++)
        if (violating_calls[i])
            say("efi: %s changed registers in %lu calls; all were restored",
                efi_service_name(i), violating_calls[i]);
    return STATUS_OK;
}
