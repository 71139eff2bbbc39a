// The machine is switched off by the firmware, which is a proof as well: that
// ResetSystem works is seen from outside only.

#pragma once

#include "kernel/stage.h"

// By ResetSystem, if the firmware can be called; else the machine stops. A
// ResetSystem that returns is logged as a proof that failed.
void shutdown(struct kernel *kernel) __attribute__((noreturn));
