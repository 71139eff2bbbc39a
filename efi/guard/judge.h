// What becomes of a call that did not go as it should: who is told, what is put
// right, and what the caller gets. Most calls never come here.

#pragma once

#include "efi/gate.h"
#include "efi/types.h"

// The status that each service gave last; a call that gives another one comes
// to efi_judge(). UINT64_MAX: none yet, or all calls shall come there.
extern efi_status_t efi_last_answer[EFI_SERVICES];

// The services that have ever come back from a call: bit n for service n.
extern uint32_t efi_came_back;

// efi.fault=: what is done when the firmware faults.
enum efi_on_fault {
    FAULT_ABORT, // the call ends, with EFI_ABORTED
    FAULT_RETRY, // it gets the page that it wanted, if that harms nobody, and
                 // goes on; else as above
    FAULT_OFF,   // the call ends, and none is made any more
};
extern unsigned efi_on_fault;

// Once, before the first call.
void efi_judge_init(void);

// Looks at a call that is over, whatever its outcome, and logs what is new.
// Returns what its caller shall have: the firmware's status where that is one
// which the service may give (UEFI 2.10 ch. 8), else EFI_DEVICE_ERROR; or
// EFI_ABORTED if it faulted. The record can be used for the next call then.
efi_status_t efi_judge(enum efi_service service, struct gate_call *call);

// Logs how often each service came back with changed registers, if any did.
void efi_judge_sum(void);
