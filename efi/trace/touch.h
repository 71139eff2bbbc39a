// efi.touch=on: which pages does a service read, execute and write?
//
// The CPU sets a bit in a page's entry when the page is used, and another when
// it is written (SDM vol. 3 §4.8). With pages of 4 KiB, and the bits taken away
// after each call, what is found after the next one is that call's doing: the
// kernel reaches the firmware's memory by other entries (but for efi=direct,
// where these are the same, and what the kernel read in between is seen too).

#pragma once

#include "lib/status.h"

// Reports it all, service by service, and draws it. UNSUPPORTED: efi.touch= was
// off.
status_t efi_touch_report(void);
