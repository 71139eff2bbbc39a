// The registers of this processor that kernel and firmware rely on.

#pragma once

#include "lib/status.h"

// Sets them, whatever the last kernel left in them. UNSUPPORTED: there is no NX
// bit. Before the kernel has a page table of its own.
status_t processor_init(void);
