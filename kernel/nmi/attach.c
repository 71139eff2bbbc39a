// Where NMIs attach: the traps by which hardware reports an error, the log, and
// the page table of a transition.

#include "kernel/nmi/nmi.h"
#include "kernel/panic.h"
#include "kexec/kexec.h"
#include "lib/log.h"
#include "mm/space.h"

// `int 2` looks like an NMI, but there is the instruction, 0xcd 2, before rip.
// The kernel has none, and yet these bytes: `ror r13d, 2` ends in them. At
// privilege level 3 it is a general protection fault, and nothing is read
// there.
bool nmi_is_instruction(const struct trap_frame *frame) {
    const uint8_t *code = (const uint8_t *)frame->rip;
    return !(frame->cs & 3) && !is_kernel_text(frame->rip) &&
           frame->rip % PAGE_SIZE >= 2 && code[-2] == 0xcd &&
           code[-1] == frame->vector;
}

// A hardware error is a panic, even during a call of the firmware; an NMI that
// reports none is counted.
static bool handle_nmi(struct trap_frame *frame) {
    const char *reason = nmi_reason();
    if (nmi_is_instruction(frame))
        return false;
    if (reason)
        panic_trap(frame, reason);
    nmi_count(frame->rip);
    return true;
}

ROW(traps, 25_nmi) = {VECTOR_NMI, VECTOR_NMI, .nested = true,
                      .handle = handle_nmi};

static bool handle_machine_check(struct trap_frame *frame) {
    if (!nmi_is_instruction(frame))
        panic_trap(frame, "machine check");
    return false;
}

ROW(traps, 30_machine_check) = {VECTOR_MACHINE, VECTOR_MACHINE, .nested = true,
                                .handle = handle_machine_check};

ROW(sinks, 20_nmi) = {.before = nmi_report};

extern const char nmi_page[];

static status_t map_page(struct kexec_staged *staged,
                         const struct handoff_content *content) {
    (void)content;
    return page_table_map(&staged->transition, (va_t)nmi_page,
                          image_pa_of(nmi_page), PAGE_SIZE, MAP_WRITE);
}

ROW(departures, 10_nmi) = {.describe = map_page};
