// Time from the TSC: see the header.

#include "kernel/time.h"

#include "lib/x86.h"

#define ASSUMED_HZ 1000000000

struct handoff_clock kernel_clock;
uint64_t tsc_here;

uint64_t time_of(uint64_t cycles) {
    uint64_t hz = kernel_clock.tsc_hz ? kernel_clock.tsc_hz : ASSUMED_HZ;
    return cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

uint64_t time_microseconds(void) {
    return time_of(read_tsc() - kernel_clock.tsc_start);
}
