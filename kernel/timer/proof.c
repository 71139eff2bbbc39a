// The proof that firmware calls are interrupted, and survive it.

#include "kernel/proof.h"
#include "efi/gate.h"
#include "kernel/timer/timer.h"
#include "lib/trap.h"
#include "lib/x86.h"

#define WAIT_US       5000000
#define UNEVEN_ROUNDS 61

uint64_t timer_ticks_due = 1;
volatile uint64_t timer_in_calls;

static void count_tick(struct trap_frame *frame __attribute__((unused))) {
    timer_in_calls += gate_current != NULL;
}

ROW(traps, 60_count) = {VECTOR_TIMER, VECTOR_TIMER, .nested = true,
                        .after = count_tick};

// Where every round takes the same time, as under icount, ticks could stay in
// step with the loop and never come during a call: so the rounds differ.
static enum verdict check_ticks(struct proof *proof) {
    struct efi_time now;
    uint64_t deadline = time_ran() + WAIT_US;
    if (!(read_rflags() & RFLAGS_IF))
        return proof_detail(proof, SKIP, "interrupts are off");
    while (timer_in_calls < timer_ticks_due && time_ran() < deadline) {
        for (uint64_t n = gate_statistics.calls % UNEVEN_ROUNDS; n > 0; n--)
            spin_hint();
        efi_get_time(&now);
    }
    return proof_detail(proof, verdict_of(timer_in_calls >= timer_ticks_due),
                        "%lu timer interrupts came during %lu calls",
                        timer_in_calls, gate_statistics.calls);
}

ROW(proofs, 15_ticks) = {"ticks", check_ticks, PROOF_NEEDS(EFI_GET_TIME)};
