// A Linux that waits in memory of its own until this kernel panics, and then
// looks at what is left of it: kdump, as Linux does it for itself.

#pragma once

#include "boot/boot_info.h"

// Loads the kernel `image` of the bundle for that, with all it needs, where
// nothing else will be. REFUSED, NO_MEMORY, NOT_FOUND, …, as kexec_load().
status_t capture_load(const struct boot_info *boot, const char *image,
                      const struct handoff *baton);

// Starts it, after a panic. Comes back if there is none, or if it was damaged.
void capture_enter(void);
