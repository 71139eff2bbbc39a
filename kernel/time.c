// The local APIC's timer (SDM vol. 3 §11.5.4), and what time it is.

#include "kernel/time.h"

#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/trap.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"

#define DIVIDE_BY_16 0x3

struct handoff_clock kernel_clock;
uint64_t tsc_here;

static volatile uint64_t ticks;

static uint32_t apic_count(void) {
    return UINT32_MAX - apic_read(APIC_CURRENT_COUNT);
}

// What another kernel hands on is measured again if it cannot be.
static const char *find_frequencies(pa_t rsdp_pa) {
    const char *source = "handoff";
    if (!clock_is_plausible(&kernel_clock)) {
        apic_write(APIC_TIMER, ENTRY_MASKED);
        apic_write(APIC_INITIAL_COUNT, UINT32_MAX);
        source = clock_measure(rsdp_pa, apic_count, &kernel_clock);
        apic_write(APIC_INITIAL_COUNT, 0);
    }
    return source;
}

static void report(const char *source) {
    event("clock", "source=%s tsc_hz=%lu apic_hz=%lu", source,
          kernel_clock.tsc_hz, kernel_clock.apic_hz);
    if (str_equal(source, "guess"))
        say("time: no clock that this kernel knows can be measured with: a TSC "
            "of %lu Hz is a guess",
            kernel_clock.tsc_hz);
}

status_t time_init(pa_t rsdp_pa) {
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    const char *source = find_frequencies(rsdp_pa);
    apic_write(APIC_TIMER, TIMER_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_INITIAL_COUNT,
               (uint32_t)(kernel_clock.apic_hz / TICKS_PER_SECOND));
    interrupts_on();
    report(source);
    return STATUS_OK;
}

uint64_t time_of(uint64_t cycles) {
    uint64_t hz = kernel_clock.tsc_hz;
    if (hz == 0)
        return 0;
    return cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

uint64_t time_microseconds(void) {
    return time_of(read_tsc() - kernel_clock.tsc_start);
}

// A machine that runs is interrupted at least once in that time, by a tick or
// by the watchdog. Where more has passed, it stood still for the rest.
// Interrupts and NMIs ask in the middle of this as well: each span of time is
// added by the one who moves `last` to its end, so the sum never goes back.
uint64_t time_ran(void) {
    static uint64_t ran_us, last;
    uint64_t then = __atomic_load_n(&last, __ATOMIC_RELAXED);
    uint64_t now = read_tsc();
    int64_t passed = (int64_t)(now - then);
    if (passed > 0 &&
        __atomic_compare_exchange_n(&last, &then, now, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        __atomic_fetch_add(&ran_us,
                           min_u64(time_of((uint64_t)passed), TIME_SPAN_US),
                           __ATOMIC_RELAXED);
    return __atomic_load_n(&ran_us, __ATOMIC_RELAXED);
}

void time_tick(void) {
    ticks++;
    time_acknowledge();
}

void time_acknowledge(void) {
    apic_write(APIC_EOI, 0);
}

uint64_t time_ticks(void) {
    return ticks;
}

void time_stop(void) {
    interrupts_off();
    apic_write(APIC_TIMER, ENTRY_MASKED);
    apic_write(APIC_INITIAL_COUNT, 0);
}
