// The proof that the firmware keeps to the calling convention, and the sum of
// what the gate counted.

#include "kernel/proof.h"
#include "efi/gate.h"
#include "efi/guard/guard.h"
#include "kernel/stage.h"
#include "kernel/timer/timer.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "mm/space.h"

// A call that changed registers was repaired; but on good firmware none does.
// And after hundreds of calls the page table is still the kernel's.
static enum verdict check_gate(struct proof *proof) {
    const struct gate_statistics *s = &gate_statistics;
    const struct guard_statistics *g = &guard_statistics;
    bool home = read_cr3() == kernel_table.root_pa;
    return proof_detail(
        proof,
        verdict_of(home && !g->violations && !s->faults && !g->recovered),
        "%lu calls, %lu registers came back changed, %lu faults%s", s->calls,
        g->violations, s->faults, home ? "" : "; CR3 is not the kernel's");
}

ROW(proofs, 90_gate) = {"gate", check_gate, 0};

// Before any other row of this stage calls a service.
STAGE(READY, 00_gate, "gate") {
    const struct gate_statistics *s = &gate_statistics;
    const struct guard_statistics *g = &guard_statistics;
    if (!s->calls)
        return STATUS_OK;
    event("efi.gate",
          "calls=%lu violations=%lu faults=%lu interrupts=%lu recovered=%lu",
          s->calls, g->violations, s->faults, timer_in_calls, g->recovered);
    return STATUS_OK;
}
