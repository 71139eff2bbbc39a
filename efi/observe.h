// Observers of firmware calls: parts of the kernel that look at what a call
// did. Neither the gate nor the services know them.

#pragma once

#include "efi/gate.h"
#include "lib/status.h"
#include "lib/table.h"

// All of it is optional. Rows are asked in the order of their ids.
struct observer {
    // Once, before the first call; nothing of the firmware is mapped yet. An
    // error refuses the firmware.
    status_t (*begin)(void);

    // Code that calls the service instead of gate.asm, on the firmware's stack
    // and page table. It is entered with `rax` the record and the arguments in
    // their registers; it may return, or jump to gate_home if all registers
    // that a C function keeps are the kernel's. At most one row has it.
    void (*around)(void);

    // Where a call that is ended continues, with interrupts off and any
    // registers; from there on to gate_recover. The row with `around` has it.
    void (*recover)(void);

    // In the trap handler: the firmware faulted. True: the cause is removed,
    // and the firmware goes on as if nothing had happened. Nothing else runs
    // meanwhile, so page tables may be changed.
    bool (*fault)(struct gate_call *call, const struct gate_fault *fault);

    // The call is over, and its outcome is not GATE_KEPT or its status is not
    // the expected one. The row may change what the caller gets, `status`.
    // True: it has to be called after the next such call in any case.
    bool (*after)(struct gate_call *call);
};

TABLE(observers, struct observer);
