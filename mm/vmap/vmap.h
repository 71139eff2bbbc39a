// What annexes do in the vmap beside core's stacks: device registers; and which
// of its pages are unmapped on purpose.

#pragma once

#include "lib/types.h"

// Maps device registers, uncached, for good. NULL, with a reason: no frames for
// page tables.
volatile void *space_device(pa_t pa, uint64_t bytes);

// The same on the early table (mm/early.h), 1:1. All that was read before is
// forgotten: it may be in the same 2 MiB. NULL, with a reason, if there are not
// enough tables.
volatile void *early_device(pa_t pa, uint64_t bytes);

// Is `va` in the unmapped page below a stack of space_stack()? From any
// context.
bool space_is_stack_guard(va_t va);
