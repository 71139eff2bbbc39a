// Ends a call that does not come back, wherever it is: it may have jumped into
// the kernel. The timer looks, and where the firmware has switched interrupts
// off, the watchdog's NMI does.

#include "efi/guard/deadline.h"

#include "efi/gate.h"
#include "kernel/timer/timer.h"
#include "lib/options.h"
#include "lib/trap.h"

static uint64_t timeout_s = 120; // as in Linux

ROW(options, efi_timeout) = {
    "efi.timeout", "seconds that a firmware call may take, 120 by default",
    .number = &timeout_s, .min = 1, .max = 86400};

// In microseconds. The services that write to flash have longest: some firmware
// cleans it up meanwhile, and must not be stopped before the end of that. In
// EDK II, the counts and times are variables as well.
static uint64_t deadline_of(enum efi_service service) {
    static const uint32_t writing =
        1u << EFI_SET_VARIABLE | 1u << EFI_UPDATE_CAPSULE |
        1u << EFI_GET_NEXT_HIGH_MONOTONIC_COUNT | 1u << EFI_SET_TIME |
        1u << EFI_SET_WAKEUP_TIME | 1u << EFI_RESET_SYSTEM;
    return timeout_s * 1000000 * (writing >> service & 1 ? 5 : 1);
}

// A call is identified by the number of calls that returned before it: so a
// call that ends in time never has to look at a clock. Its time begins with the
// first look at it. That may be a later one than ours: an NMI can come between
// the reading of a clock and this function.
bool deadline_is_over(uint64_t ran_us) {
    static uint64_t calls = UINT64_MAX, since_us;
    if (!gate_current || calls != gate_statistics.calls)
        since_us = ran_us;
    calls = gate_statistics.calls;
    return gate_current && ran_us > since_us &&
           ran_us - since_us > deadline_of(gate_current->service);
}

static void check_deadline(struct trap_frame *frame) {
    if (deadline_is_over(time_ran()))
        gate_contain(frame);
}

ROW(traps, 80_deadline) = {VECTOR_TIMER, VECTOR_TIMER, .after = check_deadline};
ROW(traps, 80_deadline_nmi) = {VECTOR_NMI, VECTOR_NMI, .after = check_deadline};
