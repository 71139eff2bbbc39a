// The end of a run, and its outcome for the program that started QEMU.

#pragma once

#include "lib/types.h"

// Written to QEMU's isa-debug-exit device, which then exits with 2 * value + 1:
// 33, 35, 37, 39. None of them is what a crash of the machine gives.
enum outcome {
    OUTCOME_PASS = 0x10,    // every proof held
    OUTCOME_FAIL = 0x11,    // one did not, or the kernel panicked
    OUTCOME_REFUSED = 0x12, // firmware there, but refused with a reason
    OUTCOME_NONE = 0x13,    // no firmware to call
};

const char *outcome_name(enum outcome outcome);

// Writes it to the debug-exit device, if there is one; then stops for good,
// with interrupts off, until the machine is switched off.
void power_off_after(enum outcome outcome) __attribute__((noreturn));
