// The timer interrupt, from the local APIC (SDM vol. 3 §11.5.4). Core needs
// none: without this annex interrupts stay off.

#include "kernel/timer/timer.h"
#include "kernel/apic/apic.h"
#include "kernel/stage.h"
#include "kernel/time.h"
#include "kernel/timer/clock.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/trap.h"
#include "lib/x86.h"
#include "mm/vmap/vmap.h"

#define TICKS_PER_SECOND 100
#define DIVIDE_BY_16     0x3

volatile uint64_t timer_ticks;

static uint32_t apic_count(void) {
    return UINT32_MAX - apic_read(APIC_CURRENT_COUNT);
}

// Frequencies that another kernel hands on are used if they are plausible.
static const char *find_frequencies(const struct boot_info *boot) {
    const char *source = "handoff";
    if (!clock_is_plausible(&kernel_clock)) {
        apic_write(APIC_TIMER, ENTRY_MASKED);
        apic_write(APIC_INITIAL_COUNT, UINT32_MAX);
        source = clock_measure(boot, apic_count, &kernel_clock);
        apic_write(APIC_INITIAL_COUNT, 0);
    }
    return source;
}

static void report(const char *source) {
    event("clock", "source=%s tsc_hz=%lu apic_hz=%lu", source,
          kernel_clock.tsc_hz, kernel_clock.apic_hz);
    if (str_equal(source, "guess"))
        say("time: no known clock to measure with: a TSC of %lu Hz is a guess",
            kernel_clock.tsc_hz);
}

STAGE(MACHINE, 00_timer, "timer") {
    TRY(apic_open(space_device));
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    const char *source = find_frequencies(&kernel->boot);
    apic_write(APIC_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_INITIAL_COUNT,
               (uint32_t)(kernel_clock.apic_hz / TICKS_PER_SECOND));
    log_clock = time_microseconds;
    interrupts_on();
    report(source);
    return STATUS_OK;
}

STAGE(LEAVE, 80_timer, "timer") {
    TRY(apic_open(space_device));
    apic_write(APIC_TIMER, ENTRY_MASKED);
    apic_write(APIC_INITIAL_COUNT, 0);
    return STATUS_OK;
}

static bool handle_timer(struct trap_frame *frame __attribute__((unused))) {
    timer_ticks++;
    apic_write(APIC_EOI, 0);
    return true;
}

ROW(traps, 10_timer) = {VECTOR_TIMER, VECTOR_TIMER, .nested = true,
                        .handle = handle_timer};

// An interrupt of the kernel before this one may still be pending in the APIC:
// Linux' timer has vector 236. A spurious one must not be acknowledged (SDM
// vol. 3 §10.9).
static bool handle_other(struct trap_frame *frame) {
    if (frame->vector != VECTOR_SPURIOUS)
        apic_write(APIC_EOI, 0);
    return true;
}

ROW(traps, 40_other) = {VECTOR_TIMER + 1, VECTOR_SPURIOUS, .nested = true,
                        .handle = handle_other};
