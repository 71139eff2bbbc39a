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

// A set of statuses: a bit for each of EFI_SUCCESS and the errors. A warning
// has the number of some error, without the top bit (UEFI 2.10 appendix D): it
// is in no set.
#define EFI_STATUS_SET(status) (1u << (uint8_t)(status))

static inline bool efi_status_in(efi_status_t status, uint32_t set) {
    uint64_t code = status & ~EFI_ERROR;
    bool is_error = status & EFI_ERROR;
    return code < 32 && (set >> code & 1) && is_error == (code != 0);
}

// Logs a fault in a call to `service`, and what was done about it. From the
// fault handler, too.
void efi_report_fault(enum efi_service service, const struct gate_fault *fault,
                      const char *action);
