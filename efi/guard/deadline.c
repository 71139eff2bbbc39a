// Ends a call that does not come back, wherever it is: it may have jumped into
// the kernel. The timer looks, and where the firmware has switched interrupts
// off, the watchdog's NMI does.

#include "efi/guard/deadline.h"

#include "efi/gate.h"
#include "kernel/time.h"
#include "lib/trap.h"

// Which call it is, is told by how many came back before it: so a call that
// ends in time never has to look at a clock. Its time begins with the first
// look at it. That may be a later one than ours: an NMI can come between the
// reading of a clock and this function.
bool deadline_is_over(uint64_t ran_us) {
    static uint64_t calls = UINT64_MAX, since_us;
    if (!gate_current || calls != gate_statistics.calls)
        since_us = ran_us;
    calls = gate_statistics.calls;
    return gate_current && ran_us > since_us &&
           ran_us - since_us > gate_current->limit_us;
}

static void check_deadline(struct trap_frame *frame) {
    if (deadline_is_over(time_ran()))
        gate_contain(frame);
}

ROW(traps, 80_deadline) = {VECTOR_TIMER, VECTOR_TIMER, .after = check_deadline};
ROW(traps, 80_deadline_nmi) = {VECTOR_NMI, VECTOR_NMI, .after = check_deadline};
