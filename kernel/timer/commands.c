// Self-tests of interrupts.

#include "kernel/monitor/selftest.h"
#include "kernel/timer/timer.h"
#include "lib/x86.h"

TEST(interrupts_of_an_earlier_kernel_are_taken) {
    interrupt_236();
    return true;
}

TEST(timer_ticks) {
    uint64_t before = timer_ticks, deadline = time_ran() + 1000000;
    while (timer_ticks == before && time_ran() < deadline)
        spin_hint();
    return timer_ticks > before;
}
