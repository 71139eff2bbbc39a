// How fast do the time-stamp counter and the timer of the local APIC count?
// Measured against a clock whose frequency is known.

#pragma once

#include "boot/handoff.h"
#include "lib/table.h"

// A clock whose frequency is known. clock_measure() tries them in the order of
// their ids, with interrupts off.
struct clock {
    const char *name;
    uint64_t mask; // the bits that it counts with

    // Starts it, and returns its frequency in Hz; 0: there is none. `rsdp_pa`
    // as for clock_measure().
    uint64_t (*start)(pa_t rsdp_pa);

    // Gives its count, which goes up. False: it has come to its end.
    bool (*read)(uint64_t *count);
};

TABLE(clocks, struct clock);

// `read` of a clock that is the TSC itself.
bool clock_read_tsc(uint64_t *count);

// Fills `tsc_hz` and `apic_hz`, by the first of the known clocks that works,
// and returns its name; some are found by way of the RSDP at `rsdp_pa` (0:
// there is none). `apic_count` is a counter of the local APIC's timer that goes
// up. Interrupts have to be off. Never fails: with no clock at all, the
// frequency of the TSC is a guess, and the name says so.
const char *clock_measure(pa_t rsdp_pa, uint32_t (*apic_count)(void),
                          struct handoff_clock *clock);

// Can these frequencies be? For those that another kernel hands on.
bool clock_is_plausible(const struct handoff_clock *clock);
