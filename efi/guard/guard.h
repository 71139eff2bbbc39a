// The guard: what becomes of a call that did not go as it should. Registers
// that came back changed are restored and named, faults are reported and where
// that is wanted repaired, a status that the service may not give is replaced,
// and a call that does not come back is ended.

#pragma once

#include "efi/gate.h"
#include "efi/types.h"

struct guard_statistics {
    uint64_t violations; // registers that came back changed, over all calls
    uint64_t recovered;  // page faults after which the firmware went on
};

extern struct guard_statistics guard_statistics;

// The services that have ever come back from a call: bit n for service n.
extern uint32_t efi_came_back;

// Logs a fault in a call to `service`, and what was done about it. From the
// fault handler, too.
void efi_report_fault(enum efi_service service, const struct gate_fault *fault,
                      const char *action);
