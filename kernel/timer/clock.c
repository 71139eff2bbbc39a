// A measurement is two samples of all counters, 1/100 s apart. The machine may
// stand still at any point of it, in system management mode or because the host
// does not run it. Between the samples that does no harm, for all counters go
// on; inside a sample it would, so the quickest of several is taken.

#include "kernel/timer/clock.h"

#include "lib/x86.h"

#define MEASURE_PER_SEC 100  // the time between two samples, as a fraction
#define SAMPLES         4    // of which the quickest counts
#define TRIES           5    // measurements, until one is good
#define STUCK_POLLS     1000 // a clock that does not move for so long is none
#define POLLS_MAX       1000000 // 1 s, at 1 us for each
#define ERROR_MAX       50      // a sample may take 1/50 of the measurement
#define GUESSED_HZ      1000000000

#define TSC_HZ_MIN  10000000UL // 10 MHz to 20 GHz
#define TSC_HZ_MAX  20000000000UL
#define APIC_HZ_MIN 10000UL // 10 kHz to 2 GHz
#define APIC_HZ_MAX 2000000000UL

// Intel 8254, channel 2: mode 0, both bytes of the count; its gate and output.
#define PIT_HZ        1193182
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND   0x43
#define PIT_ONE_SHOT  0xb0
#define PIT_LATCH     0x80
#define PIT_GATE      0x61
#define PIT_GATE_ON   0x01
#define PIT_SPEAKER   0x02
#define PIT_OUTPUT    0x20
#define PIT_COUNT_MAX 0xffff

struct sample {
    uint64_t reference, tsc, apic;
    uint64_t cycles; // that it took
};

// ---- the PIT

static uint64_t pit_start(const struct boot_info *boot
                          __attribute__((unused))) {
    uint8_t gate = in8(PIT_GATE) & ~PIT_SPEAKER;
    out8(PIT_GATE, gate | PIT_GATE_ON);
    out8(PIT_COMMAND, PIT_ONE_SHOT);
    out8(PIT_CHANNEL_2, PIT_COUNT_MAX & 0xff);
    out8(PIT_CHANNEL_2, PIT_COUNT_MAX >> 8);
    return PIT_HZ;
}

static bool pit_read(uint64_t *count) {
    out8(PIT_COMMAND, PIT_LATCH);
    uint8_t low = in8(PIT_CHANNEL_2), high = in8(PIT_CHANNEL_2);
    *count = PIT_COUNT_MAX - (high << 8 | low);
    return !(in8(PIT_GATE) & PIT_OUTPUT);
}

ROW(clocks, 10_pit) = {"pit", PIT_COUNT_MAX, pit_start, pit_read};

// ---- measuring

static bool take(const struct clock *clock, uint32_t (*apic_count)(void),
                 struct sample *sample) {
    *sample = (struct sample){.cycles = UINT64_MAX};
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t count, tsc = read_tsc();
        if (!clock->read(&count))
            return false;
        uint32_t apic = apic_count();
        uint64_t cycles = read_tsc() - tsc;
        if (cycles < sample->cycles)
            *sample = (struct sample){count, tsc, apic, cycles};
    }
    return true;
}

// Until the clock has gone on by `ticks`. False: it does not go on, or ends.
static bool wait_for(const struct clock *clock, uint64_t ticks) {
    uint64_t start, count, last, still = 0;
    if (!clock->read(&start))
        return false;
    last = start;
    for (unsigned poll = 0; poll < POLLS_MAX && still < STUCK_POLLS; poll++) {
        if (!clock->read(&count))
            return false;
        if (((count - start) & clock->mask) >= ticks)
            return true;
        still = count == last ? still + 1 : 0;
        last = count;
    }
    return false;
}

// Is `part` small enough against `whole`?
static bool is_exact(uint64_t part, uint64_t whole) {
    return part < whole / ERROR_MAX;
}

static bool measure(const struct clock *clock, const struct boot_info *boot,
                    uint32_t (*apic_count)(void), struct handoff_clock *found) {
    struct sample first, last;
    uint64_t hz = clock->start(boot);
    if (!hz || !wait_for(clock, 1) || !take(clock, apic_count, &first) ||
        !wait_for(clock, hz / MEASURE_PER_SEC) ||
        !take(clock, apic_count, &last))
        return false;
    uint64_t ticks = (last.reference - first.reference) & clock->mask;
    uint64_t cycles = last.tsc - first.tsc;
    if (ticks == 0 || ticks > hz || cycles > TSC_HZ_MAX)
        return false; // more than a second, too much to multiply
    found->tsc_hz = cycles * hz / ticks;
    found->apic_hz = (last.apic - first.apic) * hz / ticks;
    return is_exact(first.cycles, cycles) && is_exact(last.cycles, cycles) &&
           clock_is_plausible(found);
}

bool clock_is_plausible(const struct handoff_clock *clock) {
    return clock->tsc_hz >= TSC_HZ_MIN && clock->tsc_hz <= TSC_HZ_MAX &&
           clock->apic_hz >= APIC_HZ_MIN && clock->apic_hz <= APIC_HZ_MAX;
}

const char *clock_measure(const struct boot_info *boot,
                          uint32_t (*apic_count)(void),
                          struct handoff_clock *found) {
    FOR_EACH_ROW(clocks, clock)
        for (unsigned try = 0; try < TRIES; try++)
            if (measure(clock, boot, apic_count, found))
                return clock->name;
    found->tsc_hz = GUESSED_HZ;
    found->apic_hz = GUESSED_HZ / 16;
    return "guess";
}
