// Where the watchdog attaches: two traps, and the beginning and the end of
// time.

#include "kernel/apic/apic.h"
#include "kernel/apic/io_apic.h"
#include "kernel/nmi/nmi.h"
#include "kernel/stage.h"
#include "kernel/watchdog/watchdog.h"
#include "lib/log.h"
#include "mm/vmap/vmap.h"

STAGE(MACHINE, 10_watchdog, "watchdog") {
    TRY(apic_open(space_device));
    TRY(io_apic_open());
    bool works = watchdog_init();
    event("watchdog", "source=%s", works ? "pit" : "none");
    if (!works)
        say("watchdog: PIT channel 0 sends no interrupt: a firmware call that "
            "hangs with interrupts off will not be ended");
    return STATUS_OK;
}

STAGE(LEAVE, 90_watchdog, "watchdog") {
    watchdog_stop();
    return STATUS_OK;
}

static bool handle_nmi(struct trap_frame *frame) {
    return !nmi_is_instruction(frame) && watchdog_take_nmi(frame->rip);
}

ROW(traps, 20_watchdog) = {VECTOR_NMI, VECTOR_NMI, .nested = true,
                           .handle = handle_nmi};

static void after_tick(struct trap_frame *frame __attribute__((unused))) {
    watchdog_restart();
}

ROW(traps, 50_watchdog) = {VECTOR_TIMER, VECTOR_TIMER, .nested = true,
                           .after = after_tick};
