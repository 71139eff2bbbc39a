// efi.touch=on: which pages does a service read, execute and write?
//
// The CPU sets a bit in a page's entry when the page is used, and another when
// it is written (SDM vol. 3 §4.8). With pages of 4 KiB, and the bits taken away
// after each call, what is found after the next one is that call's doing: the
// kernel reaches the firmware's memory by other entries (but for efi=direct,
// where these are the same, and what the kernel read in between is seen too).

#pragma once

#include "efi/gate.h"
#include "efi/types.h"
#include "lib/status.h"

extern unsigned efi_touch_wanted; // or nothing of this is called

// Room for notes, a byte a page and service; and a pattern on the firmware's
// stack. NO_MEMORY.
status_t efi_touch_init(void);

// After a call: takes the bits away, and notes them. A page that was lent to
// nobody is an event at once.
void efi_touch_note(enum efi_service service, const struct gate_call *call);

// Tells it all, service by service, and draws it. UNSUPPORTED: nobody took
// notes.
status_t efi_touch_report(void);
