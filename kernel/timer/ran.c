// The time in which the machine ran: see kernel/timer/timer.h.

#include "kernel/time.h"
#include "kernel/timer/timer.h"
#include "lib/x86.h"

// Interrupts and NMIs call this in the middle of another call: each span of
// time is added by the call that moves `last` to its end, so the sum never
// decreases.
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
