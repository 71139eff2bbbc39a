// How fast do the time-stamp counter and the timer of the local APIC count?
// Measured against a clock whose frequency is known.

#pragma once

#include "boot/boot_info.h"
#include "lib/table.h"

// A clock whose frequency is known. clock_measure() tries them in the order of
// their ids, with interrupts off.
struct clock {
    const char *name;
    uint64_t mask; // the bits that it counts with

    // Starts it, and returns its frequency in Hz; 0: there is no such clock.
    uint64_t (*start)(const struct boot_info *boot);

    // Reads its count, which goes up. False: it has come to its end.
    bool (*read)(uint64_t *count);
};

TABLE(clocks, struct clock);

// Fills `tsc_hz` and `apic_hz`, by the first clock that works, and returns its
// name. `apic_count` is a counter of the local APIC's timer that goes up.
// Interrupts have to be off. Never fails: if no clock works, the frequencies
// are a guess, and the name says so.
const char *clock_measure(const struct boot_info *boot,
                          uint32_t (*apic_count)(void),
                          struct handoff_clock *clock);

// Are these frequencies plausible? For those that another kernel hands on.
bool clock_is_plausible(const struct handoff_clock *clock);
