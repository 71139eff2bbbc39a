// A Linux that waits in memory of its own until this kernel panics, and then
// looks at what is left of it: kdump, as Linux does it for itself.

#pragma once

#include "boot/boot_info.h"

// Loads the kernel of the bundle that capture= names, with all it needs, where
// nothing else will be; none if it names none. REFUSED, NO_MEMORY, NOT_FOUND,
// …, as kexec_load().
status_t capture_load(const struct boot_info *boot,
                      const struct handoff *baton);

// Starts it, after a panic. Comes back if there is none, or if it was damaged.
void capture_enter(void);
