// Where NMIs attach: the trap, the log, and the page table of a transition.

#include "kernel/nmi/nmi.h"
#include "kernel/panic.h"
#include "kernel/trap.h"
#include "kexec/kexec.h"
#include "lib/log.h"
#include "mm/space.h"

// An NMI that reports a hardware error is a panic, whatever it interrupted; any
// other is counted.
static bool handle(struct trap_frame *frame) {
    const char *reason = nmi_reason();
    if (trap_is_instruction(frame))
        return false;
    if (reason)
        panic_trap(frame, reason);
    nmi_count(frame->rip);
    return true;
}

ROW(traps, 25_nmi) = {VECTOR_NMI, VECTOR_NMI, .nested = true, .handle = handle};

ROW(sinks, 20_nmi) = {.before = nmi_report};

extern const char nmi_page[];

static status_t map_page(struct kexec_staged *staged,
                         struct handoff_content *content) {
    (void)content;
    return page_table_map(&staged->transition, (va_t)nmi_page,
                          image_pa_of(nmi_page), PAGE_SIZE, MAP_WRITE);
}

ROW(departures, 10_nmi) = {.describe = map_page};
