// Stacks of their own for traps, and for what follows a panic. Core handles a
// trap on the stack that is in use. That is not enough if that stack is the
// problem: a firmware may overflow it, or load rsp with nonsense, and then the
// processor cannot even push the frame.

#pragma once

#include "lib/status.h"

// Gives each kind of trap a stack of its own, through the TSS. NO_MEMORY. With
// interrupts off.
status_t stacks_init(void);
